//! `hirewire serve`, `hirewire emulator` and `hirewire app`: the Graph-compatible API.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hirewire_engine::Settings as EngineSettings;
use hirewire_server::identity::Permission;
use hirewire_server::{App, Clock, Listening, Mode, Settings, bootstrap, listener};
use hirewire_store::{App as Application, Options, Store};
use hirewire_target::embedded::{EmbeddedDirectory, EmbeddedOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::cli::{AppCommand, EmulatorArgs, Global, Output, ServeArgs};
use crate::context::Context;
use crate::output::{Printer, say};
use crate::report::{self, Report};
use crate::service::{LocalService, missing_active};
use crate::target::AnyTarget;
use crate::watch;

/// Domain of an emulated tenant.
const EMULATED_DOMAIN: &str = "contoso.com";

/// Runs `hirewire serve`.
pub(crate) fn serve(global: &Global, arguments: &ServeArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let section = &context.project.file.server;
    let name = context.job_name(None)?;
    let job = context.job(name)?;
    context.keep_schema(&job, Timestamp::now())?;
    let mode = if section.strict { Mode::Strict } else { Mode::Open };
    let domain =
        context.project.file.project.default_domain.clone().unwrap_or_else(|| "hirewire.local".into());
    let mut settings = Settings::new(mode, context.tenant()?, &domain);
    settings.public_base.clone_from(&section.public_url);
    let clock = Arc::new(Clock::default());
    let target = AnyTarget::open(
        &context.project.file.target[&job.section.target],
        &context.project.folder,
        &context.project.state(),
    )?;
    let engine = context.settings(job.section);
    let service = Arc::new(LocalService::new(
        context.store.clone(),
        target,
        Arc::clone(&clock),
        engine,
        context.project.file.project.name.clone(),
    ));
    let app = App::new(settings, context.store.clone(), Arc::clone(&service) as _, clock)
        .map_err(|error| Report::new(error.to_string()))?;
    let tls = match (&section.certificate, &section.key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) =
                (context.project.folder.join(certificate), context.project.folder.join(key));
            let config = listener::tls::from_files(&certificate, &key)
                .map_err(|error| Report::new(error.to_string()))?;
            Tls { config, ca: None }
        }
        _ => Tls::loopback(context.project.state().join("tls"))?,
    };
    let address = arguments.listen.as_deref().unwrap_or(&section.listen);
    #[cfg(unix)]
    crate::control::listen(&context)?;
    context.share();
    watch::start(&context, global)?;
    let ca = tls.ca.clone();
    run(app, &service, address, tls, |url| {
        if global.output == Output::Json {
            return printer.json(&json!({ "url": url, "ca": ca }));
        }
        printer.line(&format!("listening on {url}"))?;
        if let Some(ca) = &ca {
            printer.line(&format!("clients trust the generated certificate through {}", ca.display()))?;
        }
        printer.line(
            "applications that may call it: hirewire app add NAME --grant SynchronizationData-User.Upload",
        )
    })
}

