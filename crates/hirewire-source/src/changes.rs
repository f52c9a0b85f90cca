//! The first pass: every record is read and hashed, and compared with the stored fingerprints.
//!
//! A record that stands as it stood is recognised by the hash of its bytes and never split into cells. All others are
//! read, hashed again after cleaning (so that blanks, spelling of Unicode and the order of columns make no change) and
//! checked. What remains is decided when all records are known: several rows of a person, owners of unique values,
//! references. spec/sources.md §5.5, §5.6, §7.

use crate::clean::normal_name;
use crate::dates::{day_number, from_day_number};
use crate::export::{Counts, Scan, Vanished};
use crate::finding::{Location, Reject, RejectCode, SourceError, Stop, StopCode, Warning, WarningCode};
use crate::fingerprints::{Entry, Fingerprints, Index};
use crate::hash::hash;
use crate::layout::Layout;
use crate::reader::{Facts, RecordReader};
use crate::row::{Checked, Fault, Row, check, rank};
use crate::text::Certainty;
use crate::{Mode, SourceConfig};
use jiff::civil::Date;
use regex::bytes::Regex;
use std::collections::{HashMap, HashSet};

pub(crate) const NONE: u32 = u32::MAX;
/// Lists of findings end here; the counts go on.
const MOST_FINDINGS: usize = 100_000;

/// What became of a row that was not recognised by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// New or changed.
    Good,
    /// Means what it meant before.
    Same,
    /// Set aside.
    Rejected,
    /// Repeats another row, or another row of the person counts.
    Ignored,
}

/// A row that was not recognised by its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh {
    pub(crate) key: u64,
    pub(crate) raw: u64,
    pub(crate) norm: u64,
    pub(crate) unique: u64,
    pub(crate) reference: u64,
    pub(crate) record: u32,
    pub(crate) line: u32,
    pub(crate) old: u32,
    pub(crate) key_end: u32,
    pub(crate) state: State,
    pub(crate) drop_reference: bool,
    pub(crate) deleted: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    record: u32,
    line: u32,
}

/// The first pass over one export.
pub(crate) struct Pass<'p> {
    config: &'p SourceConfig,
    layout: &'p Layout,
    known: &'p Fingerprints,
    as_of: Date,
    by_raw: Index,
    by_key: Option<Index>,
    by_unique: Option<Index>,
    /// Per known person: the row that stands as it stood.
    seen: Vec<Seen>,
    /// Per known person: some other row is theirs, good or bad.
    touched: Vec<bool>,
    pub(crate) fresh: Vec<Fresh>,
    ranks: Vec<u64>,
    claims: Vec<(u64, u32)>,
    keys: String,
    /// First record of each file.
    starts: Vec<u32>,
    unattributed: usize,
    /// The key column is missing: nothing can be said about anybody.
    keyless: bool,
    /// No header says which columns there are; the records do.
    headless: bool,
    parsed: usize,
    present: Vec<bool>,
    pub(crate) scan: Scan,
    record: u32,
    last_line_flawed: bool,
    trailer: Option<Regex>,
}

impl<'p> Pass<'p> {
    pub(crate) fn new(
        config: &'p SourceConfig,
        layout: &'p Layout,
        known: &'p Fingerprints,
        as_of: Date,
    ) -> Result<Self, SourceError> {
        let trailer = match &config.trailer {
            Some(t) => Some(Regex::new(&t.pattern).map_err(|e| SourceError::Config {
                setting: "trailer.pattern".into(),
                message: e.to_string(),
            })?),
            None => None,
        };
        Ok(Self {
            config,
            layout,
            known,
            as_of,
            by_raw: Index::new(known.entries(), |e| e.raw),
            by_key: None,
            by_unique: None,
            seen: vec![Seen::default(); known.len()],
            touched: vec![false; known.len()],
            fresh: Vec::new(),
            ranks: Vec::new(),
            claims: Vec::new(),
            keys: String::new(),
            starts: Vec::new(),
            unattributed: 0,
            keyless: false,
            headless: false,
            parsed: 0,
            present: vec![false; layout.columns.len()],
            scan: Scan { as_of, ..Scan::default() },
            record: 0,
            last_line_flawed: false,
            trailer,
        })
    }

