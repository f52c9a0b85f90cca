//! The functions of the reference, one table (`spec/workflows.md` §5).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::error::{ErrorKind, ExpressionError};
use super::evaluate::Evaluator;
use super::value::Value;

mod collection;
mod conversion;
pub(crate) mod data;
mod dates;
mod math;
mod text;
mod workflow;

pub(crate) type Outcome<'a> = Result<Value<'a>, ExpressionError>;
type Run = for<'a> fn(&Evaluator<'a>, &'static str, Vec<Value<'a>>) -> Outcome<'a>;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// The name in the reference's spelling; calls match it without regard to case.
    pub name: &'static str,
    /// The least number of arguments.
    pub min: usize,
    /// The greatest number of arguments.
    pub max: usize,
    pub(crate) run: Run,
}

const MANY: usize = usize::MAX;

const fn function(name: &'static str, min: usize, max: usize, run: Run) -> Function {
    Function { name, min, max, run }
}

/// Every function, in the order of the reference's families.
pub static ALL: &[Function] = &[
    function("concat", 1, MANY, text::concat),
    function("substring", 2, 3, text::substring),
    function("slice", 2, 3, text::slice),
    function("replace", 3, 3, text::replace),
    function("split", 2, 2, text::split),
    function("trim", 1, 1, text::trim),
    function("toLower", 1, 1, text::change_case),
    function("toUpper", 1, 1, text::change_case),
    function("indexOf", 2, 2, text::index_of),
    function("lastIndexOf", 2, 2, text::index_of),
    function("nthIndexOf", 3, 3, text::nth_index_of),
    function("startsWith", 2, 2, text::starts_or_ends),
    function("endsWith", 2, 2, text::starts_or_ends),
    function("guid", 0, 1, text::guid),
    function("formatNumber", 2, 3, math::format_number),
    function("isInt", 1, 1, conversion::is_int),
    function("isFloat", 1, 2, conversion::is_float),
    function("length", 1, 1, collection::length),
    function("chunk", 2, 2, collection::chunk),
    function("join", 2, 2, collection::join),
    function("contains", 2, 2, collection::contains),
    function("empty", 1, 1, collection::empty),
    function("first", 1, 1, collection::first_or_last),
    function("last", 1, 1, collection::first_or_last),
    function("skip", 2, 2, collection::skip_or_take),
    function("take", 2, 2, collection::skip_or_take),
    function("union", 2, MANY, collection::union),
    function("intersection", 2, MANY, collection::intersection),
    function("reverse", 1, 1, collection::reverse),
    function("sort", 1, 2, collection::sort),
    function("range", 2, 2, collection::range),
    function("createArray", 1, MANY, collection::create_array),
    function("array", 1, 1, collection::array),
    function("if", 3, 3, never),
    function("and", 1, MANY, never),
    function("or", 1, MANY, never),
    function("coalesce", 1, MANY, never),
    function("not", 1, 1, math::not),
    function("equals", 2, MANY, math::equals),
    function("greater", 2, 2, math::compare),
    function("greaterOrEquals", 2, 2, math::compare),
    function("less", 2, 2, math::compare),
    function("lessOrEquals", 2, 2, math::compare),
    function("string", 1, 1, conversion::string),
    function("int", 1, 1, conversion::int),
    function("float", 1, 2, conversion::float),
    function("decimal", 1, 1, conversion::decimal),
    function("bool", 1, 1, conversion::boolean),
    function("json", 1, 1, conversion::json),
    function("xml", 1, 1, conversion::xml),
    function("xpath", 2, 2, conversion::xpath),
    function("base64", 1, 1, data::base64),
    function("base64ToString", 1, 1, data::base64_to_string),
    function("decodeBase64", 1, 1, data::base64_to_string),
    function("base64ToBinary", 1, 1, data::base64_to_binary),
    function("binary", 1, 1, data::binary),
    function("dataUri", 1, 1, data::data_uri),
    function("dataUriToString", 1, 1, data::data_uri_to_string),
    function("decodeDataUri", 1, 1, data::data_uri_to_string),
    function("dataUriToBinary", 1, 1, data::data_uri_to_binary),
    function("uriComponent", 1, MANY, data::uri_component),
    function("encodeUriComponent", 1, MANY, data::uri_component),
    function("uriComponentToString", 1, 1, data::uri_component_to_string),
    function("decodeUriComponent", 1, 1, data::uri_component_to_string),
    function("uriComponentToBinary", 1, 1, data::uri_component_to_binary),
    function("uriHost", 1, 1, data::uri_part),
    function("uriPath", 1, 1, data::uri_part),
    function("uriPathAndQuery", 1, 1, data::uri_part),
    function("uriPort", 1, 1, data::uri_part),
    function("uriQuery", 1, 1, data::uri_part),
    function("uriScheme", 1, 1, data::uri_part),
    function("add", 2, 2, math::arithmetic),
    function("sub", 2, 2, math::arithmetic),
    function("mul", 2, 2, math::arithmetic),
    function("div", 2, 2, math::arithmetic),
    function("mod", 2, 2, math::arithmetic),
    function("min", 1, MANY, math::min_or_max),
    function("max", 1, MANY, math::min_or_max),
    function("rand", 2, 2, math::rand),
    function("setProperty", 3, 3, collection::set_property),
    function("addProperty", 3, 3, collection::add_property),
    function("removeProperty", 2, 2, collection::remove_property),
    function("utcNow", 0, 1, dates::utc_now),
    function("addDays", 2, 3, dates::add_fixed),
    function("addHours", 2, 3, dates::add_fixed),
    function("addMinutes", 2, 3, dates::add_fixed),
    function("addSeconds", 2, 3, dates::add_fixed),
    function("addToTime", 3, 4, dates::add_to_time),
    function("subtractFromTime", 3, 4, dates::add_to_time),
    function("getFutureTime", 2, 3, dates::from_now),
    function("getPastTime", 2, 3, dates::from_now),
    function("startOfDay", 1, 2, dates::start_of),
    function("startOfHour", 1, 2, dates::start_of),
    function("startOfMonth", 1, 2, dates::start_of),
    function("dayOfMonth", 1, 1, dates::day_of),
    function("dayOfWeek", 1, 1, dates::day_of),
    function("dayOfYear", 1, 1, dates::day_of),
    function("ticks", 1, 1, dates::day_of),
    function("formatDateTime", 1, 3, dates::format_date_time),
    function("parseDateTime", 1, 3, dates::parse_date_time),
    function("convertFromUtc", 2, 3, dates::convert_from_utc),
    function("convertToUtc", 2, 3, dates::convert_to_utc),
    function("convertTimeZone", 3, 4, dates::convert_time_zone),
    function("dateDifference", 2, 2, dates::date_difference),
    function("parameters", 1, 1, workflow::parameters),
    function("variables", 1, 1, workflow::variables),
    function("trigger", 0, 0, workflow::trigger),
    function("triggerOutputs", 0, 0, workflow::trigger_outputs),
    function("triggerBody", 0, 0, workflow::trigger_body),
    function("actions", 1, 1, workflow::actions),
    function("outputs", 1, 1, workflow::outputs),
    function("actionOutputs", 1, 1, workflow::outputs),
    function("body", 1, 1, workflow::body),
    function("actionBody", 1, 1, workflow::body),
    function("action", 0, 0, workflow::action),
    function("result", 1, 1, workflow::result),
    function("item", 0, 0, workflow::item),
    function("items", 1, 1, workflow::items),
    function("iterationIndexes", 1, 1, workflow::iteration_indexes),
    function("workflow", 0, 0, workflow::workflow),
    function("listCallbackUrl", 0, 0, workflow::list_callback_url),
    function("appsetting", 1, 1, workflow::app_setting),
    function("formDataValue", 2, 2, workflow::form_data),
    function("formDataMultiValues", 2, 2, workflow::form_data),
    function("multipartBody", 2, 2, workflow::multipart_body),
    function("triggerFormDataValue", 1, 1, workflow::form_data),
    function("triggerFormDataMultiValues", 1, 1, workflow::form_data),
    function("triggerMultipartBody", 1, 1, workflow::multipart_body),
];

