//! One file of an export as a stream of records, whatever its format.

use crate::charset::Charset;
use crate::clean::normal_name;
use crate::config::{Format, Header, Presence, Quote, SourceConfig};
use crate::delimited::{Cells, DelimitedReader, Dialect, Found};
use crate::finding::SourceError;
use crate::hash::{chain, hash};
use crate::json::JsonReader;
use crate::layout::Layout;
use crate::row::{Fault, Places, Row};
use crate::shape::{declared_delimiter, delimiter_named, delimiter_of, format_of};
use crate::sheet::{SEPARATOR, SheetReader};
use crate::text::{Certainty, TextStream, detect};
use encoding_rs::Encoding;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What was found out about a file once, so that both passes read it alike.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) charset: Charset,
    pub(crate) certainty: Certainty,
    pub(crate) dialect: Dialect,
    pub(crate) delimiter_sure: bool,
    /// Of the first lines: how many cells, and whether the last one is empty.
    widths: Vec<(usize, bool)>,
}

fn read_error(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Read { path: path.display().to_string(), source }
}

impl Facts {
    pub(crate) fn of(path: &Path, config: &SourceConfig) -> Result<Self, SourceError> {
        let fail = |e| read_error(path, e);
        let mut head = Vec::new();
        File::open(path).map_err(fail)?.take(1 << 16).read_to_end(&mut head).map_err(fail)?;
        let format = match config.format {
            Format::Auto => format_of(path, &head),
            given => given,
        };
        let mut facts = Self {
            path: path.to_path_buf(),
            format,
            charset: Charset::UTF_8,
            certainty: Certainty::Configured,
            dialect: Dialect { delimiter: vec![SEPARATOR], quote: None, backslash: false },
            delimiter_sure: true,
            widths: Vec::new(),
        };
        if format == Format::Xlsx {
            return Ok(facts);
        }
        (facts.charset, facts.certainty) = match (Encoding::for_bom(&head), &config.encoding) {
            (Some((encoding, _)), _) => (Charset::Web(encoding), Certainty::Mark),
            (None, Some(label)) => {
                let charset = Charset::named(label).ok_or_else(|| SourceError::Config {
                    setting: "encoding".into(),
                    message: format!(
                        "`{label}` is no known encoding; write for instance `utf-8`, `windows-1252` or `cp850`"
                    ),
                })?;
                (charset, Certainty::Configured)
            }
            (None, None) => detect(File::open(path).map_err(fail)?).map_err(fail)?,
        };
        if format == Format::Csv {
            let text = facts.charset.decode(&head);
            facts.dialect.backslash = config.quote == Quote::Backslash;
            facts.dialect.quote = match config.quote {
                Quote::Double | Quote::Backslash => Some(b'"'),
                Quote::Single => Some(b'\''),
                Quote::None => None,
            };
            let declared = declared_delimiter(text.lines().next().unwrap_or_default().as_bytes());
            (facts.dialect.delimiter, facts.delimiter_sure) = match (&config.delimiter, declared) {
                (Some(text), _) if !text.is_empty() => (delimiter_named(text), true),
                (_, Some(declared)) => (declared, true),
                _ => delimiter_of(&text),
            };
            let mut cells = Cells::default();
            for line in text.lines().take(200) {
                facts.dialect.split(line.as_bytes(), &mut cells);
                facts
                    .widths
                    .push((cells.len(), cells.get(cells.len().wrapping_sub(1)).is_none_or(|c| c.is_empty())));
            }
        }
        Ok(facts)
    }

    fn stream(&self) -> Result<TextStream, SourceError> {
        let file = File::open(&self.path).map_err(|e| read_error(&self.path, e))?;
        Ok(TextStream::new(Box::new(file), self.charset))
    }
}

enum Inner {
    Delimited(DelimitedReader),
    Json(JsonReader),
    Sheet(SheetReader),
}

/// Reads the records of one file.
pub(crate) struct RecordReader {
    inner: Inner,
    dialect: Dialect,
    path: PathBuf,
    json: bool,
    /// Column names as they stand in the file; empty in JSON.
    pub(crate) header: Vec<String>,
    header_raw: Vec<u8>,
    /// Cells a row may have when those behind the named columns are empty.
    most: usize,
    widths: Vec<(usize, bool)>,
    /// Lines of a header that was repeated between the rows.
    pub(crate) repeated: u32,
    comment: Option<Vec<u8>>,
    /// Line of a first record that was read while looking for the header and is still the reader's current one.
    pending: Option<u64>,
}

