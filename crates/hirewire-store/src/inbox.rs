//! The durable inbox: uploads are accepted into it, the runner takes operations from it (spec/inbound-api.md §4.3, §4.6).
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Result, StoreError};
use crate::jobs::JobKey;
use crate::receipts::OperationStatus;
use crate::store::Store;
use crate::time::{micros, timestamp};

/// Number of an accepted upload, ascending in order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub i64);

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a queued operation, ascending in order of arrival within its job. [`OperationId::START`] is before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub(crate) i64);

impl OperationId {
    /// Before the first.
    pub const START: Self = Self(0);

    /// As a number, to be kept.
    pub fn number(self) -> i64 {
        self.0
    }

    /// What [`OperationId::number`] gave.
    pub fn from_number(number: i64) -> Self {
        Self(number)
    }
}

/// Each job's operations have numbers of their own: job key times this, plus a running number.
const JOB_STRIDE: i64 = 1 << 40;

/// When an upload counts as a repetition of an earlier one of the same job, so that the earlier one is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deduplicate {
    /// Never: every upload is processed.
    Never,
    /// Same client-request-id and same content, not longer ago than this: a client repeats because it got no answer.
    SameRequest(SignedDuration),
    /// Same content, not longer ago than this: a file that was already picked up.
    SameContent(SignedDuration),
}

/// One operation of an upload, checked by the caller.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// As the client named it; not unique.
    pub bulk_id: Option<String>,
    /// Value of the source anchor, `externalId`.
    pub anchor: String,
    /// The SCIM user as JSON text.
    pub data: String,
    /// Lineage: file and row it was made from.
    pub origin: Option<String>,
}

/// An upload to be accepted.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The job it is for.
    pub job: JobKey,
    /// Our own id of the request, header `request-id`.
    pub request_id: String,
    /// The client's id of the request.
    pub client_request_id: Option<String>,
    /// When it came.
    pub received: Timestamp,
    /// The calling application.
    pub app_id: Option<String>,
    /// Where it came from, for people: `http`, or the name of a source.
    pub source: String,
    /// Bytes as sent.
    pub size: u64,
    /// At least one.
    pub operations: Vec<NewOperation>,
    /// What open mode let pass, for people.
    pub warnings: Vec<String>,
    /// [`content_hash`] of the body or file; needed when `deduplicate` is not `Never`.
    pub content_hash: Option<[u8; 32]>,
    /// What counts as a repetition.
    pub deduplicate: Deduplicate,
    /// Appended to the fingerprints of the named source in the same transaction.
    pub fingerprint_segment: Option<(String, Vec<u8>)>,
}

/// What acceptance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The upload: the new one, or the earlier one that it repeats.
    pub upload: UploadId,
    /// Nothing was stored, because it repeats an earlier upload.
    pub repeated: bool,
}

/// An accepted operation that waits to be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingOperation {
    /// Its place in the queue.
    pub id: OperationId,
    /// The upload it came with.
    pub upload: UploadId,
    /// Its index in that upload, from 0.
    pub line: u32,
    /// See [`NewOperation::bulk_id`].
    pub bulk_id: Option<String>,
    /// See [`NewOperation::anchor`].
    pub anchor: String,
    /// See [`NewOperation::origin`].
    pub origin: Option<String>,
    /// See [`NewOperation::data`].
    pub data: String,
}

/// How full a job's queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueState {
    /// Operations that wait.
    pub waiting: u64,
    /// When the upload of the oldest of them was received.
    pub oldest: Option<Timestamp>,
}

