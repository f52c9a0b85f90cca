//! Rules of the specification beyond the vectors, one line each.

use hirewire_expression::{DateTime, Environment, Expression, Outcome, SeededRandom, Value};

/// Attributes of the test person; `list` and `empties` are multi-valued, everything else unknown is missing.
fn person(name: &str) -> Value<'static> {
    match name {
        "a" => "x".into(),
        "b" => "y".into(),
        "empty" => "".into(),
        "yes" => Value::Boolean(true),
        "no" => Value::Boolean(false),
        "ten" => "10".into(),
        "nine" => "9".into(),
        "text" => "Zoë 😀 Łódź".into(),
        "day" => "2025-08-10".into(),
        "list" => Value::List(vec!["a b".into(), " c".into()]),
        "one" => Value::List(vec!["only".into()]),
        "none" => Value::List(Vec::new()),
        "hostile" => format!("{}!", "a".repeat(5000)).into(),
        "pattern" => "[aeiou]".into(),
        _ => Value::Null,
    }
}

/// The result as one text: lists in brackets, null as `NULL`, flow and errors by their names.
fn show(text: &str) -> String {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return format!("parse error: {error}"),
    };
    let random = SeededRandom::new(3);
    let now = DateTime::from_unix_seconds(1_753_833_600).expect("a moment");
    match expression.evaluate(&person, &Environment::new(now, &random)) {
        Err(error) => format!("error: {}", error.detail),
        Ok(Outcome::IgnoreAttribute) => "ignore attribute".to_owned(),
        Ok(Outcome::IgnoreObject) => "ignore object".to_owned(),
        Ok(Outcome::Value { value, .. }) => match &value {
            Value::Null => "NULL".to_owned(),
            Value::List(values) => format!("[{}]", values.join("|")),
            single => single.as_text().unwrap_or_default().into_owned(),
        },
    }
}

