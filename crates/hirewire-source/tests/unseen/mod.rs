//! Exports never seen: the proposal for day 1 reads it as a careful administrator would, and day 2 brings exactly its changes.

use hirewire_source::{Change, Entry, Export, Files, Fingerprints, SourceConfig, sniff};
use jiff::civil::date;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unseen")
}

/// The rows of a table without its header, by line.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(String::from).collect()).collect()
}

/// What `day1.tsv` and `day2.tsv` say of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    names: [String; 2],
    mail: String,
    title: String,
    department: String,
    hired: String,
    left: String,
    active: bool,
    manager: Option<u32>,
}

fn people(day: &str) -> BTreeMap<u32, Person> {
    let person = |row: Vec<String>| {
        let [number, given, family, mail, title, department, hired, left, active, manager] =
            row.try_into().unwrap();
        let person = Person {
            names: [given, family],
            mail,
            title,
            department,
            hired,
            left,
            active: active == "yes",
            manager: manager.parse().ok(),
        };
        (number.parse().unwrap(), person)
    };
    table(day).into_iter().map(person).collect()
}

struct Case {
    name: String,
    extension: String,
    /// Key of person 1; the others count on from its digits.
    key: String,
    options: Vec<String>,
}

impl Case {
    fn can(&self, option: &str) -> bool {
        !self.options.iter().any(|o| o == option)
    }

    fn file(&self, day: &str) -> PathBuf {
        folder().join("files").join(format!("{}.{day}.{}", self.name, self.extension))
    }

    fn number(&self, user: &Value, people: &BTreeMap<u32, Person>) -> u32 {
        if self.key == "mail" {
            let mail = user["emails"][0]["value"].as_str().unwrap_or_default();
            return people.iter().find(|(_, p)| p.mail == mail).map_or(0, |(n, _)| *n);
        }
        self.number_of(user["externalId"].as_str().unwrap_or_default())
    }

    fn number_of(&self, key: &str) -> u32 {
        let digits = |text: &str| -> u32 {
            text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
        };
        digits(key) + 1 - digits(&self.key)
    }
}

/// One day as the source hands it on.
struct Day {
    users: BTreeMap<u32, (Change, Value)>,
    /// Key → number.
    keys: BTreeMap<String, u32>,
    rejected: Vec<String>,
}

fn read(case: &Case, config: &SourceConfig, day: &str, known: &mut Fingerprints, at: i8) -> Day {
    let people = people(&format!("{day}.tsv"));
    let config = SourceConfig { files: Files::One(case.file(day).display().to_string()), ..config.clone() };
    let export = Export::open(&config, &folder()).unwrap();
    let scan = export.scan(known, date(2025, 3, at)).unwrap();
    assert_eq!(scan.stops, [], "{} {day}", case.name);
    let mut found = Day { users: BTreeMap::new(), keys: BTreeMap::new(), rejected: Vec::new() };
    let mut entries: Vec<Entry> = scan.refreshed.clone();
    let failed = export
        .records(&scan, |m| {
            let user: Value = serde_json::from_str(m.scim_json).unwrap();
            let number = case.number(&user, &people);
            found.keys.insert(m.key.to_string(), number);
            found.users.insert(number, (m.change, user));
            entries.push(m.entry);
            Ok(())
        })
        .unwrap();
    assert_eq!(failed, [], "{} {day}", case.name);
    known.update(entries);
    known.set_columns(scan.columns.clone());
    found.rejected = scan
        .rejects
        .iter()
        .map(|r| format!("{}:{} {:?}", r.at.line, r.column.as_deref().unwrap_or_default(), r.code))
        .collect();
    found
}

