//! `docs/functions.md`, generated from the table of functions.

use std::fmt::Write as _;

use crate::function::{Certainty, Example, Expected, FunctionInfo, functions};

/// The reference of all functions as Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for info in functions() {
        let _ = writeln!(page, "* [`{}`](#{}): `{}`", info.name, info.name.to_lowercase(), info.signature);
    }
    for info in functions() {
        function(info, &mut page);
    }
    page
}

const INTRODUCTION: &str = r#"# Functions of the mapping expression language

<!-- Generated from the table in crates/hirewire-expression; renew with HIREWIRE_BLESS=1 cargo test -p hirewire-expression -->

An expression is an attribute `[mail]`, a constant `"text"` or a function call; functions nest. Names are case-sensitive.
An argument may be left out by writing nothing between its commas, which is not the same as `""`. Inside a string `\"`
stands for a quote and `\\` for a backslash. A condition is one comparison (`=`, `<>`, `<`, `<=`, `>`, `>=`); `&` joins two
texts. `IgnoreAttributeFlow` and `IgnoreObjectFlow` may stand in place of a value: the attribute, or the whole object, is
then left alone.

The examples are run as tests: the time is 2025-07-30T00:00:00Z, the default domain `contoso.com`, and the directory
holds one person, `John.Smith@contoso.com`.

"#;

fn function(info: &FunctionInfo, page: &mut String) {
    let certainty = match info.certainty {
        Certainty::Documented => "documented",
        Certainty::Sibling => "documented for a sibling product",
    };
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {}\n\n`{}`\n\n{}\n\n", info.name, info.signature, info.meaning);
    let _ = writeln!(page, "{certainty} ({})\n", info.source);
    if !info.parameters.is_empty() {
        page.push_str("| parameter | type | required | repeats |\n|---|---|---|---|\n");
        for parameter in info.parameters {
            let mark = |yes: bool| if yes { "yes" } else { "no" };
            let (required, repeats) = (mark(parameter.required), mark(parameter.repeating));
            let _ = writeln!(
                page,
                "| `{}` | {} | {required} | {repeats} |",
                parameter.name,
                parameter.kind.name()
            );
        }
        page.push('\n');
    }
    page.push_str("| expression | with | gives |\n|---|---|---|\n");
    for example in info.examples {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            code(example.expression),
            source(example),
            expected(example.expect)
        );
    }
}

fn source(example: &Example) -> String {
    let values = example.source.iter().map(|(name, values)| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        code(&format!("{name} = {}", values.join(", ")))
    });
    values.collect::<Vec<_>>().join("<br>")
}

fn expected(expected: Expected) -> String {
    match expected {
        Expected::Text("") => "the empty text".to_owned(),
        Expected::Text(text) => code(text),
        Expected::List(values) => values.iter().map(|value| code(value)).collect::<Vec<_>>().join(", "),
        Expected::Null => "no value".to_owned(),
        Expected::Length(length) => format!("{length} random characters"),
        Expected::Error => "an error".to_owned(),
        Expected::IgnoreAttribute => "the attribute is left alone".to_owned(),
    }
}

/// Code in a table cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
