//! References to other accounts: resolved through links, written in a second step (`spec/engine.md §9`).
use hirewire_expression::{Environment, Outcome, Random, Value};
use hirewire_schema::FlowType;

use crate::attribute::AttributeType;
use crate::compiled::{CompiledSchema, Row, RowSource};
use crate::mapping::{Held, RowContext, RowValues, Stop, failure_of};
use crate::neighbours::Neighbours;
use crate::person::{Person, Prepared};
use crate::plan::{ReferenceChange, ReferenceStatus, RowOutcome, Warning, WarningCode, Why};
use crate::reason::Reason;
use crate::target::MatchKey;
use crate::value::AttributeValue;

/// What the reference rows give.
#[derive(Debug, Default)]
pub(crate) struct References {
    pub(crate) changes: Vec<ReferenceChange>,
    pub(crate) rows: Vec<RowOutcome>,
    pub(crate) warnings: Vec<Warning>,
}

impl CompiledSchema {
    /// By which values the account of somebody can be found in the target who is not among the job's people: the matching
    /// rows that read nothing but the person's number. Ours; Entra looks among the job's people only (§9).
    pub fn keys_of_anchor(
        &self,
        source_anchor: &str,
        now: jiff::Timestamp,
        random: &dyn Random,
    ) -> Vec<MatchKey> {
        let reads_number = |slot: &usize| self.source[*slot].name.eq_ignore_ascii_case("externalId");
        let matching = self.matching.iter().map(|row| &self.rows[*row]);
        let names: Vec<&str> = matching
            .filter(|row| !row.slots().is_empty() && row.slots().iter().all(reads_number))
            .map(|row| self.attribute_of(row).name.as_str())
            .collect();
        if names.is_empty() {
            return Vec::new();
        }
        let record = serde_json::json!({ "externalId": source_anchor });
        let person = Person { source_anchor, record: Some(&record), link: None };
        let mut keys = self.prepare(person, now, random).keys;
        keys.retain(|key| names.contains(&key.attribute.as_str()));
        keys
    }

    /// The people that a record refers to, by their numbers.
    pub fn referenced(&self, record: &serde_json::Value) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| self.attribute_of(row).kind == AttributeType::Reference);
        rows.flat_map(Row::slots)
            .filter_map(|slot| self.source[*slot].path.get_text(record).map(std::borrow::Cow::into_owned))
            .filter(|number| !number.is_empty())
            .collect()
    }
}

/// Evaluates the rows whose target is a reference. Unresolvable is no failure: the old one stays.
pub(crate) fn references(
    person: &Prepared<'_>,
    values: &[Value<'_>],
    held: Option<&Held<'_>>,
    neighbours: &dyn Neighbours,
    environment: &Environment<'_>,
) -> Result<References, Stop> {
    let schema = person.schema;
    let mut references = References::default();
    for (index, row) in schema.rows.iter().enumerate() {
        let attribute = schema.attribute_of(row);
        if attribute.kind != AttributeType::Reference {
            continue;
        }
        let context = RowContext::new(person, values, row, held, neighbours, environment);
        let outcome = |why| RowOutcome { row: index, why, redacted: attribute.is_secret() };
        if let Some(why) = context.barred() {
            references.rows.push(outcome(why));
            continue;
        }
        let from = context.old.and_then(anchor).map(str::to_owned);
        let source = match source_anchor(&row.source, values, environment, &attribute.name)? {
            Said::Anchor(source) => source,
            Said::Ignored => {
                references.rows.push(outcome(Why::Ignored));
                continue;
            }
        };
        let (change, why) = match source {
            None if context.clears() && from.is_some() => {
                (Some((None, None, ReferenceStatus::Set)), Why::Cleared)
            }
            None => (None, Why::NullNotFlowed),
            Some(_) if from.is_some() && row.flow_type != FlowType::Always => (None, Why::TargetHasValue),
            Some(source) => match neighbours.target_anchor(&source) {
                Some(to) if from.as_deref() == Some(to) && !row.always_written => (None, Why::AlreadyRight),
                Some(to) => {
                    let to = Some(to.to_owned());
                    (Some((Some(source), to, ReferenceStatus::Set)), Why::ReferenceSet)
                }
                None => {
                    references.warnings.push(unresolved(&attribute.name, &source, from.is_some()));
                    (Some((Some(source), None, ReferenceStatus::Pending)), Why::ReferencePending)
                }
            },
        };
        references.rows.push(outcome(why));
        if let Some((to_source_anchor, to, status)) = change {
            let attribute = attribute.name.clone();
            references.changes.push(ReferenceChange { attribute, from, to_source_anchor, to, status });
        }
    }
    Ok(references)
}

enum Said {
    Anchor(Option<String>),
    Ignored,
}

/// The source anchor that a row names; `None` for no value.
fn source_anchor(
    source: &RowSource,
    values: &[Value<'_>],
    environment: &Environment<'_>,
    attribute: &str,
) -> Result<Said, Stop> {
    let several = || Stop::Failed {
        reason: Reason::SchemaPropertyCanOnlyAcceptValue,
        detail: format!("{attribute}: the value is several values for a reference that takes one"),
        rows: Vec::new(),
    };
    let text = |value: &Value<'_>| match value.as_text() {
        _ if value.is_null_or_empty() => Ok(Said::Anchor(None)),
        Some(text) => Ok(Said::Anchor(Some(text.into_owned()))),
        None => Err(several()),
    };
    match source {
        RowSource::None => Ok(Said::Anchor(None)),
        RowSource::Direct(slot) => text(values.get(*slot).unwrap_or(&Value::Null)),
        RowSource::Expression { expression, slots, .. } => {
            let row_values = RowValues { values, slots };
            match expression.evaluate(&row_values, environment) {
                Ok(Outcome::Value { value, .. }) => text(&value),
                Ok(Outcome::IgnoreAttribute) => Ok(Said::Ignored),
                Ok(Outcome::IgnoreObject) => Err(Stop::IgnoreObject),
                Err(error) => Err(Stop::Failed {
                    reason: failure_of(false, &error),
                    detail: format!("{attribute}: {error}"),
                    rows: Vec::new(),
                }),
            }
        }
    }
}

/// The anchor a reference holds.
fn anchor(value: &AttributeValue) -> Option<&str> {
    match value {
        AttributeValue::Reference(anchor) | AttributeValue::Text(anchor) => Some(anchor),
        AttributeValue::List(values) => values.first().and_then(anchor),
        AttributeValue::Boolean(_)
        | AttributeValue::Integer(_)
        | AttributeValue::DateTime(_)
        | AttributeValue::Binary(_) => None,
    }
}

fn unresolved(attribute: &str, source: &str, has_old: bool) -> Warning {
    let rest = if has_old { "the old one stays" } else { "it is set when that person gets an account" };
    Warning {
        code: WarningCode::ReferenceUnresolved,
        message: format!("{attribute}: nobody in scope is known as {source} yet; {rest}"),
    }
}
