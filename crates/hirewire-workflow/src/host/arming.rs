//! Armed triggers: schedules, polls and subscriptions that run until they are disarmed (`spec/workflows.md` §7).

use std::io;
use std::sync::Arc;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::deployment::Deployment;
use super::instance::{Fired, Happening, Host, lock};
use super::logbook::LogEntry;
use super::outside::ConnectorCall;
use super::polling::{PollFrom, Polled};
use crate::definition::Trigger;
use crate::expression::{DateTime, Kind, same_name};
use crate::run::{
    Answer, Call, Effect, Machine, RunOptions, Start, TriggerRecord, connection_effect, connection_of,
    duration, http_effect, provider_effect, retry_wait,
};
use crate::trigger::{Poll, Recurrence, judge_poll};

const SECOND: i64 = 10_000_000;
/// How long a trigger waits after trouble that is not the other side's, and a full one before it looks again.
const PAUSE: i64 = 5 * SECOND;
/// How long a failed subscription waits for its next attempt.
const RESUBSCRIBE: i64 = 60 * SECOND;
/// Longest sleep without a look at the clock: clocks are set, machines are suspended.
const LONGEST_SLEEP: i64 = 30 * SECOND;
/// Windows that a sliding window makes up in one go.
const MOST_WINDOWS: usize = 1_000;

/// How far a trigger has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TriggerState {
    /// What the schedule was; another one starts anew.
    schedule: String,
    /// What the inputs were; others start anew.
    inputs: String,
    /// When the trigger was enabled, in ticks.
    enabled: i64,
    /// When it fired or looked last, in ticks.
    last: Option<i64>,
    /// End of the last window, in ticks.
    window: Option<i64>,
    /// Where the next HTTP poll goes.
    location: Option<String>,
    /// The next HTTP poll does not come before this moment.
    not_before: Option<i64>,
    /// Cursor of a connector.
    cursor: Option<Json>,
}

fn hash(json: &Json) -> String {
    let hash = digest::digest(&digest::SHA256, json.to_string().as_bytes());
    hash.as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect()
}

fn state_log(deployment: &Deployment, trigger: &Trigger) -> String {
    format!("state:{}:{}", deployment.name().to_lowercase(), trigger.name.to_lowercase())
}

fn utc(ticks: i64) -> DateTime {
    DateTime { ticks, kind: Kind::Utc }
}

/// One armed trigger.
#[derive(Clone)]
struct Armed {
    host: Host,
    deployment: Arc<Deployment>,
    trigger: Trigger,
}

impl Host {
    /// Arms the triggers of all enabled workflows, and ends subscriptions of workflows that are gone. Call it within a
    /// tokio runtime.
    pub fn arm(&self) {
        self.end_old_subscriptions();
        for deployment in &self.0.deployments {
            if deployment.is_enabled() {
                self.arm_one(deployment);
            }
        }
    }

    /// Ends all armed triggers; subscriptions stand, runs go on.
    pub fn stop(&self) {
        let all = std::mem::take(&mut *lock(&self.0.tasks));
        all.into_values().flatten().for_each(|handle| handle.abort());
    }

    pub(crate) fn arm_one(&self, deployment: &Arc<Deployment>) {
        let mut handles = Vec::new();
        for trigger in &deployment.workflow.triggers {
            let armed =
                Armed { host: self.clone(), deployment: Arc::clone(deployment), trigger: trigger.clone() };
            handles.push(tokio::spawn(async move { armed.run().await }).abort_handle());
        }
        let before = lock(&self.0.tasks).insert(deployment.name().to_owned(), handles);
        before.into_iter().flatten().for_each(|handle| handle.abort());
    }

