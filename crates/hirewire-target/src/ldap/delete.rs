//! Removing an account, or what the project does instead; and bringing one back.
use std::collections::HashSet;

use hirewire_engine::target::{Applied, Change, TargetError};
use hirewire_engine::value::AttributeValue;
use ldap3::Mod;
use ldap3::controls::RawControl;

use super::LdapTarget;
use super::config::OnDelete;
use super::dialect::ACCOUNT_DISABLED;
use super::dn::Dn;
use super::error::{Doing, code, refused};
use super::references::name_key;
use super::write::Batch;

/// Show deleted objects (spec/targets.md §2.8).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const ATTEMPTS: usize = 3;

impl LdapTarget {
    /// Deletes, disables or keeps, as configured. An account that is gone already is as asked.
    pub(crate) async fn remove(&self, anchor: &str, batch: &Batch) -> Result<Applied, TargetError> {
        let done = |changed| Ok(Applied { anchor: anchor.to_owned(), changed });
        let mut entry = batch.objects.get(&anchor.to_ascii_lowercase()).cloned();
        if self.config.on_delete == OnDelete::Keep {
            return done(false);
        }
        let mut wrote = false;
        for attempt in 1..=ATTEMPTS {
            let Some(here) = entry.take().filter(|e| e.text("isDeleted") != Some("TRUE")) else {
                return done(wrote);
            };
            if self.config.on_delete == OnDelete::Disable {
                let change = Change {
                    attribute: ACCOUNT_DISABLED.into(),
                    old: None,
                    new: Some(AttributeValue::Boolean(true)),
                };
                return self.update_from(anchor, Some(here), &[change], batch).await;
            }
            match self.pool.delete(&here.dn).await {
                Ok(()) => {
                    self.names.forget(&here.dn);
                    self.given.give_back(&name_key(&here.dn));
                    return done(true);
                }
                Err(failure) => {
                    // A name that no longer exists: deleted, or renamed since it was read.
                    let again = failure.outcome_unknown() || failure.code() == Some(code::NO_SUCH_OBJECT);
                    if !again || attempt == ATTEMPTS {
                        return Err(self.error(failure, Doing::Delete, &here.dn));
                    }
                    wrote |= failure.outcome_unknown();
                }
            }
            entry = self.reread(anchor, batch).await?;
        }
        done(wrote)
    }

    /// Brings an account back from Active Directory's recycle bin, to where it was.
    pub(crate) async fn restore(&self, anchor: &str, batch: &Batch) -> Result<Applied, TargetError> {
        let Some(entry) = batch.objects.get(&anchor.to_ascii_lowercase()) else {
            return Err(TargetError::Gone { anchor: anchor.to_owned() });
        };
        if entry.text("isDeleted") != Some("TRUE") {
            return Ok(Applied { anchor: anchor.to_owned(), changed: false });
        }
        let parent = entry
            .text("lastKnownParent")
            .and_then(|p| Dn::parse(p).ok())
            .unwrap_or_else(|| self.container.clone());
        let Some(name) = entry.text("msDS-LastKnownRDN") else {
            return Err(refused("NotPermitted", "the deleted object does not tell its former name", None));
        };
        let place = Dn::child(&parent, "CN", name).to_string();
        let changes = vec![
            Mod::Delete(b"isDeleted".to_vec(), HashSet::new()),
            Mod::Replace(b"distinguishedName".to_vec(), HashSet::from([place.clone().into_bytes()])),
        ];
        let control = RawControl { ctype: SHOW_DELETED.into(), crit: true, val: None };
        self.pool
            .modify(&entry.dn, changes, vec![control])
            .await
            .map_err(|f| self.error(f, Doing::Rename, &place))?;
        self.names.forget(&place);
        Ok(Applied { anchor: anchor.to_owned(), changed: true })
    }
}
