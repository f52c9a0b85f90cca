//! House tools: tests, vectors, benchmarks.
fn main() {}
