//! Letting held changes happen (spec/engine.md §15: *Allow deletes*).
use hirewire_engine::target::Target;
use hirewire_store::{CycleKey, CycleKind, Decision, OperationStatus, UploadId};
use jiff::Timestamp;

use crate::document::PlanAction;
use crate::error::JobError;
use crate::people::Item;
use crate::run::REVIEW;
use crate::runner::{CycleReport, Runner, Safety};

/// What came of an approval.
#[derive(Debug, Clone)]
pub struct Approved {
    /// Changes that waited.
    pub changes: u64,
    /// The cycle that made them.
    pub report: CycleReport,
}

impl<T: Target> Runner<'_, T> {
    /// Makes the changes that a cycle held, or that any cycle held. Everybody is planned again first, so what is done is
    /// right for the present record. `None`: nothing waits.
    pub async fn approve(
        &self,
        cycle: Option<CycleKey>,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Approved>, JobError> {
        let mut holds = self.store.holds(self.job, true, None, usize::MAX >> 2)?;
        holds.retain(|hold| hold.kind != REVIEW && (cycle.is_none() || hold.cycle == cycle));
        if holds.is_empty() {
            return Ok(None);
        }
        let mut anchors: Vec<String> = holds.iter().map(|hold| hold.anchor.clone()).collect();
        anchors.sort_unstable();
        anchors.dedup();
        let items = anchors.into_iter().map(Item::again).collect();
        let report = self.run_safely(items, now, CycleKind::OnDemand, Safety::Agreed).await?;
        let ids = holds.iter().map(|hold| hold.id).collect();
        let changes = self.store.decide(ids, Decision::Approved, by, now)?;
        let failed: std::collections::HashSet<&str> = report
            .document
            .people
            .iter()
            .filter(|person| person.action == PlanAction::Reject)
            .map(|person| person.anchor.as_str())
            .collect();
        let done = holds.iter().filter(|hold| !failed.contains(hold.anchor.as_str()));
        let receipts: Vec<(UploadId, String)> = done
            .filter_map(|hold| {
                let detail: serde_json::Value = serde_json::from_str(&hold.detail).ok()?;
                Some((UploadId(detail["upload"].as_i64()?), hold.anchor.clone()))
            })
            .collect();
        self.store.settle_waiting(receipts, OperationStatus::Applied, Some(format!("approved by {by}")))?;
        Ok(Some(Approved { changes, report }))
    }
}
