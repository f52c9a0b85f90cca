//! What must hold, and how a seed that breaks it is told.
use std::fmt;

/// What must hold in every world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// Every accepted operation has an outcome, and the person's stored record is the newest accepted one.
    NothingLost,
    /// Nobody has two accounts, at no moment.
    OneAccount,
    /// What was accepted later is written later.
    InOrder,
    /// With faults the accounts end as without.
    SameEnd,
    /// Without faults the accounts end as the people are.
    AsTheyAre,
    /// Planning everybody again gives nothing to do.
    EmptyPlan,
    /// A job that is at rest writes nothing more.
    Rest,
    /// The port's contract: the steps of one call concern different accounts.
    Contract,
    /// The job's own code failed where nothing was broken on purpose.
    NoError,
}

/// A world in which an invariant does not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed; the same one fails again.
    pub seed: u64,
    /// What does not hold.
    pub invariant: Invariant,
    /// Where and how.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {:?}: {}", self.seed, self.invariant, self.detail)
    }
}

impl std::error::Error for Failure {}
