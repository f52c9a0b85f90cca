//! What `check` says.
use hirewire_schema::{Finding, Severity, TEMPLATES, check, has_errors};
use serde_json::{Value, json};

use super::support::{changed, sample};

fn shown(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            format!("{severity} {} {}", finding.rule, finding.path)
        })
        .collect()
}

#[test]
fn samples_and_templates_have_no_errors() {
    for name in ["inbound-to-entra", "inbound-to-ad"] {
        assert_eq!(check(&sample(name).schema()), [], "{name}");
    }
    for template in TEMPLATES {
        assert_eq!(check(&template.document().expect("a document").schema()), [], "{}", template.id);
    }
}

/// `samples/schema/README.md`: the warnings that the custom document is expected to give, and no other.
#[test]
fn the_custom_sample_gives_exactly_its_warnings() {
    let findings = check(&sample("inbound-custom").schema());
    let mapping = "synchronizationRules[0].objectMappings[0]";
    let expected = [
        "warning unknown-member x-unknown".to_owned(),
        "warning unknown-member synchronizationRules[1].x-newRuleFlag".to_owned(),
        format!("warning filter-attribute {mapping}.scope.groups[0].clauses[2].sourceOperandName"),
        format!("warning filter-attribute {mapping}.scope.groups[2].clauses[1].sourceOperandName"),
        format!("warning filter-attribute {mapping}.scope.inputFilterGroups[0].clauses[0].sourceOperandName"),
        format!("warning time-dependent {mapping}.attributeMappings[3].source"),
        format!("warning none-row {mapping}.attributeMappings[27]"),
        format!("warning time-dependent {mapping}.attributeMappings[32].source"),
    ];
    assert_eq!(shown(&findings), expected);
    assert!(!has_errors(&findings));
}

const MAPPING: &str = "/synchronizationRules/0/objectMappings/0";
const TITLE: usize = 7;

