//! A process that is killed at random points: finished calls are never repeated, and the run ends.
//!
//! The child is this very test binary, started again with `WORKFLOW_KILL_CHILD`. `WORKFLOW_KILLS=50` makes it long.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hirewire_workflow::bind::bind_parameters;
use hirewire_workflow::definition::{Status, Workflow, compile};
use hirewire_workflow::host::{Drive, Driver, FileJournal, HttpClient, Journal as _, RealOutside};
use hirewire_workflow::run::{RunOptions, Start, TriggerRecord};
use serde_json::{Map, json};

const ITEMS: usize = 40;
const PASSES: usize = 12;

fn workflow() -> Arc<Workflow> {
    let http = |path: &str| json!({"type": "Http", "inputs": {"method": "POST", "uri": format!("@{{parameters('base')}}{path}"), "body": "@guid()", "retryPolicy": {"type": "none"}}, "runAfter": {}});
    let definition = json!({
        "parameters": {"base": {"type": "string"}},
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {
            "Done": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "Done", "type": "integer", "value": 0}]}, "runAfter": {}},
            "Each": {"type": "Foreach", "foreach": format!("@range(0,{ITEMS})"), "runAfter": {"Done": ["Succeeded"]},
                "runtimeConfiguration": {"concurrency": {"repetitions": 4}},
                "actions": {"Send": http("/each/@{items('Each')}")}},
            "Until": {"type": "Until", "expression": format!("@equals(variables('Done'),{PASSES})"), "limit": {"count": 60}, "runAfter": {"Each": ["Succeeded"]},
                "actions": {
                    "Pass": http("/pass/@{variables('Done')}"),
                    "Count": {"type": "IncrementVariable", "inputs": {"name": "Done", "value": 1}, "runAfter": {"Pass": ["Succeeded"]}}}},
        }
    });
    let (workflow, findings) = compile("kill", &definition, false);
    Arc::new(workflow.unwrap_or_else(|| panic!("{findings:?}")))
}

/// The child: begins the run, or goes on with it, and says how it ended.
#[test]
fn kill_child() {
    let Ok(setup) = std::env::var("WORKFLOW_KILL_CHILD") else { return };
    let (folder, base) = setup.split_once('|').expect("folder|base");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let workflow = workflow();
    let given = Map::from_iter([("base".to_owned(), json!(base))]);
    let parameters = bind_parameters(&workflow, &given, &Map::new()).expect("parameters");
    let journal = Arc::new(FileJournal::open(folder).expect("journal"));
    let outside = RealOutside {
        http: HttpClient::new().expect("client"),
        connections: HashMap::new(),
        children: None,
        functions: HashMap::new(),
        dry_run: false,
    };
    let driver = Driver::new(Arc::new(outside), Arc::clone(&journal) as _);
    let drive =
        Drive { workflow, options: RunOptions { parameters, ..RunOptions::default() }, signals: None };
    let known = !journal.read("run1").expect("read").is_empty();
    let result = runtime.block_on(async {
        if known {
            return driver.go_on("run1", drive, &mut ()).await;
        }
        let trigger = TriggerRecord {
            name: "manual".into(),
            outputs: json!(null),
            scheduled: None,
            client_tracking_id: "t".into(),
        };
        driver
            .start(Start { run: "run1".into(), base_id: "/workflows".into(), trigger }, drive, &mut ())
            .await
    });
    let result = result.expect("result");
    assert_eq!(result.status, Status::Succeeded, "{result:?}");
    std::fs::write(Path::new(folder).join("finished"), "yes").expect("mark");
}

/// Counts requests by path; answers after a moment, so that kills meet calls in flight.
struct Counter {
    seen: Mutex<HashMap<String, (usize, Option<String>)>>,
}

fn serve(listener: TcpListener, counter: Arc<Counter>) {
    for stream in listener.incoming().flatten() {
        let counter = Arc::clone(&counter);
        std::thread::spawn(move || drop(answer(stream, &counter)));
    }
}

fn answer(stream: TcpStream, counter: &Counter) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        {
            let mut seen = counter.seen.lock().expect("lock");
            let entry = seen.entry(path).or_insert((0, None));
            entry.0 += 1;
            // A repeated call is the very same call: replay gives the same random values.
            if let Some(before) = &entry.1 {
                assert_eq!(*before, body, "the repeated call differs");
            }
            entry.1 = Some(body);
        }
        std::thread::sleep(Duration::from_millis(8));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

#[test]
fn killed_runs_go_on_without_repeating() {
    let kills: usize = std::env::var("WORKFLOW_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(10);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let (mut killed, mut most_repeats) = (0, 0);
    while killed < kills {
        let folder = tempfile::tempdir().expect("folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let counter = Arc::new(Counter { seen: Mutex::new(HashMap::new()) });
        let shared = Arc::clone(&counter);
        std::thread::spawn(move || serve(listener, shared));
        let (mut rounds, mut here) = (0, 0);
        while !folder.path().join("finished").exists() {
            rounds += 1;
            assert!(rounds < 100, "the run does not end");
            let mut child = Command::new(std::env::current_exe().expect("binary"))
                .args(["kill::kill_child", "--exact", "--nocapture"])
                .env("WORKFLOW_KILL_CHILD", format!("{}|{base}", folder.path().display()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("child");
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let deadline = Instant::now() + Duration::from_millis(25 + seed % 160);
            let last = killed >= kills;
            loop {
                if child.try_wait().expect("wait").is_some() {
                    break;
                }
                if !last && Instant::now() >= deadline {
                    child.kill().expect("kill -9");
                    child.wait().expect("wait");
                    killed += 1;
                    here += 1;
                    break;
                }
                std::thread::yield_now();
            }
        }
        let seen = counter.seen.lock().expect("lock");
        assert_eq!(seen.len(), ITEMS + PASSES, "every call was made");
        let repeats: usize = seen.values().map(|(count, _)| count - 1).sum();
        // At most the four calls in flight are made again after each kill.
        assert!(repeats <= 4 * here, "{repeats} calls repeated over {here} kills");
        most_repeats = most_repeats.max(repeats);
    }
    assert!(most_repeats <= 4 * kills);
}
