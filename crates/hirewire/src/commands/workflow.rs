//! `hirewire workflow …`: Logic Apps definitions of the project.
use std::path::PathBuf;

use hirewire_workflow::case::run_case;
use hirewire_workflow::definition::Severity;
use serde_json::json;

use crate::cli::{Global, Output, WorkflowCommand, WorkflowTemplate};
use crate::commands::workflow_run;
use crate::output::{Colour, Printer, coloured};
use crate::project::{self, Project};
use crate::report::{self, Report};
use crate::workflows::{self, Found};

/// Runs the command. False when a definition has errors or a case fails.
pub(crate) fn run(global: &Global, command: &WorkflowCommand, printer: &mut Printer) -> Result<bool, Report> {
    match command {
        WorkflowCommand::List => list(global, printer),
        WorkflowCommand::Validate { files } => validate(global, files, printer),
        WorkflowCommand::Run { name, trigger, input, parameters, dry_run } => {
            let wanted = workflow_run::Wanted {
                name,
                trigger: trigger.as_deref(),
                input: input.as_deref(),
                parameters,
                dry_run: *dry_run,
            };
            workflow_run::run(global, &wanted, printer)
        }
        WorkflowCommand::Runs { name, status, top } => {
            workflow_run::runs(global, name.as_deref(), status.as_deref(), *top, printer)
        }
        WorkflowCommand::Show { run, action, skip, top } => {
            workflow_run::show(global, run, action.as_deref(), *skip, *top, printer)
        }
        WorkflowCommand::Firings { name, top } => workflow_run::firings(global, name, *top, printer),
        WorkflowCommand::Resubmit { run } => workflow_run::resubmit(global, run, printer),
        WorkflowCommand::CallbackUrl { name, trigger } => {
            workflow_run::callback_url(global, name, trigger.as_deref(), printer)
        }
        WorkflowCommand::Test { cases } => test(global, cases, printer),
        WorkflowCommand::New { template, name } => new(global, *template, name.as_deref(), printer),
    }
}

/// Case files of the project's `workflows` folder.
fn cases_of(global: &Global) -> Result<Vec<PathBuf>, Report> {
    let folder = global.project.join("workflows");
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().unwrap_or_default().to_string_lossy().ends_with(".case.json"))
        .collect();
    found.sort();
    Ok(found)
}

/// What the project knows of workflows; outside of a project nothing but the files.
fn project(global: &Global) -> Result<Project, Report> {
    if global.project.join(project::FILE).is_file() {
        return Project::open(&global.project);
    }
    Ok(Project { folder: global.project.clone(), file: project::ProjectFile::default() })
}

fn list(global: &Global, printer: &mut Printer) -> Result<bool, Report> {
    let project = project(global)?;
    let found = workflows::find(&workflows::knowledge(&project))?;
    let triggers = |found: &Found| {
        let list = found.deployment.as_ref().map(|d| d.workflow.triggers.as_slice()).unwrap_or_default();
        list.iter().map(|t| format!("{} ({})", t.name, t.kind)).collect::<Vec<_>>()
    };
    let state = |found: &Found| if found.deployment.is_some() { "ready" } else { "has errors" };
    if global.output == Output::Json {
        let list: Vec<_> = found
            .iter()
            .map(|f| {
                json!({ "name": f.name, "state": state(f), "form": f.form, "triggers": triggers(f), "connections": f.connections,
                        "findings": f.findings.len(), "file": f.path })
            })
            .collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(true);
    }
    let rows = found.iter().map(|f| {
        vec![
            f.name.clone(),
            state(f).into(),
            f.form.into(),
            triggers(f).join(", "),
            workflows::describe(&project.file.connections, &f.connections),
            f.findings.len().to_string(),
            f.path.display().to_string(),
        ]
    });
    printer.table(&["workflow", "state", "form", "triggers", "connections", "findings", "file"], rows)?;
    Ok(true)
}

fn validate(global: &Global, given: &[PathBuf], printer: &mut Printer) -> Result<bool, Report> {
    let project = project(global)?;
    let knowledge = workflows::knowledge(&project);
    let found = if given.is_empty() {
        workflows::find(&knowledge)?
    } else {
        workflows::find_files(&knowledge, given)?
    };
    let all: Vec<_> = found.iter().flat_map(|f| f.findings.iter().map(move |finding| (f, finding))).collect();
    let errors = all.iter().filter(|(_, finding)| finding.severity == Severity::Error).count();
    if global.output == Output::Json {
        let list: Vec<_> = all
            .iter()
            .map(|(found, f)| {
                json!({ "workflow": found.name, "file": found.path, "form": found.form, "error": f.severity == Severity::Error,
                        "code": f.code, "path": f.path, "message": f.message, "help": f.help })
            })
            .collect();
        let forms: Vec<_> =
            found.iter().map(|f| json!({ "name": f.name, "form": f.form, "file": f.path })).collect();
        printer.json(&json!({ "value": list, "workflows": forms }))?;
        return Ok(errors == 0);
    }
    for found in &found {
        printer.line(&format!("{}: {} in {}", found.name, found.form, found.path.display()))?;
    }
    for (found, finding) in &all {
        let (word, colour) = match finding.severity {
            Severity::Error => ("error", Colour::Bad),
            Severity::Warning => ("warning", Colour::Warning),
        };
        printer.line(&format!("{} {} ({})", coloured(word, colour), finding.message, finding.code))?;
        printer.line(&format!("  --> {}: {}", found.name, finding.path))?;
        if !finding.help.is_empty() {
            printer.line(&format!("  help: {}", finding.help))?;
        }
    }
    printer.line(&format!("{errors} errors, {} warnings", all.len() - errors))?;
    Ok(errors == 0)
}

fn test(global: &Global, given: &[PathBuf], printer: &mut Printer) -> Result<bool, Report> {
    let paths = if given.is_empty() { cases_of(global)? } else { given.to_vec() };
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
