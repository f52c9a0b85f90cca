//! Attribute paths: reading, writing, messages.
use hirewire_scim::{AttributePath, Lookup};
use serde_json::{Value, json};

use super::support::ENTERPRISE;

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
