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
        let mut child = Command::new(env!("CARGO_BIN_EXE_hirewire"))
            .args(["emulator", "--open", "--output", "json", "--folder"])
            .arg(folder)
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

#[test]
fn the_python_sdk() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(folder.path());
    let script = repository().join("tests/clients/python/provision.py");
    emulator.run(Command::new(installed("HIREWIRE_TEST_PYTHON")).arg(script));
}

#[test]
fn the_javascript_sdk() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(folder.path());
    let script = repository().join("tests/clients/javascript/provision.cjs");
    let modules = installed("HIREWIRE_TEST_JAVASCRIPT").join("node_modules");
    emulator.run(Command::new("node").arg(script).env("NODE_PATH", modules));
}