    pub(crate) fn disarm(&self, deployment: &Arc<Deployment>) {
        let handles = lock(&self.0.tasks).remove(deployment.name());
        handles.into_iter().flatten().for_each(|handle| handle.abort());
        for trigger in &deployment.workflow.triggers {
            // A trigger that is enabled again starts anew.
            let _ = self.0.logbook.put(vec![LogEntry::remove(state_log(deployment, trigger), 0)]);
            let (host, seq) = (self.clone(), hook_seq(deployment.name(), &trigger.name));
            tokio::spawn(async move { host.unsubscribe(seq).await });
        }
    }

    /// When a trigger is due next, in ticks, where it has a schedule.
    pub fn next_due(&self, deployment: &Arc<Deployment>, trigger: &Trigger) -> Option<i64> {
        let armed =
            Armed { host: self.clone(), deployment: Arc::clone(deployment), trigger: trigger.clone() };
        let recurrence = armed.recurrence().ok()?;
        let state = armed.load().ok()?;
        armed.due(&recurrence, &state)
    }

    /// Fires a trigger for a person: a schedule at once, a poll with the latest existing item, a request with `outputs`.
    ///
    /// # Errors
    /// Why the trigger cannot be fired.
    pub async fn fire_now(
        &self,
        deployment: &Arc<Deployment>,
        trigger: &Trigger,
        outputs: Option<Json>,
    ) -> Result<Fired, String> {
        let armed =
            Armed { host: self.clone(), deployment: Arc::clone(deployment), trigger: trigger.clone() };
        let outputs = match (outputs, trigger.kind.as_str()) {
            (Some(outputs), _) => vec![outputs],
            (None, "http") => {
                let answer = armed.poll_http(None).await.map_err(|e| e.to_string())?;
                match judge_poll(&answer, !trigger.conditions.is_empty()) {
                    Poll::Fire(outputs) => vec![outputs],
                    Poll::Later { .. } => Vec::new(),
                    Poll::Failed(message) => return Err(message),
                }
            }
            (None, "apiconnection" | "serviceprovider") => {
                armed.poll_connector(PollFrom::Latest).await.map_err(|answer| describe(&answer))?.firings
            }
            (None, "slidingwindow") => {
                let now = self.now();
                vec![window(now, now)]
            }
            (None, _) => vec![Json::Null],
        };
        if outputs.is_empty() {
            return Err(format!("the trigger '{}' found nothing to fire for", trigger.name));
        }
        let mut happening = Happening::new(deployment, trigger, outputs);
        happening.scheduled = matches!(trigger.kind.as_str(), "recurrence").then(|| self.now());
        self.happen(happening).map_err(|e| e.to_string())
    }

    fn end_old_subscriptions(&self) {
        let hooks = self.0.logbook.read(HOOKS).unwrap_or_default();
        let known: Vec<i64> = self
            .0
            .deployments
            .iter()
            .flat_map(|d| d.workflow.triggers.iter().map(|t| hook_seq(d.name(), &t.name)))
            .collect();
        for (seq, _) in hooks {
            if !known.contains(&seq) {
                let host = self.clone();
                tokio::spawn(async move { host.unsubscribe(seq).await });
            }
        }
    }

    /// Calls a subscription's `unsubscribe` and forgets it.
    async fn unsubscribe(&self, seq: i64) {
        let Ok(Some(bytes)) = self.0.logbook.get(HOOKS, seq) else { return };
        let Ok(hook) = serde_json::from_slice::<Hook>(&bytes) else { return };
        if let Some(request) = hook.unsubscribe.filter(|r| !r.is_null()) {
            let _ = self.0.outside.call(call(&hook.trigger, http_effect(&request))).await;
        }
        let _ = self.0.logbook.put(vec![LogEntry::remove(HOOKS, seq)]);
    }
}

/// Log of subscriptions that stand.
const HOOKS: &str = "hooks";

#[derive(Debug, Serialize, Deserialize)]
struct Hook {
    trigger: String,
    subscribed: String,
    unsubscribe: Option<Json>,
}

