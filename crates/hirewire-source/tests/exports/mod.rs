//! Exports of other systems: what is proposed for them, and that the proposal reads them.

use hirewire_source::{By, Export, Files, Fingerprints, SourceConfig, sniff};
use jiff::civil::date;
use serde_json::Value;
use std::io::Write;

/// Invented people: number, given, family, mail, title, department, hired, left, active, manager's number.
pub(crate) struct Person {
    pub(crate) number: u32,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) title: &'static str,
    pub(crate) department: &'static str,
    pub(crate) hired: (u16, u8, u8),
    pub(crate) left: Option<(u16, u8, u8)>,
    pub(crate) manager: u32,
}

const GIVEN: [&str; 12] = [
    "Änne",
    "Björn",
    "Chloé",
    "Łukasz",
    "Elif",
    "Freya",
    "Günther",
    "Håkon",
    "Íñigo",
    "Jana",
    "Kateřina",
    "Lucía",
];
const FAMILY: [&str; 11] = [
    "Müller",
    "Nygård",
    "O'Brien",
    "Peña",
    "Quist",
    "Říha",
    "Şahin",
    "Taylor-Jones",
    "Ünal",
    "Vogel",
    "de La Tour",
];

pub(crate) fn people() -> Vec<Person> {
    (0..40)
        .map(|i| Person {
            number: 1001 + i,
            given: GIVEN[i as usize % 12],
            family: FAMILY[i as usize * 7 % 11],
            title: ["Engineer", "Accountant", "Recruiter", "Team Lead"][i as usize % 4],
            department: ["Research & Development", "Finance", "People"][i as usize % 3],
            hired: (2010 + (i % 14) as u16, 1 + (i % 12) as u8, 1 + (i * 5 % 28) as u8),
            left: (i % 8 == 7).then_some((2024, 1 + (i % 12) as u8, 28)),
            manager: if i == 0 { 0 } else { 1001 + (i - 1) / 6 },
        })
        .collect()
}

impl Person {
    fn mail(&self) -> String {
        format!("{}{}@northbeam.example", ascii(self.given), self.number)
    }

    fn date(&self, format: &str) -> String {
        written(Some(self.hired), format, "")
    }

    fn end(&self, format: &str, open: &str) -> String {
        written(self.left, format, open)
    }
}

fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

fn written(date: Option<(u16, u8, u8)>, format: &str, open: &str) -> String {
    let Some((y, m, d)) = date else { return open.to_string() };
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [usize::from(m) - 1];
    format
        .replace("yyyy", &format!("{y:04}"))
        .replace("yy", &format!("{:02}", y % 100))
        .replace("MMM", month)
        .replace("MM", &format!("{m:02}"))
        .replace("M/", &format!("{m}/"))
        .replace("dd", &format!("{d:02}"))
        .replace("d/", &format!("{d}/"))
}

/// Writes bytes, sniffs them and reads them with the proposal.
struct Read {
    config: SourceConfig,
    users: Vec<Value>,
    scan: hirewire_source::Scan,
    text: String,
}

fn read(name: &str, bytes: &[u8]) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    let proposal = sniff(&path).unwrap();
    let config = SourceConfig { files: Files::One(path.display().to_string()), ..proposal.config };
    let text = format!("{}\n{:#?}", serde_json::to_string_pretty(&config).unwrap(), proposal.guesses);
    let export = Export::open(&config, folder.path()).unwrap_or_else(|e| panic!("{name}: {e} {text}"));
    let scan = export.scan(&Fingerprints::new(3), date(2025, 3, 4)).unwrap();
    let mut users = Vec::new();
    let rejects = export.records(&scan, |m| {
        users.push(serde_json::from_str(m.scim_json).unwrap());
        Ok(())
    });
    assert_eq!(rejects.unwrap(), [], "{name}");
    Read { config, users, scan, text }
}

