//! Why an expression was not accepted, and why an evaluation failed.

use std::ops::Range;

use crate::pattern::PatternError;

/// Why an expression was not accepted. Ranges are bytes of the expression's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nothing but whitespace.
    #[error("the expression is empty")]
    Empty {
        /// The whole text.
        at: Range<usize>,
    },
    /// More than 10,000 characters (`spec/expressions.md §1.1`).
    #[error("the expression has {length} characters, at most {limit} are allowed")]
    TooLong {
        /// Characters of the text.
        length: usize,
        /// Characters allowed.
        limit: usize,
        /// The part beyond the limit.
        at: Range<usize>,
    },
    /// Nested deeper than [`MAXIMUM_DEPTH`](crate::MAXIMUM_DEPTH).
    #[error("the expression nests deeper than {limit} levels")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
        /// Where the limit was passed.
        at: Range<usize>,
    },
    /// A string without its closing quote.
    #[error("the string starting here never ends")]
    UnterminatedString {
        /// From the opening quote to the end of the text.
        at: Range<usize>,
    },
    /// An attribute reference without its closing bracket.
    #[error("the attribute reference starting here never ends")]
    UnterminatedAttribute {
        /// From the opening bracket to the end of the text.
        at: Range<usize>,
    },
    /// `[]`.
    #[error("an attribute reference needs a name")]
    EmptyAttribute {
        /// The brackets.
        at: Range<usize>,
    },
    /// A number that no value can hold, or digits in an unknown form.
    #[error("`{text}` is not a number this language can hold")]
    Number {
        /// The text.
        text: String,
        /// Its place.
        at: Range<usize>,
    },
    /// Something else was needed here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
        /// Its place.
        at: Range<usize>,
    },
    /// A name followed by `(` that is no function; names are case-sensitive.
    #[error("unknown function `{name}`")]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// The most similar function.
        nearest: Option<&'static str>,
        /// The name's place.
        at: Range<usize>,
    },
    /// A bare word that is no keyword, or stands where it means nothing.
    #[error("`{word}` means nothing here")]
    UnknownWord {
        /// The word as written.
        word: String,
        /// The most similar keyword or function.
        nearest: Option<&'static str>,
        /// Its place.
        at: Range<usize>,
    },
    /// Too few or too many arguments.
    #[error("`{function}` takes {expected}, found {found}")]
    ArgumentCount {
        /// The function.
        function: &'static str,
        /// `2 arguments`, `at least 3 arguments` …
        expected: String,
        /// Arguments written, omitted ones included.
        found: usize,
        /// The whole call.
        at: Range<usize>,
    },
    /// A required argument was left out between its commas.
    #[error("`{function}` needs its argument `{parameter}`")]
    MissingArgument {
        /// The function.
        function: &'static str,
        /// The parameter's name.
        parameter: &'static str,
        /// The whole call.
        at: Range<usize>,
    },
    /// `Switch` with a key that has no value.
    #[error("`Switch` takes keys and values in pairs, found {found} arguments")]
    OddSwitch {
        /// Number of arguments.
        found: usize,
        /// The whole call.
        at: Range<usize>,
    },
    /// `SelectUniqueValue` inside another function.
    #[error("`SelectUniqueValue` must be the outermost function")]
    NestedSelectUniqueValue {
        /// The inner call.
        at: Range<usize>,
    },
    /// `IgnoreFlowIfNullOrEmpty` as the condition of `IIF`.
    #[error("`IgnoreFlowIfNullOrEmpty` cannot be the condition of `IIF`")]
    IgnoreFlowAsCondition {
        /// The condition.
        at: Range<usize>,
    },
    /// `Replace` with a combination of arguments that has no meaning.
    #[error("`Replace` has no meaning with this combination of arguments")]
    ReplaceArguments {
        /// The whole call.
        at: Range<usize>,
    },
    /// A constant that the function cannot use: interval, date style, comparison, encoding.
    #[error("`{function}` knows no {what} `{found}`")]
    UnknownConstant {
        /// The function.
        function: &'static str,
        /// `interval`, `date style` …
        what: &'static str,
        /// The text as written.
        found: String,
        /// The texts that would do.
        allowed: &'static str,
        /// The constant's place.
        at: Range<usize>,
    },
    /// A constant date format that cannot be used.
    #[error("the date format cannot be used: {reason}")]
    DateFormat {
        /// Why.
        reason: String,
        /// The constant's place.
        at: Range<usize>,
    },
    /// A constant regular expression that .NET would not accept, or that is not supported.
    #[error("the regular expression cannot be used: {error}")]
    Pattern {
        /// Why, with a position inside the pattern.
        error: PatternError,
        /// The constant's place.
        at: Range<usize>,
    },
    /// A constant group name that the constant pattern does not define.
    #[error("the regular expression defines no group `{group}`")]
    UnknownGroup {
        /// The name.
        group: String,
        /// Its place.
        at: Range<usize>,
    },
    /// A source tree (schema JSON) that is no expression.
    #[error("the parameter tree is no expression: {reason}")]
    Tree {
        /// Why.
        reason: String,
    },
}

