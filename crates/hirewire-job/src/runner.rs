//! A synchronization job at work: batches from the inbox, dates that have come, references that can be resolved.
use std::collections::HashSet;
use std::time::Instant;

use hirewire_engine::Action;
use hirewire_engine::order::{self, Act, UniqueAttribute};
use hirewire_engine::safety::Held;
use hirewire_engine::target::{Change, Step, Target, TargetError};
use hirewire_engine::{CompiledSchema, Plan, ReferenceStatus, retry};
use hirewire_store::{
    BatchResult, CycleCounts, CycleKey, CycleKind, CycleState, EscrowChange, JobKey, LinkChange, NewEscrow,
    NewHold, NewReference, OperationId, OperationOutcome, OperationStatus, PersonResult, PersonWrite, Record,
    Store,
};
use jiff::{SignedDuration, Timestamp};

use crate::decide::{Decider, Examined};
use crate::document::{PlanDocument, Totals};
use crate::entry::{self, Dealt};
use crate::error::JobError;
use crate::neighbours::Company;
use crate::people::{Cause, Decided, Item};
use crate::report::{self, Listing};

/// People that are planned and written together: one transaction of the store, one call of the target.
const BATCH: usize = 2000;

/// Attributes whose values belong to one account at a time in the directories we write.
const UNIQUE: [&str; 5] = ["userPrincipalName", "sAMAccountName", "mailNickname", "uid", "mail"];

/// Pause before the first repetition of a failed person.
const ESCROW_INTERVAL: SignedDuration = SignedDuration::from_mins(40);

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
}

/// What a run is told.
pub struct RunOptions<'p> {
    /// Now.
    pub now: Timestamp,
    /// Initial, incremental or on demand, for the record.
    pub kind: CycleKind,
    /// What waits for approval instead of being done.
    pub held: Vec<Held>,
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
    /// People who were looked at although nothing arrived for them.
    pub looked_at: Vec<String>,
}

/// A running cycle.
struct Run<'r, 'a, T> {
    runner: &'r Runner<'a, T>,
    now: Timestamp,
    kind: CycleKind,
    held: Vec<Held>,
    cycle: Option<(CycleKey, String)>,
    company: Company,
    document: PlanDocument,
    listing: Listing,
    counts: CycleCounts,
    dealt: u64,
    /// People for whom nothing but a reference is to be written, once it can be resolved.
    only_waiting: HashSet<String>,
    /// Who got which reference in the second pass, as `person: attribute: `, the way warnings about it begin.
    linked: HashSet<String>,
    looked_at: Vec<String>,
    locked: Option<TargetError>,
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
        let arriving: HashSet<String> = items.iter().map(|item| item.anchor.clone()).collect();
        let mut company = Company::default();
        let mut document = PlanDocument::default();
        let decider = self.decider(now);
        let mut rest = items.into_iter().peekable();
        while rest.peek().is_some() {
            let (batch, later) = distinct(rest.by_ref().take(BATCH).collect());
            for items in [batch, later] {
                for decided in decider.decide(items, &mut company).await? {
                    report::add(
                        &mut document,
                        self.schema,
                        &decided,
                        &|person| arriving.contains(person),
                        if all { Listing::All } else { Listing::Changes },
                    );
                }
            }
        }
        Ok(document)
    }

    /// People who are looked at although nothing was uploaded: a date has come, or a failure is tried again.
    pub fn due(&self, now: Timestamp) -> Result<Vec<String>, JobError> {
        const ALL: usize = usize::MAX >> 1;
        let mut due = self.store.due(self.job, now, ALL)?;
        let known: HashSet<String> = due.iter().cloned().collect();
        due.extend(
            self.store.escrow_due(self.job, now, ALL)?.into_iter().filter(|anchor| !known.contains(anchor)),
        );
        Ok(due)
    }

    /// Runs a cycle: the inbox in order of arrival, then whoever is due, then references that can be resolved.
    pub async fn run(&self, options: RunOptions<'_>) -> Result<CycleReport, JobError> {
        let RunOptions { now, kind, held, also, listing, progress, more } = options;
        let mut run = Run {
            runner: self,
            now,
            kind,
            held,
            cycle: None,
            company: Company::default(),
            document: PlanDocument::default(),
            listing,
            counts: CycleCounts::default(),
            dealt: 0,
            only_waiting: HashSet::new(),
            linked: HashSet::new(),
            looked_at: Vec::new(),
            locked: None,
        };
        let result = run.all(also, progress, more).await;
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
        self.run_items(anchors.into_iter().map(Item::again).collect(), now, kind).await
    }

    /// A cycle over just these people.
    pub async fn run_items(
        &self,
        items: Vec<Item>,
        now: Timestamp,
        kind: CycleKind,
    ) -> Result<CycleReport, JobError> {
        let mut run = Run {
            runner: self,
            now,
            kind,
            held: Vec::new(),
            cycle: None,
            company: Company::default(),
            document: PlanDocument::default(),
            listing: Listing::Changes,
            counts: CycleCounts::default(),
            dealt: 0,
            only_waiting: HashSet::new(),
            linked: HashSet::new(),
            looked_at: Vec::new(),
            locked: None,
        };
        let result = run.again(items, &mut |_| ()).await;
        let result = match result {
            Ok(()) => run.references().await,
            Err(error) => Err(error),
        };
        run.end(result)
    }

    fn decider(&self, now: Timestamp) -> Decider<'_, T> {
        Decider { store: self.store, job: self.job, schema: self.schema, target: self.target, now }
    }
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

