//! The driver in this process: endpoint map, connectors, cancellation, history with hidden values, parallel loops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hirewire_workflow::bind::bind_parameters;
use hirewire_workflow::definition::{Status, Workflow, compile};
use hirewire_workflow::history::{Selection, new_run_id, read_history, resubmit};
use hirewire_workflow::host::{
    Connector, ConnectorCall, CsvConverter, Drive, Driver, EndpointRule, Handler, HttpClient, Journal,
    MemoryJournal, RealOutside, Reply, Signal, WireAnswer, WireRequest,
};
use hirewire_workflow::run::{Answer, RunOptions, RunResult, Start, TriggerRecord};
use serde_json::{Map, Value as Json, json};

#[derive(Default)]
struct Api(Mutex<Vec<WireRequest>>);

impl Handler for Api {
    fn handle(&self, request: WireRequest) -> Reply<'_, WireAnswer> {
        self.0.lock().expect("lock").push(request);
        Box::pin(std::future::ready(WireAnswer { status: 202, headers: Vec::new(), body: Vec::new() }))
    }
}

/// Plays a file connector and a vault: the real ones are tried in `hirewire-connector`.
struct Played(std::path::PathBuf);

impl Connector for Played {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        let path = call.queries.get("path").and_then(Json::as_str).unwrap_or_default();
        let (status, body) = match (call.path.as_str(), path.contains("..")) {
            ("/secrets/hr-token/value", _) => (200, json!({"value": "top-secret-token", "name": "hr-token"})),
            (_, true) => (403, json!({"message": "leads out of the folder"})),
            _ => (
                200,
                json!(std::fs::read_to_string(self.0.join(path.trim_start_matches('/'))).expect("the file")),
            ),
        };
        Box::pin(std::future::ready(Answer::Response { status, headers: Map::new(), body: Some(body) }))
    }
}

fn workflow(actions: Json) -> Arc<Workflow> {
    let definition = json!({"parameters": {"$connections": {"type": "Object", "defaultValue": {}}, "pin": {"type": "securestring", "defaultValue": "4711-pin"}},
        "triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": actions});
    let (workflow, findings) = compile("w", &definition, false);
    Arc::new(workflow.unwrap_or_else(|| panic!("{findings:?}")))
}

fn outside(folder: &std::path::Path, api: &Arc<Api>) -> RealOutside {
    let mut http = HttpClient::new().expect("client");
    http.endpoints = vec![
        ("https://graph.microsoft.com".into(), EndpointRule::Handler(Arc::clone(api) as _)),
        ("https://csv.example/csvtojson".into(), EndpointRule::Handler(Arc::new(CsvConverter))),
    ];
    let connections: HashMap<String, Arc<dyn Connector>> = HashMap::from([
        ("azurefile".to_owned(), Arc::new(Played(folder.to_path_buf())) as _),
        ("keyvault".to_owned(), Arc::new(Played(folder.to_path_buf())) as _),
    ]);
    RealOutside { http, connections, children: None, functions: HashMap::new(), dry_run: false }
}

async fn run(
    workflow: &Arc<Workflow>,
    outside: RealOutside,
    journal: &Arc<MemoryJournal>,
    id: &str,
    cancel: bool,
) -> RunResult {
    let parameters = bind_parameters(workflow, &Map::new(), &Map::new()).expect("parameters");
    let driver = Driver::new(Arc::new(outside), Arc::clone(journal) as _);
    let trigger = TriggerRecord {
        name: "manual".into(),
        outputs: json!({"body": {"n": 1}}),
        scheduled: None,
        client_tracking_id: "t".into(),
    };
    let (send, receive) = tokio::sync::mpsc::channel(1);
    if cancel {
        send.send(Signal::Cancel).await.expect("send");
    }
    let drive = Drive {
        workflow: Arc::clone(workflow),
        options: RunOptions { parameters, ..RunOptions::default() },
        signals: Some(receive),
    };
    driver
        .start(Start { run: id.into(), base_id: "/workflows".into(), trigger }, drive, &mut ())
        .await
        .expect("result")
}

