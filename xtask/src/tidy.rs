//! `cargo xtask tidy`: the house rules as checks. Each finding is one line with its place and what to do.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Crates that compile without an async runtime, a socket or a database.
const PURE: [&str; 4] = ["hirewire-scim", "hirewire-expression", "hirewire-schema", "hirewire-engine"];

/// The longest a Rust file may be; a longer one is two rooms in one.
const LONGEST_FILE: usize = 900;

/// Runs every check and prints the findings. True when there are none.
pub(crate) fn run() -> Result<bool> {
    let mut findings = Vec::new();
    files(&mut findings)?;
    pure_crates(&mut findings)?;
    rooms(&mut findings)?;
    copies(&mut findings)?;
    for finding in &findings {
        println!("tidy: {finding}");
    }
    Ok(findings.is_empty())
}

fn tracked() -> Result<Vec<PathBuf>> {
    let output =
        Command::new("git").args(["ls-files"]).current_dir(crate::root()).output().context("git ls-files")?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// Length, switched-off tests and leftovers.
fn files(findings: &mut Vec<String>) -> Result<()> {
    for path in tracked()?.iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
        let Ok(text) = std::fs::read_to_string(crate::root().join(path)) else { continue };
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            findings.push(format!("{}: {lines} lines; split it by subject", path.display()));
        }
        if path.starts_with("xtask") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for word in ["#[ignore", "todo!(", "unimplemented!(", "FIXME"] {
                if line.contains(word) {
                    findings.push(format!(
                        "{}:{}: `{word}`: finish it or take it out",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    Ok(())
}

/// ARCHITECTURE.md: the pure crates have no runtime and no I/O library in their tree.
fn pure_crates(findings: &mut Vec<String>) -> Result<()> {
    for name in PURE {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
            .current_dir(crate::root())
            .output()
            .context("cargo tree")?;
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        for forbidden in ["tokio", "rusqlite", "reqwest", "hyper", "axum", "ldap3"] {
            if tree.lines().any(|line| line.split(' ').next() == Some(forbidden)) {
                findings.push(format!("{name}: `{forbidden}` is in its tree; a pure crate does no I/O"));
            }
        }
    }
    Ok(())
}

/// Every crate's first sentence stands in ARCHITECTURE.md's table of rooms.
fn rooms(findings: &mut Vec<String>) -> Result<()> {
    let root = crate::root();
    let architecture = std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    for entry in std::fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let main = if folder.join("src/lib.rs").exists() { "src/lib.rs" } else { "src/main.rs" };
        let text = std::fs::read_to_string(folder.join(main))?;
        let sentence = text.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !architecture.contains(sentence) || sentence.is_empty() {
            findings.push(format!("{name}: its sentence is not in ARCHITECTURE.md: {sentence}"));
        }
    }
    Ok(())
}

/// The copies of shared test data have not fallen behind, where the originals lie beside the repository.
fn copies(findings: &mut Vec<String>) -> Result<()> {
    let root = crate::root();
    let originals = root.join("../shared");
    for folder in ["vectors", "samples", "parts"] {
        if originals.join(folder).is_dir() {
            compare(&originals.join(folder), &root.join(folder), findings)?;
        }
    }
    Ok(())
}

/// Folders of others' work (with a LICENSE) are read where they are and never copied.
fn compare(original: &Path, copy: &Path, findings: &mut Vec<String>) -> Result<()> {
    if original.join("LICENSE").exists() {
        return Ok(());
    }
    let names: BTreeSet<_> =
        std::fs::read_dir(original)?.filter_map(|e| e.ok().map(|e| e.file_name())).collect();
    for name in names {
        let (from, to) = (original.join(&name), copy.join(&name));
        if from.is_dir() {
            compare(&from, &to, findings)?;
        } else if std::fs::read(&from)? != std::fs::read(&to).unwrap_or_default() {
            findings.push(format!("{}: differs from the original; copy it again", to.display()));
        }
    }
    Ok(())
}
