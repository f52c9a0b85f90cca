//! Secrets of an app's synchronization: written, never read back (spec/inbound-api.md §6.2).
use serde_json::{Value, json};

use super::apps;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Page;
use crate::request::Request;

/// Every documented key.
const KEYS: [&str; 45] = [
    "None",
    "UserName",
    "Password",
    "SecretToken",
    "AppKey",
    "BaseAddress",
    "ClientIdentifier",
    "ClientSecret",
    "SingleSignOnType",
    "Sandbox",
    "Url",
    "Domain",
    "ConsumerKey",
    "ConsumerSecret",
    "TokenKey",
    "TokenExpiration",
    "Oauth2AccessToken",
    "Oauth2AccessTokenCreationTime",
    "Oauth2RefreshToken",
    "SyncAll",
    "InstanceName",
    "Oauth2ClientId",
    "Oauth2ClientSecret",
    "CompanyId",
    "UpdateKeyOnSoftDelete",
    "SynchronizationSchedule",
    "SystemOfRecord",
    "SandboxName",
    "EnforceDomain",
    "SyncNotificationSettings",
    "SkipOutOfScopeDeletions",
    "Oauth2AuthorizationCode",
    "Oauth2RedirectUri",
    "ApplicationTemplateIdentifier",
    "Oauth2TokenExchangeUri",
    "Oauth2AuthorizationUri",
    "AuthenticationType",
    "Server",
    "PerformInboundEntitlementGrants",
    "HardDeletesEnabled",
    "SyncAgentCompatibilityKey",
    "SyncAgentADContainer",
    "ValidateDomain",
    "TestReferences",
    "ConnectionString",
];
/// Bytes of one value at most.
const LONGEST_VALUE: usize = 64 * 1024;

/// `GET …/secrets`: keys with empty values.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let names = app.store.secret_names(&owner.object_id)?;
    let page = Page {
        context: request
            .head
            .context(&format!("servicePrincipals('{}')/synchronization/secrets", owner.object_id)),
        value: names.into_iter().map(|(key, _)| json!({ "key": key, "value": "" })).collect(),
        ..Page::default()
    };
    Ok(Answer::ok(&page.into_json()))
}

/// `PUT …/secrets` with `{"value":[{key,value}]}`: replaces the set.
pub fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Value = request.json()?;
    replace(app, request, body["value"].as_array())
}

/// `PUT …/synchronization` with `{"secrets":[{key,value}]}`.
pub fn put_synchronization(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Value = request.json()?;
    let secrets = body["secrets"].as_array().or_else(|| body["secrets"]["value"].as_array());
    replace(app, request, secrets)
}

fn replace(app: &App, request: &Request, given: Option<&Vec<Value>>) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let given = given.ok_or_else(|| {
        ApiError::bad_request("The request body must contain the list 'value' of keys and values.")
    })?;
    let mut secrets: Vec<(String, Vec<u8>)> = Vec::with_capacity(given.len());
    for (at, secret) in given.iter().enumerate() {
        let (key, value) = checked(app, at, secret)?;
        secrets.retain(|(known, _)| *known != key);
        secrets.push((key, value));
    }
    app.store.replace_secrets(&owner.object_id, &secrets, request.head.ids.received)?;
    for job in app.store.jobs()? {
        if job.service_principal.eq_ignore_ascii_case(&owner.object_id) {
            app.service.changed(&job);
        }
    }
    Ok(Answer::no_content())
}

/// A known key in its own spelling, and a value that is text. The value is never part of an error.
fn checked(app: &App, at: usize, secret: &Value) -> Result<(String, Vec<u8>), ApiError> {
    let key = secret["key"].as_str().unwrap_or_default();
    let known = KEYS.iter().find(|known| known.eq_ignore_ascii_case(key));
    let lenient = !app.settings.rules.is_strict() && (1..=128).contains(&key.len());
    let Some(key) = known.map(|known| (*known).to_owned()).or_else(|| lenient.then(|| key.to_owned())) else {
        let shown: String = key.chars().take(60).collect();
        return Err(ApiError::bad_request("The secret's key is not known.").with_detail(
            "SecretKey",
            Some(format!("value[{at}].key")),
            format!("`{shown}` is no documented key"),
        ));
    };
    let value = match &secret["value"] {
        Value::String(text) if text.len() <= LONGEST_VALUE => text.clone(),
        Value::Null => String::new(),
        _ => {
            return Err(ApiError::bad_request("The secret's value is not text.").with_detail(
                "SecretValue",
                Some(format!("value[{at}].value")),
                format!("text of at most {LONGEST_VALUE} bytes is expected"),
            ));
        }
    };
    Ok((key, value.into_bytes()))
}
