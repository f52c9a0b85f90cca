//! The hash under the fingerprints: fast, keyed, and the same on every machine and in every version.
//!
//! A folded 64 × 64 → 128 bit multiplication per 16 bytes, in two lanes. It is no cryptographic hash: it tells rows
//! apart that nobody forged, which is all that change detection needs.

const K: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

fn word(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(eight)
}

fn short(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(eight)
}

/// Hash of some bytes under a seed.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let (mut a, mut b) = (seed ^ K[0], seed ^ K[1]);
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        a = fold(word(block) ^ K[2], word(&block[8..]) ^ a);
        b = fold(word(&block[16..]) ^ K[3], word(&block[24..]) ^ b);
    }
    let mut rest = blocks.remainder();
    if rest.len() >= 16 {
        a = fold(word(rest) ^ K[2], word(&rest[8..]) ^ a);
        rest = &rest[16..];
    }
    if rest.len() > 8 {
        b = fold(word(rest) ^ K[3], short(&rest[8..]) ^ b);
    } else {
        b = fold(short(rest) ^ K[3], b ^ K[1]);
    }
    fold(a ^ K[2] ^ bytes.len() as u64, b ^ K[0]).max(1)
}

/// Chains a further field, so that the borders between fields count.
pub(crate) fn chain(state: u64, field: &[u8]) -> u64 {
    hash(state, field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_length_and_border_counts() {
        let text: Vec<u8> = (0..200u8).collect();
        let mut seen = std::collections::HashSet::new();
        for length in 0..200 {
            assert!(seen.insert(hash(7, &text[..length])), "length {length}");
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 1;
                assert!(seen.insert(hash(7, &other)), "length {length} byte {at}");
            }
        }
        assert_ne!(chain(chain(1, b"ab"), b"c"), chain(chain(1, b"a"), b"bc"));
        assert_ne!(hash(1, b"x"), hash(2, b"x"));
    }

    #[test]
    fn the_value_never_changes_between_versions() {
        assert_eq!(hash(1, b"001042"), 1_721_772_011_219_104_541);
    }
}
