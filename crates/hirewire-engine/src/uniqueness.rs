//! One value, one owner: what people planned together have been promised.
//!
//! A batch is planned before anything is written, so that the target does not know yet what the first of two joiners
//! will get. [`Reservations`] does. With it, planning in a batch gives what planning one after the other would give.
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use hirewire_expression::{Random, UniqueValues};

use crate::attribute::AttributeType;
use crate::compare::folded;
use crate::compiled::{CompiledSchema, RowSource};
use crate::mapping::RowValues;
use crate::neighbours::Neighbours;
use crate::person::Prepared;
use crate::plan::{Action, Plan};
use crate::target::MatchKey;
use crate::value::AttributeValue;

/// Values, matching values and accounts that plans of a batch have taken and the target does not show yet.
#[derive(Debug, Default)]
pub struct Reservations {
    /// Target attribute → values, folded.
    values: HashMap<String, HashSet<String>>,
    /// Matching attribute → value, folded → source anchor.
    keys: HashMap<String, HashMap<String, String>>,
    /// Target anchor → source anchor.
    accounts: HashMap<String, String>,
}

impl Reservations {
    /// Nothing promised yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps what a plan takes: to be called after each plan and before the next one of the batch.
    pub fn reserve(&mut self, person: &Prepared<'_>, plan: &Plan) {
        if plan.makes_link()
            && let Some(anchor) = &plan.target_anchor
        {
            self.accounts.insert(anchor.clone(), plan.source_anchor.clone());
        }
        if !plan.action.writes() {
            return;
        }
        for attribute in person.schema.unique_attributes() {
            let change = plan.changes.iter().find(|change| change.attribute == attribute.name);
            for text in change.and_then(|change| change.new.as_ref()).into_iter().flat_map(texts) {
                self.values
                    .entry(attribute.name.clone())
                    .or_default()
                    .insert(folded(text, false).into_owned());
            }
        }
        if plan.action == Action::Create {
            for key in &person.keys {
                let owners = self.keys.entry(key.attribute.clone()).or_default();
                owners.entry(key_text(person.schema, key)).or_insert_with(|| plan.source_anchor.clone());
            }
        }
    }

    /// Whether a plan that was made without these promises takes something that is promised to somebody else, so that
    /// the person has to be planned again [`over`](Self::over) them. Every other plan is the same with and without.
    pub fn concern(&self, person: &Prepared<'_>, plan: &Plan) -> bool {
        let others = |owner: &String| *owner != plan.source_anchor;
        if plan.makes_link()
            && let Some(anchor) = &plan.target_anchor
            && self.accounts.get(anchor).is_some_and(others)
        {
            return true;
        }
        if plan.action != Action::Create {
            return false;
        }
        let promised = |key: &MatchKey| {
            let owners = self.keys.get(&key.attribute)?;
            owners.get(&key_text(person.schema, key))
        };
        if person.keys.iter().any(|key| promised(key).is_some_and(others)) {
            return true;
        }
        person.schema.unique_attributes().any(|attribute| {
            let Some(values) = self.values.get(&attribute.name) else { return false };
            let change = plan.changes.iter().find(|change| change.attribute == attribute.name);
            let mut texts = change.and_then(|change| change.new.as_ref()).into_iter().flat_map(texts);
            texts.any(|text| values.contains(folded(text, false).as_ref()))
        })
    }

    /// Adds what another batch has promised.
    pub fn absorb(&mut self, other: Self) {
        for (attribute, values) in other.values {
            self.values.entry(attribute).or_default().extend(values);
        }
        for (attribute, owners) in other.keys {
            self.keys.entry(attribute).or_default().extend(owners);
        }
        self.accounts.extend(other.accounts);
    }

    /// The neighbours that the next plan of the batch sees.
    pub fn over<'r>(&'r self, schema: &'r CompiledSchema, neighbours: &'r dyn Neighbours) -> Reserved<'r> {
        Reserved { reservations: self, schema, neighbours }
    }
}

/// [`Neighbours`] of the store and the target, and the promises of the batch.
#[derive(Clone, Copy)]
pub struct Reserved<'r> {
    reservations: &'r Reservations,
    schema: &'r CompiledSchema,
    neighbours: &'r dyn Neighbours,
}

impl Neighbours for Reserved<'_> {
    fn owner(&self, target_anchor: &str) -> Option<&str> {
        let promised = self.reservations.accounts.get(target_anchor).map(String::as_str);
        promised.or_else(|| self.neighbours.owner(target_anchor))
    }

    fn target_anchor(&self, source_anchor: &str) -> Option<&str> {
        self.neighbours.target_anchor(source_anchor)
    }

    fn is_taken(&self, attribute: &str, value: &str) -> bool {
        let promised = self.reservations.values.get(attribute);
        promised.is_some_and(|values| values.contains(folded(value, false).as_ref()))
            || self.neighbours.is_taken(attribute, value)
    }

    fn promised(&self, key: &MatchKey) -> Option<&str> {
        let owners = self.reservations.keys.get(&key.attribute);
        let owner = owners.and_then(|owners| owners.get(&key_text(self.schema, key)));
        owner.map(String::as_str).or_else(|| self.neighbours.promised(key))
    }
}

fn key_text(schema: &CompiledSchema, key: &MatchKey) -> String {
    let case_exact = schema.attribute(&key.attribute).is_some_and(|attribute| attribute.case_exact);
    folded(&key.value.log_text(), case_exact).into_owned()
}

/// The texts of a value.
fn texts(value: &AttributeValue) -> Vec<&str> {
    match value {
        AttributeValue::Text(text) => vec![text],
        AttributeValue::List(values) => values.iter().flat_map(texts).collect(),
        AttributeValue::Boolean(_)
        | AttributeValue::Integer(_)
        | AttributeValue::DateTime(_)
        | AttributeValue::Binary(_)
        | AttributeValue::Reference(_) => Vec::new(),
    }
}

/// Says "taken" to every candidate and keeps them.
struct Recorder(RefCell<Vec<String>>);

impl UniqueValues for Recorder {
    fn is_taken(&self, candidate: &str) -> bool {
        self.0.borrow_mut().push(candidate.to_owned());
        true
    }
}

impl Prepared<'_> {
    /// Every value that `SelectUniqueValue` rows could choose for a new account: what to ask `Target::exists` before
    /// [`plan`](Self::plan). `random` must give the same bytes again when the person is planned (same seed), else
    /// candidates with `RandomString` were asked for in vain.
    pub fn unique_candidates(&self, random: &dyn Random) -> Vec<MatchKey> {
        if self.decided.is_some() {
            return Vec::new();
        }
        let environment = self.environment(random);
        let mut keys = Vec::new();
        for row in self.schema.rows.iter().filter(|row| row.selects_unique_value()) {
            let attribute = self.schema.attribute_of(row);
            let RowSource::Expression { expression, slots, .. } = &row.source else { continue };
            if attribute.kind != AttributeType::String {
                continue;
            }
            let recorder = Recorder(RefCell::default());
            let source = RowValues { values: &self.values, slots };
            // Ends in "all taken", which is what the recorder wants.
            drop(expression.evaluate(&source, &environment.with_unique(&recorder)));
            keys.extend(recorder.0.into_inner().into_iter().map(|candidate| MatchKey {
                attribute: attribute.name.clone(),
                value: AttributeValue::Text(candidate),
            }));
        }
        keys
    }
}
