//! bulkUpload: from the bytes of a request to the durable inbox (spec/inbound-api.md §4).
//!
//! The order of checks is that of §4.4: token, permission, service principal, job, API-driven, throttle, content type, size,
//! JSON, grammar, queue space, store. Everything up to the content type happens before the body is read.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hirewire_expression::Expression;
use hirewire_schema::Document;
use hirewire_scim::bulk::Code;
use hirewire_scim::{AttributePath, BulkRequest, Mode as Grammar, OpenLimits, Refusal, parse_bulk};
use hirewire_store::{Deduplicate, JobKey, NewOperation, NewUpload, content_hash};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION, WARNING};
use jiff::SignedDuration;
use metrics::counter;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::jobs::{self, FoundJob};
use crate::answer::Answer;
use crate::app::App;
use crate::error::{ApiError, Detail};
use crate::identity::Permission;
use crate::listener::Incoming;
use crate::path::Params;
use crate::request::Head;
use crate::settings::{Mode, Rate, Rules, SeedBatch};

const SCIM_JSON: &str = "application/scim+json";
/// A window of 24 hours.
const DAY: Duration = Duration::from_secs(86_400);
/// Warnings that are sent as headers; the receipt has them all.
const MOST_WARNING_HEADERS: usize = 5;
/// How long a client that names its request may repeat it without its being stored twice.
const REPEATED_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// A queue at its limit is counted during one part in so many of the time.
const COUNT_SHARE: u32 = 20;
/// While one request counts, others do not, for so long at most.
const LONGEST_COUNT: Duration = Duration::from_secs(30);

/// Answers bulkUpload, or its `$value` form whose content type is not checked (§11.1).
pub async fn run(
    app: &Arc<App>,
    head: &Head,
    params: Params,
    incoming: &mut Option<Incoming>,
    value: bool,
) -> Result<Answer, ApiError> {
    if value && !app.settings.rules.lenient_routes {
        return Err(ApiError::unknown_route(&head.uri()));
    }
    // Read before the checks, judged after them: one hand-over to a blocking thread does everything else.
    let body = incoming.take().unwrap_or(Incoming::Ready(Bytes::new()));
    let body = body.read(&head.headers, &app.settings.bounds, app.settings.rules.accept_gzip).await;
    let (app, head) = (app.clone(), head.clone());
    let work = move || accept(&app, &head, &params, body, value);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ApiError::unavailable(error)))
}

fn accept(
    app: &App,
    head: &Head,
    params: &Params,
    body: Result<Bytes, ApiError>,
    value: bool,
) -> Result<Answer, ApiError> {
    let job = jobs::find_for(app, head, params)?;
    if !jobs::is_api_driven(&job.template) {
        return Err(ApiError::no_such_job());
    }
    let mut warnings = Vec::new();
    throttle(app, head, &job, &mut warnings)?;
    if !value {
        check_content_type(&app.settings.rules, head, &mut warnings)?;
    }
    let body = body?;
    let request = parse(app, &job, &body).map_err(|refusal| refused(&app.settings.rules, &refusal))?;
    finish(app, head, &job, &body, request, warnings)
}

/// Reads a request. In open mode the job's matching attribute stands in for a missing `externalId` (§12); it is looked up
/// only when one is missing, since that means reading the schema.
fn parse(app: &App, job: &FoundJob, body: &[u8]) -> Result<BulkRequest, Refusal> {
    let rules = &app.settings.rules;
    let refusal = match parse_bulk(body, &grammar(rules, None)) {
        Err(refusal) if !rules.is_strict() && refusal.code() == Code::ExternalIdMissing => refusal,
        result => return result,
    };
    match matching_attribute(app, job) {
        Some(key) => parse_bulk(body, &grammar(rules, Some(key))),
        None => Err(refusal),
    }
}

