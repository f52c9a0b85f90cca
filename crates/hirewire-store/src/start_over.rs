//! Forgets everybody at once: what an emulator's reset does between two tests.
use crate::error::Result;
use crate::store::Store;

/// Everything that came from uploads and cycles. Jobs, schemas, applications, credentials and secrets are not among it.
const TABLES: [&str; 9] =
    ["queue", "outcomes", "uploads", "people", "pending_references", "escrow", "holds", "cycles", "log"];

/// Settings that remember how far something has read what is gone then.
const MARKS: &str = "mark.%";

impl Store {
    /// Deletes all uploads, people, links, cycles and log entries of all jobs, in one transaction. No job may be at work.
    pub fn start_over(&self) -> Result<()> {
        self.write(|connection| {
            for table in TABLES {
                connection.execute(&format!("DELETE FROM {table}"), [])?;
            }
            connection.execute("DELETE FROM settings WHERE key LIKE ?1", [MARKS])?;
            Ok(())
        })
    }
}
