//! Enabled or disabled: bit 2 of `userAccountControl`, or the configured lock attribute.
use std::collections::HashSet;

use hirewire_engine::target::TargetError;
use hirewire_engine::value::AttributeValue;
use ldap3::Mod;

use super::LdapTarget;
use super::connection::Modification;
use super::dialect::ACCOUNT_DISABLED;
use super::entry::Entry;
use super::error::{named, refused};

/// ACCOUNTDISABLE (spec/targets.md §2.3).
const DISABLED: i64 = 0x2;
/// NORMAL_ACCOUNT.
const NORMAL: i64 = 0x200;

/// The `userAccountControl` of a new account.
pub(crate) fn new_account_control(disabled: bool) -> i64 {
    if disabled { NORMAL | DISABLED } else { NORMAL }
}

/// The wanted state; no value means enabled.
pub(crate) fn wanted(value: Option<&AttributeValue>) -> Result<bool, TargetError> {
    match value {
        None => Ok(false),
        Some(AttributeValue::Boolean(disabled)) => Ok(*disabled),
        Some(AttributeValue::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(AttributeValue::Text(text)) if text.eq_ignore_ascii_case("false") || text.is_empty() => {
            Ok(false)
        }
        Some(_) => Err(refused(
            "SchemaPropertyCanOnlyAcceptValue",
            "`accountDisabled` takes True or False",
            Some(ACCOUNT_DISABLED),
        )),
    }
}

impl LdapTarget {
    /// Whether an account is disabled.
    pub(crate) fn is_disabled(&self, entry: &Entry) -> bool {
        if self.dialect.is_ad() {
            return entry.number(&self.dialect.state).is_some_and(|control| control & DISABLED != 0);
        }
        let lock = self.config.account_lock.value.as_bytes();
        entry.values(&self.dialect.state).iter().any(|value| value == lock)
    }

    /// What to write so that the account is in the wanted state; nothing when it is. Other bits are never touched: the
    /// old number is removed and the new one added in one request, which the server refuses when somebody else was
    /// faster (spec/targets.md §2.8).
    pub(crate) fn state_changes(
        &self,
        entry: &Entry,
        disabled: bool,
    ) -> Result<Vec<Modification>, TargetError> {
        if self.is_disabled(entry) == disabled
            && (!self.dialect.is_ad() || entry.number(&self.dialect.state).is_some())
        {
            return Ok(Vec::new());
        }
        let name = self.dialect.state.clone().into_bytes();
        if !self.dialect.is_ad() {
            let lock = self.config.account_lock.value.clone().into_bytes();
            let values = if disabled { HashSet::from([lock]) } else { HashSet::new() };
            return Ok(vec![Mod::Replace(name, values)]);
        }
        let Some(old) = entry.number(&self.dialect.state) else {
            let code = named(self.dialect.name, "InsufficientAccessRights", "");
            return Err(refused(
                &code,
                "we may not read `userAccountControl`, so it cannot be changed safely",
                Some("userAccountControl"),
            ));
        };
        let new = if disabled { old | DISABLED } else { old & !DISABLED };
        let one = |n: i64| HashSet::from([n.to_string().into_bytes()]);
        Ok(vec![Mod::Delete(name.clone(), one(old)), Mod::Add(name, one(new))])
    }
}
