//! The backtracking matcher: exact .NET order of preference, every step counted.

use std::cell::Cell;

use super::compile::{Inst, LoopKind, Program, Start, SubKind};
use super::set::Set;

/// Steps that one evaluation may cost; a few milliseconds.
pub(super) const STEP_LIMIT: u64 = 250_000;

/// The steps that are left to an evaluation.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(STEP_LIMIT))
    }
}

impl Budget {
    /// How many steps were taken.
    #[cfg(test)]
    pub(super) fn spent(&self) -> u64 {
        STEP_LIMIT - self.0.get()
    }

    /// Takes steps away; fails when there are too few, and ever after.
    #[inline]
    pub(super) fn spend(&self, steps: u64) -> Result<(), TooManySteps> {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or(TooManySteps)
    }
}

/// A search for the matches of a pattern in one text.
pub(super) trait Find {
    /// The leftmost match at or after `from`.
    fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, TooManySteps>;

    /// The span of a group of the last match.
    fn group(&self, number: usize) -> Option<(usize, usize)>;
}

/// The next position at which a match may begin.
#[inline]
pub(super) fn candidate(
    program: &Program,
    text: &str,
    at: usize,
    mut spend: impl FnMut(u64) -> Result<(), TooManySteps>,
) -> Result<Option<usize>, TooManySteps> {
    Ok(match &program.start {
        Start::Anywhere => Some(at),
        Start::Anchored => (at == 0).then_some(0),
        Start::At(set) => {
            let found = set.find(text, at);
            spend((found.unwrap_or(text.len()) - at) as u64 / 16)?;
            found
        }
        Start::TrailingRun { set, line_feed } => {
            let (start, last) = trailing_run(set, *line_feed, text);
            spend(1)?;
            Some(if at > last { at } else { at.max(start) })
        }
    })
}

/// The step limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matching the regular expression takes too many steps")]
pub struct TooManySteps;

/// A position that no text has.
const NOWHERE: usize = usize::MAX;

/// Largest table of failed states, in bits.
const MAXIMUM_MEMO: usize = 1 << 24;

pub(super) struct Matcher<'m> {
    program: &'m Program,
    text: &'m str,
    /// Start and end of every group.
    groups: Positions,
    marks: Positions,
    stack: Vec<Undo>,
    budget: &'m Budget,
    steps_left: u64,
    /// Where the last match ended, for `\G`.
    search_start: usize,
    memo: Memo,
    /// Whether a failed attempt may have left groups behind.
    dirty: bool,
}

/// What to try, or to put back, when the way taken fails.
#[derive(Debug, Clone, Copy)]
enum Undo {
    Branch {
        place: usize,
        at: usize,
    },
    /// A greedy loop may end earlier, down to `low` (up to it when running backwards).
    Shrink {
        place: usize,
        low: usize,
        at: usize,
        back: bool,
    },
    /// A lazy loop may take more.
    Grow {
        place: usize,
        at: usize,
        left: u32,
    },
    Group {
        number: usize,
        start: usize,
        end: usize,
    },
    Mark {
        mark: usize,
        at: usize,
    },
}

/// A few positions without allocation.
#[derive(Debug)]
struct Positions {
    few: [u32; 8],
    many: Vec<u32>,
}

impl Positions {
    #[inline(always)]
    fn new(length: usize) -> Self {
        let many = if length > 8 { vec![u32::MAX; length] } else { Vec::new() };
        Self { few: [u32::MAX; 8], many }
    }

    fn clear(&mut self) {
        self.few = [u32::MAX; 8];
        self.many.fill(u32::MAX);
    }

    fn get(&self, index: usize) -> usize {
        let value = if self.many.is_empty() { self.few[index & 7] } else { self.many[index] };
        if value == u32::MAX { NOWHERE } else { value as usize }
    }

    /// Texts are shorter than 4 GiB: [`Matcher::find`] refuses longer ones.
    fn set(&mut self, index: usize, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        if self.many.is_empty() {
            self.few[index & 7] = value;
        } else {
            self.many[index] = value;
        }
    }
}

/// States (branching instruction and position) that were entered and did not lead to a match.
#[derive(Debug, Default)]
struct Memo {
    /// Empty until a search gets long.
    bits: Vec<u64>,
    /// Steps after which the table is worth its price; 0 when the program does not allow one.
    worth_after: u64,
}

