//! The clock of the process, and `--as-of`.
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::report::Report;

/// Now, or the moment that `--as-of` names: an instant, a local date-time, or a date (then noon of that day) in the project's zone.
pub(crate) fn moment(as_of: Option<&str>, zone: &TimeZone) -> Result<Timestamp, Report> {
    let Some(text) = as_of else {
        return Ok(Timestamp::now());
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local = text
        .parse::<civil::DateTime>()
        .ok()
        .filter(|_| text.contains(':'))
        .or_else(|| text.parse::<civil::Date>().ok().map(|date| date.at(12, 0, 0, 0)));
    local.and_then(|local| local.to_zoned(zone.clone()).ok()).map(|z: Zoned| z.timestamp()).ok_or_else(|| {
        Report::new(format!("--as-of: `{text}` is no date"))
            .help("write 2025-03-04, 2025-03-04T08:30 or 2025-03-04T08:30:00Z")
    })
}

/// The beginning of a day, or the moment as written.
pub(crate) fn day(text: &str, zone: &TimeZone) -> Result<Timestamp, Report> {
    match text.parse::<civil::Date>() {
        Ok(date) if !text.contains(':') => date
            .to_zoned(zone.clone())
            .map(|zoned| zoned.timestamp())
            .map_err(|error| Report::new(format!("`{text}`: {error}"))),
        _ => moment(Some(text), zone),
    }
}
