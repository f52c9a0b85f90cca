//! Evaluation: the walk over the tree, conditions, branches and flow.
//!
//! The families of functions stand in the modules below; each is a method of [`Evaluator`].

mod chain;
mod dates;
mod fold;
mod lists;
mod logic;
mod random;
mod text;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use chain::Chained;
pub(crate) use chain::changes_text;
pub(crate) use fold::{fold, is_pure};
pub(crate) use text::{Slice, cut};

use crate::datetime::DateTime;
use crate::environment::{Environment, Source};
use crate::error::EvalError;
use crate::function::Function;
use crate::node::{Call, Comparison, Flow, Kind, Node};
use crate::number::Number;
use crate::parse::Parsed;
use crate::pattern::Budget;
use crate::trace::{Trace, TraceNode, TraceResult};
use crate::value::{Outcome, Value};

/// What a node gives.
pub(crate) type Eval<'a> = Result<Value<'a>, Stop>;

/// Why the walk ends early: an error, or a flow keyword, which passes through every function around it.
#[derive(Debug)]
pub(crate) struct Stop(Box<Reason>);

#[derive(Debug)]
enum Reason {
    /// A failure; its function and place are those of the node that is running.
    Detail(String),
    Flow(Flow),
}

/// Longest text that a function may give, in bytes; nested replacements could otherwise grow without end.
pub(crate) const LONGEST_TEXT: usize = 1 << 19;

/// Fails; the evaluator knows whose work that was.
pub(crate) fn fail<T>(detail: impl Into<String>) -> Result<T, Stop> {
    Err(Stop(Box::new(Reason::Detail(detail.into()))))
}

fn flow<T>(flow: Flow) -> Result<T, Stop> {
    Err(Stop(Box::new(Reason::Flow(flow))))
}

pub(crate) struct Evaluator<'a> {
    source: &'a dyn Source,
    pub(crate) environment: Environment<'a>,
    attributes: &'a [Box<str>],
    redact: Cell<bool>,
    /// The node whose own work is being done: what fails, fails there.
    running: Cell<Option<&'a Node>>,
    /// What regular expressions may still cost.
    pub(crate) budget: Budget,
    tracer: Option<&'a Tracer<'a>>,
}

struct Tracer<'a> {
    text: &'a str,
    /// The finished children of each node that is being evaluated.
    open: RefCell<Vec<Vec<TraceNode>>>,
}

#[inline]
pub(crate) fn evaluate<'a, S: Source>(
    parsed: &'a Parsed,
    source: &'a S,
    environment: &Environment<'a>,
) -> Result<Outcome<'a>, EvalError> {
    // The commonest mappings need no walk.
    if let Kind::Attribute(slot) = parsed.root.kind {
        let value = source.value(slot, &parsed.attributes[slot]);
        if matches!(&value, Value::List(values) if values.is_empty()) {
            return Ok(Outcome::Value { value: Value::Null, redact: false });
        }
        return Ok(Outcome::Value { value, redact: false });
    }
    walk(parsed, source, environment)
}

#[inline(never)]
fn walk<'a>(
    parsed: &'a Parsed,
    source: &'a dyn Source,
    environment: &Environment<'a>,
) -> Result<Outcome<'a>, EvalError> {
    let evaluator = Evaluator::new(source, environment, &parsed.attributes, None);
    let root = &parsed.root;
    if let Kind::Call(call) = &root.kind
        && call.changes_text
    {
        return match evaluator.chain(root) {
            Chained::Piece(text) => {
                Ok(Outcome::Value { value: Value::Text(Cow::Borrowed(text)), redact: false })
            }
            Chained::Other(result) => evaluator.outcome(root, result),
        };
    }
    evaluator.outcome(root, evaluator.run(root))
}

