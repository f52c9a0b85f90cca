//! `hirewire target check`: connection, certificate, bind, rights, schema, password policy.
use hirewire_engine::CompiledSchema;
use hirewire_target::ldap::LdapTarget;
use hirewire_target::ldap::check::{CheckRequest, Finding, Level};
use hirewire_target::ldap::dn::Dn;
use serde_json::json;

use crate::cli::{Global, Output, TargetCommand};
use crate::context::Context;
use crate::cycle::block_on;
use crate::output::{Colour, Printer, coloured, plain};
use crate::report::Report;
use crate::target::AnyTarget;

/// Runs the command. False when accounts would be refused.
pub(crate) fn run(global: &Global, command: &TargetCommand, printer: &mut Printer) -> Result<bool, Report> {
    let TargetCommand::Check { name, probe } = command;
    let context = Context::open_for_reading(global)?;
    let target = context.target(name).ok_or_else(|| {
        let known = context.project.file.target.keys().cloned().collect::<Vec<_>>().join(", ");
        Report::new(format!("there is no target `{name}`")).help(format!("targets of this project: {known}"))
    })?;
    match target {
        AnyTarget::Embedded(directory) => {
            let accounts = directory.count(None, false)?;
            match global.output {
                Output::Json => {
                    printer.json(&json!({ "target": name, "kind": "embedded", "accounts": accounts }))?
                }
                Output::Text => {
                    printer.line(&format!("{name}: the embedded directory is open; {accounts} accounts"))?
                }
            }
            Ok(true)
        }
        AnyTarget::Ldap(directory) => check(global, &context, name, directory, *probe, printer),
    }
}

fn check(
    global: &Global,
    context: &Context,
    name: &str,
    target: &LdapTarget,
    probe: bool,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let mut request = CheckRequest { probe, ..CheckRequest::default() };
    for (job, section) in context.project.file.job.iter().filter(|(_, section)| section.target == name) {
        let job = context.job(job)?;
        request.attributes.extend(written(&job.schema));
        request.containers.extend(containers(&context.project.folder.join(&section.schema)));
        request.moves |= request.attributes.iter().any(|attribute| attribute == "parentDistinguishedName");
    }
    let findings = block_on(target.check(&request));
    let ok = findings.iter().all(|finding| finding.level != Level::Error);
    if global.output == Output::Json {
        printer.json(&json!({ "target": name, "findings": serde_json::to_value(&findings)? }))?;
        return Ok(ok);
    }
    findings.iter().try_for_each(|finding| show(finding, printer))?;
    Ok(ok)
}

/// Containers that mappings name outright: the constants of the container's expression that are names.
fn containers(schema: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(schema).unwrap_or_default();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let list = |value: &serde_json::Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mappings = list(&document, "synchronizationRules")
        .into_iter()
        .flat_map(|rule| list(&rule, "objectMappings"))
        .flat_map(|mapping| list(&mapping, "attributeMappings"));
    mappings
        .filter(|mapping| mapping["targetAttributeName"] == "parentDistinguishedName")
        .filter_map(|mapping| mapping["source"]["expression"].as_str().map(str::to_owned))
        .flat_map(|text| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|text| {
            text.contains("=") && !text.starts_with(',') && Dn::parse(text).is_ok_and(|dn| dn.rdns.len() > 1)
        })
        .collect()
}

fn written(schema: &CompiledSchema) -> impl Iterator<Item = String> {
    (0..schema.row_count()).filter_map(|row| Some(schema.row(row)?.1.name.clone()))
}

fn show(finding: &Finding, printer: &mut Printer) -> Result<(), Report> {
    let (word, colour) = match finding.level {
        Level::Good => ("ok", Colour::Good),
        Level::Warning => ("warning", Colour::Warning),
        Level::Error => ("missing", Colour::Bad),
    };
    printer.line(&format!("{} {}", coloured(word, colour), plain(&finding.message)))?;
    for line in finding.command.iter().flat_map(|command| command.lines()) {
        printer.line(&format!("    {}", plain(line)))?;
    }
    Ok(())
}
