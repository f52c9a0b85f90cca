//! Row triggers: "when an item is created" by the identity column, "when an item is modified" by a row version
//! (`spec/workflows.md` §11.3, `spec/sources.md` §6).
//!
//! Commits do not come in the order of their keys and times. Two answers: PostgreSQL's own row version is read up to the
//! lowest transaction that is still open, so nothing can come late; columns are read again some way back from the
//! cursor, and what has fired already is left out.

use hirewire_workflow::host::{ConnectorCall, PollFrom, Polled, firing, unknown_trigger};
use hirewire_workflow::run::Answer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::rows::keys;
use super::{Database, Dialect, Row, SqlConfig, Table, managed, text};
use crate::failure::Failure;

/// Rows of one poll.
const BATCH: u64 = 500;
/// How far back a numeric column is read again: rows whose transaction took its number early and commits late.
const NUMBERS_BACK: i64 = 1_000;
/// The same for a column of moments.
const SECONDS_BACK: i64 = 120;
/// Name of the version in our result; no table has it.
const VERSION: &str = "hirewire_row_version";

/// What a trigger watches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    /// An expression that grows.
    version: String,
    /// Whether it is a moment.
    moments: bool,
    /// A condition that holds back what may still change.
    held: Option<String>,
    /// How far back from the cursor is read again.
    back: i64,
}

/// How far a trigger has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// The highest version that fired, as text.
    at: Option<String>,
    /// Rows at and shortly before it that have fired, by hash.
    seen: Vec<String>,
}

/// Looks for rows that are new or changed since `from`.
pub(crate) async fn poll(
    database: &Database,
    config: &SqlConfig,
    call: &ConnectorCall,
    from: PollFrom,
) -> Result<Polled, Answer> {
    let Some((name, new_only, wrapped)) = trigger(call) else { return Err(unknown_trigger(call)) };
    let table = Table::read(&name, database.dialect())?;
    let watched = watched(database, config, &table, &name, new_only).await?;
    let order = keys(database, &table).await?;
    let rows = Rows { database, table: &table, watched: &watched, keys: order };
    let body = |rows: Vec<Row>| if wrapped { json!({"value": rows}) } else { json!(rows) };
    let fire = |rows: Vec<Row>, cursor: Json, more: bool| Polled {
        firings: if rows.is_empty() { Vec::new() } else { vec![firing(Map::new(), Some(body(rows)))] },
        cursor,
        more,
    };
    match from {
        PollFrom::Activation => Ok(fire(Vec::new(), json!(rows.behind().await?), false)),
        PollFrom::Latest => Ok(fire(rows.latest().await?, Json::Null, false)),
        PollFrom::After(cursor) => {
            let cursor: Cursor = serde_json::from_value(cursor).map_err(|e| {
                Answer::from(Failure::broken(format!("the trigger's stored position cannot be read: {e}")))
            })?;
            let (found, cursor, more) = rows.after(cursor).await?;
            Ok(fire(found, json!(cursor), more))
        }
    }
}

/// Table, whether only new rows fire, and whether rows stand in `value`.
fn trigger(call: &ConnectorCall) -> Option<(String, bool, bool)> {
    if let Some(parts) = managed(&call.path) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        return match &parts[..] {
            ["tables", table, operation] => match operation.to_ascii_lowercase().as_str() {
                "onnewitems" => Some(((*table).to_owned(), true, true)),
                "onupdateditems" => Some(((*table).to_owned(), false, true)),
                _ => None,
            },
            _ => None,
        };
    }
    let table = text(&call.queries, "tableName")?;
    match call.path.trim_matches('/').to_ascii_lowercase().as_str() {
        "whenarowisinserted" => Some((table, true, false)),
        "whenarowismodified" | "whenarowisupdated" => Some((table, false, false)),
        _ => None,
    }
}

