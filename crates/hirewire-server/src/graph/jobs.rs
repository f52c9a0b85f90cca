//! Synchronization jobs: list, read, make, start, pause, restart, delete (spec/inbound-api.md §6.1).
use hirewire_store::{Cycle, CycleState, Job, NewJob, ScheduleState};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::apps;
use super::tenant::merge;
use super::{schema, templates, upload};
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Collection;
use crate::path::Params;
use crate::request::{Head, Request};
use crate::service::ResetScopes;

/// .NET's longest time span: what a job that was never started shows.
const NEVER: &str = "P10675199DT2H48M5.4775807S";
/// [U] what an API-driven job shows once it was started; the general default.
const INTERVAL: &str = "PT40M";
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A job the caller may use; reads as [`Job`].
pub type FoundJob = Job;

/// Whether people come in through bulkUpload.
pub fn is_api_driven(template: &str) -> bool {
    template.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("API2"))
}

/// The job of the path, when it exists and belongs to the service principal and the caller may use it.
pub fn find(app: &App, request: &Request) -> Result<FoundJob, ApiError> {
    find_for(app, &request.head, &request.params)
}

/// As [`find`], before the body was read.
pub fn find_for(app: &App, head: &Head, params: &Params) -> Result<FoundJob, ApiError> {
    find_named(app, head, params.get("sp"), params.get("job"))
}

/// As [`find`], for a service principal and a job that are not in the path.
pub fn find_named(app: &App, head: &Head, service_principal: &str, job: &str) -> Result<FoundJob, ApiError> {
    let owner = apps::for_job(app, head, service_principal)?;
    let job = app.store.job(job)?.ok_or_else(ApiError::no_such_job)?;
    if !job.service_principal.eq_ignore_ascii_case(&owner.object_id) {
        return Err(ApiError::no_such_job());
    }
    Ok(job)
}

fn jobs_of(app: &App, object_id: &str) -> Result<Vec<Job>, ApiError> {
    let mut jobs = app.store.jobs()?;
    jobs.retain(|job| job.service_principal.eq_ignore_ascii_case(object_id));
    Ok(jobs)
}

fn collection(app: &App, request: &Request) -> Result<Collection, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let objects =
        jobs_of(app, &owner.object_id)?.iter().map(|job| job_json(app, job)).collect::<Result<_, _>>()?;
    Ok(Collection {
        objects,
        context: request
            .head
            .context(&format!("servicePrincipals('{}')/synchronization/jobs", owner.object_id)),
        url: format!("{}/servicePrincipals/{}/synchronization/jobs", request.head.root(), owner.object_id),
    })
}

/// `GET …/jobs`, in the order they were made: scripts take the first.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&collection(app, request)?.page(&request.head.query)?.into_json()))
}

/// `GET …/jobs/$count`.
pub fn count(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::text(collection(app, request)?.count(&request.head.query)?.to_string()))
}

/// `GET …/jobs/{id}`.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = find(app, request)?;
    Ok(Answer::ok(&entity(app, request, &job)?))
}

fn entity(app: &App, request: &Request, job: &Job) -> Result<Value, ApiError> {
    let context = format!("servicePrincipals('{}')/synchronization/jobs/$entity", job.service_principal);
    let mut body = json!({ "@odata.context": request.head.context(&context) });
    let select = request.head.query.select();
    merge(&mut body, crate::odata::collection::selected(job_json(app, job)?, &select));
    if request.head.query.get("expand").is_some_and(|expand| expand.to_ascii_lowercase().contains("schema")) {
        body["schema"] = schema::document(app, job)?;
    }
    Ok(body)
}

