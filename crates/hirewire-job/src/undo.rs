//! Taking a cycle back: the reverse of what the log says it did, except what has changed since.
use std::collections::BTreeMap;

use hirewire_engine::Action;
use hirewire_engine::attribute::AttributeType;
use hirewire_engine::target::{Change, Step, Target};
use hirewire_engine::undo::{Done, Undo, undo};
use hirewire_engine::value::AttributeValue;
use hirewire_store::log::{LogAction, LogEntry, LogField, LogFilter, LogOrder, LogQuery, LogStatus};
use hirewire_store::{
    BatchResult, CycleCounts, CycleKind, CycleState, LinkChange, PersonResult, PersonWrite,
};
use jiff::Timestamp;

use crate::entry;
use crate::error::JobError;
use crate::runner::Runner;

/// One account's way back.
#[derive(Debug, Clone)]
pub struct UndoPerson {
    /// The person.
    pub anchor: String,
    /// The account.
    pub target: String,
    /// Steps and what stays.
    pub undo: Undo,
    /// The cycle made the account.
    pub created: bool,
}

impl<T: Target> Runner<'_, T> {
    /// What taking a cycle back would do. Nothing is written.
    pub async fn plan_undo(&self, cycle: &str) -> Result<Vec<UndoPerson>, JobError> {
        let filter = LogFilter::equals(LogField::CycleId, cycle);
        let query = LogQuery {
            filter: Some(filter),
            order: LogOrder::OldestFirst,
            limit: usize::MAX >> 2,
            ..LogQuery::default()
        };
        let entries = self.store.log(&query)?.entries;
        let mut accounts: BTreeMap<String, Vec<LogEntry>> = BTreeMap::new();
        for entry in
            entries.into_iter().filter(|e| matches!(e.entry.status, LogStatus::Success | LogStatus::Warning))
        {
            if let Some(target) =
                entry.entry.target.clone().filter(|_| !entry.entry.detail.modified.is_empty())
            {
                accounts.entry(target).or_default().push(entry);
            }
        }
        let anchors: Vec<String> = accounts.keys().cloned().collect();
        let wanted: Vec<String> = self.schema.wanted().to_vec();
        let current = self.target.read(&anchors, &wanted).await?;
        let mut people = Vec::new();
        for ((target, entries), account) in accounts.into_iter().zip(current) {
            let changes: Vec<Vec<Change>> = entries.iter().map(|entry| self.changes(entry)).collect();
            let done: Vec<Done<'_>> = entries
                .iter()
                .zip(&changes)
                .map(|(entry, changes)| Done { action: action(entry), changes, restored: false })
                .collect();
            people.push(UndoPerson {
                anchor: entries[0].entry.source.clone(),
                undo: undo(&done, &target, account.as_ref(), self.schema),
                created: entries.iter().any(|entry| entry.entry.action == LogAction::Create),
                target,
            });
        }
        Ok(people)
    }

    /// Takes a cycle back as planned; a cycle of its own in the log.
    pub async fn undo(&self, people: Vec<UndoPerson>, now: Timestamp) -> Result<String, JobError> {
        let id = uuid::Uuid::now_v7().to_string();
        let cycle = self.store.begin_cycle(self.job, &id, CycleKind::OnDemand, now)?;
        let mut counts = CycleCounts::default();
        let mut results = Vec::new();
        for person in people {
            counts.imported += 1;
            let (mut refused, mut changes, mut removed) = (None, Vec::new(), false);
            for step in &person.undo.steps {
                match self.target.apply(std::slice::from_ref(step)).await.into_iter().next() {
                    Some(Err(error)) => refused = Some(error),
                    _ => match step {
                        Step::Update { changes: written, .. } => changes.extend(written.iter().cloned()),
                        Step::Delete { .. } => removed = true,
                        Step::Create { .. } | Step::Restore { .. } => {}
                    },
                }
            }
            counts.failed += u64::from(refused.is_some());
            counts.updated += u64::from(!changes.is_empty());
            counts.deleted += u64::from(removed);
            let mut result = PersonResult::new(&person.anchor);
            if !person.undo.steps.is_empty() {
                let mut entry = entry::reference_entry(
                    now,
                    &person.anchor,
                    &person.target,
                    &changes,
                    None,
                    refused.as_ref(),
                );
                if removed {
                    entry.action = LogAction::Delete;
                }
                result.log.push(entry);
            }
            if removed {
                result.person = Some(PersonWrite {
                    record: None,
                    link: LinkChange::Remove,
                    in_scope: false,
                    next_due: None,
                    parts: None,
                    name_key: None,
                });
            }
            results.push(result);
        }
        self.store.commit_batch(BatchResult {
            job: self.job,
            cycle: Some(cycle),
            now,
            people: results,
            counts: Some(counts),
        })?;
        let state = if counts.failed > 0 { CycleState::EntryLevelErrors } else { CycleState::Succeeded };
        self.store.end_cycle(cycle, state, now, counts, None)?;
        Ok(id)
    }

    /// An entry's changes with the types of the target's attributes.
    fn changes(&self, entry: &LogEntry) -> Vec<Change> {
        let kind = |name: &str| {
            (0..self.schema.row_count())
                .filter_map(|row| self.schema.row(row))
                .find(|(_, target)| target.name == name)
                .map(|(_, target)| (target.kind, target.multivalued))
        };
        entry
            .entry
            .detail
            .modified
            .iter()
            .filter_map(|modified| {
                let (kind, several) = kind(&modified.name)?;
                let value =
                    |text: &Option<String>| text.as_deref().and_then(|text| typed(kind, several, text));
                Some(Change {
                    attribute: modified.name.clone(),
                    old: value(&modified.old),
                    new: value(&modified.new),
                })
            })
            .collect()
    }
}

fn action(entry: &LogEntry) -> Action {
    match entry.entry.action {
        LogAction::Create => Action::Create,
        LogAction::Disable => Action::Disable,
        LogAction::Delete => Action::Delete,
        LogAction::Update | LogAction::Other | LogAction::StagedDelete => Action::Update,
    }
}

/// A value from the log's text.
fn typed(kind: AttributeType, several: bool, text: &str) -> Option<AttributeValue> {
    if several && let Ok(texts) = serde_json::from_str::<Vec<String>>(text) {
        return Some(AttributeValue::List(
            texts.iter().filter_map(|text| typed(kind, false, text)).collect(),
        ));
    }
    Some(match kind {
        AttributeType::Boolean => AttributeValue::Boolean(text == "True"),
        AttributeType::Integer => AttributeValue::Integer(text.parse().ok()?),
        AttributeType::DateTime => AttributeValue::DateTime(text.trim_end_matches('Z').parse().ok()?),
        AttributeType::Reference => AttributeValue::Reference(text.to_owned()),
        AttributeType::Binary => AttributeValue::Binary(hex::decode(text).ok()?),
        AttributeType::String => AttributeValue::Text(text.to_owned()),
    })
}
