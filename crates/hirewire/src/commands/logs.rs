//! `hirewire logs`, `hirewire cycles`, `hirewire upcoming`: what happened, and what a date will bring.
use std::time::Duration;

use hirewire_server::log::render::{self, Systems};
use hirewire_server::request::Version;
use hirewire_store::JobKey;
use hirewire_store::log::{LogEntry, LogField, LogFilter, LogQuery, LogStatus};
use serde_json::{Value, json};

use crate::cli::{CyclesArgs, Global, LogsArgs, Output, UpcomingArgs};
use crate::context::Context;
use crate::output::{Colour, Printer, coloured, plain};
use crate::report::Report;

/// How often `--follow` looks for new entries.
const LOOK: Duration = Duration::from_millis(500);

/// Runs `hirewire logs`.
pub(crate) fn run(global: &Global, arguments: &LogsArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let key = context.job_key(context.job_name(arguments.job.job.as_deref())?)?;
    let filter = filter(&context, key, arguments)?;
    let mut seen = context.store.log_end()?;
    let page = context.store.log(&LogQuery {
        filter: Some(filter.clone()),
        limit: arguments.limit,
        ..LogQuery::default()
    })?;
    let systems = systems(&context)?;
    if global.output == Output::Json && !arguments.follow {
        let records: Vec<Value> =
            page.entries.iter().map(|e| render::record(e, &systems, Version::V1)).collect();
        return printer.json(&json!({ "value": records }));
    }
    // A follower reads on downwards, so the newest comes last.
    let entries: Vec<LogEntry> =
        if arguments.follow { page.entries.into_iter().rev().collect() } else { page.entries };
    for entry in &entries {
        show(global, entry, &systems, printer)?;
    }
    if !arguments.follow {
        return Ok(());
    }
    loop {
        std::thread::sleep(LOOK);
        let (entries, end) = context.store.log_since(seen, Some(&filter), 1000)?;
        seen = end;
        for entry in &entries {
            show(global, entry, &systems, printer)?;
        }
    }
}

/// What is constant for the records of this project.
pub(crate) fn systems(context: &Context) -> Result<Systems, Report> {
    Ok(Systems::api(&context.tenant()?, "", &context.project.file.project.name, true))
}

fn filter(context: &Context, key: JobKey, arguments: &LogsArgs) -> Result<LogFilter, Report> {
    let mut all = vec![LogFilter::equals(LogField::JobId, context.store.job_by_key(key)?.id)];
    let wanted = [
        (LogField::SourceId, &arguments.person),
        (LogField::Action, &arguments.action),
        (LogField::Status, &arguments.status),
    ];
    all.extend(wanted.into_iter().filter_map(|(field, text)| Some(LogFilter::equals(field, text.clone()?))));
    if let Some(cycle) = &arguments.cycle {
        all.push(LogFilter::equals(LogField::CycleId, full_cycle_id(context, key, cycle)?));
    }
    Ok(LogFilter::And(all))
}

/// A cycle's id from its first characters.
pub(crate) fn full_cycle_id(context: &Context, key: JobKey, short: &str) -> Result<String, Report> {
    let cycles = context.store.cycles(key, None, usize::MAX >> 1)?;
    let mut hits = cycles.into_iter().map(|cycle| cycle.id).filter(|id| id.starts_with(short));
    match (hits.next(), hits.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => {
            Err(Report::new(format!("several cycles begin with {short}")).help("give more of the id"))
        }
        (None, _) => {
            Err(Report::new(format!("there is no cycle {short}")).help("`hirewire cycles` lists them"))
        }
    }
}

