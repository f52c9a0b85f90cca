//! Names and placeholders of the database dialects.

use crate::failure::Failure;

/// How a database writes names and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    MySql,
    SqlServer,
}

impl Dialect {
    /// A name, quoted.
    pub(crate) fn quote(self, name: &str) -> String {
        match self {
            Self::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::MySql => format!("`{}`", name.replace('`', "``")),
            Self::SqlServer => format!("[{}]", name.replace(']', "]]")),
        }
    }

    /// The n-th parameter, counted from 1.
    pub(crate) fn parameter(self, n: usize) -> String {
        match self {
            Self::Postgres => format!("${n}"),
            Self::MySql => "?".into(),
            Self::SqlServer => format!("@P{n}"),
        }
    }

    /// The schema of a table that names none, as an expression.
    pub(crate) fn default_schema(self) -> &'static str {
        match self {
            Self::Postgres => "current_schema()",
            Self::MySql => "DATABASE()",
            Self::SqlServer => "SCHEMA_NAME()",
        }
    }

    /// The end of a SELECT that gives some rows of an ordered result.
    pub(crate) fn page(self, skip: u64, top: u64) -> String {
        match self {
            Self::Postgres | Self::MySql => format!(" LIMIT {top} OFFSET {skip}"),
            Self::SqlServer => format!(" OFFSET {skip} ROWS FETCH NEXT {top} ROWS ONLY"),
        }
    }
}

/// A table or view as a definition names it: `[dbo].[People]`, `public.empview`, `People`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    dialect: Dialect,
}

impl Table {
    /// Reads a name. SQL Server's default schema `dbo` means the default schema of every other database [U].
    pub(crate) fn read(text: &str, dialect: Dialect) -> Result<Self, Failure> {
        let mut parts = parts(text).ok_or_else(|| Failure::bad(format!("'{text}' is no name of a table")))?;
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        if !parts.is_empty() {
            return Err(Failure::bad(format!("'{text}' names another database; this connection has one")));
        }
        let schema = schema.filter(|s| dialect == Dialect::SqlServer || !s.eq_ignore_ascii_case("dbo"));
        Ok(Self { schema, name, dialect })
    }

    /// The name in a statement.
    pub(crate) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", self.dialect.quote(schema), self.dialect.quote(&self.name)),
            None => self.dialect.quote(&self.name),
        }
    }
}

/// The parts of a dotted name; brackets and quotes hold dots together.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = match rest.chars().next()? {
            '[' => closed(&rest[1..], ']')?,
            '"' => closed(&rest[1..], '"')?,
            '`' => closed(&rest[1..], '`')?,
            _ => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        if part.is_empty() || part.contains('\0') {
            return None;
        }
        out.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(next) => rest = next,
            None if after.trim().is_empty() => return Some(out),
            None => return None,
        }
    }
}

/// A quoted part up to its end; the end sign twice is one.
fn closed(text: &str, end: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(end)?;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(end) {
            Some(next) => {
                out.push(end);
                rest = next;
            }
            None => return Some((out, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Table};

    #[test]
    fn tables_are_read_and_quoted() {
        for (text, dialect, wanted) in [
            ("[dbo].[People]", Dialect::SqlServer, "[dbo].[People]"),
            ("[dbo].[People]", Dialect::Postgres, "\"People\""),
            ("public.empview", Dialect::Postgres, "\"public\".\"empview\""),
            ("people", Dialect::MySql, "`people`"),
            ("[a.b].[c]]d]", Dialect::SqlServer, "[a.b].[c]]d]"),
            ("x\"; DROP TABLE y --", Dialect::Postgres, "\"x\"\"; DROP TABLE y --\""),
        ] {
            assert_eq!(Table::read(text, dialect).map(|t| t.sql()).as_deref(), Ok(wanted), "{text}");
        }
        for bad in ["", "[a", "a..b", "[a]x", "a.b.c"] {
            assert!(Table::read(bad, Dialect::Postgres).is_err(), "{bad}");
        }
    }
}
