//! Functions that read the run: parameters, variables, trigger, actions, loops (`spec/workflows.md` §5.8).

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{Outcome, array_of, data, fail, integer_at, text_at};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::value::{Value, member};

fn found<'a>(value: Option<Value<'a>>, message: impl FnOnce() -> String) -> Outcome<'a> {
    value.ok_or_else(|| ExpressionError::new(ErrorKind::NotFound, message()))
}

pub(super) fn parameters<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().parameter(key), || format!("The workflow parameter '{key}' is not found."))
}

pub(super) fn variables<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().variable(key), || {
        format!(
            "The template language function 'variables' cannot be evaluated: the variable '{key}' is not initialized."
        )
    })
}

pub(super) fn trigger<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    found(ev.scope().trigger(), || {
        "The template language function 'trigger' is not expected at this location: the run has no trigger."
            .into()
    })
}

pub(super) fn trigger_outputs<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    Ok(ev.scope().trigger_outputs())
}

/// The `body` member of outputs, null where they are no object or have none.
fn body_of(outputs: Value<'_>) -> Value<'_> {
    match outputs {
        Value::Tree(Cow::Borrowed(Json::Object(members))) => {
            member(members, "body").map_or(Value::Null, Value::from)
        }
        Value::Tree(Cow::Owned(Json::Object(mut members))) => {
            members.shift_remove("body").map_or(Value::Null, Value::from)
        }
        _ => Value::Null,
    }
}

pub(super) fn trigger_body<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    Ok(body_of(ev.scope().trigger_outputs()))
}

fn unknown_action(name: &str) -> String {
    format!(
        "Template language expression cannot be evaluated: the template action '{name}' is not defined at current scope."
    )
}

pub(super) fn actions<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().action(key), || unknown_action(key))
}

pub(super) fn outputs<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().outputs(key), || unknown_action(key))
}

pub(super) fn body<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    outputs(ev, name, args).map(body_of)
}

pub(super) fn action<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    found(ev.scope().current_action(), || {
        "The template function 'action' is not expected at this location.".into()
    })
}

pub(super) fn result<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().result(key), || unknown_action(key))
}

pub(super) fn item<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    found(ev.scope().item(), || {
        "The template function 'item' is not expected at this location: there is no loop or data operation around it.".into()
    })
}

pub(super) fn items<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().items(key), || {
        format!(
            "The template language function 'items' cannot be evaluated: '{key}' is no enclosing 'Foreach' action."
        )
    })
}

pub(super) fn iteration_indexes<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().iteration_index(key).map(Value::Integer), || {
        format!(
            "The template language function 'iterationIndexes' cannot be evaluated: '{key}' is no enclosing 'Until' action."
        )
    })
}

pub(super) fn workflow<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    found(ev.scope().workflow(), || {
        "The template function 'workflow' is not expected at this location.".into()
    })
}

pub(super) fn list_callback_url<'a>(ev: &Evaluator<'a>, _: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    found(ev.scope().callback_url().map(Value::from), || {
        "The template function 'listCallbackUrl' is not expected at this location.".into()
    })
}

pub(super) fn app_setting<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let key = text_at(name, &args, 0)?;
    found(ev.scope().app_setting(key).map(Value::from), || {
        format!(
            "The template function 'appsetting' is not expected at this location, or there is no setting '{key}'."
        )
    })
}

/// The body meant by a form function and the rest of its arguments.
fn form_body<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    args: &mut Vec<Value<'a>>,
) -> Result<Value<'a>, ExpressionError> {
    if name.starts_with("trigger") {
        return Ok(body_of(ev.scope().trigger_outputs()));
    }
    body(ev, name, vec![args.remove(0)])
}

pub(super) fn form_data<'a>(ev: &Evaluator<'a>, name: &'static str, mut args: Vec<Value<'a>>) -> Outcome<'a> {
    let body = form_body(ev, name, &mut args)?;
    let key = text_at(name, &args, 0)?;
    let pairs = match &body {
        Value::Tree(tree) => data::form_pairs(tree),
        _ => None,
    };
    let Some(pairs) = pairs else {
        return fail(
            ErrorKind::ArgValue,
            format!(
                "The template language function '{name}' expects a body of type 'application/x-www-form-urlencoded' or 'multipart/form-data'."
            ),
        );
    };
    let mut values: Vec<Json> = pairs
        .into_iter()
        .filter(|(k, _)| crate::expression::value::same_name(k, key))
        .map(|(_, v)| v)
        .collect();
    if name.ends_with("MultiValues") {
        return Ok(array_of(values));
    }
    if values.len() > 1 {
        return fail(
            ErrorKind::Duplicate,
            format!(
                "The template language function '{name}' found {} values for '{key}' where one is expected. Use the function for several values.",
                values.len()
            ),
        );
    }
    Ok(values.pop().map_or(Value::Null, Value::from))
}

pub(super) fn multipart_body<'a>(
    ev: &Evaluator<'a>,
    name: &'static str,
    mut args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let body = form_body(ev, name, &mut args)?;
    let index = integer_at(name, &args, 0)?;
    let parts = body.as_object().and_then(|o| o.get("$multipart")).and_then(Json::as_array);
    let Some(parts) = parts else {
        return fail(
            ErrorKind::ArgValue,
            format!("The template language function '{name}' expects a body of a 'multipart/*' type."),
        );
    };
    let Some(part) = usize::try_from(index).ok().and_then(|i| parts.get(i)) else {
        return fail(
            ErrorKind::IndexOutOfRange,
            format!(
                "The template language function '{name}' expects an index from 0 to {}.",
                parts.len() as i64 - 1
            ),
        );
    };
    Ok(part.get("body").cloned().map_or(Value::Null, Value::from))
}
