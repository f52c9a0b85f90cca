//! The whole API over real HTTP, with an in-memory store and a small runtime of our own.
mod apps;
mod batch;
mod bodies;
mod emulator;
mod jobs;
mod log;
mod runtime;
mod samples;
mod schema;
mod security;
mod tls;
mod tokens;
mod uploads;
mod world;
