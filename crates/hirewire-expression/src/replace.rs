//! The five ways of `Replace` (`spec/expressions.md §6`).

use std::borrow::Cow;
use std::sync::Arc;

use crate::evaluate::{Eval, Evaluator, LONGEST_TEXT, Stop, cut, fail};
use crate::node::{Call, Prepared, PreparedReplace};
use crate::pattern::{self, Budget, Pattern, Replacement, TooManySteps};
use crate::value::Value;

/// Argument positions.
pub(crate) const OLD: usize = 1;
pub(crate) const PATTERN: usize = 2;
pub(crate) const GROUP: usize = 3;
pub(crate) const NEW: usize = 4;
pub(crate) const ATTRIBUTE: usize = 5;
pub(crate) const TEMPLATE: usize = 6;

/// What `Replace` does follows from which arguments are given; an empty text is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every occurrence of oldValue.
    Plain,
    /// Every occurrence of oldValue in the template becomes the source.
    Template,
    /// A template without oldValue is the result [I].
    TemplateOnly,
    /// Every match of the pattern.
    Pattern,
    /// The text of one group in every match.
    Group,
    /// An empty source takes a group from another attribute.
    Fallback,
}

impl Mode {
    /// `None` for combinations without meaning.
    pub(crate) fn of(call: &Call) -> Option<Self> {
        let given =
            [OLD, PATTERN, GROUP, NEW, ATTRIBUTE, TEMPLATE].map(|position| call.argument(position).is_some());
        Some(match given {
            [true, false, false, true, false, false] => Self::Plain,
            [true, false, false, false, false, true] => Self::Template,
            [false, false, false, false, false, true] => Self::TemplateOnly,
            [false, true, false, true, false, false] => Self::Pattern,
            [false, true, true, true, false, false] => Self::Group,
            [false, true, true, false, true, false] => Self::Fallback,
            _ => return None,
        })
    }
}

impl PreparedReplace {
    /// Whether [`Self::change`] may know the result for some texts.
    pub(crate) fn is_constant(&self) -> bool {
        match self.mode {
            Mode::Plain => self.old.is_some(),
            Mode::Pattern => self.pattern.is_some() && self.replacement.is_some(),
            Mode::Group => self.pattern.is_some() && self.group.is_some() && self.new.is_some(),
            Mode::Template | Mode::TemplateOnly | Mode::Fallback => false,
        }
    }

