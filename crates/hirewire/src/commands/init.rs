//! `hirewire init`: writes a commented, working project; with `--from`, one that fits an export.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hirewire_source::{By, Files, Header, Missing, Presence, Quote, SourceConfig, UnknownStatus};
use hirewire_source::{Guess, Proposal, sniff};

use crate::cli::{Global, InitArgs, Output, Template};
use crate::output::Printer;
use crate::project;
use crate::report::{self, Report};

/// A few invented people, so that a project made without an export works at once.
const SAMPLE_EXPORT: &str = include_str!("../../assets/people.csv");

/// Runs the command.
pub(crate) fn run(global: &Global, arguments: &InitArgs, printer: &mut Printer) -> Result<(), Report> {
    let folder = &global.project;
    let file = folder.join(project::FILE);
    if file.exists() && !arguments.force {
        return Err(Report::new(format!("{} exists already", file.display()))
            .help("use another folder (-C FOLDER), or overwrite it with --force"));
    }
    let written = match &arguments.from {
        Some(export) => {
            let proposal = sniff(export)?;
            let title = folder
                .canonicalize()
                .ok()
                .and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
            write_project(
                folder,
                &title.unwrap_or_default(),
                &with_path(proposal, folder, export),
                arguments.template,
                false,
            )?
        }
        None => {
            std::fs::create_dir_all(folder.join("hr"))
                .map_err(|e| report::file(&folder.join("hr"), "made", &e))?;
            let export = folder.join("hr/people.csv");
            std::fs::write(&export, SAMPLE_EXPORT).map_err(|e| report::file(&export, "written", &e))?;
            let mut proposal = sniff(&export)?;
            proposal.config.files = Files::One("hr/*.csv".into());
            let mut written = write_project(folder, "Example", &proposal, arguments.template, true)?;
            written.files.push(export);
            written
        }
    };
    show(global, printer, &written)
}

/// The export's path as the project file names it: relative to the project folder where it lies below it.
fn with_path(mut proposal: Proposal, folder: &Path, export: &Path) -> Proposal {
    let absolute = std::path::absolute(export).unwrap_or_else(|_| export.to_path_buf());
    let base = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let path = absolute.strip_prefix(&base).unwrap_or(&absolute);
    proposal.config.files = Files::One(path.display().to_string());
    proposal
}

/// What was written and guessed.
struct Written {
    files: Vec<PathBuf>,
    guesses: Vec<Guess>,
    key: String,
}

fn write_project(
    folder: &Path,
    title: &str,
    proposal: &Proposal,
    template: Template,
    sample: bool,
) -> Result<Written, Report> {
    let make = |path: &Path| std::fs::create_dir_all(path).map_err(|e| report::file(path, "made", &e));
    for name in ["schemas", "workflows", "tests"] {
        make(&folder.join(name))?;
    }
    let mut files = Vec::new();
    let mut write = |name: &str, text: &str| -> Result<(), Report> {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| report::file(&path, "written", &e))?;
        files.push(path);
        Ok(())
    };
    write(project::FILE, &render(folder, title, proposal, template))?;
    write("schemas/directory.json", &template.schema()?)?;
    if sample {
        write("tests/mapping.toml", template.sample_test())?;
    }
    if !folder.join(".gitignore").exists() {
        write(".gitignore", "# Hirewire's own state: database, embedded directory, key.\n/.hirewire/\n")?;
    }
    Ok(Written { files, guesses: proposal.guesses.clone(), key: proposal.config.key.clone() })
}

fn show(global: &Global, printer: &mut Printer, written: &Written) -> Result<(), Report> {
    if global.output == Output::Json {
        let guesses: Vec<_> = written
            .guesses
            .iter()
            .map(|g| serde_json::json!({ "what": g.what, "value": g.value, "why": g.why, "sure": g.sure }))
            .collect();
        let files: Vec<_> = written.files.iter().map(|f| f.display().to_string()).collect();
        return printer.json(&serde_json::json!({ "files": files, "guesses": guesses }));
    }
    for file in &written.files {
        printer.line(&format!("wrote {}", file.display()))?;
    }
    if !written.guesses.is_empty() {
        printer.line("")?;
        printer.line("What was found in the export (change it in hirewire.toml where it is wrong):")?;
        let rows = written.guesses.iter().map(|g| {
            vec![
                if g.sure { String::new() } else { "?".into() },
                g.what.clone(),
                g.value.clone(),
                g.why.clone(),
            ]
        });
        printer.table(&["", "what", "guess", "why"], rows)?;
    }
    if written.key.is_empty() {
        printer.line("")?;
        printer.line(
            "No column identifies people for certain: set `key` in hirewire.toml before the first plan.",
        )?;
    }
    printer.line("")?;
    printer.line("Next: `hirewire plan` shows what would happen, `hirewire sync` does it.")
}

