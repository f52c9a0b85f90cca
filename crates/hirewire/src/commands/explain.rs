//! `hirewire explain` and `hirewire provision`: one person's values with their lineage, one code's meaning.
use std::collections::BTreeMap;

use hirewire_engine::reason::reasons;
use hirewire_engine::{Action, Reason, ValueTrace, Why};
use hirewire_job::Examined;
use hirewire_store::CycleKind;
use hirewire_store::log::LogEntry;
use hirewire_target::embedded::UserFilter;
use serde_json::{Value, json};

use crate::cli::{ExplainArgs, Global, Output, ProvisionArgs};
use crate::commands::codes::{self, OURS};
use crate::commands::plan::one_line;
use crate::commands::users::shown;
use crate::context::{Context, OpenJob};
use crate::cycle;
use crate::output::{Colour, Printer, coloured, plain};
use crate::project::nearest;
use crate::report::Report;
use crate::turn;

/// Entries of a person's log that are searched for the last change of each attribute.
const HISTORY: usize = 1000;

/// Runs `hirewire explain`.
pub(crate) fn run(global: &Global, arguments: &ExplainArgs, printer: &mut Printer) -> Result<(), Report> {
    if let Some(code) = code(&arguments.what) {
        return show_code(global, &code, printer);
    }
    if !global.project.join(crate::project::FILE).exists() {
        return Err(unknown_code(&arguments.what));
    }
    person(global, arguments, printer)
}

/// What is known of a code.
struct Code {
    code: String,
    kind: &'static str,
    meaning: String,
    todo: String,
}

/// Codes of the engine, of the source and of this program, in one list.
fn all_codes() -> Vec<Code> {
    let mut all: Vec<Code> = reasons()
        .iter()
        .map(|r| Code {
            code: r.code.to_owned(),
            kind: "provisioning log",
            meaning: r.meaning.to_owned(),
            todo: r.todo.to_owned(),
        })
        .collect();
    let mut add = |kind, code: String, meaning: &str, todo: &str| {
        all.push(Code { code, kind, meaning: meaning.to_owned(), todo: todo.to_owned() });
    };
    let ours = OURS.iter().map(|(code, meaning, todo)| ((*code).to_owned(), *meaning, *todo)).collect();
    for (kind, list) in [
        ("row set aside", codes::rejects()),
        ("warning about an export", codes::warnings()),
        ("export refused", codes::stops()),
        ("Hirewire", ours),
    ] {
        for (code, meaning, todo) in list {
            add(kind, code, meaning, todo);
        }
    }
    all
}

fn code(text: &str) -> Option<Code> {
    all_codes().into_iter().find(|code| code.code.eq_ignore_ascii_case(text))
}

fn unknown_code(text: &str) -> Report {
    let all = all_codes();
    let names: Vec<&str> = all.iter().map(|code| code.code.as_str()).collect();
    let report =
        Report::new(format!("`{text}` is no code, and there is no project here to look for a person"));
    match nearest(text, &names) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None => report.help("name the project's folder with -C FOLDER"),
    }
}

fn show_code(global: &Global, code: &Code, printer: &mut Printer) -> Result<(), Report> {
    if global.output == Output::Json {
        return printer.json(
            &json!({ "code": code.code, "kind": code.kind, "meaning": code.meaning, "todo": code.todo }),
        );
    }
    printer.line(&format!(
        "{}  {}",
        coloured(&code.code, Colour::Strong),
        coloured(code.kind, Colour::Quiet)
    ))?;
    printer.line(&format!("  {}", code.meaning))?;
    printer.line(&format!("  What to do: {}", code.todo))
}

fn person(global: &Global, arguments: &ExplainArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let mut found = Vec::new();
    let mut nobody = None;
    for name in context.job_names(arguments.job.job.as_deref())? {
        let job = context.job(name)?;
        match find(&context, &job, &arguments.what) {
            Ok(anchor) => found.push((job, anchor)),
            Err(report) => nobody = Some(report),
        }
    }
    if let (true, Some(report)) = (found.is_empty(), nobody) {
        return Err(report);
    }
    let several = found.len() > 1;
    if several && global.output == Output::Json {
        return Err(
            Report::new(format!("{} is known to several jobs", arguments.what)).help("say which: --job NAME")
        );
    }
    for (job, anchor) in &found {
        if several {
            printer.line(&coloured(&format!("job {}", job.name), Colour::Strong))?;
        }
        one_person(global, &context, job, anchor, printer)?;
    }
    Ok(())
}

