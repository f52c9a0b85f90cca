//! What the service counts for Prometheus, per job and target. Labels are bounded: never a person.
use std::time::Duration;

use hirewire_job::{CycleReport, JobError};
use hirewire_server::job_label;
use hirewire_store::{Job, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Says what each figure means; once, after the recorder is installed.
pub(crate) fn describe() {
    describe_counter!("hirewire_people_applied_total", "Accounts written, by action");
    describe_counter!("hirewire_people_skipped_total", "People with nothing to do");
    describe_counter!("hirewire_people_failed_total", "People who could not be written, by error code");
    describe_counter!("hirewire_people_held_total", "Changes that wait for approval");
    describe_counter!("hirewire_cycles_total", "Cycles that ended, by result");
    describe_histogram!("hirewire_cycle_seconds", "Duration of a cycle");
    describe_gauge!("hirewire_job_quarantined", "1 while the job is in quarantine");
    describe_gauge!("hirewire_job_failures_in_a_row", "Cycles in a row that could not go on");
}

/// Counts what a cycle did.
pub(crate) fn cycle(job: &Job, target: &str, took: Duration, result: &Result<CycleReport, JobError>) {
    let (job, target) = (job_label(&job.id), target.to_owned());
    let state = match result {
        Ok(report) if report.cycle.is_none() => return,
        Ok(report) if report.counts.failed > 0 => "EntryLevelErrors",
        Ok(_) => "Succeeded",
        Err(_) => "Failed",
    };
    counter!("hirewire_cycles_total", "job" => job.clone(), "target" => target.clone(), "state" => state)
        .increment(1);
    histogram!("hirewire_cycle_seconds", "job" => job.clone(), "target" => target.clone()).record(took);
    let Ok(report) = result else { return };
    let counts = &report.counts;
    let actions = [
        ("create", counts.created),
        ("update", counts.updated),
        ("enable", counts.enabled),
        ("disable", counts.disabled),
        ("delete", counts.deleted),
    ];
    for (action, people) in actions {
        let labels = [("job", job.clone()), ("target", target.clone()), ("action", action.to_owned())];
        counter!("hirewire_people_applied_total", &labels).increment(people);
    }
    let labels = [("job", job.clone()), ("target", target.clone())];
    counter!("hirewire_people_skipped_total", &labels).increment(counts.skipped);
    counter!("hirewire_people_held_total", &labels).increment(counts.held);
    for (code, people) in &report.failures {
        let labels = [("job", job.clone()), ("target", target.clone()), ("code", code.clone())];
        counter!("hirewire_people_failed_total", &labels).increment(*people);
    }
}

/// Shows how a job stands.
pub(crate) fn standing(job: &Job) {
    let label = job_label(&job.id);
    let quarantined = if job.status == StatusCode::Quarantine { 1.0 } else { 0.0 };
    gauge!("hirewire_job_quarantined", "job" => label.clone()).set(quarantined);
    let failures = hirewire_job::standing::Standing::of(job).count_successive_complete_failures;
    gauge!("hirewire_job_failures_in_a_row", "job" => label).set(failures as f64);
}
