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
