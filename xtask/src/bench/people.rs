//! Invented people for benchmarks: the same arguments always give the same bytes.
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

const GIVEN: [&str; 16] = [
    "Freya",
    "Jürgen",
    "Zoë",
    "Łukasz",
    "Anaïs",
    "Bjørn",
    "Šárka",
    "Íñigo",
    "Amelia",
    "Rhys",
    "Käthe",
    "Noël",
    "Ayşe",
    "Quốc Bảo",
    "Mary Ann",
    "Grace",
];
const FAMILY: [&str; 16] = [
    "Ng",
    "O'Brien",
    "Müller",
    "de La Tour",
    "Wójcik",
    "Ødegård",
    "Dvořák",
    "García López",
    "Taylor-Jones",
    "St. John",
    "Öztürk",
    "Nguyễn",
    "McAllister",
    "Köhler",
    "Němcová",
    "Berg",
];
const DEPARTMENTS: [(&str, &str, &str); 6] = [
    ("Engineering", "Product", "CC-1100"),
    ("Sales", "Commercial", "CC-2100"),
    ("\"Finance & Accounting\"", "Corporate", "CC-4100"),
    ("\"IT, Security & Workplace\"", "Corporate", "CC-4300"),
    ("Customer Support", "Operations", "CC-3100"),
    ("People", "Corporate", "CC-4200"),
];
const SITES: [(&str, &str); 5] =
    [("London", "GB"), ("Berlin", "DE"), ("Kraków", "PL"), ("New York", "US"), ("Oslo", "NO")];

/// The header of the export.
pub(crate) const HEADER: &str = "EmployeeNumber,FirstName,LastName,PreferredName,FirstNameLatin,LastNameLatin,WorkEmail,JobTitle,\
Department,Division,CostCenter,Site,City,Country,ManagerEmployeeNumber,EmploymentType,HireDate,OriginalHireDate,TerminationDate,\
Status,WorkPhone,MobilePhone,LastModified";

/// Writes a full export of `count` people.
pub(crate) fn write(path: &Path, count: u64) -> Result<()> {
    let file = std::fs::File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "{HEADER}")?;
    for i in 0..count {
        let mix = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        let pick = |n: usize, shift: u32| usize::try_from((mix >> shift) % n as u64).unwrap_or(0);
        let (given, family) = (GIVEN[pick(GIVEN.len(), 0)], FAMILY[pick(FAMILY.len(), 7)]);
        let (department, division, cost_center) = DEPARTMENTS[pick(DEPARTMENTS.len(), 14)];
        let (city, country) = SITES[pick(SITES.len(), 21)];
        let number = 1_000_001 + i;
        let manager = if i == 0 { String::new() } else { format!("{:08}", 1_000_001 + i / 12) };
        let (year, month, day) = (2005 + mix % 19, 1 + (mix >> 5) % 12, 1 + (mix >> 9) % 28);
        let title = ["Engineer", "Account Executive", "Analyst", "Specialist"][pick(4, 28)];
        writeln!(
            out,
            "{number:08},{given},{family},,,,p{number}@northbeam.example,{title},{department},{division},{cost_center},{city},{city},\
             {country},{manager},Employee,{year}-{month:02}-{day:02},{year}-{month:02}-{day:02},,Active,+44 20 7946 {:04},+44 7{:09},\
             2025-01-{day:02}T09:52:24Z",
            mix % 10_000,
            mix % 1_000_000_000,
        )?;
    }
    out.flush()?;
    Ok(())
}
