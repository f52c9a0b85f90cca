//! Receipts, ours: what became of each operation of an upload, polled, waited for, or streamed (spec/inbound-api.md §12, Location).
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use hirewire_store::{
    OperationReceipt, OperationStatus, Receipt, ScheduleState, StatusCode as JobStatus, Upload, UploadId,
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::jobs::{self, FoundJob};
use crate::answer::{Answer, Payload};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::{Caller, Permission};
use crate::odata::Page;
use crate::path::Params;
use crate::request::{Head, Request};

/// First pause between two looks at a receipt; it grows to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A stream says that it lives at least this often.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET …/uploads`: the newest first.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let caller = request.head.caller()?;
    let query = &request.head.query;
    let top = query.number("top")?.unwrap_or(50).clamp(1, 500);
    let before = query
        .given("skiptoken")
        .map(|token| token.parse().map(UploadId).map_err(|_| ApiError::bad_request("Invalid skip token.")))
        .transpose()?;
    let uploads = app.store.uploads(Some(job.key), before, top)?;
    let url = format!("{}/uploads", job_url(&request.head, &job));
    let next_link = (uploads.len() == top)
        .then(|| {
            uploads.last().map(|last| crate::odata::collection::next_link(&url, query, &last.id.to_string()))
        })
        .flatten();
    Ok(Answer::ok(
        &Page {
            context: request.head.context(&format!(
                "servicePrincipals('{}')/synchronization/jobs('{}')/uploads",
                job.service_principal, job.id
            )),
            count: None,
            next_link,
            value: uploads
                .iter()
                .filter(|upload| may_see(caller, upload))
                .map(|upload| upload_json(&job, upload))
                .collect(),
        }
        .into_json(),
    ))
}

/// `GET …/uploads/{id}`: at once, after `?wait=seconds` at the latest, or as server-sent events.
pub async fn receipt(app: &Arc<App>, head: &Head, params: Params) -> Result<Answer, ApiError> {
    let id = params.get("upload").parse().map(UploadId).map_err(|_| no_such_upload())?;
    let job = {
        let (app, head) = (app.clone(), head.clone());
        let find = move || jobs::find_for(&app, &head, &params);
        tokio::task::spawn_blocking(find).await.map_err(ApiError::unavailable)??
    };
    let found = load(app, &job, id).await?;
    if !may_see(head.caller()?, &found.receipt.upload) {
        return Err(no_such_upload());
    }
    let streams = head.header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    if streams {
        return Ok(events(app.clone(), job, id, found));
    }
    let wait =
        head.query.number("wait")?.map(|seconds| Duration::from_secs(seconds as u64)).unwrap_or_default();
    let found = settled(app, &job, found, wait.min(app.settings.bounds.longest_wait)).await?;
    let mut body = found.json(&job);
    body["logUrl"] = json!(super::upload::location(head, &job.id));
    Ok(Answer::ok(&body))
}

fn no_such_upload() -> ApiError {
    ApiError::not_found("No upload with this identifier exists for the job.")
}

/// Readers of jobs and logs see every upload; uploaders see their own.
fn may_see(caller: &Caller, upload: &Upload) -> bool {
    let reads_all = caller.permissions.has_any(&[
        Permission::ProvisioningLogReadAll,
        Permission::AuditLogReadAll,
        Permission::SynchronizationReadAll,
        Permission::SynchronizationReadWriteAll,
    ]);
    reads_all || upload.app_id.as_deref() == Some(caller.app_id.as_str())
}

/// A receipt, and why nothing of it happens at present.
struct Found {
    receipt: Receipt,
    held: Option<&'static str>,
}

async fn load(app: &Arc<App>, job: &FoundJob, id: UploadId) -> Result<Found, ApiError> {
    let (app, key) = (app.clone(), job.key);
    let read =
        move || -> Result<_, ApiError> { Ok((app.store.receipt(id)?, held(&app.store.job_by_key(key)?))) };
    let (receipt, held) = tokio::task::spawn_blocking(read).await.map_err(ApiError::unavailable)??;
    let receipt = receipt.filter(|receipt| receipt.upload.job == key).ok_or_else(no_such_upload)?;
    Ok(Found { receipt, held })
}

/// Why a job takes uploads and does not work on them (§4.6).
pub fn held(job: &FoundJob) -> Option<&'static str> {
    match (job.schedule, job.status) {
        (_, JobStatus::Quarantine) => Some("job in quarantine"),
        (ScheduleState::Active, _) => None,
        (ScheduleState::Paused, _) => Some("job paused"),
        (ScheduleState::Disabled, _) => Some("job not started"),
    }
}

async fn settled(
    app: &Arc<App>,
    job: &FoundJob,
    mut found: Found,
    wait: Duration,
) -> Result<Found, ApiError> {
    let deadline = Instant::now() + wait;
    let mut pause = FIRST_PAUSE;
    while open_operations(&found.receipt) > 0 && Instant::now() < deadline {
        tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        found = load(app, job, found.receipt.upload.id).await?;
    }
    Ok(found)
}

