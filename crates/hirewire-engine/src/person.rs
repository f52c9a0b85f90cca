//! From a record to a plan, in two halves around the look-up of the account (`spec/engine.md §20`).
//!
//! [`CompiledSchema::prepare`] reads the record, applies lifecycle dates, filters and scope, and says which account is
//! needed ([`Prepared::lookup`]). The runtime asks the target for many people at once and hands the answer to
//! [`Prepared::plan`]. Both halves are pure.
use hirewire_expression::{DateTime, Environment, Outcome, Random, Value};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::compiled::{CompiledSchema, RowSource};
use crate::convert::{Dates, convert};
use crate::lifecycle::Lifecycle;
use crate::link::Link;
use crate::mapping::{RowValues, failure_of};
use crate::neighbours::Neighbours;
use crate::plan::{Action, Plan, Warning, WarningCode};
use crate::reason::Reason;
use crate::record::{self, Presence};
use crate::settings::MissingActive;
use crate::target::MatchKey;
use crate::value::Account;

/// One person of the source.
#[derive(Debug, Clone, Copy)]
pub struct Person<'p> {
    /// The immutable key, `externalId`.
    pub source_anchor: &'p str,
    /// The SCIM user as uploaded; `None` when the person is gone from the source (tombstone).
    pub record: Option<&'p Json>,
    /// The link of an earlier match or create.
    pub link: Option<&'p Link>,
}

/// Which accounts of the target the plan needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup<'l> {
    /// None: everything is decided.
    Nothing,
    /// The linked one: `Target::read`.
    Anchor(&'l str),
    /// Those that match: `Target::find`, keys by ascending priority.
    Keys(&'l [MatchKey]),
}

/// What the target answered.
#[derive(Debug, Clone, Copy)]
pub enum Current<'t> {
    /// Nothing was asked.
    Nothing,
    /// The linked account; `None` when it is gone.
    Linked(Option<&'t Account>),
    /// The accounts found for each key of [`Lookup::Keys`], in the same order. Keys after the first hit may be left out.
    Found(&'t [Vec<Account>]),
}

/// What the plan reads besides record, schema and account.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// Links and taken values.
    pub neighbours: &'s dyn Neighbours,
    /// Random bytes for `Guid` and `RandomString`.
    pub random: &'s dyn Random,
}

/// A person whose record is read and scoped.
#[derive(Debug)]
pub struct Prepared<'p> {
    pub(crate) schema: &'p CompiledSchema,
    pub(crate) person: Person<'p>,
    pub(crate) now: Timestamp,
    pub(crate) values: Vec<Value<'p>>,
    pub(crate) presence: Vec<Presence>,
    /// The record has no `active`, and the schema reads it.
    pub(crate) active_missing: bool,
    pub(crate) source_deleted: bool,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) in_scope: Option<bool>,
    pub(crate) scope_evidence: Option<String>,
    pub(crate) next_due: Option<Timestamp>,
    pub(crate) decided: Option<Decided>,
    pub(crate) keys: Vec<MatchKey>,
}

/// An end before any account was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) action: Action,
    pub(crate) reason: Reason,
    pub(crate) detail: Option<String>,
}

impl CompiledSchema {
    /// First half: reads the record once, applies dates, filters and scope, evaluates the matching values.
    /// `random` serves matching rows that use it, which none should.
    pub fn prepare<'p>(&'p self, person: Person<'p>, now: Timestamp, random: &dyn Random) -> Prepared<'p> {
        let (values, presence) = match person.record {
            Some(record) if self.enabled => record::read(&self.source, record),
            _ => (Vec::new(), Vec::new()),
        };
        let mut prepared = Prepared {
            schema: self,
            person,
            now,
            values,
            presence,
            active_missing: false,
            source_deleted: false,
            warnings: Vec::new(),
            in_scope: None,
            scope_evidence: None,
            next_due: None,
            decided: None,
            keys: Vec::new(),
        };
        if let Err(decided) = prepared.checks(random) {
            prepared.decided = Some(decided);
        }
        prepared
    }
}

