//! Schema URNs and how they are compared.

/// SCIM core user (RFC 7643 §4.1).
pub const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// SCIM enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Message schema of a bulk request (RFC 7644 §3.7).
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// Source namespace of Entra's custom security attributes (spec/inbound-api.md §4.2).
pub const CUSTOM_SECURITY_ATTRIBUTES: &str = "urn:ietf:params:scim:schemas:extension:microsoft:entra:csa";
/// Hirewire's lifecycle dates: `hireDate`, `terminationDate`, `timeZone`, `daysAhead`.
pub const LIFECYCLE_USER: &str = "urn:hirewire:params:scim:schemas:extension:lifecycle:2.0:User";

/// Extensions whose URN is known, so that an attribute behind it may itself contain a colon.
const KNOWN_EXTENSIONS: [&str; 3] = [ENTERPRISE_USER, LIFECYCLE_USER, CUSTOM_SECURITY_ATTRIBUTES];

/// The attributes of the enterprise extension, as RFC 7643 §4.3 spells them.
pub const ENTERPRISE_ATTRIBUTES: [&str; 6] =
    ["employeeNumber", "costCenter", "organization", "division", "department", "manager"];

/// Whether a member name is a schema URN, that is, names an extension.
pub fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// What follows `urn` and a colon in `name`; URNs compare ignoring case (RFC 7643 §2.1).
pub(crate) fn strip<'n>(name: &'n str, urn: &str) -> Option<&'n str> {
    let head = name.get(..urn.len())?;
    if !head.eq_ignore_ascii_case(urn) {
        return None;
    }
    name[urn.len()..].strip_prefix(':')
}

/// Splits `{URN}:{attribute}`: after a known URN, else at the last colon before any bracket.
/// Without a colon behind `urn:` everything is the URN.
pub(crate) fn split(name: &str) -> (&str, &str) {
    for known in KNOWN_EXTENSIONS {
        if let Some(rest) = strip(name, known) {
            return (&name[..known.len()], rest);
        }
    }
    let bracket = name.find('[').unwrap_or(name.len());
    match name[..bracket].rfind(':') {
        Some(colon) if colon > 4 => (&name[..colon], &name[colon + 1..]),
        _ => (name, ""),
    }
}
