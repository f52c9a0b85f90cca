//! Second pass: references whose person has an account by now (spec/engine.md §9), what waits for it, and what becomes of a
//! reference to somebody who is gone.
use std::collections::{BTreeMap, HashSet};

use hirewire_engine::target::{Applied, Change, Step, Target, TargetError};
use hirewire_engine::value::AttributeValue;
use hirewire_engine::{Action, CompiledSchema, ReferenceStatus, Why};
use hirewire_store::{
    BatchResult, CycleKey, EscrowChange, LinkChange, NewReference, PendingReference, PersonResult,
    PersonState, PersonWrite,
};

use crate::entry;
use crate::error::JobError;
use crate::report;
use crate::run::Run;
use crate::runner::BATCH;

impl<T: Target> Run<'_, '_, T> {
    /// Second pass: references whose person has an account by now (spec/engine.md §9).
    pub(crate) async fn references(&mut self) -> Result<(), JobError> {
        loop {
            let ready = self.runner.store.resolvable_references(self.runner.job, BATCH)?;
            if ready.is_empty() {
                return Ok(());
            }
            let cycle = self.cycle()?;
            self.resolve(cycle, ready).await?;
        }
    }

    /// One update for each person with everything of theirs that is known by now.
    async fn resolve(
        &mut self,
        cycle: CycleKey,
        ready: Vec<hirewire_store::PendingReference>,
    ) -> Result<(), JobError> {
        let store = self.runner.store;
        let wanted: Vec<&str> = ready.iter().map(|reference| reference.wanted.as_str()).collect();
        let targets = store.resolve(self.runner.job, &wanted)?;
        let mut by_person: BTreeMap<&str, Vec<(&PendingReference, &str)>> = BTreeMap::new();
        for (reference, target) in ready.iter().zip(&targets) {
            if let Some(target) = target {
                by_person.entry(&reference.anchor).or_default().push((reference, target));
            }
        }
        let people: Vec<&str> = by_person.keys().copied().collect();
        let states = store.load_batch(self.runner.job, &people)?;
        let (mut steps, mut owners) = (Vec::new(), Vec::new());
        for (references, state) in by_person.into_values().zip(states) {
            let Some(account) = state.person.as_ref().and_then(|person| person.target.clone()) else {
                continue;
            };
            let changes = references
                .iter()
                .map(|(reference, target)| Change {
                    attribute: reference.attribute.clone(),
                    old: None,
                    new: Some(AttributeValue::Reference((*target).to_owned())),
                })
                .collect();
            steps.push(Step::Update { anchor: account, changes });
            owners.push((references, state));
        }
        let answers = self.runner.target.apply(&steps).await;
        let mut people: Vec<PersonResult> = Vec::with_capacity(steps.len());
        for (((references, state), step), answer) in owners.into_iter().zip(&steps).zip(answers) {
            let Step::Update { anchor, changes } = step else { continue };
            if let Err(error @ TargetError::Locked { .. }) = answer {
                return Err(JobError::Target(error));
            }
            if answer.is_ok() {
                self.company.recent.note(step.clone(), anchor);
            }
            people.push(self.referred(&references, &state, anchor, changes, &answer));
        }
        store.commit_batch(BatchResult {
            job: self.runner.job,
            cycle: Some(cycle),
            now: self.now,
            people,
            counts: Some(self.counts),
        })?;
        Ok(())
    }

    /// What the store is to remember of a person whose references were written, or not: a refused one is tried again as
    /// every failure is.
    fn referred(
        &mut self,
        references: &[(&PendingReference, &str)],
        state: &PersonState,
        account: &str,
        changes: &[Change],
        answer: &Result<Applied, TargetError>,
    ) -> PersonResult {
        let Some((first, _)) = references.first() else { return PersonResult::new("") };
        let person = first.anchor.as_str();
        let mut result = PersonResult::new(person);
        let written = |waiting: &PendingReference| {
            references.iter().any(|(reference, _)| reference.attribute == waiting.attribute)
        };
        result.pending = Some(state.pending.iter().filter(|waiting| !written(waiting)).map(kept).collect());
        if let Err(error) = answer
            && state.escrow.is_none()
        {
            result.escrow = EscrowChange::Put(self.failure(error, 1, true));
        }
        if answer.is_ok() {
            self.linked
                .extend(references.iter().map(|(reference, _)| report::about(person, &reference.attribute)));
        }
        if answer.as_ref().is_ok_and(|applied| !applied.changed) {
            return result;
        }
        if answer.is_ok() && self.only_waiting.remove(person) {
            self.document.totals.skip -= 1;
            self.document.totals.update += 1;
            self.counts.skipped -= 1;
            self.counts.updated += 1;
        }
        let refused = answer.as_ref().err();
        result.log.push(entry::reference_entry(self.now, person, account, changes, first.change, refused));
        result
    }

    /// Whoever refers to an account that has just gone is due again: told, and linked anew should that person come back.
    pub(crate) fn bereaved(&self, people: &mut Vec<PersonResult>) -> Result<(), JobError> {
        let removed = |person: &&PersonResult| {
            person.person.as_ref().is_some_and(|person| person.link == LinkChange::Forget)
        };
        let gone: HashSet<String> =
            people.iter().filter(removed).map(|person| person.anchor.clone()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut after: Option<String> = None;
        loop {
            let page = self.runner.store.people(self.runner.job, after.as_deref(), BATCH)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.anchor.clone());
            for person in page {
                let Some(record) = person.record.and_then(|record| serde_json::from_str(&record.data).ok())
                else {
                    continue;
                };
                let refers = self.runner.schema.referenced(&record).iter().any(|other| gone.contains(other));
                if !refers || gone.contains(&person.anchor) {
                    continue;
                }
                match people.iter_mut().find(|result| result.anchor == person.anchor) {
                    Some(result) => {
                        if let Some(write) = &mut result.person {
                            write.next_due = Some(self.now);
                        }
                    }
                    None => {
                        let mut result = PersonResult::new(&person.anchor);
                        result.person = Some(PersonWrite {
                            record: None,
                            link: LinkChange::Keep,
                            in_scope: person.in_scope,
                            next_due: Some(self.now),
                            parts: None,
                            name_key: None,
                        });
                        people.push(result);
                    }
                }
            }
        }
    }
}

/// A pending reference that goes on waiting.
fn kept(reference: &PendingReference) -> NewReference {
    NewReference {
        attribute: reference.attribute.clone(),
        wanted: reference.wanted.clone(),
        change: reference.change,
    }
}

/// The person's references that still wait; `None` leaves the stored ones.
pub(crate) fn pending(
    schema: &CompiledSchema,
    plan: &hirewire_engine::Plan,
    stored: &[hirewire_store::PendingReference],
    unwritten: bool,
) -> Option<Vec<NewReference>> {
    if unwritten {
        return None;
    }
    let mut waiting: Vec<NewReference> = plan
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
    // A record that does not speak of a reference leaves the earlier one waiting.
    if plan.in_scope == Some(true) && plan.action != Action::Delete {
        let unsaid = |attribute: &str| {
            plan.rows.iter().any(|outcome| {
                outcome.why == Why::NullNotFlowed
                    && schema.row(outcome.row).is_some_and(|(_, target)| target.name == attribute)
            })
        };
        waiting.extend(stored.iter().filter(|reference| unsaid(&reference.attribute)).map(kept));
    }
    if waiting.is_empty() && stored.is_empty() { None } else { Some(waiting) }
}