/// What every proposal for the invented people must bring about.
fn check(name: &str, bytes: &[u8], expect: &[(&str, &str)]) {
    let Read { config, users, scan, text } = read(name, bytes);
    assert!(
        scan.stops.is_empty() && scan.rejects.is_empty(),
        "{name} {:?} {:?} {text}",
        scan.stops,
        scan.rejects
    );
    let people = people();
    assert_eq!(users.len(), people.len(), "{name} {text}");
    let settings = serde_json::to_value(&config).unwrap();
    for (pointer, value) in expect {
        let found = settings.pointer(pointer).cloned().unwrap_or_default();
        let found = found.as_str().map_or_else(|| found.to_string(), String::from);
        assert_eq!(found, *value, "{name} {pointer} {text}");
    }
    let lifecycle = config.lifecycle.hire.is_some();
    for (user, person) in users.iter().zip(&people) {
        let id = user["externalId"].as_str().unwrap();
        assert!(id.ends_with(&person.number.to_string()), "{name} {user} {text}");
        assert_eq!(
            (user["name"]["givenName"].as_str(), user["name"]["familyName"].as_str()),
            (Some(person.given), Some(person.family)),
            "{name} {text}"
        );
        let enterprise = &user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
        let manager = enterprise["manager"]["value"].as_str().unwrap_or("0");
        assert!(manager.ends_with(&person.manager.to_string()), "{name} {user} {text}");
        assert_eq!(enterprise["department"], person.department, "{name} {text}");
        assert_eq!(user["title"], person.title, "{name} {text}");
        if lifecycle {
            let dates = &user[hirewire_source::LIFECYCLE];
            assert_eq!(dates["hireDate"], person.date("yyyy-MM-dd"), "{name} {text}");
            let end = person.end("yyyy-MM-dd", "");
            assert_eq!(dates["terminationDate"].as_str().unwrap_or(""), end, "{name} {text}");
        }
        let gone = person.left.is_some();
        let by_dates = config.lifecycle.termination.is_some();
        assert!((user["active"] == !gone) || (by_dates && config.status.is_none()), "{name} {user} {text}");
    }
}

