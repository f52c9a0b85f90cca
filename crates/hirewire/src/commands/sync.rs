//! `hirewire sync`: plan, then apply.
use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc;

use hirewire_engine::safety::Hold;
use hirewire_job::{
    CycleReport, Feed as Inbox, JobError, Listing, PlanDocument, RunOptions, Safety, standing,
};
use hirewire_source::Reject;
use hirewire_store::CycleKind;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::archive;
use crate::cli::{Global, Output, SyncArgs};
use crate::commands::plan;
use crate::context::{Context, OpenJob};
use crate::cycle::{self, Feed};
use crate::drift;
use crate::output::{Printer, say};
use crate::report::{self, Report};
use crate::{session, turn};

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything that was to be done is done.
    Done,
    /// Something waits for approval.
    Held,
}

/// Runs the command.
pub(crate) fn run(global: &Global, arguments: &SyncArgs, printer: &mut Printer) -> Result<Ended, Report> {
    let context = Context::open(global)?;
    let reviewed = arguments.plan.as_deref().map(reviewed).transpose()?;
    let as_of = match &reviewed {
        Some(plan) => plan.basis.as_ref().map(|basis| basis.as_of.clone()),
        None => arguments.cycle.as_of.clone(),
    };
    let now = crate::clock::moment(as_of.as_deref(), &context.time_zone())?;
    let mut cycle_arguments = arguments.cycle.clone();
    if let Some(basis) = reviewed.as_ref().and_then(|plan| plan.basis.as_ref())
        && cycle_arguments.files.is_empty()
    {
        cycle_arguments.files.clone_from(&basis.files);
        cycle_arguments.job.get_or_insert_with(|| basis.job.clone());
    }
    let mut whole = PlanDocument::default();
    let mut cycles = Vec::new();
    let mut ended = Ended::Done;
    let listing = if global.output == Output::Json { Listing::Changes } else { Listing::Problems };
    for name in context.job_names(cycle_arguments.job.as_deref())? {
        loop {
            let job = context.job(name)?;
            let _turn = turn::take(job.key);
            let feeds = cycle::feeds(&context, &job, &cycle_arguments, now)?;
            for feed in &feeds {
                if let Some(stop) = feed.stops(cycle_arguments.force_shrink) {
                    refuse(feed, now)?;
                    return Err(stop);
                }
            }
            let drifted = drift::look(&context.store, job.key, &job.runner(&context.store), now)?;
            let Some(holds) =
                agreed(&context, &job, &feeds, now, global, arguments, reviewed.as_ref(), printer)?
            else {
                return Err(Report::new("stopped; nothing was changed"));
            };
            let (report, rejects) = apply(&context, &job, &feeds, now, &holds, listing)?;
            let undelivered = cycle::block_on(job.target.finish_cycle());
            if undelivered > 0 {
                let what = counted(
                    undelivered as u64,
                    "first password could not be delivered yet; it is",
                    "first passwords could not be delivered yet; they are",
                );
                say(&format!("{what} tried again with the next cycle"));
            }
            let mut document = report.document;
            document.warnings.extend(drifted);
            for (feed, rejects) in feeds.iter().zip(&rejects) {
                feed.rejected(&feed.scan.rejects, &mut document);
                feed.rejected(rejects, &mut document);
                let twice = feed.unchanged_among(report.looked_at.iter().map(String::as_str));
                document.totals.skip =
                    (document.totals.skip + feed.scan.counts.unchanged as u64).saturating_sub(twice);
                document.warnings.extend(feed.warnings.iter().cloned());
                let all: Vec<Reject> = feed.scan.rejects.iter().chain(rejects).cloned().collect();
                remember_columns(&context, feed)?;
                feed.export.keep_rejected(&all, &stamp(now))?;
                archive::put_away(&context, name, feed, now)?;
            }
            document.people.sort_by(|a, b| a.anchor.cmp(&b.anchor));
            let report_held = report.held > 0;
            if report_held {
                ended = Ended::Held;
            }
            cycles.extend(report.cycle.clone());
            if global.output == Output::Text {
                summary(
                    name,
                    &document,
                    report.cycle.as_deref(),
                    report.held,
                    report.counts.failed,
                    printer,
                )?;
            }
            plan::merge(&mut whole, document);
            let waiting = feeds.iter().map(|feed| feed.waiting).sum::<usize>();
            if waiting == 0 || reviewed.is_some() || report_held {
                break;
            }
        }
    }
    crate::forward::retain(&context.store, context.project.file.log.days, Timestamp::now())?;
    if global.output == Output::Json {
        let mut value = serde_json::to_value(&whole)?;
        value["cycles"] = serde_json::json!(cycles);
        printer.json(&value)?;
    }
    Ok(ended)
}

