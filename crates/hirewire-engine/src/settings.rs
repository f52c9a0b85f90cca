//! What a job sets beside its schema: how missing values are read, domains, zones, exemptions.
use jiff::tz::TimeZone;

use crate::safety::Exemption;

/// How a record without `active` is read (`spec/engine.md §6`). [U] in Entra's documents, seen in its logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingActive {
    /// As `false`, as Entra does: the account is disabled, or created disabled. With a warning.
    #[default]
    False,
    /// Account-state rows drop out on update; a new account is created disabled.
    Keep,
}

impl MissingActive {
    /// Reads the project setting `missingActive`: `false` or `keep`, ignoring case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "false" => Some(Self::False),
            "keep" => Some(Self::Keep),
            _ => None,
        }
    }
}

/// What the plan depends on besides schema, record, target and clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a record without `active` is read.
    pub missing_active: MissingActive,
    /// Accounts of people who leave the scope are left as they are (job secret `SkipOutOfScopeDeletions`).
    pub skip_out_of_scope_deletions: bool,
    /// The value of `DefaultDomain()`.
    pub default_domain: Option<String>,
    /// The container of new accounts that no row places, such as `OU=People,DC=contoso,DC=com`.
    pub default_container: Option<String>,
    /// The zone of dates without one: lifecycle dates, and DateTime targets fed with a date.
    pub time_zone: TimeZone,
    /// Accounts that are never disabled or deleted.
    pub exempt: Vec<Exemption>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            missing_active: MissingActive::default(),
            skip_out_of_scope_deletions: false,
            default_domain: None,
            default_container: None,
            time_zone: TimeZone::UTC,
            exempt: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads the job secret `SkipOutOfScopeDeletions`: the text `True` in any case, everything else is false.
    pub fn parse_skip_out_of_scope_deletions(text: &str) -> bool {
        text.trim().eq_ignore_ascii_case("true")
    }
}
