//! Ratios against bare loops: `cargo bench -p hirewire-source -- [rows]` (200,000 rows when not given).
//!
//! (a) scan of an unchanged file against reading it with the `csv` crate, (b) scan of the next day's file with comparison
//! against hashing each row with SHA-256, (c) everybody mapped into bulk requests against a hand-written map.

#![allow(clippy::print_stdout, missing_docs)]

use hirewire_source::{Entry, Export, Fingerprints, SourceConfig};
use jiff::civil::date;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

const HEADER: &str = "EmployeeNumber,FirstName,LastName,PreferredName,FirstNameLatin,LastNameLatin,WorkEmail,JobTitle,Department,Division,CostCenter,Site,City,Country,ManagerEmployeeNumber,EmploymentType,HireDate,OriginalHireDate,TerminationDate,Status,WorkPhone,MobilePhone,LastModified\n";
const FIRST: [&str; 10] =
    ["Oliver", "Amelia", "Jürgen", "Käthe", "Élodie", "Łukasz", "Jiří", "Nguyệt", "James", "Siân"];
const LAST: [&str; 10] =
    ["Smith", "O'Brien", "Müller", "Groß", "Lefèvre", "Wójcik", "Dvořák", "Nguyễn", "García López", "Lee"];
const DEPARTMENT: [&str; 4] = [
    "Engineering,Product,CC-1100",
    "\"IT, Security & Workplace\",Corporate,CC-2200",
    "Finance & Accounting,Corporate,CC-3300",
    "Sales,Commercial,CC-4400",
];

/// A small repeatable generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn row(i: u64, changed: bool) -> String {
    let mut dice = Dice(i);
    let (f, l, d) = (dice.roll(10) as usize, dice.roll(10) as usize, dice.roll(4) as usize);
    let hire = format!("{}-{:02}-{:02}", 2000 + dice.roll(25), 1 + dice.roll(12), 1 + dice.roll(28));
    let manager = if i == 1 { String::new() } else { format!("{:07}", 1 + i / 12) };
    format!(
        "{i:07},{},{}{},,,,user{i:07}@northbeam.example,\"Engineer, Senior\",{},London,London,GB,{manager},Employee,{hire},{hire},,Active,+44 20 7946 {:04},+44 7{:08},2025-03-03T06:00:00Z\n",
        FIRST[f],
        LAST[l],
        if changed { "-Berg" } else { "" },
        DEPARTMENT[d],
        dice.roll(10_000),
        dice.roll(100_000_000)
    )
}

/// Day 1 in order; day 2 in another order, 1 % changed, 0.2 % gone, 0.2 % new.
fn generate(folder: &Path, rows: u64) {
    let mut day1 = BufWriter::new(File::create(folder.join("day1.csv")).unwrap());
    let mut day2 = BufWriter::new(File::create(folder.join("day2.csv")).unwrap());
    day1.write_all(HEADER.as_bytes()).unwrap();
    day2.write_all(HEADER.as_bytes()).unwrap();
    let step = (rows * 3 / 5) | 1;
    let mut at = 0;
    for i in 1..=rows {
        day1.write_all(row(i, false).as_bytes()).unwrap();
        at = (at + step) % rows;
        let person = at + 1;
        if person % 500 != 250 {
            day2.write_all(row(person, person % 100 == 7).as_bytes()).unwrap();
        }
    }
    for i in rows + 1..=rows + rows / 500 {
        day2.write_all(row(i, false).as_bytes()).unwrap();
    }
}

fn config(file: &str) -> SourceConfig {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    serde_json::from_value(serde_json::json!({
        "files": file, "encoding": "utf-8", "delimiter": ",", "key": "EmployeeNumber", "unique": ["WorkEmail"], "required": ["LastName"],
        "reference": {"column": "ManagerEmployeeNumber"}, "status": {"column": "Status", "active": ["Active"], "inactive": ["Terminated"]},
        "lifecycle": {"hire": "HireDate", "termination": "TerminationDate"},
        "columns": {
            "externalId": "[EmployeeNumber]", "userName": "[WorkEmail]", "displayName": "Join(\" \", [FirstName], [LastName])", "name.givenName": "[FirstName]",
            "name.familyName": "[LastName]", "title": "[JobTitle]", "userType": "[EmploymentType]", "emails[type eq \"work\"].value": "[WorkEmail]",
            "phoneNumbers[type eq \"work\"].value": "[WorkPhone]", "phoneNumbers[type eq \"mobile\"].value": "[MobilePhone]",
            format!("{enterprise}:employeeNumber"): "[EmployeeNumber]", format!("{enterprise}:department"): "[Department]", format!("{enterprise}:division"): "[Division]",
            format!("{enterprise}:costCenter"): "[CostCenter]", format!("{enterprise}:manager"): "[ManagerEmployeeNumber]"
        }
    }))
    .unwrap()
}

fn timed<T>(times: usize, mut work: impl FnMut() -> T) -> (f64, T) {
    let mut best = f64::MAX;
    let mut last = None;
    for _ in 0..times {
        let start = Instant::now();
        last = Some(work());
        best = best.min(start.elapsed().as_secs_f64());
    }
    (best, last.unwrap())
}

fn bare(path: &Path) -> u64 {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(path).unwrap();
    let (mut record, mut fields) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).unwrap() {
        fields += record.len() as u64;
    }
    fields
}

