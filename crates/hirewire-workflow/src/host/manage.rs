//! The management REST shapes of the Logic API, api-version 2016-06-01 (`spec/workflows.md` §14.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::deployment::Deployment;
use super::driver::Signal;
use super::http::WireAnswer;
use super::instance::Host;
use super::kept::{RunSummary, firings, firings_log, run_seq};
use crate::definition::{Finding, Severity, Status, Trigger, compile};
use crate::expression::{DateTime, Kind, percent_decode, percent_encode};
use crate::history::{RunHistory, Selection, read_history, trigger_to_json};

/// Entries of a page where the caller says nothing, and the most (`spec/workflows.md` §14.2).
const PAGE: usize = 30;
const LARGEST_PAGE: usize = 250;

fn reply(status: u16, body: &Json) -> WireAnswer {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    WireAnswer { status, headers, body: body.to_string().into_bytes() }
}

fn empty(status: u16) -> WireAnswer {
    WireAnswer { status, headers: Vec::new(), body: Vec::new() }
}

fn refuse(status: u16, code: &str, message: impl Into<String>) -> WireAnswer {
    reply(status, &json!({"error": {"code": code, "message": message.into()}}))
}

fn time(ticks: i64) -> Json {
    Json::from(DateTime { ticks, kind: Kind::Utc }.round_trip())
}

/// Options of a list.
struct Query {
    top: usize,
    filter: Option<String>,
    token: Option<String>,
}

impl Query {
    fn read(text: &str) -> Self {
        let get = |name: &str| {
            text.split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(k, _)| percent_decode(k, true).eq_ignore_ascii_case(name))
                .map(|(_, v)| percent_decode(v, true))
        };
        let top = get("$top").and_then(|t| t.parse().ok()).unwrap_or(PAGE);
        Self { top: top.clamp(1, LARGEST_PAGE), filter: get("$filter"), token: get("$skiptoken") }
    }
}

/// `status eq 'Failed' and startTime ge 2026-01-01T00:00:00Z`.
#[derive(Default)]
struct Filter {
    status: Option<Status>,
    tracking: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
}

impl Filter {
    fn read(text: Option<&str>) -> Result<Self, String> {
        let mut out = Self::default();
        for term in text.unwrap_or_default().split(" and ").map(str::trim).filter(|t| !t.is_empty()) {
            let words: Vec<&str> = term.split_whitespace().collect();
            let [name, operator, value] = words[..] else {
                return Err(format!("`{term}` is no comparison"));
            };
            let value = value.trim_matches('\'');
            let moment = || {
                DateTime::parse(value)
                    .map(|d| d.ticks)
                    .ok_or_else(|| format!("`{value}` is no date and time"))
            };
            match (name.to_ascii_lowercase().as_str(), operator.to_ascii_lowercase().as_str()) {
                ("status", "eq") => {
                    out.status =
                        Some(Status::from_word(value).ok_or_else(|| format!("`{value}` is no status"))?);
                }
                ("clienttrackingid", "eq") => out.tracking = Some(value.to_owned()),
                ("starttime", "ge" | "gt") => out.from = Some(moment()?),
                ("starttime", "le" | "lt") => out.to = Some(moment()?),
                _ => {
                    return Err(format!(
                        "`{term}` cannot be filtered by: use status, startTime, clientTrackingId"
                    ));
                }
            }
        }
        Ok(out)
    }

    fn fits(&self, run: &RunSummary) -> bool {
        self.status.is_none_or(|s| s == run.status)
            && self.tracking.as_ref().is_none_or(|t| *t == run.client_tracking_id)
            && self.from.is_none_or(|from| run.start >= from)
            && self.to.is_none_or(|to| run.start <= to)
    }
}

/// A run as lists show it, in ARM form.
pub(crate) fn summary_to_json(base: &str, run: &RunSummary) -> Json {
    let mut properties = Map::new();
    properties.insert("startTime".into(), time(run.start));
    if let Some(end) = run.end {
        properties.insert("endTime".into(), time(end));
    }
    properties.insert("status".into(), Json::from(run.status.word()));
    if let Some(error) = &run.error {
        properties.insert("code".into(), error.get("code").cloned().unwrap_or(Json::Null));
        properties.insert("error".into(), error.clone());
    }
    properties.insert("correlation".into(), json!({"clientTrackingId": run.client_tracking_id}));
    properties.insert("workflow".into(), json!({"id": format!("{base}/versions/{}", run.version), "name": run.version, "type": "Microsoft.Logic/workflows/versions"}));
    properties.insert("trigger".into(), json!({"name": run.trigger}));
    json!({"id": format!("{base}/runs/{}", run.run), "name": run.run, "type": "Microsoft.Logic/workflows/runs", "properties": properties})
}

