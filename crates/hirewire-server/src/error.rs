//! One error type for every answer that is not a success: status, OData code, message, details (spec/inbound-api.md §2.4, §4.4).
//!
//! What is sent and what is only logged are different fields, so that nothing internal leaks by accident.
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use hirewire_store::StoreError;

use crate::answer::Answer;
use crate::ids::RequestIds;
use crate::service::ServiceError;

/// Text of a full upload queue (spec/inbound-api.md §4.4) [D].
const BUCKET_FULL: &str = "The bucket that stores the ingested data is full, please wait for the synchronization service to process the ingested data and retry this request.";

/// A finding behind an error: which member, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Machine-readable name of the rule, such as `ExternalIdMissing` (spec/inbound-api.md §4.4).
    pub code: Cow<'static, str>,
    /// The member at fault, such as `Operations[3].data.externalId`.
    pub target: Option<String>,
    /// What was found.
    pub message: String,
    /// What to do next, when that is known.
    pub hint: Option<String>,
}

/// A refusal, ready to be sent. Boxed, so that results stay small.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}: {}", .0.status, .0.code, .0.message)]
pub struct ApiError(Box<Refusal>);

/// What an [`ApiError`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// `error.code`.
    pub code: Cow<'static, str>,
    /// `error.message`, sent to the caller.
    pub message: String,
    /// `error.details`.
    pub details: Vec<Detail>,
    /// For our own log only; never sent.
    pub internal: Option<String>,
    /// Whole seconds of `Retry-After`.
    pub retry_after: Option<u64>,
    allow: Option<String>,
    challenge: bool,
    inner: &'static [(&'static str, &'static str)],
}

impl Deref for ApiError {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl DerefMut for ApiError {
    fn deref_mut(&mut self) -> &mut Refusal {
        &mut self.0
    }
}

impl ApiError {
    /// An error of any status.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            internal: None,
            retry_after: None,
            allow: None,
            challenge: false,
            inner: &[],
        }))
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400 `Invalid Data Format`; the code is [U] and adopted here.
    pub fn invalid_data_format() -> Self {
        Self::bad_request("Invalid Data Format")
    }

    /// 400 for a path nobody serves (§5, row 49).
    pub fn no_such_segment(segment: &str) -> Self {
        let shown: String = segment.chars().take(80).collect();
        Self::bad_request(format!("Resource not found for the segment '{shown}'."))
    }

    /// 401 with the texts of §3.1.
    pub fn unauthenticated(message: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
        error.challenge = true;
        error
    }

    /// 403: the token lacks a permission.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// The backend's own way of refusing an owner without rights: 401, no text (§2.4).
    pub fn unknown_refusal() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UnknownError", "")
    }

    /// The backend's own way of not knowing a route: 404 with JSON text as message (§2.4).
    pub fn unknown_route(uri: &str) -> Self {
        let text =
            json!({ "Message": format!("No HTTP resource was found that matches the request URI '{uri}'.") });
        Self::new(StatusCode::NOT_FOUND, "UnknownError", text.to_string())
    }

    /// 404 of Graph for an object that is not there.
    pub fn no_such_object(id: &str) -> Self {
        let shown: String = id.chars().take(120).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource '{shown}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    /// 404 for a job that is not there or not this caller's; the code is [U] and adopted here.
    pub fn no_such_job() -> Self {
        Self::not_found("No synchronization job with this identifier exists for the service principal.")
    }

    /// 404 `ResourceNotFound` with a text of ours.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    /// 405 with `Allow`.
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        let mut error = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        );
        error.allow = Some(allow.into());
        error
    }

    /// 429 with `Retry-After` (§10).
    pub fn too_many_requests(seconds: u64) -> Self {
        let mut error =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Please retry again later.");
        error.retry_after = Some(seconds.max(1));
        error.inner = &[("code", "429"), ("message", "Please retry after"), ("status", "429")];
        error
    }

    /// A full queue: 500 with the documented text, or 503 with `Retry-After` by choice (§12). The code is [U] and adopted here.
    pub fn bucket_full(unavailable: bool) -> Self {
        if !unavailable {
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", BUCKET_FULL);
        }
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "serviceUnavailable", BUCKET_FULL);
        error.retry_after = Some(300);
        error
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("The request body is larger than {limit} bytes."),
        )
    }

    /// 415 for an encoding of the body that cannot be read.
    pub fn unsupported_encoding() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            "The content encoding of the request body is not supported.",
        )
    }

    /// 503: own trouble; `internal` is logged only.
    pub fn unavailable(internal: impl std::fmt::Display) -> Self {
        let text = "The service is temporarily unable to handle the request.";
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "serviceUnavailable", text);
        error.retry_after = Some(5);
        error.with_internal(internal)
    }

    /// Adds what only our own log may tell.
    pub fn with_internal(mut self, internal: impl std::fmt::Display) -> Self {
        self.internal = Some(internal.to_string());
        self
    }

    /// Adds a finding.
    pub fn with_detail(
        mut self,
        code: impl Into<Cow<'static, str>>,
        target: Option<String>,
        message: impl Into<String>,
    ) -> Self {
        self.details.push(Detail { code: code.into(), target, message: message.into(), hint: None });
        self
    }

    /// Adds what to do next to the last finding.
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        if let Some(last) = self.details.last_mut() {
            last.hint = hint;
        }
        self
    }

    /// The body of §2.4.
    pub fn body(&self, ids: &RequestIds) -> Value {
        let mut inner = Map::new();
        for (name, text) in self.inner {
            inner.insert((*name).into(), json!(text));
        }
        inner.insert("date".into(), json!(ids.date_without_zone()));
        inner.insert("request-id".into(), json!(ids.request_id.to_string()));
        inner.insert("client-request-id".into(), json!(ids.client_request_id));
        let mut error = Map::new();
        error.insert("code".into(), json!(self.code));
        error.insert("message".into(), json!(self.message));
        if !self.details.is_empty() {
            error.insert("details".into(), self.details.iter().map(detail_json).collect());
        }
        error.insert("innerError".into(), Value::Object(inner));
        json!({ "error": error })
    }

    /// The whole answer; `authority` is where a token is to be had.
    pub fn answer(&self, ids: &RequestIds, authority: &str) -> Answer {
        let mut answer = Answer::json(self.status, &self.body(ids));
        if let Some(allow) = &self.allow {
            answer = answer.header(ALLOW, allow);
        }
        if let Some(seconds) = self.retry_after {
            answer = answer.header(RETRY_AFTER, &seconds.to_string());
        }
        if self.challenge {
            let text = format!(
                "Bearer realm=\"\", authorization_uri=\"{authority}/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\""
            );
            answer = answer.header(WWW_AUTHENTICATE, &text);
        }
        answer
    }
}

