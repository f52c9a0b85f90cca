//! A stored log entry as the record of spec/inbound-api.md §8.3–8.6, the same for the API and the command line.
use hirewire_store::log::{LogAction, LogEntry, LogStatus, LogStep, StepName};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::wording;
use crate::request::Version;

/// What is constant for all records of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systems {
    /// `tenantId`.
    pub tenant: String,
    /// appId of the provisioning app.
    pub app_id: String,
    /// `sourceSystem.displayName`, `API` for API-driven jobs.
    pub source: String,
    /// The source object's type: `sourceIdentity.identityType`.
    pub source_object: String,
    /// `targetSystem.displayName`, such as `Microsoft Entra ID`.
    pub target: String,
    /// `targetIdentity.identityType`.
    pub target_object: String,
    /// Upload id, bulkId, file and row stand in `sourceIdentity.details` (open mode).
    pub lineage: bool,
}

/// The object of an API-driven source.
pub const API_OBJECT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Systems {
    /// An API-driven job: `API` on one side, `target` on the other.
    pub fn api(tenant: &Uuid, app_id: &str, target: &str, lineage: bool) -> Self {
        Self {
            tenant: tenant.to_string(),
            app_id: app_id.to_owned(),
            source: "API".into(),
            source_object: API_OBJECT.into(),
            target: target.to_owned(),
            target_object: "User".into(),
            lineage,
        }
    }
}

