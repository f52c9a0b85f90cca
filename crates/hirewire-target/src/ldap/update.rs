//! Changing an account: attributes and state in one request, then its place and name, then its groups.
use std::collections::HashSet;

use hirewire_engine::target::{Applied, Change, TargetError};
use hirewire_engine::value::AttributeValue;
use ldap3::Mod;

use super::LdapTarget;
use super::account_state;
use super::config::NameTaken;
use super::connection::Modification;
use super::create::check_account_name;
use super::dialect::{ACCOUNT_DISABLED, PARENT};
use super::dn::Dn;
use super::entry::Entry;
use super::error::{Doing, Failure, code, refused};
use super::references::name_key;
use super::schema::{AttributeType, Syntax};
use super::syntax;
use super::taken;
use super::write::Batch;

/// What is still to be written to one object.
#[derive(Debug, Default)]
struct Work {
    modifications: Vec<Modification>,
    /// New first name, when it changes.
    rdn: Option<String>,
    /// New container, when it changes.
    parent: Option<Dn>,
    disabled: bool,
}

/// A write is tried so often when its outcome is unknown or somebody else was faster; every time after a new read.
const ATTEMPTS: usize = 3;

impl LdapTarget {
    /// Brings an account to what the changes say. Reads first and writes only what differs.
    pub(crate) async fn update(
        &self,
        anchor: &str,
        changes: &[Change],
        batch: &Batch,
    ) -> Result<Applied, TargetError> {
        let entry = batch.objects.get(&anchor.to_ascii_lowercase()).cloned();
        self.update_from(anchor, entry, changes, batch).await
    }

    /// The same from a given first reading.
    pub(crate) async fn update_from(
        &self,
        anchor: &str,
        mut entry: Option<Entry>,
        changes: &[Change],
        batch: &Batch,
    ) -> Result<Applied, TargetError> {
        let gone = || TargetError::Gone { anchor: anchor.to_owned() };
        let (mut wrote, mut taken) = (false, false);
        for attempt in 1.. {
            let here = entry.take().filter(|e| e.text("isDeleted") != Some("TRUE")).ok_or_else(gone)?;
            let mut work = self.difference(&here, changes, batch)?;
            if taken {
                self.other_name(&here, &mut work)?;
            }
            match self.carry_out(&here, &work).await {
                Ok(changed) => {
                    let dn = self.final_name(&here, &work);
                    let grouped = self.follow_groups(&here, &dn, changes, &work).await?;
                    self.manager_written(anchor, changes, batch).await;
                    return Ok(Applied { anchor: anchor.to_owned(), changed: wrote || changed || grouped });
                }
                Err((failure, doing)) => {
                    let name_taken = doing == Doing::Rename
                        && failure.code() == Some(code::ALREADY_EXISTS)
                        && !std::mem::replace(&mut taken, true);
                    let again = failure.outcome_unknown() || is_stale(&failure) || name_taken;
                    if !again || attempt >= ATTEMPTS {
                        return Err(self.error(failure, doing, &self.final_name(&here, &work)));
                    }
                    tracing::debug!(anchor, ?failure, "the outcome is unknown: reading the account again");
                    wrote |= failure.outcome_unknown();
                }
            }
            entry = self.reread(anchor, batch).await?;
        }
        Err(gone())
    }

