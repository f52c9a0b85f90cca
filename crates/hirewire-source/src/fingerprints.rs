//! What is remembered of each person between two runs: five numbers, no data.

use crate::SourceError;
use crate::hash::hash;
use std::hash::{BuildHasher, Hasher};

const MAGIC: &[u8; 8] = b"HWFP0001";
const WIDTH: usize = 44;
const HEAD: usize = 32;

/// The fingerprint of one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// Hash of the key's text, see [`Fingerprints::key_hash`].
    pub key: u64,
    /// Hash of the record as it stood in the file; 0 when the record must be looked at again in any case.
    pub raw: u64,
    /// Hash of the mapped columns after trimming and normalising; 0 as above.
    pub norm: u64,
    /// Hash of the first unique column, 0 when empty.
    pub unique: u64,
    /// Hash of the reference to the manager, 0 when empty.
    pub reference: u64,
    /// Since when the person is not in the export: days since 1970-01-01, 0 when present.
    pub absent_since: i32,
}

/// Fingerprints of everybody that the source knows, as after the last run that was stored.
///
/// The bytes of [`Fingerprints::segment`] may be kept one after the other and are read again with
/// [`Reading::absorb`] in the same order; [`Fingerprints::to_bytes`] is all of it in one segment.
#[derive(Debug, Clone)]
pub struct Fingerprints {
    seed: u64,
    entries: Vec<Entry>,
    columns: Vec<u64>,
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self::new(std::hash::RandomState::new().build_hasher().finish())
    }
}

impl Fingerprints {
    /// Nobody known yet. The seed keys the hashes, so that stored numbers cannot be looked up in a table of names.
    pub fn new(seed: u64) -> Self {
        Self { seed, entries: Vec::new(), columns: Vec::new() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Number of people, those included who are absent.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, sorted by key.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Hash of a key's text (the SCIM `externalId`): tells whom a number in [`crate::Scan::vanished`] means.
    pub fn key_hash(&self, key: &str) -> u64 {
        hash(self.seed, key.as_bytes())
    }

    /// The entry of a key's hash.
    pub fn get(&self, key: u64) -> Option<&Entry> {
        self.entries.binary_search_by_key(&key, |e| e.key).ok().map(|at| &self.entries[at])
    }

    /// Hashes of the names of all columns that the last export had; empty before the first.
    pub fn columns(&self) -> &[u64] {
        &self.columns
    }

    /// Remembers the columns of an export, see [`crate::Scan::columns`].
    pub fn set_columns(&mut self, columns: Vec<u64>) {
        self.columns = columns;
    }

    /// Nobody, with this seed and the columns of an export: what a segment needs that says nothing but which columns there were.
    pub fn with_columns(&self, columns: Vec<u64>) -> Self {
        Self { seed: self.seed, entries: Vec::new(), columns }
    }

    /// Adds and replaces entries; the last one of a key counts.
    pub fn update(&mut self, mut entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        entries.sort_by_key(|e| e.key);
        let old = std::mem::take(&mut self.entries);
        let mut merged = Vec::with_capacity(old.len() + entries.len());
        let mut old = old.into_iter().peekable();
        let mut new = entries.into_iter().peekable();
        while let Some(mut entry) = new.next() {
            while new.peek().is_some_and(|next| next.key == entry.key) {
                entry = new.next().unwrap_or(entry);
            }
            while old.peek().is_some_and(|o| o.key < entry.key) {
                merged.extend(old.next());
            }
            if old.peek().is_some_and(|o| o.key == entry.key) {
                old.next();
            }
            merged.push(entry);
        }
        merged.extend(old);
        self.entries = merged;
    }

    /// Forgets people, such as those who were deleted after their days of absence.
    pub fn remove(&mut self, keys: &[u64]) {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        self.entries.retain(|e| keys.binary_search(&e.key).is_err());
    }

    /// Everything as one segment.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.segment(&self.entries)
    }

    /// Some entries as bytes, to be appended to those stored before.
    pub fn segment(&self, entries: &[Entry]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + entries.len() * WIDTH + self.columns.len() * 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.seed.to_le_bytes());
        bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.columns.len() as u64).to_le_bytes());
        for column in &self.columns {
            bytes.extend_from_slice(&column.to_le_bytes());
        }
        for e in entries {
            for number in [e.key, e.raw, e.norm, e.unique, e.reference] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(&e.absent_since.to_le_bytes());
        }
        bytes
    }

    /// Everything in segments of at most `entries` people each, in the order in which they are read fastest.
    pub fn segments(&self, entries: usize) -> Vec<Vec<u8>> {
        self.entries.chunks(entries.max(1)).map(|chunk| self.segment(chunk)).collect()
    }

    /// Reads stored bytes: one segment or several behind each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SourceError> {
        let mut reading = Reading::default();
        reading.absorb(bytes)?;
        Ok(reading.finish())
    }
}

/// Stored fingerprints on their way in, segment by segment, so that they are in memory once.
#[derive(Debug, Default)]
pub struct Reading {
    seed: u64,
    entries: Vec<Entry>,
    columns: Vec<u64>,
    unsorted: bool,
}

