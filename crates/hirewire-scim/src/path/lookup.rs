//! Reading a value, and why there is none.
use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{AttributePath, Condition, Extension, Literal, Step, text_of, texts_of};
use crate::urn;

/// What a record holds at a path. The differences between the kinds of "nothing" decide whether a value is
/// cleared (spec/engine.md §6).
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup<'r> {
    /// A value that is not null; empty text and empty lists are values here.
    Value(&'r Value),
    /// The values of a sub-attribute over all elements, for a path without selector such as `emails.value`.
    Values(Vec<&'r Value>),
    /// An explicit `null`.
    Null,
    /// Not there, although the object or element around it is. The record itself is around top-level attributes.
    Absent,
    /// The complex attribute, extension or list element that would hold it is not there either.
    ContainerAbsent,
}

impl<'r> Lookup<'r> {
    /// The value, when there is exactly one.
    pub fn value(&self) -> Option<&'r Value> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The texts of all values.
    pub fn texts(&self) -> Vec<Cow<'r, str>> {
        match self {
            Self::Value(value) => texts_of(value),
            Self::Values(values) => values.iter().flat_map(|value| texts_of(value)).collect(),
            Self::Null | Self::Absent | Self::ContainerAbsent => Vec::new(),
        }
    }
}

impl AttributePath {
    /// Reads the value. The first element whose selector holds is taken; texts in selectors compare ignoring
    /// case (spec/engine.md §6).
    pub fn get<'r>(&self, record: &'r Value) -> Lookup<'r> {
        let Value::Object(members) = record else { return Lookup::ContainerAbsent };
        match &self.extension {
            None => follow(members, &self.steps),
            Some(extension) => self.get_in_extension(extension, members),
        }
    }

    /// Reads a single value as text, see [`text_of`].
    pub fn get_text<'r>(&self, record: &'r Value) -> Option<Cow<'r, str>> {
        match self.get(record) {
            Lookup::Value(Value::Array(elements)) => {
                elements.iter().find_map(|element| texts_of(element).into_iter().next())
            }
            Lookup::Value(value) => text_of(value),
            Lookup::Values(values) => values.first().and_then(|value| text_of(value)),
            Lookup::Null | Lookup::Absent | Lookup::ContainerAbsent => None,
        }
    }

    fn get_in_extension<'r>(&self, extension: &Extension, members: &'r Map<String, Value>) -> Lookup<'r> {
        let Some((value, attribute)) = self.record_extension(members) else {
            // Some senders write the whole name as one flat member.
            return member(members, &self.text).map_or(Lookup::ContainerAbsent, found);
        };
        if attribute.is_empty() {
            return found(value);
        }
        let Value::Object(inner) = value else { return Lookup::ContainerAbsent };
        self.get_below(extension, inner, attribute)
    }

    /// The attribute within its extension's object.
    fn get_below<'r>(
        &self,
        extension: &Extension,
        inner: &'r Map<String, Value>,
        attribute: &str,
    ) -> Lookup<'r> {
        if self.is_manager() {
            return manager(inner);
        }
        if let Some(value) = member(inner, attribute) {
            return found(value);
        }
        // The record may split the name elsewhere than we did: then read on below its own extension.
        let split_alike = self.text.len() - attribute.len() == extension.urn.len() + 1;
        let below = (!split_alike).then(|| Self::of_attribute(attribute));
        match below.as_ref().map_or(self.steps.as_slice(), |below| below.steps.as_slice()) {
            [only] if only.name.contains(':') => follow_colons(inner, &only.name),
            steps => follow(inner, steps),
        }
    }

    /// The record's extension with the longest URN that begins this path, and what of the path is left.
    fn record_extension<'r>(&self, members: &'r Map<String, Value>) -> Option<(&'r Value, &str)> {
        let mut best: Option<(&Value, &str)> = None;
        for (name, value) in members {
            if !urn::is_urn(name) {
                continue;
            }
            let rest = match urn::strip(&self.text, name) {
                Some(rest) => rest,
                None if self.text.eq_ignore_ascii_case(name) => "",
                None => continue,
            };
            if best.is_none_or(|(_, shortest)| rest.len() <= shortest.len()) {
                best = Some((value, rest));
            }
        }
        best
    }
}

