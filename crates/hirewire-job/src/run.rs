//! A running cycle: batch after batch from the inbox, then whoever is due; what is too much is held.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt as _;
use hirewire_engine::safety::{Held, Hold, Totals};
use hirewire_engine::target::{Target, TargetError};
use hirewire_engine::{Action, ReferenceStatus};
use hirewire_store::{
    BatchResult, CycleCounts, CycleKey, CycleKind, CycleState, Decision, EscrowChange, HoldId, LinkChange,
    OperationId, StoreError,
};
use jiff::Timestamp;

use crate::decide::parallel;
use crate::document::PlanDocument;
use crate::error::JobError;
use crate::guard::Guard;
use crate::neighbours::Company;
use crate::people::{Cause, Decided, Item};
use crate::report::{self, Listing};
use crate::runner::{BATCH, CycleReport, Runner, Safety};

/// Kind of the holds for people whose number came back with another name.
pub(crate) const REVIEW: &str = "review";

/// A running cycle.
pub(crate) struct Run<'r, 'a, T> {
    pub(crate) runner: &'r Runner<'a, T>,
    pub(crate) now: Timestamp,
    pub(crate) kind: CycleKind,
    /// What the limits hold.
    holds: Vec<Hold>,
    /// Still to be asked, before the first write.
    guard: Option<Guard>,
    /// Holds that nobody has decided yet, by person; `None` where somebody has agreed to everything.
    open: Option<HashMap<String, Vec<(HoldId, OpenHold)>>>,
    superseded: Vec<HoldId>,
    planned: Totals,
    /// Failed people by error code.
    pub(crate) failures: BTreeMap<String, u64>,
    listing: Listing,
    cycle: Option<(CycleKey, String)>,
    pub(crate) company: Company,
    pub(crate) document: PlanDocument,
    pub(crate) counts: CycleCounts,
    dealt: u64,
    /// People for whom nothing but a reference is to be written, once it can be resolved.
    pub(crate) only_waiting: HashSet<String>,
    /// Who got which reference in the second pass, as `person: attribute: `, the way warnings about it begin.
    pub(crate) linked: HashSet<String>,
    looked_at: Vec<String>,
    /// People of whose last write nobody knows what came of it. They are left alone until the next cycle, when reads show it.
    pub(crate) unsure: HashMap<String, TargetError>,
    pub(crate) locked: Option<TargetError>,
}

/// A change that waits for approval.
struct OpenHold {
    kind: String,
    digest: Option<String>,
}

/// Splits a batch so that nobody stands twice in the first part: a person's operations apply one after the other.
fn distinct(items: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
    let mut seen = HashSet::with_capacity(items.len());
    let first: Vec<bool> = items.iter().map(|item| seen.insert(item.anchor.clone())).collect();
    if first.iter().all(|first| *first) {
        return (items, Vec::new());
    }
    // From the first repetition on everything waits, so that arrival order holds for everybody.
    let at = first.iter().position(|first| !first).unwrap_or(items.len());
    let mut batch = items;
    let later = batch.split_off(at);
    (batch, later)
}

impl<'r, 'a, T: Target> Run<'r, 'a, T> {
    pub(crate) fn new(
        runner: &'r Runner<'a, T>,
        now: Timestamp,
        kind: CycleKind,
        safety: Safety,
        listing: Listing,
    ) -> Self {
        let (holds, guard, open) = match safety {
            Safety::Planned(holds) => (holds, None, Some(HashMap::new())),
            Safety::Guarded(guard) => (Vec::new(), Some(guard), Some(HashMap::new())),
            Safety::Agreed => (Vec::new(), None, None),
        };
        Self {
            runner,
            now,
            kind,
            holds,
            guard,
            open,
            superseded: Vec::new(),
            planned: Totals::default(),
            failures: BTreeMap::new(),
            listing,
            cycle: None,
            company: Company::default(),
            document: PlanDocument::default(),
            counts: CycleCounts::default(),
            dealt: 0,
            only_waiting: HashSet::new(),
            linked: HashSet::new(),
            looked_at: Vec::new(),
            unsure: HashMap::new(),
            locked: None,
        }
    }
}

