//! Whole-run test cases (`spec/workflows.md` §16).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::bind::{Firing, bind_parameters, fire};
use crate::content;
use crate::definition::{ImportOptions, Severity, compile, import, read_text};
use crate::expression::{DateTime, member, read_json, same_name};
use crate::offline::{OfflineRun, run_offline};
use crate::run::{Answer, Call, Effect, Machine, RunOptions, Start, TriggerRecord};

/// What a case showed.
#[derive(Debug, Clone, Default)]
pub struct CaseOutcome {
    /// The case's description.
    pub description: String,
    /// Everything that was not as expected; empty where the case passes.
    pub differences: Vec<String>,
    /// Warnings of the import and the check.
    pub warnings: Vec<String>,
    /// Outgoing calls in order, in the shape of `expect.calls`.
    pub calls: Vec<Json>,
}

impl CaseOutcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs the case in a file. Faults of the case itself are differences, too.
pub fn run_case(path: &Path) -> CaseOutcome {
    let mut outcome = CaseOutcome::default();
    if let Err(message) = Case::read(path).and_then(|case| case.run(&mut outcome)) {
        outcome.differences.push(message);
    }
    outcome
}

struct Case {
    json: Json,
    folder: PathBuf,
}

fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    json.get(key).and_then(Json::as_str)
}

fn members(json: &Json, key: &str) -> Map<String, Json> {
    json.get(key).and_then(Json::as_object).cloned().unwrap_or_default()
}

