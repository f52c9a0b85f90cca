//! `hirewire serve` and `hirewire emulator`: the Graph-compatible API.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hirewire_engine::Settings as EngineSettings;
use hirewire_engine::quarantine::QuarantineLimits;
use hirewire_engine::safety::Limits;
use hirewire_server::registration::certificate_credential;
use hirewire_server::{App, Clock, Listening, Mode, Settings, bootstrap, install_metrics, listener};
use hirewire_store::{Options, Store};
use hirewire_target::embedded::{EmbeddedDirectory, EmbeddedOptions};
use hirewire_workflow::host::Host;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::cli::{EmulatorArgs, Global, Output, ServeArgs};
use crate::commands::app::job_of;
use crate::context::Context;
use crate::forward;
use crate::metrics;
use crate::output::{Printer, say};
use crate::project::JobSection;
use crate::report::{self, Report};
use crate::server_settings;
use crate::service::{LocalService, Profile, missing_active};
use crate::target::AnyTarget;
use crate::telemetry;
use crate::watch;
use crate::workflows;

/// Domain of an emulated tenant.
const EMULATED_DOMAIN: &str = "contoso.com";

/// Runs `hirewire serve`.
pub(crate) fn serve(global: &Global, arguments: &ServeArgs, printer: &mut Printer) -> Result<(), Report> {
    let recorder = install_metrics();
    metrics::describe();
    let context = Context::open(global)?;
    let section = &context.project.file.server;
    let _telemetry = telemetry::install(section.otlp.as_deref())?;
    let (app, service) = application(&context)?;
    let app = Arc::new(App { metrics: recorder, ..app });
    let opening = workflows::Opening {
        context: &context,
        app: Some(&app),
        parameters: Vec::new(),
        dry_run: false,
        watch: None,
    };
    let (host, found) = workflows::open(&opening)?;
    let tls = match (&section.certificate, &section.key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) =
                (context.project.folder.join(certificate), context.project.folder.join(key));
            let config = listener::tls::from_files(&certificate, &key)
                .map_err(|error| Report::new(error.to_string()))?;
            Tls { config, ca: None }
        }
        _ => Tls::loopback(context.project.state().join("tls"), &section.host_names)?,
    };
    let address = arguments.listen.as_deref().unwrap_or(&section.listen);
    #[cfg(unix)]
    crate::control::listen(&context)?;
    context.share();
    watch::start(&context, global)?;
    forward::start(&context)?;
    forget_old_runs(&host, context.project.file.workflows.history_days)?;
    let ca = tls.ca.clone();
    run(app, &service, Some(&host), address, Some(tls), |url| {
        if section.public_url.is_none() {
            host.set_public_base(url);
        }
        if global.output == Output::Json {
            let list: Vec<_> = host.deployments().iter().map(|d| d.name()).collect();
            return printer.json(&json!({ "url": url, "ca": ca, "workflows": list }));
        }
        printer.line(&format!("listening on {url}"))?;
        if let Some(ca) = &ca {
            printer.line(&format!("clients trust the generated certificate through {}", ca.display()))?;
        }
        printer.line(
            "applications that may call it: hirewire app add NAME --grant SynchronizationData-User.Upload",
        )?;
        for deployment in host.deployments() {
            let triggers: Vec<&str> = deployment.workflow.triggers.iter().map(|t| t.name.as_str()).collect();
            printer.line(&format!("workflow {} waits for {}", deployment.name(), triggers.join(", ")))?;
        }
        for broken in found.iter().filter(|f| f.errors() > 0) {
            say(&format!(
                "workflow {} does not run: {} errors; `hirewire workflow validate` shows them",
                broken.name,
                broken.errors()
            ));
        }
        Ok(())
    })
}

/// Lets run histories go that are older than the project keeps them: now, and once an hour.
fn forget_old_runs(host: &Host, days: u32) -> Result<(), Report> {
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(3600);
    let host = host.clone();
    let forget = move || {
        loop {
            if let Err(error) = host.forget_older_than(days) {
                tracing::error!(%error, "old run histories could not be deleted; it is tried again");
            }
            std::thread::sleep(PAUSE);
        }
    };
    std::thread::Builder::new().name("run-history".into()).spawn(forget)?;
    Ok(())
}

