//! Text with cells between delimiters: finds the records, and the cells of one record.
//!
//! Finding a record does not split it, so that an unchanged one costs a search for its end and nothing else.

use crate::text::TextStream;
use memchr::{memchr, memchr2, memchr3, memmem};
use std::io;
use std::ops::Range;

/// A record longer than this is taken for a quotation mark that was never closed.
const LONGEST_RECORD: usize = 4 << 20;

/// How cells are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Vec<u8>,
    pub(crate) quote: Option<u8>,
    pub(crate) backslash: bool,
}

/// The cells of one record, unquoted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cells {
    pub(crate) text: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl Cells {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        Some(&self.text[start..end])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

impl Dialect {
    /// Splits one record. `false` when text follows a closing quotation mark.
    pub(crate) fn split(&self, raw: &[u8], cells: &mut Cells) -> bool {
        cells.clear();
        let mut tidy = true;
        let mut rest = raw;
        loop {
            let quoted = self.quote.filter(|q| rest.first() == Some(q));
            let after = match quoted {
                Some(quote) => self.quoted(&rest[1..], quote, cells),
                None => rest,
            };
            let end = self.find_delimiter(after);
            let plain = &after[..end.unwrap_or(after.len())];
            tidy &= quoted.is_none() || plain.iter().all(|b| *b == b' ' || *b == b'\t');
            if quoted.is_none() || !plain.iter().all(|b| *b == b' ' || *b == b'\t') {
                cells.text.extend_from_slice(plain);
            }
            cells.ends.push(cells.text.len() as u32);
            match end {
                Some(end) => rest = &after[end + self.delimiter.len()..],
                None => return tidy,
            }
        }
    }

    fn find_delimiter(&self, text: &[u8]) -> Option<usize> {
        match self.delimiter.as_slice() {
            [one] => memchr(*one, text),
            several => memmem::find(text, several),
        }
    }

    /// Copies a quoted cell and returns what follows its closing mark.
    fn quoted<'a>(&self, mut rest: &'a [u8], quote: u8, cells: &mut Cells) -> &'a [u8] {
        loop {
            let found = if self.backslash { memchr2(quote, b'\\', rest) } else { memchr(quote, rest) };
            let Some(at) = found else {
                cells.text.extend_from_slice(rest);
                return &[];
            };
            cells.text.extend_from_slice(&rest[..at]);
            if rest[at] == b'\\' && self.backslash {
                let next = rest.get(at + 1..at + 2).unwrap_or_default();
                cells.text.extend_from_slice(next);
                rest = &rest[(at + 2).min(rest.len())..];
            } else if rest.get(at + 1) == Some(&quote) {
                cells.text.push(quote);
                rest = &rest[at + 2..];
            } else {
                return &rest[at + 1..];
            }
        }
    }
}

/// One record as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// First physical line.
    pub(crate) line: u64,
    /// A quotation mark opens here and is never closed; only its first line is taken.
    pub(crate) unterminated: bool,
    /// Whether a line end follows.
    pub(crate) ended: bool,
}

/// Finds records in a stream.
pub(crate) struct DelimitedReader {
    stream: TextStream,
    dialect: Dialect,
    line: u64,
    /// Number of columns once the header is known: tells a stray quotation mark from a cell of several lines.
    pub(crate) columns: usize,
    /// Line of a quotation mark that was still open at the end of the file.
    pub(crate) open_at_end: Option<u64>,
    last: Range<usize>,
    scratch: Cells,
}

struct Extent {
    text: usize,
    whole: usize,
    lines: u64,
    unterminated: bool,
    ended: bool,
}

impl DelimitedReader {
    pub(crate) fn new(stream: TextStream, dialect: Dialect) -> Self {
        Self {
            stream,
            dialect,
            line: 1,
            columns: 0,
            open_at_end: None,
            last: 0..0,
            scratch: Cells::default(),
        }
    }

    /// Text of the record that [`Self::next`] found, without its line end.
    pub(crate) fn text(&self) -> &[u8] {
        self.stream.taken(&self.last)
    }

