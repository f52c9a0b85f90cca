//! Engine values ⇄ LDAP values.
use hirewire_engine::target::TargetError;
use hirewire_engine::value::AttributeValue;
use jiff::civil::DateTime;
use jiff::{SignedDuration, tz::TimeZone};

use super::dn::{Dn, fold};
use super::entry::{guid_bytes, guid_text};
use super::error::refused;
use super::schema::{AttributeType, Syntax};

/// Seconds from 1601-01-01 to 1970-01-01.
const FILE_TIME_EPOCH: i64 = 11_644_473_600;
const TICKS: i64 = 10_000_000;
/// `accountExpires` of an account that never expires (spec/targets.md §2.5).
pub(crate) const NEVER: i64 = i64::MAX;

/// One engine value as the bytes of `kind`. References are names already. Empty text is no value and gives nothing.
pub(crate) fn to_bytes(value: &AttributeValue, kind: &AttributeType) -> Result<Option<Vec<u8>>, TargetError> {
    let wrong = |expected: &str| {
        refused(
            "SystemForCrossDomainIdentityManagementBadResponse",
            format!("InvalidAttributeSyntax: `{}` takes {expected}", kind.name),
            Some(&kind.name),
        )
    };
    let text = match (kind.syntax, value) {
        (_, AttributeValue::List(_)) => return Err(wrong("one value, not a list in a list")),
        (_, AttributeValue::Text(text)) if text.is_empty() => return Ok(None),
        (Syntax::Guid, AttributeValue::Text(text)) => {
            return guid_bytes(text).map(|b| Some(b.to_vec())).ok_or_else(|| wrong("a GUID"));
        }
        (Syntax::Binary, AttributeValue::Text(text)) => return Ok(Some(text.clone().into_bytes())),
        (_, AttributeValue::Binary(bytes)) => return Ok(Some(bytes.clone())),
        (Syntax::Boolean, AttributeValue::Boolean(b)) => if *b { "TRUE" } else { "FALSE" }.to_owned(),
        (Syntax::Boolean, AttributeValue::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => "TRUE".to_owned(),
            "false" | "0" => "FALSE".to_owned(),
            _ => return Err(wrong("True or False")),
        },
        (Syntax::Integer, AttributeValue::Integer(n)) => n.to_string(),
        (Syntax::Integer, AttributeValue::Text(text)) => {
            text.trim().parse::<i64>().map_err(|_| wrong("a whole number"))?.to_string()
        }
        (Syntax::FileTime, value) => {
            file_time(value).ok_or_else(|| wrong("a date or 100-nanosecond ticks"))?.to_string()
        }
        (Syntax::Time, AttributeValue::DateTime(at)) => generalized_time(*at),
        (Syntax::Time, AttributeValue::Text(text)) => generalized_time(
            read_time(text).ok_or_else(|| wrong("a date such as 20250310000000.0Z or 2025-03-10"))?,
        ),
        (Syntax::Name, AttributeValue::Text(text) | AttributeValue::Reference(text)) => {
            Dn::parse(text).map_err(|_| wrong("a distinguished name or a reference"))?;
            text.clone()
        }
        (Syntax::Text | Syntax::ExactText, value) => plain_text(value),
        _ => return Err(wrong("another kind of value")),
    };
    if let (Some(max), Syntax::Text | Syntax::ExactText) = (kind.max_length, kind.syntax) {
        let length = text.chars().count();
        if length > max {
            return Err(refused(
                "SystemForCrossDomainIdentityManagementBadResponse",
                format!(
                    "ConstraintViolation-AtrErr: `{}` takes at most {max} characters, this value has {length}",
                    kind.name
                ),
                Some(&kind.name),
            ));
        }
    }
    Ok(Some(text.into_bytes()))
}

