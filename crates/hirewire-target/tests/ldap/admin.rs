//! The administrator: what happens in a directory behind the target's back.
use std::collections::HashSet;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};

/// A signed-in administrator.
pub(crate) struct Admin {
    ldap: Ldap,
}

impl Admin {
    pub(crate) async fn sign_in(url: &str, name: &str, password: &str) -> Result<Self, String> {
        let settings = LdapConnSettings::new().set_no_tls_verify(true);
        let (driver, mut ldap) =
            LdapConnAsync::with_settings(settings, url).await.map_err(|e| e.to_string())?;
        ldap3::drive!(driver);
        ldap.simple_bind(name, password).await.and_then(|r| r.success()).map_err(|e| e.to_string())?;
        Ok(Self { ldap })
    }

    pub(crate) async fn add(&self, dn: &str, attributes: &[(&str, &str)]) {
        let mut values: Vec<(String, HashSet<String>)> = Vec::new();
        for (name, value) in attributes {
            match values.iter_mut().find(|(n, _)| n == name) {
                Some((_, set)) => {
                    set.insert((*value).into());
                }
                None => values.push(((*name).into(), HashSet::from([(*value).to_owned()]))),
            }
        }
        self.ldap.clone().add(dn, values).await.unwrap().success().unwrap_or_else(|e| panic!("{dn}: {e}"));
    }

    pub(crate) async fn unit(&self, dn: &str) {
        self.add(dn, &[("objectClass", "organizationalUnit")]).await;
    }

    pub(crate) async fn set(&self, dn: &str, name: &str, values: &[&str]) {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        self.ldap
            .clone()
            .modify(dn, vec![Mod::Replace(name.to_owned(), values)])
            .await
            .unwrap()
            .success()
            .unwrap_or_else(|e| panic!("{dn}: {e}"));
    }

    pub(crate) async fn set_bytes(&self, dn: &str, name: &str, value: &[u8]) {
        let change = Mod::Replace(name.as_bytes().to_vec(), HashSet::from([value.to_vec()]));
        self.ldap.clone().modify(dn, vec![change]).await.unwrap().success().unwrap();
    }

    pub(crate) async fn rename(&self, dn: &str, rdn: &str, parent: Option<&str>) {
        self.ldap.clone().modifydn(dn, rdn, true, parent).await.unwrap().success().unwrap();
    }

    pub(crate) async fn delete(&self, dn: &str) {
        self.ldap.clone().delete(dn).await.unwrap().success().unwrap();
    }

    /// The object, with operational attributes.
    pub(crate) async fn read(&self, dn: &str) -> Option<SearchEntry> {
        let attributes = ["*", "+", "uSNChanged", "memberOf"];
        let answer = self.ldap.clone().search(dn, Scope::Base, "(objectClass=*)", attributes).await.unwrap();
        let (entries, _) = answer.success().ok()?;
        entries.into_iter().next().map(SearchEntry::construct)
    }

    /// One value.
    pub(crate) async fn value(&self, dn: &str, name: &str) -> Option<String> {
        let entry = self.read(dn).await?;
        let found = entry.attrs.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        found.1.into_iter().next()
    }

    /// Names of everything a filter matches.
    pub(crate) async fn names(&self, base: &str, filter: &str) -> Vec<String> {
        let answer = self.ldap.clone().search(base, Scope::Subtree, filter, ["1.1"]).await.unwrap();
        let (entries, _) = answer.success().unwrap();
        entries.into_iter().map(|e| SearchEntry::construct(e).dn).collect()
    }

    /// What changes with every write to the object: `uSNChanged`, or `entryCSN`.
    pub(crate) async fn version(&self, dn: &str) -> String {
        let entry = self.read(dn).await.unwrap_or_else(|| panic!("{dn} is gone"));
        let find = |name: &str| {
            entry.attrs.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.first())
        };
        find("uSNChanged").or_else(|| find("entryCSN")).cloned().unwrap()
    }
}