/// `POST …/jobs` with `{"templateId":"API2AAD"}`.
pub fn create(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let body: Value = request.json()?;
    let asked = body["templateId"].as_str().unwrap_or_default();
    let template = templates::by_id(asked).ok_or_else(|| {
        let known: Vec<&str> = templates::ids().collect();
        ApiError::bad_request("The template is not known.").with_detail(
            "TemplateNotFound",
            Some("templateId".into()),
            format!("`{}` is none of {}", asked.chars().take(60).collect::<String>(), known.join(", ")),
        )
    })?;
    if let Some(limit) = app.settings.rules.jobs_per_flow {
        let same = app.store.jobs()?.iter().filter(|job| job.template.eq_ignore_ascii_case(template)).count();
        if same >= limit {
            return Err(ApiError::bad_request(format!(
                "The tenant's licence allows {limit} API-driven apps of the flow {template}."
            )));
        }
    }
    let job = make(app, template, &owner.object_id, &owner.display_name, request.head.ids.received)?;
    let location = super::uploads::job_url(&request.head, &job);
    Ok(Answer::json(StatusCode::CREATED, &entity(app, request, &job)?)
        .header(http::header::LOCATION, &location))
}

/// Makes a job with its template's schema.
pub fn make(
    app: &App,
    template: &str,
    service_principal: &str,
    name: &str,
    now: Timestamp,
) -> Result<Job, ApiError> {
    let job = app.store.create_job(NewJob {
        id: format!("{template}.{}.{}", app.settings.tenant.simple(), Uuid::new_v4()),
        template: template.to_owned(),
        service_principal: service_principal.to_owned(),
        service_principal_name: name.to_owned(),
        settings: "[]".into(),
        created: now,
    })?;
    let document =
        templates::schema_text(template).ok_or_else(|| ApiError::unavailable("a template has no schema"))?;
    app.store.save_schema(job.key, &document, "template", now)?;
    app.service.changed(&job);
    Ok(job)
}

/// `POST …/start`. Without a notification e-mail the real service puts the job into quarantine (§4.6 [D]); here a warning says
/// so.
pub fn start(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = find(app, request)?;
    app.service.start(&job)?;
    let names = app.store.secret_names(&job.service_principal)?;
    let notified = names.iter().any(|(name, _)| name == "SyncNotificationSettings");
    let warning = "no notification e-mail is set: the real service would put the job into quarantine";
    let warnings = if notified || app.settings.rules.is_strict() { vec![] } else { vec![warning.to_owned()] };
    Ok(upload::with_warnings(Answer::no_content(), &warnings))
}

/// `POST …/pause` and its older name `stop`.
pub fn pause(app: &App, request: &Request) -> Result<Answer, ApiError> {
    app.service.pause(&find(app, request)?)?;
    Ok(Answer::no_content())
}

#[derive(Default, Deserialize)]
struct Restart {
    criteria: Option<Criteria>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    reset_scope: Option<String>,
}

/// `POST …/restart` with `{"criteria":{"resetScope":"…"}}`. In open mode what waits in a stopped job's queue is dropped only
/// with scope `Full` or `?purge=true` (spec/inbound-api.md §12).
pub fn restart(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = find(app, request)?;
    let purge = request.head.query.flag("purge")?;
    let body: Restart = request.json_or_empty()?;
    let text = body.criteria.and_then(|criteria| criteria.reset_scope).unwrap_or_default();
    let (mut scopes, full) = reset_scopes(&text)?;
    let stopped = job.schedule != ScheduleState::Active;
    scopes.purge_queue = stopped && (app.settings.rules.restart_purges || full || purge);
    app.service.restart(&job, scopes)?;
    Ok(Answer::no_content())
}

fn reset_scopes(text: &str) -> Result<(ResetScopes, bool), ApiError> {
    let mut scopes = ResetScopes::default();
    let mut full = false;
    let mut any = false;
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        any = true;
        match word.to_ascii_lowercase().as_str() {
            "none" => {}
            "connectordatastore" => scopes.connector_data_store = true,
            "escrows" => scopes.escrows = true,
            "watermark" => scopes.watermark = true,
            "quarantinestate" => scopes.quarantine_state = true,
            "forcedeletes" => scopes.force_deletes = true,
            "full" => full = true,
            _ => {
                let shown: String = word.chars().take(60).collect();
                return Err(ApiError::bad_request("The reset scope is not known.").with_detail(
                    "ResetScope",
                    Some("criteria.resetScope".into()),
                    format!("`{shown}` is none of None, ConnectorDataStore, Escrows, Watermark, QuarantineState, Full, ForceDeletes"),
                ));
            }
        }
    }
    if full {
        scopes.connector_data_store = true;
    }
    if full || !any {
        scopes.escrows = true;
        scopes.watermark = true;
        scopes.quarantine_state = true;
    }
    Ok((scopes, full))
}