/// Finds the column, or PostgreSQL's own row version.
async fn watched(
    database: &Database,
    config: &SqlConfig,
    table: &Table,
    name: &str,
    new_only: bool,
) -> Result<Watched, Failure> {
    let dialect = database.dialect();
    let declared = config.table(name);
    let wanted = if new_only { declared.identity } else { declared.version };
    let columns = columns(database, table).await?;
    if columns.is_empty() {
        return Err(Failure::missing(format!("there is no table or view '{}'", table.name)));
    }
    let found = match &wanted {
        Some(column) => columns.iter().find(|c| c.name.eq_ignore_ascii_case(column)),
        None if new_only => columns.iter().find(|c| c.identity),
        None => columns.iter().find(|c| c.version),
    };
    if let Some(column) = found {
        let version = match dialect {
            Dialect::SqlServer if column.version && !column.moments => {
                format!("CAST({} AS bigint)", dialect.quote(&column.name))
            }
            _ => dialect.quote(&column.name),
        };
        let back = if column.moments { SECONDS_BACK } else { NUMBERS_BACK };
        return Ok(Watched { version, moments: column.moments, held: None, back });
    }
    if let Some(column) = wanted {
        return Err(Failure::missing(format!("{} has no column '{column}'", table.name)));
    }
    if dialect == Dialect::Postgres && !new_only && !is_view(database, table).await? {
        // 32 bits of the transaction number become 64: it was taken at most 2^32 transactions ago.
        let version = "(pg_snapshot_xmax(pg_current_snapshot())::text::bigint - ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint - xmin::text::bigint) & 4294967295))".to_owned();
        let held = format!("{version} < pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
        return Ok(Watched { version, moments: false, held: Some(held), back: 0 });
    }
    let (what, key) = if new_only { ("identity column", "identity") } else { ("row version", "version") };
    Err(Failure::bad(format!(
        "{} has no {what} that this trigger could follow; name a growing column in hirewire.toml: [connections.NAME.tables.\"{name}\"] {key} = \"COLUMN\"",
        table.name
    )))
}

struct Column {
    name: String,
    identity: bool,
    version: bool,
    moments: bool,
}

async fn columns(database: &Database, table: &Table) -> Result<Vec<Column>, Failure> {
    let dialect = database.dialect();
    let schema =
        if table.schema.is_some() { dialect.parameter(2) } else { dialect.default_schema().to_owned() };
    let (identity, version) = match dialect {
        Dialect::Postgres => ("is_identity = 'YES' OR column_default LIKE 'nextval(%'", "FALSE"),
        Dialect::MySql => ("extra LIKE '%auto_increment%'", "extra LIKE '%on update current_timestamp%'"),
        Dialect::SqlServer => (
            "COLUMNPROPERTY(OBJECT_ID(QUOTENAME(table_schema) + '.' + QUOTENAME(table_name)), column_name, 'IsIdentity') = 1",
            "data_type IN ('timestamp', 'rowversion')",
        ),
    };
    let sql = format!(
        "SELECT column_name AS n, data_type AS t, CASE WHEN {identity} THEN 1 ELSE 0 END AS i, CASE WHEN {version} THEN 1 ELSE 0 END AS v \
         FROM information_schema.columns WHERE table_name = {} AND table_schema = {schema} ORDER BY ordinal_position",
        dialect.parameter(1)
    );
    let mut values = vec![Json::from(table.name.as_str())];
    values.extend(table.schema.as_deref().map(Json::from));
    let rows = database.run(&sql, &values).await?.rows();
    let flag = |row: &Row, key: &str| text(row, key).as_deref() == Some("1");
    Ok(rows
        .iter()
        .map(|row| {
            let kind = text(row, "t").unwrap_or_default().to_ascii_lowercase();
            let rowversion = dialect == Dialect::SqlServer && kind == "timestamp";
            Column {
                name: text(row, "n").unwrap_or_default(),
                identity: flag(row, "i"),
                version: flag(row, "v"),
                moments: !rowversion
                    && (kind.starts_with("timestamp") || kind.starts_with("datetime") || kind == "date"),
            }
        })
        .collect())
}

async fn is_view(database: &Database, table: &Table) -> Result<bool, Failure> {
    let schema = if table.schema.is_some() { "$2" } else { "current_schema()" };
    let sql = format!(
        "SELECT table_type AS t FROM information_schema.tables WHERE table_name = $1 AND table_schema = {schema}"
    );
    let mut values = vec![Json::from(table.name.as_str())];
    values.extend(table.schema.as_deref().map(Json::from));
    let rows = database.run(&sql, &values).await?.rows();
    Ok(rows.first().and_then(|row| text(row, "t")).as_deref() != Some("BASE TABLE"))
}

/// The rows of a watched table.
struct Rows<'d> {
    database: &'d Database,
    table: &'d Table,
    watched: &'d Watched,
    keys: Vec<String>,
}

