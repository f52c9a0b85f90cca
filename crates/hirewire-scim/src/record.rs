//! Writes SCIM users as JSON text straight from values in slot order, without a tree.
use std::collections::HashSet;

use crate::path::{AttributePath, Literal, Step};
use crate::syntax::push_string;
use crate::urn;

/// One value for a path of a [`RecordWriter`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slot<'v> {
    /// The attribute is left out.
    Absent,
    /// An explicit `null`.
    Null,
    /// A text.
    Text(&'v str),
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// JSON text, written as it is: numbers, lists, objects. The caller answers for it.
    Json(&'v str),
}

/// Turns values into SCIM users. The paths are laid out once; writing only copies.
///
/// ```
/// use hirewire_scim::{AttributePath, RecordWriter, Slot};
///
/// let paths = ["externalId", "name.givenName", r#"emails[type eq "work"].value"#, "active"];
/// let paths = paths.map(AttributePath::of_attribute);
/// let writer = RecordWriter::new(&paths)?;
/// let mut out = String::new();
/// writer.write(&[Slot::Text("1001"), Slot::Text("Ada"), Slot::Absent, Slot::Boolean(true)], &mut out);
/// assert_eq!(out, concat!(
///     r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","#,
///     r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"#,
///     r#""externalId":"1001","name":{"givenName":"Ada"},"active":true}"#));
/// # Ok::<(), hirewire_scim::record::LayoutError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordWriter {
    root: Vec<Member>,
    extensions: Vec<ExtensionUse>,
    slots: usize,
}

/// An extension beside the enterprise one; it is listed in `schemas` when one of its slots has something.
#[derive(Debug, Clone)]
struct ExtensionUse {
    /// `,"urn:…"`.
    listed: Box<str>,
    urn: Box<str>,
    slots: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Member {
    name: Box<str>,
    /// `"name":`.
    key: Box<str>,
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(usize),
    Object(Vec<Member>),
    List(Vec<Element>),
}

#[derive(Debug, Clone)]
struct Element {
    selector: Vec<crate::path::Condition>,
    /// `"type":"work"`, what the selector fixes.
    fixed: Box<str>,
    node: Node,
}

/// Two paths that cannot be in one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The same path twice.
    #[error("`{path}` is given twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// One path is a value, another goes through it.
    #[error("`{path}` cannot be written beside another path that begins like it")]
    Conflict {
        /// The later of the two paths.
        path: String,
    },
}

impl RecordWriter {
    /// Lays out a record with these paths; slot `i` is the value of path `i`.
    pub fn new(paths: &[AttributePath]) -> Result<Self, LayoutError> {
        let mut writer = Self { root: Vec::new(), extensions: Vec::new(), slots: paths.len() };
        let mut seen = HashSet::new();
        for (slot, path) in paths.iter().enumerate() {
            if !seen.insert(path.as_str().to_ascii_lowercase()) {
                return Err(LayoutError::Twice { path: path.to_string() });
            }
            writer.place(path, slot).ok_or_else(|| LayoutError::Conflict { path: path.to_string() })?;
        }
        Ok(writer)
    }

