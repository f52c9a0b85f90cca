//! Functions on numbers and random values.

use super::{
    Certainty::Documented,
    Expected::{Error, Length, Text},
    Function, FunctionInfo,
    ParameterKind::{Any, Integer, String},
    example, optional, required,
};

pub(super) const FUNCTIONS: &[FunctionInfo] = &[
    FunctionInfo {
        name: "BitAnd",
        signature: "BitAnd(value1: Integer, value2: Integer) → Integer",
        parameters: &[required("value1", Integer), required("value2", Integer)],
        meaning: "The bits that both numbers have.",
        examples: &[
            example("BitAnd(&HF, &HF7)", &[], Text("7")),
            example("BitAnd([userAccountControl], 2)", &[("userAccountControl", &["514"])], Text("2")),
            example(r#"BitAnd("abc", 1)"#, &[], Error),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::BitAnd,
    },
    FunctionInfo {
        name: "CStr",
        signature: "CStr(value) → String",
        parameters: &[required("value", Any)],
        meaning: "The printed text of a value.",
        examples: &[
            example("CStr(42)", &[], Text("42")),
            example("CStr(IsPresent([a]))", &[("a", &["x"])], Text("True")),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::CStr,
    },
    FunctionInfo {
        name: "Guid",
        signature: "Guid() → String",
        parameters: &[],
        meaning: "A new random GUID in lower case with hyphens.",
        examples: &[example("Guid()", &[], Length(36))],
        certainty: Documented,
        source: "FREF",
        function: Function::Guid,
    },
    FunctionInfo {
        name: "RandomString",
        signature: "RandomString(Length, MinimumNumbers, MinimumSpecialCharacters, MinimumCapital, MinimumLowerCase, CharactersToAvoid?) → String",
        parameters: &[
            required("Length", Integer),
            required("MinimumNumbers", Integer),
            required("MinimumSpecialCharacters", Integer),
            required("MinimumCapital", Integer),
            required("MinimumLowerCase", Integer),
            optional("CharactersToAvoid", String),
        ],
        meaning: "A random text of exactly this length (at most 256) with at least the given number of each kind of character.",
        examples: &[
            example("RandomString(6, 3, 0, 0, 3)", &[], Length(6)),
            example("RandomString(3, 2, 2, 2, 1)", &[], Error),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::RandomString,
    },
];
