//! `hirewire workflow run | runs | show | firings | resubmit | callback-url`: runs and their history.
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hirewire_server::Service as _;
use hirewire_store::{JobKey, ScheduleState, StatusCode};
use hirewire_workflow::bind::secret_texts;
use hirewire_workflow::definition::{Status, Trigger};
use hirewire_workflow::expression::{DateTime, Kind, same_name};
use hirewire_workflow::history::{Selection, read_history};
use hirewire_workflow::host::{
    Deployment, Host, Logbook, LogbookJournal, RunSummary, Watch, callback_keys, firings as firings_of,
    kept_deployment, request_outputs, runs as runs_of,
};
use hirewire_workflow::run::ActionRecord;
use serde_json::{Value, json};

use crate::cli::{Global, Output};
use crate::commands::serve::application;
use crate::context::Context;
use crate::output::{Colour, Printer, coloured, say};
use crate::report::{self, Report};
use crate::service::LocalService;
use crate::session;
use crate::workflows::{self, Found, Opening};

/// How long the inbox may stand still before the command stops waiting for it.
const STANDSTILL: Duration = Duration::from_secs(30);
/// Pause between two looks at the inbox.
const LOOK: Duration = Duration::from_millis(20);

/// What `run` is asked for.
pub(crate) struct Wanted<'w> {
    /// The workflow.
    pub(crate) name: &'w str,
    /// The trigger.
    pub(crate) trigger: Option<&'w str>,
    /// File with the trigger's body.
    pub(crate) input: Option<&'w Path>,
    /// NAME=VALUE.
    pub(crate) parameters: &'w [String],
    /// Only reads.
    pub(crate) dry_run: bool,
}

/// Fires a trigger and follows its runs. False when one of them did not succeed.
pub(crate) fn run(global: &Global, wanted: &Wanted<'_>, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open(global)?;
    let given = given(wanted.parameters)?;
    let body = wanted.input.map(read_input).transpose()?;
    with_host(global, &context, given, wanted.dry_run, printer, async |host, found| {
        let deployment = deployment(host, found, wanted.name)?;
        let trigger = pick_trigger(deployment.workflow.triggers.as_slice(), wanted.trigger)?;
        let request = matches!(trigger.kind.as_str(), "request" | "manual" | "httpwebhook");
        let outputs = (body.is_some() || request).then(|| request_outputs(body));
        let fired = host.fire_now(deployment, trigger, outputs).await.map_err(Report::new)?;
        if let Some(message) = fired.error {
            return Err(Report::new(format!("the trigger '{}' failed: {message}", trigger.name)));
        }
        Ok(fired.runs.into_iter().map(|run| (deployment.name().to_owned(), run)).collect())
    })
}

/// Runs again. False when the run did not succeed.
pub(crate) fn resubmit(global: &Global, run: &str, printer: &mut Printer) -> Result<bool, Report> {
    let context = Context::open(global)?;
    with_host(global, &context, Vec::new(), false, printer, async |host, found| {
        let summary = find_run(&context, found, run)?;
        let again = host.resubmit(&summary.workflow, &summary.run)?;
        Ok(vec![(summary.workflow, again)])
    })
}

/// Opens the host, begins runs, follows them, and lets what they uploaded be provisioned.
fn with_host(
    global: &Global,
    context: &Context,
    parameters: Vec<(String, String)>,
    dry_run: bool,
    printer: &mut Printer,
    begin: impl AsyncFnOnce(&Host, &[Found]) -> Result<Vec<(String, String)>, Report>,
) -> Result<bool, Report> {
    // Beside a running service its own host runs them, and its own workers provision.
    if let Some((host, runtime)) = workflows::shared() {
        if dry_run || !parameters.is_empty() {
            return Err(Report::new(
                "a service is at work on this project: it runs workflows as they are configured",
            )
            .help("stop it for --dry-run and --param"));
        }
        let found = all_found(context)?;
        let ended = runtime.block_on(follow(&host, &found, begin))?;
        return print_ended(global, &ended, &[], 0, printer);
    }
    let names = context.job_names(None).unwrap_or_default();
    let job = names.first().map(|name| context.job(name)).transpose()?;
    let served = job.as_ref().map(|_| application(context)).transpose()?;
    let (app, service) = served.map_or((None, None), |(app, service)| (Some(Arc::new(app)), Some(service)));
    let seen: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let watch: Watch = watcher(global, &seen);
    let opening = Opening { context, app: app.as_ref(), parameters, dry_run, watch: Some(watch) };
    let (host, found) = workflows::open(&opening)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(follow(&host, &found, begin))?;
    let provisioned = match (&job, &service, dry_run) {
        (Some(job), Some(service), false) => drain(context, service, job.key)?,
        _ => 0,
    };
    let actions = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    print_ended(global, &ended, &actions, provisioned, printer)
}

