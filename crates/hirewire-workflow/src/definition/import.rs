//! Finds definitions by shape: bare, code view, resource, ARM template, Standard project (`spec/workflows.md` §3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::arm::{ArmError, ArmScope, evaluate};
use super::finding::Finding;
use crate::expression::{member, read_json, same_name};

/// Which layout was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `triggers` and `actions` at the top.
    Bare,
    /// `definition` at the top (code view, or a Standard `workflow.json`).
    CodeView,
    /// `properties.definition` (a resource's body).
    Resource,
    /// A deployment template.
    Arm,
}

/// Why no definition could be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON.
    #[error("the text is no JSON: {0}")]
    Json(String),
    /// It is JSON of another shape.
    #[error("no workflow definition found: {0}")]
    NotFound(String),
    /// A template expression has no value.
    #[error("{path}: {source}")]
    Arm {
        /// Where.
        path: String,
        /// Why.
        source: ArmError,
    },
}

/// What an import may need from outside of the definition.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Values of template or workflow parameters; they win over every file.
    pub parameters: Map<String, Json>,
    /// The text of a parameters file, decoded.
    pub parameters_file: Option<Json>,
    /// Stand-ins for the subscription.
    pub arm: ArmScope,
    /// Standard: `connections.json`.
    pub standard_connections: Option<Json>,
    /// Standard: `parameters.json`.
    pub standard_parameters: Option<Json>,
}

/// One definition that was found.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The workflow's name where the form has one.
    pub name: Option<String>,
    /// The layout.
    pub form: Form,
    /// The definition, ARM expressions evaluated.
    pub definition: Json,
    /// Values of the workflow's parameters.
    pub parameters: Map<String, Json>,
    /// Connection reference name → api (`azurefile`, `AzureBlob`, …).
    pub connections: BTreeMap<String, String>,
    /// Standard: `Stateful` or `Stateless`.
    pub kind: Option<String>,
    /// Template parameters that only connections use.
    pub connection_settings: Vec<String>,
    /// What is worth saying.
    pub findings: Vec<Finding>,
}

/// Decodes UTF-8 or UTF-16 with or without byte order mark.
///
/// # Errors
/// Bytes that are neither.
pub fn read_text(bytes: &[u8]) -> Result<String, ImportError> {
    let utf16 = |bytes: &[u8], big: bool| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|p| if big { u16::from_be_bytes([p[0], p[1]]) } else { u16::from_le_bytes([p[0], p[1]]) })
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => Ok(utf16(rest, false)),
        [0xFE, 0xFF, rest @ ..] => Ok(utf16(rest, true)),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            String::from_utf8(bytes.to_vec()).map_err(|_| {
                ImportError::Json("it is neither UTF-8 nor UTF-16 with a byte order mark".into())
            })
        }
    }
}

fn parse(bytes: &[u8], findings: &mut Vec<Finding>) -> Result<Json, ImportError> {
    let text = read_text(bytes)?;
    match serde_json::from_str(&text) {
        Ok(json) => Ok(json),
        Err(strict) if text.contains("//") || text.contains("/*") || text.contains(',') => {
            let json = read_json(&text).map_err(|_| ImportError::Json(strict.to_string()))?;
            if !json.is_object() {
                return Err(ImportError::Json(strict.to_string()));
            }
            findings.push(Finding::warning(
                "",
                "the file has comments or trailing commas",
                "remove them; JSON has none",
            ));
            Ok(json)
        }
        Err(strict) => Err(ImportError::Json(strict.to_string())),
    }
}

fn get<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    member(json.as_object()?, key)
}

/// `{name: {value}}` as plain values.
fn plain_values(json: Option<&Json>) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, entry) in json.and_then(Json::as_object).into_iter().flatten() {
        if let Some(value) = get(entry, "value") {
            out.insert(name.clone(), value.clone());
        }
    }
    out
}

