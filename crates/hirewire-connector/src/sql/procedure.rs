//! Stored procedures: parameters by name, result sets and output parameters (`spec/workflows.md` §11.3).

use hirewire_workflow::expression::member;
use serde_json::Value as Json;

use super::mysql::run_in;
use super::{Database, Dialect, Outcome, Row, Table, text};
use crate::failure::Failure;

/// What a procedure gave.
#[derive(Debug, Default)]
pub(crate) struct Called {
    pub(crate) code: i64,
    pub(crate) output: Row,
    pub(crate) sets: Vec<Vec<Row>>,
}

/// A declared parameter.
struct Declared {
    name: String,
    given: bool,
    returned: bool,
}

/// Calls a procedure, or a function where the database has those in its place.
pub(crate) async fn run(database: &Database, name: &str, given: &Row) -> Result<Called, Failure> {
    let name = Table::read(name, database.dialect())?;
    match database {
        Database::Postgres(_) => postgres(database, &name, given).await,
        Database::MySql(mysql) => {
            let declared = declared(database, &name).await?;
            let mut session = mysql.session().await?;
            let mut sql = Vec::new();
            let mut values = Vec::new();
            for (n, parameter) in declared.iter().enumerate() {
                if !parameter.returned {
                    values.push(value(given, &parameter.name));
                    sql.push("?".to_owned());
                    continue;
                }
                if parameter.given {
                    let set = [value(given, &parameter.name)];
                    run_in(&mut session, &format!("SET @hirewire_{n} = ?"), &set).await?;
                }
                sql.push(format!("@hirewire_{n}"));
            }
            let call = format!("CALL {}({})", name.sql(), sql.join(", "));
            let outcome = run_in(&mut session, &call, &values).await?;
            let mut called = Called { sets: outcome.sets, ..Called::default() };
            let returned: Vec<String> = declared
                .iter()
                .enumerate()
                .filter(|(_, p)| p.returned)
                .map(|(n, p)| format!("@hirewire_{n} AS {}", Dialect::MySql.quote(&p.name)))
                .collect();
            if !returned.is_empty() {
                let outcome = run_in(&mut session, &format!("SELECT {}", returned.join(", ")), &[]).await?;
                called.output = outcome.rows().into_iter().next().unwrap_or_default();
            }
            Ok(called)
        }
        Database::SqlServer(_) => {
            let dialect = database.dialect();
            let sets = given.keys().enumerate().map(|(n, k)| {
                format!(
                    "@{} = {}",
                    k.trim_start_matches('@').replace(|c: char| !c.is_alphanumeric() && c != '_', ""),
                    dialect.parameter(n + 1)
                )
            });
            let sql = format!("EXEC {} {}", name.sql(), sets.collect::<Vec<_>>().join(", "));
            let values: Vec<Json> = given.values().cloned().collect();
            let outcome = database.run(&sql, &values).await?;
            Ok(Called { sets: outcome.sets, ..Called::default() })
        }
    }
}

fn value(given: &Row, name: &str) -> Json {
    member(given, name).or_else(|| member(given, &format!("@{name}"))).cloned().unwrap_or(Json::Null)
}

/// The parameters as the database declares them, in order.
async fn declared(database: &Database, name: &Table) -> Result<Vec<Declared>, Failure> {
    let dialect = database.dialect();
    let schema =
        if name.schema.is_some() { dialect.parameter(2) } else { dialect.default_schema().to_owned() };
    let sql = format!(
        "SELECT parameter_name AS n, parameter_mode AS m FROM information_schema.parameters \
         WHERE specific_name = {} AND specific_schema = {schema} AND ordinal_position > 0 ORDER BY ordinal_position",
        dialect.parameter(1)
    );
    let mut values = vec![Json::from(name.name.as_str())];
    values.extend(name.schema.as_deref().map(Json::from));
    let rows = database.run(&sql, &values).await?.rows();
    Ok(rows
        .iter()
        .map(|row| {
            let mode = text(row, "m").unwrap_or_default().to_ascii_uppercase();
            Declared {
                name: text(row, "n").unwrap_or_default(),
                given: mode != "OUT",
                returned: mode != "IN" && !mode.is_empty(),
            }
        })
        .collect())
}

/// PostgreSQL has functions that give rows and procedures that give one row of output parameters.
async fn postgres(database: &Database, name: &Table, given: &Row) -> Result<Called, Failure> {
    let schema = if name.schema.is_some() { "$2" } else { "current_schema()" };
    let sql = format!(
        "SELECT p.prokind::text AS kind FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE p.proname = $1 AND n.nspname = {schema} LIMIT 1"
    );
    let mut values = vec![Json::from(name.name.as_str())];
    values.extend(name.schema.as_deref().map(Json::from));
    let found = database.run(&sql, &values).await?.rows();
    let Some(kind) = found.first().and_then(|row| text(row, "kind")) else {
        return Err(Failure::missing(format!("there is no procedure or function '{}'", name.name)));
    };
    let arguments: Vec<String> = given
        .keys()
        .enumerate()
        .map(|(n, k)| format!("{} => ${}", Dialect::Postgres.quote(k.trim_start_matches('@')), n + 1))
        .collect();
    let values: Vec<Json> = given.values().cloned().collect();
    let call = format!("{}({})", name.sql(), arguments.join(", "));
    if kind != "p" {
        let Outcome { sets, .. } = database.run(&format!("SELECT * FROM {call}"), &values).await?;
        return Ok(Called { sets, ..Called::default() });
    }
    let rows = database.run(&format!("CALL {call}"), &values).await?.rows();
    Ok(Called { output: rows.into_iter().next().unwrap_or_default(), ..Called::default() })
}
