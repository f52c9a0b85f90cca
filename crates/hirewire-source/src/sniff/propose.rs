//! From roles to settings, with a reason for each.

use super::Guess;
use super::column::Seen;
use super::roles::{ManagerBy, Roles, operations};
use super::words::{Role, Standing, squash};
use crate::config::{By, Mode, Operation, Primary, Reference, SourceConfig, Status, UnknownStatus};
use crate::dates::DateFormat;
use hirewire_expression::Expression;
use std::collections::{HashMap, HashSet};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Proposing<'p> {
    columns: &'p [Seen],
    roles: &'p Roles,
    config: &'p mut SourceConfig,
    guesses: &'p mut Vec<Guess>,
}

pub(super) fn propose(columns: &[Seen], roles: &Roles, config: &mut SourceConfig, guesses: &mut Vec<Guess>) {
    let mut p = Proposing { columns, roles, config, guesses };
    if columns.is_empty() {
        p.guess("columns", "none", "there is nothing in the file that looks like a table of people", false);
        return;
    }
    p.identity();
    p.dates();
    p.status();
    p.rows_per_person();
    p.manager();
    p.operation();
    p.map();
    p.left_out();
}

impl Proposing<'_> {
    fn guess(
        &mut self,
        what: impl Into<String>,
        value: impl Into<String>,
        why: impl Into<String>,
        sure: bool,
    ) {
        self.guesses.push(Guess::new(what, value, why, sure));
    }

    fn column(&self, role: Role) -> Option<&Seen> {
        self.roles.get(role).map(|at| &self.columns[at])
    }

    fn name(&self, role: Role) -> Option<String> {
        self.column(role).map(|c| c.name.clone())
    }

    /// `[Column]`, when the expression language can name it.
    fn attribute(&self, role: Role) -> Option<String> {
        let name = self.name(role)?;
        let text = format!("[{name}]");
        let fits = Expression::parse(&text).is_ok_and(|e| e.attributes().eq([name.as_str()]));
        fits.then_some(text)
    }

    fn identity(&mut self) {
        if let Some(key) = self.column(Role::Key).cloned() {
            let unique = key.distinct == key.filled && key.filled == key.total;
            let why = if key.filled == 0 {
                "its name says so; there are no rows to prove it".to_string()
            } else if unique {
                "every row has another value".into()
            } else {
                format!("{} of {} rows have a value, {} different ones", key.filled, key.total, key.distinct)
            };
            let named = key.named().first().is_some_and(|(r, s)| *r == Role::Key && *s >= 50);
            let zeros = key.values.iter().filter(|v| v.starts_with('0') && v.len() > 1).count();
            self.guess("key", &key.name, why, named && key.filled > 0);
            if zeros > 0 {
                self.guess(
                    "leading zeros",
                    format!("{zeros} keys"),
                    "keys are text: zeros in front stay",
                    true,
                );
            }
            self.config.key = key.name;
        } else {
            self.guess(
                "key",
                "none",
                "no column is filled and different in every row; set `key` by hand",
                false,
            );
            self.config.key = self.columns[0].name.clone();
        }
        if let Some(email) = self.column(Role::Email).cloned() {
            let shared = self.shared_by_people(&email);
            if email.filled == 0 || shared * 33 < email.distinct || shared <= 2 {
                self.config.unique = vec![email.name.clone()];
                self.guess(
                    "unique",
                    &email.name,
                    "an e-mail address belongs to one person",
                    email.filled > 0,
                );
            } else {
                self.guess(
                    "unique",
                    "none",
                    format!("`{}` holds some addresses several times", email.name),
                    false,
                );
            }
        }
        for role in [Role::First, Role::Last, Role::Full] {
            let Some(column) = self.column(role).filter(|c| c.filled > 0 && c.coverage() > 0.98).cloned()
            else {
                continue;
            };
            if role != Role::Full || self.config.required.is_empty() {
                self.config.required.push(column.name);
            }
        }
    }

    /// Number of values that rows of different people hold.
    fn shared_by_people(&self, column: &Seen) -> usize {
        let key = self.roles.get(Role::Key).map(|at| &self.columns[at].values);
        let mut holders: HashMap<&str, &str> = HashMap::new();
        let mut shared = HashSet::new();
        for (row, value) in column.values.iter().enumerate().filter(|(_, v)| !v.is_empty()) {
            let person = key.map_or("", |k| k[row].as_str());
            if holders.insert(value, person).is_some_and(|other| other != person || key.is_none()) {
                shared.insert(value);
            }
        }
        shared.len()
    }

    fn dates(&mut self) {
        let mut formats: HashMap<usize, (String, bool)> = HashMap::new();
        for role in [Role::Hire, Role::Termination] {
            if let Some(at) = self.roles.get(role)
                && let Some(found) = self.format_of(at)
            {
                formats.insert(at, found);
            }
        }
        let mut names: Vec<(&usize, &(String, bool))> = formats.iter().collect();
        names.sort();
        let default = self
            .roles
            .get(Role::Hire)
            .and_then(|at| formats.get(&at))
            .or(names.first().map(|n| n.1))
            .cloned();
        for (at, (format, sure)) in names.clone() {
            let name = self.columns[*at].name.clone();
            let why = match (self.columns[*at].unreadable(format), sure) {
                ((0, _), true) => "all values can be read this way and no other".to_string(),
                ((0, _), false) => "the values would also fit with day and month exchanged: check it".into(),
                ((1, bad), _) => format!("all values but one (`{bad}`), whose row is set aside"),
                ((n, bad), _) => format!("all values but {n} (such as `{bad}`), whose rows are set aside"),
            };
            self.guesses.push(Guess::new(format!("dates of {name}"), format, why, *sure));
            if default.as_ref().is_some_and(|d| d.0 != *format) {
                self.config.dates.columns.insert(name, format.clone());
            }
        }
        self.config.dates.default = default.map(|d| d.0);
        self.config.lifecycle.hire = self.name(Role::Hire);
        self.config.lifecycle.termination = self.name(Role::Termination);
        if let (Some(hire), Some(end)) = (self.roles.get(Role::Hire), self.roles.get(Role::Termination)) {
            self.check_order(hire, end);
        }
        for (what, role) in [("hire date", Role::Hire), ("termination date", Role::Termination)] {
            if let Some(column) = self.column(role).cloned() {
                let sure = column.filled > 0;
                self.guess(
                    what,
                    &column.name,
                    if sure { "its name, and it holds dates" } else { "its name; it is empty so far" },
                    sure,
                );
            }
        }
        self.dates_in_no_format();
        self.config.lifecycle.time_zone_column = self.name(Role::TimeZone).filter(|_| {
            self.column(Role::TimeZone)
                .is_some_and(|c| c.values.iter().any(|v| jiff::tz::TimeZone::get(v).is_ok()))
        });
    }

    /// A column that is called a date and holds none: left out, and said so.
    fn dates_in_no_format(&mut self) {
        for (what, role) in [("hire date", Role::Hire), ("termination date", Role::Termination)] {
            let called = |c: &&Seen| {
                c.filled > 0
                    && !c.may_be_date()
                    && c.values.iter().any(|v| v.bytes().any(|b| b.is_ascii_digit()))
                    && c.named().first().is_some_and(|(r, score)| *r == role && *score >= 70)
            };
            if self.column(role).is_some() {
                continue;
            }
            let Some(column) = self.columns.iter().find(called) else { continue };
            let example = column.values.iter().find(|v| !v.is_empty()).cloned().unwrap_or_default();
            let why = format!(
                "`{}` is called one, but values such as `{example}` fit no known way to write dates: give it in `dates.columns`",
                column.name
            );
            self.guess(what, "none", why, false);
        }
    }

    /// Two date columns whose names say nothing: the later one is the end.
    fn check_order(&mut self, hire: usize, end: usize) {
        let format = |at: usize, p: &Self| {
            let name = &p.columns[at].name;
            p.config
                .dates
                .columns
                .get(name)
                .or(p.config.dates.default.as_ref())
                .and_then(|f| DateFormat::parse(f))
        };
        let (Some(first), Some(second)) = (format(hire, self), format(end, self)) else { return };
        let pairs = self.columns[hire].dates(&first).into_iter().zip(self.columns[end].dates(&second));
        let (mut right, mut wrong) = (0, 0);
        for (from, to) in pairs.filter_map(|(a, b)| Some((a?, b?))) {
            if to < from { wrong += 1 } else { right += 1 }
        }
        if wrong > right {
            std::mem::swap(&mut self.config.lifecycle.hire, &mut self.config.lifecycle.termination);
            self.guess(
                "lifecycle",
                "exchanged",
                "the dates of one column lie before those of the other",
                false,
            );
        }
    }

    /// The format of a date column and whether it is the only one that fits.
    fn format_of(&self, at: usize) -> Option<(String, bool)> {
        let column = &self.columns[at];
        let best = column.loose.first()?.1;
        let fits: Vec<&str> =
            column.loose.iter().filter(|(_, share)| *share >= best - 1e-9).map(|(f, _)| *f).collect();
        if fits.contains(&"iso") {
            let compact =
                column.values.iter().any(|v| v.len() == 8 && !v.contains('-')) && fits.contains(&"yyyyMMdd");
            return Some((if compact { "yyyyMMdd" } else { "iso" }.into(), true));
        }
        let month_first = |f: &str| f.starts_with("MM");
        let first = *fits.first()?;
        let rivals: Vec<&str> = fits
            .iter()
            .copied()
            .filter(|f| month_first(f) != month_first(first) && f.len() == first.len())
            .collect();
        if rivals.is_empty() {
            return Some((first.into(), true));
        }
        // Other columns of the file decide when they can.
        let (mut day, mut month) = (0, 0);
        for other in self.columns.iter().filter(|c| c.is_date()) {
            let top = other.formats[0].1;
            let fits: Vec<&str> =
                other.formats.iter().filter(|(_, s)| *s >= top - 1e-9).map(|(f, _)| *f).collect();
            if fits.contains(&"iso") || fits[0].contains("MMM") || fits[0].starts_with("yyyy") {
                continue;
            }
            match (fits.iter().any(|f| month_first(f)), fits.iter().any(|f| f.starts_with("dd"))) {
                (true, false) => month += 1,
                (false, true) => day += 1,
                _ => {}
            }
        }
        let pick =
            |month: bool| fits.iter().copied().find(|f| month_first(f) == month).unwrap_or(first).to_string();
        if day != month {
            return Some((pick(month > day), true));
        }
        Some((pick(self.looks_american()), false))
    }

    fn looks_american(&self) -> bool {
        if let Some(country) = self.column(Role::Country).filter(|c| c.filled > 0) {
            let american = country
                .values
                .iter()
                .filter(|v| {
                    matches!(squash(v).as_str(), "us" | "usa" | "unitedstates" | "unitedstatesofamerica")
                })
                .count();
            return american * 2 > country.filled;
        }
        let phones: Vec<&String> = [Role::WorkPhone, Role::Mobile]
            .iter()
            .filter_map(|r| self.column(*r))
            .flat_map(|c| &c.values)
            .filter(|v| !v.is_empty())
            .collect();
        if !phones.is_empty() && phones.iter().any(|p| p.starts_with('+')) {
            return phones.iter().filter(|p| p.starts_with("+1")).count() * 2 > phones.len();
        }
        let zip = self.column(Role::Postal).is_some_and(|c| squash(&c.name).starts_with("zip"));
        zip || (self.config.delimiter.as_deref() == Some(",")
            && self.columns.iter().any(|c| squash(&c.name).contains("hire")))
    }

    fn status(&mut self) {
        let Some(column) = self.column(Role::Status).cloned() else {
            let by_dates =
                self.config.lifecycle.hire.is_some() || self.config.lifecycle.termination.is_some();
            let why = if by_dates {
                "there is no status column; the dates say who is active"
            } else {
                "there is neither status nor dates; everybody in the file is active"
            };
            self.guess("active", if by_dates { "by dates" } else { "always" }, why, by_dates);
            return;
        };
        let reversed = ["inactive", "terminated", "istterminated", "ausgeschieden", "leaver"]
            .contains(&column.short.as_str())
            || column.short.starts_with("isinactive")
            || column.short.starts_with("isterminated");
        let mut status = Status { column: column.name.clone(), ..Status::default() };
        let hire = self.config.lifecycle.hire.is_some();
        let mut unsure = Vec::new();
        for (word, standing) in column.standings().unwrap_or_default() {
            let active = match standing {
                Some(Standing::Active | Standing::Leave) => true,
                // Who is to start becomes active by the date, without another file.
                Some(Standing::Ahead) => hire,
                Some(Standing::Gone) => false,
                None => {
                    unsure.push(word.clone());
                    !self.word_goes_with_end(&column, &word)
                }
            };
            if active != reversed { status.active.push(word) } else { status.inactive.push(word) }
        }
        if column.filled == 0 {
            status.active = ["Active", "On Leave"].map(String::from).to_vec();
            status.inactive = ["Inactive", "Terminated"].map(String::from).to_vec();
        }
        self.complete(&mut status, reversed);
        let value = format!(
            "{}: active = {}; inactive = {}",
            column.name,
            status.active.join(", "),
            status.inactive.join(", ")
        );
        let why = match unsure.as_slice() {
            [] if column.filled > 0 => "all its words are known".to_string(),
            [] => "its name; there are no rows yet, words that come later set their row aside".into(),
            words => format!("taken from the dates beside: {}", words.join(", ")),
        };
        self.guess("status", value, why, unsure.is_empty() && column.filled > 0);
        status.unknown = UnknownStatus::Reject;
        self.config.status = Some(status);
    }

    /// Adds the usual counterparts of codes that the sample does not happen to hold.
    fn complete(&self, status: &mut Status, reversed: bool) {
        let pairs: [(&str, &str); 9] = [
            ("active", "inactive"),
            ("aktiv", "inaktiv"),
            ("y", "n"),
            ("yes", "no"),
            ("ja", "nein"),
            ("true", "false"),
            ("1", "0"),
            ("a", "t"),
            ("actif", "inactif"),
        ];
        let known = |list: &[String], word: &str| list.iter().any(|w| squash(w) == word);
        let all: Vec<String> = status.active.iter().chain(&status.inactive).cloned().collect();
        for (yes, no) in pairs {
            let (yes, no) = if reversed { (no, yes) } else { (yes, no) };
            if all.len() > 1 && !matches!(yes, "active" | "a") {
                continue;
            }
            let (has_yes, has_no) = (known(&status.active, yes), known(&status.inactive, no));
            let style = |word: &str| match all.first() {
                Some(w) if w.chars().all(|c| !c.is_lowercase()) => word.to_uppercase(),
                Some(w) if w.chars().next().is_some_and(char::is_uppercase) => {
                    word[..1].to_uppercase() + &word[1..]
                }
                _ => word.to_string(),
            };
            if has_yes && !has_no && !known(&status.active, no) {
                status.inactive.push(style(no));
            } else if has_no && !has_yes && !known(&status.inactive, yes) {
                status.active.push(style(yes));
            }
        }
        let spelled = known(&status.active, "active") && !known(&all, "terminated") && !reversed;
        if spelled {
            status.inactive.push("Terminated".into());
        }
    }

    /// Whether most rows with a status word have an end date and few others do.
    fn word_goes_with_end(&self, status: &Seen, word: &str) -> bool {
        let Some(end) = self.column(Role::Termination) else { return false };
        let rows = status.values.iter().zip(&end.values).filter(|(w, _)| *w == word);
        let (all, ended) =
            rows.fold((0, 0), |(all, ended), (_, e)| (all + 1, ended + usize::from(!e.is_empty())));
        ended * 2 > all
    }

    fn rows_per_person(&mut self) {
        let Some(key) = self.roles.get(Role::Key) else { return };
        let mut first: HashMap<&str, usize> = HashMap::new();
        let (mut again, mut alike) = (0, 0);
        for (row, value) in self.columns[key].values.iter().enumerate().filter(|(_, v)| !v.is_empty()) {
            let Some(before) = first.get(value.as_str()) else {
                first.insert(value, row);
                continue;
            };
            let same = |role: Role| self.column(role).is_none_or(|c| c.values[*before] == c.values[row]);
            let differs = self.columns.iter().any(|c| c.values[*before] != c.values[row]);
            again += usize::from(differs);
            alike += usize::from(differs && same(Role::Last) && same(Role::First) && same(Role::Full));
        }
        let flag = self.name(Role::PrimaryFlag);
        if alike == 0 || alike * 2 < again {
            return;
        }
        let latest = self.config.lifecycle.hire.clone();
        let active_first = self.config.status.is_some();
        let why = format!("{alike} people have several rows");
        let value = flag.clone().map_or_else(
            || "active first, then the latest start".to_string(),
            |f| format!("the row with `{f}`"),
        );
        let sure = flag.is_some();
        self.config.primary = Some(Primary { flag, active_first, latest });
        self.guess("primary", value, why, sure);
    }

    fn manager(&mut self) {
        let Some(column) = self.column(Role::Manager).cloned() else {
            self.guess(
                "manager",
                "none",
                "no column holds the key, the address or the name of other people",
                false,
            );
            return;
        };
        let name = |at: &usize| self.columns[*at].name.clone();
        let by = self.roles.manager_by.as_ref().map(|by| match by {
            ManagerBy::Column(at) => By::Column(name(at)),
            ManagerBy::Name(parts) => By::Name(parts.iter().map(name).collect()),
        });
        let found = (self.roles.manager_found * 100.0).round();
        let to = match &by {
            None => self.config.key.clone(),
            Some(By::Column(name)) => name.clone(),
            Some(By::Name(names)) => names.join(" + "),
        };
        let why = if self.roles.manager_found > 0.0 {
            format!("{found} % of its values stand in `{to}`")
        } else {
            "its name; none of its values was found in the rows that were read".into()
        };
        self.guess("manager", format!("{} → {to}", column.name), why, self.roles.manager_found > 0.7);
        self.config.reference = Some(Reference { column: column.name, by });
    }

    fn operation(&mut self) {
        let Some(column) = self.column(Role::Operation).cloned() else { return };
        let delete = operations(&column).unwrap_or_default();
        self.config.mode = Mode::Delta;
        self.guess(
            "mode",
            "delta",
            format!("`{}` says what each row does, so who is missing did not leave", column.name),
            !delete.is_empty(),
        );
        self.config.operation = Some(Operation { column: column.name, delete });
    }

    fn map(&mut self) {
        let put = |p: &mut Self, path: &str, text: Option<String>| {
            if let Some(text) = text {
                p.config.columns.insert(path.to_string(), text);
            }
        };
        let key = format!("[{}]", self.config.key);
        put(self, "externalId", Some(key.clone()));
        let (first, last) = self.names();
        let user_name = self.user_name(&first, &last);
        put(self, "userName", user_name);
        let display = self.display(&first, &last);
        put(self, "displayName", display);
        put(self, "name.givenName", first);
        put(self, "name.familyName", last);
        for (path, role) in [
            ("name.middleName", Role::Middle),
            ("name.honorificPrefix", Role::Prefix),
            ("nickName", Role::Preferred),
            ("title", Role::Title),
            ("userType", Role::Type),
        ] {
            let text = self.attribute(role);
            put(self, path, text);
        }
        if let Some(language) = self
            .attribute(Role::Language)
            .filter(|_| self.column(Role::Language).is_some_and(|c| c.values.iter().all(|v| v.len() <= 5)))
        {
            put(self, "preferredLanguage", Some(language));
        }
        let pairs = [
            ("emails[type eq \"work\"].value", Role::Email),
            ("phoneNumbers[type eq \"work\"].value", Role::WorkPhone),
            ("phoneNumbers[type eq \"mobile\"].value", Role::Mobile),
            ("addresses[type eq \"work\"].formatted", Role::Office),
            ("addresses[type eq \"work\"].streetAddress", Role::Street),
            ("addresses[type eq \"work\"].locality", Role::City),
            ("addresses[type eq \"work\"].region", Role::Region),
            ("addresses[type eq \"work\"].postalCode", Role::Postal),
            ("addresses[type eq \"work\"].country", Role::Country),
        ];
        for (path, role) in pairs {
            let text = self.attribute(role);
            put(self, path, text);
        }
        if !self.config.columns.contains_key("addresses[type eq \"work\"].locality") {
            let office = self.attribute(Role::Office);
            put(self, "addresses[type eq \"work\"].locality", office);
        }
        put(self, &format!("{ENTERPRISE}:employeeNumber"), Some(key));
        for (name, role) in [
            ("department", Role::Department),
            ("division", Role::Division),
            ("costCenter", Role::CostCenter),
            ("organization", Role::Company),
            ("manager.value", Role::Manager),
        ] {
            let text = self.attribute(role);
            put(self, &format!("{ENTERPRISE}:{name}"), text);
        }
        for (path, text) in &self.config.columns {
            let names =
                ["name.givenName", "name.familyName", "title", "userType", "emails[type eq \"work\"].value"];
            if names.contains(&path.as_str()) || path.ends_with(":department") {
                self.guesses.push(Guess::new(path.clone(), text.clone(), "its name and its values", true));
            }
        }
    }

    /// Given and family name; from the full name when there is nothing else.
    fn names(&mut self) -> (Option<String>, Option<String>) {
        let (first, last) = (self.attribute(Role::First), self.attribute(Role::Last));
        if first.is_some() || last.is_some() {
            return (first, last);
        }
        let Some(full) = self.attribute(Role::Full) else { return (None, None) };
        let comma = self
            .column(Role::Full)
            .is_some_and(|c| c.values.iter().filter(|v| v.contains(", ")).count() * 2 > c.filled.max(1));
        if comma {
            self.guess("names", &full, "written `Last, First`: cut at the comma", true);
            let part = |n: u8| format!("Trim(Word({full}, {n}, \",\"))");
            return (Some(part(2)), Some(part(1)));
        }
        self.guess("names", &full, "one column for the whole name: the first word is taken for the given name, the rest for the family name", false);
        let first = format!("Word({full}, 1, \" \")");
        let rest = format!("Replace({full}, , \"^\\S+\\s+\", , \"\", , )");
        (Some(first), Some(rest))
    }

    fn user_name(&mut self, first: &Option<String>, last: &Option<String>) -> Option<String> {
        let email = self.attribute(Role::Email);
        let column = self.column(Role::Email).cloned();
        if let (Some(email), Some(column)) = (&email, &column)
            && (column.coverage() >= 0.995 || column.filled == 0)
        {
            self.guess("userName", email, "everybody has an address", column.filled > 0);
            return Some(email.clone());
        }
        if let (None, Some(login)) = (&email, self.attribute(Role::Login)) {
            self.guess("userName", &login, "there is no address but a login name", true);
            return Some(login);
        }
        let latin = |latin: Option<String>, own: &Option<String>| match (latin, own) {
            (Some(latin), Some(own)) => Some(format!("Coalesce({latin}, {own})")),
            (_, own) => own.clone(),
        };
        let parts: Vec<String> =
            [latin(self.attribute(Role::LatinFirst), first), latin(self.attribute(Role::LatinLast), last)]
                .into_iter()
                .flatten()
                .collect();
        if parts.is_empty() {
            let text = email.unwrap_or_else(|| format!("[{}]", self.config.key));
            self.guess("userName", &text, "there are no names to build it from", false);
            return Some(text);
        }
        let local = format!("ToLower(NormalizeDiacritics(StripSpaces(Join(\".\", {}))))", parts.join(", "));
        let domains: Vec<&str> =
            column.iter().flat_map(|c| &c.values).filter_map(|v| v.split_once('@')).map(|(_, d)| d).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        domains.iter().for_each(|d| *counts.entry(d).or_default() += 1);
        let domain =
            counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0))).map(|(d, _)| d.to_lowercase());
        let built = domain.map_or(local.clone(), |d| format!("Join(\"@\", {local}, \"{d}\")"));
        match email {
            Some(email) => {
                self.guess("userName", &email, "the address; where it is empty, built from the names", false);
                Some(format!("Coalesce({email}, {built})"))
            }
            None => {
                self.guess(
                    "userName",
                    &built,
                    "built from the names, as there is no address; add the domain",
                    false,
                );
                Some(built)
            }
        }
    }

    fn display(&self, first: &Option<String>, last: &Option<String>) -> Option<String> {
        let full = self.column(Role::Full);
        let straight = full.is_some_and(|c| {
            c.coverage() > 0.95 && c.values.iter().filter(|v| v.contains(", ")).count() * 10 < c.filled.max(1)
        });
        if let (true, Some(full)) = (straight, self.attribute(Role::Full)) {
            return Some(full);
        }
        let preferred = self.attribute(Role::Preferred);
        let first = match (preferred, first) {
            (Some(preferred), Some(first)) => Some(format!("Coalesce({preferred}, {first})")),
            (_, first) => first.clone(),
        };
        match (first, last) {
            (Some(first), Some(last)) => Some(format!("Join(\" \", {first}, {last})")),
            (first, last) => first.or_else(|| last.clone()).or_else(|| self.attribute(Role::Full)),
        }
    }

    fn left_out(&mut self) {
        let used: HashSet<usize> = self
            .roles
            .columns
            .iter()
            .filter(|(r, _)| {
                !matches!(
                    r,
                    Role::PrivateEmail | Role::PrivatePhone | Role::Fax | Role::OriginalHire | Role::Login
                )
            })
            .map(|(_, at)| *at)
            .collect();
        let names: Vec<&str> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(at, c)| !used.contains(at) && !c.name.is_empty())
            .map(|(_, c)| c.name.as_str())
            .collect();
        if !names.is_empty() {
            let shown = names.iter().take(30).copied().collect::<Vec<_>>().join(", ");
            self.guess(
                "left out",
                shown,
                "not needed for an account; add lines to `columns` for what you want",
                true,
            );
        }
    }
}
