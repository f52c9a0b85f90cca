//! `hirewire workflow …` and the management API on one project.
use std::time::Duration;

use serde_json::json;

use super::partner::Partner;
use super::service::{Service, until};
use crate::hirewire::{Home, sample, text};

#[test]
fn runs_are_listed_shown_and_repeated() {
    let partner = Partner::start(|request| match request.path.as_str() {
        "/flaky" => (500, vec![("Retry-After", "0".into())], String::new()),
        _ => (
            200,
            vec![("Content-Type", "application/json".into())],
            json!({"id": 7, "pass": "hidden-value"}).to_string(),
        ),
    });
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let definition = json!({"definition": {
        "parameters": {"base": {"type": "string"}, "pin": {"type": "securestring"}},
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {"method": "PUT", "relativePath": "people/{id}", "schema": {"type": "object", "required": ["name"]}},
            "operationOptions": "EnableSchemaValidation", "conditions": [{"expression": "@not(equals(triggerBody()?['name'],'nobody'))"}]}},
        "actions": {
            "Read": {"type": "Http", "inputs": {"method": "GET", "uri": "@{parameters('base')}/read", "headers": {"X-Pin": "@parameters('pin')"}},
                "runtimeConfiguration": {"secureData": {"properties": ["outputs"]}}, "runAfter": {}},
            "Each": {"type": "Foreach", "foreach": "@range(0,3)", "runAfter": {"Read": ["Succeeded"]}, "actions": {
                "Double": {"type": "Compose", "inputs": "@mul(item(),2)", "runAfter": {}}}},
            "Flaky": {"type": "Http", "inputs": {"method": "GET", "uri": "@{parameters('base')}/flaky", "retryPolicy": {"type": "fixed", "count": 2, "interval": "PT5S"}}, "runAfter": {"Each": ["Succeeded"]}},
            "Answer": {"type": "Response", "kind": "Http", "inputs": {"statusCode": 201, "headers": {"X-Id": "@{triggerOutputs()['relativePathParameters']['id']}"}, "body": {"hello": "@triggerBody()['name']"}}, "runAfter": {"Flaky": ["Failed"]}}
        }}, "parameters": {"base": {"value": partner.url}, "pin": {"value": "4711-pin"}}});
    home.add_workflow_file("greet.json", definition.to_string().as_bytes());

    let (code, list) = home.json(&["workflow", "list"]);
    assert_eq!(
        (code, list["value"][0]["name"].as_str(), list["value"][0]["form"].as_str()),
        (0, Some("greet"), Some("code view"))
    );
    let output = home.run(&["workflow", "validate"]);
    assert!(output.status.success(), "{}", text(&output));
    let input = home.path().join("input.json");
    std::fs::write(&input, r#"{"name": "Ada"}"#).expect("a file");
    let output = home.run(&["workflow", "run", "greet", "--input", &input.display().to_string()]);
    assert!(!output.status.success(), "the run has no path parameter: its answer fails");

    let service = Service::start(&home, &[]);
    let url = service.callback(&home, "greet").replace("%7Bid%7D", "{id}");
    let at = |id: &str| url.replace("{id}", id);
    let typed = [("Content-Type", "application/json"), ("x-ms-client-tracking-id", "my-id")];
    let answer = service.send("PUT", &at("42"), &typed, r#"{"name": "Ada"}"#);
    assert_eq!((answer.status, answer.body.as_str()), (201, r#"{"hello":"Ada"}"#));
    assert_eq!(answer.headers.get("x-id").map(|v| v.as_bytes()), Some(b"42".as_slice()));
    let run = answer.headers["x-ms-workflow-run-id"].to_str().expect("text").to_owned();
    assert_eq!(service.send("POST", &at("42"), &typed, "{}").status, 404);
    let refused = service.send("PUT", &at("42"), &typed, "{}");
    assert!(
        refused.status == 400 && refused.body.contains("Required properties are missing from object: name.")
    );
    assert_eq!(service.send("PUT", &at("1"), &typed, r#"{"name": "nobody"}"#).status, 202);

    // Beside the service the commands are done by it.
    let summary = until("the end", Duration::from_secs(30), || {
        let (_, runs) = home.json(&["workflow", "runs", "greet", "--status", "Succeeded"]);
        runs["value"].as_array()?.iter().find(|r| r["run"] == run.as_str()).cloned()
    });
    assert_eq!(summary["clientTrackingId"], "my-id");
    let (code, shown) = home.json(&["workflow", "show", &run]);
    assert_eq!(code, 0);
    let printed = shown.to_string();
    assert!(!printed.contains("hidden-value") && !printed.contains("4711-pin"), "{printed}");
    let flaky =
        shown["actions"].as_array().and_then(|a| a.iter().find(|a| a["name"] == "Flaky")).expect("Flaky");
    assert_eq!(flaky["properties"]["retryHistory"].as_array().map(Vec::len), Some(2), "{flaky}");
    let (_, firings) = home.json(&["workflow", "firings", "greet"]);
    let statuses: Vec<&str> = firings["value"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|f| f["properties"]["status"].as_str())
        .collect();
    assert_eq!(statuses, ["Skipped", "Succeeded", "Succeeded"]);
    let (code, again) = home.json(&["workflow", "resubmit", &run]);
    assert_eq!((code, again["value"][0]["status"].as_str()), (0, Some("Succeeded")), "{again}");

    management(&home, &service, &run);
}

fn management(home: &Home, service: &Service, run: &str) {
    let (_, app) = home.json(&["app", "add", "ops", "--grant", "Synchronization.ReadWrite.All"]);
    let text = |key: &str| app[key].as_str().unwrap_or_else(|| panic!("{app}")).to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fmanagement.azure.com%2F.default",
        text("clientId"),
        text("clientSecret")
    );
    let token = service.send(
        "POST",
        &format!("{}/{}/oauth2/v2.0/token", service.url, text("tenant")),
        &[("Content-Type", "application/x-www-form-urlencoded")],
        form,
    );
    assert_eq!(token.status, 200, "{}", token.body);
    let bearer = format!("Bearer {}", token.json()["access_token"].as_str().expect("a token"));
    let base =
        format!("{}/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/greet", service.url);
    let call = |method: &str, path: &str| {
        service.send(method, &format!("{base}{path}"), &[("Authorization", &bearer)], "")
    };
    assert_eq!(service.send("GET", &base, &[], "").status, 401);
    assert_eq!(call("GET", "?api-version=2016-06-01").json()["properties"]["state"], "Enabled");
    let url = call("POST", "/triggers/manual/listCallbackUrl").json();
    assert_eq!((url["method"].as_str(), url["relativePath"].as_str()), (Some("PUT"), Some("people/{id}")));
    assert!(url["queries"]["sig"].is_string() && url["basePath"].is_string(), "{url}");
    let runs = call("GET", "/runs?$top=1&$filter=status%20eq%20%27Succeeded%27").json();
    assert_eq!(runs["value"].as_array().map(Vec::len), Some(1));
    assert!(runs["nextLink"].is_string(), "{runs}");
    assert_eq!(call("GET", &format!("/runs/{run}")).json()["properties"]["status"], "Succeeded");
    let actions = call("GET", &format!("/runs/{run}/actions")).json();
    let double =
        actions["value"].as_array().and_then(|a| a.iter().find(|a| a["name"] == "Double")).expect("Double");
    assert_eq!(double["properties"]["repetitionCount"], 3, "{double}");
    let repetitions = call("GET", &format!("/runs/{run}/actions/Double/repetitions")).json();
    assert_eq!(repetitions["value"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        call("GET", &format!("/runs/{run}/actions/Double/repetitions/000002")).json()["properties"]["outputs"],
        4
    );
    assert_eq!(
        call("GET", &format!("/runs/{run}/actions/Each/scopeRepetitions")).json()["value"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(call("POST", "/disable").status, 200);
    let closed = service.send("PUT", &service.callback(home, "greet"), &[], "{}");
    assert!(closed.status == 404 && closed.body.contains("WorkflowTriggerIsNotEnabled"), "{}", closed.body);
    assert_eq!(call("POST", "/enable").status, 200);
    let before = service.callback(home, "greet");
    assert_eq!(call("POST", "/regenerateAccessKey").status, 200);
    assert_eq!(service.send("PUT", &before, &[], "{}").status, 401);
}
