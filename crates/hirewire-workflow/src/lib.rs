//! Runs Logic Apps workflow definitions: triggers, actions, expression functions, run history.

pub mod expression;
#[cfg(feature = "vectors")]
pub mod vectors;
