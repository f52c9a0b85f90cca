//! Managed identity: the token endpoints that programs on a virtual machine or in App Service ask (spec/targets.md §1.2).
use http::StatusCode;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::is_our_audience;
use super::token::{access_token, token_answer};
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::TokenStyle;
use crate::request::Request;

/// `GET /metadata/identity/oauth2/token` with `Metadata: true`.
pub fn imds(app: &App, request: &Request) -> Result<Answer, ApiError> {
    if !request.head.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Required metadata header not specified",
        ));
    }
    // A proxy would carry the header across machines.
    if request.head.headers.contains_key("x-forwarded-for") {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Forwarded requests are not answered",
        ));
    }
    token(app, request)
}

/// `GET {IDENTITY_ENDPOINT}` with `X-IDENTITY-HEADER`.
pub fn app_service(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let given = request.head.header("x-identity-header").unwrap_or_default();
    let right = app
        .settings
        .identity_header
        .as_deref()
        .is_some_and(|wanted| bool::from(wanted.as_bytes().ct_eq(given.as_bytes())));
    if !right {
        return Ok(refusal(
            StatusCode::UNAUTHORIZED,
            "unauthorized_client",
            "X-IDENTITY-HEADER is missing or wrong",
        ));
    }
    token(app, request)
}

fn token(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let head = &request.head;
    let resource = head.query.get("resource").unwrap_or_default().trim_end_matches('/');
    if resource.is_empty() {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Required audience parameter not specified",
        ));
    }
    if !is_our_audience(resource, &head.base) {
        return Ok(refusal(
            StatusCode::BAD_REQUEST,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found in the tenant.",
        ));
    }
    let Some(configured) = &app.settings.managed_identity else {
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request", "Identity not found"));
    };
    let registration = app
        .registration(configured, head.ids.received)?
        .ok_or_else(|| ApiError::unavailable("the managed identity's app is not registered"))?;
    let asked = ["client_id", "object_id", "principal_id"].iter().find_map(|name| head.query.get(name));
    if asked.is_some_and(|id| {
        !id.eq_ignore_ascii_case(&registration.app_id) && !id.eq_ignore_ascii_case(&registration.object_id)
    }) {
        return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request", "Identity not found"));
    }
    let token = access_token(app, head, &registration, resource)?;
    Ok(token_answer(app, head, &token, resource, TokenStyle::V1))
}

fn refusal(status: StatusCode, error: &str, text: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": text }))
}
