//! No input makes the crate panic, and what it prints it reads.

use hirewire_expression::pattern::Pattern;
use hirewire_expression::{Context, DateTime, Environment, Expression, SeededRandom, Value, functions};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Everything one can do with a text.
fn exercise(text: &str) {
    let Ok(expression) = Expression::parse(text) else { return };
    let random = SeededRandom::new(5);
    let now = DateTime::from_unix_seconds(1_753_833_600).expect("a moment");
    let environment = Environment::new(now, &random).with_default_domain(Some("contoso.com"));
    let person = |name: &str| match name.len() % 4 {
        0 => Value::Null,
        1 => Value::from("Zoë Łódź-O'Neil 2025-03-31"),
        2 => Value::List(vec!["a,b".into(), "".into()]),
        _ => Value::from("42"),
    };
    let _ = expression.evaluate(&person, &environment);
    let _ = expression.trace(&person, &environment);
    let _ = expression.check(&Context::default());
    let canonical = expression.to_string();
    let again =
        Expression::parse(&canonical).unwrap_or_else(|error| panic!("{text} printed {canonical}: {error}"));
    assert_eq!(again.to_string(), canonical);
    let tree = expression.to_tree();
    assert_eq!(Expression::from_tree(&tree).map(|e| e.to_tree()), Ok(tree));
}

fn constant() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\\\\\"é ]{0,6}"
            .prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        any::<i32>().prop_map(|number| number.to_string()),
        select(vec![
            "\"yyyy\"",
            "\"d\"",
            "\"m\"",
            "\"2024-02-29\"",
            "\"(?<g>a+)\"",
            "\"g\"",
            "\"True\"",
            "NULL",
            "True"
        ])
        .prop_map(str::to_owned),
        Just("[name.givenName]".to_owned()),
        Just("[emails[type eq \"work\"].value]".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    constant().prop_recursive(5, 60, 5, |inner| {
        let call = (any::<Index>(), prop::collection::vec(prop::option::weighted(0.9, inner.clone()), 0..8));
        prop_oneof![
            6 => call.prop_map(|(function, arguments)| {
                let arguments: Vec<String> = arguments.into_iter().map(Option::unwrap_or_default).collect();
                format!("{}({})", function.get(functions()).name, arguments.join(", "))
            }),
            1 => (inner.clone(), inner.clone(), select(vec!["=", "<>", "<", ">="]))
                .prop_map(|(left, right, operator)| format!("IIF({left} {operator} {right}, {left}, {right})")),
            1 => (inner.clone(), inner).prop_map(|(left, right)| format!("{left} & {right}")),
        ]
    })
}

/// Pieces of patterns, so that most combinations are valid.
fn pattern() -> impl Strategy<Value = String> {
    let atom = select(vec![
        "a",
        "b",
        "é",
        ".",
        "[ab]",
        "[^a]",
        "\\d",
        "\\w",
        "\\s",
        "^",
        "$",
        "\\b",
        "(?=a)",
        "(?<!b)",
        "\\1",
        "(a)",
        "|",
        "(?<n>b)",
        "(?>a*)",
        "[a-z-[b]]",
        "(?i)",
        "\\p{L}",
    ]);
    let quantifier = select(vec!["", "", "*", "+", "?", "*?", "{2}", "{0,3}", "{1,}?"]);
    prop::collection::vec((atom, quantifier), 0..6)
        .prop_map(|parts| parts.into_iter().map(|(atom, quantifier)| format!("{atom}{quantifier}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_handled(text in "\\PC{0,60}") {
        exercise(&text);
    }

    #[test]
    fn generated_expressions_are_printed_and_read(text in expression()) {
        exercise(&text);
    }

    #[test]
    fn changed_vectors_are_handled(which in any::<Index>(), at in any::<Index>(), length in 0..6_usize, new in "[\\[\\]\"(),&=\\\\a-zA-Z0-9 é]{0,4}") {
        let json: Vec<serde_json::Value> = serde_json::from_str(&super::corpus()).expect("vectors");
        let text = which.get(&json)["expression"].as_str().unwrap_or_default().to_owned();
        let chars: Vec<char> = text.chars().take(400).collect();
        let at = if chars.is_empty() { 0 } else { at.index(chars.len()) };
        let rest = chars.iter().skip(at + length);
        let changed: String = chars[..at].iter().copied().chain(new.chars()).chain(rest.copied()).collect();
        exercise(&changed);
    }

    #[test]
    fn any_pattern_is_handled(pattern in "\\PC{0,30}", text in "\\PC{0,30}") {
        if let Ok(pattern) = Pattern::new(&pattern) {
            let _ = pattern.is_match(&text);
        }
    }

    /// Where both dialects agree, an independent engine finds the same matches.
    #[test]
    fn patterns_match_what_another_engine_matches(pattern in pattern(), text in "[ab é1\n]{0,10}") {
        let ours = pattern.replace("(?<n>b)", "(?:b)");
        let theirs = ours.replace('$', "(?=\\n?\\z)").replace("[a-z-[b]]", "[ac-z]");
        let Ok(theirs) = fancy_regex::Regex::new(&theirs) else { return Ok(()) };
        let quoted = ours.replace('\\', "\\\\");
        let Ok(ours) = Expression::parse(&format!(r#"Replace([text], , "{quoted}", , "<$&>", , )"#)) else { return Ok(()) };
        let Some(expected) = bracketed(&theirs, &text) else { return Ok(()) };
        let random = SeededRandom::new(5);
        let environment = Environment::new(DateTime::from_unix_seconds(0).expect("a moment"), &random);
        let source = |_: &str| Value::from(text.clone());
        if let Ok(outcome) = ours.evaluate(&source, &environment) {
            prop_assert_eq!(outcome.value().and_then(Value::as_text).unwrap_or_default(), expected, "{}", pattern);
        }
    }
}

/// The text with every match in angle brackets; after an empty match the search goes on one character further.
fn bracketed(pattern: &fancy_regex::Regex, text: &str) -> Option<String> {
    let (mut marked, mut copied, mut search) = (String::new(), 0, 0);
    while let Some(found) = pattern.find_from_pos(text, search).ok()? {
        marked.push_str(&format!("{}<{}>", &text[copied..found.start()], found.as_str()));
        copied = found.end();
        search = found.end();
        if found.start() == found.end() {
            match text[search..].chars().next() {
                Some(c) => search += c.len_utf8(),
                None => break,
            }
        }
    }
    marked.push_str(&text[copied..]);
    Some(marked)
}
