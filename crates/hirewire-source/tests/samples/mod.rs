//! The sample companies: day 1, then day 2, in all three formats, with settings by hand and with proposed ones.

use hirewire_source::{Change, Export, Fingerprints, RejectCode, Scan, SourceConfig, WarningCode};
use jiff::civil::date;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn samples(size: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/hris").join(size)
}

fn csv_config() -> Value {
    json!({
        "key": "EmployeeNumber", "unique": ["WorkEmail"], "required": ["FirstName", "LastName"],
        "reference": {"column": "ManagerEmployeeNumber"},
        "status": {"column": "Status", "active": ["Active", "On Leave"], "inactive": ["Pending", "Terminated"]},
        "lifecycle": {"hire": "HireDate", "termination": "TerminationDate"},
        "columns": {
            "externalId": "[EmployeeNumber]", "userName": "[WorkEmail]", "name.givenName": "[FirstName]", "name.familyName": "[LastName]",
            "displayName": "Join(\" \", Coalesce([PreferredName], [FirstName]), [LastName])",
            "title": "[JobTitle]", "userType": "[EmploymentType]", "emails[type eq \"work\"].value": "[WorkEmail]",
            "phoneNumbers[type eq \"work\"].value": "[WorkPhone]", "phoneNumbers[type eq \"mobile\"].value": "[MobilePhone]",
            "addresses[type eq \"work\"].locality": "[City]", "addresses[type eq \"work\"].country": "[Country]",
            format!("{ENTERPRISE}:department"): "[Department]", format!("{ENTERPRISE}:division"): "[Division]",
            format!("{ENTERPRISE}:costCenter"): "[CostCenter]", format!("{ENTERPRISE}:manager"): "[ManagerEmployeeNumber]",
        }
    })
}

/// The same settings for the German headers.
fn german_config() -> Value {
    let names = [
        ("ManagerEmployeeNumber", "Personalnr. Vorgesetzte/r"),
        ("EmployeeNumber", "Personalnummer"),
        ("FirstName", "Vorname"),
        ("LastName", "Nachname"),
        ("PreferredName", "Rufname"),
        ("WorkEmail", "E-Mail"),
        ("JobTitle", "Stellenbezeichnung"),
        ("[Department]", "[Abteilung]"),
        ("[Division]", "[Bereich]"),
        ("CostCenter]", "Kostenstelle]"),
        ("[City]", "[Ort]"),
        ("[Country]", "[Land]"),
        ("EmploymentType", "Beschäftigungsart"),
        ("HireDate", "Eintrittsdatum"),
        ("TerminationDate", "Austrittsdatum"),
        ("WorkPhone", "Telefon"),
        ("MobilePhone", "Mobil"),
    ];
    let text = names.iter().fold(csv_config().to_string(), |text, (from, to)| text.replace(from, to));
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["encoding"] = "windows-1252".into();
    config["delimiter"] = ";".into();
    config["dates"] = json!({"default": "dd.MM.yyyy"});
    config
}

fn people_config() -> Value {
    json!({
        "records": "employees", "key": "work.employeeIdInCompany", "unique": ["root.email"], "required": ["root.firstName", "root.surname"],
        "reference": {"column": "work.reportsTo.id", "by": "root.id"},
        "status": {"column": "internal.lifecycleStatus", "active": ["employed", "leave"], "inactive": ["hired", "terminated"]},
        "lifecycle": {"hire": "work.startDate", "termination": "internal.terminationDate"},
        "columns": {
            "externalId": "[work.employeeIdInCompany]", "userName": "[root.email]", "name.givenName": "[root.firstName]",
            "name.familyName": "[root.surname]", "title": "[humanReadable.work.title]",
            "phoneNumbers[type eq \"work\"].value": "[home.workPhone]", "addresses[type eq \"work\"].locality": "[work.site]",
            "addresses[type eq \"work\"].country": "[address.country]",
            format!("{ENTERPRISE}:department"): "[humanReadable.work.department]",
            format!("{ENTERPRISE}:manager"): "[work.reportsTo.id]",
        }
    })
}

struct Day {
    scan: Scan,
    people: BTreeMap<String, (Change, Value)>,
    known: Fingerprints,
}

