//! The store as the workflows' memory.
use std::io;

use hirewire_store::Store;
use hirewire_workflow::host::{LogEntry, Logbook};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

/// Scope of the workflows' secrets in the store.
const SCOPE: &str = "workflow";

/// Workflow logs in the project's store.
pub(crate) struct StoreLogbook(pub(crate) Store);

/// Runs what may wait for the disk where waiting holds nobody up.
fn waiting<T>(work: impl FnOnce() -> hirewire_store::Result<T>) -> io::Result<T> {
    let in_runtime = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    let result = if in_runtime { tokio::task::block_in_place(work) } else { work() };
    result.map_err(io::Error::other)
}

impl Logbook for StoreLogbook {
    fn put(&self, entries: Vec<LogEntry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let entries = entries.into_iter().map(|e| (e.log, e.seq, e.bytes)).collect();
        waiting(|| self.0.workflow_write(entries))
    }

    fn get(&self, log: &str, seq: i64) -> io::Result<Option<Vec<u8>>> {
        self.0.workflow_entry(log, seq).map_err(io::Error::other)
    }

    fn newest(&self, log: &str, before: Option<i64>, limit: usize) -> io::Result<Vec<(i64, Vec<u8>)>> {
        self.0.workflow_newest(log, before, limit).map_err(io::Error::other)
    }

    fn read(&self, log: &str) -> io::Result<Vec<(i64, Vec<u8>)>> {
        self.0.workflow_read(log).map_err(io::Error::other)
    }

    fn drop_log(&self, log: &str) -> io::Result<()> {
        waiting(|| self.0.workflow_delete(log)).map(|_| ())
    }

    fn put_secret(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        waiting(|| self.0.put_secret(SCOPE, name, bytes, Timestamp::now()))
    }

    fn secret(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let secret = self.0.open_secret(SCOPE, name).map_err(io::Error::other)?;
        Ok(secret.map(|secret| secret.expose_secret().to_vec()))
    }
}
