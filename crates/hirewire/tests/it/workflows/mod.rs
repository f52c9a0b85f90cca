//! Workflows as their users run them: `hirewire serve`, `hirewire workflow …`, real files, calls over HTTP.
mod commands;
mod connections;
mod hibob;
mod kill;
mod partner;
mod published;
mod service;
