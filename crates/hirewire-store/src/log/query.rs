//! Reading the log: pages, counts, following, export, retention.
use std::collections::{HashMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use super::entry::{LogAction, LogEntry, LogStatus, NewLogEntry};
use super::filter::{LogField, LogFilter};
use super::ids::IdCoder;
use super::sql::{Condition, condition};
use crate::cycles::CycleKey;
use crate::error::{Result, StoreError};
use crate::inbox::UploadId;
use crate::jobs::{JobKey, unreadable};
use crate::store::Store;
use crate::time::{micros, timestamp};

/// Order of a list. Ties are in order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogOrder {
    /// `activityDateTime desc`.
    #[default]
    NewestFirst,
    /// `activityDateTime asc`.
    OldestFirst,
    /// `durationInMilliseconds desc`. Reads all hits.
    LongestFirst,
    /// `durationInMilliseconds asc`. Reads all hits.
    ShortestFirst,
}

impl LogOrder {
    /// Column, direction, and the sign that leads on.
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NewestFirst => ("time", "DESC", "<"),
            Self::OldestFirst => ("time", "ASC", ">"),
            Self::LongestFirst => ("duration", "DESC", "<"),
            Self::ShortestFirst => ("duration", "ASC", ">"),
        }
    }
}

/// Where a page ended. Its text goes into `$skiptoken`; it stays good while entries come and go, and over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    key: i64,
    seq: i64,
}

impl std::fmt::Display for LogPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = self.key.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl std::str::FromStr for LogPosition {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let bytes =
            bytes.ok_or_else(|| StoreError::Filter { reason: "the skip token is not one of ours".into() })?;
        let number = |at: usize| bytes[at..at + 8].iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Ok(Self { key: number(0).cast_signed(), seq: number(8).cast_signed() })
    }
}

/// Which entries, in which order, how many.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// `None`: all.
    pub filter: Option<LogFilter>,
    /// In which order.
    pub order: LogOrder,
    /// From where an earlier page ended.
    pub after: Option<LogPosition>,
    /// How many to leave out first (`$skip`).
    pub skip: usize,
    /// How many at most.
    pub limit: usize,
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// In the order asked for.
    pub entries: Vec<LogEntry>,
    /// Where the next page begins, when there is more.
    pub next: Option<LogPosition>,
}

const COLUMNS: &str = "seq, time, job, cycle, change_of, action, status, duration, upload, source, target, target_name, \
                       error_code, detail";

impl Store {
    /// A page of the log.
    pub fn log(&self, query: &LogQuery) -> Result<LogPage> {
        let ids = self.ids();
        self.read(|connection| page(connection, query, ids))
    }

