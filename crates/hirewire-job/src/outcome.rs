//! What the store is to remember of one person: outcome, log, failure, link, hold.
use hirewire_engine::target::{Target, TargetError};
use hirewire_engine::{Action, Reason, ReferenceStatus, retry};
use hirewire_store::{
    BatchResult, CycleKind, EscrowChange, LinkChange, NewEscrow, NewHold, OperationOutcome, OperationStatus,
    PersonResult, PersonWrite, Record,
};
use jiff::SignedDuration;

use crate::document::PlanAction;
use crate::entry::{self, Dealt};
use crate::error::JobError;
use crate::export::Exported;
use crate::people::{Cause, Decided, Item, Known};
use crate::run::{REVIEW, Run, changes_digest};
use crate::second::pending;

/// Pause before the first repetition of a failed person.
const ESCROW_INTERVAL: SignedDuration = SignedDuration::from_mins(40);

/// The same where the target only asked for patience.
const TRANSIENT_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

impl<T: Target> Run<'_, '_, T> {
    /// Sets a person aside who stops everybody else: the operation is answered, the failure put aside and tried again
    /// later, the record kept where it can be read.
    pub(crate) fn set_aside(&mut self, item: &Item, error: &JobError) -> Result<(), JobError> {
        let cycle = self.cycle()?;
        let store = self.runner.store;
        let state = store.load_batch(self.runner.job, &[&item.anchor])?.pop();
        let (person, escrow) = state.map_or((None, None), |state| (state.person, state.escrow));
        let (code, reason) = (error.code().to_owned(), error.to_string());
        let mut result = PersonResult::new(&item.anchor);
        let mut upload = None;
        if let Cause::Operation { id, upload: from, .. } = &item.cause {
            upload = *from;
            result.outcomes.extend(id.map(|operation| OperationOutcome {
                operation,
                status: OperationStatus::Failed,
                reason: Some(format!("{code}: {reason}")),
            }));
        }
        let readable = item.data.as_deref().filter(|data| {
            serde_json::from_str::<serde_json::Value>(data).is_ok_and(|value| value.is_object())
        });
        if person.is_some() || readable.is_some() {
            let record = |data: &str| Record { data: data.to_owned(), origin: item.origin.clone() };
            result.person = Some(PersonWrite {
                record: readable.map(record),
                link: LinkChange::Keep,
                in_scope: person.as_ref().is_some_and(|person| person.in_scope),
                // The failure's own time says when the person is looked at again.
                next_due: None,
                parts: None,
                name_key: None,
            });
        }
        let attempts = escrow.map_or(0, |escrow| escrow.attempts).saturating_add(1);
        result.log.push(entry::set_aside_entry(self.now, item, upload, &code, &reason));
        result.escrow = EscrowChange::Put(NewEscrow {
            next_try: retry::escrow_due(self.now, attempts, ESCROW_INTERVAL, None),
            code,
            reason,
            reference: false,
            attempts,
            gone: item.cause == Cause::Gone,
        });
        self.counts.imported += 1;
        self.counts.failed += 1;
        *self.failures.entry(error.code().to_owned()).or_default() += 1;
        self.document.totals.add(PlanAction::Reject);
        store.commit_batch(BatchResult {
            job: self.runner.job,
            cycle: Some(cycle),
            now: self.now,
            people: vec![result],
            counts: Some(self.counts),
        })?;
        Ok(())
    }

    /// Notes in the store who is about to be deleted: should the process end before the answer is known, the delete is
    /// tried again, and somebody who comes back meanwhile gets a new account instead of a link to none.
    pub(crate) fn announce_deletes(
        &mut self,
        decided: &mut [Decided],
        held: &[bool],
    ) -> Result<(), JobError> {
        let leaving = |decided: &Decided, held: bool| {
            !held && !decided.known.stranger && decided.plan.action == Action::Delete
        };
        let mut people = Vec::new();
        for (decided, _) in decided.iter_mut().zip(held).filter(|(decided, held)| leaving(decided, **held)) {
            let known = &mut decided.known;
            let attempts = known.state.escrow.as_ref().map_or(1, |escrow| escrow.attempts);
            let announced = NewEscrow {
                code: Reason::Timeout.code().to_owned(),
                reason: "the process ended while the account was being deleted".to_owned(),
                reference: false,
                attempts,
                next_try: retry::escrow_due(self.now, attempts, TRANSIENT_INTERVAL, None),
                gone: known.item.cause == Cause::Gone,
            };
            known.announced = true;
            let mut result = PersonResult::new(known.anchor());
            result.escrow = EscrowChange::Put(announced);
            people.push(result);
        }
        if people.is_empty() {
            return Ok(());
        }
        let cycle = Some(self.cycle()?);
        let (job, now) = (self.runner.job, self.now);
        self.runner.store.commit_batch(BatchResult { job, cycle, now, people, counts: None })?;
        Ok(())
    }

