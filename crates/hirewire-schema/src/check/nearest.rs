//! The most similar known name, for "did you mean".

/// The candidate that differs least from what was written, when it is close enough to be meant.
pub(super) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let written = written.to_lowercase();
    // Names behind a long URN may differ in a third of what follows it.
    let limit = (written.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|name| name.len().abs_diff(written.len()) <= 2 * limit)
        .map(|name| (distance(&written, &name.to_lowercase()), name))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// `did you mean …?`
pub(super) fn did_you_mean(name: Option<&str>) -> Option<String> {
    name.map(|name| format!("did you mean `{name}`?"))
}

/// Insertions, removals, replacements and swaps of neighbours that turn one text into the other. Names are short;
/// very long ones are only compared whole.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 256 || b.len() > 256 {
        return if a == b { 0 } else { usize::MAX };
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = rows[i][j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
