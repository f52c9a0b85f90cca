//! HTTP: endpoint map, authentication, what is sent on the wire (`spec/workflows.md` §8.2, §10.1, §15).

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::outside::Reply;
use crate::content;
use crate::expression::{Value, member, percent_encode};
use crate::run::Answer;

const TIMEOUT: Duration = Duration::from_secs(120);
const MAX_BODY: usize = 100 << 20;

/// A request as it goes on the wire.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// The method.
    pub method: String,
    /// The whole URI.
    pub uri: String,
    /// Headers, `Authorization` and `Content-Type` included.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer as it comes from the wire.
#[derive(Debug, Clone)]
pub struct WireAnswer {
    /// The status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Takes requests in process, such as the instance's own API.
pub trait Handler: Send + Sync {
    /// Answers a request.
    fn handle(&self, request: WireRequest) -> Reply<'_, WireAnswer>;
}

/// Gives credentials for managed identities by audience.
pub trait Credentials: Send + Sync {
    /// The value of the `Authorization` header for an audience, or why there is none.
    fn authorization<'a>(
        &'a self,
        audience: &'a str,
        identity: Option<&'a str>,
    ) -> Reply<'a, Result<String, String>>;
}

/// Where calls to a host go instead.
#[derive(Clone)]
pub enum EndpointRule {
    /// To another base URL: the rest of the URI is kept.
    Base(String),
    /// To a handler in this process.
    Handler(Arc<dyn Handler>),
}

/// The client behind Http actions.
pub struct HttpClient {
    client: reqwest::Client,
    /// Prefix of outgoing URIs (`https://graph.microsoft.com`) → where they go; the longest prefix wins.
    pub endpoints: Vec<(String, EndpointRule)>,
    /// Managed identities.
    pub credentials: Option<Arc<dyn Credentials>>,
    tokens: Mutex<HashMap<String, (String, Instant)>>,
}

fn fault(code: &str, message: impl Into<String>, retry: bool) -> Answer {
    Answer::Fault { code: code.into(), message: message.into(), retry }
}

fn scalar(value: &Json) -> String {
    match value {
        // Booleans of the definition are sent as `true` and `false`.
        Json::Bool(b) => b.to_string(),
        other => Value::from(other).to_text().into_owned(),
    }
}

