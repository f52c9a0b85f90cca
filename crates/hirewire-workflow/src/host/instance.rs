//! The host: all workflows of a project in one process, their runs started, queued, driven on and remembered.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::{mpsc, oneshot};

use super::deployment::Deployment;
use super::driver::{Drive, Driver, Observer, Signal};
use super::kept::{
    ACTIVE, RunSummary, callback_keys, child_log, firings_log, kept_deployment, parse, run_seq, runs,
    runs_log, summary,
};
use super::logbook::{LogEntry, Logbook, LogbookJournal, run_log};
use super::outside::{Children, Connector, Outside, Reply};
use crate::bind::{Firing, fire};
use crate::definition::{Status, Trigger};
use crate::expression::same_name;
use crate::history::{TriggerFiring, new_run_id};
use crate::run::{ActionRecord, Answer, Response, RunOptions, RunResult, Start, TriggerRecord};
use crate::trigger::{CallbackKeys, CallbackUrl};

/// Runs of one trigger without a limit of its own that are driven at a time; more wait in the queue.
const MOST_LIVE: usize = 1_000;
/// Default of `concurrency.runs` and of the queue behind it (`spec/workflows.md` §7).
const DEFAULT_WAITING: usize = 10;
/// Elements that `splitOn` may give while concurrency is limited.
const MOST_SPLIT: usize = 100_000;

/// What the caller of a run waits for.
#[derive(Debug, Clone)]
pub enum RunAnswer {
    /// A Response action answered.
    Response(Response),
    /// The run ended without one.
    Ended(Status),
}

/// Events of a trigger that may start runs.
pub(crate) struct Happening {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) trigger: Trigger,
    /// Trigger outputs, one per firing.
    pub(crate) outputs: Vec<Json>,
    pub(crate) scheduled: Option<i64>,
    pub(crate) tracking: Option<String>,
    /// What becomes durable together with the runs.
    pub(crate) also: Vec<LogEntry>,
    /// Told the answer of the only run.
    pub(crate) waiter: Option<oneshot::Sender<RunAnswer>>,
    /// Names the call of a parent run, so that the call made again finds its child.
    pub(crate) child: Option<String>,
}

impl Happening {
    pub(crate) fn new(deployment: &Arc<Deployment>, trigger: &Trigger, outputs: Vec<Json>) -> Self {
        Self {
            deployment: Arc::clone(deployment),
            trigger: trigger.clone(),
            outputs,
            scheduled: None,
            tracking: None,
            also: Vec::new(),
            waiter: None,
            child: None,
        }
    }
}

/// What came of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Name of the (last) entry in the trigger's history.
    pub history: String,
    /// The runs that were started.
    pub runs: Vec<String>,
    /// Why a firing failed.
    pub error: Option<String>,
}

struct Queued {
    deployment: Arc<Deployment>,
    run: String,
}

#[derive(Default)]
struct Lane {
    running: usize,
    waiting: VecDeque<Queued>,
}

/// Sees every finished action of every run.
pub type Watch = Arc<dyn Fn(&str, &ActionRecord) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) deployments: Vec<Arc<Deployment>>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) connections: HashMap<String, Arc<dyn Connector>>,
    pub(crate) logbook: Arc<dyn Logbook>,
    pub(crate) driver: Driver,
    pub(crate) base_id: String,
    public_base: RwLock<String>,
    watch: Option<Watch>,
    keys: Mutex<HashMap<String, CallbackKeys>>,
    live: Mutex<HashMap<String, mpsc::Sender<Signal>>>,
    waiters: Mutex<HashMap<String, Vec<oneshot::Sender<RunAnswer>>>>,
    lanes: Mutex<HashMap<String, Lane>>,
    versions: Mutex<HashSet<String>>,
    last_seq: AtomicI64,
    pub(crate) tasks: Mutex<HashMap<String, Vec<tokio::task::AbortHandle>>>,
    pub(crate) seen: Mutex<HashMap<String, HashMap<String, i64>>>,
}

/// All workflows of a project, running.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

