//! Writing entries: serialized by the caller, numbered and inserted by the writer.
use rusqlite::{CachedStatement, Connection, params};

use super::entry::NewLogEntry;
use super::ids::IdCoder;
use crate::cycles::CycleKey;
use crate::error::{Result, StoreError};
use crate::jobs::JobKey;
use crate::time::micros;

/// An entry in the form of its row.
pub(crate) struct Stored {
    time: i64,
    change: Option<i64>,
    action: i64,
    status: i64,
    duration: i64,
    upload: Option<i64>,
    source: String,
    target: Option<String>,
    target_name: Option<String>,
    error_code: Option<String>,
    detail: String,
}

impl Stored {
    pub(crate) fn all(entries: &[NewLogEntry], ids: IdCoder) -> Result<Vec<Self>> {
        entries.iter().map(|entry| Self::of(entry, ids)).collect()
    }

    fn of(entry: &NewLogEntry, ids: IdCoder) -> Result<Self> {
        let detail = serde_json::to_string(&entry.detail)
            .map_err(|error| StoreError::damaged("a log entry's detail", error))?;
        Ok(Self {
            time: micros(entry.time),
            change: entry.change.and_then(|change| ids.change_seq(change)),
            action: entry.action.number(),
            status: entry.status.number(),
            duration: entry.duration,
            upload: entry.upload.map(|upload| upload.0),
            source: entry.source.clone(),
            target: entry.target.clone(),
            target_name: entry.target_name.clone(),
            error_code: entry.error_code.clone(),
            detail,
        })
    }
}

/// Inserts the entries of one batch.
pub(crate) struct LogWriter<'c> {
    job: i64,
    cycle: Option<i64>,
    next: i64,
    times: Option<(i64, i64)>,
    insert: CachedStatement<'c>,
}

impl<'c> LogWriter<'c> {
    pub(crate) fn new(connection: &'c Connection, job: JobKey, cycle: Option<CycleKey>) -> Result<Self> {
        let newest: Option<i64> =
            connection.prepare_cached("SELECT max(seq) FROM log")?.query_row([], |row| row.get(0))?;
        let sql = "INSERT INTO log (seq, time, job, cycle, change_of, action, status, duration, upload, source, target, \
                   target_name, error_code, detail) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        Ok(Self {
            job: job.0,
            cycle: cycle.map(|cycle| cycle.0),
            next: newest.unwrap_or(0) + 1,
            times: None,
            insert: connection.prepare_cached(sql)?,
        })
    }

    /// Inserts one person's entries; returns the number of the first. Entries without a change continue the first one's.
    pub(crate) fn write(&mut self, entries: &[Stored]) -> Result<i64> {
        let first = self.next;
        let begun = entries.first().map(|entry| entry.change.unwrap_or(first));
        for entry in entries {
            let change = entry.change.or(begun).filter(|change| *change != self.next);
            self.insert.execute(params![
                self.next,
                entry.time,
                self.job,
                self.cycle,
                change,
                entry.action,
                entry.status,
                entry.duration,
                entry.upload,
                entry.source,
                entry.target,
                entry.target_name,
                entry.error_code,
                entry.detail
            ])?;
            self.next += 1;
            let (from, to) = self.times.unwrap_or((entry.time, entry.time));
            self.times = Some((from.min(entry.time), to.max(entry.time)));
        }
        Ok(first)
    }

    /// Between which times the entries written so far lie.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        self.times
    }
}
