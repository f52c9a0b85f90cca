//! How a project names a database and how one logs in to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::join;
use crate::secret::SecretReference;

/// A database.
///
/// ```toml
/// [connections.sql]
/// kind = "sql"
/// url = "postgres://hirewire@db.example/hr"     # or mysql://…, sqlserver://…
/// password = { env = "HR_DB_PASSWORD" }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// `postgres://USER@HOST[:PORT]/DATABASE`, `mysql://…` (MariaDB, too) or `sqlserver://…`; without a password.
    pub url: String,
    /// The password.
    #[serde(default)]
    pub password: Option<SecretReference>,
    /// PEM file with the certificate authorities to trust; the system's when absent. A database that is not on this
    /// machine is always spoken to over TLS, and its certificate is verified.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Open sessions that cannot write.
    #[serde(default)]
    pub read_only: bool,
    /// What triggers need to know of a table, where it cannot be seen in the database. Key: the table as a definition
    /// writes it.
    #[serde(default)]
    pub tables: BTreeMap<String, TableConfig>,
}

/// Columns that triggers look at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableConfig {
    /// Column that grows with each new row ("when an item is created"); the identity column unless set.
    pub identity: Option<String>,
    /// Column that grows with each change ("when an item is modified"): a row version or a time. Without it:
    /// PostgreSQL's own row version, MariaDB's `ON UPDATE CURRENT_TIMESTAMP` column, SQL Server's `rowversion`.
    pub version: Option<String>,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    MySql,
    SqlServer,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) engine: Engine,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
}

impl Address {
    /// Whether the database is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        crate::bind::is_loopback(&self.host)
    }
}

impl SqlConfig {
    pub(crate) fn place(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn relative_to(&mut self, base: &Path) {
        if let Some(password) = &mut self.password {
            password.relative_to(base);
        }
        join(&mut self.ca_file, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.address().map(drop)
    }

    /// What a trigger is told about a table.
    pub(crate) fn table(&self, name: &str) -> TableConfig {
        let plain = |text: &str| text.replace(['[', ']', '"', '`'], "").to_lowercase();
        let found = self.tables.iter().find(|(key, _)| plain(key) == plain(name));
        found.map(|(_, table)| table.clone()).unwrap_or_default()
    }

    /// Reads the URL.
    pub(crate) fn address(&self) -> Result<Address, String> {
        let url = url::Url::parse(&self.url).map_err(|e| format!("`url` is no URL: {e}"))?;
        let (engine, port) = match url.scheme() {
            "postgres" | "postgresql" => (Engine::Postgres, 5432),
            "mysql" | "mariadb" => (Engine::MySql, 3306),
            "sqlserver" | "mssql" => (Engine::SqlServer, 1433),
            other => {
                return Err(format!(
                    "`url` begins with `{other}:`; known are postgres:, mysql:, mariadb: and sqlserver:"
                ));
            }
        };
        if url.password().is_some() {
            return Err(
                "take the password out of `url` and name it by reference: password = { env = \"…\" }".into(),
            );
        }
        if url.query().is_some() {
            return Err(
                "`url` takes no options; TLS is on wherever the database is not on this machine".into()
            );
        }
        let decode = |text: &str| super::percent(text);
        let database = decode(url.path().trim_matches('/'));
        if database.is_empty() || url.username().is_empty() {
            return Err("`url` needs a user and a database: postgres://USER@HOST/DATABASE".into());
        }
        Ok(Address {
            engine,
            host: url.host_str().ok_or("`url` has no host")?.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            user: decode(url.username()),
            database,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::SqlConfig;

    #[test]
    fn urls_are_read() {
        let read = |url: &str| {
            let config: SqlConfig = serde_json::from_value(serde_json::json!({"url": url})).expect("config");
            config.address()
        };
        let address = read("postgres://svc%40hr@db.example/people").expect("address");
        assert_eq!((address.host.as_str(), address.port), ("db.example", 5432));
        assert_eq!((address.user.as_str(), address.database.as_str()), ("svc@hr", "people"));
        assert_eq!(
            read("mariadb://u@127.0.0.1:3307/hr").map(|a| (a.port, a.is_loopback())),
            Ok((3307, true))
        );
        for bad in ["postgres://u:pw@h/d", "oracle://u@h/d", "postgres://h/d", "postgres://u@h", "x"] {
            let error = read(bad).expect_err(bad);
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
