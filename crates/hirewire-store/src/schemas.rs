//! Every version of a job's schema document, byte for byte as it was saved (spec/inbound-api.md §6.3).
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::error::{Result, StoreError};
use crate::jobs::JobKey;
use crate::store::Store;
use crate::time::{micros, timestamp};

/// A saved version, without the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    /// From 1.
    pub version: i64,
    /// When.
    pub saved: Timestamp,
    /// By whom, for people.
    pub saved_by: String,
}

impl Store {
    /// Saves a new version of the job's schema. A text equal to the newest version saves nothing and returns that version.
    pub fn save_schema(&self, job: JobKey, document: &str, saved_by: &str, now: Timestamp) -> Result<i64> {
        let (document, saved_by) = (document.to_owned(), saved_by.to_owned());
        self.write(move |connection| {
            let sql =
                "SELECT version, document = ?2 FROM schemas WHERE job = ?1 ORDER BY version DESC LIMIT 1";
            let newest: Option<(i64, bool)> = connection
                .query_row(sql, params![job.0, document], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((version, true)) = newest {
                return Ok(version);
            }
            let version = newest.map_or(1, |(version, _)| version + 1);
            let sql =
                "INSERT INTO schemas (job, version, saved, saved_by, document) VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, params![job.0, version, micros(now), saved_by, document])?;
            Ok(version)
        })
    }

    /// The document of a version, or of the newest one; `None` when the job has none.
    pub fn schema(&self, job: JobKey, version: Option<i64>) -> Result<Option<(SchemaVersion, String)>> {
        self.read(|connection| {
            let sql = "SELECT version, saved, saved_by, document FROM schemas WHERE job = ?1 \
                       AND (?2 IS NULL OR version = ?2) ORDER BY version DESC LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(params![job.0, version], |row| Ok((read(row)?, row.get(3)?)));
            Ok(found.optional()?)
        })
    }

    /// All versions, newest first.
    pub fn schema_versions(&self, job: JobKey) -> Result<Vec<SchemaVersion>> {
        self.read(|connection| {
            let sql = "SELECT version, saved, saved_by FROM schemas WHERE job = ?1 ORDER BY version DESC";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([job.0], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Makes an older version the newest again; fails with [`StoreError::NotFound`].
    pub fn restore_schema(&self, job: JobKey, version: i64, saved_by: &str, now: Timestamp) -> Result<i64> {
        let (_, document) = self
            .schema(job, Some(version))?
            .ok_or_else(|| StoreError::not_found("schema version", version.to_string()))?;
        self.save_schema(job, &document, saved_by, now)
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<SchemaVersion> {
    Ok(SchemaVersion { version: row.get(0)?, saved: timestamp(row.get(1)?), saved_by: row.get(2)? })
}
