//! `hirewire app`: applications that may call the API, what they may do and how they prove who they are.
use hirewire_server::identity::Permission;
use hirewire_server::registration::certificate_credential;
use hirewire_store::{App as Application, CredentialKind, Job, NewCredential};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::{AppCommand, CredentialArgs, Global, Output};
use crate::context::Context;
use crate::output::Printer;
use crate::report::{self, Report};

/// Runs `hirewire app …`.
pub(crate) fn app(global: &Global, command: &AppCommand, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open(global)?;
    let now = Timestamp::now();
    match command {
        AppCommand::Add { name, grants, job, credential } => {
            let permissions = grants.iter().map(|grant| permission(grant)).collect::<Result<Vec<_>, _>>()?;
            let job = job_of(&context, job.as_deref(), now)?;
            let credential = new_credential(credential, now)?;
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
            keep(&context, &app, &credential, now)?;
            show(global, printer, &context, &app, &credential, &job)
        }
        AppCommand::Grant { app, permission: wanted } => {
            let mut app = find(&context, app)?;
            let wanted = permission(wanted)?;
            if !app.permissions.contains(&wanted) {
                app.permissions.push(wanted);
            }
            context.store.put_app(app.clone())?;
            match global.output {
                Output::Json => printer
                    .json(&json!({ "name": app.name, "appId": app.app_id, "permissions": app.permissions })),
                Output::Text => {
                    printer.line(&format!("{} may now: {}", app.name, app.permissions.join(", ")))
                }
            }
        }
        AppCommand::Rotate { app, overlap_hours, credential } => {
            let app = find(&context, app)?;
            let credential = new_credential(credential, now)?;
            let until = now.checked_add(SignedDuration::from_hours(i64::from(*overlap_hours))).unwrap_or(now);
            for old in context.store.credentials(&app.app_id)? {
                if old.expires.is_none_or(|expires| expires > until) {
                    context.store.set_credential_expiry(&old.key_id, Some(until))?;
                }
            }
            keep(&context, &app, &credential, now)?;
            let owned = app.owns.first().cloned().unwrap_or_default();
            let jobs = context.store.jobs()?;
            let job = match jobs.into_iter().find(|job| job.service_principal == owned) {
                Some(job) => job,
                None => job_of(&context, None, now)?,
            };
            show(global, printer, &context, &app, &credential, &job)
        }
        AppCommand::List => list(global, printer, &context, now),
    }
}

/// A credential that was made or read, and until when it is good.
struct Fresh {
    credential: NewCredential,
    expires: Option<Timestamp>,
    /// To be shown this once.
    secret: Option<String>,
}

fn new_credential(arguments: &CredentialArgs, now: Timestamp) -> Result<Fresh, Report> {
    if let Some(path) = &arguments.certificate {
        let bytes = std::fs::read(path).map_err(|error| report::file(path, "read", &error))?;
        let (credential, expires) =
            certificate_credential(&bytes).map_err(|error| Report::new(error.to_string()).at(path))?;
        if expires.is_some_and(|expires| expires <= now) {
            return Err(Report::new("the certificate has expired").at(path));
        }
        return Ok(Fresh { credential, expires, secret: None });
    }
    let mut bytes = [0_u8; 32];
    hirewire_expression::Random::fill(&crate::random::SystemRandom, &mut bytes);
    let secret = hex::encode(bytes);
    let expires = now.checked_add(SignedDuration::from_hours(24 * i64::from(arguments.days))).ok();
    Ok(Fresh { credential: NewCredential::Secret(secret.clone()), expires, secret: Some(secret) })
}

fn keep(context: &Context, app: &Application, fresh: &Fresh, now: Timestamp) -> Result<(), Report> {
    let (id, credential) = (Uuid::new_v4().to_string(), fresh.credential.clone());
    Ok(context.store.add_credential(&app.app_id, &id, "hirewire app", credential, now, fresh.expires)?)
}

/// A job of the project, with the service principal by which clients find it.
pub(crate) fn job_of(context: &Context, name: Option<&str>, now: Timestamp) -> Result<Job, Report> {
    let job = context.store.job_by_key(context.job_key(context.job_name(name)?)?)?;
    if context.store.app(&job.service_principal)?.is_none() {
        context.store.put_app(Application {
            app_id: Uuid::new_v4().to_string(),
            object_id: job.service_principal.clone(),
            name: job.service_principal_name.clone(),
            template: None,
            created: now,
            permissions: Vec::new(),
            owns: Vec::new(),
        })?;
    }
    Ok(job)
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

fn list(global: &Global, printer: &mut Printer, context: &Context, now: Timestamp) -> Result<(), Report> {
    let mut rows = Vec::new();
    for app in context.store.apps()? {
        let mut credentials = context.store.credentials(&app.app_id)?;
        credentials.retain(|credential| credential.expires.is_none_or(|expires| expires > now));
        rows.push((app, credentials));
    }
    let kind = |kind| match kind {
        CredentialKind::Secret => "secret",
        CredentialKind::Certificate => "certificate",
    };
    if global.output == Output::Json {
        let list: Vec<Value> = rows
            .iter()
            .map(|(app, credentials)| {
                let credentials: Vec<Value> = credentials
                    .iter()
                    .map(|one| json!({ "kind": kind(one.kind), "hint": one.hint, "created": one.created, "expires": one.expires }))
                    .collect();
                json!({ "name": app.name, "appId": app.app_id, "id": app.object_id, "permissions": app.permissions,
                    "owns": app.owns, "credentials": credentials })
            })
            .collect();
        return printer.json(&json!({ "value": list }));
    }
    printer.table(
        &["name", "app id", "permissions", "secrets and certificates"],
        rows.into_iter().map(|(app, credentials)| {
            let words: Vec<String> = credentials
                .iter()
                .map(|one| {
                    let until = one.expires.map_or_else(String::new, |expires| {
                        format!(" until {}", expires.strftime("%Y-%m-%d %H:%MZ"))
                    });
                    format!("{}{until}", kind(one.kind))
                })
                .collect();
            vec![app.name, app.app_id, app.permissions.join(", "), words.join(", ")]
        }),
    )
}

fn show(
    global: &Global,
    printer: &mut Printer,
    context: &Context,
    app: &Application,
    fresh: &Fresh,
    job: &Job,
) -> Result<(), Report> {
    let tenant = context.tenant()?;
    let path = format!(
        "/v1.0/servicePrincipals/{}/synchronization/jobs/{}/bulkUpload",
        job.service_principal, job.id
    );
    if global.output == Output::Json {
        return printer.json(&json!({
            "tenant": tenant, "clientId": app.app_id, "clientSecret": fresh.secret, "expires": fresh.expires,
            "permissions": app.permissions, "servicePrincipal": job.service_principal, "job": job.id,
            "tokenPath": format!("/{tenant}/oauth2/v2.0/token"), "bulkUploadPath": path,
        }));
    }
    printer.line(&format!("tenant         {tenant}"))?;
    printer.line(&format!("client id      {}", app.app_id))?;
    if let Some(secret) = &fresh.secret {
        printer.line(&format!("client secret  {secret}"))?;
    }
    if let Some(expires) = fresh.expires {
        printer.line(&format!("expires        {}", expires.strftime("%Y-%m-%d %H:%MZ")))?;
    }
    printer.line(&format!("token          /{tenant}/oauth2/v2.0/token"))?;
    printer.line(&format!("upload         {path}"))?;
    match fresh.secret {
        Some(_) => printer.line("the secret is shown this once; only its hash is kept"),
        None => printer.line(
            "the certificate is registered; the client signs its assertions with the certificate's key",
        ),
    }
}
