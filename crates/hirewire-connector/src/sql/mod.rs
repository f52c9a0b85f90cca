//! Databases behind connections: `sql`, `sqldw`, `postgresql`, `mysql` and the built-in SQL provider
//! (`spec/workflows.md` §11.3) over PostgreSQL, MariaDB or MySQL, and SQL Server.
//!
//! ```text
//! managed call ──┐                   ┌─ Postgres
//!                ├─▶ SqlConnector ─▶ Database ─┼─ MySql
//! provider call ─┘  rows · query     └─ SqlServer
//! ```

mod config;
mod filter;
mod mysql;
mod names;
mod postgres;
mod procedure;
mod rows;
mod server;
mod statement;
mod watch;

use std::sync::Arc;

use hirewire_workflow::expression::{Value, member};
use hirewire_workflow::host::{Connector, ConnectorCall, PollFrom, Polled, Reply, Secrets};
use hirewire_workflow::run::Answer;
use serde_json::{Map, Value as Json, json};

pub use config::SqlConfig;
pub(crate) use config::{Address, Engine};
pub(crate) use names::{Dialect, Table};

use crate::failure::{Failure, done, respond};

/// Most rows that one statement may give.
pub(crate) const MAX_ROWS: usize = 100_000;

/// A row: column names and values.
pub(crate) type Row = Map<String, Json>;

/// What a statement gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Rows of each result set.
    pub(crate) sets: Vec<Vec<Row>>,
    /// Rows that were changed.
    pub(crate) affected: u64,
    /// The key that the database made for an inserted row, where it says so.
    pub(crate) inserted: Option<i64>,
}

impl Outcome {
    /// The rows of the first result set.
    pub(crate) fn rows(self) -> Vec<Row> {
        self.sets.into_iter().next().unwrap_or_default()
    }
}

/// The databases that this room knows: a closed set.
pub(crate) enum Database {
    Postgres(postgres::Postgres),
    MySql(mysql::MySql),
    SqlServer(server::SqlServer),
}

impl Database {
    pub(crate) fn new(config: SqlConfig, address: Address, vault: Arc<dyn Secrets>) -> Self {
        match address.engine {
            Engine::Postgres => Self::Postgres(postgres::Postgres::new(config, address, vault)),
            Engine::MySql => Self::MySql(mysql::MySql::new(config, address, vault)),
            Engine::SqlServer => Self::SqlServer(server::SqlServer::new(config, address, vault)),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
            Self::SqlServer(_) => Dialect::SqlServer,
        }
    }

    /// Runs one statement with parameters; never text built from input.
    pub(crate) async fn run(&self, sql: &str, parameters: &[Json]) -> Result<Outcome, Failure> {
        match self {
            Self::Postgres(database) => Box::pin(database.run(sql, parameters)).await,
            Self::MySql(database) => Box::pin(database.run(sql, parameters)).await,
            Self::SqlServer(database) => Box::pin(database.run(sql, parameters)).await,
        }
    }
}

/// The row operations over a database.
pub(crate) struct SqlConnector {
    database: Database,
    config: SqlConfig,
}

impl SqlConnector {
    pub(crate) fn new(config: SqlConfig, address: Address, vault: Arc<dyn Secrets>) -> Self {
        Self { database: Database::new(config.clone(), address, vault), config }
    }

    async fn answer(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        match managed(&call.path) {
            Some(parts) => self.managed(call, &parts).await,
            None => self.provider(call).await,
        }
    }

    /// Operations of the managed connectors.
    async fn managed(&self, call: &ConnectorCall, parts: &[String]) -> Result<Answer, Failure> {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let database = &self.database;
        match (call.method.as_str(), &parts[..]) {
            ("GET", ["tables"]) => Ok(done(json!({"value": rows::tables(database).await?}))),
            ("GET", ["tables", table, "items"]) => {
                let table = Table::read(table, database.dialect())?;
                let page = rows::page(database, &table, &call.queries, &call.path).await?;
                Ok(done(page))
            }
            ("POST", ["tables", table, "items"]) => {
                let table = Table::read(table, database.dialect())?;
                Ok(done(Json::Object(rows::insert(database, &table, &object(call.body.as_ref())?).await?)))
            }
            ("GET", ["tables", table, "items", id]) => {
                let table = Table::read(table, database.dialect())?;
                Ok(done(Json::Object(rows::one(database, &table, id).await?)))
            }
            ("PATCH", ["tables", table, "items", id]) => {
                let table = Table::read(table, database.dialect())?;
                let set = object(call.body.as_ref())?;
                Ok(done(Json::Object(rows::update(database, &table, id, &set).await?)))
            }
            ("DELETE", ["tables", table, "items", id]) => {
                let table = Table::read(table, database.dialect())?;
                rows::delete(database, &table, id).await?;
                Ok(respond(200, "application/json", None))
            }
            ("POST", ["query", "sql"]) => {
                let body = object(call.body.as_ref())?;
                let query = text(&body, "query").ok_or_else(|| Failure::bad("the body has no `query`"))?;
                let parameters = member(&body, "actualParameters").and_then(Json::as_object);
                let outcome = self.query(&query, parameters).await?;
                Ok(done(json!({"OutputParameters": {}, "ResultSets": tables(outcome.sets, false)})))
            }
            ("POST", ["procedures", name]) => {
                let parameters = call.body.as_ref().and_then(Json::as_object).cloned().unwrap_or_default();
                let outcome = procedure::run(database, name, &parameters).await?;
                Ok(done(json!({
                    "ReturnCode": outcome.code, "OutputParameters": outcome.output,
                    "ResultSets": tables(outcome.sets, false),
                })))
            }
            _ => Err(unknown(call)),
        }
    }

