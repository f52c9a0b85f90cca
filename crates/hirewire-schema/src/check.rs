//! What is doubtful or wrong in a schema, before it runs (spec/engine.md §3.2, §5).
mod clause;
mod directory;
mod nearest;
mod row;

use std::collections::HashMap;

use nearest::{did_you_mean, nearest};

use crate::finding::{Finding, Severity};
use crate::json::Path;
use crate::model::{MappingIndex, ObjectDefinition, ObjectMapping, Schema, SynchronizationRule};

/// Every finding in the order of the document's parts: what was odd on reading, directories, rules.
///
/// A schema with errors must not run; warnings are shown and accepted. Disabled object mappings are checked too,
/// except for what only matters when they run.
pub fn check(schema: &Schema) -> Vec<Finding> {
    let mut findings = schema.notes.clone();
    directory::check(schema, &mut findings);
    let mappings = schema.rules.iter().map(|rule| rule.object_mappings.len()).sum::<usize>();
    if mappings == 0 {
        let message = "the schema has no object mapping, so nothing would flow";
        findings.push(Finding::error("no-mapping", "synchronizationRules", message));
    }
    for (rule_index, rule) in schema.rules.iter().enumerate() {
        for (object_mapping, mapping) in rule.object_mappings.iter().enumerate() {
            let at = MappingIndex { rule: rule_index, object_mapping };
            Checker { schema, rule, mapping, at, findings: &mut findings }.check();
        }
    }
    findings
}

/// Whether there is an error among the findings.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Checks one object mapping.
struct Checker<'s, 'f> {
    schema: &'s Schema,
    rule: &'s SynchronizationRule,
    mapping: &'s ObjectMapping,
    at: MappingIndex,
    findings: &'f mut Vec<Finding>,
}

impl<'s> Checker<'s, '_> {
    fn error(&mut self, rule: &'static str, path: &Path, message: String, help: Option<String>) {
        self.findings.push(Finding::error(rule, path.as_str(), message).with_help(help));
    }

    fn warn(&mut self, rule: &'static str, path: &Path, message: String, help: Option<String>) {
        self.findings.push(Finding::warning(rule, path.as_str(), message).with_help(help));
    }

    fn check(mut self) {
        let (rule, mapping) = (self.rule, self.mapping);
        let source = self.object(
            &rule.source_directory_name,
            "sourceDirectoryName",
            &mapping.source_object_name,
            "sourceObjectName",
        );
        let target = self.object(
            &rule.target_directory_name,
            "targetDirectoryName",
            &mapping.target_object_name,
            "targetObjectName",
        );
        self.scope(source);
        self.rows(source, target);
        if mapping.enabled {
            self.matching();
            if let Some(target) = target.filter(|_| mapping.flow_types.add) {
                self.required(target);
            }
        }
    }

    /// The object that the mapping names, with the members that hold the two names.
    fn object(
        &mut self,
        directory_name: &str,
        directory_member: &str,
        object_name: &str,
        object_member: &str,
    ) -> Option<&'s ObjectDefinition> {
        let schema = self.schema;
        let Some(directory) = schema.directory(directory_name) else {
            let known = schema.directories.iter().map(|directory| directory.name.as_str());
            let help = did_you_mean(nearest(directory_name, known));
            let path = self.at.rule_path().member(directory_member);
            self.error("unknown-directory", &path, format!("there is no directory `{directory_name}`"), help);
            return None;
        };
        let Some(object) = directory.object(object_name) else {
            let known = directory.objects.iter().map(|object| object.name.as_str());
            let help = did_you_mean(nearest(object_name, known));
            let path = self.at.path().member(object_member);
            let message = format!("directory `{directory_name}` has no object `{object_name}`");
            self.error("unknown-object", &path, message, help);
            return None;
        };
        let anchors = object.attributes.iter().filter(|attribute| attribute.anchor).count();
        if anchors != 1 {
            let path = self.at.path().member(object_member);
            let message = format!("object `{object_name}` has {anchors} anchor attributes, one is expected");
            let help = "set `anchor` on the unique, immutable key".to_owned();
            self.warn("anchor", &path, message, Some(help));
        }
        Some(object)
    }

    /// The rows used to match.
    fn matching(&mut self) {
        let path = self.at.path().member("attributeMappings");
        let mut first: HashMap<u32, &str> = HashMap::new();
        for (index, row) in self.mapping.attribute_mappings.iter().enumerate() {
            if !row.is_matching() {
                continue;
            }
            let row_path = path.index(index).member("matchingPriority");
            let name = row.target_attribute_name.as_str();
            if let Some(other) = first.insert(row.matching_priority, name) {
                let message = format!("`{name}` and `{other}` have the same matching precedence");
                self.warn("matching-priority", &row_path, message, Some("number them 1, 2, …".to_owned()));
            }
            if row.source.is_none() {
                let message = format!("`{name}` is used to match but has no source");
                self.error("matching-without-source", &row_path, message, None);
            }
        }
        if first.is_empty() {
            let message = "no attribute is used to match, so existing accounts would not be found".to_owned();
            let help = "set `matchingPriority` to 1 on the row of the key, such as employeeId".to_owned();
            self.error("no-matching-attribute", &path, message, Some(help));
        }
    }

    /// Attributes without which nothing can be created.
    fn required(&mut self, target: &ObjectDefinition) {
        let path = self.at.path().member("attributeMappings");
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        for attribute in target.attributes.iter().filter(|attribute| attribute.required) {
            let is_read_only = attribute.mutability == crate::model::Mutability::ReadOnly;
            if is_read_only || filled(&attribute.default_value) {
                continue;
            }
            let name = &attribute.name;
            match self.mapping.row(name) {
                Some(row) if row.source.is_some() || filled(&row.default_value) => {}
                _ => {
                    let message = format!("`{name}` is required in the target and gets no value");
                    self.error("required-attribute", &path, message, Some(format!("add a row for `{name}`")));
                }
            }
        }
    }
}