fn skip(reason: Reason) -> Decided {
    Decided { action: Action::Skip, reason, detail: None }
}

impl<'p> Prepared<'p> {
    /// The checks of §20, 1 to 6, in their order.
    fn checks(&mut self, random: &dyn Random) -> Result<(), Decided> {
        let schema = self.schema;
        if !schema.enabled {
            return Err(skip(Reason::ObjectMappingDisabled));
        }
        let Some(record) = self.person.record else { return self.gone() };
        self.effective_active(record)?;
        if !schema.input_filter.holds(&self.values) || !schema.category_filter.holds(&self.values) {
            return Err(skip(Reason::InputFiltered));
        }
        self.source_deleted = schema
            .source_soft_deleted
            .is_some_and(|slot| self.values.get(slot) == Some(&Value::Boolean(true)));
        if self.source_deleted {
            return self.gone();
        }
        let matched = self.match_keys(random)?;
        let in_scope = schema.scope.holds(&self.values);
        self.in_scope = Some(in_scope);
        if in_scope {
            return matched;
        }
        self.scope_evidence = Some(schema.scope.evidence(&self.values));
        self.leaving()
    }

    /// Gone or soft-deleted in the source: what is decided without the account.
    fn gone(&self) -> Result<(), Decided> {
        match self.person.link {
            None => Err(skip(Reason::NotLinked)),
            Some(link) if !link.in_scope => Err(skip(Reason::NotEffectivelyEntitled)),
            Some(_) => Ok(()),
        }
    }

    /// Out of scope: what is decided without the account.
    fn leaving(&mut self) -> Result<(), Decided> {
        match self.person.link {
            None => Err(skip(Reason::NotEffectivelyEntitled)),
            Some(link) if !link.in_scope => Err(skip(Reason::NotEffectivelyEntitled)),
            Some(_) if self.schema.settings.skip_out_of_scope_deletions => {
                Err(skip(Reason::OutOfScopeDeletionSkipped))
            }
            Some(_) => Ok(()),
        }
    }

    /// `active` as the lifecycle dates and the setting for its absence make it (§6).
    fn effective_active(&mut self, record: &Json) -> Result<(), Decided> {
        let Some(slot) = self.schema.active else { return Ok(()) };
        let zone = &self.schema.settings.time_zone;
        let reading = Lifecycle::read(record, zone).map_err(|error| Decided {
            action: Action::Fail,
            reason: Reason::LifecycleDateUnreadable,
            detail: Some(error.to_string()),
        })?;
        let missing = self.values.get(slot).is_none_or(Value::is_null_or_empty);
        let Some(value) = self.values.get_mut(slot) else { return Ok(()) };
        let Some(reading) = reading else {
            self.active_missing = missing;
            if missing && self.schema.settings.missing_active == MissingActive::False {
                *value = Value::Boolean(false);
                self.warnings.push(active_missing("read as false"));
            }
            return Ok(());
        };
        // Dates say it all: who sends them and no `active` means an account from the first to the last day.
        let wanted = missing || *value == Value::Boolean(true);
        if wanted {
            self.next_due = reading.lifecycle.next_change(self.now);
        }
        let given = missing || matches!(value, Value::Boolean(_));
        if given {
            *value = Value::Boolean(wanted && reading.lifecycle.covers(self.now));
        }
        self.warnings.extend(reading.warnings);
        Ok(())
    }

