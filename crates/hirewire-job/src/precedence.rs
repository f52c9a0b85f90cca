//! Several sources of one person: whose word counts, attribute by attribute.
//!
//! What each source last said of a person is kept apart; the record that is planned is composed from all of it. So the
//! order in which exports and uploads arrive does not matter.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use hirewire_engine::remember::merge;

/// Whose word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precedence {
    /// Sources, the most trusted first; one that is not named comes last.
    pub sources: Vec<String>,
    /// Attributes with an order of their own. A source that is not named there does not deliver the attribute.
    pub attributes: Vec<(Place, Vec<String>)>,
    /// Sources whose people get accounts; empty for all. Others only add to people whom one of these knows.
    pub people_from: Vec<String>,
}

/// Where in a SCIM user a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `title`
    Top(String),
    /// `name.familyName`, `urn:…:User:department`
    Inner(String, String),
    /// `phoneNumbers[type eq "work"]`
    Element(String, String),
}

impl Place {
    /// Reads `title`, `name.familyName`, `urn:…:User:department` or `phoneNumbers[type eq "work"]`, with or without a
    /// `.value` at the end.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_suffix(".value").unwrap_or(text);
        if let Some((name, rest)) = text.split_once('[') {
            let kind = rest.strip_suffix(']')?.trim();
            let quoted = kind.strip_prefix("type")?.trim_start().strip_prefix("eq")?.trim();
            let kind = quoted.strip_prefix('"')?.strip_suffix('"')?;
            return named(name).then(|| Self::Element(name.to_owned(), kind.to_owned()));
        }
        if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
            let (extension, name) = text.rsplit_once(':')?;
            return named(name).then(|| Self::Inner(extension.to_owned(), name.to_owned()));
        }
        match text.split_once('.') {
            Some((top, inner)) => {
                (named(top) && named(inner)).then(|| Self::Inner(top.to_owned(), inner.to_owned()))
            }
            None => named(text).then(|| Self::Top(text.to_owned())),
        }
    }

    /// Takes the value out of a record.
    fn take(&self, record: &mut Value) -> Option<Value> {
        let members = record.as_object_mut()?;
        match self {
            Self::Top(name) => members.shift_remove(&key(members, name)?),
            Self::Inner(top, inner) => {
                let top = key(members, top)?;
                let inside = members.get_mut(&top)?.as_object_mut()?;
                let taken = inside.shift_remove(&key(inside, inner)?);
                if inside.is_empty() {
                    members.shift_remove(&top);
                }
                taken
            }
            Self::Element(name, kind) => {
                let name = key(members, name)?;
                let list = members.get_mut(&name)?.as_array_mut()?;
                let (taken, kept): (Vec<Value>, Vec<Value>) =
                    std::mem::take(list).into_iter().partition(|element| is_of(element, kind));
                *list = kept;
                if list.is_empty() {
                    members.shift_remove(&name);
                }
                (!taken.is_empty()).then_some(Value::Array(taken))
            }
        }
    }

    /// Puts a value that [`Place::take`] gave into a record.
    fn put(&self, record: &mut Value, value: Value) {
        let Some(members) = record.as_object_mut() else { return };
        match self {
            Self::Top(name) => {
                let name = key(members, name).unwrap_or_else(|| name.clone());
                members.insert(name, value);
            }
            Self::Inner(top, inner) => {
                let top = key(members, top).unwrap_or_else(|| top.clone());
                let inside = members.entry(top).or_insert_with(|| Value::Object(Map::new()));
                if let Some(inside) = inside.as_object_mut() {
                    let inner = key(inside, inner).unwrap_or_else(|| inner.clone());
                    inside.insert(inner, value);
                }
            }
            Self::Element(name, _) => {
                let name = key(members, name).unwrap_or_else(|| name.clone());
                let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let (Some(list), Value::Array(elements)) = (list.as_array_mut(), value) {
                    list.extend(elements);
                }
            }
        }
    }
}

fn named(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
}

/// The member's name as the record writes it; SCIM's names have no case.
fn key(members: &Map<String, Value>, name: &str) -> Option<String> {
    if members.contains_key(name) {
        return Some(name.to_owned());
    }
    members.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()
}

