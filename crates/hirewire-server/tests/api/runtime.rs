//! A synchronization just good enough to test an API: every operation makes or changes a user in memory and is logged.
use std::collections::BTreeMap;
use std::sync::Mutex;

use hirewire_server::service::{
    ObjectConnection, OnDemand, OnDemandOutcome, ResetScopes, Service, ServiceError,
};
use hirewire_store::log::{
    LogAction, LogDetail, LogStatus, LogStep, ModifiedProperty, NewLogEntry, StepName,
};
use hirewire_store::{
    Accepted, BatchResult, CycleCounts, CycleKind, CycleState, Job, NewOperation, NewUpload, OperationId,
    OperationOutcome, OperationStatus, PendingOperation, PersonResult, ScheduleState, StatusCode, Store,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) struct Runtime {
    store: Store,
    users: Mutex<BTreeMap<String, Value>>,
}

impl Runtime {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, users: Mutex::default() }
    }

    /// Works the queue of a job off.
    fn run(&self, job: &Job) -> Result<(), ServiceError> {
        let job = self.store.job_by_key(job.key)?;
        if job.schedule != ScheduleState::Active {
            return Ok(());
        }
        let waiting = self.store.take(job.key, OperationId::START, 10_000)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let now = Timestamp::now();
        let cycle =
            self.store.begin_cycle(job.key, &Uuid::new_v4().to_string(), CycleKind::Incremental, now)?;
        let people: Vec<PersonResult> = waiting.iter().map(|operation| self.apply(operation, now)).collect();
        let counts = CycleCounts { imported: people.len() as u64, created: 1, ..CycleCounts::default() };
        self.store.commit_batch(BatchResult {
            job: job.key,
            cycle: Some(cycle),
            now,
            people,
            counts: Some(counts),
        })?;
        self.store.end_cycle(cycle, CycleState::Succeeded, now, counts, None)?;
        Ok(())
    }

    fn apply(&self, operation: &PendingOperation, now: Timestamp) -> PersonResult {
        let data: Value = serde_json::from_str(&operation.data).unwrap_or_default();
        let mut users = self.users.lock().expect("no panic");
        let known = users.get(&operation.anchor).cloned();
        let id = known
            .as_ref()
            .and_then(|user| user["id"].as_str().map(str::to_owned))
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        let user = json!({
            "id": id, "employeeId": operation.anchor, "displayName": data["displayName"],
            "userPrincipalName": data["userName"], "accountEnabled": data["active"],
        });
        let skipped = known.as_ref() == Some(&user);
        users.insert(operation.anchor.clone(), user);
        let mut person = PersonResult::new(operation.anchor.clone());
        person.outcomes.push(OperationOutcome {
            operation: operation.id,
            status: if skipped { OperationStatus::Skipped } else { OperationStatus::Applied },
            reason: skipped.then(|| "RedundantExport".to_owned()),
        });
        person.log.push(entry(operation, &data, &id, known.is_some(), skipped, now));
        person
    }
}

