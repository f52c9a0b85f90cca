//! `cargo xtask test`: installs what tests need, runs everything on real parts, closes with `N passed, N failed`.
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

/// What was counted so far.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Runs the whole suite. `--no-install` leaves the machine's packages alone.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    let began = Instant::now();
    let mut count = Count::default();
    if !arguments.iter().any(|a| a == "--no-install") {
        crate::parts::install()?;
    }
    let python = crate::parts::python()?;
    let javascript = crate::parts::javascript()?;

    step(&mut count, "house rules", crate::tidy::run);
    cargo(&mut count, "format", &["fmt", "--all", "--check"], &[])?;
    cargo(
        &mut count,
        "lints",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        &[],
    )?;
    cargo(
        &mut count,
        "tests",
        &["test", "--workspace", "--all-features", "--no-fail-fast"],
        &[("HIREWIRE_TEST_PYTHON", python.as_os_str()), ("HIREWIRE_TEST_JAVASCRIPT", javascript.as_os_str())],
    )?;
    step(&mut count, "simulation of 10,000 seeds", || {
        crate::simulate::run(&["--seeds".to_owned(), "0..10000".to_owned()])
    });
    println!("test: {} s", began.elapsed().as_secs());
    println!("{} passed, {} failed", count.passed, count.failed);
    Ok(count.failed == 0 && count.passed > 0)
}

/// A check of our own that counts as one test.
fn step(count: &mut Count, name: &str, check: impl FnOnce() -> Result<bool>) {
    println!("test: {name}");
    match check() {
        Ok(true) => count.passed += 1,
        Ok(false) => count.failed += 1,
        Err(error) => {
            println!("{name}: {error:#}");
            count.failed += 1;
        }
    }
}

/// Runs cargo, shows what it prints and counts the test runners' closing lines in it. A run without any such line counts as
/// one test by its exit code; one that fails without a failed test (it did not build) counts as one failure.
fn cargo(
    count: &mut Count,
    name: &str,
    arguments: &[&str],
    environment: &[(&str, &std::ffi::OsStr)],
) -> Result<()> {
    println!("test: {name}: cargo {}", arguments.join(" "));
    let mut child = Command::new(env!("CARGO"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(crate::root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cargo {} cannot be run", arguments.join(" ")))?;
    let output = child.stdout.take().context("cargo has no output")?;
    let (mut passed, mut failed, mut runs) = (0, 0, 0);
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        if let Some((p, f)) = closing_line(&line) {
            passed += p;
            failed += f;
            runs += 1;
        }
    }
    let success = child.wait()?.success();
    count.passed += if runs == 0 { u64::from(success) } else { passed };
    count.failed += failed + u64::from(!success && failed == 0);
    Ok(())
}

/// `test result: ok. 12 passed; 0 failed; …` → (12, 0).
fn closing_line(line: &str) -> Option<(u64, u64)> {
    let rest = line.trim_start().strip_prefix("test result: ")?;
    let number = |word: &str| -> Option<u64> {
        let before = &rest[..rest.find(word)?];
        before.trim_end().rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::closing_line;

    #[test]
    fn reads_the_runners_closing_lines() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(closing_line(line), Some((12, 3)));
        assert_eq!(closing_line("test result: ok. 7 passed; 0 failed; 0 ignored"), Some((7, 0)));
        assert_eq!(closing_line("running 3 tests"), None);
    }
}
