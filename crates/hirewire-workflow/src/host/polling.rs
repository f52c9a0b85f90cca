//! Polling triggers: what a connector is asked for, and how far a trigger has come (`spec/workflows.md` §7.5, §11.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::outside::ConnectorCall;
use crate::expression::percent_decode;
use crate::run::Answer;

/// Where a poll begins.
#[derive(Debug, Clone, PartialEq)]
pub enum PollFrom {
    /// The trigger was just enabled: nothing that exists fires, the cursor points behind it.
    Activation,
    /// Behind a cursor that an earlier poll gave.
    After(Json),
    /// A person fires the trigger: the latest existing item, even if it is old; the cursor is not kept.
    Latest,
}

/// What a poll found.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// Outputs of the trigger (`{statusCode?, headers, body}`), one per firing, oldest first. `splitOn` is applied later.
    pub firings: Vec<Json>,
    /// The cursor behind them; it is stored after the runs are durable.
    pub cursor: Json,
    /// Whether more is waiting, so that the next poll comes at once.
    pub more: bool,
}

impl Polled {
    /// Nothing new.
    pub fn nothing(cursor: Json) -> Self {
        Self { firings: Vec::new(), cursor, more: false }
    }

    /// One firing with this body.
    pub fn one(body: Json, cursor: Json, more: bool) -> Self {
        Self { firings: vec![firing(Map::new(), Some(body))], cursor, more }
    }
}

/// Outputs of a trigger from headers and body.
pub fn firing(headers: Map<String, Json>, body: Option<Json>) -> Json {
    let mut outputs = Map::new();
    outputs.insert("statusCode".into(), json!(200));
    outputs.insert("headers".into(), Json::Object(headers));
    if let Some(body) = body {
        outputs.insert("body".into(), body);
    }
    Json::Object(outputs)
}

/// The answer of a connector that has no trigger of this path.
pub fn unknown_trigger(call: &ConnectorCall) -> Answer {
    let message = format!("the trigger {} {} is not known", call.method, call.path);
    let mut headers = Map::new();
    headers.insert("Content-Type".into(), Json::from("application/json"));
    Answer::Response { status: 404, headers, body: Some(json!({"status": 404, "message": message})) }
}

/// A connector's id of a path: base64 of the percent-encoded path with small hex digits.
pub fn file_id(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    STANDARD.encode(encoded)
}

/// The path behind an id, or the text itself where somebody wrote a plain path; segments come encoded twice.
pub fn file_path(id: &str) -> String {
    let once = percent_decode(&percent_decode(id, false), false);
    let decoded = STANDARD
        .decode(&once)
        .ok()
        .and_then(|b| String::from_utf8(b).ok())
        .filter(|t| t.starts_with("%2f") || t.starts_with("%2F") || t.starts_with('/'));
    decoded.map_or(once, |text| percent_decode(&text, false))
}

/// The content type of a file by its ending (`inferContentType`).
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => "text/csv",
        "json" => "application/json",
        "xml" => "application/xml",
        "html" | "htm" => "text/html",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        "pdf" => "application/pdf",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use super::{file_id, file_path};

    #[test]
    fn ids_are_paths() {
        assert_eq!(file_id("/container01"), "JTJmY29udGFpbmVyMDE=");
        for path in ["/hr/people day 1.csv", "/ä/+%.csv"] {
            assert_eq!(file_path(&file_id(path)), path);
            assert_eq!(file_path(&file_id(path).replace('=', "%253d")), path);
        }
        assert_eq!(file_path("uploads"), "uploads");
        assert_eq!(file_path("%252fShared%2bDocuments"), "/Shared+Documents");
    }
}
