//! Membership of the groups the configuration names, and of no others.
use std::collections::{BTreeSet, HashSet};

use hirewire_engine::target::TargetError;
use ldap3::{Mod, Scope};

use super::LdapTarget;
use super::config::GroupRule;
use super::connection::Query;
use super::dn::fold;
use super::error::{Doing, code};
use super::filter;

/// Permissive modify (spec/targets.md §2.7): adding what is there and removing what is not are no errors.
const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";

/// A group rule, ready for comparisons.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    group: String,
    pub(crate) attribute: Option<String>,
    values: BTreeSet<String>,
    keep_when_disabled: bool,
    member_attribute: String,
}

impl Rule {
    pub(crate) fn new(rule: &GroupRule) -> Self {
        Self {
            group: rule.group.clone(),
            attribute: rule.attribute.clone(),
            values: rule.values.iter().map(|v| fold(v)).collect(),
            keep_when_disabled: rule.keep_when_disabled,
            member_attribute: rule.member_attribute.clone(),
        }
    }

    /// Whether an account with these values of the rule's attribute belongs to the group.
    fn holds(&self, held: &[String], disabled: bool) -> bool {
        if disabled && !self.keep_when_disabled {
            return false;
        }
        match &self.attribute {
            None => true,
            Some(_) if self.values.is_empty() => !held.is_empty(),
            Some(_) => held.iter().any(|value| self.values.contains(&fold(value))),
        }
    }
}

impl LdapTarget {
    /// Brings an account in and out of the rules' groups; true when a membership changed. `held` gives the values of an
    /// attribute as the account now has them.
    pub(crate) async fn keep_groups(
        &self,
        dn: &str,
        disabled: bool,
        held: &(dyn Fn(&str) -> Vec<String> + Sync),
    ) -> Result<bool, TargetError> {
        let mut changed = false;
        for rule in &self.rules {
            let values = rule.attribute.as_deref().map(held).unwrap_or_default();
            changed |= self.keep_member(rule, dn, rule.holds(&values, disabled)).await?;
        }
        Ok(changed)
    }

    async fn keep_member(&self, rule: &Rule, dn: &str, member: bool) -> Result<bool, TargetError> {
        let filter = filter::equal(&rule.member_attribute, dn.as_bytes());
        let attributes = ["1.1".to_owned()];
        let query = Query {
            base: &rule.group,
            scope: Scope::Base,
            filter: &filter,
            attributes: &attributes,
            limit: 0,
            controls: vec![],
        };
        let found = self.pool.search(query).await.map_err(|f| self.error(f, Doing::Group, &rule.group))?;
        if found.is_empty() != member {
            return Ok(false);
        }
        let name = rule.member_attribute.clone().into_bytes();
        let value = HashSet::from([dn.as_bytes().to_vec()]);
        let change = if member { Mod::Add(name, value) } else { Mod::Delete(name, value) };
        let controls = if self.dialect.is_ad() {
            vec![ldap3::controls::RawControl { ctype: PERMISSIVE.into(), crit: false, val: None }]
        } else {
            vec![]
        };
        match self.pool.modify(&rule.group, vec![change], controls).await {
            Ok(()) => Ok(true),
            Err(failure) if matches!(failure.code(), Some(code::VALUE_EXISTS | code::NO_SUCH_ATTRIBUTE)) => {
                Ok(false)
            }
            Err(failure) => Err(self.error(failure, Doing::Group, &rule.group)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;
    use crate::ldap::config::GroupRule;

    #[test]
    fn who_belongs() {
        let rule = |text: &str| Rule::new(&serde_json::from_str::<GroupRule>(text).unwrap());
        let sales = rule(r#"{"group":"CN=s,DC=x","attribute":"department","values":["Sales","Presales"]}"#);
        let held = |v: &str| vec![v.to_owned()];
        assert!(sales.holds(&held("SALES "), false));
        assert!(
            !sales.holds(&held("Legal"), false)
                && !sales.holds(&held("Sales"), true)
                && !sales.holds(&[], false)
        );
        let all = rule(r#"{"group":"CN=a,DC=x","keep_when_disabled":true}"#);
        assert!(all.holds(&[], true));
        let any = rule(r#"{"group":"CN=a,DC=x","attribute":"title"}"#);
        assert!(any.holds(&held("x"), false) && !any.holds(&[], false));
    }
}
