//! The system's random generator, as mappings use it.

/// Cryptographic randomness for `Guid` and `RandomString`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRandom;

impl hirewire_expression::Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // The generator of every supported system answers once the machine is up; without it no identifier may be made.
        getrandom::fill(bytes).expect("the operating system's random generator answers");
    }
}
