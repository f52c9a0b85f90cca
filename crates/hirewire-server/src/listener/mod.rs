//! Connections: TLS, HTTP/1.1 and HTTP/2, bounded heads and bodies, an end that lets running requests finish.
mod body;
mod serve;
pub mod tls;

pub use body::Incoming;
pub use serve::{Connection, Listening, ServeError, serve};
