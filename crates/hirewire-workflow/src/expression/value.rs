//! Values of the expression language and how they become text or JSON (`spec/workflows.md` §4.4).

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Map, Value as Json};

/// The largest text an expression may produce, in bytes (`spec/workflows.md` §13).
pub const MAX_TEXT: usize = 104_857_600;

/// A value while an expression is evaluated; borrows from the run's state where it can.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// JSON null.
    Null,
    /// JSON true or false.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Float(f64),
    /// A decimal of 28 digits, made by `decimal()` or read from an integer beyond 64 bits.
    Decimal(Decimal),
    /// A text.
    Text(Cow<'a, str>),
    /// An array or an object; never a scalar.
    Tree(Cow<'a, Json>),
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Boolean(*b),
            Json::Number(n) => number(n),
            Json::String(s) => Value::Text(Cow::Borrowed(s)),
            tree => Value::Tree(Cow::Borrowed(tree)),
        }
    }
}

impl From<Json> for Value<'_> {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Boolean(b),
            Json::Number(n) => number(&n),
            Json::String(s) => Value::Text(Cow::Owned(s)),
            tree => Value::Tree(Cow::Owned(tree)),
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

fn number<'a>(n: &serde_json::Number) -> Value<'a> {
    if let Some(i) = n.as_i64() {
        return Value::Integer(i);
    }
    match n.as_u64() {
        Some(u) => Value::Decimal(Decimal::from(u)),
        None => Value::Float(n.as_f64().unwrap_or(0.0)),
    }
}

impl<'a> Value<'a> {
    /// The type's name as it stands in messages (`spec/workflows.md` §4.4).
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "Null",
            Value::Boolean(_) => "Boolean",
            Value::Integer(_) => "Integer",
            Value::Float(_) | Value::Decimal(_) => "Float",
            Value::Text(_) => "String",
            Value::Tree(tree) if tree.is_array() => "Array",
            Value::Tree(_) => "Object",
        }
    }

    /// The value as JSON; takes it over without a copy where it is owned.
    pub fn into_json(self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Boolean(b) => Json::Bool(b),
            Value::Integer(i) => Json::from(i),
            Value::Float(f) => Json::from(f),
            Value::Decimal(d) => decimal_json(&d),
            Value::Text(t) => Json::String(t.into_owned()),
            Value::Tree(t) => t.into_owned(),
        }
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Boolean(b) => Value::Boolean(b),
            Value::Integer(i) => Value::Integer(i),
            Value::Float(f) => Value::Float(f),
            Value::Decimal(d) => Value::Decimal(d),
            Value::Text(t) => Value::Text(Cow::Owned(t.into_owned())),
            Value::Tree(t) => Value::Tree(Cow::Owned(t.into_owned())),
        }
    }

    /// The array's elements, where it is an array.
    pub fn as_array(&self) -> Option<&Vec<Json>> {
        match self {
            Value::Tree(t) => t.as_array(),
            _ => None,
        }
    }

    /// The object's members, where it is an object.
    pub fn as_object(&self) -> Option<&Map<String, Json>> {
        match self {
            Value::Tree(t) => t.as_object(),
            _ => None,
        }
    }

    /// The text, where it is a text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }

    /// Appends the value's text: null is nothing, booleans are `True` and `False`, trees are compact JSON and a
    /// content envelope is its decoded text.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Value::Null => {}
            Value::Boolean(b) => out.push_str(if *b { "True" } else { "False" }),
            Value::Integer(i) => {
                let _ = write!(out, "{i}");
            }
            Value::Float(f) => out.push_str(&float_text(*f)),
            Value::Decimal(d) => {
                let _ = write!(out, "{d}");
            }
            Value::Text(t) => out.push_str(t),
            Value::Tree(tree) => match envelope(tree) {
                Some((_, bytes)) => out.push_str(&decode_text(&bytes)),
                None => out.push_str(&tree.to_string()),
            },
        }
    }

    /// The value's text; borrows where it is a text already.
    pub fn to_text(&self) -> Cow<'_, str> {
        if let Value::Text(t) = self {
            return Cow::Borrowed(t);
        }
        let mut out = String::new();
        self.write_text(&mut out);
        Cow::Owned(out)
    }
}

