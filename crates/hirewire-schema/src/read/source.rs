//! The `source` of a row: expression text first, tree second (spec/synchronization-schema.md §6.4).
use hirewire_expression::{Expression, SourceKind, SourceParameter, SourceTree};

use super::member::{At, Notes};
use crate::finding::Finding;
use crate::json::{Node, Path};
use crate::model::MappingSource;

const SOURCE: &[&str] = &["expression", "name", "type", "parameters"];

/// `None` for an absent or null source: the portal's mapping type *None*.
pub(super) fn source(at: &At<'_>, notes: &mut Notes) -> Option<MappingSource> {
    let node = at.given("source")?;
    let path = at.path.member("source");
    let at = At::new(node, path.clone(), notes)?;
    at.note_unknown(SOURCE, notes);
    let kind = kind_of(&at, notes);
    let expression = at.optional_text("expression", notes).filter(|text| !text.trim().is_empty());
    let from_tree = tree_of(node).and_then(|tree| Expression::from_tree(&tree).ok());
    let expression = match (expression, from_tree) {
        (Some(text), tree) => {
            if let Some(tree) = tree.as_ref() {
                note_disagreement(&text, tree, &path, notes);
            }
            text
        }
        (None, Some(tree)) => tree.text().to_owned(),
        (None, None) => {
            let message = "there is no expression, and none can be built from type, name and parameters";
            notes.0.push(Finding::error("no-expression", path, message));
            String::new()
        }
    };
    Some(MappingSource { expression, kind })
}

fn note_disagreement(text: &str, tree: &Expression, path: &Path, notes: &mut Notes) {
    let Ok(expression) = Expression::parse(text) else { return };
    if says_the_same(&expression.to_tree(), &tree.to_tree()) {
        return;
    }
    let message =
        format!("the tree says `{}`, the expression something else; the expression counts", tree.text());
    notes.warn("source-disagrees", path.clone(), message);
}

/// Compares two trees as built by the expression language; their texts may be spaced differently, and name
/// omitted arguments at the end or not.
fn says_the_same(a: &SourceTree, b: &SourceTree) -> bool {
    a.kind == b.kind
        && a.name == b.name
        && a.parameters.len() == b.parameters.len()
        && a.parameters
            .iter()
            .zip(&b.parameters)
            .all(|(a, b)| a.key == b.key && says_the_same(&a.value, &b.value))
}

fn kind_of(at: &At<'_>, notes: &mut Notes) -> Option<SourceKind> {
    let text = at.optional_text("type", notes)?;
    let kind = parse_kind(&text);
    if kind.is_none() {
        let message = format!("`{text}` is no known source type");
        let finding = Finding::warning("unknown-value", at.path.member("type"), message);
        notes.0.push(finding.with_help(Some("known are Attribute, Constant, Function")));
    }
    kind
}

fn parse_kind(text: &str) -> Option<SourceKind> {
    match text.to_ascii_lowercase().as_str() {
        "attribute" => Some(SourceKind::Attribute),
        "constant" => Some(SourceKind::Constant),
        "function" => Some(SourceKind::Function),
        _ => None,
    }
}

/// The `source` node as tree, without any `expression` text: what type, name and parameters say by themselves.
/// A node without type falls back on its expression text where it has one.
fn tree_of(node: &Node) -> Option<SourceTree> {
    let kind = node.get("type").and_then(Node::as_str).and_then(parse_kind);
    let name = node.get("name").and_then(Node::as_str).map(str::to_owned);
    let Some((kind, name)) = kind.zip(name) else {
        let expression = node.get("expression").and_then(Node::as_str)?.to_owned();
        let kind = SourceKind::Function;
        return Some(SourceTree { expression: Some(expression), name: None, kind, parameters: Vec::new() });
    };
    let mut parameters = Vec::new();
    for parameter in node.list("parameters").unwrap_or_default() {
        let key = parameter.get("key").and_then(Node::as_str).unwrap_or_default().to_owned();
        // An argument that is null was omitted.
        let Some(value) = parameter.get("value").filter(|value| **value != Node::Null) else { continue };
        parameters.push(SourceParameter { key, value: tree_of(value)? });
    }
    Some(SourceTree { expression: None, name: Some(name), kind, parameters })
}
