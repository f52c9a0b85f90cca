//! What the API needs from the running synchronization; everything else it reads from the store.
use hirewire_store::{Accepted, Job, NewOperation, NewUpload, StoreError};
use jiff::Timestamp;
use serde_json::Value;

/// The runtime said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The job's queue holds as much as it may (answered as spec/inbound-api.md §4.4: "bucket full").
    #[error("the queue of the job is full")]
    QueueFull,
    /// No such job, person, rule or directory.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be carried out as it stands; the text is shown to the caller.
    #[error("{0}")]
    Refused(String),
    /// The job is at work and must be paused first.
    #[error("{0}")]
    Busy(String),
    /// Own trouble; the text goes to the log, never to the caller.
    #[error("{0}")]
    Internal(String),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// What `restart` resets (spec/engine.md §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResetScopes {
    /// Links and cached objects are forgotten.
    pub connector_data_store: bool,
    /// Failure records are cleared.
    pub escrows: bool,
    /// The next cycle is an initial one.
    pub watermark: bool,
    /// Quarantine ends.
    pub quarantine_state: bool,
    /// Held deletes are executed.
    pub force_deletes: bool,
    /// What was uploaded and not yet processed is dropped (only while the job does not run).
    pub purge_queue: bool,
}

/// Provision on demand, or what it would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDemand {
    /// The person's anchor: the newest stored record of that person is replayed.
    pub external_id: String,
    /// The synchronization rule asked for, if any.
    pub rule_id: Option<String>,
    /// Plan only.
    pub dry_run: bool,
}

/// What came of [`OnDemand`].
#[derive(Debug, Clone, PartialEq)]
pub struct OnDemandOutcome {
    /// `Success`, `Skipped`, `Failure` or `Warning`.
    pub result: String,
    /// `errorCode` or skip reason.
    pub error_code: Option<String>,
    /// For people.
    pub error_message: Option<String>,
    /// The log entry that was written, or would be, as `auditLogs/provisioning` shows it on v1.0; `null` when there is none.
    pub record: Value,
    /// The plan, for a dry run.
    pub plan: Option<Value>,
}

/// The link between a person and an account (spec/inbound-api.md §6.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectConnection {
    /// The id that was asked for.
    pub object_id: String,
    /// The person's anchor.
    pub source_anchor: String,
    /// The account's anchor.
    pub target_anchor: String,
    /// The account's name.
    pub display_name: String,
    /// The target object's type.
    pub object_type_name: String,
}

/// The running synchronization. Methods may block: the server calls them on threads that may.
///
/// The server has checked that the job exists and that the caller may use it.
pub trait Service: Send + Sync + 'static {
    /// Stores an upload durably and wakes the job.
    fn accept(&self, upload: NewUpload) -> Result<Accepted, ServiceError>;

    /// What an upload would do, without storing or changing anything: JSON for the caller.
    fn plan_only(&self, job: &Job, operations: Vec<NewOperation>) -> Result<Value, ServiceError>;

    /// Provisions one person now.
    fn provision_on_demand(&self, job: &Job, request: OnDemand) -> Result<OnDemandOutcome, ServiceError>;

    /// Starts a job; also ends quarantine.
    fn start(&self, job: &Job) -> Result<(), ServiceError>;

    /// Pauses a job; its queue is kept.
    fn pause(&self, job: &Job) -> Result<(), ServiceError>;

    /// Makes the changes that a cycle held happen, or those of all cycles; returns how many there were.
    fn approve(&self, job: &Job, cycle: Option<&str>, by: &str) -> Result<u64, ServiceError>;

    /// Restarts a job.
    fn restart(&self, job: &Job, scopes: ResetScopes) -> Result<(), ServiceError>;

    /// Tells the job that its schema, settings or secrets changed.
    fn changed(&self, job: &Job);

    /// Ends the work of a job that is about to be deleted from the store; returns when it has ended.
    fn retire(&self, job: &Job) -> Result<(), ServiceError>;

    /// Reads a directory's attributes anew: the directoryDefinition, or `None` for one that cannot be asked.
    fn discover(&self, job: &Job, directory: &str) -> Result<Option<Value>, ServiceError>;

    /// Tries the credentials of a job's target.
    fn validate_credentials(&self, job: &Job) -> Result<(), ServiceError>;

    /// The link of a person or an account.
    fn object_connection(&self, job: &Job, object: &str) -> Result<Option<ObjectConnection>, ServiceError>;

    /// Cuts a link; `Busy` while the job runs. Cutting an absent link is fine.
    fn cut_object_connection(&self, job: &Job, object: &str) -> Result<(), ServiceError>;

    /// Users of the embedded directory in Graph's shape; with `equal`, only those whose attribute equals the value
    /// without regard to case.
    fn users(&self, equal: Option<(&str, &str)>) -> Result<Vec<Value>, ServiceError>;

    /// Forgets everybody: queues, people, links, cycles, log, and the embedded directory's users. Jobs start again.
    fn start_over(&self) -> Result<(), ServiceError>;

    /// The emulator's clock was set or moved.
    fn clock_changed(&self, now: Timestamp, frozen: bool);
}
