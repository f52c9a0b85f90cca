//! Meanings of the codes that are not the engine's: rows set aside, warnings about an export, refused exports, this program's own.
use hirewire_source::{RejectCode, StopCode, WarningCode};

/// A code with what it means and what to do.
pub(crate) type Entry = (String, &'static str, &'static str);

/// Why a row was set aside.
pub(crate) fn rejects() -> Vec<Entry> {
    use RejectCode as R;
    named([
        (
            R::MissingKey,
            "The column that identifies people is empty.",
            "Fill it in; until then the person keeps the last known state.",
        ),
        (
            R::DuplicateKey,
            "Several rows with this number say different things.",
            "Leave one of them, or say which one counts in [source.NAME.primary].",
        ),
        (
            R::BadDate,
            "A date that does not exist, or is written in another format.",
            "Correct the date, or the format in [source.NAME.dates].",
        ),
        (
            R::ColumnCount,
            "The row has more or fewer cells than there are columns, often through an unquoted delimiter.",
            "Quote the cell in the export.",
        ),
        (
            R::BadEncoding,
            "Bytes that are no text in the file's encoding.",
            "Correct `encoding` of the source, or export as UTF-8.",
        ),
        (
            R::RequiredMissing,
            "A column that must not be empty is.",
            "Fill it in, or take it out of `required`.",
        ),
        (
            R::DuplicateUnique,
            "The value of a unique column belongs to somebody else.",
            "Correct the address of one of the two.",
        ),
        (R::DateOrder, "The last day lies before the first.", "Correct one of the dates."),
        (
            R::LeadingZerosLost,
            "The number is known with leading zeros; a spreadsheet has probably removed them.",
            "Export the column as text.",
        ),
        (
            R::UnknownStatus,
            "The status word is in neither list.",
            "Add it to `active` or `inactive` of [source.NAME.status].",
        ),
        (
            R::UnterminatedQuote,
            "A quotation mark opens and is never closed.",
            "Close it, or set `quote` of the source.",
        ),
        (R::BadJson, "No JSON, or nested too deeply.", "Correct the document at this place."),
        (
            R::Mapping,
            "The column map could not be evaluated on this row.",
            "`hirewire eval EXPRESSION --row N` shows each step.",
        ),
    ])
}

/// What deserves a look in an export.
pub(crate) fn warnings() -> Vec<Entry> {
    use WarningCode as W;
    named([
        (
            W::DuplicateRow,
            "The same row stands again, word for word; the second is ignored.",
            "Nothing; the export could be tidier.",
        ),
        (
            W::SecondaryRow,
            "Another row of this person counts.",
            "Nothing, if the rule in [source.NAME.primary] is right.",
        ),
        (W::ManagerUnknown, "The manager is in no row.", "Correct the number; the old manager is kept."),
        (W::ManagerSelf, "Somebody is their own manager.", "Correct the number; the old manager is kept."),
        (
            W::ManagerCycle,
            "People manage each other in a circle.",
            "Correct one of them; the old managers are kept.",
        ),
        (
            W::ManagerAmbiguous,
            "Several people have the name or address by which the manager is named.",
            "Name managers by their number; the old manager is kept.",
        ),
        (
            W::ScientificNotation,
            "A spreadsheet has rounded a number; its digits are lost and the value is dropped.",
            "Export the column as text.",
        ),
        (
            W::Country,
            "Two letters that are no country of ISO 3166.",
            "Correct them, or map the word in [source.NAME.values].",
        ),
        (
            W::Email,
            "Something in an e-mail address was cleaned, or the address was dropped.",
            "Correct the address.",
        ),
        (W::NewColumn, "A column that was not there before and that nothing uses.", "Map it, or ignore it."),
        (
            W::ColumnAbsent,
            "No record has this column: it is empty everywhere, or the account that reads may not see it.",
            "Look at the column's name, and at the permissions of the account that exports.",
        ),
        (W::DuplicateHeader, "Two columns have one name; the first is used.", "Rename one of them."),
        (W::RepeatedHeader, "The header stands again between the rows.", "Nothing; the line is left out."),
        (
            W::DoubleEncoded,
            "Letters that look as if they had been encoded twice.",
            "Correct the export's encoding.",
        ),
        (W::EncodingGuessed, "The encoding was guessed.", "Set `encoding` of the source."),
        (
            W::TrailingDelimiter,
            "A delimiter at the end of each row.",
            "Nothing; the empty column is left out.",
        ),
    ])
}

