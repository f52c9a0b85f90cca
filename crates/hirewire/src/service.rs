//! The running synchronization behind the HTTP API: one worker thread a job, woken by uploads and by dates.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use hirewire_engine::quarantine::QuarantineLimits;
use hirewire_engine::safety::{DeleteThreshold, Limits};
use hirewire_engine::target::{MatchKey, Target as _, TargetError};
use hirewire_engine::value::AttributeValue;
use hirewire_engine::{CompiledSchema, MissingActive, Settings};
use hirewire_job::{
    CycleReport, Guard, Item, JobError, Listing, PlanAction, Precedence, RunOptions, Runner, Safety, standing,
};
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
use crate::metrics;
use crate::target::AnyTarget;
use crate::turn;
use crate::waiting;

/// Longest a worker sleeps without looking at its dates; a clock that is set wakes it at once.
const LOOK: Duration = Duration::from_secs(60);

/// Shortest sleep after something went wrong in the store.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a count of the linked people is good enough for a share.
const POPULATION: Duration = Duration::from_secs(60);

/// What a job works with besides its schema.
pub(crate) struct Profile {
    /// Where its accounts are.
    pub(crate) target: Arc<AnyTarget>,
    /// The target's name in metrics.
    pub(crate) target_label: String,
    /// What the log calls the target.
    pub(crate) target_name: String,
    /// What the engine is told.
    pub(crate) settings: Settings,
    /// How much one cycle may change.
    pub(crate) limits: Limits,
    /// When failures are too many.
    pub(crate) quarantine: QuarantineLimits,
    /// Whose word counts, where it has several sources.
    pub(crate) precedence: Option<Precedence>,
}

/// Everything that the workers share.
struct Shared {
    store: Store,
    clock: Arc<Clock>,
    profiles: HashMap<JobKey, Profile>,
    /// For jobs that were made over the API.
    default: Profile,
    states: Mutex<HashMap<JobKey, Arc<JobState>>>,
}

/// What is known of a running job.
#[derive(Default)]
struct JobState {
    population: Mutex<Option<(u64, Instant)>>,
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
    /// A service over a store. Jobs without a profile of their own use the default one.
    pub(crate) fn new(
        store: Store,
        clock: Arc<Clock>,
        default: Profile,
        profiles: HashMap<JobKey, Profile>,
    ) -> Self {
        let shared = Arc::new(Shared { store, clock, profiles, default, states: Mutex::default() });
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
}

/// A worker: waits until there is something to do, then runs a cycle.
fn work(shared: &Shared, job: JobKey, messages: &mpsc::Receiver<Message>) {
    let mut trouble = false;
    loop {
        let pause = shared.pause(job);
        let mut message = messages.recv_timeout(if trouble { pause.max(PATIENCE) } else { pause });
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
        let result = shared.run(job);
        trouble = result.is_err();
        if let Err(error) = result {
            tracing::error!(%error, "a cycle failed; it is tried again");
        }
    }
}

impl Shared {
    fn profile(&self, job: JobKey) -> &Profile {
        self.profiles.get(&job).unwrap_or(&self.default)
    }

    fn state(&self, job: JobKey) -> Arc<JobState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(states.entry(job).or_default())
    }

    fn runner<'a>(&'a self, job: JobKey, schema: &'a CompiledSchema) -> Runner<'a, AnyTarget> {
        let profile = self.profile(job);
        Runner {
            store: &self.store,
            job,
            schema,
            target: &profile.target,
            precedence: profile.precedence.as_ref(),
        }
    }

    /// How long a worker may sleep.
    fn pause(&self, key: JobKey) -> Duration {
        let Ok(job) = self.store.job_by_key(key) else { return LOOK };
        if job.schedule != ScheduleState::Active {
            return LOOK;
        }
        let next = match standing::wait_until(&job) {
            Some(until) => Some(until),
            None => self.store.next_wake(key).ok().flatten(),
        };
        let Some(next) = next else { return LOOK };
        let until = Duration::try_from(next.duration_since(self.clock.now())).unwrap_or(Duration::ZERO);
        until.clamp(Duration::from_millis(50), LOOK)
    }

    fn schema(&self, job: &Job) -> Result<CompiledSchema, ServiceError> {
        let document = match self.store.schema(job.key, None)? {
            Some((_, text)) => Document::parse(text.as_bytes()),
            None => Template::find(&job.template)
                .ok_or_else(|| ServiceError::Internal(format!("there is no template {}", job.template)))?
                .document(),
        };
        let document = document.map_err(|error| ServiceError::Internal(error.to_string()))?;
        let mut settings = self.profile(job.key).settings.clone();
        settings.skip_out_of_scope_deletions = self
            .secret(job, "SkipOutOfScopeDeletions")
            .is_some_and(|text| Settings::parse_skip_out_of_scope_deletions(&text));
        CompiledSchema::compile(&document.schema(), &settings).map_err(|findings| {
            let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
            ServiceError::Internal(format!("the schema cannot run: {}", words.join("; ")))
        })
    }

