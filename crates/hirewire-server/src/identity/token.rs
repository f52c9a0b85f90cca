//! The token endpoint for client credentials, in both its forms (spec/inbound-api.md §3.1, spec/targets.md §1.2).
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{self, Form};
use super::{Permissions, is_our_audience};
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::ids::RequestIds;
use crate::path::Params;
use crate::registration::Registration;
use crate::request::Head;
use crate::settings::Rate;

/// Which token endpoint was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStyle {
    /// `/oauth2/token`: `resource`, numbers as text.
    V1,
    /// `/oauth2/v2.0/token`: `scope`.
    V2,
}

/// Failed requests of one (address, client) that pass before the next are refused.
const FAILURES: Rate = Rate { calls: 10, window: Duration::from_secs(60) };

/// A refusal of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    status: StatusCode,
    error: &'static str,
    code: u32,
    text: String,
    retry_after: Option<u64>,
}

impl TokenError {
    /// An error with its AADSTS number.
    pub fn new(status: StatusCode, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into(), retry_after: None }
    }

    /// 401 `invalid_client`.
    pub fn invalid_client(code: u32, text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", code, text)
    }

    /// 400 `invalid_request`.
    pub fn invalid_request(code: u32, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", code, text)
    }

    /// The answer.
    pub fn answer(&self, ids: &RequestIds) -> Answer {
        let trace = ids.request_id;
        let time = ids.received.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let correlation = ids.client_request_id.parse::<Uuid>().unwrap_or(trace);
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
            self.code, self.text
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        let mut answer = uncached(self.status, &body);
        if let Some(seconds) = self.retry_after {
            answer = answer.header(RETRY_AFTER, &seconds.to_string());
        }
        if self.error == "invalid_client" {
            answer = answer.own_header("www-authenticate", "Basic realm=\"token\"");
        }
        answer
    }
}

/// 400 for a tenant that is not ours.
pub fn unknown_tenant(_: &Head, tenant: &str) -> TokenError {
    let shown: String = tenant.chars().take(80).collect();
    TokenError::invalid_request(
        90002,
        format!(
            "Tenant '{shown}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
        ),
    )
}

/// `iss` of our tokens.
pub fn issuer(app: &App) -> String {
    format!("https://sts.windows.net/{}/", app.settings.tenant)
}

/// Answers a token request. Refusals are answers, not [`ApiError`]s: their shape is OAuth's.
pub async fn run(
    app: &std::sync::Arc<App>,
    head: &Head,
    params: Params,
    body: Bytes,
    style: TokenStyle,
) -> Result<Answer, ApiError> {
    let form = Form::parse(head, &body);
    let key = (head.remote, form.client_id.clone());
    if let Err(seconds) = app.limits.token_failures.peek(&key, FAILURES, head.ids.received) {
        let mut error = TokenError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            90055,
            "Too many failed requests of this client.",
        );
        error.retry_after = Some(seconds);
        return Ok(error.answer(&head.ids));
    }
    match issue(app, head, params.get("tenant"), &form, style).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let _ = app.limits.token_failures.pass(key, FAILURES, head.ids.received);
            tracing::info!(
                client_id = form.client_id,
                error = error.error,
                code = error.code,
                "a token request was refused"
            );
            Ok(error.answer(&head.ids))
        }
        Err(trouble) => Err(trouble),
    }
}

async fn issue(
    app: &std::sync::Arc<App>,
    head: &Head,
    tenant: &str,
    form: &Form,
    style: TokenStyle,
) -> Result<Result<Answer, TokenError>, ApiError> {
    if let Err(error) = check_request(app, head, tenant, form) {
        return Ok(Err(error));
    }
    let audience = match audience(head, form, style) {
        Ok(audience) => audience,
        Err(error) => return Ok(Err(error)),
    };
    let registration = match client::authenticate(app, head, tenant, form).await? {
        Ok(registration) => registration,
        Err(error) => return Ok(Err(error)),
    };
    let token = access_token(app, head, &registration, &audience)?;
    Ok(Ok(token_answer(app, head, &token, &audience, style)))
}

fn check_request(app: &App, head: &Head, tenant: &str, form: &Form) -> Result<(), TokenError> {
    if ["common", "organizations", "consumers"].contains(&tenant.to_ascii_lowercase().as_str()) {
        return Err(TokenError::invalid_request(
            50194,
            format!("Client credentials need the tenant's id or domain in the URL; '/{tenant}' names none."),
        ));
    }
    if !app.settings.is_tenant(tenant) {
        return Err(unknown_tenant(head, tenant));
    }
    match form.grant_type.as_str() {
        "client_credentials" => {}
        "" => {
            return Err(TokenError::invalid_request(
                900144,
                "The request body must contain the following parameter: 'grant_type'.",
            ));
        }
        _ => {
            return Err(TokenError::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                70003,
                "The app requested an unsupported grant type; 'client_credentials' is supported.",
            ));
        }
    }
    if form.client_id.is_empty() {
        return Err(TokenError::invalid_request(
            900144,
            "The request body must contain the following parameter: 'client_id'.",
        ));
    }
    Ok(())
}

