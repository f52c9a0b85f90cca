//! SFTP servers: host key pinned, log-in by key or password, every path below the configured folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hirewire_workflow::host::Secrets;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key, known_hosts};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use super::metadata::ticks;
use super::path::{inside, name};
use super::{Entry, FileStore, MAX_ENTRIES, MAX_FILE, Overwrite, too_large};
use crate::config::join;
use crate::failure::Failure;
use crate::secret::SecretReference;

/// A server that speaks SFTP.
///
/// ```toml
/// [connections.sftpwithssh]
/// kind = "sftp"
/// host = "files.payroll.example"
/// user = "hirewire"
/// folder = "/export"
/// host_key = "SHA256:2nFk…"
/// login = { key = { file = "secrets/sftp_ed25519" } }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpConfig {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name for the log-in.
    pub user: String,
    /// How to log in.
    pub login: SftpLogin,
    /// Folder of the server below which workflows may work; `/` for all of it, a relative one starts at the log-in's.
    pub folder: String,
    /// Fingerprint of the server's key, as `ssh-keygen -lf` prints it (`SHA256:…`).
    #[serde(default)]
    pub host_key: Option<String>,
    /// File in the format of OpenSSH's `known_hosts` with the server's key, instead of `host_key`.
    #[serde(default)]
    pub known_hosts: Option<PathBuf>,
}

fn default_port() -> u16 {
    22
}

/// How to log in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct SftpLogin {
    /// A private key in OpenSSH's or PEM form.
    #[serde(default)]
    pub key: Option<SecretReference>,
    /// The private key's passphrase.
    #[serde(default)]
    pub passphrase: Option<SecretReference>,
    /// A password, where there is no key.
    #[serde(default)]
    pub password: Option<SecretReference>,
}

impl SftpConfig {
    pub(crate) fn relative_to(&mut self, base: &Path) {
        let login = &mut self.login;
        let secrets = [&mut login.key, &mut login.passphrase, &mut login.password];
        secrets.into_iter().flatten().for_each(|s| s.relative_to(base));
        join(&mut self.known_hosts, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.host_key.is_some() == self.known_hosts.is_some() {
            return Err(
                "give the server's key: `host_key = \"SHA256:…\"` (`ssh-keyscan HOST | ssh-keygen -lf -` prints it) or `known_hosts`"
                    .into(),
            );
        }
        if self.login.key.is_some() == self.login.password.is_some() {
            return Err("give either `login.key` or `login.password`".into());
        }
        Ok(())
    }
}

/// Knows which key the server must have.
struct HostKey {
    config: SftpConfig,
}

impl client::Handler for HostKey {
    type Error = russh::Error;

    async fn check_server_key(&mut self, given: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = given else { return Ok(false) };
        if let Some(pinned) = &self.config.host_key {
            return Ok(key.fingerprint(HashAlg::Sha256).to_string() == pinned.trim());
        }
        let Some(file) = &self.config.known_hosts else { return Ok(false) };
        Ok(known_hosts::check_known_hosts_path(&self.config.host, self.config.port, key, file)
            .unwrap_or(false))
    }
}

struct Session {
    // Dropping the handle ends the connection.
    handle: Handle<HostKey>,
    sftp: Arc<SftpSession>,
}

/// The store: one connection, made anew when it broke.
pub(crate) struct SftpFiles {
    config: SftpConfig,
    vault: Arc<dyn Secrets>,
    session: Mutex<Option<Session>>,
}

impl SftpFiles {
    pub(crate) fn new(config: SftpConfig, vault: Arc<dyn Secrets>) -> Self {
        Self { config, vault, session: Mutex::default() }
    }

    async fn connect(&self) -> Result<Session, Failure> {
        let address = format!("{}:{}", self.config.host, self.config.port);
        let settings = client::Config {
            inactivity_timeout: Some(Duration::from_secs(300)),
            keepalive_interval: Some(Duration::from_secs(30)),
            ..client::Config::default()
        };
        let target = (self.config.host.as_str(), self.config.port);
        let connecting = client::connect(Arc::new(settings), target, HostKey { config: self.config.clone() });
        let connected = tokio::time::timeout(Duration::from_secs(20), connecting).await;
        let connected = connected.map_err(|_| Failure::unreachable(format!("{address} does not answer")))?;
        let mut handle = connected.map_err(|e| match e {
            russh::Error::UnknownKey => Failure::forbidden(format!(
                "{address} shows another host key than the one this connection names: the server was renewed, or somebody stands in between"
            )),
            e => Failure::unreachable(format!("{address}: {e}")),
        })?;
        self.log_in(&mut handle, &address).await?;
        let wrong = |e: &dyn std::fmt::Display| Failure::unreachable(format!("{address}: {e}"));
        let channel = handle.channel_open_session().await.map_err(|e| wrong(&e))?;
        channel.request_subsystem(true, "sftp").await.map_err(|e| wrong(&e))?;
        let sftp = SftpSession::new(channel.into_stream()).await.map_err(|e| wrong(&e))?;
        sftp.set_timeout(60);
        Ok(Session { handle, sftp: Arc::new(sftp) })
    }