/// The actions of a run, each once: those in loops with their `repetitionCount` (`spec/workflows.md` §14.1).
pub(crate) fn actions_to_json(base: &str, history: &RunHistory) -> Vec<Json> {
    let mut all: Vec<(String, Json, usize, bool)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for record in &history.actions {
        let name = record.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        let repeated = record.get("repetition").is_some();
        let bad =
            matches!(record.get("status").and_then(Json::as_str), Some("Failed" | "TimedOut" | "Cancelled"));
        match places.get(&name) {
            Some(place) => {
                let entry = &mut all[*place];
                entry.2 += 1;
                let was_bad = matches!(
                    entry.1.get("status").and_then(Json::as_str),
                    Some("Failed" | "TimedOut" | "Cancelled")
                );
                if bad || !was_bad {
                    entry.1 = record.clone();
                }
            }
            None => {
                places.insert(name.clone(), all.len());
                all.push((name, record.clone(), 1, repeated));
            }
        }
    }
    let one = |(name, mut record, count, repeated): (String, Json, usize, bool)| {
        if let (Some(properties), true) = (record.as_object_mut(), repeated) {
            // Inputs and outputs belong to the repetitions.
            for member in ["repetition", "inputs", "outputs"] {
                properties.shift_remove(member);
            }
            properties.insert("repetitionCount".into(), Json::from(count));
        }
        if let Some(properties) = record.as_object_mut() {
            properties.insert("canResubmit".into(), Json::from(false));
        }
        json!({"id": format!("{base}/runs/{}/actions/{name}", history.run), "name": name, "type": "Microsoft.Logic/workflows/runs/actions", "properties": record})
    };
    all.into_iter().map(one).collect()
}

/// A workflow in ARM form.
fn workflow_to_json(base: &str, deployment: &Deployment) -> Json {
    let workflow = &deployment.workflow;
    let parameters: Map<String, Json> = workflow
        .parameters
        .iter()
        .filter(|p| !p.is_secure())
        .filter_map(|p| Some((p.name.clone(), json!({"value": deployment.options.parameters.get(&p.name)?}))))
        .collect();
    let state = if deployment.is_enabled() { "Enabled" } else { "Disabled" };
    json!({"id": base, "name": workflow.name, "type": "Microsoft.Logic/workflows", "location": "local", "tags": {},
        "properties": {"provisioningState": "Succeeded", "state": state, "version": deployment.version, "definition": workflow.definition, "parameters": parameters}})
}

fn finding_to_json(finding: &Finding) -> Json {
    json!({"code": finding.code, "message": finding.message, "target": finding.path})
}

