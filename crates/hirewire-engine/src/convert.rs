//! From what an expression says to what the target attribute holds (`spec/engine.md §7`, §10).
use std::borrow::Cow;

use hirewire_expression::{Number, Value};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::attribute::{AttributeType, TargetAttribute};
use crate::compare::{boolean_text, contains, is_empty, same_text, same_value};
use crate::value::AttributeValue;

/// The value is not one the attribute can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is {0}")]
pub(crate) struct WrongKind(&'static str);

/// A wanted value beside the one that is held.
#[derive(Debug, PartialEq)]
pub(crate) enum Wanted {
    /// No value: null, empty text, empty list.
    Nothing,
    /// Equal to the one that is held.
    Held,
    /// Another one.
    Other(AttributeValue),
}

/// How dates without a time are read, and whether one was met.
#[derive(Debug)]
pub(crate) struct Dates<'z> {
    zone: &'z TimeZone,
    /// A date without a time was read.
    pub(crate) without_time: bool,
}

impl<'z> Dates<'z> {
    pub(crate) fn new(zone: &'z TimeZone) -> Self {
        Self { zone, without_time: false }
    }
}

/// Brings a value into the attribute's type and compares it with the held one. A text that is equal is not copied:
/// most people are unchanged in most attributes.
pub(crate) fn settle(
    attribute: &TargetAttribute,
    value: Value<'_>,
    held: Option<&AttributeValue>,
    dates: &mut Dates<'_>,
) -> Result<Wanted, WrongKind> {
    if value.is_null_or_empty() {
        return Ok(Wanted::Nothing);
    }
    if let (AttributeType::String, false, Some(AttributeValue::Text(held)), Some(text)) =
        (attribute.kind, attribute.container, held, value.as_text())
        && same_text(held, &text, attribute.case_exact)
    {
        return Ok(Wanted::Held);
    }
    let Some(wanted) = convert(attribute, value, dates)? else { return Ok(Wanted::Nothing) };
    match held {
        Some(held) if same_value(attribute, held, &wanted) => Ok(Wanted::Held),
        _ => Ok(Wanted::Other(wanted)),
    }
}

/// Brings a value into the attribute's type; `None` for no value.
pub(crate) fn convert(
    attribute: &TargetAttribute,
    value: Value<'_>,
    dates: &mut Dates<'_>,
) -> Result<Option<AttributeValue>, WrongKind> {
    let value = match value {
        Value::Null => return Ok(None),
        Value::List(values) => return convert_list(attribute, values, dates),
        Value::Roles(roles) => {
            return convert_list(attribute, roles.into_iter().map(|role| role.value).collect(), dates);
        }
        single => single,
    };
    let Some(single) = convert_single(attribute, value, dates)? else { return Ok(None) };
    Ok(Some(if attribute.multivalued { AttributeValue::List(vec![single]) } else { single }))
}

fn convert_list(
    attribute: &TargetAttribute,
    values: Vec<Cow<'_, str>>,
    dates: &mut Dates<'_>,
) -> Result<Option<AttributeValue>, WrongKind> {
    if !attribute.multivalued && values.len() > 1 {
        return Err(WrongKind("several values for an attribute that takes one"));
    }
    let mut list: Vec<AttributeValue> = Vec::with_capacity(values.len());
    for text in values {
        if let Some(value) = convert_single(attribute, Value::Text(text), dates)?
            && !contains(attribute, &list, &value)
        {
            list.push(value);
        }
    }
    Ok(match attribute.multivalued {
        _ if list.is_empty() => None,
        true => Some(AttributeValue::List(list)),
        false => list.pop(),
    })
}

fn convert_single(
    attribute: &TargetAttribute,
    value: Value<'_>,
    dates: &mut Dates<'_>,
) -> Result<Option<AttributeValue>, WrongKind> {
    let converted = match attribute.kind {
        AttributeType::String => AttributeValue::Text(text(value)?),
        AttributeType::Reference => AttributeValue::Reference(text(value)?),
        AttributeType::Boolean => match value {
            Value::Boolean(flag) => AttributeValue::Boolean(flag),
            Value::Text(text) if text.is_empty() => return Ok(None),
            Value::Text(text) => {
                AttributeValue::Boolean(boolean_text(&text).ok_or(WrongKind("neither True nor False"))?)
            }
            _ => return Err(WrongKind("neither True nor False")),
        },
        AttributeType::Integer => match value {
            Value::Number(number) => integer(number)?,
            Value::Text(text) if text.is_empty() => return Ok(None),
            Value::Text(text) => integer(Number::parse(text.trim()).ok_or(WrongKind("no whole number"))?)?,
            _ => return Err(WrongKind("no whole number")),
        },
        AttributeType::DateTime => match value {
            Value::DateTime(moment) => AttributeValue::DateTime(civil(moment).ok_or(WrongKind("no date"))?),
            Value::Text(text) if text.is_empty() => return Ok(None),
            Value::Text(text) => {
                AttributeValue::DateTime(moment(text.trim(), dates).ok_or(WrongKind("no date"))?)
            }
            _ => return Err(WrongKind("no date")),
        },
        AttributeType::Binary => AttributeValue::Binary(bytes(&text(value)?).ok_or(WrongKind("no base64"))?),
    };
    Ok((!is_empty(&converted)).then_some(converted))
}

