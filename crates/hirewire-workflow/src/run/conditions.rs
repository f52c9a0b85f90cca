//! Conditions in text and object form (`spec/workflows.md` §9.2).

use serde_json::Value as Json;

use crate::definition::Condition;
use crate::expression::{ErrorKind, Evaluator, ExpressionError, Value, apply};

/// Evaluates a condition; `and` and `or` stop at the deciding operand.
pub(crate) fn holds<'a>(condition: &'a Condition, ev: &Evaluator<'a>) -> Result<bool, ExpressionError> {
    match condition {
        Condition::And(list) => {
            for one in list {
                if !holds(one, ev)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Or(list) => {
            for one in list {
                if holds(one, ev)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(inner) => Ok(!holds(inner, ev)?),
        Condition::Template(template) => boolean(template.evaluate_with(ev)?),
        Condition::Operator(name, operands) => {
            let mut args = Vec::with_capacity(operands.len());
            for operand in operands {
                args.push(operand.evaluate_with(ev)?);
            }
            boolean(apply(ev, name, args)?)
        }
    }
}

fn boolean(value: Value<'_>) -> Result<bool, ExpressionError> {
    match value {
        Value::Boolean(b) => Ok(b),
        other => {
            let message = format!(
                "The template language expression evaluation failed: the condition is of type '{}' but is expected to be a value of type 'Boolean'.",
                other.type_name()
            );
            Err(ExpressionError::new(ErrorKind::ArgType, message))
        }
    }
}

/// The type's name of a JSON value in messages.
pub(crate) fn type_name(json: &Json) -> &'static str {
    Value::from(json).type_name()
}