impl Case {
    fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let json = serde_json::from_str(&read_text(&bytes).map_err(|e| e.to_string())?)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self { json, folder: path.parent().map(Path::to_path_buf).unwrap_or_default() })
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|e| format!("{name}: {e}"))
    }

    fn json_file(&self, key: &str) -> Result<Option<Json>, String> {
        let Some(name) = text(&self.json, key) else { return Ok(None) };
        let text = read_text(&self.bytes(name)?).map_err(|e| format!("{name}: {e}"))?;
        read_json(&text).map(Some).map_err(|e| format!("{name}: {e}"))
    }

    fn run(&self, outcome: &mut CaseOutcome) -> Result<(), String> {
        outcome.description = text(&self.json, "description").unwrap_or_default().to_owned();
        let name = text(&self.json, "definition").ok_or("the case names no definition")?;
        let options = ImportOptions {
            parameters: members(&self.json, "parameters"),
            parameters_file: self.json_file("parametersFile")?,
            standard_connections: self.json_file("standardConnections")?,
            standard_parameters: self.json_file("standardParameters")?,
            ..ImportOptions::default()
        };
        let imported = import(&self.bytes(name)?, &options).map_err(|e| format!("{name}: {e}"))?;
        let imported = imported.into_iter().next().ok_or("no definition")?;
        let settings = members(&self.json, "appSettings");
        let standard = imported.kind.is_some()
            || options.standard_connections.is_some()
            || options.standard_parameters.is_some()
            || !settings.is_empty();
        let (workflow, findings) =
            compile(imported.name.as_deref().unwrap_or("workflow"), &imported.definition, standard);
        outcome.warnings.extend(
            imported
                .findings
                .iter()
                .chain(&findings)
                .filter(|f| f.severity == Severity::Warning)
                .map(ToString::to_string),
        );
        let Some(workflow) = workflow else {
            return Err(findings
                .iter()
                .filter(|f| f.severity == Severity::Error)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"));
        };
        let workflow = Arc::new(workflow);
        let mut values = imported.parameters;
        self.stand_in_connections(&mut values);
        let parameters = bind_parameters(&workflow, &values, &settings)
            .map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let sequential = text(&self.json, "guids") == Some("sequential");
        let run_options = RunOptions {
            parameters,
            app_settings: settings,
            sequential_guids: sequential,
            callback_base: "https://callback.example/{action}".into(),
            trigger_callback: None,
        };
        let clock = self.json.get("clock").cloned().unwrap_or(Json::Null);
        let now = DateTime::parse(text(&clock, "now").unwrap_or("2026-01-01T00:00:00Z"))
            .ok_or("clock.now is no date")?
            .ticks;

        let trigger_json = self.json.get("trigger").cloned().unwrap_or(Json::Null);
        let outputs = trigger_json.get("outputs").cloned().unwrap_or(Json::Null);
        let trigger_name = text(&trigger_json, "name")
            .map(str::to_owned)
            .or_else(|| workflow.triggers.first().map(|t| t.name.clone()))
            .unwrap_or_default();
        let firing = match workflow.trigger(&trigger_name) {
            Some(trigger) => fire(&workflow, trigger, &outputs, &run_options, now),
            None => Firing::Runs(vec![outputs]),
        };
        let mut world = World {
            case: self,
            used: vec![0; self.json.get("fakes").and_then(Json::as_array).map_or(0, Vec::len)],
            calls: Vec::new(),
            problems: Vec::new(),
        };
        let mut last = None;
        match firing {
            Firing::Failed(message) => outcome.differences.push(format!("the trigger failed: {message}")),
            Firing::Skipped => {}
            Firing::Runs(runs) => {
                for outputs in runs {
                    let trigger = TriggerRecord {
                        name: trigger_name.clone(),
                        outputs,
                        scheduled: None,
                        client_tracking_id: "case".into(),
                    };
                    let start = Start { run: "case".into(), base_id: "/workflows".into(), trigger };
                    let mut machine = Machine::new(Arc::clone(&workflow), start, run_options.clone());
                    let run = run_offline(&mut machine, now, |call| world.answer(call));
                    last = Some((machine, run));
                }
            }
        }
        outcome.calls = world.calls;
        outcome.differences.append(&mut world.problems);
        let expect = self.json.get("expect").cloned().unwrap_or(Json::Null);
        self.compare(&expect, last.as_ref(), outcome);
        Ok(())
    }

    /// Connections the case declares are there, whatever the parameters say of them.
    fn stand_in_connections(&self, values: &mut Map<String, Json>) {
        let mut connections =
            values.get("$connections").and_then(Json::as_object).cloned().unwrap_or_default();
        for (name, entry) in members(&self.json, "connections") {
            let api = text(&entry, "api").unwrap_or(&name).to_owned();
            connections.entry(name.clone()).or_insert_with(|| json!({"connectionId": name, "connectionName": name, "id": format!("/providers/Microsoft.Web/locations/local/managedApis/{api}")}));
        }
        values.insert("$connections".into(), Json::Object(connections));
    }

    fn compare(&self, expect: &Json, last: Option<&(Machine, OfflineRun)>, outcome: &mut CaseOutcome) {
        let differences = &mut outcome.differences;
        if let Some(calls) = expect.get("calls").and_then(Json::as_array) {
            self.compare_calls(calls, text(expect, "callsOrder") == Some("any"), &outcome.calls, differences);
        }
        let Some((machine, run)) = last else {
            if expect.get("run").is_some_and(|r| !r.is_null() && text(r, "status") != Some("Skipped")) {
                differences.push("no run was started".into());
            }
            return;
        };
        if let Some(wanted) = expect.get("run") {
            let got = match &run.result {
                Some(result) => {
                    json!({"status": result.status.word(), "error": result.error, "outputs": result.outputs})
                }
                None => json!({"status": "Running", "error": null}),
            };
            subset(&got, wanted, "run", differences);
        }
        for (name, wanted) in members(expect, "variables") {
            let got =
                machine.variables().find(|(n, _)| same_name(n, &name)).map_or(Json::Null, |(_, v)| v.clone());
            exact(&got, &wanted, &format!("variables.{name}"), differences);
        }
        if let Some(wanted) = expect.get("response") {
            match (&run.response, wanted) {
                (None, Json::Null) => {}
                (None, _) => differences.push("response: none was given".into()),
                (Some(got), wanted) => {
                    let got = json!({"statusCode": got.status, "headers": got.headers, "body": got.body});
                    subset(&got, wanted, "response", differences);
                    if let Some(body) = wanted.get("body") {
                        exact(got.get("body").unwrap_or(&Json::Null), body, "response.body", differences);
                    }
                }
            }
        }
        for (name, wanted) in members(expect, "actions") {
            compare_action(run, &name, &wanted, differences);
        }
    }

    fn compare_calls(&self, wanted: &[Json], any_order: bool, got: &[Json], differences: &mut Vec<String>) {
        if wanted.len() != got.len() {
            let names: Vec<&str> = got.iter().filter_map(|c| text(c, "action")).collect();
            differences.push(format!(
                "calls: {} expected, {} made: {}",
                wanted.len(),
                got.len(),
                names.join(", ")
            ));
        }
        let mut left: Vec<&Json> = got.iter().collect();
        for (n, wanted) in wanted.iter().enumerate() {
            let mut best: Option<(usize, Vec<String>)> = None;
            let candidates = if any_order { left.len() } else { left.len().min(1) };
            for (at, call) in left.iter().enumerate().take(candidates) {
                let mut found = Vec::new();
                self.compare_call(call, wanted, &format!("calls[{n}]"), &mut found);
                if best.as_ref().is_none_or(|b| found.len() < b.1.len()) {
                    best = Some((at, found));
                }
            }
            match best {
                Some((at, mut found)) => {
                    left.remove(at);
                    differences.append(&mut found);
                }
                None => differences.push(format!("calls[{n}]: was not made")),
            }
        }
    }

    fn compare_call(&self, got: &Json, wanted: &Json, path: &str, differences: &mut Vec<String>) {
        for (key, value) in wanted.as_object().into_iter().flatten() {
            let here = format!("{path}.{key}");
            let of = |key: &str| got.get(key).cloned().unwrap_or(Json::Null);
            match key.as_str() {
                "method" => {
                    if !of("method")
                        .as_str()
                        .unwrap_or_default()
                        .eq_ignore_ascii_case(value.as_str().unwrap_or_default())
                    {
                        differences.push(format!("{here}: expected {value}, got {}", of("method")));
                    }
                }
                "headers" | "authentication" => subset(&of(key), value, &here, differences),
                "jsonBody" => match serde_json::from_str::<Json>(of("body").as_str().unwrap_or_default()) {
                    Ok(body) => exact(&body, value, &here, differences),
                    Err(e) => differences.push(format!("{here}: the body is no JSON: {e}")),
                },
                "bodyFile" => match value.as_str().map(|name| self.bytes(name)) {
                    Some(Ok(bytes)) => exact(
                        &of("body"),
                        &Json::from(String::from_utf8_lossy(&bytes).into_owned()),
                        &here,
                        differences,
                    ),
                    _ => differences.push(format!("{here}: the file cannot be read")),
                },
                "queries" => exact(&of("queries"), value, &here, differences),
                _ => exact(&of(key), value, &here, differences),
            }
        }
    }
}