/// Start and end of the run of members before the end, or before a final line feed.
pub(super) fn trailing_run(set: &Set, line_feed: bool, text: &str) -> (usize, usize) {
    let last = text.len() - usize::from(line_feed && text.ends_with('\n'));
    (set.run_before(text, last), last)
}

impl Drop for Matcher<'_> {
    fn drop(&mut self) {
        self.budget.0.set(self.steps_left);
    }
}

impl Find for Matcher<'_> {
    fn group(&self, number: usize) -> Option<(usize, usize)> {
        let (start, end) = (self.groups.get(number * 2), self.groups.get(number * 2 + 1));
        (start != NOWHERE && end != NOWHERE).then_some((start, end))
    }

    fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, TooManySteps> {
        if self.text.len() >= u32::MAX as usize {
            return Err(TooManySteps);
        }
        self.search_start = from;
        self.memo.bits.clear();
        let steps_before = self.steps_left;
        let mut at = from;
        loop {
            let (program, text) = (self.program, self.text);
            let Some(start) = candidate(program, text, at, |steps| self.spend(steps))? else {
                return Ok(None);
            };
            if self.dirty {
                self.groups.clear();
                self.dirty = false;
            }
            if let Some(end) = self.run(0, start, steps_before)? {
                self.groups.set(0, start);
                self.groups.set(1, end);
                self.dirty = true;
                return Ok(Some((start, end)));
            }
            match self.text[start..].chars().next() {
                Some(c) => at = start + c.len_utf8(),
                None => return Ok(None),
            }
            if let Some(set) = self.program.leading_run {
                at = at.max(self.program.sets[set].run(self.text, start));
            }
        }
    }
}

