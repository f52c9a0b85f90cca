//! Conditions, branches, flow.

use super::{Eval, Evaluator, Stop, fail, flow};
use crate::node::{Call, Flow};
use crate::number::Number;
use crate::value::Value;

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(super) fn iif(&self, call: &'a Call) -> Eval<'a> {
        let condition = self.argument(call, 0)?;
        self.argument(call, if truth(&condition, Missing::IsFalse)? { 1 } else { 2 })
    }

    #[inline(never)]
    pub(super) fn cbool(&self, call: &'a Call) -> Eval<'a> {
        truth(&self.argument(call, 0)?, Missing::NullIsFalse).map(Value::Boolean)
    }

    /// False for true values, True for everything else.
    #[inline(never)]
    pub(super) fn not(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0);
        let is_true = match &source {
            Ok(Value::Boolean(value)) => *value,
            Ok(Value::Number(number)) => !number.is_zero(),
            Ok(Value::Text(text)) => is_true(text),
            Ok(Value::Null | Value::DateTime(_)) => false,
            Ok(Value::List(_) | Value::Roles(_)) => self.text(source?)?.is_some_and(|text| is_true(&text)),
            Err(_) => return source,
        };
        Ok(Value::Boolean(!is_true))
    }

    #[inline(never)]
    pub(super) fn coalesce(&self, call: &'a Call) -> Eval<'a> {
        for node in call.arguments.iter().flatten() {
            let value = self.node(node)?;
            if !value.is_null() {
                return Ok(value);
            }
        }
        Ok(Value::Null)
    }

    #[inline(never)]
    pub(super) fn is_string(&self, call: &'a Call) -> Eval<'a> {
        let value = self.argument(call, 0)?;
        let single = !matches!(value, Value::Null | Value::List(_) | Value::Roles(_));
        Ok(Value::Boolean(single))
    }

    #[inline(never)]
    pub(super) fn ignore_if_empty(&self, call: &'a Call) -> Eval<'a> {
        let value = self.argument(call, 0)?;
        if value.is_null_or_empty() { flow(Flow::IgnoreAttribute) } else { Ok(value) }
    }

    #[inline(never)]
    pub(super) fn switch(&self, call: &'a Call) -> Eval<'a> {
        let source = match self.argument(call, 0)? {
            Value::List(values) if values.len() > 1 => {
                let mut results = Vec::with_capacity(values.len());
                for value in values {
                    let result = self.switch_text(call, &value)?;
                    results.extend(self.text(result)?);
                }
                return Ok(Value::List(results));
            }
            value => value,
        };
        let source = self.text(source)?.unwrap_or_default();
        self.switch_text(call, &source)
    }

    /// Keys are evaluated in order until one matches; only that one's value is.
    fn switch_text(&self, call: &'a Call, source: &str) -> Eval<'a> {
        let mut position = 2;
        while position + 1 < call.arguments.len() {
            if self.text_or_empty(call, position)? == source {
                return self.argument(call, position + 1);
            }
            position += 2;
        }
        self.argument(call, 1)
    }

    #[inline(never)]
    pub(super) fn select_unique_value(&self, call: &'a Call) -> Eval<'a> {
        let mut tried = 0;
        for node in call.arguments.iter().flatten() {
            let value = self.node(node)?;
            // [U] A rule without a value is no candidate.
            let Some(candidate) = self.text(value)?.filter(|text| !text.is_empty()) else { continue };
            tried += 1;
            if !self.environment.unique.is_taken(&candidate) {
                return Ok(Value::Text(candidate));
            }
        }
        fail(format!(
            "no unique value is left: {tried} of {} rules gave a value, all are taken",
            call.arguments.len()
        ))
    }
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("True")
}

/// What a missing value means as a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Null and the empty text fail the condition (`IIF`).
    IsFalse,
    /// Null is false, the empty text is no Boolean (`CBool`).
    NullIsFalse,
}

fn truth(value: &Value<'_>, missing: Missing) -> Result<bool, Stop> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Number(number) => Ok(!number.is_zero()),
        Value::Null => Ok(false),
        Value::Text(text) if text.is_empty() && missing == Missing::IsFalse => Ok(false),
        Value::Text(text) => text_truth(text),
        Value::List(values) => match values.as_slice() {
            [] => Ok(false),
            [only] => text_truth(only),
            _ => fail("a Boolean is needed here, not several values"),
        },
        Value::DateTime(_) | Value::Roles(_) => fail("a Boolean is needed here: `True` or `False`"),
    }
}

/// [U] `True` and `False` in any case, and the texts of numbers.
fn text_truth(text: &str) -> Result<bool, Stop> {
    if is_true(text) {
        return Ok(true);
    }
    if text.eq_ignore_ascii_case("False") {
        return Ok(false);
    }
    match Number::parse(text) {
        Some(number) => Ok(!number.is_zero()),
        None => fail(format!(
            "text of the form `{}` is no Boolean: `True`, `False` or a number is needed",
            crate::error::form_of(text)
        )),
    }
}
