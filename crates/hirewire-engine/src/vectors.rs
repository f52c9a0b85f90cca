//! Runs `vectors/engine.json` (shape: `vectors/README.md`): plan cases, quarantine, retry, deletion threshold, restart.
mod schema_override;
mod target;

use hirewire_expression::SeededRandom;
use hirewire_schema::Document;
use serde_json::{Map, Value, json};

use crate::plan::{Action, Plan, ReferenceStatus};
use crate::quarantine::{self, Attempts, NextAttempt, QuarantineLimits};
use crate::restart::Restart;
use crate::safety::DeleteThreshold;
use crate::value::AttributeValue;
use crate::{CompiledSchema, Link, MissingActive, Person, Settings, Surroundings};

/// What came of one vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorOutcome {
    /// The vector's id.
    pub id: String,
    /// Whether the result is the expected one.
    pub passed: bool,
    /// Expected, as JSON.
    pub expected: Value,
    /// Got, as JSON; the members that the expectation has.
    pub got: Value,
}

/// Takes the document and one vector, gives what came of it.
type Runner = fn(&Value, &Value) -> Result<Value, String>;

/// Runs every vector of the document; a document that is none gives one failed outcome.
pub fn run(text: &str) -> Vec<VectorOutcome> {
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(error) => return vec![failed("document", Value::Null, error.to_string())],
    };
    let parts: [(&str, Runner); 5] = [
        ("cases", plan_case),
        ("quarantine", |_, vector| Ok(quarantine_case(vector))),
        ("retry", |_, vector| retry_case(vector)),
        ("deletionThreshold", |_, vector| Ok(threshold_case(vector))),
        ("restart", |_, vector| restart_case(vector)),
    ];
    let mut outcomes = Vec::new();
    for (part, run) in parts {
        for vector in document[part].as_array().into_iter().flatten() {
            let id = vector["id"].as_str().unwrap_or("(no id)").to_owned();
            let expected = vector["expect"].clone();
            outcomes.push(match run(&document, vector) {
                Ok(got) => VectorOutcome { passed: matches(&expected, &got), id, expected, got },
                Err(message) => failed(&id, expected, message),
            });
        }
    }
    outcomes
}

fn failed(id: &str, expected: Value, message: String) -> VectorOutcome {
    VectorOutcome { id: id.to_owned(), passed: false, expected, got: json!({ "error": message }) }
}

fn plan_case(document: &Value, vector: &Value) -> Result<Value, String> {
    let name = vector["schema"].as_str().unwrap_or_default();
    let mut schema = document["schemas"][name].clone();
    schema_override::apply(&mut schema, &vector["override"]);
    let text = schema.to_string();
    let parsed = Document::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let settings = settings(&vector["settings"]);
    let compiled = CompiledSchema::compile(&parsed.schema(), &settings)
        .map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let world = target::World::read(&parsed.schema(), vector)?;
    let link: Option<Link> =
        serde_json::from_value(vector["link"].clone()).map_err(|error| error.to_string())?;
    let record = Some(&vector["record"]).filter(|record| !record.is_null());
    let source_anchor = link.as_ref().map(|link| link.source_anchor.clone()).or_else(|| external_id(record?));
    let now = vector["now"].as_str().unwrap_or_default().parse().map_err(|error| format!("now: {error}"))?;
    let random = SeededRandom::new(1);
    let person =
        Person { source_anchor: source_anchor.as_deref().unwrap_or_default(), record, link: link.as_ref() };
    let prepared = compiled.prepare(person, now, &random);
    let answer = world.answer(&compiled, prepared.lookup());
    let plan = prepared.plan(answer.current(), &Surroundings { neighbours: &world, random: &random });
    Ok(as_json(&plan))
}

fn external_id(record: &Value) -> Option<String> {
    let members = record.as_object()?;
    let found = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("externalId"))?;
    found.1.as_str().map(str::to_owned)
}

fn settings(given: &Value) -> Settings {
    let text = |name: &str| given[name].as_str();
    Settings {
        missing_active: text("missingActive").and_then(MissingActive::parse).unwrap_or_default(),
        skip_out_of_scope_deletions: text("SkipOutOfScopeDeletions")
            .is_some_and(Settings::parse_skip_out_of_scope_deletions),
        default_domain: Some(text("defaultDomain").unwrap_or("contoso.com").to_owned()),
        default_container: text("adContainer").map(str::to_owned),
        ..Settings::default()
    }
}

