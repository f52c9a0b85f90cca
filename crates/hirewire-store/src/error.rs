//! What can go wrong in the store.
use std::path::PathBuf;
use std::sync::Arc;

use crate::seal::SealError;

/// Result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The store could not do what was asked. Cheap to clone, because one failed commit is the answer to many callers.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has this project open for writing.
    #[error("`{}` is in use by {}", path.display(), holder(*pid))]
    InUse {
        /// The database.
        path: PathBuf,
        /// The other process, when its lock file tells.
        pid: Option<u32>,
    },
    /// A newer Hirewire wrote this database.
    #[error("`{}` has format {found}; this program knows formats up to {known}", path.display())]
    NewerDatabase {
        /// The database.
        path: PathBuf,
        /// Its format version.
        found: i64,
        /// The newest version this program can read.
        known: i64,
    },
    /// The file is an SQLite database of another program.
    #[error("`{}` is a database, but not of Hirewire", path.display())]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
    },
    /// An older database was opened for reading only; reading cannot migrate it.
    #[error("`{}` has the older format {found} and must be opened for writing once", path.display())]
    OlderDatabase {
        /// The database.
        path: PathBuf,
        /// Its format version.
        found: i64,
    },
    /// SQLite's write-ahead log needs shared memory and locks that network file systems do not give.
    #[error("`{}` lies on a network file system ({kind})", path.display())]
    NetworkFileSystem {
        /// The folder.
        path: PathBuf,
        /// File system type as the kernel names it.
        kind: String,
    },
    /// A file beside the database could not be read or written.
    #[error("cannot {doing} `{}`: {reason}", path.display())]
    File {
        /// What was tried, such as `open`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The named thing is not in the store.
    #[error("no {what} `{name}`")]
    NotFound {
        /// Kind of thing, such as `job`.
        what: &'static str,
        /// Its name or id as asked for.
        name: String,
    },
    /// The name is taken.
    #[error("there is already a {what} `{name}`")]
    Exists {
        /// Kind of thing.
        what: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Two source anchors cannot own one target account (spec/engine.md §4, `DuplicateSourceEntries`).
    #[error("target account {target} cannot be linked to `{anchor}`: it belongs to {}", owner_text(owner.as_deref()))]
    TargetOwned {
        /// The source anchor that wanted it.
        anchor: String,
        /// The target anchor.
        target: String,
        /// The source anchor that has it.
        owner: Option<String>,
    },
    /// The log cannot be filtered this way.
    #[error("filter: {reason}")]
    Filter {
        /// Which part, and why not.
        reason: String,
    },
    /// The store was opened for reading only.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// The writer has stopped; nothing more can be written through this handle.
    #[error("the store is closed")]
    Closed,
    /// A stored value does not have the form this program writes.
    #[error("{what} in the database is damaged: {reason}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// SQLite said no: disk full, damaged file, I/O error.
    #[error("database error: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

impl StoreError {
    /// What to do next, one sentence.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::InUse { pid: Some(pid), .. } => {
                format!("stop process {pid} first, or give the command to it through its API")
            }
            Self::InUse { pid: None, .. } => "stop the other Hirewire process of this project first".into(),
            Self::NewerDatabase { .. } => {
                "run the newer Hirewire, or restore a backup made before the upgrade".into()
            }
            Self::ForeignDatabase { .. } => "name another file".into(),
            Self::OlderDatabase { .. } => "start the server or run any command that writes".into(),
            Self::NetworkFileSystem { .. } => "put the project's data folder on a local disk".into(),
            Self::Seal(error) => return error.help(),
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => "free space on the disk".into(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt) => "restore the newest backup".into(),
                _ => return None,
            },
            _ => return None,
        };
        Some(text)
    }

    /// Whether a unique index refused the row.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sqlite(e) if matches!(e.as_ref(), rusqlite::Error::SqliteFailure(f, _)
            if f.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                || f.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY))
    }

    pub(crate) fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.into() }
    }

    pub(crate) fn damaged(what: &'static str, reason: impl ToString) -> Self {
        Self::Damaged { what, reason: reason.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or("another process".into(), |pid| format!("process {pid}"))
}

fn owner_text(owner: Option<&str>) -> String {
    owner.map_or("another person".into(), |owner| format!("`{owner}`"))
}
