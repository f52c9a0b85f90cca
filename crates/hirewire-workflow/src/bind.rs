//! Binds parameter values and fires triggers: what stands between a definition and its runs.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::definition::{Finding, Trigger, Workflow};
use crate::expression::{Evaluator, member, same_name};
use crate::run::{Machine, RunOptions, Start, TriggerRecord};

/// Values of all declared parameters: given ones first, then defaults (`spec/workflows.md` §2.1).
///
/// In a Standard workflow values may hold `@appsetting('NAME')`, which is evaluated here.
///
/// # Errors
/// One finding per parameter without a value or with a value of the wrong type.
pub fn bind_parameters(
    workflow: &Workflow,
    given: &Map<String, Json>,
    settings: &Map<String, Json>,
) -> Result<Map<String, Json>, Vec<Finding>> {
    let mut out = Map::new();
    let mut findings = Vec::new();
    for parameter in &workflow.parameters {
        let path = format!("parameters.{}", parameter.name);
        let value = given
            .iter()
            .find(|(name, _)| same_name(name, &parameter.name))
            .map(|(_, v)| v)
            .or(parameter.default.as_ref());
        let Some(value) = value else {
            findings.push(Finding::error(
                path,
                format!("the parameter '{}' has no value", parameter.name),
                "give it with --param, in the parameters file, or as defaultValue",
            ));
            continue;
        };
        let value = if workflow.is_standard { app_settings(value, settings) } else { value.clone() };
        if !fits(&parameter.kind, &value) {
            findings.push(Finding::error(
                path,
                format!("the value of '{}' is no {}", parameter.name, parameter.kind),
                "give a value of the declared type",
            ));
            continue;
        }
        if !parameter.allowed.is_empty() && !parameter.allowed.contains(&value) {
            findings.push(Finding::error(
                path,
                format!("the value of '{}' is none of the allowed ones", parameter.name),
                "choose one of `allowedValues`",
            ));
            continue;
        }
        out.insert(parameter.name.clone(), value);
    }
    if findings.is_empty() { Ok(out) } else { Err(findings) }
}

fn fits(kind: &str, value: &Json) -> bool {
    match kind {
        "string" | "securestring" => value.is_string() || value.is_null(),
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object() || value.is_array() || value.is_null(),
    }
}

/// Replaces `@appsetting('X')` and `@{appsetting('X')}` in texts.
fn app_settings(value: &Json, settings: &Map<String, Json>) -> Json {
    match value {
        Json::String(text) if text.contains("appsetting(") => {
            let mut out = text.clone();
            for (name, setting) in settings {
                let setting = setting.as_str().map_or_else(|| setting.to_string(), str::to_owned);
                for form in [format!("@{{appsetting('{name}')}}"), format!("@appsetting('{name}')")] {
                    out = out.replace(&form, &setting);
                }
            }
            Json::String(out)
        }
        Json::Array(items) => items.iter().map(|i| app_settings(i, settings)).collect(),
        Json::Object(members) => {
            members.iter().map(|(k, v)| (k.clone(), app_settings(v, settings))).collect()
        }
        other => other.clone(),
    }
}

/// What a trigger's event leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Firing {
    /// One run per element, with these trigger outputs.
    Runs(Vec<Json>),
    /// A condition was not met, or there was nothing to split.
    Skipped,
    /// A condition or `splitOn` could not be evaluated; no run starts.
    Failed(String),
}

/// Applies a trigger's conditions and `splitOn` to the outputs of one event (`spec/workflows.md` §7).
pub fn fire(
    workflow: &Arc<Workflow>,
    trigger: &Trigger,
    outputs: &Json,
    options: &RunOptions,
    now: i64,
) -> Firing {
    let record = TriggerRecord {
        name: trigger.name.clone(),
        outputs: outputs.clone(),
        scheduled: None,
        client_tracking_id: String::new(),
    };
    let start = Start { run: String::new(), base_id: String::new(), trigger: record };
    let machine = Machine::new(Arc::clone(workflow), start, options.clone()).at(now);
    let view = machine.trigger_view();
    let met = trigger.conditions.iter().try_fold(true, |met, c| {
        Ok::<_, crate::expression::ExpressionError>(met && crate::run::holds(c, &Evaluator::new(&view))?)
    });
    match met {
        Ok(true) => {}
        Ok(false) => return Firing::Skipped,
        Err(e) => return Firing::Failed(e.message),
    }
    let Some(split) = &trigger.split_on else { return Firing::Runs(vec![outputs.clone()]) };
    match split.to_json(&view) {
        Ok(Json::Array(items)) if items.is_empty() => Firing::Skipped,
        Ok(Json::Array(items)) => {
            let with_body = |item: Json| {
                let mut outputs = outputs.as_object().cloned().unwrap_or_default();
                outputs.insert("body".into(), item);
                Json::Object(outputs)
            };
            Firing::Runs(items.into_iter().map(with_body).collect())
        }
        Ok(other) => Firing::Failed(format!(
            "splitOn gave a value of type '{}', an array is needed",
            crate::expression::Value::from(&other).type_name()
        )),
        Err(e) => Firing::Failed(e.message),
    }
}

/// Texts that must never be shown: the values of secure parameters.
pub fn secret_texts(workflow: &Workflow, parameters: &Map<String, Json>) -> Vec<String> {
    fn collect(value: &Json, out: &mut Vec<String>) {
        match value {
            Json::String(text) if !text.is_empty() => out.push(text.clone()),
            Json::Array(items) => items.iter().for_each(|i| collect(i, out)),
            Json::Object(members) => members.values().for_each(|v| collect(v, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    for parameter in workflow.parameters.iter().filter(|p| p.is_secure()) {
        if let Some(value) = member(parameters, &parameter.name) {
            collect(value, &mut out);
        }
    }
    out
}
