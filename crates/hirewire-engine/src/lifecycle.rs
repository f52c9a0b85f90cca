//! From first and last day to the account state of now, in the person's own time zone.
//!
//! A SCIM user may carry the extension [`EXTENSION`] with `hireDate`, `terminationDate`, `timeZone`, `daysAhead`.
//! A source sends dates; the clock is applied here and nowhere else.
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Map, Value};

use crate::plan::{Warning, WarningCode};

/// The extension's URN.
pub const EXTENSION: &str = "urn:hirewire:params:scim:schemas:extension:lifecycle:2.0:User";

/// The first and last moments of a person's employment, as instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle {
    /// Start of the hire day less `daysAhead`; `None` when there is no hire date.
    pub begins: Option<Timestamp>,
    /// End of the termination day; `None` without one, or with HR's "no end" in the year 9999.
    pub ends: Option<Timestamp>,
}

/// A lifecycle date that is no date: nobody knows whether the account should work, so that nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` of the lifecycle extension is no date (expected YYYY-MM-DD)")]
pub struct UnreadableDate {
    /// `hireDate` or `terminationDate`.
    pub member: &'static str,
}

/// What the dates of a record say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The moments.
    pub lifecycle: Lifecycle,
    /// Settings that could not be read.
    pub warnings: Vec<Warning>,
}

impl Lifecycle {
    /// Reads the extension of a record; `None` when it has none, or none of the two dates.
    pub fn read(record: &Value, default_zone: &TimeZone) -> Result<Option<Reading>, UnreadableDate> {
        let Some(extension) = extension(record) else { return Ok(None) };
        let hire = date(extension, "hireDate")?;
        let termination = date(extension, "terminationDate")?;
        if hire.is_none() && termination.is_none() {
            return Ok(None);
        }
        let mut warnings = Vec::new();
        let zone = zone(extension, default_zone, &mut warnings);
        let ahead = days_ahead(extension, &mut warnings);
        let begins = hire.and_then(|day| start_of(day.checked_sub(ahead).unwrap_or(Date::MIN), &zone));
        let open_end = |day: &Date| day.year() >= 9999;
        let ends =
            termination.filter(|day| !open_end(day)).and_then(|day| start_of(day.tomorrow().ok()?, &zone));
        if let (Some(begins), Some(ends)) = (begins, ends)
            && begins >= ends
        {
            warnings.push(Warning {
                code: WarningCode::LifecycleOrder,
                message: "terminationDate lies before hireDate: the account is never active".into(),
            });
        }
        Ok(Some(Reading { lifecycle: Self { begins, ends }, warnings }))
    }

    /// Whether an account that is wanted at all is to work at this moment.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.begins.is_none_or(|begins| now >= begins) && self.ends.is_none_or(|ends| now < ends)
    }

    /// The next moment after `now` at which [`covers`](Self::covers) changes; `None` when it never does again.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        if self.begins.zip(self.ends).is_some_and(|(begins, ends)| begins >= ends) {
            return None;
        }
        self.begins.filter(|begins| now < *begins).or(self.ends.filter(|ends| now < *ends))
    }
}

/// Most records have none, so that names are compared by their length first and nothing is hashed.
fn extension(record: &Value) -> Option<&Map<String, Value>> {
    let mut members = record.as_object()?.iter();
    members.find(|(name, _)| name.eq_ignore_ascii_case(EXTENSION))?.1.as_object()
}

