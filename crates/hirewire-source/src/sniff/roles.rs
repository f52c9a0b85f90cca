//! Which column is what.

use super::column::Seen;
use super::words::{Role, squash};
use std::collections::{HashMap, HashSet};

/// What of the manager's own row a manager column repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ManagerBy {
    Column(usize),
    /// Columns that make up the name.
    Name(Vec<usize>),
}

/// Role → column.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    pub(crate) columns: HashMap<Role, usize>,
    /// What of the manager's own row the manager column repeats; the key when `None`.
    pub(crate) manager_by: Option<ManagerBy>,
    /// Share of managers that were found.
    pub(crate) manager_found: f64,
}

impl Roles {
    pub(crate) fn get(&self, role: Role) -> Option<usize> {
        self.columns.get(&role).copied()
    }
}

/// Assigns roles: names first, corrected by values; then what values alone can tell.
pub(crate) fn assign(columns: &[Seen], headless: bool) -> Roles {
    let mut candidates: Vec<(f64, Role, usize)> = Vec::new();
    if !headless {
        for (at, column) in columns.iter().enumerate() {
            let mut named = column.named();
            if column.share(column.emails) > 0.8 {
                // Whatever else the name may say (`Indirizzo e-mail`), the values are addresses.
                named.retain(|(role, _)| {
                    matches!(role, Role::Email | Role::PrivateEmail | Role::Manager | Role::Login | Role::Key)
                });
            }
            let Some((first, best)) = named.first().copied() else { continue };
            if is_group_of_manager(column) || (first == Role::Manager && best >= 50) {
                continue;
            }
            for (role, score) in named {
                if score + 25 < best || first == Role::Ignored || role == Role::Manager {
                    continue;
                }
                if let Some(weight) = weigh(role, column, f64::from(score)) {
                    candidates.push((weight, role, at));
                }
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    let mut roles = Roles::default();
    let mut used: HashSet<usize> = HashSet::new();
    for (_, role, at) in candidates {
        if !used.contains(&at) && !roles.columns.contains_key(&role) {
            roles.columns.insert(role, at);
            used.insert(at);
        }
    }
    name_is_surname(columns, &mut roles);
    if let (None, Some(called)) =
        (roles.get(Role::First), roles.get(Role::Preferred).filter(|c| columns[*c].coverage() > 0.9))
    {
        roles.columns.remove(&Role::Preferred);
        // `Moreau, Ada` is a whole name, whatever it is called.
        let whole = columns[called].values.iter().filter(|v| v.contains(", ")).count();
        let role = match roles.get(Role::Full).or(roles.get(Role::Last)) {
            None if whole * 2 > columns[called].filled => Role::Full,
            _ => Role::First,
        };
        roles.columns.insert(role, called);
    }
    by_values(columns, &mut roles, &mut used, headless);
    find_key(columns, &mut roles, headless);
    find_manager(columns, &mut roles, headless);
    roles
}

/// `Name` beside `Vorname` is the family name.
fn name_is_surname(columns: &[Seen], roles: &mut Roles) {
    let (Some(first), Some(full), None) =
        (roles.get(Role::First), roles.get(Role::Full), roles.get(Role::Last))
    else {
        return;
    };
    let pairs = columns[first]
        .values
        .iter()
        .zip(&columns[full].values)
        .filter(|(f, n)| !f.is_empty() && !n.is_empty());
    let (mut all, mut within) = (0, 0);
    for (given, name) in pairs {
        all += 1;
        within += usize::from(name.contains(given.as_str()));
    }
    if within * 2 <= all {
        roles.columns.remove(&Role::Full);
        roles.columns.insert(Role::Last, full);
    }
}

/// `work.reportsTo.firstName` and `Manager Name` are about somebody else.
fn is_group_of_manager(column: &Seen) -> bool {
    let name = column.name.to_lowercase();
    let mut parents = name.split('.').rev().skip(1);
    name.contains('.')
        && parents.any(|p| {
            matches!(
                squash(p).as_str(),
                "reportsto"
                    | "manager"
                    | "supervisor"
                    | "directmanager"
                    | "linemanager"
                    | "managers"
                    | "secondlevelmanager"
            )
        })
}

/// Corrects a name's score by the values; `None` when they speak against it.
fn weigh(role: Role, column: &Seen, score: f64) -> Option<f64> {
    let empty = column.filled == 0;
    let date = column.is_date();
    // List items of an API: `title` is a number, the words stand under `humanReadable`.
    let coded = column.numbers == column.filled && !empty && column.values.iter().any(|v| v.len() >= 5);
    let human = if column.human { -6.0 } else { 0.0 };
    let unused = if empty && column.total > 0 { 15.0 } else { 0.0 };
    let weight = match role {
        Role::Email | Role::PrivateEmail => {
            if !empty && column.share(column.emails) < 0.5 {
                return None;
            }
            score + 10.0 * column.coverage()
        }
        Role::Hire | Role::Termination | Role::OriginalHire => {
            if !empty && !column.may_be_date() {
                return None;
            }
            let exactly = if column.human { -30.0 } else { 0.0 };
            score + exactly
        }
        Role::Status => {
            // Without a known word it is some other state, such as one of fifty.
            let known = column.known_standing();
            if !empty && known == 0.0 {
                return None;
            }
            let rich = column.words.len().min(6) as f64 * 2.0;
            score + if known == 1.0 { 20.0 } else { 20.0 * known - 20.0 } + rich
        }
        Role::First | Role::Last | Role::Full | Role::Preferred | Role::Middle => {
            if !empty && (column.emails > 0 || date || column.share(column.numbers) > 0.5) {
                return None;
            }
            score + if role == Role::Full { -5.0 } else { 0.0 }
        }
        Role::Title
        | Role::Department
        | Role::Division
        | Role::Office
        | Role::Type
        | Role::City
        | Role::Company => {
            if column.emails > 0 || (date && !coded) {
                return None;
            }
            if role == Role::Title && is_honorific(column) {
                return None;
            }
            score - if coded { 40.0 } else { 0.0 } - if column.filled == 0 { 10.0 } else { 0.0 }
        }
        Role::WorkPhone | Role::Mobile | Role::PrivatePhone | Role::Fax => {
            if !empty && column.share(column.worded) > 0.5 {
                return None;
            }
            score
        }
        Role::PrimaryFlag => {
            if column.distinct > 3 || empty {
                return None;
            }
            score
        }
        Role::Operation => {
            if empty || operations(column).is_none() {
                return None;
            }
            score
        }
        Role::Language | Role::TimeZone if coded => return None,
        Role::Key => {
            if !empty && (date && column.uniqueness() < 0.9 || column.emails * 2 > column.filled) {
                return None;
            }
            let plain = [
                "id",
                "number",
                "nummer",
                "nr",
                "no",
                "uuid",
                "guid",
                "wid",
                "uid",
                "userid",
                "workdayid",
                "externalid",
            ];
            let score = if plain.contains(&column.short.as_str()) { score - 25.0 } else { score };
            score + 30.0 * (column.uniqueness() - 1.0) * 3.0 + 20.0 * (column.coverage() - 1.0) + human
        }
        _ => score,
    };
    Some(weight - unused + if role == Role::Key { 0.0 } else { human.max(-3.0) })
}

fn is_honorific(column: &Seen) -> bool {
    let words = [
        "dr", "prof", "profdr", "mr", "mrs", "ms", "miss", "herr", "frau", "mme", "mlle", "m", "dipling",
        "ing", "mag", "sr", "sra", "drmed", "phd",
    ];
    column.filled > 0
        && column.words.iter().filter(|(w, _)| words.contains(&squash(w).as_str())).count() * 2
            > column.words.len().max(1)
}

/// The words of an operation column that mean "gone".
pub(crate) fn operations(column: &Seen) -> Option<Vec<String>> {
    let all = [
        "i", "u", "d", "a", "c", "m", "n", "insert", "update", "delete", "add", "change", "modify", "new",
        "del", "remove", "create", "neu", "loschen", "andern", "upsert",
    ];
    let known = column.words.iter().all(|(w, _)| all.contains(&squash(w).as_str()));
    let gone = ["d", "delete", "del", "remove", "loschen"];
    let words: Vec<String> = column
        .words
        .iter()
        .filter(|(w, _)| gone.contains(&squash(w).as_str()))
        .map(|(w, _)| w.clone())
        .collect();
    let changing = column.words.iter().any(|(w, _)| {
        matches!(squash(w).as_str(), "i" | "u" | "insert" | "update" | "d" | "delete" | "change" | "c" | "m")
    });
    (known && changing && !column.words.is_empty() && column.words.len() > 1).then_some(words)
}

/// What values alone can tell, for columns whose name says nothing.
fn by_values(columns: &[Seen], roles: &mut Roles, used: &mut HashSet<usize>, headless: bool) {
    let take = |role: Role, roles: &mut Roles, used: &mut HashSet<usize>, fits: &dyn Fn(&Seen) -> bool| {
        if roles.columns.contains_key(&role) {
            return;
        }
        let found = columns
            .iter()
            .enumerate()
            .find(|(at, c)| !used.contains(at) && c.filled > 0 && !is_group_of_manager(c) && fits(c));
        if let Some((at, _)) = found {
            roles.columns.insert(role, at);
            used.insert(at);
        }
    };
    let private = roles.get(Role::PrivateEmail);
    take(Role::Email, roles, used, &|c| {
        c.share(c.emails) > 0.9
            && c.uniqueness() > 0.9
            && private.is_none_or(|p| columns[p].name != c.name)
            && c.named().first().is_none_or(|(r, _)| *r != Role::Manager)
    });
    let unnamed = |c: &Seen| headless || c.named().first().is_none_or(|(_, score)| *score < 50);
    take(Role::Status, roles, used, &|c| {
        unnamed(c)
            && c.coverage() > 0.9
            && c.words.iter().any(|(w, _)| w.len() > 2)
            && c.standings().is_some_and(|w| w.iter().all(|(_, s)| s.is_some()))
    });
    if !headless {
        return;
    }
    names_by_email(columns, roles, used);
    let hire_end = |c: &Seen| c.is_date() && c.coverage() < 0.5;
    take(Role::Hire, roles, used, &|c| c.is_date() && c.coverage() > 0.9);
    take(Role::Termination, roles, used, &hire_end);
    take(Role::Termination, roles, used, &|c| c.is_date());
    take(Role::Country, roles, used, &|c| {
        c.words.iter().all(|(w, _)| w.len() == 2 && w.bytes().all(|b| b.is_ascii_uppercase()))
            && !c.words.is_empty()
            && c.coverage() > 0.8
    });
    take(Role::WorkPhone, roles, used, &|c| c.share(c.phones) > 0.8 && c.share(c.worded) < 0.1);
    take(Role::Mobile, roles, used, &|c| c.share(c.phones) > 0.8 && c.share(c.worded) < 0.1);
    take(Role::CostCenter, roles, used, &|c| {
        c.distinct * 3 < c.filled
            && c.values.iter().filter(|v| !v.is_empty()).all(|v| v.to_uppercase().starts_with("CC"))
    });
    let text = |c: &Seen| c.share(c.worded) > 0.9 && c.coverage() > 0.8 && c.emails == 0 && !c.is_date();
    take(Role::First, roles, used, &|c| text(c) && c.distinct * 4 > c.filled);
    take(Role::Last, roles, used, &|c| text(c) && c.distinct * 4 > c.filled);
    take(Role::Title, roles, used, &|c| text(c) && c.distinct > 1);
    take(Role::Department, roles, used, &|c| text(c) && c.distinct > 1);
}

/// First and last names are parts of `first.last@…`.
fn names_by_email(columns: &[Seen], roles: &mut Roles, used: &mut HashSet<usize>) {
    let Some(email) = roles.get(Role::Email) else { return };
    let locals: Vec<String> = columns[email]
        .values
        .iter()
        .map(|v| {
            v.split('@')
                .next()
                .unwrap_or_default()
                .trim_end_matches(|c: char| c.is_ascii_digit())
                .to_lowercase()
        })
        .collect();
    for (role, at_start) in [(Role::First, true), (Role::Last, false)] {
        if roles.columns.contains_key(&role) {
            continue;
        }
        let hits = |column: &Seen| {
            let pairs = column.values.iter().zip(&locals).filter(|(v, l)| !v.is_empty() && !l.is_empty());
            let (mut all, mut hit) = (0, 0);
            for (value, local) in pairs {
                let (value, local) = (squash(value), squash(local));
                all += 1;
                hit += usize::from(
                    value.len() > 1
                        && if at_start { local.starts_with(&value) } else { local.ends_with(&value) },
                );
            }
            if all == 0 { 0.0 } else { f64::from(hit as u32) / f64::from(all) }
        };
        let best = columns
            .iter()
            .enumerate()
            .filter(|(at, c)| !used.contains(at) && c.share(c.worded) > 0.8)
            .map(|(at, c)| (hits(c), at))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((share, at)) = best.filter(|(share, _)| *share > 0.4) {
            let _ = share;
            roles.columns.insert(role, at);
            used.insert(at);
        }
    }
}

fn find_key(columns: &[Seen], roles: &mut Roles, headless: bool) {
    if let Some(at) = roles.get(Role::Key) {
        let column = &columns[at];
        if column.filled == 0 || column.uniqueness() > 0.5 || repeats_people(columns, roles, at) {
            return;
        }
        roles.columns.remove(&Role::Key);
    }
    let free = |at: usize| !roles.columns.values().any(|c| *c == at);
    let fits = |at: usize, c: &Seen| {
        free(at)
            && c.filled > 1
            && c.coverage() > 0.9
            && c.uniqueness() > 0.95
            && c.emails == 0
            && (!c.is_date() || headless)
            && c.share(c.phones) < 0.5
            && c.share(c.worded) < 0.6
            && !is_group_of_manager(c)
            && c.named().first().is_none_or(|(r, _)| !matches!(r, Role::Manager | Role::Ignored))
    };
    let found = columns.iter().enumerate().filter(|(at, c)| fits(*at, c)).map(|(at, _)| at).next();
    if let Some(at) = found
        .or(roles.get(Role::Login).filter(|at| columns[*at].uniqueness() > 0.95))
        .or(roles.get(Role::Email))
    {
        roles.columns.insert(Role::Key, at);
    }
}

/// Whether each value of a key column goes with one address, so that people, not mistakes, have several rows.
fn repeats_people(columns: &[Seen], roles: &Roles, key: usize) -> bool {
    let Some(email) = roles.get(Role::Email).or(roles.get(Role::Login)) else { return false };
    if columns[key].coverage() < 0.9 {
        return false;
    }
    let mut addresses: HashMap<&str, &str> = HashMap::new();
    let (mut same, mut other) = (0, 0);
    for (key, address) in columns[key].values.iter().zip(&columns[email].values) {
        match addresses.insert(key, address) {
            None => {}
            Some(before) if before == address => same += 1,
            Some(_) => other += 1,
        }
    }
    same > 0 && other * 20 <= same
}

/// The manager column is the one whose values are other people's keys, addresses or names.
fn find_manager(columns: &[Seen], roles: &mut Roles, headless: bool) {
    let Some(key) = roles.get(Role::Key) else { return };
    let sets: Vec<(Option<usize>, HashSet<String>)> = targets(columns, roles, key)
        .into_iter()
        .map(|at| {
            (
                (at != key).then_some(at),
                columns[at].values.iter().filter(|v| !v.is_empty()).map(|v| v.to_lowercase()).collect(),
            )
        })
        .collect();
    let mut best: Option<(f64, f64, usize, Option<usize>)> = None;
    for (at, column) in columns.iter().enumerate() {
        let named = column.named();
        let manager =
            is_group_of_manager(column) || named.iter().any(|(r, s)| *r == Role::Manager && *s >= 50);
        let taken = roles.columns.values().any(|c| *c == at);
        if at == key
            || column.filled == 0
            || column.is_date()
            || (taken && !manager)
            || (!manager && !headless && named.first().is_some_and(|(r, s)| *s >= 50 && *r != Role::Key))
        {
            continue;
        }
        for (by, set) in &sets {
            if *by == Some(at) {
                continue;
            }
            let hits =
                column.values.iter().filter(|v| !v.is_empty() && set.contains(&v.to_lowercase())).count();
            let own = column
                .values
                .iter()
                .zip(&columns[key].values)
                .filter(|(v, k)| v == k && !v.is_empty())
                .count();
            let share = column.share(hits);
            let few = column.distinct * 10 < column.filled * 9 || column.filled < 12;
            if share < if manager { 0.3 } else { 0.8 }
                || own * 2 > column.filled
                || (!manager && (!few || column.filled < 3))
            {
                continue;
            }
            let score = share
                + if manager { 1.0 } else { 0.0 }
                + match by {
                    None => 0.30,
                    Some(b) if columns[*b].emails > 0 => 0.2,
                    Some(b)
                        if roles.get(Role::Full) == Some(*b)
                            || columns[*b].share(columns[*b].worded) > 0.8 =>
                    {
                        0.0
                    }
                    Some(_) => 0.25,
                }
                - if column.human { 0.1 } else { 0.0 };
            if best.is_none_or(|b| score > b.0 + 1e-9) {
                best = Some((score, share, at, *by));
            }
        }
    }
    if let Some((_, share, at, by)) = best {
        roles.columns.retain(|_, c| *c != at);
        roles.columns.insert(Role::Manager, at);
        roles.manager_by = by.map(ManagerBy::Column);
        roles.manager_found = share;
        return;
    }
    if find_manager_by_name(columns, roles) {
        return;
    }
    // Nobody was found (few rows, or managers live elsewhere): the best name counts.
    let named = columns.iter().enumerate().filter(|(at, _)| *at != key).filter_map(|(at, c)| {
        let score = c.named().iter().find(|(r, _)| *r == Role::Manager).map(|(_, s)| *s)?;
        let is_name = c.filled > 0 && c.share(c.worded) > 0.5 && c.emails == 0;
        (score >= 50 && !is_name && !roles.columns.values().any(|u| *u == at)).then_some((score, at))
    });
    if let Some((_, at)) = named.max_by_key(|(score, at)| (*score, std::cmp::Reverse(*at))) {
        let emails = columns[at].emails > 0 || columns[at].short.contains("mail");
        roles.manager_by = roles.get(Role::Email).filter(|e| emails && *e != key).map(ManagerBy::Column);
        if columns[at].filled == 0 || !emails || roles.manager_by.is_some() {
            roles.columns.insert(Role::Manager, at);
        }
    }
}

/// The manager by name, in a file that holds people's names in parts or the other way round.
fn find_manager_by_name(columns: &[Seen], roles: &mut Roles) -> bool {
    let parts: Vec<Vec<usize>> =
        [[Role::First, Role::Last].as_slice(), &[Role::Preferred, Role::Last], &[Role::Full]]
            .iter()
            .filter_map(|parts| parts.iter().map(|r| roles.get(*r)).collect::<Option<Vec<usize>>>())
            .collect();
    let mut best: Option<(f64, usize, &Vec<usize>)> = None;
    for parts in &parts {
        let rows = columns[parts[0]].values.len();
        let people: HashSet<String> =
            (0..rows).map(|row| words(parts.iter().map(|p| columns[*p].values[row].as_str()))).collect();
        for (at, column) in columns.iter().enumerate() {
            let manager = is_group_of_manager(column)
                || column.named().iter().any(|(r, s)| *r == Role::Manager && *s >= 50);
            if !manager || column.filled == 0 || parts.contains(&at) {
                continue;
            }
            let hits = column
                .values
                .iter()
                .filter(|v| !v.is_empty() && people.contains(&words([v.as_str()].into_iter())))
                .count();
            let share = column.share(hits);
            if share >= 0.5 && best.as_ref().is_none_or(|b| share > b.0 + 1e-9) {
                best = Some((share, at, parts));
            }
        }
    }
    let Some((share, at, parts)) = best else { return false };
    roles.manager_by = Some(ManagerBy::Name(parts.clone()));
    roles.manager_found = share;
    roles.columns.retain(|_, c| *c != at);
    roles.columns.insert(Role::Manager, at);
    true
}

/// The words of a name in any order.
fn words<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = parts
        .flat_map(|p| p.split(|c: char| c.is_whitespace() || c == ',' || c == ';'))
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.sort_unstable();
    words.join(" ")
}

/// Columns that a manager column may repeat: the key first, then other unique ones.
fn targets(columns: &[Seen], roles: &Roles, key: usize) -> Vec<usize> {
    let mut targets = vec![key];
    for (at, column) in columns.iter().enumerate() {
        let manager =
            is_group_of_manager(column) || column.named().first().is_some_and(|(r, _)| *r == Role::Manager);
        if at != key
            && !manager
            && column.filled > 2
            && column.coverage() > 0.7
            && column.uniqueness() > 0.9
            && !column.is_date()
            && column.share(column.phones) < 0.5
        {
            targets.push(at);
        }
    }
    targets.extend(roles.get(Role::Full).filter(|at| columns[*at].uniqueness() > 0.8));
    targets.dedup();
    targets
}