/// Finds a function by name without regard to case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<HashMap<String, &'static Function>> =
        LazyLock::new(|| ALL.iter().map(|f| (f.name.to_ascii_lowercase(), f)).collect());
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

impl Function {
    /// The error for a wrong number of arguments, in the service's words where they are known.
    pub(crate) fn wrong_count(&self, count: usize) -> ExpressionError {
        let name = self.name;
        let invoked = format!("The function was invoked with '{count}' parameter(s).");
        let expected = match name {
            "createArray" => {
                let text = "The template language function 'createArray' expects a comma separated list of parameters. The function was invoked with no parameters.";
                return ExpressionError::new(ErrorKind::ArgCount, text);
            }
            "min" | "max" => {
                let text = format!("The template language function '{name}' expects either an array of numbers or a comma separated list of numbers as its parameters. The function was invoked with no parameters.");
                return ExpressionError::new(ErrorKind::ArgCount, text);
            }
            "add" => "two numeric parameters: the first summand as the first parameter and the seccond summand as the second parameter".into(),
            "if" => "three parameter: the condition to test as the first parameter, the value to return if the condition is true as the second parameter, and the value to return if the condition is false as the third parameter".into(),
            "coalesce" => "at least one parameter: the value to coalesce".into(),
            _ if self.min == self.max => format!("{} parameter(s)", self.min),
            _ if self.max == MANY => format!("at least {} parameter(s)", self.min),
            _ => format!("{} to {} parameters", self.min, self.max),
        };
        ExpressionError::new(
            ErrorKind::ArgCount,
            format!("The template language function '{name}' expects {expected}. {invoked}"),
        )
    }
}

