//! How much change is too much, and which accounts are never taken away.
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compare::same_text;
use crate::reason::Reason;
use crate::value::{Account, AttributeValue};

/// What one cycle would do, counted before anything is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// New accounts.
    pub creates: u64,
    /// Accounts to disable.
    pub disables: u64,
    /// Accounts to delete.
    pub deletes: u64,
    /// People for whom anything is written, of whatever kind.
    pub changed: u64,
}

impl Totals {
    /// Counts one plan's action.
    pub fn add(&mut self, action: crate::plan::Action) {
        use crate::plan::Action;
        match action {
            Action::Create => self.creates += 1,
            Action::Disable => self.disables += 1,
            Action::Delete => self.deletes += 1,
            Action::Update | Action::Enable | Action::Skip | Action::Fail => {}
        }
        self.changed += u64::from(action.writes());
    }
}

/// A limit of ours: exceeded when more than `count` people, or more than `percent` of the population, are concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// People allowed in one cycle; `None` for no limit.
    pub count: Option<u64>,
    /// Share of the population allowed, 0 to 100; `None` for no limit.
    pub percent: Option<f64>,
    /// The share is not looked at while fewer people than this are known.
    pub least_population: u64,
}

impl Limit {
    fn exceeded(&self, found: u64, population: u64) -> bool {
        let by_count = self.count.is_some_and(|allowed| found > allowed);
        let by_share = self.percent.is_some_and(|percent| {
            population >= self.least_population && found as f64 * 100.0 > percent * population as f64
        });
        found > 0 && (by_count || by_share)
    }
}

/// Entra's threshold against accidental deletions (`spec/engine.md §15`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteThreshold {
    /// Whether it is looked at.
    pub enabled: bool,
    /// Held when deletes and disables of one cycle reach this number.
    pub value: u64,
}

impl Default for DeleteThreshold {
    fn default() -> Self {
        Self { enabled: true, value: Self::DEFAULT_VALUE }
    }
}

impl DeleteThreshold {
    /// 500 allows at most 499.
    pub const DEFAULT_VALUE: u64 = 500;

    /// Reads the members `DeleteThresholdEnabled` and `DeleteThresholdValue` of the job secret
    /// `SyncNotificationSettings`. A value that is absent, null or no positive number is the default of 500.
    pub fn from_notification_settings(settings: &Value) -> Self {
        let enabled = match &settings["DeleteThresholdEnabled"] {
            Value::Bool(enabled) => *enabled,
            Value::String(text) => !text.trim().eq_ignore_ascii_case("false"),
            _ => true,
        };
        let value = match &settings["DeleteThresholdValue"] {
            Value::Number(number) => number.as_u64(),
            Value::String(digits) => digits.trim().parse().ok(),
            _ => None,
        };
        Self { enabled, value: value.filter(|value| *value > 0).unwrap_or(Self::DEFAULT_VALUE) }
    }

    /// Whether a cycle with so many removals is held.
    pub fn holds(&self, deletes: u64, disables: u64) -> bool {
        let removals = deletes.saturating_add(disables);
        self.enabled && removals > 0 && removals >= self.value
    }
}

/// All limits of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Accounts disabled in one cycle.
    pub disables: Limit,
    /// Accounts deleted in one cycle.
    pub deletes: Limit,
    /// Accounts created in one cycle.
    pub creates: Limit,
    /// People for whom anything is written in one cycle.
    pub changes: Limit,
    /// Entra's own threshold.
    pub delete_threshold: DeleteThreshold,
}

/// What a [`Hold`] keeps from being executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Held {
    /// Disables and deletes; logged as `stagedDelete`.
    Removals,
    /// Disables.
    Disables,
    /// Deletes.
    Deletes,
    /// Creates.
    Creates,
    /// Everything.
    Changes,
}

/// Operations that wait for a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// What is held.
    pub held: Held,
    /// How many there are.
    pub found: u64,
    /// Of how many people known.
    pub population: u64,
    /// The quarantine reason, when the hold is Entra's own threshold.
    pub quarantine: Option<Reason>,
}

/// Which operations of a planned cycle are held. Creates and updates below their limits go on (`spec/engine.md §15`,
/// [U] what happens before the threshold is met: the whole cycle is planned first).
pub fn assess(totals: &Totals, population: u64, limits: &Limits) -> Vec<Hold> {
    let mut holds = Vec::new();
    if limits.delete_threshold.holds(totals.deletes, totals.disables) {
        let found = totals.deletes.saturating_add(totals.disables);
        holds.push(Hold {
            held: Held::Removals,
            found,
            population,
            quarantine: Some(Reason::TooManyDeletes),
        });
    }
    let ours = [
        (Held::Disables, totals.disables, &limits.disables),
        (Held::Deletes, totals.deletes, &limits.deletes),
        (Held::Creates, totals.creates, &limits.creates),
        (Held::Changes, totals.changed, &limits.changes),
    ];
    for (held, found, limit) in ours {
        if limit.exceeded(found, population) {
            holds.push(Hold { held, found, population, quarantine: None });
        }
    }
    holds
}

