//! The people of a made-up company and the records that say what became of them.
use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::schema::{ENTERPRISE, LIFECYCLE, Variant};

/// Few given names, so that unique names collide.
const GIVEN: [&str; 3] = ["ida", "bo", "liv"];
const DEPARTMENTS: [&str; 4] = ["Engineering", "Payroll", "Sales", "IT & Security"];

/// One person as the HR system knows them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// `externalId`.
    pub(crate) number: String,
    pub(crate) given: &'static str,
    /// Counts the changes; the title carries it.
    pub(crate) revision: u64,
    pub(crate) active: bool,
    pub(crate) department: Option<&'static str>,
    /// In scope, where the job has a filter.
    pub(crate) entitled: bool,
    /// Number of the mail address.
    pub(crate) mail: usize,
    /// Number of the user name.
    pub(crate) name: usize,
    /// Index of the manager.
    pub(crate) manager: Option<usize>,
    /// First and last day, in days from the beginning.
    pub(crate) dates: Option<(i64, i64)>,
    /// Was uploaded, and is not gone since.
    pub(crate) known: bool,
    /// Gone from the source for good.
    pub(crate) gone: bool,
}

/// Parts of a record that a delta may carry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) active: bool,
    pub(crate) department: bool,
    pub(crate) mail: bool,
    pub(crate) name: bool,
    pub(crate) manager: bool,
    pub(crate) dates: bool,
}

impl Parts {
    /// The complete record.
    pub(crate) const ALL: Self =
        Self { active: true, department: true, mail: true, name: true, manager: true, dates: true };
}

impl Person {
    pub(crate) fn new(index: usize, dice: &mut Dice, dated: bool) -> Self {
        Self {
            number: format!("{:03}", index + 1),
            given: GIVEN[dice.below(GIVEN.len())],
            revision: 0,
            active: !dice.per_mille(100),
            department: Some(DEPARTMENTS[dice.below(DEPARTMENTS.len())]),
            entitled: true,
            mail: index,
            name: index,
            manager: None,
            dates: dated.then(|| (dice.between(-5, 8), dice.between(1, 20))),
            known: false,
            gone: false,
        }
    }

    pub(crate) fn other_department(&mut self, dice: &mut Dice) {
        self.department = Some(DEPARTMENTS[dice.below(DEPARTMENTS.len())]);
    }

    /// `r00012`: later ones compare greater.
    pub(crate) fn title(&self) -> String {
        format!("r{:05}", self.revision)
    }

    pub(crate) fn mail_address(&self) -> String {
        format!("m{}@contoso.com", self.mail)
    }

    pub(crate) fn user_name(&self) -> String {
        format!("n{}@contoso.com", self.name)
    }

    /// The next record: these parts, and what every record of the variant has to carry. `absent`: an empty department
    /// is left out instead of being null.
    pub(crate) fn record(
        &mut self,
        parts: Parts,
        variant: Variant,
        managers: &[String],
        absent: bool,
    ) -> String {
        self.revision += 1;
        let mut record = Map::new();
        record.insert("externalId".into(), json!(self.number));
        record.insert("title".into(), json!(self.title()));
        if parts.name {
            record.insert("userName".into(), json!(self.user_name()));
            record.insert(
                "name".into(),
                json!({ "givenName": self.given, "familyName": format!("f{}", self.number) }),
            );
        }
        if parts.active {
            record.insert("active".into(), json!(self.active));
        }
        if parts.mail {
            record.insert("emails".into(), json!([{ "type": "work", "value": self.mail_address() }]));
        }
        let mut extension = Map::new();
        if variant.scoped {
            extension.insert("division".into(), if self.entitled { json!("7") } else { Value::Null });
        }
        if parts.department {
            match self.department {
                Some(department) => drop(extension.insert("department".into(), json!(department))),
                None if absent => drop(extension.entry("division").or_insert(json!("7"))),
                None => drop(extension.insert("department".into(), Value::Null)),
            }
        }
        if let (true, Some(manager)) = (parts.manager, self.manager) {
            extension.insert("manager".into(), json!({ "value": managers[manager] }));
        }
        if !extension.is_empty() {
            if variant.null_flow && !extension.contains_key("department") {
                // The extension is there and the department is not: it is empty now.
                self.department = None;
            }
            record.insert(ENTERPRISE.into(), Value::Object(extension));
        }
        if let (true, Some((first, last))) = (parts.dates, self.dates) {
            record.insert(
                LIFECYCLE.into(),
                json!({ "hireDate": day(first), "terminationDate": day(first + last) }),
            );
        }
        Value::Object(record).to_string()
    }
}

/// The day so many days after the beginning.
fn day(days: i64) -> String {
    let first = jiff::civil::date(2026, 3, 2);
    first.saturating_add(jiff::SignedDuration::from_hours(24 * days)).to_string()
}
