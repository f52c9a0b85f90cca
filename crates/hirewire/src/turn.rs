//! One cycle of a job at a time: the service's worker and a command that runs in the service take turns.
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use hirewire_store::JobKey;

/// Who works on which job, and how often it took its turn without giving it back.
static AT_WORK: Mutex<Option<HashMap<JobKey, (ThreadId, usize)>>> = Mutex::new(None);
static DONE: Condvar = Condvar::new();

/// A turn at a job; it ends when this is dropped.
#[must_use]
pub(crate) struct Turn(JobKey);

/// Waits until nobody else works on the job. A thread that has the turn may take it again.
pub(crate) fn take(job: JobKey) -> Turn {
    let me = thread::current().id();
    let mut all = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let at_work = all.get_or_insert_default();
        let (owner, depth) = at_work.entry(job).or_insert((me, 0));
        if *owner == me {
            *depth += 1;
            return Turn(job);
        }
        all = DONE.wait(all).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut all = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = all.get_or_insert_default();
        if let Some((_, depth)) = at_work.get_mut(&self.0) {
            *depth -= 1;
            if *depth == 0 {
                at_work.remove(&self.0);
                DONE.notify_all();
            }
        }
    }
}