impl Reading {
    /// Makes room for so many stored bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { entries: Vec::with_capacity(bytes / WIDTH), ..Self::default() }
    }

    /// Reads one segment, or several behind each other; entries of a later one replace those before.
    pub fn absorb(&mut self, mut bytes: &[u8]) -> Result<(), SourceError> {
        let fail = |what: &str| Err(SourceError::Fingerprints(what.into()));
        while !bytes.is_empty() {
            let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
                return fail("a segment is cut off");
            };
            if &head[..8] != MAGIC {
                return fail("not written by this version");
            }
            let seed = u64_at(head, 8);
            if !self.entries.is_empty() && seed != self.seed {
                return fail("segments of different sources");
            }
            self.seed = seed;
            let columns = usize::try_from(u64_at(head, 24)).ok().and_then(|n| n.checked_mul(8));
            let Some((columns, rest)) = columns.and_then(|n| rest.split_at_checked(n)) else {
                return fail("a segment is cut off");
            };
            self.columns = columns.chunks_exact(8).map(|c| u64_at(c, 0)).collect();
            let length = usize::try_from(u64_at(head, 16)).ok().and_then(|n| n.checked_mul(WIDTH));
            let Some((body, rest)) = length.and_then(|n| rest.split_at_checked(n)) else {
                return fail("a segment is cut off");
            };
            for entry in body.chunks_exact(WIDTH).map(entry) {
                self.unsorted |= self.entries.last().is_some_and(|last| last.key >= entry.key);
                self.entries.push(entry);
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Everybody, the newest entry of each.
    pub fn finish(self) -> Fingerprints {
        let Self { seed, mut entries, columns, unsorted } = self;
        if unsorted {
            // Stable, so that of equal keys the one read last stays last.
            entries.sort_by_key(|entry| entry.key);
            entries.dedup_by(|later, earlier| {
                let same = later.key == earlier.key;
                if same {
                    *earlier = *later;
                }
                same
            });
        }
        Fingerprints { seed, entries, columns }
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn entry(bytes: &[u8]) -> Entry {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[40..44]);
    Entry {
        key: u64_at(bytes, 0),
        raw: u64_at(bytes, 8),
        norm: u64_at(bytes, 16),
        unique: u64_at(bytes, 24),
        reference: u64_at(bytes, 32),
        absent_since: i32::from_le_bytes(four),
    }
}

/// Finds entries by one of their numbers; 4 bytes an entry and half as many again.
///
/// A slot holds an entry's position, counted from 1, and in the bits that the position does not need some of the number,
/// so that entries of other numbers are hardly ever looked at: with a million people each look is a wait for memory.
pub(crate) struct Index {
    slots: Vec<u32>,
    shift: u32,
    /// Bits of a slot that hold the position.
    place: u32,
}

impl Index {
    pub(crate) fn new(entries: &[Entry], number: impl Fn(&Entry) -> u64) -> Self {
        let bits = (entries.len() * 3 / 2).max(8).next_power_of_two().trailing_zeros();
        let place = u32::MAX >> (entries.len() as u32).leading_zeros().min(31);
        let mut index = Self { slots: vec![0; 1 << bits], shift: 64 - bits, place };
        for (at, entry) in entries.iter().enumerate() {
            let value = number(entry);
            if value == 0 {
                continue;
            }
            let mut slot = index.home(value);
            while index.slots[slot] != 0 {
                slot = (slot + 1) & (index.slots.len() - 1);
            }
            index.slots[slot] = (at as u32 + 1) | index.tag(value);
        }
        index
    }

    fn home(&self, value: u64) -> usize {
        (value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    fn tag(&self, value: u64) -> u32 {
        (value as u32) & !self.place
    }

    /// Position of the entry whose number is `value`.
    pub(crate) fn find(&self, entries: &[Entry], value: u64, number: impl Fn(&Entry) -> u64) -> Option<u32> {
        let (mut slot, tag) = (self.home(value), self.tag(value));
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return None;
            }
            if found & !self.place == tag {
                let at = (found & self.place) - 1;
                if number(&entries[at as usize]) == value {
                    return Some(at);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(n: u64) -> Vec<Entry> {
        (1..=n)
            .map(|i| Entry { key: i * 7, raw: i * 11, norm: i, unique: i * 3, reference: 0, absent_since: 0 })
            .collect()
    }

    #[test]
    fn bytes_and_segments_come_back() {
        let mut all = Fingerprints::new(9);
        all.update(some(50));
        let later = vec![Entry { key: 14, raw: 5, norm: 5, unique: 5, reference: 5, absent_since: 20_000 }];
        let mut bytes = all.to_bytes();
        bytes.extend(all.segment(&later));
        all.update(later);
        let read = Fingerprints::from_bytes(&bytes).unwrap();
        assert_eq!((read.seed(), read.entries()), (9, all.entries()));
        assert_eq!(read.get(14).unwrap().absent_since, 20_000);
        for cut in [1, 23, 33, bytes.len() - 1] {
            assert!(Fingerprints::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_index_finds_all_and_nothing_else() {
        let entries = some(1000);
        let index = Index::new(&entries, |e| e.raw);
        for (at, e) in entries.iter().enumerate() {
            assert_eq!(index.find(&entries, e.raw, |e| e.raw), Some(at as u32));
        }
        assert_eq!(index.find(&entries, 12, |e| e.raw), None);
        assert_eq!(Index::new(&[], |e| e.raw).find(&[], 12, |e| e.raw), None);
    }
}
