//! HTTP: the Graph-compatible API, token endpoint and emulator.
//!
//! ```text
//! listener ─▶ front ─▶ routes ─▶ identity ─▶ graph::* ─▶ hirewire_store
//!  TLS, h2    ids,      one       token,      handlers     └▶ service::Service (the runtime)
//!             CORS      table     permission
//! ```
//!
//! Invariants: no handler decides about people (`Service` does); no SQL; no secret in an answer or a log line; every
//! endpoint stands in [`routes::ROWS`], from which routing, permission, `Allow` and `openapi.json` are read.
pub mod answer;
pub mod app;
mod batch; // $batch                                  spec/inbound-api.md §9
pub mod bootstrap; // a tenant in one call
pub mod clock;
pub mod emulator; // clock, faults, recorded requests §12
pub mod error; // the error body                      §2.4
pub mod front; // the way of every request
pub mod graph; // the resources                       §4–§7
pub mod identity; // tokens and permissions           §3
pub mod ids;
pub mod limits; // throttling                         §10
pub mod listener; // connections and bodies
pub mod log; // the provisioning log                  §8
pub mod odata; // query options and $filter           §2.2, §8.2
pub mod openapi;
mod operations; // health, metrics
pub mod path;
pub mod registration;
pub mod request;
pub mod routes; // the table of endpoints             §5
pub mod service; // what the runtime does for us
pub mod settings; // modes and rules                  §12
mod trace; // spans
pub mod workflows; // trigger URLs and their management, answered by the process's workflows

pub use app::{App, StartError, job_label};
pub use clock::Clock;
pub use front::router;
pub use listener::{Listening, ServeError, serve, tls};
pub use operations::install_metrics;
pub use service::{Service, ServiceError};
pub use settings::{Mode, Rules, Settings};
pub use workflows::{LocalAnswer, LocalRequest, Workflows, call_locally, with_workflows};
