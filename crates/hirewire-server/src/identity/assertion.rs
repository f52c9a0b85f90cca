//! Client assertions: signed with a registered certificate, or issued by a configured federated issuer
//! (spec/targets.md §1.2).
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::jwt;
use super::token::TokenError;
use crate::app::App;
use crate::registration::Registration;
use crate::request::Head;

/// Longest time between now and `exp` of an assertion.
const LONGEST_LIFE: i64 = 24 * 3_600;
/// Assertions remembered against replay.
const MOST_SEEN: usize = 50_000;

/// Ids of assertions already used, until they expire.
#[derive(Debug, Default)]
pub struct SeenAssertions(Mutex<HashMap<(String, String), i64>>);

impl SeenAssertions {
    /// Whether this is the first use of `jti` by `client`.
    fn first_use(&self, client: &str, jti: &str, exp: i64, now: i64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_SEEN {
            seen.retain(|_, exp| *exp > now);
        }
        if seen.len() >= MOST_SEEN {
            return false;
        }
        seen.insert((client.to_owned(), jti.to_owned()), exp).is_none()
    }
}

/// Checks an assertion of `registration`.
pub(super) async fn check(
    app: &App,
    head: &Head,
    tenant: &str,
    registration: &Registration,
    assertion: &str,
) -> Result<(), TokenError> {
    let bad = |text: &str| TokenError::invalid_client(700027, text);
    let header = jsonwebtoken::decode_header(assertion)
        .map_err(|_| bad("The client assertion is not a signed JWT."))?;
    let claims =
        jwt::unchecked_claims(assertion).map_err(|_| bad("The client assertion is not a signed JWT."))?;
    let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    if !issuer.eq_ignore_ascii_case(&registration.app_id) {
        return federated(app, head, registration, assertion, issuer).await;
    }
    let same =
        |given: Option<&str>, known: &str| given.is_some_and(|given| given.trim_end_matches('=') == known);
    let certificate = registration
        .certificates
        .iter()
        .find(|known| same(header.x5t_s256.as_deref(), &known.thumbprint_sha256) || same(header.x5t.as_deref(), &known.thumbprint_sha1))
        .ok_or_else(|| bad("The certificate with identifier used to sign the client assertion is not registered on application."))?;
    let key = serde_json::from_str(&certificate.jwk).ok().and_then(|jwk| DecodingKey::from_jwk(&jwk).ok());
    let key = key.ok_or_else(|| bad("The registered certificate has no usable key."))?;
    let claims = jwt::verify(assertion, &key, &[Algorithm::RS256, Algorithm::PS256])
        .map_err(|_| bad("Client assertion failed signature validation."))?;
    check_claims(app, head, tenant, registration, &claims)
}

/// `aud` is the token URL in any spelling of the tenant, `sub` the client, `exp` not far, `jti` new.
fn check_claims(
    app: &App,
    head: &Head,
    tenant: &str,
    registration: &Registration,
    claims: &Map<String, Value>,
) -> Result<(), TokenError> {
    let now = head.ids.received.as_second();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if jwt::check_time(claims, now).is_err() {
        return Err(TokenError::invalid_client(
            700024,
            "Client assertion is not within its valid time range. Check the clock of the machine that signs it.",
        ));
    }
    // MSAL for Python writes it with a fraction.
    let exp = claims.get("exp").and_then(Value::as_f64).map_or(i64::MAX, |exp| exp.ceil() as i64);
    if exp - now > LONGEST_LIFE {
        return Err(TokenError::invalid_client(
            700024,
            "Client assertion is valid for too long; use 5 to 10 minutes.",
        ));
    }
    if !text("sub").eq_ignore_ascii_case(&registration.app_id) {
        return Err(TokenError::invalid_client(
            700021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let ours = |audience: &str| {
        let Some(path) = audience.strip_prefix(&head.base).and_then(|rest| rest.strip_prefix('/')) else {
            return false;
        };
        let (named, rest) = path.split_once('/').unwrap_or((path, ""));
        (named.eq_ignore_ascii_case(tenant) || app.settings.is_tenant(named))
            && ["", "v2.0", "oauth2/v2.0/token", "oauth2/token"].contains(&rest)
    };
    if !jwt::has_audience(claims, ours) {
        return Err(TokenError::invalid_client(
            700023,
            format!(
                "Client assertion audience claim does not match; use {}/{tenant}/oauth2/v2.0/token.",
                head.base
            ),
        ));
    }
    let jti = text("jti");
    if !jti.is_empty() && !app.seen_assertions.first_use(&registration.app_id, jti, exp, now) {
        return Err(TokenError::invalid_client(
            700030,
            "Client assertion was used before; sign a new one for each request.",
        ));
    }
    Ok(())
}

async fn federated(
    app: &App,
    head: &Head,
    registration: &Registration,
    assertion: &str,
    issuer: &str,
) -> Result<(), TokenError> {
    let none = || {
        TokenError::invalid_client(
            70021,
            "No matching federated identity record found for presented assertion issuer, subject and audience.",
        )
    };
    let candidates: Vec<_> =
        registration.federated.iter().filter(|credential| credential.issuer == issuer).collect();
    let first = candidates.first().ok_or_else(none)?;
    let claims =
        app.issuers.verify(assertion, issuer, first.jwks_uri.as_deref()).await.map_err(|_| {
            TokenError::invalid_client(700027, "Client assertion failed signature validation.")
        })?;
    jwt::check_time(&claims, head.ids.received.as_second()).map_err(|_| {
        TokenError::invalid_client(700024, "Client assertion is not within its valid time range.")
    })?;
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let matched = candidates.iter().any(|credential| {
        credential.subject == subject
            && jwt::has_audience(&claims, |audience| audience == credential.audience.trim_end_matches('/'))
    });
    if matched { Ok(()) } else { Err(none()) }
}
