//! Writes accounts: Active Directory and LDAP, the embedded directory.
pub mod agent;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod delivery;
pub mod embedded;
pub mod ldap;
pub mod password;