fn open_operations(receipt: &Receipt) -> usize {
    receipt.count(OperationStatus::Accepted)
}

/// What a stream of events has told so far.
struct Told {
    app: Arc<App>,
    job: FoundJob,
    id: UploadId,
    statuses: Vec<OperationStatus>,
    next: Option<Found>,
    pause: Duration,
    quiet_since: Instant,
    finished: bool,
}

/// `event: operation` for each line whose status changed, `event: done` when none is left to do.
fn events(app: Arc<App>, job: FoundJob, id: UploadId, first: Found) -> Answer {
    let told = Told {
        app,
        job,
        id,
        statuses: Vec::new(),
        next: Some(first),
        pause: FIRST_PAUSE,
        quiet_since: Instant::now(),
        finished: false,
    };
    let chunks = stream::unfold(told, |mut told| async move {
        let chunk = told.next_chunk().await?;
        Some((Ok::<_, std::io::Error>(chunk), told))
    });
    let mut answer = Answer::bytes(StatusCode::OK, "text/event-stream", Bytes::new());
    answer.payload = Payload::Stream(Body::from_stream(chunks));
    answer
}

impl Told {
    async fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            if self.finished {
                return None;
            }
            let found = match self.next.take() {
                Some(found) => found,
                None => {
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    load(&self.app, &self.job, self.id).await.ok()?
                }
            };
            let mut text = String::new();
            for (at, operation) in found.receipt.operations.iter().enumerate() {
                if self.statuses.get(at) != Some(&found.status(operation)) {
                    text.push_str(&format!(
                        "event: operation\ndata: {}\n\n",
                        found.operation_json(operation)
                    ));
                }
            }
            self.statuses =
                found.receipt.operations.iter().map(|operation| found.status(operation)).collect();
            if open_operations(&found.receipt) == 0 {
                self.finished = true;
                text.push_str(&format!("event: done\ndata: {}\n\n", found.counts()));
            }
            if text.is_empty() && self.quiet_since.elapsed() > HEARTBEAT {
                text.push_str(": still at work\n\n");
            }
            if !text.is_empty() {
                self.pause = FIRST_PAUSE;
                self.quiet_since = Instant::now();
                return Some(text.into());
            }
        }
    }
}

fn upload_json(job: &FoundJob, upload: &Upload) -> Value {
    json!({
        "id": upload.id.to_string(),
        "jobId": job.id,
        "receivedDateTime": upload.received,
        "requestId": upload.request_id,
        "clientRequestId": upload.client_request_id,
        "appId": upload.app_id,
        "source": upload.source,
        "size": upload.size,
        "operationCount": upload.operations,
        "warnings": upload.warnings,
    })
}

impl Found {
    /// An accepted operation of a job that is not at work waits.
    fn status(&self, operation: &OperationReceipt) -> OperationStatus {
        match operation.status {
            OperationStatus::Accepted if self.held.is_some() => OperationStatus::Waiting,
            status => status,
        }
    }

    fn counts(&self) -> Value {
        let count =
            |wanted| self.receipt.operations.iter().filter(|line| self.status(line) == wanted).count();
        json!({
            "accepted": count(OperationStatus::Accepted),
            "waiting": count(OperationStatus::Waiting),
            "applied": count(OperationStatus::Applied),
            "skipped": count(OperationStatus::Skipped),
            "failed": count(OperationStatus::Failed),
        })
    }

    fn json(&self, job: &FoundJob) -> Value {
        let mut body = upload_json(job, &self.receipt.upload);
        let left = open_operations(&self.receipt);
        body["status"] = json!(match (left, self.held) {
            (0, _) => "completed",
            (_, Some(_)) => "waiting",
            (left, None) if left == self.receipt.operations.len() => "accepted",
            _ => "processing",
        });
        if let Some(held) = self.held.filter(|_| left > 0) {
            body["reason"] = json!(held);
        }
        body["counts"] = self.counts();
        body["operations"] = self.receipt.operations.iter().map(|line| self.operation_json(line)).collect();
        body
    }

    fn operation_json(&self, operation: &OperationReceipt) -> Value {
        let held = self.held.filter(|_| operation.status == OperationStatus::Accepted);
        json!({
            "index": operation.line,
            "bulkId": operation.bulk_id,
            "externalId": operation.anchor,
            "status": status_text(self.status(operation)),
            "reason": operation.reason.as_deref().or(held),
            "logEntryId": operation.entry,
            "origin": operation.origin,
        })
    }
}

fn status_text(status: OperationStatus) -> &'static str {
    match status {
        OperationStatus::Accepted => "accepted",
        OperationStatus::Waiting => "waiting",
        OperationStatus::Applied => "applied",
        OperationStatus::Skipped => "skipped",
        OperationStatus::Failed => "failed",
    }
}

/// `{root}/servicePrincipals/{sp}/synchronization/jobs/{job}`.
pub fn job_url(head: &Head, job: &FoundJob) -> String {
    format!("{}/servicePrincipals/{}/synchronization/jobs/{}", head.root(), job.service_principal, job.id)
}
