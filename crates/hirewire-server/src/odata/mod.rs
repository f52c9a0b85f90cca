//! The part of OData that Graph clients use: query options, `$filter`, `$orderby`, pages of a collection.
pub mod collection;
pub mod filter;
pub mod query;

pub use collection::{Collection, Page};
pub use filter::{Filter, FilterError, Literal, Operator, TextFunction};
pub use query::{Order, Query};
