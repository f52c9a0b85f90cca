//! Making an account, and finding the own one when it was made before.
use std::collections::HashSet;

use hirewire_engine::target::{Applied, Change, MatchKey, TargetError};
use hirewire_engine::value::{AttributeValue, Attributes};
use ldap3::Mod;
use ldap3::controls::{Control, ControlType, PostRead, PostReadResp};
use ldap3::exop::PasswordModify;

use super::LdapTarget;
use super::account_state::{self, new_account_control};
use super::config::{NameTaken, PasswordMethod};
use super::dialect::{ACCOUNT_DISABLED, PARENT};
use super::dn::Dn;
use super::entry::Entry;
use super::error::{Doing, Failure, code, refused};
use super::references::name_key;
use super::syntax;
use super::taken;
use super::update::{container, secret, texts};
use super::write::Batch;
use crate::delivery::Letter;
use crate::password::Password;

/// sAMAccountName of a user (spec/targets.md §2.2; spec/engine.md §11).
pub(crate) const SAM: &str = "sAMAccountName";
pub(crate) const SAM_LENGTH: usize = 20;
const SAM_FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>@";
/// Passwords the domain's policy may refuse before the person is refused.
const PASSWORD_ATTEMPTS: usize = 3;
/// Characters added after a refusal.
const PASSWORD_STEP: usize = 8;

/// An object to be added.
struct NewObject {
    dn: Dn,
    values: Vec<(String, Vec<Vec<u8>>)>,
    disabled: bool,
    /// It has another name than the mapping's, because that was taken.
    renamed: bool,
    /// The mapped account name.
    account_name: Option<String>,
}

/// An object that is there now and is to be completed.
struct Made {
    anchor: String,
    dn: String,
    disabled: bool,
    /// The add request set the password.
    password_set: bool,
}

impl LdapTarget {
    /// Adds an account, or completes the own one that an earlier, interrupted attempt left.
    pub(crate) async fn create(
        &self,
        attributes: &Attributes,
        batch: &Batch,
    ) -> Result<Applied, TargetError> {
        let mut object = self.new_object(attributes, batch)?;
        let key = self.matching_bytes(attributes, batch);
        let (mut read_back, mut refusals, mut account_names) = (false, 0, 0);
        loop {
            // Somebody of this run has the name already: the directory need not say so.
            while !self.given.take(object.dn.key(), &key) && self.rename(&mut object, attributes) {}
            let dn = object.dn.to_string();
            let password = self.password_for(attributes, refusals * PASSWORD_STEP).await?;
            let failure = match self.add(&object, &dn, password.as_ref(), batch).await {
                Ok(anchor) => {
                    let password_set = self.sets_password_in_add();
                    let made = Made { anchor, dn, disabled: object.disabled, password_set };
                    return self.complete(made, attributes, password, refusals, batch).await;
                }
                Err(failure) => failure,
            };
            self.given.give_back(&object.dn.key());
            if failure.is_password_policy() && refusals < PASSWORD_ATTEMPTS {
                refusals += 1;
                continue;
            }
            if failure.outcome_unknown() {
                self.passwords.unsure(&dn);
                let first = !std::mem::replace(&mut read_back, true);
                if first && self.own_object(&dn, attributes, batch, true).await?.is_none() {
                    continue;
                }
            }
            let account_name = taken::is_account_name(&failure);
            let exists = matches!(failure.code(), Some(code::ALREADY_EXISTS | code::CONSTRAINT_VIOLATION));
            // Whoever has the account name may be anywhere; whoever has the name is there.
            let name_only = failure.code() == Some(code::ALREADY_EXISTS) && !account_name;
            let again = account_name && account_names > 0;
            let anywhere = read_back || !(again || name_only && self.may_rename(&object));
            if (exists || read_back)
                && let Some((anchor, entry)) = self.own_object(&dn, attributes, batch, anywhere).await?
            {
                return self.adopt(anchor, entry, &dn, attributes, batch).await;
            }
            let other_name = match failure.code() {
                _ if account_name => {
                    account_names += 1;
                    self.rename_account(&mut object, account_names - 1)
                }
                Some(code::ALREADY_EXISTS) => self.rename(&mut object, attributes),
                _ => false,
            };
            if !other_name {
                return Err(self.error(failure, Doing::Add, &dn));
            }
            tracing::info!(taken = dn, "another account has this name; the new one gets another");
        }
    }

