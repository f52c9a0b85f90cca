//! Bare peers and how a process is measured.
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rusqlite::types::Value;
use sha2::{Digest, Sha256};

/// A bare loop over the records of a CSV file: the least that reading costs.
pub(crate) fn bare_csv(path: &Path) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record)? {
        rows += 1;
    }
    Ok((rows, began.elapsed()))
}

/// The same loop with a SHA-256 of each row: the least that noticing a change costs.
pub(crate) fn bare_hash(path: &Path) -> Result<(u64, Duration)> {
    let began = Instant::now();
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(path)?;
    let mut record = csv::ByteRecord::new();
    let (mut rows, mut mixed) = (0, 0u8);
    while reader.read_byte_record(&mut record)? {
        let mut hash = Sha256::new();
        for field in &record {
            hash.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
            hash.update(field);
        }
        mixed ^= hash.finalize()[0];
        rows += 1;
    }
    std::hint::black_box(mixed);
    Ok((rows, began.elapsed()))
}

/// Inserts every row of `databases` again into fresh files with the same tables and indexes, in transactions of `batch` rows,
/// durable as ours. The rows are in memory before the clock starts.
pub(crate) fn bare_insert(
    databases: &[std::path::PathBuf],
    folder: &Path,
    batch: usize,
) -> Result<(u64, Duration)> {
    let (mut rows, mut took) = (0, Duration::ZERO);
    for (number, path) in databases.iter().enumerate() {
        let original = rusqlite::Connection::open(path).with_context(|| path.display().to_string())?;
        let copy_path = folder.join(format!("bare-{number}.db"));
        let mut copy = rusqlite::Connection::open(&copy_path)?;
        copy.pragma_update(None, "journal_mode", "wal")?;
        copy.pragma_update(None, "synchronous", "full")?;
        let mut statement = original.prepare(
            "select type, name, sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type = 'index'",
        )?;
        let objects: Vec<(String, String, String)> =
            statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?;
        for (_, _, sql) in &objects {
            copy.execute_batch(sql)?;
        }
        for (_, name, _) in objects.iter().filter(|(kind, _, _)| kind == "table") {
            let (columns, table) = load(&original, name)?;
            let places = vec!["?"; columns].join(",");
            let insert = format!("insert into \"{name}\" values ({places})");
            let began = Instant::now();
            for chunk in table.chunks(batch) {
                let transaction = copy.transaction()?;
                {
                    let mut statement = transaction.prepare_cached(&insert)?;
                    for row in chunk {
                        statement.execute(rusqlite::params_from_iter(row))?;
                    }
                }
                transaction.commit()?;
            }
            took += began.elapsed();
            rows += table.len() as u64;
        }
    }
    Ok((rows, took))
}

fn load(database: &rusqlite::Connection, table: &str) -> Result<(usize, Vec<Vec<Value>>)> {
    let mut statement = database.prepare(&format!("select * from \"{table}\""))?;
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| (0..columns).map(|i| row.get::<_, Value>(i)).collect::<Result<Vec<_>, _>>())?
        .collect::<Result<Vec<_>, _>>()?;
    Ok((columns, rows))
}

/// What a process cost.
pub(crate) struct Cost {
    /// From start to exit.
    pub(crate) wall: Duration,
    /// The largest resident size, bytes.
    pub(crate) peak: u64,
}

/// Runs a command to its end. Its peak memory is the kernel's own high-water mark, read while it runs.
pub(crate) fn process(command: &mut Command, accepted: &[i32]) -> Result<Cost> {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(mark) = std::fs::read_to_string(&status_file).ok().and_then(|text| high_water(&text)) {
            peak = peak.max(mark);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = began.elapsed();
    if !status.code().is_some_and(|code| accepted.contains(&code)) {
        let mut message = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut message)?;
        }
        bail!("{command:?} ended with {status}: {message}");
    }
    Ok(Cost { wall, peak })
}

pub(crate) fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
