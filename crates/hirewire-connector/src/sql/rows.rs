//! Row operations: pages of a table, one row by its key, insert, update, delete (`spec/workflows.md` §11.3).

use hirewire_workflow::expression::{Value, member};
use serde_json::{Map, Value as Json, json};

use super::filter::{Condition, filter, order, select};
use super::{Database, Dialect, Row, Table, text};
use crate::failure::Failure;

/// Rows of one page (PAGE: 2048).
const PAGE: u64 = 2048;

/// Tables and views that the log-in can see.
pub(crate) async fn tables(database: &Database) -> Result<Vec<Json>, Failure> {
    let schema = database.dialect().default_schema();
    let sql = format!(
        "SELECT table_schema AS s, table_name AS n, CASE WHEN table_schema = {schema} THEN 1 ELSE 0 END AS d FROM information_schema.tables \
         WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2"
    );
    let rows = database.run(&sql, &[]).await?.rows();
    let name = |row: &Row| {
        format!("[{}].[{}]", text(row, "s").unwrap_or_default(), text(row, "n").unwrap_or_default())
    };
    Ok(rows
        .iter()
        .map(|row| json!({"Name": name(row), "DisplayName": text(row, "n"), "fullName": name(row), "displayName": text(row, "n")}))
        .collect())
}

/// The columns of a table's primary key, in order; none for a view.
pub(crate) async fn keys(database: &Database, table: &Table) -> Result<Vec<String>, Failure> {
    let dialect = database.dialect();
    let schema =
        if table.schema.is_some() { dialect.parameter(2) } else { dialect.default_schema().to_owned() };
    let sql = format!(
        "SELECT k.column_name AS c FROM information_schema.table_constraints t \
         JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name \
         AND k.table_schema = t.table_schema AND k.table_name = t.table_name \
         WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = {} AND t.table_schema = {schema} \
         ORDER BY k.ordinal_position",
        dialect.parameter(1)
    );
    let mut values = vec![Json::from(table.name.as_str())];
    values.extend(table.schema.as_deref().map(Json::from));
    let rows = database.run(&sql, &values).await?.rows();
    Ok(rows.iter().filter_map(|row| text(row, "c")).collect())
}

/// One page: `$filter`, `$orderby`, `$select`, `$top`, `$skip`; more rows are behind `@odata.nextLink`.
pub(crate) async fn page(
    database: &Database,
    table: &Table,
    queries: &Map<String, Json>,
    path: &str,
) -> Result<Json, Failure> {
    let dialect = database.dialect();
    let query = |key: &str| text(queries, key).filter(|t| !t.trim().is_empty());
    let number = |key: &str| {
        query(key)
            .map(|t| t.trim().parse::<u64>().map_err(|_| Failure::bad(format!("'{key}' is no number: {t}"))))
            .transpose()
    };
    if let Some(name) = ["$apply", "$expand", "$search"].iter().find(|key| query(key).is_some()) {
        return Err(Failure::bad(format!("'{name}' is not known here")));
    }
    let columns = select(&query("$select").unwrap_or_default(), dialect)?;
    let condition = match query("$filter") {
        Some(text) => filter(&text, dialect, 1)?,
        None => Condition::default(),
    };
    let (top, skip) = (number("$top")?, number("$skip")?.unwrap_or(0));
    let order = order_by(database, table, query("$orderby").as_deref()).await?;
    let mut sql = format!("SELECT {columns} FROM {}", table.sql());
    if !condition.sql.is_empty() {
        sql.push_str(&format!(" WHERE {}", condition.sql));
    }
    sql.push_str(&format!(" ORDER BY {order}"));
    let size = top.unwrap_or(PAGE).min(PAGE);
    // One more than the page tells whether there are more.
    let wanted = if top == Some(size) { size } else { size + 1 };
    sql.push_str(&dialect.page(skip, wanted));
    let mut rows = database.run(&sql, &condition.values).await?.rows();
    let more = rows.len() as u64 > size || (top.is_some_and(|t| t > size) && rows.len() as u64 == size);
    rows.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let got = rows.len() as u64;
    let value: Vec<Json> = rows.into_iter().map(|row| item(table, row)).collect();
    let mut out = json!({"value": value});
    if more && let Some(out) = out.as_object_mut() {
        out.insert(
            "@odata.nextLink".into(),
            Json::from(next_link(path, queries, skip + got, top.map(|t| t - got))),
        );
    }
    Ok(out)
}

