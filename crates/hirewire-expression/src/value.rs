//! Run-time values, how they print, and how they are read as text, number or Boolean.

use std::borrow::Cow;

use crate::datetime::DateTime;
use crate::number::Number;

/// A value of the language (`spec/expressions.md §2`).
// The tag as a whole word keeps every variant's content aligned: moving values around is most of what a simple
// mapping costs.
#[derive(Debug, Clone, PartialEq)]
#[repr(u64)]
pub enum Value<'a> {
    /// No value: an attribute that the source object lacks, or a function without a result.
    Null,
    /// Text; may be empty, which is not the same as [`Value::Null`].
    Text(Cow<'a, str>),
    /// An integer or a decimal.
    Number(Number),
    /// Prints `True` or `False`.
    Boolean(bool),
    /// A moment in UTC; prints `M/d/yyyy h:mm:ss tt`.
    DateTime(DateTime),
    /// The values of a multi-valued attribute, in order.
    List(Vec<Cow<'a, str>>),
    /// Complex SCIM roles, the result of `AppRoleAssignmentsComplex` and its assertive sister.
    Roles(Vec<Role<'a>>),
}

/// One complex SCIM role; `primary` is always false and `type` always
/// `WindowsAzureActiveDirectoryRole` (`spec/expressions.md §6`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role<'a> {
    /// The role's value.
    pub value: Cow<'a, str>,
    /// The role's name as people see it.
    pub display: Cow<'a, str>,
}

impl<'a> Value<'a> {
    /// Borrowed or owned text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// An integer.
    pub fn integer(value: i64) -> Self {
        Self::Number(Number::Integer(value))
    }

    /// Whether there is no value: [`Value::Null`], or an attribute without values.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(values) => values.is_empty(),
            _ => false,
        }
    }

    /// Null, the empty text, or a list without values.
    pub fn is_null_or_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(values) => values.is_empty(),
            Self::Roles(roles) => roles.is_empty(),
            Self::Number(_) | Self::Boolean(_) | Self::DateTime(_) => false,
        }
    }

    /// The printed text of a single value (`§2.1`); `None` for null and for several values.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Boolean(value) => Cow::Borrowed(boolean_text(*value)),
            Self::DateTime(moment) => Cow::Owned(moment.to_string()),
            Self::List(values) => match values.as_slice() {
                [only] => Cow::Borrowed(only.as_ref()),
                _ => return None,
            },
            Self::Null | Self::Roles(_) => return None,
        })
    }

    /// All values as printed texts: none for null, one for a single value.
    pub fn texts(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::List(values) => values.iter().map(|v| Cow::Borrowed(v.as_ref())).collect(),
            Self::Roles(roles) => roles.iter().map(|role| Cow::Borrowed(role.value.as_ref())).collect(),
            single => single.as_text().into_iter().collect(),
        }
    }

    /// The same value without borrowing from the source.
    pub fn into_owned(self) -> Value<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(own(text)),
            Self::Number(number) => Value::Number(number),
            Self::Boolean(value) => Value::Boolean(value),
            Self::DateTime(moment) => Value::DateTime(moment),
            Self::List(values) => Value::List(values.into_iter().map(own).collect()),
            Self::Roles(roles) => Value::Roles(
                roles
                    .into_iter()
                    .map(|role| Role { value: own(role.value), display: own(role.display) })
                    .collect(),
            ),
        }
    }

    /// The same value, borrowing from this one.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(Cow::Borrowed(text.as_ref())),
            Self::Number(number) => Value::Number(*number),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::DateTime(moment) => Value::DateTime(*moment),
            Self::List(values) => {
                Value::List(values.iter().map(|value| Cow::Borrowed(value.as_ref())).collect())
            }
            Self::Roles(roles) => {
                let roles = roles.iter().map(|role| Role {
                    value: Cow::Borrowed(role.value.as_ref()),
                    display: Cow::Borrowed(role.display.as_ref()),
                });
                Value::Roles(roles.collect())
            }
        }
    }
}

/// How a Boolean prints (`§2.1`).
pub(crate) fn boolean_text(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::integer(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What an expression says about its target attribute (`spec/expressions.md §5`).
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// A value, which may be [`Value::Null`].
    Value {
        /// The value that flows.
        value: Value<'a>,
        /// `Redact` took part: logs show [`REDACTED`] instead of the value.
        redact: bool,
    },
    /// The attribute is left out of the change set: neither set nor cleared.
    IgnoreAttribute,
    /// The whole object is skipped in this run.
    IgnoreObject,
}

/// What a provisioning log shows for a value that went through `Redact`.
pub const REDACTED: &str = "[Redact]";

impl<'a> Outcome<'a> {
    /// The value, unless the outcome is a flow signal.
    pub fn value(&self) -> Option<&Value<'a>> {
        match self {
            Self::Value { value, .. } => Some(value),
            Self::IgnoreAttribute | Self::IgnoreObject => None,
        }
    }

    /// The value, unless the outcome is a flow signal.
    pub fn into_value(self) -> Option<Value<'a>> {
        match self {
            Self::Value { value, .. } => Some(value),
            Self::IgnoreAttribute | Self::IgnoreObject => None,
        }
    }

    /// Whether logs must hide the value.
    pub fn is_redacted(&self) -> bool {
        matches!(self, Self::Value { redact: true, .. })
    }

    /// The same outcome without borrowing from the source.
    pub fn into_owned(self) -> Outcome<'static> {
        match self {
            Self::Value { value, redact } => Outcome::Value { value: value.into_owned(), redact },
            Self::IgnoreAttribute => Outcome::IgnoreAttribute,
            Self::IgnoreObject => Outcome::IgnoreObject,
        }
    }
}
