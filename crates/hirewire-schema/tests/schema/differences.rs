//! What changed between two schemas, in words.
use hirewire_schema::{diff, functions};
use serde_json::{Value, json};

use super::support::{SAMPLES, changed, sample};

#[test]
fn equal_schemas_differ_in_nothing() {
    for name in SAMPLES {
        let schema = sample(name).schema();
        let mut saved = sample(name);
        saved.set_version("another");
        assert_eq!(diff(&schema, &saved.schema()), [], "{name}");
    }
}

#[test]
fn changes_are_told_in_the_words_of_mappings() {
    let old = sample("inbound-custom").schema();
    let new = changed("inbound-custom", |document| {
        let mapping = &mut document["synchronizationRules"][0]["objectMappings"][0];
        mapping["flowTypes"] = json!("Add, Update, Delete");
        let rows = mapping["attributeMappings"].as_array_mut().expect("rows");
        rows[7]["source"] = json!({ "expression": "[userType]" });
        rows[7]["defaultValue"] = json!(null);
        rows[5]["flowType"] = json!("ObjectAddOnly");
        rows[0]["matchingPriority"] = json!(0);
        // The order of rows means nothing.
        rows.reverse();
        rows.retain(|row| row["targetAttributeName"] != "mail");
        rows.push(json!({ "targetAttributeName": "faxNumber", "source": { "expression": "\"1\"" } }));
        mapping["scope"]["groups"].as_array_mut().expect("groups").remove(1);
        mapping["scope"]["groups"]
            .as_array_mut()
            .expect("groups")
            .push(json!({ "name": "all", "clauses": [] }));
        document["synchronizationRules"][1]["priority"] = json!(5);
        let attributes =
            document["directories"][1]["objects"][0]["attributes"].as_array_mut().expect("a list");
        attributes[7]["type"] = json!("Integer");
        attributes[7]["required"] = json!(true);
        attributes[7]["metadata"] = json!([{ "key": "MaximumLength", "value": "9" }]);
        attributes.remove(8);
        attributes.push(json!({ "name": "faxNumber", "type": "String" }));
        document["directories"].as_array_mut().expect("a list").push(json!({ "name": "HR" }));
    });
    let told: Vec<String> = diff(&old, &new.schema()).iter().map(ToString::to_string).collect();
    let within = "in the object mapping “Provision people – Nordics”";
    let kind = "urn:ietf:params:scim:schemas:extension:contoso:1.0:User:WorkerKind EQUALS “C”";
    let grade = "urn:ietf:params:scim:schemas:extension:contoso:1.0:User:PayGrade Greater_Than_OR_EQUALS “4”";
    let expected = [
        "changed the object mapping “Provision people – Nordics”: flowTypes from Add, Update to Add, Update, Delete"
            .to_owned(),
        format!("changed the mapping to jobTitle {within}: expression from [title] to [userType]"),
        format!("changed the mapping to jobTitle {within}: defaultValue from (not set) to nothing"),
        format!("changed the mapping to givenName {within}: flowType from Always to ObjectAddOnly"),
        format!("changed the mapping to employeeId {within}: matchingPriority from 2 to nothing"),
        format!("added the mapping to faxNumber {within}: \"1\""),
        format!("removed the mapping to mail {within}: [emails[type eq \"work\"].value]"),
        format!("added the scoping filter “all” {within}: everybody"),
        format!("removed the scoping filter “Contractors from grade 4” {within}: {kind} AND {grade}"),
        "changed rule System rule: priority from 90 to 5".to_owned(),
        "changed attribute employeeType of Azure Active Directory: type from String to Integer".to_owned(),
        "changed attribute employeeType of Azure Active Directory: required from false to true".to_owned(),
        "changed attribute employeeType of Azure Active Directory: metadata from nothing to MaximumLength=9".to_owned(),
        "added attribute faxNumber of Azure Active Directory: String".to_owned(),
        "removed attribute employeeHireDate of Azure Active Directory: DateTime".to_owned(),
        "added directory HR".to_owned(),
    ];
    assert_eq!(told, expected);
    let backwards = diff(&new.schema(), &old);
    assert_eq!(backwards.len(), expected.len());
}

#[test]
fn differences_are_json_for_programs() {
    let old = sample("inbound-to-entra").schema();
    let new = changed("inbound-to-entra", |document| {
        let row = &mut document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][7];
        row["flowType"] = json!("ObjectAddOnly");
    });
    let told: Value = serde_json::to_value(diff(&old, &new.schema())).expect("serializes");
    let expected = json!([{
        "kind": "changed",
        "subject": "the mapping to jobTitle",
        "path": "synchronizationRules[0].objectMappings[0].attributeMappings[7].flowType",
        "property": "flowType",
        "from": "Always",
        "to": "ObjectAddOnly"
    }]);
    assert_eq!(told, expected);
}

#[test]
fn the_functions_answer_has_the_shape_of_graph() {
    let answer = serde_json::to_value(functions()).expect("serializes");
    let join = answer.as_array().and_then(|all| all.iter().find(|function| function["name"] == "Join"));
    let parameter = join.map(|join| &join["parameters"][1]).expect("two parameters");
    assert_eq!(parameter["name"], "source");
    assert_eq!(parameter["allowMultipleOccurrences"], true);
    assert!(parameter["required"].is_boolean() && parameter["type"].is_string());
}
