//! Armed triggers on a clock of the test: schedules, windows, polls, subscriptions, queues, and what survives a restart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hirewire_workflow::definition::{Status, compile};
use hirewire_workflow::expression::DateTime;
use hirewire_workflow::host::{
    Children, Connector, ConnectorCall, Deployment, Host, HostParts, Logbook, MemoryLogbook, Outside,
    PollFrom, Polled, Reply, RunSummary, WireAnswer, WireRequest, firings,
};
use hirewire_workflow::run::{Answer, Call, Effect};
use serde_json::{Map, Value as Json, json};
use tokio::sync::Notify;

type Judge = Box<dyn Fn(&Call) -> Answer + Send + Sync>;

/// An outside whose clock the test sets and whose answers it declares.
struct World {
    now: AtomicI64,
    moved: Notify,
    calls: Mutex<Vec<Call>>,
    judge: Judge,
    children: Mutex<Option<Arc<dyn Children>>>,
}

impl World {
    fn new(judge: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        let now = DateTime::parse("2026-03-02T06:00:00Z").expect("a date").ticks;
        Arc::new(Self {
            now: AtomicI64::new(now),
            moved: Notify::new(),
            calls: Mutex::default(),
            judge: Box::new(judge),
            children: Mutex::default(),
        })
    }

    /// Lets time pass second by second, so that whoever waits wakes at the right moment.
    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds {
            self.now.fetch_add(10_000_000, Ordering::Relaxed);
            self.moved.notify_waiters();
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }
}

struct Seen(Arc<World>);

impl Outside for Seen {
    fn call(&self, call: Call) -> Reply<'_, Answer> {
        self.0.calls.lock().expect("lock").push(call.clone());
        if let Effect::Workflow { workflow, trigger, headers, body } = call.effect {
            let children = self.0.children.lock().expect("lock").clone().expect("children");
            return Box::pin(async move { children.call("k1", &workflow, &trigger, headers, body).await });
        }
        let answer = (self.0.judge)(&call);
        Box::pin(std::future::ready(answer))
    }

    fn now(&self) -> i64 {
        self.0.now.load(Ordering::Relaxed)
    }

    fn sleep_until(&self, at: i64) -> Reply<'_, ()> {
        Box::pin(async move {
            loop {
                let moved = self.0.moved.notified();
                if self.now() >= at {
                    return;
                }
                moved.await;
            }
        })
    }

    fn random(&self) -> u64 {
        7
    }
}

fn deployment(name: &str, definition: Json) -> Deployment {
    let (workflow, findings) = compile(name, &definition, false);
    let workflow = workflow.unwrap_or_else(|| panic!("{findings:?}"));
    Deployment::new(workflow, &Map::new(), Map::new(), false).expect("parameters")
}

fn host(
    world: &Arc<World>,
    logbook: &Arc<MemoryLogbook>,
    deployments: Vec<Deployment>,
    connections: HashMap<String, Arc<dyn Connector>>,
) -> Host {
    let parts = HostParts {
        deployments,
        connections,
        logbook: Arc::clone(logbook) as Arc<dyn Logbook>,
        public_base: "https://me.example".into(),
        base_id: "/workflows".into(),
        watch: None,
    };
    let host = Host::new(parts, |children| {
        *world.children.lock().expect("lock") = Some(children);
        Arc::new(Seen(Arc::clone(world))) as Arc<dyn Outside>
    })
    .expect("a host");
    host.resume().expect("runs");
    host.arm();
    host
}

fn ok(body: Json) -> Answer {
    let headers = Map::from_iter([("Content-Type".to_owned(), json!("application/json"))]);
    Answer::Response { status: 200, headers, body: Some(body) }
}

fn runs(host: &Host, workflow: &str) -> Vec<RunSummary> {
    host.runs(workflow, None, 100).expect("runs")
}

async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let began = Instant::now();
    while !look() {
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn note() -> Json {
    json!({"Note": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}})
}