/// One change to the Entra sample: a JSON pointer below the mapping, the new value, and the one finding expected
/// (with the path below the mapping), its message and help.
#[test]
fn each_fault_is_found_where_it_is() {
    let row = |target: &str, expression: &str| json!({ "targetAttributeName": target, "source": { "expression": expression } });
    let scope = |clause: Value| json!({ "groups": [{ "name": "g", "clauses": [clause] }] });
    let clause = |operator: &str, operand: &str, values: Value| json!({ "operatorName": operator, "sourceOperandName": operand, "targetOperand": { "values": values } });
    let unary = |operator: &str, operand: &str| json!({ "operatorName": operator, "sourceOperandName": operand, "targetOperand": null });
    let at_row = format!("/attributeMappings/{TITLE}");
    let cases: Vec<(String, Value, &str, &str, &str)> = vec![
        (
            at_row.clone(),
            row("jobTitel", "[title]"),
            "error unknown-attribute .attributeMappings[7].targetAttributeName",
            "the target has no attribute `jobTitel`",
            "did you mean `jobTitle`?",
        ),
        (
            at_row.clone(),
            row("jobTitle", "[titel]"),
            "error unknown-attribute .attributeMappings[7].source",
            "the source has no attribute `titel` (at character 1)",
            "did you mean `[title]`?",
        ),
        (
            at_row.clone(),
            row("jobTitle", "Jion([title], \"x\")"),
            "error expression .attributeMappings[7].source",
            "unknown function `Jion` (at character 1)",
            "did you mean `Join`?",
        ),
        (
            at_row.clone(),
            row("displayName", "[title]"),
            "error target-twice .attributeMappings[7]",
            "`displayName` already has a row (synchronizationRules[0].objectMappings[0].attributeMappings[4])",
            "remove one of the two rows",
        ),
        (
            at_row.clone(),
            row("createdDateTime", "[title]"),
            "error read-only-target .attributeMappings[7].targetAttributeName",
            "`createdDateTime` is read-only in the target, so the row never flows",
            "",
        ),
        (
            at_row.clone(),
            row("jobTitle", "SelectUniqueValue([title], [userName])"),
            "error unique-value-on-update .attributeMappings[7].source",
            "`SelectUniqueValue` must apply during object creation only (at character 1)",
            "set the mapping's flow type to `ObjectAddOnly`",
        ),
        (
            "/attributeMappings/9".into(),
            row("manager", "ToLower([title])"),
            "error reference-expression .attributeMappings[9].source",
            "`manager` is a reference; only an attribute can be mapped to it",
            "",
        ),
        (
            at_row.clone(),
            row("passwordProfile.forceChangePasswordNextLogin", "\"maybe\""),
            "error type-mismatch .attributeMappings[7].source",
            "the constant does not fit `passwordProfile.forceChangePasswordNextLogin`, which is Boolean",
            "",
        ),
        (
            at_row.clone(),
            row("employeeHireDate", "[active]"),
            "error type-mismatch .attributeMappings[7].source",
            "`active` is Boolean, `employeeHireDate` is DateTime",
            "map another attribute or an expression",
        ),
        (
            at_row.clone(),
            row("passwordProfile.forceChangePasswordNextLogin", "[title]"),
            "warning type-mismatch .attributeMappings[7].source",
            "`title` is String, `passwordProfile.forceChangePasswordNextLogin` is Boolean",
            "every value must be convertible",
        ),
        (
            "/attributeMappings/8".into(),
            row(
                "department",
                "\"a constant of more than sixty-four characters is too long for the department\"",
            ),
            "error too-long .attributeMappings[8].source",
            "the constant is longer than the 64 characters of `department`",
            "",
        ),
        (
            "/attributeMappings/1".into(),
            row("userPrincipalName", "Join(\"@\", [name.givenName], \"x.com\")"),
            "warning possible-collision .attributeMappings[1].source",
            "two people may get the same `userPrincipalName`: nothing in it belongs to one person only",
            "offer several values with `SelectUniqueValue`, or use `[userName]` or `[externalId]`",
        ),
        (
            at_row.clone(),
            row("jobTitle", "Switch([title], , \"a\", NULL)"),
            "warning always-null .attributeMappings[7].source",
            "this never has a value (at character 1)",
            "use mapping type None to leave it empty",
        ),
        (
            at_row.clone(),
            json!({ "targetAttributeName": "jobTitle", "source": null }),
            "warning none-row .attributeMappings[7]",
            "`jobTitle` has neither source nor default value; the row does nothing",
            "",
        ),
        (
            at_row.clone(),
            json!({ "targetAttributeName": "jobTitle", "source": { "expression": "[title]" }, "flowType": "Sometimes" }),
            "warning unknown-value .attributeMappings[7].flowType",
            "`Sometimes` is no known flowType; it counts as `Always`",
            "known are Always, ObjectAddOnly, MultiValueAddOnly, ValueAddOnly, AttributeAddOnly",
        ),
        (
            at_row.clone(),
            json!({ "targetAttributeName": "jobTitle", "source": { "expression": "[title]" }, "flowType": "MultiValueAddOnly" }),
            "warning flow-type .attributeMappings[7].flowType",
            "`MultiValueAddOnly` is for multi-valued attributes; `jobTitle` has one value",
            "",
        ),
        (
            at_row.clone(),
            json!({ "targetAttributeName": "jobTitle", "source": { "expression": "[title]" }, "flowNullValues": true }),
            "warning null-flow .attributeMappings[7].source",
            "nulls do not flow, because the source attribute `title` does not let them",
            "set `flowNullValues` on the source attribute `title` too",
        ),
        (
            at_row.clone(),
            json!({ "targetAttributeName": "jobTitle", "source": {
                "expression": "[title]", "name": "userType", "type": "Attribute", "parameters": [] } }),
            "warning source-disagrees .attributeMappings[7].source",
            "the tree says `[userType]`, the expression something else; the expression counts",
            "",
        ),
        (
            "/attributeMappings/0/matchingPriority".into(),
            json!(0),
            "error no-matching-attribute .attributeMappings",
            "no attribute is used to match, so existing accounts would not be found",
            "set `matchingPriority` to 1 on the row of the key, such as employeeId",
        ),
        (
            "/attributeMappings/0/source".into(),
            json!({ "expression": "\"1\"" }),
            "error matching-constant .attributeMappings[0].source",
            "`employeeId` is used to match and has the same value for everybody",
            "",
        ),
        (
            "/attributeMappings/4".into(),
            row("companyName", "[title]"),
            "error required-attribute .attributeMappings",
            "`displayName` is required in the target and gets no value",
            "add a row for `displayName`",
        ),
        (
            "/sourceObjectName".into(),
            json!("user"),
            "error unknown-object .sourceObjectName",
            "directory `API` has no object `user`",
            "",
        ),
        (
            "/targetObjectName".into(),
            json!("user"),
            "error unknown-object .targetObjectName",
            "directory `Microsoft Entra ID` has no object `user`",
            "did you mean `User`?",
        ),
        (
            "/scope".into(),
            scope(unary("IS NULL", "titel")),
            "error unknown-attribute .scope.groups[0].clauses[0].sourceOperandName",
            "the source has no attribute `titel`",
            "did you mean `title`?",
        ),
        (
            "/scope".into(),
            scope(clause("EQUAL", "title", json!(["a"]))),
            "error unknown-operator .scope.groups[0].clauses[0].operatorName",
            "there is no operator `EQUAL`",
            "did you mean `EQUALS`?",
        ),
        (
            "/scope".into(),
            scope(unary("IS TRUE", "title")),
            "error operator-type .scope.groups[0].clauses[0].operatorName",
            "`IS TRUE` works on Boolean; `title` is String",
            "",
        ),
        (
            "/scope".into(),
            scope(unary("IS NULL", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager")),
            "error filter-attribute .scope.groups[0].clauses[0].sourceOperandName",
            "`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager` is a reference and cannot be in a scoping filter",
            "",
        ),
        (
            "/scope".into(),
            scope(clause("Greater_Than", "title", json!(["four"]))),
            "warning operand .scope.groups[0].clauses[0].targetOperand.values[0]",
            "`four` is no whole number of 0 or more, so the clause never holds",
            "",
        ),
        (
            "/scope".into(),
            scope(clause("EQUALS", "title", json!(["a", "b"]))),
            "warning operand .scope.groups[0].clauses[0].targetOperand",
            "several values must all be equal, so the clause never holds",
            "make a filter group for each value, or use `REGEX MATCH`",
        ),
        (
            "/scope".into(),
            scope(clause("EQUALS", "title", json!([]))),
            "error operand .scope.groups[0].clauses[0].targetOperand",
            "`EQUALS` needs a value",
            "",
        ),
    ];
    for (place, value, expected, message, help) in cases {
        let pointer = format!("{MAPPING}{place}");
        let document = changed("inbound-to-entra", |document| {
            *document.pointer_mut(&pointer).expect("a place") = value.clone();
        });
        let findings = check(&document.schema());
        let found: Vec<_> = shown(&findings)
            .iter()
            .map(|line| line.replace("synchronizationRules[0].objectMappings[0].", "."))
            .collect();
        // A row that is replaced leaves nothing else to say, except that one fault may cause a second.
        assert_eq!(found.first().map(String::as_str), Some(expected), "{place} {value}: {found:?}");
        assert_eq!(findings[0].message, message, "{place} {value}");
        assert_eq!(findings[0].help.as_deref().unwrap_or_default(), help, "{place} {value}");
        let rule = findings[0].rule;
        if !matches!(rule, "unknown-object" | "type-mismatch") {
            assert_eq!(found.len(), 1, "{place} {value}: {found:?}");
        }
    }
}

#[test]
fn a_bad_pattern_is_an_error_with_its_place() {
    let document = changed("inbound-to-entra", |document| {
        document["synchronizationRules"][0]["objectMappings"][0]["scope"]["groups"] = json!([{ "clauses": [{
            "operatorName": "REGEX MATCH", "sourceOperandName": "title", "targetOperand": { "values": ["(a"] }
        }] }]);
    });
    let findings = check(&document.schema());
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].rule, findings[0].severity), ("pattern", Severity::Error));
    assert!(findings[0].path.ends_with("clauses[0].targetOperand.values[0]"), "{}", findings[0]);
}

