//! What a server has to stand, and what it must not tell.
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::{Caller, Emulator, one_person};

const OPEN: [&str; 2] = ["--open", "--http"];

fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Emulator {
    let arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(|text| text.as_ref()).collect();
    Emulator::start(&arguments, environment)
}

/// Waits for a condition, ten seconds at most.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Kibibytes of a line of `/proc/PID/status`.
fn memory(emulator: &Emulator, line: &str) -> u64 {
    let path = format!("/proc/{}/status", emulator.child.id());
    let text = std::fs::read_to_string(path).expect("the process lives");
    let found = text.lines().find_map(|each| each.strip_prefix(line)).expect("the line");
    found.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// 64 MiB of blanks, packed.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..64 {
        encoder.write_all(&[b' '; 1024 * 1024]).expect("memory");
    }
    encoder.finish().expect("memory")
});

/// The nth bad body: cut off, deeply nested, too large, not text, of the wrong shape, a packed bomb.
fn bad_body(number: usize) -> (Vec<u8>, bool) {
    let whole = one_person(&number.to_string()).to_string().into_bytes();
    match number % 6 {
        0 => (whole[..whole.len() * (number % 89 + 5) / 100].to_vec(), false),
        1 => (["[", "{\"a\":"][number / 6 % 2].repeat(50_000 + number).into_bytes(), false),
        2 => (vec![b' '; 5 * 1024 * 1024], false),
        3 => (whole.iter().map(|byte| byte ^ (number % 251) as u8 | 0x80).collect(), false),
        4 => (
            json!({ "schemas": number, "Operations": [[], {}, null, { "data": "x" }] }).to_string().into(),
            false,
        ),
        // Few of them: a debug build takes seconds for each.
        _ if number % 60 == 5 => (BOMB.clone(), true),
        _ => (format!("{{\"Operations\":[{{\"data\":{{\"externalId\":{}}}}}]", number).into(), false),
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_bad_bodies_leave_it_serving_in_bounded_memory() {
    let emulator = start(&OPEN, &[]);
    let caller = Caller::new(&emulator);
    assert_eq!(caller.upload("before"), 202);
    let before = memory(&emulator, "VmRSS");
    // Heads and bodies that never end.
    let address = emulator.get("HIREWIRE_URL").trim_start_matches("http://").to_owned();
    let slow: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let path =
                emulator.get("HIREWIRE_BULK_UPLOAD_URL").split_once(&address).expect("a path").1.to_owned();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n",
                caller.token
            );
            stream.write_all(head.as_bytes()).expect("sent");
            if number % 2 == 0 {
                stream.write_all(b"Content-Length: 4000000\r\n\r\n{").expect("sent");
            }
            stream
        })
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 1_000 {
                        return;
                    }
                    let (body, packed) = bad_body(number);
                    let mut request = caller.ask("POST", "{job}/bulkUpload");
                    request = request.header("content-type", "application/scim+json");
                    if packed {
                        request = request.header("content-encoding", "gzip");
                    }
                    let answer = request.body(body).send().expect("an answer");
                    let status = answer.status().as_u16();
                    assert!(matches!(status, 400 | 413), "{number}: {status}");
                    let text = answer.text().expect("a body");
                    assert!(
                        text.contains("\"code\"") && text.len() < 4_096,
                        "{number}: {} bytes",
                        text.len()
                    );
                }
            });
        }
    });
    assert_eq!(caller.upload("after"), 202);
    let peak = memory(&emulator, "VmHWM");
    // 256 MiB for all bodies together, as much again for what is made of them, and the recorder's 16 MiB.
    assert!(peak < before + 528 * 1024, "{before} KiB before, {peak} KiB at the peak");
    until("both good people are logged", || {
        caller.get("/v1.0/users")["value"].as_array().map(Vec::len) == Some(2)
    });
    drop(slow);
    assert_eq!(emulator.end().matches("panicked").count(), 0);
}

