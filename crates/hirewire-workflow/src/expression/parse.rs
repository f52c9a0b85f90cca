//! The expression grammar: calls, literals and accessors (`spec/workflows.md` §4.2).

use std::ops::Range;

use super::ast::{Call, Expression, Literal, Node, Step};
use super::error::{ErrorKind, ExpressionError};
use super::functions;

/// The deepest nesting of calls and brackets that is accepted.
pub const MAX_DEPTH: usize = 256;
/// The longest expression that is accepted, in characters.
pub const MAX_LENGTH: usize = 8_192;

impl Expression {
    /// Parses one expression without its `@`; `offset` is where `text` begins in the template, for the spans.
    ///
    /// # Errors
    /// [`ErrorKind::Parse`] with the service's text; [`ErrorKind::TooLarge`] beyond 8,192 characters or 256 levels.
    pub fn parse(text: &str, offset: usize) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LENGTH && text.chars().count() > MAX_LENGTH {
            let message = format!(
                "The template language expression is longer than the limit of {MAX_LENGTH} characters."
            );
            return Err(ExpressionError::new(ErrorKind::TooLarge, message));
        }
        let mut parser = Parser { text, at: 0, token: Token::End, span: 0..0, offset, depth: 0 };
        parser.advance()?;
        let root = parser.expression()?;
        if parser.token != Token::End {
            return Err(parser.unexpected("EndOfData"));
        }
        Ok(Expression { root, text: text.into() })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(Range<usize>),
    Text(String),
    Integer(i64),
    Float(f64),
    Open,
    Close,
    OpenSquare,
    CloseSquare,
    Dot,
    Comma,
    Question,
    End,
}

impl Token {
    fn label(&self) -> &'static str {
        match self {
            Token::Name(_) => "Identifier",
            Token::Text(_) | Token::Integer(_) | Token::Float(_) => "Literal",
            Token::Open => "LeftParenthesis",
            Token::Close => "RightParenthesis",
            Token::OpenSquare => "LeftSquareBracket",
            Token::CloseSquare => "RightSquareBracket",
            Token::Dot => "Dot",
            Token::Comma => "Comma",
            Token::Question => "QuestionMark",
            Token::End => "EndOfData",
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    token: Token,
    span: Range<usize>,
    offset: usize,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, message: String, span: Range<usize>) -> ExpressionError {
        ExpressionError::new(ErrorKind::Parse, message).at(span.start + self.offset..span.end + self.offset)
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let message = format!(
            "Unable to parse template language expression '{}': expected token '{expected}' and actual '{}'.",
            self.text,
            self.token.label()
        );
        self.error(message, self.span.start..self.span.end.max(self.span.start + 1))
    }

    fn bad_character(&self, c: char, at: usize) -> ExpressionError {
        let position = self.text[..at].chars().count();
        let message = format!(
            "The template language expression '{}' is not valid: the string character '{c}' at position '{position}' is not expected.",
            self.text
        );
        self.error(message, at..at + c.len_utf8())
    }

