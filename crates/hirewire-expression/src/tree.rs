//! The `source` tree of schema documents (`attributeMappingSource`) and canonical text.

use serde::{Deserialize, Serialize};

use crate::error::ParseError;
use crate::function::{self, Function};
use crate::node::{Call, Flow, Kind, Node};
use crate::parse::{self, MAXIMUM_DEPTH, ParseOptions, Parsed};

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

/// The text of a tree: its own, or built from type, name and parameters.
pub(crate) fn text_of(tree: &SourceTree) -> Result<String, ParseError> {
    text_at(tree, None, 0)
}

fn text_at(tree: &SourceTree, key: Option<&str>, depth: usize) -> Result<String, ParseError> {
    if depth > MAXIMUM_DEPTH {
        return Err(ParseError::TooDeep { limit: MAXIMUM_DEPTH, at: 0..0 });
    }
    if let Some(text) = tree.expression.as_ref().filter(|text| !text.trim().is_empty()) {
        return Ok(text.clone());
    }
    let Some(name) = &tree.name else {
        return Err(ParseError::Tree { reason: "a node has neither `expression` nor `name`".to_owned() });
    };
    Ok(match tree.kind {
        SourceKind::Attribute => format!("[{name}]"),
        SourceKind::Constant if is_bare(name, key) => name.clone(),
        SourceKind::Constant => quoted(name),
        SourceKind::Function => format!("{name}({})", arguments_of(tree, name, depth)?.join(", ")),
    })
}

/// Whether a constant's name is text of the language, not a text: a flow keyword, or a condition (which schema
/// documents carry as constants).
fn is_bare(name: &str, key: Option<&str>) -> bool {
    let keyword = [Flow::IgnoreAttribute, Flow::IgnoreObject].iter().any(|flow| flow.name() == name);
    let condition = matches!(key, Some("condition" | "one"))
        && matches!(
            parse::parse(name, ParseOptions::default()),
            Ok(Parsed { root: Node { kind: Kind::Compare(_), .. }, .. })
        );
    keyword || condition
}

/// Arguments in the order of the parameters; those that are absent before a present one are omitted.
fn arguments_of(tree: &SourceTree, name: &str, depth: usize) -> Result<Vec<String>, ParseError> {
    let info = function::find(name);
    let parameters = info.map_or(&[][..], |info| info.parameters);
    let mut placed: Vec<Option<String>> = Vec::new();
    for (index, parameter) in tree.parameters.iter().enumerate() {
        let text = text_at(&parameter.value, Some(&parameter.key), depth + 1)?;
        let position = match parameters.iter().position(|known| known.name == parameter.key) {
            Some(position) if parameters[..=position].iter().any(|known| known.repeating) => {
                position.max(placed.len())
            }
            Some(position) => position,
            // An unknown key (`one`, `two` … in some exports): by its place among the parameters.
            None => index.max(placed.len()),
        };
        if placed.len() <= position {
            placed.resize(position + 1, None);
        }
        if placed[position].is_some() {
            return Err(ParseError::Tree {
                reason: format!("`{name}` has its parameter `{}` twice", parameter.key),
            });
        }
        placed[position] = Some(text);
    }
    Ok(placed.into_iter().map(Option::unwrap_or_default).collect())
}

/// The tree of an expression. The root carries the text as written.
pub(crate) fn tree_of(text: &str, parsed: &Parsed) -> SourceTree {
    let mut tree = node_tree(&parsed.root, &parsed.attributes);
    tree.expression = Some(text.to_owned());
    tree
}

fn node_tree(node: &Node, attributes: &[Box<str>]) -> SourceTree {
    let text = canonical_node(node, attributes);
    let (kind, name, parameters) = match &node.kind {
        Kind::Attribute(slot) => (SourceKind::Attribute, attributes[*slot].to_string(), Vec::new()),
        Kind::Text(constant) => (SourceKind::Constant, constant.to_string(), Vec::new()),
        Kind::Number(number) => (SourceKind::Constant, number.to_string(), Vec::new()),
        Kind::Call(call) => (SourceKind::Function, call.info.name.to_owned(), parameters(call, attributes)),
        // [U] Keywords and operators: as constants that are their own text.
        Kind::Boolean(_)
        | Kind::Null
        | Kind::Word(_)
        | Kind::Flow(_)
        | Kind::Compare(_)
        | Kind::Concat(_) => (SourceKind::Constant, text.clone(), Vec::new()),
    };
    SourceTree { expression: Some(text), name: Some(name), kind, parameters }
}

fn parameters(call: &Call, attributes: &[Box<str>]) -> Vec<SourceParameter> {
    let present =
        call.arguments.iter().enumerate().filter_map(|(position, node)| Some((position, node.as_ref()?)));
    present
        .map(|(position, node)| {
            // The form with three arguments has no dateTimeStyles.
            let skipped =
                call.function() == Function::FormatDateTime && call.arguments.len() == 3 && position > 0;
            let parameter = call.info.parameter(position + usize::from(skipped));
            let key = parameter.map_or_else(String::new, |parameter| parameter.name.to_owned());
            SourceParameter { key, value: node_tree(node, attributes) }
        })
        .collect()
}

/// The canonical text of an expression.
pub(crate) fn canonical(parsed: &Parsed) -> String {
    canonical_node(&parsed.root, &parsed.attributes)
}

fn canonical_node(node: &Node, attributes: &[Box<str>]) -> String {
    match &node.kind {
        Kind::Attribute(slot) => format!("[{}]", attributes[*slot]),
        Kind::Text(text) => quoted(text),
        Kind::Number(number) => format!("\"{number}\""),
        Kind::Boolean(value) => crate::value::boolean_text(*value).to_owned(),
        Kind::Null => "NULL".to_owned(),
        Kind::Word(word) => word.0.to_owned(),
        Kind::Flow(flow) => flow.name().to_owned(),
        Kind::Compare(comparison) => format!(
            "{} {} {}",
            canonical_node(&comparison.left, attributes),
            comparison.operator.text(),
            canonical_node(&comparison.right, attributes)
        ),
        Kind::Concat(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| canonical_node(part, attributes)).collect();
            parts.join(" & ")
        }
        Kind::Call(call) => {
            let arguments: Vec<String> = call
                .arguments
                .iter()
                .map(|argument| {
                    argument.as_ref().map(|node| canonical_node(node, attributes)).unwrap_or_default()
                })
                .collect();
            format!("{}({})", call.info.name, arguments.join(", "))
        }
    }
}

/// A text constant: backslashes and quotes escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