/// What a host is made of.
pub struct HostParts {
    /// The workflows.
    pub deployments: Vec<Deployment>,
    /// Adapters by connection name, for triggers that poll; actions reach them through the outside.
    pub connections: HashMap<String, Arc<dyn Connector>>,
    /// Durable memory.
    pub logbook: Arc<dyn Logbook>,
    /// URL under which this process is reached, without the last slash.
    pub public_base: String,
    /// Resource id of the folder of workflows, without the last slash.
    pub base_id: String,
    /// Sees every finished action.
    pub watch: Option<Watch>,
}

/// Starts child workflows in the host that it belongs to.
struct HostChildren(Weak<Inner>);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// A host; `outside` is made with the door to child workflows. Nothing runs before [`Host::resume`] and
    /// [`Host::arm`](Self::arm).
    ///
    /// # Errors
    /// A logbook that cannot be read.
    pub fn new(
        parts: HostParts,
        outside: impl FnOnce(Arc<dyn Children>) -> Arc<dyn Outside>,
    ) -> io::Result<Self> {
        for deployment in &parts.deployments {
            if parts.logbook.get(&format!("disabled:{}", deployment.name()), 0)?.is_some() {
                deployment.set_enabled(false);
            }
        }
        let inner = Arc::new_cyclic(|weak: &Weak<Inner>| {
            let outside = outside(Arc::new(HostChildren(weak.clone())));
            let journal = Arc::new(LogbookJournal(Arc::clone(&parts.logbook)));
            Inner {
                deployments: parts.deployments.into_iter().map(Arc::new).collect(),
                driver: Driver::new(Arc::clone(&outside), journal),
                outside,
                connections: parts.connections,
                logbook: parts.logbook,
                base_id: parts.base_id,
                public_base: RwLock::new(parts.public_base),
                watch: parts.watch,
                keys: Mutex::default(),
                live: Mutex::default(),
                waiters: Mutex::default(),
                lanes: Mutex::default(),
                versions: Mutex::default(),
                last_seq: AtomicI64::new(0),
                tasks: Mutex::default(),
                seen: Mutex::default(),
            }
        });
        Ok(Self(inner))
    }

    /// The workflows.
    pub fn deployments(&self) -> &[Arc<Deployment>] {
        &self.0.deployments
    }

    /// A workflow by name, without regard to case.
    pub fn deployment(&self, name: &str) -> Option<&Arc<Deployment>> {
        self.0.deployments.iter().find(|d| same_name(d.name(), name))
    }

    /// Sets the URL under which this process is reached, once it is known.
    pub fn set_public_base(&self, base: &str) {
        *self.0.public_base.write().unwrap_or_else(PoisonError::into_inner) =
            base.trim_end_matches('/').to_owned();
    }

    pub(crate) fn public_base(&self) -> String {
        self.0.public_base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.outside.now()
    }

    /// A number larger than every one before, near the moment in ticks.
    pub(crate) fn next_seq(&self) -> i64 {
        let now = self.now();
        let before = self
            .0
            .last_seq
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last.saturating_add(1))));
        now.max(before.unwrap_or(0).saturating_add(1))
    }

    /// The two keys of a workflow's URLs; made at first use.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn keys(&self, workflow: &str) -> io::Result<CallbackKeys> {
        if let Some(keys) = lock(&self.0.keys).get(workflow) {
            return Ok(keys.clone());
        }
        let keys = callback_keys(self.0.logbook.as_ref(), workflow)?;
        lock(&self.0.keys).insert(workflow.to_owned(), keys.clone());
        Ok(keys)
    }

    /// Makes a new primary or secondary key; URLs signed with the old one end.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn regenerate_key(&self, workflow: &str, secondary: bool) -> io::Result<()> {
        let mut keys = self.keys(workflow)?;
        let fresh = if secondary { &mut keys.secondary } else { &mut keys.primary };
        getrandom::fill(fresh).map_err(|e| io::Error::other(e.to_string()))?;
        let bytes = [keys.primary.as_slice(), keys.secondary.as_slice()].concat();
        self.0.logbook.put_secret(&format!("keys/{workflow}"), &bytes)?;
        lock(&self.0.keys).insert(workflow.to_owned(), keys);
        Ok(())
    }

    /// The URL that fires a Request or HttpWebhook trigger.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn callback_url(&self, workflow: &str, trigger: &Trigger) -> io::Result<CallbackUrl> {
        Ok(self.keys(workflow)?.url(&self.public_base(), workflow, trigger))
    }

    /// Enables or disables a workflow's triggers, for good.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn set_enabled(&self, deployment: &Arc<Deployment>, enabled: bool) -> io::Result<()> {
        let log = format!("disabled:{}", deployment.name());
        let entry = if enabled {
            LogEntry::remove(log, 0)
        } else {
            LogEntry { log, seq: 0, bytes: Some(b"1".to_vec()) }
        };
        self.0.logbook.put(vec![entry])?;
        deployment.set_enabled(enabled);
        if enabled {
            self.arm_one(deployment)
        } else {
            self.disarm(deployment)
        }
        Ok(())
    }

    /// Whether a trigger takes no more events: its runs and its queue are full.
    pub(crate) fn is_full(&self, deployment: &Deployment, trigger: &Trigger) -> bool {
        let Some(runs) = trigger.concurrency else { return false };
        let waiting = trigger.maximum_waiting.map_or(DEFAULT_WAITING + runs as usize, |w| w as usize);
        let lanes = lock(&self.0.lanes);
        let lane = lanes.get(&lane_name(deployment, &trigger.name));
        lane.is_some_and(|lane| lane.running >= runs as usize && lane.waiting.len() >= waiting)
    }

    /// Applies conditions and `splitOn`, makes the runs durable, and starts them.
    ///
    /// # Errors
    /// A logbook that fails; nothing happened then.
    pub(crate) fn happen(&self, happening: Happening) -> io::Result<Fired> {
        let Happening { deployment, trigger, outputs, scheduled, tracking, also, waiter, child } = happening;
        let mut entries = also;
        let mut fired = Fired { history: String::new(), runs: Vec::new(), error: None };
        self.keep_version(&deployment)?;
        for outputs in &outputs {
            let now = self.now();
            let mut firing = TriggerFiring {
                name: new_run_id(self.next_seq(), self.0.outside.random()),
                at: now,
                status: Status::Succeeded,
                runs: Vec::new(),
                error: None,
            };
            let outcome = match fire(&deployment.workflow, &trigger, outputs, &deployment.options, now) {
                Firing::Runs(list) if trigger.split_on.is_some() && list.len() > split_limit(&trigger) => {
                    Firing::Failed(format!(
                        "splitOn gave {} elements, more than the limit of {}",
                        list.len(),
                        split_limit(&trigger)
                    ))
                }
                other => other,
            };
            match outcome {
                Firing::Runs(list) => {
                    for outputs in list {
                        let seq = self.next_seq();
                        let run = new_run_id(seq, self.0.outside.random());
                        let tracking = tracking.clone().unwrap_or_else(|| run.clone());
                        let record = TriggerRecord {
                            name: trigger.name.clone(),
                            outputs,
                            scheduled,
                            client_tracking_id: tracking.clone(),
                        };
                        let start =
                            Start { run: run.clone(), base_id: self.0.base_id.clone(), trigger: record };
                        let summary = RunSummary {
                            run: run.clone(),
                            workflow: deployment.name().to_owned(),
                            trigger: trigger.name.clone(),
                            version: deployment.version.clone(),
                            status: Status::Running,
                            start: now,
                            end: None,
                            error: None,
                            client_tracking_id: tracking,
                        };
                        entries.push(LogEntry::json(run_log(&run), 0, &start)?);
                        entries.push(LogEntry::json(runs_log(deployment.name()), seq, &summary)?);
                        entries.push(LogEntry::json(ACTIVE, seq, &summary)?);
                        if let Some(child) = &child {
                            entries.push(LogEntry::json(child_log(child), 0, &run)?);
                        }
                        // One firing names its first run; all of them would make the entry as long as the list.
                        if firing.runs.is_empty() {
                            firing.runs.push(run.clone());
                        }
                        fired.runs.push(run);
                    }
                }
                Firing::Skipped => firing.status = Status::Skipped,
                Firing::Failed(message) => {
                    firing.status = Status::Failed;
                    firing.error = Some(message.clone());
                    fired.error = Some(message);
                }
            }
            fired.history.clone_from(&firing.name);
            let seq = run_seq(&firing.name);
            entries.push(LogEntry::json(firings_log(deployment.name(), &trigger.name), seq, &firing)?);
        }
        self.0.logbook.put(entries)?;
        if let (Some(waiter), Some(run)) = (waiter, fired.runs.first()) {
            self.wait_for(run, waiter);
        }
        for run in &fired.runs {
            self.enqueue(&deployment, &trigger.name, run.clone());
        }
        Ok(fired)
    }

    /// Notes that a trigger could not look for events.
    pub(crate) fn note_failure(
        &self,
        deployment: &Deployment,
        trigger: &Trigger,
        message: String,
        also: Vec<LogEntry>,
    ) -> io::Result<()> {
        let seq = self.next_seq();
        let firing = TriggerFiring {
            name: new_run_id(seq, self.0.outside.random()),
            at: self.now(),
            status: Status::Failed,
            runs: Vec::new(),
            error: Some(message),
        };
        let mut entries = also;
        entries.push(LogEntry::json(firings_log(deployment.name(), &trigger.name), seq, &firing)?);
        self.0.logbook.put(entries)
    }

    fn keep_version(&self, deployment: &Deployment) -> io::Result<()> {
        if lock(&self.0.versions).contains(&deployment.version) {
            return Ok(());
        }
        let name = format!("version/{}", deployment.version);
        if self.0.logbook.secret(&name)?.is_none() {
            let bytes = serde_json::to_vec(&deployment.kept()).map_err(io::Error::other)?;
            self.0.logbook.put_secret(&name, &bytes)?;
        }
        lock(&self.0.versions).insert(deployment.version.clone());
        Ok(())
    }

    /// The workflow in the version that a run began with.
    ///
    /// # Errors
    /// A logbook that fails or does not hold the version.
    pub fn deployment_of(&self, summary: &RunSummary) -> io::Result<Arc<Deployment>> {
        if let Some(found) = self.0.deployments.iter().find(|d| d.version == summary.version) {
            return Ok(Arc::clone(found));
        }
        kept_deployment(self.0.logbook.as_ref(), summary).map(Arc::new)
    }

    /// Drives on what was running when the process ended. Gives how many runs.
    ///
    /// # Errors
    /// A logbook that fails. A run whose version is not kept any more is noted as failed.
    pub fn resume(&self) -> io::Result<usize> {
        let active = self.0.logbook.read(ACTIVE)?;
        let mut count = 0;
        for (_, bytes) in active {
            let summary: RunSummary = parse(&bytes)?;
            match self.deployment_of(&summary) {
                Ok(deployment) => {
                    count += 1;
                    self.enqueue(&deployment, &summary.trigger, summary.run.clone());
                }
                Err(error) => {
                    let failed = RunResult {
                        status: Status::Failed,
                        error: Some(json!({"code": "WorkflowNotFound", "message": error.to_string()})),
                        outputs: Map::new(),
                    };
                    self.note_end(&summary, &failed, false)?;
                }
            }
        }
        Ok(count)
    }

    fn enqueue(&self, deployment: &Arc<Deployment>, trigger: &str, run: String) {
        let name = lane_name(deployment, trigger);
        let queued = Queued { deployment: Arc::clone(deployment), run };
        lock(&self.0.lanes).entry(name.clone()).or_default().waiting.push_back(queued);
        self.pump(&name, deployment, trigger);
    }

    /// Starts what may run of a lane.
    fn pump(&self, name: &str, deployment: &Arc<Deployment>, trigger: &str) {
        let limit = deployment.workflow.trigger(trigger).and_then(|t| t.concurrency);
        let limit = limit.map_or(MOST_LIVE, |n| n as usize);
        loop {
            let next = {
                let mut lanes = lock(&self.0.lanes);
                let Some(lane) = lanes.get_mut(name) else { return };
                if lane.running >= limit {
                    return;
                }
                let Some(next) = lane.waiting.pop_front() else { return };
                lane.running += 1;
                next
            };
            let (host, name, trigger) = (self.clone(), name.to_owned(), trigger.to_owned());
            tokio::spawn(async move {
                host.drive(&next.deployment, &next.run).await;
                if let Some(lane) = lock(&host.0.lanes).get_mut(&name) {
                    lane.running -= 1;
                }
                host.pump(&name, &next.deployment, &trigger);
            });
        }
    }

    async fn drive(&self, deployment: &Arc<Deployment>, run: &str) {
        let (send, receive) = mpsc::channel(16);
        lock(&self.0.live).insert(run.to_owned(), send);
        let options =
            RunOptions { callback_base: self.callback_base(deployment, run), ..deployment.options.clone() };
        let drive = Drive { workflow: Arc::clone(&deployment.workflow), options, signals: Some(receive) };
        let mut observer = RunObserver { host: self, run };
        let result = self.0.driver.go_on(run, drive, &mut observer).await;
        lock(&self.0.live).remove(run);
        let status = match result {
            Ok(result) => {
                let noted = self.summary(deployment.name(), run).and_then(|summary| match summary {
                    Some(summary) => self.note_end(&summary, &result, deployment.stateless),
                    None => Ok(()),
                });
                if let Err(error) = noted {
                    tracing::error!(workflow = deployment.name(), run, %error, "the end of a run cannot be noted");
                }
                result.status
            }
            Err(error) => {
                tracing::error!(workflow = deployment.name(), run, %error, "a run cannot go on now; it goes on after a restart");
                Status::Failed
            }
        };
        self.tell(run, &RunAnswer::Ended(status));
    }

    fn callback_base(&self, deployment: &Deployment, run: &str) -> String {
        let name = deployment.name();
        let signature = self.keys(name).map(|keys| keys.signature(name, &format!("runs/{run}")));
        format!(
            "{}/workflows/{}/runs/{{run}}/actions/{{action}}/callback?sig={}",
            self.public_base(),
            crate::expression::percent_encode(name),
            signature.unwrap_or_default()
        )
    }

    fn note_end(&self, summary: &RunSummary, result: &RunResult, stateless: bool) -> io::Result<()> {
        let seq = summary.seq();
        let log = runs_log(&summary.workflow);
        if stateless {
            self.0.logbook.put(vec![LogEntry::remove(log, seq), LogEntry::remove(ACTIVE, seq)])?;
            return self.0.logbook.drop_log(&run_log(&summary.run));
        }
        let ended = RunSummary {
            status: result.status,
            error: result.error.clone(),
            end: Some(self.now()),
            ..summary.clone()
        };
        self.0.logbook.put(vec![LogEntry::json(log, seq, &ended)?, LogEntry::remove(ACTIVE, seq)])
    }

    /// A run of a workflow as lists show it.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn summary(&self, workflow: &str, run: &str) -> io::Result<Option<RunSummary>> {
        summary(self.0.logbook.as_ref(), workflow, run)
    }

    /// Runs of a workflow, newest first, older than `before`.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn runs(&self, workflow: &str, before: Option<&str>, limit: usize) -> io::Result<Vec<RunSummary>> {
        runs(self.0.logbook.as_ref(), workflow, before, limit)
    }

    /// Sends a signal to a live run; false where it does not run.
    pub async fn signal(&self, run: &str, signal: Signal) -> bool {
        let sender = lock(&self.0.live).get(run).cloned();
        match sender {
            Some(sender) => sender.send(signal).await.is_ok(),
            None => false,
        }
    }

    /// Waits for a run's answer: the first Response, or its end.
    pub(crate) fn wait_for(&self, run: &str, waiter: oneshot::Sender<RunAnswer>) {
        lock(&self.0.waiters).entry(run.to_owned()).or_default().push(waiter);
    }

    fn tell(&self, run: &str, answer: &RunAnswer) {
        for waiter in lock(&self.0.waiters).remove(run).unwrap_or_default() {
            let _ = waiter.send(answer.clone());
        }
    }

    /// Starts a run with the trigger outputs of an earlier one and the current definition (`spec/workflows.md` §14.2).
    ///
    /// # Errors
    /// A logbook that fails, or a run, workflow or trigger that is not there.
    pub fn resubmit(&self, workflow: &str, run: &str) -> io::Result<String> {
        let missing = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
        let deployment = self.deployment(workflow).ok_or_else(|| missing("there is no such workflow"))?;
        let first = self.0.logbook.get(&run_log(run), 0)?.ok_or_else(|| missing("there is no such run"))?;
        let start: Start = parse(&first)?;
        let trigger = deployment
            .workflow
            .trigger(&start.trigger.name)
            .ok_or_else(|| missing("the definition has no such trigger any more"))?;
        // Conditions and `splitOn` were applied when the run began.
        let trigger = Trigger { conditions: Vec::new(), split_on: None, ..trigger.clone() };
        let mut happening = Happening::new(deployment, &trigger, vec![start.trigger.outputs]);
        happening.scheduled = start.trigger.scheduled;
        happening.tracking = Some(start.trigger.client_tracking_id);
        let fired = self.happen(happening)?;
        fired.runs.into_iter().next().ok_or_else(|| io::Error::other("no run was started"))
    }

    /// Deletes histories that are older than some days. Gives how many runs went.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn forget_older_than(&self, days: u32) -> io::Result<usize> {
        const DAY: i64 = 86_400 * 10_000_000;
        self.forget_before(self.now().saturating_sub(i64::from(days).saturating_mul(DAY)))
    }

    /// Deletes histories of runs that ended before a moment in ticks. Gives how many.
    ///
    /// # Errors
    /// A logbook that fails.
    pub fn forget_before(&self, moment: i64) -> io::Result<usize> {
        let mut count = 0;
        for deployment in &self.0.deployments {
            let old = self.0.logbook.newest(&runs_log(deployment.name()), Some(moment), usize::MAX >> 1)?;
            for (seq, bytes) in old {
                let summary: RunSummary = parse(&bytes)?;
                if summary.end.is_none() {
                    continue;
                }
                self.0.logbook.put(vec![LogEntry::remove(runs_log(deployment.name()), seq)])?;
                self.0.logbook.drop_log(&run_log(&summary.run))?;
                count += 1;
            }
            for trigger in &deployment.workflow.triggers {
                let log = firings_log(deployment.name(), &trigger.name);
                let old = self.0.logbook.newest(&log, Some(moment), usize::MAX >> 1)?;
                let gone = old.into_iter().map(|(seq, _)| LogEntry::remove(log.clone(), seq)).collect();
                self.0.logbook.put(gone)?;
            }
        }
        Ok(count)
    }
}

