//! Small exports: what is rejected, what stops, what is kept.

use hirewire_source::{Change, Export, Files, Fingerprints, SourceConfig};
use jiff::civil::date;
use serde_json::{Value, json};

fn base() -> Value {
    json!({
        "key": "id", "unique": ["mail"], "required": ["name"], "reference": {"column": "boss"},
        "status": {"column": "state", "active": ["A"], "inactive": ["T"]}, "lifecycle": {"hire": "start", "termination": "end"},
        "limits": {"vanished_allowed": 1},
        "columns": {"externalId": "[id]", "userName": "[mail]", "name.familyName": "[name]", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": "[boss]"}
    })
}

fn config(changes: Value) -> SourceConfig {
    let mut config = base();
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

const HEAD: &str = "id;mail;name;boss;state;start;end\n";
const DAY1: &str = "id;mail;name;boss;state;start;end\n01;a@x.example;Ann;;A;2020-01-01;\n02;b@x.example;Bo;01;A;2020-01-01;\n03;c@x.example;Cy;01;A;2020-01-01;\n";

/// Runs day 1 and then other bytes; gives a line for each thing that was found.
fn after(config: &SourceConfig, day1: &str, day2: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut known = Fingerprints::new(5);
    let mut lines = Vec::new();
    for (day, bytes) in [(3, day1.as_bytes()), (4, day2)] {
        std::fs::write(folder.path().join("people.csv"), bytes).unwrap();
        let config = SourceConfig { files: Files::One("people.csv".into()), ..config.clone() };
        let export = Export::open(&config, folder.path()).unwrap();
        let scan = export.scan(&known, date(2025, 3, day)).unwrap();
        let mut entries = scan.refreshed.clone();
        lines.clear();
        lines.extend(scan.stops.iter().map(|s| format!("stop {}", s.code)));
        lines.extend(
            scan.rejects
                .iter()
                .map(|r| format!("reject {} {} {}", r.at.line, r.key.clone().unwrap_or_default(), r.code)),
        );
        lines.extend(
            scan.warnings.iter().filter_map(|w| Some(format!("warn {} {}", w.at.as_ref()?.line, w.code))),
        );
        lines.extend(scan.vanished.iter().map(|v| {
            let who = (1..9).map(|n| format!("0{n}")).find(|k| known.key_hash(k) == v.key);
            format!("vanished {}", who.unwrap_or_default())
        }));
        lines.extend(scan.doubtful.iter().map(|_| "doubtful".to_string()));
        let rejects = export.records(&scan, |m| {
            let user: Value = serde_json::from_str(m.scim_json).unwrap();
            let active = user["active"].as_bool().unwrap();
            lines.push(format!("{:?} {} {}", m.change, m.key, if active { "active" } else { "inactive" }));
            assert!(m.change != Change::Deleted || !active);
            entries.push(m.entry);
            Ok(())
        });
        assert_eq!(rejects.unwrap(), []);
        known.update(entries);
        known.set_columns(scan.columns.clone());
    }
    lines
}

fn check(changes: Value, day2: &str, expected: &[&str]) {
    assert_eq!(after(&config(changes), DAY1, day2.as_bytes()), expected, "{day2:?}");
}

#[test]
fn rows() {
    let same = DAY1.strip_prefix(HEAD).unwrap();
    for (day2, expected) in [
        (DAY1.to_string(), vec![]),
        // Other order, other columns' order, blanks, CRLF, quotes, preamble of blank lines: no change.
        (DAY1.replace('\n', "\r\n").replace("Ann", " \"Ann\" ").replace(" \"", "\"").replace("\" ", "\""), vec![]),
        (format!("{HEAD}\n;;;;;;\n{same}{HEAD}\x1a"), vec![]),
        ("ID ;Mail;NAME;Boss;state;Start;End;new\n01;a@x.example;Ann;;A;2020-01-01;;\n02;B@X.example;Bo;01;A;2020-01-01;;z\n03;c@x.example;Cy;01;A;2020-01-01;;\n".into(), vec![]),
        (format!("{HEAD}{same}04;d@x.example;Di;02;A;2025-01-01;\n"), vec!["New 04 active"]),
        (DAY1.replace("Bo", "Bob"), vec!["Changed 02 active"]),
        (DAY1.replace(";Bo;01;A", ";Bo;01;T"), vec!["Changed 02 inactive"]),
        (DAY1.replace(";Bo;01;A", ";Bo;01;Q"), vec!["reject 3 02 UnknownStatus"]),
        (DAY1.replace("02;b@x.example;Bo", ";b@x.example;Bo"), vec!["reject 3  MissingKey"]),
        // Nobody can tell whose row it is: nobody is a leaver.
        (DAY1.replace("02;b@x.example;Bo", ";;Bo"), vec!["reject 3  MissingKey", "doubtful"]),
        (DAY1.replace("02;b@x.example;Bo", "2;b@x.example;Bo"), vec!["reject 3 2 LeadingZerosLost"]),
        (DAY1.replace(";Bo;", ";;"), vec!["reject 3 02 RequiredMissing"]),
        (DAY1.replace("Bo;01;A;2020-01-01", "Bo;01;A;2020-02-30"), vec!["reject 3 02 BadDate"]),
        (DAY1.replace("Bo;01;A;2020-01-01;", "Bo;01;A;2020-01-01;2019-01-01"), vec!["reject 3 02 DateOrder"]),
        (DAY1.replace("Bo;01;A;2020-01-01;", "Bo;01;A"), vec!["reject 3 02 ColumnCount"]),
        (DAY1.replace("Bo;", "B;o;"), vec!["reject 3 02 ColumnCount"]),
        (DAY1.replace("Bo", "B\u{fffd}"), vec!["reject 3 02 BadEncoding"]),
        // A delimiter at the end of each row, but not of the header.
        (DAY1.replace("2020-01-01;", "2020-01-01;;"), vec![]),
        // A stray quotation mark spoils one line.
        (DAY1.replace("Ann", "\"Ann"), vec!["reject 2 01 UnterminatedQuote"]),
        (format!("{DAY1}02;b@x.example;Bo;01;A;2020-01-01;\n"), vec!["warn 5 DuplicateRow"]),
        (format!("{DAY1}02;b@x.example;Bo ;01;A;2020-01-01;\n"), vec!["warn 5 DuplicateRow"]),
        (format!("{DAY1}02;z@x.example;Bo;01;A;2020-01-01;\n"), vec!["reject 5 02 DuplicateKey", "reject 3 02 DuplicateKey"]),
        (DAY1.replace("b@x", "a@x"), vec!["reject 3 02 DuplicateUnique"]),
        (format!("{DAY1}05;n@x.example;N;01;A;2020-01-01;\n06;n@x.example;M;01;A;2020-01-01;\n"), vec!["reject 5 05 DuplicateUnique", "reject 6 06 DuplicateUnique"]),
        // Addresses change hands in one file: the old owner has another one.
        (DAY1.replace("b@x", "q@x").replace("c@x", "b@x"), vec!["Changed 02 active", "Changed 03 active"]),
        (DAY1.replace(";Bo;01;", ";Bo;02;"), vec!["warn 3 ManagerSelf", "Changed 02 active"]),
        (DAY1.replace(";Bo;01;", ";Bo;77;"), vec!["warn 3 ManagerUnknown", "Changed 02 active"]),
        (DAY1.replace(";Ann;;", ";Ann;02;"), vec!["warn 2 ManagerCycle", "Changed 01 active"]),
        (DAY1.replace("02;b@x.example;Bo;01;A;2020-01-01;\n", ""), vec!["vanished 02"]),
    ] {
        check(json!({}), &day2, &expected);
    }
}

#[test]
fn dangers_of_the_whole_file() {
    let cut = &DAY1[..DAY1.len() - 12];
    for (day2, expected) in [
        ("", vec!["stop EmptyFile", "stop TooManyVanished"]),
        (HEAD, vec!["stop TooManyVanished", "stop TooFewRows"]),
        (cut, vec!["stop Truncated", "reject 4 03 ColumnCount"]),
        ("id;mail;boss;state;start;end\n", vec!["stop ColumnMissing"]),
        ("mail;name;boss;state;start;end\na@x.example;Ann;;A;2020-01-01;\n", vec!["stop ColumnMissing"]),
        (
            "id;mail;name;boss;state;start;end\n01;a@x.example;Ann;;A;2020-01-01;\n",
            vec!["stop TooManyVanished"],
        ),
    ] {
        let lines = after(&config(json!({})), DAY1, day2.as_bytes());
        for line in expected {
            assert!(lines.iter().any(|l| l == line), "{day2:?} {lines:?}");
        }
    }
    let trailer = json!({"trailer": {"pattern": "^END;(\\d+)"}});
    let (right, wrong) = (format!("{DAY1}END;3\n"), format!("{DAY1}END;4\n"));
    assert_eq!(after(&config(trailer.clone()), &right, right.as_bytes()), Vec::<String>::new());
    assert_eq!(after(&config(trailer.clone()), &right, wrong.as_bytes()), ["stop TrailerCount"]);
    assert_eq!(after(&config(trailer), &right, DAY1.as_bytes()), ["stop TrailerMissing"]);
    let quote = format!("{DAY1}04;\"d@x.example;Di;01;A;20");
    let lines = after(&config(json!({})), DAY1, quote.as_bytes());
    assert_eq!(lines, ["stop Truncated", "reject 5 04 UnterminatedQuote"]);
}

#[test]
fn a_file_where_all_is_new_spelled_has_an_eye_on_vanished_once() {
    let gone = DAY1.replace("02;b@x.example;Bo;01;A;2020-01-01;\n", "");
    let folder = tempfile::tempdir().unwrap();
    let mut known = Fingerprints::new(5);
    for (day, text, first_time) in
        [(3, DAY1, None), (4, gone.as_str(), Some(true)), (5, gone.as_str(), Some(false)), (6, DAY1, None)]
    {
        std::fs::write(folder.path().join("people.csv"), text).unwrap();
        let config = SourceConfig { files: Files::One("people*.csv".into()), ..config(json!({})) };
        let export = Export::open(&config, folder.path()).unwrap();
        let scan = export.scan(&known, date(2025, 3, day)).unwrap();
        assert_eq!(scan.vanished.first().map(|v| v.first_time), first_time);
        assert!(scan.vanished.iter().all(|v| v.since == date(2025, 3, 4)));
        let mut entries = scan.refreshed.clone();
        let mut keys = Vec::new();
        export
            .records(&scan, |m| {
                keys.push((m.key.to_string(), m.change));
                entries.push(m.entry);
                Ok(())
            })
            .unwrap();
        if day == 6 {
            assert_eq!(keys, [("02".to_string(), Change::Changed)], "who comes back is sent again");
        }
        known.update(entries);
    }
}

#[test]
fn several_rows_a_person_and_deltas() {
    let primary = json!({"primary": {"active_first": true, "latest": "start"}});
    let two = format!(
        "{DAY1}02;b@x.example;Bo II;01;A;2023-01-01;\n03;c@x.example;Cy old;01;T;2024-01-01;2024-02-01\n"
    );
    check(primary, &two, &["warn 3 SecondaryRow", "warn 6 SecondaryRow", "Changed 02 active"]);
    let delta = json!({"mode": "delta", "operation": {"column": "op"}});
    let head = HEAD.replace("id;", "op;id;");
    let day1 = DAY1.replace(HEAD, "").lines().map(|l| format!("I;{l}\n")).collect::<String>();
    let config = config(delta);
    let lines = after(
        &config,
        &format!("{head}{day1}"),
        format!("{head}D;02;;;;;;\nU;03;c@x.example;Cyd;01;A;2020-01-01;\n").as_bytes(),
    );
    assert_eq!(lines, ["Deleted 02 inactive", "Changed 03 active"]);
    assert_eq!(
        after(&config, &format!("{head}{day1}"), head.as_bytes()),
        Vec::<String>::new(),
        "an empty delta is no danger"
    );
}

#[test]
fn settings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), DAY1).unwrap();
    for (changes, setting) in [
        (json!({"key": ""}), "key"),
        (json!({"dates": {"default": "dd.MM"}}), "dates.default"),
        (json!({"encoding": "klingon"}), "encoding"),
        (json!({"columns": {"userName": "Jion([id])"}}), "columns.\"userName\""),
        (
            json!({"columns": {"emails[type = work].value": "[mail]"}}),
            "columns.\"emails[type = work].value\"",
        ),
        (json!({"lifecycle": {"time_zone": "Mars/Olympus"}}), "lifecycle.time_zone"),
    ] {
        let config = SourceConfig { files: Files::One("people.csv".into()), ..config(changes) };
        match Export::open(&config, folder.path()) {
            Err(hirewire_source::SourceError::Config { setting: found, .. }) => assert_eq!(found, setting),
            other => panic!("{setting}: {other:?}"),
        }
    }
    assert!(serde_json::from_value::<SourceConfig>(json!({"colums": {}})).is_err());
}

