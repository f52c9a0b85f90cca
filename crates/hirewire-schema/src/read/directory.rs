//! Directories, objects, attributes.
use super::member::{At, Notes};
use crate::model::{
    AttributeDefinition, AttributeType, Directory, Mutability, ObjectDefinition, ReferencedObject,
};

const DIRECTORY: &[&str] =
    &["id", "name", "objects", "version", "discoverabilities", "discoveryDateTime", "readOnly", "metadata"];

const OBJECT: &[&str] = &["name", "attributes", "metadata", "supportedApis"];

const ATTRIBUTE: &[&str] = &[
    "anchor",
    "caseExact",
    "defaultValue",
    "flowNullValues",
    "multivalued",
    "mutability",
    "name",
    "required",
    "type",
    "apiExpressions",
    "metadata",
    "referencedObjects",
];

const DISCOVERABILITIES: &[&str] = &[
    "None",
    "AttributeNames",
    "AttributeDataTypes",
    "AttributeReadOnly",
    "ReferenceAttributes",
    "UnknownFutureValue",
];

pub(super) fn directory(at: &At<'_>, notes: &mut Notes) -> Directory {
    at.note_unknown(DIRECTORY, notes);
    Directory {
        id: at.optional_text("id", notes),
        name: at.required_text("name", notes),
        version: at.optional_text("version", notes),
        objects: at.each("objects", notes, object),
        discoverabilities: discoverabilities(at, notes),
        discovery_date_time: at.optional_text("discoveryDateTime", notes),
        read_only: at.boolean("readOnly", false, notes),
        metadata: at.metadata(notes),
    }
}

fn discoverabilities(at: &At<'_>, notes: &mut Notes) -> Vec<String> {
    let text = at.text("discoverabilities", notes);
    let words: Vec<String> =
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    for word in &words {
        if !DISCOVERABILITIES.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            let message = format!("`{word}` is no known discoverability");
            notes.warn("unknown-value", at.path.member("discoverabilities"), message);
        }
    }
    words
}

fn object(at: &At<'_>, notes: &mut Notes) -> ObjectDefinition {
    at.note_unknown(OBJECT, notes);
    let attributes = at.each("attributes", notes, attribute);
    let mut by_name = std::collections::HashMap::with_capacity(attributes.len());
    for (index, attribute) in attributes.iter().enumerate() {
        by_name.entry(attribute.name.clone()).or_insert(index);
    }
    ObjectDefinition {
        name: at.required_text("name", notes),
        attributes,
        metadata: at.metadata(notes),
        supported_apis: at.texts("supportedApis", notes),
        by_name,
    }
}

fn attribute(at: &At<'_>, notes: &mut Notes) -> AttributeDefinition {
    at.note_unknown(ATTRIBUTE, notes);
    AttributeDefinition {
        name: at.required_text("name", notes),
        kind: at.enumeration(
            "type",
            notes,
            AttributeType::parse,
            &names(AttributeType::ALL, AttributeType::name),
        ),
        anchor: at.boolean("anchor", false, notes),
        case_exact: at.boolean("caseExact", false, notes),
        default_value: at.optional_text("defaultValue", notes),
        flow_null_values: at.boolean("flowNullValues", false, notes),
        multivalued: at.boolean("multivalued", false, notes),
        mutability: at.enumeration(
            "mutability",
            notes,
            Mutability::parse,
            &names(Mutability::ALL, Mutability::name),
        ),
        required: at.boolean("required", false, notes),
        referenced_objects: at.each("referencedObjects", notes, referenced_object),
        metadata: at.metadata(notes),
    }
}

fn referenced_object(at: &At<'_>, notes: &mut Notes) -> ReferencedObject {
    at.note_unknown(&["referencedObjectName", "referencedProperty"], notes);
    ReferencedObject {
        referenced_object_name: at.text("referencedObjectName", notes),
        referenced_property: at.optional_text("referencedProperty", notes),
    }
}

pub(super) fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|value| name(*value)).collect()
}
