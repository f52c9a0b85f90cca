//! Runs the shared expression vectors (`vectors/workflow-functions.md`, `samples/logicapps/README.md`).

use std::cell::Cell;

use serde_json::{Map, Value as Json, json};

use crate::expression::{DateTime, ExpressionError, Scope, Template, Value, member};

/// What became of one vector.
#[derive(Debug, Clone)]
pub struct VectorOutcome {
    /// The vector's id, or its template where it has none.
    pub id: String,
    /// Whether the result is the expected one.
    pub passed: bool,
    /// Whether the sources contradict each other; such a vector is reported, not required.
    pub contested: bool,
    /// The expected value or error.
    pub expected: Json,
    /// The value or error that came.
    pub got: Json,
}

/// A scope made of a vector's `context`.
#[derive(Debug)]
struct Context {
    json: Json,
    random: Cell<u64>,
}

fn named<'a>(json: &'a Json, group: &str, name: &str) -> Option<Value<'a>> {
    member(json.get(group)?.as_object()?, name).map(Value::from)
}

impl Context {
    fn new(json: &Json) -> Self {
        Self { json: json.clone(), random: Cell::new(7) }
    }

    fn trigger_outputs_json(&self) -> Option<Json> {
        let trigger = self.json.get("trigger")?.as_object()?;
        if let Some(outputs) = trigger.get("outputs") {
            return Some(outputs.clone());
        }
        let mut outputs = trigger.clone();
        outputs.shift_remove("name");
        outputs.shift_remove("status");
        Some(Json::Object(outputs))
    }
}

impl Scope for Context {
    fn parameter(&self, name: &str) -> Option<Value<'_>> {
        named(&self.json, "parameters", name)
    }
    fn variable(&self, name: &str) -> Option<Value<'_>> {
        named(&self.json, "variables", name)
    }
    fn trigger(&self) -> Option<Value<'_>> {
        let trigger = self.json.get("trigger")?;
        let text =
            |key: &str, default: &str| trigger.get(key).and_then(Json::as_str).unwrap_or(default).to_owned();
        let record = json!({"name": text("name", "manual"), "status": text("status", "Succeeded"), "outputs": self.trigger_outputs_json()});
        Some(record.into())
    }
    fn trigger_outputs(&self) -> Value<'_> {
        self.trigger_outputs_json().map_or(Value::Null, Value::from)
    }
    fn action(&self, name: &str) -> Option<Value<'_>> {
        let actions = self.json.get("actions")?.as_object()?;
        let mut record = member(actions, name)?.as_object()?.clone();
        record.insert("name".into(), Json::from(name));
        Some(Json::Object(record).into())
    }
    fn outputs(&self, name: &str) -> Option<Value<'_>> {
        let actions = self.json.get("actions")?.as_object()?;
        Some(member(actions, name)?.get("outputs").map_or(Value::Null, Value::from))
    }
    fn current_action(&self) -> Option<Value<'_>> {
        self.json.get("action").map(Value::from)
    }
    fn item(&self) -> Option<Value<'_>> {
        self.json.get("item").map(Value::from)
    }
    fn items(&self, name: &str) -> Option<Value<'_>> {
        named(&self.json, "items", name)
    }
    fn iteration_index(&self, name: &str) -> Option<i64> {
        member(self.json.get("iterationIndexes")?.as_object()?, name)?.as_i64()
    }
    fn result(&self, name: &str) -> Option<Value<'_>> {
        named(&self.json, "results", name)
    }
    fn workflow(&self) -> Option<Value<'_>> {
        let mut workflow =
            self.json.get("workflow").and_then(Json::as_object).cloned().unwrap_or_else(Map::new);
        if let Some(run) = self.json.get("run") {
            workflow.insert("run".into(), run.clone());
        }
        Some(Json::Object(workflow).into())
    }
    fn callback_url(&self) -> Option<String> {
        self.json.get("callbackUrl")?.as_str().map(str::to_owned)
    }
    fn now(&self) -> DateTime {
        let text = self.json.get("now").and_then(Json::as_str).unwrap_or("2026-01-01T00:00:00Z");
        DateTime::parse(text).unwrap_or(DateTime::from_unix_nanoseconds(0))
    }
    fn random(&self) -> u128 {
        self.random.set(
            self.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
        );
        u128::from(self.random.get()) << 64 | u128::from(self.random.get().rotate_left(17))
    }
}

fn evaluate(template: &Json, context: &Json) -> Result<Json, ExpressionError> {
    Template::parse(template)?.to_json(&Context::new(context))
}

/// Deep comparison: numbers by value, member order ignored.
fn agrees(got: &Json, want: &Json) -> bool {
    match (got, want) {
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => {
                let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
                a == b || (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs())
            }
        },
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| agrees(v, w)))
        }
        _ => got == want,
    }
}

fn judge(got: &Result<Json, ExpressionError>, want: &Json) -> bool {
    let only =
        |key: &str| want.as_object().filter(|o| o.len() == 1).and_then(|o| o.get(key)).and_then(Json::as_str);
    match (got, only("error"), only("match")) {
        (Err(e), Some(kind), _) => e.kind.word() == kind,
        (Ok(Json::String(text)), None, Some(pattern)) => {
            regex::Regex::new(pattern).is_ok_and(|r| r.is_match(text))
        }
        (Ok(value), None, _) => agrees(value, want),
        _ => false,
    }
}

fn shown(got: Result<Json, ExpressionError>) -> Json {
    got.unwrap_or_else(|e| json!({"error": e.kind.word(), "message": e.message}))
}

/// Runs `vectors/workflow-functions.json`: one array of vectors.
pub fn run_functions(vectors: &Json) -> Vec<VectorOutcome> {
    let outcome = |vector: &Json| {
        let template = vector.get("expr").or_else(|| vector.get("template")).cloned().unwrap_or(Json::Null);
        let got = evaluate(&template, vector.get("context").unwrap_or(&Json::Null));
        let expected = vector.get("expect").cloned().unwrap_or(Json::Null);
        VectorOutcome {
            id: vector.get("id").and_then(Json::as_str).unwrap_or_default().to_owned(),
            passed: judge(&got, &expected),
            contested: vector.get("contested") == Some(&Json::Bool(true)),
            expected,
            got: shown(got),
        }
    };
    vectors.as_array().into_iter().flatten().map(outcome).collect()
}

/// Runs `samples/logicapps/expression-vectors.json`: `{context, vectors: [{template, value | error}]}`. Failing is what
/// counts for an `error`; its text is recommended and reported in `got`.
pub fn run_templates(file: &Json) -> Vec<VectorOutcome> {
    let context = file.get("context").cloned().unwrap_or(Json::Null);
    let outcome = |vector: &Json| {
        let template = vector.get("template").cloned().unwrap_or(Json::Null);
        let got = evaluate(&template, &context);
        let passed = match (&got, vector.get("value")) {
            (Ok(value), Some(want)) => agrees(value, want),
            (Err(_), None) => true,
            _ => false,
        };
        VectorOutcome {
            id: template.to_string(),
            passed,
            contested: vector.get("contested") == Some(&Json::Bool(true)),
            expected: vector.get("value").cloned().unwrap_or_else(|| json!({"error": vector.get("error")})),
            got: shown(got),
        }
    };
    file.get("vectors").and_then(Json::as_array).into_iter().flatten().map(outcome).collect()
}
