//! A cheap answer to "is this the record of last time?", so that an unchanged person never reaches the mapping.
use std::fmt;

use serde_json::Value;

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

/// The fingerprint of a parsed record, whatever the order of its members; several times slower than [`fingerprint`]
/// of the bytes.
pub fn fingerprint_value(record: &Value) -> Fingerprint {
    let mut state = State::default();
    state.value(record, 0);
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
/// Deeper records do not exist; beyond this level everything is one value.
const DEEPEST: u32 = 64;

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

    fn value(&mut self, value: &Value, depth: u32) {
        match value {
            _ if depth > DEEPEST => self.word(7),
            Value::Null => self.word(1),
            Value::Bool(flag) => self.word(2 + u64::from(*flag)),
            Value::Number(number) => {
                self.word(4);
                match number.as_i64() {
                    Some(integer) => self.word(integer as u64),
                    None => self.bytes(number.to_string().as_bytes()),
                }
            }
            Value::String(text) => {
                self.word(5);
                self.bytes(text.as_bytes());
            }
            Value::Array(elements) => {
                self.word(6);
                self.word(elements.len() as u64);
                elements.iter().for_each(|element| self.value(element, depth + 1));
            }
            // Members are added up, so that their order has no meaning.
            Value::Object(members) => {
                let (mut first, mut second) = (0_u64, 0_u64);
                for (name, member) in members {
                    let mut state = Self::default();
                    state.bytes(name.as_bytes());
                    state.value(member, depth + 1);
                    first = first.wrapping_add(fold(state.first, SECOND | 1));
                    second = second.wrapping_add(fold(state.second, FIRST | 1));
                }
                self.word(8);
                self.word(first);
                self.word(second);
            }
        }
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
    use serde_json::json;

    #[test]
    fn stable_over_versions() {
        assert_eq!(fingerprint(br#"{"externalId":"1001"}"#).to_string(), "02007e90cc0641cebaa0387de33a959f");
    }

    #[test]
    fn order_of_members_has_no_meaning_everything_else_has() {
        let base = json!({"a": 1, "b": ["x", "y"], "c": {"d": null, "e": true}});
        let same = json!({"c": {"e": true, "d": null}, "b": ["x", "y"], "a": 1});
        assert_eq!(fingerprint_value(&base), fingerprint_value(&same));
        let others = [
            json!({"a": 1, "b": ["y", "x"], "c": {"d": null, "e": true}}),
            json!({"a": "1", "b": ["x", "y"], "c": {"d": null, "e": true}}),
            json!({"a": 1, "b": ["x", "y"], "c": {"d": null, "e": false}}),
            json!({"a": 1, "b": ["xy"], "c": {"d": null, "e": true}}),
            json!({"a": 1, "b": ["x", "y"], "c": {"e": true}}),
            json!({"d": 1, "b": ["x", "y"], "c": {"a": null, "e": true}}),
        ];
        for other in others {
            assert_ne!(fingerprint_value(&base), fingerprint_value(&other), "{other}");
        }
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
    fn trailing_zeros_and_any_depth() {
        assert_ne!(fingerprint(&[0; 3]), fingerprint(&[0; 4]));
        let mut deep = Value::Null;
        for _ in 0..200 {
            deep = json!([deep]);
        }
        assert_eq!(fingerprint_value(&deep), fingerprint_value(&deep));
    }
}
