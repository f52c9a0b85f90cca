//! .NET date formats: standard letters and custom patterns, both ways (`spec/workflows.md` §5.7).

use std::fmt::Write as _;

use super::culture::{self, Culture};
use super::date::{Civil, DateTime, Kind, days_in_month};

const MAX_PATTERN: usize = 1_000;

/// Formats a date; nothing for an unknown standard letter or a broken pattern.
pub(crate) fn format(date: &DateTime, pattern: &str, culture: &Culture) -> Option<String> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let mut chars = pattern.chars();
    match (chars.next(), chars.next()) {
        (None, _) => custom(date, &general(culture, true), culture),
        (Some(letter), None) => standard(date, letter, culture),
        _ => custom(date, pattern, culture),
    }
}

fn general(culture: &Culture, seconds: bool) -> String {
    format!("{} {}", culture.short_date, if seconds { culture.long_time } else { culture.short_time })
}

/// The pattern behind a standard letter.
fn pattern_of(letter: char, culture: &Culture) -> Option<String> {
    Some(match letter {
        'd' => culture.short_date.into(),
        'D' => culture.long_date.into(),
        'f' => format!("{} {}", culture.long_date, culture.short_time),
        'F' | 'U' => format!("{} {}", culture.long_date, culture.long_time),
        'g' => general(culture, false),
        'G' => general(culture, true),
        'm' | 'M' => culture.month_day.into(),
        'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK".into(),
        'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'".into(),
        's' => "yyyy-MM-ddTHH:mm:ss".into(),
        't' => culture.short_time.into(),
        'T' => culture.long_time.into(),
        'u' => "yyyy-MM-dd HH:mm:ss'Z'".into(),
        'y' | 'Y' => culture.year_month.into(),
        _ => return None,
    })
}

fn standard(date: &DateTime, letter: char, culture: &Culture) -> Option<String> {
    let culture =
        if matches!(letter, 'o' | 'O' | 'r' | 'R' | 's' | 'u') { culture::english() } else { culture };
    custom(date, &pattern_of(letter, culture)?, culture)
}

/// A pattern's pieces.
#[derive(Debug, PartialEq)]
enum Piece {
    /// A letter and how often it is repeated.
    Field(char, usize),
    Literal(char),
}

fn pieces(pattern: &str) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z' => {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if matches!(c, 'f' | 'F') && count > 7 {
                    return None;
                }
                out.push(Piece::Field(c, count));
            }
            '/' | ':' => out.push(Piece::Field(c, 1)),
            '\\' => out.push(Piece::Literal(chars.next()?)),
            '%' => {
                if matches!(chars.peek(), None | Some('%')) {
                    return None;
                }
            }
            '\'' | '"' => loop {
                match chars.next()? {
                    q if q == c => break,
                    '\\' => out.push(Piece::Literal(chars.next()?)),
                    other => out.push(Piece::Literal(other)),
                }
            },
            other => out.push(Piece::Literal(other)),
        }
    }
    Some(out)
}

fn custom(date: &DateTime, pattern: &str, culture: &Culture) -> Option<String> {
    let c = date.civil();
    let names = culture.language;
    let mut out = String::new();
    for piece in pieces(pattern)? {
        let (letter, count) = match piece {
            Piece::Literal(c) => {
                out.push(c);
                continue;
            }
            Piece::Field(letter, count) => (letter, count),
        };
        let hour12 = match c.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let number = |out: &mut String, n: u32, width: usize| {
            let _ = write!(out, "{n:0width$}");
        };
        match (letter, count) {
            ('y', 1) => number(&mut out, c.year as u32 % 100, 1),
            ('y', 2) => number(&mut out, c.year as u32 % 100, 2),
            ('y', n) => number(&mut out, c.year as u32, n),
            ('M', n @ 1..=2) => number(&mut out, c.month, n),
            ('M', 3) => out.push_str(names.short_months[c.month as usize - 1]),
            ('M', _) => out.push_str(names.months[c.month as usize - 1]),
            ('d', n @ 1..=2) => number(&mut out, c.day, n),
            ('d', 3) => out.push_str(names.short_days[date.weekday() as usize]),
            ('d', _) => out.push_str(names.days[date.weekday() as usize]),
            ('H', n) => number(&mut out, c.hour, n.min(2)),
            ('h', n) => number(&mut out, hour12, n.min(2)),
            ('m', n) => number(&mut out, c.minute, n.min(2)),
            ('s', n) => number(&mut out, c.second, n.min(2)),
            ('f', n) => out.push_str(&format!("{:07}", c.fraction)[..n]),
            ('F', n) => {
                let text = format!("{:07}", c.fraction);
                let digits = text[..n].trim_end_matches('0');
                if digits.is_empty() && out.ends_with('.') {
                    out.pop();
                }
                out.push_str(digits);
            }
            ('t', n) => {
                let half = names.halves[usize::from(c.hour >= 12)];
                if n == 1 { out.extend(half.chars().next()) } else { out.push_str(half) }
            }
            ('z', n) => out.push_str(["+0", "+00", "+00:00"][n.min(3) - 1]),
            ('K', _) => out.push_str(match date.kind {
                Kind::Unspecified => "",
                Kind::Utc => "Z",
                Kind::Offset => "+00:00",
            }),
            ('g', _) => out.push_str("A.D."),
            ('/', _) => out.push_str(culture.date_separator),
            (':', _) => out.push(if culture.short_time.contains('.') { '.' } else { ':' }),
            _ => {}
        }
    }
    Some(out)
}

