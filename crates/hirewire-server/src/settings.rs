//! What an instance is told when it starts: mode, single rules, tenant, limits, who may come in.
use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::identity::ExternalIssuer;

/// One switch per instance (spec/inbound-api.md §12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What a test double of Entra enforces, so that a client that passes here passes there.
    Strict,
    /// The product used for itself: tolerant, with reasons.
    Open,
}

/// The licence whose daily cap and number of apps a strict instance enforces (§10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    /// Entra ID P1 or P2: 2,000 calls a day, 2 apps per flow.
    Premium,
    /// Entra ID Governance: 6,000 calls a day, 20 apps per flow.
    Governance,
}

/// So many calls in so long a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls that pass.
    pub calls: u32,
    /// Length of the sliding window.
    pub window: Duration,
}

/// The single rules behind [`Mode`]; each may be set apart from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Grammar of the body, wording of errors and odd statuses follow this mode.
    pub mode: Mode,
    /// Operations in one request.
    pub max_operations: usize,
    /// Calls of bulkUpload per (tenant, job); [U]: the counter's scope is nowhere documented.
    pub rate: Option<Rate>,
    /// Calls of bulkUpload per tenant in any 24 hours.
    pub daily: Option<u32>,
    /// Jobs of one template in the tenant.
    pub jobs_per_flow: Option<usize>,
    /// Only `application/scim+json` is taken.
    pub content_type_required: bool,
    /// Schema PATCH and `$value` are answered; else 404 `UnknownError`.
    pub lenient_routes: bool,
    /// The service principal's appId is taken where its object id belongs.
    pub app_id_as_key: bool,
    /// A caller with an `.OwnedBy` permission must own the app; else the role alone decides.
    pub check_owners: bool,
    /// provisionOnDemand is answered for API-driven jobs.
    pub on_demand: bool,
    /// A restart with the default scopes purges what waits while the job is paused.
    pub restart_purges: bool,
    /// A full queue answers 503 with `Retry-After` instead of the documented 500.
    pub full_queue_is_503: bool,
    /// Gzip request bodies are unpacked.
    pub accept_gzip: bool,
    /// Days a log record is shown.
    pub log_days: u32,
    /// How long a log record stays hidden, to imitate the real service's 5 to 10 minutes.
    pub log_delay: Duration,
}

impl Rules {
    /// The strict column of §12.
    pub fn strict(licence: Licence) -> Self {
        Self {
            mode: Mode::Strict,
            max_operations: 50,
            rate: Some(Rate { calls: 40, window: Duration::from_secs(5) }),
            daily: Some(match licence {
                Licence::Premium => 2_000,
                Licence::Governance => 6_000,
            }),
            jobs_per_flow: Some(match licence {
                Licence::Premium => 2,
                Licence::Governance => 20,
            }),
            content_type_required: true,
            lenient_routes: false,
            app_id_as_key: false,
            check_owners: true,
            on_demand: false,
            restart_purges: true,
            full_queue_is_503: false,
            accept_gzip: false,
            log_days: 30,
            log_delay: Duration::ZERO,
        }
    }

    /// The open column of §12.
    pub fn open() -> Self {
        Self {
            mode: Mode::Open,
            max_operations: 1_000,
            rate: None,
            daily: None,
            jobs_per_flow: None,
            content_type_required: false,
            lenient_routes: true,
            app_id_as_key: true,
            check_owners: true,
            on_demand: true,
            restart_purges: false,
            full_queue_is_503: false,
            accept_gzip: true,
            log_days: 400,
            log_delay: Duration::ZERO,
        }
    }

    /// Whether this is the strict mode.
    pub fn is_strict(&self) -> bool {
        self.mode == Mode::Strict
    }
}

/// Bounds on what a client may make us hold or wait for.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Bytes of a request body; Graph's general limit is 4 MB [I].
    pub body: usize,
    /// Bytes of a gzip body after unpacking.
    pub unpacked_body: usize,
    /// Time for the request head; a kept connection may be idle for so long too.
    pub head_time: Duration,
    /// Time for the whole body.
    pub body_time: Duration,
    /// Longest wait of a long poll.
    pub longest_wait: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// Operations waiting in one job's queue before the bucket is full.
    pub queue: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body: 4 * 1024 * 1024,
            unpacked_body: 16 * 1024 * 1024,
            head_time: Duration::from_secs(60),
            body_time: Duration::from_secs(60),
            longest_wait: Duration::from_secs(60),
            connections: 4_096,
            queue: 1_000_000,
        }
    }
}