    /// The values to match by. The outer error decides at once; the inner one only when the person is in scope.
    fn match_keys(&mut self, random: &dyn Random) -> Result<Result<(), Decided>, Decided> {
        if self.person.link.is_some() {
            return Ok(Ok(()));
        }
        let schema = self.schema;
        let environment = self.environment(random);
        let mut problem = Ok(());
        let mut keys = Vec::with_capacity(schema.matching.len());
        for index in &schema.matching {
            let row = &schema.rows[*index];
            let attribute = schema.attribute_of(row);
            let value = match &row.source {
                RowSource::None => continue,
                RowSource::Direct(slot) => self.values.get(*slot).map_or(Value::Null, Value::borrowed),
                RowSource::Expression { expression, slots, .. } => {
                    let source = RowValues { values: &self.values, slots };
                    match expression.evaluate(&source, &environment) {
                        Ok(Outcome::Value { value, .. }) => value.into_owned(),
                        Ok(Outcome::IgnoreAttribute) => Value::Null,
                        Ok(Outcome::IgnoreObject) => {
                            problem = Err(skip(Reason::IgnoreObjectFlow));
                            Value::Null
                        }
                        Err(error) => {
                            problem = problem.and(Err(Decided {
                                action: Action::Fail,
                                reason: failure_of(false, &error),
                                detail: Some(format!("{}: {error}", attribute.name)),
                            }));
                            Value::Null
                        }
                    }
                }
            };
            let mut dates = Dates::new(&schema.settings.time_zone);
            match convert(attribute, value, &mut dates) {
                Ok(Some(value)) => keys.push(MatchKey { attribute: attribute.name.clone(), value }),
                Ok(None) => {}
                Err(error) => {
                    problem = problem.and(Err(Decided {
                        action: Action::Fail,
                        reason: Reason::SchemaPropertyCanOnlyAcceptValue,
                        detail: Some(format!("{}: {error}", attribute.name)),
                    }));
                }
            }
        }
        if keys.is_empty() && problem.is_ok() {
            return Err(skip(Reason::ImportSkipped));
        }
        self.keys = keys;
        Ok(problem)
    }

    /// Which account the plan needs.
    pub fn lookup(&self) -> Lookup<'_> {
        match (&self.decided, self.person.link) {
            (Some(_), _) => Lookup::Nothing,
            (None, Some(link)) => Lookup::Anchor(&link.target_anchor),
            (None, None) => Lookup::Keys(&self.keys),
        }
    }

    /// The values that the person is matched by, of ascending priority; empty for somebody who is linked.
    pub fn keys(&self) -> &[MatchKey] {
        &self.keys
    }

    /// [`keys`](Self::keys) of somebody who is out of scope and not linked; empty for everybody else.
    pub fn keys_of_unlinked(&self) -> &[MatchKey] {
        match (self.person.link, self.in_scope) {
            (None, Some(false)) if self.schema.allowed.add => &self.keys,
            _ => &[],
        }
    }

    /// The person's immutable key.
    pub fn source_anchor(&self) -> &'p str {
        self.person.source_anchor
    }

    pub(crate) fn environment<'e>(&'e self, random: &'e dyn Random) -> Environment<'e> {
        let now = DateTime::from_unix_nanoseconds(self.now.as_nanosecond())
            .or(DateTime::from_ticks(0))
            .unwrap_or_else(|| unreachable!("the first tick is a moment"));
        Environment::new(now, random).with_default_domain(self.schema.settings.default_domain.as_deref())
    }

    /// A plan without changes.
    pub(crate) fn bare(&self, action: Action, reason: Option<Reason>) -> Plan {
        Plan {
            source_anchor: self.person.source_anchor.to_owned(),
            target_anchor: self.person.link.map(|link| link.target_anchor.clone()),
            action,
            reason,
            detail: None,
            matched_by: None,
            changes: Vec::new(),
            references: Vec::new(),
            rows: Vec::new(),
            warnings: self.warnings.clone(),
            in_scope: self.in_scope,
            scope_evidence: self.scope_evidence.clone(),
            next_due: self.next_due,
            time_dependent: false,
            restore: false,
        }
    }
}

pub(crate) fn active_missing(consequence: &str) -> Warning {
    Warning {
        code: WarningCode::ActiveMissing,
        message: format!("the record has no `active`: {consequence} (setting missingActive)"),
    }
}
