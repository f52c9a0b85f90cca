//! Bulk requests in both modes.
use std::fs;
use std::path::PathBuf;

use hirewire_scim::bulk::Code;
use hirewire_scim::{AttributePath, BulkRequestWriter, Mode, OpenLimits, parse_bulk};
use serde_json::{Value, json};

use super::support::{ENTERPRISE, open, samples};

/// What a mode says to a body: operations and warnings, or the deciding code.
fn answer(body: &[u8], mode: &Mode) -> Result<(usize, Vec<Code>), Code> {
    parse_bulk(body, mode)
        .map(|request| (request.operations.len(), request.warnings.iter().map(|w| w.code).collect()))
        .map_err(|refusal| refusal.code())
}

/// `samples/bulk/README.md`, line by line.
#[test]
fn every_sample_gets_its_stated_answer() {
    use Code::{
        ExternalIdMissing, JsonSyntax, JsonType, MethodNotSupported, MissingMember, NoOperations,
        PathNotSupported, SchemaMissing, TooManyOperations,
    };
    type Said = Result<(usize, Vec<Code>), Code>;
    let fine = |count| (Ok((count, vec![])), Ok((count, vec![])));
    let refused = |code| (Err(code), Err(code));
    let tolerated = |code, warnings| (Err(code), Ok((1, warnings)));
    let expected: Vec<(&str, (Said, Said))> = vec![
        ("01", fine(1)),
        ("02", fine(2)),
        ("03", fine(1)),
        ("04", fine(1)),
        ("05", fine(1)),
        ("06", fine(1)),
        ("07", fine(2)),
        ("08", fine(1)),
        ("09", fine(5)),
        ("10", fine(2)),
        ("11", fine(2)),
        ("12", fine(50)),
        ("13", fine(1)),
        ("14", fine(1)),
        ("15", fine(1)),
        ("50", (Err(TooManyOperations), Ok((51, vec![])))),
        ("51", refused(MethodNotSupported)),
        ("52", refused(MethodNotSupported)),
        ("53", tolerated(SchemaMissing, vec![SchemaMissing])),
        ("54", refused(ExternalIdMissing)),
        ("55", tolerated(MissingMember, vec![MissingMember])),
        ("56", refused(PathNotSupported)),
        ("57", refused(NoOperations)),
        ("58", tolerated(SchemaMissing, vec![])),
        ("59", refused(MissingMember)),
        ("60", refused(JsonType)),
        ("61", refused(JsonSyntax)),
        ("62", refused(JsonSyntax)),
        ("63", fine(1)),
    ];
    let mut files: Vec<PathBuf> = fs::read_dir(samples())
        .expect("the samples are in the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with(".json") && *name < *"70"
        })
        .collect();
    files.sort();
    assert_eq!(files.len(), expected.len());
    for (file, (number, (strict, tolerant))) in files.iter().zip(expected) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        assert!(name.starts_with(number), "{name} is not in the table");
        let body = fs::read(file).expect("readable");
        assert_eq!(answer(&body, &Mode::Strict), strict, "{name} in strict mode");
        assert_eq!(answer(&body, &open()), tolerant, "{name} in open mode");
    }
}

