//! Who may do what, and what nobody may.
use hirewire_server::routes::{Area, Need, ROWS, Run};
use hirewire_server::settings::ApiKey;
use hirewire_server::{Mode, identity};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{
    CLIENT, CLIENT_OBJECT, EVERYTHING, OWNER, World, bulk, got, job_path, person, sample, sign, stored_app,
    token, upload_path,
};

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_endpoint_answers_without_a_token_but_those_that_say_so() {
    let world = World::open().await;
    for row in ROWS {
        for verb in row.verbs {
            let public = matches!(verb.need, Need::Nothing | Need::Loopback | Need::LoopbackOrToken);
            if public && row.area == Area::Root {
                continue;
            }
            let root = if row.area == Area::Root { "" } else { "/beta" };
            let path = format!("{root}/{}", row.path.replace(['{', '}'], "x"));
            let method: Method = verb.method.parse().expect("method");
            let answer = got(world.client.request(method, world.url(&path))).await;
            if matches!(verb.need, Need::Nothing) {
                assert_eq!(row.path, "$metadata");
                continue;
            }
            assert_eq!(answer.status, 401, "{} {path}", verb.method);
            assert_eq!(answer.code(), "InvalidAuthenticationToken");
            assert_eq!(answer.message(), "Access token is empty.");
            assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"\", authorization_uri="));
        }
    }
    // Public on purpose: tokens, keys, discovery, health, the descriptions.
    let public = |row: &&hirewire_server::routes::Row| {
        row.verbs.iter().any(|verb| matches!(verb.need, Need::Nothing) && !matches!(verb.run, Run::Token(_)))
    };
    let paths: Vec<&str> = ROWS.iter().filter(public).map(|row| row.path).collect();
    assert_eq!(paths.len(), 9, "{paths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_no_good() {
    let world = World::open().await;
    let claims = |changes: serde_json::Value| {
        let mut claims = json!({ "aud": world.base, "nbf": now(), "exp": now() + 60, "roles": EVERYTHING });
        for (name, value) in changes.as_object().expect("object") {
            claims[name] = value.clone();
        }
        sign(&world.app, claims)
    };
    let stranger = identity::SigningKey::generate().expect("key");
    let forged = stranger.sign(&json!({ "iss": format!("https://sts.windows.net/{}/", world.app.settings.tenant), "aud": world.base, "exp": now() + 60, "roles": EVERYTHING })).expect("token");
    for (token, message) in [
        ("".to_owned(), "Access token is empty."),
        ("abc".to_owned(), "CompactToken parsing failed with error code: 80049217"),
        (forged, "CompactToken parsing failed with error code: 80049217"),
        (claims(json!({ "exp": now() - 1 })), "Access token has expired or is not yet valid."),
        (claims(json!({ "nbf": now() + 3_600 })), "Access token has expired or is not yet valid."),
        (claims(json!({ "exp": null })), "Access token has expired or is not yet valid."),
        (
            claims(json!({ "aud": "https://vault.azure.net" })),
            "Access token validation failure. Invalid audience.",
        ),
        (claims(json!({ "aud": null })), "Access token validation failure. Invalid audience."),
        (
            claims(json!({ "iss": "https://sts.example/" })),
            "Access token validation failure. Invalid issuer.",
        ),
    ] {
        let request =
            world.client.get(world.url(&job_path())).header("authorization", format!("Bearer {token}"));
        let answer = got(request).await;
        assert_eq!(answer.status, 401, "{message}");
        assert_eq!(answer.message(), message);
        assert!(token.is_empty() || !answer.text.contains(&token));
    }
    for audience in ["https://graph.microsoft.com/", "https://graph.microsoft.com", identity::GRAPH_APP_ID] {
        let request =
            world.client.get(world.url(&job_path())).bearer_auth(token(&world.app, audience, EVERYTHING));
        got(request).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_do_what_it_was_granted_and_nothing_else() {
    let world = World::open().await;
    let schema = format!("{}/schema", job_path());
    for (permission, allowed) in [
        ("SynchronizationData-User.Upload", vec!["upload"]),
        ("ProvisioningLog.Read.All", vec!["log"]),
        ("AuditLog.Read.All", vec!["log"]),
        ("Synchronization.Read.All", vec!["job", "schema"]),
        ("Application.Read.All", vec!["apps"]),
        ("User.Read.All", vec!["users"]),
        ("Mail.Send", vec![]),
    ] {
        let token = world.token_for(&[permission]);
        for (name, method, path, status) in [
            ("upload", Method::POST, upload_path(), 202),
            ("log", Method::GET, "/v1.0/auditLogs/provisioning".to_owned(), 200),
            ("job", Method::GET, job_path(), 200),
            ("schema", Method::GET, schema.clone(), 200),
            ("start", Method::POST, format!("{}/start", job_path()), 204),
            ("apps", Method::GET, "/v1.0/servicePrincipals".to_owned(), 200),
            ("users", Method::GET, "/v1.0/users".to_owned(), 200),
        ] {
            let body = if name == "upload" { sample("01") } else { Vec::new() };
            let request = world.client.request(method, world.url(&path)).bearer_auth(&token);
            let answer = got(request.header("content-type", "application/scim+json").body(body)).await;
            let expected = if allowed.contains(&name) { status } else { 403 };
            assert_eq!(answer.status, expected, "{permission}: {name}: {}", answer.text);
            if expected == 403 {
                assert_eq!(answer.code(), "Authorization_RequestDenied");
                assert_eq!(answer.message(), "Insufficient privileges to complete the operation.");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owned_by_reaches_owned_apps_only() {
    for mode in [Mode::Strict, Mode::Open] {
        let world = World::with(mode, |_| {}).await;
        let token = world.token_for(&[
            "SynchronizationData-User.Upload.OwnedBy",
            "Application.ReadWrite.OwnedBy",
            "ProvisioningLog.Read.All",
        ]);
        let request = || {
            let request = world.client.post(world.url(&upload_path())).bearer_auth(&token);
            request.header("content-type", "application/scim+json").body(sample("01"))
        };
        let answer = got(request()).await;
        match mode {
            Mode::Strict => assert_eq!(
                (answer.status, answer.code().as_str(), answer.message().as_str()),
                (401, "UnknownError", "")
            ),
            Mode::Open => assert_eq!(
                (answer.status, answer.json()["error"]["details"][0]["code"].as_str()),
                (403, Some("NotOwner"))
            ),
        }
        let listed = got(world.client.get(world.url("/v1.0/applications")).bearer_auth(&token)).await.json();
        assert_eq!(listed["value"].as_array().map(Vec::len), Some(1), "it sees itself only");
        let mut client = stored_app(CLIENT, CLIENT_OBJECT, "Tests");
        client.owns.push(OWNER.to_uppercase());
        world.app.store.put_app(client).expect("owner");
        assert_eq!(got(request()).await.status, 202);
        let read = got(world.client.get(world.url(&job_path())).bearer_auth(&token)).await;
        assert_eq!(read.status, 200, "{}", read.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_permission_does_not_lift_the_bound_of_owned_writes() {
    let world = World::open().await;
    let token = world.token_for(&["Application.ReadWrite.OwnedBy", "Synchronization.Read.All"]);
    let ask = |method: Method, path: String| {
        got(world.client.request(method, world.url(&path)).bearer_auth(&token))
    };
    assert_eq!(ask(Method::GET, job_path()).await.status, 200);
    assert_eq!(ask(Method::POST, format!("{}/pause", job_path())).await.status, 403);
    assert_eq!(ask(Method::DELETE, job_path()).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_invisible_below_another_service_principal() {
    let world = World::open().await;
    let other = "99999999-0000-4000-8000-000000000002";
    world.app.store.put_app(stored_app("99999999-0000-4000-8000-000000000001", other, "Other")).expect("app");
    let path = job_path().replace(OWNER, other);
    for path in [path.clone(), format!("{path}/schema")] {
        let answer = world.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "ResourceNotFound"));
    }
    let request = world
        .ask(Method::POST, &format!("{path}/bulkUpload"))
        .header("content-type", "application/scim+json");
    assert_eq!(got(request.body(bulk(vec![person("1")]))).await.status, 404);
    let answer = world.get(&job_path().replace(OWNER, "99999999-0000-4000-8000-00000000000f")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "Request_ResourceNotFound"));
    let answer = world.get(&job_path().replace("API2AAD", "API2XYZ")).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "ResourceNotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_without_a_token_only_where_it_is_set_and_never_for_others_through_it() {
    let closed = World::open().await;
    assert_eq!(got(closed.client.get(closed.url(&job_path()))).await.status, 401);
    let open = World::with(Mode::Open, |settings| settings.open_loopback = true).await;
    let ask = || open.client.get(open.url(&job_path()));
    assert_eq!(got(ask()).await.status, 200);
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("via", "1.1 proxy"),
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
    ] {
        assert_eq!(got(ask().header(name, value)).await.status, 401, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_400_and_name_the_segment() {
    let world = World::open().await;
    for (path, segment) in [
        ("/v1.0/mailboxes", "mailboxes"),
        ("/beta/servicePrincipals/x/owners", "owners"),
        ("/v1.0/auditLogs/signIns", "signIns"),
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"));
        assert_eq!(answer.message(), format!("Resource not found for the segment '{segment}'."));
        assert_eq!(got(world.client.get(world.url(path))).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_configured_origins_only() {
    let world =
        World::with(Mode::Open, |settings| settings.cors_origins = vec!["https://app.example".into()]).await;
    let preflight = |origin: &'static str| {
        let request =
            world.client.request(Method::OPTIONS, world.url(&upload_path())).header("origin", origin);
        got(request.header("access-control-request-method", "POST"))
    };
    let answer = preflight("https://app.example").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "https://app.example"));
    assert!(answer.header("access-control-allow-headers").contains("client-request-id"));
    let answer = preflight("https://evil.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let answer = got(world.ask(Method::GET, &job_path()).header("origin", "https://app.example")).await;
    assert!(answer.header("access-control-expose-headers").contains("Location"));
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_stand_for_tokens_in_open_mode() {
    for (mode, status) in [(Mode::Open, 200), (Mode::Strict, 401)] {
        let world = World::with(mode, |settings| {
            settings.api_keys = vec![ApiKey {
                name: "nightly export".into(),
                sha256: hirewire_store::content_hash(b"a-long-random-key"),
                permissions: vec!["Synchronization.Read.All".into()],
            }];
        })
        .await;
        let ask = |key: &'static str, path: String| {
            got(world.client.get(world.url(&path)).header("x-api-key", key))
        };
        assert_eq!(ask("a-long-random-key", job_path()).await.status, status);
        assert_eq!(ask("another-key", job_path()).await.status, 401);
        if mode == Mode::Open {
            assert_eq!(ask("a-long-random-key", "/v1.0/users".into()).await.status, 403);
        }
    }
}