/// Begins runs and waits until they have ended.
async fn follow(
    host: &Host,
    found: &[Found],
    begin: impl AsyncFnOnce(&Host, &[Found]) -> Result<Vec<(String, String)>, Report>,
) -> Result<Vec<RunSummary>, Report> {
    let mut ended = Vec::new();
    for (workflow, run) in begin(host, found).await? {
        ended.extend(host.ended(&workflow, &run).await?);
    }
    Ok(ended)
}

fn print_ended(
    global: &Global,
    ended: &[RunSummary],
    actions: &[(String, Value)],
    provisioned: u64,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let good = ended.iter().all(|run| run.status == Status::Succeeded);
    if global.output == Output::Json {
        let list: Vec<Value> = ended
            .iter()
            .map(|run| {
                let own: Vec<&Value> = actions.iter().filter(|(id, _)| *id == run.run).map(|(_, a)| a).collect();
                json!({ "run": run.run, "workflow": run.workflow, "trigger": run.trigger, "status": run.status.word(),
                        "error": run.error, "startTime": moment(run.start), "endTime": run.end.map(moment), "actions": own })
            })
            .collect();
        printer.json(&json!({ "value": list, "provisioned": provisioned }))?;
        return Ok(good);
    }
    for run in ended {
        let colour = if run.status == Status::Succeeded { Colour::Good } else { Colour::Bad };
        let error = run.error.as_ref().and_then(|e| e["message"].as_str()).unwrap_or_default();
        printer.line(&format!("{} run {} {error}", coloured(run.status.word(), colour), run.run))?;
    }
    if provisioned > 0 {
        printer.line(&format!("{provisioned} uploaded operations were worked off"))?;
    }
    printer.line("details: hirewire workflow show RUN")?;
    Ok(good)
}

/// Tells of every finished action: to people at once, to programs at the end.
fn watcher(global: &Global, seen: &Arc<Mutex<Vec<(String, Value)>>>) -> Watch {
    let (seen, json) = (Arc::clone(seen), global.output == Output::Json);
    Arc::new(move |run: &str, record: &ActionRecord| {
        if json {
            // A loop over very many people is read from the history instead.
            let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() < 10_000 {
                let shown = json!({ "name": record.name, "repetition": record.repetition, "status": record.status.word(),
                                    "code": record.code, "retries": record.retries.len() });
                all.push((run.to_owned(), shown));
            }
            return;
        }
        let place = if record.repetition.is_empty() {
            record.name.clone()
        } else {
            format!("{} [{}]", record.name, record.repetition_name())
        };
        let colour = match record.status {
            Status::Succeeded => Colour::Good,
            Status::Skipped => Colour::Quiet,
            _ => Colour::Bad,
        };
        say(&format!(
            "  {:9} {place} {}",
            coloured(record.status.word(), colour),
            record.code.as_deref().unwrap_or_default()
        ));
    })
}

/// Waits until the job's inbox is empty. Gives how many operations were worked off.
fn drain(context: &Context, service: &Arc<LocalService>, key: JobKey) -> Result<u64, Report> {
    let store = &context.store;
    let first = store.queue_state(key)?.waiting;
    let job = store.job_by_key(key)?;
    if job.schedule != ScheduleState::Active || job.status == StatusCode::Quarantine {
        if first > 0 {
            say(&format!("{first} uploaded operations wait: the job is paused or in quarantine"));
        }
        return Ok(0);
    }
    service.resume().map_err(|error| Report::new(error.to_string()))?;
    let mut left = first;
    let mut since = Instant::now();
    while left > 0 && since.elapsed() < STANDSTILL {
        std::thread::sleep(LOOK);
        let now = store.queue_state(key)?.waiting;
        if now != left {
            (left, since) = (now, Instant::now());
        }
    }
    // The worker ends what it is doing before it says that it has ended.
    service.retire(&job).map_err(|error| Report::new(error.to_string()))?;
    if left > 0 {
        say(&format!("{left} uploaded operations wait: `hirewire logs` tells why"));
    }
    Ok(first - left)
}

