//! Decides: scope, match, map, diff, references, safety, cycles, quarantine, retries.
//!
//! ```text
//! record ─▶ dates ─▶ filters ─▶ matching values ─▶ scope ─┐ prepare
//!                                          target.find ◀──┤
//! account ─▶ rows ─▶ compare ─▶ account state ─▶ references ─▶ Plan
//! ```
//!
//! Planning is a function of its arguments: no clock, no randomness, no I/O. Applying a plan and planning again gives
//! an empty plan. The rules are those of `spec/engine.md`; each module names its section.
pub mod attribute;
pub mod compare;
mod compile;
mod compiled;
mod convert;
mod decide;
mod evidence;
mod fingerprint;
pub mod identity;
pub mod index;
pub mod lifecycle;
mod link;
mod mapping;
mod neighbours;
pub mod order;
mod person;
mod plan;
pub mod quarantine;
pub mod reason;
mod record;
mod reference;
pub mod restart;
pub mod retry;
pub mod safety;
pub mod scope;
mod settings;
pub mod target;
pub mod undo;
pub mod uniqueness;
pub mod value;
#[cfg(feature = "vectors")]
pub mod vectors;

pub use compiled::{CompiledSchema, Row};
pub use decide::plan;
pub use evidence::ValueTrace;
pub use fingerprint::{Fingerprint, fingerprint, fingerprint_value};
pub use link::Link;
pub use neighbours::{Neighbours, Nobody};
pub use person::{Current, Lookup, Person, Prepared, Surroundings};
pub use plan::{Action, Plan, ReferenceChange, ReferenceStatus, RowOutcome, Warning, WarningCode, Why};
pub use reason::Reason;
pub use settings::{MissingActive, Settings};
