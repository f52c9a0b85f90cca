//! Every shared vector passes; contested ones are shown, not required.

use std::fs;
use std::path::{Path, PathBuf};

use hirewire_workflow::vectors::{VectorOutcome, run_functions, run_templates};
use serde_json::Value as Json;

/// A file of the repository's root.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(repository(path)).expect(path)).expect("JSON")
}

fn require(outcomes: &[VectorOutcome], at_least: usize) {
    assert!(outcomes.len() >= at_least, "only {} vectors", outcomes.len());
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|o| !o.passed && !o.contested)
        .map(|o| format!("{}: expected {}, got {}", o.id, o.expected, o.got))
        .collect();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), outcomes.len(), failed.join("\n"));
}

#[test]
fn function_vectors() {
    require(&run_functions(&read("vectors/workflow-functions.json")), 990);
}

#[test]
fn template_vectors() {
    require(&run_templates(&read("samples/logicapps/expression-vectors.json")), 300);
}
