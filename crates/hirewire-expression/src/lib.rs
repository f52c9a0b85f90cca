//! The mapping expression language: parse, check, evaluate, explain.
