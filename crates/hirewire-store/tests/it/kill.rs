//! Killed at any moment, the store has everything that it acknowledged, once.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use hirewire_store::log::{LogAction, LogStatus};
use hirewire_store::{BatchResult, OperationId, OperationOutcome, OperationStatus, Options, Store, UploadId};

use crate::{at, entry, linked, new_job, upload};

/// Tells the test that it is the child.
const FOLDER: &str = "HIREWIRE_KILL_TEST_FOLDER";
const ROUNDS: u64 = 20;
const ANCHORS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[test]
fn acknowledged_uploads_survive() {
    if let Ok(folder) = std::env::var(FOLDER) {
        work(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<String, i64> = HashMap::new();
    for round in 0..ROUNDS {
        let before = acknowledged.len();
        run_and_kill(folder.path(), &mut acknowledged);
        assert!(acknowledged.len() > before, "round {round} acknowledged nothing");
        check(folder.path(), &acknowledged);
    }
}

/// The child: accepts from several threads, processes what it accepted, and says so line by line, until it is killed.
fn work(folder: &Path) -> ! {
    let store = Store::open(folder.join("hirewire.db"), Options::default()).unwrap();
    let job = match store.job("API2AAD.kill").unwrap() {
        Some(job) => job.key,
        None => new_job(&store, "API2AAD.kill"),
    };
    for _ in 0..4 {
        let store = store.clone();
        std::thread::spawn(move || {
            loop {
                let request = uuid::Uuid::new_v4().to_string();
                let accepted = store.accept(upload(job, &request, &ANCHORS)).unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {request} {}", accepted.upload).unwrap();
                out.flush().unwrap();
            }
        });
    }
    loop {
        let people = store
            .take(job, OperationId::START, 40)
            .unwrap()
            .into_iter()
            .map(|operation| {
                let mut person = linked(&operation.anchor, &format!("t-{}", operation.anchor));
                person.log = vec![entry(&operation.anchor, 0, LogAction::Update, LogStatus::Success)];
                let status = OperationStatus::Applied;
                person.outcomes = vec![OperationOutcome { operation: operation.id, status, reason: None }];
                person
            })
            .collect();
        store.commit_batch(BatchResult { job, cycle: None, now: at(0), people, counts: None }).unwrap();
    }
}

fn run_and_kill(folder: &Path, acknowledged: &mut HashMap<String, i64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::acknowledged_uploads_survive", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A random number of answers is a random moment.
    let mut left = 1 + uuid::Uuid::new_v4().as_u128() % 120;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split(' ').collect();
        let [.., "acknowledged", request, upload] = words.as_slice() else { continue };
        // A line may be cut off by the kill.
        let Ok(upload) = upload.parse() else { continue };
        assert_eq!(acknowledged.insert((*request).into(), upload), None, "a request was acknowledged twice");
        left = left.saturating_sub(1);
        if left == 0 {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "the child ended by itself: {status}");
}

fn check(folder: &Path, acknowledged: &HashMap<String, i64>) {
    let store = Store::open(folder.join("hirewire.db"), Options::default()).unwrap();
    let job = store.job("API2AAD.kill").unwrap().unwrap().key;
    let mut stored: HashMap<String, UploadId> = HashMap::new();
    for upload in store.uploads(Some(job), None, 1_000_000).unwrap() {
        assert_eq!(stored.insert(upload.request_id, upload.id), None, "an upload is there twice");
    }
    let (mut waiting, mut applied) = (0, 0);
    for (request, upload) in &stored {
        assert!(acknowledged.get(request).is_none_or(|known| *known == upload.0));
        let receipt = store.receipt(*upload).unwrap().unwrap();
        let anchors: Vec<&str> =
            receipt.operations.iter().map(|operation| operation.anchor.as_str()).collect();
        assert_eq!(anchors, ANCHORS, "an upload is there in part");
        waiting += receipt.count(OperationStatus::Accepted) as u64;
        applied += receipt.count(OperationStatus::Applied) as u64;
    }
    for request in acknowledged.keys() {
        assert!(stored.contains_key(request), "{request} was acknowledged and is lost");
    }
    assert_eq!(store.queue_state(job).unwrap().waiting, waiting);
    assert_eq!(store.count_log(None).unwrap(), applied, "outcomes and log entries are written together");
}
