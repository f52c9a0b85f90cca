//! Findings before the first write.