impl Template {
    /// Mapping tests that pass in the new project.
    fn sample_test(self) -> &'static str {
        match self {
            Self::Embedded => include_str!("../../assets/mapping-test.toml"),
            Self::ActiveDirectory => include_str!("../../assets/mapping-test-active-directory.toml"),
            Self::Openldap => include_str!("../../assets/mapping-test-openldap.toml"),
        }
    }

    /// The schema document that a new job starts with.
    fn schema(self) -> Result<String, Report> {
        let id = match self {
            Self::Embedded => "API2EMBEDDED",
            Self::ActiveDirectory => "API2AD",
            Self::Openldap => "API2LDAP",
        };
        let template = hirewire_schema::Template::find(id)
            .ok_or_else(|| Report::new(format!("there is no template {id}")))?;
        let document = template.document().map_err(|error| Report::new(error.to_string()))?;
        Ok(document.to_text(hirewire_schema::json::Layout::Indented))
    }
}

/// The text of `hirewire.toml`.
fn render(folder: &Path, title: &str, proposal: &Proposal, template: Template) -> String {
    let mut out = String::new();
    let domain = proposal.config.files.entries().first().and_then(|file| common_domain(&folder.join(file)));
    out.push_str(
        "# Hirewire project. `hirewire plan` shows what would happen; nothing is written before `hirewire sync`.\n\
         # Every key is described in the schema that `hirewire config-schema` prints (editors complete from it).\n\n[project]\n",
    );
    put(&mut out, "Title for people.", "name", title);
    put(
        &mut out,
        "Where dates are read when a person has no time zone of their own: IANA or Windows name.",
        "time_zone",
        "UTC",
    );
    match &domain {
        Some(domain) => {
            put(&mut out, "What DefaultDomain() gives in mappings.", "default_domain", domain.as_str())
        }
        None => {
            out.push_str("# What DefaultDomain() gives in mappings.\n# default_domain = \"contoso.com\"\n")
        }
    }
    source(&mut out, &proposal.config);
    unread(&mut out, &proposal.names);
    job_and_target(&mut out, template);
    out
}

/// Names the columns that no setting reads: one of them may be what somebody misses.
fn unread(out: &mut String, names: &[String]) {
    let is_read = |name: &String| out.contains(&format!("[{name}]")) || out.contains(&format!("\"{name}\""));
    let unread: Vec<String> = names
        .iter()
        .filter(|name| !name.is_empty() && !is_read(name))
        .map(|name| name.chars().filter(|c| !c.is_control()).collect())
        .collect();
    if !unread.is_empty() {
        let _ = writeln!(out, "# Read by nothing so far: {}", unread.join(" · "));
    }
}

fn put(out: &mut String, comment: &str, key: &str, value: impl Into<toml::Value>) {
    if !comment.is_empty() {
        let _ = writeln!(out, "# {comment}");
    }
    let _ = writeln!(out, "{} = {}", quoted_key(key), value.into());
}

/// A key as TOML wants it: bare where it may be.
fn quoted_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

fn list(items: &[String]) -> toml::Value {
    toml::Value::Array(items.iter().map(|item| toml::Value::String(item.clone())).collect())
}

