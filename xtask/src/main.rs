//! House tools: the test command, vectors, benchmarks, house rules.
//!
//! ```text
//! cargo xtask test              everything, on real parts; closes with `N passed, N failed`
//! cargo xtask vectors FILE…     any file in the shape of vectors/*.json
//! cargo xtask bench [NAME…]     ratios against bare peers, measured within one run
//! cargo xtask schemathesis      requests made up from the OpenAPI description; `--minutes 10`, `--strict`
//! cargo xtask fuzz [NAME…]      damaged input: readers, config, expressions, workflow; --minutes N, --seed N, --replay N
//! cargo xtask simulate --seeds A..B | --seed N   worlds with faults, crashes and clock jumps
//! cargo xtask tidy              the house rules as checks (part of `test`)
//! ```
// A tool that people watch at a terminal: printing is its work.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod fuzz;
mod parts;
mod schemathesis;
mod simulate;
mod test;
mod tidy;
mod vectors;

use std::path::PathBuf;
use std::process::ExitCode;

/// The repository's root, wherever the command is called.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match arguments.next().as_deref() {
        Some("test") => test::run(&arguments.collect::<Vec<_>>()),
        Some("vectors") => vectors::run(&arguments.collect::<Vec<_>>()),
        Some("bench") => bench::run(&arguments.collect::<Vec<_>>()),
        Some("schemathesis") => schemathesis::run(&arguments.collect::<Vec<_>>()),
        Some("fuzz") => fuzz::run(&arguments.collect::<Vec<_>>()),
        Some("simulate") => simulate::run(&arguments.collect::<Vec<_>>()),
        Some("tidy") => tidy::run(),
        _ => {
            eprintln!(
                "usage: cargo xtask test | vectors FILE… | bench [NAME…] | schemathesis [--minutes N] | fuzz [NAME…] | \
                 simulate --seeds A..B | tidy"
            );
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
