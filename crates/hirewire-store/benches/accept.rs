//! What acceptance and batches cost beside bare SQLite, interleaved in slices of under a second, because a disk's flush rate
//! moves by an order of magnitude within a minute. Ratios hold where absolute figures do not.
//!
//! `cargo bench -p hirewire-store --bench accept -- [FOLDER] [ROUNDS] [LOG ENTRIES]`
#![allow(clippy::print_stdout, reason = "a bench talks to a person")]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hirewire_store::log::{
    LogAction, LogDetail, LogField, LogFilter, LogQuery, LogStatus, LogStep, ModifiedProperty, NewLogEntry,
    StepName,
};
use hirewire_store::{
    BatchResult, CycleKind, Deduplicate, JobKey, LinkChange, NewJob, NewOperation, NewUpload, OperationId,
    OperationOutcome, OperationStatus, Options, PersonResult, PersonWrite, Record, Store,
};
use jiff::Timestamp;
use rusqlite::{Connection, params};

const SLICE: Duration = Duration::from_millis(400);
const BATCH: usize = 2_000;
const CALLERS: usize = 32;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let given = arguments.next().map(PathBuf::from);
    let rounds: usize = arguments.next().map_or(6, |text| text.parse().expect("ROUNDS"));
    let entries: usize = arguments.next().map_or(1_000_000, |text| text.parse().expect("LOG ENTRIES"));
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = given.unwrap_or_else(|| scratch.path().into());
    acceptance(&folder, rounds);
    batches(&folder, rounds);
    log_queries(&folder, entries);
}

fn open(folder: &Path, name: &str) -> (Store, JobKey) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("{name}{suffix}")));
    }
    let store = Store::open(folder.join(name), Options::default()).expect("open");
    let job = NewJob {
        id: "API2AAD.bench".into(),
        template: "API2AAD".into(),
        service_principal: "sp".into(),
        service_principal_name: "HR".into(),
        settings: "[]".into(),
        created: Timestamp::now(),
    };
    let job = store.create_job(job).expect("job").key;
    (store, job)
}

fn record(n: u64) -> String {
    format!(
        r#"{{"externalId":"{n:09}","userName":"user{n}@northmere.example","padding":"{}"}}"#,
        "x".repeat(930)
    )
}

fn upload(job: JobKey, first: u64, size: u64) -> NewUpload {
    let operation = |n: u64| NewOperation {
        bulk_id: Some(format!("{n:036}")),
        anchor: format!("{n:09}"),
        data: record(n),
        origin: None,
    };
    NewUpload {
        job,
        request_id: format!("{first:036}"),
        client_request_id: None,
        received: Timestamp::now(),
        app_id: None,
        source: "http".into(),
        size: size * 1_000,
        operations: (first..first + size).map(operation).collect(),
        warnings: Vec::new(),
        content_hash: None,
        deduplicate: Deduplicate::Never,
        fingerprint_segment: None,
    }
}

/// A bare table of operations with an index, as a hand-written inbox would have it.
fn bare(folder: &Path, name: &str) -> Connection {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("{name}{suffix}")));
    }
    let connection = Connection::open(folder.join(name)).expect("open");
    connection.pragma_update(None, "journal_mode", "wal").expect("wal");
    connection.pragma_update(None, "synchronous", "full").expect("full");
    connection
        .execute_batch(
            "CREATE TABLE inbox (id INTEGER PRIMARY KEY, job TEXT NOT NULL, anchor TEXT NOT NULL, \
             received INTEGER NOT NULL, body BLOB NOT NULL); CREATE INDEX inbox_anchor ON inbox (job, anchor);",
        )
        .expect("tables");
    connection
}

fn bare_commit(connection: &mut Connection, next: &Cell<u64>, size: u64) -> u64 {
    let transaction = connection.transaction().expect("begin");
    {
        let sql = "INSERT INTO inbox (job, anchor, received, body) VALUES (?, ?, ?, ?)";
        let mut statement = transaction.prepare_cached(sql).expect("prepare");
        for n in next.get()..next.get() + size {
            statement.execute(params!["job1", format!("{n:09}"), n as i64, record(n)]).expect("insert");
        }
    }
    transaction.commit().expect("commit");
    next.set(next.get() + size);
    size
}

#[derive(Default, Clone, Copy)]
struct Sum {
    rows: u64,
    seconds: f64,
}

impl Sum {
    fn slice(&mut self, mut work: impl FnMut() -> u64) {
        let began = Instant::now();
        while began.elapsed() < SLICE {
            self.rows += work();
        }
        self.seconds += began.elapsed().as_secs_f64();
    }

