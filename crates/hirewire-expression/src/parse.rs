//! Text to tree: recursive descent by hand, with byte spans and bounded depth.
//!
//! The grammar is `spec/expressions.md §1`. Everything that is decided when a mapping is saved (§4) is decided
//! here, so an [`Expression`](crate::Expression) that exists is valid.

use std::ops::Range;

use crate::error::ParseError;
use crate::function::{self, Function, FunctionInfo};
use crate::nearest::nearest;
use crate::node::{Call, Comparison, Flow, Kind, Node, Operator, Word};
use crate::number::Number;
use crate::validate;

/// Longest text that is accepted when a mapping is saved, in characters (`§1.1`).
pub const MAXIMUM_LENGTH: usize = 10_000;

/// How deep functions may nest here, so that 1 MiB of stack is enough even for unoptimised code; the documentation
/// states no limit.
pub const MAXIMUM_DEPTH: usize = 128;

/// Limits of [`Expression::parse_with`](crate::Expression::parse_with).
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// Longest text in characters; `None` lifts the limit.
    pub maximum_length: Option<usize>,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { maximum_length: Some(MAXIMUM_LENGTH) }
    }
}

/// A parsed text: the tree and its attribute names in order of appearance.
pub(crate) struct Parsed {
    pub(crate) root: Node,
    pub(crate) attributes: Vec<Box<str>>,
}

