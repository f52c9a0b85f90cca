//! Compiles a definition's JSON into a [`Workflow`] and collects findings on the way.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::check;
use super::finding::{Finding, has_errors};
use super::model::{
    Action, ActionId, ActionKind, Condition, Container, InitialVariable, Options, Parameter, RunAfter,
    StaticResult, Status, Trigger, VariableKind, Workflow,
};
use crate::expression::{Template, member};

const MAX_LEVELS: usize = 64;

/// Compiles and checks a definition as a whole.
///
/// Gives the workflow unless a finding is an error, and all findings either way.
pub fn compile(name: &str, definition: &Json, is_standard: bool) -> (Option<Workflow>, Vec<Finding>) {
    let mut compiler = Compiler {
        actions: Vec::new(),
        by_name: HashMap::default(),
        findings: Vec::new(),
        statics: Map::new(),
    };
    let workflow = compiler.workflow(name, definition, is_standard);
    let mut findings = compiler.findings;
    let Some(mut workflow) = workflow else { return (None, findings) };
    check::check(&mut workflow, &mut findings);
    let failed = has_errors(&findings);
    ((!failed).then_some(workflow), findings)
}

struct Compiler {
    actions: Vec<Action>,
    by_name: HashMap<String, ActionId, foldhash::fast::RandomState>,
    findings: Vec<Finding>,
    statics: Map<String, Json>,
}

/// Where an action stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p str,
    parent: Option<(ActionId, usize)>,
    foreach: Option<ActionId>,
    level: usize,
}

fn get<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    member(json.as_object()?, key)
}

fn at<'j>(json: &'j Json, path: &[&str]) -> Option<&'j Json> {
    path.iter().try_fold(json, |json, key| get(json, key))
}

fn text<'j>(json: &'j Json, key: &str) -> Option<&'j str> {
    get(json, key)?.as_str()
}

impl Compiler {
    fn error(&mut self, path: &str, message: impl Into<String>, help: &str) {
        self.findings.push(Finding::error(path, message, help));
    }

    fn template(&mut self, json: &Json, path: &str) -> Template {
        match Template::parse(json) {
            Ok(template) => template,
            Err(e) => {
                self.error(path, e.message.clone(), "correct the expression; `@@` stands for a literal @");
                Template::Constant(Json::Null)
            }
        }
    }

    fn optional(&mut self, json: Option<&Json>, path: &str) -> Option<Template> {
        json.filter(|j| !j.is_null()).map(|j| self.template(j, path))
    }

    fn required(&mut self, inputs: &Json, key: &str, path: &str) -> Template {
        match get(inputs, key) {
            Some(json) => self.template(json, &format!("{path}.inputs.{key}")),
            None => {
                self.error(&format!("{path}.inputs"), format!("the member '{key}' is missing"), "add it");
                Template::Constant(Json::Null)
            }
        }
    }

    fn workflow(&mut self, name: &str, definition: &Json, is_standard: bool) -> Option<Workflow> {
        if !definition.is_object() {
            self.error(
                "",
                "the definition is no JSON object",
                "give a workflow definition with `triggers` and `actions`",
            );
            return None;
        }
        if let Some(schema) = text(definition, "$schema")
            && !schema.to_lowercase().contains("2016-06-01/workflowdefinition.json")
        {
            self.error(
                "$schema",
                format!("the schema '{schema}' is not supported"),
                "the definition language of 2016-06-01 is; export the workflow again",
            );
        }
        self.statics =
            get(definition, "staticResults").and_then(Json::as_object).cloned().unwrap_or_default();
        let empty = Map::new();
        let section = |key: &str| get(definition, key).and_then(Json::as_object).unwrap_or(&empty);
        let parameters =
            section("parameters").iter().map(|(name, json)| self.parameter(name, json)).collect();
        let triggers: Vec<Trigger> =
            section("triggers").iter().map(|(name, json)| self.trigger(name, json)).collect();
        let place = Place { path: "actions", parent: None, foreach: None, level: 1 };
        let root = self.container(section("actions"), place);
        let mut outputs = Vec::new();
        for (name, json) in section("outputs") {
            let value = get(json, "value").cloned().unwrap_or(Json::Null);
            outputs.push((name.clone(), self.template(&value, &format!("outputs.{name}.value"))));
        }
        let actions = std::mem::take(&mut self.actions);
        let has_response = actions.iter().any(|a| matches!(a.kind, ActionKind::Response(_)));
        Some(Workflow {
            name: name.to_owned(),
            definition: definition.clone(),
            parameters,
            triggers,
            actions,
            root,
            outputs,
            has_response,
            is_standard,
            by_name: std::mem::take(&mut self.by_name),
        })
    }

