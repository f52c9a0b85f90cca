//! Moments as the database keeps them: microseconds since 1970 in UTC.
use jiff::Timestamp;

pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A stored moment; one outside of what a timestamp can hold reads as the nearest one it can.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
