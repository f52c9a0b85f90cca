//! Filters, pages, following, retention of the provisioning log.
use hirewire_store::log::{
    Comparison, Fold, LogAction, LogField, LogFilter, LogOrder, LogQuery, LogStatus, LogValue, Operand,
    TextFunction,
};
use hirewire_store::{BatchResult, CycleKind, JobKey, PersonResult, Store, StoreError, UploadId};

use crate::{at, entry, new_job};

/// Two jobs, two cycles, twelve entries at seconds 0 to 11.
fn filled() -> (Store, JobKey, JobKey) {
    let store = Store::in_memory().unwrap();
    let (one, two) = (new_job(&store, "API2AAD.one"), new_job(&store, "API2AD.two"));
    let cycle = store.begin_cycle(one, "cycle-1", CycleKind::Initial, at(0)).unwrap();
    let other = store.begin_cycle(two, "cycle-2", CycleKind::Initial, at(0)).unwrap();
    let actions = [LogAction::Create, LogAction::Update, LogAction::Other, LogAction::Disable];
    for n in 0..12i64 {
        let status = if n % 4 == 3 { LogStatus::Failure } else { LogStatus::Success };
        let mut entry = entry(&format!("p{}", n % 3), n, actions[(n % 4) as usize], status);
        entry.error_code = (status == LogStatus::Failure).then(|| "Conflict".into());
        entry.target = (n % 3 == 0).then(|| "t0".into());
        entry.target_name = (n % 3 == 0).then(|| "Una Breen".into());
        entry.upload = (n >= 6).then_some(UploadId(6));
        let person = PersonResult { log: vec![entry], ..PersonResult::new("x") };
        let (job, cycle) = if n < 8 { (one, (n < 4).then_some(cycle)) } else { (two, Some(other)) };
        store
            .commit_batch(BatchResult { job, cycle, now: at(n), people: vec![person], counts: None })
            .unwrap();
    }
    (store, one, two)
}

fn seconds(store: &Store, filter: Option<LogFilter>) -> Vec<i64> {
    let query = LogQuery { filter: filter.clone(), limit: 100, ..LogQuery::default() };
    let page = store.log(&query).unwrap_or_else(|error| panic!("{filter:?}: {error}"));
    assert_eq!(store.count_log(filter.as_ref()).unwrap(), page.entries.len() as u64);
    let (since, _) = store.log_since(0, filter.as_ref(), 100).unwrap();
    assert_eq!(since.len(), page.entries.len());
    page.entries.iter().map(|entry| entry.entry.time.as_second() - at(0).as_second()).collect()
}

fn compare(field: LogField, op: Comparison, value: LogValue) -> LogFilter {
    LogFilter::Compare(field.into(), op, value)
}

fn text(value: &str) -> LogValue {
    LogValue::Text(value.into())
}

fn lower(field: LogField) -> Operand {
    Operand { field, fold: Fold::Lower }
}

