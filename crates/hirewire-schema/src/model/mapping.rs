//! Rules, object mappings, attribute mappings.
use hirewire_expression::SourceKind;

use super::directory::Metadata;
use super::enumeration::{FlowBehavior, FlowType, FlowTypes};
use super::scope::Scope;

/// How objects flow from one directory to another (spec/synchronization-schema.md §6.1).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SynchronizationRule {
    /// Unique id.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Lower first.
    pub priority: i64,
    /// False: the customer may not change it.
    pub editable: bool,
    /// Directory that is read.
    pub source_directory_name: String,
    /// Directory that is written.
    pub target_directory_name: String,
    /// In the document's order; the first enabled one whose category filter holds is used.
    pub object_mappings: Vec<ObjectMapping>,
    /// `containerFilter.includedContainers`.
    pub included_containers: Vec<String>,
    /// `groupFilter.includedGroups`.
    pub included_groups: Vec<String>,
    /// `defaultSourceObjectMappings`, …
    pub metadata: Metadata,
}

/// How one kind of object becomes another (spec/synchronization-schema.md §6.2).
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMapping {
    /// False: it does nothing.
    pub enabled: bool,
    /// What may be done in the target.
    pub flow_types: FlowTypes,
    /// Title.
    pub name: String,
    /// Object of the source directory.
    pub source_object_name: String,
    /// Object of the target directory.
    pub target_object_name: String,
    /// The rows; their order means nothing.
    pub attribute_mappings: Vec<AttributeMapping>,
    /// `EscrowBehavior`, `Disposition`, …: values are JSON texts.
    pub metadata: Metadata,
    /// Who takes part; empty is everybody.
    pub scope: Scope,
}

impl Default for ObjectMapping {
    fn default() -> Self {
        Self {
            enabled: true,
            flow_types: FlowTypes::ALL,
            name: String::new(),
            source_object_name: String::new(),
            target_object_name: String::new(),
            attribute_mappings: Vec::new(),
            metadata: Metadata::default(),
            scope: Scope::default(),
        }
    }
}

impl ObjectMapping {
    /// The rows used to match, in the order in which they are tried.
    pub fn matching_rows(&self) -> impl Iterator<Item = &AttributeMapping> {
        let mut rows: Vec<_> = self.attribute_mappings.iter().filter(|row| row.is_matching()).collect();
        rows.sort_by_key(|row| row.matching_priority);
        rows.into_iter()
    }

    /// The row of a target attribute.
    pub fn row(&self, target_attribute_name: &str) -> Option<&AttributeMapping> {
        self.attribute_mappings.iter().find(|row| row.target_attribute_name == target_attribute_name)
    }
}

/// One row: what an attribute of the target gets (spec/synchronization-schema.md §6.3).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributeMapping {
    /// The attribute that is written.
    pub target_attribute_name: String,
    /// The value; `None` is the portal's mapping type *None*.
    pub source: Option<MappingSource>,
    /// Used on create when the source gives nothing; empty text counts as none.
    pub default_value: Option<String>,
    /// When it flows.
    pub flow_type: FlowType,
    /// Whether equal values flow.
    pub flow_behavior: FlowBehavior,
    /// 0: not used to match; else the order in which matching rows are tried.
    pub matching_priority: u32,
    /// Null or absence in the source may clear the target. The member's name is not documented; `flowNullValues`
    /// is adopted `[U]` (spec/engine.md §6).
    pub flow_null_values: bool,
    /// Kept, without effect (spec/engine.md §5).
    pub export_missing_references: bool,
}

impl AttributeMapping {
    /// Whether the row is used to match.
    pub fn is_matching(&self) -> bool {
        self.matching_priority > 0
    }
}

/// The value of a row (spec/synchronization-schema.md §6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSource {
    /// The whole expression: as written, or built from the tree when only that is there.
    pub expression: String,
    /// `type` as the document states it.
    pub kind: Option<SourceKind>,
}
