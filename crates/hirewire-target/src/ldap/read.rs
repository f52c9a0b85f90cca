//! Looking up, reading and listing accounts.
use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt as _, stream};
use hirewire_engine::target::{MatchKey, TargetError};
use hirewire_engine::value::{Account, AttributeValue, Attributes};
use ldap3::Scope;
use ldap3::controls::RawControl;

use super::LdapTarget;
use super::connection::Query;
use super::dialect::{ACCOUNT_DISABLED, PARENT};
use super::dn::Dn;
use super::entry::{Entry, guid_bytes};
use super::error::{Doing, Failure, refused};
use super::filter;
use super::references::name_key;
use super::schema::{AttributeType, Schema, Syntax};
use super::syntax;

/// Keys in one search. An unindexed search costs the server a walk over everything, so one search for many.
const KEYS_PER_SEARCH: usize = 50;
/// Show deleted objects (spec/targets.md §2.8).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// One search for several values of one attribute; each value with the index of its key.
struct Lookup<'a> {
    kind: &'a AttributeType,
    keys: &'a [(usize, Vec<u8>)],
}

impl LdapTarget {
    /// See [`hirewire_engine::target::Target::find`].
    pub(crate) async fn find_accounts(
        &self,
        keys: &[MatchKey],
        wanted: &[String],
    ) -> Result<Vec<Vec<Account>>, TargetError> {
        let names: Vec<&str> = keys.iter().map(|k| k.attribute.as_str()).collect();
        if let Some(name) = names.iter().find(|n| self.is_virtual(n) || self.dialect.is_secret(n)) {
            return Err(not_searchable(name));
        }
        let schema = self.schema_with(&names).await?;
        let mut groups: BTreeMap<String, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
        for (i, key) in keys.iter().enumerate() {
            if let Some(bytes) = self.key_bytes(&schema, key).await? {
                groups.entry(key.attribute.to_ascii_lowercase()).or_default().push((i, bytes));
            }
        }
        let mut searches = Vec::new();
        for (attribute, group) in &groups {
            let kind = self.kind(&schema, attribute)?;
            searches.extend(group.chunks(KEYS_PER_SEARCH).map(|keys| Lookup { kind, keys }));
        }
        let attributes = self.attribute_list(wanted, groups.keys());
        let searches: Vec<_> = searches.into_iter().map(|lookup| self.look_up(lookup, &attributes)).collect();
        let mut answers = stream::iter(searches).buffer_unordered(self.config.width);
        let mut hits: Vec<(usize, Entry)> = Vec::new();
        while let Some(answer) = answers.next().await {
            let (Lookup { kind, keys }, entries) =
                answer.map_err(|f| self.error(f, Doing::Search, &self.config.base_dn))?;
            for entry in entries {
                let held: Vec<Vec<u8>> =
                    entry.values(&kind.name).iter().map(|v| syntax::comparable(v, kind.syntax)).collect();
                let matching =
                    keys.iter().filter(|(_, key)| held.contains(&syntax::comparable(key, kind.syntax)));
                hits.extend(matching.map(|(i, _)| (*i, entry.clone())));
            }
        }
        let (places, entries): (Vec<usize>, Vec<Entry>) = hits.into_iter().unzip();
        let mut found = vec![Vec::new(); keys.len()];
        for (place, account) in places.into_iter().zip(self.accounts(&schema, entries, wanted).await?) {
            found[place].extend(account);
        }
        Ok(found)
    }