fn read_input(path: &Path) -> Result<Value, Report> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        let path = session::path(path);
        bytes = std::fs::read(&path).map_err(|error| report::file(&path, "read", &error))?;
    }
    let text = hirewire_workflow::definition::read_text(&bytes)
        .map_err(|error| Report::new(error.to_string()).at(path))?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// `--param NAME=VALUE` as pairs.
fn given(parameters: &[String]) -> Result<Vec<(String, String)>, Report> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Report::new(format!("`{text}` gives no value")).help("write --param NAME=VALUE")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    parameters.iter().map(pair).collect()
}

fn deployment<'h>(host: &'h Host, found: &[Found], name: &str) -> Result<&'h Arc<Deployment>, Report> {
    if let Some(deployment) = host.deployment(name) {
        return Ok(deployment);
    }
    if let Some(broken) = found.iter().find(|f| same_name(&f.name, name)) {
        let mut report = Report::new(format!("the workflow `{}` cannot run", broken.name)).at(&broken.path);
        for finding in
            broken.findings.iter().filter(|f| f.severity == hirewire_workflow::definition::Severity::Error)
        {
            report = report.note(format!("{}: {} ({})", finding.path, finding.message, finding.help));
        }
        return Err(report.help("`hirewire workflow validate` shows everything"));
    }
    Err(no_workflow(name, found.iter().map(|f| f.name.as_str())))
}

fn no_workflow<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Report {
    let known: Vec<&str> = known.collect();
    let report = Report::new(format!("there is no workflow `{name}`"));
    match crate::project::nearest(name, &known) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => {
            report.help("put a definition into workflows/, or begin with `hirewire workflow new`")
        }
        None => report.help(format!("workflows of this project: {}", known.join(", "))),
    }
}

fn pick_trigger<'t>(triggers: &'t [Trigger], wanted: Option<&str>) -> Result<&'t Trigger, Report> {
    let names = || triggers.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
    match wanted {
        Some(name) => triggers.iter().find(|t| same_name(&t.name, name)).ok_or_else(|| {
            Report::new(format!("there is no trigger `{name}`")).help(format!("triggers: {}", names()))
        }),
        None if triggers.len() == 1 => Ok(&triggers[0]),
        None if triggers.is_empty() => Err(Report::new("the workflow has no trigger")),
        None => Err(Report::new("the workflow has several triggers")
            .help(format!("say which: --trigger NAME; triggers: {}", names()))),
    }
}

fn moment(ticks: i64) -> String {
    DateTime { ticks, kind: Kind::Utc }.round_trip()
}

/// A moment for people: seconds are enough.
fn short(ticks: i64) -> String {
    moment(ticks).chars().take(19).collect::<String>().replace('T', " ")
}

fn lasted(start: i64, end: i64) -> String {
    format!("{:.3} s", (end - start).max(0) as f64 / 10_000_000.0)
}