impl Host {
    /// Answers a call of the management API. `path` is the whole path, `search` the raw query; the caller is known and may.
    pub async fn manage(&self, method: &str, path: &str, search: &str, body: &[u8]) -> WireAnswer {
        let segments: Vec<String> =
            path.trim_matches('/').split('/').map(|s| percent_decode(s, false)).collect();
        let Some(at) = segments.iter().position(|s| s.eq_ignore_ascii_case("workflows")) else {
            return refuse(404, "InvalidResourceType", "The resource type could not be found.");
        };
        let raw: Vec<&str> = path.trim_matches('/').split('/').collect();
        let folder = format!("/{}", raw[..=at].join("/"));
        let parts: Vec<&str> = segments[at + 1..].iter().map(String::as_str).collect();
        let query = Query::read(search);
        let Some((name, rest)) = parts.split_first() else {
            if method != "GET" {
                return refuse(405, "MethodNotAllowed", "Only GET is allowed here.");
            }
            let list: Vec<Json> = self
                .deployments()
                .iter()
                .map(|d| workflow_to_json(&format!("{folder}/{}", percent_encode(d.name())), d))
                .collect();
            return reply(200, &json!({"value": list}));
        };
        let Some(deployment) = self.deployment(name) else {
            return refuse(404, "WorkflowNotFound", format!("The workflow '{name}' could not be found."));
        };
        let base = format!("{folder}/{}", percent_encode(deployment.name()));
        let deployment = Arc::clone(deployment);
        match self.manage_workflow(&deployment, &base, method, rest, &query, body).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                refuse(404, "NotFound", error.to_string())
            }
            Err(error) => {
                tracing::error!(%error, "the logbook of the workflows fails");
                refuse(500, "InternalServerError", "The store of the workflows failed.")
            }
        }
    }

    async fn manage_workflow(
        &self,
        deployment: &Arc<Deployment>,
        base: &str,
        method: &str,
        rest: &[&str],
        query: &Query,
        body: &[u8],
    ) -> std::io::Result<WireAnswer> {
        Ok(match (method, rest) {
            ("GET", []) => reply(200, &workflow_to_json(base, deployment)),
            ("PUT" | "PATCH" | "DELETE", []) => refuse(
                409,
                "WorkflowIsAFile",
                "Workflows are files of the project: change the file in its folder and start the instance again.",
            ),
            ("POST", ["enable"]) => {
                self.set_enabled(deployment, true)?;
                empty(200)
            }
            ("POST", ["disable"]) => {
                self.set_enabled(deployment, false)?;
                empty(200)
            }
            ("POST", ["validate"]) => validate(deployment, body),
            ("POST", ["regenerateAccessKey"]) => {
                let json: Json = serde_json::from_slice(body).unwrap_or(Json::Null);
                let secondary = json
                    .get("keyType")
                    .and_then(Json::as_str)
                    .is_some_and(|k| k.eq_ignore_ascii_case("secondary"));
                self.regenerate_key(deployment.name(), secondary)?;
                empty(200)
            }
            ("POST", ["listCallbackUrl"]) => match deployment.workflow.triggers.first() {
                Some(trigger) => {
                    reply(200, &self.callback_url(deployment.name(), trigger)?.to_json(&trigger.name))
                }
                None => refuse(404, "WorkflowTriggerNotFound", "The workflow has no trigger."),
            },
            ("GET", ["versions"]) => {
                let version = json!({"id": format!("{base}/versions/{}", deployment.version), "name": deployment.version, "type": "Microsoft.Logic/workflows/versions", "properties": {"state": if deployment.is_enabled() { "Enabled" } else { "Disabled" }}});
                reply(200, &json!({"value": [version]}))
            }
            ("GET", ["triggers"]) => {
                let list: Vec<Json> = deployment
                    .workflow
                    .triggers
                    .iter()
                    .map(|t| self.trigger_json(deployment, base, t))
                    .collect();
                reply(200, &json!({"value": list}))
            }
            (_, ["triggers", name, rest @ ..]) => match deployment.workflow.trigger(name) {
                Some(trigger) => {
                    self.manage_trigger(deployment, base, method, trigger, rest, query, body).await?
                }
                None => refuse(
                    404,
                    "WorkflowTriggerNotFound",
                    format!("The trigger '{name}' could not be found."),
                ),
            },
            ("GET", ["runs"]) => self.list_runs(deployment, base, query)?,
            (_, ["runs", run, rest @ ..]) => self.manage_run(deployment, base, method, run, rest).await?,
            _ => refuse(404, "NotFound", format!("There is no {method} at this place.")),
        })
    }

    fn trigger_json(&self, deployment: &Arc<Deployment>, base: &str, trigger: &Trigger) -> Json {
        trigger_to_json(base, trigger, self.next_due(deployment, trigger), deployment.is_enabled())
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    async fn manage_trigger(
        &self,
        deployment: &Arc<Deployment>,
        base: &str,
        method: &str,
        trigger: &Trigger,
        rest: &[&str],
        query: &Query,
        body: &[u8],
    ) -> std::io::Result<WireAnswer> {
        let logbook = self.0.logbook.as_ref();
        Ok(match (method, rest) {
            ("GET", []) => reply(200, &self.trigger_json(deployment, base, trigger)),
            ("POST", ["listCallbackUrl"]) => {
                reply(200, &self.callback_url(deployment.name(), trigger)?.to_json(&trigger.name))
            }
            ("POST", ["run"]) => {
                let outputs = match trigger.kind.as_str() {
                    "request" | "manual" | "httpwebhook" => {
                        let value = crate::content::decode(body, Some("application/json"));
                        Some(super::arming::request_outputs(value))
                    }
                    _ => None,
                };
                match self.fire_now(deployment, trigger, outputs).await {
                    Ok(fired) => {
                        let mut answer = empty(202);
                        answer.headers.push(("x-ms-trigger-history-name".into(), fired.history));
                        if let Some(run) = fired.runs.first() {
                            answer.headers.push(("x-ms-workflow-run-id".into(), run.clone()));
                        }
                        answer
                    }
                    Err(message) => refuse(400, "WorkflowTriggerRunFailed", message),
                }
            }
            ("GET", ["histories"]) => {
                let before = query.token.as_deref();
                let list = firings(logbook, deployment.name(), &trigger.name, before, query.top)?;
                let next = (list.len() == query.top).then(|| list.last().map(|f| f.name.clone())).flatten();
                let value: Vec<Json> = list.iter().map(|f| f.to_json(base, &trigger.name)).collect();
                reply(
                    200,
                    &page(
                        value,
                        next.map(|t| format!("{base}/triggers/{}/histories?$skiptoken={t}", trigger.name)),
                    ),
                )
            }
            ("GET", ["histories", history]) => match self.firing(deployment, trigger, history)? {
                Some(firing) => reply(200, &firing.to_json(base, &trigger.name)),
                None => refuse(404, "WorkflowTriggerHistoryNotFound", "There is no such firing."),
            },
            ("POST", ["histories", history, "resubmit"]) => {
                // A run may be named instead of the firing that started it.
                let run = match self.firing(deployment, trigger, history)? {
                    Some(firing) => firing.runs.first().cloned(),
                    None => self.summary(deployment.name(), history)?.map(|s| s.run),
                };
                match run {
                    Some(run) => {
                        let again = self.resubmit(deployment.name(), &run)?;
                        let mut answer = empty(202);
                        answer.headers.push(("x-ms-workflow-run-id".into(), again));
                        answer
                    }
                    None => refuse(404, "WorkflowTriggerHistoryNotFound", "That firing started no run."),
                }
            }
            _ => refuse(404, "NotFound", format!("There is no {method} at this place.")),
        })
    }

    fn firing(
        &self,
        deployment: &Deployment,
        trigger: &Trigger,
        name: &str,
    ) -> std::io::Result<Option<crate::history::TriggerFiring>> {
        let log = firings_log(deployment.name(), &trigger.name);
        let found = self.0.logbook.get(&log, run_seq(name))?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn list_runs(&self, deployment: &Deployment, base: &str, query: &Query) -> std::io::Result<WireAnswer> {
        let filter = match Filter::read(query.filter.as_deref()) {
            Ok(filter) => filter,
            Err(message) => return Ok(refuse(400, "InvalidFilterInQueryString", message)),
        };
        let mut value = Vec::new();
        let mut before = query.token.clone();
        let mut next = None;
        'pages: loop {
            let list = self.runs(deployment.name(), before.as_deref(), LARGEST_PAGE)?;
            for run in &list {
                before = Some(run.run.clone());
                if filter.fits(run) {
                    value.push(summary_to_json(base, run));
                    if value.len() == query.top {
                        next = before;
                        break 'pages;
                    }
                }
            }
            if list.len() < LARGEST_PAGE {
                break;
            }
        }
        Ok(reply(200, &page(value, next.map(|t| format!("{base}/runs?$skiptoken={t}")))))
    }

    async fn manage_run(
        &self,
        deployment: &Arc<Deployment>,
        base: &str,
        method: &str,
        run: &str,
        rest: &[&str],
    ) -> std::io::Result<WireAnswer> {
        let Some(summary) = self.summary(deployment.name(), run)? else {
            return Ok(refuse(404, "WorkflowRunNotFound", format!("The run '{run}' could not be found.")));
        };
        if method == "POST" && rest == ["cancel"] {
            return Ok(if self.signal(run, Signal::Cancel).await {
                empty(200)
            } else {
                refuse(409, "WorkflowRunNotInRunningState", "The run has ended or has not begun.")
            });
        }
        if method != "GET" {
            return Ok(refuse(404, "NotFound", format!("There is no {method} at this place.")));
        }
        let action = match rest {
            [] | ["actions"] => None,
            ["actions", action, ..] => Some((*action).to_owned()),
            _ => return Ok(refuse(404, "NotFound", "There is no such part of a run.")),
        };
        let began = self.deployment_of(&summary)?;
        let selection =
            Selection { top: rest.is_empty().then_some(0), action: action.clone(), ..Default::default() };
        let journal = self.0.driver.journal.as_ref();
        let history = read_history(journal, run, &began.workflow, &began.options, &selection)
            .map_err(std::io::Error::other)?;
        Ok(match rest {
            [] => {
                let mut json = history.to_json(base, &began.workflow);
                if let (Some(properties), Some(status)) =
                    (json.get_mut("properties").and_then(Json::as_object_mut), Some(summary.status.word()))
                {
                    properties.insert("startTime".into(), time(summary.start));
                    properties.insert("status".into(), Json::from(status));
                }
                reply(200, &json)
            }
            ["actions"] => reply(200, &json!({"value": actions_to_json(base, &history)})),
            ["actions", name] => match actions_to_json(base, &history).pop() {
                Some(action) => reply(200, &action),
                None => refuse(404, "WorkflowRunActionNotFound", format!("The action '{name}' did not run.")),
            },
            ["actions", _, "repetitions"] => reply(200, &history.actions_to_json(base)),
            ["actions", _, "repetitions", wanted] => {
                let all = history.actions_to_json(base);
                let found = all["value"].as_array().and_then(|list| {
                    list.iter().find(|a| a["properties"]["repetition"].as_str() == Some(*wanted)).cloned()
                });
                match found {
                    Some(found) => reply(200, &found),
                    None => {
                        refuse(404, "WorkflowRunActionRepetitionNotFound", "There is no such repetition.")
                    }
                }
            }
            ["actions", name, "scopeRepetitions"] => {
                reply(200, &self.scope_repetitions(&began, base, run, name)?)
            }
            _ => refuse(404, "NotFound", "There is no such part of a run."),
        })
    }

    /// The iterations of a Foreach: each with the worst status of its children.
    fn scope_repetitions(
        &self,
        deployment: &Deployment,
        base: &str,
        run: &str,
        name: &str,
    ) -> std::io::Result<Json> {
        let workflow = &deployment.workflow;
        let Some(action) = workflow.action(name) else { return Ok(json!({"value": []})) };
        let children: Vec<String> = workflow.actions[action]
            .kind
            .containers()
            .iter()
            .flat_map(|c| c.actions.iter().map(|id| workflow.actions[*id].name.clone()))
            .collect();
        let journal = self.0.driver.journal.as_ref();
        let mut all: BTreeMap<String, (bool, Json, Json)> = BTreeMap::new();
        for child in children {
            let selection = Selection { action: Some(child), ..Default::default() };
            let history = read_history(journal, run, workflow, &deployment.options, &selection)
                .map_err(std::io::Error::other)?;
            for record in history.actions {
                let Some(repetition) = record.get("repetition").and_then(Json::as_str) else { continue };
                let bad = matches!(record["status"].as_str(), Some("Failed" | "TimedOut" | "Cancelled"));
                let entry = all
                    .entry(repetition.to_owned())
                    .or_insert_with(|| (false, record["startTime"].clone(), record["endTime"].clone()));
                entry.0 |= bad;
                entry.2 = record["endTime"].clone();
            }
        }
        let value: Vec<Json> = all
            .into_iter()
            .map(|(repetition, (bad, start, end))| {
                let status = if bad { "Failed" } else { "Succeeded" };
                json!({"id": format!("{base}/runs/{run}/actions/{name}/scopeRepetitions/{repetition}"), "name": repetition, "type": "Microsoft.Logic/workflows/runs/actions/scopeRepetitions",
                    "properties": {"startTime": start, "endTime": end, "status": status, "repetitionIndexes": [{"scopeName": name, "itemIndex": repetition.rsplit('-').next().and_then(|n| n.parse::<u64>().ok())}]}})
            })
            .collect();
        Ok(json!({"value": value}))
    }
}

fn page(value: Vec<Json>, next: Option<String>) -> Json {
    match next {
        Some(next) => json!({"value": value, "nextLink": next}),
        None => json!({"value": value}),
    }
}

/// `POST …/validate`: whether a definition would run here.
fn validate(deployment: &Deployment, body: &[u8]) -> WireAnswer {
    let Ok(json) = serde_json::from_slice::<Json>(body) else {
        return refuse(400, "InvalidRequestContent", "The request content is no JSON.");
    };
    let definition =
        json.pointer("/properties/definition").or_else(|| json.get("definition")).unwrap_or(&json);
    let (workflow, findings) = compile(deployment.name(), definition, deployment.workflow.is_standard);
    if workflow.is_some() {
        return empty(200);
    }
    let errors: Vec<&Finding> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    let first = errors.first().map(|f| f.message.clone()).unwrap_or_default();
    let details: Vec<Json> = errors.into_iter().map(finding_to_json).collect();
    reply(400, &json!({"error": {"code": "InvalidTemplate", "message": first, "details": details}}))
}
