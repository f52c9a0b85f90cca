//! Microsoft's own SDKs, unmodified, against the emulator over TLS.
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Map, Value};

/// A running emulator that ends with the test.
struct Emulator {
    child: Child,
    environment: Map<String, Value>,
}

impl Emulator {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, more: &[&std::ffi::OsStr]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hirewire"))
            .args(["emulator", "--open", "--output", "json", "--folder"])
            .arg(folder)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut document = String::new();
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let line = line.expect("text");
            document.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let environment: Value = serde_json::from_str(&document).expect("the environment as JSON");
        Self { child, environment: environment.as_object().expect("an object").clone() }
    }

    fn run(&self, command: &mut Command) {
        for (name, value) in &self.environment {
            command.env(name, value.as_str().unwrap_or_default());
        }
        let output = command.output().expect("the client starts");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("all steps passed"), "{text}");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where `cargo xtask test` put a client's packages.
fn installed(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => panic!(
            "{variable} is not set: run `cargo xtask test`, which installs the official SDKs and sets it"
        ),
    }
}

/// Runs one of the Python clients against an emulator in open mode.
fn python(script: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(folder.path());
    let script = repository().join("tests/clients/python").join(script);
    emulator.run(Command::new(installed("HIREWIRE_TEST_PYTHON")).arg(script).args(arguments));
}

/// A short while of what `cargo xtask schemathesis` does for ten minutes.
#[test]
fn made_up_requests_get_the_described_answers() {
    python("fuzz.py", &["40"]);
}

#[test]
fn other_python_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let (python, script) =
        (installed("HIREWIRE_TEST_PYTHON"), repository().join("tests/clients/python/others.py"));
    let made = Command::new(&python).arg(&script).arg("--certificate").arg(folder.path()).status();
    assert!(made.expect("python runs").success());
    let certificate = folder.path().join("certificate.pem");
    let emulator = Emulator::start_with(folder.path(), &["--certificate".as_ref(), certificate.as_os_str()]);
    emulator.run(Command::new(python).arg(script).env("HIREWIRE_CERTIFICATE", folder.path()));
}

#[test]
fn the_python_sdk() {
    python("provision.py", &[]);
}

#[test]
fn the_javascript_sdk() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(folder.path());
    let script = repository().join("tests/clients/javascript/provision.cjs");
    let modules = installed("HIREWIRE_TEST_JAVASCRIPT").join("node_modules");
    emulator.run(Command::new("node").arg(script).env("NODE_PATH", modules));
}
