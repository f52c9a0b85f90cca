//! A request as the handlers see it: ids, path, query, caller, and the base of absolute URLs.
use std::net::IpAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::identity::{Caller, Permission};
use crate::ids::RequestIds;
use crate::odata::Query;
use crate::path::Params;
use crate::settings::Settings;

/// `v1.0` or `beta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `v1.0`.
    V1,
    /// `beta`.
    Beta,
}

impl Version {
    /// Reads a path segment.
    pub fn from_segment(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("v1.0") {
            Some(Self::V1)
        } else if text.eq_ignore_ascii_case("beta") {
            Some(Self::Beta)
        } else {
            None
        }
    }

    /// As it stands in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// Everything about a request but its body and its path parameters.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its ids.
    pub ids: RequestIds,
    /// Its method.
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// The API version; `v1.0` outside of Graph's paths.
    pub version: Version,
    /// Its query options.
    pub query: Query,
    /// Its headers.
    pub headers: HeaderMap,
    /// `scheme://host[:port]` for absolute URLs in the answer.
    pub base: String,
    /// The peer, or what a trusted proxy says it is.
    pub remote: Option<IpAddr>,
    /// The peer itself is on this machine and no proxy speaks for another.
    pub loopback: bool,
    /// Who calls; nobody on endpoints that need no token.
    pub caller: Option<Caller>,
    /// The permissions of which the endpoint needs one.
    pub needs: &'static [Permission],
}

impl Head {
    /// `{base}/v1.0` or `{base}/beta`.
    pub fn root(&self) -> String {
        format!("{}/{}", self.base, self.version.as_str())
    }

    /// `@odata.context` of something below `$metadata`.
    pub fn context(&self, what: &str) -> String {
        format!("{}/$metadata#{what}", self.root())
    }

    /// The request's URI, as the strict mode prints it into `UnknownError`.
    pub fn uri(&self) -> String {
        format!("{}{}", self.base, self.path)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the caller may reach the objects of any app: one of its permissions that the endpoint asks for is not limited
    /// to owned apps.
    pub fn reaches_all(&self) -> bool {
        let unlimited = |permission: &&Permission| {
            !matches!(permission, Permission::UploadOwnedBy | Permission::ApplicationReadWriteOwnedBy)
        };
        let caller = self.caller.as_ref();
        caller.is_some_and(|caller| {
            self.needs.iter().filter(unlimited).any(|wanted| caller.permissions.has(*wanted))
        })
    }

    /// The caller, or 401.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or_else(|| ApiError::unauthenticated("Access token is empty."))
    }
}

/// A whole request.
#[derive(Debug)]
pub struct Request {
    /// Everything but the body.
    pub head: Head,
    /// The `{names}` of the path.
    pub params: Params,
    /// The body; empty when there was none.
    pub body: Bytes,
}

impl Request {
    /// Reads the body as JSON; 400 with the place of the fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let bytes = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        serde_json::from_slice(bytes).map_err(|error| {
            ApiError::bad_request("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
                .with_detail("JsonSyntax", None, format!("{error}"))
        })
    }

    /// Reads the body as a JSON object; nothing counts as `{}`.
    pub fn json_or_empty<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(T::default());
        }
        self.json_object()
    }

    /// Reads the body as a JSON object; a list is none, though serde would read one into a structure.
    pub fn json_object<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let object: serde_json::Map<String, serde_json::Value> = self.json()?;
        serde_json::from_value(serde_json::Value::Object(object)).map_err(|error| {
            ApiError::bad_request("A member of the request payload has another type than expected.")
                .with_detail("JsonType", None, format!("{error}"))
        })
    }
}

/// The root of absolute URLs: configured, else what a trusted proxy says, else `Host` (spec/inbound-api.md §2.1).
pub fn public_base(
    settings: &Settings,
    headers: &HeaderMap,
    authority: Option<&str>,
    tls: bool,
    trusted: bool,
) -> String {
    if let Some(base) = &settings.public_base {
        return base.trim_end_matches('/').to_owned();
    }
    let text = |name: &str| headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim);
    let forwarded = |name: &str| if trusted { text(name) } else { None };
    let scheme = match forwarded("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => "http",
        _ if tls => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host")
        .or(authority)
        .or_else(|| headers.get(HOST)?.to_str().ok())
        .filter(|host| is_host(host))
        .unwrap_or("localhost");
    format!("{scheme}://{host}")
}

/// Only what may stand in a URL's authority is copied into answers.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Mode;
    use http::HeaderValue;
    use http::header::HeaderName;
    use uuid::Uuid;

    #[test]
    fn absolute_urls_come_from_configuration_proxy_or_host() {
        let mut settings = Settings::new(Mode::Open, Uuid::nil(), "northmere.example");
        let headers = HeaderMap::from_iter([
            (HOST, HeaderValue::from_static("inner:8080")),
            (HeaderName::from_static("x-forwarded-host"), HeaderValue::from_static("hr.example")),
            (HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https")),
        ]);
        assert_eq!(public_base(&settings, &headers, None, false, false), "http://inner:8080");
        assert_eq!(public_base(&settings, &headers, None, false, true), "https://hr.example");
        assert_eq!(public_base(&settings, &HeaderMap::new(), Some("a/b"), true, false), "https://localhost");
        settings.public_base = Some("https://graph.example/".into());
        assert_eq!(public_base(&settings, &headers, None, false, true), "https://graph.example");
    }
}
