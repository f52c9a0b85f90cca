//! What a run has written, laid over what a directory shows: reads may lag behind writes (replication).
use std::collections::{HashMap, VecDeque};

use hirewire_engine::target::Step;
use hirewire_engine::value::{Account, AttributeValue, Attributes};

/// Accounts remembered; those written longest ago are forgotten first.
const KEPT: usize = 4096;

/// The accounts that were written last.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    accounts: HashMap<String, Written>,
    order: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Written {
    created: bool,
    deleted: bool,
    /// What the account was created with.
    first: Attributes,
    /// Attribute → the value written later; `None` for cleared.
    values: HashMap<String, Option<AttributeValue>>,
}

impl Recent {
    /// Notes a step that the target has confirmed.
    pub(crate) fn note(&mut self, step: Step, anchor: &str) {
        if !self.accounts.contains_key(anchor) {
            self.order.push_back(anchor.to_owned());
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.accounts.remove(&oldest);
            }
        }
        let written = self.accounts.entry(anchor.to_owned()).or_default();
        match step {
            Step::Create { attributes } => {
                written.created = true;
                written.values.clear();
                written.first = attributes;
            }
            Step::Update { changes, .. } => {
                for change in changes {
                    written.values.insert(change.attribute, change.new);
                }
            }
            Step::Delete { .. } => written.deleted = true,
            Step::Restore { .. } => written.deleted = false,
        }
    }

    /// The account as it must be by now, whatever the read showed.
    pub(crate) fn over(&self, anchor: &str, shown: Option<Account>, wanted: &[String]) -> Option<Account> {
        let Some(written) = self.accounts.get(anchor) else { return shown };
        if written.deleted {
            return None;
        }
        let created =
            || Account { anchor: anchor.to_owned(), soft_deleted: false, attributes: Attributes::new() };
        let mut account = shown.or_else(|| written.created.then(created))?;
        for (name, value) in written.first.iter().filter(|(name, _)| wanted.contains(name)) {
            account.attributes.insert(name.clone(), value.clone());
        }
        for (name, value) in written.values.iter().filter(|(name, _)| wanted.contains(name)) {
            match value {
                Some(value) => account.attributes.insert(name.clone(), value.clone()),
                None => account.attributes.remove(name),
            };
        }
        Some(account)
    }
}
