//! JSON: finds the records of an array (or one a line) without reading the document as a whole, and flattens one record
//! into paths and texts. Numbers keep their digits.

use crate::clean::{is_yes, normal_name, normal_path};
use crate::text::TextStream;
use memchr::{memchr, memchr2};
use std::io;
use std::ops::Range;

const LONGEST_RECORD: usize = 4 << 20;
const DEEPEST: usize = 64;

/// Finds the objects of one array.
pub(crate) struct JsonReader {
    stream: TextStream,
    wanted: Option<String>,
    state: State,
    line: u64,
    /// Whether the document ended before its array did.
    pub(crate) cut: bool,
    /// Whether the array was found.
    pub(crate) found: bool,
    last: Range<usize>,
}

enum State {
    Before,
    Inside,
    Done,
}

impl JsonReader {
    pub(crate) fn new(stream: TextStream, records: Option<&str>) -> Self {
        let wanted = records.map(|r| {
            r.trim_start_matches("$").trim_matches('.').trim_end_matches("[*]").trim_matches('.').to_string()
        });
        Self { stream, wanted, state: State::Before, line: 1, cut: false, found: false, last: 0..0 }
    }

    /// Text of the record that [`Self::next`] found.
    pub(crate) fn text(&self) -> &[u8] {
        self.stream.taken(&self.last)
    }

    /// Finds the next record and tells its first line.
    pub(crate) fn next(&mut self) -> io::Result<Option<u64>> {
        if matches!(self.state, State::Before) {
            self.state = if self.find_array()? { State::Inside } else { State::Done };
            self.found = matches!(self.state, State::Inside);
        }
        if matches!(self.state, State::Done) {
            return Ok(None);
        }
        loop {
            match self.peek()? {
                None => {
                    self.cut = true;
                    self.state = State::Done;
                    return Ok(None);
                }
                Some(b']') => {
                    self.state = State::Done;
                    return Ok(None);
                }
                Some(b',') => self.step(1),
                Some(_) => break,
            }
        }
        let Some(length) = self.value_length()? else {
            self.cut = true;
            self.state = State::Done;
            return Ok(None);
        };
        let line = self.line;
        let lines = self.stream.window()[..length].iter().filter(|b| **b == b'\n').count();
        self.line += lines as u64;
        self.last = self.stream.take(length);
        Ok(Some(line))
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let window = self.stream.window();
            let blank = window.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let next = window.get(blank).copied();
            self.step(blank);
            if next.is_some() || self.stream.ended() {
                return Ok(next);
            }
            self.stream.fill()?;
        }
    }

    fn step(&mut self, bytes: usize) {
        self.line += self.stream.window()[..bytes].iter().filter(|b| **b == b'\n').count() as u64;
        self.stream.consume(bytes);
    }

    /// Length of the value at the window's start; `None` when the document ends in it.
    fn value_length(&mut self) -> io::Result<Option<usize>> {
        let (mut at, mut depth, mut quoted) = (0usize, 0usize, false);
        loop {
            let window = self.stream.window();
            let Some(&sign) = window.get(at) else {
                if self.stream.ended() || at > LONGEST_RECORD {
                    return Ok(None);
                }
                self.stream.fill()?;
                continue;
            };
            if quoted {
                let rest = &window[at..];
                let Some(next) = memchr2(b'"', b'\\', rest) else {
                    at = window.len();
                    continue;
                };
                at += next;
                if window[at] == b'\\' {
                    at += 2;
                    continue;
                }
                quoted = false;
                at += 1;
                if depth == 0 {
                    return Ok(Some(at));
                }
                continue;
            }
            match sign {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Ok(Some(at.max(1))),
                b'}' | b']' if depth == 1 => return Ok(Some(at + 1)),
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => return Ok(Some(at)),
                _ => {}
            }
            at += 1;
        }
    }

    /// Goes to the first element of the array.
    fn find_array(&mut self) -> io::Result<bool> {
        // One entry per open container: `None` for an array, the current key for an object.
        let mut stack: Vec<Option<String>> = Vec::new();
        let mut last_string: Option<String> = None;
        loop {
            let Some(sign) = self.peek()? else { return Ok(false) };
            match sign {
                b'[' => {
                    self.step(1);
                    let first = self.peek()?;
                    let path = stack.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(".");
                    let hit = match &self.wanted {
                        Some(wanted) => {
                            normal_path(wanted) == normal_path(&path) && stack.iter().all(Option::is_some)
                        }
                        None => first == Some(b'{') || (first == Some(b']') && stack.len() <= 1),
                    };
                    if hit {
                        return Ok(true);
                    }
                    stack.push(None);
                }
                b'{' => {
                    self.step(1);
                    stack.push(Some(String::new()));
                }
                b'}' | b']' => {
                    self.step(1);
                    stack.pop();
                    if stack.is_empty() {
                        return Ok(false);
                    }
                }
                b'"' => {
                    let Some(length) = self.value_length()? else { return Ok(false) };
                    let text = String::from_utf8_lossy(&self.stream.window()[..length]).into_owned();
                    self.step(length);
                    last_string = serde_json::from_str(&text).ok();
                }
                b':' => {
                    self.step(1);
                    if let (Some(Some(key)), Some(name)) = (stack.last_mut(), last_string.take()) {
                        *key = name;
                    }
                }
                _ => self.step(1),
            }
            if stack.len() > DEEPEST {
                return Ok(false);
            }
        }
    }
}

