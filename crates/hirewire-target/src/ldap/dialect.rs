//! The two ways directories differ, as plain facts; behaviour stands in [`super::ad`] and [`super::inet`].
use super::config::{DialectName, LdapConfig};
use super::filter;

/// Virtual attribute: whether the account is disabled (spec/engine.md §11).
pub(crate) const ACCOUNT_DISABLED: &str = "accountDisabled";
/// Virtual attribute: the name of the container (spec/engine.md §11).
pub(crate) const PARENT: &str = "parentDistinguishedName";

/// Facts of one dialect, with the configuration applied.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub(crate) name: DialectName,
    /// Immutable key: `objectGUID`, `entryUUID`.
    pub(crate) anchor: &'static str,
    /// Attribute that names an account.
    pub(crate) rdn: String,
    /// Holds the account's state: `userAccountControl`, or the configured lock attribute.
    pub(crate) state: String,
    /// Classes of a new account.
    pub(crate) classes: Vec<String>,
    /// Filter for accounts.
    pub(crate) accounts: String,
    /// Attributes that hold passwords; never mapped, never read.
    pub(crate) secrets: &'static [&'static str],
}

impl Dialect {
    /// The dialect of a configuration.
    pub(crate) fn new(config: &LdapConfig) -> Self {
        match config.dialect {
            DialectName::ActiveDirectory => Self::active_directory(config),
            DialectName::InetOrgPerson => Self::inet_org_person(config),
        }
    }

    fn active_directory(config: &LdapConfig) -> Self {
        Self {
            name: DialectName::ActiveDirectory,
            anchor: "objectGUID",
            rdn: "cn".into(),
            state: "userAccountControl".into(),
            classes: classes(config, &["user"]),
            accounts: "(objectCategory=person)(objectClass=user)".into(),
            secrets: &["unicodePwd", "userPassword", "dBCSPwd", "ntPwdHistory", "lmPwdHistory"],
        }
    }

    fn inet_org_person(config: &LdapConfig) -> Self {
        let classes = classes(config, &["inetOrgPerson"]);
        let filters: Vec<String> =
            classes.iter().map(|c| filter::equal("objectClass", c.as_bytes())).collect();
        Self {
            name: DialectName::InetOrgPerson,
            anchor: "entryUUID",
            rdn: config.rdn_attribute.clone().unwrap_or_else(|| "uid".into()),
            state: config.account_lock.attribute.clone(),
            accounts: filters.first().cloned().unwrap_or_default(),
            classes,
            secrets: &["userPassword"],
        }
    }

    /// True for Active Directory.
    pub(crate) fn is_ad(&self) -> bool {
        self.name == DialectName::ActiveDirectory
    }

    /// True for an attribute that holds a password.
    pub(crate) fn is_secret(&self, attribute: &str) -> bool {
        self.secrets.iter().any(|s| s.eq_ignore_ascii_case(attribute))
    }

    /// Filter for accounts that also match `condition`.
    pub(crate) fn accounts_with(&self, condition: &str) -> String {
        format!("(&{}{condition})", self.accounts)
    }
}

fn classes(config: &LdapConfig, usual: &[&str]) -> Vec<String> {
    if config.object_classes.is_empty() {
        return usual.iter().map(|c| (*c).to_owned()).collect();
    }
    config.object_classes.clone()
}
