//! `hirewire target check`: connection, certificate, bind, rights, schema, password policy.
use hirewire_engine::target::{MatchKey, Target};
use hirewire_engine::value::AttributeValue;

use crate::cli::{Global, Output, TargetCommand};
use crate::context::Context;
use crate::cycle::block_on;
use crate::output::Printer;
use crate::report::Report;

/// Runs the command. False when something is missing.
pub(crate) fn run(global: &Global, command: &TargetCommand, printer: &mut Printer) -> Result<bool, Report> {
    let TargetCommand::Check { name } = command;
    let context = Context::open_for_reading(global)?;
    let target = context.target(name).ok_or_else(|| {
        let known = context.project.file.target.keys().cloned().collect::<Vec<_>>().join(", ");
        Report::new(format!("there is no target `{name}`")).help(format!("targets of this project: {known}"))
    })?;
    let key = MatchKey {
        attribute: "displayName".into(),
        value: AttributeValue::Text("hirewire-connection-test".into()),
    };
    let answer = block_on(target.exists(&key));
    if global.output == Output::Json {
        let value = match &answer {
            Ok(_) => serde_json::json!({ "target": name, "reachable": true }),
            Err(error) => {
                serde_json::json!({ "target": name, "reachable": false, "error": error.to_string() })
            }
        };
        printer.json(&value)?;
        return Ok(answer.is_ok());
    }
    match answer {
        Ok(_) => printer.line(&format!("{name}: reachable, and it answers searches"))?,
        Err(error) => return Err(Report::new(format!("{name}: {error}"))),
    }
    Ok(true)
}
