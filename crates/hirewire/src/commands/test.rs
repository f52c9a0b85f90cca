//! `hirewire test`: mapping tests as files of the project.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hirewire_engine::value::{Account, AttributeValue, Attributes};
use hirewire_engine::{Action, CompiledSchema, Current, Link, Nobody, Person, Plan, Surroundings};
use hirewire_expression::SeededRandom;
use hirewire_scim::AttributePath;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::{Global, Output, TestArgs};
use crate::clock;
use crate::context::{self, Context};
use crate::output::{Colour, Printer, coloured};
use crate::report::{self, Report};

/// One file of `tests/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    #[serde(default)]
    test: Vec<Case>,
}

/// One test: a person, a date, and what the account is to hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    name: String,
    /// The job; needed only where the project has several.
    job: Option<String>,
    /// The day or moment of planning.
    date: toml::Value,
    /// SCIM attribute = value.
    person: toml::Table,
    /// The account as it stands: target attribute = value. Without it the person is new.
    current: Option<toml::Table>,
    /// create, update, enable, disable, delete, skip or fail.
    action: Option<String>,
    /// Target attributes with the values that the account holds afterwards; an empty text is no value.
    #[serde(default)]
    expect: toml::Table,
    /// The code with which the person fails or is skipped.
    error: Option<String>,
}

/// What came of a test.
struct Outcome {
    file: PathBuf,
    name: String,
    differences: Vec<String>,
    seconds: f64,
}

/// Runs the command. False when a test failed.
pub(crate) fn run(global: &Global, arguments: &TestArgs, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let files = if arguments.files.is_empty() { all(&context)? } else { arguments.files.clone() };
    let mut schemas: BTreeMap<String, CompiledSchema> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| report::file(file, "read", &error))?;
        let tests: TestFile = toml::from_str(&text).map_err(|error| {
            let report = Report::new(error.message().to_owned());
            match error.span() {
                Some(span) => report.in_text(file, &text, span),
                None => report.at(file),
            }
        })?;
        for case in &tests.test {
            let began = Instant::now();
            let name = context.job_name(case.job.as_deref())?.to_owned();
            if !schemas.contains_key(&name) {
                schemas.insert(name.clone(), schema(&context, &name)?);
            }
            let differences = check(&context, &schemas[&name], case).map_err(|report| report.at(file))?;
            let seconds = began.elapsed().as_secs_f64();
            outcomes.push(Outcome { file: file.clone(), name: case.name.clone(), differences, seconds });
        }
    }
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit(&outcomes)).map_err(|error| report::file(path, "written", &error))?;
    }
    show(global, &outcomes, printer)?;
    Ok(outcomes.iter().all(|outcome| outcome.differences.is_empty()))
}

fn all(context: &Context) -> Result<Vec<PathBuf>, Report> {
    let folder = context.project.folder.join("tests");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    Ok(files)
}

fn schema(context: &Context, name: &str) -> Result<CompiledSchema, Report> {
    let section = &context.project.file.job[name];
    let path = context.project.folder.join(&section.schema);
    let text = std::fs::read_to_string(&path).map_err(|error| report::file(&path, "read", &error))?;
    context::compile(&text, &context.settings(section)).map_err(|report| report.at(&path))
}

/// Plans the person and says what is not as expected, one line each.
fn check(context: &Context, schema: &CompiledSchema, case: &Case) -> Result<Vec<String>, Report> {
    let date = match &case.date {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let now = clock::moment(Some(&date), &context.time_zone())?;
    let mut record = json!({});
    for (name, value) in &case.person {
        AttributePath::of_attribute(name).set(&mut record, to_json(value));
    }
    let account = case.current.as_ref().map(|current| Account {
        anchor: "current".into(),
        soft_deleted: false,
        attributes: current
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), attribute(value)?)))
            .collect(),
    });
    let plan = plan(schema, &record, account.as_ref(), now);
    let mut differences = Vec::new();
    if let Some(wanted) = &case.action
        && wanted != word(plan.action)
    {
        let why = plan.detail.as_deref().or(plan.reason.map(|reason| reason.code())).unwrap_or_default();
        differences.push(format!("action: expected {wanted}, got {} {why}", word(plan.action)));
    }
    let got = plan.reason.map(|reason| reason.code());
    if let Some(wanted) = &case.error
        && got != Some(wanted.as_str())
    {
        differences.push(format!("error: expected {wanted}, got {}", got.unwrap_or("none")));
    }
    let held = after(&plan, account);
    for (name, wanted) in &case.expect {
        let wanted = attribute(wanted);
        let found = held.get(name);
        if found.map(text) != wanted.as_ref().map(text) {
            let shown = |value: Option<&AttributeValue>| value.map_or_else(|| "(nothing)".to_owned(), text);
            differences.push(format!("{name}: expected {}, got {}", shown(wanted.as_ref()), shown(found)));
        }
    }
    Ok(differences)
}