fn reviewed(file: &Path) -> Result<PlanDocument, Report> {
    let file = &session::path(file);
    let text = std::fs::read_to_string(file).map_err(|error| report::file(file, "read", &error))?;
    let plan: PlanDocument = serde_json::from_str(&text).map_err(|error| {
        Report::new(format!("this is no plan: {error}"))
            .at(file)
            .help("make one with `hirewire plan --save FILE`")
    })?;
    if plan.basis.is_none() {
        return Err(Report::new("this plan does not say where it stood")
            .at(file)
            .help("make one with `hirewire plan --save FILE`"));
    }
    Ok(plan)
}

/// Shows the plan and asks, compares it with a reviewed one, or knows that nobody can be hurt yet. `None`: no.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a thing the decision depends on; a struct would only rename them"
)]
fn agreed(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    now: Timestamp,
    global: &Global,
    arguments: &SyncArgs,
    reviewed: Option<&PlanDocument>,
    printer: &mut Printer,
) -> Result<Option<Vec<Hold>>, Report> {
    let limits = job.section.safety.limits();
    let limited = limits.creates.count.is_some() || limits.changes.count.is_some();
    let empty = || Ok::<_, Report>(context.store.people(job.key, None, 1)?.is_empty());
    if arguments.yes && reviewed.is_none() && !limited && empty()? {
        // No account exists that a threshold could protect, so planning everybody twice protects nobody.
        return Ok(Some(Vec::new()));
    }
    let quiet = feeds
        .iter()
        .all(|feed| feed.scan.counts.new + feed.scan.counts.changed == 0 && feed.leavers.is_empty());
    if quiet && arguments.yes && reviewed.is_none() && !job.schema_changed {
        let due = job.runner(&context.store).due(now)?;
        let waiting = context.store.queue_state(job.key)?.waiting;
        if due.is_empty() && waiting == 0 {
            return Ok(Some(Vec::new()));
        }
    }
    let planned = cycle::plan(context, job, feeds, now, false)?;
    if let Some(reviewed) = reviewed {
        let digest = cycle::digest(&planned.document);
        if reviewed.basis.as_ref().is_none_or(|basis| basis.digest != digest) {
            return Err(Report::new("the world has moved since this plan was made; nothing was changed")
                .note(format!("then: {}", plan::sentence(&reviewed.totals)))
                .note(format!("now:  {}", plan::sentence(&planned.document.totals)))
                .help("make and review a new plan with `hirewire plan --save FILE`"));
        }
        return Ok(Some(planned.holds));
    }
    if arguments.yes {
        return Ok(Some(planned.holds));
    }
    if planned.document.totals.pending() == 0 {
        return Ok(Some(planned.holds));
    }
    if global.output == Output::Json || !session::somebody_is_here() {
        return Err(Report::new("nobody is here to agree")
            .help("read the plan with `hirewire plan`, then sync with --yes or --plan FILE"));
    }
    plan::show(&planned.document, printer)?;
    plan::show_holds(&planned.holds, printer)?;
    Ok(session::ask("Apply this?")?.then_some(planned.holds))
}

