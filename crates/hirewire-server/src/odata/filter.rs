//! The `$filter` grammar of spec/inbound-api.md §8.2: parsed once, evaluated over JSON or translated for the store.
//!
//! ```text
//! expr = and *( "or" and )        and = not *( "and" not )        not = ["not"] prim
//! prim = "(" expr ")" / fn "(" arg "," lit ")" / arg op lit / arg "in" "(" lit *( "," lit ) ")"
//! ```
use std::ops::Range;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::ApiError;

/// Depth of parentheses and `not`.
const DEEPEST: usize = 32;
/// Comparisons in one filter.
const MOST_TERMS: usize = 200;

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// `path op literal`.
    Compare {
        /// Left side.
        path: Path,
        /// The operator.
        operator: Operator,
        /// Right side.
        value: Literal,
    },
    /// `path in ('a','b')`.
    In {
        /// Left side.
        path: Path,
        /// The candidates.
        values: Vec<Literal>,
    },
    /// `contains(path,'x')` and its kin.
    Text {
        /// Which.
        function: TextFunction,
        /// First argument.
        path: Path,
        /// Second argument.
        value: String,
    },
}

/// A property path, perhaps inside `tolower()` or `toupper()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// As written: `statusInfo/status`.
    pub text: String,
    /// The case its value is brought to before comparing.
    pub fold: Option<Fold>,
}

/// `tolower` or `toupper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// `tolower`.
    Lower,
    /// `toupper`.
    Upper,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as OData writes them")]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Text functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as OData writes them")]
pub enum TextFunction {
    Contains,
    StartsWith,
    EndsWith,
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Quoted text, or an unquoted GUID.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date and time; a date alone is its midnight in UTC.
    Time(Timestamp),
    /// `null`.
    Null,
}

/// Why a filter was not accepted. The range counts bytes of the decoded text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FilterError {
    /// What was expected or found.
    pub what: String,
    /// Where.
    pub at: Range<usize>,
}

impl From<FilterError> for ApiError {
    /// 400 `Invalid filter clause`; the code is [U] and adopted here.
    fn from(error: FilterError) -> Self {
        ApiError::bad_request("Invalid filter clause").with_detail(
            "Filter",
            Some("$filter".into()),
            format!("{} at position {}", error.what, error.at.start + 1),
        )
    }
}

impl Filter {
    /// Parses the decoded text of `$filter`.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { text, at: 0, depth: 0, terms: 0 };
        let filter = parser.or()?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.error("`and`, `or` or the end is expected"));
        }
        Ok(filter)
    }

    /// Whether a JSON object satisfies the filter. Text compares without regard to case, as Graph's directory objects do.
    pub fn matches(&self, object: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(object)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(object)),
            Self::Not(part) => !part.matches(object),
            Self::Compare { path, operator, value } => {
                values_at(object, path).iter().any(|found| compare(found, *operator, value))
            }
            Self::In { path, values } => values_at(object, path)
                .iter()
                .any(|found| values.iter().any(|value| compare(found, Operator::Eq, value))),
            Self::Text { function, path, value } => values_at(object, path).iter().any(|found| {
                found.as_str().is_some_and(|found| {
                    let (found, value) = (found.to_lowercase(), value.to_lowercase());
                    match function {
                        TextFunction::Contains => found.contains(&value),
                        TextFunction::StartsWith => found.starts_with(&value),
                        TextFunction::EndsWith => found.ends_with(&value),
                    }
                })
            }),
        }
    }
}

/// The value at a path, `null` when it is missing; names compare without regard to case.
fn values_at<'v>(object: &'v Value, path: &Path) -> Vec<&'v Value> {
    let mut found = object;
    for name in path.text.split('/') {
        let member = found.as_object().and_then(|members| {
            members.get(name).or_else(|| {
                members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            })
        });
        match member {
            Some(value) => found = value,
            None => return vec![&Value::Null],
        }
    }
    vec![found]
}

fn compare(found: &Value, operator: Operator, wanted: &Literal) -> bool {
    use std::cmp::Ordering;
    let ordering = match (found, wanted) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::String(found), Literal::Text(wanted)) => {
            Some(found.to_lowercase().cmp(&wanted.to_lowercase()))
        }
        (Value::String(found), Literal::Time(wanted)) => {
            found.parse::<Timestamp>().ok().map(|found| found.cmp(wanted))
        }
        (Value::Number(found), Literal::Number(wanted)) => found.as_i64().map(|found| found.cmp(wanted)),
        (Value::Bool(found), Literal::Boolean(wanted)) => Some(found.cmp(wanted)),
        _ => None,
    };
    match (operator, ordering) {
        (Operator::Ne, ordering) => ordering != Some(Ordering::Equal),
        (_, None) => false,
        (Operator::Eq, Some(ordering)) => ordering.is_eq(),
        (Operator::Gt, Some(ordering)) => ordering.is_gt(),
        (Operator::Ge, Some(ordering)) => ordering.is_ge(),
        (Operator::Lt, Some(ordering)) => ordering.is_lt(),
        (Operator::Le, Some(ordering)) => ordering.is_le(),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    terms: usize,
}

