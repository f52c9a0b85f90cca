//! JSON text: a scanner that checks and cuts without building a tree, and the writing of strings.
//!
//! Building a tree of every operation costs nine times as long as finding where each one begins and ends.
use std::borrow::Cow;

/// Where and why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at line {line}, column {column}")]
pub struct SyntaxError {
    /// What is wrong.
    pub fault: Fault,
    /// Byte offset in the text, counted without a byte order mark.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are no UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text stops where something must follow.
    #[error("the text ends where {0} is expected")]
    End(&'static str),
    /// Something else stands there.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// A line feed, tab or other control character inside a string.
    #[error("a control character in a string must be written as an escape such as `\\n`")]
    ControlCharacter,
    /// A backslash with an unknown letter, or an incomplete `\u`.
    #[error("an unknown escape stands in a string")]
    Escape,
    /// Half of a surrogate pair.
    #[error("a `\\u` escape is half of a pair")]
    LoneSurrogate,
    /// A number that nothing can hold.
    #[error("a number is out of range")]
    NumberRange,
    /// Objects and lists nest too deep.
    #[error("objects and lists nest deeper than {0}")]
    TooDeep(usize),
}

/// Bytes as text without its byte order mark (PowerShell writes one).
pub fn decode(bytes: &[u8]) -> Result<&str, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        locate(valid, valid.len(), Fault::NotUtf8)
    })
}

fn locate(text: &str, offset: usize, fault: Fault) -> SyntaxError {
    let (line, column) = line_column(text, offset);
    SyntaxError { fault, offset, line, column }
}

/// Line and column in characters, from 1, of a byte offset.
fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Walks over a JSON text, checking all of it.
///
/// ```
/// use hirewire_scim::syntax::Scanner;
///
/// let mut scanner = Scanner::new(r#"{ "a": [1, 2], "b": null }"#, 64);
/// let mut members = Vec::new();
/// scanner.begin_object()?;
/// while let Some(name) = scanner.next_member()? {
///     members.push((name.into_owned(), scanner.skip()?));
/// }
/// scanner.end()?;
/// assert_eq!(members, [("a".to_owned(), "[1, 2]"), ("b".to_owned(), "null")]);
/// # Ok::<(), hirewire_scim::syntax::SyntaxError>(())
/// ```
#[derive(Debug)]
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    limit: usize,
    /// The object or list just begun has no member yet.
    fresh: bool,
    /// Texts and numbers need only be well-formed, as a lossless copy wants it.
    lossless: bool,
}

impl<'t> Scanner<'t> {
    /// A scanner at the start of `text` that allows `depth` levels of objects and lists. It refuses what no
    /// program could use: half surrogate pairs and numbers beyond a double's range.
    pub fn new(text: &'t str, depth: usize) -> Self {
        Self { text, at: 0, depth: 0, limit: depth, fresh: false, lossless: false }
    }

    /// A scanner that accepts every well-formed JSON text.
    pub fn lossless(text: &'t str, depth: usize) -> Self {
        Self { lossless: true, ..Self::new(text, depth) }
    }

    /// Byte offset of the next token.
    pub fn offset(&mut self) -> usize {
        self.skip_blanks();
        self.at
    }

    /// First byte of the next token.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Enters an object.
    pub fn begin_object(&mut self) -> Result<(), SyntaxError> {
        self.begin(b'{', "`{`")
    }

    /// Enters a list.
    pub fn begin_array(&mut self) -> Result<(), SyntaxError> {
        self.begin(b'[', "`[`")
    }