/// The source attribute of the job's first matching row, when it is a plain attribute other than `externalId`.
fn matching_attribute(app: &App, job: &FoundJob) -> Option<AttributePath> {
    let (_, text) = app.store.schema(job.key, None).ok()??;
    let schema = Document::parse(text.as_bytes()).ok()?.schema();
    let (_, _, mapping) = schema.main_mapping()?;
    let row = mapping.matching_rows().min_by_key(|row| row.matching_priority)?;
    let expression = Expression::parse(&row.source.as_ref()?.expression).ok()?;
    let name = expression.as_attribute().filter(|name| !name.eq_ignore_ascii_case("externalId"))?;
    AttributePath::parse(name).ok()
}

/// Counts the call. Where the rules set no limit, the strict ones are counted beside and a warning says what they would have
/// done.
fn throttle(app: &App, head: &Head, job: &FoundJob, warnings: &mut Vec<String>) -> Result<(), ApiError> {
    let rules = &app.settings.rules;
    let strict = Rules::strict(app.settings.licence);
    let now = head.ids.received;
    let key = job.id.to_ascii_lowercase();
    if let Some(calls) = rules.daily.or(strict.daily) {
        let rate = Rate { calls, window: DAY };
        match app.limits.daily.pass((), rate, now) {
            Ok(()) => {}
            Err(seconds) if rules.daily.is_some() => return Err(ApiError::too_many_requests(seconds)),
            Err(_) => warnings.push(format!("strict mode allows {calls} calls in 24 hours")),
        }
    }
    if let Some(rate) = rules.rate.or(strict.rate) {
        match app.limits.uploads.pass(key, rate, now) {
            Ok(()) => {}
            Err(seconds) if rules.rate.is_some() => return Err(ApiError::too_many_requests(seconds)),
            Err(_) => warnings.push(format!(
                "strict mode allows {} calls in {} seconds",
                rate.calls,
                rate.window.as_secs()
            )),
        }
    }
    Ok(())
}

fn check_content_type(rules: &Rules, head: &Head, warnings: &mut Vec<String>) -> Result<(), ApiError> {
    let found = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = found.map(|text| text.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(SCIM_JSON)) {
        return Ok(());
    }
    let refusal = Refusal::content_type(found);
    if rules.content_type_required {
        return Err(refused(rules, &refusal));
    }
    warnings.extend(refusal.details().iter().map(|detail| detail.message.clone()));
    Ok(())
}

fn grammar(rules: &Rules, key: Option<AttributePath>) -> Grammar {
    match rules.mode {
        Mode::Strict => Grammar::Strict,
        Mode::Open => Grammar::Open(OpenLimits { max_operations: rules.max_operations, key }),
    }
}

/// 400: the bare documented text in strict mode, reasons and places in open mode.
fn refused(rules: &Rules, refusal: &Refusal) -> ApiError {
    let mut error = ApiError::invalid_data_format();
    if !rules.is_strict() {
        error.message = refusal.message();
        error.details = refusal
            .details()
            .iter()
            .map(|detail| Detail {
                code: detail.code.as_str().into(),
                target: Some(detail.place.to_string()),
                message: detail.message.clone(),
                hint: detail.help.clone(),
            })
            .collect();
    }
    error
}

