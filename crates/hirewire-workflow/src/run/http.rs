//! Calls with retries, asynchronous 202 and pagination (`spec/workflows.md` §8.2, §10).

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::machine::{Finish, Machine, SpaceId, duration};
use super::message::{Answer, Effect};
use super::record::time;
use crate::definition::{ActionId, ActionKind, Status};
use crate::expression::{DateTime, ExpressionError, Template, Value, member, percent_decode};

const SECOND: i64 = 10_000_000;
const POLL_SECONDS: i64 = 10;
const MAX_PAGES_ITEMS: usize = 100_000;

/// How far a call has come.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The request that is in the air or is sent after the wait.
    effect: Effect,
    policy: Policy,
    attempt: u32,
    pub(crate) retries: Vec<Json>,
    polling: bool,
    pages: Option<Vec<Json>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    None,
    Default,
    Fixed { count: u32, interval: i64 },
    Exponential { count: u32, interval: i64, minimum: i64, maximum: i64 },
}

/// The .NET name of a status code; the number where the old enumeration has no name.
pub fn status_name(status: u16) -> String {
    let name = match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "NonAuthoritativeInformation",
        204 => "NoContent",
        205 => "ResetContent",
        206 => "PartialContent",
        300 => "MultipleChoices",
        301 => "MovedPermanently",
        302 => "Found",
        303 => "SeeOther",
        304 => "NotModified",
        305 => "UseProxy",
        307 => "TemporaryRedirect",
        400 => "BadRequest",
        401 => "Unauthorized",
        402 => "PaymentRequired",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        406 => "NotAcceptable",
        407 => "ProxyAuthenticationRequired",
        408 => "RequestTimeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "LengthRequired",
        412 => "PreconditionFailed",
        413 => "RequestEntityTooLarge",
        414 => "RequestUriTooLong",
        415 => "UnsupportedMediaType",
        416 => "RequestedRangeNotSatisfiable",
        417 => "ExpectationFailed",
        426 => "UpgradeRequired",
        500 => "InternalServerError",
        501 => "NotImplemented",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        505 => "HttpVersionNotSupported",
        other => return other.to_string(),
    };
    name.into()
}

/// Headers that a definition may write and that are removed silently.
pub(crate) fn is_removed_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let kept = ["content-disposition", "content-encoding", "content-type"];
    let named =
        ["allow", "cookie", "expires", "host", "last-modified", "origin", "set-cookie", "transfer-encoding"];
    lower.starts_with("accept-")
        || lower.starts_with("content-") && !kept.contains(&lower.as_str())
        || named.contains(&lower.as_str())
}

fn object(inputs: &Json, key: &str) -> Map<String, Json> {
    inputs.get(key).and_then(Json::as_object).cloned().unwrap_or_default()
}

fn text(inputs: &Json, key: &str) -> String {
    inputs.get(key).map(|v| Value::from(v).to_text().into_owned()).unwrap_or_default()
}

fn body(inputs: &Json) -> Option<Json> {
    inputs.get("body").filter(|b| !b.is_null()).cloned()
}

/// The call that an evaluated Http request (`{method, uri|url, headers, queries, body, authentication}`) asks for.
pub(crate) fn http_effect(request: &Json) -> Effect {
    let uri = if request.get("uri").is_some() { text(request, "uri") } else { text(request, "url") };
    let method = match text(request, "method").to_uppercase() {
        method if method.is_empty() => "GET".into(),
        method => method,
    };
    Effect::Http {
        method,
        uri: uri.trim().to_owned(),
        queries: object(request, "queries"),
        headers: object(request, "headers"),
        body: body(request),
        authentication: request.get("authentication").filter(|a| !a.is_null()).cloned(),
    }
}