impl<T: Target> Run<'_, '_, T> {
    async fn all(
        &mut self,
        also: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
        more: &mut (dyn FnMut() -> bool + Send),
    ) -> Result<(), JobError> {
        let mut after = OperationId::START;
        loop {
            let pending = self.runner.store.take(self.runner.job, after, BATCH)?;
            if pending.is_empty() {
                if more() {
                    continue;
                }
                break;
            }
            let (batch, _) = distinct(pending.into_iter().map(Item::from).collect());
            if let Some(Cause::Operation { id: Some(id), .. }) = batch.last().map(|item| &item.cause) {
                after = *id;
            }
            self.batch(batch, progress).await?;
        }
        self.looked_at.extend(also.iter().map(|item| item.anchor.clone()));
        self.again(also, progress).await?;
        let due = self.runner.due(self.now)?;
        self.looked_at.extend(due.iter().cloned());
        self.again(due.into_iter().map(Item::again).collect(), progress).await?;
        self.references().await
    }

    async fn again(
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

    fn cycle(&mut self) -> Result<CycleKey, JobError> {
        if let Some((key, _)) = &self.cycle {
            return Ok(*key);
        }
        let id = uuid::Uuid::now_v7().to_string();
        let key = self.runner.store.begin_cycle(self.runner.job, &id, self.kind, self.now)?;
        self.cycle = Some((key, id));
        Ok(key)
    }

    async fn batch(
        &mut self,
        items: Vec<Item>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), JobError> {
        let began = Instant::now();
        let count = items.len() as u64;
        let cycle = self.cycle()?;
        let decider = self.runner.decider(self.now);
        let decided = decider.decide(items, &mut self.company).await?;
        let held: Vec<bool> = decided.iter().map(|d| self.is_held(d)).collect();
        let exported = self.export(&decided, &held).await;
        let duration = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
            / i64::try_from(count.max(1)).unwrap_or(1);
        let mut people = Vec::with_capacity(decided.len());
        for ((decided, held), exported) in decided.into_iter().zip(held).zip(exported) {
            report::add(&mut self.document, self.runner.schema, &decided, &|_| false, self.listing);
            let waits = decided.plan.references.iter().any(|r| r.status == ReferenceStatus::Pending);
            if waits && decided.plan.action == Action::Skip {
                self.only_waiting.insert(decided.known.anchor().to_owned());
            }
            self.count(&decided, held, &exported);
            people.push(self.result(decided, held, exported, duration));
        }
        self.runner.store.commit_batch(BatchResult {
            job: self.runner.job,
            cycle: Some(cycle),
            now: self.now,
            people,
            counts: Some(self.counts),
        })?;
        self.dealt += count;
        progress(self.dealt);
        match self.locked.take() {
            Some(error) => Err(JobError::Target(error)),
            None => Ok(()),
        }
    }

    /// A change that waits for somebody's approval.
    fn is_held(&self, decided: &Decided) -> bool {
        let action = decided.plan.action;
        self.held.iter().any(|held| match held {
            Held::Removals => matches!(action, Action::Disable | Action::Delete),
            Held::Disables => action == Action::Disable,
            Held::Deletes => action == Action::Delete,
            Held::Creates => action == Action::Create,
            Held::Changes => action.writes(),
        })
    }

    /// Writes everybody's steps; references that are known by now ride along, so that most people cost one write.
    async fn export(&mut self, decided: &[Decided], held: &[bool]) -> Vec<Exported> {
        let mut exported: Vec<Exported> = decided.iter().map(|_| Exported::default()).collect();
        let writes =
            |at: usize| !held[at] && !decided[at].known.stranger && decided[at].plan.action != Action::Fail;
        for (at, decided) in decided.iter().enumerate().filter(|(at, _)| writes(*at)) {
            exported[at].references = resolved(decided);
        }
        for round in self.rounds(decided) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for act in round.into_iter().filter(|act| writes(act.plan())) {
                let at = act.plan();
                match act {
                    Act::LetGo { step, .. } => first.push((at, step)),
                    Act::Plan(_) => {
                        for step in with_references(&decided[at], &exported[at].references) {
                            let list =
                                if matches!(step, Step::Restore { .. }) { &mut first } else { &mut second };
                            list.push((at, step));
                        }
                    }
                }
            }
            for steps in [first, second] {
                self.apply(steps, &mut exported).await;
            }
        }
        exported
    }

