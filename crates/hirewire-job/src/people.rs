//! The people of one batch on their way through a cycle.
use hirewire_engine::value::Account;
use hirewire_engine::{CompiledSchema, Link, Plan};
use hirewire_store::{OperationId, PendingOperation, PersonState, UploadId};
use serde_json::Value;

use crate::error::JobError;
use crate::precedence::{Parts, Precedence};

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
    /// Where it came from: a source's name, `http` for an upload.
    pub source: Option<String>,
    /// Operations of the same person that a preview looks at before this one.
    pub earlier: Vec<Item>,
}

impl Item {
    /// A person whose stored record is planned again.
    pub fn again(anchor: impl Into<String>) -> Self {
        Self::new(anchor, None, None, Cause::Again)
    }

    /// A person who is gone from the source for good.
    pub fn gone(anchor: impl Into<String>) -> Self {
        Self::new(anchor, None, None, Cause::Gone)
    }

    /// A record that was held for review and is the same person's after all.
    pub fn reviewed(anchor: impl Into<String>, data: String) -> Self {
        Self::new(anchor, Some(data), None, Cause::Reviewed)
    }

    /// An operation that a preview looks at before it is accepted.
    pub fn preview(anchor: impl Into<String>, data: String, origin: Option<String>) -> Self {
        let cause = Cause::Operation { id: None, upload: None, bulk_id: None };
        Self::new(anchor, Some(data), origin, cause)
    }

    /// The same with the name of its source.
    pub fn from_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same without its content, cheap to keep.
    pub(crate) fn without_data(&self) -> Self {
        let data =
            if matches!(self.cause, Cause::Operation { id: Some(_), .. }) { None } else { self.data.clone() };
        Self::new(self.anchor.clone(), data, self.origin.clone(), self.cause.clone())
    }

    fn new(anchor: impl Into<String>, data: Option<String>, origin: Option<String>, cause: Cause) -> Self {
        Self { anchor: anchor.into(), data, origin, cause, source: None, earlier: Vec::new() }
    }
}

impl From<PendingOperation> for Item {
    fn from(operation: PendingOperation) -> Self {
        let cause = Cause::Operation {
            id: Some(operation.id),
            upload: Some(operation.upload),
            bulk_id: operation.bulk_id,
        };
        Self::new(operation.anchor, Some(operation.data), operation.origin, cause)
    }
}

/// A person with everything that planning reads.
pub(crate) struct Known {
    pub(crate) item: Item,
    pub(crate) state: PersonState,
    /// What is planned: the operation's record, with the stored lifecycle dates where it has none of its own, or all that
    /// is known where earlier records were not written yet; composed from all sources where the job has a precedence.
    pub(crate) record: Option<Value>,
    /// The last record of somebody who is gone.
    pub(crate) last: Option<Value>,
    /// What is remembered from now on, where it changes ([`CompiledSchema::remember`]).
    pub(crate) remembered: Option<String>,
    /// What each source said, as JSON text, where the job has a precedence.
    pub(crate) parts: Option<String>,
    /// Given name, family name and address differ from the stored record: somebody has to look.
    pub(crate) stranger: bool,
    /// Why no source that may bring people into being knows this one.
    pub(crate) unborn: Option<String>,
    pub(crate) link: Option<Link>,
    /// The store knows that the account is about to be deleted.
    pub(crate) announced: bool,
}

impl Known {
    pub(crate) fn new(
        item: Item,
        state: PersonState,
        schema: &CompiledSchema,
        precedence: Option<&Precedence>,
    ) -> Result<Self, JobError> {
        let link = state.person.as_ref().and_then(|person| {
            Some(Link {
                source_anchor: item.anchor.clone(),
                target_anchor: person.target.clone()?,
                in_scope: person.in_scope,
            })
        });
        let mut known = Self {
            item,
            state,
            record: None,
            last: None,
            remembered: None,
            parts: None,
            stranger: false,
            unborn: None,
            link,
            announced: false,
        };
        // What is tried again is what failed: somebody who was gone is still to be deleted.
        if known.item.cause == Cause::Again && known.state.escrow.as_ref().is_some_and(|escrow| escrow.gone) {
            known.item.cause = Cause::Gone;
        }
        if known.item.cause == Cause::Gone {
            known.last = known.read(known.stored())?;
            return Ok(known);
        }
        match precedence {
            Some(precedence) => known.compose(precedence, schema)?,
            None => known.overlay(schema)?,
        }
        Ok(known)
    }

