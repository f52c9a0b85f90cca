//! Small values by name.
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Result, StoreError};
use crate::store::Store;

/// Makes the ids of this database's log entries differ from every other's.
const LOG_SALT: &str = "log.salt";

impl Store {
    /// The value under `key`.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        self.read(|connection| get(connection, key))
    }

    /// All settings whose key begins with `prefix`, by key.
    pub fn settings(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key, value FROM settings WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
            )?;
            let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Sets `key`; `None` removes it.
    pub fn set_setting(&self, key: &str, value: Option<&str>) -> Result<()> {
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        self.write(move |connection| match value {
            Some(value) => put(connection, &key, &value),
            None => Ok(connection.execute("DELETE FROM settings WHERE key = ?1", [key]).map(|_| ())?),
        })
    }
}

fn get(connection: &Connection, key: &str) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

fn put(connection: &Connection, key: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![key, value])?;
    Ok(())
}

pub(crate) fn ensure_log_salt(connection: &Connection) -> Result<()> {
    if get(connection, LOG_SALT)?.is_none() {
        put(connection, LOG_SALT, &uuid::Uuid::new_v4().as_u64_pair().0.to_string())?;
    }
    Ok(())
}

pub(crate) fn log_salt(connection: &Connection) -> Result<u64> {
    let text =
        get(connection, LOG_SALT)?.ok_or_else(|| StoreError::damaged("the setting log.salt", "missing"))?;
    text.parse().map_err(|error| StoreError::damaged("the setting log.salt", error))
}
