//! SCIM 2.0 on the wire: users, extensions, bulk, paths, filters, errors.
pub mod bulk;
pub mod filter;
pub mod path;
pub mod record;
pub mod syntax;
pub mod urn;

pub use bulk::{BulkRequest, BulkRequestWriter, Mode, OpenLimits, Operation, Refusal, parse_bulk};
pub use filter::Filter;
pub use path::{AttributePath, Lookup, PathError};
pub use record::{RecordWriter, Slot};
