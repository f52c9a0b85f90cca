//! .NET number formats: standard letters and custom patterns (`spec/workflows.md` §5.1).

use super::culture::Culture;
use super::value::float_text;

/// A number to format.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

const MAX_PRECISION: usize = 99;
const MAX_PATTERN: usize = 1_000;

/// Formats a number; nothing where the format does not fit the number.
pub(crate) fn format(number: Number, pattern: &str, culture: &Culture) -> Option<String> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let pattern = if pattern.is_empty() { "G" } else { pattern };
    let mut chars = pattern.chars();
    let letter = chars.next()?;
    let digits = chars.as_str();
    if letter.is_ascii_alphabetic() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let precision = if digits.is_empty() {
            None
        } else {
            Some(digits.parse::<usize>().ok().filter(|p| *p <= MAX_PRECISION)?)
        };
        return standard(number, letter, precision, culture);
    }
    Some(custom(number, pattern, culture))
}

impl Number {
    fn is_negative(self) -> bool {
        match self {
            Number::Integer(i) => i < 0,
            Number::Float(f) => f < 0.0,
        }
    }

    /// The absolute value with `places` decimals, an exact half rounded to even.
    fn fixed(self, places: usize) -> String {
        match self {
            Number::Integer(i) if places == 0 => i.unsigned_abs().to_string(),
            Number::Integer(i) => format!("{}.{}", i.unsigned_abs(), "0".repeat(places)),
            Number::Float(f) => format!("{:.places$}", f.abs()),
        }
    }

    fn times(self, factor: i64) -> Number {
        match self {
            Number::Integer(i) => {
                i.checked_mul(factor).map_or(Number::Float(i as f64 * factor as f64), Number::Integer)
            }
            Number::Float(f) => Number::Float(f * factor as f64),
        }
    }
}

fn group(whole: &str, separator: &str) -> String {
    let mut out = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}

fn localized(plain: &str, grouped: bool, culture: &Culture) -> String {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut out = if grouped { group(whole, culture.group) } else { whole.to_owned() };
    if !fraction.is_empty() {
        out.push_str(culture.decimal);
        out.push_str(fraction);
    }
    out
}

fn is_zero(plain: &str) -> bool {
    plain.bytes().all(|b| matches!(b, b'0' | b'.'))
}

fn signed(number: Number, plain: &str, text: String) -> String {
    if number.is_negative() && !is_zero(plain) { format!("-{text}") } else { text }
}

fn standard(number: Number, letter: char, precision: Option<usize>, culture: &Culture) -> Option<String> {
    let integer = match number {
        Number::Integer(i) => Some(i),
        Number::Float(_) => None,
    };
    Some(match letter.to_ascii_uppercase() {
        'N' | 'F' => {
            let plain = number.fixed(precision.unwrap_or(2));
            signed(number, &plain, localized(&plain, letter.eq_ignore_ascii_case(&'N'), culture))
        }
        'C' => {
            let plain = number.fixed(precision.unwrap_or(2));
            signed(
                number,
                &plain,
                culture
                    .currency
                    .replace('n', &localized(&plain, true, culture))
                    .replace(' ', "\u{a0}")
                    .replace("\u{a0}kr", " kr"),
            )
        }
        'P' => {
            let scaled = number.times(100);
            let plain = scaled.fixed(precision.unwrap_or(2));
            signed(scaled, &plain, culture.percent.replace('n', &localized(&plain, true, culture)))
        }
        'D' => {
            let i = integer?;
            format!(
                "{}{:0>width$}",
                if i < 0 { "-" } else { "" },
                i.unsigned_abs(),
                width = precision.unwrap_or(1)
            )
        }
        'X' => {
            let width = precision.unwrap_or(1);
            let i = integer?;
            if letter == 'X' { format!("{i:0width$X}") } else { format!("{i:0width$x}") }
        }
        'E' => {
            let text = exponential(number, precision.unwrap_or(6), letter, 3);
            text.replace('.', culture.decimal)
        }
        'G' => match (integer, precision) {
            (Some(i), None | Some(0)) => i.to_string(),
            (None, None | Some(0)) => general(number).replace('.', culture.decimal),
            (_, Some(p)) => significant(number, p, letter).replace('.', culture.decimal),
        },
        'R' => match number {
            Number::Float(_) => general(number).replace('.', culture.decimal),
            Number::Integer(_) => return None,
        },
        'B' => format!("{:0width$b}", integer?, width = precision.unwrap_or(1)),
        _ => return None,
    })
}

