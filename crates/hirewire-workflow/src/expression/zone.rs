//! Time zones by Windows and IANA names (`spec/workflows.md` §5.7).

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use windows_timezones::WindowsTimezone;

use super::date::{Civil, DateTime, Kind};

/// Finds a zone by its Windows name (with or without the dot of `W. Europe Standard Time`) or its IANA name.
pub fn find(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("UTC")
        || name.eq_ignore_ascii_case("Coordinated Universal Time")
        || name == "Z"
    {
        return Some(TimeZone::UTC);
    }
    if let Some(id) = windows(name).or_else(|| dotted(name).and_then(|n| windows(&n))) {
        return TimeZone::get(id).ok();
    }
    if !name.contains('/') && !matches!(name, "GMT" | "CET" | "EET" | "EST" | "MST" | "HST" | "MET" | "WET") {
        return None;
    }
    TimeZone::get(name).ok()
}

fn windows(name: &str) -> Option<&'static str> {
    if let Ok(zone) = name.parse::<WindowsTimezone>() {
        return Some(zone.tzdb_id());
    }
    // Zones that Windows renamed and .NET still knows.
    match name {
        "Kamchatka Standard Time" => Some("Asia/Kamchatka"),
        "Mid-Atlantic Standard Time" => Some("Etc/GMT+2"),
        _ => None,
    }
}

/// `W Europe Standard Time` → `W. Europe Standard Time`: the reference says that punctuation may have to be removed.
fn dotted(name: &str) -> Option<String> {
    let (first, rest) = name.split_once(' ')?;
    (first.len() == 1).then(|| format!("{first}. {rest}"))
}

fn to_jiff(c: &Civil) -> Option<civil::DateTime> {
    let year = i16::try_from(c.year).ok()?;
    let part = |n: u32| i8::try_from(n).ok();
    civil::DateTime::new(
        year,
        part(c.month)?,
        part(c.day)?,
        part(c.hour)?,
        part(c.minute)?,
        part(c.second)?,
        i32::try_from(c.fraction).ok()? * 100,
    )
    .ok()
}

/// The wall time of a UTC moment in a zone, without zone.
pub(crate) fn to_wall_time(utc: DateTime, zone: &TimeZone) -> Option<DateTime> {
    let timestamp = Timestamp::from_nanosecond(utc.unix_nanoseconds()).ok()?;
    let offset = zone.to_offset(timestamp);
    let moved = utc.plus_ticks(i64::from(offset.seconds()) * super::date::TICKS_PER_SECOND)?;
    Some(DateTime { kind: Kind::Unspecified, ..moved })
}

/// The UTC moment of a wall time; nothing where clocks skip or repeat it.
pub(crate) fn to_utc(wall: DateTime, zone: &TimeZone) -> Option<DateTime> {
    let ambiguous = zone.to_ambiguous_timestamp(to_jiff(&wall.civil())?);
    let AmbiguousOffset::Unambiguous { offset } = ambiguous.offset() else { return None };
    let moved = wall.plus_ticks(-i64::from(offset.seconds()) * super::date::TICKS_PER_SECOND)?;
    Some(DateTime { kind: Kind::Utc, ..moved })
}
