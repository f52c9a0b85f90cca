//! Standard wordings of steps (spec/inbound-api.md §8.5). Those of real records are kept short as the specification gives them;
//! the others are ours.
use hirewire_store::log::{LogEntry, LogStatus, LogStep, StepName};

use super::render::Systems;

/// A member of a step's details.
pub(super) fn detail<'s>(step: &'s LogStep, name: &str) -> Option<&'s str> {
    step.details.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// What a step without words of its own says.
pub(super) fn standard(entry: &LogEntry, systems: &Systems, step: &LogStep) -> String {
    let Systems { source, source_object: object, target, .. } = systems;
    let id = &entry.entry.source;
    let user = user_name(entry, step);
    let capital = capital(object);
    match step.name {
        StepName::EntryImportAdd => format!("Received {object} '{id}' change of type (Add) from {source}"),
        StepName::EntryImportUpdate => {
            format!("Received {object} '{id}' change of type (Update) from {source}")
        }
        StepName::EntryImportDelete => {
            format!("Received {object} '{id}' change of type (Delete) from {source}")
        }
        StepName::EntryImport => format!("Retrieved  '{user}' from {target}"),
        StepName::EntryImportObjectNotFound => format!("No {object} matching '{id}' was found in {target}"),
        StepName::EntrySynchronizationScoping => {
            format!("Determine if {object} in scope by evaluating against each scoping filter")
        }
        StepName::EntrySynchronizationAdd => format!(
            "{object} '{id}' will be created in {target} ({object} is active and assigned in {source}, but no matching {object} was found in {target})"
        ),
        StepName::EntrySynchronizationUpdate => {
            format!("{object} '{id}' will be updated in {target} (a matching {object} was found in {target})")
        }
        StepName::EntrySynchronizationDelete => format!("{object} '{id}' will be deleted in {target}"),
        StepName::EntrySynchronizationSkip => skip(entry, systems, step, user, &capital),
        StepName::EntrySynchronizationError => format!("{object} '{id}' could not be processed"),
        StepName::EntryExportAdd => export(step, &capital, user, target, "create", "created"),
        StepName::EntryExportUpdate => export(step, &capital, user, target, "update", "updated"),
        StepName::EntryExportUpdateSoftDelete => export(step, &capital, user, target, "disable", "disabled"),
        StepName::EntryExportDelete => export(step, &capital, user, target, "delete", "deleted"),
        StepName::EntryEscrow => format!("{capital} '{id}' will be tried again later"),
    }
}

fn export(step: &LogStep, object: &str, user: &str, target: &str, verb: &str, done: &str) -> String {
    match step.status {
        LogStatus::Failure => format!("Failed to {verb} {object} '{user}' in {target}"),
        _ => format!("{object} '{user}' was {done} in {target}"),
    }
}

fn skip(entry: &LogEntry, systems: &Systems, step: &LogStep, user: &str, capital: &str) -> String {
    let object = &systems.source_object;
    let id = &entry.entry.source;
    let property = detail(step, "PropertyName").unwrap_or("a required attribute");
    match detail(step, "SkipReason").unwrap_or_default() {
        "RedundantExport" => format!(
            "The state of the entry in both the source and target systems already match. No change to the {capital} '{id}' currently needs to be made."
        ),
        "NotEffectivelyEntitled" => format!(
            "The {object} '{id}' will be skipped. It does not satisfy the scoping filters that are configured for this job."
        ),
        "UnableToResolveReferenceAttributeValue" => {
            let reference =
                step.details.iter().map(|(name, _)| name.as_str()).find(|name| !RESERVED.contains(name));
            format!(
                "We were unable to assign {} as the {property} of {user}.",
                reference.unwrap_or("the referenced person")
            )
        }
        "AttributeValidationFailed" => {
            format!(
                "{object} '{id}' will be skipped because the value of the property {property} is missing or invalid."
            )
        }
        "" => format!("{object} '{id}' will be skipped."),
        reason => format!("{object} '{id}' will be skipped: {reason}."),
    }
}

/// Members of a skip's details that are no reference.
const RESERVED: [&str; 3] = ["PropertyName", "SkipReason", "ReportableIdentifier"];

/// How a person is called in descriptions: the userPrincipalName that the steps know, else the userName that came, else
/// the externalId.
fn user_name<'e>(entry: &'e LogEntry, step: &'e LogStep) -> &'e str {
    let steps = &entry.entry.detail.steps;
    let named =
        |name: &str| detail(step, name).or_else(|| steps.iter().find_map(|other| detail(other, name)));
    named("userPrincipalName").or_else(|| named("userName")).unwrap_or(&entry.entry.source)
}

fn capital(object: &str) -> String {
    let mut letters = object.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
