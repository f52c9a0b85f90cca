//! Evaluates parsed expressions against a [`Scope`] (`spec/workflows.md` §4.3, §4.6).

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::Value as Json;

use super::ast::{Call, Expression, Literal, Node, Quick, Step};
use super::date::DateTime;
use super::error::{ErrorKind, ExpressionError};
use super::value::{Value, make_envelope, member};

/// What an expression can see of a run. Names are matched without regard to case by the implementation.
pub trait Scope {
    /// `parameters('name')`.
    fn parameter(&self, name: &str) -> Option<Value<'_>>;
    /// `variables('name')`.
    fn variable(&self, name: &str) -> Option<Value<'_>>;
    /// `trigger()`: the whole record.
    fn trigger(&self) -> Option<Value<'_>>;
    /// `triggerOutputs()`.
    fn trigger_outputs(&self) -> Value<'_>;
    /// `actions('name')`: the whole record.
    fn action(&self, name: &str) -> Option<Value<'_>>;
    /// `outputs('name')`: null for an action without outputs, `None` for an unknown one.
    fn outputs(&self, name: &str) -> Option<Value<'_>>;
    /// `action()`: the current action's record where it is allowed.
    fn current_action(&self) -> Option<Value<'_>> {
        None
    }
    /// `item()`.
    fn item(&self) -> Option<Value<'_>>;
    /// `items('loop')`.
    fn items(&self, name: &str) -> Option<Value<'_>>;
    /// `iterationIndexes('until')`.
    fn iteration_index(&self, name: &str) -> Option<i64>;
    /// `result('scope')`.
    fn result(&self, name: &str) -> Option<Value<'_>>;
    /// `workflow()`.
    fn workflow(&self) -> Option<Value<'_>>;
    /// `listCallbackUrl()`, where it is allowed.
    fn callback_url(&self) -> Option<String> {
        None
    }
    /// `appsetting('name')`; `None` where the workflow is not a Standard one or has no such setting.
    fn app_setting(&self, _name: &str) -> Option<String> {
        None
    }
    /// The moment that `utcNow()` gives.
    fn now(&self) -> DateTime;
    /// The next random 128 bits, for `guid()` and `rand()`.
    fn random(&self) -> u128;
}

/// The work one evaluation may do: function calls plus bytes of text and elements produced.
pub const BUDGET: usize = 400_000_000;

/// One evaluation: a scope and what is left of the budget.
pub struct Evaluator<'a> {
    scope: &'a dyn Scope,
    budget: Cell<usize>,
}

