//! Bulk requests: reading them in strict and open mode, saying why one is refused, writing them.
//!
//! ```
//! use hirewire_scim::{Mode, OpenLimits, parse_bulk};
//!
//! let body = br#"{ "Operations": [{ "method": "POST", "data": { "externalId": 1001 } }] }"#;
//! let request = parse_bulk(body, &Mode::Open(OpenLimits::default()))?;
//! assert_eq!(request.operations[0].external_id, "1001");
//! assert_eq!(request.operations[0].data, r#"{ "externalId": 1001 }"#);
//!
//! let refusal = parse_bulk(body, &Mode::Strict).unwrap_err();
//! assert_eq!(refusal.documented_message(), "Invalid Data Format");
//! assert_eq!(refusal.message(), "Invalid Data Format: schemas is missing (and 1 more)");
//! # Ok::<(), hirewire_scim::Refusal>(())
//! ```
mod parse;
mod refusal;
mod write;

use serde::Serialize;

pub use parse::parse_bulk;
pub use refusal::{Code, Detail, Place, Refusal};
pub use write::BulkRequestWriter;

use crate::path::AttributePath;

/// Operations per request that the documentation allows.
pub const STRICT_MAXIMUM_OPERATIONS: usize = 50;

/// Levels of objects and lists in a request (spec/inbound-api.md §4.2).
pub const MAXIMUM_DEPTH: usize = 64;

/// How much a request may deviate from the documentation (spec/inbound-api.md §12).
#[derive(Debug, Clone)]
pub enum Mode {
    /// What the documentation demands, as a test double of Entra enforces it.
    Strict,
    /// What can be understood is accepted, with warnings.
    Open(OpenLimits),
}

/// Limits of open mode.
#[derive(Debug, Clone)]
pub struct OpenLimits {
    /// Operations per request.
    pub max_operations: usize,
    /// Source attribute of the job's matching row, which stands in for a missing `externalId`.
    pub key: Option<AttributePath>,
}

impl Default for OpenLimits {
    fn default() -> Self {
        Self { max_operations: 1_000, key: None }
    }
}

/// An accepted bulk request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRequest {
    /// The operations in the order of the request; never empty.
    pub operations: Vec<Operation>,
    /// What was tolerated, in the order of the request.
    pub warnings: Vec<Detail>,
}

/// One person of a bulk request. Every accepted operation is a `POST` to `/Users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Place in the request, from 0.
    pub index: usize,
    /// The sender's id, not necessarily unique; `operation-{index}` when open mode had to make one.
    pub bulk_id: String,
    /// The person's key: `externalId` as text, or the value of [`OpenLimits::key`].
    pub external_id: String,
    /// The record's JSON text as it was sent.
    pub data: String,
}
