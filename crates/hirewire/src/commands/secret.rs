//! `hirewire secret …`: the project's vault, for `{ secret = "NAME" }` in the project file.
use std::io::Read as _;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::{Global, Output, SecretCommand};
use crate::context::Context;
use crate::output::Printer;
use crate::report::Report;
use crate::workflows::VAULT;

/// Runs the command.
pub(crate) fn run(global: &Global, command: &SecretCommand, printer: &mut Printer) -> Result<(), Report> {
    match command {
        SecretCommand::List => list(global, printer),
        SecretCommand::Set { name, file } => set(global, name, file, printer),
        SecretCommand::Delete { name } => delete(global, name, printer),
    }
}

fn list(global: &Global, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let names = context.store.secret_names(VAULT)?;
    if global.output == Output::Json {
        let list: Vec<_> =
            names.iter().map(|(name, saved)| json!({ "name": name, "saved": saved.to_string() })).collect();
        printer.json(&json!({ "value": list }))?;
        return Ok(());
    }
    let rows =
        names.into_iter().map(|(name, saved)| vec![name, saved.strftime("%Y-%m-%d %H:%M:%SZ").to_string()]);
    printer.table(&["secret", "saved"], rows)?;
    Ok(())
}

/// The value comes from a file or standard input, never from the command line: those are seen by others.
fn set(global: &Global, name: &str, file: &std::path::Path, printer: &mut Printer) -> Result<(), Report> {
    if file == std::path::Path::new("-") && crate::session::is_remote() {
        return Err(Report::new("the project's service is running and takes no standard input")
            .help("give the value in a file: --file FILE"));
    }
    let mut value = zeroize::Zeroizing::new(Vec::new());
    let read = if file == std::path::Path::new("-") {
        std::io::stdin().lock().take(1 << 20).read_to_end(&mut value).map(drop)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(1 << 20).read_to_end(&mut value)).map(drop)
    };
    read.map_err(|error| Report::new(format!("{} cannot be read: {error}", file.display())))?;
    while value.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        value.pop();
    }
    if value.is_empty() {
        return Err(
            Report::new("the secret is empty").help("give it on standard input or in a file: --file FILE")
        );
    }
    let context = Context::open(global)?;
    context.store.put_secret(VAULT, name, &value, Timestamp::now())?;
    printer.line(&format!("saved {name}; use it as {{ secret = \"{name}\" }}"))?;
    Ok(())
}

fn delete(global: &Global, name: &str, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    if !context.store.delete_secret(VAULT, name)? {
        return Err(
            Report::new(format!("there is no secret `{name}`")).help("`hirewire secret list` names them")
        );
    }
    printer.line(&format!("deleted {name}"))?;
    Ok(())
}
