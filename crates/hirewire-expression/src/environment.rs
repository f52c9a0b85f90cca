//! What an evaluation sees besides the expression: the source object, the clock, the directory.

use crate::datetime::DateTime;
use crate::value::Value;

/// Supplies the source object's attribute values.
///
/// `slot` is the attribute's index in [`Expression::attributes`](crate::Expression::attributes); a caller that
/// evaluates many objects resolves slots to its own columns once. An attribute that the object lacks is
/// [`Value::Null`].
pub trait Source {
    /// The value of one attribute.
    fn value(&self, slot: usize, name: &str) -> Value<'_>;
}

/// Answers by name; for tests, the console and single evaluations.
impl<F: Fn(&str) -> Value<'static>> Source for F {
    fn value(&self, _slot: usize, name: &str) -> Value<'_> {
        self(name)
    }
}

/// Asks the target directory whether a value of the mapped attribute is in use (`SelectUniqueValue`).
pub trait UniqueValues {
    /// Whether `candidate` belongs to another object, without regard to case, or was given to an earlier one
    /// of the same batch.
    fn is_taken(&self, candidate: &str) -> bool;
}

/// A directory without objects: every value is free.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingTaken;

impl UniqueValues for NothingTaken {
    fn is_taken(&self, _candidate: &str) -> bool {
        false
    }
}

/// A source of random bytes for `Guid` and `RandomString`. In production a cryptographic one.
pub trait Random {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// Everything that is not the source object. Build it once per object, so that two `Now()` agree.
#[derive(Clone, Copy)]
pub struct Environment<'e> {
    /// The value of `Now()`.
    pub now: DateTime,
    /// The value of `DefaultDomain()`; without one that function is an error.
    pub default_domain: Option<&'e str>,
    /// The port behind `SelectUniqueValue`.
    pub unique: &'e dyn UniqueValues,
    /// The port behind `Guid` and `RandomString`.
    pub random: &'e dyn Random,
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("now", &self.now)
            .field("default_domain", &self.default_domain)
            .finish_non_exhaustive()
    }
}

impl<'e> Environment<'e> {
    /// An environment without default domain in which every unique value is free.
    pub fn new(now: DateTime, random: &'e dyn Random) -> Self {
        Self { now, default_domain: None, unique: &NothingTaken, random }
    }

    /// The same with a default domain.
    pub fn with_default_domain(self, domain: Option<&'e str>) -> Self {
        Self { default_domain: domain, ..self }
    }

    /// The same with the directory's answer to `SelectUniqueValue`.
    pub fn with_unique(self, unique: &'e dyn UniqueValues) -> Self {
        Self { unique, ..self }
    }
}

/// A repeatable generator (SplitMix64) for tests, dry runs and previews. Never for passwords.
#[derive(Debug)]
pub struct SeededRandom(std::cell::Cell<u64>);

impl SeededRandom {
    /// The same seed gives the same values.
    pub fn new(seed: u64) -> Self {
        Self(std::cell::Cell::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
            self.0.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let value = (mixed ^ (mixed >> 31)).to_le_bytes();
            chunk.copy_from_slice(&value[..chunk.len()]);
        }
    }
}
