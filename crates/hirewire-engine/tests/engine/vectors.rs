//! `vectors/engine.json`, every one of them.
#[test]
fn all_vectors_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/engine.json");
    let text = std::fs::read_to_string(path).expect("the vectors are in the repository");
    let outcomes = hirewire_engine::vectors::run(&text);
    assert!(outcomes.len() > 200, "only {} vectors were read", outcomes.len());
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| format!("{}\n  expected {}\n  got      {}", outcome.id, outcome.expected, outcome.got))
        .collect();
    assert!(failed.is_empty(), "{} of {} vectors:\n{}", failed.len(), outcomes.len(), failed.join("\n"));
}