fn source(out: &mut String, c: &SourceConfig) {
    out.push_str("\n# Where people come from.\n[source.hr]\n");
    let files = match &c.files {
        Files::One(one) => toml::Value::String(one.clone()),
        Files::Many(many) => list(many),
    };
    put(
        out,
        "A path, a list of paths, or a pattern with * and ?; `hirewire sync FILE` reads another file once.",
        "files",
        files,
    );
    put(out, "", "format", word(c.format));
    if let Some(encoding) = &c.encoding {
        put(out, "", "encoding", encoding.as_str());
    }
    if let Some(delimiter) = &c.delimiter {
        put(out, "", "delimiter", delimiter.as_str());
    }
    if c.quote != Quote::Double {
        put(out, "", "quote", word(c.quote));
    }
    match c.header {
        Header::Is(Presence::Present) => {}
        Header::Is(Presence::Absent) => {
            put(out, "No header: columns are called `Column 1`, `Column 2`, …", "header", "absent")
        }
        Header::Line(line) => put(out, "Line of the column names.", "header", i64::from(line)),
    }
    if c.skip_lines > 0 {
        put(out, "Lines before the header.", "skip_lines", i64::try_from(c.skip_lines).unwrap_or(i64::MAX));
    }
    for (comment, key, value) in [
        ("Lines that begin with this are left out.", "comment", &c.comment),
        ("Where the people stand in the document.", "records", &c.records),
        ("", "sheet", &c.sheet),
    ] {
        if let Some(value) = value {
            put(out, comment, key, value.as_str());
        }
    }
    put(out, "full: everybody is in every file; delta: only those who changed.", "mode", word(c.mode));
    put(out, "The column that identifies a person; its text becomes externalId.", "key", c.key.as_str());
    if !c.unique.is_empty() {
        put(out, "Values that only one person may have.", "unique", list(&c.unique));
    }
    if !c.required.is_empty() {
        put(out, "A row without these is set aside.", "required", list(&c.required));
    }
    let missing = match c.missing {
        Missing::Keep => "keep",
        Missing::Disable => "disable",
        Missing::DeleteAfterDays(_) => "keep",
    };
    put(
        out,
        "Somebody is gone from a full export: keep, disable, or { delete_after_days = 30 }.",
        "missing",
        missing,
    );
    out.push_str("# Folders for files that were applied, and for those that were refused with their lists of bad rows.\n");
    out.push_str("# archive = \"archive\"\n");
    put(out, "", "reject", c.reject.as_deref().unwrap_or("reject"));
    source_tables(out, c);
}

