//! Starts the real servers of `parts/` and stops them at the end.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// A running server.
#[derive(Clone)]
pub(crate) struct Part {
    script: PathBuf,
    folder: PathBuf,
    values: HashMap<String, String>,
}

static STARTED: Mutex<Vec<Part>> = Mutex::new(Vec::new());

macro_rules! part {
    ($function:ident, $name:literal $(, $variable:literal)?) => {
        pub(crate) fn $function() -> Part {
            static PART: OnceLock<Result<Part, String>> = OnceLock::new();
            PART.get_or_init(|| start($name, &[$($variable)?])).clone().unwrap_or_else(|e| panic!("{e}"))
        }
    };
}

part!(azurite, "azurite");
part!(azurite_tls, "azurite", "AZURITE_TLS");
part!(postgres, "postgres");
part!(mariadb, "mariadb");
part!(sftp, "sftp");
part!(smtp, "smtp-sink");

fn start(name: &str, switched_on: &[&str]) -> Result<Part, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../parts/{name}.sh"));
    let folder = tempfile::Builder::new().prefix("hw-").tempdir().map_err(|e| e.to_string())?.keep();
    let mut part = Part { script, folder, values: HashMap::new() };
    let output = Command::new(&part.script)
        .arg("up")
        .arg(&part.folder)
        .envs(switched_on.iter().map(|name| (*name, "1")))
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let script = part.script.display();
        return Err(format!("{script} does not start (install it: {script} install): {told}"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    part.values = text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
    STARTED.lock().expect("lock").push(part.clone());
    Ok(part)
}

/// Stops everything and removes what it wrote.
pub(crate) fn stop_all() {
    for part in STARTED.lock().expect("lock").drain(..) {
        let _ = Command::new(&part.script).arg("down").arg(&part.folder).output();
        let _ = std::fs::remove_dir_all(&part.folder);
    }
}

impl Part {
    pub(crate) fn get(&self, key: &str) -> &str {
        self.values.get(key).map(String::as_str).unwrap_or_else(|| panic!("the part gives no {key}"))
    }

    pub(crate) fn find(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}
