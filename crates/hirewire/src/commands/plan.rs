//! `hirewire plan`: what a sync would do, person by person.
use std::path::Path;

use hirewire_engine::safety::{Held, Hold};
use hirewire_job::{Basis, PersonPlan, PlanAction, PlanDocument, Totals};
use serde_json::Value;

use crate::cli::{Global, Output, PlanArgs};
use crate::context::Context;
use crate::cycle;
use crate::output::{Colour, Printer, coloured, plain, say};
use crate::report::{self, Report};

/// People shown; the rest is counted. `--output json` has them all.
const SHOWN: usize = 40;

/// So many new accounts are shown with every value; of more, each has one line.
const IN_FULL: u64 = 5;

/// Runs the command. True when changes are pending.
pub(crate) fn run(global: &Global, arguments: &PlanArgs, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let now = crate::clock::moment(arguments.cycle.as_of.as_deref(), &context.time_zone())?;
    let mut whole = PlanDocument::default();
    let mut holds = Vec::new();
    for name in context.job_names(arguments.cycle.job.as_deref())? {
        let job = context.job(name)?;
        let feeds = cycle::feeds(&context, &job, &arguments.cycle, now)?;
        for feed in &feeds {
            if let Some(stop) = feed.stops(arguments.cycle.force_shrink) {
                return Err(stop);
            }
        }
        for feed in feeds.iter().filter(|feed| feed.waiting > 0) {
            say(&format!(
                "source {}: {} more exports wait behind {}; `sync` takes one after the other",
                feed.name,
                feed.waiting,
                feed.export.files().iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ")
            ));
        }
        let mut planned = cycle::plan(&context, &job, &feeds, now, arguments.all)?;
        planned.document.basis = Some(Basis {
            as_of: now.to_string(),
            job: name.to_owned(),
            files: feeds.iter().flat_map(|f| f.export.files()).map(|f| f.display().to_string()).collect(),
            digest: cycle::digest(&planned.document),
        });
        holds.extend(planned.holds);
        merge(&mut whole, planned.document);
    }
    if let Some(file) = &arguments.save {
        save(file, &whole)?;
    }
    match global.output {
        Output::Json => printer.json(&with_holds(&whole, &holds)?)?,
        Output::Text => {
            show(&whole, printer)?;
            show_holds(&holds, printer)?;
            if let Some(file) = &arguments.save {
                printer.line(&format!(
                    "kept in {}; apply exactly this with: hirewire sync --plan {}",
                    file.display(),
                    file.display()
                ))?;
            }
        }
    }
    Ok(whole.totals.pending() > 0)
}

/// Several jobs' plans as one document.
pub(crate) fn merge(whole: &mut PlanDocument, part: PlanDocument) {
    let totals = &mut whole.totals;
    for (sum, add) in [
        (&mut totals.create, part.totals.create),
        (&mut totals.update, part.totals.update),
        (&mut totals.enable, part.totals.enable),
        (&mut totals.disable, part.totals.disable),
        (&mut totals.delete, part.totals.delete),
        (&mut totals.skip, part.totals.skip),
        (&mut totals.reject, part.totals.reject),
    ] {
        *sum += add;
    }
    whole.people.extend(part.people);
    whole.warnings.extend(part.warnings);
    if whole.basis.is_none() {
        whole.basis = part.basis;
    }
}

fn save(file: &Path, document: &PlanDocument) -> Result<(), Report> {
    let text = serde_json::to_string_pretty(document)?;
    std::fs::write(file, text + "\n").map_err(|error| report::file(file, "written", &error))
}

/// The document with what the thresholds would hold.
pub(crate) fn with_holds(document: &PlanDocument, holds: &[Hold]) -> Result<Value, Report> {
    let mut value = serde_json::to_value(document)?;
    if !holds.is_empty() {
        value["holds"] = serde_json::to_value(holds)?;
    }
    Ok(value)
}

/// The plan for people.
pub(crate) fn show(document: &PlanDocument, printer: &mut Printer) -> Result<(), Report> {
    let shown: Vec<&PersonPlan> = document.people.iter().take(SHOWN).collect();
    let brief = document.totals.create > IN_FULL;
    for person in &shown {
        show_person(person, brief, printer)?;
    }
    if document.people.len() > shown.len() {
        printer.line(&format!(
            "… and {} more (--output json lists everybody)",
            document.people.len() - shown.len()
        ))?;
    }
    if !document.people.is_empty() {
        printer.line("")?;
    }
    printer.line(&sentence(&document.totals))?;
    show_warnings(document, printer)
}

