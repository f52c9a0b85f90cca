//! A JSON tree that loses nothing: order of members, text of numbers, every string.
//!
//! `serde_json` keeps the last of two equal names, turns `1.50` into `1.5` and large integers into floats;
//! a schema document must come out as it went in (spec/synchronization-schema.md §9).
mod parse;
mod write;

use std::fmt;

pub use parse::{ParseError, parse};
pub use write::Layout;

/// Levels of objects and lists that are accepted.
pub const MAXIMUM_DEPTH: usize = 128;

/// A JSON value. Equal nodes are equal documents, number texts included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number as it was written.
    Number(Box<str>),
    /// A string.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Object),
}

/// A JSON string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    value: Box<str>,
    /// The inside of the string as it was written, when `value` cannot hold it (half a surrogate pair).
    raw: Option<Box<str>>,
}

/// The members of an object in order; names are distinct.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    members: Vec<(Text, Node)>,
}

impl Text {
    /// The text; half surrogate pairs, which no text can hold, are shown as U+FFFD.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Self { value: value.into(), raw: None }
    }
}

impl Node {
    /// A string.
    pub fn text(value: &str) -> Self {
        Self::Text(value.into())
    }

    /// A string, or null.
    pub fn optional_text(value: Option<&str>) -> Self {
        value.map_or(Self::Null, Self::text)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A member's value, when this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_object()?.get(name)
    }

    /// The elements of the list in a member.
    pub fn list(&self, name: &str) -> Option<&[Node]> {
        self.get(name)?.as_list()
    }

    /// As [`list`](Self::list), to be changed.
    pub fn list_mut(&mut self, name: &str) -> Option<&mut Vec<Node>> {
        match self {
            Self::Object(object) => match object.get_mut(name)? {
                Self::List(elements) => Some(elements),
                _ => None,
            },
            _ => None,
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl Object {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Node)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A member's value; names compare exactly.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.members.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// As [`get`](Self::get), to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.members.iter_mut().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// Replaces a member's value in its place, or appends the member.
    pub fn set(&mut self, name: &str, value: Node) {
        match self.get_mut(name) {
            Some(place) => *place = value,
            None => self.members.push((name.into(), value)),
        }
    }

    /// As [`set`](Self::set), a new member stands first.
    pub fn set_first(&mut self, name: &str, value: Node) {
        match self.get_mut(name) {
            Some(place) => *place = value,
            None => self.members.insert(0, (name.into(), value)),
        }
    }

    /// Appends a member and gives the object back; for building.
    #[must_use]
    pub fn with(mut self, name: &str, value: Node) -> Self {
        self.set(name, value);
        self
    }
}

/// Builds JSON paths: `directories[0].objects[1]`, odd names as `["a.b"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A member below.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
        let mut path = self.0.clone();
        if name.is_empty() || !name.chars().all(plain) {
            path.push('[');
            hirewire_scim::syntax::push_string(&mut path, name);
            path.push(']');
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        Self(path)
    }

    /// An element below.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as text; empty for the document itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the document" } else { &self.0 })
    }
}
