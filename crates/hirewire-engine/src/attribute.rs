//! What the schema says about the attributes on both sides.
pub use hirewire_schema::{AttributeType, Mutability};
use serde::Serialize;

/// An attribute of the target object, as far as the engine needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: AttributeType,
    /// Whether case matters in comparing and matching.
    pub case_exact: bool,
    /// Whether it takes several values.
    pub multivalued: bool,
    /// When it may be written.
    pub mutability: Mutability,
    /// Whether no account can be created without it.
    pub required: bool,
    /// What a required attribute gets when no row gives a value.
    pub default_value: Option<String>,
    /// A distinguished name of a container, compared ignoring case and spaces (`spec/engine.md §11`).
    pub container: bool,
}

impl TargetAttribute {
    /// Whether logs hide its values: custom security attributes and passwords (`spec/engine.md §10`).
    pub fn is_secret(&self) -> bool {
        self.mutability == Mutability::WriteOnly
            || self.name.starts_with("CustomSecurityAttributes.")
            || self.name.eq_ignore_ascii_case("passwordProfile.password")
    }
}
