//! Proves the job under faults: seeded worlds with a directory that fails, crashes, restarts and clock jumps.
//!
//! ```text
//! seed ─▶ scenario ─┬─▶ world without faults ─┐
//!                   └─▶ world with faults ────┴─▶ verdict
//! ```
//!
//! The code that runs is the real one: `hirewire-job`, `hirewire-engine` and `hirewire-store` (SQLite in memory). Only the
//! directory, the clock and the people are made up, all of them from the seed, so that a failing seed fails again.
//! What is checked stands in [`Invariant`]; docs/simulation.md tells how to run it.
mod dice;
mod directory;
mod failure;
mod people;
mod scenario;
mod schema;
mod verdict;
mod world;

pub use directory::Sabotage;
pub use failure::{Failure, Invariant};
pub use world::{Statistics, Workshop};