    async fn log_in(&self, handle: &mut Handle<HostKey>, address: &str) -> Result<(), Failure> {
        let login = &self.config.login;
        let wrong = |e: &dyn std::fmt::Display| Failure::unreachable(format!("{address}: {e}"));
        let result = if let Some(key) = &login.key {
            let text = key.resolve(&self.vault).await?;
            let passphrase = match &login.passphrase {
                Some(passphrase) => Some(passphrase.resolve(&self.vault).await?),
                None => None,
            };
            let key = decode_secret_key(text.expose_secret(), passphrase.as_ref().map(|p| p.expose_secret()))
                .map_err(|_| {
                    Failure::broken(
                        "the private key of this connection cannot be read; is its passphrase right?",
                    )
                })?;
            let hash = handle.best_supported_rsa_hash().await.map_err(|e| wrong(&e))?.flatten();
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            handle.authenticate_publickey(&self.config.user, key).await
        } else if let Some(password) = &login.password {
            let password = password.resolve(&self.vault).await?;
            handle.authenticate_password(&self.config.user, password.expose_secret()).await
        } else {
            return Err(Failure::broken("this connection has neither key nor password"));
        };
        if result.map_err(|e| wrong(&e))?.success() {
            return Ok(());
        }
        Err(Failure::unauthorized(format!("{address} does not accept the log-in of '{}'", self.config.user)))
    }

    async fn sftp(&self) -> Result<Arc<SftpSession>, Failure> {
        let mut session = self.session.lock().await;
        if let Some(open) = session.as_ref().filter(|s| !s.handle.is_closed()) {
            return Ok(Arc::clone(&open.sftp));
        }
        let opened = self.connect().await?;
        let sftp = Arc::clone(&opened.sftp);
        *session = Some(opened);
        Ok(sftp)
    }

    /// The server's path of a clean path of ours.
    fn remote(&self, path: &str) -> String {
        let folder = self.config.folder.trim_end_matches('/');
        match (folder, path) {
            ("", "/") if self.config.folder.starts_with('/') => "/".into(),
            ("" | ".", "/") => ".".into(),
            ("", path) if self.config.folder.starts_with('/') => path.to_owned(),
            ("" | ".", path) => path.trim_start_matches('/').to_owned(),
            (folder, "/") => folder.to_owned(),
            (folder, path) => format!("{folder}{path}"),
        }
    }

    /// The server's path, after links were followed: it must still be below the folder.
    async fn locate(&self, sftp: &SftpSession, path: &str) -> Result<String, Failure> {
        let remote = self.remote(path);
        let root = sftp.canonicalize(self.remote("/")).await.map_err(|e| failed("/", &e))?;
        // What does not exist yet is judged by the nearest folder that does.
        let mut known = remote.clone();
        let real = loop {
            match sftp.metadata(known.clone()).await {
                Ok(_) => break sftp.canonicalize(known).await.map_err(|e| failed(path, &e))?,
                Err(e) if is_missing(&e) => match known.rsplit_once('/') {
                    Some((parent, _)) if !parent.is_empty() => known = parent.to_owned(),
                    _ => break root.clone(),
                },
                Err(e) => return Err(failed(path, &e)),
            }
        };
        let below =
            real == root || root == "/" || real.strip_prefix(&root).is_some_and(|r| r.starts_with('/'));
        if below {
            return Ok(remote);
        }
        Err(Failure::forbidden(format!("the path '{path}' leads out of the connection")))
    }

    async fn gather(&self, sftp: &SftpSession, path: &str, deep: bool) -> Result<Vec<Entry>, Failure> {
        let mut out = Vec::new();
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            let remote = self.locate(sftp, &folder).await?;
            for found in sftp.read_dir(remote).await.map_err(|e| failed(&folder, &e))? {
                let file = found.file_name();
                // Files that others are still uploading, ours among them, are nobody's business yet.
                if file == "." || file == ".." || is_partial(&file) {
                    continue;
                }
                let path = inside(&folder, &file);
                let mut data = found.metadata();
                if data.file_type().is_symlink() {
                    let Ok(remote) = self.locate(sftp, &path).await else { continue };
                    let Ok(real) = sftp.metadata(remote).await else { continue };
                    if deep && real.file_type().is_dir() {
                        continue;
                    }
                    data = real;
                }
                if deep && data.file_type().is_dir() {
                    folders.push(path);
                    continue;
                }
                out.push(entry(path, &data));
                if out.len() > MAX_ENTRIES {
                    return Err(Failure::bad(format!(
                        "'{path}' holds more than {MAX_ENTRIES} files",
                        path = folder
                    )));
                }
            }
        }
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    async fn make_parents(&self, sftp: &SftpSession, path: &str) -> Result<(), Failure> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let mut folder = String::new();
        for part in parent.split('/').filter(|p| !p.is_empty()) {
            folder = inside(&folder, part);
            let remote = self.remote(&folder);
            if sftp.metadata(remote.clone()).await.is_err() {
                sftp.create_dir(remote).await.map_err(|e| failed(&folder, &e))?;
            }
        }
        Ok(())
    }
}

