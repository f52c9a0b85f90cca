//! Several jobs in one project, over the command line and over HTTP: precedence, limits, approval, quarantine.
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::hirewire::{Home, text};

const PEOPLE: &str = "Employee Number,First Name,Last Name,Work Email,Department,Phone,Status\n\
    00001,Ada,Moreau,ada@contoso.com,Sales,1,Active\n00002,Lin,Chen,lin@contoso.com,Finance,2,Active\n";

fn home(people: &str) -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let export = folder.path().join("people.csv");
    std::fs::write(&export, people).expect("the export");
    let home = Home::from_export(&export);
    std::fs::create_dir_all(home.path().join("hr")).expect("a folder");
    std::fs::write(home.path().join("hr/people.csv"), people).expect("the export");
    edit(&home, |toml| toml.replace(&export.display().to_string(), "hr/people.csv"));
    home
}

fn edit(home: &Home, change: impl Fn(String) -> String) {
    let file = home.path().join("hirewire.toml");
    let toml = std::fs::read_to_string(&file).expect("the project");
    std::fs::write(&file, change(toml)).expect("the project");
}

fn synced(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(&[&["sync", "--yes"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    text(&output)
}

/// A second source: the phone system, which knows phones, writes departments its own way, and knows people whom HR does not.
fn add_phones(toml: String) -> String {
    toml.replace(
        "[job.directory]\n",
        "[source.phones]\nfiles = \"hr/phones.csv\"\nformat = \"csv\"\nencoding = \"utf-8\"\ndelimiter = \",\"\n\
         mode = \"delta\"\nkey = \"No\"\n[source.phones.columns]\nexternalId = \"[No]\"\n\
         'phoneNumbers[type eq \"work\"].value' = \"[Ext]\"\n\
         \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\" = \"[Dept]\"\n\
         [job.directory.precedence]\n'phoneNumbers[type eq \"work\"].value' = [\"phones\", \"hr\"]\n[job.directory]\n\
         sources = [\"hr\", \"phones\"]\npeople_from = [\"hr\"]\n",
    )
}

#[test]
fn hr_owns_the_department_and_the_phone_system_the_phone() {
    let home = home(PEOPLE);
    edit(&home, |toml| add_phones(toml.replace("[source.people", "[source.hr")));
    let phones = "No,Ext,Dept\n00001,+49 30 1,PBX\n00009,+49 30 9,PBX\n";
    std::fs::write(home.path().join("hr/phones.csv"), phones).expect("the export");
    let (code, plan) = home.json(&["plan"]);
    assert_eq!((code, &plan["totals"]["create"]), (2, &json!(2)), "{plan}");
    synced(&home, &[]);
    let user = |number: &str| {
        let users = home.users();
        users.into_iter().find(|user| user["employeeId"] == number).unwrap_or_default()
    };
    assert_eq!(
        (&user("00001")["department"], &user("00001")["telephoneNumber"]),
        (&json!("Sales"), &json!("+49 30 1"))
    );
    assert_eq!(home.users().len(), 2, "nobody comes from the phone system alone");
    let (code, plan) = home.json(&["plan"]);
    assert_eq!(code, 0, "a plan that was applied is empty: {plan}");

    // HR moves somebody: the phone stays the phone system's. HR hires the one whom only the phone system knew.
    let next = PEOPLE.replace("Sales,1", "Legal,7") + "00009,Max,Stein,max@contoso.com,Sales,,Active\n";
    std::fs::write(home.path().join("hr/people.csv"), next).expect("the export");
    synced(&home, &[]);
    assert_eq!(
        (&user("00001")["department"], &user("00001")["telephoneNumber"]),
        (&json!("Legal"), &json!("+49 30 1"))
    );
    assert_eq!(
        (&user("00009")["department"], &user("00009")["telephoneNumber"]),
        (&json!("Sales"), &json!("+49 30 9"))
    );
}

#[test]
fn one_source_feeds_two_targets_and_each_job_can_be_run_alone() {
    let home = home(PEOPLE);
    edit(&home, |toml| {
        toml + "\n[job.copy]\nschema = \"schemas/directory.json\"\ntarget = \"copy\"\n[target.copy]\nkind = \"embedded\"\n"
    });
    synced(&home, &["--job", "copy"]);
    let count = |job: &str| home.json(&["users", "--job", job]).1["count"].clone();
    assert_eq!((count("copy"), count("directory")), (json!(2), json!(0)));
    synced(&home, &[]);
    assert_eq!((count("copy"), count("directory")), (json!(2), json!(2)));
    let (_, cycles) = home.json(&["cycles"]);
    let jobs: Vec<&str> =
        cycles["value"].as_array().expect("cycles").iter().filter_map(|c| c["job"].as_str()).collect();
    assert_eq!(jobs, ["directory", "copy"], "{cycles}");
    assert_eq!(home.json(&["logs"]).1["value"].as_array().map(Vec::len), Some(4));
    assert_eq!(home.json(&["logs", "--job", "copy"]).1["value"].as_array().map(Vec::len), Some(2));
    let exported = home.run(&["logs", "--export", "-"]);
    assert_eq!(
        String::from_utf8_lossy(&exported.stdout).lines().filter(|line| line.starts_with("{\"id\"")).count(),
        4
    );
}

#[test]
fn somebody_who_waits_for_a_retry_stands_in_the_plan() {
    let home = home(PEOPLE);
    let without = PEOPLE.replace("lin@contoso.com", "");
    std::fs::write(home.path().join("hr/people.csv"), without).expect("the export");
    let rejected = |plan: &Value| plan["totals"]["reject"].clone();
    let (_, first) = home.json(&["plan"]);
    assert_eq!(rejected(&first), 1, "{first}");
    let said = synced(&home, &[]);
    assert!(said.contains("1 person could not be written and is tried again"), "{said}");
    let (code, plan) = home.json(&["plan"]);
    assert_eq!((code, rejected(&plan)), (0, json!(1)), "{plan}");
    let reason = plan["people"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("MandatoryFieldsMissing") && reason.contains("tried again from"), "{reason}");
}

/// A running `hirewire serve` with a client that may do everything.
struct Service {
    child: Child,
    _out: BufReader<ChildStdout>,
    url: String,
    client: reqwest::blocking::Client,
    token: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(home: &Home, application: &Value) -> Self {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--output", "json"]);
        let log = std::fs::File::create(home.path().join("service.log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the service starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let (mut document, mut line) = (String::new(), String::new());
        while line != "}\n" {
            line.clear();
            assert!(out.read_line(&mut line).expect("text") > 0, "the service ended: {document}");
            document.push_str(&line);
        }
        let said: Value = serde_json::from_str(&document).expect("JSON");
        let pem = std::fs::read(said["ca"].as_str().expect("the CA")).expect("the CA");
        let ca = reqwest::Certificate::from_pem(&pem).expect("a certificate");
        let client = reqwest::blocking::Client::builder().tls_certs_only([ca]).build().expect("a client");
        let url = said["url"].as_str().expect("a URL").to_owned();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_id", application["clientId"].as_str().expect("an id")),
            ("client_secret", application["clientSecret"].as_str().expect("a secret")),
        ];
        let path = application["tokenPath"].as_str().expect("a path");
        let answer = client.post(format!("{url}{path}")).form(&form).send().expect("an answer");
        let token: Value = answer.json().expect("JSON");
        let token = token["access_token"].as_str().unwrap_or_else(|| panic!("no token: {token}")).to_owned();
        Self { child, _out: out, url, client, token }
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            let kind =
                if path.ends_with("bulkUpload") { "application/scim+json" } else { "application/json" };
            request = request.header("content-type", kind).body(body.to_string());
        }
        let answer = request.send().expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn upload(&self, job: &str, people: std::ops::Range<u32>, active: bool) {
        let operations: Vec<Value> = people
            .map(|n| {
                json!({ "method": "POST", "bulkId": n.to_string(), "path": "/Users", "data": {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": format!("{n:05}"),
                    "userName": format!("p{n}@contoso.com"), "displayName": format!("Person {n}"), "active": active,
                    "name": { "givenName": "Person", "familyName": n.to_string() },
                }})
            })
            .collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": null,
            "Operations": operations,
        });
        let (status, answer) = self.send("POST", &format!("{job}/bulkUpload"), Some(body));
        assert_eq!(status, 202, "{answer}");
    }

    fn wait(&self, what: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let found = self.get(path);
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: {found}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn disabled(&self, what: &str, count: usize) {
        let path = "/v1.0/users?$filter=accountEnabled%20eq%20false&$top=200";
        self.wait(what, path, |users| users["value"].as_array().map(Vec::len) == Some(count));
    }
}

/// A job that writes to a directory that nobody runs.
fn add_dead_job(home: &Home) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hirewire"));
    command.arg("-C").arg(folder.path()).args(["init", "--template", "openldap"]);
    assert!(command.output().expect("the binary runs").status.success());
    let schema = folder.path().join("schemas/directory.json");
    std::fs::copy(schema, home.path().join("schemas/dead.json")).expect("the schema");
    let made = std::fs::read_to_string(folder.path().join("hirewire.toml")).expect("the project");
    let target = made.split("[target.directory]").nth(1).expect("a target").to_owned();
    let target: String = target
        .lines()
        .map(|line| if line.starts_with("urls") { "urls = [\"ldap://127.0.0.1:1\"]" } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    std::fs::write(home.path().join("password"), "secret").expect("a file");
    edit(home, |toml| {
        format!(
            "{toml}\n[job.dead]\nschema = \"schemas/dead.json\"\ntarget = \"dead\"\n[target.dead]\n{target}\n"
        )
    });
}

fn job_path(application: &Value) -> String {
    application["bulkUploadPath"].as_str().expect("a path").trim_end_matches("/bulkUpload").to_owned()
}

fn application(home: &Home, name: &str, job: &str) -> Value {
    let grants = [
        "SynchronizationData-User.Upload",
        "Synchronization.ReadWrite.All",
        "ProvisioningLog.Read.All",
        "User.Read.All",
    ];
    let mut arguments = vec!["app", "add", name, "--job", job];
    arguments.extend(grants.iter().flat_map(|grant| ["--grant", grant]));
    let (code, made) = home.json(&arguments);
    assert_eq!(code, 0, "{made}");
    made
}

fn quarantine_reason(job: &Value) -> Option<&str> {
    job["status"]["quarantine"]["reason"].as_str().filter(|_| job["status"]["code"] == "Quarantine")
}

#[test]
fn the_service_holds_what_is_too_much_and_a_dead_target_stops_no_other_job() {
    let home = home(PEOPLE);
    add_dead_job(&home);
    let (alive, dead) = (application(&home, "alive", "directory"), application(&home, "dead", "dead"));
    let service = Service::start(&home, &alive);
    let (job, dead_job) = (job_path(&alive), job_path(&dead));

    service.upload(&dead_job, 1..2, true);
    service.upload(&job, 100..160, true);
    service.wait("sixty accounts", "/v1.0/users?$top=200", |users| {
        users["value"].as_array().is_some_and(|list| list.len() == 60)
    });

    // A third of all accounts: held by the limit of 15 %, the job goes on.
    service.upload(&job, 100..120, false);
    let cycles = service.wait("the storm is held", &format!("{job}/cycles"), |cycles| {
        cycles["value"][0]["counts"]["held"] == 20
    });
    assert_eq!(cycles["value"][0]["holds"][0]["held"], "disables", "{cycles}");
    assert_eq!(service.get(&job)["status"]["code"], "Active");
    // The same again in small pieces is the same storm; a joiner is none.
    service.upload(&job, 100..101, false);
    service.upload(&job, 160..161, true);
    service.wait("the joiner has an account", "/v1.0/users?$top=200", |users| {
        users["value"].as_array().is_some_and(|list| list.len() == 61)
    });
    service.disabled("nobody is disabled", 0);
    let staged = service.get("/v1.0/auditLogs/provisioning?$filter=provisioningAction%20eq%20'stagedDelete'");
    assert_eq!(staged["value"].as_array().map(Vec::len), Some(21), "{staged}");
    let (status, approved) = service.send("POST", &format!("{job}/approve"), Some(json!({})));
    assert_eq!((status, &approved["approved"]), (200, &json!(20)), "{approved}");
    service.disabled("twenty are disabled", 20);

    // Entra's own threshold: quarantine until somebody allows it.
    let secrets = format!("{}/secrets", job.rsplit_once("/jobs/").expect("a job").0);
    let settings = json!({ "Enabled": true, "Recipients": "a@contoso.com", "DeleteThresholdEnabled": true, "DeleteThresholdValue": 2 });
    let value = json!({ "value": [{ "key": "SyncNotificationSettings", "value": settings.to_string() }] });
    let (status, answer) = service.send("PUT", &secrets, Some(value));
    assert_eq!(status, 204, "{answer}");
    service.upload(&job, 130..132, false);
    let held = service.wait("the threshold is met", &job, |job| quarantine_reason(job).is_some());
    assert_eq!(quarantine_reason(&held), Some("TooManyDeletes"), "{held}");
    assert!(held["status"]["quarantine"]["nextAttempt"].is_string(), "{held}");
    service.disabled("two are held", 20);
    let force = json!({ "criteria": { "resetScope": "ForceDeletes" } });
    assert_eq!(service.send("POST", &format!("{job}/restart"), Some(force)).0, 204);
    service.disabled("the held ones are disabled", 22);
    service.wait("quarantine is left", &job, |job| job["status"]["code"] == "Active");

    let dead = service.wait("the dead target", &dead_job, |job| quarantine_reason(job).is_some());
    assert_eq!(quarantine_reason(&dead), Some("EncounteredQuarantineException"), "{dead}");
    assert!(dead["status"]["countSuccessiveCompleteFailures"].as_u64() >= Some(1), "{dead}");
    let metrics = service.get("/metrics").to_string();
    for name in ["hirewire_people_applied_total", "hirewire_queue_lag_seconds", "hirewire_job_quarantined"] {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
    assert_eq!(service.get("/readyz")["status"], "ready");
}

/// The first job does not take the second one's export away, whether both run together, one after the other, or by content.
#[test]
fn an_export_is_archived_when_the_last_job_has_taken_it() {
    for pattern in ["hr/people.csv", "hr/*.csv"] {
        let home = home(PEOPLE);
        edit(&home, |toml| {
            toml.replace(
                "files = \"hr/people.csv\"",
                &format!("files = \"{pattern}\"\narchive = \"archive\""),
            ) + "\n[job.copy]\nschema = \"schemas/directory.json\"\ntarget = \"copy\"\n[target.copy]\nkind = \"embedded\"\n"
        });
        let count = |job: &str| home.json(&["users", "--job", job]).1["count"].clone();
        let export = home.path().join("hr/people.csv");
        synced(&home, &["--job", "directory"]);
        assert_eq!((count("directory"), count("copy")), (json!(2), json!(0)), "{pattern}");
        assert!(export.is_file(), "{pattern}: the other job has not taken it");
        synced(&home, &["--job", "copy"]);
        assert_eq!((count("copy"), export.is_file()), (json!(2), false), "{pattern}");
        // The next day in one command, with the content of an earlier day's first half.
        let next = PEOPLE.to_owned() + "00003,Max,Stein,max@contoso.com,Sales,3,Active\n";
        std::fs::write(&export, &next).expect("the export");
        synced(&home, &[]);
        assert_eq!((count("directory"), count("copy")), (json!(3), json!(3)), "{pattern}");
        assert!(!export.is_file(), "{pattern}: both have taken it");
        let archived = std::fs::read_dir(home.path().join("archive")).expect("the archive").count();
        assert_eq!(archived, 2, "{pattern}");
    }
}
