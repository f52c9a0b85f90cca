//! The running service over HTTPS, as a client sees it: durable acceptance beside bare SQLite commits of the same rows,
//! interleaved in slices of under a second because a disk's flush rate moves; start, memory and one operation alone.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::blocking::Client;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::measure;
use super::report::Figure;

const SLICE: Duration = Duration::from_millis(400);
const ROUNDS: usize = 8;
const CALLERS: usize = 32;
/// Operations of one request: Graph's limit.
const OPERATIONS: u64 = 50;
/// People whom the service knows when its memory is read.
const PEOPLE: u64 = 50_000;
/// Operations sent alone.
const ALONE: usize = 40;

/// All figures of the service.
pub(crate) fn run(binary: &Path, folder: &Path) -> Result<Vec<Figure>> {
    let home = folder.join("serve");
    let application = project(binary, &home)?;
    let mut figures = Vec::new();
    let mut service = Service::start(binary, &home, &application, None)?;
    service.post(&format!("{}/pause", service.job), None)?;
    figures.extend(acceptance(&service, folder)?);
    service
        .post(&format!("{}/restart", service.job), Some(json!({ "criteria": { "resetScope": "Full" } })))?;
    let token = service.token.clone();
    drop(service);

    let application = project(binary, &home)?;
    service = Service::start(binary, &home, &application, None)?;
    println!("bench: {PEOPLE} people are uploaded and served");
    for first in (0..PEOPLE).step_by(1_000) {
        service.upload(first, 1_000)?;
    }
    service.wait_for(PEOPLE)?;
    figures.push(absolute(
        "50,000 people served: peak memory, MiB",
        service.peak()? as f64 / 1_048_576.0,
        150.0,
    ));
    std::thread::sleep(Duration::from_secs(2));
    let mut alone = (0..ALONE).map(|n| service.alone(PEOPLE + n as u64)).collect::<Result<Vec<_>>>()?;
    alone.sort();
    let median = alone[alone.len() / 2].as_secs_f64() * 1_000.0;
    figures.push(absolute(
        "one operation alone, from first byte to directory and log: median, ms",
        median,
        50.0,
    ));

    let kept = service.token.clone();
    drop((service, token));
    let mut starts = Vec::new();
    for _ in 0..7 {
        let began = Instant::now();
        let service = Service::start(binary, &home, &application, Some(kept.clone()))?;
        service.upload(PEOPLE, 1)?;
        starts.push(began.elapsed());
    }
    starts.sort();
    let median = starts[starts.len() / 2].as_secs_f64() * 1_000.0;
    figures.push(absolute("start of the process to first 202: median, ms", median, 300.0));
    Ok(figures)
}

fn absolute(name: &str, found: f64, limit: f64) -> Figure {
    let detail = format!("{found:.1} of at most {limit:.0}");
    Figure { name: name.into(), ratio: found / limit, limit: 1.0, at_most: true, detail }
}

