//! Scoping filters (spec/engine.md §3).
use hirewire_expression::pattern::Pattern;

use super::{Checker, did_you_mean, nearest};
use crate::json::Path;
use crate::model::{AttributeDefinition, AttributeType, FilterClause, ObjectDefinition};
use crate::operator::Operator;

impl Checker<'_, '_> {
    pub(super) fn scope(&mut self, source: Option<&ObjectDefinition>) {
        let scope = &self.mapping.scope;
        let root = self.at.path().member("scope");
        for (name, groups) in scope.lists() {
            for (index, group) in groups.iter().enumerate() {
                let path = root.member(name).index(index).member("clauses");
                for (index, clause) in group.clauses.iter().enumerate() {
                    self.clause(clause, source, &path.index(index));
                }
            }
        }
    }

    fn clause(&mut self, clause: &FilterClause, source: Option<&ObjectDefinition>, path: &Path) {
        let operator = self.operator(clause, path);
        let attribute = source.and_then(|source| self.operand(clause, source, path));
        let Some(operator) = operator else { return };
        if let Some(attribute) = attribute {
            self.operator_type(operator, clause, attribute, path);
        }
        self.values(operator, clause, attribute, &path.member("targetOperand"));
    }

    fn operator(&mut self, clause: &FilterClause, path: &Path) -> Option<Operator> {
        let operator = clause.operator();
        // That the name is missing has been noted on reading.
        if operator.is_none() && !clause.operator_name.is_empty() {
            let name = &clause.operator_name;
            let help = did_you_mean(nearest(name, Operator::ALL.into_iter().map(Operator::name)));
            let path = path.member("operatorName");
            self.error("unknown-operator", &path, format!("there is no operator `{name}`"), help);
        }
        operator
    }

    fn operand<'o>(
        &mut self,
        clause: &FilterClause,
        source: &'o ObjectDefinition,
        path: &Path,
    ) -> Option<&'o AttributeDefinition> {
        let name = clause.source_operand_name.as_str();
        if name.is_empty() {
            return None;
        }
        let path = path.member("sourceOperandName");
        let Some(attribute) = source.attribute(name) else {
            let known = source.attributes.iter().map(|attribute| attribute.name.as_str());
            let help = did_you_mean(nearest(name, known));
            self.error("unknown-attribute", &path, format!("the source has no attribute `{name}`"), help);
            return None;
        };
        if attribute.multivalued || attribute.kind == AttributeType::Reference {
            let what = if attribute.multivalued { "multi-valued" } else { "a reference" };
            self.error(
                "filter-attribute",
                &path,
                format!("`{name}` is {what} and cannot be in a scoping filter"),
                None,
            );
            return None;
        }
        if attribute.kind == AttributeType::DateTime {
            let message = format!("`{name}` is a date, which Entra does not allow in scoping filters");
            self.warn("filter-attribute", &path, message, None);
        } else if name == "userType" {
            let message = "`userType` is not allowed in scoping filters of Entra as source".to_owned();
            self.warn("filter-attribute", &path, message, None);
        }
        Some(attribute)
    }

    fn operator_type(
        &mut self,
        operator: Operator,
        clause: &FilterClause,
        attribute: &AttributeDefinition,
        path: &Path,
    ) {
        let types = operator.types();
        // Dates have their own warning; `EQUALS "True"` on a Boolean has been seen and works.
        let tolerated = attribute.kind == AttributeType::DateTime
            || (attribute.kind == AttributeType::Boolean
                && matches!(operator, Operator::Equals | Operator::NotEquals));
        if types.contains(&attribute.kind) || tolerated {
            return;
        }
        let names: Vec<_> = types.iter().map(|kind| kind.name()).collect();
        let message = format!(
            "`{}` works on {}; `{}` is {}",
            clause.operator_name,
            names.join(", "),
            attribute.name,
            attribute.kind
        );
        self.error("operator-type", &path.member("operatorName"), message, None);
    }

    fn values(
        &mut self,
        operator: Operator,
        clause: &FilterClause,
        attribute: Option<&AttributeDefinition>,
        path: &Path,
    ) {
        if operator.is_unary() {
            if !clause.values.is_empty() {
                let message = format!("`{}` takes no value; the values have no effect", clause.operator_name);
                self.warn("operand", path, message, None);
            }
            return;
        }
        if clause.values.is_empty() {
            self.error("operand", path, format!("`{}` needs a value", clause.operator_name), None);
        }
        let mut distinct = clause.values.clone();
        distinct.sort();
        distinct.dedup();
        if operator == Operator::Equals && distinct.len() > 1 {
            let message = "several values must all be equal, so the clause never holds".to_owned();
            let help = "make a filter group for each value, or use `REGEX MATCH`".to_owned();
            self.warn("operand", path, message, Some(help));
        }
        let is_integer = attribute.is_some_and(|attribute| attribute.kind == AttributeType::Integer);
        for (index, value) in clause.values.iter().enumerate() {
            let path = path.member("values").index(index);
            if operator.is_pattern() {
                self.pattern(value, &path);
            } else if operator.compares_integers() && value.trim().parse::<u64>().is_err() {
                let message = format!("`{value}` is no whole number of 0 or more, so the clause never holds");
                self.warn("operand", &path, message, None);
            } else if is_integer && value.trim().parse::<i64>().is_err() {
                let message = format!("`{value}` is no whole number, the attribute is Integer");
                self.warn("operand", &path, message, None);
            }
        }
    }

    fn pattern(&mut self, pattern: &str, path: &Path) {
        if let Err(error) = Pattern::new(pattern) {
            let help = error.help().map(str::to_owned);
            self.error("pattern", path, format!("not a regular expression: {error}"), help);
        }
    }
}
