//! Tree to text.
use hirewire_scim::syntax::push_string;

use super::{Node, Text};

/// How a document is laid out. Either way the same tree always gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One line without blanks, for the wire.
    Compact,
    /// Two blanks a level and a line feed at the end, for files under version control.
    Indented,
}

impl Node {
    /// The JSON text.
    pub fn to_text(&self, layout: Layout) -> String {
        let mut out = String::new();
        write(self, layout, 0, &mut out);
        if layout == Layout::Indented {
            out.push('\n');
        }
        out
    }
}

fn write(node: &Node, layout: Layout, depth: usize, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Boolean(true) => out.push_str("true"),
        Node::Boolean(false) => out.push_str("false"),
        Node::Number(text) => out.push_str(text),
        Node::Text(text) => write_text(text, out),
        Node::List(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                separate(index, layout, depth + 1, out);
                write(element, layout, depth + 1, out);
            }
            close(elements.is_empty(), layout, depth, out);
            out.push(']');
        }
        Node::Object(object) => {
            out.push('{');
            for (index, (name, value)) in object.members.iter().enumerate() {
                separate(index, layout, depth + 1, out);
                write_text(name, out);
                out.push_str(if layout == Layout::Indented { ": " } else { ":" });
                write(value, layout, depth + 1, out);
            }
            close(object.members.is_empty(), layout, depth, out);
            out.push('}');
        }
    }
}

fn write_text(text: &Text, out: &mut String) {
    match &text.raw {
        None => push_string(out, &text.value),
        Some(raw) => {
            out.push('"');
            out.push_str(raw);
            out.push('"');
        }
    }
}

fn separate(index: usize, layout: Layout, depth: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    new_line(layout, depth, out);
}

fn close(empty: bool, layout: Layout, depth: usize, out: &mut String) {
    if !empty {
        new_line(layout, depth, out);
    }
}

fn new_line(layout: Layout, depth: usize, out: &mut String) {
    if layout == Layout::Indented {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}
