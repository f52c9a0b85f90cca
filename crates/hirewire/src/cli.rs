//! What can be typed: commands, arguments, their help.
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Self-hosted, Entra-compatible inbound provisioning: HR data in, true accounts out.
#[derive(Debug, Parser)]
#[command(name = "hirewire", version, max_term_width = 110, propagate_version = true)]
pub(crate) struct Cli {
    /// Settings for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings for every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder with hirewire.toml.
    #[arg(
        short = 'C',
        long,
        global = true,
        env = "HIREWIRE_PROJECT",
        default_value = ".",
        value_name = "FOLDER"
    )]
    pub(crate) project: PathBuf,
    /// `text` for people, `json` for machines: one document on standard output.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) output: Output,
}

/// Form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables and sentences.
    Text,
    /// One JSON document.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the main job from start to end in a new folder: init, plan, sync, explain.
    Demo(DemoArgs),
    /// Write a commented, working project; with --from, one that fits an HR export.
    Init(InitArgs),
    /// Show what a sync would do, person by person. Changes nothing.
    ///
    /// Exit code 0: nothing to do; 2: changes are pending; 1: an error.
    Plan(PlanArgs),
    /// Plan, then apply.
    Sync(SyncArgs),
    /// The export as SCIM bulk requests, one a line, for any endpoint that takes them, such as Entra's bulkUpload.
    ///
    /// Every usable row, without comparing it with earlier runs; the project's state is neither read nor changed.
    Bulk(BulkArgs),
    /// The provisioning log, newest first.
    Logs(LogsArgs),
    /// Where each of a person's values came from, or what an error or skip code means.
    Explain(ExplainArgs),
    /// The embedded directory's accounts.
    Users(UsersArgs),
    /// The cycles that ran.
    Cycles(CyclesArgs),
    /// The project's jobs: how each stands, what waits, why it is in quarantine.
    Jobs(JobArg),
    /// Changes that a date will bring: future hires and leavers.
    Upcoming(UpcomingArgs),
    /// One person through import, scope, match and export; dry unless --apply.
    Provision(ProvisionArgs),
    /// Take a cycle's changes back, except what has changed since.
    Undo(UndoArgs),
    /// Let a cycle's held changes happen.
    Approve(ApproveArgs),
    /// Numbers that came back with another person's name and address: list them, or decide about one.
    Review(ReviewArgs),
    /// How the known people would fare under another schema. Changes nothing.
    Simulate(SimulateArgs),
    /// Restart a job: what to reset, as in Graph's resetScope.
    Restart(RestartArgs),
    /// Evaluate a mapping expression and show every step.
    Eval(EvalArgs),
    /// The functions of the mapping language.
    Functions,
    /// Check all mappings of the project.
    Lint(JobArg),
    /// Run the project's mapping tests (tests/*.toml).
    Test(TestArgs),
    /// Read, write, check and compare synchronization schemas.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Run the provisioning API.
    Serve(ServeArgs),
    /// A throw-away tenant for testing programs that use Microsoft's bulkUpload API.
    Emulator(EmulatorArgs),
    /// Applications that may call the API.
    #[command(subcommand)]
    App(AppCommand),
    /// Targets: test connection, rights and schema.
    #[command(subcommand)]
    Target(TargetCommand),
    /// Beside a directory that the service cannot reach: dial out to it and let LDAP back through that connection.
    Agent(AgentArgs),
    /// Logic Apps workflows: list, check, test, begin new ones.
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// The project's vault: secrets that `{ secret = "NAME" }` in hirewire.toml means.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// The JSON Schema of hirewire.toml, for editors.
    ConfigSchema,
}

/// What `bulk` reads and where it writes.
#[derive(Debug, Clone, Args)]
pub(crate) struct BulkArgs {
    /// Files to read instead of the source's own; `-` is standard input.
    pub(crate) files: Vec<String>,
    /// The source; needed only where the project has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Operations in a request.
    #[arg(long, default_value_t = 50)]
    pub(crate) size: usize,
    /// Write into this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What `Now()` means in the column map.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
}

