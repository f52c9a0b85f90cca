//! People, links, references, escrow, holds, cycles.
use hirewire_store::log::{LogAction, LogStatus};
use hirewire_store::{
    BatchResult, CycleCounts, CycleKind, CycleState, Decision, EscrowChange, JobKey, LinkChange, NewEscrow,
    NewHold, NewReference, OperationId, OperationOutcome, OperationStatus, PersonResult, PersonWrite, Store,
    StoreError,
};

use crate::{at, entry, linked, memory, upload};

fn commit(store: &Store, job: JobKey, people: Vec<PersonResult>) -> Result<Vec<uuid::Uuid>, StoreError> {
    store
        .commit_batch(BatchResult { job, cycle: None, now: at(5), people, counts: None })
        .map(|done| done.entries)
}

#[test]
fn people_are_remembered_and_found() {
    let (store, job) = memory();
    commit(&store, job, vec![linked("1", "t1"), linked("2", "t2")]).unwrap();
    let states = store.load_batch(job, &["2", "nobody", "1"]).unwrap();
    assert_eq!(states[0].person.as_ref().unwrap().target.as_deref(), Some("t2"));
    assert!(states[1].person.is_none() && states[1].escrow.is_none() && states[1].pending.is_empty());
    assert_eq!(store.resolve(job, &["1", "9"]).unwrap(), [Some("t1".into()), None]);
    assert_eq!(store.owners(job, &["t2", "t9"]).unwrap(), [Some("2".into()), None]);
    assert_eq!(store.count_people(job).unwrap(), (2, 2));

    // A write without a record keeps the record; each link change does what it says.
    let write = |link, due| PersonResult {
        person: Some(PersonWrite {
            record: None,
            link,
            in_scope: false,
            next_due: due,
            parts: None,
            name_key: None,
        }),
        ..PersonResult::new("1")
    };
    for (link, want) in [
        (LinkChange::Keep, Some("t1")),
        (LinkChange::Remove, None),
        (LinkChange::Set("t3".into()), Some("t3")),
    ] {
        commit(&store, job, vec![write(link, Some(at(100)))]).unwrap();
        let person = store.load_batch(job, &["1"]).unwrap().remove(0).person.unwrap();
        assert_eq!(person.target.as_deref(), want);
        assert_eq!(person.record.unwrap().data, r#"{"externalId":"1"}"#);
        assert_eq!((person.in_scope, person.next_due), (false, Some(at(100))));
    }
    assert_eq!(store.due(job, at(99), 10).unwrap(), Vec::<String>::new());
    assert_eq!(store.due(job, at(100), 10).unwrap(), ["1"]);
    assert_eq!(store.next_wake(job).unwrap(), Some(at(100)));
    assert_eq!(store.make_everybody_due(job, at(50)).unwrap(), 2);
    assert_eq!(store.due(job, at(50), 10).unwrap().len(), 2);
    assert_eq!(store.people(job, Some("1"), 10).unwrap().len(), 1);

    assert!(store.unlink(job, "1").unwrap() && !store.unlink(job, "1").unwrap());
    assert_eq!(store.clear_links(job).unwrap(), 1);
    assert_eq!(store.count_people(job).unwrap(), (2, 0));
    assert_eq!(store.forget_people(job, vec!["1".into(), "x".into()]).unwrap(), 1);
}

#[test]
fn one_account_has_one_owner_and_a_batch_is_all_or_nothing() {
    let (store, job) = memory();
    commit(&store, job, vec![linked("1", "t1")]).unwrap();
    let mut third = linked("3", "t3");
    third.log = vec![entry("3", 0, LogAction::Create, LogStatus::Success)];
    let error = commit(&store, job, vec![third, linked("2", "t1")]).unwrap_err();
    let StoreError::TargetOwned { anchor, target, owner } = &error else { panic!("{error}") };
    assert_eq!((anchor.as_str(), target.as_str(), owner.as_deref()), ("2", "t1", Some("1")));
    assert_eq!(store.count_people(job).unwrap(), (1, 1));
    assert_eq!(store.count_log(None).unwrap(), 0);

    let mut loser = linked("1", "");
    loser.person.as_mut().unwrap().link = LinkChange::Remove;
    commit(&store, job, vec![loser, linked("2", "t1")]).unwrap();
    assert_eq!(store.owners(job, &["t1"]).unwrap(), [Some("2".into())]);
}

#[test]
fn references_wait_with_their_change() {
    let (store, job) = memory();
    let wants = |anchor: &str, wanted: &str| PersonResult {
        pending: Some(vec![NewReference {
            attribute: "manager".into(),
            wanted: wanted.into(),
            change: None,
        }]),
        log: vec![entry(anchor, 0, LogAction::Create, LogStatus::Success)],
        ..linked(anchor, &format!("t{anchor}"))
    };
    commit(&store, job, vec![wants("1", "9"), wants("2", "9"), wants("3", "8")]).unwrap();
    let waiting = store.waiting_on(job, "9").unwrap();
    assert_eq!(waiting.iter().map(|reference| reference.anchor.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(store.resolvable_references(job, 10).unwrap().is_empty());
    let change = waiting[0].change.unwrap();
    assert_eq!(store.log_of_person(job, "1", 1).unwrap()[0].change, change);
    assert_ne!(waiting[1].change, Some(change));

    commit(&store, job, vec![linked("9", "t9")]).unwrap();
    assert_eq!(store.resolvable_references(job, 10).unwrap().len(), 2);
    let mut later = entry("1", 7, LogAction::Update, LogStatus::Success);
    later.change = Some(change);
    let done = PersonResult { pending: Some(vec![]), log: vec![later], ..PersonResult::new("1") };
    commit(&store, job, vec![done]).unwrap();
    assert_eq!(store.waiting_on(job, "9").unwrap().len(), 1);
    let entries = store.log_of_person(job, "1", 9).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.change).collect::<Vec<_>>(), [change, change]);
    assert_eq!(store.pending_references(job, None, 10).unwrap().len(), 2);
    assert_eq!(store.load_batch(job, &["2"]).unwrap()[0].pending.len(), 1);
}

#[test]
fn failures_are_put_aside() {
    let (store, job) = memory();
    let fail = |anchor: &str, attempts, reference, again| PersonResult {
        escrow: EscrowChange::Put(NewEscrow {
            code: "Conflict".into(),
            reason: "taken".into(),
            reference,
            attempts,
            next_try: at(again),
            gone: anchor == "3",
        }),
        ..PersonResult::new(anchor)
    };
    commit(&store, job, vec![linked("1", "t1"), fail("1", 1, false, 60), fail("2", 1, true, 90)]).unwrap();
    let second =
        BatchResult { job, cycle: None, now: at(50), people: vec![fail("1", 2, false, 120)], counts: None };
    store.commit_batch(second).unwrap();
    let escrow = store.load_batch(job, &["1"]).unwrap().remove(0).escrow.unwrap();
    assert_eq!((escrow.attempts, escrow.since, escrow.next_try), (2, at(5), at(120)));
    assert_eq!(store.count_escrows(job).unwrap(), (1, 1));
    assert_eq!(store.escrow_due(job, at(100), 10).unwrap(), ["2"]);
    assert_eq!(store.next_wake(job).unwrap(), Some(at(90)));
    let clear = PersonResult { escrow: EscrowChange::Clear, ..PersonResult::new("2") };
    commit(&store, job, vec![clear]).unwrap();
    assert_eq!(store.escrows(job, None, 10).unwrap().len(), 1);
    assert_eq!(store.clear_escrows(job, at(70)).unwrap(), 1);
    assert_eq!(store.due(job, at(70), 10).unwrap(), ["1"], "a cleared failure is tried at once");
    commit(&store, job, vec![linked("3", "t3"), fail("3", 1, false, 900)]).unwrap();
    assert_eq!(store.clear_escrows(job, at(80)).unwrap(), 1);
    assert_eq!(store.escrow_due(job, at(80), 10).unwrap(), ["3"], "the delete of somebody who is gone, too");
    assert_eq!(store.due(job, at(80), 10).unwrap(), ["1"], "and not as somebody who is there");
}

#[test]
fn holds_wait_for_a_decision() {
    let (store, job) = memory();
    let hold = |detail: &str| PersonResult {
        holds: vec![NewHold { kind: "disable".into(), detail: detail.into() }],
        ..PersonResult::new("1")
    };
    commit(&store, job, vec![hold("{}")]).unwrap();
    commit(&store, job, vec![hold("{\"n\":2}")]).unwrap();
    let open = store.holds(job, true, None, 10).unwrap();
    assert_eq!(open.iter().map(|hold| hold.detail.as_str()).collect::<Vec<_>>(), ["{\"n\":2}"]);
    assert_eq!(store.decide(vec![open[0].id], Decision::Approved, "Ada", at(9)).unwrap(), 1);
    assert_eq!(store.decide(vec![open[0].id], Decision::Rejected, "Bob", at(9)).unwrap(), 0);
    assert_eq!(
        store.hold(job, open[0].id).unwrap().decision,
        Some((Decision::Approved, at(9), "Ada".into()))
    );
    commit(&store, job, vec![hold("{\"n\":3}")]).unwrap();
    assert_eq!(store.holds(job, false, None, 10).unwrap().len(), 2);
    store.accept(upload(job, "later", &["1"])).unwrap();
    let operation = store.take(job, OperationId::START, 1).unwrap()[0].id;
    let outcomes = vec![OperationOutcome { operation, status: OperationStatus::Applied, reason: None }];
    commit(&store, job, vec![PersonResult { outcomes, ..PersonResult::new("1") }]).unwrap();
    assert!(store.holds(job, true, None, 10).unwrap().is_empty(), "a later record settles it");
    let all = store.holds(job, false, None, 10).unwrap();
    assert_eq!(all[1].decision.as_ref().map(|d| d.0), Some(Decision::Superseded));
}

#[test]
fn cycles_and_their_last_executions() {
    let (store, job) = memory();
    let cut = store.begin_cycle(job, "c0", CycleKind::Initial, at(0)).unwrap();
    let first = store.begin_cycle(job, "c1", CycleKind::Incremental, at(1)).unwrap();
    assert_eq!(store.cycle("c0").unwrap().unwrap().state, CycleState::Interrupted);
    assert!(matches!(
        store.begin_cycle(job, "c1", CycleKind::Initial, at(2)),
        Err(StoreError::Exists { .. })
    ));
    let counts = CycleCounts { imported: 3, created: 2, ..CycleCounts::default() };
    let mut person = PersonResult::new("1");
    person.log = vec![entry("1", 3, LogAction::Create, LogStatus::Success)];
    let batch =
        BatchResult { job, cycle: Some(first), now: at(3), people: vec![person], counts: Some(counts) };
    store.commit_batch(batch).unwrap();
    assert_eq!(store.cycle("c1").unwrap().unwrap().counts, counts);
    store.end_cycle(first, CycleState::Succeeded, at(4), counts, None).unwrap();
    let second = store.begin_cycle(job, "c2", CycleKind::Incremental, at(5)).unwrap();
    store.end_cycle(second, CycleState::Succeeded, at(6), CycleCounts::default(), None).unwrap();
    let third = store.begin_cycle(job, "c3", CycleKind::OnDemand, at(7)).unwrap();
    store.end_cycle(third, CycleState::Failed, at(8), CycleCounts::default(), Some("{}".into())).unwrap();
    let ids = store.last_executions(job).unwrap().map(|cycle| cycle.unwrap().id);
    assert_eq!(ids, ["c3", "c2", "c1"]);
    store.set_cycle_approval(third, Some("{\"by\":\"Ada\"}".into())).unwrap();
    let keys: Vec<_> = store.cycles(job, None, 10).unwrap().into_iter().map(|cycle| cycle.key).collect();
    assert_eq!(keys, [third, second, first, cut]);
    assert_eq!(store.log_of_person(job, "1", 1).unwrap()[0].cycle_id.as_deref(), Some("c1"));
}
