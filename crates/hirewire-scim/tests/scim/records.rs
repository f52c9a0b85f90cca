//! Records written in slot order.
use hirewire_scim::{AttributePath, RecordWriter, Slot};
use serde_json::{Value, json};

use super::support::ENTERPRISE;

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