/// Requests with one thing changed, the strict answer and the open one.
#[test]
fn each_rule_of_the_grammar_decides_as_specified() {
    let request = |change: &dyn Fn(&mut Value)| {
        let mut request = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{
                "method": "POST", "bulkId": "a", "path": "/Users",
                "data": {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
                    "externalId": "1001"
                }
            }]
        });
        change(&mut request);
        request.to_string()
    };
    let operation = |name: &'static str, value: Value| {
        request(&move |request: &mut Value| request["Operations"][0][name] = value.clone())
    };
    let data = |name: &'static str, value: Value| {
        request(&move |request: &mut Value| request["Operations"][0]["data"][name] = value.clone())
    };
    let without = |name: &'static str| {
        request(&move |request: &mut Value| {
            request["Operations"][0].as_object_mut().expect("an object").remove(name);
        })
    };
    use Code::{
        ExternalIdMissing, JsonType, MethodNotSupported, Misplaced, MissingMember, PathNotSupported,
        SchemaMissing,
    };
    let fine = || Ok((1, vec![]));
    let warned = |code| Ok((1, vec![code]));
    let cases: Vec<(&str, String, _, _)> = vec![
        ("method in lower case", operation("method", json!("post")), Err(MethodNotSupported), fine()),
        ("method is a number", operation("method", json!(1)), Err(JsonType), Err(JsonType)),
        ("no method", without("method"), Err(MissingMember), Err(MissingMember)),
        ("path in lower case", operation("path", json!("/users")), Err(PathNotSupported), fine()),
        ("path without slash", operation("path", json!("Users")), Err(PathNotSupported), fine()),
        ("path with two slashes", operation("path", json!("/Users/")), Err(PathNotSupported), fine()),
        (
            "path names a person",
            operation("path", json!("/Users/7")),
            Err(PathNotSupported),
            Err(PathNotSupported),
        ),
        ("no path", without("path"), Err(MissingMember), fine()),
        ("no data", without("data"), Err(MissingMember), Err(MissingMember)),
        ("null data", operation("data", json!(null)), Err(MissingMember), Err(MissingMember)),
        ("data is text", operation("data", json!("@{externalId=1001}")), Err(JsonType), Err(JsonType)),
        ("bulkId is a number", operation("bulkId", json!(7)), Err(JsonType), warned(JsonType)),
        ("bulkId is empty", operation("bulkId", json!("")), Err(MissingMember), warned(MissingMember)),
        ("externalId is a number", data("externalId", json!(1001)), Err(JsonType), warned(JsonType)),
        (
            "externalId is empty",
            data("externalId", json!(" ")),
            Err(ExternalIdMissing),
            Err(ExternalIdMissing),
        ),
        (
            "externalId is null",
            data("externalId", json!(null)),
            Err(ExternalIdMissing),
            Err(ExternalIdMissing),
        ),
        ("externalId is a list", data("externalId", json!(["1001"])), Err(JsonType), Err(JsonType)),
        ("data.schemas is text", data("schemas", json!(ENTERPRISE)), Err(JsonType), fine()),
        ("data.schemas lists one", data("schemas", json!([ENTERPRISE])), Err(SchemaMissing), fine()),
        ("an extension is not listed", data("urn:x:y", json!({})), Err(SchemaMissing), fine()),
        ("department at the top", data("department", json!("HR")), fine(), warned(Misplaced)),
        ("unknown members", operation("version", json!("W/1")), fine(), fine()),
        (
            "schemas is text",
            request(&|request| {
                request["schemas"] = json!("urn:ietf:params:scim:api:messages:2.0:BulkRequest")
            }),
            Err(JsonType),
            warned(JsonType),
        ),
        (
            "schemas of something else",
            request(&|request| request["schemas"] = json!(["urn:x"])),
            Err(SchemaMissing),
            warned(SchemaMissing),
        ),
        (
            "operations in lower case",
            request(&|request| {
                let operations = request.as_object_mut().and_then(|root| root.remove("Operations"));
                request["operations"] = operations.expect("there");
            }),
            Err(MissingMember),
            fine(),
        ),
        (
            "one flattened operation",
            request(&|request| {
                let operation = request["Operations"][0].clone();
                request["Operations"] = operation;
            }),
            Err(JsonType),
            Err(JsonType),
        ),
        (
            "an operation is a number",
            request(&|request| request["Operations"][0] = json!(4)),
            Err(JsonType),
            Err(JsonType),
        ),
    ];
    for (name, body, strict, tolerant) in cases {
        assert_eq!(answer(body.as_bytes(), &Mode::Strict), strict, "{name} in strict mode");
        assert_eq!(answer(body.as_bytes(), &open()), tolerant, "{name} in open mode");
    }
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            r#"{"Operations":[{"method":"POST","data":{"externalId":"1"}},{"method":"PUT","data":{}}]}"#,
            "Invalid Data Format: Operations[1].method is `PUT`, only `POST` is supported",
            "/Operations/1/method",
            "every change is a POST; `\"active\": false` disables a person",
        ),
        (
            "{\"Operations\":[\n  {\"method\" \"POST\"}]}",
            "Invalid Data Format: `:` is expected at line 2, column 13",
            "",
            "",
        ),
        (
            r#"{"Operations":[{"method":"POST","data":{"userName":"a"}},{"method":"POST","data":{}}]}"#,
            "Invalid Data Format: Operations[0].data.externalId is missing (and 1 more)",
            "/Operations/0/data/externalId",
            "give the person's immutable key, such as the employee number",
        ),
        (
            r#"{"Operations":[{"method":"POST","data":"@{externalId=1}"}]}"#,
            "Invalid Data Format: Operations[0].data is text, an object is expected",
            "/Operations/0/data",
            "PowerShell's ConvertTo-Json stops at depth 2: call it with `-Depth 10`",
        ),
        (
            r#"{"Operations":{"method":"POST"}}"#,
            "Invalid Data Format: Operations is an object, a list is expected",
            "/Operations",
            "write it in brackets; PowerShell 5.1 turns a list of one into its element: wrap it as `@(,$list)`",
        ),
    ];
    for (body, message, pointer, help) in cases {
        let refusal = parse_bulk(body.as_bytes(), &open()).expect_err(body);
        assert_eq!(refusal.message(), *message);
        assert_eq!(refusal.documented_message(), "Invalid Data Format");
        assert_eq!(refusal.details()[0].place.pointer(), *pointer);
        assert_eq!(refusal.help().unwrap_or_default(), *help);
    }
    let first = parse_bulk(cases[0].0.as_bytes(), &open()).expect_err("refused");
    let detail = serde_json::to_value(&first.details()[0]).expect("serializes");
    assert_eq!(detail["code"], "MethodNotSupported");
    assert_eq!(detail["target"], "Operations[1].method");
}

