//! .NET regular expressions.

/// Why a regular expression was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {})", position + 1)]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
    /// Offset in the pattern, in characters from 0.
    pub position: usize,
    pub(crate) help: Option<&'static str>,
}

impl PatternError {
    /// What to do next.
    pub fn help(&self) -> Option<&str> {
        self.help
    }
}
