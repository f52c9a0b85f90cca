//! Sets of characters: what one position of a pattern may be.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// A set ready for matching: a table for ASCII, sorted ranges above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    /// What each byte of a text says about the character it belongs to.
    bytes: [u8; 256],
    above: Above,
}

/// A member begins with this byte, or may.
const BEGINS: u8 = 1;
/// The byte belongs to a member for certain.
const BELONGS: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Above {
    None,
    All,
    Ranges(Box<[(char, char)]>),
}

impl Set {
    pub(super) fn new(class: &ClassUnicode) -> Self {
        let mut bytes = [0; 256];
        let mut ranges = Vec::new();
        for range in class.ranges() {
            for c in range.start()..=range.end().min('\x7F') {
                bytes[c as usize] = BEGINS | BELONGS;
            }
            if range.end() > '\x7F' {
                ranges.push((range.start().max('\u{80}'), range.end()));
            }
        }
        let above = match ranges.as_slice() {
            [] => Above::None,
            [('\u{80}', char::MAX)] => Above::All,
            _ => Above::Ranges(ranges.into_boxed_slice()),
        };
        if above == Above::All {
            bytes[0x80..].fill(BELONGS);
        }
        if above != Above::None {
            // Leading bytes of characters beyond ASCII.
            bytes[0xC0..].iter_mut().for_each(|byte| *byte |= BEGINS);
        }
        Self { bytes, above }
    }

    pub(super) fn contains(&self, c: char) -> bool {
        if c.is_ascii() {
            return self.contains_ascii(c as u8);
        }
        match &self.above {
            Above::None => false,
            Above::All => true,
            Above::Ranges(ranges) => {
                let after = ranges.partition_point(|(start, _)| *start <= c);
                after > 0 && c <= ranges[after - 1].1
            }
        }
    }

    fn contains_ascii(&self, byte: u8) -> bool {
        self.bytes[usize::from(byte & 0x7F)] != 0
    }

    /// The length in bytes of the character at `at`, when it is in the set.
    pub(super) fn match_at(&self, text: &str, at: usize) -> Option<usize> {
        let byte = *text.as_bytes().get(at)?;
        if byte.is_ascii() {
            return self.contains_ascii(byte).then_some(1);
        }
        let c = text[at..].chars().next()?;
        self.contains(c).then(|| c.len_utf8())
    }

    /// The length in bytes of the character before `at`, when it is in the set.
    pub(super) fn match_before(&self, text: &str, at: usize) -> Option<usize> {
        let byte = *text.as_bytes().get(at.checked_sub(1)?)?;
        if byte.is_ascii() {
            return self.contains_ascii(byte).then_some(1);
        }
        let c = text[..at].chars().next_back()?;
        self.contains(c).then(|| c.len_utf8())
    }

    /// The end of the run of members that begins at `from`.
    #[inline]
    pub(super) fn run(&self, text: &str, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = &text.as_bytes()[at..];
            at += rest
                .iter()
                .position(|byte| self.bytes[usize::from(*byte)] & BELONGS == 0)
                .unwrap_or(rest.len());
            // Beyond ASCII the byte alone may not tell.
            match text.as_bytes().get(at) {
                Some(byte) if !byte.is_ascii() => match self.match_at(text, at) {
                    Some(length) => at += length,
                    None => return at,
                },
                _ => return at,
            }
        }
    }

    /// The start of the run of members that ends at `to`.
    pub(super) fn run_before(&self, text: &str, to: usize) -> usize {
        let mut at = to;
        while let Some(length) = self.match_before(text, at) {
            at -= length;
        }
        at
    }

    /// The first position at or after `from` whose character is a member.
    #[inline]
    pub(super) fn find(&self, text: &str, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = &text.as_bytes()[at..];
            at += rest.iter().position(|byte| self.bytes[usize::from(*byte)] & BEGINS != 0)?;
            if text.as_bytes()[at].is_ascii() || self.match_at(text, at).is_some() {
                return Some(at);
            }
            at += 1;
        }
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        if self.bytes[..0x80].iter().zip(&other.bytes[..0x80]).any(|(a, b)| a & b != 0) {
            return false;
        }
        match (&self.above, &other.above) {
            (Above::None, _) | (_, Above::None) => true,
            (Above::All, _) | (_, Above::All) => false,
            (Above::Ranges(a), Above::Ranges(b)) => {
                a.iter().all(|(start, end)| b.iter().all(|(from, to)| end < from || to < start))
            }
        }
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut class = self.class();
        class.union(&other.class());
        Self::new(&class)
    }

    fn class(&self) -> ClassUnicode {
        let ascii = ('\0'..='\x7F').filter(|c| self.contains(*c)).map(|c| ClassUnicodeRange::new(c, c));
        let above: &[(char, char)] = match &self.above {
            Above::None => &[],
            Above::All => &[('\u{80}', char::MAX)],
            Above::Ranges(ranges) => ranges,
        };
        ClassUnicode::new(ascii.chain(above.iter().map(|(start, end)| ClassUnicodeRange::new(*start, *end))))
    }
}

