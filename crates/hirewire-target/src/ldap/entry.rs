//! Objects as they come over the wire: names and raw bytes.
//!
//! The client library sorts values into text and binary by looking at them, so that a GUID that happens to be UTF-8
//! changes place; here every value stays bytes until its syntax says what it is.
use ldap3::ResultEntry;

/// One object of a search result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The object's name.
    pub(crate) dn: String,
    /// Attributes in the server's spelling, without range options.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
    /// Attributes of which only the first values came: name and the index to go on from (MaxValRange).
    pub(crate) unfinished: Vec<(String, u64)>,
}

impl Entry {
    /// Reads a search result entry; `None` when the server sent something else.
    pub(crate) fn read(result: ResultEntry) -> Option<Self> {
        let mut parts = result.0.match_id(4)?.expect_constructed()?.into_iter();
        let mut entry = Self { dn: text(parts.next()?.expect_primitive()?), ..Self::default() };
        for attribute in parts.next()?.expect_constructed()? {
            let mut attribute = attribute.expect_constructed()?.into_iter();
            let name = text(attribute.next()?.expect_primitive()?);
            let values = attribute.next()?.expect_constructed()?;
            let values: Option<Vec<Vec<u8>>> = values.into_iter().map(|v| v.expect_primitive()).collect();
            entry.put(&name, values?);
        }
        Some(entry)
    }

    /// An entry made of given values, such as those of a post-read control.
    pub(crate) fn put(&mut self, name: &str, values: Vec<Vec<u8>>) {
        let (name, next) = split_range(name);
        if let Some(next) = next {
            self.unfinished.push((name.to_owned(), next));
        }
        match self.attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => known.extend(values),
            None if values.is_empty() => {}
            None => self.attributes.push((name.to_owned(), values)),
        }
    }

    /// The values of an attribute, whatever its spelling; none when it is absent.
    pub(crate) fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }

    /// The first value as text, when it is UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.values(name).first()?).ok()
    }

    /// The first value as a number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// `member;range=0-1499` is the beginning of `member` that goes on at 1500; `member;range=1500-*` is its end.
fn split_range(name: &str) -> (&str, Option<u64>) {
    let Some(at) = name.to_ascii_lowercase().find(";range=") else { return (name, None) };
    let end = name[at + 7..].rsplit_once('-').map(|(_, end)| end);
    (&name[..at], end.and_then(|end| end.parse::<u64>().ok()).map(|end| end.saturating_add(1)))
}

/// The 16 bytes of `objectGUID` as text: the first three fields are little-endian (spec/targets.md §2.2).
pub(crate) fn guid_text(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(uuid::Uuid::from_bytes_le(bytes).to_string())
}

/// The bytes of a GUID's text.
pub(crate) fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    if !text.is_ascii() {
        return None;
    }
    uuid::Uuid::try_parse(text).ok().map(|guid| guid.to_bytes_le())
}

#[cfg(test)]
mod tests {
    use super::{Entry, guid_bytes, guid_text, split_range};

    #[test]
    fn guids() {
        let text = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
        let bytes = guid_bytes(text).unwrap();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "ff19966f868b11d0b42d00c04fc964ff");
        assert_eq!(guid_text(&bytes).unwrap(), text);
        assert_eq!(guid_bytes("{6F9619FF-8B86-D011-B42D-00C04FC964FF}"), Some(bytes));
        assert!(guid_bytes("é").is_none() && guid_text(b"short").is_none());
    }

    #[test]
    fn ranges() {
        assert_eq!(split_range("member;range=0-1499"), ("member", Some(1500)));
        assert_eq!(split_range("member;Range=1500-*"), ("member", None));
        assert_eq!(split_range("mail"), ("mail", None));
        let mut entry = Entry::default();
        entry.put("member;range=0-1", vec![b"a".to_vec(), b"b".to_vec()]);
        entry.put("member", vec![]);
        assert_eq!(entry.values("MEMBER").len(), 2);
        assert_eq!(entry.unfinished, [("member".to_owned(), 2)]);
    }
}
