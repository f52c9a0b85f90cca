//! A user as a row: which attributes have columns, how values are folded for comparing, what is kept apart.
use std::borrow::Cow;

use hirewire_engine::value::{Account, AttributeValue, Attributes};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Row;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use uuid::Uuid;

use super::RECYCLE_DAYS;
use super::codec::{self, Wanted};

/// Columns of `users` that [`read_account`] wants, in its order.
pub(super) const COLUMNS: &str = "id, deleted, manager, attributes";

/// What the directory answers for itself.
pub(super) const READ_ONLY: [&str; 4] = ["objectId", "id", "originalUserPrincipalName", "createdDateTime"];
pub(super) const MANAGER: &str = "manager";
pub(super) const SOFT_DELETED: &str = "IsSoftDeleted";
pub(super) const ENABLED: &str = "accountEnabled";
pub(super) const UPN: &str = "userPrincipalName";
pub(super) const DISPLAY_NAME: &str = "displayName";
/// Without these no user is made, and none of them can be cleared (spec/targets.md §1.4).
pub(super) const REQUIRED: [&str; 4] = [ENABLED, DISPLAY_NAME, "mailNickname", UPN];

/// The indexed column of an attribute.
pub(super) fn column(attribute: &str) -> Option<&'static str> {
    const COLUMNS: [(&str, &str); 4] =
        [(UPN, "upn"), ("employeeId", "employee_id"), ("mail", "mail"), ("mailNickname", "mail_nickname")];
    COLUMNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute)).map(|(_, column)| *column)
}

/// Text as it is compared: composed form (NFC), small letters.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composed = if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) };
    composed.to_lowercase()
}

/// A value as it is compared; nothing for a list, whose items are compared one by one.
pub(super) fn folded(value: &AttributeValue) -> Option<String> {
    Some(match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => fold(text),
        AttributeValue::Boolean(value) => value.to_string(),
        AttributeValue::Integer(value) => value.to_string(),
        AttributeValue::DateTime(value) => value.to_string(),
        AttributeValue::Binary(bytes) => format!("{bytes:02x?}"),
        AttributeValue::List(_) => return None,
    })
}

/// A Boolean, also as text from a mapping that gives text.
pub(super) fn truth(value: &AttributeValue) -> Option<bool> {
    match value {
        AttributeValue::Boolean(value) => Some(*value),
        AttributeValue::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        AttributeValue::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub(super) fn text(value: &AttributeValue) -> Option<&str> {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => Some(text),
        _ => None,
    }
}

/// Passwords are taken and forgotten: nobody signs in here.
pub(super) fn is_password(attribute: &str) -> bool {
    let prefix = "passwordProfile";
    attribute.len() >= prefix.len()
        && attribute.as_bytes()[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

/// Users deleted before this are gone for good.
pub(super) fn bin_since(now: Timestamp) -> i64 {
    let days = SignedDuration::from_hours(24 * RECYCLE_DAYS);
    now.saturating_sub(days).unwrap_or(Timestamp::MIN).as_microsecond()
}

/// An account from [`COLUMNS`]; `None` when it has been in the recycle bin for too long.
pub(super) fn read_account(
    row: &Row<'_>,
    wanted: Wanted<'_>,
    since: i64,
) -> rusqlite::Result<Option<Account>> {
    let deleted: Option<i64> = row.get(1)?;
    if deleted.is_some_and(|deleted| deleted < since) {
        return Ok(None);
    }
    let anchor = read_uuid(row, 0)?.unwrap_or_default().to_string();
    let mut attributes = decode(row.get_ref(3)?.as_str()?, wanted)?;
    if wanted.has(MANAGER)
        && let Some(manager) = read_uuid(row, 2)?
    {
        attributes.insert(MANAGER.into(), AttributeValue::Reference(manager.to_string()));
    }
    if let Wanted::Named(names) = wanted {
        for name in names {
            if name.eq_ignore_ascii_case(SOFT_DELETED) {
                attributes.insert(name.clone(), AttributeValue::Boolean(deleted.is_some()));
            } else if name.eq_ignore_ascii_case("objectId") || name == "id" {
                attributes.insert(name.clone(), AttributeValue::Text(anchor.clone()));
            }
        }
    }
    Ok(Some(Account { anchor, soft_deleted: deleted.is_some(), attributes }))
}

pub(super) fn decode(text: &str, wanted: Wanted<'_>) -> rusqlite::Result<Attributes> {
    codec::decode(text, wanted).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn read_uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(Uuid::from_bytes))
}
