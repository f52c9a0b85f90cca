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
    let mut told = String::new();
    // Samba's services race one another for their ports now and then: a new address helps.
    for _ in 0..8 {
        let folder =
            tempfile::Builder::new().prefix("hw-").tempdir_in(scratch()).map_err(|e| e.to_string())?.keep();
        let mut part = Part { script: script.clone(), folder, values: HashMap::new() };
        match part.up() {
            Ok(()) => {
                STARTED.lock().unwrap().push(part.clone());
                return Ok(part);
            }
            Err(error) => told = error,
        }
        part.kill_rest();
        let _ = std::fs::remove_dir_all(&part.folder);
    }
    Err(told)
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

    /// Ends what a failed start of Samba left running: it notes its processes in `msg.lock`.
    fn kill_rest(&self) {
        let Ok(files) = std::fs::read_dir(self.folder.join("msg.lock")) else { return };
        for file in files.flatten() {
            let pid = file.file_name().to_string_lossy().into_owned();
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if comm.starts_with("samba") {
                let _ = Command::new("kill").args(["-KILL", &pid]).output();
            }
        }
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

/// A folder in memory where the system has one: a test's server need not wait for a disk.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() }
}
