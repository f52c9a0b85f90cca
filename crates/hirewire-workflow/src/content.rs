//! Bodies on the wire and bodies as values (`spec/workflows.md` §6).

use serde_json::{Map, Value as Json, json};

use crate::expression::{decode_text, envelope, make_envelope, member, percent_decode};

/// The value of a received body; nothing for an empty one.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> Option<Json> {
    if bytes.is_empty() {
        return None;
    }
    let full = content_type.unwrap_or_default();
    let kind = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind == "text/json" || kind.ends_with("+json") {
        if let Ok(json) = serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)) {
            return Some(json);
        }
        return Some(Json::from(decode_text(bytes)));
    }
    match kind.as_str() {
        "application/x-www-form-urlencoded" => {
            let mut value = make_envelope(full, bytes);
            if let Some(object) = value.as_object_mut() {
                object.insert("$formdata".into(), form(&decode_text(bytes)));
            }
            Some(value)
        }
        kind if kind.starts_with("multipart/") => {
            let mut value = make_envelope(full, bytes);
            if let (Some(object), Some(parts)) = (value.as_object_mut(), multipart(bytes, full)) {
                object.insert("$multipart".into(), parts);
            }
            Some(value)
        }
        // Text of any kind is one value with two faces; `$content` selects its bytes.
        "" if std::str::from_utf8(bytes).is_ok() => Some(Json::from(decode_text(bytes))),
        kind if kind.starts_with("text/") && kind != "text/xml" => Some(Json::from(decode_text(bytes))),
        _ => Some(make_envelope(if full.is_empty() { "application/octet-stream" } else { full }, bytes)),
    }
}

fn form(text: &str) -> Json {
    let pair = |p: &str| {
        let (key, value) = p.split_once('=').unwrap_or((p, ""));
        json!({"key": percent_decode(key, true), "value": percent_decode(value, true)})
    };
    text.split('&').filter(|p| !p.is_empty()).map(pair).collect()
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|w| w == needle)
}

fn multipart(bytes: &[u8], content_type: &str) -> Option<Json> {
    let boundary =
        content_type.split(';').map(str::trim).find_map(|p| p.strip_prefix("boundary="))?.trim_matches('"');
    let marker = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = &bytes[find(bytes, &marker)? + marker.len()..];
    while let Some(body) = rest.strip_prefix(b"\r\n") {
        let end = find(body, &marker)?;
        let part = body[..end].strip_suffix(b"\r\n").unwrap_or(&body[..end]);
        let split = find(part, b"\r\n\r\n")?;
        let mut headers = Map::new();
        for line in decode_text(&part[..split]).lines() {
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.trim().to_owned(), Json::from(value.trim()));
            }
        }
        let kind = member(&headers, "Content-Type").and_then(Json::as_str).unwrap_or("text/plain").to_owned();
        let content = decode(&part[split + 4..], Some(&kind)).unwrap_or_else(|| Json::from(""));
        parts.push(json!({"headers": headers, "body": content}));
        rest = &body[end + marker.len()..];
    }
    Some(Json::Array(parts))
}

/// Bytes and default content type of a body to be sent; nothing where none is sent.
pub fn encode(body: Option<&Json>) -> Option<(Vec<u8>, String)> {
    match body? {
        Json::Null => None,
        Json::String(text) => Some((text.clone().into_bytes(), "text/plain; charset=utf-8".into())),
        value => {
            if let Some(parts) = value.get("$multipart").and_then(Json::as_array) {
                return Some(encode_multipart(value, parts));
            }
            match envelope(value) {
                Some((kind, bytes)) => Some((bytes, kind.to_owned())),
                None => Some((value.to_string().into_bytes(), "application/json; charset=utf-8".into())),
            }
        }
    }
}

fn encode_multipart(value: &Json, parts: &[Json]) -> (Vec<u8>, String) {
    let kind = value.get("$content-type").and_then(Json::as_str).unwrap_or("multipart/form-data");
    let boundary = kind.split("boundary=").nth(1).unwrap_or("hirewire-boundary").trim_matches('"').to_owned();
    let kind =
        if kind.contains("boundary=") { kind.to_owned() } else { format!("{kind}; boundary={boundary}") };
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for (name, value) in part.get("headers").and_then(Json::as_object).into_iter().flatten() {
            out.extend_from_slice(format!("{name}: {}\r\n", value.as_str().unwrap_or_default()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend(encode(part.get("body")).map(|(bytes, _)| bytes).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (out, kind)
}
