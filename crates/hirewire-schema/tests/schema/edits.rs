//! Edits change what is edited and nothing else.
use hirewire_schema::json::Layout;
use hirewire_schema::{
    AttributeDefinition, AttributeMapping, AttributeType, Document, FilterClause, FilterGroup, FlowType,
    MappingIndex, MappingSource, Scope,
};

use super::support::{SAMPLES, sample};

const FIRST: MappingIndex = MappingIndex { rule: 0, object_mapping: 0 };

/// The lines that differ, removed ones with `-`, added ones with `+`; documents are edited in one place.
fn changed_lines(before: &Document, after: &Document) -> Vec<String> {
    let (before, after) = (before.to_text(Layout::Indented), after.to_text(Layout::Indented));
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let room = before.len().min(after.len()) - start;
    let end = before.iter().rev().zip(after.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let removed = before[start..before.len() - end].iter().map(|line| format!("-{}", line.trim()));
    let added = after[start..after.len() - end].iter().map(|line| format!("+{}", line.trim()));
    removed.chain(added).collect()
}

fn row(document: &Document, target: &str) -> AttributeMapping {
    document.schema().rules[0].object_mappings[0].row(target).expect("a row").clone()
}

fn source(expression: &str) -> Option<MappingSource> {
    Some(MappingSource { expression: expression.to_owned(), kind: None })
}

#[test]
fn writing_a_row_as_it_is_changes_nothing() {
    for name in SAMPLES {
        let before = sample(name);
        let mut after = before.clone();
        for row in before.schema().rules[0].object_mappings[0].attribute_mappings.iter() {
            after.set_attribute_mapping(FIRST, row).expect("set");
        }
        let scope = before.schema().rules[0].object_mappings[0].scope.clone();
        after.set_scope(FIRST, &scope).expect("set");
        after.adopt(&before);
        assert_eq!(before.to_text(Layout::Compact), after.to_text(Layout::Compact), "{name}");
    }
}

#[test]
fn one_row_changes_alone() {
    let before = sample("inbound-custom");
    let mut after = before.clone();
    let change = AttributeMapping { flow_type: FlowType::ObjectAddOnly, ..row(&before, "displayName") };
    after.set_attribute_mapping(FIRST, &change).expect("set");
    assert_eq!(
        changed_lines(&before, &after),
        [r#"-"flowType": "Always","#, r#"+"flowType": "ObjectAddOnly","#]
    );

    let mut after = before.clone();
    let change = AttributeMapping { source: source("[title]"), ..row(&before, "companyName") };
    after.set_attribute_mapping(FIRST, &change).expect("set");
    let lines = changed_lines(&before, &after);
    let expected = [
        r#"-"expression": "\"Contoso\\\\Nordic \\\"AS\\\"\"","#,
        r#"-"name": "Contoso\\Nordic \"AS\"","#,
        r#"-"type": "Constant","#,
        r#"+"expression": "[title]","#,
        r#"+"name": "title","#,
        r#"+"type": "Attribute","#,
    ];
    assert_eq!(lines, expected);
    after.set_version("Date:2026-01-01");
    assert_eq!(after.schema().version.as_deref(), Some("Date:2026-01-01"));
}

#[test]
fn a_row_is_added_and_removed() {
    let before = sample("inbound-to-entra");
    let mut after = before.clone();
    let added = AttributeMapping {
        target_attribute_name: "companyName".to_owned(),
        source: source(r#"IIF([active] = "True", "Yes", "No")"#),
        default_value: Some("none".to_owned()),
        ..AttributeMapping::default()
    };
    after.set_attribute_mapping(FIRST, &added).expect("set");
    assert_eq!(
        row(&after, "companyName").source.map(|source| source.expression),
        added.source.clone().map(|s| s.expression)
    );
    assert_eq!(after.schema().notes, []);
    after.remove_attribute_mapping(FIRST, "companyName").expect("removed");
    assert_eq!(before, after);

    let missing = after.remove_attribute_mapping(FIRST, "companyName").expect_err("missing").to_string();
    assert_eq!(
        missing,
        "synchronizationRules[0].objectMappings[0].attributeMappings.companyName does not exist"
    );
    let wrong = AttributeMapping { source: source("Join("), ..added.clone() };
    let refused = after.set_attribute_mapping(FIRST, &wrong).expect_err("refused").to_string();
    assert!(refused.starts_with("the expression for `companyName` is not valid"), "{refused}");
    let elsewhere = MappingIndex { rule: 0, object_mapping: 7 };
    assert!(after.set_attribute_mapping(elsewhere, &added).is_err());
    assert_eq!(before, after);
}

#[test]
fn a_scope_is_set() {
    let before = sample("inbound-to-ad");
    let mut after = before.clone();
    let clause = FilterClause {
        operator_name: "EQUALS".to_owned(),
        source_operand_name: "userType".to_owned(),
        values: vec!["Employee".to_owned()],
    };
    let unary = FilterClause {
        operator_name: "IS TRUE".to_owned(),
        source_operand_name: "active".to_owned(),
        values: vec![],
    };
    let group = FilterGroup { name: Some("staff".to_owned()), clauses: vec![clause, unary] };
    let scope = Scope { groups: vec![group], ..Scope::default() };
    after.set_scope(FIRST, &scope).expect("set");
    assert_eq!(after.schema().rules[0].object_mappings[0].scope, scope);
    let lines = changed_lines(&before, &after);
    assert_eq!(lines[0], r#"-"scope": null"#);
    assert!(lines[1..].iter().all(|line| line.starts_with('+')));
}

#[test]
fn a_custom_attribute_is_added() {
    let before = sample("inbound-to-entra");
    let mut after = before.clone();
    let object = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let attribute = AttributeDefinition {
        name: "urn:northmere:employee:HireDate".to_owned(),
        kind: AttributeType::DateTime,
        ..AttributeDefinition::default()
    };
    after.add_attribute("API", object, &attribute).expect("added");
    let schema = after.schema();
    let found = schema.directories[0].object(object).and_then(|object| object.attribute(&attribute.name));
    assert!(found.is_some_and(|found| found.is_customer_defined() && found.kind == AttributeType::DateTime));
    let twice = after.add_attribute("API", object, &attribute).expect_err("twice").to_string();
    assert!(twice.ends_with("already has `urn:northmere:employee:HireDate`"), "{twice}");
    assert!(after.add_attribute("Nowhere", object, &attribute).is_err());
    assert!(after.add_attribute("API", "Nothing", &attribute).is_err());
}

#[test]
fn another_document_is_adopted_by_directory_name() {
    let mut receiving = sample("inbound-to-entra");
    let id = receiving.schema().directories[0].id.clone();
    let job = receiving.schema().id.clone();
    let mut other = sample("inbound-custom");
    other.set_version("other");
    receiving.adopt(&other);
    let schema = receiving.schema();
    assert_eq!(schema.rules[0].id.as_deref(), Some("API2AAD_custom"));
    assert_eq!(schema.directories[0].id, id);
    assert_eq!(schema.id, job);
    assert_eq!(schema.directories[1].id, other.schema().directories[1].id);
}
