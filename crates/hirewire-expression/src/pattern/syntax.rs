//! Reads .NET syntax into a tree; refuses what .NET refuses, by name and position.

use regex_syntax::hir::ClassUnicode;

use super::PatternError;
use super::assertion::Assertion;
use super::class;
use super::set;

/// How deep groups may nest.
const MAXIMUM_DEPTH: usize = 100;

#[derive(Debug, Clone)]
pub(super) enum Ast {
    Empty,
    Set(ClassUnicode),
    Concat(Vec<Ast>),
    Alternate(Vec<Ast>),
    Group { number: usize, inner: Box<Ast> },
    Repeat { inner: Box<Ast>, min: u32, max: Option<u32>, lazy: bool },
    Look { behind: bool, negative: bool, inner: Box<Ast> },
    Atomic(Box<Ast>),
    Backreference { number: usize, ignore_case: bool },
    Assert(Assertion),
    IfGroup { number: usize, yes: Box<Ast>, no: Box<Ast> },
    IfLook { condition: Box<Ast>, yes: Box<Ast>, no: Box<Ast> },
}

/// A pattern and its groups by number; group 0 is the whole match.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) root: Ast,
    pub(super) groups: Groups,
}

/// Group numbers in use and the names of the named ones. Unnamed groups are numbered first (§8.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups {
    numbers: Vec<usize>,
    names: Vec<(String, usize)>,
}

impl Groups {
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        let named = self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number);
        named.or_else(|| name.parse().ok().filter(|number| self.has(*number)))
    }

    pub(super) fn has(&self, number: usize) -> bool {
        number == 0 || self.numbers.contains(&number)
    }

    /// The highest group number.
    pub(super) fn last(&self) -> usize {
        self.numbers.iter().copied().max().unwrap_or(0)
    }
}

pub(super) fn parse(pattern: &str) -> Result<Syntax, PatternError> {
    let chars: Vec<char> = pattern.chars().collect();
    // Numbers depend on groups further right, so a first reading only collects them.
    let mut survey = Parser::new(&chars, None);
    survey.whole()?;
    let groups = survey.found.number();
    let mut parser = Parser::new(&chars, Some(&groups));
    let root = parser.whole()?;
    Ok(Syntax { root, groups })
}

#[derive(Debug, Default)]
struct FoundGroups {
    unnamed: usize,
    numbered: Vec<usize>,
    names: Vec<String>,
}

impl FoundGroups {
    fn number(self) -> Groups {
        let mut numbers: Vec<usize> = (1..=self.unnamed).collect();
        numbers.extend(self.numbered.iter().filter(|n| **n > self.unnamed));
        let mut names = Vec::new();
        let mut next = self.unnamed + 1;
        for name in self.names {
            if names.iter().any(|(known, _)| *known == name) {
                continue;
            }
            while numbers.contains(&next) {
                next += 1;
            }
            numbers.push(next);
            names.push((name, next));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Groups { numbers, names }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    pub(super) ignore_case: bool,
    multiline: bool,
    dot_all: bool,
    explicit: bool,
    extended: bool,
}

struct Parser<'p> {
    chars: &'p [char],
    at: usize,
    options: Options,
    depth: usize,
    found: FoundGroups,
    /// `None` in the first reading.
    groups: Option<&'p Groups>,
}

impl<'p> Parser<'p> {
    fn new(chars: &'p [char], groups: Option<&'p Groups>) -> Self {
        Self { chars, at: 0, options: Options::default(), depth: 0, found: FoundGroups::default(), groups }
    }

    fn whole(&mut self) -> Result<Ast, PatternError> {
        let root = self.alternatives()?;
        if self.at < self.chars.len() {
            return Err(self.error("there is a closing parenthesis too many"));
        }
        Ok(root)
    }

    fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError::new(message, self.at)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_at(&self, offset: usize) -> Option<char> {
        self.chars.get(self.at + offset).copied()
    }

    fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, c)| self.peek_at(offset) == Some(c))
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, c: char, message: &str) -> Result<(), PatternError> {
        if self.take(c) { Ok(()) } else { Err(self.error(message)) }
    }

    /// Alternatives up to a closing parenthesis or the end. Options set inside hold until there.
    fn alternatives(&mut self) -> Result<Ast, PatternError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(self.error(format!("groups nest deeper than {MAXIMUM_DEPTH} levels")));
        }
        let options = self.options;
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        self.options = options;
        self.depth -= 1;
        Ok(if branches.len() == 1 { branches.swap_remove(0) } else { merge_single(branches) })
    }

    fn sequence(&mut self) -> Result<Ast, PatternError> {
        let mut parts = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let Some(atom) = self.atom()? else { continue };
            parts.push(self.quantified(atom)?);
        }
        Ok(match parts.len() {
            0 => Ast::Empty,
            1 => parts.swap_remove(0),
            _ => Ast::Concat(parts),
        })
    }

    /// Comments, and with `(?x)` blanks.
    fn skip_blanks(&mut self) -> Result<(), PatternError> {
        loop {
            if self.options.extended {
                while self.peek().is_some_and(|c| c.is_ascii_whitespace() || c == '\x0B') {
                    self.at += 1;
                }
                if self.peek() == Some('#') {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                    continue;
                }
            }
            if !self.looking_at("(?#") {
                return Ok(());
            }
            let start = self.at;
            while self.peek().is_some_and(|c| c != ')') {
                self.at += 1;
            }
            if !self.take(')') {
                return Err(PatternError::new("the comment never ends", start));
            }
        }
    }

    fn quantified(&mut self, atom: Ast) -> Result<Ast, PatternError> {
        self.skip_blanks()?;
        let start = self.at;
        let Some((min, max)) = self.quantifier()? else { return Ok(atom) };
        if max.is_some_and(|max| max < min) {
            return Err(PatternError::new("the quantifier's range is in reverse order", start));
        }
        self.skip_blanks()?;
        let lazy = self.take('?');
        self.skip_blanks()?;
        let second = self.at;
        if self.quantifier()?.is_some() {
            let message = "a quantifier follows a quantifier";
            let help = "possessive quantifiers do not exist in .NET: write `(?>…)`";
            return Err(PatternError::new(message, second).with_help(help));
        }
        Ok(Ast::Repeat { inner: Box::new(atom), min, max, lazy })
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let found = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(found))
    }

    /// `{n}`, `{n,}`, `{n,m}`; every other brace is a literal, `{,3}` too.
    fn counted(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let start = self.at;
        self.at += 1;
        let found = (|| {
            let min = self.digits()?;
            if self.take('}') {
                return Some((min, Some(min)));
            }
            if !self.take(',') {
                return None;
            }
            if self.take('}') {
                return Some((min, None));
            }
            let max = self.digits()?;
            self.take('}').then_some((min, Some(max)))
        })();
        let Some((min, max)) = found else {
            self.at = start;
            return Ok(None);
        };
        let number = |digits: u64| {
            let fits = u32::try_from(digits).ok().filter(|n| *n <= i32::MAX.unsigned_abs());
            fits.ok_or_else(|| PatternError::new("the quantifier's number is too large", start))
        };
        Ok(Some((number(min)?, max.map(number).transpose()?)))
    }

    fn digits(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0_u64;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(u64::from(digit));
            self.at += 1;
        }
        (self.at > start).then_some(value)
    }

    /// One atom; `None` for an option setting such as `(?i)`.
    fn atom(&mut self) -> Result<Option<Ast>, PatternError> {
        let start = self.at;
        if let Some('*' | '+' | '?') = self.peek() {
            return Err(self.error("a quantifier follows nothing"));
        }
        if self.peek() == Some('{') && self.counted()?.is_some() {
            return Err(PatternError::new("a quantifier follows nothing", start));
        }
        let Some(c) = self.peek() else { return Ok(None) };
        self.at += 1;
        let ast = match c {
            '(' => return self.group(),
            '[' => {
                let mut reader = class::Reader::new(self.chars, self.at, self.options.ignore_case);
                let found = reader.class()?;
                self.at = reader.at();
                Ast::Set(found)
            }
            '.' => Ast::Set(set::any(self.options.dot_all)),
            '^' if self.options.multiline => Ast::Assert(Assertion::LineStart),
            '^' => Ast::Assert(Assertion::Start),
            '$' if self.options.multiline => Ast::Assert(Assertion::LineEnd),
            '$' => Ast::Assert(Assertion::EndOrLineFeed),
            '\\' => self.escape()?,
            literal => Ast::Set(set::single(literal, self.options.ignore_case)),
        };
        Ok(Some(ast))
    }

    fn escape(&mut self) -> Result<Ast, PatternError> {
        let start = self.at - 1;
        let Some(c) = self.peek() else {
            return Err(PatternError::new("the pattern ends in a backslash", start));
        };
        let assertion = match c {
            'A' => Some(Assertion::Start),
            'z' => Some(Assertion::End),
            'Z' => Some(Assertion::EndOrLineFeed),
            'b' => Some(Assertion::WordBoundary),
            'B' => Some(Assertion::NotWordBoundary),
            'G' => Some(Assertion::SearchStart),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.at += 1;
            return Ok(Ast::Assert(assertion));
        }
        match c {
            'k' => return self.named_backreference(start),
            // `\<name>` and `\'name'` are an old way to write `\k<name>`; else the sign itself.
            '<' | '\'' => {
                if let Some(number) = self.angled_reference() {
                    return Ok(self.backreference(number));
                }
            }
            '1'..='9' => {
                if let Some(number) = self.numbered_backreference(start)? {
                    return Ok(self.backreference(number));
                }
            }
            _ => {}
        }
        let mut reader = class::Reader::new(self.chars, self.at, self.options.ignore_case);
        let found = reader.escape(start)?;
        self.at = reader.at();
        Ok(Ast::Set(found))
    }

    fn backreference(&self, number: usize) -> Ast {
        Ast::Backreference { number, ignore_case: self.options.ignore_case }
    }

    fn named_backreference(&mut self, start: usize) -> Result<Ast, PatternError> {
        self.at += 1;
        let Some(open @ ('<' | '\'')) = self.peek() else {
            return Err(PatternError::new("`\\k` needs a group name: `\\k<name>`", start));
        };
        self.at += 1;
        let close = if open == '<' { '>' } else { '\'' };
        let name = self.name();
        if name.is_empty() || !self.take(close) {
            return Err(PatternError::new("`\\k` needs a group name: `\\k<name>`", start));
        }
        match self.groups {
            None => Ok(self.backreference(0)),
            Some(groups) => match groups.by_name(&name) {
                Some(number) => Ok(self.backreference(number)),
                None => Err(PatternError::new(format!("there is no group `{name}`"), start)),
            },
        }
    }

    fn angled_reference(&mut self) -> Option<usize> {
        let start = self.at;
        let close = if self.peek() == Some('<') { '>' } else { '\'' };
        self.at += 1;
        let name = self.name();
        let number = if name.is_empty() || !self.take(close) { None } else { self.groups?.by_name(&name) };
        if number.is_none() {
            self.at = start;
        }
        number
    }

    /// `\1` …; an undefined number of several digits is an octal code instead.
    fn numbered_backreference(&mut self, start: usize) -> Result<Option<usize>, PatternError> {
        let digits = self.at;
        let number = self.digits().and_then(|n| usize::try_from(n).ok());
        let Some(groups) = self.groups else { return Ok(Some(0)) };
        match number {
            Some(number) if groups.has(number) => Ok(Some(number)),
            Some(number) if number <= 9 => {
                Err(PatternError::new(format!("there is no group {number}"), start))
            }
            _ => {
                self.at = digits;
                Ok(None)
            }
        }
    }

    fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// After the opening parenthesis.
    fn group(&mut self) -> Result<Option<Ast>, PatternError> {
        let start = self.at - 1;
        if !self.take('?') {
            let number = (!self.options.explicit).then(|| self.next_unnamed());
            return self.finish_group(start, number).map(Some);
        }
        let Some(c) = self.peek() else {
            return Err(PatternError::new("the group never ends", start));
        };
        self.at += 1;
        let ast = match c {
            ':' => self.inside(start)?,
            '>' => Ast::Atomic(Box::new(self.inside(start)?)),
            '=' => self.look(start, false, false)?,
            '!' => self.look(start, false, true)?,
            '<' if self.take('=') => self.look(start, true, false)?,
            '<' if self.take('!') => self.look(start, true, true)?,
            '<' => self.named_group(start, '>')?,
            '\'' => self.named_group(start, '\'')?,
            '(' => self.conditional(start)?,
            _ => {
                self.at -= 1;
                return self.option_group(start);
            }
        };
        Ok(Some(ast))
    }

    fn next_unnamed(&mut self) -> usize {
        self.found.unnamed += 1;
        self.found.unnamed
    }

    fn inside(&mut self, start: usize) -> Result<Ast, PatternError> {
        let inner = self.alternatives()?;
        if !self.take(')') {
            return Err(PatternError::new("the group never ends", start));
        }
        Ok(inner)
    }

    fn finish_group(&mut self, start: usize, number: Option<usize>) -> Result<Ast, PatternError> {
        let inner = self.inside(start)?;
        Ok(match number {
            Some(number) => Ast::Group { number, inner: Box::new(inner) },
            None => inner,
        })
    }

    fn look(&mut self, start: usize, behind: bool, negative: bool) -> Result<Ast, PatternError> {
        Ok(Ast::Look { behind, negative, inner: Box::new(self.inside(start)?) })
    }

    fn named_group(&mut self, start: usize, close: char) -> Result<Ast, PatternError> {
        let name = self.name();
        if self.peek() == Some('-') {
            let message = "balancing groups `(?<name-other>…)` are not supported";
            return Err(PatternError::new(message, start));
        }
        if name.is_empty() || !self.take(close) {
            return Err(PatternError::new("a group name consists of letters, digits and underscores", start));
        }
        let number = if name.starts_with(|c: char| c.is_ascii_digit()) {
            let number = name.parse::<usize>().ok().filter(|n| *n <= 1000 && *n > 0);
            let number =
                number.ok_or_else(|| PatternError::new("a group number lies between 1 and 1000", start))?;
            self.found.numbered.push(number);
            number
        } else {
            self.found.names.push(name.clone());
            self.groups.and_then(|groups| groups.by_name(&name)).unwrap_or(0)
        };
        self.finish_group(start, Some(number))
    }

    /// `(?(name)yes|no)`, `(?(expression)yes|no)`.
    fn conditional(&mut self, start: usize) -> Result<Ast, PatternError> {
        let opened = self.at;
        let name = self.name();
        let is_reference = !name.is_empty() && self.take(')');
        let known = self.groups.and_then(|groups| groups.by_name(&name));
        if is_reference
            && known.is_none()
            && self.groups.is_some()
            && name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(PatternError::new(format!("there is no group {name}"), start));
        }
        if let Some(number) = known.filter(|_| is_reference) {
            let (yes, no) = self.branches(start)?;
            return Ok(Ast::IfGroup { number, yes: Box::new(yes), no: Box::new(no) });
        }
        self.at = opened;
        let condition = if self.looking_at("?") {
            self.at -= 1;
            match self.atom()? {
                Some(ast @ Ast::Look { .. }) => ast,
                _ => return Err(PatternError::new("this group cannot be a condition", start)),
            }
        } else {
            Ast::Look { behind: false, negative: false, inner: Box::new(self.inside(opened - 1)?) }
        };
        let (yes, no) = self.branches(start)?;
        Ok(Ast::IfLook { condition: Box::new(condition), yes: Box::new(yes), no: Box::new(no) })
    }

    fn branches(&mut self, start: usize) -> Result<(Ast, Ast), PatternError> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(self.error(format!("groups nest deeper than {MAXIMUM_DEPTH} levels")));
        }
        let options = self.options;
        let yes = self.sequence()?;
        let no = if self.take('|') { self.sequence()? } else { Ast::Empty };
        self.options = options;
        self.depth -= 1;
        if self.peek() == Some('|') {
            return Err(PatternError::new("a condition has at most two branches", start));
        }
        self.expect(')', "the condition never ends")?;
        Ok((yes, no))
    }

    /// `(?i)`, `(?i-m)`, `(?i:…)`.
    fn option_group(&mut self, start: usize) -> Result<Option<Ast>, PatternError> {
        let before = self.options;
        let mut on = true;
        loop {
            let Some(c) = self.peek() else {
                return Err(PatternError::new("the group never ends", start));
            };
            self.at += 1;
            match c {
                '-' => on = false,
                '+' => on = true,
                'i' | 'I' => self.options.ignore_case = on,
                'm' | 'M' => self.options.multiline = on,
                's' | 'S' => self.options.dot_all = on,
                'n' | 'N' => self.options.explicit = on,
                'x' | 'X' => self.options.extended = on,
                ')' => return Ok(None),
                ':' => {
                    let inner = self.inside(start)?;
                    self.options = before;
                    return Ok(Some(inner));
                }
                _ => return Err(PatternError::new("this kind of group does not exist in .NET", start)),
            }
        }
    }
}

/// Alternatives that are single characters are one set: which of them matched makes no difference.
fn merge_single(branches: Vec<Ast>) -> Ast {
    if !branches.iter().all(|branch| matches!(branch, Ast::Set(_))) {
        return Ast::Alternate(branches);
    }
    let mut merged = ClassUnicode::empty();
    for branch in &branches {
        if let Ast::Set(class) = branch {
            merged.union(class);
        }
    }
    Ast::Set(merged)
}
