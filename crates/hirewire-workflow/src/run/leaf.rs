//! Actions without a body: Compose, variables, Response, Terminate, Wait, scripts (`spec/workflows.md` §8).

use serde_json::{Map, Value as Json, json};

use super::conditions::type_name;
use super::data;
use super::machine::{Finish, Machine, SpaceId, Variable, duration};
use super::message::{Answer, Command, Effect};
use super::record::Response;
use super::schema;
use super::scope::shown;
use crate::definition::{ActionId, ActionKind, InitialVariable, Status, VariableKind};
use crate::expression::{DateTime, ErrorKind, ExpressionError, MAX_TEXT, Template, Value, member, read_json};

const TICKS: i64 = 10_000_000;

impl Machine {
    /// Begins an action of any kind.
    pub(crate) fn run_kind(
        &mut self,
        space: SpaceId,
        action: ActionId,
        kind: &ActionKind,
    ) -> Result<(), ExpressionError> {
        let finish = match kind {
            ActionKind::If(..) => {
                self.start_if(space, action);
                return Ok(());
            }
            ActionKind::Switch(..) => return self.start_switch(space, action),
            ActionKind::Foreach(items, _) => return self.start_foreach(space, action, items),
            ActionKind::Until { .. } => return self.start_until(space, action),
            ActionKind::Scope(_) => {
                self.start_scope(space, action);
                return Ok(());
            }
            ActionKind::Http(t) | ActionKind::Webhook(t) => return self.start_http(space, action, t),
            ActionKind::Connection(t, name) => {
                return self.start_connection(space, action, t, name.as_deref());
            }
            ActionKind::ServiceProvider(t) => return self.start_service_provider(space, action, t),
            ActionKind::Function(t) => return self.start_function(space, action, t),
            ActionKind::Workflow(t) => return self.start_child(space, action, t),
            ActionKind::JavaScript(code) => {
                let context = self.script_context(space, action, code);
                self.call(space, action, Effect::Script { code: code.clone(), context });
                return Ok(());
            }
            ActionKind::Wait(t) => return self.start_wait(space, action, t),
            ActionKind::Terminate(t) => return self.terminate(space, action, t),
            ActionKind::Response(t) => self.respond(space, action, t)?,
            ActionKind::Compose(t) => {
                let value = self.evaluate(t, space, action)?;
                self.slot(space, action).composed = true;
                Finish::ok(value)
            }
            ActionKind::ParseJson(content, schema) => {
                self.parse_json(space, action, content, schema.as_ref())?
            }
            ActionKind::Select(from, select) => data::select(self, space, action, from, select)?,
            ActionKind::Query(from, condition) => data::query(self, space, action, from, condition)?,
            ActionKind::Join(from, with) => data::join(self, space, action, from, with)?,
            ActionKind::Table { from, html, columns } => {
                data::table(self, space, action, from, *html, columns.as_deref())?
            }
            ActionKind::InitializeVariable(list) => self.initialize(space, action, list)?,
            ActionKind::SetVariable(name, value) => {
                let value = self.evaluate(value, space, action)?;
                self.set_variable(space, action, name, value)
            }
            ActionKind::IncrementVariable(name, value, sign) => {
                self.increment(space, action, name, value.as_ref(), *sign)?
            }
            ActionKind::AppendToString(name, value) => self.append_text(space, action, name, value)?,
            ActionKind::AppendToArray(name, value) => self.append_element(space, action, name, value)?,
            ActionKind::Expression(kind, inputs) => self.built_in(space, action, kind, inputs)?,
        };
        self.finish(space, action, finish);
        Ok(())
    }

    /// Goes on after a wait, retry or poll.
    pub(crate) fn resume(&mut self, space: SpaceId, action: ActionId) {
        if self.slot(space, action).progress.is_some() {
            return self.resume_call(space, action);
        }
        self.finish(
            space,
            action,
            Finish { status: Some(Status::Succeeded), code: Some("OK".into()), ..Finish::default() },
        );
    }

