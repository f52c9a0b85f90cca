//! Checks that need the whole definition: references, variables, places, secrets (`spec/workflows.md` §2.4).

use std::collections::{HashMap, HashSet};

use super::finding::Finding;
use super::model::{ActionId, ActionKind, Condition, Workflow};
use crate::expression::{Reference, Template};

/// Checks references and marks what must be hidden or kept.
pub(super) fn check(workflow: &mut Workflow, findings: &mut Vec<Finding>) {
    let references: Vec<Vec<Reference>> = workflow.actions.iter().map(|a| of_action(&a.kind)).collect();
    let variables = variables(workflow, findings);
    for (id, list) in references.iter().enumerate() {
        for reference in list {
            check_reference(workflow, id, reference, &variables, findings);
        }
        check_place(workflow, id, list, &variables, findings);
    }
    for list in &references {
        for reference in list.iter().filter(|r| r.function.eq_ignore_ascii_case("result")) {
            if let Some(target) = reference.name.as_deref().and_then(|n| workflow.action(n)) {
                workflow.actions[target].keep_results = true;
            }
        }
    }
    hide_downstream(workflow, &references);
    limits(workflow, findings);
}

fn of_condition(condition: &Condition, visit: &mut dyn FnMut(Reference)) {
    match condition {
        Condition::Template(template) => template.references(visit),
        Condition::And(list) | Condition::Or(list) => list.iter().for_each(|c| of_condition(c, visit)),
        Condition::Not(inner) => of_condition(inner, visit),
        Condition::Operator(_, operands) => operands.iter().for_each(|o| o.references(visit)),
    }
}

/// The calls in an action's own expressions, without those of actions inside it.
fn of_action(kind: &ActionKind) -> Vec<Reference> {
    let mut out = Vec::new();
    let mut visit = |r: Reference| out.push(r);
    let mut all = |templates: &[&Template]| templates.iter().for_each(|t| t.references(&mut visit));
    match kind {
        ActionKind::Http(t)
        | ActionKind::Webhook(t)
        | ActionKind::Connection(t, _)
        | ActionKind::ServiceProvider(t)
        | ActionKind::Function(t)
        | ActionKind::Workflow(t)
        | ActionKind::Response(t)
        | ActionKind::Compose(t)
        | ActionKind::ParseJson(t, _)
        | ActionKind::SetVariable(_, t)
        | ActionKind::AppendToString(_, t)
        | ActionKind::AppendToArray(_, t)
        | ActionKind::Switch(t, ..)
        | ActionKind::Foreach(t, _)
        | ActionKind::Terminate(t)
        | ActionKind::Wait(t)
        | ActionKind::Expression(_, t) => all(&[t]),
        ActionKind::Select(a, b) | ActionKind::Join(a, b) => all(&[a, b]),
        ActionKind::Query(from, condition) => {
            all(&[from]);
            of_condition(condition, &mut visit);
        }
        ActionKind::Table { from, columns, .. } => {
            all(&[from]);
            columns.iter().flatten().for_each(|(h, v)| all(&[h, v]));
        }
        ActionKind::InitializeVariable(list) => {
            list.iter().filter_map(|v| v.value.as_ref()).for_each(|t| all(&[t]))
        }
        ActionKind::IncrementVariable(_, value, _) => value.iter().for_each(|t| all(&[t])),
        ActionKind::If(condition, ..) => of_condition(condition, &mut visit),
        ActionKind::Until { condition, count, timeout, .. } => {
            count.iter().chain(timeout).for_each(|t| all(&[t]));
            of_condition(condition, &mut visit);
        }
        ActionKind::Scope(_) | ActionKind::JavaScript(_) => {}
    }
    out
}

fn variables(workflow: &Workflow, findings: &mut Vec<Finding>) -> HashMap<String, ActionId> {
    let mut out = HashMap::new();
    for (id, action) in workflow.actions.iter().enumerate() {
        let ActionKind::InitializeVariable(list) = &action.kind else { continue };
        if action.parent.is_some() {
            findings.push(Finding::error(
                &action.path,
                "InitializeVariable stands inside another action",
                "move it to the top level and use SetVariable here",
            ));
        }
        for variable in list {
            if out.insert(variable.name.to_lowercase(), id).is_some() {
                findings.push(Finding::error(
                    &action.path,
                    format!("the variable '{}' is initialized twice", variable.name),
                    "use SetVariable for the second value",
                ));
            }
        }
    }
    out
}

fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let lower = name.to_lowercase();
    let distance = |other: &str| {
        let other = other.to_lowercase();
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in lower.bytes().enumerate() {
            let mut last = row[0];
            row[0] = i + 1;
            for (j, b) in other.bytes().enumerate() {
                let next = (last + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
                last = std::mem::replace(&mut row[j + 1], next);
            }
        }
        row.last().copied().unwrap_or(usize::MAX)
    };
    match names.filter(|n| n.len() < 100).map(|n| (distance(n), n)).min() {
        Some((d, n)) if d <= name.len() / 3 + 1 => format!("did you mean '{n}'?"),
        _ => String::new(),
    }
}

/// Whether `before` has finished for sure, or its container has, when `id` runs.
fn reachable(workflow: &Workflow, id: ActionId, before: ActionId) -> bool {
    // The chain of containers around `before`, itself included.
    let mut chain = vec![before];
    while let Some((owner, _)) = workflow.actions[*chain.last().unwrap_or(&before)].parent {
        chain.push(owner);
    }
    let mut at = Some(id);
    while let Some(here) = at {
        if chain.contains(&here) {
            return here != id || before == id || chain[0] != id;
        }
        let mut seen = HashSet::from([here]);
        let mut open = vec![here];
        while let Some(action) = open.pop() {
            for after in &workflow.actions[action].run_after {
                if chain.contains(&after.action) {
                    return true;
                }
                if seen.insert(after.action) {
                    open.push(after.action);
                }
            }
        }
        at = workflow.actions[here].parent.map(|(owner, _)| owner);
    }
    false
}

fn check_reference(
    workflow: &Workflow,
    id: ActionId,
    reference: &Reference,
    variables: &HashMap<String, ActionId>,
    findings: &mut Vec<Finding>,
) {
    let action = &workflow.actions[id];
    let function = reference.function.to_lowercase();
    let Some((min, max)) = reference.accepted else {
        let names = crate::expression::FUNCTIONS.iter().map(|f| f.name);
        let help = match function.as_str() {
            "subscription" | "resourcegroup" => "write it as an ARM expression [ … ] in the template".into(),
            _ => nearest(&reference.function, names),
        };
        findings.push(Finding::error(
            &action.path,
            format!("the template function '{}' is not defined or not valid", reference.function),
            help,
        ));
        return;
    };
    if reference.count < min || reference.count > max {
        findings.push(Finding::error(
            &action.path,
            format!("'{}' is called with {} argument(s)", reference.function, reference.count),
            "look the function up in the reference",
        ));
    }
    let Some(name) = reference.name.as_deref() else { return };
    match function.as_str() {
        "body"
        | "outputs"
        | "actions"
        | "actionbody"
        | "actionoutputs"
        | "result"
        | "formdatavalue"
        | "formdatamultivalues"
        | "multipartbody" => {
            let Some(target) = workflow.action(name) else {
                let names = workflow.actions.iter().map(|a| a.name.as_str());
                findings.push(Finding::error(
                    &action.path,
                    format!("'{}' refers to the action '{name}', which does not exist", reference.function),
                    nearest(name, names),
                ));
                return;
            };
            let inside = |mut at: Option<ActionId>, wanted: Option<ActionId>| {
                while at != wanted {
                    let Some(here) = at else { return false };
                    at = workflow.actions[here].foreach;
                }
                true
            };
            let self_until = matches!(action.kind, ActionKind::Until { .. });
            if !inside(
                if matches!(action.kind, ActionKind::Foreach(..)) { Some(id) } else { action.foreach },
                workflow.actions[target].foreach,
            ) {
                findings.push(Finding::error(
                    &action.path,
                    format!("the action '{name}' stands inside a Foreach and cannot be read from outside"),
                    "collect values in an array variable, or use result() of the loop",
                ));
            } else if target != id && !self_until && !reachable(workflow, id, target) {
                findings.push(Finding::error(
                    &action.path,
                    format!(
                        "the action '{name}' does not come before '{}' on its `runAfter` path",
                        action.name
                    ),
                    "add it to `runAfter`",
                ));
            }
        }
        "items" => {
            let mut at = Some(id);
            let found = std::iter::from_fn(|| {
                let here = at?;
                at = workflow.actions[here].parent.map(|(owner, _)| owner);
                Some(here)
            })
            .any(|a| {
                matches!(workflow.actions[a].kind, ActionKind::Foreach(..))
                    && crate::expression::same_name(&workflow.actions[a].name, name)
            });
            if !found {
                findings.push(Finding::error(
                    &action.path,
                    format!("items('{name}'): '{name}' is no enclosing Foreach"),
                    "use the name of the loop around this action",
                ));
            }
        }
        "variables" if !variables.contains_key(&name.to_lowercase()) => {
            findings.push(Finding::error(
                &action.path,
                format!("the variable '{name}' is never initialized"),
                nearest(name, variables.keys().map(String::as_str)),
            ));
        }
        "parameters"
            if !workflow.parameters.iter().any(|p| crate::expression::same_name(&p.name, name))
                && !workflow.is_standard =>
        {
            let names = workflow.parameters.iter().map(|p| p.name.as_str());
            findings.push(Finding::error(
                &action.path,
                format!("the parameter '{name}' is not declared"),
                nearest(name, names),
            ));
        }
        "appsetting" if !workflow.is_standard => {
            findings.push(Finding::error(
                &action.path,
                "the template function 'appsetting' is not expected at this location",
                "it exists in Standard workflows only; use a parameter",
            ));
        }
        _ => {}
    }
}

