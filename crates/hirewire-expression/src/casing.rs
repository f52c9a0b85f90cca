//! Upper, lower and title case as .NET does it: one letter for one, by culture.

use std::borrow::Cow;

use crate::pattern::separates_words;

/// Whose rules hold for `i` (`spec/expressions.md §6` ToLower).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Culture {
    /// `İ` and `ı` stay as they are.
    Invariant,
    /// Any other language: `İ` → `i`, `ı` → `I`.
    Common,
    /// Turkish and Azeri: `i` ↔ `İ`, `ı` ↔ `I`.
    Turkic,
}

/// Two-letter language codes of ISO 639-1.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv \
    cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie \
    ig ii ik io is it iu iw ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi \
    mk ml mn mo mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc \
    sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi \
    vo wa wo xh yi yo za zh zu";

impl Culture {
    /// A culture name such as `tr-TR`; `None` when it is not well formed or its language is unknown [U].
    pub(crate) fn find(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Invariant);
        }
        let mut subtags = name.split('-');
        let language = subtags.next()?.to_ascii_lowercase();
        let well_formed =
            |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
        let known = match language.len() {
            2 => LANGUAGES.split_ascii_whitespace().any(|known| known == language),
            3 => language.bytes().all(|b| b.is_ascii_alphabetic()),
            _ => false,
        };
        if !known || !subtags.all(well_formed) {
            return None;
        }
        Some(if matches!(language.as_str(), "tr" | "az") { Self::Turkic } else { Self::Common })
    }

    fn lower(self, c: char) -> char {
        match (self, c) {
            (Self::Turkic, 'I') => 'ı',
            (Self::Invariant, 'İ') => 'İ',
            (_, 'İ') => 'i',
            _ => single(c, c.to_lowercase()),
        }
    }

    fn upper(self, c: char) -> char {
        match (self, c) {
            (Self::Turkic, 'i') => 'İ',
            (Self::Invariant, 'ı') => 'ı',
            // Greek letters with iota subscript: the full mapping has two letters, the simple one has one.
            (_, '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}') => moved(c, 8),
            (_, '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}') => moved(c, 9),
            _ => single(c, c.to_uppercase()),
        }
    }

    fn title(self, c: char) -> char {
        match c {
            '\u{01C4}'..='\u{01C6}' => '\u{01C5}',
            '\u{01C7}'..='\u{01C9}' => '\u{01C8}',
            '\u{01CA}'..='\u{01CC}' => '\u{01CB}',
            '\u{01F1}'..='\u{01F3}' => '\u{01F2}',
            _ => self.upper(c),
        }
    }
}

fn moved(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// The mapping when it is one letter; letters that would become several stay.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

pub(crate) fn to_lower(text: Cow<'_, str>, culture: Culture) -> Cow<'_, str> {
    if is_lower(&text, culture) {
        return text;
    }
    if !text.is_ascii() || culture == Culture::Turkic {
        return Cow::Owned(text.chars().map(|c| culture.lower(c)).collect());
    }
    let mut text = text.into_owned();
    text.make_ascii_lowercase();
    Cow::Owned(text)
}

pub(crate) fn to_upper(text: Cow<'_, str>, culture: Culture) -> Cow<'_, str> {
    if is_upper(&text, culture) {
        return text;
    }
    if !text.is_ascii() || culture == Culture::Turkic {
        return Cow::Owned(text.chars().map(|c| culture.upper(c)).collect());
    }
    let mut text = text.into_owned();
    text.make_ascii_uppercase();
    Cow::Owned(text)
}

/// Whether [`to_lower`] leaves the text as it is.
pub(crate) fn is_lower(text: &str, culture: Culture) -> bool {
    text.chars().all(|c| if c.is_ascii() { !c.is_ascii_uppercase() } else { culture.lower(c) == c })
}

/// Whether [`to_upper`] leaves the text as it is.
pub(crate) fn is_upper(text: &str, culture: Culture) -> bool {
    text.chars().all(|c| if c.is_ascii() { !c.is_ascii_lowercase() } else { culture.upper(c) == c })
}

/// Each word with a capital, the rest in lower case. With `separators` only those characters separate words;
/// without, every character that is neither letter, mark nor digit does, and a word begins at its first letter.
pub(crate) fn title(text: &str, separators: Option<&str>) -> String {
    let culture = Culture::Invariant;
    let mut inside = false;
    text.chars()
        .map(|c| {
            let separates = match separators {
                Some(separators) => separators.contains(c),
                // [U] The apostrophe separates too, as the documented list says.
                None => separates_words(c),
            };
            if separates {
                inside = false;
                return c;
            }
            let begins = !inside && (separators.is_some() || c.is_alphabetic());
            inside |= begins;
            if begins { culture.title(c) } else { culture.lower(c) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_change_one_for_one() {
        let upper = |text: &'static str, culture| to_upper(Cow::Borrowed(text), culture).into_owned();
        let lower = |text: &'static str, culture| to_lower(Cow::Borrowed(text), culture).into_owned();
        assert_eq!(upper("straße ŉ ᾳ ﬁ", Culture::Invariant), "STRAßE ŉ ᾼ ﬁ");
        assert_eq!(upper("title ı", Culture::Turkic), "TİTLE I");
        assert_eq!(upper("ı", Culture::Invariant), "ı");
        assert_eq!(upper("ı", Culture::Common), "I");
        assert_eq!(lower("TITLE İ", Culture::Turkic), "tıtle i");
        assert_eq!(lower("İ", Culture::Invariant), "İ");
        assert_eq!(lower("İ", Culture::Common), "i");
        assert_eq!(lower("ΟΔΟΣ", Culture::Invariant), "οδοσ");
    }

    #[test]
    fn cultures() {
        let cases = [
            ("", Some(Culture::Invariant)),
            ("tr", Some(Culture::Turkic)),
            ("tr-TR", Some(Culture::Turkic)),
            ("az-Latn-AZ", Some(Culture::Turkic)),
            ("en-US", Some(Culture::Common)),
            ("fil-PH", Some(Culture::Common)),
            ("xx-YY", None),
            ("en_US", None),
            ("english", None),
            ("en-", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Culture::find(name), expected, "{name}");
        }
    }

    #[test]
    fn words_get_capitals() {
        let cases = [
            ("PABLO GONSALVES (SECOND)", None, "Pablo Gonsalves (Second)"),
            ("3rd a3b", None, "3Rd A3b"),
            ("st john's", None, "St John'S"),
            ("ǆur", None, "ǅur"),
            ("3rd", Some(" "), "3rd"),
            ("PINTO-DE'SILVA", Some(" '-"), "Pinto-De'Silva"),
            ("ANN MARIE", Some(""), "Ann marie"),
        ];
        for (text, separators, expected) in cases {
            assert_eq!(title(text, separators), expected, "{text}");
        }
    }
}