impl<'m> Matcher<'m> {
    pub(super) fn new(program: &'m Program, text: &'m str, budget: &'m Budget) -> Self {
        let states = program.points.map_or(0, |points| points * 2 * (text.len() + 1));
        let possible = states > 0 && states <= MAXIMUM_MEMO;
        let worth_after = if possible { 256 + states as u64 / 256 } else { 0 };
        Self {
            program,
            text,
            groups: Positions::new(program.groups * 2),
            marks: Positions::new(program.marks),
            stack: Vec::new(),
            budget,
            steps_left: budget.0.get(),
            search_start: 0,
            memo: Memo { bits: Vec::new(), worth_after },
            dirty: false,
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), TooManySteps> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => {
                self.steps_left = 0;
                Err(TooManySteps)
            }
        }
    }

    /// Runs from an instruction to its `Match`; gives the end of the match.
    fn run(&mut self, place: usize, at: usize, steps_before: u64) -> Result<Option<usize>, TooManySteps> {
        let base = self.stack.len();
        let (mut place, mut at) = (place, at);
        loop {
            self.spend(1)?;
            let next = match self.program.insts[place] {
                Inst::Match => return Ok(Some(at)),
                Inst::Set { set, back } => self.step(set, at, back).map(|to| (place + 1, to)),
                Inst::Loop { set, min, max, kind, back } => {
                    self.enter_loop(place, at, (set, min, max, back), kind, steps_before)?
                }
                Inst::Split { first, second, point } => {
                    if self.was_here(point * 2, at, steps_before) {
                        None
                    } else {
                        self.stack.push(Undo::Branch { place: second, at });
                        Some((first, at))
                    }
                }
                Inst::Jump(to) => Some((to, at)),
                Inst::Mark(mark) => {
                    if !self.stack.is_empty() {
                        self.stack.push(Undo::Mark { mark, at: self.marks.get(mark) });
                    }
                    self.marks.set(mark, at);
                    Some((place + 1, at))
                }
                Inst::Capture { number, mark } => {
                    let from = self.marks.get(mark);
                    self.capture(number, from.min(at), from.max(at));
                    Some((place + 1, at))
                }
                Inst::CaptureLast { number, mark, back } => {
                    self.capture_last(number, self.marks.get(mark), at, back);
                    Some((place + 1, at))
                }
                Inst::Progress { mark, exit } => {
                    Some((if self.marks.get(mark) == at { exit } else { place + 1 }, at))
                }
                Inst::Assert(assertion) => {
                    assertion.holds(self.text, at, self.search_start).then_some((place + 1, at))
                }
                Inst::Backreference { number, ignore_case, back } => {
                    self.backreference(number, at, ignore_case, back)?.map(|to| (place + 1, to))
                }
                Inst::Sub { kind, end } => self.sub(place, at, kind, end, steps_before)?,
                Inst::IfGroup { number, no } => {
                    Some((if self.group(number).is_some() { place + 1 } else { no }, at))
                }
            };
            match next {
                Some(next) => (place, at) = next,
                None => match self.backtrack(base, steps_before)? {
                    Some(next) => (place, at) = next,
                    None => return Ok(None),
                },
            }
        }
    }

    fn step(&self, set: usize, at: usize, back: bool) -> Option<usize> {
        let set = &self.program.sets[set];
        if back {
            set.match_before(self.text, at).map(|length| at - length)
        } else {
            set.match_at(self.text, at).map(|length| at + length)
        }
    }

    fn enter_loop(
        &mut self,
        place: usize,
        at: usize,
        (set, min, max, back): (usize, u32, u32, bool),
        kind: LoopKind,
        steps_before: u64,
    ) -> Result<Option<(usize, usize)>, TooManySteps> {
        if let LoopKind::Greedy { point } | LoopKind::Lazy { point } = kind
            && self.was_here(point * 2, at, steps_before)
        {
            return Ok(None);
        }
        let mut low = at;
        for _ in 0..min {
            let Some(to) = self.step(set, low, back) else { return Ok(None) };
            low = to;
            self.spend(u64::from(low & 15 == 0))?;
        }
        if matches!(kind, LoopKind::Lazy { .. }) {
            if max > min {
                self.stack.push(Undo::Grow { place, at: low, left: max - min });
            }
            return Ok(Some((place + 1, low)));
        }
        let high = if max == u32::MAX {
            let set = &self.program.sets[set];
            if back { set.run_before(self.text, low) } else { set.run(self.text, low) }
        } else {
            let mut high = low;
            for _ in min..max {
                let Some(to) = self.step(set, high, back) else { break };
                high = to;
            }
            high
        };
        self.spend(high.abs_diff(low) as u64 / 16)?;
        if high != low && matches!(kind, LoopKind::Greedy { .. }) {
            self.stack.push(Undo::Shrink { place, low, at: high, back });
        }
        Ok(Some((place + 1, high)))
    }

    /// Whether this branching state was entered before, without success; remembers it.
    fn was_here(&mut self, state: usize, at: usize, steps_before: u64) -> bool {
        if self.memo.bits.is_empty() {
            let worth_after = self.memo.worth_after;
            if worth_after == 0 || steps_before - self.steps_left < worth_after {
                return false;
            }
            let states = self.program.points.unwrap_or(0) * 2 * (self.text.len() + 1);
            self.memo.bits.resize(states / 64 + 1, 0);
        }
        let index = state * (self.text.len() + 1) + at;
        let (word, bit) = (index / 64, 1_u64 << (index % 64));
        let seen = self.memo.bits[word] & bit != 0;
        self.memo.bits[word] |= bit;
        seen
    }

    fn capture(&mut self, number: usize, start: usize, end: usize) {
        if !self.stack.is_empty() {
            let (start, end) = (self.groups.get(number * 2), self.groups.get(number * 2 + 1));
            self.stack.push(Undo::Group { number, start, end });
        }
        self.dirty = true;
        self.groups.set(number * 2, start);
        self.groups.set(number * 2 + 1, end);
    }

    fn capture_last(&mut self, number: usize, mark: usize, at: usize, back: bool) {
        if mark == at {
            return;
        }
        if back {
            let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
            self.capture(number, at, at + length);
        } else {
            let length = self.text[..at].chars().next_back().map_or(0, char::len_utf8);
            self.capture(number, at - length, at);
        }
    }

    /// Takes back steps until there is another way to try.
    fn backtrack(&mut self, base: usize, steps_before: u64) -> Result<Option<(usize, usize)>, TooManySteps> {
        while self.stack.len() > base {
            self.spend(1)?;
            match self.stack.pop() {
                None => break,
                Some(Undo::Branch { place, at }) => return Ok(Some((place, at))),
                Some(Undo::Shrink { place, low, at, back }) => {
                    let to = if back { self.char_after(at) } else { self.char_before(at) };
                    if to != low {
                        self.stack.push(Undo::Shrink { place, low, at: to, back });
                    }
                    if !self.continued_here(place, to, steps_before) {
                        return Ok(Some((place + 1, to)));
                    }
                }
                Some(Undo::Grow { place, at, left }) => {
                    let Inst::Loop { set, max, back, .. } = self.program.insts[place] else { continue };
                    let Some(to) = self.step(set, at, back) else { continue };
                    let left = if max == u32::MAX { left } else { left - 1 };
                    if left > 0 {
                        self.stack.push(Undo::Grow { place, at: to, left });
                    }
                    if !self.continued_here(place, to, steps_before) {
                        return Ok(Some((place + 1, to)));
                    }
                }
                Some(Undo::Group { number, start, end }) => {
                    self.groups.set(number * 2, start);
                    self.groups.set(number * 2 + 1, end);
                }
                Some(Undo::Mark { mark, at }) => self.marks.set(mark, at),
            }
        }
        Ok(None)
    }

    /// Whether going on behind this loop at this position failed before.
    fn continued_here(&mut self, place: usize, at: usize, steps_before: u64) -> bool {
        match self.program.insts[place] {
            // What follows may look at the mark before the loop (a group around it): then the position is not
            // the whole state, but which way succeeds does not depend on groups.
            Inst::Loop { kind: LoopKind::Greedy { point } | LoopKind::Lazy { point }, .. } => {
                self.was_here(point * 2 + 1, at, steps_before)
            }
            _ => false,
        }
    }

    fn char_before(&self, at: usize) -> usize {
        at - self.text[..at].chars().next_back().map_or(0, char::len_utf8)
    }

    fn char_after(&self, at: usize) -> usize {
        at + self.text[at..].chars().next().map_or(0, char::len_utf8)
    }

    /// Matches a sub-program on its own: what it could still try is forgotten.
    fn sub(
        &mut self,
        place: usize,
        at: usize,
        kind: SubKind,
        end: usize,
        steps_before: u64,
    ) -> Result<Option<(usize, usize)>, TooManySteps> {
        let base = self.stack.len();
        // Undo entries below must survive even when nothing else waits.
        self.stack.push(Undo::Branch { place: usize::MAX, at });
        let guard = self.stack.len();
        let matched = self.run(place + 1, at, steps_before)?;
        let negative =
            matches!(kind, SubKind::Look { negative: true } | SubKind::Condition { negative: true, .. });
        if matched.is_some() && !negative {
            // Keep only what puts groups back.
            let mut kept = base;
            for index in guard..self.stack.len() {
                if let undo @ (Undo::Group { .. } | Undo::Mark { .. }) = self.stack[index] {
                    self.stack[kept] = undo;
                    kept += 1;
                }
            }
            self.stack.truncate(kept);
        } else {
            while self.stack.len() > guard {
                match self.stack.pop() {
                    Some(Undo::Group { number, start, end }) => {
                        self.groups.set(number * 2, start);
                        self.groups.set(number * 2 + 1, end);
                    }
                    Some(Undo::Mark { mark, at }) => self.marks.set(mark, at),
                    _ => {}
                }
            }
            self.stack.truncate(base);
        }
        let holds = matched.is_some() != negative;
        Ok(match kind {
            SubKind::Atomic => matched.map(|to| (end, to)),
            SubKind::Look { .. } => holds.then_some((end, at)),
            SubKind::Condition { no, .. } => Some((if holds { end } else { no }, at)),
        })
    }

    fn backreference(
        &mut self,
        number: usize,
        at: usize,
        ignore_case: bool,
        back: bool,
    ) -> Result<Option<usize>, TooManySteps> {
        let Some((start, end)) = self.group(number) else { return Ok(None) };
        let wanted = &self.text[start..end];
        self.spend(wanted.len() as u64 / 8)?;
        let rest = if back { &self.text[..at] } else { &self.text[at..] };
        if !ignore_case {
            let found = if back { rest.ends_with(wanted) } else { rest.starts_with(wanted) };
            let to = if back { at.wrapping_sub(wanted.len()) } else { at + wanted.len() };
            return Ok(found.then_some(to));
        }
        let same = |a: char, b: char| a == b || a.to_lowercase().eq(b.to_lowercase());
        let mut length = 0;
        if back {
            let mut rest = rest.chars().rev();
            for c in wanted.chars().rev() {
                match rest.next() {
                    Some(other) if same(c, other) => length += other.len_utf8(),
                    _ => return Ok(None),
                }
            }
            return Ok(Some(at - length));
        }
        let mut rest = rest.chars();
        for c in wanted.chars() {
            match rest.next() {
                Some(other) if same(c, other) => length += other.len_utf8(),
                _ => return Ok(None),
            }
        }
        Ok(Some(at + length))
    }
}