fn hook_seq(workflow: &str, trigger: &str) -> i64 {
    let name = format!("{}\n{}", workflow.to_lowercase(), trigger.to_lowercase());
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    hash.as_ref()[..8].iter().fold(0i64, |n, b| n << 8 | i64::from(*b)) & i64::MAX
}

fn call(trigger: &str, effect: Effect) -> Call {
    Call {
        id: 0,
        run: String::new(),
        action: trigger.to_owned(),
        repetition: Vec::new(),
        plain: false,
        effect,
    }
}

fn window(start: i64, end: i64) -> Json {
    let (start, end) = (utc(start).round_trip(), utc(end).round_trip());
    // [U] whether the members stand in the outputs or in their body: both are given.
    json!({"windowStartTime": start, "windowEndTime": end, "body": {"windowStartTime": start, "windowEndTime": end}})
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Response { status, body, .. } => {
            let said = body.as_ref().and_then(|b| {
                b.pointer("/error/message")
                    .or_else(|| b.get("message"))
                    .and_then(Json::as_str)
                    .map(str::to_owned)
            });
            match said {
                Some(said) => format!("the poll was answered with {status}: {said}"),
                None => format!("the poll was answered with {status}"),
            }
        }
        Answer::Fault { message, .. } => message.clone(),
        Answer::Value(_) => "the poll was answered with a script's value".into(),
    }
}

impl Armed {
    async fn run(&self) {
        let result = match self.trigger.kind.as_str() {
            "recurrence" => self.keep_schedule().await,
            "slidingwindow" => self.slide().await,
            "http" => self.keep_polling_http().await,
            "apiconnection" | "serviceprovider" => self.keep_polling_connector().await,
            "httpwebhook" | "apiconnectionwebhook" | "apiconnectionnotification" => self.subscribe().await,
            // Requests come by themselves.
            _ => Ok(()),
        };
        if let Err(error) = result {
            let (workflow, trigger) = (self.deployment.name(), &self.trigger.name);
            tracing::error!(workflow, trigger, %error, "a trigger ends: its state cannot be kept or its schedule is wrong");
            let _ = self.host.note_failure(&self.deployment, &self.trigger, error.to_string(), Vec::new());
        }
    }

    /// The trigger's evaluated part, before any run.
    fn evaluate(&self, template: &crate::expression::Template) -> Result<Json, String> {
        let host = &self.host;
        let url = host.callback_url(self.deployment.name(), &self.trigger).map_err(|e| e.to_string())?;
        let options = RunOptions { trigger_callback: Some(url.value), ..self.deployment.options.clone() };
        let record = TriggerRecord {
            name: self.trigger.name.clone(),
            outputs: Json::Null,
            scheduled: None,
            client_tracking_id: String::new(),
        };
        let start = Start { run: String::new(), base_id: host.0.base_id.clone(), trigger: record };
        let machine = Machine::new(Arc::clone(&self.deployment.workflow), start, options).at(host.now());
        template.to_json(&machine.trigger_view()).map_err(|e| e.message)
    }

    fn inputs(&self) -> Result<Json, String> {
        self.trigger.inputs.as_ref().map_or(Ok(Json::Null), |t| self.evaluate(t))
    }

    fn recurrence(&self) -> io::Result<Recurrence> {
        let json = match &self.trigger.recurrence {
            Some(template) => self.evaluate(template).map_err(io::Error::other)?,
            // Polls without a recurrence look every three minutes, the designer's default.
            None => json!({"frequency": "Minute", "interval": 3}),
        };
        Recurrence::read(&json).map_err(io::Error::other)
    }

    /// The stored state; anew where the trigger changed or was never armed.
    fn load(&self) -> io::Result<TriggerState> {
        let stored = self.host.0.logbook.get(&state_log(&self.deployment, &self.trigger), 0)?;
        let stored: TriggerState =
            stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let part = |name: &str| hash(self.trigger.json.get(name).unwrap_or(&Json::Null));
        let (schedule, inputs) = (part("recurrence"), part("inputs"));
        let mut state = stored;
        if state.schedule != schedule {
            state = TriggerState { schedule, enabled: self.host.now(), last: None, window: None, ..state };
        }
        if state.inputs != inputs {
            state = TriggerState { inputs, location: None, not_before: None, cursor: None, ..state };
        }
        Ok(state)
    }

