//! Templates: JSON values whose texts and member names may hold expressions (`spec/workflows.md` §4.1).

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::ast::{Expression, Reference};
use super::error::{ErrorKind, ExpressionError};
use super::evaluate::{Evaluator, Scope};
use super::value::Value;

/// The deepest nesting of a JSON template that is accepted.
pub const MAX_TEMPLATE_DEPTH: usize = 120;

/// A JSON value of a definition with its expressions parsed; parsed once, evaluated many times.
#[derive(Debug, Clone)]
pub enum Template {
    /// A value without any expression in it.
    Constant(Json),
    /// A whole-string expression: the result keeps its type.
    Expression(Box<Expression>),
    /// A text with `@{…}` in it: the result is always a text.
    Text(Box<[Part]>),
    /// An array with at least one expression in it.
    Array(Box<[Template]>),
    /// An object with at least one expression in a name or value.
    Object(Box<[(Name, Template)]>),
}

/// A piece of an interpolated text.
#[derive(Debug, Clone)]
pub enum Part {
    /// Literal text.
    Literal(Box<str>),
    /// An `@{…}`.
    Expression(Box<Expression>),
}

/// A member's name: mostly plain, rarely a template.
#[derive(Debug, Clone)]
pub enum Name {
    /// A plain name with its `@@` already unescaped.
    Plain(Box<str>),
    /// A name with expressions.
    Template(Box<Template>),
}

impl Template {
    /// Parses a JSON value as a template.
    ///
    /// # Errors
    /// The first malformed expression, in document order.
    pub fn parse(json: &Json) -> Result<Self, ExpressionError> {
        Self::nested(json, 0)
    }

