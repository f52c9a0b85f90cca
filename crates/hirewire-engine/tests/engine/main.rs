//! The engine against the vectors, and properties that hold for every record.
mod cases;
mod idempotence;
mod vectors;
