//! One entry of the provisioning log, with everything the Graph record shows (spec/inbound-api.md §8.3–8.6).
//!
//! What is constant per job (tenant, systems, service principal) is not kept per entry. Descriptions have standard wordings
//! (§8.5); they are written when the record is rendered, from the step's name and details.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cycles::CycleKey;
use crate::inbox::UploadId;
use crate::jobs::JobKey;

macro_rules! numbered_enum {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $graph:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }
        impl $type {
            /// All of them; the position is the number in the database, so the order never changes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The name as in Graph.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $graph),+ }
            }
            /// The one with this name, in any case.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str().eq_ignore_ascii_case(name))
            }
            pub(crate) fn number(self) -> i64 {
                self as i64
            }
            pub(crate) fn from_number(number: i64) -> Option<Self> {
                usize::try_from(number).ok().and_then(|n| Self::ALL.get(n).copied())
            }
        }
    };
}

numbered_enum! {
    /// `provisioningAction`. An enable is logged as `update`.
    LogAction {
        /// Nothing of the others.
        Other = "other",
        /// A new account.
        Create = "create",
        /// A removed account.
        Delete = "delete",
        /// An account switched off.
        Disable = "disable",
        /// A changed account.
        Update = "update",
        /// Held by the deletion threshold.
        StagedDelete = "stagedDelete",
    }
}

numbered_enum! {
    /// `provisioningStatusInfo.status`.
    LogStatus {
        /// Done.
        Success = "success",
        /// Refused.
        Failure = "failure",
        /// Nothing to do.
        Skipped = "skipped",
        /// Done with a reservation.
        Warning = "warning",
    }
}

numbered_enum! {
    /// Name of a step (spec/inbound-api.md §8.5).
    StepName {
        /// A record came.
        EntryImportAdd = "EntryImportAdd",
        /// A changed record came.
        EntryImportUpdate = "EntryImportUpdate",
        /// A person was deleted in the source.
        EntryImportDelete = "EntryImportDelete",
        /// The account was read.
        EntryImport = "EntryImport",
        /// No account was found (AD).
        EntryImportObjectNotFound = "EntryImportObjectNotFound",
        /// Scope was determined.
        EntrySynchronizationScoping = "EntrySynchronizationScoping",
        /// It will be created.
        EntrySynchronizationAdd = "EntrySynchronizationAdd",
        /// It will be updated.
        EntrySynchronizationUpdate = "EntrySynchronizationUpdate",
        /// It will be deleted.
        EntrySynchronizationDelete = "EntrySynchronizationDelete",
        /// It, or one reference, will be skipped.
        EntrySynchronizationSkip = "EntrySynchronizationSkip",
        /// It could not be processed.
        EntrySynchronizationError = "EntrySynchronizationError",
        /// The account was created.
        EntryExportAdd = "EntryExportAdd",
        /// The account was updated.
        EntryExportUpdate = "EntryExportUpdate",
        /// The account was disabled.
        EntryExportUpdateSoftDelete = "EntryExportUpdateSoftDelete",
        /// The account was deleted.
        EntryExportDelete = "EntryExportDelete",
        /// It is tried again later.
        EntryEscrow = "EntryEscrow",
    }
}

macro_rules! serde_by_number {
    ($($type:ty),+) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.number())
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = i64::deserialize(deserializer)?;
                Self::from_number(number)
                    .ok_or_else(|| serde::de::Error::custom(concat!("unknown number of ", stringify!($type))))
            }
        }
    )+};
}
serde_by_number!(LogStatus, StepName);

/// An entry to be written. Job and cycle come from the batch, the id from the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLogEntry {
    /// `activityDateTime`.
    pub time: Timestamp,
    /// `changeId` when it continues an earlier change; `None`: that of the person's first entry in the same batch.
    pub change: Option<Uuid>,
    /// What was done.
    pub action: LogAction,
    /// How it went.
    pub status: LogStatus,
    /// How long it took, in milliseconds.
    pub duration: i64,
    /// The upload that caused it.
    pub upload: Option<UploadId>,
    /// `sourceIdentity.id`.
    pub source: String,
    /// `targetIdentity.id`.
    pub target: Option<String>,
    /// `targetIdentity.displayName`.
    pub target_name: Option<String>,
    /// `errorInformation.errorCode`.
    pub error_code: Option<String>,
    /// Everything that is not searched for.
    pub detail: LogDetail,
}

/// What an entry tells beyond its columns. Kept as compact JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDetail {
    /// `modifiedProperties`, in order.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub modified: Vec<ModifiedProperty>,
    /// `provisioningSteps`, in order.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<LogStep>,
    /// `errorInformation` beyond the code.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LogError>,
    /// `targetIdentity.details` beyond id and display name, such as `UserPrincipalName`.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<(String, String)>,
    /// `sourceIdentity.details`, such as bulkId, file and row.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<(String, String)>,
    /// `initiatedBy` when it was not the service.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<Initiator>,
}

/// One changed attribute. Values are text, Booleans `True` and `False`, passwords `[Redacted]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifiedProperty {
    /// `displayName`: the attribute, with its dots.
    pub name: String,
    /// Before; `None` for no value.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

impl Serialize for ModifiedProperty {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, &self.old, &self.new).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ModifiedProperty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, old, new) = Deserialize::deserialize(deserializer)?;
        Ok(Self { name, old, new })
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStep {
    /// Which.
    pub name: StepName,
    /// How it went.
    pub status: LogStatus,
    /// Words of its own; `None`: the standard wording of §8.5.
    pub description: Option<String>,
    /// `details`, in order, with the attributes' real names; dots and colons are taken out when it is rendered.
    pub details: Vec<(String, String)>,
}

impl Serialize for LogStep {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.name, self.status, &self.description, &self.details).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LogStep {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, status, description, details) = Deserialize::deserialize(deserializer)?;
        Ok(Self { name, status, description, details })
    }
}

/// `errorInformation` beyond the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogError {
    /// `reason`.
    #[serde(rename = "r")]
    pub reason: String,
    /// `additionalDetails`.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub additional: Option<String>,
    /// `recommendedAction`.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<String>,
    /// `errorCategory`: true is `failure` (a retry may help), false `nonServiceFailure` (§8.7).
    #[serde(rename = "s")]
    pub service: bool,
}

/// Who asked for it, when it was a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiator {
    /// `initiatedBy.id`.
    pub id: String,
    /// `initiatedBy.displayName`.
    pub name: String,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// `id`.
    pub id: Uuid,
    /// `changeId`.
    pub change: Uuid,
    /// The job.
    pub job: JobKey,
    /// `jobId`.
    pub job_id: String,
    /// `servicePrincipal.id`.
    pub service_principal: String,
    /// `servicePrincipal.displayName`.
    pub service_principal_name: String,
    /// The cycle.
    pub cycle: Option<CycleKey>,
    /// `cycleId`.
    pub cycle_id: Option<String>,
    /// Everything else.
    pub entry: NewLogEntry,
}
