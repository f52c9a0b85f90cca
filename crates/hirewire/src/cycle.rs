//! What `plan` and `sync` share: the exports of a job, who is looked at, what holds.
use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use hirewire_engine::safety;
use hirewire_job::{
    Item, PersonPlan, PlanAction, PlanDocument, Warning, fingerprint_name, fingerprints, safety_totals,
    standing,
};
use hirewire_source::{
    Batch, Export, Files, Fingerprints, Missing, Reject, Scan, SourceConfig, SourceError, StopCode, batches,
};
use hirewire_store::{Hold, JobKey, NewOperation, OperationId, Person};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::cli::CycleArgs;
use crate::commands::review;
use crate::context::{Context, OpenJob};
use crate::output::say;
use crate::report::Report;
use crate::session;

/// People fetched at once when somebody has to be found among all of them.
const PAGE: usize = 10_000;

/// Cycles looked back on.
const RECENT: usize = 100;

/// One source's export, scanned.
pub(crate) struct Feed<'c> {
    /// The source's name.
    pub(crate) name: &'c str,
    /// Its settings.
    pub(crate) config: SourceConfig,
    /// The files.
    pub(crate) export: Export,
    /// What was known of the source's people before.
    pub(crate) known: Fingerprints,
    /// Under which name the store keeps that.
    pub(crate) fingerprint_name: String,
    /// What changed.
    pub(crate) scan: Scan,
    /// People who are no longer in the export and are to be disabled.
    pub(crate) leavers: Vec<NewOperation>,
    /// People who have been away for so long that their accounts go.
    pub(crate) gone: Vec<String>,
    /// What the scan said and what the policy for missing people adds.
    pub(crate) warnings: Vec<Warning>,
    /// The files, and those of them that are to be remembered as applied.
    pub(crate) batch: Batch,
    /// Exports that wait behind this one.
    pub(crate) waiting: usize,
}

/// Opens and scans the exports of a job. Nothing is written.
pub(crate) fn feeds<'c>(
    context: &'c Context,
    job: &OpenJob<'c>,
    arguments: &CycleArgs,
    now: Timestamp,
) -> Result<Vec<Feed<'c>>, Report> {
    let sources: Vec<_> = context.project.sources_of(job.section).collect();
    let named = arguments.source.as_deref();
    if let Some(name) = named
        && !sources.iter().any(|(known, _)| known.as_str() == name)
    {
        let known = sources.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Report::new(format!("the job `{}` has no source `{name}`", job.name))
            .help(format!("its sources: {known}")));
    }
    if !arguments.files.is_empty() && named.is_none() && sources.len() > 1 {
        return Err(Report::new("the job has several sources")
            .help("say which one the files belong to: --source NAME"));
    }
    let date = now.to_zoned(context.time_zone()).date();
    let mut feeds = Vec::new();
    for (name, config) in
        sources.into_iter().filter(|(name, _)| named.is_none_or(|named| named == name.as_str()))
    {
        let config = with_files(config, arguments);
        let Some((batch, waiting)) = next_batch(context, job, name, &config, arguments)? else { continue };
        let export = Export::open_batch(&config, &context.project.folder, &batch)?;
        let mut feed = feed(context, job, name, config, export, date)?;
        (feed.batch, feed.waiting) = (batch, waiting);
        feeds.push(feed);
    }
    Ok(feeds)
}

