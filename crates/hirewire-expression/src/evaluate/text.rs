//! Functions on text.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Eval, Evaluator, Stop, fail};
use crate::casing::{self, Culture};
use crate::node::Call;
use crate::value::Value;

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(super) fn append(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0)?;
        let suffix = self.argument(call, 1)?;
        self.joined(source, suffix)
    }

    #[inline(never)]
    pub(super) fn prepend(&self, call: &'a Call) -> Eval<'a> {
        self.append(call)
    }

    #[inline(never)]
    pub(super) fn cstr(&self, call: &'a Call) -> Eval<'a> {
        self.map_argument(call, Ok)
    }

    pub(super) fn change_case(
        &self,
        call: &'a Call,
        source: Value<'a>,
        change: fn(Cow<'_, str>, Culture) -> Cow<'_, str>,
    ) -> Eval<'a> {
        let culture = self.text_or_empty(call, 1)?;
        let Some(culture) = Culture::find(&culture) else {
            return fail("the culture is unknown; cultures are named like `tr-TR`");
        };
        self.map(source, |text| Ok(change(text, culture)))
    }

    #[inline(never)]
    pub(super) fn normalize(&self, source: Value<'a>) -> Eval<'a> {
        self.map(source, |text| Ok(crate::diacritics::normalize(text)))
    }

    #[inline(never)]
    pub(super) fn strip_spaces(&self, source: Value<'a>) -> Eval<'a> {
        self.map(source, |text| Ok(strip_spaces(text)))
    }

    #[inline(never)]
    pub(super) fn trim(&self, source: Value<'a>) -> Eval<'a> {
        self.map(source, |text| Ok(sliced(text, str::trim)))
    }

    #[inline(never)]
    pub(super) fn pcase(&self, call: &'a Call) -> Eval<'a> {
        let separators = self.argument(call, 1)?;
        let separators = self.text(separators)?;
        self.map_argument(call, |text| Ok(Cow::Owned(casing::title(&text, separators.as_deref()))))
    }

    #[inline(never)]
    pub(super) fn left(&self, call: &'a Call, source: Value<'a>) -> Eval<'a> {
        let count = self.integer(call, 1)?;
        if source.is_null() {
            return Ok(Value::from(""));
        }
        let left = Slice::left(count);
        self.map(source, |text| Ok(sliced(text, |text| left.of(text))))
    }

    #[inline(never)]
    pub(super) fn mid(&self, call: &'a Call, source: Value<'a>) -> Eval<'a> {
        let (start, length) = (self.integer(call, 1)?, self.integer(call, 2)?);
        if source.is_null() {
            return Ok(Value::from(""));
        }
        let Some(middle) = Slice::mid(start, length) else {
            return fail(if start < 1 { "`start` counts from 1" } else { "`length` must not be negative" });
        };
        self.map(source, |text| Ok(sliced(text, |text| middle.of(text))))
    }

    #[inline(never)]
    pub(super) fn len(&self, call: &'a Call) -> Eval<'a> {
        let count = |text: &str| i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        match self.argument(call, 0)? {
            Value::List(values) if values.len() > 1 => {
                Ok(Value::List(values.iter().map(|value| Cow::Owned(count(value).to_string())).collect()))
            }
            value => Ok(Value::integer(self.text(value)?.map_or(0, |text| count(&text)))),
        }
    }

    #[inline(never)]
    pub(super) fn word(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0)?;
        let number = self.integer(call, 1)?;
        let delimiters = self.text_or_empty(call, 2)?;
        if source.is_null() {
            return Ok(Value::from(""));
        }
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some(index) = index else { return Ok(Value::from("")) };
        self.map(source, |text| {
            Ok(sliced(text, |text| {
                // [U] Neighbouring delimiters make no empty words.
                text.split(|c| delimiters.contains(c))
                    .filter(|word| !word.is_empty())
                    .nth(index)
                    .unwrap_or("")
            }))
        })
    }

    #[inline(never)]
    pub(super) fn in_str(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0)?;
        let wanted = self.text_or_empty(call, 1)?;
        let start = if call.argument(2).is_some() { self.integer(call, 2)? } else { 1 };
        let Some(start) = usize::try_from(start).ok().filter(|start| *start > 0) else {
            return fail("`start` counts from 1");
        };
        let ignore_case = match &*self.text_or_empty(call, 3)? {
            "" | "vbBinaryCompare" | "0" => false,
            "vbTextCompare" | "1" => true,
            _ => return fail("`compareType` is `vbBinaryCompare` or `vbTextCompare`"),
        };
        let Some(text) = self.text(source)? else { return Ok(Value::integer(0)) };
        let found = if ignore_case {
            // One letter for one: positions stay the same.
            let lower = |text: &str| casing::to_lower(Cow::Borrowed(text), Culture::Invariant).into_owned();
            position(&lower(&text), &lower(&wanted), start)
        } else {
            position(&text, &wanted, start)
        };
        Ok(Value::integer(i64::try_from(found).unwrap_or(0)))
    }

    #[inline(never)]
    pub(super) fn dn_component(&self, call: &'a Call) -> Eval<'a> {
        let source = self.argument(call, 0)?;
        let number = self.integer(call, 1)?;
        let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) else {
            return fail("`n` counts from 1");
        };
        let Some(dn) = self.text(source)? else { return Ok(Value::Null) };
        Ok(Value::from(dn_value(&dn, index)))
    }

    #[inline(never)]
    pub(super) fn convert_to_base64(&self, call: &'a Call) -> Eval<'a> {
        self.map_argument(call, |text| {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            Ok(Cow::Owned(STANDARD.encode(bytes)))
        })
    }

    #[inline(never)]
    pub(super) fn convert_from_base64(&self, call: &'a Call) -> Eval<'a> {
        let encoding = self.text_or_empty(call, 1)?;
        self.map_argument(call, |text| {
            let bytes = base64_bytes(&text)?;
            Ok(Cow::Owned(match &*encoding {
                "" | "Unicode" => {
                    let (pairs, rest) = bytes.as_chunks::<2>();
                    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
                    let mut text: String = char::decode_utf16(units)
                        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                        .collect();
                    text.extend(rest.iter().map(|_| char::REPLACEMENT_CHARACTER));
                    text
                }
                "UTF8" => String::from_utf8_lossy(&bytes).into_owned(),
                "ASCII" => bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect(),
                _ => return fail("`encoding` is `Unicode`, `UTF8` or `ASCII`"),
            }))
        })
    }

    #[inline(never)]
    pub(super) fn convert_to_utf8_hex(&self, call: &'a Call) -> Eval<'a> {
        self.map_argument(call, |text| {
            let mut hex = String::with_capacity(text.len() * 2);
            for byte in text.bytes() {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02X}");
            }
            Ok(Cow::Owned(hex))
        })
    }
}

/// `left` with `right` behind it, without copying when one of them is empty.
pub(super) fn append<'a>(left: Cow<'a, str>, right: &str) -> Cow<'a, str> {
    if right.is_empty() {
        return left;
    }
    match left {
        Cow::Borrowed(left) => {
            let mut text = String::with_capacity(left.len() + right.len());
            text.push_str(left);
            text.push_str(right);
            Cow::Owned(text)
        }
        Cow::Owned(mut left) => {
            left.push_str(right);
            Cow::Owned(left)
        }
    }
}

/// Characters that `Left` and `Mid` take out of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    skip: usize,
    length: usize,
}

impl Slice {
    /// A negative number leaves the text as it is.
    pub(crate) fn left(count: i64) -> Self {
        Self { skip: 0, length: usize::try_from(count).unwrap_or(usize::MAX) }
    }

    /// [U] Positions before the text are an error, positions behind it give the empty text.
    pub(crate) fn mid(start: i64, length: i64) -> Option<Self> {
        let skip = start.checked_sub(1).filter(|skip| *skip >= 0)?;
        Some(Self {
            skip: usize::try_from(skip).unwrap_or(usize::MAX),
            length: usize::try_from(length).ok()?,
        })
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        let rest = &text[byte_of(text, self.skip)..];
        &rest[..byte_of(rest, self.length)]
    }
}

/// A piece of a text: borrowed from a borrowed one, cut out of an owned one.
#[inline]
pub(super) fn sliced<'a>(text: Cow<'a, str>, slice: impl for<'t> FnOnce(&'t str) -> &'t str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(slice(text)),
        Cow::Owned(text) => {
            let piece = slice(&text);
            let place = (piece.as_ptr().addr(), piece.len());
            Cow::Owned(cut(text, place))
        }
    }
}

