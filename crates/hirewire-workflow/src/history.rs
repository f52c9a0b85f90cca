//! Run history and the management shapes of the Logic REST API (`spec/workflows.md` §14).

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::bind::secret_texts;
use crate::definition::{Status, Trigger, Workflow};
use crate::expression::{DateTime, Kind, same_name};
use crate::host::{DriveError, Journal, Observer, history};
use crate::run::{ActionRecord, Response, RunOptions, RunResult, Start};

/// A run as history shows it; secured values are hidden.
#[derive(Debug, Clone)]
pub struct RunHistory {
    /// The run's id.
    pub run: String,
    /// What fired it.
    pub start: Start,
    /// How it ended; nothing while it runs.
    pub result: Option<RunResult>,
    /// Start in ticks; 0 where nothing has finished yet.
    pub started: i64,
    /// End of the last finished action in ticks.
    pub ended: i64,
    /// Records in the order in which they finished, already sanitized.
    pub actions: Vec<Json>,
    /// How many records there are, kept or not.
    pub total: usize,
    /// The answer to the caller.
    pub response: Option<Response>,
}

/// Which records of a run are wanted; a loop over a hundred thousand people has many.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this action.
    pub action: Option<String>,
    /// Only records with this status.
    pub status: Option<Status>,
    /// How many to leave out.
    pub skip: usize,
    /// How many to give.
    pub top: Option<usize>,
}

struct Collector<'c> {
    selection: &'c Selection,
    run: &'c str,
    secrets: Vec<String>,
    matched: usize,
    out: RunHistory,
}

impl Observer for Collector<'_> {
    fn record(&mut self, record: &ActionRecord, _replayed: bool) {
        self.out.total += 1;
        if self.out.started == 0 {
            self.out.started = record.start;
        }
        self.out.ended = self.out.ended.max(record.end);
        let wanted = self.selection.action.as_ref().is_none_or(|a| same_name(a, &record.name))
            && self.selection.status.is_none_or(|s| s == record.status);
        if !wanted {
            return;
        }
        self.matched += 1;
        if self.matched > self.selection.skip
            && self.selection.top.is_none_or(|top| self.out.actions.len() < top)
        {
            self.out.actions.push(record.for_history(self.run, &self.secrets));
        }
    }

    fn respond(&mut self, response: &Response, _replayed: bool) {
        self.out.response = Some(response.clone());
    }
}

/// Derives a run's history from its journal; memory is bounded by the selection.
///
/// # Errors
/// A journal that is unknown, damaged or cannot be read.
pub fn read_history(
    journal: &dyn Journal,
    run: &str,
    workflow: &Arc<Workflow>,
    options: &RunOptions,
    selection: &Selection,
) -> Result<RunHistory, DriveError> {
    let trigger = crate::run::TriggerRecord {
        name: String::new(),
        outputs: Json::Null,
        scheduled: None,
        client_tracking_id: String::new(),
    };
    let out = RunHistory {
        run: run.to_owned(),
        start: Start { run: run.to_owned(), base_id: String::new(), trigger },
        result: None,
        started: 0,
        ended: 0,
        actions: Vec::new(),
        total: 0,
        response: None,
    };
    let secrets = secret_texts(workflow, &options.parameters);
    let mut collector = Collector { selection, run, secrets, matched: 0, out };
    let (start, result) = history(journal, run, Arc::clone(workflow), options.clone(), &mut collector)?;
    Ok(RunHistory { start, result, ..collector.out })
}

/// A value with secret texts and credentials hidden.
pub fn hide(value: &Json, secrets: &[String]) -> Json {
    crate::run::sanitize(value, secrets)
}

fn time(ticks: i64) -> Json {
    if ticks == 0 { Json::Null } else { Json::from(DateTime { ticks, kind: Kind::Utc }.round_trip()) }
}