#[tokio::test]
async fn a_recurrence_fires_at_once_and_then_by_its_interval() {
    let (world, logbook) = (World::new(|_| ok(Json::Null)), Arc::new(MemoryLogbook::default()));
    let definition = json!({"triggers": {"Clock": {"type": "Recurrence", "recurrence": {"frequency": "Minute", "interval": 5}}}, "actions": note()});
    let first = host(&world, &logbook, vec![deployment("clock", definition.clone())], HashMap::new());
    until("the first run", || runs(&first, "clock").len() == 1).await;
    world.pass(299).await;
    assert_eq!(runs(&first, "clock").len(), 1);
    world.pass(2).await;
    until("the second run", || runs(&first, "clock").len() == 2).await;
    let scheduled = firings(logbook.as_ref(), "clock", "Clock", None, 10).expect("firings");
    assert_eq!(scheduled.len(), 2);
    first.set_enabled(&first.deployments()[0].clone(), false).expect("disabled");
    world.pass(700).await;
    assert_eq!(runs(&first, "clock").len(), 2, "a disabled workflow does not fire");
    first.set_enabled(&first.deployments()[0].clone(), true).expect("enabled");
    until("enabling is a beginning", || runs(&first, "clock").len() == 3).await;
    first.stop();

    // Two hours of downtime: nothing is made up, the rhythm stays.
    world.now.fetch_add(7_200 * 10_000_000 + 60 * 10_000_000, Ordering::Relaxed);
    let second = host(&world, &logbook, vec![deployment("clock", definition)], HashMap::new());
    world.pass(1).await;
    assert_eq!(runs(&second, "clock").len(), 3);
    world.pass(300).await;
    until("the next in rhythm", || runs(&second, "clock").len() == 4).await;
}

#[tokio::test]
async fn a_sliding_window_makes_up_what_was_missed() {
    let (world, logbook) = (World::new(|_| ok(Json::Null)), Arc::new(MemoryLogbook::default()));
    let definition = json!({"triggers": {"Window": {"type": "SlidingWindow", "inputs": {"delay": "PT10S"},
        "recurrence": {"frequency": "Hour", "interval": 1, "startTime": "2026-03-02T03:00:00Z"}}},
        "actions": {"Note": {"type": "Compose", "inputs": "@triggerOutputs()['windowStartTime']", "runAfter": {}}}});
    let first = host(&world, &logbook, vec![deployment("w", definition.clone())], HashMap::new());
    until("two windows are over", || runs(&first, "w").len() == 2).await;
    world.pass(11).await;
    until("the third with its delay", || runs(&first, "w").len() == 3).await;
    first.stop();
    world.now.fetch_add(2 * 3_600 * 10_000_000, Ordering::Relaxed);
    let second = host(&world, &logbook, vec![deployment("w", definition)], HashMap::new());
    until("what was missed", || runs(&second, "w").len() == 5).await;
}

#[tokio::test]
async fn an_http_poll_follows_location_and_retry_after() {
    let world = World::new(|call| {
        let Effect::Http { uri, .. } = &call.effect else { return ok(Json::Null) };
        match uri.as_str() {
            "https://hr.example/new?since=now" => {
                let headers = Map::from_iter([
                    ("Location".to_owned(), json!("https://hr.example/later")),
                    ("Retry-After".to_owned(), json!("90")),
                ]);
                Answer::Response { status: 202, headers, body: None }
            }
            _ => ok(json!([{"id": 1}, {"id": 2}])),
        }
    });
    let logbook = Arc::new(MemoryLogbook::default());
    let definition = json!({"triggers": {"Poll": {"type": "Http", "inputs": {"method": "GET", "uri": "https://hr.example/@{concat('new','?since=now')}"},
        "recurrence": {"frequency": "Minute", "interval": 1}, "splitOn": "@triggerBody()"}}, "actions": note()});
    let host = host(&world, &logbook, vec![deployment("poll", definition)], HashMap::new());
    until("the first poll", || !world.calls.lock().expect("lock").is_empty()).await;
    world.pass(88).await;
    assert_eq!((runs(&host, "poll").len(), world.calls.lock().expect("lock").len()), (0, 1));
    world.pass(3).await;
    until("a run per element", || runs(&host, "poll").len() == 2).await;
    assert!(world.calls.lock().expect("lock").len() >= 2);
}

