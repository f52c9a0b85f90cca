//! Records of finished actions and of the trigger (`spec/workflows.md` §9.7, §14.1).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::definition::Status;
use crate::expression::{DateTime, Kind};

/// What stands in history where something must not be shown.
pub(crate) const SANITIZED: &str = "*sanitized*";

/// One finished action, or one repetition of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRecord {
    /// The action's name.
    pub name: String,
    /// Indexes of the enclosing iterations, outermost first.
    pub repetition: Vec<usize>,
    /// The status.
    pub status: Status,
    /// `OK`, `NotFound`, `ActionSkipped`, …; absent for containers that succeeded.
    pub code: Option<String>,
    /// `{code, message}`.
    pub error: Option<Json>,
    /// Evaluated inputs; see [`ActionRecord::inputs`].
    pub(crate) inputs: Option<Json>,
    /// Whether the inputs are the outputs, as those of a Compose.
    pub(crate) composed: bool,
    /// Outputs.
    pub outputs: Option<Json>,
    /// Start in ticks.
    pub start: i64,
    /// End in ticks.
    pub end: i64,
    /// How many iterations or passes a loop had.
    pub repetitions: Option<usize>,
    /// Retries that were needed: `{startTime, code}` of each failed attempt.
    pub retries: Vec<Json>,
    /// Whether inputs are hidden in history.
    pub hide_inputs: bool,
    /// Whether outputs are hidden in history.
    pub hide_outputs: bool,
}

pub(crate) fn time(ticks: i64) -> Json {
    Json::from(DateTime { ticks, kind: Kind::Utc }.round_trip())
}

impl ActionRecord {
    /// The evaluated inputs.
    pub fn inputs(&self) -> Option<&Json> {
        if self.composed { self.outputs.as_ref() } else { self.inputs.as_ref() }
    }

    /// The record as `actions()` and `result()` give it; nothing is hidden from expressions.
    pub(crate) fn for_expressions(&self, run: &str) -> Json {
        let mut out = Map::new();
        out.insert("name".into(), Json::from(self.name.as_str()));
        if let Some(inputs) = self.inputs() {
            out.insert("inputs".into(), inputs.clone());
        }
        if let Some(outputs) = &self.outputs {
            out.insert("outputs".into(), outputs.clone());
        }
        self.fill(&mut out, run);
        Json::Object(out)
    }

    fn fill(&self, out: &mut Map<String, Json>, run: &str) {
        out.insert("startTime".into(), time(self.start));
        out.insert("endTime".into(), time(self.end));
        out.insert("trackingId".into(), Json::from(format!("{run}-{}", self.name)));
        out.insert("clientTrackingId".into(), Json::from(run));
        if let Some(code) = &self.code {
            out.insert("code".into(), Json::from(code.as_str()));
        }
        out.insert("status".into(), Json::from(self.status.word()));
        if let Some(error) = &self.error {
            out.insert("error".into(), error.clone());
        }
        if let Some(count) = self.repetitions {
            out.insert("repetitionCount".into(), Json::from(count));
        }
    }

    /// The record as history shows it: secured parts and the given secret texts are hidden.
    pub fn for_history(&self, run: &str, secrets: &[String]) -> Json {
        let mut out = Map::new();
        out.insert("name".into(), Json::from(self.name.as_str()));
        if !self.repetition.is_empty() {
            out.insert("repetition".into(), Json::from(self.repetition_name()));
        }
        for (key, value, hidden) in [
            ("inputs", self.inputs(), self.hide_inputs),
            ("outputs", self.outputs.as_ref(), self.hide_outputs),
        ] {
            if let Some(value) = value {
                out.insert(
                    key.into(),
                    if hidden { json!({"secured": true}) } else { sanitize(value, secrets) },
                );
            }
        }
        self.fill(&mut out, run);
        if let Some(error) = out.get_mut("error") {
            *error = if self.hide_inputs || self.hide_outputs {
                json!({"code": error.get("code"), "message": SANITIZED})
            } else {
                sanitize(error, secrets)
            };
        }
        if !self.retries.is_empty() {
            out.insert("retryHistory".into(), Json::from(self.retries.clone()));
        }
        Json::Object(out)
    }

    /// `000001-000003`: the iteration's address.
    pub fn repetition_name(&self) -> String {
        self.repetition.iter().map(|i| format!("{i:06}")).collect::<Vec<_>>().join("-")
    }
}

/// Replaces secret texts and credentials in stored values.
pub(crate) fn sanitize(value: &Json, secrets: &[String]) -> Json {
    match value {
        Json::String(text) => {
            let mut shown = text.clone();
            for secret in secrets.iter().filter(|s| s.len() > 2) {
                if shown.contains(secret.as_str()) {
                    shown = shown.replace(secret.as_str(), SANITIZED);
                }
            }
            Json::String(shown)
        }
        Json::Array(items) => items.iter().map(|i| sanitize(i, secrets)).collect(),
        Json::Object(members) => {
            let hidden = ["password", "secret", "pfx", "authorization", "parameter"];
            let show = |k: &String, v: &Json| {
                let credential = hidden.iter().any(|h| k.eq_ignore_ascii_case(h))
                    && v.is_string()
                    && (k != "parameter" || members.contains_key("scheme"));
                if credential { Json::from(SANITIZED) } else { sanitize(v, secrets) }
            };
            members.iter().map(|(k, v)| (k.clone(), show(k, v))).collect()
        }
        other => other.clone(),
    }
}

/// What fired the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerRecord {
    /// The trigger's name.
    pub name: String,
    /// Its outputs; null for a recurrence.
    pub outputs: Json,
    /// When it was due, in ticks.
    #[serde(default)]
    pub scheduled: Option<i64>,
    /// The caller's or a generated tracking id.
    #[serde(default)]
    pub client_tracking_id: String,
}

/// The answer to the caller of a Request trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers.
    pub headers: Map<String, Json>,
    /// The body.
    pub body: Option<Json>,
}