impl<'a> Evaluator<'a> {
    /// An evaluation with a full budget.
    pub fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, budget: Cell::new(BUDGET) }
    }

    pub(crate) fn scope(&self) -> &'a dyn Scope {
        self.scope
    }

    /// Takes `cost` from the budget.
    pub(crate) fn charge(&self, cost: usize) -> Result<(), ExpressionError> {
        match self.budget.get().checked_sub(cost) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(ExpressionError::new(
                ErrorKind::TooLarge,
                "The expression produces more than the limit of work allows. Split the data into smaller chunks.",
            )),
        }
    }

    /// Evaluates one expression.
    ///
    /// # Errors
    /// Whatever fails first, from left to right.
    pub fn evaluate(&self, expression: &'a Expression) -> Result<Value<'a>, ExpressionError> {
        self.node(&expression.root, &expression.text)
    }

    #[inline]
    fn node(&self, node: &'a Node, text: &'a str) -> Result<Value<'a>, ExpressionError> {
        match node {
            Node::Literal(literal) => Ok(match literal {
                Literal::Null => Value::Null,
                Literal::Boolean(b) => Value::Boolean(*b),
                Literal::Integer(i) => Value::Integer(*i),
                Literal::Float(f) => Value::Float(*f),
                Literal::Text(t) => Value::Text(Cow::Borrowed(t)),
            }),
            Node::Call(call) => self.call(call, text),
            Node::Path(path) => {
                let mut value = self.node(&path.0, text)?;
                let mut steps = &path.1[..];
                if let Value::Tree(Cow::Borrowed(tree)) = value {
                    let (reached, left) = walk_borrowed(tree, steps);
                    value = reached;
                    steps = left;
                }
                for step in steps {
                    value = self.step(value, step, text)?;
                }
                Ok(value)
            }
        }
    }

    #[inline]
    fn call(&self, call: &'a Call, text: &'a str) -> Result<Value<'a>, ExpressionError> {
        self.charge(1)?;
        match self.quick(call) {
            Some(value) => Ok(value),
            None => self.call_function(call, text),
        }
    }

    fn call_function(&self, call: &'a Call, text: &'a str) -> Result<Value<'a>, ExpressionError> {
        let Some(function) = call.function else {
            let message = format!("The template function '{}' is not defined or not valid.", call.name);
            return Err(ExpressionError::new(ErrorKind::UnknownFunction, message).at(call.span.clone()));
        };
        let count = call.args.len();
        if count < function.min || count > function.max {
            return Err(function.wrong_count(count).at(call.span.clone()));
        }
        let result = match function.name {
            "if" | "and" | "or" | "coalesce" => self.lazy(function.name, call, text),
            _ => {
                let mut args = Vec::with_capacity(count);
                for arg in &call.args {
                    args.push(self.node(arg, text)?);
                }
                (function.run)(self, function.name, args)
            }
        };
        result.map_err(|e| e.at(call.span.clone()))
    }

    /// Reads the run without an argument list; what is not found takes the slow way to its error.
    #[inline]
    fn quick(&self, call: &'a Call) -> Option<Value<'a>> {
        match call.quick {
            Quick::No => None,
            Quick::Item => self.scope.item(),
            Quick::Items => self.scope.items(call.literal()?),
            Quick::Outputs => self.scope.outputs(call.literal()?),
            Quick::Variables => self.scope.variable(call.literal()?),
            Quick::Parameters => self.scope.parameter(call.literal()?),
            Quick::TriggerOutputs => Some(self.scope.trigger_outputs()),
        }
    }

    /// The functions that evaluate only what they need.
    fn lazy(&self, name: &str, call: &'a Call, text: &'a str) -> Result<Value<'a>, ExpressionError> {
        if name == "if" {
            return match self.node(&call.args[0], text)? {
                Value::Boolean(true) => self.node(&call.args[1], text),
                Value::Boolean(false) => self.node(&call.args[2], text),
                other => Err(ExpressionError::new(
                    ErrorKind::ArgType,
                    format!(
                        "The template language function 'if' expects its first parameter to be of type boolean. The provided value is of type '{}'.",
                        other.type_name()
                    ),
                )),
            };
        }
        for arg in &call.args {
            match (name, self.node(arg, text)?) {
                ("coalesce", Value::Null) => {}
                ("coalesce", value) => return Ok(value),
                ("and", Value::Boolean(true)) | ("or", Value::Boolean(false)) => {}
                (_, Value::Boolean(decided)) => return Ok(Value::Boolean(decided)),
                (_, other) => {
                    let message = format!(
                        "The template language function '{name}' expects all of its parameters to be booleans. Found invalid parameter types: '{}'.",
                        other.type_name()
                    );
                    return Err(ExpressionError::new(ErrorKind::ArgType, message));
                }
            }
        }
        Ok(match name {
            "and" => Value::Boolean(true),
            "or" => Value::Boolean(false),
            _ => Value::Null,
        })
    }

    fn step(&self, value: Value<'a>, step: &'a Step, text: &'a str) -> Result<Value<'a>, ExpressionError> {
        let key = self.node(&step.key, text)?;
        select(value, &key, step.optional).map_err(|(kind, reason)| {
            let message = format!(
                "The template language expression '{text}' cannot be evaluated because {reason}. Please see https://aka.ms/logicexpressions for usage details."
            );
            ExpressionError::new(kind, message).at(step.span.clone())
        })
    }
}