fn run(config: &SourceConfig, file: &Path, mut known: Fingerprints, day: i8) -> Day {
    let mut config = config.clone();
    config.files = hirewire_source::Files::One(file.display().to_string());
    let export = Export::open(&config, Path::new("/")).unwrap();
    let scan = export.scan(&known, date(2025, 3, day)).unwrap();
    let mut people = BTreeMap::new();
    let mut entries = scan.refreshed.clone();
    let rejects = export
        .records(&scan, |mapped| {
            let user: Value = serde_json::from_str(mapped.scim_json).unwrap();
            assert_eq!(user["externalId"], mapped.key);
            entries.push(mapped.entry);
            assert!(people.insert(mapped.key.to_string(), (mapped.change, user)).is_none());
            Ok(())
        })
        .unwrap();
    assert_eq!(rejects, []);
    known.update(entries);
    known.set_columns(scan.columns.clone());
    let known = Fingerprints::from_bytes(&known.to_bytes()).unwrap();
    Day { scan, people, known }
}

fn strings(list: &Value) -> Vec<String> {
    let one = |v: &Value| v.as_str().or_else(|| v["employeeNumber"].as_str()).unwrap().to_string();
    list.as_array().unwrap().iter().map(one).collect()
}

/// Runs both days and compares with `expected.json`.
fn compare(size: &str, format: &str, config: &SourceConfig, files: (&str, &str)) {
    let folder = samples(size);
    let expected: Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let (day1, day2) = (&expected["day1"], &expected["day2"]);
    let first = run(config, &folder.join(files.0), Fingerprints::new(1), 3);
    assert_eq!(first.scan.counts.new as u64, day1["rows"].as_u64().unwrap(), "{:?}", first.scan.rejects);
    assert!(first.scan.stops.is_empty() && first.scan.rejects.is_empty(), "{:?}", first.scan.stops);
    assert_eq!(first.known.len(), first.people.len());

    // The same file again: nothing.
    let again = run(config, &folder.join(files.0), first.known.clone(), 3);
    assert_eq!((again.scan.counts.unchanged, again.people.len()), (first.people.len(), 0));

    let second = run(config, &folder.join(files.1), first.known.clone(), 4);
    let scan = &second.scan;
    assert!(scan.stops.is_empty(), "{:?}", scan.stops);
    let mut new = BTreeSet::new();
    let mut changed = BTreeSet::new();
    for (list, people) in day2.as_object().unwrap() {
        match list.as_str() {
            "joiners_starting_today" | "joiners_with_future_hire_date" | "rehires_new_number" => {
                new.extend(strings(people))
            }
            "missing_from_export" | "same_name_in_decomposed_unicode" | "dirty_rows" => {}
            _ if people.is_array() => changed.extend(strings(people)),
            _ => {}
        }
    }
    let mut rejected: BTreeMap<String, RejectCode> = BTreeMap::new();
    let mut warned: BTreeMap<String, WarningCode> = BTreeMap::new();
    for dirty in day2["dirty_rows"].as_array().unwrap() {
        let here = strings(&dirty["in"]).iter().any(|f| f == format);
        for number in strings(&dirty["employeeNumbers"]) {
            let kind = dirty["kind"].as_str().unwrap();
            let code = match kind {
                "conflicting-duplicate-number" => Ok(RejectCode::DuplicateKey),
                "missing-employee-number" => Ok(RejectCode::MissingKey),
                "missing-last-name" => Ok(RejectCode::RequiredMissing),
                "impossible-date" => Ok(RejectCode::BadDate),
                "too-few-columns" | "too-many-columns" => Ok(RejectCode::ColumnCount),
                "duplicate-email" => Ok(RejectCode::DuplicateUnique),
                "termination-before-hire" => Ok(RejectCode::DateOrder),
                "leading-zeros-lost" => Ok(RejectCode::LeadingZerosLost),
                "unknown-manager" => Err(WarningCode::ManagerUnknown),
                "own-manager" => Err(WarningCode::ManagerSelf),
                "manager-cycle" => Err(WarningCode::ManagerCycle),
                "non-iso-country" => Err(WarningCode::Country),
                "scientific-notation-phone" => Err(WarningCode::ScientificNotation),
                "exact-duplicate-row" => Err(WarningCode::DuplicateRow),
                "spaces-and-case" => continue,
                other => panic!("{other}"),
            };
            // The generator writes the country into the JSON file as well.
            match code {
                Err(code) if here || kind == "non-iso-country" => {
                    warned.insert(number.clone(), code);
                    if kind != "exact-duplicate-row" {
                        changed.insert(number);
                    }
                }
                Ok(code) if here => {
                    rejected.insert(number, code);
                }
                _ => {}
            }
        }
    }
    let of = |change: Change| -> BTreeSet<String> {
        second.people.iter().filter(|(_, (c, _))| *c == change).map(|(k, _)| k.clone()).collect()
    };
    assert_eq!(of(Change::New), new, "{size} {format}");
    assert_eq!(of(Change::Changed), changed, "{size} {format}");
    let vanished: BTreeSet<u64> = scan.vanished.iter().map(|v| v.key).collect();
    let missing = strings(&day2["missing_from_export"]).iter().map(|k| first.known.key_hash(k)).collect();
    assert_eq!(vanished, missing, "{size} {format}: nobody else may look like a leaver");
    assert!(scan.doubtful.is_empty());

    let codes: BTreeSet<RejectCode> = rejected.values().copied().collect();
    let found: BTreeSet<RejectCode> = scan.rejects.iter().map(|r| r.code).collect();
    assert_eq!(found, codes, "{size} {format} {:?}", scan.rejects);
    for (number, code) in &rejected {
        let rows: Vec<_> = scan.rejects.iter().filter(|r| r.code == *code).collect();
        let keys: Vec<_> = rows.iter().filter_map(|r| r.key.clone()).collect();
        match code {
            RejectCode::MissingKey => assert_eq!(rows.len(), 1),
            RejectCode::DuplicateKey => assert_eq!(keys, [number.clone(), number.clone()]),
            RejectCode::LeadingZerosLost => assert_eq!(keys, [number.trim_start_matches('0')]),
            _ => assert!(keys.contains(number), "{number} {code} {keys:?}"),
        }
        // The last known state stays.
        assert_eq!(
            second.known.get(first.known.key_hash(number)),
            first.known.get(first.known.key_hash(number))
        );
    }
    for (number, code) in &warned {
        let hit = scan.warnings.iter().any(|w| {
            w.code == *code && (w.key.as_ref() == Some(number) || *code == WarningCode::DuplicateRow)
        });
        assert!(hit, "{number} {code} {:?}", scan.warnings);
        let manager = |(_, user): &(Change, Value)| user[ENTERPRISE].get("manager").cloned();
        match code {
            WarningCode::ManagerSelf | WarningCode::ManagerCycle => {
                assert_eq!(manager(&second.people[number]), None)
            }
            WarningCode::ManagerUnknown if format != "people.json" => {
                assert_eq!(manager(&second.people[number]), Some(json!({"value": "999999"})));
            }
            WarningCode::ManagerUnknown => assert_eq!(manager(&second.people[number]), None),
            WarningCode::Country => assert_eq!(second.people[number].1["addresses"][0]["country"], "GB"),
            WarningCode::ScientificNotation => {
                let phones = second.people[number].1["phoneNumbers"].to_string();
                assert!(!phones.contains("E+") && !phones.contains("mobile"), "{phones}");
            }
            _ => {}
        }
    }
    // Everybody whose manager is in the file has that manager's key.
    for (number, (_, user)) in &first.people {
        let manager = user[ENTERPRISE]["manager"]["value"].as_str();
        assert!(
            manager.is_some_and(|m| first.people.contains_key(m)) || number == "001001",
            "{number} {user}"
        );
    }
    let counts = &scan.counts;
    if format != "people.json" {
        assert_eq!(counts.records as u64, day2["records_in_csv"].as_u64().unwrap());
    }
    assert_eq!(
        counts.records,
        counts.new + counts.changed + counts.unchanged + counts.rejected + counts.ignored,
        "{size} {format} {counts:?}"
    );
}

#[test]
fn day_two_of_each_sample_comes_out_as_expected() {
    for size in ["100", "2000"] {
        for (format, config, files) in [
            ("csv", csv_config(), ("day1.csv", "day2.csv")),
            ("windows1252", german_config(), ("day1-windows1252.csv", "day2-windows1252.csv")),
            ("people.json", people_config(), ("day1-people.json", "day2-people.json")),
        ] {
            let config: SourceConfig = serde_json::from_value(config).unwrap();
            compare(size, format, &config, files);
        }
    }
}

#[test]
fn the_proposed_settings_do_as_well() {
    for size in ["100", "2000"] {
        for (format, files) in [
            ("csv", ("day1.csv", "day2.csv")),
            ("windows1252", ("day1-windows1252.csv", "day2-windows1252.csv")),
            ("people.json", ("day1-people.json", "day2-people.json")),
        ] {
            let proposal = hirewire_source::sniff(&samples(size).join(files.0)).unwrap();
            compare(size, format, &proposal.config, files);
        }
    }
}
