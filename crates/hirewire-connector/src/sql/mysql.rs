//! MariaDB and MySQL: a pool of sessions, TLS verified.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hirewire_workflow::host::Secrets;
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{
    Column, Conn, Error, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts, SslOpts, Value,
};
use secrecy::ExposeSecret as _;
use serde_json::{Number, Value as Json};
use tokio::sync::Mutex;

use super::{Address, MAX_ROWS, Outcome, Row, SqlConfig};
use crate::failure::Failure;

const STATEMENT_TIMEOUT: Duration = Duration::from_secs(110);
/// The character set of bytes.
const BINARY: u16 = 63;

/// The database.
pub(crate) struct MySql {
    config: SqlConfig,
    address: Address,
    vault: Arc<dyn Secrets>,
    pool: Mutex<Option<Pool>>,
}

impl MySql {
    pub(crate) fn new(config: SqlConfig, address: Address, vault: Arc<dyn Secrets>) -> Self {
        Self { config, address, vault, pool: Mutex::default() }
    }

    async fn pool(&self) -> Result<Pool, Failure> {
        let mut pool = self.pool.lock().await;
        if let Some(pool) = pool.as_ref() {
            return Ok(pool.clone());
        }
        let mut setup = vec!["SET NAMES utf8mb4".to_owned(), "SET time_zone = '+00:00'".to_owned()];
        if self.config.read_only {
            setup.push("SET SESSION TRANSACTION READ ONLY".into());
        }
        let constraints = PoolConstraints::new(0, 8).unwrap_or_default();
        let mut options = OptsBuilder::default()
            .ip_or_hostname(&self.address.host)
            .tcp_port(self.address.port)
            .user(Some(&self.address.user))
            .db_name(Some(&self.address.database))
            .prefer_socket(false)
            .client_found_rows(true)
            .setup(setup)
            .pool_opts(PoolOpts::new().with_constraints(constraints));
        if let Some(password) = &self.config.password {
            options = options.pass(Some(password.resolve(&self.vault).await?.expose_secret()));
        }
        if self.config.ca_file.is_some() || !self.address.is_loopback() {
            let mut tls = SslOpts::default();
            if let Some(file) = &self.config.ca_file {
                tls = tls.with_root_certs(vec![file.clone().into()]).with_disable_built_in_roots(true);
            }
            options = options.ssl_opts(tls);
        }
        let made = Pool::new(options);
        *pool = Some(made.clone());
        Ok(made)
    }

    /// A session of its own, for statements that belong together.
    pub(crate) async fn session(&self) -> Result<Conn, Failure> {
        let pool = self.pool().await?;
        let waited = tokio::time::timeout(Duration::from_secs(20), pool.get_conn()).await;
        let place = format!("{}:{}", self.address.host, self.address.port);
        match waited {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                // A changed password is read anew at the next attempt.
                self.pool.lock().await.take();
                Err(match &error {
                    Error::Server(e) if [1044, 1045, 1698].contains(&e.code) => Failure::unauthorized(
                        format!("{place} does not accept the log-in of '{}'", self.address.user),
                    ),
                    Error::Server(e) => Failure::broken(format!("{place}: {} ({})", e.message, e.code)),
                    e => Failure::unreachable(format!("{place}: {e}")),
                })
            }
            Err(_) => Err(Failure::unreachable(format!("{place} does not answer"))),
        }
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
        let mut session = self.session().await?;
        run_in(&mut session, sql, parameters).await
    }
}

/// Runs one statement in a session.
pub(crate) async fn run_in(session: &mut Conn, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
    let running = async {
        let values: Vec<Value> = parameters.iter().map(value).collect();
        let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut result = session.exec_iter(sql, values).await.map_err(|e| refused(&e))?;
        let inserted = result.last_insert_id().filter(|id| *id > 0).and_then(|id| i64::try_from(id).ok());
        let mut outcome = Outcome { affected: result.affected_rows(), inserted, ..Outcome::default() };
        while !result.is_empty() {
            let columns = result.columns();
            let mut rows = Vec::new();
            if let Some(mut stream) = result.stream::<mysql_async::Row>().await.map_err(|e| refused(&e))? {
                while let Some(row) = stream.next().await {
                    let row = row.map_err(|e| refused(&e))?;
                    if rows.len() >= MAX_ROWS {
                        return Err(Failure::bad(format!("the statement gives more than {MAX_ROWS} rows")));
                    }
                    rows.push(as_row(row));
                }
            } else {
                break;
            }
            if columns.as_ref().is_some_and(|c| !c.is_empty()) {
                outcome.sets.push(rows);
            }
        }
        Ok(outcome)
    };
    tokio::time::timeout(STATEMENT_TIMEOUT, running)
        .await
        .unwrap_or_else(|_| Err(Failure::unreachable("the statement took too long")))
}

