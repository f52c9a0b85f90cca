//! Reading: for the engine by keys and anchors, for the command line and the server by lists and filters.
use std::collections::HashMap;

use hirewire_engine::target::MatchKey;
use hirewire_engine::value::{Account, AttributeValue, Attributes};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use super::account::{self, COLUMNS, ENABLED, MANAGER};
use super::codec::Wanted;
use super::database::EmbeddedDirectory;

/// Users read per slice of an enumeration.
const SLICE: i64 = 2_000;

/// A user with everything.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Object id.
    pub id: String,
    /// All attributes, `manager` among them.
    pub attributes: Attributes,
    /// When it was made.
    pub created: Timestamp,
    /// When it was put into the recycle bin.
    pub deleted: Option<Timestamp>,
    /// The change counter's value when it was last written.
    pub version: i64,
}

/// A condition on users, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFilter {
    /// All hold.
    And(Vec<UserFilter>),
    /// One holds at least.
    Or(Vec<UserFilter>),
    /// `id eq '…'`
    Id(String),
    /// `employeeId eq '…'`
    EmployeeId(String),
    /// `userPrincipalName eq '…'`
    UserPrincipalName(String),
    /// `mail eq '…'`
    Mail(String),
    /// `accountEnabled eq true`
    AccountEnabled(bool),
    /// Display name, userPrincipalName, mail or employeeId contains the text.
    Search(String),
}

/// Order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserOrder {
    /// By object id, which is the order in which they were made.
    #[default]
    Id,
    /// By display name.
    DisplayName,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPosition {
    /// Display name of the last user; empty when ordered by id.
    pub name: String,
    /// Object id of the last user.
    pub id: String,
}

/// Which users, in which order, how many.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// `None`: all.
    pub filter: Option<UserFilter>,
    /// Those in the recycle bin instead of the live ones.
    pub deleted: bool,
    /// In which order.
    pub order: UserOrder,
    /// From where an earlier page ended.
    pub after: Option<UserPosition>,
    /// How many at most.
    pub limit: usize,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPage {
    /// In the order asked for.
    pub users: Vec<User>,
    /// Where the next page begins, when there is more.
    pub next: Option<UserPosition>,
}

impl EmbeddedDirectory {
    /// A page of users.
    pub fn list(&self, query: &UserQuery) -> rusqlite::Result<UserPage> {
        let (condition, mut values) = self.condition(query.filter.as_ref(), query.deleted);
        let mut sql =
            format!("SELECT {COLUMNS}, created, version, display_name FROM users WHERE {condition}");
        let order = match query.order {
            UserOrder::Id => "id",
            UserOrder::DisplayName => "display_name, id",
        };
        if let Some(after) = &query.after {
            let id = Uuid::parse_str(&after.id).unwrap_or_default().as_bytes().to_vec();
            if query.order == UserOrder::DisplayName {
                sql.push_str(" AND (display_name, id) > (?, ?)");
                values.push(after.name.clone().into());
            } else {
                sql.push_str(" AND id > ?");
            }
            values.push(id.into());
        }
        sql.push_str(&format!(" ORDER BY {order} LIMIT ?"));
        values.push((query.limit as i64 + 1).into());
        let mut users = self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params_from_iter(values), |row| Ok((read_user(row)?, row.get(6)?)))?;
            rows.collect::<rusqlite::Result<Vec<(User, String)>>>()
        })?;
        let more = users.len() > query.limit;
        users.truncate(query.limit);
        let next = users.last().filter(|_| more).map(|(user, name)| UserPosition {
            name: if query.order == UserOrder::DisplayName { name.clone() } else { String::new() },
            id: user.id.clone(),
        });
        Ok(UserPage { users: users.into_iter().map(|(user, _)| user).collect(), next })
    }

    /// How many users the filter finds among the live ones, or in the recycle bin.
    pub fn count(&self, filter: Option<&UserFilter>, deleted: bool) -> rusqlite::Result<u64> {
        let (condition, values) = self.condition(filter, deleted);
        let sql = format!("SELECT count(*) FROM users WHERE {condition}");
        let count: i64 = self.read(|connection| {
            connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))
        })?;
        Ok(count.unsigned_abs())
    }

    /// The user with this object id, also in the recycle bin, or the live one with this userPrincipalName.
    pub fn get(&self, id: &str) -> rusqlite::Result<Option<User>> {
        let (sql, value) = match Uuid::parse_str(id) {
            Ok(id) => ("id = ?1 AND (deleted IS NULL OR deleted >= ?2)", Value::from(id.as_bytes().to_vec())),
            Err(_) => ("upn = ?1 AND deleted IS NULL AND ?2 = ?2", Value::from(account::fold(id))),
        };
        let since = account::bin_since(self.now());
        let sql = format!("SELECT {COLUMNS}, created, version FROM users WHERE {sql}");
        self.read(|connection| {
            connection.prepare_cached(&sql)?.query_row(params![value, since], read_user).optional()
        })
    }

    /// Object ids of the live users whose manager this is.
    pub fn reports(&self, id: &str) -> rusqlite::Result<Vec<String>> {
        let Ok(id) = Uuid::parse_str(id) else { return Ok(Vec::new()) };
        self.read(|connection| {
            let sql = "SELECT id FROM users WHERE manager = ?1 AND deleted IS NULL ORDER BY key";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([id.as_bytes().as_slice()], |row| account::read_uuid(row, 0))?;
            rows.map(|id| Ok(id?.unwrap_or_default().to_string())).collect()
        })
    }

    /// How many transactions have changed something: equal values mean an unchanged directory.
    pub fn change_counter(&self) -> rusqlite::Result<i64> {
        self.read(|connection| {
            connection.prepare_cached("SELECT version FROM counter")?.query_row([], |row| row.get(0))
        })
    }

    /// Removes a user in the recycle bin for good; false when it is not there. Links to it as manager end.
    pub fn purge(&self, id: &str) -> rusqlite::Result<bool> {
        let Ok(id) = Uuid::parse_str(id) else { return Ok(false) };
        let ids = self.write(|connection| {
            let sql = "SELECT id FROM users WHERE id = ?1 AND deleted IS NOT NULL";
            purge(connection, sql, params![id.as_bytes().as_slice()])
        })?;
        Ok(ids > 0)
    }

    /// Removes everybody for good, the recycle bin included; returns how many there were.
    pub fn clear(&self) -> rusqlite::Result<usize> {
        self.write(|connection| {
            connection.execute("UPDATE counter SET version = version + 1", [])?;
            connection.execute("DELETE FROM users", [])
        })
    }

    /// Removes for good what lay in the recycle bin for more than [`super::RECYCLE_DAYS`]; returns how many.
    pub fn purge_expired(&self) -> rusqlite::Result<usize> {
        let since = account::bin_since(self.now());
        self.write(|connection| purge(connection, "SELECT id FROM users WHERE deleted < ?1", params![since]))
    }

    fn condition(&self, filter: Option<&UserFilter>, deleted: bool) -> (String, Vec<Value>) {
        let mut sql = if deleted { "deleted >= ?".into() } else { String::from("deleted IS NULL") };
        let mut values = Vec::new();
        if deleted {
            values.push(account::bin_since(self.now()).into());
        }
        if let Some(filter) = filter {
            sql.push_str(" AND ");
            push_filter(filter, &mut sql, &mut values);
        }
        (sql, values)
    }
}

