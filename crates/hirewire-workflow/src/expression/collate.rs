//! Culture order of texts (en-US), for `less` and `greater` (`spec/workflows.md` §4.5).
//!
//! Three levels as in the Unicode collation: letters, then accents, then case (small before capital). Signs come
//! before digits and digits before letters.

use std::cmp::Ordering;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Compares two texts.
pub(crate) fn collate(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    letters(a)
        .cmp(letters(b))
        .then_with(|| accents(a).cmp(accents(b)))
        .then_with(|| cases(a).cmp(cases(b)))
        .then_with(|| a.cmp(b))
}

fn rank(c: char) -> u8 {
    match c {
        c if c.is_whitespace() => 0,
        '_' => 1,
        '-' => 2,
        c if c.is_alphabetic() => 9,
        c if c.is_numeric() => 8,
        _ => 5,
    }
}

fn letters(text: &str) -> impl Iterator<Item = (u8, char)> {
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(expand).map(|c| (rank(c), c))
}

/// A character's small base letters: `Æ` → `a e`, `ß` → `s s`.
fn expand(c: char) -> impl Iterator<Item = char> {
    let pair = match c {
        'ß' | 'ẞ' => Some(['s', 's']),
        'æ' | 'Æ' => Some(['a', 'e']),
        'œ' | 'Œ' => Some(['o', 'e']),
        'ø' | 'Ø' => Some(['o', '\0']),
        'đ' | 'Đ' | 'ð' | 'Ð' => Some(['d', '\0']),
        'ł' | 'Ł' => Some(['l', '\0']),
        _ => None,
    };
    let single = pair.is_none().then(|| c.to_lowercase()).into_iter().flatten();
    pair.into_iter().flatten().filter(|c| *c != '\0').chain(single)
}

fn accents(text: &str) -> impl Iterator<Item = u32> {
    // A base letter is 0 and an accent its code, so that the shorter list of accents comes first.
    text.nfd().map(|c| {
        if is_combining_mark(c) || "øØđĐðÐłŁ".contains(c) {
            u32::from(c.to_ascii_lowercase())
        } else {
            0
        }
    })
}

fn cases(text: &str) -> impl Iterator<Item = bool> {
    text.chars().map(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::collate;

    #[test]
    fn culture_order() {
        let mut words = ["B", "é", "a", "f", "A", "b", "E", "10", "9", "_x", "Zoë", "zoe", "e", " "];
        words.sort_by(|a, b| collate(a, b));
        assert_eq!(words, [" ", "_x", "10", "9", "a", "A", "b", "B", "e", "E", "é", "f", "zoe", "Zoë"]);
    }
}
