//! When a failed person is tried again: the escrow's back-off (`spec/engine.md §14`).
use jiff::{SignedDuration, Timestamp};

/// The longest pause between two attempts.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When a person who failed for the `failures`-th time in a row (from 1) at `failed_at` is due again: with the next
/// cycle, then after twice, four times … the interval, at most a day. [U]: Entra documents "falling frequency" only.
///
/// `not_before` is a time that the target named (`Retry-After`). A new record of the person is due at once whatever
/// this says; so is everybody after a restart with `Escrows`.
pub fn escrow_due(
    failed_at: Timestamp,
    failures: u32,
    interval: SignedDuration,
    not_before: Option<Timestamp>,
) -> Timestamp {
    let doublings = failures.saturating_sub(1).min(31);
    let interval = interval.clamp(SignedDuration::ZERO, LONGEST);
    let pause = interval.checked_mul(1_i32 << doublings.min(30)).unwrap_or(LONGEST).min(LONGEST);
    let due = failed_at.checked_add(pause).unwrap_or(Timestamp::MAX);
    not_before.map_or(due, |moment| due.max(moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_day() {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a moment");
        let interval = SignedDuration::from_mins(40);
        let minutes = |failures| escrow_due(start, failures, interval, None).duration_since(start).as_mins();
        let pauses: Vec<i64> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 40, u32::MAX].map(minutes).into();
        assert_eq!(pauses, [40, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440, 1440]);
    }

    #[test]
    fn the_target_may_ask_for_more_patience_but_not_for_less() {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a moment");
        let interval = SignedDuration::from_mins(40);
        let hint = |text: &str| text.parse().ok();
        let due = |hint| escrow_due(start, 1, interval, hint).to_string();
        assert_eq!(due(hint("2026-03-02T11:00:00Z")), "2026-03-02T11:00:00Z");
        assert_eq!(due(hint("2026-03-02T09:00:10Z")), "2026-03-02T09:40:00Z");
        assert_eq!(escrow_due(Timestamp::MAX, 3, interval, None), Timestamp::MAX);
    }
}
