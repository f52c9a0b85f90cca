//! Day 1 and day 2 of the sample exports in a real Active Directory domain and a real OpenLDAP, through the command line,
//! read back with plain `ldapsearch`.
use std::collections::{BTreeMap, HashMap};
use std::process::{Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::hirewire::{Home, sample, text};
use crate::part::Part;

/// One of the two directories, with what differs.
pub(crate) struct Directory {
    pub(crate) part: Part,
    pub(crate) ad: bool,
}

/// An entry as `ldapsearch` prints it: attribute names in lower case.
pub(crate) type Entry = HashMap<String, Vec<String>>;

impl Directory {
    pub(crate) fn start(ad: bool) -> Self {
        Self { part: Part::start(if ad { "samba-ad" } else { "openldap" }), ad }
    }

    pub(crate) fn get(&self, ad: &str, ldap: &str) -> &str {
        self.part.get(if self.ad { ad } else { ldap })
    }

    pub(crate) fn people(&self) -> &str {
        self.get("AD_PEOPLE_DN", "LDAP_PEOPLE_DN")
    }

    fn leavers(&self) -> &str {
        self.get("AD_LEAVERS_DN", "LDAP_LEAVERS_DN")
    }

    /// The attribute that holds the employee number.
    fn key(&self) -> &'static str {
        if self.ad { "employeeid" } else { "employeenumber" }
    }

    /// An OpenLDAP or Samba client tool, signed in as the administrator.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("LDAPTLS_CACERT", self.get("AD_CA_FILE", "LDAP_CA_FILE")).args([
            "-x",
            "-H",
            self.get("AD_URL", "LDAP_URL"),
            "-D",
            self.get("AD_ADMIN_DN", "LDAP_ADMIN_DN"),
            "-w",
            self.get("AD_PASSWORD", "LDAP_PASSWORD"),
        ]);
        command
    }

    /// Carries LDIF out as the administrator.
    pub(crate) fn ldif(&self, tool: &str, ldif: &str) {
        use std::io::Write as _;
        let mut command = self.tool(tool);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the ldap-utils are installed");
        child.stdin.take().expect("a pipe").write_all(ldif.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{tool}: {ldif}");
    }

    /// What a filter finds.
    pub(crate) fn search(&self, base: &str, scope: &str, filter: &str, attributes: &[&str]) -> Vec<Entry> {
        let page = if self.ad { "pr=1000/noprompt" } else { "pr=500/noprompt" };
        let output = self
            .tool("ldapsearch")
            .args(["-LLL", "-o", "ldif-wrap=no", "-E", page, "-b", base, "-s", scope, filter])
            .args(attributes)
            .output()
            .expect("the ldap-utils are installed");
        assert!(output.status.success(), "{}", text(&output));
        entries(&String::from_utf8_lossy(&output.stdout))
    }

    /// Everybody by employee number; nobody may be there twice.
    pub(crate) fn everybody(&self) -> BTreeMap<String, Entry> {
        let class = if self.ad {
            "(&(objectCategory=person)(objectClass=user))"
        } else {
            "(objectClass=inetOrgPerson)"
        };
        let base = self.get("AD_PEOPLE_DN", "LDAP_BASE_DN");
        let found = self.search(base, "sub", class, &["*", "pwdAccountLockedTime", "entryCSN", "uSNChanged"]);
        let mut people = BTreeMap::new();
        for entry in found {
            let number = one(&entry, self.key()).to_owned();
            assert!(people.insert(number.clone(), entry).is_none(), "{number} has two accounts");
        }
        people
    }

    /// The directory's own counter of changes.
    pub(crate) fn counter(&self) -> String {
        let (base, name) =
            if self.ad { ("", "highestCommittedUSN") } else { (self.part.get("LDAP_BASE_DN"), "contextCSN") };
        let found = self.search(base, "base", "(objectClass=*)", &[name]);
        one(&found[0], &name.to_lowercase()).to_owned()
    }

    pub(crate) fn enabled(&self, entry: &Entry) -> bool {
        match self.ad {
            true => one(entry, "useraccountcontrol").parse::<i64>().expect("a number") & 2 == 0,
            false => !entry.contains_key("pwdaccountlockedtime"),
        }
    }

    /// The target's section of hirewire.toml.
    pub(crate) fn section(&self) -> String {
        let dialect = if self.ad { "active_directory" } else { "inetOrgPerson" };
        format!(
            "[target.directory]\nkind = \"ldap\"\ndialect = \"{dialect}\"\nurls = [\"{}\"]\nbase_dn = \"{}\"\n\
             container = \"{}\"\nbind = {{ method = \"simple\", name = \"{}\", password = {{ file = \"directory.secret\" }} }}\n\
             tls = {{ ca_file = \"{}\" }}\n",
            self.get("AD_URL", "LDAP_URL"),
            self.get("AD_BASE_DN", "LDAP_BASE_DN"),
            self.people(),
            self.get("AD_MOVER_DN", "LDAP_BIND_DN"),
            self.get("AD_CA_FILE", "LDAP_CA_FILE"),
        )
    }

    /// A project for an export, made as a user makes it; `more` ends the target's section.
    pub(crate) fn project(&self, export: &std::path::Path, more: &str) -> Home {
        let template = if self.ad { "active-directory" } else { "openldap" };
        let home = Home::from_export_with(export, &["--template", template]);
        let file = home.path().join("hirewire.toml");
        let project = std::fs::read_to_string(&file).expect("the project file");
        let (begin, _) = project.split_once("[target.directory]").expect("a target");
        std::fs::write(&file, format!("{begin}{}{more}", self.section())).expect("it can be written");
        std::fs::write(home.path().join("directory.secret"), self.get("AD_PASSWORD", "LDAP_PASSWORD"))
            .expect("it can be written");
        home
    }
}

