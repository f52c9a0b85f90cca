//! Synchronization jobs: identity, schedule, status, settings (spec/inbound-api.md §6.1).
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Result, StoreError};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// The store's short name of a job: what every per-job call takes. Get it from [`Store::job`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey(pub(crate) i64);

/// `schedule.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// Runs.
    Active,
    /// Never started.
    Disabled,
    /// Stopped by hand; uploads wait.
    Paused,
}

/// `status.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCode {
    /// Made, never set up.
    NotConfigured,
    /// Set up, never run.
    NotRun,
    /// Runs.
    Active,
    /// Stopped by hand.
    Paused,
    /// Does next to nothing until somebody acts.
    Quarantine,
}

macro_rules! text_enum {
    ($type:ty, $what:literal, $($variant:ident),+) => {
        impl $type {
            /// The name as in Graph.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
            pub(crate) fn read(text: &str) -> rusqlite::Result<Self> {
                match text {
                    $(stringify!($variant) => Ok(Self::$variant),)+
                    other => Err(crate::jobs::unreadable(format!(concat!("unknown ", $what, " `{}`"), other))),
                }
            }
        }
    };
}
pub(crate) use text_enum;

/// A stored text outside of what this program writes, as an error of the row that holds it.
pub(crate) fn unreadable(reason: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, reason.into())
}

text_enum!(ScheduleState, "schedule state", Active, Disabled, Paused);
text_enum!(StatusCode, "status code", NotConfigured, NotRun, Active, Paused, Quarantine);

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The store's short name of it.
    pub key: JobKey,
    /// `API2AAD.{tenant}.{guid}` or `API2AD.…`; compared without regard to case.
    pub id: String,
    /// `API2AAD`, `API2AD` or a template of our own.
    pub template: String,
    /// Object id of the service principal it belongs to.
    pub service_principal: String,
    /// Display name of that service principal.
    pub service_principal_name: String,
    /// Whether it runs.
    pub schedule: ScheduleState,
    /// How it is.
    pub status: StatusCode,
    /// The `quarantine` object as JSON text, while there is one.
    pub quarantine: Option<String>,
    /// Opaque mark of how far the source was read.
    pub watermark: Option<String>,
    /// `synchronizationJobSettings` as JSON text, kept as given.
    pub settings: String,
    /// The runner's own state (counters, steady state times) as JSON text.
    pub state: String,
    /// When it was made.
    pub created: Timestamp,
}

/// A job to be made; it starts as `Disabled`, `NotConfigured`.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Unique among the living jobs.
    pub id: String,
    /// See [`Job::template`].
    pub template: String,
    /// See [`Job::service_principal`].
    pub service_principal: String,
    /// See [`Job::service_principal_name`].
    pub service_principal_name: String,
    /// JSON text, `[]` for none.
    pub settings: String,
    /// Now.
    pub created: Timestamp,
}

const COLUMNS: &str = "key, id, template, service_principal, service_principal_name, schedule, status, quarantine, \
                       watermark, settings, state, created";

impl Store {
    /// Makes a job. Fails with [`StoreError::Exists`] when the id is taken.
    pub fn create_job(&self, job: NewJob) -> Result<Job> {
        self.write(move |connection| {
            let sql = "INSERT INTO jobs (id, template, service_principal, service_principal_name, schedule, status, \
                       settings, state, created) VALUES (?1, ?2, ?3, ?4, 'Disabled', 'NotConfigured', ?5, '{}', ?6)";
            let values = params![
                job.id,
                job.template,
                job.service_principal,
                job.service_principal_name,
                job.settings,
                micros(job.created)
            ];
            match connection.execute(sql, values).map_err(StoreError::from) {
                Err(error) if error.is_unique_violation() => Err(StoreError::Exists { what: "job", name: job.id }),
                Err(error) => Err(error),
                Ok(_) => by_key(connection, JobKey(connection.last_insert_rowid())),
            }
        })
    }

    /// The living job with this id, in any case.
    pub fn job(&self, id: &str) -> Result<Option<Job>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1 AND deleted IS NULL");
            Ok(connection.prepare_cached(&sql)?.query_row([id], read_job).optional()?)
        })
    }

    /// The job behind a key, also a deleted one.
    pub fn job_by_key(&self, key: JobKey) -> Result<Job> {
        self.read(|connection| by_key(connection, key))
    }

    /// All living jobs in the order they were made (spec/inbound-api.md §6.1: clients take the first).
    pub fn jobs(&self) -> Result<Vec<Job>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM jobs WHERE deleted IS NULL ORDER BY key");
            let mut statement = connection.prepare_cached(&sql)?;
            let jobs = statement.query_map([], read_job)?;
            Ok(jobs.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Replaces what may change of a job: schedule, status, quarantine, watermark, settings, state, names.
    pub fn update_job(&self, job: &Job) -> Result<()> {
        let job = job.clone();
        self.write(move |connection| put(connection, &job))
    }

    /// Changes a job as it stands at that moment: what others changed meanwhile is kept. Returns it as changed.
    pub fn change_job(&self, key: JobKey, change: impl FnOnce(&mut Job) + Send + 'static) -> Result<Job> {
        self.write(move |connection| {
            let mut job = by_key(connection, key)?;
            change(&mut job);
            put(connection, &job)?;
            Ok(job)
        })
    }

    /// Deletes a job with its queue, people, links, escrow, holds and schemas. Its log stays until its time has come.
    pub fn delete_job(&self, job: JobKey, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE jobs SET deleted = ?2 WHERE key = ?1 AND deleted IS NULL",
                params![job.0, micros(now)],
            )?;
            if changed == 0 {
                return Err(StoreError::not_found("job", job.0.to_string()));
            }
            crate::inbox::delete_queue(connection, job)?;
            for table in ["people", "pending_references", "escrow", "holds", "schemas"] {
                connection.execute(&format!("DELETE FROM {table} WHERE job = ?1"), [job.0])?;
            }
            Ok(())
        })
    }
}

fn by_key(connection: &Connection, key: JobKey) -> Result<Job> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE key = ?1");
    let job = connection.prepare_cached(&sql)?.query_row([key.0], read_job).optional()?;
    job.ok_or_else(|| StoreError::not_found("job", key.0.to_string()))
}

fn put(connection: &Connection, job: &Job) -> Result<()> {
    let sql = "UPDATE jobs SET service_principal_name = ?2, schedule = ?3, status = ?4, quarantine = ?5, \
               watermark = ?6, settings = ?7, state = ?8 WHERE key = ?1 AND deleted IS NULL";
    let changed = connection.prepare_cached(sql)?.execute(params![
        job.key.0,
        job.service_principal_name,
        job.schedule.as_str(),
        job.status.as_str(),
        job.quarantine,
        job.watermark,
        job.settings,
        job.state
    ])?;
    if changed == 0 { Err(StoreError::not_found("job", job.id.clone())) } else { Ok(()) }
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        key: JobKey(row.get(0)?),
        id: row.get(1)?,
        template: row.get(2)?,
        service_principal: row.get(3)?,
        service_principal_name: row.get(4)?,
        schedule: ScheduleState::read(row.get_ref(5)?.as_str()?)?,
        status: StatusCode::read(row.get_ref(6)?.as_str()?)?,
        quarantine: row.get(7)?,
        watermark: row.get(8)?,
        settings: row.get(9)?,
        state: row.get(10)?,
        created: timestamp(row.get(11)?),
    })
}
