//! The file source against whole exports.

mod exports;
mod rows;
mod samples;
mod unseen;
