//! While the service runs: a job's exports are looked at every so often, and a new one is applied as `hirewire sync --yes`
//! applies it, with the same guards. What it says goes to the service's standard error.
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use hirewire_source::find_files;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::cli::{CycleArgs, Global, Output, SyncArgs};
use crate::commands::sync;
use crate::context::Context;
use crate::output::{Printer, say};
use crate::report::Report;
use crate::session::{self, Remote};

/// Shortest pause between two looks.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// Longest pause before a failed run is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How often a job's sources are looked at, such as `30s`, `5m`, `1h` or `PT40M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(crate) struct Every(SignedDuration);

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.parse::<SignedDuration>() {
            Ok(every) if every >= SHORTEST => Ok(Self(every)),
            Ok(_) => Err(format!("`{text}` is too often; a second is the least")),
            Err(_) => Err(format!("`{text}` is no duration; write 30s, 5m, 1h or PT40M")),
        }
    }
}

/// Starts to watch every job that has an `every`.
pub(crate) fn start(context: &Context, global: &Global) -> Result<(), Report> {
    for (job, section) in &context.project.file.job {
        let Some(Every(every)) = section.every else { continue };
        let pause = Duration::try_from(every).unwrap_or(Duration::MAX);
        let (global, job) = (Global { output: Output::Text, ..global.clone() }, job.clone());
        let name = format!("watch-{job}");
        std::thread::Builder::new().name(name).spawn(move || watch(&global, &job, pause))?;
    }
    Ok(())
}

/// What can be seen of an export from outside: a file that is as it was needs no reading.
type Seen = Vec<(PathBuf, u64, Option<SystemTime>)>;

fn watch(global: &Global, job: &str, pause: Duration) {
    let (mut before, mut applied) = (Seen::new(), Seen::new());
    let (mut failures, mut again) = (0_u32, Instant::now());
    loop {
        let seen = look(global, job);
        // A file that still grows is left until it is the same at two looks.
        let settled = seen == before;
        before.clone_from(&seen);
        let news = seen != applied || (failures > 0 && Instant::now() >= again);
        if settled && news && !seen.is_empty() {
            let done =
                session::on_behalf_of(Box::new(Journal { job: job.to_owned() }), || apply(global, job));
            // A directory may be away for a while, so what failed is tried again, at growing distances.
            failures = if done { 0 } else { failures.saturating_add(1) };
            again = Instant::now() + (pause * 2_u32.saturating_pow(failures.min(16))).min(LONGEST_PAUSE);
            applied = seen;
        }
        std::thread::sleep(pause);
    }
}

fn look(global: &Global, job: &str) -> Seen {
    let Ok(context) = Context::open(global) else { return Seen::new() };
    let Some(section) = context.project.file.job.get(job) else { return Seen::new() };
    let mut seen = Seen::new();
    for (_, source) in context.project.sources_of(section) {
        for entry in source.files.entries().iter().filter(|entry| *entry != "-") {
            // No file yet: there is nothing to apply.
            let Ok(files) = find_files(&context.project.folder, entry) else { continue };
            for path in files {
                if let Ok(data) = std::fs::metadata(&path) {
                    seen.push((path, data.len(), data.modified().ok()));
                }
            }
        }
    }
    seen
}

/// Whether all went well.
fn apply(global: &Global, job: &str) -> bool {
    let cycle = CycleArgs {
        files: Vec::new(),
        source: None,
        job: Some(job.to_owned()),
        as_of: None,
        force_shrink: false,
    };
    let arguments = SyncArgs { cycle, yes: true, plan: None };
    match sync::run(global, &arguments, &mut Printer::new()) {
        Ok(_) => true,
        Err(report) => {
            say(&format!("error: {report}"));
            false
        }
    }
}

/// Lines of a run that nobody called for: standard error, with the job's name before each.
struct Journal {
    job: String,
}

impl Journal {
    fn write(&self, text: &str) {
        use io::Write as _;
        let mut err = anstream::stderr();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(err, "{}: {line}", self.job);
        }
    }
}

impl Remote for Journal {
    fn out(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(&String::from_utf8_lossy(bytes));
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.write(text);
    }

    fn ask(&mut self, _question: &str) -> bool {
        false
    }

    fn has_terminal(&self) -> bool {
        false
    }

    fn folder(&self) -> &Path {
        Path::new(".")
    }
}
