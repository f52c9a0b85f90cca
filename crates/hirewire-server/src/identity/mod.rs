//! Who calls and what they may do: tokens given out, tokens accepted, permissions (spec/inbound-api.md §3).
mod assertion;
mod client;
pub mod discovery;
mod issuer;
pub mod jwt;
pub mod managed;
mod permission;
pub mod token;

use aws_lc_rs::digest;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

pub use assertion::SeenAssertions;
pub use issuer::{ExternalIssuer, IssuerKeys};
pub use jwt::{KeyError, SigningKey};
pub use permission::{Permission, Permissions};
pub use token::TokenStyle;

use crate::app::App;
use crate::error::ApiError;
use crate::request::Head;
use crate::settings::ApiKey;
use jwt::TokenFault;

/// The appId of Microsoft Graph, which tokens for this API are made for.
pub const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";

/// Roots of the real clouds: tokens for them are tokens for us.
const GRAPH_ROOTS: [&str; 6] = [
    "https://graph.microsoft.com",
    // The management API of workflows (spec/workflows.md §14.2).
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// appId of the application.
    pub app_id: String,
    /// Object id of its service principal.
    pub object_id: String,
    /// Its name, for the log.
    pub name: String,
    /// What it was granted.
    pub permissions: Permissions,
    /// The user, when a person is signed in.
    pub user: Option<String>,
}

impl Caller {
    /// A caller on this machine where `open_loopback` is set.
    fn loopback() -> Self {
        Self {
            app_id: "loopback".into(),
            object_id: "loopback".into(),
            name: "loopback".into(),
            permissions: Permissions::everything(),
            user: None,
        }
    }
}

/// Whether `audience` (without a slash at the end) names this API.
pub fn is_our_audience(audience: &str, base: &str) -> bool {
    audience.eq_ignore_ascii_case(base)
        || audience == GRAPH_APP_ID
        || GRAPH_ROOTS.iter().any(|root| audience.eq_ignore_ascii_case(root))
        || (is_loopback_root(audience) && is_loopback_root(base))
}

/// `https://localhost:8443`, `https://127.0.0.1`: names that this machine has for itself. A client may ask for the token with
/// one of them and send another as `Host`.
fn is_loopback_root(url: &str) -> bool {
    let Some((_, authority)) = url.split_once("://") else { return false };
    let port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let name = authority.rsplit_once(':').filter(|(_, text)| port(text)).map_or(authority, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Who sent this request, or 401 with the texts of spec/inbound-api.md §3.1.
pub async fn authenticate(app: &App, head: &Head) -> Result<Caller, ApiError> {
    if let Some(caller) = head.header("x-api-key").and_then(|key| key_holder(app, key)) {
        return Ok(caller);
    }
    let token = match head.header("authorization") {
        None if app.settings.open_loopback && head.loopback => return Ok(Caller::loopback()),
        None => return Err(ApiError::unauthenticated("Access token is empty.")),
        Some(text) => bearer(text).ok_or_else(|| ApiError::unauthenticated("Access token is empty."))?,
    };
    caller_of(app, head, token).await.map_err(|fault| {
        ApiError::unauthenticated(match fault {
            TokenFault::Malformed => "CompactToken parsing failed with error code: 80049217",
            TokenFault::Time => "Access token has expired or is not yet valid.",
            TokenFault::Audience => "Access token validation failure. Invalid audience.",
            TokenFault::Issuer => "Access token validation failure. Invalid issuer.",
        })
    })
}

/// Who holds an API key. Digests are compared in constant time.
fn key_holder(app: &App, key: &str) -> Option<Caller> {
    if app.settings.rules.is_strict() {
        return None;
    }
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    let fits = |known: &&ApiKey| bool::from(known.sha256.as_slice().ct_eq(digest.as_ref()));
    let found = app.settings.api_keys.iter().find(fits)?;
    Some(Caller {
        app_id: found.name.clone(),
        object_id: found.name.clone(),
        name: found.name.clone(),
        permissions: found.permissions.iter().map(String::as_str).collect(),
        user: None,
    })
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

async fn caller_of(app: &App, head: &Head, token: &str) -> Result<Caller, TokenFault> {
    let now = head.ids.received.as_second();
    let issuer = jwt::unchecked_claims(token)?.remove("iss");
    let issuer = issuer.as_ref().and_then(Value::as_str).unwrap_or_default();
    if issuer == token::issuer(app) {
        let claims = app.key.verify(token)?;
        jwt::check_time(&claims, now)?;
        if !jwt::has_audience(&claims, |audience| is_our_audience(audience, &head.base)) {
            return Err(TokenFault::Audience);
        }
        return Ok(caller(&claims, "appid", &[]));
    }
    let trusted = app
        .settings
        .external_issuers
        .iter()
        .find(|known| known.issuer == issuer)
        .ok_or(TokenFault::Issuer)?;
    let claims = app.issuers.verify(token, &trusted.issuer, trusted.jwks_uri.as_deref()).await?;
    jwt::check_time(&claims, now)?;
    if !jwt::has_audience(&claims, |audience| audience == trusted.audience.trim_end_matches('/')) {
        return Err(TokenFault::Audience);
    }
    Ok(caller(&claims, &trusted.client_claim, &trusted.default_permissions))
}

fn caller(claims: &Map<String, Value>, client_claim: &str, defaults: &[String]) -> Caller {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let scopes = claims.get("scp").and_then(Value::as_str).unwrap_or_default().split_whitespace();
    let mut permissions: Permissions = roles.chain(scopes).collect();
    if permissions == Permissions::default() {
        permissions = defaults.iter().map(String::as_str).collect();
    }
    let app_id = text(client_claim);
    let user = claims.contains_key("scp").then(|| text("upn"));
    Caller {
        object_id: Some(text("oid")).filter(|oid| !oid.is_empty()).unwrap_or_else(|| app_id.clone()),
        name: Some(text("app_displayname")).filter(|name| !name.is_empty()).unwrap_or_else(|| app_id.clone()),
        app_id,
        permissions,
        user,
    }
}
