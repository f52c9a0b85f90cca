//! Files behind connections: one set of operations over folders, blob stores, SFTP servers and document libraries
//! (`spec/workflows.md` §11.2).
//!
//! ```text
//! managed connector call ─┐                          ┌─ Folder
//!                         ├─▶ FileConnector ─▶ FileStore ─┼─ ObjectFiles (Azure Blob, S3)
//! service provider call ──┘                          ├─ SftpFiles
//!                                                    └─ DriveFiles (Graph)
//! ```

mod azure;
mod folder;
mod managed;
mod metadata;
mod object;
mod path;
mod provider;
mod s3;
mod sftp;
pub(crate) mod trigger;

use std::future::Future;

use hirewire_workflow::host::{Connector, ConnectorCall, PollFrom, Polled, Reply};
use hirewire_workflow::run::Answer;

pub use azure::{AzureBlobConfig, AzureLogin};
pub use folder::FolderConfig;
pub(crate) use folder::FolderFiles;
pub(crate) use metadata::ticks;
pub(crate) use object::{Account, ObjectFiles};
pub(crate) use path::clean;
pub use s3::S3Config;
pub(crate) use sftp::SftpFiles;
pub use sftp::{SftpConfig, SftpLogin};

use crate::failure::Failure;

/// Largest file that is read into a run: the service's message limit (`spec/workflows.md` §13).
pub(crate) const MAX_FILE: u64 = 100 << 20;
/// Most entries of one listing.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// A file or folder as a store knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Its path below the connection's root, with `/` first.
    pub(crate) path: String,
    /// Whether it is a folder.
    pub(crate) folder: bool,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was modified last, in ticks (100 ns since year 1, UTC); 0 where nobody knows.
    pub(crate) modified: i64,
    /// The store's tag of this version.
    pub(crate) etag: Option<String>,
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// It is replaced.
    Replace,
    /// The call is refused with 409.
    Refuse,
}

/// A place with files. Paths are clean: `/a/b`, no `..`, no empty parts (see [`clean`]).
pub(crate) trait FileStore: Send + Sync {
    /// One file or folder.
    fn stat(&self, path: &str) -> impl Future<Output = Result<Entry, Failure>> + Send;
    /// What is in a folder; with `deep` all files below it, without folders.
    fn list(&self, path: &str, deep: bool) -> impl Future<Output = Result<Vec<Entry>, Failure>> + Send;
    /// A file's bytes, at most [`MAX_FILE`].
    fn read(&self, path: &str) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send;
    /// Writes a whole file: readers see the old or the new one, never half of it. Makes missing folders.
    fn write(
        &self,
        path: &str,
        bytes: Vec<u8>,
        over: Overwrite,
    ) -> impl Future<Output = Result<Entry, Failure>> + Send;
    /// Removes a file.
    fn delete(&self, path: &str) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Whether files may appear while they are still being written, and keep the time they had elsewhere: then a
    /// file that changed just now fires only when it did not change until the next poll.
    fn is_file_system(&self) -> bool {
        false
    }
}

/// The file operations of managed connectors and service providers over a store.
#[derive(Debug)]
pub(crate) struct FileConnector<S> {
    store: S,
}

impl<S: FileStore> FileConnector<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store }
    }

    async fn answer(&self, call: ConnectorCall) -> Answer {
        let outcome = match managed::operation(&call.path) {
            Some(operation) => managed::run(&self.store, &operation, &call).await,
            None => provider::run(&self.store, &call).await,
        };
        outcome.unwrap_or_else(Answer::from)
    }
}

impl<S: FileStore> Connector for FileConnector<S> {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(self.answer(call))
    }

    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        Box::pin(async move { trigger::poll(&self.store, &call, from).await })
    }
}

/// An operation that this adapter does not have.
pub(crate) fn unknown(call: &ConnectorCall) -> Failure {
    Failure::missing(format!("the operation {} {} is not known here", call.method, call.path))
}

/// A whole file is too large for a run.
pub(crate) fn too_large(path: &str, size: u64) -> Failure {
    Failure::Refused {
        status: 413,
        message: format!("the file '{path}' has {size} bytes; a message holds at most {MAX_FILE}"),
    }
}
