//! Cycles of a job and the approval of what they held (ours; Graph knows only `restart` with `ForceDeletes`).
use hirewire_store::Cycle;
use serde_json::{Value, json};

use super::jobs;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Collection;
use crate::request::Request;

/// Cycles shown.
const SHOWN: usize = 1_000;

/// `GET …/jobs/{id}/cycles`
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let cycles = app.store.cycles(job.key, None, SHOWN)?;
    let root = format!("servicePrincipals/{}/synchronization/jobs/{}/cycles", job.service_principal, job.id);
    let collection = Collection {
        objects: cycles.iter().map(cycle).collect(),
        context: request.head.context(&root),
        url: format!("{}/{root}", request.head.root()),
    };
    Ok(Answer::ok(&collection.page(&request.head.query)?.into_json()))
}

fn cycle(cycle: &Cycle) -> Value {
    let parsed =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": cycle.id,
        "kind": cycle.kind.as_str(),
        "state": cycle.state.as_str(),
        "timeBegan": cycle.began,
        "timeEnded": cycle.ended,
        "counts": cycle.counts,
        "holds": parsed(&cycle.approval).map_or(json!([]), |approval| approval["held"].clone()),
        "error": parsed(&cycle.error),
    })
}

/// `POST …/jobs/{id}/approve` with `{"cycleId": "…"}`; without it, what any cycle held.
pub fn approve(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let body: Value = request.json_or_empty()?;
    let by = request.head.caller.as_ref().map_or("somebody on this machine", |caller| caller.app_id.as_str());
    let approved = app.service.approve(&job, body["cycleId"].as_str(), by)?;
    Ok(Answer::ok(&json!({ "approved": approved })))
}