    async fn look_up<'a>(
        &self,
        lookup: Lookup<'a>,
        attributes: &[String],
    ) -> Result<(Lookup<'a>, Vec<Entry>), Failure> {
        let parts: Vec<String> =
            lookup.keys.iter().map(|(_, v)| filter::equal(&lookup.kind.name, v)).collect();
        let filter = self.dialect.accounts_with(&filter::any(&parts));
        self.collect(&filter, attributes).await.map(|entries| (lookup, entries))
    }

    /// See [`hirewire_engine::target::Target::exists`].
    pub(crate) async fn holds(&self, key: &MatchKey) -> Result<bool, TargetError> {
        if self.is_virtual(&key.attribute) || self.dialect.is_secret(&key.attribute) {
            return Err(not_searchable(&key.attribute));
        }
        let schema = self.schema_with(&[&key.attribute]).await?;
        let Some(bytes) = self.key_bytes(&schema, key).await? else { return Ok(false) };
        let filter = filter::equal(&key.attribute, &bytes);
        let attributes = ["1.1".to_owned()];
        let query = Query {
            base: &self.config.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &attributes,
            limit: 1,
            controls: vec![],
        };
        let found =
            self.pool.search(query).await.map_err(|f| self.error(f, Doing::Search, &self.config.base_dn))?;
        Ok(!found.is_empty())
    }

    /// See [`hirewire_engine::target::Target::read`].
    pub(crate) async fn read_accounts(
        &self,
        anchors: &[String],
        wanted: &[String],
    ) -> Result<Vec<Option<Account>>, TargetError> {
        let schema = self.schema().await?;
        let attributes = self.attribute_list(wanted, [].iter());
        let mut entries = self.objects_by_anchor(anchors, &attributes).await?;
        let here: Vec<(usize, Entry)> = anchors
            .iter()
            .enumerate()
            .filter_map(|(i, a)| Some((i, entries.remove(&a.to_ascii_lowercase())?)))
            .collect();
        let (places, entries): (Vec<usize>, Vec<Entry>) = here.into_iter().unzip();
        let mut result = vec![None; anchors.len()];
        for (place, account) in places.into_iter().zip(self.accounts(&schema, entries, wanted).await?) {
            result[place] = account;
        }
        Ok(result)
    }

    /// Lists the accounts a filter matches. Accounts whose references are not known yet come last.
    pub(crate) async fn list_accounts(
        &self,
        filter: &str,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<(), TargetError> {
        let schema = self.schema().await?;
        let attributes = self.attribute_list(wanted, [].iter());
        let references = self.reference_names(&schema, wanted);
        let mut waiting = Vec::new();
        let mut take = |entry: Entry| {
            if !references.is_empty()
                && let Some(anchor) = self.anchor_of(&entry)
            {
                self.names.put(name_key(&entry.dn), anchor);
            }
            let ready = entry.unfinished.is_empty() && self.unknown_names(&entry, &references).is_empty();
            if !ready {
                waiting.push(entry);
            } else if let Some(account) = self.account(&schema, &entry, wanted) {
                each(account);
            }
        };
        self.pool
            .search_paged(&self.config.base_dn, filter, &attributes, vec![], &mut take)
            .await
            .map_err(|f| self.error(f, Doing::Search, &self.config.base_dn))?;
        for account in self.accounts(&schema, waiting, wanted).await? {
            account.into_iter().for_each(&mut *each);
        }
        Ok(())
    }

    /// Objects by anchor (in lower case); those that are gone are missing. Active Directory's recycle bin is looked into.
    pub(crate) async fn objects_by_anchor(
        &self,
        anchors: &[String],
        attributes: &[String],
    ) -> Result<HashMap<String, Entry>, TargetError> {
        let mut list = attributes.to_vec();
        list.push(self.dialect.anchor.to_owned());
        let mut wanted: Vec<String> = anchors.iter().map(|a| a.to_ascii_lowercase()).collect();
        wanted.sort();
        wanted.dedup();
        let keys: Vec<(String, String)> = wanted
            .iter()
            .filter_map(|anchor| {
                Some((anchor.clone(), filter::equal(self.dialect.anchor, &self.anchor_bytes(anchor)?)))
            })
            .collect();
        let searches: Vec<_> =
            keys.chunks(KEYS_PER_SEARCH).map(|chunk| self.with_anchors(chunk, &list)).collect();
        let mut found = HashMap::new();
        let mut answers = stream::iter(searches).buffer_unordered(self.config.width);
        while let Some(answer) = answers.next().await {
            let entries = answer.map_err(|f| self.error(f, Doing::Search, &self.config.base_dn))?;
            found.extend(
                entries.into_iter().filter_map(|e| Some((self.anchor_of(&e)?.to_ascii_lowercase(), e))),
            );
        }
        drop(answers);
        if self.dialect.is_ad() {
            list.extend(
                ["isDeleted", "isRecycled", "lastKnownParent", "msDS-LastKnownRDN"].map(str::to_owned),
            );
            for (anchor, _) in
                keys.iter().filter(|(anchor, _)| !found.contains_key(anchor)).cloned().collect::<Vec<_>>()
            {
                if let Some(entry) = self.outside_or_deleted(&anchor, &list).await? {
                    found.insert(anchor, entry);
                }
            }
        }
        Ok(found)
    }

    async fn with_anchors(
        &self,
        chunk: &[(String, String)],
        attributes: &[String],
    ) -> Result<Vec<Entry>, Failure> {
        let parts: Vec<String> = chunk.iter().map(|(_, part)| part.clone()).collect();
        self.collect(&filter::any(&parts), attributes).await
    }

    /// One object of Active Directory by GUID, wherever it is: outside of the base, or in the recycle bin.
    async fn outside_or_deleted(
        &self,
        anchor: &str,
        attributes: &[String],
    ) -> Result<Option<Entry>, TargetError> {
        let base = format!("<GUID={anchor}>");
        let control = RawControl { ctype: SHOW_DELETED.into(), crit: false, val: None };
        let query = Query {
            base: &base,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
            limit: 0,
            controls: vec![control],
        };
        match self.pool.search(query).await {
            // Without the recycle bin a deleted object is "recycled" at once: it cannot come back.
            Ok(found) => Ok(found.into_iter().next().filter(|e| e.text("isRecycled") != Some("TRUE"))),
            Err(failure @ (Failure::Timeout | Failure::Lost(_) | Failure::Final(_))) => {
                Err(self.error(failure, Doing::Search, &base))
            }
            Err(Failure::Answer(_)) => Ok(None),
        }
    }

    /// Everything below the base that a filter matches; asked again once when the connection broke.
    async fn collect(&self, filter: &str, attributes: &[String]) -> Result<Vec<Entry>, Failure> {
        for last in [false, true] {
            let mut entries = Vec::new();
            let answer = self
                .pool
                .search_paged(&self.config.base_dn, filter, attributes, vec![], &mut |e| entries.push(e))
                .await;
            match answer {
                Ok(()) => return Ok(entries),
                Err(Failure::Lost(_)) if !last => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(Vec::new())
    }

    /// Turns objects into accounts: same length and order, `None` for an object without an anchor.
    pub(crate) async fn accounts(
        &self,
        schema: &Schema,
        mut entries: Vec<Entry>,
        wanted: &[String],
    ) -> Result<Vec<Option<Account>>, TargetError> {
        for entry in &mut entries {
            self.complete_ranges(entry).await?;
        }
        let references = self.reference_names(schema, wanted);
        let unknown: Vec<String> = entries.iter().flat_map(|e| self.unknown_names(e, &references)).collect();
        self.learn_names(unknown).await?;
        Ok(entries.iter().map(|entry| self.account(schema, entry, wanted)).collect())
    }

    /// Fetches the rest of attributes with more values than the server gives at once.
    async fn complete_ranges(&self, entry: &mut Entry) -> Result<(), TargetError> {
        while let Some((name, next)) = entry.unfinished.pop() {
            let attributes = [format!("{name};range={next}-*")];
            let answer = self
                .read_object(&entry.dn, &attributes)
                .await
                .map_err(|f| self.error(f, Doing::Search, &entry.dn))?;
            let Some(more) = answer else { return Ok(()) };
            let values = more.values(&name).to_vec();
            if values.is_empty() {
                continue;
            }
            entry.put(&name, values);
            entry.unfinished.extend(more.unfinished);
        }
        Ok(())
    }

    fn account(&self, schema: &Schema, entry: &Entry, wanted: &[String]) -> Option<Account> {
        let anchor = self.anchor_of(entry)?;
        let mut attributes = Attributes::new();
        for name in wanted {
            let value = if name.eq_ignore_ascii_case(ACCOUNT_DISABLED) {
                Some(AttributeValue::Boolean(self.is_disabled(entry)))
            } else if name.eq_ignore_ascii_case(PARENT) {
                Dn::parse(&entry.dn).ok().map(|dn| AttributeValue::Text(dn.parent().to_string()))
            } else if self.dialect.is_secret(name) {
                None
            } else {
                self.engine_value(schema, entry, name)
            };
            if let Some(value) = value {
                attributes.insert(name.clone(), value);
            }
        }
        let soft_deleted = entry.text("isDeleted") == Some("TRUE");
        Some(Account { anchor, soft_deleted, attributes })
    }

    /// What an object holds in one attribute, as the engine sees it.
    pub(crate) fn engine_value(&self, schema: &Schema, entry: &Entry, name: &str) -> Option<AttributeValue> {
        let syntax = schema.get(name).map_or(Syntax::Text, |kind| kind.syntax);
        let one = |bytes: &Vec<u8>| match (syntax, std::str::from_utf8(bytes)) {
            (Syntax::Name, Ok(dn)) => Some(match self.names.anchor(&name_key(dn)) {
                Some(anchor) => AttributeValue::Reference(anchor),
                None => AttributeValue::Text(dn.to_owned()),
            }),
            _ => syntax::from_bytes(bytes, syntax),
        };
        let mut values: Vec<AttributeValue> = entry.values(name).iter().filter_map(one).collect();
        if values.len() < 2 { values.pop() } else { Some(AttributeValue::List(values)) }
    }

    fn reference_names(&self, schema: &Schema, wanted: &[String]) -> Vec<String> {
        wanted.iter().filter(|n| schema.get(n).is_some_and(|k| k.syntax == Syntax::Name)).cloned().collect()
    }

    fn unknown_names(&self, entry: &Entry, references: &[String]) -> Vec<String> {
        let names =
            references.iter().flat_map(|r| entry.values(r)).filter_map(|v| std::str::from_utf8(v).ok());
        names.filter(|dn| self.names.anchor(&name_key(dn)).is_none()).map(str::to_owned).collect()
    }

    /// What to ask the server for: the wanted attributes, those the virtual ones come from, and the anchor.
    pub(crate) fn attribute_list<'a>(
        &self,
        wanted: &'a [String],
        more: impl Iterator<Item = &'a String>,
    ) -> Vec<String> {
        let mut list = vec![self.dialect.anchor.to_owned()];
        for name in wanted.iter().chain(more) {
            let name = match name {
                name if name.eq_ignore_ascii_case(ACCOUNT_DISABLED) => &self.dialect.state,
                name if name.eq_ignore_ascii_case(PARENT) || self.dialect.is_secret(name) => continue,
                name => name,
            };
            if !list.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                list.push(name.clone());
            }
        }
        list
    }

    /// The bytes of a key; `None` for a key without value, which nothing matches.
    async fn key_bytes(&self, schema: &Schema, key: &MatchKey) -> Result<Option<Vec<u8>>, TargetError> {
        let kind = self.kind(schema, &key.attribute)?;
        if let (Syntax::Name, AttributeValue::Reference(anchor)) = (kind.syntax, &key.value) {
            let names = self.names_of(std::slice::from_ref(anchor)).await?;
            return Ok(names.into_values().next().map(String::into_bytes));
        }
        // A value longer than the attribute allows is held by nobody: that is an answer, not an error.
        let unlimited = AttributeType { max_length: None, ..kind.clone() };
        syntax::to_bytes(&key.value, &unlimited)
    }

    /// The bytes an anchor is searched with; `None` for a text that is no anchor of this directory.
    fn anchor_bytes(&self, anchor: &str) -> Option<Vec<u8>> {
        if self.dialect.is_ad() {
            return guid_bytes(anchor).map(|b| b.to_vec());
        }
        uuid::Uuid::try_parse(anchor).ok().map(|_| anchor.as_bytes().to_vec())
    }

    pub(crate) fn is_virtual(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(ACCOUNT_DISABLED) || name.eq_ignore_ascii_case(PARENT)
    }
}

fn not_searchable(name: &str) -> TargetError {
    refused(
        "NotImplemented",
        format!("`{name}` cannot be searched for: match on an attribute of the directory"),
        Some(name),
    )
}
