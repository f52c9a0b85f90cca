//! Splits a request path into segments: slashes collapsed, escapes decoded, OData keys made ordinary segments
//! (spec/inbound-api.md §2.2).
//!
//! `/v1.0//servicePrincipals('7f1f')/synchronization/jobs/X/schema/functions()?a=b` becomes
//! `v1.0`, `servicePrincipals`, `7f1f`, `synchronization`, `jobs`, `X`, `schema`, `functions`.
//! A named key keeps its name: `servicePrincipals(appId='0b9a')` becomes `servicePrincipals`, `appId=0b9a`.
use crate::odata::query::decode;

/// Segments read from one path at most; more is no path of ours.
const MOST_SEGMENTS: usize = 24;

/// The segments of `path`, or `None` for a path too long to be one of ours.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for raw in path.split('/').filter(|raw| !raw.is_empty()) {
        let text = decode(raw, false);
        match key_form(&text) {
            Some((name, key)) => {
                found.push(name);
                found.extend(key);
            }
            None => found.push(text),
        }
        if found.len() > MOST_SEGMENTS {
            return None;
        }
    }
    Some(found)
}

/// Reads `name('key')`, `name(keyName='key')` and `name()`.
fn key_form(text: &str) -> Option<(String, Option<String>)> {
    let inner = text.strip_suffix(')')?;
    let (name, key) = inner.split_once('(')?;
    let name = name.rsplit('.').next().unwrap_or(name);
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '$') {
        return None;
    }
    if key.is_empty() {
        return Some((name.to_owned(), None));
    }
    if let Some(value) = quoted(key) {
        return Some((name.to_owned(), Some(value)));
    }
    let (key_name, value) = key.split_once('=')?;
    Some((name.to_owned(), Some(format!("{}={}", key_name.trim(), quoted(value.trim())?))))
}

fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

/// The value of a named key segment such as `appId=0b9a`.
pub fn named_key<'s>(segment: &'s str, name: &str) -> Option<&'s str> {
    let (found, value) = segment.split_once('=')?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

/// Values of the `{names}` in a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    /// A value; empty when the pattern has no such name.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }
}

/// Matches segments against a pattern such as `jobs/{job}/start`; literals compare without regard to case.
pub fn matches(pattern: &'static str, segments: &[String]) -> Option<Params> {
    let mut params = Params::default();
    let mut rest = segments.iter();
    for wanted in pattern.split('/') {
        let segment = rest.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => params.0.push((name, segment.clone())),
            None if wanted.eq_ignore_ascii_case(segment) => {}
            None => return None,
        }
    }
    rest.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_every_form() {
        for (path, expected) in [
            ("/v1.0//servicePrincipals/7f/", "v1.0|servicePrincipals|7f"),
            (
                "/beta/servicePrincipals('7f')/synchronization/jobs('API2AAD.5d.c4')",
                "beta|servicePrincipals|7f|synchronization|jobs|API2AAD.5d.c4",
            ),
            ("/v1.0/serviceprincipals(appId='0b')", "v1.0|serviceprincipals|appId=0b"),
            ("/schema/microsoft.graph.filterOperators()", "schema|filterOperators"),
            ("/users('o''brien@x')", "users|o'brien@x"),
            ("/users(%27a%27)", "users|a"),
            ("/a/$value", "a|$value"),
            ("/x(y", "x(y"),
        ] {
            assert_eq!(segments(path).expect(path).join("|"), expected, "{path}");
        }
        assert_eq!(segments(&"/a".repeat(1_000)), None);
    }

    #[test]
    fn literals_match_without_case_and_names_take_values() {
        let segments = segments("/servicePRINCIPALS/7F/synchronization").expect("segments");
        let params = matches("servicePrincipals/{sp}/synchronization", &segments).expect("match");
        assert_eq!(params.get("sp"), "7F");
        assert_eq!(matches("servicePrincipals/{sp}", &segments), None);
        assert_eq!(matches("servicePrincipals/{sp}/synchronization/jobs", &segments), None);
        assert_eq!(named_key("AppID=0b", "appId"), Some("0b"));
    }
}