fn show(global: &Global, entry: &LogEntry, systems: &Systems, printer: &mut Printer) -> Result<(), Report> {
    if global.output == Output::Json {
        return printer.line(&render::record(entry, systems, Version::V1).to_string());
    }
    let e = &entry.entry;
    let colour = match e.status {
        LogStatus::Success => Colour::Good,
        LogStatus::Failure => Colour::Bad,
        LogStatus::Warning => Colour::Warning,
        LogStatus::Skipped => Colour::Quiet,
    };
    let changed: Vec<&str> = e.detail.modified.iter().map(|m| m.name.as_str()).collect();
    let mut line = format!(
        "{}  {:<12} {:<6} {}",
        e.time.strftime("%Y-%m-%d %H:%M:%S"),
        plain(&e.source),
        e.action.as_str(),
        coloured(e.status.as_str(), colour)
    );
    if let (Some(code), Some(error)) = (&e.error_code, &e.detail.error) {
        line.push_str(&format!("  {code}: {}", plain(&error.reason)));
    } else if let Some((_, reason)) =
        e.detail.steps.last().and_then(|s| s.details.iter().find(|(n, _)| n == "SkipReason"))
    {
        line.push_str(&format!("  {}", plain(reason)));
    } else if !changed.is_empty() {
        line.push_str(&format!("  {}", changed.join(", ")));
    }
    printer.line(&line)
}

/// Runs `hirewire cycles`.
pub(crate) fn cycles(global: &Global, arguments: &CyclesArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let key = context.job_key(context.job_name(arguments.job.job.as_deref())?)?;
    let cycles = context.store.cycles(key, None, arguments.limit)?;
    if global.output == Output::Json {
        let list: Vec<Value> = cycles
            .iter()
            .map(|c| {
                json!({
                    "id": c.id, "kind": c.kind.as_str(), "state": c.state.as_str(), "began": c.began.to_string(),
                    "ended": c.ended.map(|t| t.to_string()), "counts": c.counts, "error": c.error
                })
            })
            .collect();
        return printer.json(&json!({ "value": list }));
    }
    let header = [
        "cycle", "kind", "state", "began", "created", "updated", "enabled", "disabled", "deleted", "skipped",
        "failed", "held",
    ];
    let rows = cycles.into_iter().map(|c| {
        let n = c.counts;
        let mut row = vec![
            c.id,
            c.kind.as_str().into(),
            c.state.as_str().into(),
            c.began.strftime("%Y-%m-%d %H:%M").to_string(),
        ];
        let counts = [n.created, n.updated, n.enabled, n.disabled, n.deleted, n.skipped, n.failed, n.held];
        row.extend(counts.iter().map(u64::to_string));
        row
    });
    printer.table(&header, rows)
}

/// Runs `hirewire upcoming`.
pub(crate) fn upcoming(
    global: &Global,
    arguments: &UpcomingArgs,
    printer: &mut Printer,
) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let zone = context.time_zone();
    let now = crate::clock::moment(arguments.as_of.as_deref(), &zone)?;
    let key = context.job_key(context.job_name(arguments.job.job.as_deref())?)?;
    let mut due = crate::cycle::known(&context, key)?;
    due.retain(|person| person.next_due.is_some_and(|at| at > now));
    due.sort_by_key(|person| person.next_due);
    let word = |record: Option<&hirewire_store::Record>, at: jiff::Timestamp| -> &'static str {
        let record = record.and_then(|r| serde_json::from_str::<Value>(&r.data).ok());
        let reading =
            record.and_then(|r| hirewire_engine::lifecycle::Lifecycle::read(&r, &zone).ok().flatten());
        match reading {
            Some(reading) if reading.lifecycle.covers(at) => "first day: the account is enabled",
            Some(_) => "after the last day: the account is disabled",
            None => "planned again",
        }
    };
    let rows: Vec<(String, jiff::Timestamp, &str)> = due
        .iter()
        .filter_map(|person| {
            Some((person.anchor.clone(), person.next_due?, word(person.record.as_ref(), person.next_due?)))
        })
        .collect();
    if global.output == Output::Json {
        let list: Vec<Value> = rows
            .iter()
            .map(|(anchor, at, what)| json!({ "anchor": anchor, "at": at.to_string(), "what": what }))
            .collect();
        return printer.json(&json!({ "value": list }));
    }
    if rows.is_empty() {
        return printer.line("no date is ahead");
    }
    let shown = |at: &jiff::Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
    printer.table(
        &["when", "person", "what"],
        rows.iter().map(|(anchor, at, what)| vec![shown(at), anchor.clone(), (*what).into()]),
    )
}