    /// Takes the answer to a call.
    pub(crate) fn take_answer(&mut self, space: SpaceId, action: ActionId, answer: &Answer) {
        match answer {
            Answer::Value(value) => self.finish(space, action, Finish::ok(json!({"body": value}))),
            Answer::Fault { code, message, .. } if self.slot(space, action).progress.is_none() => {
                self.finish(space, action, Finish::failed(code, code, message.clone()));
            }
            answer => self.http_answer(space, action, answer),
        }
    }

    fn start_wait(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let at = wait_until(&inputs, self.now);
        self.slot(space, action).inputs = Some(inputs);
        match at {
            Some(at) if at <= self.now => self.resume(space, action),
            Some(at) => self.resume_at(space, action, at),
            None => self.finish(
                space,
                action,
                Finish::failed(
                    "BadRequest",
                    "BadRequest",
                    "The inputs of the wait are neither `interval {count, unit}` nor `until {timestamp}`.",
                ),
            ),
        }
        Ok(())
    }

    fn terminate(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<(), ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let status = inputs
            .get("runStatus")
            .and_then(Json::as_str)
            .and_then(Status::from_word)
            .unwrap_or(Status::Succeeded);
        let error = inputs.get("runError").filter(|_| status == Status::Failed).cloned();
        self.slot(space, action).inputs = Some(inputs);
        self.terminated = Some((status, error.clone()));
        self.finish(
            space,
            action,
            Finish { status: Some(Status::Succeeded), code: Some("OK".into()), ..Finish::default() },
        );
        self.stop(status, error);
        Ok(())
    }

