//! Runs seeds and tells the ones that fail: `cargo xtask simulate --seeds A..B`, or `--seed N` with its whole story.
// A tool that people watch at a terminal: printing is its work.
#![allow(clippy::print_stdout, clippy::print_stderr)]
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hirewire_simulation::{Sabotage, Statistics, Workshop};

const USAGE: &str = "usage: simulate --seeds A..B [--threads N] | --seed N";

/// Seeds that a thread takes at once.
const SHARE: u64 = 100;
/// Seeds after which the outcome is told.
const SLICE: u64 = 10_000;
/// Failures after which no further slice is begun.
const MOST: usize = 20;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// Runs the seeds in slices and says after each what it came to: who stops a long run goes on with the next slice.
fn many(range: Range<u64>, threads: usize) -> ExitCode {
    let began = Instant::now();
    let mut total = Statistics::default();
    let mut failed = 0;
    let mut first = range.start;
    while first < range.end && failed < MOST {
        let end = range.end.min(first.saturating_add(SLICE));
        let (statistics, failures) = slice(first..end, threads.max(1));
        total.add(&statistics);
        failed += failures;
        if end < range.end {
            println!("seeds {first}..{end}: {failures} failed; {} s so far", began.elapsed().as_secs());
        }
        first = end;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "seeds {}..{first}: {failed} failed; {} operations, {} writes, {} faults, {} crashes; {seconds:.0} s, {:.0} seeds/s",
        range.start,
        total.operations,
        total.writes,
        total.faults,
        total.crashes,
        first.saturating_sub(range.start) as f64 / seconds
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All seeds of the range; what they did, and how many failed.
fn slice(range: Range<u64>, threads: usize) -> (Statistics, usize) {
    let next = AtomicU64::new(range.start);
    let work = || {
        let mut workshop = Workshop::default();
        let mut own = Statistics::default();
        let mut failed = 0;
        loop {
            let first = next.fetch_add(SHARE, Ordering::Relaxed);
            if first >= range.end {
                return (own, failed);
            }
            for seed in first..range.end.min(first + SHARE) {
                match workshop.simulate(seed, Sabotage::None) {
                    Ok(statistics) => own.add(&statistics),
                    Err(failure) => {
                        println!("{failure}\n  replay: cargo xtask simulate --seed {seed}");
                        failed += 1;
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut total = Statistics::default();
        let mut failed = 0;
        for worker in workers {
            match worker.join() {
                Ok((statistics, failures)) => {
                    total.add(&statistics);
                    failed += failures;
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (total, failed)
    })
}