fn sha(path: &Path) -> u8 {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(path).unwrap();
    let (mut record, mut all) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).unwrap() {
        let mut hash = Sha256::new();
        for field in &record {
            hash.update((field.len() as u32).to_le_bytes());
            hash.update(field);
        }
        all ^= hash.finalize()[0];
    }
    all
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    schemas: [&'a str; 2],
    external_id: &'a str,
    user_name: &'a str,
    active: bool,
    display_name: String,
    name: Name<'a>,
    title: &'a str,
    user_type: &'a str,
    emails: [Typed<'a>; 1],
    phone_numbers: [Typed<'a>; 2],
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    enterprise: Enterprise<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Name<'a> {
    given_name: &'a str,
    family_name: &'a str,
}

#[derive(Serialize)]
struct Typed<'a> {
    r#type: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Enterprise<'a> {
    employee_number: &'a str,
    department: &'a str,
    division: &'a str,
    cost_center: &'a str,
    manager: Option<Manager<'a>>,
}

#[derive(Serialize)]
struct Manager<'a> {
    value: &'a str,
}

/// The hand-written map: rows to bulk requests of 50.
fn by_hand(path: &Path, out: &Path) -> u64 {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(path).unwrap();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(out).unwrap());
    let (mut record, mut rows, mut bytes) = (csv::StringRecord::new(), 0, 0);
    let mut bulk = Bulk::default();
    while reader.read_record(&mut record).unwrap() {
        let r = &record;
        let user = User {
            schemas: [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ],
            external_id: &r[0],
            user_name: &r[6],
            active: &r[19] != "Terminated",
            display_name: format!("{} {}", &r[1], &r[2]),
            name: Name { given_name: &r[1], family_name: &r[2] },
            title: &r[7],
            user_type: &r[15],
            emails: [Typed { r#type: "work", value: &r[6] }],
            phone_numbers: [
                Typed { r#type: "work", value: &r[20] },
                Typed { r#type: "mobile", value: &r[21] },
            ],
            enterprise: Enterprise {
                employee_number: &r[0],
                department: &r[8],
                division: &r[9],
                cost_center: &r[10],
                manager: (!r[14].is_empty()).then(|| Manager { value: &r[14] }),
            },
        };
        bulk.add(&r[0], &serde_json::to_string(&user).unwrap());
        rows += 1;
        bytes += bulk.flush(&mut out, u64::is_multiple_of(rows, 50));
    }
    bytes + bulk.flush(&mut out, true)
}

/// Collects operations of one bulk request.
#[derive(Default)]
struct Bulk(String);

impl Bulk {
    fn add(&mut self, id: &str, user: &str) {
        self.0.push_str(if self.0.is_empty() {
            "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"],\"Operations\":["
        } else {
            ","
        });
        self.0.push_str("{\"method\":\"POST\",\"bulkId\":\"");
        self.0.push_str(id);
        self.0.push_str("\",\"path\":\"/Users\",\"data\":");
        self.0.push_str(user);
        self.0.push('}');
    }

    fn flush(&mut self, out: &mut impl Write, full: bool) -> u64 {
        if !full || self.0.is_empty() {
            return 0;
        }
        self.0.push_str("]}\n");
        out.write_all(self.0.as_bytes()).unwrap();
        let bytes = self.0.len() as u64;
        self.0.clear();
        bytes
    }
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM unknown").to_string()
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(200_000);
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), rows);
    let (day1, day2) = (folder.path().join("day1.csv"), folder.path().join("day2.csv"));
    println!("{rows} rows, {} MB; {}", std::fs::metadata(&day1).unwrap().len() / 1_000_000, peak_memory());

    let export = Export::open(&config("day1.csv"), folder.path()).unwrap();
    let (first, scan) = timed(1, || export.scan(&Fingerprints::new(1), date(2025, 3, 3)).unwrap());
    assert_eq!(scan.counts.new as u64, rows);
    println!("first scan (all new): {first:.3} s; {}", peak_memory());
    let out = folder.path().join("bulk.jsonl");
    let mut known = Fingerprints::new(1);
    let (mapped, entries) = timed(1, || {
        let mut entries: Vec<Entry> = Vec::with_capacity(rows as usize);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&out).unwrap());
        let mut bulk = Bulk::default();
        let rejects = export.records(&scan, |m| {
            bulk.add(m.key, m.scim_json);
            entries.push(m.entry);
            bulk.flush(&mut file, entries.len().is_multiple_of(50));
            Ok(())
        });
        assert!(rejects.unwrap().is_empty());
        bulk.flush(&mut file, true);
        entries
    });
    println!("mapping: {mapped:.3} s; {}", peak_memory());
    drop(scan);
    known.update(entries);

    let (hand, _) = timed(2, || by_hand(&day1, &folder.path().join("hand.jsonl")));
    let (loop1, _) = timed(3, || bare(&day1));
    let (sha2, _) = timed(3, || sha(&day2));
    let (scan1, same) = timed(3, || export.scan(&known, date(2025, 3, 3)).unwrap().counts);
    assert_eq!(same.unchanged as u64, rows);
    let export2 = Export::open(&config("day2.csv"), folder.path()).unwrap();
    let (scan2, counts) = timed(3, || export2.scan(&known, date(2025, 3, 4)).unwrap().counts);
    println!("{counts:?}");
    println!(
        "(a) scan, nothing changed   {scan1:.3} s = {:.2} x bare csv loop ({loop1:.3} s)",
        scan1 / loop1
    );
    println!("(b) scan with comparison    {scan2:.3} s = {:.2} x SHA-256 loop ({sha2:.3} s)", scan2 / sha2);
    println!(
        "(c) mapping to bulk JSON    {:.2} x the speed of the hand-written map ({hand:.3} s against {mapped:.3} s)",
        hand / mapped
    );
    println!("{}", peak_memory());
}