/// The list element or extension of a record that several attributes share: found once, read often.
#[derive(Debug, Clone, Copy)]
pub struct Container<'r>(Around<'r>);

#[derive(Debug, Clone, Copy)]
enum Around<'r> {
    /// The selected list element; `None` when there is none.
    Element(Option<&'r Map<String, Value>>),
    /// The extension, spelt as the path does and the only one that begins like it.
    Extension(&'r Map<String, Value>),
    /// Nothing that could be shared: every attribute is read from the record.
    Record,
}

impl AttributePath {
    /// Whether both attributes stand in the same selected list element or the same extension, so that the
    /// [`container`](Self::container) of one serves the other.
    pub fn shares_container(&self, other: &Self) -> bool {
        match (&self.extension, &other.extension) {
            (Some(own), Some(other)) => own.urn.eq_ignore_ascii_case(&other.urn),
            (None, None) => match (self.steps.as_slice(), other.steps.as_slice()) {
                ([own, _, ..], [theirs, _, ..]) => !own.selector.is_empty() && own == theirs,
                _ => false,
            },
            _ => false,
        }
    }

    /// What is around the attribute in this record.
    pub fn container<'r>(&self, record: &'r Value) -> Container<'r> {
        let Value::Object(members) = record else { return Container(Around::Record) };
        let around = match (&self.extension, self.steps.as_slice()) {
            (Some(extension), _) => only_extension(members, &extension.urn),
            (None, [step, _, ..]) if !step.selector.is_empty() => {
                let element = member(members, &step.name).and_then(|value| first(value, &step.selector));
                Around::Element(element.and_then(Value::as_object))
            }
            _ => Around::Record,
        };
        Container(around)
    }

    /// As [`get`](Self::get), with the container of this record at hand.
    pub fn get_within<'r>(&self, container: Container<'r>, record: &'r Value) -> Lookup<'r> {
        match (container.0, &self.extension) {
            (Around::Element(None), None) => Lookup::ContainerAbsent,
            (Around::Element(Some(inner)), None) => follow(inner, self.steps.get(1..).unwrap_or_default()),
            (Around::Extension(inner), Some(extension)) => match urn::strip(&self.text, &extension.urn) {
                Some(attribute) if !attribute.is_empty() => self.get_below(extension, inner, attribute),
                _ => self.get(record),
            },
            _ => self.get(record),
        }
    }
}

fn only_extension<'r>(members: &'r Map<String, Value>, urn: &str) -> Around<'r> {
    let alike = |name: &str| name.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
    let mut found = members.iter().filter(|(name, _)| alike(name));
    match (found.next(), found.next()) {
        (Some((name, Value::Object(inner))), None) if name.len() == urn.len() => Around::Extension(inner),
        _ => Around::Record,
    }
}

/// `manager` as reference: `manager.value`, or bare text.
fn manager(extension: &Map<String, Value>) -> Lookup<'_> {
    match member(extension, "manager") {
        None => Lookup::Absent,
        Some(Value::Object(inner)) => member(inner, "value").map_or(Lookup::Absent, found),
        Some(bare) => found(bare),
    }
}

/// `Project:Code` below an extension: one object per colon.
fn follow_colons<'r>(members: &'r Map<String, Value>, name: &str) -> Lookup<'r> {
    let mut members = members;
    let mut rest = name;
    while let Some((head, tail)) = rest.split_once(':') {
        let Some(Value::Object(inner)) = member(members, head) else { return Lookup::ContainerAbsent };
        members = inner;
        rest = tail;
    }
    member(members, rest).map_or(Lookup::Absent, found)
}