    fn advance(&mut self) -> Result<(), ExpressionError> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(c) = rest.chars().next() else {
            self.token = Token::End;
            self.span = start..start;
            return Ok(());
        };
        let single = match c {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            '[' => Some(Token::OpenSquare),
            ']' => Some(Token::CloseSquare),
            '.' => Some(Token::Dot),
            ',' => Some(Token::Comma),
            '?' => Some(Token::Question),
            _ => None,
        };
        self.token = match (single, c) {
            (Some(token), _) => {
                self.at += 1;
                token
            }
            (None, '\'') => self.string()?,
            (None, '0'..='9' | '+' | '-') => self.number()?,
            (None, c) if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                self.at += end;
                Token::Name(start..start + end)
            }
            (None, c) => return Err(self.bad_character(c, start)),
        };
        self.span = start..self.at;
        Ok(())
    }

    fn string(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let mut value = String::new();
        let mut rest = &self.text[start + 1..];
        loop {
            let Some(end) = rest.find('\'') else {
                let message = format!(
                    "The template language expression '{}' is not valid: the string literal that starts at position '{}' is not terminated. A quote inside a literal is written twice.",
                    self.text,
                    self.text[..start].chars().count()
                );
                return Err(self.error(message, start..self.text.len()));
            };
            value.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            let Some(more) = rest.strip_prefix('\'') else { break };
            value.push('\'');
            rest = more;
        }
        self.at = self.text.len() - rest.len();
        Ok(Token::Text(value))
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let signed = start + usize::from(matches!(bytes[start], b'+' | b'-'));
        let mut end = digits(signed);
        let mut float = false;
        let mut good = end > signed;
        if good && bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            good = fraction > end + 1;
            float = true;
            end = fraction;
        }
        if good && matches!(bytes.get(end), Some(b'e' | b'E')) {
            let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let after = digits(exponent);
            good = after > exponent;
            float = true;
            end = after;
        }
        let text = &self.text[start..end.min(self.text.len())];
        self.at = end;
        let token =
            if float { text.parse().ok().map(Token::Float) } else { text.parse().ok().map(Token::Integer) };
        token.filter(|_| good).ok_or_else(|| {
            let message = format!(
                "The template language expression '{}' is not valid: the numeric literal at position '{}' is not a 64-bit integer or a float.",
                self.text,
                self.text[..start].chars().count()
            );
            self.error(message, start..end.max(start + 1).min(self.text.len()))
        })
    }

    fn expect(&mut self, token: &Token, label: &str) -> Result<(), ExpressionError> {
        if self.token != *token {
            return Err(self.unexpected(label));
        }
        self.advance()
    }

    fn expression(&mut self) -> Result<Node, ExpressionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!(
                "The template language expression is nested deeper than the limit of {MAX_DEPTH} levels."
            );
            return Err(ExpressionError::new(ErrorKind::TooLarge, message));
        }
        let node = self.primary();
        self.depth -= 1;
        node
    }

    fn primary(&mut self) -> Result<Node, ExpressionError> {
        let start = self.span.start;
        let literal = match std::mem::replace(&mut self.token, Token::End) {
            Token::Text(text) => Literal::Text(text.into()),
            Token::Integer(i) => Literal::Integer(i),
            Token::Float(f) => Literal::Float(f),
            Token::Name(name) => {
                let word = &self.text[name.clone()];
                match word.to_ascii_lowercase().as_str() {
                    "true" => Literal::Boolean(true),
                    "false" => Literal::Boolean(false),
                    "null" => Literal::Null,
                    _ => return self.call(name, start),
                }
            }
            other => {
                self.token = other;
                return Err(self.unexpected("Identifier"));
            }
        };
        self.advance()?;
        Ok(Node::Literal(literal))
    }

    fn call(&mut self, name: Range<usize>, start: usize) -> Result<Node, ExpressionError> {
        let word = &self.text[name];
        self.advance()?;
        self.expect(&Token::Open, "LeftParenthesis")?;
        let mut args = Vec::new();
        if self.token != Token::Close {
            args.push(self.expression()?);
            while self.token == Token::Comma {
                self.advance()?;
                args.push(self.expression()?);
            }
        }
        self.expect(&Token::Close, "RightParenthesis")?;
        let call = Call {
            name: word.into(),
            function: functions::find(word),
            args: args.into(),
            span: start + self.offset..self.offset + self.span.start,
            quick: super::ast::Quick::No,
        }
        .with_quick();
        let steps = self.steps(start)?;
        let call = Node::Call(Box::new(call));
        Ok(if steps.is_empty() { call } else { Node::Path(Box::new((call, steps.into()))) })
    }

    fn steps(&mut self, start: usize) -> Result<Vec<Step>, ExpressionError> {
        let mut steps = Vec::new();
        loop {
            let optional = self.token == Token::Question;
            if optional {
                self.advance()?;
            }
            let key = match &self.token {
                Token::Dot => {
                    self.advance()?;
                    let Token::Name(name) = self.token.clone() else {
                        return Err(self.unexpected("Identifier"));
                    };
                    self.advance()?;
                    Node::Literal(Literal::Text(self.text[name].into()))
                }
                Token::OpenSquare => {
                    self.advance()?;
                    let key = self.expression()?;
                    self.expect(&Token::CloseSquare, "RightSquareBracket")?;
                    key
                }
                _ if optional => return Err(self.unexpected("LeftSquareBracket")),
                _ => return Ok(steps),
            };
            steps.push(Step { key, optional, span: start + self.offset..self.offset + self.span.start });
        }
    }
}
