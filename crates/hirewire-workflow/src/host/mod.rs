//! Drives runs in the real world: clock, journal, HTTP, connectors, credentials, scripts.

mod connectors;
mod csv;
mod driver;
mod http;
mod journal;
mod outside;
mod polling;

pub use connectors::{FolderConnector, Passthrough, SecretConnector, Secrets};
pub use csv::{CsvConverter, csv_to_json};
pub use driver::{Drive, DriveError, Driver, Observer, Signal, history};
pub use http::{Credentials, EndpointRule, Handler, HttpClient, WireAnswer, WireRequest};
pub use journal::{FileJournal, Journal, MemoryJournal};
pub use outside::{Children, Connector, ConnectorCall, Outside, RealOutside, Reply};
pub use polling::{
    FileEntry, FilePoll, PollFrom, Polled, file_id, file_path, firing, media_type, unknown_trigger,
};