#[test]
fn the_last_of_equal_names_counts_and_the_text_stays_as_sent() {
    let body = r#"{"Operations":[], "Operations":[{"method":"POST","path":"/Users","bulkId":"x",
        "data":{"externalId":"1","externalId":"2","a":1.50}}]}"#;
    let request = parse_bulk(body.as_bytes(), &open()).expect("accepted");
    assert_eq!(request.operations[0].external_id, "2");
    assert_eq!(request.operations[0].data, r#"{"externalId":"1","externalId":"2","a":1.50}"#);
}

#[test]
fn another_key_may_stand_in_for_the_external_id() {
    let key = AttributePath::of_attribute(&format!("{ENTERPRISE}:employeeNumber"));
    let mode = Mode::Open(OpenLimits { key: Some(key), ..OpenLimits::default() });
    let body =
        json!({ "Operations": [{ "method": "POST", "data": { ENTERPRISE: { "employeeNumber": "77" } } }] });
    let request = parse_bulk(body.to_string().as_bytes(), &mode).expect("accepted");
    assert_eq!(request.operations[0].external_id, "77");
    assert_eq!(answer(body.to_string().as_bytes(), &open()), Err(Code::ExternalIdMissing));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let inner = format!("{}{}", "[".repeat(depth - 4), "]".repeat(depth - 4));
        format!(r#"{{"Operations":[{{"method":"POST","data":{{"externalId":"1","x":{inner}}}}}]}}"#)
    };
    assert!(answer(nested(64).as_bytes(), &open()).is_ok());
    assert_eq!(answer(nested(65).as_bytes(), &open()), Err(Code::NestingTooDeep));
    assert_eq!(answer("[".repeat(100_000).as_bytes(), &open()), Err(Code::NestingTooDeep));
}

#[test]
fn bulk_requests_are_filled_to_the_limit() {
    let mut writer = BulkRequestWriter::new(2);
    let mut requests = Vec::new();
    for number in 0..5 {
        let data = format!(r#"{{"externalId":"{number}"}}"#);
        requests.extend(writer.push(&format!("row \"{number}\""), &data));
    }
    requests.extend(writer.finish());
    assert_eq!(writer.finish(), None);
    let counts: Vec<usize> = requests
        .iter()
        .map(|request| parse_bulk(request.as_bytes(), &open()).expect("accepted").operations.len())
        .collect();
    assert_eq!(counts, [2, 2, 1]);
}