fn push_filter(filter: &UserFilter, sql: &mut String, values: &mut Vec<Value>) {
    let mut equal = |column: &str, value: Value| {
        sql.push_str(&format!("{column} = ?"));
        values.push(value);
    };
    match filter {
        UserFilter::Id(id) => {
            equal("id", Uuid::parse_str(id).map_or(Value::Null, |id| id.as_bytes().to_vec().into()));
        }
        UserFilter::EmployeeId(text) => equal("employee_id", account::fold(text).into()),
        UserFilter::UserPrincipalName(text) => equal("upn", account::fold(text).into()),
        UserFilter::Mail(text) => equal("mail", account::fold(text).into()),
        UserFilter::AccountEnabled(value) => equal("enabled", i64::from(*value).into()),
        UserFilter::And(parts) => join(parts, " AND ", "1", sql, values),
        UserFilter::Or(parts) => join(parts, " OR ", "0", sql, values),
        UserFilter::Search(text) => {
            // lower() folds ASCII only; the other columns are folded already.
            let columns = ["lower(display_name)", "upn", "coalesce(mail, '')", "coalesce(employee_id, '')"];
            let parts = columns.map(|column| format!("instr({column}, ?) > 0"));
            sql.push_str(&format!("({} OR instr(display_name, ?) > 0)", parts.join(" OR ")));
            values.extend(columns.map(|_| Value::from(account::fold(text))));
            values.push(text.clone().into());
        }
    }
}

fn join(parts: &[UserFilter], word: &str, empty: &str, sql: &mut String, values: &mut Vec<Value>) {
    sql.push_str(if parts.is_empty() { empty } else { "(" });
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            sql.push_str(word);
        }
        push_filter(part, sql, values);
    }
    if !parts.is_empty() {
        sql.push(')');
    }
}

fn purge(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(sql)?;
    let ids: Vec<Vec<u8>> =
        statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in &ids {
        connection.prepare_cached("UPDATE users SET manager = NULL WHERE manager = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM users WHERE id = ?1")?.execute([id])?;
    }
    if !ids.is_empty() {
        connection.execute("UPDATE counter SET version = version + 1", [])?;
    }
    Ok(ids.len())
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    let time = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    let deleted: Option<i64> = row.get(1)?;
    let account = account::read_account(row, Wanted::All, i64::MIN)?;
    let Account { anchor, attributes, .. } = account.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(User {
        id: anchor,
        attributes,
        created: time(row.get(4)?),
        deleted: deleted.map(time),
        version: row.get(5)?,
    })
}

