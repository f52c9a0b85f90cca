//! How an evaluation came to its result, node by node.

use std::ops::Range;

use crate::error::EvalError;
use crate::value::{Outcome, Value};

/// An evaluation with all intermediate values.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The result.
    pub outcome: Result<Outcome<'static>, EvalError>,
    /// The evaluated nodes; branches that were not taken are absent.
    pub root: TraceNode,
}

/// One evaluated node.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceNode {
    /// The node's own text as written.
    pub text: String,
    /// Its place in the expression's text, in bytes.
    pub at: Range<usize>,
    /// What it gave.
    pub result: TraceResult,
    /// The nodes that were evaluated for it, in order.
    pub children: Vec<TraceNode>,
}

/// What a node gave.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceResult {
    /// A value.
    Value(Value<'static>),
    /// The attribute is left out.
    IgnoreAttribute,
    /// The object is skipped.
    IgnoreObject,
    /// It failed here or below.
    Failed,
}
