//! Opening a store; the handle everything else hangs on.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{Result, StoreError};
use crate::lock::WriterLock;
use crate::log::ids::IdCoder;
use crate::readers::{self, Readers};
use crate::seal::MasterKey;
use crate::writer::Writer;
use crate::{migrate, mounts, settings};

/// How long a connection waits for another process, such as a backup.
pub(crate) const BUSY: Duration = Duration::from_secs(10);
/// Prepared statements kept per connection; more than the store has.
const STATEMENTS: usize = 128;
/// Pages of the write-ahead log (64 MB) after which a commit also copies it into the database; quiet moments do it sooner.
const CHECKPOINT_PAGES: i64 = 16_384;

/// How to open a store.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The key that seals secrets. `None`: from `hirewire.key` beside the database, made with mode 0600 when absent.
    pub master_key: Option<MasterKey>,
}

/// The store of one project. Cheap to clone; all clones share one writer thread and the reading connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Order matters: the writer's connection closes after the readers', as only the last one to close puts the
    // write-ahead log away, and before the lock is given up.
    readers: Readers,
    writer: Option<Writer>,
    ids: IdCoder,
    keys: KeySource,
    _lock: Option<WriterLock>,
}

/// Where the master key comes from; a file is read when the first secret is touched.
pub(crate) enum KeySource {
    /// At hand.
    Given(MasterKey),
    /// In this file.
    File(PathBuf),
}

impl Store {
    /// Opens the database for reading and writing, makes it when absent, and brings an older one to the newest format.
    ///
    /// Fails with [`StoreError::InUse`] while another process has it open for writing, and refuses network file systems,
    /// other programs' files and formats newer than this program.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        refuse_network(path)?;
        let lock = WriterLock::take(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        // Before anything is written: a foreign or newer file stays as it is.
        migrate::check(&connection, path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        prepare(&mut connection, path)?;
        let keys = match options.master_key {
            Some(key) => KeySource::Given(key),
            None => KeySource::File(path.with_file_name("hirewire.key")),
        };
        Self::with(connection, |_| Readers::file(path.into()), keys, Some(lock))
    }

    /// Opens an existing database for reading only, beside a process that writes it or without one.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let connection = readers::open(path)?;
        let found = migrate::check(&connection, path)?;
        if found < migrate::LATEST {
            return Err(StoreError::OlderDatabase { path: path.into(), found });
        }
        let ids = IdCoder::new(settings::log_salt(&connection)?);
        let inner = Inner {
            writer: None,
            readers: Readers::file(path.into()),
            ids,
            keys: KeySource::File(path.with_file_name("hirewire.key")),
            _lock: None,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A store that lives as long as its handles, for the emulator and tests. Its secrets are sealed with a key of its own.
    pub fn in_memory() -> Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&mut connection, Path::new(":memory:"))?;
        Self::with(
            connection,
            |shared| Readers::Memory(shared.clone()),
            KeySource::Given(MasterKey::random()?),
            None,
        )
    }

    fn with(
        connection: Connection,
        readers: impl FnOnce(&Arc<Mutex<Connection>>) -> Readers,
        keys: KeySource,
        lock: Option<WriterLock>,
    ) -> Result<Self> {
        let salt = settings::log_salt(&connection)?;
        let connection = Arc::new(Mutex::new(connection));
        let readers = readers(&connection);
        let writer = Writer::start(connection).map_err(|error| StoreError::File {
            doing: "start the writer thread for",
            path: "hirewire.db".into(),
            reason: error.to_string(),
        })?;
        let inner = Inner { writer: Some(writer), readers, ids: IdCoder::new(salt), keys, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether the store can be written now: a tiny commit, on disk like any other.
    pub fn probe(&self) -> Result<()> {
        self.write(|connection| {
            let sql = "INSERT INTO settings (key, value) VALUES ('store.probe', '1') \
                       ON CONFLICT (key) DO UPDATE SET value = CASE value WHEN '1' THEN '0' ELSE '1' END";
            connection.prepare_cached(sql)?.execute([])?;
            Ok(())
        })
    }

    /// Copies the whole database, consistent as of one moment, to a new file; readers and the writer go on meanwhile.
    pub fn back_up(&self, to: impl AsRef<Path>) -> Result<()> {
        let to = to.as_ref();
        if to.exists() {
            return Err(StoreError::Exists { what: "file", name: to.display().to_string() });
        }
        self.read(|connection| {
            let mut copy = Connection::open(to)?;
            let backup = rusqlite::backup::Backup::new(connection, &mut copy)?;
            backup.run_to_completion(4_096, Duration::ZERO, None)?;
            Ok(())
        })
    }

    /// Runs a query on a read-only connection.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.inner.readers.read(work)
    }

    /// Runs `work` in a transaction of the writer and returns once it is on disk.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?.write(work)
    }

    pub(crate) fn writer(&self) -> Result<&Writer> {
        self.inner.writer.as_ref().ok_or(StoreError::ReadOnly)
    }

    pub(crate) fn ids(&self) -> IdCoder {
        self.inner.ids
    }

    pub(crate) fn keys(&self) -> &KeySource {
        &self.inner.keys
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

fn refuse_network(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match mounts::network_kind(folder) {
        Some(kind) => Err(StoreError::NetworkFileSystem { path: folder.into(), kind }),
        None => Ok(()),
    }
}

/// Keeps prepared statements, and the plans that SQLite made for them. Otherwise it would look at the bound values and
/// plan most statements anew whenever they change, which costs more than the statements themselves.
pub(crate) fn steady(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<()> {
    steady(connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    migrate::migrate(connection, path)?;
    settings::ensure_log_salt(connection)
}
