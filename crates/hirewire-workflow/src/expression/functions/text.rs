//! String functions (`spec/workflows.md` §5.1). Positions and lengths count UTF-16 units.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{Outcome, array_of, fail, integer_at, optional_text, text_at, wrong_only};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::value::{MAX_TEXT, Value};

/// Length in UTF-16 units.
pub(crate) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The part from unit `start` to unit `end`; half a surrogate pair becomes U+FFFD.
pub(crate) fn cut(text: &str, start: usize, end: usize) -> String {
    if text.is_ascii() {
        return text.get(start..end).unwrap_or_default().to_owned();
    }
    let part: Vec<u16> = text.encode_utf16().skip(start).take(end.saturating_sub(start)).collect();
    String::from_utf16_lossy(&part)
}

fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// UTF-16 units with case removed, one unit for one.
fn folded(text: &str) -> Vec<u16> {
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 2];
    for c in text.chars() {
        let folded = upper(c);
        let folded = if folded.len_utf16() == c.len_utf16() { folded } else { c };
        out.extend_from_slice(folded.encode_utf16(&mut buffer));
    }
    out
}

fn too_long<T>(name: &str) -> Result<T, ExpressionError> {
    fail(
        ErrorKind::TooLarge,
        format!(
            "The result of the template language function '{name}' is longer than the limit of {MAX_TEXT} characters."
        ),
    )
}

pub(super) fn concat<'a>(ev: &Evaluator<'a>, name: &'static str, mut args: Vec<Value<'a>>) -> Outcome<'a> {
    if let [Value::Text(_)] = args[..] {
        return Ok(args.remove(0));
    }
    let mut out = String::new();
    for arg in &args {
        arg.write_text(&mut out);
        if out.len() > MAX_TEXT {
            return too_long(name);
        }
    }
    ev.charge(out.len())?;
    Ok(out.into())
}

pub(super) fn substring<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    let start = integer_at(name, &args, 1)?;
    let length = units(text) as i64;
    if start < 0 || start >= length {
        return fail(
            ErrorKind::OutOfRange,
            "The template language function 'substring' parameter is out of range: 'start index' must be non-negative integer and should be less than the length of the string.",
        );
    }
    let count = if args.len() > 2 { integer_at(name, &args, 2)? } else { length - start };
    if count < 0 || start.saturating_add(count) > length {
        return fail(
            ErrorKind::OutOfRange,
            "The template language function 'substring' parameters are out of range: 'start index' and 'length' must be non-negative integers and their sum must be no larger than the length of the string.",
        );
    }
    Ok(cut(text, start as usize, (start + count) as usize).into())
}

pub(super) fn slice<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    let length = units(text) as i64;
    let place = |at: i64| if at < 0 { (length.saturating_add(at)).max(0) } else { at.min(length) };
    let start = place(integer_at(name, &args, 1)?);
    let end = if args.len() > 2 { place(integer_at(name, &args, 2)?) } else { length };
    Ok(cut(text, start as usize, end.max(start) as usize).into())
}

pub(super) fn replace<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    for (at, what) in ["string", "old string", "new string"].into_iter().enumerate() {
        if args[at].as_text().is_none() {
            let expected = if at == 0 { "a string" } else { "of type string" };
            let message = format!(
                "The template language function '{name}' expects its {} parameter '{what}' to be {expected}. The provided value is of type '{}'.",
                super::ordinal(at),
                args[at].type_name()
            );
            return fail(ErrorKind::ArgType, message);
        }
    }
    let (text, old, new) = (text_at(name, &args, 0)?, text_at(name, &args, 1)?, text_at(name, &args, 2)?);
    if old.is_empty() {
        return fail(ErrorKind::ArgValue, "String cannot be of zero length. (Parameter 'oldValue')");
    }
    if new.len() > old.len() {
        let found = text.matches(old).count();
        if text.len().saturating_add(found.saturating_mul(new.len() - old.len())) > MAX_TEXT {
            return too_long(name);
        }
    }
    ev.charge(text.len())?;
    Ok(text.replace(old, new).into())
}

pub(super) fn split<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let (text, separator) = (text_at(name, &args, 0)?, text_at(name, &args, 1)?);
    ev.charge(text.len())?;
    if separator.is_empty() {
        return Ok(array_of(vec![Json::from(text)]));
    }
    Ok(array_of(text.split(separator).map(Json::from).collect()))
}

