//! Writing a value.
use serde_json::{Map, Value, json};

use super::lookup::holds;
use super::{AttributePath, Literal, Step};

impl AttributePath {
    /// Writes `value` into the record, making the objects, extensions and list elements around it; an element
    /// is made with what its selector asks for (`"type": "work"`). Anything else that stood in the way, such as
    /// text where an object is needed, is replaced. The manager's text goes to `manager.value`.
    pub fn set(&self, record: &mut Value, value: Value) {
        let mut members = object(record);
        if let Some(extension) = &self.extension {
            let inner = entry(members, &extension.urn);
            if self.steps.is_empty() {
                *inner = value;
                return;
            }
            members = object(inner);
        }
        let value = if self.is_manager() && !value.is_object() { json!({ "value": value }) } else { value };
        write(members, &self.steps, value);
    }
}

fn write(members: &mut Map<String, Value>, steps: &[Step], value: Value) {
    let Some((step, below)) = steps.split_first() else { return };
    let mut place = entry(members, &step.name);
    if step.is_list(below) {
        place = element(place, step);
    }
    if below.is_empty() {
        *place = value;
    } else {
        write(object(place), below, value);
    }
}

/// The list element that the selector means, made when there is none.
fn element<'v>(place: &'v mut Value, step: &Step) -> &'v mut Value {
    if !place.is_array() {
        *place = Value::Array(Vec::new());
    }
    let Value::Array(elements) = place else { unreachable!("it was made an array") };
    let index = elements.iter().position(|element| holds(element, &step.selector)).unwrap_or(elements.len());
    if index == elements.len() {
        let members = step.selector.iter().map(|condition| {
            let value = match &condition.literal {
                Literal::Text(text) => json!(text),
                Literal::Boolean(is) => json!(is),
                Literal::Number(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
            };
            (condition.attribute.to_string(), value)
        });
        elements.push(Value::Object(members.collect()));
    }
    &mut elements[index]
}

/// A member by name ignoring case, made when there is none.
fn entry<'v>(members: &'v mut Map<String, Value>, name: &str) -> &'v mut Value {
    let key = if members.contains_key(name) {
        None
    } else {
        members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
    };
    members.entry(key.unwrap_or_else(|| name.to_owned())).or_insert(Value::Null)
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(members) = value else { unreachable!("it was made an object") };
    members
}
