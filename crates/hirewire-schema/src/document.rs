//! A schema document that loses nothing on its way in and out.
use crate::json::{Layout, Node, ParseError, Path, parse};
use crate::model::Schema;
use crate::read;

/// A `synchronizationSchema` document. Export gives the JSON value that was imported; exporting again gives the
/// same bytes (spec/synchronization-schema.md §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(crate) root: Node,
}

/// Why bytes are no schema document, or an edit is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No JSON, or a member twice.
    #[error(transparent)]
    Json(#[from] ParseError),
    /// JSON of another type.
    #[error("{path} is {found}, {expected} is expected")]
    Type {
        /// Where.
        path: Path,
        /// What stands there.
        found: &'static str,
        /// What should.
        expected: &'static str,
    },
    /// A document without rules is refused: clients have sent incomplete bodies
    /// (spec/synchronization-schema.md §10).
    #[error("the document has no synchronizationRules")]
    NoRules,
    /// An edit names something that is not there.
    #[error("{path} does not exist")]
    Missing {
        /// Where.
        path: Path,
    },
    /// An edit would make something twice.
    #[error("{path} already has `{name}`")]
    Exists {
        /// Where.
        path: Path,
        /// What.
        name: String,
    },
    /// An edit's expression cannot be parsed.
    #[error("the expression for `{target}` is not valid: {error}")]
    Expression {
        /// The target attribute.
        target: String,
        /// Why.
        error: hirewire_expression::ParseError,
    },
}

impl DocumentError {
    /// What to do next.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Json(error) => error.help().map(str::to_owned),
            Self::NoRules => {
                Some("send the whole schema with its synchronizationRules and directories".to_owned())
            }
            Self::Expression { error, .. } => error.help(),
            Self::Type { .. } | Self::Missing { .. } | Self::Exists { .. } => None,
        }
    }
}

impl Document {
    /// Reads a document from its bytes. A byte order mark and CRLF are accepted; equal member names are not.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let root = parse(bytes)?;
        let Node::Object(object) = &root else {
            return Err(DocumentError::Type {
                path: Path::root(),
                found: root.kind(),
                expected: "an object",
            });
        };
        match object.get("synchronizationRules") {
            None | Some(Node::Null) => Err(DocumentError::NoRules),
            Some(Node::List(rules)) if rules.is_empty() => Err(DocumentError::NoRules),
            Some(Node::List(_)) => Ok(Self { root }),
            Some(other) => Err(DocumentError::Type {
                path: Path::root().member("synchronizationRules"),
                found: other.kind(),
                expected: "a list",
            }),
        }
    }

    /// The document as JSON text.
    pub fn to_text(&self, layout: Layout) -> String {
        self.root.to_text(layout)
    }

    /// The JSON tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The document as a GET answers it: one line, `@odata.context` first.
    pub fn to_answer(&self, odata_context: &str) -> String {
        let mut root = self.root.clone();
        if let Node::Object(object) = &mut root {
            object.set_first("@odata.context", Node::text(odata_context));
        }
        root.to_text(Layout::Compact)
    }

    /// Typed read access. Never fails: what cannot be read is left at its default and noted in
    /// [`Schema::notes`].
    pub fn schema(&self) -> Schema {
        read::schema(&self.root)
    }
}
