//! Applying steps: one read for the whole batch, then every account on its own, several at a time.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use hirewire_engine::target::{Applied, Step, TargetError};
use hirewire_engine::value::AttributeValue;

use super::LdapTarget;
use super::entry::Entry;
use super::error::{refused, retry};
use super::schema::{AttributeType, Schema, Syntax};
use super::syntax;

/// What all steps of a batch share.
pub(crate) struct Batch {
    pub(crate) schema: Arc<Schema>,
    /// Present names of all referenced accounts.
    pub(crate) names: HashMap<String, String>,
    /// The accounts as they stood at the beginning, by anchor in lower case.
    pub(crate) objects: HashMap<String, Entry>,
    /// What is read of every account.
    pub(crate) attributes: Vec<String>,
    pub(crate) post_read: bool,
}

impl LdapTarget {
    /// See [`hirewire_engine::target::Target::apply`].
    pub(crate) async fn apply_steps(&self, steps: &[Step]) -> Vec<Result<Applied, TargetError>> {
        let batch = match Box::pin(self.prepare(steps)).await {
            Ok(batch) => batch,
            Err(error) => return steps.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers: Vec<Option<Result<Applied, TargetError>>> = steps.iter().map(|_| None).collect();
        let width = self.config.width.saturating_mul(self.config.connections);
        let batch = &batch;
        let work: Vec<_> =
            steps.iter().enumerate().map(|(i, step)| Box::pin(self.numbered_step(i, step, batch))).collect();
        let mut work = stream::iter(work).buffer_unordered(width);
        while let Some((i, answer)) = work.next().await {
            answers[i] = Some(answer);
        }
        answers
            .into_iter()
            .map(|a| a.unwrap_or_else(|| Err(retry("InternalError", "the step was not tried"))))
            .collect()
    }

    async fn numbered_step(
        &self,
        number: usize,
        step: &Step,
        batch: &Batch,
    ) -> (usize, Result<Applied, TargetError>) {
        (number, self.step(step, batch).await)
    }

    async fn step(&self, step: &Step, batch: &Batch) -> Result<Applied, TargetError> {
        match step {
            Step::Create { attributes } => self.create(attributes, batch).await,
            Step::Update { anchor, changes } => self.update(anchor, changes, batch).await,
            Step::Delete { anchor } => self.remove(anchor, batch).await,
            Step::Restore { anchor } => self.restore(anchor, batch).await,
        }
    }

    async fn prepare(&self, steps: &[Step]) -> Result<Batch, TargetError> {
        let mut names: HashSet<&str> = HashSet::new();
        let mut anchors = Vec::new();
        let mut references = Vec::new();
        for step in steps {
            match step {
                Step::Create { attributes } => {
                    names.extend(attributes.keys().map(String::as_str));
                    attributes.values().for_each(|v| collect_references(v, &mut references));
                }
                Step::Update { anchor, changes } => {
                    anchors.push(anchor.clone());
                    names.extend(changes.iter().map(|c| c.attribute.as_str()));
                    changes
                        .iter()
                        .filter_map(|c| c.new.as_ref())
                        .for_each(|v| collect_references(v, &mut references));
                }
                Step::Delete { anchor } | Step::Restore { anchor } => anchors.push(anchor.clone()),
            }
        }
        let known: Vec<&str> =
            names.iter().copied().filter(|n| !self.is_virtual(n) && !self.dialect.is_secret(n)).collect();
        // An attribute the schema does not have is that person's refusal, not the batch's.
        let schema = match self.schema_with(&known).await {
            Err(TargetError::Refused { .. }) => self.schema().await?,
            other => other?,
        };
        let mut wanted: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        wanted.extend([
            self.dialect.rdn.clone(),
            self.dialect.state.clone(),
            self.config.matching_attribute().to_owned(),
        ]);
        wanted.extend((!self.dialect.is_ad()).then(|| "cn".to_owned())); // stands in for a cleared `sn`
        wanted.extend(self.rules.iter().filter_map(|rule| rule.attribute.clone()));
        let attributes = self.attribute_list(&wanted, [].iter());
        let objects = if anchors.is_empty() {
            HashMap::new()
        } else {
            self.objects_by_anchor(&anchors, &attributes).await?
        };
        let names = if references.is_empty() { HashMap::new() } else { self.names_of(&references).await? };
        let post_read = self.root().await?.post_read;
        Ok(Batch { schema, names, objects, attributes, post_read })
    }

    /// Reads one account again, as the batch reads them.
    pub(crate) async fn reread(&self, anchor: &str, batch: &Batch) -> Result<Option<Entry>, TargetError> {
        let found = self.objects_by_anchor(&[anchor.to_owned()], &batch.attributes).await?;
        Ok(found.into_values().next())
    }

    /// The stored values of an engine value; none for no value.
    pub(crate) fn stored_values(
        &self,
        value: Option<&AttributeValue>,
        kind: &AttributeType,
        batch: &Batch,
    ) -> Result<Vec<Vec<u8>>, TargetError> {
        let values: &[AttributeValue] = match value {
            None => &[],
            Some(AttributeValue::List(values)) => values,
            Some(value) => std::slice::from_ref(value),
        };
        let mut stored: Vec<Vec<u8>> = Vec::with_capacity(values.len());
        for value in values {
            let bytes = match (kind.syntax, value) {
                (Syntax::Name, AttributeValue::Reference(anchor)) => {
                    let name = batch.names.get(&anchor.to_ascii_lowercase()).ok_or_else(|| {
                        refused(
                            "InvalidAnchor",
                            format!(
                                "`{}` refers to {anchor}, which is no longer in the directory",
                                kind.name
                            ),
                            Some(&kind.name),
                        )
                    })?;
                    Some(name.clone().into_bytes())
                }
                _ => syntax::to_bytes(value, kind)?,
            };
            if let Some(bytes) = bytes.filter(|b| !stored.contains(b)) {
                stored.push(bytes);
            }
        }
        if kind.single && stored.len() > 1 {
            let reason = format!("`{}` takes one value, not {}", kind.name, stored.len());
            return Err(refused("SchemaPropertyCanOnlyAcceptValue", reason, Some(&kind.name)));
        }
        Ok(stored)
    }
}

fn collect_references(value: &AttributeValue, into: &mut Vec<String>) {
    match value {
        AttributeValue::Reference(anchor) => into.push(anchor.clone()),
        AttributeValue::List(values) => values.iter().for_each(|v| collect_references(v, into)),
        _ => {}
    }
}
