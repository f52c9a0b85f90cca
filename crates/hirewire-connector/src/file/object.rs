//! Blob stores behind containers: Azure Blob and S3 through one client library.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use hirewire_workflow::host::{Secrets, media_type};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Certificate, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::sync::Mutex;

use super::azure::AzureBlobConfig;
use super::metadata::{blob_parts, ticks};
use super::path::name;
use super::s3::S3Config;
use super::{Entry, FileStore, MAX_ENTRIES, MAX_FILE, Overwrite, too_large};
use crate::failure::Failure;

/// A client is made anew after this time, so that a changed key or token comes into use.
const RENEW: Duration = Duration::from_secs(300);

/// Which service, and how to log in.
#[derive(Debug)]
pub(crate) enum Account {
    Azure(AzureBlobConfig),
    S3(S3Config),
}

impl Account {
    fn allowed(&self) -> &[String] {
        match self {
            Self::Azure(config) => &config.containers,
            Self::S3(config) => &config.buckets,
        }
    }
}

type Client = (Arc<dyn ObjectStore>, Instant);

/// The store.
pub(crate) struct ObjectFiles {
    account: Account,
    vault: Arc<dyn Secrets>,
    clients: Mutex<HashMap<String, Client>>,
}

impl ObjectFiles {
    pub(crate) fn new(account: Account, vault: Arc<dyn Secrets>) -> Self {
        Self { account, vault, clients: Mutex::default() }
    }

    /// Whether a path is in an allowed container and folder; a folder above an allowed one is refused.
    fn allow(&self, path: &str) -> Result<(), Failure> {
        let within = |allowed: &String| {
            let allowed = allowed.trim_matches('/');
            let path = path.trim_start_matches('/');
            path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with('/'))
        };
        if self.account.allowed().iter().any(within) {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "'{path}' is not in a container that this connection allows ({}); add it to the connection in hirewire.toml",
            self.account.allowed().join(", ")
        )))
    }

    /// The client of a path's container, and the path in it.
    async fn at(&self, path: &str) -> Result<(Arc<dyn ObjectStore>, Path), Failure> {
        self.allow(path)?;
        let (container, rest) = blob_parts(path);
        let inner = Path::parse(rest).map_err(|_| Failure::bad(format!("'{path}' is no name for a blob")))?;
        let mut clients = self.clients.lock().await;
        if let Some((client, made)) = clients.get(container)
            && made.elapsed() < RENEW
        {
            return Ok((Arc::clone(client), inner));
        }
        let client = match &self.account {
            Account::Azure(config) => config.open(container, &self.vault).await?,
            Account::S3(config) => config.open(container, &self.vault).await?,
        };
        clients.insert(container.to_owned(), (Arc::clone(&client), Instant::now()));
        Ok((client, inner))
    }
}

/// Options of the HTTP client under the library.
pub(crate) fn options(ca_file: Option<&FilePath>, http: bool) -> Result<ClientOptions, Failure> {
    let mut options = ClientOptions::new()
        .with_timeout(Duration::from_secs(120))
        .with_connect_timeout(Duration::from_secs(10))
        .with_allow_http(http);
    if let Some(file) = ca_file {
        let pem = crate::tls::pem(file)?;
        for certificate in
            Certificate::from_pem_bundle(&pem).map_err(|e| Failure::broken(plain(&e.to_string())))?
        {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

/// Plain HTTP only where the address was checked to be this machine.
pub(crate) fn transport<B>(builder: B, http: bool, allow: impl Fn(B, bool) -> B) -> B {
    if http { allow(builder, true) } else { builder }
}

/// Few attempts: the workflow's own retry policy decides about more.
pub(crate) fn retry() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() }
}

/// A library's text without the query of any URL: that is where signatures stand.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside && (c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>')) {
            inside = false;
        }
        if !inside {
            out.push(c);
        }
        if c == '?' {
            inside = true;
        }
    }
    out
}

fn failed(path: &str, error: &Error) -> Failure {
    let text = plain(&error.to_string());
    match error {
        Error::NotFound { .. } => Failure::missing(format!("there is no blob '{path}'")),
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            Failure::Refused { status: 409, message: format!("the blob '{path}' exists already") }
        }
        Error::PermissionDenied { .. } => Failure::forbidden(format!(
            "the storage account does not allow it for '{path}': {}",
            first_line(&text)
        )),
        Error::Unauthenticated { .. } => Failure::unauthorized(format!(
            "the storage account does not accept the credentials of this connection: {}",
            first_line(&text)
        )),
        Error::InvalidPath { .. } => Failure::bad(format!("'{path}' is no name for a blob")),
        _ => Failure::unreachable(format!(
            "the storage account did not answer for '{path}': {}",
            first_line(&text)
        )),
    }
}