    fn respond(
        &mut self,
        space: SpaceId,
        action: ActionId,
        inputs: &Template,
    ) -> Result<Finish, ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let status = inputs
            .get("statusCode")
            .and_then(|s| s.as_u64().or_else(|| s.as_str()?.trim().parse().ok()))
            .unwrap_or(200);
        let body = inputs.get("body").cloned();
        let given = inputs.get("headers").and_then(Json::as_object).cloned().unwrap_or_default();
        let headers: Map<String, Json> =
            given.into_iter().filter(|(name, _)| !super::http::is_removed_header(name)).collect();
        self.slot(space, action).inputs = Some(inputs);
        if !(200..300).contains(&status) && !(400..600).contains(&status) {
            return Ok(Finish::failed(
                "BadRequest",
                "BadRequest",
                format!("The status code {status} cannot be given by a Response; use 2xx, 4xx or 5xx."),
            ));
        }
        if self.responded {
            return Ok(Finish::failed(
                "Conflict",
                "ActionConflict",
                "The workflow has answered its caller already; a run has one Response.",
            ));
        }
        self.responded = true;
        self.commands.push(Command::Respond(Response {
            status: status as u16,
            headers: headers.clone(),
            body: body.clone(),
        }));
        let mut outputs = Map::new();
        outputs.insert("statusCode".into(), Json::from(status));
        if !headers.is_empty() {
            outputs.insert("headers".into(), Json::Object(headers));
        }
        if let Some(body) = body {
            outputs.insert("body".into(), body);
        }
        Ok(Finish::ok(Json::Object(outputs)))
    }

    fn parse_json(
        &mut self,
        space: SpaceId,
        action: ActionId,
        content: &Template,
        schema: Option<&Json>,
    ) -> Result<Finish, ExpressionError> {
        let content = self.evaluate(content, space, action)?;
        let name = self.workflow.actions[action].name.clone();
        let value = match &content {
            Json::Null => None,
            Json::String(text) if text.is_empty() => None,
            Json::String(text) => match read_json(text) {
                Ok(value) => Some(value),
                Err(reason) => {
                    let message = format!(
                        "The 'content' property of actions of type 'ParseJson' must be valid JSON. The provided value cannot be parsed: '{reason}'."
                    );
                    return Ok(Finish::failed("InvalidJSON", "InvalidJSON", message));
                }
            },
            other => match crate::expression::envelope(other) {
                Some((kind, _)) => {
                    let message = format!(
                        "The property 'content' must be of type JSON in the 'ParseJson' action inputs, but was of type '{kind}'."
                    );
                    return Ok(Finish::failed("BadRequest", "BadRequest", message));
                }
                None => Some(other.clone()),
            },
        };
        let mut inputs = Map::new();
        inputs.insert("content".into(), content);
        if let Some(schema) = schema {
            inputs.insert("schema".into(), schema.clone());
        }
        self.slot(space, action).inputs = Some(Json::Object(inputs));
        let Some(value) = value else {
            let message = format!(
                "Unable to process template language expressions in action '{name}' inputs at line '0' and column '0': 'Required property 'content' expects a value but got null. Path ''.'."
            );
            return Ok(Finish::failed("BadRequest", "InvalidTemplate", message));
        };
        let errors = schema.map(|s| schema::validate(&value, s)).unwrap_or_default();
        if errors.is_empty() {
            return Ok(Finish::ok(json!({"body": value})));
        }
        let finish = Finish::failed("ValidationFailed", "ValidationFailed", "The schema validation failed.");
        Ok(Finish { outputs: Some(json!({"errors": errors})), ..finish })
    }

    fn initialize(
        &mut self,
        space: SpaceId,
        action: ActionId,
        list: &[InitialVariable],
    ) -> Result<Finish, ExpressionError> {
        let mut inputs = Vec::new();
        for variable in list {
            let value = variable.value.as_ref().map(|v| self.evaluate(v, space, action)).transpose()?;
            let mut shown = Map::new();
            shown.insert("name".into(), Json::from(variable.name.as_str()));
            shown.insert("type".into(), Json::from(variable.kind.word()));
            if let Some(value) = &value {
                shown.insert("value".into(), value.clone());
            }
            inputs.push(Json::Object(shown));
            let value = value.unwrap_or(Json::Null);
            if let Some(failure) = misfit(&variable.name, variable.kind, &value) {
                return Ok(failure);
            }
            self.variables.insert(variable.name.to_lowercase(), Variable { kind: variable.kind, value });
        }
        self.slot(space, action).inputs = Some(json!({"variables": inputs}));
        Ok(Finish { status: Some(Status::Succeeded), code: Some("OK".into()), ..Finish::default() })
    }

    fn variable_kind(&self, name: &str) -> Option<VariableKind> {
        self.variables.get(&name.to_lowercase()).map(|v| v.kind)
    }

    fn set_variable(&mut self, space: SpaceId, action: ActionId, name: &str, value: Json) -> Finish {
        let Some(kind) = self.variable_kind(name) else { return uninitialized(name) };
        self.slot(space, action).inputs = Some(json!({"name": name, "value": value}));
        if let Some(failure) = misfit(name, kind, &value) {
            return failure;
        }
        let outputs = json!({"body": {"name": name, "value": value}});
        if let Some(variable) = self.variables.get_mut(&name.to_lowercase()) {
            variable.value = value;
        }
        Finish::ok(outputs)
    }

    fn increment(
        &mut self,
        space: SpaceId,
        action: ActionId,
        name: &str,
        value: Option<&Template>,
        sign: i64,
    ) -> Result<Finish, ExpressionError> {
        let by = value.map(|v| self.evaluate(v, space, action)).transpose()?.unwrap_or_else(|| Json::from(1));
        let Some(variable) = self.variables.get_mut(&name.to_lowercase()) else {
            return Ok(uninitialized(name));
        };
        let next = match (variable.value.as_i64().or(variable.value.is_null().then_some(0)), by.as_i64()) {
            (Some(a), Some(b)) if variable.kind == VariableKind::Integer => {
                b.checked_mul(sign).and_then(|b| a.checked_add(b)).map(Json::from)
            }
            _ if variable.kind == VariableKind::Float => {
                let current = variable.value.as_f64().or(variable.value.is_null().then_some(0.0));
                current.zip(by.as_f64()).map(|(a, b)| Json::from(a + b * sign as f64))
            }
            _ => None,
        };
        let Some(next) = next else {
            let message = format!(
                "The variable '{name}' of type '{}' cannot be incremented or decremented by '{}' of type '{}'. The variable and the value must be numbers of the same kind.",
                variable.kind.word(),
                shown(&by),
                type_name(&by)
            );
            return Ok(Finish::failed("BadRequest", "BadRequest", message));
        };
        variable.value = next.clone();
        self.slot(space, action).inputs = Some(json!({"name": name, "value": by}));
        Ok(Finish::ok(json!({"body": {"name": name, "value": next}})))
    }

    fn append_text(
        &mut self,
        space: SpaceId,
        action: ActionId,
        name: &str,
        value: &Template,
    ) -> Result<Finish, ExpressionError> {
        let value = self.evaluate(value, space, action)?;
        match self.variable_kind(name) {
            None => return Ok(uninitialized(name)),
            Some(kind) if kind != VariableKind::String => return Ok(wrong_variable(name, kind, "String")),
            Some(_) => {}
        }
        // An object appended to a text is its compact JSON; null is nothing.
        let piece = Value::from(&value).to_text().into_owned();
        if let Some(variable) = self.variables.get_mut(&name.to_lowercase()) {
            match &mut variable.value {
                Json::String(text) if text.len() + piece.len() > MAX_TEXT => {
                    return Err(ExpressionError::new(
                        ErrorKind::TooLarge,
                        format!(
                            "The variable '{name}' would be longer than the limit of {MAX_TEXT} characters."
                        ),
                    ));
                }
                Json::String(text) => text.push_str(&piece),
                other => *other = Json::from(piece),
            }
        }
        self.slot(space, action).inputs = Some(json!({"name": name, "value": value}));
        Ok(Finish::ok(json!({"body": {"name": name}})))
    }

    fn append_element(
        &mut self,
        space: SpaceId,
        action: ActionId,
        name: &str,
        value: &Template,
    ) -> Result<Finish, ExpressionError> {
        let value = self.evaluate(value, space, action)?;
        match self.variable_kind(name) {
            None => return Ok(uninitialized(name)),
            Some(kind) if kind != VariableKind::Array => return Ok(wrong_variable(name, kind, "Array")),
            Some(_) => {}
        }
        self.slot(space, action).inputs = Some(json!({"name": name, "value": value}));
        if let Some(variable) = self.variables.get_mut(&name.to_lowercase()) {
            match &mut variable.value {
                Json::Array(items) => items.push(value),
                other => *other = Json::Array(vec![value]),
            }
        }
        Ok(Finish::ok(json!({"body": {"name": name}})))
    }

    /// `workflowContext` of an inline script: the outputs of the actions its code names.
    fn script_context(&self, space: SpaceId, action: ActionId, code: &str) -> Json {
        use crate::expression::Scope as _;
        let view = self.view(space, action);
        let mut actions = Map::new();
        for other in &self.workflow.actions {
            if code.contains(&other.name)
                && let Some(record) = view.action(&other.name)
            {
                actions.insert(other.name.clone(), record.into_json());
            }
        }
        json!({
            "actions": actions,
            "trigger": view.trigger().map(Value::into_json),
            "workflow": view.workflow().map(Value::into_json),
        })
    }

    /// The designer's date actions: the expression function of the same purpose over their inputs.
    fn built_in(
        &mut self,
        space: SpaceId,
        action: ActionId,
        kind: &str,
        inputs: &Template,
    ) -> Result<Finish, ExpressionError> {
        let inputs = self.evaluate(inputs, space, action)?;
        let get =
            |name: &str| inputs.as_object().and_then(|o| member(o, name)).cloned().unwrap_or(Json::Null);
        let interval = |name: &str| get("interval").get(name).cloned().unwrap_or_else(|| get(name));
        let count = interval("count");
        let unit = interval("unit").as_str().unwrap_or_default().trim_end_matches('s').to_owned();
        let (function, args) = match kind.to_lowercase().as_str() {
            "currenttime" => ("utcNow", vec![]),
            "addtotime" => ("addToTime", vec![get("baseTime"), count, unit.into()]),
            "subtractfromtime" => ("subtractFromTime", vec![get("baseTime"), count, unit.into()]),
            "getfuturetime" => ("getFutureTime", vec![count, unit.into()]),
            "getpasttime" => ("getPastTime", vec![count, unit.into()]),
            "converttimezone" => (
                "convertTimeZone",
                vec![get("baseTime"), get("sourceTimeZone"), get("destinationTimeZone"), get("formatString")],
            ),
            _ => {
                let message = format!(
                    "The built-in of kind '{kind}' is not available; write it as an expression in a Compose."
                );
                return Ok(Finish::failed("BadRequest", "BadRequest", message));
            }
        };
        let args: Vec<Value<'_>> = args.into_iter().filter(|a| !a.is_null()).map(Value::from).collect();
        let value = {
            let view = self.view(space, action);
            crate::expression::apply(&crate::expression::Evaluator::new(&view), function, args)?.into_json()
        };
        self.slot(space, action).inputs = Some(inputs);
        Ok(Finish::ok(json!({"body": value})))
    }

    /// Makes a call whose answer ends the action or goes on with its progress.
    pub(crate) fn call(&mut self, space: SpaceId, action: ActionId, effect: Effect) {
        let id = self.next_id();
        self.calls.insert(id, (space, action));
        let definition = &self.workflow.actions[action];
        let call = super::message::Call {
            id,
            run: self.start.run.clone(),
            action: definition.name.clone(),
            repetition: self.repetition(space),
            plain: definition.options.has("SuppressWorkflowHeaders"),
            effect,
        };
        self.commands.push(Command::Call(Box::new(call)));
    }
}

