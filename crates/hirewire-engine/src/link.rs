//! The cached pair of source object and account (`spec/engine.md §1`).
use serde::{Deserialize, Serialize};

/// Who owns which account. Made by the first match or create, used for every later operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The person (`externalId`).
    pub source_anchor: String,
    /// The account (`objectId`, `objectGUID`, `entryUUID`).
    pub target_anchor: String,
    /// Result of the previous scope evaluation.
    pub in_scope: bool,
}
