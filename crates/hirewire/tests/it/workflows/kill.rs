//! kill -9 of `hirewire serve` at random points of runs with For each and Until.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::partner::Partner;
use super::service::{Service, until};
use crate::hirewire::{Home, sample};

const ITEMS: usize = 30;
const PASSES: usize = 10;
/// Calls that may be in the air at once.
const PARALLEL: usize = 4;

/// A repeatable pseudo-random number, so that a failure can be run again.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn definition(base: &str) -> String {
    let http = |path: &str| json!({"type": "Http", "inputs": {"method": "POST", "uri": format!("{base}/@{{trigger()['clientTrackingId']}}{path}"), "body": "@guid()"}, "runAfter": {}});
    json!({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {
        "Done": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "Done", "type": "integer", "value": 0}]}, "runAfter": {}},
        "Each": {"type": "Foreach", "foreach": format!("@range(0,{ITEMS})"), "runAfter": {"Done": ["Succeeded"]},
            "runtimeConfiguration": {"concurrency": {"repetitions": PARALLEL}}, "actions": {"Send": http("/each/@{items('Each')}")}},
        "Until": {"type": "Until", "expression": format!("@equals(variables('Done'),{PASSES})"), "limit": {"count": 60}, "runAfter": {"Each": ["Succeeded"]}, "actions": {
            "Pass": http("/pass/@{variables('Done')}"),
            "Count": {"type": "IncrementVariable", "inputs": {"name": "Done", "value": 1}, "runAfter": {"Pass": ["Succeeded"]}}}}}})
    .to_string()
}

#[test]
fn fifty_kills_repeat_only_what_was_in_flight() {
    let kills: usize = std::env::var("WORKFLOW_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(50);
    let partner = Partner::start(|_| {
        // An answer that takes a moment, so that kills meet calls in flight.
        std::thread::sleep(Duration::from_millis(8));
        (200, Vec::new(), String::new())
    });
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    home.add_workflow_file("work.json", definition(&partner.url).as_bytes());
    let mut seed = 20_261_124;
    let mut service = Service::start(&home, &[]);
    let url = service.callback(&home, "work");
    let path = url[url.find("/workflows/").expect("a path")..].to_owned();
    let mut started = 0;
    let mut killed_of: HashMap<String, usize> = HashMap::new();
    for _ in 0..kills {
        // Always one run is on its way.
        let running = home.json(&["workflow", "runs", "work", "--status", "Running", "--top", "5"]).1;
        let running: Vec<String> = running["value"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|r| r["clientTrackingId"].as_str().map(str::to_owned))
            .collect();
        let mut hit = running.clone();
        if running.is_empty() {
            let id = format!("run{started}");
            started += 1;
            let answer = service.send(
                "POST",
                &format!("{}{path}", service.url),
                &[("x-ms-client-tracking-id", &id)],
                "",
            );
            assert_eq!(answer.status, 202);
            hit.push(id);
        }
        let until = Instant::now() + Duration::from_micros(random(&mut seed) % 220_000);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        service.kill();
        for id in hit {
            *killed_of.entry(id).or_default() += 1;
        }
        service = Service::start(&home, &[]);
    }
    until("the last run", Duration::from_secs(120), || {
        let (_, runs) = home.json(&["workflow", "runs", "work", "--top", "1000"]);
        let runs = runs["value"].as_array()?;
        assert_eq!(runs.len(), started);
        runs.iter().all(|r| r["status"] == "Succeeded").then_some(())
    });
    let mut calls: HashMap<String, (usize, Vec<u8>)> = HashMap::new();
    for request in partner.seen() {
        let entry = calls.entry(request.path.clone()).or_insert((0, request.body.clone()));
        entry.0 += 1;
        assert_eq!(entry.1, request.body, "{}: a repeated call is the very same call", request.path);
    }
    assert_eq!(calls.len(), started * (ITEMS + PASSES), "every call was made");
    let mut repeated: HashMap<String, usize> = HashMap::new();
    for (path, (count, _)) in &calls {
        let run = path.split('/').nth(1).unwrap_or_default().to_owned();
        *repeated.entry(run).or_default() += count - 1;
    }
    for (run, count) in repeated {
        let most = PARALLEL * killed_of.get(&run).copied().unwrap_or(0);
        assert!(count <= most, "{run}: {count} calls repeated, at most {most} were in flight");
    }
}
