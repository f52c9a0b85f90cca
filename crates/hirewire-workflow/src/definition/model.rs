//! A definition in the form the interpreter runs: actions in one arena, expressions parsed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::expression::Template;

/// Place of an action in [`Workflow::actions`].
pub type ActionId = usize;

/// Status of an action or run (`spec/workflows.md` §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Started and not finished.
    Running,
    /// Queued, or in a wait.
    Waiting,
    /// Finished well.
    Succeeded,
    /// Finished badly.
    Failed,
    /// Not run, because its conditions were not met.
    Skipped,
    /// Ended by its time limit.
    TimedOut,
    /// Ended by a person or by Terminate.
    Cancelled,
}

impl Status {
    /// The status of a word, any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [
            Self::Running,
            Self::Waiting,
            Self::Succeeded,
            Self::Failed,
            Self::Skipped,
            Self::TimedOut,
            Self::Cancelled,
        ];
        all.into_iter().find(|s| s.word().eq_ignore_ascii_case(word))
    }

    /// The status' word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether a container ends badly because of it.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Cancelled)
    }
}

/// A declared parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The name as declared.
    pub name: String,
    /// The declared type in small letters.
    pub kind: String,
    /// The default value.
    pub default: Option<Json>,
    /// The values that are allowed; empty for all.
    pub allowed: Vec<Json>,
}

impl Parameter {
    /// Whether the value must never be shown.
    pub fn is_secure(&self) -> bool {
        self.kind.starts_with("secure")
    }
}

/// A trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The name.
    pub name: String,
    /// The type in small letters: `request`, `recurrence`, `http`, `httpwebhook`, `apiconnection`, ….
    pub kind: String,
    /// The trigger as it stands in the definition.
    pub json: Json,
    /// Its inputs as a template.
    pub inputs: Option<Template>,
    /// The connection it polls, where it stands in the definition.
    pub connection: Option<String>,
    /// Its recurrence as a template.
    pub recurrence: Option<Template>,
    /// `splitOn`.
    pub split_on: Option<Template>,
    /// `conditions[].expression`.
    pub conditions: Vec<Condition>,
    /// `operationOptions` in small letters.
    pub options: Options,
    /// Most runs at a time, where concurrency is on.
    pub concurrency: Option<u32>,
    /// Most waiting runs, where concurrency is on.
    pub maximum_waiting: Option<u32>,
    /// Whether `secureData` hides its outputs.
    pub secure_outputs: bool,
}

/// `operationOptions`: names in small letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub Vec<String>);

impl Options {
    /// Whether an option is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|o| o.eq_ignore_ascii_case(name))
    }
}

/// A list of actions that run together: a branch, a loop's body, the whole workflow.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// The actions, in document order.
    pub actions: Vec<ActionId>,
}

/// A condition in text or object form (`spec/workflows.md` §9.2).
#[derive(Debug, Clone)]
pub enum Condition {
    /// `"@…"` or a literal boolean.
    Template(Template),
    /// All of them.
    And(Vec<Condition>),
    /// Any of them.
    Or(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// A function of the expression language over operands.
    Operator(&'static str, Vec<Template>),
}

/// One predecessor and the statuses that let this action start.
#[derive(Debug, Clone)]
pub struct RunAfter {
    /// The predecessor.
    pub action: ActionId,
    /// The accepted statuses.
    pub statuses: Vec<Status>,
}

/// Type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VariableKind {
    /// true or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// A text.
    String,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl VariableKind {
    /// The type of a word, any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Boolean, Self::Integer, Self::Float, Self::String, Self::Object, Self::Array];
        all.into_iter().find(|k| k.word().eq_ignore_ascii_case(word))
    }

    /// The type's name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::String => "String",
            Self::Object => "Object",
            Self::Array => "Array",
        }
    }

    /// Whether a value fits; null fits every type.
    pub fn accepts(self, value: &Json) -> bool {
        match value {
            Json::Null => true,
            Json::Bool(_) => self == Self::Boolean,
            Json::Number(n) => self == Self::Float || self == Self::Integer && !n.is_f64(),
            Json::String(_) => self == Self::String,
            Json::Object(_) => self == Self::Object,
            Json::Array(_) => self == Self::Array,
        }
    }
}

/// One variable of InitializeVariable.
#[derive(Debug, Clone)]
pub struct InitialVariable {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: VariableKind,
    /// The first value.
    pub value: Option<Template>,
}

/// A mock that stands in for an action.
#[derive(Debug, Clone)]
pub struct StaticResult {
    /// The status.
    pub status: Status,
    /// The outputs.
    pub outputs: Option<Json>,
    /// The error.
    pub error: Option<Json>,
}

