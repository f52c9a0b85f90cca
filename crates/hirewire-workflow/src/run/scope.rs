//! What an expression sees at one place of a run.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

use super::machine::{Machine, SpaceId, callback_name};
use super::record::time;
use crate::definition::{ActionId, ActionKind};
use crate::expression::{DateTime, Kind, Scope, Value, member, percent_encode, same_name};

/// A place in a run, with the element of a data operation where there is one.
pub(crate) struct View<'m> {
    pub(crate) machine: &'m Machine,
    pub(crate) space: SpaceId,
    pub(crate) action: Option<ActionId>,
    pub(crate) element: Option<&'m Json>,
}

impl<'m> View<'m> {
    fn space_of(&self, action: ActionId) -> Option<SpaceId> {
        let wanted = self.machine.workflow.actions[action].foreach;
        let mut at = Some(self.space);
        while let Some(id) = at {
            let space = self.machine.spaces.get(&id)?;
            if space.owner.map(|(_, action)| action) == wanted {
                return Some(id);
            }
            at = space.owner.map(|(outer, _)| outer);
        }
        None
    }

    fn record(&self, name: &str) -> Option<Option<&'m super::record::ActionRecord>> {
        let action = self.machine.workflow.action(name)?;
        let space = self.space_of(action)?;
        let slot = self.machine.spaces.get(&space)?.slots.get(&action);
        Some(slot.and_then(|s| s.record.as_deref()))
    }
}

