//! Cycles: what ran when, with which result (spec/engine.md §2).
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};
use crate::jobs::{JobKey, text_enum, unreadable};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// The store's short name of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CycleKey(pub(crate) i64);

/// Why a cycle runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleKind {
    /// Everybody.
    Initial,
    /// What changed.
    Incremental,
    /// One person, asked for by hand.
    OnDemand,
}

/// How a cycle is or ended (`lastExecution.state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleState {
    /// Not ended.
    Running,
    /// All well.
    Succeeded,
    /// Some people failed.
    EntryLevelErrors,
    /// It could not go on.
    Failed,
    /// The process ended while it ran.
    Interrupted,
}

text_enum!(CycleKind, "cycle kind", Initial, Incremental, OnDemand);
text_enum!(CycleState, "cycle state", Running, Succeeded, EntryLevelErrors, Failed, Interrupted);

/// What a cycle did, in people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CycleCounts {
    /// Operations and people looked at.
    pub imported: u64,
    /// New accounts.
    pub created: u64,
    /// Changed accounts.
    pub updated: u64,
    /// Accounts switched off.
    pub disabled: u64,
    /// Accounts switched on.
    pub enabled: u64,
    /// Removed accounts.
    pub deleted: u64,
    /// Nothing to do or not in scope.
    pub skipped: u64,
    /// Failures put aside.
    pub failed: u64,
    /// Deletes and disables held back (spec/engine.md §15).
    pub held: u64,
    /// References that wait.
    pub pending_references: u64,
}

/// A cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The store's short name of it.
    pub key: CycleKey,
    /// `cycleId`, a GUID.
    pub id: String,
    /// The job.
    pub job: JobKey,
    /// Why it ran.
    pub kind: CycleKind,
    /// How it is.
    pub state: CycleState,
    /// First moment.
    pub began: Timestamp,
    /// Last moment.
    pub ended: Option<Timestamp>,
    /// What it did.
    pub counts: CycleCounts,
    /// The error it ended with, as JSON text.
    pub error: Option<String>,
    /// What was held and who let it pass, as JSON text.
    pub approval: Option<String>,
}

const COLUMNS: &str = "key, id, job, kind, state, began, ended, counts, error, approval";

impl Store {
    /// Begins a cycle. A cycle of the job that still says `Running` was cut off with its process and says so from now on.
    pub fn begin_cycle(&self, job: JobKey, id: &str, kind: CycleKind, began: Timestamp) -> Result<CycleKey> {
        let id = id.to_owned();
        self.write(move |connection| {
            let sql = "UPDATE cycles SET state = 'Interrupted', ended = ?2 WHERE job = ?1 AND state = 'Running'";
            connection.prepare_cached(sql)?.execute(params![job.0, micros(began)])?;
            let sql = "INSERT INTO cycles (id, job, kind, state, began, counts) VALUES (?1, ?2, ?3, 'Running', ?4, '{}')";
            let mut statement = connection.prepare_cached(sql)?;
            match statement.execute(params![id, job.0, kind.as_str(), micros(began)]).map_err(StoreError::from) {
                Err(error) if error.is_unique_violation() => Err(StoreError::Exists { what: "cycle", name: id }),
                Err(error) => Err(error),
                Ok(_) => Ok(CycleKey(connection.last_insert_rowid())),
            }
        })
    }

    /// Ends a cycle.
    pub fn end_cycle(
        &self,
        cycle: CycleKey,
        state: CycleState,
        ended: Timestamp,
        counts: CycleCounts,
        error: Option<String>,
    ) -> Result<()> {
        self.write(move |connection| {
            let sql = "UPDATE cycles SET state = ?2, ended = ?3, counts = ?4, error = ?5 WHERE key = ?1";
            let values = params![cycle.0, state.as_str(), micros(ended), counts_text(&counts)?, error];
            found(connection.prepare_cached(sql)?.execute(values)?, cycle)
        })
    }

