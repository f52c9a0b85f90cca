//! Looks at an unknown export and proposes the settings for it.
//!
//! ```text
//! bytes ─▶ table (lines, header, trailer) ─▶ columns (what the values look like) ─▶ roles (which column is what) ─▶ settings
//! ```
//!
//! Names of columns count, in many languages, but the values have the last word: the key is unique, a manager's number is
//! somebody's number, a status has known words. Every step leaves a [`Guess`] that says why.

mod column;
mod propose;
mod roles;
mod table;
mod words;

use crate::{SourceConfig, SourceError};
use std::path::Path;

/// One thing that was read out of a file, in words for the person who set it up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Guess {
    /// What it is about, such as `delimiter`, `key`, `dates of Hire Date`.
    pub what: String,
    /// What was found.
    pub value: String,
    /// Why, one sentence.
    pub why: String,
    /// Whether nothing else would fit as well.
    pub sure: bool,
}

impl Guess {
    fn new(what: impl Into<String>, value: impl Into<String>, why: impl Into<String>, sure: bool) -> Self {
        Self { what: what.into(), value: value.into(), why: why.into(), sure }
    }
}

/// The proposed settings with the reasons for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Complete settings.
    pub config: SourceConfig,
    /// Reasons, in the order in which a person would ask.
    pub guesses: Vec<Guess>,
    /// All columns of the file, in order.
    pub names: Vec<String>,
}

/// Proposes the settings for a file, from its first 20,000 rows. `files` of the proposal is the path as given.
///
/// Fails when the file cannot be read at all; an empty or strange file gives settings with gaps and guesses that say so.
pub fn sniff(file: &Path) -> Result<Proposal, SourceError> {
    let mut config = SourceConfig::default();
    let mut guesses = Vec::new();
    let table = table::read_table(file, &mut config, &mut guesses)?;
    let columns: Vec<column::Seen> = (0..table.names.len()).map(|at| column::Seen::of(&table, at)).collect();
    let roles = roles::assign(&columns, table.headless);
    propose::propose(&columns, &roles, &mut config, &mut guesses);
    Ok(Proposal { config, guesses, names: table.names })
}
