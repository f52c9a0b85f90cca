//! A synchronization job at work: batches from the inbox, dates that have come, references that can be resolved.
use std::collections::HashSet;

use hirewire_engine::safety::Hold;
use hirewire_engine::target::Target;
use hirewire_engine::{Action, CompiledSchema, ReferenceStatus};
use hirewire_store::{CycleCounts, CycleKind, JobKey, OperationId, Store};
use jiff::Timestamp;

use crate::decide::{Decider, Examined};
use crate::document::{PlanDocument, Totals};
use crate::error::JobError;
use crate::guard::Guard;
use crate::neighbours::Company;
use crate::people::{Decided, Item};
use crate::precedence::Precedence;
use crate::report::{self, Listing};
use crate::run::Run;

/// People that are planned and written together: one transaction of the store, one call of the target.
pub(crate) const BATCH: usize = 2000;

/// A job with everything it works with.
pub struct Runner<'a, T> {
    /// The store.
    pub store: &'a Store,
    /// The job's name in the store.
    pub job: JobKey,
    /// Its schema.
    pub schema: &'a CompiledSchema,
    /// Where accounts are kept.
    pub target: &'a T,
    /// Whose word counts, where the job has several sources.
    pub precedence: Option<&'a Precedence>,
}

/// What keeps a cycle from changing too much.
#[derive(Debug, Clone, PartialEq)]
pub enum Safety {
    /// The cycle was planned before and this came of it: what waits for approval.
    Planned(Vec<Hold>),
    /// The cycle plans itself, whole, before it writes anything, and holds what is too much. It takes only what waits
    /// when it begins.
    Guarded(Guard),
    /// Somebody has agreed: nothing is held, not even what was held before.
    Agreed,
}

/// What a run is told.
pub struct RunOptions<'p> {
    /// Now.
    pub now: Timestamp,
    /// Initial, incremental or on demand, for the record.
    pub kind: CycleKind,
    /// What waits for approval instead of being done.
    pub safety: Safety,
    /// People to look at although nothing was uploaded for them: everybody after a change of the schema, people who are
    /// gone from the source for good.
    pub also: Vec<Item>,
    /// Whom the report's document lists.
    pub listing: Listing,
    /// Told after each batch how many people were dealt with.
    pub progress: &'p mut (dyn FnMut(u64) + Send),
    /// Asked when the inbox is empty: waits until something arrived (true) or nothing will arrive any more (false).
    pub more: &'p mut (dyn FnMut() -> bool + Send),
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct CycleReport {
    /// `cycleId`; `None` when there was nothing to do and so no cycle.
    pub cycle: Option<String>,
    /// The people with something to do or to know, as in a plan.
    pub document: PlanDocument,
    /// Counts as in the cycle's record.
    pub counts: CycleCounts,
    /// People whose change waits for approval.
    pub held: u64,
    /// What the cycle planned, held changes included, except those that were held before.
    pub planned: hirewire_engine::safety::Totals,
    /// Which limits were exceeded.
    pub holds: Vec<Hold>,
    /// Failed people by error code.
    pub failures: std::collections::BTreeMap<String, u64>,
    /// People who were looked at although nothing arrived for them.
    pub looked_at: Vec<String>,
}

