//! The engine against the vectors, and properties that hold for every record.
mod batch;
mod cases;
mod idempotence;
mod vectors;
