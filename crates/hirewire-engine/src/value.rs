//! Values of target attributes and the accounts that carry them.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One value of a target attribute. "No value" (null, empty text, empty list) is the absence of an entry,
/// never a variant (spec/engine.md §7: null, `""` and `[]` are all "no value").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Text as it is written, without change of case or form.
    Text(String),
    /// A truth value; the log prints it `True` or `False`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A moment in UTC, kept as a civil date-time because HR's "no end" 9999-12-31T23:59:59 is beyond an instant.
    DateTime(jiff::civil::DateTime),
    /// Bytes, such as a photo or a GUID.
    Binary(Vec<u8>),
    /// The target anchor of another account.
    Reference(String),
    /// Several values; order has no meaning.
    List(Vec<AttributeValue>),
}

/// Attribute name, as the target's schema spells it, to value.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// An object of the target directory as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The target's immutable key: Entra `objectId`, AD `objectGUID`, LDAP `entryUUID`.
    pub anchor: String,
    /// In the target's recycle bin, restorable.
    pub soft_deleted: bool,
    /// The attributes that were asked for and have a value.
    pub attributes: Attributes,
}

impl AttributeValue {
    /// The value as the provisioning log prints it: Booleans `True` and `False`, moments in UTC, bytes by their
    /// number, several values separated by `, ` (`spec/engine.md §17`).
    pub fn log_text(&self) -> String {
        match self {
            Self::Text(text) | Self::Reference(text) => text.clone(),
            Self::Boolean(true) => "True".to_owned(),
            Self::Boolean(false) => "False".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::DateTime(moment) => format!("{moment}Z"),
            Self::Binary(bytes) => format!("({} bytes)", bytes.len()),
            Self::List(values) => values.iter().map(Self::log_text).collect::<Vec<_>>().join(", "),
        }
    }
}
