//! What should happen to one person's account, and why.
use jiff::Timestamp;
use serde::Serialize;

use crate::reason::Reason;
use crate::target::{Change, Step};
use crate::value::{AttributeValue, Attributes};

/// What happens. `Disable` and `Enable` name a change of the account state; other changes ride along
/// (`spec/engine.md §20`). Entra logs both as `update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A new account.
    Create,
    /// Changes of an existing one.
    Update,
    /// Changes, among them the account state from enabled to disabled.
    Disable,
    /// Changes, among them the account state from disabled to enabled, or a restore.
    Enable,
    /// The account goes.
    Delete,
    /// Nothing, and nothing is wrong.
    Skip,
    /// Nothing, because something is wrong; the others go on.
    Fail,
}

impl Action {
    /// The `provisioningAction` of the log (`spec/engine.md §17`).
    pub fn log_name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update | Self::Enable => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Skip | Self::Fail => "other",
        }
    }

    /// Whether something is written.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Skip | Self::Fail)
    }
}

/// Something worth saying that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable name.
    pub code: WarningCode,
    /// For people: what, where, and what was done instead.
    pub message: String,
}

/// Stable names of [`Warning`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum WarningCode {
    /// The record has no `active`.
    ActiveMissing,
    /// A reference names nobody known; the old one stays.
    ReferenceUnresolved,
    /// A DateTime target got a date without a time.
    DateWithoutTime,
    /// A lifecycle zone or number could not be read; the default is used.
    LifecycleSetting,
    /// `terminationDate` lies before `hireDate`: the account is never active.
    LifecycleOrder,
    /// A joiner looks like somebody who is known under another number.
    PossibleRehire,
}

impl WarningCode {
    /// The text in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::ActiveMissing => "ActiveMissing",
            Self::ReferenceUnresolved => "ReferenceUnresolved",
            Self::DateWithoutTime => "DateWithoutTime",
            Self::LifecycleSetting => "LifecycleSetting",
            Self::LifecycleOrder => "LifecycleOrder",
            Self::PossibleRehire => "PossibleRehire",
        }
    }
}

/// Why a mapping row gave what it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The value differs and is written.
    Changed,
    /// The account holds the value already.
    AlreadyRight,
    /// The value is equal and written all the same (`FlowAlways`).
    WrittenAlways,
    /// The record has no value; the row's or the attribute's default is written.
    DefaultApplied,
    /// The record has no value, and both null-flow gates are open: the attribute is cleared.
    Cleared,
    /// The record has no value: nothing is written.
    NullNotFlowed,
    /// `ObjectAddOnly`, an immutable attribute, a default or a unique value: only when the account is created.
    FlowOnlyOnCreate,
    /// `AttributeAddOnly`, `ValueAddOnly` or a row without source: the account has a value, which stays.
    TargetHasValue,
    /// The expression left the attribute out (`IgnoreAttributeFlow`, `IgnoreFlowIfNullOrEmpty`).
    Ignored,
    /// The target attribute is read-only.
    NotWritable,
    /// The record has no `active`, and `missingActive` is `keep`.
    AccountStateKept,
    /// The reference is written in the second step.
    ReferenceSet,
    /// The reference names nobody known yet.
    ReferencePending,
    /// The row failed; the plan's reason and detail say how.
    Problem,
}

/// What came of one mapping row; [`Plan::traces`] tells the whole story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowOutcome {
    /// Index of the row, see [`CompiledSchema::row`](crate::CompiledSchema::row).
    pub row: usize,
    /// Why.
    pub why: Why,
    /// The value is hidden in logs (`Redact`, custom security attributes, passwords).
    pub redacted: bool,
}

/// Whether a reference can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReferenceStatus {
    /// Known: written in the second step.
    Set,
    /// Nobody known yet: tried again when the source anchor gets its account.
    Pending,
}

/// One reference to another account, written after the person's own account (`spec/engine.md §9`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReferenceChange {
    /// The target attribute, such as `manager`.
    pub attribute: String,
    /// The target anchor it holds now.
    pub from: Option<String>,
    /// The source anchor it is to lead to; `None` clears it.
    pub to_source_anchor: Option<String>,
    /// That person's target anchor, when known.
    pub to: Option<String>,
    /// Set or pending.
    pub status: ReferenceStatus,
}

