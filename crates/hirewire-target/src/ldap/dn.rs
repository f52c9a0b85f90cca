//! Distinguished names: RFC 4514 text, compared as directories compare them.
use std::fmt::Write as _;

/// A text that is no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no distinguished name at byte {at}: {reason}")]
pub struct DnError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// One `type=value` pair of a relative distinguished name; the value is unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePart {
    /// Attribute type as written.
    pub attribute: String,
    /// The value without escapes. Hexadecimal (`#04…`) values stay as written.
    pub value: String,
}

/// A distinguished name, most specific part first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    /// Relative names; each has one part, seldom several (`cn=a+uid=b`).
    pub rdns: Vec<Vec<NamePart>>,
}

impl Dn {
    /// Reads RFC 4514 text; blanks around separators are allowed as in LDAPv2 (RFC 2253 §4). Empty text is the root.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut reader = Reader { text, at: 0 };
        let mut rdns = Vec::new();
        reader.skip_blanks();
        if reader.at == text.len() {
            return Ok(Self { rdns });
        }
        loop {
            let mut parts = vec![reader.part()?];
            while reader.eat(b'+') {
                parts.push(reader.part()?);
            }
            rdns.push(parts);
            if reader.at == text.len() {
                return Ok(Self { rdns });
            }
            if !reader.eat(b',') && !reader.eat(b';') {
                return Err(reader.error("expected `,`, `+` or the end"));
            }
        }
    }

    /// The name of the object that holds this one.
    pub fn parent(&self) -> Dn {
        Self { rdns: self.rdns.get(1..).unwrap_or_default().to_vec() }
    }

    /// `parent` with one more name in front.
    pub fn child(parent: &Dn, attribute: &str, value: &str) -> Dn {
        let part = NamePart { attribute: attribute.into(), value: value.into() };
        let mut rdns = vec![vec![part]];
        rdns.extend(parent.rdns.iter().cloned());
        Self { rdns }
    }

    /// Text of the first relative name, escaped; empty for the root.
    pub fn first(&self) -> String {
        let mut text = String::new();
        if let Some(parts) = self.rdns.first() {
            write_rdn(&mut text, parts);
        }
        text
    }

    /// Value of `attribute` in the first relative name.
    pub fn naming_value(&self, attribute: &str) -> Option<&str> {
        let parts = self.rdns.first()?;
        parts.iter().find(|p| p.attribute.eq_ignore_ascii_case(attribute)).map(|p| p.value.as_str())
    }

    /// A form that is equal exactly for names of the same object: case, blanks around and doubled blanks inside, order
    /// of several parts and ways of escaping make no difference (RFC 4518 §2.6.1; spec/engine.md §11).
    pub fn key(&self) -> String {
        let mut key = String::new();
        for (i, parts) in self.rdns.iter().enumerate() {
            if i > 0 {
                key.push(',');
            }
            let mut folded: Vec<NamePart> = parts
                .iter()
                .map(|p| NamePart { attribute: p.attribute.to_ascii_lowercase(), value: fold(&p.value) })
                .collect();
            folded.sort_by(|a, b| (&a.attribute, &a.value).cmp(&(&b.attribute, &b.value)));
            write_rdn(&mut key, &folded);
        }
        key
    }

    /// Whether both name the same object.
    pub fn same(&self, other: &Dn) -> bool {
        self.rdns.len() == other.rdns.len() && self.key() == other.key()
    }

    /// Whether this object lies at or below `ancestor`.
    pub fn is_below(&self, ancestor: &Dn) -> bool {
        let Some(skip) = self.rdns.len().checked_sub(ancestor.rdns.len()) else { return false };
        Dn { rdns: self.rdns[skip..].to_vec() }.key() == ancestor.key()
    }
}

impl std::fmt::Display for Dn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for (i, parts) in self.rdns.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            write_rdn(&mut text, parts);
        }
        f.write_str(&text)
    }
}

/// Text as caseIgnoreMatch sees it: composed, lower case, blanks trimmed and collapsed (RFC 4518, in essence).
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    if text.is_ascii() {
        let plain = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
        if plain && !text.bytes().any(|b| b.is_ascii_control()) {
            return text.to_ascii_lowercase();
        }
    }
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write_rdn(out: &mut String, parts: &[NamePart]) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push('+');
        }
        out.push_str(&part.attribute);
        out.push('=');
        write_value(out, &part.value);
    }
}