    fn parameter(&mut self, name: &str, json: &Json) -> Parameter {
        let kind = text(json, "type").unwrap_or("object").to_lowercase();
        let known = ["string", "int", "float", "bool", "array", "object", "securestring", "secureobject"];
        if !known.contains(&kind.as_str()) {
            self.error(
                &format!("parameters.{name}.type"),
                format!("unknown parameter type '{kind}'"),
                &format!("one of {}", known.join(", ")),
            );
        }
        Parameter {
            name: name.to_owned(),
            kind,
            default: get(json, "defaultValue").cloned(),
            allowed: get(json, "allowedValues").and_then(Json::as_array).cloned().unwrap_or_default(),
        }
    }

    fn trigger(&mut self, name: &str, json: &Json) -> Trigger {
        let path = format!("triggers.{name}");
        let mut conditions = Vec::new();
        for (n, condition) in
            get(json, "conditions").and_then(Json::as_array).into_iter().flatten().enumerate()
        {
            let expression = get(condition, "expression").unwrap_or(condition);
            conditions.push(self.condition(expression, &format!("{path}.conditions[{n}].expression"), 0));
        }
        let known = [
            "request",
            "recurrence",
            "slidingwindow",
            "http",
            "httpwebhook",
            "apiconnection",
            "apiconnectionwebhook",
            "apiconnectionnotification",
            "serviceprovider",
            "manual",
        ];
        let kind = text(json, "type").unwrap_or_default().to_lowercase();
        if !known.contains(&kind.as_str()) {
            self.error(
                &format!("{path}.type"),
                format!("the trigger type '{kind}' is not available"),
                &format!("one of {}", known.join(", ")),
            );
        }
        let options = options(json);
        let runs = at(json, &["runtimeConfiguration", "concurrency", "runs"]).and_then(Json::as_u64);
        if runs.is_some() && options.has("SingleInstance") {
            self.error(
                &path,
                "`SingleInstance` and `concurrency.runs` exclude each other",
                "remove one of them",
            );
        }
        // A Request trigger's schema is not evaluated, only its other inputs are.
        let mut inputs = get(json, "inputs").cloned();
        if let Some(Json::Object(members)) = &mut inputs {
            members.remove("schema");
        }
        Trigger {
            name: name.to_owned(),
            kind,
            json: json.clone(),
            inputs: self.optional(inputs.as_ref(), &format!("{path}.inputs")),
            connection: inputs.as_ref().and_then(connection_name),
            recurrence: self.optional(get(json, "recurrence"), &format!("{path}.recurrence")),
            split_on: self.optional(get(json, "splitOn"), &format!("{path}.splitOn")),
            conditions,
            concurrency: if options.has("SingleInstance") {
                Some(1)
            } else {
                runs.map(|r| r.clamp(1, 50) as u32)
            },
            maximum_waiting: at(json, &["runtimeConfiguration", "concurrency", "maximumWaitingRuns"])
                .and_then(Json::as_u64)
                .map(|w| w.clamp(1, 100) as u32),
            secure_outputs: secure(json, "outputs"),
            options,
        }
    }

    fn container(&mut self, members: &Map<String, Json>, place: Place<'_>) -> Container {
        if place.level > MAX_LEVELS {
            self.error(
                place.path,
                format!("actions are nested deeper than {MAX_LEVELS} levels"),
                "move inner actions to a child workflow",
            );
            return Container::default();
        }
        let ids: Vec<(ActionId, &Json)> =
            members.iter().map(|(name, json)| (self.declare(name, json, place), json)).collect();
        for (id, json) in &ids {
            self.fill(*id, json, place);
        }
        let names: HashMap<String, ActionId> =
            ids.iter().map(|(id, _)| (self.actions[*id].name.to_lowercase(), *id)).collect();
        for (id, json) in &ids {
            self.run_after(*id, json, &names);
        }
        self.check_order(&ids.iter().map(|(id, _)| *id).collect::<Vec<_>>(), place.path);
        Container { actions: ids.into_iter().map(|(id, _)| id).collect() }
    }

