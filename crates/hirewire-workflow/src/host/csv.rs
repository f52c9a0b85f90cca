//! The CSV converter that the published template calls (`spec/workflows.md` §11.5).

use serde_json::{Map, Value as Json, json};

use super::http::{Handler, WireAnswer, WireRequest};
use super::outside::Reply;
use crate::expression::{decode_text, percent_decode};

/// Converts CSV text to `{"rows": [{header: text}]}`: values are never trimmed, blank lines are skipped.
///
/// # Errors
/// A header that occurs twice or a row that is longer than the header, with its line.
pub fn csv_to_json(text: &str, delimiter: char) -> Result<Json, String> {
    let mut rows = records(text, delimiter).into_iter();
    let Some((_, header)) = rows.next() else { return Ok(json!({"rows": []})) };
    for (n, name) in header.iter().enumerate() {
        if header[..n].contains(name) {
            return Err(format!("the header '{name}' occurs twice"));
        }
    }
    let mut out = Vec::new();
    for (line, row) in rows {
        if row.len() > header.len() {
            return Err(format!("line {line} has {} fields, the header has {}", row.len(), header.len()));
        }
        let cells = row.into_iter().chain(std::iter::repeat(String::new()));
        out.push(Json::Object(header.iter().cloned().zip(cells.map(Json::String)).collect::<Map<_, _>>()));
    }
    Ok(json!({"rows": out}))
}

fn records(text: &str, delimiter: char) -> Vec<(usize, Vec<String>)> {
    let mut out = Vec::new();
    let (mut row, mut cell, mut quoted, mut line, mut first) = (Vec::new(), String::new(), false, 1, 1);
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    let mut end = |row: &mut Vec<String>, cell: &mut String, first: usize| {
        row.push(std::mem::take(cell));
        let whole = std::mem::take(row);
        if whole.len() > 1 || !whole[0].is_empty() {
            out.push((first, whole));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if quoted => {
                line += usize::from(c == '\n');
                cell.push(c);
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => {
                end(&mut row, &mut cell, first);
                line += 1;
                first = line;
            }
            c if c == delimiter => row.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        end(&mut row, &mut cell, first);
    }
    out
}

/// The converter as an in-process endpoint: `POST …/csvtojson?delimiter=,`.
#[derive(Debug, Default)]
pub struct CsvConverter;

impl Handler for CsvConverter {
    fn handle(&self, request: WireRequest) -> Reply<'_, WireAnswer> {
        let query = request.uri.split_once('?').map(|(_, q)| q).unwrap_or_default();
        let delimiter =
            query.split('&').find_map(|p| p.strip_prefix("delimiter=")).map(|d| percent_decode(d, false));
        let delimiter = delimiter.and_then(|d| d.chars().next()).unwrap_or(',');
        let (status, body) = match csv_to_json(&decode_text(&request.body), delimiter) {
            Ok(json) => (200, json),
            Err(message) => (500, json!({"error": {"code": "InvalidCsv", "message": message}})),
        };
        let headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Box::pin(std::future::ready(WireAnswer { status, headers, body: body.to_string().into_bytes() }))
    }
}

#[cfg(test)]
mod tests {
    use super::csv_to_json;
    use serde_json::json;

    #[test]
    fn quotes_blanks_and_faults() {
        let text = "a,b\r\n1,\"x \"\"y\"\",\nz\"\r\n\r\n 2 ,\r\n";
        assert_eq!(
            csv_to_json(text, ','),
            Ok(json!({"rows": [{"a": "1", "b": "x \"y\",\nz"}, {"a": " 2 ", "b": ""}]}))
        );
        assert!(csv_to_json("a,a\n1,2", ',').is_err());
        assert!(csv_to_json("a\n1,2", ',').is_err_and(|e| e.contains("line 2")));
    }
}
