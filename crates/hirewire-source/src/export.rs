//! One export: opened, scanned for what changed, and read again for those who did.

use crate::batches::Batch;
use crate::changes::{Fresh, NONE, Pass};
use crate::config::{Files, Format, SourceConfig};
use crate::finding::{Location, Reject, RejectCode, SourceError, Stop, Warning};
use crate::fingerprints::{Entry, Fingerprints};
use crate::layout::Layout;
use crate::mapping::{Mapper, Unwritten};
use crate::pickup::{file_away, find_files, is_pattern, write_errors};
use crate::reader::{Facts, RecordReader};
use crate::rejected::write_rows;
use crate::row::{Checked, Row, check};
use hirewire_expression::{DateTime, Environment, SeededRandom};
use jiff::civil::Date;
use regex::bytes::Regex;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files of one export, found and looked at, but not yet read.
#[derive(Debug)]
pub struct Export {
    pub(crate) config: SourceConfig,
    base_dir: PathBuf,
    pub(crate) facts: Vec<Facts>,
    paths: Vec<PathBuf>,
    pub(crate) layout: Layout,
    /// Whether a pattern found the files.
    found: bool,
    trailer: Option<Regex>,
    /// Standard input as a file.
    spool: Option<tempfile::NamedTempFile>,
}

/// What a scan counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Records in all files, without headers, trailers and blank lines.
    pub records: usize,
    /// People who are as they were.
    pub unchanged: usize,
    /// People of whom a mapped column changed.
    pub changed: usize,
    /// People who were not known.
    pub new: usize,
    /// Rows set aside.
    pub rejected: usize,
    /// People of a full export who are no longer in it since this run.
    pub vanished: usize,
    /// Rows that repeat another or do not count beside another of the same person.
    pub ignored: usize,
}

/// What happened to a person since the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Change {
    /// Was not known.
    New,
    /// A mapped column changed, or the person came back into the export.
    Changed,
    /// A delta file says that the person is gone.
    Deleted,
}

/// Somebody who is not in a full export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vanished {
    /// Hash of the key, see [`Fingerprints::key_hash`].
    pub key: u64,
    /// Since when.
    pub since: Date,
    /// Whether this run is the first without the person.
    pub first_time: bool,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Numbers.
    pub counts: Counts,
    /// Rows that were set aside (the first 100,000).
    pub rejects: Vec<Reject>,
    /// What deserves a look (the first 100,000).
    pub warnings: Vec<Warning>,
    /// Reasons to refuse the export. When there is one, nothing should be applied unless a person says so.
    pub stops: Vec<Stop>,
    /// People who are not in a full export.
    pub vanished: Vec<Vanished>,
    /// People who are in no readable row while there are rejected rows that could be theirs: not to be taken for leavers.
    pub doubtful: Vec<u64>,
    /// Fingerprints to store although nothing of the person changed: new spelling, first day of absence.
    pub refreshed: Vec<Entry>,
    /// Hashes of the column names, for [`Fingerprints::set_columns`].
    pub columns: Vec<u64>,
    pub(crate) as_of: Date,
    pub(crate) selected: Vec<Fresh>,
    pub(crate) managers: HashMap<u64, String>,
}

/// One person who is new or changed, mapped.
#[derive(Debug)]
pub struct Mapped<'a> {
    /// The key: the SCIM `externalId`.
    pub key: &'a str,
    /// What happened.
    pub change: Change,
    /// Where the row stands.
    pub at: Location,
    /// The SCIM user as JSON text.
    pub scim_json: &'a str,
    /// Fingerprint to store once the person was accepted.
    pub entry: Entry,
    cells: Cells<'a>,
}

/// The cells behind a mapped person.
#[derive(Debug, Clone, Copy)]
struct Cells<'a> {
    layout: &'a Layout,
    row: &'a Row,
}

impl<'a> Mapped<'a> {
    /// The columns in use and their text as it stands in the file, for lineage.
    pub fn cells(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let Cells { layout, row } = self.cells;
        (0..layout.columns.len()).map(move |c| (layout.name(c), row.raw(c)))
    }
}

