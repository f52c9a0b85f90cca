//! Days of a small company: who starts, who leaves, who stands under whom, and how that is counted.
use crate::hirewire::{Home, text};

const STAFF: &str = "\
Staff No;Given;Surname;Mail;Unit;Boss;Start;End;State
S-9;Ada;Moreau;ada@contoso.com;Sales;S-1;2019-02-01;;Active
S-7;Lin;Chen;lin@contoso.com;IT;S-9;2031-01-01;;Active
S-1;Max;Stein;max@contoso.com;Board;;2015-01-01;;Active
";

fn home() -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("staff.csv");
    std::fs::write(&export, STAFF).expect("the export");
    let home = Home::from_export(&export);
    std::fs::write(home.path().join("staff.csv"), STAFF).expect("the export");
    home
}

fn staff(home: &Home) -> String {
    home.path().join("staff.csv").display().to_string()
}

#[test]
fn a_manager_who_comes_later_in_the_file_is_nothing_to_warn_of() {
    let home = home();
    let (code, done) = home.json(&["sync", "--yes", "--as-of", "2026-01-05", &staff(&home)]);
    assert_eq!(code, 0, "{done}");
    assert_eq!(done["warnings"], serde_json::json!([]), "{done}");
    let managed = home.users().iter().filter(|user| !user["manager"].is_null()).count();
    assert_eq!(managed, 2);
}

#[test]
fn whoever_starts_today_is_counted_once() {
    let home = home();
    let output = home.run(&["sync", "--yes", "--as-of", "2026-01-05", &staff(&home)]);
    assert!(output.status.success(), "{}", text(&output));
    let (code, plan) = home.json(&["plan", "--as-of", "2031-01-01", &staff(&home)]);
    assert_eq!(code, 2, "{plan}");
    assert_eq!(plan["totals"]["enable"], 1, "{plan}");
    assert_eq!(plan["totals"]["skip"], 2, "{plan}");
}

/// Day two of [`home`], where Lin's number comes back with somebody else's name and address.
fn with_a_stranger() -> (Home, String) {
    let home = home();
    let output = home.run(&["sync", "--yes", "--as-of", "2026-01-05", &staff(&home)]);
    assert!(output.status.success(), "{}", text(&output));
    let other = STAFF.replace("Lin;Chen;lin@", "Zara;Quill;zara@");
    std::fs::write(home.path().join("staff.csv"), &other).expect("the export");
    let output = home.run(&["sync", "--yes", "--as-of", "2026-01-06", &staff(&home)]);
    assert_eq!(output.status.code(), Some(2), "somebody waits: {}", text(&output));
    assert!(home.users().iter().all(|user| user["givenName"] != "Zara"));
    let (_, log) = home.json(&["logs", "--person", "S-7", "-n", "1"]);
    assert!(log.to_string().contains("HeldForReview"), "{log}");
    assert!(!log.to_string().to_lowercase().contains("stageddelete"), "nobody is deleted: {log}");
    let (_, plan) = home.json(&["plan", "--as-of", "2026-01-07", &staff(&home)]);
    assert_eq!((&plan["totals"]["skip"], &plan["totals"]["reject"]), (&2.into(), &1.into()), "{plan}");
    assert!(text(&home.run(&["review"])).contains("Lin → Zara"));
    (home, other)
}

#[test]
fn a_number_that_comes_back_is_reviewed_and_taken_for_the_same_person() {
    let (home, _) = with_a_stranger();
    let output = home.run(&["review", "S-7", "--same"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(home.users().iter().any(|user| user["givenName"] == "Zara"));
    assert_eq!(home.users().len(), 3);
    assert!(text(&home.run(&["review"])).contains("nobody"));
    let (_, plan) = home.json(&["plan", "--as-of", "2026-01-07", &staff(&home)]);
    assert_eq!(plan["totals"]["skip"], 3, "{plan}");
}

#[test]
fn a_number_that_comes_back_is_reviewed_and_left_alone() {
    let (home, _) = with_a_stranger();
    let output = home.run(&["review", "S-7", "--dismiss"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(home.users().iter().any(|user| user["givenName"] == "Lin"));
    assert_eq!(home.run(&["review", "S-7", "--same"]).status.code(), Some(1), "it is decided");
}

#[test]
fn a_corrected_export_ends_the_review() {
    let (home, _) = with_a_stranger();
    std::fs::write(home.path().join("staff.csv"), STAFF.replace(";IT;", ";Research;")).expect("the export");
    let output = home.run(&["sync", "--yes", "--as-of", "2026-01-07", &staff(&home)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&home.run(&["review"])).contains("nobody"));
}
