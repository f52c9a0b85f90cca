//! One world: a scenario lived through with a store, a job and a directory.
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hirewire_engine::value::{AttributeValue, Attributes};
use hirewire_job::{CycleReport, Item, JobError, Listing, RunOptions, Runner, Safety};
use hirewire_store::{
    BatchResult, CycleKind, Deduplicate, EscrowChange, JobKey, NewJob, NewOperation, NewUpload, OperationId,
    OperationStatus, PersonResult, PersonState, Store, UploadId, content_hash,
};
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::directory::{Crash, Directory, Sabotage};
use crate::failure::{Failure, Invariant};
use crate::scenario::{Operation, Reset, Scenario, Step, Temper};
use crate::verdict;

/// Worlds that share a database before it is made anew.
const WORLDS: u32 = 200;
/// Days of rest at the end; more than the longest pause between two attempts, and one for everybody who may wait for
/// somebody else.
const REST: usize = 9;
/// Restarts after each other before a cycle is left to the next one.
const RESTARTS: usize = 4;

/// What a seed showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Uploaded operations.
    pub operations: u64,
    /// Effective writes of the world with faults.
    pub writes: u64,
    /// Faults of the directory.
    pub faults: u64,
    /// Crashes.
    pub crashes: u64,
}

impl Statistics {
    /// Adds another seed's.
    pub fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.writes += other.writes;
        self.faults += other.faults;
        self.crashes += other.crashes;
    }
}

/// Runs seeds one after the other on a database in memory.
#[derive(Default)]
pub struct Workshop {
    store: Option<Store>,
    used: u32,
    traced: bool,
    trace: Vec<String>,
}

impl Workshop {
    /// One that keeps what happened in the last seed.
    pub fn traced() -> Self {
        Self { traced: true, ..Self::default() }
    }

    /// What happened in the last world, line by line.
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    /// Lives through a seed twice, without and with faults, and compares.
    pub fn simulate(&mut self, seed: u64, sabotage: Sabotage) -> Result<Statistics, Failure> {
        let scenario = Scenario::new(seed);
        let calm = self.live(seed, &scenario, Temper::default(), Sabotage::None, None)?;
        verdict::as_they_are(seed, &scenario, &calm)?;
        let rough = self.live(seed, &scenario, scenario.temper, sabotage, None)?;
        verdict::same_end(seed, &scenario, &calm, &rough)?;
        Ok(rough.statistics)
    }

    /// As [`simulate`](Self::simulate) without any fault but one: the process dies at the moment with this number, which
    /// runs through all cycles. False when the world had no such moment.
    pub fn crash_at(&mut self, seed: u64, moment: usize) -> Result<bool, Failure> {
        let scenario = Scenario::new(seed);
        let calm = self.live(seed, &scenario, Temper::default(), Sabotage::None, None)?;
        let rough = self.live(seed, &scenario, Temper::default(), Sabotage::None, Some(moment))?;
        verdict::same_end(seed, &scenario, &calm, &rough)?;
        Ok(rough.statistics.crashes > 0)
    }

    fn live(
        &mut self,
        seed: u64,
        scenario: &Scenario,
        temper: Temper,
        sabotage: Sabotage,
        crash: Option<usize>,
    ) -> Result<End, Failure> {
        let mut world = self.world(seed, scenario, temper, sabotage, crash)?;
        let lived = world.live();
        let broken = world.directory.broken();
        self.trace.extend(world.directory.trace());
        lived?;
        if let Some((invariant, detail)) = broken {
            return Err(Failure { seed, invariant, detail });
        }
        Ok(world.end)
    }

    fn world<'s>(
        &mut self,
        seed: u64,
        scenario: &'s Scenario,
        temper: Temper,
        sabotage: Sabotage,
        crash: Option<usize>,
    ) -> Result<World<'s>, Failure> {
        let failed = |error: hirewire_store::StoreError| Failure {
            seed,
            invariant: Invariant::NoError,
            detail: error.to_string(),
        };
        if self.used == WORLDS {
            *self = Self { traced: self.traced, ..Self::default() };
        }
        self.used += 1;
        let store = match &self.store {
            Some(store) => store.clone(),
            None => self.store.insert(Store::in_memory().map_err(failed)?).clone(),
        };
        let now = "2026-03-02T09:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let job = store
            .create_job(NewJob {
                id: format!("simulation.{}", self.used),
                template: "simulation".into(),
                service_principal: "simulation".into(),
                service_principal_name: "Simulation".into(),
                settings: "[]".into(),
                created: now,
            })
            .map_err(failed)?
            .key;
        let directory = Directory::new(Dice::new(seed, 2), temper, sabotage, self.traced);
        for index in &scenario.existing {
            let number = &scenario.people[*index].number;
            let text = |text: String| AttributeValue::Text(text);
            let attributes: Attributes = [
                ("accountEnabled".to_owned(), AttributeValue::Boolean(true)),
                ("displayName".to_owned(), text("Before".into())),
                ("employeeId".to_owned(), text(number.clone())),
                ("userPrincipalName".to_owned(), text(format!("before{number}@contoso.com"))),
            ]
            .into();
            directory.put(attributes);
        }
        Ok(World {
            seed,
            scenario,
            sabotage,
            store,
            job,
            directory,
            dice: Dice::new(seed, 3),
            crash_chance: temper.crash,
            crash,
            now,
            gone: BTreeSet::new(),
            last: None,
            stashed: None,
            end: End::default(),
        })
    }
}

