//! Rules, object mappings, rows and scopes.
use super::{Differences, Place, pair};
use crate::json::Path;
use crate::model::{
    AttributeMapping, FilterClause, FilterGroup, MappingIndex, ObjectMapping, Scope, SynchronizationRule,
};

impl Differences {
    pub(super) fn rules(&mut self, old: &[SynchronizationRule], new: &[SynchronizationRule]) {
        let (pairs, left) = pair(old, new, |rule| rule.id.clone().unwrap_or_else(|| rule.name.clone()));
        let root = Path::root().member("synchronizationRules");
        for (index, before) in pairs {
            let path = root.index(index);
            match before {
                None => self.added(subject(&new[index]), path, None),
                Some(before) => self.rule(&old[before], &new[index], index, &path),
            }
        }
        for index in left {
            self.removed(subject(&old[index]), root.index(index), None);
        }
    }

    fn rule(&mut self, old: &SynchronizationRule, new: &SynchronizationRule, index: usize, path: &Path) {
        let name = subject(new);
        let list = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
        let mut property = |property, from: String, to: String| {
            self.property(&name, path, property, Some(from), Some(to));
        };
        property("name", old.name.clone(), new.name.clone());
        property("priority", old.priority.to_string(), new.priority.to_string());
        property("editable", old.editable.to_string(), new.editable.to_string());
        property("sourceDirectoryName", old.source_directory_name.clone(), new.source_directory_name.clone());
        property("targetDirectoryName", old.target_directory_name.clone(), new.target_directory_name.clone());
        let (from, to) = (list(&old.included_containers), list(&new.included_containers));
        self.property(&name, path, "containerFilter", from, to);
        let (from, to) = (list(&old.included_groups), list(&new.included_groups));
        self.property(&name, path, "groupFilter", from, to);
        self.property(&name, path, "metadata", old.metadata.to_line(), new.metadata.to_line());
        self.object_mappings(&old.object_mappings, &new.object_mappings, index);
    }

    fn object_mappings(&mut self, old: &[ObjectMapping], new: &[ObjectMapping], rule: usize) {
        let key = |mapping: &ObjectMapping| {
            let (source, target) = (&mapping.source_object_name, &mapping.target_object_name);
            format!("{}\u{0}{source}\u{0}{target}", mapping.name)
        };
        let (pairs, left) = pair(old, new, key);
        for (object_mapping, before) in pairs {
            let at = MappingIndex { rule, object_mapping };
            let mapping = &new[object_mapping];
            match before {
                None => self.added(title(mapping), at.path(), None),
                Some(before) => {
                    let within =
                        if new.len() > 1 { format!(" in {}", title(mapping)) } else { String::new() };
                    self.object_mapping(&old[before], mapping, Place { at, within: &within });
                }
            }
        }
        for object_mapping in left {
            self.removed(title(&old[object_mapping]), MappingIndex { rule, object_mapping }.path(), None);
        }
    }

    fn object_mapping(&mut self, old: &ObjectMapping, new: &ObjectMapping, place: Place<'_>) {
        let (name, path) = (title(new), place.at.path());
        let (from, to) = (old.enabled.to_string(), new.enabled.to_string());
        self.property(&name, &path, "enabled", Some(from), Some(to));
        let (from, to) = (old.flow_types.to_string(), new.flow_types.to_string());
        self.property(&name, &path, "flowTypes", Some(from), Some(to));
        self.property(&name, &path, "metadata", old.metadata.to_line(), new.metadata.to_line());
        self.rows(&old.attribute_mappings, &new.attribute_mappings, place);
        self.scope(&old.scope, &new.scope, place);
    }

    fn rows(&mut self, old: &[AttributeMapping], new: &[AttributeMapping], place: Place<'_>) {
        let (pairs, left) = pair(old, new, |row| row.target_attribute_name.clone());
        let subject =
            |row: &AttributeMapping| format!("the mapping to {}{}", row.target_attribute_name, place.within);
        for (index, before) in pairs {
            let path = place.at.attribute_mapping_path(index);
            match before {
                None => self.added(subject(&new[index]), path, expression(&new[index])),
                Some(before) => self.row(&old[before], &new[index], &subject(&new[index]), &path),
            }
        }
        for index in left {
            let path = place.at.attribute_mapping_path(index);
            self.removed(subject(&old[index]), path, expression(&old[index]));
        }
    }

    fn row(&mut self, old: &AttributeMapping, new: &AttributeMapping, subject: &str, path: &Path) {
        let mut property = |name, from: Option<String>, to| self.property(subject, path, name, from, to);
        let priority = |row: &AttributeMapping| row.is_matching().then(|| row.matching_priority.to_string());
        property("expression", expression(old), expression(new));
        property("matchingPriority", priority(old), priority(new));
        property("flowType", Some(old.flow_type.to_string()), Some(new.flow_type.to_string()));
        property("flowBehavior", Some(old.flow_behavior.to_string()), Some(new.flow_behavior.to_string()));
        property("defaultValue", old.default_value.clone(), new.default_value.clone());
        let (from, to) = (old.flow_null_values.to_string(), new.flow_null_values.to_string());
        property("flowNullValues", Some(from), Some(to));
    }

    fn scope(&mut self, old: &Scope, new: &Scope, place: Place<'_>) {
        let root = place.at.path().member("scope");
        for ((name, old), (_, new)) in old.lists().into_iter().zip(new.lists()) {
            let path = root.member(name);
            let (pairs, left) = pair(old, new, group);
            let subject = |group: &FilterGroup| match &group.name {
                Some(title) => format!("the scoping filter “{title}”{}", place.within),
                None => format!("a scoping filter{}", place.within),
            };
            for (index, before) in pairs {
                if before.is_none() {
                    self.added(subject(&new[index]), path.index(index), Some(clauses(&new[index])));
                }
            }
            for index in left {
                self.removed(subject(&old[index]), path.index(index), Some(clauses(&old[index])));
            }
        }
    }
}

fn subject(rule: &SynchronizationRule) -> String {
    format!("rule {}", rule.name)
}

fn title(mapping: &ObjectMapping) -> String {
    match mapping.name.as_str() {
        "" => format!("the object mapping {} to {}", mapping.source_object_name, mapping.target_object_name),
        name => format!("the object mapping “{name}”"),
    }
}

fn expression(row: &AttributeMapping) -> Option<String> {
    row.source.as_ref().map(|source| source.expression.clone())
}

/// A group by all it says: groups are not edited, one goes and another comes.
fn group(group: &FilterGroup) -> String {
    format!("{}\u{0}{}", group.name.as_deref().unwrap_or_default(), clauses(group))
}

fn clauses(group: &FilterGroup) -> String {
    let clauses: Vec<String> = group.clauses.iter().map(clause).collect();
    if clauses.is_empty() { "everybody".to_owned() } else { clauses.join(" AND ") }
}

fn clause(clause: &FilterClause) -> String {
    let mut text = format!("{} {}", clause.source_operand_name, clause.operator_name);
    for (index, value) in clause.values.iter().enumerate() {
        text.push_str(if index == 0 { " “" } else { ", “" });
        text.push_str(value);
        text.push('”');
    }
    text
}
