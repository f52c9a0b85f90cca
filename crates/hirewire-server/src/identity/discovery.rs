//! Discovery documents and keys (spec/inbound-api.md §3.1).
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub fn v2(app: &App, request: &Request) -> Result<Answer, ApiError> {
    document(app, request, "/v2.0")
}

/// `GET /{tenant}/.well-known/openid-configuration`.
pub fn v1(app: &App, request: &Request) -> Result<Answer, ApiError> {
    document(app, request, "")
}

fn document(app: &App, request: &Request, version: &str) -> Result<Answer, ApiError> {
    let tenant = request.params.get("tenant");
    if !app.settings.is_tenant(tenant)
        && !["common", "organizations"].contains(&tenant.to_ascii_lowercase().as_str())
    {
        return Ok(super::token::unknown_tenant(&request.head, tenant).answer(&request.head.ids));
    }
    let base = &request.head.base;
    let oauth = if version.is_empty() { "oauth2" } else { "oauth2/v2.0" };
    // The issuer keeps the spelling asked for: MSAL compares it with its own authority.
    let issuer =
        if version.is_empty() { super::token::issuer(app) } else { format!("{base}/{tenant}{version}") };
    let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
    Ok(Answer::bytes(
        http::StatusCode::OK,
        "application/json; charset=utf-8",
        json!({
            "token_endpoint": format!("{base}/{tenant}/{oauth}/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/{tenant}/{oauth}/authorize"),
            "device_authorization_endpoint": format!("{base}/{tenant}/{oauth}/devicecode"),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "appid", "roles"],
            "tenant_region_scope": null,
            "cloud_instance_name": host,
            "msgraph_host": host,
        })
        .to_string(),
    ))
}

/// `GET /common/discovery/instance`.
pub fn instance(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let base = &request.head.base;
    let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
    Ok(Answer::ok(&json!({
        "tenant_discovery_endpoint": format!("{base}/{}/v2.0/.well-known/openid-configuration", app.settings.tenant),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    })))
}

/// `GET /{tenant}/discovery/v2.0/keys`.
pub fn keys(app: &App, _: &Request) -> Result<Answer, ApiError> {
    let keys: Value = app.key.jwks(&super::token::issuer(app));
    let answer = Answer::bytes(http::StatusCode::OK, "application/json; charset=utf-8", keys.to_string());
    Ok(answer.own_header("cache-control", "max-age=3600"))
}
