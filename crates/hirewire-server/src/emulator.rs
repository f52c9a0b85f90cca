//! What makes this server a test double: a clock that moves, faults on demand, recorded requests (spec/inbound-api.md §12).
//!
//! A fault is asked for by a rule (`POST /_emulator/faults`) or by a header of the request itself:
//! `x-hirewire-fault: status=429; retry-after=2; delay=250; lost; code=TooManyRequests`.
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Answer, Payload};
use crate::app::App;
use crate::error::ApiError;
use crate::request::{Head, Request};

/// Requests kept for reading.
const MOST_RECORDS: usize = 1_000;
/// Bytes of all recorded bodies together at most: the oldest records go first.
const ALL_BODIES: usize = 16 * 1024 * 1024;
/// Bytes of a recorded body at most; larger ones are left out.
const LARGEST_BODY: usize = 256 * 1024;
/// Rules in force at a time.
const MOST_RULES: usize = 100;
/// Longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(120);
/// Header that asks for a fault of one request.
const HEADER: &str = "x-hirewire-fault";

/// A rule for faults, as `POST /_emulator/faults` takes it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rule {
    /// Only requests of this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path contains this, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many requests are hit before the rule ends; without it, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Only this part of the matching requests, 0 to 100, evenly spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Answer with this status instead of doing the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `error.code` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `error.message` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds of `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Milliseconds to wait first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<u64>,
    /// Do the work and then cut the connection instead of answering.
    pub lost: bool,
}

/// What happens to one request.
#[derive(Debug, Clone, Default)]
pub struct Fault {
    /// Wait so long first.
    pub delay: Option<Duration>,
    /// Do the work, lose the answer.
    pub lose_answer: bool,
    status: Option<StatusCode>,
    code: Option<String>,
    message: Option<String>,
    retry_after: Option<u64>,
}

impl Fault {
    /// The error to answer with, if the fault has one.
    pub fn error(&self) -> Option<ApiError> {
        let status = self.status?;
        let mut error = match status {
            StatusCode::UNAUTHORIZED => {
                ApiError::unauthenticated("Access token has expired or is not yet valid.")
            }
            StatusCode::FORBIDDEN => ApiError::forbidden(),
            StatusCode::TOO_MANY_REQUESTS => ApiError::too_many_requests(self.retry_after.unwrap_or(5)),
            StatusCode::INTERNAL_SERVER_ERROR => ApiError::bucket_full(false),
            other => ApiError::new(
                other,
                other.canonical_reason().unwrap_or("Fault").replace(' ', ""),
                "Fault on demand.",
            ),
        };
        if self.retry_after.is_some() {
            error.retry_after = self.retry_after;
        }
        if let Some(code) = &self.code {
            error.code = code.clone().into();
        }
        if let Some(message) = &self.message {
            error.message.clone_from(message);
        }
        Some(error)
    }
}

impl From<&Rule> for Fault {
    fn from(rule: &Rule) -> Self {
        Self {
            delay: rule.delay.map(|millis| Duration::from_millis(millis).min(LONGEST_DELAY)),
            lose_answer: rule.lost,
            status: rule.status.and_then(|status| StatusCode::from_u16(status).ok()),
            code: rule.code.clone(),
            message: rule.message.clone(),
            retry_after: rule.retry_after,
        }
    }
}

/// A request that was answered.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it arrived.
    pub received: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path as sent.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// Status of the answer.
    pub status: u16,
    /// Our id.
    pub request_id: String,
    /// The caller's id.
    pub client_request_id: String,
    /// `Content-Type`, if any.
    pub content_type: Option<String>,
    /// `User-Agent`, if any.
    pub user_agent: Option<String>,
    /// The body, when it was JSON and holds no secrets by its nature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

#[derive(Debug)]
struct ActiveRule {
    rule: Rule,
    seen: u64,
}

