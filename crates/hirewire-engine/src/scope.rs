//! Is this person ours to manage? Scoping filters on source values (`spec/engine.md §3`).
use std::borrow::Cow;

use hirewire_expression::Value;
use hirewire_expression::pattern::{Pattern, PatternError};
use hirewire_schema::Operator;

use crate::compare::boolean_text;

/// Filter groups joined by OR. No group at all holds for everybody.
#[derive(Debug, Default)]
pub struct Filter {
    pub(crate) groups: Vec<Group>,
}

/// Clauses joined by AND. No clause at all holds.
#[derive(Debug)]
pub struct Group {
    pub(crate) clauses: Vec<Clause>,
}

/// One condition on one source attribute.
#[derive(Debug)]
pub struct Clause {
    /// Index into the schema's source attributes.
    pub(crate) slot: usize,
    /// The attribute as people call it: the last part of a URN.
    pub(crate) label: String,
    pub(crate) test: Test,
}

/// What is asked of the value.
#[derive(Debug)]
pub(crate) enum Test {
    Equals(Vec<String>),
    NotEquals(Vec<String>),
    IsTrue,
    IsFalse,
    IsNull,
    IsNotNull,
    Matches(Vec<Pattern>),
    NotMatches(Vec<Pattern>),
    GreaterThan(Vec<String>),
    GreaterThanOrEquals(Vec<String>),
    Includes(Vec<String>),
    EndsWith(Vec<String>),
    /// `&`: the operand's text contains the value. [U] adopted reading of one unclear sentence.
    WithinOperand(Vec<String>),
    /// `!&`: it does not.
    NotWithinOperand(Vec<String>),
}

/// Why a clause could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClauseError {
    /// No such operator.
    #[error("`{0}` is no scoping operator")]
    UnknownOperator(String),
    /// The pattern of `REGEX MATCH` is none.
    #[error("the pattern is no regular expression: {0}")]
    Pattern(PatternError),
    /// A binary operator without operand holds for nobody.
    #[error("`{0}` needs a value to compare with")]
    NoOperand(String),
}

impl Test {
    /// The test of an operator name of the API or the portal (`spec/engine.md §3.2`).
    pub(crate) fn parse(name: &str, operands: Vec<String>) -> Result<Self, ClauseError> {
        let operator = Operator::parse(name).ok_or_else(|| ClauseError::UnknownOperator(name.to_owned()))?;
        if !operator.is_unary() && operands.is_empty() {
            return Err(ClauseError::NoOperand(name.to_owned()));
        }
        Ok(match operator {
            Operator::IsTrue => Self::IsTrue,
            Operator::IsFalse => Self::IsFalse,
            Operator::IsNull => Self::IsNull,
            Operator::IsNotNull => Self::IsNotNull,
            Operator::Equals => Self::Equals(operands),
            Operator::NotEquals => Self::NotEquals(operands),
            Operator::GreaterThan => Self::GreaterThan(operands),
            Operator::GreaterThanOrEquals => Self::GreaterThanOrEquals(operands),
            Operator::Includes => Self::Includes(operands),
            Operator::EndsWith => Self::EndsWith(operands),
            Operator::And => Self::WithinOperand(operands),
            Operator::NotAnd => Self::NotWithinOperand(operands),
            Operator::RegexMatch => Self::Matches(patterns(&operands)?),
            Operator::NotRegexMatch => Self::NotMatches(patterns(&operands)?),
        })
    }
}

fn patterns(operands: &[String]) -> Result<Vec<Pattern>, ClauseError> {
    operands.iter().map(|operand| Pattern::new(operand).map_err(ClauseError::Pattern)).collect()
}

