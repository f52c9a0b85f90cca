//! .NET date formats, custom and standard, in the invariant culture (`spec/expressions.md §8.2`).

mod read;
mod write;

pub(crate) use read::{STYLES, Styles};

/// A format, ready to read and to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DateFormat {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// `d` … `dddd`, and so on: the number of letters.
    Day(usize),
    Month(usize),
    Year(usize),
    Hour12(usize),
    Hour24(usize),
    Minute(usize),
    Second(usize),
    /// `f` … `fffffff`.
    Fraction(usize),
    /// `F` … `FFFFFFF`: without trailing zeros.
    ShortFraction(usize),
    Half(usize),
    Era,
    /// `K`.
    Zone,
    /// `z`, `zz`, `zzz`.
    Offset(usize),
    /// `Z` without quotes: a literal in print, the mark of UTC when read.
    Utc,
    Literal(char),
}

/// Whether a moment is known to be UTC; decides what `K` and `z` print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text had no offset.
    Unspecified,
    /// The text said `Z`.
    Utc,
    /// The text had an offset; .NET converts to the server's local time, and ours is UTC [U].
    Local,
}

impl DateFormat {
    /// Takes a format apart; the error says what is wrong with it.
    pub(crate) fn new(format: &str) -> Result<Self, String> {
        let mut letters = format.chars();
        if let (Some(letter), None) = (letters.next(), letters.next()) {
            return Ok(Self { items: custom(standard(letter)?)? });
        }
        Ok(Self { items: custom(format)? })
    }
}

/// The custom format that a standard one stands for, in the invariant culture.
fn standard(letter: char) -> Result<&'static str, String> {
    Ok(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'M' | 'm' => "MMMM dd",
        'O' | 'o' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
        'R' | 'r' => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        'Y' | 'y' => "yyyy MMMM",
        other => {
            return Err(format!(
                "`{other}` alone is no date format; a single specifier is written `%{other}`"
            ));
        }
    })
}

fn custom(format: &str) -> Result<Vec<Item>, String> {
    if format.is_empty() {
        return Err("it is empty".to_owned());
    }
    let chars: Vec<char> = format.chars().collect();
    let mut items = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        match c {
            '\'' | '"' => at = quoted(&chars, at, &mut items)?,
            '\\' => {
                let Some(next) = chars.get(at + 1) else { return Err("it ends in a backslash".to_owned()) };
                items.push(Item::Literal(*next));
                at += 2;
            }
            '%' => {
                match chars.get(at + 1) {
                    None | Some('%') => return Err("`%` stands before a single specifier".to_owned()),
                    Some(_) => {}
                }
                at += 1;
            }
            _ => {
                let count = chars[at..].iter().take_while(|other| **other == c).count();
                at += specifier(c, count, &mut items)?;
            }
        }
    }
    Ok(items)
}

fn quoted(chars: &[char], start: usize, items: &mut Vec<Item>) -> Result<usize, String> {
    let mut at = start + 1;
    while let Some(c) = chars.get(at) {
        if *c == chars[start] {
            return Ok(at + 1);
        }
        if *c == '\\' {
            at += 1;
        }
        let Some(c) = chars.get(at) else { break };
        items.push(Item::Literal(*c));
        at += 1;
    }
    Err(format!("the quote {} never ends", chars[start]))
}

