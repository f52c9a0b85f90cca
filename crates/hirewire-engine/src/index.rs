//! An enumerated target, kept compactly: accounts by anchor and by matching values.
//!
//! A large cycle reads the target once instead of asking for each person. Accounts lie one behind the other in one
//! buffer; the tables hold numbers. A million accounts with a dozen attributes take about 300 bytes each.
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::compare::folded;
use crate::compiled::CompiledSchema;
use crate::target::{Change, MatchKey};
use crate::value::{Account, AttributeValue, Attributes};

/// Accounts of a target by anchor and by the values of chosen attributes.
#[derive(Debug)]
pub struct TargetIndex {
    /// Attribute names; accounts refer to them by number.
    names: Vec<String>,
    keys: Vec<KeyTable>,
    /// Accounts, each with its length before it, beginning at multiples of [`UNIT`].
    buffer: Vec<u8>,
    /// Bytes of the buffer that no account uses any more.
    dead: usize,
    by_anchor: Entries,
    state: FixedState,
}

/// Accounts begin at multiples of this, so that a table entry of 32 bits reaches 32 GiB.
const UNIT: usize = 8;
/// Bytes of an account's length.
const HEADER: usize = 4;

/// One attribute that accounts are looked up by.
#[derive(Debug)]
struct KeyTable {
    attribute: String,
    case_exact: bool,
    entries: HashTable<KeyEntry>,
    /// The values in folded form, each with its length before it: small enough to stay near the processor, while
    /// accounts do not.
    values: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyEntry {
    /// Where its value stands.
    value: u32,
    unit: u32,
}

impl TargetIndex {
    /// An empty index with the schema's matching and unique attributes as keys.
    pub fn new(schema: &CompiledSchema) -> Self {
        let matching =
            schema.matching_attributes().map(|attribute| (attribute.name.as_str(), attribute.case_exact));
        // SelectUniqueValue compares ignoring case.
        let unique = schema.unique_attributes().map(|attribute| (attribute.name.as_str(), false));
        Self::with_keys(matching.chain(unique))
    }

