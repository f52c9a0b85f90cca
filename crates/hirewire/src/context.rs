//! An opened project: its store, its jobs with schema and target.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hirewire_engine::{CompiledSchema, MissingActive, Settings};
use hirewire_expression::Expression;
use hirewire_job::{Precedence, Runner};
use hirewire_schema::Document;
use hirewire_store::{JobKey, NewJob, Options, ScheduleState, StatusCode, Store, StoreError};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::Global;
use crate::commands::eval::Attributes;
use crate::project::{self, JobSection, Project};
use crate::report::{self, Report};
use crate::session;
use crate::target::AnyTarget;

/// Targets by name.
type Targets = Arc<BTreeMap<String, Arc<AnyTarget>>>;

/// A project with its store.
pub(crate) struct Context {
    /// The project folder.
    pub(crate) project: Project,
    /// Its memory.
    pub(crate) store: Store,
    /// Named target sections, opened once each.
    targets: Targets,
}

/// What the service of this process has open; commands that it runs for others use the same.
static SHARED: Mutex<Option<(Store, Targets)>> = Mutex::new(None);

/// One job, ready to run.
pub(crate) struct OpenJob<'c> {
    /// Its name in the project file.
    pub(crate) name: &'c str,
    /// Its section of the project file.
    pub(crate) section: &'c JobSection,
    /// The store's name of it.
    pub(crate) key: JobKey,
    /// Its schema, ready to run.
    pub(crate) schema: CompiledSchema,
    /// Whether the schema differs from the one that the last cycle used: then everybody is planned again.
    pub(crate) schema_changed: bool,
    /// Where its accounts are.
    pub(crate) target: &'c AnyTarget,
    /// Whose word counts, where it has several sources.
    pub(crate) precedence: Option<Precedence>,
}

impl OpenJob<'_> {
    /// The job at work on `store`.
    pub(crate) fn runner<'a>(&'a self, store: &'a Store) -> Runner<'a, AnyTarget> {
        let precedence = self.precedence.as_ref();
        Runner { store, job: self.key, schema: &self.schema, target: self.target, precedence }
    }
}

impl Context {
    /// Opens the project to change things. Fails while another process works on it.
    pub(crate) fn open(global: &Global) -> Result<Self, Report> {
        let project = Project::open(&global.project)?;
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((store, targets)) = shared {
            return Ok(Self { project, store, targets });
        }
        let state = project.state();
        std::fs::create_dir_all(&state).map_err(|error| report::file(&state, "made", &error))?;
        only_for_us(&state)?;
        let store = match Store::open(state.join("hirewire.db"), Options::default()) {
            Err(error @ StoreError::InUse { .. }) => return Err(Report::from(error).busy_with(state)),
            other => other?,
        };
        Self::with(project, store)
    }