fn compare_action(run: &OfflineRun, name: &str, wanted: &Json, differences: &mut Vec<String>) {
    let records: Vec<_> = run.records.iter().filter(|r| same_name(&r.name, name)).collect();
    let last = records.iter().max_by_key(|r| &r.repetition).or_else(|| records.last());
    // Passes of an Until share an address: the last of them counts.
    let last = last.and_then(|best| records.iter().rev().find(|r| r.repetition == best.repetition));
    let Some(record) = last else {
        differences.push(format!("actions.{name}: was not reached"));
        return;
    };
    let path = format!("actions.{name}");
    let got = json!({"status": record.status.word(), "code": record.code, "error": record.error, "outputs": record.outputs, "inputs": record.inputs(), "repetitionCount": record.repetitions});
    let mut plain = wanted.as_object().cloned().unwrap_or_default();
    let iterations = plain.shift_remove("iterations");
    subset(&got, &Json::Object(plain), &path, differences);
    for (n, iteration) in iterations.as_ref().and_then(Json::as_array).into_iter().flatten().enumerate() {
        for (child, wanted) in iteration.as_object().into_iter().flatten() {
            let found = run
                .records
                .iter()
                .rev()
                .find(|r| same_name(&r.name, child) && r.repetition.last() == Some(&n));
            match found {
                Some(r) => subset(
                    &json!({"status": r.status.word(), "code": r.code, "error": r.error, "outputs": r.outputs}),
                    wanted,
                    &format!("{path}.iterations[{n}].{child}"),
                    differences,
                ),
                None => differences.push(format!("{path}.iterations[{n}].{child}: was not reached")),
            }
        }
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text
            .char_indices()
            .all(|(n, c)| if matches!(n, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() })
}

fn wild(got: &Json, wanted: &Json) -> bool {
    match wanted.as_str() {
        Some("$any") => true,
        Some("$guid") => got.as_str().is_some_and(is_guid),
        _ => false,
    }
}

fn shorten(json: &Json) -> String {
    let text = json.to_string();
    if text.chars().count() > 300 {
        format!("{}…", text.chars().take(300).collect::<String>())
    } else {
        text
    }
}

fn scalars(got: &Json, wanted: &Json, path: &str, differences: &mut Vec<String>) {
    let same = match (got, wanted) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => got == wanted,
    };
    if !same && !wild(got, wanted) {
        differences.push(format!("{path}: expected {}, got {}", shorten(wanted), shorten(got)));
    }
}

