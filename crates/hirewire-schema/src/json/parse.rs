//! Text to tree.
use std::collections::HashSet;

use hirewire_scim::syntax::{Scanner, SyntaxError, decode, unescape};

use super::{MAXIMUM_DEPTH, Node, Object, Path, Text};

/// Why bytes are no usable JSON document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No JSON.
    #[error("{path}: {error}")]
    Syntax {
        /// JSON path of the value that is broken; empty for the document.
        path: Path,
        /// What and where.
        error: SyntaxError,
    },
    /// One object has two members of the same name, of which readers take different ones.
    #[error("{path}: the member stands there twice, again at line {line}, column {column}")]
    Duplicate {
        /// JSON path of the member.
        path: Path,
        /// Line of the second one, from 1.
        line: usize,
        /// Column of the second one, from 1.
        column: usize,
    },
}

impl ParseError {
    /// JSON path of the place; empty for the document.
    pub fn path(&self) -> &Path {
        match self {
            Self::Syntax { path, .. } | Self::Duplicate { path, .. } => path,
        }
    }

    /// What to do next.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { .. } => None,
            Self::Duplicate { .. } => Some("remove one of the two"),
        }
    }
}

/// Reads a JSON document. A byte order mark and CRLF line ends are accepted.
pub fn parse(bytes: &[u8]) -> Result<Node, ParseError> {
    let text = decode(bytes).map_err(|error| ParseError::Syntax { path: Path::root(), error })?;
    let mut parser = Parser { scanner: Scanner::lossless(text, MAXIMUM_DEPTH), place: Vec::new() };
    let node = parser.value()?;
    parser.scanner.end().map_err(|error| parser.syntax(error))?;
    Ok(node)
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    /// Where we are, from the root down.
    place: Vec<Part>,
}

enum Part {
    Member(Text),
    Element(usize),
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Node, ParseError> {
        match self.scanner.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            _ => {
                let raw = self.scanner.skip().map_err(|error| self.syntax(error))?;
                Ok(scalar(raw))
            }
        }
    }

    fn object(&mut self) -> Result<Node, ParseError> {
        self.scanner.begin_object().map_err(|error| self.syntax(error))?;
        let mut members: Vec<(Text, Node)> = Vec::new();
        let mut names = Names::default();
        while let Some(raw) = self.scanner.next_raw_member().map_err(|error| self.syntax(error))? {
            let name = text(raw);
            self.place.push(Part::Member(name.clone()));
            if !names.add(&members, &name) {
                return Err(self.duplicate());
            }
            let value = self.value()?;
            self.place.pop();
            members.push((name, value));
        }
        Ok(Node::Object(Object { members }))
    }

    fn list(&mut self) -> Result<Node, ParseError> {
        self.scanner.begin_array().map_err(|error| self.syntax(error))?;
        let mut elements = Vec::new();
        while self.scanner.next_element().map_err(|error| self.syntax(error))? {
            self.place.push(Part::Element(elements.len()));
            elements.push(self.value()?);
            self.place.pop();
        }
        Ok(Node::List(elements))
    }

    fn path(&self) -> Path {
        self.place.iter().fold(Path::root(), |path, part| match part {
            Part::Member(name) => path.member(name.as_str()),
            Part::Element(index) => path.index(*index),
        })
    }

    fn syntax(&self, error: SyntaxError) -> ParseError {
        ParseError::Syntax { path: self.path(), error }
    }

    fn duplicate(&self) -> ParseError {
        let (line, column) = self.scanner.line_column();
        ParseError::Duplicate { path: self.path(), line, column }
    }
}

/// The names of one object: compared one by one while they are few, hashed when they are many.
#[derive(Default)]
struct Names(Option<HashSet<Text>>);

impl Names {
    const FEW: usize = 16;

    /// Whether the name is new.
    fn add(&mut self, members: &[(Text, Node)], name: &Text) -> bool {
        if members.len() < Self::FEW {
            return members.iter().all(|(known, _)| known != name);
        }
        self.0
            .get_or_insert_with(|| members.iter().map(|(known, _)| known.clone()).collect())
            .insert(name.clone())
    }
}

fn scalar(raw: &str) -> Node {
    match raw.as_bytes().first() {
        Some(b'"') => Node::Text(text(raw.get(1..raw.len() - 1).unwrap_or(""))),
        Some(b't') => Node::Boolean(true),
        Some(b'f') => Node::Boolean(false),
        Some(b'n') | None => Node::Null,
        Some(_) => Node::Number(raw.into()),
    }
}

fn text(raw: &str) -> Text {
    let value = unescape(raw);
    // U+FFFD may be half a surrogate pair; keep what was written unless it is the character itself.
    let lossy = value.contains(char::REPLACEMENT_CHARACTER) && raw.contains("\\u");
    Text { raw: lossy.then(|| raw.into()), value: value.into() }
}
