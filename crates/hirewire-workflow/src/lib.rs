//! Runs Logic Apps workflow definitions: triggers, actions, expression functions, run history.