/// A token of another issuer that stands for an application (workload identity federation, spec/targets.md §1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedCredential {
    /// The application.
    pub app_id: String,
    /// `iss` of the token.
    pub issuer: String,
    /// `sub` of the token.
    pub subject: String,
    /// `aud` of the token, usually `api://AzureADTokenExchange`.
    pub audience: String,
    /// Where the issuer's keys are; `None` asks its discovery document.
    pub jwks_uri: Option<String>,
}

/// A key that stands for a token in open mode, for clients that cannot ask for one (spec/inbound-api.md §12). Sent as
/// `x-api-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Who it was given to; shows in the log as the calling application.
    pub name: String,
    /// SHA-256 of the key. Keys are random and long, so a plain digest suffices.
    pub sha256: [u8; 32],
    /// What it may do.
    pub permissions: Vec<String>,
}

/// The job that takes bare SCIM arrays posted to `$batch` (§9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedBatch {
    /// Object id of the job's service principal.
    pub service_principal: String,
    /// The job.
    pub job: String,
}

/// Everything an instance is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The rules in force.
    pub rules: Rules,
    /// Sizes and times.
    pub bounds: Bounds,
    /// The one tenant.
    pub tenant: Uuid,
    /// Its name, as `/organization` shows it.
    pub tenant_name: String,
    /// Its verified domains, the default one first; also accepted as `{tenant}` in URLs.
    pub domains: Vec<String>,
    /// The licence that `/subscribedSkus` shows.
    pub licence: Licence,
    /// `https://host[:port]`, without a slash at the end: the root of every absolute URL. `None`: taken from the request.
    pub public_base: Option<String>,
    /// Addresses whose `X-Forwarded-Proto` and `X-Forwarded-Host` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins of browser clients, such as `https://app.example`; `*` for any.
    pub cors_origins: Vec<String>,
    /// Further issuers whose access tokens are accepted.
    pub external_issuers: Vec<ExternalIssuer>,
    /// Tokens of other issuers that applications may present as client assertions.
    pub federated: Vec<FederatedCredential>,
    /// Keys in place of tokens; ignored in strict mode.
    pub api_keys: Vec<ApiKey>,
    /// Seconds an access token lives.
    pub token_seconds: u32,
    /// Callers from loopback need no token and may do everything.
    pub open_loopback: bool,
    /// The application that IMDS and App Service token requests from loopback speak for.
    pub managed_identity: Option<String>,
    /// Value of `X-IDENTITY-HEADER` for the App Service shape.
    pub identity_header: Option<String>,
    /// The job that takes the bare arrays of §9 in open mode, where there are several; strict mode takes none.
    pub seed_batch_compat: Option<SeedBatch>,
    /// Serves the clock, faults and recorded requests below `/_emulator`.
    pub emulator: bool,
}

impl Settings {
    /// Settings of `mode` for a tenant; everything else as a fresh installation has it.
    pub fn new(mode: Mode, tenant: Uuid, domain: &str) -> Self {
        Self {
            rules: match mode {
                Mode::Strict => Rules::strict(Licence::Premium),
                Mode::Open => Rules::open(),
            },
            bounds: Bounds::default(),
            tenant,
            tenant_name: domain.to_owned(),
            domains: vec![domain.to_owned()],
            licence: Licence::Premium,
            public_base: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            external_issuers: Vec::new(),
            federated: Vec::new(),
            api_keys: Vec::new(),
            token_seconds: 3_600,
            open_loopback: false,
            managed_identity: None,
            identity_header: None,
            seed_batch_compat: None,
            emulator: false,
        }
    }

    /// Whether `text`, as found in a URL, names this tenant.
    pub fn is_tenant(&self, text: &str) -> bool {
        text.parse::<Uuid>().is_ok_and(|id| id == self.tenant)
            || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(text))
    }
}