/// Compares everything.
fn exact(got: &Json, wanted: &Json, path: &str, differences: &mut Vec<String>) {
    match (got, wanted) {
        (Json::Object(a), Json::Object(b)) => {
            for (key, wanted) in b {
                match a.get(key) {
                    Some(got) => exact(got, wanted, &format!("{path}.{key}"), differences),
                    None => differences.push(format!("{path}.{key}: is missing")),
                }
            }
            for key in a.keys().filter(|k| !b.contains_key(*k)) {
                differences.push(format!("{path}.{key}: was not expected"));
            }
        }
        (Json::Array(a), Json::Array(b)) => {
            if a.len() != b.len() {
                differences.push(format!("{path}: expected {} elements, got {}", b.len(), a.len()));
            }
            for (n, (got, wanted)) in a.iter().zip(b).enumerate() {
                exact(got, wanted, &format!("{path}[{n}]"), differences);
            }
        }
        _ => scalars(got, wanted, path, differences),
    }
}

/// Compares the members that are given, names without regard to case.
fn subset(got: &Json, wanted: &Json, path: &str, differences: &mut Vec<String>) {
    match (got, wanted) {
        (Json::Object(a), Json::Object(b)) => {
            for (key, wanted) in b {
                let got = member(a, key).unwrap_or(&Json::Null);
                subset(got, wanted, &format!("{path}.{key}"), differences);
            }
        }
        (Json::Array(_), Json::Array(_)) => exact(got, wanted, path, differences),
        _ => scalars(got, wanted, path, differences),
    }
}

/// The declared outside world.
struct World<'c> {
    case: &'c Case,
    used: Vec<usize>,
    calls: Vec<Json>,
    problems: Vec<String>,
}

