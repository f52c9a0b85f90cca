//! Why an operation did not work, in the two shapes a workflow knows: an answer with a status, or no answer at all.

use hirewire_workflow::run::Answer;
use serde_json::{Map, Value as Json, json};

/// Why an operation did not work. Texts never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The system answered, or the operation is refused here: the action fails with this status.
    Refused {
        /// HTTP status in the connector's sense.
        status: u16,
        /// What happened and what to do.
        message: String,
    },
    /// The system could not be reached: no answer, and another attempt may help.
    Unreachable {
        /// What happened.
        message: String,
    },
}

impl Failure {
    /// 400: the call cannot be understood.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::Refused { status: 400, message: message.into() }
    }

    /// 401: the system does not accept our credentials.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::Refused { status: 401, message: message.into() }
    }

    /// 403: not allowed here.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::Refused { status: 403, message: message.into() }
    }

    /// 404: no such thing.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::Refused { status: 404, message: message.into() }
    }

    /// 500: the configuration or the system is broken in a way that another attempt does not mend.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self::Refused { status: 500, message: message.into() }
    }

    /// No answer.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable { message: message.into() }
    }

    /// Whether it says that the thing is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { status, message } => {
                respond(status, "application/json", Some(json!({"status": status, "message": message})))
            }
            Failure::Unreachable { message } => {
                Answer::Fault { code: "ConnectionFailure".into(), message, retry: true }
            }
        }
    }
}

/// An answer with a body.
pub(crate) fn respond(status: u16, kind: &str, body: Option<Json>) -> Answer {
    let mut headers = Map::new();
    headers.insert("Content-Type".into(), Json::from(kind));
    Answer::Response { status, headers, body }
}

/// 200 with JSON.
pub(crate) fn done(body: Json) -> Answer {
    respond(200, "application/json", Some(body))
}
