//! One pass over an export without a memory: every usable row is mapped and handed on.
//!
//! Nothing is compared with anything, so the memory does not grow with the file: for programs that take bulk requests and
//! keep their own state. A whole run (who changed, who is gone, whose row counts) is [`Export::scan`].

use crate::export::{Export, environment};
use crate::finding::{Location, Reject, RejectCode, SourceError};
use crate::layout::Layout;
use crate::mapping::{Mapper, Unwritten};
use crate::reader::RecordReader;
use crate::references::Handles;
use crate::row::{Checked, Fault, Row, check};
use hirewire_expression::SeededRandom;
use jiff::civil::Date;

/// Rows set aside are listed up to so many; the count goes on.
const MOST_REJECTS: usize = 10_000;

/// What one pass counted.
#[derive(Debug, Default, Clone)]
pub struct Streamed {
    /// Rows that were handed on.
    pub mapped: u64,
    /// Rows that were set aside.
    pub rejected: u64,
    /// The first 10,000 of them.
    pub rejects: Vec<Reject>,
}

impl Export {
    /// Hands over every usable row in the order of the files: its key and the SCIM user as JSON text.
    ///
    /// `as_of` is what `Now()` means. Fails when a column in use is missing, or with the error of `each`.
    pub fn stream(
        &self,
        as_of: Date,
        mut each: impl FnMut(&str, &str) -> Result<(), SourceError>,
    ) -> Result<Streamed, SourceError> {
        let layout = &self.layout;
        let mapper = Mapper::new(layout, &self.config.lifecycle)?;
        let random = SeededRandom::new(as_of.day().unsigned_abs().into());
        let environment = environment(as_of, &random)?;
        let handles = match &layout.by {
            Some(by) => Some(Handles::collect(&self.facts, &self.config, layout, by, SEED, None)?),
            None => None,
        };
        let mut streamed = Streamed::default();
        let (mut row, mut checked, mut json) = (Row::default(), Checked::default(), String::new());
        let mut record = 0;
        for (file, facts) in self.facts.iter().enumerate() {
            let mut reader = RecordReader::open(facts, &self.config)?;
            let (places, missing) = reader.places(layout);
            if let Some(column) = missing.first() {
                let (name, there) = (layout.name(*column), reader.header.join(", "));
                let message = format!("{} has no column `{name}`; there are: {there}", facts.path.display());
                return Err(SourceError::Config { setting: "columns".into(), message });
            }
            while let Some(found) = reader.next()? {
                if self.is_trailer(reader.raw()) {
                    continue;
                }
                record += 1;
                let read = match found.unterminated {
                    true => Err(Fault::new(
                        RejectCode::UnterminatedQuote,
                        None,
                        "a quotation mark opens in this line and is not closed as it should",
                    )),
                    false => reader.fill(&mut row, &places, layout),
                };
                let result = read.and_then(|()| check(layout, &row, &mut checked));
                let at = Location { file: file as u32, line: found.line, record };
                if let Err(fault) = result {
                    streamed.reject(
                        layout,
                        &row,
                        at,
                        fault.column.map(|c| layout.name(c).into()),
                        fault.code,
                        fault.message,
                    );
                    continue;
                }
                let nobody = self.refer(handles.as_ref(), &row, &mut checked);
                json.clear();
                match mapper.write(&row, &checked, nobody, &environment, &mut json) {
                    Ok(()) => {
                        streamed.mapped += 1;
                        each(row.value(layout.key), &json)?;
                    }
                    Err(Unwritten::Skipped) => {}
                    Err(Unwritten::Failed { path, error }) => {
                        streamed.reject(layout, &row, at, Some(path), RejectCode::Mapping, error.to_string());
                    }
                }
            }
        }
        Ok(streamed)
    }

    /// Puts the manager's key in place of what the reference repeats. True when it means nobody, or several.
    fn refer(&self, handles: Option<&Handles>, row: &Row, checked: &mut Checked) -> bool {
        let (Some(handles), Some(column)) = (handles, self.layout.reference) else { return false };
        let reference = row.reference_hash(&self.layout, SEED);
        if reference == 0 {
            return false;
        }
        match handles.texts.get(&reference) {
            Some(key) => checked.instead.push((column, key.clone())),
            None => return true,
        }
        false
    }
}

/// Hashes are compared within one pass, so any seed but 0 will do.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

impl Streamed {
    fn reject(
        &mut self,
        layout: &Layout,
        row: &Row,
        at: Location,
        column: Option<String>,
        code: RejectCode,
        message: String,
    ) {
        self.rejected += 1;
        if self.rejects.len() < MOST_REJECTS {
            let key = Some(row.value(layout.key).to_string()).filter(|k| !k.is_empty());
            self.rejects.push(Reject { at, key, column, code, message });
        }
    }
}
