//! Receipts: polled, waited for, streamed; dry runs; repeated requests.
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::world::{World, bulk, got, job_path, person, upload_path};

fn receipt(id: &str) -> String {
    format!("{}/uploads/{id}", job_path())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_has_a_line_per_operation() {
    let world = World::open().await;
    let accepted = world.upload(bulk(vec![person("1"), person("2"), person("1")])).await;
    let id = accepted.header("x-hirewire-upload-id").to_owned();
    let body = world.get(&receipt(&id)).await.json();
    assert_eq!(body["status"], "completed");
    assert_eq!(
        body["counts"],
        json!({ "accepted": 0, "waiting": 0, "applied": 2, "skipped": 1, "failed": 0 })
    );
    assert_eq!(body["operations"][2]["externalId"], "1");
    assert_eq!(body["operations"][2]["reason"], "RedundantExport");
    assert_eq!(body["requestId"], accepted.header("request-id"));
    let entry = body["operations"][0]["logEntryId"].as_str().expect("a log entry").to_owned();
    let record = world.get(&format!("/v1.0/auditLogs/provisioning/{entry}")).await.json();
    assert_eq!(record["sourceIdentity"]["details"], json!({ "uploadId": id, "bulkId": "1" }));
    let listed = world.get(&format!("{}/uploads", job_path())).await.json();
    assert_eq!(listed["value"][0]["id"], *id);
    for missing in ["999", "x"] {
        assert_eq!(world.get(&receipt(missing)).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_the_work_is_done_or_the_time_is_over() {
    let world = World::open().await;
    assert_eq!(got(world.ask(Method::POST, &format!("{}/pause", job_path()))).await.status, 204);
    let id = world.upload(bulk(vec![person("1")])).await.header("x-hirewire-upload-id").to_owned();
    let begun = Instant::now();
    let body = world.get(&format!("{}?wait=1", receipt(&id))).await.json();
    assert_eq!((&body["status"], &body["reason"]), (&json!("waiting"), &json!("job paused")));
    assert_eq!(body["counts"]["waiting"], 1);
    assert_eq!(body["operations"][0]["status"], "waiting");
    assert_eq!(body["operations"][0]["reason"], "job paused");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let (path, start) = (format!("{}?wait=30", receipt(&id)), format!("{}/start", job_path()));
    let waiting = world.get(&path);
    let starting = got(world.ask(Method::POST, &start));
    let (waited, started) = tokio::join!(waiting, starting);
    assert_eq!((waited.json()["status"].as_str(), started.status), (Some("completed"), 204));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_each_operation_and_the_end() {
    let world = World::open().await;
    let id =
        world.upload(bulk(vec![person("1"), person("2")])).await.header("x-hirewire-upload-id").to_owned();
    let answer = got(world.ask(Method::GET, &receipt(&id)).header("accept", "text/event-stream")).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events: Vec<&str> = answer.text.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(events.len(), 3, "{}", answer.text);
    assert!(events[0].starts_with("event: operation\ndata: {\"index\":0,"));
    assert!(events[2].starts_with("event: done\ndata: {\"accepted\":0,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaders_see_their_own_receipts_only() {
    let world = World::open().await;
    let id = world.upload(bulk(vec![person("1")])).await.header("x-hirewire-upload-id").to_owned();
    let own = world.token_for(&["SynchronizationData-User.Upload"]);
    let stranger = crate::world::sign(
        &world.app,
        json!({ "appid": "bbbbbbbb-0000-4000-8000-000000000001", "aud": world.base, "exp": jiff::Timestamp::now().as_second() + 60, "roles": ["SynchronizationData-User.Upload"] }),
    );
    for (token, status) in [(own, 200), (stranger, 404)] {
        let answer = got(world.client.get(world.url(&receipt(&id))).bearer_auth(token)).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_answers_with_the_plan_and_stores_nothing() {
    let world = World::open().await;
    let request = world.ask(Method::POST, &format!("{}?dryRun=true", upload_path()));
    let answer =
        got(request.header("content-type", "application/scim+json").body(bulk(vec![person("7")]))).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "value": [{ "externalId": "7" }] })));
    let listed = world.get(&format!("{}/uploads", job_path())).await.json();
    assert_eq!(listed["value"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_request_that_is_repeated_is_stored_once() {
    for world in [World::open().await, World::strict().await] {
        for _ in 0..2 {
            let request = world.upload_request(bulk(vec![person("1")]));
            let answer =
                got(request.header("client-request-id", "c11e27a0-0000-4000-8000-000000000000")).await;
            assert_eq!(answer.status, 202);
            assert_eq!(answer.header("client-request-id"), "c11e27a0-0000-4000-8000-000000000000");
        }
        let uploads = world.get(&format!("{}/uploads", job_path())).await.json();
        assert_eq!(uploads["value"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_value_form_is_taken_in_open_mode_only() {
    let put = |world: &World| {
        let request = world.ask(Method::PUT, &format!("{}/$value", upload_path()));
        got(request.header("content-type", "application/octet-stream").body(bulk(vec![person("1")])))
    };
    let answer = put(&World::open().await).await;
    assert_eq!((answer.status, answer.header("warning")), (202, ""));
    let answer = put(&World::strict().await).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "UnknownError"));
    assert!(
        answer
            .message()
            .starts_with("{\"Message\":\"No HTTP resource was found that matches the request URI")
    );
}