/// The value of an attribute that has one.
pub(crate) fn one<'e>(entry: &'e Entry, name: &str) -> &'e str {
    entry.get(name).and_then(|values| values.first()).map_or("", String::as_str)
}

/// LDIF without folded lines.
fn entries(ldif: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for block in ldif.split("\n\n") {
        let mut entry = Entry::new();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = match value.strip_prefix(':') {
                Some(coded) => base64::engine::general_purpose::STANDARD
                    .decode(coded.trim())
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .expect("base64"),
                None => value.trim_start().to_owned(),
            };
            entry.entry(name.to_lowercase()).or_default().push(value);
        }
        if entry.contains_key("dn") {
            entries.push(entry);
        }
    }
    entries
}

/// Maps every department to a unit of its own.
fn place_by_department(home: &Home, people: &str) {
    let file = home.path().join("schemas/directory.json");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(&file).expect("the schema")).expect("JSON");
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let expression =
        format!("Join(\"\", \"OU=\", Replace([{department}], \",\", , , \"\\\\,\", , ), \",{people}\")");
    let mapping = json!({
        "defaultValue": null, "exportMissingReferences": false, "flowBehavior": "FlowWhenChanged",
        "flowType": "Always", "matchingPriority": 0, "targetAttributeName": "parentDistinguishedName",
        "source": { "expression": expression, "name": "Join", "type": "Function", "parameters": [] }
    });
    schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
        .as_array_mut()
        .expect("mappings")
        .push(mapping);
    std::fs::write(&file, schema.to_string()).expect("it can be written");
}

fn numbers(expected: &Value, list: &str) -> Vec<String> {
    expected["day2"][list]
        .as_array()
        .unwrap_or_else(|| panic!("expected.json has no {list}"))
        .iter()
        .map(|item| item.as_str().or_else(|| item["employeeNumber"].as_str()).expect("a number").to_owned())
        .collect()
}

/// A column of an export by employee number; rows that no careful reader takes are left out by the caller.
fn column(export: &std::path::Path, name: &str) -> BTreeMap<String, String> {
    let mut reader = csv::Reader::from_path(export).expect("the sample");
    let at = reader.headers().expect("a header").iter().position(|h| h == name).expect("the column");
    reader
        .records()
        .filter_map(Result::ok)
        .map(|row| (row[0].to_owned(), row.get(at).unwrap_or_default().to_owned()))
        .collect()
}

fn sync(home: &Home, arguments: &[&str]) -> Value {
    let (code, done) = home.json(arguments);
    assert_eq!(code, 0, "{:#}", done["totals"]);
    done
}

