//! PostgreSQL: one session, TLS verified, parameters as text that the server reads, values by their type.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use hirewire_workflow::expression::Value;
use hirewire_workflow::host::Secrets;
use secrecy::ExposeSecret as _;
use serde_json::{Number, Value as Json};
use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Address, MAX_ROWS, Outcome, Row, SqlConfig};
use crate::failure::Failure;

/// Longest statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(110);

/// The database.
pub(crate) struct Postgres {
    config: SqlConfig,
    address: Address,
    vault: Arc<dyn Secrets>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Postgres {
    pub(crate) fn new(config: SqlConfig, address: Address, vault: Arc<dyn Secrets>) -> Self {
        Self { config, address, vault, client: Mutex::default() }
    }

    async fn connect(&self) -> Result<Client, Failure> {
        let place = format!("{}:{}", self.address.host, self.address.port);
        let secure = self.config.ca_file.is_some() || !self.address.is_loopback();
        let mut config = Config::new();
        config
            .host(&self.address.host)
            .port(self.address.port)
            .user(&self.address.user)
            .dbname(&self.address.database)
            .application_name("hirewire")
            .connect_timeout(Duration::from_secs(15))
            .ssl_mode(if secure { SslMode::Require } else { SslMode::Disable });
        let read_only = if self.config.read_only { " -c default_transaction_read_only=on" } else { "" };
        let millis = STATEMENT_TIMEOUT.as_millis();
        config.options(format!("-c statement_timeout={millis} -c TimeZone=UTC{read_only}"));
        if let Some(password) = &self.config.password {
            config.password(password.resolve(&self.vault).await?.expose_secret());
        }
        let failed = |e: tokio_postgres::Error| match e.code() {
            Some(code) if code.code().starts_with("28") => Failure::unauthorized(format!(
                "{place} does not accept the log-in of '{}'",
                self.address.user
            )),
            Some(_) => Failure::broken(format!("{place}: {}", said(&e))),
            None => Failure::unreachable(format!("{place}: {}", said(&e))),
        };
        if secure {
            let tls = MakeRustlsConnect::new(crate::tls::client(self.config.ca_file.as_deref())?);
            let (client, connection) = config.connect(tls).await.map_err(failed)?;
            tokio::spawn(async move { drop(connection.await) });
            return Ok(client);
        }
        let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    async fn client(&self) -> Result<Arc<Client>, Failure> {
        let mut client = self.client.lock().await;
        if let Some(open) = client.as_ref().filter(|c| !c.is_closed()) {
            return Ok(Arc::clone(open));
        }
        let opened = Arc::new(self.connect().await?);
        *client = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
        let client = self.client().await?;
        let failed = |e: tokio_postgres::Error| refused(&e);
        let statement = client.prepare(sql).await.map_err(failed)?;
        let parameters: Vec<Parameter<'_>> = parameters.iter().map(Parameter).collect();
        if statement.params().len() != parameters.len() {
            return Err(Failure::bad(format!(
                "the statement has {} parameters, {} were given",
                statement.params().len(),
                parameters.len()
            )));
        }
        let stream = client.query_raw(&statement, parameters).await.map_err(failed)?;
        let mut stream = std::pin::pin!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await.map_err(failed)? {
            if rows.len() >= MAX_ROWS {
                return Err(Failure::bad(format!("the statement gives more than {MAX_ROWS} rows")));
            }
            let mut out = Row::new();
            for (n, column) in row.columns().iter().enumerate() {
                let value: Option<Cell> = row.try_get(n).map_err(failed)?;
                out.insert(column.name().to_owned(), value.map_or(Json::Null, |c| c.0));
            }
            rows.push(out);
        }
        let affected = stream.rows_affected().unwrap_or(0);
        let has_rows = !statement.columns().is_empty();
        Ok(Outcome { sets: if has_rows { vec![rows] } else { Vec::new() }, affected, inserted: None })
    }
}

/// The server's words, without the values it may quote in its detail.
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.source().map_or_else(|| error.to_string(), |s| format!("{error}: {s}")),
    }
}