fn member<'v>(extension: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let found = extension
        .get(name)
        .or_else(|| extension.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A calendar day. A time and an offset behind it are left out: HR means the day it wrote.
fn date(extension: &Map<String, Value>, name: &'static str) -> Result<Option<Date>, UnreadableDate> {
    let Some(value) = member(extension, name) else { return Ok(None) };
    let text = value.as_str().ok_or(UnreadableDate { member: name })?.trim();
    let day = text.get(..10).unwrap_or(text);
    let rest = text.get(10..).unwrap_or("");
    let parsed = match rest.is_empty() || rest.starts_with(['T', 't', ' ']) {
        true => day.parse::<Date>().ok(),
        false => None,
    };
    parsed.map(Some).ok_or(UnreadableDate { member: name })
}

/// The zone by its IANA or Windows name; an unknown one is the default, with a warning.
fn zone(extension: &Map<String, Value>, default_zone: &TimeZone, warnings: &mut Vec<Warning>) -> TimeZone {
    let Some(value) = member(extension, "timeZone") else { return default_zone.clone() };
    value.as_str().and_then(zone_by_name).unwrap_or_else(|| {
        warnings.push(Warning {
            code: WarningCode::LifecycleSetting,
            message: "timeZone is no IANA or Windows zone name: the default zone is used".into(),
        });
        default_zone.clone()
    })
}

/// A zone by its IANA name (`Europe/Berlin`) or Windows name (`W. Europe Standard Time`).
pub fn zone_by_name(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    let windows = || name.parse::<windows_timezones::WindowsTimezone>().ok();
    TimeZone::get(name).ok().or_else(|| TimeZone::get(windows()?.tzdb_id()).ok())
}

fn days_ahead(extension: &Map<String, Value>, warnings: &mut Vec<Warning>) -> Span {
    const MOST: i64 = 3660;
    let days = match member(extension, "daysAhead") {
        None => Some(0),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_i64(),
    };
    let usable = days.filter(|days| (-MOST..=MOST).contains(days)).unwrap_or_else(|| {
        warnings.push(Warning {
            code: WarningCode::LifecycleSetting,
            message: "daysAhead is no number of days: 0 is used".into(),
        });
        0
    });
    Span::new().days(usable)
}

/// The first moment of a day in a zone, also where midnight does not exist that day (daylight saving).
fn start_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = DateTime::from_parts(day, jiff::civil::Time::midnight());
    zone.to_ambiguous_timestamp(midnight).compatible().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reading(extension: Value) -> Result<Option<Reading>, UnreadableDate> {
        let zone = zone_by_name("Europe/Berlin").expect("the zone database");
        Lifecycle::read(&json!({ EXTENSION: extension }), &zone)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn moments_of_a_day_in_its_zone() {
        // (extension, begins, ends, warnings)
        let cases = [
            (json!({"hireDate": "2025-03-10"}), Some("2025-03-09T23:00:00Z"), None, 0),
            (json!({"hireDate": "2025-03-10", "daysAhead": 3}), Some("2025-03-06T23:00:00Z"), None, 0),
            (json!({"hireDate": "2025-04-02", "daysAhead": "7"}), Some("2025-03-25T23:00:00Z"), None, 0),
            (json!({"terminationDate": "2025-03-29"}), None, Some("2025-03-29T23:00:00Z"), 0),
            (json!({"terminationDate": "2025-03-30"}), None, Some("2025-03-30T22:00:00Z"), 0),
            (json!({"terminationDate": "9999-12-31"}), None, None, 0),
            (json!({"terminationDate": "9999-12-31T23:59:59.9999999Z"}), None, None, 0),
            (json!({"hireDate": "2025-03-10T00:00:00-05:00"}), Some("2025-03-09T23:00:00Z"), None, 0),
            (
                json!({"hireDate": "2025-07-01", "timeZone": "America/New_York"}),
                Some("2025-07-01T04:00:00Z"),
                None,
                0,
            ),
            (
                json!({"hireDate": "2025-07-01", "timeZone": "Eastern Standard Time"}),
                Some("2025-07-01T04:00:00Z"),
                None,
                0,
            ),
            (
                json!({"hireDate": "2025-07-01", "timeZone": "Nowhere/Land"}),
                Some("2025-06-30T22:00:00Z"),
                None,
                1,
            ),
            (
                json!({"hireDate": "2025-07-01", "timeZone": 3, "daysAhead": "x"}),
                Some("2025-06-30T22:00:00Z"),
                None,
                2,
            ),
            // In São Paulo midnight did not exist on 2018-11-04: the day began at 01:00.
            (
                json!({"hireDate": "2018-11-04", "timeZone": "America/Sao_Paulo"}),
                Some("2018-11-04T03:00:00Z"),
                None,
                0,
            ),
            (json!({"HireDate": "2025-07-01", "terminationdate": ""}), Some("2025-06-30T22:00:00Z"), None, 0),
        ];
        for (extension, begins, ends, warnings) in cases {
            let reading = reading(extension.clone()).expect("readable").expect("has dates");
            assert_eq!(reading.lifecycle.begins, begins.map(at), "{extension}");
            assert_eq!(reading.lifecycle.ends, ends.map(at), "{extension}");
            assert_eq!(reading.warnings.len(), warnings, "{extension}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_and_what_is_absent_says_nothing() {
        for text in [
            "31.02.2026",
            "2026-02-30",
            "2025-3-1",
            "2025-03-10Z5",
            "tomorrow",
            "\u{1F600}\u{1F600}\u{1F600}",
        ] {
            assert!(reading(json!({"hireDate": text})).is_err(), "{text}");
        }
        assert!(reading(json!({"terminationDate": 20250301})).is_err());
        assert_eq!(reading(json!({"timeZone": "UTC", "hireDate": null})), Ok(None));
        assert_eq!(reading(json!("text")), Ok(None));
        assert_eq!(Lifecycle::read(&Value::Null, &TimeZone::UTC), Ok(None));
    }

    #[test]
    fn transitions() {
        let lifecycle =
            Lifecycle { begins: Some(at("2025-03-01T00:00:00Z")), ends: Some(at("2025-04-02T00:00:00Z")) };
        let cases = [
            ("2025-02-28T23:59:59Z", false, Some("2025-03-01T00:00:00Z")),
            ("2025-03-01T00:00:00Z", true, Some("2025-04-02T00:00:00Z")),
            ("2025-04-01T23:59:59Z", true, Some("2025-04-02T00:00:00Z")),
            ("2025-04-02T00:00:00Z", false, None),
        ];
        for (now, covers, next) in cases {
            assert_eq!(lifecycle.covers(at(now)), covers, "{now}");
            assert_eq!(lifecycle.next_change(at(now)), next.map(at), "{now}");
        }
        let never = Lifecycle { begins: lifecycle.ends, ends: lifecycle.begins };
        assert_eq!(never.next_change(at("2025-01-01T00:00:00Z")), None);
        assert!(!never.covers(at("2025-03-15T00:00:00Z")));
    }
}
