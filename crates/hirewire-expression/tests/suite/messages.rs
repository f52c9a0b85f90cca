//! What people read when an expression is not accepted.

use hirewire_expression::{Expression, ParseOptions};

fn message(text: &str) -> String {
    match Expression::parse(text) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => {
            let at = error.range();
            let help = error.help().map(|help| format!(" — {help}")).unwrap_or_default();
            format!("{}..{}: {error}{help}", at.start, at.end)
        }
    }
}

#[test]
fn parse_errors_say_where_and_what_to_do() {
    let cases = [
        (
            "",
            r#"0..0: the expression is empty — write an attribute `[mail]`, a constant `"text"` or a function call"#,
        ),
        (r#"Jion(".", [a])"#, "0..4: unknown function `Jion` — did you mean `Join`?"),
        (r#"switch([a], "b")"#, "0..6: unknown function `switch` — names are case-sensitive: write `Switch`"),
        ("LCase([a])", "0..5: unknown function `LCase` — did you mean `PCase`?"),
        ("Frobnicate([a])", "0..10: unknown function `Frobnicate`"),
        (r#"Append("a, "b")"#, "12..13: expected `,` or `)`, found `b`"),
        (
            r#"Append("a", "b"#,
            r#"12..14: the string starting here never ends — add a closing `"`; a quote inside is written `\"`"#,
        ),
        (
            r#"Append([mail, "x")"#,
            "7..18: the attribute reference starting here never ends — add a closing `]`; brackets inside a name come in pairs",
        ),
        ("Append([], [b])", "7..9: an attribute reference needs a name"),
        (r#"Append("a"; "b")"#, "10..11: expected `,` or `)`, found `;` — arguments are separated by commas"),
        (
            "Append(“a”, [b])",
            "7..10: expected an attribute, a constant or a function, found `“` — curly quotes do not delimit text: write straight double quotes",
        ),
        (
            "Append('a', [b])",
            "7..8: expected an attribute, a constant or a function, found `'` — single quotes do not delimit text: write double quotes",
        ),
        (
            r#"IIF([a]="x" AND [b]="y", "1", "2")"#,
            "12..15: expected `,` or `)`, found `AND` — there is no AND and no OR: nest `IIF` in the true branch for AND, in the false branch for OR",
        ),
        (r#"IIF([a]="x"="y", "1", "2")"#, "11..12: expected a single comparison, found `=`"),
        (r#"IIF(([a]="x"), "1", "2")"#, "4..5: expected an attribute, a constant or a function, found `(`"),
        (
            "Append([a])",
            "0..11: `Append` takes 2 arguments, found 1 — the signature is `Append(source: String, suffix: String) → String`",
        ),
        (
            "Append([a], )",
            "0..13: `Append` needs its argument `suffix` — the signature is `Append(source: String, suffix: String) → String`",
        ),
        ("Now(1)", "0..6: `Now` takes no arguments, found 1 — the signature is `Now() → DateTime`"),
        (
            r#"Switch([a], "d", "k", "v", "k2")"#,
            "0..32: `Switch` takes keys and values in pairs, found 5 arguments — write `Switch(source, default, key1, value1, key2, value2, …)`",
        ),
        (
            "ToLower(SelectUniqueValue([a], [b]))",
            "8..35: `SelectUniqueValue` must be the outermost function — put the other functions inside each of its rules",
        ),
        (
            r#"IIF(IgnoreFlowIfNullOrEmpty([a]), [a], "x")"#,
            "4..32: `IgnoreFlowIfNullOrEmpty` cannot be the condition of `IIF` — use `IsPresent(…)` as the condition",
        ),
        (
            r#"DateAdd("q", 1, Now())"#,
            "8..11: `DateAdd` knows no interval `q` — use one of `yyyy`, `m`, `ww`, `d`, `h`, `n` (minute), `s`",
        ),
        (
            r#"Replace([a], , "(x", , "", , )"#,
            "15..19: the regular expression cannot be used: the group never ends (at character 1)",
        ),
        (
            r#"Replace([a], , "a++", , "", , )"#,
            "15..20: the regular expression cannot be used: a quantifier follows a quantifier (at character 3) — possessive quantifiers do not exist in .NET: write `(?>…)`",
        ),
        (r#"Replace([a], , "(?<x>a)", "y", "", , )"#, "26..29: the regular expression defines no group `y`"),
        (
            "Replace([a], )",
            "0..14: `Replace` has no meaning with this combination of arguments — give oldValue with replacementValue or template, or regexPattern with replacementValue, or regexPattern with regexGroupName and replacementValue or replacementAttributeName",
        ),
        (
            r#"InStr("a", "b", 1, UTF8)"#,
            "19..23: `InStr` knows no comparison `UTF8` — use one of `vbBinaryCompare`, `vbTextCompare`",
        ),
        (
            r#"Append(vbTextCompare, "x")"#,
            r#"7..20: `vbTextCompare` means nothing here — a constant is written in double quotes: `"vbTextCompare"`"#,
        ),
        ("mail", r#"0..4: `mail` means nothing here — a constant is written in double quotes: `"mail"`"#),
        (
            "IgnoreAtributeFlow",
            "0..18: `IgnoreAtributeFlow` means nothing here — did you mean `IgnoreAttributeFlow`?",
        ),
        (
            "99999999999999999999999999999999",
            "0..32: `99999999999999999999999999999999` is not a number this language can hold",
        ),
        ("12ab", "0..4: `12ab` is not a number this language can hold"),
        (
            r#"FormatDateTime([a], "Sloppy", "yyyy", "MM")"#,
            "20..28: `FormatDateTime` knows no date style `Sloppy` — use one of `None`, `AllowLeadingWhite`, `AllowTrailingWhite`, `AllowInnerWhite`, `AllowWhiteSpaces`, `NoCurrentDateDefault`, `AdjustToUniversal`, `AssumeLocal`, `AssumeUniversal`, `RoundtripKind`",
        ),
        (
            r#"FormatDateTime([a], , "yyyy'", "MM")"#,
            "22..29: the date format cannot be used: the quote ' never ends",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, message(text)))
        .filter(|(_, expected, got)| got != *expected)
        .map(|(text, expected, got)| format!("{text}\n  expected {expected}\n  got      {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn length_and_depth_are_bounded() {
    let long = format!(r#"Append("{}", "")"#, "ä".repeat(9_986));
    assert!(
        message(&long).ends_with("the expression has 10000 characters, at most 10000 are allowed")
            || message(&long) == "accepted"
    );
    let longer = format!(r#"Append("{}", "")"#, "ä".repeat(9_990));
    assert!(message(&longer).contains("at most 10000 are allowed"), "{}", &message(&longer)[..80]);
    assert!(Expression::parse_with(&longer, ParseOptions { maximum_length: None }).is_ok());
    let deep = "ToLower(".repeat(1_000) + "[a]" + &")".repeat(1_000);
    assert!(message(&deep).contains("nests deeper than 128 levels"));
    let nested = "ToLower(".repeat(127) + "[a]" + &")".repeat(127);
    assert_eq!(message(&nested), "accepted");
    for unbalanced in ["(", "Append(", "[", "\"", "&", "Not("] {
        assert_ne!(message(&unbalanced.repeat(5_000)), "accepted");
    }
}
