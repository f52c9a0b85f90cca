//! What should each attribute be, and why? Mapping rows, flow types, defaults, nulls (`spec/engine.md §5`, §6).
use std::cmp::Ordering;

use hirewire_expression::{Environment, EvalError, Outcome, Source, Value};
use hirewire_schema::FlowType;

use crate::attribute::{AttributeType, Mutability, TargetAttribute};
use crate::compare::{contains, is_empty, same_value};
use crate::compiled::{CompiledSchema, Row, RowSource};
use crate::convert::{Dates, Wanted, settle};
use crate::neighbours::{Neighbours, TakenIn};
use crate::person::Prepared;
use crate::plan::{RowOutcome, Warning, WarningCode, Why};
use crate::reason::Reason;
use crate::record::Presence;
use crate::settings::MissingActive;
use crate::target::Change;
use crate::value::{Account, AttributeValue};

/// What all rows together give.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    pub(crate) changes: Vec<Change>,
    pub(crate) rows: Vec<RowOutcome>,
    /// Whether the account is to be enabled, as its row says; `None` when it says nothing.
    pub(crate) enabled: Option<bool>,
    pub(crate) warnings: Vec<Warning>,
}

/// Why no change set came of it.
#[derive(Debug)]
pub(crate) enum Stop {
    /// `IgnoreObjectFlow` was selected somewhere.
    IgnoreObject,
    /// A row failed, or a required value is missing.
    Failed { reason: Reason, detail: String, rows: Vec<RowOutcome> },
}

/// What came of one row.
enum Flowed {
    /// Write this.
    Write(AttributeValue, Why),
    /// Clear it.
    Clear,
    /// Nothing is written.
    Left(Why),
    /// The whole object is skipped.
    IgnoreObject,
}

struct Failure {
    reason: Reason,
    detail: String,
}

/// Values of the source by the slots of one expression.
pub(crate) struct RowValues<'v, 'p> {
    pub(crate) values: &'v [Value<'p>],
    pub(crate) slots: &'v [usize],
}

impl Source for RowValues<'_, '_> {
    fn value(&self, slot: usize, _name: &str) -> Value<'_> {
        self.slots.get(slot).and_then(|slot| self.values.get(*slot)).map_or(Value::Null, Value::borrowed)
    }
}

