//! Jobs and their neighbours: states, restart, secrets, schema, functions, on demand, connections.
use hirewire_server::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Got, JOB, OWNER, OWNER_APP, World, bulk, got, job_path, person, upload_path};

fn jobs() -> String {
    format!("/v1.0/servicePrincipals/{OWNER}/synchronization/jobs")
}

async fn post(world: &World, path: &str) -> Got {
    got(world.ask(Method::POST, path)).await
}

async fn state(world: &World) -> (String, String) {
    let job = world.get(&job_path()).await.json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&job["schedule"]["state"]), text(&job["status"]["code"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_found_by_every_form_of_its_path() {
    let world = World::open().await;
    for path in [
        job_path(),
        format!("//v1.0//serviceprincipals('{OWNER}')/synchronization/jobs('{JOB}')/"),
        format!("/BETA/servicePrincipals(appId='{OWNER_APP}')/synchronization/jobs/{}", JOB.to_uppercase()),
        format!("/v1.0/servicePrincipals/{OWNER_APP}/synchronization/jobs/{JOB}"),
    ] {
        let job = world.get(&path).await.expect(StatusCode::OK).json();
        assert_eq!((&job["id"], &job["templateId"]), (&json!(JOB), &json!("API2AAD")));
        let version = if path.starts_with("/BETA") { "beta" } else { "v1.0" };
        let context = format!(
            "{}/{version}/$metadata#servicePrincipals('{OWNER}')/synchronization/jobs/$entity",
            world.base
        );
        assert_eq!(job["@odata.context"], context);
    }
    let strict = World::strict().await;
    let wrong = format!("/v1.0/servicePrincipals/{OWNER_APP}/synchronization/jobs/{JOB}");
    assert_eq!(strict.get(&wrong).await.status, 404, "the appId is not the object id");
    let list = world.get(&format!("{}/", jobs())).await.json();
    assert_eq!(list["value"][0]["synchronizationJobSettings"][0]["value"], "500");
    assert_eq!(world.get(&format!("{}/$count", jobs())).await.text, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_pause_and_restart_with_what_waits() {
    for (mode, body, kept) in [
        (Mode::Strict, json!({}), false),
        (Mode::Open, json!({}), true),
        (Mode::Open, json!({ "criteria": { "resetScope": "Full" } }), false),
        (Mode::Open, json!({ "criteria": { "resetScope": "Watermark, Escrows, QuarantineState" } }), true),
    ] {
        let world = World::with(mode, |_| {}).await;
        for _ in 0..2 {
            post(&world, &format!("{}/pause", job_path())).await.expect(StatusCode::NO_CONTENT);
        }
        assert_eq!(state(&world).await, ("Paused".into(), "Paused".into()));
        world.upload(bulk(vec![person("1")])).await.expect(StatusCode::ACCEPTED);
        let restart = world.send(Method::POST, &format!("{}/restart", job_path()), &body).await;
        restart.expect(StatusCode::NO_CONTENT);
        assert_eq!(state(&world).await, ("Active".into(), "Active".into()));
        let log = world.get("/v1.0/auditLogs/provisioning").await.json();
        assert_eq!(log["value"].as_array().map(Vec::len), Some(usize::from(kept)), "{mode:?} {body}");
    }
    let world = World::open().await;
    post(&world, &format!("{}/restart", job_path())).await.expect(StatusCode::NO_CONTENT);
    let bad = json!({ "criteria": { "resetScope": "Everything" } });
    assert_eq!(world.send(Method::POST, &format!("{}/restart", job_path()), &bad).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_made_from_templates_and_deleted() {
    let world = World::strict().await;
    let made = world
        .send(Method::POST, &jobs(), &json!({ "templateId": "api2ad" }))
        .await
        .expect(StatusCode::CREATED);
    let job = made.json();
    let id = job["id"].as_str().expect("id").to_owned();
    assert!(id.starts_with("API2AD.5d0c9f3e8a474b0d9a522f6f3d1c7e10."), "{id}");
    assert!(made.header("location").ends_with(&id));
    assert_eq!(
        job["schedule"],
        json!({ "expiration": null, "interval": "P10675199DT2H48M5.4775807S", "state": "Disabled" })
    );
    assert_eq!(job["status"]["code"], "NotConfigured");
    assert_eq!(job["status"]["steadyStateFirstAchievedTime"], "0001-01-01T00:00:00Z");
    let path = format!("{}/{id}", jobs());
    let waits = world
        .ask(Method::POST, &format!("{path}/bulkUpload"))
        .header("content-type", "application/scim+json");
    got(waits.body(bulk(vec![person("1")]))).await.expect(StatusCode::ACCEPTED);
    assert_eq!(world.send(Method::POST, &jobs(), &json!({ "templateId": "Workday2AD" })).await.status, 400);
    world.send(Method::POST, &jobs(), &json!({ "templateId": "API2AD" })).await.expect(StatusCode::CREATED);
    let third = world.send(Method::POST, &jobs(), &json!({ "templateId": "API2AD" })).await;
    assert_eq!(third.status, 400, "two apps per flow");
    got(world.ask(Method::DELETE, &path)).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_patched_in_open_mode_only() {
    let world = World::open().await;
    let change = json!({ "synchronizationJobSettings": [{ "name": "Other", "value": "1" }], "schedule": { "state": "Paused" } });
    let job = world.send(Method::PATCH, &job_path(), &change).await.expect(StatusCode::OK).json();
    assert_eq!(job["schedule"]["state"], "Paused");
    assert_eq!(job["synchronizationJobSettings"].as_array().map(Vec::len), Some(2));
    let strict = World::strict().await.send(Method::PATCH, &job_path(), &change).await;
    assert_eq!((strict.status, strict.code().as_str()), (404, "UnknownError"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_written_and_never_shown() {
    let path = format!("/v1.0/servicePrincipals/{OWNER}/synchronization/secrets");
    let body = json!({ "value": [
        { "key": "SyncNotificationSettings", "value": "{\"Enabled\":true}" }, { "key": "skipOutOfScopeDeletions", "value": "True" } ] });
    let world = World::strict().await;
    world.send(Method::PUT, &path, &body).await.expect(StatusCode::NO_CONTENT);
    let listed = world.get(&path).await.json();
    assert_eq!(
        listed["value"],
        json!([{ "key": "SkipOutOfScopeDeletions", "value": "" }, { "key": "SyncNotificationSettings", "value": "" }])
    );
    let opened =
        world.app.store.open_secret(OWNER, "SkipOutOfScopeDeletions").expect("store").expect("secret");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&opened), b"True");
    let unknown = json!({ "value": [{ "key": "Colour", "value": "hush" }] });
    let refused = world.send(Method::PUT, &path, &unknown).await;
    assert_eq!(refused.status, 400);
    assert!(!refused.text.contains("hush"));
    World::open().await.send(Method::PUT, &path, &unknown).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(
        world.send(Method::PUT, &path, &json!({ "value": [{ "key": "Domain", "value": 7 }] })).await.status,
        400
    );
    let whole = format!("/v1.0/servicePrincipals/{OWNER}/synchronization");
    world
        .send(Method::PUT, &whole, &json!({ "secrets": [{ "key": "Domain", "value": "x" }] }))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(
        world.get(&path).await.json()["value"].as_array().map(Vec::len),
        Some(1),
        "the set is replaced"
    );
    let expanded = world.get(&format!("{whole}?$expand=jobs,templates")).await.json();
    assert_eq!(
        (expanded["jobs"][0]["id"].as_str(), expanded["templates"][0]["id"].as_str()),
        (Some(JOB), Some("API2AAD"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn small_functions_answer() {
    let world = World::open().await;
    for parentheses in ["", "()"] {
        let path = format!("{}/schema/filterOperators{parentheses}", job_path());
        let operators = world.get(&path).await.json();
        assert_eq!(
            operators["value"][0],
            json!({ "id": "EQUALS", "name": "EQUALS", "arity": "Binary", "multivaluedComparisonType": "All", "supportedAttributeTypes": ["Integer", "String"] })
        );
        let functions = world.get(&format!("{}/schema/functions{parentheses}", job_path())).await.json();
        let join = functions["value"]
            .as_array()
            .expect("list")
            .iter()
            .find(|each| each["name"] == "Join")
            .expect("Join");
        assert_eq!(join["parameters"][1]["repeating"], true);
    }
    let of_template = format!("/v1.0/applications/{OWNER_APP}/synchronization/templates");
    assert_eq!(world.get(&of_template).await.json()["value"].as_array().map(Vec::len), Some(5));
    let of_strict =
        World::strict().await.get(&of_template.replace("applications", "servicePrincipals")).await;
    assert_eq!(of_strict.status, 404, "the appId is not the object id");
    for path in [
        "jobs/validateCredentials".to_owned(),
        format!("jobs/{JOB}/validateCredentials"),
        "acquireAccessToken".into(),
    ] {
        let path = format!("/v1.0/servicePrincipals/{OWNER}/synchronization/{path}");
        world
            .send(Method::POST, &path, &json!({ "useSavedCredentials": true }))
            .await
            .expect(StatusCode::NO_CONTENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_parsed_and_tried() {
    let world = World::open().await;
    let path = format!("{}/schema/parseExpression", job_path());
    let body = json!({ "expression": "Join(\" \", [givenName], [surname])", "testInputObject": { "properties": [
        { "key": "givenName", "value": "Una" }, { "key": "surname", "value": { "@odata.type": "#x", "values": ["Breen"] } } ] } });
    let parsed = world.send(Method::POST, &path, &body).await.expect(StatusCode::OK).json();
    assert_eq!((&parsed["parsingSucceeded"], &parsed["evaluationSucceeded"]), (&json!(true), &json!(true)));
    assert_eq!(parsed["evaluationResult"], json!(["Una Breen"]));
    assert_eq!(parsed["parsedExpression"]["type"], "Function");
    let bad = world
        .send(Method::POST, &path, &json!({ "expression": "Jion([a])" }))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&bad["parsingSucceeded"], &bad["error"]["code"]),
        (&json!(false), &json!("InvalidExpression"))
    );
    assert!(bad["error"]["message"].as_str().expect("text").contains("Join"), "{bad}");
    assert_eq!(world.send(Method::POST, &path, &json!({})).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_on_demand() {
    let path = format!("{}/provisionOnDemand", job_path());
    let body = |id: &str| json!({ "parameters": [{ "ruleId": "r", "subjects": [{ "objectId": id, "objectTypeName": "User" }] }] });
    let world = World::open().await;
    world.upload(bulk(vec![person("1")])).await;
    let pair = world.send(Method::POST, &path, &body("1")).await.expect(StatusCode::OK).json();
    let inner =
        |name: &str| serde_json::from_str::<Value>(pair[name].as_str().expect("text")).expect("JSON in text");
    assert_eq!(inner("key")["result"], "Skipped");
    assert_eq!(inner("value")["reportableIdentifier"], "1");
    assert_eq!(inner("value")["statusInfo"]["status"], "Skipped");
    let plan = world.send(Method::POST, &format!("{path}?dryRun=true"), &body("1")).await.json();
    assert!(plan["value"].as_str().expect("text").contains("\"plan\""));
    assert_eq!(world.send(Method::POST, &path, &body("9")).await.status, 404);
    assert_eq!(world.send(Method::POST, &path, &json!({ "parameters": [] })).await.status, 400);
    assert_eq!(World::strict().await.send(Method::POST, &path, &body("1")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_read_and_cut() {
    let world = World::open().await;
    world.upload(bulk(vec![person("1")])).await;
    let path = format!("{}/objectConnections('1')", job_path().replace("v1.0", "beta"));
    assert_eq!(world.get(&path).await.expect(StatusCode::OK).json()["sourceAnchor"], "1");
    assert_eq!(world.get(&path.replace("('1')", "")).await.status, 400);
    assert_eq!(world.get(&path.replace("('1')", "('9')")).await.status, 404);
    assert_eq!(world.get(&path.replace("beta", "v1.0")).await.status, 400, "beta only");
    assert_eq!(got(world.ask(Method::DELETE, &path)).await.status, 409);
    post(&world, &format!("{}/pause", job_path())).await;
    assert_eq!(got(world.ask(Method::DELETE, &path)).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_cap_is_by_licence() {
    let world = World::with(Mode::Strict, |settings| {
        settings.rules.daily = Some(2);
    })
    .await;
    for status in [202, 202, 429] {
        let request = world.ask(Method::POST, &upload_path()).header("content-type", "application/scim+json");
        let answer = got(request.body(bulk(vec![person("1")]))).await;
        assert_eq!(answer.status, status);
        if status == 429 {
            assert_eq!(answer.header("retry-after"), "3600");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_waits_without_naming_anybody() {
    let world = World::open().await;
    post(&world, &format!("{}/pause", job_path())).await;
    world.upload(bulk(vec![person("77001"), person("77002")])).await.expect(StatusCode::ACCEPTED);
    let metrics = got(world.client.get(world.url("/metrics"))).await.expect(StatusCode::OK).text;
    for name in [
        "hirewire_http_requests_total{",
        "hirewire_operations_accepted_total ",
        "hirewire_queue_lag_seconds{",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert!(metrics.lines().any(|line| line.starts_with("hirewire_queue_operations{job=\"API2AAD-")));
    assert!(!metrics.contains("77001") && !metrics.contains(OWNER), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matching_attribute_stands_in_for_a_missing_external_id() {
    let world = World::open().await;
    let path = format!("{}/schema", job_path());
    let mut schema = world.get(&path).await.json();
    let mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].as_array_mut();
    let row = mappings
        .expect("mappings")
        .iter_mut()
        .find(|row| row["matchingPriority"] == 1)
        .expect("the matching row");
    row["source"] =
        json!({ "expression": "[userName]", "name": "userName", "type": "Attribute", "parameters": [] });
    world.send(Method::PUT, &path, &schema).await.expect(StatusCode::NO_CONTENT);
    let mut operation = person("1");
    operation["data"].as_object_mut().expect("data").shift_remove("externalId");
    let accepted = world.upload(bulk(vec![operation])).await.expect(StatusCode::ACCEPTED);
    let receipt = format!("{}/uploads/{}", job_path(), accepted.header("x-hirewire-upload-id"));
    assert_eq!(world.get(&receipt).await.json()["operations"][0]["externalId"], "1@northmere.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_lag_as_the_real_one() {
    let world = World::with(Mode::Strict, |settings| {
        settings.rules.log_delay = std::time::Duration::from_secs(300);
    })
    .await;
    world.upload(bulk(vec![person("1")])).await.expect(StatusCode::ACCEPTED);
    let shown = async || {
        let token = crate::world::sign(
            &world.app,
            json!({ "aud": world.base, "exp": i64::from(u32::MAX), "roles": ["ProvisioningLog.Read.All"] }),
        );
        got(world.client.get(world.url("/v1.0/auditLogs/provisioning/$count")).bearer_auth(token)).await.text
    };
    assert_eq!(shown().await, "0");
    world.app.clock.advance(jiff::SignedDuration::from_mins(6));
    assert_eq!(shown().await, "1");
}
