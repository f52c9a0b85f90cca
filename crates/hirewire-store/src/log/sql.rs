//! Turns a filter into SQL, and chooses the index.
//!
//! The index is named in the statement (`INDEXED BY`), so that a plan does not depend on statistics: a list of the newest
//! entries walks an index in its order and stops after one page.
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::entry::{LogAction, LogStatus};
use super::filter::{Comparison, Fold, LogField, LogFilter, LogValue, Operand, TextFunction};
use super::ids::IdCoder;
use crate::error::{Result, StoreError};

/// Deeper filters are refused.
const DEEPEST: usize = 50;
const SECOND: i64 = 1_000_000;
/// Milliseconds from which on an entry stands in the index of long ones.
const LONG: i64 = 1_000;

/// A filter as SQL.
pub(crate) struct Condition {
    /// A Boolean expression that is never null.
    pub(crate) sql: String,
    /// Values of its `?`, in order.
    pub(crate) values: Vec<Value>,
    /// `INDEXED BY …`, or nothing where the row number decides.
    pub(crate) index: &'static str,
}

/// Translates a filter; names of jobs and cycles become numbers on the way.
pub(crate) fn condition(
    connection: &Connection,
    filter: Option<&LogFilter>,
    ids: IdCoder,
) -> Result<Condition> {
    let mut builder =
        Builder { connection, ids, jobs: jobs(connection)?, sql: String::new(), values: Vec::new() };
    let Some(filter) = filter else {
        return Ok(Condition { sql: "1".into(), values: Vec::new(), index: "INDEXED BY log_time" });
    };
    builder.filter(filter, 0)?;
    let mut best = Access::Time;
    builder.narrow(filter, &mut best)?;
    Ok(Condition { index: best.hint(), sql: builder.sql, values: builder.values })
}

/// How to reach the entries; the later the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Time,
    Long,
    Job,
    Action,
    Status,
    Upload,
    Error,
    Name,
    Target,
    Source,
    Row,
}

impl Access {
    fn hint(self) -> &'static str {
        match self {
            Self::Time => "INDEXED BY log_time",
            Self::Job => "INDEXED BY log_job",
            Self::Long => "INDEXED BY log_long",
            Self::Action => "INDEXED BY log_action",
            Self::Status => "INDEXED BY log_status",
            Self::Upload => "INDEXED BY log_upload",
            Self::Error => "INDEXED BY log_error",
            Self::Name => "INDEXED BY log_name",
            Self::Target => "INDEXED BY log_target",
            Self::Source => "INDEXED BY log_source",
            Self::Row => "NOT INDEXED",
        }
    }
}

struct JobNames {
    key: i64,
    id: String,
    principal: String,
    principal_name: String,
}

