//! One record: the cells that are in use, cleaned, hashed and checked.

use crate::clean::{
    Country, clean_email, clean_into, country, is_scientific, is_yes, looks_double_encoded, normal_name,
};
use crate::dates::{DateFormat, Parsed, day_number};
use crate::delimited::{Cells, Dialect};
use crate::finding::{RejectCode, WarningCode};
use crate::hash::{chain, hash};
use crate::json::flatten;
use crate::layout::{Handle, Layout};
use jiff::civil::Date;
use std::collections::HashMap;

/// Where the columns in use stand in one file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// Column → cell; empty in JSON.
    pub(crate) cells: Vec<Option<usize>>,
    /// Number of columns of the file; 0 in JSON.
    pub(crate) width: usize,
    /// Number of cells of a row whose cells behind the columns are all empty (a delimiter at the end of each row).
    pub(crate) most: usize,
    /// JSON: path → columns.
    pub(crate) paths: HashMap<String, Vec<usize>>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: RejectCode,
    pub(crate) column: Option<usize>,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(code: RejectCode, column: Option<usize>, message: impl Into<String>) -> Self {
        Self { code, column, message: message.into() }
    }
}

/// The cells in use of one record.
#[derive(Debug, Default)]
pub(crate) struct Row {
    raw: String,
    raw_ends: Vec<u32>,
    text: String,
    ends: Vec<u32>,
    /// Whether the record names the column at all (always in delimited text).
    pub(crate) present: Vec<bool>,
    cells: Cells,
    found: Vec<Option<String>>,
}

impl Row {
    /// Text of a column, cleaned.
    pub(crate) fn value(&self, column: usize) -> &str {
        part(&self.text, &self.ends, column)
    }

    /// Text of a column as it stands in the file.
    pub(crate) fn raw(&self, column: usize) -> &str {
        part(&self.raw, &self.raw_ends, column)
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.raw_ends.clear();
        self.text.clear();
        self.ends.clear();
        self.present.clear();
    }

    fn push(&mut self, cell: &str, present: bool) {
        self.raw.push_str(cell);
        self.raw_ends.push(self.raw.len() as u32);
        clean_into(cell, &mut self.text);
        self.ends.push(self.text.len() as u32);
        self.present.push(present);
    }

    /// Reads delimited text. What can be read is there even when something is wrong.
    pub(crate) fn read_cells(&mut self, raw: &[u8], dialect: &Dialect, places: &Places) -> Result<(), Fault> {
        self.clear();
        let mut cells = std::mem::take(&mut self.cells);
        dialect.split(raw, &mut cells);
        let mut broken = None;
        for (column, place) in places.cells.iter().enumerate() {
            let cell = place.and_then(|p| cells.get(p)).unwrap_or_default();
            match std::str::from_utf8(cell) {
                Ok(text) => self.push(text, true),
                Err(_) => {
                    broken = Some(column);
                    self.push(&String::from_utf8_lossy(cell), true);
                }
            }
        }
        let count = cells.len();
        let extra_empty = count > places.width
            && count <= places.most
            && cells.iter().skip(places.width).all(|c| c.iter().all(u8::is_ascii_whitespace));
        self.cells = cells;
        if count != places.width && !extra_empty {
            let word = if count < places.width {
                "breaks off or lacks"
            } else {
                "has more cells than columns: perhaps"
            };
            let message = format!("{count} cells instead of {}; the line {word} a delimiter", places.width);
            return Err(Fault::new(RejectCode::ColumnCount, None, message));
        }
        let lossy = || {
            !raw.is_ascii()
                && (std::str::from_utf8(raw).is_err()
                    || memchr::memmem::find(raw, "\u{fffd}".as_bytes()).is_some())
        };
        if broken.is_some() || lossy() {
            let column =
                broken.or_else(|| (0..places.cells.len()).find(|c| self.value(*c).contains('\u{fffd}')));
            let message =
                "bytes that are no text in this encoding, or letters that were lost before (U+FFFD)";
            return Err(Fault::new(RejectCode::BadEncoding, column, message));
        }
        Ok(())
    }

    /// Reads a JSON object.
    pub(crate) fn read_json(&mut self, raw: &[u8], places: &Places, columns: usize) -> Result<(), Fault> {
        self.clear();
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        found.resize(columns, None);
        let result = flatten(raw, &mut |path, text, is_null| {
            for column in places.paths.get(path).into_iter().flatten() {
                let slot = &mut found[*column];
                match slot {
                    Some(known) if !known.is_empty() || is_null => {}
                    _ => *slot = Some(text.to_string()),
                }
            }
        });
        for cell in &found {
            self.push(cell.as_deref().unwrap_or_default(), cell.is_some());
        }
        self.found = found;
        if let Err(e) = result {
            let message = format!("no JSON that can be read: {} at byte {} of the record", e.what, e.at);
            return Err(Fault::new(RejectCode::BadJson, None, message));
        }
        if let Some(column) = (0..columns).find(|c| self.value(*c).contains('\u{fffd}')) {
            return Err(Fault::new(
                RejectCode::BadEncoding,
                Some(column),
                "letters that were lost before (U+FFFD)",
            ));
        }
        Ok(())
    }

