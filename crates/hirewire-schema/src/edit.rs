//! Edits that change what is edited and nothing else.
use hirewire_expression::{Expression, SourceKind, SourceTree};

use crate::document::{Document, DocumentError};
use crate::json::{Node, Object, Path};
use crate::model::{AttributeDefinition, AttributeMapping, FilterClause, FilterGroup, MappingIndex, Scope};

impl Document {
    /// Sets the opaque version text, as every save does.
    pub fn set_version(&mut self, version: &str) {
        if let Node::Object(object) = &mut self.root {
            object.set("version", Node::text(version));
        }
    }

    /// Adds a row, or changes the row of the same target attribute: only members that differ are written, and
    /// `source` gets both its expression and its tree. Fails when the expression cannot be parsed.
    pub fn set_attribute_mapping(
        &mut self,
        at: MappingIndex,
        row: &AttributeMapping,
    ) -> Result<(), DocumentError> {
        let source = match &row.source {
            None => Node::Null,
            Some(source) => source_node(&source.expression).map_err(|error| DocumentError::Expression {
                target: row.target_attribute_name.clone(),
                error,
            })?,
        };
        let before = self.row(at, &row.target_attribute_name);
        let rows = self.rows(at)?;
        let place =
            rows.iter_mut().find(|node| is_named(node, "targetAttributeName", &row.target_attribute_name));
        match (place, before) {
            (Some(Node::Object(object)), Some(before)) => change_row(object, &before, row, source),
            _ => rows.push(new_row(row, source)),
        }
        Ok(())
    }

    /// Removes the rows of a target attribute.
    pub fn remove_attribute_mapping(&mut self, at: MappingIndex, target: &str) -> Result<(), DocumentError> {
        let rows = self.rows(at)?;
        let before = rows.len();
        rows.retain(|node| !is_named(node, "targetAttributeName", target));
        if rows.len() == before {
            let path = at.path().member("attributeMappings").member(target);
            return Err(DocumentError::Missing { path });
        }
        Ok(())
    }

    /// Sets who takes part. An empty scope over an absent or empty one changes nothing.
    pub fn set_scope(&mut self, at: MappingIndex, scope: &Scope) -> Result<(), DocumentError> {
        let before = self.schema().rules.get(at.rule).and_then(|rule| {
            rule.object_mappings.get(at.object_mapping).map(|mapping| mapping.scope.clone())
        });
        if before.as_ref() == Some(scope) {
            return Ok(());
        }
        let Node::Object(mapping) = self.mapping(at)? else {
            return Err(DocumentError::Missing { path: at.path() });
        };
        let groups = |groups: &[FilterGroup]| Node::List(groups.iter().map(group_node).collect());
        let mut node = match mapping.get("scope") {
            Some(Node::Object(scope)) => scope.clone(),
            _ => Object::new(),
        };
        for (name, list) in scope.lists() {
            node.set(name, groups(list));
        }
        mapping.set("scope", Node::Object(node));
        Ok(())
    }

    /// Adds an attribute to an object of a directory, marked as defined by the customer.
    pub fn add_attribute(
        &mut self,
        directory: &str,
        object: &str,
        attribute: &AttributeDefinition,
    ) -> Result<(), DocumentError> {
        let root = Path::root().member("directories");
        let directories = self.root.list_mut("directories");
        let found =
            directories.and_then(|list| list.iter_mut().find(|node| is_named(node, "name", directory)));
        let Some(found) = found else {
            return Err(DocumentError::Missing { path: root.member(directory) });
        };
        let path = root.member(directory).member("objects").member(object);
        let found = found
            .list_mut("objects")
            .and_then(|list| list.iter_mut().find(|node| is_named(node, "name", object)));
        let Some(Node::Object(found)) = found else { return Err(DocumentError::Missing { path }) };
        let attributes = list_member(found, "attributes")
            .ok_or_else(|| DocumentError::Missing { path: path.member("attributes") })?;
        if attributes.iter().any(|node| is_named(node, "name", &attribute.name)) {
            return Err(DocumentError::Exists { path, name: attribute.name.clone() });
        }
        attributes.push(attribute_node(attribute));
        Ok(())
    }