/// State of the emulator.
#[derive(Debug, Default)]
pub struct Emulator {
    rules: Mutex<Vec<ActiveRule>>,
    records: Mutex<VecDeque<Record>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Emulator {
    /// The fault that strikes this request: its own header first, then the first rule that fits.
    pub fn fault_for(&self, head: &Head) -> Option<Fault> {
        if head.path.starts_with("/_emulator") {
            return None;
        }
        if let Some(text) = head.header(HEADER) {
            return Some(Fault::from(&rule_from_header(text)));
        }
        let mut rules = locked(&self.rules);
        let at = rules.iter_mut().position(|active| active.strikes(head))?;
        let active = &mut rules[at];
        let fault = Fault::from(&active.rule);
        if let Some(times) = &mut active.rule.times {
            *times -= 1;
            if *times == 0 {
                rules.remove(at);
            }
        }
        Some(fault)
    }

    /// Keeps a request for reading.
    pub fn record(&self, head: &Head, body: Option<&[u8]>, status: StatusCode) {
        if head.path.starts_with("/_emulator") {
            return;
        }
        let record = Record {
            received: head.ids.received,
            method: head.method.to_string(),
            path: head.path.clone(),
            query: head.query.pairs().to_vec(),
            status: status.as_u16(),
            request_id: head.ids.request_id.to_string(),
            client_request_id: head.ids.client_request_id.clone(),
            content_type: head.header("content-type").map(str::to_owned),
            user_agent: head.header("user-agent").map(str::to_owned),
            body: body.filter(|body| is_shown(head, body)).and_then(without_passwords),
        };
        let mut records = locked(&self.records);
        records.push_back(record);
        let size = |record: &Record| record.body.as_ref().map_or(0, String::len);
        let mut bytes: usize = records.iter().map(size).sum();
        while records.len() > MOST_RECORDS || bytes > ALL_BODIES {
            bytes -= records.pop_front().as_ref().map_or(0, size);
        }
    }

    /// An answer that breaks off before its first byte.
    pub fn lost_answer(&self) -> Answer {
        let broken = futures_util::stream::once(async {
            Err::<bytes::Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        });
        Answer { payload: Payload::Stream(Body::from_stream(broken)), ..Answer::empty(StatusCode::OK) }
    }

    fn clear(&self) {
        locked(&self.rules).clear();
        locked(&self.records).clear();
    }
}

/// Token requests are forms and therefore not shown; neither are secrets.
fn is_shown(head: &Head, body: &[u8]) -> bool {
    let json = head.header("content-type").is_some_and(|kind| kind.contains("json"));
    json && !body.is_empty()
        && body.len() <= LARGEST_BODY
        && !head.path.to_ascii_lowercase().contains("secrets")
        && !head.path.to_ascii_lowercase().contains("credentials")
}

/// The body as text, passwords replaced; nothing when there may be some and the body cannot be read.
fn without_passwords(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body).into_owned();
    if !text.to_ascii_lowercase().contains("password") {
        return Some(text);
    }
    let mut value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    redact(&mut value);
    Some(value.to_string())
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name.to_ascii_lowercase().ends_with("password") && !value.is_null() {
                    *value = json!("[Redacted]");
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(redact),
        _ => {}
    }
}

impl ActiveRule {
    fn strikes(&mut self, head: &Head) -> bool {
        let rule = &self.rule;
        let method =
            rule.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(head.method.as_str()));
        let path =
            rule.path.as_deref().is_none_or(|part| head.path.to_lowercase().contains(&part.to_lowercase()));
        if !(method && path) {
            return false;
        }
        self.seen += 1;
        let percent = u64::from(rule.percent.unwrap_or(100).min(100));
        self.seen * percent / 100 > (self.seen - 1) * percent / 100
    }
}

fn rule_from_header(text: &str) -> Rule {
    let mut rule = Rule::default();
    for part in text.split(';') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match name.trim() {
            "status" => rule.status = value.parse().ok(),
            "delay" => rule.delay = value.parse().ok(),
            "retry-after" => rule.retry_after = value.parse().ok(),
            "code" => rule.code = Some(value.to_owned()),
            "message" => rule.message = Some(value.to_owned()),
            "lost" => rule.lost = true,
            _ => {}
        }
    }
    rule
}

fn emulator(app: &App) -> Result<&Emulator, ApiError> {
    app.emulator.as_ref().ok_or_else(|| ApiError::no_such_segment("_emulator"))
}

