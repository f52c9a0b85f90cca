//! A parsed expression: evaluate, explain, print.

use std::fmt;
use std::sync::Arc;

use crate::check::{Context, Finding};
use crate::environment::{Environment, Source};
use crate::error::{EvalError, ParseError};
use crate::node::Kind;
use crate::parse::{self, ParseOptions};
use crate::trace::Trace;
use crate::tree::SourceTree;
use crate::value::Outcome;

/// A valid expression. Immutable, cheap to clone, shared between threads.
///
/// ```
/// use hirewire_expression::{DateTime, Environment, Expression, SeededRandom, Value};
///
/// let expression = Expression::parse(r#"Join(".", [name.givenName], [name.familyName])"#)?;
/// assert_eq!(expression.attributes().collect::<Vec<_>>(), ["name.givenName", "name.familyName"]);
///
/// let person = |name: &str| match name {
///     "name.givenName" => Value::from("Ada"),
///     "name.familyName" => Value::from("Smith"),
///     _ => Value::Null,
/// };
/// let random = SeededRandom::new(1);
/// let now = DateTime::from_unix_seconds(1_753_833_600).ok_or("no date")?;
/// let outcome = expression.evaluate(&person, &Environment::new(now, &random))?;
/// assert_eq!(outcome.value(), Some(&Value::from("Ada.Smith")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    text: Box<str>,
    parsed: parse::Parsed,
}

impl Expression {
    /// Parses and validates a text (`spec/expressions.md §1`, §4).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, ParseOptions::default())
    }

    /// Parses with other limits.
    pub fn parse_with(text: &str, options: ParseOptions) -> Result<Self, ParseError> {
        let parsed = parse::parse(text, options)?;
        Ok(Self(Arc::new(Inner { text: text.into(), parsed })))
    }

    /// The expression of a schema document's `source` tree: its `expression` when present, else built from type,
    /// name and parameters (`spec/synchronization-schema.md §6.4`).
    pub fn from_tree(tree: &SourceTree) -> Result<Self, ParseError> {
        Self::parse(&crate::tree::text_of(tree)?)
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The distinct attribute names in order of appearance. The index is the *slot* that
    /// [`Source::value`] gets.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.parsed.attributes.iter().map(AsRef::as_ref)
    }

    /// Evaluates for one source object.
    #[inline]
    pub fn evaluate<'a, S: Source>(
        &'a self,
        source: &'a S,
        environment: &Environment<'a>,
    ) -> Result<Outcome<'a>, EvalError> {
        crate::evaluate::evaluate(&self.0.parsed, source, environment)
    }

    /// Evaluates and keeps every intermediate value.
    pub fn trace(&self, source: &dyn Source, environment: &Environment<'_>) -> Trace {
        crate::evaluate::trace(&self.0.text, &self.0.parsed, source, environment)
    }

    /// What is doubtful or wrong about the expression in its context, in the order of the text.
    pub fn check(&self, context: &Context<'_>) -> Vec<Finding> {
        crate::check::check(&self.0.text, &self.0.parsed, context)
    }

    /// Whether the result may change although no attribute does: `Now()` takes part.
    pub fn is_time_dependent(&self) -> bool {
        self.0.parsed.uses(crate::function::Function::Now)
    }

    /// Whether the result holds something random: `Guid` or `RandomString` takes part.
    pub fn is_random(&self) -> bool {
        use crate::function::Function::{Guid, RandomString};
        self.0.parsed.uses(Guid) || self.0.parsed.uses(RandomString)
    }

    /// Whether the outermost function is `SelectUniqueValue`.
    pub fn selects_unique_value(&self) -> bool {
        self.0.parsed.uses(crate::function::Function::SelectUniqueValue)
    }

    /// The name, when the expression is nothing but one attribute reference.
    pub fn as_attribute(&self) -> Option<&str> {
        self.0.parsed.sole_attribute()
    }

    /// The text, when the expression is nothing but one text constant.
    pub fn as_constant(&self) -> Option<&str> {
        match &self.0.parsed.root.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The tree for a schema document's `source`. The root carries the text as written, the nodes below their
    /// canonical text.
    pub fn to_tree(&self) -> SourceTree {
        crate::tree::tree_of(&self.0.text, &self.0.parsed)
    }
}

/// The canonical text: arguments joined by `", "`, omitted ones printed as nothing, numbers as constants
/// (`spec/expressions.md §1.8`).
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::tree::canonical(&self.0.parsed))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text()).finish()
    }
}

/// Two expressions are equal when their canonical texts are.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for Expression {}

impl std::str::FromStr for Expression {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