    /// What differs between an object and what it is to be.
    fn difference(&self, entry: &Entry, changes: &[Change], batch: &Batch) -> Result<Work, TargetError> {
        let dn = own_name(entry)?;
        let mut work = Work { disabled: self.is_disabled(entry), ..Work::default() };
        let mut parent = None;
        let mut state = None;
        for change in changes {
            let name = change.attribute.as_str();
            if name.eq_ignore_ascii_case(ACCOUNT_DISABLED) {
                state = Some(account_state::wanted(change.new.as_ref())?);
            } else if name.eq_ignore_ascii_case(PARENT) {
                parent = container(change.new.as_ref())?;
            } else if self.dialect.is_secret(name) {
                return Err(secret(name));
            } else {
                if self.dialect.is_ad() && name.eq_ignore_ascii_case("sAMAccountName") {
                    check_account_name(change.new.as_ref())?;
                }
                let kind = self.kind(&batch.schema, name)?;
                let present = entry.text(name).map(str::to_owned);
                if self.numbered(name, texts(change.new.as_ref()).first(), present.as_ref()) {
                    continue;
                }
                let wanted = self.stored_values(change.new.as_ref(), kind, batch)?;
                if name.eq_ignore_ascii_case(&self.dialect.rdn) {
                    work.rdn = self.new_name(&dn, &wanted, entry.text(self.config.matching_attribute()))?;
                } else {
                    work.modifications.extend(self.attribute_changes(entry, kind, wanted));
                }
            }
        }
        if let Some(disabled) = state {
            work.modifications.extend(self.state_changes(entry, disabled)?);
            work.disabled = disabled;
        }
        work.parent = self.new_place(&dn, state, work.disabled, parent);
        Ok(work)
    }

    /// Where the object is to go; `None` when it is there. While an account is disabled the container for disabled
    /// accounts wins over the mapped one, once it is there.
    fn new_place(&self, dn: &Dn, state: Option<bool>, disabled: bool, mapped: Option<Dn>) -> Option<Dn> {
        let leavers = self.disabled_container.as_ref();
        let among_leavers = leavers.is_some_and(|leavers| dn.parent().is_below(leavers));
        let place = match (state, leavers) {
            (Some(true), Some(leavers)) => Some(leavers.clone()),
            (Some(false), Some(_)) if among_leavers => Some(mapped.unwrap_or_else(|| self.container.clone())),
            _ if disabled && among_leavers => None,
            _ => mapped,
        }?;
        let there = dn.parent().same(&place) || (Some(&place) == leavers && among_leavers);
        (!there).then_some(place)
    }

    /// Another first name for an object whose place or name is taken, where that is allowed.
    fn other_name(&self, entry: &Entry, work: &mut Work) -> Result<(), TargetError> {
        let dn = own_name(entry)?;
        let key = entry.text(self.config.matching_attribute()).filter(|key| !key.is_empty());
        let (Some(key), NameTaken::Append, true) =
            (key, self.config.name_taken, self.dialect.rdn.eq_ignore_ascii_case("cn"))
        else {
            return Ok(());
        };
        let wanted = match &work.rdn {
            Some(rdn) => Dn::parse(rdn).ok().and_then(|dn| dn.naming_value("cn").map(str::to_owned)),
            None => dn.naming_value("cn").map(str::to_owned),
        };
        let Some(wanted) = wanted.filter(|name| !name.ends_with(&format!("({key})"))) else { return Ok(()) };
        let other = taken::other_cn(&wanted, key);
        let same = dn.naming_value("cn") == Some(other.as_str());
        work.rdn = (!same).then(|| Dn::child(&Dn { rdns: vec![] }, &self.rdn_spelling(), &other).first());
        Ok(())
    }

    /// The new first name; `None` when it is the present one, to the letter, or stands for it because it was taken.
    fn new_name(
        &self,
        dn: &Dn,
        wanted: &[Vec<u8>],
        key: Option<&str>,
    ) -> Result<Option<String>, TargetError> {
        let rdn = &self.dialect.rdn;
        let missing = || {
            refused(
                "MandatoryFieldsMissing",
                format!("`{rdn}` names the object and cannot be cleared"),
                Some(rdn),
            )
        };
        let value = wanted.first().and_then(|v| std::str::from_utf8(v).ok()).ok_or_else(missing)?;
        let stands_for = |present: &str| {
            self.config.name_taken == NameTaken::Append
                && rdn.eq_ignore_ascii_case("cn")
                && key.is_some_and(|key| taken::other_cn(value, key) == present)
        };
        if dn.naming_value(rdn).is_some_and(|present| present == value || stands_for(present)) {
            return Ok(None);
        }
        let kind = dn
            .rdns
            .first()
            .and_then(|parts| parts.first())
            .map_or(rdn.as_str(), |part| part.attribute.as_str());
        Ok(Some(Dn::child(&Dn { rdns: vec![] }, kind, value).first()))
    }

