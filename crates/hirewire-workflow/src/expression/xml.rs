//! XML documents for `xml()`, `json(xml(…))` and `xpath()` (`spec/workflows.md` §5.4, §5.6).

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value as Json};
use sxd_xpath::nodeset::Node as SxdNode;

use super::value::make_envelope;

const MAX_NESTING: usize = 100;
const XML_TYPE: &str = "application/xml;charset=utf-8";

/// A node of a document; white space between elements is not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Declaration(Vec<(String, String)>),
    Element { name: String, attributes: Vec<(String, String)>, children: Vec<Node>, closed: bool },
    Text(String),
}

/// Parses a well-formed document without a document type.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let document = roxmltree::Document::parse(text.trim()).map_err(|e| e.to_string())?;
    let source = document.input_text();
    let mut out = Vec::new();
    if let Some(declaration) = source.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        out.push(Node::Declaration(attributes(declaration.0)));
    }
    out.push(element(document.root_element(), source, 0)?);
    Ok(out)
}

fn element(node: roxmltree::Node<'_, '_>, source: &str, depth: usize) -> Result<Node, String> {
    if depth > MAX_NESTING {
        return Err(format!("elements are nested deeper than {MAX_NESTING} levels"));
    }
    let text = &source[node.range()];
    let head = tag_end(text);
    let inner = text[1..head].trim_end_matches('/');
    let name_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
    let mut children = Vec::new();
    for child in node.children() {
        if child.is_element() {
            children.push(element(child, source, depth + 1)?);
        } else if child.is_text() {
            let text = child.text().unwrap_or_default();
            if !text.trim().is_empty() {
                children.push(Node::Text(text.to_owned()));
            }
        }
    }
    Ok(Node::Element {
        name: inner[..name_end].to_owned(),
        attributes: attributes(&inner[name_end..]),
        children,
        closed: text[..head].ends_with('/'),
    })
}

/// Where the start tag's `>` stands; quoted attribute values may hold one.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b, Some(q)) if b == q => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'>', None) => return at,
            _ => {}
        }
    }
    text.len()
}

fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, rest)) = rest[1..].split_once(quote) else { break };
        out.push((name.trim().to_owned(), unescape(value)));
        text = rest;
    }
    out
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(';') else { break };
        let entity = &rest[1..end];
        let numeric = || {
            let digits = entity.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        };
        match entity {
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "amp" => out.push('&'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            _ => out.extend(numeric()),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

fn escape(text: &str, quoted: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' if quoted => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

/// Writes a document in one line; empty elements as they were read.
pub(crate) fn write(nodes: &[Node]) -> String {
    let mut out = String::new();
    nodes.iter().for_each(|node| write_node(node, &mut out));
    out
}

fn write_attributes(attributes: &[(String, String)], out: &mut String) {
    for (name, value) in attributes {
        let _ = write!(out, " {name}=\"");
        escape(value, true, out);
        out.push('"');
    }
}

fn write_node(node: &Node, out: &mut String) {
    match node {
        Node::Declaration(attributes) => {
            out.push_str("<?xml");
            write_attributes(attributes, out);
            out.push_str("?>");
        }
        Node::Text(text) => escape(text, false, out),
        Node::Element { name, attributes, children, closed } => {
            let _ = write!(out, "<{name}");
            write_attributes(attributes, out);
            if children.is_empty() && *closed {
                out.push_str(" />");
                return;
            }
            out.push('>');
            children.iter().for_each(|child| write_node(child, out));
            let _ = write!(out, "</{name}>");
        }
    }
}

/// The document as JSON: `@name` for attributes, `#text` beside elements, arrays for repeated elements.
pub(crate) fn to_json(nodes: &[Node]) -> Json {
    let mut out = Map::new();
    for node in nodes {
        match node {
            Node::Declaration(attributes) => {
                let members =
                    attributes.iter().map(|(k, v)| (format!("@{k}"), Json::from(v.as_str()))).collect();
                out.insert("?xml".into(), Json::Object(members));
            }
            Node::Element { name, .. } => {
                out.insert(name.clone(), element_json(node));
            }
            Node::Text(_) => {}
        }
    }
    Json::Object(out)
}

fn add(out: &mut Map<String, Json>, name: &str, value: Json) {
    match out.get_mut(name) {
        None => {
            out.insert(name.to_owned(), value);
        }
        Some(Json::Array(items)) => items.push(value),
        Some(single) => {
            let first = std::mem::take(single);
            *single = Json::Array(vec![first, value]);
        }
    }
}

fn element_json(node: &Node) -> Json {
    let Node::Element { attributes, children, closed, .. } = node else { return Json::Null };
    if attributes.is_empty() {
        match &children[..] {
            [] => return if *closed { Json::Null } else { Json::from("") },
            [Node::Text(text)] => return Json::from(text.as_str()),
            _ => {}
        }
    }
    let mut out = Map::new();
    for (name, value) in attributes {
        out.insert(format!("@{name}"), Json::from(value.as_str()));
    }
    for child in children {
        match child {
            Node::Text(text) => add(&mut out, "#text", Json::from(text.as_str())),
            Node::Element { name, .. } => add(&mut out, name, element_json(child)),
            Node::Declaration(_) => {}
        }
    }
    Json::Object(out)
}

/// A document from JSON with exactly one root member.
pub(crate) fn from_json(json: &Json) -> Result<Vec<Node>, String> {
    let members = json.as_object().ok_or("the value is no object")?;
    let mut out = Vec::new();
    let mut roots = 0;
    for (name, value) in members {
        if name == "?xml" {
            let object = value.as_object().cloned().unwrap_or_default();
            let attributes =
                object.into_iter().map(|(k, v)| (k.trim_start_matches('@').to_owned(), scalar(&v))).collect();
            out.push(Node::Declaration(attributes));
            continue;
        }
        roots += if value.is_array() { 2 } else { 1 };
        out.extend(elements(name, value, 0)?);
    }
    if roots != 1 {
        return Err("JSON root object has multiple properties or none. The root object must have a single property in order to create a valid XML document".into());
    }
    Ok(out)
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Whether a member name can be an element's or attribute's name.
fn check_name(name: &str) -> Result<(), String> {
    let good = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
    if good { Ok(()) } else { Err(format!("the name '{name}' cannot be used in XML")) }
}

fn elements(name: &str, value: &Json, depth: usize) -> Result<Vec<Node>, String> {
    if depth > MAX_NESTING {
        return Err(format!("members are nested deeper than {MAX_NESTING} levels"));
    }
    check_name(name)?;
    if let Json::Array(items) = value {
        let nested =
            items.iter().map(|item| elements(name, item, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        return Ok(nested.into_iter().flatten().collect());
    }
    let mut attributes = Vec::new();
    let mut children = Vec::new();
    match value {
        Json::Object(members) => {
            for (key, value) in members {
                if let Some(attribute) = key.strip_prefix('@') {
                    check_name(attribute)?;
                    attributes.push((attribute.to_owned(), scalar(value)));
                } else if key == "#text" {
                    children.push(Node::Text(scalar(value)));
                } else {
                    children.extend(elements(key, value, depth + 1)?);
                }
            }
        }
        Json::Null => {}
        other => children.push(Node::Text(scalar(other))),
    }
    children.retain(|c| *c != Node::Text(String::new()));
    let closed = value.is_null() || value.as_object().is_some_and(|_| children.is_empty());
    Ok(vec![Node::Element { name: name.to_owned(), attributes, children, closed }])
}

/// Evaluates an XPath 1.0 expression.
pub(crate) fn select(xml: &str, path: &str) -> Result<Json, String> {
    let clean = write(&parse(xml)?);
    if path.len() > 2_000 || path.matches(['(', '[']).count() > 60 {
        return Err("the XPath expression is too long or too deep".into());
    }
    // The XPath library panics on prefixes that were not declared; it is fenced here, once.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let package = sxd_document::parser::parse(&clean).map_err(|e| e.to_string())?;
        let document = package.as_document();
        let xpath = sxd_xpath::Factory::new().build(path).map_err(|e| e.to_string())?;
        let xpath = xpath.ok_or("the XPath expression is empty")?;
        let context = sxd_xpath::Context::new();
        let value = xpath.evaluate(&context, document.root()).map_err(|e| e.to_string())?;
        Ok(match value {
            sxd_xpath::Value::Boolean(b) => Json::Bool(b),
            sxd_xpath::Value::Number(n) => Json::from(n),
            sxd_xpath::Value::String(s) => Json::from(s),
            sxd_xpath::Value::Nodeset(nodes) => {
                Json::Array(nodes.document_order().into_iter().map(node_json).collect())
            }
        })
    }));
    outcome.unwrap_or_else(|_| {
        Err("the XPath expression cannot be evaluated; undeclared prefixes are a common cause".into())
    })
}

fn node_json(node: SxdNode<'_>) -> Json {
    match node {
        SxdNode::Element(element) => {
            let mut out = String::new();
            write_sxd(element, None, &mut out, 0);
            make_envelope(XML_TYPE, out.as_bytes())
        }
        SxdNode::Root(root) => {
            let mut out = String::new();
            for child in root.children() {
                if let Some(element) = child.element() {
                    write_sxd(element, None, &mut out, 0);
                }
            }
            make_envelope(XML_TYPE, out.as_bytes())
        }
        other => Json::from(other.string_value()),
    }
}

fn write_sxd(element: sxd_document::dom::Element<'_>, outer: Option<&str>, out: &mut String, depth: usize) {
    if depth > MAX_NESTING {
        return;
    }
    let name = element.name();
    let prefix = name.namespace_uri().and_then(|_| element.preferred_prefix());
    let tag = prefix.map_or_else(|| name.local_part().to_owned(), |p| format!("{p}:{}", name.local_part()));
    let _ = write!(out, "<{tag}");
    let mut default = outer;
    if let (None, Some(uri)) = (prefix, name.namespace_uri())
        && outer != Some(uri)
    {
        let _ = write!(out, " xmlns=\"{uri}\"");
        default = Some(uri);
    }
    if let (Some(prefix), Some(uri), 0) = (prefix, name.namespace_uri(), depth) {
        let _ = write!(out, " xmlns:{prefix}=\"{uri}\"");
    }
    for attribute in element.attributes() {
        let _ = write!(out, " {}=\"", attribute.name().local_part());
        escape(attribute.value(), true, out);
        out.push('"');
    }
    let children = element.children();
    if children.is_empty() {
        out.push_str(" />");
        return;
    }
    out.push('>');
    for child in children {
        if let Some(element) = child.element() {
            write_sxd(element, default, out, depth + 1);
        } else if let Some(text) = child.text() {
            escape(text.text(), false, out);
        }
    }
    let _ = write!(out, "</{tag}>");
}
