//! .NET regular expressions: `spec/expressions.md §8.5`.
//!
//! An own matcher rather than a translation to another dialect: group numbers, class subtraction, look-behind
//! that runs from right to left, empty matches behind a match and replacement texts are .NET's, and every step
//! is counted, so that no pattern and no text can hang an evaluation. Balancing groups are refused.

mod blocks;
mod cache;
mod class;
mod compile;
mod matcher;
mod replacement;
mod set;
mod syntax;

use std::borrow::Cow;

use compile::{Program, Start};
use matcher::Matcher;
pub use matcher::TooManySteps;
use replacement::Piece;
use syntax::Groups;

pub(crate) use cache::cached;
pub(crate) use matcher::Budget;
pub(crate) use replacement::Replacement;
pub(crate) use set::separates_words;

/// Why a regular expression was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {})", position + 1)]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
    /// Offset in the pattern, in characters from 0.
    pub position: usize,
    help: Option<&'static str>,
}

impl PatternError {
    fn new(message: impl Into<String>, position: usize) -> Self {
        Self { message: message.into(), position, help: None }
    }

    fn with_help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// What to do next.
    pub fn help(&self) -> Option<&str> {
        self.help
    }
}

/// A compiled .NET regular expression. Case-sensitive unless it says `(?i)`.
#[derive(Debug)]
pub struct Pattern {
    program: Program,
    groups: Groups,
}

impl Pattern {
    /// Compiles a pattern in .NET syntax.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let syntax = syntax::parse(pattern)?;
        let program = compile::compile(&syntax)?;
        Ok(Self { program, groups: syntax.groups })
    }

    /// Whether the pattern matches anywhere in the text.
    pub fn is_match(&self, text: &str) -> Result<bool, TooManySteps> {
        Ok(Matcher::new(&self.program, text, &Budget::default()).find(0)?.is_some())
    }

    /// The number of a group given by name or number.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.groups.by_name(name)
    }

    /// Takes a replacement text apart for this pattern.
    pub(crate) fn replacement(&self, text: &str) -> Replacement {
        Replacement::new(text, &self.groups)
    }

    /// Replaces every match.
    pub(crate) fn replace<'t>(
        &self,
        text: &'t str,
        with: &Replacement,
        budget: &Budget,
    ) -> Result<Cow<'t, str>, TooManySteps> {
        if let (Start::TrailingRun { set, line_feed }, true) = (&self.program.start, with.is_empty()) {
            // All matches are this run and empty ones behind it.
            let (start, end) = matcher::trailing_run(set, *line_feed, text);
            let mut output = Output::new(text);
            output.push_input(0, start);
            output.push_input(end, text.len());
            return Ok(output.finish());
        }
        self.rewrite(text, budget, |matcher, output| {
            with.expand(matcher, text, |piece| match piece {
                Piece::Text(text) => output.push_text(text),
                Piece::Input(from, to) => output.push_input(from, to),
            });
        })
    }

    /// Replaces the text of one group in every match.
    pub(crate) fn replace_group<'t>(
        &self,
        text: &'t str,
        group: usize,
        with: &str,
        budget: &Budget,
    ) -> Result<Cow<'t, str>, TooManySteps> {
        self.rewrite(text, budget, |matcher, output| {
            let (start, end) = matcher.group(0).unwrap_or((0, 0));
            // A group inside a look-around may lie outside of its match; it is then left alone.
            match matcher.group(group).filter(|(from, to)| *from >= start && *to <= end) {
                Some((from, to)) => {
                    output.push_input(start, from);
                    output.push_text(with);
                    output.push_input(to, end);
                }
                None => output.push_input(start, end),
            }
        })
    }

    /// The text of a group in the first match; `None` without match or when the group took no part.
    pub(crate) fn first_group<'t>(
        &self,
        text: &'t str,
        group: usize,
        budget: &Budget,
    ) -> Result<Option<&'t str>, TooManySteps> {
        let mut matcher = Matcher::new(&self.program, text, budget);
        if matcher.find(0)?.is_none() {
            return Ok(None);
        }
        Ok(matcher.group(group).map(|(from, to)| &text[from..to]))
    }

    /// The first position at which a match can begin; cheap, and nowhere in most texts that a clean-up pattern
    /// meets.
    fn first_candidate(&self, text: &str) -> Option<usize> {
        match &self.program.start {
            // `\G` and the like must see where the search began.
            Start::At(set) => set.find(text, 0).map(|at| if self.program.points.is_some() { at } else { 0 }),
            _ => Some(0),
        }
    }

    fn rewrite<'t>(
        &self,
        text: &'t str,
        budget: &Budget,
        mut replace: impl FnMut(&Matcher<'_>, &mut Output<'t>),
    ) -> Result<Cow<'t, str>, TooManySteps> {
        let Some(mut search) = self.first_candidate(text) else {
            return Ok(Cow::Borrowed(text));
        };
        let mut matcher = Matcher::new(&self.program, text, budget);
        let mut output = Output::new(text);
        let mut copied = 0;
        while let Some((start, end)) = matcher.find(search)? {
            output.push_input(copied, start);
            replace(&matcher, &mut output);
            copied = end;
            search = end;
            if start == end {
                // An empty match: go on one character further.
                match text[end..].chars().next() {
                    Some(c) => search += c.len_utf8(),
                    None => break,
                }
            }
            if output.length() > MAXIMUM_OUTPUT {
                return Err(TooManySteps);
            }
        }
        output.push_input(copied, text.len());
        Ok(output.finish())
    }
}

/// Longest text that a replacement may produce, in bytes.
const MAXIMUM_OUTPUT: usize = 1 << 20;

/// Text under construction; borrowed as long as it is one piece of the input.
struct Output<'t> {
    text: &'t str,
    from: usize,
    to: usize,
    owned: Option<String>,
}

impl<'t> Output<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, from: 0, to: 0, owned: None }
    }

    fn length(&self) -> usize {
        self.owned.as_ref().map_or(self.to - self.from, String::len)
    }

    fn push_input(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        if let Some(owned) = &mut self.owned {
            owned.push_str(&self.text[from..to]);
        } else if self.from == self.to {
            (self.from, self.to) = (from, to);
        } else if self.to == from {
            self.to = to;
        } else {
            let text = self.text;
            self.own().push_str(&text[from..to]);
        }
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.own().push_str(text);
        }
    }

    fn own(&mut self) -> &mut String {
        let piece = &self.text[self.from..self.to];
        let capacity = self.text.len();
        self.owned.get_or_insert_with(|| {
            let mut owned = String::with_capacity(capacity + 16);
            owned.push_str(piece);
            owned
        })
    }

    fn finish(self) -> Cow<'t, str> {
        match self.owned {
            Some(owned) => Cow::Owned(owned),
            None => Cow::Borrowed(&self.text[self.from..self.to]),
        }
    }
}

#[cfg(test)]
mod tests;