    /// The order of the writes: everybody at once, except where a unique value passes from one account to another.
    fn rounds(&self, decided: &[Decided]) -> Vec<Vec<Act>> {
        let schema = self.runner.schema;
        let unique: Vec<UniqueAttribute> = (0..schema.row_count())
            .filter_map(|row| schema.row(row))
            .filter(|(_, target)| UNIQUE.iter().any(|name| target.name.eq_ignore_ascii_case(name)))
            .map(|(_, target)| UniqueAttribute { attribute: target.clone(), clearable: false })
            .collect();
        let moves = decided.iter().any(|decided| {
            let changed =
                |name: &str| decided.plan.changes.iter().any(|c| c.attribute == name && c.old.is_some());
            unique.iter().any(|unique| changed(&unique.attribute.name))
        });
        if !moves {
            return vec![(0..decided.len()).map(Act::Plan).collect()];
        }
        let plans: Vec<Plan> = decided.iter().map(|decided| decided.plan.clone()).collect();
        let mut rounds = order::rounds(&plans, &unique);
        // People of whom only references change stand in no round: theirs come last.
        let listed: HashSet<usize> = rounds.iter().flatten().map(Act::plan).collect();
        rounds.push((0..decided.len()).filter(|at| !listed.contains(at)).map(Act::Plan).collect());
        rounds
    }

    /// One call of the target; the answers go to the people they belong to.
    async fn apply(&mut self, steps: Vec<(usize, Step)>, exported: &mut [Exported]) {
        if steps.is_empty() {
            return;
        }
        let (indexes, steps): (Vec<usize>, Vec<Step>) = steps.into_iter().unzip();
        for (at, answer) in indexes.into_iter().zip(self.runner.target.apply(&steps).await) {
            match answer {
                Ok(applied) => exported[at].anchor = Some(applied.anchor),
                Err(error) => {
                    if matches!(error, TargetError::Locked { .. }) {
                        self.locked.get_or_insert_with(|| error.clone());
                    }
                    exported[at].refused.get_or_insert(error);
                }
            }
        }
    }

