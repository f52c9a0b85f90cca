//! `hirewire schema …` and `hirewire lint`: synchronization schemas as files of the project.
use std::path::{Path, PathBuf};

use hirewire_schema::json::Layout;
use hirewire_schema::{
    AttributeDefinition, AttributeMapping, AttributeType, Document, Finding, MappingSource, Mutability,
    Severity, check, diff, has_errors,
};
use serde_json::json;

use crate::cli::{Global, JobArg, Output, SchemaCommand};
use crate::context::Context;
use crate::output::{Colour, Printer, coloured};
use crate::report::{self, Report};

/// Runs `hirewire schema …`. False when a check found errors.
pub(crate) fn run(global: &Global, command: &SchemaCommand, printer: &mut Printer) -> Result<bool, Report> {
    match command {
        SchemaCommand::Import { file, job } => import(global, file, job, printer),
        SchemaCommand::Export { job } => {
            let path = path(global, job)?;
            printer.text(&read(&path)?)?;
            Ok(true)
        }
        SchemaCommand::Check { file, job } => {
            let path = file.clone().map_or_else(|| path(global, job), Ok)?;
            let findings = check(&parse(&path)?.schema());
            show_findings(global, &findings, printer)?;
            Ok(!has_errors(&findings))
        }
        SchemaCommand::Diff { old, new, job } => {
            let new = new.clone().map_or_else(|| path(global, job), Ok)?;
            let differences = diff(&parse(old)?.schema(), &parse(&new)?.schema());
            if global.output == Output::Json {
                printer.json(&json!({ "value": serde_json::to_value(&differences)? }))?;
            } else if differences.is_empty() {
                printer.line("no difference")?;
            } else {
                for difference in &differences {
                    printer.line(&difference.to_string())?;
                }
            }
            Ok(true)
        }
        SchemaCommand::Versions { job } => versions(global, job, printer),
        SchemaCommand::AddAttribute { name, to, job } => {
            add_attribute(global, name, to.as_deref(), job, printer)
        }
    }
}

/// Runs `hirewire lint`: the schema's findings with the warnings about every mapping. False when there are errors.
pub(crate) fn lint(global: &Global, job: &JobArg, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let mut ok = true;
    for name in context.job_names(job.job.as_deref())? {
        let file = context.project.folder.join(&context.project.file.job[name].schema);
        let findings = check(&parse(&file)?.schema());
        ok &= !has_errors(&findings);
        if global.output == Output::Text {
            printer.line(&coloured(&format!("{name}: {}", file.display()), Colour::Strong))?;
        }
        show_findings(global, &findings, printer)?;
    }
    Ok(ok)
}

fn path(global: &Global, job: &JobArg) -> Result<PathBuf, Report> {
    let project = crate::project::Project::open(&global.project)?;
    let name = match (&job.job, project.file.job.len()) {
        (Some(name), _) => name.clone(),
        (None, 1) => project.file.job.keys().next().cloned().unwrap_or_default(),
        (None, _) => return Err(Report::new("the project has several jobs").help("say which: --job NAME")),
    };
    let section =
        project.file.job.get(&name).ok_or_else(|| Report::new(format!("there is no job `{name}`")))?;
    Ok(project.folder.join(&section.schema))
}

fn read(path: &Path) -> Result<String, Report> {
    std::fs::read_to_string(path).map_err(|error| report::file(path, "read", &error))
}

fn parse(path: &Path) -> Result<Document, Report> {
    let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
    Document::parse(&bytes).map_err(|error| {
        let report = Report::new(error.to_string()).at(path);
        match error.help() {
            Some(help) => report.help(help),
            None => report,
        }
    })
}

fn show_findings(global: &Global, findings: &[Finding], printer: &mut Printer) -> Result<(), Report> {
    if global.output == Output::Json {
        return printer.json(&json!({ "value": serde_json::to_value(findings)? }));
    }
    for finding in findings {
        let (word, colour) = match finding.severity {
            Severity::Error => ("error", Colour::Bad),
            Severity::Warning => ("warning", Colour::Warning),
        };
        printer.line(&format!("{} {} ({})", coloured(word, colour), finding.message, finding.rule))?;
        printer.line(&format!("  --> {}", finding.path))?;
        if let Some(help) = &finding.help {
            printer.line(&format!("  help: {help}"))?;
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    printer.line(&format!("{errors} errors, {} warnings", findings.len() - errors))
}

fn import(global: &Global, file: &Path, job: &JobArg, printer: &mut Printer) -> Result<bool, Report> {
    let target = path(global, job)?;
    let bytes = std::fs::read(file).map_err(|error| report::file(file, "read", &error))?;
    let findings = check(&parse(file)?.schema());
    show_findings(global, &findings, printer)?;
    if has_errors(&findings) {
        return Err(Report::new("the schema has errors; nothing was imported").at(file));
    }
    std::fs::write(&target, bytes).map_err(|error| report::file(&target, "written", &error))?;
    if global.output == Output::Text {
        printer.line(&format!("wrote {}; `hirewire plan` shows what it changes", target.display()))?;
    }
    Ok(true)
}

fn versions(global: &Global, job: &JobArg, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let key = context.job_key(context.job_name(job.job.as_deref())?)?;
    let versions = context.store.schema_versions(key)?;
    if global.output == Output::Json {
        let list: Vec<_> = versions
            .iter()
            .map(|v| json!({ "version": v.version, "saved": v.saved.to_string(), "by": v.saved_by }))
            .collect();
        printer.json(&json!({ "value": list }))?;
    } else {
        let rows = versions.into_iter().map(|v| vec![v.version.to_string(), v.saved.to_string(), v.saved_by]);
        printer.table(&["version", "used since", "from"], rows)?;
    }
    Ok(true)
}

/// Adds a source attribute, and a mapping row when it is told where it flows.
fn add_attribute(
    global: &Global,
    name: &str,
    to: Option<&str>,
    job: &JobArg,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let path = path(global, job)?;
    let mut document = parse(&path)?;
    let schema = document.schema();
    let (at, rule, mapping) =
        schema.main_mapping().ok_or_else(|| Report::new("the schema has no object mapping").at(&path))?;
    let (directory, object) = (rule.source_directory_name.clone(), mapping.source_object_name.clone());
    let attribute = AttributeDefinition {
        name: name.to_owned(),
        kind: AttributeType::String,
        mutability: Mutability::ReadWrite,
        ..AttributeDefinition::default()
    };
    let wrong = |error: hirewire_schema::DocumentError| Report::new(error.to_string()).at(&path);
    document.add_attribute(&directory, &object, &attribute).map_err(wrong)?;
    if let Some(target) = to {
        let row = AttributeMapping {
            target_attribute_name: target.to_owned(),
            source: Some(MappingSource { expression: format!("[{name}]"), kind: None }),
            ..AttributeMapping::default()
        };
        document.set_attribute_mapping(at, &row).map_err(wrong)?;
    }
    let findings = check(&document.schema());
    if has_errors(&findings) {
        show_findings(global, &findings, printer)?;
        return Err(Report::new("the schema would have errors; nothing was changed").at(&path));
    }
    std::fs::write(&path, document.to_text(Layout::Indented))
        .map_err(|error| report::file(&path, "written", &error))?;
    printer.line(&format!(
        "{name} is a source attribute now{}",
        to.map(|to| format!(" and flows to {to}")).unwrap_or_default()
    ))?;
    Ok(true)
}
