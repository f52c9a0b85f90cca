//! The parts of `[server]` in the project file that say who may call, as whom, and how much; and how they become the API's settings.
use std::net::IpAddr;
use std::time::Duration;

use hirewire_server::identity::{ExternalIssuer, Permission};
use hirewire_server::settings::{ApiKey, FederatedCredential, Licence, Rate, Rules, SeedBatch};
use hirewire_server::{Mode, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::context::Context;
use crate::project::{self, ServerSection};
use crate::report::Report;

/// The licence whose limits strict mode enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LicenceName {
    /// Entra ID P1 or P2: 2,000 uploads a day, two apps of each kind.
    #[default]
    Premium,
    /// Entra ID Governance: 6,000 uploads a day, twenty apps of each kind.
    Governance,
}

/// An issuer besides Hirewire whose access tokens are accepted: an Entra tenant, or any OpenID provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerSection {
    /// `iss` of its tokens, such as `https://login.microsoftonline.com/TENANT/v2.0`.
    pub(crate) issuer: String,
    /// `aud` that its tokens carry for this instance, such as `api://hirewire`.
    pub(crate) audience: String,
    /// Where its signing keys are; asked of the issuer's discovery document when left out.
    pub(crate) jwks_uri: Option<String>,
    /// Claim that names the calling application: `azp`, `appid` or `client_id`.
    #[serde(default = "azp")]
    pub(crate) client_claim: String,
    /// What its tokens may do whose `roles` and `scp` name none of the permissions that Hirewire knows; nothing when left out.
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
}

fn azp() -> String {
    "azp".into()
}

/// A token of another issuer that an application may present in place of a secret (workload identity federation).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FederatedSection {
    /// Name or app id of the application (`hirewire app list`).
    pub(crate) app: String,
    /// `iss` of the token.
    pub(crate) issuer: String,
    /// `sub` of the token.
    pub(crate) subject: String,
    /// `aud` of the token.
    #[serde(default = "exchange")]
    pub(crate) audience: String,
    /// Where the issuer's signing keys are; asked of its discovery document when left out.
    pub(crate) jwks_uri: Option<String>,
}

fn exchange() -> String {
    "api://AzureADTokenExchange".into()
}

/// A key that stands for a token, for clients that cannot ask for one; sent as `x-api-key`. Strict mode takes none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeySection {
    /// Who has it; the log shows the name as the calling application.
    pub(crate) name: String,
    /// SHA-256 of the key in hexadecimal digits: `printf %s "$KEY" | sha256sum`.
    pub(crate) sha256: String,
    /// What it may do, such as `SynchronizationData-User.Upload`.
    pub(crate) permissions: Vec<String>,
}

/// Single limits that differ from those of the mode.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsSection {
    /// Operations in one upload: 50 in strict mode, 1,000 in open mode.
    pub(crate) operations: Option<usize>,
    /// Uploads of one job within `seconds`: 40 in strict mode, any number in open mode.
    pub(crate) uploads: Option<u32>,
    /// Length of the window for `uploads`.
    pub(crate) seconds: Option<u32>,
    /// Uploads of the tenant within 24 hours: by licence in strict mode, any number in open mode.
    pub(crate) daily_uploads: Option<u32>,
    /// Bytes of a request body; 4 MiB.
    pub(crate) body_bytes: Option<usize>,
    /// Operations that may wait in a job's queue; 1,000,000.
    pub(crate) queue: Option<u64>,
    /// Connections at a time; 4,096.
    pub(crate) connections: Option<usize>,
    /// Answer 503 with `Retry-After` when the queue is full, instead of the real service's 500.
    pub(crate) full_queue_is_503: bool,
}

/// The API's settings of a project.
pub(crate) fn settings(context: &Context, default_domain: &str) -> Result<Settings, Report> {
    let section = &context.project.file.server;
    let mode = if section.strict { Mode::Strict } else { Mode::Open };
    let mut settings = Settings::new(mode, context.tenant()?, default_domain);
    settings.licence = match section.licence {
        LicenceName::Premium => Licence::Premium,
        LicenceName::Governance => Licence::Governance,
    };
    if section.strict {
        settings.rules = Rules::strict(settings.licence);
    }
    settings.public_base.clone_from(&section.public_url);
    settings.cors_origins.clone_from(&section.cors_origins);
    settings.trusted_proxies =
        section.trusted_proxies.iter().map(|text| proxy(text)).collect::<Result<_, _>>()?;
    settings.external_issuers = section.issuer.iter().map(issuer).collect::<Result<_, _>>()?;
    settings.federated =
        section.federated.iter().map(|one| federated(context, one)).collect::<Result<_, _>>()?;
    settings.api_keys = section.api_key.iter().map(api_key).collect::<Result<_, _>>()?;
    settings.managed_identity =
        section.managed_identity.as_deref().map(|app| app_id(context, app)).transpose()?;
    settings.seed_batch_compat = section.batch_job.as_deref().map(|name| seed(context, name)).transpose()?;
    limit(&section.limits, &mut settings);
    Ok(settings)
}

