//! How a job stands after a cycle: quarantine with its back-off, failures in a row, what `status` of the API shows
//! (`spec/engine.md §14`, `spec/inbound-api.md §6.1`).
use hirewire_engine::Reason;
use hirewire_engine::quarantine::{self, Attempts, Entered, Quarantine, QuarantineLimits};
use hirewire_engine::safety::{Hold, Limits, Totals};
use hirewire_engine::target::TargetError;
use hirewire_store::{CycleCounts, Job, JobKey, ScheduleState, StatusCode, Store};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::JobError;
use crate::guard::{Guard, first_load};
use crate::runner::CycleReport;

/// Disables and deletes add up over this time, the interval between two cycles of Entra (`spec/engine.md §2.3`).
const PERIOD: SignedDuration = SignedDuration::from_mins(40);

/// Pauses before a cycle is tried again whose target could not be reached; one more failure is a quarantine. Entra goes
/// there at once, but a restarting directory is no reason to wait for six hours.
const PAUSES: [SignedDuration; 2] = [SignedDuration::from_secs(2), SignedDuration::from_secs(10)];

/// The time of the last steady state is noted when it is older than this.
const MOMENT: SignedDuration = SignedDuration::from_secs(5);

/// Pause after a failure that is not the target's.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// The runner's own state of a job, kept in [`Job::state`]; the API shows members by their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// Cycles in a row that could not go on.
    pub count_successive_complete_failures: u64,
    /// Linked people by type, as Graph counts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synchronized_entry_count_by_type: Vec<Value>,
    /// How far a long cycle is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Value>,
    /// When everything that was uploaded had been dealt with for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steady_state_first_achieved_time: Option<Timestamp>,
    /// And for the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steady_state_last_achieved_time: Option<Timestamp>,
    /// Not before this after a failed cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// Removals planned in the running period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removals: Option<Removals>,
    /// What others keep there.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Removals planned in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removals {
    /// When the period began.
    pub began: Timestamp,
    /// Accounts to disable.
    pub disables: u64,
    /// Accounts to delete.
    pub deletes: u64,
}

impl Standing {
    /// The standing of a job; an unreadable one is a new one.
    pub fn of(job: &Job) -> Self {
        serde_json::from_str(&job.state).unwrap_or_default()
    }

    /// Its text for [`Job::state`].
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".into())
    }

    /// What the coming cycle at `now` has to count in: earlier removals of the same period.
    pub fn already(&self, now: Timestamp) -> Totals {
        match self.removals.filter(|removals| running(removals, now)) {
            Some(Removals { disables, deletes, .. }) => Totals { disables, deletes, ..Totals::default() },
            None => Totals::default(),
        }
    }

    fn add_removals(&mut self, planned: &Totals, now: Timestamp) {
        if planned.disables + planned.deletes == 0 {
            return;
        }
        let running = self.removals.filter(|removals| running(removals, now));
        let mut removals = running.unwrap_or(Removals { began: now, disables: 0, deletes: 0 });
        removals.disables += planned.disables;
        removals.deletes += planned.deletes;
        self.removals = Some(removals);
    }
}

fn running(removals: &Removals, now: Timestamp) -> bool {
    let since = now.duration_since(removals.began);
    !since.is_negative() && since < PERIOD
}

/// The quarantine that a job is in.
pub fn quarantine_of(job: &Job) -> Option<Quarantine> {
    serde_json::from_str(job.quarantine.as_deref()?).ok()
}

/// Whether the job may run at `now`: it is started, and no quarantine or failure asks for patience.
pub fn may_run(job: &Job, now: Timestamp) -> bool {
    job.schedule == ScheduleState::Active && wait_until(job).is_none_or(|until| until <= now)
}

/// Until when a started job has to wait.
pub fn wait_until(job: &Job) -> Option<Timestamp> {
    match job.status {
        StatusCode::Quarantine => {
            Some(quarantine_of(job).map_or(Timestamp::MAX, |quarantine| quarantine.next_attempt))
        }
        _ => Standing::of(job).next_attempt,
    }
}

/// Whether the job waits only because its target could not be reached: then a sign of life from it ends the waiting.
pub fn waits_for_target(job: &Job) -> bool {
    if job.status != StatusCode::Quarantine {
        return Standing::of(job).next_attempt.is_some();
    }
    let stored: Value =
        job.quarantine.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    stored["reason"] == Reason::EncounteredQuarantineException.code()
        && stored["error"]["tenantActionable"] == false
}

