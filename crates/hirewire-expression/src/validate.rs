//! What is decided when a mapping is saved (`spec/expressions.md §4`), and what constants allow to prepare.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::casing::Culture;
use crate::date_format::{DateFormat, STYLES, Styles};
use crate::error::ParseError;
use crate::evaluate::{self, Slice};
use crate::function::{Function, ParameterKind};
use crate::interval::{CODES, Interval};
use crate::node::{Call, Kind, Node, Prepared, PreparedReplace};
use crate::number::Number;
use crate::pattern::Pattern;
use crate::replace::{self, Mode};

/// Longest result that is kept in the tree instead of being computed again.
const LONGEST_FOLDED: usize = 10_000;

/// Rules about the whole expression.
pub(crate) fn root(root: &Node) -> Result<(), ParseError> {
    if let Kind::Word(word) = root.kind {
        return Err(misplaced_word(word.0, root));
    }
    let mut nested = None;
    root.walk(&mut |node| {
        let is_unique =
            matches!(&node.kind, Kind::Call(call) if call.function() == Function::SelectUniqueValue);
        if is_unique && node.span != root.span {
            nested.get_or_insert_with(|| node.span.clone());
        }
    });
    match nested {
        Some(at) => Err(ParseError::NestedSelectUniqueValue { at }),
        None => Ok(()),
    }
}

/// Rules about the two sides of an operator.
pub(crate) fn operand(node: &Node) -> Result<(), ParseError> {
    match node.kind {
        Kind::Word(word) => Err(misplaced_word(word.0, node)),
        _ => Ok(()),
    }
}

/// Rules about one call; prepares what its constants allow.
pub(crate) fn call(call: &mut Call, at: &Range<usize>) -> Result<(), ParseError> {
    count(call, at)?;
    required(call, at)?;
    words(call)?;
    match call.function() {
        Function::Iif => condition(call)?,
        Function::DateAdd | Function::DateDiff => interval(call)?,
        Function::FormatDateTime => formats(call)?,
        Function::Replace => prepare_replace(call, at)?,
        Function::Left | Function::Mid => slice(call),
        Function::ToLower => call.prepared = culture(call).map_or(Prepared::Nothing, Prepared::Lower),
        Function::ToUpper => call.prepared = culture(call).map_or(Prepared::Nothing, Prepared::Upper),
        Function::Trim => call.prepared = Prepared::Trim,
        Function::StripSpaces => call.prepared = Prepared::StripSpaces,
        Function::NormalizeDiacritics => call.prepared = Prepared::NormalizeDiacritics,
        _ => {}
    }
    call.folded = evaluate::fold(call)
        .filter(|value| value.texts().iter().map(|text| text.len()).sum::<usize>() <= LONGEST_FOLDED);
    call.changes_text = evaluate::changes_text(call);
    Ok(())
}

fn count(call: &Call, at: &Range<usize>) -> Result<(), ParseError> {
    let found = call.arguments.len();
    let (fewest, most) = call.info.arity();
    if found < fewest || most.is_some_and(|most| found > most) {
        let expected = match (fewest, most) {
            (0, Some(0)) => "no arguments".to_owned(),
            (1, Some(1)) => "1 argument".to_owned(),
            (fewest, Some(most)) if fewest == most => format!("{fewest} arguments"),
            (fewest, Some(most)) if fewest + 1 == most => format!("{fewest} or {most} arguments"),
            (fewest, Some(most)) => format!("{fewest} to {most} arguments"),
            (1, None) => "at least 1 argument".to_owned(),
            (fewest, None) => format!("at least {fewest} arguments"),
        };
        return Err(ParseError::ArgumentCount { function: call.info.name, expected, found, at: at.clone() });
    }
    if call.function() == Function::Switch && !found.is_multiple_of(2) {
        return Err(ParseError::OddSwitch { found, at: at.clone() });
    }
    Ok(())
}

fn required(call: &Call, at: &Range<usize>) -> Result<(), ParseError> {
    for (position, argument) in call.arguments.iter().enumerate() {
        if argument.is_some() {
            continue;
        }
        let last = position + 1 == call.arguments.len();
        let missing = match call.function() {
            // `Coalesce([a], )`: the default value is left out.
            Function::Coalesce if last && position > 0 => None,
            // The form with three arguments has no dateTimeStyles.
            Function::FormatDateTime if call.arguments.len() == 3 => {
                Some(["source", "inputFormat", "outputFormat"][position])
            }
            _ => call.info.parameter(position).filter(|p| p.required).map(|p| p.name),
        };
        if let Some(parameter) = missing {
            return Err(ParseError::MissingArgument { function: call.info.name, parameter, at: at.clone() });
        }
    }
    Ok(())
}

