//! What the running service tells about itself: lines on standard error, and traces for a collector.
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::report::Report;

/// What is told on standard error when `HIREWIRE_LOG` says nothing else, in the form of `RUST_LOG`.
const DEFAULT_LEVELS: &str = "warn";
/// Variables by which OpenTelemetry's own configuration names a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Longest wait for a collector.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends what is left when it is dropped.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            let _ = provider.shutdown();
        }
    }
}

/// Installs both. `collector` is the root of an OTLP/HTTP collector, such as `http://localhost:4318`; without it, traces go where
/// the environment says, or nowhere. Must be called outside of the async runtime, once.
pub(crate) fn install(collector: Option<&str>) -> Result<Telemetry, Report> {
    let levels = std::env::var("HIREWIRE_LOG").unwrap_or_else(|_| DEFAULT_LEVELS.into());
    let levels = EnvFilter::try_new(&levels).map_err(|error| {
        Report::new(format!("HIREWIRE_LOG: {error}")).help("write `info` or `hirewire_server=debug`")
    })?;
    let lines = fmt::layer().with_writer(std::io::stderr).with_filter(levels);
    let named = ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let provider = match (collector, named) {
        (None, false) => None,
        (collector, _) => Some(provider(collector)?),
    };
    let traces = provider.as_ref().map(|provider| {
        // Our own spans only: the exporter's client makes some too.
        let ours = ["hirewire", "hirewire_server", "hirewire_job"].map(|name| (name, LevelFilter::INFO));
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("hirewire"))
            .with_location(false)
            .with_filter(Targets::new().with_targets(ours))
    });
    // A second call in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(lines).with(traces).try_init();
    Ok(Telemetry(provider))
}

fn provider(collector: Option<&str>) -> Result<SdkTracerProvider, Report> {
    let mut exporter =
        SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_timeout(PATIENCE);
    if let Some(root) = collector {
        exporter = exporter.with_endpoint(format!("{}/v1/traces", root.trim_end_matches('/')));
    }
    let exporter =
        exporter.build().map_err(|error| Report::new(format!("traces cannot be exported: {error}")))?;
    let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "hirewire".into());
    let resource = Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