/// The call that evaluated inputs of a managed connector ask for.
pub(crate) fn connection_effect(inputs: &Json, connection: String) -> Effect {
    Effect::Connection {
        connection,
        method: text(inputs, "method").to_uppercase(),
        path: text(inputs, "path"),
        queries: object(inputs, "queries"),
        headers: object(inputs, "headers"),
        body: body(inputs),
    }
}

/// The call that evaluated inputs of a service provider's operation ask for.
pub(crate) fn provider_effect(inputs: &Json) -> Effect {
    let configuration = inputs.get("serviceProviderConfiguration").unwrap_or(&Json::Null);
    Effect::Connection {
        connection: text(configuration, "connectionName"),
        method: "POST".into(),
        path: format!("/{}", text(configuration, "operationId")),
        queries: object(inputs, "parameters"),
        headers: Map::new(),
        body: None,
    }
}

/// The connection whose id was evaluated: its name in `$connections`, or `referenceName` of a Standard workflow.
pub(crate) fn connection_of(inputs: &Json, parameters: &Map<String, Json>) -> Option<String> {
    let connection = inputs.get("host")?.get("connection")?;
    if let Some(name) = connection.get("referenceName").and_then(Json::as_str) {
        return Some(name.to_owned());
    }
    let id = connection.get("name")?.as_str()?;
    let all = member(parameters, "$connections")?.as_object()?;
    all.iter()
        .find(|(_, c)| c.get("connectionId").and_then(Json::as_str) == Some(id))
        .map(|(name, _)| name.clone())
}

/// How long a failed poll or subscription waits for its next attempt, in ticks; nothing where it is given up.
///
/// `attempt` counts the attempts that were made before this one, from 0; `fraction` in [0, 1) spreads exponential waits.
pub(crate) fn retry_wait(
    retry_policy: Option<&Json>,
    attempt: u32,
    answer: &Answer,
    now: i64,
    fraction: f64,
) -> Option<i64> {
    wait_before(policy(retry_policy), attempt, answer, now, fraction).map(|(wait, _)| wait)
}

