//! The column map: one row becomes one SCIM user as JSON text.
//!
//! The shape of the user is compiled once into a tree; a row is then written through it in one go. An empty value is
//! written as `null` (no manager, no title …); a value that must not be touched is left out. spec/inbound-api.md §4.4.

use crate::finding::SourceError;
use crate::layout::{Layout, PathMap};
use crate::row::{Checked, Row};
use hirewire_expression::{Environment, EvalError, Outcome, Source, Value};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Extension with the dates from which the engine derives who is active.
pub const LIFECYCLE: &str = "urn:hirewire:params:scim:schemas:extension:lifecycle:2.0:User";

/// Writes rows as SCIM users.
pub(crate) struct Mapper<'m> {
    layout: &'m Layout,
    root: Vec<(String, Node)>,
    schemas: String,
    lifecycle: Option<Lifecycle>,
}

struct Lifecycle {
    zone: Option<String>,
    days_ahead: u32,
}

#[derive(Debug)]
enum Node {
    /// Index into the column map.
    Leaf(usize),
    Object(Vec<(String, Node)>),
    Array(Vec<Element>),
    /// `active` when the column map does not name it.
    Active,
}

#[derive(Debug)]
struct Element {
    filter: Vec<(String, String)>,
    members: Vec<(String, Node)>,
}

struct Slots<'a> {
    row: &'a Row,
    checked: &'a Checked,
    map: &'a PathMap,
}

impl Source for Slots<'_> {
    fn value(&self, slot: usize, _name: &str) -> Value<'_> {
        match self.map.slots.get(slot).map(|c| self.checked.value(self.row, *c)) {
            None | Some("") => Value::Null,
            Some(text) => Value::from(text),
        }
    }
}

/// Why a row was not written.
pub(crate) enum Unwritten {
    /// An expression says that the whole person is skipped.
    Skipped,
    /// An expression failed.
    Failed { path: String, error: EvalError },
}

impl<'m> Mapper<'m> {
    pub(crate) fn new(layout: &'m Layout, lifecycle: &crate::Lifecycle) -> Result<Self, SourceError> {
        let mut root = Vec::new();
        let mut schemas = vec![CORE.to_string()];
        for (at, map) in layout.maps.iter().enumerate() {
            place(&mut root, &mut schemas, &map.path, Node::Leaf(at))?;
        }
        if !root.iter().any(|(name, _)| name.eq_ignore_ascii_case("active")) {
            root.push(("active".into(), Node::Active));
        }
        let used = layout.hire.is_some() || layout.termination.is_some();
        if used && !schemas.iter().any(|s| s == LIFECYCLE) {
            schemas.push(LIFECYCLE.into());
        }
        let lifecycle =
            used.then(|| Lifecycle { zone: lifecycle.time_zone.clone(), days_ahead: lifecycle.days_ahead });
        let schemas = serde_json::to_string(&schemas).unwrap_or_default();
        Ok(Self { layout, root, schemas, lifecycle })
    }

    /// Appends the user of a row to `out`.
    pub(crate) fn write(
        &self,
        row: &Row,
        checked: &Checked,
        drop_reference: bool,
        environment: &Environment<'_>,
        out: &mut String,
    ) -> Result<(), Unwritten> {
        let job = Job { mapper: self, row, checked, drop_reference, environment };
        out.push_str("{\"schemas\":");
        out.push_str(&self.schemas);
        job.members(&self.root, out, true)?;
        if let Some(lifecycle) = &self.lifecycle {
            job.lifecycle(lifecycle, out);
        }
        out.push('}');
        Ok(())
    }
}

struct Job<'j> {
    mapper: &'j Mapper<'j>,
    row: &'j Row,
    checked: &'j Checked,
    drop_reference: bool,
    environment: &'j Environment<'j>,
}

