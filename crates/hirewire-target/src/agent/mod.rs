//! The way to a directory that cannot be reached: `hirewire agent` beside it dials out, and LDAP runs back through that one
//! TLS connection.
//!
//! ```text
//! LdapTarget ─▶ Hub ◀═══ one TLS connection, dialled from inside ═══ agent ─▶ domain controller
//! ```
//!
//! The connection carries bytes, not commands: LDAPS is spoken end to end, so the agent sees neither passwords nor people,
//! and everything that holds for a direct connection (verification, failover, reading back what a cut left in doubt)
//! holds for this one. The agent opens connections only to the servers it was started for.
mod dial;
mod frame;
mod hub;
mod tunnel;

pub use dial::{Agent, AgentError, AgentOptions};
pub(crate) use hub::Hub;
