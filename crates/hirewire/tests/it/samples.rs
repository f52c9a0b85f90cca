//! Day 1 and day 2 of the sample exports, against their `expected.json`, in every format.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::hirewire::{Home, sample, text};

/// The same people in three forms.
#[derive(Clone, Copy)]
struct Format {
    /// Name in `dirty_rows[].in`.
    name: &'static str,
    /// `day1` or `day2` with this ending.
    ending: &'static str,
}

const CSV: Format = Format { name: "csv", ending: ".csv" };
const WINDOWS_1252: Format = Format { name: "windows1252", ending: "-windows1252.csv" };
const HIBOB: Format = Format { name: "people.json", ending: "-people.json" };

/// A plan's people by anchor.
fn people(plan: &Value) -> BTreeMap<String, Value> {
    let list = plan["people"].as_array().expect("people");
    list.iter().map(|p| (p["anchor"].as_str().unwrap_or_default().to_owned(), p.clone())).collect()
}

fn numbers(expected: &Value, list: &str) -> Vec<String> {
    expected["day2"][list]
        .as_array()
        .unwrap_or_else(|| panic!("expected.json has no {list}"))
        .iter()
        .map(|item| item.as_str().or_else(|| item["employeeNumber"].as_str()).expect("a number").to_owned())
        .collect()
}

fn changed(person: &Value) -> Vec<&str> {
    person["changes"].as_array().expect("changes").iter().filter_map(|c| c["attribute"].as_str()).collect()
}

fn two_days(size: &str, format: Format) {
    let expected: Value = serde_json::from_slice(
        &std::fs::read(sample(&format!("hris/{size}/expected.json"))).expect("expected.json"),
    )
    .expect("JSON");
    let day1 = sample(&format!("hris/{size}/day1{}", format.ending));
    let day2 = sample(&format!("hris/{size}/day2{}", format.ending));
    let (day1, day2) = (day1.to_str().expect("a path"), day2.to_str().expect("a path"));
    let home = Home::from_export(std::path::Path::new(day1));

    // Day 1: everybody is new.
    let rows = expected["day1"]["rows"].as_u64().expect("rows");
    let (code, plan) = home.json(&["plan", "--as-of", "2025-03-03"]);
    assert_eq!(code, 2, "changes are pending: {}", plan["totals"]);
    assert_eq!(plan["totals"]["create"], rows, "{}", plan["totals"]);
    let (code, done) = home.json(&["sync", "--yes", "--as-of", "2025-03-03"]);
    assert_eq!(code, 0, "{done:#}");
    assert_eq!(done["totals"], plan["totals"], "the plan said what the sync did");
    let users = home.users();
    assert_eq!(users.len() as u64, rows);
    let status = &expected["day1"]["status"];
    let enabled = users.iter().filter(|u| u["accountEnabled"] == true).count() as u64;
    assert_eq!(Some(enabled), status["Active"].as_u64().zip(status["On Leave"].as_u64()).map(|(a, l)| a + l));

    // Day 2: exactly that day's joiners, movers, leavers and rehires.
    let (code, plan) = home.json(&["plan", day2, "--as-of", "2025-03-04", "--all"]);
    assert_eq!(code, 2);
    let by_number = people(&plan);
    let action = |number: &str| {
        by_number.get(number).and_then(|p| p["action"].as_str()).unwrap_or("absent").to_owned()
    };
    let assert_all = |list: &str, wanted: &str| {
        for number in numbers(&expected, list) {
            assert_eq!(
                action(&number),
                wanted,
                "{list}: {number}: {:#}",
                by_number.get(&number).unwrap_or(&Value::Null)
            );
        }
    };
    assert_all("joiners_starting_today", "create");
    assert_all("joiners_with_future_hire_date", "create");
    assert_all("pending_becoming_active", "enable");
    for list in
        ["department_changes", "manager_changes_only", "title_changes_only", "site_changes", "name_changes"]
    {
        assert_all(list, "update");
    }
    assert_all("title_changes_with_quoting", "update");
    assert_all("going_on_leave", "skip");
    assert_all("back_from_leave", "skip");
    for list in ["leavers_effective", "leavers_planned_earlier", "leavers_who_still_have_reports"] {
        assert_all(list, "disable");
    }
    assert_all("future_terminations_newly_set", "update");
    assert_all("missing_from_export", "absent");
    assert_all("rehires_same_number", "enable");
    assert_all("rehires_new_number", "create");
    assert_all("same_name_in_decomposed_unicode", "skip");
    for change in expected["day2"]["department_changes"].as_array().expect("a list") {
        let person = &by_number[change["employeeNumber"].as_str().expect("a number")];
        let department =
            person["changes"].as_array().expect("changes").iter().find(|c| c["attribute"] == "department");
        let department = department.unwrap_or_else(|| panic!("no department change: {person:#}"));
        assert_eq!((&department["old"], &department["new"]), (&change["from"], &change["to"]));
    }
    for number in numbers(&expected, "manager_changes_only") {
        assert_eq!(changed(&by_number[&number]), ["manager"], "{number}");
    }
    for number in numbers(&expected, "title_changes_only") {
        assert_eq!(changed(&by_number[&number]), ["jobTitle"], "{number}");
    }
    dirty_rows(&expected, format, &plan, &action);

    let (code, done) = home.json(&["sync", day2, "--yes", "--as-of", "2025-03-04"]);
    assert_eq!(code, 0, "{done:#}");
    assert_eq!(done["totals"], plan["totals"], "the plan said what the sync did");
    let enabled: BTreeMap<String, bool> = home
        .users()
        .iter()
        .map(|u| (u["employeeId"].as_str().unwrap_or_default().to_owned(), u["accountEnabled"] == true))
        .collect();
    for (list, wanted) in [
        ("joiners_starting_today", true),
        ("joiners_with_future_hire_date", false),
        ("pending_becoming_active", true),
        ("leavers_effective", false),
        ("leavers_planned_earlier", false),
        ("future_terminations_newly_set", true),
        ("missing_from_export", true),
        ("rehires_same_number", true),
        ("rehires_new_number", true),
    ] {
        for number in numbers(&expected, list) {
            assert_eq!(enabled.get(&number), Some(&wanted), "{list}: {number}");
        }
    }

    // Day 2 again: nothing.
    let output = home.run(&["plan", day2, "--as-of", "2025-03-04"]);
    assert_eq!(output.status.code(), Some(0), "day 2 again changes nothing:\n{}", text(&output));
}

