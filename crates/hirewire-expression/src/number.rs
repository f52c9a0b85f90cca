//! Numbers of the language: 64-bit integers (AD file times need all of them) and decimal literals.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// A number. Prints in plain decimal digits, without separators (`spec/expressions.md §2.1`).
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub enum Number {
    /// A 64-bit integer.
    Integer(i64),
    /// A decimal such as `42568.75`; the digits after the point are kept as written.
    Decimal(Decimal),
}

impl Number {
    /// Reads an optional sign, digits and an optional fraction; `None` for everything else
    /// (blanks, exponents, separators, more than 28 digits).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let first = *digits.as_bytes().first()?;
        if !first.is_ascii_digit() {
            return None;
        }
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            if let Ok(integer) = text.parse() {
                return Some(Self::Integer(integer));
            }
        } else {
            let (whole, fraction) = digits.split_once('.')?;
            let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !plain(whole) || !plain(fraction) {
                return None;
            }
        }
        Decimal::from_str_exact(text.strip_prefix('+').unwrap_or(text)).ok().map(Self::Decimal)
    }

    /// The value as an integer, when it has no fraction and fits 64 bits.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Decimal(value) if value.fract().is_zero() => i64::try_from(value).ok(),
            Self::Decimal(_) => None,
        }
    }

    /// Whether the value is zero.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Integer(value) => value == 0,
            Self::Decimal(value) => value.is_zero(),
        }
    }

    fn decimal(self) -> Decimal {
        match self {
            Self::Integer(value) => Decimal::from(value),
            Self::Decimal(value) => value,
        }
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or(NotANumber)
    }
}

/// The text is no number of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number: expected an optional sign, digits and an optional fraction")]
pub struct NotANumber;

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (a, b) => a.decimal().cmp(&b.decimal()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value) => value.fmt(f),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_digits_are_numbers() {
        let cases = [
            ("1", Some("1")),
            ("-0", Some("0")),
            ("+7", Some("7")),
            ("007", Some("7")),
            ("42568.75", Some("42568.75")),
            ("1.0", Some("1.0")),
            ("9223372036854775807", Some("9223372036854775807")),
            ("9223372036854775808", Some("9223372036854775808")),
            ("99999999999999999999999999999999", None),
            ("", None),
            ("-", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            (" 1", None),
            ("1,000", None),
            ("0x1F", None),
            ("--1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Number::parse(text).map(|n| n.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_decimal_equals_the_integer_of_the_same_value() {
        assert_eq!(Number::parse("1.0"), Number::parse("1"));
        assert_eq!(Number::parse("2.50").and_then(Number::as_integer), None);
        assert_eq!(Number::parse("2.0").and_then(Number::as_integer), Some(2));
    }
}
