//! Runs a synchronization job: accepted operations are planned, exported, recorded and logged, cycle by cycle.
//!
//! ```text
//! inbox ─▶ decide (read, look up, plan) ─▶ export ─▶ commit (links, records, log, receipts) ─▶ references
//! ```
//!
//! A batch is decided and written as one: one call of the target, one transaction of the store. A crash between the two
//! repeats the batch; steps that were done already change nothing, and accounts that were created are found by matching.
mod decide;
mod document;
mod entry;
mod error;
mod feed;
mod neighbours;
mod people;
mod report;
mod runner;
mod undo;

pub use decide::Examined;
pub use document::{Basis, PersonPlan, PlanAction, PlanDocument, PlannedChange, Totals, Warning};
pub use error::JobError;
pub use feed::{Feed, fingerprint_name, fingerprints, keep_fingerprints, origin};
pub use people::{Cause, Item};
pub use report::Listing;
pub use runner::{CycleReport, RunOptions, Runner, safety_totals};
pub use undo::UndoPerson;