/// The audience asked for by `scope` or `resource`; either field is read in either style, for old scripts mix them.
fn audience(head: &Head, form: &Form, style: TokenStyle) -> Result<String, TokenError> {
    let bad_scope =
        |code, text: String| TokenError::new(StatusCode::BAD_REQUEST, "invalid_scope", code, text);
    let resource = match (form.scope.is_empty(), form.resource.is_empty()) {
        (true, true) if style == TokenStyle::V2 => {
            return Err(TokenError::invalid_request(
                900144,
                "The request body must contain the following parameter: 'scope'.",
            ));
        }
        // The older endpoint gives a token for the API itself when nothing was named.
        (true, true) => head.base.clone(),
        (true, false) => form.resource.clone(),
        (false, _) => match form.scope.split_whitespace().find_map(|scope| scope.strip_suffix("/.default")) {
            Some(resource) => resource.to_owned(),
            None => {
                return Err(bad_scope(
                    1002012,
                    format!(
                        "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.",
                        shorten(&form.scope)
                    ),
                ));
            }
        },
    };
    let resource = resource.trim_end_matches('/');
    if !is_our_audience(resource, &head.base) {
        let (error, code) = match style {
            TokenStyle::V1 => ("invalid_resource", 500011),
            TokenStyle::V2 => ("invalid_scope", 70011),
        };
        let text = format!(
            "The resource principal named {} was not found in the tenant. Ask for {}/.default.",
            shorten(resource),
            head.base
        );
        return Err(TokenError::new(StatusCode::BAD_REQUEST, error, code, text));
    }
    Ok(resource.to_owned())
}

fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Makes an access token with the claims of §3.1.
pub fn access_token(
    app: &App,
    head: &Head,
    registration: &Registration,
    audience: &str,
) -> Result<String, ApiError> {
    let now = head.ids.received.as_second();
    let roles: Permissions = registration.permissions;
    let claims = json!({
        "aud": audience,
        "iss": issuer(app),
        "iat": now,
        "nbf": now,
        "exp": now + i64::from(app.settings.token_seconds),
        "app_displayname": registration.display_name,
        "appid": registration.app_id,
        "appidacr": "1",
        "idtyp": "app",
        "oid": registration.object_id,
        "sub": registration.object_id,
        "roles": roles.values(),
        "tid": app.settings.tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "1.0",
    });
    app.key.sign(&claims).map_err(ApiError::unavailable)
}

/// `Authorization` of the process itself, for requests of its own workflows: every permission, for a minute.
pub fn own(app: &App, now: jiff::Timestamp) -> String {
    let now = now.as_second();
    let claims = json!({
        "aud": super::GRAPH_APP_ID,
        "iss": issuer(app),
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "app_displayname": "Hirewire workflows",
        "appid": "hirewire-workflows",
        "idtyp": "app",
        "oid": "hirewire-workflows",
        "sub": "hirewire-workflows",
        "roles": Permissions::everything().values(),
        "tid": app.settings.tenant,
        "ver": "1.0",
    });
    app.key.sign(&claims).map_or_else(|_| String::new(), |token| format!("Bearer {token}"))
}

/// The answer around a token.
pub fn token_answer(app: &App, head: &Head, token: &str, audience: &str, style: TokenStyle) -> Answer {
    let now = head.ids.received.as_second();
    let seconds = i64::from(app.settings.token_seconds);
    let body: Value = match style {
        TokenStyle::V2 => {
            json!({ "token_type": "Bearer", "expires_in": seconds - 1, "ext_expires_in": seconds - 1, "access_token": token })
        }
        TokenStyle::V1 => json!({
            "token_type": "Bearer",
            "expires_in": (seconds - 1).to_string(),
            "ext_expires_in": (seconds - 1).to_string(),
            "expires_on": (now + seconds).to_string(),
            "not_before": now.to_string(),
            "resource": audience,
            "access_token": token,
        }),
    };
    uncached(StatusCode::OK, &body)
}

fn uncached(status: StatusCode, body: &Value) -> Answer {
    Answer::bytes(status, "application/json; charset=utf-8", body.to_string())
        .own_header("cache-control", "no-store, no-cache")
        .own_header("pragma", "no-cache")
}
