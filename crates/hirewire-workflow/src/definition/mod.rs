//! Workflow definitions: where they come from, what they say, what is wrong with them (`spec/workflows.md` §2, §3).

mod arm;
mod check;
mod compile;
mod finding;
mod import;
mod model;

pub use arm::{ArmError, ArmScope, evaluate as evaluate_arm};
pub use compile::compile;
pub use finding::{Finding, Severity, has_errors};
pub use import::{Form, ImportError, ImportOptions, Imported, import, import_standard, read_text};
pub use model::{
    Action, ActionId, ActionKind, Condition, Container, InitialVariable, Options, Parameter, RunAfter,
    StaticResult, Status, Trigger, VariableKind, Workflow,
};