impl<T: Target> Run<'_, '_, T> {
    pub(crate) async fn all(
        &mut self,
        also: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
        more: &mut (dyn FnMut() -> bool + Send),
    ) -> Result<(), JobError> {
        if self.guard.is_some() {
            return self.guarded(also, progress).await;
        }
        let waiting = self.runner.store.queue_state(self.runner.job)?.waiting;
        self.company.census.expect(waiting + also.len() as u64);
        self.inbox(None, progress, more).await?;
        self.looked_at.extend(also.iter().map(|item| item.anchor.clone()));
        self.again(also, progress).await?;
        let due = self.runner.due(self.now)?;
        self.company.census.expect(due.len() as u64);
        self.looked_at.extend(due.iter().cloned());
        self.again(due.into_iter().map(Item::again).collect(), progress).await?;
        self.references().await
    }

    /// The inbox in order of arrival, up to `until`.
    async fn inbox(
        &mut self,
        until: Option<OperationId>,
        progress: &mut (dyn FnMut(u64) + Send),
        more: &mut (dyn FnMut() -> bool + Send),
    ) -> Result<(), JobError> {
        let mut after = OperationId::START;
        loop {
            let mut pending = self.runner.store.take(self.runner.job, after, BATCH)?;
            pending.retain(|operation| until.is_none_or(|until| operation.id <= until));
            if pending.is_empty() {
                if until.is_none() && more() {
                    continue;
                }
                return Ok(());
            }
            let (batch, _) = distinct(pending.into_iter().map(Item::from).collect());
            if let Some(Cause::Operation { id: Some(id), .. }) = batch.last().map(|item| &item.cause) {
                after = *id;
            }
            self.batch(batch, progress).await?;
        }
    }

    /// A cycle that plans itself first: in one go where everybody fits into one batch, else in a pass of its own.
    async fn guarded(
        &mut self,
        also: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), JobError> {
        let (waiting, until) = self.runner.waiting()?;
        let mut rest = also;
        let listed: HashSet<String> = rest.iter().map(|item| item.anchor.clone()).collect();
        let due = self.runner.due(self.now)?;
        rest.extend(due.into_iter().filter(|anchor| !listed.contains(anchor)).map(Item::again));
        let people = waiting + rest.len() as u64;
        self.company.census.expect(people);
        if people == 0 {
            return self.references().await;
        }
        let fits = people <= BATCH as u64;
        if fits {
            let mut items: Vec<Item> = match until {
                None => Vec::new(),
                Some(_) => {
                    let pending = self.runner.store.take(self.runner.job, OperationId::START, BATCH)?;
                    let known = pending.into_iter().filter(|operation| Some(operation.id) <= until);
                    known.map(Item::from).collect()
                }
            };
            items.append(&mut rest);
            let (batch, later) = distinct(items);
            if later.is_empty() {
                self.batch(batch, progress).await?;
                return self.references().await;
            }
            rest =
                later.into_iter().filter(|item| matches!(item.cause, Cause::Again | Cause::Gone)).collect();
            rest.extend(batch.into_iter().filter(|item| matches!(item.cause, Cause::Again | Cause::Gone)));
        }
        if let Some(guard) = self.guard.take()
            && !guard.cannot_exceed(people)
        {
            let totals = self.count_all(until, &rest).await?;
            self.holds = guard.assess(&totals);
        }
        self.inbox(until, progress, &mut || false).await?;
        self.again(rest, progress).await?;
        self.references().await
    }