/// Which job, where a project has several.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobArg {
    /// Name of the job. Left out where the project has several: commands that look show all of them, commands that change
    /// ask for it.
    #[arg(long)]
    pub(crate) job: Option<String>,
}

/// What a cycle reads and when.
#[derive(Debug, Clone, Args)]
pub(crate) struct CycleArgs {
    /// Export to read in place of the source's configured files; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The source that the files belong to; needed only where the job has several.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The job to run; all of them when left out.
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// As if it were that day (2025-03-03, at noon) or moment (2025-03-03T08:00:00Z).
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
    /// Go on although a full export lost many people or looks cut off.
    #[arg(long)]
    pub(crate) force_shrink: bool,
}

/// `hirewire demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder to make.
    #[arg(default_value = "hirewire-demo")]
    pub(crate) folder: PathBuf,
    /// Begin again in a folder that exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `hirewire init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Export to look at: delimiter, encoding, header, date format, key and columns are guessed and said.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Template of the job's schema.
    #[arg(long, value_enum, default_value = "embedded")]
    pub(crate) template: Template,
    /// Overwrite a project that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Built-in schema templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// The embedded directory.
    Embedded,
    /// On-premises Active Directory.
    ActiveDirectory,
    /// OpenLDAP, inetOrgPerson.
    Openldap,
}

/// `hirewire plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) cycle: CycleArgs,
    /// List unchanged people too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Keep the plan in a file for review; apply exactly it with `sync --plan FILE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// `hirewire sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// What is read.
    #[command(flatten)]
    pub(crate) cycle: CycleArgs,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Apply exactly this reviewed plan; refused if the world has moved.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
}

/// `hirewire logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Only this person (externalId).
    #[arg(long)]
    pub(crate) person: Option<String>,
    /// Only this action: create, update, disable, delete, other.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only this status: success, failure, skipped, warning.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only this cycle.
    #[arg(long)]
    pub(crate) cycle: Option<String>,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// How many entries.
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// Go on showing new entries.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Write all entries that match, oldest first, one JSON record a line (NDJSON): to this file, or `-` for standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    pub(crate) export: Option<String>,
    /// Only entries of this day or moment and later.
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
}

/// `hirewire explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A person (externalId, userPrincipalName or e-mail) or a code such as `DuplicateTargetEntries`.
    #[arg(value_name = "PERSON|CODE")]
    pub(crate) what: String,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
}

/// `hirewire users`.
#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    /// Part of a name, userPrincipalName, e-mail or employee number.
    pub(crate) search: Option<String>,
    /// Include soft-deleted accounts.
    #[arg(long)]
    pub(crate) deleted: bool,
    /// The job whose directory is shown; all of them when left out.
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// How many accounts; 0 for all.
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) limit: usize,
}

/// `hirewire cycles`.
#[derive(Debug, Args)]
pub(crate) struct CyclesArgs {
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) limit: usize,
}

/// `hirewire upcoming`.
#[derive(Debug, Args)]
pub(crate) struct UpcomingArgs {
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// As if it were that day or moment.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
}

/// `hirewire agent`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The service's endpoint: `target.NAME.agent.listen` as seen from here, by the name in its certificate.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect: String,
    /// A directory server that may be connected to; repeat it for several.
    #[arg(long, value_name = "HOST:PORT", required = true)]
    pub(crate) allow: Vec<String>,
    /// File with the registration token.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// PEM file with the authority that signed the endpoint's certificate; the system's when left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// `hirewire provision`.
#[derive(Debug, Args)]
pub(crate) struct ProvisionArgs {
    /// The person's externalId.
    pub(crate) person: String,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// Write to the target.
    #[arg(long)]
    pub(crate) apply: bool,
    /// The person is the one whom this other number stood for: they keep that account instead of getting another one.
    #[arg(long = "as", value_name = "OLD_NUMBER", requires = "apply")]
    pub(crate) same_as: Option<String>,
    /// As if it were that day or moment.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
}

