//! Points in time as .NET counts them: 100-ns ticks since year 1, with the kind of the text they came from.

/// Ticks of one second.
pub(crate) const TICKS_PER_SECOND: i64 = 10_000_000;
/// Ticks of one day.
pub(crate) const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;
/// Ticks from year 1 to 1970.
pub(crate) const UNIX_EPOCH: i64 = 621_355_968_000_000_000;
const MAX_TICKS: i64 = 3_155_378_975_999_999_999;

/// What the text said about its zone (`spec/workflows.md` §5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No zone: printed without one.
    Unspecified,
    /// `Z`: printed with `Z`.
    Utc,
    /// A numeric offset: converted to UTC and printed with `+00:00`.
    Offset,
}

/// A date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// 100-ns units since 0001-01-01T00:00:00.
    pub ticks: i64,
    /// The kind of zone.
    pub kind: Kind,
}

/// A date in the calendar with its time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) fraction: u32,
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 0001-01-01.
fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let shifted = i64::from((month + 9) % 12);
    let doy = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 306
}

fn civil_from_days(days: i64) -> (i32, u32, u32) {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    ((yoe + era * 400 + i64::from(month <= 2)) as i32, month, day)
}

impl DateTime {
    /// The UTC moment of a Unix time in nanoseconds, clamped to the years 1 to 9999.
    pub fn from_unix_nanoseconds(nanoseconds: i128) -> Self {
        let ticks = (nanoseconds.div_euclid(100) + i128::from(UNIX_EPOCH)).clamp(0, i128::from(MAX_TICKS));
        Self { ticks: ticks as i64, kind: Kind::Utc }
    }

    /// Nanoseconds since 1970, taking the ticks as UTC.
    pub fn unix_nanoseconds(&self) -> i128 {
        (i128::from(self.ticks) - i128::from(UNIX_EPOCH)) * 100
    }

    /// Reads an ISO 8601 text with `Z`, an offset, or no zone.
    pub fn parse(text: &str) -> Option<Self> {
        super::date_parse::parse(text, super::culture::english())
    }

    /// The round-trip form `2026-01-15T10:30:00.0000000Z`.
    pub fn round_trip(&self) -> String {
        super::date_format::format(self, "o", super::culture::english()).unwrap_or_default()
    }

    pub(crate) fn from_civil(c: &Civil, kind: Kind) -> Option<Self> {
        let good = (1..=9999).contains(&c.year)
            && (1..=12).contains(&c.month)
            && (1..=days_in_month(c.year, c.month)).contains(&c.day)
            && c.hour < 24
            && c.minute < 60
            && c.second < 60;
        if !good {
            return None;
        }
        let seconds = i64::from(c.hour) * 3_600 + i64::from(c.minute) * 60 + i64::from(c.second);
        let ticks = days_from_civil(c.year, c.month, c.day) * TICKS_PER_DAY
            + seconds * TICKS_PER_SECOND
            + i64::from(c.fraction);
        Some(Self { ticks, kind })
    }

    pub(crate) fn civil(&self) -> Civil {
        let days = self.ticks.div_euclid(TICKS_PER_DAY);
        let rest = self.ticks.rem_euclid(TICKS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        let seconds = rest / TICKS_PER_SECOND;
        Civil {
            year,
            month,
            day,
            hour: (seconds / 3_600) as u32,
            minute: (seconds / 60 % 60) as u32,
            second: (seconds % 60) as u32,
            fraction: (rest % TICKS_PER_SECOND) as u32,
        }
    }

    /// 0 for Sunday to 6 for Saturday.
    pub(crate) fn weekday(&self) -> u32 {
        (self.ticks.div_euclid(TICKS_PER_DAY) + 1).rem_euclid(7) as u32
    }

    pub(crate) fn day_of_year(&self) -> u32 {
        let c = self.civil();
        (days_from_civil(c.year, c.month, c.day) - days_from_civil(c.year, 1, 1)) as u32 + 1
    }

    pub(crate) fn plus_ticks(self, ticks: i64) -> Option<Self> {
        let ticks = self.ticks.checked_add(ticks).filter(|t| (0..=MAX_TICKS).contains(t))?;
        Some(Self { ticks, ..self })
    }

    /// Adds months and clamps to the month's end.
    pub(crate) fn plus_months(self, months: i64) -> Option<Self> {
        let mut c = self.civil();
        let total = i64::from(c.year) * 12 + i64::from(c.month) - 1;
        let total = total.checked_add(months)?;
        c.year = i32::try_from(total.div_euclid(12)).ok()?;
        c.month = total.rem_euclid(12) as u32 + 1;
        c.day = c.day.min(days_in_month(c.year, c.month));
        Self::from_civil(&c, self.kind)
    }
}
