//! When runs start: schedules, requests with signed URLs, polls, HR webhooks (`spec/workflows.md` §7).

mod hibob;
mod poll;
mod recurrence;
mod request;

pub use hibob::{Delivery, hibob_delivery, hibob_signature};
pub use poll::{Poll, judge_poll};
pub use recurrence::{Frequency, Recurrence, RecurrenceError};
pub use request::{CallbackKeys, CallbackUrl, Refusal, incoming};
