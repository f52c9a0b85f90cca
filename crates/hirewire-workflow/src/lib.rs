//! Runs Logic Apps workflow definitions: triggers, actions, expression functions, run history.

pub mod definition;
pub mod expression;
#[cfg(feature = "vectors")]
pub mod vectors;