/// Accepts what the exports hold and runs the cycle at the same time: one thread reads and maps, the other plans and writes.
fn apply(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    now: Timestamp,
    holds: &[Hold],
    listing: Listing,
) -> Result<(CycleReport, Vec<Vec<Reject>>), Report> {
    let expected: u64 =
        feeds.iter().map(|f| (f.scan.counts.new + f.scan.counts.changed + f.leavers.len()) as u64).sum();
    let bar = progress(expected);
    let listed = HashSet::new();
    let also = cycle::also(context, job, feeds, &listed)?;
    context.keep_schema(job, now)?;
    let kind = if job.schema_changed || context.store.people(job.key, None, 1)?.is_empty() {
        CycleKind::Initial
    } else {
        CycleKind::Incremental
    };
    let (arrived, arrivals) = mpsc::channel::<()>();
    let (result, fed) = std::thread::scope(|scope| {
        let feeding = scope.spawn(move || -> Result<Vec<Vec<Reject>>, JobError> {
            feeds.iter().map(|feed| accept(context, job, feed, now, &arrived)).collect()
        });
        let runner = job.runner(&context.store);
        let result = cycle::block_on(runner.run(RunOptions {
            now,
            kind,
            safety: Safety::Planned(holds.to_vec()),
            also,
            listing,
            progress: &mut |done| bar.set_position(done),
            more: &mut move || arrivals.recv().is_ok(),
        }));
        (result, feeding.join())
    });
    bar.finish_and_clear();
    let rejects = fed.map_err(|_| Report::new("reading the export ended unexpectedly"))??;
    let ended = result.as_ref().map(standing::Ended::from);
    // A run that found nothing to do has not changed how many there are.
    let population = match &result {
        Ok(report) if report.cycle.is_none() => None,
        _ => Some(context.store.count_people(job.key)?.1),
    };
    let quarantine = job.section.quarantine.limits();
    standing::settle(&context.store, job.key, ended, &quarantine, population, now)?;
    Ok((result?, rejects))
}

fn accept(
    context: &Context,
    job: &OpenJob<'_>,
    feed: &Feed<'_>,
    now: Timestamp,
    arrived: &mpsc::Sender<()>,
) -> Result<Vec<Reject>, JobError> {
    let inbox = Inbox {
        store: &context.store,
        job: job.key,
        source: feed.name,
        fingerprint_name: &feed.fingerprint_name,
        known: &feed.known,
        now,
    };
    // A closed channel means that the cycle has failed; what was accepted waits in the inbox for the next one.
    inbox.accept(&feed.export, &feed.scan, feed.leavers.clone(), &mut |_| {
        let _ = arrived.send(());
    })
}

fn progress(expected: u64) -> ProgressBar {
    if expected == 0 || session::is_remote() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(expected);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} people  {per_sec}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Keeps a refused export where the project says so.
fn refuse(feed: &Feed<'_>, now: Timestamp) -> Result<(), Report> {
    for place in feed.export.refuse(&feed.scan.rejects, &stamp(now))? {
        say(&format!("kept {}", place.display()));
    }
    Ok(())
}

/// Notes which columns the export had, so that the next run can tell a new one.
fn remember_columns(context: &Context, feed: &Feed<'_>) -> Result<(), Report> {
    if feed.known.columns() == feed.scan.columns {
        return Ok(());
    }
    // The columns of the newest segment count.
    let segment = feed.known.with_columns(feed.scan.columns.clone()).segment(&[]);
    Ok(context.store.append_fingerprints(&feed.fingerprint_name, segment)?)
}

/// Part of the names of files that are put away.
pub(crate) fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `1 person waits`, `2 people wait`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn is_review(person: &hirewire_job::PersonPlan) -> bool {
    person.reason.as_ref().is_some_and(|reason| reason.starts_with("HeldForReview"))
}

fn summary(
    job: &str,
    document: &PlanDocument,
    cycle: Option<&str>,
    held: u64,
    failed: u64,
    printer: &mut Printer,
) -> Result<(), Report> {
    let mut problems = document.clone();
    problems.people.retain(|person| person.action == hirewire_job::PlanAction::Reject);
    plan::show(&problems, printer)?;
    if failed > 0 {
        let who =
            counted(failed, "person could not be written and is", "people could not be written and are");
        printer.line(&format!("{who} tried again: hirewire logs --status failure"))?;
    }
    let reviews = document.people.iter().filter(|person| is_review(person)).count() as u64;
    if reviews > 0 {
        let who = counted(reviews, "person waits", "people wait");
        printer.line(&format!("{who} for review: hirewire review"))?;
    }
    let held = held.saturating_sub(reviews);
    if held > 0 {
        let approve = cycle.map_or_else(String::new, |cycle| format!(": hirewire approve {cycle}"));
        printer.line(&format!("{} for approval{approve}", counted(held, "change waits", "changes wait")))?;
    }
    match cycle {
        Some(cycle) => printer.line(&format!("job {job}: cycle {cycle} is done")),
        None => printer.line(&format!("job {job}: nothing to do")),
    }
}
