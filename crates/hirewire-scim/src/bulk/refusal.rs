//! Why a bulk request is refused, or what was tolerated.
use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A request that is not accepted. All or nothing: one bad operation refuses the request (§4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, the deciding fault first; never empty.
    details: Vec<Detail>,
}

impl Refusal {
    pub(super) fn new(first: Detail) -> Self {
        Self { details: vec![first] }
    }

    pub(super) fn of(details: Vec<Detail>) -> Option<Self> {
        if details.is_empty() { None } else { Some(Self { details }) }
    }

    /// The refusal of a request with a wrong or missing content type, which is decided before the body is read
    /// (spec/inbound-api.md §4.4).
    pub fn content_type(found: Option<&str>) -> Self {
        let message = match found {
            Some(found) => format!("the content type is `{found}`; `application/scim+json` is expected"),
            None => "the content type is missing; `application/scim+json` is expected".to_owned(),
        };
        let help = "send the header `Content-Type: application/scim+json`".to_owned();
        Self::new(Detail { code: Code::ContentType, place: Place::Root(""), message, help: Some(help) })
    }

    /// Whole text of the documented error (D issues).
    pub fn documented_message(&self) -> &'static str {
        "Invalid Data Format"
    }

    /// The documented text, then the reason, for open mode.
    pub fn message(&self) -> String {
        let more = match self.details.len() {
            0 | 1 => String::new(),
            faults => format!(" (and {} more)", faults - 1),
        };
        let first = self.details.first().map_or("", |detail| &detail.message);
        format!("{}: {first}{more}", self.documented_message())
    }

    /// Every fault, for `error.details` and the log; at most 20.
    pub fn details(&self) -> &[Detail] {
        &self.details
    }

    /// The first fault's code.
    pub fn code(&self) -> Code {
        self.details.first().map_or(Code::JsonSyntax, |detail| detail.code)
    }

    /// What to do about the first fault.
    pub fn help(&self) -> Option<&str> {
        self.details.iter().find_map(|detail| detail.help.as_deref())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Refusal {}

/// One fault or one thing tolerated. Serializes as an entry of `error.details`: code, target, message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Kind of fault.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// What, beginning with the place; for people.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut detail = serializer.serialize_struct("Detail", 3)?;
        detail.serialize_field("code", self.code.as_str())?;
        detail.serialize_field("target", &self.place.to_string())?;
        let message = match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        };
        detail.serialize_field("message", &message)?;
        detail.end()
    }
}

/// `details[].code` (spec/inbound-api.md §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Wrong or missing `Content-Type`.
    ContentType,
    /// No JSON, or no UTF-8.
    JsonSyntax,
    /// JSON of another type than expected.
    JsonType,
    /// A required member is missing.
    MissingMember,
    /// More operations than allowed.
    TooManyOperations,
    /// An empty list of operations.
    NoOperations,
    /// Another method than `POST`.
    MethodNotSupported,
    /// Another path than `/Users`.
    PathNotSupported,
    /// A required schema URN is not listed.
    SchemaMissing,
    /// A person without key.
    ExternalIdMissing,
    /// Objects and lists nest too deep.
    NestingTooDeep,
    /// An attribute at the wrong place; only ever a warning.
    Misplaced,
}

impl Code {
    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContentType => "ContentType",
            Self::JsonSyntax => "JsonSyntax",
            Self::JsonType => "JsonType",
            Self::MissingMember => "MissingMember",
            Self::TooManyOperations => "TooManyOperations",
            Self::NoOperations => "NoOperations",
            Self::MethodNotSupported => "MethodNotSupported",
            Self::PathNotSupported => "PathNotSupported",
            Self::SchemaMissing => "SchemaMissing",
            Self::ExternalIdMissing => "ExternalIdMissing",
            Self::NestingTooDeep => "NestingTooDeep",
            Self::Misplaced => "Misplaced",
        }
    }
}

/// Where in a bulk request. Prints as `Operations[3].data.externalId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A member of the root; empty for the root itself.
    Root(&'static str),
    /// A member of an operation (`data.externalId`); empty for the operation itself.
    Operation(usize, String),
}

impl Place {
    /// The JSON pointer (RFC 6901), such as `/Operations/3/data/externalId`.
    pub fn pointer(&self) -> String {
        let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
        match self {
            Self::Root("") => String::new(),
            Self::Root(name) => format!("/{}", escape(name)),
            Self::Operation(index, member) if member.is_empty() => format!("/Operations/{index}"),
            Self::Operation(index, member) => {
                let (first, rest) = member.split_once('.').unwrap_or((member, ""));
                let rest = if rest.is_empty() { String::new() } else { format!("/{}", escape(rest)) };
                format!("/Operations/{index}/{}{rest}", escape(first))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root("") => f.write_str("the body"),
            Self::Root(name) => f.write_str(name),
            Self::Operation(index, member) if member.is_empty() => write!(f, "Operations[{index}]"),
            Self::Operation(index, member) => write!(f, "Operations[{index}].{member}"),
        }
    }
}