    /// The matching value as it is stored; empty without one.
    fn matching_bytes(&self, attributes: &Attributes, batch: &Batch) -> Vec<u8> {
        let matching = self.config.matching_attribute();
        let value = attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(matching)).map(|(_, v)| v);
        let kind = self.kind(&batch.schema, matching);
        let stored = kind.and_then(|kind| Ok((self.stored_values(value, kind, batch)?, kind.syntax)));
        stored.map_or_else(
            |_| Vec::new(),
            |(values, syntax)| values.first().map(|v| syntax::comparable(v, syntax)).unwrap_or_default(),
        )
    }

    /// Whether the object may get another name than the mapping's.
    fn may_rename(&self, object: &NewObject) -> bool {
        self.config.name_taken == NameTaken::Append
            && self.dialect.rdn.eq_ignore_ascii_case("cn")
            && !object.renamed
    }

    /// Gives the object its other name; false when it has it already, or may not have it.
    fn rename(&self, object: &mut NewObject, attributes: &Attributes) -> bool {
        let matching = self.config.matching_attribute();
        let value = attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(matching)).map(|(_, v)| v);
        let (Some(key), true) = (texts(value).into_iter().find(|k| !k.is_empty()), self.may_rename(object))
        else {
            return false;
        };
        let Some(name) = object.dn.naming_value("cn") else { return false };
        let name = taken::other_cn(name, &key);
        for (_, values) in object.values.iter_mut().filter(|(n, _)| n.eq_ignore_ascii_case("cn")) {
            *values = vec![name.clone().into_bytes()];
        }
        object.dn = Dn::child(&object.dn.parent(), &self.rdn_spelling(), &name);
        object.renamed = true;
        true
    }

    /// Gives the object its next account name.
    fn rename_account(&self, object: &mut NewObject, attempt: usize) -> bool {
        if self.config.name_taken == NameTaken::Refuse {
            return false;
        }
        let Some(mapped) = object.account_name.clone() else { return false };
        let Some(name) = taken::other_account_name(&mapped, attempt, SAM_LENGTH) else { return false };
        for (_, values) in object.values.iter_mut().filter(|(n, _)| n.eq_ignore_ascii_case(SAM)) {
            *values = vec![name.clone().into_bytes()];
        }
        true
    }

    /// Completes the own object that is there already. When it may be ours of a moment ago, nobody knows its password:
    /// it gets a new one.
    async fn adopt(
        &self,
        anchor: String,
        entry: Entry,
        dn: &str,
        attributes: &Attributes,
        batch: &Batch,
    ) -> Result<Applied, TargetError> {
        let unsure = self.passwords.was_unsure(dn);
        let disabled = self.is_disabled(&entry);
        let applied = self.update_from(&anchor, Some(entry), &as_changes(attributes), batch).await?;
        if !unsure {
            return Ok(applied);
        }
        self.passwords.unsure(dn);
        let password = self.password_for(attributes, 0).await?;
        let dn = self.reread(&anchor, batch).await?.map_or_else(|| dn.to_owned(), |entry| entry.dn);
        let made = Made { anchor, dn, disabled, password_set: false };
        self.complete(made, attributes, password, 0, batch).await
    }

    /// Everything the add request holds except the password.
    fn new_object(&self, attributes: &Attributes, batch: &Batch) -> Result<NewObject, TargetError> {
        let find = |name: &str| attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let rdn = &self.dialect.rdn;
        let name = texts(find(rdn)).into_iter().find(|n| !n.trim().is_empty());
        let name = name.ok_or_else(|| missing(rdn, "it names the object"))?;
        let parent = container(find(PARENT))?.unwrap_or_else(|| self.container.clone());
        let disabled = account_state::wanted(find(ACCOUNT_DISABLED))?;
        let mut values: Vec<(String, Vec<Vec<u8>>)> = vec![("objectClass".into(), self.object_classes())];
        for (name, value) in attributes {
            if self.is_virtual(name) || name.eq_ignore_ascii_case("objectClass") {
                continue;
            }
            if self.dialect.is_secret(name) {
                return Err(secret(name));
            }
            let kind = self.kind(&batch.schema, name)?;
            let stored = self.stored_values(Some(value), kind, batch)?;
            if !stored.is_empty() {
                values.push((kind.name.clone(), stored));
            }
        }
        if self.dialect.is_ad() {
            check_account_name(find(SAM))?;
            values.push((
                "userAccountControl".into(),
                vec![new_account_control(disabled).to_string().into_bytes()],
            ));
            if self.passwords.settings.as_ref().is_some_and(|s| s.change_at_logon) {
                values.push(("pwdLastSet".into(), vec![b"0".to_vec()]));
            }
        } else {
            demanded_names(&mut values, &name);
            if disabled {
                values.push((
                    self.dialect.state.clone(),
                    vec![self.config.account_lock.value.clone().into_bytes()],
                ));
            }
        }
        Ok(NewObject {
            dn: Dn::child(&parent, &self.rdn_spelling(), &name),
            values,
            disabled,
            renamed: false,
            account_name: texts(find(SAM)).into_iter().next(),
        })
    }

    pub(crate) fn rdn_spelling(&self) -> String {
        if self.dialect.is_ad() { "CN".into() } else { self.dialect.rdn.clone() }
    }

    fn object_classes(&self) -> Vec<Vec<u8>> {
        let mut classes: Vec<String> = ["top", "person", "organizationalPerson"].map(str::to_owned).to_vec();
        classes.extend(self.dialect.classes.iter().cloned());
        classes.into_iter().map(String::into_bytes).collect()
    }

    /// One add request; gives the new object's anchor.
    async fn add(
        &self,
        object: &NewObject,
        dn: &str,
        password: Option<&Password>,
        batch: &Batch,
    ) -> Result<String, Failure> {
        let mut values: Vec<(Vec<u8>, HashSet<Vec<u8>>)> = object
            .values
            .iter()
            .map(|(name, values)| (name.clone().into_bytes(), values.iter().cloned().collect()))
            .collect();
        if let Some(password) = password {
            if self.dialect.is_ad() {
                values.push((b"unicodePwd".to_vec(), HashSet::from([quoted_utf16(password)])));
            } else if self.password_method() == PasswordMethod::Attribute {
                values
                    .push((b"userPassword".to_vec(), HashSet::from([password.expose().as_bytes().to_vec()])));
            }
        }
        let controls = if batch.post_read { vec![PostRead::new(vec![self.dialect.anchor])] } else { vec![] };
        let answered = self.pool.add(dn, values, controls).await?;
        if let Some(anchor) = post_read(&answered).and_then(|entry| self.anchor_of(&entry)) {
            return Ok(anchor);
        }
        let entry = match self.read_object(dn, &[self.dialect.anchor.to_owned()]).await {
            Err(failure) if failure.outcome_unknown() => {
                self.read_object(dn, &[self.dialect.anchor.to_owned()]).await?
            }
            other => other?,
        };
        let anchor = entry.and_then(|entry| self.anchor_of(&entry));
        anchor.ok_or_else(|| {
            refused(
                "InternalServerError",
                format!("`{dn}` was added and cannot be read: may we read its {}?", self.dialect.anchor),
                None,
            )
            .into()
        })
    }

    /// After the add: the password where the server takes it separately, its hand-over, and groups.
    async fn complete(
        &self,
        made: Made,
        attributes: &Attributes,
        password: Option<Password>,
        attempt: usize,
        batch: &Batch,
    ) -> Result<Applied, TargetError> {
        let Made { anchor, dn, disabled, password_set } = made;
        self.names.put(name_key(&dn), anchor.clone());
        let mut password = password;
        if password.is_some() && !password_set {
            self.passwords.unsure(&dn);
            password = Some(self.set_password(&dn, attributes, password, attempt).await?);
        }
        self.passwords.was_unsure(&dn);
        let held =
            |name: &str| texts(attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        if let Some(password) = password {
            let manager_mail = match self.passwords.needs_manager() {
                true => self.manager_mail(attributes, batch).await,
                false => None,
            };
            let first =
                |names: &[&str]| names.iter().find_map(|n| held(n).into_iter().next()).unwrap_or_default();
            let letter = Letter {
                anchor: anchor.clone(),
                sign_in_name: first(&[
                    "userPrincipalName",
                    "sAMAccountName",
                    "uid",
                    "mail",
                    &self.dialect.rdn,
                ]),
                display_name: first(&["displayName", "cn", &self.dialect.rdn]),
                manager_mail,
                password,
            };
            self.passwords.hand_over(letter).await;
        }
        self.keep_groups(&dn, disabled, &held).await?;
        Ok(Applied { anchor, changed: true })
    }

    async fn manager_mail(&self, attributes: &Attributes, batch: &Batch) -> Option<String> {
        let AttributeValue::Reference(manager) = attributes.get("manager")? else { return None };
        let dn = batch.names.get(&manager.to_ascii_lowercase())?;
        let entry = self.read_object(dn, &["mail".to_owned()]).await.ok()??;
        entry.text("mail").map(str::to_owned)
    }

    /// Sets a password, a longer one after each refusal by the policy.
    async fn set_password(
        &self,
        dn: &str,
        attributes: &Attributes,
        first: Option<Password>,
        attempt: usize,
    ) -> Result<Password, TargetError> {
        let mut next = first;
        for attempt in attempt.. {
            let password = match next.take() {
                Some(password) => password,
                None => self.new_password(attributes, attempt * PASSWORD_STEP).await?,
            };
            match self.reset_password(dn, &password).await {
                Ok(()) => return Ok(password),
                Err(failure) if failure.is_password_policy() && attempt < PASSWORD_ATTEMPTS => {}
                // Setting the same password again is harmless.
                Err(failure) if failure.outcome_unknown() && attempt < PASSWORD_ATTEMPTS => {
                    next = Some(password)
                }
                Err(failure) => return Err(self.error(failure, Doing::Password, dn)),
            }
        }
        Err(refused("InternalError", "no password was set", None))
    }

    /// One request that sets a password.
    pub(crate) async fn reset_password(&self, dn: &str, password: &Password) -> Result<(), Failure> {
        if self.dialect.is_ad() {
            let value = HashSet::from([quoted_utf16(password)]);
            return self.pool.modify(dn, vec![Mod::Replace(b"unicodePwd".to_vec(), value)], vec![]).await;
        }
        let request = PasswordModify { user_id: Some(dn), old_pass: None, new_pass: Some(password.expose()) };
        self.pool.extended(request.into()).await
    }

    fn sets_password_in_add(&self) -> bool {
        self.dialect.is_ad() || self.password_method() == PasswordMethod::Attribute
    }

    async fn password_for(
        &self,
        attributes: &Attributes,
        more: usize,
    ) -> Result<Option<Password>, TargetError> {
        if !self.dialect.is_ad() && self.passwords.settings.is_none() {
            return Ok(None);
        }
        self.new_password(attributes, more).await.map(Some)
    }

    async fn new_password(&self, attributes: &Attributes, more: usize) -> Result<Password, TargetError> {
        let names: Vec<String> = ["sAMAccountName", "displayName", "cn", "uid", "givenName", "sn"]
            .iter()
            .flat_map(|n| texts(attributes.get(*n)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.make_password(&names, more).await.map_err(|e| refused("InternalError", e.to_string(), None))
    }

    fn password_method(&self) -> PasswordMethod {
        self.passwords.settings.as_ref().map(|s| s.method).unwrap_or_default()
    }

    /// The person's own object: the one at the wanted name if it carries the matching value, else the only one that
    /// does (looked for when it may be `anywhere`: such a search can be slow). Without a matching value, the one at the
    /// wanted name if it holds everything it was to hold.
    async fn own_object(
        &self,
        dn: &str,
        attributes: &Attributes,
        batch: &Batch,
        anywhere: bool,
    ) -> Result<Option<(String, Entry)>, TargetError> {
        let matching = self.config.matching_attribute();
        let value = attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(matching)).map(|(_, v)| v);
        let read = |failure| self.error(failure, Doing::Search, dn);
        let here = self.read_object(dn, &batch.attributes).await.map_err(read)?;
        let Some(value) = value else {
            let own = here.filter(|entry| self.holds_everything(entry, attributes, batch));
            return Ok(own.and_then(|entry| Some((self.anchor_of(&entry)?, entry))));
        };
        let kind = self.kind(&batch.schema, matching)?;
        let wanted = self.stored_values(Some(value), kind, batch)?;
        let carries = |entry: &Entry| {
            let key = |v: &Vec<u8>| syntax::comparable(v, kind.syntax);
            wanted.iter().any(|w| entry.values(matching).iter().any(|v| key(v) == key(w)))
        };
        if let Some(entry) = here.filter(carries) {
            return Ok(self.anchor_of(&entry).map(|anchor| (anchor, entry)));
        }
        if !anywhere {
            return Ok(None);
        }
        let key = MatchKey { attribute: matching.to_owned(), value: value.clone() };
        let mut found = self.find_accounts(&[key], &[]).await?.pop().unwrap_or_default();
        let (Some(account), true) = (found.pop(), found.is_empty()) else { return Ok(None) };
        let entry = self.reread(&account.anchor, batch).await?;
        Ok(entry.map(|entry| (account.anchor, entry)))
    }

    fn holds_everything(&self, entry: &Entry, attributes: &Attributes, batch: &Batch) -> bool {
        attributes.iter().filter(|(name, _)| !self.is_virtual(name)).all(|(name, value)| {
            let Ok(kind) = self.kind(&batch.schema, name) else { return false };
            let Ok(wanted) = self.stored_values(Some(value), kind, batch) else { return false };
            wanted.iter().all(|w| entry.values(name).iter().any(|v| syntax::same(v, w, kind.syntax)))
        })
    }
}

/// inetOrgPerson demands `cn` and `sn`; people with one name have it twice (spec/targets.md §4).
fn demanded_names(values: &mut Vec<(String, Vec<Vec<u8>>)>, name: &str) {
    let first = |values: &[(String, Vec<Vec<u8>>)], names: &[&str]| {
        names
            .iter()
            .find_map(|n| values.iter().find(|(known, _)| known.eq_ignore_ascii_case(n))?.1.first().cloned())
    };
    for demanded in ["cn", "sn"] {
        if first(values, &[demanded]).is_none() {
            let value = first(values, &["displayName", "cn", "givenName"])
                .unwrap_or_else(|| name.as_bytes().to_vec());
            values.push((demanded.into(), vec![value]));
        }
    }
}

pub(crate) fn check_account_name(value: Option<&AttributeValue>) -> Result<(), TargetError> {
    let Some(name) = texts(value).into_iter().find(|n| !n.is_empty()) else {
        return Err(missing(SAM, "every Active Directory account needs one"));
    };
    let wrong = |what: String| {
        Err(refused(
            "SystemForCrossDomainIdentityManagementBadResponse",
            format!("`{SAM}`: {what}"),
            Some(SAM),
        ))
    };
    let length = name.chars().count();
    if length > SAM_LENGTH {
        return wrong(format!("at most {SAM_LENGTH} characters, this name has {length}"));
    }
    if let Some(c) = name.chars().find(|c| SAM_FORBIDDEN.contains(*c) || c.is_control()) {
        return wrong(format!("the character `{}` is not allowed", c.escape_default()));
    }
    if name.ends_with('.') || name.chars().all(|c| c == '.' || c == ' ') {
        return wrong("a name must not end with a full stop".into());
    }
    Ok(())
}

fn missing(name: &str, why: &str) -> TargetError {
    refused("MandatoryFieldsMissing", format!("`{name}` has no value: {why}"), Some(name))
}

fn as_changes(attributes: &Attributes) -> Vec<Change> {
    attributes
        .iter()
        .map(|(name, value)| Change { attribute: name.clone(), old: None, new: Some(value.clone()) })
        .collect()
}

/// The password in double quotes as UTF-16LE (spec/targets.md §2.4).
fn quoted_utf16(password: &Password) -> Vec<u8> {
    let quoted = zeroize::Zeroizing::new(format!("\"{}\"", password.expose()));
    quoted.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The entry in the answer's post-read control.
fn post_read(controls: &[Control]) -> Option<Entry> {
    let Control(_, raw) = controls.iter().find(|c| matches!(c.0, Some(ControlType::PostReadResp)))?;
    let parsed = std::panic::catch_unwind(|| raw.parse::<PostReadResp>()).ok()?;
    let mut entry = Entry::default();
    for (name, values) in parsed.attrs {
        entry.put(&name, values.into_iter().map(String::into_bytes).collect());
    }
    for (name, values) in parsed.bin_attrs {
        entry.put(&name, values);
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use hirewire_engine::value::AttributeValue;

    use super::{check_account_name, demanded_names, quoted_utf16};
    use crate::password::Password;

    #[test]
    fn unicode_password() {
        let bytes = quoted_utf16(&Password::new("Pa55word!é".into()));
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        assert_eq!(text, "IgBQAGEANQA1AHcAbwByAGQAIQDpACIA");
    }

    #[test]
    fn account_names() {
        let ok = |name: &str| check_account_name(Some(&AttributeValue::Text(name.into()))).is_ok();
        assert!(ok("freya.ng") && ok("j o") && ok("Müller") && ok(&"x".repeat(20)));
        for name in ["", "a.", "..", "a/b", "a@b", "a*b", &"x".repeat(21), "a\nb"] {
            assert!(!ok(name), "{name}");
        }
        assert!(check_account_name(None).is_err());
    }

    #[test]
    fn one_name_is_enough() {
        let mut values = vec![("displayName".to_owned(), vec![b"Madonna".to_vec()])];
        demanded_names(&mut values, "madonna");
        assert_eq!(
            values[1..],
            [("cn".to_owned(), vec![b"Madonna".to_vec()]), ("sn".to_owned(), vec![b"Madonna".to_vec()])]
        );
    }
}
