//! What others changed in the directory since the last cycle: noticed, and by setting reported or set right.
use std::collections::BTreeSet;

use hirewire_job::{Item, Runner, Warning};
use hirewire_store::{JobKey, Store};
use hirewire_target::ldap::changes::Cursor;
use hirewire_target::ldap::config::Drift;
use jiff::Timestamp;

use crate::cycle::block_on;
use crate::report::Report;
use crate::target::AnyTarget;

/// Looks for changes. People whose accounts differ from what the mapping says become due (`correct`), or are named in the
/// warnings (`report`). Our own writes since the last look are among the changes and differ in nothing.
pub(crate) fn look(
    store: &Store,
    job: JobKey,
    runner: &Runner<'_, AnyTarget>,
    now: Timestamp,
) -> Result<Vec<Warning>, Report> {
    let AnyTarget::Ldap(target) = runner.target else { return Ok(Vec::new()) };
    if target.drift() == Drift::Ignore {
        return Ok(Vec::new());
    }
    let setting = format!("drift/{job:?}");
    let cursor: Option<Cursor> = store.setting(&setting)?.and_then(|text| text.parse().ok());
    let mut accounts = Vec::new();
    let changed = block_on(target.changed_since(cursor.as_ref(), &[], &mut |account| {
        accounts.push(account.anchor);
    }))
    .map_err(|error| Report::new(format!("what others changed cannot be read: {error}")))?;
    let mut warnings = Vec::new();
    if cursor.is_some() {
        accounts.extend(changed.deleted);
        let people: BTreeSet<String> = store.owners(job, &accounts)?.into_iter().flatten().collect();
        if !people.is_empty() {
            let items = people.iter().map(Item::again).collect();
            let plan = block_on(runner.preview(items, now, false))?;
            let drifted = plan.people.iter().filter(|person| !person.changes.is_empty());
            for person in drifted.clone() {
                let names: Vec<&str> =
                    person.changes.iter().map(|change| change.attribute.as_str()).collect();
                warnings.push(Warning {
                    code: "ChangedByOthers".into(),
                    message: format!(
                        "{}: somebody else changed the account in the directory: {}",
                        person.anchor,
                        names.join(", ")
                    ),
                    anchor: Some(person.anchor.clone()),
                });
            }
            if target.drift() == Drift::Correct {
                store.make_due(job, drifted.map(|person| person.anchor.clone()).collect(), now)?;
            }
        }
    }
    store.set_setting(&setting, Some(&changed.cursor.to_string()))?;
    Ok(warnings)
}