/// Enumeration constants stand where one is expected, and only known ones do.
fn words(call: &Call) -> Result<(), ParseError> {
    for (position, node) in call.arguments.iter().enumerate() {
        let Some(node) = node else { continue };
        let enumeration = call.info.parameter(position).is_some_and(|p| p.kind == ParameterKind::Enumeration);
        let word = match &node.kind {
            Kind::Word(word) if !enumeration => return Err(misplaced_word(word.0, node)),
            Kind::Word(word) => Cow::Borrowed(word.0),
            _ if !enumeration => continue,
            _ => match node.constant_text() {
                Some(text) => text,
                None => continue,
            },
        };
        let (what, allowed, known): (_, _, &[&str]) = if call.function() == Function::InStr {
            (
                "comparison",
                "`vbBinaryCompare`, `vbTextCompare`",
                &["vbBinaryCompare", "vbTextCompare", "0", "1"],
            )
        } else {
            ("encoding", "`Unicode`, `UTF8`, `ASCII`", &["Unicode", "UTF8", "ASCII"])
        };
        if !known.contains(&&*word) {
            return Err(unknown(call, what, &word, allowed, node));
        }
    }
    Ok(())
}

fn misplaced_word(word: &str, node: &Node) -> ParseError {
    ParseError::UnknownWord { word: word.to_owned(), nearest: None, at: node.span.clone() }
}

fn unknown(call: &Call, what: &'static str, found: &str, allowed: &'static str, node: &Node) -> ParseError {
    ParseError::UnknownConstant {
        function: call.info.name,
        what,
        found: found.to_owned(),
        allowed,
        at: node.span.clone(),
    }
}

fn condition(call: &Call) -> Result<(), ParseError> {
    match call.argument(0) {
        Some(Node { kind: Kind::Call(inner), span })
            if inner.function() == Function::IgnoreFlowIfNullOrEmpty =>
        {
            Err(ParseError::IgnoreFlowAsCondition { at: span.clone() })
        }
        _ => Ok(()),
    }
}

fn interval(call: &mut Call) -> Result<(), ParseError> {
    let Some(node) = call.argument(0) else { return Ok(()) };
    let Some(code) = node.constant_text() else { return Ok(()) };
    match Interval::find(&code) {
        Some(interval) => {
            call.prepared = Prepared::Interval(interval);
            Ok(())
        }
        None => Err(unknown(call, "interval", &code, CODES, node)),
    }
}

fn formats(call: &mut Call) -> Result<(), ParseError> {
    let current = call.arguments.len() == 4;
    if current
        && let Some(node) = call.argument(1)
        && let Some(names) = node.constant_text()
        && Styles::parse(&names).is_none()
    {
        return Err(unknown(call, "date style", &names, STYLES, node));
    }
    let (input, output) = if current { (2, 3) } else { (1, 2) };
    let format = |position: usize| {
        let Some(node) = call.argument(position) else { return Ok(None) };
        let Some(text) = node.constant_text() else { return Ok(None) };
        match DateFormat::new(&text) {
            Ok(format) => Ok(Some(Arc::new(format))),
            Err(reason) => Err(ParseError::DateFormat { reason, at: node.span.clone() }),
        }
    };
    call.prepared = Prepared::Formats { input: format(input)?, output: format(output)? };
    Ok(())
}

/// Wrong numbers are left to the evaluation, where they are an error.
fn slice(call: &mut Call) {
    let integer = |position: usize| {
        let text = call.argument(position)?.constant_text()?;
        Number::parse(&text)?.as_integer()
    };
    let slice = match (call.function(), integer(1), integer(2)) {
        (Function::Left, Some(count), _) => Some(Slice::left(count)),
        (Function::Mid, Some(start), Some(length)) => Slice::mid(start, length),
        _ => None,
    };
    call.prepared = slice.map_or(Prepared::Nothing, Prepared::Slice);
}

/// Unknown cultures are left to the evaluation, where they are an error.
fn culture(call: &Call) -> Option<Culture> {
    match call.argument(1) {
        None => Some(Culture::Invariant),
        Some(node) => Culture::find(&node.constant_text()?),
    }
}

fn prepare_replace(call: &mut Call, at: &Range<usize>) -> Result<(), ParseError> {
    let Some(mode) = Mode::of(call) else {
        return Err(ParseError::ReplaceArguments { at: at.clone() });
    };
    let constant = |position| call.argument(position).and_then(Node::constant_text).map(|text| text.into());
    let (old, new) = (constant(replace::OLD), constant(replace::NEW));
    let mut prepared = PreparedReplace { mode, pattern: None, replacement: None, group: None, old, new };
    if let Some(node) = call.argument(replace::PATTERN)
        && let Some(text) = node.constant_text()
    {
        let pattern =
            Pattern::new(&text).map_err(|error| ParseError::Pattern { error, at: node.span.clone() })?;
        if mode == Mode::Pattern {
            prepared.replacement = prepared.new.as_deref().map(|text| pattern.replacement(text));
        }
        if let Some(node) = call.argument(replace::GROUP)
            && let Some(name) = node.constant_text()
        {
            prepared.group = pattern.group(&name);
            if prepared.group.is_none() {
                return Err(ParseError::UnknownGroup { group: name.into_owned(), at: node.span.clone() });
            }
        }
        prepared.pattern = Some(Arc::new(pattern));
    }
    call.prepared = Prepared::Replace(Box::new(prepared));
    Ok(())
}