/// A line that looks like the trailer between the rows is no person either (found by fuzzing, case 10995).
#[test]
fn lines_like_the_trailer_are_nobody() {
    let same = DAY1.strip_prefix(HEAD).unwrap();
    let day2 = format!(
        "{HEAD}T;1\nT;2\n{}T;4\n04;d@x.example;Di;02;A;2025-01-01;\nT;4\n",
        same.replace("Bo", "Bob")
    );
    check(
        json!({"trailer": {"pattern": "^T;(\\d+)"}, "mode": "delta"}),
        &day2,
        &["Changed 02 active", "New 04 active"],
    );
}

/// What is made of a column is not what the column holds: only a plain `[Column]` must be an address.
#[test]
fn values_of_several_kinds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), "id,login,mail,badge\n01,ann,Ann <a@x.example>,7\n")
        .unwrap();
    let config: SourceConfig = serde_json::from_value(json!({
        "files": "people.csv", "key": "id",
        "columns": {
            "externalId": "[id]",
            "emails[type eq \"work\"].value": "[mail]",
            "emails[type eq \"work\"].primary": "\"true\"",
            "emails[type eq \"home\"].value": "Join(\"@\", [login], \"home.example\")",
            "phoneNumbers[type eq \"work\"].value": "Join(\"\", \"+49 30 \", [badge])",
            "addresses[type eq \"work\"].country": "\"DE\"",
            "addresses[type eq \"home\"].locality": "\"Berlin\"",
            "nickName": "[login]",
            "urn:contoso:params:scim:schemas:extension:badge:1.0:User:number": "[badge]",
            "urn:contoso:params:scim:schemas:extension:badge:1.0:User:door.floor": "\"3\"",
        }
    }))
    .unwrap();
    let export = Export::open(&config, folder.path()).unwrap();
    let scan = export.scan(&Fingerprints::new(1), date(2025, 3, 4)).unwrap();
    let mut users = Vec::new();
    export
        .records(&scan, |m| {
            users.push(serde_json::from_str::<Value>(m.scim_json).unwrap());
            Ok(())
        })
        .unwrap();
    let badge = "urn:contoso:params:scim:schemas:extension:badge:1.0:User";
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", badge],
        "externalId": "01",
        "emails": [{"type": "work", "value": "a@x.example", "primary": true}, {"type": "home", "value": "ann@home.example"}],
        "phoneNumbers": [{"type": "work", "value": "+49 30 7"}],
        "addresses": [{"type": "work", "country": "DE"}, {"type": "home", "locality": "Berlin"}],
        "nickName": "ann",
        badge: {"number": "7", "door": {"floor": "3"}},
        "active": true,
    });
    assert_eq!(users, std::slice::from_ref(&expected));
    let mut streamed = Vec::new();
    let counts = export.stream(date(2025, 3, 4), |key, user| {
        streamed.push((key.to_string(), serde_json::from_str::<Value>(user).unwrap()));
        Ok(())
    });
    assert_eq!((streamed, counts.unwrap().rejected), (vec![("01".to_string(), expected)], 0));
}

