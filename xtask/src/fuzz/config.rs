//! The project file: `hirewire.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use hirewire_source::SourceConfig;

use super::Target;
use super::mutate::{Dice, mutate};
use super::readers::read;

/// One case in so many goes through the program itself, which is slower and sees the whole file.
const THROUGH_PROGRAM: usize = 40;

const EXPORT: &str = "Employee ID;First Name;Last Name;Email;Hire Date;End;Status;Manager ID;Primary;Op\n\
    001;Ann;Lee;ann@x.example;04.03.2020;;Active;;Y;I\n002;Bo;Ng;bo@x.example;05.03.2021;31.12.2099;On Leave;001;N;U\n\
    002;Bo;Ng;bo2@x.example;05.03.2022;;Active;001;Y;U\n003;\"Cy\nx\";;cy@x.example;31.31.2025;;?;004;;D\nTotal;3\n";

const PROJECT: &str = r#"[project]
name = "Fuzz"
time_zone = "Europe/Berlin"
[source.hr]
files = "people.csv"
format = "csv"
encoding = "utf-8"
delimiter = ";"
quote = "double"
header = "present"
skip_lines = 0
mode = "full"
key = "Employee ID"
unique = ["Email"]
required = ["Last Name"]
comment = "x"
missing = "keep"
[source.hr.trailer]
pattern = "^Total;(\\d+)"
counts_all_lines = false
[source.hr.dates]
default = "dd.MM.yyyy"
columns = { "End" = "iso" }
[source.hr.status]
column = "Status"
active = ["Active", "On Leave"]
inactive = ["Gone"]
unknown = "reject"
[source.hr.primary]
flag = "Primary"
active_first = true
latest = "Hire Date"
[source.hr.reference]
column = "Manager ID"
by = ["First Name", "Last Name"]
[source.hr.lifecycle]
hire = "Hire Date"
termination = "End"
days_ahead = 3
time_zone = "Europe/Berlin"
[source.hr.operation]
column = "Op"
delete = ["D"]
[source.hr.limits]
max_vanished_share = 0.05
min_rows = 1
[source.hr.aliases]
"Employee ID" = ["Personalnummer", "PERNR"]
[source.hr.values."Status"]
"Aktiv" = "Active"
[source.hr.columns]
externalId = "[Employee ID]"
userName = 'ToLower(NormalizeDiacritics(Join(".", [First Name], [Last Name])))'
displayName = 'Join(" ", [First Name], [Last Name])'
'emails[type eq "work"].value' = "[Email]"
'addresses[type eq "work"].country' = "[Op]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager" = "[Manager ID]"
"urn:contoso:params:scim:schemas:extension:badge:1.0:User:number" = "[Employee ID]"
[job.directory]
schema = "schemas/directory.json"
target = "directory"
missing_active = "keep"
[job.directory.safety]
disables = { percent = 15.0 }
[target.directory]
kind = "embedded"
"#;

/// Words of the project file in places where they do not belong.
const WORDS: &[&str] = &[
    "\"absent\"",
    "\"delta\"",
    "\"none\"",
    "\"backslash\"",
    "\"single\"",
    "7",
    "-1",
    "99999999999999999999",
    "0.5",
    "nan",
    "inf",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"excel\"",
    "\"epoch\"",
    "\"MM/dd/yy\"",
    "\"dd\"",
    "\"yyyy\"",
    "\"[\"",
    "\"(\"",
    "\"(a+)+$\"",
    "\"^\"",
    "\"-\"",
    "\"*\"",
    "\"||\"",
    "\"\\t\"",
    "\"utf-16\"",
    "\"ebcdic\"",
    "\"Mars/Base\"",
    "1979-05-27",
    "{ delete_after_days = 30 }",
    "4294967296",
    "\"[Employee ID]\"",
    "\"Replace([a], , \\\"(\\\", , , , )\"",
    "[source.hr.columns]",
    "[[source.hr]]",
    "\"name.givenName.x\"",
    "\"emails[\"",
    "\"urn:\"",
    "\"urn:a:b:c:d\"",
    "'x[type eq \"'",
];

/// The project file.
pub(crate) struct Config {
    program: PathBuf,
    corpus: Vec<Vec<u8>>,
}

impl Config {
    pub(crate) fn new() -> Result<Self> {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "hirewire"])
            .current_dir(crate::root())
            .status()?;
        if !status.success() {
            bail!("the build failed");
        }
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
        let words: Vec<u8> = WORDS.join("\n").into_bytes();
        Ok(Self { program: target.join("debug/hirewire"), corpus: vec![PROJECT.as_bytes().to_vec(), words] })
    }

    /// The program must end by itself, with one of its exit codes.
    fn through_program(&self, folder: &Path, dice: &mut Dice) -> Result<(), String> {
        let command = dice.pick(&["lint", "plan", "bulk", "test"]);
        let output = Command::new(&self.program)
            .arg("-C")
            .arg(folder)
            .arg(command)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0..=2) if !text.contains("panicked") => Ok(()),
            _ => Err(format!("{command} ended with {}: {text}", output.status)),
        }
    }
}

impl Target for Config {
    fn name(&self) -> &'static str {
        "config"
    }

    fn make(&self, dice: &mut Dice) -> Vec<u8> {
        let mut lines: Vec<String> = PROJECT.lines().map(String::from).collect();
        for _ in 0..dice.roll(5) {
            let at = dice.roll(lines.len());
            let (key, word) = (lines[at].split('=').next().unwrap_or_default().to_owned(), dice.pick(WORDS));
            match dice.roll(4) {
                0 => drop(lines.remove(at)),
                1 => lines[at] = word.to_owned(),
                _ => lines[at] = format!("{key}= {word}"),
            }
        }
        let mut text = lines.join("\n").into_bytes();
        if dice.one_in(2) {
            mutate(&mut text, &self.corpus, dice);
        }
        text
    }

    fn run(&self, input: &[u8], dice: &mut Dice, folder: &Path) -> Result<(), String> {
        let write =
            |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).map_err(|e| e.to_string());
        write("people.csv", EXPORT.as_bytes())?;
        if dice.one_in(THROUGH_PROGRAM) {
            write("hirewire.toml", input)?;
            let schemas = folder.join("schemas");
            if !schemas.exists() {
                std::fs::create_dir_all(&schemas).map_err(|e| e.to_string())?;
                let new = folder.join("new");
                let mut init = Command::new(&self.program);
                init.arg("-C").arg(&new).arg("init").stdout(Stdio::null()).stderr(Stdio::null());
                init.status().map_err(|e| e.to_string())?;
                std::fs::copy(new.join("schemas/directory.json"), schemas.join("directory.json"))
                    .map_err(|e| e.to_string())?;
            }
            return self.through_program(folder, dice);
        }
        let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
        let Ok(project) = toml::from_str::<toml::Table>(text) else { return Ok(()) };
        let Some(source) = project.get("source").and_then(|s| s.get("hr")).cloned() else { return Ok(()) };
        let Ok(config) = source.try_into::<SourceConfig>() else { return Ok(()) };
        // Only this folder's file is read, whatever the settings say.
        read(&SourceConfig { files: hirewire_source::Files::One("people.csv".into()), ..config }, folder)
    }
}