    /// How many slots [`write`](Self::write) reads.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Appends one record; `values` has one slot per path, missing ones are absent. Objects and list elements
    /// of which nothing is given are left out. `schemas` names the core and enterprise schemas always
    /// (spec/inbound-api.md §4.2) and every other extension that has a value.
    pub fn write(&self, values: &[Slot<'_>], out: &mut String) {
        out.push_str("{\"schemas\":[\"");
        out.push_str(urn::CORE_USER);
        out.push_str("\",\"");
        out.push_str(urn::ENTERPRISE_USER);
        out.push('"');
        for extension in &self.extensions {
            if extension.slots.iter().any(|slot| !is_absent(values, *slot)) {
                out.push_str(&extension.listed);
            }
        }
        out.push(']');
        write_members(&self.root, values, out, true);
        out.push('}');
    }

    fn place(&mut self, path: &AttributePath, slot: usize) -> Option<()> {
        if let Some(urn) = path.extension().filter(|urn| *urn != urn::ENTERPRISE_USER) {
            self.note_extension(urn, slot);
        }
        let mut members = &mut self.root;
        if let Some(urn) = path.extension() {
            if path.steps().is_empty() {
                return put_leaf(members, urn, slot);
            }
            members = object_member(members, urn)?;
        }
        if path.is_manager() {
            members = object_member(members, "manager")?;
            return put_leaf(members, "value", slot);
        }
        put(members, path.steps(), slot)
    }

    fn note_extension(&mut self, urn: &str, slot: usize) {
        if let Some(known) = self.extensions.iter_mut().find(|known| known.urn.eq_ignore_ascii_case(urn)) {
            known.slots.push(slot);
            return;
        }
        let mut listed = String::from(",");
        push_string(&mut listed, urn);
        self.extensions.push(ExtensionUse { listed: listed.into(), urn: urn.into(), slots: vec![slot] });
    }
}

fn put(members: &mut Vec<Member>, steps: &[Step], slot: usize) -> Option<()> {
    let (step, below) = steps.split_first()?;
    if step.is_list(below) {
        let elements = list_member(members, &step.name)?;
        return put_element(elements, step, below, slot);
    }
    match below {
        [] => put_leaf(members, &step.name, slot),
        _ => put(object_member(members, &step.name)?, below, slot),
    }
}

fn put_element(elements: &mut Vec<Element>, step: &Step, below: &[Step], slot: usize) -> Option<()> {
    let known = elements.iter().position(|element| element.selector == step.selector);
    if below.is_empty() {
        if known.is_some() {
            return None;
        }
        elements.push(Element { selector: step.selector.clone(), fixed: "".into(), node: Node::Leaf(slot) });
        return Some(());
    }
    let index = known.unwrap_or(elements.len());
    if known.is_none() {
        let fixed = fixed_members(step).into();
        elements.push(Element { selector: step.selector.clone(), fixed, node: Node::Object(Vec::new()) });
    }
    match &mut elements.get_mut(index)?.node {
        Node::Object(members) => put(members, below, slot),
        Node::Leaf(_) | Node::List(_) => None,
    }
}

fn fixed_members(step: &Step) -> String {
    let mut fixed = String::new();
    for condition in &step.selector {
        if !fixed.is_empty() {
            fixed.push(',');
        }
        push_string(&mut fixed, &condition.attribute);
        fixed.push(':');
        match &condition.literal {
            Literal::Text(text) => push_string(&mut fixed, text),
            Literal::Boolean(is) => fixed.push_str(if *is { "true" } else { "false" }),
            Literal::Number(number) => fixed.push_str(number),
        }
    }
    fixed
}

fn put_leaf(members: &mut Vec<Member>, name: &str, slot: usize) -> Option<()> {
    if members.iter().any(|member| member.name.eq_ignore_ascii_case(name)) {
        return None;
    }
    members.push(Member::new(name, Node::Leaf(slot)));
    Some(())
}

fn object_member<'m>(members: &'m mut Vec<Member>, name: &str) -> Option<&'m mut Vec<Member>> {
    match &mut member(members, name, || Node::Object(Vec::new()))?.node {
        Node::Object(inner) => Some(inner),
        Node::Leaf(_) | Node::List(_) => None,
    }
}

fn list_member<'m>(members: &'m mut Vec<Member>, name: &str) -> Option<&'m mut Vec<Element>> {
    match &mut member(members, name, || Node::List(Vec::new()))?.node {
        Node::List(elements) => Some(elements),
        Node::Leaf(_) | Node::Object(_) => None,
    }
}

fn member<'m>(members: &'m mut Vec<Member>, name: &str, make: fn() -> Node) -> Option<&'m mut Member> {
    let known = members.iter().position(|member| member.name.eq_ignore_ascii_case(name));
    let index = known.unwrap_or(members.len());
    if known.is_none() {
        members.push(Member::new(name, make()));
    }
    members.get_mut(index)
}

impl Member {
    fn new(name: &str, node: Node) -> Self {
        let mut key = String::new();
        push_string(&mut key, name);
        key.push(':');
        Self { name: name.into(), key: key.into(), node }
    }
}

fn is_absent(values: &[Slot<'_>], slot: usize) -> bool {
    matches!(values.get(slot), None | Some(Slot::Absent))
}

/// Writes the members that have something; whether there was one.
fn write_members(members: &[Member], values: &[Slot<'_>], out: &mut String, mut comma: bool) -> bool {
    let mut wrote = false;
    for member in members {
        if let Node::Leaf(slot) = member.node
            && is_absent(values, slot)
        {
            continue;
        }
        let start = out.len();
        if comma {
            out.push(',');
        }
        out.push_str(&member.key);
        if write_node(&member.node, values, out) {
            comma = true;
            wrote = true;
        } else {
            out.truncate(start);
        }
    }
    wrote
}

fn write_node(node: &Node, values: &[Slot<'_>], out: &mut String) -> bool {
    match node {
        Node::Leaf(slot) => write_slot(values.get(*slot).copied().unwrap_or(Slot::Absent), out),
        Node::Object(members) => {
            out.push('{');
            let wrote = write_members(members, values, out, false);
            out.push('}');
            wrote
        }
        Node::List(elements) => {
            out.push('[');
            let mut wrote = false;
            for element in elements {
                let start = out.len();
                if wrote {
                    out.push(',');
                }
                if write_element(element, values, out) {
                    wrote = true;
                } else {
                    out.truncate(start);
                }
            }
            out.push(']');
            wrote
        }
    }
}

fn write_element(element: &Element, values: &[Slot<'_>], out: &mut String) -> bool {
    let Node::Object(members) = &element.node else { return write_node(&element.node, values, out) };
    out.push('{');
    out.push_str(&element.fixed);
    let wrote = write_members(members, values, out, !element.fixed.is_empty());
    out.push('}');
    wrote
}

fn write_slot(slot: Slot<'_>, out: &mut String) -> bool {
    match slot {
        Slot::Absent => return false,
        Slot::Null => out.push_str("null"),
        Slot::Text(text) => push_string(out, text),
        Slot::Boolean(true) => out.push_str("true"),
        Slot::Boolean(false) => out.push_str("false"),
        Slot::Integer(number) => {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Slot::Json(json) => out.push_str(json),
    }
    true
}
