//! Decides: scope, match, map, diff, references, safety, cycles, quarantine, retries.
pub mod attribute;
pub mod compare;
pub mod identity;
pub mod lifecycle;
mod link;
mod plan;
pub mod quarantine;
pub mod reason;
pub mod restart;
pub mod retry;
pub mod safety;
mod settings;
pub mod target;
pub mod value;

pub use link::Link;
pub use plan::{Action, Plan, ReferenceChange, ReferenceStatus, RowOutcome, Warning, WarningCode, Why};
pub use reason::Reason;
pub use settings::{MissingActive, Settings};
