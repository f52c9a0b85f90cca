//! Calls of trigger URLs and of webhook callbacks (`spec/workflows.md` §7.2, §7.4).

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::sync::oneshot;

use super::deployment::{Deployment, Sender};
use super::driver::Signal;
use super::http::{WireAnswer, WireRequest};
use super::instance::{Happening, Host, RunAnswer, lock, no_response};
use super::logbook::LogEntry;
use crate::content;
use crate::definition::Trigger;
use crate::expression::{Value, percent_decode};
use crate::run::Response;
use crate::trigger::{Delivery, hibob_delivery, incoming};

/// How long the caller of a Request trigger waits for the Response action.
const RESPONSE_LIMIT: Duration = Duration::from_secs(120);
/// How long deliveries are remembered, in ticks: senders repeat them for hours, not for weeks.
const SEEN_LIMIT: i64 = 7 * 86_400 * 10_000_000;

fn answer(status: u16, body: &Json) -> WireAnswer {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    WireAnswer { status, headers, body: body.to_string().into_bytes() }
}

fn refusal(status: u16, code: &str, message: impl Into<String>) -> WireAnswer {
    answer(status, &json!({"error": {"code": code, "message": message.into()}}))
}

fn trouble(error: &std::io::Error) -> WireAnswer {
    tracing::error!(%error, "the logbook of the workflows fails");
    refusal(503, "ServiceUnavailable", "The event could not be stored. Send it again.")
}

/// A Response action's answer on the wire.
fn on_the_wire(response: &Response) -> WireAnswer {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut typed = false;
    for (name, value) in &response.headers {
        if crate::run::is_removed_header(name) {
            continue;
        }
        typed |= name.eq_ignore_ascii_case("content-type");
        headers.push((name.clone(), Value::from(value).to_text().into_owned()));
    }
    let (body, kind) = content::encode(response.body.as_ref()).unwrap_or_default();
    if !typed && !kind.is_empty() {
        headers.push(("Content-Type".into(), kind));
    }
    WireAnswer { status: response.status, headers, body }
}

fn query<'q>(text: &'q str, name: &str) -> Option<&'q str> {
    text.split('&').filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == name).map(|(_, v)| v)
}

impl Host {
    /// Answers a call below `/workflows/`: a trigger's URL or a webhook action's callback. The path begins there.
    pub async fn receive(&self, request: WireRequest) -> WireAnswer {
        let (path, search) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let path = path.to_owned();
        let search = search.to_owned();
        let segments: Vec<String> =
            path.trim_matches('/').split('/').map(|s| percent_decode(s, false)).collect();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match &parts[..] {
            ["workflows", workflow, "triggers", trigger, "paths", "invoke", ..] => {
                let raw: Vec<&str> = path.trim_matches('/').split('/').skip(6).collect();
                self.invoke(workflow, trigger, &raw.join("/"), &search, &request).await
            }
            // The form of a Standard app (`spec/workflows.md` §3.2).
            ["api", workflow, "triggers", trigger, "invoke", ..] => {
                let raw: Vec<&str> = path.trim_matches('/').split('/').skip(5).collect();
                self.invoke(workflow, trigger, &raw.join("/"), &search, &request).await
            }
            ["workflows", workflow, "runs", run, "actions", action, "callback"] => {
                self.called_back(workflow, run, action, &search, &request).await
            }
            _ => refusal(404, "NotFound", "There is no such workflow URL."),
        }
    }

    async fn called_back(
        &self,
        workflow: &str,
        run: &str,
        action: &str,
        search: &str,
        request: &WireRequest,
    ) -> WireAnswer {
        let keys = match self.keys(workflow) {
            Ok(keys) => keys,
            Err(error) => return trouble(&error),
        };
        let signature = query(search, "sig").map(|s| percent_decode(s, false)).unwrap_or_default();
        if !keys.verify(workflow, &format!("runs/{run}"), &signature) {
            return unauthenticated();
        }
        let kind = header(request, "content-type").unwrap_or("application/json").to_owned();
        let headers: Map<String, Json> =
            request.headers.iter().map(|(n, v)| (n.clone(), Json::from(v.as_str()))).collect();
        let mut outputs = Map::new();
        outputs.insert("headers".into(), Json::Object(headers));
        if let Some(body) = content::decode(&request.body, Some(&kind)) {
            outputs.insert("body".into(), body);
        }
        let signal = Signal::Callback { action: action.to_owned(), outputs: Json::Object(outputs) };
        if self.signal(run, signal).await {
            WireAnswer { status: 202, headers: Vec::new(), body: Vec::new() }
        } else {
            refusal(404, "WorkflowRunNotFound", "The run has ended or is not known.")
        }
    }

