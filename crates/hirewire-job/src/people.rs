//! The people of one batch on their way through a cycle.
use hirewire_engine::value::Account;
use hirewire_engine::{Link, Plan};
use hirewire_store::{OperationId, PendingOperation, PersonState, UploadId};
use serde_json::Value;

use crate::error::JobError;

/// The SCIM extension with which a record says from when to when somebody is employed (`hirewire_engine::lifecycle`).
pub(crate) const LIFECYCLE: &str = hirewire_engine::lifecycle::EXTENSION;

/// Why somebody is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An accepted operation.
    Operation {
        /// Its place in the queue; `None` in a preview, where nothing was accepted yet.
        id: Option<OperationId>,
        /// The upload.
        upload: Option<UploadId>,
        /// The client's name of it.
        bulk_id: Option<String>,
    },
    /// A date has come, a failure is tried again, or somebody asked: the last accepted record is planned again.
    Again,
    /// The person is gone from the source and to be deleted.
    Gone,
    /// Somebody looked at a record that was held for review and says that it is the same person.
    Reviewed,
}

/// One person to be looked at.
#[derive(Debug, Clone)]
pub struct Item {
    /// The person (`externalId`).
    pub anchor: String,
    /// The SCIM user as JSON text; `None` plans the stored record.
    pub data: Option<String>,
    /// File and line.
    pub origin: Option<String>,
    /// Why.
    pub cause: Cause,
}

impl Item {
    /// A person whose stored record is planned again.
    pub fn again(anchor: impl Into<String>) -> Self {
        Self { anchor: anchor.into(), data: None, origin: None, cause: Cause::Again }
    }

    /// A person who is gone from the source for good.
    pub fn gone(anchor: impl Into<String>) -> Self {
        Self { anchor: anchor.into(), data: None, origin: None, cause: Cause::Gone }
    }

    /// A record that was held for review and is the same person's after all.
    pub fn reviewed(anchor: impl Into<String>, data: String) -> Self {
        Self { anchor: anchor.into(), data: Some(data), origin: None, cause: Cause::Reviewed }
    }

    /// An operation that a preview looks at before it is accepted.
    pub fn preview(anchor: impl Into<String>, data: String, origin: Option<String>) -> Self {
        let cause = Cause::Operation { id: None, upload: None, bulk_id: None };
        Self { anchor: anchor.into(), data: Some(data), origin, cause }
    }
}

impl From<PendingOperation> for Item {
    fn from(operation: PendingOperation) -> Self {
        Self {
            anchor: operation.anchor,
            data: Some(operation.data),
            origin: operation.origin,
            cause: Cause::Operation {
                id: Some(operation.id),
                upload: Some(operation.upload),
                bulk_id: operation.bulk_id,
            },
        }
    }
}

/// A person with everything that planning reads.
pub(crate) struct Known {
    pub(crate) item: Item,
    pub(crate) state: PersonState,
    /// What is planned: the operation's record, with the stored lifecycle dates where it has none of its own.
    pub(crate) record: Option<Value>,
    /// What is remembered from now on: the stored record with the operation's attributes laid over it.
    pub(crate) remembered: Option<String>,
    /// Given name, family name and address differ from the stored record: somebody has to look.
    pub(crate) stranger: bool,
    pub(crate) link: Option<Link>,
}

impl Known {
    pub(crate) fn new(item: Item, state: PersonState) -> Result<Self, JobError> {
        let unreadable = |anchor: &str, error: serde_json::Error| JobError::Record {
            anchor: anchor.to_owned(),
            reason: error.to_string(),
        };
        let stored_text = state.person.as_ref().and_then(|p| p.record.as_ref()).map(|r| r.data.as_str());
        let link = state.person.as_ref().and_then(|person| {
            Some(Link {
                source_anchor: item.anchor.clone(),
                target_anchor: person.target.clone()?,
                in_scope: person.in_scope,
            })
        });
        if item.cause == Cause::Gone {
            return Ok(Self { item, state, record: None, remembered: None, stranger: false, link });
        }
        let Some(data) = item.data.as_deref() else {
            let record =
                stored_text.map(serde_json::from_str).transpose().map_err(|e| unreadable(&item.anchor, e))?;
            return Ok(Self { item, state, record, remembered: None, stranger: false, link });
        };
        let mut record: Value = serde_json::from_str(data).map_err(|e| unreadable(&item.anchor, e))?;
        let (mut remembered, mut stranger) = (None, false);
        match stored_text {
            None => {}
            Some(text) if text == data => {}
            Some(text) => {
                let stored: Value = serde_json::from_str(text).map_err(|e| unreadable(&item.anchor, e))?;
                stranger = item.cause != Cause::Reviewed
                    && hirewire_engine::identity::same_person(&stored, &record)
                        == hirewire_engine::identity::Verdict::Review;
                let merged = merge(stored, &record);
                if let (Some(dates), Value::Object(members)) = (merged.get(LIFECYCLE), &mut record) {
                    members.entry(LIFECYCLE).or_insert_with(|| dates.clone());
                }
                remembered = Some(merged.to_string());
            }
        }
        if remembered.is_none() && stored_text.is_none() {
            remembered = item.data.clone();
        }
        Ok(Self { item, state, record: Some(record), remembered, stranger, link })
    }

    pub(crate) fn anchor(&self) -> &str {
        &self.item.anchor
    }
}

/// A person with the decision about them.
pub(crate) struct Decided {
    pub(crate) known: Known,
    pub(crate) before: Option<Account>,
    pub(crate) plan: Plan,
}

/// The stored record with a newer one laid over it: an attribute that the newer one names is replaced, one that it leaves
/// out stays; members of an extension, of `name` and of other complex attributes are merged one by one.
fn merge(stored: Value, newer: &Value) -> Value {
    match (stored, newer) {
        (Value::Object(mut stored), Value::Object(newer)) => {
            for (name, value) in newer {
                let merged = match stored.get_mut(name) {
                    Some(old @ Value::Object(_)) if value.is_object() => merge(old.take(), value),
                    _ => value.clone(),
                };
                stored.insert(name.clone(), merged);
            }
            Value::Object(stored)
        }
        (_, newer) => newer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_partial_record_is_laid_over_the_stored_one() {
        let stored = json!({"externalId": "1", "title": "A", "name": {"givenName": "Ada", "familyName": "M"}, "emails": [1, 2]});
        let newer = json!({"externalId": "1", "name": {"familyName": "N"}, "emails": [3], "active": false});
        let merged = merge(stored, &newer);
        assert_eq!(
            merged,
            json!({"externalId": "1", "title": "A", "name": {"givenName": "Ada", "familyName": "N"}, "emails": [3], "active": false})
        );
    }
}
