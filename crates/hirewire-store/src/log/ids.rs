//! Ids of log entries and changes: GUIDs made from the running number, so that they need no index.
//!
//! A GUID carries its number, scrambled, and 60 bits that depend on the number, the kind and a random value of this
//! database. So ids of two databases differ, an id tells nothing about how many entries there are, and a foreign GUID is
//! recognized as such.
use uuid::Uuid;

const ENTRY: u64 = 0x656e_7472_7900_0001;
const CHANGE: u64 = 0x6368_616e_6765_0002;
/// The number has 62 bits: what version and variant of a GUID leave in its lower half.
const MASK: u64 = (1 << 62) - 1;
/// Odd, so it has an inverse modulo 2^62.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = inverse(FACTOR);

/// Makes and reads the ids of one database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdCoder {
    salt: u64,
}

impl IdCoder {
    pub(crate) fn new(salt: u64) -> Self {
        Self { salt }
    }

    /// `id` of the entry with this number.
    pub(crate) fn entry(self, seq: i64) -> Uuid {
        self.encode(ENTRY, seq)
    }

    /// `changeId` of the change that began with this entry.
    pub(crate) fn change(self, seq: i64) -> Uuid {
        self.encode(CHANGE, seq)
    }

    pub(crate) fn entry_seq(self, id: Uuid) -> Option<i64> {
        self.decode(ENTRY, id)
    }

    pub(crate) fn change_seq(self, id: Uuid) -> Option<i64> {
        self.decode(CHANGE, id)
    }

    fn encode(self, kind: u64, seq: i64) -> Uuid {
        let number = seq.unsigned_abs() & MASK;
        let check = mix(self.salt ^ mix(kind ^ mix(number)));
        let low = number.wrapping_mul(FACTOR).wrapping_add(mix(self.salt ^ kind)) & MASK;
        // Version 8: the layout is the maker's own (RFC 9562 §5.8).
        let high = (check & !0xf000) | 0x8000;
        Uuid::from_u64_pair(high, low | (1 << 63))
    }

    fn decode(self, kind: u64, id: Uuid) -> Option<i64> {
        let (_, low) = id.as_u64_pair();
        let number = (low & MASK).wrapping_sub(mix(self.salt ^ kind)).wrapping_mul(INVERSE) & MASK;
        let seq = i64::try_from(number).ok()?;
        (self.encode(kind, seq) == id).then_some(seq)
    }
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `x`.
const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Newton's iteration doubles the number of right bits each time.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut n = 0;
    while n < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        n += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_and_foreign_ones_do_not() {
        let (one, other) = (IdCoder::new(7), IdCoder::new(8));
        for seq in (1..2_000).chain([1 << 40, (1 << 62) - 1]) {
            let (entry, change) = (one.entry(seq), one.change(seq));
            assert_eq!(one.entry_seq(entry), Some(seq));
            assert_eq!(one.change_seq(change), Some(seq));
            assert_eq!(
                (one.entry_seq(change), one.change_seq(entry), other.entry_seq(entry)),
                (None, None, None)
            );
            assert_eq!((entry.get_version_num(), entry.get_variant()), (8, uuid::Variant::RFC4122));
        }
        assert!((0..1_000).all(|_| one.entry_seq(Uuid::new_v4()).is_none()));
    }
}