/// Elements of arrays below this depth are known by number only.
const DEEPEST_TYPED: usize = 4;

/// What tells elements of one array apart: SCIM's `type` and `primary`, and what HR systems call them.
#[derive(serde::Deserialize)]
struct Typed {
    #[serde(default, alias = "typeCode", alias = "Type", alias = "kind", alias = "usage")]
    r#type: serde_json::Value,
    #[serde(default, alias = "isPrimary", alias = "Primary", alias = "is_primary")]
    primary: serde_json::Value,
}

impl Typed {
    fn names(&self) -> impl Iterator<Item = String> {
        let kind = self.r#type.as_str().map(normal_name).filter(|t| !t.is_empty() && t.len() <= 40);
        let primary = match &self.primary {
            serde_json::Value::Bool(yes) => *yes,
            serde_json::Value::String(word) => is_yes(word),
            _ => false,
        };
        kind.into_iter().chain(primary.then(|| "primary".to_string()))
    }
}

/// Why a record is no JSON object: the byte and what was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotJson {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// Walks through one record and calls `emit(path, text, is_null)` for every scalar. Paths are normalised, see
/// [`normal_path`]; elements of arrays get their number (`emails.0.value`) and, where they have a `type`, that too
/// (`emails.work.value`, `emails.primary.value` for the one with `"primary": true`). An array of scalars is also emitted
/// as a whole, joined by `; `. An empty object or `null` is emitted as nothing under its own path.
pub(crate) fn flatten(text: &[u8], emit: &mut dyn FnMut(&str, &str, bool)) -> Result<(), NotJson> {
    let text =
        std::str::from_utf8(text).map_err(|e| NotJson { at: e.valid_up_to(), what: "not valid UTF-8" })?;
    let mut walk = Walk { text, at: 0, path: String::new(), scratch: String::new(), emit };
    walk.blank();
    if walk.byte() != Some(b'{') {
        return Err(walk.fail("no object"));
    }
    walk.value(0, false)?;
    walk.blank();
    if walk.at < text.len() { Err(walk.fail("text behind the object")) } else { Ok(()) }
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    path: String,
    scratch: String,
    emit: &'a mut dyn FnMut(&str, &str, bool),
}

