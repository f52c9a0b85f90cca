//! If, Switch, Foreach, Until, Scope: how they begin and how they end (`spec/workflows.md` §9.2–§9.6).

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::conditions::{holds, type_name};
use super::machine::{Finish, Looping, Machine, Slots, Space, SpaceId, UntilState, action_failed, duration};
use crate::definition::{ActionId, ActionKind, Status};
use crate::expression::{Evaluator, ExpressionError, Template};

const DEFAULT_CONCURRENCY: usize = 20;
const HOUR: i64 = 3_600 * 10_000_000;

impl Machine {
    pub(crate) fn start_if(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        let ActionKind::If(condition, ..) = &workflow.actions[action].kind else { return };
        let outcome = {
            let view = self.view(space, action);
            holds(condition, &Evaluator::new(&view))
        };
        match outcome {
            Ok(yes) => {
                self.slot(space, action).inputs = Some(json!({"expressionResult": yes}));
                self.skip_branch(space, action, usize::from(yes));
                self.start_branch(space, action, usize::from(!yes));
            }
            Err(error) => {
                self.skip_branch(space, action, 0);
                self.skip_branch(space, action, 1);
                self.finish(space, action, condition_failure(&workflow.actions[action].name, &error));
            }
        }
    }

    fn start_branch(&mut self, space: SpaceId, action: ActionId, branch: usize) {
        let workflow = Arc::clone(&self.workflow);
        let members = &workflow.actions[action].kind.containers()[branch].actions;
        let slot = self.slot(space, action);
        slot.branch = branch;
        slot.remaining = members.len();
        if members.is_empty() {
            return self.container_done(space, action, branch);
        }
        self.start_container(space, members);
    }

    pub(crate) fn start_switch(&mut self, space: SpaceId, action: ActionId) -> Result<(), ExpressionError> {
        let workflow = Arc::clone(&self.workflow);
        let ActionKind::Switch(expression, cases, branches) = &workflow.actions[action].kind else {
            return Ok(());
        };
        let value = self.evaluate(expression, space, action)?;
        let fits = |json: &Json| json.is_string() || json.is_i64() || json.is_u64();
        let wrong_case = cases.iter().find(|(_, case)| type_name(case) != type_name(&value));
        let failure = if !fits(&value) {
            Some(format!(
                "The execution of template action '{}' failed: the result of the evaluation of 'expression' is not valid. It is of type '{}' but is expected to be a value of type 'String, Integer'.",
                workflow.actions[action].name,
                type_name(&value)
            ))
        } else {
            wrong_case.map(|(name, case)| format!("The execution of template action '{}' failed: the case '{name}' is of type '{}' but the expression gave '{}'.", workflow.actions[action].name, type_name(case), type_name(&value)))
        };
        self.slot(space, action).inputs = Some(json!({"expressionResult": value}));
        if let Some(message) = failure {
            (0..branches.len()).for_each(|branch| self.skip_branch(space, action, branch));
            self.finish(
                space,
                action,
                Finish::failed("ExpressionEvaluationFailed", "ExpressionEvaluationFailed", message),
            );
            return Ok(());
        }
        let chosen = cases.iter().position(|(_, case)| *case == value).unwrap_or(branches.len() - 1);
        (0..branches.len())
            .filter(|branch| *branch != chosen)
            .for_each(|branch| self.skip_branch(space, action, branch));
        self.start_branch(space, action, chosen);
        Ok(())
    }

    pub(crate) fn start_scope(&mut self, space: SpaceId, action: ActionId) {
        self.start_branch(space, action, 0);
    }