/// Letters that every code page has.
fn ascii(name: &str) -> String {
    let folded = name.replace(['ł', 'Ł'], "l").nfkd().collect::<String>();
    folded.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

fn compare(
    case: &Case,
    config: &SourceConfig,
    user: &Value,
    expected: &Person,
    keys: &BTreeMap<String, u32>,
) {
    let place = format!("{} {}", case.name, expected.mail);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let own = [text(&user["name"]["givenName"]), text(&user["name"]["familyName"])];
    if case.can("no-names") && case.can("one-name") {
        match case.can("ascii-names") {
            true => assert_eq!(own, expected.names, "{place}"),
            // A letter that the code page lacks became another one.
            false => assert!(
                own.iter()
                    .zip(&expected.names)
                    .all(|(a, b)| a.chars().count() == b.chars().count() || ascii(a) == ascii(b)),
                "{place}: {own:?}"
            ),
        }
    }
    if case.can("no-names") && case.can("ascii-names") {
        assert_eq!(text(&user["displayName"]), expected.names.join(" "), "{place}");
    }
    assert_eq!(text(&user["emails"][0]["value"]), expected.mail, "{place}");
    assert_eq!(text(&user["userName"]), expected.mail, "{place}");
    assert_eq!(text(&user["title"]), expected.title, "{place}");
    assert_eq!(text(&user[ENTERPRISE]["department"]), expected.department, "{place}");
    let dates = &user[hirewire_source::LIFECYCLE];
    assert_eq!(text(&dates["hireDate"]), expected.hired, "{place}");
    if case.can("no-end") {
        assert_eq!(text(&dates["terminationDate"]), expected.left, "{place}");
    }
    let on_leave = !case.can("leave-inactive") && expected.mail.starts_with("bjrk");
    // Without a status column the dates decide, later and in one place.
    let by_dates = config.status.is_none();
    assert_eq!(user["active"], (expected.active || by_dates) && !on_leave, "{place}");
    let manager =
        user[ENTERPRISE]["manager"]["value"].as_str().map(|key| keys.get(key).copied().unwrap_or_default());
    let rejected = |number: u32| number == 4 && !case.can("rejects-4");
    if !expected.manager.is_some_and(rejected) {
        assert_eq!(manager, expected.manager, "{place}");
    }
}

fn run(case: &Case) {
    let proposal = sniff(&case.file("day1")).unwrap();
    let config = proposal.config;
    let mut known = Fingerprints::new(11);
    let day1 = read(case, &config, "day1", &mut known, 3);
    let (first, second) = (people("day1.tsv"), people("day2.tsv"));
    let rejects = !case.can("rejects-4");
    for (number, person) in &first {
        match day1.users.get(number) {
            Some((change, user)) => {
                assert_eq!(*change, Change::New);
                compare(case, &config, user, person, &day1.keys);
            }
            None => assert!(rejects && *number == 4, "{}: {number} is missing", case.name),
        }
    }
    assert_eq!(day1.users.len(), first.len() - usize::from(rejects), "{}", case.name);
    let expected = if rejects { vec!["5".to_string()] } else { vec![] };
    let lines: Vec<String> =
        day1.rejected.iter().map(|r| r.split(':').next().unwrap_or_default().into()).collect();
    assert_eq!(lines, expected, "{} {:?}", case.name, day1.rejected);
    assert!(day1.rejected.iter().all(|r| r.ends_with("tritt BadDate")), "{:?}", day1.rejected);
    let mut keys = day1.keys.clone();
    let day2 = read(case, &config, "day2", &mut known, 4);
    keys.extend(day2.keys.clone());
    let changed: Vec<u32> = second.iter().filter(|(n, p)| first.get(n) != Some(p)).map(|(n, _)| *n).collect();
    assert_eq!(day2.users.keys().copied().collect::<Vec<_>>(), changed, "{}", case.name);
    for (number, (change, user)) in &day2.users {
        let new = !first.contains_key(number);
        assert_eq!(*change, if new { Change::New } else { Change::Changed }, "{} {number}", case.name);
        compare(case, &config, user, &second[number], &keys);
    }
    let again = read(case, &config, "day2", &mut known, 4);
    assert_eq!(again.users.len(), 0, "{}", case.name);
}

#[test]
fn exports_never_seen_are_read_as_they_are_meant() {
    let cases = table("cases.tsv");
    assert!(cases.len() >= 25);
    for row in cases {
        let [name, extension, key, options] = row.try_into().unwrap();
        run(&Case { name, extension, key, options: options.split(' ').map(String::from).collect() });
    }
}
