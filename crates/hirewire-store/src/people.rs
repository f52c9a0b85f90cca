//! People of a job: last accepted record, link, scope, failures put aside (spec/engine.md §2.3, §4, §14).
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use crate::error::{Result, StoreError};
use crate::jobs::JobKey;
use crate::log::ids::IdCoder;
use crate::references::{self, PendingReference};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// The last accepted record of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The SCIM user as JSON text.
    pub data: String,
    /// File and row it came from.
    pub origin: Option<String>,
}

/// What a job remembers of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Source anchor.
    pub anchor: String,
    /// Linked target anchor.
    pub target: Option<String>,
    /// In scope when last processed.
    pub in_scope: bool,
    /// The next moment at which time alone changes the outcome.
    pub next_due: Option<Timestamp>,
    /// The last accepted record; `None` for a link without one.
    pub record: Option<Record>,
    /// What each of several sources said, as JSON text; `None` where the job has one source.
    pub parts: Option<String>,
}

/// A person whose last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrow {
    /// Source anchor.
    pub anchor: String,
    /// Error code (spec/engine.md §18).
    pub code: String,
    /// For people.
    pub reason: String,
    /// A failed reference only: not counted in the ordinary quarantine thresholds (spec/engine.md §9).
    pub reference: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// The first failure.
    pub since: Timestamp,
    /// Not before this.
    pub next_try: Timestamp,
    /// The person was gone from the source: tried again, the account is deleted.
    pub gone: bool,
}

/// Everything the engine wants to know of one anchor. All parts empty for an unknown person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonState {
    /// Record, link and scope.
    pub person: Option<Person>,
    /// Put-aside failure.
    pub escrow: Option<Escrow>,
    /// References that wait for somebody else's link.
    pub pending: Vec<PendingReference>,
}

const COLUMNS: &str = "anchor, target, in_scope, next_due, record, origin, parts";
const ESCROW_COLUMNS: &str = "anchor, code, reason, reference, attempts, since, next_try, gone";

impl Store {
    /// The state of each anchor, in the order asked for.
    pub fn load_batch<A: AsRef<str>>(&self, job: JobKey, anchors: &[A]) -> Result<Vec<PersonState>> {
        let ids = self.ids();
        self.read(|connection| {
            let mut loader = Loader::new(connection, job, ids)?;
            anchors.iter().map(|anchor| loader.load(anchor.as_ref())).collect()
        })
    }

    /// The linked target anchor of each source anchor.
    pub fn resolve<A: AsRef<str>>(&self, job: JobKey, anchors: &[A]) -> Result<Vec<Option<String>>> {
        self.look_up(job, anchors, "SELECT target FROM people WHERE job = ?1 AND anchor = ?2")
    }

    /// The source anchor that owns each target anchor.
    pub fn owners<A: AsRef<str>>(&self, job: JobKey, targets: &[A]) -> Result<Vec<Option<String>>> {
        self.look_up(job, targets, "SELECT anchor FROM people WHERE job = ?1 AND target = ?2")
    }

