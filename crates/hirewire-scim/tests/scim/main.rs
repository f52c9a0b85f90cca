//! The sample requests in both modes, attribute paths, written records, filters, and that no bytes cause a panic.
mod bulk;
mod filters;
mod paths;
mod properties;
mod records;
mod support;