fn refused(error: &Error) -> Failure {
    match error {
        Error::Server(e) => {
            let message = format!("the database refuses the statement: {} ({})", e.message, e.code);
            match e.code {
                1062 | 1048 | 1451 | 1452 | 4025 => Failure::Refused { status: 409, message },
                1142 | 1143 | 1227 | 1792 => Failure::forbidden(message),
                1146 | 1305 => Failure::missing(message),
                1205 | 1213 | 1969 => Failure::unreachable(message),
                _ => Failure::bad(message),
            }
        }
        Error::Io(e) => Failure::unreachable(format!("the database went away: {e}")),
        e => Failure::bad(format!("the database refuses the statement: {e}")),
    }
}

/// A value of the definition. Moments are written as this database reads them.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::NULL,
        Json::Bool(b) => Value::Int(i64::from(*b)),
        Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(i), ..) => Value::Int(i),
            (_, Some(u), _) => Value::UInt(u),
            (.., f) => Value::Double(f.unwrap_or_default()),
        },
        Json::String(text) => Value::Bytes(moment(text).unwrap_or_else(|| text.clone()).into_bytes()),
        other => Value::Bytes(other.to_string().into_bytes()),
    }
}

/// `2026-01-31T08:00:00Z` → `2026-01-31 08:00:00`; an offset is turned into UTC, the session's zone.
fn moment(text: &str) -> Option<String> {
    let shaped = text.len() >= 19
        && text.as_bytes().get(10) == Some(&b'T')
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if !shaped {
        return None;
    }
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?,
    };
    Some(at.strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}

fn as_row(mut row: mysql_async::Row) -> Row {
    let columns = row.columns();
    let mut out = Row::new();
    for (n, column) in columns.iter().enumerate() {
        let value = row.take(n).unwrap_or(Value::NULL);
        out.insert(column.name_str().into_owned(), json(value, column));
    }
    out
}

fn json(value: Value, column: &Column) -> Json {
    match value {
        Value::NULL => Json::Null,
        Value::Int(i) => Json::from(i),
        Value::UInt(u) => Json::from(u),
        Value::Float(f) => Number::from_f64(f64::from(f)).map_or(Json::Null, Json::Number),
        Value::Double(f) => Number::from_f64(f).map_or(Json::Null, Json::Number),
        // Zero dates are no dates.
        Value::Date(0, ..) | Value::Date(_, 0, ..) | Value::Date(_, _, 0, ..) => Json::Null,
        Value::Date(year, month, day, hour, minute, second, micro) => {
            let fraction = if micro == 0 { String::new() } else { format!(".{micro:06}") };
            let fraction = fraction.trim_end_matches('0');
            Json::from(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}"))
        }
        Value::Time(negative, days, hours, minutes, seconds, micro) => {
            let sign = if negative { "-" } else { "" };
            let fraction = if micro == 0 { String::new() } else { format!(".{micro:06}") };
            Json::from(format!(
                "{sign}{:02}:{minutes:02}:{seconds:02}{fraction}",
                days * 24 + u32::from(hours)
            ))
        }
        Value::Bytes(bytes) => match column.column_type() {
            ColumnType::MYSQL_TYPE_NEWDECIMAL | ColumnType::MYSQL_TYPE_DECIMAL => {
                super::number(&String::from_utf8_lossy(&bytes))
            }
            ColumnType::MYSQL_TYPE_BIT => {
                let number = bytes.iter().take(8).fold(0u64, |n, b| (n << 8) | u64::from(*b));
                if column.column_length() == 1 { Json::from(number == 1) } else { Json::from(number) }
            }
            _ if column.character_set() == BINARY && is_bytes(column.column_type()) => {
                Json::from(STANDARD.encode(bytes))
            }
            _ => Json::from(String::from_utf8_lossy(&bytes)),
        },
    }
}

fn is_bytes(kind: ColumnType) -> bool {
    use ColumnType::{
        MYSQL_TYPE_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_STRING,
        MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_VARCHAR,
    };
    matches!(
        kind,
        MYSQL_TYPE_BLOB
            | MYSQL_TYPE_LONG_BLOB
            | MYSQL_TYPE_MEDIUM_BLOB
            | MYSQL_TYPE_TINY_BLOB
            | MYSQL_TYPE_STRING
            | MYSQL_TYPE_VAR_STRING
            | MYSQL_TYPE_VARCHAR
    )
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_are_written_for_the_database() {
        assert_eq!(moment("2026-01-31T08:00:00Z").as_deref(), Some("2026-01-31 08:00:00"));
        assert_eq!(moment("2026-01-31T08:00:00+02:00").as_deref(), Some("2026-01-31 06:00:00"));
        assert_eq!(moment("2026-01-31T08:00:00").as_deref(), Some("2026-01-31 08:00:00"));
        assert_eq!(moment("2026-01-31"), None);
        assert_eq!(moment("not a moment at all, T"), None);
    }
}