fn refused(error: &tokio_postgres::Error) -> Failure {
    let message = format!("the database refuses the statement: {}", said(error));
    match error.code().map(|c| c.code().to_owned()) {
        Some(code) if code.starts_with("23") => Failure::Refused { status: 409, message },
        Some(code) if code == "42501" || code == "25006" => Failure::forbidden(message),
        Some(code) if code == "42P01" || code == "42883" => Failure::missing(message),
        Some(code) if code.starts_with("57") || code.starts_with("53") || code.starts_with("40") => {
            Failure::unreachable(message)
        }
        Some(_) => Failure::bad(message),
        None if error.is_closed() => Failure::unreachable(format!("the database went away: {}", said(error))),
        None => Failure::bad(message),
    }
}

/// A value as text; the server reads it in the type it needs.
#[derive(Debug)]
struct Parameter<'v>(&'v Json);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let text = match self.0 {
            Json::Null => return Ok(IsNull::Yes),
            Json::Bool(b) => b.to_string(),
            Json::String(text) if *ty == Type::BYTEA => {
                let bytes = STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes());
                format!("\\x{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
            value if *ty == Type::JSON || *ty == Type::JSONB => match value {
                // Text that is JSON is taken as it is.
                Json::String(text) if serde_json::from_str::<Json>(text).is_ok() => text.clone(),
                value => value.to_string(),
            },
            value => Value::from(value).to_text().into_owned(),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A column's value as JSON.
struct Cell(Json);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        decode(ty, raw).map(Cell)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

type Decoded = Result<Json, Box<dyn StdError + Sync + Send>>;

fn decode(ty: &Type, raw: &[u8]) -> Decoded {
    if let Kind::Domain(inner) = ty.kind() {
        return decode(inner, raw);
    }
    if let Kind::Array(inner) = ty.kind() {
        return array(inner, raw);
    }
    Ok(match *ty {
        Type::BOOL => Json::from(bool::from_sql(ty, raw)?),
        Type::INT2 => Json::from(i16::from_sql(ty, raw)?),
        Type::INT4 => Json::from(i32::from_sql(ty, raw)?),
        Type::INT8 => Json::from(i64::from_sql(ty, raw)?),
        Type::OID | Type::XID => Json::from(u32::from_be_bytes(raw.try_into()?)),
        Type::XID8 => Json::from(u64::from_be_bytes(raw.try_into()?)),
        Type::FLOAT4 => float(f64::from(f32::from_sql(ty, raw)?)),
        Type::FLOAT8 => float(f64::from_sql(ty, raw)?),
        Type::NUMERIC => numeric(raw)?,
        Type::BYTEA => Json::from(STANDARD.encode(raw)),
        Type::UUID => Json::from(uuid::Uuid::from_slice(raw)?.to_string()),
        Type::DATE => date(i32::from_be_bytes(raw.try_into()?)),
        Type::TIMESTAMP => moment(i64::from_be_bytes(raw.try_into()?), ""),
        Type::TIMESTAMPTZ => moment(i64::from_be_bytes(raw.try_into()?), "Z"),
        Type::TIME => time(i64::from_be_bytes(raw.try_into()?)),
        Type::JSONB => Json::from(String::from_utf8_lossy(raw.get(1..).unwrap_or_default())),
        // Text, names, enumerations, JSON as text; a type without a text form comes as its bytes.
        _ => match std::str::from_utf8(raw) {
            Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
                Json::from(text)
            }
            _ => Json::from(STANDARD.encode(raw)),
        },
    })
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| Json::from(value.to_string()), Json::Number)
}

