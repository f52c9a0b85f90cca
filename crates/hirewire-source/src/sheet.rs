//! Excel workbooks: the rows of one sheet as delimited records.

use crate::dates::from_excel;
use crate::finding::SourceError;
use calamine::{Data, Range, Reader, Xlsx};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Between the cells of a row: the unit separator, which no cell keeps.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// The rows of one sheet. The library reads a sheet as a whole, so the unpacked size is limited beforehand.
pub(crate) struct SheetReader {
    range: Range<Data>,
    next: usize,
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
        let range = book.worksheet_range(&name).map_err(|e| fail(e.to_string()))?;
        Ok(Self { range, next: 0, raw: Vec::new() })
    }

    /// Text of the row that [`Self::next`] found.
    pub(crate) fn text(&self) -> &[u8] {
        &self.raw
    }

    /// Finds the next row and tells its number in the sheet.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let (height, width) = self.range.get_size();
        if self.next >= height {
            return None;
        }
        self.raw.clear();
        for column in 0..width {
            if column > 0 {
                self.raw.push(SEPARATOR);
            }
            if let Some(cell) = self.range.get((self.next, column)) {
                let text = text(cell);
                self.raw.extend(text.bytes().map(|b| if b == SEPARATOR { b' ' } else { b }));
            }
        }
        let first = self.range.start().map_or(0, |(row, _)| u64::from(row));
        let line = first + self.next as u64 + 1;
        self.next += 1;
        Some(line)
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
