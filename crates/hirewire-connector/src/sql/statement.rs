//! Parameters of a definition's own queries: `@name` becomes the database's placeholder, its value is never part of the text.

use hirewire_workflow::expression::member;
use serde_json::Value as Json;

use super::{Dialect, Row};
use crate::failure::Failure;

/// The statement with placeholders, and the values in their order.
pub(crate) fn bind(query: &str, given: &Row, dialect: Dialect) -> Result<(String, Vec<Json>), Failure> {
    let mut sql = String::with_capacity(query.len());
    let mut values: Vec<Json> = Vec::new();
    let mut numbers: Vec<(String, usize)> = Vec::new();
    let mut rest = query;
    while !rest.is_empty() {
        let plain = skip(rest, dialect);
        if plain > 0 {
            sql.push_str(&rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        let name: String = rest[1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rest = &rest[1 + name.len()..];
        let value = member(given, &name).or_else(|| member(given, &format!("@{name}")));
        let Some(value) = value else {
            // Variables of the database itself stay.
            sql.push('@');
            sql.push_str(&name);
            continue;
        };
        let known = numbers.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)).map(|(_, at)| *at);
        let number = match known.filter(|_| dialect != Dialect::MySql) {
            Some(number) => number,
            None => {
                values.push(value.clone());
                numbers.push((name, values.len()));
                values.len()
            }
        };
        sql.push_str(&dialect.parameter(number));
    }
    Ok((sql, values))
}

/// Bytes up to the next `@name` that may be a parameter: texts, quoted names and comments hold none.
fn skip(text: &str, dialect: Dialect) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        at += match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => quoted(rest, quote, dialect),
            b'[' if dialect == Dialect::SqlServer => rest.find(']').map_or(rest.len(), |n| n + 1),
            b'-' if rest.starts_with("--") => rest.find('\n').map_or(rest.len(), |n| n + 1),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |n| n + 2),
            b'$' if dialect == Dialect::Postgres => dollar(rest),
            // `@@ROWCOUNT` and PostgreSQL's operators `<@`, `@>` are no parameters.
            b'@' => {
                let begins =
                    bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || *b >= 0x80);
                let double = at > 0 && bytes[at - 1] == b'@';
                if begins && !double {
                    return at;
                }
                1
            }
            byte if byte < 0x80 => 1,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    at
}

/// Length of a quoted part; the quote twice does not end it, nor does MySQL's backslash.
fn quoted(text: &str, quote: u8, dialect: Dialect) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'\\' && dialect == Dialect::MySql {
            at += 2;
            continue;
        }
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

/// Length of `$tag$ … $tag$`, or 1.
fn dollar(text: &str) -> usize {
    let Some(end) = text[1..].find('$') else { return 1 };
    let tag = &text[..end + 2];
    if !tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_') {
        return 1;
    }
    text[tag.len()..].find(tag).map_or(1, |n| tag.len() * 2 + n)
}

#[cfg(test)]
mod tests {
    use super::bind;
    use crate::sql::Dialect;
    use serde_json::json;

    #[test]
    fn parameters_become_placeholders() {
        let given = json!({"id": 7, "@name": "O'Brien"});
        let given = given.as_object().expect("object");
        let check = |query: &str, dialect, wanted: &str, count| {
            let (sql, values) = bind(query, given, dialect).expect("bound");
            assert_eq!((sql.as_str(), values.len()), (wanted, count), "{query}");
        };
        check("SELECT @ID, @name, @id", Dialect::Postgres, "SELECT $1, $2, $1", 2);
        check("SELECT @ID, @name, @id", Dialect::MySql, "SELECT ?, ?, ?", 3);
        check("SELECT @id", Dialect::SqlServer, "SELECT @P1", 1);
        check(
            "SELECT '@id', \"@id\" -- @id\n, /* @id */ @id",
            Dialect::Postgres,
            "SELECT '@id', \"@id\" -- @id\n, /* @id */ $1",
            1,
        );
        check("SELECT 'it''s @id' || $x$ @id $x$", Dialect::Postgres, "SELECT 'it''s @id' || $x$ @id $x$", 0);
        check("SELECT '\\'@id', @id", Dialect::MySql, "SELECT '\\'@id', ?", 1);
        check("SELECT @@version, @other", Dialect::MySql, "SELECT @@version, @other", 0);
        check("SELECT a @> b, 'é@id", Dialect::Postgres, "SELECT a @> b, 'é@id", 0);
        check("SELECT '\\", Dialect::MySql, "SELECT '\\", 0);
    }
}
