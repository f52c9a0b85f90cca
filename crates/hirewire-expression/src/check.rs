//! What is doubtful or wrong about a valid expression in its context.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::evaluate::is_pure;
use crate::function::Function;
use crate::nearest::nearest;
use crate::node::{Call, Comparison, Kind, Node};
use crate::parse::Parsed;
use crate::value::Value;

/// What the expression is used for. The default knows nothing and checks the expression alone.
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    /// The attributes of the source object's schema; `None` when it is not known.
    pub attributes: Option<&'c [SourceAttribute<'c>]>,
    /// The mapping's target attribute; `None` when it is not known.
    pub target: Option<TargetUse>,
}

/// One attribute of the source schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAttribute<'c> {
    /// Its name, case-sensitive.
    pub name: Cow<'c, str>,
    /// Its type.
    pub kind: AttributeKind,
    /// Whether it may have several values.
    pub multivalued: bool,
}

/// Type of an attribute (`spec/synchronization-schema.md §5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A reference to another object, such as a manager.
    Reference,
    /// Bytes.
    Binary,
    /// True or false.
    Boolean,
    /// A moment.
    DateTime,
}

/// How the mapping uses its target attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetUse {
    /// The mapping has a matching precedence.
    pub matching: bool,
    /// The mapping applies during object creation only.
    pub only_on_creation: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but probably not as meant, or not in Entra.
    Warning,
    /// Cannot work.
    Error,
}

/// One thing to say about an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of the rule, such as `unknown-attribute`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Its place in the expression's text, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, shown after `help:`.
    pub help: Option<String>,
}

pub(crate) fn check(text: &str, parsed: &Parsed, context: &Context<'_>) -> Vec<Finding> {
    let mut checker = Checker { text, parsed, context, findings: Vec::new() };
    checker.whole();
    parsed.root.walk(&mut |node| checker.node(node));
    checker.findings.sort_by_key(|finding| (finding.at.start, finding.at.end));
    checker.findings
}

struct Checker<'c> {
    text: &'c str,
    parsed: &'c Parsed,
    context: &'c Context<'c>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn add(
        &mut self,
        rule: &'static str,
        severity: Severity,
        node: &Node,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let finding = Finding { rule, severity, at: node.span.clone(), message: message.into(), help };
        self.findings.push(finding);
    }

    fn warn(&mut self, rule: &'static str, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.add(rule, Severity::Warning, node, message, Some(help.into()));
    }

    /// Rules about the expression as a whole and its target.
    fn whole(&mut self) {
        let root = &self.parsed.root;
        if never_has_a_value(root) {
            self.warn(
                "always-null",
                root,
                "this never has a value",
                "use mapping type None to leave it empty",
            );
        }
        let Some(target) = self.context.target else { return };
        if !self.parsed.uses(Function::SelectUniqueValue) {
            return;
        }
        if target.matching {
            let message = "`SelectUniqueValue` cannot fill an attribute that is used to match objects";
            self.add("unique-value-on-matching", Severity::Error, root, message, None);
        }
        if !target.only_on_creation {
            let message = "`SelectUniqueValue` must apply during object creation only";
            let help = "set the mapping's flow type to `ObjectAddOnly`".to_owned();
            self.add("unique-value-on-update", Severity::Error, root, message, Some(help));
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Attribute(slot) => self.attribute(node, &self.parsed.attributes[*slot]),
            Kind::Call(call) => self.call(node, call),
            Kind::Compare(comparison) => self.comparison(node, comparison),
            _ => {}
        }
    }

    fn attribute(&mut self, node: &Node, name: &str) {
        let Some(known) = self.context.attributes else { return };
        if known.iter().any(|attribute| attribute.name == name) {
            return;
        }
        let nearest = nearest(name, known.iter().map(|attribute| attribute.name.as_ref()));
        let help = nearest.map(|nearest| {
            if nearest.eq_ignore_ascii_case(name) {
                format!("names are case-sensitive: write `[{nearest}]`")
            } else {
                format!("did you mean `[{nearest}]`?")
            }
        });
        let message = format!("the source has no attribute `{name}`");
        self.add("unknown-attribute", Severity::Error, node, message, help);
    }

    fn call(&mut self, node: &Node, call: &Call) {
        match call.function() {
            Function::Now => self.warn(
                "time-dependent",
                node,
                "the result changes with time although no attribute does",
                "the mapping is evaluated again when the object is; schedule a run when a date must take effect",
            ),
            Function::Iif => self.iif(call),
            Function::Switch => self.switch(call),
            Function::Coalesce => self.coalesce(call),
            _ => {}
        }
    }

    fn iif(&mut self, call: &Call) {
        let Some(condition) = call.argument(0) else { return };
        if let Some(value) = constant(condition) {
            let message = match value {
                Value::Null => "this condition is always missing, so the second value is always taken",
                _ => "this condition is always the same",
            };
            self.add("constant-condition", Severity::Warning, condition, message, None);
        }
        if tests_for_nothing(condition) {
            self.warn(
                "iif-on-missing",
                condition,
                "Entra documents this condition as unsupported when the attribute is missing or empty",
                r#"write `Switch([country], [country], "", "Other")`"#,
            );
        }
    }

    fn comparison(&mut self, node: &Node, comparison: &Comparison) {
        for side in [&comparison.left, &comparison.right] {
            if constant(side).is_some_and(|value| value.is_null()) {
                let message = "comparing with a missing value is always false";
                self.warn("constant-condition", node, message, "use `IsNull(…)`");
            }
        }
    }

    fn switch(&mut self, call: &Call) {
        let Some(source) = call.argument(0) else { return };
        if let Kind::Call(inner) = &source.kind
            && is_test(inner.function())
        {
            self.warn(
                "switch-on-boolean",
                source,
                "a Boolean as source is compared as the texts `True` and `False`",
                "write both keys exactly so, or switch on the attribute itself",
            );
        }
        if self.is_reference(source) {
            self.warn(
                "switch-on-reference",
                source,
                "`Switch` should not be used for attributes that refer to another object",
                "map the attribute directly",
            );
        }
        let constant_source = constant(source).map(|value| text_of(&value));
        if constant_source.is_some() {
            let message = "the source is constant, so always the same value is taken";
            self.add("constant-condition", Severity::Warning, source, message, None);
        }
        let mut seen = HashSet::new();
        for key in call.arguments.iter().skip(2).step_by(2).flatten() {
            let Some(value) = constant(key) else { continue };
            let text = text_of(&value);
            let never = constant_source.as_ref().is_some_and(|source| *source != text);
            if !seen.insert(text) {
                let message = "this branch is never reached: an earlier key is the same";
                self.add("unreachable-branch", Severity::Warning, key, message, None);
            } else if never {
                let message = "this branch is never reached: the source is constant and different";
                self.add("unreachable-branch", Severity::Warning, key, message, None);
            }
        }
    }

    fn coalesce(&mut self, call: &Call) {
        let arguments: Vec<&Node> = call.arguments.iter().flatten().collect();
        let stops = arguments.iter().position(|node| constant(node).is_some_and(|value| !value.is_null()));
        if let Some(next) = stops.and_then(|stops| arguments.get(stops + 1)) {
            let message = "this is never reached: an earlier constant always has a value";
            self.add("unreachable-branch", Severity::Warning, next, message, None);
        }
    }

    fn is_reference(&self, node: &Node) -> bool {
        let Kind::Attribute(slot) = node.kind else { return false };
        let name = &*self.parsed.attributes[slot];
        match self.context.attributes {
            Some(known) => known.iter().any(|a| a.name == name && a.kind == AttributeKind::Reference),
            // Without a schema the one reference that every source has is known by its name.
            None => {
                name == "manager"
                    || self.text.get(node.span.clone()).is_some_and(|t| t.ends_with(":manager]"))
            }
        }
    }
}

