//! Amazon S3 and stores that speak its protocol: how a project names one and how one logs in to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hirewire_workflow::host::Secrets;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::object::{options, plain, retry, transport};
use crate::bind::web_address;
use crate::config::join;
use crate::failure::Failure;
use crate::secret::SecretReference;

/// Buckets of Amazon S3 or of a store that speaks its protocol. Without keys the machine's role is used.
///
/// ```toml
/// [connections.azureblob]
/// kind = "s3"
/// region = "eu-central-1"
/// buckets = ["csvdata"]
/// access_key_id = "AKIA…"
/// secret_access_key = { env = "HR_S3_SECRET" }
/// ```
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// Buckets that workflows may use as containers; `bucket/folder` allows only what is below that folder.
    pub buckets: Vec<String>,
    /// The region.
    pub region: Option<String>,
    /// Address where it is not Amazon's; requests then have the bucket in their path.
    pub url: Option<String>,
    /// Access key id.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<SecretReference>,
    /// Session token of temporary keys.
    pub session_token: Option<SecretReference>,
    /// PEM file with the certificate authorities to trust; the system's when absent.
    pub ca_file: Option<PathBuf>,
}

impl S3Config {
    pub(crate) fn place(&self) -> String {
        let address = self
            .url
            .clone()
            .unwrap_or_else(|| format!("s3.{}.amazonaws.com", self.region.as_deref().unwrap_or("us-east-1")));
        format!("{address} ({})", self.buckets.join(", "))
    }

    pub(crate) fn relative_to(&mut self, base: &Path) {
        let secrets = [&mut self.secret_access_key, &mut self.session_token];
        secrets.into_iter().flatten().for_each(|s| s.relative_to(base));
        join(&mut self.ca_file, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.buckets.is_empty() {
            return Err("`buckets` is missing: name the buckets that workflows may use".into());
        }
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            return Err("`access_key_id` and `secret_access_key` belong together".into());
        }
        self.url.as_deref().map_or(Ok(()), |url| web_address("url", url))
    }

    /// A client for one bucket.
    pub(crate) async fn open(
        &self,
        bucket: &str,
        vault: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn ObjectStore>, Failure> {
        let http = self.url.as_deref().is_some_and(|u| u.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(self.region.clone().unwrap_or_else(|| "us-east-1".into()))
            .with_retry(retry())
            .with_client_options(options(self.ca_file.as_deref(), http)?);
        builder = transport(builder, http, AmazonS3Builder::with_allow_http);
        if let Some(url) = &self.url {
            builder = builder.with_endpoint(url.trim_end_matches('/'));
        }
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            let secret = secret.resolve(vault).await?;
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token.resolve(vault).await?.expose_secret());
        }
        let store = builder.build().map_err(|e| Failure::broken(plain(&format!("the bucket: {e}"))))?;
        Ok(Arc::new(store))
    }
}
