//! Conversions between types (`spec/workflows.md` §5.4).

use std::borrow::Cow;
use std::str::FromStr as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use serde_json::Value as Json;

use super::{Outcome, fail, optional_text, value_error, wrong_only};
use crate::expression::culture::{self, Culture};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::json_reader::read_json;
use crate::expression::value::{Value, decode_text, envelope, make_envelope};
use crate::expression::xml as document;

/// The content type that `xml()` gives.
pub(crate) const XML_TYPE: &str = "application/xml;charset=utf-8";

pub(super) fn string<'a>(ev: &Evaluator<'a>, _: &'static str, mut args: Vec<Value<'a>>) -> Outcome<'a> {
    let one = args.remove(0);
    if matches!(one, Value::Text(_)) {
        return Ok(one);
    }
    let text = one.to_text().into_owned();
    ev.charge(text.len())?;
    Ok(text.into())
}

/// A locale argument; unknown but well-formed names behave like the invariant culture.
pub(super) fn locale(name: &str, args: &[Value<'_>], at: usize) -> Result<&'static Culture, ExpressionError> {
    match optional_text(name, args, at)? {
        None => Ok(culture::english()),
        Some(tag) => culture::find(tag).ok_or_else(|| {
            let message = format!("The template language function '{name}' was invoked with a locale that is not valid. The provided value is '{tag}'.");
            ExpressionError::new(ErrorKind::ArgValue, message)
        }),
    }
}

pub(super) fn is_int<'a>(_: &Evaluator<'a>, _: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(text) = args[0].as_text() else {
        return fail(
            ErrorKind::ArgType,
            format!(
                "The template language function 'isInt' expects its first parameter 'string' to be a string. The provided value is of type '{}'.",
                args[0].type_name()
            ),
        );
    };
    Ok(Value::Boolean(text.trim().parse::<i32>().is_ok()))
}

pub(super) fn is_float<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(text) = args[0].as_text() else {
        return fail(
            ErrorKind::ArgType,
            format!(
                "The template language function 'isFloat' expects its first parameter 'string' to be a string. The provided value is of type '{}'.",
                args[0].type_name()
            ),
        );
    };
    Ok(Value::Boolean(read_float(text, locale(name, &args, 1)?).is_some()))
}

/// Plain digits of a lenient .NET number: sign in front or behind, group separators anywhere before the decimal point.
fn plain_digits(text: &str, culture: &Culture) -> Option<String> {
    let text = text.trim();
    let mut negative = false;
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(['+', '-']) {
        negative = rest.starts_with('-');
        rest = after.trim_start();
    } else if let Some(before) = rest.strip_suffix(['+', '-']) {
        negative = rest.ends_with('-');
        rest = before.trim_end();
    }
    let (number, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let (whole, fraction) = match number.split_once(culture.decimal) {
        Some((w, f)) => (w, f),
        None => (number, ""),
    };
    let whole: String =
        if whole.starts_with(culture.group) { return None } else { whole.replace(culture.group, "") };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(&whole) || !digits(fraction) {
        return None;
    }
    let mut out = format!(
        "{}{}.{}",
        if negative { "-" } else { "" },
        if whole.is_empty() { "0" } else { &whole },
        if fraction.is_empty() { "0" } else { fraction }
    );
    if let Some(exponent) = exponent {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if bare.is_empty() || !digits(bare) {
            return None;
        }
        out.push('e');
        out.push_str(exponent);
    }
    Some(out)
}

fn read_float(text: &str, culture: &Culture) -> Option<f64> {
    match text.trim() {
        "NaN" => Some(f64::NAN),
        "Infinity" | "∞" => Some(f64::INFINITY),
        "-Infinity" | "-∞" => Some(f64::NEG_INFINITY),
        text => plain_digits(text, culture)?.parse().ok(),
    }
}

pub(super) fn float<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let culture = locale(name, &args, 1)?;
    let value = match &args[0] {
        Value::Integer(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        Value::Decimal(d) => d.to_f64(),
        Value::Boolean(b) => Some(f64::from(*b)),
        Value::Text(t) => read_float(t, culture),
        _ => None,
    };
    value.map(Value::Float).ok_or_else(|| value_error(name))
}

pub(super) fn int<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let whole = |d: Decimal| if d.is_integer() { d.to_i64() } else { None };
    let value = match &args[0] {
        Value::Integer(i) => Some(*i),
        Value::Boolean(b) => Some(i64::from(*b)),
        Value::Float(f) => (f.fract() == 0.0 && f.abs() < 9.2e18).then_some(*f as i64),
        Value::Decimal(d) => whole(*d),
        Value::Text(t) => {
            let plain = plain_digits(t, culture::english()).ok_or_else(|| value_error(name))?;
            let exact = match plain.find('e') {
                None => Decimal::from_str(&plain).ok(),
                Some(_) => plain.parse::<f64>().ok().and_then(Decimal::from_f64),
            };
            match exact {
                Some(d) if d.is_integer() && d.to_i64().is_none() => return too_big(name),
                None => return too_big(name),
                Some(d) => whole(d),
            }
        }
        _ => None,
    };
    value.map(Value::Integer).ok_or_else(|| value_error(name))
}

