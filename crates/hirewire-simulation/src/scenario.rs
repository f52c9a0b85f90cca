//! What happens in a world: people, uploads, cycles, clock jumps, restarts; all of it from the seed.
use crate::dice::Dice;
use crate::people::{Parts, Person};
use crate::schema::Variant;

/// One operation of an upload.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Index of the person.
    pub(crate) person: usize,
    pub(crate) data: String,
}

/// What an operator resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    Escrows,
    Watermark,
    Links,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A bulk request.
    Upload(Vec<Operation>),
    /// The client got no answer to its last request and sends it again.
    Repeat,
    /// The job is woken.
    Cycle,
    /// The clock moves by so many seconds, sometimes back.
    Clock(i64),
    Reset(Reset),
    /// Somebody provisions one person by hand.
    OnDemand(usize),
    /// The person is gone from the source for good.
    Gone(usize),
}

/// How often the directory fails, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Temper {
    /// No answer, nothing done.
    pub(crate) timeout_before: u32,
    /// No answer, but done.
    pub(crate) timeout_after: u32,
    pub(crate) conflict: u32,
    pub(crate) throttle: u32,
    /// A read that shows the past.
    pub(crate) stale: u32,
    /// A whole call that fails: the directory is away or locked.
    pub(crate) away: u32,
    /// A run in which the process dies.
    pub(crate) crash: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) variant: Variant,
    pub(crate) temper: Temper,
    /// The people as they are in the end.
    pub(crate) people: Vec<Person>,
    /// People who have an account before the job begins: matched, not created.
    pub(crate) existing: Vec<usize>,
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let variant = Variant::number(dice.below(16));
        let dated = !variant.missing_is_false && dice.per_mille(300);
        let count = 3 + dice.below(4);
        let people: Vec<Person> = (0..count).map(|index| Person::new(index, &mut dice, dated)).collect();
        let existing = (0..count).filter(|_| dice.per_mille(150)).collect();
        let numbers = people.iter().map(|person| person.number.clone()).collect();
        let temper = temper(&mut dice);
        let deletes = dice.per_mille(200);
        let length = 10 + dice.below(21);
        let mut script = Script { dice, variant, people, numbers, deletes, steps: Vec::new() };
        script.write(length);
        Self { variant, temper, people: script.people, existing, steps: script.steps }
    }
}

fn temper(dice: &mut Dice) -> Temper {
    let mut rate = |most: usize| if dice.coin() { u32::try_from(dice.below(most)).unwrap_or(0) } else { 0 };
    Temper {
        timeout_before: rate(200),
        timeout_after: rate(200),
        conflict: rate(150),
        throttle: rate(150),
        stale: rate(400),
        away: rate(60),
        crash: rate(700),
    }
}

/// Writes the story.
struct Script {
    dice: Dice,
    variant: Variant,
    people: Vec<Person>,
    numbers: Vec<String>,
    deletes: bool,
    steps: Vec<Step>,
}

impl Script {
    fn write(&mut self, length: usize) {
        let first: Vec<usize> = (0..self.people.len()).filter(|_| self.dice.per_mille(700)).collect();
        let operations = first.into_iter().map(|person| self.complete(person)).collect();
        self.upload(operations);
        while self.steps.len() < length {
            match self.dice.below(20) {
                0..=9 => self.change(),
                10..=15 => self.steps.push(Step::Cycle),
                16 => {
                    let seconds = match self.dice.below(4) {
                        0 => self.dice.between(-90_000, -1),
                        1 => self.dice.between(1, 600),
                        2 => self.dice.between(2_000, 9_000),
                        _ => self.dice.between(80_000, 400_000),
                    };
                    self.steps.push(Step::Clock(seconds));
                }
                17 | 18 => {
                    let person = self.dice.below(self.people.len());
                    self.steps.push(Step::OnDemand(person));
                }
                _ => {
                    // Forgotten links of people who are still to be disabled or deleted are nobody's business any more.
                    let kinds = if self.variant.scoped || self.deletes { 2 } else { 3 };
                    let reset = [Reset::Escrows, Reset::Watermark, Reset::Links][self.dice.below(kinds)];
                    self.steps.push(Step::Reset(reset));
                }
            }
        }
        self.steps.push(Step::Cycle);
    }