fn one_person(
    global: &Global,
    context: &Context,
    job: &OpenJob<'_>,
    anchor: &str,
    printer: &mut Printer,
) -> Result<(), Report> {
    let now = jiff::Timestamp::now();
    let examined = cycle::block_on(job.runner(&context.store).examine(anchor, now))?;
    let log = context.store.log_of_person(job.key, anchor, HISTORY)?;
    let changed = last_changes(&log);
    if global.output == Output::Json {
        return printer.json(&lineage_json(anchor, &examined, &changed));
    }
    let name = log.iter().find_map(|entry| entry.entry.target_name.clone()).unwrap_or_default();
    printer.line(&format!("{}  {}", coloured(anchor, Colour::Strong), plain(&name)))?;
    printer.line(&format!("  source row   {}", examined.origin.as_deref().unwrap_or("(uploaded)")))?;
    printer.line(&format!("  account      {}", examined.link.as_deref().unwrap_or("(none)")))?;
    if let Some(due) = examined.plan.next_due {
        printer.line(&format!(
            "  next date    {}",
            due.to_zoned(context.time_zone()).strftime("%Y-%m-%d %H:%M %Z")
        ))?;
    }
    printer.line("")?;
    let is_empty = |trace: &&ValueTrace| {
        trace.new.is_none() && matches!(trace.why, Why::NullNotFlowed | Why::FlowOnlyOnCreate)
    };
    for trace in examined.traces.iter().filter(|trace| !is_empty(trace)) {
        show_trace(trace, changed.get(trace.attribute.as_str()), printer)?;
    }
    let empty: Vec<&str> =
        examined.traces.iter().filter(is_empty).map(|trace| trace.attribute.as_str()).collect();
    if !empty.is_empty() {
        printer.line(&coloured(&format!("no value in the record: {}", empty.join(", ")), Colour::Quiet))?;
    }
    if let Some(entry) = log.first()
        && let (Some(code), Some(error)) = (&entry.entry.error_code, &entry.entry.detail.error)
    {
        printer.line("")?;
        printer.line(&format!(
            "{} {code}: {}",
            coloured("last attempt failed", Colour::Bad),
            plain(&error.reason)
        ))?;
    }
    Ok(())
}

/// The person behind a number, a userPrincipalName or an address.
fn find(context: &Context, job: &OpenJob<'_>, text: &str) -> Result<String, Report> {
    let known = context.store.load_batch(job.key, &[text])?;
    if known.iter().any(|state| state.person.is_some() || state.escrow.is_some()) {
        return Ok(text.to_owned());
    }
    if let Some(directory) = job.target.embedded() {
        let filter = UserFilter::Or(vec![
            UserFilter::UserPrincipalName(text.to_owned()),
            UserFilter::Mail(text.to_owned()),
            UserFilter::Id(text.to_owned()),
            UserFilter::EmployeeId(text.to_owned()),
        ]);
        let query =
            hirewire_target::embedded::UserQuery { filter: Some(filter), limit: 2, ..Default::default() };
        if let [user] = directory.list(&query)?.users.as_slice()
            && let Some(Some(owner)) = context.store.owners(job.key, &[&user.id])?.first()
        {
            return Ok(owner.clone());
        }
    }
    Err(Report::new(format!("nobody is known as {text}, and it is no code")).help(
        "give an externalId, a userPrincipalName or an e-mail address; `hirewire users` lists the accounts",
    ))
}

/// When an attribute was last changed, by which cycle, from what.
struct LastChange<'l> {
    entry: &'l LogEntry,
    old: Option<&'l str>,
}

