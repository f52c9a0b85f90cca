//! What became of uploads: listing, and one line per operation.
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::error::{Result, StoreError};
use crate::inbox::UploadId;
use crate::jobs::{JobKey, unreadable};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationStatus {
    /// On disk, not yet looked at.
    Accepted,
    /// Processed as far as possible; waits for a retry, a reference or an approval.
    Waiting,
    /// Written to the target.
    Applied,
    /// Nothing to do; the reason says why.
    Skipped,
    /// Refused; the reason says why.
    Failed,
}

impl OperationStatus {
    const ALL: [Self; 5] = [Self::Accepted, Self::Waiting, Self::Applied, Self::Skipped, Self::Failed];

    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    fn read(number: i64) -> rusqlite::Result<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.number() == number)
            .ok_or_else(|| unreadable(format!("unknown operation status {number}")))
    }
}

/// An accepted upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its number.
    pub id: UploadId,
    /// The job it is for.
    pub job: JobKey,
    /// When it came.
    pub received: Timestamp,
    /// Operations in it.
    pub operations: u64,
    /// Bytes as sent.
    pub size: u64,
    /// Our id of the request.
    pub request_id: String,
    /// The client's id of the request.
    pub client_request_id: Option<String>,
    /// The calling application.
    pub app_id: Option<String>,
    /// Where it came from.
    pub source: String,
    /// What open mode let pass.
    pub warnings: Vec<String>,
}

/// One operation of an upload and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationReceipt {
    /// Index in the upload, from 0.
    pub line: u32,
    /// As the client named it.
    pub bulk_id: Option<String>,
    /// The person.
    pub anchor: String,
    /// File and row it was made from.
    pub origin: Option<String>,
    /// How far it has come.
    pub status: OperationStatus,
    /// Skip reason or error code.
    pub reason: Option<String>,
    /// Its log entry.
    pub entry: Option<Uuid>,
}

/// An upload with all its operations in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The upload.
    pub upload: Upload,
    /// In the order of the upload.
    pub operations: Vec<OperationReceipt>,
}

impl Receipt {
    /// How many operations have this status.
    pub fn count(&self, status: OperationStatus) -> usize {
        self.operations.iter().filter(|operation| operation.status == status).count()
    }
}

const COLUMNS: &str =
    "id, job, received, operations, size, request_id, client_request_id, app_id, source, warnings";

impl Store {
    /// Uploads, newest first, before `before` when given; of one job or of all.
    pub fn uploads(
        &self,
        job: Option<JobKey>,
        before: Option<UploadId>,
        limit: usize,
    ) -> Result<Vec<Upload>> {
        self.read(|connection| {
            let filter = if job.is_some() { "job = ?1" } else { "?1 IS NULL" };
            let sql =
                format!("SELECT {COLUMNS} FROM uploads WHERE {filter} AND id < ?2 ORDER BY id DESC LIMIT ?3");
            let before = before.map_or(i64::MAX, |id| id.0);
            let mut statement = connection.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params![job.map(|job| job.0), before, limit as i64], read_upload)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// An upload with what became of each operation.
    pub fn receipt(&self, id: UploadId) -> Result<Option<Receipt>> {
        let ids = self.ids();
        self.read(|connection| {
            let Some(upload) = one(connection, id)? else { return Ok(None) };
            // The two halves of one snapshot: waiting lines from the queue, the others from the outcomes.
            let sql = "SELECT line, bulk_id, anchor, origin, status, reason, entry FROM outcomes WHERE upload = ?1 \
                       UNION ALL SELECT line, bulk_id, anchor, origin, 0, NULL, NULL FROM queue \
                       WHERE id >= ?2 AND id < ?3 AND upload = ?1 ORDER BY 1";
            let (first, end) = connection
                .prepare_cached("SELECT first, first + operations FROM uploads WHERE id = ?1")?
                .query_row([id.0], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([id.0, first, end], |row| {
                Ok(OperationReceipt {
                    line: row.get(0)?,
                    bulk_id: row.get(1)?,
                    anchor: row.get(2)?,
                    origin: row.get(3)?,
                    status: OperationStatus::read(row.get(4)?)?,
                    reason: row.get(5)?,
                    entry: row.get::<_, Option<i64>>(6)?.map(|seq| ids.entry(seq)),
                })
            })?;
            let operations = rows.collect::<rusqlite::Result<_>>()?;
            Ok(Some(Receipt { upload, operations }))
        })
    }

    /// The upload with this `request-id`.
    pub fn upload_by_request(&self, job: JobKey, request_id: &str) -> Result<Option<Upload>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM uploads WHERE job = ?1 AND request_id = ?2 ORDER BY id DESC LIMIT 1"
            );
            Ok(connection
                .prepare_cached(&sql)?
                .query_row(params![job.0, request_id], read_upload)
                .optional()?)
        })
    }

    /// Deletes up to `limit` uploads received before `time` that have nothing waiting, with their receipts; returns how many.
    pub fn delete_uploads_before(&self, time: Timestamp, limit: usize) -> Result<u64> {
        self.write(move |connection| {
            // The newest upload of a job stays: it remembers the next operation number.
            let sql = "SELECT id FROM uploads AS u WHERE received < ?1 \
                       AND NOT EXISTS (SELECT 1 FROM queue WHERE id >= u.first AND id < u.first + u.operations) \
                       AND EXISTS (SELECT 1 FROM uploads WHERE job = u.job AND id > u.id) ORDER BY id LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let ids: Vec<i64> = statement
                .query_map(params![micros(time), limit as i64], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for id in &ids {
                connection.prepare_cached("DELETE FROM outcomes WHERE upload = ?1")?.execute([id])?;
                connection.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id])?;
            }
            Ok(ids.len() as u64)
        })
    }
}

fn one(connection: &Connection, id: UploadId) -> Result<Option<Upload>> {
    let sql = format!("SELECT {COLUMNS} FROM uploads WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id.0], read_upload).optional()?)
}

fn read_upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let warnings: Option<String> = row.get(9)?;
    Ok(Upload {
        id: UploadId(row.get(0)?),
        job: JobKey(row.get(1)?),
        received: timestamp(row.get(2)?),
        operations: row.get::<_, i64>(3)?.unsigned_abs(),
        size: row.get::<_, i64>(4)?.unsigned_abs(),
        request_id: row.get(5)?,
        client_request_id: row.get(6)?,
        app_id: row.get(7)?,
        source: row.get(8)?,
        warnings: warnings
            .map(|text| {
                serde_json::from_str(&text)
                    .map_err(|e| unreadable(StoreError::damaged("warnings", e).to_string()))
            })
            .transpose()?
            .unwrap_or_default(),
    })
}
