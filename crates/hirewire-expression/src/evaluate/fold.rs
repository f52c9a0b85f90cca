//! Results that depend on constants only are computed once, when the expression is parsed.

use crate::datetime::DateTime;
use crate::environment::{Environment, NothingTaken, SeededRandom, Source};
use crate::function::Function;
use crate::node::{Call, Kind, Node};
use crate::value::Value;

/// Whether a function gives the same result for the same arguments, whatever the environment.
pub(crate) fn is_pure(function: Function) -> bool {
    !matches!(
        function,
        Function::Now
            | Function::Guid
            | Function::RandomString
            | Function::DefaultDomain
            | Function::SelectUniqueValue
            | Function::Redact
            // A format without a date is completed with today's.
            | Function::FormatDateTime
    )
}

/// The result of a call whose arguments are constants; `None` when it depends on something, fails, or is flow.
pub(crate) fn fold(call: &Call) -> Option<Value<'static>> {
    let constant = |node: &Node| match &node.kind {
        Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_) | Kind::Null | Kind::Word(_) => true,
        Kind::Call(inner) => inner.folded.is_some(),
        Kind::Attribute(_) | Kind::Flow(_) | Kind::Compare(_) | Kind::Concat(_) => false,
    };
    if !is_pure(call.function()) || !call.arguments.iter().flatten().all(constant) {
        return None;
    }
    struct Nobody;
    impl Source for Nobody {
        fn value(&self, _slot: usize, _name: &str) -> Value<'_> {
            Value::Null
        }
    }
    let random = SeededRandom::new(0);
    let environment = Environment {
        now: DateTime::from_ticks(0)?,
        default_domain: None,
        unique: &NothingTaken,
        random: &random,
    };
    let evaluator = super::Evaluator::new(&Nobody, &environment, &[], None);
    evaluator.call(call).ok().map(Value::into_owned)
}