/// Reads every workflow definition in a file.
///
/// # Errors
/// A file that is no JSON, holds no definition, or needs values that were not given.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Vec<Imported>, ImportError> {
    let mut findings = Vec::new();
    let json = parse(bytes, &mut findings)?;
    let schema = get(&json, "$schema").and_then(Json::as_str).unwrap_or_default().to_lowercase();
    let mut found = if schema.contains("deploymenttemplate.json") {
        from_arm(&json, options, &mut findings)?
    } else if let Some(definition) = get(&json, "properties").and_then(|p| get(p, "definition")) {
        let properties = get(&json, "properties").unwrap_or(&Json::Null);
        let mut one = single(Form::Resource, definition, get(properties, "parameters"), options);
        one.name = get(&json, "name").and_then(Json::as_str).map(str::to_owned);
        if get(properties, "connectionReferences").is_some() {
            findings.push(Finding::warning(
                "properties.connectionReferences",
                "this is a Power Automate export",
                "its connections must be bound by hand",
            ));
        }
        vec![one]
    } else if let Some(definition) = get(&json, "definition") {
        let mut one = single(Form::CodeView, definition, get(&json, "parameters"), options);
        one.kind = get(&json, "kind").and_then(Json::as_str).map(str::to_owned);
        vec![one]
    } else if get(&json, "triggers").is_some() || get(&json, "actions").is_some() {
        vec![single(Form::Bare, &json, None, options)]
    } else {
        return Err(ImportError::NotFound("the JSON has neither `triggers`/`actions`, `definition`, nor a `Microsoft.Logic/workflows` resource; Bicep is built with `az bicep build`".into()));
    };
    if let Some(first) = found.first_mut() {
        findings.append(&mut first.findings);
        first.findings = findings;
    }
    Ok(found)
}

fn single(form: Form, definition: &Json, values: Option<&Json>, options: &ImportOptions) -> Imported {
    let mut parameters = plain_values(values);
    for (name, value) in plain_values(options.standard_parameters.as_ref()) {
        parameters.insert(name, value);
    }
    if let Some(file) = &options.parameters_file {
        parameters.extend(plain_values(Some(get(file, "parameters").unwrap_or(file))));
    }
    parameters.extend(options.parameters.clone());
    let mut one = Imported {
        name: None,
        form,
        definition: definition.clone(),
        connections: BTreeMap::new(),
        parameters,
        kind: None,
        connection_settings: Vec::new(),
        findings: Vec::new(),
    };
    one.connections = connections(&one.parameters, options.standard_connections.as_ref());
    if let Some(declared) = options.standard_parameters.as_ref().and_then(Json::as_object) {
        declare(&mut one.definition, declared);
    }
    undeclared(&mut one);
    one
}

/// Standard: parameters are declared in `parameters.json`, not in the definition.
fn declare(definition: &mut Json, declared: &Map<String, Json>) {
    let Some(members) = definition.as_object_mut() else { return };
    let section = members.entry("parameters").or_insert_with(|| Json::Object(Map::new()));
    let Some(section) = section.as_object_mut() else { return };
    for (name, entry) in declared {
        let kind = get(entry, "type").cloned().unwrap_or_else(|| Json::from("Object"));
        section.entry(name.clone()).or_insert_with(|| serde_json::json!({"type": kind}));
    }
}

/// Values for undeclared parameters are warned about; Azure refuses them, Microsoft's own file has them. `[U]`
fn undeclared(one: &mut Imported) {
    let declared = get(&one.definition, "parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    for name in one.parameters.keys() {
        if !declared.keys().any(|d| same_name(d, name)) {
            one.findings.push(Finding::warning(
                format!("parameters.{name}"),
                "the value belongs to no declared parameter",
                "it is ignored",
            ));
        }
    }
}

