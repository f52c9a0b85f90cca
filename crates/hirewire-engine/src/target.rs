//! The port to a directory that accounts are written to.
use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::value::{Account, AttributeValue, Attributes};

/// A matching attribute with the value looked for; compared as the target attribute compares (`caseExact`).
#[derive(Debug, Clone, PartialEq)]
pub struct MatchKey {
    /// Name of the target attribute.
    pub attribute: String,
    /// The value to find.
    pub value: AttributeValue,
}

/// One attribute to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Name of the target attribute.
    pub attribute: String,
    /// What the account held when it was planned; `None` for no value.
    pub old: Option<AttributeValue>,
    /// What it is to hold; `None` clears it.
    pub new: Option<AttributeValue>,
}

/// What a target is asked to do to one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Make a new account.
    Create {
        /// Everything it is to hold.
        attributes: Attributes,
    },
    /// Change an existing one.
    Update {
        /// The account.
        anchor: String,
        /// At least one change.
        changes: Vec<Change>,
    },
    /// Bring a soft-deleted account back.
    Restore {
        /// The account.
        anchor: String,
    },
    /// Remove the account: to the recycle bin where the target has one.
    Delete {
        /// The account.
        anchor: String,
    },
}

/// What came of a [`Step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The account's anchor: new after a create, else as given.
    pub anchor: String,
    /// False when the account already stood as asked (a repeated step).
    pub changed: bool,
}

/// A target said no. Variants are what the engine does next, not what the wire said.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// Try the same step again later. The outcome of the first try may be unknown: read before writing again.
    #[error("{code}: {reason}")]
    Retry {
        /// Name of spec/engine.md §18, such as `TooManyRequests` or `Timeout`.
        code: String,
        /// For people; no secret, no password.
        reason: String,
        /// Not before this has passed, when the target named a time.
        after: Option<Duration>,
    },
    /// This person cannot be written as planned; others go on (escrow).
    #[error("{code}: {reason}")]
    Refused {
        /// Name of spec/engine.md §18.
        code: String,
        /// For people.
        reason: String,
        /// The attribute that was refused, where the target says so.
        attribute: Option<String>,
    },
    /// The account behind the anchor is no longer there (`InvalidAnchor`).
    #[error("InvalidAnchor: the account {anchor} no longer exists in the target")]
    Gone {
        /// The anchor that was asked for.
        anchor: String,
    },
    /// Nothing can be written until somebody acts (quarantine): credentials, certificate, rights to connect.
    #[error("{code}: {reason}")]
    Locked {
        /// Name of spec/engine.md §18, such as `AuthenticationFailed`.
        code: String,
        /// For people.
        reason: String,
    },
}

/// A directory that accounts are written to: the engine's only view of LDAP, Graph, SCIM and the embedded directory.
///
/// Implementations translate; they decide nothing. Batches go in, one answer per item comes out in the same order.
pub trait Target: Send + Sync {
    /// Looks each key up. Several hits for one key are an answer, not an error: the engine reports the ambiguity.
    /// `wanted` names the attributes to return.
    fn find(
        &self,
        keys: &[MatchKey],
        wanted: &[String],
    ) -> impl Future<Output = Result<Vec<Vec<Account>>, TargetError>> + Send;

    /// Reads accounts by anchor; `None` for one that is gone.
    fn read(
        &self,
        anchors: &[String],
        wanted: &[String],
    ) -> impl Future<Output = Result<Vec<Option<Account>>, TargetError>> + Send;

    /// Hands every account of the target to `each`, in no particular order.
    fn enumerate(
        &self,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Whether handing everybody over can be cheaper than looking many people up: a directory beyond a network, or one
    /// that searches without an index.
    fn may_be_listed(&self) -> bool {
        false
    }

    /// Takes out of planned changes what the target would leave as it is: the container of an account that is parked
    /// among the disabled ones, a name that stands for a taken one.
    fn settle(&self, account: &Account, changes: &mut Vec<Change>) {
        let _ = (account, changes);
    }

    /// Writes each step; answers have the same length and order. Steps of one call concern different accounts.
    /// Applying a step twice leaves the account as after the first time.
    fn apply(&self, steps: &[Step]) -> impl Future<Output = Vec<Result<Applied, TargetError>>> + Send;

    /// Whether any object of the directory holds `value` in `attribute` (`SelectUniqueValue`).
    fn exists(&self, key: &MatchKey) -> impl Future<Output = Result<bool, TargetError>> + Send;
}
