//! The crate's one integration test binary.

mod cases;
mod vectors;