    fn count(&mut self, decided: &Decided, held: bool, exported: &Exported) {
        let counts = &mut self.counts;
        counts.imported += 1;
        counts.pending_references +=
            decided.plan.references.iter().filter(|r| r.status == ReferenceStatus::Pending).count() as u64;
        if held || decided.known.stranger {
            counts.held += 1;
            return;
        }
        if exported.refused.is_some() {
            counts.failed += 1;
            return;
        }
        match decided.plan.action {
            Action::Create => counts.created += 1,
            Action::Update => counts.updated += 1,
            Action::Disable => counts.disabled += 1,
            Action::Enable => counts.enabled += 1,
            Action::Delete => counts.deleted += 1,
            Action::Skip => counts.skipped += 1,
            Action::Fail => counts.failed += 1,
        }
    }

    /// What the store is to remember of one person.
    fn result(&self, decided: Decided, held: bool, exported: Exported, duration: i64) -> PersonResult {
        let Decided { known, before, plan } = decided;
        let mut result = PersonResult::new(known.anchor());
        let failed = exported.refused.is_some() || plan.action == Action::Fail;
        let schema = self.runner.schema;
        let redacted = |attribute: &str| {
            plan.rows.iter().any(|row| {
                row.redacted && schema.row(row.row).is_some_and(|(_, target)| target.name == attribute)
            })
        };
        let (id, upload, bulk_id) = match &known.item.cause {
            Cause::Operation { id, upload, bulk_id } => (*id, *upload, bulk_id.as_deref()),
            Cause::Again | Cause::Gone | Cause::Reviewed => (None, None, None),
        };
        let reason = reason_of(&plan, &exported, held, known.stranger);
        // Nobody wants an entry for "still nothing to do" of a person who only came due; who asks for one person wants an answer.
        let asked = self.kind == CycleKind::OnDemand;
        let silent = id.is_none() && plan.action == Action::Skip && !asked;
        if !silent {
            result.log.push(entry::entry(&Dealt {
                time: self.now,
                duration,
                plan: &plan,
                record: known.record.as_ref(),
                before: before.as_ref(),
                target: exported.anchor.as_deref(),
                references: &exported.references,
                refused: exported.refused.as_ref(),
                held: holding(held, known.stranger),
                upload,
                bulk_id,
                origin: known.item.origin.as_deref(),
                redacted: &redacted,
            }));
        }
        if let Some(operation) = id {
            let status = operation_status(&plan, failed, held || known.stranger);
            result.outcomes.push(OperationOutcome { operation, status, reason: reason.clone() });
        }
        if known.stranger {
            result.holds.push(NewHold { kind: "review".into(), detail: known.item.data.unwrap_or_default() });
            return result;
        }
        if held {
            let detail =
                serde_json::json!({ "action": plan.action, "account": plan.target_anchor }).to_string();
            result.holds.push(NewHold { kind: plan.action.log_name().into(), detail });
        }
        result.pending = pending(&plan, &known.state.pending, failed);
        result.escrow = self.escrow(&known.state.escrow, &exported, &plan, failed);
        let link = match (&exported.anchor, plan.action) {
            (_, Action::Delete) if !failed && !held => LinkChange::Remove,
            (Some(anchor), _) if plan.makes_link() && !failed => LinkChange::Set(anchor.clone()),
            (None, _) if plan.makes_link() && !failed && !held => {
                plan.target_anchor.clone().map_or(LinkChange::Keep, LinkChange::Set)
            }
            _ => LinkChange::Keep,
        };
        let record = known.remembered.map(|data| Record { data, origin: known.item.origin });
        result.person = Some(PersonWrite {
            record,
            link,
            in_scope: plan.in_scope.unwrap_or_else(|| known.link.as_ref().is_some_and(|link| link.in_scope)),
            // A held change is not due again by itself; a date that has come while it failed stays due with the escrow.
            next_due: plan.next_due,
        });
        result
    }

