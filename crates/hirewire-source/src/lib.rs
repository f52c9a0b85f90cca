//! Reads rows and records from files and notices what changed.
//!
//! ```text
//! files ─▶ records ─▶ scan: unchanged · changed · new · vanished · rejected ─▶ records: SCIM JSON a person
//! ```
//!
//! Everything streams: a file is never in memory as a whole, and a person who did not change costs only reading
//! and hashing. Source: spec/sources.md §1.2, §5, §7.

mod batches;
mod changes;
mod charset;
mod clean;
mod config;
mod dates;
mod delimited;
mod export;
mod finding;
mod fingerprints;
mod hash;
mod json;
mod layout;
mod look;
mod mapping;
mod pickup;
mod reader;
mod references;
mod rejected;
mod row;
mod shape;
mod sheet;
mod sniff;
mod stream;
mod text;

pub use batches::{Batch, batches};
pub use config::*;
pub use export::{Change, Counts, Export, Mapped, Scan, Vanished};
pub use finding::*;
pub use fingerprints::{Entry, Fingerprints, Reading};
pub use mapping::LIFECYCLE;
pub use pickup::{content_hash, file_away, find_files};
pub use sniff::{Guess, Proposal, sniff};
pub use stream::Streamed;
