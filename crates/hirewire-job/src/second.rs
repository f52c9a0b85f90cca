//! Second pass: references whose person has an account by now (spec/engine.md §9).
use hirewire_engine::target::{Change, Step, Target, TargetError};
use hirewire_store::{BatchResult, CycleKey, PersonResult};

use crate::entry;
use crate::error::JobError;
use crate::report;
use crate::run::Run;

/// References that are resolved together.
const BATCH: usize = 2000;

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
}
