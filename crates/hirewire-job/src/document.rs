//! The plan document: what `hirewire plan --output json` prints and `sync --plan` takes back. Its shape is stable.
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a cycle would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// How many people each action concerns.
    pub totals: Totals,
    /// Everybody with something to do or to know; unchanged people only when asked for.
    pub people: Vec<PersonPlan>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
    /// Where the plan stood; `sync --plan FILE` refuses a plan whose world has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

/// How many people each action concerns. The sum is everybody in the export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// New accounts.
    pub create: u64,
    /// Changed accounts whose state stays.
    pub update: u64,
    /// Accounts that are switched on again, other changes included.
    pub enable: u64,
    /// Accounts that are switched off, other changes included.
    pub disable: u64,
    /// Accounts that are removed.
    pub delete: u64,
    /// People with nothing to do: unchanged, out of scope, held back by a rule.
    pub skip: u64,
    /// People set aside: a bad row, an ambiguous match, a missing value.
    pub reject: u64,
}

impl Totals {
    /// Counts one person.
    pub fn add(&mut self, action: PlanAction) {
        *match action {
            PlanAction::Create => &mut self.create,
            PlanAction::Update => &mut self.update,
            PlanAction::Enable => &mut self.enable,
            PlanAction::Disable => &mut self.disable,
            PlanAction::Delete => &mut self.delete,
            PlanAction::Skip => &mut self.skip,
            PlanAction::Reject => &mut self.reject,
        } += 1;
    }

    /// Whether anything would be written.
    pub fn pending(&self) -> u64 {
        self.create + self.update + self.enable + self.disable + self.delete
    }
}

/// What happens to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanAction {
    /// A new account.
    Create,
    /// Changes of an account whose state stays.
    Update,
    /// The account is switched on again.
    Enable,
    /// The account is switched off.
    Disable,
    /// The account is removed.
    Delete,
    /// Nothing to do.
    Skip,
    /// Set aside until somebody mends the data.
    Reject,
}

impl PlanAction {
    /// The word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Skip => "skip",
            Self::Reject => "reject",
        }
    }
}

/// One person's part of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonPlan {
    /// The person's `externalId`; empty where a rejected row has none.
    pub anchor: String,
    /// What happens.
    pub action: PlanAction,
    /// Why: a code and words, such as `RedundantExport` or `BadDate: …`; null for plain creates and updates.
    pub reason: Option<String>,
    /// Each attribute that would be written.
    pub changes: Vec<PlannedChange>,
}

/// One attribute that would be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Target attribute.
    pub attribute: String,
    /// What the account holds now; null for nothing.
    pub old: Value,
    /// What it is to hold; null clears it. A manager who has no account yet is given by externalId.
    pub new: Value,
    /// The mapping's expression that made the value.
    pub mapping: String,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable code; `hirewire explain CODE` says what to do.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The person it concerns, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
}

/// Where a plan stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The moment for which it was made (RFC 3339).
    pub as_of: String,
    /// The job.
    pub job: String,
    /// The export files that were read.
    pub files: Vec<String>,
    /// Digest of every decision: equal digests mean the same changes to the same accounts.
    pub digest: String,
}
