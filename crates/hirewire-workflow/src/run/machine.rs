//! State of one run and the scheduler: what starts, what is skipped, what comes next (`spec/workflows.md` §9.1).

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::http::Progress;
use super::message::{Answer, Command, Event, RunResult, What};
use super::record::{ActionRecord, TriggerRecord};
use super::scope::View;
use crate::definition::{ActionId, ActionKind, Status, VariableKind, Workflow};
use crate::expression::{ExpressionError, Template};

/// How many actions one step finishes before it asks to be continued.
const STEP_LIMIT: usize = 2_000;

/// Settings of a run that are not part of the definition.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Values of parameters, defaults filled in.
    pub parameters: Map<String, Json>,
    /// Standard: application settings.
    pub app_settings: Map<String, Json>,
    /// Numbers GUIDs in order, for tests.
    pub sequential_guids: bool,
    /// URL of webhook callbacks; `{run}` and `{action}` are replaced.
    pub callback_base: String,
    /// URL that `listCallbackUrl()` gives in a trigger's inputs, before any run.
    pub trigger_callback: Option<String>,
}

/// The first entry of a journal: what a run is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// The run's id.
    pub run: String,
    /// Resource id of the folder of workflows, without the last slash.
    #[serde(default)]
    pub base_id: String,
    /// What fired it.
    pub trigger: TriggerRecord,
}

pub(crate) type SpaceId = u64;

/// Actions of one space; numbers need no hash that withstands attackers.
pub(crate) type Slots = HashMap<ActionId, Slot, foldhash::fast::FixedState>;

/// Results of the actions of the top level or of one iteration.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// The space around it and the Foreach it is an iteration of.
    pub(crate) owner: Option<(SpaceId, ActionId)>,
    pub(crate) index: usize,
    pub(crate) item: Json,
    pub(crate) slots: Slots,
    /// Members of the iteration's own container that have not finished.
    pub(crate) remaining: usize,
}

/// What is known of one action in one space.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) record: Option<Arc<ActionRecord>>,
    pub(crate) running: bool,
    pub(crate) start: i64,
    pub(crate) inputs: Option<Json>,
    /// The inputs are the outputs.
    pub(crate) composed: bool,
    pub(crate) progress: Option<Box<Progress>>,
    /// Members of the active branch that have not finished.
    pub(crate) remaining: usize,
    pub(crate) branch: usize,
    pub(crate) looping: Option<Box<Looping>>,
    pub(crate) until: Option<Box<UntilState>>,
    /// Records of iterations, where `result()` is read.
    pub(crate) kept: Vec<(ActionId, Arc<ActionRecord>)>,
}

/// A Foreach in progress; elements leave it as iterations start.
#[derive(Debug)]
pub(crate) struct Looping {
    pub(crate) items: std::vec::IntoIter<Json>,
    pub(crate) next: usize,
    pub(crate) total: usize,
    pub(crate) running: usize,
    pub(crate) concurrency: usize,
    pub(crate) failed: bool,
}

/// An Until in progress.
#[derive(Debug)]
pub(crate) struct UntilState {
    pub(crate) passes: usize,
    pub(crate) count: usize,
    pub(crate) deadline: i64,
}

/// A variable of the run.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) kind: VariableKind,
    pub(crate) value: Json,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Timer {
    /// A wait, retry or poll of an action.
    Resume(SpaceId, ActionId),
    /// `limit.timeout`.
    Timeout(SpaceId, ActionId),
}

/// How a finished action looks.
#[derive(Debug, Default)]
pub(crate) struct Finish {
    pub(crate) status: Option<Status>,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<Json>,
    pub(crate) outputs: Option<Json>,
    pub(crate) repetitions: Option<usize>,
}

impl Finish {
    pub(crate) fn ok(outputs: Json) -> Self {
        Self {
            status: Some(Status::Succeeded),
            code: Some("OK".into()),
            outputs: Some(outputs),
            ..Self::default()
        }
    }