/// Names of all workflows that are or were here.
fn names(context: &Context, found: &[Found]) -> Result<Vec<String>, Report> {
    let mut names: Vec<String> = found.iter().map(|f| f.name.to_lowercase()).collect();
    for log in context.store.workflow_runs("runs:", None, 1_000)? {
        names.push(log.run["runs:".len()..].to_owned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn all_found(context: &Context) -> Result<Vec<Found>, Report> {
    workflows::find(&workflows::knowledge(&context.project))
}

/// The run of an id or of the beginning of one.
fn find_run(context: &Context, found: &[Found], id: &str) -> Result<RunSummary, Report> {
    let logbook = workflows::logbook(&context.store);
    let mut fitting = Vec::new();
    for name in names(context, found)? {
        if let Some(summary) = hirewire_workflow::host::summary(logbook.as_ref(), &name, id)? {
            return Ok(summary);
        }
        let recent = runs_of(logbook.as_ref(), &name, None, 1_000)?;
        fitting.extend(recent.into_iter().filter(|run| run.run.starts_with(id) || run.run.ends_with(id)));
    }
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(Report::new(format!("there is no run `{id}`")).help("`hirewire workflow runs` lists them")),
        _ => Err(Report::new(format!("`{id}` fits several runs")).help("give more of the id")),
    }
}

/// Lists runs.
pub(crate) fn runs(
    global: &Global,
    name: Option<&str>,
    status: Option<&str>,
    top: usize,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let status = match status {
        None => None,
        Some(word) => Some(Status::from_word(word).ok_or_else(|| {
            Report::new(format!("`{word}` is no status"))
                .help("Running, Succeeded, Failed, Cancelled, TimedOut, Skipped")
        })?),
    };
    let found = all_found(&context)?;
    let known = names(&context, &found)?;
    if let Some(name) = name.filter(|name| !known.contains(&name.to_lowercase())) {
        return Err(no_workflow(name, found.iter().map(|f| f.name.as_str())));
    }
    let logbook = workflows::logbook(&context.store);
    let mut all = Vec::new();
    for known in known.iter().filter(|known| name.is_none_or(|name| same_name(name, known))) {
        let mut before: Option<String> = None;
        let mut fitting = 0;
        while fitting < top {
            let page = runs_of(logbook.as_ref(), known, before.as_deref(), 250)?;
            before = page.last().map(|run| run.run.clone());
            let last = page.len() < 250;
            let fits = page.into_iter().filter(|run| status.is_none_or(|s| s == run.status));
            let fits: Vec<RunSummary> = fits.take(top - fitting).collect();
            fitting += fits.len();
            all.extend(fits);
            if last {
                break;
            }
        }
    }
    all.sort_by(|a, b| b.run.cmp(&a.run));
    all.truncate(top);
    if global.output == Output::Json {
        let list: Vec<Value> = all
            .iter()
            .map(|run| {
                json!({ "run": run.run, "workflow": run.workflow, "trigger": run.trigger, "status": run.status.word(),
                        "startTime": moment(run.start), "endTime": run.end.map(moment), "error": run.error,
                        "clientTrackingId": run.client_tracking_id, "version": run.version })
            })
            .collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(true);
    }
    let rows = all.iter().map(|run| {
        let error = run.error.as_ref().and_then(|e| e["message"].as_str()).unwrap_or_default();
        vec![
            run.run.clone(),
            run.workflow.clone(),
            run.trigger.clone(),
            run.status.word().into(),
            short(run.start),
            run.end.map(|end| lasted(run.start, end)).unwrap_or_default(),
            error.to_owned(),
        ]
    });
    printer.table(&["run", "workflow", "trigger", "status", "start", "lasted", "error"], rows)?;
    Ok(true)
}

/// Shows one run.
pub(crate) fn show(
    global: &Global,
    id: &str,
    action: Option<&str>,
    skip: usize,
    top: usize,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let summary = find_run(&context, &all_found(&context)?, id)?;
    let logbook: Arc<dyn Logbook> = workflows::logbook(&context.store);
    let deployment = kept_deployment(logbook.as_ref(), &summary)?;
    let selection = Selection { action: action.map(str::to_owned), status: None, skip, top: Some(top) };
    let history = read_history(
        &LogbookJournal(logbook),
        &summary.run,
        &deployment.workflow,
        &deployment.options,
        &selection,
    )
    .map_err(|error| Report::new(error.to_string()))?;
    let base = format!("/workflows/{}", summary.workflow);
    if global.output == Output::Json {
        let secrets = secret_texts(&deployment.workflow, &deployment.options.parameters);
        let mut run = history.to_json(&base, &deployment.workflow);
        run["properties"]["status"] = json!(summary.status.word());
        run["properties"]["startTime"] = json!(moment(summary.start));
        run["actions"] = history.actions_to_json(&base)["value"].clone();
        let shown = hirewire_workflow::history::hide(&run, &secrets);
        printer.json(&shown)?;
        return Ok(true);
    }
    let colour = match summary.status {
        Status::Succeeded => Colour::Good,
        Status::Running | Status::Waiting => Colour::Warning,
        _ => Colour::Bad,
    };
    printer.line(&format!("run       {}", summary.run))?;
    printer.line(&format!("workflow  {} (version {})", summary.workflow, summary.version))?;
    printer.line(&format!("trigger   {}", summary.trigger))?;
    printer.line(&format!("status    {}", coloured(summary.status.word(), colour)))?;
    printer.line(&format!("start     {}", short(summary.start)))?;
    if let Some(end) = summary.end {
        printer.line(&format!("lasted    {}", lasted(summary.start, end)))?;
    }
    if let Some(error) = summary.error.as_ref().and_then(|e| e["message"].as_str()) {
        printer.line(&format!("error     {error}"))?;
    }
    if let Some(name) = action {
        for record in &history.actions {
            printer.line("")?;
            printer.json(record)?;
        }
        if history.actions.is_empty() {
            printer.line(&format!("the action `{name}` did not run"))?;
        }
        return Ok(true);
    }
    let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let rows = history.actions.iter().map(|record| {
        let error = record.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let retries = record["retryHistory"].as_array().map_or(0, Vec::len);
        vec![
            text(record, "name"),
            text(record, "repetition"),
            text(record, "status"),
            text(record, "code"),
            text(record, "startTime").chars().skip(11).take(12).collect(),
            text(record, "endTime").chars().skip(11).take(12).collect(),
            if retries > 0 { retries.to_string() } else { String::new() },
            error.to_owned(),
        ]
    });
    printer.table(&["action", "iteration", "status", "code", "start", "end", "retries", "error"], rows)?;
    if history.total > skip + history.actions.len() {
        printer.line(&format!("{} records in all; --skip and --top page through them", history.total))?;
    }
    Ok(true)
}

/// Lists when triggers fired.
pub(crate) fn firings(
    global: &Global,
    name: &str,
    top: usize,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let found = all_found(&context)?;
    let workflow = found.iter().find(|f| same_name(&f.name, name));
    let Some(workflow) = workflow else {
        return Err(no_workflow(name, found.iter().map(|f| f.name.as_str())));
    };
    let logbook = workflows::logbook(&context.store);
    let mut all = Vec::new();
    let triggers = workflow.deployment.as_ref().map(|d| d.workflow.triggers.as_slice()).unwrap_or_default();
    for trigger in triggers {
        let list = firings_of(logbook.as_ref(), &workflow.name, &trigger.name, None, top)?;
        all.extend(list.into_iter().map(|firing| (trigger.name.clone(), firing)));
    }
    all.sort_by(|a, b| b.1.name.cmp(&a.1.name));
    all.truncate(top);
    if global.output == Output::Json {
        let base = format!("/workflows/{}", workflow.name);
        let list: Vec<Value> = all.iter().map(|(trigger, firing)| firing.to_json(&base, trigger)).collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(true);
    }
    let rows = all.iter().map(|(trigger, firing)| {
        vec![
            short(firing.at),
            trigger.clone(),
            firing.status.word().into(),
            firing.runs.first().cloned().unwrap_or_default(),
            firing.error.clone().unwrap_or_default(),
        ]
    });
    printer.table(&["time", "trigger", "status", "run", "error"], rows)?;
    Ok(true)
}

/// Prints the signed URL of a trigger.
pub(crate) fn callback_url(
    global: &Global,
    name: &str,
    trigger: Option<&str>,
    printer: &mut Printer,
) -> Result<bool, Report> {
    let context = Context::open_for_reading(global)?;
    let found = all_found(&context)?;
    let Some(workflow) = found.iter().find(|f| same_name(&f.name, name)) else {
        return Err(no_workflow(name, found.iter().map(|f| f.name.as_str())));
    };
    let Some(deployment) = &workflow.deployment else {
        return Err(Report::new(format!("the workflow `{}` has errors", workflow.name))
            .at(&workflow.path)
            .help("`hirewire workflow validate` shows them"));
    };
    let waiting: Vec<Trigger> = deployment
        .workflow
        .triggers
        .iter()
        .filter(|t| matches!(t.kind.as_str(), "request" | "manual" | "httpwebhook"))
        .cloned()
        .collect();
    if waiting.is_empty() {
        return Err(Report::new(format!("no trigger of `{}` has a URL", workflow.name))
            .help("triggers of type Request and HttpWebhook have one"));
    }
    let trigger = pick_trigger(&waiting, trigger)?;
    let keys = match callback_keys(workflows::logbook(&context.store).as_ref(), deployment.name()) {
        Ok(keys) => keys,
        // The keys are made at first use, which needs a pen.
        Err(_) => {
            drop(context);
            let context = Context::open(global)?;
            callback_keys(workflows::logbook(&context.store).as_ref(), deployment.name())?
        }
    };
    let base = workflows::public_base(&crate::project::Project::open(&global.project)?);
    let url = keys.url(&base, deployment.name(), trigger);
    if global.output == Output::Json {
        printer.json(&url.to_json(&trigger.name))?;
    } else {
        printer.line(&url.value)?;
    }
    Ok(true)
}
