//! Enumerations of the document. Unknown texts stay in the document, are noted on reading, and count as the default.
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! enumeration {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text in documents.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// Reads the text, ignoring case.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name().eq_ignore_ascii_case(text.trim()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

enumeration! {
    /// Type of an attribute (spec/synchronization-schema.md §5).
    AttributeType {
        /// Text.
        #[default]
        String,
        /// A whole number.
        Integer,
        /// Another object, such as the manager.
        Reference,
        /// Bytes.
        Binary,
        /// True or false.
        Boolean,
        /// A moment.
        DateTime,
    }
}

enumeration! {
    /// Who may write an attribute and when.
    Mutability {
        /// Always.
        #[default]
        ReadWrite,
        /// Never from here.
        ReadOnly,
        /// Only while the object is created.
        Immutable,
        /// Always, but it cannot be read (passwords).
        WriteOnly,
    }
}

enumeration! {
    /// When a row flows (spec/engine.md §5).
    FlowType {
        /// On create and update.
        #[default]
        Always,
        /// Only in the create.
        ObjectAddOnly,
        /// Multi-valued targets: values are added, never removed.
        MultiValueAddOnly,
        /// If a value exists only additions flow.
        ValueAddOnly,
        /// Only while the target has no value.
        AttributeAddOnly,
    }
}

enumeration! {
    /// Whether equal values are written.
    FlowBehavior {
        /// Only when the value differs.
        #[default]
        FlowWhenChanged,
        /// Even when it is equal.
        FlowAlways,
    }
}

/// What an object mapping may do to target objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct FlowTypes {
    /// Create.
    pub add: bool,
    /// Update, disable, enable.
    pub update: bool,
    /// Delete.
    pub delete: bool,
}

impl FlowTypes {
    /// Everything.
    pub const ALL: Self = Self { add: true, update: true, delete: true };
    /// Nothing.
    pub const NONE: Self = Self { add: false, update: false, delete: false };

    /// Reads `Add, Update, Delete` with or without blanks, in any case; also gives the words it does not know.
    pub fn parse(text: &str) -> (Self, Vec<&str>) {
        let mut flags = Self::NONE;
        let mut unknown = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "add" => flags.add = true,
                "update" => flags.update = true,
                "delete" => flags.delete = true,
                "none" => {}
                _ => unknown.push(word),
            }
        }
        (flags, unknown)
    }
}

impl fmt::Display for FlowTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(self.add, "Add"), (self.update, "Update"), (self.delete, "Delete")];
        let set: Vec<_> = names.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
        f.write_str(if set.is_empty() { "None" } else { "" })?;
        f.write_str(&set.join(", "))
    }
}