/// Evaluates every row that is not a reference for a new account (`held` is `None`) or an existing one.
pub(crate) fn map(
    person: &Prepared<'_>,
    values: &[Value<'_>],
    held: Option<&Held<'_>>,
    neighbours: &dyn Neighbours,
    environment: &Environment<'_>,
) -> Result<Mapped, Stop> {
    let schema = person.schema;
    let mut mapped = Mapped { rows: Vec::with_capacity(schema.rows.len()), ..Mapped::default() };
    let mut failure: Option<Failure> = None;
    let mut date_without_time = false;
    for (index, row) in schema.rows.iter().enumerate() {
        let attribute = schema.attribute_of(row);
        if attribute.kind == AttributeType::Reference {
            continue;
        }
        let old = held.and_then(|held| held.value(row.target));
        let mut context = RowContext::new(person, values, row, held, neighbours, environment);
        let flowed = context.flow();
        let redacted = context.redact || attribute.is_secret();
        date_without_time |= context.dates.without_time;
        let why = match flowed {
            Ok(Flowed::IgnoreObject) => return Err(Stop::IgnoreObject),
            Ok(Flowed::Left(why)) => why,
            Ok(Flowed::Write(new, why)) => {
                mapped.note_state(schema.account_state, row.target, Some(&new));
                mapped.changes.push(Change {
                    attribute: attribute.name.clone(),
                    old: old.cloned(),
                    new: Some(new),
                });
                why
            }
            Ok(Flowed::Clear) => {
                mapped.changes.push(Change {
                    attribute: attribute.name.clone(),
                    old: old.cloned(),
                    new: None,
                });
                Why::Cleared
            }
            Err(problem) => {
                failure.get_or_insert(problem);
                Why::Problem
            }
        };
        if why == Why::AlreadyRight {
            mapped.note_state(schema.account_state, row.target, old);
        }
        mapped.rows.push(RowOutcome { row: index, why, redacted });
    }
    if let Some(Failure { reason, detail }) = failure {
        return Err(Stop::Failed { reason, detail, rows: mapped.rows });
    }
    if date_without_time {
        mapped.warnings.push(Warning {
            code: WarningCode::DateWithoutTime,
            message: "a date without a time was taken as 00:00 in the configured time zone".into(),
        });
    }
    if held.is_none() {
        complete(person, &mut mapped)?;
    }
    Ok(mapped)
}

impl Mapped {
    fn note_state(
        &mut self,
        state: Option<crate::compiled::AccountState>,
        target: usize,
        value: Option<&AttributeValue>,
    ) {
        if let Some(state) = state.filter(|state| state.attribute == target) {
            self.enabled = state.is_enabled(value);
        }
    }
}

/// Defaults of required attributes, the default container, and what is still missing then.
fn complete(person: &Prepared<'_>, mapped: &mut Mapped) -> Result<(), Stop> {
    let schema = person.schema;
    let has = |changes: &[Change], attribute: &TargetAttribute| {
        changes.iter().any(|change| change.attribute == attribute.name)
    };
    if let (Some(container), Some(default)) = (schema.container, &schema.settings.default_container) {
        let attribute = &schema.attributes[container];
        if !has(&mapped.changes, attribute) {
            let new = Some(AttributeValue::Text(default.clone()));
            mapped.changes.push(Change { attribute: attribute.name.clone(), old: None, new });
        }
    }
    let mut missing = Vec::new();
    for attribute in schema.attributes.iter().filter(|attribute| needs_value(attribute)) {
        if has(&mapped.changes, attribute) {
            continue;
        }
        let mut dates = Dates::new(&schema.settings.time_zone);
        let default = attribute.default_value.as_deref().map(Value::from);
        match default.map(|default| crate::convert::convert(attribute, default, &mut dates)) {
            Some(Ok(Some(value))) => {
                mapped.changes.push(Change {
                    attribute: attribute.name.clone(),
                    old: None,
                    new: Some(value),
                });
            }
            _ => missing.push(attribute.name.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!("no value for {}", missing.join(", "));
    Err(Stop::Failed {
        reason: Reason::MandatoryFieldsMissing,
        detail,
        rows: std::mem::take(&mut mapped.rows),
    })
}

/// Whether the engine has to give a value before an account can be created. Read-only attributes come from the
/// target, passwords are generated there, references follow in the second step.
fn needs_value(attribute: &TargetAttribute) -> bool {
    attribute.required
        && matches!(attribute.mutability, Mutability::ReadWrite | Mutability::Immutable)
        && attribute.kind != AttributeType::Reference
}

/// What an account holds, by the schema's attributes. Both are sorted by name: one walk instead of many searches.
#[derive(Debug)]
pub(crate) struct Held<'t>(Vec<Option<&'t AttributeValue>>);

impl<'t> Held<'t> {
    pub(crate) fn new(schema: &CompiledSchema, account: &'t Account) -> Self {
        let mut values = vec![None; schema.attributes.len()];
        let mut entries = account.attributes.iter().filter(|(_, value)| !is_empty(value)).peekable();
        for index in &schema.by_name {
            let wanted = schema.attributes[*index].name.as_str();
            while let Some((name, value)) = entries.peek() {
                match name.as_str().cmp(wanted) {
                    Ordering::Less => {
                        entries.next();
                    }
                    Ordering::Equal => {
                        values[*index] = Some(*value);
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
        }
        Self(values)
    }

    fn value(&self, attribute: usize) -> Option<&'t AttributeValue> {
        self.0.get(attribute).copied().flatten()
    }
}

/// One row for one person.
pub(crate) struct RowContext<'c, 'p> {
    person: &'c Prepared<'p>,
    values: &'c [Value<'c>],
    row: &'c Row,
    attribute: &'c TargetAttribute,
    /// The row is evaluated for an existing account.
    update: bool,
    pub(crate) old: Option<&'c AttributeValue>,
    neighbours: &'c dyn Neighbours,
    environment: &'c Environment<'c>,
    dates: Dates<'c>,
    redact: bool,
}

impl<'c, 'p> RowContext<'c, 'p> {
    pub(crate) fn new(
        person: &'c Prepared<'p>,
        values: &'c [Value<'c>],
        row: &'c Row,
        held: Option<&Held<'c>>,
        neighbours: &'c dyn Neighbours,
        environment: &'c Environment<'c>,
    ) -> Self {
        let attribute = person.schema.attribute_of(row);
        Self {
            person,
            values,
            row,
            attribute,
            update: held.is_some(),
            old: held.and_then(|held| held.value(row.target)),
            neighbours,
            environment,
            dates: Dates::new(&person.schema.settings.time_zone),
            redact: false,
        }
    }

    fn flow(&mut self) -> Result<Flowed, Failure> {
        if let Some(why) = self.barred() {
            return Ok(Flowed::Left(why));
        }
        let row = self.row;
        match &row.source {
            RowSource::None => Ok(self.default_of_empty()),
            RowSource::Direct(slot) => {
                let value = self.values.get(*slot).map_or(Value::Null, Value::borrowed);
                self.decide(value)
            }
            RowSource::Expression { expression, slots, .. } => {
                let source = RowValues { values: self.values, slots };
                let taken = TakenIn { attribute: &self.attribute.name, neighbours: self.neighbours };
                let environment = self.environment.with_unique(&taken);
                let outcome =
                    expression.evaluate(&source, &environment).map_err(|error| self.failure(&error))?;
                match outcome {
                    Outcome::IgnoreAttribute => Ok(Flowed::Left(Why::Ignored)),
                    Outcome::IgnoreObject => Ok(Flowed::IgnoreObject),
                    Outcome::Value { value, redact } => {
                        self.redact = redact;
                        self.decide(value)
                    }
                }
            }
        }
    }

    /// Why the row is not even evaluated.
    pub(crate) fn barred(&self) -> Option<Why> {
        if self.attribute.mutability == Mutability::ReadOnly {
            return Some(Why::NotWritable);
        }
        if !self.update {
            return None;
        }
        let only_on_create = self.row.flow_type == FlowType::ObjectAddOnly
            || self.attribute.mutability != Mutability::ReadWrite
            || self.row.selects_unique_value();
        if only_on_create {
            return Some(Why::FlowOnlyOnCreate);
        }
        let schema = self.person.schema;
        let kept = self.person.active_missing
            && schema.settings.missing_active == MissingActive::Keep
            && schema.account_state.is_some_and(|state| state.attribute == self.row.target)
            && schema.active.is_some_and(|active| self.row.slots().contains(&active));
        kept.then_some(Why::AccountStateKept)
    }

    /// A row without source: its default on create, or while the attribute is empty.
    fn default_of_empty(&self) -> Flowed {
        match &self.row.default_value {
            None => Flowed::Left(Why::NullNotFlowed),
            Some(_) if self.old.is_some() => Flowed::Left(Why::TargetHasValue),
            Some(default) => Flowed::Write(default.clone(), Why::DefaultApplied),
        }
    }

    fn decide(&mut self, value: Value<'_>) -> Result<Flowed, Failure> {
        // FlowAlways writes the new value even when it is equal, so that it is converted in any case.
        let compared = if self.row.always_written { None } else { self.old };
        let wanted = settle(self.attribute, value, compared, &mut self.dates).map_err(|error| Failure {
            reason: Reason::SchemaPropertyCanOnlyAcceptValue,
            detail: format!("{}: {error}", self.attribute.name),
        })?;
        Ok(match wanted {
            Wanted::Held => Flowed::Left(Why::AlreadyRight),
            Wanted::Nothing if self.update => self.without_value(),
            Wanted::Nothing => match &self.row.default_value {
                Some(default) => Flowed::Write(default.clone(), Why::DefaultApplied),
                None => Flowed::Left(Why::NullNotFlowed),
            },
            Wanted::Other(new) => self.with_value(new),
        })
    }

    /// An existing account and no value: cleared when both gates are open and the container was sent (§6).
    fn without_value(&self) -> Flowed {
        if !self.clears() {
            return Flowed::Left(Why::NullNotFlowed);
        }
        if self.old.is_some() { Flowed::Clear } else { Flowed::Left(Why::AlreadyRight) }
    }

    /// Whether no value means "clear".
    pub(crate) fn clears(&self) -> bool {
        let sent = |slot: &usize| self.person.presence.get(*slot) != Some(&Presence::ContainerAbsent);
        self.row.null_flow && self.row.flow_type == FlowType::Always && self.row.slots().iter().all(sent)
    }

    fn with_value(&self, new: AttributeValue) -> Flowed {
        let Some(old) = self.old else { return Flowed::Write(new, Why::Changed) };
        let new = match self.row.flow_type {
            FlowType::Always | FlowType::ObjectAddOnly => new,
            FlowType::AttributeAddOnly => return Flowed::Left(Why::TargetHasValue),
            FlowType::ValueAddOnly | FlowType::MultiValueAddOnly if !self.attribute.multivalued => {
                return Flowed::Left(Why::TargetHasValue);
            }
            FlowType::ValueAddOnly | FlowType::MultiValueAddOnly => union(self.attribute, old, new),
        };
        match same_value(self.attribute, old, &new) {
            false => Flowed::Write(new, Why::Changed),
            true if self.row.always_written => Flowed::Write(new, Why::WrittenAlways),
            true => Flowed::Left(Why::AlreadyRight),
        }
    }

    fn failure(&self, error: &EvalError) -> Failure {
        let reason = failure_of(self.row.selects_unique_value(), error);
        Failure { reason, detail: format!("{}: {error}", self.attribute.name) }
    }
}

/// Candidates that are all taken have a name of their own.
pub(crate) fn failure_of(selects_unique_value: bool, error: &EvalError) -> Reason {
    match error.function {
        "SelectUniqueValue" if selects_unique_value => Reason::UniqueValuesExhausted,
        _ => Reason::ExpressionEvaluationFailed,
    }
}

/// The old values and those of the new ones that are missing.
fn union(attribute: &TargetAttribute, old: &AttributeValue, new: AttributeValue) -> AttributeValue {
    let mut values = match old {
        AttributeValue::List(values) => values.clone(),
        single => vec![single.clone()],
    };
    let added = match new {
        AttributeValue::List(added) => added,
        single => vec![single],
    };
    for value in added {
        if !contains(attribute, &values, &value) {
            values.push(value);
        }
    }
    AttributeValue::List(values)
}
