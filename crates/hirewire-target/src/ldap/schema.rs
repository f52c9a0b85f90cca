//! What the directory itself says about its attributes: syntax, single or several values, length, index.
use std::collections::HashMap;

use super::entry::Entry;

/// How an attribute's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Text compared ignoring case.
    Text,
    /// Text compared exactly.
    ExactText,
    Boolean,
    Integer,
    /// GeneralizedTime, RFC 4517 §3.3.13.
    Time,
    /// 100-nanosecond ticks since 1601; 0 and the greatest number mean "never".
    FileTime,
    /// The name of another object: a reference.
    Name,
    Binary,
    /// `objectGUID`.
    Guid,
}

/// One attribute of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeType {
    pub(crate) name: String,
    pub(crate) syntax: Syntax,
    pub(crate) single: bool,
    /// Characters at most, where the schema says so.
    pub(crate) max_length: Option<usize>,
    /// False when the server searches it without an index; `None` when it does not say.
    pub(crate) indexed: Option<bool>,
    /// False for attributes only the server writes.
    pub(crate) writable: bool,
}

/// The attributes of a directory by name.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    types: HashMap<String, AttributeType>,
}

/// Attributes of Active Directory's `attributeSchema` objects that are read.
pub(crate) const AD_ATTRIBUTES: [&str; 7] = [
    "lDAPDisplayName",
    "attributeSyntax",
    "oMSyntax",
    "isSingleValued",
    "rangeUpper",
    "searchFlags",
    "systemOnly",
];

/// Ticks that are moments; others of that kind, such as `pwdLastSet`, have values with a meaning of their own.
const FILE_TIMES: [&str; 3] = ["accountExpires", "lastLogon", "lastLogonTimestamp"];
/// Names that are not references to be followed: of the object itself, of its class.
const PLAIN_NAMES: [&str; 4] = ["distinguishedName", "objectCategory", "entryDN", "subschemaSubentry"];

impl Schema {
    /// The attribute, whatever its spelling.
    pub(crate) fn get(&self, name: &str) -> Option<&AttributeType> {
        let base = name.split(';').next().unwrap_or(name);
        self.types.get(&base.to_ascii_lowercase())
    }

    fn put(&mut self, kind: AttributeType) {
        self.types.insert(kind.name.to_ascii_lowercase(), kind);
    }

    /// Takes one `attributeSchema` object of Active Directory.
    pub(crate) fn add_active_directory(&mut self, entry: &Entry) {
        let Some(name) = entry.text("lDAPDisplayName") else { return };
        let among = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        let syntax = match entry.text("attributeSyntax").unwrap_or_default() {
            _ if name.eq_ignore_ascii_case("objectGUID") => Syntax::Guid,
            "2.5.5.1" if among(&PLAIN_NAMES) => Syntax::Text,
            "2.5.5.1" => Syntax::Name,
            "2.5.5.3" | "2.5.5.5" => Syntax::ExactText,
            "2.5.5.8" => Syntax::Boolean,
            "2.5.5.9" => Syntax::Integer,
            "2.5.5.10" | "2.5.5.15" | "2.5.5.17" => Syntax::Binary,
            "2.5.5.11" => Syntax::Time,
            "2.5.5.16" if among(&FILE_TIMES) => Syntax::FileTime,
            "2.5.5.16" => Syntax::Integer,
            _ => Syntax::Text,
        };
        self.put(AttributeType {
            name: name.into(),
            syntax,
            single: entry.text("isSingleValued") == Some("TRUE"),
            max_length: entry.number("rangeUpper").and_then(|n| usize::try_from(n).ok()),
            indexed: Some(entry.number("searchFlags").unwrap_or(0) & 1 == 1),
            writable: entry.text("systemOnly") != Some("TRUE"),
        });
    }

