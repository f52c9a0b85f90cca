//! Uploads, queue, receipts.
use hirewire_store::{
    BatchResult, Deduplicate, OperationId, OperationOutcome, OperationStatus, PersonResult, Store,
    StoreError, content_hash,
};
use jiff::SignedDuration;

use crate::{at, memory, new_job, upload};

#[test]
fn operations_come_out_as_they_went_in() {
    let (store, job) = memory();
    let other = new_job(&store, "API2AAD.two");
    let first = store.accept(upload(job, "r1", &["7", "8"])).unwrap();
    store.accept(upload(other, "r2", &["9"])).unwrap();
    let mut third = upload(job, "r3", &["7"]);
    third.received = at(60);
    third.fingerprint_segment = Some(("people.csv".into(), vec![1, 2, 3]));
    let third = store.accept(third).unwrap();
    assert!(first.upload < third.upload && !third.repeated);

    let taken = store.take(job, OperationId::START, 10).unwrap();
    let got: Vec<_> =
        taken.iter().map(|op| (op.upload, op.line, op.anchor.as_str(), op.bulk_id.as_deref())).collect();
    let want = [
        (first.upload, 0, "7", Some("bulk0")),
        (first.upload, 1, "8", None),
        (third.upload, 0, "7", Some("bulk0")),
    ];
    assert_eq!(got, want);
    assert_eq!(taken[1].data, r#"{"externalId":"8"}"#);
    assert_eq!(taken[1].origin.as_deref(), Some("people.csv:3"));
    assert_eq!(store.take(job, taken[0].id, 1).unwrap(), taken[1..2]);
    assert_eq!(store.take(other, OperationId::START, 10).unwrap().len(), 1);
    let state = store.queue_state(job).unwrap();
    assert_eq!((state.waiting, state.oldest), (3, Some(at(0))));
    assert_eq!(crate::registry::all(&store, "people.csv"), [1, 2, 3]);
}

#[test]
fn receipts_tell_what_became_of_each_line() {
    let (store, job) = memory();
    let id = store.accept(upload(job, "r1", &["1", "2", "3", "4"])).unwrap().upload;
    let taken = store.take(job, OperationId::START, 10).unwrap();
    let outcome = |n: usize, status, reason: Option<&str>| PersonResult {
        outcomes: vec![OperationOutcome { operation: taken[n].id, status, reason: reason.map(Into::into) }],
        ..PersonResult::new(taken[n].anchor.clone())
    };
    let people = vec![
        outcome(2, OperationStatus::Failed, Some("Conflict")),
        outcome(0, OperationStatus::Applied, None),
        outcome(1, OperationStatus::Skipped, Some("RedundantExport")),
    ];
    store.commit_batch(BatchResult { job, cycle: None, now: at(1), people, counts: None }).unwrap();
    let receipt = store.receipt(id).unwrap().unwrap();
    let lines: Vec<_> = receipt
        .operations
        .iter()
        .map(|op| (op.line, op.anchor.as_str(), op.status, op.reason.as_deref()))
        .collect();
    assert_eq!(
        lines,
        [
            (0, "1", OperationStatus::Applied, None),
            (1, "2", OperationStatus::Skipped, Some("RedundantExport")),
            (2, "3", OperationStatus::Failed, Some("Conflict")),
            (3, "4", OperationStatus::Accepted, None),
        ]
    );
    store.set_outcome(id, 2, OperationStatus::Applied, None).unwrap();
    assert_eq!(store.receipt(id).unwrap().unwrap().count(OperationStatus::Applied), 2);
    assert!(matches!(
        store.set_outcome(id, 3, OperationStatus::Applied, None),
        Err(StoreError::NotFound { .. })
    ));

    assert_eq!(store.purge_queue(job, "QueuePurged").unwrap(), 1);
    let last = store.receipt(id).unwrap().unwrap().operations.pop().unwrap();
    assert_eq!((last.status, last.reason.as_deref()), (OperationStatus::Skipped, Some("QueuePurged")));
    assert_eq!(store.queue_state(job).unwrap().oldest, None);

    // Numbers are not used twice, so an outcome that comes late cannot meet another operation.
    store.accept(upload(job, "r2", &["5"])).unwrap();
    assert!(store.take(job, OperationId::START, 1).unwrap()[0].id > taken[3].id);
    assert_eq!(store.delete_uploads_before(at(1), 100).unwrap(), 1);
    assert_eq!(store.receipt(id).unwrap(), None);
    assert_eq!(store.uploads(Some(job), None, 10).unwrap().len(), 1);
    assert_eq!(store.upload_by_request(job, "r2").unwrap().unwrap().operations, 1);
}

#[test]
fn repetitions_return_the_earlier_upload() {
    let (store, job) = memory();
    let other = new_job(&store, "API2AAD.two");
    let hour = SignedDuration::from_hours(1);
    let offer = |job, client: Option<&str>, body: &str, seconds, deduplicate| {
        let mut upload = upload(job, "r", &["1"]);
        upload.client_request_id = client.map(Into::into);
        upload.content_hash = Some(content_hash(body.as_bytes()));
        upload.received = at(seconds);
        upload.deduplicate = deduplicate;
        store.accept(upload).unwrap()
    };
    let request = Deduplicate::SameRequest(hour);
    let first = offer(job, Some("c1"), "body", 0, request);
    let cases = [
        (job, Some("c1"), "body", 10, request, true),
        (job, Some("c1"), "other body", 10, request, false),
        (job, Some("c2"), "body", 10, request, false),
        (job, None, "body", 10, request, false),
        (job, Some("c1"), "body", 10, Deduplicate::Never, false),
        (other, Some("c1"), "body", 10, request, false),
        (job, Some("c1"), "body", 3_600, request, true),
        (job, None, "body", 20, Deduplicate::SameContent(hour), true),
        (job, None, "third body", 20, Deduplicate::SameContent(hour), false),
        (job, Some("c9"), "third body", 30, Deduplicate::SameContent(hour), true),
        (job, None, "third body", 9_999, Deduplicate::SameContent(hour), false),
    ];
    for (job, client, body, seconds, deduplicate, repeated) in cases {
        let got = offer(job, client, body, seconds, deduplicate);
        assert_eq!(got.repeated, repeated, "{client:?} {body} {seconds} {deduplicate:?}");
        assert!(!repeated || body != "body" || got.upload == first.upload);
    }
}

#[test]
fn a_refused_upload_does_not_hinder_its_neighbours() {
    let (store, job) = memory();
    let gone = new_job(&store, "API2AAD.gone");
    store.delete_job(gone, at(1)).unwrap();
    let threads: Vec<_> = (0..32)
        .map(|thread| {
            let store: Store = store.clone();
            std::thread::spawn(move || {
                for n in 0..20 {
                    let bad = (thread + n) % 5 == 0;
                    let result = store.accept(upload(
                        if bad { gone } else { job },
                        &format!("{thread}-{n}"),
                        &["1", "2"],
                    ));
                    assert_eq!(result.is_err(), bad, "{result:?}");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(store.queue_state(job).unwrap().waiting, 32 * 16 * 2);
    assert_eq!(store.uploads(None, None, 1_000).unwrap().len(), 32 * 16);
    let (sender, receiver) = std::sync::mpsc::channel();
    store.accept_then(upload(job, "async", &["3"]), move |result| sender.send(result).unwrap()).unwrap();
    assert!(receiver.recv().unwrap().is_ok());
}
