//! The mapping expression language: parse, check, evaluate, explain.
//!
//! ```text
//! text ─▶ parse + validate ─▶ Expression ─▶ evaluate ─▶ Outcome (a value, or "leave it alone")
//!                                 │  ▲
//!                                 ▼  │
//!                         schema JSON source tree
//! ```
//!
//! The language is that of Entra application provisioning (`spec/expressions.md`). Everything here is a function of
//! its arguments: the clock, randomness, the default domain and the directory come in through [`Environment`].
//! Invariants: no text makes a function of this crate panic, and none makes it run for long: depth, length, size of
//! results and steps of regular expressions are bounded.

mod casing; //       upper, lower, title case by culture
mod cdate; //        date texts
mod check; //        findings about a valid expression in its context
mod date_format; //  .NET date formats
mod datetime; //     moments
mod diacritics; //   NormalizeDiacritics
mod environment; //  ports
mod error; //        ParseError, EvalError
mod evaluate; //     the walk over the tree
mod expression;
pub mod function; // the table of functions
mod interval; //     units of DateAdd and DateDiff
mod nearest; //      "did you mean"
mod node; //         the tree that is evaluated
mod number;
mod parse; //        text to tree
pub mod pattern; //  .NET regular expressions
mod reference; //    docs/functions.md
mod replace; //      the five ways of Replace
mod trace; //        intermediate values
mod tree; //         the tree of schema documents, canonical text
mod validate; //     what is decided when a mapping is saved
mod value;
#[cfg(feature = "vectors")]
pub mod vectors; //  runner of vectors/expressions.json

pub use check::{AttributeKind, Context, Finding, Severity, SourceAttribute, TargetUse};
pub use datetime::{Civil, DateTime};
pub use environment::{Environment, NothingTaken, Random, SeededRandom, Source, UniqueValues};
pub use error::{EvalError, Failure, ParseError, line_column};
pub use expression::Expression;
pub use function::functions;
pub use number::{NotANumber, Number};
pub use parse::{MAXIMUM_DEPTH, MAXIMUM_LENGTH, ParseOptions};
pub use reference::reference_markdown;
pub use trace::{Trace, TraceNode, TraceResult};
pub use tree::{SourceKind, SourceParameter, SourceTree};
pub use value::{Outcome, REDACTED, Role, Value};
