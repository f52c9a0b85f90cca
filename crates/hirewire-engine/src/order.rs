//! In which order unique values move between people.
//!
//! Ida's address becomes Bo's: Ida's account has to let go first. Two who swap, or three in a ring, cannot: one of
//! them lets go beforehand, for a temporary value where the attribute may not be empty.
use std::collections::HashMap;

use crate::attribute::TargetAttribute;
use crate::compare::{contains, folded};
use crate::plan::Plan;
use crate::target::{Change, Step};
use crate::value::AttributeValue;

/// A target attribute whose values belong to one account at a time, such as `userPrincipalName`.
#[derive(Debug, Clone)]
pub struct UniqueAttribute {
    /// The attribute.
    pub attribute: TargetAttribute,
    /// Whether an account may be without a value for a moment; if not, it gets a temporary one.
    pub clearable: bool,
}

/// One thing to do in a round.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// The whole plan of this index.
    Plan(usize),
    /// The plan's account lets go of values that others wait for; its plan follows in a later round.
    LetGo {
        /// Index of the plan.
        plan: usize,
        /// An update of the account.
        step: Step,
    },
}

/// Rounds to be executed one after the other; what stands in one round may go in parallel. Every plan that writes is in
/// exactly one round, in the order given where nothing speaks against it.
pub fn rounds(plans: &[Plan], unique: &[UniqueAttribute]) -> Vec<Vec<Act>> {
    let mut waiting = Waiting::new(plans, unique);
    let mut ready: Vec<usize> = waiting.writing().filter(|plan| waiting.blockers[*plan] == 0).collect();
    let mut rounds = Vec::new();
    loop {
        while !ready.is_empty() {
            let mut next: Vec<usize> = ready.iter().flat_map(|plan| waiting.finish(*plan)).collect();
            next.sort_unstable();
            rounds.push(ready.into_iter().map(Act::Plan).collect());
            ready = next;
        }
        let (acts, freed) = waiting.break_rings();
        if acts.is_empty() {
            return rounds;
        }
        rounds.push(acts);
        ready = freed;
    }
}

/// A value of a unique attribute: index of the attribute, folded text.
type Key = (usize, String);

struct Waiting<'w> {
    plans: &'w [Plan],
    unique: &'w [UniqueAttribute],
    /// Who lets go of a value.
    holders: HashMap<Key, usize>,
    /// Values that each plan takes from somebody.
    takes: Vec<Vec<Key>>,
    /// How many of them are still held.
    blockers: Vec<usize>,
    /// Who waits for each plan, once per value.
    dependents: Vec<Vec<usize>>,
    done: Vec<bool>,
    /// The plan holds nothing any more that others wait for.
    released: Vec<bool>,
}

impl<'w> Waiting<'w> {
    fn new(plans: &'w [Plan], unique: &'w [UniqueAttribute]) -> Self {
        let mut waiting = Self {
            plans,
            unique,
            holders: HashMap::new(),
            takes: vec![Vec::new(); plans.len()],
            blockers: vec![0; plans.len()],
            dependents: vec![Vec::new(); plans.len()],
            done: vec![false; plans.len()],
            released: vec![false; plans.len()],
        };
        for index in waiting.writing().collect::<Vec<_>>() {
            for (attribute, change) in waiting.changes(index) {
                let old = keys(unique, attribute, change.old.as_ref());
                let new = keys(unique, attribute, change.new.as_ref());
                waiting.takes[index].extend(new.iter().filter(|key| !old.contains(key)).cloned());
                for key in old.into_iter().filter(|key| !new.contains(key)) {
                    waiting.holders.insert(key, index);
                }
            }
        }
        for index in 0..plans.len() {
            let holders = &waiting.holders;
            waiting.takes[index].retain(|key| holders.get(key).is_some_and(|holder| *holder != index));
            waiting.blockers[index] = waiting.takes[index].len();
            for key in &waiting.takes[index] {
                waiting.dependents[waiting.holders[key]].push(index);
            }
        }
        waiting
    }

