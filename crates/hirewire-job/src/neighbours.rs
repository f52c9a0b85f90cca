//! What planning one person needs to know of the others: links from the store, values taken in the target.
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use hirewire_engine::Neighbours;
use hirewire_engine::target::{MatchKey, Target};
use hirewire_engine::value::AttributeValue;
use hirewire_store::{JobKey, Store};

use crate::error::JobError;

/// Links of one batch, and which values are taken. Filled before planning; a question that it cannot answer is noted, so
/// that the answer is fetched and the person planned again.
#[derive(Default)]
pub(crate) struct Company {
    owners: HashMap<String, String>,
    anchors: HashMap<String, Option<String>>,
    taken: HashMap<(String, String), bool>,
    promised: Mutex<HashSet<(String, String)>>,
    asked: Mutex<HashSet<(String, String)>>,
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

    /// Keeps a unique value for the person it was planned for, so that nobody else of this run gets it.
    pub(crate) fn promise(&self, attribute: &str, value: &str) {
        let key = (attribute.to_owned(), value.to_lowercase());
        self.promised.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
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
        if self.promised.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return true;
        }
        match self.taken.get(&key) {
            Some(taken) => *taken,
            None => {
                self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
                false
            }
        }
    }
}