/// Keeps the piece of an owned text that has this address and length, without copying it elsewhere; nothing when
/// the piece is empty.
pub(crate) fn cut(mut text: String, (address, length): (usize, usize)) -> String {
    let from = address.wrapping_sub(text.as_ptr().addr());
    if length == 0 || from > text.len() {
        text.clear();
        return text;
    }
    text.truncate(from + length);
    text.drain(..from);
    text
}

/// The byte at which the n-th character (from 0) begins, or the end.
fn byte_of(text: &str, n: usize) -> usize {
    if n >= text.len() {
        return text.len();
    }
    if text.as_bytes()[..n].is_ascii() {
        return n;
    }
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

/// The position from 1 of `wanted` at or after the character `start`; 0 when it does not occur.
fn position(text: &str, wanted: &str, start: usize) -> usize {
    // [U] The empty text is found where the search begins.
    if wanted.is_empty() {
        return start;
    }
    let from = byte_of(text, start - 1);
    match text[from..].find(wanted) {
        Some(offset) => text[..from + offset].chars().count() + 1,
        None => 0,
    }
}

pub(super) fn strip_spaces(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(' ') { Cow::Owned(text.replace(' ', "")) } else { text }
}

fn base64_bytes(text: &str) -> Result<Vec<u8>, Stop> {
    // As in .NET, white space between the digits does not count.
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
    STANDARD.decode(compact).or_else(|_| fail("the text is not Base64"))
}

/// The value of the n-th component (from 0) of a distinguished name, without its escapes.
fn dn_value(dn: &str, index: usize) -> Option<String> {
    let (mut component, mut started) = (0, false);
    let mut value: Vec<u8> = Vec::new();
    let mut quoted = false;
    let mut bytes = dn.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let escaped = bytes.next()?;
                let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let pair = hex(escaped).and_then(|high| Some((high, hex(*bytes.peek()?)?)));
                let byte = match pair {
                    Some((high, low)) => {
                        bytes.next();
                        high << 4 | low
                    }
                    None => escaped,
                };
                if component == index && started {
                    value.push(byte);
                }
            }
            b'"' if started => quoted = !quoted,
            b',' | b';' if !quoted => {
                if component == index {
                    break;
                }
                component += 1;
                started = false;
            }
            b'=' if !started => started = true,
            other => {
                if component == index && started {
                    value.push(other);
                }
            }
        }
    }
    (component == index && started).then(|| String::from_utf8_lossy(&value).trim().to_owned())
}

/// `S-1-…` from the bytes of a security identifier in Base64; text of that form stays.
pub(super) fn sid_text(text: Cow<'_, str>) -> Result<Cow<'_, str>, Stop> {
    if text.starts_with("S-1-") {
        return Ok(text);
    }
    let bytes = base64_bytes(&text)?;
    let Some((&[revision, count, a, b, c, d, e, f], rest)) = bytes.split_first_chunk::<8>() else {
        return fail("the bytes are no security identifier");
    };
    if revision != 1 || rest.len() != usize::from(count) * 4 {
        return fail("the bytes are no security identifier");
    }
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let mut sid = format!("S-1-{authority}");
    for part in rest.as_chunks::<4>().0 {
        // Writing to a string cannot fail.
        let _ = write!(sid, "-{}", u32::from_le_bytes(*part));
    }
    Ok(Cow::Owned(sid))
}