impl Rows<'_> {
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// The version as text that compares the same way when it comes back as a parameter.
    fn shown(&self) -> String {
        let version = &self.watched.version;
        match (self.dialect(), self.watched.moments) {
            (Dialect::Postgres, true) => format!("({version})::text"),
            (Dialect::MySql, true) => format!("DATE_FORMAT({version}, '%Y-%m-%d %H:%i:%s.%f')"),
            (Dialect::SqlServer, true) => format!("CONVERT(varchar(40), {version}, 126)"),
            (Dialect::MySql, false) => format!("CAST({version} AS char)"),
            (Dialect::SqlServer, false) => format!("CAST({version} AS varchar(40))"),
            (Dialect::Postgres, false) => format!("({version})::text"),
        }
    }

    /// `version >= (cursor - back)`.
    fn from(&self, back: i64) -> String {
        let (version, moments) = (&self.watched.version, self.watched.moments);
        let parameter = self.dialect().parameter(1);
        match (self.dialect(), moments) {
            (Dialect::Postgres, true) => {
                format!(
                    "{version} >= CAST(CAST({parameter} AS text) AS timestamptz) - interval '{back} seconds'"
                )
            }
            (Dialect::MySql, true) => {
                format!("{version} >= CAST({parameter} AS datetime(6)) - INTERVAL {back} SECOND")
            }
            (Dialect::SqlServer, true) => {
                format!("{version} >= DATEADD(second, -{back}, CAST({parameter} AS datetime2))")
            }
            (Dialect::Postgres, false) => {
                format!("{version} >= CAST(CAST({parameter} AS text) AS numeric) - {back}")
            }
            (Dialect::MySql, false) => format!("{version} >= CAST({parameter} AS decimal(65,0)) - {back}"),
            (Dialect::SqlServer, false) => format!("{version} >= CAST({parameter} AS bigint) - {back}"),
        }
    }

    fn select(&self, conditions: &[String], descending: bool, top: u64) -> String {
        let dialect = self.dialect();
        let direction = if descending { " DESC" } else { "" };
        let mut order = vec![format!("{}{direction}", self.watched.version)];
        order.extend(self.keys.iter().map(|k| format!("{}{direction}", dialect.quote(k))));
        let mut all: Vec<String> = conditions.to_vec();
        all.extend(self.watched.held.clone());
        let filter = if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) };
        format!(
            "SELECT t.*, {} AS {VERSION} FROM {} t{filter} ORDER BY {}{}",
            self.shown(),
            self.table.sql(),
            order.join(", "),
            dialect.page(0, top)
        )
    }

    async fn read(&self, sql: &str, values: &[Json]) -> Result<Vec<(Row, String)>, Failure> {
        let rows = self.database.run(sql, values).await?.rows();
        Ok(rows
            .into_iter()
            .filter_map(|mut row| {
                let version = row.shift_remove(VERSION)?;
                // A row without a version cannot be followed.
                let version = version.as_str()?.to_owned();
                Some((row, version))
            })
            .collect())
    }

    /// A row by its key (all of it without one) and version.
    fn hash(&self, row: &Row, version: &str) -> String {
        let mut hasher = Sha256::new();
        if self.keys.is_empty() {
            hasher.update(Json::Object(row.clone()).to_string());
        }
        for key in &self.keys {
            hasher.update(format!("{:?}", row.get(key)));
        }
        hasher.update(version);
        hasher.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// A cursor behind everything that exists.
    async fn behind(&self) -> Result<Cursor, Failure> {
        let Some((_, at)) = self.read(&self.select(&[], true, 1), &[]).await?.into_iter().next() else {
            return Ok(Cursor::default());
        };
        let back = self.select(&[self.from(self.watched.back)], false, super::MAX_ROWS as u64);
        let rows = self.read(&back, &[Json::from(at.as_str())]).await?;
        Ok(Cursor { at: Some(at), seen: rows.iter().map(|(row, v)| self.hash(row, v)).collect() })
    }

    async fn latest(&self) -> Result<Vec<Row>, Failure> {
        let rows = self.read(&self.select(&[], true, 1), &[]).await?;
        Ok(rows.into_iter().map(|(row, _)| row).collect())
    }

    /// Rows behind a cursor, the cursor behind them, whether more is waiting.
    async fn after(&self, cursor: Cursor) -> Result<(Vec<Row>, Cursor, bool), Failure> {
        let top = BATCH + 1 + cursor.seen.len() as u64;
        let rows = match &cursor.at {
            Some(at) => {
                let sql = self.select(&[self.from(self.watched.back)], false, top);
                self.read(&sql, &[Json::from(at.as_str())]).await?
            }
            None => self.read(&self.select(&[], false, top), &[]).await?,
        };
        let known: std::collections::HashSet<&str> = cursor.seen.iter().map(String::as_str).collect();
        let mut seen = Vec::new();
        let mut fresh = Vec::new();
        let mut at = cursor.at.clone();
        let mut more = false;
        for (row, version) in rows {
            let hash = self.hash(&row, &version);
            if known.contains(hash.as_str()) {
                seen.push((version, hash));
                continue;
            }
            if fresh.len() as u64 == BATCH {
                more = true;
                break;
            }
            if at.as_deref().is_none_or(|at| self.later(&version, at)) {
                at = Some(version.clone());
            }
            seen.push((version, hash));
            fresh.push(row);
        }
        Ok((fresh, Cursor { at, seen: seen.into_iter().map(|(_, hash)| hash).collect() }, more))
    }

    /// Whether a version is behind another; both as `shown` writes them.
    fn later(&self, version: &str, other: &str) -> bool {
        if self.watched.moments {
            return version > other;
        }
        match (version.parse::<i128>(), other.parse::<i128>()) {
            (Ok(version), Ok(other)) => version > other,
            _ => version > other,
        }
    }
}