impl RecordReader {
    pub(crate) fn open(facts: &Facts, config: &SourceConfig) -> Result<Self, SourceError> {
        let inner = match facts.format {
            Format::Json => Inner::Json(JsonReader::new(facts.stream()?, config.records.as_deref())),
            Format::Xlsx => Inner::Sheet(SheetReader::open(
                &facts.path,
                config.sheet.as_deref(),
                config.limits.max_unpacked,
            )?),
            Format::Ndjson => {
                let dialect = Dialect { delimiter: vec![0], quote: None, backslash: false };
                Inner::Delimited(DelimitedReader::new(facts.stream()?, dialect))
            }
            Format::Csv | Format::Auto => {
                Inner::Delimited(DelimitedReader::new(facts.stream()?, facts.dialect.clone()))
            }
        };
        let mut reader = Self {
            inner,
            dialect: facts.dialect.clone(),
            path: facts.path.clone(),
            json: matches!(facts.format, Format::Json | Format::Ndjson),
            header: Vec::new(),
            header_raw: Vec::new(),
            most: 0,
            widths: facts.widths.clone(),
            repeated: 0,
            comment: config.comment.as_ref().filter(|c| !c.is_empty()).map(|c| c.as_bytes().to_vec()),
            pending: None,
        };
        if !reader.json {
            reader.read_header(config, facts.format == Format::Xlsx)?;
        }
        Ok(reader)
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    fn read_header(&mut self, config: &SourceConfig, sheet: bool) -> Result<(), SourceError> {
        let mut skip = config.skip_lines as u64;
        let mut present = true;
        match config.header {
            Header::Line(line) => skip = u64::from(line).saturating_sub(1),
            Header::Is(Presence::Absent) => present = false,
            Header::Is(Presence::Present) => {}
        }
        let declared = config.skip_lines == 0 && !matches!(config.header, Header::Line(_));
        let dialect = self.dialect.clone();
        let mut cells = Cells::default();
        loop {
            let Some(found) = self.advance()? else { return Ok(()) };
            let raw = self.raw();
            if found.line <= skip || is_empty_row(raw, &dialect) {
                continue;
            }
            if declared && found.line == 1 && declared_delimiter(raw).is_some() {
                continue;
            }
            dialect.split(raw, &mut cells);
            // A merged title above the table has one filled cell.
            let filled = cells.iter().filter(|c| !c.trim_ascii().is_empty()).count();
            if sheet && declared && present && cells.len() > 2 && filled < 2 {
                continue;
            }
            if present {
                self.header = cells
                    .iter()
                    .map(|c| String::from_utf8_lossy(c).trim().trim_matches('\u{feff}').to_string())
                    .collect();
                while self.header.last().is_some_and(|name| name.is_empty()) {
                    self.header.pop();
                }
                self.header_raw = self.raw().to_vec();
            } else {
                let mut width = cells.len();
                while width > 1 && cells.get(width - 1).is_some_and(|c| c.is_empty()) && width == cells.len()
                {
                    width -= 1;
                }
                self.header = (1..=width).map(|n| format!("Column {n}")).collect();
                self.pending = Some(found.line);
            }
            let width = self.header.len();
            let lines = |cells: usize, end: bool| {
                self.widths.iter().filter(|(n, empty)| *n == cells && (*empty || !end)).count()
            };
            let trailing = lines(width + 1, true) > lines(width, false);
            self.most = cells.len().max(width + usize::from(trailing));
            if let Inner::Delimited(reader) = &mut self.inner {
                reader.columns = width;
            }
            return Ok(());
        }
    }

    /// Bytes of the record that [`Self::next`] found.
    pub(crate) fn raw(&self) -> &[u8] {
        match &self.inner {
            Inner::Delimited(reader) => reader.text(),
            Inner::Json(reader) => reader.text(),
            Inner::Sheet(reader) => reader.text(),
        }
    }

    /// The next record: no blank line, no comment, no repeated header.
    pub(crate) fn next(&mut self) -> Result<Option<Found>, SourceError> {
        if let Some(line) = self.pending.take() {
            return Ok(Some(Found { line, unterminated: false, ended: true }));
        }
        loop {
            let Some(found) = self.advance()? else { return Ok(None) };
            let raw = self.raw();
            if self.is_blank(raw) || self.comment.as_ref().is_some_and(|c| raw.starts_with(c)) {
                continue;
            }
            // Exports that were put behind each other keep their mark.
            let unmarked = raw.strip_prefix("\u{feff}".as_bytes()).unwrap_or(raw);
            if !self.header_raw.is_empty() && unmarked == self.header_raw {
                self.repeated += 1;
                continue;
            }
            return Ok(Some(found));
        }
    }

    fn is_blank(&self, raw: &[u8]) -> bool {
        let Some(&first) = raw.first() else { return true };
        if self.json {
            return first <= b' ' && raw.trim_ascii().is_empty();
        }
        (first <= b' ' || Some(&first) == self.dialect.delimiter.first() || Some(first) == self.dialect.quote)
            && is_empty_row(raw, &self.dialect)
    }

    /// Whether the document ended before its array of people did, and whether there was one.
    pub(crate) fn json_end(&self) -> Option<(bool, bool)> {
        match &self.inner {
            Inner::Json(reader) => Some((reader.cut, reader.found)),
            _ => None,
        }
    }

    /// Where the columns in use stand, and those that are not there.
    pub(crate) fn places(&self, layout: &Layout) -> (Places, Vec<usize>) {
        let mut places = Places { width: self.header.len(), most: self.most, ..Places::default() };
        if self.json {
            for (at, column) in layout.columns.iter().enumerate() {
                for normal in &column.normals {
                    places.paths.entry(normal.clone()).or_default().push(at);
                }
            }
            return (places, Vec::new());
        }
        let header: Vec<String> = distinct(&self.header).iter().map(|name| normal_name(name)).collect();
        let mut missing = Vec::new();
        for (at, column) in layout.columns.iter().enumerate() {
            let place = column.normals.iter().find_map(|normal| header.iter().position(|h| h == normal));
            if place.is_none() {
                missing.push(at);
            }
            places.cells.push(place);
        }
        (places, missing)
    }

    /// Reads the columns in use of the record that [`Self::next`] found.
    pub(crate) fn fill(&self, row: &mut Row, places: &Places, layout: &Layout) -> Result<(), Fault> {
        match self.json {
            true => row.read_json(self.raw(), places, layout.columns.len()),
            false => row.read_cells(self.raw(), &self.dialect, places),
        }
    }

    /// Seed under which raw records are hashed: another header or other settings give other hashes.
    pub(crate) fn raw_seed(&self, seed: u64, layout: &Layout) -> u64 {
        let names = self
            .header
            .iter()
            .fold(hash(seed, b"raw"), |state, name| chain(state, normal_name(name).as_bytes()));
        names ^ layout.digest
    }

    fn advance(&mut self) -> Result<Option<Found>, SourceError> {
        let path = &self.path;
        let fail = |e| read_error(path, e);
        let whole = |line| Found { line, unterminated: false, ended: true };
        Ok(match &mut self.inner {
            Inner::Delimited(reader) => reader.next().map_err(fail)?,
            Inner::Json(reader) => reader.next().map_err(fail)?.map(whole),
            Inner::Sheet(reader) => reader.next().map(whole),
        })
    }
}

/// Column names of a header, each different: the second `Name` is called `Name (2)`.
pub(crate) fn distinct(header: &[String]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    header
        .iter()
        .map(|name| {
            let count = seen.entry(normal_name(name)).or_default();
            *count += 1;
            if *count == 1 || name.is_empty() { name.clone() } else { format!("{name} ({count})") }
        })
        .collect()
}

/// Nothing but delimiters, blanks and empty quotes.
pub(crate) fn is_empty_row(raw: &[u8], dialect: &Dialect) -> bool {
    let fills = |b: &u8| {
        *b <= b' ' || *b == 0xa0 || *b == 0xc2 || Some(*b) == dialect.quote || dialect.delimiter.contains(b)
    };
    raw.iter().all(fills)
}
