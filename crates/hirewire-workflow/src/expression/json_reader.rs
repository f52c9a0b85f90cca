//! The lenient JSON reader behind `json()` and ParseJson (`spec/workflows.md` §5.4).
//!
//! Accepted beside strict JSON: single quotes, unquoted names, trailing commas, comments, text after the value and
//! missing closing brackets right after a value; an empty text is null.

use serde_json::{Map, Value as Json};

const MAX_NESTING: usize = 120;

/// Reads one JSON value from text.
///
/// # Errors
/// What was wrong, in the words of the service's reader.
pub fn read_json(text: &str) -> Result<Json, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Json::Null);
    }
    let mut strict = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    if let Some(Ok(value)) = strict.next() {
        return Ok(value);
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.value()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn unexpected<T>(&self) -> Result<T, String> {
        match self.rest().chars().next() {
            Some(c) => Err(format!(
                "Unexpected character encountered while parsing value: {c}. Path '', line 0, position {}.",
                self.at
            )),
            None => Err(format!("Unexpected end of content. Path '', line 0, position {}.", self.at)),
        }
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            let comment = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |at| at + 2)
            } else {
                return;
            };
            self.at += comment;
        }
    }

    fn value(&mut self) -> Result<Json, String> {
        self.skip();
        match self.rest().bytes().next() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"' | b'\'') => self.string().map(Json::String),
            _ => self.scalar(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(format!("The value is nested deeper than {MAX_NESTING} levels."));
        }
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        loop {
            self.skip();
            match self.rest().bytes().next() {
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array(items));
                }
                None => return if items.is_empty() { self.unexpected() } else { Ok(Json::Array(items)) },
                _ => {}
            }
            items.push(self.value()?);
            self.skip();
            match self.rest().bytes().next() {
                Some(b',') => self.at += 1,
                Some(b']') | None => {}
                _ => return self.unexpected(),
            }
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members = Map::new();
        loop {
            self.skip();
            let name = match self.rest().bytes().next() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                None => {
                    return if members.is_empty() { self.unexpected() } else { Ok(Json::Object(members)) };
                }
                Some(b'"' | b'\'') => self.string()?,
                _ => self.name()?,
            };
            self.skip();
            if !self.rest().starts_with(':') {
                return self.unexpected();
            }
            self.at += 1;
            let value = self.value()?;
            members.insert(name, value);
            self.skip();
            match self.rest().bytes().next() {
                Some(b',') => self.at += 1,
                Some(b'}') | None => {}
                _ => return self.unexpected(),
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))).unwrap_or(rest.len());
        if end == 0 {
            return self.unexpected();
        }
        let name = rest[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = self.rest().chars().next().unwrap_or('"');
        let mut out = String::new();
        let mut units: Vec<u16> = Vec::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        let start = self.at + 1;
        while let Some((at, c)) = chars.next() {
            if c != '\\' && !units.is_empty() {
                out.push_str(&String::from_utf16_lossy(&units));
                units.clear();
            }
            if c == quote {
                self.at = start + at + 1;
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            let Some((_, escape)) = chars.next() else { break };
            if escape == 'u' {
                let digits: String = chars.by_ref().take(4).map(|(_, d)| d).collect();
                match u16::from_str_radix(&digits, 16) {
                    Ok(unit) => units.push(unit),
                    Err(_) => return Err(format!("Invalid Unicode escape sequence: \\u{digits}.")),
                }
                continue;
            }
            if !units.is_empty() {
                out.push_str(&String::from_utf16_lossy(&units));
                units.clear();
            }
            out.push(match escape {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                '"' | '\'' | '\\' | '/' => escape,
                other => return Err(format!("Bad JSON escape sequence: \\{other}.")),
            });
        }
        Err(format!("Unterminated string. Expected delimiter: {quote}."))
    }

    fn scalar(&mut self) -> Result<Json, String> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "null" | "undefined" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => {
                let numeric = word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
                let number = word.trim_start_matches('+');
                match (number.parse::<i64>(), number.parse::<f64>()) {
                    (Ok(i), _) if numeric => Json::from(i),
                    (_, Ok(f)) if numeric && f.is_finite() => Json::from(f),
                    _ => return self.unexpected(),
                }
            }
        };
        self.at += end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::read_json;
    use serde_json::json;

    #[test]
    fn what_the_lenient_reader_takes_and_refuses() {
        let good = [
            ("{'a':1,}", json!({"a": 1})),
            ("{a:'x' /* c */, // d\n b:[1,2,]} tail", json!({"a": "x", "b": [1, 2]})),
            ("[1,2", json!([1, 2])),
            ("{\"a\":{\"b\":1", json!({"a": {"b": 1}})),
            ("", json!(null)),
            ("'\\u00e9\\n'", json!("é\n")),
            ("{a:'\\ud83d\\ude00'}", json!({"a": "😀"})),
            ("{\"a\":1,\"a\":2}", json!({"a": 2})),
        ];
        for (text, value) in good {
            assert_eq!(read_json(text), Ok(value), "{text}");
        }
        for text in ["{a", "x", "[", "{\"a\"", "[1 2]", "'", &"[".repeat(100_000)] {
            assert!(read_json(text).is_err(), "{text:.10}");
        }
    }
}
