//! The provisioning log's entry of one person: what was read, decided and written (spec/inbound-api.md §8.3–8.6).
use hirewire_engine::Reason;
use hirewire_engine::target::{Change, TargetError};
use hirewire_engine::value::{Account, AttributeValue};
use hirewire_engine::{Action, Plan, ReferenceStatus, WarningCode};
use hirewire_store::UploadId;
use hirewire_store::log::{
    LogAction, LogDetail, LogError, LogStatus, LogStep, ModifiedProperty, NewLogEntry, StepName,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::people::Item;

/// What a log shows in place of a value that a mapping marks as `Redact`, and of passwords.
const REDACTED: &str = "[Redact]";

/// What holds a change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// A threshold: it waits for approval.
    Threshold,
    /// The number is known with another name and address: somebody has to look.
    Review,
}

impl Hold {
    /// `SkipReason` in the log; removals that are held are told as Entra tells them (spec/engine.md §15).
    fn reason(self, action: Action) -> &'static str {
        match self {
            Self::Review => "HeldForReview",
            Self::Threshold if removes(action) => "TooManyDeletes",
            Self::Threshold => "HeldByThreshold",
        }
    }
}

fn removes(action: Action) -> bool {
    matches!(action, Action::Disable | Action::Delete)
}

/// Everything that is known when a person has been dealt with.
pub(crate) struct Dealt<'a> {
    /// When.
    pub(crate) time: Timestamp,
    /// Milliseconds from import to export.
    pub(crate) duration: i64,
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// The record as it came.
    pub(crate) record: Option<&'a Value>,
    /// The account before.
    pub(crate) before: Option<&'a Account>,
    /// The account's anchor afterwards.
    pub(crate) target: Option<&'a str>,
    /// References that were written together with the account.
    pub(crate) references: &'a [Change],
    /// Why the target refused.
    pub(crate) refused: Option<&'a TargetError>,
    /// Why nothing was written although something would have changed.
    pub(crate) held: Option<Hold>,
    /// The upload.
    pub(crate) upload: Option<UploadId>,
    /// The client's name of the operation.
    pub(crate) bulk_id: Option<&'a str>,
    /// File and line.
    pub(crate) origin: Option<&'a str>,
    /// Attributes whose values are hidden.
    pub(crate) redacted: &'a dyn Fn(&str) -> bool,
}

/// Builds the entry.
pub(crate) fn entry(dealt: &Dealt<'_>) -> NewLogEntry {
    let plan = dealt.plan;
    let failed = dealt.refused.is_some() || plan.action == Action::Fail;
    let error = error_of(dealt);
    let modified = if failed || dealt.held.is_some() { Vec::new() } else { modified(dealt) };
    let target = dealt.target.or(plan.target_anchor.as_deref());
    NewLogEntry {
        time: dealt.time,
        change: None,
        action: if dealt.held == Some(Hold::Threshold) && removes(plan.action) {
            LogAction::StagedDelete
        } else {
            action(plan.action)
        },
        status: status(dealt, failed),
        duration: dealt.duration,
        upload: dealt.upload,
        source: plan.source_anchor.clone(),
        target: target.map(str::to_owned),
        target_name: target.and(name_of(dealt)),
        error_code: error.as_ref().map(|(code, _)| code.clone()),
        detail: LogDetail {
            modified,
            steps: steps(dealt, error.as_ref()),
            error: error.map(|(_, error)| error),
            target: user_principal_name(dealt)
                .map(|name| vec![("UserPrincipalName".to_owned(), name)])
                .unwrap_or_default(),
            source: source_details(dealt),
            initiator: None,
        },
    }
}

/// The entry for references that are written after the account's own export; it shares the first entry's `changeId`.
pub(crate) fn reference_entry(
    time: Timestamp,
    anchor: &str,
    target: &str,
    changes: &[Change],
    change_id: Option<uuid::Uuid>,
    refused: Option<&TargetError>,
) -> NewLogEntry {
    let error = refused.map(refusal);
    let status = if refused.is_some() { LogStatus::Failure } else { LogStatus::Success };
    let export =
        step(StepName::EntryExportUpdate, status, vec![("ReportableIdentifier".into(), anchor.to_owned())]);
    let modified =
        if refused.is_some() { Vec::new() } else { changes.iter().map(|c| property(c, false)).collect() };
    NewLogEntry {
        time,
        change: change_id,
        action: LogAction::Update,
        status,
        duration: 0,
        upload: None,
        source: anchor.to_owned(),
        target: Some(target.to_owned()),
        target_name: None,
        error_code: error.as_ref().map(|(code, _)| code.clone()),
        detail: LogDetail {
            modified,
            steps: vec![export],
            error: error.map(|(_, e)| e),
            ..LogDetail::default()
        },
    }
}