/// SHA-256 of an upload's bytes.
pub fn content_hash(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

impl Store {
    /// Stores an upload; on return it is on disk. Concurrent calls share a commit.
    pub fn accept(&self, upload: NewUpload) -> Result<Accepted> {
        self.write(move |connection| accept(connection, upload))
    }

    /// As [`Store::accept`] without waiting: `done` is called on the writer's thread, so it must be quick.
    pub fn accept_then(
        &self,
        upload: NewUpload,
        done: impl FnOnce(Result<Accepted>) + Send + 'static,
    ) -> Result<()> {
        self.writer()?.submit(move |connection| accept(connection, upload), done)
    }

    /// The job's oldest waiting operations after `after`, in order of arrival. Nothing is marked: an operation leaves the
    /// queue with its outcome in [`Store::commit_batch`].
    pub fn take(&self, job: JobKey, after: OperationId, limit: usize) -> Result<Vec<PendingOperation>> {
        self.read(|connection| {
            let sql = format!("SELECT {PENDING} FROM queue WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3");
            let (first, end) = range(job);
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![first.max(after.0), end, limit as i64], read_pending)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One waiting operation; `None` when it no longer waits.
    pub fn operation(&self, id: OperationId) -> Result<Option<PendingOperation>> {
        self.read(|connection| {
            let sql = format!("SELECT {PENDING} FROM queue WHERE id = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([id.0], read_pending).optional()?)
        })
    }

    /// Where an upload came from: [`NewUpload::source`].
    pub fn upload_source(&self, upload: UploadId) -> Result<Option<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source FROM uploads WHERE id = ?1")?;
            Ok(statement.query_row([upload.0], |row| row.get(0)).optional()?)
        })
    }

    /// Length of the job's queue and how long its head has waited: two look-ups, however long the queue is. Numbers are
    /// given without gaps and operations leave from the front, so the ends say how many there are.
    pub fn queue_state(&self, job: JobKey) -> Result<QueueState> {
        self.read(|connection| {
            let Some((head, tail)) = ends(connection, job)? else {
                return Ok(QueueState { waiting: 0, oldest: None });
            };
            let oldest = connection
                .prepare_cached(
                    "SELECT received FROM uploads WHERE id = (SELECT upload FROM queue WHERE id = ?1)",
                )?
                .query_row([head], |row| row.get(0))
                .optional()?
                .map(timestamp);
            Ok(QueueState { waiting: (tail - head + 1).unsigned_abs(), oldest })
        })
    }

    /// The job's newest waiting operation.
    pub fn queue_end(&self, job: JobKey) -> Result<Option<OperationId>> {
        self.read(|connection| Ok(ends(connection, job)?.map(|(_, tail)| OperationId(tail))))
    }

    /// Drops everything that waits in the job's queue (restart while stopped, spec/inbound-api.md §4.6); the receipts say
    /// `Skipped` with `reason`. Returns how many operations there were.
    pub fn purge_queue(&self, job: JobKey, reason: &str) -> Result<u64> {
        let reason = reason.to_owned();
        self.write(move |connection| {
            let (first, end) = range(job);
            let sql = "INSERT OR REPLACE INTO outcomes (upload, line, status, bulk_id, anchor, origin, reason) \
                       SELECT upload, line, ?3, bulk_id, anchor, origin, ?4 FROM queue WHERE id > ?1 AND id < ?2";
            connection.execute(sql, params![first, end, OperationStatus::Skipped.number(), reason])?;
            Ok(delete_queue(connection, job)? as u64)
        })
    }
}

const PENDING: &str = "id, upload, line, bulk_id, anchor, origin, data";

fn read_pending(row: &rusqlite::Row<'_>) -> rusqlite::Result<PendingOperation> {
    Ok(PendingOperation {
        id: OperationId(row.get(0)?),
        upload: UploadId(row.get(1)?),
        line: row.get(2)?,
        bulk_id: row.get(3)?,
        anchor: row.get(4)?,
        origin: row.get(5)?,
        data: row.get(6)?,
    })
}

fn range(job: JobKey) -> (i64, i64) {
    (job.0 * JOB_STRIDE, (job.0 + 1) * JOB_STRIDE)
}

/// The numbers of the first and the last operation that wait.
fn ends(connection: &Connection, job: JobKey) -> Result<Option<(i64, i64)>> {
    let (first, end) = range(job);
    // Two statements: SQLite looks an index's end up only where a query asks for one of them.
    let one = |sql: &str| -> Result<Option<i64>> {
        Ok(connection.prepare_cached(sql)?.query_row([first, end], |row| row.get(0))?)
    };
    let head = one("SELECT min(id) FROM queue WHERE id > ?1 AND id < ?2")?;
    let tail = one("SELECT max(id) FROM queue WHERE id > ?1 AND id < ?2")?;
    Ok(head.zip(tail))
}

pub(crate) fn delete_queue(connection: &Connection, job: JobKey) -> Result<usize> {
    let (first, end) = range(job);
    Ok(connection.execute("DELETE FROM queue WHERE id > ?1 AND id < ?2", [first, end])?)
}

fn accept(connection: &Connection, upload: NewUpload) -> Result<Accepted> {
    if let Some(earlier) = repeated(connection, &upload)? {
        return Ok(Accepted { upload: earlier, repeated: true });
    }
    let first = next_operation(connection, upload.job)?;
    let id = insert_upload(connection, &upload, first)?;
    if let Some((source, bytes)) = &upload.fingerprint_segment {
        crate::fingerprints::append(connection, source, bytes)?;
    }
    let sql = "INSERT INTO queue (id, upload, line, bulk_id, anchor, origin, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    for (line, operation) in (0i64..).zip(&upload.operations) {
        let NewOperation { bulk_id, anchor, data, origin } = operation;
        statement.execute(params![first + line, id, line, bulk_id, anchor, origin, data])?;
    }
    Ok(Accepted { upload: UploadId(id), repeated: false })
}

