//! No input panics: mutated vectors, definitions and schemas.

use hirewire_workflow::definition::{ImportOptions, compile, import};
use hirewire_workflow::expression::{Expression, Template};
use hirewire_workflow::run::validate_schema;
use hirewire_workflow::vectors::run_functions;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::vectors::repository;

fn expressions() -> Vec<String> {
    let text = std::fs::read_to_string(repository("vectors/workflow-functions.json")).expect("vectors");
    let vectors: Json = serde_json::from_str(&text).expect("JSON");
    vectors
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v.get("expr")?.as_str().map(str::to_owned))
        .collect()
}

fn evaluate(expression: &str) {
    let vector = json!([{"id": "x", "expr": expression, "context": {
        "trigger": {"headers": {"Content-Type": "a"}, "body": {"x": [1, {"y": "z"}]}}, "parameters": {"p": "ä😀"}, "item": {"a": 1.5},
        "variables": {"v": [3, 1, 2]}, "actions": {"A": {"status": "Succeeded", "outputs": {"body": {"$content-type": "text/csv", "$content": "YQ=="}}}}}, "expect": null}]);
    assert_eq!(run_functions(&vector).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn mutated_expressions(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), junk in prop::sample::select(vec![
        "(", ")", "'", "''", "@", "@{", "}", "[", "]", "?", ".", ",", "-", "9223372036854775807", "-9223372036854775808", "null", "é😀", "1e308", "%", "\\", "0", "'yyyy'", ";", "#", "''''"
    ]), remove in 0usize..4) {
        thread_local! { static ALL: Vec<String> = expressions(); }
        let text = ALL.with(|all| pick.get(all).clone());
        let mut chars: Vec<char> = text.chars().collect();
        let place = at.index(chars.len() + 1);
        let end = (place + remove).min(chars.len());
        chars.splice(place..end, junk.chars());
        evaluate(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        evaluate(&format!("@{text}"));
        evaluate(&format!("a@{{{text}}}"));
        for function in ["formatNumber(12.5,", "formatDateTime('2024-02-29T01:02:03Z',", "parseDateTime(", "json(", "xml(", "float(", "uriPath(", "convertFromUtc('2024-01-01T00:00:00Z',", "base64ToString(", "dataUriToString(", "xpath(xml('<a/>'),"] {
            evaluate(&format!("@{function}'{}')", text.replace('\'', "''")));
        }
    }

    #[test]
    fn mutated_definitions(at in any::<prop::sample::Index>(), remove in 0usize..30, junk in "[\\[\\]{}\":,@a-z0-9']{0,12}") {
        let text = std::fs::read_to_string(repository("samples/logicapps/ours/scope-failure-result.definition.json")).expect("definition");
        let mut bytes: Vec<char> = text.chars().collect();
        let place = at.index(bytes.len());
        let end = (place + remove).min(bytes.len());
        bytes.splice(place..end, junk.chars());
        let text: String = bytes.into_iter().collect();
        for one in import(text.as_bytes(), &ImportOptions::default()).into_iter().flatten() {
            let _ = compile("w", &one.definition, false);
        }
    }

    #[test]
    fn any_schema(value in "[\\[\\]{}\":,a-z0-9. -]{0,40}", schema in "[\\[\\]{}\":,a-z0-9 -]{0,60}") {
        if let (Ok(value), Ok(schema)) = (serde_json::from_str(&value), serde_json::from_str(&schema)) {
            let _ = validate_schema(&value, &schema);
        }
    }
}

#[test]
fn deep_and_large_inputs_end() {
    for depth in [100, 257, 5_000] {
        let text = format!("{}'a'{}", "trim(".repeat(depth), ")".repeat(depth));
        assert_eq!(Expression::parse(&text, 0).is_ok(), depth == 100);
    }
    let chain = format!("triggerBody(){}", "?['a']".repeat(1_300));
    assert!(Expression::parse(&chain, 0).is_ok());
    evaluate(&format!("@{chain}"));
    assert!(Expression::parse(&format!("concat('{}')", "x".repeat(9_000)), 0).is_err());
    let nested = (0..200).fold(json!("@guid()"), |inner, _| json!([inner]));
    assert!(Template::parse(&nested).is_err());
    // Growth is bounded: ten texts of ten texts of … of 100 kB each.
    let mut text = "string(range(0,100000))".to_owned();
    for _ in 0..4 {
        text = format!("concat({})", vec![text; 10].join(","));
        if text.len() > 7_000 {
            break;
        }
    }
    evaluate(&format!("@{text}"));
    let actions =
        (0..60).fold(json!({}), |inner, n| json!({format!("S{n}"): {"type": "Scope", "actions": inner}}));
    assert!(compile("w", &json!({"actions": actions}), false).0.is_some());
    let actions =
        (0..90).fold(json!({}), |inner, n| json!({format!("S{n}"): {"type": "Scope", "actions": inner}}));
    assert!(compile("w", &json!({"actions": actions}), false).0.is_none());
}