/// What a text attribute holds of another kind of value; dates as Microsoft documents them for lifecycle attributes
/// (spec/engine.md §11 "dates").
fn plain_text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => text.clone(),
        AttributeValue::Boolean(b) => if *b { "True" } else { "False" }.to_owned(),
        AttributeValue::Integer(n) => n.to_string(),
        AttributeValue::DateTime(at) => generalized_time(*at),
        AttributeValue::Binary(_) | AttributeValue::List(_) => String::new(),
    }
}

/// The engine's view of one value; `None` for values that mean "no value", such as "never expires".
pub(crate) fn from_bytes(bytes: &[u8], syntax: Syntax) -> Option<AttributeValue> {
    let text = || std::str::from_utf8(bytes).ok();
    let value = match syntax {
        Syntax::Guid => guid_text(bytes).map(AttributeValue::Text),
        Syntax::Binary => None,
        Syntax::Boolean => match text()? {
            "TRUE" => Some(AttributeValue::Boolean(true)),
            "FALSE" => Some(AttributeValue::Boolean(false)),
            _ => None,
        },
        Syntax::Integer => text()?.parse().ok().map(AttributeValue::Integer),
        Syntax::Time => read_time(text()?).map(AttributeValue::DateTime),
        Syntax::FileTime => {
            let ticks: i64 = text()?.parse().ok()?;
            return moment(ticks).map(AttributeValue::DateTime);
        }
        Syntax::Text | Syntax::ExactText | Syntax::Name => None,
    };
    let as_text = || match text() {
        Some(text) if syntax != Syntax::Binary => AttributeValue::Text(text.to_owned()),
        _ => AttributeValue::Binary(bytes.to_vec()),
    };
    Some(value.unwrap_or_else(as_text))
}

/// Whether two stored values mean the same: the server may write a date or a name in its own way.
pub(crate) fn same(a: &[u8], b: &[u8], syntax: Syntax) -> bool {
    if a == b {
        return true;
    }
    match syntax {
        Syntax::Text | Syntax::ExactText | Syntax::Binary | Syntax::Guid => false,
        Syntax::Name => match (name(a), name(b)) {
            (Some(a), Some(b)) => a.same(&b),
            _ => false,
        },
        _ => from_bytes(a, syntax) == from_bytes(b, syntax),
    }
}

/// The form in which a value is compared with a matching value: as the attribute compares.
pub(crate) fn comparable(bytes: &[u8], syntax: Syntax) -> Vec<u8> {
    match (syntax, std::str::from_utf8(bytes)) {
        (Syntax::Text, Ok(text)) => fold(text).into_bytes(),
        (Syntax::Name, Ok(text)) => {
            Dn::parse(text).map_or_else(|_| bytes.to_vec(), |dn| dn.key().into_bytes())
        }
        (Syntax::Integer, Ok(text)) => {
            text.trim().parse::<i64>().map_or_else(|_| bytes.to_vec(), |n| n.to_string().into_bytes())
        }
        _ => bytes.to_vec(),
    }
}

fn name(bytes: &[u8]) -> Option<Dn> {
    Dn::parse(std::str::from_utf8(bytes).ok()?).ok()
}

/// `yyyyMMddHHmmss.fZ`.
fn generalized_time(at: DateTime) -> String {
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.{}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.subsec_nanosecond() / 100_000_000
    )
}