fn lane_name(deployment: &Deployment, trigger: &str) -> String {
    format!("{}:{}", deployment.name().to_lowercase(), trigger.to_lowercase())
}

fn split_limit(trigger: &Trigger) -> usize {
    if trigger.concurrency.is_some() { 100 } else { MOST_SPLIT }
}

struct RunObserver<'h> {
    host: &'h Host,
    run: &'h str,
}

impl Observer for RunObserver<'_> {
    fn record(&mut self, record: &ActionRecord, replayed: bool) {
        if let (Some(watch), false) = (&self.host.0.watch, replayed) {
            watch(self.run, record);
        }
    }

    fn respond(&mut self, response: &Response, _replayed: bool) {
        self.host.tell(self.run, &RunAnswer::Response(response.clone()));
    }
}

impl Children for HostChildren {
    fn call<'a>(
        &'a self,
        key: &'a str,
        workflow: &'a str,
        trigger: &'a str,
        headers: Map<String, Json>,
        body: Option<Json>,
    ) -> Reply<'a, Answer> {
        Box::pin(async move {
            let Some(inner) = self.0.upgrade() else {
                return fault("WorkflowRunStopped", "the instance ends".into());
            };
            Host(inner).call_child(key, workflow, trigger, headers, body).await
        })
    }
}