    fn with_keys<'k>(keys: impl Iterator<Item = (&'k str, bool)>) -> Self {
        let mut index = Self {
            names: Vec::new(),
            keys: Vec::new(),
            buffer: Vec::new(),
            dead: 0,
            by_anchor: HashTable::new(),
            state: FixedState::default(),
        };
        for (attribute, case_exact) in keys {
            if index.keys.iter().all(|key| key.attribute != attribute) {
                let attribute = attribute.to_owned();
                index.keys.push(KeyTable {
                    attribute,
                    case_exact,
                    entries: HashTable::new(),
                    values: Vec::new(),
                });
            }
        }
        index
    }

    /// Accounts held.
    pub fn len(&self) -> usize {
        self.by_anchor.len()
    }

    /// Whether there is no account.
    pub fn is_empty(&self) -> bool {
        self.by_anchor.is_empty()
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        let table = |key: &KeyTable| key.entries.allocation_size() + key.values.capacity();
        let tables: usize = self.keys.iter().map(table).sum();
        self.buffer.capacity() + self.by_anchor.allocation_size() + tables
    }

    /// Adds an account, or replaces the one with this anchor. False when the index is full (32 GiB), or the account
    /// is larger than 4 GiB.
    pub fn insert(&mut self, account: &Account) -> bool {
        self.remove(&account.anchor);
        let Ok(unit) = u32::try_from(self.buffer.len() / UNIT) else { return false };
        let at = self.buffer.len();
        self.encode(account);
        let Ok(length) = u32::try_from(self.buffer.len() - at - HEADER) else {
            self.buffer.truncate(at);
            return false;
        };
        self.buffer[at..at + HEADER].copy_from_slice(&length.to_le_bytes());
        self.buffer.resize(self.buffer.len().next_multiple_of(UNIT), 0);
        add(&mut self.by_anchor, part(self.state.hash_one(account.anchor.as_str())), unit);
        for key in &mut self.keys {
            if let Some(value) = account.attributes.get(&key.attribute) {
                key.insert(&self.state, value, unit);
            }
        }
        true
    }

    /// The account of an anchor.
    pub fn get(&self, anchor: &str) -> Option<Account> {
        self.account(self.unit(anchor)?)
    }

    /// Live and soft-deleted accounts that hold the value, in the attribute's own equality.
    pub fn find(&self, key: &MatchKey) -> Vec<Account> {
        let mut accounts = Vec::new();
        self.each(&key.attribute, &key.value, &mut |unit| accounts.extend(self.account(unit)));
        accounts
    }

    /// How many accounts hold the value: [`find`](Self::find) without reading the accounts.
    pub fn count(&self, key: &MatchKey) -> usize {
        let mut count = 0;
        self.each(&key.attribute, &key.value, &mut |_| count += 1);
        count
    }

    /// Whether any account holds the text in a key attribute; false for other attributes.
    pub fn holds(&self, attribute: &str, text: &str) -> bool {
        self.count(&MatchKey {
            attribute: attribute.to_owned(),
            value: AttributeValue::Text(text.to_owned()),
        }) > 0
    }

    /// Takes an account out.
    pub fn remove(&mut self, anchor: &str) {
        let Some(unit) = self.unit(anchor) else { return };
        let Some(account) = self.account(unit) else { return };
        for key in &mut self.keys {
            if let Some(value) = account.attributes.get(&key.attribute) {
                key.remove(&self.state, value, unit);
            }
        }
        take(&mut self.by_anchor, part(self.state.hash_one(anchor)), unit);
        self.dead += self.reader(unit).map_or(0, |reader| reader.0.len() + HEADER);
        if self.dead > self.buffer.len() / 2 && self.dead > 1 << 20 {
            self.compact();
        }
    }

    /// Follows what was written to an account, so that the index stays true without another enumeration.
    pub fn apply(&mut self, anchor: &str, changes: &[Change]) {
        let Some(mut account) = self.get(anchor) else { return };
        for change in changes {
            match &change.new {
                Some(value) => account.attributes.insert(change.attribute.clone(), value.clone()),
                None => account.attributes.remove(&change.attribute),
            };
        }
        self.insert(&account);
    }

    /// Hands every account that holds the value to `each`.
    fn each(&self, attribute: &str, value: &AttributeValue, each: &mut dyn FnMut(u32)) {
        if let Some(key) = self.keys.iter().find(|key| key.attribute == attribute) {
            each_form(value, key.case_exact, &mut |form| key.units(&self.state, form).for_each(&mut *each));
        }
    }

    fn unit(&self, anchor: &str) -> Option<u32> {
        candidates(&self.by_anchor, part(self.state.hash_one(anchor)))
            .find(|unit| self.reader(*unit).and_then(|mut reader| reader.bytes()) == Some(anchor.as_bytes()))
    }

    fn reader(&self, unit: u32) -> Option<Reader<'_>> {
        let at = unit as usize * UNIT;
        let (header, rest) = self.buffer.get(at..)?.split_at_checked(HEADER)?;
        let length = u32::from_le_bytes(header.try_into().ok()?) as usize;
        Some(Reader(rest.get(..length)?))
    }

    fn account(&self, unit: u32) -> Option<Account> {
        let mut reader = self.reader(unit)?;
        let anchor = reader.text()?.to_owned();
        let soft_deleted = reader.byte()? == 1;
        let mut attributes = Attributes::new();
        while !reader.0.is_empty() {
            let name = self.names.get(reader.number()?)?.clone();
            attributes.insert(name, reader.value()?);
        }
        Some(Account { anchor, soft_deleted, attributes })
    }

    fn encode(&mut self, account: &Account) {
        let Self { buffer, names, .. } = self;
        buffer.extend_from_slice(&[0; HEADER]);
        write_bytes(buffer, account.anchor.as_bytes());
        buffer.push(u8::from(account.soft_deleted));
        for (name, value) in &account.attributes {
            let number = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            });
            write_number(buffer, number);
            write_value(buffer, value);
        }
    }

    /// Builds itself anew without the removed accounts.
    fn compact(&mut self) {
        let keys = self.keys.iter().map(|key| (key.attribute.as_str(), key.case_exact));
        let mut fresh = Self::with_keys(keys);
        for (_, unit) in &self.by_anchor {
            if let Some(account) = self.account(*unit) {
                fresh.insert(&account);
            }
        }
        *self = fresh;
    }
}