impl Parser<'_> {
    fn error(&self, what: impl Into<String>) -> FilterError {
        FilterError { what: what.into(), at: self.at..self.text.len() }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes `sign` after optional space.
    fn sign(&mut self, sign: char) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    /// Takes a word that stands alone, in any case.
    fn keyword(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let Some(head) = rest.get(..word.len()) else { return false };
        let ends = rest[word.len()..].chars().next().is_none_or(|c| !is_name(c));
        if head.eq_ignore_ascii_case(word) && ends {
            self.at += word.len();
            return true;
        }
        false
    }

    fn deeper(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("more than {DEEPEST} levels of nesting")));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.and()?];
        while self.keyword("or") {
            parts.push(self.and()?);
        }
        Ok(joined(parts, Filter::Or))
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.not()?];
        while self.keyword("and") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Filter::And))
    }

    fn not(&mut self) -> Result<Filter, FilterError> {
        if !self.keyword("not") {
            return self.primary();
        }
        self.deeper()?;
        let part = self.not()?;
        self.depth -= 1;
        Ok(Filter::Not(Box::new(part)))
    }

    fn primary(&mut self) -> Result<Filter, FilterError> {
        if self.sign('(') {
            self.deeper()?;
            let inner = self.or()?;
            self.close()?;
            self.depth -= 1;
            return Ok(inner);
        }
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(self.error(format!("more than {MOST_TERMS} comparisons")));
        }
        for (word, function) in [
            ("contains", TextFunction::Contains),
            ("startswith", TextFunction::StartsWith),
            ("endswith", TextFunction::EndsWith),
        ] {
            if self.call(word) {
                return self.text_function(function);
            }
        }
        let path = self.path()?;
        if self.keyword("in") {
            return self.candidates(path);
        }
        let operator = self.operator()?;
        let value = self.literal()?;
        Ok(Filter::Compare { path, operator, value })
    }

    /// Takes `word(`.
    fn call(&mut self, word: &str) -> bool {
        let before = self.at;
        if self.keyword(word) && self.sign('(') {
            return true;
        }
        self.at = before;
        false
    }

    fn close(&mut self) -> Result<(), FilterError> {
        if self.sign(')') { Ok(()) } else { Err(self.error("`)` is expected")) }
    }

    fn text_function(&mut self, function: TextFunction) -> Result<Filter, FilterError> {
        let path = self.path()?;
        if !self.sign(',') {
            return Err(self.error("`,` is expected"));
        }
        let start = self.at;
        let Literal::Text(value) = self.literal()? else {
            self.at = start;
            return Err(self.error("text in single quotes is expected"));
        };
        self.close()?;
        // Written `contains(a,'b') eq true` by some generators.
        if self.keyword("eq") {
            return match self.literal()? {
                Literal::Boolean(true) => Ok(Filter::Text { function, path, value }),
                Literal::Boolean(false) => Ok(Filter::Not(Box::new(Filter::Text { function, path, value }))),
                _ => Err(self.error("`true` or `false` is expected")),
            };
        }
        Ok(Filter::Text { function, path, value })
    }

    fn candidates(&mut self, path: Path) -> Result<Filter, FilterError> {
        if !self.sign('(') {
            return Err(self.error("`(` is expected"));
        }
        let mut values = vec![self.literal()?];
        while self.sign(',') {
            values.push(self.literal()?);
            if values.len() > MOST_TERMS {
                return Err(self.error(format!("more than {MOST_TERMS} values")));
            }
        }
        self.close()?;
        Ok(Filter::In { path, values })
    }

    fn path(&mut self) -> Result<Path, FilterError> {
        for (word, fold) in [("tolower", Fold::Lower), ("toupper", Fold::Upper)] {
            if self.call(word) {
                let text = self.name()?;
                self.close()?;
                return Ok(Path { text, fold: Some(fold) });
            }
        }
        Ok(Path { text: self.name()?, fold: None })
    }

    fn name(&mut self) -> Result<String, FilterError> {
        self.space();
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c) && c != '/').unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '/') {
            return Err(self.error("a property name is expected"));
        }
        self.at += length;
        Ok(name)
    }

    fn operator(&mut self) -> Result<Operator, FilterError> {
        for (word, operator) in [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("gt", Operator::Gt),
            ("ge", Operator::Ge),
            ("lt", Operator::Lt),
            ("le", Operator::Le),
        ] {
            if self.keyword(word) {
                return Ok(operator);
            }
        }
        Err(self.error("one of eq, ne, gt, ge, lt, le, in is expected"))
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.space();
        if self.rest().starts_with('\'') {
            return self.quoted().map(Literal::Text);
        }
        for (word, value) in
            [("null", Literal::Null), ("true", Literal::Boolean(true)), ("false", Literal::Boolean(false))]
        {
            if self.keyword(word) {
                return Ok(value);
            }
        }
        let rest = self.rest();
        let length =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-+:.".contains(c))).unwrap_or(rest.len());
        let mut word = rest[..length].to_owned();
        let mut taken = length;
        // A raw `+01:00` in a URL arrives as ` 01:00`.
        if word.contains('T')
            && let Some(zone) = rest[length..].strip_prefix(' ').and_then(|zone| zone.get(..5))
            && zone.as_bytes()[2] == b':'
            && zone.bytes().filter(u8::is_ascii_digit).count() == 4
        {
            word.push('+');
            word.push_str(zone);
            taken += 6;
        }
        let value = unquoted(&word).ok_or_else(|| {
            self.error("a quoted text, number, date, GUID, true, false or null is expected")
        })?;
        self.at += taken;
        Ok(value)
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find('\'') else {
                self.at = start;
                return Err(self.error("the text starting here never ends"));
            };
            text.push_str(&rest[..end]);
            let doubled = rest[end + 1..].starts_with('\'');
            self.at += end + 1;
            if !doubled {
                return Ok(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }
}

fn joined(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            join(parts)
        }
        (_, None) => join(parts),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn unquoted(word: &str) -> Option<Literal> {
    if let Ok(number) = word.parse::<i64>() {
        return Some(Literal::Number(number));
    }
    if let Ok(time) = word.parse::<Timestamp>() {
        return Some(Literal::Time(time));
    }
    if let Ok(date) = word.parse::<jiff::civil::Date>()
        && word.len() == 10
    {
        return date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|midnight| Literal::Time(midnight.timestamp()));
    }
    uuid::Uuid::try_parse(word).ok().filter(|_| word.len() == 36).map(|_| Literal::Text(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_of_real_clients_parse() {
        for text in [
            "jobid eq 'API2AAD.5d0c.c4e0'",
            "jobId eq 'x' and statusInfo/status eq 'failure' and activityDateTime ge 2022-10-10T09:47:34Z",
            "jobid eq 'x' and cycleId ne '9a1d5f2c-2f57-4d0e-8b5b-55a0c0a3d101'",
            "activityDateTime ge 2026-11-02T08:14:07.123Z and servicePrincipal/id eq 'x'",
            "((contains(tolower(servicePrincipal/id), 'x') or contains(tolower(servicePrincipal/displayName), 'x')) and activityDateTime gt 2023-07-30 and activityDateTime lt 2023-07-31)",
            "provisioningAction in ('create','update') and not (durationInMilliseconds gt 5)",
            "activityDateTime ge 2026-11-02T08:14:07.123+01:00",
            "activityDateTime ge 2026-11-02T08:14:07.123 01:00 and id eq 3049004c-0001-45e6-9b18-ed0025353601",
            "endswith(toupper(sourceIdentity/displayName),'O''BRIEN') eq true",
            "provisioningStatusInfo/errorInformation/errorCode eq null",
        ] {
            Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn a_raw_plus_is_read_as_the_zone_it_was() {
        let Ok(Filter::Compare { value: Literal::Time(at), .. }) =
            Filter::parse("a ge 2026-11-02T08:14:07 01:00")
        else {
            panic!("a time is expected")
        };
        assert_eq!(at.to_string(), "2026-11-02T07:14:07Z");
    }

    #[test]
    fn bad_filters_say_where() {
        for (text, at, what) in [
            ("", 0, "a property name"),
            ("jobid eq", 8, "a quoted text"),
            ("jobid eq 'x", 9, "never ends"),
            ("jobid is 'x'", 6, "one of eq"),
            ("jobid eq 'x' 'y'", 13, "`and`"),
            ("(jobid eq 'x'", 13, "`)`"),
            ("contains(jobid, 5)", 15, "text in single quotes"),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert!(error.what.contains(what), "{text}: {error}");
            assert_eq!(error.at.start, at, "{text}");
        }
        assert!(Filter::parse(&"(".repeat(100_000)).is_err());
        assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
    }

    #[test]
    fn directory_objects_compare_without_case() {
        let object =
            json!({ "id": "A1", "appId": "B2", "displayName": "Northmere HR", "count": 3, "tags": null });
        for (text, expected) in [
            ("id eq 'X' or appId eq 'b2'", true),
            ("startswith(displayName,'north')", true),
            ("displayName eq 'Other'", false),
            ("count ge 3 and count lt 4", true),
            ("tags eq null", true),
            ("missing ne 'x'", true),
            ("not contains(displayName,'HR')", false),
            ("id in ('z','a1')", true),
        ] {
            assert_eq!(Filter::parse(text).expect(text).matches(&object), expected, "{text}");
        }
    }
}
