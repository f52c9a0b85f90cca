//! Moments in UTC with the range and precision of .NET's `DateTime`: years 1 to 9999, 100 ns.
//!
//! Own type because HR data ends at `9999-12-31T23:59:59.9999999Z` ("no end date").

use std::fmt;

/// Ticks (100 ns) in one second.
pub(crate) const SECOND: i64 = 10_000_000;
/// Ticks in one day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Ticks from 0001-01-01 to 1601-01-01, where AD file times begin.
const FILE_TIME_EPOCH: i64 = 504_911_232_000_000_000;
/// Ticks from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH: i64 = 621_355_968_000_000_000;
/// The last tick of 9999-12-31.
const MAXIMUM: i64 = 3_155_378_975_999_999_999;

/// A moment in UTC, 0001-01-01 to 9999-12-31, in steps of 100 ns.
///
/// Prints as the service prints it: `7/2/2021 3:33:38 PM` (`spec/expressions.md §2.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

/// The calendar parts of a [`DateTime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// 1 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 100-nanosecond ticks within the second, 0 to 9,999,999.
    pub ticks: u32,
}

impl DateTime {
    /// From ticks (100 ns) since 0001-01-01; `None` outside the years 1 to 9999.
    pub fn from_ticks(ticks: i64) -> Option<Self> {
        (0..=MAXIMUM).contains(&ticks).then_some(Self(ticks))
    }

    /// Ticks (100 ns) since 0001-01-01.
    pub fn ticks(self) -> i64 {
        self.0
    }

    /// From seconds since 1970-01-01 UTC; `None` outside the years 1 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_ticks(seconds.checked_mul(SECOND)?.checked_add(UNIX_EPOCH)?)
    }

    /// From nanoseconds since 1970-01-01 UTC, cut to 100 ns; `None` outside the years 1 to 9999.
    pub fn from_unix_nanoseconds(nanoseconds: i128) -> Option<Self> {
        let ticks = i64::try_from(nanoseconds.div_euclid(100)).ok()?;
        Self::from_ticks(ticks.checked_add(UNIX_EPOCH)?)
    }

    /// Whole seconds since 1970-01-01 UTC.
    pub fn unix_seconds(self) -> i64 {
        (self.0 - UNIX_EPOCH).div_euclid(SECOND)
    }

    /// From an AD file time: ticks since 1601-01-01 UTC; `None` when negative or past the year 9999.
    pub fn from_file_time(file_time: i64) -> Option<Self> {
        if file_time < 0 {
            return None;
        }
        Self::from_ticks(file_time.checked_add(FILE_TIME_EPOCH)?)
    }

    /// The AD file time; `None` before 1601.
    pub fn file_time(self) -> Option<i64> {
        let value = self.0 - FILE_TIME_EPOCH;
        (value >= 0).then_some(value)
    }

    /// From calendar parts; `None` when no such moment exists (30 February, hour 24 …).
    pub fn from_civil(civil: Civil) -> Option<Self> {
        let Civil { year, month, day, hour, minute, second, ticks } = civil;
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && i64::from(ticks) < SECOND;
        if !valid {
            return None;
        }
        let seconds = i64::from(hour * 3600 + minute * 60 + second);
        Some(Self(days_before(year, month, day) * DAY + seconds * SECOND + i64::from(ticks)))
    }

    /// The calendar parts.
    pub fn civil(self) -> Civil {
        let (days, rest) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = date_of(days);
        let seconds = rest / SECOND;
        let part = |value: i64| u32::try_from(value).unwrap_or(0);
        Civil {
            year,
            month,
            day,
            hour: part(seconds / 3600),
            minute: part(seconds / 60 % 60),
            second: part(seconds % 60),
            ticks: part(rest % SECOND),
        }
    }

    /// Days from Sunday (0) to Saturday (6).
    pub fn weekday(self) -> u32 {
        // 0001-01-01 was a Monday.
        u32::try_from((self.0 / DAY + 1) % 7).unwrap_or(0)
    }

    /// Adds ticks; `None` when the result leaves the years 1 to 9999.
    pub fn checked_add(self, ticks: i64) -> Option<Self> {
        Self::from_ticks(self.0.checked_add(ticks)?)
    }

    /// Adds months, keeping the day or taking the last one of a shorter month.
    pub fn checked_add_months(self, months: i64) -> Option<Self> {
        let civil = self.civil();
        let index = i64::from(civil.year) * 12 + i64::from(civil.month) - 1;
        let index = index.checked_add(months)?;
        let year = i32::try_from(index.div_euclid(12)).ok()?;
        let month = u32::try_from(index.rem_euclid(12) + 1).ok()?;
        if !(1..=9999).contains(&year) {
            return None;
        }
        let day = civil.day.min(days_in_month(year, month));
        Self::from_civil(Civil { year, month, day, ..civil })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, .. } = self.civil();
        let half = if hour < 12 { "AM" } else { "PM" };
        let hour = (hour + 11) % 12 + 1;
        write!(f, "{month}/{day}/{year:04} {hour}:{minute:02}:{second:02} {half}")
    }
}

/// Number of days of a month of the Gregorian calendar.
pub(crate) fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 0001-01-01 to the given date (years counted from March, as in the usual civil algorithms).
fn days_before(year: i32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era_year = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + era_year * 365 + era_year / 4 - era_year / 100 + day_of_year - 306
}

/// The inverse of [`days_before`].
fn date_of(days: i64) -> (i32, u32, u32) {
    let shifted = days + 306;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let part = |value: i64| u32::try_from(value).unwrap_or(1);
    (i32::try_from(year).unwrap_or(1), part(month), part(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i32, month: u32, day: u32) -> DateTime {
        let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, ticks: 0 };
        DateTime::from_civil(civil).expect("a valid date")
    }

    #[test]
    fn every_day_of_the_range_survives_the_round_trip() {
        let mut days = 0;
        while let Some(moment) = DateTime::from_ticks(days * DAY) {
            let civil = moment.civil();
            assert_eq!(DateTime::from_civil(civil), Some(moment), "{civil:?}");
            days += 1;
        }
        assert_eq!(days, 3_652_059);
    }

    #[test]
    fn known_moments() {
        assert_eq!(at(1970, 1, 1).unix_seconds(), 0);
        assert_eq!(at(1601, 1, 1).file_time(), Some(0));
        assert_eq!(at(1600, 12, 31).file_time(), None);
        assert_eq!(
            DateTime::from_file_time(129_699_324_000_000_000).map(|d| d.to_string()).as_deref(),
            Some("1/1/2012 11:00:00 PM")
        );
        assert_eq!(DateTime::from_file_time(i64::MAX), None);
        assert_eq!(at(2024, 3, 5).weekday(), 2);
        assert_eq!(at(2024, 1, 31).checked_add_months(1), Some(at(2024, 2, 29)));
        assert_eq!(at(9999, 12, 1).checked_add_months(1), None);
        assert_eq!(at(1, 1, 1).checked_add_months(-1), None);
        assert_eq!(at(1, 1, 1).checked_add_months(i64::MIN), None);
    }
}
