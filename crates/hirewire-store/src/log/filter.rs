//! What entries to find: the expressions of the log's `$filter` (spec/inbound-api.md §8.2), parsed elsewhere.
use jiff::Timestamp;

/// A condition on entries.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFilter {
    /// Holds for all entries or for none: what a condition on a constant member (`tenantId`, `sourceSystem`) comes to.
    Constant(bool),
    /// All hold; an empty list holds.
    And(Vec<LogFilter>),
    /// One holds at least; an empty list does not hold.
    Or(Vec<LogFilter>),
    /// Does not hold.
    Not(Box<LogFilter>),
    /// `arg op lit`. Null differs from every value.
    Compare(Operand, Comparison, LogValue),
    /// `arg in (…)`.
    In(Operand, Vec<LogValue>),
    /// `fn(arg, 'text')`.
    Text(TextFunction, Operand, String),
}

/// A member, as it is or with its case folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Which.
    pub field: LogField,
    /// `tolower`, `toupper` or as it is.
    pub fold: Fold,
}

impl From<LogField> for Operand {
    fn from(field: LogField) -> Self {
        Self { field, fold: Fold::None }
    }
}

/// Folding of case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// As it is.
    None,
    /// `tolower(…)`.
    Lower,
    /// `toupper(…)`.
    Upper,
}

/// A member that can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// `id`: eq, ne, in.
    Id,
    /// `changeId`: eq, ne, in.
    ChangeId,
    /// `jobId`.
    JobId,
    /// `cycleId`.
    CycleId,
    /// `activityDateTime`, compared in whole seconds as it is shown.
    Time,
    /// `durationInMilliseconds`.
    Duration,
    /// `provisioningAction`, and `action` of beta.
    Action,
    /// `provisioningStatusInfo/status`, `statusInfo/status`.
    Status,
    /// `provisioningStatusInfo/errorInformation/errorCode`.
    ErrorCode,
    /// `sourceIdentity/id`.
    SourceId,
    /// `targetIdentity/id`; empty text when there is none.
    TargetId,
    /// `targetIdentity/displayName`; empty text when there is none.
    TargetName,
    /// `servicePrincipal/id`.
    ServicePrincipalId,
    /// `servicePrincipal/displayName`.
    ServicePrincipalName,
    /// Number of the upload (ours).
    Upload,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// A function of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFunction {
    /// `contains`
    Contains,
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum LogValue {
    /// `null`
    Null,
    /// `'text'`, compared with regard to case; also a bare GUID.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A moment.
    Time(Timestamp),
}

impl LogFilter {
    /// `field eq 'text'`.
    pub fn equals(field: LogField, text: impl Into<String>) -> Self {
        Self::Compare(field.into(), Comparison::Equal, LogValue::Text(text.into()))
    }
}
