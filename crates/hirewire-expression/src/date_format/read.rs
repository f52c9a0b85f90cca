//! Reading: every part of the format must be found, and nothing else.

use super::{DateFormat, Item, Kind};
use crate::cdate::{MONTHS, WEEKDAYS, full_year};
use crate::datetime::{Civil, DateTime, SECOND};

/// .NET's `DateTimeStyles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Styles {
    leading: bool,
    trailing: bool,
    inner: bool,
    no_current_date: bool,
    adjust: bool,
    assume_local: bool,
    assume_universal: bool,
    roundtrip: bool,
}

/// The style names, for messages.
pub(crate) const STYLES: &str = "`None`, `AllowLeadingWhite`, `AllowTrailingWhite`, `AllowInnerWhite`, \
     `AllowWhiteSpaces`, `NoCurrentDateDefault`, `AdjustToUniversal`, `AssumeLocal`, `AssumeUniversal`, \
     `RoundtripKind`";

impl Default for Styles {
    /// The documented default: `RoundtripKind, AllowLeadingWhite, AllowTrailingWhite`.
    fn default() -> Self {
        Self { leading: true, trailing: true, roundtrip: true, ..Self::NONE }
    }
}

impl Styles {
    const NONE: Self = Self {
        leading: false,
        trailing: false,
        inner: false,
        no_current_date: false,
        adjust: false,
        assume_local: false,
        assume_universal: false,
        roundtrip: false,
    };

    /// Names separated by commas; `None` for an unknown name and for combinations that .NET refuses.
    pub(crate) fn parse(names: &str) -> Option<Self> {
        let mut styles = Self::NONE;
        for name in names.split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "none" => {}
                "allowleadingwhite" => styles.leading = true,
                "allowtrailingwhite" => styles.trailing = true,
                "allowinnerwhite" => styles.inner = true,
                "allowwhitespaces" => (styles.leading, styles.trailing, styles.inner) = (true, true, true),
                "nocurrentdatedefault" => styles.no_current_date = true,
                "adjusttouniversal" => styles.adjust = true,
                "assumelocal" => styles.assume_local = true,
                "assumeuniversal" => styles.assume_universal = true,
                "roundtripkind" => styles.roundtrip = true,
                _ => return None,
            }
        }
        let contradicts = (styles.assume_local && styles.assume_universal)
            || (styles.roundtrip && (styles.assume_local || styles.assume_universal || styles.adjust));
        (!contradicts).then_some(styles)
    }
}

/// What was read so far; a part that occurs twice must agree with itself.
#[derive(Default)]
struct Parts {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    weekday: Option<u32>,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    ticks: Option<u32>,
    afternoon: Option<u32>,
    twelve_hours: bool,
    /// Minutes east of UTC, and whether the text said `Z`.
    offset: Option<(i32, bool)>,
}

fn agree(slot: &mut Option<u32>, value: u32) -> Option<()> {
    if slot.is_some_and(|known| known != value) {
        return None;
    }
    *slot = Some(value);
    Some(())
}

impl DateFormat {
    /// Reads a text as a moment in UTC; `None` when it does not have this form. `today` completes a text without
    /// a date.
    pub(crate) fn read(&self, text: &str, styles: Styles, today: DateTime) -> Option<(DateTime, Kind)> {
        let mut text = text;
        let mut items = self.items.as_slice();
        let blank = |item: &Item| matches!(item, Item::Literal(c) if c.is_whitespace());
        if styles.leading {
            text = text.trim_start();
            while let [first, rest @ ..] = items
                && blank(first)
            {
                items = rest;
            }
        }
        if styles.trailing {
            text = text.trim_end();
            while let [rest @ .., last] = items
                && blank(last)
            {
                items = rest;
            }
        }
        let mut reader = Reader { rest: text, parts: Parts::default() };
        let mut index = 0;
        while let Some(item) = items.get(index) {
            index += 1;
            if styles.inner {
                reader.rest = reader.rest.trim_start();
                if blank(item) {
                    continue;
                }
            }
            // `.FFF` may be absent together with its point.
            if *item == Item::Literal('.')
                && matches!(items.get(index), Some(Item::ShortFraction(_)))
                && !reader.rest.starts_with('.')
            {
                index += 1;
                continue;
            }
            reader.item(item)?;
        }
        if styles.inner {
            reader.rest = reader.rest.trim_start();
        }
        if !reader.rest.is_empty() {
            return None;
        }
        reader.parts.moment(styles, today)
    }
}

struct Reader<'t> {
    rest: &'t str,
    parts: Parts,
}