fn connections(parameters: &Map<String, Json>, standard: Option<&Json>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let last = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
    for (name, entry) in member(parameters, "$connections").and_then(Json::as_object).into_iter().flatten() {
        let id = get(entry, "id").and_then(Json::as_str).unwrap_or(name);
        out.insert(name.clone(), last(id));
    }
    for (group, at) in [
        ("managedApiConnections", "api"),
        ("serviceProviderConnections", "serviceProvider"),
        ("functionConnections", "function"),
    ] {
        for (name, entry) in
            standard.and_then(|s| get(s, group)).and_then(Json::as_object).into_iter().flatten()
        {
            let id = get(entry, at).and_then(|a| get(a, "id")).and_then(Json::as_str).unwrap_or(name);
            out.insert(name.clone(), last(id));
        }
    }
    out
}

fn template_parameters(
    template: &Json,
    options: &ImportOptions,
    findings: &mut Vec<Finding>,
) -> Map<String, Json> {
    let file = options.parameters_file.as_ref();
    let mut given = plain_values(file.map(|f| get(f, "parameters").unwrap_or(f)));
    given.extend(options.parameters.clone());
    let declared = get(template, "parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut scope = options.arm.clone();
    scope.variables = get(template, "variables").and_then(Json::as_object).cloned().unwrap_or_default();
    for (name, declaration) in &declared {
        let value = member(&given, name).cloned();
        let default = || {
            get(declaration, "defaultValue").filter(|d| !d.is_null()).and_then(|d| evaluate(d, &scope).ok())
        };
        let Some(value) = value.or_else(default) else { continue };
        if let Some(allowed) = get(declaration, "allowedValues").and_then(Json::as_array) {
            let fits = allowed.iter().any(|a| evaluate(a, &scope).is_ok_and(|a| a == value));
            if !fits {
                findings.push(Finding::warning(
                    format!("parameters.{name}"),
                    "the value is none of the allowed ones",
                    "choose one of `allowedValues`",
                ));
            }
        }
        scope.parameters.insert(name.clone(), value);
    }
    for name in given.keys().filter(|n| !declared.keys().any(|d| same_name(d, n))) {
        findings.push(Finding::warning(
            format!("parameters.{name}"),
            "the template declares no such parameter",
            "it is ignored",
        ));
    }
    scope.parameters
}

fn from_arm(
    template: &Json,
    options: &ImportOptions,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Imported>, ImportError> {
    let scope = ArmScope {
        parameters: template_parameters(template, options, findings),
        variables: get(template, "variables").and_then(Json::as_object).cloned().unwrap_or_default(),
        ..options.arm.clone()
    };
    let mut workflows = Vec::new();
    let mut apis = Vec::new();
    resources(template, "resources", 0, &mut |path, resource| match get(resource, "type")
        .and_then(Json::as_str)
    {
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.Logic/workflows") => {
            workflows.push((path, resource.clone()))
        }
        Some(kind) if kind.eq_ignore_ascii_case("Microsoft.Web/connections") => apis.push(resource.clone()),
        _ => {}
    });
    if workflows.is_empty() {
        return Err(ImportError::NotFound(
            "the template has no resource of type Microsoft.Logic/workflows".into(),
        ));
    }
    let mut out = Vec::new();
    for (path, resource) in workflows {
        let properties = get(&resource, "properties").unwrap_or(&Json::Null);
        let arm = |part: &str| {
            let json = get(properties, part).cloned().unwrap_or(Json::Null);
            evaluate(&json, &scope)
                .map_err(|source| ImportError::Arm { path: format!("{path}.properties.{part}"), source })
        };
        let definition = arm("definition")?;
        // A value that cannot be computed and only names a connection is not needed: connections are bound here.
        let values = match arm("parameters") {
            Ok(values) => values,
            Err(_) => connection_names_only(get(properties, "parameters"), &scope),
        };
        let parameters = plain_values(Some(&values));
        let mut one = Imported {
            name: get(&resource, "name")
                .and_then(|n| evaluate(n, &scope).ok())
                .and_then(|n| n.as_str().map(str::to_owned)),
            form: Form::Arm,
            definition,
            connections: connections(&parameters, None),
            parameters,
            kind: None,
            connection_settings: connection_settings(template, &apis),
            findings: Vec::new(),
        };
        undeclared(&mut one);
        out.push(one);
    }
    Ok(out)
}

fn connection_names_only(values: Option<&Json>, scope: &ArmScope) -> Json {
    let mut out = Map::new();
    for (name, entry) in values.and_then(Json::as_object).into_iter().flatten() {
        match evaluate(entry, scope) {
            Ok(value) => drop(out.insert(name.clone(), value)),
            Err(_) if name == "$connections" => {
                let names = get(entry, "value").and_then(Json::as_object).into_iter().flatten();
                let value: Map<String, Json> = names
                    .map(|(k, v)| {
                        (
                            k.clone(),
                            get(v, "id").and_then(|id| evaluate(id, scope).ok()).map_or(
                                Json::Object(Map::new()),
                                |id| serde_json::json!({"id": id, "connectionId": k}),
                            ),
                        )
                    })
                    .collect();
                out.insert(name.clone(), serde_json::json!({"value": value}));
            }
            Err(_) => {}
        }
    }
    Json::Object(out)
}

fn resources(json: &Json, path: &str, depth: usize, visit: &mut dyn FnMut(String, &Json)) {
    if depth > 10 {
        return;
    }
    let Some(list) = get(json, "resources") else { return };
    let entries: Vec<&Json> = match list {
        Json::Array(items) => items.iter().collect(),
        Json::Object(members) => members.values().collect(),
        _ => return,
    };
    for (n, resource) in entries.into_iter().enumerate() {
        let path = format!("{path}[{n}]");
        visit(path.clone(), resource);
        resources(resource, &format!("{path}.resources"), depth + 1, visit);
        if let Some(nested) = get(resource, "properties").and_then(|p| get(p, "template")) {
            resources(nested, &format!("{path}.properties.template.resources"), depth + 1, visit);
        }
    }
}

/// Template parameters that occur in connection resources and nowhere else.
fn connection_settings(template: &Json, apis: &[Json]) -> Vec<String> {
    let inside: String = apis.iter().map(Json::to_string).collect();
    let all = get(template, "resources").map(Json::to_string).unwrap_or_default();
    let names = get(template, "parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    let uses = |text: &str, name: &str| text.matches(&format!("parameters('{name}')")).count();
    names.keys().filter(|n| uses(&inside, n) > 0 && uses(&inside, n) == uses(&all, n)).cloned().collect()
}

/// Reads a Standard project's folder: `connections.json`, `parameters.json` and every `<workflow>/workflow.json`.
///
/// # Errors
/// A file that cannot be read or is malformed; a folder without workflows.
pub fn import_standard(folder: &Path, options: &ImportOptions) -> Result<Vec<Imported>, ImportError> {
    let file = |path: PathBuf| std::fs::read(&path).map_err(|source| ImportError::File { path, source });
    let mut options = options.clone();
    let mut findings = Vec::new();
    for (name, slot) in [
        ("connections.json", &mut options.standard_connections),
        ("parameters.json", &mut options.standard_parameters),
    ] {
        let path = folder.join(name);
        if path.exists() {
            *slot = Some(parse(&file(path)?, &mut findings)?);
        }
    }
    let entries =
        std::fs::read_dir(folder).map_err(|source| ImportError::File { path: folder.into(), source })?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.join("workflow.json").exists())
        .collect();
    folders.sort();
    let mut out = Vec::new();
    for path in folders {
        for mut one in import(&file(path.join("workflow.json"))?, &options)? {
            one.name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            out.push(one);
        }
    }
    if out.is_empty() {
        return Err(ImportError::NotFound(format!(
            "{} has no folder with a workflow.json",
            folder.display()
        )));
    }
    Ok(out)
}