fn in_loop(workflow: &Workflow, id: ActionId) -> bool {
    let mut at = workflow.actions[id].parent;
    while let Some((owner, _)) = at {
        if matches!(workflow.actions[owner].kind, ActionKind::Foreach(..) | ActionKind::Until { .. }) {
            return true;
        }
        at = workflow.actions[owner].parent;
    }
    false
}

fn check_place(
    workflow: &Workflow,
    id: ActionId,
    references: &[Reference],
    variables: &HashMap<String, ActionId>,
    findings: &mut Vec<Finding>,
) {
    let action = &workflow.actions[id];
    let own = |variable: &str| {
        references.iter().any(|r| {
            r.function.eq_ignore_ascii_case("variables")
                && r.name.as_deref().is_some_and(|n| crate::expression::same_name(n, variable))
        })
    };
    match &action.kind {
        ActionKind::Terminate(_) | ActionKind::Response(_) if in_loop(workflow, id) => {
            findings.push(Finding::error(
                &action.path,
                format!("{} stands inside a loop", action.type_name),
                "move it behind the loop and decide by a variable",
            ));
        }
        ActionKind::Response(_)
            if workflow.triggers.iter().any(|t| t.split_on.is_some())
                && !action.options.has("Asynchronous") =>
        {
            findings.push(Finding::error(
                &action.path,
                "a Response cannot be given to a trigger with splitOn",
                "remove splitOn or the Response",
            ));
        }
        ActionKind::InitializeVariable(list) => {
            for variable in list.iter().filter(|v| own(&v.name)) {
                findings.push(Finding::error(
                    &action.path,
                    format!("the first value of '{}' refers to itself", variable.name),
                    "use another value",
                ));
            }
        }
        ActionKind::SetVariable(name, _)
        | ActionKind::IncrementVariable(name, ..)
        | ActionKind::AppendToString(name, _)
        | ActionKind::AppendToArray(name, _) => {
            if !name.is_empty() && !variables.contains_key(&name.to_lowercase()) {
                findings.push(Finding::error(
                    &action.path,
                    format!("the variable '{name}' is never initialized"),
                    nearest(name, variables.keys().map(String::as_str)),
                ));
            }
            // Consumption refuses it at save; Standard allows it `[U]`.
            if matches!(action.kind, ActionKind::SetVariable(..)) && own(name) && !workflow.is_standard {
                findings.push(Finding::error(
                    &action.path,
                    format!("Self reference is not supported when updating the value of variable '{name}'."),
                    "compose the new value first, or append",
                ));
            }
            lint_parallel(workflow, id, name, findings);
        }
        ActionKind::Http(template) => {
            let bulk = format!("{template:?}").to_lowercase().contains("bulkupload");
            if bulk && !action.options.has("DisableAsyncPattern") {
                findings.push(Finding::warning(&action.path, "a bulkUpload without DisableAsyncPattern is polled until its Location answers something else than 202", "set operationOptions to DisableAsyncPattern"));
            }
        }
        _ => {}
    }
    for reference in references.iter().filter(|r| r.function.eq_ignore_ascii_case("body")) {
        let target = reference.name.as_deref().and_then(|n| workflow.action(n));
        if target.is_some_and(|t| matches!(workflow.actions[t].kind, ActionKind::Compose(_))) {
            findings.push(Finding::warning(
                &action.path,
                format!("body('{}') of a Compose is null", reference.name.as_deref().unwrap_or_default()),
                "use outputs()",
            ));
        }
    }
}

