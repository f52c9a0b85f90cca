//! Exports that are not what they should be: nothing is applied, and the message says what to do.
use serde_json::Value;

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

/// A code page of DOS is found by the words it makes, and may be declared.
#[test]
fn names_in_a_code_page_of_dos_arrive_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("mitarbeiter.csv");
    let bytes = b"Personalnummer;Vorname;Nachname;E-Mail;Status\r\n\
        0001;J\x81rgen;Gr\x94\xe1ler;j.groessler@contoso.com;aktiv\r\n\
        0002;Bj\x9brn;\x99hring;b.oehring@contoso.com;aktiv\r\n\
        0003;Ren\x82;K\x84stner;r.kaestner@contoso.com;aktiv\r\n";
    std::fs::write(&export, bytes).expect("the export");
    let home = Home::from_export(&export);
    let names = |home: &Home| {
        let mut names: Vec<String> = home
            .users()
            .iter()
            .map(|u| format!("{} {}", u["givenName"], u["surname"]).replace('"', ""))
            .collect();
        names.sort();
        names
    };
    let expected = ["Bjørn Öhring", "Jürgen Größler", "René Kästner"];
    let project = home.path().join("hirewire.toml");
    let toml = std::fs::read_to_string(&project).expect("the project");
    assert!(toml.contains("encoding = \"cp850\""), "{toml}");
    let output = home.run(&["sync", "--yes"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(names(&home), expected);

    // Without the setting it is found and said; with one that is plainly wrong the setting counts.
    std::fs::write(&project, toml.replace("encoding = \"cp850\"\n", "")).expect("the project");
    let output = home.run(&["plan"]);
    assert!(text(&output).contains("cp850"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    std::fs::write(&project, toml.replace("cp850", "IBM437")).expect("the project");
    let (code, plan) = home.json(&["plan"]);
    assert_eq!(
        (code, &plan["people"][0]["anchor"]),
        (2, &serde_json::json!("0002")),
        "ø is ¢ in 437: {plan}"
    );
}

/// A column of an export that no standard attribute fits: through a custom extension into the directory, with its lineage.
#[test]
fn a_custom_extension_goes_from_the_column_to_the_directory_and_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("people.csv");
    let day = |badge: &str| {
        format!(
            "{}00001,Ada,Moreau,a1@contoso.com,Active,2020-01-15,{badge}\n",
            HEADER.replace('\n', ",Badge No\n")
        )
    };
    std::fs::write(&export, day("B-77")).expect("the export");
    let home = Home::from_export(&export);
    let name = "urn:contoso:params:scim:schemas:extension:badge:1.0:User:number";
    let project = home.path().join("hirewire.toml");
    let toml = std::fs::read_to_string(&project).expect("the project");
    assert!(toml.contains("Badge No"), "init names the columns that it did not map: {toml}");
    let (before, after) = toml.split_once(".columns]\n").expect("a column map");
    let toml = format!("{before}.columns]\n\"{name}\" = \"[Badge No]\"\n{after}");
    std::fs::write(&project, toml).expect("the project");
    let schema = home.path().join("schemas/directory.json");
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(&schema).expect("the schema")).expect("JSON");
    let mappings =
        document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].as_array_mut();
    let mappings = mappings.expect("mappings");
    let mut mapping = mappings[0].clone();
    mapping["matchingPriority"] = 0.into();
    mapping["targetAttributeName"] = "extensionAttribute1".into();
    mapping["source"]["name"] = name.into();
    mapping["source"]["expression"] = format!("[{name}]").into();
    mappings.push(mapping);
    let attributes =
        document["directories"][0]["objects"][0]["attributes"].as_array_mut().expect("attributes");
    let mut attribute = attributes.iter().find(|a| a["name"] == "displayName").expect("displayName").clone();
    attribute["name"] = name.into();
    attributes.push(attribute);
    std::fs::write(&schema, document.to_string()).expect("the schema");

    let bulk = home.run(&["bulk"]);
    let request: Value = serde_json::from_slice(&bulk.stdout).expect("one request");
    let data = &request["Operations"][0]["data"];
    let extension = "urn:contoso:params:scim:schemas:extension:badge:1.0:User";
    assert_eq!(data[extension]["number"], "B-77", "{request}");
    assert!(data["schemas"].as_array().expect("schemas").contains(&extension.into()), "{request}");

    let output = home.run(&["sync", "--yes"]);
    assert!(output.status.success(), "{}", text(&output));
    let found = |home: &Home| home.users()[0]["extensionAttribute1"].clone();
    assert_eq!(found(&home), "B-77");
    std::fs::write(&export, day("B-78")).expect("the export");
    let (_, plan) = home.json(&["plan"]);
    let change = &plan["people"][0]["changes"][0];
    assert_eq!(
        (&change["attribute"], &change["old"], &change["new"]),
        (&"extensionAttribute1".into(), &"B-77".into(), &"B-78".into()),
        "{plan}"
    );
    assert!(change["mapping"].as_str().is_some_and(|m| m.contains(name)), "{plan}");
    let output = home.run(&["sync", "--yes"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(found(&home), "B-78");
    let (_, logs) = home.json(&["logs", "--person", "00001"]);
    let received = &logs["value"][0]["provisioningSteps"][0]["details"];
    // Names of details hold no dots and colons (spec/inbound-api.md §8).
    assert_eq!(received["urncontosoparamsscimschemasextensionbadge10Usernumber"], "B-78", "{logs}");
    let written = logs["value"][0]["modifiedProperties"].as_array().expect("properties");
    let badge = written.iter().find(|property| property["displayName"] == "extensionAttribute1");
    assert_eq!(badge.map(|property| &property["newValue"]), Some(&"B-78".into()), "{logs}");
    let explained = text(&home.run(&["explain", "00001"]));
    assert!(explained.contains("extensionAttribute1") && explained.contains(name), "{explained}");
}
