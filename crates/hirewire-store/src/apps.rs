//! Applications that call the API: identity, permissions, credentials (spec/inbound-api.md §3).
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Result, StoreError};
use crate::jobs::{text_enum, unreadable};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// An application with its service principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// `appId`, the client id.
    pub app_id: String,
    /// Object id of its service principal.
    pub object_id: String,
    /// Display name.
    pub name: String,
    /// The gallery template it was made from.
    pub template: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Granted application permissions (`roles`), such as `SynchronizationData-User.Upload`.
    pub permissions: Vec<String>,
    /// Object ids of service principals that it owns (`…OwnedBy` permissions).
    pub owns: Vec<String>,
}

/// Kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A client secret; only its hash is kept.
    Secret,
    /// A certificate for client assertions.
    Certificate,
}

text_enum!(CredentialKind, "credential kind", Secret, Certificate);

/// A credential as it can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `keyId`.
    pub key_id: String,
    /// The application.
    pub app_id: String,
    /// What kind.
    pub kind: CredentialKind,
    /// Display name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Not valid from this moment on.
    pub expires: Option<Timestamp>,
    /// First characters of a secret.
    pub hint: Option<String>,
    /// `x5t` of a certificate, base64url.
    pub thumbprint_sha1: Option<String>,
    /// `x5t#S256` of a certificate, base64url.
    pub thumbprint_sha256: Option<String>,
    /// Public key of a certificate as JWK JSON text.
    pub jwk: Option<String>,
}

/// A credential to be added.
#[derive(Clone)]
pub enum NewCredential {
    /// A client secret in clear; it is hashed with argon2id (19 MiB, 2 passes) on the caller's thread.
    Secret(String),
    /// A certificate's public half.
    Certificate {
        /// `x5t`.
        thumbprint_sha1: String,
        /// `x5t#S256`.
        thumbprint_sha256: String,
        /// Public key as JWK JSON text.
        jwk: String,
    },
}

impl std::fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret(…)"),
            Self::Certificate { thumbprint_sha256, .. } => write!(f, "Certificate({thumbprint_sha256})"),
        }
    }
}

const APP: &str = "app_id, object_id, name, template, created, permissions, owns";
const CREDENTIAL: &str =
    "key_id, app_id, kind, name, created, expires, hint, thumbprint_sha1, thumbprint_sha256, jwk";
/// Characters of a secret kept in clear, as Entra's `hint`.
const HINT: usize = 3;

impl Store {
    /// Makes an application or replaces all but its credentials.
    pub fn put_app(&self, app: App) -> Result<()> {
        let permissions = list_text(&app.permissions)?;
        let owns = list_text(&app.owns)?;
        self.write(move |connection| {
            let sql = "INSERT INTO apps (app_id, object_id, name, template, created, permissions, owns) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (app_id) DO UPDATE SET \
                       object_id = excluded.object_id, name = excluded.name, template = excluded.template, \
                       permissions = excluded.permissions, owns = excluded.owns";
            let values = params![
                app.app_id,
                app.object_id,
                app.name,
                app.template,
                micros(app.created),
                permissions,
                owns
            ];
            match connection.execute(sql, values).map_err(StoreError::from) {
                Err(error) if error.is_unique_violation() => {
                    Err(StoreError::Exists { what: "service principal", name: app.object_id })
                }
                result => result.map(|_| ()),
            }
        })
    }

    /// The application with this client id, or whose service principal has this object id; in any case.
    pub fn app(&self, id: &str) -> Result<Option<App>> {
        self.read(|connection| {
            let sql = format!("SELECT {APP} FROM apps WHERE app_id = ?1 OR object_id = ?1 LIMIT 1");
            Ok(connection.prepare_cached(&sql)?.query_row([id], read_app).optional()?)
        })
    }