/// A project whose only job takes uploads, and a client for it.
fn project(binary: &Path, home: &Path) -> Result<Value> {
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let hirewire = || {
        let mut command = Command::new(binary);
        command.arg("-C").arg(home);
        command
    };
    measure::process(hirewire().arg("init"), &[0])?;
    std::fs::write(
        home.join("hirewire.toml"),
        "[job.directory]\nschema = \"schemas/directory.json\"\ntarget = \"directory\"\n[target.directory]\nkind = \"embedded\"\n",
    )?;
    let grants = [
        "SynchronizationData-User.Upload",
        "Synchronization.ReadWrite.All",
        "User.Read.All",
        "ProvisioningLog.Read.All",
    ];
    let mut command = hirewire();
    command.args(["app", "add", "bench", "--output", "json"]);
    command.args(grants.iter().flat_map(|grant| ["--grant", grant]));
    let output = command.output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Rows a second of one client, and of many, against bare commits of 50 and of 1,000 rows.
fn acceptance(service: &Service, folder: &Path) -> Result<Vec<Figure>> {
    let scratch = tempfile::tempdir_in(folder)?;
    let (mut bare50, mut bare1000) =
        (bare(&scratch.path().join("50.db"))?, bare(&scratch.path().join("1000.db"))?);
    let next = AtomicU64::new(0);
    let [mut fifty, mut thousand, mut one, mut many] = [(0u64, 0f64); 4];
    for round in 0..ROUNDS {
        println!("bench: acceptance, round {}", round + 1);
        slice(&mut fifty, || bare_commit(&mut bare50, &next, OPERATIONS))?;
        slice(&mut one, || service.upload(next.fetch_add(OPERATIONS, Ordering::Relaxed), OPERATIONS))?;
        slice(&mut thousand, || bare_commit(&mut bare1000, &next, 1_000))?;
        let began = Instant::now();
        let rows: u64 = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut rows = 0;
                        while began.elapsed() < SLICE {
                            rows +=
                                service.upload(next.fetch_add(OPERATIONS, Ordering::Relaxed), OPERATIONS)?;
                        }
                        Ok::<u64, anyhow::Error>(rows)
                    })
                })
                .collect();
            callers.into_iter().map(|caller| caller.join().unwrap_or(Ok(0))).sum::<Result<u64>>()
        })?;
        many.0 += rows;
        many.1 += began.elapsed().as_secs_f64();
    }
    let rate = |(rows, seconds): (u64, f64)| rows as f64 / seconds;
    let figure = |name: &str, ours, peer, limit| Figure {
        name: name.into(),
        ratio: rate(ours) / rate(peer),
        limit,
        at_most: false,
        detail: format!("{:.0} rows/s against {:.0}", rate(ours), rate(peer)),
    };
    Ok(vec![
        figure("durable 202, one client / bare commits of 50 rows", one, fifty, 0.7),
        figure("durable 202, 32 clients / bare commits of 1,000 rows", many, thousand, 0.5),
    ])
}

fn slice(sum: &mut (u64, f64), mut work: impl FnMut() -> Result<u64>) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < SLICE {
        sum.0 += work()?;
    }
    sum.1 += began.elapsed().as_secs_f64();
    Ok(())
}

/// A bare table of operations with an index, as a hand-written inbox would have it.
fn bare(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "CREATE TABLE inbox (id INTEGER PRIMARY KEY, job TEXT NOT NULL, anchor TEXT NOT NULL, \
         received INTEGER NOT NULL, body BLOB NOT NULL); CREATE INDEX inbox_anchor ON inbox (job, anchor);",
    )?;
    Ok(connection)
}

fn bare_commit(connection: &mut Connection, next: &AtomicU64, rows: u64) -> Result<u64> {
    let first = next.fetch_add(rows, Ordering::Relaxed);
    let transaction = connection.transaction()?;
    {
        let sql = "INSERT INTO inbox (job, anchor, received, body) VALUES (?, ?, ?, ?)";
        let mut statement = transaction.prepare_cached(sql)?;
        for n in first..first + rows {
            let body = person(n).to_string();
            statement.execute(params!["job", format!("{n:09}"), i64::try_from(n)?, body.as_bytes()])?;
        }
    }
    transaction.commit()?;
    Ok(rows)
}

fn person(n: u64) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": format!("{n:09}"), "userName": format!("p{n}@northbeam.example"), "active": true,
        "displayName": format!("Person {n}"), "title": "Account Executive", "preferredLanguage": "en-GB",
        "name": { "givenName": "Person", "familyName": n.to_string(), "formatted": format!("Person {n}") },
        "emails": [{ "type": "work", "value": format!("p{n}@northbeam.example"), "primary": true }],
        "addresses": [{ "type": "work", "locality": "London", "country": "GB", "postalCode": "SW1A 1AA" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("{n:09}"), "costCenter": "CC-2100", "department": "Sales", "division": "Commercial",
        },
    })
}