fn two_days(ad: bool, size: &str) {
    let directory = Directory::start(ad);
    let expected: Value = serde_json::from_slice(
        &std::fs::read(sample(&format!("hris/{size}/expected.json"))).expect("expected.json"),
    )
    .expect("JSON");
    let day1 = sample(&format!("hris/{size}/day1.csv"));
    let day2 = sample(&format!("hris/{size}/day2.csv"));
    let day2_text = day2.to_str().expect("a path");
    let home = directory.project(&day1, &format!("disabled_container = \"{}\"\n", directory.leavers()));
    place_by_department(&home, directory.people());
    let mut departments: Vec<String> = column(&day1, "Department").into_values().collect();
    departments.sort();
    departments.dedup();
    for department in &departments {
        let unit = department.replace(',', "\\,");
        directory.ldif(
            "ldapadd",
            &format!(
                "dn: ou={unit},{}\nobjectClass: organizationalUnit\nou: {department}\n",
                directory.people()
            ),
        );
    }

    // Day 1: everybody, in the right unit, with the right manager.
    let rows = expected["day1"]["rows"].as_u64().expect("rows");
    let done = sync(&home, &["sync", "--yes", "--as-of", "2025-03-03"]);
    assert_eq!(done["totals"]["create"], rows, "{}", done["totals"]);
    let people = directory.everybody();
    assert_eq!(people.len() as u64, rows);
    let status = &expected["day1"]["status"];
    let enabled = people.values().filter(|entry| directory.enabled(entry)).count() as u64;
    assert_eq!(Some(enabled), status["Active"].as_u64().zip(status["On Leave"].as_u64()).map(|(a, l)| a + l));
    let departments = column(&day1, "Department");
    for (number, manager) in column(&day1, "ManagerEmployeeNumber") {
        let found = one(&people[&number], "manager");
        let wanted = people.get(&manager).map_or("", |entry| one(entry, "dn"));
        assert_eq!(found.to_lowercase(), wanted.to_lowercase(), "{number}: manager {manager}");
        let unit = format!("ou={},", departments[&number].replace(',', "\\,")).to_lowercase();
        let dn = one(&people[&number], "dn").to_lowercase().replace("\\2c", "\\,");
        assert!(dn.contains(&unit), "{number}: {dn} is not in {unit}");
    }

    // The same again writes nothing: as a usual run, and with everybody looked at afresh.
    nothing_to_write(&directory, &home, &["sync", "--yes", "--as-of", "2025-03-03"]);
    let output = home.run(&["restart", "--reset-scope", "Watermark"]);
    assert!(output.status.success(), "{}", text(&output));
    nothing_to_write(&directory, &home, &["sync", "--yes", "--as-of", "2025-03-03"]);

    // Day 2.
    sync(&home, &["sync", day2_text, "--yes", "--as-of", "2025-03-04"]);
    let after = directory.everybody();
    day_two(&directory, &expected, &people, &after);
    nothing_to_write(&directory, &home, &["sync", day2_text, "--yes", "--as-of", "2025-03-04"]);
    let _ = home.run(&["restart", "--reset-scope", "Watermark"]);
    nothing_to_write(&directory, &home, &["sync", day2_text, "--yes", "--as-of", "2025-03-04"]);
}

fn nothing_to_write(directory: &Directory, home: &Home, arguments: &[&str]) {
    let before = directory.counter();
    let done = sync(home, arguments);
    for action in ["create", "update", "enable", "disable", "delete"] {
        assert_eq!(done["totals"][action], 0, "{action}: {:#}", done["totals"]);
    }
    assert_eq!(directory.counter(), before, "the directory's own counter of changes stood still");
}