/// The oldest export of a source that was not applied yet, and how many wait behind it.
fn next_batch(
    context: &Context,
    job: &OpenJob<'_>,
    name: &str,
    config: &SourceConfig,
    arguments: &CycleArgs,
) -> Result<Option<(Batch, usize)>, Report> {
    let taken = fingerprint_name(name, job.name);
    let mut failed = None;
    let found = batches(config, &context.project.folder, &mut |hash| {
        context.store.find_pickup(&taken, hash).map(|p| p.is_some()).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            false
        })
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let shown = || config.files.entries().join(", ");
    let only_dates =
        |why: String| say(&format!("source {name}: {why}; only dates that have come are looked at"));
    match found {
        Err(SourceError::NoFile { pattern })
            if pattern.contains(['*', '?']) && arguments.files.is_empty() =>
        {
            only_dates(format!("no file matches {pattern}"));
            Ok(None)
        }
        Err(other) => Err(other.into()),
        Ok(batches) if batches.is_empty() => {
            only_dates(format!("every file that matches {} was applied before", shown()));
            Ok(None)
        }
        Ok(mut batches) => {
            let mut batch = batches.remove(0);
            // A file of the pick-up folder that was named on the command line counts as taken too.
            let folder = context.project.sources_of(job.section).find(|(known, _)| known.as_str() == name);
            if !arguments.files.is_empty()
                && folder.is_some_and(|(_, own)| own.files.entries().iter().any(|e| e.contains(['*', '?'])))
            {
                for file in batch.files.iter().filter(|f| f.is_file()) {
                    batch.fresh.push((file.clone(), hirewire_source::content_hash(file)?));
                }
            }
            Ok(Some((batch, batches.len())))
        }
    }
}

/// The source's settings with the files of the command line in place of its own.
fn with_files(config: &SourceConfig, arguments: &CycleArgs) -> SourceConfig {
    reading(config, &arguments.files)
}

/// A source's settings that read other files, where there are some.
pub(crate) fn reading(config: &SourceConfig, files: &[String]) -> SourceConfig {
    let mut config = config.clone();
    if !files.is_empty() {
        let absolute = |file: &String| match file.as_str() {
            "-" => "-".to_owned(),
            path => session::path(Path::new(path)).display().to_string(),
        };
        config.files = Files::Many(files.iter().map(absolute).collect());
    }
    config
}

fn feed<'c>(
    context: &'c Context,
    job: &OpenJob<'c>,
    name: &'c str,
    config: SourceConfig,
    export: Export,
    date: Date,
) -> Result<Feed<'c>, Report> {
    let fingerprint_name = fingerprint_name(name, job.name);
    let known = fingerprints(&context.store, &fingerprint_name)?;
    let scan = export.scan(&known, date)?;
    let mut feed = Feed {
        name,
        config,
        export,
        known,
        fingerprint_name,
        scan,
        leavers: Vec::new(),
        gone: Vec::new(),
        warnings: Vec::new(),
        batch: Batch::default(),
        waiting: 0,
    };
    feed.warnings = feed.scan.warnings.iter().map(|warning| feed.warning(warning)).collect();
    feed.missing(context, job, date)?;
    Ok(feed)
}

