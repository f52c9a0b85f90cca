//! Evaluation.
use crate::environment::{Environment, Source};
use crate::error::EvalError;
use crate::node::Kind;
use crate::parse::Parsed;
use crate::trace::{Trace, TraceNode, TraceResult};
use crate::value::{Outcome, Value};

pub(crate) fn evaluate<'a, S: Source + ?Sized>(
    parsed: &'a Parsed,
    source: &'a S,
    _environment: &'a Environment<'_>,
) -> Result<Outcome<'a>, EvalError> {
    let value = match &parsed.root.kind {
        Kind::Attribute(slot) => source.value(*slot, &parsed.attributes[*slot]),
        Kind::Text(text) => Value::from(&**text),
        _ => {
            return Err(EvalError {
                function: "expression",
                detail: "functions follow with the next landing".to_owned(),
                at: parsed.root.span.clone(),
            });
        }
    };
    Ok(Outcome::Value { value, redact: false })
}

pub(crate) fn trace<S: Source + ?Sized>(
    text: &str,
    parsed: &Parsed,
    source: &S,
    environment: &Environment<'_>,
) -> Trace {
    let outcome = evaluate(parsed, source, environment).map(Outcome::into_owned);
    let root = TraceNode {
        text: text.to_owned(),
        at: 0..text.len(),
        result: TraceResult::Failed,
        children: Vec::new(),
    };
    Trace { outcome, root }
}
