//! One cell: trimmed, normalised, and what can be mended in it. spec/sources.md §5.3.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A column's or a word's name as it is compared: without case, blanks, signs and accents.
pub(crate) fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for sign in name.nfkd() {
        match sign {
            'ß' => normal.push_str("ss"),
            'ł' | 'Ł' => normal.push('l'),
            'ø' | 'Ø' => normal.push('o'),
            'đ' | 'Đ' => normal.push('d'),
            'æ' | 'Æ' => normal.push_str("ae"),
            'ı' => normal.push('i'),
            '.' | '#' | '/' | '%' | '+' => normal.push(sign),
            c if c.is_alphanumeric() => normal.extend(c.to_lowercase()),
            _ => {}
        }
    }
    normal
}

/// A path into a JSON record as it is compared: `/work/title`, `work.title` and `/work/title.value` are one.
pub(crate) fn normal_path(path: &str) -> String {
    let slashed = path.starts_with('/');
    let path = path.trim_start_matches('/').replace('/', ".");
    let path = path.strip_prefix("root.").unwrap_or(&path);
    let path = if slashed { path.strip_suffix(".value").unwrap_or(path) } else { path };
    path.split('.').map(normal_name).collect::<Vec<_>>().join(".")
}

fn is_blank(sign: char) -> bool {
    sign.is_whitespace()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || (sign.is_control() && sign != '\n')
}

/// Appends a cell without blanks around it and in NFC; the words for "nothing" become nothing.
pub(crate) fn clean_into(cell: &str, out: &mut String) {
    if !needs_cleaning(cell) {
        out.push_str(cell);
        return;
    }
    let trimmed = cell.trim_matches(is_blank);
    if is_nothing(trimmed) {
        return;
    }
    if trimmed.is_ascii() || is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
        out.push_str(trimmed);
    } else {
        out.extend(trimmed.nfc());
    }
}

/// Quick look: most cells are plain ASCII without blanks around them.
fn needs_cleaning(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    !(first.is_ascii_alphanumeric() || *first == b'+')
        || *last <= b' '
        || bytes.len() < 8
        || !cell.is_ascii()
        || cell == NO_MANAGER
}

/// What SAP SuccessFactors writes for nobody.
const NO_MANAGER: &str = "NO_MANAGER";

fn is_nothing(text: &str) -> bool {
    matches!(
        text,
        "NULL"
            | "null"
            | "(null)"
            | "#N/A"
            | "N/A"
            | "n/a"
            | "-"
            | "--"
            | "."
            | "\\N"
            | "<null>"
            | NO_MANAGER
    )
}

/// Words for "yes" on a flag column.
pub(crate) fn is_yes(word: &str) -> bool {
    matches!(
        normal_name(word).as_str(),
        "1" | "y"
            | "yes"
            | "true"
            | "x"
            | "j"
            | "ja"
            | "o"
            | "oui"
            | "s"
            | "si"
            | "sim"
            | "t"
            | "tak"
            | "p"
            | "primary"
            | "main"
    )
}

