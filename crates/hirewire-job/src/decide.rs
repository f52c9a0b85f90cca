//! First half of a batch: read what is known, look accounts up, plan everybody. Nothing is written.
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;
use std::time::Instant;

use hirewire_engine::target::{MatchKey, Target};
use hirewire_engine::uniqueness::Reservations;
use hirewire_engine::value::Account;
use hirewire_engine::{
    Action, CompiledSchema, Current, Link, Lookup, Neighbours, Person, Plan, Prepared, Reason,
    ReferenceStatus, Surroundings, ValueTrace, Warning, WarningCode, identity,
};
use hirewire_expression::Random;
use hirewire_store::{Escrow, JobKey, Store, UploadId};
use jiff::Timestamp;
use serde_json::Value;

use crate::census::{Census, SAMPLE};
use crate::document::PersonPlan;
use crate::error::JobError;
use crate::neighbours::Company;
use crate::people::{Cause, Decided, Item, Known, LIFECYCLE};
use crate::precedence::Precedence;
use crate::report;

/// Threads that plan; deciding is pure, so people go to them in equal shares.
fn threads() -> usize {
    // Asking is dear on Linux: it reads the control group's files.
    static THREADS: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8));
    *THREADS
}

/// Cryptographic randomness for `Guid` and `RandomString`.
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Every supported system answers once it is up; without randomness no identifier may be made.
        getrandom::fill(bytes).expect("the operating system's random generator answers");
    }
}

/// What deciding reads from.
pub(crate) struct Decider<'a, T> {
    pub(crate) store: &'a Store,
    pub(crate) job: JobKey,
    pub(crate) schema: &'a CompiledSchema,
    pub(crate) target: &'a T,
    pub(crate) precedence: Option<&'a Precedence>,
    pub(crate) now: Timestamp,
}

/// One person looked at closely.
#[derive(Debug)]
pub struct Examined {
    /// The stored record.
    pub record: Option<Value>,
    /// File and line it came from.
    pub origin: Option<String>,
    /// The linked account, as the store has it.
    pub link: Option<String>,
    /// The account as it stands.
    pub account: Option<Account>,
    /// What would happen.
    pub plan: Plan,
    /// Every mapping row's inputs, old and new value, and why.
    pub traces: Vec<ValueTrace>,
    /// The person's part of a plan document.
    pub person: PersonPlan,
}

/// One person whose account is to be found.
struct Question<'p> {
    at: usize,
    ask: Ask<'p>,
}

