//! Runs a synchronization job: accepted operations are planned, exported, recorded and logged, cycle by cycle.
//!
//! ```text
//! inbox ─▶ decide (read, look up, plan) ─▶ export ─▶ commit (links, records, log, receipts) ─▶ references
//! ```
//!
//! A batch is decided and written as one: one call of the target, one transaction of the store. A crash between the two
//! repeats the batch; steps that were done already change nothing, and accounts that were created are found by matching.
mod approve;
mod census;
mod decide;
mod document;
mod entry;
mod error;
mod export;
mod feed;
mod guard;
mod neighbours;
mod outcome;
mod people;
mod precedence;
mod recent;
mod report;
mod run;
mod runner;
mod second;
pub mod standing;
mod undo;

pub use approve::Approved;
pub use decide::Examined;
pub use document::{Basis, PersonPlan, PlanAction, PlanDocument, PlannedChange, Totals, Warning};
pub use error::JobError;
pub use feed::{Feed, fingerprint_name, fingerprints, origin};
pub use guard::{Guard, first_load};
pub use people::{Cause, Item};
pub use precedence::{Place, Precedence};
pub use report::Listing;
pub use runner::{CycleReport, RunOptions, Runner, Safety, safety_totals};
pub use undo::UndoPerson;