impl Export {
    /// Finds the files and checks the settings. Standard input is copied to a temporary file.
    ///
    /// Fails when a file is missing or cannot be read, or when a setting cannot be used.
    pub fn open(config: &SourceConfig, base_dir: &Path) -> Result<Self, SourceError> {
        let mut paths = Vec::new();
        let mut spool = None;
        for entry in config.files.entries() {
            if entry == "-" && spool.is_none() {
                let file = spooled(&mut std::io::stdin().lock())?;
                paths.push(file.path().to_path_buf());
                spool = Some(file);
                continue;
            }
            paths.extend(find_files(base_dir, entry)?);
        }
        if paths.is_empty() {
            return Err(SourceError::NoFile { pattern: "files".into() });
        }
        let facts = paths.iter().map(|p| Facts::of(p, config)).collect::<Result<Vec<_>, _>>()?;
        let json = facts.iter().any(|f| matches!(f.format, Format::Json | Format::Ndjson));
        let layout = Layout::compile(config, json)?;
        Mapper::new(&layout, &config.lifecycle)?;
        let found = config.files.entries().iter().any(|e| is_pattern(base_dir, e));
        let trailer = config.trailer.as_ref().and_then(|t| Regex::new(&t.pattern).ok());
        Ok(Self {
            config: config.clone(),
            base_dir: base_dir.to_path_buf(),
            facts,
            paths,
            layout,
            found,
            trailer,
            spool,
        })
    }

    /// One of the exports that [`crate::batches`] found, as [`Self::open`] opens files.
    pub fn open_batch(config: &SourceConfig, base_dir: &Path, batch: &Batch) -> Result<Self, SourceError> {
        let found = config.files.entries().iter().any(|e| is_pattern(base_dir, e));
        let files = batch.files.iter().map(|f| f.display().to_string()).collect();
        let config = SourceConfig { files: Files::Many(files), ..config.clone() };
        Ok(Self { found, ..Self::open(&config, base_dir)? })
    }

    pub(crate) fn is_trailer(&self, record: &[u8]) -> bool {
        self.trailer.as_ref().is_some_and(|t| t.is_match(record))
    }

