//! Reads rows and records from files and notices what changed.
//!
//! ```text
//! files ─▶ records ─▶ scan: unchanged · changed · new · vanished · rejected ─▶ records: SCIM JSON a person
//! ```
//!
//! Everything streams: a file is never in memory as a whole, and a person who did not change costs only reading
//! and hashing. Source: spec/sources.md §1.2, §5, §7.

mod config;
mod export;
mod finding;
mod fingerprints;
mod clean;
mod dates;
mod delimited;
mod hash;
mod json;
mod layout;
mod reader;
mod row;
mod shape;
mod sheet;
mod text;
mod pickup;
mod sniff;

pub use config::*;
pub use export::{Change, Counts, Export, Mapped, Scan, Vanished};
pub use finding::*;
pub use fingerprints::{Entry, Fingerprints};
pub use pickup::{content_hash, file_away, find_files};
pub use sniff::{Guess, Proposal, sniff};
