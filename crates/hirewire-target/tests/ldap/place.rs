//! A place of its own for each test: an organizational unit, a configuration that writes there, people with numbers
//! nobody else uses.
use std::sync::atomic::{AtomicU32, Ordering};

use hirewire_engine::target::{Applied, Change, MatchKey, Step, Target as _, TargetError};
use hirewire_engine::value::{Account, AttributeValue, Attributes};
use hirewire_target::ldap::config::DialectName;
use hirewire_target::ldap::{LdapConfig, LdapTarget};

use crate::admin::Admin;
use crate::parts::{self, Part};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ad,
    Inet,
}

pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) part: Part,
    pub(crate) admin: Admin,
    /// The test's unit.
    pub(crate) unit: String,
    /// A second container in it.
    pub(crate) other: String,
    /// The container for disabled accounts, in it.
    pub(crate) leavers: String,
    /// Begins every key of this test.
    pub(crate) tag: String,
}

static NEXT: AtomicU32 = AtomicU32::new(1);

impl Place {
    pub(crate) async fn new(kind: Kind) -> Result<Self, String> {
        let part = tokio::task::spawn_blocking(move || match kind {
            Kind::Ad => parts::samba(),
            Kind::Inet => parts::slapd(),
        });
        Self::on(kind, part.await.map_err(|e| e.to_string())??).await
    }

    /// A place on a given server.
    pub(crate) async fn on(kind: Kind, part: Part) -> Result<Self, String> {
        let (url, name, password, people) = match kind {
            Kind::Ad => ("AD_URL", "AD_ADMIN_DN", "AD_PASSWORD", "AD_PEOPLE_DN"),
            Kind::Inet => ("LDAP_URL", "LDAP_ADMIN_DN", "LDAP_PASSWORD", "LDAP_PEOPLE_DN"),
        };
        let admin = Admin::sign_in(part.get(url), part.get(name), part.get(password)).await?;
        let tag = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let ou = if kind == Kind::Ad { "OU" } else { "ou" };
        let unit = format!("{ou}={tag},{}", part.get(people));
        let (other, leavers) = (format!("{ou}=other,{unit}"), format!("{ou}=leavers,{unit}"));
        for dn in [&unit, &other, &leavers] {
            admin.unit(dn).await;
        }
        Ok(Self { kind, part, admin, unit, other, leavers, tag })
    }

    pub(crate) fn pick<T>(&self, ad: T, inet: T) -> T {
        match self.kind {
            Kind::Ad => ad,
            Kind::Inet => inet,
        }
    }

    /// The configuration as JSON, for tests that change it.
    pub(crate) fn config_json(&self) -> serde_json::Value {
        let get = |ad, inet| self.part.get(self.pick(ad, inet)).to_owned();
        serde_json::json!({
            "urls": [get("AD_URL", "LDAP_URL")],
            "dialect": self.pick("active_directory", "inetOrgPerson"),
            "bind": { "method": "simple", "name": get("AD_MOVER_DN", "LDAP_BIND_DN"), "password": get("AD_PASSWORD", "LDAP_PASSWORD") },
            "base_dn": get("AD_BASE_DN", "LDAP_BASE_DN"),
            "container": self.unit,
            "tls": { "ca_file": get("AD_CA_FILE", "LDAP_CA_FILE") },
            "answer_seconds": 20,
        })
    }

    /// A target with some settings changed.
    pub(crate) fn target_with(&self, change: impl FnOnce(&mut serde_json::Value)) -> LdapTarget {
        let mut json = self.config_json();
        change(&mut json);
        let config: LdapConfig = serde_json::from_value(json).unwrap();
        assert_eq!(config.dialect, self.pick(DialectName::ActiveDirectory, DialectName::InetOrgPerson));
        LdapTarget::new(config).unwrap()
    }

    pub(crate) fn target(&self) -> LdapTarget {
        self.target_with(|_| {})
    }

    /// The matching attribute.
    pub(crate) fn key_name(&self) -> &'static str {
        self.pick("employeeID", "employeeNumber")
    }

    /// A key of this test alone.
    pub(crate) fn key(&self, n: usize) -> String {
        format!("{}-{n}", self.tag)
    }

    /// A person to be created.
    pub(crate) fn person(&self, n: usize) -> Attributes {
        let key = self.key(n);
        let mut person = Attributes::new();
        for (name, value) in [
            (self.key_name(), key.clone()),
            ("cn", format!("Jürgen Müller {key}")),
            ("displayName", format!("Jürgen Müller {key}")),
            ("givenName", "Jürgen".to_owned()),
            ("sn", "Müller".to_owned()),
            ("title", "Engineer".to_owned()),
            (self.pick("sAMAccountName", "uid"), key.clone()),
            ("mail", format!("{key}@corp.example")),
        ] {
            person.insert(name.into(), AttributeValue::Text(value));
        }
        if self.kind == Kind::Ad {
            person.insert("userPrincipalName".into(), AttributeValue::Text(format!("{key}@corp.example")));
        }
        person
    }

    /// Where [`Self::person`] ends up.
    pub(crate) fn dn(&self, n: usize) -> String {
        self.dn_in(n, &self.unit)
    }

    pub(crate) fn dn_in(&self, n: usize, parent: &str) -> String {
        let key = self.key(n);
        self.pick(format!("CN=Jürgen Müller {key},{parent}"), format!("uid={key},{parent}"))
    }
}

pub(crate) fn text(value: &str) -> Option<AttributeValue> {
    Some(AttributeValue::Text(value.into()))
}

pub(crate) fn change(attribute: &str, new: Option<AttributeValue>) -> Change {
    Change { attribute: attribute.into(), old: None, new }
}

pub(crate) async fn one(target: &LdapTarget, step: Step) -> Result<Applied, TargetError> {
    let mut answers = target.apply(&[step]).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

pub(crate) async fn create(target: &LdapTarget, attributes: Attributes) -> String {
    one(target, Step::Create { attributes }).await.unwrap().anchor
}

pub(crate) async fn update(
    target: &LdapTarget,
    anchor: &str,
    changes: Vec<Change>,
) -> Result<Applied, TargetError> {
    one(target, Step::Update { anchor: anchor.into(), changes }).await
}

pub(crate) async fn read(target: &LdapTarget, anchor: &str, wanted: &[&str]) -> Option<Account> {
    let wanted: Vec<String> = wanted.iter().map(|w| (*w).into()).collect();
    target.read(&[anchor.to_owned()], &wanted).await.unwrap().remove(0)
}

/// One attribute of one account.
pub(crate) async fn held(target: &LdapTarget, anchor: &str, name: &str) -> Option<AttributeValue> {
    read(target, anchor, &[name]).await.expect("the account is there").attributes.remove(name)
}

pub(crate) async fn find(
    target: &LdapTarget,
    attribute: &str,
    value: &str,
) -> Result<Vec<Account>, TargetError> {
    let key = MatchKey { attribute: attribute.into(), value: AttributeValue::Text(value.into()) };
    target.find(&[key], &[]).await.map(|mut found| found.remove(0))
}

/// Code and attribute of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(
    answer: Result<T, TargetError>,
) -> (String, Option<String>, String) {
    match answer {
        Err(TargetError::Refused { code, attribute, reason }) => (code, attribute, reason),
        other => panic!("not refused: {other:?}"),
    }
}

/// Waits for a condition, with a deadline.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(started.elapsed().as_secs() < 20, "{what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
