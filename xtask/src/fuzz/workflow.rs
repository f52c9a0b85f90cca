//! Workflow definitions and their expressions: the reader, the compiler and the evaluator on damaged input.
use std::path::Path;

use anyhow::Result;
use hirewire_workflow::definition::{ImportOptions, compile, import};
use hirewire_workflow::vectors::run_functions;
use serde_json::{Value, json};

use super::Target;
use super::mutate::{Dice, mutate};

/// Definitions and expressions that are damaged.
pub(crate) struct Workflows {
    definitions: Vec<Vec<u8>>,
    expressions: Vec<String>,
}

impl Workflows {
    /// Reads the seeds: the repository's definitions and the expressions of its vectors.
    pub(crate) fn new() -> Result<Self> {
        let mut definitions = Vec::new();
        for folder in ["samples/logicapps/ours", "crates/hirewire-workflow/templates"] {
            for entry in std::fs::read_dir(crate::root().join(folder))? {
                let path = entry?.path();
                if path.to_string_lossy().ends_with(".definition.json") {
                    definitions.push(std::fs::read(path)?);
                }
            }
        }
        definitions.sort();
        let text = std::fs::read_to_string(crate::root().join("vectors/workflow-functions.json"))?;
        let vectors: Vec<Value> = serde_json::from_str(&text)?;
        let expressions = vectors.iter().filter_map(|v| v["expr"].as_str().map(str::to_owned)).collect();
        Ok(Self { definitions, expressions })
    }
}

impl Target for Workflows {
    fn name(&self) -> &'static str {
        "workflow"
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let mut seed = if dice.roll(3) == 0 {
            self.definitions[dice.roll(self.definitions.len())].clone()
        } else {
            self.expressions[dice.roll(self.expressions.len())].clone().into_bytes()
        };
        mutate(&mut seed, &self.definitions, dice);
        seed
    }

    fn run(&self, input: &[u8], _dice: &mut Dice, _folder: &Path) -> Result<(), String> {
        for one in import(input, &ImportOptions::default()).into_iter().flatten() {
            let (workflow, findings) = compile("fuzz", &one.definition, one.kind.is_some());
            if workflow.is_none() && findings.is_empty() {
                return Err("a definition was refused without a word".into());
            }
        }
        let text = String::from_utf8_lossy(input);
        if text.len() > 10_000 {
            return Ok(());
        }
        let vector = json!([{"id": "x", "expr": text, "context": {
            "trigger": {"headers": {"Content-Type": "a"}, "body": {"x": [1, {"y": "z"}]}}, "parameters": {"p": "ä😀"}, "item": {"a": 1.5},
            "variables": {"v": [3, 1, 2]}, "actions": {"A": {"status": "Succeeded", "outputs": {"body": {"$content-type": "text/csv", "$content": "YQ=="}}}}}, "expect": null}]);
        match run_functions(&vector).len() {
            1 => Ok(()),
            other => Err(format!("one expression gave {other} outcomes")),
        }
    }
}
