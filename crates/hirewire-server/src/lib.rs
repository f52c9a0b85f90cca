//! HTTP: the Graph-compatible API, token endpoint and emulator.
pub mod answer;
pub mod clock;
pub mod error;
pub mod ids;
pub mod limits;
pub mod listener;
pub mod odata;
pub mod path;
pub mod service;
pub mod settings;
pub mod identity;
