//! Whether a resource passes.
use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, Filter};
use crate::path::{AttributePath, Lookup};

pub(super) fn matches(filter: &Filter, resource: &Value) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches(part, resource)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, resource)),
        Filter::Not(inner) => !matches(inner, resource),
        Filter::Present(path) => values(path, resource).iter().any(|value| is_present(value)),
        Filter::Compare { path, comparison, value } => compare(path, *comparison, value, resource),
        Filter::Element { path, filter } => {
            elements(path, resource).iter().any(|element| matches(filter, element))
        }
    }
}

fn compare(path: &AttributePath, comparison: Comparison, wanted: &Value, resource: &Value) -> bool {
    let found = values(path, resource);
    let exact = is_case_exact(path);
    let equal = || match wanted {
        Value::Null => !found.iter().any(|value| is_present(value)),
        wanted => found.iter().any(|value| order(value, wanted, exact) == Some(Ordering::Equal)),
    };
    match comparison {
        Comparison::Equal => equal(),
        // What has no value is not identical to one.
        Comparison::NotEqual => !equal(),
        _ => found.iter().any(|value| fits(value, comparison, wanted, exact)),
    }
}

fn fits(value: &Value, comparison: Comparison, wanted: &Value, exact: bool) -> bool {
    let by_order = |accepts: fn(Ordering) -> bool| order(value, wanted, exact).is_some_and(accepts);
    match comparison {
        Comparison::Greater => by_order(Ordering::is_gt),
        Comparison::GreaterOrEqual => by_order(Ordering::is_ge),
        Comparison::Less => by_order(Ordering::is_lt),
        Comparison::LessOrEqual => by_order(Ordering::is_le),
        Comparison::Equal => by_order(Ordering::is_eq),
        Comparison::NotEqual => by_order(Ordering::is_ne),
        Comparison::Contains | Comparison::StartsWith | Comparison::EndsWith => {
            let (Value::String(text), Value::String(part)) = (value, wanted) else { return false };
            let (text, part) = (folded(text, exact), folded(part, exact));
            match comparison {
                Comparison::Contains => text.contains(&part),
                Comparison::StartsWith => text.starts_with(&part),
                _ => text.ends_with(&part),
            }
        }
    }
}

/// How two simple values stand; `None` when they cannot be compared. Moments compare as their texts do, which is
/// right for those in UTC with the same number of digits.
fn order(value: &Value, wanted: &Value, exact: bool) -> Option<Ordering> {
    match (value, wanted) {
        (Value::String(a), Value::String(b)) => Some(folded(a, exact).cmp(&folded(b, exact))),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        // Clients write Booleans as texts, and the other way round.
        (Value::Bool(a), Value::String(b)) => Some(a.to_string().cmp(&b.to_ascii_lowercase())),
        (Value::String(a), Value::Bool(b)) => Some(a.to_ascii_lowercase().cmp(&b.to_string())),
        _ => None,
    }
}

fn folded(text: &str, exact: bool) -> String {
    if exact { text.to_owned() } else { text.to_lowercase() }
}

fn is_case_exact(path: &AttributePath) -> bool {
    ["id", "externalId"].iter().any(|name| path.as_str().eq_ignore_ascii_case(name))
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The simple values at a path: of lists every element, of complex elements their `value`.
fn values<'r>(path: &AttributePath, resource: &'r Value) -> Vec<&'r Value> {
    let mut found = Vec::new();
    match path.get(resource) {
        Lookup::Value(value) => flatten(value, &mut found),
        Lookup::Values(values) => values.into_iter().for_each(|value| flatten(value, &mut found)),
        Lookup::Null | Lookup::Absent | Lookup::ContainerAbsent => {}
    }
    found
}

fn flatten<'r>(value: &'r Value, found: &mut Vec<&'r Value>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| flatten_element(element, found)),
        other => flatten_element(other, found),
    }
}

fn flatten_element<'r>(value: &'r Value, found: &mut Vec<&'r Value>) {
    let inner = value.as_object().and_then(|members| members.get("value"));
    found.push(inner.unwrap_or(value));
}

fn elements<'r>(path: &AttributePath, resource: &'r Value) -> &'r [Value] {
    match path.get(resource) {
        Lookup::Value(Value::Array(elements)) => elements,
        Lookup::Value(single) => std::slice::from_ref(single),
        _ => &[],
    }
}