/// One character, or both cases of it.
pub(super) fn single(c: char, ignore_case: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    if ignore_case {
        fold(&mut class);
    }
    class
}

pub(super) fn range(start: char, end: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(start, end)])
}

/// Adds the other case of every member.
pub(super) fn fold(class: &mut ClassUnicode) {
    // The Unicode case tables are compiled in, so this cannot fail; without them the class stays as it is.
    let _ = class.try_case_fold_simple();
}

/// `\d`: decimal digits of all scripts.
pub(super) fn digits() -> ClassUnicode {
    known(r"\p{Nd}")
}

/// `\w`: letters, non-spacing marks, decimal digits, connectors.
pub(super) fn word() -> ClassUnicode {
    known(r"[\p{L}\p{Mn}\p{Nd}\p{Pc}]")
}

/// `\s`: separators and the white controls.
pub(super) fn space() -> ClassUnicode {
    known(r"[\f\n\r\t\v\x{85}\p{Z}]")
}

/// `.`: everything but the line feed, or everything.
pub(super) fn any(with_line_feed: bool) -> ClassUnicode {
    if with_line_feed { range('\0', char::MAX) } else { known(r"[^\n]") }
}

/// A general category such as `Lu` or `L`; `None` when .NET knows none of that name.
pub(super) fn category(name: &str) -> Option<ClassUnicode> {
    const NAMES: [&str; 37] = [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd",
        "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf",
        "Cs", "Co", "Cn",
    ];
    if !NAMES.contains(&name) {
        return None;
    }
    // Surrogates are no characters of a Rust text.
    Some(if name == "Cs" { ClassUnicode::empty() } else { known(&format!(r"\p{{{name}}}")) })
}

/// Whether the character separates words for `PCase`: neither letter, mark, number nor unassigned (§6 PCase).
pub(crate) fn separates_words(c: char) -> bool {
    static SEPARATORS: LazyLock<Set> = LazyLock::new(|| Set::new(&known(r"[\p{Z}\p{Cc}\p{Cf}\p{P}\p{S}]")));
    SEPARATORS.contains(c)
}

/// Whether `\b` takes the character for part of a word: `\w` and the two joiners.
pub(super) fn is_word_character(c: char) -> bool {
    static WORD: LazyLock<Set> = LazyLock::new(|| Set::new(&word()));
    WORD.contains(c) || matches!(c, '\u{200C}' | '\u{200D}')
}

/// A class written for the Unicode tables; built once per process.
fn known(class: &str) -> ClassUnicode {
    static KNOWN: LazyLock<Mutex<HashMap<String, ClassUnicode>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(class) {
        return found.clone();
    }
    let built = match regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        _ => ClassUnicode::empty(),
    };
    known.insert(class.to_owned(), built.clone());
    built
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_on_character_boundaries() {
        let letters = Set::new(&word());
        assert_eq!(letters.run("Zoë! x", 0), 4);
        assert_eq!(letters.run_before("! Zoë", 6), 2);
        assert_eq!(Set::new(&any(false)).run("äöü\nx", 0), 6);
        assert_eq!(letters.find("--é", 0), Some(2));
        assert_eq!(letters.find("---", 0), None);
    }

    #[test]
    fn all_named_classes_exist() {
        for class in [digits(), word(), space(), any(false), any(true)] {
            assert!(!class.ranges().is_empty());
        }
        assert!(category("Lu").is_some_and(|c| !c.ranges().is_empty()));
        assert!(category("Latin").is_none());
        assert!(category("C").is_some_and(|c| !c.ranges().is_empty()));
    }

    #[test]
    fn words_are_separated_by_everything_but_letters_marks_and_digits() {
        for c in [' ', '-', '_', '\'', '(', '&', '\t', '\u{A0}', '€', '\u{AD}', '’'] {
            assert!(separates_words(c), "{c:?}");
        }
        for c in ['a', 'É', '3', '\u{301}', '²', '漢'] {
            assert!(!separates_words(c), "{c:?}");
        }
    }
}
