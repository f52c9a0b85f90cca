//! Runs Logic Apps workflow definitions: triggers, actions, expression functions, run history.

pub mod definition;
pub mod expression;
pub mod run;
#[cfg(feature = "vectors")]
pub mod vectors;
