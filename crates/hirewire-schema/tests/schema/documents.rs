//! Import and export without loss; typed reading.
use hirewire_schema::json::{self, Layout, Node};
use hirewire_schema::{AttributeType, Document, FlowBehavior, FlowType, FlowTypes, Mutability, Operator};
use proptest::prelude::*;
use serde_json::Value;

use super::support::{SAMPLES, sample, sample_bytes};

#[test]
fn the_samples_survive() {
    for name in SAMPLES {
        let bytes = sample_bytes(name);
        for layout in [Layout::Compact, Layout::Indented] {
            let exported = sample(name).to_text(layout);
            let again = Document::parse(exported.as_bytes()).expect("what was exported").to_text(layout);
            assert_eq!(exported, again, "{name}");
            let before: Value = serde_json::from_slice(&bytes).expect("JSON");
            let after: Value = serde_json::from_str(&exported).expect("JSON");
            assert_eq!(before, after, "{name}");
            // Equality of `Value` ignores the order of members; their text does not.
            assert_eq!(before.to_string(), after.to_string(), "{name}");
        }
    }
    let custom = sample("inbound-custom").to_text(Layout::Indented);
    for kept in
        [r#""number": 1.50"#, r#""exp": 1e2"#, r#""big": 12345678901234567890"#, "\u{2028}", "日本 😀"]
    {
        assert!(custom.contains(kept), "{kept}");
    }
}

#[test]
fn every_json_text_survives_unchanged() {
    let texts = [
        r#"{"a":1.50,"b":1e2,"c":-0,"d":1E+5,"e":123456789012345678901234567890,"f":0.1e-10}"#,
        r#"{"":{"a.b":[[],{},""]},"z":1,"a":2,"Z":null}"#,
        r#"{"half":"\ud800","other":"\udc00x","pair":"😀","replacement":"�"}"#,
        r#"["\u0000\u001f\"\\\n\r\t\b\f/"]"#,
        r#"[true,false,null,"",0]"#,
        r#""only text""#,
    ];
    for text in texts {
        let node = json::parse(text.as_bytes()).expect(text);
        assert_eq!(node.to_text(Layout::Compact), text);
        let indented = node.to_text(Layout::Indented);
        assert_eq!(json::parse(indented.as_bytes()), Ok(node), "{text}");
    }
    // Escapes that need not be there come out plain, and stay so.
    let node = json::parse(r#"["\/\u0041\u00e6\ud83d\ude00"]"#.as_bytes()).expect("JSON");
    assert_eq!(node.to_text(Layout::Compact), r#"["/Aæ😀"]"#);
}

#[test]
fn a_byte_order_mark_and_crlf_are_tolerated() {
    let text = "\u{feff}{\r\n  \"synchronizationRules\": [ {} ],\r\n\t\"directories\": []\r\n}\r\n";
    let document = Document::parse(text.as_bytes()).expect("a document");
    assert_eq!(document.to_text(Layout::Compact), r#"{"synchronizationRules":[{}],"directories":[]}"#);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_path() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let cases: [(&str, &str); 10] = [
        (
            r#"{"directories":[{"id":1,"name":"a","id":2}]}"#,
            "directories[0].id: the member stands there twice, again at line 1, column 41",
        ),
        (
            r#"{"a":{"odd name":1,"odd name":1}}"#,
            r#"a["odd name"]: the member stands there twice, again at line 1, column 31"#,
        ),
        (r#"{"a":[1,{"b":tru}]}"#, "a[1].b: a value is expected at line 1, column 14"),
        (r#"{"a":"#, "a: the text ends where a value is expected at line 1, column 6"),
        (r#"{"a":1}x"#, "the document: the end of the text is expected at line 1, column 8"),
        (
            "{\"a\":\"\n\"}",
            "a: a control character in a string must be written as an escape such as `\\n` at line 1, column 7",
        ),
        ("[]", "the document is a list, an object is expected"),
        (r#"{"directories":[]}"#, "the document has no synchronizationRules"),
        (r#"{"synchronizationRules":[]}"#, "the document has no synchronizationRules"),
        (r#"{"synchronizationRules":{}}"#, "synchronizationRules is an object, a list is expected"),
    ];
    for (text, message) in cases {
        assert_eq!(Document::parse(text.as_bytes()).expect_err(text).to_string(), message);
    }
    let refused = json::parse(deep.as_bytes()).expect_err("too deep").to_string();
    assert!(refused.contains("nest deeper than 128"), "{refused}");
    assert!(json::parse(b"{\"a\":\"\xe6\"}").is_err());
}

#[test]
fn a_large_document_takes_linear_time() {
    let attribute = |index: usize| format!(r#"{{"name":"attribute{index}","type":"String","metadata":[]}}"#);
    let many: Vec<String> = (0..40_000).map(attribute).collect();
    let members: Vec<String> = (0..40_000).map(|index| format!(r#""m{index}":{index}"#)).collect();
    let text = format!(
        r#"{{"synchronizationRules":[{{}}],"directories":[{{"name":"a","objects":[{{"name":"o","attributes":[{}]}}]}}],"x":{{{}}}}}"#,
        many.join(","),
        members.join(",")
    );
    assert!(text.len() > 3_000_000 / 2);
    let began = std::time::Instant::now();
    let document = Document::parse(text.as_bytes()).expect("a document");
    let schema = document.schema();
    assert_eq!(document.to_text(Layout::Compact), text);
    let object = schema.directory("a").and_then(|directory| directory.object("o")).expect("there");
    assert_eq!(object.attribute("attribute39999").map(|found| found.kind), Some(AttributeType::String));
    // Quadratic work on 80,000 items takes minutes in a debug build.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn the_custom_sample_is_read() {
    let schema = sample("inbound-custom").schema();
    let rule = &schema.rules[0];
    assert_eq!((rule.priority, rule.editable, schema.rules[1].editable), (0, true, false));
    assert_eq!(rule.included_groups, ["b8b4a6d2-1f6b-4bc7-9f3c-cc8e6cbfa8f1"]);
    let mapping = &rule.object_mappings[0];
    assert_eq!(mapping.flow_types, FlowTypes { add: true, update: true, delete: false });
    assert_eq!(mapping.metadata.get_json_text("OriginalJoiningProperty"), Some("userName"));
    assert!(mapping.enabled && !rule.object_mappings[1].enabled);
    assert_eq!(rule.object_mappings[1].flow_types, FlowTypes::NONE);
    let matching: Vec<_> = mapping
        .matching_rows()
        .map(|row| (row.target_attribute_name.as_str(), row.matching_priority))
        .collect();
    assert_eq!(matching, [("userPrincipalName", 1), ("employeeId", 2)]);

    let row = |name: &str| mapping.row(name).expect("a row");
    assert_eq!(row("jobTitle").default_value.as_deref(), Some("(not set)"));
    assert!(row("jobTitle").flow_null_values && !row("department").flow_null_values);
    assert_eq!(row("mail").flow_behavior, FlowBehavior::FlowAlways);
    assert_eq!(row("otherMails").flow_type, FlowType::MultiValueAddOnly);
    assert_eq!(row("extensionAttribute5").flow_type, FlowType::AttributeAddOnly);
    assert_eq!(row("extensionAttribute4").source, None);
    let company = row("companyName").source.as_ref().map(|source| source.expression.as_str());
    assert_eq!(company, Some(r#""Contoso\\Nordic \"AS\"""#));

    let scope = &mapping.scope;
    assert_eq!(
        (scope.groups.len(), scope.input_filter_groups.len(), scope.category_filter_groups.len()),
        (3, 1, 0)
    );
    let operators: Vec<_> =
        scope.groups.iter().flat_map(|group| &group.clauses).map(|clause| clause.operator()).collect();
    use Operator::{Equals, GreaterThanOrEquals, IsNotNull, IsNull, IsTrue, NotEquals, RegexMatch};
    assert_eq!(
        operators,
        [IsNotNull, RegexMatch, NotEquals, Equals, GreaterThanOrEquals, IsTrue, IsNull].map(Some)
    );
    assert_eq!(scope.groups[2].name, None);

    let (source, target) = schema.objects(rule, mapping);
    let (source, target) = (source.expect("a source object"), target.expect("a target object"));
    assert_eq!(source.anchor().map(|anchor| anchor.name.as_str()), Some("externalId"));
    let state = target.account_state().expect("an account state");
    assert_eq!((state.attribute, state.inverted), ("accountEnabled", false));
    assert_eq!(target.is_soft_deletion_supported(), Some(true));
    assert_eq!(
        target.attribute("passwordProfile.password").map(|found| found.mutability),
        Some(Mutability::WriteOnly)
    );
    assert_eq!(target.attribute("jobTitle").and_then(|found| found.maximum_length()), Some(128));
    let own =
        source.attribute("urn:ietf:params:scim:schemas:extension:contoso:1.0:User:Projektnummer/Ørsted §3");
    assert!(own.is_some_and(|own| own.is_customer_defined() && own.case_exact));
    let directory = &schema.directories[0];
    assert_eq!(directory.discoverabilities, ["AttributeNames", "AttributeDataTypes"]);
    assert!(directory.read_only);

    let ad = sample("inbound-to-ad").schema();
    let (_, target) = ad.objects(&ad.rules[0], &ad.rules[0].object_mappings[0]);
    let state = target.and_then(|target| target.account_state()).expect("an account state");
    assert_eq!((state.attribute, state.inverted), ("accountDisabled", true));
    assert!(ad.rules[0].object_mappings[0].scope.is_empty());
    assert_eq!(ad.notes, []);
}

/// A document whose members have wrong types and unknown texts is still read.
#[test]
fn odd_documents_are_read_with_defaults_and_notes() {
    let text = r#"{
        "synchronizationRules": [
            7,
            { "name": "r", "sourceDirectoryName": "a", "targetDirectoryName": "b", "priority": "2", "objectMappings": [{
                "sourceObjectName": "s", "targetObjectName": "t", "enabled": "False", "flowTypes": "add , Move",
                "attributeMappings": [
                    { "targetAttributeName": "x", "flowType": "Add", "matchingPriority": 1.0, "mappingType": "Direct" },
                    { "flowBehavior": 3, "matchingPriority": -1, "source": { "type": "Magic" } }
                ]
            }] }
        ],
        "directories": { "name": "a" }
    }"#;
    let schema = Document::parse(text.as_bytes()).expect("a document").schema();
    assert_eq!(schema.rules.len(), 2);
    let rule = &schema.rules[1];
    assert_eq!(rule.priority, 2);
    let mapping = &rule.object_mappings[0];
    assert!(!mapping.enabled);
    assert_eq!(mapping.flow_types, FlowTypes { add: true, update: false, delete: false });
    assert_eq!(mapping.attribute_mappings[0].flow_type, FlowType::Always);
    assert_eq!(mapping.attribute_mappings[0].matching_priority, 1);
    let found: Vec<_> = schema.notes.iter().map(|note| (note.rule, note.path.as_str())).collect();
    let mapping = "synchronizationRules[1].objectMappings[0]";
    let expected = [
        ("json-type", "synchronizationRules[0]".to_owned()),
        ("unknown-value", format!("{mapping}.flowTypes")),
        ("unknown-member", format!("{mapping}.attributeMappings[0].mappingType")),
        ("unknown-value", format!("{mapping}.attributeMappings[0].flowType")),
        ("missing-member", format!("{mapping}.attributeMappings[1]")),
        ("unknown-value", format!("{mapping}.attributeMappings[1].source.type")),
        ("no-expression", format!("{mapping}.attributeMappings[1].source")),
        ("unknown-value", format!("{mapping}.attributeMappings[1].flowBehavior")),
        ("matching-priority", format!("{mapping}.attributeMappings[1].matchingPriority")),
        ("json-type", "directories".to_owned()),
    ];
    let expected: Vec<_> = expected.iter().map(|(rule, path)| (*rule, path.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn operators_are_read_in_every_spelling() {
    let cases = [
        ("EQUALS", Some(Operator::Equals)),
        ("not equals", Some(Operator::NotEquals)),
        ("Is Not Null", Some(Operator::IsNotNull)),
        ("IS_NOT_NULL", Some(Operator::IsNotNull)),
        ("Greater_Than", Some(Operator::GreaterThan)),
        ("GREATER THAN OR EQUALS", Some(Operator::GreaterThanOrEquals)),
        ("Greater_Than_OR_EQUALS", Some(Operator::GreaterThanOrEquals)),
        ("CONTAINS", Some(Operator::Includes)),
        ("ENDS WITH", Some(Operator::EndsWith)),
        ("&", Some(Operator::And)),
        ("!&", Some(Operator::NotAnd)),
        ("LIKE", None),
        ("", None),
    ];
    for (name, operator) in cases {
        assert_eq!(Operator::parse(name), operator, "{name}");
    }
    let answer = hirewire_schema::operator::filter_operators();
    let first: Vec<_> = answer.iter().take(8).map(|entry| entry.name).collect();
    let documented = [
        "EQUALS",
        "IS FALSE",
        "IS NOT NULL",
        "IS NULL",
        "IS TRUE",
        "NOT EQUALS",
        "NOT REGEX MATCH",
        "REGEX MATCH",
    ];
    assert_eq!(first, documented);
    let entry = serde_json::to_string(&answer[2]).expect("serializes");
    let expected = r#"{"arity":"Unary","id":"IS NOT NULL","multivaluedComparisonType":"All","name":"IS NOT NULL","supportedAttributeTypes":["Integer","String","Binary","Boolean"]}"#;
    assert_eq!(entry, expected);
}

fn any_node() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((".*", inner), 0..8).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_survives(value in any_node()) {
        let text = value.to_string();
        let node = json::parse(text.as_bytes()).expect("JSON");
        let compact = node.to_text(Layout::Compact);
        let indented = node.to_text(Layout::Indented);
        prop_assert_eq!(&compact, &text);
        prop_assert_eq!(json::parse(compact.as_bytes()).map(|node| node.to_text(Layout::Compact)), Ok(compact));
        prop_assert_eq!(json::parse(indented.as_bytes()).map(|node| node.to_text(Layout::Indented)), Ok(indented));
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::parse(&bytes);
    }

    /// Any JSON at any place of a document is read without panic.
    #[test]
    fn no_document_causes_a_panic(value in any_node(), at in 0..12usize) {
        let template = r#"{"synchronizationRules":[{"objectMappings":[{"attributeMappings":[{"source":@0,"flowType":@1,"matchingPriority":@2}],"scope":@3,"flowTypes":@4,"metadata":@5},@6]},@7],"directories":[{"objects":[{"attributes":[@8],"metadata":@9},@10]},@11]}"#;
        let mut text = template.to_owned();
        for place in (0..12).rev() {
            let filling = if place == at { value.to_string() } else { "null".to_owned() };
            text = text.replace(&format!("@{place}"), &filling);
        }
        if let Ok(document) = Document::parse(text.as_bytes()) {
            let _ = document.schema();
        }
    }
}

#[test]
fn a_get_answer_has_its_context_first() {
    let document = Document::parse(br#"{"id":"x","synchronizationRules":[{}]}"#).expect("a document");
    let answer = document.to_answer("https://host/$metadata#x");
    assert_eq!(
        answer,
        r#"{"@odata.context":"https://host/$metadata#x","id":"x","synchronizationRules":[{}]}"#
    );
    assert_eq!(document.root().get("@odata.context"), None::<&Node>);
}
