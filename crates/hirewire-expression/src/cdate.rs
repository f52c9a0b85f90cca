//! Date texts that `CDate` and its relatives read (`spec/expressions.md §8.1`).

use crate::datetime::{Civil, DateTime, SECOND};

/// Two-digit years up to this one belong to the 2000s [U].
pub(crate) const LAST_SHORT_YEAR: i32 = 49;

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(crate) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The four-digit year of a two-digit one.
pub(crate) fn full_year(short: i32) -> i32 {
    if short <= LAST_SHORT_YEAR { 2000 + short } else { 1900 + short }
}

/// Reads a date, optionally with time and offset, as a moment in UTC. Without an offset the text is UTC.
/// `None` for everything that is no date, day-first texts and invalid calendar dates among it.
pub(crate) fn parse(text: &str) -> Option<DateTime> {
    let mut reader = Reader { rest: text.trim() };
    let weekday = reader.weekday();
    let (year, month, day) = reader.date()?;
    let time = reader.time()?;
    let offset = reader.offset()?;
    reader.blanks();
    if !reader.rest.is_empty() {
        return None;
    }
    let (hour, minute, second, ticks) = time;
    let local = DateTime::from_civil(Civil { year, month, day, hour, minute, second, ticks })?;
    if weekday.is_some_and(|weekday| weekday != local.weekday()) {
        return None;
    }
    local.checked_add(-i64::from(offset) * 60 * SECOND)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn blanks(&mut self) -> bool {
        let trimmed = self.rest.trim_start();
        let found = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        found
    }

    fn take(&mut self, c: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(c) else { return false };
        self.rest = rest;
        true
    }

    /// Digits, with their number; at most `most` of them.
    fn digits(&mut self, most: usize) -> Option<(u32, usize)> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 || count > most {
            return None;
        }
        let value = self.rest[..count].parse().ok()?;
        self.rest = &self.rest[count..];
        Some((value, count))
    }

    fn letters(&self) -> &str {
        let count = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        &self.rest[..count]
    }

    /// A name out of a list, in full or as its first three letters, in any case.
    fn name(&mut self, names: &[&str]) -> Option<u32> {
        let word = self.letters();
        let matches = |name: &&str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
        let index = names.iter().position(matches)?;
        self.rest = &self.rest[word.len()..];
        u32::try_from(index).ok()
    }

    fn weekday(&mut self) -> Option<u32> {
        let found = self.name(&WEEKDAYS)?;
        self.take(',');
        self.blanks();
        Some(found)
    }

    fn date(&mut self) -> Option<(i32, u32, u32)> {
        if let Some(month) = self.name(&MONTHS) {
            return self.month_first(month + 1);
        }
        let (first, digits) = self.digits(4)?;
        if digits >= 3 {
            return self.year_first(i32::try_from(first).ok()?, digits);
        }
        if self.take('/') {
            let (day, _) = self.digits(2)?;
            let year = if self.take('/') { self.year()? } else { return None };
            return Some((year, first, day));
        }
        if self.take('-') {
            if let Some(month) = self.name(&MONTHS) {
                let year = if self.take('-') { self.year()? } else { return None };
                return Some((year, month + 1, first));
            }
            let (day, _) = self.digits(2)?;
            let year = if self.take('-') { self.year()? } else { return None };
            return Some((year, first, day));
        }
        // `25 December 2007`
        self.blanks();
        let month = self.name(&MONTHS)? + 1;
        self.take(',');
        self.blanks();
        Some((self.year()?, month, first))
    }

    /// `December 25, 2007` behind the month.
    fn month_first(&mut self, month: u32) -> Option<(i32, u32, u32)> {
        self.blanks();
        let (day, _) = self.digits(2)?;
        let separated = self.take(',') | self.blanks();
        if !separated {
            return None;
        }
        Some((self.year()?, month, day))
    }

    /// `2021-08-24` and `2021/8/24` behind the year.
    fn year_first(&mut self, year: i32, digits: usize) -> Option<(i32, u32, u32)> {
        if digits != 4 {
            return None;
        }
        let separator = if self.take('-') {
            '-'
        } else if self.take('/') {
            '/'
        } else {
            return None;
        };
        let (month, _) = self.digits(2)?;
        if !self.take(separator) {
            return None;
        }
        let (day, _) = self.digits(2)?;
        Some((year, month, day))
    }

    fn year(&mut self) -> Option<i32> {
        let (value, digits) = self.digits(4)?;
        let value = i32::try_from(value).ok()?;
        match digits {
            4 => Some(value),
            1 | 2 => Some(full_year(value)),
            _ => None,
        }
    }

    /// Hour, minute, second and ticks; midnight when there is no time.
    fn time(&mut self) -> Option<(u32, u32, u32, u32)> {
        let before = self.rest;
        let separated = if self.rest.starts_with(['T', 't']) {
            self.rest = &self.rest[1..];
            true
        } else {
            let comma = self.take(',');
            self.blanks() | comma
        };
        if !separated || !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            // An offset may follow the date; a lone `T` may not.
            let lone = separated && before.starts_with(['T', 't']);
            return (!lone).then_some((0, 0, 0, 0));
        }
        let (hour, _) = self.digits(2)?;
        let (mut minute, mut second, mut ticks) = (0, 0, 0);
        let with_minutes = self.take(':');
        if with_minutes {
            minute = self.two_digits()?;
            if self.take(':') {
                second = self.two_digits()?;
                if self.take('.') {
                    ticks = self.fraction()?;
                }
            }
        }
        let hour = match self.half()? {
            None if with_minutes => hour,
            None => return None,
            Some(_) if hour > 12 => return None,
            Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        };
        Some((hour, minute, second, ticks))
    }

    fn two_digits(&mut self) -> Option<u32> {
        self.digits(2).filter(|(_, count)| *count == 2).map(|(value, _)| value)
    }

    /// A fraction of a second in ticks; digits beyond the seventh are cut off.
    fn fraction(&mut self) -> Option<u32> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        let ticks = (0..7).fold(0, |value, index| {
            let digit = if index < count { u32::from(self.rest.as_bytes()[index] - b'0') } else { 0 };
            value * 10 + digit
        });
        self.rest = &self.rest[count..];
        Some(ticks)
    }

    /// `AM` or `PM`, if there is one.
    fn half(&mut self) -> Option<Option<bool>> {
        let before = self.rest;
        self.blanks();
        let afternoon = match self.letters() {
            word if word.eq_ignore_ascii_case("AM") => false,
            word if word.eq_ignore_ascii_case("PM") => true,
            _ => {
                self.rest = before;
                return Some(None);
            }
        };
        self.rest = &self.rest[2..];
        Some(Some(afternoon))
    }

    /// Minutes east of UTC; 0 when there is no offset.
    fn offset(&mut self) -> Option<i32> {
        self.blanks();
        for name in ["GMT", "UTC", "Z", "z"] {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                return Some(0);
            }
        }
        let sign = if self.take('+') {
            1
        } else if self.take('-') {
            -1
        } else {
            return Some(0);
        };
        let (hours, minutes) = match self.digits(4)? {
            (hours, 1 | 2) => {
                let minutes = if self.take(':') { self.two_digits()? } else { 0 };
                (hours, minutes)
            }
            (both, 4) => (both / 100, both % 100),
            _ => return None,
        };
        let total = hours * 60 + minutes;
        if minutes > 59 || total > 14 * 60 {
            return None;
        }
        i32::try_from(total).ok().map(|total| sign * total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_their_moments() {
        let cases = [
            ("2020-03-16-07:00", Some("3/16/2020 7:00:00 AM")),
            ("2021-06-30+08:00", Some("6/29/2021 4:00:00 PM")),
            ("2009-06-15T01:45:30-07:00", Some("6/15/2009 8:45:30 AM")),
            ("2021-08-24", Some("8/24/2021 12:00:00 AM")),
            ("2021-8-4", Some("8/4/2021 12:00:00 AM")),
            ("2021/08/24", Some("8/24/2021 12:00:00 AM")),
            ("8/25/2021 5:41:18 PM", Some("8/25/2021 5:41:18 PM")),
            ("12/25/2007", Some("12/25/2007 12:00:00 AM")),
            ("12/25/07", Some("12/25/2007 12:00:00 AM")),
            ("12/25/50", Some("12/25/1950 12:00:00 AM")),
            ("2012-01-01 23:00:00", Some("1/1/2012 11:00:00 PM")),
            ("2013-01-10 4:00 PM -8", Some("1/11/2013 12:00:00 AM")),
            ("2013-01-10 4 PM", Some("1/10/2013 4:00:00 PM")),
            ("2021-05-01T00:00:00-05:00", Some("5/1/2021 5:00:00 AM")),
            ("2021-05-01T00:00:00.1234567Z", Some("5/1/2021 12:00:00 AM")),
            ("2021-05-01T00:00:00 Z", Some("5/1/2021 12:00:00 AM")),
            ("2021-05-01 12:30 AM", Some("5/1/2021 12:30:00 AM")),
            ("2021-05-01T10:00+0530", Some("5/1/2021 4:30:00 AM")),
            ("9999-12-31T23:59:59.9999999Z", Some("12/31/9999 11:59:59 PM")),
            ("0001-01-01", Some("1/1/0001 12:00:00 AM")),
            ("  2021-08-24  ", Some("8/24/2021 12:00:00 AM")),
            ("25 December 2007", Some("12/25/2007 12:00:00 AM")),
            ("December 25, 2007 10:00", Some("12/25/2007 10:00:00 AM")),
            ("25-Dec-2007", Some("12/25/2007 12:00:00 AM")),
            ("Tue, 25 Dec 2007 10:00:00 GMT", Some("12/25/2007 10:00:00 AM")),
            ("Mon, 25 Dec 2007 10:00:00 GMT", None),
            ("31/12/2020", None),
            ("2023-02-29", None),
            ("2021-13-01", None),
            ("2021-05-01T24:00:00", None),
            ("2021-05-01T", None),
            ("2021-05-01T10", None),
            ("2021-05-01 13:00 PM", None),
            ("2021-05-01T10:00:00+15:00", None),
            ("9999-12-31T23:59:59-04:00", None),
            ("0001-01-01T00:00:00+01:00", None),
            ("20210824", None),
            ("2021-08-24 x", None),
            ("not a date", None),
            ("soon", None),
            ("", None),
            ("é", None),
            ("2021-08-24é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(|moment| moment.to_string()).as_deref(), expected, "{text}");
        }
    }
}