    fn declare(&mut self, name: &str, json: &Json, place: Place<'_>) -> ActionId {
        let id = self.actions.len();
        let path = format!("{}.{name}", place.path);
        if self.by_name.insert(name.to_lowercase(), id).is_some() {
            self.error(
                &path,
                format!("the action name '{name}' is used twice"),
                "rename one of them; all levels share one name space",
            );
        }
        self.by_name.insert(name.to_owned(), id);
        let repetitions =
            at(json, &["runtimeConfiguration", "concurrency", "repetitions"]).and_then(Json::as_u64);
        let options = options(json);
        if repetitions.is_some() && options.has("Sequential") {
            self.error(
                &path,
                "`operationOptions: Sequential` and `concurrency.repetitions` exclude each other",
                "remove one of them",
            );
        }
        let timeout = self.optional(at(json, &["limit", "timeout"]), &format!("{path}.limit.timeout"));
        self.actions.push(Action {
            name: name.to_owned(),
            type_name: text(json, "type").unwrap_or_default().to_owned(),
            kind: ActionKind::Compose(Template::Constant(Json::Null)),
            run_after: Vec::new(),
            successors: Vec::new(),
            parent: place.parent,
            foreach: place.foreach,
            concurrency: if options.has("Sequential") {
                Some(1)
            } else {
                repetitions.map(|r| r.clamp(1, 50) as usize)
            },
            timeout,
            hide_inputs: secure(json, "inputs"),
            hide_outputs: secure(json, "outputs"),
            pagination: at(json, &["runtimeConfiguration", "paginationPolicy", "minimumItemCount"])
                .and_then(Json::as_u64)
                .map(|n| n.min(100_000) as usize),
            static_result: self.static_result(json),
            foreach_text: get(json, "foreach")
                .map(|f| f.as_str().map_or_else(|| f.to_string(), str::to_owned)),
            keep_results: false,
            options,
            path,
        });
        id
    }

    fn static_result(&self, json: &Json) -> Option<StaticResult> {
        let chosen = at(json, &["runtimeConfiguration", "staticResult"])?;
        if !text(chosen, "staticResultOptions").is_some_and(|o| o.eq_ignore_ascii_case("Enabled")) {
            return None;
        }
        let result = member(&self.statics, text(chosen, "name")?)?;
        let mut outputs = get(result, "outputs").cloned();
        if let Some(Json::Object(members)) = &mut outputs
            && let Some(Json::String(word)) = members.get("statusCode")
        {
            // A number as text, or a status' .NET name.
            let named = (100..600).find(|s| crate::run::status_name(*s).eq_ignore_ascii_case(word));
            let code = word.parse::<u16>().ok().or(named).unwrap_or(200);
            members.insert("statusCode".into(), Json::from(code));
        }
        Some(StaticResult {
            status: text(result, "status").and_then(Status::from_word).unwrap_or(Status::Succeeded),
            outputs,
            error: get(result, "error").cloned(),
        })
    }

    fn run_after(&mut self, id: ActionId, json: &Json, names: &HashMap<String, ActionId>) {
        let path = format!("{}.runAfter", self.actions[id].path);
        let Some(members) = get(json, "runAfter").and_then(Json::as_object) else { return };
        for (name, statuses) in members {
            let Some(before) = names.get(&name.to_lowercase()).copied() else {
                self.error(
                    &path,
                    format!("'{name}' is no action of the same container"),
                    "name an action that stands beside this one",
                );
                continue;
            };
            let mut accepted = Vec::new();
            for word in statuses.as_array().into_iter().flatten() {
                match word.as_str().and_then(Status::from_word) {
                    Some(status) => accepted.push(status),
                    None => self.error(
                        &path,
                        format!("unknown status {word}"),
                        "one of Succeeded, Failed, Skipped, TimedOut",
                    ),
                }
            }
            if accepted.is_empty() {
                accepted.push(Status::Succeeded);
            }
            self.actions[id].run_after.push(RunAfter { action: before, statuses: accepted });
            self.actions[before].successors.push(id);
        }
    }