    /// What turns the present values of an attribute into the wanted ones. Several values are changed one by one.
    fn attribute_changes(
        &self,
        entry: &Entry,
        kind: &AttributeType,
        mut wanted: Vec<Vec<u8>>,
    ) -> Vec<Modification> {
        let present = entry.values(&kind.name);
        if wanted.is_empty() {
            wanted.extend(self.stand_in(kind, entry));
        }
        let missing: Vec<Vec<u8>> = wanted
            .iter()
            .filter(|w| !present.iter().any(|p| syntax::same(p, w, kind.syntax)))
            .cloned()
            .collect();
        let extra: Vec<Vec<u8>> = present
            .iter()
            .filter(|p| !wanted.iter().any(|w| syntax::same(p, w, kind.syntax)))
            .cloned()
            .collect();
        if missing.is_empty() && extra.is_empty() {
            return Vec::new();
        }
        let name = kind.name.clone().into_bytes();
        if kind.single || present.len() <= 1 || extra.len() == present.len() {
            return vec![Mod::Replace(name, wanted.into_iter().collect())];
        }
        let set = |values: Vec<Vec<u8>>| values.into_iter().collect::<HashSet<_>>();
        let mut changes = Vec::new();
        if !extra.is_empty() {
            changes.push(Mod::Delete(name.clone(), set(extra)));
        }
        if !missing.is_empty() {
            changes.push(Mod::Add(name, set(missing)));
        }
        changes
    }

    /// What a cleared attribute must hold instead: "never" for expiry, and a name where the object class demands one
    /// (spec/targets.md §2.5, §4).
    fn stand_in(&self, kind: &AttributeType, entry: &Entry) -> Option<Vec<u8>> {
        if kind.syntax == Syntax::FileTime {
            let present = entry.text(&kind.name)?;
            let never = matches!(present, "0" | "9223372036854775807");
            return Some(if never { present.to_owned() } else { "0".to_owned() }.into_bytes());
        }
        if self.dialect.is_ad() || !kind.name.eq_ignore_ascii_case("sn") {
            return None;
        }
        entry.text("cn").map(|cn| cn.as_bytes().to_vec())
    }

    /// Writes; true when anything had to be written.
    async fn carry_out(&self, entry: &Entry, work: &Work) -> Result<bool, (Failure, Doing)> {
        let mut changed = false;
        if !work.modifications.is_empty() {
            self.pool
                .modify(&entry.dn, work.modifications.clone(), vec![])
                .await
                .map_err(|f| (f, Doing::Modify))?;
            changed = true;
        }
        if work.rdn.is_some() || work.parent.is_some() {
            let rdn = match &work.rdn {
                Some(rdn) => rdn.clone(),
                None => own_name(entry).map_err(|e| (e.into(), Doing::Rename))?.first(),
            };
            let parent = work.parent.as_ref().map(ToString::to_string);
            self.pool.modify_dn(&entry.dn, &rdn, parent.as_deref()).await.map_err(|f| (f, Doing::Rename))?;
            self.names.forget(&entry.dn);
            self.given.give_back(&name_key(&entry.dn));
            changed = true;
        }
        Ok(changed)
    }

    fn final_name(&self, entry: &Entry, work: &Work) -> String {
        let Ok(dn) = Dn::parse(&entry.dn) else { return entry.dn.clone() };
        if work.rdn.is_none() && work.parent.is_none() {
            return entry.dn.clone();
        }
        let mut name = work.rdn.clone().unwrap_or_else(|| dn.first());
        let parent = work.parent.clone().unwrap_or_else(|| dn.parent()).to_string();
        if !parent.is_empty() {
            name = format!("{name},{parent}");
        }
        name
    }