    fn look_up<A: AsRef<str>>(&self, job: JobKey, keys: &[A], sql: &str) -> Result<Vec<Option<String>>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let one = |key: &A| {
                Ok(statement.query_row(params![job.0, key.as_ref()], |row| row.get(0)).optional()?.flatten())
            };
            keys.iter().map(one).collect()
        })
    }

    /// People in order of anchor, after `after` when given: for re-planning everybody and for finding who is gone.
    pub fn people(&self, job: JobKey, after: Option<&str>, limit: usize) -> Result<Vec<Person>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM people WHERE job = ?1 AND anchor > ?2 ORDER BY anchor LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![job.0, after.unwrap_or(""), limit as i64], read_person)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Linked people with this name, at most a few of them, in order of anchor.
    pub fn people_named(&self, job: JobKey, name_key: i64) -> Result<Vec<Person>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM people WHERE job = ?1 AND name_key = ?2 AND target IS NOT NULL \
                 ORDER BY anchor LIMIT 20"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![job.0, name_key], read_person)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// People of the job, and how many of them are linked.
    pub fn count_people(&self, job: JobKey) -> Result<(u64, u64)> {
        self.read(|connection| {
            // Each half is counted in its own index: the table itself holds everybody's record.
            let sql = "SELECT (SELECT count(*) FROM people WHERE job = ?1), \
                       (SELECT count(*) FROM people WHERE job = ?1 AND target IS NOT NULL)";
            let (people, linked): (i64, i64) =
                connection.prepare_cached(sql)?.query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((people.unsigned_abs(), linked.unsigned_abs()))
        })
    }

    /// Anchors whose moment has come, earliest first.
    pub fn due(&self, job: JobKey, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        let sql = "SELECT anchor FROM people WHERE job = ?1 AND next_due <= ?2 ORDER BY next_due LIMIT ?3";
        self.anchors_until(sql, job, now, limit)
    }

    /// Anchors of put-aside failures that may be tried again, earliest first.
    pub fn escrow_due(&self, job: JobKey, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        let sql = "SELECT anchor FROM escrow WHERE job = ?1 AND next_try <= ?2 ORDER BY next_try LIMIT ?3";
        self.anchors_until(sql, job, now, limit)
    }

    fn anchors_until(&self, sql: &str, job: JobKey, now: Timestamp, limit: usize) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![job.0, micros(now), limit as i64], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The earliest moment at which [`Store::due`] or [`Store::escrow_due`] will have something.
    pub fn next_wake(&self, job: JobKey) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            let min = |sql: &str| -> Result<Option<i64>> {
                Ok(connection.prepare_cached(sql)?.query_row([job.0], |row| row.get(0))?)
            };
            let due = min("SELECT min(next_due) FROM people WHERE job = ?1 AND next_due IS NOT NULL")?;
            let again = min("SELECT min(next_try) FROM escrow WHERE job = ?1")?;
            Ok(due.into_iter().chain(again).min().map(timestamp))
        })
    }

    /// Put-aside failures in order of anchor, after `after` when given.
    pub fn escrows(&self, job: JobKey, after: Option<&str>, limit: usize) -> Result<Vec<Escrow>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {ESCROW_COLUMNS} FROM escrow WHERE job = ?1 AND anchor > ?2 ORDER BY anchor LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![job.0, after.unwrap_or(""), limit as i64], read_escrow)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Put-aside failures: all but references, and references (spec/engine.md §14 counts them apart).
    pub fn count_escrows(&self, job: JobKey) -> Result<(u64, u64)> {
        self.read(|connection| {
            let sql = "SELECT count(*), coalesce(sum(reference), 0) FROM escrow WHERE job = ?1";
            let (all, references): (i64, i64) =
                connection.prepare_cached(sql)?.query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(((all - references).unsigned_abs(), references.unsigned_abs()))
        })
    }

    /// Forgets all failure records (restart scope `Escrows`): the people are due at `now`.
    pub fn clear_escrows(&self, job: JobKey, now: Timestamp) -> Result<u64> {
        self.write(move |connection| {
            let sql = "UPDATE people SET next_due = ?2 WHERE job = ?1 AND (next_due IS NULL OR next_due > ?2) \
                       AND anchor IN (SELECT anchor FROM escrow WHERE job = ?1 AND NOT gone)";
            connection.prepare_cached(sql)?.execute(params![job.0, micros(now)])?;
            // Of somebody who is gone nothing else says that the account is still to be deleted.
            let sql = "UPDATE escrow SET next_try = ?2 WHERE job = ?1 AND gone";
            let gone = connection.prepare_cached(sql)?.execute(params![job.0, micros(now)])?;
            let sql = "DELETE FROM escrow WHERE job = ?1 AND NOT gone";
            Ok((gone + connection.prepare_cached(sql)?.execute([job.0])?) as u64)
        })
    }

    /// Forgets all links (restart scope `ConnectorDataStore`); records stay, everybody is matched anew.
    pub fn clear_links(&self, job: JobKey) -> Result<u64> {
        self.write(move |connection| {
            let sql = "UPDATE people SET target = NULL, in_scope = 0 WHERE job = ?1 AND target IS NOT NULL";
            Ok(connection.prepare_cached(sql)?.execute([job.0])? as u64)
        })
    }

    /// Cuts one link (`DELETE objectConnections`); false when there was none.
    pub fn unlink(&self, job: JobKey, anchor: &str) -> Result<bool> {
        let anchor = anchor.to_owned();
        self.write(move |connection| {
            let sql = "UPDATE people SET target = NULL, in_scope = 0 WHERE job = ?1 AND anchor = ?2 AND target IS NOT NULL";
            Ok(connection.execute(sql, params![job.0, anchor])? > 0)
        })
    }

    /// Gives the account of `from` to `to`, who is the same person under a new number; `from` is forgotten. Returns the
    /// account; `None` when `from` has none or `to` has one already.
    pub fn take_over(&self, job: JobKey, from: &str, to: &str, now: Timestamp) -> Result<Option<String>> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(move |connection| {
            let linked = |anchor: &str| -> Result<Option<String>> {
                let sql = "SELECT target FROM people WHERE job = ?1 AND anchor = ?2";
                let mut statement = connection.prepare_cached(sql)?;
                Ok(statement.query_row(params![job.0, anchor], |row| row.get(0)).optional()?.flatten())
            };
            let (Some(account), None) = (linked(&from)?, linked(&to)?) else { return Ok(None) };
            forget(connection, job, &from)?;
            let sql =
                "UPDATE people SET target = ?3, in_scope = 1, next_due = ?4 WHERE job = ?1 AND anchor = ?2";
            if connection.execute(sql, params![job.0, to, account, micros(now)])? == 0 {
                let sql = "INSERT INTO people (job, anchor, target, in_scope) VALUES (?1, ?2, ?3, 1)";
                connection.execute(sql, params![job.0, to, account])?;
            }
            Ok(Some(account))
        })
    }

    /// Makes everybody with a record due at `now` (a changed mapping applies to all, spec/inbound-api.md §6.3).
    pub fn make_everybody_due(&self, job: JobKey, now: Timestamp) -> Result<u64> {
        self.write(move |connection| {
            let sql = "UPDATE people SET next_due = ?2 WHERE job = ?1 AND record IS NOT NULL";
            Ok(connection.prepare_cached(sql)?.execute(params![job.0, micros(now)])? as u64)
        })
    }

    /// Makes some people due at `now`. Returns how many of them have a record.
    pub fn make_due(&self, job: JobKey, anchors: Vec<String>, now: Timestamp) -> Result<u64> {
        self.write(move |connection| {
            let sql = "UPDATE people SET next_due = ?3 WHERE job = ?1 AND anchor = ?2 AND record IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let mut due = 0;
            for anchor in &anchors {
                due += statement.execute(params![job.0, anchor, micros(now)])? as u64;
            }
            Ok(due)
        })
    }

    /// Forgets people altogether: records, links, failures, pending references. Returns how many were known.
    pub fn forget_people(&self, job: JobKey, anchors: Vec<String>) -> Result<u64> {
        self.write(move |connection| {
            let mut known = 0;
            for anchor in &anchors {
                known += forget(connection, job, anchor)?;
            }
            Ok(known)
        })
    }
}