impl Walk<'_> {
    fn fail(&self, what: &'static str) -> NotJson {
        NotJson { at: self.at, what }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.byte().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize, wrapped: bool) -> Result<(), NotJson> {
        if depth > DEEPEST {
            return Err(self.fail("nested too deeply"));
        }
        match self.byte() {
            Some(b'{') => self.object(depth, wrapped),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                self.string()?;
                (self.emit)(&self.path, &self.scratch, false);
                Ok(())
            }
            Some(_) => self.bare(),
            None => Err(self.fail("it breaks off")),
        }
    }

    fn bare(&mut self) -> Result<(), NotJson> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(rest.len());
        let word = &rest[..end];
        let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
        match word {
            "null" => (self.emit)(&self.path, "", true),
            "true" | "false" => (self.emit)(&self.path, word, false),
            _ if number => (self.emit)(&self.path, word, false),
            _ => return Err(self.fail("no value")),
        }
        self.at += end;
        Ok(())
    }

    fn object(&mut self, depth: usize, wrapped: bool) -> Result<(), NotJson> {
        self.at += 1;
        self.blank();
        if self.byte() == Some(b'}') {
            self.at += 1;
            (self.emit)(&self.path, "", true);
            return Ok(());
        }
        loop {
            self.blank();
            if self.byte() != Some(b'"') {
                return Err(self.fail("no member name"));
            }
            self.string()?;
            let (length, slashed) = (self.path.len(), self.scratch.starts_with('/'));
            let transparent = wrapped && self.scratch == "value";
            if !transparent {
                let name = normal_path(&self.scratch);
                if length > 0 {
                    self.path.push('.');
                }
                self.path.push_str(&name);
            }
            self.blank();
            if self.byte() != Some(b':') {
                return Err(self.fail("no colon behind a member name"));
            }
            self.at += 1;
            self.blank();
            self.value(depth + 1, slashed)?;
            self.path.truncate(length);
            self.blank();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fail("neither comma nor closing brace")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), NotJson> {
        self.at += 1;
        self.blank();
        let length = self.path.len();
        let mut joined = String::new();
        let mut number = 0;
        if self.byte() == Some(b']') {
            self.at += 1;
            (self.emit)(&self.path, "", true);
            return Ok(());
        }
        loop {
            self.blank();
            if self.byte() == Some(b'"') {
                self.string()?;
                if number > 0 {
                    joined.push_str("; ");
                }
                joined.push_str(&self.scratch);
                self.path.push_str(&format!(".{number}"));
                (self.emit)(&self.path, &self.scratch, false);
            } else {
                self.path.push_str(&format!(".{number}"));
                let from = self.at;
                self.value(depth + 1, false)?;
                self.again_by_type(from, length, depth)?;
            }
            self.path.truncate(length);
            number += 1;
            self.blank();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fail("neither comma nor closing bracket")),
            }
        }
        self.at += 1;
        if !joined.is_empty() {
            (self.emit)(&self.path, &joined, false);
        }
        Ok(())
    }

    /// Emits an element that was just read once more under its type in place of its number.
    fn again_by_type(&mut self, from: usize, length: usize, depth: usize) -> Result<(), NotJson> {
        let element = &self.text[from..self.at];
        if !element.starts_with('{') || depth > DEEPEST_TYPED {
            return Ok(());
        }
        let Ok(element) = serde_json::from_str::<Typed>(element) else { return Ok(()) };
        let end = self.at;
        for name in element.names() {
            self.path.truncate(length);
            self.path.push('.');
            self.path.push_str(&name);
            self.at = from;
            self.value(depth + 1, false)?;
        }
        self.at = end;
        Ok(())
    }

    /// Reads a string into `scratch`.
    fn string(&mut self) -> Result<(), NotJson> {
        self.scratch.clear();
        let from = self.at;
        self.at += 1;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(end) = memchr(b'"', rest) else { return Err(self.fail("a string that never ends")) };
            let Some(escape) = memchr(b'\\', &rest[..end]) else {
                self.at += end + 1;
                break;
            };
            self.at += escape + 2;
        }
        let text = self.text.get(from..self.at).ok_or_else(|| self.fail("a broken escape"))?;
        let inner = &text[1..text.len() - 1];
        if inner.contains(['\\', '\n']) {
            self.scratch = serde_json::from_str(text).map_err(|_| self.fail("a broken string"))?;
        } else {
            self.scratch.push_str(inner);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Charset;

    fn records(text: &str, path: Option<&str>) -> (Vec<String>, bool) {
        let stream = TextStream::new(Box::new(io::Cursor::new(text.as_bytes().to_vec())), Charset::UTF_8);
        let mut reader = JsonReader::new(stream, path);
        let mut all = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            all.push(format!("{line} {}", String::from_utf8_lossy(reader.text())));
        }
        (all, reader.cut)
    }

    #[test]
    fn records_of_an_array() {
        for (text, path, expected, cut) in [
            (r#"[{"a":1},{"a":2}]"#, None, vec![r#"1 {"a":1}"#, r#"1 {"a":2}"#], false),
            (
                "{\"employees\": [\n{\"a\":\"}]\\\"\"},\n{}\n]}",
                Some("employees"),
                vec![r#"2 {"a":"}]\""}"#, "3 {}"],
                false,
            ),
            (
                r#"{"meta":[{"x":1}],"d":{"results":[{"a":1}]}}"#,
                Some("d.results"),
                vec![r#"1 {"a":1}"#],
                false,
            ),
            (r#"{"n":[1,2],"people":[{"a":[1,{}]}]}"#, None, vec![r#"1 {"a":[1,{}]}"#], false),
            (r#"[{"a":1},{"a":"#, None, vec![r#"1 {"a":1}"#], true),
            (r#"[{"a":1}"#, None, vec![r#"1 {"a":1}"#], true),
            (r#"[]"#, None, vec![], false),
            (r#"[null,7,{"a":1}]"#, Some(""), vec!["1 null", "1 7", r#"1 {"a":1}"#], false),
            ("x", None, vec![], false),
        ] {
            assert_eq!(
                records(text, path),
                (expected.iter().map(|s| s.to_string()).collect(), cut),
                "{text}"
            );
        }
    }

    #[test]
    fn a_record_becomes_paths() {
        let flat = |text: &str| {
            let mut all = Vec::new();
            let result = flatten(text.as_bytes(), &mut |p, t, n| {
                all.push(format!("{p}={t}{}", if n { "?" } else { "" }))
            });
            if let Err(e) = result {
                all.push(e.what.to_string());
            }
            all.join(" ")
        };
        assert_eq!(
            flat(r#"{"/root/id":{"value":"9"},"/work/reportsTo":{"value":{"id":"1"}}}"#),
            "id=9 work.reportsto.id=1"
        );
        assert_eq!(
            flat(r#"{"id":3332883884017713238,"f":1.50,"b":true,"n":null}"#),
            "id=3332883884017713238 f=1.50 b=true n=?"
        );
        assert_eq!(
            flat(r#"{"e":[{"value":"a"},{"value":"b"}],"t":["x","y"]}"#),
            "e.0.value=a e.1.value=b t.0=x t.1=y t=x; y"
        );
        assert_eq!(
            flat(r#"{"e":[{"type":"Work","value":"a","primary":true}]}"#),
            "e.0.type=Work e.0.value=a e.0.primary=true e.work.type=Work e.work.value=a e.work.primary=true \
             e.primary.type=Work e.primary.value=a e.primary.primary=true"
        );
        assert_eq!(flat(r#"{"a":{"value":"\u00e9\n"}}"#), "a.value=é\n");
        assert_eq!(flat(r#"{"a":}"#), "no value");
        assert_eq!(flat(r#"{"a":"x\"#), "a string that never ends");
        assert_eq!(flat("[1]"), "no object");
        assert_eq!(flat(&format!("{{\"a\":{}", "[".repeat(500))), "nested too deeply");
    }
}
