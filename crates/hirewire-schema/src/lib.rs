//! The `synchronizationSchema` model: directories, attributes, mappings, scoping filters; imports and exports Entra's JSON without loss.
pub mod check;
pub mod document;
pub mod edit;
pub mod finding;
pub mod json;
pub mod model;
pub mod operator;
mod read;
pub mod template;

pub use check::{check, has_errors};
pub use document::{Document, DocumentError};
pub use finding::{Finding, Severity};
pub use model::{
    AccountState, AttributeDefinition, AttributeMapping, AttributeType, Directory, FilterClause, FilterGroup,
    FlowBehavior, FlowType, FlowTypes, MappingIndex, MappingSource, Metadata, Mutability, ObjectDefinition,
    ObjectMapping, Schema, Scope, SynchronizationRule,
};
pub use operator::Operator;
pub use template::{TEMPLATES, Template};