fn limit(limits: &LimitsSection, settings: &mut Settings) {
    let (rules, bounds) = (&mut settings.rules, &mut settings.bounds);
    let set = |value: Option<usize>, place: &mut usize| {
        if let Some(value) = value {
            *place = value.max(1);
        }
    };
    set(limits.operations, &mut rules.max_operations);
    set(limits.body_bytes, &mut bounds.body);
    set(limits.connections, &mut bounds.connections);
    if let Some(calls) = limits.uploads {
        let known = rules.rate.map_or(Duration::from_secs(5), |rate| rate.window);
        let window = limits.seconds.map_or(known, |seconds| Duration::from_secs(u64::from(seconds.max(1))));
        rules.rate = Some(Rate { calls, window });
    }
    rules.daily = limits.daily_uploads.or(rules.daily);
    bounds.queue = limits.queue.unwrap_or(bounds.queue);
    rules.full_queue_is_503 |= limits.full_queue_is_503;
}

fn proxy(text: &str) -> Result<IpAddr, Report> {
    text.parse().map_err(|_| Report::new(format!("[server] trusted_proxies: `{text}` is no IP address")))
}

fn permissions(place: &str, values: &[String]) -> Result<Vec<String>, Report> {
    values
        .iter()
        .map(|value| match Permission::from_value(value) {
            Some(known) => Ok(known.value().to_owned()),
            None => {
                let known: Vec<&str> = Permission::all().map(Permission::value).collect();
                let report = Report::new(format!("{place}: there is no permission `{value}`"));
                Err(match project::nearest(value, &known) {
                    Some(near) => report.help(format!("did you mean `{near}`?")),
                    None => report.help(format!("permissions: {}", known.join(", "))),
                })
            }
        })
        .collect()
}

fn issuer(section: &IssuerSection) -> Result<ExternalIssuer, Report> {
    Ok(ExternalIssuer {
        issuer: section.issuer.clone(),
        audience: section.audience.clone(),
        jwks_uri: section.jwks_uri.clone(),
        client_claim: section.client_claim.clone(),
        default_permissions: permissions("[[server.issuer]]", &section.permissions)?,
    })
}

fn federated(context: &Context, section: &FederatedSection) -> Result<FederatedCredential, Report> {
    Ok(FederatedCredential {
        app_id: app_id(context, &section.app)?,
        issuer: section.issuer.clone(),
        subject: section.subject.clone(),
        audience: section.audience.clone(),
        jwks_uri: section.jwks_uri.clone(),
    })
}

fn api_key(section: &ApiKeySection) -> Result<ApiKey, Report> {
    let bytes = hex::decode(section.sha256.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let sha256 = bytes.ok_or_else(|| {
        Report::new(format!("[[server.api_key]] {}: `sha256` is not 64 hexadecimal digits", section.name))
            .help("printf %s \"$KEY\" | sha256sum")
    })?;
    let permissions = permissions("[[server.api_key]]", &section.permissions)?;
    Ok(ApiKey { name: section.name.clone(), sha256, permissions })
}

/// The app id of a registered application that is named by its name or an id.
fn app_id(context: &Context, text: &str) -> Result<String, Report> {
    let apps = context.store.apps()?;
    let found = apps.into_iter().find(|app| app.name == text || app.app_id == text || app.object_id == text);
    found.map(|app| app.app_id).ok_or_else(|| {
        Report::new(format!("[server]: there is no application `{text}`"))
            .help("`hirewire app list` names them, `hirewire app add` makes one")
    })
}

fn seed(context: &Context, name: &str) -> Result<SeedBatch, Report> {
    let job = context.store.job_by_key(context.job_key(context.job_name(Some(name))?)?)?;
    Ok(SeedBatch { service_principal: job.service_principal, job: job.id })
}

impl ServerSection {
    /// The tenant's id, when it is set.
    pub(crate) fn tenant_id(&self) -> Result<Option<uuid::Uuid>, Report> {
        let parse = |text: &String| {
            text.parse().map_err(|_| Report::new(format!("[server] tenant: `{text}` is no GUID")))
        };
        self.tenant.as_ref().map(parse).transpose()
    }
}
