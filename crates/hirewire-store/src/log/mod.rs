//! The provisioning log: entries, their ids, filters and queries (spec/inbound-api.md §8, spec/engine.md §17).
pub mod entry;
pub mod filter;
pub(crate) mod ids;
pub mod query;
mod sql;
pub(crate) mod write;

pub use entry::{
    Initiator, LogAction, LogDetail, LogEntry, LogError, LogStatus, LogStep, ModifiedProperty, NewLogEntry,
    StepName,
};
pub use filter::{Comparison, Fold, LogField, LogFilter, LogValue, Operand, TextFunction};
pub use query::{LogOrder, LogPage, LogPosition, LogQuery};
