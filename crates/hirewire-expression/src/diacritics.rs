//! `NormalizeDiacritics`: the documented table (`spec/expressions.md §9`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// Most characters of one entry.
const LONGEST: usize = 3;

/// Replaces letters with diacritics by plain ones, the longest entry first, on NFC text.
pub(crate) fn normalize(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    static ENTRIES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
        TABLE.iter().flat_map(|(plain, letters)| letters.iter().map(|letter| (*letter, *plain))).collect()
    });
    let composed: String = text.nfc().collect();
    let mut plain = String::with_capacity(composed.len());
    let mut rest = composed.as_str();
    while let Some(first) = rest.chars().next() {
        let found = (1..=LONGEST).rev().find_map(|count| {
            let end = rest.char_indices().nth(count).map_or(rest.len(), |(end, _)| end);
            ENTRIES.get(&rest[..end]).map(|plain| (*plain, end))
        });
        match found {
            Some((letters, length)) => {
                plain.push_str(letters);
                rest = &rest[length..];
            }
            None => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Cow::Owned(if plain.is_ascii() { plain } else { strip_marks(&plain) })
}

/// [U] What the table lacks loses its diacritical marks by decomposition; letters that do not decompose stay,
/// and so do the marks of other scripts (vowel signs, voiced kana).
fn strip_marks(text: &str) -> String {
    text.nfd().filter(|c| !is_diacritic(*c)).nfc().collect()
}

/// The Unicode blocks of combining diacritical marks.
fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Plain letters and the composed letters they replace.
const TABLE: &[(&str, &[&str])] = &[
    (
        "a",
        &[
            "\u{00E4}",
            "\u{00E0}",
            "\u{00E2}",
            "\u{00E3}",
            "\u{00E5}",
            "\u{00E1}",
            "\u{0105}",
            "\u{0103}",
            "\u{0101}",
            "\u{0101}\u{0301}",
            "\u{0101}\u{0300}",
            "\u{0101}\u{0302}",
            "\u{0101}\u{0303}",
            "\u{01DF}",
            "\u{0101}\u{0308}",
            "\u{01E1}",
            "\u{0061}\u{0331}",
            "\u{00E5}\u{0304}",
        ],
    ),
    (
        "A",
        &[
            "\u{00C4}",
            "\u{00C0}",
            "\u{00C2}",
            "\u{00C3}",
            "\u{00C5}",
            "\u{00C1}",
            "\u{0104}",
            "\u{0102}",
            "\u{0100}",
            "\u{0100}\u{0301}",
            "\u{0100}\u{0300}",
            "\u{0100}\u{0302}",
            "\u{0100}\u{0303}",
            "\u{01DE}",
            "\u{0100}\u{0308}",
            "\u{01E0}",
            "\u{0041}\u{0331}",
            "\u{00C5}\u{0304}",
        ],
    ),
    ("ae", &["\u{00E6}", "\u{01E3}"]),
    ("AE", &["\u{00C6}", "\u{01E2}"]),
    ("c", &["\u{00E7}", "\u{010D}", "\u{0107}", "\u{0063}\u{0304}", "\u{0063}\u{0331}"]),
    ("C", &["\u{00C7}", "\u{010C}", "\u{0106}", "\u{0043}\u{0304}", "\u{0043}\u{0331}"]),
    ("d", &["\u{010F}", "\u{0064}\u{0304}", "\u{1E0F}"]),
    ("D", &["\u{010E}", "\u{0044}\u{0304}", "\u{1E0E}"]),
    (
        "e",
        &[
            "\u{00EB}",
            "\u{00E8}",
            "\u{00E9}",
            "\u{00EA}",
            "\u{0119}",
            "\u{011B}",
            "\u{0117}",
            "\u{0113}",
            "\u{1E17}",
            "\u{1E15}",
            "\u{0113}\u{0302}",
            "\u{0113}\u{0303}",
            "\u{00EA}\u{0304}",
            "\u{0065}\u{0331}",
            "\u{00EB}\u{0304}",
            "\u{0065}\u{030A}\u{0304}",
        ],
    ),
    (
        "E",
        &[
            "\u{00CB}",
            "\u{00C8}",
            "\u{00C9}",
            "\u{00CA}",
            "\u{0118}",
            "\u{011A}",
            "\u{0116}",
            "\u{0112}",
            "\u{1E16}",
            "\u{1E14}",
            "\u{0112}\u{0302}",
            "\u{0112}\u{0303}",
            "\u{00CA}\u{0304}",
            "\u{0045}\u{0331}",
            "\u{00CB}\u{0304}",
            "\u{0045}\u{030A}\u{0304}",
        ],
    ),
    ("g", &["\u{011F}", "\u{1E21}", "\u{0067}\u{0331}"]),
    ("G", &["\u{011E}", "\u{1E20}", "\u{0047}\u{0331}"]),
    (
        "i",
        &[
            "\u{00EF}",
            "\u{00EE}",
            "\u{00EC}",
            "\u{00ED}",
            "\u{0131}",
            "\u{012B}",
            "\u{012B}\u{0301}",
            "\u{012B}\u{0300}",
            "\u{012B}\u{0302}",
            "\u{012B}\u{0303}",
            "\u{0069}\u{0331}",
        ],
    ),
    (
        "I",
        &[
            "\u{00CF}",
            "\u{00CE}",
            "\u{00CC}",
            "\u{00CD}",
            "\u{0130}",
            "\u{012A}",
            "\u{012A}\u{0301}",
            "\u{012A}\u{0300}",
            "\u{012A}\u{0302}",
            "\u{012A}\u{0303}",
            "\u{0049}\u{0331}",
        ],
    ),
    ("l", &["\u{013E}", "\u{0142}", "\u{006C}\u{0304}", "\u{1E39}", "\u{1E3B}"]),
    ("L", &["\u{0141}", "\u{013D}", "\u{004C}\u{0304}", "\u{1E38}", "\u{1E3A}"]),
    ("n", &["\u{00F1}", "\u{0144}", "\u{0148}", "\u{006E}\u{0304}", "\u{1E49}"]),
    ("N", &["\u{00D1}", "\u{0143}", "\u{0147}", "\u{004E}\u{0304}", "\u{1E48}"]),
    (
        "o",
        &[
            "\u{00F6}",
            "\u{00F2}",
            "\u{0151}",
            "\u{00F5}",
            "\u{00F4}",
            "\u{00F3}",
            "\u{014D}",
            "\u{1E53}",
            "\u{1E51}",
            "\u{014D}\u{0302}",
            "\u{014D}\u{0303}",
            "\u{022B}",
            "\u{014D}\u{0308}",
            "\u{01ED}",
            "\u{022D}",
            "\u{0231}",
            "\u{006F}\u{0331}",
        ],
    ),
    (
        "O",
        &[
            "\u{00D6}",
            "\u{00D2}",
            "\u{0150}",
            "\u{00D5}",
            "\u{00D4}",
            "\u{00D3}",
            "\u{014C}",
            "\u{1E52}",
            "\u{1E50}",
            "\u{014C}\u{0302}",
            "\u{014C}\u{0303}",
            "\u{022A}",
            "\u{014C}\u{0308}",
            "\u{01EC}",
            "\u{022C}",
            "\u{0230}",
            "\u{004F}\u{0331}",
        ],
    ),
    ("oe", &["\u{00F8}", "\u{00F8}\u{0304}", "\u{0153}\u{0304}"]),
    ("OE", &["\u{00D8}", "\u{00D8}\u{0304}", "\u{0152}\u{0304}"]),
    ("r", &["\u{0159}", "\u{0072}\u{0304}", "\u{1E5F}", "\u{1E5D}"]),
    ("R", &["\u{0158}", "\u{0052}\u{0304}", "\u{1E5E}", "\u{1E5C}"]),
    ("ss", &["\u{00DF}"]),
    ("s", &["\u{0161}", "\u{015B}", "\u{0219}", "\u{015F}", "\u{0073}\u{0304}", "\u{0073}\u{0331}"]),
    ("S", &["\u{0160}", "\u{015A}", "\u{0218}", "\u{015E}", "\u{0053}\u{0304}", "\u{0053}\u{0331}"]),
    ("t", &["\u{0165}", "\u{021B}", "\u{0074}\u{0304}", "\u{1E6F}"]),
    ("T", &["\u{0164}", "\u{021A}", "\u{0054}\u{0304}", "\u{1E6E}"]),
    (
        "u",
        &[
            "\u{00FC}",
            "\u{00F9}",
            "\u{00FB}",
            "\u{00FA}",
            "\u{016F}",
            "\u{0171}",
            "\u{016B}",
            "\u{016B}\u{0301}",
            "\u{016B}\u{0300}",
            "\u{016B}\u{0302}",
            "\u{016B}\u{0303}",
            "\u{0075}\u{0307}\u{0304}",
            "\u{01D6}",
            "\u{1E7B}",
            "\u{1E73}\u{0304}",
            "\u{0075}\u{0331}",
        ],
    ),
    (
        "U",
        &[
            "\u{00DC}",
            "\u{00D9}",
            "\u{00DB}",
            "\u{00DA}",
            "\u{016E}",
            "\u{0170}",
            "\u{016A}",
            "\u{016A}\u{0301}",
            "\u{016A}\u{0300}",
            "\u{016A}\u{0302}",
            "\u{016A}\u{0303}",
            "\u{0055}\u{0307}\u{0304}",
            "\u{01D5}",
            "\u{1E7A}",
            "\u{1E72}\u{0304}",
            "\u{0055}\u{0331}",
        ],
    ),
    (
        "y",
        &[
            "\u{00FF}",
            "\u{00FD}",
            "\u{0233}",
            "\u{0233}\u{0301}",
            "\u{0233}\u{0300}",
            "\u{0233}\u{0303}",
            "\u{0079}\u{0331}",
        ],
    ),
    (
        "Y",
        &[
            "\u{0178}",
            "\u{00DD}",
            "\u{0232}",
            "\u{0232}\u{0301}",
            "\u{0232}\u{0300}",
            "\u{0232}\u{0303}",
            "\u{0059}\u{0331}",
        ],
    ),
    ("z", &["\u{017A}", "\u{017E}", "\u{017C}", "\u{007A}\u{0304}", "\u{1E95}"]),
    ("Z", &["\u{0179}", "\u{017D}", "\u{017B}", "\u{005A}\u{0304}", "\u{1E94}"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_plain() {
        let cases = [
            ("Zoë Łukasz Straße", "Zoe Lukasz Strasse"),
            ("e\u{301}", "e"),
            ("Ā\u{301}ā\u{308}", "Aa"),
            ("ø\u{304}Æœ\u{304}", "oeAEoe"),
            ("İıŞș", "IiSs"),
            ("O'Brien-Ünal 3", "O'Brien-Unal 3"),
            ("Đorđe Nguyễn", "Đorđe Nguyen"),
            ("が हिन्दी", "が हिन्दी"),
            ("plain", "plain"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(normalize(Cow::Borrowed(text)), expected, "{text}");
        }
    }
}
