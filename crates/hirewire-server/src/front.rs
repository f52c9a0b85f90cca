//! The way of every request: ids, cross-origin rules, faults on demand, token, permission, handler, and what every answer carries.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, HOST, HeaderName, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue, Method};
use tracing::Instrument as _;

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::identity;
use crate::ids::RequestIds;
use crate::listener::{Connection, Incoming};
use crate::odata::Query;
use crate::path;
use crate::request::{Head, Request, Version, public_base};
use crate::routes::{self, Found, Handler, Need, Run};
use crate::{batch, graph, operations, trace};

/// All of the API as a router, to be merged with other routes of the process; it answers whatever they do not.
pub fn router(app: Arc<App>) -> Router {
    Router::new().fallback(front).with_state(app)
}

async fn front(State(app): State<Arc<App>>, request: http::Request<Body>) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Connection>().copied();
    let head = head(&app, &parts, connection);
    let span = trace::request(&head);
    let mut answer = match preflight(&app, &head) {
        Some(answer) => answer,
        None => with_faults(&app, &head, Incoming::Wire(body)).instrument(span.clone()).await,
    };
    trace::answered(&span, answer.status);
    finish(&app, &head, connection, &mut answer);
    operations::record(&head, answer.status, started.elapsed());
    answer.into_response()
}

/// Answers a request of this process itself, as one of an application that may do everything.
pub(crate) async fn answer_locally(
    app: &Arc<App>,
    parts: http::request::Parts,
    body: bytes::Bytes,
) -> Response {
    let started = Instant::now();
    let mut head = head(app, &parts, None);
    // Absolute URLs lead back through the workflow's own address.
    if let (Some(scheme), Some(authority)) = (parts.uri.scheme_str(), parts.uri.authority()) {
        head.base = format!("{scheme}://{authority}");
    }
    if let Ok(value) = identity::token::own(app, head.ids.received).parse() {
        head.headers.insert(http::header::AUTHORIZATION, value);
    }
    let mut answer = with_faults(app, &head, Incoming::Ready(body)).await;
    finish(app, &head, None, &mut answer);
    operations::record(&head, answer.status, started.elapsed());
    answer.into_response()
}

/// Whether a caller of the workflows' management may: 401 or 403 as an answer otherwise.
pub(crate) async fn admit_manager(
    app: &App,
    parts: &http::request::Parts,
    needs: &'static [identity::Permission],
) -> Result<(), Answer> {
    let connection = parts.extensions.get::<Connection>().copied();
    let head = head(app, parts, connection);
    match admit(app, &head, Need::One(needs)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.answer(&head.ids, &head.base)),
    }
}

/// Faults on demand stand before and after everything else, as a bad network would.
async fn with_faults(app: &Arc<App>, head: &Head, incoming: Incoming) -> Answer {
    let Some(emulator) = &app.emulator else {
        return dispatch(app, head.clone(), incoming).await;
    };
    let fault = emulator.fault_for(head);
    if let Some(delay) = fault.as_ref().and_then(|fault| fault.delay) {
        tokio::time::sleep(delay).await;
    }
    let (body, answer) = match incoming.captured(&head.headers, &app.settings.bounds).await {
        Err(error) => (None, error.answer(&head.ids, &head.base)),
        Ok((body, incoming)) => {
            let answer = match fault.as_ref().and_then(|fault| fault.error()) {
                Some(error) => error.answer(&head.ids, &head.base),
                None => dispatch(app, head.clone(), incoming).await,
            };
            (Some(body), answer)
        }
    };
    emulator.record(head, body.as_deref(), answer.status);
    if fault.is_some_and(|fault| fault.lose_answer) {
        // The work is done and the client never learns of it: the body fails before the first byte.
        return emulator.lost_answer();
    }
    answer
}

fn head(app: &App, parts: &http::request::Parts, connection: Option<Connection>) -> Head {
    let peer = connection.map(|connection| connection.remote.ip());
    let trusted = peer.is_some_and(|peer| app.settings.trusted_proxies.contains(&peer));
    let tls = connection.is_some_and(|connection| connection.tls);
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    Head {
        ids: RequestIds::new(&parts.headers, app.clock.now()),
        method: canonical(&parts.method),
        path: parts.uri.path().to_owned(),
        version: Version::V1,
        query: Query::parse(parts.uri.query().unwrap_or_default()),
        base: public_base(&app.settings, &parts.headers, authority, tls, trusted),
        remote: forwarded_for(&parts.headers).filter(|_| trusted).or(peer),
        loopback: peer.is_some_and(|peer| peer.is_loopback())
            && speaks_for_itself(app, &parts.headers, authority),
        headers: parts.headers.clone(),
        caller: None,
        needs: &[],
    }
}

/// Methods are compared with regard to case (RFC 9110 §9.1), yet old scripts send `post`.
fn canonical(method: &Method) -> Method {
    let upper = method.as_str().to_ascii_uppercase();
    Method::from_bytes(upper.as_bytes()).unwrap_or_else(|_| method.clone())
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get("x-forwarded-for")?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

/// A connection from this machine has a loopback caller's rights only if no proxy and no web page speaks through it.
fn speaks_for_itself(app: &App, headers: &HeaderMap, authority: Option<&str>) -> bool {
    let proxied = ["forwarded", "x-forwarded-for", "x-forwarded-host", "via"]
        .iter()
        .any(|name| headers.contains_key(*name));
    let foreign_page = headers.get(ORIGIN).is_some_and(|origin| !is_allowed_origin(app, origin));
    let host = authority.or_else(|| headers.get(HOST)?.to_str().ok()).unwrap_or("localhost");
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&name.to_ascii_lowercase().as_str());
    local && !proxied && !foreign_page
}

