//! Logic Apps workflows of the project in this process: found, bound to the project's settings, run.
mod config;
mod connections;
mod credentials;
mod find;
mod graph;
mod logbook;
mod open;

pub(crate) use config::WorkflowsSection;
pub(crate) use connections::{VAULT, describe};
pub(crate) use find::{Found, find, find_files};
pub(crate) use open::{Opening, Served, knowledge, logbook, open, public_base, share, shared};
