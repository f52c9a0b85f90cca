//! Active Directory and LDAP as targets.
mod address;
pub mod config;
pub mod dn;