    fn writing(&self) -> impl Iterator<Item = usize> + use<'w> {
        let plans = self.plans;
        (0..plans.len()).filter(|plan| plans[*plan].action.writes())
    }

    fn changes(&self, plan: usize) -> Vec<(usize, &'w Change)> {
        let position =
            |change: &Change| self.unique.iter().position(|unique| unique.attribute.name == change.attribute);
        self.plans[plan].changes.iter().filter_map(|change| Some((position(change)?, change))).collect()
    }

    /// The plan is executed: who becomes free by it.
    fn finish(&mut self, plan: usize) -> Vec<usize> {
        self.done[plan] = true;
        self.release(plan)
    }

    fn release(&mut self, plan: usize) -> Vec<usize> {
        if std::mem::replace(&mut self.released[plan], true) {
            return Vec::new();
        }
        let mut freed = Vec::new();
        for dependent in std::mem::take(&mut self.dependents[plan]) {
            self.blockers[dependent] -= 1;
            if self.blockers[dependent] == 0 {
                freed.push(dependent);
            }
        }
        freed
    }

    /// Nobody is free, so that following who waits for whom leads into rings; one of each lets go.
    fn break_rings(&mut self) -> (Vec<Act>, Vec<usize>) {
        let mut seen: Vec<usize> = vec![0; self.plans.len()];
        let mut ring_members = Vec::new();
        for (walk, start) in self.writing().filter(|plan| !self.done[*plan]).enumerate() {
            let mut plan = start;
            while seen[plan] == 0 {
                seen[plan] = walk + 1;
                let Some(next) = self.blocker(plan) else { break };
                plan = next;
                if seen[plan] == walk + 1 {
                    ring_members.push(plan);
                }
            }
        }
        let acts: Vec<Act> = ring_members.iter().map(|plan| self.letting_go(*plan)).collect();
        let mut freed: Vec<usize> = ring_members.into_iter().flat_map(|plan| self.release(plan)).collect();
        freed.sort_unstable();
        (acts, freed)
    }

    /// A plan that still holds something this one takes.
    fn blocker(&self, plan: usize) -> Option<usize> {
        self.takes[plan].iter().map(|key| self.holders[key]).find(|holder| !self.released[*holder])
    }

    fn letting_go(&self, plan: usize) -> Act {
        let wanted = |attribute: usize| {
            self.dependents[plan]
                .iter()
                .flat_map(|dependent| &self.takes[*dependent])
                .any(|key| key.0 == attribute && self.holders[key] == plan)
        };
        let anchor = self.plans[plan].target_anchor.clone().unwrap_or_default();
        let changes = self
            .changes(plan)
            .into_iter()
            .filter(|(attribute, _)| wanted(*attribute))
            .map(|(attribute, change)| self.let_go(attribute, change, &anchor))
            .collect();
        Act::LetGo { plan, step: Step::Update { anchor, changes } }
    }

    fn let_go(&self, attribute: usize, change: &Change, anchor: &str) -> Change {
        let UniqueAttribute { attribute, clearable } = &self.unique[attribute];
        let new = match (&change.old, &change.new) {
            // Of several values those stay that the account keeps anyway.
            (Some(AttributeValue::List(old)), Some(AttributeValue::List(new))) => {
                let kept: Vec<_> =
                    old.iter().filter(|value| contains(attribute, new, value)).cloned().collect();
                (!kept.is_empty()).then_some(AttributeValue::List(kept))
            }
            (Some(AttributeValue::Text(old)), _) if !clearable => {
                Some(AttributeValue::Text(temporary(anchor, old)))
            }
            _ => None,
        };
        Change { attribute: change.attribute.clone(), old: change.old.clone(), new }
    }
}

