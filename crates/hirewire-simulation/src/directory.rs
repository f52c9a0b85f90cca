//! A directory made of maps that fails as directories fail, and dies with the process that calls it.
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hirewire_engine::target::{Applied, Change, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::{Account, AttributeValue, Attributes};

use crate::dice::Dice;
use crate::failure::Invariant;
use crate::scenario::Temper;

/// What is broken on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    None,
    /// An upload vanishes after it was accepted.
    LosesUploads,
    /// A person's later record overtakes the earlier one.
    Reorders,
    /// A failed write is reported as done.
    HidesFailures,
    /// The failure record of a person vanishes: no retry.
    ForgetsFailures,
    /// The link of a new account vanishes, and matching is blind.
    ForgetsLinks,
    /// Each account is created twice.
    CreatesTwice,
    /// The directory changes a value that it was given.
    AltersValues,
}

/// A process that died: what a crash unwinds with.
pub(crate) struct Crash;

type Accounts = BTreeMap<String, Arc<Account>>;

/// The directory. It outlives the processes that use it.
pub(crate) struct Directory {
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    temper: Temper,
    sabotage: Sabotage,
    /// As it is.
    now: Accounts,
    /// As readers see it.
    seen: Accounts,
    made: usize,
    /// Moments until the process dies.
    dies_in: Option<usize>,
    /// Effective writes.
    writes: u64,
    faults: u64,
    broken: Option<(Invariant, String)>,
    trace: Option<Vec<String>>,
}

