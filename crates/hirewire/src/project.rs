//! The project folder: `hirewire.toml`, `schemas/`, `workflows/`, `tests/` and the state that Hirewire keeps beside them.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hirewire_connector::ConnectionConfig;
use hirewire_engine::quarantine::QuarantineLimits;
use hirewire_engine::safety::{self, Exemption, Limits};
use hirewire_job::{Place, Precedence};
use hirewire_source::SourceConfig;
use hirewire_target::ldap::LdapConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::forward::LogSection;
use crate::report::Report;
use crate::server_settings::{ApiKeySection, FederatedSection, IssuerSection, LicenceName, LimitsSection};
use crate::watch::Every;
use crate::workflows::WorkflowsSection;

/// Name of the project file.
pub(crate) const FILE: &str = "hirewire.toml";

/// What uploads over the API are called among sources.
pub(crate) const UPLOADS: &str = "http";

/// What `hirewire.toml` holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectFile {
    /// Settings of the whole project.
    #[serde(default)]
    pub(crate) project: ProjectSettings,
    /// HR sources by name: where people come from.
    #[serde(default)]
    pub(crate) source: BTreeMap<String, SourceConfig>,
    /// Provisioning jobs by name: which mappings apply and which target is written.
    #[serde(default)]
    pub(crate) job: BTreeMap<String, JobSection>,
    /// Targets by name: where accounts are kept.
    #[serde(default)]
    pub(crate) target: BTreeMap<String, TargetSection>,
    /// The HTTP service (`hirewire serve`).
    #[serde(default)]
    pub(crate) server: ServerSection,
    /// The provisioning log: how long it is kept, where `hirewire serve` sends it.
    #[serde(default)]
    pub(crate) log: LogSection,
    /// Logic Apps workflows (`workflows/`).
    #[serde(default)]
    pub(crate) workflows: WorkflowsSection,
    /// What stands behind the connections of workflows, by the connection's name in the definition.
    #[serde(default)]
    pub(crate) connections: BTreeMap<String, ConnectionConfig>,
}

/// Settings of the whole project.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProjectSettings {
    /// Title for people, such as the company's name.
    pub(crate) name: String,
    /// IANA or Windows time zone in which hire and leave dates are read where a person has none of their own.
    pub(crate) time_zone: String,
    /// Domain that `DefaultDomain()` gives in mappings, such as `contoso.com`.
    pub(crate) default_domain: Option<String>,
    /// Folder for Hirewire's own state: database, embedded directory, key. Relative to the project folder.
    pub(crate) state: PathBuf,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            time_zone: "UTC".into(),
            default_domain: None,
            state: PathBuf::from(".hirewire"),
        }
    }
}

/// One provisioning job.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobSection {
    /// The synchronization schema: a file of the project, relative to its folder.
    pub(crate) schema: PathBuf,
    /// Name of the target that is written.
    pub(crate) target: String,
    /// Names of the sources whose people this job takes; all of them when left out.
    /// The most trusted comes first: where several know an attribute, its word counts. `http` stands for uploads over the API.
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    /// Sources whose people get accounts; all when left out. Others only add to people whom one of these knows.
    #[serde(default)]
    pub(crate) people_from: Vec<String>,
    /// Attributes with an order of sources of their own: SCIM path = sources, such as
    /// `"phoneNumbers[type eq \"work\"].value" = ["phones", "hr"]`. A source not named there does not deliver the attribute.
    #[serde(default)]
    pub(crate) precedence: BTreeMap<String, Vec<String>>,
    /// While `hirewire serve` runs: how often the sources are looked at, such as `30s` or `5m`; a new export is applied as
    /// by `hirewire sync --yes`. Left out, only `hirewire sync` reads them.
    #[serde(default)]
    pub(crate) every: Option<Every>,
    /// Id of the job in URLs, such as `API2AAD.{tenant}.{guid}`; made at the first use when left out. Clients that were written
    /// for a job of Entra keep its id here.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// Object id of the job's service principal in URLs; made at the first use when left out.
    #[serde(default)]
    pub(crate) service_principal: Option<String>,
    /// What a record without `active` means: `keep` leaves the account's state, `false` disables as Entra does.
    #[serde(default)]
    pub(crate) missing_active: MissingActive,
    /// How much change one cycle may make before it stops for approval.
    #[serde(default)]
    pub(crate) safety: SafetySection,
    /// When failures put the job into quarantine; Entra's numbers when left out.
    #[serde(default)]
    pub(crate) quarantine: QuarantineSection,
}

