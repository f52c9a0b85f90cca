//! What a logbook keeps of workflows and how it is read: runs, firings, keys, old versions.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::deployment::{Deployment, Version};
use super::logbook::Logbook;
use crate::definition::Status;
use crate::history::TriggerFiring;
use crate::trigger::CallbackKeys;

/// One run as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// The run's id.
    pub run: String,
    /// The workflow.
    pub workflow: String,
    /// The trigger.
    pub trigger: String,
    /// The version it began with.
    pub version: String,
    /// Its status.
    pub status: Status,
    /// When it was accepted, in ticks.
    pub start: i64,
    /// When it ended, in ticks.
    pub end: Option<i64>,
    /// Its error.
    pub error: Option<Json>,
    /// The caller's or a generated tracking id.
    pub client_tracking_id: String,
}

impl RunSummary {
    /// The number of the run in its workflow's list.
    pub(crate) fn seq(&self) -> i64 {
        run_seq(&self.run)
    }
}

/// A run's id begins with its number.
pub(crate) fn run_seq(run: &str) -> i64 {
    run.get(..20).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Logs of runs that have not ended.
pub(crate) const ACTIVE: &str = "active";

pub(crate) fn runs_log(workflow: &str) -> String {
    format!("runs:{}", workflow.to_lowercase())
}

pub(crate) fn firings_log(workflow: &str, trigger: &str) -> String {
    format!("firings:{}:{}", workflow.to_lowercase(), trigger.to_lowercase())
}

pub(crate) fn child_log(key: &str) -> String {
    format!("child:{key}")
}

/// Reads what the logbook holds.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::other)
}

/// The two keys of a workflow's URLs; made at first use.
///
/// # Errors
/// A logbook that fails.
pub fn callback_keys(logbook: &dyn Logbook, workflow: &str) -> io::Result<CallbackKeys> {
    let name = format!("keys/{workflow}");
    let bytes = match logbook.secret(&name)? {
        Some(bytes) if bytes.len() == 64 => bytes,
        _ => {
            let mut bytes = vec![0; 64];
            getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
            logbook.put_secret(&name, &bytes)?;
            bytes
        }
    };
    Ok(CallbackKeys { primary: bytes[..32].to_vec(), secondary: bytes[32..].to_vec() })
}

/// The workflow in the version that a run began with, read from a logbook.
///
/// # Errors
/// A logbook that fails or does not hold the version.
pub fn kept_deployment(logbook: &dyn Logbook, summary: &RunSummary) -> io::Result<Deployment> {
    let bytes = logbook.secret(&format!("version/{}", summary.version))?.ok_or_else(|| {
        io::Error::other(format!("the version {} of '{}' is not kept", summary.version, summary.workflow))
    })?;
    let version: Version = parse(&bytes)?;
    version.deploy().map_err(|findings| {
        let first = findings.first().map(|f| f.message.clone()).unwrap_or_default();
        io::Error::other(format!("'{}' cannot be read in its old version: {first}", summary.workflow))
    })
}

/// A run of a workflow as lists show it, read from a logbook.
///
/// # Errors
/// A logbook that fails.
pub fn summary(logbook: &dyn Logbook, workflow: &str, run: &str) -> io::Result<Option<RunSummary>> {
    let found = logbook.get(&runs_log(workflow), run_seq(run))?;
    let summary: Option<RunSummary> = found.map(|bytes| parse(&bytes)).transpose()?;
    Ok(summary.filter(|s| s.run == run))
}

/// Runs of a workflow, newest first, older than `before`, read from a logbook.
///
/// # Errors
/// A logbook that fails.
pub fn runs(
    logbook: &dyn Logbook,
    workflow: &str,
    before: Option<&str>,
    limit: usize,
) -> io::Result<Vec<RunSummary>> {
    let found = logbook.newest(&runs_log(workflow), before.map(run_seq), limit)?;
    found.into_iter().map(|(_, bytes)| parse(&bytes)).collect()
}

/// Firings of a trigger, newest first, older than `before`.
///
/// # Errors
/// A logbook that fails.
pub fn firings(
    logbook: &dyn Logbook,
    workflow: &str,
    trigger: &str,
    before: Option<&str>,
    limit: usize,
) -> io::Result<Vec<TriggerFiring>> {
    let found = logbook.newest(&firings_log(workflow, trigger), before.map(run_seq), limit)?;
    found.into_iter().map(|(_, bytes)| parse(&bytes)).collect()
}