/// A call in the shape of `expect.calls`.
pub fn call_as_json(call: &Call) -> Json {
    let mut out = Map::new();
    out.insert("action".into(), Json::from(call.action.as_str()));
    let mut put = |key: &str, value: Json| out.insert(key.to_owned(), value);
    let body_text = |body: &Option<Json>| {
        content::encode(body.as_ref())
            .map(|(bytes, _)| Json::from(String::from_utf8_lossy(&bytes).into_owned()))
    };
    let (method, queries, headers, body) = match &call.effect {
        Effect::Http { method, uri, queries, headers, body, authentication } => {
            put("uri", Json::from(uri.as_str()));
            if let Some(authentication) = authentication {
                put("authentication", authentication.clone());
            }
            (method.as_str(), queries, headers, body)
        }
        Effect::Connection { connection, method, path, queries, headers, body } => {
            put("connection", Json::from(connection.as_str()));
            put("path", Json::from(path.as_str()));
            (method.as_str(), queries, headers, body)
        }
        Effect::Function { id, method, queries, headers, body } => {
            put("function", Json::from(id.as_str()));
            (method.as_str(), queries, headers, body)
        }
        Effect::Workflow { workflow, trigger, headers, body } => {
            put("workflow", Json::from(workflow.as_str()));
            put("trigger", Json::from(trigger.as_str()));
            put("headers", Json::Object(headers.clone()));
            put("body", body_text(body).unwrap_or(Json::Null));
            return Json::Object(out);
        }
        Effect::Script { code, .. } => {
            put("code", Json::from(code.as_str()));
            return Json::Object(out);
        }
    };
    put("method", Json::from(method));
    put("queries", Json::Object(queries.clone()));
    put("headers", Json::Object(headers.clone()));
    put("body", body_text(body).unwrap_or(Json::Null));
    Json::Object(out)
}

fn matches(call: &Json, wanted: &Json) -> bool {
    wanted.as_object().into_iter().flatten().all(|(key, value)| match key.as_str() {
        "method" => {
            text(call, "method").unwrap_or_default().eq_ignore_ascii_case(value.as_str().unwrap_or_default())
        }
        "action" | "connection" => {
            text(call, key).is_some_and(|t| same_name(t, value.as_str().unwrap_or_default()))
        }
        "bodyContains" => text(call, "body").is_some_and(|b| b.contains(value.as_str().unwrap_or_default())),
        "queries" | "headers" => {
            let mut differences = Vec::new();
            subset(call.get(key).unwrap_or(&Json::Null), value, "", &mut differences);
            differences.is_empty()
        }
        _ => call.get(key) == Some(value),
    })
}

impl World<'_> {
    fn answer(&mut self, call: &Call) -> Answer {
        let fakes = self.case.json.get("fakes").and_then(Json::as_array);
        let shown = call_as_json(call);
        let found =
            fakes.into_iter().flatten().position(|f| matches(&shown, f.get("match").unwrap_or(&Json::Null)));
        if let (None, Effect::Script { code, context }) = (found, &call.effect) {
            return crate::script::run(code, context);
        }
        self.calls.push(shown.clone());
        let Some(at) = found else {
            self.problems.push(format!("nobody answers the call {}", shorten(&shown)));
            return Answer::Fault {
                code: "ConnectionFailure".into(),
                message: "The case declares no answer to this call.".into(),
                retry: false,
            };
        };
        let list =
            fakes.and_then(|f| f[at].get("respond")).and_then(Json::as_array).cloned().unwrap_or_default();
        let respond =
            list.get(self.used[at].min(list.len().saturating_sub(1))).cloned().unwrap_or(Json::Null);
        self.used[at] += 1;
        self.respond(&respond)
    }

    fn respond(&mut self, respond: &Json) -> Answer {
        if respond.get("fault").is_some() {
            return Answer::Fault {
                code: "ConnectionFailure".into(),
                message: "The connection failed.".into(),
                retry: true,
            };
        }
        let headers = members(respond, "headers");
        let kind = member(&headers, "Content-Type").and_then(Json::as_str);
        let body = match (text(respond, "bodyFile"), respond.get("body")) {
            (Some(name), _) => match self.case.bytes(name) {
                Ok(bytes) => content::decode(&bytes, kind),
                Err(e) => {
                    self.problems.push(e);
                    None
                }
            },
            (None, Some(Json::String(text))) => content::decode(text.as_bytes(), kind),
            (None, Some(Json::Null) | None) => None,
            (None, Some(other)) => Some(other.clone()),
        };
        let status = respond.get("statusCode").and_then(Json::as_u64).unwrap_or(200) as u16;
        Answer::Response { status, headers, body }
    }
}