fn uninitialized(name: &str) -> Finish {
    let message =
        format!("The variable '{name}' has not been initialized. Initialize it before this action.");
    Finish::failed("BadRequest", "BadRequest", message)
}

fn misfit(name: &str, kind: VariableKind, value: &Json) -> Option<Finish> {
    if kind.accepts(value) {
        return None;
    }
    let message = format!(
        "The variable '{name}' of type '{}' cannot be initialized or updated with value '{}' of type '{}'. The variable '{name}' only supports values of types '{}'.",
        kind.word(),
        shown(value),
        type_name(value),
        kind.word()
    );
    Some(Finish::failed("BadRequest", "BadRequest", message))
}

fn wrong_variable(name: &str, kind: VariableKind, wanted: &str) -> Finish {
    Finish::failed(
        "BadRequest",
        "BadRequest",
        format!(
            "The variable '{name}' is of type '{}', but the action needs a variable of type '{wanted}'.",
            kind.word()
        ),
    )
}

fn wait_until(inputs: &Json, now: i64) -> Option<i64> {
    if let Some(until) = inputs.get("until") {
        let text = until.get("timestamp").unwrap_or(until).as_str()?;
        return DateTime::parse(text).map(|d| d.ticks);
    }
    let interval = inputs.get("interval")?;
    if let Some(text) = interval.as_str() {
        return duration(text).map(|d| now.saturating_add(d));
    }
    let count = interval.get("count")?;
    let count = count.as_i64().or_else(|| count.as_str()?.trim().parse().ok())?;
    let seconds = match interval.get("unit")?.as_str()?.to_lowercase().trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        "month" => 30 * 86_400,
        _ => return None,
    };
    Some(now.saturating_add(count.checked_mul(seconds * TICKS)?))
}
