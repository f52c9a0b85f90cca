//! `$batch`: up to 20 requests in one, in parallel or in the order of their dependencies (spec/inbound-api.md §9).
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::body::to_bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Payload};
use crate::app::App;
use crate::error::ApiError;
use crate::front;
use crate::graph::upload;
use crate::ids::RequestIds;
use crate::listener::Incoming;
use crate::odata::Query;
use crate::request::Head;

/// Parts of one batch at most [D].
const MOST_PARTS: usize = 20;
/// Bytes of one part's answer at most.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// Headers of a part's answer that are handed on.
const SHOWN_HEADERS: [&str; 6] =
    ["location", "retry-after", "warning", "www-authenticate", "allow", "x-hirewire-upload-id"];

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    id: Option<Value>,
    method: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: Option<HashMap<String, Value>>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
    #[serde(default)]
    depends_on: Option<Vec<Value>>,
}

/// A part whose form was found right.
struct Checked {
    id: String,
    depends_on: Vec<String>,
    request: Result<(Head, Bytes), ApiError>,
}

/// 400 for what is no batch at all; code and text [S].
fn malformed() -> ApiError {
    ApiError::bad_request("Invalid batch payload format.")
}

/// Answers a batch.
pub(crate) async fn run(app: &Arc<App>, head: &Head, body: Bytes) -> Result<Answer, ApiError> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
    let Ok(batch) = serde_json::from_slice::<Batch>(text) else {
        if app.settings.rules.is_strict() {
            return Err(malformed());
        }
        let taken = upload::run_bare_operations(app, head, body).await;
        return taken.map_err(|error| error.unwrap_or_else(malformed));
    };
    let parts = check(head, batch.requests)?;
    let responses = if parts.iter().any(|part| !part.depends_on.is_empty()) {
        in_order(app, parts).await
    } else {
        join_all(parts.into_iter().map(|part| answer_part(app, part))).await
    };
    Ok(Answer::ok(&json!({ "responses": responses })))
}

fn check(head: &Head, requests: Vec<Part>) -> Result<Vec<Checked>, ApiError> {
    if requests.is_empty() {
        return Err(malformed());
    }
    if requests.len() > MOST_PARTS {
        return Err(ApiError::bad_request(format!(
            "Number of batch request steps exceeds the maximum value of {MOST_PARTS}."
        )));
    }
    let mut parts = Vec::with_capacity(requests.len());
    let mut ids = HashSet::new();
    for part in requests {
        let id = part
            .id
            .as_ref()
            .and_then(id_text)
            .ok_or_else(|| ApiError::bad_request("Each batch request step needs an id."))?;
        if !ids.insert(id.clone()) {
            return Err(ApiError::bad_request("Each batch request step needs an id of its own."));
        }
        let named = |id: &Value| {
            id_text(id).ok_or_else(|| {
                ApiError::bad_request("A batch request step depends on something that is no id.")
            })
        };
        let depends_on = part.depends_on.iter().flatten().map(named).collect::<Result<Vec<String>, _>>()?;
        parts.push(Checked { id, depends_on, request: part_request(head, part) });
    }
    if parts.iter().flat_map(|part| &part.depends_on).any(|id| !ids.contains(id)) {
        return Err(ApiError::bad_request("A batch request step depends on an id that is not in the batch."));
    }
    Ok(parts)
}

fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The request a part stands for; an error is the answer of that part alone.
fn part_request(head: &Head, part: Part) -> Result<(Head, Bytes), ApiError> {
    let method = part.method.as_deref().unwrap_or_default().to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| ApiError::bad_request("The batch request step has no method."))?;
    let url = part.url.unwrap_or_default();
    if url.is_empty() || url.contains("://") || url.starts_with("//") {
        return Err(ApiError::bad_request(
            "The url of a batch request step is relative to the version, such as /servicePrincipals.",
        ));
    }
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    if path.trim_start_matches('/').to_ascii_lowercase().starts_with("$batch") {
        return Err(ApiError::bad_request("A batch cannot contain a batch."));
    }
    let mut headers = part_headers(part.headers)?;
    let body = match part.body.as_deref().map(RawValue::get) {
        None | Some("null") => Bytes::new(),
        Some(_) if !headers.contains_key(CONTENT_TYPE) => {
            return Err(ApiError::bad_request(
                "A batch request step with a body needs headers with a Content-Type.",
            ));
        }
        Some(raw) => body_bytes(raw),
    };
    if let Some(token) = head.headers.get(AUTHORIZATION) {
        headers.entry(AUTHORIZATION).or_insert_with(|| token.clone());
    }
    let ids = RequestIds::new(&headers, head.ids.received);
    let part = Head {
        ids,
        method,
        path: format!("/{}/{}", head.version.as_str(), path.trim_start_matches('/')),
        query: Query::parse(query),
        headers,
        caller: None,
        needs: &[],
        ..head.clone()
    };
    Ok((part, body))
}

