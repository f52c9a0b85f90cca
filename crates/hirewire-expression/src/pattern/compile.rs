//! Tree to program: a list of instructions for the backtracking matcher.
//!
//! Look-behind is compiled to run from right to left, as in .NET, so greedy loops and captures inside it agree
//! with .NET's.

use regex_syntax::hir::ClassUnicode;

use super::PatternError;
use super::assertion::Assertion;
use super::set::Set;
use super::syntax::{Ast, Syntax};

/// Most instructions of a program; counted repetitions are written out.
const MAXIMUM_SIZE: usize = 20_000;

/// How far the look-ahead of the optimiser goes.
const FUEL: u32 = 24;

#[derive(Debug, Clone, Copy)]
pub(super) enum Inst {
    /// The end of the program, or of a sub-program.
    Match,
    Set {
        set: usize,
        back: bool,
    },
    /// As many characters of one set as possible (or as few), between `min` and `max`.
    Loop {
        set: usize,
        min: u32,
        max: u32,
        kind: LoopKind,
        back: bool,
    },
    /// Tries `first`, then `second`. `point` numbers the branching instructions.
    Split {
        first: usize,
        second: usize,
        point: usize,
    },
    Jump(usize),
    /// Remembers the position.
    Mark(usize),
    /// The group spans from the mark to here.
    Capture {
        number: usize,
        mark: usize,
    },
    /// The group is the last character between the mark and here, if any.
    CaptureLast {
        number: usize,
        mark: usize,
        back: bool,
    },
    /// A repetition that consumed nothing since the mark is the last one.
    Progress {
        mark: usize,
        exit: usize,
    },
    Assert(Assertion),
    Backreference {
        number: usize,
        ignore_case: bool,
        back: bool,
    },
    /// The instructions up to `end` are matched on their own.
    Sub {
        kind: SubKind,
        end: usize,
    },
    IfGroup {
        number: usize,
        no: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    /// Gives back characters one by one; `point` as in `Split`.
    Greedy {
        point: usize,
    },
    Lazy {
        point: usize,
    },
    /// Giving back could not help: what follows matches none of the loop's characters.
    Possessive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubKind {
    Atomic,
    Look {
        negative: bool,
    },
    /// Continues behind the sub-program when it matches, at `no` otherwise; consumes nothing.
    Condition {
        negative: bool,
        no: usize,
    },
}

/// Where a match may begin.
#[derive(Debug)]
pub(super) enum Start {
    /// Anywhere.
    Anywhere,
    /// At a character of this set.
    At(Set),
    /// At the beginning of the text only.
    Anchored,
    /// The pattern is a loop over this set up to the end: the run of members before it.
    TrailingRun {
        set: Set,
        /// The end may be before a final line feed.
        line_feed: bool,
    },
}

#[derive(Debug)]
pub(super) struct Program {
    pub(super) insts: Vec<Inst>,
    pub(super) sets: Vec<Set>,
    /// Number of groups, the whole match included.
    pub(super) groups: usize,
    pub(super) marks: usize,
    pub(super) start: Start,
    /// Branching instructions, when the state of a match is nothing but instruction and position: what failed
    /// there once fails always.
    pub(super) points: Option<usize>,
    /// The pattern begins with an unbounded loop over this set that gives nothing back: when an attempt fails,
    /// all attempts within the run of members fail at the same place.
    pub(super) leading_run: Option<usize>,
    /// There is only one way through the program: nothing is ever tried again.
    pub(super) linear: bool,
}

pub(super) fn compile(syntax: &Syntax) -> Result<Program, PatternError> {
    let mut compiler = Compiler {
        insts: Vec::new(),
        classes: Vec::new(),
        sets: Vec::new(),
        marks: 0,
        points: 0,
        memoizable: true,
    };
    compiler.node(&syntax.root, false)?;
    compiler.push(Inst::Match)?;
    let Compiler { insts, sets, marks, points, memoizable, .. } = compiler;
    let mut program = Program {
        insts,
        sets,
        groups: syntax.groups.last() + 1,
        marks,
        start: Start::Anywhere,
        points: memoizable.then_some(points),
        leading_run: None,
        linear: false,
    };
    make_possessive(&mut program);
    program.linear = program.insts.iter().all(|inst| match inst {
        Inst::Match | Inst::Mark(_) | Inst::Capture { .. } | Inst::CaptureLast { .. } | Inst::Assert(_) => {
            true
        }
        Inst::Set { back, .. } => !back,
        Inst::Loop { kind, back, .. } => *kind == LoopKind::Possessive && !back,
        _ => false,
    });
    program.leading_run = leading_run(&program);
    program.start = start_of(&program);
    Ok(program)
}

struct Compiler {
    insts: Vec<Inst>,
    classes: Vec<ClassUnicode>,
    sets: Vec<Set>,
    marks: usize,
    points: usize,
    memoizable: bool,
}

impl Compiler {
    fn push(&mut self, inst: Inst) -> Result<usize, PatternError> {
        if self.insts.len() >= MAXIMUM_SIZE {
            return Err(PatternError::new(
                "the pattern is too large when its repetitions are written out",
                0,
            ));
        }
        self.insts.push(inst);
        Ok(self.insts.len() - 1)
    }

    fn next(&self) -> usize {
        self.insts.len()
    }

    fn set(&mut self, class: &ClassUnicode) -> usize {
        if let Some(known) = self.classes.iter().position(|known| known == class) {
            return known;
        }
        self.sets.push(Set::new(class));
        self.classes.push(class.clone());
        self.sets.len() - 1
    }

    fn mark(&mut self) -> usize {
        self.marks += 1;
        self.marks - 1
    }

    fn point(&mut self) -> usize {
        self.points += 1;
        self.points - 1
    }

    fn node(&mut self, ast: &Ast, back: bool) -> Result<(), PatternError> {
        match ast {
            Ast::Empty => {}
            Ast::Set(class) => {
                let set = self.set(class);
                self.push(Inst::Set { set, back })?;
            }
            Ast::Concat(parts) => {
                if back {
                    parts.iter().rev().try_for_each(|part| self.node(part, back))?;
                } else {
                    parts.iter().try_for_each(|part| self.node(part, back))?;
                }
            }
            Ast::Alternate(branches) => self.alternate(branches, back)?,
            Ast::Group { number, inner } => {
                let mark = self.mark();
                self.push(Inst::Mark(mark))?;
                self.node(inner, back)?;
                self.push(Inst::Capture { number: *number, mark })?;
            }
            Ast::Repeat { inner, min, max, lazy } => self.repeat(inner, *min, *max, *lazy, back)?,
            Ast::Look { behind, negative, inner } => {
                self.memoizable = false;
                self.sub(SubKind::Look { negative: *negative }, inner, *behind)?;
            }
            Ast::Atomic(inner) => {
                self.memoizable = false;
                self.sub(SubKind::Atomic, inner, back)?;
            }
            Ast::Backreference { number, ignore_case } => {
                self.memoizable = false;
                self.push(Inst::Backreference { number: *number, ignore_case: *ignore_case, back })?;
            }
            Ast::Assert(assertion) => {
                self.memoizable &= *assertion != Assertion::SearchStart;
                self.push(Inst::Assert(*assertion))?;
            }
            Ast::IfGroup { number, yes, no } => {
                self.memoizable = false;
                let test = self.push(Inst::IfGroup { number: *number, no: 0 })?;
                self.branches(
                    yes,
                    no,
                    back,
                    |inst, at| {
                        if let Inst::IfGroup { no, .. } = inst {
                            *no = at;
                        }
                    },
                    test,
                )?;
            }
            Ast::IfLook { condition, yes, no } => {
                self.memoizable = false;
                let Ast::Look { behind, negative, inner } = condition.as_ref() else { return Ok(()) };
                let kind = SubKind::Condition { negative: *negative, no: 0 };
                let test = self.sub(kind, inner, *behind)?;
                self.branches(
                    yes,
                    no,
                    back,
                    |inst, at| {
                        if let Inst::Sub { kind: SubKind::Condition { no, .. }, .. } = inst {
                            *no = at;
                        }
                    },
                    test,
                )?;
            }
        }
        Ok(())
    }

    fn branches(
        &mut self,
        yes: &Ast,
        no: &Ast,
        back: bool,
        set_no: impl Fn(&mut Inst, usize),
        test: usize,
    ) -> Result<(), PatternError> {
        self.node(yes, back)?;
        let jump = self.push(Inst::Jump(0))?;
        let at = self.next();
        set_no(&mut self.insts[test], at);
        self.node(no, back)?;
        self.insts[jump] = Inst::Jump(self.next());
        Ok(())
    }

    fn sub(&mut self, kind: SubKind, inner: &Ast, back: bool) -> Result<usize, PatternError> {
        let place = self.push(Inst::Sub { kind, end: 0 })?;
        self.node(inner, back)?;
        self.push(Inst::Match)?;
        let end = self.next();
        self.insts[place] = Inst::Sub { kind, end };
        Ok(place)
    }

    fn alternate(&mut self, branches: &[Ast], back: bool) -> Result<(), PatternError> {
        let mut jumps = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if index + 1 == branches.len() {
                self.node(branch, back)?;
                break;
            }
            let split = self.open_split()?;
            self.node(branch, back)?;
            jumps.push(self.push(Inst::Jump(0))?);
            self.close_split(split, false);
        }
        let end = self.next();
        for jump in jumps {
            self.insts[jump] = Inst::Jump(end);
        }
        Ok(())
    }

    fn open_split(&mut self) -> Result<usize, PatternError> {
        let point = self.point();
        self.push(Inst::Split { first: 0, second: 0, point })
    }

    /// Lets the split enter the code behind it, or go on here; lazily the other way round.
    fn close_split(&mut self, place: usize, lazy: bool) {
        let (inside, outside) = (place + 1, self.next());
        if let Inst::Split { first, second, .. } = &mut self.insts[place] {
            (*first, *second) = if lazy { (outside, inside) } else { (inside, outside) };
        }
    }

    fn repeat(
        &mut self,
        inner: &Ast,
        min: u32,
        max: Option<u32>,
        lazy: bool,
        back: bool,
    ) -> Result<(), PatternError> {
        match inner {
            Ast::Set(class) => return self.set_loop(class, min, max, lazy, back),
            Ast::Group { number, inner } if matches!(**inner, Ast::Set(_)) => {
                let Ast::Set(class) = &**inner else { return Ok(()) };
                let mark = self.mark();
                self.push(Inst::Mark(mark))?;
                self.set_loop(class, min, max, lazy, back)?;
                self.push(Inst::CaptureLast { number: *number, mark, back })?;
                return Ok(());
            }
            _ => {}
        }
        for _ in 0..min {
            let before = self.next();
            self.node(inner, back)?;
            if self.next() == before {
                // An empty group: once is as good as a million times.
                break;
            }
        }
        match max {
            None => self.star(inner, lazy, back),
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.open_split()?);
                    self.node(inner, back)?;
                }
                for split in splits {
                    self.close_split(split, lazy);
                }
                Ok(())
            }
        }
    }

    fn set_loop(
        &mut self,
        class: &ClassUnicode,
        min: u32,
        max: Option<u32>,
        lazy: bool,
        back: bool,
    ) -> Result<(), PatternError> {
        let set = self.set(class);
        let point = self.point();
        let kind = if lazy { LoopKind::Lazy { point } } else { LoopKind::Greedy { point } };
        self.push(Inst::Loop { set, min, max: max.unwrap_or(u32::MAX), kind, back })?;
        Ok(())
    }

    fn star(&mut self, inner: &Ast, lazy: bool, back: bool) -> Result<(), PatternError> {
        let split = self.open_split()?;
        let mark = can_be_empty(inner).then(|| self.mark());
        if let Some(mark) = mark {
            self.push(Inst::Mark(mark))?;
        }
        self.node(inner, back)?;
        let check = match mark {
            Some(mark) => Some(self.push(Inst::Progress { mark, exit: 0 })?),
            None => None,
        };
        self.push(Inst::Jump(split))?;
        self.close_split(split, lazy);
        if let (Some(mark), Some(check)) = (mark, check) {
            self.insts[check] = Inst::Progress { mark, exit: self.next() };
        }
        Ok(())
    }
}