fn text(value: Value<'_>) -> Result<String, WrongKind> {
    match value {
        Value::Text(text) => Ok(text.into_owned()),
        other => other.as_text().map(Cow::into_owned).ok_or(WrongKind("no single value")),
    }
}

fn integer(number: Number) -> Result<AttributeValue, WrongKind> {
    number.as_integer().map(AttributeValue::Integer).ok_or(WrongKind("no whole number"))
}

fn civil(moment: hirewire_expression::DateTime) -> Option<DateTime> {
    let parts = moment.civil();
    let small = |number: u32| i8::try_from(number).ok();
    DateTime::new(
        i16::try_from(parts.year).ok()?,
        small(parts.month)?,
        small(parts.day)?,
        small(parts.hour)?,
        small(parts.minute)?,
        small(parts.second)?,
        i32::try_from(parts.ticks).ok()?.checked_mul(100)?,
    )
    .ok()
}

/// Reads an ISO 8601 date and time, AD's `yyyyMMddHHmmss.fZ`, or a date, which begins at 00:00 in the configured
/// zone (`spec/engine.md §10`). The result is UTC; a moment beyond the range of instants ("no end") stays as it is.
fn moment(text: &str, dates: &mut Dates<'_>) -> Option<DateTime> {
    if let Some(digits) = text.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        let rest = text.get(14..)?;
        let zulu = rest.strip_suffix('Z')?;
        let fraction = zulu.strip_prefix('.').unwrap_or(zulu);
        return fraction
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| DateTime::strptime("%Y%m%d%H%M%S", digits).ok())?;
    }
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= 10
    {
        dates.without_time = true;
        return Some(in_zone(date.at(0, 0, 0, 0), dates.zone));
    }
    let (local, offset) = split_offset(text)?;
    let civil: DateTime = local.parse().ok()?;
    match offset {
        None => Some(in_zone(civil, dates.zone)),
        Some(seconds) => Some(civil.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(civil)),
    }
}

/// `2026-01-05T00:00:00+01:00` → the local part and the offset in seconds.
fn split_offset(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, Some(0)));
    }
    let time = text.find(['T', 't', ' '])?;
    let Some(sign) = text.get(time..)?.find(['+', '-']).map(|at| at + time) else {
        return Some((text, None));
    };
    let offset = text.get(sign + 1..)?;
    let digits: String = offset.chars().filter(|letter| *letter != ':').collect();
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let (hours, minutes) = match digits.len() {
        2 => (part(0..2)?, 0),
        4 => (part(0..2)?, part(2..4)?),
        _ => return None,
    };
    let seconds = (hours <= 18 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    let signed = if text.as_bytes().get(sign) == Some(&b'-') { -seconds } else { seconds };
    Some((text.get(..sign)?, Some(signed)))
}

fn in_zone(local: DateTime, zone: &TimeZone) -> DateTime {
    zone.to_ambiguous_timestamp(local)
        .compatible()
        .map_or(local, |moment: Timestamp| TimeZone::UTC.to_datetime(moment))
}