/// How a world ended.
#[derive(Default)]
pub(crate) struct End {
    /// Accounts by employee number; references by employee number too.
    pub(crate) accounts: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) statistics: Statistics,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lived {
    /// It did its work.
    Done,
    /// The directory could not be used.
    Stopped,
    /// It died.
    Died,
}

struct World<'s> {
    seed: u64,
    scenario: &'s Scenario,
    sabotage: Sabotage,
    store: Store,
    job: JobKey,
    directory: Directory,
    dice: Dice,
    crash_chance: u32,
    crash: Option<usize>,
    now: Timestamp,
    /// People who are gone and whose accounts may still be there.
    gone: BTreeSet<usize>,
    last: Option<Vec<Operation>>,
    /// An upload that waits to be overtaken (sabotage).
    stashed: Option<Vec<Operation>>,
    end: End,
}

impl World<'_> {
    fn failure(&self, invariant: Invariant, detail: impl ToString) -> Failure {
        Failure { seed: self.seed, invariant, detail: detail.to_string() }
    }

    fn live(&mut self) -> Result<(), Failure> {
        let scenario = self.scenario;
        self.directory.note(|| format!("== {:?} {:?}", scenario.variant, scenario.temper));
        if let Some(moment) = self.crash {
            self.directory.dies_in(Some(moment));
        }
        for step in &scenario.steps {
            self.directory.note(|| format!("-- {step:?}"));
            self.step(step)?;
        }
        self.rest()?;
        self.check()
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Upload(operations) => {
                for operation in operations {
                    self.gone.remove(&operation.person);
                }
                self.last = Some(operations.clone());
                if self.sabotage == Sabotage::Reorders && self.stashed.is_none() && self.dice.coin() {
                    self.stashed = Some(operations.clone());
                    return Ok(());
                }
                self.accept(operations.clone())?;
                if let Some(late) = self.stashed.take() {
                    self.accept(late)?;
                }
                Ok(())
            }
            Step::Repeat => match self.last.clone() {
                Some(operations) => self.accept(operations),
                None => Ok(()),
            },
            Step::Cycle => self.cycle(),
            Step::Clock(seconds) => {
                self.now = self.now.saturating_add(SignedDuration::from_secs(*seconds)).unwrap_or(self.now);
                Ok(())
            }
            Step::Reset(reset) => self.reset(*reset),
            Step::OnDemand(person) => self.on_demand(*person),
            Step::Gone(person) => {
                self.gone.insert(*person);
                Ok(())
            }
        }
    }

    fn accept(&mut self, operations: Vec<Operation>) -> Result<(), Failure> {
        if operations.is_empty() {
            return Ok(());
        }
        self.end.statistics.operations += operations.len() as u64;
        let contents: String = operations.iter().map(|operation| operation.data.as_str()).collect();
        let people = &self.scenario.people;
        let operations = operations
            .into_iter()
            .map(|operation| NewOperation {
                bulk_id: None,
                anchor: people[operation.person].number.clone(),
                data: operation.data,
                origin: None,
            })
            .collect();
        let upload = NewUpload {
            job: self.job,
            request_id: String::new(),
            client_request_id: Some("request".into()),
            received: self.now,
            app_id: None,
            source: "simulation".into(),
            size: 0,
            operations,
            warnings: Vec::new(),
            content_hash: Some(content_hash(contents.as_bytes())),
            deduplicate: Deduplicate::SameRequest(SignedDuration::from_hours(1)),
            fingerprint_segment: None,
        };
        self.store.accept(upload).map_err(|error| self.failure(Invariant::NoError, error))?;
        if self.sabotage == Sabotage::LosesUploads && self.dice.per_mille(300) {
            self.store
                .purge_queue(self.job, "sabotage")
                .map_err(|error| self.failure(Invariant::NoError, error))?;
        }
        Ok(())
    }

    fn reset(&mut self, reset: Reset) -> Result<(), Failure> {
        let (store, job, now) = (&self.store, self.job, self.now);
        let done = match reset {
            Reset::Escrows => store.clear_escrows(job, now),
            Reset::Watermark => store.make_everybody_due(job, now),
            Reset::Links => store.clear_links(job).and_then(|_| store.make_everybody_due(job, now)),
        };
        done.map(|_| ()).map_err(|error| self.failure(Invariant::NoError, error))
    }

    /// The job is woken; a process that dies is started again, at once or with the next cycle.
    fn cycle(&mut self) -> Result<(), Failure> {
        for _ in 0..=RESTARTS {
            if self.crash.is_none() {
                let dies = self.dice.per_mille(self.crash_chance).then(|| self.dice.below(14));
                self.directory.dies_in(dies);
            }
            let also =
                self.gone.iter().map(|person| Item::gone(&self.scenario.people[*person].number)).collect();
            let lived = self.process(|world| {
                let directory = &world.directory;
                block_on(world.runner().run(RunOptions {
                    now: world.now,
                    kind: CycleKind::Incremental,
                    safety: Safety::Planned(Vec::new()),
                    also,
                    listing: Listing::Changes,
                    progress: &mut |_| directory.moment(),
                    more: &mut || {
                        directory.moment();
                        false
                    },
                }))
            })?;
            self.after_a_run(lived)?;
            if lived != Lived::Died || self.dice.coin() {
                break;
            }
        }
        if self.crash.is_none() {
            self.directory.dies_in(None);
        }
        Ok(())
    }

    fn on_demand(&mut self, person: usize) -> Result<(), Failure> {
        let number = self.scenario.people[person].number.clone();
        self.process(|world| {
            block_on(world.runner().run_again(vec![number], world.now, CycleKind::OnDemand))
        })?;
        Ok(())
    }

    fn runner(&self) -> Runner<'_, Directory> {
        Runner {
            store: &self.store,
            job: self.job,
            schema: self.scenario.variant.schema(),
            target: &self.directory,
            precedence: None,
        }
    }

    /// Runs the work of one process. The directory's refusals end a cycle, nothing else may.
    fn process(
        &mut self,
        work: impl FnOnce(&Self) -> Result<CycleReport, JobError>,
    ) -> Result<Lived, Failure> {
        self.directory.settle();
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(_)) => Ok(Lived::Done),
            Ok(Err(JobError::Target(_))) => Ok(Lived::Stopped),
            Ok(Err(error)) => Err(self.failure(Invariant::NoError, error)),
            Err(payload) if payload.is::<Crash>() => {
                self.end.statistics.crashes += 1;
                Ok(Lived::Died)
            }
            Err(payload) => {
                let words = payload.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| payload.downcast_ref::<&str>().copied());
                Err(self.failure(Invariant::NoError, format!("panic: {}", words.unwrap_or("without words"))))
            }
        }
    }

    /// What is broken on purpose in the store, and who is gone for good by now.
    fn after_a_run(&mut self, lived: Lived) -> Result<(), Failure> {
        self.directory.note(|| {
            let pending = self.store.pending_references(self.job, None, 99).unwrap_or_default();
            let pending: Vec<_> =
                pending.iter().map(|one| format!("{} -> {}", one.anchor, one.wanted)).collect();
            let failed = self.store.escrows(self.job, None, 99).unwrap_or_default();
            let failed: Vec<_> =
                failed.iter().map(|one| format!("{}: {} x{}", one.anchor, one.code, one.attempts)).collect();
            format!("   waiting references {pending:?}, failures {failed:?}")
        });
        let failed = |error: hirewire_store::StoreError| Failure {
            seed: self.seed,
            invariant: Invariant::NoError,
            detail: error.to_string(),
        };
        match self.sabotage {
            Sabotage::ForgetsLinks => drop(self.store.clear_links(self.job).map_err(failed)?),
            Sabotage::ForgetsFailures => {
                let people = self.store.escrows(self.job, None, usize::MAX >> 1).map_err(failed)?;
                let people = people.into_iter().map(|escrow| {
                    let mut person = PersonResult::new(escrow.anchor);
                    person.escrow = EscrowChange::Clear;
                    person
                });
                let people = people.collect();
                let batch = BatchResult { job: self.job, cycle: None, now: self.now, people, counts: None };
                self.store.commit_batch(batch).map_err(failed)?;
            }
            _ => {}
        }
        if self.gone.is_empty() || lived != Lived::Done {
            return Ok(());
        }
        let numbers: Vec<&str> =
            self.gone.iter().map(|person| self.scenario.people[*person].number.as_str()).collect();
        let states = self.store.load_batch(self.job, &numbers).map_err(failed)?;
        let forgotten = |state: &PersonState| {
            state.person.as_ref().is_none_or(|person| person.record.is_none() && person.target.is_none())
        };
        let done: Vec<usize> = self
            .gone
            .iter()
            .zip(&states)
            .filter(|(_, state)| forgotten(state))
            .map(|(person, _)| *person)
            .collect();
        self.gone.retain(|person| !done.contains(person));
        Ok(())
    }

    /// Nothing fails any more, and days pass.
    fn rest(&mut self) -> Result<(), Failure> {
        if let Some(late) = self.stashed.take() {
            self.accept(late)?;
        }
        let armed = self.directory.still_to_die();
        self.directory.calm();
        self.crash_chance = 0;
        let start = self.now;
        for day in 0..REST {
            let hours = SignedDuration::from_hours(25 * i64::try_from(day).unwrap_or(0));
            self.now = start.saturating_add(hours).unwrap_or(start);
            let waits =
                self.store.next_wake(self.job).map_err(|error| self.failure(Invariant::NoError, error))?;
            if day == 0 || day == REST - 1 || waits.is_some() || !self.gone.is_empty() {
                self.directory.note(|| format!("-- day of rest {day}"));
                self.cycle()?;
            }
        }
        if armed && self.crash.is_some() {
            self.directory.dies_in(None);
        }
        let before = self.directory.writes();
        self.cycle()?;
        if self.directory.writes() != before {
            return Err(self.failure(Invariant::Rest, "a job at rest still writes"));
        }
        Ok(())
    }

    /// What holds in every world; what compares worlds stands in `verdict`.
    fn check(&mut self) -> Result<(), Failure> {
        let failed = |error: hirewire_store::StoreError| Failure {
            seed: self.seed,
            invariant: Invariant::NoError,
            detail: error.to_string(),
        };
        let waiting = self.store.take(self.job, OperationId::START, 1).map_err(failed)?;
        if let Some(operation) = waiting.first() {
            let detail = format!("an operation of {} still waits", operation.anchor);
            return Err(self.failure(Invariant::NothingLost, detail));
        }
        self.receipts().map_err(failed)??;
        self.records().map_err(failed)??;
        self.empty_plan()?;
        self.end.statistics.writes = self.directory.writes();
        self.end.statistics.faults = self.directory.faults();
        self.end.accounts = verdict::accounts(&self.directory.accounts())
            .map_err(|detail| self.failure(Invariant::OneAccount, detail))?;
        Ok(())
    }

    /// Every accepted operation has its outcome.
    fn receipts(&self) -> hirewire_store::Result<Result<(), Failure>> {
        let mut before: Option<UploadId> = None;
        loop {
            let uploads = self.store.uploads(Some(self.job), before, 100)?;
            let Some(last) = uploads.last() else { return Ok(Ok(())) };
            before = Some(last.id);
            for upload in &uploads {
                let receipt = self.store.receipt(upload.id)?;
                let done = receipt.map_or(0, |receipt| {
                    receipt.operations.iter().filter(|one| one.status != OperationStatus::Accepted).count()
                }) as u64;
                if done != upload.operations {
                    let detail = format!("{done} outcomes for {} operations", upload.operations);
                    return Ok(Err(self.failure(Invariant::NothingLost, detail)));
                }
            }
        }
    }

    /// The stored record of everybody is the newest accepted one.
    fn records(&self) -> hirewire_store::Result<Result<(), Failure>> {
        let people = &self.scenario.people;
        let numbers: Vec<&str> = people.iter().map(|person| person.number.as_str()).collect();
        let states = self.store.load_batch(self.job, &numbers)?;
        for (person, state) in people.iter().zip(states).filter(|(person, _)| person.known && !person.gone) {
            let record = state.person.and_then(|person| person.record).map(|record| record.data);
            let wanted = format!("\"title\":\"{}\"", person.title());
            if !record.as_deref().is_some_and(|record| record.contains(&wanted)) {
                let detail = format!("{}: {wanted} was accepted, {record:?} is stored", person.number);
                return Ok(Err(self.failure(Invariant::NothingLost, detail)));
            }
        }
        Ok(Ok(()))
    }

    /// Planning everybody again gives nothing to do.
    fn empty_plan(&self) -> Result<(), Failure> {
        let items: Vec<Item> = self
            .scenario
            .people
            .iter()
            .filter(|person| person.known && !person.gone)
            .map(|person| Item::again(&person.number))
            .collect();
        let document = block_on(self.runner().preview(items, self.now, false))
            .map_err(|error| self.failure(Invariant::NoError, error))?;
        if document.totals.pending() == 0 {
            return Ok(());
        }
        let detail = format!("there is still something to do: {:?}", document.people);
        Err(self.failure(Invariant::EmptyPlan, detail))
    }
}

/// Nothing in a world waits for anything outside it: what does not go on belongs to a process that died.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => std::panic::resume_unwind(Box::new(Crash)),
    }
}
