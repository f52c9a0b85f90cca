//! What a runner writes after a batch of people: all of it, or nothing.
use jiff::Timestamp;
use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, params};
use uuid::Uuid;

use crate::cycles::{self, CycleCounts, CycleKey};
use crate::error::{Result, StoreError};
use crate::holds::{self, NewHold};
use crate::inbox::OperationId;
use crate::jobs::JobKey;
use crate::log::entry::NewLogEntry;
use crate::log::ids::IdCoder;
use crate::log::write::{LogWriter, Stored};
use crate::people::{Record, target_owned};
use crate::receipts::OperationStatus;
use crate::references::{self, NewReference};
use crate::store::Store;
use crate::time::micros;

/// People from which on a second thread pays.
const WORTH_A_THREAD: usize = 256;

/// The outcome of one batch. People are written in the order given; one target account may pass from one person to
/// another within a batch when the one that loses it comes first.
#[derive(Debug, Clone)]
pub struct BatchResult {
    /// The job.
    pub job: JobKey,
    /// The running cycle.
    pub cycle: Option<CycleKey>,
    /// Now, for what is dated by the store.
    pub now: Timestamp,
    /// One item per person.
    pub people: Vec<PersonResult>,
    /// Replaces the cycle's counts when given.
    pub counts: Option<CycleCounts>,
}

/// The outcome for one person. [`PersonResult::new`] changes nothing.
#[derive(Debug, Clone)]
pub struct PersonResult {
    /// Source anchor.
    pub anchor: String,
    /// Record, link, scope, next moment.
    pub person: Option<PersonWrite>,
    /// Replaces all pending references when given; an empty list removes them.
    pub pending: Option<Vec<NewReference>>,
    /// The failure record.
    pub escrow: EscrowChange,
    /// Operations that are done with; they leave the queue.
    pub outcomes: Vec<OperationOutcome>,
    /// Log entries in order. All share one `changeId` unless they name another.
    pub log: Vec<NewLogEntry>,
    /// Things somebody has to decide.
    pub holds: Vec<NewHold>,
}

impl PersonResult {
    /// Nothing changed yet.
    pub fn new(anchor: impl Into<String>) -> Self {
        Self {
            anchor: anchor.into(),
            person: None,
            pending: None,
            escrow: EscrowChange::Keep,
            outcomes: Vec::new(),
            log: Vec::new(),
            holds: Vec::new(),
        }
    }
}

/// What is remembered of a person from now on.
#[derive(Debug, Clone)]
pub struct PersonWrite {
    /// The new last accepted record; `None` keeps the stored one.
    pub record: Option<Record>,
    /// The link.
    pub link: LinkChange,
    /// In scope.
    pub in_scope: bool,
    /// The next moment at which time alone changes the outcome.
    pub next_due: Option<Timestamp>,
    /// What each of several sources said; `None` keeps what is stored.
    pub parts: Option<String>,
    /// Equal for people of the same name, see [`Store::people_named`]; `None` keeps what is stored.
    pub name_key: Option<i64>,
}

/// What happens to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// As it is.
    Keep,
    /// To this target anchor.
    Set(String),
    /// Removed.
    Remove,
    /// The person is gone from the source and the account with them: record and next moment are forgotten too, so that
    /// nothing brings the account back but a new record.
    Forget,
}

/// What happens to the failure record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EscrowChange {
    /// As it is.
    Keep,
    /// Success removes it.
    Clear,
    /// A failure; the first one's time is kept.
    Put(NewEscrow),
}

/// A failure to be put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEscrow {
    /// Error code (spec/engine.md §18).
    pub code: String,
    /// For people.
    pub reason: String,
    /// See [`crate::Escrow::reference`].
    pub reference: bool,
    /// Attempts so far, this one included.
    pub attempts: u32,
    /// Not before this.
    pub next_try: Timestamp,
    /// See [`crate::Escrow::gone`].
    pub gone: bool,
}

/// An operation that was processed.
#[derive(Debug, Clone)]
pub struct OperationOutcome {
    /// From [`crate::PendingOperation::id`].
    pub operation: OperationId,
    /// Not `Accepted`.
    pub status: OperationStatus,
    /// Skip reason or error code.
    pub reason: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Ids of the log entries in the order given, person by person.
    pub entries: Vec<Uuid>,
}

impl Store {
    /// Writes a batch in one transaction; on return it is on disk. All or nothing.
    pub fn commit_batch(&self, batch: BatchResult) -> Result<Committed> {
        let ids = self.ids();
        // Serialized here, so that the writer's thread only writes.
        let logs = serialized(&batch.people, ids)?;
        self.write(move |connection| commit(connection, &batch, &logs, ids))
    }

