//! What an operator's tools read: health, readiness, metrics, the OpenAPI description.
use std::time::Duration;

use http::StatusCode;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::openapi;
use crate::request::{Head, Request};
use crate::routes;

/// Upper bounds of the request histogram in seconds: from an answer out of memory to a long poll.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 2.5, 60.0];

/// Installs the process's metrics recorder, once; `None` when there is one already. Give the handle to
/// [`App::with_metrics`].
pub fn install_metrics() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?;
    let handle = builder.install_recorder().ok()?;
    describe_counter!("hirewire_http_requests_total", "Requests answered");
    describe_histogram!("hirewire_http_request_seconds", "Time to answer a request");
    describe_counter!("hirewire_uploads_accepted_total", "Uploads stored");
    describe_counter!("hirewire_operations_accepted_total", "Operations stored");
    describe_gauge!("hirewire_queue_operations", "Operations that wait in a job's queue");
    describe_gauge!("hirewire_queue_lag_seconds", "How long the oldest waiting operation has waited");
    Some(handle)
}

/// Counts a finished request. Labels are bounded: the row's pattern, never a path or a person.
pub(crate) fn record(head: &Head, status: StatusCode, took: Duration) {
    let endpoint = endpoint(head);
    let method = method(head);
    counter!("hirewire_http_requests_total", "endpoint" => endpoint, "method" => method, "status" => status.as_u16().to_string()).increment(1);
    histogram!("hirewire_http_request_seconds", "endpoint" => endpoint).record(took);
    tracing::debug!(
        request_id = %head.ids.request_id,
        client_request_id = head.ids.client_request_id,
        method = %head.method,
        endpoint,
        status = status.as_u16(),
        milliseconds = took.as_millis() as u64,
        "answered"
    );
}

/// The method, when it is one of those that exist.
pub(crate) fn method(head: &Head) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == head.method.as_str()).unwrap_or("other")
}

/// The pattern of the path.
pub(crate) fn endpoint(head: &Head) -> &'static str {
    let Some(mut segments) = crate::path::segments(&head.path) else { return "unknown" };
    let graph = segments.first().is_some_and(|first| crate::request::Version::from_segment(first).is_some());
    if graph {
        segments.remove(0);
    }
    routes::find(graph, graph, &segments).map_or("unknown", |found| found.row.path)
}

/// `GET /healthz`.
pub(crate) fn health(_: &App, _: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&json!({ "status": "alive" })))
}

/// `GET /readyz`: 200 when the store takes a write, and so when an upload would be accepted.
pub(crate) fn ready(app: &App, _: &Request) -> Result<Answer, ApiError> {
    app.store_answers()?;
    Ok(Answer::ok(&json!({ "status": "ready" })))
}

/// `GET /metrics`, in Prometheus' text form.
pub(crate) fn metrics(app: &App, _: &Request) -> Result<Answer, ApiError> {
    app.observe_queues()?;
    let text = app.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
    Ok(Answer::bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}

/// `GET /openapi.json`.
pub(crate) fn openapi(_: &App, request: &Request) -> Result<Answer, ApiError> {
    description(request, openapi::Part::Api)
}

/// `GET /_emulator/openapi.json`.
pub(crate) fn emulator_openapi(app: &App, request: &Request) -> Result<Answer, ApiError> {
    match app.emulator {
        Some(_) => description(request, openapi::Part::Emulator),
        None => Err(ApiError::no_such_segment("_emulator")),
    }
}

fn description(request: &Request, part: openapi::Part) -> Result<Answer, ApiError> {
    let mut document = openapi::document(part);
    document["servers"] = json!([{ "url": request.head.base }]);
    Ok(Answer::bytes(StatusCode::OK, "application/json", document.to_string()))
}
