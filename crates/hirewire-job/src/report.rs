//! From plans to the plan document.
use std::collections::HashSet;

use hirewire_engine::{Action, CompiledSchema, Plan, ReferenceChange, ReferenceStatus};
use serde_json::Value;

use crate::document::{PersonPlan, PlanAction, PlanDocument, PlannedChange, Warning};
use crate::entry;
use crate::people::Decided;

/// Warnings beyond these are not kept; as many rows of an export are (`hirewire_source::Scan::warnings`).
const MOST_WARNINGS: usize = 100_000;

/// Whom a document lists; everybody counts in its totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Everybody.
    All,
    /// Whoever has something to do or to know.
    Changes,
    /// Rejected people only: a document that does not grow with the number of accounts that are written.
    Problems,
}

/// Adds one person. `arriving` says who gets an account in the same run, so that a manager among them is a change.
pub(crate) fn add(
    document: &mut PlanDocument,
    schema: &CompiledSchema,
    decided: &Decided,
    arriving: &dyn Fn(&str) -> bool,
    listing: Listing,
) {
    let plan = &decided.plan;
    for warning in &plan.warnings {
        let pending_manager = warning.code == hirewire_engine::WarningCode::ReferenceUnresolved
            && plan.references.iter().all(|r| r.to_source_anchor.as_deref().is_none_or(arriving));
        if !pending_manager && document.warnings.len() < MOST_WARNINGS {
            document.warnings.push(Warning {
                code: warning.code.code().to_owned(),
                message: format!("{}: {}", plan.source_anchor, warning.message),
                anchor: Some(plan.source_anchor.clone()),
            });
        }
    }
    if listing == Listing::Problems && !decided.known.stranger && plan.action != Action::Fail {
        document
            .totals
            .add(action(plan.action, !plan.changes.is_empty() || writes_reference(plan, arriving)));
        return;
    }
    let person = person(schema, decided, arriving);
    document.totals.add(person.action);
    if listing == Listing::All || person.action != PlanAction::Skip || !is_quiet(plan) {
        document.people.push(person);
    }
}

/// A person's part of the document.
pub(crate) fn person(
    schema: &CompiledSchema,
    decided: &Decided,
    arriving: &dyn Fn(&str) -> bool,
) -> PersonPlan {
    let plan = &decided.plan;
    let changes = changes(schema, plan, arriving);
    let (action, reason) = if decided.known.stranger {
        let words = "HeldForReview: the number is known with another name and address; somebody has to look";
        (PlanAction::Reject, Some(words.to_owned()))
    } else {
        (action(plan.action, !changes.is_empty()), reason(plan))
    };
    PersonPlan { anchor: plan.source_anchor.clone(), action, reason, changes }
}

/// How a warning about a person's attribute begins.
pub(crate) fn about(person: &str, attribute: &str) -> String {
    format!("{person}: {attribute}: ")
}

/// Takes back the warnings about references that could be written after all, in the same cycle.
pub(crate) fn drop_linked(document: &mut PlanDocument, linked: &HashSet<String>) {
    let unresolved = hirewire_engine::WarningCode::ReferenceUnresolved.code();
    document.warnings.retain(|warning| {
        let said = warning.anchor.as_deref().and_then(|person| {
            let attribute = warning.message.strip_prefix(person)?.strip_prefix(": ")?.split(": ").next()?;
            Some(about(person, attribute))
        });
        warning.code != unresolved || said.is_none_or(|said| !linked.contains(&said))
    });
}

/// People are listed by anchor, warnings by person.
pub(crate) fn sort(document: &mut PlanDocument) {
    document.people.sort_by(|a, b| a.anchor.cmp(&b.anchor));
    document.warnings.sort_by(|a, b| (&a.anchor, &a.code).cmp(&(&b.anchor, &b.code)));
}

/// A skip that nobody needs to read: the account is right as it is.
fn is_quiet(plan: &Plan) -> bool {
    plan.reason.is_none_or(|reason| reason == hirewire_engine::Reason::RedundantExport)
}

fn action(action: Action, changes: bool) -> PlanAction {
    match action {
        Action::Create => PlanAction::Create,
        Action::Update => PlanAction::Update,
        Action::Enable => PlanAction::Enable,
        Action::Disable => PlanAction::Disable,
        Action::Delete => PlanAction::Delete,
        // Only a reference to somebody of the same run: it will be written in the second pass.
        Action::Skip if changes => PlanAction::Update,
        Action::Skip => PlanAction::Skip,
        Action::Fail => PlanAction::Reject,
    }
}

fn reason(plan: &Plan) -> Option<String> {
    let reason = plan.reason?;
    let words = plan.detail.as_deref().or(plan.scope_evidence.as_deref());
    Some(words.map_or_else(|| reason.code().to_owned(), |words| format!("{reason}: {words}")))
}

/// Whether a reference is known, or will be when the people of this run have their accounts.
fn is_written(reference: &ReferenceChange, arriving: &dyn Fn(&str) -> bool) -> bool {
    reference.status == ReferenceStatus::Set || reference.to_source_anchor.as_deref().is_some_and(arriving)
}

fn writes_reference(plan: &Plan, arriving: &dyn Fn(&str) -> bool) -> bool {
    plan.references.iter().any(|reference| is_written(reference, arriving))
}

fn changes(schema: &CompiledSchema, plan: &Plan, arriving: &dyn Fn(&str) -> bool) -> Vec<PlannedChange> {
    if matches!(plan.action, Action::Fail) {
        return Vec::new();
    }
    let mapping = |attribute: &str| -> (String, bool) {
        let row = plan
            .rows
            .iter()
            .filter_map(|outcome| Some((outcome, schema.row(outcome.row)?)))
            .find(|(_, (_, target))| target.name == attribute);
        row.map_or_else(Default::default, |(outcome, (row, _))| {
            (row.expression(schema).unwrap_or_default().into_owned(), outcome.redacted)
        })
    };
    let mut changes: Vec<PlannedChange> = plan
        .changes
        .iter()
        .map(|change| {
            let (mapping, redacted) = mapping(&change.attribute);
            let shown = |value: Option<&hirewire_engine::value::AttributeValue>| match value {
                Some(_) if redacted => Value::from("[Redact]"),
                value => entry::json(value),
            };
            PlannedChange {
                attribute: change.attribute.clone(),
                old: shown(change.old.as_ref()),
                new: shown(change.new.as_ref()),
                mapping,
            }
        })
        .collect();
    for reference in &plan.references {
        if is_written(reference, arriving) {
            changes.push(PlannedChange {
                attribute: reference.attribute.clone(),
                old: reference.from.clone().map_or(Value::Null, Value::from),
                new: reference.to_source_anchor.clone().map_or(Value::Null, Value::from),
                mapping: mapping(&reference.attribute).0,
            });
        }
    }
    changes.sort_by(|a, b| a.attribute.cmp(&b.attribute));
    changes
}
