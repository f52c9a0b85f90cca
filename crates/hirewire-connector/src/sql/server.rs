//! SQL Server and Azure SQL: one session, TLS always, certificate verified.
//!
//! Not proved against a server: none can be had for the tests of this repository.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt as _;
use hirewire_workflow::expression::Value;
use hirewire_workflow::host::Secrets;
use secrecy::ExposeSecret as _;
use serde_json::{Number, Value as Json};
use tiberius::error::Error;
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, QueryItem};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::{Address, MAX_ROWS, Outcome, Row, SqlConfig};
use crate::failure::Failure;

type Session = Client<Compat<TcpStream>>;

/// The database.
pub(crate) struct SqlServer {
    config: SqlConfig,
    address: Address,
    vault: Arc<dyn Secrets>,
    session: Mutex<Option<Box<Session>>>,
}

impl SqlServer {
    pub(crate) fn new(config: SqlConfig, address: Address, vault: Arc<dyn Secrets>) -> Self {
        Self { config, address, vault, session: Mutex::default() }
    }

    async fn connect(&self) -> Result<Box<Session>, Failure> {
        let (mut host, mut port) = (self.address.host.clone(), self.address.port);
        // Azure's gateway sends the caller on to the node that has the database.
        for _ in 0..3 {
            let mut config = Config::new();
            config.host(&host);
            config.port(port);
            config.database(&self.address.database);
            config.application_name("hirewire");
            config.encryption(EncryptionLevel::Required);
            config.readonly(self.config.read_only);
            if let Some(file) = &self.config.ca_file {
                config.trust_cert_ca(file.display());
            }
            if let Some(password) = &self.config.password {
                let password = password.resolve(&self.vault).await?;
                config.authentication(AuthMethod::sql_server(&self.address.user, password.expose_secret()));
            }
            let place = format!("{host}:{port}");
            let opening = async {
                let stream = TcpStream::connect((host.as_str(), port))
                    .await
                    .map_err(|e| Error::Io { kind: e.kind(), message: e.to_string() })?;
                let _ = stream.set_nodelay(true);
                Box::pin(Client::connect(config, stream.compat_write())).await.map(Box::new)
            };
            match tokio::time::timeout(Duration::from_secs(20), opening).await {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(Error::Routing { host: other, port: at })) => (host, port) = (other, at),
                Ok(Err(Error::Server(e))) if e.code() == 18456 => {
                    return Err(Failure::unauthorized(format!(
                        "{place} does not accept the log-in of '{}'",
                        self.address.user
                    )));
                }
                Ok(Err(e)) => return Err(Failure::unreachable(format!("{place}: {e}"))),
                Err(_) => return Err(Failure::unreachable(format!("{place} does not answer"))),
            }
        }
        Err(Failure::unreachable("the server sends us from one node to the next"))
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
        let mut session = self.session.lock().await;
        let mut open = match session.take() {
            Some(open) => open,
            None => Box::pin(self.connect()).await?,
        };
        let running =
            tokio::time::timeout(Duration::from_secs(110), run_in(&mut open, sql, parameters)).await;
        let outcome = running.unwrap_or_else(|_| Err(Failure::unreachable("the statement took too long")));
        // A session in an unknown state is not used again.
        if !matches!(outcome, Err(Failure::Unreachable { .. })) {
            *session = Some(open);
        }
        outcome
    }
}

async fn run_in(session: &mut Session, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
    let mut query = tiberius::Query::new(sql.to_owned());
    for parameter in parameters {
        match parameter {
            Json::Null => query.bind(Option::<String>::None),
            Json::Bool(b) => query.bind(*b),
            Json::Number(n) => match n.as_i64() {
                Some(whole) => query.bind(whole),
                None => query.bind(n.as_f64().unwrap_or_default()),
            },
            value => query.bind(Value::from(value).to_text().into_owned()),
        }
    }
    let mut stream = query.query(session).await.map_err(|e| refused(&e))?;
    let mut outcome = Outcome::default();
    while let Some(item) = stream.try_next().await.map_err(|e| refused(&e))? {
        match item {
            QueryItem::Metadata(_) => outcome.sets.push(Vec::new()),
            QueryItem::Row(row) => {
                let Some(rows) = outcome.sets.last_mut() else { continue };
                if rows.len() >= MAX_ROWS {
                    return Err(Failure::bad(format!("the statement gives more than {MAX_ROWS} rows")));
                }
                let names: Vec<String> = row.columns().iter().map(|c| c.name().to_owned()).collect();
                rows.push(names.into_iter().zip(row.into_iter().map(json)).collect::<Row>());
            }
        }
    }
    // A statement without rows that got this far has done its work.
    outcome.affected = 1;
    Ok(outcome)
}

