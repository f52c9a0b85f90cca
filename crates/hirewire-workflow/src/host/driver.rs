//! Drives one run: events in, commands out, everything journaled before it is acted upon.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::journal::Journal;
use super::outside::Outside;
use crate::definition::Workflow;
use crate::run::{
    ActionRecord, Answer, Call, Command, Event, Machine, Response, RunOptions, RunResult, Start, What,
};

/// Why a run could not be driven on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal failed; the run goes on after a restart.
    #[error("the journal of the run cannot be written or read: {0}")]
    Journal(#[from] io::Error),
    /// The journal holds something else than a run.
    #[error("the journal of the run is damaged at entry {entry}: {message}")]
    Damaged {
        /// Which entry.
        entry: usize,
        /// What is wrong with it.
        message: String,
    },
    /// There is no such run.
    #[error("there is no run '{0}'")]
    Unknown(String),
    /// The run waits for something that cannot come any more.
    #[error("the run waits for nothing and has not ended")]
    Stuck,
}

/// Watches a run. `replayed` tells that it happened before a restart and may have been reported already.
pub trait Observer: Send {
    /// An action finished.
    fn record(&mut self, record: &ActionRecord, replayed: bool) {
        let _ = (record, replayed);
    }
    /// A call goes out.
    fn call(&mut self, call: &Call) {
        let _ = call;
    }
    /// The caller of the Request trigger gets its answer.
    fn respond(&mut self, response: &Response, replayed: bool) {
        let _ = (response, replayed);
    }
}

impl Observer for () {}

/// What drives runs: the outside world and the journal.
#[derive(Clone)]
pub struct Driver {
    /// The outside world.
    pub outside: Arc<dyn Outside>,
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// Longest duration of a run, in ticks.
    pub run_limit: i64,
}

/// What reaches a running run from outside.
#[derive(Debug, Clone)]
pub enum Signal {
    /// A person cancels it.
    Cancel,
    /// A webhook action is called back.
    Callback {
        /// The action's name.
        action: String,
        /// `{headers, body}` of the call.
        outputs: serde_json::Value,
    },
}

impl From<Signal> for What {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Cancel => What::Cancel,
            Signal::Callback { action, outputs } => What::Callback { action, outputs },
        }
    }
}

/// One run to drive.
pub struct Drive {
    /// The workflow; a run that goes on must get the definition it began with.
    pub workflow: Arc<Workflow>,
    /// Parameter values and settings.
    pub options: RunOptions,
    /// Signals from people and webhooks.
    pub signals: Option<mpsc::Receiver<Signal>>,
}

/// 90 days in ticks: the service's limit of a run.
pub(crate) const RUN_LIMIT: i64 = 90 * 86_400 * 10_000_000;

struct Session<'o> {
    machine: Machine,
    calls: BTreeMap<u64, Call>,
    timers: BinaryHeap<Reverse<(i64, u64)>>,
    proceed: bool,
    observer: &'o mut dyn Observer,
}

impl Session<'_> {
    fn step(&mut self, event: &Event, replayed: bool) {
        match &event.what {
            What::Answer { call, .. } => drop(self.calls.remove(call)),
            What::Timer { timer } => self.timers.retain(|Reverse((_, t))| t != timer),
            What::Continue => self.proceed = false,
            _ => {}
        }
        for command in self.machine.step(event) {
            match command {
                Command::Call(call) => drop(self.calls.insert(call.id, *call)),
                Command::Timer { timer, at } => self.timers.push(Reverse((at, timer))),
                Command::Respond(response) => self.observer.respond(&response, replayed),
                Command::Record(record) => self.observer.record(&record, replayed),
                Command::Continue => self.proceed = true,
                Command::Done(_) => {}
            }
        }
    }
}

fn entry<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, DriveError> {
    serde_json::to_vec(value).map_err(|e| DriveError::Journal(io::Error::other(e)))
}

fn read<'e, T: serde::Deserialize<'e>>(bytes: &'e [u8], entry: usize) -> Result<T, DriveError> {
    serde_json::from_slice(bytes).map_err(|e| DriveError::Damaged { entry, message: e.to_string() })
}

/// Derives a finished or running run's history from its journal: the records in order and the result so far.
///
/// # Errors
/// A journal that cannot be read, is damaged or unknown.
pub fn history(
    journal: &dyn Journal,
    run: &str,
    workflow: Arc<Workflow>,
    options: RunOptions,
    observer: &mut dyn Observer,
) -> Result<(Start, Option<RunResult>), DriveError> {
    let entries = journal.read(run)?;
    let first = entries.first().ok_or_else(|| DriveError::Unknown(run.to_owned()))?;
    let start: Start = read(first, 0)?;
    let machine = Machine::new(workflow, start.clone(), options);
    let mut session =
        Session { machine, calls: BTreeMap::new(), timers: BinaryHeap::new(), proceed: false, observer };
    for (n, bytes) in entries.iter().enumerate().skip(1) {
        session.step(&read(bytes, n)?, true);
    }
    Ok((start, session.machine.result().cloned()))
}