fn connection(name: &str, method: &str, path: &str, queries: Json) -> Json {
    json!({"type": "ApiConnection", "inputs": {"host": {"connection": {"name": format!("@parameters('$connections')?['{name}']?['connectionId']")}}, "method": method, "path": path, "queries": queries}, "runAfter": {}})
}

#[tokio::test]
async fn a_file_goes_through_the_converter_into_this_process() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("hr")).expect("folder");
    std::fs::write(folder.path().join("hr/people.csv"), "id,name\r\n1,Zoë\r\n2,Bo \r\n").expect("file");
    let mut secret =
        connection("keyvault", "get", "/secrets/@{encodeURIComponent('hr-token')}/value", json!({}));
    secret["runtimeConfiguration"] = json!({"secureData": {"properties": ["outputs"]}});
    let workflow = workflow(json!({
        "Secret": secret,
        "File": connection("azurefile", "get", "/datasets/default/GetFileContentByPath", json!({"path": "/hr/people.csv"})),
        "Rows": {"type": "Http", "inputs": {"method": "POST", "uri": "https://csv.example/csvtojson", "queries": {"delimiter": ","}, "headers": {"Content-Type": "text/csv"}, "body": "@body('File')"}, "runAfter": {"File": ["Succeeded"], "Secret": ["Succeeded"]}},
        "Each": {"type": "Foreach", "foreach": "@body('Rows')?['rows']", "runAfter": {"Rows": ["Succeeded"]}, "actions": {
            "Send": {"type": "Http", "inputs": {"method": "POST", "uri": "https://graph.microsoft.com/x", "headers": {"Authorization": "Bearer @{body('Secret')?['value']}", "Host": "evil"}, "body": {"name": "@item()?['name']", "pin": "@parameters('pin')"}}}}},
        "Outside": connection("azurefile", "get", "/datasets/default/GetFileContentByPath", json!({"path": "/../secret"})),
        "Unbound": connection("sql", "get", "/datasets/default/tables/t/items", json!({})),
    }));
    let api = Arc::new(Api::default());
    let journal = Arc::new(MemoryJournal::default());
    let result = run(&workflow, outside(folder.path(), &api), &journal, "r1", false).await;
    assert_eq!(result.status, Status::Failed, "two actions fail on purpose");
    let mut sent: Vec<Json> = api
        .0
        .lock()
        .expect("lock")
        .iter()
        .map(|r| {
            assert!(r.headers.iter().any(|(n, v)| n == "Authorization" && v == "Bearer top-secret-token"));
            assert!(!r.headers.iter().any(|(n, _)| n == "Host"));
            serde_json::from_slice(&r.body).expect("JSON")
        })
        .collect();
    sent.sort_by_key(Json::to_string);
    assert_eq!(sent, [json!({"name": "Bo ", "pin": "4711-pin"}), json!({"name": "Zoë", "pin": "4711-pin"})]);

    let parameters = bind_parameters(&workflow, &Map::new(), &Map::new()).expect("parameters");
    let options = RunOptions { parameters, ..RunOptions::default() };
    let history =
        read_history(journal.as_ref(), "r1", &workflow, &options, &Selection::default()).expect("history");
    let shown =
        format!("{}{}", history.to_json("/workflows/w", &workflow), history.actions_to_json("/workflows/w"));
    assert!(!shown.contains("top-secret-token") && !shown.contains("4711-pin"), "{shown}");
    assert!(shown.contains("leads out of the folder") && shown.contains("ConnectionNotBound"), "{shown}");
    let only = Selection { action: Some("send".into()), skip: 1, ..Selection::default() };
    let part = read_history(journal.as_ref(), "r1", &workflow, &options, &only).expect("history");
    assert_eq!((part.actions.len(), part.total), (1, history.total));
    assert_eq!(part.actions[0]["outputs"]["secured"], json!(true));

    let again = resubmit(journal.as_ref(), "r1", &new_run_id(5, 7)).expect("start");
    assert_eq!(again.trigger.outputs, json!({"body": {"n": 1}}));
    assert!(resubmit(journal.as_ref(), "none", "x").is_err());
}

