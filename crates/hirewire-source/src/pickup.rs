//! Which files an export is made of, and where they go afterwards.

use crate::finding::{Reject, SourceError};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The files that a path or a pattern with `*` and `?` means, sorted by name. Hidden files and those that are still
/// being uploaded (`.tmp`, `.part`, `.filepart`) do not match a pattern.
pub fn find_files(base_dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let path = base_dir.join(pattern);
    if !pattern.contains(['*', '?']) || path.is_file() {
        return match path.is_file() {
            true => Ok(vec![path]),
            false => Err(SourceError::NoFile { pattern: pattern.into() }),
        };
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let text = part.as_os_str().to_string_lossy().into_owned();
        if !text.contains(['*', '?']) {
            found.iter_mut().for_each(|p| p.push(part));
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with('.') && !in_transit(&name) && matches_pattern(&text, &name) {
                    next.push(entry.path());
                }
            }
        }
        found = next;
    }
    found.retain(|p| p.is_file());
    found.sort();
    if found.is_empty() {
        return Err(SourceError::NoFile { pattern: pattern.into() });
    }
    Ok(found)
}

/// Whether an entry of `files` names whatever lies in a folder.
pub(crate) fn is_pattern(base_dir: &Path, entry: &str) -> bool {
    entry.contains(['*', '?']) && !base_dir.join(entry).is_file()
}

fn in_transit(name: &str) -> bool {
    [".tmp", ".part", ".filepart", ".crdownload"].iter().any(|end| name.to_lowercase().ends_with(end))
}

fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// SHA-256 of a file's content: what was applied once is recognised whatever it is called.
pub fn content_hash(file: &Path) -> Result<[u8; 32], SourceError> {
    let fail = |source| SourceError::Read { path: file.display().to_string(), source };
    let mut hash = Sha256::new();
    std::io::copy(&mut fs::File::open(file).map_err(fail)?, &mut hash).map_err(fail)?;
    Ok(hash.finalize().into())
}

/// Moves a file into a folder; its name gets the stamp (`people.20250304T060000Z.csv`) and a number when that is taken.
pub fn file_away(file: &Path, folder: &Path, stamp: &str) -> Result<PathBuf, SourceError> {
    let fail = |source| SourceError::Write { path: folder.display().to_string(), source };
    fs::create_dir_all(folder).map_err(fail)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let end = file.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let mut target = folder.join(format!("{stem}.{stamp}{end}"));
    let mut number = 2;
    while target.exists() {
        target = folder.join(format!("{stem}.{stamp}-{number}{end}"));
        number += 1;
    }
    if fs::rename(file, &target).is_err() {
        fs::copy(file, &target).map_err(fail)?;
        fs::remove_file(file).map_err(fail)?;
    }
    Ok(target)
}

/// `FOLDER/NAME.STAMP.END` beside the files of an export; the folder is made.
pub(crate) fn beside(
    folder: &Path,
    files: &[PathBuf],
    stamp: &str,
    end: &str,
) -> Result<PathBuf, SourceError> {
    let fail = |source| SourceError::Write { path: folder.display().to_string(), source };
    fs::create_dir_all(folder).map_err(fail)?;
    let stem = files.first().and_then(|f| f.file_stem()).unwrap_or_default().to_string_lossy().into_owned();
    Ok(folder.join(format!("{stem}.{stamp}.{end}")))
}

/// Writes why rows were rejected as `NAME.STAMP.errors.csv` (file, line, key, column, code, message).
pub(crate) fn write_errors(
    folder: &Path,
    files: &[PathBuf],
    rejects: &[Reject],
    stamp: &str,
) -> Result<PathBuf, SourceError> {
    let path = beside(folder, files, stamp, "errors.csv")?;
    let fail = |source| SourceError::Write { path: path.display().to_string(), source };
    let name = |at: usize| {
        files.get(at).and_then(|f| f.file_name()).unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut text = String::from("file,line,key,column,code,message\n");
    for r in rejects {
        let line = r.at.line.to_string();
        let cells = [
            name(r.at.file as usize),
            line,
            r.key.clone().unwrap_or_default(),
            r.column.clone().unwrap_or_default(),
            r.code.to_string(),
            r.message.clone(),
        ];
        text.push_str(&cells.map(|c| quoted(&c)).join(","));
        text.push('\n');
    }
    fs::write(&path, text).map_err(fail)?;
    Ok(path)
}

/// A cell of RFC 4180.
pub(crate) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_like_a_shell() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("HR_FULL_????????*.csv", "HR_FULL_20250304_01.csv", true),
            ("HR_FULL_????????*.csv", "HR_FULL_2025.csv", false),
            ("*a*b", "xaxxb", true),
            ("a*", "ba", false),
            ("*", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_content_decides_not_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (a, b, c) = (path("a.csv", b"x;1"), path("b.csv", b"x;1"), path("c.csv", b"x;2"));
        path("d.csv.filepart", b"");
        assert_eq!(find_files(folder.path(), "?.csv*").unwrap(), [a.clone(), b.clone(), c.clone()]);
        assert!(find_files(folder.path(), "z*.csv").is_err());
        assert_eq!(content_hash(&a).unwrap(), content_hash(&b).unwrap());
        assert_ne!(content_hash(&a).unwrap(), content_hash(&c).unwrap());
        let (one, two) = (
            file_away(&a, &folder.path().join("archive"), "S"),
            file_away(&b, &folder.path().join("archive"), "S"),
        );
        assert!(one.unwrap().ends_with("archive/a.S.csv") && two.unwrap().ends_with("archive/b.S.csv"));
    }
}