/// GeneralizedTime with its optional parts (RFC 4517 §3.3.13), UTCTime, or an ISO 8601 date with or without time.
fn read_time(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits < 10 {
        return iso_time(text);
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let short_year = digits == 12 && !text.starts_with("19") && !text.starts_with("20"); // UTCTime
    let (year, at) = if short_year { (century(number(0, 2)?), 2) } else { (number(0, 4)?, 4) };
    let part = |i: usize| if digits >= at + 2 * i + 2 { number(at + 2 * i, at + 2 * i + 2) } else { Some(0) };
    let (month, day, hour) = (part(0)?, part(1)?, part(2)?);
    let (minute, second) = (part(3)?, part(4)?.min(59));
    let rest = &text[digits..];
    let fraction: String = rest
        .strip_prefix(['.', ','])
        .unwrap_or("")
        .chars()
        .take_while(char::is_ascii_digit)
        .take(9)
        .collect();
    let nanosecond: i32 = if fraction.is_empty() { 0 } else { format!("{fraction:0<9}").parse().ok()? };
    let byte = |n: i16| i8::try_from(n).ok();
    let at =
        DateTime::new(year, byte(month)?, byte(day)?, byte(hour)?, byte(minute)?, byte(second)?, nanosecond)
            .ok()?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    match zone.as_bytes().first() {
        None | Some(b'Z') => Some(at),
        Some(sign @ (b'+' | b'-')) => {
            let hours: i64 = zone.get(1..3)?.parse().ok()?;
            let minutes: i64 = zone.get(3..5).map_or(Some(0), |m| m.parse().ok())?;
            let ahead = SignedDuration::from_secs((hours * 60 + minutes) * 60);
            if *sign == b'+' { at.checked_sub(ahead) } else { at.checked_add(ahead) }.ok()
        }
        Some(_) => None,
    }
}

fn century(year: i16) -> i16 {
    if year < 50 { 2000 + year } else { 1900 + year }
}

fn iso_time(text: &str) -> Option<DateTime> {
    let pieces = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text).ok()?;
    let at = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let offset = match pieces.offset() {
        Some(jiff::fmt::temporal::PiecesOffset::Numeric(numeric)) => numeric.offset(),
        _ => return Some(at),
    };
    at.checked_sub(SignedDuration::from_secs(i64::from(offset.seconds()))).ok()
}

/// Ticks of a date, of a number of ticks, or of either as text. A year 9999 means never.
fn file_time(value: &AttributeValue) -> Option<i64> {
    match value {
        AttributeValue::Integer(ticks) => Some(*ticks),
        AttributeValue::DateTime(at) => ticks(*at),
        AttributeValue::Text(text) => match text.trim().parse::<i64>() {
            Ok(n) if text.trim().len() > 14 || n == 0 => Some(n),
            _ => ticks(read_time(text)?),
        },
        _ => None,
    }
}

fn ticks(at: DateTime) -> Option<i64> {
    if at.year() >= 9999 {
        return Some(NEVER);
    }
    let at = TimeZone::UTC.to_timestamp(at).ok()?;
    let seconds = at.as_second().checked_add(FILE_TIME_EPOCH)?;
    seconds.checked_mul(TICKS)?.checked_add(i64::from(at.subsec_nanosecond()) / 100)
}

/// The moment of ticks; `None` for never.
fn moment(ticks: i64) -> Option<DateTime> {
    if ticks <= 0 || ticks == NEVER {
        return None;
    }
    let seconds = ticks.div_euclid(TICKS).checked_sub(FILE_TIME_EPOCH)?;
    let nanos = i32::try_from(ticks.rem_euclid(TICKS) * 100).ok()?;
    jiff::Timestamp::new(seconds, nanos).ok().map(|t| TimeZone::UTC.to_datetime(t))
}

#[cfg(test)]
mod tests {
    use hirewire_engine::value::AttributeValue as V;
    use jiff::civil::date;

    use super::{comparable, from_bytes, same, to_bytes};
    use crate::ldap::schema::{AttributeType, Syntax};

    fn kind(syntax: Syntax) -> AttributeType {
        AttributeType {
            name: "x".into(),
            syntax,
            single: true,
            max_length: Some(20),
            indexed: None,
            writable: true,
        }
    }

