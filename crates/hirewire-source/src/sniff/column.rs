//! What the values of one column look like.

use super::table::Table;
use super::words::{Role, Standing, fit, roles, squash, standing};
use crate::dates::{DateFormat, Parsed};
use jiff::civil::Date;
use std::collections::{HashMap, HashSet};

/// Ways to write dates, in the order in which they are tried.
pub(crate) const FORMATS: [&str; 30] = [
    "iso",
    "dd.MM.yyyy",
    "dd/MM/yyyy",
    "MM/dd/yyyy",
    "yyyyMMdd",
    "dd-MM-yyyy",
    "MM-dd-yyyy",
    "yyyy.MM.dd",
    "yyyy/MM/dd",
    "dd MM yyyy",
    "dd.MM.yy",
    "dd/MM/yy",
    "MM/dd/yy",
    "dd-MM-yy",
    "MM-dd-yy",
    "dd-MMM-yyyy",
    "dd MMM yyyy",
    "dd-MMM-yy",
    "dd MMM yy",
    "dd/MMM/yyyy",
    "dd. MMM yyyy",
    "dd MMM, yyyy",
    "MMM dd, yyyy",
    "MMM dd yyyy",
    "yyyy-MMM-dd",
    "dd.MMM.yyyy",
    "ddMMyyyy",
    "MMddyyyy",
    "excel",
    "epoch_ms",
];

