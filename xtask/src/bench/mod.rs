//! `cargo xtask bench [NAME…]`: ratios against bare peers, measured within one run.
//!
//! Absolute times of a shared machine mean little; each figure divides ours by a peer that did the same work a moment before.
//! Names: `scan`, `bulk`, `first-sync`, `no-change`, `serve`; `--rows N` sets the size of the large export (default 1,000,000).
mod bulk;
mod by_hand;
mod measure;
mod people;
mod report;
mod serve;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use report::Figure;

/// Runs the named benchmarks, or all of them. True when every ratio holds.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    if cfg!(debug_assertions) {
        // Both sides of a ratio are measured as they are shipped.
        let status = Command::new(env!("CARGO"))
            .args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench"])
            .args(arguments)
            .current_dir(crate::root())
            .status()?;
        return Ok(status.success());
    }
    let rows = number(arguments, "--rows", 1_000_000)?;
    let named: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|a| ["scan", "bulk", "first-sync", "no-change", "serve"].contains(a))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.contains(&name);
    let folder = crate::parts::tools().parent().context("target folder")?.join("bench");
    std::fs::create_dir_all(&folder)?;
    let binary = release_binary()?;
    let large = folder.join(format!("people-{rows}.csv"));
    if named != ["serve"] && !large.exists() {
        println!("bench: writing {} people", rows);
        people::write(&large, rows)?;
    }
    let mut figures = Vec::new();
    if wanted("scan") {
        figures.push(scan(&large)?);
    }
    if wanted("bulk") {
        figures.extend(bulk::bulk(&binary, &large, rows, &folder)?);
    }
    if wanted("no-change") {
        figures.extend(no_change(&binary, &large, &folder)?);
    }
    if wanted("first-sync") {
        figures.push(first_sync(&binary, &folder, (rows / 10).max(1000))?);
    }
    if wanted("serve") {
        figures.extend(serve::run(&binary, &folder)?);
    }
    println!("{}", report::write(&folder, &figures)?);
    println!("bench: {} and results.svg beside it", folder.join("results.md").display());
    Ok(figures.iter().all(Figure::holds))
}

fn number(arguments: &[String], name: &str, default: u64) -> Result<u64> {
    match arguments.iter().position(|a| a == name) {
        None => Ok(default),
        Some(at) => arguments
            .get(at + 1)
            .and_then(|n| n.parse().ok())
            .with_context(|| format!("{name} wants a number")),
    }
}

fn release_binary() -> Result<PathBuf> {
    println!("bench: building the release binary");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "hirewire"])
        .current_dir(crate::root())
        .status()?;
    if !status.success() {
        bail!("the release build failed");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    Ok(target.join("release/hirewire"))
}

/// A new project for an export, made as a user makes it.
fn project(binary: &Path, folder: &Path, export: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    measure::process(Command::new(binary).arg("-C").arg(folder).arg("init").arg("--from").arg(export), &[0])?;
    Ok(())
}

/// Bytes in words.
fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / 1_048_576.0)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// Reading and hashing every row and comparing with what is known, against a bare loop over the records.
fn scan(path: &Path) -> Result<Figure> {
    let proposal = hirewire_source::sniff(path)?;
    let base = path.parent().context("a folder")?;
    let date = jiff::civil::date(2025, 3, 3);
    let export = hirewire_source::Export::open(&proposal.config, base)?;
    let mut known = hirewire_source::Fingerprints::default();
    let first = export.scan(&known, date)?;
    let mut entries = first.refreshed.clone();
    export.records(&first, |mapped| {
        entries.push(mapped.entry);
        Ok(())
    })?;
    known.update(entries);
    known.set_columns(first.columns.clone());
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..5 {
        println!("bench: scan, round {}", round + 1);
        bare.push(measure::bare_csv(path)?.1);
        let began = std::time::Instant::now();
        let scan = export.scan(&known, date)?;
        ours.push(began.elapsed());
        if scan.counts.unchanged != scan.counts.records {
            bail!("the second scan found changes: {:?}", scan.counts);
        }
    }
    let (ours, bare) = (median(ours), median(bare));
    Ok(Figure {
        name: "reading, hashing and comparing / bare csv loop".into(),
        ratio: ours / bare,
        limit: 2.0,
        at_most: true,
        detail: format!("{ours:.2} s against {bare:.2} s"),
    })
}

/// A re-run over a synced export: time against a loop that hashes each row, and peak memory.
fn no_change(binary: &Path, export: &Path, folder: &Path) -> Result<Vec<Figure>> {
    let home = folder.join("no-change");
    project(binary, &home, export)?;
    println!("bench: first sync, so that the next runs find nothing to do");
    measure::process(Command::new(binary).arg("-C").arg(&home).args(["sync", "--yes"]), &[0])?;
    let (mut ours, mut hashes, mut loops, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..5 {
        println!("bench: no-change, round {}", round + 1);
        loops.push(measure::bare_csv(export)?.1);
        hashes.push(measure::bare_hash(export)?.1);
        let cost = measure::process(Command::new(binary).arg("-C").arg(&home).args(["sync", "--yes"]), &[0])?;
        peak = peak.max(cost.peak);
        ours.push(cost.wall);
    }
    let (ours, hash, bare) = (median(ours), median(hashes), median(loops));
    Ok(vec![
        Figure {
            name: "no-change run / bare loop that hashes each row".into(),
            ratio: ours / hash,
            limit: 2.5,
            at_most: true,
            detail: format!("{ours:.2} s against {hash:.2} s (bare reading {bare:.2} s)"),
        },
        Figure {
            name: "no-change run: peak memory / 128 MiB".into(),
            ratio: peak as f64 / (128.0 * 1024.0 * 1024.0),
            limit: 1.0,
            at_most: true,
            detail: mib(peak),
        },
    ])
}

/// First sync into the embedded directory against bare inserts of the rows that it left behind.
fn first_sync(binary: &Path, folder: &Path, count: u64) -> Result<Figure> {
    let export = folder.join(format!("people-{count}.csv"));
    people::write(&export, count)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..3 {
        println!("bench: first sync of {count} people, round {}", round + 1);
        let home = folder.join("first-sync");
        project(binary, &home, &export)?;
        ours.push(
            measure::process(Command::new(binary).arg("-C").arg(&home).args(["sync", "--yes"]), &[0])?.wall,
        );
        let state = home.join(".hirewire");
        let copies = tempfile::tempdir_in(folder)?;
        bare.push(
            measure::bare_insert(
                &[state.join("hirewire.db"), state.join("directory.db")],
                copies.path(),
                2000,
            )?
            .1,
        );
    }
    let (ours, bare) = (median(ours), median(bare));
    Ok(Figure {
        name: "first sync: people/s against bare inserts of the same rows".into(),
        ratio: bare / ours,
        limit: 0.4,
        at_most: false,
        detail: format!("{count} people in {ours:.2} s, the bare inserts {bare:.2} s"),
    })
}
