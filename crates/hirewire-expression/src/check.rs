//! What is doubtful or wrong about a valid expression in its context.

use std::borrow::Cow;
use std::ops::Range;

/// What the expression is used for. The default knows nothing and checks the expression alone.
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    /// The attributes of the source object's schema; `None` when it is not known.
    pub attributes: Option<&'c [SourceAttribute<'c>]>,
    /// The mapping's target attribute; `None` when it is not known.
    pub target: Option<TargetUse>,
}

/// One attribute of the source schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAttribute<'c> {
    /// Its name, case-sensitive.
    pub name: Cow<'c, str>,
    /// Its type.
    pub kind: AttributeKind,
    /// Whether it may have several values.
    pub multivalued: bool,
}

/// Type of an attribute (`spec/synchronization-schema.md §5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A reference to another object, such as a manager.
    Reference,
    /// Bytes.
    Binary,
    /// True or false.
    Boolean,
    /// A moment.
    DateTime,
}

/// How the mapping uses its target attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetUse {
    /// The mapping has a matching precedence.
    pub matching: bool,
    /// The mapping applies during object creation only.
    pub only_on_creation: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but probably not as meant, or not in Entra.
    Warning,
    /// Cannot work.
    Error,
}

/// One thing to say about an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of the rule, such as `unknown-attribute`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Its place in the expression's text, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, shown after `help:`.
    pub help: Option<String>,
}

pub(crate) fn check(_text: &str, _parsed: &crate::parse::Parsed, _context: &Context<'_>) -> Vec<Finding> {
    Vec::new()
}
