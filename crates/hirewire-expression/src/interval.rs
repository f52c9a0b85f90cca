//! The interval codes of `DateAdd` and `DateDiff` (`spec/expressions.md §8.3`, §8.4).

use crate::datetime::{DAY, DateTime, SECOND};

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interval {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// The codes, for messages.
pub(crate) const CODES: &str = "`yyyy`, `m`, `ww`, `d`, `h`, `n` (minute), `s`";

impl Interval {
    /// Codes are lower case; Connect Sync's `q`, `y`, `w` do not exist here.
    pub(crate) fn find(code: &str) -> Option<Self> {
        Some(match code {
            "yyyy" => Self::Year,
            "m" => Self::Month,
            "ww" => Self::Week,
            "d" => Self::Day,
            "h" => Self::Hour,
            "n" => Self::Minute,
            "s" => Self::Second,
            _ => return None,
        })
    }

    /// `None` when the result leaves the years 1 to 9999.
    pub(crate) fn add(self, moment: DateTime, count: i64) -> Option<DateTime> {
        match self {
            Self::Year => moment.checked_add_months(count.checked_mul(12)?),
            Self::Month => moment.checked_add_months(count),
            Self::Week => moment.checked_add(count.checked_mul(7 * DAY)?),
            Self::Day => moment.checked_add(count.checked_mul(DAY)?),
            Self::Hour => moment.checked_add(count.checked_mul(3600 * SECOND)?),
            Self::Minute => moment.checked_add(count.checked_mul(60 * SECOND)?),
            Self::Second => moment.checked_add(count.checked_mul(SECOND)?),
        }
    }

    /// `to − from`: years and months by the calendar, the rest as whole units of elapsed time; weeks between
    /// the Sundays of both weeks [I].
    pub(crate) fn between(self, from: DateTime, to: DateTime) -> i64 {
        let elapsed = to.ticks() - from.ticks();
        let (a, b) = (from.civil(), to.civil());
        match self {
            Self::Year => i64::from(b.year - a.year),
            Self::Month => i64::from(b.year - a.year) * 12 + i64::from(b.month) - i64::from(a.month),
            Self::Week => {
                let back = i64::from(from.weekday()) - i64::from(to.weekday());
                (elapsed + back * DAY) / DAY / 7
            }
            Self::Day => elapsed / DAY,
            Self::Hour => elapsed / (3600 * SECOND),
            Self::Minute => elapsed / (60 * SECOND),
            Self::Second => elapsed / SECOND,
        }
    }
}