/// `hirewire undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The cycle's id, or its first characters.
    pub(crate) cycle: String,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `hirewire approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The cycle's id, or its first characters.
    pub(crate) cycle: String,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
}

/// `hirewire review`.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The person's number; without it everybody who waits is listed.
    #[arg(requires = "verdict")]
    pub(crate) person: Option<String>,
    /// It is the same person with a new name and address: apply the record.
    #[arg(long, group = "verdict")]
    pub(crate) same: bool,
    /// It is somebody else: leave the account as it is and forget the record.
    #[arg(long, group = "verdict")]
    pub(crate) dismiss: bool,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
}

/// `hirewire simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The changed schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
}

/// `hirewire restart`.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// Comma-separated: Watermark, Escrows, QuarantineState, ConnectorDataStore, Full, ForceDeletes.
    #[arg(long, default_value = "QuarantineState, Watermark, Escrows")]
    pub(crate) reset_scope: String,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
}

/// `hirewire eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The expression, such as `Join(".", [name.givenName], [name.familyName])`.
    pub(crate) expression: String,
    /// An attribute's value; repeat it for more attributes, or for several values of one.
    #[arg(long, value_name = "ATTRIBUTE=VALUE")]
    pub(crate) set: Vec<String>,
    /// Take the attributes from this person's last record.
    #[arg(long, conflicts_with = "row")]
    pub(crate) person: Option<String>,
    /// Take the columns from this row of the source's export (1 is the first person).
    #[arg(long)]
    pub(crate) row: Option<u64>,
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// As if it were that day or moment.
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
}