    pub(crate) fn start_foreach(
        &mut self,
        space: SpaceId,
        action: ActionId,
        items: &Template,
    ) -> Result<(), ExpressionError> {
        let workflow = Arc::clone(&self.workflow);
        let definition = &workflow.actions[action];
        let items = match self.evaluate(items, space, action)? {
            Json::Array(items) => items,
            other => {
                let message = format!(
                    "The execution of template action '{}' failed: the result of the evaluation of 'foreach' expression '{}' is of type '{}'. The result must be a valid array.",
                    definition.name,
                    definition.foreach_text.as_deref().unwrap_or_default(),
                    type_name(&other)
                );
                self.finish(
                    space,
                    action,
                    Finish::failed("ExpressionEvaluationFailed", "ExpressionEvaluationFailed", message),
                );
                return Ok(());
            }
        };
        // A Foreach inside a Foreach runs its iterations one after the other.
        let concurrency = if definition.foreach.is_some() {
            1
        } else {
            definition.concurrency.unwrap_or(DEFAULT_CONCURRENCY)
        };
        let total = items.len();
        if items.is_empty() {
            self.skip_children(space, action);
        }
        self.slot(space, action).looping = Some(Box::new(Looping {
            items: items.into_iter(),
            next: 0,
            total,
            running: 0,
            concurrency,
            failed: false,
        }));
        self.next_iterations(space, action);
        Ok(())
    }

    /// Starts iterations up to the loop's concurrency; ends the loop after the last one.
    fn next_iterations(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        let ActionKind::Foreach(_, body) = &workflow.actions[action].kind else { return };
        loop {
            let Some(looping) = self.slot(space, action).looping.as_mut() else { return };
            if looping.running >= looping.concurrency {
                return;
            }
            let next = if body.actions.is_empty() { None } else { looping.items.next() };
            let Some(item) = next else {
                if looping.running == 0 {
                    let (failed, total) = (looping.failed, looping.total);
                    let finish = if failed {
                        Finish {
                            status: Some(Status::Failed),
                            code: Some("ActionFailed".into()),
                            error: Some(action_failed()),
                            ..Finish::default()
                        }
                    } else {
                        Finish { status: Some(Status::Succeeded), ..Finish::default() }
                    };
                    self.finish(space, action, Finish { repetitions: Some(total), ..finish });
                }
                return;
            };
            let index = looping.next;
            looping.next += 1;
            looping.running += 1;
            let id = self.next_id();
            self.spaces.insert(
                id,
                Space {
                    owner: Some((space, action)),
                    index,
                    item,
                    slots: Slots::default(),
                    remaining: body.actions.len(),
                },
            );
            self.start_container(id, &body.actions);
        }
    }

    /// Ends an iteration and forgets it.
    pub(crate) fn iteration_done(&mut self, iteration: SpaceId) {
        let Some((outer, action)) = self.spaces.get(&iteration).and_then(|s| s.owner) else { return };
        let workflow = Arc::clone(&self.workflow);
        let body = workflow.container(Some((action, 0)));
        let failed = self.container_status(iteration, &body.actions) != Status::Succeeded;
        self.spaces.remove(&iteration);
        if let Some(looping) = self.slot(outer, action).looping.as_mut() {
            looping.running -= 1;
            looping.failed |= failed;
        }
        self.next_iterations(outer, action);
    }

    pub(crate) fn start_until(&mut self, space: SpaceId, action: ActionId) -> Result<(), ExpressionError> {
        let workflow = Arc::clone(&self.workflow);
        let ActionKind::Until { count, timeout, .. } = &workflow.actions[action].kind else { return Ok(()) };
        let value = |template: &Option<Template>| {
            template.as_ref().map(|t| self.evaluate(t, space, action)).transpose()
        };
        let (count, timeout) = (value(count)?, value(timeout)?);
        let count =
            count.and_then(|c| c.as_u64().or_else(|| c.as_str()?.parse().ok())).unwrap_or(60).clamp(1, 5_000)
                as usize;
        let timeout = timeout.and_then(|t| duration(t.as_str()?)).unwrap_or(HOUR);
        let deadline = self.now.saturating_add(timeout);
        self.slot(space, action).until = Some(Box::new(UntilState { passes: 0, count, deadline }));
        self.start_branch(space, action, 0);
        Ok(())
    }

    /// Forgets the results of the last pass, so that the next one starts clean.
    fn reset_children(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        for container in workflow.actions[action].kind.containers() {
            for child in &container.actions {
                if let Some(state) = self.spaces.get_mut(&space) {
                    state.slots.remove(child);
                }
                if !matches!(workflow.actions[*child].kind, ActionKind::Foreach(..)) {
                    self.reset_children(space, *child);
                }
            }
        }
    }

