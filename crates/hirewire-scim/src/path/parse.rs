//! Text to path.
use super::{AttributePath, Condition, Extension, Literal, PathError, Step};
use crate::urn;

/// Longest path: far beyond any real attribute name.
const MAXIMUM_LENGTH: usize = 2_000;

pub(super) fn parse(text: &str) -> Result<AttributePath, PathError> {
    if text.trim().is_empty() {
        return Err(PathError::Empty);
    }
    if text.len() > MAXIMUM_LENGTH {
        return Err(PathError::TooLong { length: text.len(), limit: MAXIMUM_LENGTH });
    }
    let (extension, attribute) = split_extension(text);
    let mut parser = Parser { text, at: text.len() - attribute.len() };
    // An extension alone (`urn:northmere:employee`) names the whole object.
    let steps = if attribute.is_empty() { Vec::new() } else { parser.steps()? };
    Ok(AttributePath { text: text.into(), extension, steps })
}

/// Splits a URN off; the core user's URN stands for no extension (RFC 7644 §3.10).
pub(super) fn split_extension(text: &str) -> (Option<Extension>, &str) {
    if !urn::is_urn(text) {
        return (None, text);
    }
    if let Some(rest) = urn::strip(text, urn::CORE_USER) {
        return (None, rest);
    }
    let (urn, attribute) = urn::split(text);
    let is_enterprise = urn.eq_ignore_ascii_case(urn::ENTERPRISE_USER);
    // The well-known URN is written in its right case whatever the path says.
    let urn = if is_enterprise { urn::ENTERPRISE_USER } else { urn };
    (Some(Extension { urn: urn.into(), is_enterprise }), attribute)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn steps(&mut self) -> Result<Vec<Step>, PathError> {
        let mut steps = Vec::new();
        loop {
            let name = self.name()?;
            let selector = if self.take('[') { self.selector()? } else { Vec::new() };
            steps.push(Step { name: name.into(), selector });
            if self.rest().is_empty() {
                return Ok(steps);
            }
            if !self.take('.') {
                return Err(self.name_expected());
            }
        }
    }

    fn name(&mut self) -> Result<&'t str, PathError> {
        let rest = self.rest();
        let length = rest.find(['.', '[', ']']).unwrap_or(rest.len());
        if rest[..length].trim().is_empty() {
            return Err(self.name_expected());
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// `type eq "work"` or several joined by `and`, up to and with the closing bracket.
    fn selector(&mut self) -> Result<Vec<Condition>, PathError> {
        let mut conditions = Vec::new();
        loop {
            let attribute = self.word();
            if attribute.is_empty() {
                return Err(self.wrong("an attribute name is expected"));
            }
            if !self.word().eq_ignore_ascii_case("eq") {
                return Err(self.wrong("`eq` is expected"));
            }
            let literal = self.literal()?;
            conditions.push(Condition { attribute: attribute.into(), literal });
            self.skip_blanks();
            if self.take(']') {
                return Ok(conditions);
            }
            if !self.word().eq_ignore_ascii_case("and") {
                return Err(self.wrong("`]` is expected"));
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, PathError> {
        self.skip_blanks();
        if self.take('"') {
            return self.quoted();
        }
        let start = self.at;
        let rest = self.rest();
        let length = rest.find([' ', ']']).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") {
            return Ok(Literal::Boolean(word.eq_ignore_ascii_case("true")));
        }
        if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && word.parse::<f64>().is_ok() {
            return Ok(Literal::Number(word.into()));
        }
        self.at = start;
        Err(self.wrong("a text in double quotes, a number, `true` or `false` is expected"))
    }

    /// The rest of a quoted text; `\"` and `\\` stand for the sign itself.
    fn quoted(&mut self) -> Result<Literal, PathError> {
        let mut value = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices() {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    self.at += offset + 1;
                    return Ok(Literal::Text(value.into()));
                }
                _ => {
                    value.push(c);
                    escaped = false;
                }
            }
        }
        self.at = self.text.len();
        Err(self.wrong("a closing `\"` is missing"))
    }

    fn word(&mut self) -> &'t str {
        self.skip_blanks();
        let rest = self.rest();
        let length = rest.find([' ', ']', '"', '[']).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn position(&self) -> usize {
        self.text[..self.at].chars().count()
    }

    fn name_expected(&self) -> PathError {
        PathError::NameExpected { path: self.text.to_owned(), position: self.position() }
    }

    fn wrong(&self, reason: &'static str) -> PathError {
        PathError::Selector { path: self.text.to_owned(), position: self.position(), reason }
    }
}
