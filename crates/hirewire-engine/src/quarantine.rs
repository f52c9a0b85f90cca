//! When a job stops trying, when it tries again, when it gives up (`spec/engine.md §14`).
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// People attempted in one cycle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Failed, reference failures not counted.
    pub failed: u64,
    /// References that could not be resolved or written.
    pub reference_failed: u64,
    /// Succeeded.
    pub succeeded: u64,
}

/// When failures put a job into quarantine. The defaults are Entra's; small companies set smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineLimits {
    /// The share is looked at from so many failures on.
    pub least_failures: u64,
    /// More than this share of the attempts, in percent.
    pub percent: u64,
    /// More failures than this, references not counted.
    pub failures: u64,
    /// More failures than this, references counted.
    pub all_failures: u64,
}

impl Default for QuarantineLimits {
    fn default() -> Self {
        Self { least_failures: 5_000, percent: 40, failures: 40_000, all_failures: 60_000 }
    }
}

/// Why a cycle with these attempts ends in quarantine; `None` when it does not.
pub fn assess(attempts: &Attempts, limits: &QuarantineLimits) -> Option<Reason> {
    let Attempts { failed, reference_failed, succeeded } = *attempts;
    let all = failed.saturating_add(reference_failed);
    if failed > limits.failures {
        return Some(Reason::EncounteredBaseEscrowThreshold);
    }
    if all > limits.all_failures {
        return Some(Reason::EncounteredTotalEscrowThreshold);
    }
    let attempted = u128::from(failed) + u128::from(succeeded);
    let share = u128::from(failed) * 100 > attempted * u128::from(limits.percent);
    (failed >= limits.least_failures && share).then_some(Reason::EncounteredEscrowProportionThreshold)
}

/// What follows from one more failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NextAttempt {
    /// Try again then.
    At(Timestamp),
    /// 28 days have passed: drop the escrow, disable the job.
    DisableJob,
}

const HOUR: i64 = 3600;
/// A series of attempts ends this long after the first failure.
const SERIES: i64 = 28 * 24 * HOUR;

/// The time of the `number`-th retry (from 1): 6 h, 12 h, 24 h after the first failure, then every 24 h
/// (`spec/engine.md §14`; [U] whether counted from the first failure or from each other).
pub fn next_attempt(series_began: Timestamp, number: u32) -> NextAttempt {
    let after = match number {
        0 | 1 => 6 * HOUR,
        2 => 12 * HOUR,
        n => i64::from(n - 2) * 24 * HOUR,
    };
    if after > SERIES {
        return NextAttempt::DisableJob;
    }
    match series_began.checked_add(SignedDuration::from_secs(after)) {
        Ok(at) => NextAttempt::At(at),
        Err(_) => NextAttempt::DisableJob,
    }
}

/// The `quarantine` member of a job's status (`spec/synchronization-schema.md §11`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantine {
    /// The present reason.
    pub reason: Reason,
    /// Since when this reason.
    pub current_began: Timestamp,
    /// The first failure of the series.
    pub series_began: Timestamp,
    /// How often the series was entered; the number of the coming retry.
    pub series_count: u32,
    /// When the next attempt is due.
    pub next_attempt: Timestamp,
}

/// What a failure in or before quarantine leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The job waits. `notify`: send an e-mail, the reason is new.
    Waiting {
        /// The new state.
        state: Quarantine,
        /// Entering, or a changed reason.
        notify: bool,
    },
    /// 28 days have passed: drop the escrow, disable the job.
    DisableJob,
}

impl Quarantine {
    /// A failure at `now`: enters quarantine, or stays in it. A success simply drops the state.
    pub fn enter(previous: Option<&Self>, reason: Reason, now: Timestamp) -> Entered {
        let began = previous.map_or(now, |state| state.series_began);
        let mut count = previous.map_or(1, |state| state.series_count.saturating_add(1));
        loop {
            match next_attempt(began, count) {
                NextAttempt::DisableJob => return Entered::DisableJob,
                // Attempts missed while the process was down are not made up for.
                NextAttempt::At(at) if at <= now => count = count.saturating_add(1),
                NextAttempt::At(at) => {
                    let unchanged = previous.filter(|state| state.reason == reason);
                    let current_began = unchanged.map_or(now, |state| state.current_began);
                    let state = Self {
                        reason,
                        current_began,
                        series_began: began,
                        series_count: count,
                        next_attempt: at,
                    };
                    return Entered::Waiting { state, notify: unchanged.is_none() };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn reference_failures_alone_count_in_the_total_only() {
        let attempts = |failed, reference_failed| Attempts { failed, reference_failed, succeeded: 100 };
        let limits = QuarantineLimits::default();
        assert_eq!(assess(&attempts(0, 60_001), &limits), Some(Reason::EncounteredTotalEscrowThreshold));
        assert_eq!(assess(&attempts(0, 60_000), &limits), None);
        assert_eq!(
            assess(&attempts(u64::MAX, u64::MAX), &limits),
            Some(Reason::EncounteredBaseEscrowThreshold)
        );
        let small = QuarantineLimits { least_failures: 10, ..limits };
        assert_eq!(assess(&attempts(70, 0), &small), Some(Reason::EncounteredEscrowProportionThreshold));
        assert_eq!(assess(&attempts(9, 0), &small), None);
    }

    #[test]
    fn a_series_from_entry_to_the_end() {
        let began = at("2026-03-01T00:00:00Z");
        let mut state = match Quarantine::enter(None, Reason::EncounteredQuarantineException, began) {
            Entered::Waiting { state, notify: true } => state,
            other => panic!("{other:?}"),
        };
        let mut times = vec![state.next_attempt];
        while let Entered::Waiting { state: next, notify } =
            Quarantine::enter(Some(&state), Reason::EncounteredQuarantineException, state.next_attempt)
        {
            assert!(!notify);
            assert_eq!(next.current_began, began);
            state = next;
            times.push(state.next_attempt);
        }
        assert_eq!(times.len(), 30);
        assert_eq!(times[1], at("2026-03-01T12:00:00Z"));
        assert_eq!(times[29], at("2026-03-29T00:00:00Z"));
    }

    #[test]
    fn a_new_reason_notifies_and_missed_attempts_are_left_out() {
        let began = at("2026-03-01T00:00:00Z");
        let Entered::Waiting { state, .. } = Quarantine::enter(None, Reason::TooManyDeletes, began) else {
            panic!("not entered")
        };
        let later = at("2026-03-04T01:00:00Z");
        match Quarantine::enter(Some(&state), Reason::EncounteredQuarantineException, later) {
            Entered::Waiting { state, notify } => {
                assert!(notify);
                assert_eq!((state.series_began, state.current_began), (began, later));
                assert_eq!(state.next_attempt, at("2026-03-05T00:00:00Z"));
            }
            Entered::DisableJob => panic!("too early"),
        }
    }

    #[test]
    fn extreme_times_end_the_series() {
        assert_eq!(next_attempt(Timestamp::MAX, 1), NextAttempt::DisableJob);
        assert_eq!(next_attempt(Timestamp::MIN, u32::MAX), NextAttempt::DisableJob);
    }
}
