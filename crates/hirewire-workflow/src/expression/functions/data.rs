//! Base64, data URIs, URI components and parts of URIs (`spec/workflows.md` §5.1, §5.4, §5.6).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{Outcome, fail, text_at, wrong_only, wrong_type};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::value::{Value, decode_text, envelope, make_envelope};

const OCTETS: &str = "application/octet-stream";

/// The bytes a value stands for: text, a content envelope's bytes, or a tree's JSON.
fn bytes_of(name: &str, value: &Value<'_>) -> Result<Vec<u8>, ExpressionError> {
    match value {
        Value::Text(t) => Ok(t.as_bytes().to_vec()),
        Value::Tree(tree) => {
            Ok(envelope(tree).map_or_else(|| tree.to_string().into_bytes(), |(_, bytes)| bytes))
        }
        other => Err(wrong_only(name, "to be a string, an array or an object", other)),
    }
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, ExpressionError> {
    STANDARD.decode(text).or_else(|_| {
        fail(ErrorKind::ArgValue, format!("The template language function '{name}' was invoked with a parameter that is not valid base64 content."))
    })
}

pub(super) fn base64<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let bytes = bytes_of(name, &args[0])?;
    ev.charge(bytes.len())?;
    Ok(STANDARD.encode(bytes).into())
}

pub(super) fn base64_to_string<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    Ok(decode_text(&decode(name, text)?).into())
}

pub(super) fn base64_to_binary<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    Ok(make_envelope(OCTETS, &decode(name, text)?).into())
}

pub(super) fn binary<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    if matches!(args[0], Value::Null) {
        return Err(wrong_only(name, "to be a string", &args[0]));
    }
    let text = args[0].to_text();
    ev.charge(text.len())?;
    Ok(make_envelope(OCTETS, text.as_bytes()).into())
}

pub(super) fn data_uri<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let kind = match &args[0] {
        Value::Tree(tree) => {
            envelope(tree).map_or("application/json;charset=utf-8", |(kind, _)| kind).to_owned()
        }
        _ => "text/plain;charset=utf-8".to_owned(),
    };
    let bytes = bytes_of(name, &args[0])?;
    ev.charge(bytes.len())?;
    Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)).into())
}

fn read_data_uri(name: &str, text: &str) -> Result<(String, Vec<u8>), ExpressionError> {
    let invalid = || {
        ExpressionError::new(
            ErrorKind::ArgValue,
            format!(
                "The template language function '{name}' was invoked with a parameter that is not a valid data URI."
            ),
        )
    };
    let scheme = text.get(..5).filter(|s| s.eq_ignore_ascii_case("data:")).ok_or_else(invalid)?;
    let (head, content) = text[scheme.len()..].split_once(',').ok_or_else(invalid)?;
    let (kind, encoded) = match head.len().checked_sub(7).and_then(|at| head.get(at..)) {
        Some(tail) if tail.eq_ignore_ascii_case(";base64") => (&head[..head.len() - 7], true),
        _ => (head, false),
    };
    let bytes = if encoded {
        decode(name, &percent_decode(content, false)).map_err(|_| invalid())?
    } else {
        percent_decode_bytes(content, false)
    };
    Ok((if kind.is_empty() { "text/plain".into() } else { kind.to_owned() }, bytes))
}

pub(super) fn data_uri_to_string<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    Ok(decode_text(&read_data_uri(name, text)?.1).into())
}

pub(super) fn data_uri_to_binary<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    let (kind, bytes) = read_data_uri(name, text)?;
    Ok(make_envelope(&kind, &bytes).into())
}

/// Percent-encodes everything but `A–Z a–z 0–9 - _ . ~`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn percent_decode_bytes(text: &str, plus: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    out
}

/// Percent-decodes; with `plus` a `+` becomes a blank.
pub(crate) fn percent_decode(text: &str, plus: bool) -> String {
    String::from_utf8_lossy(&percent_decode_bytes(text, plus)).into_owned()
}

pub(super) fn uri_component<'a>(ev: &Evaluator<'a>, _: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let mut text = String::new();
    args.iter().for_each(|arg| arg.write_text(&mut text));
    ev.charge(text.len())?;
    Ok(percent_encode(&text).into())
}

pub(super) fn uri_component_to_string<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    Ok(percent_decode(text, true).into())
}

pub(super) fn uri_component_to_binary<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    ev.charge(text.len())?;
    Ok(make_envelope(OCTETS, &percent_decode_bytes(text, true)).into())
}

pub(super) fn uri_part<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(text) = args[0].as_text() else { return Err(wrong_type(name, 0, "of type string", &args[0])) };
    let invalid = || {
        ExpressionError::new(
            ErrorKind::ArgValue,
            format!(
                "The template language function '{name}' expects its parameter to be an absolute URI. The provided value is '{text}'."
            ),
        )
    };
    let uri = reqwest::Url::parse(text.trim()).map_err(|_| invalid())?;
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    let query = uri.query().filter(|q| !q.is_empty()).map(|q| format!("?{q}")).unwrap_or_default();
    Ok(match name {
        "uriHost" => uri.host_str().unwrap_or_default().to_owned().into(),
        "uriPath" => path.to_owned().into(),
        "uriPathAndQuery" => format!("{path}{query}").into(),
        "uriPort" => Value::Integer(uri.port_or_known_default().map_or(-1, i64::from)),
        "uriQuery" => query.into(),
        _ => uri.scheme().to_owned().into(),
    })
}

/// The members of a form body: `$formdata` pairs or the named parts of `$multipart`.
pub(super) fn form_pairs(body: &Json) -> Option<Vec<(String, Json)>> {
    if let Some(pairs) = body.get("$formdata").and_then(Json::as_array) {
        let pair = |p: &Json| {
            Some((p.get("key")?.as_str()?.to_owned(), p.get("value").cloned().unwrap_or(Json::Null)))
        };
        return Some(pairs.iter().filter_map(pair).collect());
    }
    let parts = body.get("$multipart").and_then(Json::as_array)?;
    let part = |p: &Json| Some((part_name(p)?, p.get("body").cloned().unwrap_or(Json::Null)));
    Some(parts.iter().filter_map(part).collect())
}

fn part_name(part: &Json) -> Option<String> {
    let headers = part.get("headers")?.as_object()?;
    let disposition = crate::expression::value::member(headers, "Content-Disposition")?.as_str()?;
    let name = disposition.split(';').map(str::trim).find_map(|p| p.strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}
