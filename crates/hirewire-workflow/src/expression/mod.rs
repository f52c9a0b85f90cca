//! The expression language of workflow definitions: templates, functions, conversions (`spec/workflows.md` §4, §5).
//!
//! A [`Template`] is parsed once and evaluated many times against a [`Scope`]; evaluation borrows from the scope.

mod ast;
mod collate;
mod culture;
mod date;
mod date_format;
mod date_parse;
mod error;
mod evaluate;
mod functions;
mod json_reader;
mod number_format;
mod parse;
mod program;
mod template;
mod value;
mod xml;
mod zone;

pub use ast::{Expression, Reference};
pub use date::{DateTime, Kind};
pub use error::{ErrorKind, ExpressionError};
pub use evaluate::{BUDGET, Evaluator, Scope};
pub(crate) use functions::apply;
pub(crate) use functions::data::{percent_decode, percent_encode};
pub use functions::{ALL as FUNCTIONS, Function};
pub use json_reader::read_json;
pub use parse::{MAX_DEPTH, MAX_LENGTH};
pub use program::JsonProgram;
pub use template::{MAX_TEMPLATE_DEPTH, Name, Part, Template};
pub use value::{MAX_TEXT, Value, decode_text, envelope, make_envelope, member, same_name};
pub use zone::find as time_zone;