impl RunHistory {
    /// The run in ARM form: `{id, name, type, properties}`. `base` is the workflow's resource id.
    pub fn to_json(&self, base: &str, workflow: &Workflow) -> Json {
        let status = self.result.as_ref().map_or(Status::Running, |r| r.status);
        let hidden = workflow.trigger(&self.start.trigger.name).is_some_and(|t| t.secure_outputs);
        let outputs = if hidden { json!({"secured": true}) } else { self.start.trigger.outputs.clone() };
        let mut properties = Map::new();
        properties.insert("startTime".into(), time(self.started));
        properties
            .insert("endTime".into(), if self.result.is_some() { time(self.ended) } else { Json::Null });
        properties.insert("status".into(), json!(status.word()));
        properties
            .insert("correlation".into(), json!({"clientTrackingId": self.start.trigger.client_tracking_id}));
        properties.insert(
            "workflow".into(),
            json!({"id": base, "name": workflow.name, "type": "Microsoft.Logic/workflows"}),
        );
        properties.insert("trigger".into(), json!({"name": self.start.trigger.name, "outputs": outputs, "scheduledTime": self.start.trigger.scheduled.map(time), "status": "Succeeded"}));
        if let Some(result) = &self.result {
            properties.insert("outputs".into(), Json::Object(result.outputs.clone()));
            if let Some(error) = &result.error {
                properties.insert("code".into(), error.get("code").cloned().unwrap_or(Json::Null));
                properties.insert("error".into(), error.clone());
            }
        }
        if let Some(response) = &self.response {
            properties.insert(
                "response".into(),
                json!({"statusCode": response.status, "headers": response.headers}),
            );
        }
        json!({"id": format!("{base}/runs/{}", self.run), "name": self.run, "type": "Microsoft.Logic/workflows/runs", "properties": properties})
    }

    /// The selected actions in ARM form: `{value: [{id, name, type, properties}]}`.
    pub fn actions_to_json(&self, base: &str) -> Json {
        let one = |record: &Json| {
            let name = record.get("name").and_then(Json::as_str).unwrap_or_default();
            let id = match record.get("repetition").and_then(Json::as_str) {
                Some(repetition) => {
                    format!("{base}/runs/{}/actions/{name}/repetitions/{repetition}", self.run)
                }
                None => format!("{base}/runs/{}/actions/{name}", self.run),
            };
            json!({"id": id, "name": name, "type": "Microsoft.Logic/workflows/runs/actions", "properties": record})
        };
        json!({"value": self.actions.iter().map(one).collect::<Vec<_>>()})
    }
}

/// A trigger in ARM form.
pub fn trigger_to_json(base: &str, trigger: &Trigger, next: Option<i64>, enabled: bool) -> Json {
    let state = if enabled { "Enabled" } else { "Disabled" };
    json!({"id": format!("{base}/triggers/{}", trigger.name), "name": trigger.name, "type": "Microsoft.Logic/workflows/triggers",
        "properties": {"state": state, "provisioningState": "Succeeded", "nextExecutionTime": next.map(time), "recurrence": trigger.json.get("recurrence")}})
}

/// One firing of a trigger, whether it started a run or not.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerFiring {
    /// The firing's name.
    pub name: String,
    /// When, in ticks.
    pub at: i64,
    /// `Succeeded`, `Skipped` or `Failed`.
    pub status: Status,
    /// Runs that were started.
    pub runs: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl TriggerFiring {
    /// The firing in ARM form.
    pub fn to_json(&self, base: &str, trigger: &str) -> Json {
        json!({"id": format!("{base}/triggers/{trigger}/histories/{}", self.name), "name": self.name, "type": "Microsoft.Logic/workflows/triggers/histories",
            "properties": {"startTime": time(self.at), "endTime": time(self.at), "status": self.status.word(), "fired": !self.runs.is_empty(),
                "run": self.runs.first().map(|r| json!({"name": r, "id": format!("{base}/runs/{r}")})), "error": self.error.as_ref().map(|e| json!({"message": e}))}})
    }
}

/// A new, time-sortable run id: 20 digits of ticks, then random letters.
pub fn new_run_id(now: i64, random: u64) -> String {
    let letters: String = (0..8).map(|n| char::from(b'A' + ((random >> (n * 5)) % 26) as u8)).collect();
    format!("{now:020}{letters}")
}

/// The start of a resubmitted run: the original trigger outputs under a new id; run it with the current definition.
///
/// # Errors
/// A run that is unknown or whose journal is damaged.
pub fn resubmit(journal: &dyn Journal, run: &str, new_run: &str) -> Result<Start, DriveError> {
    let entries = journal.read(run)?;
    let first = entries.first().ok_or_else(|| DriveError::Unknown(run.to_owned()))?;
    let start: Start = serde_json::from_slice(first)
        .map_err(|e| DriveError::Damaged { entry: 0, message: e.to_string() })?;
    Ok(Start { run: new_run.to_owned(), ..start })
}