fn last_changes(log: &[LogEntry]) -> BTreeMap<&str, LastChange<'_>> {
    let mut changes = BTreeMap::new();
    for entry in log {
        for modified in &entry.entry.detail.modified {
            changes
                .entry(modified.name.as_str())
                .or_insert(LastChange { entry, old: modified.old.as_deref() });
        }
    }
    changes
}

fn show_trace(
    trace: &ValueTrace,
    changed: Option<&LastChange<'_>>,
    printer: &mut Printer,
) -> Result<(), Report> {
    let value = trace.new.as_ref().map_or_else(|| coloured("(nothing)", Colour::Quiet), shown);
    printer.line(&format!("{} = {value}", coloured(&trace.attribute, Colour::Strong)))?;
    if let Some(expression) = &trace.expression {
        printer.line(&format!("    from {}", plain(&one_line(expression))))?;
    }
    for (name, input) in &trace.inputs {
        let input =
            input.as_deref().map_or_else(|| "(nothing)".to_owned(), |text| format!("\"{}\"", plain(text)));
        printer.line(&format!("    {} {name} = {input}", coloured("·", Colour::Quiet)))?;
    }
    if let Some(change) = changed {
        let old = change.old.map(|old| format!(", before: {}", plain(old))).unwrap_or_default();
        let cycle = change.entry.cycle_id.as_deref().unwrap_or("-");
        printer.line(&format!(
            "    set {} by cycle {cycle}{old}",
            change.entry.entry.time.strftime("%Y-%m-%d %H:%M:%SZ")
        ))?;
    }
    if let Some(words) = why(trace.why) {
        printer.line(&format!("    {words}"))?;
    }
    Ok(())
}

fn why(why: Why) -> Option<&'static str> {
    Some(match why {
        Why::AlreadyRight | Why::ReferenceSet => return None,
        Why::Changed => {
            "differs from the account: written with the person's next change, or by `hirewire provision PERSON --apply`"
        }
        Why::WrittenAlways => "written every time (FlowAlways)",
        Why::DefaultApplied => "the record has no value; the default is used",
        Why::Cleared => "the record has no value; the attribute is cleared",
        Why::NullNotFlowed => "the record has no value; nothing is written",
        Why::FlowOnlyOnCreate => "only when the account is created",
        Why::TargetHasValue => "the account has a value, which stays",
        Why::Ignored => "the expression leaves the attribute out",
        Why::NotWritable => "the target attribute is read-only",
        Why::AccountStateKept => "the record has no `active`; the state stays",
        Why::ReferencePending => "the person it names has no account yet",
        Why::Problem => "failed",
    })
}

fn lineage_json(anchor: &str, examined: &Examined, changed: &BTreeMap<&str, LastChange<'_>>) -> Value {
    let attributes: Vec<Value> = examined
        .traces
        .iter()
        .map(|trace| {
            let last = changed.get(trace.attribute.as_str()).map(|change| {
                json!({
                    "time": change.entry.entry.time.to_string(), "cycle": change.entry.cycle_id, "old": change.old,
                    "changeId": change.entry.change
                })
            });
            json!({
                "attribute": trace.attribute, "expression": trace.expression, "inputs": trace.inputs.iter()
                    .map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
                "value": trace.new.as_ref().map(shown), "why": trace.why, "lastChanged": last
            })
        })
        .collect();
    json!({
        "anchor": anchor, "origin": examined.origin, "account": examined.link,
        "nextDue": examined.plan.next_due.map(|due| due.to_string()), "attributes": attributes
    })
}