fn source_tables(out: &mut String, c: &SourceConfig) {
    if let Some(trailer) = &c.trailer {
        out.push_str(
            "\n# The line that closes the export; a file without it was cut off.\n[source.hr.trailer]\n",
        );
        put(out, "", "pattern", trailer.pattern.as_str());
        if trailer.counts_all_lines {
            put(out, "", "counts_all_lines", true);
        }
    }
    if let Some(status) = &c.status {
        out.push_str("\n# Who may have an account.\n[source.hr.status]\n");
        put(out, "", "column", status.column.as_str());
        put(out, "", "active", list(&status.active));
        put(out, "", "inactive", list(&status.inactive));
        put(
            out,
            "Other words: reject the row, or take it for active or inactive.",
            "unknown",
            word::<UnknownStatus>(status.unknown),
        );
    }
    if c.lifecycle.hire.is_some() || c.lifecycle.termination.is_some() {
        out.push_str("\n# From when to when: an account is enabled on the first day and disabled at the end of the last one.\n[source.hr.lifecycle]\n");
        for (key, value) in [("hire", &c.lifecycle.hire), ("termination", &c.lifecycle.termination)] {
            if let Some(value) = value {
                put(out, "", key, value.as_str());
            }
        }
        put(
            out,
            "Days before the first day on which the account is ready.",
            "days_ahead",
            i64::from(c.lifecycle.days_ahead),
        );
        for (key, value) in
            [("time_zone", &c.lifecycle.time_zone), ("time_zone_column", &c.lifecycle.time_zone_column)]
        {
            if let Some(value) = value {
                put(out, "", key, value.as_str());
            }
        }
    }
    if let Some(reference) = &c.reference {
        out.push_str("\n# Who somebody's manager is.\n[source.hr.reference]\n");
        put(out, "", "column", reference.column.as_str());
        if let Some(by) = &reference.by {
            let (comment, value) = match by {
                By::Column(name) => {
                    ("The manager's own column that it repeats.", toml::Value::String(name.clone()))
                }
                By::Name(names) => {
                    ("The manager's own columns that make up the name it repeats.", list(names))
                }
            };
            put(out, comment, "by", value);
        }
    }
    if let Some(primary) = &c.primary {
        out.push_str("\n# Which row counts when a person has several.\n[source.hr.primary]\n");
        for (key, value) in [("flag", &primary.flag), ("latest", &primary.latest)] {
            if let Some(value) = value {
                put(out, "", key, value.as_str());
            }
        }
        put(out, "", "active_first", primary.active_first);
    }
    if let Some(operation) = &c.operation {
        out.push_str("\n[source.hr.operation]\n");
        put(out, "", "column", operation.column.as_str());
        put(out, "", "delete", list(&operation.delete));
    }
    if c.dates.default.is_some() || !c.dates.columns.is_empty() {
        out.push_str(
            "\n# How dates are written: yyyy-MM-dd (iso), dd.MM.yyyy, MM/dd/yyyy, …\n[source.hr.dates]\n",
        );
        if let Some(default) = &c.dates.default {
            put(out, "", "default", default.as_str());
        }
        let columns: toml::Table =
            c.dates.columns.iter().map(|(k, v)| (k.clone(), toml::Value::String(v.clone()))).collect();
        if !columns.is_empty() {
            put(out, "", "columns", toml::Value::Table(columns));
        }
    }
    for (column, words) in &c.values {
        let _ = writeln!(out, "\n[source.hr.values.{}]", quoted_key(column));
        for (word, meaning) in words {
            put(out, "", word, meaning.as_str());
        }
    }
    for (column, others) in &c.aliases {
        let _ = writeln!(out, "\n[source.hr.aliases]\n{} = {}", quoted_key(column), list(others));
    }
    out.push_str("\n# SCIM attribute = expression over columns, in the mapping language (`hirewire functions`).\n[source.hr.columns]\n");
    for (path, expression) in &c.columns {
        put(out, "", path, expression.as_str());
    }
}

fn job_and_target(out: &mut String, template: Template) {
    out.push_str(
        "\n# What becomes of them: the schema maps SCIM attributes to the target's.\n[job.directory]\nschema = \"schemas/directory.json\"\n\
         target = \"directory\"\n\
         # While `hirewire serve` runs: how often the sources are looked at; a new export is applied as by `sync --yes`.\n# every = \"1m\"\n\
         # A record without `active`: keep leaves the account's state, false disables as Entra does.\nmissing_active = \"keep\"\n\n\
         # More change than this in one cycle waits for `hirewire approve`: count, or percent of the known people.\n\
         [job.directory.safety]\ndisables = { percent = 15.0 }\ndeletes = { percent = 5.0 }\n\
         creates = { percent = 50.0 }\nchanges = { percent = 80.0 }\nleast_population = 20\n\n\
         # Where accounts are kept.\n[target.directory]\n",
    );
    match template {
        Template::Embedded => out.push_str("kind = \"embedded\"\n"),
        Template::ActiveDirectory => out.push_str(include_str!("../../assets/target-active-directory.toml")),
        Template::Openldap => out.push_str(include_str!("../../assets/target-openldap.toml")),
    }
}

/// Bytes of an export that are looked at for its domain.
const LOOK: usize = 1 << 20;

/// The domain of most e-mail addresses in an export; a guess for `DefaultDomain()` that hurts nobody.
fn common_domain(export: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(export).ok()?.take(LOOK as u64).read_to_end(&mut bytes).ok()?;
    // Addresses are ASCII: UTF-16 becomes readable without its zero bytes.
    bytes.retain(|byte| *byte != 0);
    let text = String::from_utf8_lossy(&bytes);
    let mut domains: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for part in text.split('@').skip(1) {
        let domain: String =
            part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.' || *c == '-').collect();
        let domain = domain.trim_matches('.').to_ascii_lowercase();
        if domain.contains('.') {
            *domains.entry(domain).or_default() += 1;
        }
    }
    domains.into_iter().max_by_key(|(_, count)| *count).map(|(domain, _)| domain)
}

/// The word that stands for a value in the project file.
fn word<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
