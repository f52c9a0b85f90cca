//! What `check` has to say.

use hirewire_expression::{AttributeKind, Context, Expression, Severity, SourceAttribute, TargetUse};

fn rules(text: &str, target: Option<TargetUse>) -> Vec<String> {
    let attribute =
        |name: &'static str, kind| SourceAttribute { name: name.into(), kind, multivalued: false };
    let attributes = [
        attribute("userName", AttributeKind::String),
        attribute("country", AttributeKind::String),
        attribute("active", AttributeKind::Boolean),
        attribute("manager", AttributeKind::Reference),
    ];
    let context = Context { attributes: Some(&attributes), target };
    let expression = Expression::parse(text).expect(text);
    let findings = expression.check(&context);
    findings
        .iter()
        .map(|finding| {
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            format!("{severity} {} {:?}", finding.rule, &text[finding.at.clone()])
        })
        .collect()
}

#[test]
fn findings_by_expression() {
    let cases: [(&str, &[&str]); 17] = [
        ("[userName]", &[]),
        ("ToLower([username])", &["error unknown-attribute \"[username]\""]),
        ("[wholly.other]", &["error unknown-attribute \"[wholly.other]\""]),
        (r#"IIF([country] = "", "Other", [country])"#, &[r#"warning iif-on-missing "[country] = \"\"""#]),
        (
            r#"IIF(IsNullOrEmpty([country]), "Other", [country])"#,
            &[r#"warning iif-on-missing "IsNullOrEmpty([country])""#],
        ),
        (
            r#"IIF(IsPresent([country]), [country], "Other")"#,
            &[r#"warning iif-on-missing "IsPresent([country])""#],
        ),
        (r#"IIF([country] = "US", "a", "b")"#, &[]),
        (
            r#"Switch(IsPresent([country]), "d", "True", "t")"#,
            &[r#"warning switch-on-boolean "IsPresent([country])""#],
        ),
        (r#"Switch([manager], "d", "k", "v")"#, &[r#"warning switch-on-reference "[manager]""#]),
        (r#"Switch([country], "d", "k", "v", "k", "w")"#, &[r#"warning unreachable-branch "\"k\"""#]),
        (
            r#"Switch("k", "d", "k", "v", "x", "w")"#,
            &[r#"warning constant-condition "\"k\"""#, r#"warning unreachable-branch "\"x\"""#],
        ),
        (r#"IIF(1 = 1, "a", "b")"#, &[r#"warning constant-condition "1 = 1""#]),
        ("NULL", &[r#"warning always-null "NULL""#]),
        (r#"IIF([country] = NULL, "a", "b")"#, &[r#"warning constant-condition "[country] = NULL""#]),
        (r#"Coalesce([country], "x", [userName])"#, &[r#"warning unreachable-branch "[userName]""#]),
        (r#"DateDiff("d", Now(), CDate([country]))"#, &[r#"warning time-dependent "Now()""#]),
        (r#"SelectUniqueValue([userName], [country])"#, &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(rules(text, None), expected, "{text}");
    }
}

#[test]
fn unique_values_are_for_creation_and_not_for_matching() {
    let text = "SelectUniqueValue([userName], [country])";
    let found = |matching, only_on_creation| rules(text, Some(TargetUse { matching, only_on_creation }));
    assert!(found(false, true).is_empty());
    assert_eq!(found(true, true), [format!("error unique-value-on-matching {text:?}")]);
    assert_eq!(found(false, false), [format!("error unique-value-on-update {text:?}")]);
}

#[test]
fn findings_help() {
    let expression = Expression::parse("[User.name]").expect("an expression");
    let attributes =
        [SourceAttribute { name: "user.name".into(), kind: AttributeKind::String, multivalued: false }];
    let findings = expression.check(&Context { attributes: Some(&attributes), target: None });
    assert_eq!(findings[0].help.as_deref(), Some("names are case-sensitive: write `[user.name]`"));
    assert!(Expression::parse("Now()").is_ok_and(|e| e.is_time_dependent()));
    assert!(Expression::parse("[a]").is_ok_and(|e| !e.is_time_dependent()));
}