pub(crate) fn trace(
    text: &str,
    parsed: &Parsed,
    source: &dyn Source,
    environment: &Environment<'_>,
) -> Trace {
    let tracer = Tracer { text, open: RefCell::new(vec![Vec::new()]) };
    let evaluator = Evaluator::new(source, environment, &parsed.attributes, Some(&tracer));
    let result = evaluator.node(&parsed.root);
    let outcome = evaluator.outcome(&parsed.root, result).map(Outcome::into_owned);
    let roots = tracer.open.take();
    let root = roots.into_iter().flatten().next().unwrap_or_else(|| TraceNode {
        text: text.to_owned(),
        at: parsed.root.span.clone(),
        result: TraceResult::Failed,
        children: Vec::new(),
    });
    Trace { outcome, root }
}

impl<'a> Evaluator<'a> {
    #[inline]
    fn new(
        source: &'a dyn Source,
        environment: &Environment<'a>,
        attributes: &'a [Box<str>],
        tracer: Option<&'a Tracer<'a>>,
    ) -> Self {
        let (redact, running, budget) = (Cell::new(false), Cell::new(None), Budget::default());
        Self { source, environment: *environment, attributes, redact, running, budget, tracer }
    }

    #[inline]
    fn outcome(&self, root: &'a Node, result: Eval<'a>) -> Result<Outcome<'a>, EvalError> {
        let redact = self.redact.get();
        match result {
            // What fits registers is built anew: that is quicker than to move what was just written.
            Ok(Value::Boolean(value)) => Ok(Outcome::Value { value: Value::Boolean(value), redact }),
            Ok(Value::Text(Cow::Borrowed(text))) => {
                Ok(Outcome::Value { value: Value::Text(Cow::Borrowed(text)), redact })
            }
            Ok(value) if value.is_null() => Ok(Outcome::Value { value: Value::Null, redact }),
            Ok(value) => Ok(Outcome::Value { value, redact }),
            Err(stop) => match stop.ended(self.running.get().unwrap_or(root))? {
                Flow::IgnoreAttribute => Ok(Outcome::IgnoreAttribute),
                Flow::IgnoreObject => Ok(Outcome::IgnoreObject),
            },
        }
    }

    /// The value of a node.
    // Inlined, and the values are handed on in place: moving them around is what small functions cost.
    #[inline]
    pub(crate) fn node(&self, node: &'a Node) -> Eval<'a> {
        // What most arguments are, without a call.
        if let (Kind::Attribute(slot), None) = (&node.kind, self.tracer) {
            return Ok(self.source.value(*slot, &self.attributes[*slot]));
        }
        let outer = self.running.get();
        let result = self.run(node);
        if result.is_ok() {
            self.running.set(outer);
        }
        result
    }

    #[inline(never)]
    fn run(&self, node: &'a Node) -> Eval<'a> {
        match self.tracer {
            None => self.plain(node),
            Some(tracer) => self.traced(node, tracer),
        }
    }

    fn traced(&self, node: &'a Node, tracer: &Tracer<'a>) -> Eval<'a> {
        tracer.open.borrow_mut().push(Vec::new());
        let result = self.plain(node);
        let mut open = tracer.open.borrow_mut();
        let children = open.pop().unwrap_or_default();
        let shown = match &result {
            Ok(value) => TraceResult::Value(value.clone().into_owned()),
            Err(Stop(reason)) => match **reason {
                Reason::Flow(Flow::IgnoreAttribute) => TraceResult::IgnoreAttribute,
                Reason::Flow(Flow::IgnoreObject) => TraceResult::IgnoreObject,
                Reason::Detail(_) => TraceResult::Failed,
            },
        };
        let text = tracer.text.get(node.span.clone()).unwrap_or_default().to_owned();
        if let Some(siblings) = open.last_mut() {
            siblings.push(TraceNode { text, at: node.span.clone(), result: shown, children });
        }
        result
    }

    #[inline]
    fn plain(&self, node: &'a Node) -> Eval<'a> {
        Ok(match &node.kind {
            Kind::Call(call) => return self.running_call(call, node),
            Kind::Attribute(slot) => return Ok(self.source.value(*slot, &self.attributes[*slot])),
            Kind::Text(text) => Value::Text(Cow::Borrowed(text)),
            Kind::Number(number) => Value::Number(*number),
            Kind::Boolean(value) => Value::Boolean(*value),
            Kind::Null => Value::Null,
            Kind::Word(word) => Value::Text(Cow::Borrowed(word.0)),
            Kind::Flow(keyword) => return flow(*keyword),
            Kind::Compare(comparison) => {
                self.running.set(Some(node));
                return self.compare(comparison);
            }
            Kind::Concat(parts) => {
                self.running.set(Some(node));
                return self.concatenate(parts);
            }
        })
    }

    #[inline]
    fn running_call(&self, call: &'a Call, node: &'a Node) -> Eval<'a> {
        if self.tracer.is_none() {
            if call.changes_text {
                return self.chained(node);
            }
            if let Some(value) = &call.folded {
                return Ok(value.borrowed());
            }
        }
        self.running.set(Some(node));
        self.call(call)
    }

    fn call(&self, call: &'a Call) -> Eval<'a> {
        match call.function() {
            Function::Append => self.append(call),
            Function::AppRoleAssignments => self.role_values(call),
            Function::AppRoleAssignmentsComplex | Function::AssertiveAppRoleAssignmentsComplex => {
                self.roles(call)
            }
            Function::BitAnd => Ok(Value::integer(self.integer(call, 0)? & self.integer(call, 1)?)),
            Function::CBool => self.cbool(call),
            Function::CDate => self.date(call, 0).map(Value::DateTime),
            Function::Coalesce => self.coalesce(call),
            Function::ConvertFromBase64 => self.convert_from_base64(call),
            Function::ConvertToBase64 => self.convert_to_base64(call),
            Function::ConvertToUtf8Hex => self.convert_to_utf8_hex(call),
            Function::Count => self.count(call),
            Function::CStr => self.cstr(call),
            Function::DateAdd => self.date_add(call),
            Function::DateDiff => self.date_diff(call),
            Function::DateFromNum => self.date_from_num(call),
            Function::DefaultDomain => match self.environment.default_domain {
                Some(domain) => Ok(Value::Text(Cow::Borrowed(domain))),
                None => fail("the target has no default domain"),
            },
            Function::DnComponent => self.dn_component(call),
            Function::Error => fail(self.text_or_empty(call, 0)?.into_owned()),
            Function::FormatDateTime => self.format_date_time(call),
            Function::Guid => Ok(Value::from(random::guid(self.environment.random))),
            Function::IgnoreFlowIfNullOrEmpty => self.ignore_if_empty(call),
            Function::Iif => self.iif(call),
            Function::InStr => self.in_str(call),
            Function::IsNothing | Function::IsNull => Ok(Value::Boolean(self.argument(call, 0)?.is_null())),
            Function::IsNullOrEmpty => Ok(Value::Boolean(self.argument(call, 0)?.is_null_or_empty())),
            Function::IsPresent => Ok(Value::Boolean(!self.argument(call, 0)?.is_null_or_empty())),
            Function::IsString => self.is_string(call),
            Function::Item => self.item(call),
            Function::Join => self.join(call),
            Function::Left => self.left(call, self.argument(call, 0)?),
            Function::Len => self.len(call),
            Function::Mid => self.mid(call, self.argument(call, 0)?),
            Function::NormalizeDiacritics => self.normalize(self.argument(call, 0)?),
            Function::Not => self.not(call),
            Function::Now => Ok(Value::DateTime(self.environment.now)),
            Function::NumFromDate => self.num_from_date(call),
            Function::PCase => self.pcase(call),
            Function::Prepend => self.prepend(call),
            Function::RandomString => self.random_string(call),
            Function::Redact => {
                self.redact.set(true);
                self.argument(call, 0)
            }
            Function::RemoveDuplicates => self.remove_duplicates(call),
            Function::Replace => self.replace(call, self.argument(call, 0)?),
            Function::SelectUniqueValue => self.select_unique_value(call),
            Function::SingleAppRoleAssignment => self.single_role(call),
            Function::Split => self.split(call),
            Function::StringFromSid => self.map_argument(call, text::sid_text),
            Function::StripSpaces => self.strip_spaces(self.argument(call, 0)?),
            Function::Switch => self.switch(call),
            Function::ToLower => self.change_case(call, self.argument(call, 0)?, crate::casing::to_lower),
            Function::ToUpper => self.change_case(call, self.argument(call, 0)?, crate::casing::to_upper),
            Function::Trim => self.trim(self.argument(call, 0)?),
            Function::Word => self.word(call),
        }
    }

    /// The value of an argument; an omitted one has none.
    #[inline]
    pub(crate) fn argument(&self, call: &'a Call, position: usize) -> Eval<'a> {
        match call.argument(position) {
            Some(node) => self.node(node),
            None => Ok(Value::Null),
        }
    }

    /// One text, or nothing; several values are an error.
    pub(crate) fn text(&self, value: Value<'a>) -> Result<Option<Cow<'a, str>>, Stop> {
        Ok(Some(match value {
            Value::Null => return Ok(None),
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Boolean(value) => Cow::Borrowed(crate::value::boolean_text(value)),
            Value::DateTime(moment) => Cow::Owned(moment.to_string()),
            Value::List(mut values) => match values.len() {
                0 => return Ok(None),
                1 => values.swap_remove(0),
                _ => return fail("one value is needed here, not several"),
            },
            Value::Roles(_) => return fail("one value is needed here, not several"),
        }))
    }

    /// One text; empty when there is no value.
    pub(crate) fn text_or_empty(&self, call: &'a Call, position: usize) -> Result<Cow<'a, str>, Stop> {
        if let (Some(Node { kind: Kind::Text(text), .. }), None) = (call.argument(position), self.tracer) {
            return Ok(Cow::Borrowed(text));
        }
        let value = self.argument(call, position)?;
        Ok(self.text(value)?.unwrap_or_default())
    }

    /// A whole number, from a number or its text.
    pub(crate) fn integer(&self, call: &'a Call, position: usize) -> Result<i64, Stop> {
        if let (Some(Node { kind: Kind::Number(Number::Integer(number)), .. }), None) =
            (call.argument(position), self.tracer)
        {
            return Ok(*number);
        }
        self.computed_integer(call, position)
    }

    fn computed_integer(&self, call: &'a Call, position: usize) -> Result<i64, Stop> {
        let value = self.argument(call, position)?;
        let number = match &value {
            Value::Number(number) => number.as_integer(),
            Value::Text(text) => Number::parse(text).and_then(Number::as_integer),
            Value::List(values) if values.len() == 1 => {
                Number::parse(&values[0]).and_then(Number::as_integer)
            }
            _ => None,
        };
        match number {
            Some(number) => Ok(number),
            None => {
                let name = call.info.parameter(position).map_or("value", |parameter| parameter.name);
                fail(format!("`{name}` must be a whole number, {}", described(&value)))
            }
        }
    }

    /// Applies a function of one text to a value, or to each of several (`§2.2`).
    #[inline]
    pub(crate) fn map(
        &self,
        value: Value<'a>,
        mut change: impl FnMut(Cow<'a, str>) -> Result<Cow<'a, str>, Stop>,
    ) -> Eval<'a> {
        let mut change = |text| match change(text) {
            Ok(text) if text.len() > LONGEST_TEXT => fail("the result is too long"),
            changed => changed,
        };
        match value {
            Value::Null => Ok(Value::Null),
            Value::Text(text) => change(text).map(Value::Text),
            Value::List(values) => {
                values.into_iter().map(change).collect::<Result<Vec<_>, _>>().map(Value::List)
            }
            Value::Roles(_) => fail("roles are no text"),
            other => match self.text(other)? {
                Some(text) => change(text).map(Value::Text),
                None => Ok(Value::Null),
            },
        }
    }

    fn map_argument(
        &self,
        call: &'a Call,
        change: impl FnMut(Cow<'a, str>) -> Result<Cow<'a, str>, Stop>,
    ) -> Eval<'a> {
        let value = self.argument(call, 0)?;
        self.map(value, change)
    }

    /// A moment, from a moment or a date text.
    pub(crate) fn date(&self, call: &'a Call, position: usize) -> Result<DateTime, Stop> {
        let value = self.argument(call, position)?;
        if let Value::DateTime(moment) = value {
            return Ok(moment);
        }
        match self.text(value)? {
            None => fail("there is no date: the value is missing"),
            Some(text) => match crate::cdate::parse(&text) {
                Some(moment) => Ok(moment),
                None => fail(format!(
                    "text of the form `{}` is no date; dates look like `2025-03-31`, `2025-03-31T08:00:00Z` or \
                     `3/31/2025 8:00:00 AM`",
                    crate::error::form_of(&text)
                )),
            },
        }
    }

    /// `left operator right` (`§2.3`): numbers as numbers, moments by time, all else as text, case-sensitive.
    fn compare(&self, comparison: &'a Comparison) -> Eval<'a> {
        let left = self.node(&comparison.left)?;
        let right = self.node(&comparison.right)?;
        // [U] With a missing operand no comparison holds.
        if left.is_null() || right.is_null() {
            return Ok(Value::Boolean(false));
        }
        let order = match (&left, &right) {
            (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
            (Value::Number(a), Value::Number(b)) => a.cmp(b),
            _ => {
                let (Some(a), Some(b)) = (self.text(left)?, self.text(right)?) else {
                    return Ok(Value::Boolean(false));
                };
                compare_texts(&a, &b)
            }
        };
        Ok(Value::Boolean(comparison.operator.holds(order)))
    }

    fn concatenate(&self, parts: &'a [Node]) -> Eval<'a> {
        let mut result = Value::Text(Cow::Borrowed(""));
        for part in parts {
            let next = self.node(part)?;
            result = self.joined(result, next)?;
        }
        Ok(result)
    }

    /// Two values one behind the other; several on one side are taken one by one.
    pub(crate) fn joined(&self, left: Value<'a>, right: Value<'a>) -> Eval<'a> {
        if let Value::List(values) = right {
            if values.len() < 2 {
                return self.joined(left, values.into_iter().next().map_or(Value::Null, Value::Text));
            }
            let left = self.text(left)?.unwrap_or_default();
            let texts = values.into_iter().map(|right| text::append(left.clone(), &right));
            return Ok(Value::List(texts.collect()));
        }
        let right = self.text(right)?.unwrap_or_default();
        if left.is_null_or_empty() {
            return Ok(Value::Text(right));
        }
        self.map(left, |left| Ok(text::append(left, &right)))
    }
}

/// Texts of numbers compare as numbers.
pub(crate) fn compare_texts(a: &str, b: &str) -> std::cmp::Ordering {
    if a == b {
        return std::cmp::Ordering::Equal;
    }
    match (Number::parse(a), Number::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

impl Stop {
    /// What the whole expression ends with, when it ended in the work of this node.
    #[cold]
    #[inline(never)]
    fn ended(self, running: &Node) -> Result<Flow, EvalError> {
        match *self.0 {
            Reason::Flow(flow) => Ok(flow),
            Reason::Detail(detail) => Err(EvalError::new(running.name(), detail, running.span.clone())),
        }
    }
}

/// What a value is, without its content.
fn described(value: &Value<'_>) -> String {
    match value {
        Value::Null => "and there is no value".to_owned(),
        Value::Text(text) => format!("not text of the form `{}`", crate::error::form_of(text)),
        Value::Number(_) => "not a number with a fraction".to_owned(),
        Value::Boolean(_) => "not a Boolean".to_owned(),
        Value::DateTime(_) => "not a date".to_owned(),
        Value::List(_) | Value::Roles(_) => "not several values".to_owned(),
    }
}
