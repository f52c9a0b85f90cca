//! Searching with patterns that have only one way through: nothing is tried again, so there is neither a stack nor
//! a memory, and of the groups only the one that is asked for is kept.

use super::assertion::Assertion;
use super::compile::{Inst, LoopKind, Program};
use super::matcher::{Budget, Find, TooManySteps, candidate};

/// Patterns with more groups or instructions than these are left to the general matcher.
const MOST_GROUPS: usize = 8;
const MOST_STEPS: usize = 64;

/// One way through a pattern, with what it takes to keep one group.
#[derive(Debug)]
pub(super) struct Linear {
    steps: Box<[Step]>,
    wanted: usize,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    One {
        set: usize,
    },
    Run {
        set: usize,
        min: u32,
        max: u32,
    },
    Assert(Assertion),
    /// The wanted group begins.
    Open,
    /// The wanted group ends.
    Close,
    /// The wanted group is the last character since it began, if any.
    CloseLast,
}

/// The ways through a linear program, one for each group that may be asked for; none for other programs.
pub(super) fn ways(program: &Program) -> Box<[Linear]> {
    if !program.linear || program.groups > MOST_GROUPS || program.insts.len() > MOST_STEPS {
        return Box::default();
    }
    (0..program.groups).map(|wanted| way(program, wanted)).collect::<Option<_>>().unwrap_or_default()
}

fn way(program: &Program, wanted: usize) -> Option<Linear> {
    // The marks at which the wanted group begins.
    let mut begins = Vec::new();
    for inst in &program.insts {
        match *inst {
            Inst::Capture { number, mark } | Inst::CaptureLast { number, mark, .. } if number == wanted => {
                begins.push(mark);
            }
            _ => {}
        }
    }
    let mut steps = Vec::new();
    let mut open = false;
    for inst in &program.insts {
        match *inst {
            Inst::Set { set, .. } => steps.push(Step::One { set }),
            Inst::Loop { set, min, max, kind: LoopKind::Possessive, .. } => {
                steps.push(Step::Run { set, min, max });
            }
            Inst::Assert(assertion) => steps.push(Step::Assert(assertion)),
            Inst::Mark(mark) if begins.contains(&mark) => {
                // A group within a group of the same name needs both beginnings.
                if open {
                    return None;
                }
                open = true;
                steps.push(Step::Open);
            }
            Inst::Capture { number, .. } if number == wanted => {
                open = false;
                steps.push(Step::Close);
            }
            Inst::CaptureLast { number, .. } if number == wanted => {
                open = false;
                steps.push(Step::CloseLast);
            }
            Inst::Mark(_) | Inst::Capture { .. } | Inst::CaptureLast { .. } | Inst::Match => {}
            _ => return None,
        }
    }
    Some(Linear { steps: steps.into_boxed_slice(), wanted })
}

/// A search of one text.
pub(super) struct Search<'m> {
    program: &'m Program,
    way: &'m Linear,
    text: &'m str,
    budget: &'m Budget,
    search_start: usize,
    whole: (usize, usize),
    group: Option<(usize, usize)>,
}

impl<'m> Search<'m> {
    pub(super) fn new(program: &'m Program, way: &'m Linear, text: &'m str, budget: &'m Budget) -> Self {
        Self { program, way, text, budget, search_start: 0, whole: (0, 0), group: None }
    }

    /// Goes the way from `start`; the end of the match.
    fn walk(&mut self, start: usize) -> Result<Option<usize>, TooManySteps> {
        let mut at = start;
        let mut begin = start;
        self.group = None;
        for step in &self.way.steps {
            match *step {
                Step::One { set } => match self.program.sets[set].match_at(self.text, at) {
                    Some(length) => at += length,
                    None => return Ok(None),
                },
                Step::Run { set, min: 0, max: u32::MAX } => {
                    let end = self.program.sets[set].run(self.text, at);
                    self.budget.spend((end - at) as u64 / 16)?;
                    at = end;
                }
                Step::Run { set, min, max } => {
                    let Some(end) = self.counted_run(set, min, max, at)? else { return Ok(None) };
                    at = end;
                }
                Step::Assert(assertion) => {
                    if !assertion.holds(self.text, at, self.search_start) {
                        return Ok(None);
                    }
                }
                Step::Open => begin = at,
                Step::Close => self.group = Some((begin, at)),
                Step::CloseLast => {
                    if begin != at {
                        let last = self.text[..at].chars().next_back().map_or(0, char::len_utf8);
                        self.group = Some((at - last, at));
                    }
                }
            }
        }
        Ok(Some(at))
    }

    fn counted_run(
        &self,
        set: usize,
        min: u32,
        max: u32,
        start: usize,
    ) -> Result<Option<usize>, TooManySteps> {
        let set = &self.program.sets[set];
        let (mut at, mut count) = (start, 0);
        if max == u32::MAX {
            while count < min {
                let Some(length) = set.match_at(self.text, at) else { return Ok(None) };
                at += length;
                count += 1;
            }
            at = set.run(self.text, at);
        } else {
            while count < max
                && let Some(length) = set.match_at(self.text, at)
            {
                at += length;
                count += 1;
            }
        }
        self.budget.spend((at - start) as u64 / 16)?;
        Ok((count >= min).then_some(at))
    }
}

impl Find for Search<'_> {
    #[inline]
    fn find(&mut self, from: usize) -> Result<Option<(usize, usize)>, TooManySteps> {
        self.search_start = from;
        let mut at = from;
        loop {
            let Some(start) = candidate(self.program, self.text, at, |steps| self.budget.spend(steps))?
            else {
                return Ok(None);
            };
            self.budget.spend(1 + self.way.steps.len() as u64 / 4)?;
            if let Some(end) = self.walk(start)? {
                self.whole = (start, end);
                return Ok(Some(self.whole));
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

    fn group(&self, number: usize) -> Option<(usize, usize)> {
        match number {
            0 => Some(self.whole),
            number if number == self.way.wanted => self.group,
            _ => None,
        }
    }
}