fn can_be_empty(ast: &Ast) -> bool {
    match ast {
        Ast::Empty | Ast::Look { .. } | Ast::Assert(_) | Ast::Backreference { .. } => true,
        Ast::Set(_) => false,
        Ast::Concat(parts) => parts.iter().all(can_be_empty),
        Ast::Alternate(branches) => branches.iter().any(can_be_empty),
        Ast::Group { inner, .. } | Ast::Atomic(inner) => can_be_empty(inner),
        Ast::Repeat { inner, min, .. } => *min == 0 || can_be_empty(inner),
        Ast::IfGroup { yes, no, .. } | Ast::IfLook { yes, no, .. } => can_be_empty(yes) || can_be_empty(no),
    }
}

/// A greedy loop need not give back when what follows cannot match one of its characters.
fn make_possessive(program: &mut Program) {
    for place in 0..program.insts.len() {
        if let Inst::Loop { set, min, max, kind: LoopKind::Greedy { .. }, back: false } = program.insts[place]
            && rejects(program, place + 1, &program.sets[set], FUEL)
        {
            program.insts[place] = Inst::Loop { set, min, max, kind: LoopKind::Possessive, back: false };
        }
    }
}

/// Whether the code at `place` fails whenever the next character is in `set`, or needs no second try.
fn rejects(program: &Program, place: usize, set: &Set, fuel: u32) -> bool {
    let Some(fuel) = fuel.checked_sub(1) else { return false };
    let disjoint = |other: usize| set.is_disjoint(&program.sets[other]);
    match program.insts[place] {
        Inst::Match => true,
        Inst::Set { set: other, back: false } => disjoint(other),
        Inst::Loop { set: other, min, back: false, .. } => {
            disjoint(other) && (min > 0 || rejects(program, place + 1, set, fuel))
        }
        Inst::Split { first, second, .. } => {
            rejects(program, first, set, fuel) && rejects(program, second, set, fuel)
        }
        Inst::Jump(to) => rejects(program, to, set, fuel),
        Inst::Mark(_) | Inst::Capture { .. } | Inst::CaptureLast { .. } => {
            rejects(program, place + 1, set, fuel)
        }
        Inst::Assert(Assertion::End) => true,
        Inst::Assert(Assertion::EndOrLineFeed | Assertion::LineEnd) => !set.contains('\n'),
        _ => false,
    }
}