pub(crate) fn parse(text: &str, options: ParseOptions) -> Result<Parsed, ParseError> {
    if let Some(limit) = options.maximum_length
        && text.len() > limit
        && let Some((end, _)) = text.char_indices().nth(limit)
    {
        return Err(ParseError::TooLong { length: text.chars().count(), limit, at: end..text.len() });
    }
    let mut parser = Parser { text, at: 0, depth: 0, attributes: Vec::new() };
    parser.skip_whitespace();
    if parser.at == text.len() {
        return Err(ParseError::Empty { at: 0..text.len() });
    }
    let root = parser.comparison()?;
    parser.skip_whitespace();
    if parser.at < text.len() {
        return Err(parser.unexpected("the end of the expression"));
    }
    validate::root(&root)?;
    Ok(Parsed { root, attributes: parser.attributes })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    attributes: Vec<Box<str>>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips whitespace, then the given byte when it stands there.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn comparison(&mut self) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(ParseError::TooDeep { limit: MAXIMUM_DEPTH, at: self.at..self.text.len() });
        }
        let left = self.concatenation()?;
        let node = match self.operator() {
            None => left,
            Some(operator) => {
                let right = self.concatenation()?;
                validate::operand(&left)?;
                validate::operand(&right)?;
                let span = left.span.start..right.span.end;
                let place = self.at;
                if self.operator().is_some() {
                    self.at = place;
                    return Err(self.unexpected("a single comparison"));
                }
                Node { kind: Kind::Compare(Box::new(Comparison { operator, left, right })), span }
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn operator(&mut self) -> Option<Operator> {
        self.skip_whitespace();
        let bytes = &self.text.as_bytes()[self.at..];
        let (operator, length) = match bytes {
            [b'<', b'>', ..] => (Operator::NotEqual, 2),
            [b'>', b'=', ..] => (Operator::GreaterOrEqual, 2),
            [b'<', b'=', ..] => (Operator::LessOrEqual, 2),
            [b'=', ..] => (Operator::Equal, 1),
            [b'>', ..] => (Operator::Greater, 1),
            [b'<', ..] => (Operator::Less, 1),
            _ => return None,
        };
        self.at += length;
        Some(operator)
    }

    fn concatenation(&mut self) -> Result<Node, ParseError> {
        let first = self.primary()?;
        if !self.take(b'&') {
            return Ok(first);
        }
        let mut parts = vec![first];
        loop {
            parts.push(self.primary()?);
            if !self.take(b'&') {
                break;
            }
        }
        parts.iter().try_for_each(validate::operand)?;
        let span = parts[0].span.start..parts[parts.len() - 1].span.end;
        Ok(Node { kind: Kind::Concat(parts.into_boxed_slice()), span })
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'[') => self.attribute(),
            Some(b'0'..=b'9' | b'-' | b'&') => self.number(),
            Some(b) if b.is_ascii_alphabetic() => self.word(),
            _ => Err(self.unexpected("an attribute, a constant or a function")),
        }
    }

    fn string(&mut self) -> Result<Node, ParseError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut value = String::new();
        let mut plain = start + 1;
        let mut at = plain;
        loop {
            match bytes.get(at) {
                None => return Err(ParseError::UnterminatedString { at: start..self.text.len() }),
                Some(b'"') => break,
                // `\\` and `\"` stand for the second sign; any other backslash is literal (§1.2).
                Some(b'\\') if matches!(bytes.get(at + 1), Some(b'\\' | b'"')) => {
                    value.push_str(&self.text[plain..at]);
                    plain = at + 1;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
        value.push_str(&self.text[plain..at]);
        self.at = at + 1;
        Ok(Node { kind: Kind::Text(value.into_boxed_str()), span: start..self.at })
    }

    /// A name with balanced brackets inside; brackets within a quoted part do not count (§1.3).
    fn attribute(&mut self) -> Result<Node, ParseError> {
        let start = self.at;
        // A lone quote is part of the name when reading it as the start of a quoted part leads nowhere.
        let end = self.end_of_attribute(1).or_else(|| self.end_of_attribute(2));
        let Some(end) = end else {
            return Err(ParseError::UnterminatedAttribute { at: start..self.text.len() });
        };
        self.at = end;
        // [U] Whitespace inside the brackets is no part of the name.
        let name = self.text[start + 1..end - 1].trim();
        if name.is_empty() {
            return Err(ParseError::EmptyAttribute { at: start..end });
        }
        let slot = self.slot(name);
        Ok(Node { kind: Kind::Attribute(slot), span: start..end })
    }

    /// The end of the reference at the current position, where quotes count from a depth of brackets on.
    fn end_of_attribute(&self, quotes_from: usize) -> Option<usize> {
        let (mut nesting, mut quoted) = (0_usize, false);
        for (offset, byte) in self.text.as_bytes()[self.at..].iter().enumerate() {
            match byte {
                b'"' if nesting >= quotes_from => quoted = !quoted,
                b'[' if !quoted => nesting += 1,
                b']' if !quoted => nesting -= 1,
                _ => {}
            }
            if nesting == 0 {
                return Some(self.at + offset + 1);
            }
        }
        None
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.attributes.iter().position(|known| **known == *name) {
            return slot;
        }
        self.attributes.push(name.into());
        self.attributes.len() - 1
    }

    fn number(&mut self) -> Result<Node, ParseError> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let hexadecimal = matches!(rest, [b'&', b'H' | b'h', ..]);
        let digits = match rest {
            _ if hexadecimal => &rest[2..],
            [b'&', ..] => return Err(self.unexpected("an attribute, a constant or a function")),
            [b'-', ..] => &rest[1..],
            _ => rest,
        };
        let length = digits.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'.').count();
        let end = start + (rest.len() - digits.len()) + length;
        let text = &self.text[start..end];
        let number = if hexadecimal {
            // Sixteen digits are the two's complement of a 64-bit integer, as in VBA's wider types.
            u64::from_str_radix(&text[2..], 16).ok().map(|v| Number::Integer(v.cast_signed()))
        } else {
            Number::parse(text)
        };
        let Some(number) = number else {
            return Err(ParseError::Number { text: text.to_owned(), at: start..end });
        };
        self.at = end;
        Ok(Node { kind: Kind::Number(number), span: start..end })
    }

    fn word(&mut self) -> Result<Node, ParseError> {
        let start = self.at;
        let name = self.bare_word();
        let end = start + name.len();
        self.at = end;
        self.skip_whitespace();
        if self.peek() == Some(b'(') {
            return self.call(start..end);
        }
        self.at = end;
        let name = &self.text[start..end];
        let kind = match name {
            "True" => Kind::Boolean(true),
            "False" => Kind::Boolean(false),
            "NULL" => Kind::Null,
            "IgnoreAttributeFlow" => Kind::Flow(Flow::IgnoreAttribute),
            "IgnoreObjectFlow" => Kind::Flow(Flow::IgnoreObject),
            other => match Word::find(other) {
                Some(word) => Kind::Word(word),
                None => {
                    let keywords = ["True", "False", "NULL", "IgnoreAttributeFlow", "IgnoreObjectFlow"];
                    let known = keywords.into_iter().chain(Word::NAMES);
                    let nearest = nearest(other, known);
                    return Err(ParseError::UnknownWord { word: other.to_owned(), nearest, at: start..end });
                }
            },
        };
        Ok(Node { kind, span: start..end })
    }

    fn bare_word(&self) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        &rest[..length]
    }

    fn call(&mut self, name: Range<usize>) -> Result<Node, ParseError> {
        let Some(info) = function::find(&self.text[name.clone()]) else {
            let written = &self.text[name.clone()];
            let nearest = nearest(written, function::functions().iter().map(|f| f.name));
            return Err(ParseError::UnknownFunction { name: written.to_owned(), nearest, at: name });
        };
        self.at += 1;
        let arguments = self.arguments()?;
        let span = name.start..self.at;
        self.node_of_call(info, arguments, span)
    }

    fn node_of_call(
        &self,
        info: &'static FunctionInfo,
        arguments: Vec<Option<Node>>,
        span: Range<usize>,
    ) -> Result<Node, ParseError> {
        let mut call = Call::new(info, arguments.into_boxed_slice());
        validate::call(&mut call, &span)?;
        Ok(Node { kind: Kind::Call(Box::new(call)), span })
    }

    /// The arguments after the opening parenthesis; an empty one is `None` (§1.5).
    fn arguments(&mut self) -> Result<Vec<Option<Node>>, ParseError> {
        let mut arguments = Vec::new();
        if self.take(b')') {
            return Ok(arguments);
        }
        loop {
            self.skip_whitespace();
            let argument = match self.peek() {
                Some(b',' | b')') => None,
                _ => Some(self.comparison()?),
            };
            arguments.push(argument);
            if self.take(b')') {
                return Ok(arguments);
            }
            if !self.take(b',') {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }

    fn unexpected(&mut self, expected: &'static str) -> ParseError {
        self.skip_whitespace();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else {
            return ParseError::Unexpected {
                expected,
                found: "the end of the text".to_owned(),
                at: self.text.len()..self.text.len(),
            };
        };
        let word = self.bare_word();
        let length = if word.is_empty() { first.len_utf8() } else { word.len() };
        let found = format!("`{}`", rest[..length].chars().take(40).collect::<String>());
        ParseError::Unexpected { expected, found, at: self.at..self.at + length }
    }
}

impl Parsed {
    pub(crate) fn uses(&self, function: Function) -> bool {
        let mut found = false;
        self.root.walk(&mut |node| {
            found |= matches!(&node.kind, Kind::Call(call) if call.function() == function);
        });
        found
    }

    pub(crate) fn sole_attribute(&self) -> Option<&str> {
        match self.root.kind {
            Kind::Attribute(slot) => self.attributes.get(slot).map(AsRef::as_ref),
            _ => None,
        }
    }
}