/// Whether a spreadsheet rounded the number (`4.47912E+11`).
pub(crate) fn is_scientific(text: &str) -> bool {
    let Some((digits, exponent)) = text.split_once(['E', 'e']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !digits.is_empty()
        && !exponent.is_empty()
        && exponent.bytes().all(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
}

/// An e-mail address without display name, `mailto:` and trailing dot; `None` when there is no address in it.
pub(crate) fn clean_email(text: &str) -> Option<Cow<'_, str>> {
    let mut address = text;
    if let (Some(from), Some(to)) = (address.rfind('<'), address.rfind('>')) {
        address = address.get(from + 1..to)?;
    }
    let address = address.trim();
    let address = address
        .get(..7)
        .filter(|p| p.eq_ignore_ascii_case("mailto:"))
        .map_or(address, |p| &address[p.len()..]);
    let address = address.trim_matches(['.', ';', ',', ' ', '"', '\'']);
    let (local, domain) = address.split_once('@')?;
    let fits = !local.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
        && !address.contains(char::is_whitespace);
    fits.then(|| if address == text { Cow::Borrowed(text) } else { Cow::Owned(address.to_string()) })
}

/// What a country cell means.
pub(crate) enum Country {
    /// As it is (a name, or a code of ISO 3166).
    Fine,
    /// A known slip: the right code.
    Slip(&'static str),
    /// Two letters that are no country.
    Unknown,
}

/// Looks at a country; only two-letter codes are judged.
pub(crate) fn country(text: &str) -> Country {
    if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Country::Fine;
    }
    let code = text.to_ascii_uppercase();
    match code.as_str() {
        "UK" => Country::Slip("GB"),
        "EL" => Country::Slip("GR"),
        _ if ISO_3166.as_bytes().chunks(2).any(|c| c == code.as_bytes()) => Country::Fine,
        _ => Country::Unknown,
    }
}

const ISO_3166: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

/// Letters as they look when UTF-8 was read as Windows-1252 and written again.
pub(crate) fn looks_double_encoded(text: &str) -> bool {
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if matches!(sign, 'Ã' | 'Å' | 'Ä')
            && signs.peek().is_some_and(|n| {
                ('\u{80}'..='\u{bf}').contains(n)
                    || matches!(n, '‚' | '„' | '…' | '‡' | '‰' | '€' | '™' | 'œ' | '“' | '”' | '–' | '›')
            })
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_spelling() {
        for (a, b) in [
            ("Employee_ID", "employee id"),
            ("Employee-Id\u{a0}", "EMPLOYEEID"),
            ("\u{feff}Pr\u{e9}nom", "prenom"),
            ("Straße", "STRASSE"),
            ("E-Mail", "email"),
        ] {
            assert_eq!(normal_name(a), normal_name(b));
        }
        assert_eq!(normal_path("/work/title"), "work.title");
        assert_eq!(normal_path("/work/title.value"), "work.title");
        assert_eq!(normal_path("root.id"), normal_path("/root/id"));
        assert_ne!(normal_path("work.title"), normal_path("worktitle"));
    }

    #[test]
    fn cells_are_cleaned() {
        for (cell, expected) in [
            ("  Anna\u{a0}", "Anna"),
            ("\u{200b}x\u{200f}", "x"),
            ("Ne\u{301}", "N\u{e9}"),
            ("NULL", ""),
            ("NO_MANAGER", ""),
            ("-", ""),
            ("a-b", "a-b"),
            ("Null", "Null"),
            ("a\nb", "a\nb"),
            ("=", "="),
        ] {
            let mut out = String::new();
            clean_into(cell, &mut out);
            assert_eq!(out, expected, "{cell:?}");
        }
    }

    #[test]
    fn addresses_numbers_and_countries() {
        for (text, expected) in [
            ("a.b@c.example", Some("a.b@c.example")),
            ("Anna B <a.b@c.example>", Some("a.b@c.example")),
            ("a.b@c.example.", Some("a.b@c.example")),
            ("mailto:a@b.example", Some("a@b.example")),
            ("none", None),
            ("a@b", None),
            (">@<.a", None),
        ] {
            assert_eq!(clean_email(text).as_deref(), expected, "{text}");
        }
        assert!(
            is_scientific("4.47912E+11")
                && is_scientific("4,5e9")
                && !is_scientific("E5")
                && !is_scientific("+44 7")
        );
        assert!(matches!(country("UK"), Country::Slip("GB")) && matches!(country("ZZ"), Country::Unknown));
        assert!(matches!(country("de"), Country::Fine) && matches!(country("Germany"), Country::Fine));
        assert!(looks_double_encoded("MÃ¼ller") && !looks_double_encoded("Ångström Ãvora"));
    }
}
