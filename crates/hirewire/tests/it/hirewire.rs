//! Running the binary in a project folder of its own.
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A project folder that goes when the test ends.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// A new project made from an export, as `hirewire init --from` makes it.
    pub(crate) fn from_export(export: &Path) -> Self {
        Self::from_export_with(export, &[])
    }

    /// The same with more arguments of `init`.
    pub(crate) fn from_export_with(export: &Path, more: &[&str]) -> Self {
        let home = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let export = export.display().to_string();
        let output = home.run(&[&["init", "--from", &export], more].concat());
        assert!(output.status.success(), "init failed:\n{}", text(&output));
        home
    }

    /// The project folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command, ready to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hirewire"));
        command.arg("-C").arg(self.path()).args(arguments).env("NO_COLOR", "1");
        command
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs a command with `--output json` and returns its exit code and document.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        let output = self.run(&all);
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?} printed no JSON ({error}):\n{}", text(&output)));
        (output.status.code().unwrap_or(-1), document)
    }

    /// Adds text to the project file.
    pub(crate) fn configure(&self, text: &str) {
        let path = self.path().join("hirewire.toml");
        let mut file = std::fs::read_to_string(&path).expect("the project file");
        file.push('\n');
        file.push_str(text);
        std::fs::write(&path, file).expect("the project file");
    }

    /// Puts a definition into `workflows/` under a name.
    pub(crate) fn add_workflow(&self, name: &str, definition: &Path) {
        let text = std::fs::read(definition).expect("the definition");
        self.add_workflow_file(&format!("{name}.definition.json"), &text);
    }

    /// Puts a file into `workflows/`.
    pub(crate) fn add_workflow_file(&self, file: &str, bytes: &[u8]) {
        let folder = self.path().join("workflows");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(file), bytes).expect("a file");
    }

    /// Every account of the embedded directory.
    pub(crate) fn users(&self) -> Vec<Value> {
        let (code, users) = self.json(&["users", "-n", "0"]);
        assert_eq!(code, 0);
        users["value"].as_array().expect("a list of users").clone()
    }
}

/// What a command printed, for messages.
pub(crate) fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A file of the repository's samples.
pub(crate) fn sample(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(path)
}
