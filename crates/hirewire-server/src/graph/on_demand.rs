//! provisionOnDemand: one person now, from the newest stored record (spec/inbound-api.md §6.5).
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::jobs;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;
use crate::service::{OnDemand, OnDemandOutcome};
use crate::settings::Rate;

/// Five requests in ten seconds [D].
const RATE: Rate = Rate { calls: 5, window: Duration::from_secs(10) };
/// Members of a group in one request [D].
const MOST_SUBJECTS: usize = 5;

#[derive(Deserialize)]
struct Body {
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameter {
    rule_id: Option<String>,
    #[serde(default)]
    subjects: Vec<Subject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    object_id: String,
}

/// `POST …/provisionOnDemand`; `?dryRun=true` only says what would be done.
pub fn provision(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    if !app.settings.rules.on_demand && jobs::is_api_driven(&job.template) {
        return Err(ApiError::bad_request(
            "Provision on demand is not supported for API-driven provisioning jobs.",
        ));
    }
    if app.settings.rules.is_strict() {
        let passed = app.limits.on_demand.pass(job.id.clone(), RATE, request.head.ids.received);
        passed.map_err(ApiError::too_many_requests)?;
    }
    let body: Body = request.json()?;
    let wanted: Vec<(&Parameter, &Subject)> = body
        .parameters
        .iter()
        .flat_map(|parameter| parameter.subjects.iter().map(move |subject| (parameter, subject)))
        .collect();
    if wanted.is_empty() || wanted.len() > MOST_SUBJECTS {
        return Err(ApiError::bad_request(format!(
            "The parameters must name 1 to {MOST_SUBJECTS} subjects; for an API-driven job objectId is the person's externalId."
        )));
    }
    let dry_run = request.head.query.flag("dryrun")?;
    let mut last = None;
    for (parameter, subject) in wanted {
        let outcome = app.service.provision_on_demand(
            &job,
            OnDemand { external_id: subject.object_id.clone(), rule_id: parameter.rule_id.clone(), dry_run },
        )?;
        last = Some(outcome);
    }
    let mut outcome = last.ok_or_else(|| ApiError::bad_request("The parameters name no subject."))?;
    if outcome.record.is_object() {
        // The runtime knows neither.
        outcome.record["tenantId"] = json!(app.settings.tenant);
        let owner = app.store.app(&job.service_principal)?;
        outcome.record["targetSystem"]["details"]["ApplicationId"] = json!(owner.map(|owner| owner.app_id));
    }
    Ok(Answer::ok(&pair(request, outcome)))
}

/// `stringKeyStringValuePair`: both members are JSON inside a text.
fn pair(request: &Request, outcome: OnDemandOutcome) -> Value {
    let key = json!({ "result": outcome.result, "details": {
        "errorCode": outcome.error_code, "errorMessage": outcome.error_message } });
    let mut value = older_spelling(&outcome.record);
    if let Some(plan) = outcome.plan {
        value["plan"] = plan;
    }
    json!({
        "@odata.context": request.head.context("microsoft.graph.stringKeyStringValuePair"),
        "key": key.to_string(),
        "value": value.to_string(),
    })
}

/// A log record as this endpoint spells it: `startTime` and `endTime`, `type` and capitalised `status` of steps, `name` of systems.
fn older_spelling(record: &Value) -> Value {
    if !record.is_object() {
        return json!({});
    }
    let end = record["activityDateTime"].as_str().unwrap_or_default();
    let duration = record["durationInMilliseconds"].as_i64().unwrap_or(0);
    let start = end
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|end| end.checked_sub(jiff::SignedDuration::from_millis(duration)).ok())
        .map_or_else(|| end.to_owned(), |start| start.to_string());
    let steps: Vec<Value> = record["provisioningSteps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| old_step(step, end))
        .collect();
    let system = |name: &str| json!({ "id": record[name]["id"], "name": record[name]["displayName"], "details": record[name]["details"] });
    let identity = |name: &str| {
        let found = &record[name];
        json!({ "id": found["id"], "type": found["identityType"], "displayName": found["displayName"], "details": found["details"] })
    };
    json!({
        "id": record["id"],
        "action": capital(record["provisioningAction"].as_str().unwrap_or_default()),
        "changeId": record["changeId"],
        "cycleId": record["cycleId"],
        "jobId": record["jobId"],
        "tenantId": record["tenantId"],
        "startTime": start,
        "endTime": end,
        "durationInMilliseconds": duration,
        "initiatedBy": record["initiatedBy"],
        "servicePrincipal": record["servicePrincipal"],
        "reportableIdentifier": record["sourceIdentity"]["id"],
        "sourceIdentity": identity("sourceIdentity"),
        "sourceSystem": system("sourceSystem"),
        "targetIdentity": identity("targetIdentity"),
        "targetSystem": system("targetSystem"),
        "statusInfo": old_status(&record["provisioningStatusInfo"]),
        "steps": steps,
        "modifiedProperties": record["modifiedProperties"],
    })
}

fn old_status(info: &Value) -> Value {
    let mut status = Map::new();
    status.insert("status".into(), json!(capital(info["status"].as_str().unwrap_or_default())));
    if let Some(error) = info["errorInformation"].as_object() {
        status.extend(error.clone());
    }
    Value::Object(status)
}

fn old_step(step: &Value, time: &str) -> Value {
    json!({
        "name": step["name"],
        "type": capital(step["provisioningStepType"].as_str().unwrap_or_default()),
        "status": capital(step["status"].as_str().unwrap_or_default()),
        "description": step["description"],
        "timestamp": time,
        "details": step["details"],
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_respelled_as_on_demand_prints_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/bulk/86-log-failure-create.json");
        let record: Value =
            serde_json::from_str(&std::fs::read_to_string(path).expect("sample")).expect("JSON");
        let old = older_spelling(&record);
        assert_eq!(old["action"], "Create");
        assert_eq!(old["statusInfo"]["status"], "Failure");
        assert_eq!(old["statusInfo"]["errorCode"], "AzureActiveDirectoryInvalidUserPrincipalName");
        assert_eq!(old["startTime"], "2026-11-03T06:42:09.367Z");
        assert_eq!(old["steps"][0]["type"], "Import");
        assert_eq!(old["sourceSystem"]["name"], "API");
    }
}