impl Filter {
    /// Whether any group holds; `values` are the source attributes of the schema.
    pub(crate) fn holds(&self, values: &[Value<'_>]) -> bool {
        self.groups.is_empty()
            || self.groups.iter().any(|group| group.clauses.iter().all(|clause| clause.holds(values)))
    }

    /// Why no group holds: the first failing clause of each, in words.
    pub(crate) fn evidence(&self, values: &[Value<'_>]) -> String {
        let failing = |group: &Group| {
            group.clauses.iter().find(|clause| !clause.holds(values)).map(|clause| clause.words(values))
        };
        let mut words: Vec<String> = self.groups.iter().filter_map(failing).collect();
        words.dedup();
        words.join("; ")
    }
}

impl Clause {
    fn holds(&self, values: &[Value<'_>]) -> bool {
        let value = values.get(self.slot).unwrap_or(&Value::Null);
        // A clause on no value is false whatever the operator, except IS NULL (§3.2).
        if value.is_null_or_empty() {
            return matches!(self.test, Test::IsNull);
        }
        match &self.test {
            Test::IsNull => false,
            Test::IsNotNull => true,
            Test::IsTrue => each(value, |text| boolean_text(text) == Some(true)),
            Test::IsFalse => each(value, |text| boolean_text(text) == Some(false)),
            Test::Equals(operands) => all(value, operands, |text, operand| equal(value, text, operand)),
            Test::NotEquals(operands) => all(value, operands, |text, operand| !equal(value, text, operand)),
            // A pattern that takes too long on this value is neither found nor not found.
            Test::Matches(patterns) => {
                all(value, patterns, |text, pattern| pattern.is_match(text) == Ok(true))
            }
            Test::NotMatches(patterns) => {
                all(value, patterns, |text, pattern| pattern.is_match(text) == Ok(false))
            }
            Test::GreaterThan(operands) => {
                all(value, operands, |text, operand| natural(text) > natural_or_max(operand))
            }
            Test::GreaterThanOrEquals(operands) => all(value, operands, |text, operand| {
                natural(operand).is_some() && natural(text) >= natural(operand)
            }),
            Test::Includes(operands) => all(value, operands, |text, operand| text.contains(operand.as_str())),
            Test::EndsWith(operands) => {
                all(value, operands, |text, operand| text.ends_with(operand.as_str()))
            }
            Test::WithinOperand(operands) => all(value, operands, |text, operand| operand.contains(text)),
            Test::NotWithinOperand(operands) => all(value, operands, |text, operand| !operand.contains(text)),
        }
    }

    /// `department is Contractors, the filter wants Employees`.
    fn words(&self, values: &[Value<'_>]) -> String {
        let value = values.get(self.slot).unwrap_or(&Value::Null);
        let found = match value.texts() {
            _ if value.is_null_or_empty() => "empty".to_owned(),
            texts => texts.join(", "),
        };
        format!("{} is {found}, the filter wants {}", self.label, self.test.wants())
    }
}

impl Test {
    fn wants(&self) -> String {
        let list = |operands: &[String]| operands.join(" and ");
        let pattern_count = |patterns: &[Pattern]| match patterns.len() {
            1 => "a regular expression".to_owned(),
            several => format!("{several} regular expressions"),
        };
        match self {
            Self::Equals(operands) => list(operands),
            Self::NotEquals(operands) => format!("anything but {}", list(operands)),
            Self::IsTrue => "True".to_owned(),
            Self::IsFalse => "False".to_owned(),
            Self::IsNull => "no value".to_owned(),
            Self::IsNotNull => "a value".to_owned(),
            Self::Matches(patterns) => format!("a match of {}", pattern_count(patterns)),
            Self::NotMatches(patterns) => format!("no match of {}", pattern_count(patterns)),
            Self::GreaterThan(operands) => format!("more than {}", list(operands)),
            Self::GreaterThanOrEquals(operands) => format!("{} or more", list(operands)),
            Self::Includes(operands) => format!("a text with {}", list(operands)),
            Self::EndsWith(operands) => format!("a text that ends with {}", list(operands)),
            Self::WithinOperand(operands) => format!("a part of {}", list(operands)),
            Self::NotWithinOperand(operands) => format!("no part of {}", list(operands)),
        }
    }
}

/// `multivaluedComparisonType` of all operators is `All`: every operand must hold, for every value.
fn all<O>(value: &Value<'_>, operands: &[O], holds: impl Fn(&str, &O) -> bool) -> bool {
    each(value, |text| operands.iter().all(|operand| holds(text, operand)))
}

fn each(value: &Value<'_>, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::List(values) => values.iter().all(|text| holds(text)),
        single => single.as_text().is_some_and(|text: Cow<'_, str>| holds(&text)),
    }
}

fn equal(value: &Value<'_>, text: &str, operand: &str) -> bool {
    match value {
        Value::Boolean(_) => text.eq_ignore_ascii_case(operand),
        _ => text == operand,
    }
}

/// A whole number from 0; everything else makes the clause false (§3.2).
fn natural(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn natural_or_max(text: &str) -> Option<u64> {
    Some(natural(text).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, operands: &[&str], value: Value<'_>) -> bool {
        let operands = operands.iter().map(|text| (*text).to_owned()).collect();
        let test = Test::parse(operator, operands).expect("an operator");
        Clause { slot: 0, label: "x".into(), test }.holds(&[value])
    }

    #[test]
    fn operators_in_every_spelling() {
        let text = |t: &'static str| Value::from(t);
        let cases: &[(&str, &[&str], Value<'static>, bool)] = &[
            ("equals", &["a"], text("a"), true),
            ("EQUALS", &["A"], text("a"), false),
            ("EQUALS", &["7"], Value::integer(7), true),
            ("EQUALS", &["true"], Value::Boolean(true), true),
            ("NOT EQUALS", &["TRUE"], Value::Boolean(true), false),
            ("Not Equals", &["a", "b"], text("c"), true),
            ("NOT EQUALS", &["a", "b"], text("b"), false),
            ("IS TRUE", &[], text("TRUE"), true),
            ("IS FALSE", &[], Value::Boolean(false), true),
            ("IS FALSE", &[], text("no"), false),
            ("IS NULL", &[], Value::List(vec![]), true),
            ("IS NOT NULL", &[], text(" "), true),
            ("GREATER THAN", &["9"], text("10"), true),
            ("Greater_Than", &["x"], text("10"), false),
            ("GREATER_THAN", &["9"], text("-10"), false),
            ("GREATER_THAN", &["-1"], text("10"), false),
            ("GREATER THAN", &["9"], text("9.5"), false),
            ("GREATER THAN OR EQUALS", &["9"], Value::integer(9), true),
            ("Greater_Than_OR_EQUALS", &["x"], text("9"), false),
            ("Greater_Than_OR_EQUALS", &["9"], text("x"), false),
            ("CONTAINS", &["gine"], text("Engineer"), true),
            ("INCLUDES", &["Gine"], text("Engineer"), false),
            ("ENDS WITH", &[".com"], text("x@y.com"), true),
            ("ENDS_WITH", &[".COM"], text("x@y.com"), false),
            ("&", &["Sales,R&D"], text("Sales"), true),
            ("&", &["Sales,R&D"], text("Legal"), false),
            ("!&", &["Sales,R&D"], text("Legal"), true),
            ("!&", &["Sales,R&D"], text("Sales"), false),
            ("!&", &["Sales,R&D"], text(""), false),
            ("&", &["Sales"], Value::Null, false),
            ("INCLUDES", &["a"], Value::List(vec!["ab".into(), "ba".into()]), true),
            ("INCLUDES", &["a"], Value::List(vec!["ab".into(), "c".into()]), false),
        ];
        for (operator, operands, value, expected) in cases {
            assert_eq!(
                holds(operator, operands, value.clone()),
                *expected,
                "{operator} {operands:?} {value:?}"
            );
        }
    }

    #[test]
    fn only_is_null_holds_for_no_value() {
        let operators = [
            "EQUALS",
            "NOT EQUALS",
            "GREATER THAN",
            "INCLUDES",
            "ENDS WITH",
            "&",
            "!&",
            "IS TRUE",
            "IS FALSE",
            "IS NOT NULL",
        ];
        for value in [Value::Null, Value::from(""), Value::List(vec![])] {
            for operator in operators {
                assert!(!holds(operator, &[""], value.clone()), "{operator}");
            }
            assert!(holds("IS NULL", &[], value));
        }
    }

    #[test]
    fn what_is_no_clause_is_refused() {
        assert_eq!(Test::parse("LIKE", vec![]).err(), Some(ClauseError::UnknownOperator("LIKE".into())));
        assert_eq!(Test::parse("EQUALS", vec![]).err(), Some(ClauseError::NoOperand("EQUALS".into())));
    }

    #[test]
    fn evidence_names_the_first_failing_clause_of_each_group() {
        let clause = |label: &str, slot, operator, operand: &str| Clause {
            slot,
            label: label.into(),
            test: Test::parse(operator, vec![operand.into()]).expect("an operator"),
        };
        let filter = Filter {
            groups: vec![
                Group { clauses: vec![clause("department", 0, "EQUALS", "Employees")] },
                Group {
                    clauses: vec![
                        clause("department", 0, "INCLUDES", "Con"),
                        clause("title", 1, "IS NOT NULL", ""),
                    ],
                },
            ],
        };
        let values = [Value::from("Contractors"), Value::Null];
        assert!(!filter.holds(&values));
        assert_eq!(
            filter.evidence(&values),
            "department is Contractors, the filter wants Employees; title is empty, the filter wants a value"
        );
        assert!(Filter::default().holds(&values));
        assert!(Filter { groups: vec![Group { clauses: vec![] }] }.holds(&values));
    }
}