#[tokio::test]
async fn a_person_cancels_a_waiting_run() {
    let workflow = workflow(json!({
        "Scope": {"type": "Scope", "actions": {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 9, "unit": "Hour"}}}}},
        "Later": {"type": "Compose", "inputs": 1, "runAfter": {"Scope": ["Succeeded"]}},
    }));
    let folder = tempfile::tempdir().expect("folder");
    let journal = Arc::new(MemoryJournal::default());
    let result = run(&workflow, outside(folder.path(), &Arc::default()), &journal, "r2", true).await;
    assert_eq!(result.status, Status::Cancelled);
    let history =
        read_history(journal.as_ref(), "r2", &workflow, &RunOptions::default(), &Selection::default())
            .expect("history");
    let statuses: Vec<&str> = history.actions.iter().filter_map(|a| a["status"].as_str()).collect();
    assert_eq!(statuses, ["Cancelled", "Cancelled", "Skipped"]);
}

#[tokio::test]
async fn large_loops_hold_no_finished_iterations() {
    let workflow = workflow(json!({
        "Each": {"type": "Foreach", "foreach": "@range(0,50000)", "actions": {"One": {"type": "Compose", "inputs": "@concat('x',item())"}}},
    }));
    let folder = tempfile::tempdir().expect("folder");
    let journal = Arc::new(MemoryJournal::default());
    let result = run(&workflow, outside(folder.path(), &Arc::default()), &journal, "r3", false).await;
    assert_eq!(result.status, Status::Succeeded);
    // Only the events are remembered: a start and one entry per step, whatever the number of elements.
    let entries = journal.read("r3").expect("journal");
    assert!(entries.len() < 60, "{} entries", entries.len());
    assert!(entries.iter().map(Vec::len).sum::<usize>() < 10_000);
}

#[tokio::test]
async fn a_webhook_action_waits_for_its_callback() {
    let workflow = workflow(json!({
        "Ask": {"type": "HttpWebhook", "inputs": {
            "subscribe": {"method": "POST", "uri": "https://graph.microsoft.com/subscribe", "body": {"url": "@{listCallbackUrl()}"}},
            "unsubscribe": {"method": "DELETE", "uri": "https://graph.microsoft.com/unsubscribe"}}},
        "Said": {"type": "Compose", "inputs": "@body('Ask')?['answer']", "runAfter": {"Ask": ["Succeeded"]}},
    }));
    let folder = tempfile::tempdir().expect("folder");
    let (api, journal) = (Arc::new(Api::default()), Arc::new(MemoryJournal::default()));
    let options =
        RunOptions { callback_base: "https://me.example/r4/{action}".into(), ..RunOptions::default() };
    let driver = Driver::new(Arc::new(outside(folder.path(), &api)), Arc::clone(&journal) as _);
    let trigger = TriggerRecord {
        name: "manual".into(),
        outputs: json!(null),
        scheduled: None,
        client_tracking_id: "t".into(),
    };
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let drive = Drive { workflow: Arc::clone(&workflow), options: options.clone(), signals: Some(receive) };
    let start = Start { run: "r4".into(), base_id: "/workflows".into(), trigger };
    let (result, ()) = tokio::join!(async { driver.start(start, drive, &mut ()).await }, async {
        while journal.read("r4").expect("journal").len() < 3 {
            tokio::task::yield_now().await;
        }
        let outputs = json!({"headers": {}, "body": {"answer": "yes"}});
        send.send(Signal::Callback { action: "Ask".into(), outputs }).await.expect("send");
    });
    assert_eq!(result.expect("result").status, Status::Succeeded);
    let history =
        read_history(journal.as_ref(), "r4", &workflow, &options, &Selection::default()).expect("history");
    assert_eq!(history.actions.last().map(|a| a["outputs"].clone()), Some(json!("yes")));
    let sent = api.0.lock().expect("lock");
    assert!(String::from_utf8_lossy(&sent[0].body).contains("https://me.example/r4/Ask"));
}
