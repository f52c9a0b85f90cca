//! `hirewire eval` and `hirewire functions`: the mapping language at the command line.
use std::borrow::Cow;
use std::collections::BTreeMap;

use hirewire_expression::function::ParameterKind;
use hirewire_expression::{
    DateTime, Environment, Expression, Outcome, Trace, TraceNode, TraceResult, Value, functions, line_column,
};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::{EvalArgs, Global, Output};
use crate::context::Context;
use crate::output::{Colour, Printer, coloured};
use crate::random::SystemRandom;
use crate::report::Report;

/// Values of attributes by name, each with one or several texts.
pub(crate) type Attributes = BTreeMap<String, Vec<String>>;

/// Parses an expression; a mistake is shown under its text with what was expected.
pub(crate) fn parse(text: &str) -> Result<Expression, Report> {
    Expression::parse(text).map_err(|error| {
        let (line, column) = line_column(text, error.range().start);
        let report = Report::new(error.to_string()).excerpt(text, error.range(), line, column);
        match error.help() {
            Some(help) => report.help(help),
            None => report,
        }
    })
}

/// Runs `hirewire eval`.
pub(crate) fn run(global: &Global, arguments: &EvalArgs, printer: &mut Printer) -> Result<(), Report> {
    let expression = parse(&arguments.expression)?;
    let (attributes, domain, now) = inputs(global, arguments)?;
    let random = SystemRandom;
    let moment = DateTime::from_unix_nanoseconds(now.as_nanosecond())
        .ok_or_else(|| Report::new("--as-of is outside the years 1 to 9999"))?;
    let environment = Environment::new(moment, &random).with_default_domain(domain.as_deref());
    let source = |name: &str| match attributes.get(name).map(Vec::as_slice) {
        None | Some([]) => Value::Null,
        Some([one]) => Value::Text(Cow::Owned(one.clone())),
        Some(many) => Value::List(many.iter().cloned().map(Cow::Owned).collect()),
    };
    let trace = expression.trace(&source, &environment);
    match global.output {
        Output::Json => printer.json(&document(&trace))?,
        Output::Text => print(&trace, printer)?,
    }
    match trace.outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(Report::new(error.to_string())),
    }
}

/// Attributes from `--set`, a person's record or a row of the export; the default domain; the moment.
fn inputs(global: &Global, arguments: &EvalArgs) -> Result<(Attributes, Option<String>, Timestamp), Report> {
    let mut attributes = Attributes::new();
    let mut domain = None;
    let mut zone = jiff::tz::TimeZone::UTC;
    let needs_project = arguments.person.is_some() || arguments.row.is_some();
    if needs_project || global.project.join(crate::project::FILE).exists() {
        let context = Context::open_for_reading(global)?;
        domain.clone_from(&context.project.file.project.default_domain);
        zone = context.time_zone();
        if let Some(person) = &arguments.person {
            attributes = context.record_attributes(
                arguments.job.job.as_deref(),
                person,
                &parse(&arguments.expression)?,
            )?;
        } else if let Some(row) = arguments.row {
            attributes = context.row_attributes(arguments.job.job.as_deref(), row)?;
        }
    }
    let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pair in &arguments.set {
        let (name, value) = split_pair(pair).ok_or_else(|| {
            Report::new(format!("--set {pair}: no `=` in it")).help("write --set 'name.givenName=Ada'")
        })?;
        given.entry(name).or_default().push(value.to_owned());
    }
    attributes.extend(given.into_iter().map(|(name, values)| (name.to_owned(), values)));
    Ok((attributes, domain, crate::clock::moment(arguments.as_of.as_deref(), &zone)?))
}

/// `name=value`; an `=` inside brackets or quotes belongs to the name (`emails[type eq "a=b"].value`).
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quoted) = (0_i32, false);
    for (at, c) in pair.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            '=' if !quoted && depth == 0 => return Some((pair[..at].trim(), &pair[at + 1..])),
            _ => {}
        }
    }
    None
}

