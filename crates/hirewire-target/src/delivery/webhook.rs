//! A password by HTTPS POST, signed, to a service of the project's own.
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};

use super::{DeliveryError, Letter};
use crate::password::{Password, SecretSource};

/// A ready webhook.
///
/// The request's body is `{"anchor":…,"account":…,"name":…,"password":…}`; its header `x-hirewire-signature` is
/// `sha256=` and the hexadecimal HMAC-SHA256 of the body. Any 2xx status is an acceptance; redirects are not followed.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: Url,
    secret: Password,
}

impl Webhook {
    /// Reads the configuration; does not connect yet.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn new(url: &str, secret: &SecretSource, ca_file: Option<&Path>) -> Result<Self, DeliveryError> {
        let wrong = |e: &dyn std::fmt::Display| DeliveryError(format!("webhook: {e}"));
        let url: Url = url.parse().map_err(|e| wrong(&e))?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(wrong(&"a password is sent only to https:// addresses (http:// on loopback)"));
        }
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30));
        if let Some(file) = ca_file {
            let pem = std::fs::read(file).map_err(|e| wrong(&e))?;
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(|e| wrong(&e))?);
        }
        let client = builder.build().map_err(|e| wrong(&e))?;
        Ok(Self { client, url, secret: secret.resolve().map_err(DeliveryError)? })
    }

    /// Posts one letter.
    ///
    /// # Errors
    /// The status, or why there was none.
    pub async fn post(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let body = serde_json::json!({
            "anchor": letter.anchor,
            "account": letter.sign_in_name,
            "name": letter.display_name,
            "password": letter.password.expose(),
        })
        .to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose().as_bytes());
        let signature: String =
            hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let answer = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("x-hirewire-signature", format!("sha256={signature}"))
            .body(body)
            .send()
            .await
            .map_err(|e| DeliveryError(format!("webhook: {}", e.without_url())))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(DeliveryError(format!("webhook: the service answered {}", answer.status())))
    }
}