    /// All applications in the order they were made.
    pub fn apps(&self) -> Result<Vec<App>> {
        self.read(|connection| {
            let sql = format!("SELECT {APP} FROM apps ORDER BY created, app_id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], read_app)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Deletes an application with its credentials; false when there was none.
    pub fn delete_app(&self, app_id: &str) -> Result<bool> {
        let app_id = app_id.to_owned();
        self.write(move |connection| {
            Ok(connection.execute("DELETE FROM apps WHERE app_id = ?1", [app_id])? > 0)
        })
    }

    /// Adds a credential under `key_id`.
    pub fn add_credential(
        &self,
        app_id: &str,
        key_id: &str,
        name: &str,
        credential: NewCredential,
        created: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<()> {
        let (app_id, key_id, name) = (app_id.to_owned(), key_id.to_owned(), name.to_owned());
        let mut kind = CredentialKind::Certificate;
        let (mut hint, mut hash, mut sha1, mut sha256, mut key) = (None, None, None, None, None);
        match credential {
            NewCredential::Secret(secret) => {
                kind = CredentialKind::Secret;
                hint = Some(secret.chars().take(HINT).collect::<String>());
                hash = Some(hash_secret(&secret)?);
            }
            NewCredential::Certificate { thumbprint_sha1, thumbprint_sha256, jwk } => {
                (sha1, sha256, key) = (Some(thumbprint_sha1), Some(thumbprint_sha256), Some(jwk));
            }
        }
        self.write(move |connection| {
            let known: Option<i64> = connection
                .query_row("SELECT 1 FROM apps WHERE app_id = ?1", [&app_id], |row| row.get(0))
                .optional()?;
            if known.is_none() {
                return Err(StoreError::not_found("application", app_id));
            }
            let sql = "INSERT INTO credentials (key_id, app_id, kind, name, created, expires, hint, hash, \
                       thumbprint_sha1, thumbprint_sha256, jwk) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
            let expires = expires.map(micros);
            let values = params![
                key_id, app_id, kind.as_str(), name, micros(created), expires, hint, hash, sha1, sha256, key
            ];
            match connection.execute(sql, values).map_err(StoreError::from) {
                Err(error) if error.is_unique_violation() => Err(StoreError::Exists { what: "credential", name: key_id }),
                result => result.map(|_| ()),
            }
        })
    }

    /// An application's credentials, as they can be shown.
    pub fn credentials(&self, app_id: &str) -> Result<Vec<Credential>> {
        self.read(|connection| {
            let sql =
                format!("SELECT {CREDENTIAL} FROM credentials WHERE app_id = ?1 ORDER BY created, key_id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([app_id], read_credential)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Deletes a credential; false when there was none.
    pub fn delete_credential(&self, key_id: &str) -> Result<bool> {
        let key_id = key_id.to_owned();
        self.write(move |connection| {
            Ok(connection.execute("DELETE FROM credentials WHERE key_id = ?1", [key_id])? > 0)
        })
    }

    /// Sets when a credential ends, as a rotation does with the old one; `None`: never.
    pub fn set_credential_expiry(&self, key_id: &str, expires: Option<Timestamp>) -> Result<()> {
        let key_id = key_id.to_owned();
        self.write(move |connection| {
            let sql = "UPDATE credentials SET expires = ?2 WHERE key_id = ?1";
            if connection.execute(sql, params![key_id, expires.map(micros)])? == 0 {
                return Err(StoreError::not_found("credential", key_id));
            }
            Ok(())
        })
    }

    /// Whether `secret` is one of the application's that is valid at `now`; returns its `keyId`. Costs some 20 ms of one
    /// core and 19 MiB per secret tried: call it from a blocking thread.
    pub fn verify_secret(&self, app_id: &str, secret: &str, now: Timestamp) -> Result<Option<String>> {
        let hashes: Vec<(String, String)> = self.read(|connection| {
            let sql = "SELECT key_id, hash FROM credentials WHERE app_id = ?1 AND hash IS NOT NULL \
                       AND (expires IS NULL OR expires > ?2) ORDER BY created DESC";
            secrets(connection, sql, app_id, now)
        })?;
        let argon2 = argon2()?;
        Ok(hashes
            .into_iter()
            .find(|(_, hash)| {
                argon2::PasswordHash::new(hash)
                    .is_ok_and(|hash| argon2.verify_password(secret.as_bytes(), &hash).is_ok())
            })
            .map(|(key_id, _)| key_id))
    }
}

fn secrets(
    connection: &Connection,
    sql: &str,
    app_id: &str,
    now: Timestamp,
) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![app_id, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// OWASP's first choice of parameters for argon2id: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1_024, 2, 1, None)
        .map_err(|error| StoreError::damaged("argon2 parameters", error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_secret(secret: &str) -> Result<String> {
    let hash = argon2()?
        .hash_password(secret.as_bytes())
        .map_err(|error| StoreError::damaged("a client secret", error))?;
    Ok(hash.to_string())
}

fn list_text(list: &[String]) -> Result<String> {
    serde_json::to_string(list).map_err(|error| StoreError::damaged("a list", error))
}

fn read_list(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(error.to_string()))
}

fn read_app(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        app_id: row.get(0)?,
        object_id: row.get(1)?,
        name: row.get(2)?,
        template: row.get(3)?,
        created: timestamp(row.get(4)?),
        permissions: read_list(row, 5)?,
        owns: read_list(row, 6)?,
    })
}

fn read_credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    Ok(Credential {
        key_id: row.get(0)?,
        app_id: row.get(1)?,
        kind: CredentialKind::read(row.get_ref(2)?.as_str()?)?,
        name: row.get(3)?,
        created: timestamp(row.get(4)?),
        expires: row.get::<_, Option<i64>>(5)?.map(timestamp),
        hint: row.get(6)?,
        thumbprint_sha1: row.get(7)?,
        thumbprint_sha256: row.get(8)?,
        jwk: row.get(9)?,
    })
}