fn decimal_json(d: &Decimal) -> Json {
    if d.is_integer() {
        if let Some(i) = d.to_i64() {
            return Json::from(i);
        }
        if let Some(u) = d.to_u64() {
            return Json::from(u);
        }
    }
    d.to_f64().map_or(Json::Null, Json::from)
}

/// A double as .NET writes it: shortest round trip, `1.0` → `1`, `1e20` → `1E+20`, `0.00001` → `1E-05`.
pub(crate) fn float_text(f: f64) -> String {
    if f.is_nan() {
        return "NaN".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "∞".into() } else { "-∞".into() };
    }
    if f == 0.0 {
        return if f.is_sign_negative() { "-0".into() } else { "0".into() };
    }
    let scientific = format!("{f:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        return format!("{f}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.abs())
}

/// Content type and bytes of a content envelope: an object with `$content-type` and `$content` (`spec/workflows.md` §6).
pub fn envelope(json: &Json) -> Option<(&str, Vec<u8>)> {
    let object = json.as_object()?;
    let kind = object.get("$content-type")?.as_str()?;
    let content = object.get("$content")?.as_str()?;
    Some((kind, STANDARD.decode(content).ok()?))
}

/// Makes a content envelope.
pub fn make_envelope(content_type: &str, bytes: &[u8]) -> Json {
    let mut object = Map::new();
    object.insert("$content-type".into(), Json::from(content_type));
    object.insert("$content".into(), Json::from(STANDARD.encode(bytes)));
    Json::Object(object)
}

/// Bytes as UTF-8 text without byte order mark; faulty sequences become U+FFFD.
pub fn decode_text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

/// Deep equality as inside arrays: member order is ignored, integer and float differ (`spec/workflows.md` §4.5).
pub(crate) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x.is_f64() == y.is_f64() && x == y,
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(p, q)| same(p, q)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// `equals` of two values: numbers by value whatever their type, text exactly, trees deep.
pub(crate) fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Boolean(x), Value::Boolean(y)) => x == y,
        (Value::Text(x), Value::Text(y)) => x == y,
        (Value::Tree(x), Value::Tree(y)) => same(x, y),
        _ => compare_numbers(a, b) == Some(std::cmp::Ordering::Equal),
    }
}

/// Compares two numbers; `None` where one is none (or not a number).
pub(crate) fn compare_numbers(a: &Value<'_>, b: &Value<'_>) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Integer(x), Value::Integer(y)) => Some(x.cmp(y)),
        (Value::Decimal(x), Value::Decimal(y)) => Some(x.cmp(y)),
        (Value::Decimal(x), Value::Integer(y)) => Some(x.cmp(&Decimal::from(*y))),
        (Value::Integer(x), Value::Decimal(y)) => Some(Decimal::from(*x).cmp(y)),
        _ => as_float(a)?.partial_cmp(&as_float(b)?),
    }
}

/// The number as a double, where it is a number.
pub(crate) fn as_float(v: &Value<'_>) -> Option<f64> {
    match v {
        Value::Integer(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        Value::Decimal(d) => d.to_f64(),
        _ => None,
    }
}

/// Looks a member up: exact name first, then without regard to case (`spec/workflows.md` §4.3).
pub fn member<'j>(object: &'j Map<String, Json>, key: &str) -> Option<&'j Json> {
    // Comparing a few names is faster than hashing one.
    let exact = if object.len() <= 12 {
        object.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v)
    } else {
        object.get(key)
    };
    exact.or_else(|| object.iter().find(|(k, _)| same_name(k, key)).map(|(_, v)| v))
}

/// Whether two names are equal without regard to case.
pub fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}
