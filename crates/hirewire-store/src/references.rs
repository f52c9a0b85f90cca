//! References that wait for the other person's link (spec/engine.md §9).
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::error::Result;
use crate::jobs::JobKey;
use crate::log::ids::IdCoder;
use crate::store::Store;
use crate::time::timestamp;

/// A reference to be kept until it can be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReference {
    /// Target attribute, such as `manager`.
    pub attribute: String,
    /// Source anchor of the other person.
    pub wanted: String,
    /// The change it belongs to; `None`: that of the person's first log entry in the same batch.
    pub change: Option<Uuid>,
}

/// A reference that could not be resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReference {
    /// Source anchor of the person who has the reference.
    pub anchor: String,
    /// Target attribute.
    pub attribute: String,
    /// Source anchor of the other person.
    pub wanted: String,
    /// `changeId` that the later log entry is to share (spec/inbound-api.md §8.6).
    pub change: Option<Uuid>,
    /// Since when.
    pub since: Timestamp,
}

pub(crate) const COLUMNS: &str = "anchor, attribute, wanted, change, since";

impl Store {
    /// Everybody who waits for `wanted` to be linked.
    pub fn waiting_on(&self, job: JobKey, wanted: &str) -> Result<Vec<PendingReference>> {
        self.pending(job, "wanted = ?2 ORDER BY anchor", wanted, i64::MAX)
    }

    /// All pending references in order of anchor, after `after` when given.
    pub fn pending_references(
        &self,
        job: JobKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<PendingReference>> {
        self.pending(job, "anchor > ?2 ORDER BY anchor", after.unwrap_or(""), limit as i64)
    }

    /// Pending references of which both people are linked by now.
    pub fn resolvable_references(&self, job: JobKey, limit: usize) -> Result<Vec<PendingReference>> {
        let linked = "?2 = '' AND EXISTS (SELECT 1 FROM people WHERE people.job = ?1 AND people.anchor = wanted \
                      AND target IS NOT NULL) AND EXISTS (SELECT 1 FROM people WHERE people.job = ?1 \
                      AND people.anchor = pending_references.anchor AND target IS NOT NULL) ORDER BY anchor";
        self.pending(job, linked, "", limit as i64)
    }

    fn pending(&self, job: JobKey, filter: &str, value: &str, limit: i64) -> Result<Vec<PendingReference>> {
        let ids = self.ids();
        self.read(|connection| {
            let sql =
                format!("SELECT {COLUMNS} FROM pending_references WHERE job = ?1 AND {filter} LIMIT ?3");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![job.0, value, limit], |row| read(row, ids))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

pub(crate) fn read(row: &Row<'_>, ids: IdCoder) -> rusqlite::Result<PendingReference> {
    Ok(PendingReference {
        anchor: row.get(0)?,
        attribute: row.get(1)?,
        wanted: row.get(2)?,
        change: row.get::<_, Option<i64>>(3)?.map(|seq| ids.change(seq)),
        since: timestamp(row.get(4)?),
    })
}

/// Replaces the person's pending references; one that waited before keeps its `since`.
pub(crate) fn replace(
    connection: &Connection,
    job: JobKey,
    anchor: &str,
    references: &[NewReference],
    ids: IdCoder,
    entry: Option<i64>,
    now: i64,
) -> Result<()> {
    let mut old = connection.prepare_cached(
        "SELECT attribute, wanted, since FROM pending_references WHERE job = ?1 AND anchor = ?2",
    )?;
    let old: Vec<(String, String, i64)> = old
        .query_map(params![job.0, anchor], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if !old.is_empty() {
        let sql = "DELETE FROM pending_references WHERE job = ?1 AND anchor = ?2";
        connection.prepare_cached(sql)?.execute(params![job.0, anchor])?;
    }
    let sql = "INSERT OR REPLACE INTO pending_references (job, anchor, attribute, wanted, change, since) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    for reference in references {
        let waited = old
            .iter()
            .find(|(attribute, wanted, _)| *attribute == reference.attribute && *wanted == reference.wanted);
        let since = waited.map_or(now, |(_, _, since)| *since);
        let change = reference.change.and_then(|change| ids.change_seq(change)).or(entry);
        statement.execute(params![job.0, anchor, reference.attribute, reference.wanted, change, since])?;
    }
    Ok(())
}
