//! What is written in `hirewire.toml` about one file source.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A flat-file source: where the export lies, how it is written, and what its columns mean.
///
/// Column names are compared normalised (case, blanks, `_`, `-`, accents and no-break spaces do not matter).
/// In JSON a column is a path such as `work.title` or `/work/title`. Source: spec/sources.md §5.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// A path, a list of paths, a pattern with `*` and `?`, or `-` for standard input.
    #[serde(skip_serializing_if = "is_default")]
    pub files: Files,
    /// How the file is written; `auto` looks at its name and first bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub format: Format,
    /// Name of the character encoding (`utf-8`, `windows-1252`, `utf-16le`, `cp850`, `cp437`, `cp852`, `macintosh` …). Without it: byte order mark,
    /// then valid UTF-8, then a guess that is reported.
    #[serde(skip_serializing_if = "is_default")]
    pub encoding: Option<String>,
    /// What separates cells: `,` `;` `|` `^` `~` `\t` (or `tab`), or several characters. Without it: sniffed.
    #[serde(skip_serializing_if = "is_default")]
    pub delimiter: Option<String>,
    /// Whether cells may be quoted.
    #[serde(skip_serializing_if = "is_default")]
    pub quote: Quote,
    /// Which line holds the column names.
    #[serde(skip_serializing_if = "is_default")]
    pub header: Header,
    /// Lines to leave out before the header (titles, report names).
    #[serde(skip_serializing_if = "is_default")]
    pub skip_lines: usize,
    /// The line that closes the export.
    #[serde(skip_serializing_if = "is_default")]
    pub trailer: Option<Trailer>,
    /// Lines that begin with this text are left out.
    #[serde(skip_serializing_if = "is_default")]
    pub comment: Option<String>,
    /// JSON: path of the array of people, such as `employees`. Without it: the first array of objects.
    #[serde(skip_serializing_if = "is_default")]
    pub records: Option<String>,
    /// XLSX: name of the sheet. Without it: the first one.
    #[serde(skip_serializing_if = "is_default")]
    pub sheet: Option<String>,
    /// Whether a file holds everybody or only those who changed.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Column that identifies a person: its text is the SCIM `externalId` and is kept as it is, with leading zeros.
    #[serde(skip_serializing_if = "is_default")]
    pub key: String,
    /// Columns whose value only one person may have, such as the e-mail address; compared without case.
    #[serde(skip_serializing_if = "is_default")]
    pub unique: Vec<String>,
    /// Columns that must not be empty.
    #[serde(skip_serializing_if = "is_default")]
    pub required: Vec<String>,
    /// Formats of the date columns.
    #[serde(skip_serializing_if = "is_default")]
    pub dates: Dates,
    /// Other headers that a column may have: column → headers.
    #[serde(skip_serializing_if = "is_default")]
    pub aliases: IndexMap<String, Vec<String>>,
    /// The column that says who is active.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<Status>,
    /// Which row counts when a person has several.
    #[serde(skip_serializing_if = "is_default")]
    pub primary: Option<Primary>,
    /// The column that names the manager.
    #[serde(skip_serializing_if = "is_default")]
    pub reference: Option<Reference>,
    /// The columns that say from when to when somebody is employed.
    #[serde(skip_serializing_if = "is_default")]
    pub lifecycle: Lifecycle,
    /// What it means when somebody is no longer in a full export.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// How much change is believed without asking.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// Folder into which a file goes after it was applied, with a timestamp in its name.
    #[serde(skip_serializing_if = "is_default")]
    pub archive: Option<String>,
    /// Folder into which a refused file and the lists of rejected rows go.
    #[serde(skip_serializing_if = "is_default")]
    pub reject: Option<String>,
    /// SCIM path → expression over columns, such as `"name.givenName" = "[First Name]"`.
    #[serde(skip_serializing_if = "is_default")]
    pub columns: IndexMap<String, String>,
    /// Column → word in the file → word that it means, such as `Country` → `UK` → `GB`.
    #[serde(skip_serializing_if = "is_default")]
    pub values: IndexMap<String, IndexMap<String, String>>,
    /// Delta files: the column that says whether a row is an insert, an update or a delete.
    #[serde(skip_serializing_if = "is_default")]
    pub operation: Option<Operation>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where the export lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Files {
    /// One path, pattern or `-`.
    One(String),
    /// Several, read in this order as one export.
    Many(Vec<String>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Files {
    /// The paths and patterns in order.
    pub fn entries(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By name and first bytes.
    #[default]
    Auto,
    /// Text with cells between delimiters.
    Csv,
    /// One JSON document with an array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// An Excel workbook.
    Xlsx,
}

/// Whether cells may be quoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quote {
    /// `"`, doubled inside a quoted cell (RFC 4180).
    #[default]
    Double,
    /// `'`, doubled inside a quoted cell.
    Single,
    /// No quoting: every quotation mark is text.
    None,
    /// `"`, with `\"` inside a quoted cell.
    Backslash,
}

/// Which line holds the column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Header {
    /// `"present"`: the first line after `skip_lines`; `"absent"`: none, the columns are called `Column 1`, `Column 2`, …
    Is(Presence),
    /// The line number, counted from 1 over the whole file; lines before it are left out.
    Line(u32),
}

impl Default for Header {
    fn default() -> Self {
        Self::Is(Presence::Present)
    }
}

/// Whether there is a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The first line holds the names.
    Present,
    /// All lines hold people.
    Absent,
}