    fn complete(&mut self, person: usize) -> Operation {
        self.people[person].known = true;
        self.people[person].gone = false;
        self.operation(person, Parts::ALL)
    }

    /// The person's next record: a delta, or all of it.
    fn operation(&mut self, person: usize, parts: Parts) -> Operation {
        let complete = self.dice.per_mille(600);
        let parts = if complete { Parts::ALL } else { parts };
        let absent = self.dice.coin();
        let known = &mut self.people[person];
        if self.variant.missing_is_false && !parts.active {
            known.active = false;
        }
        let data = known.record(parts, self.variant, &self.numbers, absent);
        Operation { person, data }
    }

    /// Sends operations in one request or in several; everybody's own order stays.
    fn upload(&mut self, mut operations: Vec<Operation>) {
        while !operations.is_empty() {
            let now = if self.dice.per_mille(700) {
                operations.len()
            } else {
                1 + self.dice.below(operations.len())
            };
            let later = operations.split_off(now);
            self.steps.push(Step::Upload(operations));
            if self.dice.per_mille(100) {
                self.steps.push(Step::Repeat);
            }
            operations = later;
            if !operations.is_empty() && self.dice.coin() {
                self.steps.push(Step::Cycle);
            }
        }
    }

    /// People whose accounts the job manages.
    fn managed(&self) -> Vec<usize> {
        let managed = |person: &Person| person.known && !person.gone && person.entitled;
        (0..self.people.len()).filter(|at| managed(&self.people[*at])).collect()
    }

    fn change(&mut self) {
        let person = self.dice.below(self.people.len());
        if !self.people[person].known || self.people[person].gone {
            let operation = self.complete(person);
            return self.upload(vec![operation]);
        }
        let parts = match self.dice.below(11) {
            0 => Parts::default(),
            1 | 2 => {
                self.people[person].other_department(&mut self.dice);
                Parts { department: true, ..Parts::default() }
            }
            3 if self.variant.null_flow => {
                self.people[person].department = None;
                Parts { department: true, ..Parts::default() }
            }
            3 | 4 => {
                self.people[person].active ^= true;
                Parts { active: true, ..Parts::default() }
            }
            5 | 6 => {
                self.people[person].manager = Some(self.dice.below(self.people.len()));
                Parts { manager: true, ..Parts::default() }
            }
            7 if self.variant.scoped => {
                self.people[person].entitled ^= true;
                Parts::ALL
            }
            8 if self.deletes => {
                self.people[person].gone = true;
                return self.steps.push(Step::Gone(person));
            }
            9 if self.people[person].dates.is_some() => {
                self.people[person].dates = Some((self.dice.between(-5, 8), self.dice.between(1, 20)));
                Parts { dates: true, ..Parts::default() }
            }
            _ if !self.variant.scoped => return self.moves(),
            _ => Parts::default(),
        };
        let mut operations = vec![self.operation(person, parts)];
        if self.dice.per_mille(200) {
            operations.push(self.operation(person, Parts::default()));
        }
        self.upload(operations);
    }

    /// Unique values pass between people: to somebody else, a swap, a ring of three, with or without a free value.
    fn moves(&mut self) {
        let mut ring = self.managed();
        self.dice.shuffle(&mut ring);
        ring.truncate(1 + self.dice.below(3));
        if ring.is_empty() {
            return;
        }
        let names = self.variant.names_follow && self.dice.coin();
        let value = |person: &mut Person| -> usize { if names { person.name } else { person.mail } };
        let mut held: Vec<usize> = ring.iter().map(|at| value(&mut self.people[*at])).collect();
        if ring.len() == 1 || self.dice.coin() {
            // The last value is given up, the first person gets one that nobody holds.
            let used: Vec<usize> = self.people.iter_mut().map(value).collect();
            let free = (0..).find(|number| !used.contains(number)).unwrap_or(0);
            held.pop();
            held.insert(0, free);
        } else {
            held.rotate_right(1);
        }
        let parts = Parts { mail: !names, name: names, ..Parts::default() };
        let mut operations = Vec::new();
        for (at, number) in ring.iter().zip(held) {
            let slot = if names { &mut self.people[*at].name } else { &mut self.people[*at].mail };
            *slot = number;
            operations.push(self.operation(*at, parts));
        }
        self.dice.shuffle(&mut operations);
        self.upload(operations);
    }
}