impl Machine {
    pub(crate) fn start_http(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        // A webhook subscribes; its callback comes as an event of its own.
        let request = inputs.get("subscribe").unwrap_or(&inputs).clone();
        let uri = text(&request, "uri");
        let lower = uri.trim_start().to_ascii_lowercase();
        let policy = policy(request.get("retryPolicy"));
        self.slot(space, action).inputs = Some(inputs);
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            let message = format!(
                "The provided URI '{uri}' is not valid; it must be an absolute HTTP or HTTPS address."
            );
            self.finish(space, action, Finish::failed("BadRequest", "BadRequest", message));
            return Ok(());
        }
        let effect = http_effect(&request);
        self.send(space, action, effect, policy);
        Ok(())
    }

    pub(crate) fn start_connection(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
        name: Option<&str>,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let connection = name
            .map(str::to_owned)
            .or_else(|| connection_of(&inputs, &self.options.parameters))
            .unwrap_or_default();
        let policy = policy(inputs.get("retryPolicy"));
        let effect = connection_effect(&inputs, connection);
        self.slot(space, action).inputs = Some(inputs);
        self.send(space, action, effect, policy);
        Ok(())
    }

    /// Sends a webhook's `unsubscribe`; nobody waits for its answer.
    pub(crate) fn unsubscribe(&mut self, space: SpaceId, action: ActionId) {
        let request = self.slot(space, action).inputs.as_ref().and_then(|i| i.get("unsubscribe")).cloned();
        let Some(request) = request else { return };
        let effect = http_effect(&request);
        if matches!(&effect, Effect::Http { uri, .. } if uri.is_empty()) {
            return;
        }
        self.call(space, action, effect);
    }

    pub(crate) fn start_service_provider(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let policy = policy(inputs.get("retryPolicy"));
        let effect = provider_effect(&inputs);
        self.slot(space, action).inputs = Some(inputs);
        self.send(space, action, effect, policy);
        Ok(())
    }

    pub(crate) fn start_function(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let method = text(&inputs, "method").to_uppercase();
        let effect = Effect::Function {
            id: inputs.get("function").map(|f| text(f, "id")).unwrap_or_default(),
            method: if method.is_empty() { "POST".into() } else { method },
            queries: object(&inputs, "queries"),
            headers: object(&inputs, "headers"),
            body: body(&inputs),
        };
        let policy = policy(inputs.get("retryPolicy"));
        self.slot(space, action).inputs = Some(inputs);
        self.send(space, action, effect, policy);
        Ok(())
    }

    pub(crate) fn start_child(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let host = inputs.get("host").cloned().unwrap_or(Json::Null);
        let id = host.get("workflow").map(|w| text(w, "id")).unwrap_or_default();
        let effect = Effect::Workflow {
            workflow: id.rsplit('/').next().unwrap_or_default().to_owned(),
            trigger: text(&host, "triggerName"),
            headers: object(&inputs, "headers"),
            body: body(&inputs),
        };
        let policy = inputs.get("retryPolicy").map_or(Policy::None, |p| policy(Some(p)));
        self.slot(space, action).inputs = Some(inputs);
        self.send(space, action, effect, policy);
        Ok(())
    }

    fn send(&mut self, space: SpaceId, action: ActionId, effect: Effect, policy: Policy) {
        let progress = Progress {
            effect: effect.clone(),
            policy,
            attempt: 0,
            retries: Vec::new(),
            polling: false,
            pages: None,
        };
        self.slot(space, action).progress = Some(Box::new(progress));
        self.call(space, action, effect);
    }

    pub(crate) fn resume_call(&mut self, space: SpaceId, action: ActionId) {
        if let Some(effect) = self.slot(space, action).progress.as_ref().map(|p| p.effect.clone()) {
            self.call(space, action, effect);
        }
    }

    pub(crate) fn http_answer(&mut self, space: SpaceId, action: ActionId, answer: &Answer) {
        let now = self.now;
        let random = self.next_retry_fraction(space, action, answer);
        let Some(progress) = self.slot(space, action).progress.as_mut() else { return };
        if let Some((wait, code)) = progress.retry(answer, now, random) {
            progress.retries.push(json!({"startTime": time(now), "code": code}));
            progress.attempt += 1;
            return self.resume_at(space, action, now.saturating_add(wait));
        }
        match answer {
            Answer::Fault { code, message, .. } => {
                self.finish(space, action, Finish::failed(code, code, message.clone()))
            }
            Answer::Response { status, headers, body } => {
                self.response(space, action, *status, headers, body.as_ref())
            }
            Answer::Value(_) => {}
        }
    }

    /// A fraction in [0, 1) for an exponential wait; nothing is drawn where none is needed.
    fn next_retry_fraction(&mut self, space: SpaceId, action: ActionId, answer: &Answer) -> f64 {
        let exponential = self
            .slot(space, action)
            .progress
            .as_ref()
            .is_some_and(|p| matches!(p.policy, Policy::Exponential { .. }));
        if !exponential || !is_transient(answer) || self.options.sequential_guids {
            return 0.5;
        }
        (self.next_random() >> 75) as f64 / (1u64 << 53) as f64
    }

    fn response(
        &mut self,
        space: SpaceId,
        action: ActionId,
        status: u16,
        headers: &Map<String, Json>,
        body: Option<&Json>,
    ) {
        let workflow = Arc::clone(&self.workflow);
        let definition = &workflow.actions[action];
        let now = self.now;
        let Some(progress) = self.slot(space, action).progress.as_mut() else { return };
        let http = matches!(definition.kind, ActionKind::Http(_) | ActionKind::Function(_));
        if http && status == 202 && !definition.options.has("DisableAsyncPattern") {
            let location = member(headers, "Location").and_then(Json::as_str).map(str::to_owned);
            if location.is_some() || progress.polling {
                let wait = retry_after(headers, now).unwrap_or(POLL_SECONDS * SECOND);
                progress.follow(location.as_deref());
                progress.polling = true;
                progress.attempt = 0;
                return self.resume_at(space, action, now.saturating_add(wait));
            }
        }
        if matches!(definition.kind, ActionKind::Webhook(_)) && (200..300).contains(&status) {
            // Subscribed: the action goes on until its callback or its time limit.
            self.slot(space, action).progress = None;
            return;
        }
        let mut body = body.cloned();
        if let Some(wanted) = definition.pagination
            && (200..300).contains(&status)
        {
            match progress.page(body.as_ref(), headers, wanted) {
                Paging::Next(effect) => {
                    progress.effect = (*effect).clone();
                    progress.attempt = 0;
                    return self.call(space, action, *effect);
                }
                Paging::Done(items) => body = Some(json!({"value": items})),
                Paging::Single => {}
            }
        }
        let mut outputs = Map::new();
        outputs.insert("statusCode".into(), Json::from(status));
        outputs.insert("headers".into(), Json::Object(headers.clone()));
        if let Some(body) = body {
            outputs.insert("body".into(), body);
        }
        // 3xx other than 304 on calls that do not follow redirects is adopted as failed `[U]`.
        let good = (200..300).contains(&status) || status == 304;
        let finish = Finish {
            status: Some(if good { Status::Succeeded } else { Status::Failed }),
            code: Some(status_name(status)),
            outputs: Some(Json::Object(outputs)),
            ..Finish::default()
        };
        self.finish(space, action, finish);
    }
}

