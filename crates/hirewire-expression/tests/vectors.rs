//! Everything the crate promises from outside: vectors, documented examples, round trips, no panics.

use hirewire_expression::vectors;

#[path = "suite/evaluation.rs"]
mod evaluation;
#[path = "suite/findings.rs"]
mod findings;
#[path = "suite/functions.rs"]
mod functions;
#[path = "suite/messages.rs"]
mod messages;
#[path = "suite/properties.rs"]
mod properties;
#[path = "suite/trees.rs"]
mod trees;

#[test]
fn every_vector_passes() {
    passes(&corpus(), 500);
}

/// Our own cases, in the shape of the vectors: every function with every shape of arguments, each result taken from
/// the documentation. `cargo xtask vectors` runs the file too.
#[test]
fn every_case_of_our_own_passes() {
    passes(include_str!("cases/language.json"), 700);
}

fn passes(json: &str, fewest: usize) {
    let outcomes = vectors::run(json);
    assert!(outcomes.len() > fewest, "only {} vectors", outcomes.len());
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| format!("{}: expected {}, got {}", outcome.id, outcome.expected, outcome.got))
        .collect();
    assert!(failed.is_empty(), "{} of {} vectors fail:\n{}", failed.len(), outcomes.len(), failed.join("\n"));
}

/// The text of `vectors/expressions.json`.
fn corpus() -> String {
    read("vectors/expressions.json")
}

/// A file of the repository.
fn read(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
