//! Exports that are not what they should be: nothing is applied, and the message says what to do.
use crate::hirewire::{Home, text};

const HEADER: &str = "Employee Number,First Name,Last Name,Work Email,Status,Hire Date\n";

fn people(count: usize) -> String {
    let mut text = HEADER.to_owned();
    for n in 1..=count {
        text.push_str(&format!("{:05},Ada{n},Moreau{n},a{n}@contoso.com,Active,2020-01-15\n", n));
    }
    text
}

fn home(count: usize) -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("people.csv");
    std::fs::write(&export, people(count)).expect("the export");
    let home = Home::from_export(&export);
    std::fs::write(home.path().join("people.csv"), people(count)).expect("the export");
    let output = home.run(&["sync", "--yes", &home.path().join("people.csv").display().to_string()]);
    assert!(output.status.success(), "{}", text(&output));
    home
}

fn refused(home: &Home, name: &str, content: &[u8], code: &str) {
    let path = home.path().join(name);
    std::fs::write(&path, content).expect("the export");
    let file = path.display().to_string();
    for command in ["plan", "sync"] {
        let mut arguments = vec![command, &file];
        if command == "sync" {
            arguments.push("--yes");
        }
        let output = home.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{command} {name}: {}", text(&output));
        assert!(text(&output).contains(code), "{command} {name} does not name {code}: {}", text(&output));
        std::fs::write(&path, content).expect("the export");
    }
    assert_eq!(home.users().iter().filter(|u| u["accountEnabled"] == true).count(), 40, "{name}");
}

#[test]
fn files_that_are_not_believed_change_nothing() {
    let home = home(40);
    let whole = people(40);
    refused(&home, "empty.csv", b"", "EmptyFile");
    refused(&home, "header-only.csv", HEADER.as_bytes(), "TooManyVanished");
    refused(&home, "shrunk.csv", people(20).as_bytes(), "TooManyVanished");
    refused(&home, "cut.csv", &whole.as_bytes()[..whole.len() - 20], "Truncated");
    let renamed = whole.replace("Work Email", "Something Else");
    refused(&home, "renamed.csv", renamed.as_bytes(), "ColumnMissing");
}

#[test]
fn a_shrunken_export_may_be_forced() {
    let home = home(40);
    let path = home.path().join("shrunk.csv");
    std::fs::write(&path, people(20)).expect("the export");
    let output = home.run(&["plan", &path.display().to_string(), "--force-shrink"]);
    assert_eq!(output.status.code(), Some(0), "missing = keep changes nobody: {}", text(&output));
}

#[test]
fn a_reviewed_plan_is_applied_exactly_or_not_at_all() {
    let home = home(40);
    let changed = people(41).replace("Ada7,", "Ida7,");
    let path = home.path().join("changed.csv");
    std::fs::write(&path, &changed).expect("the export");
    let plan = home.path().join("plan.json").display().to_string();
    let output = home.run(&["plan", &path.display().to_string(), "--save", &plan]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));

    std::fs::write(&path, changed.replace("Ada8,", "Ida8,")).expect("the export");
    let output = home.run(&["sync", "--plan", &plan]);
    assert_eq!(output.status.code(), Some(1), "the world has moved: {}", text(&output));
    assert_eq!(home.users().len(), 40);

    std::fs::write(&path, &changed).expect("the export");
    let output = home.run(&["sync", "--plan", &plan]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(home.users().len(), 41);
}

#[test]
fn a_mistake_in_the_project_file_names_its_place() {
    let home = home(1);
    let file = home.path().join("hirewire.toml");
    let toml = std::fs::read_to_string(&file).expect("the project").replace("delimiter =", "delimeter =");
    std::fs::write(&file, toml).expect("the project");
    let output = home.run(&["plan"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert!(said.contains("hirewire.toml:") && said.contains("did you mean `delimiter`?"), "{said}");
}
