//! Attributes as compact JSON: text, numbers and Booleans as themselves, lists as arrays, the others as an object with one
//! letter that names the type.
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hirewire_engine::value::{AttributeValue, Attributes};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Lists within lists do not occur; this bounds what a damaged file can do.
const DEEPEST: usize = 8;

/// Writes attributes.
pub(super) fn encode<'a>(attributes: impl Iterator<Item = (&'a String, &'a AttributeValue)>) -> String {
    let mut json = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::new(&mut json);
    let written = serializer.collect_map(attributes.map(|(name, value)| (name, Value(value))));
    // Writing text to memory does not fail.
    written.ok().and_then(|()| String::from_utf8(json).ok()).unwrap_or_else(|| "{}".into())
}

struct Value<'a>(&'a AttributeValue);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Text(text) => serializer.serialize_str(text),
            AttributeValue::Boolean(value) => serializer.serialize_bool(*value),
            AttributeValue::Integer(value) => serializer.serialize_i64(*value),
            AttributeValue::DateTime(value) => tagged(serializer, "d", &value.to_string()),
            AttributeValue::Binary(bytes) => tagged(serializer, "b", &STANDARD.encode(bytes)),
            AttributeValue::Reference(anchor) => tagged(serializer, "r", anchor),
            AttributeValue::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Value(item)))?;
                list.end()
            }
        }
    }
}

fn tagged<S: Serializer>(serializer: S, tag: &str, text: &str) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, text)?;
    map.end()
}

/// Which attributes to read.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// All of them.
    All,
    /// Those with these names, in any case.
    Named(&'a [String]),
}

impl Wanted<'_> {
    pub(super) fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)),
        }
    }
}

/// Reads the wanted attributes.
pub(super) fn decode(text: &str, wanted: Wanted<'_>) -> Result<Attributes, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Object(wanted).deserialize(&mut deserializer)
}

struct Object<'a>(Wanted<'a>);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Attributes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.has(&name) {
                attributes.insert(name, map.next_value_seed(Any(0))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(attributes)
    }
}

struct Any(usize);

impl<'de> DeserializeSeed<'de> for Any {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AttributeValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Text(text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Text(text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AttributeValue, E> {
        i64::try_from(value).map(AttributeValue::Integer).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AttributeValue, A::Error> {
        if self.0 >= DEEPEST {
            return Err(A::Error::custom("lists nested too deep"));
        }
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Any(self.0 + 1))? {
            items.push(item);
        }
        Ok(AttributeValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
        let Some((tag, text)) = map.next_entry::<Tag, String>()? else {
            return Err(A::Error::custom("no type"));
        };
        match tag {
            Tag::D => text.parse().map(AttributeValue::DateTime).map_err(A::Error::custom),
            Tag::B => STANDARD.decode(&text).map(AttributeValue::Binary).map_err(A::Error::custom),
            Tag::R => Ok(AttributeValue::Reference(text)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tag {
    D,
    B,
    R,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        let values = [
            AttributeValue::Text("Zoë \"quoted\"\n".into()),
            AttributeValue::Boolean(false),
            AttributeValue::Integer(i64::MIN),
            AttributeValue::DateTime(jiff::civil::date(9999, 12, 31).at(23, 59, 59, 0)),
            AttributeValue::Binary(vec![0, 255, 7]),
            AttributeValue::Reference("8c1d2e3f-4051-4263-9475-8697a8b9cadb".into()),
            AttributeValue::List(vec![AttributeValue::Text("a".into()), AttributeValue::Integer(1)]),
        ];
        let attributes: Attributes =
            values.into_iter().enumerate().map(|(n, v)| (format!("a{n}"), v)).collect();
        let text = encode(attributes.iter());
        assert_eq!(decode(&text, Wanted::All).unwrap(), attributes);
        let some = decode(&text, Wanted::Named(&["A1".into(), "none".into()])).unwrap();
        assert_eq!(some.into_iter().collect::<Vec<_>>(), [("a1".into(), AttributeValue::Boolean(false))]);
        for damaged in [
            "",
            "[]",
            "{\"a\":null}",
            "{\"a\":1.5}",
            "{\"a\":{\"x\":\"\"}}",
            &format!("{{\"a\":{}", "[".repeat(500)),
        ] {
            assert!(decode(damaged, Wanted::All).is_err(), "{damaged}");
        }
    }
}