/// A running `hirewire serve`.
struct Service {
    child: Child,
    _out: BufReader<ChildStdout>,
    url: String,
    job: String,
    token: String,
    client: Client,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(binary: &Path, home: &Path, application: &Value, token: Option<String>) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("-C").arg(home).args(["serve", "--listen", "127.0.0.1:0", "--output", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut out = BufReader::new(child.stdout.take().context("its output")?);
        let (mut document, mut line) = (String::new(), String::new());
        while line != "}\n" {
            line.clear();
            if out.read_line(&mut line)? == 0 {
                bail!("the service ended: {document}");
            }
            document.push_str(&line);
        }
        let said: Value = serde_json::from_str(&document)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ca = reqwest::Certificate::from_pem(&std::fs::read(text(&said["ca"]))?)?;
        let client = Client::builder().tls_certs_only([ca]).http1_only().build()?;
        let job = text(&application["bulkUploadPath"]).trim_end_matches("/bulkUpload").to_owned();
        let mut service =
            Self { child, _out: out, url: text(&said["url"]), job, token: token.unwrap_or_default(), client };
        if service.token.is_empty() {
            let form = [
                ("grant_type", "client_credentials".to_owned()),
                ("scope", "https://graph.microsoft.com/.default".to_owned()),
                ("client_id", text(&application["clientId"])),
                ("client_secret", text(&application["clientSecret"])),
            ];
            let url = format!("{}{}", service.url, text(&application["tokenPath"]));
            let answer: Value = service.client.post(url).form(&form).send()?.json()?;
            service.token = text(&answer["access_token"]);
        }
        Ok(service)
    }

    fn post(&self, path: &str, body: Option<Value>) -> Result<()> {
        let mut request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send()?;
        if !answer.status().is_success() {
            bail!("{path}: {}", answer.text()?);
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<Value> {
        Ok(self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send()?.json()?)
    }

    /// One bulk request; returns when the 202 is here.
    fn upload(&self, first: u64, count: u64) -> Result<u64> {
        let operations: Vec<Value> = (first..first + count)
            .map(
                |n| json!({ "method": "POST", "bulkId": n.to_string(), "path": "/Users", "data": person(n) }),
            )
            .collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations, "failOnErrors": null,
        });
        let answer = self
            .client
            .post(format!("{}{}/bulkUpload", self.url, self.job))
            .bearer_auth(&self.token)
            .header("content-type", "application/scim+json")
            .body(body.to_string())
            .send()?;
        if answer.status().as_u16() != 202 {
            bail!("upload: {} {}", answer.status(), answer.text()?);
        }
        Ok(count)
    }

    /// From the first byte of a request until the account is in the directory and the entry in the log.
    fn alone(&self, n: u64) -> Result<Duration> {
        let began = Instant::now();
        self.upload(n, 1)?;
        let account = format!("/v1.0/users?$filter=employeeId%20eq%20'{n:09}'");
        let entry = format!("/v1.0/auditLogs/provisioning?$filter=sourceIdentity/id%20eq%20'{n:09}'");
        let there = |path: &str| -> Result<bool> {
            Ok(self.get(path)?["value"].as_array().is_some_and(|found| !found.is_empty()))
        };
        while !(there(&account)? && there(&entry)?) {
            if began.elapsed() > Duration::from_secs(20) {
                bail!("{n} does not get an account");
            }
        }
        let took = began.elapsed();
        std::thread::sleep(Duration::from_millis(50));
        Ok(took)
    }

    fn wait_for(&self, people: u64) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer =
                self.client.get(format!("{}/v1.0/users/$count", self.url)).bearer_auth(&self.token).send()?;
            if answer.text()?.trim().trim_start_matches('\u{feff}').parse() == Ok(people) {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(600) {
                bail!("the people are not served");
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    /// The largest resident size so far, bytes.
    fn peak(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        measure::high_water(&status).context("the kernel does not tell the peak")
    }
}
