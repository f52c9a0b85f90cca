//! Looks at an unknown export and proposes the settings for it.

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

/// The proposed settings with the reasons for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Complete settings.
    pub config: SourceConfig,
    /// Reasons, in the order in which a person would ask.
    pub guesses: Vec<Guess>,
}

/// Proposes the settings for a file. `files` of the proposal is the file's path as given.
pub fn sniff(file: &Path) -> Result<Proposal, SourceError> {
    Ok(Proposal {
        config: SourceConfig { files: crate::Files::One(file.display().to_string()), ..Default::default() },
        guesses: Vec::new(),
    })
}