impl Job<'_> {
    /// Writes members; says whether one of them has a value.
    fn members(
        &self,
        members: &[(String, Node)],
        out: &mut String,
        mut more: bool,
    ) -> Result<bool, Unwritten> {
        let mut any = false;
        for (name, node) in members {
            let start = out.len();
            if more {
                out.push(',');
            }
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            match self.node(node, out)? {
                Some(filled) => {
                    any |= filled;
                    more = true;
                }
                None => out.truncate(start),
            }
        }
        Ok(any)
    }

    /// Writes a value; `None` when it must be left out.
    fn node(&self, node: &Node, out: &mut String) -> Result<Option<bool>, Unwritten> {
        match node {
            Node::Leaf(at) => self.leaf(&self.mapper.layout.maps[*at], out),
            Node::Active => {
                let active = self.checked.active.unwrap_or(true) && !self.checked.deleted;
                out.push_str(if active { "true" } else { "false" });
                Ok(Some(true))
            }
            Node::Object(members) => {
                let start = out.len();
                out.push('{');
                let any = self.members(members, out, false)?;
                if out.len() == start + 1 {
                    return Ok(None);
                }
                out.push('}');
                Ok(Some(any))
            }
            Node::Array(elements) => {
                let start = out.len();
                out.push('[');
                for element in elements {
                    let from = out.len();
                    if from > start + 1 {
                        out.push(',');
                    }
                    out.push('{');
                    for (at, (name, value)) in element.filter.iter().enumerate() {
                        out.push_str(if at > 0 { ",\"" } else { "\"" });
                        out.push_str(name);
                        out.push_str("\":");
                        out.push_str(value);
                    }
                    if !self.members(&element.members, out, !element.filter.is_empty())? {
                        out.truncate(from);
                        continue;
                    }
                    out.push('}');
                }
                if out.len() == start + 1 {
                    return Ok(None);
                }
                out.push(']');
                Ok(Some(true))
            }
        }
    }

    fn leaf(&self, map: &PathMap, out: &mut String) -> Result<Option<bool>, Unwritten> {
        let (layout, checked) = (self.mapper.layout, self.checked);
        if self.drop_reference && layout.reference.is_some_and(|r| map.slots.contains(&r)) {
            return Ok(None);
        }
        if !checked.dropped.is_empty() && map.slots.iter().any(|s| checked.dropped.contains(s)) {
            return Ok(None);
        }
        let boolean = map.boolean;
        if map.active && checked.deleted {
            out.push_str("false");
            return Ok(Some(true));
        }
        if let Some(column) = map.plain {
            if map.active && layout.status.as_ref().is_some_and(|s| s.column == column) {
                return self.node(&Node::Active, out);
            }
            return Ok(Some(text(checked.value(self.row, column), boolean, out)));
        }
        let slots = Slots { row: self.row, checked, map };
        let outcome = map.expression.evaluate(&slots, self.environment);
        match outcome.map_err(|error| Unwritten::Failed { path: map.path.clone(), error })? {
            Outcome::IgnoreAttribute => Ok(None),
            Outcome::IgnoreObject => Err(Unwritten::Skipped),
            Outcome::Value { value, .. } => Ok(Some(match value {
                Value::Text(value) => text(&value, boolean, out),
                Value::Boolean(yes) => {
                    out.push_str(if yes { "true" } else { "false" });
                    true
                }
                Value::List(values) => {
                    out.push_str(&serde_json::to_string(&values).unwrap_or_default());
                    !values.is_empty()
                }
                other => text(other.as_text().as_deref().unwrap_or_default(), boolean, out),
            })),
        }
    }

    fn lifecycle(&self, lifecycle: &Lifecycle, out: &mut String) {
        let layout = self.mapper.layout;
        out.push_str(",\"");
        out.push_str(LIFECYCLE);
        out.push_str("\":{\"hireDate\":");
        let date = |column: Option<usize>, out: &mut String| match column {
            Some(column) => {
                text(self.checked.value(self.row, column).get(..10).unwrap_or_default(), false, out)
            }
            None => text("", false, out),
        };
        date(layout.hire, out);
        out.push_str(",\"terminationDate\":");
        date(layout.termination, out);
        let own = layout.zone.map(|c| self.checked.value(self.row, c)).filter(|z| !z.is_empty());
        if let Some(zone) = own.or(lifecycle.zone.as_deref()) {
            out.push_str(",\"timeZone\":");
            text(zone, false, out);
        }
        out.push_str(&format!(",\"daysAhead\":{}}}", lifecycle.days_ahead));
    }
}

