//! One object mapping, ready to run: parsed, resolved, converted once for all people.
use hirewire_expression::Expression;
use hirewire_schema::{FlowType, FlowTypes};
use hirewire_scim::AttributePath;

use crate::attribute::{AttributeType, TargetAttribute};
use crate::scope::Filter;
use crate::settings::Settings;
use crate::value::AttributeValue;

/// A schema and the settings beside it, compiled. Immutable, `Send + Sync`.
#[derive(Debug)]
pub struct CompiledSchema {
    pub(crate) settings: Settings,
    /// `objectMapping.enabled`.
    pub(crate) enabled: bool,
    pub(crate) allowed: FlowTypes,
    /// Every source attribute that a row or a filter reads, once.
    pub(crate) source: Vec<SourceAttribute>,
    pub(crate) scope: Filter,
    pub(crate) input_filter: Filter,
    pub(crate) category_filter: Filter,
    pub(crate) rows: Vec<Row>,
    /// Rows that match, by ascending priority.
    pub(crate) matching: Vec<usize>,
    /// Target attributes that rows write or a create needs.
    pub(crate) attributes: Vec<TargetAttribute>,
    /// Indices of `attributes`, sorted by name.
    pub(crate) by_name: Vec<usize>,
    pub(crate) account_state: Option<AccountState>,
    /// The slot of the source's account state, `active`.
    pub(crate) active: Option<usize>,
    /// The slot of the source's soft-deletion mark.
    pub(crate) source_soft_deleted: Option<usize>,
    /// The attribute that places new accounts.
    pub(crate) container: Option<usize>,
    /// The target knows no account state and no recycle bin: leaving the scope deletes (`spec/engine.md §8`, [U]).
    pub(crate) leaving_deletes: bool,
    pub(crate) wanted: Vec<String>,
    /// Any row reads the clock.
    pub(crate) time_dependent: bool,
    /// Any row writes a reference.
    pub(crate) has_references: bool,
}

/// An attribute of the source object.
#[derive(Debug)]
pub(crate) struct SourceAttribute {
    pub(crate) name: String,
    pub(crate) path: AttributePath,
    /// The first slot that is read in the same list element or extension, where there are several.
    pub(crate) beside: Option<usize>,
    pub(crate) kind: AttributeType,
    /// First null-flow gate.
    pub(crate) flow_null_values: bool,
}

/// The target attribute that carries the account state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountState {
    /// Index into `attributes`.
    pub(crate) attribute: usize,
    /// `accountDisabled`: true means disabled.
    pub(crate) inverted: bool,
    /// The row that writes it on existing accounts; `None` when nothing can be disabled.
    pub(crate) row: Option<usize>,
}

impl AccountState {
    /// Whether an account with this value is enabled. No value: `accountDisabled` not set is enabled, `accountEnabled`
    /// not set says nothing.
    pub(crate) fn is_enabled(self, value: Option<&AttributeValue>) -> Option<bool> {
        match value.and_then(crate::compare::as_boolean) {
            Some(flag) => Some(flag != self.inverted),
            None => self.inverted.then_some(true),
        }
    }
}

/// One attribute mapping.
#[derive(Debug)]
pub struct Row {
    /// Index into `attributes`.
    pub(crate) target: usize,
    pub(crate) source: RowSource,
    pub(crate) default_value: Option<AttributeValue>,
    pub(crate) flow_type: FlowType,
    /// `FlowAlways`.
    pub(crate) always_written: bool,
    /// All gates of null flow are open (`spec/engine.md §6`).
    pub(crate) null_flow: bool,
}

/// Where a row's value comes from.
#[derive(Debug)]
pub(crate) enum RowSource {
    /// `source: null`.
    None,
    /// One attribute as it is.
    Direct(usize),
    /// Everything else. Slots of the expression → slots of the schema.
    Expression { expression: Expression, slots: Vec<usize>, unique: bool },
}

impl CompiledSchema {
    /// The target attributes to ask for in `Target::find`, `read` and `enumerate`.
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// The settings it was compiled with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Target attributes that people are matched by, by ascending priority: the keys of a
    /// [`TargetIndex`](crate::index::TargetIndex).
    pub fn matching_attributes(&self) -> impl Iterator<Item = &TargetAttribute> {
        self.matching.iter().map(|row| &self.attributes[self.rows[*row].target])
    }

    /// Target attributes whose row is a `SelectUniqueValue`: what the runtime answers
    /// [`Neighbours::is_taken`](crate::Neighbours::is_taken) for.
    pub fn unique_attributes(&self) -> impl Iterator<Item = &TargetAttribute> {
        self.rows.iter().filter(|row| row.selects_unique_value()).map(|row| &self.attributes[row.target])
    }

    /// Whether any row reads the clock: an unchanged record may still give another account tomorrow.
    pub fn is_time_dependent(&self) -> bool {
        self.time_dependent
    }

    /// Number of mapping rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// A mapping row and its target attribute.
    pub fn row(&self, index: usize) -> Option<(&Row, &TargetAttribute)> {
        let row = self.rows.get(index)?;
        Some((row, self.attributes.get(row.target)?))
    }

    /// A target attribute by its name, when a row writes it or a create needs it.
    pub fn attribute(&self, name: &str) -> Option<&TargetAttribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn attribute_of(&self, row: &Row) -> &TargetAttribute {
        &self.attributes[row.target]
    }
}

impl Row {
    /// The source expression as written; `None` for a row without source.
    pub fn expression<'s>(&'s self, schema: &'s CompiledSchema) -> Option<std::borrow::Cow<'s, str>> {
        match &self.source {
            RowSource::None => None,
            RowSource::Direct(slot) => Some(format!("[{}]", schema.source[*slot].name).into()),
            RowSource::Expression { expression, .. } => Some(expression.text().into()),
        }
    }

    /// When the row flows.
    pub fn flow_type(&self) -> FlowType {
        self.flow_type
    }

    /// Slots of the schema that the row reads.
    pub(crate) fn slots(&self) -> &[usize] {
        match &self.source {
            RowSource::None => &[],
            RowSource::Direct(slot) => std::slice::from_ref(slot),
            RowSource::Expression { slots, .. } => slots,
        }
    }

    pub(crate) fn selects_unique_value(&self) -> bool {
        matches!(self.source, RowSource::Expression { unique: true, .. })
    }

    pub(crate) fn is_time_dependent(&self) -> bool {
        matches!(&self.source, RowSource::Expression { expression, .. } if expression.is_time_dependent())
    }
}