/// The API of a project's jobs, and the synchronization behind it.
pub(crate) fn application(context: &Context) -> Result<(App, Arc<LocalService>), Report> {
    let domain = context.project.file.project.default_domain.as_deref().unwrap_or("hirewire.local");
    let mut settings = server_settings::settings(context, domain)?;
    if let Some(days) = context.project.file.log.days {
        settings.rules.log_days = days;
    }
    let clock = Arc::new(Clock::default());
    let service = Arc::new(project_service(context, &clock)?);
    let app = App::new(settings, context.store.clone(), Arc::clone(&service) as _, clock)
        .map_err(|error| Report::new(error.to_string()))?;
    Ok((app, service))
}

/// The synchronization of all jobs of a project.
fn project_service(context: &Context, clock: &Arc<Clock>) -> Result<LocalService, Report> {
    let names = context.job_names(None)?;
    let mut profiles = HashMap::new();
    for name in &names {
        let job = context.job(name)?;
        context.keep_schema(&job, Timestamp::now())?;
        job_of(context, Some(name), Timestamp::now())?;
        profiles.insert(job.key, profile(context, job.section)?);
    }
    // Jobs that clients make over the API write where the first one does.
    let first = names.first().and_then(|name| context.project.file.job.get(*name));
    let first = first.ok_or_else(|| Report::new("the project has no job"))?;
    Ok(LocalService::new(context.store.clone(), Arc::clone(clock), profile(context, first)?, profiles))
}

fn profile(context: &Context, section: &JobSection) -> Result<Profile, Report> {
    let target = context
        .shared_target(&section.target)
        .ok_or_else(|| Report::new(format!("there is no target `{}`", section.target)))?;
    Ok(Profile {
        target,
        target_label: section.target.clone(),
        target_name: context.project.file.project.name.clone(),
        settings: context.settings(section),
        limits: section.safety.limits(),
        quarantine: section.quarantine.limits(),
        precedence: context.project.precedence(section),
    })
}

/// Runs `hirewire emulator`.
pub(crate) fn emulator(
    global: &Global,
    arguments: &EmulatorArgs,
    printer: &mut Printer,
) -> Result<(), Report> {
    let recorder = install_metrics();
    metrics::describe();
    let _telemetry = telemetry::install(None)?;
    let kept = arguments.folder.clone();
    let scratch = std::env::temp_dir().join(format!("hirewire-emulator-{}", std::process::id()));
    let folder = kept.clone().unwrap_or(scratch);
    std::fs::create_dir_all(&folder).map_err(|error| report::file(&folder, "made", &error))?;
    let options = EmbeddedOptions::default();
    let (store, directory) = match &kept {
        Some(folder) => (
            Store::open(folder.join("hirewire.db"), Options::default())?,
            EmbeddedDirectory::open(folder.join("directory.db"), options),
        ),
        None => (Store::in_memory()?, EmbeddedDirectory::in_memory(options)),
    };
    let directory = directory.map_err(|error| Report::new(error.to_string()))?;
    let tenant = bootstrap::tenant(&store)
        .map_err(|error| Report::new(format!("the tenant cannot be read: {error}")))?
        .unwrap_or_else(Uuid::new_v4);
    let mut settings =
        Settings::new(if arguments.open { Mode::Open } else { Mode::Strict }, tenant, EMULATED_DOMAIN);
    settings.emulator = true;
    settings.cors_origins.clone_from(&arguments.cors);
    settings.rules.log_delay = Duration::from_secs(arguments.log_delay);
    // The emulator's purpose is to try things; the real service refuses provisioning on demand for these apps.
    settings.rules.on_demand = true;
    let engine = EngineSettings {
        missing_active: missing_active(!arguments.open),
        default_domain: Some(EMULATED_DOMAIN.into()),
        ..EngineSettings::default()
    };
    let clock = Arc::new(Clock::default());
    // Entra's own threshold only, as the real service has it.
    let profile = Profile {
        target: Arc::new(AnyTarget::Embedded(directory)),
        target_label: "embedded".into(),
        target_name: "Microsoft Entra ID".into(),
        settings: engine,
        limits: Limits::default(),
        quarantine: QuarantineLimits::default(),
        precedence: None,
    };
    let service = Arc::new(LocalService::new(store.clone(), Arc::clone(&clock), profile, HashMap::new()));
    let mut app = App::new(settings, store, Arc::clone(&service) as _, clock)
        .map_err(|error| Report::new(error.to_string()))?;
    app.metrics = recorder;
    let tenant = bootstrap::bootstrap(&app, "Hirewire emulator", "API2AAD")
        .map_err(|error| Report::new(format!("the tenant cannot be made: {error}")))?;
    if let Some(path) = &arguments.certificate {
        add_certificate(&app, &tenant.client_id, path)?;
    }
    if arguments.managed_identity {
        app.settings.managed_identity = Some(tenant.client_id.clone());
        app.settings.identity_header = Some(Uuid::new_v4().simple().to_string());
    }
    let identity_header = app.settings.identity_header.clone();
    let tls = match arguments.http {
        true => None,
        false => Some(Tls::loopback(folder.clone(), &arguments.host_names)?),
    };
    let ca = tls.as_ref().and_then(|tls| tls.ca.clone());
    let result = run(Arc::new(app), &service, None, &arguments.listen, tls, |url| {
        let lines = tenant.environment(url, ca.as_deref(), identity_header.as_deref());
        if global.output == Output::Json {
            let all: serde_json::Map<_, _> =
                lines.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            return printer.json(&serde_json::Value::Object(all));
        }
        say("a throw-away tenant is ready; paste these lines into the shell of your program:");
        for (name, value) in lines {
            printer.line(&format!("export {name}='{value}'"))?;
        }
        Ok(())
    });
    if kept.is_none() {
        let _ = std::fs::remove_dir_all(&folder);
    }
    result
}