fn plan(schema: &CompiledSchema, record: &Value, account: Option<&Account>, now: Timestamp) -> Plan {
    let anchor = record["externalId"].as_str().unwrap_or_default();
    let link = account.map(|account| Link {
        source_anchor: anchor.to_owned(),
        target_anchor: account.anchor.clone(),
        in_scope: true,
    });
    let person = Person { source_anchor: anchor, record: Some(record), link: link.as_ref() };
    let random = SeededRandom::new(1);
    let around = Surroundings { neighbours: &Nobody, random: &random };
    hirewire_engine::plan(schema, person, now, &around, |_| match account {
        Some(account) => Current::Linked(Some(account)),
        None => Current::Found(&[]),
    })
}

/// What the account holds after the plan.
fn after(plan: &Plan, account: Option<Account>) -> Attributes {
    let mut held = account.map(|account| account.attributes).unwrap_or_default();
    for change in &plan.changes {
        match &change.new {
            Some(value) => held.insert(change.attribute.clone(), value.clone()),
            None => held.remove(&change.attribute),
        };
    }
    held
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Disable => "disable",
        Action::Enable => "enable",
        Action::Delete => "delete",
        Action::Skip => "skip",
        Action::Fail => "fail",
    }
}

fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Boolean(state) => json!(state),
        toml::Value::Array(items) => Value::Array(items.iter().map(to_json).collect()),
        toml::Value::Table(members) => {
            Value::Object(members.iter().map(|(k, v)| (k.clone(), to_json(v))).collect())
        }
        other => json!(other.to_string()),
    }
}

fn attribute(value: &toml::Value) -> Option<AttributeValue> {
    Some(match value {
        toml::Value::String(text) if text.is_empty() => return None,
        toml::Value::String(text) => AttributeValue::Text(text.clone()),
        toml::Value::Integer(number) => AttributeValue::Integer(*number),
        toml::Value::Boolean(state) => AttributeValue::Boolean(*state),
        toml::Value::Array(items) => AttributeValue::List(items.iter().filter_map(attribute).collect()),
        other => AttributeValue::Text(other.to_string()),
    })
}

fn text(value: &AttributeValue) -> String {
    crate::commands::users::shown(value)
}

fn show(global: &Global, outcomes: &[Outcome], printer: &mut Printer) -> Result<(), Report> {
    let failed = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    if global.output == Output::Json {
        let list: Vec<Value> = outcomes
            .iter()
            .map(|o| json!({ "file": o.file, "name": o.name, "passed": o.differences.is_empty(), "differences": o.differences }))
            .collect();
        return printer.json(&json!({ "passed": outcomes.len() - failed, "failed": failed, "tests": list }));
    }
    for outcome in outcomes {
        let (sign, colour) =
            if outcome.differences.is_empty() { ("ok", Colour::Good) } else { ("FAILED", Colour::Bad) };
        printer.line(&format!("{} {}: {}", coloured(sign, colour), outcome.file.display(), outcome.name))?;
        for difference in &outcome.differences {
            printer.line(&format!("    {difference}"))?;
        }
    }
    printer.line(&format!("{} passed, {failed} failed", outcomes.len() - failed))
}

/// The outcomes as JUnit XML.
fn junit(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"hirewire\" tests=\"{}\" failures=\"{failed}\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        let class = file_name(&outcome.file);
        let _ = write!(
            xml,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.6}\"",
            escape(&class),
            escape(&outcome.name),
            outcome.seconds
        );
        if outcome.differences.is_empty() {
            xml.push_str("/>\n");
        } else {
            let _ = writeln!(
                xml,
                ">\n    <failure>{}</failure>\n  </testcase>",
                escape(&outcome.differences.join("\n"))
            );
        }
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            c if c.is_control() && c != '\n' => " ".to_owned(),
            c => c.to_string(),
        })
        .collect()
}