/// The part of a hash that tables keep; spread out again it is the hash they use, so that a table grows without
/// reading accounts.
fn part(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn spread(part: u32) -> u64 {
    u64::from(part).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

type Entries = HashTable<(u32, u32)>;

fn add(entries: &mut Entries, part: u32, unit: u32) {
    entries.insert_unique(spread(part), (part, unit), |entry| spread(entry.0));
}

fn take(entries: &mut Entries, part: u32, unit: u32) {
    if let Ok(entry) = entries.find_entry(spread(part), |entry| *entry == (part, unit)) {
        entry.remove();
    }
}

fn candidates(entries: &Entries, part: u32) -> impl Iterator<Item = u32> {
    entries.iter_hash(spread(part)).filter(move |entry| entry.0 == part).map(|entry| entry.1)
}

impl KeyTable {
    fn insert(&mut self, state: &FixedState, value: &AttributeValue, unit: u32) {
        let Self { entries, values, case_exact, .. } = self;
        each_form(value, *case_exact, &mut |form| {
            let Ok(at) = u32::try_from(values.len()) else { return };
            write_bytes(values, form.as_bytes());
            let hash = |entry: &KeyEntry| state.hash_one(value_at(values, entry.value));
            entries.insert_unique(state.hash_one(form.as_bytes()), KeyEntry { value: at, unit }, hash);
        });
    }

    fn remove(&mut self, state: &FixedState, value: &AttributeValue, unit: u32) {
        let Self { entries, values, case_exact, .. } = self;
        each_form(value, *case_exact, &mut |form| {
            let same =
                |entry: &KeyEntry| entry.unit == unit && value_at(values, entry.value) == form.as_bytes();
            if let Ok(entry) = entries.find_entry(state.hash_one(form.as_bytes()), same) {
                entry.remove();
            }
        });
    }

    fn units(&self, state: &FixedState, form: &str) -> impl Iterator<Item = u32> {
        let same = move |entry: &&KeyEntry| value_at(&self.values, entry.value) == form.as_bytes();
        self.entries.iter_hash(state.hash_one(form.as_bytes())).filter(same).map(|entry| entry.unit)
    }
}

fn value_at(values: &[u8], at: u32) -> &[u8] {
    values.get(at as usize..).and_then(|rest| Reader(rest).bytes()).unwrap_or_default()
}

/// Each single value in the form in which equal ones are equal.
fn each_form(value: &AttributeValue, case_exact: bool, each: &mut dyn FnMut(&str)) {
    match value {
        AttributeValue::List(values) => values.iter().for_each(|value| each_form(value, case_exact, each)),
        AttributeValue::Text(text) | AttributeValue::Reference(text) => each(&folded(text, case_exact)),
        other => each(&folded(&other.log_text(), case_exact)),
    }
}

/// Reads what [`TargetIndex::encode`] wrote. Nothing for what is cut off.
#[derive(Debug, Clone, Copy)]
struct Reader<'b>(&'b [u8]);

/// Tags of values.
const TEXT: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const DATE_TIME: u8 = 4;
const BINARY: u8 = 5;
const REFERENCE: u8 = 6;
const LIST: u8 = 7;

impl<'b> Reader<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = self.number()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn value(&mut self) -> Option<AttributeValue> {
        Some(match self.byte()? {
            TEXT => AttributeValue::Text(self.text()?.to_owned()),
            FALSE => AttributeValue::Boolean(false),
            TRUE => AttributeValue::Boolean(true),
            INTEGER => AttributeValue::Integer(i64::from_le_bytes(self.bytes()?.try_into().ok()?)),
            DATE_TIME => AttributeValue::DateTime(self.text()?.parse().ok()?),
            BINARY => AttributeValue::Binary(self.bytes()?.to_vec()),
            REFERENCE => AttributeValue::Reference(self.text()?.to_owned()),
            _ => {
                let length = self.number()?;
                AttributeValue::List((0..length).map(|_| self.value()).collect::<Option<_>>()?)
            }
        })
    }
}

fn write_number(buffer: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        buffer.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

fn write_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    write_number(buffer, bytes.len());
    buffer.extend_from_slice(bytes);
}

