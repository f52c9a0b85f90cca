//! What a source looked like last time, as opaque bytes: segments are appended, read one by one, and now and
//! then replaced.
use rusqlite::{Connection, params};

use crate::error::Result;
use crate::store::Store;

impl Store {
    /// Appends a segment to the fingerprints of `source`.
    pub fn append_fingerprints(&self, source: &str, bytes: Vec<u8>) -> Result<()> {
        let source = source.to_owned();
        self.write(move |connection| append(connection, &source, &bytes))
    }

    /// Bytes of all segments of `source`, and how many segments there are.
    pub fn fingerprint_size(&self, source: &str) -> Result<(u64, u64)> {
        self.read(|connection| {
            let sql = "SELECT coalesce(sum(length(bytes)), 0), count(*) FROM fingerprints WHERE source = ?1";
            let size: (i64, i64) =
                connection.prepare_cached(sql)?.query_row([source], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((size.0.unsigned_abs(), size.1.unsigned_abs()))
        })
    }

    /// Hands over each segment of `source` in order, one at a time, so that they are never in memory together.
    pub fn fingerprints(&self, source: &str, mut each: impl FnMut(&[u8])) -> Result<()> {
        self.read(|connection| {
            let sql = "SELECT bytes FROM fingerprints WHERE source = ?1 ORDER BY key";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([source])?;
            while let Some(row) = rows.next()? {
                each(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            }
            Ok(())
        })
    }

    /// Replaces all segments of `source`; none removes them.
    pub fn replace_fingerprints(&self, source: &str, segments: Vec<Vec<u8>>) -> Result<()> {
        let source = source.to_owned();
        self.write(move |connection| {
            connection.prepare_cached("DELETE FROM fingerprints WHERE source = ?1")?.execute([&source])?;
            segments.iter().try_for_each(|segment| append(connection, &source, segment))
        })
    }
}

pub(crate) fn append(connection: &Connection, source: &str, bytes: &[u8]) -> Result<()> {
    let sql = "INSERT INTO fingerprints (source, bytes) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![source, bytes])?;
    Ok(())
}
