//! Two thousand worlds, every crash point of a few, and the proof that what is broken on purpose is noticed.
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use hirewire_simulation::{Failure, Invariant, Sabotage, Workshop};

/// Seeds of `cargo test`, which does not optimise; `cargo xtask test` runs 0..10000 in an optimised build.
const SEEDS: u64 = 2_000;

#[test]
fn two_thousand_seeds_hold() {
    let next = AtomicU64::new(0);
    let failures: Mutex<Vec<Failure>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut workshop = Workshop::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        break;
                    }
                    if let Err(failure) = workshop.simulate(seed, Sabotage::None) {
                        failures.lock().expect("no thread died").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread died");
    let told: Vec<String> =
        failures.iter().map(|f| format!("{f}\n  replay: cargo xtask simulate --seed {}", f.seed)).collect();
    assert!(told.is_empty(), "{} of {SEEDS} seeds fail:\n{}", told.len(), told.join("\n"));
}

/// Seeds that failed once, and what was wrong.
#[test]
fn what_was_mended_stays_mended() {
    let seeds = [
        (2, "a unique name was refused to the person it had just been promised to"),
        (5, "a delta took away the manager that an earlier record waits for"),
        (18, "who came back after a delete was nobody's manager any more"),
        (35, "a deleted person was made again from the stored record"),
        (122, "a delta after a reset of the failures forgot what was never written"),
        (132, "a disable that failed was taken for done"),
        (168, "a person provisioned by hand overtook what waited in the inbox"),
        (197, "an account whose answer was lost stayed enabled when the person left the scope"),
        (302, "a refused second pass forgot the manager"),
        (812, "a link of earlier in the cycle was taken for the one of now"),
        (1829, "a delete whose answer was lost made the person's return fail for ever"),
        (2586, "somebody left the scope right after a create whose answer was lost, in the same cycle"),
        (3301, "a name that was free at the beginning of the cycle was promised twice"),
        (6089, "an enable whose answer was lost was forgotten when the person left the scope again"),
        (16565, "a person came back before a delete whose answer was lost was looked at"),
        (2389, "a deleted manager was found by a read that showed the past"),
        (75024, "somebody was gone before anybody looked for the account of a create whose answer was lost"),
        (129606, "somebody came back as their own manager while the deleted account was still linked"),
        (145102, "the process died in the middle of a delete, and the person's return failed for ever"),
        (166879, "the same with somebody who refers to that person"),
    ];
    let mut workshop = Workshop::default();
    for (seed, title) in seeds {
        if let Err(failure) = workshop.simulate(seed, Sabotage::None) {
            panic!("{title}: {failure}");
        }
    }
}

/// The process dies once, at every moment of a world at which it can: before, between and after the steps of a call, after
/// each commit, before the second pass.
#[test]
fn a_crash_at_any_moment_changes_nothing() {
    let mut workshop = Workshop::default();
    let mut moments = 0;
    for seed in [1, 3, 4, 9, 22, 40] {
        for moment in 0.. {
            match workshop.crash_at(seed, moment) {
                Ok(true) => moments += 1,
                Ok(false) => break,
                Err(failure) => panic!("the process dies at moment {moment}: {failure}"),
            }
        }
    }
    assert!(moments > 150, "only {moments} moments");
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    let story = |seed| {
        let mut workshop = Workshop::traced();
        workshop.simulate(seed, Sabotage::None).expect("the seed holds");
        workshop.trace().to_vec()
    };
    for seed in [7, 100, 2389] {
        let first = story(seed);
        assert!(first.len() > 20, "seed {seed} tells nothing");
        assert_eq!(first, story(seed), "seed {seed}");
    }
}

/// Without this all those seeds would prove nothing.
#[test]
fn what_is_broken_on_purpose_is_noticed() {
    use Invariant::{EmptyPlan, InOrder, NothingLost, OneAccount, SameEnd};
    let cases = [
        (Sabotage::LosesUploads, vec![NothingLost]),
        (Sabotage::Reorders, vec![InOrder, NothingLost, SameEnd]),
        (Sabotage::HidesFailures, vec![SameEnd, EmptyPlan]),
        (Sabotage::ForgetsFailures, vec![SameEnd, EmptyPlan]),
        (Sabotage::ForgetsLinks, vec![OneAccount, EmptyPlan, SameEnd]),
        (Sabotage::CreatesTwice, vec![OneAccount]),
        (Sabotage::AltersValues, vec![SameEnd, EmptyPlan]),
    ];
    let mut workshop = Workshop::default();
    for (sabotage, expected) in cases {
        let failure = (0..150).find_map(|seed| workshop.simulate(seed, sabotage).err());
        let failure = failure.unwrap_or_else(|| panic!("{sabotage:?} goes unnoticed"));
        assert!(expected.contains(&failure.invariant), "{sabotage:?}: {failure}");
    }
}
