//! The command line and the process: reads the project folder, wires the rooms, prints.
mod archive;
mod cli;
mod clock;
mod commands;
mod context;
#[cfg(unix)]
mod control;
mod cycle;
mod drift;
mod forward;
mod metrics;
mod output;
mod project;
mod random;
mod report;
mod server_settings;
mod service;
mod session;
mod target;
mod telemetry;
mod turn;
mod waiting;
mod watch;
mod workflows;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Output};
use crate::commands::sync::Ended;
use crate::output::{Printer, say};
use crate::report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nothing to do, or done.
const DONE: u8 = 0;
/// An error.
const FAILED: u8 = 1;
/// Changes are pending, or wait for approval.
const PENDING: u8 = 2;

fn main() -> ExitCode {
    // One TLS provider for every client and server in the process, before the first handshake.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ExitCode::from(finish(&Cli::parse()))
}

/// Runs a command to its end, tells what went wrong, and gives the exit code.
fn finish(cli: &Cli) -> u8 {
    let mut printer = Printer::new();
    match run(cli, &mut printer) {
        Ok(code) => code,
        Err(report) => {
            if let Some(code) = report.busy().and_then(|state| elsewhere(cli, state)) {
                return code;
            }
            if cli.global.output == Output::Json {
                let _ = printer.json(&report.to_json());
            }
            say(&format!("{}: {report}", output::coloured("error", output::Colour::Bad)));
            FAILED
        }
    }
}

/// Lets the service that has the project open run this process's command.
#[cfg(unix)]
fn elsewhere(cli: &Cli, state: &std::path::Path) -> Option<u8> {
    let stays = matches!(cli.command, Command::Serve(_) | Command::Emulator(_)) || session::is_remote();
    (!stays).then(|| control::hand_over(state)).flatten()
}

#[cfg(not(unix))]
fn elsewhere(_cli: &Cli, _state: &std::path::Path) -> Option<u8> {
    None
}

fn run(cli: &Cli, printer: &mut Printer) -> Result<u8, Report> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(arguments) => commands::init::run(global, arguments, printer).map(|()| DONE),
        Command::Plan(arguments) => commands::plan::run(global, arguments, printer)
            .map(|pending| if pending { PENDING } else { DONE }),
        Command::Sync(arguments) => {
            commands::sync::run(global, arguments, printer).map(|ended| match ended {
                Ended::Done => DONE,
                Ended::Held => PENDING,
            })
        }
        Command::Demo(arguments) => commands::demo::run(arguments, printer).map(|()| DONE),
        Command::Bulk(arguments) => commands::bulk::run(global, arguments).map(|()| DONE),
        Command::Logs(arguments) => commands::logs::run(global, arguments, printer).map(|()| DONE),
        Command::Jobs(arguments) => commands::logs::jobs(global, arguments, printer).map(|()| DONE),
        Command::Cycles(arguments) => commands::logs::cycles(global, arguments, printer).map(|()| DONE),
        Command::Upcoming(arguments) => commands::logs::upcoming(global, arguments, printer).map(|()| DONE),
        Command::Explain(arguments) => commands::explain::run(global, arguments, printer).map(|()| DONE),
        Command::Provision(arguments) => {
            commands::explain::provision(global, arguments, printer).map(|()| DONE)
        }
        Command::Users(arguments) => commands::users::run(global, arguments, printer).map(|()| DONE),
        Command::Serve(arguments) => commands::serve::serve(global, arguments, printer).map(|()| DONE),
        Command::Emulator(arguments) => commands::serve::emulator(global, arguments, printer).map(|()| DONE),
        Command::App(command) => commands::app::app(global, command, printer).map(|()| DONE),
        Command::Eval(arguments) => commands::eval::run(global, arguments, printer).map(|()| DONE),
        Command::Functions => commands::eval::list(global, printer).map(|()| DONE),
        Command::ConfigSchema => printer.json(&project::json_schema()).map(|()| DONE),
        Command::Undo(arguments) => commands::control::undo(global, arguments, printer).map(|()| DONE),
        Command::Approve(arguments) => commands::control::approve(global, arguments, printer).map(|()| DONE),
        Command::Review(arguments) => commands::review::run(global, arguments, printer).map(|()| DONE),
        Command::Simulate(arguments) => {
            commands::control::simulate(global, arguments, printer).map(|()| DONE)
        }
        Command::Restart(arguments) => commands::control::restart(global, arguments, printer).map(|()| DONE),
        Command::Lint(job) => commands::schema::lint(global, job, printer).map(passed),
        Command::Test(arguments) => commands::test::run(global, arguments, printer).map(passed),
        Command::Schema(command) => commands::schema::run(global, command, printer).map(passed),
        Command::Agent(arguments) => commands::agent::run(arguments).map(|()| DONE),
        Command::Workflow(command) => commands::workflow::run(global, command, printer).map(passed),
        Command::Secret(command) => commands::secret::run(global, command, printer).map(|()| DONE),
        Command::Target(command) => commands::target::run(global, command, printer).map(passed),
    }
}

/// A check's answer as an exit code.
fn passed(passed: bool) -> u8 {
    if passed { DONE } else { FAILED }
}