fn forget(connection: &Connection, job: JobKey, anchor: &str) -> Result<u64> {
    for table in ["pending_references", "escrow"] {
        let sql = format!("DELETE FROM {table} WHERE job = ?1 AND anchor = ?2");
        connection.prepare_cached(&sql)?.execute(params![job.0, anchor])?;
    }
    let sql = "DELETE FROM people WHERE job = ?1 AND anchor = ?2";
    Ok(connection.prepare_cached(sql)?.execute(params![job.0, anchor])? as u64)
}

/// The three look-ups of one person, prepared once per batch.
struct Loader<'c> {
    job: i64,
    ids: IdCoder,
    person: CachedStatement<'c>,
    escrow: CachedStatement<'c>,
    pending: CachedStatement<'c>,
}

impl<'c> Loader<'c> {
    fn new(connection: &'c Connection, job: JobKey, ids: IdCoder) -> Result<Self> {
        let sql = |columns: &str, table: &str| {
            format!("SELECT {columns} FROM {table} WHERE job = ?1 AND anchor = ?2")
        };
        Ok(Self {
            job: job.0,
            ids,
            person: connection.prepare_cached(&sql(COLUMNS, "people"))?,
            escrow: connection.prepare_cached(&sql(ESCROW_COLUMNS, "escrow"))?,
            pending: connection.prepare_cached(&sql(references::COLUMNS, "pending_references"))?,
        })
    }

    fn load(&mut self, anchor: &str) -> Result<PersonState> {
        let (job, ids) = (self.job, self.ids);
        let person = self.person.query_row(params![job, anchor], read_person).optional()?;
        let escrow = self.escrow.query_row(params![job, anchor], read_escrow).optional()?;
        let pending = self.pending.query_map(params![job, anchor], |row| references::read(row, ids))?;
        Ok(PersonState { person, escrow, pending: pending.collect::<rusqlite::Result<_>>()? })
    }
}

fn read_person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let (data, origin): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
    Ok(Person {
        anchor: row.get(0)?,
        target: row.get(1)?,
        in_scope: row.get(2)?,
        next_due: row.get::<_, Option<i64>>(3)?.map(timestamp),
        record: data.map(|data| Record { data, origin }),
        parts: row.get(6)?,
    })
}

fn read_escrow(row: &Row<'_>) -> rusqlite::Result<Escrow> {
    Ok(Escrow {
        anchor: row.get(0)?,
        code: row.get(1)?,
        reason: row.get(2)?,
        reference: row.get(3)?,
        attempts: row.get(4)?,
        since: timestamp(row.get(5)?),
        next_try: timestamp(row.get(6)?),
        gone: row.get(7)?,
    })
}

/// Who has `target`, for the message of a refused link.
pub(crate) fn target_owned(connection: &Connection, job: JobKey, anchor: &str, target: &str) -> StoreError {
    let owner = connection
        .query_row(
            "SELECT anchor FROM people WHERE job = ?1 AND target = ?2",
            params![job.0, target],
            |row| row.get(0),
        )
        .optional()
        .unwrap_or_default();
    StoreError::TargetOwned { anchor: anchor.into(), target: target.into(), owner }
}