/// When failures put a job into quarantine (spec/engine.md §14). A company of 200 sets smaller numbers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuarantineSection {
    /// The share is looked at from so many failed people on.
    pub(crate) least_failures: u64,
    /// More than this share of the people, in percent.
    pub(crate) percent: u64,
    /// More failed people than this, references not counted.
    pub(crate) failures: u64,
    /// More failed people and references than this.
    pub(crate) all_failures: u64,
}

impl Default for QuarantineSection {
    fn default() -> Self {
        let QuarantineLimits { least_failures, percent, failures, all_failures } =
            QuarantineLimits::default();
        Self { least_failures, percent, failures, all_failures }
    }
}

impl QuarantineSection {
    /// The limits as the engine reads them.
    pub(crate) fn limits(self) -> QuarantineLimits {
        let Self { least_failures, percent, failures, all_failures } = self;
        QuarantineLimits { least_failures, percent, failures, all_failures }
    }
}

/// What a record without `active` means (spec/engine.md §6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MissingActive {
    /// The account keeps its state.
    #[default]
    Keep,
    /// Read as `false`: the account is disabled, as Entra does.
    False,
}

/// Limits of one cycle: more change than this waits for `hirewire approve`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SafetySection {
    /// Accounts that one cycle may disable.
    pub(crate) disables: Limit,
    /// Accounts that one cycle may delete.
    pub(crate) deletes: Limit,
    /// Accounts that one cycle may create.
    pub(crate) creates: Limit,
    /// Accounts that one cycle may change in any way.
    pub(crate) changes: Limit,
    /// Shares are not looked at while fewer people than this have accounts: a first load creates everybody.
    pub(crate) least_population: u64,
    /// Accounts that are never disabled or deleted: target attribute = values, such as `jobTitle = ["Administrator"]`.
    pub(crate) exempt: BTreeMap<String, Vec<String>>,
}

impl Default for SafetySection {
    fn default() -> Self {
        let share = |percent| Limit { count: None, percent: Some(percent) };
        Self {
            disables: share(15.0),
            deletes: share(5.0),
            creates: share(50.0),
            changes: share(80.0),
            least_population: 20,
            exempt: BTreeMap::new(),
        }
    }
}

impl SafetySection {
    /// The limits as the engine reads them.
    pub(crate) fn limits(&self) -> Limits {
        let limit = |limit: &Limit| safety::Limit {
            count: limit.count,
            percent: limit.percent,
            least_population: self.least_population,
        };
        Limits {
            disables: limit(&self.disables),
            deletes: limit(&self.deletes),
            creates: limit(&self.creates),
            changes: limit(&self.changes),
            ..Limits::default()
        }
    }

    /// The rules for accounts that are never taken away.
    pub(crate) fn exemptions(&self) -> Vec<Exemption> {
        let rule = |(attribute, value): (&String, &String)| Exemption {
            attribute: attribute.clone(),
            value: value.clone(),
        };
        self.exempt
            .iter()
            .flat_map(|(attribute, values)| values.iter().map(move |v| (attribute, v)))
            .map(rule)
            .collect()
    }
}

/// A limit: exceeded when more than `count` accounts, or more than `percent` of the known people, are concerned.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limit {
    /// Number of accounts; none when left out.
    pub(crate) count: Option<u64>,
    /// Share of the known people, 0 to 100; none when left out.
    pub(crate) percent: Option<f64>,
}

/// One target.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum TargetSection {
    /// The directory that Hirewire keeps itself: nothing to install.
    Embedded {
        /// Domains that a userPrincipalName may have; any when empty.
        #[serde(default)]
        verified_domains: Vec<String>,
    },
    /// Active Directory or an LDAP server.
    Ldap(Box<LdapConfig>),
}