pub(super) fn trim<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let one = args.into_iter().next();
    match one {
        Some(Value::Text(Cow::Borrowed(t))) => Ok(Value::Text(Cow::Borrowed(t.trim()))),
        Some(Value::Text(t)) => Ok(t.trim().to_owned().into()),
        _ => fail(
            ErrorKind::ArgType,
            format!("The provided parameters for template language function '{name}' are not valid."),
        ),
    }
}

pub(super) fn change_case<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(text) = args[0].as_text() else { return Err(wrong_only(name, "to be a string", &args[0])) };
    if text.is_ascii() {
        return Ok(
            if name == "toLower" { text.to_ascii_lowercase() } else { text.to_ascii_uppercase() }.into()
        );
    }
    let map = if name == "toLower" { lower } else { upper };
    Ok(text.chars().map(map).collect::<String>().into())
}

fn find(haystack: &[u16], needle: &[u16]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn rfind(haystack: &[u16], needle: &[u16]) -> Option<usize> {
    if needle.is_empty() {
        // As .NET Framework does it: the last position, not the length.
        return Some(haystack.len().saturating_sub(1));
    }
    haystack.windows(needle.len()).rposition(|w| w == needle)
}

fn search_cost(ev: &Evaluator<'_>, text: &str, needle: &str) -> Result<(), ExpressionError> {
    ev.charge(text.len().saturating_mul(1 + needle.len().min(text.len()) / 16))
}

pub(super) fn index_of<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let (text, needle) = (text_at(name, &args, 0)?, text_at(name, &args, 1)?);
    search_cost(ev, text, needle)?;
    let (text, needle) = (folded(text), folded(needle));
    let found = if name == "indexOf" { find(&text, &needle) } else { rfind(&text, &needle) };
    Ok(Value::Integer(found.map_or(-1, |at| at as i64)))
}

pub(super) fn nth_index_of<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let (text, needle) = (text_at(name, &args, 0)?, text_at(name, &args, 1)?);
    let nth = integer_at(name, &args, 2)?;
    search_cost(ev, text, needle)?;
    let (text, needle) = (folded(text), folded(needle));
    if needle.is_empty() {
        // Measured: `nthIndexOf('banana','',1)` is 0; other counts of nothing are nowhere.
        return Ok(Value::Integer(if nth == 1 { 0 } else { -1 }));
    }
    let mut hits = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| find(rest, &needle)) {
        hits.push((from + at) as i64);
        from += at + needle.len();
    }
    let index = match nth {
        0 => None,
        n if n > 0 => usize::try_from(n - 1).ok(),
        n => usize::try_from(hits.len() as i64 + n.max(-(i64::MAX / 2))).ok(),
    };
    Ok(Value::Integer(index.and_then(|i| hits.get(i).copied()).unwrap_or(-1)))
}

pub(super) fn starts_or_ends<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let (text, part) = (text_at(name, &args, 0)?, text_at(name, &args, 1)?);
    ev.charge(part.len())?;
    let (text, part) = (folded(text), folded(part));
    Ok(Value::Boolean(if name == "startsWith" { text.starts_with(&part) } else { text.ends_with(&part) }))
}

pub(super) fn guid<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let format = optional_text(name, &args, 0)?.unwrap_or("D");
    let h = format!("{:032x}", ev.scope().random());
    let d = format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]);
    Ok(Value::from(match format {
        "N" | "n" => h,
        "D" | "d" | "" => d,
        "B" | "b" => format!("{{{d}}}"),
        "P" | "p" => format!("({d})"),
        "X" | "x" => {
            let tail: Vec<String> = (16..32).step_by(2).map(|at| format!("0x{}", &h[at..at + 2])).collect();
            format!("{{0x{},0x{},0x{},{{{}}}}}", &h[..8], &h[8..12], &h[12..16], tail.join(","))
        }
        other => {
            let message = format!(
                "The template language function 'guid' expects its parameter to be one of the formats 'N', 'D', 'B', 'P', 'X'. The provided value is '{other}'."
            );
            return fail(ErrorKind::ArgValue, message);
        }
    }))
}