    /// Takes the `attributeTypes` of an RFC 4512 subschema; inherits syntaxes from superior types.
    pub(crate) fn add_descriptions(&mut self, descriptions: &[Vec<u8>]) {
        let parsed: Vec<Description> =
            descriptions.iter().filter_map(|d| Description::parse(std::str::from_utf8(d).ok()?)).collect();
        let by_name: HashMap<String, usize> = parsed
            .iter()
            .enumerate()
            .flat_map(|(i, d)| d.names.iter().map(move |n| (n.to_ascii_lowercase(), i)))
            .collect();
        for description in &parsed {
            let mut here = description;
            let (mut syntax, mut equality) = (here.syntax.clone(), here.equality.clone());
            for _ in 0..16 {
                if syntax.is_some() && equality.is_some() {
                    break;
                }
                let Some(&i) = here.superior.as_ref().and_then(|s| by_name.get(&s.to_ascii_lowercase()))
                else {
                    break;
                };
                here = &parsed[i];
                syntax = syntax.or_else(|| here.syntax.clone());
                equality = equality.or_else(|| here.equality.clone());
            }
            let syntax = syntax.unwrap_or_default();
            // The number in braces is the least a server must hold (RFC 4517 §3.2), no limit.
            let oid = syntax.split('{').next().unwrap_or_default();
            for name in &description.names {
                self.put(AttributeType {
                    name: name.clone(),
                    syntax: standard_syntax(name, oid, equality.as_deref().unwrap_or_default()),
                    single: description.single,
                    max_length: None,
                    indexed: None,
                    writable: !description.server_only,
                });
            }
        }
    }
}

fn standard_syntax(name: &str, oid: &str, equality: &str) -> Syntax {
    match oid.strip_prefix("1.3.6.1.4.1.1466.115.121.1.") {
        Some("7") => Syntax::Boolean,
        Some("27") => Syntax::Integer,
        Some("24" | "53") => Syntax::Time,
        Some("12") if PLAIN_NAMES.iter().any(|n| n.eq_ignore_ascii_case(name)) => Syntax::Text,
        Some("12") => Syntax::Name,
        Some("5" | "6" | "8" | "9" | "10" | "23" | "28" | "40" | "49") => Syntax::Binary,
        _ if equality.starts_with("caseExact") => Syntax::ExactText,
        _ => Syntax::Text,
    }
}

/// An attribute type description (RFC 4512 §4.1.2), as far as it matters.
#[derive(Debug, Default)]
struct Description {
    names: Vec<String>,
    superior: Option<String>,
    equality: Option<String>,
    syntax: Option<String>,
    single: bool,
    server_only: bool,
}

impl Description {
    fn parse(text: &str) -> Option<Self> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().skip(2);
        let mut description = Self::default();
        while let Some(word) = words.next() {
            match word {
                "NAME" => match words.next()? {
                    "(" => description.names.extend(words.by_ref().take_while(|w| *w != ")").map(unquote)),
                    name => description.names.push(unquote(name)),
                },
                "SUP" => description.superior = words.next().map(unquote),
                "EQUALITY" => description.equality = words.next().map(str::to_owned),
                "SYNTAX" => description.syntax = words.next().map(unquote),
                "SINGLE-VALUE" => description.single = true,
                "NO-USER-MODIFICATION" => description.server_only = true,
                // A quoted text may hold any of these words.
                word if word.starts_with('\'') && !(word.len() > 1 && word.ends_with('\'')) => {
                    words.by_ref().find(|w| w.ends_with('\''));
                }
                _ => {}
            }
        }
        Some(description)
    }
}

fn unquote(word: &str) -> String {
    word.trim_matches('\'').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Schema, Syntax};

    #[test]
    fn descriptions() {
        let mut schema = Schema::default();
        let texts = [
            "( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
            "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s) (SUP of SINGLE-VALUE)' SUP name )",
            "( 2.16.840.1.113730.3.1.3 NAME 'employeeNumber' DESC 'x' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
            "( 0.9.2342.19200300.100.1.10 NAME 'manager' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
            "( 2.5.18.2 NAME 'modifyTimestamp' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
            "( 1.1 NAME 'exact' EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
            "garbage",
            "",
            "( 1.2 NAME 'loop' SUP loop )",
        ];
        schema.add_descriptions(&texts.map(|t| t.as_bytes().to_vec()));
        let cn = schema.get("commonname").unwrap();
        assert_eq!((cn.syntax, cn.single, cn.max_length), (Syntax::Text, false, None));
        assert!(schema.get("employeeNumber").unwrap().single);
        assert_eq!(schema.get("MANAGER").unwrap().syntax, Syntax::Name);
        let time = schema.get("modifyTimestamp").unwrap();
        assert_eq!((time.syntax, time.writable), (Syntax::Time, false));
        assert_eq!(schema.get("exact").unwrap().syntax, Syntax::ExactText);
        assert!(schema.get("loop").is_some() && schema.get("nothing").is_none());
    }
}
