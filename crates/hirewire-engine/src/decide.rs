//! Second half of the plan: the account is known, the action follows (`spec/engine.md §8`, §20).
use std::borrow::Cow;

use hirewire_expression::Value;

use crate::compiled::AccountState;
use crate::mapping::{self, Stop};
use crate::person::{Current, Person, Prepared, Surroundings, active_missing};
use crate::plan::{Action, Plan, ReferenceStatus};
use crate::reason::Reason;
use crate::reference;
use crate::settings::MissingActive;
use crate::target::Change;
use crate::value::{Account, AttributeValue};
use crate::{CompiledSchema, Lookup};

/// Both halves at once, for previews and tests: `find` answers the look-up.
pub fn plan<'t>(
    schema: &CompiledSchema,
    person: Person<'_>,
    now: jiff::Timestamp,
    around: &Surroundings<'_>,
    find: impl FnOnce(Lookup<'_>) -> Current<'t>,
) -> Plan {
    let prepared = schema.prepare(person, now, around.random);
    let current = find(prepared.lookup());
    prepared.plan(current, around)
}

impl Prepared<'_> {
    /// Second half: decides with the accounts that [`lookup`](Self::lookup) asked for.
    pub fn plan(&self, current: Current<'_>, around: &Surroundings<'_>) -> Plan {
        if let Some(decided) = &self.decided {
            let mut plan = self.bare(decided.action, Some(decided.reason));
            plan.detail.clone_from(&decided.detail);
            return plan;
        }
        let linked = match current {
            Current::Linked(account) => account,
            Current::Nothing | Current::Found(_) => None,
        };
        if self.person.record.is_none() {
            return self.delete(linked, Reason::SourceDeleted);
        }
        if self.source_deleted {
            return self.disable(linked, Reason::SourceDeleted);
        }
        if self.in_scope == Some(false) {
            return self.disable(linked, Reason::OutOfScope);
        }
        if self.person.link.is_some() {
            return match linked {
                Some(account) => self.update(account, None, around),
                None => self.bare(Action::Fail, Some(Reason::InvalidAnchor)),
            };
        }
        let found = match current {
            Current::Found(found) => found,
            Current::Nothing | Current::Linked(_) => &[],
        };
        self.matched(found, around)
    }

    /// The first key with a hit ends the search; several hits are no guess (§4).
    fn matched(&self, found: &[Vec<Account>], around: &Surroundings<'_>) -> Plan {
        for (key, accounts) in self.keys.iter().zip(found) {
            let mut live = accounts.iter().filter(|account| !account.soft_deleted);
            let Some(account) = live.next() else { continue };
            if live.any(|other| other.anchor != account.anchor) {
                return self.failed(
                    Reason::DuplicateTargetEntries,
                    format!("several accounts match by {}", key.attribute),
                );
            }
            return match around.neighbours.owner(&account.anchor) {
                Some(owner) if owner != self.person.source_anchor => self.failed(
                    Reason::DuplicateSourceEntries,
                    format!("the account matched by {} belongs to {owner}", key.attribute),
                ),
                _ => self.update(account, Some(&key.attribute), around),
            };
        }
        self.create(around)
    }

    fn create(&self, around: &Surroundings<'_>) -> Plan {
        if !self.schema.allowed.add {
            return self.bare(Action::Skip, Some(Reason::CreateNotEnabled));
        }
        let promised = self.keys.iter().find_map(|key| Some((key, around.neighbours.promised(key)?)));
        if let Some((key, owner)) = promised.filter(|(_, owner)| *owner != self.person.source_anchor) {
            let detail = format!("{} is the matching value of {owner} too", key.attribute);
            return self.failed(Reason::DuplicateSourceEntries, detail);
        }
        let mut plan = self.bare(Action::Create, None);
        plan.time_dependent = self.schema.time_dependent;
        let mut values = Cow::Borrowed(self.values.as_slice());
        if let (true, Some(slot)) = (self.kept(), self.schema.active) {
            values.to_mut()[slot] = Value::Boolean(false);
            plan.warnings.push(active_missing("the account is created disabled"));
        }
        match self.evaluate(&mut plan, &values, None, around) {
            Ok(_) => plan,
            Err(stop) => stopped(plan, stop),
        }
    }

    /// Changes of an existing account, matched now or linked before.
    fn update(&self, account: &Account, matched_by: Option<&str>, around: &Surroundings<'_>) -> Plan {
        let mut plan = self.bare(Action::Update, None);
        plan.target_anchor.get_or_insert_with(|| account.anchor.clone());
        plan.matched_by = matched_by.map(str::to_owned);
        plan.time_dependent = self.schema.time_dependent;
        let enabled = match self.evaluate(&mut plan, &self.values, Some(account), around) {
            Ok(enabled) => enabled,
            Err(stop) => return stopped(plan, stop),
        };
        // An account in the recycle bin comes back for somebody who is active, not for one who left.
        plan.restore = account.soft_deleted && enabled != Some(false) && !self.kept();
        let references = plan.references.iter().any(|reference| reference.status == ReferenceStatus::Set);
        let something = plan.restore || !account.soft_deleted && (references || !plan.changes.is_empty());
        if !something {
            return skipped(plan, Reason::RedundantExport);
        }
        if !self.schema.allowed.update {
            return skipped(plan, Reason::UpdateNotEnabled);
        }
        if plan.restore {
            plan.action = Action::Enable;
            plan.reason = Some(Reason::RestoreSoftDeleted);
            return plan;
        }
        plan.action = self
            .schema
            .account_state
            .map_or(Action::Update, |state| self.flip(state, account, &plan.changes));
        if plan.action == Action::Disable && self.is_exempt(account) {
            return skipped(plan, Reason::AccountExempt);
        }
        plan
    }

    /// Rows and references into the plan; whether the account is to be enabled.
    fn evaluate(
        &self,
        plan: &mut Plan,
        values: &[Value<'_>],
        held: Option<&Account>,
        around: &Surroundings<'_>,
    ) -> Result<Option<bool>, Stop> {
        let environment = self.environment(around.random);
        let held = held.map(|account| mapping::Held::new(self.schema, account));
        let held = held.as_ref();
        let mapped = mapping::map(self, values, held, around.neighbours, &environment)?;
        plan.changes = mapped.changes;
        plan.rows = mapped.rows;
        plan.warnings.extend(mapped.warnings);
        if self.schema.has_references {
            let references = reference::references(self, values, held, around.neighbours, &environment)?;
            plan.references = references.changes;
            plan.rows.extend(references.rows);
            plan.warnings.extend(references.warnings);
        }
        Ok(mapped.enabled)
    }

    /// What the change of the account state makes of an update.
    fn flip(&self, state: AccountState, account: &Account, changes: &[Change]) -> Action {
        let name = &self.schema.attributes[state.attribute].name;
        let Some(change) = changes.iter().find(|change| change.attribute == *name) else {
            return Action::Update;
        };
        let before = state.is_enabled(account.attributes.get(name));
        let after = state.is_enabled(change.new.as_ref());
        match after {
            _ if before == after => Action::Update,
            Some(true) => Action::Enable,
            Some(false) => Action::Disable,
            None => Action::Update,
        }
    }

    /// Out of scope, or soft-deleted in the source: the account state and nothing else.
    fn disable(&self, account: Option<&Account>, reason: Reason) -> Plan {
        let schema = self.schema;
        let row = schema.account_state.and_then(|state| Some((state, state.row?)));
        let Some((state, row)) = row else {
            return match schema.leaving_deletes {
                true => self.delete(account, reason),
                false => self.bare(Action::Skip, Some(Reason::NoAccountStateMapping)),
            };
        };
        let attribute = &schema.attributes[state.attribute];
        let live = account.filter(|account| !account.soft_deleted);
        let old = live.and_then(|account| account.attributes.get(&attribute.name));
        let Some(account) = live.filter(|_| state.is_enabled(old) != Some(false)) else {
            return self.bare(Action::Skip, Some(Reason::RedundantExport));
        };
        if !schema.allowed.update {
            return self.bare(Action::Skip, Some(Reason::UpdateNotEnabled));
        }
        if self.is_exempt(account) {
            return self.bare(Action::Skip, Some(Reason::AccountExempt));
        }
        let mut plan = self.bare(Action::Disable, Some(reason));
        let new = Some(AttributeValue::Boolean(state.inverted));
        plan.changes.push(Change { attribute: attribute.name.clone(), old: old.cloned(), new });
        plan.rows.push(crate::plan::RowOutcome { row, why: crate::plan::Why::Changed, redacted: false });
        plan
    }

    fn delete(&self, account: Option<&Account>, reason: Reason) -> Plan {
        let Some(account) = account.filter(|account| !account.soft_deleted) else {
            return self.bare(Action::Skip, Some(Reason::RedundantExport));
        };
        if !self.schema.allowed.delete {
            return self.bare(Action::Skip, Some(Reason::DeleteNotEnabled));
        }
        if self.is_exempt(account) {
            return self.bare(Action::Skip, Some(Reason::AccountExempt));
        }
        self.bare(Action::Delete, Some(reason))
    }

    fn is_exempt(&self, account: &Account) -> bool {
        self.schema.settings.exempt.iter().any(|rule| rule.covers(account))
    }

    /// The record has no `active`, and existing accounts keep their state.
    fn kept(&self) -> bool {
        self.active_missing && self.schema.settings.missing_active == MissingActive::Keep
    }

    fn failed(&self, reason: Reason, detail: String) -> Plan {
        Plan { detail: Some(detail), ..self.bare(Action::Fail, Some(reason)) }
    }
}

/// Nothing is written; pending references stay visible.
fn skipped(mut plan: Plan, reason: Reason) -> Plan {
    plan.action = Action::Skip;
    plan.reason = Some(reason);
    plan.changes.clear();
    plan.references.retain(|reference| reference.status == ReferenceStatus::Pending);
    plan
}

fn stopped(mut plan: Plan, stop: Stop) -> Plan {
    plan.changes.clear();
    plan.references.clear();
    match stop {
        Stop::IgnoreObject => {
            plan.action = Action::Skip;
            plan.reason = Some(Reason::IgnoreObjectFlow);
        }
        Stop::Failed { reason, detail, rows } => {
            plan.action = Action::Fail;
            plan.reason = Some(reason);
            plan.detail = Some(detail);
            if !rows.is_empty() {
                plan.rows = rows;
            }
        }
    }
    plan
}
