//! The whole story of every mapping row, for the log and the console: made on demand, so that planning stays cheap.
use hirewire_expression::REDACTED;
use hirewire_schema::FlowType;
use serde::Serialize;

use crate::person::Prepared;
use crate::plan::{Plan, Why};
use crate::value::{Account, AttributeValue};

/// One mapping row for one person: what went in, what came out, why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueTrace {
    /// Target attribute.
    pub attribute: String,
    /// The source expression; `None` for a row without source.
    pub expression: Option<String>,
    /// Source attributes and their values as text; `None` for no value.
    pub inputs: Vec<(String, Option<String>)>,
    /// What the account holds.
    pub old: Option<AttributeValue>,
    /// What it is to hold, or holds on.
    pub new: Option<AttributeValue>,
    /// When the row flows.
    pub flow_type: FlowType,
    /// Why.
    pub why: Why,
    /// Values are hidden.
    pub redacted: bool,
}

impl Prepared<'_> {
    /// The story of every row that `plan` looked at; `plan` is the one this person gave with `account`.
    pub fn traces(&self, plan: &Plan, account: Option<&Account>) -> Vec<ValueTrace> {
        plan.rows
            .iter()
            .filter_map(|outcome| {
                let (row, attribute) = self.schema.row(outcome.row)?;
                let old = account.and_then(|account| account.attributes.get(&attribute.name));
                let change = plan.changes.iter().find(|change| change.attribute == attribute.name);
                let reference = plan.references.iter().find(|change| change.attribute == attribute.name);
                let new = match (change, reference) {
                    (Some(change), _) => change.new.clone(),
                    (None, Some(reference)) => reference.to.clone().map(AttributeValue::Reference),
                    (None, None) => old.cloned(),
                };
                let input = |slot: &usize| {
                    let source = &self.schema.source[*slot];
                    let value = self.values.get(*slot).filter(|value| !value.is_null_or_empty());
                    (source.name.clone(), value.map(|value| value.texts().join(", ")))
                };
                let trace = ValueTrace {
                    attribute: attribute.name.clone(),
                    expression: row.expression(self.schema).map(|text| text.into_owned()),
                    inputs: row.slots().iter().map(input).collect(),
                    old: old.cloned(),
                    new,
                    flow_type: row.flow_type(),
                    why: outcome.why,
                    redacted: outcome.redacted,
                };
                Some(if trace.redacted { trace.hidden() } else { trace })
            })
            .collect()
    }
}

impl ValueTrace {
    fn hidden(mut self) -> Self {
        let hide = |value: Option<AttributeValue>| value.map(|_| AttributeValue::Text(REDACTED.to_owned()));
        self.old = hide(self.old);
        self.new = hide(self.new);
        for (_, value) in &mut self.inputs {
            *value = value.take().map(|_| REDACTED.to_owned());
        }
        self
    }
}