    /// A setting that clients keep among the job's secrets.
    fn secret(&self, job: &Job, name: &str) -> Option<String> {
        let secret = self.store.open_secret(&job.service_principal, name).ok().flatten()?;
        String::from_utf8(secret.expose_secret().to_vec()).ok()
    }

    /// The job's limits, with Entra's own threshold as clients set it: in the notification settings, or in the job's.
    fn limits(&self, job: &Job) -> Limits {
        let mut limits = self.profile(job.key).limits;
        let notification = self
            .secret(job, "SyncNotificationSettings")
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .filter(|settings| !settings["DeleteThresholdValue"].is_null());
        let settings: Vec<Value> = serde_json::from_str(&job.settings).unwrap_or_default();
        let setting = settings.iter().find(|setting| setting["name"] == "QuarantineTooManyDeletesThreshold");
        if let Some(settings) = notification {
            limits.delete_threshold = DeleteThreshold::from_notification_settings(&settings);
        } else if let Some(setting) = setting {
            let settings = json!({ "DeleteThresholdValue": setting["value"] });
            limits.delete_threshold = DeleteThreshold::from_notification_settings(&settings);
        }
        limits
    }

    /// One cycle, if the job is at work.
    fn run(&self, key: JobKey) -> Result<(), ServiceError> {
        let _turn = turn::take(key);
        let state = self.state(key);
        let mut job = self.store.job_by_key(key)?;
        let now = self.clock.now();
        if !standing::may_run(&job, now) {
            let waits = job.schedule == ScheduleState::Active && standing::waits_for_target(&job);
            if !waits || block_on(reach(&self.profile(key).target)).is_err() {
                return match waiting::held(&job) {
                    Some(why) => waiting::log(&self.store, &job, why, now),
                    None => Ok(()),
                };
            }
            job = self.store.change_job(key, standing::release)?;
        }
        let span = tracing::info_span!(target: "hirewire::cycle", "cycle", job = %job.id, changes = tracing::field::Empty);
        let _entered = span.enter();
        let schema = match self.schema(&job) {
            Ok(schema) => schema,
            Err(error) => {
                let failed = JobError::Schema { job: job.id.clone(), mistakes: error.to_string() };
                self.settle(key, Err(&failed), None, now)?;
                return Err(error);
            }
        };
        let population = self.population(&state, key)?;
        let kind = if population == 0 { CycleKind::Initial } else { CycleKind::Incremental };
        let guard =
            standing::guard(&self.store, &job, self.limits(&job), Some(population), now).map_err(internal)?;
        let guard = Guard { parts: true, ..guard };
        let began = Instant::now();
        match crate::drift::look(&self.store, key, &self.runner(key, &schema), now) {
            Ok(warnings) => {
                warnings.iter().for_each(|w| tracing::warn!(code = w.code, "{}", w.message));
            }
            Err(error) => tracing::warn!(%error, "drift is looked for again with the next cycle"),
        }
        let total = self.store.queue_state(key)?.waiting;
        let mut progress = |done: u64| {
            if done < total {
                let _ = standing::note_progress(&self.store, key, done, total, self.clock.now());
            }
        };
        let result = block_on(self.runner(key, &schema).run(RunOptions {
            now,
            kind,
            safety: Safety::Guarded(guard),
            listing: Listing::Problems,
            also: Vec::new(),
            progress: &mut progress,
            more: &mut || false,
        }));
        block_on(self.profile(key).target.finish_cycle());
        self.note(&job, &state, population, began, &result)
    }

    /// Notes what became of a cycle: standing, metrics, the number of linked people.
    fn note(
        &self,
        job: &Job,
        state: &JobState,
        population: u64,
        began: Instant,
        result: &Result<CycleReport, JobError>,
    ) -> Result<(), ServiceError> {
        metrics::cycle(job, &self.profile(job.key).target_label, began.elapsed(), result);
        if let Ok(report) = result {
            let counts = &report.counts;
            let changes = counts.created + counts.updated + counts.enabled + counts.disabled + counts.deleted;
            tracing::Span::current().record("changes", changes);
        }
        let now = self.clock.now();
        match result {
            Ok(report) if report.cycle.is_none() => Ok(()),
            Ok(report) => {
                let linked = (population + report.counts.created).saturating_sub(report.counts.deleted);
                let mut known = state.population.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((people, _)) = known.as_mut() {
                    *people = linked;
                }
                drop(known);
                self.settle(job.key, Ok(report.into()), Some(linked), now)
            }
            Err(error) => {
                tracing::warn!(job = job.id, %error, "a cycle could not go on");
                self.settle(job.key, Err(error), None, now)
            }
        }
    }

    fn settle(
        &self,
        key: JobKey,
        ended: Result<standing::Ended, &JobError>,
        population: Option<u64>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let limits = &self.profile(key).quarantine;
        let job = standing::settle(&self.store, key, ended, limits, population, now).map_err(internal)?;
        metrics::standing(&job);
        Ok(())
    }

