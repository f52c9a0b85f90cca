//! To come with its subject.
