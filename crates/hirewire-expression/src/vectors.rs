//! Runs `vectors/expressions.json` (`spec/expressions.md §11`).

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value as Json;

use crate::environment::{Environment, SeededRandom, Source, UniqueValues};
use crate::expression::Expression;
use crate::pattern::Pattern;
use crate::value::{Outcome, REDACTED, Value};

/// What one vector gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorOutcome {
    /// The vector's name.
    pub id: String,
    /// Whether the result is the expected one.
    pub passed: bool,
    /// The expected result, as JSON text.
    pub expected: String,
    /// The result, as JSON text; for errors with their message.
    pub got: String,
}

/// Runs every vector of a file; a file that is no list of vectors gives one failed outcome.
pub fn run(json: &str) -> Vec<VectorOutcome> {
    match serde_json::from_str::<Vec<Json>>(json) {
        Ok(vectors) => vectors.iter().map(run_one).collect(),
        Err(error) => vec![VectorOutcome {
            id: "(file)".to_owned(),
            passed: false,
            expected: "a list of vectors".to_owned(),
            got: error.to_string(),
        }],
    }
}

/// Attribute values of a vector.
struct Attributes<'v>(HashMap<&'v str, Value<'v>>);

impl Source for Attributes<'_> {
    fn value(&self, _slot: usize, name: &str) -> Value<'_> {
        self.0.get(name).map_or(Value::Null, Value::borrowed)
    }
}

/// The target's values, compared without regard to case.
struct Taken(Vec<String>);

impl UniqueValues for Taken {
    fn is_taken(&self, candidate: &str) -> bool {
        self.0.contains(&candidate.to_lowercase())
    }
}

fn run_one(vector: &Json) -> VectorOutcome {
    let text = |member: &str| vector[member].as_str();
    let expected = &vector["expect"];
    let result = evaluate(vector);
    let (mut passed, mut got) = match &result {
        Err(message) => (expected["error"] == Json::Bool(true), format!("error: {message}")),
        Ok(outcome) => (matches(outcome, expected), shown(outcome).to_string()),
    };
    if let (Some(logged), Ok(outcome)) = (text("logged"), &result) {
        let shown = if outcome.is_redacted() { Json::from(REDACTED) } else { shown(outcome) };
        if shown != logged {
            passed = false;
            got = format!("{got}, logged as {shown}");
        }
    }
    VectorOutcome {
        id: text("id").unwrap_or("(unnamed)").to_owned(),
        passed,
        expected: expected.to_string(),
        got,
    }
}

fn evaluate(vector: &Json) -> Result<Outcome<'static>, String> {
    let expression =
        Expression::parse(vector["expression"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    let source = vector["source"].as_object();
    let attributes =
        source.into_iter().flatten().map(|(name, value)| (name.as_str(), attribute(value))).collect();
    let taken = vector["target_exists"].as_array();
    let taken = taken.into_iter().flatten().filter_map(Json::as_str).map(str::to_lowercase).collect();
    let now = vector["now"].as_str().unwrap_or("2025-01-01T00:00:00Z");
    let now = crate::cdate::parse(now).ok_or_else(|| format!("`now` is no date: {now}"))?;
    let (taken, random) = (Taken(taken), SeededRandom::new(1));
    let environment = Environment::new(now, &random)
        .with_default_domain(vector["default_domain"].as_str())
        .with_unique(&taken);
    let attributes = Attributes(attributes);
    let outcome = expression.evaluate(&attributes, &environment).map_err(|e| e.to_string())?;
    Ok(outcome.into_owned())
}

fn attribute(value: &Json) -> Value<'_> {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::from(text.as_str()),
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Text(Cow::Owned(number.to_string())),
        Json::Array(values) => Value::List(values.iter().filter_map(element).collect()),
        Json::Object(_) => element(value).map_or(Value::Null, Value::Text),
    }
}

/// A value of a list; of a richer role object its `value`.
fn element(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Object(role) => role.get("value").and_then(Json::as_str).map(Cow::Borrowed),
        Json::Null => None,
        other => Some(Cow::Owned(other.to_string())),
    }
}

fn shown(outcome: &Outcome<'_>) -> Json {
    match outcome {
        Outcome::IgnoreAttribute => serde_json::json!({ "ignore": "attribute" }),
        Outcome::IgnoreObject => serde_json::json!({ "ignore": "object" }),
        Outcome::Value { value, .. } => match value {
            Value::Null => Json::Null,
            Value::List(values) => values.iter().map(|value| Json::from(value.as_ref())).collect(),
            Value::Roles(roles) => {
                let values: Vec<&str> = roles.iter().map(|role| role.value.as_ref()).collect();
                serde_json::json!({ "roles": values })
            }
            single => single.as_text().map_or(Json::Null, |text| Json::from(text.into_owned())),
        },
    }
}

fn matches(outcome: &Outcome<'_>, expected: &Json) -> bool {
    match expected["matches"].as_str() {
        None => shown(outcome) == *expected,
        Some(pattern) => {
            let text = outcome.value().and_then(Value::as_text);
            let pattern = Pattern::new(pattern);
            text.zip(pattern.ok()).is_some_and(|(text, pattern)| pattern.is_match(&text) == Ok(true))
        }
    }
}
