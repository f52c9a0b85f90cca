//! Functions on dates.

use super::{
    Certainty::Documented,
    Expected::{Error, Text},
    Function, FunctionInfo,
    ParameterKind::{DateTime, Integer, String},
    example, optional, required,
};

pub(super) const FUNCTIONS: &[FunctionInfo] = &[
    FunctionInfo {
        name: "CDate",
        signature: "CDate(expression: String) → DateTime",
        parameters: &[required("expression", String)],
        meaning: "Reads a date and gives it in UTC. Without an offset the text is UTC already; slashes are month first.",
        examples: &[
            example(
                "CDate([StatusHireDate])",
                &[("StatusHireDate", &["2020-03-16-07:00"])],
                Text("3/16/2020 7:00:00 AM"),
            ),
            example(r#"CDate("2009-06-15T01:45:30-07:00")"#, &[], Text("6/15/2009 8:45:30 AM")),
            example(r#"CDate("2013-01-10 4:00 PM -8")"#, &[], Text("1/11/2013 12:00:00 AM")),
            example(r#"CDate("31/12/2020")"#, &[], Error),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::CDate,
    },
    FunctionInfo {
        name: "DateAdd",
        signature: "DateAdd(interval: String, value: Integer, dateTime: DateTime) → DateTime",
        parameters: &[
            required("interval", String),
            required("value", Integer),
            required("dateTime", DateTime),
        ],
        meaning: "Adds units: `yyyy` years, `m` months, `ww` weeks, `d` days, `h` hours, `n` minutes, `s` seconds. A day that the month lacks becomes its last one.",
        examples: &[
            example(r#"DateAdd("d", 7, CDate("2012-03-16-07:00"))"#, &[], Text("3/23/2012 7:00:00 AM")),
            example(r#"DateAdd("m", 1, CDate("2023-01-31"))"#, &[], Text("2/28/2023 12:00:00 AM")),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::DateAdd,
    },
    FunctionInfo {
        name: "DateDiff",
        signature: "DateDiff(interval: String, date1: DateTime, date2: DateTime) → Integer",
        parameters: &[required("interval", String), required("date1", DateTime), required("date2", DateTime)],
        meaning: "date2 − date1 in units. Years and months count calendar borders; the others count whole units that have passed.",
        examples: &[
            example(
                r#"DateDiff("d", CDate("2021-08-18+08:00"), CDate("2021-08-31+08:00"))"#,
                &[],
                Text("13"),
            ),
            example(
                r#"DateDiff("ww", CDate("8/25/2021 5:41:18 PM"), CDate("2012-03-16-07:00"))"#,
                &[],
                Text("-493"),
            ),
            example(r#"DateDiff("d", Now(), CDate("2025-08-10"))"#, &[], Text("11")),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::DateDiff,
    },
    FunctionInfo {
        name: "DateFromNum",
        signature: "DateFromNum(value: Integer) → DateTime",
        parameters: &[required("value", Integer)],
        meaning: "Reads an Active Directory file time (100 ns since 1601).",
        examples: &[
            example("DateFromNum(129699324000000000)", &[], Text("1/1/2012 11:00:00 PM")),
            example("DateFromNum(9223372036854775807)", &[], Error),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::DateFromNum,
    },
    FunctionInfo {
        name: "FormatDateTime",
        signature: "FormatDateTime(source: String, dateTimeStyles?: String, inputFormat: String, outputFormat: String) → String",
        parameters: &[
            required("source", String),
            optional("dateTimeStyles", String),
            required("inputFormat", String),
            required("outputFormat", String),
        ],
        meaning: "Reads a date in one .NET format and prints it in another. With three arguments the styles are left out.",
        examples: &[
            example(
                r#"FormatDateTime([d], , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")"#,
                &[("d", &["20150123105347.1Z"])],
                Text("2015-01-23"),
            ),
            example(
                r#"FormatDateTime("2024-03-05", "yyyy-MM-dd", "dddd, d MMMM yyyy")"#,
                &[],
                Text("Tuesday, 5 March 2024"),
            ),
            example(r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyyMMdd")"#, &[], Text("20250730")),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::FormatDateTime,
    },
    FunctionInfo {
        name: "Now",
        signature: "Now() → DateTime",
        parameters: &[],
        meaning: "The current moment in UTC, the same for the whole object.",
        examples: &[example("Now()", &[], Text("7/30/2025 12:00:00 AM"))],
        certainty: Documented,
        source: "FREF",
        function: Function::Now,
    },
    FunctionInfo {
        name: "NumFromDate",
        signature: "NumFromDate(value: String) → Integer",
        parameters: &[required("value", DateTime)],
        meaning: "The Active Directory file time of a date, for `accountExpires` and the like.",
        examples: &[
            example(r#"NumFromDate("2020-12-31 23:59:59-08:00")"#, &[], Text("132539615990000000")),
            example(r#"NumFromDate("soon")"#, &[], Error),
        ],
        certainty: Documented,
        source: "FREF",
        function: Function::NumFromDate,
    },
];
