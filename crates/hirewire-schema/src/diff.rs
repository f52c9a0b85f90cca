//! What is different between two schemas, in the words of mappings and attributes.
mod definition;
mod mapping;

use std::fmt;

use serde::Serialize;

use crate::model::{MappingIndex, Schema};

/// What happened to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Only the new schema has it.
    Added,
    /// Only the old schema has it.
    Removed,
    /// Both have it, with another value.
    Changed,
}

/// One difference. Prints as `changed the mapping to jobTitle: expression from [title] to [userType]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What happened.
    pub kind: ChangeKind,
    /// To what, such as `the mapping to jobTitle` or `attribute API.User.title`.
    pub subject: String,
    /// JSON path in the new schema, for a removed part in the old one.
    pub path: String,
    /// Which property changed, such as `expression` or `flowType`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<&'static str>,
    /// The old value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = "nothing";
        match self.kind {
            ChangeKind::Added => write!(f, "added {}", self.subject)?,
            ChangeKind::Removed => write!(f, "removed {}", self.subject)?,
            ChangeKind::Changed => {
                let property = self.property.unwrap_or("value");
                let from = self.from.as_deref().unwrap_or(nothing);
                let to = self.to.as_deref().unwrap_or(nothing);
                return write!(f, "changed {}: {property} from {from} to {to}", self.subject);
            }
        }
        match self.from.as_ref().or(self.to.as_ref()) {
            Some(value) => write!(f, ": {value}"),
            None => Ok(()),
        }
    }
}

/// All differences between two schemas: rules and mappings first, then directories. The version text, which
/// changes with every save, and the order of rows, which means nothing, are not compared. Rules are matched by id
/// or name, object mappings by name or objects, everything else by name.
pub fn diff(old: &Schema, new: &Schema) -> Vec<Difference> {
    let mut differences = Differences::default();
    differences.rules(&old.rules, &new.rules);
    differences.directories(&old.directories, &new.directories);
    differences.0
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn added(&mut self, subject: String, path: impl Into<String>, what: Option<String>) {
        let path = path.into();
        self.0.push(Difference {
            kind: ChangeKind::Added,
            subject,
            path,
            property: None,
            from: None,
            to: what,
        });
    }

    fn removed(&mut self, subject: String, path: impl Into<String>, what: Option<String>) {
        let path = path.into();
        self.0.push(Difference {
            kind: ChangeKind::Removed,
            subject,
            path,
            property: None,
            from: what,
            to: None,
        });
    }

    /// Notes a property whose values differ.
    fn property(
        &mut self,
        subject: &str,
        path: &crate::json::Path,
        property: &'static str,
        from: Option<String>,
        to: Option<String>,
    ) {
        if from == to {
            return;
        }
        let path = path.member(property).into();
        let subject = subject.to_owned();
        self.0.push(Difference {
            kind: ChangeKind::Changed,
            subject,
            path,
            property: Some(property),
            from,
            to,
        });
    }
}

/// The parts of two lists with the same key: every new index with its old one, then the old ones that are left.
/// Parts with equal keys pair up in order.
fn pair<T>(old: &[T], new: &[T], key: impl Fn(&T) -> String) -> (Vec<(usize, Option<usize>)>, Vec<usize>) {
    let mut by_key: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    for (index, part) in old.iter().enumerate().rev() {
        by_key.entry(key(part)).or_default().push(index);
    }
    let pairs: Vec<_> = new
        .iter()
        .enumerate()
        .map(|(index, part)| (index, by_key.get_mut(&key(part)).and_then(Vec::pop)))
        .collect();
    let mut left: Vec<usize> = by_key.into_values().flatten().collect();
    left.sort_unstable();
    (pairs, left)
}

/// A value and where its mapping stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    at: MappingIndex,
    /// Names the object mapping where there is more than one; else empty.
    within: &'p str,
}