/// Registers a certificate of the emulated tenant's client.
fn add_certificate(app: &App, client_id: &str, path: &Path) -> Result<(), Report> {
    let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
    let (credential, expires) =
        certificate_credential(&bytes).map_err(|error| Report::new(error.to_string()).at(path))?;
    let (id, now) = (Uuid::new_v4().to_string(), app.clock.now());
    Ok(app.store.add_credential(client_id, &id, "certificate", credential, now, expires)?)
}

/// What the listener needs for TLS.
struct Tls {
    config: Arc<rustls::ServerConfig>,
    ca: Option<PathBuf>,
}

impl Tls {
    fn loopback(folder: PathBuf, names: &[String]) -> Result<Self, Report> {
        let made = listener::tls::loopback(&folder, names).map_err(|error| Report::new(error.to_string()))?;
        Ok(Self { config: made.config, ca: Some(made.ca_file) })
    }
}

/// Listens until the process is asked to end. `ready` is told the base URL.
fn run(
    app: Arc<App>,
    service: &LocalService,
    host: Option<&Host>,
    address: &str,
    tls: Option<Tls>,
    ready: impl FnOnce(&str) -> Result<(), Report>,
) -> Result<(), Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let address: SocketAddr = address.parse().map_err(|_| {
            Report::new(format!("`{address}` is no address with a port")).help("write 127.0.0.1:8443")
        })?;
        let socket = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| Report::new(format!("{address} cannot be listened on: {error}")))?;
        let bounds = app.settings.bounds.clone();
        let router = match host {
            Some(host) => hirewire_server::with_workflows(app, Arc::new(workflows::Served(host.clone()))),
            None => hirewire_server::router(app),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut listening: Listening =
            hirewire_server::serve(router, socket, tls.map(|tls| tls.config), &bounds)
                .map_err(|error| Report::new(error.to_string()))?;
        service.resume().map_err(|error| Report::new(error.to_string()))?;
        let name = if listening.address.ip().is_loopback() {
            "localhost".to_owned()
        } else {
            listening.address.ip().to_string()
        };
        ready(&format!("{scheme}://{name}:{}", listening.address.port()))?;
        if let Some(host) = host {
            workflows::share(host);
            host.resume()?;
            host.arm();
        }
        tokio::select! {
            () = listening.ended() => Err(Report::new("the listener ended unexpectedly")),
            () = asked_to_end() => {
                listening.stop().await;
                Ok(())
            }
        }
    })
}

async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
