//! Names in directories, and attributes that cannot be what they say.
use std::collections::HashSet;

use hirewire_scim::AttributePath;

use crate::finding::Finding;
use crate::json::Path;
use crate::model::{AttributeType, Directory, ObjectDefinition, Schema};

pub(super) fn check(schema: &Schema, findings: &mut Vec<Finding>) {
    let root = Path::root().member("directories");
    let mut names = HashSet::new();
    for (index, directory) in schema.directories.iter().enumerate() {
        let path = root.index(index);
        if !names.insert(&directory.name) {
            findings.push(twice("directory", &directory.name, &path));
        }
        let mut objects = HashSet::new();
        for (index, object) in directory.objects.iter().enumerate() {
            let path = path.member("objects").index(index);
            if !objects.insert(&object.name) {
                findings.push(twice("object", &object.name, &path));
            }
            attributes(schema, directory, object, &path.member("attributes"), findings);
        }
    }
}

fn twice(what: &str, name: &str, path: &Path) -> Finding {
    Finding::error(
        "name-twice",
        path.as_str(),
        format!("a second {what} is named `{name}`; the first one counts"),
    )
}

fn attributes(
    schema: &Schema,
    directory: &Directory,
    object: &ObjectDefinition,
    path: &Path,
    findings: &mut Vec<Finding>,
) {
    let is_source = schema.rules.iter().any(|rule| rule.source_directory_name == directory.name);
    let mut names = HashSet::new();
    for (index, attribute) in object.attributes.iter().enumerate() {
        let path = path.index(index);
        let name = attribute.name.as_str();
        if !names.insert(name) {
            findings.push(twice("attribute", name, &path));
        }
        if is_source && let Err(error) = AttributePath::parse(name) {
            let message = format!("{error}; the name is read as one member of that name");
            findings.push(Finding::warning("attribute-path", path.as_str(), message).with_help(error.help()));
        }
        if attribute.kind != AttributeType::Reference {
            continue;
        }
        for referenced in &attribute.referenced_objects {
            let wanted = &referenced.referenced_object_name;
            if directory.object(wanted).is_none() {
                let message = format!("`{name}` refers to `{wanted}`, which is no object of this directory");
                findings.push(Finding::warning(
                    "unknown-object",
                    path.member("referencedObjects").as_str(),
                    message,
                ));
            }
        }
    }
}