impl Reader<'_> {
    fn item(&mut self, item: &Item) -> Option<()> {
        match *item {
            Item::Day(width @ (3 | 4)) => {
                let weekday = self.name(&WEEKDAYS, width == 3)?;
                agree(&mut self.parts.weekday, weekday)
            }
            Item::Day(width) => {
                let day = self.number(width)?;
                agree(&mut self.parts.day, day)
            }
            Item::Month(width @ (3 | 4)) => {
                let month = self.name(&MONTHS, width == 3)? + 1;
                agree(&mut self.parts.month, month)
            }
            Item::Month(width) => {
                let month = self.number(width)?;
                agree(&mut self.parts.month, month)
            }
            Item::Year(width) => {
                let year = self.number(width)?;
                let year =
                    if width <= 2 { full_year(i32::try_from(year).ok()?).unsigned_abs() } else { year };
                agree(&mut self.parts.year, year)
            }
            Item::Hour12(width) => {
                self.parts.twelve_hours = true;
                let hour = self.number(width)?;
                agree(&mut self.parts.hour, hour)
            }
            Item::Hour24(width) => {
                let hour = self.number(width)?;
                agree(&mut self.parts.hour, hour)
            }
            Item::Minute(width) => {
                let minute = self.number(width)?;
                agree(&mut self.parts.minute, minute)
            }
            Item::Second(width) => {
                let second = self.number(width)?;
                agree(&mut self.parts.second, second)
            }
            Item::Fraction(width) => {
                let count = self.count_digits().min(width);
                if count < width {
                    return None;
                }
                self.fraction(count)
            }
            Item::ShortFraction(width) => {
                let count = self.count_digits().min(width);
                self.fraction(count)
            }
            Item::Half(width) => self.half(width),
            Item::Era => self.one_of(&["A.D.", "AD"]).map(|_| ()),
            Item::Zone => self.zone(),
            Item::Offset(width) => {
                let offset = self.offset(width)?;
                self.set_offset(offset, false)
            }
            Item::Utc => {
                self.one_of(&["Z", "GMT"])?;
                self.set_offset(0, true)
            }
            Item::Literal(c) => {
                self.rest = self.rest.strip_prefix(c)?;
                Some(())
            }
        }
    }

    fn count_digits(&self) -> usize {
        self.rest.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// One or two digits for a width of 1, else exactly as many as the width.
    fn number(&mut self, width: usize) -> Option<u32> {
        let found = self.count_digits();
        let count = if width == 1 { found.min(2) } else { width };
        if count == 0 || found < count {
            return None;
        }
        let value = self.rest[..count].parse().ok()?;
        self.rest = &self.rest[count..];
        Some(value)
    }

    fn fraction(&mut self, count: usize) -> Option<()> {
        let ticks = (0..7).fold(0, |value, index| {
            let digit = if index < count { u32::from(self.rest.as_bytes()[index] - b'0') } else { 0 };
            value * 10 + digit
        });
        self.rest = &self.rest[count..];
        agree(&mut self.parts.ticks, ticks)
    }

    fn starts_with(&self, name: &str) -> bool {
        self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    }

    fn one_of(&mut self, names: &[&str]) -> Option<usize> {
        let index = names.iter().position(|name| self.starts_with(name))?;
        self.rest = &self.rest[names[index].len()..];
        Some(index)
    }

    fn name(&mut self, names: &[&str], short: bool) -> Option<u32> {
        let index = if short {
            let index = names.iter().position(|name| self.starts_with(&name[..3]))?;
            self.rest = &self.rest[3..];
            index
        } else {
            self.one_of(names)?
        };
        u32::try_from(index).ok()
    }

    fn half(&mut self, width: usize) -> Option<()> {
        let names = if width == 1 { ["A", "P"] } else { ["AM", "PM"] };
        let half = self.one_of(&names)?;
        agree(&mut self.parts.afternoon, u32::from(half == 1))
    }

    /// `Z`, an offset, or nothing.
    fn zone(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix(['Z', 'z']) {
            self.rest = rest;
            return self.set_offset(0, true);
        }
        if self.rest.starts_with(['+', '-']) {
            let offset = self.offset(3)?;
            return self.set_offset(offset, false);
        }
        Some(())
    }

    fn set_offset(&mut self, minutes: i32, utc: bool) -> Option<()> {
        if self.parts.offset.is_some() {
            return None;
        }
        self.parts.offset = Some((minutes, utc));
        Some(())
    }

    fn offset(&mut self, width: usize) -> Option<i32> {
        let sign = if self.rest.starts_with('+') {
            1
        } else if self.rest.starts_with('-') {
            -1
        } else {
            return None;
        };
        self.rest = &self.rest[1..];
        let hours = self.number(width.min(2))?;
        let minutes = if width == 3 {
            self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
            self.number(2)?
        } else {
            0
        };
        let total = hours * 60 + minutes;
        if minutes > 59 || total > 14 * 60 {
            return None;
        }
        i32::try_from(total).ok().map(|total| sign * total)
    }
}

impl Parts {
    fn moment(&self, styles: Styles, today: DateTime) -> Option<(DateTime, Kind)> {
        let (year, month, day) = self.date(styles, today);
        let local = DateTime::from_civil(Civil {
            year: i32::try_from(year).ok()?,
            month,
            day,
            hour: self.hour()?,
            minute: self.minute.unwrap_or(0),
            second: self.second.unwrap_or(0),
            ticks: self.ticks.unwrap_or(0),
        })?;
        if self.weekday.is_some_and(|weekday| weekday != local.weekday()) {
            return None;
        }
        let kind = match self.offset {
            Some(_) if styles.adjust => Kind::Utc,
            Some((_, true)) if styles.roundtrip => Kind::Utc,
            Some(_) => Kind::Local,
            None if styles.assume_universal && styles.adjust => Kind::Utc,
            None if styles.assume_universal || styles.assume_local => Kind::Local,
            None => Kind::Unspecified,
        };
        let minutes = self.offset.map_or(0, |(minutes, _)| minutes);
        Some((local.checked_add(-i64::from(minutes) * 60 * SECOND)?, kind))
    }

    fn date(&self, styles: Styles, today: DateTime) -> (u32, u32, u32) {
        let today = today.civil();
        if self.year.is_none() && self.month.is_none() && self.day.is_none() {
            if styles.no_current_date {
                return (1, 1, 1);
            }
            return (today.year.unsigned_abs(), today.month, today.day);
        }
        let year = self.year.unwrap_or(today.year.unsigned_abs());
        (year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    fn hour(&self) -> Option<u32> {
        let hour = self.hour.unwrap_or(0);
        if !self.twelve_hours {
            return Some(hour);
        }
        if hour > 12 {
            return None;
        }
        Some(hour % 12 + if self.afternoon == Some(1) { 12 } else { 0 })
    }
}
