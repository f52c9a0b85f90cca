//! Query options of a URL, decoded (spec/inbound-api.md §2.2: `%20`, `+` and raw spaces; `$filter`, `%24filter`, `filter`).
use crate::error::ApiError;

/// Pairs read from one URL at most.
const MOST_PAIRS: usize = 64;

/// The options of one request, names without `$` and in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// One `$orderby` key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Property path as written.
    pub path: String,
    /// `desc` was asked for.
    pub descending: bool,
}

impl Query {
    /// Reads the text after `?`.
    pub fn parse(text: &str) -> Self {
        let pairs = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .take(MOST_PAIRS)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let name = decode(name, true);
                (name.trim().trim_start_matches('$').to_ascii_lowercase(), decode(value, true))
            })
            .collect();
        Self { pairs }
    }

    /// All pairs, names without `$` and in lower case.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The first value of an option that is not empty; `name` in lower case without `$`.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The first value of an option; `name` in lower case without `$`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// An option that is `true` or `false`, or 400: whoever writes `dryRun=yes` must not be taken for `false`.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        let text = self.get(name).unwrap_or("false").trim();
        if text.eq_ignore_ascii_case("true") {
            return Ok(true);
        }
        if text.eq_ignore_ascii_case("false") {
            return Ok(false);
        }
        let shown = shorten(text);
        Err(ApiError::bad_request(format!("Invalid value '{shown}' for the query option '{name}' found."))
            .with_detail("QueryOption", Some(name.to_owned()), "true or false is expected"))
    }

    /// A whole number ≥ 0, or 400.
    pub fn number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than this machine can count is as much as there is.
            return Ok(Some(text.parse().unwrap_or(usize::MAX)));
        }
        let error = ApiError::bad_request(format!(
            "Invalid value '{}' for ${name} query option found.",
            shorten(text)
        ));
        Err(error.with_detail(
            "QueryOption",
            Some(format!("${name}")),
            "a whole number of 0 or more is expected",
        ))
    }

    /// `$select`, split; empty means everything.
    pub fn select(&self) -> Vec<String> {
        let text = self.get("select").unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty() && *name != "*")
            .map(str::to_owned)
            .collect()
    }

    /// `$orderby`, split; 400 for anything but `asc` and `desc` after a path.
    pub fn order(&self) -> Result<Vec<Order>, ApiError> {
        let text = self.get("orderby").unwrap_or_default();
        text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(order).collect()
    }

    /// All options but `$skip` and `$skiptoken`, re-encoded, for a link to the next page.
    pub fn for_next_page(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.pairs {
            if matches!(name.as_str(), "skip" | "skiptoken") {
                continue;
            }
            if !text.is_empty() {
                text.push('&');
            }
            if OPTIONS.contains(&name.as_str()) {
                text.push('$');
            }
            encode_into(name, &mut text);
            text.push('=');
            encode_into(value, &mut text);
        }
        text
    }
}

const OPTIONS: [&str; 8] = ["filter", "top", "orderby", "select", "count", "expand", "search", "format"];

fn order(key: &str) -> Result<Order, ApiError> {
    let mut words = key.split_whitespace();
    let path = words.next().unwrap_or_default().to_owned();
    let descending = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("asc") => false,
        Some(word) if word.eq_ignore_ascii_case("desc") => true,
        Some(word) => return Err(bad_order(word)),
    };
    match words.next() {
        Some(word) => Err(bad_order(word)),
        None => Ok(Order { path, descending }),
    }
}

fn bad_order(word: &str) -> ApiError {
    ApiError::bad_request("Invalid orderby clause").with_detail(
        "OrderBy",
        Some("$orderby".into()),
        format!("`{}` is neither asc nor desc", shorten(word)),
    )
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Percent-decodes; `+` is a space in query values. Bytes that are no UTF-8 become U+FFFD.
pub fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => match hex_pair(bytes, at + 1) {
                Some(byte) => {
                    out.push(byte);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            b'+' if plus => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    let high = char::from(*bytes.get(at)?).to_digit(16)?;
    let low = char::from(*bytes.get(at + 1)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// Percent-encodes what a query value cannot hold; quotes, parentheses, commas and slashes stay readable.
pub fn encode_into(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~'(),/:@$*!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_every_spelling() {
        for text in [
            "$filter=jobid%20eq%20'x'",
            "%24filter=jobid+eq+%27x%27",
            "$FILTER=jobid eq 'x'",
            "filter=jobid%20eq 'x'",
        ] {
            assert_eq!(Query::parse(text).get("filter"), Some("jobid eq 'x'"), "{text}");
        }
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(decode("100%", true), "100%");
        assert_eq!(decode("%zz%4", true), "%zz%4");
        assert_eq!(decode("%ff", true), "\u{fffd}");
    }

    #[test]
    fn the_next_page_repeats_the_other_options() {
        let query = Query::parse("$filter=a%20eq%20'x%26y'&$top=5&$skiptoken=abc&wait=3");
        assert_eq!(query.for_next_page(), "$filter=a%20eq%20'x%26y'&$top=5&wait=3");
    }

    #[test]
    fn order_takes_asc_and_desc_only() {
        assert_eq!(
            Query::parse("$orderby=activityDateTime%20desc").order().expect("order")[0].path,
            "activityDateTime"
        );
        assert!(Query::parse("$orderby=a down").order().is_err());
        assert!(Query::parse("$orderby=a desc desc").order().is_err());
    }
}
