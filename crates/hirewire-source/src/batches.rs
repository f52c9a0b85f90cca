//! Which exports the files of a pattern are: days behind each other, or the parts of one.
//!
//! Each content is taken once, whatever the file is called. Full exports that hold the same people follow each other, in
//! the order of their names; files with different people are parts of one export, and a part that did not change is read
//! with those that did, so that nobody in it is missing. Delta files always follow each other. spec/sources.md §5.7.

use crate::config::{Mode, SourceConfig};
use crate::finding::SourceError;
use crate::layout::Layout;
use crate::pickup::{content_hash, find_files, is_pattern};
use crate::reader::{Facts, RecordReader};
use crate::row::Row;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Files that were applied before and may be parts of the same export: so many of the newest are compared.
const LOOKED_BACK: usize = 16;

/// Keys are compared within one run, so any seed but 0 will do.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The files of one export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order in which they are read.
    pub files: Vec<PathBuf>,
    /// SHA-256 of the files that were not applied before, to be remembered once this export was.
    pub fresh: Vec<(PathBuf, [u8; 32])>,
}

/// The exports that are to be applied, the oldest first; none when the content of every file was `applied` before.
///
/// Files that are named one by one are one export, always read. Fails as [`find_files`] does.
pub fn batches(
    config: &SourceConfig,
    base_dir: &Path,
    applied: &mut dyn FnMut(&[u8; 32]) -> bool,
) -> Result<Vec<Batch>, SourceError> {
    let entries = config.files.entries();
    if !entries.iter().any(|e| is_pattern(base_dir, e)) {
        return Ok(vec![Batch { files: entries.iter().map(PathBuf::from).collect(), fresh: Vec::new() }]);
    }
    let mut files = Vec::new();
    for entry in entries {
        let absolute = |file: PathBuf| std::path::absolute(&file).unwrap_or(file);
        files.extend(find_files(base_dir, entry)?.into_iter().map(absolute));
    }
    let (mut fresh, mut old) = (Vec::new(), Vec::new());
    let mut contents = HashSet::new();
    for file in files {
        let hash = content_hash(&file)?;
        match applied(&hash) {
            true => old.push(file),
            false if contents.insert(hash) => fresh.push((file, hash)),
            false => {}
        }
    }
    if config.mode == Mode::Delta || (fresh.len() == 1 && old.is_empty()) {
        let alone =
            |(file, hash): (PathBuf, _)| Batch { files: vec![file.clone()], fresh: vec![(file, hash)] };
        return Ok(fresh.into_iter().map(alone).collect());
    }
    group(config, fresh, &old)
}

fn group(
    config: &SourceConfig,
    fresh: Vec<(PathBuf, [u8; 32])>,
    old: &[PathBuf],
) -> Result<Vec<Batch>, SourceError> {
    let mut groups: Vec<(Batch, HashSet<u64>)> = Vec::new();
    for (file, hash) in fresh {
        let people = people(&file, config)?;
        match groups.last_mut().filter(|(_, others)| are_parts(others, &people)) {
            Some((batch, others)) => {
                batch.files.push(file.clone());
                batch.fresh.push((file, hash));
                others.extend(people);
            }
            None => groups.push((Batch { files: vec![file.clone()], fresh: vec![(file, hash)] }, people)),
        }
    }
    for (batch, others) in &mut groups {
        for file in old.iter().rev().take(LOOKED_BACK) {
            let people = people(file, config)?;
            if are_parts(others, &people) {
                batch.files.push(file.clone());
                others.extend(people);
            }
        }
        batch.files.sort();
    }
    Ok(groups.into_iter().map(|(batch, _)| batch).collect())
}

/// Whether two sets of people are parts of one export: both have people, and few of them are the same.
fn are_parts(some: &HashSet<u64>, others: &HashSet<u64>) -> bool {
    let least = some.len().min(others.len());
    least > 0 && some.intersection(others).count() * 2 < least
}

/// Hashes of the keys in a file.
fn people(file: &Path, config: &SourceConfig) -> Result<HashSet<u64>, SourceError> {
    let facts = Facts::of(file, config)?;
    let mut reader = RecordReader::open(&facts, config)?;
    let layout = Layout::compile(config, reader.is_json())?;
    let (places, _) = reader.places(&layout);
    let (mut row, mut people) = (Row::default(), HashSet::new());
    while reader.next()?.is_some() {
        let _ = reader.fill(&mut row, &places, &layout);
        people.insert(row.exact_hash(layout.key, SEED));
    }
    people.remove(&0);
    Ok(people)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Files;

    #[test]
    fn days_and_parts_are_told_apart() {
        let day = |numbers: std::ops::Range<u32>, word: &str| {
            numbers.fold("id,name\n".to_string(), |text, n| text + &format!("{n:04},{word}{n}\n"))
        };
        for (mode, files, applied, expected) in [
            // Days of one company, then one more, then the same content under another name.
            (Mode::Full, vec![("d1", day(0..9, "a")), ("d2", day(0..9, "b"))], "", "d1 | d2"),
            (Mode::Full, vec![("d1", day(0..9, "a")), ("d2", day(0..9, "b"))], "d1", "d2"),
            (Mode::Full, vec![("d1", day(0..9, "a")), ("d3", day(0..9, "a"))], "d1", ""),
            (Mode::Full, vec![("d1", day(0..9, "a")), ("d3", day(0..9, "a"))], "", "d1"),
            // Sites: all are one export, those too that did not change.
            (Mode::Full, vec![("berlin", day(0..9, "a")), ("paris", day(10..19, "a"))], "", "berlin paris"),
            (
                Mode::Full,
                vec![("berlin", day(0..9, "a")), ("paris", day(10..19, "b"))],
                "berlin",
                "berlin paris",
            ),
            (
                Mode::Full,
                vec![("a1", day(0..9, "a")), ("b1", day(10..19, "a")), ("a2", day(0..9, "b"))],
                "a1 b1",
                "a2 b1",
            ),
            // A header alone is nobody's part.
            (Mode::Full, vec![("d1", day(0..9, "a")), ("d2", day(0..0, "a"))], "d1", "d2"),
            (Mode::Delta, vec![("d1", day(0..3, "a")), ("d2", day(5..6, "b"))], "", "d1 | d2"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut known = HashSet::new();
            for (name, text) in &files {
                let path = folder.path().join(format!("{name}.csv"));
                std::fs::write(&path, text).unwrap();
                if applied.split(' ').any(|a| a == *name) {
                    known.insert(content_hash(&path).unwrap());
                }
            }
            let config = SourceConfig {
                files: Files::One("*.csv".into()),
                key: "id".into(),
                mode,
                ..SourceConfig::default()
            };
            let found = batches(&config, folder.path(), &mut |hash| known.contains(hash)).unwrap();
            let name = |p: &PathBuf| p.file_stem().unwrap().to_string_lossy().into_owned();
            let found: Vec<String> =
                found.iter().map(|b| b.files.iter().map(name).collect::<Vec<_>>().join(" ")).collect();
            let names: Vec<&str> = files.iter().map(|f| f.0).collect();
            assert_eq!(found.join(" | "), expected, "{names:?} applied {applied:?}");
        }
    }
}
