//! Inline JavaScript in a bounded sandbox on a thread of its own (`spec/workflows.md` §8.9 JavaScriptCode).

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::run::Answer;

const MEMORY: usize = 64 << 20;
const STACK: usize = 512 << 10;
const TIME: Duration = Duration::from_secs(5);

/// Runs code that ends with `return value`; it sees `workflowContext` and nothing else.
pub fn run(code: &str, context: &Json) -> Answer {
    let (code, context) = (code.to_owned(), context.to_string());
    let thread = std::thread::Builder::new()
        .name("workflow-script".into())
        .stack_size(4 << 20)
        .spawn(move || evaluate(&code, &context));
    let outcome = match thread {
        Ok(handle) => handle.join().unwrap_or_else(|_| Err("the script could not be run".into())),
        Err(e) => Err(e.to_string()),
    };
    match outcome {
        Ok(value) => Answer::Value(value),
        Err(message) => {
            Answer::Fault { code: "InlineCodeScriptRuntimeFailure".into(), message, retry: false }
        }
    }
}

fn evaluate(code: &str, context: &str) -> Result<Json, String> {
    let runtime = rquickjs::Runtime::new().map_err(|e| e.to_string())?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    let deadline = Instant::now() + TIME;
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > deadline)));
    let sandbox = rquickjs::Context::full(&runtime).map_err(|e| e.to_string())?;
    sandbox.with(|js| {
        let globals = js.globals();
        globals.set("__context", context).map_err(|e| e.to_string())?;
        let program = format!("(function () {{ var workflowContext = JSON.parse(__context); delete globalThis.__context; var __value = (function () {{\n{code}\n}})(); return __value === undefined ? 'null' : JSON.stringify(__value); }})()");
        let text: Result<String, _> = js.eval(program);
        let text = text.map_err(|e| {
            let thrown = js.catch();
            let said = thrown.as_exception().and_then(|x| x.message()).unwrap_or_default();
            if Instant::now() > deadline { "the script ran longer than 5 seconds".to_owned() } else if said.is_empty() { e.to_string() } else { said }
        })?;
        serde_json::from_str(&text).map_err(|e| e.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::run::Answer;
    use serde_json::json;

    #[test]
    fn values_errors_and_endless_loops() {
        let context = json!({"actions": {"A": {"outputs": {"body": [1, 2, 3]}}}});
        let code = "return workflowContext.actions.A.outputs.body.map(function (x) { return x * 2; });";
        assert!(matches!(run(code, &context), Answer::Value(v) if v == json!([2, 4, 6])));
        for code in [
            "throw new Error('no')",
            "return require('fs')",
            "var a = []; while (true) a.push(new Array(1000));",
            "for (;;) {}",
            "syntax (",
        ] {
            assert!(matches!(run(code, &context), Answer::Fault { .. }), "{code}");
        }
    }
}