/// The plan in the shape of an expectation.
fn as_json(plan: &Plan) -> Value {
    let changes: Map<String, Value> = plan
        .changes
        .iter()
        .map(|change| {
            let pair = json!([value_json(change.old.as_ref()), value_json(change.new.as_ref())]);
            (change.attribute.clone(), pair)
        })
        .collect();
    let references: Map<String, Value> = plan
        .references
        .iter()
        .map(|reference| {
            let status = match reference.status {
                ReferenceStatus::Set => "set",
                ReferenceStatus::Pending => "pending",
            };
            (
                reference.attribute.clone(),
                json!({"from": reference.from, "to": reference.to, "status": status}),
            )
        })
        .collect();
    let action = match plan.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Disable => "disable",
        Action::Enable => "enable",
        Action::Delete => "delete",
        Action::Skip => "skip",
        Action::Fail => "fail",
    };
    let warnings: Vec<&str> = plan.warnings.iter().map(|warning| warning.code.code()).collect();
    json!({
        "action": action,
        "reason": plan.reason.map(|reason| reason.code()),
        "detail": plan.detail,
        "changes": changes,
        "references": references,
        "matchedBy": plan.matched_by,
        "warnings": warnings,
    })
}

fn value_json(value: Option<&AttributeValue>) -> Value {
    match value {
        None => Value::Null,
        Some(AttributeValue::Text(text) | AttributeValue::Reference(text)) => json!(text),
        Some(AttributeValue::Boolean(flag)) => json!(flag),
        Some(AttributeValue::Integer(number)) => json!(number),
        Some(AttributeValue::DateTime(moment)) => json!(format!("{moment}Z")),
        Some(AttributeValue::Binary(bytes)) => json!(bytes),
        Some(AttributeValue::List(values)) => {
            Value::Array(values.iter().map(|value| value_json(Some(value))).collect())
        }
    }
}

/// Exact except for the order inside lists; warnings are a lower bound; what a plan expectation leaves out is empty.
fn matches(expected: &Value, got: &Value) -> bool {
    let Some(members) = got.as_object() else { return false };
    let known =
        expected.as_object().is_some_and(|expected| expected.keys().all(|name| members.contains_key(name)));
    known
        && members.iter().all(|(name, got)| match (name.as_str(), &expected[name]) {
            ("warnings", wanted) => {
                let got = got.as_array().map(Vec::as_slice).unwrap_or_default();
                wanted.as_array().into_iter().flatten().all(|warning| got.contains(warning))
            }
            ("detail", _) => true,
            ("references", Value::Null) => got.as_object().is_some_and(Map::is_empty),
            (_, wanted) => sorted(wanted) == sorted(got),
        })
}

/// Lists in an order of their own; a change's pair of old and new keeps its order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value.as_array().map(Vec::as_slice) {
                Some([old, new]) => (name.clone(), json!([sorted(old), sorted(new)])),
                _ => (name.clone(), sorted(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(elements) => {
            let mut elements = elements.clone();
            elements.sort_by_key(ToString::to_string);
            Value::Array(elements)
        }
        other => other.clone(),
    }
}

fn quarantine_case(vector: &Value) -> Value {
    let number = |name: &str| vector[name].as_u64().unwrap_or_default();
    let attempts = Attempts {
        failed: number("failed"),
        reference_failed: number("referenceFailed"),
        succeeded: number("succeeded"),
    };
    match quarantine::assess(&attempts, &QuarantineLimits::default()) {
        Some(reason) => json!({"quarantine": true, "reason": reason.code()}),
        None => json!({"quarantine": false}),
    }
}

fn retry_case(vector: &Value) -> Result<Value, String> {
    let began = vector["seriesBegan"].as_str().unwrap_or_default();
    let began = began.parse().map_err(|error| format!("seriesBegan: {error}"))?;
    let number = vector["seriesCount"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or_default();
    Ok(match quarantine::next_attempt(began, number) {
        NextAttempt::At(at) => json!({"nextAttempt": at.to_string()}),
        NextAttempt::DisableJob => json!({"disableJob": true}),
    })
}

fn threshold_case(vector: &Value) -> Value {
    let threshold = DeleteThreshold::from_notification_settings(&vector["settings"]);
    let number = |name: &str| vector[name].as_u64().unwrap_or_default();
    match threshold.holds(number("deletes"), number("disables")) {
        true => json!({"held": true, "quarantineReason": "TooManyDeletes", "action": "stagedDelete"}),
        false => json!({"held": false}),
    }
}

fn restart_case(vector: &Value) -> Result<Value, String> {
    let restart = Restart::parse(vector["resetScope"].as_str().unwrap_or_default())
        .map_err(|error| error.to_string())?;
    let cleared = |flag: bool| if flag { "cleared" } else { "kept" };
    Ok(json!({
        "links": cleared(restart.clear_links),
        "watermark": cleared(restart.clear_watermark),
        "escrows": cleared(restart.clear_escrows),
        "quarantine": cleared(restart.clear_quarantine),
        "heldDeletes": if restart.execute_held_deletes { "executed" } else { "kept" },
    }))
}
