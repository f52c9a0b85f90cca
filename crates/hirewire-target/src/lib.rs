//! Writes accounts: Active Directory and LDAP, the embedded directory.