impl Driver {
    /// A driver with the service's limit of 90 days per run.
    pub fn new(outside: Arc<dyn Outside>, journal: Arc<dyn Journal>) -> Self {
        Self { outside, journal, run_limit: RUN_LIMIT }
    }

    /// Begins a run and drives it to its end.
    ///
    /// # Errors
    /// A journal that fails.
    pub async fn start(
        &self,
        start: Start,
        drive: Drive,
        observer: &mut dyn Observer,
    ) -> Result<RunResult, DriveError> {
        self.journal.append(&start.run, 0, &[entry(&start)?])?;
        self.go_on(&start.run.clone(), drive, observer).await
    }

    /// Drives a run on from its journal: finished calls are not repeated, those in flight are made again.
    ///
    /// # Errors
    /// A journal that fails, is damaged or unknown.
    pub async fn go_on(
        &self,
        run: &str,
        mut drive: Drive,
        observer: &mut dyn Observer,
    ) -> Result<RunResult, DriveError> {
        let entries = self.journal.read(run)?;
        let first = entries.first().ok_or_else(|| DriveError::Unknown(run.to_owned()))?;
        let start: Start = read(first, 0)?;
        let machine = Machine::new(Arc::clone(&drive.workflow), start, drive.options.clone());
        let mut session =
            Session { machine, calls: BTreeMap::new(), timers: BinaryHeap::new(), proceed: false, observer };
        for (n, bytes) in entries.iter().enumerate().skip(1) {
            session.step(&read(bytes, n)?, true);
        }
        let mut number = entries.len() as u64;
        if number == 1 {
            self.take(run, &mut session, &mut number, vec![What::Start])?;
        }
        let mut flying: JoinSet<(u64, Answer)> = JoinSet::new();
        let mut sent = std::collections::HashSet::new();
        while session.machine.result().is_none() {
            for (id, call) in &session.calls {
                if sent.insert(*id) {
                    session.observer.call(call);
                    let (id, call, outside) = (*id, call.clone(), Arc::clone(&self.outside));
                    flying.spawn(async move { (id, outside.call(call).await) });
                }
            }
            let events = self.wait(&mut session, &mut flying, &mut drive.signals).await?;
            self.take(run, &mut session, &mut number, events)?;
        }
        session.machine.result().cloned().ok_or(DriveError::Stuck)
    }

    /// Journals events in one append, then steps through them.
    fn take(
        &self,
        run: &str,
        session: &mut Session<'_>,
        number: &mut u64,
        what: Vec<What>,
    ) -> Result<(), DriveError> {
        let at = self.outside.now();
        let events: Vec<Event> =
            what.into_iter().map(|what| Event { at, seed: self.outside.random(), what }).collect();
        let entries = events.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        self.journal.append(run, *number, &entries)?;
        *number += entries.len() as u64;
        events.iter().for_each(|event| session.step(event, false));
        Ok(())
    }

    /// Waits for what happens next; answers that are there already come in one batch.
    async fn wait(
        &self,
        session: &mut Session<'_>,
        flying: &mut JoinSet<(u64, Answer)>,
        signals: &mut Option<mpsc::Receiver<Signal>>,
    ) -> Result<Vec<What>, DriveError> {
        if session.proceed {
            tokio::task::yield_now().await;
            if let Some(Ok(signal)) = signals.as_mut().map(mpsc::Receiver::try_recv) {
                // The work that is left over is asked for again after the signal.
                return Ok(vec![signal.into(), What::Continue]);
            }
            return Ok(vec![What::Continue]);
        }
        let limit = session.machine.started().saturating_add(self.run_limit);
        let timer = session.timers.peek().map(|Reverse(t)| *t);
        if flying.is_empty() && timer.is_none() && signals.is_none() {
            return Err(DriveError::Stuck);
        }
        let due = timer.map_or(limit, |(at, _)| at.min(limit));
        let signalled = async {
            match signals {
                Some(receiver) => receiver.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(joined) = flying.join_next() => {
                let mut out = Vec::new();
                let mut next = Some(joined);
                while let Some(joined) = next {
                    match joined {
                        Ok((call, answer)) => out.push(What::Answer { call, answer }),
                        Err(e) => return Err(DriveError::Journal(io::Error::other(e))),
                    }
                    next = flying.try_join_next();
                }
                Ok(out)
            }
            () = self.outside.sleep_until(due) => Ok(match timer {
                Some((at, timer)) if at <= limit => vec![What::Timer { timer }],
                _ => vec![What::RunTimeout],
            }),
            signal = signalled => match signal {
                Some(signal) => Ok(vec![signal.into()]),
                None => {
                    *signals = None;
                    Ok(Vec::new())
                }
            }
        }
    }
}