#[test]
fn results() {
    let cases = [
        // Null, empty, several values (§2, §3).
        ("[none]", "NULL"),
        ("IsNull([none])", "True"),
        ("Count([none])", "0"),
        ("Count([one])", "1"),
        ("IsNull([empty])", "False"),
        ("IsNullOrEmpty(NULL)", "True"),
        ("Append([missing], [missing])", ""),
        (r#"Append("smtp:", [list])"#, "[smtp:a b|smtp: c]"),
        (r#"Append([list], "!")"#, "[a b!| c!]"),
        (r#""<" & [list] & ">""#, "[<a b>|< c>]"),
        (r#"[missing] & "x" & 1"#, "x1"),
        ("ToUpper([list])", "[A B| C]"),
        ("Trim([list])", "[a b|c]"),
        ("ToLower([missing])", "NULL"),
        ("StripSpaces([missing])", "NULL"),
        ("PCase([missing])", "NULL"),
        ("NormalizeDiacritics([missing])", "NULL"),
        ("Trim([missing])", "NULL"),
        ("CStr([missing])", "NULL"),
        ("CStr(NULL)", "NULL"),
        ("Len([missing])", "0"),
        ("Split([missing], \",\")", "NULL"),
        ("Split([empty], \",\")", "NULL"),
        (r#"Split("a,,b ", ",")"#, "[a||b]"),
        (r#"Split("a--b", "--")"#, "[a|b]"),
        ("RemoveDuplicates([a])", "[x]"),
        ("RemoveDuplicates([missing])", "NULL"),
        (r#"Join("-", [list], [missing], [empty], [a])"#, "a b- c-x"),
        (r#"Join("-", [missing])"#, ""),
        (r#"Join("-", [one])"#, "only"),
        ("Item([one], 1)", "only"),
        ("Item([a], 1)", "x"),
        (r#"Coalesce([empty], "x")"#, ""),
        (r#"Coalesce([none], "x")"#, "x"),
        ("Coalesce([a], )", "x"),
        ("IsString([list])", "False"),
        ("IsString(5)", "True"),
        ("DNComponent([missing], 1)", "NULL"),
        // Printing (§2.1).
        ("[yes]", "True"),
        ("1000", "1000"),
        ("-5", "-5"),
        ("&HFF", "255"),
        ("CStr(&HFFFFFFFFFFFFFFFF)", "-1"),
        ("42568.750", "42568.750"),
        ("Append(Now(), \"\")", "7/30/2025 12:00:00 AM"),
        // Comparisons (§2.3).
        ("CBool([nine] < [ten])", "True"),
        (r#"CBool("9" < "10")"#, "True"),
        (r#"CBool("9a" < "10a")"#, "False"),
        (r#"CBool("1.0" = 1)"#, "True"),
        (r#"CBool("x" = "X")"#, "False"),
        (r#"CBool([missing] = "")"#, "False"),
        (r#"CBool([missing] <> "x")"#, "False"),
        (r#"CBool([missing] = [missing])"#, "False"),
        (r#"CBool([empty] = "")"#, "True"),
        ("CBool([yes] = True)", "True"),
        (r#"CBool([yes] = "True")"#, "True"),
        ("CBool(CDate([day]) > Now())", "True"),
        (r#"CBool(CDate("2025-10-01") < CDate("2025-09-01"))"#, "False"),
        // Conditions.
        (r#"IIF([yes], "t", "f")"#, "t"),
        (r#"IIF([missing], "t", "f")"#, "f"),
        (r#"IIF([empty], "t", "f")"#, "f"),
        (r#"IIF("true", "t", "f")"#, "t"),
        (r#"IIF(0, "t", "f")"#, "f"),
        (r#"IIF([missing] = "x", "t", "f")"#, "f"),
        (r#"IIF(IsPresent([missing]), Error("no"), "f")"#, "f"),
        ("CBool([missing])", "False"),
        ("Not([missing])", "True"),
        ("Not([yes])", "False"),
        ("Not(\"TRUE\")", "False"),
        ("Not([no])", "True"),
        // Switch (§6).
        (r#"Switch([missing], "d", "x", "1")"#, "d"),
        (r#"Switch([yes], "d", "True", "t", "False", "f")"#, "t"),
        (r#"Switch([yes], "d", "true", "t")"#, "d"),
        (r#"Switch([list], "d", "a b", "1")"#, "[1|d]"),
        (r#"Switch([one], "d", "only", "1")"#, "1"),
        (r#"Switch(1, "d", "1", "one")"#, "one"),
        (r#"Switch([a], "d", [a], "same")"#, "same"),
        (r#"Switch([a], , "k", "v")"#, "NULL"),
        (r#"Switch([a], Error("d"), "x", "v", Error("k"), "w")"#, "v"),
        // Flow passes through every function around it (§5).
        ("IgnoreAttributeFlow", "ignore attribute"),
        (r#"Join("", "x", IgnoreAttributeFlow)"#, "ignore attribute"),
        (r#"Switch([a], "d", "x", IgnoreObjectFlow)"#, "ignore object"),
        (r#"Switch([a], IgnoreObjectFlow, "x", "v")"#, "v"),
        (r#"ToUpper(IgnoreFlowIfNullOrEmpty([missing]))"#, "ignore attribute"),
        (r#"IgnoreFlowIfNullOrEmpty(5)"#, "5"),
        ("IgnoreFlowIfNullOrEmpty([none])", "ignore attribute"),
        // Text.
        ("Left([text], 5)", "Zoë 😀"),
        ("Mid([text], 5, 2)", "😀 "),
        ("Mid([text], 99, 2)", ""),
        ("Mid([text], 99999999999, 99999999999)", ""),
        ("Mid([list], 1, 1)", "[a| ]"),
        ("Left([list], 1)", "[a| ]"),
        ("Len([text])", "10"),
        (r#"InStr([text], "😀")"#, "5"),
        (r#"InStr([text], "łÓ", 1, vbTextCompare)"#, "7"),
        (r#"InStr("abc", "a", 2)"#, "0"),
        (r#"InStr("abc", "")"#, "1"),
        (r#"InStr("abc", "", 2)"#, "2"),
        (r#"InStr([missing], "a")"#, "0"),
        (r#"InStr("abc", "c", 99)"#, "0"),
        (r#"InStr("aB", "b", 1, "vbTextCompare")"#, "2"),
        (r#"InStr("aB", "b", , vbTextCompare)"#, "2"),
        (r#"Word("a,,b", 2, ",")"#, "b"),
        (r#"Word("abc", 1, ",")"#, "abc"),
        (r#"Word("a b", 1, "")"#, "a b"),
        (r#"Word("a,b", 1, [missing])"#, "a,b"),
        (r#"ToUpper("ı", "en-US")"#, "I"),
        (r#"DNComponent("cn=Roe\, Max,ou=a\2Cb", 1)"#, "Roe, Max"),
        (r#"DNComponent("cn=Roe\, Max,ou=a\2Cb", 2)"#, "a,b"),
        (r#"DNComponent("cn=a", 5)"#, "NULL"),
        (r#"StringFromSid("AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAA6QMAAA==")"#, "S-1-5-21-1-2-3-1001"),
        (r#"ConvertFromBase64("SGk=", ASCII)"#, "Hi"),
        (r#"ConvertFromBase64(" S G k = ", UTF8)"#, "Hi"),
        (r#"PCase("3rd o'neil", )"#, "3Rd O'Neil"),
        // Replace.
        (r#"Replace([missing], "a", , , "b", , )"#, "NULL"),
        (r#"Replace([missing], , "a", , "b", , )"#, "NULL"),
        (r#"Replace([missing], "a", , , , , "t")"#, "NULL"),
        (r#"Replace([a], "", , , "b", , )"#, "x"),
        (r#"Replace([a], , , , , , "template")"#, "template"),
        (r#"Replace([a], "<u>", , , , , "<u>-<u>")"#, "x-x"),
        (r#"Replace([list], " ", , , "_", , )"#, "[a_b|_c]"),
        (r#"Replace([list], , "\\s", , "", , )"#, "[ab|c]"),
        (r#"Replace([a], "x", , , "b")"#, "b"),
        (r#"Replace([missing], , "(?<g>q)", "g", , [a], )"#, "NULL"),
        (r#"Replace([missing], , "(?<g>x)", "g", , [a], )"#, "x"),
        (r#"Replace([missing], , "(?<g>x)", "g", , [missing], )"#, "NULL"),
        (r#"Replace("banana", , [pattern], , "", , )"#, "bnn"),
        (r#"Replace("banana", , [pattern], , Append("$", "&$&"), , )"#, "baanaanaa"),
        (r#"Replace([a], "x", , , [missing], , )"#, ""),
        (r#"Replace("a1b", , "(?<n>\d)", "n", "$1", , )"#, "a$1b"),
        // Dates.
        (r#"DateAdd("yyyy", 1, CDate("2024-02-29"))"#, "2/28/2025 12:00:00 AM"),
        (r#"DateAdd("m", -1, CDate("2024-03-31"))"#, "2/29/2024 12:00:00 AM"),
        (r#"DateAdd("d", 1, "2024-02-28T10:00:00+02:00")"#, "2/29/2024 8:00:00 AM"),
        (r#"DateDiff("d", "2024-01-01T00:00:00", "2024-01-01T23:59:59")"#, "0"),
        (r#"DateDiff("d", "2024-01-02", "2024-01-01T00:00:01")"#, "0"),
        (r#"DateDiff("yyyy", "2024-12-31", "2025-01-01")"#, "1"),
        (r#"DateDiff("m", "2024-01-31", "2024-02-01")"#, "1"),
        (r#"DateDiff("ww", "2024-01-06", "2024-01-07")"#, "1"),
        (r#"DateDiff("n", "2024-01-01T00:00:59", "2024-01-01T00:01:00")"#, "0"),
        (r#"FormatDateTime([missing], , "yyyy", "MM")"#, "NULL"),
        (r#"FormatDateTime(Now(), , "yyyy-MM-dd", "yyyyMMdd")"#, "20250730"),
        (r#"FormatDateTime("10:30", "HH:mm", "yyyy-MM-dd HH")"#, "2025-07-30 10"),
        (r#"FormatDateTime("10:30", "NoCurrentDateDefault", "HH:mm", "yyyy-MM-dd HH")"#, "0001-01-01 10"),
        (
            r#"FormatDateTime("2024-03-05T10:00:00+02:00", , "yyyy-MM-ddTHH:mm:ssK", "o")"#,
            "2024-03-05T08:00:00.0000000+00:00",
        ),
        (
            r#"FormatDateTime("2024-03-05T10:00:00Z", , "yyyy-MM-ddTHH:mm:ssK", "o")"#,
            "2024-03-05T10:00:00.0000000Z",
        ),
        (r#"FormatDateTime(" 2024 - 03 ", "AllowWhiteSpaces", "yyyy-MM", "s")"#, "2024-03-01T00:00:00"),
        (
            r#"FormatDateTime([list], "x", "y")"#,
            "parse error: the date format cannot be used: `x` alone is no date format; a single specifier is written `%x`",
        ),
        ("NumFromDate(\"9999-12-31T23:59:59.9999999Z\")", "2650467743999999999"),
        (r#"CDate("12/25/50")"#, "12/25/1950 12:00:00 AM"),
        // Attribute names (§1.3).
        ("[ a ]", "x"),
        (r#"Append([weird]b].x], "")"#, "parse error: expected `,` or `)`, found `b`"),
        // Roles.
        ("SingleAppRoleAssignment([missing])", "NULL"),
        ("AppRoleAssignments([list])", "[a b| c]"),
    ];
    check(&cases);
}

#[test]
fn failures() {
    let cases = [
        ("CDate([missing])", "error: there is no date: the value is missing"),
        (
            "CDate([empty])",
            "error: text of the form `` is no date; dates look like `2025-03-31`, `2025-03-31T08:00:00Z` or `3/31/2025 8:00:00 AM`",
        ),
        ("Mid([a], 0, 1)", "error: `start` counts from 1"),
        ("Mid([a], 1, -1)", "error: `length` must not be negative"),
        ("Mid([a], 1.5, 1)", "error: `start` must be a whole number, not a number with a fraction"),
        ("Left([a], [missing])", "error: `NumChars` must be a whole number, and there is no value"),
        (r#"InStr("a", "a", 0)"#, "error: `start` counts from 1"),
        (
            r#"CBool("maybe 5")"#,
            "error: text of the form `aaaaa 9` is no Boolean: `True`, `False` or a number is needed",
        ),
        ("CBool([empty])", "error: text of the form `` is no Boolean: `True`, `False` or a number is needed"),
        ("CBool([list] = \"x\")", "error: one value is needed here, not several"),
        ("Item([missing], 1)", "error: there is no item 1: items are counted from 1 to 0"),
        ("DateFromNum(-1)", "error: the file time lies outside the years 1601 to 9999 (or means `never`)"),
        (r#"NumFromDate("1600-01-01")"#, "error: file times begin in 1601"),
        (r#"DateAdd("yyyy", 9999, Now())"#, "error: the result lies outside the years 1 to 9999"),
        (r#"DateAdd("d", 9223372036854775807, Now())"#, "error: the result lies outside the years 1 to 9999"),
        (
            r#"DateAdd([a], 1, Now())"#,
            "error: the interval is unknown; use one of `yyyy`, `m`, `ww`, `d`, `h`, `n` (minute), `s`",
        ),
        (
            r#"FormatDateTime([empty], , "yyyy", "MM")"#,
            "error: text of the form `` does not match the input format",
        ),
        (r#"ToLower("a", "xx-XX")"#, "error: the culture is unknown; cultures are named like `tr-TR`"),
        ("DefaultDomain()", "error: the target has no default domain"),
        ("RandomString(300, 0, 0, 0, 0)", "error: `Length` lies between 0 and 256"),
        ("RandomString(3, -1, 0, 0, 0)", "error: the minimums must not be negative"),
        (
            r#"RandomString(3, 3, 0, 0, 0, "0123456789")"#,
            "error: `CharactersToAvoid` leaves no character of a kind that is needed",
        ),
        (
            r#"Replace([hostile], , "(a+)+\\1$", , "", , )"#,
            "error: matching the regular expression takes too many steps",
        ),
        (
            r#"Replace("x", , Append("(", [a]), , "", , )"#,
            "error: the regular expression cannot be used: the group never ends (at character 1)",
        ),
        (
            r#"SingleAppRoleAssignment([list])"#,
            "error: No more than one app role assignment was expected, but this many were found: 2",
        ),
        (r#"Error("say why")"#, "error: say why"),
        (r#"StringFromSid("AQI=")"#, "error: the bytes are no security identifier"),
        (
            r#"SelectUniqueValue([missing], [empty])"#,
            "error: no unique value is left: 0 of 2 rules gave a value, all are taken",
        ),
    ];
    check(&cases);
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, show(text)))
        .filter(|(_, expected, got)| got != *expected)
        .map(|(text, expected, got)| format!("{text}\n  expected {expected}\n  got      {got}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Results cannot grow without end through nested replacements.
#[test]
fn growth_is_bounded() {
    let mut text = r#""aaaaaaaaaa""#.to_owned();
    for _ in 0..20 {
        text = format!(r#"Replace({text}, "a", , , "aaaaaaaaaa", , )"#);
    }
    assert_eq!(show(&text), "error: the result is too long");
    let mut text = "[hostile]".to_owned();
    for _ in 0..20 {
        text = format!("ConvertToUTF8Hex({text})");
    }
    assert_eq!(show(&text), "error: the result is too long");
}

#[test]
fn the_error_names_function_and_place() {
    let expression = Expression::parse(r#"Append("x", CDate([a]))"#).expect("an expression");
    let random = SeededRandom::new(3);
    let now = DateTime::from_unix_seconds(0).expect("a moment");
    let error = expression.evaluate(&person, &Environment::new(now, &random)).expect_err("no date");
    assert_eq!(error.at, 12..22);
    assert!(
        error
            .to_string()
            .starts_with("An error occurred while evaluating this function: 'CDate.' text of the form `a`")
    );
}

#[test]
fn redaction_marks_the_outcome() {
    let random = SeededRandom::new(3);
    let environment = Environment::new(DateTime::from_unix_seconds(0).expect("a moment"), &random);
    let cases = [
        ("Redact([a])", true),
        (r#"Join("", Redact([a]), "x")"#, true),
        (r#"IIF([yes], [a], Redact([b]))"#, false),
        (r#"Redact("constant")"#, true),
        ("[a]", false),
    ];
    for (text, expected) in cases {
        let expression = Expression::parse(text).expect(text);
        let outcome = expression.evaluate(&person, &environment).expect(text);
        assert_eq!(outcome.is_redacted(), expected, "{text}");
    }
}

/// The deepest expression that parses is also evaluated, traced, checked and printed on a small stack.
#[test]
fn depth_needs_little_stack() {
    let deep = "IIF([yes], ".repeat(127) + "[a]" + &r#", "n")"#.repeat(127);
    let run = move || {
        let expression = Expression::parse(&deep).expect("127 levels");
        let random = SeededRandom::new(3);
        let environment = Environment::new(DateTime::from_unix_seconds(0).expect("a moment"), &random);
        assert_eq!(
            expression.evaluate(&person, &environment).ok().and_then(Outcome::into_value),
            Some("x".into())
        );
        assert!(expression.trace(&person, &environment).outcome.is_ok());
        assert!(expression.check(&hirewire_expression::Context::default()).is_empty());
        assert_eq!(
            Expression::from_tree(&expression.to_tree()).map(|e| e.to_string()),
            Ok(expression.to_string())
        );
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).expect("a thread");
    thread.join().expect("no overflow");
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&Expression::parse("[a]").expect("an expression"));
}
