//! `$filter`, `$orderby` and `$select` of a row operation (OData 4 system query options) as SQL with parameters.

use serde_json::Value as Json;

use super::Dialect;
use crate::failure::Failure;

/// Deepest nesting of a filter.
const MAX_DEPTH: usize = 50;

/// A condition and its values.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Condition {
    /// The text after WHERE.
    pub(crate) sql: String,
    /// The values, in the order of their placeholders.
    pub(crate) values: Vec<Json>,
}

/// Reads a filter; `first` is the number of its first parameter.
pub(crate) fn filter(text: &str, dialect: Dialect, first: usize) -> Result<Condition, Failure> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, dialect, first, values: Vec::new(), text };
    let sql = parser.or(0)?;
    if parser.at < tokens.len() {
        return Err(parser.wrong());
    }
    Ok(Condition { sql, values: parser.values })
}

/// Reads `$orderby`: `LastName asc, ID desc`.
pub(crate) fn order(text: &str, dialect: Dialect) -> Result<String, Failure> {
    let part = |part: &str| {
        let (column, direction) = match part.trim().rsplit_once(char::is_whitespace) {
            Some((column, word)) if word.eq_ignore_ascii_case("desc") => (column, " DESC"),
            Some((column, word)) if word.eq_ignore_ascii_case("asc") => (column, ""),
            _ => (part.trim(), ""),
        };
        column_name(column.trim()).map(|c| format!("{}{direction}", dialect.quote(&c)))
    };
    let parts: Result<Vec<_>, _> = text.split(',').map(part).collect();
    Ok(parts?.join(", "))
}

/// Reads `$select`: a list of columns.
pub(crate) fn select(text: &str, dialect: Dialect) -> Result<String, Failure> {
    if text.trim().is_empty() || text.trim() == "*" {
        return Ok("*".into());
    }
    let parts: Result<Vec<_>, _> =
        text.split(',').map(|c| column_name(c.trim()).map(|c| dialect.quote(&c))).collect();
    Ok(parts?.join(", "))
}

