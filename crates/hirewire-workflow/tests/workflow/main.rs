//! The crate's one integration test binary.

mod cases;
mod fuzz;
mod host;
mod kill;
mod triggers;
mod vectors;