/// Reads a text by an exact pattern.
pub(crate) fn parse_exact(text: &str, pattern: &str, culture: &Culture) -> Option<DateTime> {
    let standard = match pattern.chars().collect::<Vec<_>>()[..] {
        [letter] => Some(pattern_of(letter, culture)?),
        _ => None,
    };
    let pattern = standard.as_deref().unwrap_or(pattern);
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let mut reader = Exact { rest: text, culture };
    let mut c = Civil { year: 1, month: 1, day: 1, hour: 0, minute: 0, second: 0, fraction: 0 };
    let (mut afternoon, mut offset) = (None, None);
    for piece in pieces(pattern)? {
        match piece {
            Piece::Literal(literal) => reader.rest = reader.rest.strip_prefix(literal)?,
            Piece::Field('y', n @ 1..=2) => {
                let short = reader.number(n, 2)?;
                c.year = if short < 50 { 2000 } else { 1900 } + short as i32;
            }
            Piece::Field('y', n) => c.year = reader.number(n, n.max(4))? as i32,
            Piece::Field('M', n @ 1..=2) => c.month = reader.number(n, 2)?,
            Piece::Field('M', 3) => c.month = reader.name(&culture.language.short_months)?,
            Piece::Field('M', _) => c.month = reader.name(&culture.language.months)?,
            Piece::Field('d', n @ 1..=2) => c.day = reader.number(n, 2)?,
            Piece::Field('d', 3) => reader.name(&culture.language.short_days).map(drop)?,
            Piece::Field('d', _) => reader.name(&culture.language.days).map(drop)?,
            Piece::Field('H' | 'h', n) => c.hour = reader.number(n.min(2), 2)?,
            Piece::Field('m', n) => c.minute = reader.number(n.min(2), 2)?,
            Piece::Field('s', n) => c.second = reader.number(n.min(2), 2)?,
            Piece::Field(f @ ('f' | 'F'), n) => c.fraction = reader.fraction(n, f == 'f')?,
            Piece::Field('t', n) => afternoon = Some(reader.half(n)?),
            Piece::Field('z' | 'K', _) => offset = reader.offset(),
            Piece::Field('/', _) => reader.rest = reader.rest.strip_prefix(culture.date_separator)?,
            Piece::Field(':', _) => reader.rest = reader.rest.strip_prefix(':')?,
            Piece::Field(..) => return None,
        }
    }
    if !reader.rest.is_empty() || c.day > days_in_month(c.year, c.month.clamp(1, 12)) {
        return None;
    }
    if let Some(afternoon) = afternoon {
        c.hour = c.hour % 12 + if afternoon { 12 } else { 0 };
    }
    super::date_parse::with_offset(&c, offset)
}

struct Exact<'t> {
    rest: &'t str,
    culture: &'t Culture,
}

impl Exact<'_> {
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let count = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        // One letter takes one or two digits, two letters exactly two.
        if count < min || min == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok()
    }

    fn name(&mut self, names: &[&str]) -> Option<u32> {
        let lower = self.rest.to_lowercase();
        let at = (0..names.len())
            .filter(|n| lower.starts_with(&names[*n].to_lowercase()))
            .max_by_key(|n| names[*n].len())?;
        self.rest = self.rest.get(names[at].len()..)?;
        Some(at as u32 + 1)
    }

    fn fraction(&mut self, digits: usize, exact: bool) -> Option<u32> {
        let count = self.rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
        if exact && count < digits {
            return None;
        }
        let (text, rest) = self.rest.split_at(count);
        self.rest = rest;
        format!("{text:0<7}").parse().ok()
    }

    fn half(&mut self, letters: usize) -> Option<bool> {
        for (n, half) in self.culture.language.halves.into_iter().enumerate() {
            let wanted = if letters == 1 { &half[..half.chars().next()?.len_utf8()] } else { half };
            if self.rest.get(..wanted.len()).is_some_and(|t| t.eq_ignore_ascii_case(wanted)) {
                self.rest = &self.rest[wanted.len()..];
                return Some(n == 1);
            }
        }
        None
    }

    fn offset(&mut self) -> Option<super::date_parse::Offset> {
        let (offset, rest) = super::date_parse::read_offset(self.rest)?;
        self.rest = rest;
        Some(offset)
    }
}
