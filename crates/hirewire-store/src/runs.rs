//! Workflow runs: an opaque log per run, written and read by the workflow engine.
use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::store::Store;

/// A run that has entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Name of the run.
    pub run: String,
    /// Its entries.
    pub entries: u64,
    /// Number of the last entry.
    pub last: i64,
}

impl Store {
    /// Writes entry `seq` of a run; on return it is on disk. Writing an entry again replaces it.
    pub fn workflow_put(&self, run: &str, seq: i64, bytes: Vec<u8>) -> Result<()> {
        self.workflow_put_all(run, vec![(seq, bytes)])
    }

    /// Writes several entries of a run in one transaction.
    pub fn workflow_put_all(&self, run: &str, entries: Vec<(i64, Vec<u8>)>) -> Result<()> {
        let run = run.to_owned();
        self.write(move |connection| {
            let sql = "INSERT OR REPLACE INTO runs (run, seq, bytes) VALUES (?1, ?2, ?3)";
            let mut statement = connection.prepare_cached(sql)?;
            for (seq, bytes) in &entries {
                statement.execute(params![run, seq, bytes])?;
            }
            Ok(())
        })
    }

    /// Writes and removes entries of several runs in one transaction; on return they are on disk. An entry without bytes
    /// is removed.
    pub fn workflow_write(&self, entries: Vec<(String, i64, Option<Vec<u8>>)>) -> Result<()> {
        self.write(move |connection| {
            let mut put = connection
                .prepare_cached("INSERT OR REPLACE INTO runs (run, seq, bytes) VALUES (?1, ?2, ?3)")?;
            let mut remove = connection.prepare_cached("DELETE FROM runs WHERE run = ?1 AND seq = ?2")?;
            for (run, seq, bytes) in &entries {
                match bytes {
                    Some(bytes) => put.execute(params![run, seq, bytes])?,
                    None => remove.execute(params![run, seq])?,
                };
            }
            Ok(())
        })
    }

    /// One entry of a run.
    pub fn workflow_entry(&self, run: &str, seq: i64) -> Result<Option<Vec<u8>>> {
        self.read(|connection| {
            let sql = "SELECT bytes FROM runs WHERE run = ?1 AND seq = ?2";
            Ok(connection.prepare_cached(sql)?.query_row(params![run, seq], |row| row.get(0)).optional()?)
        })
    }

    /// Up to `limit` entries of a run with numbers below `before`, newest first.
    pub fn workflow_newest(
        &self,
        run: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, Vec<u8>)>> {
        self.read(|connection| {
            let sql = "SELECT seq, bytes FROM runs WHERE run = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![run, before.unwrap_or(i64::MAX), limit], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// All entries of a run in order.
    pub fn workflow_read(&self, run: &str) -> Result<Vec<(i64, Vec<u8>)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT seq, bytes FROM runs WHERE run = ?1 ORDER BY seq")?;
            let rows = statement.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Runs whose name begins with `prefix`, in order of name, after `after` when given.
    pub fn workflow_runs(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<RunSummary>> {
        self.read(|connection| {
            // The key orders by bytes, so a prefix is a range.
            let sql = "SELECT run, count(*), max(seq) FROM runs WHERE run > ?2 AND run >= ?1 \
                       AND substr(run, 1, length(?1)) = ?1 GROUP BY run ORDER BY run LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![prefix, after.unwrap_or(""), limit as i64], |row| {
                Ok(RunSummary {
                    run: row.get(0)?,
                    entries: row.get::<_, i64>(1)?.unsigned_abs(),
                    last: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Deletes a run; false when there was none.
    pub fn workflow_delete(&self, run: &str) -> Result<bool> {
        let run = run.to_owned();
        self.write(move |connection| Ok(connection.execute("DELETE FROM runs WHERE run = ?1", [run])? > 0))
    }
}
