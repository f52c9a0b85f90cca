//! Reads the beginning of an unknown file as a table: which lines are titles, header, data and trailer.

use super::Guess;
use super::words::{fit, roles, squash};
use crate::clean::clean_into;
use crate::config::{Files, Format, Header, Presence, Quote, SourceConfig, Trailer};
use crate::delimited::{Cells, DelimitedReader, Dialect};
use crate::finding::SourceError;
use crate::json::{JsonReader, flatten};
use crate::reader::{Facts, RecordReader};
use crate::text::{Certainty, TextStream};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

/// Rows that are looked at.
const ROWS: usize = 20_000;
const BYTES: usize = 48 << 20;

/// The beginning of a file as a table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) json: bool,
    pub(crate) headless: bool,
}

/// Finds out how a file is written; fills the settings that say so.
pub(crate) fn read_table(
    file: &Path,
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
) -> Result<Table, SourceError> {
    config.files = Files::One(file.display().to_string());
    let mut facts = Facts::of(file, config)?;
    config.format = facts.format;
    guesses.push(Guess::new("format", name_of(facts.format), "the name and the first bytes say so", true));
    if facts.format != Format::Xlsx {
        let (why, sure) = match facts.certainty {
            Certainty::Mark => ("the file begins with a byte order mark", true),
            Certainty::Guessed => {
                ("it is no UTF-8; the letters look like this code page, look at some names", false)
            }
            Certainty::Valid | Certainty::Configured => ("every byte fits", true),
        };
        config.encoding = Some(facts.charset.name().into_owned());
        guesses.push(Guess::new("encoding", facts.charset.name(), why, sure));
    }
    match facts.format {
        Format::Json => json_table(&facts, config, guesses),
        Format::Ndjson => records_table(&facts, config),
        Format::Xlsx => sheet_table(&facts, config, guesses),
        Format::Csv | Format::Auto => text_table(&mut facts, config, guesses),
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Ndjson => "ndjson",
        Format::Xlsx => "xlsx",
        Format::Csv | Format::Auto => "csv",
    }
}

/// All raw lines of a text with their cells.
fn text_table(
    facts: &mut Facts,
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
) -> Result<Table, SourceError> {
    let (lines, total) = raw_lines(facts, facts.dialect.quote)?;
    if let Some(quote) = quote_style(&lines, &facts.dialect.delimiter) {
        config.quote = quote;
        facts.dialect.quote = match quote {
            Quote::None => None,
            Quote::Single => Some(b'\''),
            Quote::Double | Quote::Backslash => Some(b'"'),
        };
        facts.dialect.backslash = quote == Quote::Backslash;
        guesses.push(Guess::new(
            "quote",
            format!("{quote:?}").to_lowercase(),
            "the quotation marks in the cells fit only this way",
            true,
        ));
    }
    let (lines, total) =
        if config.quote == Quote::Double { (lines, total) } else { raw_lines(facts, facts.dialect.quote)? };
    let mut cells = Cells::default();
    let mut rows: Vec<(u64, Vec<String>, String)> = Vec::new();
    for (line, raw) in &lines {
        facts.dialect.split(raw, &mut cells);
        let row: Vec<String> = cells.iter().map(cleaned).collect();
        if row.iter().any(|c| !c.is_empty()) {
            rows.push((*line, row, String::from_utf8_lossy(raw).into_owned()));
        }
    }
    // Several exports behind each other repeat their header.
    let mut seen = HashSet::new();
    rows.retain(|(_, row, _)| {
        let names = row.len() > 3 && row.iter().all(|c| !c.is_empty() && !is_value(c));
        !names || seen.insert(row.clone())
    });
    let delimiter = String::from_utf8_lossy(&facts.dialect.delimiter).into_owned();
    if rows.first().is_some_and(|r| crate::shape::declared_delimiter(r.2.as_bytes()).is_some()) {
        rows.remove(0);
    }
    let shown = match delimiter.as_str() {
        "\t" => "tab".to_string(),
        "\u{1f}" => "unit separator (U+001F)".to_string(),
        other => other.to_string(),
    };
    guesses.push(Guess::new(
        "delimiter",
        shown,
        "it cuts most lines into the same number of cells",
        facts.delimiter_sure,
    ));
    config.delimiter = Some(match delimiter.as_str() {
        "\t" => "tab".into(),
        "\u{1f}" => "unit separator".into(),
        other => other.to_string(),
    });
    let numbered: Vec<(u64, Vec<String>)> = rows.iter().map(|(l, r, _)| (*l, r.clone())).collect();
    let (table_start, mut table) = find_header(&numbered, config, guesses, false);
    if total <= ROWS {
        take_trailer(&rows, table_start, &mut table, config, guesses);
    }
    Ok(table)
}