    pub(crate) fn failed(code: &str, error_code: &str, message: impl Into<String>) -> Self {
        Self {
            status: Some(Status::Failed),
            code: Some(code.into()),
            error: Some(json!({"code": error_code, "message": message.into()})),
            ..Self::default()
        }
    }
}

/// One run in memory.
pub struct Machine {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) options: RunOptions,
    pub(crate) start: Start,
    pub(crate) spaces: BTreeMap<SpaceId, Space>,
    pub(crate) variables: HashMap<String, Variable>,
    pub(crate) now: i64,
    pub(crate) started: i64,
    pub(crate) commands: Vec<Command>,
    pub(crate) ready: VecDeque<(SpaceId, ActionId)>,
    pub(crate) calls: HashMap<u64, (SpaceId, ActionId)>,
    pub(crate) timers: HashMap<u64, Timer>,
    pub(crate) responded: bool,
    pub(crate) root_remaining: usize,
    pub(crate) result: Option<RunResult>,
    pub(crate) terminated: Option<(Status, Option<Json>)>,
    next_id: u64,
    seed: Cell<u64>,
    draws: Cell<u64>,
    finished_in_step: usize,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("run", &self.start.run)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A run that has not begun.
    pub fn new(workflow: Arc<Workflow>, start: Start, options: RunOptions) -> Self {
        Self {
            workflow,
            options,
            start,
            spaces: BTreeMap::new(),
            variables: HashMap::new(),
            now: 0,
            started: 0,
            commands: Vec::new(),
            ready: VecDeque::new(),
            calls: HashMap::new(),
            timers: HashMap::new(),
            responded: false,
            root_remaining: 0,
            result: None,
            terminated: None,
            next_id: 1,
            seed: Cell::new(0),
            draws: Cell::new(0),
            finished_in_step: 0,
        }
    }

    /// The same machine with its clock set.
    pub(crate) fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// The result, once the run is over.
    pub fn result(&self) -> Option<&RunResult> {
        self.result.as_ref()
    }

    /// When the run began, in ticks.
    pub fn started(&self) -> i64 {
        self.started
    }

    /// The current value of every variable, by name in small letters.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.variables.iter().map(|(name, v)| (name.as_str(), &v.value))
    }

    /// How many iterations are held in memory.
    pub fn live_spaces(&self) -> usize {
        self.spaces.len()
    }

    /// What a trigger's conditions and `splitOn` see, before any run.
    pub(crate) fn trigger_view(&self) -> View<'_> {
        View { machine: self, space: 0, action: None, element: None }
    }

    /// Takes an event and gives what is to be done. Deterministic: the same events give the same commands.
    pub fn step(&mut self, event: &Event) -> Vec<Command> {
        self.now = event.at;
        self.seed.set(event.seed);
        self.finished_in_step = 0;
        if self.result.is_some() {
            return Vec::new();
        }
        match &event.what {
            What::Start => self.begin(),
            What::Answer { call, answer } => self.answer(*call, answer),
            What::Timer { timer } => self.timer(*timer),
            What::Continue => {}
            What::Callback { action, outputs } => self.callback(action, outputs),
            What::Cancel => self.stop(
                Status::Cancelled,
                Some(json!({"code": "WorkflowRunCancelled", "message": "The run was cancelled."})),
            ),
            What::RunTimeout => self.stop(
                Status::TimedOut,
                Some(
                    json!({"code": "WorkflowRunTimedOut", "message": "The run lasted longer than allowed."}),
                ),
            ),
        }
        self.work();
        std::mem::take(&mut self.commands)
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    pub(crate) fn next_random(&self) -> u128 {
        let n = self.draws.get() + 1;
        self.draws.set(n);
        if self.options.sequential_guids {
            // The decimal digits of the count, read as hex digits of the last group.
            return u128::from_str_radix(&format!("00000000000040008000{n:012}"), 16).unwrap_or_default();
        }
        let mix = |mut z: u64| {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let high = mix(self.seed.get().wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let low = mix(high ^ n);
        let bits = u128::from(high) << 64 | u128::from(low);
        bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    }

    fn begin(&mut self) {
        self.started = self.now;
        self.spaces.insert(0, Space::default());
        self.root_remaining = self.workflow.root.actions.len();
        let workflow = Arc::clone(&self.workflow);
        self.start_container(0, &workflow.root.actions);
        if workflow.root.actions.is_empty() {
            self.finish_run();
        }
    }

    /// Queues the actions of a container that wait for nothing.
    pub(crate) fn start_container(&mut self, space: SpaceId, actions: &[ActionId]) {
        for id in actions {
            if self.workflow.actions[*id].run_after.is_empty() {
                self.ready.push_back((space, *id));
            }
        }
    }

    fn work(&mut self) {
        while self.result.is_none() {
            let Some((space, action)) = self.ready.pop_front() else { return };
            if self.finished_in_step >= STEP_LIMIT {
                self.ready.push_front((space, action));
                self.commands.push(Command::Continue);
                return;
            }
            if self.spaces.contains_key(&space) {
                self.start_action(space, action);
            }
        }
    }

    pub(crate) fn slot(&mut self, space: SpaceId, action: ActionId) -> &mut Slot {
        self.spaces.entry(space).or_default().slots.entry(action).or_default()
    }

    pub(crate) fn view(&self, space: SpaceId, action: ActionId) -> View<'_> {
        View { machine: self, space, action: Some(action), element: None }
    }

    pub(crate) fn evaluate(
        &self,
        template: &Template,
        space: SpaceId,
        action: ActionId,
    ) -> Result<Json, ExpressionError> {
        template.to_json(&self.view(space, action))
    }

    /// Indexes of the iterations around a space, outermost first.
    pub(crate) fn repetition(&self, mut space: SpaceId) -> Vec<usize> {
        let mut out = Vec::new();
        while let Some(Space { owner: Some((outer, _)), index, .. }) = self.spaces.get(&space) {
            out.push(*index);
            space = *outer;
        }
        out.reverse();
        out
    }

    fn start_action(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        let definition = &workflow.actions[action];
        if let Some(message) = self.unmet(space, action) {
            return self.skip(space, action, "ActionConditionFailed", &message);
        }
        let now = self.now;
        let slot = self.slot(space, action);
        *slot = Slot { running: true, start: now, ..Slot::default() };
        if let Some(mock) = &definition.static_result {
            let code = mock.status == Status::Succeeded;
            let finish = Finish {
                status: Some(mock.status),
                code: code.then(|| "OK".into()),
                error: mock.error.clone(),
                outputs: mock.outputs.clone(),
                ..Finish::default()
            };
            return self.finish(space, action, finish);
        }
        if let Some(timeout) = &definition.timeout
            && let Ok(Json::String(text)) = self.evaluate(timeout, space, action)
            && let Some(ticks) = duration(&text)
        {
            let timer = self.next_id();
            self.timers.insert(timer, Timer::Timeout(space, action));
            self.commands.push(Command::Timer { timer, at: self.now.saturating_add(ticks) });
        }
        if let Err(error) = self.run_kind(space, action, &definition.kind) {
            self.finish(space, action, template_failure(&definition.name, &error));
        }
    }

    fn timer(&mut self, timer: u64) {
        match self.timers.remove(&timer) {
            Some(Timer::Resume(space, action)) if self.is_running(space, action) => {
                self.resume(space, action)
            }
            Some(Timer::Timeout(space, action)) if self.is_running(space, action) => {
                self.unsubscribe(space, action);
                self.abort_children(space, action, Status::Cancelled);
                let message = "The execution of the action timed out.";
                let finish = Finish {
                    status: Some(Status::TimedOut),
                    ..Finish::failed("ActionTimedOut", "ActionTimedOut", message)
                };
                self.finish(space, action, finish);
            }
            _ => {}
        }
    }

    fn answer(&mut self, call: u64, answer: &Answer) {
        let Some((space, action)) = self.calls.remove(&call) else { return };
        if self.is_running(space, action) {
            self.take_answer(space, action, answer);
        }
    }

    /// Ends a running webhook with its callback, and unsubscribes. The name is as [`callback_name`] gives it.
    fn callback(&mut self, name: &str, outputs: &Json) {
        let (name, repetition) = name.split_once('~').unwrap_or((name, ""));
        let Some(action) = self.workflow.action(name) else { return };
        if !matches!(self.workflow.actions[action].kind, ActionKind::Webhook(_)) {
            return;
        }
        let indexes: Vec<usize> = repetition.split('-').filter_map(|n| n.parse().ok()).collect();
        let waiting = self
            .spaces
            .keys()
            .find(|space| self.is_running(**space, action) && self.repetition(**space) == indexes);
        if let Some(space) = waiting.copied() {
            self.unsubscribe(space, action);
            self.finish(space, action, Finish::ok(outputs.clone()));
        }
    }

    pub(crate) fn is_running(&self, space: SpaceId, action: ActionId) -> bool {
        self.spaces.get(&space).and_then(|s| s.slots.get(&action)).is_some_and(|s| s.running)
    }

    pub(crate) fn resume_at(&mut self, space: SpaceId, action: ActionId, at: i64) {
        let timer = self.next_id();
        self.timers.insert(timer, Timer::Resume(space, action));
        self.commands.push(Command::Timer { timer, at });
    }

    /// Ends an action: records it, wakes its successors and, where it was the last one, ends its container.
    pub(crate) fn finish(&mut self, space: SpaceId, action: ActionId, finish: Finish) {
        self.record(space, action, finish);
        if self.terminated.is_some() {
            return;
        }
        let workflow = Arc::clone(&self.workflow);
        for next in &workflow.actions[action].successors {
            self.consider(space, *next);
        }
        self.leave_container(space, workflow.actions[action].parent);
    }

    fn record(&mut self, space: SpaceId, action: ActionId, finish: Finish) {
        self.finished_in_step += 1;
        let workflow = Arc::clone(&self.workflow);
        let definition = &workflow.actions[action];
        let repetition = self.repetition(space);
        let now = self.now;
        let slot = self.slot(space, action);
        let was_running = std::mem::take(&mut slot.running);
        let record = Arc::new(ActionRecord {
            name: definition.name.clone(),
            repetition,
            status: finish.status.unwrap_or(Status::Succeeded),
            code: finish.code,
            error: finish.error,
            inputs: slot.inputs.take(),
            composed: std::mem::take(&mut slot.composed),
            outputs: finish.outputs,
            start: if was_running { slot.start } else { now },
            end: now,
            repetitions: finish.repetitions,
            retries: slot.progress.take().map(|p| p.retries).unwrap_or_default(),
            hide_inputs: definition.hide_inputs,
            hide_outputs: definition.hide_outputs,
        });
        slot.record = Some(Arc::clone(&record));
        slot.looping = None;
        self.keep_for_result(space, action, &record);
        self.commands.push(Command::Record(record));
    }

    /// Keeps the record for `result('Loop')` where some expression reads it.
    fn keep_for_result(&mut self, space: SpaceId, action: ActionId, record: &Arc<ActionRecord>) {
        let Some((outer, foreach)) = self.spaces.get(&space).and_then(|s| s.owner) else { return };
        let direct = self.workflow.actions[action].parent.map(|(owner, _)| owner) == Some(foreach);
        if direct && self.workflow.actions[foreach].keep_results {
            self.slot(outer, foreach).kept.push((action, Arc::clone(record)));
        }
    }

    /// Queues an action whose predecessors have all finished.
    fn consider(&mut self, space: SpaceId, action: ActionId) {
        let Some(slots) = self.spaces.get(&space).map(|s| &s.slots) else { return };
        let finished = |id: &ActionId| slots.get(id).is_some_and(|s| s.record.is_some());
        if self.workflow.actions[action].run_after.iter().all(|after| finished(&after.action)) {
            self.ready.push_back((space, action));
        }
    }

    /// Why an action must be skipped, where its predecessors did not end as it wants.
    fn unmet(&self, space: SpaceId, action: ActionId) -> Option<String> {
        let definition = &self.workflow.actions[action];
        let slots = &self.spaces.get(&space)?.slots;
        for after in &definition.run_after {
            let status = slots.get(&after.action)?.record.as_ref()?.status;
            if !after.statuses.contains(&status) {
                let expected = after.statuses.iter().map(|s| s.word()).collect::<Vec<_>>().join(", ");
                return Some(format!(
                    "The execution of template action '{}' is skipped: the 'runAfter' condition for action '{}' is not satisfied. Expected status values '{expected}' and actual value '{}'.",
                    definition.name,
                    self.workflow.actions[after.action].name,
                    status.word()
                ));
            }
        }
        None
    }

    /// Skips an action and everything inside it.
    pub(crate) fn skip(&mut self, space: SpaceId, action: ActionId, code: &str, message: &str) {
        self.skip_children(space, action);
        let finish =
            Finish { status: Some(Status::Skipped), ..Finish::failed("ActionSkipped", code, message) };
        self.finish(space, action, finish);
    }

    /// Records everything inside a skipped action as skipped.
    pub(crate) fn skip_children(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        for container in workflow.actions[action].kind.containers() {
            for child in &container.actions {
                let message = format!(
                    "The execution of template action '{}' is skipped: dependant action '{}' completed with status 'Skipped' and code 'ActionSkipped'.",
                    workflow.actions[*child].name, workflow.actions[action].name
                );
                self.skip_children(space, *child);
                let finish = Finish {
                    status: Some(Status::Skipped),
                    ..Finish::failed("ActionSkipped", "ActionDependencyFailed", message)
                };
                self.record(space, *child, finish);
            }
        }
    }

    /// Records the members of a branch that was not taken.
    pub(crate) fn skip_branch(&mut self, space: SpaceId, owner: ActionId, branch: usize) {
        let workflow = Arc::clone(&self.workflow);
        for child in &workflow.actions[owner].kind.containers()[branch].actions {
            self.skip_children(space, *child);
            let message = format!(
                "The execution of template action '{}' is skipped: the branching condition of '{}' was not met.",
                workflow.actions[*child].name, workflow.actions[owner].name
            );
            let finish = Finish {
                status: Some(Status::Skipped),
                ..Finish::failed("ActionSkipped", "ActionBranchingConditionNotSatisfied", message)
            };
            self.record(space, *child, finish);
        }
    }

    fn leave_container(&mut self, space: SpaceId, parent: Option<(ActionId, usize)>) {
        match parent {
            None => {
                self.root_remaining = self.root_remaining.saturating_sub(1);
                if self.root_remaining == 0 {
                    self.finish_run();
                }
            }
            Some((owner, _)) if matches!(self.workflow.actions[owner].kind, ActionKind::Foreach(..)) => {
                let Some(iteration) = self.spaces.get_mut(&space) else { return };
                iteration.remaining = iteration.remaining.saturating_sub(1);
                if iteration.remaining == 0 {
                    self.iteration_done(space);
                }
            }
            Some((owner, branch)) => {
                let slot = self.slot(space, owner);
                slot.remaining = slot.remaining.saturating_sub(1);
                if slot.remaining == 0 && slot.running {
                    self.container_done(space, owner, branch);
                }
            }
        }
    }

    /// Marks what is running inside an action as ended and what waits there as skipped, and forgets its iterations.
    pub(crate) fn abort_children(&mut self, space: SpaceId, action: ActionId, status: Status) {
        let workflow = Arc::clone(&self.workflow);
        let members: Vec<ActionId> =
            workflow.actions[action].kind.containers().iter().flat_map(|c| c.actions.clone()).collect();
        if !matches!(workflow.actions[action].kind, ActionKind::Foreach(..)) {
            return self.abort_members(space, &members, status);
        }
        let inner: Vec<SpaceId> =
            self.spaces.iter().filter(|(_, s)| s.owner == Some((space, action))).map(|(id, _)| *id).collect();
        for iteration in inner {
            self.abort_members(iteration, &members, status);
            self.spaces.remove(&iteration);
        }
    }

    /// Ends the members of a container: those that run with a status, those that have not begun as skipped.
    fn abort_members(&mut self, space: SpaceId, members: &[ActionId], status: Status) {
        for member in members {
            if self.is_running(space, *member) {
                self.abort_children(space, *member, status);
                let finish = Finish {
                    status: Some(status),
                    code: Some("ActionCancelled".into()),
                    ..Finish::default()
                };
                self.record(space, *member, finish);
                continue;
            }
            let slot = self.spaces.get(&space).and_then(|s| s.slots.get(member));
            if slot.is_none_or(|slot| slot.record.is_none()) {
                self.skip_children(space, *member);
                let message = "The action's container ended before the action could start.";
                let finish = Finish {
                    status: Some(Status::Skipped),
                    ..Finish::failed("ActionSkipped", "ActionSkipped", message)
                };
                self.record(space, *member, finish);
            }
        }
    }

    /// Ends the run from outside or by Terminate.
    pub(crate) fn stop(&mut self, status: Status, error: Option<Json>) {
        self.terminated = Some((status, error));
        self.ready.clear();
        let workflow = Arc::clone(&self.workflow);
        self.abort_members(0, &workflow.root.actions, Status::Cancelled);
        self.finish_run();
    }

    fn finish_run(&mut self) {
        let workflow = Arc::clone(&self.workflow);
        let (status, error) = match self.terminated.clone() {
            Some((status, error)) => (status, error),
            None => match self.container_status(0, &workflow.root.actions) {
                Status::Failed => (Status::Failed, Some(action_failed())),
                status => (status, None),
            },
        };
        let mut outputs = Map::new();
        for (name, template) in &workflow.outputs {
            let view = View { machine: self, space: 0, action: None, element: None };
            if let Ok(value) = template.to_json(&view) {
                outputs.insert(name.clone(), value);
            }
        }
        let result = RunResult { status, error, outputs };
        self.result = Some(result.clone());
        self.ready.clear();
        self.commands.push(Command::Done(result));
    }
}

/// What a callback names a webhook action by: its name, and its iteration where it stands in a loop.
pub(crate) fn callback_name(action: &str, repetition: &[usize]) -> String {
    if repetition.is_empty() {
        return action.to_owned();
    }
    let indexes: Vec<String> = repetition.iter().map(usize::to_string).collect();
    format!("{action}~{}", indexes.join("-"))
}

/// The error of a container whose end failed.
pub(crate) fn action_failed() -> Json {
    json!({"code": "ActionFailed", "message": "An action failed. No dependent actions succeeded."})
}

/// The failure of an action whose expression could not be evaluated.
pub(crate) fn template_failure(name: &str, error: &ExpressionError) -> Finish {
    let message = format!(
        "Unable to process template language expressions in action '{name}' inputs at line '0' and column '0': '{}'.",
        error.message
    );
    Finish::failed("BadRequest", "InvalidTemplate", message)
}

/// Ticks of an ISO 8601 duration such as `PT1H30M` or `P1D`; months count 30 days, years 365.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut rest = rest.strip_prefix(['P', 'p'])?;
    let mut seconds = 0.0;
    let mut time = false;
    let mut any = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(['T', 't']) {
            time = true;
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = rest[..end].replace(',', ".").parse().ok()?;
        let unit = match (rest.as_bytes()[end].to_ascii_uppercase(), time) {
            (b'Y', false) => 365.0 * 86_400.0,
            (b'M', false) => 30.0 * 86_400.0,
            (b'W', false) => 7.0 * 86_400.0,
            (b'D', false) => 86_400.0,
            (b'H', true) => 3_600.0,
            (b'M', true) => 60.0,
            (b'S', true) => 1.0,
            _ => return None,
        };
        seconds += number * unit;
        any = true;
        rest = &rest[end + 1..];
    }
    let ticks = sign * seconds * 10_000_000.0;
    (any && ticks.is_finite() && ticks.abs() < 9.0e18).then_some(ticks as i64)
}
