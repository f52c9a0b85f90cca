//! Tokens from the endpoint to the resource, by every way of authentication, and every way to be refused.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hirewire_server::bootstrap::add_secret;
use hirewire_server::identity::{ExternalIssuer, SigningKey};
use hirewire_server::registration::certificate_credential;
use hirewire_server::settings::FederatedCredential;
use hirewire_server::{App, Mode, router, serve};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::{CLIENT, Got, TENANT, World, got, job_path};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn ask(world: &World, path: &str, fields: &[(&str, &str)]) -> Got {
    got(world.client.post(world.url(path)).form(fields)).await
}

fn v2() -> String {
    format!("/{TENANT}/oauth2/v2.0/token")
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

async fn reads_the_job(world: &World, token: &Got) {
    let token = token.json()["access_token"].as_str().expect("a token").to_owned();
    got(world.client.get(world.url(&job_path())).bearer_auth(token)).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_the_form_and_in_basic_for_both_endpoints() {
    let world = World::open().await;
    let secret = add_secret(&world.app, CLIENT, "one", None).expect("secret");
    let scope = format!("{}/.default", world.base);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", secret.expose_secret()),
        ("scope", &scope),
    ];
    let answer = ask(&world, &v2(), &fields).await.expect(StatusCode::OK);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["expires_in"], 3_599);
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    reads_the_job(&world, &answer).await;
    let token = answer.json()["access_token"].as_str().expect("text").to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!(
        (&claims["ver"], &claims["idtyp"], &claims["appid"]),
        (&json!("1.0"), &json!("app"), &json!(CLIENT))
    );

    // The Postman collection: Basic, resource by appId, the older endpoint, the domain as tenant.
    let encoded = secret.expose_secret().replace('-', "%2D");
    let basic = STANDARD.encode(format!("{CLIENT}:{encoded}"));
    let request = world
        .client
        .post(world.url("/northmere.example/oauth2/token"))
        .header("authorization", format!("Basic {basic}"));
    let form = [("grant_type", "client_credentials"), ("resource", "00000003-0000-0000-c000-000000000000")];
    let answer = got(request.form(&form)).await.expect(StatusCode::OK);
    for name in ["expires_in", "expires_on", "not_before", "resource"] {
        assert!(answer.json()[name].is_string(), "{name}");
    }
    reads_the_job(&world, &answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_valid_during_rotation_and_expired_ones_are_not() {
    let world = World::open().await;
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let old = add_secret(&world.app, CLIENT, "old", Some(soon)).expect("secret");
    let new = add_secret(&world.app, CLIENT, "new", None).expect("secret");
    for secret in [&old, &new] {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", secret.expose_secret()),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        ask(&world, &v2(), &fields).await.expect(StatusCode::OK);
    }
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", old.expose_secret()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    world.app.clock.advance(SignedDuration::from_hours(2));
    let answer = ask(&world, &v2(), &fields).await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["error_codes"], json!([7000215]), "another one is still valid");
    for credential in
        world.app.store.credentials(CLIENT).expect("credentials").iter().filter(|each| each.name == "new")
    {
        world.app.store.delete_credential(&credential.key_id).expect("deleted");
    }
    let answer = ask(&world, &v2(), &fields).await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["error_codes"], json!([7000222]));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_oauths_shape_and_entras_numbers() {
    let world = World::open().await;
    let scope = format!("{}/.default", world.base);
    let full = |changes: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", "s3cr3t-wrong"),
            ("scope", scope.as_str()),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        fields
    };
    let own = v2();
    for (path, fields, status, error, code) in [
        (own.as_str(), full(&[]), 401, "invalid_client", 7000215),
        (&own, full(&[("client_secret", "")]), 401, "invalid_client", 7000216),
        (
            &own,
            full(&[("client_id", "00000000-0000-4000-8000-000000000009")]),
            400,
            "unauthorized_client",
            700016,
        ),
        (&own, full(&[("client_id", "")]), 400, "invalid_request", 900144),
        (&own, full(&[("scope", "")]), 400, "invalid_request", 900144),
        (&own, full(&[("scope", "User.Read")]), 400, "invalid_scope", 1002012),
        (&own, full(&[("scope", "https://vault.azure.net/.default")]), 400, "invalid_scope", 70011),
        (&own, full(&[("grant_type", "password")]), 400, "unsupported_grant_type", 70003),
        (&own, full(&[("grant_type", "")]), 400, "invalid_request", 900144),
        ("/common/oauth2/v2.0/token", full(&[]), 400, "invalid_request", 50194),
        ("/11111111-0000-4000-8000-000000000001/oauth2/v2.0/token", full(&[]), 400, "invalid_request", 90002),
        (
            &own,
            full(&[("client_assertion", "a.b.c"), ("client_assertion_type", ASSERTION)]),
            401,
            "invalid_client",
            700027,
        ),
        (&own, full(&[("client_assertion", "a.b.c")]), 400, "invalid_request", 50027),
    ] {
        world.app.limits.clear();
        let answer = ask(&world, path, &fields).await;
        assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{}", answer.text);
        assert_eq!(answer.json()["error_codes"], json!([code]));
        assert!(
            answer.json()["error_description"]
                .as_str()
                .expect("text")
                .starts_with(&format!("AADSTS{code}: "))
        );
        assert!(!answer.text.contains("s3cr3t"), "no secret in an error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_requests_are_throttled_per_client() {
    let world = World::open().await;
    let fields = |id: &'static str| {
        [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", "x"),
            ("scope", "https://graph.microsoft.com/.default"),
        ]
    };
    for _ in 0..10 {
        assert_eq!(ask(&world, &v2(), &fields("unknown-1")).await.status, 400);
    }
    let answer = ask(&world, &v2(), &fields("unknown-1")).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)));
    assert_eq!(ask(&world, &v2(), &fields("unknown-2")).await.status, 400, "others are not held up");
}