/// A row as the connector gives it: with an id of its own for this table and key.
fn item(table: &Table, mut row: Row) -> Json {
    let name = format!("{}/{}", table.sql(), Json::Object(row.clone()));
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes());
    row.insert("@odata.etag".into(), Json::from(""));
    row.insert("ItemInternalId".into(), Json::from(id.to_string()));
    Json::Object(row)
}

/// Where the next page is: the same call further on.
fn next_link(path: &str, queries: &Map<String, Json>, skip: u64, top: Option<u64>) -> String {
    let encode = |text: &str| {
        let mut out = String::new();
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'$' => {
                    out.push(byte as char)
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out
    };
    let mut pairs: Vec<String> = queries
        .iter()
        .filter(|(key, _)| !["$skip", "$top"].iter().any(|k| key.eq_ignore_ascii_case(k)))
        .map(|(key, value)| format!("{}={}", encode(key), encode(&Value::from(value).to_text())))
        .collect();
    pairs.push(format!("$skip={skip}"));
    if let Some(top) = top {
        pairs.push(format!("$top={top}"));
    }
    format!("{path}?{}", pairs.join("&"))
}

/// An order in which pages do not overlap: the wanted one, then the key; for a view its first column.
async fn order_by(database: &Database, table: &Table, wanted: Option<&str>) -> Result<String, Failure> {
    let dialect = database.dialect();
    let wanted = wanted.map(|text| order(text, dialect)).transpose()?;
    let keys = keys(database, table).await?;
    let keys: Vec<String> = keys.iter().map(|k| dialect.quote(k)).collect();
    let new = |key: &String| {
        wanted.as_deref().is_none_or(|w| !w.split(", ").any(|p| p.trim_end_matches(" DESC") == key))
    };
    let mut parts: Vec<String> = wanted.iter().cloned().collect();
    parts.extend(keys.iter().filter(|k| new(k)).cloned());
    Ok(if parts.is_empty() { "1".into() } else { parts.join(", ") })
}

/// `a = $1 AND b = $2` for the members of an object; null is compared with IS NULL.
fn equal(dialect: Dialect, members: &Row, first: usize) -> Condition {
    let mut out = Condition::default();
    let mut parts = Vec::new();
    for (column, value) in members {
        if value.is_null() {
            parts.push(format!("{} IS NULL", dialect.quote(column)));
            continue;
        }
        out.values.push(value.clone());
        parts.push(format!(
            "{} = {}",
            dialect.quote(column),
            dialect.parameter(first + out.values.len() - 1)
        ));
    }
    out.sql = parts.join(" AND ");
    out
}

/// The key of a row by its id in a path; several columns are separated by commas.
async fn key(database: &Database, table: &Table, id: &str) -> Result<Row, Failure> {
    let keys = keys(database, table).await?;
    if keys.is_empty() {
        return Err(Failure::bad(format!(
            "{} has no primary key: single rows cannot be addressed",
            table.name
        )));
    }
    let parts: Vec<&str> = if keys.len() == 1 { vec![id] } else { id.split(',').map(str::trim).collect() };
    if parts.len() != keys.len() {
        return Err(Failure::bad(format!("the key of {} is ({})", table.name, keys.join(", "))));
    }
    Ok(keys.into_iter().zip(parts).map(|(k, v)| (k, Json::from(v))).collect())
}

/// The row of a key.
pub(crate) async fn one(database: &Database, table: &Table, id: &str) -> Result<Row, Failure> {
    let key = key(database, table, id).await?;
    let rows = matching(database, table, &key).await?;
    rows.into_iter().next().ok_or_else(|| Failure::missing(format!("{} has no row '{id}'", table.name)))
}

/// The rows whose columns have these values; all of them without any.
pub(crate) async fn matching(
    database: &Database,
    table: &Table,
    conditions: &Row,
) -> Result<Vec<Row>, Failure> {
    let condition = equal(database.dialect(), conditions, 1);
    let mut sql = format!("SELECT * FROM {}", table.sql());
    if !condition.sql.is_empty() {
        sql.push_str(&format!(" WHERE {}", condition.sql));
    }
    Ok(database.run(&sql, &condition.values).await?.rows())
}

/// Inserts a row and gives it back with what the database added.
pub(crate) async fn insert(database: &Database, table: &Table, set: &Row) -> Result<Row, Failure> {
    if set.is_empty() {
        return Err(Failure::bad("the row to insert has no columns"));
    }
    let dialect = database.dialect();
    let columns: Vec<String> = set.keys().map(|c| dialect.quote(c)).collect();
    let places: Vec<String> = (1..=set.len()).map(|n| dialect.parameter(n)).collect();
    let values: Vec<Json> = set.values().cloned().collect();
    let (columns, places) = (columns.join(", "), places.join(", "));
    let sql = match dialect {
        Dialect::Postgres => format!("INSERT INTO {} ({columns}) VALUES ({places}) RETURNING *", table.sql()),
        Dialect::MySql => format!("INSERT INTO {} ({columns}) VALUES ({places})", table.sql()),
        Dialect::SqlServer => {
            format!("INSERT INTO {} ({columns}) OUTPUT inserted.* VALUES ({places})", table.sql())
        }
    };
    let outcome = database.run(&sql, &values).await?;
    if dialect != Dialect::MySql {
        return Ok(outcome.rows().into_iter().next().unwrap_or_else(|| set.clone()));
    }
    // MySQL gives no row back: it is read by its key.
    let keys = keys(database, table).await?;
    let mut wanted = Row::new();
    for key in keys {
        let value = member(set, &key).filter(|v| !v.is_null()).cloned().or(outcome.inserted.map(Json::from));
        let Some(value) = value else { return Ok(set.clone()) };
        wanted.insert(key, value);
    }
    if wanted.is_empty() {
        return Ok(set.clone());
    }
    Ok(matching(database, table, &wanted).await?.into_iter().next().unwrap_or_else(|| set.clone()))
}

/// Changes the row of a key and gives it back.
pub(crate) async fn update(database: &Database, table: &Table, id: &str, set: &Row) -> Result<Row, Failure> {
    let key = key(database, table, id).await?;
    if matching(database, table, &key).await?.is_empty() {
        return Err(Failure::missing(format!("{} has no row '{id}'", table.name)));
    }
    change(database, table, set, &key).await?;
    let mut now = key.clone();
    for (column, value) in set {
        if let Some(slot) = now.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(column)) {
            *slot.1 = value.clone();
        }
    }
    matching(database, table, &now)
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::missing(format!("{} has no row '{id}' any more", table.name)))
}