/// The guard of a job's coming cycle. `population` is the number of linked people where the caller knows it.
pub fn guard(
    store: &Store,
    job: &Job,
    limits: Limits,
    population: Option<u64>,
    now: Timestamp,
) -> Result<Guard, JobError> {
    let standing = Standing::of(job);
    let population = match population {
        Some(population) => population,
        None => store.count_people(job.key)?.1,
    };
    Ok(Guard {
        limits,
        population,
        already: standing.already(now),
        first_load: standing.steady_state_first_achieved_time.is_none() && first_load(store, job.key)?,
        parts: false,
    })
}

/// What a cycle came to.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What was planned, held changes included.
    pub planned: Totals,
    /// What waits for approval.
    pub holds: Vec<Hold>,
    /// What was done.
    pub counts: CycleCounts,
}

impl From<&CycleReport> for Ended {
    fn from(report: &CycleReport) -> Self {
        Self { planned: report.planned, holds: report.holds.clone(), counts: report.counts }
    }
}

/// Notes how a cycle ended: the job leaves or enters quarantine, or is disabled after 28 days. Returns the job.
pub fn settle(
    store: &Store,
    job: JobKey,
    result: Result<Ended, &JobError>,
    limits: &QuarantineLimits,
    population: Option<u64>,
    now: Timestamp,
) -> Result<Job, JobError> {
    let trouble = match &result {
        Ok(ended) => trouble(store, job, ended, limits)?,
        Err(error) => Some(Trouble::of(error)),
    };
    let ended = result.ok();
    let mut unchanged = store.job_by_key(job)?;
    let before = Standing::of(&unchanged);
    let known = (unchanged.status, unchanged.quarantine.clone());
    note(&mut unchanged, ended.as_ref(), trouble.clone(), population, now);
    if known == (unchanged.status, unchanged.quarantine.clone()) && same(&before, &Standing::of(&unchanged)) {
        return Ok(unchanged);
    }
    let job = store.change_job(job, move |job| note(job, ended.as_ref(), trouble, population, now))?;
    if job.schedule == ScheduleState::Disabled && job.status == StatusCode::Quarantine {
        // 28 days have passed: what was put aside is dropped with it.
        store.clear_escrows(job.key, Timestamp::MAX)?;
    }
    Ok(job)
}

/// Whether two standings differ by nothing but a moment: that is not worth a write to the disk after each upload.
fn same(before: &Standing, after: &Standing) -> bool {
    let (Some(then), Some(now)) =
        (before.steady_state_last_achieved_time, after.steady_state_last_achieved_time)
    else {
        return before == after;
    };
    let soon = !now.duration_since(then).is_negative() && now.duration_since(then) < MOMENT;
    let later = Standing { steady_state_last_achieved_time: Some(then), ..after.clone() };
    soon && before.synchronized_entry_count_by_type.len() == later.synchronized_entry_count_by_type.len()
        && *before
            == Standing {
                synchronized_entry_count_by_type: before.synchronized_entry_count_by_type.clone(),
                ..later
            }
}

/// Why a job cannot go on as before.
#[derive(Debug, Clone)]
struct Trouble {
    reason: Option<Reason>,
    code: String,
    message: String,
    /// Somebody has to act; else it may pass by itself.
    actionable: bool,
    complete: bool,
}

impl Trouble {
    fn of(error: &JobError) -> Self {
        let (reason, code, actionable) = match error {
            JobError::Target(TargetError::Locked { code, .. }) => {
                (Some(Reason::EncounteredQuarantineException), code.clone(), true)
            }
            JobError::Target(TargetError::Retry { code, .. } | TargetError::Refused { code, .. }) => {
                (Some(Reason::EncounteredQuarantineException), code.clone(), false)
            }
            JobError::Target(TargetError::Gone { .. }) => {
                (Some(Reason::EncounteredQuarantineException), "InvalidAnchor".into(), false)
            }
            _ => (None, "InternalError".into(), false),
        };
        Self { reason, code, message: error.to_string(), actionable, complete: true }
    }

    fn error(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "tenantActionable": self.actionable })
    }
}

