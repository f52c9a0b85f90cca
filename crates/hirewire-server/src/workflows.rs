//! Workflows of the process: their trigger URLs and their management API (spec/workflows.md §7.2, §14.2), and the way back,
//! from an HTTP action of a workflow to this API without a network.
//!
//! This crate knows no workflow: [`Workflows`] answers. Trigger URLs carry their own signature; the management API takes
//! the tokens and permissions of synchronization.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::app::App;
use crate::front;
use crate::identity::Permission::{
    self, ApplicationReadWriteOwnedBy, SynchronizationReadAll, SynchronizationReadWriteAll,
};

/// Bytes of an event or of an answer at most: the service's limit of a message (spec/workflows.md §13).
const LARGEST: usize = 100 << 20;

const READ: &[Permission] =
    &[SynchronizationReadAll, SynchronizationReadWriteAll, ApplicationReadWriteOwnedBy];
const WRITE: &[Permission] = &[SynchronizationReadWriteAll, ApplicationReadWriteOwnedBy];

/// A request to workflows, or of a workflow to this API.
#[derive(Debug, Clone)]
pub struct LocalRequest {
    /// The method.
    pub method: String,
    /// Path and query; for [`call_locally`] the whole URI, whose authority becomes the base of absolute URLs.
    pub uri: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The answer to a [`LocalRequest`].
#[derive(Debug, Clone)]
pub struct LocalAnswer {
    /// The status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The workflows of the process.
pub trait Workflows: Send + Sync + 'static {
    /// Answers a call below `/workflows/` or `/api/`: a trigger's URL or a webhook's callback. The signature is theirs to
    /// check.
    fn receive(&self, request: LocalRequest) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + '_>>;

    /// Answers a call of the management API; the caller may make it.
    fn manage(&self, request: LocalRequest) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + '_>>;
}

#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    workflows: Arc<dyn Workflows>,
}

/// All of the API as a router, with the workflows' URLs in front of it.
pub fn with_workflows(app: Arc<App>, workflows: Arc<dyn Workflows>) -> Router {
    let shared = Shared { app: Arc::clone(&app), workflows };
    let own = Router::new()
        .route("/workflows/{*rest}", any(receive))
        .route("/api/{workflow}/triggers/{*rest}", any(receive))
        .route("/subscriptions/{*rest}", any(manage))
        .with_state(shared);
    own.merge(front::router(app))
}

async fn receive(State(shared): State<Shared>, request: http::Request<Body>) -> Response {
    match read(request).await {
        Ok(request) => answer(shared.workflows.receive(request).await),
        Err(refused) => refused,
    }
}

async fn manage(State(shared): State<Shared>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    if let Err(refused) = front::admit_manager(&shared.app, &parts, if reads { READ } else { WRITE }).await {
        return refused.into_response();
    }
    match read(http::Request::from_parts(parts, body)).await {
        Ok(request) => answer(shared.workflows.manage(request).await),
        Err(refused) => refused,
    }
}

async fn read(request: http::Request<Body>) -> Result<LocalRequest, Response> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let uri = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok(LocalRequest { method: parts.method.to_string(), uri, headers: pairs(&parts.headers), body })
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

fn answer(answer: LocalAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Answers a request of the process itself as the API would, without a network and without a token: the caller is one of
/// the administrator's own workflows.
pub async fn call_locally(app: &Arc<App>, request: LocalRequest) -> LocalAnswer {
    let refused = |text: String| LocalAnswer { status: 400, headers: Vec::new(), body: Bytes::from(text) };
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(request.uri.as_str());
    for (name, value) in &request.headers {
        // What the workflow would have authenticated with elsewhere means nothing here.
        if !name.eq_ignore_ascii_case("authorization") {
            builder = builder.header(name, value);
        }
    }
    let parts = match builder.body(()) {
        Ok(request) => request.into_parts().0,
        Err(error) => return refused(error.to_string()),
    };
    let response = front::answer_locally(app, parts, request.body).await;
    let (parts, body) = response.into_parts();
    match to_bytes(body, LARGEST).await {
        Ok(body) => LocalAnswer { status: parts.status.as_u16(), headers: pairs(&parts.headers), body },
        Err(error) => refused(error.to_string()),
    }
}
