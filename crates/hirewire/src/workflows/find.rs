//! Finds the workflows of a project: single definitions, exports, ARM templates, Standard projects (spec/workflows.md §3).
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hirewire_connector::ConnectionConfig;
use hirewire_workflow::definition::{
    ActionKind, Finding, Form, ImportOptions, Imported, Severity, Workflow, compile, import, import_standard,
    read_text,
};
use hirewire_workflow::expression::{read_json, same_name};
use hirewire_workflow::host::{Deployment, Sender};
use serde_json::{Map, Value, json};

use super::config::{SenderSection, WorkflowsSection, resolve};
use crate::report::{self, Report};

/// Folder of the project that holds workflows.
pub(crate) const FOLDER: &str = "workflows";

/// A workflow that was found, ready to run or not.
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// The layout, in words.
    pub(crate) form: &'static str,
    /// What is wrong or doubtful.
    pub(crate) findings: Vec<Finding>,
    /// Its connections: name and api, where it is known.
    pub(crate) connections: BTreeMap<String, String>,
    /// The compiled workflow with its values, where it can run.
    pub(crate) deployment: Option<Deployment>,
}

impl Found {
    /// Number of errors.
    pub(crate) fn errors(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Error).count()
    }
}

/// What the project knows of workflows.
pub(crate) struct Knowledge<'k> {
    /// The project folder.
    pub(crate) folder: &'k Path,
    /// Its `[workflows]`.
    pub(crate) section: &'k WorkflowsSection,
    /// Its connections.
    pub(crate) connections: &'k BTreeMap<String, ConnectionConfig>,
    /// Values of parameters that win over all others, as text.
    pub(crate) parameters: Vec<(String, String)>,
}

/// All workflows of the project.
pub(crate) fn find(knowledge: &Knowledge<'_>) -> Result<Vec<Found>, Report> {
    let root = knowledge.folder.join(FOLDER);
    let mut all = Vec::new();
    if is_standard(&root) {
        all.extend(standard(knowledge, &root)?);
    }
    for path in entries(&root)? {
        if path.is_dir() {
            if is_standard(&path) {
                all.extend(standard(knowledge, &path)?);
            }
        } else if is_definition(&path) {
            all.extend(file(knowledge, &path)?);
        }
    }
    // One name, one workflow: URLs and histories are kept under it.
    let mut names = BTreeSet::new();
    for found in &mut all {
        if !names.insert(found.name.to_lowercase()) {
            found.deployment = None;
            found.findings.push(error(
                "",
                format!("another file holds a workflow '{}' as well", found.name),
                "rename one of the files",
            ));
        }
    }
    Ok(all)
}

/// The workflows of some files or folders.
pub(crate) fn find_files(knowledge: &Knowledge<'_>, paths: &[PathBuf]) -> Result<Vec<Found>, Report> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(if path.is_dir() { standard(knowledge, path)? } else { file(knowledge, path)? });
    }
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Report> {
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(report::file(folder, "read", &error)),
    };
    let mut paths: Vec<PathBuf> = list.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    Ok(paths)
}

/// A Standard project: `host.json` or folders with a `workflow.json`.
fn is_standard(folder: &Path) -> bool {
    folder.join("host.json").is_file()
        || entries(folder).unwrap_or_default().iter().any(|path| path.join("workflow.json").is_file())
}

/// Whether a file of `workflows/` is a definition, by its name.
fn is_definition(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let beside = ["host.json", "connections.json", "parameters.json", "local.settings.json"];
    let ending = [".case.json", "parameters.json", ".rows.json", ".sample.json"];
    name.ends_with(".json") && !beside.contains(&name.as_str()) && !ending.iter().any(|e| name.ends_with(e))
}

/// A file's name without what says that it is a definition.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut stem = name.strip_suffix(".json").unwrap_or(&name).to_owned();
    for ending in [".definition", ".template", "-template", ".workflow"] {
        if let Some(short) = stem.strip_suffix(ending).filter(|s| !s.is_empty()) {
            stem = short.to_owned();
        }
    }
    stem
}

/// The parameters file beside a definition: `NAME.parameters.json` or `NAME-parameters.json`.
fn parameters_file(path: &Path, stem: &str) -> Result<Option<Value>, Report> {
    let folder = path.parent().unwrap_or(Path::new("."));
    for name in [format!("{stem}.parameters.json"), format!("{stem}-parameters.json")] {
        let path = folder.join(name);
        if path.is_file() {
            return read_file(&path).map(Some);
        }
    }
    Ok(None)
}

fn read_file(path: &Path) -> Result<Value, Report> {
    let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
    let text = read_text(&bytes).map_err(|error| Report::new(error.to_string()).at(path))?;
    read_json(&text).map_err(|error| Report::new(format!("the text is no JSON: {error}")).at(path))
}

