//! What the plan of one person needs to know of the others.
use hirewire_expression::UniqueValues;

use crate::target::MatchKey;

/// Links and taken values. The runtime answers from its store, from the target, and from what it has promised to
/// people planned in the same batch ([`Reservations`](crate::uniqueness::Reservations)).
pub trait Neighbours: Sync {
    /// The source anchor that owns an account; `None` when nobody does.
    fn owner(&self, target_anchor: &str) -> Option<&str>;

    /// The account of a person in scope; `None` while there is none.
    fn target_anchor(&self, source_anchor: &str) -> Option<&str>;

    /// Whether another object of the target holds `value` in `attribute`, or somebody of the same batch was promised
    /// it, ignoring case (`SelectUniqueValue`).
    fn is_taken(&self, attribute: &str, value: &str) -> bool;

    /// The person of the same batch who was promised a new account with this matching value. One who comes second
    /// would have found that account, had both been processed one after the other.
    fn promised(&self, _key: &MatchKey) -> Option<&str> {
        None
    }
}

/// A company of one: no links, every value free.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Neighbours for Nobody {
    fn owner(&self, _target_anchor: &str) -> Option<&str> {
        None
    }

    fn target_anchor(&self, _source_anchor: &str) -> Option<&str> {
        None
    }

    fn is_taken(&self, _attribute: &str, _value: &str) -> bool {
        false
    }
}

/// The directory as one attribute's `SelectUniqueValue` sees it.
pub(crate) struct TakenIn<'n> {
    pub(crate) attribute: &'n str,
    pub(crate) neighbours: &'n dyn Neighbours,
}

impl UniqueValues for TakenIn<'_> {
    fn is_taken(&self, candidate: &str) -> bool {
        self.neighbours.is_taken(self.attribute, candidate)
    }
}