    /// Operations of the built-in provider (`serviceProviders/sql`).
    async fn provider(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        let database = &self.database;
        let empty = Map::new();
        let of = |key: &str| member(&call.queries, key).and_then(Json::as_object);
        let table = || {
            let name = text(&call.queries, "tableName");
            Table::read(
                &name.ok_or_else(|| Failure::bad("the parameter 'tableName' is missing"))?,
                database.dialect(),
            )
        };
        let conditions = of("columnValuesForWhereCondition").unwrap_or(&empty);
        match call.path.trim_matches('/').to_ascii_lowercase().as_str() {
            "executequery" => {
                let query = text(&call.queries, "query")
                    .ok_or_else(|| Failure::bad("the parameter 'query' is missing"))?;
                let outcome = self.query(&query, of("queryParameters")).await?;
                // [U] The provider's answer is an array of result sets.
                Ok(done(json!(outcome.sets)))
            }
            "getrows" => Ok(done(json!(rows::matching(database, &table()?, conditions).await?))),
            "getrowsv2" => {
                let queries = of("queries").unwrap_or(&empty);
                let table = table()?;
                Ok(done(rows::page(database, &table, queries, "").await?))
            }
            "insertrow" => {
                let set = of("setColumns").unwrap_or(&empty);
                Ok(done(Json::Object(rows::insert(database, &table()?, set).await?)))
            }
            "updaterows" => {
                let set = of("setColumns").unwrap_or(&empty);
                Ok(done(json!(rows::update_matching(database, &table()?, set, conditions).await?)))
            }
            "deleterows" => Ok(done(json!(rows::delete_matching(database, &table()?, conditions).await?))),
            "gettables" => Ok(done(json!(rows::tables(database).await?))),
            "executestoredprocedure" => {
                let name = text(&call.queries, "storedProcedureName")
                    .ok_or_else(|| Failure::bad("the parameter 'storedProcedureName' is missing"))?;
                let parameters = of("storedProcedureParameters").cloned().unwrap_or_default();
                let outcome = procedure::run(database, &name, &parameters).await?;
                Ok(done(json!({
                    "returnCode": outcome.code, "outputParameters": outcome.output,
                    "resultSets": tables(outcome.sets, true),
                })))
            }
            _ => Err(unknown(call)),
        }
    }

    /// A query of the definition with `@name` parameters.
    async fn query(&self, query: &str, parameters: Option<&Row>) -> Result<Outcome, Failure> {
        let empty = Map::new();
        let (sql, values) = statement::bind(query, parameters.unwrap_or(&empty), self.database.dialect())?;
        self.database.run(&sql, &values).await
    }
}

impl Connector for SqlConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move { self.answer(&call).await.unwrap_or_else(Answer::from) })
    }

    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        Box::pin(async move { watch::poll(&self.database, &self.config, &call, from).await })
    }
}

/// The decoded parts behind the data set: `tables`, `[dbo].[People]`, `items`. Segments come encoded twice.
pub(crate) fn managed(path: &str) -> Option<Vec<String>> {
    let (_, rest) = path.split_once("/datasets/")?;
    let parts = rest.trim_matches('/').split('/').skip(1);
    Some(parts.map(decode).collect())
}

/// One part of a path. Encoding once or twice are both seen.
fn decode(part: &str) -> String {
    let once = percent(part);
    if part.contains("%25") { percent(&once) } else { once }
}

pub(crate) fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A member as text.
pub(crate) fn text(members: &Row, key: &str) -> Option<String> {
    member(members, key).filter(|v| !v.is_null()).map(|v| Value::from(v).to_text().into_owned())
}

fn object(body: Option<&Json>) -> Result<Row, Failure> {
    match body {
        Some(Json::Object(members)) => Ok(members.clone()),
        // A body that was put together as text is JSON text.
        Some(Json::String(text)) => {
            serde_json::from_str(text).map_err(|_| Failure::bad("the body is no JSON object"))
        }
        _ => Err(Failure::bad("the body is no JSON object")),
    }
}

/// Result sets as `Table1`, `Table2`, …
fn tables(sets: Vec<Vec<Row>>, keep_empty: bool) -> Json {
    let sets = sets.into_iter().filter(|rows| keep_empty || !rows.is_empty()).enumerate();
    Json::Object(sets.map(|(n, rows)| (format!("Table{}", n + 1), json!(rows))).collect())
}

/// A decimal as a number: whole ones stay exact, others are floats as in the service.
pub(crate) fn number(text: &str) -> Json {
    if let Ok(whole) = text.parse::<i64>() {
        return Json::from(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Json::from(number),
        _ => Json::from(text),
    }
}

fn unknown(call: &ConnectorCall) -> Failure {
    Failure::missing(format!("the operation {} {} is not known here", call.method, call.path))
}

#[cfg(test)]
mod tests {
    use super::managed;

    #[test]
    fn paths_of_all_versions_are_read() {
        let read = |path: &str| managed(path).map(|p| p.join(" | "));
        for (path, wanted) in [
            ("/datasets/default/tables/public.empview/items", "tables | public.empview | items"),
            (
                "/v2/datasets/hr.example%252Chr/tables/%255Bdbo%255D.%255BPeople%255D/items",
                "tables | [dbo].[People] | items",
            ),
            ("/v2/datasets/a,b/tables/%5Bdbo%5D.%5BEmp%20X%5D/items/7", "tables | [dbo].[Emp X] | items | 7"),
            ("/v2/datasets/a,b/query/sql", "query | sql"),
        ] {
            assert_eq!(read(path).as_deref(), Some(wanted));
        }
        assert_eq!(read("/executeQuery"), None);
    }
}