fn lint_parallel(workflow: &Workflow, id: ActionId, name: &str, findings: &mut Vec<Finding>) {
    let action = &workflow.actions[id];
    let Some(outer) = action.foreach else { return };
    if workflow.actions[outer].concurrency != Some(1) && workflow.actions[outer].foreach.is_none() {
        findings.push(Finding::warning(
            &action.path,
            format!("the variable '{name}' is changed in a loop whose iterations run in parallel"),
            "set concurrency.repetitions to 1 if order matters",
        ));
    }
}

/// Whatever reads hidden outputs is hidden too, as are variables that got them.
fn hide_downstream(workflow: &mut Workflow, references: &[Vec<Reference>]) {
    let secure_trigger = workflow.triggers.iter().any(|t| t.secure_outputs);
    let mut tainted: HashSet<String> = HashSet::new();
    loop {
        let mut changed = false;
        for (id, list) in references.iter().enumerate() {
            let reads = list.iter().any(|r| {
                let name = r.name.as_deref().unwrap_or_default();
                match r.function.to_lowercase().as_str() {
                    "trigger" | "triggerbody" | "triggeroutputs" => secure_trigger,
                    "variables" => tainted.contains(&name.to_lowercase()),
                    "body" | "outputs" | "actions" | "actionbody" | "actionoutputs" | "result" => {
                        workflow.action(name).is_some_and(|t| workflow.actions[t].hide_outputs)
                    }
                    // The loop's element is hidden where its source is.
                    "item" | "items" => {
                        workflow.actions[id].foreach.is_some_and(|f| workflow.actions[f].hide_inputs)
                    }
                    _ => false,
                }
            });
            if !reads {
                continue;
            }
            let action = &mut workflow.actions[id];
            changed |= !action.hide_inputs || !action.hide_outputs;
            action.hide_inputs = true;
            action.hide_outputs = true;
            let names: Vec<String> = match &action.kind {
                ActionKind::SetVariable(n, _)
                | ActionKind::AppendToString(n, _)
                | ActionKind::AppendToArray(n, _) => vec![n.to_lowercase()],
                ActionKind::InitializeVariable(list) => list.iter().map(|v| v.name.to_lowercase()).collect(),
                _ => Vec::new(),
            };
            for name in names {
                changed |= tainted.insert(name);
            }
        }
        if !changed {
            return;
        }
    }
}

fn limits(workflow: &Workflow, findings: &mut Vec<Finding>) {
    let mut warn = |count: usize, limit: usize, what: &str| {
        if count > limit {
            findings.push(Finding::warning(
                "",
                format!("{count} {what}, the service allows {limit}"),
                "it runs here all the same",
            ));
        }
    };
    warn(workflow.actions.len(), 500, "actions");
    warn(workflow.triggers.len(), 10, "triggers");
    warn(workflow.parameters.len(), 50, "parameters");
    let depth = |mut id: ActionId| {
        let mut levels = 1;
        while let Some((owner, _)) = workflow.actions[id].parent {
            id = owner;
            levels += 1;
        }
        levels
    };
    warn((0..workflow.actions.len()).map(depth).max().unwrap_or(0), 8, "levels of nesting");
}
