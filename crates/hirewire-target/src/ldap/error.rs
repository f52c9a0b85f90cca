//! What a directory's answer means for the engine: retry, refuse this person, stop everything, or gone
//! (spec/targets.md §2.7, §4; names of spec/engine.md §18).
use std::time::Duration;

use hirewire_engine::target::TargetError;

use super::config::DialectName;

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// LDAP result code (RFC 4511 §4.1.9).
    pub(crate) code: u32,
    /// The server's diagnostic text.
    pub(crate) text: String,
    /// How far the name could be followed.
    pub(crate) matched: String,
}

/// Why an operation did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// The server answered with a refusal.
    Answer(Answer),
    /// No answer in time: whether the server did it is unknown.
    Timeout,
    /// The connection broke while waiting: whether the server did it is unknown.
    Lost(String),
    /// Nothing was sent: already in the engine's terms.
    Final(TargetError),
}

impl Failure {
    /// The server may or may not have done it: read before writing again.
    pub(crate) fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Timeout | Self::Lost(_))
    }

    /// The LDAP result code, when the server answered.
    pub(crate) fn code(&self) -> Option<u32> {
        match self {
            Self::Answer(answer) => Some(answer.code),
            _ => None,
        }
    }

    /// The page we ask for is larger than the server gives us (OpenLDAP `limits … size.pr`).
    pub(crate) fn is_page_too_large(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.code == code::ADMIN_LIMIT && answer.text.contains("page size"))
    }

    /// The password was refused by the directory's policy.
    pub(crate) fn is_password_policy(&self) -> bool {
        let Self::Answer(answer) = self else { return false };
        win32(&answer.text) == Some(0x52d)
            || (answer.code == code::CONSTRAINT_VIOLATION
                && answer.text.to_ascii_lowercase().contains("password"))
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::Final(error)
    }
}

/// What was being done, as far as it changes the meaning of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Search,
    Add,
    Modify,
    /// Move or rename.
    Rename,
    Delete,
    /// Membership of a group.
    Group,
    Password,
}

/// LDAP result codes with a name of their own here.
pub(crate) mod code {
    pub(crate) const OPERATIONS_ERROR: u32 = 1;
    pub(crate) const PROTOCOL_ERROR: u32 = 2;
    pub(crate) const TIME_LIMIT: u32 = 3;
    pub(crate) const SIZE_LIMIT: u32 = 4;
    pub(crate) const AUTH_METHOD: u32 = 7;
    pub(crate) const STRONGER_AUTH: u32 = 8;
    pub(crate) const REFERRAL: u32 = 10;
    pub(crate) const ADMIN_LIMIT: u32 = 11;
    pub(crate) const CRITICAL_EXTENSION: u32 = 12;
    pub(crate) const CONFIDENTIALITY: u32 = 13;
    pub(crate) const NO_SUCH_ATTRIBUTE: u32 = 16;
    pub(crate) const UNDEFINED_TYPE: u32 = 17;
    pub(crate) const INAPPROPRIATE_MATCHING: u32 = 18;
    pub(crate) const CONSTRAINT_VIOLATION: u32 = 19;
    pub(crate) const VALUE_EXISTS: u32 = 20;
    pub(crate) const INVALID_SYNTAX: u32 = 21;
    pub(crate) const NO_SUCH_OBJECT: u32 = 32;
    pub(crate) const INVALID_DN: u32 = 34;
    pub(crate) const INAPPROPRIATE_AUTH: u32 = 48;
    pub(crate) const INVALID_CREDENTIALS: u32 = 49;
    pub(crate) const INSUFFICIENT_ACCESS: u32 = 50;
    pub(crate) const BUSY: u32 = 51;
    pub(crate) const UNAVAILABLE: u32 = 52;
    pub(crate) const UNWILLING: u32 = 53;
    pub(crate) const NAMING_VIOLATION: u32 = 64;
    pub(crate) const OBJECT_CLASS_VIOLATION: u32 = 65;
    pub(crate) const NOT_ON_NON_LEAF: u32 = 66;
    pub(crate) const NOT_ON_RDN: u32 = 67;
    pub(crate) const ALREADY_EXISTS: u32 = 68;
    pub(crate) const CLASS_MODS: u32 = 69;
    pub(crate) const SEVERAL_DSAS: u32 = 71;
    pub(crate) const OTHER: u32 = 80;
    pub(crate) const ASSERTION_FAILED: u32 = 122;
}