fn options(knowledge: &Knowledge<'_>, name: &str, findings: &mut Vec<Finding>) -> ImportOptions {
    let mut options = ImportOptions::default();
    let azure = &knowledge.section.azure;
    for (slot, value) in [
        (&mut options.arm.subscription, &azure.subscription_id),
        (&mut options.arm.group, &azure.resource_group),
        (&mut options.arm.location, &azure.location),
    ] {
        if let Some(value) = value {
            slot.clone_from(value);
        }
    }
    options.parameters = given(knowledge, name, findings);
    options
}

/// Parameter values of the project file for a workflow. What cannot be had now is an error of the workflow alone.
fn given(knowledge: &Knowledge<'_>, name: &str, findings: &mut Vec<Finding>) -> Map<String, Value> {
    let mut out = Map::new();
    let values = knowledge.section.parameters.iter().find(|(workflow, _)| same_name(workflow, name));
    for (parameter, value) in values.into_iter().flat_map(|(_, values)| values) {
        match resolve(value, knowledge.folder) {
            Ok(value) => drop(out.insert(parameter.clone(), value)),
            Err(text) => findings.push(error(
                &format!("parameters.{parameter}"),
                text,
                &format!("[workflows.parameters.{name}] of hirewire.toml says where the value comes from"),
            )),
        }
    }
    for (parameter, text) in &knowledge.parameters {
        out.insert(parameter.clone(), Value::from(text.as_str()));
    }
    out
}