/// Runs `hirewire emulator`.
pub(crate) fn emulator(
    global: &Global,
    arguments: &EmulatorArgs,
    printer: &mut Printer,
) -> Result<(), Report> {
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
    let tenant = Uuid::new_v4();
    let mut settings =
        Settings::new(if arguments.open { Mode::Open } else { Mode::Strict }, tenant, EMULATED_DOMAIN);
    settings.emulator = true;
    // The emulator's purpose is to try things; the real service refuses provisioning on demand for these apps.
    settings.rules.on_demand = true;
    let engine = EngineSettings {
        missing_active: missing_active(!arguments.open),
        default_domain: Some(EMULATED_DOMAIN.into()),
        ..EngineSettings::default()
    };
    let clock = Arc::new(Clock::default());
    let service = Arc::new(LocalService::new(
        store.clone(),
        AnyTarget::Embedded(directory),
        Arc::clone(&clock),
        engine,
        "Microsoft Entra ID".into(),
    ));
    let app = App::new(settings, store, Arc::clone(&service) as _, clock)
        .map_err(|error| Report::new(error.to_string()))?;
    let tenant = bootstrap::bootstrap(&app, "Hirewire emulator", "API2AAD")
        .map_err(|error| Report::new(format!("the tenant cannot be made: {error}")))?;
    let tls = Tls::loopback(folder.clone())?;
    let ca = tls.ca.clone();
    let result = run(app, &service, &arguments.listen, tls, |url| {
        let lines = tenant.environment(url, ca.as_deref());
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

/// What the listener needs for TLS.
struct Tls {
    config: Arc<rustls::ServerConfig>,
    ca: Option<PathBuf>,
}

impl Tls {
    fn loopback(folder: PathBuf) -> Result<Self, Report> {
        let made = listener::tls::loopback(&folder, &[]).map_err(|error| Report::new(error.to_string()))?;
        Ok(Self { config: made.config, ca: Some(made.ca_file) })
    }
}

/// Listens until the process is asked to end. `ready` is told the base URL.
fn run(
    app: App,
    service: &LocalService,
    address: &str,
    tls: Tls,
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
        let router = hirewire_server::router(Arc::new(app));
        let mut listening: Listening = hirewire_server::serve(router, socket, Some(tls.config), &bounds)
            .map_err(|error| Report::new(error.to_string()))?;
        service.resume().map_err(|error| Report::new(error.to_string()))?;
        let name = if listening.address.ip().is_loopback() {
            "localhost".to_owned()
        } else {
            listening.address.ip().to_string()
        };
        ready(&format!("https://{name}:{}", listening.address.port()))?;
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

/// Runs `hirewire app …`.
pub(crate) fn app(global: &Global, command: &AppCommand, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let now = Timestamp::now();
    match command {
        AppCommand::Add { name, grants } => {
            let permissions = grants.iter().map(|grant| permission(grant)).collect::<Result<Vec<_>, _>>()?;
            let job = context.store.job_by_key(context.job_key(context.job_name(None)?)?)?;
            provisioning_app(&context, &job, now)?;
            let app = Application {
                app_id: Uuid::new_v4().to_string(),
                object_id: Uuid::new_v4().to_string(),
                name: name.clone(),
                template: None,
                created: now,
                permissions,
                owns: vec![job.service_principal.clone()],
            };
            context.store.put_app(app.clone())?;
            let secret = new_secret(&context, &app.app_id, now)?;
            show_secret(global, printer, &context, &app, &secret)
        }
        AppCommand::Grant { app, permission: wanted } => {
            let mut app = find(&context, app)?;
            let wanted = permission(wanted)?;
            if !app.permissions.contains(&wanted) {
                app.permissions.push(wanted);
            }
            context.store.put_app(app.clone())?;
            printer.line(&format!("{} may now: {}", app.name, app.permissions.join(", ")))
        }
        AppCommand::Rotate { app, overlap_hours } => {
            let app = find(&context, app)?;
            let until = now.checked_add(SignedDuration::from_hours(i64::from(*overlap_hours))).unwrap_or(now);
            for old in context.store.credentials(&app.app_id)? {
                if old.expires.is_none_or(|expires| expires > until) {
                    context.store.set_credential_expiry(&old.key_id, Some(until))?;
                }
            }
            let secret = new_secret(&context, &app.app_id, now)?;
            show_secret(global, printer, &context, &app, &secret)
        }
        AppCommand::List => {
            let apps = context.store.apps()?;
            if global.output == Output::Json {
                let list: Vec<_> = apps
                    .iter()
                    .map(|a| json!({ "name": a.name, "appId": a.app_id, "id": a.object_id, "permissions": a.permissions }))
                    .collect();
                return printer.json(&json!({ "value": list }));
            }
            printer.table(
                &["name", "app id", "permissions"],
                apps.into_iter().map(|a| vec![a.name, a.app_id, a.permissions.join(", ")]),
            )
        }
    }
}

/// The service principal that a job belongs to, so that clients find it.
fn provisioning_app(context: &Context, job: &hirewire_store::Job, now: Timestamp) -> Result<(), Report> {
    if context.store.app(&job.service_principal)?.is_some() {
        return Ok(());
    }
    Ok(context.store.put_app(Application {
        app_id: Uuid::new_v4().to_string(),
        object_id: job.service_principal.clone(),
        name: job.service_principal_name.clone(),
        template: None,
        created: now,
        permissions: Vec::new(),
        owns: Vec::new(),
    })?)
}

fn permission(text: &str) -> Result<String, Report> {
    Permission::from_value(text).map(|permission| permission.value().to_owned()).ok_or_else(|| {
        let known: Vec<&str> = Permission::all().map(Permission::value).collect();
        let report = Report::new(format!("there is no permission `{text}`"));
        match crate::project::nearest(text, &known) {
            Some(near) => report.help(format!("did you mean `{near}`?")),
            None => report.help(format!("permissions: {}", known.join(", "))),
        }
    })
}

fn find(context: &Context, text: &str) -> Result<Application, Report> {
    let apps = context.store.apps()?;
    apps.into_iter().find(|app| app.name == text || app.app_id == text || app.object_id == text).ok_or_else(
        || Report::new(format!("there is no application `{text}`")).help("`hirewire app list` names them"),
    )
}

fn new_secret(context: &Context, app_id: &str, now: Timestamp) -> Result<String, Report> {
    let mut bytes = [0_u8; 32];
    hirewire_expression::Random::fill(&crate::random::SystemRandom, &mut bytes);
    let secret = hex::encode(bytes);
    let credential = hirewire_store::NewCredential::Secret(secret.clone());
    context.store.add_credential(
        app_id,
        &Uuid::new_v4().to_string(),
        "hirewire app",
        credential,
        now,
        None,
    )?;
    Ok(secret)
}

fn show_secret(
    global: &Global,
    printer: &mut Printer,
    context: &Context,
    app: &Application,
    secret: &str,
) -> Result<(), Report> {
    let tenant = context.tenant()?;
    if global.output == Output::Json {
        return printer.json(&json!({
            "tenant": tenant, "clientId": app.app_id, "clientSecret": secret, "permissions": app.permissions
        }));
    }
    printer.line(&format!("tenant         {tenant}"))?;
    printer.line(&format!("client id      {}", app.app_id))?;
    printer.line(&format!("client secret  {secret}"))?;
    printer.line("the secret is shown this once; only its hash is kept")
}
