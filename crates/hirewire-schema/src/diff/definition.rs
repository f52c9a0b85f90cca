//! Directories, objects, attributes.
use super::{Differences, pair};
use crate::json::Path;
use crate::model::{AttributeDefinition, Directory, ObjectDefinition};

impl Differences {
    pub(super) fn directories(&mut self, old: &[Directory], new: &[Directory]) {
        let (pairs, left) = pair(old, new, |directory| directory.name.clone());
        let root = Path::root().member("directories");
        for (index, before) in pairs {
            let path = root.index(index);
            let name = &new[index].name;
            match before {
                None => self.added(format!("directory {name}"), path, None),
                Some(before) => {
                    self.objects(&old[before].objects, &new[index].objects, name, &path.member("objects"));
                }
            }
        }
        for index in left {
            self.removed(format!("directory {}", old[index].name), root.index(index), None);
        }
    }

    fn objects(&mut self, old: &[ObjectDefinition], new: &[ObjectDefinition], directory: &str, root: &Path) {
        let (pairs, left) = pair(old, new, |object| object.name.clone());
        let subject = |object: &ObjectDefinition| format!("object {} of {directory}", object.name);
        for (index, before) in pairs {
            let path = root.index(index);
            match before {
                None => self.added(subject(&new[index]), path, None),
                Some(before) => {
                    let (old, new) = (&old[before], &new[index]);
                    self.property(
                        &subject(new),
                        &path,
                        "metadata",
                        old.metadata.to_line(),
                        new.metadata.to_line(),
                    );
                    self.attributes(&old.attributes, &new.attributes, directory, &path.member("attributes"));
                }
            }
        }
        for index in left {
            self.removed(subject(&old[index]), root.index(index), None);
        }
    }

    fn attributes(
        &mut self,
        old: &[AttributeDefinition],
        new: &[AttributeDefinition],
        directory: &str,
        root: &Path,
    ) {
        let (pairs, left) = pair(old, new, |attribute| attribute.name.clone());
        let subject =
            |attribute: &AttributeDefinition| format!("attribute {} of {directory}", attribute.name);
        for (index, before) in pairs {
            let path = root.index(index);
            match before {
                None => self.added(subject(&new[index]), path, Some(new[index].kind.to_string())),
                Some(before) => self.attribute(&old[before], &new[index], &subject(&new[index]), &path),
            }
        }
        for index in left {
            self.removed(subject(&old[index]), root.index(index), Some(old[index].kind.to_string()));
        }
    }

    fn attribute(
        &mut self,
        old: &AttributeDefinition,
        new: &AttributeDefinition,
        subject: &str,
        path: &Path,
    ) {
        let mut property =
            |name, from: String, to: String| self.property(subject, path, name, Some(from), Some(to));
        property("type", old.kind.to_string(), new.kind.to_string());
        property("mutability", old.mutability.to_string(), new.mutability.to_string());
        property("anchor", old.anchor.to_string(), new.anchor.to_string());
        property("caseExact", old.case_exact.to_string(), new.case_exact.to_string());
        property("multivalued", old.multivalued.to_string(), new.multivalued.to_string());
        property("required", old.required.to_string(), new.required.to_string());
        property("flowNullValues", old.flow_null_values.to_string(), new.flow_null_values.to_string());
        let referenced = |attribute: &AttributeDefinition| {
            let names =
                attribute.referenced_objects.iter().map(|referenced| &*referenced.referenced_object_name);
            Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
        };
        self.property(subject, path, "defaultValue", old.default_value.clone(), new.default_value.clone());
        self.property(subject, path, "referencedObjects", referenced(old), referenced(new));
        self.property(subject, path, "metadata", old.metadata.to_line(), new.metadata.to_line());
    }
}