/// A column as seen in the sample.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// Folded name of the last segment, and of the last two.
    pub(crate) short: String,
    pub(crate) long: String,
    pub(crate) human: bool,
    /// The number of something, not its name.
    pub(crate) coded: bool,
    pub(crate) filled: usize,
    pub(crate) total: usize,
    pub(crate) distinct: usize,
    pub(crate) emails: usize,
    pub(crate) numbers: usize,
    pub(crate) phones: usize,
    pub(crate) worded: usize,
    /// Words and how often, when there are few.
    pub(crate) words: Vec<(String, usize)>,
    /// Date formats that read (almost) all values, with the share they read.
    pub(crate) formats: Vec<(&'static str, f64)>,
    /// The same, when at least half of the values must be dates: enough for a column that is called one.
    pub(crate) loose: Vec<(&'static str, f64)>,
    /// Positions of the rows that are filled, as values.
    pub(crate) values: Vec<String>,
}

impl Seen {
    pub(crate) fn of(table: &Table, at: usize) -> Self {
        let name = table.names[at].clone();
        let segments: Vec<&str> = if table.json {
            name.split(['.', '/']).filter(|s| !matches!(*s, "value" | "attributes")).collect()
        } else {
            vec![&name]
        };
        // Beside `…value` stand its label and its type.
        let beside = name
            .rsplit_once('.')
            .filter(|(_, last)| matches!(*last, "label" | "type" | "universal_id"))
            .is_some_and(|(group, _)| {
                let value = format!("{group}.value");
                table.names.iter().any(|n| n.starts_with(&value))
            });
        let segments = if beside { vec![""] } else { segments };
        let mut segments = segments;
        if table.json && segments.len() > 1 {
            // `emails.work` is a work e-mail; what describes the element beside its value is nobody's name.
            let last = segments.len() - 1;
            let group = segments[..last - 1].join(".");
            let element = format!("{group}.0.{}", segments[last]);
            let describes =
                matches!(segments[last].to_ascii_lowercase().as_str(), "type" | "primary" | "isprimary");
            if describes && table.names.iter().any(|n| n.eq_ignore_ascii_case(&element)) {
                segments = vec![""];
            } else if let Some(one) = segments[last - 1].strip_suffix('s') {
                segments[last - 1] = one;
            }
        }
        let tail = |n: usize| squash(&segments[segments.len().saturating_sub(n)..].join(" "));
        // `department.name` is about the department.
        let general =
            ["name", "value", "label", "code", "text", "description", "id", "displayvalue", "descriptor"];
        let plain = [
            "name",
            "names",
            "person",
            "employee",
            "personal",
            "legalname",
            "worker",
            "root",
            "attributes",
            "basic",
            "profile",
        ];
        let parent = segments.len() > 1 && general.contains(&tail(1).as_str());
        let parent =
            parent.then(|| squash(segments[segments.len() - 2])).filter(|p| !plain.contains(&p.as_str()));
        let mut seen = Self {
            coded: parent.is_some() && matches!(tail(1).as_str(), "id" | "code"),
            short: parent.unwrap_or_else(|| tail(1)),
            long: tail(2),
            human: table.json && name.to_lowercase().starts_with("humanreadable"),
            total: table.rows.len(),
            values: table.rows.iter().map(|row| row.get(at).cloned().unwrap_or_default()).collect(),
            name,
            ..Self::default()
        };
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for value in seen.values.iter().filter(|v| !v.is_empty()) {
            seen.filled += 1;
            *counts.entry(value).or_default() += 1;
            seen.emails += usize::from(is_email(value));
            seen.numbers += usize::from(value.bytes().all(|b| b.is_ascii_digit()));
            seen.phones += usize::from(is_phone(value));
            seen.worded +=
                usize::from(value.chars().filter(|c| c.is_alphabetic()).count() * 2 > value.chars().count());
        }
        seen.distinct = counts.len();
        if counts.len() <= 24 {
            seen.words = counts.iter().map(|(w, n)| (w.to_string(), *n)).collect();
            seen.words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        }
        seen.formats = date_formats(&seen.values, false);
        seen.loose =
            if seen.formats.is_empty() { date_formats(&seen.values, true) } else { seen.formats.clone() };
        seen
    }

    pub(crate) fn share(&self, count: usize) -> f64 {
        if self.filled == 0 { 0.0 } else { count as f64 / self.filled as f64 }
    }

    /// Share of the rows that are filled.
    pub(crate) fn coverage(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.filled as f64 / self.total as f64 }
    }

    pub(crate) fn uniqueness(&self) -> f64 {
        if self.filled == 0 { 0.0 } else { self.distinct as f64 / self.filled as f64 }
    }

    pub(crate) fn is_date(&self) -> bool {
        !self.formats.is_empty()
    }

    /// Whether it may be a date column by its values when its name says so.
    pub(crate) fn may_be_date(&self) -> bool {
        !self.loose.is_empty()
    }

    /// Values that are no date in a format: how many, and the first of them.
    pub(crate) fn unreadable(&self, format: &str) -> (usize, &str) {
        let Some(format) = DateFormat::parse(format) else { return (0, "") };
        let mut bad = self.values.iter().filter(|v| format.read(v) == Parsed::Bad);
        let first = bad.next();
        (usize::from(first.is_some()) + bad.count(), first.map_or("", String::as_str))
    }

    /// The role that the name suggests, and how strongly.
    pub(crate) fn named(&self) -> Vec<(Role, u32)> {
        let mut fits: Vec<(Role, u32)> = roles()
            .iter()
            .map(|(role, words)| {
                (
                    *role,
                    fit(&self.short, words).max(if self.long == self.short {
                        0
                    } else {
                        fit(&self.long, words).saturating_sub(8)
                    }),
                )
            })
            .map(|(role, score)| (role, if self.coded { score.saturating_sub(25) } else { score }))
            .filter(|(_, score)| *score > 0)
            .collect();
        fits.sort_by_key(|fit| std::cmp::Reverse(fit.1));
        fits
    }

    /// Share of the rows whose status word is known; 0 when there are too many words.
    pub(crate) fn known_standing(&self) -> f64 {
        let Some(words) = self.standings() else { return 0.0 };
        let known =
            self.words.iter().zip(&words).filter(|(_, (_, s))| s.is_some()).map(|((_, n), _)| *n).sum();
        self.share(known)
    }

    /// The words of a status column and what they mean.
    pub(crate) fn standings(&self) -> Option<Vec<(String, Option<Standing>)>> {
        if self.words.is_empty() || self.words.len() > 20 || self.filled == 0 {
            return None;
        }
        let codes: HashSet<String> = self.words.iter().map(|(w, _)| squash(w)).collect();
        let subset = |of: &[&str]| codes.iter().all(|c| of.contains(&c.as_str()));
        let sap = subset(&["0", "1", "2", "3"]) && codes.contains("3");
        let letters = subset(&["a", "t", "l", "p", "i", "r", "d", "s", "u", "o", "w", "h", "x", "n"])
            && codes.contains("a");
        let truth = subset(&["t", "f"]);
        let read = |word: &str| {
            let code = squash(word);
            match code.as_str() {
                "3" if sap => Some(Standing::Active),
                "0" | "1" | "2" if sap => Some(Standing::Gone),
                "a" if letters => Some(Standing::Active),
                "l" | "p" | "u" | "s" if letters => Some(Standing::Leave),
                "t" | "i" | "r" | "d" | "x" | "n" if letters => Some(Standing::Gone),
                "t" if truth => Some(Standing::Active),
                "f" if truth => Some(Standing::Gone),
                _ => standing(word),
            }
        };
        Some(self.words.iter().map(|(w, _)| (w.clone(), read(w))).collect())
    }

    pub(crate) fn dates(&self, format: &DateFormat) -> Vec<Option<Date>> {
        let read = |v: &String| match format.read(v) {
            Parsed::Date(date) => Some(date),
            _ => None,
        };
        self.values.iter().map(read).collect()
    }
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    digits >= 6
        && value
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b' ' | b'-' | b'/' | b'(' | b')' | b'.'))
        && (value.starts_with(['+', '('])
            || (value.starts_with('0') && digits >= 9)
            || value.contains([' ', '-', '/']))
}