/// A text as a value of a parameter's type.
fn typed(text: String, kind: &str) -> Value {
    if kind.ends_with("string") {
        return Value::from(text);
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// `HIREWIRE_PARAMETER_WORKFLOW_NAME`.
fn from_environment(workflow: &str, parameter: &str, kind: &str) -> Option<Value> {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    let text = std::env::var(format!("HIREWIRE_PARAMETER_{}_{}", plain(workflow), plain(parameter))).ok()?;
    Some(typed(text, kind))
}

fn file(knowledge: &Knowledge<'_>, path: &Path) -> Result<Vec<Found>, Report> {
    let name = stem(path);
    let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
    let mut missing = Vec::new();
    let mut options = options(knowledge, &name, &mut missing);
    options.parameters_file = parameters_file(path, &name)?;
    match import(&bytes, &options) {
        Ok(list) => {
            let several = list.len() > 1;
            let finished = list
                .into_iter()
                .map(|one| {
                    // A single definition is known by its file's name, so that its URL is what the administrator chose.
                    let name =
                        if several { one.name.clone().unwrap_or_else(|| name.clone()) } else { name.clone() };
                    finish(knowledge, name, path, one, Map::new(), missing.clone())
                })
                .collect();
            Ok(finished)
        }
        Err(cause) => Ok(vec![Found {
            name,
            path: path.to_path_buf(),
            form: "unreadable",
            findings: vec![error(
                "",
                cause.to_string(),
                "give a workflow definition, or move the file out of the folder",
            )],
            connections: BTreeMap::new(),
            deployment: None,
        }]),
    }
}

fn standard(knowledge: &Knowledge<'_>, folder: &Path) -> Result<Vec<Found>, Report> {
    let options = options(knowledge, "", &mut Vec::new());
    let list = import_standard(folder, &options).map_err(|e| Report::new(e.to_string()).at(folder))?;
    let local = folder.join("local.settings.json");
    let mut settings = Map::new();
    if local.is_file()
        && let Some(Value::Object(values)) = read_file(&local)?.get("Values")
    {
        settings = values.clone();
    }
    let finished = list
        .into_iter()
        .map(|mut one| {
            let name = one.name.clone().unwrap_or_else(|| "workflow".into());
            let mut missing = Vec::new();
            one.parameters.extend(given(knowledge, &name, &mut missing));
            let path = folder.join(&name).join("workflow.json");
            finish(knowledge, name, &path, one, settings.clone(), missing)
        })
        .collect();
    Ok(finished)
}

fn finish(
    knowledge: &Knowledge<'_>,
    name: String,
    path: &Path,
    one: Imported,
    mut settings: Map<String, Value>,
    missing: Vec<Finding>,
) -> Found {
    let standard = one.kind.is_some();
    let (workflow, mut findings) = compile(&name, &one.definition, standard);
    findings.splice(0..0, one.findings.into_iter().chain(missing));
    for (setting, value) in &knowledge.section.settings {
        match resolve(value, knowledge.folder) {
            Ok(value) => drop(settings.insert(setting.clone(), value)),
            Err(text) => {
                findings.push(error("appsetting", text, &format!("see [workflows.settings] {setting}")));
            }
        }
    }
    for (setting, value) in &mut settings {
        // "Environment variables win over local.settings.json."
        if let Ok(text) = std::env::var(setting) {
            *value = Value::from(text);
        }
    }
    let form = match (standard, one.form) {
        (true, _) => "Standard project",
        (_, Form::Bare) => "definition",
        (_, Form::CodeView) => "code view",
        (_, Form::Resource) => "resource",
        (_, Form::Arm) => "ARM template",
    };
    let mut connections = one.connections;
    let mut found = Found {
        name: name.clone(),
        path: path.to_path_buf(),
        form,
        findings,
        connections: BTreeMap::new(),
        deployment: None,
    };
    if let Some(workflow) = workflow {
        // What a project's connections.json lists beside that is another workflow's.
        let used = used_connections(&workflow);
        for connection in &used {
            if !connections.keys().any(|known| same_name(known, connection)) {
                connections.insert(connection.clone(), String::new());
            }
        }
        let mut parameters = one.parameters;
        parameters.extend(given(knowledge, &name, &mut Vec::new()));
        for parameter in &workflow.parameters {
            if let Some(value) = from_environment(&name, &parameter.name, &parameter.kind) {
                parameters.insert(parameter.name.clone(), value);
            }
            let given = knowledge.parameters.iter().find(|(name, _)| same_name(name, &parameter.name));
            if let Some((_, text)) = given {
                parameters.insert(parameter.name.clone(), typed(text.clone(), &parameter.kind));
            }
        }
        for (connection, api) in &connections {
            if used.iter().any(|name| same_name(name, connection)) {
                found.findings.extend(super::connections::check(knowledge.connections, connection, api));
            }
        }
        stand_in(&mut parameters, &workflow, &connections);
        let stateless = one.kind.as_deref().is_some_and(|kind| same_name(kind, "Stateless"));
        match Deployment::new(workflow, &parameters, settings, stateless) {
            Ok(mut deployment) => {
                match sender(knowledge, &name) {
                    Ok(sender) => deployment.sender = sender,
                    Err(text) => found.findings.push(error(
                        "triggers",
                        text,
                        &format!(
                            "[workflows.senders.{name}] of hirewire.toml says where the secret comes from"
                        ),
                    )),
                }
                found.deployment = Some(deployment);
            }
            Err(more) => found.findings.extend(more),
        }
    }
    if found.errors() > 0 {
        found.deployment = None;
    }
    found.connections = connections;
    found
}

/// Completes `$connections`, so that expressions find the id of every bound connection: ids are opaque here
/// (spec/workflows.md §11.1).
fn stand_in(
    parameters: &mut Map<String, Value>,
    workflow: &Workflow,
    connections: &BTreeMap<String, String>,
) {
    let Some(declared) = workflow.parameters.iter().find(|p| p.name == "$connections") else { return };
    let given = parameters.remove("$connections").or_else(|| declared.default.clone());
    let mut all = given.and_then(|v| v.as_object().cloned()).unwrap_or_default();
    for (name, api) in connections {
        let known =
            all.iter().any(|(key, value)| same_name(key, name) && value.get("connectionId").is_some());
        if !known {
            let api = if api.is_empty() { name } else { api };
            let id =
                format!("/subscriptions/local/providers/Microsoft.Web/locations/local/managedApis/{api}");
            all.insert(name.clone(), json!({ "connectionId": name, "connectionName": name, "id": id }));
        }
    }
    parameters.insert("$connections".into(), Value::Object(all));
}

fn sender(knowledge: &Knowledge<'_>, name: &str) -> Result<Option<Sender>, String> {
    let section = knowledge.section.senders.iter().find(|(workflow, _)| same_name(workflow, name));
    match section {
        None => Ok(None),
        Some((_, SenderSection::Hibob { secret })) => {
            Ok(Some(Sender::HiBob(Some(secret.read(knowledge.folder)?))))
        }
    }
}

/// Names of the connections that actions and triggers call.
fn used_connections(workflow: &Workflow) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    fn provider(inputs: Option<&Value>) -> Option<String> {
        inputs?.pointer("/serviceProviderConfiguration/connectionName")?.as_str().map(str::to_owned)
    }
    fn visit(actions: Option<&Value>, each: &mut dyn FnMut(&Value)) {
        for action in actions.and_then(Value::as_object).into_iter().flat_map(|a| a.values()) {
            each(action);
            visit(action.get("actions"), each);
            visit(action.pointer("/else/actions"), each);
            visit(action.pointer("/default/actions"), each);
            for case in action.get("cases").and_then(Value::as_object).into_iter().flat_map(|c| c.values()) {
                visit(case.get("actions"), each);
            }
        }
    }
    visit(workflow.definition.get("actions"), &mut |action| names.extend(provider(action.get("inputs"))));
    for action in &workflow.actions {
        if let ActionKind::Connection(_, Some(name)) = &action.kind {
            names.insert(name.clone());
        }
    }
    for trigger in &workflow.triggers {
        names.extend(trigger.connection.clone().or_else(|| provider(trigger.json.get("inputs"))));
    }
    names
}

fn error(path: &str, message: String, help: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        code: "InvalidTemplate",
        path: path.into(),
        message,
        help: help.into(),
    }
}