    /// Hash of everything in use after cleaning.
    pub(crate) fn norm(&self, layout: &Layout, seed: u64) -> u64 {
        let mut state = seed ^ layout.digest;
        for column in &layout.order {
            state = match layout.columns[*column].lower {
                true => chain(state, lower(self.value(*column)).as_bytes()),
                false => chain(state, self.value(*column).as_bytes()),
            };
        }
        state
    }

    /// Hash of a value that is compared without case, 0 when empty.
    pub(crate) fn folded_hash(&self, column: usize, seed: u64) -> u64 {
        let value = self.value(column);
        if value.is_empty() {
            0
        } else {
            hash(seed ^ 0xf01d, lower(clean_email(value).as_deref().unwrap_or(value)).as_bytes())
        }
    }

    /// Hash of what references repeat of this row, 0 when empty.
    pub(crate) fn handle_hash(&self, handle: &Handle, seed: u64) -> u64 {
        match handle {
            Handle::Column(column) => self.folded_hash(*column, seed),
            Handle::Name(columns) => words_hash(columns.iter().map(|c| self.value(*c)), seed),
        }
    }

    /// Hash of the reference to the manager as [`Self::handle_hash`] or the key's hash has it, 0 when there is none.
    pub(crate) fn reference_hash(&self, layout: &Layout, seed: u64) -> u64 {
        let Some(column) = layout.reference else { return 0 };
        match &layout.by {
            _ if is_nobody(self.value(column)) => 0,
            Some(Handle::Column(_)) => self.folded_hash(column, seed),
            Some(Handle::Name(_)) => words_hash([self.value(column)].into_iter(), seed),
            None => self.exact_hash(column, seed),
        }
    }

    /// Hash of a value that is compared as it is, 0 when empty.
    pub(crate) fn exact_hash(&self, column: usize, seed: u64) -> u64 {
        let value = self.value(column);
        if value.is_empty() { 0 } else { hash(seed, value.as_bytes()) }
    }
}

fn part<'a>(text: &'a str, ends: &[u32], column: usize) -> &'a str {
    let Some(end) = ends.get(column) else { return "" };
    let start = if column == 0 { 0 } else { ends[column - 1] };
    text.get(start as usize..*end as usize).unwrap_or_default()
}

/// `00000000` is no manager. spec/sources.md §5.3
fn is_nobody(reference: &str) -> bool {
    reference.bytes().all(|b| b == b'0')
}

/// Hash of the words of a name in any order and case.
fn words_hash<'a>(parts: impl Iterator<Item = &'a str>, seed: u64) -> u64 {
    let mut words: Vec<String> = parts
        .flat_map(|part| part.split(|c: char| c.is_whitespace() || c == ',' || c == ';'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.sort_unstable();
    if words.is_empty() {
        0
    } else {
        words.iter().fold(seed ^ 0x4a3e, |state, word| chain(state, word.as_bytes()))
    }
}

fn lower(text: &str) -> std::borrow::Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        text.to_lowercase().into()
    } else {
        text.into()
    }
}

/// What the checks made of a row.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Column → text that expressions see instead of the cell.
    pub(crate) instead: Vec<(usize, String)>,
    /// Columns whose value is dropped.
    pub(crate) dropped: Vec<usize>,
    pub(crate) active: Option<bool>,
    pub(crate) deleted: bool,
    pub(crate) hire: Option<Date>,
    pub(crate) termination: Option<Date>,
    pub(crate) warnings: Vec<(WarningCode, usize, String)>,
}

impl Checked {
    /// What expressions see of a column.
    pub(crate) fn value<'r>(&'r self, row: &'r Row, column: usize) -> &'r str {
        if self.instead.is_empty() {
            return row.value(column);
        }
        self.instead
            .iter()
            .rev()
            .find(|(c, _)| *c == column)
            .map_or_else(|| row.value(column), |(_, text)| text)
    }

    fn clear(&mut self) {
        self.instead.clear();
        self.dropped.clear();
        self.warnings.clear();
        (self.active, self.deleted, self.hire, self.termination) = (None, false, None, None);
    }
}

