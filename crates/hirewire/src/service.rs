//! The running synchronization behind the HTTP API: one worker thread a job, woken by uploads and by dates.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use hirewire_engine::{CompiledSchema, MissingActive, Settings};
use hirewire_job::{CycleReport, Item, Listing, PlanAction, RunOptions, Runner};
use hirewire_schema::{Document, Template};
use hirewire_server::clock::Clock;
use hirewire_server::log::render::{self, Systems};
use hirewire_server::request::Version;
use hirewire_server::service::{ObjectConnection, OnDemand, OnDemandOutcome, ResetScopes};
use hirewire_server::{Service, ServiceError};
use hirewire_store::{
    Accepted, CycleKind, Job, JobKey, NewOperation, NewUpload, ScheduleState, StatusCode, Store,
};
use hirewire_target::embedded::{UserFilter, UserQuery};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::commands::users;
use crate::cycle::block_on;
use crate::target::AnyTarget;
use crate::turn;
use crate::waiting;

/// Longest a worker sleeps without looking at its dates; a clock that is set wakes it at once.
const LOOK: Duration = Duration::from_secs(60);

/// Everything that the workers share.
struct Shared {
    store: Store,
    target: AnyTarget,
    clock: Arc<Clock>,
    settings: Settings,
    /// What the log calls the target.
    target_name: String,
}

/// The running synchronization of one process.
pub(crate) struct LocalService {
    shared: Arc<Shared>,
    workers: Mutex<HashMap<JobKey, mpsc::Sender<Message>>>,
}

/// What a worker is told.
enum Message {
    /// Something arrived or changed.
    Wake,
    /// End, and say so.
    Retire(mpsc::Sender<()>),
}

impl LocalService {
    /// A service over a store and one target.
    pub(crate) fn new(
        store: Store,
        target: AnyTarget,
        clock: Arc<Clock>,
        settings: Settings,
        target_name: String,
    ) -> Self {
        let shared = Arc::new(Shared { store, target, clock, settings, target_name });
        Self { shared, workers: Mutex::new(HashMap::new()) }
    }

    /// Starts the workers of all jobs, so that what waits since the last run goes on.
    pub(crate) fn resume(&self) -> Result<(), ServiceError> {
        for job in self.shared.store.jobs()? {
            self.wake(job.key);
        }
        Ok(())
    }

    fn wake(&self, job: JobKey) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if workers.get(&job).is_some_and(|worker| worker.send(Message::Wake).is_ok()) {
            return;
        }
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&self.shared);
        let name = format!("job-{job:?}");
        if std::thread::Builder::new().name(name).spawn(move || work(&shared, job, &receiver)).is_ok() {
            let _ = sender.send(Message::Wake);
            workers.insert(job, sender);
        }
    }

    fn set(&self, job: &Job, schedule: ScheduleState, status: StatusCode) -> Result<(), ServiceError> {
        let mut job = self.shared.store.job_by_key(job.key)?;
        job.schedule = schedule;
        job.status = status;
        if status == StatusCode::Active {
            job.quarantine = None;
        }
        Ok(self.shared.store.update_job(&job)?)
    }
}