fn print(trace: &Trace, printer: &mut Printer) -> Result<(), Report> {
    if let Ok(outcome) = &trace.outcome {
        let (kind, text) = match outcome {
            Outcome::Value { value, redact } => {
                let hidden = if *redact { "  (hidden in the provisioning log)" } else { "" };
                (kind(value), format!("{}{hidden}", shown(value)))
            }
            Outcome::IgnoreAttribute => ("signal", "the attribute is left out".to_owned()),
            Outcome::IgnoreObject => ("signal", "the whole person is skipped this time".to_owned()),
        };
        printer.line(&format!("{}  {}", coloured(&text, Colour::Strong), coloured(kind, Colour::Quiet)))?;
        printer.line("")?;
    }
    tree(&trace.root, 0, printer)
}

fn tree(node: &TraceNode, depth: usize, printer: &mut Printer) -> Result<(), Report> {
    let result = match &node.result {
        TraceResult::Value(value) => format!("{}  {}", shown(value), coloured(kind(value), Colour::Quiet)),
        TraceResult::IgnoreAttribute => "leave the attribute out".to_owned(),
        TraceResult::IgnoreObject => "skip the person".to_owned(),
        TraceResult::Failed => coloured("failed", Colour::Bad),
    };
    let text: String = node.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String =
        if text.chars().count() > 60 { text.chars().take(57).chain("...".chars()).collect() } else { text };
    printer.line(&format!("{}{short} = {result}", "  ".repeat(depth)))?;
    node.children.iter().try_for_each(|child| tree(child, depth + 1, printer))
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Text(_) => "text",
        Value::Number(_) => "number",
        Value::Boolean(_) => "boolean",
        Value::DateTime(_) => "date-time",
        Value::List(_) => "list",
        Value::Roles(_) => "roles",
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Text(text) => serde_json::to_string(text).unwrap_or_default(),
        Value::List(_) | Value::Roles(_) => serde_json::to_string(&value.texts()).unwrap_or_default(),
        other => other.as_text().unwrap_or_default().into_owned(),
    }
}

fn value_json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::List(_) | Value::Roles(_) => json!(value.texts()),
        single => json!(single.as_text()),
    }
}

fn document(trace: &Trace) -> serde_json::Value {
    let outcome = match &trace.outcome {
        Ok(Outcome::Value { value, redact }) => {
            json!({ "value": value_json(value), "type": kind(value), "redact": redact })
        }
        Ok(Outcome::IgnoreAttribute) => json!({ "ignore": "attribute" }),
        Ok(Outcome::IgnoreObject) => json!({ "ignore": "object" }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({ "result": outcome, "tree": node_json(&trace.root) })
}

fn node_json(node: &TraceNode) -> serde_json::Value {
    let result = match &node.result {
        TraceResult::Value(value) => json!({ "value": value_json(value), "type": kind(value) }),
        TraceResult::IgnoreAttribute => json!({ "ignore": "attribute" }),
        TraceResult::IgnoreObject => json!({ "ignore": "object" }),
        TraceResult::Failed => json!({ "failed": true }),
    };
    json!({
        "text": node.text,
        "start": node.at.start,
        "end": node.at.end,
        "result": result,
        "children": node.children.iter().map(node_json).collect::<Vec<_>>(),
    })
}

/// Runs `hirewire functions`.
pub(crate) fn list(global: &Global, printer: &mut Printer) -> Result<(), Report> {
    if global.output == Output::Json {
        let all: Vec<_> = functions()
            .iter()
            .map(|f| {
                let parameters: Vec<_> = f
                    .parameters
                    .iter()
                    .map(|p| json!({ "name": p.name, "type": ParameterKind::name(p.kind), "required": p.required, "repeating": p.repeating }))
                    .collect();
                let examples: Vec<_> = f.examples.iter().map(|e| e.expression).collect();
                json!({ "name": f.name, "signature": f.signature, "meaning": f.meaning, "parameters": parameters, "examples": examples, "source": f.source })
            })
            .collect();
        return printer.json(&json!({ "functions": all }));
    }
    printer.table(
        &["function", "meaning"],
        functions().iter().map(|f| vec![f.signature.to_owned(), f.meaning.to_owned()]),
    )
}
