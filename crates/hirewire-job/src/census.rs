//! Asking the target for each person, or listing it once: whichever this target answers faster.
//!
//! The first people of a large cycle are looked up and timed. When looking up the rest would take longer than a
//! moment, the target is listed, for at most that time: so the choice costs at most twice the better way, and a target
//! without an index on the matching attribute is listed, a quick one with few changes asked.
use std::time::{Duration, Instant};

use hirewire_engine::CompiledSchema;
use hirewire_engine::index::TargetIndex;
use hirewire_engine::target::{Target, TargetError};
use hirewire_engine::value::Account;

/// People who are looked up before the choice.
pub(crate) const SAMPLE: usize = 50;
/// Cycles with fewer people are never worth a list.
const LEAST: u64 = 400;
/// Look-ups that take no longer than this altogether are not worth a thought.
const MOMENT: Duration = Duration::from_millis(150);
/// A list that would take more memory is given up.
const MEMORY: usize = 1 << 30;

/// How accounts are found in one cycle.
#[derive(Default)]
pub(crate) struct Census {
    /// People the cycle will look at, as far as known.
    expected: u64,
    choice: Choice,
}

#[derive(Default)]
enum Choice {
    #[default]
    Open,
    Ask,
    List(Box<TargetIndex>),
}

impl Census {
    /// More people than thought will be looked at.
    pub(crate) fn expect(&mut self, people: u64) {
        if people > self.expected {
            self.expected = people;
            if matches!(self.choice, Choice::Ask) {
                self.choice = Choice::Open;
            }
        }
    }

    /// Whether looking the first people up is to be timed.
    pub(crate) fn is_open<T: Target>(&self, target: &T) -> bool {
        matches!(self.choice, Choice::Open) && self.expected >= LEAST && target.may_be_listed()
    }

    /// Chooses by what looking `sample` people up took; lists the target when that promises to be faster.
    pub(crate) async fn choose<T: Target>(
        &mut self,
        target: &T,
        schema: &CompiledSchema,
        sample: usize,
        took: Duration,
    ) -> Result<(), TargetError> {
        self.choice = Choice::Ask;
        let rest = self.expected.saturating_sub(sample as u64) as f64 / sample.max(1) as f64;
        let asking = took.mul_f64(rest);
        if asking < MOMENT {
            return Ok(());
        }
        let mut index = TargetIndex::new(schema);
        let mut fits = true;
        let began = Instant::now();
        let listing = tokio::time::timeout(asking, async {
            target
                .enumerate(schema.wanted(), &mut |account| {
                    fits = fits && index.bytes() < MEMORY && index.insert(&account);
                })
                .await
        });
        match listing.await {
            Ok(Ok(())) if fits => {
                tracing::info!(accounts = index.len(), ?asking, took = ?began.elapsed(), "the target was listed");
                self.choice = Choice::List(Box::new(index));
            }
            Ok(Err(error @ TargetError::Locked { .. })) => return Err(error),
            Ok(Err(error)) => tracing::info!(%error, "the target cannot be listed; people are looked up"),
            Ok(Ok(())) | Err(_) => tracing::info!(?asking, "people are looked up: a list takes longer"),
        }
        Ok(())
    }

    /// The list, where there is one.
    pub(crate) fn list(&self) -> Option<&TargetIndex> {
        match &self.choice {
            Choice::List(index) => Some(index),
            Choice::Open | Choice::Ask => None,
        }
    }

    /// The listed account of an anchor; `None` when it must be read. What this run has written since is laid over it later.
    pub(crate) fn account(&self, anchor: &str) -> Option<Account> {
        self.list()?.get(anchor)
    }
}
