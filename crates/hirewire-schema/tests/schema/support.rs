//! Samples and small documents.
use std::fs;
use std::path::Path;

use hirewire_schema::Document;
use serde_json::Value;

pub(crate) const SAMPLES: [&str; 3] = ["inbound-to-entra", "inbound-to-ad", "inbound-custom"];

pub(crate) fn sample_bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../samples/schema/{name}.json"));
    fs::read(path).expect("the samples are in the repository")
}

pub(crate) fn sample(name: &str) -> Document {
    Document::parse(&sample_bytes(name)).expect("a schema document")
}

/// A document with one thing changed.
pub(crate) fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Document {
    let mut value: Value = serde_json::from_slice(&sample_bytes(name)).expect("JSON");
    change(&mut value);
    Document::parse(value.to_string().as_bytes()).expect("a schema document")
}
