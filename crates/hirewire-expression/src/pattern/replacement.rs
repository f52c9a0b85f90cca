//! Replacement texts: `$1`, `${name}`, `$$`, `$&`, `` $` ``, `$'`, `$+`, `$_` (`spec/expressions.md §8.5`).

use super::matcher::Find;
use super::output::Output;
use super::syntax::Groups;

/// A replacement text taken apart for one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Group(usize),
    /// The text before the match.
    Before,
    /// The text behind the match.
    After,
    /// The whole input.
    Input,
}

impl Replacement {
    /// A reference to a group that the pattern does not define stays literal text.
    pub(super) fn new(text: &str, groups: &Groups) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            let Some((part, length)) = reference(rest, groups) else {
                literal.push('$');
                rest = &rest[1..];
                continue;
            };
            rest = &rest[length..];
            match part {
                Part::Literal(text) => literal.push_str(&text),
                part => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                    }
                    parts.push(part);
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Self(parts)
    }

    /// Whether matches are simply removed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The group that the replacement needs of a match, 0 when it needs none; `None` when it needs several.
    pub(super) fn only_group(&self) -> Option<usize> {
        let mut groups = self.0.iter().filter_map(|part| match part {
            Part::Group(number) if *number > 0 => Some(*number),
            _ => None,
        });
        let first = groups.next().unwrap_or(0);
        groups.all(|other| other == first).then_some(first)
    }

    /// Writes the replacement of the last match.
    pub(super) fn write(&self, found: &impl Find, input: &str, output: &mut Output<'_>) {
        let (start, end) = found.group(0).unwrap_or((0, 0));
        for part in &self.0 {
            match part {
                Part::Literal(text) => output.push_text(text),
                Part::Group(number) => {
                    if let Some((from, to)) = found.group(*number) {
                        output.push_input(from, to);
                    }
                }
                Part::Before => output.push_input(0, start),
                Part::After => output.push_input(end, input.len()),
                Part::Input => output.push_input(0, input.len()),
            }
        }
    }
}

/// The reference at the start of `text`, which begins with `$`, and its length.
fn reference(text: &str, groups: &Groups) -> Option<(Part, usize)> {
    let rest = &text[1..];
    let simple = match rest.chars().next()? {
        '$' => Some(Part::Literal("$".into())),
        '&' => Some(Part::Group(0)),
        '`' => Some(Part::Before),
        '\'' => Some(Part::After),
        '+' => Some(Part::Group(groups.last())),
        '_' => Some(Part::Input),
        _ => None,
    };
    if let Some(part) = simple {
        return Some((part, 2));
    }
    if let Some(inside) = rest.strip_prefix('{') {
        let length = inside.find('}')?;
        return Some((Part::Group(groups.by_name(&inside[..length])?), length + 3));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest[..digits].parse().ok().filter(|number| groups.has(*number))?;
    Some((Part::Group(number), digits + 1))
}