/// A worker: waits until there is something to do, then runs cycles until there is nothing.
fn work(shared: &Shared, job: JobKey, messages: &mpsc::Receiver<Message>) {
    loop {
        let mut message = messages.recv_timeout(shared.pause(job));
        // Several wake-ups are one.
        while let Ok(Message::Wake) = message {
            match messages.try_recv() {
                Ok(next) => message = Ok(next),
                Err(_) => break,
            }
        }
        match message {
            Ok(Message::Retire(done)) => {
                let _ = done.send(());
                return;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Ok(Message::Wake) | Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if let Err(error) = shared.run(job) {
            tracing::error!(%error, "a cycle failed; it is tried again");
        }
    }
}

impl Shared {
    /// How long a worker may sleep.
    fn pause(&self, job: JobKey) -> Duration {
        let next = self.store.next_wake(job).ok().flatten();
        let until = next.and_then(|next| Duration::try_from(next.duration_since(self.clock.now())).ok());
        until.map_or(LOOK, |until| until.clamp(Duration::from_millis(50), LOOK))
    }

    fn schema(&self, job: &Job) -> Result<CompiledSchema, ServiceError> {
        let document = match self.store.schema(job.key, None)? {
            Some((_, text)) => Document::parse(text.as_bytes()),
            None => Template::find(&job.template)
                .ok_or_else(|| ServiceError::Internal(format!("there is no template {}", job.template)))?
                .document(),
        };
        let document = document.map_err(|error| ServiceError::Internal(error.to_string()))?;
        let mut settings = self.settings.clone();
        let skip = self.store.open_secret(&job.service_principal, "SkipOutOfScopeDeletions").ok().flatten();
        settings.skip_out_of_scope_deletions = skip
            .and_then(|secret| String::from_utf8(secret.expose_secret().to_vec()).ok())
            .is_some_and(|text| Settings::parse_skip_out_of_scope_deletions(&text));
        CompiledSchema::compile(&document.schema(), &settings).map_err(|findings| {
            let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
            ServiceError::Internal(format!("the schema cannot run: {}", words.join("; ")))
        })
    }

    /// One cycle, if the job is at work.
    fn run(&self, key: JobKey) -> Result<(), ServiceError> {
        let _turn = turn::take(key);
        let job = self.store.job_by_key(key)?;
        if let Some(why) = waiting::held(&job) {
            return waiting::log(&self.store, &job, why, self.clock.now());
        }
        let schema = self.schema(&job)?;
        let runner = Runner { store: &self.store, job: key, schema: &schema, target: &self.target };
        let result = block_on(runner.run(RunOptions {
            now: self.clock.now(),
            kind: CycleKind::Incremental,
            held: Vec::new(),
            also: Vec::new(),
            listing: Listing::Problems,
            progress: &mut |_| (),
            more: &mut || false,
        }));
        block_on(self.target.finish_cycle());
        result.map(|_| ()).map_err(internal)
    }

    fn on_demand(&self, job: &Job, request: &OnDemand) -> Result<OnDemandOutcome, ServiceError> {
        let _turn = turn::take(job.key);
        let schema = self.schema(job)?;
        let runner = Runner { store: &self.store, job: job.key, schema: &schema, target: &self.target };
        let anchor = &request.external_id;
        let known = self.store.load_batch(job.key, &[anchor])?;
        if known.iter().all(|state| state.person.as_ref().is_none_or(|person| person.record.is_none())) {
            return Err(ServiceError::NotFound(format!(
                "nobody with externalId {anchor} was ever uploaded to this job"
            )));
        }
        let now = self.clock.now();
        if request.dry_run {
            let examined = block_on(runner.examine(anchor, now)).map_err(internal)?;
            let plan = serde_json::to_value(&examined.person).map_err(internal)?;
            return Ok(OnDemandOutcome {
                result: result_word(examined.person.action).into(),
                error_code: examined.plan.reason.map(|reason| reason.code().to_owned()),
                error_message: examined.plan.detail.clone(),
                record: Value::Null,
                plan: Some(plan),
            });
        }
        let report =
            block_on(runner.run_again(vec![anchor.clone()], now, CycleKind::OnDemand)).map_err(internal)?;
        self.outcome(job, anchor, &report)
    }

    fn outcome(
        &self,
        job: &Job,
        anchor: &str,
        report: &CycleReport,
    ) -> Result<OnDemandOutcome, ServiceError> {
        let entry = self.store.log_of_person(job.key, anchor, 1)?.pop();
        let systems = Systems::api(&uuid::Uuid::nil(), "", &self.target_name, true);
        let person = report.document.people.iter().find(|person| person.anchor == anchor);
        let action = person.map_or(PlanAction::Skip, |person| person.action);
        let error = entry.as_ref().and_then(|entry| entry.entry.error_code.clone());
        let reason = person.and_then(|person| person.reason.clone());
        Ok(OnDemandOutcome {
            result: if error.is_some() { "Failure".into() } else { result_word(action).into() },
            error_code: error.or_else(|| (action == PlanAction::Skip).then(|| "RedundantExport".to_owned())),
            error_message: reason,
            record: entry.map_or(Value::Null, |entry| render::record(&entry, &systems, Version::V1)),
            plan: None,
        })
    }

    fn link(&self, job: &Job, object: &str) -> Result<Option<(String, String)>, ServiceError> {
        if let Some(Some(target)) = self.store.resolve(job.key, &[object])?.into_iter().next() {
            return Ok(Some((object.to_owned(), target)));
        }
        let owner = self.store.owners(job.key, &[object])?.into_iter().next().flatten();
        Ok(owner.map(|source| (source, object.to_owned())))
    }
}

fn result_word(action: PlanAction) -> &'static str {
    match action {
        PlanAction::Skip => "Skipped",
        PlanAction::Reject => "Failure",
        _ => "Success",
    }
}

fn internal(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::Internal(error.to_string())
}

impl Service for LocalService {
    fn accept(&self, upload: NewUpload) -> Result<Accepted, ServiceError> {
        let job = upload.job;
        let accepted = self.shared.store.accept(upload)?;
        self.wake(job);
        Ok(accepted)
    }

    fn plan_only(&self, job: &Job, operations: Vec<NewOperation>) -> Result<Value, ServiceError> {
        let schema = self.shared.schema(job)?;
        let runner =
            Runner { store: &self.shared.store, job: job.key, schema: &schema, target: &self.shared.target };
        let items = operations.into_iter().map(|o| Item::preview(o.anchor, o.data, o.origin)).collect();
        let document = block_on(runner.preview(items, self.shared.clock.now(), true)).map_err(internal)?;
        serde_json::to_value(&document).map_err(internal)
    }

    fn provision_on_demand(&self, job: &Job, request: OnDemand) -> Result<OnDemandOutcome, ServiceError> {
        self.shared.on_demand(job, &request)
    }

    fn start(&self, job: &Job) -> Result<(), ServiceError> {
        self.set(job, ScheduleState::Active, StatusCode::Active)?;
        self.wake(job.key);
        Ok(())
    }

    fn pause(&self, job: &Job) -> Result<(), ServiceError> {
        self.set(job, ScheduleState::Paused, StatusCode::Paused)?;
        self.wake(job.key);
        Ok(())
    }

    fn restart(&self, job: &Job, scopes: ResetScopes) -> Result<(), ServiceError> {
        let store = &self.shared.store;
        let now = self.shared.clock.now();
        if scopes.purge_queue {
            store.purge_queue(job.key, "purged by a restart")?;
        }
        if scopes.connector_data_store {
            store.clear_links(job.key)?;
        }
        if scopes.escrows {
            store.clear_escrows(job.key, now)?;
        }
        if scopes.watermark {
            store.make_everybody_due(job.key, now)?;
        }
        if scopes.quarantine_state {
            let mut stored = store.job_by_key(job.key)?;
            if stored.status == StatusCode::Quarantine {
                stored.status = StatusCode::Active;
                stored.quarantine = None;
                store.update_job(&stored)?;
            }
        }
        self.wake(job.key);
        Ok(())
    }

    fn changed(&self, job: &Job) {
        // A changed schema concerns everybody who was uploaded before (spec/inbound-api.md §6.3).
        if self.shared.store.make_everybody_due(job.key, self.shared.clock.now()).is_ok() {
            self.wake(job.key);
        }
    }

    fn retire(&self, job: &Job) -> Result<(), ServiceError> {
        let worker = self.workers.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.key);
        if let Some(worker) = worker {
            let (done, ended) = mpsc::channel();
            if worker.send(Message::Retire(done)).is_ok() {
                let _ = ended.recv();
            }
        }
        Ok(())
    }

    fn discover(&self, job: &Job, directory: &str) -> Result<Option<Value>, ServiceError> {
        let Some((_, text)) = self.shared.store.schema(job.key, None)? else { return Ok(None) };
        let schema: Value = serde_json::from_str(&text).map_err(internal)?;
        let found =
            schema["directories"].as_array().and_then(|list| list.iter().find(|d| d["id"] == directory));
        Ok(found.map(|definition| {
            let mut definition = definition.clone();
            definition["discoveryDateTime"] = json!(self.shared.clock.now().to_string());
            definition
        }))
    }

    fn validate_credentials(&self, _job: &Job) -> Result<(), ServiceError> {
        let key = hirewire_engine::target::MatchKey {
            attribute: "displayName".into(),
            value: hirewire_engine::value::AttributeValue::Text("hirewire-connection-test".into()),
        };
        let answer = block_on(hirewire_engine::target::Target::exists(&self.shared.target, &key));
        answer.map(|_| ()).map_err(|error| ServiceError::Refused(error.to_string()))
    }

    fn object_connection(&self, job: &Job, object: &str) -> Result<Option<ObjectConnection>, ServiceError> {
        let Some((source_anchor, target_anchor)) = self.shared.link(job, object)? else { return Ok(None) };
        let name =
            self.shared.target.embedded().and_then(|directory| directory.get(&target_anchor).ok().flatten());
        let display_name =
            name.and_then(|user| user.attributes.get("displayName").map(users::shown)).unwrap_or_default();
        Ok(Some(ObjectConnection {
            object_id: object.to_owned(),
            source_anchor,
            target_anchor,
            display_name,
            object_type_name: "User".into(),
        }))
    }

    fn cut_object_connection(&self, job: &Job, object: &str) -> Result<(), ServiceError> {
        let stored = self.shared.store.job_by_key(job.key)?;
        if stored.schedule == ScheduleState::Active {
            return Err(ServiceError::Busy("pause the job before a connection is cut".into()));
        }
        if let Some((source, _)) = self.shared.link(job, object)? {
            self.shared.store.unlink(job.key, &source)?;
        }
        Ok(())
    }

    fn users(&self, equal: Option<(&str, &str)>) -> Result<Vec<Value>, ServiceError> {
        let Some(directory) = self.shared.target.embedded() else { return Ok(Vec::new()) };
        let filter = match equal {
            None => None,
            Some((attribute, value)) => Some(match attribute.to_ascii_lowercase().as_str() {
                "id" => UserFilter::Id(value.to_owned()),
                "employeeid" => UserFilter::EmployeeId(value.to_owned()),
                "userprincipalname" => UserFilter::UserPrincipalName(value.to_owned()),
                "mail" => UserFilter::Mail(value.to_owned()),
                "accountenabled" => UserFilter::AccountEnabled(value.eq_ignore_ascii_case("true")),
                _ => return Err(ServiceError::Refused(format!("users cannot be filtered by {attribute}"))),
            }),
        };
        let query = UserQuery { filter, limit: usize::MAX >> 2, ..UserQuery::default() };
        let page = directory.list(&query).map_err(internal)?;
        Ok(page.users.iter().map(graph_user).collect())
    }

    fn start_over(&self) -> Result<(), ServiceError> {
        let store = &self.shared.store;
        let jobs = store.jobs()?;
        for job in &jobs {
            self.retire(job)?;
        }
        store.start_over()?;
        if let Some(directory) = self.shared.target.embedded() {
            directory.clear().map_err(internal)?;
        }
        jobs.iter().try_for_each(|job| self.start(job))
    }

    fn clock_changed(&self, _now: Timestamp, _frozen: bool) {
        let jobs = self.shared.store.jobs().unwrap_or_default();
        jobs.iter().for_each(|job| self.wake(job.key));
    }
}

/// A user with Graph's names for what the directory's portal names differently (spec/engine.md §10).
fn graph_user(user: &hirewire_target::embedded::User) -> Value {
    let mut value = users::json_of(user);
    if let Some(members) = value.as_object_mut() {
        for (ours, graph) in [("mobile", "mobilePhone"), ("physicalDeliveryOfficeName", "officeLocation")] {
            if let Some(value) = members.remove(ours) {
                members.insert(graph.to_owned(), value);
            }
        }
        if let Some(phone) = members.remove("telephoneNumber") {
            members.insert("businessPhones".to_owned(), json!([phone]));
        }
    }
    value
}

/// What the engine is told by the API's mode: strict reads a record without `active` as false, as Entra does.
pub(crate) fn missing_active(strict: bool) -> MissingActive {
    if strict { MissingActive::False } else { MissingActive::Keep }
}
