//! Date and time functions (`spec/workflows.md` §5.7).

use super::{Outcome, fail, integer_at, optional_text, text_at};
use crate::expression::culture::{self, Culture};
use crate::expression::date::{DateTime, Kind, TICKS_PER_DAY, TICKS_PER_SECOND};
use crate::expression::error::{ErrorKind, ExpressionError};
use crate::expression::evaluate::Evaluator;
use crate::expression::value::Value;
use crate::expression::{date_format, date_parse, zone};

type Result<T> = std::result::Result<T, ExpressionError>;

fn read(name: &str, args: &[Value<'_>], at: usize) -> Result<DateTime> {
    let text = text_at(name, args, at)?;
    date_parse::parse(text, culture::english()).ok_or_else(|| invalid(name, text))
}

fn invalid(name: &str, text: &str) -> ExpressionError {
    ExpressionError::new(
        ErrorKind::ArgValue,
        format!(
            "In function '{name}', the value provided for date time string '{text}' was not valid. The datetime string must match ISO 8601 format."
        ),
    )
}

fn write<'a>(name: &str, date: DateTime, format: Option<&str>, culture: &Culture) -> Outcome<'a> {
    let format = format.unwrap_or("o");
    date_format::format(&date, format, culture).map(Value::from).ok_or_else(|| {
        ExpressionError::new(ErrorKind::ArgValue, format!("The template language function '{name}' format parameter '{format}' is not supported. Use a standard format letter or a custom pattern such as 'yyyy-MM-dd'."))
    })
}

fn moved(name: &str, date: Option<DateTime>) -> Result<DateTime> {
    date.ok_or_else(|| {
        ExpressionError::new(
            ErrorKind::OutOfRange,
            format!("In function '{name}', the resulting date lies outside the years 1 to 9999."),
        )
    })
}

pub(super) fn utc_now<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    write(name, ev.scope().now(), optional_text(name, &args, 0)?, culture::english())
}

pub(super) fn add_fixed<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let count = integer_at(name, &args, 1)?;
    let unit = match name {
        "addDays" => TICKS_PER_DAY,
        "addHours" => 3_600 * TICKS_PER_SECOND,
        "addMinutes" => 60 * TICKS_PER_SECOND,
        _ => TICKS_PER_SECOND,
    };
    let date = moved(name, count.checked_mul(unit).and_then(|t| date.plus_ticks(t)))?;
    write(name, date, optional_text(name, &args, 2)?, culture::english())
}

/// Adds units; months and years clamp to the month's end. Plural units are refused, as measured `[U]`: one public record
/// of the cloud accepts them, the library and both vector files do not.
fn add_units(name: &str, date: DateTime, count: i64, unit: &str) -> Result<DateTime> {
    let lower = unit.to_ascii_lowercase();
    let fixed = |seconds: i64| count.checked_mul(seconds * TICKS_PER_SECOND).and_then(|t| date.plus_ticks(t));
    let result = match lower.as_str() {
        "second" => fixed(1),
        "minute" => fixed(60),
        "hour" => fixed(3_600),
        "day" => fixed(86_400),
        "week" => fixed(7 * 86_400),
        "month" => date.plus_months(count),
        "year" => count.checked_mul(12).and_then(|m| date.plus_months(m)),
        _ => {
            return fail(
                ErrorKind::ArgValue,
                format!(
                    "The template language function '{name}' expects its second parameter to be a string that represents a valid time unit. The provided value '{unit}' is not a valid time unit."
                ),
            );
        }
    };
    moved(name, result)
}

fn negated(name: &str, count: i64) -> Result<i64> {
    count.checked_neg().ok_or_else(|| {
        ExpressionError::new(
            ErrorKind::OutOfRange,
            format!("In function '{name}', the number of units is too large."),
        )
    })
}

pub(super) fn add_to_time<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let mut count = integer_at(name, &args, 1)?;
    if name == "subtractFromTime" {
        count = negated(name, count)?;
    }
    let date = add_units(name, date, count, text_at(name, &args, 2)?)?;
    write(name, date, optional_text(name, &args, 3)?, culture::english())
}

pub(super) fn from_now<'a>(ev: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let mut count = integer_at(name, &args, 0)?;
    if name == "getPastTime" {
        count = negated(name, count)?;
    }
    let date = add_units(name, ev.scope().now(), count, text_at(name, &args, 1)?)?;
    write(name, date, optional_text(name, &args, 2)?, culture::english())
}

pub(super) fn start_of<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let floor = |unit: i64| date.ticks - date.ticks.rem_euclid(unit);
    let ticks = match name {
        "startOfHour" => floor(3_600 * TICKS_PER_SECOND),
        "startOfDay" => floor(TICKS_PER_DAY),
        _ => floor(TICKS_PER_DAY) - (i64::from(date.civil().day) - 1) * TICKS_PER_DAY,
    };
    write(name, DateTime { ticks, ..date }, optional_text(name, &args, 1)?, culture::english())
}