    fn escrow(
        &self,
        stored: &Option<hirewire_store::Escrow>,
        exported: &Exported,
        plan: &hirewire_engine::Plan,
        failed: bool,
    ) -> EscrowChange {
        if !failed {
            return if stored.is_some() { EscrowChange::Clear } else { EscrowChange::Keep };
        }
        let attempts = stored.as_ref().map_or(0, |escrow| escrow.attempts).saturating_add(1);
        let (code, reason, after) = match &exported.refused {
            Some(TargetError::Retry { code, reason, after }) => (code.clone(), reason.clone(), *after),
            Some(TargetError::Refused { code, reason, .. } | TargetError::Locked { code, reason }) => {
                (code.clone(), reason.clone(), None)
            }
            Some(error @ TargetError::Gone { .. }) => ("InvalidAnchor".to_owned(), error.to_string(), None),
            None => (
                plan.reason.map_or_else(String::new, |reason| reason.code().to_owned()),
                plan.detail.clone().unwrap_or_default(),
                None,
            ),
        };
        let not_before =
            after.and_then(|after| self.now.checked_add(SignedDuration::try_from(after).ok()?).ok());
        EscrowChange::Put(NewEscrow {
            code,
            reason,
            reference: false,
            attempts,
            next_try: retry::escrow_due(self.now, attempts, ESCROW_INTERVAL, not_before),
        })
    }

    /// Second pass: references whose person has an account by now (spec/engine.md §9).
    async fn references(&mut self) -> Result<(), JobError> {
        loop {
            let ready = self.runner.store.resolvable_references(self.runner.job, BATCH)?;
            if ready.is_empty() {
                return Ok(());
            }
            let cycle = self.cycle()?;
            self.resolve(cycle, ready).await?;
        }
    }

    async fn resolve(
        &mut self,
        cycle: CycleKey,
        ready: Vec<hirewire_store::PendingReference>,
    ) -> Result<(), JobError> {
        let store = self.runner.store;
        let wanted: Vec<&str> = ready.iter().map(|reference| reference.wanted.as_str()).collect();
        let targets = store.resolve(self.runner.job, &wanted)?;
        let owners: Vec<&str> = ready.iter().map(|reference| reference.anchor.as_str()).collect();
        let accounts = store.resolve(self.runner.job, &owners)?;
        let (mut steps, mut at) = (Vec::new(), Vec::new());
        for (index, (account, target)) in accounts.iter().zip(&targets).enumerate() {
            if let (Some(account), Some(target)) = (account, target) {
                let change = Change {
                    attribute: ready[index].attribute.clone(),
                    old: None,
                    new: Some(hirewire_engine::value::AttributeValue::Reference(target.clone())),
                };
                steps.push(Step::Update { anchor: account.clone(), changes: vec![change] });
                at.push(index);
            }
        }
        let answers = self.runner.target.apply(&steps).await;
        let mut people: Vec<PersonResult> = Vec::with_capacity(steps.len());
        for ((index, step), answer) in at.into_iter().zip(&steps).zip(answers) {
            let reference = &ready[index];
            let Step::Update { anchor, changes } = step else { continue };
            let mut result = PersonResult::new(&reference.anchor);
            result.pending = Some(Vec::new());
            if answer.is_ok() {
                self.linked.insert(report::about(&reference.anchor, &reference.attribute));
            }
            match &answer {
                Ok(applied) if !applied.changed => {}
                answer => {
                    if answer.is_ok() && self.only_waiting.remove(&reference.anchor) {
                        self.document.totals.skip -= 1;
                        self.document.totals.update += 1;
                        self.counts.skipped -= 1;
                        self.counts.updated += 1;
                    }
                    let refused = answer.as_ref().err();
                    result.log.push(entry::reference_entry(
                        self.now,
                        &reference.anchor,
                        anchor,
                        changes,
                        reference.change,
                        refused,
                    ));
                }
            }
            if let Err(error @ TargetError::Locked { .. }) = answer {
                return Err(JobError::Target(error));
            }
            people.push(result);
        }
        let now = self.now;
        store.commit_batch(BatchResult {
            job: self.runner.job,
            cycle: Some(cycle),
            now,
            people,
            counts: Some(self.counts),
        })?;
        Ok(())
    }

