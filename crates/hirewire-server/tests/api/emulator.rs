//! The emulator's clock, faults and recorded requests.
use std::time::{Duration, Instant};

use hirewire_server::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, bulk, got, job_path, person};

async fn emulator() -> World {
    World::with(Mode::Open, |settings| settings.emulator = true).await
}

async fn fault(world: &World, rule: Value) {
    world.send(Method::POST, "/_emulator/faults", &rule).await.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_there_unless_asked_for() {
    let world = World::open().await;
    assert_eq!(world.get("/_emulator/clock").await.status, 400);
    let answer = got(world.ask(Method::GET, &job_path()).header("x-hirewire-fault", "status=503")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_moves_and_tokens_expire() {
    let world = emulator().await;
    world.get(&job_path()).await.expect(StatusCode::OK);
    let moved = world
        .send(Method::PATCH, "/_emulator/clock", &json!({ "advance": "PT2H" }))
        .await
        .expect(StatusCode::OK);
    assert_eq!(moved.json()["frozen"], false);
    let answer = world.get(&job_path()).await;
    assert_eq!(answer.message(), "Access token has expired or is not yet valid.");
    let frozen = world
        .send(Method::PATCH, "/_emulator/clock", &json!({ "now": "2026-03-01T08:00:00Z", "frozen": true }))
        .await
        .json();
    assert_eq!(frozen, json!({ "now": "2026-03-01T08:00:00Z", "frozen": true }));
    let denied = got(world.client.get(world.url(&job_path()))).await.json();
    assert_eq!(denied["error"]["innerError"]["date"], "2026-03-01T08:00:00");
    world.send(Method::PATCH, "/_emulator/clock", &json!({ "reset": true })).await.expect(StatusCode::OK);
    world.get(&job_path()).await.expect(StatusCode::OK);
    assert_eq!(world.send(Method::PATCH, "/_emulator/clock", &json!({ "colour": 1 })).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_by_rule() {
    let world = emulator().await;
    fault(
        &world,
        json!({ "path": "/bulkupload", "method": "post", "status": 429, "retryAfter": 7, "times": 2 }),
    )
    .await;
    for status in [429, 429, 202] {
        let answer = world.upload(bulk(vec![person("1")])).await;
        assert_eq!(answer.status, status);
        if status == 429 {
            assert_eq!((answer.header("retry-after"), answer.code().as_str()), ("7", "TooManyRequests"));
        }
    }
    fault(&world, json!({ "status": 500, "percent": 25 })).await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(world.get(&job_path()).await.status == 500);
    }
    assert_eq!(failed, 5);
    got(world.ask(Method::DELETE, "/_emulator/faults")).await.expect(StatusCode::NO_CONTENT);
    world.get(&job_path()).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_by_header_and_lost_answers() {
    let world = emulator().await;
    let ask = |fault: &'static str| world.ask(Method::GET, &job_path()).header("x-hirewire-fault", fault);
    let answer = got(ask("status=403")).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "Authorization_RequestDenied"));
    let begun = Instant::now();
    assert_eq!(got(ask("delay=150")).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let lost = world.upload_request(bulk(vec![person("1")])).header("x-hirewire-fault", "lost").send().await;
    let lost = match lost {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(lost, "the answer is lost");
    let log = world.get("/v1.0/auditLogs/provisioning").await.json();
    assert_eq!(log["value"].as_array().map(Vec::len), Some(1), "and the work is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_recorded_and_everything_is_reset() {
    let world = emulator().await;
    world.get(&format!("{}?$select=id", job_path())).await;
    world.get("/v1.0/nothing").await;
    let records = world.get("/_emulator/requests").await.json();
    let records = records["value"].as_array().expect("records");
    assert_eq!(records.len(), 2);
    assert_eq!((&records[0]["query"], &records[0]["status"]), (&json!([["select", "id"]]), &json!(200)));
    assert!(!records[0].to_string().contains(&world.token));
    world.upload(bulk(vec![person("204001")])).await;
    let secret = json!({ "value": [{ "key": "SecretToken", "value": "hush-hush" }] });
    let secrets = format!("{}/secrets", job_path().split("/jobs").next().expect("path"));
    world.send(Method::PUT, &secrets, &secret).await.expect(StatusCode::NO_CONTENT);
    let form = [("grant_type", "client_credentials"), ("client_id", "x"), ("client_secret", "hush-hush")];
    got(world.client.post(world.url("/northmere.example/oauth2/v2.0/token")).form(&form)).await;
    let shown = world.get("/_emulator/requests").await.text;
    assert!(shown.contains("204001") && !shown.contains("hush-hush"), "{shown}");
    fault(&world, json!({ "status": 500 })).await;
    let keep = json!({ "keepPeople": true });
    world.send(Method::POST, "/_emulator/reset", &keep).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(world.get("/v1.0/users/$count").await.text, "1");
    got(world.ask(Method::POST, "/_emulator/reset")).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(world.get("/v1.0/users/$count").await.text, "0");
    assert_eq!(world.get("/v1.0/auditLogs/provisioning/$count").await.text, "0");
    got(world.ask(Method::DELETE, "/_emulator/requests")).await.expect(StatusCode::NO_CONTENT);
    world.get(&job_path()).await.expect(StatusCode::OK);
    assert_eq!(world.get("/_emulator/requests").await.json()["value"].as_array().map(Vec::len), Some(1));
}
