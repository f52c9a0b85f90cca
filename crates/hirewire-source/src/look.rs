//! One row of an export, for looking at.

use crate::export::Export;
use crate::finding::SourceError;
use crate::reader::RecordReader;
use crate::row::{Checked, Row, check};

impl Export {
    /// The columns in use of one row as the column map sees them; empty ones are left out. Rows are counted from 1
    /// through all files, without headers and trailers. `None` when there are fewer rows.
    ///
    /// A row with a fault is shown as far as it can be read.
    pub fn row(&self, number: u64) -> Result<Option<Vec<(String, String)>>, SourceError> {
        let layout = &self.layout;
        let (mut row, mut checked) = (Row::default(), Checked::default());
        let mut at = 0;
        for facts in &self.facts {
            let mut reader = RecordReader::open(facts, &self.config)?;
            let (places, _) = reader.places(layout);
            while reader.next()?.is_some() {
                if self.is_trailer(reader.raw()) {
                    continue;
                }
                at += 1;
                if at < number {
                    continue;
                }
                let _ = reader.fill(&mut row, &places, layout);
                let _ = check(layout, &row, &mut checked);
                let cells = (0..layout.columns.len()).map(|c| (layout.name(c), checked.value(&row, c)));
                let given = cells.filter(|(_, text)| !text.is_empty());
                return Ok(Some(given.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()));
            }
        }
        Ok(None)
    }
}