/// Refusals of the runtime in the API's shape.
impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::QueueFull => Self::bucket_full(false),
            ServiceError::NotFound(text) => Self::not_found(text),
            ServiceError::Refused(text) => Self::bad_request(text),
            ServiceError::Busy(text) => Self::new(StatusCode::CONFLICT, "Conflict", text),
            ServiceError::Internal(text) => Self::unavailable(text),
        }
    }
}

/// What the store cannot do is trouble of ours; its words stay in our log.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::Filter { reason } => Self::bad_request("Invalid filter clause").with_detail(
                "Filter",
                Some("$filter".into()),
                reason,
            ),
            StoreError::Exists { .. } => Self::new(StatusCode::CONFLICT, "Conflict", error.to_string()),
            other => Self::unavailable(other),
        }
    }
}

fn detail_json(detail: &Detail) -> Value {
    let mut member = Map::new();
    member.insert("code".into(), json!(detail.code));
    if let Some(target) = &detail.target {
        member.insert("target".into(), json!(target));
    }
    member.insert("message".into(), json!(detail.message));
    if let Some(hint) = &detail.hint {
        member.insert("hint".into(), json!(hint));
    }
    Value::Object(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_as_the_samples_print_them() {
        let ids = RequestIds::for_test(
            "b1d7c0de-0000-4000-8000-000000000005",
            "c11e27a0-0000-4000-8000-000000000005",
            "2026-11-02T08:14:05Z",
        );
        for (error, file) in [
            (ApiError::invalid_data_format(), "71-answer-400"),
            (ApiError::unauthenticated("Access token has expired or is not yet valid."), "72-answer-401"),
            (ApiError::forbidden(), "73-answer-403"),
            (ApiError::method_not_allowed("POST"), "74-answer-405"),
            (ApiError::too_many_requests(5), "75-answer-429"),
            (ApiError::bucket_full(false), "76-answer-500-bucket-full"),
            (ApiError::no_such_job(), "77-answer-404-no-such-job"),
        ] {
            let path = format!("{}/../../samples/bulk/{file}.http", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("sample");
            let (head, body) = text.split_once("\n\n").expect("head and body");
            let mut expected: Value = serde_json::from_str(body).expect("JSON");
            let inner = &mut expected["error"]["innerError"];
            for member in ["date", "request-id", "client-request-id"] {
                inner[member] = error.body(&ids)["error"]["innerError"][member].clone();
            }
            assert_eq!(error.body(&ids), expected, "{file}");
            let answer = error.answer(&ids, "https://login.microsoftonline.com");
            assert!(head.starts_with(&format!("HTTP/1.1 {}", answer.status.as_u16())), "{file}");
            for name in ["Allow", "Retry-After", "WWW-Authenticate"] {
                let sent = answer.headers.get(name).map(|v| v.to_str().expect("text"));
                let wanted = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                assert_eq!(sent, wanted, "{file} {name}");
            }
        }
    }
}
