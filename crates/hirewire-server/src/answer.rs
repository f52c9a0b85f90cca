//! An answer before it goes on the wire: kept as bytes so that `$batch` can embed it.
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// Content type of Graph's JSON answers (spec/inbound-api.md §2.3) [S].
pub const JSON: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// What is sent.
#[derive(Debug)]
pub enum Payload {
    /// Nothing, or a complete body.
    Bytes(Bytes),
    /// A body that goes on: server-sent events.
    Stream(Body),
}

/// Status, headers and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers besides those every answer has.
    pub headers: HeaderMap,
    /// The body.
    pub payload: Payload,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), payload: Payload::Bytes(Bytes::new()) }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// JSON with Graph's content type.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self::bytes(status, JSON, bytes),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// JSON with 200.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// A body of any type.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::empty(status);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.payload = Payload::Bytes(body.into());
        answer
    }

    /// Text with 200.
    pub fn text(body: String) -> Self {
        Self::bytes(StatusCode::OK, "text/plain", body)
    }

    /// Adds a header; a value that no header may hold is left out.
    pub fn header(mut self, name: impl Into<HeaderName>, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name.into(), value);
        }
        self
    }

    /// Adds one of our own headers by its lower-case name.
    pub fn own_header(self, name: &'static str, value: &str) -> Self {
        self.header(HeaderName::from_static(name), value)
    }

    /// The HTTP response.
    pub fn into_response(self) -> Response {
        let body = match self.payload {
            Payload::Bytes(bytes) => Body::from(bytes),
            Payload::Stream(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
