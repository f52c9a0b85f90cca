//! What goes into the interpreter and what comes out of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::record::{ActionRecord, Response};
use crate::definition::Status;

/// Something happened. Journal entries are events in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// When, in 100-ns ticks since year 1, UTC.
    pub at: i64,
    /// Seed of everything random in this step.
    pub seed: u64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The run begins.
    Start,
    /// A call was answered.
    Answer {
        /// The call's number.
        call: u64,
        /// The answer.
        answer: Answer,
    },
    /// A timer ended.
    Timer {
        /// The timer's number.
        timer: u64,
    },
    /// Work was left over from the last step.
    Continue,
    /// A webhook action was called back.
    Callback {
        /// The action's name.
        action: String,
        /// `{headers, body}` of the call.
        outputs: Json,
    },
    /// A person cancels the run.
    Cancel,
    /// The run has lasted longer than allowed.
    RunTimeout,
}

/// What came back from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// An HTTP-shaped answer.
    Response {
        /// The status code.
        status: u16,
        /// Headers, names as received.
        headers: Map<String, Json>,
        /// The body as a value (`spec/workflows.md` §6); absent where there was none.
        body: Option<Json>,
    },
    /// No answer at all.
    Fault {
        /// The error's code, such as `ConnectionFailure`.
        code: String,
        /// What happened.
        message: String,
        /// Whether another attempt may help.
        retry: bool,
    },
    /// The value of a script.
    Value(Json),
}

/// A call to the outside that the interpreter wants to be made.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The number under which the answer must come.
    pub id: u64,
    /// The run's id; with `id` it names the call for good, also when it is made again after a crash.
    pub run: String,
    /// The action.
    pub action: String,
    /// Indexes of the enclosing iterations, outermost first.
    pub repetition: Vec<usize>,
    /// Whether no headers about the run are added to an HTTP request (`SuppressWorkflowHeaders`).
    pub plain: bool,
    /// What to do.
    pub effect: Effect,
}

/// What a call does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// An HTTP request, inputs evaluated but not yet encoded.
    Http {
        /// The method in capital letters.
        method: String,
        /// The URI without `queries`.
        uri: String,
        /// Query parameters, JSON types kept.
        queries: Map<String, Json>,
        /// Headers.
        headers: Map<String, Json>,
        /// The body.
        body: Option<Json>,
        /// The evaluated `authentication` object.
        authentication: Option<Json>,
    },
    /// A connector's operation.
    Connection {
        /// The connection's name in the definition.
        connection: String,
        /// The method in capital letters.
        method: String,
        /// The path after one evaluation, undecoded; `/{operationId}` for a service provider.
        path: String,
        /// Query parameters or service provider parameters.
        queries: Map<String, Json>,
        /// Headers.
        headers: Map<String, Json>,
        /// The body.
        body: Option<Json>,
    },
    /// Another workflow's Request trigger.
    Workflow {
        /// The workflow's name.
        workflow: String,
        /// The trigger's name; empty for its only one.
        trigger: String,
        /// Headers.
        headers: Map<String, Json>,
        /// The body.
        body: Option<Json>,
    },
    /// A function app's function.
    Function {
        /// Its resource id.
        id: String,
        /// The method.
        method: String,
        /// Query parameters.
        queries: Map<String, Json>,
        /// Headers.
        headers: Map<String, Json>,
        /// The body.
        body: Option<Json>,
    },
    /// JavaScript.
    Script {
        /// The code.
        code: String,
        /// `workflowContext`.
        context: Json,
    },
}

impl Effect {
    /// Whether the call only reads.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Http { method, .. } | Self::Connection { method, .. } | Self::Function { method, .. } => {
                matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS")
            }
            Self::Workflow { .. } => false,
            Self::Script { .. } => true,
        }
    }
}

/// What the interpreter wants from its driver.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make a call and report its answer.
    Call(Box<Call>),
    /// Report when the moment has come.
    Timer {
        /// The timer's number.
        timer: u64,
        /// The moment in ticks.
        at: i64,
    },
    /// Answer the caller of the Request trigger.
    Respond(Response),
    /// An action finished.
    Record(Arc<ActionRecord>),
    /// Send [`What::Continue`].
    Continue,
    /// The run is over.
    Done(RunResult),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The status.
    pub status: Status,
    /// The error, where it failed.
    pub error: Option<Json>,
    /// The workflow's outputs.
    pub outputs: Map<String, Json>,
}