    fn entry(&self, state: &TriggerState) -> io::Result<LogEntry> {
        LogEntry::json(state_log(&self.deployment, &self.trigger), 0, state)
    }

    fn save(&self, state: &TriggerState) -> io::Result<()> {
        self.host.0.logbook.put(vec![self.entry(state)?])
    }

    fn due(&self, recurrence: &Recurrence, state: &TriggerState) -> Option<i64> {
        let now = self.host.now();
        recurrence.next(utc(now), utc(state.enabled), state.last.map(utc)).map(|d| d.ticks)
    }

    /// Sleeps until a moment of the wall clock.
    async fn sleep_until(&self, at: i64) {
        loop {
            let now = self.host.now();
            if now >= at {
                return;
            }
            self.host.0.outside.sleep_until(at.min(now + LONGEST_SLEEP)).await;
        }
    }

    async fn keep_schedule(&self) -> io::Result<()> {
        let recurrence = self.recurrence()?;
        let mut state = self.load()?;
        self.save(&state)?;
        while let Some(due) = self.due(&recurrence, &state) {
            self.sleep_until(due).await;
            state.last = Some(due);
            // "If the queue is full, polling triggers skip": a schedule as well.
            if self.host.is_full(&self.deployment, &self.trigger) {
                self.save(&state)?;
                continue;
            }
            let mut happening = Happening::new(&self.deployment, &self.trigger, vec![Json::Null]);
            happening.scheduled = Some(due);
            happening.also = vec![self.entry(&state)?];
            self.host.happen(happening)?;
        }
        Ok(())
    }

    async fn slide(&self) -> io::Result<()> {
        let recurrence = self.recurrence()?;
        let delay = match self.inputs().map_err(io::Error::other)?.get("delay").and_then(Json::as_str) {
            Some(text) => duration(text).unwrap_or(0).max(0),
            None => 0,
        };
        let mut state = self.load()?;
        self.save(&state)?;
        let mut begin = match state.window.or_else(|| recurrence.start().map(|s| s.ticks)) {
            Some(begin) => begin,
            None => state.enabled,
        };
        loop {
            let mut windows = Vec::new();
            let mut end = begin;
            while windows.len() < MOST_WINDOWS {
                let Some(next) = recurrence.next(utc(end), utc(begin), Some(utc(end))) else { return Ok(()) };
                if next.ticks + delay > self.host.now() {
                    break;
                }
                windows.push((end, next.ticks));
                end = next.ticks;
            }
            if windows.is_empty() {
                let Some(next) = recurrence.next(utc(begin), utc(begin), Some(utc(begin))) else {
                    return Ok(());
                };
                self.sleep_until(next.ticks + delay).await;
                continue;
            }
            // Windows are never skipped: while the queue is full they wait.
            for (start, end) in windows {
                while self.host.is_full(&self.deployment, &self.trigger) {
                    self.host.0.outside.sleep_until(self.host.now() + PAUSE).await;
                }
                state.window = Some(end);
                let mut happening = Happening::new(&self.deployment, &self.trigger, vec![window(start, end)]);
                happening.scheduled = Some(end);
                happening.also = vec![self.entry(&state)?];
                self.host.happen(happening)?;
                begin = end;
            }
        }
    }

