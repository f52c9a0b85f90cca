//! What a pattern may say about a position without consuming anything.

use super::set;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `\A`, and `^` without `(?m)`.
    Start,
    /// `^` with `(?m)`.
    LineStart,
    /// `\z`.
    End,
    /// `\Z`, and `$` without `(?m)`: the end, or before a final line feed.
    EndOrLineFeed,
    /// `$` with `(?m)`.
    LineEnd,
    WordBoundary,
    NotWordBoundary,
    /// `\G`.
    SearchStart,
}

impl Assertion {
    /// Whether it holds at a position of a search that began at `search_start`.
    pub(super) fn holds(self, text: &str, at: usize, search_start: usize) -> bool {
        let bytes = text.as_bytes();
        match self {
            Self::Start => at == 0,
            Self::LineStart => at == 0 || bytes[at - 1] == b'\n',
            Self::End => at == bytes.len(),
            Self::EndOrLineFeed => at == bytes.len() || (at + 1 == bytes.len() && bytes[at] == b'\n'),
            Self::LineEnd => at == bytes.len() || bytes[at] == b'\n',
            Self::WordBoundary => is_boundary(text, at),
            Self::NotWordBoundary => !is_boundary(text, at),
            Self::SearchStart => at == search_start,
        }
    }
}

fn is_boundary(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back().is_some_and(set::is_word_character);
    let after = text[at..].chars().next().is_some_and(set::is_word_character);
    before != after
}
