//! Drives runs in the real world: clock, journal, HTTP, connectors, credentials, scripts.

mod arming;
mod connectors;
mod csv;
mod deployment;
mod driver;
mod http;
mod instance;
mod journal;
mod kept;
mod logbook;
mod manage;
mod outside;
mod polling;
mod requests;

pub use arming::request_outputs;
pub use connectors::{Passthrough, Secrets};
pub use csv::{CsvConverter, csv_to_json};
pub use deployment::{Deployment, Sender};
pub use driver::{Drive, DriveError, Driver, Observer, Signal, history};
pub use http::{Credentials, EndpointRule, Handler, HttpClient, WireAnswer, WireRequest};
pub use instance::{Fired, Host, HostParts, RunAnswer, Watch};
pub use journal::{FileJournal, Journal, MemoryJournal};
pub use kept::{RunSummary, callback_keys, firings, kept_deployment, runs, summary};
pub use logbook::LogbookJournal;
pub use logbook::{LogEntry, Logbook, MemoryLogbook};
pub use outside::{Children, Connector, ConnectorCall, Outside, RealOutside, Reply};
pub use polling::{PollFrom, Polled, file_id, file_path, firing, media_type, unknown_trigger};
