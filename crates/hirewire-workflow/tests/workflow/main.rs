//! The crate's one integration test binary.

mod cases;
mod fuzz;
mod kill;
mod vectors;
