//! The most similar known name, for "did you mean".

/// The candidate with the fewest single-letter edits, when it is close enough to be meant.
pub(crate) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let written = written.to_lowercase();
    let limit = (written.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|name| name.len().abs_diff(written.len()) <= 2 * limit)
        .map(|name| (distance(&written, &name.to_lowercase(), limit), name))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Insertions, removals, replacements and swaps of neighbours between two texts.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Names are short; a pasted novel is compared by its length alone.
    if a.len().abs_diff(b.len()) > limit || a.len() > 256 {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["Join", "Replace", "Switch", "ToLower", "StripSpaces"];
        let cases = [
            ("Jion", Some("Join")),
            ("switch", Some("Switch")),
            ("Tolower", Some("ToLower")),
            ("StripSpace", Some("StripSpaces")),
            ("Concatenate", None),
            ("x", None),
        ];
        for (written, expected) in cases {
            assert_eq!(nearest(written, names), expected, "{written}");
        }
    }
}
