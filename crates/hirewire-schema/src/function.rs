//! Graph's `functions` answer (spec/synchronization-schema.md §8), from the expression language's table.
use serde::Serialize;

/// `attributeMappingFunctionSchema`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionSchema {
    /// The function's name.
    pub name: &'static str,
    /// Its parameters in order, with the names that exports use.
    pub parameters: Vec<ParameterSchema>,
}

/// `attributeMappingParameterSchema`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParameterSchema {
    /// It may occur several times.
    pub allow_multiple_occurrences: bool,
    /// Its internal name.
    pub name: &'static str,
    /// It may not be omitted.
    pub required: bool,
    /// What it is read as.
    pub r#type: &'static str,
}

/// Every function of the language, in alphabetical order.
pub fn functions() -> Vec<FunctionSchema> {
    hirewire_expression::functions()
        .iter()
        .map(|function| FunctionSchema {
            name: function.name,
            parameters: function
                .parameters
                .iter()
                .map(|parameter| ParameterSchema {
                    allow_multiple_occurrences: parameter.repeating,
                    name: parameter.name,
                    required: parameter.required,
                    r#type: parameter.kind.name(),
                })
                .collect(),
        })
        .collect()
}
