//! Rejected rows as they stand in their files, kept so that somebody can mend and send them again.

use crate::config::{Format, SourceConfig};
use crate::delimited::Cells;
use crate::finding::{Reject, SourceError};
use crate::pickup::{beside, quoted};
use crate::reader::{Facts, RecordReader};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes the rows of `rejects`: delimited text and workbooks as CSV (RFC 4180, UTF-8) below the header of their file,
/// JSON as one object a line. Gives back the files that were written.
pub(crate) fn write_rows(
    files: &[Facts],
    config: &SourceConfig,
    rejects: &[Reject],
    folder: &Path,
    stamp: &str,
) -> Result<Vec<PathBuf>, SourceError> {
    let mut written = Vec::new();
    for (number, facts) in files.iter().enumerate() {
        let lines: HashSet<u64> =
            rejects.iter().filter(|r| r.at.file as usize == number).map(|r| r.at.line).collect();
        if lines.is_empty() {
            continue;
        }
        let json = matches!(facts.format, Format::Json | Format::Ndjson);
        let end = if json { "rejected.ndjson" } else { "rejected.csv" };
        let path = beside(folder, std::slice::from_ref(&facts.path), stamp, end)?;
        let fail = |source| SourceError::Write { path: path.display().to_string(), source };
        let mut out = BufWriter::new(File::create(&path).map_err(fail)?);
        copy(facts, config, &lines, json, &mut |line| out.write_all(line)).map_err(|e| match e {
            Failure::Source(e) => e,
            Failure::Write(e) => fail(e),
        })?;
        out.flush().map_err(fail)?;
        written.push(path);
    }
    Ok(written)
}

enum Failure {
    Source(SourceError),
    Write(std::io::Error),
}

fn copy(
    facts: &Facts,
    config: &SourceConfig,
    lines: &HashSet<u64>,
    json: bool,
    write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut reader = RecordReader::open(facts, config).map_err(Failure::Source)?;
    let mut cells = Cells::default();
    let mut line = Vec::new();
    if !json {
        let names: Vec<String> = reader.header.iter().map(|name| quoted(name)).collect();
        write(format!("{}\n", names.join(",")).as_bytes()).map_err(Failure::Write)?;
    }
    while let Some(found) = reader.next().map_err(Failure::Source)? {
        if !lines.contains(&found.line) {
            continue;
        }
        line.clear();
        if json {
            // Line breaks between members are blanks of JSON; inside strings they are escaped.
            line.extend(reader.raw().iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
        } else {
            facts.dialect.split(reader.raw(), &mut cells);
            let row: Vec<String> = cells.iter().map(|c| quoted(&String::from_utf8_lossy(c))).collect();
            line.extend_from_slice(row.join(",").as_bytes());
        }
        line.push(b'\n');
        write(&line).map_err(Failure::Write)?;
    }
    Ok(())
}