fn finish(
    app: &App,
    head: &Head,
    job: &FoundJob,
    body: &[u8],
    request: BulkRequest,
    mut warnings: Vec<String>,
) -> Result<Answer, ApiError> {
    let rules = &app.settings.rules;
    let count = request.operations.len();
    if count > rules.max_operations {
        return Err(ApiError::invalid_data_format());
    }
    warnings.extend(request.warnings.iter().map(|detail| detail.message.clone()));
    let allowed = hirewire_scim::bulk::STRICT_MAXIMUM_OPERATIONS;
    if count > allowed {
        warnings.push(format!("strict mode allows {allowed} operations in a request; there are {count}"));
    }
    let operations: Vec<NewOperation> = request
        .operations
        .into_iter()
        .map(|operation| NewOperation {
            bulk_id: Some(operation.bulk_id),
            anchor: operation.external_id,
            data: operation.data,
            origin: None,
        })
        .collect();
    if head.query.flag("dryrun")? {
        let plan = app.service.plan_only(job, operations)?;
        return Ok(with_warnings(Answer::ok(&plan), &warnings));
    }
    let full = |error| match error {
        full if ApiError::bucket_full(false) == full => ApiError::bucket_full(rules.full_queue_is_503),
        other => other,
    };
    check_queue(app, job.key, count as u64).map_err(full)?;
    let accepted = app.service.accept(NewUpload {
        job: job.key,
        request_id: head.ids.request_id.to_string(),
        client_request_id: Some(head.ids.client_request_id.clone()),
        received: head.ids.received,
        app_id: head.caller.as_ref().map(|caller| caller.app_id.clone()),
        source: "http".into(),
        size: body.len() as u64,
        operations,
        warnings: warnings.clone(),
        content_hash: repeatable(head).then(|| content_hash(body)),
        deduplicate: if repeatable(head) {
            Deduplicate::SameRequest(REPEATED_WITHIN)
        } else {
            Deduplicate::Never
        },
        fingerprint_segment: None,
    });
    let accepted = accepted.map_err(|error| full(error.into()))?;
    if !accepted.repeated {
        counter!("hirewire_uploads_accepted_total").increment(1);
        counter!("hirewire_operations_accepted_total").increment(count as u64);
    }
    let answer = Answer::empty(StatusCode::ACCEPTED).header(LOCATION, &location(head, &job.id));
    if rules.is_strict() {
        // Nothing a client could come to depend on that the real service does not send (§12).
        return Ok(answer);
    }
    let answer = answer.own_header("x-hirewire-upload-id", &accepted.upload.to_string());
    Ok(with_warnings(answer, &warnings))
}

/// A client that names its request may repeat it after a lost answer. One that does not may well mean to send the same people
/// again, and planning finds nothing to change the second time.
fn repeatable(head: &Head) -> bool {
    head.header("client-request-id").is_some_and(|id| id == head.ids.client_request_id)
}

/// `…/auditLogs/provisioning/?$filter=jobid%20eq%20'{job}'`, byte for byte as clients parse it (§4.3).
pub fn location(head: &Head, job: &str) -> String {
    format!("{}/auditLogs/provisioning/?$filter=jobid%20eq%20'{job}'", head.root())
}

/// Adds the first few warnings as headers.
pub fn with_warnings(mut answer: Answer, warnings: &[String]) -> Answer {
    for warning in warnings.iter().take(MOST_WARNING_HEADERS) {
        let text: String = warning
            .chars()
            .map(|c| {
                if c == '"' || c == '\\' {
                    '\''
                } else if c.is_ascii_graphic() || c == ' ' {
                    c
                } else {
                    '?'
                }
            })
            .take(300)
            .collect();
        answer = answer.header(WARNING, &format!("299 - \"{text}\""));
    }
    answer
}

/// How full the queues are at most: what was counted last and what was accepted since. Counting reads the whole queue, so it
/// happens only when this bound reaches the limit, and then once in a while.
#[derive(Debug, Default)]
pub struct QueueCounts(Mutex<HashMap<JobKey, QueueCount>>);

#[derive(Debug, Clone, Copy)]
struct QueueCount {
    at_most: u64,
    counted: Instant,
    /// Not counted again before this has passed: many times what counting took.
    pause: Duration,
}

impl QueueCounts {
    /// Takes room for `more` operations. `None`: it has to be counted first, by this caller.
    fn take(&self, job: JobKey, more: u64, bound: u64) -> Option<Result<(), ApiError>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts.get_mut(&job)?;
        if known.at_most + more <= bound {
            known.at_most += more;
            return Some(Ok(()));
        }
        if known.counted.elapsed() < known.pause {
            return Some(Err(ApiError::bucket_full(false)));
        }
        known.counted = Instant::now();
        known.pause = LONGEST_COUNT;
        None
    }

    /// Forgets all counts: the queues were emptied.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn set(&self, job: JobKey, at_most: u64, took: Duration) {
        let count = QueueCount { at_most, counted: Instant::now(), pause: took * COUNT_SHARE };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job, count);
    }
}

