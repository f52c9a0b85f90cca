//! Keys of other issuers: read from their discovery documents, kept for a while, asked for again when a key id is new.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::jwt::{self, TokenFault};

/// Algorithms accepted from other issuers.
const ALLOWED: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384];
/// How long fetched keys are believed.
const FRESH: Duration = Duration::from_secs(3_600);
/// How often an unknown key id may cause a new fetch.
const PAUSE: Duration = Duration::from_secs(30);
/// Bytes of a document read at most.
const LARGEST_DOCUMENT: usize = 256 * 1024;

/// An issuer whose access tokens are accepted besides our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalIssuer {
    /// `iss` of its tokens, and root of its `/.well-known/openid-configuration`.
    pub issuer: String,
    /// The audience its tokens carry for this instance.
    pub audience: String,
    /// Where its keys are; `None` asks the discovery document.
    pub jwks_uri: Option<String>,
    /// Claim that names the calling application; usually `appid`, `azp` or `client_id`.
    pub client_claim: String,
    /// Permissions for tokens whose `roles` and `scp` name none of ours.
    pub default_permissions: Vec<String>,
}

#[derive(Debug)]
struct Known {
    keys: Arc<JwkSet>,
    fetched: Instant,
}

/// The keys of all issuers met so far.
#[derive(Debug)]
pub struct IssuerKeys {
    client: reqwest::Client,
    known: Mutex<HashMap<String, Known>>,
}

impl IssuerKeys {
    /// A cache that fetches with `client`; the client must have timeouts and follow no redirects.
    pub fn new(client: reqwest::Client) -> Self {
        Self { client, known: Mutex::new(HashMap::new()) }
    }

    /// Checks the signature of `token` against the keys of `issuer` and gives its claims.
    pub async fn verify(
        &self,
        token: &str,
        issuer: &str,
        jwks_uri: Option<&str>,
    ) -> Result<Map<String, Value>, TokenFault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Malformed)?;
        let kid = header.kid.unwrap_or_default();
        let keys = self.keys(issuer, jwks_uri, &kid).await?;
        let jwk = match keys.find(&kid) {
            Some(jwk) => jwk,
            None if kid.is_empty() && keys.keys.len() == 1 => &keys.keys[0],
            None => return Err(TokenFault::Malformed),
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|_| TokenFault::Malformed)?;
        jwt::verify(token, &key, &ALLOWED)
    }

    async fn keys(&self, issuer: &str, jwks_uri: Option<&str>, kid: &str) -> Result<Arc<JwkSet>, TokenFault> {
        // One fetch at a time: a burst of tokens must not become a burst of fetches.
        let mut known = self.known.lock().await;
        if let Some(entry) = known.get(issuer) {
            let age = entry.fetched.elapsed();
            let has = kid.is_empty() || entry.keys.find(kid).is_some();
            if (has && age < FRESH) || age < PAUSE {
                return Ok(entry.keys.clone());
            }
        }
        match self.fetch(issuer, jwks_uri).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                known.insert(issuer.to_owned(), Known { keys: keys.clone(), fetched: Instant::now() });
                Ok(keys)
            }
            Err(error) => {
                tracing::warn!(issuer, %error, "the keys of an issuer could not be read");
                known.get(issuer).map(|entry| entry.keys.clone()).ok_or(TokenFault::Issuer)
            }
        }
    }

    async fn fetch(&self, issuer: &str, jwks_uri: Option<&str>) -> Result<JwkSet, FetchError> {
        let uri = match jwks_uri {
            Some(uri) => uri.to_owned(),
            None => {
                let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                let document: Value = self.document(&url).await?;
                document["jwks_uri"].as_str().ok_or(FetchError::NoKeys)?.to_owned()
            }
        };
        self.document(&uri).await
    }

    async fn document<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, FetchError> {
        let mut response = self.client.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len() + chunk.len() > LARGEST_DOCUMENT {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the document is no JSON of the expected shape")]
    Json(#[from] serde_json::Error),
    #[error("the discovery document names no jwks_uri")]
    NoKeys,
    #[error("the document is larger than {LARGEST_DOCUMENT} bytes")]
    TooLarge,
}