fn show_person(person: &PersonPlan, brief: bool, printer: &mut Printer) -> Result<(), Report> {
    let (sign, colour) = match person.action {
        PlanAction::Create => ("+", Colour::Good),
        PlanAction::Update => ("~", Colour::Warning),
        PlanAction::Enable => ("↑", Colour::Good),
        PlanAction::Disable => ("↓", Colour::Bad),
        PlanAction::Delete => ("-", Colour::Bad),
        PlanAction::Skip => ("·", Colour::Quiet),
        PlanAction::Reject => ("!", Colour::Bad),
    };
    let reason = person.reason.as_deref().map(|reason| format!("  {}", plain(reason))).unwrap_or_default();
    let new = |name: &str| {
        person.changes.iter().find(|change| change.attribute == name).map(|change| value(&change.new))
    };
    let summary = match person.action {
        PlanAction::Create if brief => {
            let state = match new("accountEnabled").as_deref() {
                Some("false") => Some("disabled".to_owned()),
                _ => None,
            };
            let parts =
                [new("displayName").or_else(|| new("cn")), new("userPrincipalName"), new("jobTitle"), state];
            format!("  {}", parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
        }
        _ => String::new(),
    };
    let anchor = if person.anchor.is_empty() { "(no number)" } else { &person.anchor };
    printer.line(&format!(
        "{} {} {}{summary}{reason}",
        coloured(sign, colour),
        coloured(person.action.word(), colour),
        plain(anchor)
    ))?;
    if brief && person.action == PlanAction::Create {
        return Ok(());
    }
    for change in &person.changes {
        let arrow = match (&change.old, person.action) {
            (Value::Null, _) => value(&change.new),
            (old, _) => format!("{} → {}", value(old), value(&change.new)),
        };
        let mapping = coloured(&plain(&one_line(&change.mapping)), Colour::Quiet);
        printer.line(&format!("    {}: {arrow}   {mapping}", change.attribute))?;
    }
    Ok(())
}

/// A value as people read it.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "(nothing)".into(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// A mapping's expression on one line, cut where it is long.
pub(crate) fn one_line(expression: &str) -> String {
    let text = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 70 { text } else { text.chars().take(67).chain("...".chars()).collect() }
}

/// `2 to create, 5 to update …`.
pub(crate) fn sentence(totals: &Totals) -> String {
    let parts = [
        (totals.create, "create"),
        (totals.update, "update"),
        (totals.enable, "enable"),
        (totals.disable, "disable"),
        (totals.delete, "delete"),
    ];
    let doing: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{word} {count}")).collect();
    let doing = if doing.is_empty() { "nothing to do".to_owned() } else { doing.join(", ") };
    let rejected = if totals.reject > 0 { format!(", {} set aside", totals.reject) } else { String::new() };
    format!("{doing}; {} unchanged or skipped{rejected}", totals.skip)
}

fn show_warnings(document: &PlanDocument, printer: &mut Printer) -> Result<(), Report> {
    if document.warnings.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    for warning in document.warnings.iter().take(SHOWN) {
        let message = plain(&warning.message);
        printer.line(&format!("{} {}: {message}", coloured("warning", Colour::Warning), warning.code))?;
    }
    if document.warnings.len() > SHOWN {
        printer.line(&format!("… and {} more warnings", document.warnings.len() - SHOWN))?;
    }
    Ok(())
}

/// What waits for approval.
pub(crate) fn show_holds(holds: &[Hold], printer: &mut Printer) -> Result<(), Report> {
    for hold in holds {
        let what = match hold.held {
            Held::Removals => "disables and deletes",
            Held::Disables => "disables",
            Held::Deletes => "deletes",
            Held::Creates => "creates",
            Held::Changes => "changes",
        };
        let line = format!(
            "{} {} {what} among {} people are more than the limits allow: they wait for `hirewire approve`",
            coloured("held", Colour::Warning),
            hold.found,
            hold.population
        );
        printer.line(&line)?;
    }
    Ok(())
}