/// The entry for somebody who could not even be planned.
pub(crate) fn set_aside_entry(
    time: Timestamp,
    item: &Item,
    upload: Option<UploadId>,
    code: &str,
    reason: &str,
) -> NewLogEntry {
    let recommended = Reason::from_code(code).map(|reason| reason.explain().todo.to_owned());
    let error = LogError { reason: reason.to_owned(), additional: None, recommended, service: false };
    let details = vec![
        ("ErrorCode".to_owned(), code.to_owned()),
        ("Reason".to_owned(), reason.to_owned()),
        ("ReportableIdentifier".to_owned(), item.anchor.clone()),
    ];
    NewLogEntry {
        time,
        change: None,
        action: LogAction::Other,
        status: LogStatus::Failure,
        duration: 0,
        upload,
        source: item.anchor.clone(),
        target: None,
        target_name: None,
        error_code: Some(code.to_owned()),
        detail: LogDetail {
            steps: vec![step(StepName::EntrySynchronizationError, LogStatus::Failure, details)],
            error: Some(error),
            ..LogDetail::default()
        },
    }
}

fn action(action: Action) -> LogAction {
    match action {
        Action::Create => LogAction::Create,
        Action::Update | Action::Enable => LogAction::Update,
        Action::Disable => LogAction::Disable,
        Action::Delete => LogAction::Delete,
        Action::Skip | Action::Fail => LogAction::Other,
    }
}

fn status(dealt: &Dealt<'_>, failed: bool) -> LogStatus {
    if failed {
        LogStatus::Failure
    } else if dealt.held.is_some() || dealt.plan.action == Action::Skip {
        LogStatus::Skipped
    } else if dealt.plan.warnings.iter().all(|w| w.code == WarningCode::ReferenceUnresolved) {
        // A manager who is not there yet is no reservation: the step says it, and the link follows (§8.6).
        LogStatus::Success
    } else {
        LogStatus::Warning
    }
}

/// The error code and its words, when the person failed.
fn error_of(dealt: &Dealt<'_>) -> Option<(String, LogError)> {
    if let Some(error) = dealt.refused {
        return Some(refusal(error));
    }
    if dealt.plan.action != Action::Fail {
        return None;
    }
    let reason = dealt.plan.reason?;
    Some((reason.code().to_owned(), log_error(reason, dealt.plan.detail.as_deref())))
}

/// A target's refusal as the log tells it.
fn refusal(error: &TargetError) -> (String, LogError) {
    let (code, words, transient) = match error {
        TargetError::Retry { code, reason, .. } => (code.clone(), reason.clone(), true),
        TargetError::Refused { code, reason, .. } | TargetError::Locked { code, reason } => {
            (code.clone(), reason.clone(), false)
        }
        TargetError::Gone { .. } => (Reason::InvalidAnchor.code().to_owned(), error.to_string(), false),
    };
    let recommended = Reason::from_code(&code).map(|reason| reason.explain().todo.to_owned());
    (code, LogError { reason: words, additional: None, recommended, service: transient })
}

fn log_error(reason: Reason, detail: Option<&str>) -> LogError {
    let explanation = reason.explain();
    LogError {
        reason: detail.unwrap_or(explanation.meaning).to_owned(),
        additional: None,
        recommended: Some(explanation.todo.to_owned()),
        service: reason.is_transient(),
    }
}

fn modified(dealt: &Dealt<'_>) -> Vec<ModifiedProperty> {
    let plan = dealt.plan;
    if plan.action == Action::Skip {
        return Vec::new();
    }
    let values = plan.changes.iter().map(|change| property(change, (dealt.redacted)(&change.attribute)));
    values.chain(dealt.references.iter().map(|change| property(change, false))).collect()
}