/// The formats that read the values: nearly all of them, or (`loose`) at least half.
fn date_formats(values: &[String], loose: bool) -> Vec<(&'static str, f64)> {
    let filled: Vec<&String> =
        values.iter().filter(|v| !v.is_empty()).take(if loose { 500 } else { 4000 }).collect();
    let Some(first) = filled.first() else { return Vec::new() };
    let enough = |good: usize| if loose { good * 2 >= filled.len() } else { good * 10 >= filled.len() * 8 };
    if !enough(filled.iter().filter(|v| v.bytes().any(|b| b.is_ascii_digit()) && v.len() <= 40).count()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for name in FORMATS {
        let Some(format) = DateFormat::parse(name) else { continue };
        let (mut read, mut open, mut bad) = (0, 0, 0);
        for value in &filled {
            let fits = match name {
                "excel" => value.parse::<f64>().is_ok_and(|n| (18_000.0..80_000.0).contains(&n)),
                "epoch_ms" => value.starts_with("/Date(") || value.len() >= 12,
                _ => true,
            };
            match format.read(value) {
                Parsed::Date(date) if fits && (1920..=2100).contains(&date.year()) => read += 1,
                Parsed::Open => open += 1,
                _ => bad += 1,
            }
        }
        // Plain numbers are dates only when all of them are; the others may have a few slips.
        let strict = matches!(name, "yyyyMMdd" | "ddMMyyyy" | "MMddyyyy" | "excel" | "epoch_ms")
            || (name == "iso" && first.len() == 8);
        let enough = match (loose, strict) {
            (true, _) => read > 0 && bad <= read + open,
            (false, true) => bad == 0,
            (false, false) => bad * 10 <= read + open,
        };
        if (read > 0 || (open > 0 && filled.iter().all(|v| v.len() >= 8))) && enough {
            found.push((name, (read + open) as f64 / filled.len() as f64));
        }
    }
    let best = found.iter().map(|(_, s)| *s).fold(0.0, f64::max);
    found.retain(|(_, share)| *share >= best - 1e-9 || *share > 0.9);
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}
