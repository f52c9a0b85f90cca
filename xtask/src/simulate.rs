//! `cargo xtask simulate`: seeded worlds with faults (docs/simulation.md), in an optimised build of its own.
use std::process::Command;

use anyhow::{Context, Result};

/// Hands the arguments to the simulation. True when every seed holds.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--profile", "simulation", "--package", "hirewire-simulation", "--"])
        .args(arguments)
        .current_dir(crate::root())
        .status()
        .context("cargo run cannot be started")?;
    Ok(status.success())
}