    /// One HTTP poll with its retries.
    async fn poll_http(&self, location: Option<&str>) -> Result<Answer, String> {
        let inputs = self.inputs()?;
        let mut effect = http_effect(&inputs);
        if let (Some(location), Effect::Http { method, uri, queries, body, .. }) = (location, &mut effect) {
            *uri = location.to_owned();
            *method = "GET".into();
            queries.clear();
            *body = None;
        }
        let outside = &self.host.0.outside;
        let mut attempt = 0;
        loop {
            let answer = outside.call(call(&self.trigger.name, effect.clone())).await;
            let fraction = (outside.random() >> 11) as f64 / (1u64 << 53) as f64;
            let wait = retry_wait(inputs.get("retryPolicy"), attempt, &answer, outside.now(), fraction);
            let Some(wait) = wait else { return Ok(answer) };
            attempt += 1;
            outside.sleep_until(outside.now().saturating_add(wait)).await;
        }
    }

    async fn keep_polling_http(&self) -> io::Result<()> {
        let recurrence = self.recurrence()?;
        let mut state = self.load()?;
        self.save(&state)?;
        while let Some(due) = self.due(&recurrence, &state) {
            let due = state
                .not_before
                .take()
                .map_or(due, |at| if state.location.is_some() { at } else { due.max(at) });
            self.sleep_until(due).await;
            state.last = Some(due);
            if self.host.is_full(&self.deployment, &self.trigger) {
                self.save(&state)?;
                continue;
            }
            let answer = self.poll_http(state.location.as_deref()).await;
            let now = self.host.now();
            let verdict = match answer {
                Ok(answer) => judge_poll(&answer, !self.trigger.conditions.is_empty()),
                Err(message) => Poll::Failed(message),
            };
            match verdict {
                Poll::Fire(outputs) => {
                    state.location = None;
                    let mut happening = Happening::new(&self.deployment, &self.trigger, vec![outputs]);
                    happening.also = vec![self.entry(&state)?];
                    self.host.happen(happening)?;
                }
                Poll::Later { location, retry_after } => {
                    state.location = location.or(state.location);
                    let wait =
                        retry_after.map(|s| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(SECOND));
                    state.not_before = wait.map(|wait| now.saturating_add(wait));
                    self.save(&state)?;
                }
                Poll::Failed(message) => {
                    state.location = None;
                    let entry = self.entry(&state)?;
                    self.host.note_failure(&self.deployment, &self.trigger, message, vec![entry])?;
                }
            }
        }
        Ok(())
    }

    /// One look of a connector with its retries.
    async fn poll_connector(&self, from: PollFrom) -> Result<Polled, Answer> {
        let fault = |message: String| Answer::Fault { code: "BadRequest".into(), message, retry: false };
        let inputs = self.inputs().map_err(fault)?;
        let parameters = &self.deployment.options.parameters;
        let effect = if self.trigger.kind == "serviceprovider" {
            provider_effect(&inputs)
        } else {
            let named = self.trigger.connection.clone();
            let name = named.or_else(|| connection_of(&inputs, parameters)).unwrap_or_default();
            connection_effect(&inputs, name)
        };
        let Effect::Connection { connection, method, path, queries, headers, body } = effect else {
            return Err(fault("the trigger calls no connector".into()));
        };
        let found = self.host.0.connections.iter().find(|(name, _)| same_name(name, &connection));
        let Some((_, connector)) = found else {
            return Err(fault(format!(
                "The connection '{connection}' is not bound here. Bind it in the project: [connections.{connection}]."
            )));
        };
        let call = ConnectorCall { method, path, queries, headers, body };
        let outside = &self.host.0.outside;
        let mut attempt = 0;
        loop {
            let answer = match connector.poll(call.clone(), from.clone()).await {
                Ok(polled) => return Ok(polled),
                Err(answer) => answer,
            };
            let fraction = (outside.random() >> 11) as f64 / (1u64 << 53) as f64;
            let wait = retry_wait(inputs.get("retryPolicy"), attempt, &answer, outside.now(), fraction);
            let Some(wait) = wait else { return Err(answer) };
            attempt += 1;
            outside.sleep_until(outside.now().saturating_add(wait)).await;
        }
    }