fn fault(code: &str, message: String) -> Answer {
    Answer::Fault { code: code.into(), message, retry: false }
}

impl Host {
    async fn call_child(
        &self,
        key: &str,
        workflow: &str,
        trigger: &str,
        headers: Map<String, Json>,
        body: Option<Json>,
    ) -> Answer {
        let Some(deployment) = self.deployment(workflow) else {
            return fault(
                "WorkflowNotFound",
                format!("The workflow '{workflow}' is not part of this project."),
            );
        };
        let triggers = &deployment.workflow.triggers;
        let found = triggers.iter().find(|t| {
            matches!(t.kind.as_str(), "request" | "manual")
                && (trigger.is_empty() || same_name(&t.name, trigger))
        });
        let Some(found) = found else {
            return fault(
                "WorkflowTriggerNotFound",
                format!("The workflow '{workflow}' has no Request trigger '{trigger}'."),
            );
        };
        let (send, receive) = oneshot::channel();
        let started = match self.0.logbook.get(&child_log(key), 0) {
            Ok(Some(bytes)) => self.attach(deployment, &bytes, send),
            Ok(None) => {
                let mut outputs = Map::new();
                outputs.insert("headers".into(), Json::Object(headers));
                if let Some(body) = body {
                    outputs.insert("body".into(), body);
                }
                let mut happening = Happening::new(deployment, found, vec![Json::Object(outputs)]);
                happening.child = Some(key.to_owned());
                happening.waiter = deployment.workflow.has_response.then_some(send);
                self.happen(happening).map(|fired| fired.error)
            }
            Err(error) => Err(error),
        };
        match started {
            Err(error) => {
                return fault("InternalServerError", format!("The child run cannot be kept: {error}."));
            }
            Ok(Some(message)) => return fault("BadRequest", message),
            Ok(None) => {}
        }
        let empty = |status| Answer::Response { status, headers: Map::new(), body: None };
        if !deployment.workflow.has_response {
            return empty(202);
        }
        match receive.await {
            Ok(RunAnswer::Response(response)) => {
                Answer::Response { status: response.status, headers: response.headers, body: response.body }
            }
            _ => Answer::Response { status: 502, headers: Map::new(), body: Some(no_response(key)) },
        }
    }

