//! Samples and names that several subjects need.
use std::path::{Path, PathBuf};

use hirewire_scim::{Mode, OpenLimits};

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/bulk")
}

pub(crate) fn open() -> Mode {
    Mode::Open(OpenLimits::default())
}
