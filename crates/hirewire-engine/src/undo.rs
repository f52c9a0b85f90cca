//! The way back: from what was written to the steps that reverse it, leaving alone what has changed since.
use serde::Serialize;

use crate::attribute::{AttributeType, Mutability, TargetAttribute};
use crate::compare::{is_empty, same_value};
use crate::compiled::CompiledSchema;
use crate::plan::Action;
use crate::target::{Change, Step};
use crate::value::{Account, AttributeValue, Attributes};

/// What the log says was done to one account.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<'l> {
    /// The action.
    pub action: Action,
    /// Values written, references included.
    pub changes: &'l [Change],
    /// The account came out of the recycle bin.
    pub restored: bool,
}

/// What is not reversed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The attribute; `None` for the whole account.
    pub attribute: Option<String>,
    /// Why.
    pub why: KeptBecause,
}

/// Why something is not reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KeptBecause {
    /// Somebody or something has changed it since.
    ChangedSince,
    /// It stands as before already.
    AlreadyBack,
    /// The account is gone for good; a new one would be another account.
    Gone,
    /// The attribute cannot be written on an existing account.
    NotWritable,
}

/// The reverse of what was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undo {
    /// At most: restore, update, delete, in this order.
    pub steps: Vec<Step>,
    /// What stays.
    pub kept: Vec<Kept>,
}

/// Reverses what was done to one account. `done` is in the order in which it happened; `account` is the account now,
/// with every attribute of the changes asked for; `None` when it is gone.
///
/// A created account is deleted only when nothing of it has changed since.
pub fn undo(done: &[Done<'_>], anchor: &str, account: Option<&Account>, schema: &CompiledSchema) -> Undo {
    let mut undo = Undo::default();
    let Some(account) = account else {
        undo.kept.push(Kept { attribute: None, why: KeptBecause::Gone });
        return undo;
    };
    let mut state = Working {
        schema,
        now: account.attributes.clone(),
        before: &account.attributes,
        deleted: account.soft_deleted,
    };
    for entry in done.iter().rev() {
        match entry.action {
            Action::Skip | Action::Fail => {}
            Action::Delete => state.deleted = false,
            Action::Create => state.remove(entry.changes, &mut undo.kept),
            Action::Update | Action::Disable | Action::Enable => {
                state.reverse(entry.changes, &mut undo.kept);
                state.deleted |= entry.restored;
            }
        }
    }
    if account.soft_deleted && !state.deleted {
        undo.steps.push(Step::Restore { anchor: anchor.to_owned() });
    }
    let removed = state.deleted && !account.soft_deleted;
    let changes = state.changes();
    if !changes.is_empty() && !removed {
        undo.steps.push(Step::Update { anchor: anchor.to_owned(), changes });
    }
    if removed {
        undo.steps.push(Step::Delete { anchor: anchor.to_owned() });
    }
    undo
}

/// The account while the entries are taken back one by one.
struct Working<'w> {
    schema: &'w CompiledSchema,
    now: Attributes,
    before: &'w Attributes,
    deleted: bool,
}

impl Working<'_> {
    fn same(&self, name: &str, a: Option<&AttributeValue>, b: Option<&AttributeValue>) -> bool {
        let value = |value: Option<&'_ AttributeValue>| value.filter(|value| !is_empty(value)).cloned();
        match (value(a), value(b)) {
            (None, None) => true,
            (Some(a), Some(b)) => match self.schema.attribute(name) {
                Some(attribute) => same_value(attribute, &a, &b),
                None => same_value(&unknown(name), &a, &b),
            },
            _ => false,
        }
    }

    fn reverse(&mut self, changes: &[Change], kept: &mut Vec<Kept>) {
        for change in changes {
            let name = &change.attribute;
            let now = self.now.get(name);
            let keep = if self.same(name, now, change.old.as_ref()) {
                Some(KeptBecause::AlreadyBack)
            } else if !self.same(name, now, change.new.as_ref()) {
                Some(KeptBecause::ChangedSince)
            } else if self.schema.attribute(name).is_some_and(|a| a.mutability != Mutability::ReadWrite) {
                Some(KeptBecause::NotWritable)
            } else {
                None
            };
            match (keep, &change.old) {
                (Some(why), _) => kept.push(Kept { attribute: Some(name.clone()), why }),
                (None, Some(old)) => {
                    self.now.insert(name.clone(), old.clone());
                }
                (None, None) => {
                    self.now.remove(name);
                }
            }
        }
    }

    /// Takes a create back, unless the account is no longer what was created.
    fn remove(&mut self, changes: &[Change], kept: &mut Vec<Kept>) {
        let touched = changes.iter().any(|change| {
            let secret = self.schema.attribute(&change.attribute).is_some_and(TargetAttribute::is_secret);
            !secret && !self.same(&change.attribute, self.now.get(&change.attribute), change.new.as_ref())
        });
        if touched {
            kept.push(Kept { attribute: None, why: KeptBecause::ChangedSince });
        } else {
            self.deleted = true;
        }
    }

    fn changes(&self) -> Vec<Change> {
        let mut names: Vec<&String> = self.before.keys().chain(self.now.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .filter(|name| self.before.get(*name) != self.now.get(*name))
            .map(|name| Change {
                attribute: name.clone(),
                old: self.before.get(name).cloned(),
                new: self.now.get(name).cloned(),
            })
            .collect()
    }
}

/// An attribute that the schema no longer has: compared exactly.
fn unknown(name: &str) -> TargetAttribute {
    TargetAttribute {
        name: name.to_owned(),
        kind: AttributeType::String,
        case_exact: true,
        multivalued: false,
        mutability: Mutability::ReadWrite,
        required: false,
        default_value: None,
        container: false,
    }
}