/// Writes a text as JSON; empty is `null`. Says whether there was one.
fn text(value: &str, boolean: bool, out: &mut String) -> bool {
    if value.is_empty() {
        out.push_str("null");
        return false;
    }
    if boolean && (value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")) {
        out.push_str(if value.len() == 4 { "true" } else { "false" });
        return true;
    }
    out.push('"');
    let mut from = 0;
    for (at, byte) in value.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&value[from..at]);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        from = at + 1;
    }
    out.push_str(&value[from..]);
    out.push('"');
    true
}

fn bad_path(path: &str, message: &str) -> SourceError {
    SourceError::Config { setting: format!("columns.\"{path}\""), message: message.into() }
}

/// Puts a node at a SCIM path.
fn place(
    root: &mut Vec<(String, Node)>,
    schemas: &mut Vec<String>,
    path: &str,
    node: Node,
) -> Result<(), SourceError> {
    let bad = |message: &str| bad_path(path, message);
    let mut rest = path.trim();
    let mut members = root;
    if rest.len() > 4 && rest[..4].eq_ignore_ascii_case("urn:") {
        // The attribute follows the last colon before any bracket; a version such as `2.0` is not its end.
        let head = rest.split('[').next().unwrap_or(rest);
        let (urn, attribute) = match head.rfind(':') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => return Err(bad("no attribute behind the schema")),
        };
        if attribute.is_empty() || urn.len() < 8 {
            return Err(bad("no attribute behind the schema"));
        }
        rest = attribute;
        if urn != CORE {
            if !schemas.iter().any(|s| s == urn) {
                schemas.push(urn.to_string());
            }
            members = object(members, urn).ok_or_else(|| bad("another line maps the whole extension"))?;
        }
        if rest.eq_ignore_ascii_case("manager") {
            rest = "manager.value";
        }
    }
    let Some(open) = rest.find('[') else {
        return place_plain(members, rest, node).ok_or_else(|| bad("another line maps the same attribute"));
    };
    let close = rest.find(']').filter(|close| *close > open).ok_or_else(|| bad("a bracket is not closed"))?;
    let filter = parse_filter(&rest[open + 1..close]);
    let filter = filter.ok_or_else(|| bad("the filter must be like `[type eq \"work\"]`"))?;
    let Node::Array(elements) = find_or_insert(members, &rest[..open], || Node::Array(Vec::new())) else {
        return Err(bad("another line maps the whole attribute"));
    };
    let at = elements.iter().position(|e| e.filter == filter).unwrap_or_else(|| {
        elements.push(Element { filter, members: Vec::new() });
        elements.len() - 1
    });
    let inner = rest[close + 1..].trim_start_matches('.');
    let inner = if inner.is_empty() { "value" } else { inner };
    place_plain(&mut elements[at].members, inner, node)
        .ok_or_else(|| bad("another line maps the same attribute"))
}

fn find_or_insert<'a>(
    members: &'a mut Vec<(String, Node)>,
    name: &str,
    make: impl FnOnce() -> Node,
) -> &'a mut Node {
    let at = members.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
        members.push((name.to_string(), make()));
        members.len() - 1
    });
    &mut members[at].1
}

fn object<'a>(members: &'a mut Vec<(String, Node)>, name: &str) -> Option<&'a mut Vec<(String, Node)>> {
    match find_or_insert(members, name, || Node::Object(Vec::new())) {
        Node::Object(inner) => Some(inner),
        _ => None,
    }
}

/// Puts a node at `a` or `a.b`; `None` when something stands there.
fn place_plain(members: &mut Vec<(String, Node)>, path: &str, node: Node) -> Option<()> {
    let (members, name) = match path.split_once('.') {
        Some((outer, inner)) => (object(members, outer)?, inner),
        None => (members, path),
    };
    if name.is_empty() || members.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return None;
    }
    members.push((name.to_string(), node));
    Some(())
}

/// Reads `type eq "work"` and several of them joined by `and`, as members with JSON values.
fn parse_filter(text: &str) -> Option<Vec<(String, String)>> {
    text.split(" and ")
        .map(|part| {
            let mut words = part.trim().splitn(3, ' ');
            let (name, operator, value) = (words.next()?, words.next()?, words.next()?.trim());
            let fits = operator.eq_ignore_ascii_case("eq") && !name.is_empty();
            let value: serde_json::Value = serde_json::from_str(&value.replace('\'', "\"")).ok()?;
            (fits && !value.is_object() && !value.is_array()).then(|| (name.to_string(), value.to_string()))
        })
        .collect()
}
