//! Files that were picked up, by content, so that none is taken twice.
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use crate::error::Result;
use crate::store::Store;
use crate::time::{micros, timestamp};

/// A file that was picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pickup {
    /// Name of the source it belongs to.
    pub source: String,
    /// File name.
    pub name: String,
    /// SHA-256 of its bytes ([`crate::content_hash`]).
    pub content_hash: [u8; 32],
    /// Bytes.
    pub size: u64,
    /// When.
    pub picked: Timestamp,
}

const COLUMNS: &str = "source, name, content_hash, size, picked";

impl Store {
    /// Notes a file.
    pub fn record_pickup(&self, pickup: Pickup) -> Result<()> {
        self.write(move |connection| {
            let sql =
                "INSERT INTO pickups (source, name, content_hash, size, picked) VALUES (?1, ?2, ?3, ?4, ?5)";
            let size = i64::try_from(pickup.size).unwrap_or(i64::MAX);
            let hash = pickup.content_hash.as_slice();
            connection.prepare_cached(sql)?.execute(params![
                pickup.source,
                pickup.name,
                hash,
                size,
                micros(pickup.picked)
            ])?;
            Ok(())
        })
    }

    /// The newest pick-up of a file with this content.
    pub fn find_pickup(&self, source: &str, content_hash: &[u8; 32]) -> Result<Option<Pickup>> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM pickups WHERE source = ?1 AND content_hash = ?2 ORDER BY key DESC LIMIT 1"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row(params![source, content_hash.as_slice()], read).optional()?)
        })
    }

    /// Pick-ups of a source, newest first.
    pub fn pickups(&self, source: &str, limit: usize) -> Result<Vec<Pickup>> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM pickups WHERE source = ?1 ORDER BY key DESC LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![source, limit as i64], read)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pickup> {
    Ok(Pickup {
        source: row.get(0)?,
        name: row.get(1)?,
        content_hash: row.get(2)?,
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        picked: timestamp(row.get(4)?),
    })
}
