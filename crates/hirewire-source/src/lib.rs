//! Reads rows and records from files and notices what changed.
