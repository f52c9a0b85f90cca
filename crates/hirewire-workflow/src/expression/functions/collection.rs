//! Functions over arrays, objects and texts (`spec/workflows.md` §5.2, §5.6).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::text::{cut, units};
use super::{Outcome, array_of, fail, integer_at, text_at, wrong_only, wrong_type};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::value::{MAX_TEXT, Value, compare_numbers, same, same_name};

pub(super) fn length<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let length = match &args[0] {
        Value::Text(t) => units(t),
        v => match v.as_array() {
            Some(items) => items.len(),
            None => return Err(wrong_only(name, "to be an array or a string", v)),
        },
    };
    Ok(Value::Integer(length as i64))
}

pub(super) fn chunk<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let size = integer_at(name, &args, 1)?;
    if size < 1 {
        return fail(
            ErrorKind::ArgValue,
            "The template language function 'chunk' expects chunk size to be a positive integer. The provided value is less than 1.",
        );
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if let Some(text) = args[0].as_text() {
        let all: Vec<u16> = text.encode_utf16().collect();
        ev.charge(all.len())?;
        return Ok(array_of(all.chunks(size).map(|c| Json::String(String::from_utf16_lossy(c))).collect()));
    }
    let Some(items) = args[0].as_array() else { return Err(collection(name, &args[0])) };
    ev.charge(items.len())?;
    Ok(array_of(items.chunks(size).map(|c| Json::Array(c.to_vec())).collect()))
}

fn collection(name: &str, got: &Value<'_>) -> ExpressionError {
    let message = format!(
        "The template language function '{name}' expects its first parameter 'collection' to be an array or a string. The provided value is of type '{}'.",
        got.type_name()
    );
    ExpressionError::new(ErrorKind::ArgType, message)
}

pub(super) fn join<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(items) = args[0].as_array() else { return Err(wrong_type(name, 0, "an array", &args[0])) };
    let separator = text_at(name, &args, 1)?;
    let mut out = String::new();
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push_str(separator);
        }
        Value::from(item).write_text(&mut out);
        if out.len() > MAX_TEXT {
            return fail(
                ErrorKind::TooLarge,
                format!(
                    "The result of the template language function 'join' is longer than the limit of {MAX_TEXT} characters."
                ),
            );
        }
    }
    ev.charge(out.len())?;
    Ok(out.into())
}

pub(super) fn contains<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let [collection, wanted] = &args[..] else { return fail(ErrorKind::ArgCount, name) };
    let found = match (collection, wanted) {
        (Value::Text(text), Value::Text(part)) => text.contains(part.as_ref()),
        (Value::Tree(tree), wanted) if tree.is_array() => {
            let items = collection.as_array().map_or(&[][..], Vec::as_slice);
            ev.charge(items.len())?;
            let wanted = wanted.clone().into_json();
            items.iter().any(|item| same(item, &wanted))
        }
        (Value::Tree(_), Value::Text(key)) => {
            collection.as_object().is_some_and(|o| o.keys().any(|k| same_name(k, key)))
        }
        (Value::Text(_) | Value::Tree(_), _) => {
            let message = format!(
                "The template language function 'contains' expects parameters of matching types: a dictionary and a key (string), an array and a value (object), or a string and a substring. The provided types '{}' and '{}' are incompatible.",
                collection.type_name(),
                wanted.type_name()
            );
            return fail(ErrorKind::ArgType, message);
        }
        _ => {
            let message = format!(
                "The template language function 'contains' expects its first argument 'collection' to be a dictionary (object), an array or a string. The provided value is of type '{}'.",
                collection.type_name()
            );
            return fail(ErrorKind::ArgType, message);
        }
    };
    Ok(Value::Boolean(found))
}

pub(super) fn empty<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    Ok(Value::Boolean(match &args[0] {
        Value::Null => true,
        Value::Text(t) => t.is_empty(),
        Value::Tree(tree) => match tree.as_ref() {
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            _ => false,
        },
        other => return Err(wrong_only(name, "to be an object, an array or a string", other)),
    }))
}

