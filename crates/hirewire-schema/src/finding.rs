//! What is doubtful or wrong in a schema document.
use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, but probably not as meant.
    Warning,
    /// Cannot work.
    Error,
}

/// One thing to say about a schema document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name of the rule, such as `unknown-attribute`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// JSON path, such as `synchronizationRules[0].objectMappings[0].attributeMappings[3].source`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    pub(crate) fn error(rule: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule, severity: Severity::Error, path: path.into(), message: message.into(), help: None }
    }

    pub(crate) fn warning(rule: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, path, message) }
    }

    pub(crate) fn with_help(self, help: Option<impl Into<String>>) -> Self {
        Self { help: help.map(Into::into), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}", self.path, self.message)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}
