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
    pub(crate) quick: Quick,
}

/// Calls that only read the run and need no argument list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quick {
    No,
    Item,
    Items,
    Outputs,
    Variables,
    Parameters,
    TriggerOutputs,
}

impl Call {
    /// The literal text of the only argument.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &self.args[..] {
            [Node::Literal(Literal::Text(text))] => Some(text),
            _ => None,
        }
    }

    /// Marks the call as quick where it is one.
    pub(crate) fn with_quick(mut self) -> Self {
        let name = self.function.map(|f| f.name).unwrap_or_default();
        self.quick = match (name, self.args.len(), self.literal()) {
            ("item", 0, _) => Quick::Item,
            ("triggerOutputs", 0, _) => Quick::TriggerOutputs,
            ("items", 1, Some(_)) => Quick::Items,
            ("outputs", 1, Some(_)) => Quick::Outputs,
            ("variables", 1, Some(_)) => Quick::Variables,
            ("parameters", 1, Some(_)) => Quick::Parameters,
            _ => Quick::No,
        };
        self
    }
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
