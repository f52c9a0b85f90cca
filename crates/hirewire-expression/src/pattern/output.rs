//! Where the results of replacements are put together.

use std::borrow::Cow;

/// Longest text that a replacement may produce, in bytes.
const MAXIMUM_LENGTH: usize = 1 << 20;

/// Text under construction, from left to right; borrowed as long as it is one piece of the input.
pub(super) struct Output<'t> {
    text: &'t str,
    from: usize,
    to: usize,
    owned: Option<String>,
}

impl<'t> Output<'t> {
    #[inline]
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, from: 0, to: 0, owned: None }
    }

    /// Appends a piece of the input.
    #[inline]
    pub(super) fn push_input(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        if self.owned.is_some() {
            self.push_text(&self.text[from..to]);
        } else if self.from == self.to {
            (self.from, self.to) = (from, to);
        } else if self.to == from {
            self.to = to;
        } else {
            self.push_text(&self.text[from..to]);
        }
    }

    /// Appends other text.
    #[inline(never)]
    pub(super) fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let (piece, capacity) = (self.piece(), self.text.len() + 16);
        let owned = self.owned.get_or_insert_with(|| {
            let mut owned = String::with_capacity(capacity);
            owned.push_str(piece);
            owned
        });
        owned.push_str(text);
    }

    #[inline]
    fn piece(&self) -> &'t str {
        &self.text[self.from..self.to]
    }

    /// Whether it is longer than a replacement may become.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.len() > MAXIMUM_LENGTH)
    }

    #[inline]
    pub(super) fn finish(self) -> Cow<'t, str> {
        match self.owned {
            Some(owned) => Cow::Owned(owned),
            None => Cow::Borrowed(self.piece()),
        }
    }
}
