//! Rules, mappings, scopes.
use super::directory::names;
use super::member::{At, Notes};
use super::source;
use crate::finding::Finding;
use crate::json::Node;
use crate::model::{
    AttributeMapping, FilterClause, FilterGroup, FlowBehavior, FlowType, FlowTypes, ObjectMapping, Scope,
    SynchronizationRule,
};

const RULE: &[&str] = &[
    "containerFilter",
    "editable",
    "groupFilter",
    "id",
    "metadata",
    "name",
    "objectMappings",
    "priority",
    "sourceDirectoryName",
    "targetDirectoryName",
];

const OBJECT_MAPPING: &[&str] = &[
    "enabled",
    "flowTypes",
    "name",
    "sourceObjectName",
    "targetObjectName",
    "attributeMappings",
    "metadata",
    "scope",
];

const ATTRIBUTE_MAPPING: &[&str] = &[
    "defaultValue",
    "exportMissingReferences",
    "flowBehavior",
    "flowType",
    "matchingPriority",
    "targetAttributeName",
    "source",
    "flowNullValues",
];

pub(super) fn rule(at: &At<'_>, notes: &mut Notes) -> SynchronizationRule {
    at.note_unknown(RULE, notes);
    SynchronizationRule {
        id: at.optional_text("id", notes),
        name: at.text("name", notes),
        priority: at.integer("priority", notes).unwrap_or(0),
        editable: at.boolean("editable", true, notes),
        source_directory_name: at.required_text("sourceDirectoryName", notes),
        target_directory_name: at.required_text("targetDirectoryName", notes),
        object_mappings: at.each("objectMappings", notes, object_mapping),
        included_containers: filter(at, "containerFilter", "includedContainers", notes),
        included_groups: filter(at, "groupFilter", "includedGroups", notes),
        metadata: at.metadata(notes),
    }
}

fn filter(at: &At<'_>, name: &str, list: &str, notes: &mut Notes) -> Vec<String> {
    let Some(node) = at.given(name) else { return Vec::new() };
    let Some(at) = At::new(node, at.path.member(name), notes) else { return Vec::new() };
    at.note_unknown(&[list], notes);
    at.texts(list, notes)
}

fn object_mapping(at: &At<'_>, notes: &mut Notes) -> ObjectMapping {
    at.note_unknown(OBJECT_MAPPING, notes);
    ObjectMapping {
        enabled: at.boolean("enabled", true, notes),
        flow_types: flow_types(at, notes),
        name: at.text("name", notes),
        source_object_name: at.required_text("sourceObjectName", notes),
        target_object_name: at.required_text("targetObjectName", notes),
        attribute_mappings: at.each("attributeMappings", notes, attribute_mapping),
        metadata: at.metadata(notes),
        scope: scope(at, notes),
    }
}

/// Absent or empty flags: everything is allowed, as a new mapping in the portal has it (I).
fn flow_types(at: &At<'_>, notes: &mut Notes) -> FlowTypes {
    let Some(text) = at.optional_text("flowTypes", notes).filter(|text| !text.trim().is_empty()) else {
        return FlowTypes::ALL;
    };
    let (flags, unknown) = FlowTypes::parse(&text);
    for word in unknown {
        let message = format!("`{word}` is no known flow type; it has no effect");
        let finding = Finding::warning("unknown-value", at.path.member("flowTypes"), message);
        notes.0.push(finding.with_help(Some("known are Add, Update, Delete, None")));
    }
    flags
}

fn attribute_mapping(at: &At<'_>, notes: &mut Notes) -> AttributeMapping {
    at.note_unknown(ATTRIBUTE_MAPPING, notes);
    let flow_types = names(FlowType::ALL, FlowType::name);
    let behaviors = names(FlowBehavior::ALL, FlowBehavior::name);
    AttributeMapping {
        target_attribute_name: at.required_text("targetAttributeName", notes),
        source: source::source(at, notes),
        default_value: at.optional_text("defaultValue", notes),
        flow_type: at.enumeration("flowType", notes, FlowType::parse, &flow_types),
        flow_behavior: at.enumeration("flowBehavior", notes, FlowBehavior::parse, &behaviors),
        matching_priority: matching_priority(at, notes),
        flow_null_values: at.boolean("flowNullValues", false, notes),
        export_missing_references: at.boolean("exportMissingReferences", false, notes),
    }
}

fn matching_priority(at: &At<'_>, notes: &mut Notes) -> u32 {
    let Some(number) = at.integer("matchingPriority", notes) else { return 0 };
    u32::try_from(number).unwrap_or_else(|_| {
        let message = format!("{number} is no matching precedence; 0 and greater are");
        notes.0.push(Finding::error("matching-priority", at.path.member("matchingPriority"), message));
        0
    })
}

fn scope(at: &At<'_>, notes: &mut Notes) -> Scope {
    let Some(node) = at.given("scope") else { return Scope::default() };
    let Some(at) = At::new(node, at.path.member("scope"), notes) else { return Scope::default() };
    at.note_unknown(&["categoryFilterGroups", "groups", "inputFilterGroups", "name"], notes);
    Scope {
        groups: at.each("groups", notes, group),
        input_filter_groups: at.each("inputFilterGroups", notes, group),
        category_filter_groups: at.each("categoryFilterGroups", notes, group),
    }
}

fn group(at: &At<'_>, notes: &mut Notes) -> FilterGroup {
    at.note_unknown(&["clauses", "name"], notes);
    FilterGroup { name: at.optional_text("name", notes), clauses: at.each("clauses", notes, clause) }
}

fn clause(at: &At<'_>, notes: &mut Notes) -> FilterClause {
    at.note_unknown(&["operatorName", "sourceOperandName", "targetOperand", "name"], notes);
    let values = match at.given("targetOperand") {
        None => Vec::new(),
        Some(node @ Node::Object(_)) => {
            At::new(node, at.path.member("targetOperand"), notes).map_or_else(Vec::new, |operand| {
                operand.note_unknown(&["values"], notes);
                operand.texts("values", notes)
            })
        }
        Some(_) => {
            let message = "an object with `values` is expected".to_owned();
            notes.0.push(Finding::error("json-type", at.path.member("targetOperand"), message));
            Vec::new()
        }
    };
    FilterClause {
        operator_name: at.required_text("operatorName", notes),
        source_operand_name: at.required_text("sourceOperandName", notes),
        values,
    }
}