/// The record of an entry; `beta` carries `action` and `statusInfo` in addition (§8.4).
pub fn record(entry: &LogEntry, systems: &Systems, version: Version) -> Value {
    let beta = version == Version::Beta;
    let written = &entry.entry;
    let error = error_information(entry);
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
    put("id", json!(entry.id));
    // Whole seconds, as in real records.
    put("activityDateTime", json!(written.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    put("tenantId", json!(systems.tenant));
    put("jobId", json!(entry.job_id));
    put("cycleId", json!(entry.cycle_id.as_deref().unwrap_or_default()));
    put("changeId", json!(entry.change));
    if beta {
        put("action", json!(beta_action(written.action)));
    }
    put("provisioningAction", json!(written.action.as_str()));
    put("durationInMilliseconds", json!(written.duration));
    put(
        "servicePrincipal",
        json!({ "id": entry.service_principal, "displayName": entry.service_principal_name }),
    );
    put(
        "sourceSystem",
        json!({ "id": system_id(entry, "source"), "displayName": systems.source, "details": {} }),
    );
    put("targetSystem", target_system(entry, systems));
    put("initiatedBy", initiated_by(entry));
    put("sourceIdentity", source_identity(entry, systems));
    put("targetIdentity", target_identity(entry, systems));
    put("provisioningStatusInfo", json!({ "status": written.status.as_str(), "errorInformation": error }));
    if beta {
        put("statusInfo", status_info(written.status, &error));
    }
    put(
        "provisioningSteps",
        written.detail.steps.iter().map(|step| step_json(entry, systems, step)).collect(),
    );
    put("modifiedProperties", modified_properties(entry));
    Value::Object(record)
}

/// Real ids of systems differ from record to record [S]; ours depend on the record alone.
fn system_id(entry: &LogEntry, side: &str) -> Uuid {
    Uuid::new_v5(&entry.id, side.as_bytes())
}

fn beta_action(action: LogAction) -> &'static str {
    match action {
        LogAction::Other => "Other",
        LogAction::Create => "Create",
        LogAction::Delete => "Delete",
        LogAction::Disable => "Disable",
        LogAction::Update => "Update",
        LogAction::StagedDelete => "StagedDelete",
    }
}

fn target_system(entry: &LogEntry, systems: &Systems) -> Value {
    json!({
        "id": system_id(entry, "target"),
        "displayName": systems.target,
        "details": {
            "ApplicationId": systems.app_id,
            "ServicePrincipalId": entry.service_principal,
            "ServicePrincipalDisplayName": entry.service_principal_name,
        },
    })
}

fn initiated_by(entry: &LogEntry) -> Value {
    match &entry.entry.detail.initiator {
        Some(person) => json!({ "id": person.id, "displayName": person.name, "initiatorType": "user" }),
        None => {
            json!({ "id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system" })
        }
    }
}

fn source_identity(entry: &LogEntry, systems: &Systems) -> Value {
    let written = &entry.entry;
    let mut details = Map::new();
    if systems.lineage {
        if let Some(upload) = written.upload {
            details.insert("uploadId".into(), json!(upload.to_string()));
        }
        details.extend(details_json(&written.detail.source));
    }
    json!({ "id": written.source, "displayName": "", "identityType": systems.source_object, "details": details })
}

fn target_identity(entry: &LogEntry, systems: &Systems) -> Value {
    let written = &entry.entry;
    let name = written.target_name.as_deref().unwrap_or_default();
    let mut details = Map::new();
    if let Some(id) = &written.target {
        details.insert("id".into(), json!(id));
        details.insert("odatatype".into(), json!(systems.target_object));
        if !name.is_empty() {
            details.insert("DisplayName".into(), json!(name));
        }
        details.extend(details_json(&written.detail.target));
    }
    json!({
        "id": written.target.as_deref().unwrap_or_default(),
        "displayName": name,
        "identityType": systems.target_object,
        "details": details,
    })
}

fn error_information(entry: &LogEntry) -> Value {
    let written = &entry.entry;
    let failed = matches!(written.status, LogStatus::Failure | LogStatus::Warning);
    let Some(code) = written.error_code.as_deref().filter(|_| failed) else {
        return Value::Null;
    };
    let error = written.detail.error.clone().unwrap_or_default();
    json!({
        "errorCode": code,
        "reason": error.reason,
        "additionalDetails": error.additional,
        "errorCategory": if error.service { "failure" } else { "nonServiceFailure" },
        "recommendedAction": error.recommended,
    })
}

/// The older form: the status with the error's members beside it.
fn status_info(status: LogStatus, error: &Value) -> Value {
    let mut info = Map::new();
    info.insert("status".into(), json!(status.as_str()));
    if let Value::Object(error) = error {
        info.extend(error.clone());
    }
    Value::Object(info)
}

fn step_json(entry: &LogEntry, systems: &Systems, step: &LogStep) -> Value {
    json!({
        "name": step.name.as_str(),
        "provisioningStepType": step_type(step),
        "status": step.status.as_str(),
        "description": step.description.clone().unwrap_or_else(|| wording::standard(entry, systems, step)),
        "details": Value::Object(details_json(&step.details)),
    })
}

/// `provisioningStepType` (§8.5): that of a skip depends on its reason.
fn step_type(step: &LogStep) -> &'static str {
    match step.name {
        StepName::EntryImportAdd | StepName::EntryImportUpdate | StepName::EntryImportDelete => "import",
        StepName::EntryImport | StepName::EntryImportObjectNotFound | StepName::EntrySynchronizationAdd => {
            "matching"
        }
        StepName::EntrySynchronizationScoping => "scoping",
        StepName::EntrySynchronizationSkip => match wording::detail(step, "SkipReason") {
            Some("RedundantExport") => "export",
            Some("NotEffectivelyEntitled") => "scoping",
            _ => "processing",
        },
        StepName::EntrySynchronizationUpdate
        | StepName::EntrySynchronizationDelete
        | StepName::EntrySynchronizationError
        | StepName::EntryEscrow => "processing",
        StepName::EntryExportAdd
        | StepName::EntryExportUpdate
        | StepName::EntryExportUpdateSoftDelete
        | StepName::EntryExportDelete => "export",
    }
}

/// Details lose dots, colons, brackets and quotes from their names: SDKs could not hold them otherwise (§8.3).
fn details_json(details: &[(String, String)]) -> Map<String, Value> {
    let clean = |name: &str| name.chars().filter(|c| !".:[]\"".contains(*c)).collect::<String>();
    details.iter().map(|(name, value)| (clean(name), json!(value))).collect()
}

fn modified_properties(entry: &LogEntry) -> Value {
    let modified = &entry.entry.detail.modified;
    modified.iter().map(|property| json!({ "displayName": property.name, "oldValue": property.old, "newValue": property.new })).collect()
}