/// Accounts by anchor.
pub(super) fn read(
    connection: &Connection,
    anchors: &[String],
    wanted: &[String],
    since: i64,
) -> rusqlite::Result<Vec<Option<Account>>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"))?;
    let mut one = |anchor: &String| {
        let Ok(id) = Uuid::parse_str(anchor) else { return Ok(None) };
        let named = Wanted::Named(wanted);
        let read = |row: &Row<'_>| account::read_account(row, named, since);
        Ok(statement.query_row([id.as_bytes().as_slice()], read).optional()?.flatten())
    };
    anchors.iter().map(&mut one).collect()
}

/// The next slice of an enumeration, with the key to go on from.
pub(super) fn slice(
    connection: &Connection,
    after: i64,
    wanted: &[String],
    since: i64,
) -> rusqlite::Result<(Vec<Account>, Option<i64>)> {
    let sql = format!("SELECT {COLUMNS}, key FROM users WHERE key > ?1 ORDER BY key LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, SLICE])?;
    let (mut accounts, mut last, mut count) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        accounts.extend(account::read_account(row, Wanted::Named(wanted), since)?);
        last = Some(row.get(4)?);
        count += 1;
    }
    Ok((accounts, last.filter(|_| count == SLICE)))
}

/// Accounts by key: indexed attributes one by one, all others together in one pass over the directory.
pub(super) fn find(
    connection: &Connection,
    keys: &[MatchKey],
    wanted: &[String],
    since: i64,
) -> rusqlite::Result<Vec<Vec<Account>>> {
    let mut found: Vec<Vec<Account>> = Vec::with_capacity(keys.len());
    let mut scanned: Vec<(usize, &MatchKey)> = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        found.push(match Lookup::of(key) {
            Lookup::Column(column, value) => by_column(connection, column, value, wanted, since)?,
            Lookup::Nothing => Vec::new(),
            Lookup::Scan => {
                scanned.push((n, key));
                Vec::new()
            }
        });
    }
    if !scanned.is_empty() {
        scan(connection, &scanned, wanted, since, &mut found)?;
    }
    for accounts in &mut found {
        if accounts.iter().any(|account| !account.soft_deleted) {
            accounts.retain(|account| !account.soft_deleted);
        }
    }
    Ok(found)
}

/// How to find a key.
enum Lookup {
    Column(&'static str, Value),
    Scan,
    Nothing,
}

impl Lookup {
    fn of(key: &MatchKey) -> Self {
        let id = |value: &AttributeValue| {
            account::text(value)
                .and_then(|text| Uuid::parse_str(text).ok())
                .map(|id| Value::from(id.as_bytes().to_vec()))
        };
        let (column, value) = match key.attribute.as_str() {
            name if name.eq_ignore_ascii_case("objectId") || name == "id" => ("id", id(&key.value)),
            name if name.eq_ignore_ascii_case(MANAGER) => ("manager", id(&key.value)),
            name if name.eq_ignore_ascii_case(ENABLED) => {
                ("enabled", account::truth(&key.value).map(|value| i64::from(value).into()))
            }
            name => match account::column(name) {
                Some(column) => (column, account::folded(&key.value).map(Value::from)),
                None => return Self::Scan,
            },
        };
        value.map_or(Self::Nothing, |value| Self::Column(column, value))
    }
}

fn by_column(
    connection: &Connection,
    column: &str,
    value: Value,
    wanted: &[String],
    since: i64,
) -> rusqlite::Result<Vec<Account>> {
    let mut all = Vec::new();
    // Two questions, because the unique index knows live users only.
    for state in ["IS NULL", "IS NOT NULL"] {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE {column} = ?1 AND deleted {state}");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([&value])?;
        while let Some(row) = rows.next()? {
            all.extend(account::read_account(row, Wanted::Named(wanted), since)?);
        }
        if !all.is_empty() {
            break;
        }
    }
    Ok(all)
}

fn scan(
    connection: &Connection,
    keys: &[(usize, &MatchKey)],
    wanted: &[String],
    since: i64,
    found: &mut [Vec<Account>],
) -> rusqlite::Result<()> {
    // Attribute, then folded value, to the places that asked.
    let mut asked: HashMap<&str, HashMap<String, Vec<usize>>> = HashMap::new();
    for (place, key) in keys {
        if let Some(value) = account::folded(&key.value) {
            asked.entry(key.attribute.as_str()).or_default().entry(value).or_default().push(*place);
        }
    }
    let names: Vec<String> = asked.keys().map(|name| (*name).to_owned()).collect();
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users ORDER BY key"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let held = account::decode(row.get_ref(3)?.as_str()?, Wanted::Named(&names))?;
        for (name, value) in &held {
            let Some((_, values)) = asked.iter().find(|(asked, _)| asked.eq_ignore_ascii_case(name)) else {
                continue;
            };
            let items = match value {
                AttributeValue::List(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            let places =
                items.iter().filter_map(account::folded).filter_map(|value| values.get(&value)).flatten();
            for place in places {
                found[*place].extend(account::read_account(row, Wanted::Named(wanted), since)?);
            }
        }
    }
    Ok(())
}
