//! A cheap answer to "is this the record of last time?", so that an unchanged person never reaches the mapping.
use std::fmt;

/// 128 bits of a record. The same on every machine and in every version: it is stored.
///
/// Not cryptographic: it guards against chance, not against somebody who builds collisions into their own HR data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The fingerprint of a record's bytes as they were accepted. Another order of members is another fingerprint, which
/// costs one needless plan and nothing else.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut state = State::default();
    state.bytes(bytes);
    state.finish()
}

/// Two lanes of folded multiplication.
#[derive(Clone, Copy)]
struct State {
    first: u64,
    second: u64,
}

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xD1B5_4A32_D192_ED03;

impl Default for State {
    fn default() -> Self {
        Self { first: FIRST, second: SECOND }
    }
}

impl State {
    fn word(&mut self, word: u64) {
        self.first = fold(self.first ^ word, FIRST | 1);
        self.second = fold(self.second.rotate_left(29) ^ word, SECOND | 1);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        let mut word = [0; 8];
        word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.word(u64::from_le_bytes(word));
        // The length keeps trailing zeros apart from padding.
        self.word(bytes.len() as u64);
    }

    fn finish(self) -> Fingerprint {
        let first = fold(self.first ^ self.second.rotate_left(32), SECOND | 1);
        let second = fold(self.second ^ self.first.rotate_left(17), FIRST | 1);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&second.to_le_bytes());
        Fingerprint(bytes)
    }
}

/// The high and low half of the product, folded together.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_over_versions() {
        assert_eq!(fingerprint(br#"{"externalId":"1001"}"#).to_string(), "02007e90cc0641cebaa0387de33a959f");
    }

    #[test]
    fn a_million_numbered_records_differ() {
        let mut seen: Vec<[u8; 16]> = (0..1_000_000_u32)
            .map(|n| fingerprint(format!("{{\"externalId\":\"{n}\"}}").as_bytes()).0)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1_000_000);
    }

    #[test]
    fn trailing_zeros_count() {
        assert_ne!(fingerprint(&[0; 3]), fingerprint(&[0; 4]));
    }
}