fn property(change: &Change, redacted: bool) -> ModifiedProperty {
    let shown = |value: &Option<AttributeValue>| {
        value.as_ref().map(|value| if redacted { REDACTED.to_owned() } else { text(value) })
    };
    ModifiedProperty { name: change.attribute.clone(), old: shown(&change.old), new: shown(&change.new) }
}

/// A value as the log prints it: Booleans `True` and `False`, several values as a JSON array.
pub(crate) fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => text.clone(),
        AttributeValue::Boolean(true) => "True".into(),
        AttributeValue::Boolean(false) => "False".into(),
        AttributeValue::Integer(number) => number.to_string(),
        AttributeValue::DateTime(moment) => format!("{moment}Z"),
        AttributeValue::Binary(bytes) => hex::encode(bytes),
        AttributeValue::List(values) => {
            serde_json::to_string(&values.iter().map(text).collect::<Vec<_>>()).unwrap_or_default()
        }
    }
}

/// A value as JSON: what plan documents and the console show.
pub(crate) fn json(value: Option<&AttributeValue>) -> Value {
    match value {
        None => Value::Null,
        Some(AttributeValue::Boolean(state)) => Value::Bool(*state),
        Some(AttributeValue::Integer(number)) => Value::from(*number),
        Some(AttributeValue::List(values)) => Value::Array(values.iter().map(|v| json(Some(v))).collect()),
        Some(other) => Value::String(text(other)),
    }
}

fn attribute(dealt: &Dealt<'_>, name: &str) -> Option<String> {
    let changed = dealt.plan.changes.iter().find(|change| change.attribute == name && change.new.is_some());
    let value = changed.and_then(|c| c.new.as_ref()).or_else(|| dealt.before?.attributes.get(name));
    value.map(text)
}

fn name_of(dealt: &Dealt<'_>) -> Option<String> {
    attribute(dealt, "displayName").or_else(|| attribute(dealt, "cn"))
}

fn user_principal_name(dealt: &Dealt<'_>) -> Option<String> {
    attribute(dealt, "userPrincipalName")
}

