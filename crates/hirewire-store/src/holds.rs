//! Things that wait for somebody's decision: ambiguous matches, held deletes and disables (spec/engine.md §15).
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::cycles::CycleKey;
use crate::error::{Result, StoreError};
use crate::jobs::{JobKey, text_enum};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// Number of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldId(pub i64);

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Approved,
    /// Do not.
    Rejected,
    /// No longer of interest: a later record settled it.
    Superseded,
}

text_enum!(Decision, "decision", Approved, Rejected, Superseded);

/// Something to be decided. A second one of the same kind for the same person replaces the first while that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// What kind, such as `delete`, `disable`, `match`; the runner's own words.
    pub kind: String,
    /// The evidence as JSON text.
    pub detail: String,
}

/// Something that waits for a decision, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// The cycle that held it.
    pub cycle: Option<CycleKey>,
    /// The person.
    pub anchor: String,
    /// What kind.
    pub kind: String,
    /// The evidence.
    pub detail: String,
    /// Since when.
    pub created: Timestamp,
    /// What was decided, when and by whom.
    pub decision: Option<(Decision, Timestamp, String)>,
}

impl Store {
    /// The job's holds in order of their numbers, after `after` when given; only those not decided, or all.
    pub fn holds(
        &self,
        job: JobKey,
        open_only: bool,
        after: Option<HoldId>,
        limit: usize,
    ) -> Result<Vec<Hold>> {
        self.read(|connection| {
            let open = if open_only { "AND decision IS NULL" } else { "" };
            let sql = format!(
                "SELECT id, cycle, anchor, kind, detail, created, decision, decided, decided_by FROM holds \
                 WHERE job = ?1 AND id > ?2 {open} ORDER BY id LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let after = after.map_or(0, |id| id.0);
            let rows = statement.query_map(params![job.0, after, limit as i64], read_hold)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Decides open holds; returns how many were still open.
    pub fn decide(&self, holds: Vec<HoldId>, decision: Decision, by: &str, now: Timestamp) -> Result<u64> {
        let by = by.to_owned();
        self.write(move |connection| {
            let sql =
                "UPDATE holds SET decision = ?2, decided = ?3, decided_by = ?4 WHERE id = ?1 AND decision IS NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let mut open = 0;
            for hold in &holds {
                open += statement.execute(params![hold.0, decision.as_str(), micros(now), by])? as u64;
            }
            Ok(open)
        })
    }

    /// The hold with this number.
    pub fn hold(&self, job: JobKey, id: HoldId) -> Result<Hold> {
        let before = Some(HoldId(id.0.saturating_sub(1)));
        let found = self.holds(job, false, before, 1)?.into_iter().find(|hold| hold.id == id);
        found.ok_or_else(|| StoreError::not_found("hold", id.0.to_string()))
    }
}

pub(crate) fn put(
    connection: &Connection,
    job: JobKey,
    cycle: Option<CycleKey>,
    anchor: &str,
    hold: &NewHold,
    now: i64,
) -> Result<()> {
    let sql = "INSERT INTO holds (job, cycle, anchor, kind, detail, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (job, anchor, kind) WHERE decision IS NULL \
               DO UPDATE SET cycle = excluded.cycle, detail = excluded.detail";
    let cycle = cycle.map(|cycle| cycle.0);
    connection.prepare_cached(sql)?.execute(params![job.0, cycle, anchor, hold.kind, hold.detail, now])?;
    Ok(())
}

/// Whether anything of the job waits for a decision.
pub(crate) fn any_open(connection: &Connection, job: JobKey) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM holds WHERE job = ?1 AND decision IS NULL)";
    Ok(connection.prepare_cached(sql)?.query_row([job.0], |row| row.get(0))?)
}

/// A later record of the person was dealt with: what waited is no longer of interest.
pub(crate) fn supersede(connection: &Connection, job: JobKey, anchor: &str, now: i64) -> Result<()> {
    let sql = "UPDATE holds SET decision = ?3, decided = ?4, decided_by = '' \
               WHERE job = ?1 AND anchor = ?2 AND decision IS NULL";
    let superseded = Decision::Superseded.as_str();
    connection.prepare_cached(sql)?.execute(params![job.0, anchor, superseded, now])?;
    Ok(())
}

fn read_hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let decision = match row.get_ref(6)?.as_str_or_null()? {
        None => None,
        Some(text) => Some((Decision::read(text)?, timestamp(row.get(7)?), row.get(8)?)),
    };
    Ok(Hold {
        id: HoldId(row.get(0)?),
        cycle: row.get::<_, Option<i64>>(1)?.map(CycleKey),
        anchor: row.get(2)?,
        kind: row.get(3)?,
        detail: row.get(4)?,
        created: timestamp(row.get(5)?),
        decision,
    })
}