    /// From now on every command of this process works with what this context has open.
    pub(crate) fn share(&self) {
        let shared = (self.store.clone(), Arc::clone(&self.targets));
        *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared);
    }

    /// Opens the project to look: beside a running service, too. A project without state yet is looked at as an empty one.
    pub(crate) fn open_for_reading(global: &Global) -> Result<Self, Report> {
        if session::is_remote() {
            return Self::open(global);
        }
        let project = Project::open(&global.project)?;
        let path = project.state().join("hirewire.db");
        if !path.exists() {
            return Self::open(global);
        }
        let store = Store::open_read_only(&path)?;
        // A job that was never run is made at its first look, which needs a pen.
        let made = |name: &String| Ok::<_, Report>(store.setting(&format!("job/{name}"))?.is_some());
        for name in project.file.job.keys() {
            if !made(name)? {
                drop(store);
                let context = Self::open(global)?;
                for name in context.project.file.job.keys() {
                    context.job_key(name)?;
                }
                return Ok(context);
            }
        }
        Self::with(project, store)
    }

    fn with(project: Project, store: Store) -> Result<Self, Report> {
        let mut targets = BTreeMap::new();
        for (name, section) in &project.file.target {
            let file = project.directory_file(name);
            let target = AnyTarget::open(section, &project.folder, &project.state(), &file)?;
            targets.insert(name.clone(), Arc::new(target));
        }
        Ok(Self { project, store, targets: Arc::new(targets) })
    }

    /// The zone of dates without one.
    pub(crate) fn time_zone(&self) -> TimeZone {
        hirewire_engine::lifecycle::zone_by_name(&self.project.file.project.time_zone)
            .unwrap_or(TimeZone::UTC)
    }

    /// A target by name.
    pub(crate) fn target(&self, name: &str) -> Option<&AnyTarget> {
        self.targets.get(name).map(Arc::as_ref)
    }

    /// The same, to be kept by a service.
    pub(crate) fn shared_target(&self, name: &str) -> Option<Arc<AnyTarget>> {
        self.targets.get(name).cloned()
    }

    /// The job that is meant: the named one, or the only one.
    pub(crate) fn job_name(&self, named: Option<&str>) -> Result<&str, Report> {
        let jobs = &self.project.file.job;
        let known = || jobs.keys().cloned().collect::<Vec<_>>().join(", ");
        match named {
            Some(name) => jobs.get_key_value(name).map(|(name, _)| name.as_str()).ok_or_else(|| {
                Report::new(format!("there is no job `{name}`"))
                    .help(format!("jobs of this project: {}", known()))
            }),
            None if jobs.len() == 1 => Ok(jobs.keys().next().map_or("", String::as_str)),
            None if jobs.is_empty() => {
                Err(Report::new("the project has no job").help("add a section [job.NAME] to hirewire.toml"))
            }
            None => {
                Err(Report::new("the project has several jobs").help(format!("say which: --job {}", known())))
            }
        }
    }

    /// The jobs that a cycle runs: the named one, or all.
    pub(crate) fn job_names(&self, named: Option<&str>) -> Result<Vec<&str>, Report> {
        match named {
            Some(_) => Ok(vec![self.job_name(named)?]),
            None if self.project.file.job.is_empty() => self.job_name(None).map(|name| vec![name]),
            None => Ok(self.project.file.job.keys().map(String::as_str).collect()),
        }
    }

    /// Opens a job: reads and compiles its schema, and makes the job in the store when it is new.
    pub(crate) fn job(&self, name: &str) -> Result<OpenJob<'_>, Report> {
        let (name, section) = self
            .project
            .file
            .job
            .get_key_value(name)
            .ok_or_else(|| Report::new(format!("there is no job `{name}`")))?;
        let path = self.project.folder.join(&section.schema);
        let text = std::fs::read_to_string(&path).map_err(|error| report::file(&path, "read", &error))?;
        let schema = compile(&text, &self.settings(section)).map_err(|report| report.at(&path))?;
        let target = self.targets.get(&section.target).ok_or_else(|| {
            Report::new(format!("job.{name}.target: there is no target `{}`", section.target))
        })?;
        let key = self.job_key(name)?;
        let stored = self.store.schema(key, None)?.map(|(_, text)| text);
        let schema_changed = stored.as_deref().is_some_and(|stored| stored != text);
        let precedence = self.project.precedence(section);
        Ok(OpenJob { name, section, key, schema, schema_changed, target, precedence })
    }

    /// Notes that a job runs with the schema that the project holds now.
    pub(crate) fn keep_schema(&self, job: &OpenJob<'_>, now: Timestamp) -> Result<(), Report> {
        let path = self.project.folder.join(&job.section.schema);
        let text = std::fs::read_to_string(&path).map_err(|error| report::file(&path, "read", &error))?;
        self.store.save_schema(job.key, &text, project::FILE, now)?;
        Ok(())
    }

    /// What the engine is told beside the schema.
    pub(crate) fn settings(&self, section: &JobSection) -> Settings {
        Settings {
            missing_active: match section.missing_active {
                project::MissingActive::Keep => MissingActive::Keep,
                project::MissingActive::False => MissingActive::False,
            },
            default_domain: self.project.file.project.default_domain.clone(),
            default_container: self.project.default_container(section),
            time_zone: self.time_zone(),
            exempt: section.safety.exemptions(),
            ..Settings::default()
        }
    }

    /// The store's name of a job; made at its first use.
    pub(crate) fn job_key(&self, name: &str) -> Result<JobKey, Report> {
        let setting = format!("job/{name}");
        let (section_name, section) = (name, self.project.file.job.get(name));
        if let Some(id) = self.store.setting(&setting)?
            && let Some(job) = self.store.job(&id)?
        {
            let known = |name: &str, stored: &str, wanted: Option<&String>| match wanted {
                Some(wanted) if !wanted.eq_ignore_ascii_case(stored) => Err(Report::new(format!(
                    "[job.{section_name}] {name}: the job has the {name} {stored} already, not {wanted}"
                ))
                .help("ids are given at the first use: take the line out, or begin with a new state folder")),
                _ => Ok(()),
            };
            known("id", &job.id, section.and_then(|section| section.id.as_ref()))?;
            known(
                "service_principal",
                &job.service_principal,
                section.and_then(|section| section.service_principal.as_ref()),
            )?;
            return Ok(job.key);
        }
        let now = Timestamp::now();
        let tenant = self.tenant()?;
        let made = format!("API2AAD.{}.{}", tenant.simple(), uuid::Uuid::new_v4());
        let id = section.and_then(|section| section.id.clone()).unwrap_or(made);
        let owner = section.and_then(|section| section.service_principal.clone());
        let mut job = self.store.create_job(NewJob {
            id: id.clone(),
            template: "API2AAD".into(),
            service_principal: owner.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            service_principal_name: name.to_owned(),
            settings: "[]".into(),
            created: now,
        })?;
        job.schedule = ScheduleState::Active;
        job.status = StatusCode::Active;
        self.store.update_job(&job)?;
        self.store.set_setting(&setting, Some(&id))?;
        Ok(job.key)
    }

    /// The tenant's id, made at its first use.
    pub(crate) fn tenant(&self) -> Result<uuid::Uuid, Report> {
        if let Some(tenant) = self.project.file.server.tenant_id()? {
            return Ok(tenant);
        }
        if let Some(tenant) = self.store.setting("tenant")?.and_then(|text| text.parse().ok()) {
            return Ok(tenant);
        }
        let tenant = uuid::Uuid::new_v4();
        self.store.set_setting("tenant", Some(&tenant.to_string()))?;
        Ok(tenant)
    }

    /// The attributes that an expression reads, from a person's last record.
    pub(crate) fn record_attributes(
        &self,
        job: Option<&str>,
        person: &str,
        expression: &Expression,
    ) -> Result<Attributes, Report> {
        let key = self.job_key(self.job_name(job)?)?;
        let state = self.store.load_batch(key, &[person])?.into_iter().next();
        let record =
            state.and_then(|state| state.person).and_then(|person| person.record).ok_or_else(|| {
                Report::new(format!("nobody is known as {person}"))
                    .help("`hirewire users` lists the accounts with their numbers")
            })?;
        let record: serde_json::Value = serde_json::from_str(&record.data)?;
        let mut attributes = Attributes::new();
        for name in expression.attributes() {
            let path = hirewire_scim::AttributePath::of_attribute(name);
            let texts =
                path.get(&record).texts().into_iter().map(|text| text.into_owned()).collect::<Vec<_>>();
            if !texts.is_empty() {
                attributes.insert(name.to_owned(), texts);
            }
        }
        Ok(attributes)
    }

    /// The columns of one row of the job's export.
    pub(crate) fn row_attributes(&self, job: Option<&str>, row: u64) -> Result<Attributes, Report> {
        let section = &self.project.file.job[self.job_name(job)?];
        let (_, source) = self
            .project
            .sources_of(section)
            .next()
            .ok_or_else(|| Report::new("the job has no source").help("use --set or --person"))?;
        let export = hirewire_source::Export::open(source, &self.project.folder)?;
        let cells = export.row(row)?.filter(|_| row > 0).ok_or_else(|| {
            Report::new(format!("the export has no row {row}")).help("rows count from 1, without the header")
        })?;
        Ok(cells.into_iter().map(|(name, text)| (name, vec![text])).collect())
    }
}

/// Reads and compiles a schema; every mistake is shown with its JSON path.
pub(crate) fn compile(text: &str, settings: &Settings) -> Result<CompiledSchema, Report> {
    let document = Document::parse(text.as_bytes()).map_err(|error| {
        let report = Report::new(error.to_string());
        match error.help() {
            Some(help) => report.help(help),
            None => report,
        }
    })?;
    CompiledSchema::compile(&document.schema(), settings).map_err(|findings| {
        let mut report = Report::new("the schema cannot run")
            .help("`hirewire schema check` shows everything that is doubtful");
        for finding in findings {
            report = report.note(finding.to_string());
        }
        report
    })
}

/// The state folder holds people's data and a key: nobody else reads it.
fn only_for_us(folder: &std::path::Path) -> Result<(), Report> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder, permissions)
            .map_err(|error| report::file(folder, "protected", &error))?;
    }
    Ok(())
}
