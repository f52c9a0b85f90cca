//! Typed read access to a schema document, compiled once.
//!
//! The vectors keep the document's order and length, so that an index here is the index in the JSON.
mod directory;
mod enumeration;
mod mapping;
mod scope;

pub use directory::{
    AccountState, AttributeDefinition, Directory, Metadata, ObjectDefinition, ReferencedObject,
};
pub use enumeration::{AttributeType, FlowBehavior, FlowType, FlowTypes, Mutability};
pub use mapping::{AttributeMapping, MappingSource, ObjectMapping, SynchronizationRule};
pub use scope::{FilterClause, FilterGroup, Scope};

use crate::finding::Finding;
use crate::json::Path;

/// A `synchronizationSchema` (spec/synchronization-schema.md §2).
///
/// ```
/// use hirewire_schema::Document;
///
/// let document = Document::parse(include_bytes!("../../../samples/schema/inbound-to-entra.json"))?;
/// let schema = document.schema();
/// let rule = &schema.rules[0];
/// let mapping = &rule.object_mappings[0];
/// let (source, target) = schema.objects(rule, mapping);
/// assert_eq!(mapping.matching_rows().next().map(|row| row.target_attribute_name.as_str()), Some("employeeId"));
/// assert_eq!(target.and_then(|target| target.account_state()).map(|state| state.attribute), Some("accountEnabled"));
/// assert!(source.is_some_and(|source| source.attribute("externalId").is_some()));
/// # Ok::<(), hirewire_schema::DocumentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schema {
    /// The document's id.
    pub id: Option<String>,
    /// Opaque text that changes with every save.
    pub version: Option<String>,
    /// Every system that takes part, the source first by convention.
    pub directories: Vec<Directory>,
    /// What flows between directories, in the order of the document; see [`rules_by_priority`](Self::rules_by_priority).
    pub rules: Vec<SynchronizationRule>,
    /// What was odd on reading: unknown members and enumeration texts, members of a wrong type, `source` trees
    /// that disagree with their expression.
    pub notes: Vec<Finding>,
}

/// Where an object mapping stands in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MappingIndex {
    /// Index in `synchronizationRules`.
    pub rule: usize,
    /// Index in the rule's `objectMappings`.
    pub object_mapping: usize,
}

impl MappingIndex {
    /// JSON path of the object mapping.
    pub fn path(self) -> Path {
        self.rule_path().member("objectMappings").index(self.object_mapping)
    }

    /// JSON path of the rule.
    pub fn rule_path(self) -> Path {
        Path::root().member("synchronizationRules").index(self.rule)
    }

    /// JSON path of an attribute mapping below.
    pub fn attribute_mapping_path(self, index: usize) -> Path {
        self.path().member("attributeMappings").index(index)
    }
}

impl Schema {
    /// The directory of this name.
    pub fn directory(&self, name: &str) -> Option<&Directory> {
        self.directories.iter().find(|directory| directory.name == name)
    }

    /// The rules, lower priority number first, equal ones in the document's order.
    pub fn rules_by_priority(&self) -> Vec<&SynchronizationRule> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    /// Every object mapping with its rule and place, rules by priority.
    pub fn mappings(&self) -> Vec<(MappingIndex, &SynchronizationRule, &ObjectMapping)> {
        let mut all: Vec<_> = self
            .rules
            .iter()
            .enumerate()
            .flat_map(|(index, rule)| {
                rule.object_mappings.iter().enumerate().map(move |(object_mapping, mapping)| {
                    (MappingIndex { rule: index, object_mapping }, rule, mapping)
                })
            })
            .collect();
        all.sort_by_key(|(_, rule, _)| rule.priority);
        all
    }

    /// The first enabled object mapping: what an inbound job of one rule runs on.
    pub fn main_mapping(&self) -> Option<(MappingIndex, &SynchronizationRule, &ObjectMapping)> {
        self.mappings().into_iter().find(|(_, _, mapping)| mapping.enabled)
    }

    /// Source and target object of a mapping, by the names in the document.
    pub fn objects(
        &self,
        rule: &SynchronizationRule,
        mapping: &ObjectMapping,
    ) -> (Option<&ObjectDefinition>, Option<&ObjectDefinition>) {
        let object = |directory: &str, name: &str| {
            self.directory(directory).and_then(|directory| directory.object(name))
        };
        (
            object(&rule.source_directory_name, &mapping.source_object_name),
            object(&rule.target_directory_name, &mapping.target_object_name),
        )
    }
}
