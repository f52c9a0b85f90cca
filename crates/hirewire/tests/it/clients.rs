//! Microsoft's own SDKs, unmodified, against the emulator over TLS.
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::emulator::Emulator;

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
    let emulator = Emulator::start(&["--open".as_ref(), "--folder".as_ref(), folder.path().as_os_str()], &[]);
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
    let emulator =
        Emulator::start(&["--open".as_ref(), "--certificate".as_ref(), certificate.as_os_str()], &[]);
    emulator.run(Command::new(python).arg(script).env("HIREWIRE_CERTIFICATE", folder.path()));
}

#[test]
fn the_python_sdk() {
    python("provision.py", &[]);
}

#[test]
fn the_javascript_sdk() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(&["--open".as_ref(), "--folder".as_ref(), folder.path().as_os_str()], &[]);
    let script = repository().join("tests/clients/javascript/provision.cjs");
    let modules = installed("HIREWIRE_TEST_JAVASCRIPT").join("node_modules");
    emulator.run(Command::new("node").arg(script).env("NODE_PATH", modules));
}

/// The first block of a language in the guide.
fn guide(language: &str) -> String {
    let guide = std::fs::read_to_string(repository().join("docs/emulator.md")).expect("the guide");
    let (_, rest) = guide.split_once(&format!("```{language}\n")).expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_guides_programs_do_what_they_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(&["--strict".as_ref()], &[]);
    for (language, file) in [("python", "guide.py"), ("js", "guide.cjs")] {
        let path = folder.path().join(file);
        std::fs::write(&path, guide(language)).expect("written");
        let mut command = match language {
            "python" => Command::new(installed("HIREWIRE_TEST_PYTHON")),
            _ => Command::new("node"),
        };
        let modules = installed("HIREWIRE_TEST_JAVASCRIPT").join("node_modules");
        emulator.run(command.arg(path).env("NODE_PATH", modules));
    }
}
