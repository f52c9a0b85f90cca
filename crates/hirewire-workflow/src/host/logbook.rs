//! What the host remembers: journals of runs, summaries, trigger firings, cursors, versions, keys.
//!
//! Everything is an entry of a named log with a number. One [`Logbook::put`] is one transaction, so that a run, the
//! trigger's firing and its cursor become durable together: a trigger fires once for each event, crash or not.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::journal::Journal;

/// One entry to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The log's name, such as `run:0639…`.
    pub log: String,
    /// The entry's number; an entry of the same number is replaced.
    pub seq: i64,
    /// Its content; nothing removes it.
    pub bytes: Option<Vec<u8>>,
}

impl LogEntry {
    /// An entry with a JSON content.
    pub(crate) fn json(log: impl Into<String>, seq: i64, value: &impl serde::Serialize) -> io::Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(io::Error::other)?;
        Ok(Self { log: log.into(), seq, bytes: Some(bytes) })
    }

    /// An entry that removes.
    pub(crate) fn remove(log: impl Into<String>, seq: i64) -> Self {
        Self { log: log.into(), seq, bytes: None }
    }
}

/// Durable memory of a host. Journals hold what workflows handled, so they must be stored as carefully as secrets.
pub trait Logbook: Send + Sync {
    /// Writes entries in one transaction; on return they are on disk.
    ///
    /// # Errors
    /// What the storage says; nothing is written then.
    fn put(&self, entries: Vec<LogEntry>) -> io::Result<()>;

    /// One entry.
    ///
    /// # Errors
    /// What the storage says.
    fn get(&self, log: &str, seq: i64) -> io::Result<Option<Vec<u8>>>;

    /// Up to `limit` entries with numbers below `before`, newest first.
    ///
    /// # Errors
    /// What the storage says.
    fn newest(&self, log: &str, before: Option<i64>, limit: usize) -> io::Result<Vec<(i64, Vec<u8>)>>;

    /// All entries in order.
    ///
    /// # Errors
    /// What the storage says.
    fn read(&self, log: &str) -> io::Result<Vec<(i64, Vec<u8>)>>;

    /// Removes a log.
    ///
    /// # Errors
    /// What the storage says.
    fn drop_log(&self, log: &str) -> io::Result<()>;

    /// Keeps a secret text under a name, sealed where the storage can.
    ///
    /// # Errors
    /// What the storage says.
    fn put_secret(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// A secret text.
    ///
    /// # Errors
    /// What the storage says.
    fn secret(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
}

/// A logbook in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryLogbook {
    entries: Mutex<BTreeMap<(String, i64), Vec<u8>>>,
    secrets: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Logbook for MemoryLogbook {
    fn put(&self, entries: Vec<LogEntry>) -> io::Result<()> {
        let mut all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            match entry.bytes {
                Some(bytes) => drop(all.insert((entry.log, entry.seq), bytes)),
                None => drop(all.remove(&(entry.log, entry.seq))),
            }
        }
        Ok(())
    }

    fn get(&self, log: &str, seq: i64) -> io::Result<Option<Vec<u8>>> {
        let all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.get(&(log.to_owned(), seq)).cloned())
    }

    fn newest(&self, log: &str, before: Option<i64>, limit: usize) -> io::Result<Vec<(i64, Vec<u8>)>> {
        let before = before.unwrap_or(i64::MAX);
        let mut found: Vec<_> = self.read(log)?.into_iter().filter(|(seq, _)| *seq < before).collect();
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    fn read(&self, log: &str) -> io::Result<Vec<(i64, Vec<u8>)>> {
        let all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let range = all.range((log.to_owned(), i64::MIN)..=(log.to_owned(), i64::MAX));
        Ok(range.map(|((_, seq), bytes)| (*seq, bytes.clone())).collect())
    }

    fn drop_log(&self, log: &str) -> io::Result<()> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, _), _| name != log);
        Ok(())
    }

    fn put_secret(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn secret(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }
}

/// The name of the log that is a run's journal.
pub(crate) fn run_log(run: &str) -> String {
    format!("run:{run}")
}

/// Journals of runs in a logbook.
pub struct LogbookJournal(pub Arc<dyn Logbook>);

impl Journal for LogbookJournal {
    fn append(&self, run: &str, first: u64, entries: &[Vec<u8>]) -> io::Result<()> {
        let log = run_log(run);
        let numbered = entries.iter().zip(first..).map(|(bytes, seq)| LogEntry {
            log: log.clone(),
            seq: i64::try_from(seq).unwrap_or(i64::MAX),
            bytes: Some(bytes.clone()),
        });
        self.0.put(numbered.collect())
    }

    fn read(&self, run: &str) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.0.read(&run_log(run))?.into_iter().map(|(_, bytes)| bytes).collect())
    }
}