/// One specifier or literal of `count` equal characters; gives how many of them it took.
fn specifier(c: char, count: usize, items: &mut Vec<Item>) -> Result<usize, String> {
    let item = match c {
        'd' => Item::Day(count.min(4)),
        'M' => Item::Month(count.min(4)),
        'y' if count > 9 => return Err("a year has at most nine digits".to_owned()),
        'y' => Item::Year(count),
        'h' => Item::Hour12(count.min(2)),
        'H' => Item::Hour24(count.min(2)),
        'm' => Item::Minute(count.min(2)),
        's' => Item::Second(count.min(2)),
        'f' | 'F' if count > 7 => return Err("fractions have at most seven digits".to_owned()),
        'f' => Item::Fraction(count),
        'F' => Item::ShortFraction(count),
        't' => Item::Half(count.min(2)),
        'g' => Item::Era,
        'z' => Item::Offset(count.min(3)),
        'K' => {
            items.push(Item::Zone);
            return Ok(1);
        }
        'Z' => {
            items.push(Item::Utc);
            return Ok(1);
        }
        literal => {
            items.push(Item::Literal(literal));
            return Ok(1);
        }
    };
    items.push(item);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datetime::DateTime;

    fn moment() -> DateTime {
        crate::cdate::parse("2024-03-05T16:07:09.1200000Z").expect("a date")
    }

    #[test]
    fn formats_print() {
        let cases = [
            ("d.M.yy", "5.3.24"),
            ("dd MMM yyyy", "05 Mar 2024"),
            ("dddd, d MMMM yyyy", "Tuesday, 5 March 2024"),
            ("h:mm tt", "4:07 PM"),
            ("hh t", "04 P"),
            ("HH:mm:ss.fff", "16:07:09.120"),
            ("ss.FFF", "09.12"),
            ("ss.FFFFFFF", "09.12"),
            ("%d", "5"),
            ("'Day' d", "Day 5"),
            ("\\d d", "d 5"),
            ("yyyyy", "02024"),
            ("yyy", "2024"),
            ("%y", "24"),
            ("yyyyMMddHHmmss.0Z", "20240305160709.0Z"),
            ("d", "03/05/2024"),
            ("o", "2024-03-05T16:07:09.1200000Z"),
            ("s", "2024-03-05T16:07:09"),
            ("u", "2024-03-05 16:07:09Z"),
            ("r", "Tue, 05 Mar 2024 16:07:09 GMT"),
            ("yyyy-MM-ddTHH:mm:sszzz", "2024-03-05T16:07:09+00:00"),
            ("zz %z", "+00 +0"),
            ("gg", "A.D."),
            ("KK", "ZZ"),
            ("dd/MM yyyy", "05/03 2024"),
        ];
        for (format, expected) in cases {
            let compiled = DateFormat::new(format).expect(format);
            assert_eq!(compiled.print(moment(), Kind::Utc), expected, "{format}");
        }
        let whole = crate::cdate::parse("2024-03-05").expect("a date");
        assert_eq!(DateFormat::new("ss.FFF").map(|f| f.print(whole, Kind::Unspecified)), Ok("00".to_owned()));
        assert_eq!(DateFormat::new("ssK").map(|f| f.print(whole, Kind::Unspecified)), Ok("00".to_owned()));
    }

    #[test]
    fn bad_formats_are_refused() {
        for format in ["", "x", "%", "%%", "yyyy'", "d\\", "ffffffff", "yyyyyyyyyy", "q"] {
            assert!(DateFormat::new(format).is_err(), "{format}");
        }
    }

    #[test]
    fn formats_read() {
        let cases = [
            ("yyyy-MM-dd", "2024-03-05", Some("3/5/2024 12:00:00 AM")),
            ("yyyy-MM-dd", " 2024-03-05 ", Some("3/5/2024 12:00:00 AM")),
            ("yyyy-MM-dd", "2024-3-5", None),
            ("yyyy-M-d", "2024-12-15", Some("12/15/2024 12:00:00 AM")),
            ("yyyy-MM-dd", "2024-02-30", None),
            ("yyyyMMddHHmmss.fZ", "20150123105347.1Z", Some("1/23/2015 10:53:47 AM")),
            ("yyyy-MM-ddzzz", "2020-12-31-08:00", Some("12/31/2020 8:00:00 AM")),
            ("yyyy-MM-ddzzz", "2020-12-31+08:00", Some("12/30/2020 4:00:00 PM")),
            ("yyyy-MM-ddTHH:mm:ssK", "2020-12-31T01:02:03Z", Some("12/31/2020 1:02:03 AM")),
            ("yyyy-MM-ddTHH:mm:ssK", "2020-12-31T01:02:03+01:00", Some("12/31/2020 12:02:03 AM")),
            ("yyyy-MM-ddTHH:mm:ssK", "2020-12-31T01:02:03", Some("12/31/2020 1:02:03 AM")),
            ("yyyy-MM-dd HH:mm:ss.FFF", "2020-12-31 01:02:03.5", Some("12/31/2020 1:02:03 AM")),
            ("yyyy-MM-dd HH:mm:ss.FFF", "2020-12-31 01:02:03", Some("12/31/2020 1:02:03 AM")),
            ("M/d/yyyy h:mm:ss tt", "3/5/2024 12:07:09 am", Some("3/5/2024 12:07:09 AM")),
            ("M/d/yyyy h:mm:ss tt", "3/5/2024 13:07:09 PM", None),
            ("dd MMM yyyy", "05 MAR 2024", Some("3/5/2024 12:00:00 AM")),
            ("d MMMM yy", "5 may 49", Some("5/5/2049 12:00:00 AM")),
            ("d MMMM yy", "5 May 50", Some("5/5/1950 12:00:00 AM")),
            ("dddd d.M.yyyy", "Tuesday 5.3.2024", Some("3/5/2024 12:00:00 AM")),
            ("dddd d.M.yyyy", "Monday 5.3.2024", None),
            ("HH:mm", "16:07", Some("7/30/2025 4:07:00 PM")),
            ("MM-dd", "12-24", Some("12/24/2025 12:00:00 AM")),
            ("MMMM yyyy", "May 2020", Some("5/1/2020 12:00:00 AM")),
            ("yyyy yyyy", "2020 2021", None),
            ("o", "2024-03-05T16:07:09.1200000Z", Some("3/5/2024 4:07:09 PM")),
            ("yyyy", "é024", None),
            ("yyyy-MM-dd", "2024-03-05x", None),
            ("yyyy-MM-dd", "", None),
        ];
        let today = crate::cdate::parse("2025-07-30T09:00:00Z").expect("a date");
        for (format, text, expected) in cases {
            let compiled = DateFormat::new(format).expect(format);
            let read = compiled.read(text, Styles::default(), today).map(|(moment, _)| moment.to_string());
            assert_eq!(read.as_deref(), expected, "{format} {text}");
        }
    }
}