#[tokio::test]
async fn a_webhook_subscribes_once_and_unsubscribes_when_it_is_gone() {
    let (world, logbook) = (World::new(|_| ok(Json::Null)), Arc::new(MemoryLogbook::default()));
    let definition = json!({"triggers": {"Hook": {"type": "HttpWebhook", "inputs": {
        "subscribe": {"method": "POST", "uri": "https://hr.example/hooks", "body": {"url": "@{listCallbackUrl()}"}},
        "unsubscribe": {"method": "DELETE", "uri": "https://hr.example/hooks/1"}}}}, "actions": note()});
    let url = |call: &Call| match &call.effect {
        Effect::Http { method, uri, body, .. } => (
            format!("{method} {uri}"),
            body.as_ref().and_then(|b| b["url"].as_str()).unwrap_or_default().to_owned(),
        ),
        other => panic!("{other:?}"),
    };
    let first = host(&world, &logbook, vec![deployment("hook", definition.clone())], HashMap::new());
    until("the subscription", || world.calls.lock().expect("lock").len() == 1).await;
    let (what, callback) = url(&world.calls.lock().expect("lock")[0]);
    assert_eq!(what, "POST https://hr.example/hooks");
    let path = callback.strip_prefix("https://me.example").expect("our URL").to_owned();
    let request = WireRequest { method: "GET".into(), uri: path, headers: Vec::new(), body: Vec::new() };
    let answer: WireAnswer = first.receive(request).await;
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    until("the run", || runs(&first, "hook").len() == 1).await;
    first.stop();
    let second = host(&world, &logbook, vec![deployment("hook", definition)], HashMap::new());
    world.pass(2).await;
    assert_eq!(world.calls.lock().expect("lock").len(), 1, "the subscription stands");
    second.stop();
    let _third = host(&world, &logbook, Vec::new(), HashMap::new());
    until("the end of the subscription", || world.calls.lock().expect("lock").len() == 2).await;
    assert_eq!(url(&world.calls.lock().expect("lock")[1]).0, "DELETE https://hr.example/hooks/1");
}

/// Plays a file connector: the names of a folder, one per poll. The real ones are tried in `hirewire-connector`.
struct Listed(std::path::PathBuf);

impl Connector for Listed {
    fn call(&self, _: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(std::future::ready(ok(Json::Null)))
    }

    fn poll(&self, _: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        let entries = std::fs::read_dir(&self.0).expect("the folder").flatten();
        let mut names: Vec<Json> = entries.map(|e| json!(e.file_name().to_string_lossy())).collect();
        names.sort_by_key(Json::to_string);
        let body = |name: &Json| json!([{"Name": name}]);
        let polled = match from {
            PollFrom::Activation => Polled::nothing(json!(names)),
            PollFrom::Latest => Polled::one(names.last().map(body).expect("a file"), Json::Null, false),
            PollFrom::After(known) => {
                let mut known = known.as_array().cloned().unwrap_or_default();
                names.retain(|name| !known.contains(name));
                match names.first() {
                    Some(name) => {
                        known.push(name.clone());
                        Polled::one(body(name), json!(known), names.len() > 1)
                    }
                    None => Polled::nothing(json!(known)),
                }
            }
        };
        Box::pin(std::future::ready(Ok(polled)))
    }
}