    /// Closes waiting operations of some people: a held change was approved, or is no longer wanted.
    pub fn settle_waiting(
        &self,
        people: Vec<(crate::UploadId, String)>,
        status: OperationStatus,
        reason: Option<String>,
    ) -> Result<()> {
        self.write(move |connection| {
            let sql = "UPDATE outcomes SET status = ?3, reason = ?4 WHERE upload = ?1 AND anchor = ?2 AND status = ?5";
            let mut statement = connection.prepare_cached(sql)?;
            for (upload, anchor) in &people {
                let waiting = OperationStatus::Waiting.number();
                statement.execute(params![upload.0, anchor, status.number(), reason, waiting])?;
            }
            Ok(())
        })
    }

    /// Changes the status of an operation that has an outcome already, for example when a held change was approved.
    pub fn set_outcome(
        &self,
        upload: crate::UploadId,
        line: u32,
        status: OperationStatus,
        reason: Option<String>,
    ) -> Result<()> {
        self.write(move |connection| {
            let sql = "UPDATE outcomes SET status = ?3, reason = ?4 WHERE upload = ?1 AND line = ?2";
            let changed =
                connection.prepare_cached(sql)?.execute(params![upload.0, line, status.number(), reason])?;
            if changed == 0 {
                Err(StoreError::not_found("outcome", format!("{upload}/{line}")))
            } else {
                Ok(())
            }
        })
    }
}

/// The log entries of each person in the form of their rows; half of the people of a large batch on another thread.
fn serialized(people: &[PersonResult], ids: IdCoder) -> Result<Vec<Vec<Stored>>> {
    let all = |people: &[PersonResult]| -> Result<Vec<Vec<Stored>>> {
        people.iter().map(|person| Stored::all(&person.log, ids)).collect()
    };
    if people.len() < WORTH_A_THREAD {
        return all(people);
    }
    let (mine, theirs) = people.split_at(people.len() / 2);
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| all(theirs));
        let mut logs = all(mine)?;
        logs.extend(theirs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        Ok(logs)
    })
}

fn commit(
    connection: &Connection,
    batch: &BatchResult,
    logs: &[Vec<Stored>],
    ids: IdCoder,
) -> Result<Committed> {
    let mut writer = BatchWriter::new(connection, batch, ids)?;
    let mut entries = Vec::with_capacity(logs.iter().map(Vec::len).sum());
    for (person, log) in batch.people.iter().zip(logs) {
        let first = writer.log.write(log)?;
        entries.extend((0..log.len() as i64).map(|n| ids.entry(first + n)));
        let entry = (!log.is_empty()).then_some(first);
        writer.person(person)?;
        writer.outcomes(&person.outcomes, entry)?;
        writer.rest(person, entry)?;
    }
    if let Some(cycle) = batch.cycle {
        cycles::touch(connection, cycle, batch.counts.as_ref(), writer.log.times())?;
    }
    Ok(Committed { entries })
}

struct BatchWriter<'c> {
    connection: &'c Connection,
    job: JobKey,
    cycle: Option<CycleKey>,
    now: i64,
    ids: IdCoder,
    log: LogWriter<'c>,
    update: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    queued: CachedStatement<'c>,
    outcome: CachedStatement<'c>,
    dequeue: CachedStatement<'c>,
    /// Whether anything of the job waits for a decision; asked once, because it rarely does.
    holds_open: bool,
}