    /// Writes the cycle's end and hands over what it did.
    fn end(mut self, result: Result<(), JobError>) -> Result<CycleReport, JobError> {
        if let Some((key, _)) = &self.cycle {
            let state = match &result {
                Err(_) => CycleState::Failed,
                Ok(()) if self.counts.failed > 0 => CycleState::EntryLevelErrors,
                Ok(()) => CycleState::Succeeded,
            };
            let error = result
                .as_ref()
                .err()
                .map(|error| serde_json::json!({ "message": error.to_string() }).to_string());
            self.runner.store.end_cycle(*key, state, self.now, self.counts, error)?;
        }
        result?;
        report::drop_linked(&mut self.document, &self.linked);
        report::sort(&mut self.document);
        Ok(CycleReport {
            cycle: self.cycle.map(|(_, id)| id),
            held: self.counts.held,
            looked_at: self.looked_at,
            document: self.document,
            counts: self.counts,
        })
    }
}

/// What the target answered for one person.
#[derive(Default)]
struct Exported {
    anchor: Option<String>,
    references: Vec<Change>,
    refused: Option<TargetError>,
}

/// References that are known at the time of the export.
fn resolved(decided: &Decided) -> Vec<Change> {
    if !decided.plan.action.writes() {
        return Vec::new();
    }
    decided
        .plan
        .references
        .iter()
        .filter(|reference| reference.status == ReferenceStatus::Set)
        .filter_map(|reference| reference.change(|_| None))
        .collect()
}

/// The plan's steps with the known references in the same write.
fn with_references(decided: &Decided, references: &[Change]) -> Vec<Step> {
    let mut steps = decided.plan.steps();
    if references.is_empty() {
        return steps;
    }
    match steps.last_mut() {
        Some(Step::Create { attributes }) => {
            attributes.extend(references.iter().filter_map(|c| Some((c.attribute.clone(), c.new.clone()?))));
        }
        Some(Step::Update { changes, .. }) => changes.extend(references.iter().cloned()),
        _ => {
            let anchor = decided.plan.target_anchor.clone().unwrap_or_default();
            steps.push(Step::Update { anchor, changes: references.to_vec() });
        }
    }
    steps
}

/// The person's references that still wait; `None` leaves the stored ones.
fn pending(
    plan: &hirewire_engine::Plan,
    stored: &[hirewire_store::PendingReference],
    failed: bool,
) -> Option<Vec<NewReference>> {
    if failed {
        return None;
    }
    let waiting: Vec<NewReference> = plan
        .references
        .iter()
        .filter(|reference| reference.status == ReferenceStatus::Pending)
        .filter_map(|reference| {
            Some(NewReference {
                attribute: reference.attribute.clone(),
                wanted: reference.to_source_anchor.clone()?,
                change: None,
            })
        })
        .collect();
    if waiting.is_empty() && stored.is_empty() { None } else { Some(waiting) }
}

fn reason_of(
    plan: &hirewire_engine::Plan,
    exported: &Exported,
    held: bool,
    stranger: bool,
) -> Option<String> {
    if stranger {
        return Some("HeldForReview".into());
    }
    if held {
        return Some("HeldByThreshold".into());
    }
    match &exported.refused {
        Some(error) => Some(error.to_string()),
        None => plan.reason.map(|reason| match &plan.detail {
            Some(detail) => format!("{reason}: {detail}"),
            None => reason.code().to_owned(),
        }),
    }
}

fn holding(held: bool, stranger: bool) -> Option<entry::Hold> {
    match (stranger, held) {
        (true, _) => Some(entry::Hold::Review),
        (false, true) => Some(entry::Hold::Threshold),
        (false, false) => None,
    }
}

fn operation_status(plan: &hirewire_engine::Plan, failed: bool, held: bool) -> OperationStatus {
    if failed {
        OperationStatus::Failed
    } else if held {
        OperationStatus::Waiting
    } else if plan.action == Action::Skip {
        OperationStatus::Skipped
    } else {
        OperationStatus::Applied
    }
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
