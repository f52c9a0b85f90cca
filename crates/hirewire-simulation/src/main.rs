//! Runs seeds and tells the ones that fail: `cargo xtask simulate --seeds A..B`, or `--seed N` with its whole story.
// A tool that people watch at a terminal: printing is its work.
#![allow(clippy::print_stdout, clippy::print_stderr)]
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hirewire_simulation::{Failure, Sabotage, Statistics, Workshop};

const USAGE: &str = "usage: simulate --seeds A..B [--threads N] | --seed N";

/// Seeds that a thread takes at once.
const SHARE: u64 = 100;
/// Failures after which there is no point in going on.
const MOST: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--seed", seed] => seed.parse().map_or_else(|_| usage(), one),
        ["--seeds", range] => seeds(range).map_or_else(usage, |range| many(range, threads())),
        ["--seeds", range, "--threads", count] | ["--threads", count, "--seeds", range] => {
            match (seeds(range), count.parse()) {
                (Some(range), Ok(count)) => many(range, count),
                _ => usage(),
            }
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// `A..B`, B excluded.
fn seeds(text: &str) -> Option<Range<u64>> {
    let (first, end) = text.split_once("..")?;
    Some(first.replace('_', "").parse().ok()?..end.replace('_', "").parse().ok()?)
}

fn one(seed: u64) -> ExitCode {
    let mut workshop = Workshop::traced();
    let result = workshop.simulate(seed, Sabotage::None);
    workshop.trace().iter().for_each(|line| println!("{line}"));
    match result {
        Ok(statistics) => {
            println!("seed {seed} holds: {statistics:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn many(range: Range<u64>, threads: usize) -> ExitCode {
    let began = Instant::now();
    let next = AtomicU64::new(range.start);
    let failures: Mutex<Vec<Failure>> = Mutex::new(Vec::new());
    let total = Mutex::new(Statistics::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut workshop = Workshop::default();
                let mut own = Statistics::default();
                loop {
                    let first = next.fetch_add(SHARE, Ordering::Relaxed);
                    let stop = failures.lock().map_or(true, |failures| failures.len() >= MOST);
                    if first >= range.end || stop {
                        break;
                    }
                    for seed in first..range.end.min(first + SHARE) {
                        match workshop.simulate(seed, Sabotage::None) {
                            Ok(statistics) => own.add(&statistics),
                            Err(failure) => {
                                println!("{failure}\n  replay: cargo xtask simulate --seed {seed}");
                                if let Ok(mut failures) = failures.lock() {
                                    failures.push(failure);
                                }
                            }
                        }
                    }
                    if first.is_multiple_of(100_000) && first > range.start {
                        println!("{first} seeds begun, {} s", began.elapsed().as_secs());
                    }
                }
                if let Ok(mut total) = total.lock() {
                    total.add(&own);
                }
            });
        }
    });
    let failed = failures.lock().map_or(0, |failures| failures.len());
    let total = total.lock().map_or_else(|_| Statistics::default(), |total| *total);
    let seconds = began.elapsed().as_secs_f64();
    let count = range.end.saturating_sub(range.start);
    println!(
        "seeds {}..{}: {failed} failed; {} operations, {} writes, {} faults, {} crashes; {seconds:.0} s, {:.0} seeds/s",
        range.start,
        range.end,
        total.operations,
        total.writes,
        total.faults,
        total.crashes,
        count as f64 / seconds
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
