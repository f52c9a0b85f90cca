//! Connections as their users have them: blobs in Azurite, files behind OpenSSH, rows in PostgreSQL, a SharePoint library;
//! from the project file to calls and accounts, with `hirewire workflow run` and `hirewire serve`.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::partner::{Answer, Partner, Request};
use super::published::{people, template};
use super::service::{Service, until};
use crate::hirewire::{Home, sample, text};

const LIMIT: Duration = Duration::from_secs(60);

/// A server of `parts/`; it ends with the test.
struct Part {
    script: PathBuf,
    folder: tempfile::TempDir,
    values: HashMap<String, String>,
}

impl Part {
    fn start(name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../parts/{name}.sh"));
        let folder = tempfile::Builder::new().prefix("hw-").tempdir().expect("a folder");
        let output = Command::new(&script).arg("up").arg(folder.path()).output().expect("the script runs");
        assert!(output.status.success(), "install it: {} install\n{}", script.display(), text(&output));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let values =
            told.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
        Self { script, folder, values }
    }

    fn get(&self, key: &str) -> &str {
        self.values.get(key).unwrap_or_else(|| panic!("the part gives no {key}"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).arg("down").arg(self.folder.path()).output();
    }
}

/// Puts things into Azurite as somebody else would: with requests of its own.
struct Blobs(Part);

impl Blobs {
    fn start() -> Self {
        let blobs = Self(Part::start("azurite"));
        blobs.put("csvdata", "restype=container", "", "restype:container");
        blobs
    }

    fn upload(&self, blob: &str, content: &str) {
        self.put(&format!("csvdata/{blob}"), "", content, "");
    }

    fn put(&self, path: &str, query: &str, content: &str, resource: &str) {
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let (account, base) = (self.0.get("AZURITE_ACCOUNT"), self.0.get("AZURITE_BLOB_URL"));
        let length = if content.is_empty() { String::new() } else { content.len().to_string() };
        let kind = if resource.is_empty() { "x-ms-blob-type:BlockBlob\n" } else { "" };
        let resource = if resource.is_empty() { String::new() } else { format!("\n{resource}") };
        let signed = format!(
            "PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{kind}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{account}/{account}/{path}{resource}"
        );
        let key = STANDARD.decode(self.0.get("AZURITE_KEY")).expect("a key");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
        let signature = STANDARD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
        let mut request = reqwest::blocking::Client::new()
            .put(format!("{base}/{path}?{query}"))
            .header("x-ms-date", &date)
            .header("x-ms-version", "2021-08-06")
            .header("Authorization", format!("SharedKey {account}:{signature}"))
            .body(content.to_owned());
        if !kind.is_empty() {
            request = request.header("x-ms-blob-type", "BlockBlob");
        }
        let answer = request.send().expect("azurite answers");
        assert_eq!(answer.status().as_u16(), 201, "{:?}", answer.text());
    }