fn jobs(connection: &Connection) -> Result<Vec<JobNames>> {
    let sql = "SELECT key, id, service_principal, service_principal_name FROM jobs";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(JobNames {
            key: row.get(0)?,
            id: row.get(1)?,
            principal: row.get(2)?,
            principal_name: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

struct Builder<'c> {
    connection: &'c Connection,
    ids: IdCoder,
    jobs: Vec<JobNames>,
    sql: String,
    values: Vec<Value>,
}

impl Builder<'_> {
    fn filter(&mut self, filter: &LogFilter, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(refuse(format!("more than {DEEPEST} levels of brackets")));
        }
        match filter {
            LogFilter::Constant(holds) => self.constant(*holds),
            LogFilter::And(parts) => self.join(parts, " AND ", true, depth)?,
            LogFilter::Or(parts) => self.join(parts, " OR ", false, depth)?,
            LogFilter::Not(inner) => {
                self.sql.push_str("NOT (");
                self.filter(inner, depth + 1)?;
                self.sql.push(')');
            }
            LogFilter::Compare(operand, op, value) => self.compare(*operand, *op, value)?,
            LogFilter::In(operand, values) => {
                let equal = |value: &LogValue| LogFilter::Compare(*operand, Comparison::Equal, value.clone());
                self.filter(&LogFilter::Or(values.iter().map(equal).collect()), depth + 1)?;
            }
            LogFilter::Text(function, operand, text) => self.text_function(*function, *operand, text)?,
        }
        Ok(())
    }

    fn constant(&mut self, holds: bool) {
        self.sql.push(if holds { '1' } else { '0' });
    }

    fn join(&mut self, parts: &[LogFilter], word: &str, empty: bool, depth: usize) -> Result<()> {
        if parts.is_empty() {
            self.constant(empty);
            return Ok(());
        }
        for (n, part) in parts.iter().enumerate() {
            self.sql.push_str(if n == 0 { "(" } else { word });
            self.filter(part, depth + 1)?;
        }
        self.sql.push(')');
        Ok(())
    }

    fn push(&mut self, sql: &str, value: impl Into<Value>) {
        self.sql.push_str(sql);
        self.values.push(value.into());
    }

    fn compare(&mut self, operand: Operand, op: Comparison, value: &LogValue) -> Result<()> {
        match operand.field {
            LogField::Time => self.time(op, value),
            LogField::Duration => self.number("duration", op, value),
            LogField::Upload => self.number("upload", op, value),
            LogField::Id => self.id(operand, op, value),
            LogField::ChangeId => self.change(operand, op, value),
            LogField::CycleId => self.cycle(operand, op, value),
            _ => match text_column(operand.field) {
                Some(column) => self.text(column, operand, op, value),
                None => {
                    let holds = |text: &str| compare_text(&fold(text, operand.fold), op, value);
                    self.set(operand.field, value, &holds)
                }
            },
        }
    }

    /// `activityDateTime` is shown in whole seconds; what is shown is what is compared.
    fn time(&mut self, op: Comparison, value: &LogValue) -> Result<()> {
        let LogValue::Time(value) = value else {
            return Err(refuse("activityDateTime is compared with a date-time"));
        };
        let at = crate::time::micros(*value);
        let floor = at.div_euclid(SECOND) * SECOND;
        let (next, whole) = (floor + SECOND, at == floor);
        let ceiling = if whole { floor } else { next };
        match op {
            Comparison::GreaterOrEqual => self.push("time >= ?", ceiling),
            Comparison::Greater => self.push("time >= ?", next),
            Comparison::LessOrEqual => self.push("time < ?", next),
            Comparison::Less => self.push("time < ?", ceiling),
            Comparison::Equal | Comparison::NotEqual => {
                let equal = op == Comparison::Equal;
                if !whole {
                    self.constant(!equal);
                    return Ok(());
                }
                self.push(if equal { "(time >= ? AND " } else { "NOT (time >= ? AND " }, floor);
                self.push("time < ?)", next);
            }
        }
        Ok(())
    }

    fn number(&mut self, column: &str, op: Comparison, value: &LogValue) -> Result<()> {
        match value {
            LogValue::Number(number) => {
                // Comparing with null gives null in SQL and false in OData.
                if column == "duration" && is_long(op, *number) {
                    self.push(&format!("(duration >= {LONG} AND duration {} ?)", symbol(op)), *number);
                    return Ok(());
                }
                if column == "upload" && op == Comparison::Equal {
                    self.push("(upload = ? AND upload IS NOT NULL)", *number);
                    return Ok(());
                }
                let open =
                    if matches!(op, Comparison::Equal | Comparison::NotEqual) { "" } else { "coalesce(" };
                let close = if open.is_empty() { "" } else { ", 0)" };
                self.push(&format!("{open}{column} {} ?{close}", symbol(op)), *number);
                Ok(())
            }
            LogValue::Null => self.null(column, op),
            _ => Err(refuse(format!("{column} is compared with a whole number"))),
        }
    }

    fn null(&mut self, column: &str, op: Comparison) -> Result<()> {
        match op {
            Comparison::Equal => self.sql.push_str(&format!("{column} IS NULL")),
            Comparison::NotEqual => self.sql.push_str(&format!("{column} IS NOT NULL")),
            _ => self.constant(false),
        }
        Ok(())
    }

    fn id(&mut self, operand: Operand, op: Comparison, value: &LogValue) -> Result<()> {
        let (equal, id) = guid(operand, op, value)?;
        match id.and_then(|id| self.ids.entry_seq(id)) {
            Some(seq) => self.push(if equal { "seq = ?" } else { "seq <> ?" }, seq),
            None => self.constant(!equal),
        }
        Ok(())
    }

    fn change(&mut self, operand: Operand, op: Comparison, value: &LogValue) -> Result<()> {
        let (equal, id) = guid(operand, op, value)?;
        match id.and_then(|id| self.ids.change_seq(id)) {
            Some(seq) => {
                let word = if equal { "IN" } else { "NOT IN" };
                self.push(&format!("seq {word} (SELECT ? UNION ALL "), seq);
                self.push("SELECT seq FROM log INDEXED BY log_change WHERE change_of = ?)", seq);
            }
            None => self.constant(!equal),
        }
        Ok(())
    }

    fn cycle(&mut self, operand: Operand, op: Comparison, value: &LogValue) -> Result<()> {
        let LogValue::Text(text) = value else {
            return match value {
                LogValue::Null => self.null("cycle", op),
                _ => Err(refuse("cycleId is compared with text")),
            };
        };
        if operand.fold == Fold::None && matches!(op, Comparison::Equal | Comparison::NotEqual) {
            let equal = op == Comparison::Equal;
            match self.find_cycle(text)? {
                Some(found) if equal => self.one_cycle(&found),
                Some(found) => self.push("cycle IS NOT ?", found.key),
                None => self.constant(!equal),
            }
            return Ok(());
        }
        let column = folded("id", operand.fold);
        let sql = format!("coalesce(cycle IN (SELECT key FROM cycles WHERE {column} {} ?), 0)", symbol(op));
        self.push(&sql, text.clone());
        Ok(())
    }

    /// A cycle's entries all belong to one job and lie between two times, so the job's index leads to them.
    fn one_cycle(&mut self, cycle: &CycleRange) {
        self.push("(cycle IS ? AND ", cycle.key);
        self.push("job = ? AND ", cycle.job);
        self.push("time >= ? AND ", cycle.from);
        self.push("time <= ?)", cycle.to);
    }

    fn find_cycle(&self, id: &str) -> Result<Option<CycleRange>> {
        let sql =
            "SELECT key, job, coalesce(first_time, 1), coalesce(last_time, 0) FROM cycles WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(CycleRange { key: row.get(0)?, job: row.get(1)?, from: row.get(2)?, to: row.get(3)? }))
    }

    fn text(&mut self, column: &str, operand: Operand, op: Comparison, value: &LogValue) -> Result<()> {
        let nullable = column == "error_code";
        match value {
            LogValue::Null if nullable => self.null(column, op),
            LogValue::Null => {
                self.constant(op == Comparison::NotEqual);
                Ok(())
            }
            LogValue::Text(text) => {
                let plain = operand.fold == Fold::None;
                if plain && column != "source" && op == Comparison::Equal && !text.is_empty() {
                    // What the partial indexes cover; never null, so that it can be negated.
                    self.push(&format!("({column} = ? AND {column} IS NOT NULL)"), text.clone());
                    return Ok(());
                }
                // An absent target reads as empty text, an absent error code as null.
                let bare = nullable || column == "source";
                let column = if bare { column.into() } else { format!("coalesce({column}, '')") };
                let column = folded(&column, operand.fold);
                let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
                if equality || !nullable {
                    self.push(&format!("{column} {} ?", symbol(op)), text.clone());
                } else {
                    self.push(&format!("coalesce({column} {} ?, 0)", symbol(op)), text.clone());
                }
                Ok(())
            }
            _ => Err(refuse(format!("{column} is compared with text"))),
        }
    }

    fn text_function(&mut self, function: TextFunction, operand: Operand, text: &str) -> Result<()> {
        let found = |value: &str| match function {
            TextFunction::Contains => value.contains(text),
            TextFunction::StartsWith => value.starts_with(text),
            TextFunction::EndsWith => value.ends_with(text),
        };
        let column = match operand.field {
            LogField::CycleId => "(SELECT id FROM cycles WHERE key = cycle)",
            field => match text_column(field) {
                Some(column) => column,
                None if is_set(field) => {
                    let holds = |value: &str| found(&fold(value, operand.fold));
                    return self.set(field, &LogValue::Text(String::new()), &holds);
                }
                None => return Err(refuse("contains, startswith and endswith look into text")),
            },
        };
        if text.is_empty() {
            self.constant(true);
            return Ok(());
        }
        let column = folded(&format!("coalesce({column}, '')"), operand.fold);
        let sql = match function {
            TextFunction::Contains => format!("instr({column}, ?) > 0"),
            TextFunction::StartsWith => format!("instr({column}, ?) = 1"),
            TextFunction::EndsWith => {
                self.values.push(text.to_owned().into());
                format!("substr({column}, -length(?)) = ?")
            }
        };
        self.push(&sql, text.to_owned());
        Ok(())
    }

    /// Members with few values: decided here, value by value, so that the database compares numbers.
    fn set(&mut self, field: LogField, value: &LogValue, holds: &dyn Fn(&str) -> bool) -> Result<()> {
        if !matches!(value, LogValue::Text(_) | LogValue::Null) {
            return Err(refuse("a name is compared with text"));
        }
        let (column, numbers) = self.chosen(field, holds);
        match numbers.as_slice() {
            [] => self.constant(false),
            [one] => self.sql.push_str(&format!("{column} = {one}")),
            many => {
                let list = many.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                self.sql.push_str(&format!("{column} IN ({list})"));
            }
        }
        Ok(())
    }

    fn chosen(&self, field: LogField, holds: &dyn Fn(&str) -> bool) -> (&'static str, Vec<i64>) {
        match field {
            LogField::Action => {
                let chosen = LogAction::ALL.iter().filter(|action| holds(action.as_str()));
                ("action", chosen.map(|action| action.number()).collect())
            }
            LogField::Status => {
                let chosen = LogStatus::ALL.iter().filter(|status| holds(status.as_str()));
                ("status", chosen.map(|status| status.number()).collect())
            }
            _ => {
                let name = |job: &JobNames| match field {
                    LogField::ServicePrincipalId => holds(&job.principal),
                    LogField::ServicePrincipalName => holds(&job.principal_name),
                    _ => holds(&job.id),
                };
                ("job", self.jobs.iter().filter(|job| name(job)).map(|job| job.key).collect())
            }
        }
    }

    /// Finds the best way in among the conditions that hold for every hit.
    fn narrow(&self, filter: &LogFilter, best: &mut Access) -> Result<()> {
        match filter {
            LogFilter::And(parts) => parts.iter().try_for_each(|part| self.narrow(part, best)),
            LogFilter::Compare(operand, Comparison::Equal, LogValue::Text(text))
                if operand.fold == Fold::None =>
            {
                *best = (*best).max(self.access(*operand, text)?);
                Ok(())
            }
            LogFilter::Compare(operand, Comparison::Equal, LogValue::Number(_))
                if operand.field == LogField::Upload =>
            {
                *best = (*best).max(Access::Upload);
                Ok(())
            }
            LogFilter::Compare(operand, op, LogValue::Number(least))
                if operand.field == LogField::Duration && is_long(*op, *least) =>
            {
                *best = (*best).max(Access::Long);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn access(&self, operand: Operand, text: &str) -> Result<Access> {
        let chosen = |text: &str| self.chosen(operand.field, &|name| name == text).1;
        Ok(match operand.field {
            LogField::Id => Access::Row,
            LogField::ChangeId => Access::Row,
            LogField::SourceId => Access::Source,
            LogField::TargetId if !text.is_empty() => Access::Target,
            LogField::TargetName if !text.is_empty() => Access::Name,
            LogField::ErrorCode if !text.is_empty() => Access::Error,
            // Most entries succeed, so that the newest ones are found sooner in order of time or by another member.
            LogField::Status if chosen(text) == [LogStatus::Success.number()] => Access::Time,
            LogField::Status if chosen(text).len() == 1 => Access::Status,
            LogField::Action if chosen(text).len() == 1 => Access::Action,
            LogField::JobId | LogField::ServicePrincipalId if chosen(text).len() == 1 => Access::Job,
            LogField::CycleId if self.find_cycle(text)?.is_some() => Access::Job,
            _ => Access::Time,
        })
    }
}

struct CycleRange {
    key: i64,
    job: i64,
    from: i64,
    to: i64,
}

/// Whether only long entries can be meant.
fn is_long(op: Comparison, number: i64) -> bool {
    let from = match op {
        Comparison::Greater => number.saturating_add(1),
        Comparison::GreaterOrEqual | Comparison::Equal => number,
        _ => return false,
    };
    from >= LONG
}

fn refuse(reason: impl Into<String>) -> StoreError {
    StoreError::Filter { reason: reason.into() }
}

fn text_column(field: LogField) -> Option<&'static str> {
    match field {
        LogField::SourceId => Some("source"),
        LogField::TargetId => Some("target"),
        LogField::TargetName => Some("target_name"),
        LogField::ErrorCode => Some("error_code"),
        _ => None,
    }
}

fn is_set(field: LogField) -> bool {
    use LogField::{Action, JobId, ServicePrincipalId, ServicePrincipalName, Status};
    matches!(field, JobId | ServicePrincipalId | ServicePrincipalName | Action | Status)
}

/// `IS` and `IS NOT` treat null as a value, as OData does.
fn symbol(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "IS",
        Comparison::NotEqual => "IS NOT",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
    }
}

fn folded(column: &str, fold: Fold) -> String {
    match fold {
        Fold::None => column.into(),
        Fold::Lower => format!("lower({column})"),
        Fold::Upper => format!("upper({column})"),
    }
}

fn fold(text: &str, fold: Fold) -> String {
    match fold {
        Fold::None => text.into(),
        Fold::Lower => text.to_lowercase(),
        Fold::Upper => text.to_uppercase(),
    }
}

fn compare_text(text: &str, op: Comparison, value: &LogValue) -> bool {
    let LogValue::Text(value) = value else { return op == Comparison::NotEqual };
    let order = text.cmp(value.as_str());
    match op {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
    }
}

/// A GUID compared for equality; `None` for null and for text that is no GUID, which no entry has.
fn guid(operand: Operand, op: Comparison, value: &LogValue) -> Result<(bool, Option<Uuid>)> {
    let equal = match op {
        Comparison::Equal => true,
        Comparison::NotEqual => false,
        _ => return Err(refuse("id and changeId are compared with eq, ne and in")),
    };
    let id = match value {
        LogValue::Null => None,
        // GUIDs are written in small letters.
        LogValue::Text(text) if operand.fold == Fold::Upper => Uuid::parse_str(&text.to_lowercase()).ok(),
        LogValue::Text(text) => Uuid::parse_str(text).ok().filter(|id| id.to_string() == *text),
        _ => return Err(refuse("id and changeId are compared with text")),
    };
    Ok((equal, id))
}
