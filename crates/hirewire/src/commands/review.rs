//! `hirewire review`: a number came back with another name and address; somebody says whether it is the same person.
use hirewire_job::Item;
use hirewire_store::{CycleKind, Decision, Hold};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Global, Output, ReviewArgs};
use crate::commands::plan;
use crate::context::{Context, OpenJob};
use crate::cycle::block_on;
use crate::output::{Colour, Printer, coloured};
use crate::report::Report;
use crate::turn;

/// The word of the store for a record that is held because it may be another person's.
const KIND: &str = "review";

/// What is compared, as a person reads it, and where it stands in a record.
const COMPARED: [(&str, &str); 4] = [
    ("given name", "/name/givenName"),
    ("family name", "/name/familyName"),
    ("address", "/emails/0/value"),
    ("user name", "/userName"),
];

/// Runs the command.
pub(crate) fn run(global: &Global, arguments: &ReviewArgs, printer: &mut Printer) -> Result<(), Report> {
    let Some(person) = &arguments.person else {
        let context = Context::open_for_reading(global)?;
        let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
        return list(&context, &job, global, printer);
    };
    let context = Context::open(global)?;
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let _turn = turn::take(job.key);
    let Some(hold) = waiting(&context, &job)?.into_iter().find(|hold| &hold.anchor == person) else {
        return Err(Report::new(format!("nothing of {person} waits for review"))
            .help("`hirewire review` lists who does"));
    };
    let now = Timestamp::now();
    let who = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    if arguments.dismiss {
        context.store.decide(vec![hold.id], Decision::Rejected, &who, now)?;
        return match global.output {
            Output::Json => printer.json(&json!({ "person": person, "decision": "dismissed" })),
            Output::Text => {
                printer.line(&format!("{person}: the record is forgotten; the account stays as it is"))
            }
        };
    }
    let item = Item::reviewed(person, hold.detail.clone());
    let report = block_on(job.runner(&context.store).run_items(vec![item], now, CycleKind::OnDemand))?;
    context.store.decide(vec![hold.id], Decision::Approved, &who, now)?;
    match global.output {
        Output::Json => printer.json(&serde_json::to_value(&report.document)?),
        Output::Text => plan::show(&report.document, printer),
    }
}

/// Everything that waits for a decision.
pub(crate) fn open(context: &Context, job: &OpenJob<'_>) -> Result<Vec<Hold>, Report> {
    Ok(context.store.holds(job.key, true, None, usize::MAX >> 2)?)
}

/// Whether it waits because the record may be another person's.
pub(crate) fn is_review(hold: &Hold) -> bool {
    hold.kind == KIND
}

/// The records that wait for somebody's eyes.
pub(crate) fn waiting(context: &Context, job: &OpenJob<'_>) -> Result<Vec<Hold>, Report> {
    Ok(open(context, job)?.into_iter().filter(is_review).collect())
}

fn list(context: &Context, job: &OpenJob<'_>, global: &Global, printer: &mut Printer) -> Result<(), Report> {
    let holds = waiting(context, job)?;
    let mut people = Vec::with_capacity(holds.len());
    for hold in &holds {
        let state = context.store.load_batch(job.key, &[&hold.anchor])?.pop();
        let known = state.and_then(|state| state.person?.record);
        let known: Value =
            known.and_then(|record| serde_json::from_str(&record.data).ok()).unwrap_or_default();
        let new: Value = serde_json::from_str(&hold.detail).unwrap_or_default();
        people.push((hold, known, new));
    }
    if global.output == Output::Json {
        let value: Vec<Value> = people
            .iter()
            .map(|(hold, known, new)| {
                json!({ "person": hold.anchor, "since": hold.created.to_string(), "known": known, "new": new })
            })
            .collect();
        return printer.json(&json!({ "value": value }));
    }
    if people.is_empty() {
        return printer.line("nobody waits for review");
    }
    for (hold, known, new) in &people {
        let since = hold.created.to_zoned(context.time_zone()).date();
        printer.line(&format!("{}  since {since}", coloured(&hold.anchor, Colour::Strong)))?;
        for (words, place) in COMPARED {
            let text =
                |record: &Value| record.pointer(place).and_then(Value::as_str).unwrap_or("-").to_owned();
            printer.line(&format!("    {words}: {} → {}", text(known), text(new)))?;
        }
    }
    printer.line(
        "the same person: hirewire review NUMBER --same; somebody else: hirewire review NUMBER --dismiss",
    )
}
