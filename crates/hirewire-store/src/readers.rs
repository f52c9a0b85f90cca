//! Read-only connections, opened as needed and kept for the next caller.
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::error::Result;
use crate::store::{BUSY, steady};

/// Connections kept when nobody reads.
const KEPT: usize = 8;

/// Where reads go.
pub(crate) enum Readers {
    /// A database file: readers never wait for the writer.
    File {
        /// The database.
        path: PathBuf,
        /// Idle connections.
        idle: Mutex<Vec<Connection>>,
    },
    /// A database in memory has one connection; readers take turns with whole groups of the writer.
    Memory(Arc<Mutex<Connection>>),
}

impl Readers {
    pub(crate) fn file(path: PathBuf) -> Self {
        Self::File { path, idle: Mutex::new(Vec::new()) }
    }

    /// Runs `work` on a connection that sees everything committed before.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match self {
            Self::Memory(connection) => work(&connection.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File { path, idle } => {
                let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let connection = match kept {
                    Some(connection) => connection,
                    None => open(path)?,
                };
                let result = as_of_one_moment(&connection, work);
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < KEPT {
                    idle.push(connection);
                }
                result
            }
        }
    }
}

/// Runs all statements of `work` in one transaction: what they see fits together, and the file is locked once instead of
/// once a statement.
fn as_of_one_moment<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = work(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    result
}

pub(crate) fn open(path: &std::path::Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    steady(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}
