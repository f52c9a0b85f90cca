//! Schema documents: trees of real mappings survive, canonical text is stable, traces are complete.

use hirewire_expression::{DateTime, Environment, Expression, SeededRandom, SourceTree, TraceResult, Value};
use serde_json::Value as Json;

/// All `source` trees of a schema document.
fn sources(json: &Json, found: &mut Vec<SourceTree>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                if name == "source" && value.is_object() {
                    found.push(serde_json::from_value(value.clone()).expect("a source tree"));
                } else {
                    sources(value, found);
                }
            }
        }
        Json::Array(values) => values.iter().for_each(|value| sources(value, found)),
        _ => {}
    }
}

#[test]
fn trees_of_schema_documents_are_rebuilt() {
    for name in ["inbound-to-ad", "inbound-to-entra", "inbound-custom"] {
        let json: Json =
            serde_json::from_str(&super::read(&format!("samples/schema/{name}.json"))).expect(name);
        let mut found = Vec::new();
        sources(&json, &mut found);
        assert!(found.len() > 10, "{name}");
        for tree in found {
            let expression = Expression::from_tree(&tree).expect("an expression");
            assert_eq!(expression.to_tree(), tree, "{name}");
        }
    }
}

/// Takes the texts away, so that the expression must be built from type, name and parameters.
fn without_text(tree: &SourceTree) -> SourceTree {
    let mut tree = tree.clone();
    tree.expression = None;
    for parameter in &mut tree.parameters {
        parameter.value = without_text(&parameter.value);
    }
    tree
}

#[test]
fn trees_without_text_give_the_same_expression() {
    let texts = [
        "[mail]",
        r#""IT \"x\" \\ y""#,
        r#"Join(", ", [a], [b], "c")"#,
        r#"Replace([preferredLanguage], "-", , , "_", , )"#,
        r#"Replace([u], , "(?<Suffix>@(.)*)", "Suffix", "", , )"#,
        r#"Replace([t], , "(?<x>a)", "x", , [m], )"#,
        r#"FormatDateTime([d], , "yyyy-MM-dd", "yyyy")"#,
        r#"FormatDateTime([d], "yyyy-MM-dd", "yyyy")"#,
        r#"Switch([Active], , "1", "True", "0", IgnoreObjectFlow)"#,
        r#"Switch([Active], "d", "1", Join("", [a], "x"), "", "0")"#,
        r#"IIF([a] = "x", Mid([b], 1, 3), IgnoreAttributeFlow)"#,
        "Coalesce([a], [b], \"c\")",
        "InStr([a], \"b\", 1, \"vbTextCompare\")",
        "DefaultDomain()",
        "SelectUniqueValue([a], [b], [c])",
        "ToLower([a], )",
    ];
    let random = SeededRandom::new(1);
    let environment = Environment::new(DateTime::from_unix_seconds(0).expect("a moment"), &random);
    let person = |name: &str| match name {
        "a" => Value::from("x"),
        "d" => Value::from("2024-05-06"),
        "Active" => Value::from("1"),
        "u" => Value::from("kim@contoso.com"),
        _ => Value::Null,
    };
    for text in texts {
        let expression = Expression::parse(text).expect(text);
        let rebuilt = Expression::from_tree(&without_text(&expression.to_tree())).expect(text);
        assert_eq!(
            rebuilt.evaluate(&person, &environment).map_err(|error| error.detail.clone()),
            expression.evaluate(&person, &environment).map_err(|error| error.detail.clone()),
            "{text} became {rebuilt}"
        );
    }
}

#[test]
fn canonical_texts() {
    let cases = [
        (
            " Replace ( [preferredLanguage],\"-\" , ,,\"_\",, ) ",
            r#"Replace([preferredLanguage], "-", , , "_", , )"#,
        ),
        ("Mid([userPrincipalName],1,8)", r#"Mid([userPrincipalName], "1", "8")"#),
        ("BitAnd(&HF,&HF7)", r#"BitAnd("15", "247")"#),
        (r#"IIF([a]="\+",[b],"x"&[c])"#, r#"IIF([a] = "\\+", [b], "x" & [c])"#),
        ("[ a ]", "[a]"),
        ("IIF(True,NULL,IgnoreObjectFlow)", "IIF(True, NULL, IgnoreObjectFlow)"),
    ];
    for (text, expected) in cases {
        let expression = Expression::parse(text).expect(text);
        assert_eq!(expression.to_string(), expected);
        assert_eq!(Expression::parse(expected).expect(expected).to_string(), expected);
    }
}

#[test]
fn parameters_carry_internal_names() {
    let text = r#"IIF(Switch([a], , "k", "v") = "v", FormatDateTime([d], "yyyy", "MM"), Coalesce([b], "x"))"#;
    let tree = Expression::parse(text).expect("an expression").to_tree();
    let keys = |tree: &SourceTree| tree.parameters.iter().map(|p| p.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&tree), ["condition", "valueIfTrue", "valueIfFalse"]);
    assert_eq!(keys(&tree.parameters[1].value), ["source", "inputFormat", "outputFormat"]);
    assert_eq!(keys(&tree.parameters[2].value), ["source", "source"]);
}

#[test]
fn a_trace_shows_what_was_evaluated_and_nothing_else() {
    let expression =
        Expression::parse(r#"Switch([a], Error("d"), "x", Append([b], "!"), Guid(), "z")"#).expect("parses");
    let random = SeededRandom::new(1);
    let environment = Environment::new(DateTime::from_unix_seconds(0).expect("a moment"), &random);
    let person = |name: &str| Value::from(if name == "a" { "x" } else { "y" });
    let trace = expression.trace(&person, &environment);
    assert_eq!(trace.root.result, TraceResult::Value("y!".into()));
    let shown: Vec<(&str, usize)> =
        trace.root.children.iter().map(|child| (child.text.as_str(), child.children.len())).collect();
    assert_eq!(shown, [("[a]", 0), (r#""x""#, 0), (r#"Append([b], "!")"#, 2)]);
    let failed = Expression::parse("Append([a], CDate([b]))").expect("parses").trace(&person, &environment);
    assert_eq!(failed.root.result, TraceResult::Failed);
    assert!(failed.outcome.is_err());
    assert_eq!(failed.root.children[1].text, "CDate([b])");
}
