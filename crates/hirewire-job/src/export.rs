//! Second half of a batch: steps go to the target in an order that works.
use std::collections::HashSet;

use hirewire_engine::order::{self, Act, UniqueAttribute};
use hirewire_engine::target::{Applied, Change, Step, Target, TargetError};
use hirewire_engine::{Action, Plan, ReferenceStatus};

use crate::people::Decided;
use crate::run::Run;

/// Attributes whose values belong to one account at a time in the directories we write.
const UNIQUE: [&str; 5] = ["userPrincipalName", "sAMAccountName", "mailNickname", "uid", "mail"];

impl<T: Target> Run<'_, '_, T> {
    /// Writes everybody's steps; references that are known by now ride along, so that most people cost one write.
    pub(crate) async fn export(&mut self, decided: &[Decided], held: &[bool]) -> Vec<Exported> {
        let mut exported: Vec<Exported> = decided.iter().map(|_| Exported::default()).collect();
        for (exported, decided) in exported.iter_mut().zip(decided) {
            exported.refused = self.unsure.get(decided.known.anchor()).cloned();
        }
        let unsure: Vec<bool> = exported.iter().map(|exported| exported.refused.is_some()).collect();
        let writes = |at: usize| {
            let decided = &decided[at];
            !held[at] && !unsure[at] && !decided.known.stranger && decided.plan.action != Action::Fail
        };
        for (at, decided) in decided.iter().enumerate().filter(|(at, _)| writes(*at)) {
            exported[at].references = resolved(decided);
        }
        for round in self.rounds(decided) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for act in round.into_iter().filter(|act| writes(act.plan())) {
                let at = act.plan();
                match act {
                    Act::LetGo { step, .. } => first.push((at, step)),
                    Act::Plan(_) => {
                        for step in with_references(&decided[at], &exported[at].references) {
                            let list =
                                if matches!(step, Step::Restore { .. }) { &mut first } else { &mut second };
                            list.push((at, step));
                        }
                    }
                }
            }
            for steps in [first, second] {
                self.apply(steps, decided, &mut exported).await;
            }
        }
        exported
    }

    /// The order of the writes: everybody at once, except where a unique value passes from one account to another.
    fn rounds(&self, decided: &[Decided]) -> Vec<Vec<Act>> {
        let schema = self.runner.schema;
        let unique: Vec<UniqueAttribute> = (0..schema.row_count())
            .filter_map(|row| schema.row(row))
            .filter(|(_, target)| UNIQUE.iter().any(|name| target.name.eq_ignore_ascii_case(name)))
            .map(|(_, target)| UniqueAttribute { attribute: target.clone(), clearable: false })
            .collect();
        let moves = decided.iter().any(|decided| {
            let changed =
                |name: &str| decided.plan.changes.iter().any(|c| c.attribute == name && c.old.is_some());
            unique.iter().any(|unique| changed(&unique.attribute.name))
        });
        if !moves {
            return vec![(0..decided.len()).map(Act::Plan).collect()];
        }
        let plans: Vec<Plan> = decided.iter().map(|decided| decided.plan.clone()).collect();
        let mut rounds = order::rounds(&plans, &unique);
        // People of whom only references change stand in no round: theirs come last.
        let listed: HashSet<usize> = rounds.iter().flatten().map(Act::plan).collect();
        rounds.push((0..decided.len()).filter(|at| !listed.contains(at)).map(Act::Plan).collect());
        rounds
    }

    /// A delete whose answer was lost is done when the account is no longer there.
    async fn verified(
        &self,
        step: &Step,
        answer: Result<Applied, TargetError>,
    ) -> Result<Applied, TargetError> {
        let (Step::Delete { anchor }, Err(TargetError::Retry { .. })) = (step, &answer) else {
            return answer;
        };
        match self.runner.target.read(std::slice::from_ref(anchor), self.runner.schema.wanted()).await {
            Ok(accounts) if accounts == [None] => Ok(Applied { anchor: anchor.clone(), changed: true }),
            _ => answer,
        }
    }

    /// One call of the target; the answers go to the people they belong to.
    async fn apply(&mut self, steps: Vec<(usize, Step)>, decided: &[Decided], exported: &mut [Exported]) {
        if steps.is_empty() {
            return;
        }
        let (indexes, steps): (Vec<usize>, Vec<Step>) = steps.into_iter().unzip();
        let answers = self.runner.target.apply(&steps).await;
        for ((at, step), answer) in indexes.into_iter().zip(steps).zip(answers) {
            match self.verified(&step, answer).await {
                Ok(applied) => {
                    self.company.recent.note(step, &applied.anchor);
                    exported[at].anchor = Some(applied.anchor);
                }
                Err(error) => {
                    match &error {
                        TargetError::Locked { .. } => drop(self.locked.get_or_insert_with(|| error.clone())),
                        TargetError::Retry { .. } => {
                            self.unsure.insert(decided[at].known.anchor().to_owned(), error.clone());
                        }
                        TargetError::Refused { .. } | TargetError::Gone { .. } => {}
                    }
                    exported[at].refused.get_or_insert(error);
                }
            }
        }
    }
}

/// What the target answered for one person.
#[derive(Default)]
pub(crate) struct Exported {
    pub(crate) anchor: Option<String>,
    pub(crate) references: Vec<Change>,
    pub(crate) refused: Option<TargetError>,
}

/// References that are known at the time of the export.
fn resolved(decided: &Decided) -> Vec<Change> {
    if !decided.plan.action.writes() {
        return Vec::new();
    }
    decided
        .plan
        .references
        .iter()
        .filter(|reference| reference.status == ReferenceStatus::Set)
        .filter_map(|reference| reference.change(|_| None))
        .collect()
}

/// The plan's steps with the known references in the same write.
fn with_references(decided: &Decided, references: &[Change]) -> Vec<Step> {
    let mut steps = decided.plan.steps();
    if references.is_empty() {
        return steps;
    }
    match steps.last_mut() {
        Some(Step::Create { attributes }) => {
            attributes.extend(references.iter().filter_map(|c| Some((c.attribute.clone(), c.new.clone()?))));
        }
        Some(Step::Update { changes, .. }) => changes.extend(references.iter().cloned()),
        _ => {
            let anchor = decided.plan.target_anchor.clone().unwrap_or_default();
            steps.push(Step::Update { anchor, changes: references.to_vec() });
        }
    }
    steps
}
