//! Everything the crate promises from outside: vectors, documented examples, round trips, no panics.

use hirewire_expression::vectors;

#[test]
fn every_vector_passes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/expressions.json");
    let json = std::fs::read_to_string(path).expect("vectors/expressions.json");
    let outcomes = vectors::run(&json);
    assert!(outcomes.len() > 500, "only {} vectors", outcomes.len());
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| format!("{}: expected {}, got {}", outcome.id, outcome.expected, outcome.got))
        .collect();
    assert!(failed.is_empty(), "{} of {} vectors fail:\n{}", failed.len(), outcomes.len(), failed.join("\n"));
}
