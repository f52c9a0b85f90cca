//! How a file is written, as far as its first bytes show: format and delimiter.

use crate::config::Format;
use crate::delimited::{Cells, Dialect};
use std::path::Path;

/// The format of a file by its name and first bytes. An old binary workbook comes out as XLSX and fails there by name.
pub(crate) fn format_of(path: &Path, head: &[u8]) -> Format {
    if head.starts_with(b"PK\x03\x04") {
        return Format::Xlsx;
    }
    let end = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if matches!(end.as_str(), "ndjson" | "jsonl") {
        return Format::Ndjson;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let wide: Vec<u8> = text.iter().copied().filter(|b| *b != 0 && *b != 0xff && *b != 0xfe).collect();
    let start = wide.trim_ascii_start();
    match start.first() {
        Some(b'[') if end == "json" || start[1..].trim_ascii_start().starts_with(b"{") => Format::Json,
        Some(b'{') => {
            let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
            let whole = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line);
            match whole {
                Ok(record)
                    if !wraps_people(&record, line.len())
                        || start[line.len()..].trim_ascii_start().starts_with(b"{") =>
                {
                    Format::Ndjson
                }
                _ => Format::Json,
            }
        }
        _ => Format::Csv,
    }
}

/// Whether an object is the wrapper of an array of people (`{"data": {"workers": [{…}]}}`) rather than a person.
fn wraps_people(record: &serde_json::Map<String, serde_json::Value>, length: usize) -> bool {
    record.values().any(is_list) || record.values().any(|value| longest_list(value, 4) * 2 > length)
}

fn is_list(value: &serde_json::Value) -> bool {
    value.as_array().is_some_and(|a| a.first().is_some_and(serde_json::Value::is_object))
}

/// Bytes of the longest array of objects within a value, some levels deep.
fn longest_list(value: &serde_json::Value, depth: usize) -> usize {
    if is_list(value) {
        return value.to_string().len();
    }
    match value.as_object() {
        Some(members) if depth > 0 => {
            members.values().map(|v| longest_list(v, depth - 1)).max().unwrap_or_default()
        }
        _ => 0,
    }
}

/// The separator named by a setting.
pub(crate) fn delimiter_named(text: &str) -> Vec<u8> {
    match text.to_ascii_lowercase().as_str() {
        "tab" | "\\t" => b"\t".to_vec(),
        "comma" => b",".to_vec(),
        "semicolon" => b";".to_vec(),
        "pipe" => b"|".to_vec(),
        "unit separator" | "\\x1f" | "\\u001f" => vec![0x1f],
        _ => text.as_bytes().to_vec(),
    }
}

/// `sep=;` in the first line.
pub(crate) fn declared_delimiter(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii_end();
    let rest = line.get(..4).filter(|p| p.eq_ignore_ascii_case(b"sep=")).map(|_| &line[4..])?;
    (rest.len() <= 3).then(|| if rest.is_empty() { b"\t".to_vec() } else { rest.to_vec() })
}

const CANDIDATES: [&str; 11] = [",", ";", "\t", "|", "^", "~", "\u{1f}", "||", "¦", "§", ":"];

/// The delimiter that cuts most lines into the same number of cells.
pub(crate) fn delimiter_of(text: &str) -> (Vec<u8>, bool) {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(200).collect();
    let mut cells = Cells::default();
    let mut scores: Vec<(f64, &str)> = Vec::new();
    for candidate in CANDIDATES {
        let dialect = Dialect { delimiter: candidate.into(), quote: Some(b'"'), backslash: false };
        let mut counts: Vec<usize> = Vec::new();
        for line in &lines {
            dialect.split(line.as_bytes(), &mut cells);
            counts.push(cells.len());
        }
        let most = counts
            .iter()
            .copied()
            .filter(|c| *c > 1)
            .max_by_key(|c| counts.iter().filter(|d| *d == c).count());
        let Some(usual) = most else { continue };
        let agree =
            counts.iter().filter(|c| **c == usual || **c == usual + 1).count() as f64 / lines.len() as f64;
        // Agreement counts first; among equals the one with more columns.
        let weight = if candidate == ":" { 0.3 } else { 1.0 };
        scores.push((weight * agree * agree * (1.0 + (usual as f64).ln()), candidate));
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    match scores.as_slice() {
        [] => (b",".to_vec(), false),
        [best] => (best.1.into(), true),
        [best, second, ..] if best.1 == "|" && second.1 == "||" && second.0 > best.0 * 0.7 => {
            (b"||".to_vec(), true)
        }
        [best, second, ..] => (best.1.into(), best.0 > second.0 * 1.3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_delimiters() {
        for (name, head, expected) in [
            ("a.csv", "id;name\n1;[x]\n", Format::Csv),
            ("a.txt", "{\"a\":1}\n{\"a\":2}\n", Format::Ndjson),
            ("a", "{\"employees\": [\n{\"a\":1}", Format::Json),
            ("a", "{\"employees\":[{\"a\":1}]}", Format::Json),
            (
                "a",
                "{\"meta\":{\"page\":1},\"data\":{\"workers\":[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"},{\"a\":3}]}}",
                Format::Json,
            ),
            (
                "a",
                "{\"id\":\"1\",\"person\":{\"name\":\"Ada Moreau\",\"mails\":[{\"a\":1}]},\"title\":\"Clerk\"}",
                Format::Ndjson,
            ),
            ("a", "[{\"a\":1}]", Format::Json),
            ("a", " [\n {", Format::Json),
            ("a.xlsx", "PK\u{3}\u{4}", Format::Xlsx),
        ] {
            assert_eq!(format_of(Path::new(name), head.as_bytes()), expected, "{head}");
        }
        for (text, expected) in [
            ("a,b,c\n1,2,3\n", ","),
            ("a;b;c\n1,5;2,7;3\n2,5;3,7;x\n", ";"),
            ("a\tb\n1\t2\n", "\t"),
            ("a|b|c\n1|2|3\n", "|"),
            ("a||b||c\n1||2||3\n", "||"),
            ("a^b^c\n1^2^3\n", "^"),
            ("a\u{1f}b\n1\u{1f}2\n", "\u{1f}"),
            ("\"a;x\",b\n\"1;2\",3\n", ","),
            ("Report of 3 March\n\nid,name,start\n1,\"x, y\",12:30\n2,z,11:15\n", ","),
        ] {
            assert_eq!(String::from_utf8(delimiter_of(text).0).unwrap(), expected, "{text:?}");
        }
        assert_eq!(declared_delimiter(b"sep=;"), Some(b";".to_vec()));
        assert_eq!(declared_delimiter(b"separate"), None);
    }
}