fn day_two(
    directory: &Directory,
    expected: &Value,
    before: &BTreeMap<String, Entry>,
    after: &BTreeMap<String, Entry>,
) {
    for (list, wanted) in [
        ("joiners_starting_today", true),
        ("joiners_with_future_hire_date", false),
        ("pending_becoming_active", true),
        ("leavers_effective", false),
        ("leavers_planned_earlier", false),
        ("leavers_who_still_have_reports", false),
        ("future_terminations_newly_set", true),
        ("missing_from_export", true),
        ("rehires_same_number", true),
        ("rehires_new_number", true),
        ("going_on_leave", true),
        ("back_from_leave", true),
    ] {
        for number in numbers(expected, list) {
            let entry = after.get(&number).unwrap_or_else(|| panic!("{list}: {number} has no account"));
            assert_eq!(directory.enabled(entry), wanted, "{list}: {number}");
        }
    }
    let leavers = directory.leavers().to_lowercase();
    for list in ["leavers_effective", "leavers_planned_earlier", "leavers_who_still_have_reports"] {
        for number in numbers(expected, list) {
            let dn = one(&after[&number], "dn").to_lowercase();
            assert!(dn.ends_with(&leavers), "{list}: {number} is at {dn}");
        }
    }
    for number in numbers(expected, "rehires_same_number") {
        let dn = one(&after[&number], "dn").to_lowercase();
        assert!(!dn.ends_with(&leavers), "{number} came back from {dn}");
        assert_eq!(anchor(&after[&number]), anchor(&before[&number]), "{number} keeps the account");
    }
    let department = if directory.ad { "department" } else { "departmentnumber" };
    for change in expected["day2"]["department_changes"].as_array().expect("a list") {
        let number = change["employeeNumber"].as_str().expect("a number");
        let (old, new) = (&before[number], &after[number]);
        assert_eq!(one(old, department), change["from"], "{number}");
        assert_eq!(one(new, department), change["to"], "{number}");
        let unit = format!("ou={},", change["to"].as_str().expect("a name").replace(',', "\\,"));
        let dn = one(new, "dn").to_lowercase().replace("\\2c", "\\,");
        assert!(dn.contains(&unit.to_lowercase()), "{number} moved: {dn}");
        assert_eq!(anchor(new), anchor(old), "{number}: moved, not made anew");
    }
    for number in numbers(expected, "manager_changes_only") {
        assert_eq!(differences(&before[&number], &after[&number]), ["manager"], "{number}");
    }
    for number in numbers(expected, "title_changes_only") {
        assert_eq!(differences(&before[&number], &after[&number]), ["title"], "{number}");
    }
    for list in ["missing_from_export", "same_name_in_decomposed_unicode", "going_on_leave"] {
        for number in numbers(expected, list) {
            assert_eq!(differences(&before[&number], &after[&number]), [""; 0], "{list}: {number}");
        }
    }
    for list in ["title_changes_with_quoting", "site_changes", "name_changes"] {
        for number in numbers(expected, list) {
            assert!(!differences(&before[&number], &after[&number]).is_empty(), "{list}: {number}");
        }
    }
}

/// What never changes of an account: `objectGUID`, or when it was created.
fn anchor(entry: &Entry) -> &str {
    match entry.get("objectguid") {
        Some(guid) => guid.first().map_or("", String::as_str),
        None => one(entry, "uid"),
    }
}

/// Mapped attributes that differ.
fn differences<'e>(before: &'e Entry, after: &'e Entry) -> Vec<&'e str> {
    let bookkeeping = ["usnchanged", "whenchanged", "entrycsn", "dn", "distinguishedname"];
    let mut names: Vec<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| {
        let value =
            |entry: &Entry| entry.get(*name).map(|v| v.iter().map(|v| v.to_lowercase()).collect::<Vec<_>>());
        !bookkeeping.contains(name) && value(before) != value(after)
    });
    names
}

/// Somebody else's changes: named, or set right, as the project says.
fn drift(ad: bool) {
    let directory = Directory::start(ad);
    let day1 = sample("hris/100/day1.csv");
    let home = directory.project(&day1, "drift = \"report\"\n");
    let sync_again = ["sync", "--yes", "--as-of", "2025-03-03"];
    sync(&home, &sync_again);
    nothing_to_write(&directory, &home, &sync_again);
    let people = directory.everybody();
    let (number, entry) = people.iter().next().expect("somebody");
    let dn = one(entry, "dn");
    let title = one(entry, "title").to_owned();
    let by_hand = format!("dn: {dn}\nchangetype: modify\nreplace: title\ntitle: By hand\n");
    directory.ldif("ldapmodify", &by_hand);
    let done = sync(&home, &sync_again);
    let warned = |done: &Value| {
        done["warnings"].as_array().expect("warnings").iter().any(|warning| {
            warning["code"] == "ChangedByOthers"
                && warning["anchor"] == number.as_str()
                && warning["message"].as_str().is_some_and(|text| text.contains("title"))
        })
    };
    assert!(warned(&done), "{:#}", done["warnings"]);
    assert_eq!(one(&directory.everybody()[number], "title"), "By hand", "only reported");

    let file = home.path().join("hirewire.toml");
    let project = std::fs::read_to_string(&file).expect("the project file");
    std::fs::write(&file, project.replace("drift = \"report\"", "drift = \"correct\"")).expect("written");
    directory.ldif("ldapmodify", &by_hand.replace("By hand", "By hand again"));
    let done = sync(&home, &sync_again);
    assert!(warned(&done) && done["totals"]["update"] == 1, "{done:#}");
    assert_eq!(one(&directory.everybody()[number], "title"), title);
    nothing_to_write(&directory, &home, &sync_again);
}

#[test]
fn others_changes_in_openldap() {
    drift(false);
}

#[test]
fn others_changes_in_active_directory() {
    drift(true);
}

#[test]
fn two_thousand_people_in_openldap() {
    two_days(false, "2000");
}

#[test]
fn two_thousand_people_in_active_directory() {
    two_days(true, "2000");
}