/// A refusal with a reason for people.
pub(crate) fn refused(code: &str, reason: impl Into<String>, attribute: Option<&str>) -> TargetError {
    TargetError::Refused { code: code.into(), reason: reason.into(), attribute: attribute.map(str::to_owned) }
}

/// Something only a person can mend before anything is written.
pub(crate) fn locked(reason: impl Into<String>) -> TargetError {
    TargetError::Locked { code: "AuthenticationFailed".into(), reason: reason.into() }
}

/// Something that may work later.
pub(crate) fn retry(code: &str, reason: impl Into<String>) -> TargetError {
    TargetError::Retry { code: code.into(), reason: reason.into(), after: None }
}

/// Code names that carry a prefix when Active Directory refuses (spec/engine.md §18).
pub(crate) fn named(dialect: DialectName, active_directory: &str, standard: &str) -> String {
    match dialect {
        DialectName::ActiveDirectory => format!("HybridSynchronizationActiveDirectory{active_directory}"),
        DialectName::InetOrgPerson => standard.into(),
    }
}

/// The engine's view of a failure. `name` is the DN the operation was about.
pub(crate) fn to_target(failure: Failure, doing: Doing, name: &str, dialect: DialectName) -> TargetError {
    match failure {
        Failure::Final(error) => error,
        Failure::Timeout => retry("Timeout", "the directory did not answer in time; the outcome is unknown"),
        Failure::Lost(reason) => {
            retry("EndpointUnavailable", format!("the connection broke ({reason}); the outcome is unknown"))
        }
        Failure::Answer(answer) => from_answer(&answer, doing, name, dialect),
    }
}

fn from_answer(answer: &Answer, doing: Doing, name: &str, dialect: DialectName) -> TargetError {
    let said = said(answer);
    let attribute = attribute(&answer.text);
    let refuse = |code: &str, what: &str| refused(code, format!("{what} ({said})"), attribute.as_deref());
    let bad = "SystemForCrossDomainIdentityManagementBadResponse";
    let no_parent = || {
        refused(
            "OperationsError",
            format!(
                "No superior reference: the container of `{name}` does not exist{} ({said})",
                reached(answer)
            ),
            Some("parentDistinguishedName"),
        )
    };
    if let Some(error) = by_win32(answer, name, dialect) {
        return error;
    }
    match answer.code {
        code::BUSY => TargetError::Retry {
            code: "TooManyRequests".into(),
            reason: format!("the directory is busy ({said})"),
            after: Some(Duration::from_secs(5)),
        },
        code::UNAVAILABLE => retry("EndpointUnavailable", format!("the directory is not available ({said})")),
        code::TIME_LIMIT => retry(
            "Timeout",
            format!("the search took longer than the server allows: index the matching attribute ({said})"),
        ),
        code::OTHER if answer.text.contains("parent does not exist") => no_parent(), // Samba
        code::OTHER => retry("InternalServerError", format!("the directory failed ({said})")),
        code::OPERATIONS_ERROR if matches!(win32(&answer.text), Some(0x4dc)) => {
            retry("EndpointUnavailable", format!("the connection is no longer signed in ({said})"))
        }
        code::OPERATIONS_ERROR => refuse("OperationsError", "the directory could not do it"),
        code::PROTOCOL_ERROR | code::CRITICAL_EXTENSION => {
            refuse("NotImplemented", "the directory lacks this operation")
        }
        code::SIZE_LIMIT | code::ADMIN_LIMIT => refuse(
            "OperationsError",
            "the server's limit for this account is too low: raise it, or allow paged results",
        ),
        code::AUTH_METHOD
        | code::STRONGER_AUTH
        | code::CONFIDENTIALITY
        | code::INAPPROPRIATE_AUTH
        | code::INVALID_CREDENTIALS => locked(bind_reason(answer)),
        code::REFERRAL => refuse(
            "OperationsError",
            "another server is responsible for this name: check base_dn, container and the domain controller (read-only ones refer writes)",
        ),
        code::NO_SUCH_ATTRIBUTE | code::UNDEFINED_TYPE => refuse(
            &named(dialect, "CannotFindAttribute", "SchemaAttributeNotFound"),
            "the directory's schema or the object has no such attribute",
        ),
        code::INAPPROPRIATE_MATCHING => {
            refuse("UnprocessableEntity", "the attribute cannot be searched this way")
        }
        code::CONSTRAINT_VIOLATION if answer.text.contains("non-unique") => {
            refuse("Conflict", "another object has one of these values already")
        }
        code::CONSTRAINT_VIOLATION => {
            refuse(bad, "ConstraintViolation-AtrErr: a value is too long, not allowed, or one too many")
        }
        code::VALUE_EXISTS => refuse("Conflict", "the value is there already, perhaps in another spelling"),
        code::INVALID_SYNTAX => refuse(bad, "InvalidAttributeSyntax: a value has the wrong form"),
        code::NO_SUCH_OBJECT if matches!(doing, Doing::Add | Doing::Rename) => no_parent(),
        code::NO_SUCH_OBJECT if doing == Doing::Group => {
            refuse("InvalidAnchor", "the group or the member no longer exists")
        }
        code::NO_SUCH_OBJECT => refuse("InvalidAnchor", "no such object"),
        code::INVALID_DN => refuse("UnprocessableEntity", "the name cannot be used"),
        code::INSUFFICIENT_ACCESS => refuse(
            &named(dialect, "InsufficientAccessRights", "InsufficientRights"),
            match doing {
                Doing::Add => "we may not create accounts in this container",
                Doing::Modify => {
                    "we may not write one of these attributes of this object (protected administrators refuse every delegated right)"
                }
                Doing::Rename => {
                    "we may not move or rename this object: that takes delete rights at the old place and create rights at the new one"
                }
                Doing::Delete => "we may not delete this object",
                Doing::Group => "we may not change the members of this group",
                Doing::Password => "we may not reset this password",
                Doing::Search => "we may not read here",
            },
        ),
        code::UNWILLING
            if answer.text.to_ascii_lowercase().contains("read-only")
                || answer.text.contains("restricted") =>
        {
            retry("EndpointUnavailable", format!("the server is read-only at present ({said})"))
        }
        code::UNWILLING => refuse("NotPermitted", "the directory is unwilling"),
        code::NAMING_VIOLATION | code::NOT_ON_RDN => {
            refuse("UnprocessableEntity", "the object cannot have this name")
        }
        code::OBJECT_CLASS_VIOLATION => refuse(
            "MandatoryFieldsMissing",
            "an attribute the object class demands is missing, or one it does not allow is there",
        ),
        code::NOT_ON_NON_LEAF => {
            refuse("NotPermitted", "other objects lie below this one; delete them first")
        }
        code::ALREADY_EXISTS => {
            refused("EntryConflict", format!("`{name}` is taken ({said})"), attribute.as_deref())
        }
        code::CLASS_MODS => refuse("NotPermitted", "the object's class cannot be changed"),
        code::SEVERAL_DSAS => refuse("NotPermitted", "the new place is in another database"),
        code::ASSERTION_FAILED => retry("Conflict", "somebody else changed the object at the same moment"),
        _ => refuse("InternalError", "an answer without a meaning here"),
    }
}