impl Feed<'_> {
    /// `people.csv:17`.
    fn place(&self, at: &hirewire_source::Location) -> String {
        let file = self.export.files().get(at.file as usize).and_then(|path| path.file_name());
        format!("{}:{}", file.map_or_else(|| "-".into(), |name| name.to_string_lossy()), at.line)
    }

    fn warning(&self, warning: &hirewire_source::Warning) -> Warning {
        let place = warning.at.as_ref().map(|at| format!("{}: ", self.place(at))).unwrap_or_default();
        Warning {
            code: warning.code.to_string(),
            message: format!("{place}{}", warning.message),
            anchor: warning.key.clone(),
        }
    }

    /// Applies the policy for people who are no longer in a full export.
    fn missing(&mut self, context: &Context, job: &OpenJob<'_>, date: Date) -> Result<(), Report> {
        if self.scan.vanished.is_empty() {
            return Ok(());
        }
        let hashes: std::collections::HashMap<u64, hirewire_source::Vanished> =
            self.scan.vanished.iter().map(|vanished| (vanished.key, *vanished)).collect();
        for person in people(context, job)? {
            let Some(vanished) = hashes.get(&self.known.key_hash(&person)) else { continue };
            let days = (date - vanished.since).get_days();
            let kept = match self.config.missing {
                Missing::Keep => "the account is kept",
                Missing::DeleteAfterDays(limit) if i64::from(days) >= i64::from(limit) => {
                    self.gone.push(person.clone());
                    "the account is deleted"
                }
                Missing::Disable | Missing::DeleteAfterDays(_) => {
                    if vanished.first_time {
                        let data = json!({ "externalId": person, "active": false }).to_string();
                        self.leavers.push(NewOperation {
                            bulk_id: None,
                            anchor: person.clone(),
                            data,
                            origin: None,
                        });
                    }
                    "the account is disabled"
                }
            };
            self.warnings.push(Warning {
                code: "MissingFromExport".into(),
                message: format!(
                    "{person} is not in the export since {}; {kept} (source.{}.missing)",
                    vanished.since, self.name
                ),
                anchor: Some(person),
            });
        }
        Ok(())
    }

    /// Reasons not to believe the export; empty when it may be applied.
    pub(crate) fn stops(&self, force: bool) -> Option<Report> {
        let stops: Vec<_> =
            self.scan.stops.iter().filter(|stop| !(force && may_be_forced(stop.code))).collect();
        let first = stops.first()?;
        let mut report =
            Report::new(format!("source {}: the export is not applied: {}", self.name, first.message));
        for stop in &stops[1..] {
            report = report.note(stop.message.clone());
        }
        let help = if stops.iter().all(|stop| may_be_forced(stop.code)) {
            "nothing was changed; look at the file, or go on all the same with --force-shrink"
        } else {
            "nothing was changed; mend the file or the source's settings"
        };
        Some(report.help(format!("{help} (`hirewire explain {}`)", first.code)))
    }

    /// How many of these people the scan counts as unchanged.
    pub(crate) fn unchanged_among<'p>(&self, people: impl Iterator<Item = &'p str>) -> u64 {
        let absent: HashSet<u64> = self.scan.vanished.iter().map(|gone| gone.key).collect();
        let counted = |hash: u64| {
            self.known.get(hash).is_some() && !absent.contains(&hash) && !self.scan.doubtful.contains(&hash)
        };
        people.filter(|person| counted(self.known.key_hash(person))).count() as u64
    }

    /// The rows that were set aside, one person each.
    pub(crate) fn rejected(&self, rejects: &[Reject], document: &mut PlanDocument) {
        let mut seen = HashSet::new();
        for reject in rejects {
            if let Some(key) = &reject.key
                && !seen.insert(key.clone())
            {
                continue;
            }
            document.totals.add(PlanAction::Reject);
            document.people.push(PersonPlan {
                anchor: reject.key.clone().unwrap_or_default(),
                action: PlanAction::Reject,
                reason: Some(format!("{}: {}: {}", reject.code, self.place(&reject.at), reject.message)),
                changes: Vec::new(),
            });
        }
    }
}

/// A cut-off or shrunken export may be forced; a missing column would clear values and may not.
fn may_be_forced(code: StopCode) -> bool {
    !matches!(code, StopCode::EmptyFile | StopCode::ColumnMissing)
}

/// Anchors of everybody whom the job knows.
pub(crate) fn people(context: &Context, job: &OpenJob<'_>) -> Result<Vec<String>, Report> {
    Ok(known(context, job.key)?.into_iter().map(|person| person.anchor).collect())
}

