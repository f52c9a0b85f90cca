//! `cargo xtask vectors FILE…`: runs vector files of every kind, told apart by their shape.
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One vector and what came of it.
struct Outcome {
    id: String,
    passed: bool,
    expected: String,
    got: String,
}

/// Runs each file, prints every failure and the closing count. True when all passed.
pub(crate) fn run(files: &[String]) -> Result<bool> {
    if files.is_empty() {
        bail!("no file given: cargo xtask vectors vectors/expressions.json");
    }
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let text = std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
        for outcome in outcomes(&text).with_context(|| file.clone())? {
            if outcome.passed {
                passed += 1;
            } else {
                failed += 1;
                println!(
                    "{file}: {}\n  expected {}\n  got      {}",
                    outcome.id, outcome.expected, outcome.got
                );
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

macro_rules! convert {
    ($outcomes:expr) => {
        $outcomes
            .into_iter()
            .map(|o| Outcome {
                id: o.id,
                passed: o.passed,
                expected: o.expected.to_string(),
                got: o.got.to_string(),
            })
            .collect()
    };
}

fn outcomes(text: &str) -> Result<Vec<Outcome>> {
    let text = text.trim_start_matches('\u{feff}');
    let value: Value = serde_json::from_str(text).context("not JSON")?;
    let first = value.as_array().and_then(|list| list.first());
    if value.get("cases").is_some() && value.get("schemas").is_some() {
        return Ok(convert!(hirewire_engine::vectors::run(text)));
    }
    if value.get("vectors").is_some() {
        return Ok(convert!(required(hirewire_workflow::vectors::run_templates(&value))));
    }
    match first {
        Some(v) if v.get("expression").is_some() => Ok(convert!(hirewire_expression::vectors::run(text))),
        Some(v) if v.get("expr").is_some() => {
            Ok(convert!(required(hirewire_workflow::vectors::run_functions(&value))))
        }
        _ => bail!(
            "unknown shape: expected a list of {{expression, expect}} or {{expr, expect}}, or an object with `cases` or `vectors`"
        ),
    }
}

/// Vectors on which the sources contradict each other are told, not required.
fn required(
    outcomes: Vec<hirewire_workflow::vectors::VectorOutcome>,
) -> Vec<hirewire_workflow::vectors::VectorOutcome> {
    let (contested, required): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.contested);
    for outcome in contested.iter().filter(|outcome| !outcome.passed) {
        println!("contested: {}: expected {}, got {}", outcome.id, outcome.expected, outcome.got);
    }
    required
}