/// The HTTP service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// Address and port to listen on.
    pub(crate) listen: String,
    /// Base URL that clients use, where it differs from what they send as `Host` (behind a proxy).
    pub(crate) public_url: Option<String>,
    /// PEM file with the server's certificate chain; a certificate for loopback is generated when left out.
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file with the certificate's key.
    pub(crate) key: Option<PathBuf>,
    /// Refuse what the real service refuses (limits, content types, permissions) instead of helping.
    pub(crate) strict: bool,
    /// The licence whose daily limit strict mode enforces.
    pub(crate) licence: LicenceName,
    /// Id of the tenant in URLs and tokens; made at the first use when left out. Clients that were written for an Entra tenant
    /// keep its id here.
    pub(crate) tenant: Option<String>,
    /// Names besides `localhost` for which a generated certificate is good.
    pub(crate) host_names: Vec<String>,
    /// Origins of web pages that may call, such as `https://hr.contoso.com`; `*` for any.
    pub(crate) cors_origins: Vec<String>,
    /// Addresses of reverse proxies whose `X-Forwarded-Proto`, `-Host` and `-For` are believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// Issuers besides Hirewire whose access tokens are accepted.
    pub(crate) issuer: Vec<IssuerSection>,
    /// Tokens of other issuers that applications may present in place of a secret.
    pub(crate) federated: Vec<FederatedSection>,
    /// Keys in place of tokens.
    pub(crate) api_key: Vec<ApiKeySection>,
    /// Name or app id of the application that callers on this machine stand for who ask the managed identity endpoint.
    pub(crate) managed_identity: Option<String>,
    /// Job that takes a bare array of SCIM operations posted to `$batch` (open mode); the only job when left out.
    pub(crate) batch_job: Option<String>,
    /// Root of an OpenTelemetry collector (OTLP over HTTP) for traces, such as `http://localhost:4318`. The variables
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and its kin work too.
    pub(crate) otlp: Option<String>,
    /// Limits that differ from those of the mode.
    pub(crate) limits: LimitsSection,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8443".into(),
            public_url: None,
            certificate: None,
            key: None,
            strict: false,
            licence: LicenceName::default(),
            tenant: None,
            host_names: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            issuer: Vec::new(),
            federated: Vec::new(),
            api_key: Vec::new(),
            managed_identity: None,
            batch_job: None,
            otlp: None,
            limits: LimitsSection::default(),
        }
    }
}

/// An opened project: its file's content and where things lie.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The project folder.
    pub(crate) folder: PathBuf,
    /// Content of `hirewire.toml`.
    pub(crate) file: ProjectFile,
}

impl Project {
    /// Reads the project in `folder`. Every mistake names file, line and column, the wrong key and the likely right one.
    pub(crate) fn open(folder: &Path) -> Result<Self, Report> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Report::new(format!("{} cannot be read: {error}", path.display()))
                .help("make a project with `hirewire init`, or name its folder with `--project FOLDER`")
        })?;
        let file = parse(&text).map_err(|mistake| mistake.report(&path, &text))?;
        let project = Self { folder: folder.to_path_buf(), file };
        project.check().map_err(|report| report.at(&path))?;
        Ok(project)
    }

    /// What the types cannot say: names that refer to each other, the time zone.
    fn check(&self) -> Result<(), Report> {
        let zone = &self.file.project.time_zone;
        if hirewire_engine::lifecycle::zone_by_name(zone).is_none() {
            return Err(Report::new(format!("project.time_zone: `{zone}` is no known time zone"))
                .help("use an IANA name such as `Europe/Berlin` or a Windows name such as `W. Europe Standard Time`"));
        }
        for (name, connection) in &self.file.connections {
            connection.check().map_err(|text| Report::new(format!("connections.{name}: {text}")))?;
        }
        for (name, job) in &self.file.job {
            if !self.file.target.contains_key(&job.target) {
                return Err(unknown(
                    &format!("job.{name}.target"),
                    &job.target,
                    self.file.target.keys(),
                    "target",
                ));
            }
            let named = job.precedence.values().flatten().map(|source| ("precedence", source));
            let named = named.chain(job.people_from.iter().map(|source| ("people_from", source)));
            for (key, source) in job.sources.iter().map(|source| ("sources", source)).chain(named) {
                if source != UPLOADS && !self.file.source.contains_key(source) {
                    let place = format!("job.{name}.{key}");
                    return Err(unknown(&place, source, self.file.source.keys(), "source"));
                }
            }
            if let Some(path) = job.precedence.keys().find(|path| Place::parse(path).is_none()) {
                return Err(Report::new(format!("job.{name}.precedence: `{path}` is no SCIM path")).help(
                    "write title, name.familyName, urn:…:User:department or phoneNumbers[type eq \"work\"].value",
                ));
            }
        }
        Ok(())
    }

    /// Folder of Hirewire's own state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join(&self.file.project.state)
    }

    /// The database of an embedded directory in the state folder: `directory.db`, or `directory-NAME.db` where the project has
    /// several and this one is not called `directory`.
    pub(crate) fn directory_file(&self, target: &str) -> String {
        let embedded = |section: &&TargetSection| matches!(section, TargetSection::Embedded { .. });
        if target == "directory" || self.file.target.values().filter(embedded).count() == 1 {
            return "directory.db".into();
        }
        format!("directory-{}.db", target.replace(['/', '\\'], "-"))
    }

    /// The container of new accounts in the job's target, where the target has containers.
    pub(crate) fn default_container(&self, job: &JobSection) -> Option<String> {
        match self.file.target.get(&job.target)? {
            TargetSection::Embedded { .. } => None,
            TargetSection::Ldap(config) => Some(config.container.clone()),
        }
    }

    /// Whose word counts, where a job has several sources.
    pub(crate) fn precedence(&self, job: &JobSection) -> Option<Precedence> {
        let sources: Vec<String> = match job.sources.as_slice() {
            [] => self.sources_of(job).map(|(name, _)| name.clone()).collect(),
            named => named.to_vec(),
        };
        if sources.len() < 2 && job.precedence.is_empty() && job.people_from.is_empty() {
            return None;
        }
        let attributes = job.precedence.iter();
        let attributes = attributes.filter_map(|(path, owners)| Some((Place::parse(path)?, owners.clone())));
        Some(Precedence { sources, attributes: attributes.collect(), people_from: job.people_from.clone() })
    }

    /// The sources whose people a job takes, by name.
    pub(crate) fn sources_of<'a>(
        &'a self,
        job: &'a JobSection,
    ) -> impl Iterator<Item = (&'a String, &'a SourceConfig)> {
        self.file.source.iter().filter(|(name, _)| job.sources.is_empty() || job.sources.contains(name))
    }
}