impl ReferenceChange {
    /// The change to write, resolving a pending reference through `anchor_of` (source anchor → target anchor);
    /// `None` while nobody is known.
    pub fn change(&self, anchor_of: impl Fn(&str) -> Option<String>) -> Option<Change> {
        let to = match (&self.to, &self.to_source_anchor) {
            (Some(anchor), _) => Some(anchor.clone()),
            (None, Some(source)) => Some(anchor_of(source)?),
            (None, None) => None,
        };
        if to == self.from && self.status == ReferenceStatus::Pending {
            return None;
        }
        Some(Change {
            attribute: self.attribute.clone(),
            old: self.from.clone().map(AttributeValue::Reference),
            new: to.map(AttributeValue::Reference),
        })
    }
}

/// What should happen to one person. Never an error: what is wrong is in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The person (`externalId`).
    pub source_anchor: String,
    /// Their account, linked or matched; `None` before a create.
    pub target_anchor: Option<String>,
    /// What happens.
    pub action: Action,
    /// Why, where a plain create or update needs an explanation, a skip or a failure has one.
    pub reason: Option<Reason>,
    /// The reason in words: the row and the value at fault, the accounts that match … No secret, no redacted value.
    pub detail: Option<String>,
    /// The target attribute whose row found the account; `None` when linked or created.
    pub matched_by: Option<String>,
    /// Values to write, without references.
    pub changes: Vec<Change>,
    /// References to write afterwards, or to wait for.
    pub references: Vec<ReferenceChange>,
    /// What came of every mapping row that was looked at.
    pub rows: Vec<RowOutcome>,
    /// What to say besides.
    pub warnings: Vec<Warning>,
    /// Result of the scope; `None` when it was not evaluated. To be kept with the link.
    pub in_scope: Option<bool>,
    /// The clause that excluded, in words: `department is Contractors, the filter wants Employees`.
    pub scope_evidence: Option<String>,
    /// When the person is to be planned again although nothing changes (lifecycle dates).
    pub next_due: Option<Timestamp>,
    /// A row reads the clock (`Now()`): the result may change although the record does not.
    pub time_dependent: bool,
    /// The account lies in the recycle bin and is restored first.
    pub restore: bool,
}

impl Plan {
    /// The account is matched or created by this plan: store the link when the export succeeded (or at once for a
    /// skip as `RedundantExport`).
    pub fn makes_link(&self) -> bool {
        self.action == Action::Create || self.matched_by.is_some() && self.action != Action::Fail
    }

    /// What the target is asked to do, in order, without references.
    pub fn steps(&self) -> Vec<Step> {
        let anchor = || self.target_anchor.clone().unwrap_or_default();
        match self.action {
            Action::Skip | Action::Fail => Vec::new(),
            Action::Delete => vec![Step::Delete { anchor: anchor() }],
            Action::Create => vec![Step::Create { attributes: self.attributes() }],
            Action::Update | Action::Disable | Action::Enable => {
                let restore = self.restore.then(|| Step::Restore { anchor: anchor() });
                let update = (!self.changes.is_empty())
                    .then(|| Step::Update { anchor: anchor(), changes: self.changes.clone() });
                restore.into_iter().chain(update).collect()
            }
        }
    }

    /// The second step: references as one update of the account, resolving what was pending through `anchor_of`.
    /// `anchor` is the account's anchor, new after a create. `None` when there is nothing to write.
    pub fn reference_step(&self, anchor: &str, anchor_of: impl Fn(&str) -> Option<String>) -> Option<Step> {
        let changes: Vec<Change> =
            self.references.iter().filter_map(|reference| reference.change(&anchor_of)).collect();
        (!changes.is_empty()).then(|| Step::Update { anchor: anchor.to_owned(), changes })
    }

    /// Everything a new account is to hold.
    fn attributes(&self) -> Attributes {
        self.changes
            .iter()
            .filter_map(|change| Some((change.attribute.clone(), change.new.clone()?)))
            .collect()
    }

    /// The old and new account state this plan counts as for the deletion threshold (`spec/engine.md §15`).
    pub fn counts_as_removal(&self) -> bool {
        matches!(self.action, Action::Disable | Action::Delete)
    }
}