    fn pass_done(&mut self, space: SpaceId, action: ActionId) {
        let workflow = Arc::clone(&self.workflow);
        let ActionKind::Until { condition, body, .. } = &workflow.actions[action].kind else { return };
        let done = {
            let view = self.view(space, action);
            holds(condition, &Evaluator::new(&view))
        };
        let now = self.now;
        let slot = self.slot(space, action);
        let Some(until) = slot.until.as_mut() else { return };
        until.passes += 1;
        let (passes, until_count) = (until.passes, until.count);
        let over = passes >= until.count || now >= until.deadline;
        let status = self.container_status(space, &body.actions);
        let finish = match done {
            Err(error) => condition_failure(&workflow.actions[action].name, &error),
            Ok(false) if !over => {
                self.reset_children(space, action);
                if body.actions.is_empty() {
                    // Nothing could ever change: the passes up to the limit are counted, not made.
                    let passes = until_count;
                    let finish = Finish {
                        status: Some(Status::Succeeded),
                        repetitions: Some(passes),
                        ..Finish::default()
                    };
                    return self.finish(space, action, finish);
                }
                return self.start_branch(space, action, 0);
            }
            Ok(false) if workflow.actions[action].options.has("FailWhenLimitsReached") => Finish::failed(
                "ActionFailed",
                "UntilLimitsReached",
                "The loop reached its limit of passes or time before its condition was met.",
            ),
            Ok(_) if status == Status::Failed => Finish {
                status: Some(Status::Failed),
                code: Some("ActionFailed".into()),
                error: Some(action_failed()),
                ..Finish::default()
            },
            Ok(_) => Finish { status: Some(Status::Succeeded), ..Finish::default() },
        };
        self.finish(space, action, Finish { repetitions: Some(passes), ..finish });
    }

    /// The last member of a branch, pass or group has finished.
    pub(crate) fn container_done(&mut self, space: SpaceId, action: ActionId, branch: usize) {
        let workflow = Arc::clone(&self.workflow);
        if matches!(workflow.actions[action].kind, ActionKind::Until { .. }) {
            return self.pass_done(space, action);
        }
        let members = &workflow.actions[action].kind.containers()[branch].actions;
        let finish = match self.container_status(space, members) {
            Status::Succeeded => Finish { status: Some(Status::Succeeded), ..Finish::default() },
            _ => Finish {
                status: Some(Status::Failed),
                code: Some("ActionFailed".into()),
                error: Some(action_failed()),
                ..Finish::default()
            },
        };
        self.finish(space, action, finish);
    }

    /// A container's status: failed where the effective status of any of its ends is bad.
    pub(crate) fn container_status(&self, space: SpaceId, members: &[ActionId]) -> Status {
        let mut memo = HashMap::new();
        let bad = members
            .iter()
            .filter(|id| self.workflow.actions[**id].successors.is_empty())
            .any(|id| self.is_bad(space, *id, &mut memo, 0));
        if bad { Status::Failed } else { Status::Succeeded }
    }

    /// An action's own status, or the worst of its predecessors where it was skipped.
    fn is_bad(
        &self,
        space: SpaceId,
        action: ActionId,
        memo: &mut HashMap<ActionId, bool>,
        depth: usize,
    ) -> bool {
        if let Some(known) = memo.get(&action) {
            return *known;
        }
        let record =
            self.spaces.get(&space).and_then(|s| s.slots.get(&action)).and_then(|s| s.record.as_ref());
        let bad = match record.map(|r| r.status) {
            Some(Status::Skipped) if depth < 1_000 => self.workflow.actions[action]
                .run_after
                .iter()
                .any(|after| self.is_bad(space, after.action, memo, depth + 1)),
            Some(status) => status.is_bad(),
            None => false,
        };
        memo.insert(action, bad);
        bad
    }
}

fn condition_failure(name: &str, error: &ExpressionError) -> Finish {
    let message = format!(
        "Unable to process template language expressions for action '{name}' at line '1' and column '1': '{}'.",
        error.message
    );
    Finish::failed("BadRequest", "InvalidTemplate", message)
}