    /// Waits for a child that an earlier life of the parent's call started.
    fn attach(
        &self,
        deployment: &Arc<Deployment>,
        bytes: &[u8],
        waiter: oneshot::Sender<RunAnswer>,
    ) -> io::Result<Option<String>> {
        let run: String = parse(bytes)?;
        self.wait_for(&run, waiter);
        let ended = self.summary(deployment.name(), &run)?.is_none_or(|s| s.end.is_some());
        let history = crate::history::read_history(
            self.0.driver.journal.as_ref(),
            &run,
            &deployment.workflow,
            &deployment.options,
            &crate::history::Selection { top: Some(0), ..Default::default() },
        );
        match history {
            Ok(history) if history.response.is_some() => {
                if let Some(response) = history.response {
                    self.tell(&run, &RunAnswer::Response(response));
                }
            }
            _ if ended => self.tell(&run, &RunAnswer::Ended(Status::Failed)),
            _ => {}
        }
        Ok(None)
    }

    /// Waits until a run has ended.
    ///
    /// # Errors
    /// A logbook that fails.
    pub async fn ended(&self, workflow: &str, run: &str) -> io::Result<Option<RunSummary>> {
        loop {
            let (send, receive) = oneshot::channel();
            self.wait_for(run, send);
            match self.summary(workflow, run)? {
                Some(summary) if summary.end.is_none() => {}
                other => return Ok(other),
            }
            // A Response wakes the waiter too: the run goes on then.
            if tokio::time::timeout(Duration::from_secs(1), receive).await.is_err() {
                continue;
            }
        }
    }
}

/// The body of a 502 where a run ended without answering.
pub(crate) fn no_response(tracking: &str) -> Json {
    json!({"error": {"code": "NoResponse", "message": format!("The server did not receive a response from an upstream server. Request tracking id '{tracking}'.")}})
}
