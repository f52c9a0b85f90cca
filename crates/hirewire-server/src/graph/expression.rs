//! `parseExpression`: parses a mapping expression and evaluates it for a test object (spec/inbound-api.md §6.4).
use std::collections::HashMap;

use hirewire_expression::{DateTime, Environment, Expression, Random, Value as Cell};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;

/// `POST …/schema/parseExpression`: a faulty expression is answered with 200 and `parsingSucceeded: false`.
pub fn parse(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Value = request.json()?;
    let Some(text) = body["expression"].as_str() else {
        return Err(ApiError::bad_request("The request body must contain the member 'expression'.")
            .with_detail("MissingMember", Some("expression".into()), "text is expected"));
    };
    let context = request.head.context("microsoft.graph.parseExpressionResponse");
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            let at = error.range();
            let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
            return Ok(Answer::ok(&json!({
                "@odata.context": context,
                "parsingSucceeded": false,
                "evaluationSucceeded": false,
                "evaluationResult": [],
                "parsedExpression": null,
                "error": { "code": "InvalidExpression", "message": format!("{error} at position {}{help}", at.start + 1), "tenantActionable": true },
            })));
        }
    };
    let (succeeded, result, error) = evaluate(app, request, &expression, &body["testInputObject"]);
    Ok(Answer::ok(&json!({
        "@odata.context": context,
        "parsingSucceeded": true,
        "evaluationSucceeded": succeeded,
        "evaluationResult": result,
        "parsedExpression": expression.to_tree(),
        "error": error,
    })))
}

fn evaluate(
    app: &App,
    request: &Request,
    expression: &Expression,
    input: &Value,
) -> (bool, Vec<String>, Value) {
    let known = properties(input);
    let source = |name: &str| known.get(&name.to_lowercase()).cloned().unwrap_or(Cell::Null);
    let random = SystemRandom;
    let Some(now) = DateTime::from_unix_seconds(request.head.ids.received.as_second()) else {
        return (false, Vec::new(), Value::Null);
    };
    let domain = app.settings.domains.first().map(String::as_str);
    let environment = Environment::new(now, &random).with_default_domain(domain);
    match expression.evaluate(&source, &environment) {
        Ok(outcome) => {
            let texts =
                outcome.value().map(|value| value.texts().iter().map(|text| text.to_string()).collect());
            (true, texts.unwrap_or_default(), Value::Null)
        }
        Err(error) => {
            let error =
                json!({ "code": "EvaluationFailed", "message": error.to_string(), "tenantActionable": true });
            (false, Vec::new(), error)
        }
    }
}

/// Reads `testInputObject.properties`; the inner forms are [U], so a list of key and value, an object, and values in any
/// wrapping are all taken.
fn properties(input: &Value) -> HashMap<String, Cell<'static>> {
    let mut known = HashMap::new();
    match &input["properties"] {
        Value::Array(pairs) => {
            for pair in pairs {
                if let Some(key) = pair["key"].as_str() {
                    known.insert(key.to_lowercase(), cell(&pair["value"]));
                }
            }
        }
        Value::Object(members) => {
            known.extend(members.iter().map(|(key, value)| (key.to_lowercase(), cell(value))));
        }
        _ => {}
    }
    known
}

fn cell(value: &Value) -> Cell<'static> {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Boolean(*flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Cell::text(number.to_string()), Cell::integer)
        }
        Value::String(text) => Cell::text(text.clone()),
        Value::Array(items) if items.len() == 1 => cell(&items[0]),
        Value::Array(items) => Cell::List(
            items.iter().filter_map(|item| Some(cell(item).as_text()?.into_owned().into())).collect(),
        ),
        Value::Object(members) => {
            members.get("values").or_else(|| members.get("value")).map_or(Cell::Null, cell)
        }
    }
}

/// Random bytes of the operating system.
struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Only exhaustion of the system's source fails, and then zeros are as good as an abort for a test evaluation.
        let _ = aws_lc_rs::rand::fill(bytes);
    }
}