/// Follows literal names through borrowed objects; gives where it came and the steps that are left.
fn walk_borrowed<'a>(tree: &'a Json, steps: &'a [Step]) -> (Value<'a>, &'a [Step]) {
    let mut at = tree;
    for (n, step) in steps.iter().enumerate() {
        let found = match (at, &step.key) {
            (Json::Object(members), Node::Literal(Literal::Text(name))) => member(members, name),
            _ => None,
        };
        match found {
            Some(next) => at = next,
            None => return (Value::from(at), &steps[n..]),
        }
    }
    (Value::from(at), &[])
}

type Refusal = (ErrorKind, String);

fn select<'a>(value: Value<'a>, key: &Value<'a>, optional: bool) -> Result<Value<'a>, Refusal> {
    match value {
        Value::Null if optional => Ok(Value::Null),
        Value::Null => {
            Err((ErrorKind::NotSelectable, format!("property '{}' cannot be selected", key.to_text())))
        }
        Value::Tree(tree) => match tree {
            Cow::Borrowed(tree) => {
                in_tree(tree, key, optional).map(|found| found.map_or(Value::Null, Value::from))
            }
            Cow::Owned(tree) => in_tree(&tree, key, optional)
                .map(|found| found.map_or(Value::Null, |j| Value::from(j.clone()))),
        },
        Value::Text(text) => text_content(&text, key).ok_or_else(|| not_supported("String", key)),
        other => Err(not_supported(other.type_name(), key)),
    }
}

/// Text content is one value with two faces: functions see the text, `$content` its bytes. Published definitions use
/// both, depending on what the connector returned that day (`spec/workflows.md` §6, dual nature). `[U]`
fn text_content<'a>(text: &str, key: &Value<'_>) -> Option<Value<'a>> {
    let name = key.as_text()?;
    let mut envelope = make_envelope("text/plain; charset=utf-8", text.as_bytes());
    envelope.as_object_mut()?.remove(name).filter(|_| name.starts_with('$')).map(Value::from)
}

fn not_supported(type_name: &str, key: &Value<'_>) -> Refusal {
    let message = format!(
        "property '{}' cannot be selected. Property selection is not supported on values of type '{type_name}'",
        key.to_text()
    );
    (ErrorKind::NotSelectable, message)
}

fn in_tree<'j>(tree: &'j Json, key: &Value<'_>, optional: bool) -> Result<Option<&'j Json>, Refusal> {
    if let Json::Array(items) = tree {
        let Value::Integer(index) = key else {
            let message = format!(
                "property '{}' cannot be selected. Array elements can only be selected using an integer index",
                key.to_text()
            );
            return Err((ErrorKind::NotSelectable, message));
        };
        let found = usize::try_from(*index).ok().and_then(|i| items.get(i));
        if found.is_none() && !optional {
            let last = items.len() as i64 - 1;
            let message = format!("array index '{index}' is outside bounds (0, {last}) of array");
            return Err((ErrorKind::IndexOutOfRange, message));
        }
        return Ok(found);
    }
    let Json::Object(members) = tree else { return Ok(None) };
    let Value::Text(name) = key else {
        return Err((ErrorKind::NotSelectable, format!("property '{}' cannot be selected", key.to_text())));
    };
    if let Some(found) = member(members, name) {
        return Ok(Some(found));
    }
    if name.contains('/') {
        return walk_path(tree, name, optional);
    }
    missing(members, name, optional)
}

fn missing<'j>(
    members: &serde_json::Map<String, Json>,
    name: &str,
    optional: bool,
) -> Result<Option<&'j Json>, Refusal> {
    if optional {
        return Ok(None);
    }
    let names = members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("property '{name}' doesn't exist, available properties are '{names}'");
    Err((ErrorKind::PropertyMissing, message))
}

/// The path form `['body/value']`: objects only, segment by segment.
fn walk_path<'j>(tree: &'j Json, path: &str, optional: bool) -> Result<Option<&'j Json>, Refusal> {
    let mut at = tree;
    for segment in path.split('/') {
        at = match at {
            Json::Object(members) => match member(members, segment) {
                Some(found) => found,
                None => return missing(members, path, optional),
            },
            Json::Null if optional => return Ok(None),
            _ => return Err((ErrorKind::NotSelectable, format!("property '{segment}' cannot be selected"))),
        };
    }
    Ok(Some(at))
}
