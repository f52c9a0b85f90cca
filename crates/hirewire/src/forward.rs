//! The provisioning log leaves the house: a webhook, an OpenTelemetry collector, syslog; and it goes when its time has come.
//!
//! Each receiver has a mark of its own in the store, moved after it has taken a slice: what it did not take is sent again,
//! over a restart, too. So every entry arrives at least once, in order.
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use hirewire_server::log::render::{self, Systems};
use hirewire_server::request::Version;
use hirewire_store::Store;
use hirewire_store::log::{LogEntry, LogStatus};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::logs;
use crate::context::Context;
use crate::report::Report;

/// Entries sent at once.
const SLICE: usize = 200;
/// How often new entries are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Longest pause after a receiver refused.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often old entries are looked for.
const RETENTION: Duration = Duration::from_secs(3600);
/// Entries deleted in one transaction, so that nobody waits long.
const DELETED: usize = 2_000;

/// `[log]` of the project file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSection {
    /// Days that an entry is kept; older ones are deleted by `serve` and by `sync`. For ever when left out.
    pub(crate) days: Option<u32>,
    /// Each entry is posted as JSON: an array of records as in `auditLogs/provisioning`.
    pub(crate) webhook: Option<Webhook>,
    /// Base URL of an OpenTelemetry collector, such as `http://localhost:4318`: entries go to `/v1/logs` (OTLP over HTTP, JSON).
    pub(crate) otlp: Option<String>,
    /// A syslog server, such as `udp://loghost:514` or `tcp://loghost:601`: RFC 5424, the record as message.
    pub(crate) syslog: Option<String>,
}

/// Where entries are posted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// The URL.
    pub(crate) url: String,
    /// Name of an environment variable whose value is sent as bearer token.
    #[serde(default)]
    pub(crate) token_env: Option<String>,
}

/// Somebody who takes entries.
enum Receiver {
    Webhook { url: String, token: Option<String>, client: reqwest::blocking::Client },
    Otlp { url: String, client: reqwest::blocking::Client },
    Udp { address: String, socket: UdpSocket },
    Tcp { address: String, stream: Option<TcpStream> },
}

/// Starts to send and to delete, each receiver in a thread of its own.
pub(crate) fn start(context: &Context) -> Result<(), Report> {
    let section = &context.project.file.log;
    let systems = logs::systems(context)?;
    for (name, receiver) in receivers(section)? {
        let (store, systems) = (context.store.clone(), systems.clone());
        let mark = format!("log.sent.{name}");
        std::thread::Builder::new()
            .name(format!("log-{name}"))
            .spawn(move || forward(&store, &mark, receiver, &systems))?;
    }
    if let Some(days) = section.days {
        let store = context.store.clone();
        std::thread::Builder::new().name("log-retention".into()).spawn(move || {
            loop {
                if let Err(error) = retain(&store, Some(days), Timestamp::now()) {
                    tracing::warn!(%error, "old log entries cannot be deleted");
                }
                std::thread::sleep(RETENTION);
            }
        })?;
    }
    Ok(())
}

/// Deletes what is older than the project keeps.
pub(crate) fn retain(store: &Store, days: Option<u32>, now: Timestamp) -> Result<(), Report> {
    let Some(days) = days else { return Ok(()) };
    let age = SignedDuration::from_hours(24 * i64::from(days));
    let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
    while store.delete_log_before(before, DELETED)? == DELETED as u64 {}
    Ok(())
}

fn receivers(section: &LogSection) -> Result<Vec<(&'static str, Receiver)>, Report> {
    let client = || {
        reqwest::blocking::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Report::new(format!("no HTTP client can be made: {error}")))
    };
    let mut all = Vec::new();
    if let Some(webhook) = &section.webhook {
        let token = match &webhook.token_env {
            None => None,
            Some(name) => Some(std::env::var(name).map_err(|_| {
                Report::new(format!("log.webhook.token_env: the environment has no variable {name}"))
            })?),
        };
        all.push(("webhook", Receiver::Webhook { url: webhook.url.clone(), token, client: client()? }));
    }
    if let Some(base) = &section.otlp {
        let url = format!("{}/v1/logs", base.trim_end_matches('/').trim_end_matches("/v1/logs"));
        all.push(("otlp", Receiver::Otlp { url, client: client()? }));
    }
    if let Some(text) = &section.syslog {
        all.push(("syslog", syslog(text)?));
    }
    Ok(all)
}

fn syslog(text: &str) -> Result<Receiver, Report> {
    let wrong = || {
        Report::new(format!("log.syslog: `{text}` is no address of a syslog server"))
            .help("write udp://HOST:514 or tcp://HOST:601")
    };
    let (kind, address) = text.split_once("://").ok_or_else(wrong)?;
    let address = address.trim_end_matches('/').to_owned();
    if address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(wrong());
    }
    match kind {
        "udp" => Ok(Receiver::Udp { address, socket: UdpSocket::bind("0.0.0.0:0")? }),
        "tcp" => Ok(Receiver::Tcp { address, stream: None }),
        _ => Err(wrong()),
    }
}

