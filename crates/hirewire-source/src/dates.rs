//! Dates as exports write them. Formats are declared, never guessed row by row: spec/sources.md §5.4.

use jiff::civil::Date;

/// A declared way to write dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// `2025-03-04`, with or without a time behind it; `20250304` too.
    Iso,
    /// Days since 1899-12-30, as spreadsheets count.
    Excel,
    /// Seconds since 1970-01-01.
    Epoch,
    /// Milliseconds since 1970-01-01.
    EpochMillis,
    /// Fields and the text between them.
    Pattern(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    ShortYear,
    /// With the number of digits that must be there, 0 for one or two.
    Month(u8),
    MonthName,
    Day(u8),
    Text(String),
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Nothing, or one of the ways to write "no end".
    Open,
    Date(Date),
    Bad,
}

impl DateFormat {
    /// Reads a declared format such as `dd.MM.yyyy`; `None` when it names no day, month and year.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "iso" | "yyyy-mm-dd" => return Some(Self::Iso),
            "excel" => return Some(Self::Excel),
            "epoch" => return Some(Self::Epoch),
            "epoch_ms" => return Some(Self::EpochMillis),
            _ => {}
        }
        let signs: Vec<char> = text.trim().chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < signs.len() {
            let sign = signs[at];
            let run = signs[at..].iter().take_while(|c| **c == sign).count();
            at += run;
            match (sign, run) {
                ('y' | 'Y', 4) => parts.push(Part::Year),
                ('y' | 'Y', 1 | 2) => parts.push(Part::ShortYear),
                ('M', 3 | 4) => parts.push(Part::MonthName),
                ('M', 1 | 2) => parts.push(Part::Month(run as u8)),
                ('d' | 'D', 1 | 2) => parts.push(Part::Day(run as u8)),
                ('H' | 'h' | 'm' | 's', _) => break,
                _ => parts.extend([Part::Text(sign.to_string().repeat(run))]),
            }
        }
        // A format may name the time as well; it is left out of the date.
        while matches!(parts.last(), Some(Part::Text(t)) if t.trim().is_empty() || t == "T" || t == "'") {
            parts.pop();
        }
        let has = |f: fn(&Part) -> bool| parts.iter().filter(|p| f(p)).count() == 1;
        let complete = has(|p| matches!(p, Part::Year | Part::ShortYear))
            && has(|p| matches!(p, Part::Month(_) | Part::MonthName))
            && has(|p| matches!(p, Part::Day(_)));
        complete.then_some(Self::Pattern(parts))
    }

    /// Reads a trimmed cell.
    pub(crate) fn read(&self, cell: &str) -> Parsed {
        if cell.is_empty() || cell.bytes().all(|b| matches!(b, b'0' | b'.' | b'/' | b'-' | b' ')) {
            return Parsed::Open;
        }
        let date = match self {
            Self::Iso => iso(cell),
            Self::Excel => excel(cell),
            Self::Epoch => cell.parse().ok().and_then(epoch),
            Self::EpochMillis => epoch_millis(cell),
            Self::Pattern(parts) => pattern(parts, cell),
        };
        match date {
            Some(date) if is_open_end(date) => Parsed::Open,
            Some(date) => Parsed::Date(date),
            None => Parsed::Bad,
        }
    }
}

/// The usual "no end date": 9999-12-31, 2999-12-31, 31.12.2099.
fn is_open_end(date: Date) -> bool {
    date.year() >= 2900 || (date.year() >= 2099 && date.month() == 12 && date.day() == 31)
}

fn iso(cell: &str) -> Option<Date> {
    let digits: &[u8] = cell.as_bytes();
    let compact = digits.len() >= 8 && digits[..8].iter().all(u8::is_ascii_digit);
    let (date, rest) = if compact { cell.split_at(8) } else { cell.split_at_checked(10)? };
    let number = |range: std::ops::Range<usize>| {
        let text = date.get(range)?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i16>().ok())?
    };
    let (year, month, day) = if compact {
        (number(0..4)?, number(4..6)?, number(6..8)?)
    } else {
        if (date.as_bytes()[4], date.as_bytes()[7]) != (b'-', b'-') {
            return None;
        }
        (number(0..4)?, number(5..7)?, number(8..10)?)
    };
    (is_time(rest) || is_offset(rest)).then(|| Date::new(year, month as i8, day as i8).ok())?
}