pub(super) fn first_or_last<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    mut args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let first = name == "first";
    match args.remove(0) {
        Value::Text(text) => {
            let length = units(&text);
            let at = if first { 0 } else { length.saturating_sub(1) };
            Ok(cut(&text, at, (at + 1).min(length)).into())
        }
        Value::Tree(Cow::Borrowed(Json::Array(items))) => {
            let one = if first { items.first() } else { items.last() };
            Ok(one.map_or(Value::Null, Value::from))
        }
        Value::Tree(Cow::Owned(Json::Array(mut items))) => {
            let one = if first && !items.is_empty() { Some(items.swap_remove(0)) } else { items.pop() };
            Ok(one.map_or(Value::Null, Value::from))
        }
        other => Err(wrong_only(name, "be an array or a string", &other)),
    }
}

pub(super) fn skip_or_take<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    if args[0].as_text().is_none() && args[0].as_array().is_none() {
        return Err(collection(name, &args[0]));
    }
    let count = integer_at(name, &args, 1)?;
    let Ok(count) = usize::try_from(count) else {
        let message = format!(
            "The template language function '{name}' expects its second parameter 'count' to be a non-negative integer. The provided value is '{count}'."
        );
        return fail(ErrorKind::OutOfRange, message);
    };
    if let Some(text) = args[0].as_text() {
        let length = units(text);
        let at = count.min(length);
        return Ok(if name == "skip" { cut(text, at, length) } else { cut(text, 0, at) }.into());
    }
    let items = args[0].as_array().map_or(&[][..], Vec::as_slice);
    let at = count.min(items.len());
    let part = if name == "skip" { &items[at..] } else { &items[..at] };
    ev.charge(part.len())?;
    Ok(array_of(part.to_vec()))
}

fn one_type(name: &str, args: &[Value<'_>]) -> Result<bool, ExpressionError> {
    let arrays = args.iter().all(|a| a.as_array().is_some());
    if arrays || args.iter().all(|a| a.as_object().is_some()) {
        return Ok(arrays);
    }
    let mut types: Vec<&str> = Vec::new();
    for arg in args {
        if !types.contains(&arg.type_name()) {
            types.push(arg.type_name());
        }
    }
    fail(
        ErrorKind::ArgType,
        format!(
            "Template language function '{name}' expects parameters of same type, but found '{}' distinct types.",
            types.join(",")
        ),
    )
}

/// Text under which deeply equal values are found; member order is taken out.
fn identity(json: &Json) -> String {
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(identity).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let mut parts: Vec<String> =
                members.iter().map(|(k, v)| format!("{k:?}:{}", identity(v))).collect();
            parts.sort_unstable();
            format!("{{{}}}", parts.join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn elements<'v>(arg: &'v Value<'_>) -> &'v [Json] {
    arg.as_array().map_or(&[][..], Vec::as_slice)
}

pub(super) fn union<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    if one_type(name, &args)? {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for item in args.iter().flat_map(elements) {
            ev.charge(1)?;
            if seen.insert(identity(item)) {
                out.push(item.clone());
            }
        }
        return Ok(array_of(out));
    }
    let mut out = Map::new();
    for (key, value) in args.iter().filter_map(Value::as_object).flatten() {
        out.insert(key.clone(), value.clone());
    }
    Ok(Json::Object(out).into())
}

pub(super) fn intersection<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    if one_type(name, &args)? {
        let others: Vec<HashSet<String>> =
            args[1..].iter().map(|a| elements(a).iter().map(identity).collect()).collect();
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for item in elements(&args[0]) {
            ev.charge(1)?;
            let id = identity(item);
            if others.iter().all(|o| o.contains(&id)) && seen.insert(id) {
                out.push(item.clone());
            }
        }
        return Ok(array_of(out));
    }
    let mut objects = args.iter().filter_map(Value::as_object);
    let mut out = objects.next().cloned().unwrap_or_default();
    for object in objects {
        out.retain(|k, v| object.get(k).is_some_and(|w| same(v, w)));
    }
    Ok(Json::Object(out).into())
}

pub(super) fn reverse<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(items) = args[0].as_array() else { return Err(wrong_type(name, 0, "of type array", &args[0])) };
    Ok(array_of(items.iter().rev().cloned().collect()))
}

fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::String(x), Json::String(y)) => Some(x.encode_utf16().cmp(y.encode_utf16())),
        (Json::Number(_), Json::Number(_)) => compare_numbers(&Value::from(a), &Value::from(b)),
        (Json::Bool(x), Json::Bool(y)) => Some(x.cmp(y)),
        (Json::Null, Json::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

pub(super) fn sort<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let Some(items) = args[0].as_array() else { return Err(wrong_type(name, 0, "of type array", &args[0])) };
    ev.charge(items.len())?;
    let mut keyed: Vec<(&Json, &Json)> = Vec::with_capacity(items.len());
    if args.len() > 1 {
        let key = text_at(name, &args, 1)?;
        for item in items {
            let Some(value) = item.as_object().and_then(|o| crate::expression::value::member(o, key)) else {
                return fail(
                    ErrorKind::PropertyMissing,
                    format!(
                        "The template language function 'sort' cannot sort: an element has no property '{key}'."
                    ),
                );
            };
            keyed.push((value, item));
        }
    } else {
        keyed.extend(items.iter().map(|item| (item, item)));
    }
    // One pass finds every mix of types, so that sorting itself cannot fail.
    let comparable = keyed.windows(2).all(|w| order(w[0].0, w[1].0).is_some());
    if !comparable || keyed.len() == 1 && keyed[0].0.is_object() && args.len() == 1 {
        return fail(ErrorKind::ArgValue, "Failed to compare two elements in the array.");
    }
    keyed.sort_by(|a, b| order(a.0, b.0).unwrap_or(Ordering::Equal));
    Ok(array_of(keyed.into_iter().map(|(_, item)| item.clone()).collect()))
}

pub(super) fn range<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let (start, count) = (integer_at(name, &args, 0)?, integer_at(name, &args, 1)?);
    let last = start.checked_add(count).map(|e| e - 1);
    let fits = (i64::from(i32::MIN)..=i64::from(i32::MAX)).contains(&start)
        && last.is_some_and(|l| l <= i64::from(i32::MAX));
    if !(0..=100_000).contains(&count) || !fits {
        return fail(
            ErrorKind::OutOfRange,
            "The template language function 'range' expects its count to be between 0 and 100000 and its values to be 32-bit integers.",
        );
    }
    ev.charge(count as usize)?;
    Ok(array_of((start..start + count).map(Json::from).collect()))
}

pub(super) fn create_array<'a>(ev: &Evaluator<'a>, _: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    ev.charge(args.len())?;
    Ok(array_of(args.into_iter().map(Value::into_json).collect()))
}

pub(super) fn array<'a>(_: &Evaluator<'a>, _: &'static str, mut args: Vec<Value<'a>>) -> Outcome<'a> {
    let one = args.remove(0);
    Ok(if one.as_array().is_some() { one } else { array_of(vec![one.into_json()]) })
}

fn object_and_key(
    name: &str,
    args: &mut Vec<Value<'_>>,
) -> Result<(Map<String, Json>, String), ExpressionError> {
    if args[0].as_object().is_none() {
        return Err(wrong_type(name, 0, "an object", &args[0]));
    }
    let key = text_at(name, args, 1)?.to_owned();
    match args.remove(0).into_json() {
        Json::Object(members) => Ok((members, key)),
        _ => fail(ErrorKind::ArgType, name),
    }
}

fn existing(object: &Map<String, Json>, key: &str) -> Option<String> {
    if object.contains_key(key) {
        return Some(key.to_owned());
    }
    object.keys().find(|k| same_name(k, key)).cloned()
}

pub(super) fn set_property<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    mut args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let (mut object, key) = object_and_key(name, &mut args)?;
    let value = args.pop().map_or(Json::Null, Value::into_json);
    object.insert(existing(&object, &key).unwrap_or(key), value);
    Ok(Json::Object(object).into())
}

pub(super) fn add_property<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    mut args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let (mut object, key) = object_and_key(name, &mut args)?;
    if existing(&object, &key).is_some() {
        let shown = serde_json::to_string_pretty(&object).unwrap_or_default();
        return fail(
            ErrorKind::Duplicate,
            format!(
                "The template language function 'addProperty' expects the property to not exist in the object. Unable to add property '{key}' to '{shown}' as it already exists."
            ),
        );
    }
    object.insert(key, args.pop().map_or(Json::Null, Value::into_json));
    Ok(Json::Object(object).into())
}

pub(super) fn remove_property<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    mut args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let (mut object, key) = object_and_key(name, &mut args)?;
    if let Some(key) = existing(&object, &key) {
        object.shift_remove(&key);
    }
    Ok(Json::Object(object).into())
}
