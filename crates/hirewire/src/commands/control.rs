//! `hirewire undo`, `approve`, `restart` and `simulate`: taking back, letting pass, resetting, trying out.
use std::collections::BTreeMap;

use hirewire_engine::restart::Restart;
use hirewire_engine::target::Step;
use hirewire_job::{Item, PersonPlan, PlanAction, PlanDocument, Runner, UndoPerson, standing};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::{ApproveArgs, Global, Output, RestartArgs, SimulateArgs, UndoArgs};
use crate::commands::logs::full_cycle_id;
use crate::commands::plan;
use crate::commands::users::shown;
use crate::context::{self, Context};
use crate::cycle::{self, block_on};
use crate::output::{Colour, Printer, coloured, counted};
use crate::report::{self, Report};
use crate::{session, turn};

/// Runs `hirewire undo`.
pub(crate) fn undo(global: &Global, arguments: &UndoArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let _turn = turn::take(job.key);
    let cycle = full_cycle_id(&context, job.key, &arguments.cycle)?;
    let runner = job.runner(&context.store);
    let people = block_on(runner.plan_undo(&cycle))?;
    let steps: usize = people.iter().map(|person| person.undo.steps.len()).sum();
    if global.output == Output::Text {
        for person in &people {
            show_undo(person, printer)?;
        }
    }
    if steps == 0 {
        return printer
            .line("nothing to take back: what the cycle wrote has changed since, or stands as before");
    }
    if !arguments.yes {
        if global.output == Output::Json || !session::somebody_is_here() {
            return Err(Report::new("nobody is here to agree").help("add --yes"));
        }
        if !session::ask(&format!("Take {steps} steps back?"))? {
            return Err(Report::new("stopped; nothing was changed"));
        }
    }
    let id = block_on(runner.undo(people, Timestamp::now()))?;
    match global.output {
        Output::Json => printer.json(&json!({ "undone": cycle, "cycle": id, "steps": steps })),
        Output::Text => printer.line(&format!("cycle {cycle} is taken back by cycle {id}")),
    }
}

fn show_undo(person: &UndoPerson, printer: &mut Printer) -> Result<(), Report> {
    if person.undo.steps.is_empty() && person.undo.kept.is_empty() {
        return Ok(());
    }
    printer.line(&coloured(&person.anchor, Colour::Strong))?;
    for step in &person.undo.steps {
        match step {
            Step::Update { changes, .. } => {
                for change in changes {
                    let value = |v: &Option<_>| v.as_ref().map_or_else(|| "(nothing)".into(), shown);
                    printer.line(&format!(
                        "    {}: {} → {}",
                        change.attribute,
                        value(&change.old),
                        value(&change.new)
                    ))?;
                }
            }
            Step::Delete { .. } => printer.line("    the account is removed")?,
            Step::Restore { .. } => printer.line("    the account is restored")?,
            Step::Create { .. } => {}
        }
    }
    for kept in &person.undo.kept {
        let attribute = kept.attribute.as_deref().unwrap_or("the account");
        printer.line(&format!("    {attribute}: left alone ({:?})", kept.why))?;
    }
    Ok(())
}

/// Runs `hirewire approve`.
pub(crate) fn approve(global: &Global, arguments: &ApproveArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let _turn = turn::take(job.key);
    let id = full_cycle_id(&context, job.key, &arguments.cycle)?;
    let cycle = context.store.cycle(&id)?.map(|cycle| cycle.key);
    let who = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    let approved = block_on(job.runner(&context.store).approve(cycle, &who, Timestamp::now()))?
        .ok_or_else(|| Report::new(format!("nothing of cycle {id} waits for approval")))?;
    context.store.change_job(job.key, standing::release)?;
    match global.output {
        Output::Json => printer.json(&serde_json::to_value(&approved.report.document)?),
        Output::Text => {
            plan::show(&approved.report.document, printer)?;
            printer.line(&format!("{} of cycle {id} approved", counted(approved.changes, "change")))
        }
    }
}

/// Runs `hirewire restart`.
pub(crate) fn restart(global: &Global, arguments: &RestartArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let _turn = turn::take(job.key);
    let restart =
        Restart::parse(&arguments.reset_scope).map_err(|e| Report::new(e.to_string()).help(e.help()))?;
    let (store, now) = (&context.store, Timestamp::now());
    let mut done = Vec::new();
    if restart.clear_links {
        store.clear_links(job.key)?;
        done.push("links are forgotten");
    }
    if restart.clear_escrows {
        store.clear_escrows(job.key, now)?;
        done.push("failures are tried again");
    }
    if restart.clear_watermark {
        // Long since, so that a cycle as of an earlier day looks at everybody, too.
        store.make_everybody_due(job.key, Timestamp::UNIX_EPOCH)?;
        done.push("the next cycle looks at everybody");
    }
    if restart.clear_quarantine {
        store.change_job(job.key, standing::release)?;
        done.push("quarantine is left");
    }
    if restart.execute_held_deletes {
        block_on(job.runner(store).approve(None, "restart", now))?;
        done.push("held changes are executed");
    }
    let words = if done.is_empty() { "nothing was reset".to_owned() } else { done.join("; ") };
    match global.output {
        Output::Json => printer.json(&json!({ "job": job.name, "done": done })),
        Output::Text => printer.line(&format!("job {}: {words}", job.name)),
    }
}

/// Runs `hirewire simulate`.
pub(crate) fn simulate(
    global: &Global,
    arguments: &SimulateArgs,
    printer: &mut Printer,
) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let text = std::fs::read_to_string(&arguments.schema)
        .map_err(|e| report::file(&arguments.schema, "read", &e))?;
    let changed =
        context::compile(&text, &context.settings(job.section)).map_err(|r| r.at(&arguments.schema))?;
    let people: Vec<Item> = cycle::people(&context, &job)?.into_iter().map(Item::again).collect();
    let now = Timestamp::now();
    let before = block_on(job.runner(&context.store).preview(people.clone(), now, true))?;
    let runner = Runner { schema: &changed, ..job.runner(&context.store) };
    let after = block_on(runner.preview(people, now, true))?;
    let different = differences(before, after);
    match global.output {
        Output::Json => printer.json(&serde_json::to_value(&different)?),
        Output::Text => {
            plan::show(&different, printer)?;
            printer.line("nothing was written; this is what the changed schema would do beyond today's")
        }
    }
}

/// The people who would fare differently.
fn differences(before: PlanDocument, after: PlanDocument) -> PlanDocument {
    let mut today: BTreeMap<String, PersonPlan> =
        before.people.into_iter().map(|person| (person.anchor.clone(), person)).collect();
    let mut different = PlanDocument::default();
    for person in after.people {
        let same = today
            .remove(&person.anchor)
            .is_some_and(|old| old.action == person.action && old.changes == person.changes);
        if same {
            different.totals.add(PlanAction::Skip);
        } else {
            different.totals.add(person.action);
            different.people.push(person);
        }
    }
    different
}