impl<T: Target> Runner<'_, T> {
    /// Plans people without writing anything anywhere. People of one run see each other: a manager who is about to be
    /// created counts as known.
    pub async fn preview(
        &self,
        items: Vec<Item>,
        now: Timestamp,
        all: bool,
    ) -> Result<PlanDocument, JobError> {
        let items = folded(items);
        let mut created: HashSet<String> = HashSet::new();
        // People with references to somebody who may get an account later in the same run.
        let mut waiting: Vec<Decided> = Vec::new();
        let mut company = Company::default();
        company.census.expect(items.len() as u64);
        let mut document = PlanDocument::default();
        let decider = self.decider(now);
        let listing = if all { Listing::All } else { Listing::Changes };
        let mut rest = items.into_iter().peekable();
        while rest.peek().is_some() {
            let batch = rest.by_ref().take(BATCH).collect();
            for mut decided in decider.decide(batch, &mut company).await? {
                if decided.plan.action == Action::Create {
                    created.insert(decided.known.anchor().to_owned());
                }
                if decided.plan.references.iter().any(|r| r.status == ReferenceStatus::Pending) {
                    decided.known.forget_record();
                    waiting.push(decided);
                } else {
                    report::add(&mut document, self.schema, &decided, &|_| false, listing);
                }
            }
        }
        for decided in waiting {
            report::add(&mut document, self.schema, &decided, &|person| created.contains(person), listing);
        }
        report::sort(&mut document);
        Ok(document)
    }

    /// People who are looked at although nothing was uploaded: a date has come, or a failure is tried again.
    pub fn due(&self, now: Timestamp) -> Result<Vec<String>, JobError> {
        const ALL: usize = usize::MAX >> 1;
        let mut due = self.store.due(self.job, now, ALL)?;
        let mut failed = self.store.escrow_due(self.job, now, ALL)?;
        if !failed.is_empty() {
            // Two who want each other's values can only be written together.
            let blocked = self.store.escrows(self.job, None, ALL)?.into_iter();
            failed.extend(blocked.filter(|escrow| is_collision(&escrow.code)).map(|escrow| escrow.anchor));
        }
        let mut known: HashSet<String> = due.iter().cloned().collect();
        due.extend(failed.into_iter().filter(|anchor| known.insert(anchor.clone())));
        Ok(due)
    }

    /// Runs a cycle: the inbox in order of arrival, then whoever is due, then references that can be resolved.
    pub async fn run(&self, options: RunOptions<'_>) -> Result<CycleReport, JobError> {
        let mut run = Run::new(self, options.now, options.kind, options.safety, options.listing);
        let result = run.all(options.also, options.progress, options.more).await;
        run.end(result)
    }

    /// One person through import, scope, match and mapping, with every row's story; nothing is written.
    pub async fn examine(&self, anchor: &str, now: Timestamp) -> Result<Examined, JobError> {
        self.decider(now).examine(Item::again(anchor)).await
    }

    /// Plans some people's stored records again and writes what follows from it.
    pub async fn run_again(
        &self,
        anchors: Vec<String>,
        now: Timestamp,
        kind: CycleKind,
    ) -> Result<CycleReport, JobError> {
        let items = anchors.into_iter().map(Item::again).collect();
        self.run_safely(items, now, kind, Safety::Planned(Vec::new())).await
    }

    /// A cycle over just these people.
    pub async fn run_items(
        &self,
        items: Vec<Item>,
        now: Timestamp,
        kind: CycleKind,
    ) -> Result<CycleReport, JobError> {
        self.run_safely(items, now, kind, Safety::Planned(Vec::new())).await
    }

    pub(crate) async fn run_safely(
        &self,
        items: Vec<Item>,
        now: Timestamp,
        kind: CycleKind,
        safety: Safety,
    ) -> Result<CycleReport, JobError> {
        let mut run = Run::new(self, now, kind, safety, Listing::Changes);
        let result = run.on_demand(items).await;
        let result = match result {
            Ok(()) => run.references().await,
            Err(error) => Err(error),
        };
        run.end(result)
    }

    pub(crate) fn decider(&self, now: Timestamp) -> Decider<'_, T> {
        Decider {
            store: self.store,
            job: self.job,
            schema: self.schema,
            target: self.target,
            precedence: self.precedence,
            now,
        }
    }

    /// How many operations wait in front of `until`, with their end; zero when there are none.
    pub(crate) fn waiting(&self) -> Result<(u64, Option<OperationId>), JobError> {
        let until = self.store.queue_end(self.job)?;
        Ok((self.store.queue_state(self.job)?.waiting, until))
    }
}

/// A failure that another person's change may mend: the value belongs to somebody else for the time being.
fn is_collision(code: &str) -> bool {
    ["Conflict", "NotUnique", "Duplicate"].iter().any(|word| code.contains(word))
}

/// Several operations of one person as one: the last one with those before it.
fn folded(items: Vec<Item>) -> Vec<Item> {
    let mut at = std::collections::HashMap::with_capacity(items.len());
    let mut people: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        match at.get(&item.anchor) {
            None => {
                at.insert(item.anchor.clone(), people.len());
                people.push(item);
            }
            Some(place) => {
                let place: usize = *place;
                let mut before = std::mem::replace(&mut people[place], item);
                let mut earlier = std::mem::take(&mut before.earlier);
                earlier.push(before);
                people[place].earlier = earlier;
            }
        }
    }
    people
}

/// Totals of a document as the engine's safety rules read them.
pub fn safety_totals(totals: &Totals) -> hirewire_engine::safety::Totals {
    hirewire_engine::safety::Totals {
        creates: totals.create,
        disables: totals.disable,
        deletes: totals.delete,
        changed: totals.pending(),
    }
}