    #[test]
    fn written_forms() {
        let text = |t: &str| V::Text(t.into());
        let at = V::DateTime(date(2025, 7, 1).at(0, 0, 0, 0));
        let cases: Vec<(Syntax, V, Option<&str>)> = vec![
            (Syntax::Text, text("Jürgen"), Some("Jürgen")),
            (Syntax::Text, V::Boolean(true), Some("True")),
            (Syntax::Text, at.clone(), Some("20250701000000.0Z")),
            (Syntax::Boolean, text("False"), Some("FALSE")),
            (Syntax::Boolean, text("maybe"), None),
            (Syntax::Integer, text(" 7 "), Some("7")),
            (Syntax::Integer, text("7.5"), None),
            (Syntax::FileTime, at.clone(), Some("133958016000000000")),
            (Syntax::FileTime, text("2025-03-04T18:00:00+01:00"), Some("133855812000000000")),
            (Syntax::FileTime, text("133855812000000000"), Some("133855812000000000")),
            (Syntax::FileTime, text("20250701000000.0Z"), Some("133958016000000000")),
            (
                Syntax::FileTime,
                V::DateTime(date(9999, 12, 31).at(23, 59, 59, 0)),
                Some("9223372036854775807"),
            ),
            (Syntax::FileTime, text("soon"), None),
            (Syntax::Time, text("2025-03-10"), Some("20250310000000.0Z")),
            (Syntax::Time, text("20250303121500+0200"), Some("20250303101500.0Z")),
            (Syntax::Name, V::Reference("CN=a,DC=b".into()), Some("CN=a,DC=b")),
            (Syntax::Name, text("nobody"), None),
            (Syntax::Text, text("twenty-one characters"), None),
        ];
        for (syntax, value, expected) in cases {
            let bytes = to_bytes(&value, &kind(syntax)).ok().flatten();
            assert_eq!(bytes.as_deref(), expected.map(str::as_bytes), "{syntax:?} {value:?}");
        }
        assert_eq!(to_bytes(&text(""), &kind(Syntax::Text)), Ok(None));
    }

    #[test]
    fn read_forms() {
        let at = |h| V::DateTime(date(2025, 3, 3).at(h, 15, 0, 0));
        for (syntax, text, expected) in [
            (Syntax::Time, "20250303101500.0Z", Some(at(10))),
            (Syntax::Time, "20250303101500Z", Some(at(10))),
            (Syntax::Time, "202503031015Z", Some(at(10))),
            (Syntax::Time, "250303101500Z", Some(at(10))),
            (Syntax::FileTime, "0", None),
            (Syntax::FileTime, "9223372036854775807", None),
            (Syntax::FileTime, "133958016000000000", Some(V::DateTime(date(2025, 7, 1).at(0, 0, 0, 0)))),
            (Syntax::Boolean, "TRUE", Some(V::Boolean(true))),
            (Syntax::Integer, "514", Some(V::Integer(514))),
            (Syntax::Text, "x", Some(V::Text("x".into()))),
        ] {
            assert_eq!(from_bytes(text.as_bytes(), syntax), expected, "{text}");
        }
        assert_eq!(from_bytes(&[0xff], Syntax::Text), Some(V::Binary(vec![0xff])));
        assert_eq!(from_bytes(b"abc", Syntax::Binary), Some(V::Binary(b"abc".to_vec())));
        for garbage in
            ["99999999999999Z", "20250303101500.9999999999999Z", "2025030310Zx", "20250303101500+9", "\u{0}"]
        {
            let _ = from_bytes(garbage.as_bytes(), Syntax::Time);
        }
    }

    #[test]
    fn comparisons() {
        assert!(same(b"20250303101500.0Z", b"20250303101500Z", Syntax::Time));
        assert!(same(b"CN=A,DC=x", b"cn=a, dc=X", Syntax::Name));
        assert!(!same(b"A", b"a", Syntax::Text));
        assert_eq!(
            comparable("MÜLLER  x".as_bytes(), Syntax::Text),
            comparable("müller x".as_bytes(), Syntax::Text)
        );
        assert_ne!(comparable(b"A", Syntax::ExactText), comparable(b"a", Syntax::ExactText));
    }
}
