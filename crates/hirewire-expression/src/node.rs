//! The compact tree that is evaluated.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::casing::Culture;
use crate::date_format::DateFormat;
use crate::evaluate::Slice;
use crate::function::{Function, FunctionInfo};
use crate::interval::Interval;
use crate::number::Number;
use crate::pattern::Pattern;
use crate::pattern::Replacement;
use crate::replace::Mode;
use crate::value::Value;

/// A part of an expression with its place in the text.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Index into the expression's attribute names.
    Attribute(usize),
    Text(Box<str>),
    Number(Number),
    Boolean(bool),
    Null,
    Word(Word),
    Flow(Flow),
    Compare(Box<Comparison>),
    Concat(Box<[Node]>),
    Call(Box<Call>),
}

#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) operator: Operator,
    pub(crate) left: Node,
    pub(crate) right: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }

    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

/// Bare flow keywords (`spec/expressions.md §5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    IgnoreAttribute,
    IgnoreObject,
}

impl Flow {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IgnoreAttribute => "IgnoreAttributeFlow",
            Self::IgnoreObject => "IgnoreObjectFlow",
        }
    }
}

/// Enumeration constants (`§1.6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) &'static str);

impl Word {
    pub(crate) const NAMES: [&'static str; 5] =
        ["vbTextCompare", "vbBinaryCompare", "Unicode", "ASCII", "UTF8"];

    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|name| *name == text).map(Self)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) info: &'static FunctionInfo,
    pub(crate) arguments: Box<[Option<Node>]>,
    /// What constant arguments allow to prepare once.
    pub(crate) prepared: Prepared,
    /// The result, when it depends on constants only.
    pub(crate) folded: Option<Value<'static>>,
    /// Whether this is a change of one text with constant parameters (`evaluate/chain.rs`).
    pub(crate) changes_text: bool,
}

impl Call {
    pub(crate) fn new(info: &'static FunctionInfo, arguments: Box<[Option<Node>]>) -> Self {
        Self { info, arguments, prepared: Prepared::Nothing, folded: None, changes_text: false }
    }

    pub(crate) fn function(&self) -> Function {
        self.info.function
    }

    /// The argument at a position; `None` when omitted or left off.
    pub(crate) fn argument(&self, position: usize) -> Option<&Node> {
        self.arguments.get(position)?.as_ref()
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    Nothing,
    Interval(Interval),
    /// Input and output format of `FormatDateTime`, where constant.
    Formats {
        input: Option<Arc<DateFormat>>,
        output: Option<Arc<DateFormat>>,
    },
    Replace(Box<PreparedReplace>),
    /// What `Left` or `Mid` takes.
    Slice(Slice),
    Lower(Culture),
    Upper(Culture),
    Trim,
    StripSpaces,
    NormalizeDiacritics,
}

#[derive(Debug, Clone)]
pub(crate) struct PreparedReplace {
    pub(crate) mode: Mode,
    pub(crate) pattern: Option<Arc<Pattern>>,
    /// The constant replacement text, taken apart for the constant pattern.
    pub(crate) replacement: Option<Replacement>,
    /// The constant group name as the pattern's group number.
    pub(crate) group: Option<usize>,
    /// The constant oldValue.
    pub(crate) old: Option<Box<str>>,
    /// The constant replacementValue.
    pub(crate) new: Option<Box<str>>,
}

impl Node {
    /// The function or operator, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Call(call) => call.info.name,
            Kind::Compare(comparison) => comparison.operator.text(),
            Kind::Concat(_) => "&",
            _ => "expression",
        }
    }

    /// The text of a constant; of a number as it prints, for schema documents store numbers as texts (`§1.8`).
    pub(crate) fn constant_text(&self) -> Option<Cow<'_, str>> {
        match &self.kind {
            Kind::Text(text) => Some(Cow::Borrowed(text)),
            Kind::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    /// Calls `visit` for this node and all below it, parents first.
    pub(crate) fn walk<'n>(&'n self, visit: &mut impl FnMut(&'n Node)) {
        visit(self);
        match &self.kind {
            Kind::Compare(comparison) => {
                comparison.left.walk(visit);
                comparison.right.walk(visit);
            }
            Kind::Concat(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Kind::Call(call) => call.arguments.iter().flatten().for_each(|argument| argument.walk(visit)),
            Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Boolean(_)
            | Kind::Null
            | Kind::Word(_)
            | Kind::Flow(_) => {}
        }
    }
}