/// Standard base64, with or without padding.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let mut buffer = 0_u32;
    let mut bits = 0_u32;
    for letter in text.trim_end_matches('=').bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(six)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            decoded.push((buffer >> bits & 0xFF) as u8);
        }
    }
    (bits < 6).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Mutability;

    fn attribute(kind: AttributeType, multivalued: bool) -> TargetAttribute {
        TargetAttribute {
            name: "x".into(),
            kind,
            case_exact: false,
            multivalued,
            mutability: Mutability::ReadWrite,
            required: false,
            default_value: None,
            container: false,
        }
    }

    fn converted(kind: AttributeType, value: Value<'_>) -> Result<Option<AttributeValue>, WrongKind> {
        convert(&attribute(kind, false), value, &mut Dates::new(&TimeZone::UTC))
    }

    #[test]
    fn dates_of_all_shapes() {
        let zone = TimeZone::get("America/New_York").expect("the zone database");
        let cases = [
            ("2026-01-05T00:00:00+01:00", Some("2026-01-04T23:00:00"), false),
            ("2026-01-05T00:00:00Z", Some("2026-01-05T00:00:00"), false),
            ("2026-01-05 08:30:00-0530", Some("2026-01-05T14:00:00"), false),
            ("2026-01-05T00:00:00.1234567z", Some("2026-01-05T00:00:00.1234567"), false),
            ("9999-12-31T23:59:59.9999999Z", Some("9999-12-31T23:59:59.9999999"), false),
            ("9999-12-31T23:59:59-05:00", Some("9999-12-31T23:59:59"), false),
            ("2021-05-01", Some("2021-05-01T04:00:00"), true),
            ("9999-12-31", Some("9999-12-31T00:00:00"), true),
            ("2021-05-01T12:00:00", Some("2021-05-01T16:00:00"), false),
            ("20260105093000.0Z", Some("2026-01-05T09:30:00"), false),
            ("20260105093000Z", Some("2026-01-05T09:30:00"), false),
            ("20261305093000Z", None, false),
            ("31.12.2026", None, false),
            ("2026-01-05T25:00:00Z", None, false),
            ("2026-01-05T00:00:00+99:00", None, false),
            ("2026-01-05T00:00:00+é1", None, false),
            ("T", None, false),
        ];
        for (text, expected, without_time) in cases {
            let mut dates = Dates::new(&zone);
            let expected: Option<DateTime> = expected.and_then(|text| text.parse().ok());
            assert_eq!(moment(text, &mut dates), expected, "{text}");
            assert_eq!(dates.without_time, without_time, "{text}");
        }
    }

    #[test]
    fn each_type_takes_its_values_and_refuses_the_others() {
        use AttributeType::{Binary, Boolean, Integer, String};
        let cases = [
            (String, Value::Boolean(true), Ok(Some(AttributeValue::Text("True".into())))),
            (String, Value::integer(7), Ok(Some(AttributeValue::Text("7".into())))),
            (String, Value::from(""), Ok(None)),
            (Boolean, Value::from(" FALSE "), Ok(Some(AttributeValue::Boolean(false)))),
            (Boolean, Value::from("1"), Err(WrongKind("neither True nor False"))),
            (Integer, Value::from("0578"), Ok(Some(AttributeValue::Integer(578)))),
            (Integer, Value::from("5.00"), Ok(Some(AttributeValue::Integer(5)))),
            (Integer, Value::from("5.5"), Err(WrongKind("no whole number"))),
            (Integer, Value::from("99999999999999999999"), Err(WrongKind("no whole number"))),
            (Binary, Value::from("aGk="), Ok(Some(AttributeValue::Binary(b"hi".to_vec())))),
            (Binary, Value::from("aGk"), Ok(Some(AttributeValue::Binary(b"hi".to_vec())))),
            (Binary, Value::from("a!"), Err(WrongKind("no base64"))),
            (String, Value::List(vec!["a".into()]), Ok(Some(AttributeValue::Text("a".into())))),
            (String, Value::List(vec![]), Ok(None)),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(converted(kind, value.clone()), expected, "{kind:?} {value:?}");
        }
        assert!(converted(String, Value::List(vec!["a".into(), "b".into()])).is_err());
    }

    #[test]
    fn lists_lose_what_is_twice_in_the_attributes_own_equality() {
        let value = Value::List(vec!["a".into(), "A".into(), "".into(), "b".into()]);
        let list = convert(&attribute(AttributeType::String, true), value, &mut Dates::new(&TimeZone::UTC));
        let text = |t: &str| AttributeValue::Text(t.into());
        assert_eq!(list, Ok(Some(AttributeValue::List(vec![text("a"), text("b")]))));
    }

    #[test]
    fn an_equal_text_is_held() {
        let held = AttributeValue::Text("ENGINEER".into());
        let settled = |value: &'static str| {
            let zone = TimeZone::UTC;
            let mut dates = Dates::new(&zone);
            settle(&attribute(AttributeType::String, false), Value::from(value), Some(&held), &mut dates)
        };
        assert_eq!(settled("Engineer"), Ok(Wanted::Held));
        assert_eq!(settled("Lead"), Ok(Wanted::Other(AttributeValue::Text("Lead".into()))));
        assert_eq!(settled(""), Ok(Wanted::Nothing));
    }
}
