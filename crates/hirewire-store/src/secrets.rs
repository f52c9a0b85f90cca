//! Secrets at rest: names can be listed, values come out through [`Store::open_secret`] only.
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use secrecy::SecretSlice;

use crate::error::{Result, StoreError};
use crate::seal::MasterKey;
use crate::store::{KeySource, Store};
use crate::time::{micros, timestamp};

impl Store {
    /// Seals and saves a secret under a scope (a service principal's id, `signing`, `workflow`, …) and a name.
    pub fn put_secret(&self, scope: &str, name: &str, value: &[u8], now: Timestamp) -> Result<()> {
        let sealed = self.master_key()?.seal(&place(scope, name), value)?;
        let (scope, name) = (scope.to_owned(), name.to_owned());
        self.write(move |connection| {
            let sql = "INSERT OR REPLACE INTO secrets (scope, name, saved, sealed) VALUES (?1, ?2, ?3, ?4)";
            connection.prepare_cached(sql)?.execute(params![scope, name, micros(now), sealed])?;
            Ok(())
        })
    }

    /// Replaces all secrets of a scope (`PUT …/secrets` replaces all, spec/inbound-api.md §6.2).
    pub fn replace_secrets(&self, scope: &str, values: &[(String, Vec<u8>)], now: Timestamp) -> Result<()> {
        let key = self.master_key()?;
        let seal =
            |(name, value): &(String, Vec<u8>)| Ok((name.clone(), key.seal(&place(scope, name), value)?));
        let sealed = values.iter().map(seal).collect::<Result<Vec<_>>>()?;
        let scope = scope.to_owned();
        self.write(move |connection| {
            connection.execute("DELETE FROM secrets WHERE scope = ?1", [&scope])?;
            let sql = "INSERT OR REPLACE INTO secrets (scope, name, saved, sealed) VALUES (?1, ?2, ?3, ?4)";
            let mut statement = connection.prepare_cached(sql)?;
            for (name, sealed) in &sealed {
                statement.execute(params![scope, name, micros(now), sealed])?;
            }
            Ok(())
        })
    }

    /// Names of a scope's secrets and when each was saved.
    pub fn secret_names(&self, scope: &str) -> Result<Vec<(String, Timestamp)>> {
        self.read(|connection| {
            let sql = "SELECT name, saved FROM secrets WHERE scope = ?1 ORDER BY name";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([scope], |row| Ok((row.get(0)?, timestamp(row.get(1)?))))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The value of a secret; `None` when there is none.
    pub fn open_secret(&self, scope: &str, name: &str) -> Result<Option<SecretSlice<u8>>> {
        let sealed: Option<Vec<u8>> = self.read(|connection| {
            let sql = "SELECT sealed FROM secrets WHERE scope = ?1 AND name = ?2";
            Ok(connection.prepare_cached(sql)?.query_row([scope, name], |row| row.get(0)).optional()?)
        })?;
        let Some(sealed) = sealed else { return Ok(None) };
        Ok(Some(self.master_key()?.open(&place(scope, name), &sealed)?))
    }

    /// Deletes a secret; false when there was none.
    pub fn delete_secret(&self, scope: &str, name: &str) -> Result<bool> {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        self.write(move |connection| {
            let sql = "DELETE FROM secrets WHERE scope = ?1 AND name = ?2";
            Ok(connection.execute(sql, [scope, name])? > 0)
        })
    }

    /// Seals all secrets anew under another master key; returns how many. The caller keeps the new key.
    pub fn change_master_key(&self, new: &MasterKey) -> Result<u64> {
        let (old, new) = (self.master_key()?, new.clone());
        self.write(move |connection| {
            let mut statement = connection.prepare("SELECT scope, name, sealed FROM secrets")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let rows: Vec<(String, String, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;
            for (scope, name, sealed) in &rows {
                let place = place(scope, name);
                let value = old.open(&place, sealed)?;
                let sealed = new.seal(&place, secrecy::ExposeSecret::expose_secret(&value))?;
                let sql = "UPDATE secrets SET sealed = ?3 WHERE scope = ?1 AND name = ?2";
                connection.execute(sql, params![scope, name, sealed])?;
            }
            Ok(rows.len() as u64)
        })
    }

    fn master_key(&self) -> Result<MasterKey> {
        match self.keys() {
            KeySource::Given(key) => Ok(key.clone()),
            KeySource::File(path) => Ok(MasterKey::load_or_create(path).map_err(StoreError::from)?),
        }
    }
}

/// No two pairs give the same text: the length says where the scope ends.
fn place(scope: &str, name: &str) -> String {
    format!("{}:{scope}/{name}", scope.len())
}