    /// How many entries the filter finds.
    pub fn count_log(&self, filter: Option<&LogFilter>) -> Result<u64> {
        let ids = self.ids();
        self.read(|connection| {
            let Condition { sql, values, index } = condition(connection, filter, ids)?;
            let sql = format!("SELECT count(*) FROM log {index} WHERE {sql}");
            let count: i64 =
                connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// The entry with this id.
    pub fn log_entry(&self, id: Uuid) -> Result<Option<LogEntry>> {
        let query = LogQuery {
            filter: Some(LogFilter::equals(LogField::Id, id.to_string())),
            limit: 1,
            ..LogQuery::default()
        };
        Ok(self.log(&query)?.entries.pop())
    }

    /// A person's entries in one job, newest first.
    pub fn log_of_person(&self, job: JobKey, anchor: &str, limit: usize) -> Result<Vec<LogEntry>> {
        let job = self.job_by_key(job)?;
        let filter = LogFilter::And(vec![
            LogFilter::equals(LogField::SourceId, anchor),
            LogFilter::equals(LogField::JobId, job.id),
        ]);
        Ok(self.log(&LogQuery { filter: Some(filter), limit, ..LogQuery::default() })?.entries)
    }

    /// The end of the log, for [`Store::log_since`].
    pub fn log_end(&self) -> Result<i64> {
        self.read(|connection| {
            let sql = "SELECT coalesce(max(seq), 0) FROM log";
            Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// Entries written after the mark, in order of writing, with the mark to go on from. None is left out, whatever
    /// its time.
    pub fn log_since(
        &self,
        mark: i64,
        filter: Option<&LogFilter>,
        limit: usize,
    ) -> Result<(Vec<LogEntry>, i64)> {
        let ids = self.ids();
        self.read(|connection| {
            let Condition { sql, mut values, .. } = condition(connection, filter, ids)?;
            let end: i64 = connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM log")?
                .query_row([], |row| row.get(0))?;
            let sql =
                format!("SELECT {COLUMNS} FROM log NOT INDEXED WHERE {sql} AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?");
            values.extend([Value::from(mark), Value::from(end), Value::from(limit as i64)]);
            let rows = rows(connection, &sql, values)?;
            let mark = if rows.len() < limit { end.max(mark) } else { rows.last().map_or(end, |row| row.seq) };
            Ok((named(connection, rows, ids)?, mark))
        })
    }

    /// All entries that the filter finds, oldest first, read in slices while the iterator goes on.
    pub fn export_log(&self, filter: Option<LogFilter>) -> LogExport {
        let query = LogQuery { filter, order: LogOrder::OldestFirst, after: None, skip: 0, limit: 1_000 };
        LogExport { store: self.clone(), query, slice: VecDeque::new(), more: true }
    }

    /// Deletes up to `limit` entries older than `time` (retention, in slices so that nobody waits long); returns how many.
    pub fn delete_log_before(&self, time: Timestamp, limit: usize) -> Result<u64> {
        self.write(move |connection| {
            // The newest entry stays, for it remembers the next number.
            let sql = "DELETE FROM log WHERE seq IN (SELECT seq FROM log INDEXED BY log_time WHERE time < ?1 \
                       AND seq < (SELECT max(seq) FROM log) ORDER BY time LIMIT ?2)";
            Ok(connection.prepare_cached(sql)?.execute(params![micros(time), limit as i64])? as u64)
        })
    }
}

/// Iterator of [`Store::export_log`].
#[derive(Debug)]
pub struct LogExport {
    store: Store,
    query: LogQuery,
    slice: VecDeque<LogEntry>,
    more: bool,
}

impl Iterator for LogExport {
    type Item = Result<LogEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.slice.is_empty() && self.more {
            match self.store.log(&self.query) {
                Ok(page) => {
                    self.slice = page.entries.into();
                    self.more = page.next.is_some();
                    self.query.after = page.next;
                }
                Err(error) => {
                    self.more = false;
                    return Some(Err(error));
                }
            }
        }
        self.slice.pop_front().map(Ok)
    }
}

fn page(connection: &Connection, query: &LogQuery, ids: IdCoder) -> Result<LogPage> {
    let Condition { sql, mut values, index } = condition(connection, query.filter.as_ref(), ids)?;
    let (column, direction, sign) = query.order.parts();
    let mut sql = format!("SELECT {COLUMNS} FROM log {index} WHERE {sql}");
    if let Some(LogPosition { key, seq }) = query.after {
        sql.push_str(&format!(" AND ({column}, seq) {sign} (?, ?)"));
        values.extend([Value::from(key), Value::from(seq)]);
    }
    sql.push_str(&format!(" ORDER BY {column} {direction}, seq {direction} LIMIT ? OFFSET ?"));
    values.extend([Value::from(query.limit as i64 + 1), Value::from(query.skip as i64)]);
    let mut rows = rows(connection, &sql, values)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let position = |row: &RawEntry| LogPosition {
        key: if column == "time" { row.time } else { row.entry.duration },
        seq: row.seq,
    };
    let next = if more { rows.last().map(position) } else { None };
    Ok(LogPage { entries: named(connection, rows, ids)?, next })
}

/// A row before numbers become names.
struct RawEntry {
    seq: i64,
    time: i64,
    job: i64,
    cycle: Option<i64>,
    change_of: Option<i64>,
    entry: NewLogEntry,
}

fn rows(connection: &Connection, sql: &str, values: Vec<Value>) -> Result<Vec<RawEntry>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params_from_iter(values), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RawEntry> {
    let number = |column: usize, what: &str| -> rusqlite::Result<i64> {
        row.get(column).map_err(|error| unreadable(format!("{what}: {error}")))
    };
    let time = row.get(1)?;
    let action = number(5, "action")?;
    let status = number(6, "status")?;
    let detail = row.get_ref(13)?.as_str()?;
    Ok(RawEntry {
        seq: row.get(0)?,
        time,
        job: row.get(2)?,
        cycle: row.get(3)?,
        change_of: row.get(4)?,
        entry: NewLogEntry {
            time: timestamp(time),
            change: None,
            action: LogAction::from_number(action)
                .ok_or_else(|| unreadable(format!("unknown action {action}")))?,
            status: LogStatus::from_number(status)
                .ok_or_else(|| unreadable(format!("unknown status {status}")))?,
            duration: row.get(7)?,
            upload: row.get::<_, Option<i64>>(8)?.map(UploadId),
            source: row.get(9)?,
            target: row.get(10)?,
            target_name: row.get(11)?,
            error_code: row.get(12)?,
            detail: serde_json::from_str(detail).map_err(|error| unreadable(error.to_string()))?,
        },
    })
}

/// Adds the names of jobs and cycles, each looked up once.
fn named(connection: &Connection, rows: Vec<RawEntry>, ids: IdCoder) -> Result<Vec<LogEntry>> {
    let mut jobs: HashMap<i64, (String, String, String)> = HashMap::new();
    let mut cycles: HashMap<i64, Option<String>> = HashMap::new();
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        if let std::collections::hash_map::Entry::Vacant(vacant) = jobs.entry(row.job) {
            let sql = "SELECT id, service_principal, service_principal_name FROM jobs WHERE key = ?1";
            let names = connection
                .prepare_cached(sql)?
                .query_row([row.job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            vacant.insert(names.unwrap_or_default());
        }
        if let Some(cycle) = row.cycle.filter(|cycle| !cycles.contains_key(cycle)) {
            let sql = "SELECT id FROM cycles WHERE key = ?1";
            cycles.insert(
                cycle,
                connection.prepare_cached(sql)?.query_row([cycle], |row| row.get(0)).optional()?,
            );
        }
        let (job_id, service_principal, service_principal_name) =
            jobs.get(&row.job).cloned().unwrap_or_default();
        let change = ids.change(row.change_of.unwrap_or(row.seq));
        entries.push(LogEntry {
            id: ids.entry(row.seq),
            change,
            job: JobKey(row.job),
            job_id,
            service_principal,
            service_principal_name,
            cycle: row.cycle.map(CycleKey),
            cycle_id: row.cycle.and_then(|cycle| cycles.get(&cycle).cloned().flatten()),
            entry: NewLogEntry { change: Some(change), ..row.entry },
        });
    }
    Ok(entries)
}
