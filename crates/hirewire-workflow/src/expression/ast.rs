//! The parsed form of an expression: compact, immutable, evaluated many times.

use std::ops::Range;

use super::functions::Function;

/// One parsed expression.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(crate) root: Node,
    pub(crate) text: Box<str>,
}

/// A literal of the expression language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
}

/// A part of an expression.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Literal(Literal),
    Call(Box<Call>),
    Path(Box<(Node, Box<[Step]>)>),
}

/// A function call; `function` is absent where no such function exists.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: Box<str>,
    pub(crate) function: Option<&'static Function>,
    pub(crate) args: Box<[Node]>,
    pub(crate) span: Range<usize>,
}

/// One selection `[key]`, `.key`, `?[key]` or `?.key`.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) key: Node,
    pub(crate) optional: bool,
    pub(crate) span: Range<usize>,
}

/// A call found in an expression, for checks of a whole definition.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The function's name as written.
    pub function: String,
    /// The first argument, where it is a literal text.
    pub name: Option<String>,
    /// How many arguments were given.
    pub count: usize,
    /// The accepted numbers of arguments; `None` for an unknown function.
    pub accepted: Option<(usize, usize)>,
    /// Where the call stands in the template, as a byte range.
    pub span: Range<usize>,
}

impl Expression {
    /// The expression's text without its `@`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Calls `visit` for every function call, outermost first.
    pub fn references(&self, visit: &mut dyn FnMut(Reference)) {
        walk(&self.root, visit);
    }
}

fn walk(node: &Node, visit: &mut dyn FnMut(Reference)) {
    match node {
        Node::Literal(_) => {}
        Node::Path(path) => {
            walk(&path.0, visit);
            path.1.iter().for_each(|step| walk(&step.key, visit));
        }
        Node::Call(call) => {
            let name = match call.args.first() {
                Some(Node::Literal(Literal::Text(text))) => Some(text.to_string()),
                _ => None,
            };
            visit(Reference {
                function: call.name.to_string(),
                name,
                count: call.args.len(),
                accepted: call.function.map(|f| (f.min, f.max)),
                span: call.span.clone(),
            });
            call.args.iter().for_each(|arg| walk(arg, visit));
        }
    }
}