    pub(crate) fn run(mut self, files: &[Facts]) -> Result<Scan, SourceError> {
        for (number, facts) in files.iter().enumerate() {
            self.read_file(number as u32, facts)?;
        }
        if self.keyless {
            return Ok(self.scan);
        }
        self.settle_people();
        self.settle_unique();
        if self.layout.reference.is_some() {
            self.settle_references(files)?;
        }
        self.settle_absence();
        self.judge();
        Ok(self.scan)
    }

    fn read_file(&mut self, file: u32, facts: &Facts) -> Result<(), SourceError> {
        self.starts.push(self.record + 1);
        let before = self.record;
        let mut reader = RecordReader::open(facts, self.config)?;
        self.tell_about_file(file, facts);
        let (places, missing) = reader.places(self.layout);
        if !self.tell_about_header(file, &reader, &missing) {
            return Ok(());
        }
        let raw_seed = reader.raw_seed(self.known.seed(), self.layout);
        let (mut row, mut checked) = (Row::default(), Checked::default());
        let shortcut = !self.layout.has_primary();
        let mut trailer: Option<Option<u64>> = None;
        self.last_line_flawed = false;
        let mut last_line = 0;
        while let Some(found) = reader.next()? {
            last_line = found.line;
            self.record += 1;
            self.last_line_flawed = false;
            let raw_hash = hash(raw_seed, reader.raw());
            if shortcut && !found.unterminated && self.recognise(raw_hash, found.line) {
                continue;
            }
            if let Some(pattern) = &self.trailer
                && let Some(hit) = pattern.captures(reader.raw())
            {
                let count =
                    hit.get(1).and_then(|g| std::str::from_utf8(g.as_bytes()).ok()?.trim().parse().ok());
                trailer = Some(count);
                self.record -= 1;
                self.last_line_flawed = false;
                continue;
            }
            let fault = if found.unterminated {
                let _ = reader.fill(&mut row, &places, self.layout);
                Some(Fault::new(
                    RejectCode::UnterminatedQuote,
                    None,
                    "a quotation mark opens in this line and is not closed as it should",
                ))
            } else {
                reader.fill(&mut row, &places, self.layout).err()
            };
            self.last_line_flawed = fault.as_ref().is_some_and(|f| {
                f.code == RejectCode::UnterminatedQuote
                    || (matches!(f.code, RejectCode::ColumnCount | RejectCode::BadJson) && !found.ended)
            });
            self.take_row(&row, &mut checked, fault, raw_hash, found.line);
        }
        self.tell_about_end(file, &reader, before, trailer, last_line);
        Ok(())
    }

    /// Whether a record stands as it stood.
    fn recognise(&mut self, raw: u64, line: u64) -> bool {
        let entries = self.known.entries();
        let Some(at) = self.by_raw.find(entries, raw, |e| e.raw) else { return false };
        let at = at as usize;
        if entries[at].absent_since != 0 {
            return false;
        }
        if self.seen[at].record != 0 {
            let first = self.seen[at].line;
            self.ignore(
                WarningCode::DuplicateRow,
                self.record,
                line,
                None,
                format!("the same row as in line {first}"),
            );
            return true;
        }
        self.seen[at] = Seen { record: self.record, line: line.min(u64::from(u32::MAX)) as u32 };
        true
    }

