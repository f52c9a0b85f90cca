//! SCIM filters (RFC 7644 §3.4.2.2): parse and evaluate.
//!
//! ```
//! use hirewire_scim::Filter;
//! use serde_json::json;
//!
//! let filter = Filter::parse(r#"active eq true and emails[type eq "work" and value ew "@example.com"]"#)?;
//! let user = json!({ "active": true, "emails": [{ "type": "work", "value": "ada@example.com" }] });
//! assert!(filter.matches(&user));
//! # Ok::<(), hirewire_scim::filter::FilterError>(())
//! ```
mod evaluate;
mod parse;

use crate::path::AttributePath;

/// Longest filter in bytes.
pub const MAXIMUM_LENGTH: usize = 20_000;

/// Levels of brackets.
pub const MAXIMUM_DEPTH: usize = 32;

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// `userName pr`: there is a value.
    Present(AttributePath),
    /// `userName eq "ada"`; on several values one has to fit.
    Compare {
        /// The attribute.
        path: AttributePath,
        /// The operator.
        comparison: Comparison,
        /// The right side: text, number, truth value or null.
        value: serde_json::Value,
    },
    /// `emails[type eq "work"]`: one element fits.
    Element {
        /// The multi-valued attribute.
        path: AttributePath,
        /// About the element.
        filter: Box<Filter>,
    },
}

/// How two values are compared. Texts ignore case, except those of `id` and `externalId` (RFC 7643 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// Why a text is no filter (`scimType` `invalidFilter`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else is expected.
    #[error("{expected} is expected at character {}", position + 1)]
    Expected {
        /// What.
        expected: &'static str,
        /// Characters before the place.
        position: usize,
    },
    /// The attribute is no path.
    #[error(transparent)]
    Path(#[from] crate::path::PathError),
    /// Too long or too deep.
    #[error("the filter is longer than {MAXIMUM_LENGTH} bytes or nests deeper than {MAXIMUM_DEPTH}")]
    TooLarge,
}

impl Filter {
    /// Parses a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }

    /// Whether a resource passes.
    pub fn matches(&self, resource: &serde_json::Value) -> bool {
        evaluate::matches(self, resource)
    }
}