#[test]
fn filters_find_what_they_say() {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    use LogField::*;
    let (store, ..) = filled();
    let half = jiff::Timestamp::from_millisecond(at(5).as_millisecond() + 500).unwrap();
    let time = |op, at| compare(Time, op, LogValue::Time(at));
    let eq = LogFilter::equals;
    let cases: Vec<(LogFilter, Vec<i64>)> = vec![
        (eq(JobId, "API2AAD.one"), (0..8).rev().collect()),
        (eq(JobId, "api2aad.one"), vec![]),
        (eq(JobId, "none"), vec![]),
        (compare(JobId, NotEqual, text("API2AAD.one")), vec![11, 10, 9, 8]),
        (LogFilter::Text(TextFunction::Contains, lower(JobId), "aad".into()), (0..8).rev().collect()),
        (eq(CycleId, "cycle-1"), vec![3, 2, 1, 0]),
        (eq(CycleId, "none"), vec![]),
        (compare(CycleId, NotEqual, text("cycle-1")), (4..12).rev().collect()),
        (compare(CycleId, NotEqual, text("none")), (0..12).rev().collect()),
        (compare(CycleId, Equal, LogValue::Null), vec![7, 6, 5, 4]),
        (LogFilter::Text(TextFunction::EndsWith, CycleId.into(), "-2".into()), vec![11, 10, 9, 8]),
        (compare(CycleId, Greater, text("cycle-1")), vec![11, 10, 9, 8]),
        (eq(SourceId, "p1"), vec![10, 7, 4, 1]),
        (LogFilter::And(vec![eq(JobId, "API2AAD.one"), eq(SourceId, "p1")]), vec![7, 4, 1]),
        (eq(SourceId, "P1"), vec![]),
        (compare(SourceId, Equal, LogValue::Null), vec![]),
        (LogFilter::Text(TextFunction::StartsWith, lower(SourceId), "p2".into()), vec![11, 8, 5, 2]),
        (eq(TargetId, "t0"), vec![9, 6, 3, 0]),
        (LogFilter::Not(Box::new(eq(TargetId, "t0"))), vec![11, 10, 8, 7, 5, 4, 2, 1]),
        (eq(TargetId, ""), vec![11, 10, 8, 7, 5, 4, 2, 1]),
        (LogFilter::Text(TextFunction::Contains, lower(TargetName), "breen".into()), vec![9, 6, 3, 0]),
        (eq(Status, "failure"), vec![11, 7, 3]),
        (LogFilter::And(vec![eq(Status, "failure"), eq(JobId, "API2AAD.one")]), vec![7, 3]),
        (eq(Status, "Failure"), vec![]),
        (compare(Status, NotEqual, text("success")), vec![11, 7, 3]),
        (eq(Action, "create"), vec![8, 4, 0]),
        (LogFilter::In(Action.into(), vec![text("create"), text("disable")]), vec![11, 8, 7, 4, 3, 0]),
        (LogFilter::In(Action.into(), vec![]), vec![]),
        (eq(ErrorCode, "Conflict"), vec![11, 7, 3]),
        (compare(ErrorCode, NotEqual, text("Conflict")), vec![10, 9, 8, 6, 5, 4, 2, 1, 0]),
        (compare(ErrorCode, Equal, LogValue::Null), vec![10, 9, 8, 6, 5, 4, 2, 1, 0]),
        (LogFilter::Not(Box::new(eq(ErrorCode, "Conflict"))), vec![10, 9, 8, 6, 5, 4, 2, 1, 0]),
        (LogFilter::Not(Box::new(compare(ErrorCode, Greater, text("A")))), vec![10, 9, 8, 6, 5, 4, 2, 1, 0]),
        (compare(Duration, Less, LogValue::Number(102)), vec![1, 0]),
        (compare(Upload, Equal, LogValue::Number(6)), (6..12).rev().collect()),
        (compare(Upload, Greater, LogValue::Number(1)), (6..12).rev().collect()),
        (LogFilter::Not(Box::new(compare(Upload, Greater, LogValue::Number(1)))), (0..6).rev().collect()),
        (time(GreaterOrEqual, at(9)), vec![11, 10, 9]),
        (time(Greater, at(9)), vec![11, 10]),
        (time(Less, at(2)), vec![1, 0]),
        (time(LessOrEqual, at(2)), vec![2, 1, 0]),
        (time(Equal, at(2)), vec![2]),
        (time(NotEqual, at(2)), vec![11, 10, 9, 8, 7, 6, 5, 4, 3, 1, 0]),
        (time(Equal, half), vec![]),
        (time(Greater, half), (6..12).rev().collect()),
        (time(LessOrEqual, half), (0..6).rev().collect()),
        (eq(ServicePrincipalId, "sp-API2AD.two"), vec![11, 10, 9, 8]),
        (
            LogFilter::And(vec![
                LogFilter::Or(vec![
                    LogFilter::Text(TextFunction::Contains, lower(ServicePrincipalId), "two".into()),
                    LogFilter::Text(TextFunction::Contains, lower(ServicePrincipalName), "nothing".into()),
                ]),
                time(Greater, at(8)),
                time(Less, at(11)),
            ]),
            vec![10, 9],
        ),
        (LogFilter::Or(vec![eq(SourceId, "p0"), eq(Status, "failure")]), vec![11, 9, 7, 6, 3, 0]),
        (LogFilter::Constant(false), vec![]),
        (LogFilter::And(vec![]), (0..12).rev().collect()),
        (LogFilter::Or(vec![]), vec![]),
    ];
    for (filter, want) in cases {
        assert_eq!(seconds(&store, Some(filter.clone())), want, "{filter:?}");
    }
    assert_eq!(seconds(&store, None).len(), 12);
}

#[test]
fn ids_and_changes_lead_back() {
    let (store, one, _) = filled();
    for entry in store.log(&LogQuery { limit: 100, ..LogQuery::default() }).unwrap().entries {
        assert_eq!(store.log_entry(entry.id).unwrap().unwrap(), entry);
        let of_change = LogFilter::equals(LogField::ChangeId, entry.change.to_string());
        assert_eq!(store.count_log(Some(&of_change)).unwrap(), 1);
        let others =
            LogFilter::Compare(LogField::Id.into(), Comparison::NotEqual, text(&entry.id.to_string()));
        assert_eq!(store.count_log(Some(&others)).unwrap(), 11);
        assert_eq!(entry.entry.detail.modified[0].new.as_deref(), Some("Logistics \"x\""));
        let principal = format!("sp-{}", entry.job_id);
        assert_eq!(entry.service_principal, principal);
    }
    assert_eq!(store.log_entry(uuid::Uuid::new_v4()).unwrap(), None);
    assert_eq!(seconds(&store, Some(LogFilter::equals(LogField::Id, "no guid"))), Vec::<i64>::new());
    assert_eq!(store.log_of_person(one, "p0", 2).unwrap().len(), 2);
}

