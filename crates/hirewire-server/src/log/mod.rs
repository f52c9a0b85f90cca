//! The provisioning log as Graph shows it: records rendered from stored entries, `$filter` translated for the store.
pub mod render;
pub mod translate;
mod wording;

pub use render::{Systems, record};