fn is_allowed_origin(app: &App, origin: &HeaderValue) -> bool {
    app.settings.cors_origins.iter().any(|allowed| {
        allowed == "*" || origin.as_bytes().eq_ignore_ascii_case(allowed.trim_end_matches('/').as_bytes())
    })
}

/// Answers a browser's preflight of a configured origin.
fn preflight(app: &App, head: &Head) -> Option<Answer> {
    let asks = head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || !is_allowed_origin(app, head.headers.get(ORIGIN)?) {
        return None;
    }
    let answer = Answer::no_content()
        .own_header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
        .own_header(
            "access-control-allow-headers",
            "authorization, content-type, client-request-id, consistencylevel, prefer, sdkversion",
        )
        .own_header("access-control-max-age", "3600");
    Some(answer)
}

/// Adds what every answer carries.
fn finish(app: &App, head: &Head, connection: Option<Connection>, answer: &mut Answer) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("request-id", &head.ids.request_id.to_string());
    set("client-request-id", &head.ids.client_request_id);
    set("x-content-type-options", "nosniff");
    let host_is_public = app.settings.public_base.as_deref().is_some_and(|base| base.starts_with("https://"));
    if host_is_public && connection.is_some_and(|connection| connection.tls) {
        set("strict-transport-security", "max-age=31536000");
    }
    if let Some(origin) = head.headers.get(ORIGIN).filter(|origin| is_allowed_origin(app, origin)) {
        answer.headers.insert("access-control-allow-origin", origin.clone());
        answer.headers.insert(
            "access-control-expose-headers",
            HeaderValue::from_static(
                "Location, request-id, client-request-id, Retry-After, Warning, x-hirewire-upload-id",
            ),
        );
        answer.headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    answer.headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
}

/// Answers one request; a part of `$batch` comes through here too.
pub async fn dispatch(app: &Arc<App>, mut head: Head, incoming: Incoming) -> Answer {
    let mut incoming = Some(incoming);
    let result = route(app, &mut head, &mut incoming).await;
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(internal) = &error.internal {
                tracing::error!(request_id = %head.ids.request_id, error = internal, "a request failed");
            }
            error.answer(&head.ids, &head.base)
        }
    };
    if let Some(unread) = incoming {
        unread.discard(&head.headers, &app.settings.bounds).await;
    }
    answer
}

async fn route(app: &Arc<App>, head: &mut Head, incoming: &mut Option<Incoming>) -> Result<Answer, ApiError> {
    let mut segments =
        path::segments(&head.path).ok_or_else(|| ApiError::bad_request("The request path is too long."))?;
    let version = segments.first().and_then(|first| Version::from_segment(first));
    if let Some(version) = version {
        head.version = version;
        segments.remove(0);
    }
    let Some(Found { row, params }) =
        routes::find(version.is_some(), version == Some(Version::Beta), &segments)
    else {
        if version.is_some() {
            identity::authenticate(app, head).await?;
        }
        return Err(ApiError::no_such_segment(routes::unknown_segment(&segments)));
    };
    let Some(verb) = row.verb(head.method.as_str()) else {
        if version.is_some() {
            identity::authenticate(app, head).await?;
        }
        return Err(ApiError::method_not_allowed(row.allow()));
    };
    head.caller = admit(app, head, verb.need).await?;
    if let Need::One(needs) = verb.need {
        head.needs = needs;
    }
    let mut take = || incoming.take().unwrap_or(Incoming::Ready(bytes::Bytes::new()));
    let (bounds, gzip) = (&app.settings.bounds, app.settings.rules.accept_gzip);
    match verb.run {
        Run::Plain(handler) => {
            let body = take().read(&head.headers, bounds, gzip).await?;
            let request = Request { head: head.clone(), params, body };
            blocking(app, request, handler).await
        }
        Run::Upload => graph::upload::run(app, head, params, incoming, false).await,
        Run::UploadValue => graph::upload::run(app, head, params, incoming, true).await,
        Run::Receipt => graph::uploads::receipt(app, head, params).await,
        Run::Batch => {
            let body = take().read(&head.headers, bounds, gzip).await?;
            batch::run(app, head, body).await
        }
        Run::Token(style) => {
            let body = take().read(&head.headers, bounds, false).await?;
            identity::token::run(app, head, params, body, style).await
        }
    }
}

/// Checks that the caller may come in at all; ownership is checked where the object is known.
async fn admit(app: &App, head: &Head, need: Need) -> Result<Option<identity::Caller>, ApiError> {
    match need {
        Need::Nothing => Ok(None),
        Need::Loopback if head.loopback => Ok(None),
        Need::Loopback => Err(ApiError::forbidden()),
        Need::LoopbackOrToken if head.loopback => Ok(None),
        Need::LoopbackOrToken | Need::Token => identity::authenticate(app, head).await.map(Some),
        Need::One(wanted) => {
            let caller = identity::authenticate(app, head).await?;
            if !caller.permissions.has_any(wanted) {
                return Err(ApiError::forbidden());
            }
            Ok(Some(caller))
        }
    }
}

/// Runs a handler where it may block.
pub async fn blocking(app: &Arc<App>, request: Request, handler: Handler) -> Result<Answer, ApiError> {
    let app = app.clone();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(|| handler(&app, &request)))
        .await
        .unwrap_or_else(|error| Err(ApiError::unavailable(error)))
}