fn unknown<'a>(place: &str, name: &str, known: impl Iterator<Item = &'a String>, what: &str) -> Report {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let report = Report::new(format!("{place}: there is no {what} `{name}`"));
    match nearest(name, &known) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => report.help(format!("add a section [{what}.{name}]")),
        None => report.help(format!("known: {}", known.join(", "))),
    }
}

/// A mistake in the TOML text.
struct Mistake {
    message: String,
    span: Option<std::ops::Range<usize>>,
    help: Option<String>,
}

impl Mistake {
    fn report(self, path: &Path, text: &str) -> Report {
        let mut report = Report::new(self.message);
        if let Some(help) = self.help {
            report = report.help(help);
        }
        match self.span {
            Some(span) => report.in_text(path, text, span),
            None => report.at(path),
        }
    }
}

fn parse(text: &str) -> Result<ProjectFile, Mistake> {
    toml::from_str::<ProjectFile>(text).map_err(|error| {
        let message = error.message().to_owned();
        let (message, help) = plain(&message);
        Mistake { message, span: error.span(), help }
    })
}

/// Serde's sentence in words for people, with the likely right key.
fn plain(message: &str) -> (String, Option<String>) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") && !quoted.is_empty() {
        let (wrong, known) = (quoted[0], &quoted[1..]);
        let help = match nearest(wrong, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("keys that exist here: {}", known.join(", ")),
        };
        return (format!("there is no key `{wrong}` here"), Some(help));
    }
    if message.starts_with("unknown variant") && !quoted.is_empty() {
        let (wrong, known) = (quoted[0], &quoted[1..]);
        return (format!("`{wrong}` is no value of this key"), Some(format!("values: {}", known.join(", "))));
    }
    if message.starts_with("missing field") && !quoted.is_empty() {
        return (format!("the key `{}` is missing", quoted[0]), None);
    }
    (message.trim_end().to_owned(), None)
}

/// The known name nearest to a mistyped one, if any is near: case and separators do not count, then edit distance.
pub(crate) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let target = plain(wrong);
    known
        .iter()
        .map(|name| (distance(&target, &plain(name)), *name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance over characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The JSON Schema of `hirewire.toml`, for editors.
pub(crate) fn json_schema() -> serde_json::Value {
    schemars::schema_for!(ProjectFile).to_value()
}
