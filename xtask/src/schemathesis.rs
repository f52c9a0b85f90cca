//! `cargo xtask schemathesis`: an emulator and a while of requests made up from its OpenAPI description.
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// `--minutes N` (10 when left out), `--strict` for an emulator in strict mode; the rest goes to `schemathesis run`.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    let mut minutes = 10;
    let mut mode = "--open";
    let mut more = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--minutes" => {
                let text = rest.next().context("--minutes needs a number")?;
                minutes = text.parse::<u64>().context("--minutes needs a whole number")?;
            }
            "--strict" => mode = "--strict",
            other => more.push(other.to_owned()),
        }
    }
    let python = crate::parts::python()?;
    let root = crate::root();
    let built = Command::new(env!("CARGO")).args(["build", "-p", "hirewire"]).current_dir(&root).status()?;
    if !built.success() {
        bail!("hirewire does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let program = target.join("debug/hirewire");
    let mut emulator = Emulator::start(Command::new(program).args(["emulator", mode]))?;
    let mut client = Command::new(python);
    client.arg(root.join("tests/clients/python/fuzz.py")).arg((minutes * 60).to_string()).args(more);
    let passed = client.envs(emulator.environment()?).status()?.success();
    if let Some(status) = emulator.0.try_wait()? {
        bail!("the emulator has ended: {status}");
    }
    Ok(passed)
}

/// A running emulator that ends with the command.
struct Emulator(Child);

impl Emulator {
    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.stdout(Stdio::piped()).spawn().context("the emulator cannot be started")?))
    }

    /// The lines that it prints: `export NAME='value'`, the last of them for Python's TLS.
    fn environment(&mut self) -> Result<Vec<(String, String)>> {
        let output = self.0.stdout.take().context("the emulator has no output")?;
        let mut environment = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line?;
            let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('='))
            else {
                continue;
            };
            environment.push((name.to_owned(), value.trim_matches('\'').to_owned()));
            if name == "REQUESTS_CA_BUNDLE" {
                return Ok(environment);
            }
        }
        bail!("the emulator ended before it was ready")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