    /// The files in the order in which they are read.
    pub fn files(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Reads everything once and tells who is new, changed, unchanged or gone, and which rows are wrong.
    /// `as_of` is the day of the run (the first day of absence of those who vanished).
    pub fn scan(&self, known: &Fingerprints, as_of: Date) -> Result<Scan, SourceError> {
        Pass::new(&self.config, &self.layout, known, as_of)?.run(&self.facts)
    }

    /// Reads the files again and hands over those who are new or changed, in the order of the files.
    /// Gives back the rows on which the column map failed; `each` may stop everything with an error.
    pub fn records(
        &self,
        scan: &Scan,
        mut each: impl FnMut(Mapped<'_>) -> Result<(), SourceError>,
    ) -> Result<Vec<Reject>, SourceError> {
        let mapper = Mapper::new(&self.layout, &self.config.lifecycle)?;
        let random = SeededRandom::new(scan.as_of.day().unsigned_abs().into());
        let environment = environment(scan.as_of, &random)?;
        let mut rejects = Vec::new();
        let (mut row, mut checked, mut json) = (Row::default(), Checked::default(), String::new());
        let mut selected = scan.selected.iter().peekable();
        let mut record = 0;
        for (file, facts) in self.facts.iter().enumerate() {
            if selected.peek().is_none() {
                break;
            }
            let mut reader = RecordReader::open(facts, &self.config)?;
            let (places, _) = reader.places(&self.layout);
            while let Some(found) = reader.next()? {
                let Some(next) = selected.peek() else { break };
                if self.is_trailer(reader.raw()) {
                    continue;
                }
                record += 1;
                if record != next.record {
                    continue;
                }
                let fresh = **next;
                selected.next();
                let _ = reader.fill(&mut row, &places, &self.layout);
                let _ = check(&self.layout, &row, &mut checked);
                if let Some(column) = self.layout.reference.filter(|_| self.layout.by.is_some())
                    && let Some(manager) = scan.managers.get(&fresh.reference)
                {
                    checked.instead.push((column, manager.clone()));
                }
                json.clear();
                let key = row.value(self.layout.key);
                let at = Location { file: file as u32, line: found.line, record };
                match mapper.write(&row, &checked, fresh.drop_reference, &environment, &mut json) {
                    Ok(()) => {}
                    Err(Unwritten::Skipped) => continue,
                    Err(Unwritten::Failed { path, error }) => {
                        let (column, message) = (Some(path), error.to_string());
                        let key = Some(key.to_string());
                        rejects.push(Reject { at, key, column, code: RejectCode::Mapping, message });
                        continue;
                    }
                }
                let change = match (fresh.deleted, fresh.old) {
                    (true, _) => Change::Deleted,
                    (_, NONE) => Change::New,
                    _ => Change::Changed,
                };
                let cells = Cells { layout: &self.layout, row: &row };
                each(Mapped { key, change, at, scim_json: &json, entry: fresh.entry(), cells })?;
            }
        }
        Ok(rejects)
    }

    /// After the export was applied: keeps what was rejected in `reject`: why as `NAME.STAMP.errors.csv`, the rows as they
    /// stand as `NAME.STAMP.rejected.csv` (`.ndjson` for JSON). `stamp` becomes part of the names, such as
    /// `20250304T060000Z`. Gives back where things are now.
    pub fn keep_rejected(&self, rejects: &[Reject], stamp: &str) -> Result<Vec<PathBuf>, SourceError> {
        let mut places = Vec::new();
        if let (Some(folder), false) = (&self.config.reject, rejects.is_empty()) {
            let folder = self.base_dir.join(folder);
            places.push(write_errors(&folder, &self.paths, rejects, stamp)?);
            places.extend(write_rows(&self.facts, &self.config, rejects, &folder, stamp)?);
        }
        Ok(places)
    }

    /// Once nobody needs the files any more: moves them to `archive`, where there is one. Names as in [`Self::keep_rejected`].
    pub fn archive(&self, stamp: &str) -> Result<Vec<PathBuf>, SourceError> {
        match (&self.config.archive, &self.spool) {
            (Some(folder), None) => {
                self.paths.iter().map(|path| file_away(path, &self.base_dir.join(folder), stamp)).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a pattern found the files.
    pub fn was_found(&self) -> bool {
        self.found
    }

    /// After the export was refused: keeps the list of what was wrong in `reject`, and moves files that a pattern found
    /// there too, so that the next run does not meet them again. A file that was named stays where it is.
    pub fn refuse(&self, rejects: &[Reject], stamp: &str) -> Result<Vec<PathBuf>, SourceError> {
        let Some(folder) = &self.config.reject else { return Ok(Vec::new()) };
        let folder = self.base_dir.join(folder);
        let mut places = Vec::new();
        if !rejects.is_empty() {
            places.push(write_errors(&folder, &self.paths, rejects, stamp)?);
        }
        if self.found && self.spool.is_none() {
            for path in &self.paths {
                places.push(file_away(path, &folder, stamp)?);
            }
        }
        Ok(places)
    }
}

fn spooled(input: &mut impl std::io::Read) -> Result<tempfile::NamedTempFile, SourceError> {
    let fail = |source| SourceError::Read { path: "-".into(), source };
    let mut file = tempfile::NamedTempFile::new().map_err(fail)?;
    std::io::copy(input, &mut file).map_err(fail)?;
    Ok(file)
}

/// What the column map sees of the world: the day, and numbers that are the same in each run of it.
pub(crate) fn environment<'r>(day: Date, random: &'r SeededRandom) -> Result<Environment<'r>, SourceError> {
    Ok(Environment::new(midnight(day)?, random))
}

/// Midnight of a day: what `Now()` means in the column map.
fn midnight(day: Date) -> Result<DateTime, SourceError> {
    let days = i64::from(crate::dates::day_number(day));
    DateTime::from_unix_seconds(days * 86_400).ok_or_else(|| SourceError::Config {
        setting: "as_of".into(),
        message: format!("{day} is outside of the years 1 to 9999"),
    })
}