/// Services answer XML over many lines; the first says it.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}

fn entry(container: &str, meta: &ObjectMeta) -> Entry {
    Entry {
        path: format!("/{container}/{}", meta.location),
        folder: false,
        size: meta.size,
        modified: ticks(meta.last_modified.timestamp(), meta.last_modified.timestamp_subsec_nanos()),
        etag: meta.e_tag.clone(),
    }
}

fn folder(path: String) -> Entry {
    Entry { path, folder: true, size: 0, modified: 0, etag: None }
}

impl FileStore for ObjectFiles {
    async fn stat(&self, path: &str) -> Result<Entry, Failure> {
        let (client, inner) = self.at(path).await?;
        let (container, rest) = blob_parts(path);
        if rest.is_empty() {
            return Ok(folder(path.to_owned()));
        }
        match client.head(&inner).await {
            Ok(meta) => Ok(entry(container, &meta)),
            Err(Error::NotFound { .. }) => {
                // A folder is a prefix with something in it.
                let first = client.list(Some(&inner)).try_next().await.map_err(|e| failed(path, &e))?;
                first
                    .map(|_| folder(path.to_owned()))
                    .ok_or_else(|| Failure::missing(format!("there is no blob '{path}'")))
            }
            Err(e) => Err(failed(path, &e)),
        }
    }

    async fn list(&self, path: &str, deep: bool) -> Result<Vec<Entry>, Failure> {
        if path == "/" {
            let mut names: Vec<&str> =
                self.account.allowed().iter().filter_map(|c| c.trim_matches('/').split('/').next()).collect();
            names.sort_unstable();
            names.dedup();
            return Ok(names.into_iter().map(|c| folder(format!("/{c}"))).collect());
        }
        let (client, inner) = self.at(path).await?;
        let (container, rest) = blob_parts(path);
        let prefix = (!rest.is_empty()).then_some(&inner);
        let mut out = Vec::new();
        if deep {
            let mut found = client.list(prefix);
            while let Some(meta) = found.try_next().await.map_err(|e| failed(path, &e))? {
                out.push(entry(container, &meta));
                if out.len() > MAX_ENTRIES {
                    return Err(Failure::bad(format!("'{path}' holds more than {MAX_ENTRIES} blobs")));
                }
            }
        } else {
            let found = client.list_with_delimiter(prefix).await.map_err(|e| failed(path, &e))?;
            out.extend(found.common_prefixes.iter().map(|p| folder(format!("/{container}/{p}"))));
            out.extend(found.objects.iter().map(|meta| entry(container, meta)));
        }
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let (client, inner) = self.at(path).await?;
        let got = client.get(&inner).await.map_err(|e| failed(path, &e))?;
        if got.meta.size > MAX_FILE {
            return Err(too_large(path, got.meta.size));
        }
        Ok(got.bytes().await.map_err(|e| failed(path, &e))?.to_vec())
    }

    async fn write(&self, path: &str, bytes: Vec<u8>, over: Overwrite) -> Result<Entry, Failure> {
        let (client, inner) = self.at(path).await?;
        if blob_parts(path).1.is_empty() {
            return Err(Failure::bad("a blob needs a container and a name"));
        }
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, media_type(name(path)).into());
        let mode = match over {
            Overwrite::Replace => PutMode::Overwrite,
            Overwrite::Refuse => PutMode::Create,
        };
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        client.put_opts(&inner, PutPayload::from(bytes), options).await.map_err(|e| failed(path, &e))?;
        self.stat(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), Failure> {
        let (client, inner) = self.at(path).await?;
        // Deleting is silent about what is not there in some services; the connectors are not.
        client.head(&inner).await.map_err(|e| failed(path, &e))?;
        client.delete(&inner).await.map_err(|e| failed(path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn signatures_are_cut_off() {
        let text =
            "error sending request for url (https://hr.blob.core.windows.net/c/x?sv=1&sig=SECRET): refused";
        let cut = plain(text);
        assert!(!cut.contains("SECRET"), "{cut}");
        assert!(cut.ends_with("x?): refused"), "{cut}");
    }
}