/// The texts of a value as keys.
fn keys(unique: &[UniqueAttribute], attribute: usize, value: Option<&AttributeValue>) -> Vec<Key> {
    let case_exact = unique[attribute].attribute.case_exact;
    let key = |text: &str| (attribute, folded(text, case_exact).into_owned());
    match value {
        Some(AttributeValue::Text(text)) => vec![key(text)],
        Some(AttributeValue::List(values)) => {
            values.iter().flat_map(|value| keys(unique, attribute, Some(value))).collect()
        }
        _ => Vec::new(),
    }
}

/// `moving-1a2b3c4d` or `moving-1a2b3c4d@contoso.com`: the same for the same account, 15 characters before the `@`.
fn temporary(anchor: &str, old: &str) -> String {
    let mark = crate::fingerprint::fingerprint(anchor.as_bytes()).to_string();
    let local = format!("moving-{}", mark.get(..8).unwrap_or(&mark));
    match old.rsplit_once('@') {
        Some((_, domain)) => format!("{local}@{domain}"),
        None => local,
    }
}

impl Act {
    /// Index of the plan it belongs to.
    pub fn plan(&self) -> usize {
        match self {
            Self::Plan(plan) | Self::LetGo { plan, .. } => *plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{AttributeType, Mutability};
    use crate::compare::same_text;
    use crate::plan::Action;

    fn unique(name: &str, multivalued: bool, clearable: bool) -> UniqueAttribute {
        let attribute = TargetAttribute {
            name: name.into(),
            kind: AttributeType::String,
            case_exact: false,
            multivalued,
            mutability: Mutability::ReadWrite,
            required: false,
            default_value: None,
            container: false,
        };
        UniqueAttribute { attribute, clearable }
    }

    fn attributes() -> Vec<UniqueAttribute> {
        vec![
            unique("userPrincipalName", false, false),
            unique("mail", false, true),
            unique("proxyAddresses", true, true),
        ]
    }

    fn value(text: &str) -> Option<AttributeValue> {
        let one = |text: &str| AttributeValue::Text(text.to_owned());
        match text {
            "" => None,
            list if list.contains(' ') => Some(AttributeValue::List(list.split(' ').map(one).collect())),
            text => Some(one(text)),
        }
    }

    fn plan(anchor: &str, action: Action, changes: &[(&str, &str, &str)]) -> Plan {
        Plan {
            source_anchor: anchor.to_lowercase(),
            target_anchor: (action != Action::Create).then(|| anchor.to_owned()),
            action,
            reason: None,
            detail: None,
            matched_by: None,
            changes: changes
                .iter()
                .map(|(name, old, new)| Change {
                    attribute: (*name).to_owned(),
                    old: value(old),
                    new: value(new),
                })
                .collect(),
            references: Vec::new(),
            rows: Vec::new(),
            warnings: Vec::new(),
            in_scope: None,
            scope_evidence: None,
            next_due: None,
            time_dependent: false,
            restore: false,
        }
    }

    /// Executes the rounds on a directory that refuses a value somebody else holds, as Active Directory does.
    fn execute(plans: &[Plan]) -> Result<usize, String> {
        let unique = attributes();
        let mut held: Vec<(String, String, AttributeValue)> = Vec::new();
        for plan in plans {
            for change in &plan.changes {
                held.extend(
                    change.old.clone().map(|old| (plan.source_anchor.clone(), change.attribute.clone(), old)),
                );
            }
        }
        let mut done = vec![0; plans.len()];
        let rounds = rounds(plans, &unique);
        for act in rounds.iter().flatten() {
            let owner = &plans[act.plan()].source_anchor;
            let changes = match act {
                Act::Plan(index) => {
                    done[*index] += 1;
                    plans[*index].changes.clone()
                }
                Act::LetGo { step: Step::Update { changes, .. }, .. } => changes.clone(),
                Act::LetGo { step, .. } => return Err(format!("{step:?}")),
            };
            for change in changes {
                held.retain(|(who, name, _)| who != owner || *name != change.attribute);
                let Some(new) = change.new else { continue };
                let index =
                    unique.iter().position(|u| u.attribute.name == change.attribute).unwrap_or_default();
                let wanted = keys(&unique, index, Some(&new));
                let clash = held.iter().any(|(_, name, value)| {
                    *name == change.attribute
                        && keys(&unique, index, Some(value)).iter().any(|key| wanted.contains(key))
                });
                if clash {
                    return Err(format!("{owner} takes what somebody holds: {new:?}"));
                }
                held.push((owner.clone(), change.attribute, new));
            }
        }
        let expected: Vec<i32> = plans.iter().map(|plan| i32::from(plan.action.writes())).collect();
        if done != expected { Err(format!("executed {done:?}")) } else { Ok(rounds.len()) }
    }

    #[test]
    fn addresses_move_without_a_clash() {
        use Action::{Create, Disable, Skip, Update};
        let mail = |anchor, old, new| plan(anchor, Update, &[("mail", old, new)]);
        let name = |anchor, old, new| plan(anchor, Update, &[("userPrincipalName", old, new)]);
        // (title, plans, rounds)
        let cases: Vec<(&str, Vec<Plan>, usize)> = vec![
            ("nothing unique", vec![plan("A", Update, &[("title", "x", "y")]), plan("B", Skip, &[])], 1),
            ("B gets what A leaves", vec![mail("B", "b@x", "a@x"), mail("A", "a@x", "aa@x")], 2),
            ("in other case", vec![mail("B", "b@x", "A@X"), mail("A", "a@x", "aa@x")], 2),
            ("A is emptied", vec![mail("B", "", "a@x"), plan("A", Disable, &[("mail", "a@x", "")])], 2),
            (
                "a joiner gets it",
                vec![plan("J", Create, &[("mail", "", "a@x")]), mail("A", "a@x", "aa@x")],
                2,
            ),
            ("swap", vec![mail("A", "a@x", "b@x"), mail("B", "b@x", "a@x")], 3),
            ("swap of names", vec![name("A", "a@x", "b@x"), name("B", "b@x", "a@x")], 3),
            (
                "ring of three",
                vec![name("A", "a@x", "b@x"), name("B", "b@x", "c@x"), name("C", "c@x", "a@x")],
                4,
            ),
            (
                "behind a ring",
                vec![
                    mail("D", "d@x", "a@x"),
                    mail("A", "a@x", "b@x"),
                    mail("B", "b@x", "c@x"),
                    mail("C", "c@x", "b2@x"),
                ],
                4,
            ),
            (
                "two rings",
                vec![name("A", "a", "b"), name("B", "b", "a"), name("C", "c", "d"), name("D", "d", "c")],
                3,
            ),
            (
                "over two attributes",
                vec![
                    plan("A", Update, &[("mail", "a@x", "b@x"), ("userPrincipalName", "a@x", "a2@x")]),
                    plan("B", Update, &[("mail", "b@x", "b2@x"), ("userPrincipalName", "b@x", "a@x")]),
                ],
                3,
            ),
            (
                "lists",
                vec![
                    plan("A", Update, &[("proxyAddresses", "a1 a2", "a2 b1")]),
                    plan("B", Update, &[("proxyAddresses", "b1 b2", "b2 a1")]),
                ],
                3,
            ),
            ("case of one's own", vec![mail("A", "a@x", "A@x")], 1),
        ];
        for (title, plans, expected) in cases {
            assert_eq!(execute(&plans), Ok(expected), "{title}");
        }
    }

    #[test]
    fn a_temporary_name_fits_and_keeps_the_domain() {
        let name = temporary("0f3c", "ida.stone@contoso.com");
        assert!(name.ends_with("@contoso.com") && name.starts_with("moving-"), "{name}");
        assert!(temporary("0f3c", "ida").len() <= 20);
        assert!(!same_text(&temporary("a", "x"), &temporary("b", "x"), false));
    }
}