fn clock_json(app: &App) -> Value {
    json!({ "now": app.clock.now(), "frozen": app.clock.is_frozen() })
}

/// `GET /_emulator/clock`.
pub fn clock(app: &App, _: &Request) -> Result<Answer, ApiError> {
    emulator(app)?;
    Ok(Answer::ok(&clock_json(app)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct ClockChange {
    now: Option<Timestamp>,
    advance: Option<Span>,
    frozen: Option<bool>,
    reset: bool,
}

/// `PATCH /_emulator/clock` with `{"now":"2026-03-01T08:00:00Z"}`, `{"advance":"P1D"}`, `{"frozen":true}` or `{"reset":true}`.
pub fn move_clock(app: &App, request: &Request) -> Result<Answer, ApiError> {
    emulator(app)?;
    let change: ClockChange = request.json()?;
    if change.reset {
        app.clock.reset();
    }
    let frozen = change.frozen.unwrap_or_else(|| app.clock.is_frozen());
    if change.now.is_some() || change.frozen.is_some() {
        app.clock.set(change.now.unwrap_or_else(|| app.clock.now()), frozen);
    }
    if let Some(span) = change.advance {
        app.clock.advance(duration(app.clock.now(), span)?);
    }
    app.service.clock_changed(app.clock.now(), app.clock.is_frozen());
    Ok(Answer::ok(&clock_json(app)))
}

fn duration(now: Timestamp, span: Span) -> Result<SignedDuration, ApiError> {
    span.to_duration(&now.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| ApiError::bad_request("The span reaches beyond what a clock can show."))
}

/// `GET /_emulator/faults`.
pub fn faults(app: &App, _: &Request) -> Result<Answer, ApiError> {
    let rules = locked(&emulator(app)?.rules);
    let rules: Vec<&Rule> = rules.iter().map(|active| &active.rule).collect();
    Ok(Answer::ok(&json!({ "value": rules })))
}

/// `POST /_emulator/faults`.
pub fn add_fault(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let emulator = emulator(app)?;
    let rule: Rule = request.json()?;
    if rule.times == Some(0) || rule.status.is_some_and(|status| StatusCode::from_u16(status).is_err()) {
        return Err(ApiError::bad_request("`times` is 1 or more, `status` is 100 to 999."));
    }
    let mut rules = locked(&emulator.rules);
    if rules.len() >= MOST_RULES {
        return Err(ApiError::bad_request(format!(
            "There are {MOST_RULES} rules already; DELETE /_emulator/faults removes them."
        )));
    }
    let answer = Answer::json(StatusCode::CREATED, &rule);
    rules.push(ActiveRule { rule, seen: 0 });
    Ok(answer)
}

/// `DELETE /_emulator/faults`.
pub fn clear_faults(app: &App, _: &Request) -> Result<Answer, ApiError> {
    locked(&emulator(app)?.rules).clear();
    Ok(Answer::no_content())
}

/// `GET /_emulator/requests`, oldest first.
pub fn requests(app: &App, _: &Request) -> Result<Answer, ApiError> {
    let records = locked(&emulator(app)?.records);
    Ok(Answer::ok(&json!({ "value": *records })))
}

/// `DELETE /_emulator/requests`.
pub fn clear_requests(app: &App, _: &Request) -> Result<Answer, ApiError> {
    locked(&emulator(app)?.records).clear();
    Ok(Answer::no_content())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Reset {
    keep_people: bool,
}

/// `POST /_emulator/reset`: the tenant is as it was after the start. Applications, their secrets and tokens stay good, jobs keep
/// their ids and start again with their template's schema, and `{"keepPeople":true}` leaves people, log and schemas alone.
pub fn reset(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let wanted: Reset = if request.body.is_empty() { Reset::default() } else { request.json()? };
    emulator(app)?.clear();
    app.limits.clear();
    app.clock.reset();
    if !wanted.keep_people {
        app.service.start_over()?;
        app.queue_counts.clear();
        for job in app.store.jobs()? {
            crate::graph::schema::reset(app, &job, "reset", request.head.ids.received)?;
        }
    }
    app.service.clock_changed(app.clock.now(), app.clock.is_frozen());
    Ok(Answer::no_content())
}