    async fn invoke(
        &self,
        workflow: &str,
        trigger: &str,
        relative: &str,
        search: &str,
        request: &WireRequest,
    ) -> WireAnswer {
        let found = self.deployment(workflow).and_then(|d| Some((d, d.workflow.trigger(trigger)?)));
        // Whether a workflow exists is told to nobody who cannot sign.
        let signature = query(search, "sig").map(|s| percent_decode(s, false)).unwrap_or_default();
        let Some((deployment, trigger)) = found else { return unauthenticated() };
        let keys = match self.keys(deployment.name()) {
            Ok(keys) => keys,
            Err(error) => return trouble(&error),
        };
        if !keys.verify(deployment.name(), &trigger.name, &signature) {
            return unauthenticated();
        }
        if header(request, "authorization").is_some_and(|h| h.to_ascii_lowercase().starts_with("bearer ")) {
            return refusal(
                401,
                "DirectApiAuthorizationRequired",
                "The request must be authenticated only by Shared Access scheme, not by a token beside it.",
            );
        }
        if !deployment.is_enabled() {
            return refusal(
                404,
                "WorkflowTriggerIsNotEnabled",
                format!("Could not execute workflow trigger '{}' with state 'Disabled'.", trigger.name),
            );
        }
        let mut also = Vec::new();
        let mut seen = None;
        match self.judge_sender(deployment, request) {
            Verdict::Answer(answer) => return answer,
            Verdict::Event(None) => {}
            Verdict::Event(Some(key)) => match self.note_seen(deployment, &key) {
                Ok(None) => return WireAnswer { status: 202, headers: Vec::new(), body: Vec::new() },
                Ok(Some(entry)) => {
                    also.push(entry);
                    seen = Some(key);
                }
                Err(error) => return trouble(&error),
            },
        }
        let answer = self.start_by_request(deployment, trigger, relative, search, request, also).await;
        // An event that was not stored may come again.
        if let (Some(key), true) =
            (seen, answer.status >= 400 && answer.status != 502 && answer.status != 504)
        {
            lock(&self.0.seen).entry(deployment.name().to_owned()).or_default().remove(&key);
        }
        answer
    }

    async fn start_by_request(
        &self,
        deployment: &std::sync::Arc<Deployment>,
        trigger: &Trigger,
        relative: &str,
        search: &str,
        request: &WireRequest,
        also: Vec<LogEntry>,
    ) -> WireAnswer {
        let outputs =
            match incoming(trigger, &request.method, relative, search, &request.headers, &request.body) {
                Ok(outputs) => outputs,
                Err(refused) => return answer(refused.status, &refused.body),
            };
        if self.is_full(deployment, trigger) {
            let mut answer = refusal(
                429,
                "WorkflowTriggerConcurrencyLimitReached",
                format!("The runs of trigger '{}' and its queue are full. Try again later.", trigger.name),
            );
            answer.headers.push(("retry-after".into(), "10".into()));
            return answer;
        }
        let waits = deployment.workflow.has_response && trigger.split_on.is_none();
        let (send, receive) = oneshot::channel();
        let mut happening = Happening::new(deployment, trigger, vec![outputs]);
        happening.tracking = header(request, "x-ms-client-tracking-id").map(str::to_owned);
        happening.also = also;
        happening.waiter = waits.then_some(send);
        let tracking = happening.tracking.clone();
        let fired = match self.happen(happening) {
            Ok(fired) => fired,
            Err(error) => return trouble(&error),
        };
        if let Some(message) = fired.error {
            return refusal(400, "InvalidTemplate", message);
        }
        let run = fired.runs.first();
        if let (true, Some(run)) = (waits, run) {
            return match tokio::time::timeout(RESPONSE_LIMIT, receive).await {
                Ok(Ok(RunAnswer::Response(response))) => {
                    let mut answer = on_the_wire(&response);
                    answer.headers.extend(run_headers(deployment, &fired.history, run, tracking.as_deref()));
                    answer
                }
                Ok(_) => answer(502, &no_response(run)),
                Err(_) => refusal(
                    504,
                    "GatewayTimeout",
                    "The server did not receive a response from an upstream server within the time limit.",
                ),
            };
        }
        let run = run.map_or("", String::as_str);
        let headers = run_headers(deployment, &fired.history, run, tracking.as_deref());
        WireAnswer { status: 202, headers, body: Vec::new() }
    }