/// What an action does.
#[derive(Debug, Clone)]
pub enum ActionKind {
    /// An HTTP call.
    Http(Template),
    /// Subscribes and waits for one callback.
    Webhook(Template),
    /// A call of a managed connector; the connection's name where it stands in the definition.
    Connection(Template, Option<String>),
    /// A call of a built-in connector of the Standard edition.
    ServiceProvider(Template),
    /// A call of a function app.
    Function(Template),
    /// A call of another workflow.
    Workflow(Template),
    /// Answers the caller of a Request trigger.
    Response(Template),
    /// Any JSON value.
    Compose(Template),
    /// Parses and checks a value.
    ParseJson(Template, Option<Json>),
    /// Maps an array.
    Select(Template, Template),
    /// Filters an array.
    Query(Template, Condition),
    /// Joins an array to a text.
    Join(Template, Template),
    /// An array as CSV or HTML.
    Table {
        /// The rows.
        from: Template,
        /// Whether HTML is wanted instead of CSV.
        html: bool,
        /// Header and value of each column.
        columns: Option<Vec<(Template, Template)>>,
    },
    /// Makes variables.
    InitializeVariable(Vec<InitialVariable>),
    /// Sets a variable.
    SetVariable(String, Template),
    /// Adds to a number; the sign is −1 for DecrementVariable.
    IncrementVariable(String, Option<Template>, i64),
    /// Appends text.
    AppendToString(String, Template),
    /// Appends an element.
    AppendToArray(String, Template),
    /// Two branches.
    If(Condition, Container, Container),
    /// Branches by value; the default branch comes last in the list of containers.
    Switch(Template, Vec<(String, Json)>, Vec<Container>),
    /// A body per element.
    Foreach(Template, Container),
    /// A body until a condition holds.
    Until {
        /// Checked after each pass.
        condition: Condition,
        /// The body.
        body: Container,
        /// Most passes.
        count: Option<Template>,
        /// Most time.
        timeout: Option<Template>,
    },
    /// A group.
    Scope(Container),
    /// Ends the run.
    Terminate(Template),
    /// Waits.
    Wait(Template),
    /// JavaScript.
    JavaScript(String),
    /// A designer built-in of the Expression family, by its kind.
    Expression(String, Template),
}

impl ActionKind {
    /// The bodies inside, in the order of the definition.
    pub fn containers(&self) -> Vec<&Container> {
        match self {
            Self::If(_, yes, no) => vec![yes, no],
            Self::Switch(_, _, branches) => branches.iter().collect(),
            Self::Foreach(_, body) | Self::Until { body, .. } | Self::Scope(body) => vec![body],
            _ => Vec::new(),
        }
    }
}

/// One action.
#[derive(Debug, Clone)]
pub struct Action {
    /// The name.
    pub name: String,
    /// JSON path in the definition.
    pub path: String,
    /// The type as written.
    pub type_name: String,
    /// What it does.
    pub kind: ActionKind,
    /// What must have finished before.
    pub run_after: Vec<RunAfter>,
    /// Actions that name this one in their `runAfter`.
    pub successors: Vec<ActionId>,
    /// The container it stands in: owner and branch; none at the top.
    pub parent: Option<(ActionId, usize)>,
    /// The nearest enclosing Foreach.
    pub foreach: Option<ActionId>,
    /// `operationOptions`.
    pub options: Options,
    /// `limit.timeout`.
    pub timeout: Option<Template>,
    /// Whether inputs are hidden in history.
    pub hide_inputs: bool,
    /// Whether outputs are hidden in history.
    pub hide_outputs: bool,
    /// `paginationPolicy.minimumItemCount`.
    pub pagination: Option<usize>,
    /// `concurrency.repetitions`.
    pub concurrency: Option<usize>,
    /// An enabled mock.
    pub static_result: Option<StaticResult>,
    /// `foreach` as it is written, for messages.
    pub foreach_text: Option<String>,
    /// Whether `result()` of it is read somewhere, so that records of all iterations are kept.
    pub keep_results: bool,
}

/// A checked, compiled definition.
#[derive(Debug)]
pub struct Workflow {
    /// The name the product knows it by.
    pub name: String,
    /// The definition as it came.
    pub definition: Json,
    /// Declared parameters.
    pub parameters: Vec<Parameter>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// All actions of all levels.
    pub actions: Vec<Action>,
    /// The top level.
    pub root: Container,
    /// Outputs of the run.
    pub outputs: Vec<(String, Template)>,
    /// Whether a Response action stands anywhere.
    pub has_response: bool,
    /// Whether it is a Standard workflow, where `appsetting` is allowed.
    pub is_standard: bool,
    pub(crate) by_name: HashMap<String, ActionId, foldhash::fast::RandomState>,
}

impl Workflow {
    /// Finds an action without regard to case.
    pub fn action(&self, name: &str) -> Option<ActionId> {
        self.by_name.get(name).or_else(|| self.by_name.get(&name.to_lowercase())).copied()
    }

    /// Finds a trigger without regard to case.
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|t| crate::expression::same_name(&t.name, name))
    }

    /// The members of a container.
    pub(crate) fn container(&self, owner: Option<(ActionId, usize)>) -> &Container {
        match owner {
            None => &self.root,
            Some((owner, branch)) => self.actions[owner].kind.containers()[branch],
        }
    }
}
