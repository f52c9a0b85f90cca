//! What a restart forgets: `resetScope` of `synchronizationJob: restart` (`spec/engine.md §2.4`).
use serde::Serialize;

/// The effects of a restart. All false does nothing (`None`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Forget all cached objects and links (`ConnectorDataStore`).
    pub clear_links: bool,
    /// The next cycle is an initial one (`Watermark`).
    pub clear_watermark: bool,
    /// Failed people are tried at once (`Escrows`).
    pub clear_escrows: bool,
    /// Leave quarantine (`QuarantineState`).
    pub clear_quarantine: bool,
    /// Execute the held deletes and disables (`ForceDeletes`).
    pub execute_held_deletes: bool,
}

/// A name that `resetScope` does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no reset scope")]
pub struct UnknownScope {
    /// The name as written.
    pub name: String,
}

impl UnknownScope {
    /// What would do.
    pub fn help(&self) -> &'static str {
        "one or several of None, ConnectorDataStore, Escrows, Watermark, QuarantineState, Full, ForceDeletes, \
         separated by commas"
    }
}

impl Restart {
    /// What an empty or absent `resetScope` means: the portal's *Restart provisioning*, links are kept.
    pub const DEFAULT: Self = Self {
        clear_links: false,
        clear_watermark: true,
        clear_escrows: true,
        clear_quarantine: true,
        execute_held_deletes: false,
    };

    /// Reads `resetScope`: names separated by commas, ignoring case and spaces. `Full` is everything except
    /// `ForceDeletes`.
    pub fn parse(scope: &str) -> Result<Self, UnknownScope> {
        if scope.trim().is_empty() {
            return Ok(Self::DEFAULT);
        }
        let mut restart = Self::default();
        for name in scope.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            restart.add(name)?;
        }
        Ok(restart)
    }

    fn add(&mut self, name: &str) -> Result<(), UnknownScope> {
        match name.to_ascii_lowercase().as_str() {
            "none" => {}
            "connectordatastore" => self.clear_links = true,
            "escrows" => self.clear_escrows = true,
            "watermark" => self.clear_watermark = true,
            "quarantinestate" => self.clear_quarantine = true,
            "full" => {
                *self = Self {
                    clear_links: true,
                    execute_held_deletes: self.execute_held_deletes,
                    ..Self::DEFAULT
                }
            }
            "forcedeletes" => self.execute_held_deletes = true,
            _ => return Err(UnknownScope { name: name.to_owned() }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_and_order() {
        let full = Restart { clear_links: true, ..Restart::DEFAULT };
        assert_eq!(Restart::parse("ForceDeletes, full"), Ok(Restart { execute_held_deletes: true, ..full }));
        assert_eq!(Restart::parse(" FULL ,ForceDeletes"), Ok(Restart { execute_held_deletes: true, ..full }));
        assert_eq!(Restart::parse("None"), Ok(Restart::default()));
        assert_eq!(Restart::parse("  "), Ok(Restart::DEFAULT));
        assert_eq!(Restart::parse("Escrow"), Err(UnknownScope { name: "Escrow".into() }));
    }
}