enum Ask<'p> {
    Anchor(&'p str),
    Keys(&'p [MatchKey]),
}

/// What the target answered for one person.
enum Fetched {
    Nothing,
    Linked(Option<Account>),
    Found(Vec<Vec<Account>>),
}

impl<T: Target> Decider<'_, T> {
    /// Plans each person. `company` carries what was promised to people of earlier batches of the same run.
    pub(crate) async fn decide(
        &self,
        mut items: Vec<Item>,
        company: &mut Company,
    ) -> Result<Vec<Decided>, JobError> {
        if self.precedence.is_some() {
            self.name_sources(&mut items)?;
        }
        let anchors: Vec<&str> = items.iter().map(|item| item.anchor.as_str()).collect();
        let states = self.store.load_batch(self.job, &anchors)?;
        let mut known: Vec<Known> = parallel(items.into_iter().zip(states).collect(), |(item, state)| {
            Known::new(item, state, self.schema, self.precedence)
        })
        .into_iter()
        .collect::<Result<_, _>>()?;
        self.find_lost(&mut known).await?;
        self.drop_dead_links(&mut known, company).await?;
        let prepared = self.prepare(&known);
        let mut fetched = self.fetch(&prepared, &mut company.census).await?;
        self.catch_up(&prepared, &mut fetched, company);
        self.learn(&known, &fetched, company)?;
        let mut plans = loop {
            let (plans, promises) = self.plan(&prepared, &fetched, company);
            if !company.answer(self.target).await? {
                company.reservations.absorb(promises);
                break plans;
            }
        };
        self.late_references(&prepared, &fetched, company, &mut plans).await?;
        drop(prepared);
        self.rehires(&known, &mut plans)?;
        let decided = known.into_iter().zip(fetched).zip(plans).map(|((known, fetched), mut plan)| {
            // Lifecycle dates are dates by design; only a DateTime that came in another attribute deserves the warning.
            if known.record.as_ref().is_some_and(|record| record.get(LIFECYCLE).is_some()) {
                plan.warnings.retain(|warning| warning.code != WarningCode::DateWithoutTime);
            }
            if let Some(why) = known.unborn.as_ref().filter(|_| known.link.is_none()) {
                plan = not_yet(plan, why);
            }
            let before = account_of(fetched, &plan);
            if let (Some(account), Action::Update) = (&before, plan.action) {
                self.target.settle(account, &mut plan.changes);
                let written = plan.references.iter().any(|r| r.status == ReferenceStatus::Set);
                if plan.changes.is_empty() && !written && !plan.restore {
                    plan.action = Action::Skip;
                    plan.reason = Some(Reason::RedundantExport);
                }
            }
            Decided { before, known, plan }
        });
        Ok(decided.collect())
    }

    /// Says of each accepted operation which source it came from.
    fn name_sources(&self, items: &mut [Item]) -> Result<(), JobError> {
        let mut known: std::collections::HashMap<UploadId, String> = std::collections::HashMap::new();
        for item in items.iter_mut().filter(|item| item.source.is_none()) {
            let Cause::Operation { upload: Some(upload), .. } = item.cause else { continue };
            if let std::collections::hash_map::Entry::Vacant(vacant) = known.entry(upload) {
                vacant.insert(self.store.upload_source(upload)?.unwrap_or_default());
            }
            item.source = known.get(&upload).cloned();
        }
        Ok(())
    }

    /// Plans one person and keeps the whole story.
    pub(crate) async fn examine(&self, item: Item) -> Result<Examined, JobError> {
        let mut company = Company::default();
        let again = item.clone();
        let Some(decided) = self.decide(vec![item], &mut company).await?.pop() else {
            unreachable!("one item gives one decision");
        };
        let state = self.store.load_batch(self.job, &[&again.anchor])?.pop();
        let stored = state.and_then(|state| state.person);
        let person = Person {
            source_anchor: decided.known.anchor(),
            record: decided.known.record.as_ref(),
            link: decided.known.link.as_ref(),
        };
        let prepared = self.schema.prepare(person, self.now, &SystemRandom);
        let traces = prepared.traces(&decided.plan, decided.before.as_ref());
        let person = report::person(self.schema, &decided, &|_| true);
        Ok(Examined {
            origin: stored.as_ref().and_then(|stored| stored.record.as_ref()?.origin.clone()),
            link: stored.and_then(|stored| stored.target),
            record: decided.known.record,
            account: decided.before,
            plan: decided.plan,
            traces,
            person,
        })
    }

    fn prepare<'k>(&'k self, known: &'k [Known]) -> Vec<Prepared<'k>> {
        parallel(known.iter().collect(), |known: &Known| {
            let person = Person {
                source_anchor: known.anchor(),
                record: known.record.as_ref(),
                link: known.link.as_ref(),
            };
            self.schema.prepare(person, self.now, &SystemRandom)
        })
    }

    /// Somebody left the scope, or the source, while nobody knew whether the account had been made: it is looked for, and disabled like any
    /// other.
    async fn find_lost(&self, known: &mut [Known]) -> Result<(), JobError> {
        // Planned in scope and still without a link: the create failed, or its answer was lost.
        let tried = |known: &Known| known.state.person.as_ref().is_some_and(|person| person.in_scope);
        let lost = |known: &Known| known.link.is_none() && tried(known);
        let (mut keys, mut at) = (Vec::new(), Vec::new());
        for (index, known) in known.iter().enumerate().filter(|(_, known)| lost(known)) {
            let record = known.record.as_ref().or(known.last.as_ref());
            let person = Person { source_anchor: known.anchor(), record, link: None };
            let prepared = self.schema.prepare(person, self.now, &SystemRandom);
            let keys_of = match known.item.cause {
                Cause::Gone => prepared.keys(),
                _ => prepared.keys_of_unlinked(),
            };
            if let Some(key) = keys_of.first() {
                keys.push(key.clone());
                at.push(index);
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let found = self.target.find(&keys, self.schema.wanted()).await?;
        for (index, accounts) in at.into_iter().zip(found) {
            let mut live = accounts.into_iter().filter(|account| !account.soft_deleted);
            let (Some(account), None) = (live.next(), live.next()) else { continue };
            if self.store.owners(self.job, &[&account.anchor])? == [None] {
                let source_anchor = known[index].anchor().to_owned();
                known[index].link =
                    Some(Link { source_anchor, target_anchor: account.anchor, in_scope: true });
            }
        }
        Ok(())
    }

    /// A delete whose answer was lost has done its work, and the person is back: matched anew instead of failing for ever.
    async fn drop_dead_links(&self, known: &mut [Known], company: &mut Company) -> Result<(), JobError> {
        let doubtful = |known: &Known| {
            known.item.cause != Cause::Gone && known.state.escrow.as_ref().is_some_and(is_unknown)
        };
        let links = known.iter().enumerate().filter(|(_, known)| doubtful(known));
        let (at, anchors): (Vec<usize>, Vec<String>) =
            links.filter_map(|(at, known)| Some((at, known.link.as_ref()?.target_anchor.clone()))).unzip();
        if anchors.is_empty() {
            return Ok(());
        }
        let wanted = self.schema.wanted();
        let accounts = self.target.read(&anchors, wanted).await?;
        for ((at, anchor), account) in at.into_iter().zip(&anchors).zip(accounts) {
            if company.recent.over(anchor, account, wanted).is_none() {
                known[at].link = None;
                company.lose(known[at].anchor(), anchor);
            }
        }
        Ok(())
    }

    /// Says of joiners that they look like somebody whom the job knows under another number: a new account is what they
    /// get (spec/engine.md §13), but not without a word.
    fn rehires(&self, known: &[Known], plans: &mut [Plan]) -> Result<(), JobError> {
        for (known, plan) in known.iter().zip(plans) {
            let (Action::Create, Some(record)) = (plan.action, &known.record) else { continue };
            let Some(name) = identity::name_key(record) else { continue };
            for other in self.store.people_named(self.job, name)? {
                let (Some(text), Some(account)) = (&other.record, &other.target) else { continue };
                let Ok(earlier) = serde_json::from_str(&text.data) else { continue };
                let Some(likeness) = identity::likeness(&earlier, record) else { continue };
                if other.anchor == known.anchor() {
                    continue;
                }
                let message = format!(
                    "looks like {} (the same name and {likeness}), who has the account {account}: if it is the same \
                     person, run `hirewire provision {} --as {} --apply` before this plan, so that they keep it",
                    other.anchor,
                    known.anchor(),
                    other.anchor
                );
                plan.warnings.push(Warning { code: WarningCode::PossibleRehire, message });
            }
        }
        Ok(())
    }

    /// Finds everybody's account: in the target's list where there is one, else by asking.
    async fn fetch(&self, prepared: &[Prepared<'_>], census: &mut Census) -> Result<Vec<Fetched>, JobError> {
        let mut fetched: Vec<Fetched> = Vec::with_capacity(prepared.len());
        let mut open: Vec<Question<'_>> = Vec::new();
        for (at, person) in prepared.iter().enumerate() {
            fetched.push(match person.lookup() {
                Lookup::Nothing => Fetched::Nothing,
                Lookup::Anchor(anchor) => {
                    open.push(Question { at, ask: Ask::Anchor(anchor) });
                    Fetched::Linked(None)
                }
                Lookup::Keys(keys) => {
                    open.push(Question { at, ask: Ask::Keys(keys) });
                    Fetched::Found(Vec::new())
                }
            });
        }
        if census.is_open(self.target) && open.len() >= SAMPLE {
            let sample: Vec<Question<'_>> = open.drain(..SAMPLE).collect();
            let began = Instant::now();
            self.ask(sample, &mut fetched).await?;
            census.choose(self.target, self.schema, SAMPLE, began.elapsed()).await?;
        }
        if let Some(list) = census.list() {
            open.retain(|question| match &question.ask {
                Ask::Anchor(anchor) => match census.account(anchor) {
                    Some(account) => {
                        fetched[question.at] = Fetched::Linked(Some(account));
                        false
                    }
                    // Somebody else's change, or an account outside of what is listed: it is read.
                    None => true,
                },
                Ask::Keys(keys) => {
                    let mut found = Vec::new();
                    for key in *keys {
                        found.push(list.find(key));
                        if found.last().is_some_and(|accounts| !accounts.is_empty()) {
                            break;
                        }
                    }
                    fetched[question.at] = Fetched::Found(found);
                    false
                }
            });
        }
        self.ask(open, &mut fetched).await?;
        Ok(fetched)
    }

    /// Asks the target for many at once: linked accounts by anchor, the others by their keys, priority by priority.
    async fn ask(&self, questions: Vec<Question<'_>>, fetched: &mut [Fetched]) -> Result<(), JobError> {
        let wanted = self.schema.wanted();
        let (mut linked, mut linked_at) = (Vec::new(), Vec::new());
        let mut searching = Vec::new();
        for Question { at, ask } in questions {
            match ask {
                Ask::Anchor(anchor) => {
                    linked.push(anchor.to_owned());
                    linked_at.push(at);
                }
                Ask::Keys(keys) => searching.push((at, keys)),
            }
        }
        if !linked.is_empty() {
            for (at, account) in linked_at.into_iter().zip(self.target.read(&linked, wanted).await?) {
                fetched[at] = Fetched::Linked(account);
            }
        }
        let mut priority = 0;
        while !searching.is_empty() {
            searching.retain(|(_, keys)| priority < keys.len());
            let keys: Vec<MatchKey> = searching.iter().map(|(_, keys)| keys[priority].clone()).collect();
            if keys.is_empty() {
                break;
            }
            let found = self.target.find(&keys, wanted).await?;
            let mut still = Vec::new();
            for ((at, keys), accounts) in searching.into_iter().zip(found) {
                let hit = !accounts.is_empty();
                if let Fetched::Found(list) = &mut fetched[at] {
                    list.push(accounts);
                }
                if !hit {
                    still.push((at, keys));
                }
            }
            searching = still;
            priority += 1;
        }
        Ok(())
    }

    /// Owners of the accounts that were found, and the accounts of managers as records usually name them.
    fn learn(&self, known: &[Known], fetched: &[Fetched], company: &mut Company) -> Result<(), JobError> {
        let found: Vec<&str> = fetched
            .iter()
            .filter_map(|fetched| match fetched {
                Fetched::Found(lists) => Some(lists.iter().flatten().map(|account| account.anchor.as_str())),
                Fetched::Nothing | Fetched::Linked(_) => None,
            })
            .flatten()
            .collect();
        company.learn_owners(self.store, self.job, &found)?;
        let managers: HashSet<String> = known.iter().filter_map(|k| manager_of(k.record.as_ref()?)).collect();
        company.learn_anchors(self.store, self.job, &managers.into_iter().collect::<Vec<_>>())
    }

    /// What this run wrote counts, whatever a read shows.
    fn catch_up(&self, prepared: &[Prepared<'_>], fetched: &mut [Fetched], company: &Company) {
        let wanted = self.schema.wanted();
        for (person, fetched) in prepared.iter().zip(fetched) {
            match (fetched, person.lookup()) {
                (Fetched::Linked(account), Lookup::Anchor(anchor)) => {
                    *account = company.recent.over(anchor, account.take(), wanted);
                }
                (Fetched::Found(lists), _) => {
                    for list in lists {
                        let over = |account: Account| {
                            let anchor = account.anchor.clone();
                            company.recent.over(&anchor, Some(account), wanted)
                        };
                        *list = std::mem::take(list).into_iter().filter_map(over).collect();
                    }
                }
                _ => {}
            }
        }
    }

    /// Plans everybody as if one came after the other: who takes what was promised to somebody before is planned again.
    fn plan(
        &self,
        prepared: &[Prepared<'_>],
        fetched: &[Fetched],
        company: &Company,
    ) -> (Vec<Plan>, Reservations) {
        let before = company.reservations.over(self.schema, company);
        let people: Vec<_> = prepared.iter().zip(fetched).collect();
        let mut plans = parallel(people, |(person, fetched)| one(person, fetched, &before));
        let mut promises = Reservations::new();
        for ((plan, person), fetched) in plans.iter_mut().zip(prepared).zip(fetched) {
            if promises.concern(person, plan) {
                *plan = one(person, fetched, &promises.over(self.schema, &before));
            }
            promises.reserve(person, plan);
        }
        (plans, promises)
    }

    /// References that a mapping names in another place than [`manager_of`] looks, and people whom only the target knows:
    /// resolved now, those people planned again.
    async fn late_references(
        &self,
        prepared: &[Prepared<'_>],
        fetched: &[Fetched],
        company: &mut Company,
        plans: &mut [Plan],
    ) -> Result<(), JobError> {
        let wanted: BTreeSet<String> = plans
            .iter()
            .flat_map(|plan| &plan.references)
            .filter(|reference| reference.status == ReferenceStatus::Pending)
            .filter_map(|reference| reference.to_source_anchor.clone())
            .collect();
        let wanted: Vec<String> = wanted.into_iter().collect();
        company.learn_anchors(self.store, self.job, &wanted)?;
        company.learn_from_target(self.schema, self.target, &wanted, self.now, &SystemRandom).await?;
        for ((plan, person), fetched) in plans.iter_mut().zip(prepared).zip(fetched) {
            let late = plan.references.iter().any(|reference| {
                reference.status == ReferenceStatus::Pending
                    && reference.to_source_anchor.as_deref().is_some_and(|person| company.is_linked(person))
            });
            if !late {
                continue;
            }
            let again = one(person, fetched, company);
            if again.action == Action::Fail {
                continue;
            }
            plan.references = again.references;
            plan.warnings = again.warnings;
            plan.rows = again.rows;
            if plan.action == Action::Skip && again.action == Action::Update && again.changes.is_empty() {
                (plan.action, plan.reason) = (again.action, again.reason);
            }
        }
        Ok(())
    }
}

/// The plan for somebody whom only side sources know: nothing yet.
fn not_yet(plan: Plan, why: &str) -> Plan {
    Plan {
        target_anchor: None,
        action: Action::Skip,
        reason: Some(Reason::WaitsForSource),
        detail: Some(why.to_owned()),
        matched_by: None,
        changes: Vec::new(),
        references: Vec::new(),
        rows: Vec::new(),
        warnings: Vec::new(),
        in_scope: None,
        scope_evidence: None,
        restore: false,
        ..plan
    }
}

/// Plans one person beside these neighbours.
fn one(person: &Prepared<'_>, fetched: &Fetched, neighbours: &dyn Neighbours) -> Plan {
    let current = match fetched {
        Fetched::Nothing => Current::Nothing,
        Fetched::Linked(account) => Current::Linked(account.as_ref()),
        Fetched::Found(found) => Current::Found(found),
    };
    person.plan(current, &Surroundings { neighbours, random: &SystemRandom })
}

/// A failure of which nobody knows what came: the answer was lost.
fn is_unknown(escrow: &Escrow) -> bool {
    !matches!(escrow.code.as_str(), "Conflict" | "EntryConflict" | "InvalidAnchor" | "MandatoryFieldsMissing")
}

/// The account that a plan is about, as it stood.
fn account_of(fetched: Fetched, plan: &Plan) -> Option<Account> {
    match fetched {
        Fetched::Nothing => None,
        Fetched::Linked(account) => account,
        Fetched::Found(lists) => {
            let anchor = plan.target_anchor.as_deref()?;
            lists.into_iter().flatten().find(|account| account.anchor == anchor)
        }
    }
}

/// The manager's `externalId` in the enterprise extension.
fn manager_of(record: &Value) -> Option<String> {
    let manager = record.get("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")?.get("manager")?;
    let value = manager.get("value").unwrap_or(manager);
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Applies a pure function to each item on all processors; the results keep the order.
pub(crate) fn parallel<I: Send, O: Send>(items: Vec<I>, work: impl Fn(I) -> O + Sync) -> Vec<O> {
    let threads = threads();
    if threads == 1 || items.len() < 64 {
        return items.into_iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    let mut shares = Vec::with_capacity(threads);
    let mut items = items.into_iter();
    loop {
        let next: Vec<I> = items.by_ref().take(share).collect();
        if next.is_empty() {
            break;
        }
        shares.push(next);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let running: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<O>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
