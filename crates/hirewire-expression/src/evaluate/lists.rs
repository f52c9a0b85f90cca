//! Several values, and roles.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Eval, Evaluator, Stop, fail};
use crate::node::Call;
use crate::value::{Role, Value};

impl<'a> Evaluator<'a> {
    /// The argument as a list; one value is a list of one.
    fn list(&self, call: &'a Call, position: usize) -> Result<Vec<Cow<'a, str>>, Stop> {
        Ok(match self.argument(call, position)? {
            Value::List(values) => values,
            single => self.text(single)?.into_iter().collect(),
        })
    }

    #[inline(never)]
    pub(super) fn count(&self, call: &'a Call) -> Eval<'a> {
        let count = match self.argument(call, 0)? {
            Value::Null => 0,
            Value::List(values) => values.len(),
            Value::Roles(roles) => roles.len(),
            _ => 1,
        };
        Ok(Value::integer(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    #[inline(never)]
    pub(super) fn item(&self, call: &'a Call) -> Eval<'a> {
        let mut values = self.list(call, 0)?;
        let index = self.integer(call, 1)?;
        let place = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        match place.filter(|place| *place < values.len()) {
            Some(place) => Ok(Value::Text(values.swap_remove(place))),
            None => fail(format!("there is no item {index}: items are counted from 1 to {}", values.len())),
        }
    }

    #[inline(never)]
    pub(super) fn remove_duplicates(&self, call: &'a Call) -> Eval<'a> {
        let values = self.list(call, 0)?;
        if values.is_empty() {
            return Ok(Value::Null);
        }
        // [U] Values that differ in case are different.
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(values.len());
        for value in values {
            if seen.insert(value.clone()) {
                kept.push(value);
            }
        }
        Ok(Value::List(kept))
    }

    #[inline(never)]
    pub(super) fn split(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0)?;
        // [U] Nothing to split is no value.
        if source.is_null_or_empty() {
            return Ok(Value::Null);
        }
        let delimiter = self.text_or_empty(call, 1)?;
        let sources = match source {
            Value::List(values) => values,
            single => self.text(single)?.into_iter().collect(),
        };
        let mut parts = Vec::new();
        for source in sources {
            match source {
                Cow::Borrowed(text) => split_text(text, &delimiter, |part| parts.push(Cow::Borrowed(part))),
                Cow::Owned(text) => {
                    split_text(&text, &delimiter, |part| parts.push(Cow::Owned(part.to_owned())))
                }
            }
        }
        Ok(Value::List(parts))
    }

    #[inline(never)]
    pub(super) fn join(&self, call: &'a Call) -> Eval<'a> {
        let separator = self.text_or_empty(call, 0)?;
        let mut joined = Joined { separator: &separator, first: None, rest: None };
        for node in call.arguments[1..].iter().flatten() {
            match self.node(node)? {
                Value::Null => {}
                Value::List(values) => values.into_iter().for_each(|value| joined.push(value)),
                single => self.text(single)?.into_iter().for_each(|value| joined.push(value)),
            }
        }
        // [U] Nothing to join gives the empty text.
        Ok(Value::Text(joined.rest.map(Cow::Owned).or(joined.first).unwrap_or_default()))
    }

    #[inline(never)]
    pub(super) fn role_values(&self, call: &'a Call) -> Eval<'a> {
        let values = self.list(call, 0)?;
        Ok(if values.is_empty() { Value::Null } else { Value::List(values) })
    }

    #[inline(never)]
    pub(super) fn roles(&self, call: &'a Call) -> Eval<'a> {
        if let roles @ Value::Roles(_) = self.argument(call, 0)? {
            return Ok(roles);
        }
        let values = self.list(call, 0)?;
        if values.is_empty() {
            return Ok(Value::Null);
        }
        Ok(Value::Roles(values.into_iter().map(|value| Role { display: value.clone(), value }).collect()))
    }

    #[inline(never)]
    pub(super) fn single_role(&self, call: &'a Call) -> Eval<'a> {
        let mut values = self.list(call, 0)?;
        match values.len() {
            0 => Ok(Value::Null),
            1 => Ok(Value::Text(values.swap_remove(0))),
            many => fail(format!(
                "No more than one app role assignment was expected, but this many were found: {many}"
            )),
        }
    }
}

/// Texts with a separator between them; empty ones are skipped together with it.
struct Joined<'a, 's> {
    separator: &'s str,
    /// The only text so far: joining one text copies nothing.
    first: Option<Cow<'a, str>>,
    rest: Option<String>,
}

impl<'a> Joined<'a, '_> {
    fn push(&mut self, text: Cow<'a, str>) {
        if text.is_empty() {
            return;
        }
        if let Some(rest) = &mut self.rest {
            rest.push_str(self.separator);
            rest.push_str(&text);
            return;
        }
        match self.first.take() {
            None => self.first = Some(text),
            Some(first) => {
                let mut rest = String::with_capacity(first.len() + self.separator.len() + text.len() + 16);
                rest.push_str(&first);
                rest.push_str(self.separator);
                rest.push_str(&text);
                self.rest = Some(rest);
            }
        }
    }
}

/// Parts between delimiters, trimmed [I]; empty parts are kept [U].
fn split_text<'t>(text: &'t str, delimiter: &str, mut push: impl FnMut(&'t str)) {
    if delimiter.is_empty() {
        push(text.trim());
        return;
    }
    text.split(delimiter).for_each(|part| push(part.trim()));
}