    fn unreadable(&self, error: &serde_json::Error) -> JobError {
        JobError::Record { anchor: self.item.anchor.clone(), reason: error.to_string() }
    }

    fn stored(&self) -> Option<&str> {
        self.state.person.as_ref()?.record.as_ref().map(|record| record.data.as_str())
    }

    fn read(&self, text: Option<&str>) -> Result<Option<Value>, JobError> {
        text.map(serde_json::from_str).transpose().map_err(|error| self.unreadable(&error))
    }

    /// One source: the operation as it came, the memory with it laid over.
    fn overlay(&mut self, schema: &CompiledSchema) -> Result<(), JobError> {
        let Some(data) = self.item.data.as_deref() else {
            self.record = self.read(self.stored())?;
            return Ok(());
        };
        let Some(mut record) = self.read(Some(data))? else { return Ok(()) };
        for earlier in self.item.earlier.iter().rev() {
            if let Some(Value::Object(older)) = self.read(earlier.data.as_deref())? {
                record = schema.remember(Value::Object(older), &record);
            }
        }
        match self.stored() {
            None => self.remembered = self.item.data.clone(),
            Some(text) if text == data => {}
            Some(text) => {
                let Some(stored) = self.read(Some(text))? else { return Ok(()) };
                self.stranger = self.item.cause != Cause::Reviewed && is_stranger(&stored, &record);
                let merged = schema.remember(stored, &record);
                self.remembered = Some(merged.to_string());
                // Who has no account yet, whose last change was not written, or who is to be planned again, needs all that
                // is known: a delta alone would leave behind what the earlier record said.
                let due = self.state.person.as_ref().is_some_and(|person| person.next_due.is_some());
                record = match self.link.is_none() || self.state.escrow.is_some() || due {
                    true => merged,
                    false => schema.with_remembered_dates(record, &merged),
                };
            }
        }
        self.record = Some(record);
        Ok(())
    }

    /// Several sources: what each said is kept, the record is composed from all of it.
    fn compose(&mut self, precedence: &Precedence, schema: &CompiledSchema) -> Result<(), JobError> {
        let stored = self.read(self.stored())?;
        let text = self.state.person.as_ref().and_then(|person| person.parts.as_deref());
        let mut parts: Parts = match text {
            Some(text) => serde_json::from_str(text).map_err(|error| self.unreadable(&error))?,
            // Remembered before the job had a precedence: nobody's word in particular, so the least.
            None => stored.iter().map(|record| (String::new(), record.clone())).collect(),
        };
        let mut said = false;
        for item in self.item.earlier.iter().chain([&self.item]) {
            let Some(newer) = self.read(item.data.as_deref())? else { continue };
            let source = item.source.clone().unwrap_or_default();
            let part = parts.remove(&source).unwrap_or(Value::Null);
            let part = if part.is_object() { schema.remember(part, &newer) } else { newer };
            parts.insert(source, part);
            said = true;
        }
        if parts.is_empty() {
            return Ok(());
        }
        let record = precedence.compose(&parts);
        self.unborn = precedence.unborn(&parts);
        if said {
            self.stranger = self.item.cause != Cause::Reviewed
                && stored.is_some_and(|stored| is_stranger(&stored, &record));
            self.remembered = Some(record.to_string());
            self.parts = serde_json::to_string(&parts).ok();
        }
        self.record = Some(record);
        Ok(())
    }

    /// Lets go of what is large once the person is planned.
    pub(crate) fn forget_record(&mut self) {
        (self.record, self.last, self.remembered, self.item.data) = (None, None, None, None);
    }

    pub(crate) fn anchor(&self) -> &str {
        &self.item.anchor
    }
}

fn is_stranger(stored: &Value, record: &Value) -> bool {
    hirewire_engine::identity::same_person(stored, record) == hirewire_engine::identity::Verdict::Review
}

/// A person with the decision about them.
pub(crate) struct Decided {
    pub(crate) known: Known,
    pub(crate) before: Option<Account>,
    pub(crate) plan: Plan,
}