    /// Takes over the rules and directories of another job's document: directories are matched by name and keep
    /// this document's ids (spec/synchronization-schema.md §10).
    pub fn adopt(&mut self, other: &Document) {
        let ids: Vec<(String, Node)> = self
            .root
            .list("directories")
            .unwrap_or_default()
            .iter()
            .filter_map(|node| Some((node.get("name")?.as_str()?.to_owned(), node.get("id")?.clone())))
            .collect();
        let Node::Object(root) = &mut self.root else { return };
        for member in ["synchronizationRules", "directories"] {
            if let Some(value) = other.root.get(member) {
                root.set(member, value.clone());
            }
        }
        for directory in self.root.list_mut("directories").into_iter().flatten() {
            let name = directory.get("name").and_then(Node::as_str).map(str::to_owned);
            let id = ids.iter().find(|(known, _)| Some(known) == name.as_ref());
            if let (Node::Object(object), Some((_, id))) = (directory, id) {
                object.set("id", id.clone());
            }
        }
    }

    fn mapping(&mut self, at: MappingIndex) -> Result<&mut Node, DocumentError> {
        self.root
            .list_mut("synchronizationRules")
            .and_then(|rules| rules.get_mut(at.rule))
            .and_then(|rule| rule.list_mut("objectMappings"))
            .and_then(|mappings| mappings.get_mut(at.object_mapping))
            .ok_or_else(|| DocumentError::Missing { path: at.path() })
    }

    fn rows(&mut self, at: MappingIndex) -> Result<&mut Vec<Node>, DocumentError> {
        let missing = || DocumentError::Missing { path: at.path().member("attributeMappings") };
        match self.mapping(at)? {
            Node::Object(mapping) => list_member(mapping, "attributeMappings").ok_or_else(missing),
            _ => Err(missing()),
        }
    }

    /// The row as it is read now.
    fn row(&self, at: MappingIndex, target: &str) -> Option<AttributeMapping> {
        let schema = self.schema();
        schema.rules.get(at.rule)?.object_mappings.get(at.object_mapping)?.row(target).cloned()
    }
}

fn is_named(node: &Node, member: &str, name: &str) -> bool {
    node.get(member).and_then(Node::as_str) == Some(name)
}

/// The list in a member; made when the member is absent or null.
fn list_member<'o>(object: &'o mut Object, name: &str) -> Option<&'o mut Vec<Node>> {
    if matches!(object.get(name), None | Some(Node::Null)) {
        object.set(name, Node::List(Vec::new()));
    }
    match object.get_mut(name)? {
        Node::List(list) => Some(list),
        _ => None,
    }
}

fn change_row(object: &mut Object, before: &AttributeMapping, row: &AttributeMapping, source: Node) {
    let text = |row: &AttributeMapping| row.source.as_ref().map(|source| source.expression.clone());
    if before.default_value != row.default_value {
        object.set("defaultValue", Node::optional_text(row.default_value.as_deref()));
    }
    if before.export_missing_references != row.export_missing_references {
        object.set("exportMissingReferences", Node::Boolean(row.export_missing_references));
    }
    if before.flow_behavior != row.flow_behavior {
        object.set("flowBehavior", Node::text(row.flow_behavior.name()));
    }
    if before.flow_type != row.flow_type {
        object.set("flowType", Node::text(row.flow_type.name()));
    }
    if before.matching_priority != row.matching_priority {
        object.set("matchingPriority", Node::Number(row.matching_priority.to_string().into()));
    }
    if text(before) != text(row) {
        object.set("source", source);
    }
    if before.flow_null_values != row.flow_null_values {
        object.set("flowNullValues", Node::Boolean(row.flow_null_values));
    }
}