/// Sub-codes that are more precise than the LDAP code.
fn by_win32(answer: &Answer, name: &str, dialect: DialectName) -> Option<TargetError> {
    let said = said(answer);
    let attribute = attribute(&answer.text);
    let refuse = |code: &str, what: String, given: &str| {
        Some(refused(code, format!("{what} ({said})"), Some(attribute.as_deref().unwrap_or(given))))
    };
    if dialect != DialectName::ActiveDirectory {
        return None;
    }
    match (answer.code, win32(&answer.text)?) {
        (_, 0x52d) => refuse(
            "UnprocessableEntity",
            "the domain's password policy refused the password".into(),
            "unicodePwd",
        ),
        (code::UNWILLING, 0x1f) => {
            refuse("NotPermitted", "passwords are set only over TLS".into(), "unicodePwd")
        }
        (_, 0x524) => refuse("EntryConflict", "the account name is taken".into(), "sAMAccountName"),
        (code::ALREADY_EXISTS, 0x2071) if answer.text.contains("samAccountName") => {
            refuse("EntryConflict", "the account name is taken".into(), "sAMAccountName")
        }
        (code::ALREADY_EXISTS, 0x2071) => refuse("EntryConflict", format!("`{name}` is taken"), "cn"),
        (_, 0x21c8) => refuse(
            &named(dialect, "UserPrincipalNameNotUnique", ""),
            "the user principal name is taken in the forest".into(),
            "userPrincipalName",
        ),
        (_, 0x21c7) => refuse(
            "Conflict",
            "the service principal name is taken in the forest".into(),
            "servicePrincipalName",
        ),
        (code::CONSTRAINT_VIOLATION, 0x20b5) => {
            refuse("InvalidAnchor", "a referenced object does not exist".into(), "manager")
        }
        _ => None,
    }
}

