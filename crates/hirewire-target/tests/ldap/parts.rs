//! Starts the real servers of `parts/` and stops them at the end.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// A running server.
#[derive(Clone)]
pub(crate) struct Part {
    script: PathBuf,
    pub(crate) folder: PathBuf,
    values: HashMap<String, String>,
}

static STARTED: Mutex<Vec<Part>> = Mutex::new(Vec::new());

/// The Samba domain controller all tests share.
pub(crate) fn samba() -> Result<Part, String> {
    static SAMBA: OnceLock<Result<Part, String>> = OnceLock::new();
    SAMBA.get_or_init(|| start("samba-ad")).clone()
}

/// The slapd all tests share.
pub(crate) fn slapd() -> Result<Part, String> {
    static SLAPD: OnceLock<Result<Part, String>> = OnceLock::new();
    SLAPD.get_or_init(|| start("openldap")).clone()
}

/// A server of one's own.
pub(crate) fn start(name: &str) -> Result<Part, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../parts/{name}.sh"));
    let folder = tempfile::Builder::new().prefix("hw-").tempdir().map_err(|e| e.to_string())?.keep();
    let mut part = Part { script, folder, values: HashMap::new() };
    // A busy machine may be too slow for a server's first start.
    part.up().or_else(|_| part.up())?;
    STARTED.lock().unwrap().push(part.clone());
    Ok(part)
}

/// Stops everything and removes what it wrote.
pub(crate) fn stop_all() {
    for part in STARTED.lock().unwrap().drain(..) {
        part.signal("CONT");
        part.down();
        let _ = std::fs::remove_dir_all(&part.folder);
    }
}

impl Part {
    /// Starts it, or starts it again on its data.
    pub(crate) fn up(&mut self) -> Result<(), String> {
        let output =
            Command::new(&self.script).arg("up").arg(&self.folder).output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "{} does not start (install it: {} install): {told}",
                self.script.display(),
                self.script.display()
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        self.values =
            text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
        Ok(())
    }

    pub(crate) fn down(&self) {
        let _ = Command::new(&self.script).arg("down").arg(&self.folder).output();
    }

    pub(crate) fn get(&self, key: &str) -> &str {
        self.values.get(key).map(String::as_str).unwrap_or_else(|| panic!("the part gives no {key}"))
    }

    /// Signals the server's process group, by its pid file.
    pub(crate) fn signal(&self, signal: &str) {
        let Ok(files) = std::fs::read_dir(self.folder.join("run")) else { return };
        for file in files.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "pid")) {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let Some(pid) = text.split_whitespace().next().filter(|_| text.split_whitespace().count() == 2)
            else {
                continue;
            };
            let _ = Command::new("kill").args([&format!("-{signal}"), "--", &format!("-{pid}")]).output();
        }
    }
}
