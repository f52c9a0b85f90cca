//! Counts calls in sliding windows and says how long to wait (spec/inbound-api.md §10).
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::settings::Rate;

/// Keys remembered at most, so that made-up keys cannot fill the memory.
const MOST_KEYS: usize = 10_000;

/// Sliding windows, one per key. Only calls that pass are counted [U].
#[derive(Debug)]
pub struct Windows<K> {
    calls: Mutex<HashMap<K, VecDeque<Timestamp>>>,
}

impl<K: Hash + Eq> Default for Windows<K> {
    fn default() -> Self {
        Self { calls: Mutex::new(HashMap::new()) }
    }
}

impl<K: Hash + Eq> Windows<K> {
    /// Counts a call of `key` at `now`, or answers the whole seconds until one would pass.
    pub fn pass(&self, key: K, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let from = window_start(rate, now);
        forget_idle(&mut all, from);
        let window = all.entry(key).or_default();
        drop_before(window, from);
        if window.len() < rate.calls as usize {
            window.push_back(now);
            return Ok(());
        }
        let oldest = window.front().copied().unwrap_or(now);
        Err(seconds_until_free(oldest, rate, now))
    }

    /// Answers the seconds to wait without counting a call.
    pub fn peek(&self, key: &K, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(window) = all.get_mut(key) else { return Ok(()) };
        drop_before(window, window_start(rate, now));
        if window.len() < rate.calls as usize {
            return Ok(());
        }
        Err(seconds_until_free(window.front().copied().unwrap_or(now), rate, now))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn window_start(rate: Rate, now: Timestamp) -> Timestamp {
    now.checked_sub(rate.window).unwrap_or(Timestamp::MIN)
}

fn drop_before(window: &mut VecDeque<Timestamp>, from: Timestamp) {
    while window.front().is_some_and(|at| *at <= from) {
        window.pop_front();
    }
}

fn forget_idle<K: Hash + Eq>(all: &mut HashMap<K, VecDeque<Timestamp>>, from: Timestamp) {
    if all.len() < MOST_KEYS {
        return;
    }
    all.retain(|_, window| window.back().is_some_and(|at| *at > from));
    if all.len() >= MOST_KEYS {
        all.clear();
    }
}

/// Real values are [U]; ours is the time until the oldest call leaves the window, at most an hour.
fn seconds_until_free(oldest: Timestamp, rate: Rate, now: Timestamp) -> u64 {
    let free = oldest.checked_add(rate.window).unwrap_or(Timestamp::MAX);
    let millis = free.as_millisecond().saturating_sub(now.as_millisecond()).max(0) as u64;
    millis.div_ceil(1_000).clamp(1, 3_600)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("timestamp")
    }

    #[test]
    fn the_forty_first_call_waits_until_the_first_leaves_the_window() {
        let windows = Windows::default();
        let rate = Rate { calls: 40, window: Duration::from_secs(5) };
        for _ in 0..40 {
            assert_eq!(windows.pass("job", rate, at(0)), Ok(()));
        }
        assert_eq!(windows.pass("job", rate, at(1)), Err(4));
        assert_eq!(windows.pass("other", rate, at(1)), Ok(()));
        assert_eq!(windows.pass("job", rate, at(5)), Ok(()));
    }

    #[test]
    fn a_daily_cap_never_asks_for_more_than_an_hour() {
        let windows = Windows::default();
        let rate = Rate { calls: 1, window: Duration::from_secs(86_400) };
        assert_eq!(windows.pass(1, rate, at(0)), Ok(()));
        assert_eq!(windows.peek(&1, rate, at(10)), Err(3_600));
        assert_eq!(windows.pass(1, rate, at(86_400)), Ok(()));
    }
}