/// `DELETE …/jobs/{id}`.
pub fn delete(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = find(app, request)?;
    app.service.retire(&job)?;
    app.store.delete_job(job.key, request.head.ids.received)?;
    Ok(Answer::no_content())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobChange {
    schedule: Option<Schedule>,
    synchronization_job_settings: Option<Vec<Setting>>,
}

#[derive(Deserialize)]
struct Schedule {
    state: Option<String>,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    value: Option<String>,
}

/// `PATCH …/jobs/{id}`: settings are replaced by name, `schedule.state` starts or pauses.
pub fn patch(app: &App, request: &Request) -> Result<Answer, ApiError> {
    if !app.settings.rules.lenient_routes {
        return Err(ApiError::unknown_route(&request.head.uri()));
    }
    let mut job = find(app, request)?;
    let body: JobChange = request.json_object()?;
    let state = body.schedule.and_then(|schedule| schedule.state).unwrap_or_default().to_ascii_lowercase();
    if !["", "active", "paused", "disabled"].contains(&state.as_str()) {
        return Err(ApiError::bad_request("The schedule's state is not known.").with_detail(
            "ScheduleState",
            Some("schedule.state".into()),
            "Active, Paused or Disabled is expected",
        ));
    }
    if let Some(given) = &body.synchronization_job_settings {
        job.settings = merged_settings(&job.settings, given).to_string();
        app.store.update_job(&job)?;
        app.service.changed(&job);
    }
    match state.as_str() {
        "active" => app.service.start(&job)?,
        "paused" | "disabled" => app.service.pause(&job)?,
        _ => {}
    }
    let job = find(app, request)?;
    Ok(Answer::ok(&entity(app, request, &job)?))
}

fn merged_settings(stored: &str, given: &[Setting]) -> Value {
    let mut settings: Vec<Value> = serde_json::from_str(stored).unwrap_or_default();
    for setting in given {
        settings.retain(|known| known["name"] != setting.name.as_str());
        settings.push(json!({ "name": setting.name, "value": setting.value }));
    }
    Value::Array(settings)
}

/// `POST …/validateCredentials`, before or after a job exists.
pub fn validate_credentials(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Map<String, Value> = request.json_or_empty()?;
    if request.params.get("job").is_empty() {
        apps::for_job(app, &request.head, request.params.get("sp"))?;
        if body.get("templateId").and_then(Value::as_str).is_some_and(|id| templates::by_id(id).is_none()) {
            return Err(ApiError::bad_request("The template is not known."));
        }
        return Ok(Answer::no_content());
    }
    app.service.validate_credentials(&find(app, request)?)?;
    Ok(Answer::no_content())
}

/// `POST …/synchronization/acquireAccessToken`: API-driven apps hold no credentials on this side.
pub fn acquire_access_token(app: &App, request: &Request) -> Result<Answer, ApiError> {
    apps::for_job(app, &request.head, request.params.get("sp"))?;
    Ok(Answer::no_content())
}

/// `GET …/synchronization`, with `$expand=jobs,templates`.
pub fn synchronization(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let context = format!("servicePrincipals('{}')/synchronization/$entity", owner.object_id);
    let mut body = json!({ "@odata.context": request.head.context(&context), "id": owner.object_id });
    let expand = request.head.query.get("expand").unwrap_or_default().to_ascii_lowercase();
    if expand.contains("jobs") {
        body["jobs"] =
            jobs_of(app, &owner.object_id)?.iter().map(|job| job_json(app, job)).collect::<Result<_, _>>()?;
    }
    if expand.contains("templates") {
        body["templates"] = Value::Array(templates::all(app, &owner));
    }
    Ok(Answer::ok(&body))
}

/// A job in the shape of §6.1.
pub fn job_json(app: &App, job: &Job) -> Result<Value, ApiError> {
    let interval = if job.schedule == ScheduleState::Disabled { NEVER } else { INTERVAL };
    Ok(json!({
        "id": job.id,
        "templateId": job.template,
        "schedule": { "expiration": null, "interval": interval, "state": job.schedule.as_str() },
        "status": status(app, job)?,
        "synchronizationJobSettings": serde_json::from_str::<Value>(&job.settings).unwrap_or_else(|_| json!([])),
    }))
}

/// The runner's state text may carry these members of `status` under their own names.
fn status(app: &App, job: &Job) -> Result<Value, ApiError> {
    let state: Map<String, Value> = serde_json::from_str(&job.state).unwrap_or_default();
    let known = |name: &str, otherwise: Value| state.get(name).cloned().unwrap_or(otherwise);
    let [last, successful, with_exports] = app.store.last_executions(job.key)?;
    let quarantine = job.quarantine.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    Ok(json!({
        "countSuccessiveCompleteFailures": known("countSuccessiveCompleteFailures", json!(0)),
        "escrowsPruned": known("escrowsPruned", json!(false)),
        "code": job.status.as_str(),
        "lastExecution": last.as_ref().map(execution),
        "lastSuccessfulExecution": successful.as_ref().map(execution),
        "lastSuccessfulExecutionWithExports": with_exports.as_ref().map(execution),
        "progress": known("progress", json!([])),
        "quarantine": quarantine,
        "steadyStateFirstAchievedTime": known("steadyStateFirstAchievedTime", json!(NO_TIME)),
        "steadyStateLastAchievedTime": known("steadyStateLastAchievedTime", json!(NO_TIME)),
        "synchronizedEntryCountByType": known("synchronizedEntryCountByType", json!([])),
        "troubleshootingUrl": known("troubleshootingUrl", Value::Null),
    }))
}

fn execution(cycle: &Cycle) -> Value {
    let counts = &cycle.counts;
    let exported = counts.created + counts.updated + counts.disabled + counts.enabled + counts.deleted;
    let state = match cycle.state {
        CycleState::Succeeded => "Succeeded",
        CycleState::EntryLevelErrors => "EntryLevelErrors",
        CycleState::Running | CycleState::Failed | CycleState::Interrupted => "Failed",
    };
    json!({
        "activityIdentifier": cycle.id,
        "countEntitled": 0,
        "countEntitledForProvisioning": 0,
        "countEscrowed": counts.failed,
        "countEscrowedRaw": counts.failed,
        "countExported": exported,
        "countExports": exported,
        "countImported": counts.imported,
        "countImportedDeltas": counts.imported,
        "countImportedReferenceDeltas": counts.pending_references,
        "state": state,
        "error": cycle.error.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
        "timeBegan": cycle.began,
        "timeEnded": cycle.ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_scopes_default_to_what_the_portal_does() {
        let (scopes, full) = reset_scopes("").expect("scopes");
        assert!(
            scopes.escrows
                && scopes.watermark
                && scopes.quarantine_state
                && !scopes.connector_data_store
                && !full
        );
        let (scopes, _) = reset_scopes("Watermark, escrows").expect("scopes");
        assert!(scopes.escrows && scopes.watermark && !scopes.quarantine_state);
        assert!(reset_scopes("Full").expect("scopes").0.connector_data_store);
        assert!(reset_scopes("Everything").is_err());
    }

    #[test]
    fn settings_are_replaced_by_name_and_others_kept() {
        let merged = merged_settings(
            r#"[{"name":"A","value":"1"},{"name":"B","value":"2"}]"#,
            &[Setting { name: "A".into(), value: Some("3".into()) }],
        );
        assert_eq!(merged, json!([{"name":"B","value":"2"},{"name":"A","value":"3"}]));
    }
}
