//! How much change a cycle may make on its own: one rule for the command line and for the service.
use hirewire_engine::safety::{self, Held, Hold, Limit, Limits, Totals};
use hirewire_store::{CycleState, JobKey, Store};

use crate::error::JobError;

/// Cycles looked back on for one that got to its end.
const RECENT: usize = 100;

/// What decides which changes of a cycle wait for approval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// The job's limits.
    pub limits: Limits,
    /// People with an account.
    pub population: u64,
    /// Disables and deletes that earlier cycles of the same period planned: a storm of leavers that comes in many small
    /// uploads is still a storm.
    pub already: Totals,
    /// No cycle of the job ever got to its end: it may create everybody.
    pub first_load: bool,
    /// People come in uploads of a few dozen, a first load in hundreds of them: a share of those known so far says nothing
    /// about how many of them may be new. Counts hold, and so does the share of those who are known.
    pub parts: bool,
}

impl Guard {
    /// A guard for a job as it stands, with nothing planned before.
    pub fn of(store: &Store, job: JobKey, limits: Limits) -> Result<Self, JobError> {
        Ok(Self {
            limits,
            population: store.count_people(job)?.1,
            already: Totals::default(),
            first_load: first_load(store, job)?,
            parts: false,
        })
    }

    /// What of a planned cycle waits for approval.
    pub fn assess(&self, totals: &Totals) -> Vec<Hold> {
        let all = Totals {
            disables: totals.disables.saturating_add(self.already.disables),
            deletes: totals.deletes.saturating_add(self.already.deletes),
            changed: if self.parts { totals.changed.saturating_sub(totals.creates) } else { totals.changed },
            ..*totals
        };
        let mut holds = safety::assess(&all, self.population, &self.limits());
        let counted = self.limits.changes.count.is_some_and(|most| totals.changed > most);
        if counted && !holds.iter().any(|hold| hold.held == Held::Changes) {
            let (found, population) = (totals.changed, self.population);
            holds.push(Hold { held: Held::Changes, found, population, quarantine: None });
        }
        // What earlier cycles did cannot be held any more.
        holds.retain(|hold| match hold.held {
            Held::Removals => totals.disables + totals.deletes > 0,
            Held::Disables => totals.disables > 0,
            Held::Deletes => totals.deletes > 0,
            Held::Creates | Held::Changes => true,
        });
        holds
    }

    /// Whether so few people, whatever happens to them, are below every limit: then nobody needs to count.
    pub fn cannot_exceed(&self, people: u64) -> bool {
        let all = |creates, changed| Totals { creates, disables: changed, deletes: changed, changed };
        self.assess(&all(0, people)).is_empty() && self.assess(&all(people, people)).is_empty()
    }

    /// A first load creates everybody, so shares of the people known say nothing about it; counts hold all the same.
    fn limits(&self) -> Limits {
        let by_count = |limit: Limit| Limit { percent: None, ..limit };
        if !self.first_load {
            let creates = if self.parts { by_count(self.limits.creates) } else { self.limits.creates };
            return Limits { creates, ..self.limits };
        }
        Limits {
            creates: by_count(self.limits.creates),
            changes: by_count(self.limits.changes),
            ..self.limits
        }
    }
}

/// Whether no cycle of the job ever got to its end.
pub fn first_load(store: &Store, job: JobKey) -> Result<bool, JobError> {
    let ended = |state| matches!(state, CycleState::Succeeded | CycleState::EntryLevelErrors);
    Ok(!store.cycles(job, None, RECENT)?.into_iter().any(|cycle| ended(cycle.state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: f64) -> Limit {
        Limit { count: None, percent: Some(percent), least_population: 20 }
    }

    fn guard() -> Guard {
        let limits = Limits {
            disables: share(15.0),
            deletes: share(5.0),
            creates: share(50.0),
            changes: share(80.0),
            ..Limits::default()
        };
        Guard { limits, population: 100, already: Totals::default(), first_load: false, parts: false }
    }

    fn held(guard: &Guard, creates: u64, disables: u64, deletes: u64) -> Vec<Held> {
        let totals = Totals { creates, disables, deletes, changed: creates + disables + deletes };
        guard.assess(&totals).into_iter().map(|hold| hold.held).collect()
    }

    #[test]
    fn small_uploads_of_one_period_add_up() {
        let mut guard = guard();
        assert_eq!(held(&guard, 0, 10, 0), []);
        guard.already.disables = 10;
        assert_eq!(held(&guard, 0, 6, 0), [Held::Disables]);
        assert_eq!(held(&guard, 5, 0, 0), [], "what was planned before holds nobody else");
        assert!(guard.cannot_exceed(5) && !guard.cannot_exceed(6));
    }

    #[test]
    fn uploads_in_parts_are_held_by_what_they_change_of_the_known() {
        let guard = Guard { parts: true, ..guard() };
        assert_eq!(held(&guard, 100, 0, 0), []);
        let all = Totals { changed: 81, ..Totals::default() };
        assert_eq!(guard.assess(&all).len(), 1);
    }

    #[test]
    fn a_first_load_is_held_by_counts_only() {
        let mut guard = Guard { first_load: true, ..guard() };
        assert_eq!(held(&guard, 100, 0, 0), []);
        guard.limits.creates.count = Some(10);
        assert_eq!(held(&guard, 100, 0, 0), [Held::Creates]);
        assert_eq!(held(&guard, 0, 16, 0), [Held::Disables], "the protection of accounts stands");
    }
}
