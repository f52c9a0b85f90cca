//! The instance's clock: real time, moved by an offset or held still by the emulator.
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How the clock stands against real time.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Offset(SignedDuration),
    Frozen(Timestamp),
}

/// Tells the time to everything in this crate.
#[derive(Debug)]
pub struct Clock {
    reading: Mutex<Reading>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { reading: Mutex::new(Reading::Offset(SignedDuration::ZERO)) }
    }
}

impl Clock {
    /// The moment it is here.
    pub fn now(&self) -> Timestamp {
        match *self.reading.lock().unwrap_or_else(PoisonError::into_inner) {
            Reading::Offset(offset) => {
                Timestamp::now().saturating_add(offset).unwrap_or_else(|_| Timestamp::now())
            }
            Reading::Frozen(at) => at,
        }
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        matches!(*self.reading.lock().unwrap_or_else(PoisonError::into_inner), Reading::Frozen(_))
    }

    /// Sets the time; `frozen` makes it stand there.
    pub fn set(&self, at: Timestamp, frozen: bool) {
        let reading =
            if frozen { Reading::Frozen(at) } else { Reading::Offset(Timestamp::now().duration_until(at)) };
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }

    /// Moves the time by a span, forward or back; stays within what a timestamp can hold.
    pub fn advance(&self, by: SignedDuration) {
        let now = self.now();
        if let Ok(at) = now.checked_add(by) {
            self.set(at, self.is_frozen());
        }
    }

    /// Real time again.
    pub fn reset(&self) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Reading::Offset(SignedDuration::ZERO);
    }
}
