//! From a schema document to a [`CompiledSchema`]: everything that can be found wrong is found here, once.
use hirewire_expression::{Expression, Value};
use hirewire_schema::{
    AttributeDefinition, AttributeMapping, AttributeType, FilterGroup, Finding, FlowBehavior, FlowType,
    MappingIndex, Mutability, ObjectDefinition, Schema, Severity,
};
use hirewire_scim::AttributePath;

use crate::attribute::TargetAttribute;
use crate::compiled::{AccountState, CompiledSchema, Row, RowSource, SourceAttribute};
use crate::convert::{Dates, convert};
use crate::scope::{Clause, Filter, Group, Test};
use crate::settings::Settings;
use crate::value::AttributeValue;

/// The name of the source's account state in a schema that names none.
const ACTIVE: &str = "active";
/// The source's soft-deletion mark in a schema that names none.
const SOFT_DELETED: &str = "IsSoftDeleted";
/// The attribute that places an account in Active Directory.
const CONTAINER: &str = "parentDistinguishedName";

impl CompiledSchema {
    /// Compiles the schema's main object mapping: the first enabled one, else the first one (which then skips
    /// everybody as `ObjectMappingDisabled`).
    pub fn compile(schema: &Schema, settings: &Settings) -> Result<Self, Vec<Finding>> {
        let main = schema.main_mapping().or_else(|| schema.mappings().into_iter().next());
        let Some((index, ..)) = main else {
            let path = "synchronizationRules";
            return Err(vec![error("no-object-mapping", path, "the schema has no object mapping to run")]);
        };
        Self::compile_mapping(schema, index, settings)
    }

    /// Compiles one object mapping. Errors are what cannot run: expressions, filters and defaults that mean nothing.
    /// Attributes that the directories do not list are taken as text; the schema's own check reports them.
    pub fn compile_mapping(
        schema: &Schema,
        index: MappingIndex,
        settings: &Settings,
    ) -> Result<Self, Vec<Finding>> {
        let found = schema
            .rules
            .get(index.rule)
            .and_then(|rule| Some((rule, rule.object_mappings.get(index.object_mapping)?)));
        let Some((rule, mapping)) = found else {
            return Err(vec![error(
                "no-object-mapping",
                &index.path().to_string(),
                "there is no such object mapping",
            )]);
        };
        let unknown = ObjectDefinition::default();
        let (source, target) = schema.objects(rule, mapping);
        let mut compiler = Compiler {
            settings,
            source: source.unwrap_or(&unknown),
            target: target.unwrap_or(&unknown),
            slots: Vec::new(),
            attributes: Vec::new(),
            findings: Vec::new(),
        };
        let rows = compiler.rows(&mapping.attribute_mappings, index);
        let path = format!("{}.scope", index.path());
        let scope = compiler.filter(&mapping.scope.groups, &format!("{path}.groups"));
        let input_filter =
            compiler.filter(&mapping.scope.input_filter_groups, &format!("{path}.inputFilterGroups"));
        let category_filter =
            compiler.filter(&mapping.scope.category_filter_groups, &format!("{path}.categoryFilterGroups"));
        if !compiler.findings.is_empty() {
            return Err(compiler.findings);
        }
        Ok(compiler.finish(rows, mapping.enabled, mapping.flow_types, [scope, input_filter, category_filter]))
    }
}

fn error(rule: &'static str, path: &str, message: impl Into<String>) -> Finding {
    Finding { rule, severity: Severity::Error, path: path.to_owned(), message: message.into(), help: None }
}

struct Compiler<'s> {
    settings: &'s Settings,
    source: &'s ObjectDefinition,
    target: &'s ObjectDefinition,
    slots: Vec<SourceAttribute>,
    attributes: Vec<TargetAttribute>,
    findings: Vec<Finding>,
}

/// A row with what only compiling needs.
struct Compiled {
    row: Row,
    matching_priority: u32,
}

