//! Every file of samples/bulk gets the answer that its README states, in both modes.
use reqwest::Method;
use serde_json::Value;

use crate::world::{Got, World, got, job_path, sample, upload_path};

/// File, strict status, open status, `details[0].code` or whether a warning is sent (open mode).
const REQUESTS: &[(&str, u16, u16, &str)] = &[
    ("01", 202, 202, ""),
    ("02", 202, 202, ""),
    ("03", 202, 202, ""),
    ("04", 202, 202, ""),
    ("05", 202, 202, ""),
    ("06", 202, 202, ""),
    ("07", 202, 202, ""),
    ("08", 202, 202, ""),
    ("09", 202, 202, ""),
    ("10", 202, 202, ""),
    ("11", 202, 202, ""),
    ("12", 202, 202, ""),
    ("13", 202, 202, ""),
    ("14", 202, 202, ""),
    ("15", 202, 202, ""),
    ("50", 400, 202, "warning"),
    ("51", 400, 400, "MethodNotSupported"),
    ("52", 400, 400, "MethodNotSupported"),
    ("53", 400, 202, "warning"),
    ("54", 400, 400, "ExternalIdMissing"),
    ("55", 400, 202, "warning"),
    ("56", 400, 400, "PathNotSupported"),
    ("57", 400, 400, "NoOperations"),
    ("58", 400, 202, ""),
    ("59", 400, 400, "MissingMember"),
    ("60", 400, 400, "JsonType"),
    ("61", 400, 400, "JsonSyntax"),
    ("62", 400, 400, "JsonSyntax"),
    ("63", 202, 202, ""),
];

fn assert_accepted(world: &World, name: &str, answer: &Got) {
    assert_eq!(answer.status, 202, "{name}: {}", answer.text);
    assert_eq!(answer.text, "", "{name}");
    assert_eq!(answer.header("content-length"), "0", "{name}");
    let location =
        format!("{}/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{}'", world.base, crate::world::JOB);
    assert_eq!(answer.header("location"), location, "{name}");
    let strict = world.app.settings.rules.is_strict();
    assert_eq!(answer.header("x-hirewire-upload-id").is_empty(), strict, "{name}");
    assert!(!answer.header("request-id").is_empty(), "{name}");
    assert!(!answer.header("client-request-id").is_empty(), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_strict_mode() {
    let world = World::strict().await;
    for (name, status, ..) in REQUESTS {
        let answer = world.upload(sample(name)).await;
        if *status == 202 {
            assert_accepted(&world, name, &answer);
            continue;
        }
        assert_eq!(answer.status, *status, "{name}: {}", answer.text);
        assert_eq!(answer.message(), "Invalid Data Format", "{name}");
        assert_eq!(answer.code(), "BadRequest", "{name}");
        assert_eq!(answer.json()["error"]["details"], Value::Null, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_open_mode() {
    let world = World::open().await;
    for (name, _, status, more) in REQUESTS {
        let answer = world.upload(sample(name)).await;
        if *status == 202 {
            assert_accepted(&world, name, &answer);
            assert!(*more != "warning" || !answer.header("warning").is_empty(), "{name} without a warning");
            continue;
        }
        assert_eq!(answer.status, *status, "{name}: {}", answer.text);
        assert!(answer.message().starts_with("Invalid Data Format: "), "{name}: {}", answer.message());
        assert_eq!(answer.json()["error"]["details"][0]["code"], **more, "{name}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_types() {
    let (strict, open) = (World::strict().await, World::open().await);
    for (content_type, status, warned) in [
        (Some("application/json"), 400, true),
        (None, 400, true),
        (Some("application/scim+json; charset=utf-8"), 202, false),
        (Some("Application/SCIM+JSON"), 202, false),
        (Some("application/x-www-form-urlencoded"), 400, true),
    ] {
        let request = |world: &World| {
            let request = world.ask(Method::POST, &upload_path()).body(sample("01"));
            content_type.iter().fold(request, |request, value| request.header("content-type", *value))
        };
        let answer = got(request(&strict)).await;
        assert_eq!(answer.status, status, "{content_type:?}");
        let answer = got(request(&open)).await;
        assert_eq!(answer.status, 202, "{content_type:?}");
        assert_eq!(!answer.header("warning").is_empty(), warned, "{content_type:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_as_plain_text_come_from_powershell() {
    let text = String::from_utf8(sample("01")).expect("text");
    let mut body: Value = serde_json::from_str(&text).expect("JSON");
    body["schemas"] = body["schemas"][0].take();
    let answer = World::strict().await.upload(body.to_string()).await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "Invalid Data Format"));
    let answer = World::open().await.upload(body.to_string()).await;
    assert_eq!(answer.status, 202);
    assert!(!answer.header("warning").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_405_with_allow() {
    for world in [World::strict().await, World::open().await] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = got(world.ask(method.clone(), &upload_path()).body(sample("01"))).await;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(answer.header("allow"), "POST");
            assert_eq!(answer.code(), "Request_BadRequest");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forty_first_upload_within_five_seconds_is_throttled() {
    let (strict, open) = (World::strict().await, World::open().await);
    for _ in 0..40 {
        assert_eq!(strict.upload(sample("01")).await.status, 202);
        assert_eq!(open.upload(sample("01")).await.status, 202);
    }
    let answer = strict.upload("not even JSON").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "TooManyRequests"));
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=5).contains(&wait));
    let answer = open.upload(sample("01")).await;
    assert_eq!(answer.status, 202);
    assert!(answer.header("warning").contains("40 calls in 5 seconds"), "{}", answer.header("warning"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_500_with_the_documented_text() {
    let world = World::with(hirewire_server::Mode::Open, |settings| settings.bounds.queue = 3).await;
    let pause = got(world.ask(Method::POST, &format!("{}/pause", job_path()))).await;
    assert_eq!(pause.status, 204);
    for _ in 0..3 {
        assert_eq!(world.upload(sample("01")).await.status, 202);
    }
    let answer = world.upload(sample("01")).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "InternalServerError"));
    assert!(answer.message().starts_with("The bucket that stores the ingested data is full"));
    let start = got(world.ask(Method::POST, &format!("{}/start", job_path()))).await;
    assert_eq!(start.status, 204);
    // It is counted again within a second, and then there is room.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while world.upload(sample("01")).await.status != 202 {
        assert!(std::time::Instant::now() < deadline, "there is room again");
    }
}