fn general(number: Number) -> String {
    match number {
        Number::Integer(i) => i.to_string(),
        Number::Float(f) => float_text(f),
    }
}

fn scientific(number: Number, places: usize) -> (String, i32) {
    let f = match number {
        Number::Integer(i) => i as f64,
        Number::Float(f) => f,
    };
    let text = format!("{f:.places$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

fn exponential(number: Number, places: usize, letter: char, digits: usize) -> String {
    let (mantissa, exponent) = scientific(number, places);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{letter}{sign}{:0digits$}", exponent.abs())
}

/// `G4`: so many significant digits, scientific where that is shorter.
fn significant(number: Number, digits: usize, letter: char) -> String {
    let (mantissa, exponent) = scientific(number, digits - 1);
    let trim = |t: &str| {
        if t.contains('.') { t.trim_end_matches('0').trim_end_matches('.').to_owned() } else { t.to_owned() }
    };
    if exponent >= digits as i32 || exponent <= -5 {
        let sign = if exponent < 0 { '-' } else { '+' };
        let e = if letter == 'g' { 'e' } else { 'E' };
        return format!("{}{e}{sign}{:02}", trim(&mantissa), exponent.abs());
    }
    let places = (digits as i32 - 1 - exponent).max(0) as usize;
    let plain = number.fixed(places);
    let text = trim(&plain);
    if number.is_negative() { format!("-{text}") } else { text }
}

/// A section of a custom pattern, taken apart.
#[derive(Debug, Default)]
struct Section {
    parts: Vec<Part>,
    whole: usize,
    whole_zeros: usize,
    places: usize,
    fraction_zeros: usize,
    grouped: bool,
    factor: i64,
    divide: u32,
    exponent: Option<(char, bool, usize)>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Whole,
    Point,
    Fraction,
    Exponent,
    Literal(String),
}

fn custom(number: Number, pattern: &str, culture: &Culture) -> String {
    let sections = split_sections(pattern);
    let section = |n: usize| sections.get(n).filter(|s| !s.is_empty()).copied();
    let first = parse_section(sections[0]);
    let (chosen, sign) = if number.is_negative() {
        match section(1) {
            Some(negative) => (parse_section(negative), ""),
            None => (first, "-"),
        }
    } else {
        (first, "")
    };
    let digits = rounded(number, &chosen);
    let zero = is_zero(&digits);
    if zero && section(2).is_some() {
        let chosen = parse_section(sections[2]);
        return render(&rounded(number, &chosen), number, &chosen, culture);
    }
    let (chosen, sign) = if zero { (parse_section(sections[0]), "") } else { (chosen, sign) };
    format!("{sign}{}", render(&digits, number, &chosen, culture))
}

fn split_sections(pattern: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (at, c) in pattern.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (c, Some(q)) => quote = (c != q).then_some(q),
            ('\'' | '"', None) => quote = Some(c),
            (';', None) => {
                sections.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&pattern[start..]);
    sections
}

fn parse_section(text: &str) -> Section {
    let mut s = Section { factor: 1, ..Section::default() };
    let mut chars = text.chars().peekable();
    let (mut point, mut first_zero, mut commas) = (false, None, 0);
    while let Some(c) = chars.next() {
        match c {
            '0' | '#' if !point => {
                if commas > 0 {
                    s.grouped = true;
                    commas = 0;
                }
                if c == '0' && first_zero.is_none() {
                    first_zero = Some(s.whole);
                }
                s.whole += 1;
                push(&mut s.parts, Part::Whole);
            }
            '0' | '#' => {
                s.places += 1;
                if c == '0' {
                    s.fraction_zeros = s.places;
                }
                push(&mut s.parts, Part::Fraction);
            }
            '.' if !point => {
                point = true;
                push(&mut s.parts, Part::Point);
            }
            '.' => {}
            ',' => commas += usize::from(s.whole > 0 && !point),
            '%' | '‰' => {
                s.factor = s.factor.saturating_mul(if c == '%' { 100 } else { 1_000 });
                literal(&mut s.parts, c);
            }
            '\\' => {
                if let Some(next) = chars.next() {
                    literal(&mut s.parts, next);
                }
            }
            '\'' | '"' => {
                for next in chars.by_ref() {
                    if next == c {
                        break;
                    }
                    literal(&mut s.parts, next);
                }
            }
            'e' | 'E' if matches!(chars.peek(), Some('0' | '+' | '-')) => {
                let plus = chars.peek() == Some(&'+');
                if matches!(chars.peek(), Some('+' | '-')) {
                    chars.next();
                }
                let mut zeros = 0;
                while chars.next_if_eq(&'0').is_some() {
                    zeros += 1;
                }
                s.exponent = Some((c, plus, zeros));
                push(&mut s.parts, Part::Exponent);
            }
            other => literal(&mut s.parts, other),
        }
    }
    s.divide = commas as u32 * 3;
    s.whole_zeros = first_zero.map_or(0, |z| s.whole - z);
    s
}

fn push(parts: &mut Vec<Part>, part: Part) {
    if part == Part::Whole && parts.contains(&Part::Whole)
        || part == Part::Fraction && parts.contains(&Part::Fraction)
    {
        return;
    }
    parts.push(part);
}

fn literal(parts: &mut Vec<Part>, c: char) {
    if let Some(Part::Literal(text)) = parts.last_mut() {
        text.push(c);
    } else {
        parts.push(Part::Literal(c.into()));
    }
}

/// Digits of the absolute value with the section's decimals; a half is rounded away from zero.
fn rounded(number: Number, section: &Section) -> String {
    let scaled = number.times(section.factor);
    let scaled = if section.divide > 0 {
        let f = match scaled {
            Number::Integer(i) => i as f64,
            Number::Float(f) => f,
        };
        Number::Float(f / 10f64.powi(section.divide.min(300) as i32))
    } else {
        scaled
    };
    match scaled {
        Number::Integer(i) => Number::Integer(i).fixed(section.places),
        Number::Float(f) if !f.is_finite() => "0".into(),
        Number::Float(f) => half_away(f.abs(), section.places),
    }
}

/// Rounds the 15 significant digits that .NET takes for custom patterns.
fn half_away(f: f64, places: usize) -> String {
    let text = format!("{f:.14e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let mut point = exponent + 1;
    if point < 1 {
        let pad = (1 - point).min(400) as usize;
        digits.splice(0..0, std::iter::repeat_n(0, pad));
        point = 1;
    }
    let keep = point as usize + places;
    let up = digits.get(keep).is_some_and(|d| *d >= 5);
    digits.resize(keep, 0);
    if up {
        let mut at = keep;
        loop {
            if at == 0 {
                digits.insert(0, 1);
                point += 1;
                break;
            }
            at -= 1;
            if digits[at] == 9 {
                digits[at] = 0;
            } else {
                digits[at] += 1;
                break;
            }
        }
    }
    let text: String = digits.iter().map(|d| (d + b'0') as char).collect();
    let (whole, fraction) = text.split_at(point as usize);
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn render(digits: &str, number: Number, section: &Section, culture: &Culture) -> String {
    let mut exponent_text = String::new();
    let mut digits = digits.to_owned();
    if let Some((letter, plus, zeros)) = section.exponent {
        let (mantissa, exponent) = scientific(number, section.places);
        digits = mantissa.trim_start_matches('-').to_owned();
        let sign = if exponent < 0 {
            "-"
        } else if plus {
            "+"
        } else {
            ""
        };
        exponent_text = format!("{letter}{sign}{:0zeros$}", exponent.abs());
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let whole = whole.trim_start_matches('0');
    let whole = format!("{whole:0>width$}", width = section.whole_zeros);
    let whole = if section.grouped { group(&whole, culture.group) } else { whole };
    let kept = fraction.trim_end_matches('0').len().max(section.fraction_zeros).min(fraction.len());
    let fraction = &fraction[..kept];
    let mut out = String::new();
    if !section.parts.contains(&Part::Whole) && section.places > 0 {
        out.push_str(&whole);
    }
    for part in &section.parts {
        match part {
            Part::Whole => out.push_str(&whole),
            Part::Point if !fraction.is_empty() => out.push_str(culture.decimal),
            Part::Point => {}
            Part::Fraction => out.push_str(fraction),
            Part::Exponent => out.push_str(&exponent_text),
            Part::Literal(text) => out.push_str(text),
        }
    }
    out
}
