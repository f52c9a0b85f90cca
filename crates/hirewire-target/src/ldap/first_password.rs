//! First passwords: made for the domain's policy, set, and handed over.
use std::collections::{HashMap, HashSet};

use tokio::sync::{Mutex, OnceCell};

use super::LdapTarget;
use super::config::{ConfigError, InitialPassword};
use super::references::name_key;
use crate::delivery::{Delivery, Letter};
use crate::password::{self, GenerateError, Password, PasswordPolicy};

/// How first passwords are made and where they go.
pub(crate) struct FirstPasswords {
    /// `None`: no delivery is configured.
    pub(crate) settings: Option<InitialPassword>,
    delivery: Option<Delivery>,
    /// Letters that wait for the manager, or could not be delivered.
    waiting: Mutex<HashMap<String, Letter>>,
    policy: OnceCell<PasswordPolicy>,
    /// Accounts that may have been added with a password nobody knows, by name.
    unsure: std::sync::Mutex<HashSet<String>>,
}

impl FirstPasswords {
    pub(crate) fn new(settings: Option<&InitialPassword>) -> Result<Self, ConfigError> {
        let delivery = settings.and_then(|s| s.delivery.as_ref()).map(Delivery::new).transpose();
        Ok(Self {
            settings: settings.cloned(),
            delivery: delivery
                .map_err(|e| ConfigError { setting: "initial_password.delivery", reason: e.to_string() })?,
            waiting: Mutex::new(HashMap::new()),
            policy: OnceCell::new(),
            unsure: std::sync::Mutex::default(),
        })
    }

    /// True when a letter needs the manager's address.
    pub(crate) fn needs_manager(&self) -> bool {
        self.delivery.as_ref().is_some_and(Delivery::needs_manager)
    }

    /// Hands a new password over, or keeps it in memory until the manager is known.
    pub(crate) async fn hand_over(&self, letter: Letter) {
        let Some(delivery) = &self.delivery else { return };
        if delivery.needs_manager() && letter.manager_mail.is_none() {
            self.waiting.lock().await.insert(letter.anchor.clone(), letter);
            return;
        }
        self.send(delivery, letter).await;
    }

    /// An add whose outcome is unknown may have set a password that nobody got.
    pub(crate) fn unsure(&self, dn: &str) {
        self.unsure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(name_key(dn));
    }

    /// Whether [`Self::unsure`] was said of an account; it no longer is.
    pub(crate) fn was_unsure(&self, dn: &str) -> bool {
        self.unsure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&name_key(dn))
    }

    /// True when a letter of this account waits for its manager.
    pub(crate) async fn waits(&self, anchor: &str) -> bool {
        self.delivery.is_some() && self.waiting.lock().await.contains_key(anchor)
    }

    /// The manager of an account is known now.
    pub(crate) async fn manager_known(&self, anchor: &str, mail: Option<String>) {
        let letter = self.waiting.lock().await.remove(anchor);
        if let (Some(delivery), Some(mut letter)) = (&self.delivery, letter) {
            letter.manager_mail = mail;
            self.send(delivery, letter).await;
        }
    }

    /// Sends everything that waits; returns how many could not be sent.
    pub(crate) async fn deliver_waiting(&self) -> usize {
        let letters: Vec<Letter> = self.waiting.lock().await.drain().map(|(_, letter)| letter).collect();
        if let Some(delivery) = &self.delivery {
            for letter in letters {
                self.send(delivery, letter).await;
            }
        }
        self.waiting.lock().await.len()
    }

    async fn send(&self, delivery: &Delivery, letter: Letter) {
        if let Err(error) = delivery.deliver(&letter).await {
            tracing::error!(anchor = letter.anchor, %error, "a first password waits in memory; it is tried again at the end of the cycle");
            self.waiting.lock().await.insert(letter.anchor.clone(), letter);
        }
    }
}

impl LdapTarget {
    /// A password for the directory's policy; `more` characters longer after a refusal.
    pub(crate) async fn make_password(&self, names: &[&str], more: usize) -> Result<Password, GenerateError> {
        let policy = *self.passwords.policy.get_or_init(|| Box::pin(self.read_password_policy())).await;
        let length =
            self.passwords.settings.as_ref().map_or_else(|| InitialPassword::default().length, |s| s.length);
        password::generate(policy, length.max(policy.min_length).saturating_add(more), names)
    }

    /// What the domain or the password policy entries demand; the strictest of several. What cannot be read is no
    /// demand: a refused password is made longer.
    pub(crate) async fn read_password_policy(&self) -> PasswordPolicy {
        let mut policy = PasswordPolicy { min_length: 0, complex: self.dialect.is_ad() };
        let length = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if self.dialect.is_ad() {
            let domain = self
                .root()
                .await
                .ok()
                .and_then(|root| root.domain.clone())
                .unwrap_or_else(|| self.config.base_dn.clone());
            let attributes = ["minPwdLength", "pwdProperties"].map(str::to_owned);
            if let Ok(Some(entry)) = self.read_object(&domain, &attributes).await {
                policy.min_length = length(entry.number("minPwdLength"));
                policy.complex = entry.number("pwdProperties").is_none_or(|bits| bits & 1 == 1);
            }
            return policy;
        }
        let attributes = ["pwdMinLength".to_owned()];
        let mut strictest = |entry: super::entry::Entry| {
            policy.min_length = policy.min_length.max(length(entry.number("pwdMinLength")))
        };
        let answer = self
            .pool
            .search_paged(
                &self.config.base_dn,
                "(objectClass=pwdPolicy)",
                &attributes,
                vec![],
                &mut strictest,
            )
            .await;
        if let Err(failure) = answer {
            tracing::debug!(?failure, "the password policy cannot be read");
        }
        policy
    }
}
