//! The table of functions: its examples hold, and the page generated from it is fresh.

use std::collections::HashSet;

use hirewire_expression::function::{Example, Expected};
use hirewire_expression::{
    DateTime, Environment, Expression, Outcome, SeededRandom, UniqueValues, Value, functions,
    reference_markdown,
};

struct JohnSmith;

impl UniqueValues for JohnSmith {
    fn is_taken(&self, candidate: &str) -> bool {
        candidate.eq_ignore_ascii_case("John.Smith@contoso.com")
    }
}

fn holds(example: &Example) -> Result<(), String> {
    let expression = Expression::parse(example.expression).map_err(|error| error.to_string())?;
    let source = |name: &str| match example.source.iter().find(|(known, _)| *known == name) {
        None => Value::Null,
        Some((_, [only])) => Value::from(*only),
        Some((_, values)) => Value::List(values.iter().map(|value| (*value).into()).collect()),
    };
    let random = SeededRandom::new(7);
    let now = DateTime::from_unix_seconds(1_753_833_600).ok_or("no date")?;
    let environment =
        Environment::new(now, &random).with_default_domain(Some("contoso.com")).with_unique(&JohnSmith);
    let outcome = expression.evaluate(&source, &environment);
    let holds = match (example.expect, &outcome) {
        (Expected::Error, Err(_)) => true,
        (Expected::IgnoreAttribute, Ok(Outcome::IgnoreAttribute)) => true,
        (Expected::Null, Ok(outcome)) => outcome.value() == Some(&Value::Null),
        (Expected::Text(text), Ok(outcome)) => {
            outcome.value().and_then(Value::as_text).as_deref() == Some(text)
        }
        (Expected::Length(length), Ok(outcome)) => {
            outcome.value().and_then(Value::as_text).is_some_and(|text| text.chars().count() == length)
        }
        (Expected::List(values), Ok(outcome)) => {
            outcome.value().is_some_and(|value| value.texts() == *values)
        }
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("{outcome:?}")) }
}

#[test]
fn every_example_holds() {
    for info in functions() {
        assert!(!info.examples.is_empty(), "{} has no example", info.name);
        for example in info.examples {
            if let Err(got) = holds(example) {
                panic!("{}: expected {:?}, got {got}", example.expression, example.expect);
            }
        }
    }
}

#[test]
fn every_function_is_complete() {
    let names: HashSet<&str> = functions().iter().map(|info| info.name).collect();
    // 45 of the functions reference, one of the customisation page, nine of the extended set.
    assert_eq!(names.len(), 54);
    for info in functions() {
        assert!(info.signature.starts_with(&format!("{}(", info.name)), "{}", info.signature);
        assert!(info.meaning.ends_with('.'), "{}", info.name);
    }
}

/// `HIREWIRE_BLESS=1` rewrites the page.
#[test]
fn the_reference_page_is_fresh() {
    let path = format!("{}/../../docs/functions.md", env!("CARGO_MANIFEST_DIR"));
    let page = reference_markdown();
    if std::env::var_os("HIREWIRE_BLESS").is_some() {
        std::fs::create_dir_all(format!("{}/../../docs", env!("CARGO_MANIFEST_DIR"))).expect("docs/");
        std::fs::write(&path, &page).expect("docs/functions.md");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "docs/functions.md is stale: run with HIREWIRE_BLESS=1");
}
