//! The real servers of `parts/`, one for each test that needs one.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A running server; stopped and removed when the test ends.
pub(crate) struct Part {
    script: PathBuf,
    folder: PathBuf,
    values: HashMap<String, String>,
}

impl Part {
    /// Starts a server of one's own. A missing one is a failure that names the command which installs it.
    pub(crate) fn start(name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../parts/{name}.sh"));
        let mut told = String::new();
        // Samba's services race one another for their ports now and then: a new address helps.
        for _ in 0..8 {
            let folder =
                tempfile::Builder::new().prefix("hw-").tempdir_in(scratch()).expect("a folder").keep();
            let mut part = Self { script: script.clone(), folder, values: HashMap::new() };
            let output = part.call("up");
            if output.status.success() {
                let text = String::from_utf8_lossy(&output.stdout);
                let lines = text.lines().filter_map(|line| line.split_once('='));
                part.values = lines.map(|(key, value)| (key.into(), value.into())).collect();
                return part;
            }
            told = String::from_utf8_lossy(&output.stderr).into_owned();
        }
        panic!("{0} does not start (install it: {0} install): {told}", script.display());
    }

    fn call(&self, verb: &str) -> Output {
        Command::new(&self.script).arg(verb).arg(&self.folder).output().expect("the part's script runs")
    }

    /// One of its `KEY=VALUE` lines.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.values.get(key).unwrap_or_else(|| panic!("the part gives no {key}"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.call("down");
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A folder in memory where the system has one: a test's server need not wait for a disk.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() }
}