/// A column's name; OData spells what is no identifier as `_x0020_`.
fn column_name(text: &str) -> Result<String, Failure> {
    if text.is_empty() || text.contains('\0') {
        return Err(Failure::bad(format!("'{text}' is no name of a column")));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        out.push_str(&rest[..at]);
        match code.and_then(|c| u32::from_str_radix(c, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Value(Json),
}

fn tokens(text: &str) -> Result<Vec<Token>, Failure> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '(' | ')' | ',' => {
                out.push(match c {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
                &rest[1..]
            }
            '\'' => {
                let (value, after) = quoted(rest)
                    .ok_or_else(|| Failure::bad(format!("$filter: a text does not end: {text}")))?;
                // `datetime'2026-01-31T00:00:00'`, `guid'…'`: the word before says only the type.
                if let Some(Token::Word(word)) = out.last()
                    && ["datetime", "datetimeoffset", "guid", "time"]
                        .iter()
                        .any(|w| word.eq_ignore_ascii_case(w))
                {
                    out.pop();
                }
                out.push(Token::Value(Json::from(value)));
                after
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len());
                out.push(word(&rest[..end]));
                &rest[end..]
            }
        }
        .trim_start();
    }
    Ok(out)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = &text[1..];
    loop {
        let at = rest.find('\'')?;
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('\'') {
            Some(next) => {
                out.push('\'');
                rest = next;
            }
            None => return Some((out, rest)),
        }
    }
}

fn word(text: &str) -> Token {
    match text {
        "null" => return Token::Value(Json::Null),
        "true" => return Token::Value(Json::Bool(true)),
        "false" => return Token::Value(Json::Bool(false)),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Token::Value(Json::from(number));
    }
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    match text.parse::<f64>() {
        Ok(number) if begins && number.is_finite() => Token::Value(Json::from(number)),
        // A date or a GUID stands without quotes.
        _ if begins && text.contains('-') => Token::Value(Json::from(text)),
        _ => Token::Word(text.to_owned()),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    dialect: Dialect,
    first: usize,
    values: Vec<Json>,
    text: &'t str,
}

impl Parser<'_> {
    fn wrong(&self) -> Failure {
        let near = match self.tokens.get(self.at) {
            Some(Token::Word(word)) => format!("at '{word}'"),
            Some(Token::Value(value)) => format!("at {value}"),
            Some(Token::Open) => "at '('".into(),
            Some(Token::Close) => "at ')'".into(),
            Some(Token::Comma) => "at ','".into(),
            None => "at its end".into(),
        };
        Failure::bad(format!("$filter is not understood {near}: {}", self.text))
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted))
    }

    fn take(&mut self, token: &Token) -> Result<(), Failure> {
        if self.tokens.get(self.at) != Some(token) {
            return Err(self.wrong());
        }
        self.at += 1;
        Ok(())
    }

    fn or(&mut self, depth: usize) -> Result<String, Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::bad("$filter is nested too deeply"));
        }
        let mut sql = self.and(depth)?;
        while self.is_word("or") {
            self.at += 1;
            sql = format!("({sql} OR {})", self.and(depth)?);
        }
        Ok(sql)
    }

    fn and(&mut self, depth: usize) -> Result<String, Failure> {
        let mut sql = self.not(depth)?;
        while self.is_word("and") {
            self.at += 1;
            sql = format!("({sql} AND {})", self.not(depth)?);
        }
        Ok(sql)
    }

    fn not(&mut self, depth: usize) -> Result<String, Failure> {
        if self.is_word("not") {
            self.at += 1;
            if depth > MAX_DEPTH {
                return Err(Failure::bad("$filter is nested too deeply"));
            }
            return Ok(format!("NOT ({})", self.not(depth + 1)?));
        }
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let sql = self.or(depth + 1)?;
            self.take(&Token::Close)?;
            return Ok(format!("({sql})"));
        }
        self.comparison(depth)
    }

    fn comparison(&mut self, depth: usize) -> Result<String, Failure> {
        let (left, boolean) = self.operand(depth)?;
        let operator = match self.tokens.get(self.at) {
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "eq" => "=",
                "ne" => "<>",
                "gt" => ">",
                "ge" => ">=",
                "lt" => "<",
                "le" => "<=",
                _ if boolean => return Ok(left),
                _ => return Err(self.wrong()),
            },
            _ if boolean => return Ok(left),
            _ => return Err(self.wrong()),
        };
        self.at += 1;
        if boolean {
            // `startswith(a,'x') eq true`
            let Some(Token::Value(Json::Bool(wanted))) = self.tokens.get(self.at) else {
                return Err(self.wrong());
            };
            self.at += 1;
            return Ok(if *wanted == (operator == "=") { left } else { format!("NOT ({left})") });
        }
        if self.tokens.get(self.at) == Some(&Token::Value(Json::Null)) {
            self.at += 1;
            return match operator {
                "=" => Ok(format!("{left} IS NULL")),
                "<>" => Ok(format!("{left} IS NOT NULL")),
                _ => Err(Failure::bad(format!(
                    "$filter: null can only be compared with eq and ne: {}",
                    self.text
                ))),
            };
        }
        let (right, _) = self.operand(depth)?;
        Ok(format!("{left} {operator} {right}"))
    }

    fn value(&mut self, value: Json) -> String {
        self.values.push(value);
        self.dialect.parameter(self.first + self.values.len() - 1)
    }

    /// A column, a value or a function; true where it is a condition by itself.
    fn operand(&mut self, depth: usize) -> Result<(String, bool), Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::bad("$filter is nested too deeply"));
        }
        match self.tokens.get(self.at).cloned() {
            Some(Token::Value(value)) => {
                self.at += 1;
                Ok((self.value(value), false))
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                if self.tokens.get(self.at) == Some(&Token::Open) {
                    self.at += 1;
                    return self.function(&word.to_ascii_lowercase(), depth + 1);
                }
                Ok((self.dialect.quote(&column_name(&word)?), false))
            }
            _ => Err(self.wrong()),
        }
    }

    fn function(&mut self, name: &str, depth: usize) -> Result<(String, bool), Failure> {
        let (first, _) = self.operand(depth)?;
        let length = if self.dialect == Dialect::SqlServer { "LEN" } else { "CHAR_LENGTH" };
        let simple = match name {
            "tolower" => Some(format!("LOWER({first})")),
            "toupper" => Some(format!("UPPER({first})")),
            "trim" => Some(format!("LTRIM(RTRIM({first}))")),
            "length" => Some(format!("{length}({first})")),
            "year" | "month" | "day" => Some(match self.dialect {
                Dialect::Postgres => format!("EXTRACT({name} FROM {first})"),
                _ => format!("{}({first})", name.to_ascii_uppercase()),
            }),
            _ => None,
        };
        if let Some(sql) = simple {
            self.take(&Token::Close)?;
            return Ok((sql, false));
        }
        self.take(&Token::Comma)?;
        let (second, _) = self.operand(depth)?;
        self.take(&Token::Close)?;
        let position = |needle: &str, text: &str| match self.dialect {
            // The text's type must be known where nothing else tells it.
            Dialect::Postgres => format!("POSITION(CAST({needle} AS text) IN CAST({text} AS text))"),
            // Placeholders without numbers: values stand in the order of the text.
            Dialect::MySql if name == "substringof" => format!("LOCATE({needle}, {text})"),
            Dialect::MySql => format!("INSTR({text}, {needle})"),
            Dialect::SqlServer => format!("CHARINDEX({needle}, {text})"),
        };
        match name {
            "startswith" => Ok((format!("{} = 1", position(&second, &first)), true)),
            "contains" => Ok((format!("{} > 0", position(&second, &first)), true)),
            "substringof" => Ok((format!("{} > 0", position(&first, &second)), true)),
            "endswith" => {
                let needle = if self.dialect == Dialect::Postgres {
                    format!("CAST({second} AS text)")
                } else {
                    second.clone()
                };
                // A placeholder that stands twice is a parameter of its own where they have no numbers.
                if self.dialect == Dialect::MySql && second.contains('?') {
                    if second != "?" {
                        return Err(Failure::bad(
                            "$filter: endswith takes a text as its second argument here",
                        ));
                    }
                    let again = self.values.last().cloned().unwrap_or_default();
                    self.values.push(again);
                }
                Ok((format!("RIGHT({first}, {length}({needle})) = {needle}"), true))
            }
            "concat" => Ok((format!("CONCAT({first}, {second})"), false)),
            "indexof" => Ok((format!("({} - 1)", position(&second, &first)), false)),
            other => Err(Failure::bad(format!(
                "$filter: the function '{other}' is not known; known are startswith, endswith, contains, substringof, indexof, concat, tolower, toupper, trim, length, year, month, day"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{filter, order, select};
    use crate::sql::Dialect;

    #[test]
    fn filters_become_conditions() {
        let check = |text: &str, wanted: &str, values: &str| {
            let condition = filter(text, Dialect::Postgres, 1).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(condition.sql, wanted, "{text}");
            assert_eq!(serde_json::to_string(&condition.values).expect("json"), values, "{text}");
        };
        check("Department eq 'R&D'", "\"Department\" = $1", r#"["R&D"]"#);
        check(
            "Id gt 5 and (Name eq 'O''Brien' or not (Active eq false))",
            "(\"Id\" > $1 AND ((\"Name\" = $2 OR NOT ((\"Active\" = $3)))))",
            r#"[5,"O'Brien",false]"#,
        );
        check("Left eq null", "\"Left\" IS NULL", "[]");
        check("Left ne null or a lt 1.5", "(\"Left\" IS NOT NULL OR \"a\" < $1)", "[1.5]");
        check("HireDate ge 2026-01-31T00:00:00Z", "\"HireDate\" >= $1", r#"["2026-01-31T00:00:00Z"]"#);
        check("d ge datetime'2026-01-31'", "\"d\" >= $1", r#"["2026-01-31"]"#);
        check(
            "startswith(Name,'A') and contains(tolower(Mail), '@x') eq true",
            "(POSITION(CAST($1 AS text) IN CAST(\"Name\" AS text)) = 1 AND POSITION(CAST($2 AS text) IN CAST(LOWER(\"Mail\") AS text)) > 0)",
            r#"["A","@x"]"#,
        );
        check("First_x0020_Name eq 'x'", "\"First Name\" = $1", r#"["x"]"#);
        check("a eq 1 or b eq 2 and c eq 3", "(\"a\" = $1 OR (\"b\" = $2 AND \"c\" = $3))", "[1,2,3]");
    }

    #[test]
    fn wrong_filters_are_refused() {
        for bad in [
            "",
            "a",
            "a eq",
            "a eq 'x",
            "(a eq 1",
            "a eq 1)",
            "a foo 1",
            "f(a)",
            "a gt null",
            "a eq 1 b",
            "eq eq eq eq",
        ] {
            assert!(filter(bad, Dialect::Postgres, 1).is_err(), "{bad}");
        }
        let deep = format!("{}a eq 1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(filter(&deep, Dialect::Postgres, 1).is_err());
        let deep = format!("{}a eq 1", "not ".repeat(100_000));
        assert!(filter(&deep, Dialect::Postgres, 1).is_err());
    }

    #[test]
    fn columns_are_quoted() {
        assert_eq!(order("a desc, b", Dialect::MySql).as_deref(), Ok("`a` DESC, `b`"));
        assert_eq!(select("a,b\"c", Dialect::Postgres).as_deref(), Ok("\"a\", \"b\"\"c\""));
        assert!(order("a,,b", Dialect::Postgres).is_err());
    }
}