#[tokio::test]
async fn new_files_fire_once_each_across_a_restart() {
    let (world, logbook) = (World::new(|_| ok(Json::Null)), Arc::new(MemoryLogbook::default()));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::write(folder.path().join("in/old.csv"), "old").expect("a file");
    let definition = json!({"parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
        "triggers": {"Files": {"type": "ApiConnection", "splitOn": "@triggerBody()", "recurrence": {"frequency": "Minute", "interval": 1},
            "inputs": {"host": {"connection": {"name": "@parameters('$connections')?['azureblob']?['connectionId']"}}, "method": "get",
                "path": "/v2/datasets/x/triggers/batch/onupdatedfile", "queries": {"folderId": "in", "maxFileCount": 1}}}},
        "actions": {"Name": {"type": "Compose", "inputs": "@triggerBody()?['Name']", "runAfter": {}}}});
    let connections = || -> HashMap<String, Arc<dyn Connector>> {
        HashMap::from([("azureblob".to_owned(), Arc::new(Listed(folder.path().join("in"))) as _)])
    };
    let first = host(&world, &logbook, vec![deployment("files", definition.clone())], connections());
    world.pass(61).await;
    assert_eq!(runs(&first, "files").len(), 0, "what is there does not fire");
    for name in ["b.csv", "a.csv"] {
        std::fs::write(folder.path().join("in").join(name), name).expect("a file");
    }
    world.pass(61).await;
    until("both files", || runs(&first, "files").len() == 2).await;
    first.stop();
    std::fs::write(folder.path().join("in/c.csv"), "c").expect("a file");
    let second = host(&world, &logbook, vec![deployment("files", definition)], connections());
    world.pass(61).await;
    until("the file of the downtime", || runs(&second, "files").len() == 3).await;
    world.pass(120).await;
    assert_eq!(runs(&second, "files").len(), 3);
    let deployment = second.deployments()[0].clone();
    let by_hand = second.fire_now(&deployment, &deployment.workflow.triggers[0], None);
    assert_eq!(by_hand.await.expect("fired").runs.len(), 1, "by hand the latest file is taken");
}

#[tokio::test]
async fn a_full_queue_refuses_and_children_answer() {
    let (world, logbook) = (World::new(|_| ok(Json::Null)), Arc::new(MemoryLogbook::default()));
    let slow = json!({"triggers": {"manual": {"type": "Request", "inputs": {}, "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}}},
        "actions": {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Minute"}}, "runAfter": {}}}});
    let child = json!({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {
        "Answer": {"type": "Response", "kind": "Http", "inputs": {"statusCode": 200, "body": {"twice": "@mul(triggerBody()['n'],2)"}}, "runAfter": {}}}});
    let parent = json!({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {
        "Call": {"type": "Workflow", "inputs": {"host": {"triggerName": "manual", "workflow": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/Child"}}, "body": {"n": 21}}, "runAfter": {}},
        "Answer": {"type": "Response", "kind": "Http", "inputs": {"statusCode": 200, "body": "@body('Call')"}, "runAfter": {"Call": ["Succeeded"]}}}});
    let host = host(
        &world,
        &logbook,
        vec![deployment("slow", slow), deployment("child", child), deployment("parent", parent)],
        HashMap::new(),
    );
    let call = async |name: &str| {
        let trigger = host.deployment(name).expect("workflow").workflow.triggers[0].clone();
        let url = host.callback_url(name, &trigger).expect("a URL").value;
        let uri = url.strip_prefix("https://me.example").expect("our URL").to_owned();
        host.receive(WireRequest { method: "POST".into(), uri, headers: Vec::new(), body: Vec::new() }).await
    };
    assert_eq!(call("slow").await.status, 202);
    until("it runs", || !runs(&host, "slow").is_empty()).await;
    assert_eq!(call("slow").await.status, 202);
    assert_eq!(call("slow").await.status, 429);
    for _ in 0..3 {
        world.pass(61).await;
    }
    until("one after the other", || runs(&host, "slow").iter().all(|r| r.status == Status::Succeeded)).await;
    let answer = call("parent").await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, br#"{"twice":42}"#.as_slice()));
    assert_eq!(runs(&host, "child").len(), 1);
}
