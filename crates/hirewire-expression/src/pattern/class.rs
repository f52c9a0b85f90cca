//! Reads character classes `[…]` and escapes of single characters.

use regex_syntax::hir::ClassUnicode;

use super::PatternError;
use super::blocks;
use super::set;

/// How deep `[a-[b-[c]]]` may nest.
const MAXIMUM_DEPTH: usize = 20;

pub(super) struct Reader<'p> {
    chars: &'p [char],
    at: usize,
    ignore_case: bool,
}

/// A member of a class: one character, or a whole set such as `\d`.
enum Member {
    /// `None`: half of a surrogate pair, which no text holds.
    Character(Option<char>),
    Set(ClassUnicode),
}

impl<'p> Reader<'p> {
    pub(super) fn new(chars: &'p [char], at: usize, ignore_case: bool) -> Self {
        Self { chars, at, ignore_case }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// A class, after its opening bracket, with its closing one.
    pub(super) fn class(&mut self) -> Result<ClassUnicode, PatternError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<ClassUnicode, PatternError> {
        let start = self.at.saturating_sub(1);
        if depth > MAXIMUM_DEPTH {
            return Err(PatternError::new("class subtractions nest too deeply", start));
        }
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut members = ClassUnicode::empty();
        let mut subtracted = None;
        let mut first = true;
        loop {
            let Some(c) = self.peek() else {
                return Err(PatternError::new("the class `[` never ends", start));
            };
            if c == ']' && !first {
                self.at += 1;
                break;
            }
            if c == '-' && !first && self.chars.get(self.at + 1) == Some(&'[') {
                self.at += 2;
                subtracted = Some(self.nested(depth + 1)?);
                self.end_after_subtraction()?;
                break;
            }
            first = false;
            match self.member()? {
                Member::Set(class) => members.union(&class),
                Member::Character(from) => self.character_or_range(from, &mut members)?,
            }
        }
        if self.ignore_case {
            set::fold(&mut members);
        }
        if negated {
            members.negate();
        }
        if let Some(subtracted) = subtracted {
            members.difference(&subtracted);
        }
        Ok(members)
    }

    fn end_after_subtraction(&mut self) -> Result<(), PatternError> {
        if self.peek() != Some(']') {
            return Err(PatternError::new("a subtraction must be the last element of a class", self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// `a` alone, or `a-z`.
    fn character_or_range(
        &mut self,
        from: Option<char>,
        members: &mut ClassUnicode,
    ) -> Result<(), PatternError> {
        let start = self.at;
        let ahead = self.chars.get(self.at + 1).copied();
        let is_range = self.peek() == Some('-') && !matches!(ahead, None | Some(']' | '['));
        if !is_range {
            if let Some(c) = from {
                members.union(&set::range(c, c));
            }
            return Ok(());
        }
        self.at += 1;
        let Member::Character(to) = self.member()? else {
            return Err(PatternError::new("a range of a class ends in a set such as `\\d`", start));
        };
        if let (Some(from), Some(to)) = (from, to) {
            if from > to {
                return Err(PatternError::new("a range of a class is in reverse order", start));
            }
            members.union(&set::range(from, to));
        }
        Ok(())
    }

    fn member(&mut self) -> Result<Member, PatternError> {
        let start = self.at;
        let Some(c) = self.peek() else {
            return Err(PatternError::new("the class `[` never ends", start));
        };
        self.at += 1;
        if c == '[' && self.peek() == Some(':') && self.is_posix() {
            let message = "there are no classes such as `[:alpha:]` in .NET";
            return Err(
                PatternError::new(message, start).with_help("write `\\p{L}` for letters, `\\d` for digits")
            );
        }
        if c != '\\' {
            return Ok(Member::Character(Some(c)));
        }
        // Inside a class `\b` is the backspace.
        if self.peek() == Some('b') {
            self.at += 1;
            return Ok(Member::Character(Some('\x08')));
        }
        self.escaped(start)
    }

    /// `[:name:]` behind an opening bracket.
    fn is_posix(&self) -> bool {
        let rest = &self.chars[self.at + 1..];
        let length = rest.iter().take_while(|c| c.is_ascii_alphabetic() || **c == '^').count();
        length > 0 && rest[length..].starts_with(&[':', ']'])
    }

    /// The set that an escape outside of classes stands for; `self.at` is behind the backslash.
    pub(super) fn escape(&mut self, start: usize) -> Result<ClassUnicode, PatternError> {
        Ok(match self.escaped(start)? {
            Member::Set(class) => class,
            Member::Character(Some(c)) => set::single(c, self.ignore_case),
            Member::Character(None) => ClassUnicode::empty(),
        })
    }

    fn escaped(&mut self, start: usize) -> Result<Member, PatternError> {
        let Some(c) = self.peek() else {
            return Err(PatternError::new("the pattern ends in a backslash", start));
        };
        self.at += 1;
        let class = match c {
            'd' => set::digits(),
            'D' => negated(set::digits()),
            'w' => set::word(),
            'W' => negated(set::word()),
            's' => set::space(),
            'S' => negated(set::space()),
            'p' => self.property(start)?,
            'P' => negated(self.property(start)?),
            _ => return self.character(c, start).map(Member::Character),
        };
        Ok(Member::Set(class))
    }

    /// `{Lu}` or `{IsGreek}` behind `\p`.
    fn property(&mut self, start: usize) -> Result<ClassUnicode, PatternError> {
        let name: String = if self.peek() == Some('{') {
            let rest = &self.chars[self.at + 1..];
            let length = rest.iter().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).count();
            if rest.get(length) != Some(&'}') {
                return Err(PatternError::new("`\\p` needs a name in braces: `\\p{Lu}`", start));
            }
            self.at += length + 2;
            rest[..length].iter().collect()
        } else {
            // One letter without braces is accepted although .NET asks for them.
            let letter = self.peek();
            self.at += usize::from(letter.is_some());
            letter.into_iter().collect()
        };
        if let Some(class) = set::category(&name) {
            return Ok(class);
        }
        if let Some((first, last)) = blocks::block(&name) {
            return Ok(set::range(first, last));
        }
        let message = format!("there is no Unicode category or block `{name}` in .NET");
        let help = "categories are `L`, `Lu`, `Nd` …, blocks `IsGreek`, `IsBasicLatin` …";
        Err(PatternError::new(message, start).with_help(help))
    }

    fn character(&mut self, c: char, start: usize) -> Result<Option<char>, PatternError> {
        Ok(Some(match c {
            'a' => '\x07',
            'e' => '\x1B',
            'f' => '\x0C',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0B',
            'x' => return self.hexadecimal(2, start).map(char::from_u32),
            'u' => return self.code_unit(start),
            'c' => self.control(start)?,
            '0'..='7' => {
                self.at -= 1;
                self.octal()
            }
            _ if c.is_alphanumeric() || c == '_' => {
                return Err(PatternError::new(format!("`\\{c}` means nothing in .NET"), start));
            }
            literal => literal,
        }))
    }

    fn hexadecimal(&mut self, digits: usize, start: usize) -> Result<u32, PatternError> {
        let mut value = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                let message = format!("this escape needs {digits} hexadecimal digits");
                return Err(PatternError::new(message, start));
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// `\u0041`; two of them may be a surrogate pair, a lone half matches nothing.
    fn code_unit(&mut self, start: usize) -> Result<Option<char>, PatternError> {
        let unit = self.hexadecimal(4, start)?;
        let pair_follows = (0xD800..0xDC00).contains(&unit)
            && self.chars.get(self.at) == Some(&'\\')
            && self.chars.get(self.at + 1) == Some(&'u');
        if !pair_follows {
            return Ok(char::from_u32(unit));
        }
        let place = self.at;
        self.at += 2;
        let low = self.hexadecimal(4, start)?;
        if (0xDC00..0xE000).contains(&low) {
            return Ok(char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)));
        }
        self.at = place;
        Ok(None)
    }

    fn control(&mut self, start: usize) -> Result<char, PatternError> {
        let letter = self.peek().map(|c| c.to_ascii_uppercase()).filter(|c| ('@'..='_').contains(c));
        let Some(letter) = letter else {
            return Err(PatternError::new("`\\c` needs a letter: `\\cA`", start));
        };
        self.at += 1;
        Ok(char::from((letter as u8) - b'@'))
    }

    /// One to three octal digits, cut to eight bits.
    fn octal(&mut self) -> char {
        let mut value = 0_u32;
        for _ in 0..3 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.at += 1;
        }
        char::from_u32(value & 0xFF).unwrap_or('\0')
    }
}

fn negated(mut class: ClassUnicode) -> ClassUnicode {
    class.negate();
    class
}