fn entry(
    operation: &PendingOperation,
    data: &Value,
    id: &str,
    known: bool,
    skipped: bool,
    now: Timestamp,
) -> NewLogEntry {
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    let step = |name, status, details: &[(&str, &str)]| LogStep {
        name,
        status,
        description: None,
        details: details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let export = if skipped {
        step(StepName::EntrySynchronizationSkip, LogStatus::Skipped, &[("SkipReason", "RedundantExport")])
    } else {
        step(StepName::EntryExportAdd, LogStatus::Success, &[("ReportableIdentifier", &operation.anchor)])
    };
    NewLogEntry {
        time: now,
        change: None,
        action: match (skipped, known) {
            (true, _) => LogAction::Other,
            (false, true) => LogAction::Update,
            (false, false) => LogAction::Create,
        },
        status: if skipped { LogStatus::Skipped } else { LogStatus::Success },
        duration: 12,
        upload: Some(operation.upload),
        source: operation.anchor.clone(),
        target: Some(id.to_owned()),
        target_name: text("displayName"),
        error_code: None,
        detail: LogDetail {
            modified: vec![ModifiedProperty {
                name: "displayName".into(),
                old: None,
                new: text("displayName"),
            }],
            steps: vec![
                step(
                    StepName::EntryImportAdd,
                    LogStatus::Success,
                    &[("externalId", &operation.anchor), ("name.givenName", "Una")],
                ),
                export,
            ],
            source: operation.bulk_id.iter().map(|id| ("bulkId".to_owned(), id.clone())).collect(),
            ..LogDetail::default()
        },
    }
}

impl Service for Runtime {
    fn accept(&self, upload: NewUpload) -> Result<Accepted, ServiceError> {
        let key = upload.job;
        let accepted = self.store.accept(upload)?;
        self.run(&self.store.job_by_key(key)?)?;
        Ok(accepted)
    }

    fn plan_only(&self, _: &Job, operations: Vec<NewOperation>) -> Result<Value, ServiceError> {
        Ok(
            json!({ "value": operations.iter().map(|each| json!({ "externalId": each.anchor })).collect::<Vec<_>>() }),
        )
    }

    fn provision_on_demand(&self, _: &Job, request: OnDemand) -> Result<OnDemandOutcome, ServiceError> {
        if !self.users.lock().expect("no panic").contains_key(&request.external_id) {
            return Err(ServiceError::NotFound("No record of this person was uploaded.".into()));
        }
        Ok(OnDemandOutcome {
            result: "Skipped".into(),
            error_code: Some("RedundantExport".into()),
            error_message: None,
            record: json!({ "activityDateTime": "2026-11-02T08:14:07Z", "durationInMilliseconds": 7, "provisioningAction": "other",
                "sourceIdentity": { "id": request.external_id }, "provisioningStatusInfo": { "status": "skipped", "errorInformation": null } }),
            plan: request.dry_run.then(|| json!({ "steps": [] })),
        })
    }

    fn start(&self, job: &Job) -> Result<(), ServiceError> {
        let mut job = self.store.job_by_key(job.key)?;
        job.schedule = ScheduleState::Active;
        job.status = StatusCode::Active;
        job.quarantine = None;
        self.store.update_job(&job)?;
        self.run(&job)
    }

    fn pause(&self, job: &Job) -> Result<(), ServiceError> {
        let mut job = self.store.job_by_key(job.key)?;
        job.schedule = ScheduleState::Paused;
        job.status = StatusCode::Paused;
        Ok(self.store.update_job(&job)?)
    }

    fn approve(&self, _: &Job, _: Option<&str>, _: &str) -> Result<u64, ServiceError> {
        Ok(0)
    }

    fn restart(&self, job: &Job, scopes: ResetScopes) -> Result<(), ServiceError> {
        if scopes.purge_queue {
            self.store.purge_queue(job.key, "Purged")?;
        }
        self.start(job)
    }

    fn changed(&self, _: &Job) {}

    fn retire(&self, _: &Job) -> Result<(), ServiceError> {
        Ok(())
    }

    fn discover(&self, _: &Job, _: &str) -> Result<Option<Value>, ServiceError> {
        Ok(None)
    }

    fn validate_credentials(&self, _: &Job) -> Result<(), ServiceError> {
        Ok(())
    }

    fn object_connection(&self, _: &Job, object: &str) -> Result<Option<ObjectConnection>, ServiceError> {
        let users = self.users.lock().expect("no panic");
        let found = users.iter().find(|(anchor, user)| *anchor == object || user["id"] == object);
        Ok(found.map(|(anchor, user)| ObjectConnection {
            object_id: object.to_owned(),
            source_anchor: anchor.clone(),
            target_anchor: user["id"].as_str().unwrap_or_default().to_owned(),
            display_name: user["displayName"].as_str().unwrap_or_default().to_owned(),
            object_type_name: "User".into(),
        }))
    }

    fn cut_object_connection(&self, job: &Job, _: &str) -> Result<(), ServiceError> {
        match job.schedule {
            ScheduleState::Active => Err(ServiceError::Busy("Pause the job first.".into())),
            _ => Ok(()),
        }
    }

    fn users(&self, equal: Option<(&str, &str)>) -> Result<Vec<Value>, ServiceError> {
        let users = self.users.lock().expect("no panic");
        let fits = |user: &&Value| {
            equal.is_none_or(|(name, value)| {
                user[name].as_str().is_some_and(|found| found.eq_ignore_ascii_case(value))
            })
        };
        Ok(users.values().filter(fits).cloned().collect())
    }

    fn start_over(&self) -> Result<(), ServiceError> {
        self.users.lock().expect("no panic").clear();
        Ok(self.store.start_over()?)
    }

    fn clock_changed(&self, _: Timestamp, _: bool) {}
}
