//! Writes accounts: Active Directory and LDAP, the embedded directory.
pub mod delivery;
pub mod ldap;
pub mod password;