impl Compiler<'_> {
    /// The slot of a source attribute; each is read once per person, however many rows use it.
    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slots.iter().position(|attribute| attribute.name == name) {
            return slot;
        }
        let definition = definition(self.source, name);
        let path = AttributePath::of_attribute(name);
        let beside = self.slots.iter().position(|earlier| earlier.path.shares_container(&path));
        if let Some(first) = beside {
            self.slots[first].beside = beside;
        }
        self.slots.push(SourceAttribute {
            name: name.to_owned(),
            path,
            beside,
            kind: definition.map_or_else(AttributeType::default, |definition| definition.kind),
            flow_null_values: definition
                .is_some_and(|definition| definition.flow_null_values && !definition.multivalued),
        });
        self.slots.len() - 1
    }

    fn attribute(&mut self, name: &str) -> usize {
        if let Some(index) = self.attributes.iter().position(|attribute| attribute.name == name) {
            return index;
        }
        self.attributes.push(target_attribute(name, definition(self.target, name)));
        self.attributes.len() - 1
    }

    fn rows(&mut self, mappings: &[AttributeMapping], index: MappingIndex) -> Vec<Compiled> {
        let mut rows: Vec<Compiled> = Vec::with_capacity(mappings.len());
        for (number, mapping) in mappings.iter().enumerate() {
            let path = index.attribute_mapping_path(number).to_string();
            let Some(row) = self.row(mapping, &path) else { continue };
            if rows.iter().any(|other| other.row.target == row.row.target) {
                let message = format!("two rows write `{}`", mapping.target_attribute_name);
                self.findings.push(error("duplicate-target-attribute", &path, message));
            }
            rows.push(row);
        }
        rows
    }

    /// `None` after a finding.
    fn row(&mut self, mapping: &AttributeMapping, path: &str) -> Option<Compiled> {
        let target = self.attribute(&mapping.target_attribute_name);
        let source = match &mapping.source {
            None => RowSource::None,
            Some(source) => self.row_source(&source.expression, &format!("{path}.source"))?,
        };
        if self.attributes[target].kind == AttributeType::Reference && self.attributes[target].multivalued {
            let message = format!(
                "`{}` is a reference with several values, which cannot be written",
                mapping.target_attribute_name
            );
            self.findings.push(error("multivalued-reference", path, message));
            return None;
        }
        let default_value = self.default_value(mapping, target, path)?;
        let mut row = Row {
            target,
            source,
            default_value,
            flow_type: mapping.flow_type,
            always_written: mapping.flow_behavior == FlowBehavior::FlowAlways,
            null_flow: false,
        };
        row.null_flow = mapping.flow_null_values && !mapping.is_matching() && self.gates_are_open(&row);
        Some(Compiled { row, matching_priority: mapping.matching_priority })
    }

    fn row_source(&mut self, text: &str, path: &str) -> Option<RowSource> {
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(problem) => {
                let help = problem.help();
                self.findings.push(Finding { help, ..error("expression", path, problem.to_string()) });
                return None;
            }
        };
        if let Some(name) = expression.as_attribute() {
            return Some(RowSource::Direct(self.slot(name)));
        }
        let slots = expression.attributes().map(|name| self.slot(name)).collect();
        let unique = expression.selects_unique_value();
        Some(RowSource::Expression { expression, slots, unique })
    }

    /// `None` after a finding.
    fn default_value(
        &mut self,
        mapping: &AttributeMapping,
        target: usize,
        path: &str,
    ) -> Option<Option<AttributeValue>> {
        let Some(text) = mapping.default_value.as_deref().filter(|text| !text.is_empty()) else {
            return Some(None);
        };
        let mut dates = Dates::new(&self.settings.time_zone);
        match convert(&self.attributes[target], Value::from(text), &mut dates) {
            Ok(value) => Some(value),
            Err(problem) => {
                let message = format!("the default of `{}`: {problem}", mapping.target_attribute_name);
                self.findings.push(error("default-value", &format!("{path}.defaultValue"), message));
                None
            }
        }
    }

    /// Null flow: single-valued, not required, and every source attribute allows it (`spec/engine.md §6`; for
    /// expressions [U]).
    fn gates_are_open(&self, row: &Row) -> bool {
        let attribute = &self.attributes[row.target];
        let slots = row.slots();
        !attribute.multivalued
            && !attribute.required
            && !slots.is_empty()
            && slots.iter().all(|slot| self.slots[*slot].flow_null_values)
    }

    fn filter(&mut self, groups: &[FilterGroup], path: &str) -> Filter {
        let mut filter = Filter::default();
        for (number, group) in groups.iter().enumerate() {
            let mut clauses = Vec::with_capacity(group.clauses.len());
            for (clause_number, clause) in group.clauses.iter().enumerate() {
                match Test::parse(&clause.operator_name, clause.values.clone()) {
                    Ok(test) => clauses.push(Clause {
                        slot: self.slot(&clause.source_operand_name),
                        label: label(&clause.source_operand_name),
                        test,
                    }),
                    Err(problem) => {
                        let path = format!("{path}[{number}].clauses[{clause_number}]");
                        self.findings.push(error("filter-clause", &path, problem.to_string()));
                    }
                }
            }
            filter.groups.push(Group { clauses });
        }
        filter
    }

    fn finish(
        mut self,
        compiled: Vec<Compiled>,
        enabled: bool,
        allowed: hirewire_schema::FlowTypes,
        [scope, input_filter, category_filter]: [Filter; 3],
    ) -> CompiledSchema {
        let mut matching: Vec<usize> =
            (0..compiled.len()).filter(|row| compiled[*row].matching_priority > 0).collect();
        matching.sort_by_key(|row| compiled[*row].matching_priority);
        let rows: Vec<Row> = compiled.into_iter().map(|compiled| compiled.row).collect();
        let required: Vec<&AttributeDefinition> =
            self.target.attributes.iter().filter(|definition| definition.required).collect();
        for definition in required {
            self.attribute(&definition.name);
        }
        let account_state = self.account_state(&rows);
        let container = self.container();
        let active = self.source.account_state().map_or(ACTIVE, |state| state.attribute);
        let active = self
            .slots
            .iter()
            .position(|slot| slot.name.eq_ignore_ascii_case(active))
            .or_else(|| self.slots.iter().position(|slot| slot.name.eq_ignore_ascii_case(ACTIVE)));
        let mark = self.source.soft_deleted_attribute().unwrap_or(SOFT_DELETED);
        let mark = definition(self.source, mark).map(|definition| definition.name.clone());
        let source_soft_deleted = mark.map(|name| self.slot(&name));
        if let Some(slot) = source_soft_deleted {
            self.slots[slot].kind = AttributeType::Boolean;
        }
        if let Some(slot) = active {
            self.slots[slot].kind = AttributeType::Boolean;
        }
        let leaving_deletes =
            self.target.is_soft_deletion_supported() == Some(false) && self.target.account_state().is_none();
        let mut by_name: Vec<usize> = (0..self.attributes.len()).collect();
        by_name.sort_by(|a, b| self.attributes[*a].name.cmp(&self.attributes[*b].name));
        CompiledSchema {
            by_name,
            wanted: self.wanted(&rows, account_state),
            settings: self.settings.clone(),
            enabled,
            allowed,
            time_dependent: rows.iter().any(Row::is_time_dependent),
            has_references: rows
                .iter()
                .any(|row| self.attributes[row.target].kind == AttributeType::Reference),
            source: self.slots,
            scope,
            input_filter,
            category_filter,
            rows,
            matching,
            attributes: self.attributes,
            account_state,
            active,
            source_soft_deleted,
            container,
            leaving_deletes,
        }
    }

    /// The attribute that carries the account state, and the row that can change it on existing accounts.
    fn account_state(&mut self, rows: &[Row]) -> Option<AccountState> {
        let state = self.target.account_state()?;
        let name =
            definition(self.target, state.attribute).map_or(state.attribute, |found| found.name.as_str());
        let name = name.to_owned();
        let attribute = self.attribute(&name);
        let row = rows.iter().position(|row| {
            row.target == attribute
                && row.flow_type == FlowType::Always
                && !matches!(row.source, RowSource::None)
                && self.attributes[attribute].mutability == Mutability::ReadWrite
        });
        Some(AccountState { attribute, inverted: state.inverted, row })
    }

    fn container(&mut self) -> Option<usize> {
        let is_container = |definition: &&AttributeDefinition| is_container(definition);
        let name = self.target.attributes.iter().find(is_container)?.name.clone();
        Some(self.attribute(&name))
    }

    /// What is asked for: whatever a row may compare, the account state, and what exempts.
    fn wanted(&self, rows: &[Row], account_state: Option<AccountState>) -> Vec<String> {
        let readable = |attribute: &&TargetAttribute| attribute.mutability != Mutability::WriteOnly;
        let mut wanted: Vec<String> = rows
            .iter()
            .map(|row| row.target)
            .chain(account_state.map(|state| state.attribute))
            .map(|index| &self.attributes[index])
            .filter(readable)
            .map(|attribute| attribute.name.clone())
            .chain(self.settings.exempt.iter().map(|rule| rule.attribute.clone()))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }
}

/// An attribute by its name, else ignoring case.
fn definition<'o>(object: &'o ObjectDefinition, name: &str) -> Option<&'o AttributeDefinition> {
    object
        .attribute(name)
        .or_else(|| object.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name)))
}

fn target_attribute(name: &str, definition: Option<&AttributeDefinition>) -> TargetAttribute {
    let unlisted = AttributeDefinition { name: name.to_owned(), ..AttributeDefinition::default() };
    let definition = definition.unwrap_or(&unlisted);
    TargetAttribute {
        name: name.to_owned(),
        kind: definition.kind,
        case_exact: definition.case_exact,
        multivalued: definition.multivalued,
        mutability: definition.mutability,
        required: definition.required,
        default_value: definition.default_value.clone().filter(|text| !text.is_empty()),
        container: is_container(definition),
    }
}

fn is_container(definition: &AttributeDefinition) -> bool {
    definition.metadata.is_true("IsContainer") || definition.name.eq_ignore_ascii_case(CONTAINER)
}

/// The attribute as people call it: what follows the URN.
fn label(name: &str) -> String {
    let is_urn = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    let short = if is_urn { name.rsplit(':').next().unwrap_or(name) } else { name };
    short.to_owned()
}
