//! JSON values as the text that mappings and the log show.
use std::borrow::Cow;

use serde_json::Value;

/// The text of a simple value: Booleans print `True` and `False` (spec/engine.md §3.2), numbers as JSON writes
/// them. `None` for null and for objects and lists.
pub fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The texts of a multi-valued attribute: simple elements as they are, complex ones by their `value`
/// (RFC 7643 §2.4). A simple value is a list of one; null and empty elements are left out.
pub fn texts_of(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Array(elements) => elements.iter().filter_map(element_text).collect(),
        other => element_text(other).into_iter().collect(),
    }
}

fn element_text(element: &Value) -> Option<Cow<'_, str>> {
    match element {
        Value::Object(members) => super::lookup::member(members, "value").and_then(text_of),
        simple => text_of(simple),
    }
}