/// `hirewire test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Test files; all of tests/*.toml when left out.
    pub(crate) files: Vec<PathBuf>,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// `hirewire schema …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Take an exported schema into the project, after checking it.
    Import {
        /// The file.
        file: PathBuf,
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
    /// Print the job's schema.
    Export {
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
    /// Report every mistake with its JSON path.
    Check {
        /// A file; the job's schema when left out.
        file: Option<PathBuf>,
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
    /// What differs between two schemas.
    Diff {
        /// The older file.
        old: PathBuf,
        /// The newer file; the job's schema when left out.
        new: Option<PathBuf>,
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
    /// The schemas that this job has used.
    Versions {
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
    /// Add a custom source attribute, such as `urn:contoso:employee:ShoeSize`.
    AddAttribute {
        /// The attribute's name.
        name: String,
        /// Target attribute that it flows to.
        #[arg(long, value_name = "ATTRIBUTE")]
        to: Option<String>,
        /// Which job.
        #[command(flatten)]
        job: JobArg,
    },
}

/// `hirewire serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port; the project's setting when left out.
    #[arg(long)]
    pub(crate) listen: Option<String>,
}

/// `hirewire emulator`.
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
    /// Keep everything in this folder instead of in memory.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
    /// Refuse what the real service refuses; this is the default.
    #[arg(long, conflicts_with = "open")]
    pub(crate) strict: bool,
    /// Help instead of refusing what the real service refuses.
    #[arg(long)]
    pub(crate) open: bool,
    /// Serve plain HTTP, on loopback only; Microsoft's identity libraries accept nothing but HTTPS.
    #[arg(long)]
    pub(crate) http: bool,
    /// A further name for which the generated certificate is good, such as a container's; may be given several times.
    #[arg(long = "host-name", value_name = "NAME")]
    pub(crate) host_names: Vec<String>,
    /// Origin of web pages that may call, `*` for any; may be given several times.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) cors: Vec<String>,
    /// Seconds that a log record stays hidden; the real service takes 300 to 600.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) log_delay: u64,
    /// A certificate (PEM or DER, RSA) that the client may sign assertions with, besides its secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Give tokens to callers on this machine who ask the managed identity endpoints, as a virtual machine in Azure does.
    #[arg(long)]
    pub(crate) managed_identity: bool,
}

/// `hirewire app …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Register an application; its secret is printed once.
    Add {
        /// Its display name.
        name: String,
        /// Permissions, such as SynchronizationData-User.Upload.
        #[arg(long = "grant")]
        grants: Vec<String>,
        /// The job that it owns: permissions that end in `.OwnedBy` reach that job only.
        #[arg(long)]
        job: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Give an application a permission.
    Grant {
        /// Name or app id.
        app: String,
        /// The permission.
        permission: String,
    },
    /// A new secret or certificate; the old one stays valid for a while.
    Rotate {
        /// Name or app id.
        app: String,
        /// Hours for which the old secrets and certificates stay valid.
        #[arg(long, default_value_t = 24)]
        overlap_hours: u32,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// All applications with their permissions and when their secrets and certificates expire.
    List,
}

/// `hirewire target …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// Test connection, certificate, bind, rights, schema and password policy.
    Check {
        /// The target's name.
        name: String,
        /// Try it out: create, change, move and delete an account `hirewire-check-…` in each container.
        #[arg(long)]
        probe: bool,
    },
}

/// `hirewire secret …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Names of the secrets; never their values.
    List,
    /// Save a secret, sealed with the project's key.
    Set {
        /// Its name.
        name: String,
        /// File with the value; standard input when left out. A line end at its end is left out.
        #[arg(long, value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// Delete a secret.
    Delete {
        /// Its name.
        name: String,
    },
}

/// `hirewire workflow …`.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// The project's workflows.
    List,
    /// Check definitions: every mistake with its JSON path.
    Validate {
        /// Files; all of workflows/ when left out.
        files: Vec<PathBuf>,
    },
    /// Fire a trigger now and follow the run to its end; what it uploads to this instance is provisioned.
    Run {
        /// The workflow.
        name: String,
        /// The trigger; the only one when left out.
        #[arg(long)]
        trigger: Option<String>,
        /// The trigger's body: a file with JSON or text, `-` for standard input. Without it a schedule fires, and a trigger
        /// that polls takes the latest existing item.
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
        /// Value of a parameter: NAME=VALUE; JSON where the parameter is no text.
        #[arg(long = "param", value_name = "NAME=VALUE")]
        parameters: Vec<String>,
        /// Make no call that does more than read.
        #[arg(long)]
        dry_run: bool,
    },
    /// Runs, newest first.
    Runs {
        /// The workflow; all of them when left out.
        name: Option<String>,
        /// Only runs with this status, such as Failed.
        #[arg(long)]
        status: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20)]
        top: usize,
    },
    /// One run: every action with its status, times, retries and error.
    Show {
        /// The run's id, or enough of its beginning.
        run: String,
        /// Show inputs and outputs of this action.
        #[arg(long)]
        action: Option<String>,
        /// How many records to leave out.
        #[arg(long, default_value_t = 0)]
        skip: usize,
        /// How many records.
        #[arg(long, default_value_t = 200)]
        top: usize,
    },
    /// When triggers fired, newest first, whether a run came of it or not.
    Firings {
        /// The workflow.
        name: String,
        /// How many.
        #[arg(long, default_value_t = 20)]
        top: usize,
    },
    /// Run again with the trigger outputs of an earlier run and the definition of today.
    Resubmit {
        /// The run's id.
        run: String,
    },
    /// The signed URL of a Request or webhook trigger.
    CallbackUrl {
        /// The workflow.
        name: String,
        /// The trigger; the only one when left out.
        #[arg(long)]
        trigger: Option<String>,
    },
    /// Run whole-run cases offline and compare calls and outcomes.
    Test {
        /// Case files (*.case.json); all of workflows/ when left out.
        cases: Vec<PathBuf>,
    },
    /// Write a new workflow from a template, with a case that tests it.
    New {
        /// The template.
        #[arg(value_enum)]
        template: WorkflowTemplate,
        /// Name of the workflow; the template's name when left out.
        name: Option<String>,
    },
}

/// Templates of `hirewire workflow new`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkflowTemplate {
    /// A CSV file in blob storage.
    CsvBlob,
    /// A file on SharePoint.
    SharepointFile,
    /// Rows of an SQL table.
    SqlTable,
    /// HiBob's webhook.
    HibobWebhook,
    /// An HR system's REST API, polled.
    RestPoll,
}

/// How an application proves who it is.
#[derive(Debug, Args)]
pub(crate) struct CredentialArgs {
    /// Days after which the secret expires, 730 at most.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=730))]
    pub(crate) days: u32,
    /// A certificate (PEM or DER, RSA) for client assertions, in place of a secret; it expires by its own date.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
}