fn write_value(buffer: &mut Vec<u8>, value: &AttributeValue) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        buffer.push(tag);
        write_bytes(buffer, bytes);
    };
    match value {
        AttributeValue::Text(text) => tagged(TEXT, text.as_bytes()),
        AttributeValue::Reference(text) => tagged(REFERENCE, text.as_bytes()),
        AttributeValue::Integer(number) => tagged(INTEGER, &number.to_le_bytes()),
        AttributeValue::DateTime(moment) => tagged(DATE_TIME, moment.to_string().as_bytes()),
        AttributeValue::Binary(bytes) => tagged(BINARY, bytes),
        AttributeValue::Boolean(flag) => buffer.push(if *flag { TRUE } else { FALSE }),
        AttributeValue::List(values) => {
            buffer.push(LIST);
            write_number(buffer, values.len());
            values.iter().for_each(|value| write_value(buffer, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> TargetIndex {
        TargetIndex::with_keys(
            [("employeeId", false), ("immutableId", true), ("proxyAddresses", false)].into_iter(),
        )
    }

    fn text(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }

    fn account(anchor: &str, attributes: &[(&str, AttributeValue)]) -> Account {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Account { anchor: anchor.to_owned(), soft_deleted: anchor.starts_with('D'), attributes }
    }

    fn found(index: &TargetIndex, attribute: &str, value: AttributeValue) -> Vec<String> {
        let key = MatchKey { attribute: attribute.to_owned(), value };
        let mut anchors: Vec<String> = index.find(&key).into_iter().map(|account| account.anchor).collect();
        assert_eq!(index.count(&key), anchors.len());
        anchors.sort_unstable();
        anchors
    }

    #[test]
    fn accounts_come_back_as_they_went_in() {
        let mut index = index();
        let all = [
            ("title", text("Engineer")),
            ("employeeId", text("1001")),
            ("enabled", AttributeValue::Boolean(true)),
            ("disabled", AttributeValue::Boolean(false)),
            ("countryCode", AttributeValue::Integer(-578)),
            ("hired", AttributeValue::DateTime("9999-12-31T23:59:59.9999999".parse().expect("a moment"))),
            ("photo", AttributeValue::Binary(vec![0, 255, 7])),
            ("manager", AttributeValue::Reference("T9".into())),
            ("proxyAddresses", AttributeValue::List(vec![text("a@x"), text("B@x")])),
            ("long", text(&"x".repeat(70_000))),
        ];
        for anchor in ["T1", "D2"] {
            let account = account(anchor, &all);
            index.insert(&account);
            assert_eq!(index.get(anchor), Some(account));
        }
        assert_eq!((index.len(), index.get("T3")), (2, None));
    }

    #[test]
    fn found_by_key_in_the_attributes_equality() {
        let mut index = index();
        index.insert(&account("T1", &[("employeeId", text("AB-1")), ("immutableId", text("x"))]));
        index.insert(&account("T2", &[("employeeId", text("ab-1")), ("immutableId", text("X"))]));
        index.insert(&account(
            "T3",
            &[("proxyAddresses", AttributeValue::List(vec![text("smtp:a@x"), text("smtp:b@x")]))],
        ));
        index.insert(&account("T4", &[("employeeId", AttributeValue::Integer(7))]));
        assert_eq!(found(&index, "employeeId", text("Ab-1")), ["T1", "T2"]);
        assert_eq!(found(&index, "immutableId", text("X")), ["T2"]);
        assert_eq!(found(&index, "proxyAddresses", text("SMTP:B@x")), ["T3"]);
        assert_eq!(found(&index, "employeeId", text("7")), ["T4"]);
        assert_eq!(found(&index, "employeeId", text("8")), [""; 0]);
        assert_eq!(found(&index, "title", text("x")), [""; 0]);
        assert!(index.holds("employeeId", "aB-1") && !index.holds("title", "x"));
    }

    #[test]
    fn follows_changes_and_removals() {
        let mut index = index();
        for number in 0..2000 {
            index.insert(&account(&format!("T{number}"), &[("employeeId", text(&number.to_string()))]));
        }
        index.apply(
            "T7",
            &[Change { attribute: "employeeId".into(), old: Some(text("7")), new: Some(text("7000")) }],
        );
        index.apply("T8", &[Change { attribute: "employeeId".into(), old: Some(text("8")), new: None }]);
        index.remove("T9");
        index.remove("nobody");
        assert_eq!(found(&index, "employeeId", text("7000")), ["T7"]);
        for gone in ["7", "8", "9"] {
            assert!(found(&index, "employeeId", text(gone)).is_empty(), "{gone}");
        }
        assert_eq!(index.len(), 1999);
        index.compact();
        assert_eq!(found(&index, "employeeId", text("1999")), ["T1999"]);
        assert_eq!(index.get("T8").map(|account| account.attributes.len()), Some(0));
    }
}
