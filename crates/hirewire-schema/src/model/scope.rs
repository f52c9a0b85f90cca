//! Scoping filters.
use crate::operator::Operator;

/// Who takes part in an object mapping (spec/synchronization-schema.md §7, spec/engine.md §3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Groups are joined by OR; a person that leaves is deprovisioned. Empty: everybody.
    pub groups: Vec<FilterGroup>,
    /// Who does not pass is dropped early and not deprovisioned.
    pub input_filter_groups: Vec<FilterGroup>,
    /// Whether this object mapping is the one for the object.
    pub category_filter_groups: Vec<FilterGroup>,
}

impl Scope {
    /// Whether there is no filter at all.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.input_filter_groups.is_empty()
            && self.category_filter_groups.is_empty()
    }

    /// The three lists with the names of their members.
    pub fn lists(&self) -> [(&'static str, &[FilterGroup]); 3] {
        [
            ("categoryFilterGroups", &self.category_filter_groups),
            ("groups", &self.groups),
            ("inputFilterGroups", &self.input_filter_groups),
        ]
    }
}

/// Clauses joined by AND. A group without clauses holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterGroup {
    /// For people.
    pub name: Option<String>,
    /// The clauses.
    pub clauses: Vec<FilterClause>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterClause {
    /// The operator's name as written.
    pub operator_name: String,
    /// The source attribute.
    pub source_operand_name: String,
    /// The values on the right; empty for unary operators.
    pub values: Vec<String>,
}

impl FilterClause {
    /// The operator; `None` when its name is not known.
    pub fn operator(&self) -> Option<Operator> {
        Operator::parse(&self.operator_name)
    }
}
