//! The store through its public face.
mod inbox;
mod kill;
mod log;
mod opening;
mod people;
mod registry;

use hirewire_store::log::{
    LogAction, LogDetail, LogStatus, LogStep, ModifiedProperty, NewLogEntry, StepName,
};
use hirewire_store::{
    Deduplicate, JobKey, LinkChange, NewJob, NewOperation, NewUpload, PersonResult, PersonWrite, Record,
    Store,
};
use jiff::Timestamp;

/// 2026-11-02T08:14:07Z and so many seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_793_607_247 + seconds).unwrap()
}

pub(crate) fn new_job(store: &Store, id: &str) -> JobKey {
    let job = NewJob {
        id: id.into(),
        template: "API2AAD".into(),
        service_principal: format!("sp-{id}"),
        service_principal_name: format!("HR {id}"),
        settings: "[]".into(),
        created: at(0),
    };
    store.create_job(job).unwrap().key
}

/// A store in memory with one job.
pub(crate) fn memory() -> (Store, JobKey) {
    let store = Store::in_memory().unwrap();
    let job = new_job(&store, "API2AAD.one");
    (store, job)
}

pub(crate) fn upload(job: JobKey, request_id: &str, anchors: &[&str]) -> NewUpload {
    let operation = |(n, anchor): (usize, &&str)| NewOperation {
        bulk_id: (n % 2 == 0).then(|| format!("bulk{n}")),
        anchor: (*anchor).into(),
        data: format!(r#"{{"externalId":"{anchor}"}}"#),
        origin: Some(format!("people.csv:{}", n + 2)),
    };
    NewUpload {
        job,
        request_id: request_id.into(),
        client_request_id: None,
        received: at(0),
        app_id: Some("app".into()),
        source: "http".into(),
        size: 1_000,
        operations: anchors.iter().enumerate().map(operation).collect(),
        warnings: Vec::new(),
        content_hash: None,
        deduplicate: Deduplicate::Never,
        fingerprint_segment: None,
    }
}

pub(crate) fn entry(anchor: &str, seconds: i64, action: LogAction, status: LogStatus) -> NewLogEntry {
    NewLogEntry {
        time: at(seconds),
        change: None,
        action,
        status,
        duration: 100 + seconds,
        upload: None,
        source: anchor.into(),
        target: None,
        target_name: None,
        error_code: None,
        detail: LogDetail {
            modified: vec![ModifiedProperty {
                name: "department".into(),
                old: None,
                new: Some("Logistics \"x\"".into()),
            }],
            steps: vec![LogStep {
                name: StepName::EntryExportAdd,
                status,
                description: None,
                details: vec![("ReportableIdentifier".into(), anchor.into())],
            }],
            ..LogDetail::default()
        },
    }
}

pub(crate) fn linked(anchor: &str, target: &str) -> PersonResult {
    PersonResult {
        person: Some(PersonWrite {
            record: Some(Record { data: format!(r#"{{"externalId":"{anchor}"}}"#), origin: None }),
            link: LinkChange::Set(target.into()),
            in_scope: true,
            next_due: None,
            parts: None,
            name_key: None,
        }),
        ..PersonResult::new(anchor)
    }
}