    /// Kahn's algorithm: whatever is left over stands in a circle.
    fn check_order(&mut self, ids: &[ActionId], path: &str) {
        let mut open: HashMap<ActionId, usize> =
            ids.iter().map(|id| (*id, self.actions[*id].run_after.len())).collect();
        let mut ready: Vec<ActionId> = ids.iter().copied().filter(|id| open[id] == 0).collect();
        while let Some(id) = ready.pop() {
            open.remove(&id);
            for next in self.actions[id].successors.clone() {
                if let Some(count) = open.get_mut(&next) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(next);
                    }
                }
            }
        }
        if !open.is_empty() {
            let mut names: Vec<&str> = open.keys().map(|id| self.actions[*id].name.as_str()).collect();
            names.sort_unstable();
            let message = format!("`runAfter` goes in a circle: {}", names.join(", "));
            self.error(path, message, "at least one of them must start without waiting for the others");
        }
    }

    fn branch(
        &mut self,
        json: Option<&Json>,
        path: &str,
        owner: ActionId,
        branch: usize,
        place: Place<'_>,
    ) -> Container {
        let empty = Map::new();
        let members = json.and_then(|j| get(j, "actions")).and_then(Json::as_object).unwrap_or(&empty);
        let foreach = if self.actions[owner].type_name.eq_ignore_ascii_case("Foreach") {
            Some(owner)
        } else {
            place.foreach
        };
        self.container(
            members,
            Place { path, parent: Some((owner, branch)), foreach, level: place.level + 1 },
        )
    }

    fn fill(&mut self, id: ActionId, json: &Json, place: Place<'_>) {
        let path = self.actions[id].path.clone();
        let null = Json::Null;
        let inputs = get(json, "inputs").unwrap_or(&null);
        let whole = format!("{path}.inputs");
        let lower = self.actions[id].type_name.to_lowercase();
        let kind = match lower.as_str() {
            "http" => ActionKind::Http(self.template(inputs, &whole)),
            "httpwebhook" | "apiconnectionwebhook" => ActionKind::Webhook(self.template(inputs, &whole)),
            "apiconnection" => ActionKind::Connection(self.template(inputs, &whole), connection_name(inputs)),
            "serviceprovider" => ActionKind::ServiceProvider(self.template(inputs, &whole)),
            "function" => ActionKind::Function(self.template(inputs, &whole)),
            "workflow" => ActionKind::Workflow(self.template(inputs, &whole)),
            "response" => {
                let mut inputs = inputs.clone();
                if let Some(members) = inputs.as_object_mut() {
                    members.shift_remove("schema");
                }
                ActionKind::Response(self.template(&inputs, &whole))
            }
            "compose" => ActionKind::Compose(self.template(inputs, &whole)),
            "parsejson" => ActionKind::ParseJson(
                self.required(inputs, "content", &path),
                get(inputs, "schema").map(unescape_names),
            ),
            "select" => ActionKind::Select(
                self.required(inputs, "from", &path),
                self.required(inputs, "select", &path),
            ),
            "query" => {
                let condition = get(inputs, "where").cloned().unwrap_or(Json::Bool(true));
                ActionKind::Query(
                    self.required(inputs, "from", &path),
                    self.condition(&condition, &format!("{whole}.where"), 0),
                )
            }
            "join" => ActionKind::Join(
                self.required(inputs, "from", &path),
                self.required(inputs, "joinWith", &path),
            ),
            "table" => self.table(inputs, &path),
            "initializevariable" => self.initialize(inputs, &path),
            "setvariable" => ActionKind::SetVariable(
                self.variable_name(inputs, &path),
                self.required(inputs, "value", &path),
            ),
            "incrementvariable" | "decrementvariable" => {
                let value = self.optional(get(inputs, "value"), &format!("{whole}.value"));
                ActionKind::IncrementVariable(
                    self.variable_name(inputs, &path),
                    value,
                    if lower.starts_with('i') { 1 } else { -1 },
                )
            }
            "appendtostringvariable" => ActionKind::AppendToString(
                self.variable_name(inputs, &path),
                self.required(inputs, "value", &path),
            ),
            "appendtoarrayvariable" => ActionKind::AppendToArray(
                self.variable_name(inputs, &path),
                self.required(inputs, "value", &path),
            ),
            "if" => {
                let condition = self.condition(
                    get(json, "expression").unwrap_or(&null),
                    &format!("{path}.expression"),
                    0,
                );
                let yes = self.branch(Some(json), &format!("{path}.actions"), id, 0, place);
                let no = self.branch(get(json, "else"), &format!("{path}.else.actions"), id, 1, place);
                ActionKind::If(condition, yes, no)
            }
            "switch" => self.switch(json, &path, id, place),
            "foreach" => {
                let items = get(json, "foreach").cloned().unwrap_or(Json::Null);
                let items = self.template(&items, &format!("{path}.foreach"));
                ActionKind::Foreach(items, self.branch(Some(json), &format!("{path}.actions"), id, 0, place))
            }
            "until" => ActionKind::Until {
                condition: self.condition(
                    get(json, "expression").unwrap_or(&null),
                    &format!("{path}.expression"),
                    0,
                ),
                count: self.optional(at(json, &["limit", "count"]), &format!("{path}.limit.count")),
                timeout: self.actions[id].timeout.take(),
                body: self.branch(Some(json), &format!("{path}.actions"), id, 0, place),
            },
            "scope" => ActionKind::Scope(self.branch(Some(json), &format!("{path}.actions"), id, 0, place)),
            "terminate" => ActionKind::Terminate(self.template(inputs, &whole)),
            "wait" => ActionKind::Wait(self.template(inputs, &whole)),
            "javascriptcode" => ActionKind::JavaScript(text(inputs, "code").unwrap_or_default().to_owned()),
            "expression" => ActionKind::Expression(
                text(json, "kind").unwrap_or_default().to_owned(),
                self.template(inputs, &whole),
            ),
            "xslt" | "liquid" | "flatfiledecoding" | "flatfileencoding" | "xmlvalidation" | "batch"
            | "sendtobatch" | "agent" | "apimanagement" => {
                self.error(
                    &format!("{path}.type"),
                    format!(
                        "the action type '{}' is recognised but not available",
                        self.actions[id].type_name
                    ),
                    "replace it by Compose, ParseJson or an inline script",
                );
                return;
            }
            _ => {
                self.error(
                    &format!("{path}.type"),
                    format!("unknown action type '{}'", self.actions[id].type_name),
                    "look at the spelling; types such as Http, Compose, Foreach, If are known",
                );
                return;
            }
        };
        self.actions[id].kind = kind;
    }

    fn variable_name(&mut self, inputs: &Json, path: &str) -> String {
        let name = text(inputs, "name").unwrap_or_default().to_owned();
        if name.is_empty() {
            self.error(
                &format!("{path}.inputs.name"),
                "the variable's name is missing",
                "name an initialized variable",
            );
        }
        name
    }

    fn initialize(&mut self, inputs: &Json, path: &str) -> ActionKind {
        let mut variables = Vec::new();
        for (n, json) in get(inputs, "variables").and_then(Json::as_array).into_iter().flatten().enumerate() {
            let place = format!("{path}.inputs.variables[{n}]");
            let word = text(json, "type").unwrap_or_default();
            let Some(kind) = VariableKind::from_word(word) else {
                self.error(
                    &format!("{place}.type"),
                    format!("unknown variable type '{word}'"),
                    "one of boolean, integer, float, string, object, array",
                );
                continue;
            };
            let value = self.optional(get(json, "value"), &format!("{place}.value"));
            variables.push(InitialVariable {
                name: text(json, "name").unwrap_or_default().to_owned(),
                kind,
                value,
            });
        }
        ActionKind::InitializeVariable(variables)
    }

    fn table(&mut self, inputs: &Json, path: &str) -> ActionKind {
        let columns = get(inputs, "columns").and_then(Json::as_array).map(|columns| {
            let mut out = Vec::new();
            for (n, column) in columns.iter().enumerate() {
                let place = format!("{path}.inputs.columns[{n}]");
                let mut part = |key: &str| {
                    self.template(get(column, key).unwrap_or(&Json::Null), &format!("{place}.{key}"))
                };
                out.push((part("header"), part("value")));
            }
            out
        });
        let html = text(inputs, "format").is_some_and(|f| f.eq_ignore_ascii_case("HTML"));
        ActionKind::Table { from: self.required(inputs, "from", path), html, columns }
    }

    fn switch(&mut self, json: &Json, path: &str, id: ActionId, place: Place<'_>) -> ActionKind {
        let expression =
            self.template(get(json, "expression").unwrap_or(&Json::Null), &format!("{path}.expression"));
        let (mut cases, mut branches) = (Vec::new(), Vec::new());
        for (name, case) in get(json, "cases").and_then(Json::as_object).into_iter().flatten() {
            cases.push((name.clone(), get(case, "case").cloned().unwrap_or(Json::Null)));
            branches.push(self.branch(
                Some(case),
                &format!("{path}.cases.{name}.actions"),
                id,
                branches.len(),
                place,
            ));
        }
        let default =
            self.branch(get(json, "default"), &format!("{path}.default.actions"), id, branches.len(), place);
        branches.push(default);
        ActionKind::Switch(expression, cases, branches)
    }

    fn condition(&mut self, json: &Json, path: &str, depth: usize) -> Condition {
        if depth > 50 {
            self.error(path, "the condition is nested deeper than 50 levels", "simplify it");
            return Condition::And(Vec::new());
        }
        let single = json.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next());
        let Some((operator, operands)) = single else {
            if json.as_object().is_some_and(|o| o.is_empty()) {
                return Condition::And(Vec::new());
            }
            if json.is_object() || json.is_array() {
                self.error(
                    path,
                    "a condition has exactly one operator",
                    "write {\"and\": [ … ]} around several conditions",
                );
            }
            return Condition::Template(self.template(json, path));
        };
        let path = format!("{path}.{operator}");
        let list = |json: &Json| match json {
            Json::Array(items) => items.clone(),
            single => vec![single.clone()],
        };
        let operator = operator.to_lowercase();
        match operator.as_str() {
            "and" | "or" => {
                let nested = list(operands).iter().map(|c| self.condition(c, &path, depth + 1)).collect();
                if operator == "and" { Condition::And(nested) } else { Condition::Or(nested) }
            }
            "not" => {
                let inner = list(operands).into_iter().next().unwrap_or(Json::Null);
                Condition::Not(Box::new(self.condition(&inner, &path, depth + 1)))
            }
            _ => {
                let known = [
                    "equals",
                    "greater",
                    "greaterOrEquals",
                    "less",
                    "lessOrEquals",
                    "contains",
                    "startsWith",
                    "endsWith",
                    "empty",
                ];
                let Some(name) = known.into_iter().find(|k| k.eq_ignore_ascii_case(&operator)) else {
                    self.error(
                        &path,
                        format!("unknown operator '{operator}'"),
                        &format!("one of and, or, not, {}", known.join(", ")),
                    );
                    return Condition::And(Vec::new());
                };
                let operands: Vec<Template> =
                    list(operands).iter().map(|o| self.template(o, &path)).collect();
                let wanted = if name == "empty" { 1 } else { 2 };
                if operands.len() != wanted {
                    self.error(
                        &path,
                        format!("'{name}' takes {wanted} operand(s), not {}", operands.len()),
                        "correct the list",
                    );
                }
                Condition::Operator(name, operands)
            }
        }
    }
}