/// Escapes as RFC 4514 §2.4 demands, and `=` and `#` everywhere, which it allows and Samba demands.
fn write_value(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' | '#' => {
                out.push('\\');
                out.push(c);
            }
            ' ' if i == 0 || i == last => out.push_str("\\ "),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for b in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "\\{b:02X}");
                }
            }
            c => out.push(c),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, reason: &'static str) -> DnError {
        DnError { at: self.at, reason }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
        }
        there
    }

    fn part(&mut self) -> Result<NamePart, DnError> {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
            self.at += 1;
        }
        if start == self.at {
            return Err(self.error("expected an attribute name such as `OU`"));
        }
        let attribute = self.text[start..self.at].to_owned();
        self.skip_blanks();
        if !self.eat(b'=') {
            return Err(self.error("expected `=`"));
        }
        self.skip_blanks();
        let value = if self.peek() == Some(b'"') { self.quoted()? } else { self.value()? };
        Ok(NamePart { attribute, value })
    }

    fn value(&mut self) -> Result<String, DnError> {
        let mut bytes = Vec::new();
        let mut keep = 0; // an escaped trailing blank stays
        while let Some(b) = self.peek() {
            match b {
                b',' | b';' | b'+' => break,
                b'"' => return Err(self.error("a quotation mark inside a value must be escaped")),
                b'\\' => {
                    bytes.push(self.escape()?);
                    keep = bytes.len();
                }
                _ => {
                    bytes.push(b);
                    self.at += 1;
                    if b != b' ' {
                        keep = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(keep);
        String::from_utf8(bytes).map_err(|_| self.error("the escapes of this value are no UTF-8"))
    }

    fn quoted(&mut self) -> Result<String, DnError> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error("the quotation mark is not closed")),
                Some(b'"') => break,
                Some(b'\\') => bytes.push(self.escape()?),
                Some(b) => {
                    bytes.push(b);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        self.skip_blanks();
        String::from_utf8(bytes).map_err(|_| self.error("the escapes of this value are no UTF-8"))
    }

    fn escape(&mut self) -> Result<u8, DnError> {
        self.at += 1;
        let Some(first) = self.peek() else { return Err(self.error("an escape is cut off")) };
        let second = self.text.as_bytes().get(self.at + 1).copied();
        let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
        if let (Some(high), Some(low)) = (digit(first), second.and_then(digit)) {
            self.at += 2;
            return Ok(high << 4 | low);
        }
        if first.is_ascii() && !first.is_ascii_alphanumeric() {
            self.at += 1;
            return Ok(first);
        }
        Err(self.error("this character is not escaped with a backslash"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Dn, fold};

    #[test]
    fn same_object() {
        for (a, b) in [
            ("CN=Ng\\, Freya,OU=Sales,DC=corp,DC=example", "cn=ng\\2C freya, ou = SALES ,dc=CORP,dc=example"),
            ("CN=\"Ng, Freya\",DC=x", "CN=Ng\\, Freya,DC=x"),
            ("CN=A  B,DC=x", "cn=a b;DC=X"),
            ("cn=J\\C3\\BCrgen,dc=x", "CN=Jürgen,DC=x"),
            ("cn=a+uid=b,dc=x", "UID=B + CN=A,DC=X"),
            ("cn=\\ a\\ ,dc=x", "cn=a,dc=x"),
            ("", " "),
        ] {
            let (a, b) = (Dn::parse(a).unwrap(), Dn::parse(b).unwrap());
            assert!(a.same(&b), "{a} and {b}");
        }
        let differ =
            |a: &str, b: &str| assert!(!Dn::parse(a).unwrap().same(&Dn::parse(b).unwrap()), "{a} and {b}");
        differ("CN=a,OU=b,DC=x", "CN=a\\,OU=b,DC=x");
        differ("CN=a,DC=x", "CN=a");
        differ("CN=a+CN=b,DC=x", "CN=a\\+CN=b,DC=x");
    }

    #[test]
    fn text_survives() {
        for value in
            [" lead", "trail ", "#hash", "a,b+c\"d\\e<f>g;h", "=eq", "日本", "\u{0}nul", " ", "", "a\nb"]
        {
            let dn = Dn::child(&Dn::parse("OU=x,DC=y").unwrap(), "CN", value);
            let again = Dn::parse(&dn.to_string()).unwrap();
            assert_eq!(again, dn, "{dn}");
            assert_eq!(again.naming_value("cn"), Some(value));
        }
    }

    #[test]
    fn refused() {
        for text in [
            "x",
            "=x",
            "CN",
            "CN=a,",
            "CN=a,,DC=b",
            "CN=a\\",
            "CN=\"a",
            "CN=a\\zb",
            "CN=\\C3,DC=x",
            "CN=a\"b",
        ] {
            assert!(Dn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places() {
        let dn = Dn::parse("CN=a,OU=People,DC=corp,DC=example").unwrap();
        assert_eq!(dn.parent().to_string(), "OU=People,DC=corp,DC=example");
        assert_eq!(dn.first(), "CN=a");
        assert!(dn.is_below(&Dn::parse("ou=people,dc=corp,dc=example").unwrap()));
        assert!(!dn.is_below(&Dn::parse("ou=leavers,dc=corp,dc=example").unwrap()));
        assert!(dn.is_below(&dn) && dn.is_below(&Dn::parse("").unwrap()));
        assert_eq!(fold("  Müller \u{a0} X"), "müller x");
    }
}
