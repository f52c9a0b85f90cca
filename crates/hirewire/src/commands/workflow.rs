//! `hirewire workflow …`: Logic Apps definitions of the project.
use std::path::{Path, PathBuf};

use hirewire_workflow::case::run_case;
use hirewire_workflow::definition::{Finding, ImportOptions, Severity, compile, import};
use serde_json::json;

use crate::cli::{Global, Output, WorkflowCommand, WorkflowTemplate};
use crate::output::{Colour, Printer, coloured};
use crate::report::{self, Report};

/// Runs the command. False when a definition has errors or a case fails.
pub(crate) fn run(global: &Global, command: &WorkflowCommand, printer: &mut Printer) -> Result<bool, Report> {
    match command {
        WorkflowCommand::List => list(global, printer),
        WorkflowCommand::Validate { files } => validate(global, files, printer),
        WorkflowCommand::Test { cases } => test(global, cases, printer),
        WorkflowCommand::New { template, name } => new(global, *template, name.as_deref(), printer),
    }
}

/// Files of the project's `workflows` folder with this ending.
fn files(global: &Global, cases: bool) -> Result<Vec<PathBuf>, Report> {
    let folder = global.project.join("workflows");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".json") && name.ends_with(".case.json") == cases
        })
        .collect();
    found.sort();
    Ok(found)
}

/// A definition's workflows by name, with what is doubtful about them.
fn read(path: &Path) -> Result<Vec<(String, bool, Vec<Finding>)>, Report> {
    let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
    let imported =
        import(&bytes, &ImportOptions::default()).map_err(|error| Report::new(error.to_string()).at(path))?;
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.trim_end_matches(".json").trim_end_matches(".definition").to_owned();
    Ok(imported
        .into_iter()
        .map(|one| {
            let name = one.name.clone().unwrap_or_else(|| stem.clone());
            let (workflow, mut findings) = compile(&name, &one.definition, one.kind.is_some());
            findings.splice(0..0, one.findings);
            (name, workflow.is_some(), findings)
        })
        .collect())
}

fn list(global: &Global, printer: &mut Printer) -> Result<bool, Report> {
    let mut rows = Vec::new();
    for path in files(global, false)? {
        for (name, runs, findings) in read(&path)? {
            let state = if runs { "ready" } else { "has errors" };
            rows.push((name, state, findings.len(), path.display().to_string()));
        }
    }
    if global.output == Output::Json {
        let list: Vec<_> = rows
            .iter()
            .map(|(name, state, findings, file)| json!({ "name": name, "state": state, "findings": findings, "file": file }))
            .collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(true);
    }
    let rows = rows
        .into_iter()
        .map(|(name, state, findings, file)| vec![name, state.into(), findings.to_string(), file]);
    printer.table(&["workflow", "state", "findings", "file"], rows)?;
    Ok(true)
}

fn validate(global: &Global, given: &[PathBuf], printer: &mut Printer) -> Result<bool, Report> {
    let paths = if given.is_empty() { files(global, false)? } else { given.to_vec() };
    let mut all = Vec::new();
    for path in paths {
        for (name, _, findings) in read(&path)? {
            all.extend(findings.into_iter().map(|finding| (name.clone(), finding)));
        }
    }
    let errors = all.iter().filter(|(_, finding)| finding.severity == Severity::Error).count();
    if global.output == Output::Json {
        let list: Vec<_> = all
            .iter()
            .map(|(name, f)| {
                json!({ "workflow": name, "error": f.severity == Severity::Error, "code": f.code, "path": f.path,
                        "message": f.message, "help": f.help })
            })
            .collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(errors == 0);
    }
    for (name, finding) in &all {
        let (word, colour) = match finding.severity {
            Severity::Error => ("error", Colour::Bad),
            Severity::Warning => ("warning", Colour::Warning),
        };
        printer.line(&format!("{} {} ({})", coloured(word, colour), finding.message, finding.code))?;
        printer.line(&format!("  --> {name}: {}", finding.path))?;
        if !finding.help.is_empty() {
            printer.line(&format!("  help: {}", finding.help))?;
        }
    }
    printer.line(&format!("{errors} errors, {} warnings", all.len() - errors))?;
    Ok(errors == 0)
}

fn test(global: &Global, given: &[PathBuf], printer: &mut Printer) -> Result<bool, Report> {
    let paths = if given.is_empty() { files(global, true)? } else { given.to_vec() };
    let outcomes: Vec<_> = paths.iter().map(|path| (path, run_case(path))).collect();
    let failed = outcomes.iter().filter(|(_, outcome)| !outcome.passed()).count();
    if global.output == Output::Json {
        let list: Vec<_> = outcomes
            .iter()
            .map(|(path, o)| json!({ "file": path, "passed": o.passed(), "differences": o.differences, "warnings": o.warnings }))
            .collect();
        printer.json(&json!({ "passed": outcomes.len() - failed, "failed": failed, "cases": list }))?;
        return Ok(failed == 0);
    }
    for (path, outcome) in &outcomes {
        let (word, colour) = if outcome.passed() { ("ok", Colour::Good) } else { ("FAILED", Colour::Bad) };
        printer.line(&format!("{} {}: {}", coloured(word, colour), path.display(), outcome.description))?;
        for difference in &outcome.differences {
            printer.line(&format!("    {difference}"))?;
        }
    }
    printer.line(&format!("{} passed, {failed} failed", outcomes.len() - failed))?;
    Ok(failed == 0)
}

impl WorkflowTemplate {
    /// Name, definition, and a case that tests it.
    fn texts(self) -> (&'static str, &'static str, &'static str) {
        macro_rules! template {
            ($name:literal) => {
                (
                    $name,
                    include_str!(concat!("../../../hirewire-workflow/templates/", $name, ".definition.json")),
                    include_str!(concat!("../../../hirewire-workflow/templates/", $name, ".case.json")),
                )
            };
        }
        match self {
            Self::CsvBlob => template!("csv-blob"),
            Self::SharepointFile => template!("sharepoint-file"),
            Self::SqlTable => template!("sql-table"),
            Self::HibobWebhook => template!("hibob-webhook"),
            Self::RestPoll => template!("rest-poll"),
        }
    }
}

fn new(
    global: &Global,
    template: WorkflowTemplate,
    name: Option<&str>,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let (known, definition, case) = template.texts();
    let name = name.unwrap_or(known);
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(
            Report::new(format!("`{name}` is no name for a workflow")).help("use letters, digits and dashes")
        );
    }
    let folder = global.project.join("workflows");
    std::fs::create_dir_all(&folder).map_err(|error| report::file(&folder, "made", &error))?;
    for (ending, text) in [("definition.json", definition), ("case.json", case)] {
        let path = folder.join(format!("{name}.{ending}"));
        if path.exists() {
            return Err(Report::new(format!("{} exists already", path.display())).help("give another name"));
        }
        // The case names its definition's file.
        let text = text.replace(&format!("{known}.definition.json"), &format!("{name}.definition.json"));
        std::fs::write(&path, text).map_err(|error| report::file(&path, "written", &error))?;
        printer.line(&format!("wrote {}", path.display()))?;
    }
    printer.line("it would run in Azure as it stands; test it here with `hirewire workflow test`")?;
    Ok(true)
}
