//! `$batch` as Graph answers it, and the bare array that Graph refuses.
use hirewire_server::Mode;
use hirewire_server::settings::SeedBatch;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{JOB, OWNER, World, bulk, got, job_path, person, sample};

async fn post(world: &World, body: impl Into<reqwest::Body>) -> crate::world::Got {
    let request = world.ask(Method::POST, "/v1.0/$batch").header("content-type", "application/json");
    got(request.body(body)).await
}

fn by_id<'v>(answer: &'v Value, id: &str) -> &'v Value {
    answer["responses"].as_array().expect("responses").iter().find(|each| each["id"] == id).expect("the part")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_batch_uploads_and_reads() {
    for world in [World::strict().await, World::open().await] {
        let answer = post(&world, sample("90")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        let (upload, job) = (by_id(&answer, "1"), by_id(&answer, "2"));
        assert_eq!(upload["status"], 202);
        assert_eq!(upload["body"], Value::Null);
        let location = format!("{}/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{JOB}'", world.base);
        assert_eq!(upload["headers"]["Location"], location);
        assert_eq!((&job["status"], &job["body"]["id"]), (&json!(200), &json!(JOB)));
        assert_eq!(job["headers"]["Content-Type"], "application/json");
        let wanted: Value = serde_json::from_slice(&sample("91")).expect("JSON");
        let wanted = by_id(&wanted, "2");
        let members =
            |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
        assert_eq!(members(&job["body"]), members(&wanted["body"]));
        let sorted = |value: &Value| {
            members(value).map(|mut names| {
                names.sort();
                names
            })
        };
        assert_eq!(sorted(&job["body"]["status"]), sorted(&wanted["body"]["status"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_depend_on_each_other() {
    let world = World::open().await;
    let path = job_path().replace("/v1.0", "");
    let part = |id: &str, url: &str, depends_on: &[&str]| json!({ "id": id, "method": "GET", "url": url, "dependsOn": depends_on });
    let body = json!({ "requests": [
        part("c", &path, &["b"]), part("b", "/servicePrincipals/none", &["a"]), part("a", &path, &[]), part("d", &path, &["a"]),
        part("x", &path, &["y"]), part("y", &path, &["x"]),
    ] });
    let answer = post(&world, body.to_string()).await.json();
    let statuses = ["a", "b", "c", "d", "x", "y"].map(|id| by_id(&answer, id)["status"].as_u64());
    assert_eq!(statuses, [200, 404, 424, 200, 424, 424].map(Some));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_400() {
    let world = World::open().await;
    let get = |id: &str| json!({ "id": id, "method": "GET", "url": "/organization" });
    let many: Vec<Value> = (0..21).map(|id| get(&id.to_string())).collect();
    for body in [
        json!({ "requests": [] }),
        json!({ "other": 1 }),
        json!("text"),
        json!({ "requests": [{ "method": "GET", "url": "/organization" }] }),
        json!({ "requests": [get("1"), get("1")] }),
        json!({ "requests": [{ "id": "1", "method": "GET", "url": "/organization", "dependsOn": ["2"] }] }),
        json!({ "requests": many }),
    ] {
        let answer = post(&world, body.to_string()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{body:.80}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_fail_alone() {
    let world = World::open().await;
    let upload = format!("{}/bulkUpload", job_path().replace("/v1.0/", ""));
    let body = bulk(vec![person("1")]);
    use base64::Engine as _;
    let packed = base64::engine::general_purpose::STANDARD.encode(&body);
    let answer = post(
        &world,
        json!({ "requests": [
            { "id": "no type", "method": "POST", "url": upload, "body": { "a": 1 } },
            { "id": "absolute", "method": "GET", "url": "https://evil.example/x" },
            { "id": "nested", "method": "POST", "url": "/$batch", "headers": { "Content-Type": "application/json" }, "body": {} },
            { "id": "base64", "method": "POST", "url": upload, "headers": { "content-type": "application/scim+json" }, "body": packed },
            { "id": "unknown", "method": "GET", "url": "/mailboxes" },
        ] })
        .to_string(),
    )
    .await
    .json();
    let statuses = ["no type", "absolute", "nested", "base64", "unknown"]
        .map(|id| by_id(&answer, id)["status"].as_u64());
    assert_eq!(statuses, [400, 400, 400, 202, 400].map(Some), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_array_is_taken_in_open_mode_where_it_is_clear_for_which_job() {
    let seed = SeedBatch { service_principal: OWNER.into(), job: JOB.into() };
    for (mode, compatible, status) in [
        (Mode::Strict, false, 400),
        (Mode::Strict, true, 400),
        (Mode::Open, false, 202),
        (Mode::Open, true, 202),
    ] {
        let world =
            World::with(mode, |settings| settings.seed_batch_compat = compatible.then(|| seed.clone())).await;
        let answer = post(&world, sample("92")).await;
        assert_eq!(answer.status, status, "{mode:?} {compatible}: {}", answer.text);
        if status == 400 {
            assert_eq!(
                (answer.code().as_str(), answer.message().as_str()),
                ("BadRequest", "Invalid batch payload format.")
            );
            continue;
        }
        assert!(answer.header("location").ends_with(&format!("jobid%20eq%20'{JOB}'")));
        assert_eq!(answer.header("warning"), "299 - \"bare SCIM array accepted by compatibility mode\"");
        let many: Vec<Value> = (0..120).map(|number| person(&number.to_string())).collect();
        let answer = post(&world, json!({ "Operations": many }).to_string()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let mut one_bad = many.clone();
        one_bad[7]["path"] = json!("/Groups");
        let answer = post(&world, json!(one_bad).to_string()).await;
        assert_eq!(answer.message(), "Invalid batch payload format.");
        let mut no_key = many;
        no_key[7]["data"].as_object_mut().expect("data").remove("externalId");
        let answer = post(&world, json!(no_key).to_string()).await;
        assert_eq!(answer.json()["error"]["details"][0]["code"], "ExternalIdMissing");
        let token = world.token_for(&["ProvisioningLog.Read.All"]);
        let request = world.client.post(world.url("/v1.0/$batch")).bearer_auth(token).body(sample("92"));
        assert_eq!(got(request).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_array_is_refused_where_several_jobs_could_be_meant() {
    let world = World::open().await;
    let path = format!("/v1.0/servicePrincipals/{OWNER}/synchronization/jobs");
    assert_eq!(world.send(Method::POST, &path, &json!({ "templateId": "API2AAD" })).await.status, 201);
    let answer = post(&world, sample("92")).await;
    assert_eq!((answer.status, answer.message().as_str()), (400, "Invalid batch payload format."));
    assert_eq!(answer.json()["error"]["details"][0]["code"], "NoJob");
}