    /// Notes what was held in a cycle and who let it pass, as JSON text.
    pub fn set_cycle_approval(&self, cycle: CycleKey, approval: Option<String>) -> Result<()> {
        self.write(move |connection| {
            let sql = "UPDATE cycles SET approval = ?2 WHERE key = ?1";
            found(connection.execute(sql, params![cycle.0, approval])?, cycle)
        })
    }

    /// The job's cycles, newest first, before `before` when given.
    pub fn cycles(&self, job: JobKey, before: Option<CycleKey>, limit: usize) -> Result<Vec<Cycle>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM cycles WHERE job = ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let before = before.map_or(i64::MAX, |key| key.0);
            let rows = statement.query_map(params![job.0, before, limit as i64], read_cycle)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The cycle with this `cycleId`.
    pub fn cycle(&self, id: &str) -> Result<Option<Cycle>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM cycles WHERE id = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([id], read_cycle).optional()?)
        })
    }

    /// The job's newest ended cycle, or the newest that `Succeeded`, or the newest `Succeeded` one with exports: the three
    /// executions of a job's status (spec/inbound-api.md §6.1).
    pub fn last_executions(&self, job: JobKey) -> Result<[Option<Cycle>; 3]> {
        let exported = "state = 'Succeeded' AND coalesce(counts ->> 'created', 0) + coalesce(counts ->> 'updated', 0) \
                        + coalesce(counts ->> 'disabled', 0) + coalesce(counts ->> 'enabled', 0) \
                        + coalesce(counts ->> 'deleted', 0) > 0";
        self.read(|connection| {
            let newest = |filter: &str| -> Result<Option<Cycle>> {
                let sql = format!(
                    "SELECT {COLUMNS} FROM cycles WHERE job = ?1 AND {filter} ORDER BY key DESC LIMIT 1"
                );
                Ok(connection.prepare_cached(&sql)?.query_row([job.0], read_cycle).optional()?)
            };
            Ok([newest("state <> 'Running'")?, newest("state = 'Succeeded'")?, newest(exported)?])
        })
    }
}

/// Notes new counts and the times between which the batch's log entries lie.
pub(crate) fn touch(
    connection: &Connection,
    cycle: CycleKey,
    counts: Option<&CycleCounts>,
    times: Option<(i64, i64)>,
) -> Result<()> {
    let (first, last) = times.unzip();
    let sql = "UPDATE cycles SET counts = coalesce(?2, counts), \
               first_time = coalesce(min(first_time, ?3), first_time, ?3), \
               last_time = coalesce(max(last_time, ?4), last_time, ?4) WHERE key = ?1";
    let counts = counts.map(counts_text).transpose()?;
    found(connection.prepare_cached(sql)?.execute(params![cycle.0, counts, first, last])?, cycle)
}

fn counts_text(counts: &CycleCounts) -> Result<String> {
    serde_json::to_string(counts).map_err(|error| StoreError::damaged("counts", error))
}

fn found(changed: usize, cycle: CycleKey) -> Result<()> {
    if changed == 0 { Err(StoreError::not_found("cycle", cycle.0.to_string())) } else { Ok(()) }
}

fn read_cycle(row: &Row<'_>) -> rusqlite::Result<Cycle> {
    Ok(Cycle {
        key: CycleKey(row.get(0)?),
        id: row.get(1)?,
        job: JobKey(row.get(2)?),
        kind: CycleKind::read(row.get_ref(3)?.as_str()?)?,
        state: CycleState::read(row.get_ref(4)?.as_str()?)?,
        began: timestamp(row.get(5)?),
        ended: row.get::<_, Option<i64>>(6)?.map(timestamp),
        counts: serde_json::from_str(row.get_ref(7)?.as_str()?)
            .map_err(|error| unreadable(error.to_string()))?,
        error: row.get(8)?,
        approval: row.get(9)?,
    })
}