/// The line that closes the export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// Regular expression for the line, such as `^TRAILER\|(\d+)`. A file without such a line was cut off. When it has
    /// a group, the group's number must be the number of records.
    pub pattern: String,
    /// Whether the number counts all lines (header and trailer too) instead of the records.
    #[serde(default)]
    pub counts_all_lines: bool,
}

/// Whether a file holds everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everybody: absence means something.
    #[default]
    Full,
    /// Only those who changed: absence means nothing.
    Delta,
}

/// Formats of the date columns, written as in `dd.MM.yyyy`, `MM/dd/yyyy`, `yyyyMMdd`, `d-MMM-yy`, or one of `iso`,
/// `excel` (serial number), `epoch` and `epoch_ms`. A time of day behind the date is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dates {
    /// Format of the columns that are not named below; `iso` when it is not given.
    #[serde(skip_serializing_if = "is_default")]
    pub default: Option<String>,
    /// Column → format. A column named here is a date column even when no other setting says so.
    #[serde(skip_serializing_if = "is_default")]
    pub columns: IndexMap<String, String>,
}

/// The column that says who is active.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Its name. With `columns` having no `active` of its own, `active` follows from it.
    pub column: String,
    /// Words for people who may have an account; compared without case.
    #[serde(default)]
    pub active: Vec<String>,
    /// Words for people who may not.
    #[serde(default)]
    pub inactive: Vec<String>,
    /// What to do with other words.
    #[serde(default)]
    pub unknown: UnknownStatus,
}

/// What to do with a status word that is in neither list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownStatus {
    /// Set the row aside; the last known state stays.
    #[default]
    Reject,
    /// Take it for active.
    Active,
    /// Take it for inactive.
    Inactive,
}

/// Which row counts when a person has several. The rules are asked in this order: flag, active first, latest date;
/// rows that are equal in all of them are a conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Primary {
    /// Column that is `1`, `Y`, `yes`, `true`, `x`, `primary` … on the row that counts.
    #[serde(skip_serializing_if = "is_default")]
    pub flag: Option<String>,
    /// Prefer rows that the status column calls active.
    #[serde(skip_serializing_if = "is_default")]
    pub active_first: bool,
    /// Date column: the latest wins.
    #[serde(skip_serializing_if = "is_default")]
    pub latest: Option<String>,
}

/// The column that names the manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name. Its text is replaced by the manager's key before expressions see it.
    pub column: String,
    /// What of the manager's own row it repeats: a column, such as the e-mail address, or the columns that make up a
    /// name, such as `["First Name", "Last Name"]`. The key when not given.
    #[serde(default)]
    pub by: Option<By>,
}

/// What a reference repeats of the row it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum By {
    /// One column; compared without case.
    Column(String),
    /// Columns that together make up a name; compared word by word in any order, so that `Ng, Freya` is `Freya Ng`.
    /// A name that several people have refers to nobody.
    Name(Vec<String>),
}

/// From when to when somebody is employed; sent as the lifecycle extension, so that time is applied in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lifecycle {
    /// Column with the first day.
    #[serde(skip_serializing_if = "is_default")]
    pub hire: Option<String>,
    /// Column with the last day (inclusive).
    #[serde(skip_serializing_if = "is_default")]
    pub termination: Option<String>,
    /// Days before the first day on which the account is ready.
    #[serde(skip_serializing_if = "is_default")]
    pub days_ahead: u32,
    /// Time zone of everybody, such as `Europe/Berlin`.
    #[serde(skip_serializing_if = "is_default")]
    pub time_zone: Option<String>,
    /// Column with the time zone of each person; `time_zone` where it is empty.
    #[serde(skip_serializing_if = "is_default")]
    pub time_zone_column: Option<String>,
}

/// What it means when somebody is no longer in a full export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Report it and change nothing.
    #[default]
    Keep,
    /// Disable the account.
    Disable,
    /// Disable the account, and delete it after so many days of absence.
    DeleteAfterDays(u32),
}

/// How much change is believed without asking. What is beyond stops the run before anything is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest share of the known people who may be missing from a full export at once (0 to 1).
    pub max_vanished_share: f64,
    /// Up to so many people may be missing whatever their share.
    pub vanished_allowed: usize,
    /// Smallest number of records in a full export.
    pub min_rows: usize,
    /// Largest share of rejected rows (0 to 1).
    pub max_rejected_share: f64,
    /// Up to so many rows may be rejected whatever their share.
    pub rejected_allowed: usize,
    /// Largest size in bytes of an unpacked workbook.
    pub max_unpacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_vanished_share: 0.05,
            vanished_allowed: 3,
            min_rows: 1,
            max_rejected_share: 0.2,
            rejected_allowed: 10,
            max_unpacked: 256 << 20,
        }
    }
}

/// Delta files: the column that says what a row means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its name.
    pub column: String,
    /// Words that mean that the person is gone (`D` and `delete` when not given).
    #[serde(default)]
    pub delete: Vec<String>,
}