fn is_of(element: &Value, kind: &str) -> bool {
    element["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

/// What each source said of a person, by the source's name.
pub(crate) type Parts = BTreeMap<String, Value>;

impl Precedence {
    /// One record of all parts.
    pub(crate) fn compose(&self, parts: &Parts) -> Value {
        let rank = |source: &str| self.sources.iter().position(|known| known == source).unwrap_or(usize::MAX);
        let mut ordered: Vec<(&String, Value)> =
            parts.iter().map(|(source, part)| (source, part.clone())).collect();
        // The least trusted is laid first, the others over it.
        ordered.sort_by_key(|(source, _)| std::cmp::Reverse(rank(source)));
        let mut owned: Vec<(usize, usize, &Place, Value)> = Vec::new();
        for (at, (place, owners)) in self.attributes.iter().enumerate() {
            for (source, part) in &mut ordered {
                let taken = place.take(part);
                let rank = owners.iter().position(|owner| owner == *source);
                if let (Some(rank), Some(value)) = (rank, taken) {
                    owned.push((at, rank, place, value));
                }
            }
        }
        owned.sort_by_key(|(at, rank, ..)| (*at, *rank));
        owned.dedup_by_key(|(at, ..)| *at);
        let mut record = Value::Object(Map::new());
        for (_, part) in ordered {
            record = merge(record, &part);
        }
        for (_, _, place, value) in owned {
            place.put(&mut record, value);
        }
        record
    }

    /// Why nobody of these parts may get an account, in words; `None` when somebody may.
    pub(crate) fn unborn(&self, parts: &Parts) -> Option<String> {
        let known = |source: &String| self.people_from.contains(source);
        if self.people_from.is_empty() || parts.keys().any(known) {
            return None;
        }
        let names: Vec<&str> = parts.keys().map(String::as_str).collect();
        Some(format!("known to {} only; people come from {}", names.join(", "), self.people_from.join(", ")))
    }

    /// Whether a person who is gone from this source is gone altogether.
    pub fn may_remove(&self, source: &str) -> bool {
        self.people_from.is_empty() || self.people_from.iter().any(|known| known == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

    fn precedence(attributes: &[(&str, &[&str])]) -> Precedence {
        let owners = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Precedence {
            sources: owners(&["hr", "phones"]),
            attributes: attributes
                .iter()
                .map(|(text, list)| (Place::parse(text).expect("a place"), owners(list)))
                .collect(),
            people_from: owners(&["hr"]),
        }
    }

    #[test]
    fn hr_owns_the_department_and_the_phone_system_the_phone() {
        let extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let hr = json!({"externalId": "1", "title": "Clerk", extension: {"department": "Sales"},
            "phoneNumbers": [{"type": "work", "value": "old"}, {"type": "home", "value": "h"}]});
        let phones = json!({"externalId": "1", "title": "none", extension: {"department": "PBX", "division": "D"},
            "phoneNumbers": [{"type": "work", "value": "new"}]});
        let parts = Parts::from([("hr".to_owned(), hr), ("phones".to_owned(), phones)]);
        let rules =
            precedence(&[(r#"phoneNumbers[type eq "work"].value"#, &["phones"]), (DEPARTMENT, &["hr"])]);
        assert_eq!(
            rules.compose(&parts),
            json!({"externalId": "1", "title": "Clerk", extension: {"department": "Sales", "division": "D"},
                "phoneNumbers": [{"type": "home", "value": "h"}, {"type": "work", "value": "new"}]})
        );
        assert_eq!(rules.unborn(&parts), None);
    }

    #[test]
    fn an_owner_without_a_value_leaves_it_to_the_next_one_named() {
        let parts = Parts::from([
            ("hr".to_owned(), json!({"nickName": "from hr", "title": "t"})),
            ("phones".to_owned(), json!({"locale": "de"})),
        ]);
        let both = precedence(&[("nickName", &["phones", "hr"])]);
        assert_eq!(both.compose(&parts)["nickName"], "from hr");
        let alone = precedence(&[("nickName", &["phones"])]);
        assert_eq!(alone.compose(&parts), json!({"locale": "de", "title": "t"}));
    }

    #[test]
    fn people_known_only_to_a_side_source_get_no_account() {
        let rules = precedence(&[]);
        let parts = Parts::from([("phones".to_owned(), json!({"externalId": "9"}))]);
        assert_eq!(rules.unborn(&parts).as_deref(), Some("known to phones only; people come from hr"));
        assert!(rules.may_remove("hr") && !rules.may_remove("phones"));
    }

    #[test]
    fn places() {
        let cases = [
            ("title", Some(Place::Top("title".into()))),
            ("name.familyName", Some(Place::Inner("name".into(), "familyName".into()))),
            (
                "phoneNumbers[type eq \"mobile\"]",
                Some(Place::Element("phoneNumbers".into(), "mobile".into())),
            ),
            ("manager.value", Some(Place::Top("manager".into()))),
            ("phoneNumbers[kind eq \"x\"]", None),
            ("", None),
            ("a b", None),
            ("[", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Place::parse(text), expected, "{text}");
        }
    }
}