    fn nested(json: &Json, depth: usize) -> Result<Self, ExpressionError> {
        if depth > MAX_TEMPLATE_DEPTH {
            let message =
                format!("The template is nested deeper than the limit of {MAX_TEMPLATE_DEPTH} levels.");
            return Err(ExpressionError::new(ErrorKind::TooLarge, message));
        }
        match json {
            Json::String(text) => Self::parse_text(text),
            Json::Array(items) => {
                let parsed =
                    items.iter().map(|item| Self::nested(item, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                if parsed.iter().all(|t| matches!(t, Template::Constant(_))) {
                    let plain = parsed
                        .into_iter()
                        .map(|t| if let Template::Constant(j) = t { j } else { Json::Null });
                    return Ok(Template::Constant(Json::Array(plain.collect())));
                }
                Ok(Template::Array(parsed.into()))
            }
            Json::Object(members) => {
                let mut parsed = Vec::with_capacity(members.len());
                for (name, value) in members {
                    let name = match Self::parse_text(name)? {
                        Template::Constant(Json::String(plain)) => Name::Plain(plain.into()),
                        template => Name::Template(Box::new(template)),
                    };
                    parsed.push((name, Self::nested(value, depth + 1)?));
                }
                let constant =
                    parsed.iter().all(|(n, t)| matches!((n, t), (Name::Plain(_), Template::Constant(_))));
                if !constant {
                    return Ok(Template::Object(parsed.into()));
                }
                let mut plain = Map::new();
                for (name, value) in parsed {
                    if let (Name::Plain(name), Template::Constant(value)) = (name, value) {
                        plain.insert(name.into(), value);
                    }
                }
                Ok(Template::Constant(Json::Object(plain)))
            }
            scalar => Ok(Template::Constant(scalar.clone())),
        }
    }

    /// Parses one text as a template.
    ///
    /// # Errors
    /// A malformed expression or an unterminated `@{`.
    pub fn parse_text(text: &str) -> Result<Self, ExpressionError> {
        if !text.contains('@') || text == "@" {
            return Ok(Template::Constant(Json::from(text)));
        }
        if let Some(rest) = text.strip_prefix("@@") {
            return Ok(Template::Constant(Json::String(format!("@{rest}"))));
        }
        match text.strip_prefix('@') {
            Some(rest) if !rest.starts_with('{') => {
                Ok(Template::Expression(Box::new(Expression::parse(rest, 1)?)))
            }
            _ => Self::parse_interpolation(text),
        }
    }

    fn parse_interpolation(text: &str) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('@') {
            let start = at + found;
            literal.push_str(&text[at..start]);
            let rest = &text[start..];
            if rest.starts_with("@@{") {
                literal.push_str("@{");
                at = start + 3;
            } else if rest.starts_with("@{") {
                let end = closing_brace(text, start + 2).ok_or_else(|| unterminated(text, start))?;
                let expression = Expression::parse(&text[start + 2..end], start + 2)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(Part::Expression(Box::new(expression)));
                at = end + 1;
            } else {
                literal.push('@');
                at = start + 1;
            }
        }
        literal.push_str(&text[at..]);
        if parts.is_empty() {
            return Ok(Template::Constant(Json::String(literal)));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Template::Text(parts.into()))
    }

    /// The value without expressions, where it has none.
    pub fn constant(&self) -> Option<&Json> {
        match self {
            Template::Constant(json) => Some(json),
            _ => None,
        }
    }

    /// Evaluates the template with a fresh budget.
    ///
    /// # Errors
    /// The first expression that fails; nothing of the value is kept then.
    pub fn evaluate<'a>(&'a self, scope: &'a dyn Scope) -> Result<Value<'a>, ExpressionError> {
        self.evaluate_with(&Evaluator::new(scope))
    }

    /// Evaluates the template to JSON.
    ///
    /// # Errors
    /// The first expression that fails.
    pub fn to_json(&self, scope: &dyn Scope) -> Result<Json, ExpressionError> {
        Ok(self.evaluate(scope)?.into_json())
    }

    /// Evaluates the template under a budget that is shared with other templates.
    ///
    /// # Errors
    /// The first expression that fails.
    pub fn evaluate_with<'a>(&'a self, evaluator: &Evaluator<'a>) -> Result<Value<'a>, ExpressionError> {
        match self {
            Template::Constant(json) => Ok(Value::from(json)),
            Template::Expression(expression) => evaluator.evaluate(expression),
            Template::Text(parts) => interpolate(parts, evaluator).map(|t| Value::Text(Cow::Owned(t))),
            Template::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    out.push(item.evaluate_with(evaluator)?.into_json());
                }
                Ok(Value::Tree(Cow::Owned(Json::Array(out))))
            }
            Template::Object(members) => {
                let mut out = Map::with_capacity(members.len());
                for (name, value) in members {
                    let name = match name {
                        Name::Plain(name) => name.to_string(),
                        Name::Template(template) => template.evaluate_with(evaluator)?.to_text().into_owned(),
                    };
                    out.insert(name, value.evaluate_with(evaluator)?.into_json());
                }
                Ok(Value::Tree(Cow::Owned(Json::Object(out))))
            }
        }
    }

    /// Calls `visit` for every function call in the template, in document order.
    pub fn references(&self, visit: &mut dyn FnMut(Reference)) {
        match self {
            Template::Constant(_) => {}
            Template::Expression(expression) => expression.references(visit),
            Template::Text(parts) => {
                for part in parts {
                    if let Part::Expression(expression) = part {
                        expression.references(visit);
                    }
                }
            }
            Template::Array(items) => items.iter().for_each(|item| item.references(visit)),
            Template::Object(members) => {
                for (name, value) in members {
                    if let Name::Template(template) = name {
                        template.references(visit);
                    }
                    value.references(visit);
                }
            }
        }
    }
}

fn interpolate(parts: &[Part], evaluator: &Evaluator<'_>) -> Result<String, ExpressionError> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Expression(expression) => evaluator.evaluate(expression)?.write_text(&mut out),
        }
    }
    evaluator.charge(out.len())?;
    Ok(out)
}

/// The first `}` outside a quoted text.
fn closing_brace(text: &str, from: usize) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn unterminated(text: &str, start: usize) -> ExpressionError {
    let position = text[..start].chars().count();
    let message = format!(
        "The template language expression '{text}' is not valid: the string interpolation segment starting at position '{position}' is not terminated. Make sure that every '@{{' is followed by its '}}'."
    );
    ExpressionError::new(ErrorKind::Parse, message).at(start..text.len())
}