/// Lines below the people: totals, counts, notes.
const LONGEST_TRAILER: usize = 4;

/// Takes the lines that close the export off the table and tells how they are recognised.
fn take_trailer(
    rows: &[(u64, Vec<String>, String)],
    header: usize,
    table: &mut Table,
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
) {
    let mut found: Vec<(Trailer, &'static str)> = Vec::new();
    for (at, (line, row, raw)) in rows.iter().enumerate().rev().take(LONGEST_TRAILER) {
        if at <= header + 1 {
            break;
        }
        let records = at - header;
        let trailer = trailer_of(row, raw, table, records, *line as usize);
        // Only the last line may be an unknown number; above it a line must say what it is.
        let unnamed =
            || note_of(row, table).or_else(|| sums_of(row, raw)).map(|t| (t, "the last line is no person"));
        match trailer.or_else(unnamed) {
            Some(trailer) => found.push(trailer),
            None => break,
        }
    }
    if let Some((_, row, _)) = rows.last().filter(|_| found.is_empty())
        && row.len() < table.names.len()
        && table.rows.len() > 1
    {
        guesses.push(Guess::new(
            "last line",
            format!("line {}", rows[rows.len() - 1].0),
            "it has fewer cells than the others: the file may be cut off",
            false,
        ));
    }
    table.rows.truncate(table.rows.len().saturating_sub(found.len()));
    found.reverse();
    let counts_all_lines = found.iter().any(|(t, _)| t.counts_all_lines);
    // The number of people stands in one group at most.
    let mut counted = false;
    let patterns: Vec<String> = found
        .iter()
        .map(|(trailer, _)| {
            let again = counted;
            counted |= trailer.pattern.contains("(\\d+)");
            if again { trailer.pattern.replace("(\\d+)", "\\d+") } else { trailer.pattern.clone() }
        })
        .collect();
    let (Some(first), Some((_, why))) = (patterns.first(), found.last()) else { return };
    let pattern = if patterns.len() == 1 { first.clone() } else { patterns.join("|") };
    guesses.push(Guess::new("trailer", pattern.clone(), *why, true));
    config.trailer = Some(Trailer { pattern, counts_all_lines });
}

/// Sums below columns, and nothing that could name a person.
fn sums_of(row: &[String], raw: &str) -> Option<Trailer> {
    let filled: Vec<&String> = row.iter().filter(|c| !c.is_empty()).collect();
    let number = |c: &&String| c.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-'));
    let fits =
        row.len() > 3 && row[0].is_empty() && (1..4).contains(&filled.len()) && filled.iter().all(number);
    let start = &raw[..raw.find(|c: char| c.is_ascii_digit())?];
    fits.then(|| Trailer { pattern: format!("^{}\\d", regex::escape(start)), counts_all_lines: false })
}

/// A line of words in the first cell and nothing else, below a table of several columns.
fn note_of(row: &[String], table: &Table) -> Option<Trailer> {
    let filled = row.iter().filter(|c| !c.is_empty()).count();
    let first = row.first().filter(|c| !c.is_empty())?;
    let words = first.split_whitespace().count() > 1 && first.chars().any(char::is_alphabetic);
    if filled != 1 || table.names.len() < 4 || !words {
        return None;
    }
    // The words before the first number: what follows may be tomorrow's date.
    let words: Vec<&str> =
        first.split_whitespace().take_while(|w| !w.bytes().any(|b| b.is_ascii_digit())).take(3).collect();
    let start = words.join(" ");
    (!words.is_empty() && start.len() >= 3)
        .then(|| Trailer { pattern: format!("^\"?{}", regex::escape(&start)), counts_all_lines: false })
}

fn cleaned(cell: &[u8]) -> String {
    let mut out = String::new();
    clean_into(&String::from_utf8_lossy(cell), &mut out);
    out
}

type Lines = (Vec<(u64, Vec<u8>)>, usize);

fn raw_lines(facts: &Facts, quote: Option<u8>) -> Result<Lines, SourceError> {
    let fail = |source| SourceError::Read { path: facts.path.display().to_string(), source };
    let input = File::open(&facts.path).map_err(fail)?;
    let dialect = Dialect { quote, ..facts.dialect.clone() };
    let mut reader = DelimitedReader::new(TextStream::new(Box::new(input), facts.charset), dialect);
    let (mut lines, mut bytes, mut total) = (Vec::new(), 0, 0);
    while let Some(found) = reader.next().map_err(fail)? {
        total += 1;
        bytes += reader.text().len();
        if lines.len() >= ROWS || bytes > BYTES {
            break;
        }
        lines.push((found.line, reader.text().to_vec()));
    }
    Ok((lines, total))
}

/// Another style of quotation than doubled `"`, when the cells show it.
fn quote_style(lines: &[(u64, Vec<u8>)], delimiter: &[u8]) -> Option<Quote> {
    let dialect = Dialect { delimiter: delimiter.to_vec(), quote: None, backslash: false };
    let mut cells = Cells::default();
    let (mut single, mut open, mut double, mut escaped, mut all) = (0, 0, 0, 0, 0);
    for (_, raw) in lines.iter().take(500) {
        dialect.split(raw, &mut cells);
        all += cells.len();
        escaped += memchr::memmem::find_iter(raw, b"\\\"").count();
        for cell in cells.iter() {
            let wrapped = |q: u8| cell.len() > 1 && cell.first() == Some(&q) && cell.last() == Some(&q);
            single += usize::from(wrapped(b'\''));
            double += usize::from(wrapped(b'"'));
            open += usize::from(
                cell.first() == Some(&b'"') && cell.iter().filter(|b| **b == b'"').count() % 2 == 1,
            );
        }
    }
    if single * 2 > all && double == 0 {
        return Some(Quote::Single);
    }
    if escaped > 0 && double > 0 {
        return Some(Quote::Backslash);
    }
    let quoted = Dialect { quote: Some(b'"'), ..dialect.clone() };
    (open > 0 && agreement(lines, &dialect) > agreement(lines, &quoted)).then_some(Quote::None)
}

/// Number of lines with the most frequent number of cells.
fn agreement(lines: &[(u64, Vec<u8>)], dialect: &Dialect) -> usize {
    let mut cells = Cells::default();
    let mut counts: IndexMap<usize, usize> = IndexMap::new();
    for (_, raw) in lines.iter().take(500) {
        dialect.split(raw, &mut cells);
        *counts.entry(cells.len()).or_default() += 1;
    }
    counts.values().copied().max().unwrap_or(0)
}

/// Finds the header among numbered rows and cuts the table out. Gives back the header's index too.
fn find_header(
    rows: &[(u64, Vec<String>)],
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
    sheet: bool,
) -> (usize, Table) {
    let filled = |row: &[String]| row.iter().filter(|c| !c.is_empty()).count();
    let mut counts: IndexMap<usize, usize> = IndexMap::new();
    for (_, row) in rows {
        *counts.entry(if sheet { filled(row) } else { row.len() }).or_default() += 1;
    }
    let usual = if sheet {
        counts.keys().copied().max().unwrap_or(0)
    } else {
        counts
            .iter()
            .max_by_key(|(width, n)| (**n * if **width > 1 { 4 } else { 1 }, **width))
            .map_or(0, |(width, _)| *width)
    };
    let wide = |row: &[String]| filled(row) * 2 > usual || (usual > 4 && filled(row) > 3) || usual <= 3;
    let fits = |row: &[String]| {
        (sheet || row.len() == usual || row.len() + 1 == usual || row.len() == usual + 1) && wide(row)
    };
    let Some(mut start) = rows.iter().take(40).position(|(_, row)| fits(row)) else {
        return (0, Table::default());
    };
    // A lone known line before: a file with one line, its header.
    let score = |at: usize| header_score(&rows[at].1, rows.get(at + 1..).unwrap_or_default());
    let first = score(start);
    let next = if rows.len() > start + 2 && fits(&rows[start + 1].1) {
        score(start + 1)
    } else {
        Likeness::default()
    };
    let twice = first.is_header() && next.is_header() && next.typed > 0 && first.typed > 0;
    if twice || (!first.is_header() && next.words > 2 && next.is_header()) {
        start += 1;
        guesses.push(Guess::new(
            "header",
            format!("line {}", rows[start].0),
            "two lines of names; the lower one stands right above the people",
            false,
        ));
    }
    let (line, header) = &rows[start];
    let present = twice || score(start).is_header();
    let mut table = Table { headless: !present, ..Table::default() };
    if present {
        table.names = header.clone();
        while table.names.last().is_some_and(|n| n.is_empty()) {
            table.names.pop();
        }
        if *line > 1 && (sheet || start > 0) {
            config.header = Header::Line(*line as u32);
            guesses.push(Guess::new(
                "header",
                format!("line {line}"),
                "the lines before it are titles",
                true,
            ));
        } else {
            guesses.push(Guess::new(
                "header",
                format!("line {line}"),
                "it holds names, the lines below hold values",
                true,
            ));
        }
    } else {
        config.header = Header::Is(Presence::Absent);
        config.skip_lines = if start > 0 { line.saturating_sub(1) as usize } else { 0 };
        table.names = (1..=usual).map(|n| format!("Column {n}")).collect();
        guesses.push(Guess::new(
            "header",
            "none",
            "already the first line holds values; columns are called by their number",
            false,
        ));
    }
    table.rows = rows[start + usize::from(present)..].iter().map(|(_, row)| row.clone()).collect();
    if present {
        table.names = crate::reader::distinct(&table.names);
    }
    (if present { start } else { start.wrapping_sub(1).min(start) }, table)
}

/// How much a row looks like names above values.
#[derive(Debug, Default, Clone, Copy)]
struct Likeness {
    /// Known words.
    words: usize,
    /// Cells that are no number, date or address although the cells below are.
    typed: usize,
    /// Cells that are themselves numbers, dates or addresses.
    values: usize,
}

impl Likeness {
    fn is_header(&self) -> bool {
        self.values <= self.words / 3
            && (self.words >= 2 || self.typed >= 1 || (self.words == 1 && self.values == 0))
    }
}

fn header_score(row: &[String], below: &[(u64, Vec<String>)]) -> Likeness {
    let mut likeness = Likeness::default();
    for (at, cell) in row.iter().enumerate().filter(|(_, c)| !c.is_empty()) {
        let own = is_value(cell);
        likeness.values += usize::from(own);
        let squashed = squash(cell);
        likeness.words += usize::from(!own && roles().iter().any(|(_, words)| fit(&squashed, words) >= 60));
        let mut values =
            below.iter().take(30).filter_map(|(_, r)| r.get(at)).filter(|c| !c.is_empty()).peekable();
        likeness.typed +=
            usize::from(!own && values.peek().is_some() && values.filter(|c| !is_value(c)).count() <= 1);
    }
    likeness
}

/// A number, a date or an address.
fn is_value(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    cell.contains('@') || (digits > 0 && digits * 2 >= cell.chars().count())
}

/// The last line as a trailer, when it is one.
fn trailer_of(
    row: &[String],
    raw: &str,
    table: &Table,
    records: usize,
    line: usize,
) -> Option<(Trailer, &'static str)> {
    let first = row.first()?;
    let word = squash(first);
    let named = [
        "trailer",
        "trl",
        "total",
        "totals",
        "eof",
        "end",
        "ende",
        "endoffile",
        "footer",
        "summe",
        "gesamt",
        "gesamtanzahl",
        "anzahl",
        "records",
        "recordcount",
        "count",
        "fin",
        "totale",
        "suma",
        "somme",
        "tr",
        "z",
        "99",
        "t",
        "rowcount",
        "rows",
        "endof",
        "endereport",
        "printed",
        "generated",
        "grandtotal",
        "sum",
        "toplam",
        "celkem",
        "razem",
        "totaal",
        "totaux",
        "insgesamt",
        "numberof",
        "nombre",
        "antal",
        "aantal",
    ]
    .iter()
    .any(|w| word == *w || (w.len() > 3 && word.starts_with(w)));
    let filled = row.iter().filter(|c| !c.is_empty()).count();
    if filled > 4 || (filled * 2 > table.names.len() && table.names.len() > 3) {
        return None;
    }
    let digits = raw.find(|c: char| c.is_ascii_digit());
    let prefix_end = digits.unwrap_or(raw.len());
    let number: Option<usize> = digits.and_then(|at| {
        let rest = &raw[at..];
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
    });
    let right = number.is_some_and(|n| n + 1 == records || n == records || n == line);
    // Digits like those of the rows above begin one more row, cut off.
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let alike = |above: &Vec<String>| above.first().is_some_and(|a| a.len() == first.len() && digits(a));
    let cut = digits(first) && row.len() > 1 && table.rows.iter().rev().skip(1).take(3).any(alike);
    let counted = right && filled <= 2 && row.len() != table.names.len() && !cut;
    if !named && !counted {
        return None;
    }
    let prefix = regex::escape(&raw[..prefix_end]);
    let counted = number.filter(|n| *n > 0 && raw.matches(|c: char| c.is_ascii_digit()).count() < 10);
    let pattern = match counted {
        Some(_) => format!("^{prefix}(\\d+)"),
        None => format!("^{}", regex::escape(raw.split([';', ',', '|', '\t']).next().unwrap_or(raw))),
    };
    let counts_all_lines = number == Some(line) && number != Some(records - 1);
    Some((
        Trailer { pattern, counts_all_lines },
        if right { "the last line holds the number of records" } else { "the last line is no person" },
    ))
}

/// The sheet with the most table in it: the first one often explains the others.
fn sheet_table(
    facts: &Facts,
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
) -> Result<Table, SourceError> {
    let names = crate::sheet::sheet_names(&facts.path, config.limits.max_unpacked)?;
    let mut best: Option<(usize, usize, SourceConfig, Vec<Guess>, Table)> = None;
    for (at, name) in names.iter().enumerate().take(MOST_SHEETS) {
        let rows = sheet_rows(facts, name, config.limits.max_unpacked)?;
        let (mut settings, mut said) = (config.clone(), Vec::new());
        let numbered: Vec<(u64, Vec<String>)> = rows.iter().map(|(l, r, _)| (*l, r.clone())).collect();
        let (header, mut table) = find_header(&numbered, &mut settings, &mut said, true);
        if rows.len() <= ROWS {
            take_trailer(&rows, header, &mut table, &mut settings, &mut said);
        }
        let cells: usize = table.rows.iter().map(|r| r.iter().filter(|c| !c.is_empty()).count()).sum();
        let weight = if table.headless { cells } else { 1 + cells * 4 };
        if best.as_ref().is_none_or(|b| weight > b.0) {
            best = Some((weight, at, settings, said, table));
        }
    }
    let Some((_, at, settings, said, table)) = best else { return Ok(Table::default()) };
    *config = settings;
    if at > 0 {
        guesses.push(Guess::new("sheet", &names[at], "it holds the largest table of the workbook", true));
        config.sheet = Some(names[at].clone());
    }
    guesses.extend(said);
    Ok(table)
}

/// Sheets of a workbook that are looked at.
const MOST_SHEETS: usize = 12;

fn sheet_rows(facts: &Facts, name: &str, most: u64) -> Result<Vec<(u64, Vec<String>, String)>, SourceError> {
    let mut sheet = crate::sheet::SheetReader::open(&facts.path, Some(name), most)?;
    let mut cells = Cells::default();
    let mut rows = Vec::new();
    while let Some(line) = sheet.next() {
        facts.dialect.split(sheet.text(), &mut cells);
        let row: Vec<String> = cells.iter().map(cleaned).collect();
        if row.iter().any(|c| !c.is_empty()) {
            rows.push((line, row, String::from_utf8_lossy(sheet.text()).into_owned()));
        }
        if rows.len() > ROWS {
            break;
        }
    }
    Ok(rows)
}

/// The array of people: the largest array of objects of the document.
fn json_table(
    facts: &Facts,
    config: &mut SourceConfig,
    guesses: &mut Vec<Guess>,
) -> Result<Table, SourceError> {
    let fail = |source| SourceError::Read { path: facts.path.display().to_string(), source };
    let mut head = Vec::new();
    std::io::Read::read_to_end(
        &mut std::io::Read::take(File::open(&facts.path).map_err(fail)?, 4 << 20),
        &mut head,
    )
    .map_err(fail)?;
    let text = facts.charset.decode(&head);
    let paths = array_paths(&text);
    let mut best: (usize, Option<String>) = (0, None);
    for path in paths {
        let stream = TextStream::new(Box::new(File::open(&facts.path).map_err(fail)?), facts.charset);
        let mut reader = JsonReader::new(stream, Some(&path));
        let (mut fields, mut count) = (0, 0);
        while count < 200 && reader.next().map_err(fail)?.is_some() {
            count += 1;
            let _ = flatten(reader.text(), &mut |_, _, _| fields += 1);
        }
        if fields > best.0 {
            best = (fields, Some(path));
        }
    }
    if let Some(path) = best.1 {
        guesses.push(Guess::new(
            "records",
            if path.is_empty() { "(top level)" } else { &path },
            "the array with the most fields",
            true,
        ));
        config.records = Some(path);
    }
    records_table(facts, config)
}

/// Paths of arrays of objects, found with little understanding of JSON.
fn array_paths(text: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut stack: Vec<Option<String>> = Vec::new();
    let (mut last, mut signs) = (String::new(), text.char_indices().peekable());
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => {
                let from = at + 1;
                let mut end = from;
                while let Some((at, sign)) = signs.next() {
                    end = at;
                    match sign {
                        '\\' => drop(signs.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                last = text.get(from..end).unwrap_or_default().to_string();
            }
            ':' => {
                if let Some(Some(key)) = stack.last_mut() {
                    key.clone_from(&last);
                }
            }
            '{' => stack.push(Some(String::new())),
            '[' => {
                let object = text[at + 1..].trim_start().starts_with('{');
                if object && stack.iter().all(Option::is_some) && stack.len() < 6 {
                    let path = stack.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(".");
                    if !paths.contains(&path) && paths.len() < 12 {
                        paths.push(path);
                    }
                }
                stack.push(None);
            }
            '}' | ']' => drop(stack.pop()),
            _ => {}
        }
        if stack.len() > 64 {
            break;
        }
    }
    paths
}

fn records_table(facts: &Facts, config: &SourceConfig) -> Result<Table, SourceError> {
    let mut reader = RecordReader::open(facts, config)?;
    let mut columns: IndexMap<String, Vec<(usize, String)>> = IndexMap::new();
    let (mut rows, mut bytes) = (0, 0);
    let mut spelling: IndexMap<String, String> = IndexMap::new();
    while let Some(_found) = reader.next()? {
        if rows >= ROWS || bytes > BYTES / 4 {
            break;
        }
        bytes += reader.raw().len();
        let result = flatten(reader.raw(), &mut |path, text, _| {
            if columns.len() >= 2000 && !columns.contains_key(path) {
                return;
            }
            let cells = columns.entry(path.to_string()).or_default();
            if cells.last().is_none_or(|(row, _)| *row != rows) {
                cells.push((rows, text.trim().to_string()));
            } else if let Some((_, cell)) = cells.last_mut().filter(|(_, cell)| cell.is_empty()) {
                *cell = text.trim().to_string();
            }
        });
        if rows < 200
            && let Ok(record) = serde_json::from_slice(reader.raw())
        {
            spell(&record, "", &mut spelling, 0);
        }
        rows += usize::from(result.is_ok());
    }
    // A name that is both a value and a group is the group's "nothing" (`reportsTo: null`).
    let names: Vec<String> = columns.keys().cloned().collect();
    let is_group = |name: &str| {
        names.iter().any(|n| n.len() > name.len() && n.starts_with(name) && n.as_bytes()[name.len()] == b'.')
    };
    columns.retain(|name, cells| {
        let nothing = is_group(name) && cells.iter().all(|(_, c)| c.is_empty());
        !name.is_empty() && !nothing
    });
    let mut table = Table { json: true, ..Table::default() };
    table.rows = vec![vec![String::new(); columns.len()]; rows];
    for (at, (name, cells)) in columns.into_iter().enumerate() {
        table.names.push(spelling.get(&name).unwrap_or(&name).clone());
        for (row, cell) in cells {
            if let Some(row) = table.rows.get_mut(row) {
                row[at] = cell;
            }
        }
    }
    Ok(table)
}

/// Collects how paths are spelled: `work.employeeidincompany` → `work.employeeIdInCompany`.
fn spell(value: &serde_json::Value, path: &str, spelling: &mut IndexMap<String, String>, depth: usize) {
    let mut go = |name: &str, inner: &serde_json::Value| {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let nice = !name.starts_with('/');
        if nice {
            spelling.entry(crate::clean::normal_path(&path)).or_insert_with(|| path.clone());
        }
        if nice && depth < 16 {
            spell(inner, &path, spelling, depth + 1);
        }
    };
    match value {
        serde_json::Value::Object(members) => members.iter().for_each(|(name, inner)| go(name, inner)),
        serde_json::Value::Array(items) => {
            items.iter().take(8).enumerate().for_each(|(at, inner)| go(&at.to_string(), inner));
        }
        _ => {}
    }
}
