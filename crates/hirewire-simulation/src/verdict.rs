//! What the ends of two worlds must have in common, and what the end of a calm world must be.
use std::collections::BTreeMap;
use std::sync::Arc;

use hirewire_engine::value::{Account, AttributeValue};

use crate::directory::text;
use crate::failure::{Failure, Invariant};
use crate::people::Person;
use crate::scenario::Scenario;
use crate::world::End;

/// The accounts in a form that does not depend on the directory's own keys.
pub(crate) fn accounts(
    accounts: &[Arc<Account>],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, String> {
    let number = |anchor: &str| {
        let account = accounts.iter().find(|account| account.anchor == anchor);
        account.map_or("nobody", |account| text(account.attributes.get("employeeId"))).to_owned()
    };
    let mut all = BTreeMap::new();
    for account in accounts {
        let shown = |value: &AttributeValue| match value {
            AttributeValue::Reference(anchor) => number(anchor),
            other => other.log_text(),
        };
        let attributes =
            account.attributes.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        let employee = text(account.attributes.get("employeeId")).to_owned();
        if all.insert(employee.clone(), attributes).is_some() {
            return Err(format!("{employee} has two accounts"));
        }
    }
    Ok(all)
}

/// With faults everybody ends as without.
pub(crate) fn same_end(seed: u64, scenario: &Scenario, calm: &End, rough: &End) -> Result<(), Failure> {
    let failure = |detail: String| Failure { seed, invariant: Invariant::SameEnd, detail };
    let named = &calm.accounts;
    for person in &scenario.people {
        let (calm, rough) = (calm.accounts.get(&person.number), rough.accounts.get(&person.number));
        let unmanaged = scenario.variant.scoped && !person.entitled;
        match (calm, rough) {
            (None, None) => {}
            // Nor is an account that left the scope deleted with its person: whether it did depends on who came first.
            (calm, rough)
                if unmanaged && person.gone && [calm, rough].iter().flatten().all(|a| state(a) != "True") => {
            }
            // Somebody who was never created before leaving the scope is as good as disabled.
            (Some(calm), None) if unmanaged && state(calm) != "True" => {}
            // Out of scope nothing but the account state is the job's business.
            (Some(calm), Some(rough)) if unmanaged && state(calm) == state(rough) => {}
            (Some(calm), Some(rough)) => {
                let (mut calm, mut rough) =
                    (comparable(scenario, person, calm), comparable(scenario, person, rough));
                let there = |manager: usize| {
                    let manager = &scenario.people[manager];
                    named.contains_key(&manager.number) && (manager.entitled || !scenario.variant.scoped)
                };
                if !person.manager.is_some_and(there) {
                    // A manager who is not there, or came too late, leaves the one before, whoever that was.
                    calm.remove("manager");
                    rough.remove("manager");
                }
                if calm != rough {
                    return Err(failure(format!(
                        "{}: without faults {calm:?}, with {rough:?}",
                        person.number
                    )));
                }
            }
            (calm, rough) => {
                return Err(failure(format!("{}: without faults {calm:?}, with {rough:?}", person.number)));
            }
        }
    }
    Ok(())
}

fn state(account: &BTreeMap<String, String>) -> &str {
    account.get("accountEnabled").map_or("", String::as_str)
}

/// Who comes first gets the plain name, and an account that was there keeps its own: of a unique name that was chosen
/// once only that it is one of these is comparable.
fn comparable(
    scenario: &Scenario,
    person: &Person,
    account: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut account = account.clone();
    if !scenario.variant.names_follow
        && let Some(name) = account.get_mut("userPrincipalName")
        && (name.starts_with(person.given) || name.starts_with("before"))
    {
        "chosen once".clone_into(name);
    }
    account
}

/// Without faults everybody's account is as the last records say.
pub(crate) fn as_they_are(seed: u64, scenario: &Scenario, end: &End) -> Result<(), Failure> {
    let failure = |detail: String| Failure { seed, invariant: Invariant::AsTheyAre, detail };
    for person in scenario.people.iter().filter(|person| person.revision > 0) {
        let account = end.accounts.get(&person.number);
        if scenario.variant.scoped && !person.entitled && person.gone {
            continue;
        }
        if person.gone {
            if let Some(account) = account {
                return Err(failure(format!("{} is gone, the account is there: {account:?}", person.number)));
            }
            continue;
        }
        if scenario.variant.scoped && !person.entitled {
            if account.is_some_and(|account| state(account) == "True" && account.contains_key("jobTitle")) {
                return Err(failure(format!("{} is out of scope and enabled", person.number)));
            }
            continue;
        }
        let Some(account) = account else {
            return Err(failure(format!("{} has no account", person.number)));
        };
        let manager = person.manager.map(|manager| &scenario.people[manager]);
        let manager = manager.filter(|manager| end.accounts.contains_key(&manager.number));
        let mut expected: Vec<(&str, Option<String>)> = vec![
            ("jobTitle", Some(person.title())),
            ("mail", Some(person.mail_address())),
            ("department", person.department.map(str::to_owned)),
        ];
        if let Some(manager) = manager.filter(|manager| manager.known && !manager.gone) {
            expected.push(("manager", Some(manager.number.clone())));
        }
        if scenario.variant.names_follow {
            expected.push(("userPrincipalName", Some(person.user_name())));
        }
        if person.dates.is_none() {
            expected.push(("accountEnabled", Some(if person.active { "True" } else { "False" }.to_owned())));
        }
        for (name, value) in expected {
            if account.get(name) != value.as_ref() {
                let found = account.get(name);
                return Err(failure(format!("{}: {name} is {found:?}, not {value:?}", person.number)));
            }
        }
    }
    Ok(())
}