    /// The connection in the project file; the connection string comes from a file.
    fn section(&self, home: &Home, name: &str) -> String {
        let file = home.path().join("blob.secret");
        std::fs::write(file, self.0.get("AZURITE_CONNECTION_STRING")).expect("a file");
        format!(
            "[connections.{name}]\nkind = \"azure_blob\"\ncontainers = [\"csvdata\"]\nconnection_string = {{ file = \"blob.secret\" }}\n"
        )
    }
}

const ENDPOINTS: &str = "[workflows.endpoints]\n\"https://graph.microsoft.com\" = \"self\"\n\"https://csv.hirewire.local\" = \"csv\"\n\"https://csv.example\" = \"csv\"\n\"https://webapp.example/csvtojson\" = \"csv\"\n";

fn runs_to_accounts(home: &Home, workflow: &str, count: usize) {
    let output = home.run(&["workflow", "run", workflow]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(home.users().len(), count, "{}", text(&output));
}

#[test]
fn the_published_template_runs_from_blob_storage() {
    let Some(published) = template() else { return };
    let blobs = Blobs::start();
    for count in [100, 2_000] {
        blobs.upload("csv-with-5-records.txt", &people(count));
        let home = Home::from_export(&sample("hris/100/day1.csv"));
        for file in ["csv2scimbulkupload-template.json", "csv2scimbulkupload-parameters.json"] {
            home.add_workflow_file(file, &std::fs::read(published.join(file)).expect("the template"));
        }
        home.configure(&format!(
            "{ENDPOINTS}[workflows.parameters.csv2scimbulkupload]\n\"Convert_CSV_to_JSON-URI\" = \"https://webapp.example/csvtojson\"\n\
             \"Send_SCIMBulkPayload_to_API_endpoint-URI\" = \"https://graph.microsoft.com/beta/servicePrincipals/5f224b4d-9c1b-3190-bcbb-8e6a23b015eb/synchronization/jobs/API2AD.b12381d2.77e28e0f/bulkUpload\"\n{}",
            blobs.section(&home, "azurefile")
        ));
        runs_to_accounts(&home, "csv2scimbulkupload", count);
    }
}

#[test]
fn a_definition_of_the_same_constructs_runs_from_blob_storage() {
    let blobs = Blobs::start();
    for count in [100, 2_000] {
        blobs.upload("people.csv", &people(count));
        let home = Home::from_export(&sample("hris/100/day1.csv"));
        home.add_workflow("people", &sample("logicapps/ours/csv-text-payload.definition.json"));
        home.configure(&format!("{ENDPOINTS}{}", blobs.section(&home, "azureblob")));
        runs_to_accounts(&home, "people", count);
    }
}

/// A definition whose trigger's items are sent to a partner, one call each.
fn forwards(api: &str, trigger: Value, before: Value, body: &str, url: &str) -> String {
    let mut actions = before.as_object().cloned().unwrap_or_default();
    let after: Vec<String> = actions.keys().cloned().collect();
    let run_after: Value =
        after.iter().map(|a| (a.clone(), json!(["Succeeded"]))).collect::<serde_json::Map<_, _>>().into();
    actions.insert(
        "Send".into(),
        json!({"type": "Http", "inputs": {"method": "POST", "uri": url, "body": body}, "runAfter": run_after}),
    );
    let id = format!("/subscriptions/s/providers/Microsoft.Web/locations/l/managedApis/{api}");
    json!({"definition": {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
        "triggers": {"When": trigger}, "actions": actions},
        "parameters": {"$connections": {"value": {api: {"connectionId": "an-opaque-id", "connectionName": api, "id": id}}}}})
    .to_string()
}

fn managed(api: &str, method: &str, path: &str, queries: Value) -> Value {
    let name = format!("@parameters('$connections')['{api}']['connectionId']");
    json!({"host": {"connection": {"name": name}}, "method": method, "path": path, "queries": queries})
}

fn listener() -> Partner {
    Partner::start(|_| (200, Vec::new(), String::new()))
}

fn bodies(partner: &Partner) -> Vec<String> {
    let mut all: Vec<String> =
        partner.seen().iter().map(|r| String::from_utf8_lossy(&r.body).into_owned()).collect();
    all.sort();
    all
}

/// Waits until so many calls came, and sees that two more polls bring none; no call came twice.
fn exactly(partner: &Partner, expected: &[&str]) {
    let wanted = || bodies(partner).into_iter().filter(|b| !b.contains("warm")).collect::<Vec<_>>();
    until("the calls", LIMIT, || (wanted().len() >= expected.len()).then_some(()));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(wanted(), expected);
    let (mut all, count) = (bodies(partner), partner.seen().len());
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
}

/// Adds things until one of them fires: what was there at the first look does not.
fn warm(partner: &Partner, mut add: impl FnMut(&str)) {
    for n in 0..60 {
        add(&format!("warm{n}"));
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_millis(1_500) {
            if !partner.seen().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("the trigger does not fire");
}

#[test]
fn new_blobs_start_runs_of_the_service() {
    let blobs = Blobs::start();
    blobs.upload("in/old.csv", "old");
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let partner = listener();
    let mut trigger = json!({"type": "ApiConnection", "recurrence": {"frequency": "Second", "interval": 1}, "splitOn": "@triggerBody()"});
    trigger["inputs"] = managed(
        "azureblob",
        "get",
        "/v2/datasets/@{encodeURIComponent(encodeURIComponent('AccountNameFromSettings'))}/triggers/batch/onupdatedfile",
        json!({"folderId": "JTJmY3N2ZGF0YSUyZmlu", "maxFileCount": 10, "checkBothCreatedAndModifiedDateTime": false}),
    );
    let read = json!({"Read": {"type": "ApiConnection", "runAfter": {}, "inputs": managed(
        "azureblob", "get",
        "/v2/datasets/@{encodeURIComponent(encodeURIComponent('AccountNameFromSettings'))}/files/@{encodeURIComponent(encodeURIComponent(triggerBody()?['Id']))}/content",
        json!({"inferContentType": true}),
    )}});
    let definition =
        forwards("azureblob", trigger, read, "@{triggerBody()?['Name']}: @{body('Read')}", &partner.url);
    home.add_workflow_file("blobs.json", definition.as_bytes());
    home.configure(&blobs.section(&home, "azureblob"));
    let service = Service::start(&home, &[]);
    warm(&partner, |name| blobs.upload(&format!("in/{name}.csv"), name));
    blobs.upload("in/a.csv", "one");
    blobs.upload("in/b.csv", "two");
    blobs.upload("elsewhere.csv", "not watched");
    exactly(&partner, &["a.csv: one", "b.csv: two"]);
    // What fired does not fire again after a crash.
    drop(service);
    blobs.upload("in/c.csv", "while it was down");
    let _service = Service::start(&home, &[]);
    exactly(&partner, &["a.csv: one", "b.csv: two", "c.csv: while it was down"]);
}

#[test]
fn files_behind_sftp_start_runs_of_a_standard_project() {
    let part = Part::start("sftp");
    let files = PathBuf::from(part.get("SFTP_FILES_DIR"));
    std::fs::write(files.join("old.csv"), "old").expect("a file");
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let partner = listener();
    let provider = |operation: &str, parameters: Value| json!({"parameters": parameters, "serviceProviderConfiguration": {"connectionName": "payroll", "operationId": operation, "serviceProviderId": "/serviceProviders/Sftp"}});
    let definition = json!({"kind": "Stateful", "definition": {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "triggers": {"When": {"type": "ServiceProvider", "recurrence": {"frequency": "Second", "interval": 1}, "splitOn": "@triggerOutputs()?['body']",
            "inputs": provider("whenFilesAreAddedOrModified", json!({"folderPath": "/"}))}},
        "actions": {
            "Read": {"type": "ServiceProvider", "runAfter": {}, "inputs": provider("getFileContentV2", json!({"filePath": "@triggerBody()?['fileMetadata']?['path']"}))},
            "Send": {"type": "Http", "runAfter": {"Read": ["Succeeded"]}, "inputs": {"method": "POST", "uri": partner.url, "body": "@{triggerBody()?['fileMetadata']?['name']}: @{body('Read')}"}}}}});
    let folder = home.path().join("workflows/payroll");
    std::fs::create_dir_all(folder.join("files")).expect("a folder");
    let write =
        |name: &str, json: Value| std::fs::write(folder.join(name), json.to_string()).expect("a file");
    write("host.json", json!({"version": "2.0"}));
    write(
        "connections.json",
        json!({"serviceProviderConnections": {"payroll": {"displayName": "payroll", "parameterValues": {}, "serviceProvider": {"id": "/serviceProviders/Sftp"}}}}),
    );
    write("files/workflow.json", definition);
    home.configure(&format!(
        "[connections.payroll]\nkind = \"sftp\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nfolder = \"{}\"\nhost_key = \"{}\"\nlogin = {{ key = {{ file = \"{}\" }} }}\n",
        part.get("SFTP_PORT"), part.get("SFTP_USER"), files.display(), part.get("SFTP_HOST_KEY_SHA256"), part.get("SFTP_KEY_FILE")
    ));
    let _service = Service::start(&home, &[]);
    warm(&partner, |name| std::fs::write(files.join(format!("{name}.csv")), name).expect("a file"));
    std::fs::write(files.join("new.csv"), "id\n1\n").expect("a file");
    exactly(&partner, &["new.csv: id\n1\n"]);
}

/// A database of its own.
struct Rows(Part);

impl Rows {
    fn start(statements: &str) -> Self {
        let rows = Self(Part::start("postgres"));
        rows.run(statements);
        rows
    }

    fn run(&self, statements: &str) {
        let output = Command::new("psql")
            .args(["-v", "ON_ERROR_STOP=1", "-q", "-c", statements])
            .arg(self.0.get("POSTGRES_URL"))
            .envs(self.0.values.iter().filter(|(k, _)| k.starts_with("PG")))
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{}", text(&output));
    }

    /// The connection in the project file; the password comes from the project's vault.
    fn section(&self, home: &Home) -> String {
        let url = self.0.get("POSTGRES_URL");
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (login, place) = rest.split_once('@').expect("a log-in");
        let (user, _) = login.split_once(':').expect("a password");
        let place = place.split('?').next().expect("a place");
        let file = home.path().join("password.txt");
        std::fs::write(&file, self.0.get("PGPASSWORD")).expect("a file");
        let output = home.run(&["secret", "set", "db-password", "--file", &file.display().to_string()]);
        assert!(output.status.success(), "{}", text(&output));
        std::fs::remove_file(file).expect("removed");
        format!(
            "[connections.sql]\nkind = \"sql\"\nurl = \"{scheme}://{user}@{place}\"\nca_file = \"{}\"\npassword = {{ secret = \"db-password\" }}\n",
            self.0.get("PGSSLROOTCERT")
        )
    }
}

#[test]
fn rows_of_a_table_become_accounts() {
    let rows = Rows::start(
        "CREATE TABLE \"Employees\" (\"WorkerID\" text PRIMARY KEY, \"Email\" text, \"FirstName\" text, \"LastName\" text, \"Department\" text, \"JobTitle\" text, \"ManagerID\" text, \"EmploymentStatus\" text, \"Active\" boolean, \"Status\" text);
         INSERT INTO \"Employees\" SELECT 'W' || n, 'p' || n || '@contoso.example', 'Given' || n, 'Family' || n, 'Sales', 'Clerk', NULL, 'Active', true, 'Active' FROM generate_series(1, 100) n",
    );
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let output = home.run(&["workflow", "new", "sql-table"]);
    assert!(output.status.success(), "{}", text(&output));
    home.configure(&format!("{ENDPOINTS}{}", rows.section(&home)));
    runs_to_accounts(&home, "sql-table", 100);
    let (code, list) = home.json(&["secret", "list"]);
    assert_eq!((code, &list["value"][0]["name"]), (0, &json!("db-password")));
    assert!(!list.to_string().contains(rows.0.get("PGPASSWORD")));
}

#[test]
fn new_rows_start_runs_of_the_service() {
    let rows = Rows::start(
        "CREATE TABLE people (id serial PRIMARY KEY, name text); INSERT INTO people (name) VALUES ('old')",
    );
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let partner = listener();
    let mut trigger = json!({"type": "ApiConnection", "recurrence": {"frequency": "Second", "interval": 1}, "splitOn": "@triggerBody()?['value']"});
    trigger["inputs"] = managed(
        "sql",
        "get",
        "/v2/datasets/@{encodeURIComponent(encodeURIComponent('db.example'))},@{encodeURIComponent(encodeURIComponent('hr'))}/tables/@{encodeURIComponent(encodeURIComponent('[dbo].[people]'))}/onnewitems",
        json!({}),
    );
    let definition = forwards("sql", trigger, json!({}), "@{triggerBody()?['name']}", &partner.url);
    home.add_workflow_file("rows.json", definition.as_bytes());
    home.configure(&rows.section(&home));
    let _service = Service::start(&home, &[]);
    warm(&partner, |name| rows.run(&format!("INSERT INTO people (name) VALUES ('{name}')")));
    rows.run("INSERT INTO people (name) VALUES ('Ada'), ('Bob')");
    exactly(&partner, &["Ada", "Bob"]);
}

/// Plays the drive of a SharePoint site as Graph shows it: a stand-in, the real service cannot be had for tests.
fn graph(files: Arc<Mutex<HashMap<String, String>>>) -> Partner {
    Partner::start(move |request: &Request| -> Answer {
        let json = |status, body: Value| {
            (status, vec![("Content-Type", "application/json".to_owned())], body.to_string())
        };
        let path = request.path.split('?').next().unwrap_or_default();
        if path.ends_with("/token") {
            return json(200, json!({"access_token": "the-token", "expires_in": 3600}));
        }
        if request.header("authorization") != Some("Bearer the-token") {
            return json(401, json!({"error": {"code": "InvalidAuthenticationToken", "message": "no"}}));
        }
        let files = files.lock().expect("lock");
        let item = |name: &str, content: &String| json!({"name": name, "size": content.len(), "eTag": format!("\"{}\"", content.len()), "file": {}, "lastModifiedDateTime": "2026-01-01T00:00:00Z"});
        let name = path.trim_end_matches(":/content").rsplit('/').next().unwrap_or_default();
        match path {
            "/v1.0/sites/contoso.sharepoint.com:/sites/hr" => json(200, json!({"id": "site"})),
            "/v1.0/sites/site/drives" => json(
                200,
                json!({"value": [{"id": "d", "name": "Documents", "webUrl": "https://contoso.sharepoint.com/sites/hr/Shared%20Documents"}]}),
            ),
            "/v1.0/drives/d/root:/HR" => json(200, json!({"name": "HR", "folder": {}})),
            "/v1.0/drives/d/root:/HR:/children" => {
                json(200, json!({"value": files.iter().map(|(n, c)| item(n, c)).collect::<Vec<_>>()}))
            }
            _ => match files.get(name) {
                Some(content) if path.ends_with(":/content") => {
                    (200, vec![("Content-Type", "text/csv".to_owned())], content.clone())
                }
                Some(content) => json(200, item(name, content)),
                None => json(404, json!({"error": {"code": "itemNotFound", "message": "not there"}})),
            },
        }
    })
}

#[test]
fn a_file_in_sharepoint_becomes_accounts() {
    let files: Arc<Mutex<HashMap<String, String>>> = Arc::default();
    files.lock().expect("lock").insert("old.csv".into(), "WorkerID\nold\n".into());
    let graph = graph(Arc::clone(&files));
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    let output = home.run(&["workflow", "new", "sharepoint-file", "library"]);
    assert!(output.status.success(), "{}", text(&output));
    let file = home.path().join("workflows/library.definition.json");
    // A minute is the shortest time of many plans; a test has a second.
    let definition = std::fs::read_to_string(&file).expect("the template");
    let mut definition: Value = serde_json::from_str(&definition).expect("JSON");
    let inner =
        if definition.get("triggers").is_some() { &mut definition } else { &mut definition["definition"] };
    inner["triggers"]["When_a_file_is_created_or_modified"]["recurrence"] =
        json!({"frequency": "Second", "interval": 1});
    std::fs::write(&file, definition.to_string()).expect("written");
    std::fs::write(home.path().join("graph.secret"), "the-secret").expect("a file");
    home.configure(&format!(
        "{ENDPOINTS}[connections.sharepointonline]\nkind = \"sharepoint\"\nsite = \"https://contoso.sharepoint.com/sites/hr\"\nfolders = [\"Shared Documents/HR\"]\ngraph = \"{0}/v1.0\"\n\
         login = {{ tenant = \"t\", client_id = \"c\", client_secret = {{ file = \"graph.secret\" }}, authority = \"{0}\" }}\n",
        graph.url
    ));
    let _service = Service::start(&home, &[]);
    let looks = || graph.seen().iter().filter(|r| r.path.contains(":/children")).count();
    until("the first look", LIMIT, || (looks() >= 2).then_some(()));
    let mut csv = String::from(
        "WorkerID,Email,FirstName,LastName,Department,JobTitle,ManagerID,EmploymentStatus,Status\r\n",
    );
    for n in 1..=20 {
        csv.push_str(&format!("W{n},p{n}@contoso.example,Given{n},Family{n},Sales,Clerk,,Active,Active\r\n"));
    }
    files.lock().expect("lock").insert("people.csv".into(), csv);
    let ours = || home.users().iter().filter(|u| u.to_string().contains("@contoso.example")).count();
    until("the accounts", LIMIT, || (ours() == 20).then_some(()));
}

#[test]
fn a_missing_connection_is_named_with_what_to_write() {
    let home = Home::from_export(&sample("hris/100/day1.csv"));
    home.add_workflow("people", &sample("logicapps/ours/csv-text-payload.definition.json"));
    let output = home.run(&["workflow", "validate"]);
    let said = text(&output);
    assert!(!output.status.success());
    for wanted in [
        "the connection 'azureblob'",
        "[connections.azureblob]",
        "kind = \"azure_blob\"",
        "docs/connections.md",
    ] {
        assert!(said.contains(wanted), "{wanted}:\n{said}");
    }
    home.configure("[connections.azureblob]\nkind = \"azure_blob\"\naccount = \"hr\"\n");
    let said = text(&home.run(&["workflow", "validate"]));
    assert!(said.contains("connections.azureblob: `containers` is missing"), "{said}");
    home.configure("containers = [\"csvdata\"]\nkey = { env = \"NOT_SET_ANYWHERE\" }\n");
    let output = home.run(&["workflow", "validate"]);
    assert!(output.status.success(), "{}", text(&output));
    let list = text(&home.run(&["workflow", "list"]));
    assert!(list.contains("azure_blob"), "{list}");
}