    fn judge_sender(&self, deployment: &Deployment, request: &WireRequest) -> Verdict {
        let signature = header(request, "bob-signature");
        let secret = match (&deployment.sender, signature) {
            (Some(Sender::HiBob(secret)), _) => secret.as_deref(),
            // Bob signs what it sends; without its secret here the URL's signature is all there is.
            (None, Some(_)) => None,
            (None, None) => return Verdict::Event(None),
        };
        match hibob_delivery(secret, signature, &request.body) {
            Delivery::Ping => Verdict::Answer(answer(200, &json!({"status": "ok"}))),
            Delivery::BadSignature => Verdict::Answer(refusal(
                401,
                "InvalidSignature",
                "The header Bob-Signature is missing or does not fit the body.",
            )),
            Delivery::Unreadable => Verdict::Answer(answer(200, &json!({"status": "ignored"}))),
            Delivery::Event { key, .. } => Verdict::Event(Some(key)),
        }
    }

    /// Remembers a delivery; nothing where it was seen before. The entry becomes durable with the run.
    fn note_seen(&self, deployment: &Deployment, key: &str) -> std::io::Result<Option<LogEntry>> {
        let log = format!("seen:{}", deployment.name().to_lowercase());
        let now = self.now();
        let mut all = lock(&self.0.seen);
        if !all.contains_key(deployment.name()) {
            let mut known = std::collections::HashMap::new();
            let mut old = Vec::new();
            for (seq, bytes) in self.0.logbook.read(&log)? {
                if seq < now - SEEN_LIMIT {
                    old.push(LogEntry::remove(log.clone(), seq));
                } else {
                    known.insert(String::from_utf8_lossy(&bytes).into_owned(), seq);
                }
            }
            self.0.logbook.put(old)?;
            all.insert(deployment.name().to_owned(), known);
        }
        let known = all.entry(deployment.name().to_owned()).or_default();
        if known.contains_key(key) {
            return Ok(None);
        }
        let seq = self.next_seq();
        known.insert(key.to_owned(), seq);
        if known.len() > 100_000 {
            known.retain(|_, at| *at > now - SEEN_LIMIT);
        }
        Ok(Some(LogEntry { log, seq, bytes: Some(key.as_bytes().to_vec()) }))
    }
}

enum Verdict {
    Answer(WireAnswer),
    /// An event, with its key where deliveries repeat.
    Event(Option<String>),
}

fn unauthenticated() -> WireAnswer {
    refusal(
        401,
        "DirectApiAuthorizationRequired",
        "The request must be authenticated only by Shared Access scheme.",
    )
}

fn header<'r>(request: &'r WireRequest, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

fn run_headers(
    deployment: &Deployment,
    history: &str,
    run: &str,
    tracking: Option<&str>,
) -> Vec<(String, String)> {
    let version: String = deployment.version.chars().take(20).collect();
    let pairs = [
        ("x-ms-workflow-run-id", run),
        ("x-ms-workflow-name", deployment.name()),
        ("x-ms-workflow-id", deployment.name()),
        ("x-ms-workflow-version", version.as_str()),
        ("x-ms-trigger-history-name", history),
        ("x-ms-request-id", history),
        ("x-ms-client-tracking-id", tracking.unwrap_or(run)),
        ("x-ms-correlation-id", history),
        ("x-ms-execution-location", "local"),
    ];
    pairs
        .iter()
        .filter(|(_, v)| !v.is_empty() && v.bytes().all(|b| (0x20..0x7f).contains(&b)))
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}