impl Directory {
    pub(crate) fn new(dice: Dice, temper: Temper, sabotage: Sabotage, traced: bool) -> Self {
        Self {
            state: Mutex::new(State {
                dice,
                temper,
                sabotage,
                now: Accounts::new(),
                seen: Accounts::new(),
                made: 0,
                dies_in: None,
                writes: 0,
                faults: 0,
                broken: None,
                trace: traced.then(Vec::new),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A crash may have hit the holder; what it had written stays written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account that was there before.
    pub(crate) fn put(&self, attributes: Attributes) {
        let mut state = self.state();
        let anchor = state.anchor();
        state.now.insert(anchor.clone(), Arc::new(Account { anchor, soft_deleted: false, attributes }));
    }

    /// A cycle begins: what was written before can be read by now.
    pub(crate) fn settle(&self) {
        let mut state = self.state();
        state.seen = state.now.clone();
    }

    /// From now on nothing fails.
    pub(crate) fn calm(&self) {
        self.state().temper = Temper::default();
    }

    /// The process dies at the moment with this number, counted from now; `None`: it lives.
    pub(crate) fn dies_in(&self, moments: Option<usize>) {
        self.state().dies_in = moments;
    }

    /// Whether the process is still to die.
    pub(crate) fn still_to_die(&self) -> bool {
        self.state().dies_in.is_some()
    }

    /// A moment at which the process may die.
    pub(crate) fn moment(&self) {
        if self.state().moment() {
            std::panic::resume_unwind(Box::new(Crash));
        }
    }

    /// The same within a call: one that never comes back, because whoever waits for it is gone.
    async fn breath(&self) {
        if self.state().moment() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    pub(crate) fn faults(&self) -> u64 {
        self.state().faults
    }

    pub(crate) fn broken(&self) -> Option<(Invariant, String)> {
        self.state().broken.clone()
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        self.state().note(line);
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.state().trace.take().unwrap_or_default()
    }

    /// All accounts as they are.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        self.state().now.values().cloned().collect()
    }
}

impl State {
    fn anchor(&mut self) -> String {
        self.made += 1;
        format!("a{:03}", self.made)
    }

    fn moment(&mut self) -> bool {
        match &mut self.dies_in {
            None => false,
            Some(0) => {
                self.dies_in = None;
                self.note(|| "the process dies".to_owned());
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    /// A chance of the temper came true.
    fn fails(&mut self, chance: u32) -> bool {
        let fails = chance > 0 && self.dice.per_mille(chance);
        self.faults += u64::from(fails);
        fails
    }

    fn breaks(&mut self, invariant: Invariant, detail: String) {
        self.note(|| format!("BROKEN {invariant:?}: {detail}"));
        self.broken.get_or_insert((invariant, detail));
    }

    /// A call as a whole: the directory may be away, and what it shows may be old.
    fn call(&mut self) -> Result<(), TargetError> {
        if self.fails(self.temper.away) {
            self.note(|| "the directory is away".to_owned());
            return Err(match self.dice.below(3) {
                0 => TargetError::Locked { code: "AuthenticationFailed".into(), reason: "simulated".into() },
                _ => retry("EndpointUnavailable", None),
            });
        }
        if !self.fails(self.temper.stale) {
            self.seen = self.now.clone();
        }
        Ok(())
    }

    fn apply(&mut self, step: &Step) -> Result<Applied, TargetError> {
        let name = || format!("{step:?}");
        let fault = if self.fails(self.temper.timeout_before) {
            Some(("time-out before", retry("Timeout", None)))
        } else if self.fails(self.temper.throttle) {
            Some(("throttled", retry("TooManyRequests", Some(Duration::from_secs(30)))))
        } else if self.fails(self.temper.conflict) {
            let refused = TargetError::Refused {
                code: "Conflict".into(),
                reason: "simulated".into(),
                attribute: Some("mail".into()),
            };
            Some(("conflict", refused))
        } else {
            None
        };
        if let Some((word, error)) = fault {
            self.note(|| format!("{word}: {}", name()));
            if self.sabotage == Sabotage::HidesFailures && !matches!(step, Step::Create { .. }) {
                return Ok(Applied { anchor: anchor_of(step).to_owned(), changed: true });
            }
            return Err(error);
        }
        let answer = self.write(step);
        self.note(|| format!("{} -> {answer:?}", name()));
        if answer.is_ok() && self.fails(self.temper.timeout_after) {
            self.note(|| "time-out after".to_owned());
            return Err(retry("Timeout", None));
        }
        answer
    }

    fn write(&mut self, step: &Step) -> Result<Applied, TargetError> {
        match step {
            Step::Create { attributes } => self.create(attributes),
            Step::Update { anchor, changes } => self.update(anchor, changes),
            Step::Delete { anchor } => {
                if self.now.remove(anchor).is_none() {
                    return Err(TargetError::Gone { anchor: anchor.clone() });
                }
                self.writes += 1;
                self.forget(anchor);
                Ok(Applied { anchor: anchor.clone(), changed: true })
            }
            Step::Restore { anchor } => Err(TargetError::Gone { anchor: anchor.clone() }),
        }
    }

    /// A directory keeps no reference to an account that is gone.
    fn forget(&mut self, gone: &str) {
        for account in self.now.values_mut() {
            if account.attributes.get("manager") == Some(&AttributeValue::Reference(gone.to_owned())) {
                Arc::make_mut(account).attributes.remove("manager");
            }
        }
    }

    fn create(&mut self, attributes: &Attributes) -> Result<Applied, TargetError> {
        self.unique("", attributes)?;
        let number = text(attributes.get("employeeId"));
        if self.now.values().any(|account| text(account.attributes.get("employeeId")) == number) {
            self.breaks(Invariant::OneAccount, format!("{number} gets a second account"));
        }
        let anchor = self.anchor();
        let mut attributes = attributes.clone();
        if self.sabotage == Sabotage::AltersValues {
            attributes.insert("displayName".into(), AttributeValue::Text("altered".into()));
        }
        if self.sabotage == Sabotage::CreatesTwice {
            let twin = self.anchor();
            let mut attributes = attributes.clone();
            attributes.retain(|name, _| name != "mail" && name != "userPrincipalName");
            self.now
                .insert(twin.clone(), Arc::new(Account { anchor: twin, soft_deleted: false, attributes }));
        }
        let account = Account { anchor: anchor.clone(), soft_deleted: false, attributes };
        self.now.insert(anchor.clone(), Arc::new(account));
        self.writes += 1;
        Ok(Applied { anchor, changed: true })
    }

    fn update(&mut self, anchor: &str, changes: &[Change]) -> Result<Applied, TargetError> {
        let Some(account) = self.now.get(anchor).cloned() else {
            return Err(TargetError::Gone { anchor: anchor.to_owned() });
        };
        let mut attributes = account.attributes.clone();
        for change in changes {
            match &change.new {
                Some(AttributeValue::Reference(other)) if !self.now.contains_key(other) => {
                    return Err(TargetError::Refused {
                        code: "InvalidAnchor".into(),
                        reason: format!("{} refers to nobody", change.attribute),
                        attribute: Some(change.attribute.clone()),
                    });
                }
                Some(value) => drop(attributes.insert(change.attribute.clone(), value.clone())),
                None => drop(attributes.remove(&change.attribute)),
            }
        }
        self.unique(anchor, &attributes)?;
        let (before, after) = (text(account.attributes.get("jobTitle")), text(attributes.get("jobTitle")));
        if after < before {
            self.breaks(Invariant::InOrder, format!("{anchor} goes from {before} back to {after}"));
        }
        let changed = attributes != account.attributes;
        self.writes += u64::from(changed);
        let account = Account { anchor: anchor.to_owned(), soft_deleted: false, attributes };
        self.now.insert(anchor.to_owned(), Arc::new(account));
        Ok(Applied { anchor: anchor.to_owned(), changed })
    }

    /// The directory itself refuses a value that another account holds; it looks at what is, not at what readers see.
    fn unique(&self, own: &str, attributes: &Attributes) -> Result<(), TargetError> {
        for name in ["userPrincipalName", "mail"] {
            let wanted = text(attributes.get(name));
            let holder = |account: &&Arc<Account>| {
                account.anchor != own && !wanted.is_empty() && text(account.attributes.get(name)) == wanted
            };
            if let Some(holder) = self.now.values().find(holder) {
                return Err(TargetError::Refused {
                    code: "Conflict".into(),
                    reason: format!("{name} {wanted} belongs to {}", holder.anchor),
                    attribute: Some(name.to_owned()),
                });
            }
        }
        Ok(())
    }

    fn found(&self, key: &MatchKey, wanted: &[String]) -> Vec<Account> {
        if self.sabotage == Sabotage::ForgetsLinks {
            return Vec::new();
        }
        let looked = text(Some(&key.value));
        self.seen
            .values()
            .filter(|account| text(account.attributes.get(&key.attribute)).eq_ignore_ascii_case(looked))
            .map(|account| shown(account, wanted))
            .collect()
    }
}

fn shown(account: &Account, wanted: &[String]) -> Account {
    let mut account = account.clone();
    account.attributes.retain(|name, _| wanted.contains(name));
    account
}

fn retry(code: &str, after: Option<Duration>) -> TargetError {
    TargetError::Retry { code: code.to_owned(), reason: "simulated".to_owned(), after }
}

fn anchor_of(step: &Step) -> &str {
    match step {
        Step::Create { .. } => "",
        Step::Update { anchor, .. } | Step::Delete { anchor } | Step::Restore { anchor } => anchor,
    }
}

/// The text of a value; empty for none.
pub(crate) fn text(value: Option<&AttributeValue>) -> &str {
    match value {
        Some(AttributeValue::Text(text) | AttributeValue::Reference(text)) => text,
        _ => "",
    }
}

impl Target for Directory {
    async fn find(&self, keys: &[MatchKey], wanted: &[String]) -> Result<Vec<Vec<Account>>, TargetError> {
        self.breath().await;
        let mut state = self.state();
        state.call()?;
        Ok(keys.iter().map(|key| state.found(key, wanted)).collect())
    }

    async fn read(&self, anchors: &[String], wanted: &[String]) -> Result<Vec<Option<Account>>, TargetError> {
        self.breath().await;
        let mut state = self.state();
        state.call()?;
        Ok(anchors.iter().map(|anchor| Some(shown(state.seen.get(anchor)?, wanted))).collect())
    }

    async fn enumerate(
        &self,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<(), TargetError> {
        self.accounts().iter().for_each(|account| each(shown(account, wanted)));
        Ok(())
    }

    async fn apply(&self, steps: &[Step]) -> Vec<Result<Applied, TargetError>> {
        let mut concerned = HashSet::new();
        let twice = steps.iter().map(anchor_of).any(|anchor| !anchor.is_empty() && !concerned.insert(anchor));
        if twice {
            self.state()
                .breaks(Invariant::Contract, format!("one call concerns an account twice: {steps:?}"));
        }
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            self.breath().await;
            answers.push(self.state().apply(step));
        }
        self.breath().await;
        answers
    }

    async fn exists(&self, key: &MatchKey) -> Result<bool, TargetError> {
        self.breath().await;
        let mut state = self.state();
        state.call()?;
        let looked = text(Some(&key.value));
        let holds = |account: &Arc<Account>| {
            text(account.attributes.get(&key.attribute)).eq_ignore_ascii_case(looked)
        };
        Ok(state.seen.values().any(holds))
    }
}
