//! TLS with a generated certificate, HTTP/2, and an orderly end.
use std::sync::Arc;

use hirewire_server::{router, serve, tls};
use reqwest::Version;
use serde_json::Value;

use crate::world::{EVERYTHING, World, job_path, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_certificate_is_trusted_through_its_exported_authority() {
    let world = World::open().await;
    let folder = tempfile::tempdir().expect("folder");
    let made = tls::loopback(folder.path(), &["hirewire.test".into()]).expect("certificate");
    let again = tls::loopback(folder.path(), &[]).expect("certificate");
    assert_eq!(made.ca_pem, again.ca_pem, "the authority is kept");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("ca.key")).expect("key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let listening = serve(router(world.app.clone()), listener, Some(made.config), &world.app.settings.bounds)
        .expect("serve");
    let base = format!("https://localhost:{}", listening.address.port());
    let authority = reqwest::Certificate::from_pem(made.ca_pem.as_bytes()).expect("PEM");
    let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy();
    let (http2, http1) =
        (client.build().expect("client"), reqwest::Client::builder().no_proxy().http1_only());
    let authority = reqwest::Certificate::from_pem(made.ca_pem.as_bytes()).expect("PEM");
    let http1 = http1.tls_certs_only([authority]).build().expect("client");
    for (client, version) in [(&http2, Version::HTTP_2), (&http1, Version::HTTP_11)] {
        let request =
            client.get(format!("{base}{}", job_path())).bearer_auth(token(&world.app, &base, EVERYTHING));
        let answer = request.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let body: Value = answer.json().await.expect("JSON");
        assert!(body["@odata.context"].as_str().is_some_and(|context| context.starts_with(&base)), "{body}");
    }
    let distrustful = reqwest::Client::builder().no_proxy().build().expect("client");
    assert!(distrustful.get(format!("{base}/healthz")).send().await.is_err());
    listening.stop().await;
    assert!(http1.get(format!("{base}/healthz")).send().await.is_err(), "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn running_requests_finish_before_the_end() {
    let world = World::open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let started = Arc::new(tokio::sync::Notify::new());
    let signal = started.clone();
    let slow = axum::Router::new().route(
        "/slow",
        axum::routing::get(move || async move {
            signal.notify_one();
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            "done"
        }),
    );
    let listening = serve(slow.merge(router(world.app.clone())), listener, None, &world.app.settings.bounds)
        .expect("serve");
    let request = world.client.get(format!("http://{}/slow", listening.address)).send();
    let answer = tokio::spawn(request);
    started.notified().await;
    listening.stop().await;
    let answer = answer.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "done");
}