fn check_queue(app: &App, job: JobKey, more: u64) -> Result<(), ApiError> {
    let bound = app.settings.bounds.queue;
    if let Some(taken) = app.queue_counts.take(job, more, bound) {
        return taken;
    }
    let begun = Instant::now();
    let waiting = app.store.queue_state(job)?.waiting;
    let fits = waiting + more <= bound;
    app.queue_counts.set(job, if fits { waiting + more } else { waiting }, begun.elapsed());
    if fits { Ok(()) } else { Err(ApiError::bucket_full(false)) }
}

/// Takes a bare SCIM array that was posted to `$batch` (§9, `seed_batch_compat`) for the configured job, or for the only one
/// there is. `Err(None)`: it is not even that.
pub async fn run_bare_operations(
    app: &Arc<App>,
    head: &Head,
    body: Bytes,
) -> Result<Answer, Option<ApiError>> {
    let (text, count) = wrapped(&body).ok_or(None)?;
    let mut head = head.clone();
    head.needs = &[Permission::UploadAll, Permission::UploadOwnedBy];
    if !head.caller().is_ok_and(|caller| caller.permissions.has_any(head.needs)) {
        return Err(Some(ApiError::forbidden()));
    }
    let app = app.clone();
    let work = move || {
        let seed = batch_job(&app)?;
        let job = jobs::find_named(&app, &head, &seed.service_principal, &seed.job)?;
        let mut warnings = vec![
            "bare SCIM array accepted by compatibility mode".to_owned(),
            "Graph refuses it: its $batch takes {'requests':[...]}; post 50 operations at a time as a BulkRequest to the job's bulkUpload".to_owned(),
        ];
        // Each 50 of them count as one call.
        for _ in 0..count.div_ceil(hirewire_scim::bulk::STRICT_MAXIMUM_OPERATIONS) {
            throttle(&app, &head, &job, &mut warnings)?;
        }
        let request =
            parse(&app, &job, text.as_bytes()).map_err(|refusal| refused(&app.settings.rules, &refusal))?;
        // One upload, so that all are stored or none.
        finish(&app, &head, &job, text.as_bytes(), request, warnings)
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ApiError::unavailable(error)))
        .map_err(Some)
}

/// The job for bare arrays.
fn batch_job(app: &App) -> Result<SeedBatch, ApiError> {
    if let Some(seed) = &app.settings.seed_batch_compat {
        return Ok(seed.clone());
    }
    let mut jobs = app.store.jobs()?;
    jobs.retain(|job| jobs::is_api_driven(&job.template));
    match jobs.as_slice() {
        [only] => {
            Ok(SeedBatch { service_principal: only.service_principal.clone(), job: only.id.clone() })
        }
        several => Err(ApiError::bad_request("Invalid batch payload format.").with_detail(
            "NoJob",
            None,
            format!(
                "a bare array of SCIM operations names no job, and there are {}: post it to a job's bulkUpload, or name the job in [server] batch_job",
                several.len()
            ),
        )),
    }
}

/// The operations of a bare array, or of `{"Operations":[…]}`, as one bulk request; `None` when any element is not one.
fn wrapped(body: &[u8]) -> Option<(String, usize)> {
    #[derive(serde::Deserialize)]
    struct Loose {
        #[serde(rename = "Operations")]
        operations: Vec<Box<RawValue>>,
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let operations: Vec<Box<RawValue>> = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice::<Loose>(body).map(|loose| loose.operations))
        .ok()?;
    let fits = |raw: &RawValue| {
        let Ok(operation) = serde_json::from_str::<Value>(raw.get()) else { return false };
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        text("method").eq_ignore_ascii_case("POST")
            && text("path").trim_matches('/').eq_ignore_ascii_case("users")
            && operation["data"].is_object()
    };
    if operations.is_empty() || !operations.iter().all(|raw| fits(raw)) {
        return None;
    }
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]);
    let list: Vec<&str> = operations.iter().map(|raw| raw.get()).collect();
    Some((format!("{{\"schemas\":{schemas},\"Operations\":[{}]}}", list.join(",")), operations.len()))
}