/// Everybody whom a job knows, by anchor.
pub(crate) fn known(context: &Context, job: JobKey) -> Result<Vec<Person>, Report> {
    let mut all: Vec<Person> = Vec::new();
    loop {
        let page = context.store.people(job, all.last().map(|person| person.anchor.as_str()), PAGE)?;
        let full = page.len() == PAGE;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

/// Everything that a cycle would look at, and the plan that follows.
pub(crate) struct Planned {
    /// The plan.
    pub(crate) document: PlanDocument,
    /// What waits for approval.
    pub(crate) holds: Vec<safety::Hold>,
}

/// People whom a cycle looks at besides the inbox and the exports.
pub(crate) fn also(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    listed: &HashSet<String>,
) -> Result<Vec<Item>, Report> {
    let mut also: Vec<Item> = Vec::new();
    if job.schema_changed {
        also.extend(
            people(context, job)?.into_iter().filter(|anchor| !listed.contains(anchor)).map(Item::again),
        );
    }
    // Who is gone from a source that may not bring people into being is not gone.
    let removes = |feed: &&Feed<'_>| job.precedence.as_ref().is_none_or(|p| p.may_remove(feed.name));
    for anchor in feeds.iter().filter(removes).flat_map(|feed| &feed.gone) {
        also.push(Item::gone(anchor));
    }
    Ok(also)
}

/// Plans a cycle without writing anything.
pub(crate) fn plan(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    now: Timestamp,
    all: bool,
) -> Result<Planned, Report> {
    let runner = job.runner(&context.store);
    let mut items: Vec<Item> = context
        .store
        .take(job.key, OperationId::START, usize::MAX >> 1)?
        .into_iter()
        .map(Item::from)
        .collect();
    let mut mapping_rejects = Vec::new();
    for feed in feeds {
        let rejects = feed.export.records(&feed.scan, |mapped| {
            let origin = Some(hirewire_job::origin(&feed.export, &mapped));
            let item = Item::preview(mapped.key, mapped.scim_json.to_owned(), origin);
            items.push(item.from_source(feed.name));
            Ok(())
        })?;
        items.extend(
            feed.leavers.iter().map(|leaver| {
                Item::preview(&leaver.anchor, leaver.data.clone(), None).from_source(feed.name)
            }),
        );
        mapping_rejects.push(rejects);
    }
    let mut listed: HashSet<String> = items.iter().map(|item| item.anchor.clone()).collect();
    items.extend(also(context, job, feeds, &listed)?);
    listed.extend(items.iter().map(|item| item.anchor.clone()));
    items.extend(runner.due(now)?.into_iter().filter(|anchor| !listed.contains(anchor)).map(Item::again));
    let again = items.iter().filter(|item| !listed.contains(&item.anchor)).map(|item| item.anchor.as_str());
    let counted_twice = feeds.iter().map(|feed| feed.unchanged_among(again.clone())).sum::<u64>();
    listed.extend(items.iter().map(|item| item.anchor.clone()));
    let mut document = block_on(runner.preview(items, now, all))?;
    for (feed, rejects) in feeds.iter().zip(&mapping_rejects) {
        feed.rejected(&feed.scan.rejects, &mut document);
        feed.rejected(rejects, &mut document);
        document.totals.skip += feed.scan.counts.unchanged as u64;
        document.warnings.extend(feed.warnings.iter().cloned());
    }
    document.totals.skip = document.totals.skip.saturating_sub(counted_twice);
    under_review(context, job, feeds, &listed, &mut document)?;
    waiting_for_retry(context, job, feeds, &listed, &mut document)?;
    waiting_for_approval(context, job, &mut document)?;
    if all {
        unchanged(context, job, feeds, &listed, &mut document)?;
    }
    document.people.sort_by(|a, b| a.anchor.cmp(&b.anchor));
    let stored = context.store.job_by_key(job.key)?;
    let guard = standing::guard(&context.store, &stored, job.section.safety.limits(), None, now)?;
    let holds = guard.assess(&safety_totals(&document.totals));
    Ok(Planned { document, holds })
}

/// Says which changes of earlier cycles still wait for approval.
fn waiting_for_approval(
    context: &Context,
    job: &OpenJob<'_>,
    document: &mut PlanDocument,
) -> Result<(), Report> {
    let holds = review::open(context, job)?;
    if holds.is_empty() {
        return Ok(());
    }
    for cycle in context.store.cycles(job.key, None, RECENT)? {
        let of_cycle = |hold: &&Hold| hold.cycle == Some(cycle.key) && !review::is_review(hold);
        let count = holds.iter().filter(of_cycle).count();
        if count == 0 {
            continue;
        }
        let what = if count == 1 { "1 change waits".to_owned() } else { format!("{count} changes wait") };
        document.warnings.push(Warning {
            code: "HeldByThreshold".into(),
            message: format!("{what} since an earlier cycle: hirewire approve {}", cycle.id),
            anchor: None,
        });
    }
    Ok(())
}

/// Lists the people who failed and are tried again later: nothing is to be done for them now, but they are not well.
fn waiting_for_retry(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    listed: &HashSet<String>,
    document: &mut PlanDocument,
) -> Result<(), Report> {
    let mut after: Option<String> = None;
    loop {
        let page = context.store.escrows(job.key, after.as_deref(), PAGE)?;
        let full = page.len() == PAGE;
        after = page.last().map(|escrow| escrow.anchor.clone());
        for escrow in page.into_iter().filter(|escrow| !listed.contains(&escrow.anchor)) {
            let unchanged: u64 =
                feeds.iter().map(|feed| feed.unchanged_among(std::iter::once(escrow.anchor.as_str()))).sum();
            document.totals.skip = document.totals.skip.saturating_sub(unchanged);
            document.totals.add(PlanAction::Reject);
            let next = escrow.next_try.to_zoned(context.time_zone()).strftime("%Y-%m-%d %H:%M %Z");
            document.people.push(PersonPlan {
                reason: Some(format!("{}: {}; tried again from {next} on", escrow.code, escrow.reason)),
                anchor: escrow.anchor,
                action: PlanAction::Reject,
                changes: Vec::new(),
            });
        }
        if !full {
            return Ok(());
        }
    }
}

/// Lists the people whose last record waits for somebody's eyes, as long as no newer one has come.
fn under_review(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    listed: &HashSet<String>,
    document: &mut PlanDocument,
) -> Result<(), Report> {
    for hold in review::waiting(context, job)?.into_iter().filter(|hold| !listed.contains(&hold.anchor)) {
        let unchanged: u64 =
            feeds.iter().map(|feed| feed.unchanged_among(std::iter::once(hold.anchor.as_str()))).sum();
        document.totals.skip = document.totals.skip.saturating_sub(unchanged);
        document.totals.add(PlanAction::Reject);
        let since = hold.created.to_zoned(context.time_zone()).date();
        document.people.push(PersonPlan {
            reason: Some(format!(
                "HeldForReview: since {since}; `hirewire review` shows why and takes a decision"
            )),
            anchor: hold.anchor,
            action: PlanAction::Reject,
            changes: Vec::new(),
        });
    }
    Ok(())
}

/// Lists the people who were not looked at because nothing of them changed.
fn unchanged(
    context: &Context,
    job: &OpenJob<'_>,
    feeds: &[Feed<'_>],
    listed: &HashSet<String>,
    document: &mut PlanDocument,
) -> Result<(), Report> {
    let mut set_aside: HashSet<&str> = HashSet::new();
    let mut vanished = HashSet::new();
    for feed in feeds {
        set_aside.extend(feed.scan.rejects.iter().filter_map(|reject| reject.key.as_deref()));
        vanished.extend(feed.scan.vanished.iter().map(|vanished| vanished.key));
        // Somebody may stand in a row that could not be read: neither unchanged nor gone.
        vanished.extend(feed.scan.doubtful.iter().copied());
    }
    let gone = |anchor: &str| feeds.iter().any(|feed| vanished.contains(&feed.known.key_hash(anchor)));
    let quiet: Vec<PersonPlan> = people(context, job)?
        .into_iter()
        .filter(|anchor| !listed.contains(anchor) && !set_aside.contains(anchor.as_str()) && !gone(anchor))
        .map(|anchor| PersonPlan {
            anchor,
            action: PlanAction::Skip,
            reason: Some("Unchanged".into()),
            changes: Vec::new(),
        })
        .collect();
    document.people.extend(quiet);
    Ok(())
}

/// SHA-256 over every decision that would be written: equal digests mean the same changes to the same accounts.
pub(crate) fn digest(document: &PlanDocument) -> String {
    let mut people: Vec<&PersonPlan> = document
        .people
        .iter()
        .filter(|p| !matches!(p.action, PlanAction::Skip | PlanAction::Reject))
        .collect();
    people.sort_by(|a, b| a.anchor.cmp(&b.anchor));
    let mut hash = Sha256::new();
    for person in people {
        let line = json!([person.anchor, person.action.word(), person.changes]).to_string();
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

/// Runs asynchronous work from a command or a worker thread. One runtime serves the whole process, because a target's
/// connections live on the runtime that opened them.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("the system gives threads, timers and sockets")
    });
    RUNTIME.block_on(work)
}