    /// The result for a text; an error when it must be found, or fail, the long way.
    #[inline]
    pub(crate) fn change<'t>(&self, text: &'t str, budget: &Budget) -> Result<Cow<'t, str>, TooManySteps> {
        match (self.mode, &self.pattern, &self.replacement, self.group, &self.new) {
            (Mode::Pattern, Some(pattern), Some(with), ..) => pattern.replace(text, with, budget),
            (Mode::Group, Some(pattern), _, Some(group), Some(new)) => {
                pattern.replace_group(text, group, new, budget)
            }
            (Mode::Plain, ..) if self.old.as_deref().is_some_and(|old| !text.contains(old)) => {
                Ok(Cow::Borrowed(text))
            }
            _ => Err(TooManySteps),
        }
    }
}

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(crate) fn replace(&self, call: &'a Call, source: Value<'a>) -> Eval<'a> {
        let Prepared::Replace(prepared) = &call.prepared else {
            return fail("the arguments of `Replace` have no meaning together");
        };
        if prepared.mode == Mode::Fallback {
            return self.replace_fallback(call, prepared, source);
        }
        if source.is_null() {
            return Ok(Value::Null);
        }
        match prepared.mode {
            Mode::Plain => {
                let old = self.text_or_empty(call, OLD)?;
                let new = self.text_or_empty(call, NEW)?;
                self.map(source, |text| replace_plain(text, &old, &new))
            }
            Mode::Template => {
                let old = self.text_or_empty(call, OLD)?;
                let template = self.text_or_empty(call, TEMPLATE)?;
                self.map(source, |text| {
                    if old.is_empty() {
                        Ok(template.clone())
                    } else {
                        replace_plain(template.clone(), &old, &text)
                    }
                })
            }
            Mode::TemplateOnly => self.argument(call, TEMPLATE),
            Mode::Group => {
                let pattern = self.pattern(call, prepared)?;
                let group = self.group(call, prepared, &pattern)?;
                let new = self.text_or_empty(call, NEW)?;
                let pattern = pattern.as_ref();
                self.rewritten(source, |text| pattern.replace_group(text, group, &new, &self.budget))
            }
            Mode::Pattern | Mode::Fallback => {
                let pattern = self.pattern(call, prepared)?;
                let pattern = pattern.as_ref();
                match &prepared.replacement {
                    Some(with) => self.rewritten(source, |text| pattern.replace(text, with, &self.budget)),
                    None => {
                        let with = self.replacement(call, pattern)?;
                        self.rewritten(source, |text| pattern.replace(text, &with, &self.budget))
                    }
                }
            }
        }
    }

    /// Rewrites a text, or each of several; a borrowed one, the usual case, without detours.
    #[inline]
    fn rewritten(
        &self,
        source: Value<'a>,
        change: impl for<'t> Fn(&'t str) -> Result<Cow<'t, str>, TooManySteps>,
    ) -> Eval<'a> {
        if let Value::Text(Cow::Borrowed(text)) = source {
            return match change(text) {
                Ok(text) if text.len() <= LONGEST_TEXT => Ok(Value::Text(text)),
                Ok(_) => fail("the result is too long"),
                Err(error) => too_many_steps(error),
            };
        }
        self.map(source, |text| rewrite(text, &change))
    }

    fn replace_fallback(&self, call: &'a Call, prepared: &'a PreparedReplace, source: Value<'a>) -> Eval<'a> {
        if !source.is_null_or_empty() {
            return Ok(source);
        }
        let pattern = self.pattern(call, prepared)?;
        let group = self.group(call, prepared, &pattern)?;
        let other = self.argument(call, ATTRIBUTE)?;
        let Some(text) = self.text(other)? else { return Ok(Value::Null) };
        // [U] Without a match there is no value.
        let found = match &text {
            Cow::Borrowed(text) => {
                pattern.as_ref().first_group(text, group, &self.budget).map(|found| found.map(Cow::Borrowed))
            }
            Cow::Owned(text) => pattern
                .as_ref()
                .first_group(text, group, &self.budget)
                .map(|found| found.map(|text| Cow::Owned(text.to_owned()))),
        };
        found
            .or_else(too_many_steps)
            .map(|found: Option<Cow<'a, str>>| found.map_or(Value::Null, Value::Text))
    }

    fn replacement(&self, call: &'a Call, pattern: &Pattern) -> Result<Replacement, Stop> {
        Ok(pattern.replacement(&self.text_or_empty(call, NEW)?))
    }

    fn pattern(&self, call: &'a Call, prepared: &'a PreparedReplace) -> Result<ReadyPattern<'a>, Stop> {
        if let Some(pattern) = &prepared.pattern {
            return Ok(ReadyPattern::Constant(pattern));
        }
        let text = self.text_or_empty(call, PATTERN)?;
        match pattern::cached(&text) {
            Ok(pattern) => Ok(ReadyPattern::Computed(pattern)),
            Err(error) => fail(format!("the regular expression cannot be used: {error}")),
        }
    }

    fn group(
        &self,
        call: &'a Call,
        prepared: &PreparedReplace,
        pattern: &ReadyPattern<'_>,
    ) -> Result<usize, Stop> {
        if let Some(group) = prepared.group {
            return Ok(group);
        }
        let name = self.text_or_empty(call, GROUP)?;
        match pattern.as_ref().group(&name) {
            Some(group) => Ok(group),
            None => fail("the regular expression defines no group of the given name"),
        }
    }
}

enum ReadyPattern<'a> {
    Constant(&'a Pattern),
    Computed(Arc<Pattern>),
}

impl AsRef<Pattern> for ReadyPattern<'_> {
    fn as_ref(&self) -> &Pattern {
        match self {
            Self::Constant(pattern) => pattern,
            Self::Computed(pattern) => pattern,
        }
    }
}

fn replace_plain<'a>(text: Cow<'a, str>, old: &str, new: &str) -> Result<Cow<'a, str>, Stop> {
    // [U] An empty oldValue changes nothing.
    if old.is_empty() || !text.contains(old) {
        return Ok(text);
    }
    if new.len() > old.len() && text.matches(old).count().saturating_mul(new.len()) > LONGEST_TEXT {
        return fail("the result is too long");
    }
    Ok(Cow::Owned(text.replace(old, new)))
}

/// Runs a rewriting that may give back a piece of its input, without copying where possible.
fn rewrite<'a>(
    text: Cow<'a, str>,
    rewrite: impl for<'t> Fn(&'t str) -> Result<Cow<'t, str>, TooManySteps>,
) -> Result<Cow<'a, str>, Stop> {
    match text {
        Cow::Borrowed(text) => rewrite(text).or_else(too_many_steps),
        Cow::Owned(text) => {
            let place = match rewrite(&text) {
                Ok(Cow::Borrowed(piece)) => (piece.as_ptr().addr(), piece.len()),
                Ok(Cow::Owned(other)) => return Ok(Cow::Owned(other)),
                Err(error) => return too_many_steps(error),
            };
            Ok(Cow::Owned(cut(text, place)))
        }
    }
}

fn too_many_steps<T>(error: TooManySteps) -> Result<T, Stop> {
    fail(error.to_string())
}
