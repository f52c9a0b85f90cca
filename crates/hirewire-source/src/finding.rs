//! What is wrong with a file or a row, in stable codes and in words.

use serde::Serialize;
use std::fmt;

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The file, as index into [`crate::Export::files`].
    pub file: u32,
    /// First physical line of the record, from 1; in XLSX the row of the sheet.
    pub line: u64,
    /// Number of the record in the whole export, from 1.
    pub record: u32,
}

/// Why a row was set aside. Its person keeps the last known state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum RejectCode {
    /// The key column is empty.
    MissingKey,
    /// Several rows with this key say different things.
    DuplicateKey,
    /// A date that does not exist or is written in another format.
    BadDate,
    /// More or fewer cells than columns.
    ColumnCount,
    /// Bytes that are no text in the file's encoding.
    BadEncoding,
    /// A column that must not be empty is.
    RequiredMissing,
    /// The value of a unique column belongs to somebody else.
    DuplicateUnique,
    /// The last day lies before the first.
    DateOrder,
    /// The key is known with leading zeros.
    LeadingZerosLost,
    /// A status word in neither list.
    UnknownStatus,
    /// A quotation mark opens here and is never closed.
    UnterminatedQuote,
    /// No JSON, or nested too deeply.
    BadJson,
    /// The column map could not be evaluated on this row.
    Mapping,
}

/// What deserves a look but does not set the row aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum WarningCode {
    /// The same row again, word for word; the second is ignored.
    DuplicateRow,
    /// Further rows of a person of whom another row counts.
    SecondaryRow,
    /// The manager is in no row.
    ManagerUnknown,
    /// Somebody is their own manager; the manager is left as it is.
    ManagerSelf,
    /// People manage each other in a circle; the manager is left as it is.
    ManagerCycle,
    /// Several people have what the reference to the manager repeats.
    ManagerAmbiguous,
    /// A number in scientific notation; digits are lost, the value is dropped.
    ScientificNotation,
    /// Two letters that are no country of ISO 3166; a known slip is mapped.
    Country,
    /// Something in an e-mail address was cleaned or the address was dropped.
    Email,
    /// A column that nobody has mapped and that was not there before.
    NewColumn,
    /// No record has this column (JSON leaves out what is empty or may not be seen).
    ColumnAbsent,
    /// Two columns have one name; the first is used.
    DuplicateHeader,
    /// The header stands again between the rows.
    RepeatedHeader,
    /// Letters that look as if they had been encoded twice (`Ã¼`).
    DoubleEncoded,
    /// The encoding was guessed.
    EncodingGuessed,
    /// A delimiter at the end of each row.
    TrailingDelimiter,
}

/// Why the whole file is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum StopCode {
    /// Nothing in the file.
    EmptyFile,
    /// A header and no rows, or fewer rows than `limits.min_rows`.
    TooFewRows,
    /// The file ends in the middle of a record.
    Truncated,
    /// The trailer line is missing.
    TrailerMissing,
    /// The trailer names another number of records.
    TrailerCount,
    /// A column in use is not there.
    ColumnMissing,
    /// More people vanished than `limits` allow.
    TooManyVanished,
    /// More rows were rejected than `limits` allow.
    TooManyRejected,
}

macro_rules! named {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )*};
}
named!(RejectCode, WarningCode, StopCode);

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Where it stands.
    pub at: Location,
    /// The person's key as far as it could be read.
    pub key: Option<String>,
    /// The column, when one is to blame.
    pub column: Option<String>,
    /// Stable code.
    pub code: RejectCode,
    /// What happened and what would be right, one sentence.
    pub message: String,
}

/// Something that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Where, when it is about one row.
    pub at: Option<Location>,
    /// The person's key, when it is about one.
    pub key: Option<String>,
    /// The column, when one is to blame.
    pub column: Option<String>,
    /// Stable code.
    pub code: WarningCode,
    /// What happened, one sentence.
    pub message: String,
}

/// A reason to refuse the whole file. The caller may go on all the same when a person says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Stable code.
    pub code: StopCode,
    /// The file, as index into [`crate::Export::files`], when it is about one.
    pub file: Option<u32>,
    /// The line, when known.
    pub line: Option<u64>,
    /// What happened and what to do, one or two sentences.
    pub message: String,
}

/// Why an export could not be opened or read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No file where one should be.
    #[error("no file matches `{pattern}`")]
    NoFile {
        /// As configured.
        pattern: String,
    },
    /// The operating system said no.
    #[error("`{path}` cannot be read")]
    Read {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be moved or written.
    #[error("`{path}` cannot be written")]
    Write {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A setting that cannot be used.
    #[error("`{setting}`: {message}")]
    Config {
        /// Name of the setting, such as `trailer.pattern`.
        setting: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The workbook cannot be read.
    #[error("`{path}` is no workbook that can be read: {message}")]
    Workbook {
        /// The file.
        path: String,
        /// What the reader said.
        message: String,
    },
    /// Stored fingerprints of another layout.
    #[error("the stored fingerprints cannot be read: {0}")]
    Fingerprints(String),
    /// The caller's own function failed.
    #[error("{0}")]
    Caller(String),
}

impl SourceError {
    /// What to do next, one sentence, shown after `help:`.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoFile { .. } => Some("check `files`; paths are relative to the project folder".into()),
            Self::Workbook { .. } => Some("save it again as .xlsx or export CSV".into()),
            Self::Fingerprints(_) => Some("forget them: every row is then read as changed".into()),
            _ => None,
        }
    }
}