fn too_big<'a>(name: &str) -> Outcome<'a> {
    Err(ExpressionError { kind: ErrorKind::Overflow, ..value_error(name) })
}

pub(super) fn decimal<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let value = match &args[0] {
        Value::Integer(i) => Some(Decimal::from(*i)),
        Value::Decimal(d) => Some(*d),
        Value::Float(f) => Decimal::from_f64(*f),
        Value::Text(t) if !t.contains(['e', 'E']) => {
            // Through the text as written, so that `5.00` keeps its zeros.
            let plain = plain_digits(t, culture::english());
            let written = t.trim().replace(',', "");
            plain.and_then(|p| Decimal::from_str(&written).or_else(|_| Decimal::from_str(&p)).ok())
        }
        _ => None,
    };
    value.map(Value::Decimal).ok_or_else(|| value_error(name))
}

pub(super) fn boolean<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let value = match &args[0] {
        Value::Boolean(b) => Some(*b),
        Value::Integer(i) => Some(*i != 0),
        Value::Float(f) => Some(*f != 0.0),
        Value::Decimal(d) => Some(!d.is_zero()),
        Value::Text(t) if t.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::Text(t) if t.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    value.map(Value::Boolean).ok_or_else(|| value_error(name))
}

pub(super) fn json<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let text = match &args[0] {
        Value::Text(t) => Cow::Borrowed(t.as_ref()),
        Value::Tree(tree) => match envelope(tree) {
            Some((kind, bytes)) if kind.contains("xml") => {
                return match document::parse(&decode_text(&bytes)) {
                    Ok(doc) => Ok(document::to_json(&doc).into()),
                    Err(reason) => fail(
                        ErrorKind::ArgValue,
                        format!(
                            "The template language function 'json' parameter is not valid. The provided value cannot be parsed: '{reason}'."
                        ),
                    ),
                };
            }
            Some((_, bytes)) => Cow::Owned(decode_text(&bytes)),
            None => return Err(wrong_only(name, "to be a string or an XML", &args[0])),
        },
        other => return Err(wrong_only(name, "to be a string or an XML", other)),
    };
    ev.charge(text.len())?;
    match read_json(&text) {
        Ok(json) => Ok(json.into()),
        Err(reason) => {
            let shown: String = text.chars().take(200).collect();
            fail(
                ErrorKind::ArgValue,
                format!(
                    "The template language function 'json' parameter is not valid. The provided value '{shown}' cannot be parsed: '{reason}'."
                ),
            )
        }
    }
}

pub(super) fn xml<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let invalid = |reason: String| {
        ExpressionError::new(
            ErrorKind::ArgValue,
            format!(
                "The template language function 'xml' parameter is not valid. The provided value cannot be converted to XML: '{reason}'."
            ),
        )
    };
    let text = match &args[0] {
        Value::Text(t) => {
            ev.charge(t.len())?;
            document::write(&document::parse(t).map_err(invalid)?)
        }
        Value::Tree(tree) => match (envelope(tree), tree.as_ref()) {
            (Some((_, bytes)), _) => {
                document::write(&document::parse(&decode_text(&bytes)).map_err(invalid)?)
            }
            (None, json @ Json::Object(_)) => document::write(&document::from_json(json).map_err(invalid)?),
            _ => return Err(wrong_only(name, "to be a string or an object", &args[0])),
        },
        other => return Err(wrong_only(name, "to be a string or an object", other)),
    };
    Ok(make_envelope(XML_TYPE, text.as_bytes()).into())
}

pub(super) fn xpath<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let content = match &args[0] {
        Value::Tree(tree) => envelope(tree).filter(|(kind, _)| kind.contains("xml")).map(|(_, bytes)| bytes),
        _ => None,
    };
    let Some(content) = content else { return Err(super::wrong_type(name, 0, "an XML", &args[0])) };
    let path = super::text_at(name, &args, 1)?;
    match document::select(&decode_text(&content), path) {
        Ok(json) => Ok(json.into()),
        Err(reason) => fail(
            ErrorKind::ArgValue,
            format!("The template language function 'xpath' parameters are not valid: '{reason}'."),
        ),
    }
}