fn trouble(
    store: &Store,
    job: JobKey,
    ended: &Ended,
    limits: &QuarantineLimits,
) -> Result<Option<Trouble>, JobError> {
    if let Some(hold) = ended.holds.iter().find(|hold| hold.quarantine.is_some()) {
        let message = format!(
            "{} accounts would be disabled or deleted, more than the threshold allows: they wait for approval",
            hold.found
        );
        let reason = hold.quarantine;
        let code = Reason::TooManyDeletes.code().to_owned();
        return Ok(Some(Trouble { reason, code, message, actionable: true, complete: false }));
    }
    if ended.counts.failed == 0 {
        return Ok(None);
    }
    let (failed, reference_failed) = store.count_escrows(job)?;
    let succeeded = store.count_people(job)?.1;
    let reason = quarantine::assess(&Attempts { failed, reference_failed, succeeded }, limits);
    Ok(reason.map(|reason| Trouble {
        reason: Some(reason),
        code: reason.code().to_owned(),
        message: format!("{failed} people could not be written: `hirewire logs --status failure` says why"),
        actionable: true,
        complete: false,
    }))
}

fn note(
    job: &mut Job,
    ended: Option<&Ended>,
    trouble: Option<Trouble>,
    population: Option<u64>,
    now: Timestamp,
) {
    let mut standing = Standing::of(job);
    standing.progress.clear();
    if let Some(ended) = ended {
        standing.add_removals(&ended.planned, now);
    }
    let complete = trouble.as_ref().is_some_and(|trouble| trouble.complete);
    if complete {
        standing.count_successive_complete_failures += 1;
    } else {
        standing.count_successive_complete_failures = 0;
        standing.next_attempt = None;
        standing.steady_state_first_achieved_time.get_or_insert(now);
        standing.steady_state_last_achieved_time = Some(now);
        if let Some(linked) = population {
            standing.synchronized_entry_count_by_type =
                vec![json!({ "key": "user to User", "value": linked })];
        }
    }
    match trouble {
        None => {
            if job.status == StatusCode::Quarantine {
                job.status = StatusCode::Active;
                job.quarantine = None;
            }
        }
        Some(trouble) => burden(job, &mut standing, &trouble, now),
    }
    job.state = standing.text();
}

/// Another attempt soon, or quarantine.
fn burden(job: &mut Job, standing: &mut Standing, trouble: &Trouble, now: Timestamp) {
    let soon =
        usize::try_from(standing.count_successive_complete_failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let patient = trouble.complete && !trouble.actionable && job.status != StatusCode::Quarantine;
    let pause = match trouble.reason {
        None => Some(PAUSE),
        Some(_) if patient => PAUSES.get(soon).copied(),
        Some(_) => None,
    };
    if let Some(pause) = pause {
        standing.next_attempt = now.checked_add(pause).ok();
        return;
    }
    let Some(reason) = trouble.reason else { return };
    if job.schedule == ScheduleState::Paused {
        return;
    }
    standing.next_attempt = None;
    match Quarantine::enter(quarantine_of(job).as_ref(), reason, now) {
        Entered::Waiting { state, .. } => {
            let mut quarantine = serde_json::to_value(state).unwrap_or_default();
            quarantine["error"] = trouble.error();
            job.status = StatusCode::Quarantine;
            job.quarantine = Some(quarantine.to_string());
        }
        Entered::DisableJob => {
            job.status = StatusCode::Quarantine;
            job.schedule = ScheduleState::Disabled;
        }
    }
}

/// Ends quarantine and impatience: somebody started or restarted the job.
pub fn release(job: &mut Job) {
    job.quarantine = None;
    if job.status == StatusCode::Quarantine {
        job.status = StatusCode::Active;
    }
    let mut standing = Standing::of(job);
    standing.count_successive_complete_failures = 0;
    standing.next_attempt = None;
    job.state = standing.text();
}

/// Notes how far a long cycle is.
pub fn note_progress(
    store: &Store,
    job: JobKey,
    done: u64,
    total: u64,
    now: Timestamp,
) -> Result<(), JobError> {
    store.change_job(job, move |job| {
        let mut standing = Standing::of(job);
        standing.progress = vec![json!({
            "completedUnits": done,
            "progressObservationDateTime": now,
            "totalUnits": total,
            "units": "people",
        })];
        job.state = standing.text();
    })?;
    Ok(())
}