    /// How many people are linked: counted now and then, reckoned in between.
    fn population(&self, state: &JobState, key: JobKey) -> Result<u64, ServiceError> {
        let mut known = state.population.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((people, counted)) = *known
            && counted.elapsed() < POPULATION
        {
            return Ok(people);
        }
        let people = self.store.count_people(key)?.1;
        *known = Some((people, Instant::now()));
        Ok(people)
    }

    /// Makes held changes happen; zero when there are none.
    fn approve(&self, job: &Job, cycle: Option<&str>, by: &str) -> Result<u64, ServiceError> {
        let _turn = turn::take(job.key);
        let cycle = match cycle {
            None => None,
            Some(id) => {
                let found = self.store.cycle(id)?.filter(|cycle| cycle.job == job.key);
                let found = found.ok_or_else(|| ServiceError::NotFound(format!("there is no cycle {id}")))?;
                Some(found.key)
            }
        };
        let schema = self.schema(job)?;
        let now = self.clock.now();
        let approved = block_on(self.runner(job.key, &schema).approve(cycle, by, now)).map_err(internal)?;
        block_on(self.profile(job.key).target.finish_cycle());
        let Some(approved) = approved else { return Ok(0) };
        let stored = self.store.change_job(job.key, standing::release)?;
        metrics::standing(&stored);
        Ok(approved.changes)
    }

    fn on_demand(&self, job: &Job, request: &OnDemand) -> Result<OnDemandOutcome, ServiceError> {
        let _turn = turn::take(job.key);
        let schema = self.schema(job)?;
        let runner = self.runner(job.key, &schema);
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
        let target_name = &self.profile(job.key).target_name;
        let systems = Systems::api(&uuid::Uuid::nil(), "", target_name, true);
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

    /// The directory that Hirewire keeps itself, of whichever job.
    fn embedded(&self) -> Option<&AnyTarget> {
        let mut all = self.profiles.values().chain([&self.default]).map(|profile| &*profile.target);
        all.find(|target| target.embedded().is_some())
    }
}

/// Asks the target for something that is not there: an answer is a sign of life.
async fn reach(target: &AnyTarget) -> Result<(), TargetError> {
    let attribute = if target.embedded().is_some() { "displayName" } else { "cn" };
    let value = AttributeValue::Text("hirewire-connection-test".into());
    target.exists(&MatchKey { attribute: attribute.into(), value }).await.map(|_| ())
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
        let runner = self.shared.runner(job.key, &schema);
        let item =
            |o: NewOperation| Item::preview(o.anchor, o.data, o.origin).from_source(crate::project::UPLOADS);
        let items = operations.into_iter().map(item).collect();
        let document = block_on(runner.preview(items, self.shared.clock.now(), true)).map_err(internal)?;
        serde_json::to_value(&document).map_err(internal)
    }

    fn provision_on_demand(&self, job: &Job, request: OnDemand) -> Result<OnDemandOutcome, ServiceError> {
        self.shared.on_demand(job, &request)
    }

    fn start(&self, job: &Job) -> Result<(), ServiceError> {
        let started = self.shared.store.change_job(job.key, |job| {
            standing::release(job);
            job.schedule = ScheduleState::Active;
            job.status = StatusCode::Active;
        })?;
        metrics::standing(&started);
        self.wake(job.key);
        Ok(())
    }

    fn pause(&self, job: &Job) -> Result<(), ServiceError> {
        self.shared.store.change_job(job.key, |job| {
            job.schedule = ScheduleState::Paused;
            job.status = StatusCode::Paused;
        })?;
        self.wake(job.key);
        Ok(())
    }

    fn approve(&self, job: &Job, cycle: Option<&str>, by: &str) -> Result<u64, ServiceError> {
        let changes = self.shared.approve(job, cycle, by)?;
        self.wake(job.key);
        Ok(changes)
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
            store.change_job(job.key, standing::release)?;
        }
        if scopes.force_deletes {
            self.shared.approve(job, None, "restart with ForceDeletes")?;
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

    fn validate_credentials(&self, job: &Job) -> Result<(), ServiceError> {
        block_on(reach(&self.shared.profile(job.key).target))
            .map_err(|error| ServiceError::Refused(error.to_string()))
    }

    fn object_connection(&self, job: &Job, object: &str) -> Result<Option<ObjectConnection>, ServiceError> {
        let Some((source_anchor, target_anchor)) = self.shared.link(job, object)? else { return Ok(None) };
        let target = &self.shared.profile(job.key).target;
        let name = target.embedded().and_then(|directory| directory.get(&target_anchor).ok().flatten());
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
        let Some(directory) = self.shared.embedded().and_then(AnyTarget::embedded) else {
            return Ok(Vec::new());
        };
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
        self.shared.states.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(directory) = self.shared.embedded().and_then(AnyTarget::embedded) {
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
