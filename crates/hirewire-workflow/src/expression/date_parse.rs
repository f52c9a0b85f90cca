//! Reads dates as .NET's `DateTime.Parse` does (`spec/workflows.md` §5.7).

use super::culture::{self, Culture};
use super::date::{Civil, DateTime, Kind, TICKS_PER_SECOND, days_in_month};

/// A zone in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    Utc,
    Minutes(i64),
}

/// Combines a calendar date with the zone that was written: offsets are converted to UTC.
pub(crate) fn with_offset(c: &Civil, offset: Option<Offset>) -> Option<DateTime> {
    match offset {
        None => DateTime::from_civil(c, Kind::Unspecified),
        Some(Offset::Utc) => DateTime::from_civil(c, Kind::Utc),
        Some(Offset::Minutes(minutes)) => {
            DateTime::from_civil(c, Kind::Offset)?.plus_ticks(-minutes * 60 * TICKS_PER_SECOND)
        }
    }
}

/// Reads `Z`, `GMT`, `UTC`, `±hh:mm`, `±hhmm` or `±hh`.
pub(crate) fn read_offset(text: &str) -> Option<(Offset, &str)> {
    for name in ["Z", "GMT", "UTC"] {
        if let Some(head) = text.get(..name.len())
            && head.eq_ignore_ascii_case(name)
        {
            return Some((Offset::Utc, &text[name.len()..]));
        }
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = &text[1..];
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (hours, minutes, rest) = match count {
        1 | 2 => {
            let hours: i64 = rest[..count].parse().ok()?;
            match rest[count..].strip_prefix(':') {
                Some(tail) => (hours, tail.get(..2)?.parse().ok()?, &tail[2..]),
                None => (hours, 0, &rest[count..]),
            }
        }
        4 => (rest[..2].parse().ok()?, rest[2..4].parse().ok()?, &rest[4..]),
        _ => return None,
    };
    (hours <= 14 && (0..60).contains(&minutes))
        .then_some((Offset::Minutes(sign * (hours * 60 + minutes)), rest))
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'t> {
    Number(&'t str),
    Word(&'t str),
    Sign(char),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        let run = |test: fn(char) -> bool| text[start..].find(|c| !test(c)).map_or(text.len(), |n| start + n);
        if c.is_ascii_digit() {
            at = run(|c| c.is_ascii_digit());
            out.push(Token::Number(&text[start..at]));
        } else if c.is_alphabetic() {
            at = run(char::is_alphabetic);
            out.push(Token::Word(&text[start..at]));
        } else {
            at += c.len_utf8();
            if !c.is_whitespace() {
                out.push(Token::Sign(c));
            }
        }
    }
    out
}

/// Reads a date and time; nothing where it is none.
pub(crate) fn parse(text: &str, culture: &Culture) -> Option<DateTime> {
    let text = text.trim();
    if text.len() > 100 || text.is_empty() {
        return None;
    }
    let (date_text, time_text) = split_time(text);
    let mut c = read_date(date_text, culture)?;
    let mut offset = None;
    if let Some(time) = time_text {
        offset = read_time(time, &mut c, culture)?;
    }
    if c.day > days_in_month(c.year, c.month.clamp(1, 12)) {
        return None;
    }
    with_offset(&c, offset)
}

/// Splits where the time begins: the digits before the first `:` (or before AM and PM).
fn split_time(text: &str) -> (&str, Option<&str>) {
    let Some(colon) = text.find(':') else { return bare_zone(text) };
    let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = colon - digits;
    let date = text[..start].trim_end();
    let date = match date.strip_suffix(['T', 't']) {
        Some(before) if before.ends_with(|c: char| c.is_ascii_digit()) => before,
        _ => date.trim_end_matches(',').trim_end(),
    };
    (date, Some(&text[start..]))
}

/// A date without time may carry a `Z` or an offset right behind it: `2018-03-15Z`.
fn bare_zone(text: &str) -> (&str, Option<&str>) {
    match text.strip_suffix(['Z', 'z']) {
        Some(date) if date.ends_with(|c: char| c.is_ascii_digit()) => (date, Some("Z")),
        _ => (text, None),
    }
}

fn read_time(text: &str, c: &mut Civil, culture: &Culture) -> Option<Option<Offset>> {
    let mut rest = text;
    let number = |rest: &mut &str| -> Option<u32> {
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 || count > 2 {
            return None;
        }
        let value = rest[..count].parse().ok()?;
        *rest = &rest[count..];
        Some(value)
    };
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        c.hour = number(&mut rest)?;
        rest = rest.strip_prefix(':')?;
        c.minute = number(&mut rest)?;
        if let Some(seconds) = rest.strip_prefix(':') {
            rest = seconds;
            c.second = number(&mut rest)?;
            if let Some(fraction) = rest.strip_prefix(['.', ',']) {
                let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if count == 0 || count > 16 {
                    return None;
                }
                c.fraction = format!("{:0<7}", &fraction[..count.min(7)]).parse().ok()?;
                rest = &fraction[count..];
            }
        }
    }
    rest = rest.trim_start();
    let halves =
        culture.language.halves.into_iter().chain(culture::english().language.halves).chain(["A", "P"]);
    for (n, half) in halves.enumerate() {
        if let Some(head) = rest.get(..half.len())
            && head.to_lowercase() == half.to_lowercase()
        {
            if c.hour > 12 {
                return None;
            }
            c.hour = c.hour % 12 + if n % 2 == 1 { 12 } else { 0 };
            rest = rest[half.len()..].trim_start();
            break;
        }
    }
    if rest.is_empty() {
        return Some(None);
    }
    let (offset, rest) = read_offset(rest)?;
    rest.trim().is_empty().then_some(Some(offset))
}

fn read_date(text: &str, culture: &Culture) -> Option<Civil> {
    let tokens = tokens(text);
    let mut numbers = Vec::new();
    let mut month = None;
    for token in &tokens {
        match token {
            Token::Number(digits) if digits.len() <= 4 => numbers.push(*digits),
            Token::Number(_) => return None,
            Token::Sign('/' | '-' | '.' | ',') => {}
            Token::Sign(_) => return None,
            Token::Word(word) => match month_of(word, culture) {
                Some(found) if month.is_none() => month = Some(found),
                Some(_) => return None,
                None if is_day_name(word, culture)
                    || matches!(*word, "de" | "den" | "of" | "th" | "st" | "nd" | "rd") => {}
                None => return None,
            },
        }
    }
    let (year, month, day) = match (month, &numbers[..]) {
        (Some(month), [a, b]) if a.len() > 2 => (*a, month, b.parse().ok()?),
        (Some(month), [a, b]) => (*b, month, a.parse().ok()?),
        (None, [a, b, c]) => {
            let number = |t: &str| t.parse::<u32>().ok();
            match (a.len(), culture.order) {
                (3.., _) => (*a, number(b)?, number(c)?),
                (_, "mdy") => (*c, number(a)?, number(b)?),
                (_, "ymd") if c.len() < 3 => (*a, number(b)?, number(c)?),
                _ => (*c, number(b)?, number(a)?),
            }
        }
        _ => return None,
    };
    let short = year.len() <= 2;
    let mut year: i32 = year.parse().ok()?;
    if short {
        year += if year < 50 { 2000 } else { 1900 };
    }
    ((1..=12).contains(&month) && day >= 1).then_some(Civil {
        year,
        month,
        day,
        hour: 0,
        minute: 0,
        second: 0,
        fraction: 0,
    })
}

fn named(word: &str, names: &[&str]) -> Option<usize> {
    let word = word.to_lowercase();
    names.iter().position(|n| n.to_lowercase().trim_end_matches('.') == word)
}

fn month_of(word: &str, culture: &Culture) -> Option<u32> {
    let english = culture::english().language;
    let own = culture.language;
    [&own.months, &own.short_months, &english.months, &english.short_months]
        .into_iter()
        .find_map(|names| named(word, names))
        .map(|n| n as u32 + 1)
}

fn is_day_name(word: &str, culture: &Culture) -> bool {
    let english = culture::english().language;
    let own = culture.language;
    let hyphenated = own.days.iter().any(|d| d.split('-').any(|p| p == word.to_lowercase()));
    hyphenated
        || [&own.days, &own.short_days, &english.days, &english.short_days]
            .into_iter()
            .any(|names| named(word, names).is_some())
}
