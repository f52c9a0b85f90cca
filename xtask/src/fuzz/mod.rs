//! `cargo xtask fuzz [readers|config|expressions|workflow…] [--minutes N] [--seed N] [--replay N]`: damaged and strange input
//! must be an error, never a panic, an endless loop or a wrong count.
//!
//! Every case follows from one number. A failing case prints it, keeps its input under `target/fuzz`, and is run again
//! with `--replay NUMBER`.
mod config;
mod mutate;
mod readers;
mod workbook;
mod workflow;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use mutate::Dice;

/// A case that takes longer has lost its way.
const SLOW: Duration = Duration::from_secs(10);

/// Findings after which a target stops.
const ENOUGH: usize = 10;

/// Something that is fed with input.
pub(crate) trait Target {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// The input of a case.
    fn make(&self, dice: &mut Dice) -> Vec<u8>;

    /// Runs a case; an `Err` says which rule did not hold.
    fn run(&self, input: &[u8], dice: &mut Dice, folder: &Path) -> Result<(), String>;
}

/// Runs the named targets, or all. True when nothing was found.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    if cfg!(debug_assertions) {
        // Damage is found by numbers of cases.
        let status = Command::new(env!("CARGO"))
            .args(["run", "--release", "--quiet", "--package", "xtask", "--", "fuzz"])
            .args(arguments)
            .current_dir(crate::root())
            .status()?;
        return Ok(status.success());
    }
    let number = |name: &str| -> Result<Option<u64>> {
        let Some(at) = arguments.iter().position(|a| a == name) else { return Ok(None) };
        let value = arguments.get(at + 1).and_then(|n| n.parse().ok());
        value.map(Some).with_context(|| format!("{name} wants a number"))
    };
    let minutes = number("--minutes")?.unwrap_or(1);
    let replay = number("--replay")?;
    let seed = match number("--seed")? {
        Some(seed) => seed,
        None => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() << 24,
    };
    let mut skip = false;
    let mut wanted: Vec<&str> = Vec::new();
    for argument in arguments {
        if std::mem::replace(&mut skip, argument.starts_with("--")) || argument.starts_with("--") {
            continue;
        }
        wanted.push(argument);
    }
    if wanted.is_empty() {
        wanted = vec!["readers", "config", "expressions", "workflow"];
    }
    let mut clean = true;
    for name in wanted {
        clean &= match name {
            "readers" => fuzz(&readers::Readers::new()?, minutes, seed, replay)?,
            "config" => fuzz(&config::Config::new()?, minutes, seed, replay)?,
            "expressions" => expressions(minutes, replay.unwrap_or(seed))?,
            "workflow" => fuzz(&workflow::Workflows::new()?, minutes, seed, replay)?,
            other => {
                bail!("there is no fuzz target `{other}`; there are: readers, config, expressions, workflow")
            }
        };
    }
    Ok(clean)
}

/// The expression crate brings its own.
fn expressions(minutes: u64, seed: u64) -> Result<bool> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "-p", "hirewire-expression", "--example", "fuzz", "--"])
        .args([(minutes * 60).to_string(), seed.to_string()])
        .current_dir(crate::root())
        .status()?;
    Ok(status.success())
}

fn fuzz(target: &dyn Target, minutes: u64, seed: u64, replay: Option<u64>) -> Result<bool> {
    let keep = crate::parts::tools().parent().context("target folder")?.join("fuzz");
    std::fs::create_dir_all(&keep)?;
    let folder = tempfile::tempdir()?;
    // Findings are reported with their number; the hook's text would come between them.
    let hook = std::panic::take_hook();
    let (said, heard) = std::sync::mpsc::channel();
    let said = std::sync::Mutex::new(said);
    std::panic::set_hook(Box::new(move |info| {
        if let Ok(said) = said.lock() {
            let _ = said.send(info.to_string());
        }
    }));
    println!("fuzz {}: seed {seed}, {minutes} minutes", target.name());
    let began = Instant::now();
    let (mut cases, mut findings, mut slowest) = (0u64, 0, Duration::ZERO);
    while findings < ENOUGH && (replay.is_none() || cases == 0) {
        if replay.is_none() && began.elapsed() >= Duration::from_secs(minutes * 60) {
            break;
        }
        let number = replay.unwrap_or(seed.wrapping_add(cases));
        cases += 1;
        let mut dice = Dice::new(number);
        let input = target.make(&mut dice);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target.run(&input, &mut dice, folder.path())));
        let took = start.elapsed();
        slowest = slowest.max(took);
        let finding = match outcome {
            Ok(Ok(())) if took < SLOW => continue,
            Ok(Ok(())) => format!("took {took:.1?}"),
            Ok(Err(rule)) => rule,
            Err(_) => heard.try_iter().collect::<Vec<_>>().join("\n"),
        };
        findings += 1;
        let path: PathBuf = keep.join(format!("{}-{number}", target.name()));
        std::fs::write(&path, &input)?;
        println!("fuzz {}: case {number}: {finding}", target.name());
        println!(
            "  input in {}; again: cargo xtask fuzz {} --replay {number}",
            path.display(),
            target.name()
        );
    }
    std::panic::set_hook(hook);
    println!(
        "fuzz {}: {cases} cases in {:.0?}, slowest {slowest:.1?}, {findings} findings",
        target.name(),
        began.elapsed()
    );
    Ok(findings == 0)
}
