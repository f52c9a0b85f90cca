//! HiBob's webhook: signature, test ping, repeated deliveries, and the way to an account.
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::partner::Partner;
use super::service::{Service, until};
use crate::hirewire::{Home, sample};

const SECRET: &str = "webhook-secret";

fn signature(body: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, SECRET.as_bytes()), body.as_bytes()))
}

#[test]
fn an_event_becomes_an_account() {
    let bob = Partner::start(|request| {
        assert!(request.header("authorization").is_some_and(|a| a.starts_with("Basic ")));
        let person = json!({"firstName": "Zoë", "surname": "O'Neil", "email": "zoe.oneil@northmere.example", "work": {"title": "Nurse"}});
        (200, vec![("Content-Type", "application/json;charset=utf-8".into())], person.to_string())
    });
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    home.add_workflow("hibob", &sample("logicapps/ours/hibob-webhook.definition.json"));
    home.configure(&format!(
        "[workflows.endpoints]\n\"https://graph.microsoft.com\" = \"self\"\n\"https://api.hibob.com\" = \"{}\"\n\
         [workflows.parameters.hibob]\ntoken = {{ env = \"BOB_TOKEN\" }}\n\
         [workflows.senders.hibob]\nkind = \"hibob\"\nsecret = {{ env = \"BOB_SECRET\" }}\n",
        bob.url
    ));
    let environment = [("BOB_TOKEN", "s3cret-token"), ("BOB_SECRET", SECRET)];
    let service = Service::start(&home, &environment);
    let output =
        home.command(&["workflow", "callback-url", "hibob"]).envs(environment).output().expect("it runs");
    let url = String::from_utf8(output.stdout).expect("text").trim().to_owned();
    let url = format!("{}{}", service.url, &url[url.find("/workflows/").expect("a path")..]);

    assert_eq!(service.send("POST", &url, &[], "Ping test").status, 200);
    let body = json!({"companyId": 636192, "type": "employee.created", "triggeredAt": "2026-01-08T13:06:26.915906", "version": "v2",
        "data": {"employeeId": "3332883854254932743"}})
    .to_string();
    let typed = ("Content-Type", "application/json");
    assert_eq!(service.send("POST", &url, &[typed, ("Bob-Signature", "AAAA")], body.clone()).status, 401);
    assert_eq!(service.send("POST", &url, &[typed], body.clone()).status, 401);
    let unsigned = url.split("&sig=").next().expect("a URL").to_owned();
    let refused = service.send("POST", &unsigned, &[typed], body.clone());
    assert!(refused.status == 401 && refused.body.contains("DirectApiAuthorizationRequired"));

    let signed = signature(&body);
    let began = Instant::now();
    for _ in 0..3 {
        let answer = service.send("POST", &url, &[typed, ("Bob-Signature", &signed)], body.clone());
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    until("the account", Duration::from_secs(20), || {
        home.users()
            .into_iter()
            .find(|u| u["employeeId"] == "3332883854254932743" || u["surname"] == "O'Neil")
    });
    let took = began.elapsed();
    let limit = if cfg!(debug_assertions) { 6 } else { 1 };
    assert!(took < Duration::from_secs(limit), "{took:?}");
    assert_eq!(bob.seen().len(), 1, "repeated deliveries start one run");
    let (_, runs) = home.json(&["workflow", "runs", "hibob"]);
    assert_eq!(runs["value"].as_array().map(Vec::len), Some(1), "{runs}");
    let (_, run) = home.json(&["workflow", "show", runs["value"][0]["run"].as_str().expect("a run")]);
    let shown = run.to_string();
    assert!(shown.contains("Get_Employee") && !shown.contains("s3cret-token"), "{shown}");
}