fn table(header: &str, delimiter: &str, row: impl Fn(&Person) -> Vec<String>) -> String {
    let mut text =
        if header.is_empty() { String::new() } else { format!("{}\r\n", header.replace('|', delimiter)) };
    for person in people() {
        text += &format!("{}\r\n", row(&person).join(delimiter));
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[test]
fn sap() {
    let text = table("PERNR|NACHN|VORNA|STAT2|BEGDA|ENDDA|PLSTX|ORGTX|KOSTL|VORGESETZTER", ";", |p| {
        vec![
            format!("{:08}", p.number),
            p.family.into(),
            p.given.into(),
            if p.left.is_some() { "0" } else { "3" }.into(),
            p.date("dd.MM.yyyy"),
            p.end("dd.MM.yyyy", "31.12.9999"),
            p.title.into(),
            p.department.into(),
            "4711".into(),
            if p.manager == 0 { String::new() } else { format!("{:08}", p.manager) },
        ]
    });
    let expect = [
        ("/key", "PERNR"),
        ("/dates/default", "dd.MM.yyyy"),
        ("/lifecycle/termination", "ENDDA"),
        ("/status/active", r#"["3"]"#),
        ("/reference/column", "VORGESETZTER"),
    ];
    check("sap.csv", encoding_rs::UTF_8.encode(&text).0.as_ref(), &expect);
    let compact = text.replace("31.12.9999", "99991231");
    let compact =
        regex::Regex::new(r"(\d\d)\.(\d\d)\.(\d{4})").unwrap().replace_all(&compact, "$3$2$1").into_owned();
    check(
        "sap2.txt",
        compact.replace(';', "|").as_bytes(),
        &[("/dates/default", "yyyyMMdd"), ("/delimiter", "|")],
    );
}

#[test]
fn workday_report_with_titles_and_trailer() {
    let body = table(
        "Employee ID|Legal Name - First Name|Legal Name - Last Name|Email - Work|Business Title|Supervisory Organization|Manager Employee ID|Hire Date|Termination Date|Active Status",
        ",",
        |p| {
            vec![
                quoted(&p.number.to_string()),
                quoted(p.given),
                quoted(p.family),
                quoted(&p.mail()),
                quoted(p.title),
                quoted(p.department),
                if p.manager == 0 { "\"\"".into() } else { quoted(&p.manager.to_string()) },
                quoted(&p.date("MM/dd/yyyy")),
                quoted(&p.end("MM/dd/yyyy", "")),
                quoted(if p.left.is_some() { "0" } else { "1" }),
            ]
        },
    );
    let text =
        format!("Report: Active and Terminated Workers\r\nRun on 03/04/2025\r\n\r\n{body}TRAILER|40\r\n");
    let expect = [
        ("/key", "Employee ID"),
        ("/dates/default", "MM/dd/yyyy"),
        ("/header", "4"),
        ("/trailer/pattern", r"^TRAILER\|(\d+)"),
        ("/status/column", "Active Status"),
        ("/columns/userName", "[Email - Work]"),
        ("/unique", r#"["Email - Work"]"#),
    ];
    check("raas.csv", text.as_bytes(), &expect);
    // Cut off: the trailer is missing.
    let whole = read("raas.csv", text.as_bytes());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cut.csv"), &text[..text.len() - 14]).unwrap();
    let config = SourceConfig { files: Files::One("cut.csv".into()), ..whole.config };
    let scan =
        Export::open(&config, folder.path()).unwrap().scan(&Fingerprints::new(1), date(2025, 3, 4)).unwrap();
    assert!(
        scan.stops.iter().any(|s| s.code == hirewire_source::StopCode::TrailerMissing),
        "{:?}",
        scan.stops
    );
}

#[test]
fn bamboo_with_names_of_managers_and_numbers() {
    let text = table(
        "Employee #|First Name|Preferred Name|Last Name|Job Title|Department|Supervisor|Supervisor ID|Hire Date|Termination Date|Employment Status|Work Email|Home Email|Mobile Phone",
        ",",
        |p| {
            let boss = people().into_iter().find(|b| b.number == p.manager);
            vec![
                p.number.to_string(),
                p.given.into(),
                String::new(),
                p.family.into(),
                p.title.into(),
                quoted(p.department),
                boss.as_ref().map_or(String::new(), |b| quoted(&format!("{}, {}", b.family, b.given))),
                boss.map_or(String::new(), |b| b.number.to_string()),
                p.date("yyyy-MM-dd"),
                p.end("yyyy-MM-dd", "0000-00-00"),
                if p.left.is_some() { "Terminated" } else { "Full-Time" }.into(),
                p.mail(),
                format!("{}@home.example", p.number),
                "+1 212 555 0100".into(),
            ]
        },
    );
    let expect = [
        ("/key", "Employee #"),
        ("/reference/column", "Supervisor ID"),
        ("/dates/default", "iso"),
        ("/unique", r#"["Work Email"]"#),
    ];
    let Read { config, .. } = read("bamboo.csv", text.as_bytes());
    // `Full-Time` is no state; whoever is `Terminated` has an end date.
    assert!(config.lifecycle.termination.is_some());
    check("bamboo.csv", text.replace("Full-Time", "Active").as_bytes(), &expect);
}

#[test]
fn adp_tab_in_utf16_with_american_dates() {
    let text = table(
        "Associate ID|Legal First Name|Legal Last Name|Position Start Date|Termination Date|Position Status|Job Title Description|Home Department Description|Reports To Associate ID|Work Contact: Work Email",
        "\t",
        |p| {
            vec![
                format!("ABC{:06}", p.number),
                p.given.into(),
                p.family.into(),
                p.date("MM/dd/yyyy"),
                p.end("MM/dd/yyyy", ""),
                if p.left.is_some() { "T" } else { "A" }.into(),
                p.title.into(),
                p.department.into(),
                if p.manager == 0 { String::new() } else { format!("ABC{:06}", p.manager) },
                p.mail(),
            ]
        },
    );
    let bytes: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    check(
        "adp.txt",
        &bytes,
        &[
            ("/key", "Associate ID"),
            ("/dates/default", "MM/dd/yyyy"),
            ("/delimiter", "tab"),
            ("/status/active", r#"["A"]"#),
            ("/status/inactive", r#"["T"]"#),
        ],
    );
}

#[test]
fn french_in_windows_1252_by_mail() {
    let text = table(
        "Matricule|Nom|Prénom|Intitulé du poste|Service|Responsable (e-mail)|Date d'entrée|Date de sortie|Adresse e-mail|Statut",
        ";",
        |p| {
            let boss = people().into_iter().find(|b| b.number == p.manager);
            vec![
                format!("{:06}", p.number),
                p.family.into(),
                p.given.into(),
                p.title.into(),
                p.department.into(),
                boss.map_or(String::new(), |b| b.mail()),
                p.date("dd/MM/yyyy"),
                p.end("dd/MM/yyyy", ""),
                p.mail(),
                if p.left.is_some() { "Sorti" } else { "Présent" }.into(),
            ]
        },
    );
    let names = [("Łukasz", "Lukasz"), ("Kateřina", "Katerina"), ("Říha", "Riha"), ("Şahin", "Sahin")];
    let folded = names.iter().fold(text.clone(), |t, (from, to)| t.replace(from, to));
    let bytes = encoding_rs::WINDOWS_1252.encode(&folded).0.into_owned();
    let Read { config, users, scan, text } = read("fr.csv", &bytes);
    assert!(scan.stops.is_empty() && scan.rejects.is_empty(), "{:?} {text}", scan.rejects);
    assert_eq!(
        (config.key.as_str(), config.dates.default.as_deref()),
        ("Matricule", Some("dd/MM/yyyy")),
        "{text}"
    );
    assert_eq!(
        users[5]["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"], "001001",
        "{text}"
    );
    assert_eq!(users[0]["name"]["givenName"], "Änne", "{text}");
    assert_eq!(
        (users[0]["active"].as_bool(), users[7]["active"].as_bool()),
        (Some(true), Some(false)),
        "{text}"
    );
}

#[test]
fn other_languages_and_no_status() {
    for (name, header, delimiter, format) in [
        (
            "de.csv",
            "Pers.-Nr.|Nachname|Vorname|Position|Abteilung|Vorgesetzter (Pers.-Nr.)|Eintritt|Austritt",
            ";",
            "dd.MM.yyyy",
        ),
        (
            "es.csv",
            "Nº de empleado|Apellidos|Nombre|Puesto|Departamento|Nº empleado del responsable|Fecha de alta|Fecha de baja",
            ";",
            "dd/MM/yyyy",
        ),
        (
            "it.csv",
            "Matricola|Cognome|Nome|Mansione|Reparto|Responsabile|Data assunzione|Data cessazione",
            ",",
            "dd/MM/yyyy",
        ),
        (
            "nl.csv",
            "Personeelsnummer|Achternaam|Voornaam|Functie|Afdeling|Leidinggevende|Datum in dienst|Datum uit dienst",
            ";",
            "dd-MM-yyyy",
        ),
        (
            "pt.csv",
            "Matrícula|Sobrenome|Nome|Cargo|Departamento|Gestor|Data de admissão|Data de demissão",
            ";",
            "dd/MM/yyyy",
        ),
        (
            "pl.csv",
            "Numer pracownika|Nazwisko|Imię|Stanowisko|Dział|Przełożony|Data zatrudnienia|Data zwolnienia",
            ";",
            "dd.MM.yyyy",
        ),
        (
            "sv.csv",
            "Anställningsnummer|Efternamn|Förnamn|Befattning|Avdelning|Närmaste chef|Anställningsdatum|Slutdatum",
            "\t",
            "yyyy-MM-dd",
        ),
        (
            "da.csv",
            "Medarbejdernummer|Efternavn|Fornavn|Stilling|Afdeling|Nærmeste leder|Ansættelsesdato|Fratrædelsesdato",
            ";",
            "dd-MM-yyyy",
        ),
        (
            "ukg.csv",
            "EmployeeNumber|LastName|FirstName|JobTitle|Department|SupervisorNumber|LastHireDate|DateOfTermination",
            "^",
            "dd-MMM-yyyy",
        ),
        ("pipe.dat", "emp_no|surname|forename|job_title|dept|mgr_emp_no|start_dt|end_dt", "~", "yyyy/MM/dd"),
        (
            "gusto.csv",
            "Employee ID|Last name|First name|Job title|Department|Manager ID|Start date|Last day",
            ",",
            "MMM dd yyyy",
        ),
    ] {
        let text = table(header, delimiter, |p| {
            vec![
                format!("{:05}", p.number),
                p.family.into(),
                p.given.into(),
                p.title.into(),
                p.department.into(),
                if p.manager == 0 { String::new() } else { format!("{:05}", p.manager) },
                p.date(format),
                p.end(format, ""),
            ]
        });
        let key = header.split('|').next().unwrap();
        let wanted = if format == "yyyy-MM-dd" { "iso" } else { format };
        check(name, text.as_bytes(), &[("/key", key), ("/dates/default", wanted)]);
    }
}

#[test]
fn no_header_at_all() {
    let text = table("", ";", |p| {
        vec![
            format!("{:06}", p.number),
            p.given.into(),
            p.family.into(),
            format!("{}.{}{}@northbeam.example", ascii(p.given), ascii(p.family), p.number),
            p.title.into(),
            p.department.into(),
            if p.manager == 0 { String::new() } else { format!("{:06}", p.manager) },
            p.date("yyyy-MM-dd"),
            p.end("yyyy-MM-dd", ""),
            if p.left.is_some() { "Inactive" } else { "Active" }.into(),
        ]
    });
    check(
        "plain.csv",
        text.as_bytes(),
        &[
            ("/key", "Column 1"),
            ("/header", "absent"),
            ("/reference/column", "Column 7"),
            ("/status/column", "Column 10"),
        ],
    );
}

#[test]
fn json_of_other_systems() {
    let person = |p: &Person| {
        let manager =
            if p.manager == 0 { Value::Null } else { serde_json::json!({"id": p.manager, "name": "x"}) };
        serde_json::json!({
            "id": p.number, "first_name": p.given, "last_name": p.family, "work_email": p.mail(), "job": {"title": p.title}, "department": {"id": 7, "name": p.department},
            "manager": manager, "start_date": p.date("yyyy-MM-dd"), "end_date": p.left.map(|_| p.end("yyyy-MM-dd", "")), "status": if p.left.is_some() { "TERMINATED" } else { "ACTIVE" },
        })
    };
    let all: Vec<Value> = people().iter().map(person).collect();
    let wrapped = serde_json::json!({"meta": {"page": 1, "links": [{"rel": "next"}]}, "data": all});
    check(
        "people.json",
        wrapped.to_string().as_bytes(),
        &[("/records", "data"), ("/key", "id"), ("/reference/column", "manager.id")],
    );
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    check(
        "people.jsonl",
        lines.join("\n").as_bytes(),
        &[("/format", "ndjson"), ("/status/column", "status")],
    );
}

#[test]
fn workbook() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.merge_range(0, 0, 0, 8, "Staff list March 2025", &rust_xlsxwriter::Format::new()).unwrap();
    for (at, name) in [
        "Employee Number",
        "First Name",
        "Last Name",
        "Job Title",
        "Department",
        "Manager Number",
        "Hire Date",
        "Termination Date",
        "Status",
    ]
    .iter()
    .enumerate()
    {
        sheet.write(2, at as u16, *name).unwrap();
    }
    let day = rust_xlsxwriter::Format::new().set_num_format("dd/mm/yyyy");
    for (at, p) in people().iter().enumerate() {
        let row = at as u32 + 3;
        sheet.write(row, 0, p.number).unwrap();
        for (column, text) in [
            (1, p.given),
            (2, p.family),
            (3, p.title),
            (4, p.department),
            (8, if p.left.is_some() { "Inactive" } else { "Active" }),
        ] {
            sheet.write(row, column, text).unwrap();
        }
        if p.manager > 0 {
            sheet.write(row, 5, p.manager).unwrap();
        }
        for (column, date) in [(6, Some(p.hired)), (7, p.left)] {
            if let Some((y, m, d)) = date {
                sheet
                    .write_with_format(
                        row,
                        column,
                        rust_xlsxwriter::ExcelDateTime::from_ymd(y, m, d).unwrap(),
                        &day,
                    )
                    .unwrap();
            }
        }
    }
    book.save(&path).unwrap();
    check(
        "book.xlsx",
        &std::fs::read(&path).unwrap(),
        &[("/key", "Employee Number"), ("/dates/default", "iso"), ("/header", "3")],
    );
}

#[test]
fn files_without_people() {
    for (name, bytes) in [
        ("empty.csv", &b""[..]),
        (
            "header.csv",
            b"Employee ID,First Name,Last Name,Email,Manager ID,Hire Date,Termination Date,Status\n",
        ),
        ("bom.csv", b"\xef\xbb\xbf"),
        ("one.json", b"[]"),
        ("broken.json", b"{\"employees\": [{\"id\": 1, \"na"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let proposal = sniff(&path).unwrap();
        if name == "header.csv" {
            assert_eq!(
                (proposal.config.key.as_str(), proposal.config.lifecycle.hire.as_deref()),
                ("Employee ID", Some("Hire Date"))
            );
            assert_eq!(proposal.config.reference.as_ref().map(|r| r.column.as_str()), Some("Manager ID"));
            assert!(proposal.config.status.is_some());
        }
        let config = SourceConfig {
            key: if proposal.config.key.is_empty() { "id".into() } else { proposal.config.key.clone() },
            ..proposal.config
        };
        let scan = Export::open(&config, folder.path())
            .unwrap()
            .scan(&Fingerprints::new(1), date(2025, 1, 1))
            .unwrap();
        assert!(!scan.stops.is_empty(), "{name}: an empty export must not make everybody a leaver");
    }
}

#[test]
fn whole_names_two_headers_and_several_rows() {
    let number = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let whole = table("Emp ID|Employee Name|Mgr ID|Dept|Job|Hire Dt|Term Dt|Active?", "|", |p| {
        vec![
            format!("E{}", p.number),
            format!("{}, {}", p.family, p.given),
            if p.manager == 0 { String::new() } else { format!("E{}", p.manager) },
            p.department.into(),
            p.title.into(),
            p.date("M/d/yy"),
            p.end("M/d/yy", ""),
            if p.left.is_some() { "N" } else { "Y" }.into(),
        ]
    });
    check(
        "whole.txt",
        whole.as_bytes(),
        &[("/key", "Emp ID"), ("/dates/default", "MM/dd/yy"), ("/status/column", "Active?")],
    );
    let two = table("Personnel no|First|Last|Job|Department|Manager|Joined|Left|State", "\t", |p| {
        vec![
            p.number.to_string(),
            p.given.into(),
            p.family.into(),
            p.title.into(),
            p.department.into(),
            number(p.manager),
            p.date("dd.MM.yyyy"),
            p.end("dd.MM.yyyy", ""),
            if p.left.is_some() { "gone" } else { "here" }.into(),
        ]
    });
    let technical = "EMPNO\tFNAME\tLNAME\tJOB\tDEPT\tBOSS\tDOJ\tDOL\tSTATE\r\n";
    check("two.tsv", format!("{technical}{two}").as_bytes(), &[("/header", "2"), ("/key", "Personnel no")]);
    let by_name =
        table("Worker|Employee Number|Manager Name|Department|Position Title|Start|End", ";", |p| {
            let name = |p: &Person| format!("{} {} {}", p.given, p.family, p.number);
            let boss = people().into_iter().find(|b| b.number == p.manager);
            vec![
                name(p),
                p.number.to_string(),
                boss.map_or(String::new(), |b| name(&b)),
                p.department.into(),
                p.title.into(),
                p.date("dd-MM-yyyy"),
                p.end("dd-MM-yyyy", ""),
            ]
        });
    let Read { config, users, text, .. } = read("name.csv", by_name.as_bytes());
    assert_eq!(config.reference.unwrap().by, Some(By::Column("Worker".into())), "{text}");
    let eleventh = &people()[10];
    let family = format!("{} {}", eleventh.family, eleventh.number);
    assert_eq!(
        (&users[10]["name"]["givenName"], &users[10]["name"]["familyName"]),
        (&eleventh.given.into(), &family.into()),
        "{text}"
    );
    let manager = eleventh.manager.to_string();
    assert_eq!(
        users[10]["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"], manager,
        "{text}"
    );
    let rows = table(
        "Employee Number|Primary Flag|Last Name|First Name|Job|Organization|Supervisor Number|Effective Start Date|Effective End Date",
        ",",
        |p| {
            let row = |flag: &str, title: &str| {
                let cells = [
                    p.number.to_string(),
                    flag.into(),
                    p.family.into(),
                    p.given.into(),
                    title.into(),
                    quoted(p.department),
                    number(p.manager),
                    p.date("dd-MMM-yyyy"),
                    p.end("dd-MMM-yyyy", "31-DEC-4712"),
                ];
                cells.join(",")
            };
            vec![if p.number % 5 == 0 {
                format!("{}\r\n{}", row("N", "Trainer"), row("Y", p.title))
            } else {
                row("Y", p.title)
            }]
        },
    );
    check(
        "rows.csv",
        rows.as_bytes(),
        &[("/primary/flag", "Primary Flag"), ("/lifecycle/termination", "Effective End Date")],
    );
}