/// A rule for accounts that no cycle disables or deletes, such as `employeeType` = `Administrator`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// Target attribute.
    pub attribute: String,
    /// Its value, compared ignoring case; one of several suffices.
    pub value: String,
}

impl Exemption {
    /// Whether the account is exempt by this rule.
    pub fn covers(&self, account: &Account) -> bool {
        let held = account.attributes.get(&self.attribute);
        held.is_some_and(|held| match held {
            AttributeValue::List(values) => values.iter().any(|value| self.equals(value)),
            single => self.equals(single),
        })
    }

    fn equals(&self, value: &AttributeValue) -> bool {
        match value {
            AttributeValue::Text(text) | AttributeValue::Reference(text) => {
                same_text(text, &self.value, false)
            }
            AttributeValue::Boolean(flag) => {
                self.value.eq_ignore_ascii_case(if *flag { "true" } else { "false" })
            }
            AttributeValue::Integer(number) => self.value.trim().parse() == Ok(*number),
            AttributeValue::DateTime(_) | AttributeValue::Binary(_) | AttributeValue::List(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { count: Some(10), percent: Some(5.0), least_population: 100 };

    #[test]
    fn limits_of_ours() {
        // (found, population, exceeded)
        let cases = [
            (0, 0, false),
            (10, 1000, false),
            (11, 1000, true),
            (6, 100, true),
            (5, 100, false),
            (6, 99, false),
            (11, 0, true),
        ];
        for (found, population, expected) in cases {
            assert_eq!(LIMIT.exceeded(found, population), expected, "{found} of {population}");
        }
        assert!(!Limit::default().exceeded(u64::MAX, 1));
    }

    #[test]
    fn a_hold_names_what_and_how_much() {
        let totals = Totals { creates: 3, disables: 20, deletes: 30, changed: 60 };
        let limits = Limits {
            creates: Limit { count: Some(2), ..Limit::default() },
            delete_threshold: DeleteThreshold { enabled: true, value: 50 },
            ..Limits::default()
        };
        let holds = assess(&totals, 1000, &limits);
        assert_eq!(
            holds.iter().map(|h| (h.held, h.found)).collect::<Vec<_>>(),
            [(Held::Removals, 50), (Held::Creates, 3)]
        );
        assert_eq!(holds[0].quarantine, Some(Reason::TooManyDeletes));
    }

    #[test]
    fn threshold_settings_as_they_are_seen() {
        let cases = [
            (r#"{"DeleteThresholdEnabled":true,"DeleteThresholdValue":50}"#, true, 50),
            (r#"{"DeleteThresholdEnabled":"False","DeleteThresholdValue":"7"}"#, false, 7),
            (r#"{"DeleteThresholdEnabled":true,"DeleteThresholdValue":0}"#, true, 500),
            (r#"{"DeleteThresholdValue":-3}"#, true, 500),
            (r#"{"DeleteThresholdValue":"many"}"#, true, 500),
            ("null", true, 500),
        ];
        for (text, enabled, value) in cases {
            let settings = serde_json::from_str(text).unwrap_or_default();
            assert_eq!(
                DeleteThreshold::from_notification_settings(&settings),
                DeleteThreshold { enabled, value },
                "{text}"
            );
        }
    }

    #[test]
    fn exemption_by_any_value() {
        let text = |t: &str| AttributeValue::Text(t.to_owned());
        let account = Account {
            anchor: "T1".into(),
            soft_deleted: false,
            attributes: [
                ("employeeType".to_owned(), text("administrator")),
                ("memberOf".to_owned(), AttributeValue::List(vec![text("Staff"), text("Admins")])),
                ("adminCount".to_owned(), AttributeValue::Integer(1)),
            ]
            .into(),
        };
        let rule =
            |attribute: &str, value: &str| Exemption { attribute: attribute.into(), value: value.into() };
        assert!(rule("employeeType", "Administrator").covers(&account));
        assert!(rule("memberOf", "admins").covers(&account));
        assert!(rule("adminCount", "1").covers(&account));
        assert!(!rule("adminCount", "0").covers(&account));
        assert!(!rule("title", "Administrator").covers(&account));
    }
}
