//! File triggers: what was created or modified since the cursor (`spec/workflows.md` §7.5).

use serde::{Deserialize, Serialize};

/// How far a trigger has come: the last modification time and the paths seen at that very time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCursor {
    /// Modification time in ticks; at first activation this is now.
    pub modified: i64,
    /// Paths that were fired for with exactly this time.
    pub seen: Vec<String>,
}

/// A file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Its modification time in ticks.
    pub modified: i64,
}

/// The files after the cursor, oldest first, at most `batch` of them, and the cursor behind them.
///
/// At-least-once: store the cursor only after the runs are durable. Poll again at once while the batch was full.
pub fn changed_files(
    cursor: &FileCursor,
    mut files: Vec<FileChange>,
    batch: usize,
) -> (Vec<FileChange>, FileCursor) {
    files.retain(|f| {
        f.modified > cursor.modified || f.modified == cursor.modified && !cursor.seen.contains(&f.path)
    });
    files.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    files.truncate(batch);
    let mut next = cursor.clone();
    for file in &files {
        if file.modified > next.modified {
            next = FileCursor { modified: file.modified, seen: Vec::new() };
        }
        next.seen.push(file.path.clone());
    }
    (files, next)
}

#[cfg(test)]
mod tests {
    use super::{FileChange, FileCursor, changed_files};

    #[test]
    fn each_change_fires_once_in_order() {
        let file = |path: &str, modified| FileChange { path: path.into(), modified };
        let all = || vec![file("b", 20), file("old", 5), file("a", 20), file("c", 30)];
        let cursor = FileCursor { modified: 10, seen: Vec::new() };
        let (first, cursor) = changed_files(&cursor, all(), 1);
        assert_eq!(first, [file("a", 20)]);
        let (second, cursor) = changed_files(&cursor, all(), 10);
        assert_eq!(second, [file("b", 20), file("c", 30)]);
        let (none, cursor) = changed_files(&cursor, all(), 10);
        assert!(none.is_empty());
        assert_eq!(changed_files(&cursor, vec![file("c", 31)], 10).0.len(), 1);
    }
}
