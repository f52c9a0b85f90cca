//! The embedded directory: users with Entra's attributes in an SQLite file of their own, for people without a directory
//! and as the emulator's target.
//!
//! It behaves as Entra does where that matters to a client: unique userPrincipalName, required attributes, verified domains,
//! recycle bin of 30 days, manager links. Writes are durable on return.
mod account;
mod codec;
mod database;
mod query;
mod refusal;
mod steps;
#[cfg(test)]
mod tests;

pub use account::fold;
pub use database::{EmbeddedDirectory, EmbeddedOptions, OpenError};
pub use query::{User, UserFilter, UserOrder, UserPage, UserPosition, UserQuery};

/// Days that a deleted user can be restored (spec/targets.md §1.4).
pub const RECYCLE_DAYS: i64 = 30;
