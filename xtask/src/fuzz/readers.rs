//! The readers of exports and the look at an unknown one.

use std::path::Path;

use anyhow::Result;
use hirewire_source::{Change, Entry, Export, Files, Fingerprints, Reading, SourceConfig, StopCode};
use jiff::civil::date;

use super::Target;
use super::mutate::{Dice, encode, mutate};
use super::workbook::workbook;

/// Bytes of a sample that a case begins with.
const PIECE: usize = 6000;

/// CSV, JSON and XLSX.
pub(crate) struct Readers {
    corpus: Vec<Vec<u8>>,
    /// Proposed for undamaged samples.
    known: Vec<SourceConfig>,
}

const EXTRA: [&str; 6] = [
    "{\"d\":{\"results\":[{\"userId\":\"1\",\"startDate\":\"/Date(1388534400000)/\",\"email\":[{\"type\":\"work\",\"value\":\"a@x.example\",\"isPrimary\":true}],\"manager\":null}]}}",
    "{\"employeeId\":1,\"firstName\":\"A\",\"lastName\":\"B\",\"workEmail\":\"a@x.example\"}\n{\"employeeId\":2,\"firstName\":\"C\"}\n",
    "Report of 3 March\n\nID;Vorname;Nachname;E-Mail;Eintritt;Austritt;Status;Vorgesetzter\n01;A;B;a@x.example;01.02.2020;;aktiv;\n02;C;D;c@x.example;01.02.2021;31.12.2024;inaktiv;01\nSumme: 2\n",
    "Op|Employee ID|Name|Email|Primary\nI|1|\"Last, First\"|a@x.example|Y\nU|1|\"Last, First\"|a@x.example|N\nD|2|||\n",
    "\"Employee ID\",\"Address\",\"Start Date\"\n\"1\",\"line\nbreak \"\"q\"\"\",\"3/4/25\"\n",
    "PERNR~NACHN~VORNA~BEGDA~ENDDA~STAT2\n00000001~A~B~20200101~99991231~3\nTRAILER~1\n",
];

impl Readers {
    pub(crate) fn new() -> Result<Self> {
        let samples = crate::root().join("samples/hris/100");
        let mut corpus: Vec<Vec<u8>> = EXTRA.iter().map(|t| t.as_bytes().to_vec()).collect();
        let mut known = Vec::new();
        for entry in std::fs::read_dir(samples)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("day1")) {
                known.push(hirewire_source::sniff(&path)?.config);
                let mut text = std::fs::read(&path)?;
                text.truncate(PIECE);
                corpus.push(text);
            }
        }
        corpus.sort();
        known.sort_by_key(|config| config.columns.len());
        Ok(Self { corpus, known })
    }
}

impl Target for Readers {
    fn name(&self) -> &'static str {
        "readers"
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        if dice.one_in(5) {
            return workbook(dice);
        }
        let mut text = self.corpus[dice.roll(self.corpus.len())].clone();
        mutate(&mut text, &self.corpus, dice);
        encode(text, dice)
    }

    fn run(&self, input: &[u8], dice: &mut Dice, folder: &Path) -> Result<(), String> {
        let name = dice.pick(&["people.csv", "people.json", "people.ndjson", "people.xlsx", "people"]);
        let path = folder.join(name);
        std::fs::write(&path, input).map_err(|e| e.to_string())?;
        let mut configs: Vec<SourceConfig> =
            hirewire_source::sniff(&path).map(|p| p.config).into_iter().collect();
        configs.push(self.known[dice.roll(self.known.len())].clone());
        for config in configs {
            let config = SourceConfig { files: Files::One(name.into()), ..config };
            read(&config, folder)?;
        }
        let _ = Reading::default().absorb(input);
        std::fs::remove_file(&path).map_err(|e| e.to_string())
    }
}

/// Reads an export twice as two days would, and once without a memory.
pub(super) fn read(config: &SourceConfig, folder: &Path) -> Result<(), String> {
    let Ok(export) = Export::open(config, folder) else { return Ok(()) };
    let mut known = Fingerprints::new(7);
    let Ok(scan) = export.scan(&known, date(2025, 3, 4)) else { return Ok(()) };
    let counts = &scan.counts;
    let unread = scan.stops.iter().any(|s| matches!(s.code, StopCode::ColumnMissing | StopCode::EmptyFile));
    let sum = counts.new + counts.changed + counts.unchanged + counts.rejected + counts.ignored;
    if !unread && sum != counts.records {
        return Err(format!("the counts do not add up: {counts:?}"));
    }
    let mut entries: Vec<Entry> = scan.refreshed.clone();
    let mut again = 0;
    let mut wrong = None;
    let rejects = export.records(&scan, |person| {
        match serde_json::from_str::<serde_json::Value>(person.scim_json) {
            Err(error) => wrong = Some(format!("no JSON: {error}: {}", person.scim_json)),
            Ok(user)
                if config.columns.get("externalId").is_some_and(|e| *e == format!("[{}]", config.key)) =>
            {
                if user["externalId"] != person.key {
                    wrong = Some(format!("the key `{}` became {}", person.key, user["externalId"]));
                }
            }
            Ok(_) => {}
        }
        if person.change != Change::New {
            wrong = Some("a change although nobody was known".into());
        }
        again += usize::from(person.entry.norm == 0);
        entries.push(person.entry);
        Ok(())
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let failed = rejects.map_err(|e| e.to_string())?.len();
    known.update(entries);
    let second = export.scan(&known, date(2025, 3, 5)).map_err(|e| e.to_string())?;
    let moved = second.counts.new + second.counts.changed;
    if moved > again + failed + counts.new.saturating_sub(known.len()) {
        return Err(format!(
            "the same file again changes {moved} people: {counts:?} then {:?}",
            second.counts
        ));
    }
    let _ = export.stream(date(2025, 3, 4), |_, _| Ok(()));
    Ok(())
}