fn leading_run(program: &Program) -> Option<usize> {
    program.points?;
    match program.insts.iter().find(|inst| !matches!(inst, Inst::Mark(_)))? {
        Inst::Loop { set, min: 0 | 1, max: u32::MAX, kind: LoopKind::Possessive, back: false } => Some(*set),
        _ => None,
    }
}

fn start_of(program: &Program) -> Start {
    let first = program.insts.iter().position(|inst| !matches!(inst, Inst::Mark(_))).unwrap_or(0);
    match program.insts[first] {
        Inst::Assert(Assertion::Start) => return Start::Anchored,
        Inst::Loop { set, min: 0, max: u32::MAX, kind: LoopKind::Possessive, back: false } => {
            let rest: Vec<&Inst> = program.insts[first + 1..]
                .iter()
                .filter(|inst| !matches!(inst, Inst::Capture { .. } | Inst::CaptureLast { .. }))
                .collect();
            let line_feed = match rest[..] {
                [Inst::Assert(Assertion::End), Inst::Match] => Some(false),
                [Inst::Assert(Assertion::EndOrLineFeed), Inst::Match] => Some(true),
                _ => None,
            };
            if let Some(line_feed) = line_feed.filter(|_| !program.sets[set].contains('\n')) {
                return Start::TrailingRun { set: program.sets[set].clone(), line_feed };
            }
        }
        _ => {}
    }
    first_set(program, 0, FUEL).map_or(Start::Anywhere, Start::At)
}

/// The characters a match can begin with; `None` when it may be empty or that is too hard to tell.
fn first_set(program: &Program, place: usize, fuel: u32) -> Option<Set> {
    let fuel = fuel.checked_sub(1)?;
    match program.insts[place] {
        Inst::Set { set, back: false } => Some(program.sets[set].clone()),
        Inst::Loop { set, min: 1.., back: false, .. } => Some(program.sets[set].clone()),
        Inst::Loop { set, back: false, .. } => {
            Some(program.sets[set].union(&first_set(program, place + 1, fuel)?))
        }
        Inst::Split { first, second, .. } => {
            Some(first_set(program, first, fuel)?.union(&first_set(program, second, fuel)?))
        }
        Inst::Jump(to) => first_set(program, to, fuel),
        Inst::Mark(_) | Inst::Capture { .. } | Inst::CaptureLast { .. } | Inst::Assert(_) => {
            first_set(program, place + 1, fuel)
        }
        Inst::Sub { kind: SubKind::Look { .. }, end } => first_set(program, end, fuel),
        _ => None,
    }
}
