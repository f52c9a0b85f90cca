//! Operators of scoping filters.
use serde::Serialize;

use crate::model::AttributeType;

/// An operator of a filter clause (spec/engine.md §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Same text, case-sensitive.
    Equals,
    /// Has a value and it differs.
    NotEquals,
    /// Boolean true.
    IsTrue,
    /// Boolean false.
    IsFalse,
    /// No value.
    IsNull,
    /// A value.
    IsNotNull,
    /// .NET pattern found.
    RegexMatch,
    /// Has a value and the pattern is not found.
    NotRegexMatch,
    /// Integer comparison.
    GreaterThan,
    /// Integer comparison.
    GreaterThanOrEquals,
    /// The value contains the operand.
    Includes,
    /// The value ends with the operand.
    EndsWith,
    /// `&`: the operand contains the value. Documented by one unclear sentence only `[U]`.
    And,
    /// `!&`: has a value and the operand does not contain it `[U]`.
    NotAnd,
}

impl Operator {
    /// All of them: the eight that Graph lists, in its order, then those that only the portal offers.
    pub const ALL: [Self; 14] = [
        Self::Equals,
        Self::IsFalse,
        Self::IsNotNull,
        Self::IsNull,
        Self::IsTrue,
        Self::NotEquals,
        Self::NotRegexMatch,
        Self::RegexMatch,
        Self::GreaterThan,
        Self::GreaterThanOrEquals,
        Self::Includes,
        Self::EndsWith,
        Self::And,
        Self::NotAnd,
    ];

    /// Reads an operator's name in any of the spellings that the portal and Graph use, ignoring case.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase().replace('_', " ");
        if name == "CONTAINS" {
            return Some(Self::Includes);
        }
        Self::ALL.into_iter().find(|operator| operator.name().to_ascii_uppercase().replace('_', " ") == name)
    }

    /// The name as Graph or the portal prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::NotEquals => "NOT EQUALS",
            Self::IsTrue => "IS TRUE",
            Self::IsFalse => "IS FALSE",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
            Self::RegexMatch => "REGEX MATCH",
            Self::NotRegexMatch => "NOT REGEX MATCH",
            Self::GreaterThan => "Greater_Than",
            Self::GreaterThanOrEquals => "Greater_Than_OR_EQUALS",
            Self::Includes => "Includes",
            Self::EndsWith => "ENDS_WITH",
            Self::And => "&",
            Self::NotAnd => "!&",
        }
    }

    /// Whether the clause has no operand.
    pub fn is_unary(self) -> bool {
        matches!(self, Self::IsTrue | Self::IsFalse | Self::IsNull | Self::IsNotNull)
    }

    /// Whether both sides are non-negative integers.
    pub fn compares_integers(self) -> bool {
        matches!(self, Self::GreaterThan | Self::GreaterThanOrEquals)
    }

    /// Whether the operand is a regular expression.
    pub fn is_pattern(self) -> bool {
        matches!(self, Self::RegexMatch | Self::NotRegexMatch)
    }

    /// The attribute types that the operator is documented for.
    pub fn types(self) -> &'static [AttributeType] {
        use AttributeType::{Binary, Boolean, Integer, String};
        match self {
            Self::IsTrue | Self::IsFalse => &[Boolean],
            Self::IsNull | Self::IsNotNull => &[Integer, String, Binary, Boolean],
            Self::Includes | Self::EndsWith | Self::And | Self::NotAnd => &[String],
            Self::Equals
            | Self::NotEquals
            | Self::RegexMatch
            | Self::NotRegexMatch
            | Self::GreaterThan
            | Self::GreaterThanOrEquals => &[Integer, String],
        }
    }
}

/// One entry of Graph's `filterOperators` answer (spec/synchronization-schema.md §7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorSchema {
    /// `Unary` or `Binary`.
    pub arity: &'static str,
    /// Same as the name.
    pub id: &'static str,
    /// `All`: with several operand values all must hold.
    pub multivalued_comparison_type: &'static str,
    /// The name.
    pub name: &'static str,
    /// Attribute types it works on.
    pub supported_attribute_types: Vec<&'static str>,
}

/// Graph's `filterOperators` answer: the eight documented operators, then the portal's further ones.
pub fn filter_operators() -> Vec<OperatorSchema> {
    Operator::ALL
        .into_iter()
        .map(|operator| OperatorSchema {
            arity: if operator.is_unary() { "Unary" } else { "Binary" },
            id: operator.name(),
            multivalued_comparison_type: "All",
            name: operator.name(),
            supported_attribute_types: operator.types().iter().map(|kind| kind.name()).collect(),
        })
        .collect()
}