/// `if`, `and`, `or` and `coalesce` are evaluated lazily by the evaluator and never come here.
fn never<'a>(_: &Evaluator<'a>, name: &'static str, _: Vec<Value<'a>>) -> Outcome<'a> {
    Err(value_error(name))
}

const ORDINAL: [&str; 4] = ["first", "second", "third", "fourth"];

pub(crate) fn ordinal(at: usize) -> &'static str {
    ORDINAL.get(at).copied().unwrap_or("next")
}

/// "… expects its first parameter to be of type string. The provided value is of type 'Null'."
pub(crate) fn wrong_type(name: &str, at: usize, expected: &str, got: &Value<'_>) -> ExpressionError {
    let message = format!(
        "The template language function '{name}' expects its {} parameter to be {expected}. The provided value is of type '{}'.",
        ordinal(at),
        got.type_name()
    );
    ExpressionError::new(ErrorKind::ArgType, message)
}

/// "… expects its parameter to be …", as the functions of one parameter say it.
pub(crate) fn wrong_only(name: &str, expected: &str, got: &Value<'_>) -> ExpressionError {
    let message = format!(
        "The template language function '{name}' expects its parameter {expected}. The provided value is of type '{}'.",
        got.type_name()
    );
    ExpressionError::new(ErrorKind::ArgType, message)
}

/// The conversion functions' one text for every unusable value.
pub(crate) fn value_error(name: &str) -> ExpressionError {
    let message = format!(
        "The template language function '{name}' was invoked with a parameter that is not valid. The value cannot be converted to the target type."
    );
    ExpressionError::new(ErrorKind::ArgValue, message)
}

pub(crate) fn fail<T>(kind: ErrorKind, message: impl Into<String>) -> Result<T, ExpressionError> {
    Err(ExpressionError::new(kind, message))
}

pub(crate) fn text_at<'v>(name: &str, args: &'v [Value<'_>], at: usize) -> Result<&'v str, ExpressionError> {
    args[at].as_text().ok_or_else(|| wrong_type(name, at, "of type string", &args[at]))
}

/// An optional text argument: absent stays absent, anything but a text is an error.
pub(crate) fn optional_text<'v>(
    name: &str,
    args: &'v [Value<'_>],
    at: usize,
) -> Result<Option<&'v str>, ExpressionError> {
    if at >= args.len() {
        return Ok(None);
    }
    text_at(name, args, at).map(Some)
}

pub(crate) fn integer_at(name: &str, args: &[Value<'_>], at: usize) -> Result<i64, ExpressionError> {
    match &args[at] {
        Value::Integer(i) => Ok(*i),
        other => Err(wrong_type(name, at, "an integer", other)),
    }
}

pub(crate) fn array_of<'a>(items: Vec<Json>) -> Value<'a> {
    Value::Tree(std::borrow::Cow::Owned(Json::Array(items)))
}

/// Calls a function with values that are at hand, as the operators of conditions do.
pub(crate) fn apply<'a>(ev: &Evaluator<'a>, name: &str, args: Vec<Value<'a>>) -> Outcome<'a> {
    match find(name) {
        Some(function) if (function.min..=function.max).contains(&args.len()) => {
            (function.run)(ev, function.name, args)
        }
        Some(function) => Err(function.wrong_count(args.len())),
        None => Err(value_error(name)),
    }
}