    fn take_row(&mut self, row: &Row, checked: &mut Checked, fault: Option<Fault>, raw: u64, line: u64) {
        let (layout, seed) = (self.layout, self.known.seed());
        self.parsed += 1;
        for (present, here) in self.present.iter_mut().zip(&row.present) {
            *present |= here;
        }
        let key = row.exact_hash(layout.key, seed);
        let unique = layout.unique.first().map_or(0, |c| row.folded_hash(*c, seed));
        let old = if key == 0 { None } else { self.find_key(key) };
        let mut fresh = Fresh {
            key,
            raw,
            norm: 0,
            unique,
            reference: row.reference_hash(layout, seed),
            record: self.record,
            line: line.min(u64::from(u32::MAX)) as u32,
            old: old.unwrap_or(NONE),
            key_end: 0,
            state: State::Good,
            drop_reference: false,
            deleted: false,
        };
        let fault = fault.or_else(|| self.lost_zeros(row.value(layout.key), old));
        let outcome = match fault {
            Some(fault) => Err(fault),
            None => {
                fresh.norm = row.norm(layout, seed);
                let same = old.is_some_and(|o| {
                    let entry = &self.known.entries()[o as usize];
                    entry.norm == fresh.norm && entry.absent_since == 0
                });
                if same {
                    fresh.state = State::Same;
                    Ok(())
                } else {
                    check(layout, row, checked)
                }
            }
        };
        if let Err(fault) = outcome {
            fresh.state = State::Rejected;
            self.attribute(key, unique, old);
            let column = fault.column.map(|c| layout.name(c).to_string());
            let key = Some(row.value(layout.key).to_string()).filter(|k| !k.is_empty());
            self.reject(self.record, line, key, column, fault.code, fault.message);
            if fresh.key == 0 {
                return;
            }
        } else if fresh.state == State::Good && checked.deleted && old.is_none() {
            // Nobody knows the person who is gone: there is nothing to take away.
            self.scan.counts.ignored += 1;
            return;
        } else if fresh.state == State::Good {
            fresh.deleted = checked.deleted;
            for (code, column, message) in checked.warnings.drain(..) {
                let key = Some(row.value(layout.key).to_string());
                let at = Some(self.at(self.record, line));
                let column = Some(layout.name(column).to_string());
                push(&mut self.scan.warnings, Warning { at, key, column, code, message });
            }
            for column in &layout.unique {
                let value = row.folded_hash(*column, seed);
                if value != 0 {
                    self.claims.push((value, self.fresh.len() as u32));
                }
            }
        }
        if layout.has_primary() {
            self.ranks.push(rank(layout, row));
        }
        self.keys.push_str(row.value(layout.key));
        fresh.key_end = self.keys.len() as u32;
        self.fresh.push(fresh);
    }

    /// A key that is known with zeros before it was in a spreadsheet.
    fn lost_zeros(&mut self, key: &str, old: Option<u32>) -> Option<Fault> {
        let short = old.is_none() && !self.known.is_empty() && key.len() < 16 && !key.is_empty();
        if !short || !key.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut padded = key.to_string();
        while padded.len() < 16 {
            padded.insert(0, '0');
            if let Some(at) = self.find_key(hash(self.known.seed(), padded.as_bytes())) {
                self.touched[at as usize] = true;
                let message =
                    format!("`{key}` is known as `{padded}`: a spreadsheet has taken the leading zeros");
                return Some(Fault::new(RejectCode::LeadingZerosLost, Some(self.layout.key), message));
            }
        }
        None
    }

    /// Finds whose row a rejected one is, so that nobody vanishes by it.
    fn attribute(&mut self, key: u64, unique: u64, old: Option<u32>) {
        let entries = self.known.entries();
        let mut known = old.is_some();
        if let Some(at) = old {
            self.touched[at as usize] = true;
        }
        if unique != 0 {
            let index = self.by_unique.get_or_insert_with(|| Index::new(entries, |e| e.unique));
            if let Some(at) = index.find(entries, unique, |e| e.unique).filter(|_| key == 0 || old.is_none())
            {
                self.touched[at as usize] = true;
                known = true;
            }
        }
        if key == 0 && !known {
            self.unattributed += 1;
        }
    }

    pub(crate) fn find_key(&mut self, key: u64) -> Option<u32> {
        let entries = self.known.entries();
        self.by_key.get_or_insert_with(|| Index::new(entries, |e| e.key)).find(entries, key, |e| e.key)
    }

    pub(crate) fn at(&self, record: u32, line: u64) -> Location {
        let file = self.starts.partition_point(|s| *s <= record).saturating_sub(1);
        Location { file: file as u32, line, record }
    }

