//! Attribute paths: how schema documents and column maps name a value of a SCIM record.
//!
//! ```
//! use hirewire_scim::{AttributePath, Lookup};
//! use serde_json::json;
//!
//! let record = json!({ "emails": [{ "type": "work", "value": "ada@example.com" }] });
//! let path = AttributePath::parse(r#"emails[type eq "work"].value"#)?;
//! assert_eq!(path.get_text(&record).as_deref(), Some("ada@example.com"));
//! assert!(matches!(AttributePath::parse("name.givenName")?.get(&record), Lookup::ContainerAbsent));
//! # Ok::<(), hirewire_scim::PathError>(())
//! ```
mod assign;
mod lookup;
mod parse;
mod text;

use std::fmt;

pub use lookup::{Container, Lookup};
pub use text::{text_of, texts_of};

/// A parsed attribute path, such as `userName`, `name.givenName`, `emails[type eq "work"].value` or
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`
/// (spec/engine.md §6, spec/synchronization-schema.md §5, RFC 7644 §3.5.2).
///
/// Attribute names and URNs compare ignoring case, selector texts too; a path prints as it was written.
#[derive(Debug, Clone)]
pub struct AttributePath {
    text: Box<str>,
    extension: Option<Extension>,
    steps: Vec<Step>,
}

/// The extension part of a path.
#[derive(Debug, Clone)]
struct Extension {
    urn: Box<str>,
    is_enterprise: bool,
}

/// The multi-valued complex attributes of the core user.
const MULTI_VALUED: [&str; 9] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "groups",
    "entitlements",
    "roles",
    "x509Certificates",
];

/// One level of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: Box<str>,
    /// Which elements of a multi-valued attribute are meant; empty for all.
    pub(crate) selector: Vec<Condition>,
}

/// `type eq "work"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) attribute: Box<str>,
    pub(crate) literal: Literal,
}

/// The right side of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(Box<str>),
    Boolean(bool),
    /// A number as written.
    Number(Box<str>),
}

/// Why a text is no attribute path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is nothing.
    #[error("an attribute path is empty")]
    Empty,
    /// Longer than any name of a schema document.
    #[error("an attribute path has {length} bytes; {limit} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A part between two dots is missing.
    #[error("attribute path `{path}`: a name is expected at character {}", position + 1)]
    NameExpected {
        /// The path.
        path: String,
        /// Characters before the place.
        position: usize,
    },
    /// The filter in brackets is not understood.
    #[error("attribute path `{path}`: {reason} at character {}", position + 1)]
    Selector {
        /// The path.
        path: String,
        /// Characters before the place.
        position: usize,
        /// What was expected.
        reason: &'static str,
    },
}

impl PathError {
    /// What to do next.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("name a SCIM attribute, such as `userName` or `name.givenName`"),
            Self::TooLong { .. } => None,
            Self::NameExpected { .. } => Some("write it like `name.givenName`"),
            Self::Selector { .. } => Some(r#"write it like `emails[type eq "work"].value`"#),
        }
    }
}

impl AttributePath {
    /// Parses a path. A URN of an extension needs no schema: which part of it is the extension's name is
    /// decided by the record on reading, and by the last colon (or a known URN) on writing.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::parse(text)
    }

    /// The path for an attribute name of a schema document: any text is legal there
    /// (spec/synchronization-schema.md §5), so what cannot be parsed is the name of one plain member.
    pub fn of_attribute(name: &str) -> Self {
        Self::parse(name).unwrap_or_else(|_| {
            let (extension, member) = parse::split_extension(name);
            let steps = vec![Step { name: member.into(), selector: Vec::new() }];
            Self { text: name.into(), extension, steps }
        })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The extension's URN, when the path begins with one; the member it is written into.
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_ref().map(|extension| &*extension.urn)
    }

    /// Name of the record's top-level attribute that holds the value; the extension's URN for an extension.
    pub fn top_level(&self) -> &str {
        self.extension().unwrap_or_else(|| self.steps.first().map_or("", |step| &step.name))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether the path is the enterprise extension's `manager`, whose value is the manager's `externalId`
    /// (spec/inbound-api.md §4.5). Reading it gives `manager.value`, or `manager` when it is bare text.
    pub fn is_manager(&self) -> bool {
        let enterprise = self.extension.as_ref().is_some_and(|extension| extension.is_enterprise);
        enterprise && matches!(&*self.steps, [only] if only.is_plainly("manager"))
    }
}

impl Step {
    /// Whether the value is a list of objects: there is a selector, or the attribute is known to be one
    /// (RFC 7643 §4.1.2) and the path goes on below it.
    pub(crate) fn is_list(&self, below: &[Self]) -> bool {
        let known = || MULTI_VALUED.iter().any(|name| self.name.eq_ignore_ascii_case(name));
        !self.selector.is_empty() || (!below.is_empty() && known())
    }

    fn is_plainly(&self, name: &str) -> bool {
        self.selector.is_empty() && self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for AttributePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

/// Paths are equal when they mean the same place: names ignoring case.
impl PartialEq for AttributePath {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for AttributePath {}
