//! Attribute mappings.
use std::collections::HashMap;

use hirewire_expression::{
    AttributeKind, Context, Expression, Severity as ExpressionSeverity, SourceAttribute, TargetUse,
    line_column,
};

use super::{Checker, did_you_mean, nearest};
use crate::json::Path;
use crate::model::{
    AttributeDefinition, AttributeMapping, AttributeType, FlowType, Mutability, ObjectDefinition,
};

impl Checker<'_, '_> {
    pub(super) fn rows(&mut self, source: Option<&ObjectDefinition>, target: Option<&ObjectDefinition>) {
        let known: Option<Vec<SourceAttribute<'_>>> = source.map(|source| {
            source
                .attributes
                .iter()
                .map(|attribute| SourceAttribute {
                    name: attribute.name.as_str().into(),
                    kind: kind(attribute.kind),
                    multivalued: attribute.multivalued,
                })
                .collect()
        });
        let mapping = self.mapping;
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (index, row) in mapping.attribute_mappings.iter().enumerate() {
            let path = self.at.attribute_mapping_path(index);
            let name = row.target_attribute_name.as_str();
            if let Some(other) = first.insert(name, index) {
                let message =
                    format!("`{name}` already has a row ({})", self.at.attribute_mapping_path(other));
                self.error("target-twice", &path, message, Some("remove one of the two rows".to_owned()));
            }
            let attribute = target.and_then(|target| self.target_attribute(target, row, &path));
            match &row.source {
                None => self.none_row(row, &path),
                Some(_) => self.expression(row, source, known.as_deref(), attribute, &path),
            }
        }
    }

    fn target_attribute<'o>(
        &mut self,
        target: &'o ObjectDefinition,
        row: &AttributeMapping,
        path: &Path,
    ) -> Option<&'o AttributeDefinition> {
        let name = row.target_attribute_name.as_str();
        let Some(attribute) = target.attribute(name) else {
            let known = target.attributes.iter().map(|attribute| attribute.name.as_str());
            let help = did_you_mean(nearest(name, known))
                .or_else(|| Some("add it to the target's attributes first".to_owned()));
            let path = path.member("targetAttributeName");
            self.error("unknown-attribute", &path, format!("the target has no attribute `{name}`"), help);
            return None;
        };
        if attribute.mutability == Mutability::ReadOnly {
            let message = format!("`{name}` is read-only in the target, so the row never flows");
            self.error("read-only-target", &path.member("targetAttributeName"), message, None);
        }
        if row.flow_type == FlowType::MultiValueAddOnly && !attribute.multivalued {
            let message =
                format!("`MultiValueAddOnly` is for multi-valued attributes; `{name}` has one value");
            self.warn("flow-type", &path.member("flowType"), message, None);
        }
        if row.is_matching() && attribute.multivalued {
            let message = format!("`{name}` is multi-valued and used to match");
            self.warn("matching-multivalued", &path.member("matchingPriority"), message, None);
        }
        self.null_flow(row, attribute, path);
        Some(attribute)
    }

    /// The portal's mapping type *None* (spec/engine.md §5).
    fn none_row(&mut self, row: &AttributeMapping, path: &Path) {
        let name = &row.target_attribute_name;
        let message = match row.default_value.as_deref().filter(|text| !text.is_empty()) {
            Some(_) => format!("`{name}` has no source; it only gets its default value where it is empty"),
            None => format!("`{name}` has neither source nor default value; the row does nothing"),
        };
        self.warn("none-row", path, message, None);
    }

    /// Null flow is for single-valued attributes that need not have a value (spec/engine.md §6).
    fn null_flow(&mut self, row: &AttributeMapping, attribute: &AttributeDefinition, path: &Path) {
        if !row.flow_null_values {
            return;
        }
        let why = match () {
            () if row.is_matching() => "is used to match",
            () if attribute.required => "is required",
            () if attribute.multivalued => "is multi-valued",
            () => return,
        };
        let message = format!("`{}` {why}, so nulls do not flow to it", attribute.name);
        self.warn("null-flow", &path.member("flowNullValues"), message, None);
    }

    fn expression(
        &mut self,
        row: &AttributeMapping,
        source: Option<&ObjectDefinition>,
        known: Option<&[SourceAttribute<'_>]>,
        target: Option<&AttributeDefinition>,
        path: &Path,
    ) {
        let text = row.source.as_ref().map_or("", |source| source.expression.as_str());
        // Without any text the reading has noted it already.
        if text.is_empty() {
            return;
        }
        let path = path.member("source");
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(error) => {
                let message = format!("{error} ({})", place(text, error.range().start));
                self.error("expression", &path, message, error.help());
                return;
            }
        };
        let target_use = TargetUse {
            matching: row.is_matching(),
            only_on_creation: row.flow_type == FlowType::ObjectAddOnly,
        };
        for finding in expression.check(&Context { attributes: known, target: Some(target_use) }) {
            let message = format!("{} ({})", finding.message, place(text, finding.at.start));
            match finding.severity {
                ExpressionSeverity::Error => self.error(finding.rule, &path, message, finding.help),
                ExpressionSeverity::Warning => self.warn(finding.rule, &path, message, finding.help),
            }
        }
        if row.is_matching() && expression.attributes().len() == 0 {
            let name = &row.target_attribute_name;
            let message = format!("`{name}` is used to match and has the same value for everybody");
            self.error("matching-constant", &path, message, None);
        }
        self.collision(&expression, &row.target_attribute_name, &path);
        if let Some(source) = source.filter(|_| row.flow_null_values) {
            self.null_gate(&expression, source, &path);
        }
        let Some(target) = target else { return };
        match (expression.as_attribute(), expression.as_constant()) {
            (Some(name), _) => {
                if let Some(source) = source.and_then(|source| source.attribute(name)) {
                    self.types(source, target, &path);
                }
            }
            (_, Some(constant)) => self.constant(constant, target, &path),
            (None, None) if target.kind == AttributeType::Reference => {
                let message =
                    format!("`{}` is a reference; only an attribute can be mapped to it", target.name);
                self.error("reference-expression", &path, message, None);
            }
            (None, None) => {}
        }
    }

    /// A name for signing in that is made of nothing which only one person has: two people of the same name get the
    /// same one, and the directory refuses the second (spec/expressions.md §6 SelectUniqueValue).
    fn collision(&mut self, expression: &Expression, target: &str, path: &Path) {
        let unique =
            ["userPrincipalName", "sAMAccountName"].iter().any(|name| name.eq_ignore_ascii_case(target));
        let told_apart = expression.selects_unique_value()
            || expression.is_random()
            || expression.attributes().any(identifies_a_person);
        if unique && !told_apart {
            let message =
                format!("two people may get the same `{target}`: nothing in it belongs to one person only");
            let help = "offer several values with `SelectUniqueValue`, or use `[userName]` or `[externalId]`";
            self.warn("possible-collision", path, message, Some(help.to_owned()));
        }
    }

    /// The second gate of null flow: every source attribute named must let nulls flow too (spec/engine.md §6).
    fn null_gate(&mut self, expression: &Expression, source: &ObjectDefinition, path: &Path) {
        let closed =
            |name: &&str| source.attribute(name).is_some_and(|attribute| !attribute.flow_null_values);
        if let Some(name) = expression.attributes().find(closed) {
            let message =
                format!("nulls do not flow, because the source attribute `{name}` does not let them");
            let help = format!("set `flowNullValues` on the source attribute `{name}` too");
            self.warn("null-flow", path, message, Some(help));
        }
    }

    /// A direct mapping between attributes of two types. Text fits everything that can be written as text; that
    /// dates come as text is usual (spec/inbound-api.md §13).
    fn types(&mut self, source: &AttributeDefinition, target: &AttributeDefinition, path: &Path) {
        use AttributeType::{Binary, Boolean, DateTime, Integer, Reference, String};
        let message = format!("`{}` is {}, `{}` is {}", source.name, source.kind, target.name, target.kind);
        match (source.kind, target.kind) {
            (a, b) if a == b => {}
            (String, DateTime) | (Boolean | Integer | DateTime, String) => {}
            (String, Boolean | Integer | Reference) | (Reference, String) => {
                self.warn("type-mismatch", path, message, Some("every value must be convertible".to_owned()));
            }
            (Binary | String, Binary | String) => {
                self.warn("type-mismatch", path, message, Some("values are Base64 text".to_owned()));
            }
            _ => self.error(
                "type-mismatch",
                path,
                message,
                Some("map another attribute or an expression".to_owned()),
            ),
        }
        if source.multivalued && !target.multivalued {
            let message = format!("`{}` may have several values, `{}` has one", source.name, target.name);
            let help = "pick one with `Item([…], 1)` or join them with `Join`".to_owned();
            self.warn("multivalued-source", path, message, Some(help));
        }
    }

    fn constant(&mut self, text: &str, target: &AttributeDefinition, path: &Path) {
        let fits = match target.kind {
            AttributeType::Boolean => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            AttributeType::Integer => text.trim().parse::<i64>().is_ok(),
            AttributeType::Reference => false,
            AttributeType::String | AttributeType::Binary | AttributeType::DateTime => true,
        };
        if !fits {
            let message = format!("the constant does not fit `{}`, which is {}", target.name, target.kind);
            self.error("type-mismatch", path, message, None);
        }
        if let Some(limit) = target.maximum_length().filter(|limit| text.chars().count() > *limit) {
            let message = format!("the constant is longer than the {limit} characters of `{}`", target.name);
            self.error("too-long", path, message, None);
        }
    }
}

/// Whether an attribute usually differs between any two people: keys, names for signing in, mail addresses.
fn identifies_a_person(name: &str) -> bool {
    const KEYS: [&str; 11] = [
        "id",
        "externalId",
        "userName",
        "userId",
        "userPrincipalName",
        "employeeNumber",
        "employeeId",
        "workerId",
        "personIdExternal",
        "mail",
        "email",
    ];
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    name.starts_with("emails") || KEYS.iter().any(|key| key.eq_ignore_ascii_case(last))
}

fn kind(kind: AttributeType) -> AttributeKind {
    match kind {
        AttributeType::String => AttributeKind::String,
        AttributeType::Integer => AttributeKind::Integer,
        AttributeType::Reference => AttributeKind::Reference,
        AttributeType::Binary => AttributeKind::Binary,
        AttributeType::Boolean => AttributeKind::Boolean,
        AttributeType::DateTime => AttributeKind::DateTime,
    }
}

/// A byte offset in an expression for people; most expressions have one line.
fn place(text: &str, offset: usize) -> String {
    match line_column(text, offset) {
        (1, column) => format!("at character {column}"),
        (line, column) => format!("at line {line}, character {column}"),
    }
}