/// A self-signed RSA certificate in PEM form with its key.
fn certificate() -> (String, EncodingKey) {
    let pair =
        rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("key");
    let params = rcgen::CertificateParams::new(vec!["client.example".into()]).expect("params");
    let pem = params.self_signed(&pair).expect("certificate").pem();
    (pem, EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("key"))
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_assertions_old_and_new() {
    let world = World::open().await;
    let (pem, key) = certificate();
    let (credential, expires) = certificate_credential(pem.as_bytes()).expect("credential");
    assert!(expires.is_some());
    world
        .app
        .store
        .add_credential(CLIENT, "cert", "cert", credential, Timestamp::now(), expires)
        .expect("registered");
    let known = world.app.store.credentials(CLIENT).expect("credentials").remove(0);
    let url = world.url(&v2());
    let assertion = |algorithm: Algorithm, changes: Value| {
        let mut header = Header::new(algorithm);
        match algorithm {
            Algorithm::RS256 => header.x5t = known.thumbprint_sha1.clone(),
            _ => header.x5t_s256 = known.thumbprint_sha256.clone(),
        }
        let mut claims = json!({ "aud": url, "iss": CLIENT, "sub": CLIENT, "jti": uuid::Uuid::new_v4().to_string(), "nbf": now(), "exp": now() as f64 + 300.25 });
        for (name, value) in changes.as_object().expect("object") {
            claims[name] = value.clone();
        }
        jsonwebtoken::encode(&header, &claims, &key).expect("assertion")
    };
    let send = async |assertion: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", assertion),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        ask(&world, &v2(), &fields).await
    };
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let good = assertion(algorithm, json!({}));
        reads_the_job(&world, &send(&good).await.expect(StatusCode::OK)).await;
        assert_eq!(send(&good).await.json()["error_codes"], json!([700030]), "used twice");
    }
    for (changes, code) in [
        (json!({ "aud": "https://login.example/x" }), 700023),
        (json!({ "sub": "someone" }), 700021),
        (json!({ "exp": now() - 1 }), 700024),
        (json!({ "exp": now() + 1_000_000 }), 700024),
        (json!({ "iss": "https://issuer.example" }), 70021),
    ] {
        world.app.limits.clear();
        let answer = send(&assertion(Algorithm::PS256, changes)).await;
        assert_eq!((answer.status, &answer.json()["error_codes"]), (401, &json!([code])), "{}", answer.text);
    }
    let (_, stranger) = certificate();
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = known.thumbprint_sha256.clone();
    let claims = json!({ "aud": url, "iss": CLIENT, "sub": CLIENT, "jti": "1", "exp": now() + 300 });
    let forged = jsonwebtoken::encode(&header, &claims, &stranger).expect("assertion");
    assert_eq!(send(&forged).await.json()["error_codes"], json!([700027]));
}

/// Another instance plays the foreign issuer: it has a discovery document and keys.
async fn issuer() -> (World, String, Value) {
    let world = World::open().await;
    let base = format!("{}/{TENANT}", world.base);
    let issuer = got(world.client.get(format!("{base}/.well-known/openid-configuration"))).await.json();
    (world, base, issuer)
}

