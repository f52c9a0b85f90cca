//! Requests to Graph: log-in, throttling as it is told, errors in words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hirewire_workflow::host::Secrets;
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OnceCell};

use super::SharePointConfig;
use crate::failure::Failure;

/// Longest wait that a throttled request is repeated after.
const LONGEST_WAIT: u64 = 30;

/// A logged-in client.
pub(crate) struct Session {
    pub(crate) config: SharePointConfig,
    vault: Arc<dyn Secrets>,
    client: OnceCell<Client>,
    token: Mutex<Option<(SecretString, Instant)>>,
    site: OnceCell<String>,
}

impl Session {
    pub(crate) fn new(config: SharePointConfig, vault: Arc<dyn Secrets>) -> Self {
        Self { config, vault, client: OnceCell::new(), token: Mutex::default(), site: OnceCell::new() }
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let ca_file = self.config.ca_file.as_deref();
        self.client.get_or_try_init(|| async { crate::tls::http(ca_file, 120) }).await
    }

    /// A token; a new one five minutes before the old one ends.
    async fn token(&self) -> Result<SecretString, Failure> {
        if let Some(reference) = &self.config.token {
            return reference.resolve(&self.vault).await;
        }
        let Some(login) = &self.config.login else {
            return Err(Failure::broken("this connection has neither `login` nor `token`"));
        };
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref().filter(|(_, until)| Instant::now() < *until) {
            let _ = until;
            return Ok(token.clone());
        }
        let authority = login.authority.as_deref().unwrap_or("https://login.microsoftonline.com");
        let graph = url::Url::parse(&self.config.graph)
            .map_err(|e| Failure::broken(format!("`graph` is no URL: {e}")))?;
        let scope = format!("{}/.default", graph.origin().ascii_serialization());
        let secret = login.client_secret.resolve(&self.vault).await?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", login.client_id.as_str()),
            ("client_secret", secret.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", authority.trim_end_matches('/'), login.tenant);
        let answer = self.client().await?.post(url).form(&form).send().await.map_err(lost)?;
        let status = answer.status();
        let body: Json = answer.json().await.unwrap_or(Json::Null);
        let Some(token) = body.get("access_token").and_then(Json::as_str) else {
            let said = body.get("error_description").or_else(|| body.get("error")).and_then(Json::as_str);
            let said = said.and_then(|s| s.lines().next()).unwrap_or("no token came");
            return Err(Failure::unauthorized(format!("the token service refused ({status}): {said}")));
        };
        let seconds = body.get("expires_in").and_then(Json::as_u64).unwrap_or(3_600);
        let token = SecretString::from(token.to_owned());
        let until = Instant::now() + Duration::from_secs(seconds.saturating_sub(300));
        *kept = Some((token.clone(), until));
        Ok(token)
    }

    /// Sends a request below Graph's address (or to a `nextLink`) and gives the answer that is a success.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(Vec<u8>, &str)>,
    ) -> Result<Response, Failure> {
        let base = self.config.graph.trim_end_matches('/');
        let url = match path.strip_prefix(base) {
            Some(rest) => format!("{base}{rest}"),
            // A link to another place must not get the token.
            None if path.contains("://") => {
                return Err(Failure::broken("Graph's next page is on another host"));
            }
            None => format!("{base}{path}"),
        };
        for attempt in 0..3 {
            let token = self.token().await?;
            let mut request = self
                .client()
                .await?
                .request(method.clone(), &url)
                .bearer_auth(token.expose_secret())
                .header("Prefer", "HonorNonIndexedQueriesWarningMayFailRandomly");
            if let Some((bytes, kind)) = &body {
                request = request.header("Content-Type", *kind).body(bytes.clone());
            }
            let answer = request.send().await.map_err(lost)?;
            let status = answer.status();
            if status.is_success() || status.is_redirection() {
                return Ok(answer);
            }
            let wait = answer
                .headers()
                .get("Retry-After")
                .and_then(|v| v.to_str().ok())
                .and_then(|v| v.parse().ok());
            let again = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if again && attempt < 2 && wait.is_none_or(|w: u64| w <= LONGEST_WAIT) {
                tokio::time::sleep(Duration::from_secs(wait.unwrap_or(2))).await;
                continue;
            }
            return Err(refused(status, answer).await);
        }
        Err(Failure::unreachable("Graph is throttling"))
    }

    /// GET of a JSON document.
    pub(crate) async fn get(&self, path: &str) -> Result<Json, Failure> {
        let answer = self.send(Method::GET, path, None).await?;
        answer.json().await.map_err(|_| Failure::broken("Graph's answer is no JSON"))
    }

    /// All `value` elements of a paged GET, up to `most`.
    pub(crate) async fn all(&self, path: &str, most: usize) -> Result<Vec<Json>, Failure> {
        let mut out = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut page = self.get(&path).await?;
            if let Some(Json::Array(items)) = page.get_mut("value").map(Json::take) {
                out.extend(items);
            }
            if out.len() >= most {
                break;
            }
            next = page.get("@odata.nextLink").and_then(Json::as_str).map(str::to_owned);
        }
        out.truncate(most);
        Ok(out)
    }

    /// A download address outside of Graph carries its own permission: it gets no token.
    pub(crate) async fn download(&self, url: &str) -> Result<Response, Failure> {
        crate::bind::web_address("the download address", url).map_err(Failure::broken)?;
        let answer = self.client().await?.get(url).send().await.map_err(lost)?;
        let status = answer.status();
        if status.is_success() { Ok(answer) } else { Err(refused(status, answer).await) }
    }

    /// The site's id.
    pub(crate) async fn site(&self) -> Result<&str, Failure> {
        let found = self.site.get_or_try_init(|| async {
            let url = url::Url::parse(&self.config.site)
                .map_err(|e| Failure::broken(format!("`site` is no URL: {e}")))?;
            let host = url.host_str().unwrap_or_default();
            let path = url.path().trim_end_matches('/');
            let path =
                if path.is_empty() { format!("/sites/{host}") } else { format!("/sites/{host}:{path}") };
            let site = self.get(&path).await?;
            let id = site.get("id").and_then(Json::as_str).map(str::to_owned);
            id.ok_or_else(|| Failure::missing("Graph knows no such site"))
        });
        found.await.map(String::as_str)
    }
}

fn lost(error: reqwest::Error) -> Failure {
    // The address may carry a permission.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = source.to_string();
        cause = source.source();
    }
    Failure::unreachable(format!("Graph did not answer: {text}"))
}

async fn refused(status: StatusCode, answer: Response) -> Failure {
    let body: Json = answer.json().await.unwrap_or(Json::Null);
    let error = body.get("error").unwrap_or(&Json::Null);
    let said = error.get("message").and_then(Json::as_str).unwrap_or_default();
    let code = error.get("code").and_then(Json::as_str).unwrap_or_default();
    let message = format!("Graph refused ({} {code}): {said}", status.as_u16());
    match status.as_u16() {
        429 | 500..=599 => Failure::unreachable(message),
        status => Failure::Refused { status, message },
    }
}

/// One part of a path, percent-encoded.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
