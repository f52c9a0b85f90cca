//! Remembers: inbox, links, cycles, log, schemas, runs, secrets; SQLite by default.
//!
//! One file, one writer thread with group commit, any number of read-only connections. The store knows no rules: it keeps
//! text, JSON, numbers and times for the rooms above, and guarantees that what it acknowledged is on disk.
//! Every call blocks; from an async program call it through `spawn_blocking`, or use [`Store::accept_then`].

mod apps;
mod batch;
mod cycles;
mod error;
mod files;
mod fingerprints;
mod holds;
mod inbox;
mod jobs;
mod lock;
pub mod log;
mod migrate;
mod mounts;
mod people;
mod readers;
mod receipts;
mod references;
mod runs;
mod schemas;
pub mod seal;
mod secrets;
mod settings;
mod start_over;
mod store;
mod time;
mod writer;

pub use apps::{App, Credential, CredentialKind, NewCredential};
pub use batch::{
    BatchResult, Committed, EscrowChange, LinkChange, NewEscrow, OperationOutcome, PersonResult, PersonWrite,
};
pub use cycles::{Cycle, CycleCounts, CycleKey, CycleKind, CycleState};
pub use error::{Result, StoreError};
pub use files::Pickup;
pub use holds::{Decision, Hold, HoldId, NewHold};
pub use inbox::{
    Accepted, Deduplicate, NewOperation, NewUpload, OperationId, PendingOperation, QueueState, UploadId,
    content_hash,
};
pub use jobs::{Job, JobKey, NewJob, ScheduleState, StatusCode};
pub use people::{Escrow, Person, PersonState, Record};
pub use receipts::{OperationReceipt, OperationStatus, Receipt, Upload};
pub use references::{NewReference, PendingReference};
pub use runs::RunSummary;
pub use schemas::SchemaVersion;
pub use store::{Options, Store};