    pub(crate) fn count(&mut self, decided: &Decided, held: bool, exported: &Exported) {
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
    pub(crate) fn result(
        &self,
        decided: Decided,
        held: bool,
        exported: Exported,
        duration: i64,
    ) -> PersonResult {
        let Decided { known, before, plan } = decided;
        let account_is_gone = before.is_none();
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
        // Nobody wants an entry for "still nothing to do" of a person who only came due; who asks for one person wants an
        // answer.
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
            result.holds.push(NewHold { kind: REVIEW.into(), detail: known.item.data.unwrap_or_default() });
            return result;
        }
        if held {
            let detail = serde_json::json!({
                "action": plan.action,
                "account": plan.target_anchor,
                "upload": upload.map(|upload| upload.0),
                "changes": changes_digest(&plan),
            })
            .to_string();
            result.holds.push(NewHold { kind: plan.action.log_name().into(), detail });
        }
        result.pending = pending(schema, &plan, &known.state.pending, failed || held);
        result.escrow = self.escrow(&known, &exported, &plan, failed);
        let gone = matches!(exported.refused, Some(TargetError::Gone { .. }));
        let unlinked = known.state.person.as_ref().is_none_or(|person| person.target.is_none());
        let link = match (&exported.anchor, plan.action) {
            (_, Action::Delete) if !failed && !held => LinkChange::Forget,
            // Gone from the source, and the account is gone already: the delete's answer was lost, or somebody was faster.
            (_, Action::Skip) if known.item.cause == Cause::Gone && account_is_gone && !failed => {
                LinkChange::Forget
            }
            // A match is a match, also when the first change of the account was refused.
            (_, _) if plan.matched_by.is_some() && !held && !gone && plan.action != Action::Fail => {
                plan.target_anchor.clone().map_or(LinkChange::Keep, LinkChange::Set)
            }
            // Found again after a lost answer.
            (_, _) if unlinked && known.link.is_some() && !gone => known
                .link
                .as_ref()
                .map_or(LinkChange::Keep, |link| LinkChange::Set(link.target_anchor.clone())),
            (Some(anchor), _) if plan.makes_link() && !failed => LinkChange::Set(anchor.clone()),
            (None, _) if plan.makes_link() && !failed && !held => {
                plan.target_anchor.clone().map_or(LinkChange::Keep, LinkChange::Set)
            }
            // The account is gone, and the new one could not be made yet.
            _ if known.link.is_none() && !unlinked => LinkChange::Remove,
            _ => LinkChange::Keep,
        };
        let stored = known.state.person.as_ref().map(|person| person.in_scope);
        let was_in_scope = known.link.as_ref().map(|link| link.in_scope).or(stored);
        // Who could not be written has not left the scope yet: the account is still to be disabled. Nor has who came back
        // and may have been enabled by a write whose answer was lost.
        let in_scope = match was_in_scope.filter(|_| failed || held) {
            Some(before) => before || plan.in_scope == Some(true),
            None => plan.in_scope.or(was_in_scope).unwrap_or_default(),
        };
        let in_scope = in_scope && link != LinkChange::Forget;
        let record = known.remembered.map(|data| Record { data, origin: known.item.origin });
        result.person = Some(PersonWrite {
            record,
            link,
            in_scope,
            // A held change is not due again by itself; a date that has come while it failed stays due with the escrow.
            next_due: plan.next_due,
            parts: known.parts,
            name_key: known.record.as_ref().and_then(hirewire_engine::identity::name_key),
        });
        result
    }

    fn escrow(
        &self,
        known: &Known,
        exported: &Exported,
        plan: &hirewire_engine::Plan,
        failed: bool,
    ) -> EscrowChange {
        let stored = &known.state.escrow;
        if !failed {
            return if stored.is_some() || known.announced {
                EscrowChange::Clear
            } else {
                EscrowChange::Keep
            };
        }
        let attempts = stored.as_ref().map_or(0, |escrow| escrow.attempts).saturating_add(1);
        let gone = known.item.cause == Cause::Gone;
        EscrowChange::Put(match &exported.refused {
            Some(error) => NewEscrow { gone, ..self.failure(error, attempts, false) },
            None => NewEscrow {
                code: plan.reason.map_or_else(String::new, |reason| reason.code().to_owned()),
                reason: plan.detail.clone().unwrap_or_default(),
                reference: false,
                attempts,
                next_try: retry::escrow_due(self.now, attempts, ESCROW_INTERVAL, None),
                gone,
            },
        })
    }

    /// A refusal of the target as a failure record.
    pub(crate) fn failure(&self, error: &TargetError, attempts: u32, reference: bool) -> NewEscrow {
        let (code, reason, after, interval) = match error {
            TargetError::Retry { code, reason, after } => {
                (code.clone(), reason.clone(), *after, TRANSIENT_INTERVAL)
            }
            TargetError::Refused { code, reason, .. } | TargetError::Locked { code, reason } => {
                (code.clone(), reason.clone(), None, ESCROW_INTERVAL)
            }
            TargetError::Gone { .. } => {
                ("InvalidAnchor".to_owned(), error.to_string(), None, ESCROW_INTERVAL)
            }
        };
        let not_before =
            after.and_then(|after| self.now.checked_add(SignedDuration::try_from(after).ok()?).ok());
        let next_try = retry::escrow_due(self.now, attempts, interval, not_before);
        NewEscrow { code, reason, reference, attempts, next_try, gone: false }
    }
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