    pub(crate) fn key_text(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.fresh[at - 1].key_end };
        self.keys.get(start as usize..self.fresh[at].key_end as usize).unwrap_or_default()
    }

    fn reject(
        &mut self,
        record: u32,
        line: u64,
        key: Option<String>,
        column: Option<String>,
        code: RejectCode,
        message: String,
    ) {
        self.scan.counts.rejected += 1;
        let at = self.at(record, line);
        push(&mut self.scan.rejects, Reject { at, key, column, code, message });
    }

    pub(crate) fn reject_fresh(&mut self, at: usize, column: usize, code: RejectCode, message: String) {
        if self.fresh[at].state == State::Rejected {
            return;
        }
        let fresh = self.fresh[at];
        self.fresh[at].state = State::Rejected;
        if fresh.old != NONE {
            self.touched[fresh.old as usize] = true;
        }
        let (key, column) = (Some(self.key_text(at).to_string()), Some(self.layout.name(column).to_string()));
        self.reject(fresh.record, fresh.line.into(), key, column, code, message);
    }

    fn ignore(&mut self, code: WarningCode, record: u32, line: u64, key: Option<String>, message: String) {
        self.scan.counts.ignored += 1;
        let at = Some(self.at(record, line));
        push(&mut self.scan.warnings, Warning { at, key, column: None, code, message });
    }

    fn tell_about_file(&mut self, file: u32, facts: &Facts) {
        if facts.certainty == Certainty::Guessed {
            let message = format!(
                "file {}: neither a byte order mark nor valid UTF-8; read as {}, which is a guess",
                file + 1,
                facts.charset.name()
            );
            push(
                &mut self.scan.warnings,
                Warning { at: None, key: None, column: None, code: WarningCode::EncodingGuessed, message },
            );
        }
    }

    /// `false` when nothing can be read.
    fn tell_about_header(&mut self, file: u32, reader: &RecordReader, missing: &[usize]) -> bool {
        if reader.is_json() {
            self.headless = true;
            return true;
        }
        if reader.header.is_empty() {
            self.stop(
                StopCode::EmptyFile,
                Some(file),
                None,
                "the file is empty; the transfer may have failed".into(),
            );
            return false;
        }
        if !missing.is_empty() {
            let names: Vec<String> =
                missing.iter().take(8).map(|column| format!("`{}`", self.layout.name(*column))).collect();
            let more = missing.len().saturating_sub(names.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (names, there) = (names.join(", "), reader.header.join(", "));
            let message = if reader.header.len() == 1 && self.layout.columns.len() > 1 {
                format!(
                    "no column {names}{more}: the header `{there}` is one cell, so the delimiter has changed; set `delimiter`"
                )
            } else {
                format!(
                    "no column {names}{more}; there are: {there}. Nothing is cleared because of that; add an alias if one has a new name"
                )
            };
            self.stop(StopCode::ColumnMissing, Some(file), None, message);
        }
        let mut names = HashSet::new();
        for name in &reader.header {
            let normal = hash(self.known.seed(), normal_name(name).as_bytes());
            if !names.insert(normal) && !name.is_empty() {
                self.warn_column(
                    WarningCode::DuplicateHeader,
                    name,
                    "stands several times in the header; the first one is read, the second is called by its name and `(2)`",
                );
            }
            if !self.known.columns().is_empty()
                && !self.known.columns().contains(&normal)
                && !self.scan.columns.contains(&normal)
            {
                self.warn_column(WarningCode::NewColumn, name, "was not there before");
            }
            if !self.scan.columns.contains(&normal) {
                self.scan.columns.push(normal);
            }
        }
        self.keyless |= missing.contains(&self.layout.key);
        !self.keyless
    }

    fn warn_column(&mut self, code: WarningCode, name: &str, message: &str) {
        let column = Some(name.to_string());
        push(&mut self.scan.warnings, Warning { at: None, key: None, column, code, message: message.into() });
    }

    fn tell_about_end(
        &mut self,
        file: u32,
        reader: &RecordReader,
        before: u32,
        trailer: Option<Option<u64>>,
        last_line: u64,
    ) {
        if reader.repeated > 0 {
            let message =
                format!("the header stands {} more times between the rows; left out", reader.repeated);
            push(
                &mut self.scan.warnings,
                Warning { at: None, key: None, column: None, code: WarningCode::RepeatedHeader, message },
            );
        }
        let records = u64::from(self.record - before);
        let cut = matches!(reader.json_end(), Some((true, _)));
        if cut || self.last_line_flawed {
            self.stop(
                StopCode::Truncated,
                Some(file),
                Some(last_line),
                "the file ends in the middle of a record; the transfer may have been cut off".into(),
            );
        }
        if matches!(reader.json_end(), Some((_, false))) {
            let what = self.config.records.as_deref().map_or("of objects".to_string(), |r| format!("`{r}`"));
            self.stop(
                StopCode::EmptyFile,
                Some(file),
                None,
                format!("no array {what} in the file; set `records` to its path"),
            );
        }
        let Some(settings) = &self.config.trailer else { return };
        match trailer {
            None => self.stop(
                StopCode::TrailerMissing,
                Some(file),
                Some(last_line),
                format!("no line matches the trailer `{}`; the file may be cut off", settings.pattern),
            ),
            Some(Some(count)) => {
                let counted = if settings.counts_all_lines { last_line } else { records };
                if count != counted {
                    self.stop(
                        StopCode::TrailerCount,
                        Some(file),
                        Some(last_line),
                        format!("the trailer says {count}, the file has {counted}"),
                    );
                }
            }
            Some(None) => {}
        }
    }

    fn stop(&mut self, code: StopCode, file: Option<u32>, line: Option<u64>, message: String) {
        self.scan.stops.push(Stop { code, file, line, message });
    }

    /// Several rows of one person.
    fn settle_people(&mut self) {
        let mut order: Vec<u32> = (0..self.fresh.len() as u32).collect();
        order.sort_unstable_by_key(|i| (self.fresh[*i as usize].key, *i));
        let mut from = 0;
        while from < order.len() {
            let key = self.fresh[order[from] as usize].key;
            let length = order[from..].iter().take_while(|i| self.fresh[**i as usize].key == key).count();
            let group = &order[from..from + length];
            from += length;
            let old = self.fresh[group[0] as usize].old;
            let holder = (old != NONE).then(|| self.seen[old as usize]).filter(|s| s.record != 0);
            if group.len() > 1 || holder.is_some() {
                self.settle_group(group, holder, old);
            }
        }
        for fresh in &self.fresh {
            if fresh.old != NONE {
                self.touched[fresh.old as usize] = true;
            }
        }
    }

    fn settle_group(&mut self, group: &[u32], holder: Option<Seen>, old: u32) {
        if self.layout.has_primary() {
            return self.settle_primary(group);
        }
        let norm = match holder {
            Some(_) => self.known.entries()[old as usize].norm,
            None => self.fresh[group[0] as usize].norm,
        };
        let alike = group.iter().all(|i| {
            let fresh = &self.fresh[*i as usize];
            fresh.norm == norm && fresh.norm != 0 && fresh.state != State::Rejected
        });
        if alike {
            let keep = if holder.is_some() { 0 } else { 1 };
            let first = holder.map_or(self.fresh[group[0] as usize].line, |h| h.line);
            for i in &group[keep..] {
                self.ignore_fresh(
                    *i as usize,
                    WarningCode::DuplicateRow,
                    format!("the same as in line {first}"),
                );
            }
            return;
        }
        let mut lines: Vec<u32> =
            group.iter().map(|i| self.fresh[*i as usize].line).chain(holder.map(|h| h.line)).collect();
        lines.sort_unstable();
        let lines: Vec<String> = lines.iter().take(5).map(u32::to_string).collect();
        let message = format!(
            "several rows of this person say different things (lines {}); the last known state stays",
            lines.join(", ")
        );
        for i in group {
            self.reject_fresh(*i as usize, self.layout.key, RejectCode::DuplicateKey, message.clone());
        }
        if let Some(holder) = holder {
            self.seen[old as usize] = Seen::default();
            self.touched[old as usize] = true;
            let key = Some(self.key_text(group[0] as usize).to_string());
            let column = Some(self.layout.name(self.layout.key).to_string());
            self.reject(holder.record, holder.line.into(), key, column, RejectCode::DuplicateKey, message);
        }
    }

    fn settle_primary(&mut self, group: &[u32]) {
        let best = group.iter().copied().max_by_key(|i| (self.ranks[*i as usize], std::cmp::Reverse(*i)));
        let Some(best) = best else { return };
        let (rank, norm) = (self.ranks[best as usize], self.fresh[best as usize].norm);
        let conflict =
            group.iter().any(|i| self.ranks[*i as usize] == rank && self.fresh[*i as usize].norm != norm);
        let line = self.fresh[best as usize].line;
        for i in group {
            let at = *i as usize;
            if conflict {
                let message =
                    "several rows of this person and no rule of `primary` tells which counts".to_string();
                self.reject_fresh(at, self.layout.key, RejectCode::DuplicateKey, message);
            } else if *i != best && self.fresh[at].state != State::Rejected {
                let code = if self.fresh[at].norm == norm {
                    WarningCode::DuplicateRow
                } else {
                    WarningCode::SecondaryRow
                };
                self.ignore_fresh(at, code, format!("the row in line {line} counts for this person"));
            }
        }
    }

    fn ignore_fresh(&mut self, at: usize, code: WarningCode, message: String) {
        self.fresh[at].state = State::Ignored;
        let (fresh, key) = (self.fresh[at], self.key_text(at).to_string());
        self.ignore(code, fresh.record, fresh.line.into(), Some(key), message);
    }

    /// Unique values: who owned one keeps it, who newly takes it is rejected.
    fn settle_unique(&mut self) {
        let mut claims = std::mem::take(&mut self.claims);
        claims.retain(|(_, i)| {
            self.fresh[*i as usize].state == State::Good && !self.fresh[*i as usize].deleted
        });
        if claims.is_empty() {
            return;
        }
        claims.sort_unstable();
        let moved: HashSet<u32> = claims
            .iter()
            .map(|(_, i)| &self.fresh[*i as usize])
            .filter(|f| f.old != NONE && self.known.entries()[f.old as usize].unique != f.unique)
            .map(|f| f.old)
            .collect();
        let values: hashbrown::HashSet<u64> = claims.iter().map(|(v, _)| *v).collect();
        let delta = self.config.mode == Mode::Delta;
        let mut owners: HashMap<u64, u32> = HashMap::new();
        for (at, entry) in self.known.entries().iter().enumerate() {
            if entry.unique == 0 || !values.contains(&entry.unique) || entry.absent_since != 0 {
                continue;
            }
            let here = delta || self.seen[at].record != 0 || self.touched[at];
            if here && !moved.contains(&(at as u32)) {
                owners.insert(entry.unique, at as u32);
            }
        }
        let mut from = 0;
        while from < claims.len() {
            let value = claims[from].0;
            let length = claims[from..].iter().take_while(|(v, _)| *v == value).count();
            let group = claims[from..from + length].to_vec();
            from += length;
            let owner = owners.get(&value).copied();
            let people: HashSet<u64> = group.iter().map(|(_, i)| self.fresh[*i as usize].key).collect();
            if owner.is_none() && people.len() < 2 {
                continue;
            }
            let column = self.layout.unique.first().copied().unwrap_or(self.layout.key);
            for (_, i) in group {
                if owner.is_none_or(|o| self.fresh[i as usize].old != o) {
                    let message = match owner {
                        Some(_) => "the value already belongs to another person".to_string(),
                        None => format!("{} people claim this value", people.len()),
                    };
                    self.reject_fresh(i as usize, column, RejectCode::DuplicateUnique, message);
                }
            }
        }
    }

    /// Who is not there any more, and what to remember of the others.
    fn settle_absence(&mut self) {
        let today = day_number(self.as_of).max(1);
        let mut present = 0;
        let mut first_time = 0;
        for (at, entry) in self.known.entries().iter().enumerate() {
            let here = self.seen[at].record != 0 || self.touched[at];
            present += usize::from(entry.absent_since == 0);
            self.scan.counts.unchanged += usize::from(self.seen[at].record != 0);
            if here || self.config.mode == Mode::Delta {
                continue;
            }
            if entry.absent_since != 0 {
                let since = from_day_number(entry.absent_since);
                self.scan.vanished.push(Vanished { key: entry.key, since, first_time: false });
            } else if self.unattributed == 0 {
                first_time += 1;
                self.scan.vanished.push(Vanished { key: entry.key, since: self.as_of, first_time: true });
                self.scan.refreshed.push(Entry { absent_since: today, ..*entry });
            } else {
                self.scan.doubtful.push(entry.key);
            }
        }
        for fresh in self.fresh.iter().filter(|f| f.state == State::Same) {
            self.scan.counts.unchanged += 1;
            self.scan.refreshed.push(fresh.entry());
        }
        self.scan.counts.vanished = first_time;
        self.scan.counts.records = self.record as usize;
        self.fresh.retain(|f| f.state == State::Good);
        let new = self.fresh.iter().filter(|f| f.old == NONE).count();
        self.scan.counts.new = new;
        self.scan.counts.changed = self.fresh.len() - new;
        let missing = first_time + self.scan.doubtful.len();
        let limits = &self.config.limits;
        if missing > limits.vanished_allowed && missing as f64 > limits.max_vanished_share * present as f64 {
            let message = format!(
                "{missing} of {present} known people are not in the export; `limits.max_vanished_share` is {}",
                limits.max_vanished_share
            );
            self.stop(StopCode::TooManyVanished, None, None, message);
        }
        self.scan.selected = std::mem::take(&mut self.fresh);
    }

    fn judge(&mut self) {
        let Counts { records, rejected, unchanged, .. } = self.scan.counts;
        let limits = &self.config.limits;
        let full = self.config.mode == Mode::Full;
        if full && records < limits.min_rows && !self.scan.stops.iter().any(|s| s.code == StopCode::EmptyFile)
        {
            let message = format!("{records} records; `limits.min_rows` is {}", limits.min_rows);
            self.stop(StopCode::TooFewRows, None, None, message);
        }
        if rejected > limits.rejected_allowed && rejected as f64 > limits.max_rejected_share * records as f64
        {
            let message = format!(
                "{rejected} of {records} rows were rejected; `limits.max_rejected_share` is {}{}",
                limits.max_rejected_share,
                self.usual_reject()
            );
            self.stop(StopCode::TooManyRejected, None, None, message);
        } else if rejected > 0 && rejected >= records && full {
            let message = format!("not a single row could be used{}", self.usual_reject());
            self.stop(StopCode::TooManyRejected, None, None, message);
        }
        let absent: Vec<String> = self
            .present
            .iter()
            .zip(&self.layout.columns)
            .filter(|(p, _)| !**p)
            .map(|(_, c)| c.name.clone())
            .collect();
        if self.parsed == 0 || unchanged > 0 {
            if self.headless {
                // Records that stand as they stood were not looked into.
                self.scan.columns = self.known.columns().to_vec();
            }
            return;
        }
        for name in absent {
            let hashed = hash(self.known.seed(), name.as_bytes());
            if self.known.columns().contains(&hashed) {
                let message = format!(
                    "`{name}` is in no record any more; the account that reads may have lost a permission"
                );
                self.stop(StopCode::ColumnMissing, None, None, message);
            } else if !self.scan.stops.iter().any(|s| s.code == StopCode::ColumnMissing) {
                self.warn_column(WarningCode::ColumnAbsent, &name, "is in no record");
            }
        }
        if !self.headless {
            return;
        }
        for (present, column) in self.present.iter().zip(&self.layout.columns) {
            let hashed = hash(self.known.seed(), column.name.as_bytes());
            if *present && !self.scan.columns.contains(&hashed) {
                self.scan.columns.push(hashed);
            }
        }
    }

    /// The most frequent reason with its first example, as the end of a sentence.
    fn usual_reject(&self) -> String {
        let mut counts: HashMap<RejectCode, (usize, &Reject)> = HashMap::new();
        for reject in &self.scan.rejects {
            counts.entry(reject.code).or_insert((0, reject)).0 += 1;
        }
        let Some((code, (count, first))) = counts.into_iter().max_by_key(|(code, (n, _))| (*n, *code)) else {
            return String::new();
        };
        format!("; {count} times {code}, first in line {}: {}", first.at.line, first.message)
    }

    /// Whether a known person has a row in this export.
    pub(crate) fn stands(&self, old: u32) -> bool {
        self.seen[old as usize].record != 0 || self.touched[old as usize]
    }

    /// The settings, for the other half of this pass.
    pub(crate) fn parts(&self) -> (&'p SourceConfig, &'p Layout, &'p Fingerprints) {
        (self.config, self.layout, self.known)
    }
}

impl Fresh {
    /// The fingerprint to store.
    pub(crate) fn entry(&self) -> Entry {
        // What had to leave out its manager is looked at again next time: the others may have changed by then.
        let settled = !self.drop_reference;
        Entry {
            key: self.key,
            raw: if settled { self.raw } else { 0 },
            norm: if settled { self.norm } else { 0 },
            unique: self.unique,
            reference: self.reference,
            absent_since: 0,
        }
    }
}

pub(crate) fn push<T>(list: &mut Vec<T>, finding: T) {
    if list.len() < MOST_FINDINGS {
        list.push(finding);
    }
}
