//! Runs Logic Apps workflow definitions: triggers, actions, expression functions, run history.

pub mod bind;
pub mod case;
pub mod content;
pub mod definition;
pub mod expression;
pub mod history;
pub mod host;
pub mod offline;
pub mod run;
pub mod script;
pub mod trigger;
#[cfg(feature = "vectors")]
pub mod vectors;
