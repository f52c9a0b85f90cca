//! Text to filter: `or` binds weakest, then `and`, then `not`.
use serde_json::Value;

use super::{Comparison, Filter, FilterError, MAXIMUM_DEPTH, MAXIMUM_LENGTH};
use crate::path::AttributePath;
use crate::syntax::Scanner;

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    if text.len() > MAXIMUM_LENGTH {
        return Err(FilterError::TooLarge);
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let filter = parser.or()?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return Err(parser.expected("`and`, `or` or the end of the filter"));
    }
    Ok(filter)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(FilterError::TooLarge);
        }
        let mut parts = vec![self.and()?];
        while self.take_word("or") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.unit()?];
        while self.take_word("and") {
            parts.push(self.unit()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn unit(&mut self) -> Result<Filter, FilterError> {
        if self.take("(") {
            return self.bracketed(")", "`)`");
        }
        let start = self.at;
        if self.take_word("not") {
            if self.take("(") {
                return Ok(Filter::Not(Box::new(self.bracketed(")", "`)`")?)));
            }
            // An attribute may be called `not`.
            self.at = start;
        }
        let path = AttributePath::parse(self.name()?)?;
        if self.take("[") {
            return self.element(path);
        }
        self.comparison(path)
    }

    fn bracketed(&mut self, close: &str, name: &'static str) -> Result<Filter, FilterError> {
        let filter = self.or()?;
        if self.take(close) { Ok(filter) } else { Err(self.expected(name)) }
    }

    /// `emails[…]`, also `emails[…].value eq "x"` as Entra's SCIM client writes it.
    fn element(&mut self, path: AttributePath) -> Result<Filter, FilterError> {
        let mut filter = self.bracketed("]", "`]`")?;
        if self.text[self.at..].starts_with('.') {
            self.at += 1;
            let below = AttributePath::parse(self.name()?)?;
            filter = Filter::And(vec![filter, self.comparison(below)?]);
        }
        Ok(Filter::Element { path, filter: Box::new(filter) })
    }

    fn comparison(&mut self, path: AttributePath) -> Result<Filter, FilterError> {
        const EXPECTED: &str = "`eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr`";
        self.skip_blanks();
        let start = self.at;
        let word = self.letters().to_ascii_lowercase();
        let comparison = match word.as_str() {
            "pr" => return Ok(Filter::Present(path)),
            "eq" => Comparison::Equal,
            "ne" => Comparison::NotEqual,
            "co" => Comparison::Contains,
            "sw" => Comparison::StartsWith,
            "ew" => Comparison::EndsWith,
            "gt" => Comparison::Greater,
            "ge" => Comparison::GreaterOrEqual,
            "lt" => Comparison::Less,
            "le" => Comparison::LessOrEqual,
            _ => {
                self.at = start;
                return Err(self.expected(EXPECTED));
            }
        };
        let value = self.value()?;
        Ok(Filter::Compare { path, comparison, value })
    }

    /// A JSON text, number, truth value or null; `True` and `False` of older clients too.
    fn value(&mut self) -> Result<Value, FilterError> {
        const EXPECTED: &str = "a text in double quotes, a number, `true`, `false` or `null`";
        self.skip_blanks();
        let rest = &self.text[self.at..];
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.take_word(word) {
                return Ok(value);
            }
        }
        if !rest.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
            return Err(self.expected(EXPECTED));
        }
        let raw = Scanner::new(rest, 1).skip().map_err(|_| self.expected(EXPECTED))?;
        self.at += raw.len();
        serde_json::from_str(raw).map_err(|_| self.expected(EXPECTED))
    }

    /// An attribute name up to a blank or bracket.
    fn name(&mut self) -> Result<&'t str, FilterError> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let length = rest.find([' ', '[', ']', '(', ')', '"']).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.expected("an attribute name"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn letters(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Takes a whole word, ignoring case.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let start = self.at;
        let ends = |rest: &str| {
            !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '-'))
        };
        if self.letters().eq_ignore_ascii_case(word) && ends(&self.text[self.at..]) {
            return true;
        }
        self.at = start;
        false
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let found = self.text[self.at..].starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        FilterError::Expected { expected, position: self.text[..self.at].chars().count() }
    }
}
