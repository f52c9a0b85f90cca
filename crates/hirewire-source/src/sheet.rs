//! Excel workbooks: the rows of one sheet as delimited records.

use crate::dates::from_excel;
use crate::finding::SourceError;
use calamine::{Data, Reader, Xlsx};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Between the cells of a row: the unit separator, which no cell keeps.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// The last column that Excel has.
const LAST_COLUMN: u32 = 16_383;

/// The rows of one sheet. Only cells that are there are kept, so a cell far off costs no more than another; what a sheet
/// unpacks to is limited beforehand, and so are the separators between far cells.
pub(crate) struct SheetReader {
    /// Row, column and text, in the order of the rows.
    cells: Vec<(u32, u32, Box<str>)>,
    next: usize,
    first_column: u32,
    last_column: u32,
    raw: Vec<u8>,
}

impl SheetReader {
    pub(crate) fn open(path: &Path, sheet: Option<&str>, most: u64) -> Result<Self, SourceError> {
        let fail = |message: String| SourceError::Workbook { path: path.display().to_string(), message };
        let mut book = open_book(path, most)?;
        let names = book.sheet_names();
        let name = match sheet {
            Some(sheet) => names.iter().find(|n| n.trim().eq_ignore_ascii_case(sheet.trim())),
            None => names.first(),
        };
        let name =
            name.ok_or_else(|| fail(format!("no such sheet; there are: {}", names.join(", "))))?.clone();
        let mut reader =
            Self { cells: Vec::new(), next: 0, first_column: u32::MAX, last_column: 0, raw: Vec::new() };
        let mut found = book.worksheet_cells_reader(&name).map_err(|e| fail(e.to_string()))?;
        while let Some(cell) = found.next_cell().map_err(|e| fail(e.to_string()))? {
            let (row, column) = cell.get_position();
            let text = text(&Data::from(cell.get_value().clone()));
            if text.is_empty() || column > LAST_COLUMN {
                continue;
            }
            reader.first_column = reader.first_column.min(column);
            reader.last_column = reader.last_column.max(column);
            reader.cells.push((row, column, text.into_boxed_str()));
        }
        reader.cells.sort_by_key(|(row, column, _)| (*row, *column));
        // A place that is given twice has its first text.
        reader.cells.dedup_by_key(|(row, column, _)| (*row, *column));
        let rows = reader.cells.chunk_by(|a, b| a.0 == b.0).count() as u64;
        let width = u64::from(reader.last_column.saturating_sub(reader.first_column)) + 1;
        if rows * width > most {
            return Err(fail(format!("{rows} rows with cells as far apart as {width} columns")));
        }
        Ok(reader)
    }

    /// Text of the row that [`Self::next`] found.
    pub(crate) fn text(&self) -> &[u8] {
        &self.raw
    }

    /// Finds the next row that holds something and tells its number in the sheet.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let row = self.cells.get(self.next)?.0;
        self.raw.clear();
        let mut at = self.first_column;
        while let Some((_, column, text)) = self.cells.get(self.next).filter(|cell| cell.0 == row) {
            self.raw.resize(self.raw.len() + (*column - at) as usize, SEPARATOR);
            self.raw.extend(text.bytes().map(|b| if b == SEPARATOR { b' ' } else { b }));
            at = *column;
            self.next += 1;
        }
        self.raw.resize(self.raw.len() + (self.last_column - at) as usize, SEPARATOR);
        Some(u64::from(row) + 1)
    }
}

/// Names of a workbook's sheets in their order.
pub(crate) fn sheet_names(path: &Path, most: u64) -> Result<Vec<String>, SourceError> {
    Ok(open_book(path, most)?.sheet_names())
}

fn open_book(path: &Path, most: u64) -> Result<Xlsx<BufReader<File>>, SourceError> {
    let fail = |message: String| SourceError::Workbook { path: path.display().to_string(), message };
    let read = |source| SourceError::Read { path: path.display().to_string(), source };
    let mut file = BufReader::new(File::open(path).map_err(read)?);
    match unpacked_size(&mut file).map_err(read)? {
        None => return Err(fail("it is no ZIP archive".into())),
        Some(size) if size > most => {
            return Err(fail(format!("{size} bytes when unpacked; `limits.max_unpacked` is {most}")));
        }
        Some(_) => {}
    }
    Xlsx::new(file).map_err(|e| fail(e.to_string()))
}

fn text(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Bool(yes) => yes.to_string(),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Data::Float(number) => number.to_string(),
        Data::DateTime(when) if when.is_datetime() => {
            let (year, month, day, ..) = when.to_ymd_hms_milli();
            let serial = when.as_f64();
            if serial < 1.0 {
                return serial.to_string();
            }
            jiff::civil::Date::new(year as i16, month as i8, day as i8)
                .ok()
                .or_else(|| from_excel(serial))
                .map_or_else(|| serial.to_string(), |date| date.to_string())
        }
        Data::DateTime(when) => when.as_f64().to_string(),
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
    }
}

/// Sum of the sizes that a ZIP archive's directory declares; `None` when it is none.
fn unpacked_size(file: &mut (impl Read + Seek)) -> std::io::Result<Option<u64>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_length = length.min(66_000);
    file.seek(SeekFrom::Start(length - tail_length))?;
    let mut tail = vec![0; tail_length as usize];
    file.read_exact(&mut tail)?;
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map_or(0, |b| {
            u64::from(b[0]) | u64::from(b[1]) << 8 | u64::from(b[2]) << 16 | u64::from(b[3]) << 24
        })
    };
    let Some(end) = tail.windows(4).rposition(|w| w == b"PK\x05\x06") else { return Ok(None) };
    let (size, offset) = (number(&tail, end + 12), number(&tail, end + 16));
    if size > length || offset > length || offset + size > length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut directory = vec![0; size as usize];
    file.read_exact(&mut directory)?;
    file.seek(SeekFrom::Start(0))?;
    let (mut at, mut sum) = (0, 0);
    while directory.get(at..at + 4) == Some(b"PK\x01\x02") {
        sum += number(&directory, at + 24);
        let short = |i: usize| number(&directory, i) & 0xffff;
        at += 46 + (short(at + 28) + short(at + 30) + short(at + 32)) as usize;
    }
    Ok(Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell in the last corner is one cell, not a table of seventeen billion (found by fuzzing, case 72,000).
    #[test]
    fn cells_far_apart_take_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("far.xlsx");
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for (row, column, text) in [(2, 1, "ID"), (2, 3, "Name"), (3, 1, "1"), (1_048_575, 16_383, "far")] {
            sheet.write(row, column, text).unwrap();
        }
        book.save(&path).unwrap();
        let mut reader = SheetReader::open(&path, None, 1 << 20).unwrap();
        let rows: Vec<(u64, usize, String)> = std::iter::from_fn(|| {
            let line = reader.next()?;
            let text = String::from_utf8_lossy(reader.text()).into_owned();
            Some((line, text.split('\u{1f}').count(), text.replace('\u{1f}', "")))
        })
        .collect();
        let expected = [(3, "IDName"), (4, "1"), (1_048_576, "far")];
        assert_eq!(rows, expected.map(|(line, text)| (line, 16_383, text.to_string())));
        assert!(SheetReader::open(&path, None, 20_000).is_err());
    }
}
