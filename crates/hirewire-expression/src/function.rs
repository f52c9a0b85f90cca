//! The table of all functions: what they are called, take, mean, and examples that are run as tests.
//!
//! Parameters carry the *internal* names that schema documents use (`spec/expressions.md §1.8`,
//! `spec/synchronization-schema.md §8`); the signature carries the documented ones.

mod dates;
mod logic;
mod numbers;
mod text;
mod values;

use std::sync::LazyLock;

/// All functions, in alphabetical order.
pub fn functions() -> &'static [FunctionInfo] {
    static ALL: LazyLock<Vec<FunctionInfo>> = LazyLock::new(|| {
        let families =
            [text::FUNCTIONS, logic::FUNCTIONS, dates::FUNCTIONS, numbers::FUNCTIONS, values::FUNCTIONS];
        let mut all: Vec<FunctionInfo> = families.into_iter().flatten().copied().collect();
        all.sort_by_key(|info| info.name.to_ascii_lowercase());
        all
    });
    &ALL
}

/// The function of exactly this name; names are case-sensitive (`§1.4`).
pub fn find(name: &str) -> Option<&'static FunctionInfo> {
    functions().iter().find(|info| info.name == name)
}

/// One function of the language.
#[derive(Debug, Clone, Copy)]
pub struct FunctionInfo {
    /// The name, case-sensitive.
    pub name: &'static str,
    /// For people: `Mid(source: String, start: Integer, length: Integer) → String`.
    pub signature: &'static str,
    /// The parameters in order, with their internal names.
    pub parameters: &'static [Parameter],
    /// What it does, in one to three sentences.
    pub meaning: &'static str,
    /// Expressions with their results; every one is a test.
    pub examples: &'static [Example],
    /// How sure the behaviour is.
    pub certainty: Certainty,
    /// Where it is documented (`FREF` is the functions reference, see `spec/expressions.md`).
    pub source: &'static str,
    pub(crate) function: Function,
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// The internal name, the `key` in a schema document's parameter list.
    pub name: &'static str,
    /// What the argument is read as.
    pub kind: ParameterKind,
    /// Whether it may not be omitted.
    pub required: bool,
    /// Whether it may occur several times.
    pub repeating: bool,
}

/// What an argument is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any value.
    Any,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// True or False.
    Boolean,
    /// A moment, or text that `CDate` reads.
    DateTime,
    /// A keyword.
    Enumeration,
    /// An attribute reference.
    Attribute,
}

impl ParameterKind {
    /// The type's name as the Graph functions list prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any | Self::String | Self::Enumeration => "String",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::DateTime => "DateTime",
            Self::Attribute => "Reference",
        }
    }
}

/// How sure a behaviour is (legend of `spec/expressions.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Documented for this language.
    Documented,
    /// Documented for the same function of a sibling product.
    Sibling,
}

/// An expression and its result, at `2025-07-30T00:00:00Z`, with the default domain `contoso.com`, in a
/// directory that holds `John.Smith@contoso.com`.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The expression.
    pub expression: &'static str,
    /// Attribute values; several values make a multi-valued attribute.
    pub source: &'static [(&'static str, &'static [&'static str])],
    /// The result.
    pub expect: Expected,
}

/// The result of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A printed value.
    Text(&'static str),
    /// Several values.
    List(&'static [&'static str]),
    /// No value.
    Null,
    /// Random: as many characters.
    Length(usize),
    /// An evaluation error.
    Error,
    /// The attribute is left out.
    IgnoreAttribute,
}

/// All functions by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Append,
    AppRoleAssignments,
    AppRoleAssignmentsComplex,
    AssertiveAppRoleAssignmentsComplex,
    BitAnd,
    CBool,
    CDate,
    Coalesce,
    ConvertFromBase64,
    ConvertToBase64,
    ConvertToUtf8Hex,
    Count,
    CStr,
    DateAdd,
    DateDiff,
    DateFromNum,
    DefaultDomain,
    DnComponent,
    Error,
    FormatDateTime,
    Guid,
    IgnoreFlowIfNullOrEmpty,
    Iif,
    InStr,
    IsNothing,
    IsNull,
    IsNullOrEmpty,
    IsPresent,
    IsString,
    Item,
    Join,
    Left,
    Len,
    Mid,
    NormalizeDiacritics,
    Not,
    Now,
    NumFromDate,
    PCase,
    Prepend,
    RandomString,
    Redact,
    RemoveDuplicates,
    Replace,
    SelectUniqueValue,
    SingleAppRoleAssignment,
    Split,
    StringFromSid,
    StripSpaces,
    Switch,
    ToLower,
    ToUpper,
    Trim,
    Word,
}

const fn required(name: &'static str, kind: ParameterKind) -> Parameter {
    Parameter { name, kind, required: true, repeating: false }
}

const fn optional(name: &'static str, kind: ParameterKind) -> Parameter {
    Parameter { name, kind, required: false, repeating: false }
}

const fn repeating(name: &'static str, kind: ParameterKind) -> Parameter {
    Parameter { name, kind, required: true, repeating: true }
}

const fn example(
    expression: &'static str,
    source: &'static [(&'static str, &'static [&'static str])],
    expect: Expected,
) -> Example {
    Example { expression, source, expect }
}

impl FunctionInfo {
    /// The parameter that an argument position belongs to.
    pub fn parameter(&self, position: usize) -> Option<&'static Parameter> {
        match self.parameters.get(position) {
            Some(parameter) if !self.parameters[..position].iter().any(|p| p.repeating) => Some(parameter),
            _ => self.parameters.iter().find(|p| p.repeating),
        }
    }

    /// The fewest arguments, and the most unless a parameter repeats.
    pub fn arity(&self) -> (usize, Option<usize>) {
        match self.function {
            // The legacy form leaves out dateTimeStyles together with its comma (§6 FormatDateTime).
            Function::FormatDateTime => (3, Some(4)),
            Function::Switch => (4, None),
            Function::SelectUniqueValue => (2, None),
            Function::Coalesce => (1, None),
            _ => {
                let fewest = self.parameters.iter().rposition(|p| p.required).map_or(0, |last| last + 1);
                let repeats = self.parameters.iter().any(|p| p.repeating);
                (fewest, (!repeats).then_some(self.parameters.len()))
            }
        }
    }
}