impl Scope for View<'_> {
    fn parameter(&self, name: &str) -> Option<Value<'_>> {
        member(&self.machine.options.parameters, name).map(Value::from)
    }

    fn variable(&self, name: &str) -> Option<Value<'_>> {
        let variables = &self.machine.variables;
        let found = variables.get(name).or_else(|| variables.get(&name.to_lowercase()))?;
        Some(Value::from(&found.value))
    }

    fn trigger(&self) -> Option<Value<'_>> {
        let trigger = &self.machine.start.trigger;
        let mut record = Map::new();
        record.insert("name".into(), Json::from(trigger.name.as_str()));
        if !trigger.outputs.is_null() {
            record.insert("outputs".into(), trigger.outputs.clone());
        }
        let start = time(self.machine.started);
        record.insert("startTime".into(), start.clone());
        record.insert("endTime".into(), start);
        if let Some(scheduled) = trigger.scheduled {
            record.insert("scheduledTime".into(), time(scheduled));
        }
        record.insert("trackingId".into(), Json::from(self.machine.start.run.as_str()));
        record.insert("clientTrackingId".into(), Json::from(trigger.client_tracking_id.as_str()));
        record.insert("originHistoryName".into(), Json::from(self.machine.start.run.as_str()));
        record.insert("status".into(), Json::from("Succeeded"));
        Some(Json::Object(record).into())
    }

    fn trigger_outputs(&self) -> Value<'_> {
        Value::from(&self.machine.start.trigger.outputs)
    }

    fn action(&self, name: &str) -> Option<Value<'_>> {
        let record = self.record(name)?;
        Some(match record {
            Some(record) => record.for_expressions(&self.machine.start.run).into(),
            None => json!({"name": name, "status": "Waiting"}).into(),
        })
    }

    fn outputs(&self, name: &str) -> Option<Value<'_>> {
        let record = self.record(name)?;
        Some(record.and_then(|r| r.outputs.as_ref()).map_or(Value::Null, Value::from))
    }

    fn current_action(&self) -> Option<Value<'_>> {
        let action = self.action?;
        let slot = self.machine.spaces.get(&self.space)?.slots.get(&action)?;
        slot.record.as_ref().map(|r| r.for_expressions(&self.machine.start.run).into())
    }

    fn item(&self) -> Option<Value<'_>> {
        if let Some(element) = self.element {
            return Some(Value::from(element));
        }
        let space = self.machine.spaces.get(&self.space)?;
        space.owner.is_some().then(|| Value::from(&space.item))
    }

    fn items(&self, name: &str) -> Option<Value<'_>> {
        let mut at = Some(self.space);
        while let Some(id) = at {
            let space = self.machine.spaces.get(&id)?;
            let (outer, action) = space.owner?;
            if same_name(&self.machine.workflow.actions[action].name, name) {
                return Some(Value::from(&space.item));
            }
            at = Some(outer);
        }
        None
    }

    fn iteration_index(&self, name: &str) -> Option<i64> {
        let action = self.machine.workflow.action(name)?;
        let space = self.space_of(action)?;
        if matches!(self.machine.workflow.actions[action].kind, ActionKind::Foreach(..)) {
            return None;
        }
        let slot = self.machine.spaces.get(&space)?.slots.get(&action)?;
        slot.until.as_ref().map(|u| u.passes as i64)
    }

    fn result(&self, name: &str) -> Option<Value<'_>> {
        let action = self.machine.workflow.action(name)?;
        let space = self.machine.spaces.get(&self.space_of(action)?)?;
        let run = &self.machine.start.run;
        let slot = space.slots.get(&action);
        let mut out = Vec::new();
        for container in self.machine.workflow.actions[action].kind.containers() {
            for child in &container.actions {
                if matches!(self.machine.workflow.actions[action].kind, ActionKind::Foreach(..)) {
                    out.push(self.iterations(slot, *child));
                    continue;
                }
                if let Some(record) = space.slots.get(child).and_then(|s| s.record.as_ref()) {
                    out.push(record.for_expressions(run));
                }
            }
        }
        Some(Json::Array(out).into())
    }

    fn workflow(&self) -> Option<Value<'_>> {
        let start = &self.machine.start;
        let name = &self.machine.workflow.name;
        let id = format!("{}/{name}", start.base_id);
        Some(
            json!({"id": id, "name": name, "type": "Microsoft.Logic/workflows", "location": "local", "tags": {},
                "run": {"id": format!("{id}/runs/{}", start.run), "name": start.run, "type": "Microsoft.Logic/workflows/runs"}})
            .into(),
        )
    }

    fn callback_url(&self) -> Option<String> {
        if let (0, Some(url)) = (self.machine.started, &self.machine.options.trigger_callback) {
            return Some(url.clone());
        }
        let action = self.action?;
        let webhook = matches!(self.machine.workflow.actions[action].kind, ActionKind::Webhook(_));
        webhook.then(|| {
            let name = &self.machine.workflow.actions[action].name;
            let name = callback_name(name, &self.machine.repetition(self.space));
            let base = &self.machine.options.callback_base;
            base.replace("{run}", &self.machine.start.run).replace("{action}", &percent_encode(&name))
        })
    }

    fn app_setting(&self, name: &str) -> Option<String> {
        if !self.machine.workflow.is_standard {
            return None;
        }
        member(&self.machine.options.app_settings, name).map(|v| Value::from(v).to_text().into_owned())
    }

    fn now(&self) -> DateTime {
        DateTime { ticks: self.machine.now, kind: Kind::Utc }
    }

    fn random(&self) -> u128 {
        self.machine.next_random()
    }
}

impl View<'_> {
    /// A loop's child with its records of all iterations.
    fn iterations(&self, slot: Option<&super::machine::Slot>, child: ActionId) -> Json {
        let kept = slot.map(|s| s.kept.as_slice()).unwrap_or_default();
        let records: Vec<_> = kept.iter().filter(|r| r.0 == child).map(|r| &r.1).collect();
        let worst = records.iter().find(|r| r.status.is_bad()).or_else(|| records.last());
        let outputs: Vec<Json> = records.iter().map(|r| r.for_expressions(&self.machine.start.run)).collect();
        json!({
            "name": self.machine.workflow.actions[child].name,
            "outputs": outputs,
            "status": worst.map_or("Skipped", |r| r.status.word()),
            "code": worst.and_then(|r| r.code.clone()),
            "repetitionCount": records.len(),
        })
    }
}

/// The text of a value in a message.
pub(crate) fn shown(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