impl HttpClient {
    /// A client with the service's limits.
    ///
    /// # Errors
    /// A TLS set-up that does not work on this machine.
    pub fn new() -> Result<Self, String> {
        let redirects = reqwest::redirect::Policy::custom(|attempt| {
            if attempt.previous().len() > 10 { attempt.stop() } else { attempt.follow() }
        });
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirects)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client, endpoints: Vec::new(), credentials: None, tokens: Mutex::new(HashMap::new()) })
    }

    /// Sends a request and gives its answer as a value.
    pub async fn send(
        &self,
        method: &str,
        uri: &str,
        queries: &Map<String, Json>,
        headers: &Map<String, Json>,
        body: Option<&Json>,
        authentication: Option<&Json>,
    ) -> Answer {
        self.send_marked(&[], method, uri, queries, headers, body, authentication).await
    }

    /// The same with further headers, where the request does not set them itself.
    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    pub(crate) async fn send_marked(
        &self,
        marks: &[(String, String)],
        method: &str,
        uri: &str,
        queries: &Map<String, Json>,
        headers: &Map<String, Json>,
        body: Option<&Json>,
        authentication: Option<&Json>,
    ) -> Answer {
        let mut wire = Vec::new();
        for (name, value) in headers {
            if !crate::run::is_removed_header(name) {
                wire.push((name.clone(), scalar(value)));
            }
        }
        for (name, value) in marks {
            if member(headers, name).is_none() {
                wire.push((name.clone(), value.clone()));
            }
        }
        // A handler in this process asks for no credential.
        let local = matches!(self.rule(uri), Some((_, EndpointRule::Handler(_))));
        match self.authorization(authentication.filter(|_| !local)).await {
            Ok(Some(value)) => wire.push(("Authorization".into(), value)),
            Ok(None) => {}
            Err(message) => return fault("AuthorizationFailed", message, false),
        }
        let encoded = content::encode(body);
        let typed = member(headers, "Content-Type").is_some();
        let (bytes, kind) = encoded.unwrap_or_default();
        if !typed && !kind.is_empty() {
            wire.push(("Content-Type".into(), kind));
        }
        let request = WireRequest {
            method: method.to_owned(),
            uri: with_queries(uri, queries),
            headers: wire,
            body: bytes,
        };
        match self.route(request).await {
            Ok(answer) => as_answer(&answer),
            Err(answer) => answer,
        }
    }

    /// Where a URI goes instead: the rule with the longest prefix that ends at a boundary of the URI.
    fn rule(&self, uri: &str) -> Option<&(String, EndpointRule)> {
        let lower = uri.to_ascii_lowercase();
        let fits = |prefix: &str| {
            let prefix = prefix.trim_end_matches('/').to_ascii_lowercase();
            lower
                .strip_prefix(&prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        };
        self.endpoints.iter().filter(|(prefix, _)| fits(prefix)).max_by_key(|(prefix, _)| prefix.len())
    }

    async fn route(&self, mut request: WireRequest) -> Result<WireAnswer, Answer> {
        match self.rule(&request.uri) {
            Some((_, EndpointRule::Handler(handler))) => return Ok(handler.handle(request).await),
            Some((prefix, EndpointRule::Base(base))) => {
                request.uri = format!(
                    "{}{}",
                    base.trim_end_matches('/'),
                    &request.uri[prefix.trim_end_matches('/').len()..]
                )
            }
            None => {}
        }
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| {
            fault("BadRequest", format!("The method '{}' is not valid.", request.method), false)
        })?;
        let uri = reqwest::Url::parse(&request.uri)
            .map_err(|e| fault("BadRequest", format!("The provided URI is not valid: {e}."), false))?;
        let mut builder = self.client.request(method, uri);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(|e| network_fault(&e))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| network_fault(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                return Err(fault(
                    "MessageTooLarge",
                    "The answer is larger than the limit of 100 MB.",
                    false,
                ));
            }
        }
        Ok(WireAnswer { status, headers, body })
    }

    /// The `Authorization` header of an `authentication` object.
    async fn authorization(&self, authentication: Option<&Json>) -> Result<Option<String>, String> {
        let Some(authentication) = authentication else { return Ok(None) };
        let get = |key: &str| authentication.get(key).and_then(Json::as_str);
        match get("type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "none" => Ok(None),
            "basic" => Ok(Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", get("username").unwrap_or_default(), get("password").unwrap_or_default()))))),
            "raw" => Ok(match (get("value"), get("scheme"), get("parameter")) {
                (Some(value), ..) => Some(value.to_owned()),
                (None, Some(scheme), Some(parameter)) => Some(format!("{scheme} {parameter}")),
                _ => return Err("Raw authentication needs `value`, or `scheme` and `parameter`.".into()),
            }),
            "managedserviceidentity" => {
                let audience = get("audience").unwrap_or("https://management.azure.com/");
                match &self.credentials {
                    Some(credentials) => credentials.authorization(audience, get("identity")).await.map(Some),
                    None => Err(format!("No credential is bound to the audience '{audience}'. Bind one in the project's credentials.")),
                }
            }
            "activedirectoryoauth" => self.client_credentials(authentication).await.map(Some),
            "clientcertificate" => Err("Client certificates in PFX form are not available here. Put a proxy with the certificate in the endpoint map.".into()),
            other => Err(format!("The authentication type '{other}' is not known.")),
        }
    }

    /// The `Authorization` of an `ActiveDirectoryOAuth` object.
    ///
    /// # Errors
    /// Why there is no token, without the secret.
    pub async fn token(&self, authentication: &Json) -> Result<String, String> {
        self.client_credentials(authentication).await
    }

    /// Client credentials of the v1 token endpoint; tokens are kept until five minutes before they end.
    async fn client_credentials(&self, authentication: &Json) -> Result<String, String> {
        let get = |key: &str| authentication.get(key).and_then(Json::as_str).unwrap_or_default();
        let (tenant, audience, client) = (get("tenant"), get("audience"), get("clientId"));
        let authority = match get("authority") {
            "" => "https://login.windows.net/",
            authority => authority,
        };
        if get("secret").is_empty() {
            return Err("ActiveDirectoryOAuth needs a `secret`; certificates are not available here.".into());
        }
        let key = format!("{authority}|{tenant}|{audience}|{client}");
        if let Some((token, until)) = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&key)
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", get("secret")),
            ("resource", audience),
        ];
        let body =
            form.iter().map(|(k, v)| format!("{k}={}", percent_encode(v))).collect::<Vec<_>>().join("&");
        let uri = format!("{}/{tenant}/oauth2/token", authority.trim_end_matches('/'));
        let headers = vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let answer =
            self.route(WireRequest { method: "POST".into(), uri, headers, body: body.into_bytes() }).await;
        let answer = answer.map_err(|_| format!("The token endpoint of '{authority}' did not answer."))?;
        let json: Json = serde_json::from_slice(&answer.body).unwrap_or(Json::Null);
        let Some(token) = json.get("access_token").and_then(Json::as_str) else {
            let said = json
                .get("error_description")
                .or_else(|| json.get("error"))
                .and_then(Json::as_str)
                .unwrap_or("no token came");
            return Err(format!("The token endpoint refused ({}): {said}", answer.status));
        };
        let lifetime = json
            .get("expires_in")
            .and_then(|e| e.as_u64().or_else(|| e.as_str()?.parse().ok()))
            .unwrap_or(3_600);
        let value = format!("Bearer {token}");
        let until = Instant::now() + Duration::from_secs(lifetime.saturating_sub(300));
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (value.clone(), until));
        Ok(value)
    }
}

fn with_queries(uri: &str, queries: &Map<String, Json>) -> String {
    if queries.is_empty() {
        return uri.to_owned();
    }
    let pairs: Vec<String> = queries
        .iter()
        .map(|(k, v)| format!("{}={}", percent_encode(k), percent_encode(&scalar(v))))
        .collect();
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", pairs.join("&"))
}

fn network_fault(e: &reqwest::Error) -> Answer {
    let mut cause = e.source();
    let mut text = String::new();
    while let Some(source) = cause {
        text = source.to_string();
        cause = source.source();
    }
    let lower = text.to_ascii_lowercase();
    let code = if lower.contains("dns") || lower.contains("lookup") || lower.contains("name or service") {
        "UnresolvableHostName"
    } else if e.is_timeout() {
        "HttpRequestTimeout"
    } else {
        "ConnectionFailure"
    };
    fault(code, format!("The request failed: {text}."), true)
}

/// A wire answer as a value; repeated headers are joined by commas.
pub(crate) fn as_answer(answer: &WireAnswer) -> Answer {
    let mut headers: Map<String, Json> = Map::new();
    for (name, value) in &answer.headers {
        match headers.get_mut(name) {
            Some(Json::String(text)) => {
                text.push(',');
                text.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), Json::from(value.as_str()));
            }
        }
    }
    let kind = member(&headers, "Content-Type").and_then(Json::as_str);
    Answer::Response { status: answer.status, body: content::decode(&answer.body, kind), headers }
}
