//! What the directory says no to, in the engine's words (spec/engine.md §18).
use std::time::Duration;

use hirewire_engine::target::TargetError;

fn refused(code: &str, reason: String, attribute: &str) -> TargetError {
    TargetError::Refused { code: code.into(), reason, attribute: Some(attribute.into()) }
}

pub(super) fn missing(attribute: &str) -> TargetError {
    refused("MandatoryFieldsMissing", format!("A value for `{attribute}` is required."), attribute)
}

pub(super) fn read_only(attribute: &str) -> TargetError {
    refused("SchemaPropertyCanOnlyAcceptValue", format!("`{attribute}` is set by the directory."), attribute)
}

pub(super) fn wrong_type(attribute: &str, wanted: &str) -> TargetError {
    refused("SchemaPropertyCanOnlyAcceptValue", format!("`{attribute}` takes {wanted}."), attribute)
}

pub(super) fn name_taken(name: &str) -> TargetError {
    let reason =
        format!("Another object with the same value for property userPrincipalName already exists: {name}");
    refused("Conflict", reason, "userPrincipalName")
}

pub(super) fn unusable_name(name: &str, why: &str) -> TargetError {
    let reason = format!("The userPrincipalName value {name} is not usable: {why}.");
    refused("AzureActiveDirectoryInvalidUserPrincipalName", reason, "userPrincipalName")
}

pub(super) fn no_such_manager() -> TargetError {
    let reason = "The account to be linked as manager is not in the directory.".into();
    refused("UnprocessableEntity", reason, "manager")
}

pub(super) fn gone(anchor: &str) -> TargetError {
    TargetError::Gone { anchor: anchor.into() }
}

/// The database failed: nothing of the batch was written.
pub(super) fn unavailable(error: &dyn std::fmt::Display) -> TargetError {
    TargetError::Retry {
        code: "InternalError".into(),
        reason: format!("the embedded directory's database: {error}"),
        after: Some(Duration::from_secs(5)),
    }
}
