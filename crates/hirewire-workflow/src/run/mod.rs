//! The interpreter: a pure step function from state and event to commands (`spec/workflows.md` §8, §9).
//!
//! ```text
//! Event (start, answer, timer, cancel) ──▶ Machine::step ──▶ Command (call, timer, respond, record, done)
//! ```
//!
//! Every source of chance is in the event (its moment and its seed), so replaying the events gives the same run:
//! the journal of events *is* the run, and the history is derived from it.
//! Invariant: the machine opens no socket, reads no clock and draws no random number.

mod conditions;
mod containers;
mod data;
mod http;
mod leaf;
mod machine;
mod message;
mod record;
mod schema;
mod scope;

pub(crate) use conditions::holds;
pub use http::status_name;
pub(crate) use http::{
    connection_effect, connection_of, http_effect, is_removed_header, provider_effect, retry_wait,
};
pub(crate) use machine::duration;
pub use machine::{Machine, RunOptions, Start};
pub use message::{Answer, Call, Command, Effect, Event, RunResult, What};
pub(crate) use record::sanitize;
pub use record::{ActionRecord, Response, TriggerRecord};
pub use schema::validate as validate_schema;
