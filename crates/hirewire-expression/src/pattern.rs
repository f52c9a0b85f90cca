//! .NET regular expressions: `spec/expressions.md §8.5`.
//!
//! An own matcher rather than a translation to another dialect: group numbers, class subtraction, look-behind
//! that runs from right to left, empty matches behind a match and replacement texts are .NET's, and every step
//! is counted, so that no pattern and no text can hang an evaluation. Balancing groups are refused.

mod assertion;
mod blocks;
mod cache;
mod class;
mod compile;
mod linear;
mod matcher;
mod output;
mod replacement;
mod set;
mod syntax;

use std::borrow::Cow;

use compile::{Program, Start};
use linear::Linear;
pub use matcher::TooManySteps;
use matcher::{Find, Matcher};
use output::Output;
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
    /// For each group the way through the pattern that keeps it, when the pattern has only one way.
    ways: Box<[Linear]>,
}

impl Pattern {
    /// Compiles a pattern in .NET syntax.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let syntax = syntax::parse(pattern)?;
        let program = compile::compile(&syntax)?;
        let ways = linear::ways(&program);
        Ok(Self { program, groups: syntax.groups, ways })
    }

    /// Whether the pattern matches anywhere in the text.
    pub fn is_match(&self, text: &str) -> Result<bool, TooManySteps> {
        let budget = Budget::default();
        Ok(match self.ways.first() {
            Some(way) => linear::Search::new(&self.program, way, text, &budget).find(0)?,
            None => Matcher::new(&self.program, text, &budget).find(0)?,
        }
        .is_some())
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
    #[inline]
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
        let Some(from) = self.first_candidate(text) else { return Ok(Cow::Borrowed(text)) };
        match with.only_group().and_then(|group| self.ways.get(group)) {
            Some(way) => {
                let search = linear::Search::new(&self.program, way, text, budget);
                rewrite(text, from, search, |search, output| with.write(search, text, output))
            }
            None => {
                let matcher = Matcher::new(&self.program, text, budget);
                rewrite(text, from, matcher, |matcher, output| with.write(matcher, text, output))
            }
        }
    }

    /// Replaces the text of one group in every match.
    #[inline]
    pub(crate) fn replace_group<'t>(
        &self,
        text: &'t str,
        group: usize,
        with: &str,
        budget: &Budget,
    ) -> Result<Cow<'t, str>, TooManySteps> {
        let Some(from) = self.first_candidate(text) else { return Ok(Cow::Borrowed(text)) };
        match self.ways.get(group) {
            Some(way) => {
                let search = linear::Search::new(&self.program, way, text, budget);
                rewrite(text, from, search, |search, output| write_around(search, group, with, output))
            }
            None => {
                let matcher = Matcher::new(&self.program, text, budget);
                rewrite(text, from, matcher, |matcher, output| write_around(matcher, group, with, output))
            }
        }
    }

    /// The text of a group in the first match; `None` without match or when the group took no part.
    pub(crate) fn first_group<'t>(
        &self,
        text: &'t str,
        group: usize,
        budget: &Budget,
    ) -> Result<Option<&'t str>, TooManySteps> {
        let found = match self.ways.get(group) {
            Some(way) => {
                let mut search = linear::Search::new(&self.program, way, text, budget);
                search.find(0)?.and_then(|_| search.group(group))
            }
            None => {
                let mut matcher = Matcher::new(&self.program, text, budget);
                matcher.find(0)?.and_then(|_| matcher.group(group))
            }
        };
        Ok(found.map(|(from, to)| &text[from..to]))
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
}

/// Replaces all matches from `from` on.
fn rewrite<'t, F: Find>(
    text: &'t str,
    from: usize,
    mut find: F,
    replace: impl Fn(&F, &mut Output<'t>),
) -> Result<Cow<'t, str>, TooManySteps> {
    let mut output = Output::new(text);
    let mut copied = 0;
    let mut search = from;
    while let Some((start, end)) = find.find(search)? {
        output.push_input(copied, start);
        replace(&find, &mut output);
        copied = end;
        search = end;
        if start == end {
            // An empty match: go on one character further.
            match text[end..].chars().next() {
                Some(c) => search += c.len_utf8(),
                None => break,
            }
        }
        if output.is_full() {
            return Err(TooManySteps);
        }
    }
    output.push_input(copied, text.len());
    if output.is_full() { Err(TooManySteps) } else { Ok(output.finish()) }
}

/// Writes a match with the text of one group replaced. A group inside a look-around may lie outside of its match;
/// it is then left alone.
fn write_around(found: &impl Find, group: usize, with: &str, output: &mut Output<'_>) {
    let (start, end) = found.group(0).unwrap_or((0, 0));
    match found.group(group).filter(|(from, to)| *from >= start && *to <= end) {
        Some((from, to)) => {
            output.push_input(start, from);
            output.push_text(with);
            output.push_input(to, end);
        }
        None => output.push_input(start, end),
    }
}

#[cfg(test)]
mod tests;