    /// What the whole cycle would do. Nothing is kept of it but the numbers.
    async fn count_all(&mut self, until: Option<OperationId>, rest: &[Item]) -> Result<Totals, JobError> {
        self.load_open()?;
        let decider = self.runner.decider(self.now);
        let mut company = Company::default();
        let mut totals = Totals::default();
        let mut after = OperationId::START;
        while until.is_some() {
            let mut pending = self.runner.store.take(self.runner.job, after, BATCH)?;
            pending.retain(|operation| until.is_none_or(|until| operation.id <= until));
            let (batch, _) = distinct(pending.into_iter().map(Item::from).collect());
            match batch.last().map(|item| &item.cause) {
                Some(Cause::Operation { id: Some(id), .. }) => after = *id,
                _ => break,
            }
            // Whoever cannot be planned is set aside later and changes nothing.
            for decided in decide(&decider, batch, &mut company).await.or_else(nobody)? {
                self.add(&decided, &mut totals);
            }
        }
        for items in rest.chunks(BATCH) {
            for decided in decide(&decider, items.to_vec(), &mut company).await.or_else(nobody)? {
                self.add(&decided, &mut totals);
            }
        }
        Ok(totals)
    }

    /// Counts a plan that is not held already.
    fn add(&self, decided: &Decided, totals: &mut Totals) {
        if !decided.known.stranger && self.open_hold(decided).is_none() {
            totals.add(decided.plan.action);
        }
    }

    /// What was accepted of these people and not looked at yet comes first, then they themselves.
    pub(crate) async fn on_demand(&mut self, items: Vec<Item>) -> Result<(), JobError> {
        const ALL: usize = usize::MAX >> 1;
        let asked: HashSet<&str> = items.iter().map(|item| item.anchor.as_str()).collect();
        let waiting = self.runner.store.take(self.runner.job, OperationId::START, ALL)?;
        let waiting = waiting.into_iter().filter(|operation| asked.contains(operation.anchor.as_str()));
        let mut rest: Vec<Item> = waiting.map(Item::from).collect();
        while !rest.is_empty() {
            let (batch, later) = distinct(rest);
            self.batch(batch, &mut |_| ()).await?;
            rest = later;
        }
        self.again(items, &mut |_| ()).await
    }

    pub(crate) async fn again(
        &mut self,
        items: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), JobError> {
        let mut rest = items.into_iter().peekable();
        while rest.peek().is_some() {
            let batch = rest.by_ref().take(BATCH).collect();
            self.batch(batch, progress).await?;
        }
        Ok(())
    }

    pub(crate) fn cycle(&mut self) -> Result<CycleKey, JobError> {
        if let Some((key, _)) = &self.cycle {
            return Ok(*key);
        }
        let id = uuid::Uuid::now_v7().to_string();
        let key = self.runner.store.begin_cycle(self.runner.job, &id, self.kind, self.now)?;
        self.cycle = Some((key, id));
        Ok(key)
    }

    /// A batch; where somebody in it stops everybody, ever smaller ones, until that person stands alone and is set aside.
    async fn batch(
        &mut self,
        items: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), JobError> {
        let count = items.len() as u64;
        let mut left: Vec<Vec<Item>> = Vec::new();
        let light: Vec<Item> = items.iter().map(Item::without_data).collect();
        if let Err(error) = self.attempt(items).await {
            if !is_poison(&error) {
                return Err(error);
            }
            left.push(light);
        }
        while let Some(items) = left.pop() {
            let items = self.reload(items)?;
            if items.is_empty() {
                continue;
            }
            let mut light: Vec<Item> = items.iter().map(Item::without_data).collect();
            let alone = (items.len() == 1).then(|| items[0].clone());
            match (self.attempt(items).await, alone) {
                (Ok(()), _) => {}
                (Err(error), Some(item)) if is_poison(&error) => self.set_aside(&item, &error)?,
                (Err(error), None) if is_poison(&error) => {
                    let second = light.split_off(light.len() / 2);
                    left.push(second);
                    left.push(light);
                }
                (Err(error), _) => return Err(error),
            }
        }
        self.dealt += count;
        progress(self.dealt);
        match self.locked.take() {
            Some(error) => Err(JobError::Target(error)),
            None => Ok(()),
        }
    }

