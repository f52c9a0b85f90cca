//! The settings, checked and compiled: which columns are read, what each is for, and the column map.

use crate::clean::{normal_name, normal_path};
use crate::config::{By, SourceConfig, UnknownStatus};
use crate::dates::DateFormat;
use crate::finding::SourceError;
use crate::hash::hash;
use hirewire_expression::Expression;
use std::collections::HashMap;

/// A column in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    /// As written in the settings.
    pub(crate) name: String,
    /// Its name and its aliases as they are compared.
    pub(crate) normals: Vec<String>,
    pub(crate) date: Option<DateFormat>,
    pub(crate) lower: bool,
    pub(crate) email: bool,
    pub(crate) phone: bool,
    pub(crate) country: bool,
    pub(crate) required: bool,
    pub(crate) values: HashMap<String, String>,
}

/// The status column's rules.
#[derive(Debug, Clone)]
pub(crate) struct StatusRule {
    pub(crate) column: usize,
    /// The words as they are spelled in the settings: the usual case, without folding.
    spelled: Vec<(String, bool)>,
    active: Vec<String>,
    inactive: Vec<String>,
    unknown: UnknownStatus,
}

impl StatusRule {
    /// Whether a word means active; `None` for a word that must not be guessed.
    pub(crate) fn read(&self, word: &str) -> Option<bool> {
        if let Some((_, active)) = self.spelled.iter().find(|(spelled, _)| spelled == word) {
            return Some(*active);
        }
        let normal = normal_name(word);
        if self.active.contains(&normal) {
            return Some(true);
        }
        if self.inactive.contains(&normal) {
            return Some(false);
        }
        match self.unknown {
            UnknownStatus::Reject => None,
            UnknownStatus::Active => Some(true),
            UnknownStatus::Inactive => Some(false),
        }
    }
}

/// What a reference repeats of the row it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handle {
    /// A column, compared without case.
    Column(usize),
    /// The words of some columns, in any order.
    Name(Vec<usize>),
}

/// One line of the column map.
#[derive(Debug, Clone)]
pub(crate) struct PathMap {
    pub(crate) path: String,
    pub(crate) expression: Expression,
    /// Attribute slot → column.
    pub(crate) slots: Vec<usize>,
    /// The column when the expression is nothing but `[Column]`.
    pub(crate) plain: Option<usize>,
    /// Whether it is `active`.
    pub(crate) active: bool,
    /// Whether RFC 7643 wants `true` or `false`, whatever text a column holds: `active`, and `primary` of a value.
    pub(crate) boolean: bool,
}

/// Everything that reading a row needs.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<Column>,
    pub(crate) key: usize,
    pub(crate) unique: Vec<usize>,
    pub(crate) reference: Option<usize>,
    /// What references repeat, when it is not the key.
    pub(crate) by: Option<Handle>,
    pub(crate) status: Option<StatusRule>,
    pub(crate) hire: Option<usize>,
    pub(crate) termination: Option<usize>,
    pub(crate) zone: Option<usize>,
    pub(crate) flag: Option<usize>,
    pub(crate) latest: Option<usize>,
    pub(crate) active_first: bool,
    pub(crate) operation: Option<(usize, Vec<String>)>,
    pub(crate) maps: Vec<PathMap>,
    /// Columns in the order in which they are hashed.
    pub(crate) order: Vec<usize>,
    /// Changes when the settings that shape a record change: everything is then read as changed.
    pub(crate) digest: u64,
}

struct Compiler<'c> {
    config: &'c SourceConfig,
    json: bool,
    columns: Vec<Column>,
}

impl Compiler<'_> {
    fn normal(&self, name: &str) -> String {
        if self.json { normal_path(name) } else { normal_name(name) }
    }

    fn column(&mut self, name: &str) -> usize {
        let normal = self.normal(name);
        let aliases = self.config.aliases.iter();
        // A setting may call the column by its name or by one of its aliases.
        let known = aliases.clone().find(|(to, others)| {
            self.normal(to) == normal || others.iter().any(|o| self.normal(o) == normal)
        });
        let main = known.map_or(normal.clone(), |(to, _)| self.normal(to));
        if let Some(at) = self.columns.iter().position(|c| c.normals[0] == main) {
            return at;
        }
        let mut normals = vec![main];
        if let Some((_, others)) = known {
            normals.extend(others.iter().map(|o| self.normal(o)));
        }
        self.columns.push(Column { name: name.to_string(), normals, ..Column::default() });
        self.columns.len() - 1
    }

    fn optional(&mut self, name: Option<&String>) -> Option<usize> {
        name.map(|n| self.column(n))
    }

    fn handle(&mut self, by: Option<&By>) -> Option<Handle> {
        Some(match by? {
            By::Column(name) => Handle::Column(self.column(name)),
            By::Name(names) => Handle::Name(names.iter().map(|n| self.column(n)).collect()),
        })
    }

    fn date(&mut self, column: Option<usize>, format: &DateFormat) {
        if let Some(column) = column {
            self.columns[column].date.get_or_insert_with(|| format.clone());
        }
    }
}

fn bad(setting: impl Into<String>, message: impl Into<String>) -> SourceError {
    SourceError::Config { setting: setting.into(), message: message.into() }
}

fn date_format(setting: &str, text: &str) -> Result<DateFormat, SourceError> {
    DateFormat::parse(text).ok_or_else(|| {
        bad(setting, format!("`{text}` is no date format; write for instance `dd.MM.yyyy` or `iso`"))
    })
}