    async fn keep_polling_connector(&self) -> io::Result<()> {
        let recurrence = self.recurrence()?;
        let mut state = self.load()?;
        self.save(&state)?;
        let mut more = state.cursor.is_none();
        while let Some(due) = if more { Some(self.host.now()) } else { self.due(&recurrence, &state) } {
            self.sleep_until(due).await;
            state.last = Some(due);
            if self.host.is_full(&self.deployment, &self.trigger) {
                if more {
                    self.host.0.outside.sleep_until(self.host.now() + PAUSE).await;
                } else {
                    self.save(&state)?;
                }
                continue;
            }
            let from = state.cursor.clone().map_or(PollFrom::Activation, PollFrom::After);
            match self.poll_connector(from).await {
                Ok(polled) => {
                    more = polled.more;
                    let moved = state.cursor.as_ref() != Some(&polled.cursor);
                    state.cursor = Some(polled.cursor);
                    if polled.firings.is_empty() {
                        if moved {
                            self.save(&state)?;
                        }
                        continue;
                    }
                    let mut happening = Happening::new(&self.deployment, &self.trigger, polled.firings);
                    happening.also = vec![self.entry(&state)?];
                    self.host.happen(happening)?;
                }
                Err(answer) => {
                    more = false;
                    let entry = self.entry(&state)?;
                    self.host.note_failure(
                        &self.deployment,
                        &self.trigger,
                        describe(&answer),
                        vec![entry],
                    )?;
                    // Without a cursor the first look is made again at the next time of the schedule.
                }
            }
        }
        Ok(())
    }

    /// Subscribes once; again where the request or this instance's URL changed.
    async fn subscribe(&self) -> io::Result<()> {
        let seq = hook_seq(self.deployment.name(), &self.trigger.name);
        loop {
            let inputs = match self.inputs() {
                Ok(inputs) => inputs,
                Err(message) => {
                    return self.host.note_failure(&self.deployment, &self.trigger, message, Vec::new());
                }
            };
            let subscribed = hash(&inputs);
            let before = self.host.0.logbook.get(HOOKS, seq)?;
            let before: Option<Hook> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            match before {
                Some(hook) if hook.subscribed == subscribed => return Ok(()),
                Some(_) => self.host.unsubscribe(seq).await,
                None => {}
            }
            let effect = match inputs.get("subscribe") {
                Some(request) => http_effect(request),
                None => {
                    let named = self.trigger.connection.clone();
                    let parameters = &self.deployment.options.parameters;
                    let name = named.or_else(|| connection_of(&inputs, parameters)).unwrap_or_default();
                    connection_effect(&inputs, name)
                }
            };
            let answer = self.host.0.outside.call(call(&self.trigger.name, effect)).await;
            if matches!(answer, Answer::Response { status: 200..=299, .. }) {
                let hook = Hook {
                    trigger: self.trigger.name.clone(),
                    subscribed,
                    unsubscribe: inputs.get("unsubscribe").cloned(),
                };
                return self.host.0.logbook.put(vec![LogEntry::json(HOOKS, seq, &hook)?]);
            }
            let message = format!("the subscription failed: {}", describe(&answer));
            self.host.note_failure(&self.deployment, &self.trigger, message, Vec::new())?;
            self.host.0.outside.sleep_until(self.host.now() + RESUBSCRIBE).await;
        }
    }
}

/// Trigger outputs of a request that a person makes with a body, for tests and the command line.
pub fn request_outputs(body: Option<Json>) -> Json {
    let mut headers = Map::new();
    if body.as_ref().is_some_and(|b| !b.is_string()) {
        headers.insert("Content-Type".into(), Json::from("application/json"));
    }
    let mut outputs = Map::new();
    outputs.insert("headers".into(), Json::Object(headers));
    if let Some(body) = body {
        outputs.insert("body".into(), body);
    }
    Json::Object(outputs)
}
