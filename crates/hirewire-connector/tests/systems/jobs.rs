//! Automation jobs as commands, and Key Vault's operations.
use serde_json::json;

use crate::Connection;

const JOBS: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Automation/automationAccounts/a/jobs";

pub(crate) async fn commands_run_without_a_shell() {
    let jobs = Connection::open(
        json!({"kind": "automation", "runbooks": {
            "Echo": {"command": ["sh", "-c", "printf '%s|%s|' \"$1\" \"$SECRET\"; cat; exit 0", "x", "{Upn}"], "environment": {"SECRET": {"secret": "s"}}},
            "Bad": {"command": ["sh", "-c", "echo out; echo told >&2; exit 3"]},
            "Missing": {"command": ["/no/such/program"]},
        }}),
        &[("s", "hush")],
    );
    let body = json!({"properties": {"parameters": {"Upn": "$(touch /x); a b"}}});
    let made = jobs.call("PUT", JOBS, json!({"runbookName": "echo", "wait": true}), Some(body)).await;
    assert_eq!((made.status, &made.body["properties"]["status"]), (201, &json!("Completed")));
    let id = made.body["properties"]["jobId"].as_str().expect("an id").to_owned();
    let output = jobs.call("GET", &format!("{JOBS}/{id}/output"), json!({}), None).await;
    assert_eq!(output.body, json!(r#"$(touch /x); a b|hush|{"Upn":"$(touch /x); a b"}"#));
    assert_eq!(output.headers["Content-Type"], "text/plain");

    // Without `wait` the job is asked for until it has ended.
    let made = jobs.ok("PUT", JOBS, json!({"runbookName": "Bad", "wait": "false"}), None).await;
    let id = made["properties"]["jobId"].as_str().expect("an id").to_owned();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let ended = loop {
        let job = jobs.ok("GET", &format!("{JOBS}/{id}"), json!({}), None).await;
        if job["properties"]["endTime"].is_string() {
            break job;
        }
        assert!(tokio::time::Instant::now() < deadline, "{job}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(ended["properties"]["status"], "Failed");
    assert!(ended["properties"]["exception"].as_str().is_some_and(|e| e.contains("told")), "{ended}");
    assert_eq!(jobs.ok("GET", &format!("{JOBS}/{id}/output"), json!({}), None).await, json!("out\n"));
    let failed = jobs.ok("PUT", JOBS, json!({"runbookName": "Missing", "wait": true}), None).await;
    assert_eq!(failed["properties"]["status"], "Failed");
    for (method, path, queries) in [
        ("PUT", JOBS.to_owned(), json!({"runbookName": "undeclared"})),
        ("GET", format!("{JOBS}/../../etc/passwd"), json!({})),
        ("GET", format!("{JOBS}/00000000-0000-4000-8000-000000000000"), json!({})),
    ] {
        assert_eq!(jobs.call(method, &path, queries, None).await.status, 404, "{path}");
    }
}

pub(crate) async fn a_command_that_takes_too_long_is_ended() {
    let folder = tempfile::tempdir().expect("folder");
    let jobs = Connection::open(
        json!({"kind": "automation", "runbooks": {"Slow": {"command": ["sleep", "600"], "timeout_seconds": 1, "folder": folder.path()}}}),
        &[],
    );
    let began = std::time::Instant::now();
    let ended = jobs.ok("PUT", JOBS, json!({"runbookName": "Slow", "wait": true}), None).await;
    assert_eq!(ended["properties"]["status"], "Failed");
    assert!(began.elapsed() < std::time::Duration::from_secs(20));
}

pub(crate) async fn secrets_are_named() {
    let vault = Connection::open(
        json!({"kind": "vault", "secrets": {"HiBob-Token": {"secret": "bob"}}}),
        &[("bob", "top"), ("other", "not for workflows")],
    );
    let got = vault.ok("GET", "/secrets/HiBob-Token/value", json!({}), None).await;
    assert_eq!(
        (&got["value"], &got["name"], &got["isEnabled"]),
        (&json!("top"), &json!("HiBob-Token"), &json!(true))
    );
    assert_eq!(vault.provider("getSecret", json!({"secretName": "hibob-token"})).await["value"], "top");
    let list = vault.ok("GET", "/secrets", json!({}), None).await;
    assert!(list["value"].as_array().is_some_and(|v| v.len() == 1) && !list.to_string().contains("top"));
    let other = vault.call("GET", "/secrets/other/value", json!({}), None).await;
    assert!(other.status == 404 && !other.body.to_string().contains("not for"), "{other:?}");
}