/// Why a bind was refused (spec/targets.md §2.7: Active Directory's `data` codes).
pub(crate) fn bind_reason(answer: &Answer) -> String {
    let data = answer.text.split("data ").nth(1).and_then(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        u32::from_str_radix(&rest[..end], 16).ok()
    });
    let why = match (answer.code, data) {
        (code::STRONGER_AUTH | code::CONFIDENTIALITY, _) => {
            "the directory demands TLS: use an ldaps:// address"
        }
        (code::AUTH_METHOD | code::INAPPROPRIATE_AUTH, _) => {
            "the directory does not take this way of signing in"
        }
        (_, Some(0x525)) => "there is no such account: check the bind name",
        (_, Some(0x530)) => "the service account may not sign in at this hour",
        (_, Some(0x531)) => "the service account may not sign in from this machine",
        (_, Some(0x532)) => {
            "the service account's password has expired: set one that does not expire, or a new one"
        }
        (_, Some(0x533)) => "the service account is disabled",
        (_, Some(0x701)) => "the service account has expired",
        (_, Some(0x773)) => "the service account must change its password first",
        (_, Some(0x775)) => "the service account is locked out",
        _ => "the directory does not accept the name or password",
    };
    format!("{why} ({})", said(answer))
}

/// Where the server's knowledge of the name ended.
fn reached(answer: &Answer) -> String {
    if answer.matched.is_empty() { String::new() } else { format!("; `{}` exists", clean(&answer.matched)) }
}

/// The eight hexadecimal digits in front of Active Directory's text.
pub(crate) fn win32(text: &str) -> Option<u32> {
    let (digits, _) = text.split_once(':')?;
    if digits.len() != 8 { None } else { u32::from_str_radix(digits, 16).ok() }
}

/// The attribute a diagnostic text names: `Att 9005a (unicodePwd)`, Samba's `attribute 'title'`, OpenLDAP's
/// `mail: value #0 invalid per syntax`, `attribute 'sn' not allowed`.
fn attribute(text: &str) -> Option<String> {
    let plain = |name: &str| {
        let fits = !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then(|| name.to_owned())
    };
    if let Some((_, rest)) = text.split("Att ").nth(1).and_then(|rest| rest.split_once('(')) {
        return rest.split(')').next().and_then(plain);
    }
    for quote in ["attribute '", "Attribute '", "attribute `"] {
        if let Some(rest) = text.split(quote).nth(1) {
            return rest.split(['\'', '`']).next().and_then(plain);
        }
    }
    let (name, rest) = text.split_once(": ")?;
    ["value #", "multiple values", "attribute "]
        .iter()
        .any(|start| rest.starts_with(start))
        .then(|| plain(name))?
}

/// The answer in one line: code, name and the first 200 characters of the server's text.
fn said(answer: &Answer) -> String {
    let text = clean(&answer.text);
    if text.is_empty() {
        return format!("LDAP {} {}", answer.code, code_name(answer.code));
    }
    format!("LDAP {} {}: {text}", answer.code, code_name(answer.code))
}

fn clean(text: &str) -> String {
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    one_line.trim().to_owned()
}