#[test]
fn directories_are_checked() {
    let document = changed("inbound-to-entra", |document| {
        let first = document["directories"][0].clone();
        document["directories"].as_array_mut().expect("a list").push(first);
        let attributes = &mut document["directories"][1]["objects"][0]["attributes"];
        let attribute = attributes[1].clone();
        attributes.as_array_mut().expect("a list").push(attribute);
        document["directories"][0]["objects"][0]["attributes"][0]["anchor"] = json!(false);
        document["directories"][0]["objects"][0]["attributes"][18]["name"] =
            json!("emails[type eq work].value");
        document["synchronizationRules"][0]["targetDirectoryName"] = json!("Microsoft Entra");
    });
    let rules: Vec<_> = check(&document.schema()).iter().map(|finding| finding.rule).collect();
    let expected =
        ["attribute-path", "name-twice", "name-twice", "anchor", "unknown-directory", "unknown-attribute"];
    assert_eq!(rules, expected);
}

#[test]
fn a_source_is_built_from_its_tree_when_the_expression_is_missing() {
    let with_source = |source: Value| {
        changed("inbound-to-entra", |document| {
            document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][TITLE]["source"] =
                source;
        })
        .schema()
    };
    let attribute = |name: &str| json!({ "name": name, "type": "Attribute", "parameters": [] });
    let tree = json!({ "expression": null, "name": "Join", "type": "Function", "parameters": [
        { "key": "separator", "value": { "name": " ", "type": "Constant" } },
        { "key": "source", "value": attribute("title") },
        { "key": "source", "value": attribute("userType") }
    ] });
    for (source, expected) in [
        (attribute("title"), "[title]"),
        (tree, r#"Join(" ", [title], [userType])"#),
        (json!({ "name": "IT \"staff\"", "type": "Constant" }), r#""IT \"staff\"""#),
        (json!({ "expression": "[title]" }), "[title]"),
    ] {
        let schema = with_source(source);
        let row = schema.rules[0].object_mappings[0].row("jobTitle").expect("a row");
        assert_eq!(row.source.as_ref().map(|source| source.expression.as_str()), Some(expected));
        assert_eq!(check(&schema), []);
    }
    for source in [json!({}), json!({ "expression": " " }), json!({ "type": "Function" })] {
        let findings = check(&with_source(source.clone()));
        assert_eq!(findings.first().map(|finding| finding.rule), Some("no-expression"), "{source}");
    }
}

#[test]
fn a_schema_without_mappings_is_an_error() {
    let document = changed("inbound-to-entra", |document| {
        document["synchronizationRules"][0]["objectMappings"] = json!([]);
    });
    assert_eq!(shown(&check(&document.schema())), ["error no-mapping synchronizationRules"]);
}

#[test]
fn findings_print_as_people_read_them() {
    let document = changed("inbound-to-entra", |document| {
        let row = &mut document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][7];
        row["targetAttributeName"] = json!("jobTitel");
    });
    let findings = check(&document.schema());
    let expected = "error: synchronizationRules[0].objectMappings[0].attributeMappings[7].targetAttributeName: the target has no attribute `jobTitel`\nhelp: did you mean `jobTitle`?";
    assert_eq!(findings[0].to_string(), expected);
    let as_json = serde_json::to_value(&findings[0]).expect("serializes");
    assert_eq!(as_json["severity"], "error");
}