#[tokio::test(flavor = "multi_thread")]
async fn federated_assertions_and_tokens_of_external_issuers() {
    let (other, base, discovery) = issuer().await;
    assert_eq!(discovery["jwks_uri"], format!("{}/{TENANT}/discovery/v2.0/keys", other.base));
    let world = World::with(Mode::Open, |settings| {
        settings.federated = vec![FederatedCredential {
            app_id: CLIENT.into(),
            issuer: base.clone(),
            subject: "repo:northmere/hr".into(),
            audience: "api://AzureADTokenExchange".into(),
            jwks_uri: None,
        }];
        settings.external_issuers = vec![ExternalIssuer {
            issuer: base.clone(),
            audience: "api://hirewire".into(),
            jwks_uri: discovery["jwks_uri"].as_str().map(str::to_owned),
            client_claim: "azp".into(),
            default_permissions: vec!["Synchronization.Read.All".into()],
        }];
    })
    .await;
    let token = |subject: &str, audience: &str| {
        let claims =
            json!({ "iss": base, "sub": subject, "aud": audience, "azp": "outside", "exp": now() + 300 });
        other.app.key.sign(&claims).expect("token")
    };
    for (subject, audience, status) in [
        ("repo:northmere/hr", "api://AzureADTokenExchange", 200),
        ("repo:northmere/other", "api://AzureADTokenExchange", 401),
        ("repo:northmere/hr", "api://other", 401),
    ] {
        let assertion = token(subject, audience);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &assertion),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let answer = ask(&world, &v2(), &fields).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let read = |token: String| got(world.client.get(world.url(&job_path())).bearer_auth(token));
    assert_eq!(read(token("x", "api://hirewire")).await.status, 200);
    assert_eq!(read(token("x", "api://other")).await.status, 401);
    let stranger = SigningKey::generate().expect("key");
    let forged =
        stranger.sign(&json!({ "iss": base, "aud": "api://hirewire", "exp": now() + 300 })).expect("token");
    assert_eq!(read(forged).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_documents_and_keys() {
    let world = World::open().await;
    for (path, issuer) in [
        (format!("/{TENANT}/v2.0/.well-known/openid-configuration"), format!("{}/{TENANT}/v2.0", world.base)),
        (format!("/{TENANT}/.well-known/openid-configuration"), format!("https://sts.windows.net/{TENANT}/")),
    ] {
        let body = got(world.client.get(world.url(&path))).await.expect(StatusCode::OK).json();
        assert_eq!(body["issuer"], issuer);
        for name in ["token_endpoint", "authorization_endpoint", "jwks_uri"] {
            assert!(body[name].as_str().is_some_and(|url| url.starts_with(&world.base)), "{name}");
        }
        for name in
            ["response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"]
        {
            assert!(body[name].is_array(), "{name}");
        }
    }
    let keys = got(world.client.get(world.url(&format!("/{TENANT}/discovery/v2.0/keys")))).await.json();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["kid"]),
        (&json!("RSA"), &json!(world.app.key.kid()))
    );
    let instance = got(world
        .client
        .get(world.url("/common/discovery/instance?api-version=1.1&authorization_endpoint=x")))
    .await;
    assert!(
        instance.json()["tenant_discovery_endpoint"]
            .as_str()
            .is_some_and(|url| url.ends_with("openid-configuration"))
    );
    let unknown =
        got(world.client.get(world.url("/nowhere.example/v2.0/.well-known/openid-configuration"))).await;
    assert_eq!((unknown.status, &unknown.json()["error_codes"]), (400, &json!([90002])));
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_identities() {
    let world = World::with(Mode::Open, |settings| {
        settings.managed_identity = Some(CLIENT.into());
        settings.identity_header = Some("let-me-in".into());
    })
    .await;
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com/";
    let answer =
        got(world.client.get(world.url(path)).header("Metadata", "true")).await.expect(StatusCode::OK);
    assert!(answer.json()["expires_on"].is_string());
    reads_the_job(&world, &answer).await;
    assert_eq!(got(world.client.get(world.url(path))).await.status, 400);
    let other = format!("{path}&client_id=00000000-0000-4000-8000-000000000009");
    assert_eq!(got(world.client.get(world.url(&other)).header("Metadata", "true")).await.status, 400);
    let proxied =
        world.client.get(world.url(path)).header("Metadata", "true").header("x-forwarded-for", "10.0.0.1");
    assert_eq!(got(proxied).await.status, 403);
    let path = "/msi/token?api-version=2019-08-01&resource=https://graph.microsoft.com";
    let ask = |value: &'static str| got(world.client.get(world.url(path)).header("X-IDENTITY-HEADER", value));
    reads_the_job(&world, &ask("let-me-in").await.expect(StatusCode::OK)).await;
    assert_eq!(ask("wrong").await.status, 401);
}

#[test]
fn the_signing_key_survives_a_restart() {
    let store = hirewire_store::Store::in_memory().expect("store");
    let start = || {
        let settings =
            hirewire_server::Settings::new(Mode::Open, TENANT.parse().expect("uuid"), "northmere.example");
        let runtime = std::sync::Arc::new(crate::runtime::Runtime::new(store.clone()));
        App::new(settings, store.clone(), runtime, std::sync::Arc::default()).expect("app")
    };
    assert_eq!(start().key.kid(), start().key.kid());
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_beyond_loopback_is_refused() {
    let world = World::open().await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let refused = serve(router(world.app.clone()), listener, None, &world.app.settings.bounds);
    assert!(refused.expect_err("no TLS").to_string().contains("not a loopback address"));
}
