//! What a source looked like last time, as opaque bytes: segments are appended, read as one, and now and then replaced by one.
use rusqlite::{Connection, params};

use crate::error::Result;
use crate::store::Store;

impl Store {
    /// Appends a segment to the fingerprints of `source`.
    pub fn append_fingerprints(&self, source: &str, bytes: Vec<u8>) -> Result<()> {
        let source = source.to_owned();
        self.write(move |connection| append(connection, &source, &bytes))
    }

    /// All segments of `source` in order, as one; with their number, so that the caller knows when to compact.
    pub fn fingerprints(&self, source: &str) -> Result<(Vec<u8>, usize)> {
        self.read(|connection| {
            let sql = "SELECT bytes FROM fingerprints WHERE source = ?1 ORDER BY key";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([source])?;
            let (mut all, mut segments) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                all.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
                segments += 1;
            }
            Ok((all, segments))
        })
    }

    /// Replaces all segments of `source` by one; an empty one removes them.
    pub fn replace_fingerprints(&self, source: &str, bytes: Vec<u8>) -> Result<()> {
        let source = source.to_owned();
        self.write(move |connection| {
            connection.prepare_cached("DELETE FROM fingerprints WHERE source = ?1")?.execute([&source])?;
            if bytes.is_empty() { Ok(()) } else { append(connection, &source, &bytes) }
        })
    }
}

pub(crate) fn append(connection: &Connection, source: &str, bytes: &[u8]) -> Result<()> {
    let sql = "INSERT INTO fingerprints (source, bytes) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![source, bytes])?;
    Ok(())
}