enum Paging {
    Next(Box<Effect>),
    Done(Vec<Json>),
    Single,
}

fn is_transient(answer: &Answer) -> bool {
    match answer {
        Answer::Response { status, .. } => matches!(status, 408 | 429 | 500..=599),
        Answer::Fault { retry, .. } => *retry,
        Answer::Value(_) => false,
    }
}

/// The wait after attempt `n` (from 0) and the code of its failure.
fn wait_before(policy: Policy, n: u32, answer: &Answer, now: i64, fraction: f64) -> Option<(i64, String)> {
    if !is_transient(answer) {
        return None;
    }
    let wait = match policy {
        Policy::None => return None,
        Policy::Default => *[75, 150, 300, 450].get(n as usize)? * SECOND / 10,
        Policy::Fixed { count, .. } | Policy::Exponential { count, .. } if n >= count => return None,
        Policy::Fixed { interval, .. } => interval,
        Policy::Exponential { interval, minimum, maximum, .. } => {
            let scale =
                |power: u32| interval.saturating_mul(1i64.checked_shl(power.min(40)).unwrap_or(i64::MAX));
            let low = if n == 0 { minimum.max(0) } else { scale(n - 1).max(minimum) }.min(maximum);
            let high = if n == 0 { interval.min(maximum) } else { scale(n).min(maximum) }.max(low);
            low + ((high - low) as f64 * fraction) as i64
        }
    };
    let (code, asked) = match answer {
        Answer::Response { status, headers, .. } => (status_name(*status), retry_after(headers, now)),
        Answer::Fault { code, .. } => (code.clone(), None),
        Answer::Value(_) => return None,
    };
    Some((asked.unwrap_or(wait), code))
}

impl Progress {
    /// How long to wait before the next attempt, where there is one.
    fn retry(&self, answer: &Answer, now: i64, fraction: f64) -> Option<(i64, String)> {
        wait_before(self.policy, self.attempt, answer, now, fraction)
    }

    /// Turns the request into a poll of `location` (or of where it went before).
    fn follow(&mut self, location: Option<&str>) {
        if let Effect::Http { method, uri, queries, headers, body, .. } = &mut self.effect {
            if let Some(location) = location {
                *uri = resolve(uri, location);
                queries.clear();
            }
            headers.retain(|name, _| !name.to_ascii_lowercase().starts_with("content-"));
            *method = "GET".into();
            *body = None;
        }
    }

