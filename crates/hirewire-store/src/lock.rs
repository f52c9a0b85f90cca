//! The lock file that makes one process the writer of a project.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};

/// Held while the store is open for writing; the operating system releases it however the process ends.
pub(crate) struct WriterLock {
    _file: File,
}

/// `hirewire.db` has `hirewire.db.lock` beside it.
pub(crate) fn path_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl WriterLock {
    /// Takes the lock or tells who has it.
    pub(crate) fn take(database: &Path) -> Result<Self> {
        let path = path_of(database);
        let failed = |doing, error: std::io::Error| StoreError::File {
            doing,
            path: path.clone(),
            reason: error.to_string(),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed("open", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: database.into(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", error)),
        }
        write_pid(&mut file).map_err(|error| failed("write", error))?;
        Ok(Self { _file: file })
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}