fn refused(error: &Error) -> Failure {
    match error {
        Error::Server(e) => {
            let message = format!("the database refuses the statement: {} ({})", e.message(), e.code());
            match e.code() {
                2601 | 2627 | 547 | 515 => Failure::Refused { status: 409, message },
                229 | 230 | 3906 => Failure::forbidden(message),
                208 | 2812 => Failure::missing(message),
                1205 | 1222 | 40197 | 40501 | 40613 => Failure::unreachable(message),
                _ => Failure::bad(message),
            }
        }
        e => Failure::unreachable(format!("the database went away: {e}")),
    }
}

fn json(value: ColumnData<'static>) -> Json {
    let float = |f: Option<f64>| f.and_then(Number::from_f64).map_or(Json::Null, Json::Number);
    match value {
        ColumnData::U8(v) => Json::from(v),
        ColumnData::I16(v) => Json::from(v),
        ColumnData::I32(v) => Json::from(v),
        ColumnData::I64(v) => Json::from(v),
        ColumnData::F32(v) => float(v.map(f64::from)),
        ColumnData::F64(v) => float(v),
        ColumnData::Bit(v) => Json::from(v),
        ColumnData::String(v) => Json::from(v.map(|v| v.into_owned())),
        ColumnData::Guid(v) => Json::from(v.map(|v| v.to_string())),
        ColumnData::Binary(v) => Json::from(v.map(|v| STANDARD.encode(v))),
        ColumnData::Numeric(v) => v.map_or(Json::Null, |v| super::number(&v.to_string())),
        ColumnData::Xml(v) => Json::from(v.map(|v| v.as_ref().as_ref().to_owned())),
        other => moment(&other),
    }
}

/// Dates and times as the service writes them.
fn moment(value: &ColumnData<'static>) -> Json {
    let text = match value {
        ColumnData::DateTime(Some(v)) => {
            at(days(1900, i64::from(v.days())), i64::from(v.seconds_fragments()) * 10_000_000 / 3, "")
        }
        ColumnData::SmallDateTime(Some(v)) => {
            at(days(1900, i64::from(v.days())), i64::from(v.seconds_fragments()) * 60_000_000_000, "")
        }
        ColumnData::Date(Some(v)) => at(days(1, i64::from(v.days())), 0, ""),
        ColumnData::DateTime2(Some(v)) => at(days(1, i64::from(v.date().days())), nanoseconds(v.time()), ""),
        ColumnData::DateTimeOffset(Some(v)) => {
            let v = v.datetime2();
            at(days(1, i64::from(v.date().days())), nanoseconds(v.time()), "Z")
        }
        ColumnData::Time(Some(v)) => at(days(1900, 0), nanoseconds(*v), "")
            .and_then(|t| t.split_once('T').map(|(_, time)| time.to_owned())),
        _ => None,
    };
    Json::from(text)
}

fn days(year: i16, days: i64) -> Option<jiff::civil::Date> {
    jiff::Span::new().try_days(days).and_then(|s| jiff::civil::date(year, 1, 1).checked_add(s)).ok()
}

fn nanoseconds(time: tiberius::time::Time) -> i64 {
    let unit = 10i64.saturating_pow(9u32.saturating_sub(u32::from(time.scale())));
    i64::try_from(time.increments()).unwrap_or(0).saturating_mul(unit)
}

fn at(date: Option<jiff::civil::Date>, nanoseconds: i64, zone: &str) -> Option<String> {
    let span = jiff::Span::new().try_nanoseconds(nanoseconds).ok()?;
    let at = date?.at(0, 0, 0, 0).checked_add(span).ok()?;
    Some(format!("{at}{zone}"))
}
