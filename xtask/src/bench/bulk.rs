//! An export into bulk requests: the column map against a map written by hand and against node's csv-parse.
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::measure::{Cost, process};
use super::report::Figure;
use super::{by_hand, median, mib, people};

/// The most memory that mapping may take, whatever the file's size.
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

/// Speed against both peers, and memory for the export and for one of a tenth of its size.
pub(crate) fn bulk(binary: &Path, export: &Path, rows: u64, folder: &Path) -> Result<Vec<Figure>> {
    let home = folder.join("bulk");
    std::fs::create_dir_all(&home)?;
    let place = export.to_str().context("a path in UTF-8")?;
    let settings = by_hand::SETTINGS.replace("EXPORT", &place.replace('\\', "\\\\").replace('"', "\\\""));
    std::fs::write(home.join("hirewire.toml"), settings)?;
    let (ours, peer) = (home.join("ours.jsonl"), home.join("by-hand.jsonl"));
    let node = node(folder)?;
    let (mut mapped, mut by_hands, mut nodes, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..3 {
        println!("bench: bulk, round {}", round + 1);
        by_hands.push(by_hand::map(export, &peer)?);
        let cost = map(binary, &home, export, &ours)?;
        mapped.push(cost.wall);
        peak = peak.max(cost.peak);
        if let Some(modules) = &node {
            nodes.push(by_node(modules, &home, export)?);
        }
    }
    same(&ours, &peer)?;
    let small = folder.join(format!("people-{}.csv", (rows / 10).max(1000)));
    people::write(&small, (rows / 10).max(1000))?;
    let small_peak = map(binary, &home, &small, &ours)?.peak;
    for file in [&ours, &peer] {
        std::fs::remove_file(file)?;
    }
    let (mapped, by_hand) = (median(mapped), median(by_hands));
    let mut figures = vec![
        Figure {
            name: "export to bulk requests: speed / map written by hand".into(),
            ratio: by_hand / mapped,
            limit: 0.5,
            at_most: false,
            detail: format!("{mapped:.2} s against {by_hand:.2} s for the same {rows} people"),
        },
        Figure {
            name: "export to bulk requests: peak memory / 64 MiB".into(),
            ratio: peak.max(small_peak) as f64 / MEMORY,
            limit: 1.0,
            at_most: true,
            detail: format!("{} for {rows} rows, {} for a tenth of them", mib(peak), mib(small_peak)),
        },
    ];
    match nodes.is_empty() {
        true => println!("bench: no node with npm here; the comparison with csv-parse is left out"),
        false => {
            let node = median(nodes);
            figures.push(Figure {
                name: "export to bulk requests: speed / node csv-parse".into(),
                ratio: node / mapped,
                limit: 3.0,
                at_most: false,
                detail: format!("{mapped:.2} s against {node:.2} s"),
            });
        }
    }
    Ok(figures)
}

fn map(binary: &Path, home: &Path, export: &Path, out: &Path) -> Result<Cost> {
    process(Command::new(binary).arg("-C").arg(home).arg("bulk").arg(export).arg("--out").arg(out), &[0])
}

/// A folder with csv-parse in it, where node and npm are installed.
fn node(folder: &Path) -> Result<Option<PathBuf>> {
    let there = |program: &str| {
        let quiet =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|s| s.success())
    };
    if !there("node") || !there("npm") {
        return Ok(None);
    }
    let modules = folder.join("node");
    std::fs::create_dir_all(&modules)?;
    if !modules.join("node_modules/csv-parse").exists() {
        println!("bench: installing csv-parse for node");
        let status = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&modules)
            .arg("csv-parse@6")
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Ok(None);
        }
    }
    std::fs::write(modules.join("by_node.mjs"), include_str!("by_node.mjs"))?;
    Ok(Some(modules))
}

fn by_node(modules: &Path, home: &Path, export: &Path) -> Result<Duration> {
    let out = home.join("by-node.jsonl");
    let mut command = Command::new("node");
    command.arg(modules.join("by_node.mjs")).arg(modules).arg(export).arg(&out);
    let cost = process(&mut command, &[0])?;
    std::fs::remove_file(out)?;
    Ok(cost.wall)
}

/// Both maps wrote the same requests, but for members that hold nothing.
fn same(ours: &Path, theirs: &Path) -> Result<()> {
    let lines = |path: &Path| Ok::<_, anyhow::Error>(BufReader::new(File::open(path)?).lines());
    for (number, (a, b)) in lines(ours)?.zip(lines(theirs)?).enumerate().step_by(499) {
        let (mut a, mut b): (Value, Value) = (serde_json::from_str(&a?)?, serde_json::from_str(&b?)?);
        strip(&mut a);
        strip(&mut b);
        if a != b {
            bail!("request {} differs:\n{a}\n{b}", number + 1);
        }
    }
    Ok(())
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(strip);
            members.retain(|_, v| !v.is_null() && v.as_object().is_none_or(|o| !o.is_empty()));
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