fn part_headers(given: Option<HashMap<String, Value>>) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given.into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ApiError::bad_request("A batch request step has a header that cannot be sent."))?;
        let value = HeaderValue::from_str(&text)
            .map_err(|_| ApiError::bad_request("A batch request step has a header that cannot be sent."))?;
        if name != CONTENT_LENGTH {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// JSON as it stands; text is base64 of the body, or the body itself [U].
fn body_bytes(raw: &str) -> Bytes {
    match serde_json::from_str::<String>(raw) {
        Ok(text) => STANDARD.decode(&text).map_or_else(|_| Bytes::from(text.into_bytes()), Bytes::from),
        Err(_) => Bytes::copy_from_slice(raw.as_bytes()),
    }
}

/// One after the other; a part whose predecessor failed is 424. Parts of a ring are all 424.
async fn in_order(app: &Arc<App>, parts: Vec<Checked>) -> Vec<Value> {
    let mut waiting = parts;
    let mut succeeded: HashMap<String, bool> = HashMap::new();
    let mut responses = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready =
            waiting.iter().position(|part| part.depends_on.iter().all(|id| succeeded.contains_key(id)));
        let part = waiting.remove(ready.unwrap_or(0));
        let id = part.id.clone();
        let runs = ready.is_some() && part.depends_on.iter().all(|id| succeeded.get(id) == Some(&true));
        let response = if runs { answer_part(app, part).await } else { failed_dependency(&id) };
        succeeded.insert(id, response["status"].as_u64().is_some_and(|status| status < 400));
        responses.push(response);
    }
    responses
}

fn failed_dependency(id: &str) -> Value {
    json!({ "id": id, "status": StatusCode::FAILED_DEPENDENCY.as_u16(), "headers": { "Content-Type": "application/json" },
        "body": { "error": { "code": "FailedDependency", "message": "A batch request step that this one depends on failed." } } })
}

async fn answer_part(app: &Arc<App>, part: Checked) -> Value {
    let answer = match part.request {
        Ok((head, body)) => Box::pin(front::dispatch(app, head, Incoming::Ready(body))).await,
        Err(error) => error.answer(&RequestIds::new(&HeaderMap::new(), app.clock.now()), ""),
    };
    response(&part.id, answer).await
}

async fn response(id: &str, answer: Answer) -> Value {
    let mut headers = Map::new();
    let json_body = answer
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if json_body {
        headers.insert("Content-Type".into(), json!("application/json"));
    }
    for name in SHOWN_HEADERS {
        if let Some(value) = answer.headers.get(name).and_then(|value| value.to_str().ok()) {
            headers.insert(canonical(name), json!(value));
        }
    }
    let bytes = match answer.payload {
        Payload::Bytes(bytes) => bytes,
        Payload::Stream(body) => to_bytes(body, LARGEST_ANSWER).await.unwrap_or_default(),
    };
    let body = match (bytes.is_empty(), json_body) {
        (true, _) => Value::Null,
        (false, true) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        (false, false) => json!(STANDARD.encode(&bytes)),
    };
    json!({ "id": id, "status": answer.status.as_u16(), "headers": headers, "body": body })
}

/// `retry-after` as `Retry-After`: programs look members up with regard to case.
fn canonical(name: &str) -> String {
    if name.starts_with("x-") {
        return name.to_owned();
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-").replace("Www-", "WWW-")
}
