//! Why an expression failed.

/// The kind of failure; to the outside the code is always `InvalidTemplate` (`vectors/workflow-functions.md` §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The template is malformed; the service refuses to save it.
    Parse,
    /// No such function.
    UnknownFunction,
    /// Wrong number of arguments.
    ArgCount,
    /// An argument of the wrong type.
    ArgType,
    /// Right type, unusable value.
    ArgValue,
    /// An index, length or date out of range.
    OutOfRange,
    /// Selection of a member that does not exist.
    PropertyMissing,
    /// Selection outside an array.
    IndexOutOfRange,
    /// Selection on a value that has no members.
    NotSelectable,
    /// Unknown action, parameter, variable, loop or scope.
    NotFound,
    /// Division by zero.
    DivideByZero,
    /// Integer overflow.
    Overflow,
    /// A member that exists already, or several form values where one is wanted.
    Duplicate,
    /// A limit on size, depth or work was reached.
    TooLarge,
}

impl ErrorKind {
    /// The kind's word as it stands in test vectors.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::Parse => "parse",
            ErrorKind::UnknownFunction => "unknownFunction",
            ErrorKind::ArgCount => "argCount",
            ErrorKind::ArgType => "argType",
            ErrorKind::ArgValue => "argValue",
            ErrorKind::OutOfRange => "outOfRange",
            ErrorKind::PropertyMissing => "propertyMissing",
            ErrorKind::IndexOutOfRange => "indexOutOfRange",
            ErrorKind::NotSelectable => "notSelectable",
            ErrorKind::NotFound => "notFound",
            ErrorKind::DivideByZero => "divideByZero",
            ErrorKind::Overflow => "overflow",
            ErrorKind::Duplicate => "duplicate",
            ErrorKind::TooLarge => "tooLarge",
        }
    }
}

/// A failed parse or evaluation, with the text that the service gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// The service's text where it is known.
    pub message: String,
    /// Where in the template the failing part stands, as a byte range.
    pub span: std::ops::Range<usize>,
}

impl ExpressionError {
    /// An error without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), span: 0..0 }
    }

    /// The same error with a place, unless it has one.
    #[must_use]
    pub fn at(mut self, span: std::ops::Range<usize>) -> Self {
        if self.span.is_empty() {
            self.span = span;
        }
        self
    }
}
