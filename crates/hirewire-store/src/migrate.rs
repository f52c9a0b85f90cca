//! The database's format: its version, the steps from older ones, what a new file gets.
use std::path::Path;

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// Marks the file as ours in its header: `HiWi`.
const APPLICATION_ID: i64 = 0x4869_5769;

/// Numbered steps; step n leads from format n-1 to format n. A released step is never changed again.
const STEPS: [&str; 3] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_parts.sql"),
    include_str!("../migrations/0003_rehires.sql"),
];

/// The newest format.
pub(crate) const LATEST: i64 = STEPS.len() as i64;

/// Brings the database to the newest format, or says why it cannot.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let found = check(connection, path)?;
    if found == LATEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for (step, number) in STEPS.iter().zip(1i64..) {
        if number > found {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LATEST)?;
    transaction.commit()?;
    Ok(())
}

/// The format of the file, 0 for an empty one; refuses other programs' files and newer formats.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<i64> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (application, found) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID {
        let empty = tables == 0 && application == 0;
        return if empty { Ok(0) } else { Err(StoreError::ForeignDatabase { path: path.into() }) };
    }
    if found > LATEST {
        return Err(StoreError::NewerDatabase { path: path.into(), found, known: LATEST });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The newest format as one piece: what a reader of the code looks at, and what all steps together must give.
    const WHOLE: &str = include_str!("../migrations/latest.sql");

    fn objects(connection: &Connection) -> Vec<(String, String)> {
        let mut statement = connection
            .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn all_steps_together_equal_the_whole() {
        let mut stepped = Connection::open_in_memory().unwrap();
        migrate(&mut stepped, Path::new("memory")).unwrap();
        let whole = Connection::open_in_memory().unwrap();
        whole.execute_batch(WHOLE).unwrap();
        assert_eq!(objects(&stepped), objects(&whole));
        assert!(objects(&stepped).len() > 30);
    }

    #[test]
    fn refuses_newer_and_foreign_files() {
        let mut newer = Connection::open_in_memory().unwrap();
        migrate(&mut newer, Path::new("m")).unwrap();
        newer.pragma_update(None, "user_version", LATEST + 1).unwrap();
        let error = migrate(&mut newer, Path::new("m")).unwrap_err();
        assert!(
            matches!(error, StoreError::NewerDatabase { found, known, .. } if found == known + 1),
            "{error}"
        );

        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(migrate(&mut foreign, Path::new("m")), Err(StoreError::ForeignDatabase { .. })));
    }
}