fn source_details(dealt: &Dealt<'_>) -> Vec<(String, String)> {
    let details = [("bulkId", dealt.bulk_id), ("row", dealt.origin)];
    details.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

fn step(name: StepName, status: LogStatus, details: Vec<(String, String)>) -> LogStep {
    LogStep { name, status, description: None, details }
}

fn steps(dealt: &Dealt<'_>, error: Option<&(String, LogError)>) -> Vec<LogStep> {
    let plan = dealt.plan;
    let identifier = || ("ReportableIdentifier".to_owned(), plan.source_anchor.clone());
    let mut steps = Vec::with_capacity(5);
    match dealt.record {
        Some(record) => steps.push(step(StepName::EntryImportAdd, LogStatus::Success, attributes_of(record))),
        None => steps.push(step(StepName::EntryImportDelete, LogStatus::Success, vec![identifier()])),
    }
    if let Some(account) = dealt.before {
        let mut details = vec![("objectId".to_owned(), account.anchor.clone())];
        let values = account.attributes.iter().filter(|(name, _)| !(dealt.redacted)(name));
        details.extend(values.map(|(name, value)| (name.clone(), text(value))));
        steps.push(step(StepName::EntryImport, LogStatus::Success, details));
    }
    if let Some(in_scope) = plan.in_scope {
        let status = if in_scope { LogStatus::Success } else { LogStatus::Skipped };
        let evidence = plan.scope_evidence.as_deref().map_or_else(|| "{}".to_owned(), str::to_owned);
        let details = vec![
            ("Active in the source system".to_owned(), boolean(dealt.record.is_some_and(is_active))),
            ("Scoping filter evaluation passed".to_owned(), boolean(in_scope)),
            ("ScopeEvaluationResult".to_owned(), evidence),
        ];
        steps.push(step(StepName::EntrySynchronizationScoping, status, details));
    }
    if plan.action == Action::Create {
        steps.push(step(StepName::EntrySynchronizationAdd, LogStatus::Success, Vec::new()));
    }
    for reference in plan.references.iter().filter(|r| r.status == ReferenceStatus::Pending) {
        let wanted = reference.to_source_anchor.clone().unwrap_or_default();
        let details = vec![
            (wanted, format!("{} Add", reference.attribute)),
            ("PropertyName".to_owned(), reference.attribute.clone()),
            ("SkipReason".to_owned(), "UnableToResolveReferenceAttributeValue".to_owned()),
        ];
        steps.push(step(StepName::EntrySynchronizationSkip, LogStatus::Success, details));
    }
    steps.extend(last_step(dealt, error, identifier()));
    steps
}

/// How it ended: skipped, held, failed or exported.
fn last_step(
    dealt: &Dealt<'_>,
    error: Option<&(String, LogError)>,
    identifier: (String, String),
) -> Option<LogStep> {
    let plan = dealt.plan;
    let export = match plan.action {
        Action::Create => StepName::EntryExportAdd,
        Action::Update | Action::Enable => StepName::EntryExportUpdate,
        Action::Disable => StepName::EntryExportUpdateSoftDelete,
        Action::Delete => StepName::EntryExportDelete,
        Action::Skip => {
            let reason = plan.reason.map_or_else(String::new, |reason| reason.code().to_owned());
            let mut skip = step(
                StepName::EntrySynchronizationSkip,
                LogStatus::Skipped,
                vec![identifier, ("SkipReason".into(), reason)],
            );
            skip.description.clone_from(&plan.detail);
            return Some(skip);
        }
        Action::Fail => StepName::EntrySynchronizationError,
    };
    if let Some((code, error)) = error {
        let details = vec![
            ("ErrorCode".to_owned(), code.clone()),
            ("Reason".to_owned(), error.reason.clone()),
            identifier,
        ];
        return Some(step(export, LogStatus::Failure, details));
    }
    if let Some(hold) = dealt.held {
        let details = vec![identifier, ("SkipReason".to_owned(), hold.reason(plan.action).to_owned())];
        return Some(step(StepName::EntrySynchronizationSkip, LogStatus::Skipped, details));
    }
    let mut details = Vec::new();
    if plan.action == Action::Create {
        details.extend(plan.changes.iter().filter_map(|change| {
            let shown = if (dealt.redacted)(&change.attribute) {
                REDACTED.to_owned()
            } else {
                text(change.new.as_ref()?)
            };
            Some((change.attribute.clone(), shown))
        }));
    }
    details.push(identifier);
    Some(step(export, LogStatus::Success, details))
}

fn boolean(state: bool) -> String {
    if state { "True".into() } else { "False".into() }
}

fn is_active(record: &Value) -> bool {
    match &record["active"] {
        Value::Bool(state) => *state,
        Value::String(word) => word.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The attributes of a record with their names as mappings write them; `active` and `schemas` are told elsewhere (§8.3).
fn attributes_of(record: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some(members) = record.as_object() else { return found };
    for (name, value) in members.iter().filter(|(_, v)| !v.is_object() && !v.is_array()) {
        if name != "active" {
            push(&mut found, name.clone(), value);
        }
    }
    for (name, value) in members {
        match value {
            Value::Object(inner) => {
                let separator = if name.contains(':') { ':' } else { '.' };
                for (part, value) in inner {
                    let value = value.get("value").unwrap_or(value);
                    push(&mut found, format!("{name}{separator}{part}"), value);
                }
            }
            Value::Array(elements) if name != "schemas" => {
                elements.iter().for_each(|e| element(&mut found, name, e))
            }
            _ => {}
        }
    }
    found
}

fn element(found: &mut Vec<(String, String)>, name: &str, element: &Value) {
    let Some(members) = element.as_object() else { return push(found, name.to_owned(), element) };
    let kind = members.get("type").and_then(Value::as_str);
    for (part, value) in members.iter().filter(|(part, _)| *part != "type" && *part != "primary") {
        match kind {
            Some(kind) => push(found, format!("{name}[type eq \"{kind}\"].{part}"), value),
            None => push(found, format!("{name}.{part}"), value),
        }
    }
}

fn push(found: &mut Vec<(String, String)>, name: String, value: &Value) {
    let last = name.rsplit(['.', ':']).next().unwrap_or(&name);
    if last.eq_ignore_ascii_case("password") && !value.is_null() {
        // Passwords stand in no log, whoever sends them (spec/inbound-api.md §8.3).
        return found.push((name, "[Redacted]".to_owned()));
    }
    match value {
        Value::String(text) => found.push((name, text.clone())),
        Value::Bool(state) => found.push((name, boolean(*state))),
        Value::Number(number) => found.push((name, number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}
