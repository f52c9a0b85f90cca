//! No input causes a panic; what is written is read.
use std::fs;

use hirewire_scim::syntax::{Scanner, push_string, unescape};
use hirewire_scim::{AttributePath, Filter, Lookup, Mode, parse_bulk};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{open, samples};

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

/// Records with lists, extensions and odd spellings of both.
fn any_record() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "addresses",
        "Addresses",
        "emails",
        "type",
        "value",
        "locality",
        "manager",
        "department",
        "Department",
        "urn:a:b:User",
        "URN:a:b:user",
        "urn:a:b:User:department",
        "urn:a",
        "b",
        "x.y",
    ]);
    let leaf = prop_oneof![
        Just(json!("work")),
        Just(json!("Work")),
        Just(json!("Ä")),
        Just(Value::Null),
        Just(json!(1))
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name.clone().prop_map(str::to_owned), inner), 0..6)
                .prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    /// Reading beside another attribute is reading.
    #[test]
    fn a_shared_container_changes_nothing(record in any_record()) {
        let paths: Vec<AttributePath> = [
            r#"addresses[type eq "work"].locality"#, r#"addresses[type eq "work"].value"#, r#"addresses[type eq "work"].x.y"#,
            r#"addresses[type eq "work"]"#, "urn:a:b:User:department", "URN:A:B:User:manager", "urn:a:b:User:manager.value",
            "urn:a:b:User", "urn:a:b:User:x.y", "emails.value", "addresses",
        ].into_iter().map(AttributePath::of_attribute).collect();
        for first in &paths {
            let container = first.container(&record);
            for path in paths.iter().filter(|path| first.shares_container(path)) {
                prop_assert_eq!(path.get_within(container, &record), path.get(&record), "{} beside {}", path, first);
            }
        }
    }

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