/// Removes the row of a key.
pub(crate) async fn delete(database: &Database, table: &Table, id: &str) -> Result<(), Failure> {
    let key = key(database, table, id).await?;
    let condition = equal(database.dialect(), &key, 1);
    let sql = format!("DELETE FROM {} WHERE {}", table.sql(), condition.sql);
    if database.run(&sql, &condition.values).await?.affected == 0 {
        return Err(Failure::missing(format!("{} has no row '{id}'", table.name)));
    }
    Ok(())
}

async fn change(database: &Database, table: &Table, set: &Row, conditions: &Row) -> Result<(), Failure> {
    if set.is_empty() {
        return Err(Failure::bad("the change names no columns"));
    }
    let dialect = database.dialect();
    let parts: Vec<String> = set
        .keys()
        .enumerate()
        .map(|(n, c)| format!("{} = {}", dialect.quote(c), dialect.parameter(n + 1)))
        .collect();
    let condition = equal(dialect, conditions, set.len() + 1);
    let sql = format!("UPDATE {} SET {} WHERE {}", table.sql(), parts.join(", "), condition.sql);
    let values: Vec<Json> = set.values().cloned().chain(condition.values).collect();
    database.run(&sql, &values).await.map(drop)
}

fn some(conditions: &Row) -> Result<(), Failure> {
    if conditions.is_empty() {
        return Err(Failure::bad(
            "'columnValuesForWhereCondition' is empty: every row of the table would be meant",
        ));
    }
    Ok(())
}

/// Changes the rows whose columns have these values and gives them back.
pub(crate) async fn update_matching(
    database: &Database,
    table: &Table,
    set: &Row,
    conditions: &Row,
) -> Result<Vec<Row>, Failure> {
    some(conditions)?;
    change(database, table, set, conditions).await?;
    let mut now = conditions.clone();
    for (column, value) in set {
        if let Some(slot) = now.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(column)) {
            *slot.1 = value.clone();
        }
    }
    matching(database, table, &now).await
}

/// Removes the rows whose columns have these values and gives back what they were.
pub(crate) async fn delete_matching(
    database: &Database,
    table: &Table,
    conditions: &Row,
) -> Result<Vec<Row>, Failure> {
    some(conditions)?;
    let rows = matching(database, table, conditions).await?;
    let condition = equal(database.dialect(), conditions, 1);
    let sql = format!("DELETE FROM {} WHERE {}", table.sql(), condition.sql);
    database.run(&sql, &condition.values).await?;
    Ok(rows)
}
