//! `hirewire logs`, `hirewire cycles`, `hirewire upcoming`: what happened, and what a date will bring.
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use hirewire_server::log::render::{self, Systems};
use hirewire_server::request::Version;
use hirewire_store::JobKey;
use hirewire_store::log::{Comparison, LogEntry, LogField, LogFilter, LogQuery, LogStatus, LogValue};
use serde_json::{Value, json};

use crate::cli::{CyclesArgs, Global, JobArg, LogsArgs, Output, UpcomingArgs};
use crate::context::Context;
use crate::output::{Colour, Printer, coloured, plain};
use crate::report::{self, Report};
use crate::session;

/// How often `--follow` looks for new entries.
const LOOK: Duration = Duration::from_millis(500);

/// Runs `hirewire logs`.
pub(crate) fn run(global: &Global, arguments: &LogsArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let filter = filter(&context, arguments)?;
    let systems = systems(&context)?;
    if let Some(file) = &arguments.export {
        return export(&context, file, filter, &systems, printer);
    }
    let mut seen = context.store.log_end()?;
    let page = context.store.log(&LogQuery {
        filter: Some(filter.clone()),
        limit: arguments.limit,
        ..LogQuery::default()
    })?;
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

/// Writes every entry that matches as NDJSON, oldest first.
fn export(
    context: &Context,
    file: &str,
    filter: LogFilter,
    systems: &Systems,
    printer: &mut Printer,
) -> Result<(), Report> {
    let entries = context.store.export_log(Some(filter));
    if file == "-" {
        for entry in entries {
            printer.line(&render::record(&entry?, systems, Version::V1).to_string())?;
        }
        return Ok(());
    }
    let path = session::path(Path::new(file));
    let written = std::fs::File::create(&path).map_err(|error| report::file(&path, "written", &error))?;
    let mut out = BufWriter::new(written);
    let mut count = 0;
    for entry in entries {
        let record = render::record(&entry?, systems, Version::V1).to_string();
        writeln!(out, "{record}").map_err(|error| report::file(&path, "written", &error))?;
        count += 1;
    }
    out.flush().map_err(|error| report::file(&path, "written", &error))?;
    let what = if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
    printer.line(&format!("{what} written to {}", path.display()))
}

/// What is constant for the records of this project.
pub(crate) fn systems(context: &Context) -> Result<Systems, Report> {
    Ok(Systems::api(&context.tenant()?, "", &context.project.file.project.name, true))
}

fn filter(context: &Context, arguments: &LogsArgs) -> Result<LogFilter, Report> {
    let named = arguments.job.job.as_deref();
    let keys = keys(context, named)?;
    let mut all = Vec::new();
    if named.is_some() || context.project.file.job.len() == 1 {
        for (_, key) in &keys {
            all.push(LogFilter::equals(LogField::JobId, context.store.job_by_key(*key)?.id));
        }
    }
    let wanted = [
        (LogField::SourceId, &arguments.person),
        (LogField::Action, &arguments.action),
        (LogField::Status, &arguments.status),
    ];
    all.extend(wanted.into_iter().filter_map(|(field, text)| Some(LogFilter::equals(field, text.clone()?))));
    if let Some(cycle) = &arguments.cycle {
        let mut found = keys.iter().map(|(_, key)| full_cycle_id(context, *key, cycle));
        let first = found.find(Result::is_ok).unwrap_or_else(|| full_cycle_id(context, keys[0].1, cycle));
        all.push(LogFilter::equals(LogField::CycleId, first?));
    }
    if let Some(since) = &arguments.since {
        let since = crate::clock::day(since, &context.time_zone())?;
        all.push(LogFilter::Compare(
            LogField::Time.into(),
            Comparison::GreaterOrEqual,
            LogValue::Time(since),
        ));
    }
    Ok(LogFilter::And(all))
}

/// The named job, or all of them; never none.
pub(crate) fn keys<'c>(context: &'c Context, named: Option<&str>) -> Result<Vec<(&'c str, JobKey)>, Report> {
    context.job_names(named)?.into_iter().map(|name| Ok((name, context.job_key(name)?))).collect()
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
    let mut cycles = Vec::new();
    for (name, key) in keys(&context, arguments.job.job.as_deref())? {
        cycles
            .extend(context.store.cycles(key, None, arguments.limit)?.into_iter().map(|cycle| (name, cycle)));
    }
    cycles.sort_by_key(|(_, cycle)| std::cmp::Reverse((cycle.began, cycle.key)));
    cycles.truncate(arguments.limit);
    if global.output == Output::Json {
        let list: Vec<Value> = cycles
            .iter()
            .map(|(job, c)| {
                json!({
                    "id": c.id, "job": job, "kind": c.kind.as_str(), "state": c.state.as_str(),
                    "began": c.began.to_string(), "ended": c.ended.map(|t| t.to_string()), "counts": c.counts,
                    "error": c.error
                })
            })
            .collect();
        return printer.json(&json!({ "value": list }));
    }
    let header = [
        "cycle", "job", "kind", "state", "began", "created", "updated", "enabled", "disabled", "deleted",
        "skipped", "failed", "held",
    ];
    let rows = cycles.into_iter().map(|(job, c)| {
        let n = c.counts;
        let mut row = vec![
            c.id,
            job.to_owned(),
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

/// Runs `hirewire jobs`.
pub(crate) fn jobs(global: &Global, arguments: &JobArg, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let mut list = Vec::new();
    for (name, key) in keys(&context, arguments.job.as_deref())? {
        let job = context.store.job_by_key(key)?;
        let queue = context.store.queue_state(key)?;
        let (people, linked) = context.store.count_people(key)?;
        let (failed, references) = context.store.count_escrows(key)?;
        let quarantine: Value =
            job.quarantine.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let section = &context.project.file.job[name];
        list.push(json!({
            "name": name, "id": job.id, "servicePrincipal": job.service_principal, "target": section.target,
            "schedule": job.schedule.as_str(), "status": job.status.as_str(), "quarantine": quarantine,
            "waiting": queue.waiting, "people": people, "accounts": linked, "failed": failed + references,
        }));
    }
    if global.output == Output::Json {
        return printer.json(&json!({ "value": list }));
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let columns = ["name", "target", "status", "waiting", "people", "accounts", "failed", "id"];
    let rows = list.iter().map(|job| columns.iter().map(|column| text(&job[*column])).collect());
    printer.table(&columns, rows)?;
    for job in list.iter().filter(|job| !job["quarantine"].is_null()) {
        let quarantine = &job["quarantine"];
        printer.line(&format!(
            "{} is in quarantine ({}): {}; next attempt {}",
            text(&job["name"]),
            text(&quarantine["reason"]),
            plain(&text(&quarantine["error"]["message"])),
            text(&quarantine["nextAttempt"])
        ))?;
    }
    Ok(())
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
    let mut due = Vec::new();
    for (_, key) in keys(&context, arguments.job.job.as_deref())? {
        due.extend(crate::cycle::known(&context, key)?);
    }
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