/// A row in Entra's export order.
fn new_row(row: &AttributeMapping, source: Node) -> Node {
    let mut object = Object::new()
        .with("defaultValue", Node::optional_text(row.default_value.as_deref()))
        .with("exportMissingReferences", Node::Boolean(row.export_missing_references))
        .with("flowBehavior", Node::text(row.flow_behavior.name()))
        .with("flowType", Node::text(row.flow_type.name()))
        .with("matchingPriority", Node::Number(row.matching_priority.to_string().into()))
        .with("targetAttributeName", Node::text(&row.target_attribute_name))
        .with("source", source);
    if row.flow_null_values {
        object.set("flowNullValues", Node::Boolean(true));
    }
    Node::Object(object)
}

/// `source` of an expression: text and tree (spec/synchronization-schema.md §6.4).
pub fn source_node(expression: &str) -> Result<Node, hirewire_expression::ParseError> {
    Expression::parse(expression).map(|expression| tree_node(&expression.to_tree()))
}

fn tree_node(tree: &SourceTree) -> Node {
    let kind = match tree.kind {
        SourceKind::Attribute => "Attribute",
        SourceKind::Constant => "Constant",
        SourceKind::Function => "Function",
    };
    let parameters = tree.parameters.iter().map(|parameter| {
        let value = tree_node(&parameter.value);
        Node::Object(Object::new().with("key", Node::text(&parameter.key)).with("value", value))
    });
    Node::Object(
        Object::new()
            .with("expression", Node::optional_text(tree.expression.as_deref()))
            .with("name", Node::optional_text(tree.name.as_deref()))
            .with("type", Node::text(kind))
            .with("parameters", Node::List(parameters.collect())),
    )
}

fn group_node(group: &FilterGroup) -> Node {
    let clauses = Node::List(group.clauses.iter().map(clause_node).collect());
    Node::Object(
        Object::new().with("clauses", clauses).with("name", Node::optional_text(group.name.as_deref())),
    )
}

fn clause_node(clause: &FilterClause) -> Node {
    let operand = if clause.values.is_empty() {
        Node::Null
    } else {
        let values = clause.values.iter().map(|value| Node::text(value)).collect();
        Node::Object(Object::new().with("values", Node::List(values)))
    };
    Node::Object(
        Object::new()
            .with("operatorName", Node::text(&clause.operator_name))
            .with("sourceOperandName", Node::text(&clause.source_operand_name))
            .with("targetOperand", operand),
    )
}

/// An attribute in Entra's export order.
fn attribute_node(attribute: &AttributeDefinition) -> Node {
    let mut metadata = attribute.metadata.0.clone();
    if attribute.metadata.get("IsCustomerDefined").is_none() {
        metadata.push(("IsCustomerDefined".to_owned(), "True".to_owned()));
    }
    let pair = |(key, value): &(String, String)| {
        Node::Object(Object::new().with("key", Node::text(key)).with("value", Node::text(value)))
    };
    let referenced = attribute.referenced_objects.iter().map(|referenced| {
        Node::Object(
            Object::new()
                .with("referencedObjectName", Node::text(&referenced.referenced_object_name))
                .with("referencedProperty", Node::optional_text(referenced.referenced_property.as_deref())),
        )
    });
    Node::Object(
        Object::new()
            .with("anchor", Node::Boolean(attribute.anchor))
            .with("caseExact", Node::Boolean(attribute.case_exact))
            .with("defaultValue", Node::optional_text(attribute.default_value.as_deref()))
            .with("flowNullValues", Node::Boolean(attribute.flow_null_values))
            .with("multivalued", Node::Boolean(attribute.multivalued))
            .with("mutability", Node::text(attribute.mutability.name()))
            .with("name", Node::text(&attribute.name))
            .with("required", Node::Boolean(attribute.required))
            .with("type", Node::text(attribute.kind.name()))
            .with("apiExpressions", Node::List(Vec::new()))
            .with("metadata", Node::List(metadata.iter().map(pair).collect()))
            .with("referencedObjects", Node::List(referenced.collect())),
    )
}