impl ParseError {
    /// The place in the text, in bytes. A tree without text has none.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Empty { at }
            | Self::TooLong { at, .. }
            | Self::TooDeep { at, .. }
            | Self::UnterminatedString { at }
            | Self::UnterminatedAttribute { at }
            | Self::EmptyAttribute { at }
            | Self::Number { at, .. }
            | Self::Unexpected { at, .. }
            | Self::UnknownFunction { at, .. }
            | Self::UnknownWord { at, .. }
            | Self::ArgumentCount { at, .. }
            | Self::MissingArgument { at, .. }
            | Self::OddSwitch { at, .. }
            | Self::NestedSelectUniqueValue { at }
            | Self::IgnoreFlowAsCondition { at }
            | Self::ReplaceArguments { at }
            | Self::UnknownConstant { at, .. }
            | Self::DateFormat { at, .. }
            | Self::Pattern { at, .. }
            | Self::UnknownGroup { at, .. } => at.clone(),
            Self::Tree { .. } => 0..0,
        }
    }

    /// What to do next, one sentence, shown after `help:`.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Empty { .. } => r#"write an attribute `[mail]`, a constant `"text"` or a function call"#,
            Self::UnterminatedString { .. } => r#"add a closing `"`; a quote inside is written `\"`"#,
            Self::UnterminatedAttribute { .. } => "add a closing `]`; brackets inside a name come in pairs",
            Self::Unexpected { found, .. } => return unexpected_help(found),
            Self::UnknownFunction { name, nearest, .. } => {
                return nearest.map(|n| {
                    if n.eq_ignore_ascii_case(name) {
                        format!("names are case-sensitive: write `{n}`")
                    } else {
                        format!("did you mean `{n}`?")
                    }
                });
            }
            Self::UnknownWord { word, nearest, .. } => {
                return Some(nearest.map_or_else(
                    || format!(r#"a constant is written in double quotes: `"{word}"`"#),
                    |n| format!("did you mean `{n}`?"),
                ));
            }
            Self::ArgumentCount { function, .. } | Self::MissingArgument { function, .. } => {
                return crate::function::find(function)
                    .map(|f| format!("the signature is `{}`", f.signature));
            }
            Self::OddSwitch { .. } => "write `Switch(source, default, key1, value1, key2, value2, …)`",
            Self::NestedSelectUniqueValue { .. } => "put the other functions inside each of its rules",
            Self::IgnoreFlowAsCondition { .. } => "use `IsPresent(…)` as the condition",
            Self::ReplaceArguments { .. } => {
                "give oldValue with replacementValue or template, or regexPattern with replacementValue, or \
                 regexPattern with regexGroupName and replacementValue or replacementAttributeName"
            }
            Self::UnknownConstant { allowed, .. } => return Some(format!("use one of {allowed}")),
            Self::Pattern { error, .. } => return error.help().map(str::to_owned),
            Self::TooLong { .. }
            | Self::TooDeep { .. }
            | Self::EmptyAttribute { .. }
            | Self::Number { .. }
            | Self::DateFormat { .. }
            | Self::UnknownGroup { .. }
            | Self::Tree { .. } => return None,
        };
        Some(text.to_owned())
    }
}

fn unexpected_help(found: &str) -> Option<String> {
    let help = match found.trim_matches('`') {
        "AND" | "And" | "and" | "OR" | "Or" | "or" => {
            "there is no AND and no OR: nest `IIF` in the true branch for AND, in the false branch for OR"
        }
        "“" | "”" | "„" => "curly quotes do not delimit text: write straight double quotes",
        "'" => "single quotes do not delimit text: write double quotes",
        ";" => "arguments are separated by commas",
        _ => return None,
    };
    Some(help.to_owned())
}

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let offset = floor_boundary(text, offset);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Why an evaluation failed. The entry fails, other entries go on (`spec/expressions.md §4`).
///
/// Texts of people are not repeated in the message: where the form of a text matters it is shown with digits
/// as `9` and letters as `a`. The details are fields of [`Failure`]; this is a pointer to it, so that successful
/// evaluations stay small.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("An error occurred while evaluating this function: '{}.' {}", .0.function, .0.detail)]
pub struct EvalError(Box<Failure>);

/// What failed, where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The function (or operator) that failed.
    pub function: &'static str,
    /// What was wrong.
    pub detail: String,
    /// Its place in the expression's text, in bytes.
    pub at: Range<usize>,
}

impl EvalError {
    pub(crate) fn new(function: &'static str, detail: String, at: Range<usize>) -> Self {
        Self(Box::new(Failure { function, detail, at }))
    }
}

impl std::ops::Deref for EvalError {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        &self.0
    }
}

/// The form of a text without its content: digits become `9`, letters `a`, at most 40 characters.
pub(crate) fn form_of(text: &str) -> String {
    let mut form: String = text
        .chars()
        .take(40)
        .map(|c| match c {
            _ if c.is_ascii_digit() => '9',
            _ if c.is_alphanumeric() => 'a',
            _ => c,
        })
        .collect();
    if text.chars().nth(40).is_some() {
        form.push('…');
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "Append(\"ä\",\n  [b])";
        assert_eq!(line_column(text, 0), (1, 1));
        assert_eq!(line_column(text, 10), (1, 10));
        assert_eq!(line_column(text, 15), (2, 3));
        assert_eq!(line_column(text, 9), (1, 9));
        assert_eq!(line_column(text, 999), (2, 7));
    }

    #[test]
    fn the_form_hides_the_content() {
        assert_eq!(form_of("31.02.2026 Ñ"), "99.99.9999 a");
        assert_eq!(form_of(&"x".repeat(50)), format!("{}…", "a".repeat(40)));
    }
}
