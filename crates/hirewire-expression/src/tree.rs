//! The `source` tree of schema documents (`attributeMappingSource`) and canonical text.

use serde::{Deserialize, Serialize};

/// One node: `{expression, name, type, parameters}` (`spec/synchronization-schema.md §6.4`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTree {
    /// The node's text; authoritative when present.
    #[serde(default)]
    pub expression: Option<String>,
    /// Attribute name, constant text or function name.
    #[serde(default)]
    pub name: Option<String>,
    /// Attribute, constant or function.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// The arguments of a function; omitted ones are absent.
    #[serde(default)]
    pub parameters: Vec<SourceParameter>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceKind {
    /// `[mail]`.
    Attribute,
    /// `"text"`.
    Constant,
    /// `Join(…)`.
    Function,
}

/// One argument with its internal parameter name; names repeat for repeating parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceParameter {
    /// The parameter's internal name.
    pub key: String,
    /// The argument.
    pub value: SourceTree,
}

pub(crate) fn text_of(tree: &SourceTree) -> Result<String, crate::ParseError> {
    tree.expression.clone().ok_or_else(|| crate::ParseError::Tree { reason: "no text".to_owned() })
}

pub(crate) fn tree_of(text: &str, parsed: &crate::parse::Parsed) -> SourceTree {
    let kind = if parsed.sole_attribute().is_some() { SourceKind::Attribute } else { SourceKind::Function };
    SourceTree { expression: Some(text.to_owned()), name: None, kind, parameters: Vec::new() }
}

pub(crate) fn canonical(parsed: &crate::parse::Parsed) -> String {
    parsed.sole_attribute().map(|name| format!("[{name}]")).unwrap_or_default()
}
