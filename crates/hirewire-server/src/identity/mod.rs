//! x
mod issuer;
pub mod jwt;
mod permission;
pub use issuer::{ExternalIssuer, IssuerKeys};
pub use jwt::{KeyError, SigningKey};
pub use permission::{Permission, Permissions};