/// Whether the text behind a date is nothing, or a time of day with or without a zone.
fn is_time(rest: &str) -> bool {
    let Some(first) = rest.chars().next() else { return true };
    if !matches!(first, 'T' | 't' | ' ' | '+' | 'Z' | 'z') {
        return false;
    }
    let time = rest[1..].trim_start();
    time.is_empty() || time.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the text is a zone's offset and nothing else, as XML writes dates: `2025-03-04-08:00`.
fn is_offset(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    matches!(bytes, [b'-' | b'+', a, b, b':', c, d] if [a, b, c, d].iter().all(|d| d.is_ascii_digit()))
}

fn excel(cell: &str) -> Option<Date> {
    let serial: f64 = cell.replace(',', ".").parse().ok()?;
    from_excel(serial)
}

/// Day of an Excel serial number (1900 system; from March 1900 on, as the false leap day lies before).
pub(crate) fn from_excel(serial: f64) -> Option<Date> {
    if !(1.0..2_958_466.0).contains(&serial) {
        return None;
    }
    let days = serial.trunc() as i64 + i64::from(serial < 60.0);
    jiff::civil::date(1899, 12, 30).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn epoch(seconds: i64) -> Option<Date> {
    let days = seconds.div_euclid(86_400);
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn epoch_millis(cell: &str) -> Option<Date> {
    let inner = cell.strip_prefix("/Date(").and_then(|c| c.split(['+', ')']).next()).unwrap_or(cell);
    epoch(inner.parse::<i64>().ok()?.div_euclid(1000))
}

fn pattern(parts: &[Part], cell: &str) -> Option<Date> {
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut rest = cell;
    for (at, part) in parts.iter().enumerate() {
        // Without a separator behind it a field has exactly its digits.
        let tight = matches!(parts.get(at + 1), Some(p) if !matches!(p, Part::Text(_)));
        match part {
            Part::Year => (year, rest) = digits(rest, 4, 4)?,
            Part::ShortYear => {
                (year, rest) = digits(rest, 2, 2)?;
                year += if year < 70 { 2000 } else { 1900 };
            }
            Part::Month(least) => (month, rest) = digits(rest, if tight { 2 } else { (*least).min(1) }, 2)?,
            Part::Day(least) => (day, rest) = digits(rest, if tight { 2 } else { (*least).min(1) }, 2)?,
            Part::MonthName => (month, rest) = month_name(rest)?,
            Part::Text(text) => rest = rest.strip_prefix(text.as_str())?,
        }
    }
    is_time(rest).then(|| Date::new(year, month as i8, day as i8).ok())?
}

fn digits(text: &str, least: u8, most: usize) -> Option<(i16, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < usize::from(least) || count == 0 {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

/// Month names by their first letters: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Nordic,
/// Turkish, Czech, Romanian, Hungarian, Finnish, Russian.
const MONTHS: [&[&str]; 12] = [
    &["jan", "janv", "ene", "gen", "sty", "jän", "oca", "led", "ian", "tammi", "янв"],
    &["feb", "fev", "fév", "fevr", "févr", "lut", "şub", "úno", "helmi", "фев"],
    &["mar", "mär", "mrz", "mrt", "maa", "bře", "már", "мар"],
    &["apr", "avr", "abr", "kwi", "nis", "dub", "ápr", "huhti", "апр"],
    &["may", "mai", "maj", "mei", "mag", "kvě", "máj", "touko", "май", "мая"],
    &["jun", "juin", "giu", "cze", "haz", "červen", "iun", "jún", "kesä", "июн"],
    &["jul", "juil", "lug", "lip", "tem", "červenec", "července", "iul", "júl", "heinä", "июл"],
    &["aug", "aoû", "aou", "ago", "sie", "ağu", "srp", "elo", "авг"],
    &["sep", "set", "wrz", "eyl", "zář", "szept", "syys", "сен"],
    &["oct", "okt", "ott", "out", "paź", "paz", "eki", "říj", "loka", "окт"],
    &["nov", "lis", "kas", "noi", "marras", "ноя"],
    &["dec", "dez", "déc", "dic", "gru", "des", "ara", "pro", "joulu", "дек"],
];

fn month_name(text: &str) -> Option<(i16, &str)> {
    let length = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let name = name.to_lowercase();
    let mut best: Option<(usize, usize)> = None;
    for (month, starts) in MONTHS.iter().enumerate() {
        for start in starts.iter().filter(|s| name.starts_with(**s)) {
            if best.is_none_or(|(length, _)| start.len() > length) {
                best = Some((start.len(), month + 1));
            }
        }
    }
    Some((best?.1 as i16, rest.strip_prefix('.').unwrap_or(rest)))
}

/// Days from 1970-01-01.
pub(crate) fn day_number(date: Date) -> i32 {
    let start = jiff::civil::date(1970, 1, 1);
    start.until(date).map_or(0, |span| span.get_days())
}

/// The reverse of [`day_number`].
pub(crate) fn from_day_number(days: i32) -> Date {
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(i64::from(days))).unwrap_or(Date::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_formats() {
        for (format, cell, expected) in [
            ("iso", "2025-03-04", "2025-03-04"),
            ("iso", "2025-03-04T23:30:00.000+01:00", "2025-03-04"),
            ("iso", "20250304", "2025-03-04"),
            ("iso", "2025-03-04-08:00", "2025-03-04"),
            ("iso", "2025-03-04+01:00", "2025-03-04"),
            ("iso", "2025-03-04-1", "bad"),
            ("d MMMM yyyy", "4 července 2025", "2025-07-04"),
            ("d MMM yyyy", "4 Kas 2025", "2025-11-04"),
            ("iso", "31/02/2024", "bad"),
            ("iso", "2025-02-30", "bad"),
            ("iso", "9999-12-31", "open"),
            ("iso", "0000-00-00", "open"),
            ("dd.MM.yyyy", "04.03.2025", "2025-03-04"),
            ("dd.MM.yyyy", "4.3.2025", "2025-03-04"),
            ("dd.MM.yyyy", "04.03.2025 00:00:00", "2025-03-04"),
            ("dd.MM.yyyy", "31.12.9999", "open"),
            ("dd.MM.yyyy", "31.02.2025", "bad"),
            ("dd.MM.yyyy", "2025-03-04", "bad"),
            ("MM/dd/yyyy", "03/04/2025", "2025-03-04"),
            ("MM/dd/yyyy", "13/04/2025", "bad"),
            ("M/d/yy", "3/4/25", "2025-03-04"),
            ("M/d/yy", "3/4/75", "1975-03-04"),
            ("yyyyMMdd", "20250304", "2025-03-04"),
            ("yyyyMMdd", "00000000", "open"),
            ("ddMMyyyy", "04032025", "2025-03-04"),
            ("dd-MMM-yyyy", "04-Mar-2025", "2025-03-04"),
            ("d MMMM yyyy", "4 août 2025", "2025-08-04"),
            ("dd MMM yyyy", "04 juil. 2025", "2025-07-04"),
            ("yyyy/MM/dd", "2025/03/04", "2025-03-04"),
            ("dd/MM/yyyy HH:mm", "04/03/2025 09:30", "2025-03-04"),
            ("excel", "45720", "2025-03-04"),
            ("epoch", "1741046400", "2025-03-04"),
            ("epoch_ms", "/Date(1741046400000+0000)/", "2025-03-04"),
            ("iso", "", "open"),
            ("iso", "soon", "bad"),
            ("iso", "ab\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", "bad"),
        ] {
            let found = match DateFormat::parse(format).unwrap().read(cell) {
                Parsed::Open => "open".to_string(),
                Parsed::Bad => "bad".to_string(),
                Parsed::Date(date) => date.to_string(),
            };
            assert_eq!(found, expected, "{format} {cell}");
        }
        assert_eq!(DateFormat::parse("dd.MM"), None);
        assert_eq!(from_day_number(day_number(jiff::civil::date(2025, 3, 4))), jiff::civil::date(2025, 3, 4));
    }
}
