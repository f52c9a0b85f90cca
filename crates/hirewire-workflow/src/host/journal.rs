//! The durable journal of a run: its start and its events, in order.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Where runs are remembered. An entry is opaque bytes without line feeds; it holds what the workflow handled, secrets
/// included, so it must be stored as carefully as the project's other secrets.
pub trait Journal: Send + Sync {
    /// Appends entries of a run durably; the first gets the number `first`, counted from 0.
    ///
    /// # Errors
    /// What the storage says; the run stops then.
    fn append(&self, run: &str, first: u64, entries: &[Vec<u8>]) -> io::Result<()>;

    /// All entries of a run in order; none for an unknown run.
    ///
    /// # Errors
    /// What the storage says.
    fn read(&self, run: &str) -> io::Result<Vec<Vec<u8>>>;
}

/// A journal in memory, for tests and stateless workflows.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<HashMap<String, Vec<Vec<u8>>>>);

impl Journal for MemoryJournal {
    fn append(&self, run: &str, first: u64, entries: &[Vec<u8>]) -> io::Result<()> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = runs.entry(run.to_owned()).or_default();
        list.truncate(usize::try_from(first).unwrap_or(usize::MAX));
        list.extend_from_slice(entries);
        Ok(())
    }

    fn read(&self, run: &str) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned().unwrap_or_default())
    }
}

/// A journal in a folder: one file per run, one line per entry, synced on each append.
#[derive(Debug)]
pub struct FileJournal {
    folder: PathBuf,
    open: Mutex<HashMap<String, File>>,
}

impl FileJournal {
    /// A journal in `folder`, which is made where it does not exist.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, open: Mutex::new(HashMap::new()) })
    }

    fn path(&self, run: &str) -> io::Result<PathBuf> {
        let plain =
            !run.is_empty() && run.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if plain {
            Ok(self.folder.join(format!("{run}.run")))
        } else {
            Err(io::Error::other("a run id has letters, digits, - and _ only"))
        }
    }
}

impl Journal for FileJournal {
    fn append(&self, run: &str, _first: u64, entries: &[Vec<u8>]) -> io::Result<()> {
        let path = self.path(run)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Files of runs that ended are not kept open for ever.
        if open.len() > 64 && !open.contains_key(run) {
            open.clear();
        }
        let file = match open.entry(run.to_owned()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(entry);
            bytes.push(b'\n');
        }
        file.write_all(&bytes)?;
        file.sync_data()
    }

    fn read(&self, run: &str) -> io::Result<Vec<Vec<u8>>> {
        let path = self.path(run)?;
        let mut bytes = Vec::new();
        match OpenOptions::new().read(true).write(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
            Ok(mut file) => {
                file.read_to_end(&mut bytes)?;
                // A line cut off by a crash was never acted upon; it goes.
                let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
                if whole < bytes.len() {
                    file.set_len(whole as u64)?;
                    bytes.truncate(whole);
                }
            }
        }
        Ok(bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{FileJournal, Journal};

    #[test]
    fn a_torn_last_line_is_dropped() {
        let folder = tempfile::tempdir().expect("folder");
        let journal = FileJournal::open(folder.path()).expect("journal");
        journal.append("r1", 0, &[b"one".to_vec(), b"two".to_vec()]).expect("append");
        let path = folder.path().join("r1.run");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend_from_slice(b"thr");
        std::fs::write(&path, bytes).expect("write");
        let journal = FileJournal::open(folder.path()).expect("journal");
        assert_eq!(journal.read("r1").expect("read"), [b"one".to_vec(), b"two".to_vec()]);
        journal.append("r1", 2, &[b"three".to_vec()]).expect("append");
        assert_eq!(journal.read("r1").expect("read").len(), 3);
        assert!(journal.append("../x", 0, &[]).is_err());
    }
}
