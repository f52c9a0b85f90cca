//! What tests need beyond cargo: Debian packages through the part scripts, Python and npm packages in a folder of their own.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Real servers whose packages the tests need; each has a script `parts/NAME.sh` with the verb `install`.
const PARTS: [&str; 7] = ["azurite", "mariadb", "openldap", "postgres", "samba-ad", "sftp", "smtp-sink"];

/// Installs what is missing. Does nothing, and asks for nothing, where everything is there.
pub(crate) fn install() -> Result<()> {
    for part in PARTS {
        let script = crate::root().join("parts").join(format!("{part}.sh"));
        println!("test: {part}: installing what is missing");
        let mut command = as_root_if_needed(&script);
        let status =
            command.arg("install").status().with_context(|| format!("{} cannot be run", script.display()))?;
        if !status.success() {
            bail!("parts/{part}.sh install failed: see its message above");
        }
    }
    Ok(())
}

/// The part scripts use apt and so want root; `sudo` asks once where we are somebody else.
fn as_root_if_needed(script: &Path) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    if root {
        return Command::new(script);
    }
    let mut command = Command::new("sudo");
    command.arg(script);
    command
}

/// Folder for what the tests download: below cargo's target folder, so that `cargo clean` removes it.
pub(crate) fn tools() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::root().join("target"), PathBuf::from)
        .join("test-tools")
}

/// A Python environment with the official Graph SDK and Schemathesis, as `requirements.txt` pins them; returns its interpreter.
pub(crate) fn python() -> Result<PathBuf> {
    let folder = tools().join("python");
    let interpreter = folder.join("bin/python");
    let requirements = crate::root().join("tests/clients/python/requirements.txt");
    if is_fresh(&folder, &requirements)? {
        return Ok(interpreter);
    }
    println!("test: installing the Python clients into {}", folder.display());
    check(
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
        "python3 -m venv (Debian: python3-venv)",
    )?;
    check(
        Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements),
        "pip install",
    )?;
    mark(&folder, &requirements)?;
    Ok(interpreter)
}

/// The official Graph SDK for JavaScript, as `package-lock.json` pins it; returns the folder that holds `node_modules`.
pub(crate) fn javascript() -> Result<PathBuf> {
    let folder = tools().join("javascript");
    let clients = crate::root().join("tests/clients/javascript");
    let lock = clients.join("package-lock.json");
    if is_fresh(&folder, &lock)? {
        return Ok(folder);
    }
    println!("test: installing the JavaScript clients into {}", folder.display());
    std::fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(clients.join(name), folder.join(name))?;
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--silent", "--no-fund", "--no-audit", "--prefix"]).arg(&folder);
    check(&mut command, "npm ci (Debian: npm)")?;
    mark(&folder, &lock)?;
    Ok(folder)
}

/// Whether a folder holds what a list names now.
fn is_fresh(folder: &Path, list: &Path) -> Result<bool> {
    let wanted = std::fs::read(list).with_context(|| list.display().to_string())?;
    Ok(std::fs::read(folder.join("ready")).is_ok_and(|found| found == wanted))
}

fn mark(folder: &Path, list: &Path) -> Result<()> {
    std::fs::copy(list, folder.join("ready"))?;
    Ok(())
}

fn check(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{what} cannot be run"))?;
    if !status.success() {
        bail!("{what} failed");
    }
    Ok(())
}
