//! Who asks for a token: secret in the form, HTTP Basic, certificate assertion or another issuer's token.
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};

use super::assertion;
use super::token::TokenError;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::query::decode;
use crate::registration::{Registration, SecretCheck};
use crate::request::Head;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The fields of a token request.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// `grant_type`.
    pub grant_type: String,
    /// `client_id`, from the form or the Basic header.
    pub client_id: String,
    /// `client_secret`, from the form or the Basic header.
    pub client_secret: Option<SecretString>,
    /// `client_assertion`.
    pub client_assertion: Option<SecretString>,
    /// `client_assertion_type`.
    pub client_assertion_type: String,
    /// `scope`.
    pub scope: String,
    /// `resource`.
    pub resource: String,
}

impl Form {
    /// Reads the form-encoded body and the Basic header.
    pub(super) fn parse(head: &Head, body: &[u8]) -> Self {
        let mut form = Self::default();
        for pair in String::from_utf8_lossy(body).split('&').take(64) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value, true);
            match decode(name, true).trim() {
                "grant_type" => form.grant_type = value,
                "client_id" => form.client_id = value,
                "client_secret" => form.client_secret = Some(value.into()),
                "client_assertion" => form.client_assertion = Some(value.into()),
                "client_assertion_type" => form.client_assertion_type = value,
                "scope" => form.scope = value,
                "resource" => form.resource = value,
                _ => {}
            }
        }
        if let Some((id, secret)) = head.header("authorization").and_then(basic) {
            if form.client_id.is_empty() {
                form.client_id = id;
            }
            form.client_secret.get_or_insert(secret);
        }
        form
    }
}

/// Reads `Basic …`: id and secret are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, SecretString)> {
    let (scheme, value) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id, true), decode(secret, true).into()))
}

/// Finds the application and checks its credentials. The outer error is trouble of ours, the inner one the client's.
pub(super) async fn authenticate(
    app: &Arc<App>,
    head: &Head,
    tenant: &str,
    form: &Form,
) -> Result<Result<Registration, TokenError>, ApiError> {
    let lookup = app.clone();
    let client_id = form.client_id.clone();
    let now = head.ids.received;
    let found = tokio::task::spawn_blocking(move || lookup.registration(&client_id, now))
        .await
        .map_err(ApiError::unavailable)??;
    let Some(registration) = found else {
        let shown: String = form.client_id.chars().take(80).collect();
        return Ok(Err(TokenError::new(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            700016,
            format!(
                "Application with identifier '{shown}' was not found in the directory '{}'.",
                app.settings.tenant_name
            ),
        )));
    };
    let checked = match (&form.client_assertion, &form.client_secret) {
        (Some(assertion), _) if form.client_assertion_type == ASSERTION_TYPE => {
            assertion::check(app, head, tenant, &registration, assertion.expose_secret()).await
        }
        (Some(_), _) => Err(TokenError::invalid_request(
            50027,
            format!("The parameter 'client_assertion_type' must be '{ASSERTION_TYPE}'."),
        )),
        (None, Some(secret)) => check_secret(app, head, &registration, secret).await?,
        (None, None) => Err(TokenError::invalid_client(
            7000216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        )),
    };
    Ok(checked.map(|()| registration))
}

async fn check_secret(
    app: &Arc<App>,
    head: &Head,
    registration: &Registration,
    secret: &SecretString,
) -> Result<Result<(), TokenError>, ApiError> {
    let app_id = &registration.app_id;
    let _place = app.secret_checks.acquire().await.map_err(ApiError::unavailable)?;
    let (app, asked, secret, now) = (app.clone(), app_id.clone(), secret.clone(), head.ids.received);
    let check = move || app.check_secret(&asked, &secret, now);
    Ok(match tokio::task::spawn_blocking(check).await.map_err(ApiError::unavailable)?? {
        SecretCheck::Right => Ok(()),
        SecretCheck::Expired => Err(TokenError::invalid_client(
            7000222,
            format!("The provided client secret keys for app '{app_id}' are expired."),
        )),
        SecretCheck::Wrong => Err(TokenError::invalid_client(
            7000215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{app_id}'."
            ),
        )),
    })
}