/// Names that uploading programs give to unfinished files (`spec/sources.md` §5.7).
fn is_partial(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".filepart", ".part", ".partial"].iter().any(|end| lower.ends_with(end))
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Status(s) if s.status_code == StatusCode::NoSuchFile)
}

fn failed(path: &str, error: &Error) -> Failure {
    match error {
        Error::Status(status) => match status.status_code {
            StatusCode::NoSuchFile => Failure::missing(format!("there is no '{path}' on the server")),
            StatusCode::PermissionDenied => {
                Failure::forbidden(format!("the server does not allow it for '{path}'"))
            }
            _ => Failure::broken(format!("the server refuses '{path}': {}", status.error_message)),
        },
        e => Failure::unreachable(format!("the server did not answer for '{path}': {e}")),
    }
}

fn entry(path: String, data: &FileAttributes) -> Entry {
    let folder = data.file_type().is_dir();
    let modified = data.mtime.map_or(0, |t| ticks(i64::from(t), 0));
    let size = if folder { 0 } else { data.size.unwrap_or(0) };
    let etag = (!folder).then(|| format!("\"{modified:x}-{size:x}\""));
    Entry { path, folder, size, modified, etag }
}

impl FileStore for SftpFiles {
    async fn stat(&self, path: &str) -> Result<Entry, Failure> {
        let sftp = self.sftp().await?;
        let remote = self.locate(&sftp, path).await?;
        let data = sftp.metadata(remote).await.map_err(|e| failed(path, &e))?;
        Ok(entry(path.to_owned(), &data))
    }

    async fn list(&self, path: &str, deep: bool) -> Result<Vec<Entry>, Failure> {
        let sftp = self.sftp().await?;
        self.gather(&sftp, path, deep).await
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let sftp = self.sftp().await?;
        let remote = self.locate(&sftp, path).await?;
        let data = sftp.metadata(remote.clone()).await.map_err(|e| failed(path, &e))?;
        if data.file_type().is_dir() {
            return Err(Failure::bad(format!("'{path}' is a folder")));
        }
        if data.size.unwrap_or(0) > MAX_FILE {
            return Err(too_large(path, data.size.unwrap_or(0)));
        }
        sftp.read(remote).await.map_err(|e| failed(path, &e))
    }

    async fn write(&self, path: &str, bytes: Vec<u8>, over: Overwrite) -> Result<Entry, Failure> {
        let sftp = self.sftp().await?;
        let remote = self.locate(&sftp, path).await?;
        let exists = sftp.metadata(remote.clone()).await.is_ok();
        if exists && over == Overwrite::Refuse {
            return Err(Failure::Refused {
                status: 409,
                message: format!("the file '{path}' exists already"),
            });
        }
        self.make_parents(&sftp, path).await?;
        // Written beside and moved, so that nobody reads half a file.
        let parent = remote.rsplit_once('/').map(|(parent, _)| format!("{parent}/")).unwrap_or_default();
        let beside = format!("{parent}.{}.{}.part", name(path), uuid::Uuid::new_v4().simple());
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
        let mut file = sftp.open_with_flags(beside.clone(), flags).await.map_err(|e| failed(path, &e))?;
        let cut = |e: std::io::Error| Failure::unreachable(format!("'{path}' was not written: {e}"));
        file.write_all(&bytes).await.map_err(cut)?;
        file.shutdown().await.map_err(cut)?;
        // The protocol's rename refuses an existing name.
        if exists {
            sftp.remove_file(remote.clone()).await.map_err(|e| failed(path, &e))?;
        }
        sftp.rename(beside, remote).await.map_err(|e| failed(path, &e))?;
        self.stat(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), Failure> {
        let sftp = self.sftp().await?;
        let remote = self.locate(&sftp, path).await?;
        sftp.remove_file(remote).await.map_err(|e| failed(path, &e))
    }

    fn is_file_system(&self) -> bool {
        true
    }
}
