//! `hirewire bulk`: the export as SCIM bulk requests.
use std::fs::File;
use std::io::{BufWriter, Write};

use hirewire_scim::BulkRequestWriter;
use hirewire_source::{Export, Fingerprints, SourceError, Streamed};

use crate::cli::{BulkArgs, Global};
use crate::cycle;
use crate::output::say;
use crate::project::Project;
use crate::report::{self, Report};

/// Rows set aside that are shown one by one.
const SHOWN: usize = 20;

/// Runs the command.
pub(crate) fn run(global: &Global, arguments: &BulkArgs) -> Result<(), Report> {
    let project = Project::open(&global.project)?;
    let names: Vec<&str> = project.file.source.keys().map(String::as_str).collect();
    let name = match (&arguments.source, names.as_slice()) {
        (Some(name), _) => name.as_str(),
        (None, [one]) => one,
        (None, _) => {
            return Err(Report::new("the project has several sources").help("say which one: --source NAME"));
        }
    };
    let config = project.file.source.get(name).ok_or_else(|| {
        Report::new(format!("there is no source `{name}`"))
            .help(format!("the project has: {}", names.join(", ")))
    })?;
    let config = cycle::reading(config, &arguments.files);
    let zone = hirewire_engine::lifecycle::zone_by_name(&project.file.project.time_zone)
        .unwrap_or(jiff::tz::TimeZone::UTC);
    let day = crate::clock::moment(arguments.as_of.as_deref(), &zone)?.to_zoned(zone).date();
    let export = Export::open(&config, &project.folder)?;
    let streamed = match &arguments.out {
        Some(path) => {
            let file = File::create(path).map_err(|e| report::file(path, "written", &e))?;
            write(&export, config.primary.is_none(), day, arguments.size, file)?
        }
        None => write(&export, config.primary.is_none(), day, arguments.size, std::io::stdout().lock())?,
    };
    for reject in streamed.rejects.iter().take(SHOWN) {
        let key = reject.key.as_deref().unwrap_or_default();
        say(&format!("set aside {key}: line {}: {}: {}", reject.at.line, reject.code, reject.message));
    }
    say(&format!("{} people, {} rows set aside", streamed.mapped, streamed.rejected));
    Ok(())
}

fn write(
    export: &Export,
    one_row_each: bool,
    day: jiff::civil::Date,
    size: usize,
    out: impl Write,
) -> Result<Streamed, Report> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut requests = BulkRequestWriter::new(size);
    let mut line = |request: Option<String>| -> std::io::Result<()> {
        let Some(request) = request else { return Ok(()) };
        out.write_all(request.as_bytes())?;
        out.write_all(b"\n")
    };
    let mut person = |key: &str, user: &str| {
        line(requests.push(key, user)).map_err(|e| SourceError::Caller(e.to_string()))
    };
    let streamed = match one_row_each {
        true => export.stream(day, person)?,
        false => chosen(export, day, &mut person)?,
    };
    line(requests.finish())?;
    out.flush()?;
    Ok(streamed)
}

/// Of several rows of a person the one that counts; this takes the whole file's numbers into memory.
fn chosen(
    export: &Export,
    day: jiff::civil::Date,
    person: &mut dyn FnMut(&str, &str) -> Result<(), SourceError>,
) -> Result<Streamed, SourceError> {
    let scan = export.scan(&Fingerprints::default(), day)?;
    let mut mapped = 0;
    let failed = export.records(&scan, |record| {
        mapped += 1;
        person(record.key, record.scim_json)
    })?;
    let rejected = (scan.counts.rejected + failed.len()) as u64;
    Ok(Streamed { mapped, rejected, rejects: scan.rejects.into_iter().chain(failed).collect() })
}
