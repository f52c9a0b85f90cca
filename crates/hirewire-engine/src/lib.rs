//! Decides: scope, match, map, diff, references, safety, cycles, quarantine, retries.
pub mod target;
pub mod value;
