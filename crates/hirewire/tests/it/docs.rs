//! What is generated from the program and committed is fresh.
use std::path::Path;
use std::process::Command;

#[test]
fn the_schema_of_the_project_file_is_fresh() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_hirewire")).arg("config-schema").output().expect("the binary runs");
    assert!(output.status.success());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hirewire.schema.json");
    if std::env::var_os("HIREWIRE_BLESS").is_some() {
        std::fs::write(&path, &output.stdout).expect("the file can be written");
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == output.stdout,
        "docs/hirewire.schema.json is stale: run the tests with HIREWIRE_BLESS=1"
    );
}