#[test]
fn archive_and_reject() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), DAY1.replace(";Bo;", ";;")).unwrap();
    let config = SourceConfig {
        files: Files::One("people.csv".into()),
        ..config(json!({"archive": "archive", "reject": "reject"}))
    };
    let export = Export::open(&config, folder.path()).unwrap();
    let scan = export.scan(&Fingerprints::new(1), date(2025, 3, 4)).unwrap();
    export.keep_rejected(&scan.rejects, "20250304T060000Z").unwrap();
    export.archive("20250304T060000Z").unwrap();
    let errors =
        std::fs::read_to_string(folder.path().join("reject/people.20250304T060000Z.errors.csv")).unwrap();
    assert_eq!(
        errors,
        "file,line,key,column,code,message\npeople.csv,3,02,name,RequiredMissing,empty; it is required\n"
    );
    let rows =
        std::fs::read_to_string(folder.path().join("reject/people.20250304T060000Z.rejected.csv")).unwrap();
    assert_eq!(rows, "id,mail,name,boss,state,start,end\n02,b@x.example,,01,A,2020-01-01,\n");
    assert!(
        folder.path().join("archive/people.20250304T060000Z.csv").exists()
            && !folder.path().join("people.csv").exists()
    );
}

#[test]
fn nothing_panics() {
    use proptest::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let pieces = prop_oneof![
        any::<Vec<u8>>(),
        "[\"';,|\t\n\r\\\\a-c0-9{}:\\[\\] \u{fffd}é.-]{0,200}".prop_map(String::into_bytes),
        Just(DAY1.as_bytes().to_vec()),
        Just(b"{\"employees\": [{\"id\": \"1\", \"/work/title\": {\"value\": \"x\"}}, {\"id\": ".to_vec()),
        Just(vec![0xff, 0xfe, 0x31, 0]),
        Just(b"PK\x03\x04PK\x05\x06aaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec()),
    ];
    let bytes = prop::collection::vec(pieces, 0..4).prop_map(|p| p.concat());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 120,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&(bytes, 0..4usize), |(bytes, format)| {
            let formats = ["csv", "json", "ndjson", "xlsx"];
            let name = ["people.csv", "people.json", "people.ndjson", "people.xlsx"][format];
            std::fs::write(folder.path().join(name), &bytes).unwrap();
            let mut configs = vec![config(json!({"format": formats[format]}))];
            configs.extend(hirewire_source::sniff(&folder.path().join(name)).map(|p| p.config));
            for config in configs {
                let config = SourceConfig { files: Files::One(name.into()), ..config };
                let Ok(export) = Export::open(&config, folder.path()) else { continue };
                let Ok(scan) = export.scan(&Fingerprints::new(1), date(2025, 3, 4)) else { continue };
                export
                    .records(&scan, |m| {
                        serde_json::from_str::<Value>(m.scim_json).unwrap();
                        Ok(())
                    })
                    .unwrap();
            }
            let mut known = hirewire_source::Reading::default();
            let _ = known.absorb(&bytes);
            Ok(())
        })
        .unwrap();
}