    /// The operations with their data, which a failed attempt has used up.
    fn reload(&self, items: Vec<Item>) -> Result<Vec<Item>, JobError> {
        let mut loaded = Vec::with_capacity(items.len());
        for item in items {
            match item.cause {
                Cause::Operation { id: Some(id), .. } => {
                    loaded.extend(self.runner.store.operation(id)?.map(Item::from));
                }
                _ => loaded.push(item),
            }
        }
        Ok(loaded)
    }

    /// Plans, writes and records some people: all of them or, in the store, none.
    async fn attempt(&mut self, items: Vec<Item>) -> Result<(), JobError> {
        let began = Instant::now();
        let count = items.len() as i64;
        let cycle = self.cycle()?;
        self.load_open()?;
        let runner = self.runner;
        let decider = runner.decider(self.now);
        let mut decided = decide(&decider, items, &mut self.company).await?;
        let mut planned = self.planned;
        decided.iter().for_each(|decided| self.add(decided, &mut planned));
        if let Some(guard) = &self.guard {
            self.holds = guard.assess(&planned);
        }
        let held: Vec<bool> = decided.iter().map(|d| self.is_held(d)).collect();
        self.announce_deletes(&mut decided, &held)?;
        let exported = self.export(&decided, &held).await;
        let duration = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX) / count.max(1);
        let before =
            (self.counts, self.document.totals, self.document.people.len(), self.document.warnings.len());
        let mut links = Vec::with_capacity(decided.len());
        for ((decided, held), exported) in decided.iter().zip(&held).zip(&exported) {
            report::add(&mut self.document, runner.schema, decided, &|_| false, self.listing);
            let waits = decided.plan.references.iter().any(|r| r.status == ReferenceStatus::Pending);
            if waits && decided.plan.action == Action::Skip {
                self.only_waiting.insert(decided.known.anchor().to_owned());
            }
            if !held {
                self.supersede(decided);
            }
            self.count(decided, *held, exported);
            links.push(decided.known.link.as_ref().map(|link| link.target_anchor.clone()));
        }
        let dealt: Vec<_> = decided.into_iter().zip(held).zip(exported).collect();
        let mut people =
            parallel(dealt, |((decided, held), exported)| self.result(decided, held, exported, duration));
        let mut relinked: Vec<(String, Option<String>, Option<String>)> = Vec::new();
        for (result, old) in people.iter().zip(links) {
            relinked.extend(result.person.as_ref().and_then(|person| match &person.link {
                LinkChange::Keep => None,
                LinkChange::Set(now) => Some((result.anchor.clone(), old, Some(now.clone()))),
                LinkChange::Remove | LinkChange::Forget => Some((result.anchor.clone(), old, None)),
            }));
            if let EscrowChange::Put(escrow) = &result.escrow {
                *self.failures.entry(escrow.code.clone()).or_default() += 1;
            }
        }
        self.bereaved(&mut people)?;
        let committed = runner.store.commit_batch(BatchResult {
            job: runner.job,
            cycle: Some(cycle),
            now: self.now,
            people,
            counts: Some(self.counts),
        });
        if let Err(error) = committed {
            (self.counts, self.document.totals) = (before.0, before.1);
            self.document.people.truncate(before.2);
            self.document.warnings.truncate(before.3);
            return Err(error.into());
        }
        for (person, before, now) in relinked {
            self.company.relink(&person, before.as_deref(), now.as_deref());
        }
        // What was promised is in the target by now, or has failed.
        self.company.settle();
        self.planned = planned;
        let superseded = std::mem::take(&mut self.superseded);
        if !superseded.is_empty() {
            runner.store.decide(superseded, Decision::Superseded, "a later plan", self.now)?;
        }
        Ok(())
    }

    /// Reads which changes wait for approval, once.
    fn load_open(&mut self) -> Result<(), JobError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if self.dealt > 0 || !open.is_empty() {
            return Ok(());
        }
        for hold in self.runner.store.holds(self.runner.job, true, None, usize::MAX >> 2)? {
            if hold.kind == REVIEW {
                continue;
            }
            let detail: serde_json::Value = serde_json::from_str(&hold.detail).unwrap_or_default();
            let digest = detail["changes"].as_str().map(str::to_owned);
            open.entry(hold.anchor).or_default().push((hold.id, OpenHold { kind: hold.kind, digest }));
        }
        Ok(())
    }

    /// The open hold that this plan falls under: once held, a change stays so until somebody decides or it is gone.
    fn open_hold(&self, decided: &Decided) -> Option<HoldId> {
        let holds = self.open.as_ref()?.get(decided.known.anchor())?;
        let kind = decided.plan.action.log_name();
        let removal = decided.plan.counts_as_removal();
        let found = holds.iter().find(|(_, hold)| {
            hold.kind == kind
                && decided.plan.action.writes()
                && (removal || hold.digest.as_deref() == Some(&changes_digest(&decided.plan)))
        });
        found.map(|(id, _)| *id)
    }

    fn supersede(&mut self, decided: &Decided) {
        if let Some(holds) = self.open.as_mut().and_then(|open| open.remove(decided.known.anchor())) {
            self.superseded.extend(holds.into_iter().map(|(id, _)| id));
        }
    }

    /// A change that waits for somebody's approval.
    fn is_held(&self, decided: &Decided) -> bool {
        let action = decided.plan.action;
        let by_limit = self.holds.iter().any(|hold| match hold.held {
            Held::Removals => matches!(action, Action::Disable | Action::Delete),
            Held::Disables => action == Action::Disable,
            Held::Deletes => action == Action::Delete,
            Held::Creates => action == Action::Create,
            Held::Changes => action.writes(),
        });
        by_limit || self.open_hold(decided).is_some()
    }

    /// Writes the cycle's end and hands over what it did.
    pub(crate) fn end(mut self, result: Result<(), JobError>) -> Result<CycleReport, JobError> {
        if let Some((key, _)) = &self.cycle {
            let state = match &result {
                Err(_) => CycleState::Failed,
                Ok(()) if self.counts.failed > 0 => CycleState::EntryLevelErrors,
                Ok(()) => CycleState::Succeeded,
            };
            let error = result.as_ref().err().map(|error| {
                serde_json::json!({ "code": error.code(), "message": error.to_string() }).to_string()
            });
            let store = self.runner.store;
            store.end_cycle(*key, state, self.now, self.counts, error)?;
            if !self.holds.is_empty() {
                let held = serde_json::json!({ "held": self.holds }).to_string();
                store.set_cycle_approval(*key, Some(held))?;
            }
        }
        result?;
        report::drop_linked(&mut self.document, &self.linked);
        report::sort(&mut self.document);
        Ok(CycleReport {
            cycle: self.cycle.map(|(_, id)| id),
            held: self.counts.held,
            document: self.document,
            counts: self.counts,
            planned: self.planned,
            holds: self.holds,
            failures: self.failures,
            looked_at: self.looked_at,
        })
    }
}

/// Equal for plans that write the same.
pub(crate) fn changes_digest(plan: &hirewire_engine::Plan) -> String {
    let text = serde_json::to_vec(&plan.changes).unwrap_or_default();
    hex::encode(&aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text).as_ref()[..16])
}

/// Plans people; a panic is an error like any other and stops nobody else.
async fn decide<T: Target>(
    decider: &crate::decide::Decider<'_, T>,
    items: Vec<Item>,
    company: &mut Company,
) -> Result<Vec<Decided>, JobError> {
    let work = AssertUnwindSafe(decider.decide(items, company)).catch_unwind();
    work.await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(JobError::Panic(text))
    })
}

fn nobody(error: JobError) -> Result<Vec<Decided>, JobError> {
    if is_poison(&error) { Ok(Vec::new()) } else { Err(error) }
}

/// One person's fault that stops a whole batch.
fn is_poison(error: &JobError) -> bool {
    matches!(
        error,
        JobError::Record { .. } | JobError::Panic(_) | JobError::Store(StoreError::TargetOwned { .. })
    )
}
