//! Opening the directory; connections; the port.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hirewire_engine::target::{Applied, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::Account;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::refusal::unavailable;
use super::{account, query, steps};

/// Marks the file as ours in its header: `HiWd`.
const APPLICATION_ID: i64 = 0x4869_5764;
/// Format of the file.
const VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(10);
const STATEMENTS: usize = 64;
/// Reading connections kept when nobody reads.
const KEPT: usize = 4;

/// How the directory behaves.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Domains that a userPrincipalName may end in, in any case; `None`: every domain.
    pub verified_domains: Option<Vec<String>>,
    /// Tells the time, for dates of creation and deletion.
    pub clock: fn() -> Timestamp,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { verified_domains: None, clock: Timestamp::now }
    }
}

/// The directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to another program.
    #[error("`{}` is no directory of Hirewire", .0.display())]
    Foreign(PathBuf),
    /// A newer Hirewire wrote it.
    #[error("`{}` was written by a newer Hirewire (format {found})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// SQLite said no.
    #[error("cannot open the directory: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A directory of users in `directory.db` or in memory. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct EmbeddedDirectory {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Mutex<Connection>,
    /// `None` in memory, where readers take turns with the writer.
    file: Option<(PathBuf, Mutex<Vec<Connection>>)>,
    options: EmbeddedOptions,
}

impl std::fmt::Debug for EmbeddedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedDirectory").finish_non_exhaustive()
    }
}

impl EmbeddedDirectory {
    /// Opens the directory, makes it when absent, and removes what lay in the recycle bin for too long.
    pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        prepare(&connection, path)?;
        Ok(Self::with(connection, Some((path.into(), Mutex::default())), options)?)
    }

    /// A directory that lives as long as its handles.
    pub fn in_memory(options: EmbeddedOptions) -> Result<Self, OpenError> {
        let connection = Connection::open_in_memory()?;
        prepare(&connection, Path::new(":memory:"))?;
        Ok(Self::with(connection, None, options)?)
    }

    fn with(
        connection: Connection,
        file: Option<(PathBuf, Mutex<Vec<Connection>>)>,
        options: EmbeddedOptions,
    ) -> rusqlite::Result<Self> {
        let directory = Self { inner: Arc::new(Inner { writer: Mutex::new(connection), file, options }) };
        directory.purge_expired()?;
        Ok(directory)
    }

    pub(super) fn verified_domains(&self) -> Option<&[String]> {
        self.inner.options.verified_domains.as_deref()
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.inner.options.clock)()
    }

    /// Runs a query on a connection that sees everything committed before.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let Some((path, idle)) = &self.inner.file else { return work(&self.inner.writer()) };
        let kept = lock(idle).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => open_reader(path)?,
        };
        // One transaction: what the statements see fits together, and the file is locked once instead of once a statement.
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = work(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut idle = lock(idle);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }

    /// Runs `work` in one transaction; on return it is on disk.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.inner.write(work)
    }

    /// Runs `work` where it may block: on a thread for that inside tokio, else here.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, TargetError> {
        let directory = self.clone();
        let result = match tokio::runtime::Handle::try_current() {
            Err(_) => work(&directory),
            Ok(runtime) => match runtime.spawn_blocking(move || work(&directory)).await {
                Ok(result) => result,
                Err(error) => return Err(unavailable(&error)),
            },
        };
        result.map_err(|error| unavailable(&error))
    }
}

impl Inner {
    fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let connection = self.writer();
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let result = work(&connection).and_then(|value| {
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(value)
        });
        if result.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (number("application_id")?, tables) {
        (APPLICATION_ID, _) => {}
        (0, 0) => {
            let schema = include_str!("schema.sql");
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {schema} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT"
            ))?;
        }
        _ => return Err(OpenError::Foreign(path.into())),
    }
    let found = number("user_version")?;
    if found > VERSION {
        return Err(OpenError::Newer { path: path.into(), found });
    }
    steady(connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    Ok(())
}

/// Keeps prepared statements and their plans, which SQLite would otherwise make anew whenever the bound values change.
fn steady(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    steady(&connection)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    Ok(connection)
}

impl Target for EmbeddedDirectory {
    /// A user in the recycle bin is found only when no live one holds the value.
    async fn find(&self, keys: &[MatchKey], wanted: &[String]) -> Result<Vec<Vec<Account>>, TargetError> {
        let (keys, wanted) = (keys.to_vec(), wanted.to_vec());
        self.blocking(move |directory| {
            let since = account::bin_since(directory.now());
            directory.read(|connection| query::find(connection, &keys, &wanted, since))
        })
        .await
    }

    async fn read(&self, anchors: &[String], wanted: &[String]) -> Result<Vec<Option<Account>>, TargetError> {
        let (anchors, wanted) = (anchors.to_vec(), wanted.to_vec());
        self.blocking(move |directory| {
            let since = account::bin_since(directory.now());
            directory.read(|connection| query::read(connection, &anchors, &wanted, since))
        })
        .await
    }

    /// Users in the recycle bin are among them, and say so.
    async fn enumerate(
        &self,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<(), TargetError> {
        let mut after = 0;
        loop {
            let wanted = wanted.to_vec();
            let (slice, next) = self
                .blocking(move |directory| {
                    let since = account::bin_since(directory.now());
                    directory.read(|connection| query::slice(connection, after, &wanted, since))
                })
                .await?;
            slice.into_iter().for_each(&mut *each);
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    /// One transaction for all steps; a refused step leaves nothing behind and does not hinder the others.
    async fn apply(&self, steps: &[Step]) -> Vec<Result<Applied, TargetError>> {
        let prepared: Vec<_> = steps.iter().map(steps::prepare).collect();
        match self.blocking(move |directory| steps::apply(directory, prepared)).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error); steps.len()],
        }
    }

    /// Live users only: a deleted user's values are free.
    async fn exists(&self, key: &MatchKey) -> Result<bool, TargetError> {
        let found = self.find(std::slice::from_ref(key), &[]).await?;
        Ok(found.into_iter().flatten().any(|account| !account.soft_deleted))
    }
}
