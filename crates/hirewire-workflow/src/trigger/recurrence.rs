//! Recurrences: the next moment after a given one (`spec/workflows.md` §7.1).

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};
use serde_json::Value as Json;

use crate::expression::{DateTime, Kind, same_name, time_zone};

/// Unit of a recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Years.
    Year,
}

/// A schedule, read and checked.
#[derive(Debug, Clone)]
pub struct Recurrence {
    frequency: Frequency,
    interval: i64,
    start: Option<DateTime>,
    zone: TimeZone,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    week_days: Vec<i8>,
    month_days: Vec<i8>,
    occurrences: Vec<(i8, i8)>,
}

/// What is wrong with a recurrence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recurrence.{member}: {message}")]
pub struct RecurrenceError {
    /// The member.
    pub member: String,
    /// What is wrong and what would be right.
    pub message: String,
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// How far a schedule is searched before it counts as never firing, in days.
const HORIZON: i32 = 366 * 50;

fn error<T>(member: &str, message: impl Into<String>) -> Result<T, RecurrenceError> {
    Err(RecurrenceError { member: member.into(), message: message.into() })
}

/// Numbers of a list; texts that are numbers are accepted.
fn numbers(schedule: &Json, key: &str, low: i64, high: i64) -> Result<Vec<i8>, RecurrenceError> {
    let mut out = Vec::new();
    for item in schedule.get(key).and_then(Json::as_array).into_iter().flatten() {
        let number = item.as_i64().or_else(|| item.as_str()?.trim().parse().ok());
        match number {
            Some(n) if (low..=high).contains(&n) => out.push(n as i8),
            _ => {
                return error(
                    &format!("schedule.{key}"),
                    format!("{item} is no number from {low} to {high}"),
                );
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn day_number(name: &Json, member: &str) -> Result<i8, RecurrenceError> {
    let found = name.as_str().and_then(|n| DAYS.iter().position(|d| same_name(d, n)));
    match found {
        Some(n) => Ok(n as i8 + 1),
        None => error(member, format!("{name} is no day of the week in English")),
    }
}

impl Recurrence {
    /// Reads an evaluated `recurrence` object.
    ///
    /// # Errors
    /// A member that is unknown or outside of its limits.
    pub fn read(json: &Json) -> Result<Self, RecurrenceError> {
        let word = json.get("frequency").and_then(Json::as_str).unwrap_or_default();
        let all = [
            ("Second", Frequency::Second, 9_999_999),
            ("Minute", Frequency::Minute, 72_000),
            ("Hour", Frequency::Hour, 12_000),
            ("Day", Frequency::Day, 500),
            ("Week", Frequency::Week, 71),
            ("Month", Frequency::Month, 16),
            ("Year", Frequency::Year, 50),
        ];
        let Some((_, frequency, most)) = all.into_iter().find(|(n, ..)| same_name(n, word)) else {
            return error(
                "frequency",
                format!("'{word}' is none of Second, Minute, Hour, Day, Week, Month, Year"),
            );
        };
        let interval =
            json.get("interval").map_or(Some(1), |i| i.as_i64().or_else(|| i.as_str()?.trim().parse().ok()));
        let Some(interval) = interval.filter(|i| (1..=most).contains(i)) else {
            return error("interval", format!("must be a whole number from 1 to {most} for {word}"));
        };
        let name = json.get("timeZone").and_then(Json::as_str).unwrap_or("UTC");
        let Some(zone) = time_zone(name) else {
            return error("timeZone", format!("'{name}' is neither a Windows nor an IANA time zone"));
        };
        let start = match json.get("startTime").and_then(Json::as_str) {
            None => None,
            Some(text) => match DateTime::parse(text) {
                Some(date) => Some(to_utc(date, &zone)),
                None => return error("startTime", format!("'{text}' is no date and time")),
            },
        };
        let schedule = json.get("schedule").cloned().unwrap_or(Json::Null);
        let mut week_days = Vec::new();
        for name in schedule.get("weekDays").and_then(Json::as_array).into_iter().flatten() {
            week_days.push(day_number(name, "schedule.weekDays")?);
        }
        let mut occurrences = Vec::new();
        for entry in schedule.get("monthlyOccurrences").and_then(Json::as_array).into_iter().flatten() {
            let day = day_number(
                entry.get("day").or_else(|| entry.get("dayOfWeek")).unwrap_or(&Json::Null),
                "schedule.monthlyOccurrences",
            )?;
            let nth = entry.get("occurrence").and_then(Json::as_i64).unwrap_or(1).clamp(-5, 5) as i8;
            occurrences.push((day, nth));
        }
        Ok(Self {
            frequency,
            interval,
            start,
            zone,
            hours: numbers(&schedule, "hours", 0, 23)?,
            minutes: numbers(&schedule, "minutes", 0, 59)?,
            week_days,
            month_days: numbers(&schedule, "monthDays", -31, 31)?,
            occurrences,
        })
    }

    fn has_schedule(&self) -> bool {
        [&self.hours, &self.minutes, &self.week_days, &self.month_days].iter().any(|l| !l.is_empty())
            || !self.occurrences.is_empty()
    }

    /// `startTime` in UTC, where there is one.
    pub fn start(&self) -> Option<DateTime> {
        self.start
    }

    /// The next firing strictly after `after`.
    ///
    /// `enabled` is when the trigger was enabled and `last` the last firing. Without start and schedule the first
    /// firing is at once, given as `enabled` itself while there was none. Missed times are not made up.
    pub fn next(&self, after: DateTime, enabled: DateTime, last: Option<DateTime>) -> Option<DateTime> {
        if self.has_schedule() {
            return self.next_scheduled(after, enabled);
        }
        let Some(base) = self.start.or(last) else { return Some(enabled) };
        let base = zoned(base, &self.zone)?;
        let after = timestamp(after)?;
        if self.start.is_some() && base.timestamp() > after {
            return Some(from_timestamp(base.timestamp()));
        }
        // A first guess by length, then steps: civil units keep the wall time across clock changes.
        let seconds = after.duration_since(base.timestamp()).as_secs().max(0);
        let length = match self.frequency {
            Frequency::Second => 1,
            Frequency::Minute => 60,
            Frequency::Hour => 3_600,
            Frequency::Day => 86_400,
            Frequency::Week => 7 * 86_400,
            Frequency::Month => 31 * 86_400,
            Frequency::Year => 366 * 86_400,
        };
        let mut steps = (seconds / (length * self.interval)).saturating_sub(1).max(0);
        loop {
            let at = self.step(&base, steps)?;
            if at.timestamp() > after {
                return Some(from_timestamp(at.timestamp()));
            }
            steps += 1;
        }
    }

    fn step(&self, base: &Zoned, steps: i64) -> Option<Zoned> {
        let count = steps.checked_mul(self.interval)?;
        match self.frequency {
            Frequency::Second => base.checked_add(SignedDuration::from_secs(count)).ok(),
            Frequency::Minute => base.checked_add(SignedDuration::from_secs(count.checked_mul(60)?)).ok(),
            Frequency::Hour => base.checked_add(SignedDuration::from_secs(count.checked_mul(3_600)?)).ok(),
            Frequency::Day => base.checked_add(Span::new().try_days(count).ok()?).ok(),
            Frequency::Week => base.checked_add(Span::new().try_weeks(count).ok()?).ok(),
            Frequency::Month => base.checked_add(Span::new().try_months(count).ok()?).ok(),
            Frequency::Year => base.checked_add(Span::new().try_years(count).ok()?).ok(),
        }
    }

    /// The cross product of days, hours and minutes, day by day.
    fn next_scheduled(&self, after: DateTime, enabled: DateTime) -> Option<DateTime> {
        let base = zoned(self.start.unwrap_or(enabled), &self.zone)?;
        let after = match self.start {
            // Never before the start; the start itself may fire.
            Some(start) if start.ticks > after.ticks => {
                timestamp(DateTime { ticks: start.ticks - 1, ..start })?
            }
            _ => timestamp(after)?,
        };
        let hours = if self.hours.is_empty() { vec![base.hour()] } else { self.hours.clone() };
        let minutes = if self.minutes.is_empty() { vec![base.minute()] } else { self.minutes.clone() };
        let second = if self.minutes.is_empty() { base.second() } else { 0 };
        let mut day = after.to_zoned(self.zone.clone()).date();
        for _ in 0..HORIZON {
            if self.is_day(day, base.date()) {
                for hour in &hours {
                    for minute in &minutes {
                        let wall = day.at(*hour, *minute, second, 0);
                        // A time that clocks skip fires at the next existing instant, a doubled one once.
                        let at = self.zone.to_ambiguous_timestamp(wall).compatible().ok()?;
                        if at > after {
                            return Some(from_timestamp(at));
                        }
                    }
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn is_day(&self, day: civil::Date, base: civil::Date) -> bool {
        let week_day = day.weekday().to_monday_one_offset();
        let days = i64::from(base.until(day).map_or(0, |s| s.get_days()));
        match self.frequency {
            Frequency::Week => {
                let monday = |d: civil::Date| {
                    d.checked_sub(Span::new().days(i64::from(d.weekday().to_monday_zero_offset())))
                        .unwrap_or(d)
                };
                let weeks = i64::from(monday(base).until(monday(day)).map_or(0, |s| s.get_days())) / 7;
                let wanted = if self.week_days.is_empty() {
                    week_day == base.weekday().to_monday_one_offset()
                } else {
                    self.week_days.contains(&week_day)
                };
                wanted && weeks.rem_euclid(self.interval) == 0
            }
            Frequency::Month | Frequency::Year => {
                let months = (i64::from(day.year()) - i64::from(base.year())) * 12 + i64::from(day.month())
                    - i64::from(base.month());
                let unit = if self.frequency == Frequency::Year { 12 } else { 1 };
                months.rem_euclid(self.interval * unit) == 0 && self.is_month_day(day, base)
            }
            _ if !self.week_days.is_empty() && !self.week_days.contains(&week_day) => false,
            Frequency::Day => days.rem_euclid(self.interval) == 0,
            _ => true,
        }
    }

    fn is_month_day(&self, day: civil::Date, base: civil::Date) -> bool {
        if self.month_days.is_empty() && self.occurrences.is_empty() {
            return day.day() == base.day().min(day.days_in_month());
        }
        let from_end = day.day() - day.days_in_month() - 1;
        let week_day = day.weekday().to_monday_one_offset();
        let nth = (day.day() - 1) / 7 + 1;
        let nth_from_end = -((day.days_in_month() - day.day()) / 7 + 1);
        self.month_days.iter().any(|d| *d == day.day() || *d == from_end)
            || self.occurrences.iter().any(|(d, n)| *d == week_day && (*n == nth || *n == nth_from_end))
    }
}

fn timestamp(date: DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(date.unix_nanoseconds()).ok()
}

fn from_timestamp(at: Timestamp) -> DateTime {
    DateTime::from_unix_nanoseconds(at.as_nanosecond())
}

fn zoned(date: DateTime, zone: &TimeZone) -> Option<Zoned> {
    Some(timestamp(date)?.to_zoned(zone.clone()))
}

/// A start without zone is a wall time of the recurrence's zone.
fn to_utc(date: DateTime, zone: &TimeZone) -> DateTime {
    if date.kind != Kind::Unspecified {
        return DateTime { kind: Kind::Utc, ..date };
    }
    let wall =
        Timestamp::from_nanosecond(date.unix_nanoseconds()).map(|t| t.to_zoned(TimeZone::UTC).datetime());
    let at = wall.ok().and_then(|w| zone.to_ambiguous_timestamp(w).compatible().ok());
    at.map_or(DateTime { kind: Kind::Utc, ..date }, from_timestamp)
}

#[cfg(test)]
mod tests {
    use super::Recurrence;
    use crate::expression::DateTime;
    use serde_json::{Value as Json, json};

    fn next(recurrence: Json, after: &str) -> String {
        let at = DateTime::parse(after).expect("date");
        let enabled = DateTime::parse("2026-03-01T10:07:00Z").expect("date");
        let recurrence = Recurrence::read(&recurrence).expect("recurrence");
        recurrence
            .next(at, enabled, Some(enabled))
            .map_or_else(|| "never".into(), |d| d.round_trip().replace(".0000000", ""))
    }

    #[test]
    fn next_occurrences() {
        let cases = [
            (json!({"frequency": "Day", "interval": 5}), "2026-03-01T10:07:00Z", "2026-03-06T10:07:00Z"),
            (
                json!({"frequency": "Hour", "interval": 3, "startTime": "2026-01-01T00:00:00Z"}),
                "2026-03-01T10:00:00Z",
                "2026-03-01T12:00:00Z",
            ),
            (
                json!({"frequency": "Day", "interval": 1, "startTime": "2027-01-01T06:00:00Z"}),
                "2026-03-01T10:00:00Z",
                "2027-01-01T06:00:00Z",
            ),
            // Wall time is kept over the clock change of 29 March.
            (
                json!({"frequency": "Day", "interval": 1, "timeZone": "Romance Standard Time", "schedule": {"hours": ["22"], "minutes": [0]}}),
                "2026-03-28T21:00:00Z",
                "2026-03-29T20:00:00Z",
            ),
            // 02:30 does not exist on that day: it fires at 03:30.
            (
                json!({"frequency": "Day", "interval": 1, "timeZone": "W. Europe Standard Time", "schedule": {"hours": [2], "minutes": [30]}}),
                "2026-03-28T12:00:00Z",
                "2026-03-29T01:30:00Z",
            ),
            // A doubled time fires once.
            (
                json!({"frequency": "Day", "interval": 1, "timeZone": "Europe/Berlin", "schedule": {"hours": [2], "minutes": [30]}}),
                "2026-10-25T00:30:00Z",
                "2026-10-26T01:30:00Z",
            ),
            (
                json!({"frequency": "Week", "interval": 1, "schedule": {"weekDays": ["Monday", "friday"], "hours": [8, 17], "minutes": [15]}}),
                "2026-03-02T08:15:00Z",
                "2026-03-02T17:15:00Z",
            ),
            (
                json!({"frequency": "Week", "interval": 2, "startTime": "2026-03-02T08:00:00Z", "schedule": {"weekDays": ["Monday"]}}),
                "2026-03-02T08:00:00Z",
                "2026-03-16T08:00:00Z",
            ),
            (
                json!({"frequency": "Month", "interval": 1, "schedule": {"monthDays": [-1], "hours": [0], "minutes": [0]}}),
                "2026-02-01T00:00:00Z",
                "2026-02-28T00:00:00Z",
            ),
            (
                json!({"frequency": "Month", "interval": 1, "schedule": {"monthlyOccurrences": [{"day": "Tuesday", "occurrence": 2}], "hours": [1], "minutes": [0]}}),
                "2026-03-01T00:00:00Z",
                "2026-03-10T01:00:00Z",
            ),
            (
                json!({"frequency": "Month", "interval": 1, "startTime": "2026-01-31T00:00:00Z"}),
                "2026-02-01T00:00:00Z",
                "2026-02-28T00:00:00Z",
            ),
            (
                json!({"frequency": "Minute", "interval": "15"}),
                "2026-03-01T10:30:00Z",
                "2026-03-01T10:37:00Z",
            ),
        ];
        for (recurrence, after, expected) in cases {
            assert_eq!(next(recurrence.clone(), after), expected, "{recurrence}");
        }
    }

    #[test]
    fn faults_are_named() {
        for (json, member) in [
            (json!({"frequency": "Fortnight"}), "frequency"),
            (json!({"frequency": "Day", "interval": 0}), "interval"),
            (json!({"frequency": "Day", "timeZone": "Mars"}), "timeZone"),
            (json!({"frequency": "Day", "schedule": {"hours": [24]}}), "schedule.hours"),
            (json!({"frequency": "Week", "schedule": {"weekDays": ["Mon"]}}), "schedule.weekDays"),
        ] {
            assert_eq!(Recurrence::read(&json).expect_err("fault").member, member);
        }
    }
}