/// Runs `hirewire provision`.
pub(crate) fn provision(
    global: &Global,
    arguments: &ProvisionArgs,
    printer: &mut Printer,
) -> Result<(), Report> {
    let context = if arguments.apply { Context::open(global)? } else { Context::open_for_reading(global)? };
    let job = context.job(context.job_name(arguments.job.job.as_deref())?)?;
    let _turn = arguments.apply.then(|| turn::take(job.key));
    let now = crate::clock::moment(arguments.as_of.as_deref(), &context.time_zone())?;
    if let Some(old) = &arguments.same_as {
        return take_over(&context, &job, old, &arguments.person, now, global, printer);
    }
    let anchor = find(&context, &job, &arguments.person)?;
    let runner = job.runner(&context.store);
    let examined = cycle::block_on(runner.examine(&anchor, now))?;
    let report = arguments
        .apply
        .then(|| cycle::block_on(runner.run_again(vec![anchor.clone()], now, CycleKind::OnDemand)))
        .transpose()?;
    if global.output == Output::Json {
        return printer.json(&json!({
            "anchor": anchor, "applied": arguments.apply, "cycle": report.and_then(|report| report.cycle),
            "steps": steps(&examined).iter().map(|(name, status, words)| json!({ "step": name, "status": status, "detail": words })).collect::<Vec<_>>(),
            "person": examined.person
        }));
    }
    for (name, status, words) in steps(&examined) {
        let colour = if status == "failed" { Colour::Bad } else { Colour::Good };
        printer.line(&format!("{name:<8} {}  {words}", coloured(status, colour)))?;
    }
    for change in &examined.person.changes {
        let old = crate::commands::plan::value(&change.old);
        printer.line(&format!(
            "    {}: {old} → {}",
            change.attribute,
            crate::commands::plan::value(&change.new)
        ))?;
    }
    match report {
        Some(report) => printer.line(&format!("written by cycle {}", report.cycle.unwrap_or_default())),
        None => printer.line("nothing was written; --apply writes it"),
    }
}

/// Somebody came back under a new number and keeps the account of the old one.
fn take_over(
    context: &Context,
    job: &OpenJob<'_>,
    old: &str,
    new: &str,
    now: jiff::Timestamp,
    global: &Global,
    printer: &mut Printer,
) -> Result<(), Report> {
    let old = find(context, job, old)?;
    let Some(account) = context.store.take_over(job.key, &old, new, now)? else {
        return Err(Report::new(format!("the account of {old} cannot become that of {new}")).help(
            "the old number must have an account, the new one none: `hirewire explain NUMBER` shows both",
        ));
    };
    // Their record comes with the next export, unless it is here already.
    let runner = job.runner(&context.store);
    let report = cycle::block_on(runner.run_again(vec![new.to_owned()], now, CycleKind::OnDemand))?;
    match global.output {
        Output::Json => printer.json(&json!({
            "anchor": new, "formerly": old, "account": account, "applied": true, "cycle": report.cycle,
        })),
        Output::Text => printer.line(&format!(
            "{new} has the account {account} of {old} now; `hirewire explain {new}` shows it, the next sync brings it up to date"
        )),
    }
}

/// The four steps of provisioning on demand (spec/engine.md §16).
fn steps(examined: &Examined) -> Vec<(&'static str, &'static str, String)> {
    let plan = &examined.plan;
    let origin = examined.origin.as_deref().unwrap_or("uploaded");
    let import = match &examined.record {
        Some(_) => ("import", "done", format!("the last accepted record, {origin}")),
        None => ("import", "failed", "no record of this person was ever accepted".to_owned()),
    };
    let scope = match plan.in_scope {
        Some(true) => ("scope", "done", "in scope".to_owned()),
        Some(false) => {
            ("scope", "done", plan.scope_evidence.clone().unwrap_or_else(|| "out of scope".to_owned()))
        }
        None => ("scope", "skipped", "not evaluated".to_owned()),
    };
    let matching = match (&examined.link, &plan.matched_by, &examined.account) {
        (Some(link), _, _) => ("match", "done", format!("linked to {link}")),
        (None, Some(attribute), Some(account)) => {
            ("match", "done", format!("{} by {attribute}", account.anchor))
        }
        _ => ("match", "done", "no account".to_owned()),
    };
    let reason = |reason: Option<Reason>| reason.map_or_else(String::new, |reason| reason.code().to_owned());
    let export = match plan.action {
        Action::Fail => (
            "export",
            "failed",
            format!("{}: {}", reason(plan.reason), plan.detail.clone().unwrap_or_default()),
        ),
        Action::Skip => ("export", "skipped", reason(plan.reason)),
        action => (
            "export",
            "planned",
            format!("{} with {} changes", action.log_name(), examined.person.changes.len()),
        ),
    };
    vec![import, scope, matching, export]
}