/// Checks one row by itself.
pub(crate) fn check(layout: &Layout, row: &Row, out: &mut Checked) -> Result<(), Fault> {
    out.clear();
    if row.value(layout.key).is_empty() {
        return Err(Fault::new(RejectCode::MissingKey, Some(layout.key), "empty; it identifies the person"));
    }
    if let Some((column, words)) = &layout.operation {
        out.deleted = words.contains(&normal_name(row.value(*column)));
        if out.deleted {
            return Ok(());
        }
    }
    for (at, column) in layout.columns.iter().enumerate() {
        let value = row.value(at);
        if value.is_empty() {
            if column.required {
                return Err(Fault::new(RejectCode::RequiredMissing, Some(at), "empty; it is required"));
            }
            continue;
        }
        if at == layout.key {
            // It is what the person is called everywhere, whatever else the column is mapped to.
            continue;
        }
        if Some(at) == layout.reference && is_nobody(value) {
            out.instead.push((at, String::new()));
            continue;
        }
        if let Some(format) = &column.date {
            match format.read(value) {
                Parsed::Bad => {
                    return Err(Fault::new(
                        RejectCode::BadDate,
                        Some(at),
                        format!("`{}` is no date in the format of this column", shortened(value)),
                    ));
                }
                Parsed::Open => out.instead.push((at, String::new())),
                Parsed::Date(date) => {
                    if Some(at) == layout.hire {
                        out.hire = Some(date);
                    }
                    if Some(at) == layout.termination {
                        out.termination = Some(date);
                    }
                    // Ten signs of an ISO date are that date already.
                    if *format != DateFormat::Iso || value.len() != 10 {
                        out.instead.push((at, date.to_string()));
                    }
                }
            }
            continue;
        }
        if let Some(word) =
            (!column.values.is_empty()).then(|| column.values.get(&normal_name(value))).flatten()
        {
            out.instead.push((at, word.clone()));
            continue;
        }
        if column.phone && is_scientific(value) {
            out.dropped.push(at);
            out.instead.push((at, String::new()));
            out.warnings.push((
                WarningCode::ScientificNotation,
                at,
                "a number that a spreadsheet rounded; it is dropped".into(),
            ));
        }
        if column.country {
            match country(value) {
                Country::Fine => {}
                Country::Slip(code) => {
                    out.instead.push((at, code.into()));
                    out.warnings.push((
                        WarningCode::Country,
                        at,
                        format!("`{value}` is no code of ISO 3166; read as `{code}`"),
                    ));
                }
                Country::Unknown => {
                    out.warnings.push((
                        WarningCode::Country,
                        at,
                        format!("`{value}` is no code of ISO 3166"),
                    ));
                }
            }
        }
        if column.email {
            match clean_email(value) {
                Some(address) if address == value => {}
                Some(address) => {
                    out.instead.push((at, address.into_owned()));
                    out.warnings.push((
                        WarningCode::Email,
                        at,
                        "more than an address; the address was taken out of it".into(),
                    ));
                }
                None => {
                    out.dropped.push(at);
                    out.instead.push((at, String::new()));
                    out.warnings.push((WarningCode::Email, at, "no e-mail address; it is dropped".into()));
                }
            }
        }
        if !value.is_ascii() && looks_double_encoded(value) {
            out.warnings.push((
                WarningCode::DoubleEncoded,
                at,
                "letters that look as if they had been encoded twice".into(),
            ));
        }
    }
    if let (Some(hire), Some(termination)) = (out.hire, out.termination)
        && termination < hire
    {
        return Err(Fault::new(
            RejectCode::DateOrder,
            layout.termination,
            format!("the last day {termination} lies before the first day {hire}"),
        ));
    }
    if let Some(status) = &layout.status {
        let word = row.value(status.column);
        if !word.is_empty() {
            out.active = Some(status.read(word).ok_or_else(|| {
                Fault::new(
                    RejectCode::UnknownStatus,
                    Some(status.column),
                    format!("`{}` is in neither list of `status`", shortened(word)),
                )
            })?);
        }
    }
    Ok(())
}

/// How much a row counts beside others of the same person: larger wins.
pub(crate) fn rank(layout: &Layout, row: &Row) -> u64 {
    let flag = layout.flag.is_some_and(|c| is_yes(row.value(c)));
    let latest = layout.latest.and_then(|c| match layout.columns[c].date.as_ref()?.read(row.value(c)) {
        Parsed::Date(date) => Some((i64::from(day_number(date)) + (1 << 30)) as u64),
        _ => None,
    });
    let active = layout.active_first
        && layout.status.as_ref().is_some_and(|s| s.read(row.value(s.column)).unwrap_or(false));
    (u64::from(flag) << 63) | (u64::from(active) << 62) | latest.unwrap_or(0)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}