impl Layout {
    pub(crate) fn compile(config: &SourceConfig, json: bool) -> Result<Self, SourceError> {
        let mut c = Compiler { config, json, columns: Vec::new() };
        if config.key.trim().is_empty() {
            return Err(bad("key", "names no column; it identifies a person"));
        }
        let key = c.column(&config.key);
        let maps = compile_maps(&mut c)?;
        let unique: Vec<usize> = config.unique.iter().map(|u| c.column(u)).collect();
        for column in &unique {
            c.columns[*column].lower = true;
        }
        for name in &config.required {
            let column = c.column(name);
            c.columns[column].required = true;
        }
        let status = config.status.as_ref().map(|s| StatusRule {
            column: c.column(&s.column),
            spelled: s
                .active
                .iter()
                .map(|w| (w.clone(), true))
                .chain(s.inactive.iter().map(|w| (w.clone(), false)))
                .collect(),
            active: s.active.iter().map(|w| normal_name(w)).collect(),
            inactive: s.inactive.iter().map(|w| normal_name(w)).collect(),
            unknown: s.unknown,
        });
        let (reference, by) = match &config.reference {
            Some(r) => {
                (Some(c.column(&r.column)), c.handle(r.by.as_ref()).filter(|by| *by != Handle::Column(key)))
            }
            None => (None, None),
        };
        let (hire, termination) =
            (c.optional(config.lifecycle.hire.as_ref()), c.optional(config.lifecycle.termination.as_ref()));
        let zone = c.optional(config.lifecycle.time_zone_column.as_ref());
        let primary = config.primary.clone().unwrap_or_default();
        let (flag, latest) = (c.optional(primary.flag.as_ref()), c.optional(primary.latest.as_ref()));
        let operation = config.operation.as_ref().map(|o| {
            let words = if o.delete.is_empty() {
                vec!["D".into(), "delete".into(), "del".into()]
            } else {
                o.delete.clone()
            };
            (c.column(&o.column), words.iter().map(|w| normal_name(w)).collect())
        });
        let default = date_format("dates.default", config.dates.default.as_deref().unwrap_or("iso"))?;
        for (name, format) in &config.dates.columns {
            let column = c.column(name);
            c.columns[column].date = Some(date_format(&format!("dates.columns.{name}"), format)?);
        }
        for column in [hire, termination, latest] {
            c.date(column, &default);
        }
        for (name, words) in &config.values {
            let column = c.column(name);
            c.columns[column].values =
                words.iter().map(|(from, to)| (normal_name(from), to.clone())).collect();
        }
        for map in &maps {
            // What is mapped as it stands must be such a value; what an expression makes of it may be anything.
            let Some(column) = map.plain else { continue };
            let (path, column) = (map.path.to_ascii_lowercase(), &mut c.columns[column]);
            column.email |= path.starts_with("emails") && !path.ends_with("type");
            column.phone |= path.starts_with("phonenumbers") && !path.ends_with("type");
            column.country |= path.ends_with("country") || path == "country";
        }
        if let Some(zone) = &config.lifecycle.time_zone {
            jiff::tz::TimeZone::get(zone).map_err(|_| {
                bad(
                    "lifecycle.time_zone",
                    format!("`{zone}` is no time zone; write for instance `Europe/Berlin`"),
                )
            })?;
        }
        let mut order: Vec<usize> = (0..c.columns.len()).collect();
        order.sort_by(|a, b| c.columns[*a].normals[0].cmp(&c.columns[*b].normals[0]));
        Ok(Self {
            key,
            unique,
            reference,
            by,
            status,
            hire,
            termination,
            zone,
            flag,
            latest,
            active_first: primary.active_first,
            operation,
            maps,
            order,
            digest: digest(config),
            columns: c.columns,
        })
    }

    /// Whether several rows of one person are expected.
    pub(crate) fn has_primary(&self) -> bool {
        self.flag.is_some() || self.latest.is_some() || self.active_first
    }

    pub(crate) fn name(&self, column: usize) -> &str {
        &self.columns[column].name
    }
}

fn compile_maps(c: &mut Compiler<'_>) -> Result<Vec<PathMap>, SourceError> {
    let mut maps = Vec::new();
    for (path, text) in &c.config.columns {
        let setting = format!("columns.\"{path}\"");
        let expression = Expression::parse(text).map_err(|e| {
            let help = e.help().map(|h| format!("; {h}")).unwrap_or_default();
            bad(&setting, format!("{e}{help}"))
        })?;
        let names: Vec<String> = expression.attributes().map(String::from).collect();
        let slots: Vec<usize> = names.iter().map(|n| c.column(n)).collect();
        let plain = expression.as_attribute().and_then(|_| slots.first().copied());
        let active = path.eq_ignore_ascii_case("active");
        let boolean = active || path.to_ascii_lowercase().ends_with(".primary");
        maps.push(PathMap { path: path.clone(), expression, slots, plain, active, boolean });
    }
    Ok(maps)
}

fn digest(config: &SourceConfig) -> u64 {
    let shape = (
        &config.key,
        &config.unique,
        &config.columns,
        &config.values,
        &config.status,
        &config.lifecycle,
        &config.dates,
        &config.reference,
        &config.operation,
    );
    hash(0x5eed, serde_json::to_string(&shape).unwrap_or_default().as_bytes())
}