fn options(json: &Json) -> Options {
    let text = text(json, "operationOptions").unwrap_or_default();
    Options(text.split(',').map(|o| o.trim().to_lowercase()).filter(|o| !o.is_empty()).collect())
}

fn secure(json: &Json, what: &str) -> bool {
    let properties = at(json, &["runtimeConfiguration", "secureData", "properties"]);
    properties
        .and_then(Json::as_array)
        .is_some_and(|p| p.iter().any(|p| p.as_str().is_some_and(|p| p.eq_ignore_ascii_case(what))))
}

/// `@@` at the start of names and texts of a schema is unescaped; nothing else is evaluated there.
fn unescape_names(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let plain = |name: &String| {
                name.strip_prefix("@@").map_or_else(|| name.clone(), |rest| format!("@{rest}"))
            };
            Json::Object(members.iter().map(|(k, v)| (plain(k), unescape_names(v))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(unescape_names).collect()),
        Json::String(text) => {
            Json::String(text.strip_prefix("@@").map_or_else(|| text.clone(), |rest| format!("@{rest}")))
        }
        other => other.clone(),
    }
}

/// The connection's name in `@parameters('$connections')['name']['connectionId']` or `referenceName`.
/// The connection that a definition names: `referenceName`, or the key in `$connections`.
fn connection_name(inputs: &Json) -> Option<String> {
    let connection = at(inputs, &["host", "connection"])?;
    if let Some(name) = text(connection, "referenceName") {
        return Some(name.to_owned());
    }
    let expression = text(connection, "name")?;
    let rest = expression.split_once("$connections')")?.1;
    let rest = rest.trim_start_matches('?').strip_prefix("['")?;
    Some(rest.split_once("']")?.0.to_owned())
}
