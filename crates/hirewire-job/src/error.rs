//! Why a cycle could not run.
use hirewire_engine::target::TargetError;

/// Why a cycle could not run, or not go on. What concerns one person only is in the plan and the log, not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hirewire_store::StoreError),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] hirewire_source::SourceError),
    /// The target cannot be used by anybody: credentials, certificate, unreachable.
    #[error("the target cannot be used: {0}")]
    Target(#[from] TargetError),
    /// The schema cannot run.
    #[error("the schema of job `{job}` cannot run: {mistakes}")]
    Schema {
        /// The job.
        job: String,
        /// Every mistake, one a line.
        mistakes: String,
    },
    /// A stored record is no JSON: the database was changed by somebody else.
    #[error("the stored record of {anchor} cannot be read: {reason}")]
    Record {
        /// The person.
        anchor: String,
        /// What the reader said.
        reason: String,
    },
    /// A defect of this program, met while a person was planned.
    #[error("planning failed unexpectedly: {0}")]
    Panic(String),
}

impl JobError {
    /// The name in the log and in the job's status (spec/engine.md §18).
    pub fn code(&self) -> &str {
        match self {
            Self::Target(
                TargetError::Retry { code, .. }
                | TargetError::Refused { code, .. }
                | TargetError::Locked { code, .. },
            ) => code,
            Self::Target(TargetError::Gone { .. }) => "InvalidAnchor",
            Self::Store(hirewire_store::StoreError::TargetOwned { .. }) => "DuplicateSourceEntries",
            _ => "InternalError",
        }
    }

    /// What to do next, one sentence.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.help(),
            Self::Source(error) => error.help(),
            Self::Target(_) => Some("`hirewire target check NAME` says what is missing".into()),
            Self::Schema { .. } => Some("`hirewire schema check` shows each mistake with its place".into()),
            Self::Record { .. } | Self::Panic(_) => None,
        }
    }
}
