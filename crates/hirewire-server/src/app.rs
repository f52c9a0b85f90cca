//! Everything a request can reach: settings, store, runtime, keys, limits, clock.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use hirewire_store::Store;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::error::ApiError;
use crate::graph::upload::QueueCounts;
use crate::identity::{IssuerKeys, KeyError, SeenAssertions, SigningKey};
use crate::limits::Windows;
use crate::service::Service;
use crate::settings::Settings;

/// Client secrets compared at a time.
const MOST_SECRET_CHECKS: usize = 4;

/// The instance cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hirewire_store::StoreError),
    /// The signing key cannot be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The HTTP client for other issuers' keys cannot be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// Counters of calls.
#[derive(Debug, Default)]
pub struct Limits {
    /// bulkUpload per job.
    pub uploads: Windows<String>,
    /// bulkUpload per tenant and day.
    pub daily: Windows<()>,
    /// provisionOnDemand per job.
    pub on_demand: Windows<String>,
    /// Failed token requests per address and client.
    pub token_failures: Windows<(Option<IpAddr>, String)>,
}

impl Limits {
    /// Forgets all calls.
    pub fn clear(&self) {
        self.uploads.clear();
        self.daily.clear();
        self.on_demand.clear();
        self.token_failures.clear();
    }
}

/// A configured instance; shared by all requests.
pub struct App {
    /// What it was told.
    pub settings: Settings,
    /// What it remembers.
    pub store: Store,
    /// What does the work.
    pub service: Arc<dyn Service>,
    /// What time it is.
    pub clock: Arc<Clock>,
    /// Signs access tokens.
    pub key: SigningKey,
    /// Keys of other issuers.
    pub issuers: IssuerKeys,
    /// Assertions that were used.
    pub seen_assertions: SeenAssertions,
    /// Counters of calls.
    pub limits: Limits,
    /// Secrets compared at a time: each costs memory and a core, so that a flood of requests must queue.
    pub secret_checks: Semaphore,
    /// How full the queues are.
    pub queue_counts: QueueCounts,
    /// Faults and recorded requests, for an emulator.
    pub emulator: Option<Emulator>,
    /// Renders metrics, when a recorder was installed.
    pub metrics: Option<PrometheusHandle>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("tenant", &self.settings.tenant).finish_non_exhaustive()
    }
}

impl App {
    /// Puts an instance together. The signing key is read from the store's secrets, or made and kept there.
    pub fn new(
        settings: Settings,
        store: Store,
        service: Arc<dyn Service>,
        clock: Arc<Clock>,
    ) -> Result<Self, StartError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            key: signing_key(&store)?,
            issuers: IssuerKeys::new(client),
            seen_assertions: SeenAssertions::default(),
            limits: Limits::default(),
            secret_checks: Semaphore::new(MOST_SECRET_CHECKS),
            queue_counts: QueueCounts::default(),
            emulator: settings.emulator.then(Emulator::default),
            metrics: None,
            settings,
            store,
            service,
            clock,
        })
    }

    /// Renders metrics of `handle` at `/metrics`.
    pub fn with_metrics(mut self, handle: PrometheusHandle) -> Self {
        self.metrics = Some(handle);
        self
    }

    /// Whether the store can be written.
    pub fn store_answers(&self) -> Result<(), ApiError> {
        self.store.probe().map_err(ApiError::unavailable)
    }

    /// Sets the gauges of all queues: what waits, and how long the oldest has waited. The label is a digest of the job id:
    /// jobs are few, and ids carry the tenant.
    pub fn observe_queues(&self) -> Result<(), ApiError> {
        let now = self.clock.now();
        for job in self.store.jobs()? {
            let queue = self.store.queue_state(job.key)?;
            let lag = queue.oldest.map_or(0.0, |oldest| oldest.duration_until(now).as_secs_f64().max(0.0));
            let label = job_label(&job.id);
            metrics::gauge!("hirewire_queue_operations", "job" => label.clone()).set(queue.waiting as f64);
            metrics::gauge!("hirewire_queue_lag_seconds", "job" => label).set(lag);
        }
        Ok(())
    }
}

/// Reads the signing key, or makes one and keeps it.
fn signing_key(store: &Store) -> Result<SigningKey, StartError> {
    if let Some(der) = store.open_secret("signing", "access-token")? {
        return Ok(SigningKey::from_pkcs8(der.expose_secret())?);
    }
    let key = SigningKey::generate()?;
    store.put_secret("signing", "access-token", &key.to_pkcs8()?, Timestamp::now())?;
    Ok(key)
}

/// A short, stable label of a job for metrics.
pub fn job_label(id: &str) -> String {
    let digest = digest::digest(&digest::SHA256, id.to_ascii_lowercase().as_bytes());
    let template = id.split('.').next().unwrap_or_default();
    format!(
        "{template}-{}",
        digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}