    fn page(&mut self, body: Option<&Json>, headers: &Map<String, Json>, wanted: usize) -> Paging {
        let items = body.and_then(|b| b.as_array().or_else(|| b.get("value")?.as_array()));
        let Some(items) = items else {
            return self.pages.take().map_or(Paging::Single, Paging::Done);
        };
        let pages = self.pages.get_or_insert_default();
        pages.extend(items.iter().cloned());
        let in_body =
            body.and_then(|b| b.get("@odata.nextLink").or_else(|| b.get("nextLink"))).and_then(Json::as_str);
        let next = in_body.map(str::to_owned).or_else(|| next_link(headers));
        let full = pages.len() >= wanted || pages.len() >= MAX_PAGES_ITEMS;
        let Some(link) = next.filter(|l| !full && !l.is_empty()) else {
            return Paging::Done(self.pages.take().unwrap_or_default());
        };
        let mut effect = self.effect.clone();
        match &mut effect {
            Effect::Http { method, uri, queries, body, .. } => {
                *uri = resolve(uri, &link);
                *method = "GET".into();
                *body = None;
                queries.clear();
            }
            Effect::Connection { path, queries, .. } => {
                let (link_path, query) = link.split_once('?').unwrap_or((&link, ""));
                let at = link_path
                    .find("://")
                    .map_or(0, |n| link_path[n + 3..].find('/').map_or(link_path.len(), |s| n + 3 + s));
                if !link_path[at..].is_empty() {
                    *path = link_path[at..].to_owned();
                }
                *queries = query
                    .split('&')
                    .filter(|p| !p.is_empty())
                    .map(|pair| {
                        let (k, v) = pair.split_once('=').unwrap_or((pair, ""));
                        (percent_decode(k, true), Json::from(percent_decode(v, true)))
                    })
                    .collect();
            }
            _ => {}
        }
        Paging::Next(Box::new(effect))
    }
}

fn resolve(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    reqwest::Url::parse(base)
        .and_then(|b| b.join(location))
        .map_or_else(|_| location.to_owned(), |u| u.to_string())
}

/// `Link: <…>; rel="next"`.
fn next_link(headers: &Map<String, Json>) -> Option<String> {
    let header = member(headers, "Link")?.as_str()?;
    let link = header.split(',').find(|l| l.contains("rel=\"next\"") || l.contains("rel=next"))?;
    Some(link.split_once('<')?.1.split_once('>')?.0.to_owned())
}

/// Ticks that `Retry-After` asks for: seconds or an HTTP date.
fn retry_after(headers: &Map<String, Json>, now: i64) -> Option<i64> {
    let value = member(headers, "Retry-After")?;
    if let Some(seconds) = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()) {
        return Some(seconds.clamp(0, 365 * 86_400) * SECOND);
    }
    DateTime::parse(value.as_str()?).map(|d| (d.ticks - now).max(0))
}

fn policy(json: Option<&Json>) -> Policy {
    let Some(json) = json else { return Policy::Default };
    let count = json
        .get("count")
        .and_then(|c| c.as_u64().or_else(|| c.as_str()?.parse().ok()))
        .unwrap_or(4)
        .clamp(1, 90) as u32;
    let span = |key: &str| json.get(key).and_then(Json::as_str).and_then(duration);
    let interval = span("interval").unwrap_or(75 * SECOND / 10).max(0);
    match json.get("type").and_then(Json::as_str).unwrap_or_default().to_lowercase().as_str() {
        "none" => Policy::None,
        "fixed" => Policy::Fixed { count, interval },
        "exponential" => Policy::Exponential {
            count,
            interval,
            minimum: span("minimumInterval").unwrap_or(0),
            maximum: span("maximumInterval").unwrap_or(86_400 * SECOND),
        },
        _ => Policy::Default,
    }
}