fn repeated(connection: &Connection, upload: &NewUpload) -> Result<Option<UploadId>> {
    let (window, request) = match upload.deduplicate {
        Deduplicate::Never => return Ok(None),
        Deduplicate::SameRequest(_) if upload.client_request_id.is_none() => return Ok(None),
        Deduplicate::SameRequest(window) => (window, upload.client_request_id.as_deref()),
        Deduplicate::SameContent(window) => (window, None),
    };
    let Some(hash) = upload.content_hash else { return Ok(None) };
    let since = micros(upload.received.saturating_sub(window).unwrap_or(Timestamp::MIN));
    let sql = "SELECT id FROM uploads WHERE content_hash = ?1 AND job = ?2 AND received >= ?3 \
               AND (?4 IS NULL OR client_request_id = ?4) ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![hash.as_slice(), upload.job.0, since, request];
    Ok(statement.query_row(values, |row| row.get(0)).optional()?.map(UploadId))
}

/// The job's next free operation number. Numbers are not used twice: the newest upload remembers where it ended.
fn next_operation(connection: &Connection, job: JobKey) -> Result<i64> {
    let known: Option<i64> = connection
        .prepare_cached("SELECT key FROM jobs WHERE key = ?1 AND deleted IS NULL")?
        .query_row([job.0], |row| row.get(0))
        .optional()?;
    if known.is_none() {
        return Err(StoreError::not_found("job", job.0.to_string()));
    }
    let end: Option<i64> = connection
        .prepare_cached("SELECT first + operations FROM uploads WHERE job = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([job.0], |row| row.get(0))
        .optional()?;
    Ok(end.unwrap_or(range(job).0 + 1))
}

fn insert_upload(connection: &Connection, upload: &NewUpload, first: i64) -> Result<i64> {
    let warnings = if upload.warnings.is_empty() {
        None
    } else {
        Some(
            serde_json::to_string(&upload.warnings)
                .map_err(|error| StoreError::damaged("a warning", error))?,
        )
    };
    let sql = "INSERT INTO uploads (job, first, operations, received, size, request_id, client_request_id, app_id, \
               source, warnings, content_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        upload.job.0,
        first,
        upload.operations.len() as i64,
        micros(upload.received),
        i64::try_from(upload.size).unwrap_or(i64::MAX),
        upload.request_id,
        upload.client_request_id,
        upload.app_id,
        upload.source,
        warnings,
        upload.content_hash.as_ref().map(<[u8; 32]>::as_slice)
    ])?;
    Ok(connection.last_insert_rowid())
}