#[test]
fn pages_follow_each_other_while_entries_come() {
    let (store, one, _) = filled();
    for (order, want) in [
        (LogOrder::NewestFirst, (0..12).rev().collect::<Vec<i64>>()),
        (LogOrder::OldestFirst, (0..12).collect()),
        (LogOrder::LongestFirst, (0..12).rev().collect()),
        (LogOrder::ShortestFirst, (0..12).collect()),
    ] {
        let mut query = LogQuery { order, limit: 5, ..LogQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.log(&query).unwrap();
            seen.extend(page.entries.iter().map(|entry| entry.entry.duration - 100));
            let Some(next) = page.next else { break };
            query.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, want, "{order:?}");
    }
    let first = store.log(&LogQuery { limit: 5, skip: 2, ..LogQuery::default() }).unwrap();
    assert_eq!(first.entries[0].entry.duration, 109);
    let person = PersonResult {
        log: vec![entry("new", 50, LogAction::Create, LogStatus::Success)],
        ..PersonResult::new("new")
    };
    store
        .commit_batch(BatchResult { job: one, cycle: None, now: at(50), people: vec![person], counts: None })
        .unwrap();
    let second = store.log(&LogQuery { limit: 5, after: first.next, ..LogQuery::default() }).unwrap();
    assert_eq!(second.entries[0].entry.duration, 104);
    assert!("nonsense".parse::<hirewire_store::log::LogPosition>().is_err());
}

#[test]
fn following_misses_nothing_and_retention_keeps_the_rest() {
    let (store, one, _) = filled();
    let mark = store.log_end().unwrap();
    assert_eq!(store.log_since(mark, None, 10).unwrap(), (vec![], mark));
    // An entry whose time is earlier than that of others already written.
    let late = PersonResult {
        log: vec![entry("late", -5, LogAction::Create, LogStatus::Success)],
        ..PersonResult::new("late")
    };
    store
        .commit_batch(BatchResult { job: one, cycle: None, now: at(0), people: vec![late], counts: None })
        .unwrap();
    let (entries, next) = store.log_since(mark, None, 10).unwrap();
    assert_eq!((entries[0].entry.source.as_str(), next), ("late", mark + 1));
    let none = LogFilter::equals(LogField::SourceId, "nobody");
    assert_eq!(store.log_since(mark, Some(&none), 10).unwrap(), (vec![], mark + 1));

    let export: Vec<i64> = store.export_log(None).map(|entry| entry.unwrap().entry.duration - 100).collect();
    assert_eq!(export, (-5..=-5).chain(0..12).collect::<Vec<_>>());
    assert_eq!(store.delete_log_before(at(6), 4).unwrap(), 4);
    assert_eq!(store.delete_log_before(at(6), 100).unwrap(), 2, "the newest in order of writing stays");
    assert_eq!(store.delete_log_before(at(99), 100).unwrap(), 6);
    assert_eq!(store.count_log(None).unwrap(), 1);
    assert_eq!(store.log_end().unwrap(), mark + 1);
}

#[test]
fn senseless_filters_are_refused() {
    let (store, ..) = filled();
    let mut deep = LogFilter::Constant(true);
    for _ in 0..10_000 {
        deep = LogFilter::Not(Box::new(deep));
    }
    let cases = [
        compare(LogField::Time, Comparison::Equal, text("x")),
        compare(LogField::Duration, Comparison::Equal, text("x")),
        compare(LogField::SourceId, Comparison::Equal, LogValue::Number(1)),
        compare(LogField::Id, Comparison::Greater, text("x")),
        compare(LogField::Status, Comparison::Equal, LogValue::Number(1)),
        LogFilter::Text(TextFunction::Contains, LogField::Time.into(), "x".into()),
        LogFilter::Text(TextFunction::Contains, LogField::Id.into(), "x".into()),
    ];
    for filter in &cases {
        assert!(matches!(store.count_log(Some(filter)), Err(StoreError::Filter { .. })), "{filter:?}");
    }
    assert!(matches!(store.count_log(Some(&deep)), Err(StoreError::Filter { .. })));
    std::mem::forget(deep);
}