impl<'c> BatchWriter<'c> {
    fn new(connection: &'c Connection, batch: &BatchResult, ids: IdCoder) -> Result<Self> {
        // ?5 says what to do with the link: 0 keep, 1 take the new value, 2 forget the record too. An update and an insert,
        // not an upsert: SQLite keeps a statement journal for upserts, which costs more than the second look-up.
        let update = "UPDATE people SET target = CASE ?5 WHEN 0 THEN target ELSE ?3 END, in_scope = ?4, next_due = ?6, \
                      origin = CASE WHEN ?8 IS NULL THEN origin ELSE ?7 END, \
                      record = CASE ?5 WHEN 2 THEN NULL ELSE coalesce(?8, record) END, \
                      parts = CASE ?5 WHEN 2 THEN NULL ELSE coalesce(?9, parts) END, \
                      name_key = CASE ?5 WHEN 2 THEN NULL ELSE coalesce(?10, name_key) END \
                      WHERE job = ?1 AND anchor = ?2";
        let insert = "INSERT INTO people (job, anchor, target, in_scope, next_due, origin, record, parts, name_key) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let queued = "SELECT upload, line, bulk_id, anchor, origin FROM queue WHERE id = ?1";
        let outcome = "INSERT INTO outcomes (upload, line, status, bulk_id, anchor, origin, reason, entry) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        Ok(Self {
            connection,
            job: batch.job,
            cycle: batch.cycle,
            now: micros(batch.now),
            ids,
            log: LogWriter::new(connection, batch.job, batch.cycle)?,
            update: connection.prepare_cached(update)?,
            insert: connection.prepare_cached(insert)?,
            queued: connection.prepare_cached(queued)?,
            outcome: connection.prepare_cached(outcome)?,
            dequeue: connection.prepare_cached("DELETE FROM queue WHERE id = ?1")?,
            holds_open: holds::any_open(connection, batch.job)?,
        })
    }

    fn person(&mut self, person: &PersonResult) -> Result<()> {
        let Some(write) = &person.person else { return Ok(()) };
        let (target, change) = match &write.link {
            LinkChange::Keep => (None, 0),
            LinkChange::Set(target) => (Some(target.as_str()), 1),
            LinkChange::Remove => (None, 1),
            LinkChange::Forget => (None, 2),
        };
        let (record, origin) = match &write.record {
            Some(record) => (Some(record.data.as_str()), record.origin.as_deref()),
            None => (None, None),
        };
        let due = write.next_due.map(micros);
        let job = self.job.0;
        let (parts, name) = (&write.parts, write.name_key);
        let values =
            params![job, person.anchor, target, write.in_scope, change, due, origin, record, parts, name];
        let mut result = self.update.execute(values).map_err(StoreError::from);
        if let Ok(0) = result {
            let values =
                params![job, person.anchor, target, write.in_scope, due, origin, record, parts, name];
            result = self.insert.execute(values).map_err(StoreError::from);
        }
        match (result, target) {
            (Err(error), Some(target)) if error.is_unique_violation() => {
                Err(target_owned(self.connection, self.job, &person.anchor, target))
            }
            (result, _) => result.map(|_| ()),
        }
    }

    /// Moves operations from the queue to the outcomes; one that is no longer queued was purged meanwhile.
    fn outcomes(&mut self, outcomes: &[OperationOutcome], entry: Option<i64>) -> Result<()> {
        for outcome in outcomes {
            let id = outcome.operation.0;
            let mut rows = self.queued.query([id])?;
            let Some(row) = rows.next()? else { continue };
            let column = |n: usize| row.get_ref(n).map(ToSqlOutput::Borrowed);
            let (upload, line, bulk_id, anchor, origin) =
                (column(0)?, column(1)?, column(2)?, column(3)?, column(4)?);
            let status = outcome.status.number();
            self.outcome.execute(params![
                upload,
                line,
                status,
                bulk_id,
                anchor,
                origin,
                outcome.reason,
                entry
            ])?;
            drop(rows);
            self.dequeue.execute([id])?;
        }
        Ok(())
    }

    fn rest(&mut self, person: &PersonResult, entry: Option<i64>) -> Result<()> {
        if let Some(pending) = &person.pending {
            references::replace(
                self.connection,
                self.job,
                &person.anchor,
                pending,
                self.ids,
                entry,
                self.now,
            )?;
        }
        self.escrow(person)?;
        if self.holds_open && person.holds.is_empty() && !person.outcomes.is_empty() {
            holds::supersede(self.connection, self.job, &person.anchor, self.now)?;
        }
        for hold in &person.holds {
            holds::put(self.connection, self.job, self.cycle, &person.anchor, hold, self.now)?;
        }
        Ok(())
    }

    fn escrow(&mut self, person: &PersonResult) -> Result<()> {
        match &person.escrow {
            EscrowChange::Keep => {}
            EscrowChange::Clear => {
                let sql = "DELETE FROM escrow WHERE job = ?1 AND anchor = ?2";
                self.connection.prepare_cached(sql)?.execute(params![self.job.0, person.anchor])?;
            }
            EscrowChange::Put(escrow) => {
                let sql = "INSERT INTO escrow (job, anchor, code, reason, reference, attempts, since, next_try, gone) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (job, anchor) DO UPDATE SET \
                           code = excluded.code, reason = excluded.reason, reference = excluded.reference, \
                           attempts = excluded.attempts, next_try = excluded.next_try, gone = excluded.gone";
                self.connection.prepare_cached(sql)?.execute(params![
                    self.job.0,
                    person.anchor,
                    escrow.code,
                    escrow.reason,
                    escrow.reference,
                    escrow.attempts,
                    self.now,
                    micros(escrow.next_try),
                    escrow.gone
                ])?;
            }
        }
        Ok(())
    }
}
