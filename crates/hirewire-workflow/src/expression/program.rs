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

/// How many bytes at the beginning need no escape: eight at a time, then one by one.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        let word = u64::from_le_bytes(eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let marks = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
        if control | marks != 0 {
            break;
        }
        at += 8;
    }
    let rest = bytes[at..].iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\');
    rest.map_or(bytes.len(), |found| at + found)
}

/// Appends a text with JSON's escapes; runs without any are copied whole.
fn escape(text: &str, out: &mut Vec<u8>) {
    let mut bytes = text.as_bytes();
    loop {
        let plain = plain_run(bytes);
        out.extend_from_slice(&bytes[..plain]);
        let Some(byte) = bytes.get(plain) else { return };
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
        bytes = &bytes[plain + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn escapes_as_json_does() {
        let mut texts: Vec<String> =
            (0..0x180u32).filter_map(char::from_u32).map(|c| format!("1234567{c}ä😀{c}")).collect();
        texts.extend((0..40).map(|n| format!("{}\"{}", "x".repeat(n), "é".repeat(n))));
        for text in texts {
            let mut out = Vec::new();
            escape(&text, &mut out);
            let expected = serde_json::to_string(&text).expect("text");
            assert_eq!(format!("\"{}\"", String::from_utf8_lossy(&out)), expected);
        }
    }
}