    /// Groups follow when an attribute of a rule, the state or the matching attribute is part of the changes; the last so
    /// that a repeated creation completes what the first one could not.
    async fn follow_groups(
        &self,
        entry: &Entry,
        dn: &str,
        changes: &[Change],
        work: &Work,
    ) -> Result<bool, TargetError> {
        let touched = |rule: &super::groups::Rule| {
            changes.iter().any(|c| {
                c.attribute.eq_ignore_ascii_case(ACCOUNT_DISABLED)
                    || c.attribute.eq_ignore_ascii_case(self.config.matching_attribute())
                    || rule.attribute.as_ref().is_some_and(|a| a.eq_ignore_ascii_case(&c.attribute))
            })
        };
        if !self.rules.iter().any(touched) {
            return Ok(false);
        }
        let held = |name: &str| match changes.iter().find(|c| c.attribute.eq_ignore_ascii_case(name)) {
            Some(change) => texts(change.new.as_ref()),
            None => entry.values(name).iter().map(|v| String::from_utf8_lossy(v).into_owned()).collect(),
        };
        self.keep_groups(dn, work.disabled, &held).await
    }

    /// A first password that waited for the manager goes out when the manager is written.
    async fn manager_written(&self, anchor: &str, changes: &[Change], batch: &Batch) {
        let manager =
            changes.iter().find(|c| c.attribute.eq_ignore_ascii_case("manager")).and_then(|c| c.new.as_ref());
        let Some(AttributeValue::Reference(manager)) = manager else { return };
        if !self.passwords.waits(anchor).await {
            return;
        }
        let Some(dn) = batch.names.get(&manager.to_ascii_lowercase()) else { return };
        let entry = self.read_object(dn, &["mail".to_owned()]).await.ok().flatten();
        self.passwords
            .manager_known(anchor, entry.as_ref().and_then(|e| e.text("mail")).map(str::to_owned))
            .await;
    }
}

/// The object changed under our hands: another value of `userAccountControl`, another name.
fn is_stale(failure: &Failure) -> bool {
    matches!(failure.code(), Some(code::NO_SUCH_ATTRIBUTE | code::NO_SUCH_OBJECT | code::ASSERTION_FAILED))
}

fn own_name(entry: &Entry) -> Result<Dn, TargetError> {
    Dn::parse(&entry.dn).map_err(|e| {
        refused("InternalError", format!("the directory's own name `{}` cannot be read: {e}", entry.dn), None)
    })
}

/// A mapped container.
pub(crate) fn container(value: Option<&AttributeValue>) -> Result<Option<Dn>, TargetError> {
    let text = match value {
        None => return Ok(None),
        Some(AttributeValue::Text(text) | AttributeValue::Reference(text)) if text.trim().is_empty() => {
            return Ok(None);
        }
        Some(AttributeValue::Text(text) | AttributeValue::Reference(text)) => text,
        Some(_) => {
            return Err(refused(
                "UnprocessableEntity",
                format!("`{PARENT}` takes a distinguished name"),
                Some(PARENT),
            ));
        }
    };
    let wrong = |e| refused("UnprocessableEntity", format!("`{PARENT}`: `{text}`: {e}"), Some(PARENT));
    Dn::parse(text).map(Some).map_err(wrong)
}

/// Passwords are made here and are never mapped.
pub(crate) fn secret(name: &str) -> TargetError {
    refused("NotPermitted", format!("`{name}` is set at random on creation and never mapped"), Some(name))
}

/// The texts of a value, for group rules.
pub(crate) fn texts(value: Option<&AttributeValue>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(AttributeValue::List(values)) => values.iter().flat_map(|v| texts(Some(v))).collect(),
        Some(AttributeValue::Text(text) | AttributeValue::Reference(text)) => vec![text.clone()],
        Some(AttributeValue::Boolean(b)) => vec![if *b { "True".into() } else { "False".into() }],
        Some(AttributeValue::Integer(n)) => vec![n.to_string()],
        Some(AttributeValue::DateTime(at)) => vec![at.to_string()],
        Some(AttributeValue::Binary(_)) => Vec::new(),
    }
}
