//! `hirewire demo`: the main job from start to end, in a folder of its own, each step with the command that does it.
use std::path::{Path, PathBuf};

use crate::cli::{
    CycleArgs, DemoArgs, ExplainArgs, Global, InitArgs, JobArg, Output, PlanArgs, SyncArgs, Template,
    UsersArgs,
};
use crate::commands::{explain, init, plan, sync, users};
use crate::output::{Colour, Printer, coloured};
use crate::report::{self, Report};

/// An export of a hundred invented people, and the next day's.
const DAYS: [(&str, &str, &str); 2] = [
    ("day1.csv", "2025-03-03", include_str!("../../../../samples/hris/100/day1.csv")),
    ("day2.csv", "2025-03-04", include_str!("../../../../samples/hris/100/day2.csv")),
];

/// Runs the command.
pub(crate) fn run(arguments: &DemoArgs, printer: &mut Printer) -> Result<(), Report> {
    let folder = &arguments.folder;
    if folder.exists() {
        if !arguments.force {
            return Err(Report::new(format!("{} exists already", folder.display()))
                .help("begin again with --force, or name another folder"));
        }
        clear(folder)?;
    }
    std::fs::create_dir_all(folder.join("hr")).map_err(|e| report::file(folder, "made", &e))?;
    for (name, _, text) in DAYS {
        let path = folder.join("hr").join(name);
        std::fs::write(&path, text).map_err(|e| report::file(&path, "written", &e))?;
    }
    let global = Global { project: folder.clone(), output: Output::Text };
    let (first, date, _) = DAYS[0];
    let export = folder.join("hr").join(first);

    step(printer, folder, &format!("init --from {}", export.display()), "a project that fits the export")?;
    let from = InitArgs { from: Some(export), template: Template::Embedded, force: false };
    init::run(&global, &from, printer)?;

    step(printer, folder, &format!("plan --as-of {date}"), "what would happen; nothing is written")?;
    plan::run(&global, &PlanArgs { cycle: cycle(date), all: false, save: None }, printer)?;

    step(printer, folder, &format!("sync --yes --as-of {date}"), "do it")?;
    sync::run(&global, &SyncArgs { cycle: cycle(date), yes: true, plan: None }, printer)?;

    step(printer, folder, "users -n 10", "the accounts that came of it")?;
    users::run(&global, &UsersArgs { search: None, deleted: false, job: None, limit: 10 }, printer)?;

    step(printer, folder, "explain 001042", "where each value of one person came from")?;
    explain::run(&global, &ExplainArgs { what: "001042".into(), job: JobArg { job: None } }, printer)?;

    let (second, date, _) = DAYS[1];
    let next = command(folder, &format!("sync {} --as-of {date}", folder.join("hr").join(second).display()));
    printer.line("")?;
    printer.line("Next day's export is one more command; it shows the plan and asks:")?;
    printer.line(&format!("  {}", coloured(&next, Colour::Strong)))
}

fn cycle(date: &str) -> CycleArgs {
    CycleArgs {
        files: Vec::new(),
        source: None,
        job: None,
        as_of: Some(date.to_owned()),
        force_shrink: false,
    }
}

/// The command as somebody would type it, from a checkout or with an installed binary.
fn command(folder: &Path, rest: &str) -> String {
    let program = if std::env::var_os("CARGO").is_some() { "cargo run --" } else { "hirewire" };
    format!("{program} -C {} {rest}", folder.display())
}

fn step(printer: &mut Printer, folder: &Path, rest: &str, what: &str) -> Result<(), Report> {
    printer.line("")?;
    printer.line(&coloured(&format!("# {what}"), Colour::Quiet))?;
    printer.line(&coloured(&format!("$ {}", command(folder, rest)), Colour::Strong))
}

/// Removes what an earlier demo left, and nothing else.
fn clear(folder: &Path) -> Result<(), Report> {
    let ours = folder.join(crate::project::FILE).exists() && folder.join("hr/day1.csv").exists();
    if !ours {
        return Err(
            Report::new(format!("{} is no folder of the demo", folder.display())).help("name another folder")
        );
    }
    let parts: [PathBuf; 6] =
        [".hirewire", "hr", "schemas", "workflows", "tests", "reject"].map(|name| folder.join(name));
    for part in parts.iter().filter(|part| part.exists()) {
        std::fs::remove_dir_all(part).map_err(|e| report::file(part, "removed", &e))?;
    }
    for file in [crate::project::FILE, ".gitignore"].map(|name| folder.join(name)) {
        if file.exists() {
            std::fs::remove_file(&file).map_err(|e| report::file(&file, "removed", &e))?;
        }
    }
    Ok(())
}
