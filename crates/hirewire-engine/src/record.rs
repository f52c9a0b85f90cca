//! Reads a SCIM record's attributes once, as values of the expression language.
use std::borrow::Cow;

use hirewire_expression::{Number, Value};
use hirewire_scim::Lookup;
use hirewire_scim::path::{Container, texts_of};
use serde_json::Value as Json;

use crate::attribute::AttributeType;
use crate::compare::boolean_text;
use crate::compiled::SourceAttribute;

/// Whether the record carries an attribute (`spec/engine.md §6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// A value, which may be an empty text.
    Value,
    /// An explicit null.
    Null,
    /// Not there; the object that would hold it is.
    Absent,
    /// Not there, nor the object that would hold it.
    ContainerAbsent,
}

/// The source attributes of one record by slot.
pub(crate) fn read<'r>(attributes: &[SourceAttribute], record: &'r Json) -> (Vec<Value<'r>>, Vec<Presence>) {
    let mut values = Vec::with_capacity(attributes.len());
    let mut presence = Vec::with_capacity(attributes.len());
    // What is around several attributes, by the first of them.
    let mut around: Vec<(usize, Container<'r>)> = Vec::with_capacity(4);
    for (slot, attribute) in attributes.iter().enumerate() {
        let found = match attribute.beside {
            None => attribute.path.get(record),
            Some(first) if first == slot => {
                let container = attribute.path.container(record);
                around.push((slot, container));
                attribute.path.get_within(container, record)
            }
            Some(first) => match around.iter().find(|(at, _)| *at == first) {
                Some((_, container)) => attribute.path.get_within(*container, record),
                None => attribute.path.get(record),
            },
        };
        let (value, present) = match found {
            Lookup::Value(json) => (value(json, attribute.kind), Presence::Value),
            Lookup::Values(several) => (list(several.into_iter().flat_map(texts_of)), Presence::Value),
            Lookup::Null => (Value::Null, Presence::Null),
            Lookup::Absent => (Value::Null, Presence::Absent),
            Lookup::ContainerAbsent => (Value::Null, Presence::ContainerAbsent),
        };
        values.push(value);
        presence.push(present);
    }
    (values, presence)
}

/// A JSON value as the language sees it. A Boolean attribute sent as text (`"TRUE"`) is a Boolean.
fn value(json: &Json, kind: AttributeType) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Boolean(*flag),
        Json::String(text) => match (kind, boolean_text(text)) {
            (AttributeType::Boolean, Some(flag)) => Value::Boolean(flag),
            _ => Value::Text(Cow::Borrowed(text)),
        },
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::integer(integer),
            None => {
                let text = number.to_string();
                Number::parse(&text).map_or(Value::Text(Cow::Owned(text)), Value::Number)
            }
        },
        // A complex value stands for its `value` (RFC 7643 §2.4), such as the manager's number.
        Json::Object(members) => {
            let inner = members.get("value").or_else(|| {
                members.iter().find(|(key, _)| key.eq_ignore_ascii_case("value")).map(|(_, inner)| inner)
            });
            match inner {
                Some(inner @ (Json::String(_) | Json::Number(_) | Json::Bool(_))) => value(inner, kind),
                _ => Value::Null,
            }
        }
        Json::Array(_) => list(texts_of(json)),
    }
}

fn list<'r>(texts: impl IntoIterator<Item = Cow<'r, str>>) -> Value<'r> {
    Value::List(texts.into_iter().filter(|text| !text.is_empty()).collect())
}