/// Base-10000 digits with a weight (PostgreSQL's `numeric_send`).
fn numeric(raw: &[u8]) -> Decoded {
    let word = |n: usize| -> Result<u16, Box<dyn StdError + Sync + Send>> {
        let bytes = raw.get(n * 2..n * 2 + 2).ok_or("a numeric value is cut off")?;
        Ok(u16::from_be_bytes(bytes.try_into()?))
    };
    let (count, weight, sign, scale) =
        (word(0)?, i32::from(word(1)? as i16), word(2)?, usize::from(word(3)?));
    match sign {
        0xC000 => return Ok(Json::from("NaN")),
        0xD000 => return Ok(Json::from("Infinity")),
        0xF000 => return Ok(Json::from("-Infinity")),
        _ => {}
    }
    let digit = |place: i32| -> Result<u16, Box<dyn StdError + Sync + Send>> {
        let n = weight - place;
        if n < 0 || n >= i32::from(count) { Ok(0) } else { word(4 + n as usize) }
    };
    let mut text = String::new();
    for place in (0..=weight.max(0)).rev() {
        let digits = digit(place)?;
        text.push_str(&if text.is_empty() { digits.to_string() } else { format!("{digits:04}") });
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < scale {
            fraction.push_str(&format!("{:04}", digit(place)?));
            place -= 1;
        }
        text.push('.');
        text.push_str(&fraction[..scale]);
    }
    if sign == 0x4000 {
        text.insert(0, '-');
    }
    Ok(super::number(&text))
}

fn date(days: i32) -> Json {
    let epoch = jiff::civil::date(2000, 1, 1);
    match jiff::Span::new().try_days(days).and_then(|s| epoch.checked_add(s)) {
        Ok(date) => Json::from(format!("{date}T00:00:00")),
        // `infinity` and years that no calendar here knows.
        Err(_) => Json::Null,
    }
}

fn moment(micros: i64, zone: &str) -> Json {
    let epoch = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
    match jiff::Span::new().try_microseconds(micros).and_then(|s| epoch.checked_add(s)) {
        Ok(at) => Json::from(format!("{at}{zone}")),
        Err(_) => Json::Null,
    }
}

fn time(micros: i64) -> Json {
    let midnight = jiff::civil::time(0, 0, 0, 0);
    match jiff::Span::new().try_microseconds(micros).and_then(|s| midnight.checked_add(s)) {
        Ok(at) => Json::from(at.to_string()),
        Err(_) => Json::from("24:00:00"),
    }
}

/// A one-dimensional array; one of more dimensions comes flat.
fn array(inner: &Type, raw: &[u8]) -> Decoded {
    let int = |at: usize| -> Result<i32, Box<dyn StdError + Sync + Send>> {
        Ok(i32::from_be_bytes(raw.get(at..at + 4).ok_or("an array is cut off")?.try_into()?))
    };
    let dimensions = usize::try_from(int(0)?)?;
    let mut at = 12 + dimensions.min(8) * 8;
    let mut out = Vec::new();
    while at < raw.len() {
        let length = int(at)?;
        at += 4;
        match usize::try_from(length) {
            Ok(length) => {
                out.push(decode(inner, raw.get(at..at + length).ok_or("an array is cut off")?)?);
                at += length;
            }
            Err(_) => out.push(Json::Null),
        }
    }
    Ok(Json::Array(out))
}

#[cfg(test)]
mod tests {
    use super::{date, moment, numeric};
    use serde_json::json;

    #[test]
    fn numbers_are_decoded() {
        let check = |words: &[u16], wanted: serde_json::Value| {
            let raw: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
            assert_eq!(numeric(&raw).expect("number"), wanted);
        };
        check(&[0, 0, 0, 0], json!(0));
        check(&[2, 1, 0, 0, 1, 2], json!(10_002));
        check(&[2, 0, 0x4000, 2, 12, 3400], json!(-12.34));
        check(&[1, 0xFFFF, 0, 4, 1], json!(0.0001));
        check(&[1, 1, 0, 0, 5], json!(50_000));
        check(&[0, 0, 0xC000, 0], json!("NaN"));
        assert!(numeric(&[0, 2, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(numeric(&[]).is_err());
    }

    #[test]
    fn moments_are_decoded() {
        assert_eq!(date(9_527), json!("2026-01-31T00:00:00"));
        assert_eq!(date(i32::MAX), json!(null));
        assert_eq!(moment(0, "Z"), json!("2000-01-01T00:00:00Z"));
        assert_eq!(moment(1_500_000, ""), json!("2000-01-01T00:00:01.5"));
        assert_eq!(moment(i64::MAX, ""), json!(null));
    }
}
