//! The file source against whole exports.

mod samples;
