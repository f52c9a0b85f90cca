//! Names that somebody else has already: which other name an account gets (spec/targets.md §2.6).
//!
//! `cn` is unique in its container and `sAMAccountName` in the domain, but people share their names. `cn` gets the
//! person's matching value, so that the same person gets the same name however often it is tried; the account name gets
//! a number. Sign-in names and addresses are nobody's to invent: a taken one stays a refusal.
use std::collections::HashMap;
use std::sync::Mutex;

use hirewire_engine::target::Change;
use hirewire_engine::value::{Account, AttributeValue};

use super::LdapTarget;
use super::account_state;
use super::config::NameTaken;
use super::create::{SAM, SAM_LENGTH};
use super::dialect::{ACCOUNT_DISABLED, PARENT};
use super::dn::Dn;
use super::error::{Failure, code, win32};
use super::update::texts;

/// Characters of `cn` (spec/targets.md §2.2).
const CN_LENGTH: usize = 64;
/// Account names that are tried.
const LAST_NUMBER: usize = 99;
/// Names that are remembered.
const MOST: usize = 500_000;

/// `cn` with the person's matching value: `Freya Ng (001042)`.
pub(crate) fn other_cn(name: &str, key: &str) -> String {
    let ending = format!(" ({key})");
    let room = CN_LENGTH.saturating_sub(ending.chars().count());
    let begin: String = name.chars().take(room).collect();
    format!("{}{ending}", begin.trim_end())
}

/// The account name with a number, within `most` characters: `freya.ng2`. `None` after the last one.
pub(crate) fn other_account_name(name: &str, attempt: usize, most: usize) -> Option<String> {
    let number = attempt + 2;
    if number > LAST_NUMBER {
        return None;
    }
    let ending = number.to_string();
    let begin: String = name.chars().take(most.saturating_sub(ending.len())).collect();
    Some(format!("{}{ending}", begin.trim_end_matches('.')))
}

/// Whether an account name is one that was given because the mapped one was taken.
pub(crate) fn stands_for(mapped: &str, present: &str, most: usize) -> bool {
    (0..LAST_NUMBER)
        .map_while(|attempt| other_account_name(mapped, attempt, most))
        .any(|other| other == present)
}

/// Whether an add was refused because of `sAMAccountName`.
pub(crate) fn is_account_name(failure: &Failure) -> bool {
    let Failure::Answer(answer) = failure else { return false };
    win32(&answer.text) == Some(0x524)
        || (answer.code == code::ALREADY_EXISTS
            && answer.text.to_ascii_lowercase().contains("samaccountname"))
}

impl LdapTarget {
    /// See [`hirewire_engine::target::Target::settle`].
    pub(crate) fn settled(&self, account: &Account, changes: &mut Vec<Change>) {
        let held = |name: &str| {
            account.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let enables = changes.iter().any(|change| {
            change.attribute.eq_ignore_ascii_case(ACCOUNT_DISABLED)
                && account_state::wanted(change.new.as_ref()) == Ok(false)
        });
        let below = |leavers: &Dn, value: Option<&AttributeValue>| {
            texts(value).first().and_then(|dn| Dn::parse(dn).ok()).is_some_and(|dn| dn.is_below(leavers))
        };
        let parked = self.disabled_container.as_ref().is_some_and(|leavers| {
            held(ACCOUNT_DISABLED) == Some(&AttributeValue::Boolean(true))
                && !enables
                && below(leavers, held(PARENT))
        });
        let key = texts(held(self.config.matching_attribute())).into_iter().next();
        let stands = |change: &Change| {
            self.config.name_taken == NameTaken::Append
                && change.attribute.eq_ignore_ascii_case(&self.dialect.rdn)
                && change.attribute.eq_ignore_ascii_case("cn")
                && key
                    .as_ref()
                    .zip(texts(change.new.as_ref()).first())
                    .is_some_and(|(key, wanted)| texts(held("cn")).first() == Some(&other_cn(wanted, key)))
        };
        let numbered = |change: &Change| {
            self.numbered(
                &change.attribute,
                texts(change.new.as_ref()).first(),
                texts(held(&change.attribute)).first(),
            )
        };
        let stays =
            |c: &Change| stands(c) || numbered(c) || parked && c.attribute.eq_ignore_ascii_case(PARENT);
        changes.retain(|c| !stays(c));
    }

    /// Whether an account name stands for the mapped one, which somebody else has.
    pub(crate) fn numbered(
        &self,
        attribute: &str,
        mapped: Option<&String>,
        present: Option<&String>,
    ) -> bool {
        self.dialect.is_ad()
            && self.config.name_taken == NameTaken::Append
            && attribute.eq_ignore_ascii_case(SAM)
            && mapped.zip(present).is_some_and(|(mapped, present)| stands_for(mapped, present, SAM_LENGTH))
    }
}

/// Names that were given in this process, with the matching value they were given to: a second Freya Ng need not ask.
#[derive(Debug, Default)]
pub(crate) struct Given(Mutex<HashMap<String, Vec<u8>>>);

impl Given {
    /// Takes a name for a person; false when it was given to somebody else.
    pub(crate) fn take(&self, name: String, key: &[u8]) -> bool {
        let mut given = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match given.get(&name) {
            Some(owner) => owner == key,
            None => {
                if given.len() >= MOST {
                    given.clear();
                }
                given.insert(name, key.to_vec());
                true
            }
        }
    }

    /// Gives a name back: its account was not made, or is gone or called otherwise.
    pub(crate) fn give_back(&self, name: &str) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, other_account_name, other_cn, stands_for};

    #[test]
    fn other_names() {
        assert_eq!(other_cn("Freya Ng", "001042"), "Freya Ng (001042)");
        assert_eq!(other_cn(&"ü".repeat(64), "001042").chars().count(), 64);
        assert_eq!(other_account_name("freya.ng", 0, 20).as_deref(), Some("freya.ng2"));
        assert_eq!(
            other_account_name("christopher.de-la-cr", 8, 20).as_deref(),
            Some("christopher.de-la-10")
        );
        assert_eq!(other_account_name("x", 98, 20), None);
        assert!(stands_for("freya.ng", "freya.ng7", 20) && !stands_for("freya.ng", "freya.ng", 20));
    }

    #[test]
    fn a_name_has_one_owner() {
        let given = Given::default();
        assert!(given.take("cn=x".into(), b"1") && given.take("cn=x".into(), b"1"));
        assert!(!given.take("cn=x".into(), b"2"));
        given.give_back("cn=x");
        assert!(given.take("cn=x".into(), b"2"));
    }
}