/// Why a whole export is not applied.
pub(crate) fn stops() -> Vec<Entry> {
    use StopCode as S;
    named([
        (S::EmptyFile, "Nothing in the file.", "Export again."),
        (
            S::TooFewRows,
            "A header and no rows, or fewer than limits.min_rows.",
            "Export again; --force-shrink goes on all the same.",
        ),
        (
            S::Truncated,
            "The file ends in the middle of a record.",
            "Transfer it again; --force-shrink applies what is whole.",
        ),
        (S::TrailerMissing, "The line that closes the export is missing.", "Transfer the file again."),
        (S::TrailerCount, "The closing line names another number of records.", "Transfer the file again."),
        (
            S::ColumnMissing,
            "A column in use is not there; going on would clear values.",
            "Export it, or add its new name to [source.NAME.aliases].",
        ),
        (
            S::TooManyVanished,
            "More people vanished from a full export than limits allow.",
            "Look whether it is the right file; --force-shrink believes it.",
        ),
        (
            S::TooManyRejected,
            "More rows were rejected than limits allow.",
            "Look at the first rejects; --force-shrink applies the good rows.",
        ),
    ])
}

/// This program's own words.
pub(crate) const OURS: [(&str, &str, &str); 10] = [
    (
        "MissingFromExport",
        "A person who was in earlier exports is not in this full export.",
        "Nothing when the policy is right: source.NAME.missing says what happens (keep, disable, delete_after_days).",
    ),
    (
        "HeldForReview",
        "A number came back with another given name, family name and e-mail address: probably another person.",
        "`hirewire review` shows both. The same person after all: `hirewire review NUMBER --same`. Somebody else: `--dismiss`, and give the newcomer a number of their own.",
    ),
    (
        "HeldByThreshold",
        "More accounts would have changed in one cycle than the limits allow.",
        "Read the plan; if it is right, `hirewire approve CYCLE`.",
    ),
    (
        "PossibleRehire",
        "A joiner has the name of somebody who is known under another number, and the same birth date, e-mail address or home address.",
        "The same person: `hirewire provision NEW --as OLD --apply` before the sync, so that they keep their account. Somebody else: nothing.",
    ),
    (
        "ActiveMissing",
        "The record says nothing about `active`.",
        "Send it, or choose with `missing_active` of the job what its absence means.",
    ),
    (
        "ReferenceUnresolved",
        "A reference, such as the manager, names somebody who has no account; the earlier one stays.",
        "Nothing when that person is still to come: the reference is written then. Else correct the number.",
    ),
    (
        "DateWithoutTime",
        "A date without a time was taken as 00:00 in the time zone of the project.",
        "Nothing, or send date and time.",
    ),
    (
        "LifecycleSetting",
        "A time zone or a number of days of a record could not be read; the project's own was used.",
        "Correct it in the source.",
    ),
    (
        "LifecycleOrder",
        "The last day lies before the first: the account is never active.",
        "Correct one of the dates in the source.",
    ),
    ("Unchanged", "Nothing of the person changed since the last run.", "Nothing."),
];

fn named<C: std::fmt::Display, const N: usize>(codes: [(C, &'static str, &'static str); N]) -> Vec<Entry> {
    codes.into_iter().map(|(code, meaning, todo)| (code.to_string(), meaning, todo)).collect()
}