fn follow<'r>(members: &'r Map<String, Value>, steps: &[Step]) -> Lookup<'r> {
    let Some((step, below)) = steps.split_first() else { return Lookup::Absent };
    let Some(value) = member(members, &step.name) else {
        // A customer's attribute name may itself contain dots.
        return if below.is_empty() && step.selector.is_empty() {
            Lookup::Absent
        } else {
            dotted(members, steps).map_or(Lookup::ContainerAbsent, found)
        };
    };
    if !step.selector.is_empty() {
        return selected(value, step, below);
    }
    match (below, value) {
        ([], value) => found(value),
        (_, Value::Object(inner)) => follow(inner, below),
        (_, Value::Array(elements)) => every(elements, below),
        // `manager.value` is null when the manager is null (spec/inbound-api.md §4.5).
        ([last], Value::Null) if last.is_plainly("value") => Lookup::Null,
        // `manager.value` of a manager that is sent as bare text.
        ([last], Value::String(_)) if last.is_plainly("value") => Lookup::Value(value),
        _ => Lookup::ContainerAbsent,
    }
}

/// The first element that the selector means. A single object instead of a list counts as a list of one
/// (PowerShell 5.1 flattens lists of one element).
fn selected<'r>(value: &'r Value, step: &Step, below: &[Step]) -> Lookup<'r> {
    let Some(element) = first(value, &step.selector) else { return Lookup::ContainerAbsent };
    match (below, element) {
        ([], element) => found(element),
        (_, Value::Object(inner)) => follow(inner, below),
        _ => Lookup::ContainerAbsent,
    }
}

fn first<'r>(value: &'r Value, selector: &[Condition]) -> Option<&'r Value> {
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        Value::Object(_) => std::slice::from_ref(value),
        _ => return None,
    };
    elements.iter().find(|element| holds(element, selector))
}

fn every<'r>(elements: &'r [Value], below: &[Step]) -> Lookup<'r> {
    let mut values = Vec::new();
    for element in elements {
        let Value::Object(inner) = element else { continue };
        match follow(inner, below) {
            Lookup::Value(value) => values.push(value),
            Lookup::Values(more) => values.extend(more),
            Lookup::Null | Lookup::Absent | Lookup::ContainerAbsent => {}
        }
    }
    if values.is_empty() { Lookup::ContainerAbsent } else { Lookup::Values(values) }
}

/// A member whose name is the rest of the path as written, dots included.
fn dotted<'r>(members: &'r Map<String, Value>, steps: &[Step]) -> Option<&'r Value> {
    if steps.iter().any(|step| !step.selector.is_empty()) {
        return None;
    }
    let names: Vec<&str> = steps.iter().map(|step| &*step.name).collect();
    member(members, &names.join("."))
}

pub(super) fn holds(element: &Value, conditions: &[Condition]) -> bool {
    let Value::Object(members) = element else { return false };
    conditions.iter().all(|condition| {
        member(members, &condition.attribute).is_some_and(|value| equals(value, &condition.literal))
    })
}

/// Texts ignore case (RFC 7643 §2.4: `type` is not case-exact); `primary eq "True"` of Entra's SCIM schemas
/// means the Boolean.
fn equals(value: &Value, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::String(text), Literal::Text(wanted)) if text.is_ascii() && wanted.is_ascii() => {
            text.eq_ignore_ascii_case(wanted)
        }
        (Value::String(text), Literal::Text(wanted)) => text.to_lowercase() == wanted.to_lowercase(),
        (Value::Bool(is), Literal::Boolean(wanted)) => is == wanted,
        (Value::Bool(is), Literal::Text(wanted)) => {
            wanted.eq_ignore_ascii_case(if *is { "true" } else { "false" })
        }
        (Value::String(text), Literal::Boolean(wanted)) => {
            text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" })
        }
        (Value::Number(number), Literal::Number(wanted) | Literal::Text(wanted)) => {
            number.as_f64().is_some_and(|number| wanted.parse() == Ok(number))
        }
        (Value::String(text), Literal::Number(wanted)) => **text == **wanted,
        _ => false,
    }
}

/// A member by name: as written first, then ignoring case (RFC 7643 §2.1).
pub(super) fn member<'r>(members: &'r Map<String, Value>, name: &str) -> Option<&'r Value> {
    members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn found(value: &Value) -> Lookup<'_> {
    if value.is_null() { Lookup::Null } else { Lookup::Value(value) }
}