#[test]
fn secrets_are_told_nowhere() {
    let emulator = start(&OPEN, &[("HIREWIRE_LOG", "trace")]);
    let caller = Caller::new(&emulator);
    let secret = emulator.get("HIREWIRE_CLIENT_SECRET").to_owned();
    let mut told = String::new();
    for (name, value) in [("client_secret", "wrong-hush-1"), ("client_assertion", "hush-2.hush-2.hush-2")] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", emulator.get("HIREWIRE_CLIENT_ID")),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("scope", "https://graph.microsoft.com/.default"),
            (name, value),
        ];
        let answer =
            caller.client.post(emulator.get("HIREWIRE_TOKEN_URL")).form(&form).send().expect("an answer");
        assert_eq!(answer.status(), 401);
        told.push_str(&answer.text().expect("text"));
    }
    let bad = caller.ask("GET", "{job}").bearer_auth("hush-3.hush-3.hush-3").send().expect("an answer");
    told.push_str(&bad.text().expect("text"));
    let path = format!(
        "/v1.0/servicePrincipals/{}/synchronization/secrets",
        emulator.get("HIREWIRE_SERVICE_PRINCIPAL")
    );
    let put = |body: Value| caller.ask("PUT", &path).json(&body).send().expect("an answer");
    assert_eq!(put(json!({ "value": [{ "key": "SecretToken", "value": "hush-4" }] })).status(), 204);
    told.push_str(
        &put(json!({ "value": [{ "key": "SecretToken", "value": ["hush-5"] }] })).text().expect("text"),
    );
    let mut person = one_person("7");
    person["Operations"][0]["data"]["password"] = json!("hush-6");
    let upload = caller.ask("POST", "{job}/bulkUpload").header("content-type", "application/scim+json");
    assert_eq!(upload.body(person.to_string()).send().expect("an answer").status(), 202);
    until("the person is logged", || {
        !caller.get("/v1.0/auditLogs/provisioning")["value"].as_array().expect("a list").is_empty()
    });
    told.push_str(&caller.get("/_emulator/requests").to_string());
    told.push_str(&caller.get("/beta/auditLogs/provisioning").to_string());
    told.push_str(&caller.get("{job}").to_string());
    told.push_str(&caller.ask("GET", "/metrics").send().expect("an answer").text().expect("text"));
    let token = caller.token.clone();
    let errors = emulator.end();
    assert!(errors.contains("answered"), "the log is on: {errors}");
    for hush in [secret.as_str(), token.as_str(), "hush-"] {
        assert!(!told.contains(hush), "an answer tells {hush}");
        assert!(!errors.contains(hush), "the log tells {hush}");
    }
}

#[test]
fn what_waits_for_a_paused_job_is_visible_and_a_reset_forgets_it() {
    for mode in ["--open", "--strict"] {
        let emulator = start(&[mode, "--http"], &[]);
        let caller = Caller::new(&emulator);
        let post = |path: &str| caller.ask("POST", path).send().expect("an answer").status().as_u16();
        assert_eq!(post("{job}/pause"), 204);
        assert_eq!(caller.upload("1"), 202);
        until("it is logged that it waits", || {
            let log = caller.get("/v1.0/auditLogs/provisioning?$filter=sourceIdentity/id eq '1'");
            log["value"][0]["provisioningStatusInfo"]["errorInformation"]["reason"] == "waiting: job paused"
        });
        assert_eq!(caller.get("{job}/uploads/1")["operations"][0]["reason"], "job paused");
        assert_eq!(post("{job}/start"), 204);
        until("it is applied", || caller.get("{job}/uploads/1")["counts"]["applied"] == 1);
        let log = caller.get("/v1.0/auditLogs/provisioning?$filter=sourceIdentity/id eq '1'");
        assert_eq!(log["value"][0]["provisioningAction"], "create");
        assert_eq!(log["value"].as_array().map(Vec::len), Some(2));
        assert_eq!(post("/_emulator/reset"), 204);
        for path in ["/v1.0/users", "/v1.0/auditLogs/provisioning", "{job}/uploads"] {
            assert_eq!(caller.get(path)["value"], json!([]), "{path}");
        }
        assert_eq!(caller.upload("1"), 202);
        until("it is created again", || {
            caller.get("/v1.0/users")["value"].as_array().map(Vec::len) == Some(1)
        });
    }
}

#[test]
fn traces_reach_a_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", collector.local_addr().expect("an address"));
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in collector.incoming() {
            let mut stream = stream.expect("a connection");
            let mut bytes = Vec::new();
            let mut chunk = [0; 65_536];
            let whole = |bytes: &[u8]| {
                let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:"))?
                    .trim()
                    .parse::<usize>();
                (bytes.len() >= end + length.ok()?).then_some(())
            };
            while whole(&bytes).is_none() {
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => bytes.extend_from_slice(&chunk[..read]),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if sender.send(bytes).is_err() {
                return;
            }
        }
    });
    let emulator =
        start(&OPEN, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_SERVICE_NAME", "hr-inbound")]);
    let caller = Caller::new(&emulator);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let body = one_person("1").to_string();
    let request = caller.ask("POST", "{job}/bulkUpload").header("content-type", "application/scim+json");
    assert_eq!(request.header("traceparent", parent).body(body).send().expect("an answer").status(), 202);
    until("it is applied", || caller.get("{job}/uploads/1")["counts"]["applied"] == 1);
    emulator.end();
    let all: Vec<u8> = received.try_iter().flatten().collect();
    let has = |wanted: &[u8]| all.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(b"POST /v1/traces") && has(b"hr-inbound"), "spans arrive under the service's name");
    assert!(has(b"jobs/{job}/bulkUpload") && has(b"cycle"), "requests and cycles are spans");
    assert!(has(&hex::decode(trace).expect("digits")), "the caller's trace goes on");
    assert!(!has(caller.token.as_bytes()), "no token among them");
}

#[test]
fn an_emulator_is_there_at_once() {
    let begun = Instant::now();
    let emulator = start(&OPEN, &[]);
    let caller = Caller::new(&emulator);
    assert_eq!(caller.upload("1"), 202);
    // The promise of 200 ms is for a release build on an idle machine.
    assert!(begun.elapsed() < Duration::from_secs(120));
}
