//! Directories, objects, attributes.
use std::collections::HashMap;

use super::enumeration::{AttributeType, Mutability};

/// Key-value pairs of a directory, object, rule, mapping or attribute. A key may occur twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(pub Vec<(String, String)>);

impl Metadata {
    /// The first value of a key as it stands.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of a key whose values are JSON texts: `"Default"` in quotes gives `Default`
    /// (spec/synchronization-schema.md §6.2).
    pub fn get_json_text(&self, key: &str) -> Option<&str> {
        let value = self.get(key)?;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }

    /// All pairs on one line; `None` when there are none.
    pub fn to_line(&self) -> Option<String> {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join(", "))
    }

    /// Whether the value is `True`, in any case.
    pub fn is_true(&self, key: &str) -> bool {
        self.get_json_text(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// A system with its objects (spec/synchronization-schema.md §3).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Directory {
    /// Unique id.
    pub id: Option<String>,
    /// The name that rules refer to.
    pub name: String,
    /// Opaque version text.
    pub version: Option<String>,
    /// The kinds of objects it holds.
    pub objects: Vec<ObjectDefinition>,
    /// What can be discovered: `AttributeNames`, `ReferenceAttributes`, …; the words of the flags text.
    pub discoverabilities: Vec<String>,
    /// Last discovery, as text.
    pub discovery_date_time: Option<String>,
    /// The definition may not be edited.
    pub read_only: bool,
    /// Older documents only.
    pub metadata: Metadata,
}

impl Directory {
    /// The object of this name.
    pub fn object(&self, name: &str) -> Option<&ObjectDefinition> {
        self.objects.iter().find(|object| object.name == name)
    }
}

/// A kind of object with its attributes (spec/synchronization-schema.md §4).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectDefinition {
    /// Unique within the directory.
    pub name: String,
    /// Its attributes in the document's order.
    pub attributes: Vec<AttributeDefinition>,
    /// `PropertyNameAccountEnabled`, `IsSoftDeletionSupported`, `Extensions`, …
    pub metadata: Metadata,
    /// Usually empty.
    pub supported_apis: Vec<String>,
    pub(crate) by_name: HashMap<String, usize>,
}

/// The attribute that says whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState<'s> {
    /// Its name.
    pub attribute: &'s str,
    /// True means disabled (`accountDisabled`).
    pub inverted: bool,
}

impl ObjectDefinition {
    /// The attribute of exactly this name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeDefinition> {
        self.by_name.get(name).and_then(|index| self.attributes.get(*index))
    }

    /// The unique, immutable key.
    pub fn anchor(&self) -> Option<&AttributeDefinition> {
        self.attributes.iter().find(|attribute| attribute.anchor)
    }

    /// The account-state attribute: by metadata `PropertyNameAccountEnabled`, else one of the well-known names
    /// (spec/engine.md §8).
    pub fn account_state(&self) -> Option<AccountState<'_>> {
        const WELL_KNOWN: [&str; 4] = ["accountEnabled", "active", "IsActive", "accountDisabled"];
        let named = self.metadata.get_json_text("PropertyNameAccountEnabled").filter(|name| !name.is_empty());
        let attribute = named.or_else(|| {
            WELL_KNOWN.iter().find_map(|name| self.attribute(name).map(|attribute| attribute.name.as_str()))
        })?;
        Some(AccountState { attribute, inverted: attribute.eq_ignore_ascii_case("accountDisabled") })
    }

    /// The attribute that marks soft-deleted objects.
    pub fn soft_deleted_attribute(&self) -> Option<&str> {
        self.metadata.get_json_text("PropertyNameSoftDeleted").filter(|name| !name.is_empty())
    }

    /// What metadata `IsSoftDeletionSupported` says; `None` when it says nothing.
    pub fn is_soft_deletion_supported(&self) -> Option<bool> {
        self.metadata.get("IsSoftDeletionSupported").map(|_| self.metadata.is_true("IsSoftDeletionSupported"))
    }
}

/// An attribute (spec/synchronization-schema.md §5).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributeDefinition {
    /// Any text: dots, brackets, quotes, URNs.
    pub name: String,
    /// What its values are.
    pub kind: AttributeType,
    /// The unique, immutable key of the object.
    pub anchor: bool,
    /// Case matters in comparing.
    pub case_exact: bool,
    /// Used on create when a required attribute has no value; empty text counts as none.
    pub default_value: Option<String>,
    /// Nulls of this source attribute may clear the target (spec/engine.md §6).
    pub flow_null_values: bool,
    /// It may have several values.
    pub multivalued: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// An object cannot be created without it.
    pub required: bool,
    /// What a reference refers to.
    pub referenced_objects: Vec<ReferencedObject>,
    /// `MaximumLength`, `IsCustomerDefined`, `IsContainer`, …
    pub metadata: Metadata,
}

impl AttributeDefinition {
    /// Longest value in characters, from metadata `MaximumLength`.
    pub fn maximum_length(&self) -> Option<usize> {
        self.metadata.get_json_text("MaximumLength")?.trim().parse().ok()
    }

    /// Added by hand.
    pub fn is_customer_defined(&self) -> bool {
        self.metadata.is_true("IsCustomerDefined")
    }
}

/// What a reference refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferencedObject {
    /// Name of an object of the same directory.
    pub referenced_object_name: String,
    /// Not supported by Entra; usually absent.
    pub referenced_property: Option<String>,
}