/// Sends what is new, for ever.
fn forward(store: &Store, mark: &str, mut receiver: Receiver, systems: &Systems) {
    let mut pause = LOOK;
    loop {
        match slice(store, mark, &mut receiver, systems) {
            Ok(SLICE) => pause = Duration::ZERO,
            Ok(_) => pause = LOOK,
            Err(error) => {
                tracing::warn!(receiver = mark, error, "log entries were not taken; they are sent again");
                pause = (pause.max(LOOK) * 2).min(LONGEST);
            }
        }
        std::thread::sleep(pause);
    }
}

/// Sends one slice; returns how many entries it had.
fn slice(store: &Store, mark: &str, receiver: &mut Receiver, systems: &Systems) -> Result<usize, String> {
    let text = |error: hirewire_store::StoreError| error.to_string();
    let from = match store.setting(mark).map_err(text)?.and_then(|known| known.parse().ok()) {
        Some(from) => from,
        // Whoever is new gets what comes from now on.
        None => {
            let end = store.log_end().map_err(text)?;
            store.set_setting(mark, Some(&end.to_string())).map_err(text)?;
            end
        }
    };
    let (entries, end) = store.log_since(from, None, SLICE).map_err(text)?;
    if entries.is_empty() {
        return Ok(0);
    }
    receiver.send(&entries, systems)?;
    store.set_setting(mark, Some(&end.to_string())).map_err(text)?;
    Ok(entries.len())
}

impl Receiver {
    fn send(&mut self, entries: &[LogEntry], systems: &Systems) -> Result<(), String> {
        match self {
            Self::Webhook { url, token, client } => {
                let records: Vec<Value> =
                    entries.iter().map(|entry| render::record(entry, systems, Version::V1)).collect();
                let mut request = client.post(url.as_str()).body(Value::Array(records).to_string());
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                answered(request)
            }
            Self::Otlp { url, client } => {
                answered(client.post(url.as_str()).body(otlp(entries, systems).to_string()))
            }
            Self::Udp { address, socket } => entries.iter().try_for_each(|entry| {
                let message = rfc5424(entry, systems);
                socket.send_to(message.as_bytes(), address.as_str()).map(|_| ()).map_err(|e| e.to_string())
            }),
            Self::Tcp { address, stream } => {
                let sent = tcp(address, stream, entries, systems);
                if sent.is_err() {
                    *stream = None;
                }
                sent.map_err(|error| error.to_string())
            }
        }
    }
}

fn answered(request: reqwest::blocking::RequestBuilder) -> Result<(), String> {
    let request = request.header("content-type", "application/json");
    let answer = request.send().map_err(|error| error.without_url().to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("HTTP status {}", answer.status())) }
}

/// Octet counting (RFC 6587 §3.4.1): the message's length stands before it.
fn tcp(
    address: &str,
    stream: &mut Option<TcpStream>,
    entries: &[LogEntry],
    systems: &Systems,
) -> std::io::Result<()> {
    if stream.is_none() {
        let made = TcpStream::connect(address)?;
        made.set_write_timeout(Some(TIMEOUT))?;
        *stream = Some(made);
    }
    let Some(stream) = stream else { return Ok(()) };
    for entry in entries {
        let message = rfc5424(entry, systems);
        stream.write_all(format!("{} {message}", message.len()).as_bytes())?;
    }
    stream.flush()
}

/// One entry as a syslog message: facility 10 (security/authorization), the record as JSON.
fn rfc5424(entry: &LogEntry, systems: &Systems) -> String {
    let severity = match entry.entry.status {
        LogStatus::Failure => 3,
        LogStatus::Warning => 4,
        LogStatus::Success | LogStatus::Skipped => 6,
    };
    let record = render::record(entry, systems, Version::V1);
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty() && name.is_ascii());
    format!(
        "<{}>1 {} {} hirewire {} provisioning - {record}",
        10 * 8 + severity,
        entry.entry.time,
        host.as_deref().unwrap_or("-"),
        std::process::id()
    )
}

/// Entries as an OTLP `ExportLogsServiceRequest` in JSON.
fn otlp(entries: &[LogEntry], systems: &Systems) -> Value {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let records: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let e = &entry.entry;
            let (number, word) = match e.status {
                LogStatus::Failure => (17, "ERROR"),
                LogStatus::Warning => (13, "WARN"),
                LogStatus::Success | LogStatus::Skipped => (9, "INFO"),
            };
            let mut attributes = vec![
                text("hirewire.job", &entry.job_id),
                text("hirewire.action", e.action.as_str()),
                text("hirewire.status", e.status.as_str()),
                text("hirewire.source.id", &e.source),
            ];
            attributes.extend(e.target.as_deref().map(|target| text("hirewire.target.id", target)));
            attributes.extend(e.error_code.as_deref().map(|code| text("error.type", code)));
            json!({
                "timeUnixNano": e.time.as_nanosecond().to_string(),
                "severityNumber": number,
                "severityText": word,
                "body": { "stringValue": render::record(entry, systems, Version::V1).to_string() },
                "attributes": attributes,
            })
        })
        .collect();
    json!({
        "resourceLogs": [{
            "resource": { "attributes": [text("service.name", "hirewire")] },
            "scopeLogs": [{ "scope": { "name": "hirewire.provisioning" }, "logRecords": records }],
        }]
    })
}
