//! kill -9 in the middle of `sync`: nothing is lost and nobody is created twice.
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hirewire::{Home, sample, text};

/// The directory as people see it: everything but the object ids, managers by their employee number.
fn directory(home: &Home) -> BTreeMap<String, Value> {
    let users = home.users();
    let number = |user: &Value| user["employeeId"].as_str().unwrap_or_default().to_owned();
    let by_id: BTreeMap<String, String> =
        users.iter().map(|u| (u["id"].as_str().unwrap_or_default().to_owned(), number(u))).collect();
    assert_eq!(by_id.len(), users.len(), "two accounts share an object id");
    let mut people = BTreeMap::new();
    for mut user in users.clone() {
        let number = number(&user);
        let fields = user.as_object_mut().expect("a user");
        for made in ["id", "createdDateTime", "lastModified"] {
            fields.remove(made);
        }
        if let Some(manager) = fields.get("manager").and_then(Value::as_str) {
            let manager =
                by_id.get(manager).cloned().unwrap_or_else(|| panic!("{number}: the manager is nobody's id"));
            fields.insert("manager".into(), Value::from(manager));
        }
        assert!(people.insert(number.clone(), user).is_none(), "{number} has two accounts");
    }
    people
}

/// The people who differ, so that a failure can be read.
fn assert_same(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>, when: &str) {
    let numbers: std::collections::BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for number in numbers {
        assert_eq!(found.get(number), expected.get(number), "{when}: {number}");
    }
}

/// A repeatable pseudo-random number, so that a failure can be run again.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn twenty_kills_lose_nothing_and_double_nobody() {
    let day1 = sample("hris/2000/day1.csv");
    let sync = ["sync", "--yes", "--as-of", "2025-03-03"];

    let undisturbed = Home::from_export(&day1);
    let began = Instant::now();
    let output = undisturbed.run(&sync);
    let whole = began.elapsed();
    assert!(output.status.success(), "{}", text(&output));
    let expected = directory(&undisturbed);

    let mut seed = 20_250_303;
    let mut killed = 0;
    let mut home = Home::from_export(&day1);
    for _ in 0..20 {
        let mut child =
            home.command(&sync).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
        let after = Duration::from_micros(random(&mut seed) % u64::try_from(whole.as_micros()).unwrap_or(1));
        std::thread::sleep(after);
        let _ = child.kill();
        let status = child.wait().expect("the child ends");
        if status.code().is_none() {
            killed += 1;
        } else {
            // It got through: begin with an empty directory again.
            assert_same(&directory(&home), &expected, "got through");
            home = Home::from_export(&day1);
        }
    }
    assert!(killed > 0, "no kill hit a running sync");
    let output = home.run(&sync);
    assert!(output.status.success(), "{}", text(&output));
    assert_same(&directory(&home), &expected, &format!("after {killed} kills"));
}