    /// The next record, blank lines included; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        let Some(mut extent) = self.extent(false)? else { return Ok(None) };
        if extent.unterminated || (extent.lines > 1 && self.is_stray(&extent)) {
            if extent.unterminated && extent.whole == self.stream.window().len() && self.stream.ended() {
                self.open_at_end = Some(self.open_at_end.unwrap_or(self.line));
            }
            let Some(first) = self.extent(true)? else { return Ok(None) };
            extent = Extent { unterminated: true, ..first };
        }
        let line = self.line;
        self.line += extent.lines;
        let taken = self.stream.take(extent.whole);
        self.last = taken.start..taken.start + extent.text;
        if !extent.ended && self.text().ends_with(b"\x1a") {
            self.last.end -= 1;
        }
        Ok(Some(Found { line, unterminated: extent.unterminated, ended: extent.ended }))
    }

    fn is_stray(&mut self, extent: &Extent) -> bool {
        let text = &self.stream.window()[..extent.text];
        let tidy = self.dialect.split(text, &mut self.scratch);
        let count = self.scratch.len();
        !tidy || (self.columns > 0 && count != self.columns && count != self.columns + 1)
    }

    /// How far the next record reaches. `plain` looks at one physical line, whatever its quotation marks say.
    fn extent(&mut self, plain: bool) -> io::Result<Option<Extent>> {
        let quote = if plain { None } else { self.dialect.quote };
        let (mut at, mut lines) = (0, 0);
        let mut open = false;
        loop {
            let window = self.stream.window();
            let rest = &window[at.min(window.len())..];
            let found = match (open, quote) {
                (true, Some(q)) if self.dialect.backslash => memchr3(q, b'\\', b'\n', rest),
                (true, Some(q)) => memchr2(q, b'\n', rest),
                (_, Some(q)) => memchr3(b'\n', b'\r', q, rest),
                (_, None) => memchr2(b'\n', b'\r', rest),
            };
            let Some(found) = found.map(|f| f + at) else {
                at = window.len();
                if self.stream.ended() {
                    let whole = window.len();
                    let extent =
                        Extent { text: whole, whole, lines: lines + 1, unterminated: open, ended: false };
                    return Ok((whole > 0).then_some(extent));
                }
                if at > LONGEST_RECORD {
                    return Ok(Some(Extent {
                        text: at,
                        whole: at,
                        lines: 1,
                        unterminated: open,
                        ended: false,
                    }));
                }
                self.stream.fill()?;
                continue;
            };
            // The sign after this one decides: keep one in hand.
            if found + 1 == window.len() && !self.stream.ended() {
                at = found;
                self.stream.fill()?;
                continue;
            }
            let (sign, next) = (window[found], window.get(found + 1).copied());
            at = found + 1;
            if open {
                match sign {
                    b'\n' => lines += 1,
                    b'\\' => at += 1,
                    _ if next == quote => at += 1,
                    _ => open = false,
                }
                if found > LONGEST_RECORD {
                    return Ok(Some(Extent {
                        text: found,
                        whole: found,
                        lines,
                        unterminated: true,
                        ended: false,
                    }));
                }
                continue;
            }
            if Some(sign) == quote {
                open = found == 0 || window[..found].ends_with(&self.dialect.delimiter);
                continue;
            }
            let width = if sign == b'\r' && next == Some(b'\n') { 2 } else { 1 };
            return Ok(Some(Extent {
                text: found,
                whole: found + width,
                lines: lines + 1,
                unterminated: false,
                ended: true,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Charset;

    fn read(text: &str, delimiter: &str, quote: Option<u8>, columns: usize) -> Vec<String> {
        let stream = TextStream::new(Box::new(io::Cursor::new(text.as_bytes().to_vec())), Charset::UTF_8);
        let dialect = Dialect { delimiter: delimiter.into(), quote, backslash: text.contains('\\') };
        let mut reader = DelimitedReader::new(stream, dialect.clone());
        reader.columns = columns;
        let mut rows = Vec::new();
        let mut cells = Cells::default();
        while let Some(raw) = reader.next().unwrap() {
            dialect.split(reader.text(), &mut cells);
            let row: Vec<_> = cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            rows.push(format!("{}{} {}", raw.line, if raw.unterminated { "!" } else { "" }, row.join("|")));
        }
        if let Some(line) = reader.open_at_end {
            rows.push(format!("open {line}"));
        }
        rows
    }

    #[test]
    fn records_and_cells() {
        let q = Some(b'"');
        for (text, delimiter, quote, columns, expected) in [
            ("a,b\nc,d", ",", q, 2, vec!["1 a|b", "2 c|d"]),
            ("a,b\r\nc,d\r\n", ",", q, 2, vec!["1 a|b", "2 c|d"]),
            ("a;b\rc;d\r\ne;f\n", ";", q, 2, vec!["1 a|b", "2 c|d", "3 e|f"]),
            ("a,\"x, \"\"y\"\"\"\n", ",", q, 2, vec!["1 a|x, \"y\""]),
            ("\"a\nb\",c\nd,e\n", ",", q, 2, vec!["1 a\nb|c", "3 d|e"]),
            ("5\" disk,a \"b\" c\n", ",", q, 2, vec!["1 5\" disk|a \"b\" c"]),
            ("a||b||c\n", "||", q, 3, vec!["1 a|b|c"]),
            ("a\u{1f}b\n", "\u{1f}", q, 2, vec!["1 a|b"]),
            ("a¦b\n", "¦", q, 2, vec!["1 a|b"]),
            ("\"a\",\"b\n", ",", None, 2, vec!["1 \"a\"|\"b"]),
            ("a,\"b \\\"c\\\", d\"\n", ",", q, 2, vec!["1 a|b \"c\", d"]),
            ("a,\"b\" \nc,d\n", ",", q, 2, vec!["1 a|b", "2 c|d"]),
            ("a,b\n\u{1a}", ",", q, 2, vec!["1 a|b", "2 "]),
            // A stray mark spoils its own line only.
            ("a,\"b\nc,d\ne,\"f\"\n", ",", q, 2, vec!["1! a|b", "2 c|d", "3 e|f"]),
            ("a,\"b\nc,d\n", ",", q, 2, vec!["1! a|b", "2 c|d", "open 1"]),
            ("a,b\nc,\"d", ",", q, 2, vec!["1 a|b", "2! c|d", "open 2"]),
            ("a,\n,b\n", ",", q, 2, vec!["1 a|", "2 |b"]),
        ] {
            assert_eq!(read(text, delimiter, quote, columns), expected, "{text:?}");
        }
    }
}
