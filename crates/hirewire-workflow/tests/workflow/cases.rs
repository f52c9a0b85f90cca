//! Whole-run cases: the published template where it is at hand, and our own.

use std::path::{Path, PathBuf};

use hirewire_workflow::case::run_case;

use crate::vectors::repository;

fn require(path: &Path) {
    let outcome = run_case(path);
    assert!(
        outcome.passed(),
        "{}: {}\n{}",
        path.display(),
        outcome.description,
        outcome.differences.join("\n")
    );
}

/// The folder of shared material beside the repository, where there is one.
fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("HIREWIRE_SHARED").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| repository("../shared"));
    folder.exists().then_some(folder)
}

#[test]
fn published_template_runs_unmodified() {
    let Some(shared) = shared() else { return };
    require(&shared.join("samples/logicapps/csv2scimbulkupload/csv2scim-5-records.case.json"));
}

fn all(folder: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".case.json"))
        .collect();
    found.sort();
    found
}

#[test]
fn own_cases() {
    let found = all(repository("samples/logicapps/ours"));
    assert!(found.len() >= 10, "{} cases", found.len());
    let mut wrong = String::new();
    for path in &found {
        let outcome = run_case(path);
        if !outcome.passed() {
            wrong += &format!("{}:\n{}\n", path.display(), outcome.differences.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn templates_pass_their_cases() {
    let found = all(repository("crates/hirewire-workflow/templates"));
    assert!(found.len() >= 5, "{} cases", found.len());
    let mut wrong = String::new();
    for path in &found {
        let outcome = run_case(path);
        if !outcome.passed() {
            wrong += &format!("{}:\n{}\n", path.display(), outcome.differences.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