pub(super) fn day_of<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    Ok(Value::Integer(match name {
        "dayOfMonth" => i64::from(date.civil().day),
        "dayOfWeek" => i64::from(date.weekday()),
        "dayOfYear" => i64::from(date.day_of_year()),
        _ => date.ticks,
    }))
}

pub(super) fn format_date_time<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let format = optional_text(name, &args, 1)?;
    write(name, date, format, super::conversion::locale(name, &args, 2)?)
}

pub(super) fn parse_date_time<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let text = text_at(name, &args, 0)?;
    let culture = super::conversion::locale(name, &args, 1)?;
    let date = match optional_text(name, &args, 2)? {
        Some(format) => date_format::parse_exact(text, format, culture),
        None => date_parse::parse(text, culture),
    };
    let Some(date) = date else {
        return fail(
            ErrorKind::ArgValue,
            format!(
                "In function 'parseDateTime', the value provided for date time string '{text}' was not valid."
            ),
        );
    };
    write(name, date, None, culture)
}

fn zone_at(name: &str, args: &[Value<'_>], at: usize) -> Result<jiff::tz::TimeZone> {
    let id = text_at(name, args, at)?;
    zone::find(id).ok_or_else(|| {
        ExpressionError::new(ErrorKind::ArgValue, format!("In the template language function '{name}', the value provided for the time zone id '{id}' was not valid. "))
    })
}

fn is_utc(zone: &jiff::tz::TimeZone) -> bool {
    *zone == jiff::tz::TimeZone::UTC || matches!(zone.iana_name(), Some("UTC" | "Etc/UTC"))
}

/// The wall time in `zone`; UTC keeps its `Z`, others have no suffix.
fn in_zone(name: &str, date: DateTime, zone: &jiff::tz::TimeZone) -> Result<DateTime> {
    if is_utc(zone) {
        return Ok(DateTime { kind: Kind::Utc, ..date });
    }
    moved(name, zone::to_wall_time(date, zone))
}

fn from_wall_time(name: &str, date: DateTime, zone: &jiff::tz::TimeZone) -> Result<DateTime> {
    zone::to_utc(date, zone).ok_or_else(|| {
        ExpressionError::new(ErrorKind::ArgValue, format!("In the template language function '{name}', the local time does not exist or is ambiguous in the source time zone, because clocks are changed at that time."))
    })
}

pub(super) fn convert_from_utc<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let zone = zone_at(name, &args, 1)?;
    if date.kind != Kind::Utc {
        return fail(
            ErrorKind::ArgValue,
            format!(
                "The template language function '{name}' expects its first parameter to be a string that contains a UTC date time. The provided value '{}' does not end with 'Z'.",
                text_at(name, &args, 0)?
            ),
        );
    }
    write(name, in_zone(name, date, &zone)?, optional_text(name, &args, 2)?, culture::english())
}

pub(super) fn convert_to_utc<'a>(_: &Evaluator<'a>, name: &'static str, args: Vec<Value<'a>>) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let zone = zone_at(name, &args, 1)?;
    let utc = match date.kind {
        Kind::Unspecified => from_wall_time(name, date, &zone)?,
        _ if is_utc(&zone) => DateTime { kind: Kind::Utc, ..date },
        _ => {
            return fail(
                ErrorKind::ArgValue,
                format!(
                    "The template language function '{name}' expects its second parameter to be a time zone matching the time zone of the first parameter."
                ),
            );
        }
    };
    write(name, utc, optional_text(name, &args, 2)?, culture::english())
}

pub(super) fn convert_time_zone<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let date = read(name, &args, 0)?;
    let (from, to) = (zone_at(name, &args, 1)?, zone_at(name, &args, 2)?);
    let utc = match date.kind {
        Kind::Unspecified => from_wall_time(name, date, &from)?,
        _ => DateTime { kind: Kind::Utc, ..date },
    };
    write(name, in_zone(name, utc, &to)?, optional_text(name, &args, 3)?, culture::english())
}

pub(super) fn date_difference<'a>(
    _: &Evaluator<'a>,
    name: &'static str,
    args: Vec<Value<'a>>,
) -> Outcome<'a> {
    let ticks = read(name, &args, 1)?.ticks - read(name, &args, 0)?.ticks;
    let sign = if ticks < 0 { "-" } else { "" };
    let ticks = ticks.unsigned_abs();
    let second = TICKS_PER_SECOND.unsigned_abs();
    let (seconds, fraction) = (ticks / second, ticks % second);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let fraction = if fraction > 0 { format!(".{fraction:07}") } else { String::new() };
    Ok(format!("{sign}{days}{:02}:{:02}:{:02}{fraction}", rest / 3_600, rest / 60 % 60, rest % 60).into())
}
