//! The `synchronizationSchema` model: directories, attributes, mappings, scoping filters; imports and exports Entra's JSON without loss.
pub mod check;
pub mod diff;
pub mod document;
pub mod edit;
pub mod finding;
pub mod function;
pub mod json;
pub mod model;
pub mod operator;
mod read;
pub mod template;

pub use check::{check, has_errors};
pub use diff::{ChangeKind, Difference, diff};
pub use document::{Document, DocumentError};
pub use finding::{Finding, Severity};
pub use function::functions;
pub use model::{
    AccountState, AttributeDefinition, AttributeMapping, AttributeType, Directory, FilterClause, FilterGroup,
    FlowBehavior, FlowType, FlowTypes, MappingIndex, MappingSource, Metadata, Mutability, ObjectDefinition,
    ObjectMapping, Schema, Scope, SynchronizationRule,
};
pub use operator::{Operator, filter_operators};
pub use template::{TEMPLATES, Template};
