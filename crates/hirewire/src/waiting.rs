//! Operations that wait because their job is not at work stand in the log, so that nobody has to read silence.
use hirewire_server::ServiceError;
pub(crate) use hirewire_server::graph::uploads::held;
use hirewire_store::log::{LogAction, LogDetail, LogError, LogStatus, LogStep, NewLogEntry, StepName};
use hirewire_store::{BatchResult, Job, OperationId, PendingOperation, PersonResult, Store};
use jiff::Timestamp;

/// Operations logged in one transaction.
const SLICE: usize = 500;

/// Writes `waiting: job paused` (or whatever `why` says) for each operation in the queue that has no such entry yet.
pub(crate) fn log(store: &Store, job: &Job, why: &str, now: Timestamp) -> Result<(), ServiceError> {
    let mark = format!("mark.waiting.{}", job.id);
    let known = store.setting(&mark)?.and_then(|text| text.parse().ok());
    let mut after = known.map_or(OperationId::START, OperationId::from_number);
    loop {
        let waiting = store.take(job.key, after, SLICE)?;
        let Some(last) = waiting.last() else { return Ok(()) };
        after = last.id;
        let people = waiting.iter().map(|operation| person(operation, why, now)).collect();
        store.commit_batch(BatchResult { job: job.key, cycle: None, now, people, counts: None })?;
        store.set_setting(&mark, Some(&after.number().to_string()))?;
    }
}

fn person(operation: &PendingOperation, why: &str, now: Timestamp) -> PersonResult {
    let mut person = PersonResult::new(operation.anchor.clone());
    person.log.push(entry(operation, why, now));
    person
}

fn entry(operation: &PendingOperation, why: &str, now: Timestamp) -> NewLogEntry {
    let reason = format!("waiting: {why}");
    let step = |name, status, description: Option<&str>| LogStep {
        name,
        status,
        description: description.map(str::to_owned),
        details: vec![("ReportableIdentifier".into(), operation.anchor.clone())],
    };
    let bulk_id = operation.bulk_id.iter().map(|id| ("bulkId".to_owned(), id.clone()));
    NewLogEntry {
        time: now,
        change: None,
        action: LogAction::Other,
        status: LogStatus::Warning,
        duration: 0,
        upload: Some(operation.upload),
        source: operation.anchor.clone(),
        target: None,
        target_name: None,
        error_code: Some(code(why)),
        detail: LogDetail {
            steps: vec![
                step(StepName::EntryImportAdd, LogStatus::Success, None),
                step(StepName::EntryEscrow, LogStatus::Warning, Some(&reason)),
            ],
            error: Some(LogError {
                reason: reason.clone(),
                recommended: Some("Start the job; what waits is kept and then processed.".into()),
                ..LogError::default()
            }),
            source: bulk_id.collect(),
            ..LogDetail::default()
        },
    }
}

/// `job paused` as `JobPaused`.
fn code(why: &str) -> String {
    why.split(' ').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
