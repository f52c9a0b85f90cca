//! What planning one person needs to know of the others: links from the store, values taken in the target.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use hirewire_engine::target::{MatchKey, Target};
use hirewire_engine::uniqueness::Reservations;
use hirewire_engine::value::AttributeValue;
use hirewire_engine::{CompiledSchema, Neighbours};
use hirewire_expression::Random;
use hirewire_store::{JobKey, Store};
use jiff::Timestamp;

use crate::census::Census;
use crate::error::JobError;
use crate::recent::Recent;

/// Links of one batch, and which values are taken. Filled before planning; a question that it cannot answer is noted, so
/// that the answer is fetched and the person planned again.
#[derive(Default)]
pub(crate) struct Company {
    owners: HashMap<String, String>,
    anchors: HashMap<String, Option<String>>,
    /// People who were looked for in the target in vain.
    absent: HashSet<String>,
    taken: HashMap<(String, String), bool>,
    asked: Mutex<BTreeSet<(String, String)>>,
    /// What people of earlier batches were promised and the target does not show yet.
    pub(crate) reservations: Reservations,
    /// What this run has written.
    pub(crate) recent: Recent,
    /// How accounts are found.
    pub(crate) census: Census,
}

impl Company {
    /// Learns who owns the accounts.
    pub(crate) fn learn_owners(
        &mut self,
        store: &Store,
        job: JobKey,
        targets: &[&str],
    ) -> Result<(), JobError> {
        let owners = store.owners(job, targets)?;
        for (target, owner) in targets.iter().zip(owners) {
            if let Some(owner) = owner {
                self.owners.insert((*target).to_owned(), owner);
            }
        }
        Ok(())
    }

    /// Learns the accounts of people, each asked for once.
    pub(crate) fn learn_anchors(
        &mut self,
        store: &Store,
        job: JobKey,
        people: &[String],
    ) -> Result<(), JobError> {
        let unknown: Vec<&String> = people.iter().filter(|p| !self.anchors.contains_key(*p)).collect();
        let found = store.resolve(job, &unknown)?;
        for (person, anchor) in unknown.into_iter().zip(found) {
            self.anchors.insert(person.clone(), anchor);
        }
        Ok(())
    }

    /// Whether somebody's account is known by now.
    pub(crate) fn is_linked(&self, person: &str) -> bool {
        self.anchors.get(person).is_some_and(Option::is_some)
    }

    /// A batch is written: what was promised is in the target or has failed, and what was free may be taken.
    pub(crate) fn settle(&mut self) {
        self.reservations = Reservations::new();
        self.taken.clear();
    }

    /// Follows a link that this run has made or cut.
    pub(crate) fn relink(&mut self, person: &str, before: Option<&str>, now: Option<&str>) {
        if let Some(before) = before {
            self.owners.remove(before);
        }
        if let Some(now) = now
            && !self.owners.is_empty()
        {
            self.owners.insert(now.to_owned(), person.to_owned());
        }
        if let Some(known) = self.anchors.get_mut(person) {
            *known = now.map(str::to_owned);
        }
    }

    /// Somebody's account is gone, whatever the store says.
    pub(crate) fn lose(&mut self, person: &str, anchor: &str) {
        self.owners.remove(anchor);
        self.anchors.insert(person.to_owned(), None);
    }

    /// Fetches the answers to `SelectUniqueValue` questions that were open; true when there were any.
    pub(crate) async fn answer<T: Target>(&mut self, target: &T) -> Result<bool, JobError> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let any = !asked.is_empty();
        for (attribute, value) in asked {
            let key = MatchKey { attribute: attribute.clone(), value: AttributeValue::Text(value.clone()) };
            let taken = target.exists(&key).await?;
            self.taken.insert((attribute, value), taken);
        }
        Ok(any)
    }

    /// Looks in the target for people whom the job does not know, by the matching key: a manager who has an account of
    /// another making counts too.
    pub(crate) async fn learn_from_target<T: Target>(
        &mut self,
        schema: &CompiledSchema,
        target: &T,
        people: &[String],
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), JobError> {
        let unknown =
            people.iter().filter(|person| !self.is_linked(person) && !self.absent.contains(*person));
        let mut wanted: Vec<(String, MatchKey)> = Vec::new();
        for person in unknown {
            let keys = schema.keys_of_anchor(person, now, random);
            wanted.extend(keys.into_iter().map(|key| (person.clone(), key)));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let keys: Vec<MatchKey> = wanted.iter().map(|(_, key)| key.clone()).collect();
        let found = target.find(&keys, schema.wanted()).await?;
        for ((person, _), accounts) in wanted.into_iter().zip(found) {
            let shown = accounts.into_iter().filter_map(|account| {
                let anchor = account.anchor.clone();
                self.recent.over(&anchor, Some(account), schema.wanted())
            });
            let live: Vec<_> = shown.filter(|account| !account.soft_deleted).collect();
            let mut live = live.into_iter();
            match (live.next(), live.next()) {
                (Some(account), None) => {
                    self.anchors.entry(person).or_default().get_or_insert(account.anchor);
                }
                _ => drop(self.absent.insert(person)),
            }
        }
        Ok(())
    }
}

impl Neighbours for Company {
    fn owner(&self, target_anchor: &str) -> Option<&str> {
        self.owners.get(target_anchor).map(String::as_str)
    }

    fn target_anchor(&self, source_anchor: &str) -> Option<&str> {
        self.anchors.get(source_anchor).and_then(Option::as_deref)
    }

    fn is_taken(&self, attribute: &str, value: &str) -> bool {
        let key = (attribute.to_owned(), value.to_lowercase());
        match self.taken.get(&key) {
            Some(taken) => *taken,
            None => {
                self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
                false
            }
        }
    }
}
