//! Drives runs in the real world: clock, journal, HTTP, connectors, credentials, scripts.

mod connectors;
mod csv;
mod driver;
mod http;
mod journal;
mod outside;

pub use connectors::{FolderConnector, Passthrough, SecretConnector, Secrets};
pub use csv::{CsvConverter, csv_to_json};
pub use driver::{Drive, DriveError, Driver, Observer, Signal, history};
pub use http::{Credentials, EndpointRule, Handler, HttpClient, WireAnswer, WireRequest};
pub use journal::{FileJournal, Journal, MemoryJournal};
pub use outside::{Children, Connector, ConnectorCall, Outside, RealOutside, Reply};
