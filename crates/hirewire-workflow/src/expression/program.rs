//! A template flattened for writing JSON text: constant bytes and the expressions between them.

use super::ast::Expression;
use super::error::ExpressionError;
use super::evaluate::Evaluator;
use super::template::{Name, Part, Template};
use super::value::Value;

/// A template in the form that writes its JSON text fastest, without building a tree.
#[derive(Debug, Clone)]
pub struct JsonProgram<'t> {
    steps: Vec<Step<'t>>,
}

#[derive(Debug, Clone)]
enum Step<'t> {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// The value as JSON.
    Value(&'t Expression),
    /// The value's text, escaped, inside quotes that are there already.
    Text(&'t Expression),
}

impl<'t> JsonProgram<'t> {
    /// Flattens a template.
    pub fn new(template: &'t Template) -> Self {
        let mut program = Self { steps: Vec::new() };
        program.add(template);
        program
    }

    fn raw(&mut self, bytes: &[u8]) {
        match self.steps.last_mut() {
            Some(Step::Raw(last)) => last.extend_from_slice(bytes),
            _ => self.steps.push(Step::Raw(bytes.to_vec())),
        }
    }

    fn quoted(&mut self, template: &'t Template) {
        self.raw(b"\"");
        match template {
            Template::Text(parts) => {
                for part in parts {
                    match part {
                        Part::Literal(text) => {
                            let mut bytes = Vec::new();
                            escape(text, &mut bytes);
                            self.raw(&bytes);
                        }
                        Part::Expression(expression) => self.steps.push(Step::Text(expression)),
                    }
                }
            }
            Template::Expression(expression) => self.steps.push(Step::Text(expression)),
            _ => {}
        }
        self.raw(b"\"");
    }

    fn add(&mut self, template: &'t Template) {
        match template {
            Template::Constant(json) => self.raw(json.to_string().as_bytes()),
            Template::Expression(expression) => self.steps.push(Step::Value(expression)),
            Template::Text(_) => self.quoted(template),
            Template::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.raw(if n == 0 { b"[" } else { b"," });
                    self.add(item);
                }
                self.raw(b"]");
            }
            Template::Object(members) => {
                for (n, (name, value)) in members.iter().enumerate() {
                    self.raw(if n == 0 { b"{" } else { b"," });
                    match name {
                        Name::Plain(name) => {
                            let mut bytes = Vec::new();
                            bytes.push(b'"');
                            escape(name, &mut bytes);
                            bytes.push(b'"');
                            self.raw(&bytes);
                        }
                        Name::Template(name) => self.quoted(name),
                    }
                    self.raw(b":");
                    self.add(value);
                }
                self.raw(b"}");
            }
        }
    }

    /// Appends the template's JSON text.
    ///
    /// # Errors
    /// The first expression that fails; `out` may then hold a part of the value.
    pub fn write<'a>(&'a self, evaluator: &Evaluator<'a>, out: &mut Vec<u8>) -> Result<(), ExpressionError> {
        for step in &self.steps {
            match step {
                Step::Raw(bytes) => out.extend_from_slice(bytes),
                Step::Text(expression) => match evaluator.evaluate(expression)? {
                    Value::Text(text) => escape(&text, out),
                    other => escape(&other.to_text(), out),
                },
                Step::Value(expression) => match evaluator.evaluate(expression)? {
                    Value::Null => out.extend_from_slice(b"null"),
                    Value::Boolean(b) => out.extend_from_slice(if b { b"true" } else { b"false" }),
                    Value::Text(text) => {
                        out.push(b'"');
                        escape(&text, out);
                        out.push(b'"');
                    }
                    Value::Tree(tree) => out.extend_from_slice(tree.to_string().as_bytes()),
                    other => out.extend_from_slice(other.into_json().to_string().as_bytes()),
                },
            }
        }
        evaluator.charge(out.len())
    }
}

/// Appends a text with JSON's escapes; runs without any are copied whole.
fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
}