    /// The next member's name, after which its value must be taken; `None` leaves the object.
    pub fn next_member(&mut self) -> Result<Option<Cow<'t, str>>, SyntaxError> {
        Ok(self.next_raw_member()?.map(unescape))
    }

    /// As [`next_member`](Self::next_member), the name as it stands between the quotes.
    pub fn next_raw_member(&mut self) -> Result<Option<&'t str>, SyntaxError> {
        if !self.goes_on(b'}', "`,` or `}`")? {
            return Ok(None);
        }
        let name = self.raw_string("a member name in double quotes")?;
        self.expect(b':', "`:`")?;
        Ok(Some(name))
    }

    /// Whether another element follows, which must then be taken; `false` leaves the list.
    pub fn next_element(&mut self) -> Result<bool, SyntaxError> {
        self.goes_on(b']', "`,` or `]`")
    }

    /// The text of the next value, whatever it is.
    pub fn skip(&mut self) -> Result<&'t str, SyntaxError> {
        let start = self.offset();
        match self.peek() {
            Some(b'{') => {
                self.begin_object()?;
                while self.next_raw_member()?.is_some() {
                    self.skip()?;
                }
            }
            Some(b'[') => {
                self.begin_array()?;
                while self.next_element()? {
                    self.skip()?;
                }
            }
            Some(b'"') => {
                self.raw_string("a value")?;
            }
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.expected("a value")),
        }
        Ok(&self.text[start..self.at])
    }

    /// The text from `start` (of [`offset`](Self::offset)) to behind the last token taken.
    pub fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Checks that nothing follows.
    pub fn end(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the text")),
        }
    }

    /// Line and column, from 1, of the place behind the last token taken.
    pub fn line_column(&self) -> (usize, usize) {
        line_column(self.text, self.at)
    }

    /// An error at the next token.
    pub fn error(&self, fault: Fault) -> SyntaxError {
        locate(self.text, self.at, fault)
    }

    fn begin(&mut self, open: u8, name: &'static str) -> Result<(), SyntaxError> {
        self.expect(open, name)?;
        self.depth += 1;
        self.fresh = true;
        if self.depth > self.limit {
            return Err(self.error(Fault::TooDeep(self.limit)));
        }
        Ok(())
    }

    /// Takes the comma before the next item, or the closing bracket.
    fn goes_on(&mut self, close: u8, expected: &'static str) -> Result<bool, SyntaxError> {
        let next = self.peek();
        let first = std::mem::replace(&mut self.fresh, false);
        match next {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                Ok(false)
            }
            _ if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.expected(expected)),
        }
    }

    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), SyntaxError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(name));
        }
        self.at += 1;
        Ok(())
    }

    fn expected(&self, name: &'static str) -> SyntaxError {
        self.error(if self.at >= self.text.len() { Fault::End(name) } else { Fault::Expected(name) })
    }

    fn word(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.expected("a digit")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if !self.lossless && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(self.error(Fault::NumberRange));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What stands between the quotes, escapes checked but left as they are.
    fn raw_string(&mut self, name: &'static str) -> Result<&'t str, SyntaxError> {
        self.expect(b'"', name)?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            while self.at < bytes.len() && !STOPS_A_STRING[usize::from(bytes[self.at])] {
                self.at += 1;
            }
            match self.byte() {
                None => return Err(self.error(Fault::End("a closing `\"`"))),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at - 1]);
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.error(Fault::ControlCharacter)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.text.as_bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(());
            }
            Some(b'u') => {}
            _ => return Err(self.error(Fault::Escape)),
        }
        let Some(unit) = code_unit(self.text, self.at) else { return Err(self.error(Fault::Escape)) };
        self.at += 6;
        if self.lossless || !(0xD800..=0xDFFF).contains(&unit) {
            return Ok(());
        }
        let low = code_unit(self.text, self.at).filter(|low| (0xDC00..=0xDFFF).contains(low));
        if unit >= 0xDC00 || low.is_none() {
            return Err(self.error(Fault::LoneSurrogate));
        }
        self.at += 6;
        Ok(())
    }
}

/// The quote, the backslash and the control characters.
static STOPS_A_STRING: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        stops[byte] = true;
        byte += 1;
    }
    stops[b'"' as usize] = true;
    stops[b'\\' as usize] = true;
    stops
};

/// The four hexadecimal digits of a `\u` that begins at `at`.
fn code_unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// The text that the inside of a JSON string means. Half surrogate pairs, which no text can hold, become U+FFFD.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = raw.find('\\') else { return Cow::Borrowed(raw) };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut at = first;
    while let Some(c) = raw[at..].chars().next() {
        if c != '\\' {
            text.push(c);
            at += c.len_utf8();
            continue;
        }
        let (c, length) = escaped(raw, at);
        text.push(c);
        at += length;
    }
    Cow::Owned(text)
}

/// The character of the escape at `at` and how many bytes it takes.
fn escaped(raw: &str, at: usize) -> (char, usize) {
    let c = match raw.as_bytes().get(at + 1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return escaped_unit(raw, at),
        Some(other) if other.is_ascii() => char::from(*other),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (c, 2)
}

fn escaped_unit(raw: &str, at: usize) -> (char, usize) {
    let Some(unit) = code_unit(raw, at) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if let Some(c) = char::from_u32(unit) {
        return (c, 6);
    }
    let low = code_unit(raw, at + 6).filter(|low| unit < 0xDC00 && (0xDC00..=0xDFFF).contains(low));
    let pair = low.and_then(|low| char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)));
    pair.map_or((char::REPLACEMENT_CHARACTER, 6), |c| (c, 12))
}

/// Appends a JSON string, quotes included. Only what must be escaped is.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !STOPS_A_STRING[usize::from(*byte)] {
            continue;
        }
        out.push_str(&text[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(DIGITS[usize::from(control >> 4)]));
                out.push(char::from(DIGITS[usize::from(control & 15)]));
            }
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}