/// Names of RFC 4511 appendix A.
fn code_name(code: u32) -> &'static str {
    match code {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        71 => "affectsMultipleDSAs",
        80 => "other",
        122 => "assertionFailed",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use hirewire_engine::target::TargetError;

    use super::{Answer, Doing, Failure, bind_reason, to_target};
    use crate::ldap::config::DialectName::{self, ActiveDirectory as Ad, InetOrgPerson as Inet};

    fn told(
        dialect: DialectName,
        doing: Doing,
        code: u32,
        text: &str,
    ) -> (&'static str, String, Option<String>) {
        let answer = Answer { code, text: text.into(), matched: String::new() };
        match to_target(Failure::Answer(answer), doing, "CN=x,DC=y", dialect) {
            TargetError::Retry { code, .. } => ("retry", code, None),
            TargetError::Refused { code, attribute, .. } => ("refused", code, attribute),
            TargetError::Locked { code, .. } => ("locked", code, None),
            TargetError::Gone { .. } => ("gone", String::new(), None),
        }
    }

    #[test]
    fn answers_have_a_meaning() {
        let bad = "SystemForCrossDomainIdentityManagementBadResponse";
        type Row<'a> = (DialectName, Doing, u32, &'a str, &'a str, &'a str, Option<&'a str>);
        let cases: &[Row<'_>] = &[
            (
                Ad,
                Doing::Add,
                53,
                "0000052D: SvcErr: DSID-031A124C, problem 5003 (WILL_NOT_PERFORM), data 0",
                "refused",
                "UnprocessableEntity",
                Some("unicodePwd"),
            ),
            (
                Ad,
                Doing::Add,
                68,
                "00000524: UpdErr: DSID-031A11FA, problem 6005 (ENTRY_EXISTS), data 0",
                "refused",
                "EntryConflict",
                Some("sAMAccountName"),
            ),
            (
                Ad,
                Doing::Add,
                68,
                "00002071: samldb: samAccountName 'x' already in use!",
                "refused",
                "EntryConflict",
                Some("sAMAccountName"),
            ),
            (
                Ad,
                Doing::Add,
                68,
                "00002071: UpdErr: DSID-0305038D, problem 6005 (ENTRY_EXISTS), data 0",
                "refused",
                "EntryConflict",
                Some("cn"),
            ),
            (
                Ad,
                Doing::Modify,
                19,
                "000021C8: AtrErr: DSID-03200BBA, #1: 0: 000021C8: DSID-03200BBA, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)",
                "refused",
                "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique",
                Some("userPrincipalName"),
            ),
            (
                Ad,
                Doing::Modify,
                19,
                "00002081: AtrErr: DSID-03191083, #1: 0: problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att c (title)",
                "refused",
                bad,
                Some("title"),
            ),
            (
                Ad,
                Doing::Add,
                32,
                "0000208D: NameErr: DSID-03100238, problem 2001 (NO_OBJECT), data 0",
                "refused",
                "OperationsError",
                Some("parentDistinguishedName"),
            ),
            (
                Ad,
                Doing::Modify,
                16,
                "00002080: UpdErr",
                "refused",
                "HybridSynchronizationActiveDirectoryCannotFindAttribute",
                None,
            ),
            (
                Inet,
                Doing::Add,
                17,
                "extensionAttribute1: attribute type undefined",
                "refused",
                "SchemaAttributeNotFound",
                Some("extensionAttribute1"),
            ),
            (
                Ad,
                Doing::Delete,
                50,
                "00002098: SecErr",
                "refused",
                "HybridSynchronizationActiveDirectoryInsufficientAccessRights",
                None,
            ),
            (Inet, Doing::Delete, 50, "no write access to parent", "refused", "InsufficientRights", None),
            (
                Inet,
                Doing::Add,
                65,
                "object class 'inetOrgPerson' requires attribute 'sn'",
                "refused",
                "MandatoryFieldsMissing",
                Some("sn"),
            ),
            (
                Inet,
                Doing::Add,
                19,
                "some attributes not unique: non-unique attributes found with (|(mail=a))",
                "refused",
                "Conflict",
                None,
            ),
            (Inet, Doing::Add, 21, "mail: value #0 invalid per syntax", "refused", bad, Some("mail")),
            (Ad, Doing::Modify, 51, "busy", "retry", "TooManyRequests", None),
            (Ad, Doing::Modify, 52, "unavailable", "retry", "EndpointUnavailable", None),
            (Ad, Doing::Modify, 10, "0000202B: RefErr", "refused", "OperationsError", None),
            (Inet, Doing::Modify, 53, "operation restricted", "retry", "EndpointUnavailable", None),
            (
                Ad,
                Doing::Search,
                1,
                "000004DC: LdapErr: DSID-0C09075A, comment: In order to perform this operation a successful bind must be completed",
                "retry",
                "EndpointUnavailable",
                None,
            ),
            (
                Ad,
                Doing::Search,
                49,
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1",
                "locked",
                "AuthenticationFailed",
                None,
            ),
            (Inet, Doing::Search, 13, "TLS confidentiality required", "locked", "AuthenticationFailed", None),
            (
                Inet,
                Doing::Delete,
                66,
                "subordinate objects must be deleted first",
                "refused",
                "NotPermitted",
                None,
            ),
            (Inet, Doing::Modify, 9999, "", "refused", "InternalError", None),
        ];
        for (dialect, doing, code, text, kind, name, attribute) in cases {
            let expected = (*kind, (*name).to_owned(), attribute.map(str::to_owned));
            assert_eq!(told(*dialect, *doing, *code, text), expected, "{code} {text}");
        }
    }

    #[test]
    fn refused_binds_say_why() {
        for (data, word) in [
            ("52e", "name or password"),
            ("525", "no such account"),
            ("775", "locked out"),
            ("533", "disabled"),
        ] {
            let text = format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
            );
            let reason = bind_reason(&Answer { code: 49, text, matched: String::new() });
            assert!(reason.contains(word), "{reason}");
        }
    }
}