    fn rate(self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

fn acceptance(folder: &Path, rounds: usize) {
    let (one, job) = open(folder, "accept-one.db");
    let (many, _) = open(folder, "accept-many.db");
    let (mut bare50, mut bare1000) = (bare(folder, "bare-50.db"), bare(folder, "bare-1000.db"));
    let next = Cell::new(0);
    let [mut fifty, mut thousand, mut single, mut crowd] = [Sum::default(); 4];
    for _ in 0..rounds {
        fifty.slice(|| bare_commit(&mut bare50, &next, 50));
        single.slice(|| {
            one.accept(upload(job, next.replace(next.get() + 50), 50)).expect("accept");
            50
        });
        thousand.slice(|| bare_commit(&mut bare1000, &next, 1_000));
        crowd.slice(|| callers(&many, job));
    }
    println!("acceptance, rows/s (operations of 1 kB, durable)");
    println!("  bare SQLite, 50 rows per commit       {:>10.0}", fifty.rate());
    println!(
        "  accept, one caller, 50 per upload     {:>10.0}   ratio {:.2} (wanted 0.70)",
        single.rate(),
        single.rate() / fifty.rate()
    );
    println!("  bare SQLite, 1,000 rows per commit    {:>10.0}", thousand.rate());
    println!(
        "  accept, {CALLERS} callers, 50 per upload     {:>10.0}   ratio {:.2} (wanted 0.50)",
        crowd.rate(),
        crowd.rate() / thousand.rate()
    );
}

/// All callers accept for one slice.
fn callers(store: &Store, job: JobKey) -> u64 {
    let end = Instant::now() + SLICE;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLERS as u64)
            .map(|caller| {
                scope.spawn(move || {
                    let mut rows = 0;
                    while Instant::now() < end {
                        store.accept(upload(job, caller * 1_000_000 + rows, 50)).expect("accept");
                        rows += 50;
                    }
                    rows
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("caller")).sum()
    })
}

fn entry(n: u64, time: Timestamp) -> NewLogEntry {
    let property =
        |name: &str, value: String| ModifiedProperty { name: name.into(), old: None, new: Some(value) };
    let step = |name, details| LogStep { name, status: LogStatus::Success, description: None, details };
    let attribute = |name: &str| (name.to_owned(), format!("value of {name}"));
    let source = ["displayName", "externalId", "title", "userName", "name.familyName", "name.givenName"];
    NewLogEntry {
        time,
        change: None,
        action: LogAction::Create,
        status: LogStatus::Success,
        duration: 12,
        upload: None,
        source: format!("{n:09}"),
        target: Some(uuid::Uuid::now_v7().to_string()),
        target_name: Some(format!("Person {n}")),
        error_code: None,
        detail: LogDetail {
            modified: [
                "accountEnabled",
                "department",
                "displayName",
                "employeeId",
                "givenName",
                "jobTitle",
                "surname",
            ]
            .map(|name| property(name, format!("value {n}")))
            .into(),
            steps: vec![
                step(StepName::EntryImportAdd, source.map(attribute).into()),
                step(StepName::EntrySynchronizationScoping, Vec::new()),
                step(StepName::EntrySynchronizationAdd, Vec::new()),
                step(StepName::EntryExportAdd, vec![attribute("ReportableIdentifier")]),
            ],
            ..LogDetail::default()
        },
    }
}

fn person(n: u64, operation: Option<OperationId>, time: Timestamp) -> PersonResult {
    let log = vec![entry(n, time)];
    PersonResult {
        person: Some(PersonWrite {
            record: Some(Record { data: record(n), origin: None }),
            link: LinkChange::Set(log[0].target.clone().unwrap_or_default()),
            in_scope: true,
            next_due: None,
            parts: None,
            name_key: None,
        }),
        outcomes: operation
            .map(|operation| OperationOutcome { operation, status: OperationStatus::Applied, reason: None })
            .into_iter()
            .collect(),
        log,
        ..PersonResult::new(format!("{n:09}"))
    }
}

/// The same rows in the same tables by prepared statements and nothing else.
fn bare_batch(
    connection: &mut Connection,
    people: &[PersonResult],
    operations: &[(i64, u64)],
    seq: &Cell<i64>,
) {
    let details: Vec<String> =
        people.iter().map(|person| serde_json::to_string(&person.log[0].detail).expect("detail")).collect();
    let transaction = connection.transaction().expect("begin");
    {
        let sql = "INSERT INTO log (seq, time, job, cycle, change_of, action, status, duration, upload, source, target, \
                   target_name, error_code, detail) VALUES (?, ?, 1, 1, NULL, 1, 0, 12, NULL, ?, ?, ?, NULL, ?)";
        let mut log = transaction.prepare_cached(sql).expect("log");
        let sql = "INSERT INTO people (job, anchor, target, in_scope, next_due, origin, record) \
                   VALUES (1, ?, ?, 1, NULL, NULL, ?)";
        let mut row = transaction.prepare_cached(sql).expect("people");
        let sql = "INSERT INTO outcomes (upload, line, status, bulk_id, anchor, origin, reason, entry) \
                   VALUES (?, ?, 2, ?, ?, NULL, NULL, ?)";
        let mut outcome = transaction.prepare_cached(sql).expect("outcomes");
        let mut dequeue = transaction.prepare_cached("DELETE FROM queue WHERE id = ?").expect("queue");
        for ((person, detail), (operation, line)) in people.iter().zip(&details).zip(operations) {
            let (entry, write) = (&person.log[0], person.person.as_ref().expect("person"));
            seq.set(seq.get() + 1);
            let time = entry.time.as_microsecond();
            log.execute(params![seq.get(), time, entry.source, entry.target, entry.target_name, detail])
                .expect("log");
            let record = &write.record.as_ref().expect("record").data;
            row.execute(params![person.anchor, entry.target, record]).expect("person");
            let bulk = format!("{line:036}");
            outcome
                .execute(params![operation >> 20, operation, bulk, person.anchor, seq.get()])
                .expect("outcome");
            dequeue.execute([operation]).expect("dequeue");
        }
    }
    transaction.commit().expect("commit");
}

fn batches(folder: &Path, rounds: usize) {
    let (ours, job) = open(folder, "batch-ours.db");
    let (theirs, _) = open(folder, "batch-bare.db");
    let cycle = ours.begin_cycle(job, "c", CycleKind::Initial, Timestamp::now()).expect("cycle");
    let mut raw = Connection::open(folder.join("batch-bare.db")).expect("open");
    raw.pragma_update(None, "synchronous", "full").expect("full");
    raw.pragma_update(None, "cache_size", -65_536).expect("cache");
    raw.pragma_update(None, "wal_autocheckpoint", 16_384).expect("checkpoint");
    let (mut bare, mut batch, mut load) = (0.0, 0.0, 0.0);
    let seq = Cell::new(0);
    for round in 0..(rounds * 4) as u64 {
        let first = round * BATCH as u64;
        let mut ids = Vec::new();
        for store in [&ours, &theirs] {
            store.accept(upload(job, first, BATCH as u64)).expect("accept");
            ids = store
                .take(job, OperationId::START, BATCH)
                .expect("take")
                .into_iter()
                .map(|one| one.id)
                .collect();
        }
        let time = Timestamp::now();
        let people: Vec<_> = ids.iter().zip(first..).map(|(id, n)| person(n, Some(*id), time)).collect();
        // The raw connection sees the same numbers: job 1, running from 1.
        let numbers: Vec<_> = (first..first + BATCH as u64).map(|n| ((1 << 40) + 1 + n as i64, n)).collect();
        let result = BatchResult { job, cycle: Some(cycle), now: time, people: people.clone(), counts: None };
        let measure = |work: &mut dyn FnMut()| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64()
        };
        let mut result = Some(result);
        let mut a = || bare += measure(&mut || bare_batch(&mut raw, &people, &numbers, &seq));
        let mut b = || {
            batch += measure(&mut || drop(ours.commit_batch(result.take().expect("once")).expect("commit")))
        };
        if round % 2 == 0 {
            a();
            b();
        } else {
            b();
            a();
        }
        let anchors: Vec<_> = people.iter().map(|person| person.anchor.as_str()).collect();
        load += measure(&mut || drop(ours.load_batch(job, &anchors).expect("load")));
    }
    let people = (rounds * 4 * BATCH) as f64;
    println!("batches of {BATCH} people (person, link, outcome, log entry), people/s");
    println!("  bare prepared statements              {:>10.0}", people / bare);
    println!(
        "  commit_batch                          {:>10.0}   cost {:.2} (wanted at most 1.30)",
        people / batch,
        batch / bare
    );
    println!("  load_batch                            {:>10.0}", people / load);
}

fn log_queries(folder: &Path, entries: usize) {
    let (store, job) = open(folder, "log.db");
    let began = Instant::now();
    let cycle = store.begin_cycle(job, "c", CycleKind::Initial, Timestamp::now()).expect("cycle");
    for first in (0..entries as u64).step_by(5_000) {
        let time = Timestamp::now();
        let people = (first..first + 5_000)
            .map(|n| PersonResult { log: vec![entry(n % 100_000, time)], ..PersonResult::new("x") })
            .collect();
        store
            .commit_batch(BatchResult { job, cycle: Some(cycle), now: time, people, counts: None })
            .expect("commit");
    }
    println!(
        "log of {entries} entries, written at {:.0} entries/s",
        entries as f64 / began.elapsed().as_secs_f64()
    );
    let equals = LogFilter::equals;
    let cases = [
        ("newest 100", None),
        ("newest 100 of a job", Some(equals(LogField::JobId, "API2AAD.bench"))),
        ("newest 100 of a cycle", Some(equals(LogField::CycleId, "c"))),
        ("a person's", Some(equals(LogField::SourceId, "000054321"))),
        ("failures", Some(equals(LogField::Status, "failure"))),
    ];
    for (name, filter) in cases {
        let query = LogQuery { filter, limit: 100, ..LogQuery::default() };
        store.log(&query).expect("query");
        let began = Instant::now();
        for _ in 0..20 {
            store.log(&query).expect("query");
        }
        println!("  {name:<37} {:>10.2} ms", began.elapsed().as_secs_f64() * 50.0);
    }
    let began = Instant::now();
    store.count_log(Some(&equals(LogField::JobId, "API2AAD.bench"))).expect("count");
    println!("  {:<37} {:>10.2} ms", "count of a job", began.elapsed().as_secs_f64() * 1_000.0);
}
