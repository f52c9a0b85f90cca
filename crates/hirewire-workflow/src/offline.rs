//! Runs a workflow against declared answers with a virtual clock: tests, dry runs, benchmarks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use crate::run::{ActionRecord, Answer, Call, Command, Event, Machine, Response, RunResult, What};

/// What a run did.
#[derive(Debug, Clone)]
pub struct OfflineRun {
    /// How it ended; nothing where it waits for something that never comes.
    pub result: Option<RunResult>,
    /// All records in the order in which actions finished.
    pub records: Vec<Arc<ActionRecord>>,
    /// The answer to the caller.
    pub response: Option<Response>,
    /// Virtual time at the end, in ticks.
    pub end: i64,
}

/// Runs a machine to its end. `answer` stands for the outside world; waits cost no time, the virtual clock jumps.
pub fn run_offline(machine: &mut Machine, now: i64, mut answer: impl FnMut(&Call) -> Answer) -> OfflineRun {
    let mut now = now;
    let mut timers = BinaryHeap::new();
    let mut events = VecDeque::from([What::Start]);
    let mut out = OfflineRun { result: None, records: Vec::new(), response: None, end: now };
    let mut seed = 1u64;
    while out.result.is_none() {
        let what = match events.pop_front() {
            Some(what) => what,
            None => match timers.pop() {
                Some(Reverse((at, timer))) => {
                    now = now.max(at);
                    What::Timer { timer }
                }
                None => break,
            },
        };
        seed = seed.wrapping_add(1);
        for command in machine.step(&Event { at: now, seed, what }) {
            match command {
                Command::Call(call) => {
                    events.push_back(What::Answer { call: call.id, answer: answer(&call) })
                }
                Command::Timer { timer, at } => timers.push(Reverse((at, timer))),
                Command::Respond(response) => out.response = Some(response),
                Command::Record(record) => out.records.push(record),
                Command::Continue => events.push_back(What::Continue),
                Command::Done(result) => out.result = Some(result),
            }
        }
    }
    out.end = now;
    out
}
