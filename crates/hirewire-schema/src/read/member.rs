//! Members of one JSON object, tolerantly read.
use crate::finding::Finding;
use crate::json::{Node, Object, Path};
use crate::model::Metadata;

/// What was odd.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<Finding>);

impl Notes {
    fn wrong_type(&mut self, path: Path, node: &Node, expected: &str) {
        let message = format!("{} stands here, {expected} is expected", node.kind());
        self.0.push(Finding::error("json-type", path, message));
    }

    pub(super) fn warn(&mut self, rule: &'static str, path: Path, message: String) {
        self.0.push(Finding::warning(rule, path, message));
    }
}

/// An object and where it stands.
pub(super) struct At<'n> {
    pub(super) object: &'n Object,
    pub(super) path: Path,
}

impl<'n> At<'n> {
    /// `None`, with a note, when the node is no object.
    pub(super) fn new(node: &'n Node, path: Path, notes: &mut Notes) -> Option<Self> {
        let Node::Object(object) = node else {
            notes.wrong_type(path, node, "an object");
            return None;
        };
        Some(Self { object, path })
    }

    /// A member that is there and not null.
    pub(super) fn given(&self, name: &str) -> Option<&'n Node> {
        self.object.get(name).filter(|node| **node != Node::Null)
    }

    pub(super) fn optional_text(&self, name: &str, notes: &mut Notes) -> Option<String> {
        match self.given(name)? {
            Node::Text(text) => Some(text.as_str().to_owned()),
            // Numbers and Booleans are what some hand-written documents have for texts.
            Node::Number(number) => Some(number.to_string()),
            Node::Boolean(is) => Some(if *is { "True" } else { "False" }.to_owned()),
            other => {
                notes.wrong_type(self.path.member(name), other, "text");
                None
            }
        }
    }

    pub(super) fn text(&self, name: &str, notes: &mut Notes) -> String {
        self.optional_text(name, notes).unwrap_or_default()
    }

    /// A text that has to be there.
    pub(super) fn required_text(&self, name: &str, notes: &mut Notes) -> String {
        let text = self.text(name, notes);
        if text.is_empty() && !matches!(self.given(name), Some(Node::List(_) | Node::Object(_))) {
            let message = format!("`{name}` is missing");
            notes.0.push(Finding::error("missing-member", self.path.clone(), message));
        }
        text
    }

    pub(super) fn boolean(&self, name: &str, default: bool, notes: &mut Notes) -> bool {
        match self.given(name) {
            None => default,
            Some(Node::Boolean(is)) => *is,
            Some(Node::Text(text)) if text.as_str().eq_ignore_ascii_case("true") => true,
            Some(Node::Text(text)) if text.as_str().eq_ignore_ascii_case("false") => false,
            Some(other) => {
                notes.wrong_type(self.path.member(name), other, "true or false");
                default
            }
        }
    }

    pub(super) fn integer(&self, name: &str, notes: &mut Notes) -> Option<i64> {
        let node = self.given(name)?;
        let text = match node {
            Node::Number(text) => &**text,
            Node::Text(text) => text.as_str(),
            _ => "",
        };
        // `1.0` and `1e2` are whole numbers too.
        let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64);
        let number = text.parse().ok().or_else(|| text.parse().ok().and_then(whole));
        if number.is_none() {
            notes.wrong_type(self.path.member(name), node, "a whole number");
        }
        number
    }

    /// The elements of a list with their paths; none when the member is absent, null or no list.
    pub(super) fn list(&self, name: &str, notes: &mut Notes) -> Vec<(&'n Node, Path)> {
        match self.given(name) {
            None => Vec::new(),
            Some(Node::List(elements)) => {
                let path = self.path.member(name);
                elements.iter().enumerate().map(|(index, element)| (element, path.index(index))).collect()
            }
            Some(other) => {
                notes.wrong_type(self.path.member(name), other, "a list");
                Vec::new()
            }
        }
    }

    /// Reads every element of a list of objects. An element that is no object becomes the default, so that
    /// indices stay those of the document.
    pub(super) fn each<T: Default>(
        &self,
        name: &str,
        notes: &mut Notes,
        read: fn(&At<'_>, &mut Notes) -> T,
    ) -> Vec<T> {
        let elements = self.list(name, notes);
        elements
            .into_iter()
            .map(|(node, path)| match At::new(node, path, notes) {
                Some(at) => read(&at, notes),
                None => T::default(),
            })
            .collect()
    }

    pub(super) fn texts(&self, name: &str, notes: &mut Notes) -> Vec<String> {
        let mut texts = Vec::new();
        for (node, path) in self.list(name, notes) {
            match node {
                Node::Text(text) => texts.push(text.as_str().to_owned()),
                Node::Number(number) => texts.push(number.to_string()),
                Node::Boolean(is) => texts.push(if *is { "True" } else { "False" }.to_owned()),
                other => notes.wrong_type(path, other, "text"),
            }
        }
        texts
    }

    /// An enumeration text; an unknown one is noted and counts as the default.
    pub(super) fn enumeration<T: Copy + Default>(
        &self,
        name: &str,
        notes: &mut Notes,
        parse: fn(&str) -> Option<T>,
        known: &[&str],
    ) -> T {
        let Some(text) = self.optional_text(name, notes) else { return T::default() };
        parse(&text).unwrap_or_else(|| {
            let message =
                format!("`{text}` is no known {name}; it counts as `{}`", known.first().unwrap_or(&""));
            let help = format!("known are {}", known.join(", "));
            let finding = Finding::warning("unknown-value", self.path.member(name), message);
            notes.0.push(finding.with_help(Some(help)));
            T::default()
        })
    }

    pub(super) fn metadata(&self, notes: &mut Notes) -> Metadata {
        let mut pairs = Vec::new();
        for (node, path) in self.list("metadata", notes) {
            let Some(at) = At::new(node, path, notes) else { continue };
            pairs.push((at.text("key", notes), at.text("value", notes)));
        }
        Metadata(pairs)
    }

    /// Notes members that are not in `known`; `@odata.…` is accepted everywhere.
    pub(super) fn note_unknown(&self, known: &[&str], notes: &mut Notes) {
        for (name, _) in self.object.iter() {
            if known.contains(&name) || name.starts_with('@') {
                continue;
            }
            let message = format!("`{name}` is not a known member; it is kept and has no effect");
            let near = known.iter().find(|known| known.eq_ignore_ascii_case(name));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let finding = Finding::warning("unknown-member", self.path.member(name), message);
            notes.0.push(finding.with_help(help));
        }
    }
}
