//! The sample requests in both modes, attribute paths, written records, and that no bytes cause a panic.
use std::fs;
use std::path::{Path, PathBuf};

use hirewire_scim::bulk::Code;
use hirewire_scim::syntax::{Scanner, push_string, unescape};
use hirewire_scim::{
    AttributePath, BulkRequestWriter, Filter, Lookup, Mode, OpenLimits, RecordWriter, Slot, parse_bulk,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/bulk")
}

fn open() -> Mode {
    Mode::Open(OpenLimits::default())
}

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

/// What a record holds at a path, as text for comparing.
fn shown(lookup: &Lookup<'_>) -> String {
    match lookup {
        Lookup::Value(value) => value.to_string(),
        Lookup::Values(values) => serde_json::to_string(values).unwrap_or_default(),
        Lookup::Null => "null".to_owned(),
        Lookup::Absent => "absent".to_owned(),
        Lookup::ContainerAbsent => "container absent".to_owned(),
    }
}

#[test]
fn paths_are_read() {
    let record = json!({
        "externalId": "1001",
        "UserName": "ada@example.com",
        "active": false,
        "title": null,
        "nickName": "",
        "name": { "givenName": "Ada", "middleName": null },
        "emails": [
            { "type": "Work", "value": "ada@example.com" },
            { "type": "home", "value": "ada@home.example", "primary": true }
        ],
        "phoneNumbers": [{ "type": "mobile" }],
        "addresses": [{ "type": "work", "locality": "Oslo" }],
        "roles": ["Admin", { "value": "Reader" }, null],
        "odd.name": "dotted",
        "Projektnummer/Ørsted §3": "P-1",
        ENTERPRISE: { "department": "R&D", "manager": { "value": "7" }, "division": null },
        "URN:northmere:employee": { "HireDate": "2026-07-15", "Cost.Center": "C1" },
        "urn:northmere:employee:special": { "HireDate": "special" },
        "urn:x:csa": { "Project": { "Code": "77" } },
        "urn:ietf:params:scim:schemas:extension:microsoft:entra:csa": { "Site": { "Code": "88" }, "Flat:Code": "99" }
    });
    let cases = [
        ("externalId", r#""1001""#),
        ("userName", r#""ada@example.com""#),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName", r#""ada@example.com""#),
        ("active", "false"),
        ("title", "null"),
        ("nickName", r#""""#),
        ("displayName", "absent"),
        ("name.givenName", r#""Ada""#),
        ("NAME.givenname", r#""Ada""#),
        ("name.middleName", "null"),
        ("name.familyName", "absent"),
        ("title.short", "container absent"),
        ("meta.created", "container absent"),
        (r#"emails[type eq "work"].value"#, r#""ada@example.com""#),
        ("emails[primary eq true].value", r#""ada@home.example""#),
        (r#"emails[primary eq "True"].value"#, r#""ada@home.example""#),
        (r#"emails[type eq "home" and primary eq true].value"#, r#""ada@home.example""#),
        (r#"emails[type eq "other"].value"#, "container absent"),
        ("emails.value", r#"["ada@example.com","ada@home.example"]"#),
        (r#"phoneNumbers[type eq "mobile"].value"#, "absent"),
        (r#"phoneNumbers[type eq "work"].value"#, "container absent"),
        (r#"addresses[type eq "work"]"#, r#"{"type":"work","locality":"Oslo"}"#),
        (r#"ims[type eq "skype"].value"#, "container absent"),
        ("odd.name", r#""dotted""#),
        ("Projektnummer/Ørsted §3", r#""P-1""#),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", r#""R&D""#),
        ("URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:user:Department", r#""R&D""#),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", r#""7""#),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", r#""7""#),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName", "absent"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division", "null"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter", "absent"),
        ("urn:northmere:employee:HireDate", r#""2026-07-15""#),
        ("urn:northmere:employee:special:HireDate", r#""special""#),
        ("urn:northmere:employee:Cost.Center", r#""C1""#),
        ("urn:northmere:employee:LeaveDate", "absent"),
        ("urn:northmere:other:LeaveDate", "container absent"),
        ("urn:x:csa:Project:Code", r#""77""#),
        ("urn:ietf:params:scim:schemas:extension:microsoft:entra:csa:Site:Code", r#""88""#),
        ("urn:ietf:params:scim:schemas:extension:microsoft:entra:csa:Flat:Code", r#""99""#),
        ("urn:ietf:params:scim:schemas:extension:microsoft:entra:csa:Site:Name", "absent"),
        ("urn:ietf:params:scim:schemas:extension:microsoft:entra:csa:Other:Name", "container absent"),
    ];
    for (path, expected) in cases {
        let parsed = AttributePath::of_attribute(path);
        assert_eq!(shown(&parsed.get(&record)), expected, "{path}");
        assert_eq!(parsed.to_string(), path);
    }
    let texts = |path: &str| AttributePath::of_attribute(path).get(&record).texts().join("|");
    assert_eq!(texts("roles"), "Admin|Reader");
    assert_eq!(texts("emails"), "ada@example.com|ada@home.example");
    assert_eq!(texts("active"), "False");
}

#[test]
fn a_manager_is_read_in_every_shape() {
    let cases = [
        (json!({ "manager": { "value": "7" } }), r#""7""#),
        (json!({ "manager": "7" }), r#""7""#),
        (json!({ "manager": null }), "null"),
        (json!({ "manager": { "value": null } }), "null"),
        (json!({ "manager": { "value": "" } }), r#""""#),
        (json!({ "manager": {} }), "absent"),
        (json!({}), "absent"),
    ];
    for (extension, expected) in cases {
        let record = json!({ ENTERPRISE: extension });
        let path = AttributePath::of_attribute(&format!("{ENTERPRISE}:manager"));
        assert!(path.is_manager());
        assert_eq!(shown(&path.get(&record)), expected, "{record}");
    }
    let by_value = AttributePath::of_attribute(&format!("{ENTERPRISE}:manager.value"));
    for (record, expected) in [("7", r#""7""#), ("", r#""""#)] {
        let record = json!({ ENTERPRISE: { "manager": record } });
        assert_eq!(shown(&by_value.get(&record)), expected);
    }
    assert_eq!(shown(&by_value.get(&json!({ ENTERPRISE: { "manager": null } }))), "null");
}

#[test]
fn malformed_paths_say_where() {
    let cases = [
        ("", "an attribute path is empty"),
        ("name.", "attribute path `name.`: a name is expected at character 6"),
        (".name", "attribute path `.name`: a name is expected at character 1"),
        ("emails[]", "attribute path `emails[]`: an attribute name is expected at character 8"),
        ("emails[type ne 1]", "attribute path `emails[type ne 1]`: `eq` is expected at character 15"),
        (
            "emails[type eq work].value",
            "attribute path `emails[type eq work].value`: a text in double quotes, a number, `true` or `false` is expected at character 16",
        ),
        (
            r#"emails[type eq "w].v"#,
            r#"attribute path `emails[type eq "w].v`: a closing `"` is missing at character 21"#,
        ),
        (
            r#"emails[type eq "w"]v"#,
            r#"attribute path `emails[type eq "w"]v`: a name is expected at character 20"#,
        ),
    ];
    for (path, message) in cases {
        assert_eq!(AttributePath::parse(path).expect_err(path).to_string(), message);
    }
    // As the name of a schema's attribute any text is legal: it is one member.
    let record = json!({ "emails[type ne 1]": "x" });
    assert_eq!(AttributePath::of_attribute("emails[type ne 1]").get_text(&record).as_deref(), Some("x"));
}

const WRITTEN: [(&str, &str); 12] = [
    ("externalId", "1001"),
    ("name.givenName", "Ada"),
    ("name.familyName", "Ha\"r\\t\u{1}\u{2028}"),
    (r#"emails[type eq "work"].value"#, "ada@example.com"),
    (r#"emails[primary eq true].value"#, "first@example.com"),
    (r#"addresses[type eq "work"].locality"#, "Oslo"),
    (r#"addresses[type eq "work"].country"#, "NO"),
    (r#"addresses[type eq "home"].country"#, "SE"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "R&D"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "7"),
    ("urn:northmere:employee:HireDate", "2026-07-15"),
    ("ims.value", "ada"),
];

/// The writer and the tree agree, and what was written is read back.
#[test]
fn a_written_record_is_the_record_that_was_set() {
    let paths = WRITTEN.map(|(path, _)| AttributePath::parse(path).expect("a path"));
    let writer = RecordWriter::new(&paths).expect("a layout");
    let values = WRITTEN.map(|(_, value)| Slot::Text(value));
    let mut text = String::new();
    writer.write(&values, &mut text);
    let written: Value = serde_json::from_str(&text).expect("JSON");

    let mut set = json!({ "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE, "urn:northmere:employee"
    ] });
    for (path, (_, value)) in paths.iter().zip(WRITTEN) {
        path.set(&mut set, json!(value));
    }
    assert_eq!(written, set);
    assert_eq!(written["addresses"].as_array().map(Vec::len), Some(2));
    assert_eq!(written[ENTERPRISE]["manager"]["value"], "7");
    for (path, (_, value)) in paths.iter().zip(WRITTEN) {
        let read = path.get(&written);
        assert_eq!(read.texts(), [value], "{path}");
    }
}

#[test]
fn absent_values_leave_no_empty_objects_and_null_is_written() {
    let paths = WRITTEN.map(|(path, _)| AttributePath::of_attribute(path));
    let writer = RecordWriter::new(&paths).expect("a layout");
    let mut values = [Slot::Absent; WRITTEN.len()];
    values[0] = Slot::Text("1001");
    values[6] = Slot::Null;
    let mut text = String::new();
    writer.write(&values, &mut text);
    let written: Value = serde_json::from_str(&text).expect("JSON");
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": "1001",
        "addresses": [{ "type": "work", "country": null }]
    });
    assert_eq!(written, expected);
    // Values that are not there at all are absent.
    text.clear();
    writer.write(&[], &mut text);
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}

#[test]
fn paths_that_exclude_each_other_are_refused() {
    let layout = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| AttributePath::of_attribute(path)).collect();
        RecordWriter::new(&paths).map(|writer| writer.slots()).map_err(|error| error.to_string())
    };
    assert_eq!(
        layout(&["name.givenName", "NAME.GIVENNAME"]),
        Err("`NAME.GIVENNAME` is given twice".to_owned())
    );
    for pair in
        [["name", "name.givenName"], ["name.givenName", "name"], ["roles", r#"roles[type eq "a"].value"#]]
    {
        let message = format!("`{}` cannot be written beside another path that begins like it", pair[1]);
        assert_eq!(layout(&pair), Err(message));
    }
    assert_eq!(layout(&["name.givenName", "name.familyName"]), Ok(2));
}

#[test]
fn setting_replaces_what_stands_in_the_way() {
    let mut record = json!({ "name": "Ada", "Emails": [{ "type": "WORK", "value": "old" }] });
    AttributePath::of_attribute("name.givenName").set(&mut record, json!("Ada"));
    AttributePath::of_attribute(r#"emails[type eq "work"].value"#).set(&mut record, json!("new"));
    assert_eq!(
        record,
        json!({ "name": { "givenName": "Ada" }, "Emails": [{ "type": "WORK", "value": "new" }] })
    );
    let mut nothing = Value::Null;
    AttributePath::of_attribute("urn:northmere:employee:a").set(&mut nothing, json!(1));
    assert_eq!(nothing, json!({ "urn:northmere:employee": { "a": 1 } }));
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

#[test]
fn filters_hold_as_specified() {
    let user = json!({
        "id": "2819c223",
        "externalId": "AbC",
        "userName": "BJensen@example.com",
        "active": true,
        "nickName": "",
        "age": 42,
        "name": { "familyName": "O'Malley", "givenName": "Ann" },
        "emails": [
            { "type": "work", "value": "ann@example.com", "primary": true },
            { "type": "home", "value": "ann@home.example" }
        ],
        "roles": ["Admin"],
        "meta": { "lastModified": "2026-05-13T04:42:34Z" },
        ENTERPRISE: { "department": "R&D", "manager": { "value": "7" } }
    });
    let cases = [
        (r#"userName eq "bjensen@EXAMPLE.com""#, true),
        (r#"USERNAME Eq "bjensen@example.com""#, true),
        (r#"userName ne "bjensen@example.com""#, false),
        (r#"title ne "x""#, true),
        (r#"externalId eq "abc""#, false),
        (r#"externalId eq "AbC""#, true),
        (r#"name.familyName co "O'Malley""#, true),
        (r#"userName sw "BJ""#, true),
        (r#"userName ew ".org""#, false),
        ("title pr", false),
        ("nickName pr", false),
        ("emails pr", true),
        ("title eq null", true),
        ("userName eq null", false),
        ("active eq true", true),
        (r#"active eq "True""#, true),
        ("active eq False", false),
        ("age gt 41.5 and age le 42", true),
        ("age lt 42 or age ge 43", false),
        (r#"meta.lastModified gt "2026-05-13T04:42:33Z""#, true),
        (r#"emails eq "ANN@home.example""#, true),
        (r#"emails.type eq "home""#, true),
        (r#"emails[type eq "work" and value co "@example.com"]"#, true),
        (r#"emails[type eq "home" and value co "@example.com"]"#, false),
        (r#"emails[type eq "home"].value ew "home.example""#, true),
        (r#"roles eq "admin""#, true),
        (r#"not (active eq true)"#, false),
        (r#"not(title pr) and (userName pr or title pr)"#, true),
        (r#"title pr or userName pr and active eq false"#, false),
        (r#"(title pr or userName pr) and active eq true"#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "7""#, true),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "bj""#, true),
        (r#"userName eq "a\"b""#, false),
    ];
    for (text, expected) in cases {
        let filter = Filter::parse(text).expect(text);
        assert_eq!(filter.matches(&user), expected, "{text}");
    }
    let refused = [
        ("", "an attribute name is expected at character 1"),
        (
            "userName",
            "`eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr` is expected at character 9",
        ),
        (
            "userName eq",
            "a text in double quotes, a number, `true`, `false` or `null` is expected at character 12",
        ),
        (
            "userName eq ada",
            "a text in double quotes, a number, `true`, `false` or `null` is expected at character 13",
        ),
        (r#"userName eq "a" active pr"#, "`and`, `or` or the end of the filter is expected at character 17"),
        ("(userName pr", "`)` is expected at character 13"),
        ("emails[type pr", "`]` is expected at character 15"),
    ];
    for (text, message) in refused {
        assert_eq!(Filter::parse(text).expect_err(text).to_string(), message);
    }
    assert!(Filter::parse(&"(".repeat(5_000)).is_err());
}

/// Any JSON value, not too large.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let name = prop_oneof![
            Just("Operations".to_owned()),
            Just("data".to_owned()),
            Just("name".to_owned()),
            ".*"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_bulk(&bytes, &Mode::Strict);
        let _ = parse_bulk(&bytes, &open());
    }

    #[test]
    fn no_mangled_request_causes_a_panic(at in 0..4000usize, byte in any::<u8>(), cut in 0..4000usize) {
        let mut body = fs::read(samples().join("02-valid-full-two-people.json")).expect("readable");
        let length = body.len();
        body[at % length] = byte;
        body.truncate(cut.max(1));
        let _ = parse_bulk(&body, &open());
    }

    /// The scanner accepts what `serde_json` accepts, and cuts the same values.
    #[test]
    fn the_scanner_agrees_with_serde_json(value in any_json()) {
        let text = value.to_string();
        let mut scanner = Scanner::new(&text, 64);
        prop_assert_eq!(scanner.skip(), Ok(text.as_str()));
        prop_assert_eq!(scanner.end(), Ok(()));
    }

    #[test]
    fn the_scanner_refuses_what_serde_json_refuses(text in r#"[\[\]{}:,"\\ueE0-9.+\-tfn l]{0,24}"#) {
        let mut scanner = Scanner::new(&text, 64);
        let accepted = scanner.skip().is_ok() && scanner.end().is_ok();
        prop_assert_eq!(accepted, serde_json::from_str::<Value>(&text).is_ok());
    }

    #[test]
    fn strings_survive(text in ".*") {
        let mut written = String::new();
        push_string(&mut written, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&written).ok(), Some(text.clone()));
        let inside = &written[1..written.len() - 1];
        prop_assert_eq!(unescape(inside).into_owned(), text.clone());
        let escaped = serde_json::to_string(&text).unwrap_or_default();
        prop_assert_eq!(unescape(&escaped[1..escaped.len() - 1]).into_owned(), text);
    }

    #[test]
    fn no_path_causes_a_panic(text in r#"[a-z\[\]".: eqandtru0-9\\Ø-]{0,40}"#, record in any_json()) {
        let path = AttributePath::of_attribute(&text);
        let _ = path.get(&record);
        let mut record = record;
        path.set(&mut record, json!("x"));
    }

    #[test]
    fn no_filter_causes_a_panic(text in r#"([a-z.]{1,4}| |and|or|not|eq|pr|\[|\]|\(|\)|"|\\\\|[0-9]|Ø){0,20}"#, resource in any_json()) {
        if let Ok(filter) = Filter::parse(&text) {
            let _ = filter.matches(&resource);
        }
    }

    /// What is set is read, for every path that parses.
    #[test]
    fn what_is_set_is_read(text in r#"([a-z]{1,3}|urn:a:b:[a-z]{1,3})(\[[k-z]{1,2} eq ("[a-z]"|true|1)\])?(\.[a-j]{1,3})?"#) {
        let path = AttributePath::parse(&text).expect("a path");
        let mut record = json!({ "a": "in the way", "b": [1, null], "urn:a:b": null });
        let value = if text.ends_with(']') { json!({ "k": "x" }) } else { json!("x") };
        path.set(&mut record, value.clone());
        // An element that was replaced as a whole need not fit its selector any more.
        if !text.ends_with(']') {
            prop_assert_eq!(path.get(&record), Lookup::Value(&value));
        }
    }
}