/// Functions whose Boolean tells whether something is there.
fn is_test(function: Function) -> bool {
    matches!(
        function,
        Function::IsPresent
            | Function::IsNull
            | Function::IsNothing
            | Function::IsNullOrEmpty
            | Function::IsString
    )
}

/// The three documented shapes of a condition on a missing value (`spec/expressions.md §2.3`).
fn tests_for_nothing(condition: &Node) -> bool {
    match &condition.kind {
        Kind::Call(call) => matches!(
            call.function(),
            Function::IsPresent | Function::IsNull | Function::IsNothing | Function::IsNullOrEmpty
        ),
        Kind::Compare(comparison) => [&comparison.left, &comparison.right]
            .iter()
            .any(|side| side.constant_text().as_deref() == Some("")),
        _ => false,
    }
}

/// Whether a node is null whatever the source: a constant, or a function whose every result is.
fn never_has_a_value(node: &Node) -> bool {
    if constant(node).is_some_and(|value| value.is_null()) {
        return true;
    }
    let Kind::Call(call) = &node.kind else { return false };
    let never = |position: usize| call.argument(position).is_none_or(never_has_a_value);
    match call.function() {
        Function::Iif => never(1) && never(2),
        Function::Switch => never(1) && (3..call.arguments.len()).step_by(2).all(never),
        Function::Coalesce => (0..call.arguments.len()).all(never),
        // Nothing in, nothing out (`spec/expressions.md §3`).
        Function::CStr
        | Function::NormalizeDiacritics
        | Function::PCase
        | Function::Redact
        | Function::StripSpaces
        | Function::ToLower
        | Function::ToUpper
        | Function::Trim => never(0),
        _ => false,
    }
}

/// The value of a node that depends on nothing.
fn constant(node: &Node) -> Option<Value<'_>> {
    Some(match &node.kind {
        Kind::Text(text) => Value::from(&**text),
        Kind::Number(number) => Value::Number(*number),
        Kind::Boolean(value) => Value::Boolean(*value),
        Kind::Null => Value::Null,
        Kind::Call(call) if is_pure(call.function()) => call.folded.as_ref()?.borrowed(),
        Kind::Compare(comparison) => {
            let (left, right) = (constant(&comparison.left)?, constant(&comparison.right)?);
            let (Some(left), Some(right)) = (left.as_text(), right.as_text()) else {
                return Some(Value::Boolean(false));
            };
            Value::Boolean(comparison.operator.holds(crate::evaluate::compare_texts(&left, &right)))
        }
        _ => return None,
    })
}

fn text_of(value: &Value<'_>) -> String {
    value.as_text().unwrap_or_default().into_owned()
}
