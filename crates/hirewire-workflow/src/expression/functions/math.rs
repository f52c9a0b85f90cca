//! Arithmetic, comparison and number formatting (`spec/workflows.md` §4.5, §5.3, §5.5).

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use super::{Outcome, fail, integer_at, text_at, wrong_only, wrong_type};
use crate::expression::collate::collate;
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::number_format::{Number, format};
use crate::expression::value::{Value, as_float, compare_numbers, equal};

fn need_number(name: &str, args: &[Value<'_>], at: usize) -> Result<(), ExpressionError> {
    match &args[at] {
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => Ok(()),
        other => Err(wrong_type(name, at, "an integer, a float or a decimal number", other)),
    }
}

pub(super) fn arithmetic<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    need_number(name, &args, 0)?;
    need_number(name, &args, 1)?;
    let zero = matches!(name, "div" | "mod") && as_float(&args[1]) == Some(0.0);
    if zero {
        return fail(
            ErrorKind::DivideByZero,
            format!("Attempt to divide an integral or decimal value by zero in function '{name}'."),
        );
    }
    let overflow = || {
        ExpressionError::new(
            ErrorKind::Overflow,
            format!(
                "The provided parameters for template language function '{name}' caused arithmetic overflow."
            ),
        )
    };
    match (&args[0], &args[1]) {
        (Value::Integer(a), Value::Integer(b)) => {
            let result = match name {
                "add" => a.checked_add(*b),
                "sub" => a.checked_sub(*b),
                "mul" => a.checked_mul(*b),
                "div" => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Value::Integer).ok_or_else(overflow)
        }
        (a, b) if matches!(a, Value::Decimal(_)) || matches!(b, Value::Decimal(_)) => {
            let (a, b) = (decimal(a).ok_or_else(overflow)?, decimal(b).ok_or_else(overflow)?);
            let result = match name {
                "add" => a.checked_add(b),
                "sub" => a.checked_sub(b),
                "mul" => a.checked_mul(b),
                "div" => a.checked_div(b),
                _ => a.checked_rem(b),
            };
            result.map(Value::Decimal).ok_or_else(overflow)
        }
        (a, b) => {
            let (a, b) = (as_float(a).unwrap_or(f64::NAN), as_float(b).unwrap_or(f64::NAN));
            Ok(Value::Float(match name {
                "add" => a + b,
                "sub" => a - b,
                "mul" => a * b,
                "div" => a / b,
                _ => a % b,
            }))
        }
    }
}

fn decimal(v: &Value<'_>) -> Option<Decimal> {
    match v {
        Value::Decimal(d) => Some(*d),
        Value::Integer(i) => Some(Decimal::from(*i)),
        Value::Float(f) => Decimal::from_f64(*f),
        _ => None,
    }
}

pub(super) fn min_or_max<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let numbers: Vec<Value<'a>> = match args.first().and_then(Value::as_array) {
        Some(items) if args.len() == 1 => items.iter().map(|j| Value::from(j.clone())).collect(),
        _ => args,
    };
    let mut best: Option<&Value<'a>> = None;
    for number in &numbers {
        if as_float(number).is_none() {
            return fail(
                ErrorKind::ArgType,
                format!(
                    "The template language function '{name}' expects all of its parameters to be either integer or decimal numbers. Found invalid parameter types: '{}'.",
                    number.type_name()
                ),
            );
        }
        let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
        if best.is_none_or(|b| compare_numbers(number, b) == Some(wanted)) {
            best = Some(number);
        }
    }
    best.cloned().ok_or_else(|| {
        ExpressionError::new(ErrorKind::ArgValue, format!("The template language function '{name}' expects either an array of numbers or a comma separated list of numbers as its parameters. The function was invoked with no parameters."))
    })
}

pub(super) fn rand<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let (low, high) = (integer_at(name, &args, 0)?, integer_at(name, &args, 1)?);
    if high < low {
        return fail(
            ErrorKind::OutOfRange,
            "The template language function 'rand' expects its minimum value to be no larger than its maximum value.",
        );
    }
    let span = (i128::from(high) - i128::from(low)).max(1) as u128;
    let offset = (ev.scope().random() % span) as i128;
    Ok(Value::Integer(i64::try_from(i128::from(low) + offset).unwrap_or(low)))
}

pub(super) fn not<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    match &args[0] {
        Value::Boolean(b) => Ok(Value::Boolean(!b)),
        other => Err(wrong_only(name, "to be a boolean", other)),
    }
}

pub(super) fn equals<'a>(_: &Evaluator<'a>, _: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    Ok(Value::Boolean(args.windows(2).all(|pair| equal(&pair[0], &pair[1]))))
}

pub(super) fn compare<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let order = order(name, &args[0], &args[1])?;
    Ok(Value::Boolean(match name {
        "greater" => order == Some(Ordering::Greater),
        "greaterOrEquals" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        "less" => order == Some(Ordering::Less),
        _ => matches!(order, Some(Ordering::Less | Ordering::Equal)),
    }))
}

/// Numbers by value, texts by culture order; anything else is an error.
fn order(name: &str, a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, ExpressionError> {
    match (a, b) {
        (Value::Text(x), Value::Text(y)) => Ok(Some(collate(x, y))),
        (x, y) if as_float(x).is_some() && as_float(y).is_some() => Ok(compare_numbers(x, y)),
        (x, y) if good(x) && good(y) => fail(
            ErrorKind::ArgType,
            format!(
                "The template language function '{name}' expects two parameter of matching types. The function was invoked with values of type '{}' and '{}' that do not match.",
                x.type_name(),
                y.type_name()
            ),
        ),
        (x, y) => {
            let wrong = if good(x) { y } else { x };
            fail(
                ErrorKind::ArgType,
                format!(
                    "The template language function '{name}' expects all of its parameters to be either integer or decimal numbers. Found invalid parameter types: '{}'.",
                    wrong.type_name()
                ),
            )
        }
    }
}

fn good(v: &Value<'_>) -> bool {
    matches!(v, Value::Text(_)) || as_float(v).is_some()
}

pub(super) fn format_number<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let number = match &args[0] {
        Value::Integer(i) => Number::Integer(*i),
        Value::Float(f) => Number::Float(*f),
        Value::Decimal(d) => Number::Float(as_float(&Value::Decimal(*d)).unwrap_or(0.0)),
        other => return Err(wrong_type(name, 0, "a number", other)),
    };
    let pattern = text_at(name, &args, 1)?;
    let culture = super::conversion::locale(name, &args, 2)?;
    format(number, pattern, culture).map(Value::from).ok_or_else(|| {
        ExpressionError::new(ErrorKind::ArgValue, format!("The template language function 'formatNumber' was invoked with the format '{pattern}' that is not valid for the number."))
    })
}