fn dirty_rows(expected: &Value, format: Format, plan: &Value, action: &dyn Fn(&str) -> String) {
    for dirty in expected["day2"]["dirty_rows"].as_array().expect("dirty rows") {
        if !dirty["in"].as_array().expect("in").iter().any(|f| f == format.name) {
            continue;
        }
        let (kind, effect) = (&dirty["kind"], dirty["effect"].as_str().expect("an effect"));
        for number in dirty["employeeNumbers"].as_array().expect("numbers").iter().filter_map(Value::as_str) {
            let found = action(number);
            let warned = || {
                plan["warnings"].as_array().is_some_and(|list| {
                    list.iter().any(|w| {
                        w["anchor"] == number || w["message"].as_str().is_some_and(|m| m.contains(number))
                    })
                })
            };
            match effect {
                // The employee keeps the last known state: set aside, or (with the number blank) not there at all.
                // With the number blank or cut the row is rejected under what stands there, and the employee counts as unchanged.
                "reject-row" if kind == "missing-employee-number" || kind == "leading-zeros-lost" => {
                    let written =
                        if kind == "leading-zeros-lost" { number.trim_start_matches('0') } else { "" };
                    assert_eq!(action(written), "reject", "{kind}: {number}");
                    assert!(["skip", "absent"].contains(&found.as_str()), "{kind}: {number}: {found}");
                }
                "reject-row" | "reject-both" => {
                    assert!(["reject", "absent"].contains(&found.as_str()), "{kind}: {number}: {found}");
                }
                "ignore-second" | "no-change" => assert_eq!(found, "skip", "{kind}: {number}"),
                "warn-keep-old-manager" | "warn-or-map" | "warn-drop-value" => {
                    assert!(["skip", "update"].contains(&found.as_str()), "{kind}: {number}: {found}");
                    assert!(warned(), "{kind}: {number}: no warning");
                }
                other => panic!("expected.json has an effect this test does not know: {other}"),
            }
        }
    }
}

#[test]
fn a_hundred_people_as_csv() {
    two_days("100", CSV);
}

#[test]
fn a_hundred_people_as_windows_1252() {
    two_days("100", WINDOWS_1252);
}

#[test]
fn a_hundred_people_as_hibob_json() {
    two_days("100", HIBOB);
}

#[test]
fn two_thousand_people_as_csv() {
    two_days("2000", CSV);
}

#[test]
fn two_thousand_people_as_windows_1252() {
    two_days("2000", WINDOWS_1252);
}

#[test]
fn two_thousand_people_as_hibob_json() {
    two_days("2000", HIBOB);
}
