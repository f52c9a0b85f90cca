//! Chains of text functions with constant parameters, such as `Mid(Replace([userName], …), 1, 20)`.
//!
//! Most of what they do to most texts is to cut something off, or nothing at all. As long as that is so, a chain
//! hands on a piece of the attribute's text; once a text had to be written, it hands on a piece of that one. There
//! is no recursion, no copy, no value built in between.

use std::borrow::Cow;

use super::text::{cut, strip_spaces};
use super::{Eval, Evaluator, LONGEST_TEXT};
use crate::casing;
use crate::diacritics;
use crate::function::Function;
use crate::node::{Call, Kind, Node, Prepared};
use crate::pattern::{Budget, TooManySteps};
use crate::value::Value;

/// Longest chain that is walked at once; a longer one is walked in several parts.
const LONGEST_CHAIN: usize = 8;

/// Whether a call changes one text, and [`change`] may know how.
pub(crate) fn changes_text(call: &Call) -> bool {
    match &call.prepared {
        _ if call.folded.is_some() => false,
        Prepared::Nothing | Prepared::Interval(_) | Prepared::Formats { .. } => false,
        Prepared::Replace(replace) => replace.is_constant(),
        _ => true,
    }
}

/// The result for a text; an error when it must be found, or fail, the long way.
#[inline]
fn change<'t>(call: &Call, text: &'t str, budget: &Budget) -> Result<Cow<'t, str>, TooManySteps> {
    let unchanged = Cow::Borrowed(text);
    Ok(match &call.prepared {
        Prepared::Replace(replace) => return replace.change(text, budget),
        Prepared::Slice(slice) => Cow::Borrowed(slice.of(text)),
        Prepared::Lower(culture) => casing::to_lower(unchanged, *culture),
        Prepared::Upper(culture) => casing::to_upper(unchanged, *culture),
        Prepared::NormalizeDiacritics => diacritics::normalize(unchanged),
        Prepared::StripSpaces => strip_spaces(unchanged),
        Prepared::Trim => Cow::Borrowed(text.trim()),
        Prepared::Nothing | Prepared::Interval(_) | Prepared::Formats { .. } => return Err(TooManySteps),
    })
}

/// What a chain gives.
pub(super) enum Chained<'a> {
    /// A piece of an attribute's text. Apart from the other results, because values that are built, looked at and
    /// moved cost more than to find the piece.
    Piece(&'a str),
    Other(Eval<'a>),
}

impl<'a> Evaluator<'a> {
    /// The result of a call that [changes a text](changes_text), together with the calls of that kind inside it.
    #[inline(never)]
    pub(super) fn chain(&self, outermost: &'a Node) -> Chained<'a> {
        let mut chain = [outermost; LONGEST_CHAIN];
        let mut length = 0;
        let mut next = Some(outermost);
        while let Some(node) = next
            && let Kind::Call(call) = &node.kind
            && call.changes_text
            && length < LONGEST_CHAIN
        {
            chain[length] = node;
            length += 1;
            next = call.argument(0);
        }
        let chain = &chain[..length];
        if let Some(Node { kind: Kind::Attribute(slot), .. }) = next {
            return match self.source.value(*slot, &self.attributes[*slot]) {
                Value::Text(Cow::Borrowed(text)) if text.len() <= LONGEST_TEXT => {
                    self.change_borrowed(chain, text)
                }
                source => Chained::Other(self.change_value(chain, source)),
            };
        }
        let source = next.map_or(Ok(Value::Null), |node| self.node(node));
        Chained::Other(source.and_then(|source| self.change_value(chain, source)))
    }

    /// The same as a value.
    #[inline(never)]
    pub(super) fn chained(&self, outermost: &'a Node) -> Eval<'a> {
        match self.chain(outermost) {
            Chained::Piece(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Chained::Other(result) => result,
        }
    }

    /// Applies the functions, the last of the chain first.
    #[inline]
    fn change_borrowed(&self, chain: &[&'a Node], text: &'a str) -> Chained<'a> {
        let mut text = text;
        for (index, node) in chain.iter().enumerate().rev() {
            let Kind::Call(call) = &node.kind else { continue };
            match change(call, text, &self.budget) {
                Ok(Cow::Borrowed(piece)) => text = piece,
                Ok(Cow::Owned(written)) if written.len() <= LONGEST_TEXT => {
                    return Chained::Other(self.change_owned(&chain[..index], written));
                }
                _ => {
                    let source = Value::Text(Cow::Borrowed(text));
                    return Chained::Other(self.change_value(&chain[..=index], source));
                }
            }
        }
        Chained::Piece(text)
    }

    #[inline(never)]
    fn change_owned(&self, chain: &[&'a Node], text: String) -> Eval<'a> {
        let mut text = text;
        for (index, node) in chain.iter().enumerate().rev() {
            let Kind::Call(call) = &node.kind else { continue };
            match change(call, &text, &self.budget) {
                Ok(Cow::Borrowed(piece)) => {
                    let place = (piece.as_ptr().addr(), piece.len());
                    text = cut(text, place);
                }
                Ok(Cow::Owned(written)) if written.len() <= LONGEST_TEXT => text = written,
                _ => return self.change_value(&chain[..=index], Value::from(text)),
            }
        }
        Ok(Value::from(text))
    }

    /// The long way: several values, none at all, and everything that fails.
    #[inline(never)]
    fn change_value(&self, chain: &[&'a Node], source: Value<'a>) -> Eval<'a> {
        let mut value = source;
        for node in chain.iter().rev() {
            let Kind::Call(call) = &node.kind else { continue };
            self.running.set(Some(node));
            value = self.apply(call, value)?;
        }
        Ok(value)
    }

    fn apply(&self, call: &'a Call, source: Value<'a>) -> Eval<'a> {
        match call.function() {
            Function::Left => self.left(call, source),
            Function::Mid => self.mid(call, source),
            Function::NormalizeDiacritics => self.normalize(source),
            Function::Replace => self.replace(call, source),
            Function::StripSpaces => self.strip_spaces(source),
            Function::ToLower => self.change_case(call, source, casing::to_lower),
            Function::ToUpper => self.change_case(call, source, casing::to_upper),
            Function::Trim => self.trim(source),
            _ => Ok(source),
        }
    }
}
